/*-------------------------------------------------------------------------
 *
 * ledger_read.c
 *		How the ledger reads its rows.
 *
 * Rows are read by an index scan of our own, under the active snapshot: that
 * is what the executor would do for a SELECT by key, predicate locks of
 * SERIALIZABLE included, without its cost.  Row-level security does not
 * apply, as the engine acts as the owner of the tables.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rangetypes.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "ledger.h"

/* One column of an index key: the value and the equality to compare with */
typedef struct KeyPart
{
	Oid			equals;
	Datum		value;
} KeyPart;

#define MAX_KEY_PARTS	3

/* Fewer accounts than these are looked up one by one. */
#define MIN_WALKED		64

/*
 * Entries of the index that a walk may pass for each account: to go down from
 * the root costs about as much.  It starts with some more, as accounts that are
 * picked at random lie now closer together and now farther apart.
 */
#define STEPS_PER_ACCOUNT	16
#define STEPS_AT_START		256

/* ---------------------------------------------------------------------
 * Index scans
 * ---------------------------------------------------------------------
 */

static IndexScanDesc
begin_scan(Relation heap, Oid index_id, int key_columns)
{
	Relation	index = index_open(index_id, AccessShareLock);

	return tl_index_beginscan(heap, index, GetActiveSnapshot(), key_columns);
}

static void
end_scan(IndexScanDesc scan)
{
	Relation	index = scan->indexRelation;

	index_endscan(scan);
	index_close(index, NoLock);
}

/*
 * Make a scan, under the active snapshot, one of the rows whose first key
 * columns have these values.
 */
static void
seek(IndexScanDesc scan, const KeyPart *parts, int count)
{
	ScanKeyData keys[MAX_KEY_PARTS];

	for (int i = 0; i < count; i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber,
							   InvalidOid,
							   scan->indexRelation->rd_indcollation[i],
							   parts[i].equals, parts[i].value);
	scan->xs_snapshot = GetActiveSnapshot();
	index_rescan(scan, keys, count, NULL, 0);
}

/*
 * Fetch the row with a unique key into slot.  The row stays in its buffer:
 * the caller copies what it needs and clears the slot.  The scan is kept for
 * the next look-up by the same key, as batches have many.
 */
static bool
fetch_row(TlBooks *books, TlLookup lookup, Relation heap, Oid index_id,
		  const KeyPart *parts, int count, TupleTableSlot *slot)
{
	if (books->lookups[lookup] == NULL)
		books->lookups[lookup] = begin_scan(heap, index_id, count);
	seek(books->lookups[lookup], parts, count);
	return index_getnext_slot(books->lookups[lookup], ForwardScanDirection,
							  slot);
}

/* ---------------------------------------------------------------------
 * Tables and snapshots
 * ---------------------------------------------------------------------
 */

void
tl_books_open(TlBooks *books)
{
	const TlCatalog *cat = tl_catalog();

	books->account = table_open(cat->account, RowExclusiveLock);
	books->entry = table_open(cat->entry, RowExclusiveLock);
	books->token_type = table_open(cat->token_type, AccessShareLock);
	books->party = table_open(cat->party, AccessShareLock);
	books->account_slot = table_slot_create(books->account, NULL);
	books->entry_slot = table_slot_create(books->entry, NULL);
	books->type_slot = table_slot_create(books->token_type, NULL);
	books->party_slot = table_slot_create(books->party, NULL);
	memset(books->lookups, 0, sizeof(books->lookups));
	books->walk.scan = NULL;
	books->is_direct = tl_direct_applies(books);
}

/* Locks are kept until the transaction ends. */
void
tl_books_close(TlBooks *books)
{
	for (int i = 0; i < TL_LOOKUP_COUNT; i++)
	{
		if (books->lookups[i] != NULL)
			end_scan(books->lookups[i]);
	}
	ExecDropSingleTupleTableSlot(books->account_slot);
	ExecDropSingleTupleTableSlot(books->entry_slot);
	ExecDropSingleTupleTableSlot(books->type_slot);
	ExecDropSingleTupleTableSlot(books->party_slot);
	table_close(books->account, NoLock);
	table_close(books->entry, NoLock);
	table_close(books->token_type, NoLock);
	table_close(books->party, NoLock);
}

