/*-------------------------------------------------------------------------
 *
 * batch_rows.c
 *		Turns the arguments of a batch into rows, sorted by account.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/batch_rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "ledger/batch.h"
#include "ledger/catalog.h"

/* The array arguments, which have an element for each row */
typedef enum ColumnNumber
{
	IDS,
	DELTAS,
	DESCRIPTIONS,
	RECORDED_AT,
	KEYS,
	OTHER_ACCOUNTS				/* of post_lots() only */
} ColumnNumber;

#define COLUMN_COUNT	(OTHER_ACCOUNTS + 1)

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
	[OTHER_ACCOUNTS] = {"other_account_ids", 7, TL_INT8, false},
};
/* clang-format on */

typedef struct Column
{
	int			count;			/* -1: not given */
	Datum	   *values;
	bool	   *nulls;
} Column;

/* Read an array argument as a column of the batch (TL400). */
static Column
take_column(FunctionCallInfo fcinfo, ColumnNumber number)
{
	const char *name = arguments[number].name;
	int			argno = arguments[number].argno;
	Oid			type = tl_catalog()->types[arguments[number].type];
	Column		column = {.count = -1};
	ArrayType  *array;
	int16		length;
	bool		by_value;
	char		align;

	if (argno >= PG_NARGS())
		return column;
	if (PG_ARGISNULL(argno))
	{
		if (arguments[number].is_required)
			tl_refuse(NULL, TL_INVALID, name,
					  psprintf("%s are missing", name),
					  "This argument is required.",
					  "The argument %s is null.", name);
		return column;
	}
	array = PG_GETARG_ARRAYTYPE_P(argno);
	if (ARR_NDIM(array) > 1)
		tl_refuse(NULL, TL_INVALID, name,
				  psprintf("%s have more than one dimension", name),
				  "Give an array of one dimension.",
				  "The argument %s has %d dimensions.", name,
				  ARR_NDIM(array));
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align,
					  &column.values, &column.nulls, &column.count);
	return column;
}

static void
check_length(const Column *column, int count, const char *name)
{
	if (column->count != -1 && column->count != count)
		tl_refuse(NULL, TL_INVALID, name, "arrays have different lengths",
				  "Give arrays of the same length, or leave the optional ones out.",
				  "The argument account_ids has %d elements and %s has %d.",
				  count, name, column->count);
}

static bool
is_given(const Column *column, int row)
{
	return column->count != -1 && !column->nulls[row];
}

/* Allocate a zeroed array, which may exceed MaxAllocSize, with palloc. */
void *
tl_batch_alloc(int count, Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext,
									  Max(count, 1) * size,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Sort key of a row: by account, then by its number in the arrays */
typedef struct RowPlace
{
	bool		has_account;	/* rows without an account come first */
	int			number;
	int64		account_id;
} RowPlace;

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

/*
 * Whether a row is the first of its account.  first is the first row that has
 * an account; all rows after it have one too.
 */
static inline bool
starts_account(const RowPlace *first, const RowPlace *place)
{
	return place == first || place->account_id != place[-1].account_id;
}

/* Make the distinct accounts of the sorted rows, and link rows and accounts. */
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
	batch->accounts = tl_batch_alloc(batch->account_count,
									 sizeof(BatchAccount));
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

/* Fill in a row, which the caller has zeroed, from the arguments. */
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
	entry->has_other_account = is_given(&columns[OTHER_ACCOUNTS], number);
	if (entry->has_other_account)
		entry->other_account_id =
			DatumGetInt64(columns[OTHER_ACCOUNTS].values[number]);
	row->has_key = is_given(&columns[KEYS], number);
	if (row->has_key)
	{
		entry->dedup = *DatumGetUUIDP(columns[KEYS].values[number]);
		entry->keyed_call = batch->on_lots ? TL_CALL_LOTS : TL_CALL_BATCH;
	}
}

/*
 * Make the rows of a batch.  They are stored in the order of processing, so a
 * big batch reads memory sequentially.
 */
static void
take_rows(Batch *batch, const Column *columns)
{
	text	   *no_description = cstring_to_text("");
	RowPlace   *places;

	batch->row_count = columns[IDS].count;
	batch->rows = tl_batch_alloc(batch->row_count, sizeof(BatchRow));
	places = tl_batch_alloc(batch->row_count, sizeof(RowPlace));
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

/* Read the arguments of a batch; on_lots and operation are already set. */
void
tl_take_batch(FunctionCallInfo fcinfo, Batch *batch)
{
	Column		columns[COLUMN_COUNT];

	for (int i = 0; i < COLUMN_COUNT; i++)
		columns[i] = take_column(fcinfo, i);
	for (int i = 0; i < COLUMN_COUNT; i++)
		check_length(&columns[i], columns[IDS].count, arguments[i].name);
	batch->source = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);
	tl_check_text("source", batch->source, true, NULL);
	take_rows(batch, columns);
}
