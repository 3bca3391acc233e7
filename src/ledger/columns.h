/*-------------------------------------------------------------------------
 *
 * columns.h
 *		The relations and columns that the ledger reads and writes in C, by name
 *		and type.
 *
 * columns.c has the lists.  All code that handles every column of an entry
 * loops over the list of its columns: reading a row, writing a row, the INSERT
 * statement, the result of a posting and the check of the table.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/columns.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_COLUMNS_H
#define TL_COLUMNS_H

#include "postgres.h"

/* Types of columns */
typedef enum TlColumnType
{
	TL_BOOL,
	TL_CHAR,					/* "char", one byte */
	TL_INT4,
	TL_INT8,
	TL_TEXT,
	TL_TIMESTAMPTZ,
	TL_UUID,
	TL_AMOUNT,
	TL_AMOUNT_RANGE,
	TL_OPERATION,
	TL_TOKEN_KIND
} TlColumnType;

#define TL_COLUMN_TYPE_COUNT	(TL_TOKEN_KIND + 1)

/*
 * Every operation, in the order of the labels of trainledger.operation: its
 * name in C, and its name in SQL and in documents.
 */
#define TL_OPERATIONS(X) \
	X(TL_OP_INIT, "init") \
	X(TL_OP_ADD, "add") \
	X(TL_OP_SUBTRACT, "subtract") \
	X(TL_OP_ISSUE, "issue") \
	X(TL_OP_ADJUST, "adjust") \
	X(TL_OP_REDEEM, "redeem") \
	X(TL_OP_REFUND, "refund") \
	X(TL_OP_EXPIRE, "expire") \
	X(TL_OP_HOLD, "hold") \
	X(TL_OP_CAPTURE, "capture") \
	X(TL_OP_RELEASE, "release") \
	X(TL_OP_TRANSFER, "transfer")

typedef enum TlOperation
{
#define TL_OPERATION_VALUE(name, label) name,
	TL_OPERATIONS(TL_OPERATION_VALUE)
#undef TL_OPERATION_VALUE
	TL_OPERATION_COUNT
} TlOperation;

typedef enum TlRelation
{
	TL_ACCOUNT,
	TL_ENTRY,
	TL_BOOKED_ENTRY,			/* the composite type that postings return */
	TL_TOKEN_TYPE,
	TL_PARTY
} TlRelation;

#define TL_RELATION_COUNT		(TL_PARTY + 1)

/* Columns of account */
enum
{
	TL_ACCOUNT_ID,
	TL_ACCOUNT_PARTY_ID,
	TL_ACCOUNT_TOKEN_TYPE_ID,
	TL_ACCOUNT_NAME,
	TL_ACCOUNT_INITIAL_BALANCE,
	TL_ACCOUNT_BALANCE,
	TL_ACCOUNT_HELD,
	TL_ACCOUNT_ENTRY_COUNT,
	TL_ACCOUNT_LAST_ENTRY_AT,
	TL_ACCOUNT_COLUMN_COUNT
};

/* Columns of entry and of booked_entry */
enum
{
	TL_ENTRY_ACCOUNT_ID,
	TL_ENTRY_ENTRY_NO,
	TL_ENTRY_OPERATION,
	TL_ENTRY_DELTA,
	TL_ENTRY_BALANCE,
	TL_ENTRY_SOURCE,
	TL_ENTRY_DESCRIPTION,
	TL_ENTRY_RECORDED_AT,
	TL_ENTRY_CREATED_AT,
	TL_ENTRY_DEVICE,
	TL_ENTRY_BOOKED_BY,
	TL_ENTRY_BOOKING_NO,
	TL_ENTRY_IS_REPLAY,
	TL_ENTRY_DEDUP,
	TL_ENTRY_KEYED_CALL,
	TL_ENTRY_OTHER_ACCOUNT_ID,
	TL_ENTRY_IMPORTED_AT,
	TL_ENTRY_COLUMN_COUNT
};

/* Columns of token_type */
enum
{
	TL_TYPE_ID,
	TL_TYPE_KIND,
	TL_TYPE_NAME,
	TL_TYPE_SCALE,
	TL_TYPE_BOUNDS,
	TL_TYPE_IS_ACTIVE,
	TL_TYPE_IS_ARCHIVED,
	TL_TYPE_COLUMN_COUNT
};

/* Columns of party */
enum
{
	TL_PARTY_ID,
	TL_PARTY_IS_SUSPENDED,
	TL_PARTY_COLUMN_COUNT
};

#define TL_MAX_COLUMNS			TL_ENTRY_COLUMN_COUNT

typedef struct TlColumn
{
	const char *name;
	TlColumnType type;

	/* for columns of an entry: offsets in TlEntry of the value and its flag */
	int			offset;
	int			has_offset;		/* 0: no flag; if is_optional, a NULL pointer
								 * or zero char is null */
	bool		is_optional;	/* may be null */
	bool		is_internal;	/* only in the table, not in results */
	bool		is_derived;		/* only in the result, not stored */
} TlColumn;

typedef struct TlRelationSpec
{
	const char *name;
	char		relkind;
	const TlColumn *columns;
	int			count;
} TlRelationSpec;

extern const TlRelationSpec tl_relations[TL_RELATION_COUNT];
extern const TlColumn tl_entry_columns[TL_ENTRY_COLUMN_COUNT];
extern const char *const tl_operation_names[TL_OPERATION_COUNT];

/* Whether a relation has this column: entry and booked_entry share a list. */
static inline bool
tl_has_column(TlRelation relation, int column)
{
	const TlColumn *spec = &tl_relations[relation].columns[column];

	return relation == TL_BOOKED_ENTRY ? !spec->is_internal : !spec->is_derived;
}

#endif							/* TL_COLUMNS_H */
