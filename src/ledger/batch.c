/*-------------------------------------------------------------------------
 *
 * batch.c
 *		post_batch(): many postings in one call (contract, section 6), and the
 *		same for lots of training tokens (section 8).
 *
 * The accounts are read in one snapshot.  The deltas are applied in memory, for
 * each account in the order of the arrays, and each is checked as if it were
 * posted alone.  Then every account is updated once, in the order of their ids
 * so that batches cannot deadlock, and all entries are inserted.  Refused rows
 * are never written, so the others can be booked without them.
 *
 * If an account has changed since it was read, that account and those after it
 * are read and checked again.  Accounts that were updated before it are kept,
 * because the rows of one account do not depend on those of another.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/batch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "access/access.h"
#include "ledger/batch.h"
#include "ledger/catalog.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"

PG_FUNCTION_INFO_V1(tl_post_batch);
PG_FUNCTION_INFO_V1(tl_post_lots);

/* ---------------------------------------------------------------------
 * Checking
 * ---------------------------------------------------------------------
 */

/*
 * Read an account with its type and party.  before is the previous account of
 * the batch, or NULL; its type is reused if it is the same, as it mostly is.
 */
static void
read_account(const Batch *batch, TlBooks *books, BatchAccount *this,
			 const BatchAccount *before)
{
	TlTokenType *type;

	this->new_entries = 0;
	this->exists = tl_read_account(books, this->id, &this->account);
	if (!this->exists)
		return;
	this->is_suspended = batch->is_any_suspended &&
		tl_is_suspended(books, this->account.party_id);

	if (before != NULL && before->exists &&
		before->account.is_lot == this->account.is_lot &&
		memcmp(&before->account.token_type_id, &this->account.token_type_id,
			   UUID_LEN) == 0)
	{
		this->type = before->type;
		return;
	}
	type = palloc(sizeof(TlTokenType));
	if (!tl_read_type(books, &this->account.token_type_id, type))
		tl_refuse_without_type(this->id);
	if (this->account.is_lot)
		tl_bound_lot(type);
	this->type = type;
}

/* Check what can be checked without reading a table (TL400). */
static bool
check_row(const BatchRow *row, TlRefusal *refusal)
{
	if (row->account == NULL || !row->has_delta)
	{
		const char *name = row->account == NULL ? "account" : "delta";

		tl_refuse(refusal, TL_INVALID,
				  row->account == NULL ? "account_id" : "amount",
				  psprintf("%s is missing", name),
				  "Every row has an account and a delta.",
				  "The %s is null.", name);
		return false;
	}
	if (row->entry.delta == 0)
		return tl_refuse(refusal, TL_INVALID, "amount", "delta is zero",
						 "Give a delta other than zero.", "The delta is 0.");
	if (row->entry.has_recorded_at &&
		TIMESTAMP_NOT_FINITE(row->entry.recorded_at))
		return tl_refuse(refusal, TL_INVALID, "recorded_at",
						 "recorded_at is not finite",
						 "Give the time by the client's clock.",
						 "The time is infinite.");
	return tl_check_text("description", row->entry.description, false, refusal);
}

/*
 * Whether an entry in the table or an earlier row has the row's key.  If so,
 * the row is a replay and gets that entry's number and balance, or it is
 * refused as a different request.
 */
static bool
has_used_key(Batch *batch, TlBooks *books, BatchRow *row, TlRefusal *refusal)
{
	TlEntry    *entry = &row->entry;
	TlEntry		stored;
	const TlEntry *first = tl_find_dedup(books, batch->dedups, entry, &stored);

	if (first == NULL)
		return false;
	if (tl_same_request(entry, first))
	{
		entry->entry_no = first->entry_no;
		entry->balance = first->balance;
		row->has_entry = true;
	}
	else
		tl_refuse_key(refusal, first);
	return true;
}

/*
 * Check one row as if it were posted alone, and apply it to its account in
 * memory.  False: refused.
 */
