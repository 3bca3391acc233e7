/*-------------------------------------------------------------------------
 *
 * write.c
 *		How the ledger writes its rows: every statement of the engine stands
 *		here.
 *
 * Postings are written by direct.c, as a rule, which says when.  The
 * rest is written with SQL through SPI, so that triggers, constraints,
 * isolation and logical replication are as for any statement.  The texts are
 * qualified down to the operators, for they run under the caller's
 * search_path.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ledger/rows.h"

/*
 * True from when a statement of the engine is about to update accounts until
 * the guard has let it pass
 */
static bool is_posting = false;

/*
 * For the guard: whether the update that is starting is the engine's.  True
 * once for a statement; what a user's trigger does in it is the user's.
 */
bool
tl_is_own_update(void)
{
	bool		is_own = is_posting;

	is_posting = false;
	return is_own;
}

/*
 * The number of the running transaction's booking: one for all that it writes
 * to the books, at the cost of one call of nextval.  A savepoint that is rolled
 * back does not change it.
 *
 * The transaction has its id before it takes a number, and takes it from a
 * sequence without a cache.  So whoever reads the sequence and then the next
 * transaction id knows: when all transactions before that id are over, no entry
 * with a number up to the one that was read can come any more.
 */
static int64
take_booking_no(void)
{
	static FullTransactionId taken_by = {0};
	static int64 booking_no;
	FullTransactionId transaction = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(taken_by, transaction))
	{
		booking_no = nextval_internal(tl_catalog()->booking_no_seq, false);
		taken_by = transaction;
	}
	return booking_no;
}

typedef enum Statement
{
	UPDATE_ACCOUNT,
	INSERT_ENTRY,
	INSERT_ACCOUNT,
	INSERT_DEFAULT_TYPE,
	LOCK_ACCOUNT,
	LOCK_PARTY,
	FIND_PARTY_REQUEST
} Statement;

#define STATEMENT_COUNT		(FIND_PARTY_REQUEST + 1)
#define MAX_PARAMETERS		TL_ENTRY_COLUMN_COUNT

/* clang-format off */
/* The statements but INSERT_ENTRY, which is made from the list of columns */
static const struct
{
	const char *table;			/* that it writes or reads */
	const char *text;
	int			count;
	TlColumnType types[MAX_PARAMETERS];
}			statements[STATEMENT_COUNT] =
{
	[INSERT_ENTRY] = {.table = "entry"},
	[UPDATE_ACCOUNT] = {
		.table = "account", .count = 5,
		.text = "UPDATE ONLY trainledger.account"
		" SET balance = $2, entry_count = $3, last_entry_at = $4"
		" WHERE id OPERATOR(pg_catalog.=) $1"
		" AND entry_count OPERATOR(pg_catalog.=) $5",
		.types = {TL_INT8, TL_AMOUNT, TL_INT8, TL_TIMESTAMPTZ, TL_INT8},
	},
	[INSERT_ACCOUNT] = {
		.table = "account", .count = 6,
		.text = "INSERT INTO trainledger.account (id, party_id, token_type_id,"
		" created_at, initial_balance, balance, entry_count, last_entry_at,"
		" name) VALUES ($1, $2, $3, $4, $5, $5, 1, $4, $6)"
		" ON CONFLICT DO NOTHING",
		.types = {TL_INT8, TL_INT8, TL_UUID, TL_TIMESTAMPTZ, TL_AMOUNT,
			TL_TEXT},
	},
	[INSERT_DEFAULT_TYPE] = {
		.table = "token_type", .count = 1,
		.text = "INSERT INTO trainledger.token_type (id, kind, name, scale,"
		" created_at) VALUES (pg_catalog.gen_random_uuid(), 'credit',"
		" 'default', 2, $1) ON CONFLICT DO NOTHING RETURNING id",
		.types = {TL_TIMESTAMPTZ},
	},
	[LOCK_ACCOUNT] = {
		.table = "account", .count = 1,
		.text = "SELECT FROM ONLY trainledger.account"
		" WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
		.types = {TL_INT8},
	},
	[LOCK_PARTY] = {
		.table = "party", .count = 1,
		.text = "SELECT FROM ONLY trainledger.party"
		" WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
		.types = {TL_INT8},
	},
	[FIND_PARTY_REQUEST] = {
		.table = "party_request", .count = 2,
		.text = "SELECT call FROM trainledger.party_request"
		" WHERE idempotency_key OPERATOR(pg_catalog.=) $1"
		" AND party_id OPERATOR(pg_catalog.=) $2",
		.types = {TL_UUID, TL_INT8},
	}
};
/* clang-format on */

