/*-------------------------------------------------------------------------
 *
 * write.c
 *		How the ledger writes its rows.  All SQL statements of the ledger are
 *		here.
 *
 * Most postings are written by direct.c, which says when.  All else is written
 * with SQL through SPI, so triggers, constraints, isolation and logical
 * replication work as for any statement.  The statements qualify all names,
 * even those of operators, because they run under the caller's search_path.
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
 * True from just before the engine updates an account with SQL until the guard
 * trigger has accepted the update, or until the statement ends.
 */
static bool is_posting = false;

/*
 * For the guard: whether the update that is starting is the engine's.  True
 * once per statement, so an update by a user's trigger within it is refused.
 */
bool
tl_is_own_update(void)
{
	bool		is_own = is_posting;

	is_posting = false;
	return is_own;
}

/*
 * Refuse a number that the log has passed: a sequence that was set back would
 * hide bookings from the log for ever.
 */
static void
require_not_sealed(int64 booking_no)
{
	bool		is_null;
	Datum		sealed;

	SPI_connect();
	SPI_execute("SELECT pg_catalog.max(c.last_booking_no)"
				" FROM trainledger.checkpoint c"
				" WHERE c.size OPERATOR(pg_catalog.=)"
				" (SELECT pg_catalog.max(l.size) FROM trainledger.checkpoint l)",
				false, 1);
	sealed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &is_null);
	if (!is_null && booking_no <= DatumGetInt64(sealed))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sequence trainledger.booking_no_seq is behind the log"),
				 errdetail("It gave " INT64_FORMAT ", and all bookings up to " INT64_FORMAT " are sealed.",
						   booking_no, DatumGetInt64(sealed)),
				 errhint("Use setval() to set it to a number that is not less.")));
	SPI_finish();
}

/*
 * The booking number of the running transaction.  All its entries have the same
 * number, which costs one call of nextval.  ROLLBACK TO SAVEPOINT does not
 * change it.
 *
 * The transaction gets its id before the number, and the sequence has no cache.
 * So a consumer can read the sequence first and the next transaction id second:
 * once all transactions before that id have ended, no more entries with a
 * number up to the one read can appear.
 */
int64
tl_booking_no(void)
{
	static FullTransactionId taken_by = {0};
	static int64 booking_no;
	static bool is_checked = false;
	FullTransactionId transaction = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(taken_by, transaction))
	{
		booking_no = nextval_internal(tl_catalog()->booking_no_seq, false);
		if (!is_checked)
			require_not_sealed(booking_no);
		is_checked = true;		/* once per session */
		taken_by = transaction;
	}
	return booking_no;
}

typedef enum Statement
{
	UPDATE_ACCOUNT,
	UPDATE_HELD,
	FIND_LAPSED,
	INSERT_ENTRY,
	INSERT_ACCOUNT,
	INSERT_DEFAULT_TYPE,
	LOCK_ACCOUNT,
	INSERT_PARTY_KEY,
	FIND_PARTY_REQUEST,
	FIND_REDACTION,
	FIND_RECEIVED
} Statement;

#define STATEMENT_COUNT		(FIND_RECEIVED + 1)
#define MAX_PARAMETERS		TL_ENTRY_COLUMN_COUNT

/* clang-format off */
/*
 * All statements.  get_entry_plan() makes the text of INSERT_ENTRY, and
 * get_plan() puts the columns of an entry before that of FIND_RECEIVED.
 */
