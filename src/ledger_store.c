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
 * Rows are written with SQL through SPI, so that triggers, constraints,
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
}

/* Locks are kept until the transaction ends. */
void
tl_books_close(TlBooks *books)
{
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

/* Start a scan of the rows whose first key columns have these values. */
static IndexScanDesc
begin_scan(Relation heap, Relation index, const KeyPart *parts, int count,
		   ScanKey keys)
{
	IndexScanDesc scan;

	for (int i = 0; i < count; i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber,
							   InvalidOid, index->rd_indcollation[i],
							   parts[i].equals, parts[i].value);
	scan = tl_index_beginscan(heap, index, GetActiveSnapshot(), count);
	index_rescan(scan, keys, count, NULL, 0);
	return scan;
}

/*
 * Fetch the row with a unique key into slot.  The row stays in its buffer:
 * the caller copies what it needs and clears the slot.
 */
static bool
fetch_row(Relation heap, Oid index_id, const KeyPart *parts, int count,
		  TupleTableSlot *slot)
{
	Relation	index = index_open(index_id, AccessShareLock);
	ScanKeyData keys[MAX_KEY_PARTS];
	IndexScanDesc scan = begin_scan(heap, index, parts, count, keys);
	bool		found = index_getnext_slot(scan, ForwardScanDirection, slot);

	index_endscan(scan);
	index_close(index, NoLock);
	return found;
}

static Datum
column(TupleTableSlot *slot, AttrNumber attnum)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, attnum, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d", attnum);
	return value;
}

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

	type->id = *DatumGetUUIDP(column(slot, columns->id));
	type->is_credit =
		DatumGetObjectId(column(slot, columns->kind)) == cat->kind_credit;
	type->scale = DatumGetInt32(column(slot, columns->scale));
	type->is_active = DatumGetBool(column(slot, columns->is_active));
	type->is_archived = DatumGetBool(column(slot, columns->is_archived));
	read_bounds(column(slot, columns->bounds), type);
	ExecClearTuple(slot);
}

bool
tl_read_type(TlBooks *books, const pg_uuid_t *id, TlTokenType *type)
{
	KeyPart		key = {F_UUID_EQ, UUIDPGetDatum(id)};

	if (!fetch_row(books->token_type, tl_catalog()->token_type_pkey, &key, 1,
				   books->type_slot))
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

	if (!fetch_row(books->token_type, cat->token_type_name_key, key, 2,
				   books->type_slot))
		return false;
	take_type(books->type_slot, type);
	return true;
}

static void
take_account(TupleTableSlot *slot, TlAccount *account)
{
	const TlAccountColumns *columns = &tl_catalog()->account_columns;

	account->id = DatumGetInt64(column(slot, columns->id));
	account->party_id = DatumGetInt64(column(slot, columns->party_id));
	account->token_type_id =
		*DatumGetUUIDP(column(slot, columns->token_type_id));
	account->is_lot = slot_attisnull(slot, columns->name);
	account->balance = DatumGetAmount(column(slot, columns->balance));
	account->entry_count = DatumGetInt64(column(slot, columns->entry_count));
	account->last_entry_at =
		DatumGetTimestampTz(column(slot, columns->last_entry_at));
	ExecClearTuple(slot);
}

bool
tl_read_account(TlBooks *books, int64 id, TlAccount *account)
{
	KeyPart		key = {F_INT8EQ, Int64GetDatum(id)};

	if (!fetch_row(books->account, tl_catalog()->account_pkey, &key, 1,
				   books->account_slot))
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

	if (!fetch_row(books->account, tl_catalog()->account_key, key, 3,
				   books->account_slot))
		return false;
	take_account(books->account_slot, account);
	return true;
}

bool
tl_read_party(TlBooks *books, int64 id, bool *is_suspended)
{
	const TlCatalog *cat = tl_catalog();
	KeyPart		key = {F_INT8EQ, Int64GetDatum(id)};

	if (!fetch_row(books->party, cat->party_pkey, &key, 1, books->party_slot))
		return false;
	*is_suspended = DatumGetBool(column(books->party_slot,
										cat->party_is_suspended));
	ExecClearTuple(books->party_slot);
	return true;
}

