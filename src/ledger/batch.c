/*-------------------------------------------------------------------------
 *
 * batch.c
 *		post_batch(): many postings in one call (contract, section 6), and the
 *		same for lots of training tokens (section 8).
 *
 * The accounts are read in one snapshot and the deltas applied in memory, in
 * the order of the arrays for each account, each checked as if it were posted
 * alone.  Then every account is updated once, in the order of their ids, so
 * that batches cannot deadlock, and all entries are inserted.  A refused row
 * has written nothing, so that the others can be booked without it.
 *
 * Where somebody was faster at an account, it and those that follow are read
 * and checked again; what was written up to there stays, as the rows of one
 * account do not depend on those of another.
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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access/access.h"
#include "ledger/catalog.h"
#include "ledger/ledger.h"
#include "ledger/read.h"
#include "ledger/write.h"


PG_FUNCTION_INFO_V1(tl_post_batch);
PG_FUNCTION_INFO_V1(tl_post_lots);

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

/* Where a row stands in the arrays, and among the rows of the batch */
typedef struct RowPlace
{
	bool		has_account;	/* those without come first */
	int			number;
	int64		account_id;
} RowPlace;

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

/* ---------------------------------------------------------------------
 * Arguments
 * ---------------------------------------------------------------------
 */

/* The arguments that have an element for each row */
typedef enum ColumnNumber
{
	IDS,
	DELTAS,
	DESCRIPTIONS,
	RECORDED_AT,
	KEYS
} ColumnNumber;

#define COLUMN_COUNT	(KEYS + 1)

/* clang-format off */
static const struct
{
	const char *name;
	int			argno;
	TlColumnType type;
	bool		is_required;
}			arguments[COLUMN_COUNT] =
{
	[IDS] = {"account_ids", 0, TL_INT8, true},
	[DELTAS] = {"deltas", 1, TL_AMOUNT, true},
	[DESCRIPTIONS] = {"descriptions", 3, TL_TEXT, false},
	[RECORDED_AT] = {"recorded_at", 4, TL_TIMESTAMPTZ, false},
	[KEYS] = {"idempotency_keys", 5, TL_UUID, false},
};
/* clang-format on */

typedef struct Column
{
	int			count;			/* -1: not given */
	Datum	   *values;
	bool	   *nulls;
} Column;

/* An array argument as a column of the batch (TL400) */
static Column
take_column(FunctionCallInfo fcinfo, ColumnNumber number)
{
	const char *name = arguments[number].name;
	int			argno = arguments[number].argno;
	Oid			type = tl_catalog()->types[arguments[number].type];
	Column		column = {.count = -1};
	TlRefusal	refusal = {0};
	ArrayType  *array;
	int16		length;
	bool		by_value;
	char		align;

	if (PG_ARGISNULL(argno))
	{
		if (!arguments[number].is_required)
			return column;
		tl_refuse(&refusal, TL_INVALID, name, psprintf("%s are missing", name),
				  "This argument is required.",
				  "The argument %s is null.", name);
		tl_raise(&refusal);
	}
	array = PG_GETARG_ARRAYTYPE_P(argno);
	if (ARR_NDIM(array) > 1)
	{
		tl_refuse(&refusal, TL_INVALID, name,
				  psprintf("%s have more than one dimension", name),
				  "Give an array of one dimension.",
				  "The argument %s has %d dimensions.", name,
				  ARR_NDIM(array));
		tl_raise(&refusal);
	}
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align,
					  &column.values, &column.nulls, &column.count);
	return column;
}

static void
check_length(const Column *column, int count, const char *name)
{
	TlRefusal	refusal = {0};

	if (column->count == -1 || column->count == count)
		return;
	tl_refuse(&refusal, TL_INVALID, name, "arrays have different lengths",
			  "Give arrays of the same length, or leave the optional ones out.",
			  "The argument account_ids has %d elements and %s has %d.",
			  count, name, column->count);
	tl_raise(&refusal);
}

static bool
is_given(const Column *column, int row)
{
	return column->count != -1 && !column->nulls[row];
}