static const struct
{
	const char *table;			/* named in errors */
	const char *text;
	int			count;
	TlColumnType types[MAX_PARAMETERS];
}			statements[STATEMENT_COUNT] =
{
	[INSERT_ENTRY] = {.table = "entry"},
	[UPDATE_ACCOUNT] = {
		.table = "account", .count = 6,
		.text = "UPDATE ONLY trainledger.account"
		" SET balance = $2, entry_count = $3, last_entry_at = $4, held = $5"
		" WHERE id OPERATOR(pg_catalog.=) $1"
		" AND xmin OPERATOR(pg_catalog.=) $6",
		.types = {TL_INT8, TL_AMOUNT, TL_INT8, TL_TIMESTAMPTZ, TL_AMOUNT,
			TL_INT4},
	},

	/*
	 * An account whose holds changed has a new version, even where nothing in
	 * it did: a posting that has read it then starts again.
	 */
	[UPDATE_HELD] = {
		.table = "account", .count = 2,
		.text = "UPDATE ONLY trainledger.account"
		" SET held = held OPERATOR(trainledger.+) $2"
		" WHERE id OPERATOR(pg_catalog.=) $1",
		.types = {TL_INT8, TL_AMOUNT},
	},
	[FIND_LAPSED] = {
		.table = "placed_hold", .count = 1,
		.text = "SELECT trainledger_internal.lapsed($1)",
		.types = {TL_INT8},
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
	[INSERT_PARTY_KEY] = {
		.table = "party_request", .count = 3,
		.text = "INSERT INTO trainledger.party_request (party_id,"
		" idempotency_key, call, request, created_at)"
		" VALUES ($1, $2, 'credit_init', '[]', $3)"
		" ON CONFLICT (idempotency_key, party_id) DO NOTHING",
		.types = {TL_INT8, TL_UUID, TL_TIMESTAMPTZ},
	},
	[FIND_PARTY_REQUEST] = {
		.table = "party_request", .count = 2,
		.text = "SELECT call FROM trainledger.party_request"
		" WHERE idempotency_key OPERATOR(pg_catalog.=) $1"
		" AND party_id OPERATOR(pg_catalog.=) $2",
		.types = {TL_UUID, TL_INT8},
	},
	[FIND_REDACTION] = {
		.table = "redaction", .count = 2,
		.text = "SELECT FROM ONLY trainledger.redaction"
		" WHERE kind OPERATOR(pg_catalog.=) 'E1'"
		" AND row_id OPERATOR(pg_catalog.=) $1"
		" AND entry_no OPERATOR(pg_catalog.=) $2",
		.types = {TL_INT8, TL_INT8},
	},

	/*
	 * Both entries of a transfer have the same time and number of booking.  Of
	 * several transfers with the same, the n-th given is the n-th received.
	 */
	[FIND_RECEIVED] = {
		.table = "entry", .count = 5,
		.text = " FROM ONLY trainledger.entry t"
		" WHERE t.account_id OPERATOR(pg_catalog.=) $2"
		" AND t.entry_no OPERATOR(pg_catalog.>)"
		" trainledger_internal.entries_until($2, $4, false)"
		" AND t.booking_no OPERATOR(pg_catalog.=) $5"
		" AND t.other_account_id OPERATOR(pg_catalog.=) $1"
		" AND t.delta OPERATOR(trainledger.>) 0::trainledger.amount"
		" ORDER BY t.entry_no LIMIT 1 OFFSET ("
		"SELECT pg_catalog.count(*) FROM ONLY trainledger.entry f"
		" WHERE f.account_id OPERATOR(pg_catalog.=) $1"
		" AND f.entry_no OPERATOR(pg_catalog.>)"
		" trainledger_internal.entries_until($1, $4, false)"
		" AND f.entry_no OPERATOR(pg_catalog.<) $3"
		" AND f.booking_no OPERATOR(pg_catalog.=) $5"
		" AND f.other_account_id OPERATOR(pg_catalog.=) $2"
		" AND f.delta OPERATOR(trainledger.<) 0::trainledger.amount)",
		.types = {TL_INT8, TL_INT8, TL_INT8, TL_TIMESTAMPTZ, TL_INT8},
	}
};
/* clang-format on */

/* A trigger or rule suppressed the update of an account. */
pg_noreturn static void
refuse_stuck(int64 account_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("account %lld was not updated", (long long) account_id),
			 errdetail("It is locked, and the update found no row."),
			 errhint("Look for a trigger, a rule or forced row security on trainledger.account.")));
}

/* Saved plans, made at first use in the session */
static SPIPlanPtr plans[STATEMENT_COUNT];

/* The names of an entry's stored columns, in the list's order */
static char *
entry_column_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		if (tl_has_column(TL_ENTRY, i))
			appendStringInfo(&names, "%s%s", i > 0 ? ", " : "",
							 tl_entry_columns[i].name);
	}
	return names.data;
}

