/*-------------------------------------------------------------------------
 *
 * direct.c
 *		Writing postings without SQL: accounts are updated and entries
 *		inserted through the table access method, which costs half of what a
 *		statement does.
 *
 * Why this is safe.  What the executor does around a write it does for the
 * sake of something that hangs on the table.  A posting is written here only
 * where nothing hangs on it but what is named below; everything else, and
 * everything that is not known, is left to SQL (write.c), row for row
 * the same.  Whether a table is plain in that sense is found out once and
 * again after it changes; tl_books_open() has locked the tables such that
 * nobody can add what matters meanwhile.
 *
 *	 triggers		none on INSERT of entries.  On UPDATE of accounts our own
 *					guard, which would let the engine pass, and foreign keys,
 *					which look at no column that a posting changes; none that
 *					can be deferred, which looks at a row's last version.
 *	 rules			none
 *	 constraints	no CHECK, and no NOT NULL on what a posting may leave out
 *	 columns		entries have those that the engine fills, of the types that
 *					it fills them with; no default, nothing generated
 *	 kind of table	a plain one of the heap, not a partition, no children
 *	 indexes		all of them are kept up by the executor's own function,
 *					partial ones, ones on expressions and those of users too;
 *					none is checked later than at once
 *	 privileges,	asked for every time, since roles change without the
 *	 row security,	tables; where SQL would refuse or filter, SQL does.  So do
 *	 auditing		plug-ins that want to see what is checked.
 *	 read-only and	refused as the executor refuses them
 *	 parallel
 *	 replication	refused without a replica identity as the executor refuses;
 *					what is decoded is written by the heap
 *
 * What is left is the heap's: visibility, locks on rows, HOT, TOAST, WAL,
 * statistics and conflicts of SERIALIZABLE.  An account is updated where it
 * was read, at the place of the version that was seen.  If that is no longer
 * the last one, nothing is written: under READ COMMITTED the engine reads and
 * checks again (it must: the balance is another), and above it is 40001.
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

/* Entries that are handed to the heap at once: some pages of them */
#define MAX_INSERTED	128

/* ---------------------------------------------------------------------
 * Whether it may be done
 * ---------------------------------------------------------------------
 */

/* A plain table without constraints that read what a posting writes */
static bool
is_unchecked_table(Relation table)
{
	const TupleConstr *constraints = RelationGetDescr(table)->constr;

	return tl_is_plain_table(table) &&
		(constraints == NULL || constraints->num_check == 0);
}

/* Columns that have not been dropped, and those that the engine fills */
static bool
has_our_columns_alone(TupleDesc columns)
{
	int			ours = 0;

	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		if (!tl_has_column(TL_ENTRY, i))
			continue;
		if (!tl_is_plain_column(columns, tl_attnum(TL_ENTRY, i),
								tl_entry_columns[i].is_optional))
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
	TL_ACCOUNT_ENTRY_COUNT,
	TL_ACCOUNT_LAST_ENTRY_AT,
};

/* Whether one of the columns that a posting changes is among these. */
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
 * Whether foreign keys, from this table or to it, have nothing to do when a
 * posting is written.
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

/* Whether nothing fires when a posting updates a row but what would let it. */
static bool
update_fires_nothing(Relation table)
{
	/* the relation's own may go away while names are looked up */
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
		/* what is made from other columns would have to be made anew */
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

/* Whether postings may be written here; if not, they are written with SQL. */
bool
tl_direct_applies(const TlBooks *books)
{
	static uint64 judged = 0;	/* generation of the catalog */
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
 * Doing it
 * ---------------------------------------------------------------------
 */

/* Nothing was written as a newer version of the account is there. */
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

/* The row of an account as it was read, with what a posting changes */
static HeapTuple
posted_row(Relation table, const TlAccount *account)
{
	int			columns[lengthof(posted_columns)];
	Datum		values[] = {
		AmountGetDatum(account->balance),
		Int64GetDatum(account->entry_count),
		TimestampTzGetDatum(account->last_entry_at),
	};
	bool		nulls[] = {false, false, false};

	for (size_t i = 0; i < lengthof(columns); i++)
		columns[i] = tl_attnum(TL_ACCOUNT, posted_columns[i]);
	return heap_modify_tuple_by_cols(account->row, RelationGetDescr(table),
									 lengthof(columns), columns, values,
									 nulls);
}

/* Update one account; false: it has changed since it was read. */
static bool
update_account(Relation table, const TlAccount *account, TupleTableSlot *slot,
			   CommandId command)
{
	TM_FailureData failure;
	LockTupleMode lock;
	TlIndexesDue due;
	TM_Result	result;

	ExecStoreHeapTuple(posted_row(table, account), slot, true);
	result = table_tuple_update(table, &account->row->t_self, slot, command,
								GetActiveSnapshot(), InvalidSnapshot, true,
								&failure, &lock, &due);
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

/* Update accounts up to the first that has changed; returns how many. */
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
	ExecDropSingleTupleTableSlot(slot);
	return updated;
}

/* Put an entry into an empty slot; the tuple is in the current context. */
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

/* Insert entries, no more than there are slots. */
static void
insert_some(Relation table, TlEntry *const *entries, int count,
			TupleTableSlot **slots, TlIndexes *indexes, CommandId command)
{
	for (int i = 0; i < count; i++)
		store_entry(entries[i], slots[i]);
	if (count == 1)
		table_tuple_insert(table, slots[0], command, 0, NULL);
	else
		table_multi_insert(table, slots, count, command, 0, NULL);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tl_insert_index_tuples(indexes->info, slots[i], indexes->estate,
							   false, TL_ALL_INDEXES);
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
					slots, &indexes, command);
		MemoryContextSwitchTo(old);
		ResetPerTupleExprContext(indexes.estate);
	}
	for (int i = 0; i < slot_count; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	tl_close_indexes(&indexes);
}

/*
 * Write accounts as they stand after entries, and then the entries.  Returns
 * how many accounts were updated: if not all of them, the next one has changed
 * since it was read, and no entry was written.  Where tl_direct_applies().
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
	if (updated == account_count)
		insert_entries(books->tables[TL_ENTRY], entries, entry_count, command);

	/* what runs next in this transaction sees it, as after a statement */
	CommandCounterIncrement();
	return updated;
}
