/*-------------------------------------------------------------------------
 *
 * ledger_store.c
 *		How the ledger reads and writes its rows: every statement of the
 *		engine stands here.
 *
 * Rows are read by an index scan of our own, under the active snapshot: that
 * is what the executor would do for a SELECT by key, predicate locks of
 * SERIALIZABLE included, without its cost.  Row-level security does not
 * apply, as the engine acts as the owner of the tables.
 *
 * Postings are written by ledger_direct.c, as a rule, which says when.  The
 * rest is written with SQL through SPI, so that triggers, constraints,
 * isolation and logical replication are as for any statement.  The texts are
 * qualified down to the operators, for they run under the caller's
 * search_path.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger_store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
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

/*
 * True from when a statement of the engine is about to update accounts until
 * the guard has let it pass
 */
static bool is_posting = false;

/*
 * For the guard: whether the update that is starting is the engine's.  The
 * pass is for one statement; what a user's trigger does in it has none.
 */
bool
tl_take_pass(void)
{
	bool		pass = is_posting;

	is_posting = false;
	return pass;
}

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

bool
tl_read_account(TlBooks *books, int64 id, TlAccount *account)
{
	KeyPart		key = {F_INT8EQ, Int64GetDatum(id)};

	if (!fetch_row(books, TL_ACCOUNT_BY_ID, books->account,
				   tl_catalog()->account_pkey, &key, 1, books->account_slot))
		return false;
	take_account(books->account_slot, account);
	return true;
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

/* ---------------------------------------------------------------------
 * Writing
 * ---------------------------------------------------------------------
 */

typedef enum Statement
{
	UPDATE_ACCOUNT,
	INSERT_ENTRY,
	INSERT_ACCOUNT,
	INSERT_DEFAULT_TYPE,
	LOCK_ACCOUNT,
	LOCK_PARTY
} Statement;

#define STATEMENT_COUNT		(LOCK_PARTY + 1)
#define MAX_PARAMETERS		ENTRY_COLUMN_COUNT

/* Stand-ins for type OIDs that are known only at run time */
#define AMOUNT		((Oid) 1)
#define OPERATION	((Oid) 2)

#define ENTRY_COLUMN_COUNT	13

/* clang-format off */
static const struct
{
	const char *text;
	int			count;
	Oid			types[MAX_PARAMETERS];
}			statements[STATEMENT_COUNT] =
{
	[UPDATE_ACCOUNT] = {
		"UPDATE trainledger.account"
		" SET balance = $2, entry_count = $3, last_entry_at = $4"
		" WHERE id OPERATOR(pg_catalog.=) $1"
		" AND entry_count OPERATOR(pg_catalog.=) $5",
		5, {INT8OID, AMOUNT, INT8OID, TIMESTAMPTZOID, INT8OID}
	},
	[INSERT_ENTRY] = {
		"INSERT INTO trainledger.entry (account_id, entry_no, delta, balance,"
		" created_at, recorded_at, dedup, operation, keyed_call, source,"
		" description, device, booked_by)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
		ENTRY_COLUMN_COUNT, {INT8OID, INT8OID, AMOUNT, AMOUNT, TIMESTAMPTZOID,
			TIMESTAMPTZOID, UUIDOID, OPERATION, CHAROID, TEXTOID, TEXTOID,
		TEXTOID, TEXTOID}
	},
	[INSERT_ACCOUNT] = {
		"INSERT INTO trainledger.account (id, party_id, token_type_id,"
		" created_at, initial_balance, balance, entry_count, last_entry_at,"
		" name) VALUES ($1, $2, $3, $4, $5, $5, 1, $4, $6)"
		" ON CONFLICT DO NOTHING",
		6, {INT8OID, INT8OID, UUIDOID, TIMESTAMPTZOID, AMOUNT, TEXTOID}
	},
	[INSERT_DEFAULT_TYPE] = {
		"INSERT INTO trainledger.token_type (id, kind, name, scale,"
		" created_at) VALUES (pg_catalog.gen_random_uuid(), 'credit',"
		" 'default', 2, $1) ON CONFLICT DO NOTHING RETURNING id",
		1, {TIMESTAMPTZOID}
	},
	[LOCK_ACCOUNT] = {
		"SELECT FROM trainledger.account"
		" WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[LOCK_PARTY] = {
		"SELECT FROM trainledger.party"
		" WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
		1, {INT8OID}
	}
};
/* clang-format on */

static Oid
parameter_type(Oid type)
{
	const TlCatalog *cat = tl_catalog();

	switch (type)
	{
		case AMOUNT:
			return cat->amount_type;
		case OPERATION:
			return cat->operation_type;
		default:
			return type;
	}
}

/*
 * The saved plan of a statement, made at its first use in the session.  Kept
 * out of run(), whose locals have to live through a longjmp.
 */
static pg_noinline SPIPlanPtr
get_plan(Statement statement)
{
	static SPIPlanPtr plans[STATEMENT_COUNT];
	static Oid	plans_for_amount = InvalidOid;
	const TlCatalog *cat = tl_catalog();

	/* The extension was made anew: parameters have other types */
	if (plans_for_amount != cat->amount_type)
	{
		for (int i = 0; i < STATEMENT_COUNT; i++)
		{
			if (plans[i] != NULL)
				SPI_freeplan(plans[i]);
			plans[i] = NULL;
		}
		plans_for_amount = cat->amount_type;
	}

	if (plans[statement] == NULL)
	{
		Oid			types[MAX_PARAMETERS];
		SPIPlanPtr	plan;

		for (int i = 0; i < statements[statement].count; i++)
			types[i] = parameter_type(statements[statement].types[i]);
		/* their plans do not depend on the values */
		plan = SPI_prepare_cursor(statements[statement].text,
								  statements[statement].count, types,
								  CURSOR_OPT_GENERIC_PLAN);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare: %s",
				 SPI_result_code_string(SPI_result));
		plans[statement] = plan;	/* published last */
	}
	return plans[statement];
}

