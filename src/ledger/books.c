/*-------------------------------------------------------------------------
 *
 * books.c
 *		The tables of the ledger: opened, locked, and searched by key.
 *
 * Rows are read by a scan of our own, under the active snapshot: that is what
 * the executor would do for a SELECT by key, predicate locks of SERIALIZABLE
 * included, without its cost.  By an index where a usable one is there, else
 * by reading the whole table, as the executor would.  Row-level security does
 * not apply, as the engine acts as the owner of the tables.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/books.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "ledger/books.h"

/* How a posting locks a table */
static LOCKMODE
lock_mode(TlRelation relation, bool to_write)
{
	if (to_write && (relation == TL_ACCOUNT || relation == TL_ENTRY))
		return RowExclusiveLock;
	return AccessShareLock;
}

static bool
is_table(TlRelation relation)
{
	return tl_relations[relation].relkind == RELKIND_RELATION;
}

/* ---------------------------------------------------------------------
 * Tables and snapshots
 * ---------------------------------------------------------------------
 */

/* Locks are kept until the transaction ends. */
static void
close_tables(TlBooks *books)
{
	for (int i = 0; i < TL_RELATION_COUNT; i++)
	{
		if (is_table(i))
			table_close(books->tables[i], NoLock);
	}
}

/*
 * Lock the tables, and once they are locked see whether they are still what
 * the catalog says: somebody may have changed them while we waited.
 */
static void
open_tables(TlBooks *books, bool to_write)
{
	static uint64 seen = 0;		/* generation of the catalog */

	for (;;)
	{
		const TlCatalog *cat = tl_catalog();
		uint64		generation = cat->generation;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < TL_RELATION_COUNT; i++)
		{
			if (is_table(i))
				books->tables[i] = table_open(cat->tables[i].relid,
											  lock_mode(i, to_write));
		}
		if (tl_catalog()->generation == generation)
		{
			books->is_changed = seen != generation;
			seen = generation;
			return;
		}
		close_tables(books);
	}
}

/* Open the tables, to post or only to read. */
void
tl_books_open(TlBooks *books, bool to_write)
{
	memset(books, 0, sizeof(*books));
	open_tables(books, to_write);
	for (int i = 0; i < TL_RELATION_COUNT; i++)
	{
		if (is_table(i))
			books->slots[i] = table_slot_create(books->tables[i], NULL);
	}
	memcpy(books->paths, tl_catalog()->paths, sizeof(books->paths));
}

void
tl_books_close(TlBooks *books)
{
	for (int i = 0; i < TL_LOOKUP_COUNT; i++)
		tl_end_scan(&books->scans[i]);
	for (int i = 0; i < TL_RELATION_COUNT; i++)
	{
		if (books->slots[i] != NULL)
			ExecDropSingleTupleTableSlot(books->slots[i]);
	}
	close_tables(books);
}

/*
 * Make a snapshot active that sees what this transaction has done so far:
 * that of the running statement, or a fresh one.  PopActiveSnapshot() ends it.
 */
void
tl_books_push_snapshot(bool fresh)
{
	CommandCounterIncrement();
	PushCopiedSnapshot(fresh ? GetTransactionSnapshot() : GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
}

/* ---------------------------------------------------------------------
 * Look-ups
 * ---------------------------------------------------------------------
 */

/* A scan of the index that a look-up uses */
IndexScanDesc
tl_open_index_scan(TlBooks *books, TlLookup lookup, int key_count)
{
	Relation	table = books->tables[tl_lookups[lookup].relation];
	Relation	index = index_open(books->paths[lookup].index,
								   AccessShareLock);

	return tl_index_beginscan(table, index, GetActiveSnapshot(), key_count);
}

void
tl_end_scan(TlScan *scan)
{
	if (scan->by_index != NULL)
	{
		Relation	index = scan->by_index->indexRelation;

		index_endscan(scan->by_index);
		index_close(index, NoLock);
	}
	if (scan->of_table != NULL)
		table_endscan(scan->of_table);
	scan->by_index = NULL;
	scan->of_table = NULL;
}

static void
seek_in_index(TlBooks *books, TlLookup lookup, const Datum *key, TlScan *scan)
{
	const TlLookupSpec *spec = &tl_lookups[lookup];
	const TlAccessPath *path = &books->paths[lookup];
	ScanKeyData keys[TL_MAX_KEY_PARTS];
	Relation	index;

	if (scan->by_index == NULL)
		scan->by_index = tl_open_index_scan(books, lookup, spec->count);
	index = scan->by_index->indexRelation;
	for (int i = 0; i < spec->count; i++)
	{
		int			part = path->order[i];

		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber,
							   InvalidOid, index->rd_indcollation[i],
							   tl_equality(spec->relation, spec->key[part]),
							   key[part]);
	}
	scan->by_index->xs_snapshot = GetActiveSnapshot();
	index_rescan(scan->by_index, keys, spec->count, NULL, 0);
}

static void
seek_in_table(TlBooks *books, TlLookup lookup, const Datum *key, TlScan *scan)
{
	const TlLookupSpec *spec = &tl_lookups[lookup];
	Relation	table = books->tables[spec->relation];
	ScanKeyData keys[TL_MAX_KEY_PARTS];

	tl_end_scan(scan);
	for (int i = 0; i < spec->count; i++)
	{
		AttrNumber	number = tl_attnum(spec->relation, spec->key[i]);

		ScanKeyEntryInitialize(&keys[i], 0, number, BTEqualStrategyNumber,
							   InvalidOid,
							   TupleDescAttr(RelationGetDescr(table),
											 number - 1)
								   ->attcollation,
							   tl_equality(spec->relation, spec->key[i]),
							   key[i]);
	}
	scan->of_table = table_beginscan(table, GetActiveSnapshot(), spec->count,
									 keys);
}

/* Make a scan, under the active snapshot, one of the rows with this key. */
void
tl_seek(TlBooks *books, TlLookup lookup, const Datum *key, TlScan *scan)
{
	if (OidIsValid(books->paths[lookup].index))
		seek_in_index(books, lookup, key, scan);
	else
		seek_in_table(books, lookup, key, scan);
}

/*
 * The next row of a scan, or NULL.  It stays in its buffer: the caller copies
 * what it needs and clears the slot.
 */
TupleTableSlot *
tl_next(TlBooks *books, TlLookup lookup, TlScan *scan)
{
	TupleTableSlot *slot = books->slots[tl_lookups[lookup].relation];
	bool		found = scan->by_index != NULL ?
		index_getnext_slot(scan->by_index, ForwardScanDirection, slot) :
		table_scan_getnextslot(scan->of_table, ForwardScanDirection, slot);

	return found ? slot : NULL;
}

/*
 * The row with a unique key, or NULL.  The scan is kept for the next look-up
 * of the same kind, as batches have many.
 */
TupleTableSlot *
tl_fetch(TlBooks *books, TlLookup lookup, const Datum *key)
{
	tl_seek(books, lookup, key, &books->scans[lookup]);
	return tl_next(books, lookup, &books->scans[lookup]);
}

/*
 * The value of a column that has no nulls: tables that were tampered with must
 * not crash the server.
 */
Datum
tl_column(TupleTableSlot *slot, TlRelation relation, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, tl_attnum(relation, column),
									 &isnull);

	if (isnull)
		tl_refuse_null(relation, column);
	return value;
}