/*
 * Make a snapshot active that sees what this transaction has done so far:
 * that of the running statement, or a fresh one.
 */
void
tl_books_push_snapshot(bool fresh)
{
	CommandCounterIncrement();
	PushCopiedSnapshot(fresh ? GetTransactionSnapshot() : GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
}

void
tl_books_pop_snapshot(void)
{
	PopActiveSnapshot();
}

/* ---------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------
 */

/* A copy of a text column, NULL where it is null */
static text *
text_column(TupleTableSlot *slot, AttrNumber attnum)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, attnum, &isnull);

	return isnull ? NULL : DatumGetTextPCopy(value);
}

/* The bounds of a token type from their range */
static void
read_bounds(Datum value, TlTokenType *type)
{
	RangeType  *range = DatumGetRangeTypeP(value);
	TypeCacheEntry *cache = lookup_type_cache(RangeTypeGetOid(range),
											  TYPECACHE_RANGE_INFO);
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;

	range_deserialize(cache, range, &lower, &upper, &empty);
	type->has_lower = !lower.infinite;
	type->has_upper = !upper.infinite;
	type->lower_inclusive = lower.inclusive;
	type->upper_inclusive = upper.inclusive;
	type->lower = lower.infinite ? 0 : DatumGetAmount(lower.val);
	type->upper = upper.infinite ? 0 : DatumGetAmount(upper.val);
	if (empty)
		elog(ERROR, "token type has empty bounds");
}

static void
take_type(TupleTableSlot *slot, TlTokenType *type)
{
	const TlCatalog *cat = tl_catalog();
	const TlTypeColumns *columns = &cat->type_columns;

	type->id = *DatumGetUUIDP(tl_column(slot, columns->id));
	type->is_credit =
		DatumGetObjectId(tl_column(slot, columns->kind)) == cat->kind_credit;
	type->scale = DatumGetInt32(tl_column(slot, columns->scale));
	type->is_active = DatumGetBool(tl_column(slot, columns->is_active));
	type->is_archived = DatumGetBool(tl_column(slot, columns->is_archived));
	read_bounds(tl_column(slot, columns->bounds), type);
	ExecClearTuple(slot);
}

bool
tl_read_type(TlBooks *books, const pg_uuid_t *id, TlTokenType *type)
{
	KeyPart		key = {F_UUID_EQ, UUIDPGetDatum(id)};

	if (!fetch_row(books, TL_TYPE_BY_ID, books->token_type,
				   tl_catalog()->token_type_pkey, &key, 1, books->type_slot))
		return false;
	take_type(books->type_slot, type);
	return true;
}

bool
tl_read_credit_type(TlBooks *books, text *name, TlTokenType *type)
{
	const TlCatalog *cat = tl_catalog();
	KeyPart		key[] = {
		{F_ENUM_EQ, ObjectIdGetDatum(cat->kind_credit)},
		{F_TEXTEQ, PointerGetDatum(name)},
	};

	if (!fetch_row(books, TL_TYPE_BY_NAME, books->token_type,
				   cat->token_type_name_key, key, 2, books->type_slot))
		return false;
	take_type(books->type_slot, type);
	return true;
}

static void
take_account(TupleTableSlot *slot, TlAccount *account)
{
	const TlAccountColumns *columns = &tl_catalog()->account_columns;

	account->id = DatumGetInt64(tl_column(slot, columns->id));
	account->party_id = DatumGetInt64(tl_column(slot, columns->party_id));
	account->token_type_id =
		*DatumGetUUIDP(tl_column(slot, columns->token_type_id));
	account->is_lot = slot_attisnull(slot, columns->name);
	account->balance = DatumGetAmount(tl_column(slot, columns->balance));
	account->entry_count = DatumGetInt64(tl_column(slot, columns->entry_count));
	account->last_entry_at =
		DatumGetTimestampTz(tl_column(slot, columns->last_entry_at));
	account->row = ExecCopySlotHeapTuple(slot);
	account->entries_read = account->entry_count;
	ExecClearTuple(slot);
}

