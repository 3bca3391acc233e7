/*-------------------------------------------------------------------------
 *
 * entry.c
 *		Conversion between entries and rows, by the list of an entry's columns
 *		(columns.c).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/entry.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "ledger/catalog.h"
#include "ledger/posting.h"

/* Address of a column's value in an entry */
static inline void *
field(const TlEntry *entry, const TlColumn *column)
{
	return (char *) entry + column->offset;
}

/* Whether an entry has a value for a column */
static bool
has_value(const TlEntry *entry, const TlColumn *column)
{
	if (!column->is_optional)
		return true;
	if (column->has_offset != 0)
		return *(bool *) ((char *) entry + column->has_offset);
	return column->type == TL_TEXT ?
		*(text **) field(entry, column) != NULL :
		*(char *) field(entry, column) != '\0';
}

/* The value of a column; texts and UUIDs are not copied. */
static Datum
column_datum(const TlEntry *entry, const TlColumn *column)
{
	void	   *value = field(entry, column);
	TlOperation operation;

	switch (column->type)
	{
		case TL_BOOL:
			return BoolGetDatum(*(bool *) value);
		case TL_CHAR:
			return CharGetDatum(*(char *) value);
		case TL_INT8:
			return Int64GetDatum(*(int64 *) value);
		case TL_TEXT:
			return PointerGetDatum(*(text **) value);
		case TL_TIMESTAMPTZ:
			return TimestampTzGetDatum(*(TimestampTz *) value);
		case TL_UUID:
			return UUIDPGetDatum((pg_uuid_t *) value);
		case TL_AMOUNT:
			return AmountGetDatum(*(TlAmount *) value);
		case TL_OPERATION:
			operation = *(TlOperation *) value;
			return ObjectIdGetDatum(tl_catalog()->operations[operation]);
		default:
			elog(ERROR, "no entry has a column of type %d", column->type);
	}
}

/* Set a field of an entry from a value that is not null; texts are copied. */
static void
take_datum(TlEntry *entry, const TlColumn *column, Datum datum)
{
	void	   *value = field(entry, column);

	if (column->has_offset != 0)
		*(bool *) ((char *) entry + column->has_offset) = true;
	switch (column->type)
	{
		case TL_CHAR:
			*(char *) value = DatumGetChar(datum);
			break;
		case TL_INT8:
			*(int64 *) value = DatumGetInt64(datum);
			break;
		case TL_TEXT:
			*(text **) value = DatumGetTextPCopy(datum);
			break;
		case TL_TIMESTAMPTZ:
			*(TimestampTz *) value = DatumGetTimestampTz(datum);
			break;
		case TL_UUID:
			*(pg_uuid_t *) value = *DatumGetUUIDP(datum);
			break;
		case TL_AMOUNT:
			*(TlAmount *) value = DatumGetAmount(datum);
			break;
		case TL_OPERATION:
			*(TlOperation *) value =
				tl_operation_from_oid(DatumGetObjectId(datum));
			break;
		default:
			elog(ERROR, "no entry stores a column of type %d", column->type);
	}
}

/* Set a field of an entry from a column of the table, which may be null. */
static void
take_column(TlEntry *entry, int number, Datum datum, bool isnull)
{
	const TlColumn *column = &tl_entry_columns[number];

	if (!isnull)
		take_datum(entry, column, datum);
	else if (!column->is_optional)
		tl_refuse_null(TL_ENTRY, number);
}

/* Read an entry from a row of the table.  The caller clears the slot. */
void
tl_take_entry(TupleTableSlot *slot, TlEntry *entry)
{
	memset(entry, 0, sizeof(*entry));
	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		if (tl_has_column(TL_ENTRY, i))
		{
			bool		isnull;
			Datum		datum = slot_getattr(slot, tl_attnum(TL_ENTRY, i),
											 &isnull);

			take_column(entry, i, datum, isnull);
		}
	}
}

/* Read an entry from the values of its stored columns, in the list's order. */
void
tl_take_entry_list(const Datum *values, const bool *nulls, TlEntry *entry)
{
	memset(entry, 0, sizeof(*entry));
	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		if (tl_has_column(TL_ENTRY, i))
			take_column(entry, i, *values++, *nulls++);
	}
}

/*
 * The values of an entry's stored columns, in the list's order; returns how
 * many.  Texts and UUIDs are not copied.
 */
int
tl_entry_list(const TlEntry *entry, Datum *values, bool *nulls)
{
	int			count = 0;

	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		const TlColumn *column = &tl_entry_columns[i];

		if (!tl_has_column(TL_ENTRY, i))
			continue;
		nulls[count] = !has_value(entry, column);
		values[count] = nulls[count] ? (Datum) 0 : column_datum(entry, column);
		count++;
	}
	return count;
}

/*
 * The values of an entry in the column order of a relation, which has
 * column_count columns.  Texts and UUIDs are not copied.
 */
void
tl_entry_values(const TlEntry *entry, TlRelation relation, int column_count,
				Datum *values, bool *nulls)
{
	const AttrNumber *numbers = tl_catalog()->tables[relation].columns;

	memset(values, 0, column_count * sizeof(Datum));
	memset(nulls, true, column_count * sizeof(bool));
	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		const TlColumn *column = &tl_entry_columns[i];

		if (tl_has_column(relation, i) && has_value(entry, column))
		{
			values[numbers[i] - 1] = column_datum(entry, column);
			nulls[numbers[i] - 1] = false;
		}
	}
}

/* An entry as a value of type booked_entry, palloc'd */
Datum
tl_entry_datum(const TlEntry *entry)
{
	Oid			type = tl_catalog()->booked_entry_type;
	TupleDesc	columns = lookup_rowtype_tupdesc(type, -1);
	Datum	   *values = palloc_array(Datum, columns->natts);
	bool	   *nulls = palloc_array(bool, columns->natts);
	HeapTuple	tuple;

	tl_entry_values(entry, TL_BOOKED_ENTRY, columns->natts, values, nulls);
	tuple = heap_form_tuple(columns, values, nulls);
	ReleaseTupleDesc(columns);
	return HeapTupleGetDatum(tuple);
}
