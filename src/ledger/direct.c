/*-------------------------------------------------------------------------
 *
 * direct.c
 *		Writes postings without SQL: accounts are updated and entries inserted
 *		through the table access method, at half the cost of a statement.
 *
 * Why this is safe.  Every step the executor adds to a write serves something
 * attached to the table, such as a trigger or a constraint.  A posting is
 * written here only if nothing is attached but what is listed below.  In any
 * other case SQL (write.c) writes the same rows.  Whether the tables qualify is
 * determined once, and again after one of them changes.  tl_books_open() has
 * locked the tables, so no other session can attach anything that matters.
 *
 *	 triggers		None on INSERT of entries.  On UPDATE of accounts only our
 *					own guard, which would accept the engine's update, and
 *					foreign keys on columns that a posting does not change.
 *					No foreign key is deferrable, because a deferred trigger
 *					checks the last version of a row.
 *	 rules			None.
 *	 constraints	No CHECK, and no NOT NULL on columns that a posting may
 *					leave null.
 *	 columns		Entries have exactly the columns that the engine fills, of
 *					the types that it writes.  These have no default and are
 *					not generated.  Accounts may have other columns, but none
 *					is generated.
 *	 kind of table	A plain heap table, not a partition, without children.
 *	 indexes		Any, also partial ones and ones on expressions; the
 *					executor's own function inserts into them, but into a
 *					BRIN index on booking_no once per block.  No exclusion
 *					constraint, and no deferrable unique constraint.
 *	 privileges,	Checked every time, because a role can change when the
 *	 row security,	tables do not.  If SQL would refuse or filter, or if a
 *	 auditing		plug-in hooks permission checks, SQL is used.
 *	 read-only and	Refused as the executor refuses them.
 *	 parallel
 *	 replication	An update without a replica identity is refused as the
 *					executor refuses it.  The heap writes the WAL that is
 *					decoded.
 *
 * The heap does the rest: visibility, row locks, HOT, TOAST, WAL, statistics
 * and conflicts of SERIALIZABLE.  The update addresses the row version that was
 * read.  If there is a newer version, nothing is written: under READ COMMITTED
 * the engine reads and checks again, because the balance has changed; at higher
 * isolation levels it raises 40001.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/direct.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access/access.h"
#include "base/plain_table.h"
#include "ledger/rows.h"

/* Entries per table_multi_insert(), which fill a few pages */
#define MAX_INSERTED	128

/* ---------------------------------------------------------------------
 * Whether postings may be written without SQL
 * ---------------------------------------------------------------------
 */

/* A plain table without CHECK constraints */
static bool
is_unchecked_table(Relation table)
{
	const TupleConstr *constraints = RelationGetDescr(table)->constr;

	return tl_is_plain_table(table) &&
		(constraints == NULL || constraints->num_check == 0);
}

/* Whether entry has no column beyond those that the engine fills */
static bool
has_our_columns_alone(TupleDesc columns)
{
	int			ours = 0;

	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		if (!tl_has_column(TL_ENTRY, i))
			continue;
		if (!tl_is_plain_column(columns, tl_attnum(TL_ENTRY, i),
								tl_entry_columns[i].is_optional) ||
			TupleDescAttr(columns, tl_attnum(TL_ENTRY, i) - 1)->atthasdef)
			return false;
		ours++;
	}
	return tl_count_columns(columns) == ours;
}

static bool
is_plain_entry(Relation entry)
{
	return has_our_columns_alone(RelationGetDescr(entry)) &&
		is_unchecked_table(entry) && tl_insert_fires_nothing(entry);
}

/* The columns of an account that a posting changes */
static const int posted_columns[] = {
	TL_ACCOUNT_BALANCE,
	TL_ACCOUNT_HELD,
	TL_ACCOUNT_ENTRY_COUNT,
	TL_ACCOUNT_LAST_ENTRY_AT,
};

/* Whether a posting changes one of these columns */
static bool
is_posted(const AttrNumber *numbers, int count)
{
	for (int i = 0; i < count; i++)
	{
		for (size_t j = 0; j < lengthof(posted_columns); j++)
		{
			if (numbers[i] == tl_attnum(TL_ACCOUNT, posted_columns[j]))
				return true;
		}
	}
	return false;
}

/*
 * Whether a posting changes no column that a foreign key, from this table or to
 * it, uses or could use.
 */
static bool
foreign_keys_rest(Relation account)
{
	Bitmapset  *referable = RelationGetIndexAttrBitmap(account,
													   INDEX_ATTR_BITMAP_KEY);
	bool		rest = true;
	int			member = -1;
	ListCell   *cell;

	while ((member = bms_next_member(referable, member)) >= 0)
	{
		AttrNumber	number = member + FirstLowInvalidHeapAttributeNumber;

		rest = rest && !is_posted(&number, 1);
	}
	bms_free(referable);

	foreach(cell, RelationGetFKeyList(account))
	{
		const ForeignKeyCacheInfo *key = lfirst(cell);

		rest = rest && !is_posted(key->conkey, key->nkeys);
	}
	return rest;
}

