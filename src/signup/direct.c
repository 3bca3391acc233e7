/*-------------------------------------------------------------------------
 *
 * direct.c
 *		Inserting the signup tokens of a document without SQL: rows go to the
 *		heap many at a time, in the order of the document, which is that of
 *		their ids, and then to each other index in its own order, so that
 *		neighbours meet the same page.
 *
 * Why this is safe is told in ledger_direct.c.  What differs here: CHECK and
 * NOT NULL constraints are asked by the executor's own function, and rows are
 * put into most indexes after all of them are in the table, each index being
 * one that looks at nothing but its keys.  Nobody sees the rows meanwhile, and
 * a code that is taken takes all of them back, as it does in SQL.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/direct.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"

#include "base/plain_table.h"
#include "base/progress.h"
#include "signup/signup.h"

/* Rows that are handed to the heap at once: some pages of them */
#define MAX_INSERTED	128

/* The columns of signup_token */
enum
{
	TOKEN_ID,
	TOKEN_CODE,
	TOKEN_TYPE,
	TOKEN_TYPE_ID,
	TOKEN_ACTIVE,
	TOKEN_MAXIMUM,
	TOKEN_ACTIVATIONS,
	TOKEN_EXPIRATION,
	TOKEN_CREATED_AT,
	TOKEN_COLUMN_COUNT
};

static const struct
{
	const char *name;
	Oid			type;
}			columns[TOKEN_COLUMN_COUNT] = {
	[TOKEN_ID] = {"id", TEXTOID},
	[TOKEN_CODE] = {"code", TEXTOID},
	[TOKEN_TYPE] = {"type", INT4OID},
	[TOKEN_TYPE_ID] = {"type_id", TEXTOID},
	[TOKEN_ACTIVE] = {"active", BOOLOID},
	[TOKEN_MAXIMUM] = {"maximum_activations", INT4OID},
	[TOKEN_ACTIVATIONS] = {"activations", INT4OID},
	[TOKEN_EXPIRATION] = {"expiration", TIMESTAMPTZOID},
	[TOKEN_CREATED_AT] = {"created_at", TIMESTAMPTZOID},
};

/* Rows on their way into the table */
typedef struct Insertion
{
	Relation	table;
	AttrNumber	numbers[TOKEN_COLUMN_COUNT];
	TimestampTz created_at;
	CommandId	command;
	TlIndexes	indexes;
	Tuplesortstate **keys;		/* of each index; NULL: it is not sorted for */
	TupleTableSlot *slots[MAX_INSERTED];
} Insertion;

/* ---------------------------------------------------------------------
 * Whether it may be done
 * ---------------------------------------------------------------------
 */

/* Whether keys are all that an index looks at. */
static bool
has_keys_alone(Relation index)
{
	return index->rd_rel->relam == BTREE_AM_OID &&
		index->rd_index->indisready && index->rd_index->indisvalid &&
		RelationGetIndexPredicate(index) == NIL;
}

/* Whether the columns of the table are those that a token fills. */
static bool
has_columns(Relation table)
{
	TupleDesc	present = RelationGetDescr(table);

	for (int i = 0; i < TOKEN_COLUMN_COUNT; i++)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(table),
										columns[i].name);
		Form_pg_attribute column;

		if (number == InvalidAttrNumber)
			return false;
		column = TupleDescAttr(present, number - 1);
		if (column->atttypid != columns[i].type || column->atttypmod != -1 ||
			column->attgenerated != '\0' || column->attidentity != '\0')
			return false;
	}
	return tl_count_columns(present) == TOKEN_COLUMN_COUNT;
}

/* Whether tokens may be inserted here; if not, they are inserted with SQL. */
bool
tl_signup_direct_applies(Relation table)
{
	return tl_is_plain_table(table) && tl_insert_fires_nothing(table) &&
		has_columns(table) && tl_every_index(table, has_keys_alone) &&
		tl_may_write(table, ACL_INSERT);
}

/* ---------------------------------------------------------------------
 * Doing it
 * ---------------------------------------------------------------------
 */

/* Whether rows come in the order of an index: ids ascend as they are made. */
static bool
is_in_order(const Insertion *this, const IndexInfo *index)
{
	return index->ii_NumIndexKeyAttrs == 1 &&
		index->ii_IndexAttrNumbers[0] == this->numbers[TOKEN_ID];
}

