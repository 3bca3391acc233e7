/*-------------------------------------------------------------------------
 *
 * read.c
 *		How the ledger reads its rows: token types, accounts, parties, entries.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "ledger/rows.h"

/* Fewer accounts than this are looked up one by one. */
#define MIN_WALKED		64

/*
 * Index entries that a walk may pass per account.  A descent from the root
 * costs about as much.  The walk starts with a reserve, because the distances
 * between accounts picked at random vary.
 */
#define STEPS_PER_ACCOUNT	16
#define STEPS_AT_START		256

/* Read the bounds of a token type from their range; an empty one is 55000. */
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
	if (empty)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("token type has empty bounds"),
				 errdetail("No balance is within them."),
				 errhint("Use update_token_type to set bounds, and add the constraint token_type_bounds_check again.")));
	type->lower = lower.infinite ? TL_AMOUNT_MIN : DatumGetAmount(lower.val);
	type->upper = upper.infinite ? TL_AMOUNT_MAX : DatumGetAmount(upper.val);
	type->lower_inclusive = lower.infinite || lower.inclusive;
	type->upper_inclusive = upper.infinite || upper.inclusive;
}

static bool
take_type(TupleTableSlot *slot, TlTokenType *type)
{
	if (slot == NULL)
		return false;
	type->id = *DatumGetUUIDP(tl_column(slot, TL_TOKEN_TYPE, TL_TYPE_ID));
	type->scale = DatumGetInt32(tl_column(slot, TL_TOKEN_TYPE, TL_TYPE_SCALE));
	if (type->scale < 0 || type->scale > TL_AMOUNT_SCALE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("token type has a scale of %d", type->scale),
				 errdetail("An amount has from 0 to %d decimals.",
						   TL_AMOUNT_SCALE),
				 errhint("Set the scale right in trainledger.token_type, and add the constraint token_type_scale_check again.")));
	type->is_active =
		DatumGetBool(tl_column(slot, TL_TOKEN_TYPE, TL_TYPE_IS_ACTIVE));
	type->is_archived =
		DatumGetBool(tl_column(slot, TL_TOKEN_TYPE, TL_TYPE_IS_ARCHIVED));
	read_bounds(tl_column(slot, TL_TOKEN_TYPE, TL_TYPE_BOUNDS), type);
	ExecClearTuple(slot);
	return true;
}

bool
tl_read_type(TlBooks *books, const pg_uuid_t *id, TlTokenType *type)
{
	Datum		key = UUIDPGetDatum(id);

	return take_type(tl_fetch(books, TL_TYPE_BY_ID, &key), type);
}

bool
tl_read_credit_type(TlBooks *books, text *name, TlTokenType *type)
{
	Datum		key[] = {
		ObjectIdGetDatum(tl_catalog()->kind_credit),
		PointerGetDatum(name),
	};

	return take_type(tl_fetch(books, TL_TYPE_BY_NAME, key), type);
}

static bool
take_account(TupleTableSlot *slot, TlAccount *account)
{
	if (slot == NULL)
		return false;
	account->id = DatumGetInt64(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_ID));
	account->party_id =
		DatumGetInt64(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_PARTY_ID));
	account->token_type_id =
		*DatumGetUUIDP(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_TOKEN_TYPE_ID));
	account->is_lot = slot_attisnull(slot,
									 tl_attnum(TL_ACCOUNT, TL_ACCOUNT_NAME));
	account->balance =
		DatumGetAmount(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_BALANCE));
	account->held =
		DatumGetAmount(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_HELD));
	account->lapsed = 0;
	account->knows_lapsed = false;
	account->entry_count =
		DatumGetInt64(tl_column(slot, TL_ACCOUNT, TL_ACCOUNT_ENTRY_COUNT));
	account->last_entry_at =
		DatumGetTimestampTz(tl_column(slot, TL_ACCOUNT,
									  TL_ACCOUNT_LAST_ENTRY_AT));
	account->row = ExecCopySlotHeapTuple(slot);
	ExecClearTuple(slot);
	return true;
}

/* Go to the next index entry; its row may be dead or invisible. */
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
 * Let tl_read_account() walk along the primary key, instead of descending from
 * the root for each account.  The caller must ask for ascending ids, starting
 * with first_id, under one snapshot.  Accounts that are few or far apart are
 * looked up one by one.
 */
