/*-------------------------------------------------------------------------
 *
 * reconcile_scan.c
 *		Which accounts have to be looked at closely?  (contract, section 6:
 *		reconcile)
 *
 * Entries are written in the order of their numbers, so that a table of them
 * has them in that order, account by account, as a rule.  One pass over it
 * then needs no more of an account than where its last entry left it: the next
 * one has to continue that, and the account has to stand where the last one
 * did.  Any account of which this cannot be said is doubtful.  It need not be
 * wrong: room of rows that were never committed is used again, by later
 * entries.  The aggregate entry_chain (reconcile.c) takes entries in any order
 * and says what is wrong; it costs more, and is asked about those alone.
 *
 * Accounts are dealt out to parts by a hash of their ids, for as many processes
 * as there are and as the memory of one can hold.  Each part reads everything
 * and leaves out what is not its own.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/reconcile_scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "progress.h"
#include "trainledger.h"

/* Where the entries of an account have come to */
typedef struct Tally
{
	int64		account_id;
	int64		entry_no;		/* of the last one, 0: none so far */
	TlAmount	first_balance;	/* after the first one */
	TlAmount	balance;		/* after the last one */
	TimestampTz created_at;		/* of the last one */
	bool		is_doubtful;
	bool		has_account;
	char		status;			/* for the hash table */
} Tally;

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

/* Accounts to start the table with; it grows as they come */
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
 * Whether an account belongs to a part.  The high bits of the hash decide; the
 * low ones are left to the hash table.
 */
static bool
is_in_part(int64 account_id, Part part)
{
	return ((uint64) hash_account(account_id) * part.count) >> 32 ==
		part.number;
}

/*
 * The value of a column that has no nulls: tables that were tampered with must
 * not crash the server.
 */
static Datum
column(TupleTableSlot *slot, AttrNumber number)
{
	bool		is_null;
	Datum		value = slot_getattr(slot, number, &is_null);

	if (is_null)
		elog(ERROR, "unexpected null in column %d", number);
	return value;
}

/* ---------------------------------------------------------------------
 * The pass over the entries
 * ---------------------------------------------------------------------
 */

/* Whether an entry continues those before it. */
static bool
continues(const Tally *tally, int64 entry_no, TlAmount delta, TlAmount balance,
		  TimestampTz created_at)
{
	TlAmount	expected;

	return entry_no == tally->entry_no + 1 &&
		!tl_amount_add_overflow(tally->balance, delta, &expected) &&
		balance == expected &&
		created_at >= tally->created_at;
}

static void
add_entry(Tally *tally, TupleTableSlot *slot)
{
	const TlEntryColumns *at = &tl_catalog()->entry_columns;
	int64		entry_no = DatumGetInt64(column(slot, at->entry_no));
	TlAmount	delta = DatumGetAmount(column(slot, at->delta));
	TlAmount	balance = DatumGetAmount(column(slot, at->balance));
	TimestampTz created_at =
		DatumGetTimestampTz(column(slot, at->created_at));

	if (!continues(tally, entry_no, delta, balance, created_at))
		tally->is_doubtful = true;
	if (entry_no == 1)
		tally->first_balance = balance;
	tally->entry_no = entry_no;
	tally->balance = balance;
	tally->created_at = created_at;
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
		tally->is_doubtful = tally->has_account = false;
	}
	return tally;
}

/*
 * A scan from the first page on, whoever else is reading the table: entries
 * are wanted in their order.
 */
static TableScanDesc
begin_ordered_scan(Relation table)
{
	return table_beginscan_strat(table, GetActiveSnapshot(), 0, NULL, true,
								 false);
}

/*
 * Add up the entries of a part.  One process of those that share the work
 * tells how far it is.
 */
static void
add_entries(tallies_hash *tallies, Part part)
{
	const TlCatalog *cat = tl_catalog();
	Relation	table = table_open(cat->entry, AccessShareLock);
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
			DatumGetInt64(column(slot, cat->entry_columns.account_id));

		if (is_in_part(account_id, part))
			add_entry(find_or_make_tally(tallies, account_id), slot);
		if (IsParallelWorker())
			CHECK_FOR_INTERRUPTS();
		else
			tl_progress_step(&progress, ++done);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, AccessShareLock);
}

/* ---------------------------------------------------------------------
 * The pass over the accounts
 * ---------------------------------------------------------------------
 */

/* Whether an account stands where its entries left it. */
static bool
agrees(const Tally *tally, TupleTableSlot *slot)
{
	const TlAccountColumns *at = &tl_catalog()->account_columns;

	return !tally->is_doubtful &&
		tally->entry_no == DatumGetInt64(column(slot, at->entry_count)) &&
		tally->first_balance ==
		DatumGetAmount(column(slot, at->initial_balance)) &&
		tally->balance == DatumGetAmount(column(slot, at->balance)) &&
		tally->created_at ==
		DatumGetTimestampTz(column(slot, at->last_entry_at));
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
compare_accounts(tallies_hash *tallies, Part part, ReturnSetInfo *result)
{
	const TlCatalog *cat = tl_catalog();
	Relation	table = table_open(cat->account, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = begin_ordered_scan(table);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		int64		account_id =
			DatumGetInt64(column(slot, cat->account_columns.id));
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
	table_close(table, AccessShareLock);
}

/* Return those that have entries alone. */
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
 * _doubtful_accounts(part integer, parts integer) returns setof bigint: those
 * of one part, 0, 1 ..., out of so many; each once.  As the owner of the books.
 */
Datum
tl_doubtful_accounts(PG_FUNCTION_ARGS)
{
	Part		part = {
		.number = PG_GETARG_UINT32(0),
		.count = PG_GETARG_UINT32(1),
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	tallies_hash *tallies = tallies_create(CurrentMemoryContext,
										   FIRST_ACCOUNTS, NULL);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	add_entries(tallies, part);
	compare_accounts(tallies, part, result);
	return_missing(tallies, result);
	tallies_destroy(tallies);
	return (Datum) 0;
}
