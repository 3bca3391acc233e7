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

/* An account of the batch and where it stands after the rows so far */
typedef struct BatchAccount
{
	int64		id;
	struct BatchRow *rows;		/* of its own, in the order of the arrays */
	int			row_count;
	bool		exists;
	bool		is_suspended;
	int64		new_entries;
	TlAccount	account;
	const TlTokenType *type;
} BatchAccount;

/*
 * A row of the batch.  Its entry starts with what was asked for and ends as
 * what is booked; of a replay it has the number and the balance.
 */
typedef struct BatchRow
{
	BatchAccount *account;		/* NULL: no account was given */
	int			number;			/* its place in the arrays, from 0 */
	bool		has_delta;
	bool		has_key;		/* and entry.dedup is that */
	bool		is_booked;
	bool		has_entry;		/* booked or replayed */
	int			sqlerrcode;		/* of the refusal, else 0 */
	TlEntry		entry;
} BatchRow;

typedef struct Batch
{
	bool		on_lots;		/* on lots, not on credit accounts */
	TlOperation operation;		/* on_lots: what is booked */
	int			row_count;
	BatchRow   *rows;			/* by account; those of none come first */
	int			orphan_count;	/* that are of none */
	int			account_count;
	BatchAccount *accounts;		/* by id */
	text	   *source;
	text	   *booked_by;
	TimestampTz now;
	bool		skip_refused;
	BatchRow   *first_refused;	/* NULL: none so far */
	TlRefusal	refusal;		/* of first_refused */
	bool		is_any_suspended;	/* party, of all there are */
	HTAB	   *dedups;
} Batch;

extern void *tl_batch_alloc(int count, Size size);
extern void tl_take_batch(FunctionCallInfo fcinfo, Batch *batch);

#endif							/* TL_BATCH_H */
