/*-------------------------------------------------------------------------
 *
 * batch.h
 *		Many postings in one call: its rows and accounts.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/batch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_BATCH_H
#define TL_BATCH_H

#include "utils/hsearch.h"

#include "ledger/posting.h"

/* An account of the batch, with its state after the rows applied so far */
typedef struct BatchAccount
{
	int64		id;
	struct BatchRow *rows;		/* its rows, in the order of the arrays */
	int			row_count;
	bool		exists;
	bool		is_suspended;
	int64		new_entries;
	TlAccount	account;
	const TlTokenType *type;
} BatchAccount;

/*
 * A row of the batch.  Its entry holds the request at first and the booked
 * entry in the end.  For a replay, entry_no and balance are those of the first
 * request's entry.
 */
typedef struct BatchRow
{
	BatchAccount *account;		/* NULL: no account was given */
	int			number;			/* its place in the arrays, from 0 */
	bool		has_delta;
	bool		has_key;		/* in entry.dedup */
	bool		is_booked;
	bool		has_entry;		/* booked or replayed */
	int			sqlerrcode;		/* of the refusal; 0 if not refused */
	TlEntry		entry;
} BatchRow;

typedef struct Batch
{
	bool		on_lots;		/* posts to lots, not to credit accounts */
	TlOperation operation;		/* of all rows, if on_lots */
	int			row_count;
	BatchRow   *rows;			/* sorted by account; rows without an account
								 * come first */
	int			orphan_count;	/* rows without an account */
	int			account_count;
	BatchAccount *accounts;		/* sorted by id */
	text	   *source;
	text	   *booked_by;
	TimestampTz now;
	bool		skip_refused;
	BatchRow   *first_refused;	/* NULL: none so far */
	TlRefusal	refusal;		/* of first_refused */
	bool		is_any_suspended;	/* any party at all, in the batch or not */
	HTAB	   *dedups;
} Batch;

extern void *tl_batch_alloc(int count, Size size);
extern void tl_take_batch(FunctionCallInfo fcinfo, Batch *batch);

#endif							/* TL_BATCH_H */
