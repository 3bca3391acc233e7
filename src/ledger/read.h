/*-------------------------------------------------------------------------
 *
 * read.h
 *		How the ledger reads its rows.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/read.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_READ_H
#define TL_READ_H

#include "ledger/books.h"
#include "ledger/posting.h"


extern bool tl_read_type(TlBooks *books, const pg_uuid_t *id,
						 TlTokenType *type);
extern bool tl_read_credit_type(TlBooks *books, text *name, TlTokenType *type);
extern void tl_walk_accounts(TlBooks *books, int64 first_id, int count);
extern void tl_end_walk(TlBooks *books);
extern bool tl_read_account(TlBooks *books, int64 id, TlAccount *account);
extern bool tl_read_named_account(TlBooks *books, int64 party_id,
								  const pg_uuid_t *token_type_id, text *name,
								  TlAccount *account);
extern bool tl_read_party(TlBooks *books, int64 id, bool *is_suspended);
extern bool tl_is_suspended(TlBooks *books, int64 party_id);
extern bool tl_is_any_suspended(TlBooks *books);
extern bool tl_read_dedup(TlBooks *books, const pg_uuid_t *dedup,
						  int64 account_id, TlEntry *entry);
extern bool tl_read_party_key(TlBooks *books, const pg_uuid_t *key,
							  int64 party_id, TlEntry *entry);

#endif							/* TL_READ_H */
