/*-------------------------------------------------------------------------
 *
 * books.h
 *		The tables of the ledger: opened, locked, and searched by key.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/books.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_BOOKS_H
#define TL_BOOKS_H

#include "access/genam.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#include "ledger/catalog.h"


/* A look-up in progress; at most one of the scans is not NULL. */
typedef struct TlScan
{
	IndexScanDesc by_index;
	TableScanDesc of_table;
} TlScan;

/* A scan along the accounts' primary key, see tl_walk_accounts() */
typedef struct TlWalk
{
	IndexScanDesc scan;			/* NULL: not walking */
	int64		id;				/* account id in the current index entry */
	bool		at_end;			/* no index entry is left */
	int64		steps;			/* index entries it may still pass */
} TlWalk;

/*
 * The tables of the ledger, open and locked.  Tables and slots are indexed by
 * TlRelation, paths and scans by TlLookup.
 */
typedef struct TlBooks
{
	bool		is_changed;		/* since last opened in this session; a
								 * rewritten table is empty for older
								 * snapshots */
	TlAccessPath paths[TL_LOOKUP_COUNT];	/* as when opened */
	Relation	tables[TL_RELATION_COUNT];
	TupleTableSlot *slots[TL_RELATION_COUNT];
	TlScan		scans[TL_LOOKUP_COUNT];
	TlWalk		walk;
} TlBooks;

extern void tl_books_open(TlBooks *books, bool to_write);
extern void tl_books_close(TlBooks *books);
extern void tl_books_push_snapshot(bool fresh);
extern void tl_seek(TlBooks *books, TlLookup lookup, const Datum *key,
					TlScan *scan);
extern TupleTableSlot *tl_next(TlBooks *books, TlLookup lookup, TlScan *scan);
extern TupleTableSlot *tl_fetch(TlBooks *books, TlLookup lookup,
								const Datum *key);
extern void tl_end_scan(TlScan *scan);
extern IndexScanDesc tl_open_index_scan(TlBooks *books, TlLookup lookup,
										int key_count);
extern Datum tl_column(TupleTableSlot *slot, TlRelation relation, int column);

#endif							/* TL_BOOKS_H */
