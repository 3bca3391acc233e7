/*-------------------------------------------------------------------------
 *
 * catalog.h
 *		The extension's own objects that C code uses: tables, columns, indexes,
 *		types and enum labels, found in the system catalogs and checked.
 *
 * An object is found by its name, then checked, because an owner may have
 * changed it.  A table must be a plain heap table with the columns and types
 * listed in columns.c.  An index serves a look-up, whatever its name, if its
 * first key columns are those of the look-up and it compares them in the same
 * way.  An object that does not fit raises an error (55000) that names it and
 * says what to do; it never causes a crash or a wrong answer.
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
	TL_SUSPENDED_PARTY			/* by an index of suspended parties only */
} TlLookup;

#define TL_LOOKUP_COUNT			(TL_SUSPENDED_PARTY + 1)
#define TL_MAX_KEY_PARTS		3

typedef struct TlLookupSpec
{
	TlRelation	relation;
	int			count;			/* of key parts */
	int			key[TL_MAX_KEY_PARTS];	/* columns that are compared */
	bool		finds_suspended;	/* only rows where is_suspended */
} TlLookupSpec;

extern const TlLookupSpec tl_lookups[TL_LOOKUP_COUNT];

/*
 * How a look-up finds its rows.  Column i of the index compares part order[i]
 * of the key.  index is InvalidOid if there is no usable index; the look-up
 * then reads the whole table.
 */
typedef struct TlAccessPath
{
	Oid			index;
	int			order[TL_MAX_KEY_PARTS];
	bool		ascends;		/* sort order of the first column */
	bool		is_unique;		/* a unique index is on the key, not
								 * necessarily this one */
} TlAccessPath;

typedef struct TlTable
{
	Oid			relid;
	AttrNumber	columns[TL_MAX_COLUMNS];
} TlTable;

typedef struct TlCatalog
{
	uint64		generation;		/* changes each time this is loaded */
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

/* An owner has changed an object of the extension (55000). */
pg_noreturn extern void tl_refuse_null(TlRelation relation, int column);

/*
 * The extension's catalog.  The result may be out of date after anything that
 * accepts invalidation messages, such as a catalog look-up.  Inline, because a
 * posting calls this about a hundred times.
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
