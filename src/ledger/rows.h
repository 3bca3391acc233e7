/*-------------------------------------------------------------------------
 *
 * rows.h
 *		How the ledger reads and writes its rows.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/rows.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_ROWS_H
#define TL_ROWS_H

#include "nodes/nodes.h"

#include "ledger/books.h"
#include "ledger/posting.h"

/* read.c */
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

/* write.c */
extern int64 tl_booking_no(void);
extern void tl_update_held(int64 account_id, TlAmount change);
extern TlAmount tl_read_lapsed(int64 account_id);
extern void tl_lock_account(int64 id, int64 locked_id);
extern bool tl_write_party_key(const pg_uuid_t *key, int64 party_id,
							   TimestampTz now);
extern char *tl_read_party_request(const pg_uuid_t *key, int64 party_id);
extern bool tl_is_redacted(const TlEntry *entry);
extern bool tl_read_received(const TlEntry *from, TlEntry *to);
extern int	tl_write_postings(TlBooks *books,
							  const TlAccount *const *accounts,
							  int account_count, TlEntry *const *entries,
							  int entry_count);
extern bool tl_write_account(TlEntry *entry, const TlTarget *target,
							 const pg_uuid_t *token_type_id);
extern bool tl_write_default_type(TimestampTz now, pg_uuid_t *id);
extern bool tl_is_own_update(void);
extern bool tl_is_forgetting(CmdType command);

/* direct.c: postings written without SQL */
extern bool tl_direct_applies(const TlBooks *books);
extern int	tl_direct_write(TlBooks *books, const TlAccount *const *accounts,
							int account_count, TlEntry *const *entries,
							int entry_count);

#endif							/* TL_ROWS_H */