/*
 * Run a statement under the active snapshot and return the number of rows.
 * nulls has a letter per parameter, or is NULL.  Connected to SPI.
 */
static uint64
run(Statement statement, Datum *values, const char *nulls, int expected)
{
	SPIPlanPtr	plan = get_plan(statement);
	int			result;

	is_posting = (statement == UPDATE_ACCOUNT);
	PG_TRY();
	{
		result = SPI_execute_snapshot(plan, values, nulls,
									  GetActiveSnapshot(), InvalidSnapshot,
									  false, true, 0);
	}
	PG_FINALLY();
	{
		is_posting = false;
	}
	PG_END_TRY();
	if (result != expected)
		elog(ERROR, "unexpected result of a statement: %s",
			 SPI_result_code_string(result));
	return SPI_processed;
}

/* Connected to SPI */
static void
insert_entry(const TlEntry *entry)
{
	const TlCatalog *cat = tl_catalog();
	char		nulls[] = "             ";
	Datum		values[] = {
		Int64GetDatum(entry->account_id),
		Int64GetDatum(entry->entry_no),
		AmountGetDatum(entry->delta),
		AmountGetDatum(entry->balance),
		TimestampTzGetDatum(entry->created_at),
		TimestampTzGetDatum(entry->recorded_at),
		UUIDPGetDatum(&entry->dedup),
		ObjectIdGetDatum(cat->operations[entry->operation]),
		CharGetDatum(entry->keyed_call),
		PointerGetDatum(entry->source),
		PointerGetDatum(entry->description),
		PointerGetDatum(entry->device),
		PointerGetDatum(entry->booked_by),
	};

	StaticAssertStmt(sizeof(nulls) == ENTRY_COLUMN_COUNT + 1,
					 "one letter per column");
	if (!entry->has_recorded_at)
		nulls[5] = 'n';
	if (!entry->has_dedup)
		nulls[6] = 'n';
	if (entry->keyed_call == 0)
		nulls[8] = 'n';
	if (entry->device == NULL)
		nulls[11] = 'n';
	if (run(INSERT_ENTRY, values, nulls, SPI_OK_INSERT) != 1)
		elog(ERROR, "entry was not inserted");
}

/* Connected to SPI; false: the account has changed since it was read. */
static bool
update_account(const TlAccount *account)
{
	Datum		values[] = {
		Int64GetDatum(account->id),
		AmountGetDatum(account->balance),
		Int64GetDatum(account->entry_count),
		TimestampTzGetDatum(account->last_entry_at),
		Int64GetDatum(account->entries_read),
	};

	return run(UPDATE_ACCOUNT, values, NULL, SPI_OK_UPDATE) == 1;
}

/*
 * Write accounts as they stand after entries, and then the entries.  Returns
 * how many accounts were updated: if not all of them, the next one has changed
 * since it was read, and no entry was written.
 */
int
tl_write_postings(TlBooks *books, const TlAccount *const *accounts,
				  int account_count, const TlEntry *const *entries,
				  int entry_count)
{
	int			updated = 0;

	if (books->is_direct)
		return tl_direct_write(books, accounts, account_count, entries,
							   entry_count);

	SPI_connect();
	while (updated < account_count && update_account(accounts[updated]))
		updated++;
	for (int i = 0; updated == account_count && i < entry_count; i++)
		insert_entry(entries[i]);
	SPI_finish();
	return updated;
}

