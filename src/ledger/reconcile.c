/*-------------------------------------------------------------------------
 *
 * reconcile.c
 *		Finds accounts that need a closer check (contract, section 6:
 *		reconcile).
 *
 * The entries of an account are written in the order of their numbers, and are
 * stored in nearly that order.  Not exactly, because each session fills pages
 * of its own, so a later entry may be stored before an earlier one.  One pass
 * over the table therefore keeps little per account: its state after the last
 * entry, and the few entries that came too early.  Each entry must continue
 * this running balance, and the account must agree with the last one.  An
 * account for which this cannot be shown is doubtful.  It may still be correct:
 * entries stored in reused space may be far out of order.  For doubtful
 * accounts only, the query account_problems() in sql/46_reconcile.sql sorts the
 * entries and says what is wrong, at a higher cost.
 *
 * A hash of the account id assigns each account to a part, so that several
 * processes can share the work and a part fits into memory.  Each part reads
 * both tables in full and ignores the rows of other parts.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/reconcile.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/tableam.h"
#include "catalog/pg_inherits.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/trainledger.h"
#include "ledger/books.h"
#include "types/amount.h"

/* The columns of an entry that are checked */
typedef struct Entry
{
	int64		entry_no;
	TlAmount	delta;
	TlAmount	balance;
	TimestampTz created_at;
} Entry;

/* The state of an account after its entries so far */
typedef struct Tally
{
	int64		account_id;
	int64		entry_no;		/* of the last entry; 0: none so far */
	TlAmount	first_balance;	/* after the first entry */
	TlAmount	balance;		/* after the last entry */
	TimestampTz created_at;		/* of the last entry */
	Entry	   *early;			/* entries read too early, by entry_no */
	uint16		early_count;
	uint16		early_room;		/* allocated length; 0: early is not valid */
	bool		is_doubtful;
	bool		has_account;
	char		status;			/* for the hash table */
} Tally;

/*
 * An account with more waiting entries than this is doubtful.  If several
 * sessions post to one account, about a page of entries per session can wait.
 */
#define MAX_EARLY			512
#define FIRST_EARLY			4

static uint32 hash_account(int64 account_id);

#define SH_PREFIX			tallies
#define SH_ELEMENT_TYPE		Tally
#define SH_KEY_TYPE			int64
#define SH_KEY				account_id
#define SH_HASH_KEY(table, key)		hash_account(key)
#define SH_EQUAL(table, a, b)		((a) == (b))
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Initial size of the hash table, which grows as needed */
#define FIRST_ACCOUNTS		1024

typedef struct Part
{
	uint32		number;			/* from 0 */
	uint32		count;			/* of parts */
} Part;

PG_FUNCTION_INFO_V1(tl_doubtful_accounts);

static uint32
hash_account(int64 account_id)
{
	return murmurhash32((uint32) (account_id ^ (account_id >> 32)));
}

/*
 * Whether an account belongs to a part.  The high bits of the hash decide,
 * because the hash table uses the low ones.
 */
static bool
is_in_part(int64 account_id, Part part)
{
	return ((uint64) hash_account(account_id) * part.count) >> 32 ==
		part.number;
}

/* ---------------------------------------------------------------------
 * The pass over the entries
 * ---------------------------------------------------------------------
 */

static void
doubt(Tally *tally)
{
	tally->is_doubtful = true;
	if (tally->early_room > 0)
		pfree(tally->early);
	tally->early_count = tally->early_room = 0;
}

/* Check that the next entry by number continues the account, and add it. */
static void
append_entry(Tally *tally, const Entry *entry)
{
	TlAmount	expected;

	if (pg_add_s64_overflow(tally->balance, entry->delta, &expected) ||
		entry->balance != expected || entry->created_at < tally->created_at)
	{
		doubt(tally);
		return;
	}
	if (entry->entry_no == 1)
		tally->first_balance = entry->balance;
	tally->entry_no = entry->entry_no;
	tally->balance = entry->balance;
	tally->created_at = entry->created_at;
}

/* Keep an entry that was read too early; a repeated number is doubtful. */
static void
keep_early(Tally *tally, const Entry *entry, MemoryContext context)
{
	int			place = tally->early_count;

	if (entry->entry_no <= tally->entry_no || place == MAX_EARLY)
	{
		doubt(tally);
		return;
	}
	if (place == tally->early_room)
	{
		int			room = Max(FIRST_EARLY, 2 * place);

		if (place == 0)
			tally->early = MemoryContextAlloc(context, room * sizeof(Entry));
		else
			tally->early = repalloc(tally->early, room * sizeof(Entry));
		tally->early_room = room;
	}

	/* an insertion sort: mostly the entry goes to the end */
	while (place > 0 && tally->early[place - 1].entry_no > entry->entry_no)
	{
		tally->early[place] = tally->early[place - 1];
		place--;
	}
	tally->early[place] = *entry;
	tally->early_count++;
}

/* Append waiting entries that now follow. */
static void
take_early(Tally *tally)
{
	int			taken = 0;

	while (taken < tally->early_count &&
		   tally->early[taken].entry_no == tally->entry_no + 1)
	{
		append_entry(tally, &tally->early[taken++]);
		if (tally->is_doubtful)
			return;
	}
	tally->early_count -= taken;
	memmove(tally->early, tally->early + taken,
			tally->early_count * sizeof(Entry));
	if (tally->early_count == 0)
	{
		pfree(tally->early);
		tally->early_room = 0;
	}
}

