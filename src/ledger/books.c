/*-------------------------------------------------------------------------
 *
 * books.c
 *		The tables of the ledger: opened, locked, and searched by key.
 *
 * Rows are read by direct scans under the active snapshot.  They do what the
 * executor would do for a SELECT by key, including the predicate locks of
 * SERIALIZABLE, at less cost.  A scan uses an index if a usable one exists,
 * else it reads the whole table.  Row-level security does not apply, because
 * the engine acts as the owner of the tables.
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

#include "base/trainledger.h"
#include "ledger/books.h"

/* How the ledger locks a table */
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
 * Lock the tables, then check that the catalog has not changed: another session
 * may have altered them while we waited for a lock.
 */
static void
open_tables(TlBooks *books, bool to_write)
{
	static uint64 seen = 0;		/* generation at the last call */

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
	if (to_write && books->tables[TL_ACCOUNT]->rd_rel->relhassubclass)
		tl_require_no_nodes(RelationGetRelid(books->tables[TL_ACCOUNT]));
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
 * Push a snapshot that sees what this transaction has done so far: the running
 * statement's, or a fresh one.  The caller calls PopActiveSnapshot().
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

/* Begin a scan of the index of a look-up; tl_end_scan() also closes it. */
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
	scan->of_table = tl_table_beginscan(table, GetActiveSnapshot(),
										spec->count, keys);
}

/* Start or restart a scan, under the active snapshot, for rows with a key. */
void
tl_seek(TlBooks *books, TlLookup lookup, const Datum *key, TlScan *scan)
{
	if (OidIsValid(books->paths[lookup].index))
		seek_in_index(books, lookup, key, scan);
	else
		seek_in_table(books, lookup, key, scan);
}

/*
 * The next row of a scan, or NULL.  The slot pins the row's buffer: the caller
 * copies what it needs and clears the slot.
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
 * The row with a unique key, or NULL.  The scan stays open for the next look-up
 * of the same kind, because a batch makes many.
 */
TupleTableSlot *
tl_fetch(TlBooks *books, TlLookup lookup, const Datum *key)
{
	tl_seek(books, lookup, key, &books->scans[lookup]);
	return tl_next(books, lookup, &books->scans[lookup]);
}

/*
 * The value of a column that must not be null.  A null is refused (55000),
 * because an owner may have dropped NOT NULL, and that must not crash the
 * server.
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