/* To the next entry of the index, which may be of a dead or unseen version */
static void
take_step(TlWalk *walk)
{
	bool		isnull;

	CHECK_FOR_INTERRUPTS();
	walk->steps--;
	walk->at_end = index_getnext_tid(walk->scan, ForwardScanDirection) == NULL;
	if (!walk->at_end)
		walk->id = DatumGetInt64(index_getattr(walk->scan->xs_itup, 1,
											   walk->scan->xs_itupdesc,
											   &isnull));
}

/*
 * Have accounts read on the way along the primary key, rather than down from
 * its root each time.  Their ids have to ascend from the first one, under one
 * snapshot.  Where they are few or far apart they are looked up as before.
 */
void
tl_walk_accounts(TlBooks *books, int64 first_id, int count)
{
	TlWalk	   *walk = &books->walk;
	ScanKeyData key;

	if (count < MIN_WALKED)
		return;
	walk->scan = begin_scan(books->account, tl_catalog()->account_pkey, 1);
	walk->scan->xs_want_itup = true;
	ScanKeyInit(&key, 1, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(first_id));
	index_rescan(walk->scan, &key, 1, NULL, 0);
	walk->steps = STEPS_AT_START;
	take_step(walk);
}

void
tl_end_walk(TlBooks *books)
{
	if (books->walk.scan != NULL)
		end_scan(books->walk.scan);
	books->walk.scan = NULL;
}

/* Whether the walk comes to where this id is, or would be; else it is over. */
static bool
walk_to(TlBooks *books, int64 id)
{
	TlWalk	   *walk = &books->walk;

	if (walk->scan == NULL)
		return false;
	walk->steps += STEPS_PER_ACCOUNT;
	while (!walk->at_end && walk->id < id && walk->steps > 0)
		take_step(walk);
	if (!walk->at_end && walk->id < id)
		tl_end_walk(books);
	return walk->scan != NULL;
}

/* Fetch the row with the id that the walk came to, if it is there. */
static bool
fetch_walked(TlWalk *walk, int64 id, TupleTableSlot *slot)
{
	while (!walk->at_end && walk->id == id)
	{
		if (index_fetch_heap(walk->scan, slot))
			return true;
		take_step(walk);
	}
	return false;
}

bool
tl_read_account(TlBooks *books, int64 id, TlAccount *account)
{
	KeyPart		key = {F_INT8EQ, Int64GetDatum(id)};
	bool		found;

	found = walk_to(books, id) ?
		fetch_walked(&books->walk, id, books->account_slot) :
		fetch_row(books, TL_ACCOUNT_BY_ID, books->account,
				  tl_catalog()->account_pkey, &key, 1, books->account_slot);
	if (found)
		take_account(books->account_slot, account);
	return found;
}

bool
tl_read_named_account(TlBooks *books, int64 party_id,
					  const pg_uuid_t *token_type_id, text *name,
					  TlAccount *account)
{
	KeyPart		key[] = {
		{F_INT8EQ, Int64GetDatum(party_id)},
		{F_UUID_EQ, UUIDPGetDatum(token_type_id)},
		{F_TEXTEQ, PointerGetDatum(name)},
	};

	if (!fetch_row(books, TL_ACCOUNT_BY_NAME, books->account,
				   tl_catalog()->account_key, key, 3, books->account_slot))
		return false;
	take_account(books->account_slot, account);
	return true;
}

bool
tl_read_party(TlBooks *books, int64 id, bool *is_suspended)
{
	const TlCatalog *cat = tl_catalog();
	KeyPart		key = {F_INT8EQ, Int64GetDatum(id)};

	if (!fetch_row(books, TL_PARTY_BY_ID, books->party, cat->party_pkey, &key,
				   1, books->party_slot))
		return false;
	*is_suspended = DatumGetBool(tl_column(books->party_slot,
										cat->party_is_suspended));
	ExecClearTuple(books->party_slot);
	return true;
}