static bool
is_our_guard(const Trigger *trigger)
{
	char	   *name = get_func_name(trigger->tgfoid);

	return name != NULL && strcmp(name, "refuse_plain_update") == 0 &&
		get_func_namespace(trigger->tgfoid) ==
		get_namespace_oid(TL_INTERNAL_SCHEMA, true);
}

/* Whether an update fires only our guard and foreign keys not deferrable */
static bool
update_fires_nothing(Relation table)
{
	/* copied, because a look-up of names may rebuild the relcache entry */
	TriggerDesc *triggers = CopyTriggerDesc(table->trigdesc);
	bool		nothing = true;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (TRIGGER_FOR_UPDATE(trigger->tgtype) && !is_our_guard(trigger) &&
			(RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_NONE ||
			 trigger->tgdeferrable))
			nothing = false;
	}
	FreeTriggerDesc(triggers);
	return nothing;
}

static bool
is_plain_account(Relation account)
{
	TupleDesc	columns = RelationGetDescr(account);

	for (int i = 0; i < columns->natts; i++)
	{
		/* a stored generated column would have to be recomputed */
		if (TupleDescAttr(columns, i)->attgenerated != '\0')
			return false;
	}
	for (size_t i = 0; i < lengthof(posted_columns); i++)
	{
		if (!tl_is_plain_column(columns,
								tl_attnum(TL_ACCOUNT, posted_columns[i]),
								false))
			return false;
	}
	return is_unchecked_table(account) && update_fires_nothing(account) &&
		foreign_keys_rest(account);
}

/* Whether postings may be written without SQL */
bool
tl_direct_applies(const TlBooks *books)
{
	static uint64 judged = 0;	/* generation of the catalog then */
	static bool tables_are_plain;
	uint64		generation = tl_catalog()->generation;

	if (judged != generation)
	{
		tables_are_plain = is_plain_account(books->tables[TL_ACCOUNT]) &&
			is_plain_entry(books->tables[TL_ENTRY]);
		judged = generation;
	}
	return tables_are_plain &&
		tl_may_write(books->tables[TL_ACCOUNT], ACL_SELECT | ACL_UPDATE) &&
		tl_may_write(books->tables[TL_ENTRY], ACL_INSERT);
}

/* ---------------------------------------------------------------------
 * Writing
 * ---------------------------------------------------------------------
 */

/* A newer version of the account exists: an error above READ COMMITTED */
static void
refuse_if_serializing(TM_Result result)
{
	if (!IsolationUsesXactSnapshot())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 result == TM_Deleted ?
			 errmsg("could not serialize access due to concurrent delete") :
			 errmsg("could not serialize access due to concurrent update")));
}

/* The row of an account as read, with the columns that a posting changes */
static HeapTuple
posted_row(Relation table, const TlAccount *account)
{
	int			columns[lengthof(posted_columns)];
	Datum		values[] = {
		AmountGetDatum(account->balance),
		AmountGetDatum(account->held),
		Int64GetDatum(account->entry_count),
		TimestampTzGetDatum(account->last_entry_at),
	};
	bool		nulls[lengthof(posted_columns)] = {false};

	for (size_t i = 0; i < lengthof(columns); i++)
		columns[i] = tl_attnum(TL_ACCOUNT, posted_columns[i]);
	return heap_modify_tuple_by_cols(account->row, RelationGetDescr(table),
									 lengthof(columns), columns, values,
									 nulls);
}

/* Update one account.  False: it has changed since it was read. */
static bool
update_account(Relation table, const TlAccount *account, TupleTableSlot *slot,
			   CommandId command)
{
	TM_FailureData failure;
	LockTupleMode lock;
	TlIndexesDue due;
	TM_Result	result;

	ExecStoreHeapTuple(posted_row(table, account), slot, true);
	result = tl_table_update(table, &account->row->t_self, slot, command,
							 GetActiveSnapshot(), &failure, &lock, &due);
	switch (result)
	{
		case TM_Ok:
			break;
		case TM_Updated:
		case TM_Deleted:
			refuse_if_serializing(result);
			return false;
		case TM_SelfModified:
			return false;
		default:
			elog(ERROR, "unexpected result of an update: %d", (int) result);
	}

	if (due != TL_NO_INDEXES)
	{
		TlIndexes	indexes = tl_open_indexes(table);

		tl_insert_index_tuples(indexes.info, slot, indexes.estate, true, due);
		tl_close_indexes(&indexes);
	}
	return true;
}

/* Update accounts until one has changed since it was read; returns how many. */
static int
update_accounts(Relation table, const TlAccount *const *accounts, int count,
				CommandId command)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(table),
													&TTSOpsHeapTuple);
	TlProgress	progress;
	int			updated = 0;

	CheckCmdReplicaIdentity(table, CMD_UPDATE);
	tl_progress_start(&progress, "accounts updated", count);
	while (updated < count &&
		   update_account(table, accounts[updated], slot, command))
		tl_progress_step(&progress, ++updated);
	tl_progress_end(&progress);
	ExecDropSingleTupleTableSlot(slot);
	return updated;
}

