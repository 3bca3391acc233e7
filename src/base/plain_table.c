/*-------------------------------------------------------------------------
 *
 * plain_table.c
 *		Whether rows of a table may be written without SQL, and what the
 *		executor's upkeep of its indexes needs.
 *
 * What the executor does around a write it does for the sake of something that
 * hangs on the table.  Where nothing hangs on it but indexes and constraints,
 * a row may be handed to the table access method; ledger_direct.c tells the
 * whole of the argument.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/plain_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rls.h"

#include "base/plain_table.h"

/* Whether every index of a table is checked at once, and by itself. */
static bool
has_plain_indexes(Relation table)
{
	List	   *indexes = RelationGetIndexList(table);
	bool		plain = true;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		plain = plain && index->rd_index->indimmediate &&
			!index->rd_index->indisexclusion;
		index_close(index, NoLock);
	}
	list_free(indexes);
	return plain;
}

/* A plain table of the heap, on which no rule and no odd index hangs */
bool
tl_is_plain_table(Relation table)
{
	return table->rd_rel->relkind == RELKIND_RELATION &&
		table->rd_tableam == GetHeapamTableAmRoutine() &&
		!table->rd_rel->relispartition &&
		!table->rd_rel->relhassubclass &&
		table->rd_rules == NULL &&
		has_plain_indexes(table);
}

/*
 * Whether a column takes values of its type as they are and has no default;
 * optional: it may be null.
 */
bool
tl_is_plain_column(TupleDesc columns, AttrNumber number, bool optional)
{
	Form_pg_attribute column = TupleDescAttr(columns, number - 1);

	return column->atttypmod == -1 && !column->atthasdef &&
		column->attgenerated == '\0' && column->attidentity == '\0' &&
		!(optional && column->attnotnull);
}

/* Columns that have not been dropped */
int
tl_count_columns(TupleDesc columns)
{
	int			count = 0;

	for (int i = 0; i < columns->natts; i++)
	{
		if (!TupleDescAttr(columns, i)->attisdropped)
			count++;
	}
	return count;
}

/* Whether nothing fires when a row is inserted. */
bool
tl_insert_fires_nothing(Relation table)
{
	const TriggerDesc *triggers = table->trigdesc;

	return triggers == NULL ||
		!(triggers->trig_insert_before_row ||
		  triggers->trig_insert_after_row ||
		  triggers->trig_insert_instead_row ||
		  triggers->trig_insert_before_statement ||
		  triggers->trig_insert_after_statement);
}

/*
 * Whether SQL would let the present role do this to all rows of a table.  A
 * plug-in that wants to see what is checked gets SQL to see.
 */
bool
tl_may_write(Relation table, AclMode rights)
{
	Oid			relid = RelationGetRelid(table);

	return ExecutorCheckPerms_hook == NULL &&
		pg_class_aclmask(relid, GetUserId(), rights, ACLMASK_ALL) == rights &&
		check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED;
}

/* Open the indexes of a table that is open; what FormIndexDatum needs too */
TlIndexes
tl_open_indexes(Relation table)
{
	TlIndexes	indexes = {.estate = CreateExecutorState()};
	MemoryContext old =
		MemoryContextSwitchTo(indexes.estate->es_query_cxt);

	indexes.info = makeNode(ResultRelInfo);
	InitResultRelInfo(indexes.info, table, 0, NULL, 0);
	ExecOpenIndices(indexes.info, false);
	MemoryContextSwitchTo(old);
	return indexes;
}

void
tl_close_indexes(TlIndexes *indexes)
{
	ExecCloseIndices(indexes->info);
	FreeExecutorState(indexes->estate);
}