/* The saved plans, made at their first use in the session */
static SPIPlanPtr plans[STATEMENT_COUNT];

/* The plan that inserts an entry and returns the row as it is */
static SPIPlanPtr
get_entry_plan(void)
{
	StringInfoData names;
	StringInfoData text;
	Oid			types[TL_ENTRY_COLUMN_COUNT];
	int			count = 0;

	initStringInfo(&names);
	initStringInfo(&text);
	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		if (!tl_has_column(TL_ENTRY, i))
			continue;
		appendStringInfo(&names, "%s%s", count > 0 ? ", " : "",
						 tl_entry_columns[i].name);
		types[count++] = tl_catalog()->types[tl_entry_columns[i].type];
	}
	appendStringInfo(&text, "INSERT INTO trainledger.entry (%s) VALUES (",
					 names.data);
	for (int i = 1; i <= count; i++)
		appendStringInfo(&text, "%s$%d", i > 1 ? ", " : "", i);
	appendStringInfo(&text, ") RETURNING %s", names.data);
	return tl_saved_plan(&plans[INSERT_ENTRY], text.data, count, types,
						 CURSOR_OPT_GENERIC_PLAN);
}

static void
forget_plan(Statement statement)
{
	if (plans[statement] != NULL)
		SPI_freeplan(plans[statement]);
	plans[statement] = NULL;
}

/*
 * Plans do not depend on the values.  Kept out of run(), whose locals have to
 * live through a longjmp.
 */
static pg_noinline SPIPlanPtr
get_plan(Statement statement)
{
	static Oid	plans_for_amount = InvalidOid;
	Oid			amount_type = tl_catalog()->types[TL_AMOUNT];
	Oid			types[MAX_PARAMETERS];

	/* The extension was made anew: parameters have other types */
	if (plans_for_amount != amount_type)
	{
		for (int i = 0; i < STATEMENT_COUNT; i++)
			forget_plan((Statement) i);
		plans_for_amount = amount_type;
	}

	if (plans[statement] != NULL)
		return plans[statement];
	if (statement == INSERT_ENTRY)
		return get_entry_plan();
	for (int i = 0; i < statements[statement].count; i++)
		types[i] = tl_catalog()->types[statements[statement].types[i]];
	return tl_saved_plan(&plans[statement], statements[statement].text,
						 statements[statement].count, types,
						 CURSOR_OPT_GENERIC_PLAN);
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
	{
		forget_plan(statement);
		tl_refuse_rewritten(statements[statement].table);
	}
	return SPI_processed;
}

/*
 * Insert an entry, which is then as it is stored: a trigger or a default of a
 * user may have changed it.  Its texts are in this memory context.  Connected
 * to SPI.
 */