static void
begin_insertion(Insertion *this, Relation table)
{
	ResultRelInfo *info;
	MemoryContext old;
	int			memory;			/* for the keys of one index, in kB */

	PreventCommandIfReadOnly("INSERT");
	PreventCommandIfParallelMode("INSERT");
	LockRelation(table, RowExclusiveLock);
	this->table = table;
	this->created_at = tl_clock();
	this->command = GetCurrentCommandId(true);
	this->indexes = tl_open_indexes(table);
	info = this->indexes.info;

	old = MemoryContextSwitchTo(this->indexes.estate->es_query_cxt);
	for (int i = 0; i < TOKEN_COLUMN_COUNT; i++)
		this->numbers[i] = get_attnum(RelationGetRelid(table),
									  columns[i].name);
	for (int i = 0; i < MAX_INSERTED; i++)
		this->slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(table),
												  &TTSOpsHeapTuple);
	this->keys = palloc0_array(Tuplesortstate *, info->ri_NumIndices);
	memory = maintenance_work_mem / Max(info->ri_NumIndices, 1);
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		if (!is_in_order(this, info->ri_IndexRelationInfo[i]))
			this->keys[i] =
				tuplesort_begin_index_btree(table,
											info->ri_IndexRelationDescs[i],
											false, false,
											memory, NULL, TUPLESORT_NONE);
	}
	MemoryContextSwitchTo(old);
}

static void
end_insertion(Insertion *this)
{
	for (int i = 0; i < this->indexes.info->ri_NumIndices; i++)
	{
		if (this->keys[i] != NULL)
			tuplesort_end(this->keys[i]);
	}
	for (int i = 0; i < MAX_INSERTED; i++)
		ExecDropSingleTupleTableSlot(this->slots[i]);
	tl_close_indexes(&this->indexes);
	/* what runs next in this transaction sees the rows */
	CommandCounterIncrement();
}

/* Work in the memory of the rows at hand; returns where work went on before. */
static MemoryContext
in_scratch(const Insertion *this)
{
	EState	   *estate = this->indexes.estate;

	return MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
}

/* Put the row of a token into an empty slot, in memory for these rows alone. */
static void
store_token(const Insertion *this, TupleTableSlot *token,
			TupleTableSlot *slot)
{
	static const int source[TOKEN_COLUMN_COUNT] = {
		[TOKEN_ID] = DOC_ID,
		[TOKEN_CODE] = DOC_CODE,
		[TOKEN_TYPE] = DOC_TYPE,
		[TOKEN_TYPE_ID] = DOC_TYPE_ID,
		[TOKEN_ACTIVE] = DOC_ACTIVE,
		[TOKEN_MAXIMUM] = DOC_MAXIMUM,
		[TOKEN_EXPIRATION] = DOC_EXPIRATION,
	};
	TupleDesc	present = slot->tts_tupleDescriptor;
	MemoryContext old = in_scratch(this);
	HeapTuple	row;

	slot_getallattrs(token);
	memset(slot->tts_isnull, true, present->natts * sizeof(bool));
	for (int i = 0; i < TOKEN_COLUMN_COUNT; i++)
	{
		int			at = this->numbers[i] - 1;

		slot->tts_isnull[at] = false;
		if (i == TOKEN_ACTIVATIONS)
			slot->tts_values[at] = Int32GetDatum(0);
		else if (i == TOKEN_CREATED_AT)
			slot->tts_values[at] = TimestampTzGetDatum(this->created_at);
		else if (i == TOKEN_ACTIVE && token->tts_isnull[DOC_ACTIVE])
			slot->tts_values[at] = BoolGetDatum(true);
		else
		{
			slot->tts_values[at] = token->tts_values[source[i]];
			slot->tts_isnull[at] = token->tts_isnull[source[i]];
		}
	}
	row = heap_form_tuple(present, slot->tts_values, slot->tts_isnull);
	ExecStoreHeapTuple(row, slot, true);
	MemoryContextSwitchTo(old);
}

