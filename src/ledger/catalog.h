/*-------------------------------------------------------------------------
 *
 * catalog.h
 *		The extension's own objects as C needs them: tables, columns, indexes,
 *		types and labels, found in the system catalogs and checked.
 *
 * Names are where the search begins and prove nothing.  A table is a plain
 * table of the heap with the columns that are listed here, of the types that
 * are listed here; an index serves a look-up if its key columns are those of
 * the look-up and it compares them as the look-up does, whatever its name.
 * What does not fit is an error (55000) that names the object and says what to
 * do, never a crash or a wrong answer.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/catalog.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_CATALOG_H
#define TL_CATALOG_H

#include "postgres.h"

#include "access/attnum.h"

#include "base/compat.h"
#include "ledger/columns.h"

/* Searches for rows by equality of columns */
typedef enum TlLookup
{
	TL_ACCOUNT_BY_ID,
	TL_ACCOUNT_BY_NAME,
	TL_ENTRY_BY_DEDUP,			/* within an account */
	TL_ENTRY_BY_KEY,			/* in any account */
	TL_TYPE_BY_ID,
	TL_TYPE_BY_NAME,
	TL_PARTY_BY_ID,
	TL_SUSPENDED_PARTY			/* by an index of suspended parties alone */
} TlLookup;

#define TL_LOOKUP_COUNT			(TL_SUSPENDED_PARTY + 1)
#define TL_MAX_KEY_PARTS		3

typedef struct TlLookupSpec
{
	TlRelation	relation;
	int			count;			/* of key parts */
	int			key[TL_MAX_KEY_PARTS];	/* columns that are compared */
	bool		finds_suspended;	/* rows where is_suspended, no others */
} TlLookupSpec;

extern const TlLookupSpec tl_lookups[TL_LOOKUP_COUNT];

/*
 * How a look-up is made: by this index, whose column i compares part order[i]
 * of the key; InvalidOid: no usable index is there.
 */
typedef struct TlAccessPath
{
	Oid			index;
	int			order[TL_MAX_KEY_PARTS];
	bool		ascends;		/* the first column does */
	bool		is_unique;		/* no two rows have the same key */
} TlAccessPath;

typedef struct TlTable
{
	Oid			relid;
	AttrNumber	columns[TL_MAX_COLUMNS];
} TlTable;

typedef struct TlCatalog
{
	uint64		generation;		/* another one after each look-up */
	Oid			schema;
	TlTable		tables[TL_RELATION_COUNT];
	TlAccessPath paths[TL_LOOKUP_COUNT];
	Oid			account_id_seq;
	Oid			booking_no_seq;
	Oid			types[TL_COLUMN_TYPE_COUNT];
	Oid			booked_entry_type;
	Oid			operations[TL_OPERATION_COUNT]; /* OIDs of the labels */
	Oid			kind_credit;	/* label of token_kind */
} TlCatalog;

/* For tl_catalog() */
extern TlCatalog tl_known_catalog;
extern bool tl_catalog_is_known;
extern void tl_load_catalog(void);

extern TlOperation tl_operation_from_oid(Oid label);
extern RegProcedure tl_equality(TlRelation relation, int column);
extern void tl_require_unique(TlLookup lookup);

/* What an owner has done to objects of the extension (55000) */
pg_noreturn extern void tl_refuse_null(TlRelation relation, int column);

/*
 * The extension's catalog.  Stays valid until the next lookup of anything.
 * Inline, as a posting asks for a hundred things in it.
 */
static inline const TlCatalog *
tl_catalog(void)
{
	if (unlikely(!tl_catalog_is_known))
		tl_load_catalog();
	return &tl_known_catalog;
}

/* The number of a column in its table */
static inline AttrNumber
tl_attnum(TlRelation relation, int column)
{
	return tl_catalog()->tables[relation].columns[column];
}

#endif							/* TL_CATALOG_H */