/* Put an entry into an empty slot; the tuple is palloc'd. */
static void
store_entry(const TlEntry *entry, TupleTableSlot *slot)
{
	TupleDesc	columns = slot->tts_tupleDescriptor;
	HeapTuple	tuple;

	tl_entry_values(entry, TL_ENTRY, columns->natts, slot->tts_values,
					slot->tts_isnull);
	tuple = heap_form_tuple(columns, slot->tts_values, slot->tts_isnull);
	ExecStoreHeapTuple(tuple, slot, true);
}

/*
 * The BRIN indexes on booking_no alone, of all entries.  They keep what numbers
 * a range of blocks has, and entries written together have one number: it is
 * enough to insert the first entry of each block.  Whoever summarizes the range
 * at that time makes an empty summary before reading the blocks, so either that
 * entry is read or its insertion changes the summary.
 */
static List *
find_number_indexes(const ResultRelInfo *info)
{
	List	   *found = NIL;

	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		IndexInfo  *index = info->ri_IndexRelationInfo[i];

		if (info->ri_IndexRelationDescs[i]->rd_rel->relam == BRIN_AM_OID &&
			index->ii_NumIndexAttrs == 1 &&
			index->ii_IndexAttrNumbers[0] ==
			tl_attnum(TL_ENTRY, TL_ENTRY_BOOKING_NO) &&
			index->ii_Predicate == NIL && index->ii_ReadyForInserts)
			found = lappend(found, index);
	}
	return found;
}

/* Insert an entry into all indexes, or all but those on booking_no */
static void
index_entry(TupleTableSlot *slot, TlIndexes *indexes, List *number_indexes,
			bool with_number)
{
	ListCell   *cell;

	foreach(cell, number_indexes)
		lfirst_node(IndexInfo, cell)->ii_ReadyForInserts = with_number;
	tl_insert_index_tuples(indexes->info, slot, indexes->estate, false,
						   TL_ALL_INDEXES);
}

/* Insert entries; count must not exceed the number of slots. */
static void
insert_some(Relation table, TlEntry *const *entries, int count,
			TupleTableSlot **slots, TlIndexes *indexes, List *number_indexes,
			CommandId command)
{
	BlockNumber last = InvalidBlockNumber;

	for (int i = 0; i < count; i++)
		store_entry(entries[i], slots[i]);
	if (count == 1)
		table_tuple_insert(table, slots[0], command, 0, NULL);
	else
		table_multi_insert(table, slots, count, command, 0, NULL);
	for (int i = 0; i < count; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&slots[i]->tts_tid);

		CHECK_FOR_INTERRUPTS();
		index_entry(slots[i], indexes, number_indexes, block != last);
		last = block;
		ExecClearTuple(slots[i]);
	}
}

static void
insert_entries(Relation table, TlEntry *const *entries, int count,
			   CommandId command)
{
	int			slot_count = Min(count, MAX_INSERTED);
	TupleTableSlot **slots = palloc_array(TupleTableSlot *, slot_count);
	TlIndexes	indexes = tl_open_indexes(table);
	List	   *number_indexes = count > 1 ? find_number_indexes(indexes.info) :
		NIL;
	MemoryContext scratch = GetPerTupleMemoryContext(indexes.estate);
	TlProgress	progress;

	for (int i = 0; i < slot_count; i++)
		slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(table),
											&TTSOpsHeapTuple);
	tl_progress_start(&progress, "entries inserted", count);
	for (int done = 0; done < count; done += slot_count)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		tl_progress_step(&progress, done);
		insert_some(table, entries + done, Min(slot_count, count - done),
					slots, &indexes, number_indexes, command);
		MemoryContextSwitchTo(old);
		ResetPerTupleExprContext(indexes.estate);
	}
	tl_progress_end(&progress);
	for (int i = 0; i < slot_count; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	tl_close_indexes(&indexes);
}

/*
 * Update the accounts to their new state, then insert the entries; a hold has
 * none.  Returns how many accounts were updated.  If not all, the next account
 * has changed since it was read, and no entry was written.  Requires
 * tl_direct_applies().
 */
int
tl_direct_write(TlBooks *books, const TlAccount *const *accounts,
				int account_count, TlEntry *const *entries, int entry_count)
{
	CommandId	command;
	int			updated;

	PreventCommandIfReadOnly("INSERT");
	PreventCommandIfParallelMode("INSERT");
	command = GetCurrentCommandId(true);
	updated = update_accounts(books->tables[TL_ACCOUNT], accounts,
							  account_count, command);
	if (updated == account_count && entry_count > 0)
		insert_entries(books->tables[TL_ENTRY], entries, entry_count, command);

	/* make the rows visible to what follows, as after a statement */
	CommandCounterIncrement();
	return updated;
}