/*
 * Open an account with its first entry, whose account_id is filled in.
 * False: the account is there already and nothing was written.
 */
bool
tl_write_account(TlEntry *entry, int64 party_id,
				 const pg_uuid_t *token_type_id, text *name)
{
	int64		id = tl_make_id(tl_catalog()->account_id_seq, party_id);
	Datum		values[] = {
		Int64GetDatum(id),
		Int64GetDatum(party_id),
		UUIDPGetDatum(token_type_id),
		TimestampTzGetDatum(entry->created_at),
		AmountGetDatum(entry->balance),
		PointerGetDatum(name),
	};
	bool		written;

	entry->account_id = id;
	SPI_connect();
	written = run(INSERT_ACCOUNT, values, name ? NULL : "     n",
				  SPI_OK_INSERT) == 1;
	if (written)
		insert_entry(entry);
	SPI_finish();
	return written;
}

/*
 * Make the credit token type "default" (contract, section 7).  False: it is
 * there already.
 */
bool
tl_write_default_type(TimestampTz now, pg_uuid_t *id)
{
	Datum		value = TimestampTzGetDatum(now);
	bool		written;

	SPI_connect();
	written = run(INSERT_DEFAULT_TYPE, &value, NULL,
				  SPI_OK_INSERT_RETURNING) == 1;
	if (written)
	{
		bool		isnull;

		*id = *DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1,
										   &isnull));
	}
	SPI_finish();
	return written;
}

/*
 * Wait for the row of an account and lock it until the transaction ends.  To
 * come back for the one that was locked last means that no wait will help: a
 * trigger keeps the row from being updated.
 */
void
tl_lock_account(int64 id, int64 locked_id)
{
	Datum		value = Int64GetDatum(id);

	if (id == locked_id)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("account %lld was not updated", (long long) id),
				 errdetail("It is locked, and the update found no row."),
				 errhint("Look for a trigger or rule on trainledger.account.")));
	tl_books_push_snapshot(true);
	SPI_connect();
	run(LOCK_ACCOUNT, &value, NULL, SPI_OK_SELECT);
	SPI_finish();
	tl_books_pop_snapshot();
}

/*
 * Keep others from opening accounts of a party with an idempotency key until
 * the transaction ends.  True: somebody was faster with this key, though the
 * snapshot of the transaction may be too old to see it.
 */
bool
tl_lock_party_key(TlBooks *books, const pg_uuid_t *key, int64 party_id)
{
	Datum		value = Int64GetDatum(party_id);
	TlEntry		ignored;
	bool		found;

	tl_books_push_snapshot(true);
	SPI_connect();
	run(LOCK_PARTY, &value, NULL, SPI_OK_SELECT);
	SPI_finish();
	tl_books_pop_snapshot();

	PushActiveSnapshot(GetLatestSnapshot());
	found = tl_read_party_key(books, key, party_id, &ignored);
	PopActiveSnapshot();
	return found;
}

/*
 * The columns of an entry, found by name, as those of a row of so many; texts
 * are not copied.
 */
void
tl_entry_values(const TlEntry *entry, int column_count, Datum *values,
				bool *nulls)
{
	const TlCatalog *cat = tl_catalog();
	const TlEntryColumns *columns = &cat->entry_columns;

	memset(values, 0, column_count * sizeof(Datum));
	memset(nulls, true, column_count * sizeof(bool));

#define SET(name, datum, is_set) \
	do \
	{ \
		values[columns->name - 1] = (datum); \
		nulls[columns->name - 1] = !(is_set); \
	} while (0)

	SET(account_id, Int64GetDatum(entry->account_id), true);
	SET(entry_no, Int64GetDatum(entry->entry_no), true);
	SET(delta, AmountGetDatum(entry->delta), true);
	SET(balance, AmountGetDatum(entry->balance), true);
	SET(created_at, TimestampTzGetDatum(entry->created_at), true);
	SET(recorded_at, TimestampTzGetDatum(entry->recorded_at),
		entry->has_recorded_at);
	SET(dedup, UUIDPGetDatum(&entry->dedup), entry->has_dedup);
	SET(operation, ObjectIdGetDatum(cat->operations[entry->operation]), true);
	SET(keyed_call, CharGetDatum(entry->keyed_call), entry->keyed_call != 0);
	SET(source, PointerGetDatum(entry->source), true);
	SET(description, PointerGetDatum(entry->description), true);
	SET(device, PointerGetDatum(entry->device), entry->device != NULL);
	SET(booked_by, PointerGetDatum(entry->booked_by), true);
#undef SET
}