static bool
apply_row(Batch *batch, TlBooks *books, BatchRow *row, TlRefusal *refusal)
{
	BatchAccount *at = row->account;
	TlEntry    *entry = &row->entry;
	TlAmount	delta = entry->delta;

	/* the function that refunds checks the party: not all comes back to it */
	bool		is_refund = batch->on_lots && batch->operation == TL_OP_REFUND;

	if (!check_row(row, refusal))
		return false;
	if (!tl_check_found(at->exists, at->id, &at->account, refusal))
		return false;
	if (row->has_key && has_used_key(batch, books, row, refusal))
		return row->has_entry;
	if (!tl_amount_fits_scale(delta, at->type->scale))
		return tl_refuse(refusal, TL_INVALID, "amount", "delta has too many decimals",
						 "Round the delta first; a batch does not.",
						 "The token type has %d decimals.", at->type->scale);
	entry->has_dedup = row->has_key ||
		(entry->has_recorded_at && !batch->on_lots);
	if (entry->has_dedup && !row->has_key &&
		tl_is_duplicate(books, batch->dedups, entry, refusal))
		return false;
	if (at->account.is_lot && !batch->on_lots)
		return tl_refuse_lot(refusal, at->id);
	if (!tl_check_acquire(at->type, at->account.party_id,
						  delta > 0 && !is_refund,
						  at->is_suspended, refusal) ||
		!tl_check_within(at->type, &at->account, delta, &entry->balance,
						 refusal))
		return false;

	at->account.balance = entry->balance;
	at->account.entry_count++;
	at->account.last_entry_at = Max(batch->now, at->account.last_entry_at);
	at->new_entries++;
	entry->entry_no = at->account.entry_count;
	entry->created_at = at->account.last_entry_at;
	entry->booked_by = batch->booked_by;
	row->is_booked = row->has_entry = true;
	return true;
}

/* Whether an earlier row has already refused the whole batch */
static bool
is_in_vain(const Batch *batch, const BatchRow *row)
{
	return !batch->skip_refused && batch->first_refused != NULL &&
		batch->first_refused->number < row->number;
}

static void
try_row(Batch *batch, TlBooks *books, BatchRow *row)
{
	TlRefusal	refusal = {0};

	row->is_booked = row->has_entry = false;
	if (apply_row(batch, books, row, &refusal))
	{
		if (row->is_booked && row->entry.has_dedup)
			tl_remember_dedup(batch->dedups, &row->entry);
	}
	else if (batch->first_refused == NULL ||
			 row->number < batch->first_refused->number)
	{
		batch->first_refused = row;
		batch->refusal = refusal;
	}
	row->sqlerrcode = refusal.sqlerrcode;
}

static const TlArgumentName batch_names[] = {
	{"account_id", "account_ids"},
	{"party_id", "account_ids"},
	{"token_type", "account_ids"},
	{"amount", "deltas"},
	{"description", "descriptions"},
	{"idempotency_key", "idempotency_keys"},
	{NULL, NULL},
};

/* Argument names of the functions that post to lots, by operation */
static const TlArgumentName lot_names[TL_OPERATION_COUNT][4] = {
	[TL_OP_ADJUST] = {
		{"party_id", "issue_id"},
		{"token_type", "issue_id"},
	},
	[TL_OP_REDEEM] = {
		{"token_type", "token_type_id"},
		{"amount", "quantity"},
	},
	[TL_OP_REFUND] = {
		{"party_id", "redemption_id"},
		{"token_type", "redemption_id"},
		{"amount", "quantity"},
	},
	[TL_OP_EXPIRE] = {
		{"token_type", NULL},
	},
	[TL_OP_TRANSFER] = {
		{"party_id", "to_party_id"},
		{"token_type", "token_type_id"},
		{"amount", "quantity"},
	},
};

/*
 * Refuse the whole batch with the error of its first refused row.  Callers of
 * the functions for lots pass no rows, so the detail does not name one.
 */
static void
raise_row(const Batch *batch)
{
	TlRefusal	whole = batch->refusal;

	if (batch->on_lots)
		tl_rename_argument(&whole, lot_names[batch->operation]);
	else
	{
		tl_rename_argument(&whole, batch_names);
		whole.detail = psprintf("Row %d: %s",
								batch->first_refused->number + 1,
								whole.detail);
	}
	tl_raise(&whole);
}

/*
 * Read the accounts from number "from" on and apply their rows.  Rows without
 * an account are checked too if from is 0.
 */
static void
check_rows(Batch *batch, TlBooks *books, int from)
{
	TlProgress	progress;
	int			done = 0;

	batch->dedups = tl_make_dedups(batch->row_count);
	batch->is_any_suspended = tl_is_any_suspended(books);
	tl_progress_start(&progress, "postings checked", batch->row_count);
	for (int i = 0; from == 0 && i < batch->orphan_count; i++)
		try_row(batch, books, &batch->rows[i]);
	if (from < batch->account_count)
		tl_walk_accounts(books, batch->accounts[from].id,
						 batch->account_count - from);
	for (int i = from; i < batch->account_count; i++)
	{
		BatchAccount *this = &batch->accounts[i];

		read_account(batch, books, this, i > 0 ? this - 1 : NULL);
		for (int j = 0; j < this->row_count; j++)
		{
			tl_progress_step(&progress, done++);
			if (is_in_vain(batch, &this->rows[j]))
				break;
			try_row(batch, books, &this->rows[j]);
		}
	}
	tl_progress_end(&progress);
	tl_end_walk(books);
	hash_destroy(batch->dedups);
	if (!batch->skip_refused && batch->first_refused != NULL)
		raise_row(batch);
}

