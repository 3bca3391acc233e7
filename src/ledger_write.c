/*-------------------------------------------------------------------------
 *
 * ledger_write.c
 *		How the ledger writes its rows: every statement of the engine stands
 *		here.
 *
 * Postings are written by ledger_direct.c, as a rule, which says when.  The
 * rest is written with SQL through SPI, so that triggers, constraints,
 * isolation and logical replication are as for any statement.  The texts are
 * qualified down to the operators, for they run under the caller's
 * search_path.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ledger.h"

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
	},
	[FIND_PARTY_REQUEST] = {
		"SELECT call FROM trainledger.party_request"
		" WHERE idempotency_key OPERATOR(pg_catalog.=) $1"
		" AND party_id OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, INT8OID}
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
 * What a party's call with this idempotency key was, of those that are not
 * postings (_take_key() in sql/60_tokens.sql), or NULL.  A C string in the
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
