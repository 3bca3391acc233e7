/*-------------------------------------------------------------------------
 *
 * write.h
 *		How the ledger writes its rows.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/write.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_WRITE_H
#define TL_WRITE_H

#include "ledger/books.h"
#include "ledger/posting.h"

/* write.c */
extern void tl_lock_account(int64 id, int64 locked_id);
extern void tl_lock_party(int64 id);
extern char *tl_read_party_request(const pg_uuid_t *key, int64 party_id);
extern int	tl_write_postings(TlBooks *books,
							  const TlAccount *const *accounts,
							  int account_count, TlEntry *const *entries,
							  int entry_count);
extern bool tl_write_account(TlEntry *entry, int64 party_id,
							 const pg_uuid_t *token_type_id, text *name);
extern bool tl_write_default_type(TimestampTz now, pg_uuid_t *id);
extern bool tl_is_own_update(void);

/* direct.c: writing postings without SQL */
extern bool tl_direct_applies(const TlBooks *books);
extern int	tl_direct_write(TlBooks *books, const TlAccount *const *accounts,
							int account_count, TlEntry *const *entries,
							int entry_count);

#endif							/* TL_WRITE_H */