/* The plan that inserts an entry and returns the stored row */
static SPIPlanPtr
get_entry_plan(void)
{
	char	   *names = entry_column_names();
	StringInfoData text;
	Oid			types[TL_ENTRY_COLUMN_COUNT];
	int			count = 0;

	initStringInfo(&text);
	for (int i = 0; i < TL_ENTRY_COLUMN_COUNT; i++)
	{
		if (tl_has_column(TL_ENTRY, i))
			types[count++] = tl_catalog()->types[tl_entry_columns[i].type];
	}
	appendStringInfo(&text, "INSERT INTO trainledger.entry (%s) VALUES (",
					 names);
	for (int i = 1; i <= count; i++)
		appendStringInfo(&text, "%s$%d", i > 1 ? ", " : "", i);
	appendStringInfo(&text, ") RETURNING %s", names);
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
 * Get the saved, generic plan of a statement.  Not inlined into run(), because
 * locals of a function with PG_TRY() must survive a longjmp.
 */
static pg_noinline SPIPlanPtr
get_plan(Statement statement)
{
	static Oid	plans_for_amount = InvalidOid;
	Oid			amount_type = tl_catalog()->types[TL_AMOUNT];
	Oid			types[MAX_PARAMETERS];
	const char *text = statements[statement].text;

	/* the extension was created again, so parameters have other types */
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
	if (statement == FIND_RECEIVED)
		text = psprintf("SELECT %s%s", entry_column_names(), text);
	for (int i = 0; i < statements[statement].count; i++)
		types[i] = tl_catalog()->types[statements[statement].types[i]];
	return tl_saved_plan(&plans[statement], text, statements[statement].count,
						 types, CURSOR_OPT_GENERIC_PLAN);
}

/*
 * Run a statement under the active snapshot and return the number of rows.
 * nulls has a character per parameter as in SPI, or is NULL.  expected is the
 * SPI_OK_* result; another one means a rule rewrote the statement (55000).
 * Requires SPI_connect().
 */
static uint64
run(Statement statement, Datum *values, const char *nulls, int expected)
{
	SPIPlanPtr	plan = get_plan(statement);
	int			result;

	is_posting = (statement == UPDATE_ACCOUNT || statement == UPDATE_HELD);
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
 * Read the entry that a statement returned.  Its texts are then in the given
 * memory context.
 */
static void
take_row(TlEntry *entry, MemoryContext context)
{
	Datum		values[TL_ENTRY_COLUMN_COUNT];
	bool		nulls[TL_ENTRY_COLUMN_COUNT];
	MemoryContext old;

	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values,
					  nulls);
	old = MemoryContextSwitchTo(context);
	tl_take_entry_list(values, nulls, entry);
	MemoryContextSwitchTo(old);
}

/*
 * Insert an entry and read it back as stored, because a user's trigger may have
 * changed it.  Its texts are then in the given memory context.  Requires
 * SPI_connect().
 */
static void
insert_entry(TlEntry *entry, MemoryContext context)
{
	Datum		values[TL_ENTRY_COLUMN_COUNT];
	bool		is_null[TL_ENTRY_COLUMN_COUNT];
	char		nulls[TL_ENTRY_COLUMN_COUNT];
	int			count = tl_entry_list(entry, values, is_null);

	for (int i = 0; i < count; i++)
		nulls[i] = is_null[i] ? 'n' : ' ';
	if (run(INSERT_ENTRY, values, nulls, SPI_OK_INSERT_RETURNING) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("entry was not inserted"),
				 errdetail("The INSERT made no row."),
				 errhint("Look for a trigger, a rule or forced row security on trainledger.entry.")));
	take_row(entry, context);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Update one account.  False: it has changed since it was read.  Requires
 * SPI_connect().
 */
static bool
update_account(const TlAccount *account)
{
	Datum		values[] = {
		Int64GetDatum(account->id),
		AmountGetDatum(account->balance),
		Int64GetDatum(account->entry_count),
		TimestampTzGetDatum(account->last_entry_at),
		AmountGetDatum(account->held),
		Int32GetDatum((int32) HeapTupleHeaderGetRawXmin(account->row->t_data)),
	};

	return run(UPDATE_ACCOUNT, values, NULL, SPI_OK_UPDATE) == 1;
}

/*
 * Add to what holds keep back of an account, which the caller has locked.  With
 * 0 the account only gets a new version.
 */
void
tl_update_held(int64 account_id, TlAmount change)
{
	Datum		values[] = {
		Int64GetDatum(account_id),
		AmountGetDatum(change),
	};
	bool		is_updated;

	tl_books_push_snapshot(true);
	SPI_connect();
	is_updated = run(UPDATE_HELD, values, NULL, SPI_OK_UPDATE) == 1;
	SPI_finish();
	PopActiveSnapshot();
	if (!is_updated)
		refuse_stuck(account_id);
}

/*
 * How much of what an account's open holds keep back is held by those that are
 * over, as the active snapshot sees it.
 */
TlAmount
tl_read_lapsed(int64 account_id)
{
	Datum		values[] = {Int64GetDatum(account_id)};
	bool		isnull;
	TlAmount	lapsed;

	SPI_connect();
	run(FIND_LAPSED, values, NULL, SPI_OK_SELECT);
	lapsed = DatumGetAmount(SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return lapsed;
}

/*
 * Update the accounts to their new state, then insert the entries.  Returns how
 * many accounts were updated.  If not all, the next account has changed since
 * it was read, and no entry was written.
 */
int
tl_write_postings(TlBooks *books, const TlAccount *const *accounts,
				  int account_count, TlEntry *const *entries, int entry_count)
{
	MemoryContext caller = CurrentMemoryContext;
	int64		booking_no = tl_booking_no();
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
 * Find the receiver's entry of a transfer, from the giver's.  False: there is
 * none.
 */
bool
tl_read_received(const TlEntry *from, TlEntry *to)
{
	Datum		values[TL_ENTRY_COLUMN_COUNT] = {
		Int64GetDatum(from->account_id),
		Int64GetDatum(from->other_account_id),
		Int64GetDatum(from->entry_no),
		TimestampTzGetDatum(from->created_at),
		Int64GetDatum(from->booking_no),
	};
	MemoryContext caller = CurrentMemoryContext;
	bool		found;

	SPI_connect();
	found = run(FIND_RECEIVED, values, NULL, SPI_OK_SELECT) == 1;
	if (found)
		take_row(to, caller);
	SPI_finish();
	return found;
}

/*
 * Lock the tables before their sequences, in the order that ALTER TABLE locks
 * them.  The reverse order could deadlock with it.
 */
static void
lock_before_numbers(void)
{
	LockRelationOid(tl_catalog()->tables[TL_ACCOUNT].relid, RowExclusiveLock);
	LockRelationOid(tl_catalog()->tables[TL_ENTRY].relid, RowExclusiveLock);
}

/*
 * Open the account of a target with its first entry, and fill in the entry's
 * account_id and booking_no.  A target without a name is a lot.  False: the row
 * was not inserted, usually because the account exists.
 */
bool
tl_write_account(TlEntry *entry, const TlTarget *target,
				 const pg_uuid_t *token_type_id)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[] = {
		0,						/* the id, set below */
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
	entry->booking_no = tl_booking_no();
	SPI_connect();
	written = run(INSERT_ACCOUNT, values,
				  target->account_name ? NULL : "     n", SPI_OK_INSERT) == 1;
	if (written)
		insert_entry(entry, caller);
	SPI_finish();
	return written;
}

/*
 * Create the credit token type "default" (contract, section 7).  False: the row
 * was not inserted, usually because the type exists.
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
 * Lock the row of an account until the transaction ends.  locked_id is the
 * account locked last, or 0.  If it is the same account, its update failed
 * though it was locked: a trigger or rule suppresses it, so that is an error
 * rather than an endless loop.
 */
void
tl_lock_account(int64 id, int64 locked_id)
{
	if (id == locked_id)
		refuse_stuck(id);
	lock_row(LOCK_ACCOUNT, id);
}

/*
 * Record that a party used this idempotency key for an opening.  False: it has
 * used the key before.  A transaction that holds the key is waited for.
 */
bool
tl_write_party_key(const pg_uuid_t *key, int64 party_id, TimestampTz now)
{
	Datum		values[] = {Int64GetDatum(party_id), UUIDPGetDatum(key),
							TimestampTzGetDatum(now)};
	bool		written;

	SPI_connect();
	written = run(INSERT_PARTY_KEY, values, NULL, SPI_OK_INSERT) == 1;
	SPI_finish();
	return written;
}

/*
 * The name of the call in which a party used this idempotency key, other than
 * a posting (recorded by take_key() in SQL), palloc'd; or NULL.
 */
char *
tl_read_party_request(const pg_uuid_t *key, int64 party_id)
{
	Datum		values[] = {UUIDPGetDatum(key), Int64GetDatum(party_id)};
	MemoryContext caller = CurrentMemoryContext;
	char	   *call = NULL;

	SPI_connect();
	if (run(FIND_PARTY_REQUEST, values, NULL, SPI_OK_SELECT) > 0)
	{
		call = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		if (call == NULL)
			tl_refuse_null_in("party_request", "call");
		call = MemoryContextStrdup(caller, call);
	}
	SPI_finish();
	return call;
}

/* Whether the texts of an entry were emptied */
bool
tl_is_redacted(const TlEntry *entry)
{
	Datum		values[] = {Int64GetDatum(entry->account_id),
							Int64GetDatum(entry->entry_no)};
	bool		found;

	SPI_connect();
	found = run(FIND_REDACTION, values, NULL, SPI_OK_SELECT) > 0;
	SPI_finish();
	return found;
}
