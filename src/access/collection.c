/*-------------------------------------------------------------------------
 *
 * collection.c
 *		Rows of collections: a function of trainledger_api returns a row of a
 *		view in place of the row that its twin returned (contract, section 2).
 *
 * The row of the view is read by its key, with the caller's rights.  So it is
 * the row that the collection lists, global ids included, and PostgREST can
 * embed related resources.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/collection.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "access/access.h"
#include "base/trainledger.h"

#define MAX_KEY_COLUMNS		2

/*
 * Collections whose key is not the column id.  Key columns have the same names
 * in the view and in the rows that functions of trainledger return.
 */
/* clang-format off */
static const struct
{
	const char *view;
	const char *columns[MAX_KEY_COLUMNS];
}			keys[] =
{
	{"checkpoints", {"size", "origin"}},
	{"credit_transactions", {"account_id", "entry_no"}},
	{"currencies", {"code"}},
	{"memberships", {"program_id", "party_id"}},
	{"regions", {"code"}},
};
/* clang-format on */

static const char *const default_key[MAX_KEY_COLUMNS] = {"id"};

/*
 * True in a row that a repeated call returns: it booked nothing.  The view
 * always has false here, so the value is copied from the function's row.
 */
#define REPLAY_COLUMN		"is_replay"

/* A statement that reads the row of a view, made once per session */
typedef struct Reader
{
	Oid			row_type;		/* hash key: row_type and view_type */
	Oid			view_type;
	SPIPlanPtr	plan;			/* NULL until it is kept */
} Reader;

static HTAB *readers = NULL;

static const char *const *
key_of(const char *view)
{
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		if (strcmp(keys[i].view, view) == 0)
			return keys[i].columns;
	}
	return default_key;
}

/*
 * Make the statement that reads the row of the view; $1 is the row that a
 * function of trainledger returned.
 */
static char *
statement(const TlCollection *collection)
{
	Oid			row = get_typ_typrelid(collection->row_type);
	Oid			view = get_typ_typrelid(collection->view_type);
	const char *name = get_rel_name(view);
	const char *schema = get_namespace_name(get_rel_namespace(view));
	const char *const *key = key_of(name);
	StringInfoData text;

	initStringInfo(&text);
	if (get_attnum(row, REPLAY_COLUMN) == InvalidAttrNumber)
		appendStringInfoString(&text, "SELECT v");
	else
		appendStringInfoString(&text,
							   "SELECT CASE WHEN ($1)." REPLAY_COLUMN
							   " THEN pg_catalog.jsonb_populate_record(v,"
							   " '{\"" REPLAY_COLUMN "\": true}') ELSE v END");
	appendStringInfo(&text, " FROM %s v",
					 quote_qualified_identifier(schema, name));
	for (int i = 0; i < MAX_KEY_COLUMNS && key[i] != NULL; i++)
		appendStringInfo(&text, " %s v.%s OPERATOR(pg_catalog.=) ($1).%s",
						 i == 0 ? "WHERE" : "AND", key[i], key[i]);
	return text.data;
}

/*
 * The saved plan that reads a row.  The caller must be connected to SPI.  A
 * generic plan suffices, because the row is looked up by its key.
 */
static SPIPlanPtr
get_plan(const TlCollection *collection)
{
	Oid			key[] = {collection->row_type, collection->view_type};
	bool		found;
	Reader	   *reader;

	if (readers == NULL)
	{
		HASHCTL		control;

		control.keysize = sizeof(key);
		control.entrysize = sizeof(Reader);
		readers = hash_create("trainledger collections", 32, &control,
							  HASH_ELEM | HASH_BLOBS);
	}
	reader = hash_search(readers, key, HASH_ENTER, &found);
	if (!found)
		reader->plan = NULL;
	if (reader->plan == NULL)
		(void) tl_saved_plan(&reader->plan, statement(collection), 1, key,
							 CURSOR_OPT_GENERIC_PLAN);
	return reader->plan;
}

/*
 * Return the row of the view for a row that the function returned, allocated in
 * the current memory context.  After a write, it shows the effect of the write.
 */
Datum
tl_collection_row(const TlCollection *collection, Datum row)
{
	bool		isnull;
	Datum		result;

	SPI_connect();
	if (SPI_execute_plan(get_plan(collection), &row, NULL,
						 collection->read_only, 1) != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of a statement");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the row that was returned cannot be seen in \"%s\"",
						get_rel_name(get_typ_typrelid(collection->view_type))),
				 errdetail("Row-level security hides it from role \"%s\".",
						   GetUserNameFromId(GetUserId(), false)),
				 errhint("Call the function in schema trainledger, or give the role a level of access with grant_access().")));
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &isnull);
	result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	return result;
}

/*
 * The same for a set of rows; the result goes to the tuplestore target.  Memory
 * is reset after each row.
 */
void
tl_collection_rows(const TlCollection *collection, const ReturnSetInfo *rows,
				   Tuplestorestate *target)
{
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext,
													  "row of a collection",
													  ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rows->setDesc,
													&TTSOpsMinimalTuple);

	if (rows->setDesc->tdtypeid != collection->row_type)
		elog(ERROR, "rows of another type were returned");
	while (tuplestore_gettupleslot(rows->setResult, true, false, slot))
	{
		MemoryContext saved_context = MemoryContextSwitchTo(row_context);
		HeapTupleData tuple = {0};
		Datum		row;

		CHECK_FOR_INTERRUPTS();
		row = tl_collection_row(collection, ExecFetchSlotHeapTupleDatum(slot));
		tuple.t_data = DatumGetHeapTupleHeader(row);
		tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
		tuplestore_puttuple(target, &tuple);
		MemoryContextSwitchTo(saved_context);
		MemoryContextReset(row_context);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row_context);
}