void
tl_walk_accounts(TlBooks *books, int64 first_id, int count)
{
	const TlAccessPath *path = &books->paths[TL_ACCOUNT_BY_ID];
	TlWalk	   *walk = &books->walk;
	ScanKeyData key;

	if (count < MIN_WALKED || !OidIsValid(path->index) || !path->ascends)
		return;
	walk->scan = tl_open_index_scan(books, TL_ACCOUNT_BY_ID, 1);
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
	TlScan		scan = {.by_index = books->walk.scan};

	tl_end_scan(&scan);
	books->walk.scan = NULL;
}

/*
 * Walk to the position of this id.  False: not walking, or the position is too
 * far and the walk has ended.
 */
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

/* Fetch the visible row with this id at the walk's position, if any. */
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
	TupleTableSlot *slot = books->slots[TL_ACCOUNT];
	Datum		key = Int64GetDatum(id);

	if (!walk_to(books, id))
		slot = tl_fetch(books, TL_ACCOUNT_BY_ID, &key);
	else if (!fetch_walked(&books->walk, id, slot))
		slot = NULL;
	return take_account(slot, account);
}

bool
tl_read_named_account(TlBooks *books, int64 party_id,
					  const pg_uuid_t *token_type_id, text *name,
					  TlAccount *account)
{
	Datum		key[] = {
		Int64GetDatum(party_id),
		UUIDPGetDatum(token_type_id),
		PointerGetDatum(name),
	};

	return take_account(tl_fetch(books, TL_ACCOUNT_BY_NAME, key), account);
}

static bool
take_party(TupleTableSlot *slot, bool *is_suspended)
{
	if (slot == NULL)
		return false;
	*is_suspended =
		DatumGetBool(tl_column(slot, TL_PARTY, TL_PARTY_IS_SUSPENDED));
	ExecClearTuple(slot);
	return true;
}

bool
tl_read_party(TlBooks *books, int64 id, bool *is_suspended)
{
	Datum		key = Int64GetDatum(id);

	return take_party(tl_fetch(books, TL_PARTY_BY_ID, &key), is_suspended);
}

/*
 * Whether a party is suspended.  With the partial index of suspended parties,
 * the rows of all others need not be read.
 */
bool
tl_is_suspended(TlBooks *books, int64 party_id)
{
	Datum		key = Int64GetDatum(party_id);
	TlLookup	lookup =
		OidIsValid(books->paths[TL_SUSPENDED_PARTY].index) ?
			TL_SUSPENDED_PARTY :
			TL_PARTY_BY_ID;
	bool		is_suspended;

	return take_party(tl_fetch(books, lookup, &key), &is_suspended) &&
		is_suspended;
}

/* Whether any party may be suspended; true if that is not known */
bool
tl_is_any_suspended(TlBooks *books)
{
	TlScan		scan = {0};
	TupleTableSlot *slot;

	if (!OidIsValid(books->paths[TL_SUSPENDED_PARTY].index))
		return true;
	scan.by_index = tl_open_index_scan(books, TL_SUSPENDED_PARTY, 0);
	index_rescan(scan.by_index, NULL, 0, NULL, 0);
	slot = tl_next(books, TL_SUSPENDED_PARTY, &scan);
	if (slot != NULL)
		ExecClearTuple(slot);
	tl_end_scan(&scan);
	return slot != NULL;
}

static bool
take_entry(TupleTableSlot *slot, TlEntry *entry)
{
	if (slot == NULL)
		return false;
	tl_take_entry(slot, entry);
	ExecClearTuple(slot);
	return true;
}

/* Find the entry of an account with this idempotency key or fingerprint. */
bool
tl_read_dedup(TlBooks *books, const pg_uuid_t *dedup, int64 account_id,
			  TlEntry *entry)
{
	Datum		key[] = {UUIDPGetDatum(dedup), Int64GetDatum(account_id)};

	return take_entry(tl_fetch(books, TL_ENTRY_BY_DEDUP, key), entry);
}

/* Find an entry with this idempotency key on any account of a party. */
bool
tl_read_party_key(TlBooks *books, const pg_uuid_t *key, int64 party_id,
				  TlEntry *entry)
{
	Datum		value = UUIDPGetDatum(key);
	TlScan		scan = {0};
	bool		found = false;

	tl_seek(books, TL_ENTRY_BY_KEY, &value, &scan);
	while (!found &&
		   take_entry(tl_next(books, TL_ENTRY_BY_KEY, &scan), entry))
	{
		TlAccount	account;

		CHECK_FOR_INTERRUPTS();
		found = entry->keyed_call != 0 &&
			tl_read_account(books, entry->account_id, &account) &&
			account.party_id == party_id;
	}
	tl_end_scan(&scan);
	return found;
}