static void
take_entry(TupleTableSlot *slot, TlEntry *entry)
{
	const TlEntryColumns *columns = &tl_catalog()->entry_columns;

	memset(entry, 0, sizeof(*entry));
	entry->account_id = DatumGetInt64(column(slot, columns->account_id));
	entry->entry_no = DatumGetInt64(column(slot, columns->entry_no));
	entry->delta = DatumGetAmount(column(slot, columns->delta));
	entry->balance = DatumGetAmount(column(slot, columns->balance));
	entry->created_at = DatumGetTimestampTz(column(slot, columns->created_at));
	entry->has_recorded_at = !slot_attisnull(slot, columns->recorded_at);
	if (entry->has_recorded_at)
		entry->recorded_at =
			DatumGetTimestampTz(column(slot, columns->recorded_at));
	entry->has_dedup = !slot_attisnull(slot, columns->dedup);
	if (entry->has_dedup)
		entry->dedup = *DatumGetUUIDP(column(slot, columns->dedup));
	entry->operation =
		tl_operation_from_oid(DatumGetObjectId(column(slot,
													  columns->operation)));
	if (!slot_attisnull(slot, columns->keyed_call))
		entry->keyed_call = DatumGetChar(column(slot, columns->keyed_call));
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

	if (!fetch_row(books->entry, tl_catalog()->entry_dedup, key, 2,
				   books->entry_slot))
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
	Relation	index = index_open(tl_catalog()->entry_dedup, AccessShareLock);
	ScanKeyData keys[MAX_KEY_PARTS];
	IndexScanDesc scan = begin_scan(books->entry, index, &part, 1, keys);
	bool		found = false;

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
	index_endscan(scan);
	index_close(index, NoLock);
	return found;
}

/* ---------------------------------------------------------------------
 * Writing
 * ---------------------------------------------------------------------
 */

typedef enum Statement
{
	POST_ENTRY,
	INSERT_ENTRY,
	INSERT_ACCOUNT,
	INSERT_DEFAULT_TYPE,
	LOCK_ACCOUNT,
	LOCK_ACCOUNTS,
	LOCK_PARTY,
	UPDATE_ACCOUNTS,
	INSERT_ENTRIES
} Statement;

#define STATEMENT_COUNT		(INSERT_ENTRIES + 1)
#define MAX_PARAMETERS		ENTRY_COLUMN_COUNT

/* Stand-ins for type OIDs that are known only at run time */
#define AMOUNT		((Oid) 1)
#define OPERATION	((Oid) 2)
#define AMOUNTS		((Oid) 3)
#define OPERATIONS	((Oid) 4)

/* The columns of an entry and their parameters; the first is account_id */
#define ENTRY_COLUMN_COUNT	13
#define ENTRY_COLUMNS \
	"account_id, entry_no, delta, balance, created_at, recorded_at, dedup," \
	" operation, keyed_call, source, description, device, booked_by"
#define ENTRY_PARAMETERS \
	"$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13"

/* clang-format off */
#define ENTRY_TYPES \
	{INT8OID, INT8OID, AMOUNT, AMOUNT, TIMESTAMPTZOID, TIMESTAMPTZOID, \
	UUIDOID, OPERATION, CHAROID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}

