/*-------------------------------------------------------------------------
 *
 * leaves.c
 *		Reads the leaves of the log from the rows of the books, in their order.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/leaves.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/trainledger.h"
#include "log/store.h"

/* Leaves that are fetched at a time */
#define FETCH_COUNT			512

int
tl_compare_places(const TlPlace *a, const TlPlace *b)
{
	int			order;

	if (a->booking_no != b->booking_no)
		return a->booking_no < b->booking_no ? -1 : 1;
	order = strcmp(a->kind, b->kind);
	if (order != 0)
		return order;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->entry_no > b->entry_no) - (a->entry_no < b->entry_no);
}

/* Read booking_no, kind, id and entry_no, none of which is null */
void
tl_read_place(const Datum *values, TlPlace *place)
{
	place->booking_no = DatumGetInt64(values[0]);
	text_to_cstring_buffer(DatumGetTextPP(values[1]), place->kind,
						   sizeof(place->kind));
	place->id = DatumGetInt64(values[2]);
	place->entry_no = DatumGetInt64(values[3]);
}

/*
 * Begin to read the leaves from one place up to another, which is not read.
 * Ends of the caller's memory context and of SPI close the reader too.
 */
void
tl_open_leaves(TlLeafReader *reader, const TlPlace *from, const TlPlace *until)
{
	/*
	 * The plain bounds use the index.  The others leave rows out before their
	 * lines are made: one booking may have many.
	 */
	static const char *const text =
		"SELECT l.booking_no, l.kind, l.id, l.entry_no, l.hash"
		" FROM trainledger.tree_leaf l"
		" WHERE l.booking_no OPERATOR(pg_catalog.>=) $1"
		" AND l.booking_no OPERATOR(pg_catalog.<=) $5"
		" AND (l.booking_no, l.kind, l.id, l.entry_no)"
		" OPERATOR(pg_catalog.>=) ($1, $2, $3, $4)"
		" AND (l.booking_no, l.kind, l.id, l.entry_no)"
		" OPERATOR(pg_catalog.<) ($5, $6, $7, $8)"
		" ORDER BY l.booking_no, l.kind, l.id, l.entry_no";
	static const Oid types[] = {INT8OID, TEXTOID, INT8OID, INT8OID,
								INT8OID, TEXTOID, INT8OID, INT8OID};
	Datum		values[] = {
		Int64GetDatum(from->booking_no), CStringGetTextDatum(from->kind),
		Int64GetDatum(from->id), Int64GetDatum(from->entry_no),
		Int64GetDatum(until->booking_no), CStringGetTextDatum(until->kind),
		Int64GetDatum(until->id), Int64GetDatum(until->entry_no)};

	reader->own = tl_own_numbers(&reader->own_count);
	reader->portal = SPI_cursor_open_with_args(NULL, text, lengthof(types),
											   (Oid *) types, values,
											   NULL, true,
											   CURSOR_OPT_NO_SCROLL);
	reader->next = 0;
	reader->count = 0;
	reader->rows = NULL;
}

/* What is kept of a leaf may be altered: a hash of another length is none */
static void
read_hash(Datum value, TlHash *hash)
{
	bytea	   *bytes = DatumGetByteaPP(value);

	memset(hash, 0, sizeof(*hash));
	if (VARSIZE_ANY_EXHDR(bytes) == TL_HASH_BYTES)
		memcpy(hash->bytes, VARDATA_ANY(bytes), TL_HASH_BYTES);
}

/* The next row, or false at the end */
static bool
next_row(TlLeafReader *reader, TlLeaf *leaf)
{
	Datum		values[5];
	bool		nulls[5];

	if (reader->next == reader->count)
	{
		if (reader->rows != NULL)
			SPI_freetuptable(reader->rows);
		SPI_cursor_fetch(reader->portal, true, FETCH_COUNT);
		reader->rows = SPI_tuptable;
		reader->count = SPI_processed;
		reader->next = 0;
		CHECK_FOR_INTERRUPTS();
		if (reader->count == 0)
			return false;
	}
	heap_deform_tuple(reader->rows->vals[reader->next++],
					  reader->rows->tupdesc, values, nulls);
	tl_read_place(values, &leaf->place);
	read_hash(values[4], &leaf->hash);
	return true;
}

static bool
is_own(const TlLeafReader *reader, int64 booking_no)
{
	for (int i = 0; i < reader->own_count; i++)
	{
		if (booking_no < reader->own[i].until)
			return booking_no >= reader->own[i].from;
	}
	return false;
}

/* The next leaf of this log, or false at the end */
bool
tl_next_leaf(TlLeafReader *reader, TlLeaf *leaf)
{
	bool		is_any;

	do
	{
		is_any = next_row(reader, leaf);
	} while (is_any && !is_own(reader, leaf->place.booking_no));
	return is_any;
}

void
tl_close_leaves(TlLeafReader *reader)
{
	if (reader->rows != NULL)
		SPI_freetuptable(reader->rows);
	SPI_cursor_close(reader->portal);
}