static void
insert_key(Insertion *this, int which, Datum *values, bool *nulls,
		   ItemPointer row)
{
	Relation	index = this->indexes.info->ri_IndexRelationDescs[which];
	bool		is_unique = index->rd_index->indisunique;

	(void) index_insert(index, values, nulls, row, this->table,
						is_unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false,
						this->indexes.info->ri_IndexRelationInfo[which]);
}

/* Put a row that is in the table into the indexes, or keep what goes there. */
static void
insert_or_keep_keys(Insertion *this, TupleTableSlot *slot)
{
	ResultRelInfo *info = this->indexes.info;
	EState	   *estate = this->indexes.estate;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		FormIndexDatum(info->ri_IndexRelationInfo[i], slot, estate, values,
					   nulls);
		if (this->keys[i] == NULL)
			insert_key(this, i, values, nulls, &slot->tts_tid);
		else
			tuplesort_putindextuplevalues(this->keys[i],
										  info->ri_IndexRelationDescs[i],
										  &slot->tts_tid, values, nulls);
	}
}

/* Insert the rows that are in slots into the table and the result. */
static void
insert_some(Insertion *this, int count, Tuplestorestate *rows)
{
	MemoryContext old = in_scratch(this);

	for (int i = 0; i < count; i++)
		ExecConstraints(this->indexes.info, this->slots[i],
						this->indexes.estate);
	table_multi_insert(this->table, this->slots, count, this->command, 0,
					   NULL);
	for (int i = 0; i < count; i++)
	{
		insert_or_keep_keys(this, this->slots[i]);
		tuplestore_puttupleslot(rows, this->slots[i]);
		ExecClearTuple(this->slots[i]);
	}
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(this->indexes.estate);
}

static int64
insert_rows(Insertion *this, Tuplestorestate *tokens, TupleDesc tokens_desc,
			Tuplestorestate *rows)
{
	TupleTableSlot *token = MakeSingleTupleTableSlot(tokens_desc,
													 &TTSOpsMinimalTuple);
	int64		inserted = 0;
	int			count = 0;

	/* statements have read the tokens too */
	tuplestore_select_read_pointer(tokens, 0);
	tuplestore_rescan(tokens);
	/* a token from a file is in this context, until the next one is read */
	while (tuplestore_gettupleslot(tokens, true, false, token))
	{
		CHECK_FOR_INTERRUPTS();
		store_token(this, token, this->slots[count++]);
		if (count == MAX_INSERTED)
		{
			insert_some(this, count, rows);
			inserted += count;
			count = 0;
		}
	}
	if (count > 0)
		insert_some(this, count, rows);
	ExecDropSingleTupleTableSlot(token);
	return inserted + count;
}

/* Put the keys that were kept into their index, in its order. */
static void
insert_keys(Insertion *this, int which, int64 count)
{
	Relation	index = this->indexes.info->ri_IndexRelationDescs[which];
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	TlProgress	progress;
	int64		done = 0;
	IndexTuple	keys;

	tuplesort_performsort(this->keys[which]);
	tl_progress_start(&progress, "index entries inserted", count);
	while ((keys = tuplesort_getindextuple(this->keys[which], true)) != NULL)
	{
		MemoryContext old = in_scratch(this);

		index_deform_tuple(keys, RelationGetDescr(index), values, nulls);
		insert_key(this, which, values, nulls, &keys->t_tid);
		MemoryContextSwitchTo(old);
		ResetPerTupleExprContext(this->indexes.estate);
		tl_progress_step(&progress, ++done);
	}
}

/*
 * Insert tokens into a table where tl_signup_direct_applies(), and append the
 * rows to others, in the order of the tokens.  A code or an id that is taken
 * is a unique violation, after which the (sub)transaction has to end.
 */
void
tl_signup_direct_insert(Relation table, Tuplestorestate *tokens,
						TupleDesc tokens_desc, Tuplestorestate *rows)
{
	Insertion	insertion = {0};
	int64		count;

	begin_insertion(&insertion, table);
	count = insert_rows(&insertion, tokens, tokens_desc, rows);
	for (int i = 0; i < insertion.indexes.info->ri_NumIndices; i++)
	{
		if (insertion.keys[i] != NULL)
			insert_keys(&insertion, i, count);
	}
	end_insertion(&insertion);
}