/* ---------------------------------------------------------------------
 * Writing, and returning the result
 * ---------------------------------------------------------------------
 */

/*
 * Update the accounts from number "from" on and, if none has changed since it
 * was read, insert all entries.  Returns the number of the account that has
 * changed, or account_count.
 */
static int
write_rows(Batch *batch, TlBooks *books, int from)
{
	const TlAccount **accounts = tl_batch_alloc(batch->account_count,
												sizeof(TlAccount *));
	TlEntry   **entries = tl_batch_alloc(batch->row_count, sizeof(TlEntry *));
	int			account_count = 0;
	int			entry_count = 0;
	int			written = 0;

	for (int i = 0; i < batch->account_count; i++)
	{
		BatchAccount *this = &batch->accounts[i];

		if (i >= from && this->new_entries > 0)
			accounts[account_count++] = &this->account;
		for (int j = 0; j < this->row_count; j++)
		{
			if (this->rows[j].is_booked)
				entries[entry_count++] = &this->rows[j].entry;
		}
	}
	if (entry_count > 0)
		written = tl_write_postings(books, accounts, account_count, entries,
									entry_count);
	if (written < account_count)
	{
		while (batch->accounts[from].new_entries == 0 || written-- > 0)
			from++;
		return from;
	}
	return batch->account_count;
}

static void
return_rows(FunctionCallInfo fcinfo, const Batch *batch)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const BatchRow **rows = tl_batch_alloc(batch->row_count,
										   sizeof(BatchRow *));

	for (int i = 0; i < batch->row_count; i++)
		rows[batch->rows[i].number] = &batch->rows[i];
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < batch->row_count; i++)
	{
		const BatchRow *row = rows[i];
		Datum		values[4] = {Int32GetDatum(i + 1)};
		bool		nulls[4] = {false, !row->has_entry, !row->has_entry,
		row->sqlerrcode == 0};

		CHECK_FOR_INTERRUPTS();
		if (row->has_entry)
		{
			values[1] = Int64GetDatum(row->entry.entry_no);
			values[2] = AmountGetDatum(row->entry.balance);
		}
		if (row->sqlerrcode != 0)
			values[3] = CStringGetTextDatum(unpack_sql_state(row->sqlerrcode));
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

/* Read, check and write, as the owner of the extension. */
static void
book(Batch *batch)
{
	TlBooks		books;
	int			from = 0;
	int64		locked_id = 0;

	tl_books_open(&books, true);
	tl_books_push_snapshot(true);
	for (;;)
	{
		check_rows(batch, &books, from);
		from = write_rows(batch, &books, from);
		if (from == batch->account_count)
			break;

		/* wait for this account only; the others are then mostly free too */
		PopActiveSnapshot();
		tl_lock_account(batch->accounts[from].id, locked_id);
		locked_id = batch->accounts[from].id;
		tl_books_push_snapshot(true);
	}
	PopActiveSnapshot();
	tl_books_close(&books);
}

/* Book a batch and return its rows. */
static Datum
post_rows(FunctionCallInfo fcinfo, Batch *batch)
{
	TlOwnerSwitch saved;

	tl_take_batch(fcinfo, batch);
	batch->now = tl_clock();
	batch->booked_by = tl_booked_by();
	if (batch->row_count > 0)
	{
		tl_become_owner(&saved);
		book(batch);
		tl_restore_user(&saved);
	}
	return_rows(fcinfo, batch);
	return (Datum) 0;
}

/* post_batch(account_ids, deltas, source, ...) returns table (...) */
Datum
tl_post_batch(PG_FUNCTION_ARGS)
{
	Batch		batch = {
		.skip_refused = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6),
	};

	PreventCommandIfReadOnly("post_batch()");
	return post_rows(fcinfo, &batch);
}

/*
 * post_lots(account_ids, deltas, source, descriptions, recorded_at, keys,
 * operation, other_account_ids): one operation on many lots.
 */
Datum
tl_post_lots(PG_FUNCTION_ARGS)
{
	Batch		batch = {
		.on_lots = true,
		.operation = tl_operation_from_oid(PG_GETARG_OID(6)),
	};

	return post_rows(fcinfo, &batch);
}