/* The same of a party that is there, without visiting those that are not. */
bool
tl_is_suspended(TlBooks *books, int64 party_id)
{
	KeyPart		key = {F_INT8EQ, Int64GetDatum(party_id)};
	bool		found = fetch_row(books, TL_SUSPENDED_PARTY, books->party,
								  tl_catalog()->party_suspended, &key, 1,
								  books->party_slot);

	ExecClearTuple(books->party_slot);
	return found;
}

/* Whether there is a suspended party at all */
bool
tl_is_any_suspended(TlBooks *books)
{
	IndexScanDesc scan = begin_scan(books->party,
									tl_catalog()->party_suspended, 0);
	bool		found;

	seek(scan, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, books->party_slot);
	ExecClearTuple(books->party_slot);
	end_scan(scan);
	return found;
}

static void
take_entry(TupleTableSlot *slot, TlEntry *entry)
{
	const TlEntryColumns *columns = &tl_catalog()->entry_columns;

	memset(entry, 0, sizeof(*entry));
	entry->account_id = DatumGetInt64(tl_column(slot, columns->account_id));
	entry->entry_no = DatumGetInt64(tl_column(slot, columns->entry_no));
	entry->delta = DatumGetAmount(tl_column(slot, columns->delta));
	entry->balance = DatumGetAmount(tl_column(slot, columns->balance));
	entry->created_at =
		DatumGetTimestampTz(tl_column(slot, columns->created_at));
	entry->has_recorded_at = !slot_attisnull(slot, columns->recorded_at);
	if (entry->has_recorded_at)
		entry->recorded_at =
			DatumGetTimestampTz(tl_column(slot, columns->recorded_at));
	entry->has_dedup = !slot_attisnull(slot, columns->dedup);
	if (entry->has_dedup)
		entry->dedup = *DatumGetUUIDP(tl_column(slot, columns->dedup));
	entry->operation =
		tl_operation_from_oid(DatumGetObjectId(tl_column(slot,
													  columns->operation)));
	if (!slot_attisnull(slot, columns->keyed_call))
		entry->keyed_call = DatumGetChar(tl_column(slot, columns->keyed_call));
	entry->source = text_column(slot, columns->source);
	entry->description = text_column(slot, columns->description);
	entry->device = text_column(slot, columns->device);
	entry->booked_by = text_column(slot, columns->booked_by);
	ExecClearTuple(slot);
}

/* The entry of an account with this idempotency key or fingerprint */
bool
tl_read_dedup(TlBooks *books, const pg_uuid_t *dedup, int64 account_id,
			  TlEntry *entry)
{
	KeyPart		key[] = {
		{F_UUID_EQ, UUIDPGetDatum(dedup)},
		{F_INT8EQ, Int64GetDatum(account_id)},
	};

	if (!fetch_row(books, TL_ENTRY_BY_DEDUP, books->entry,
				   tl_catalog()->entry_dedup, key, 2, books->entry_slot))
		return false;
	take_entry(books->entry_slot, entry);
	return true;
}

/* An entry with this idempotency key on any account of a party */
bool
tl_read_party_key(TlBooks *books, const pg_uuid_t *key, int64 party_id,
				  TlEntry *entry)
{
	KeyPart		part = {F_UUID_EQ, UUIDPGetDatum(key)};
	IndexScanDesc scan = begin_scan(books->entry, tl_catalog()->entry_dedup,
									1);
	bool		found = false;

	seek(scan, &part, 1);
	while (!found &&
		   index_getnext_slot(scan, ForwardScanDirection, books->entry_slot))
	{
		TlAccount	account;

		CHECK_FOR_INTERRUPTS();
		take_entry(books->entry_slot, entry);
		found = entry->keyed_call != 0 &&
			tl_read_account(books, entry->account_id, &account) &&
			account.party_id == party_id;
	}
	end_scan(scan);
	return found;
}