static void
insert_entry(TlEntry *entry, MemoryContext context)
{
	Datum		values[TL_ENTRY_COLUMN_COUNT];
	bool		is_null[TL_ENTRY_COLUMN_COUNT];
	char		nulls[TL_ENTRY_COLUMN_COUNT];
	int			count = tl_entry_list(entry, values, is_null);
	MemoryContext old;

	for (int i = 0; i < count; i++)
		nulls[i] = is_null[i] ? 'n' : ' ';
	if (run(INSERT_ENTRY, values, nulls, SPI_OK_INSERT_RETURNING) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("entry was not inserted"),
				 errdetail("The INSERT made no row."),
				 errhint("Look for a trigger or rule on trainledger.entry.")));
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values,
					  is_null);
	old = MemoryContextSwitchTo(context);
	tl_take_entry_list(values, is_null, entry);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
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
				  int account_count, TlEntry *const *entries, int entry_count)
{
	MemoryContext caller = CurrentMemoryContext;
	int64		booking_no = take_booking_no();
	int			updated = 0;

	for (int i = 0; i < entry_count; i++)
		entries[i]->booking_no = booking_no;
	if (tl_direct_applies(books))
		return tl_direct_write(books, accounts, account_count, entries,
							   entry_count);

	SPI_connect();
	while (updated < account_count && update_account(accounts[updated]))
		updated++;
	for (int i = 0; updated == account_count && i < entry_count; i++)
		insert_entry(entries[i], caller);
	SPI_finish();
	return updated;
}

/*
 * Lock the tables of the books before numbers are taken from their sequences,
 * as ALTER TABLE does, which would wait for us while we wait for it.
 */
static void
lock_before_numbers(void)
{
	LockRelationOid(tl_catalog()->tables[TL_ACCOUNT].relid, RowExclusiveLock);
	LockRelationOid(tl_catalog()->tables[TL_ENTRY].relid, RowExclusiveLock);
}

/*
 * Open the account of a target, a lot where that has no name, with its first
 * entry, whose account_id is filled in.  False: the account is there already
 * and nothing was written.
 */
bool
tl_write_account(TlEntry *entry, const TlTarget *target,
				 const pg_uuid_t *token_type_id)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[] = {
		0,						/* the id */
		Int64GetDatum(target->party_id),
		UUIDPGetDatum(token_type_id),
		TimestampTzGetDatum(entry->created_at),
		AmountGetDatum(entry->balance),
		PointerGetDatum(target->account_name),
	};
	bool		written;

	if (target->account_name != NULL)
		tl_require_unique(TL_ACCOUNT_BY_NAME);
	lock_before_numbers();
	entry->account_id = tl_make_id(tl_catalog()->account_id_seq,
								   target->party_id);
	values[0] = Int64GetDatum(entry->account_id);
	entry->booking_no = take_booking_no();
	SPI_connect();
	written = run(INSERT_ACCOUNT, values,
				  target->account_name ? NULL : "     n", SPI_OK_INSERT) == 1;
	if (written)
		insert_entry(entry, caller);
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

	tl_require_unique(TL_TYPE_BY_NAME);
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

static void
lock_row(Statement statement, int64 id)
{
	Datum		value = Int64GetDatum(id);

	tl_books_push_snapshot(true);
	SPI_connect();
	run(statement, &value, NULL, SPI_OK_SELECT);
	SPI_finish();
	PopActiveSnapshot();
}

/*
 * Wait for the row of an account and lock it until the transaction ends.  To
 * come back for the one that was locked last means that no wait will help: a
 * trigger keeps the row from being updated.
 */
void
tl_lock_account(int64 id, int64 locked_id)
{
	if (id == locked_id)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("account %lld was not updated", (long long) id),
				 errdetail("It is locked, and the update found no row."),
				 errhint("Look for a trigger or rule on trainledger.account.")));
	lock_row(LOCK_ACCOUNT, id);
}

/* Wait for the row of a party and lock it until the transaction ends. */
void
tl_lock_party(int64 id)
{
	lock_row(LOCK_PARTY, id);
}

/*
 * What a party's call with this idempotency key was, of those that are not
 * postings (take_key() in sql), or NULL.  A C string in the
 * current context.
 */
char *
tl_read_party_request(const pg_uuid_t *key, int64 party_id)
{
	Datum		values[] = {UUIDPGetDatum(key), Int64GetDatum(party_id)};
	MemoryContext caller = CurrentMemoryContext;
	char	   *call = NULL;

	SPI_connect();
	if (run(FIND_PARTY_REQUEST, values, NULL, SPI_OK_SELECT) > 0)
		call = MemoryContextStrdup(caller,
								   SPI_getvalue(SPI_tuptable->vals[0],
												SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return call;
}
