/*-------------------------------------------------------------------------
 *
 * ledger.h
 *		The rules of posting.  A subject fills in a TlRequest and a TlTarget and
 *		calls tl_ledger_post(); it never writes a balance itself.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/ledger.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_LEDGER_H
#define TL_LEDGER_H

#include "utils/hsearch.h"

#include "ledger/books.h"
#include "ledger/posting.h"

/* check.c */
extern bool tl_is_zero(const char *decimal);
extern bool tl_check_request(const TlRequest *request, TlRefusal *refusal);
extern bool tl_round_request(const TlRequest *request, int scale,
							 TlAmount *delta, TlRefusal *refusal);
extern bool tl_check_opening(const TlTokenType *type, TlAmount delta,
							 TlRefusal *refusal);
extern bool tl_takes_too_much(const TlTokenType *type, TlAccount *account,
							  TlAmount balance);
extern bool tl_check_within(const TlTokenType *type, TlAccount *account,
							TlAmount delta, TlAmount *result,
							TlRefusal *refusal);
extern bool tl_check_bounds(const TlRequest *request, const TlTokenType *type,
							TlAccount *account, TlAmount delta,
							TlAmount *result, TlRefusal *refusal);
extern void tl_bound_lot(TlTokenType *type);
extern bool tl_check_acquire(const TlTokenType *type, int64 party_id,
							 bool acquires, bool is_suspended,
							 TlRefusal *refusal);
extern bool tl_check_expected(const TlRequest *request, int scale,
							  TlAmount balance, TlRefusal *refusal);

/* ledger.c */
extern bool tl_ledger_post(const TlRequest *request, const TlTarget *target,
						   TlEntry *entry, TlRefusal *refusal);
extern void tl_start_entry(const TlRequest *request, TlAmount delta,
						   TlEntry *entry);
extern bool tl_replay_key(bool rounds, const TlEntry *first, TlEntry *entry,
						  TlRefusal *refusal);
extern bool tl_check_found(bool found, int64 account_id,
						   const TlAccount *account, TlRefusal *refusal);
extern bool tl_refuse_lot(TlRefusal *refusal, int64 account_id);
extern bool tl_refuse_key(TlRefusal *refusal, const TlEntry *entry);
pg_noreturn extern void tl_refuse_opening(void);
pg_noreturn extern void tl_refuse_without_type(int64 account_id);

/* transfer.c */
extern bool tl_ledger_transfer(const TlRequest *request, int64 from_id,
							   int64 to_id, TlEntry *from_entry,
							   TlEntry *to_entry, TlRefusal *refusal);

/* dedup.c */
extern HTAB *tl_make_dedups(int count);
extern void tl_remember_dedup(HTAB *batch, const TlEntry *entry);
extern const TlEntry *tl_find_dedup(TlBooks *books, HTAB *batch,
									const TlEntry *entry, TlEntry *stored);
extern bool tl_same_request(const TlEntry *asked, const TlEntry *booked);
extern bool tl_is_duplicate(TlBooks *books, HTAB *batch, TlEntry *entry,
							TlRefusal *refusal);

#endif							/* TL_LEDGER_H */