static const struct
{
	const char *text;
	int			count;
	Oid			types[MAX_PARAMETERS];
}			statements[STATEMENT_COUNT] =
{
	[POST_ENTRY] = {
		"WITH posted AS (UPDATE trainledger.account"
		" SET balance = $4, entry_count = $2, last_entry_at = $5"
		" WHERE id OPERATOR(pg_catalog.=) $1"
		" AND entry_count OPERATOR(pg_catalog.=) ($2 OPERATOR(pg_catalog.-) 1)"
		" RETURNING id)"
		" INSERT INTO trainledger.entry (" ENTRY_COLUMNS ")"
		" SELECT id, " ENTRY_PARAMETERS " FROM posted",
		ENTRY_COLUMN_COUNT, ENTRY_TYPES
	},
	[INSERT_ENTRY] = {
		"INSERT INTO trainledger.entry (" ENTRY_COLUMNS ")"
		" VALUES ($1, " ENTRY_PARAMETERS ")",
		ENTRY_COLUMN_COUNT, ENTRY_TYPES
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
	[LOCK_ACCOUNTS] = {
		"SELECT FROM trainledger.account"
		" WHERE id OPERATOR(pg_catalog.=) ANY ($1)"
		" ORDER BY id USING OPERATOR(pg_catalog.<) FOR NO KEY UPDATE",
		1, {INT8ARRAYOID}
	},
	[LOCK_PARTY] = {
		"SELECT FROM trainledger.party"
		" WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[UPDATE_ACCOUNTS] = {
		"UPDATE trainledger.account a"
		" SET balance = u.balance, entry_count = u.entry_count,"
		" last_entry_at = u.last_entry_at"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2),"
		" pg_catalog.unnest($3), pg_catalog.unnest($4))"
		" u(id, balance, entry_count, last_entry_at)"
		" WHERE a.id OPERATOR(pg_catalog.=) u.id",
		4, {INT8ARRAYOID, AMOUNTS, INT8ARRAYOID, TIMESTAMPTZARRAYOID}
	},
	[INSERT_ENTRIES] = {
		"INSERT INTO trainledger.entry (account_id, entry_no, delta, balance,"
		" created_at, recorded_at, dedup, operation, keyed_call, description,"
		" source, booked_by)"
		" SELECT u.*, $11, $12 FROM ROWS FROM (pg_catalog.unnest($1),"
		" pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),"
		" pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7),"
		" pg_catalog.unnest($8), pg_catalog.unnest($9),"
		" pg_catalog.unnest($10)) u",
		12, {INT8ARRAYOID, INT8ARRAYOID, AMOUNTS, AMOUNTS,
			TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID, OPERATIONS,
		CHARARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID}
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
		case AMOUNTS:
			return get_array_type(cat->amount_type);
		case OPERATION:
			return cat->operation_type;
		case OPERATIONS:
			return get_array_type(cat->operation_type);
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
		/* one for a long array that is known may read the whole table */
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

	is_posting = (statement == POST_ENTRY || statement == UPDATE_ACCOUNTS);
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

/* Run a statement with an entry as its parameters; returns rows inserted. */
static uint64
run_entry(Statement statement, const TlEntry *entry)
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
	return run(statement, values, nulls, SPI_OK_INSERT);
}

/*
 * Write an entry and the balance after it, if the account still has as many
 * entries as it was read with.  False: somebody was faster and nothing was
 * written.
 */
bool
tl_write_posting(const TlEntry *entry)
{
	uint64		written;

	SPI_connect();
	written = run_entry(POST_ENTRY, entry);
	SPI_finish();
	return written == 1;
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
	if (written && run_entry(INSERT_ENTRY, entry) != 1)
		elog(ERROR, "entry was not inserted");
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

/* Wait for the row of an account and lock it until the transaction ends. */
void
tl_lock_account(int64 id)
{
	Datum		value = Int64GetDatum(id);

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

/* Lock the rows of accounts, in order of their ids (see above). */
void
tl_lock_accounts(const int64 *ids, int count)
{
	Datum	   *elements = palloc_array(Datum, count + 1);
	Datum		value;

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(ids[i]);
	value = PointerGetDatum(construct_array(elements, count, INT8OID, 8,
											FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));

	tl_books_push_snapshot(true);
	SPI_connect();
	run(LOCK_ACCOUNTS, &value, NULL, SPI_OK_SELECT);
	SPI_finish();
	tl_books_pop_snapshot();
}

/* Columns of many rows on their way into arrays */
typedef struct ArrayColumn
{
	Oid			type;
	Datum	   *values;
	bool	   *nulls;
} ArrayColumn;

static ArrayColumn
make_column(Oid type, int count)
{
	ArrayColumn column = {
		.type = type,
		.values = palloc_array(Datum, count),
		.nulls = palloc_array(bool, count),
	};

	return column;
}

static void
set_column(ArrayColumn *column, int row, Datum value, bool is_set)
{
	column->values[row] = value;
	column->nulls[row] = !is_set;
}

static Datum
column_array(const ArrayColumn *column, int count)
{
	int			lower = 1;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(column->type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(column->values, column->nulls,
											  1, &count, &lower, column->type,
											  length, by_value, align));
}

static void
update_accounts(const TlAccount *const *accounts, int count)
{
	const TlCatalog *cat = tl_catalog();
	ArrayColumn columns[] = {
		make_column(INT8OID, count),
		make_column(cat->amount_type, count),
		make_column(INT8OID, count),
		make_column(TIMESTAMPTZOID, count),
	};
	Datum		values[lengthof(columns)];

	for (int i = 0; i < count; i++)
	{
		const TlAccount *account = accounts[i];

		set_column(&columns[0], i, Int64GetDatum(account->id), true);
		set_column(&columns[1], i, AmountGetDatum(account->balance), true);
		set_column(&columns[2], i, Int64GetDatum(account->entry_count), true);
		set_column(&columns[3], i, TimestampTzGetDatum(account->last_entry_at),
				   true);
	}
	for (size_t i = 0; i < lengthof(columns); i++)
		values[i] = column_array(&columns[i], count);
	if (run(UPDATE_ACCOUNTS, values, NULL, SPI_OK_UPDATE) != (uint64) count)
		elog(ERROR, "accounts were not updated");
}

static void
insert_entries(const TlEntry *const *entries, int count, text *source,
			   text *booked_by)
{
	const TlCatalog *cat = tl_catalog();
	ArrayColumn columns[] = {
		make_column(INT8OID, count),
		make_column(INT8OID, count),
		make_column(cat->amount_type, count),
		make_column(cat->amount_type, count),
		make_column(TIMESTAMPTZOID, count),
		make_column(TIMESTAMPTZOID, count),
		make_column(UUIDOID, count),
		make_column(cat->operation_type, count),
		make_column(CHAROID, count),
		make_column(TEXTOID, count),
	};
	Datum		values[lengthof(columns) + 2];

	for (int i = 0; i < count; i++)
	{
		const TlEntry *entry = entries[i];

		set_column(&columns[0], i, Int64GetDatum(entry->account_id), true);
		set_column(&columns[1], i, Int64GetDatum(entry->entry_no), true);
		set_column(&columns[2], i, AmountGetDatum(entry->delta), true);
		set_column(&columns[3], i, AmountGetDatum(entry->balance), true);
		set_column(&columns[4], i, TimestampTzGetDatum(entry->created_at),
				   true);
		set_column(&columns[5], i, TimestampTzGetDatum(entry->recorded_at),
				   entry->has_recorded_at);
		set_column(&columns[6], i, UUIDPGetDatum(&entry->dedup),
				   entry->has_dedup);
		set_column(&columns[7], i,
				   ObjectIdGetDatum(cat->operations[entry->operation]), true);
		set_column(&columns[8], i, CharGetDatum(entry->keyed_call),
				   entry->keyed_call != 0);
		set_column(&columns[9], i, PointerGetDatum(entry->description), true);
	}
	for (size_t i = 0; i < lengthof(columns); i++)
		values[i] = column_array(&columns[i], count);
	values[lengthof(columns)] = PointerGetDatum(source);
	values[lengthof(columns) + 1] = PointerGetDatum(booked_by);
	if (run(INSERT_ENTRIES, values, NULL, SPI_OK_INSERT) != (uint64) count)
		elog(ERROR, "entries were not inserted");
}

/*
 * Write many entries that have source and booker in common, and the accounts
 * as they stand after them.  The accounts are locked.
 */
void
tl_write_postings(const TlAccount *const *accounts, int account_count,
				  const TlEntry *const *entries, int entry_count,
				  text *source, text *booked_by)
{
	SPI_connect();
	update_accounts(accounts, account_count);
	insert_entries(entries, entry_count, source, booked_by);
	SPI_finish();
}

/* An entry as a row of trainledger.entry, columns found by name. */
HeapTuple
tl_entry_tuple(const TlEntry *entry, TupleDesc tupdesc)
{
	const TlCatalog *cat = tl_catalog();
	const TlEntryColumns *columns = &cat->entry_columns;
	Datum	   *values = palloc0(tupdesc->natts * sizeof(Datum));
	bool	   *nulls = palloc(tupdesc->natts * sizeof(bool));

	memset(nulls, true, tupdesc->natts * sizeof(bool));

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

	return heap_form_tuple(tupdesc, values, nulls);
}