static void
add_entry(Tally *tally, TupleTableSlot *slot, MemoryContext context)
{
	Entry		entry;

	if (tally->is_doubtful)
		return;
	entry.entry_no =
		DatumGetInt64(tl_column(slot, TL_ENTRY, TL_ENTRY_ENTRY_NO));
	entry.delta = DatumGetAmount(tl_column(slot, TL_ENTRY, TL_ENTRY_DELTA));
	entry.balance =
		DatumGetAmount(tl_column(slot, TL_ENTRY, TL_ENTRY_BALANCE));
	entry.created_at =
		DatumGetTimestampTz(tl_column(slot, TL_ENTRY, TL_ENTRY_CREATED_AT));

	if (entry.entry_no != tally->entry_no + 1)
		keep_early(tally, &entry, context);
	else
	{
		append_entry(tally, &entry);
		if (tally->early_count > 0)
			take_early(tally);
	}
}

static Tally *
find_or_make_tally(tallies_hash *tallies, int64 account_id)
{
	bool		found;
	Tally	   *tally = tallies_insert(tallies, account_id, &found);

	if (!found)
	{
		tally->entry_no = 0;
		tally->first_balance = tally->balance = 0;
		tally->created_at = DT_NOBEGIN;
		tally->early_count = tally->early_room = 0;
		tally->is_doubtful = tally->has_account = false;
	}
	return tally;
}

/*
 * Begin a scan at the first page, never a synchronized scan, because entries
 * are wanted in their order.  Refuses child tables (55000): a SELECT would read
 * their rows, this scan would not.
 */
static TableScanDesc
begin_ordered_scan(Relation table)
{
	if (table->rd_rel->relhassubclass &&
		find_inheritance_children(RelationGetRelid(table), NoLock) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("trainledger.%s has child tables",
						RelationGetRelationName(table)),
				 errdetail("What is in the books is in the table itself."),
				 errhint("Detach them with ALTER TABLE ... NO INHERIT.")));
	return table_beginscan_strat(table, GetActiveSnapshot(), 0, NULL, true,
								 false);
}

/*
 * Add up the entries of a part.  Parallel workers do not report progress; only
 * the leader does.
 */
static void
add_entries(tallies_hash *tallies, Relation table, Part part)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = begin_ordered_scan(table);
	TlProgress	progress;
	int64		done = 0;

	tl_progress_start(&progress,
					  psprintf("entries read, for part %u of %u",
							   part.number + 1, part.count),
					  (int64) Max(table->rd_rel->reltuples, 0));
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		int64		account_id =
			DatumGetInt64(tl_column(slot, TL_ENTRY, TL_ENTRY_ACCOUNT_ID));

		if (is_in_part(account_id, part))
			add_entry(find_or_make_tally(tallies, account_id), slot,
					  tallies->ctx);
		if (IsParallelWorker())
			CHECK_FOR_INTERRUPTS();
		else
			tl_progress_step(&progress, ++done);
	}
	tl_progress_end(&progress);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* ---------------------------------------------------------------------
 * The pass over the accounts
 * ---------------------------------------------------------------------
 */

/* Whether an account agrees with its entries. */
static bool
agrees(const Tally *tally, TupleTableSlot *slot)
{
	return !tally->is_doubtful && tally->early_count == 0 &&
		tally->entry_no ==
		DatumGetInt64(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_ENTRY_COUNT)) &&
		tally->first_balance ==
		DatumGetAmount(tl_column(slot, TL_ACCOUNT,
								 TL_ACCOUNT_INITIAL_BALANCE)) &&
		tally->balance ==
		DatumGetAmount(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_BALANCE)) &&
		tally->created_at ==
		DatumGetTimestampTz(tl_column(slot, TL_ACCOUNT,
									  TL_ACCOUNT_LAST_ENTRY_AT));
}

static void
return_account(ReturnSetInfo *result, int64 account_id)
{
	Datum		value = Int64GetDatum(account_id);
	bool		is_null = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
}

/* Return the accounts of a part that do not agree with their entries. */
static void
compare_accounts(tallies_hash *tallies, Relation table, Part part,
				 ReturnSetInfo *result)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = begin_ordered_scan(table);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		int64		account_id =
			DatumGetInt64(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_ID));
		Tally	   *tally;

		CHECK_FOR_INTERRUPTS();
		if (!is_in_part(account_id, part))
			continue;
		tally = tallies_lookup(tallies, account_id);
		if (tally != NULL)
			tally->has_account = true;
		if (tally == NULL || !agrees(tally, slot))
			return_account(result, account_id);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* Return account ids that have entries but no account. */
static void
return_missing(tallies_hash *tallies, ReturnSetInfo *result)
{
	tallies_iterator at;
	const Tally *tally;

	tallies_start_iterate(tallies, &at);
	while ((tally = tallies_iterate(tallies, &at)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (!tally->has_account)
			return_account(result, tally->account_id);
	}
}

/*
 * doubtful_accounts(part integer, parts integer) returns setof bigint: the ids
 * of doubtful accounts in one part, from 0 to parts - 1, each id once.  Must
 * run as the owner of the extension.
 */
Datum
tl_doubtful_accounts(PG_FUNCTION_ARGS)
{
	Part		part = {
		.number = PG_GETARG_UINT32(0),
		.count = PG_GETARG_UINT32(1),
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TlBooks		books;
	tallies_hash *tallies = tallies_create(CurrentMemoryContext,
										   FIRST_ACCOUNTS, NULL);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	tl_books_open(&books, false);
	add_entries(tallies, books.tables[TL_ENTRY], part);
	compare_accounts(tallies, books.tables[TL_ACCOUNT], part, result);
	return_missing(tallies, result);
	tallies_destroy(tallies);

	/* locks are kept, so account_problems() then reads the same tables */
	tl_books_close(&books);
	return (Datum) 0;
}