/* Zeroed memory for a column of the batch, of any length */
static void *
allocate(int count, Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext,
									  Max(count, 1) * size,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static inline int
compare_places(const RowPlace *left, const RowPlace *right)
{
	if (left->has_account != right->has_account)
		return left->has_account ? 1 : -1;
	if (left->account_id != right->account_id)
		return left->account_id > right->account_id ? 1 : -1;
	return left->number - right->number;
}

#define ST_SORT sort_places
#define ST_ELEMENT_TYPE RowPlace
#define ST_COMPARE(a, b) compare_places(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Whether a row is the first of its account; first has one, as all after it. */
static inline bool
starts_account(const RowPlace *first, const RowPlace *place)
{
	return place == first || place->account_id != place[-1].account_id;
}

/* Make the distinct accounts, and give each the rows that are placed so. */
static void
group_rows(Batch *batch, const RowPlace *places)
{
	const RowPlace *end = places + batch->row_count;
	const RowPlace *first = places;
	BatchAccount *account;

	while (first < end && !first->has_account)
		first++;
	batch->orphan_count = first - places;
	for (const RowPlace *place = first; place < end; place++)
	{
		if (starts_account(first, place))
			batch->account_count++;
	}
	batch->accounts = allocate(batch->account_count, sizeof(BatchAccount));
	account = batch->accounts - 1;
	for (const RowPlace *place = first; place < end; place++)
	{
		BatchRow   *row = &batch->rows[place - places];

		if (starts_account(first, place))
		{
			account++;
			account->id = place->account_id;
			account->rows = row;
		}
		account->row_count++;
		row->account = account;
		row->entry.account_id = account->id;
	}
}

/* Fill in what was asked for in a row, which is zeroed. */
static void
take_row(const Batch *batch, const Column *columns, int number,
		 text *no_description, BatchRow *row)
{
	TlEntry    *entry = &row->entry;

	row->number = number;
	row->has_delta = is_given(&columns[DELTAS], number);
	if (row->has_delta)
		entry->delta = DatumGetAmount(columns[DELTAS].values[number]);
	entry->operation = batch->operation;
	if (!batch->on_lots)
		entry->operation = entry->delta > 0 ? TL_OP_ADD : TL_OP_SUBTRACT;
	entry->source = batch->source;
	entry->description = no_description;
	if (is_given(&columns[DESCRIPTIONS], number))
		entry->description =
			DatumGetTextPP(columns[DESCRIPTIONS].values[number]);
	entry->has_recorded_at = is_given(&columns[RECORDED_AT], number);
	if (entry->has_recorded_at)
		entry->recorded_at =
			DatumGetTimestampTz(columns[RECORDED_AT].values[number]);
	row->has_key = is_given(&columns[KEYS], number);
	if (row->has_key)
	{
		entry->dedup = *DatumGetUUIDP(columns[KEYS].values[number]);
		entry->keyed_call = batch->on_lots ? TL_CALL_LOTS : TL_CALL_BATCH;
	}
}

/*
 * The rows lie in the order in which they are worked on, which spares a big
 * batch from going to and fro in memory.
 */
static void
take_rows(Batch *batch, const Column *columns)
{
	text	   *no_description = cstring_to_text("");
	RowPlace   *places;

	batch->row_count = columns[IDS].count;
	batch->rows = allocate(batch->row_count, sizeof(BatchRow));
	places = allocate(batch->row_count, sizeof(RowPlace));
	for (int i = 0; i < batch->row_count; i++)
	{
		places[i].number = i;
		places[i].has_account = is_given(&columns[IDS], i);
		if (places[i].has_account)
			places[i].account_id = DatumGetInt64(columns[IDS].values[i]);
	}
	sort_places(places, batch->row_count);
	for (int i = 0; i < batch->row_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		take_row(batch, columns, places[i].number, no_description,
				 &batch->rows[i]);
	}
	group_rows(batch, places);
	pfree(places);
}

static void
take_arguments(FunctionCallInfo fcinfo, Batch *batch)
{
	Column		columns[COLUMN_COUNT];
	TlRefusal	refusal = {0};

	for (int i = 0; i < COLUMN_COUNT; i++)
		columns[i] = take_column(fcinfo, i);
	for (int i = 0; i < COLUMN_COUNT; i++)
		check_length(&columns[i], columns[IDS].count, arguments[i].name);
	batch->source = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);
	if (!tl_check_text("source", batch->source, true, &refusal))
		tl_raise(&refusal);
	take_rows(batch, columns);
}

/* ---------------------------------------------------------------------
 * Checking
 * ---------------------------------------------------------------------
 */

/*
 * Read an account with its type and party.  Most often all accounts of a batch
 * are of the type of the one before.
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

/* What the row alone shows (TL400) */
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
						 "Give the time by the client's clock, or null.",
						 "The time is infinite.");
	return tl_check_text("description", row->entry.description, false, refusal);
}

/*
 * Whether the books or the rows before have the row's key.  It is then a
 * replay, which has that entry, or refused.
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
 * Check one row as if it were posted alone and, if nothing speaks against it,
 * apply it to its account in memory.  False: refused.
 */
static bool
apply_row(Batch *batch, TlBooks *books, BatchRow *row, TlRefusal *refusal)
{
	BatchAccount *at = row->account;
	TlEntry    *entry = &row->entry;
	TlAmount	delta = entry->delta;

	if (!check_row(row, refusal))
		return false;
	if (!at->exists)
	{
		tl_refuse_account_id(refusal, at->id);
		return false;
	}
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
	{
		tl_refuse_lot(refusal, at->id);
		return false;
	}
	if (!tl_check_acquire(at->type, at->account.party_id, delta > 0,
						  at->is_suspended, refusal) ||
		!tl_check_within(at->type, at->account.balance, delta,
						 &entry->balance, refusal))
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

/* Whether the batch is refused as a whole, and by a row before this one */
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

/* What the functions that move lots call their arguments, by operation */
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
};

/*
 * A batch as a whole is refused by its first refused row.  Who moves lots does
 * not know of rows.
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
 * Read the accounts from this one on and apply their rows to them; rows of no
 * account count as before the first.
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
	tl_end_walk(books);
	hash_destroy(batch->dedups);
	if (!batch->skip_refused && batch->first_refused != NULL)
		raise_row(batch);
}

/* ---------------------------------------------------------------------
 * Writing and answering
 * ---------------------------------------------------------------------
 */

/*
 * Write the accounts from this one on and, if nobody was faster at any of
 * them, all entries.  Returns the place of the account where somebody was, or
 * the number of accounts.
 */
static int
write_rows(Batch *batch, TlBooks *books, int from)
{
	const TlAccount **accounts = allocate(batch->account_count,
										  sizeof(TlAccount *));
	TlEntry   **entries = allocate(batch->row_count, sizeof(TlEntry *));
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
	const BatchRow **rows = allocate(batch->row_count, sizeof(BatchRow *));

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

/* Read, check and write, as the owner of the books. */
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

		/* wait in line for this one; most often the rest is free then too */
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

	take_arguments(fcinfo, batch);
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
 * _post_lots(account_ids, deltas, source, descriptions, recorded_at, keys,
 * operation): one operation on many lots.
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
