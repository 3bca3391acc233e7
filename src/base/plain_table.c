/*-------------------------------------------------------------------------
 *
 * plain_table.c
 *		Whether rows of a table may be written without SQL, and what the
 *		executor needs to maintain the table's indexes.
 *
 * Every step the executor adds to a write serves something attached to the
 * table.  If nothing but indexes and constraints is attached, a row may be
 * passed to the table access method directly; src/ledger/direct.c has the full
 * argument.
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

/* Whether all indexes are checked immediately and none is an exclusion */
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

/*
 * Whether this is a plain heap table: no partition, no children, no rules, and
 * only plain indexes.
 */
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
 * Whether a column stores values of its type unchanged.  An
 * optional column must also accept nulls.
 */
bool
tl_is_plain_column(TupleDesc columns, AttrNumber number, bool optional)
{
	Form_pg_attribute column = TupleDescAttr(columns, number - 1);

	return column->atttypmod == -1 && column->attgenerated == '\0' &&
		column->attidentity == '\0' &&
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

/* Whether the table has no trigger on INSERT */
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
 * Whether SQL would allow the current role these rights on all rows of a table.
 * False if a plug-in uses ExecutorCheckPerms_hook: then the caller uses SQL,
 * which calls the hook.
 */
bool
tl_may_write(Relation table, AclMode rights)
{
	Oid			relid = RelationGetRelid(table);

	return ExecutorCheckPerms_hook == NULL &&
		pg_class_aclmask(relid, GetUserId(), rights, ACLMASK_ALL) == rights &&
		check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED;
}

/*
 * Open the indexes of an open table for insertion.  The executor state that
 * FormIndexDatum() needs is in the result.  Close with tl_close_indexes().
 */
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
