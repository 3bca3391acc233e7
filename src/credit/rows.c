/*-------------------------------------------------------------------------
 *
 * rows.c
 *		Rows of the tables as parts of the JSON documents of credit accounts
 *		(contract, section 7): reading and printing them.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/credit/rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "credit/credit.h"
#include "ledger/catalog.h"

/* Statements; those that find a delegate come first, by DelegateKey */
typedef enum Statement
{
	NAMED_ACCOUNT = DELEGATE_KEY_COUNT,
	LAST_ENTRY,
	ENTRIES_BEFORE
} Statement;

#define STATEMENT_COUNT		(ENTRIES_BEFORE + 1)

#define SELECT_ENTRIES \
	"SELECT entry_no, created_at, operation, delta, balance, source," \
	" description FROM trainledger.entry" \
	" WHERE account_id OPERATOR(pg_catalog.=) $1"

#define NEWEST_FIRST	" ORDER BY entry_no DESC"

#define SELECT_DELEGATE \
	"SELECT id, pg_catalog.to_json(data)::pg_catalog.text AS data," \
	" pg_catalog.to_json(flags)::pg_catalog.text AS flags, rfid, barcode," \
	" external_id, pg_catalog.to_json(sources)::pg_catalog.text AS sources," \
	" created_at, updated_at FROM trainledger.party WHERE "

/* clang-format off */
static const struct
{
	const char *text;
	int			count;
	Oid			types[3];
}			statements[STATEMENT_COUNT] =
{
	[DELEGATE_BY_ID] = {
		.text = SELECT_DELEGATE "id OPERATOR(pg_catalog.=) $1::pg_catalog.int8",
		.count = 1, .types = {TEXTOID},
	},
	[DELEGATE_BY_RFID] = {
		.text = SELECT_DELEGATE "rfid OPERATOR(pg_catalog.=) $1",
		.count = 1, .types = {TEXTOID},
	},
	[DELEGATE_BY_BARCODE] = {
		.text = SELECT_DELEGATE "barcode OPERATOR(pg_catalog.=) $1",
		.count = 1, .types = {TEXTOID},
	},
	[DELEGATE_BY_EXTERNAL_ID] = {
		.text = SELECT_DELEGATE "external_id OPERATOR(pg_catalog.=) $1",
		.count = 1, .types = {TEXTOID},
	},
	[NAMED_ACCOUNT] = {
		.text = "SELECT a.id, a.balance FROM trainledger.account a"
		" JOIN trainledger.token_type t"
		" ON t.id OPERATOR(pg_catalog.=) a.token_type_id"
		" WHERE a.party_id OPERATOR(pg_catalog.=) $1"
		" AND t.kind OPERATOR(pg_catalog.=) 'credit'"
		" AND t.name OPERATOR(pg_catalog.=) $2"
		" AND a.name OPERATOR(pg_catalog.=) $3",
		.count = 3, .types = {INT8OID, TEXTOID, TEXTOID},
	},
	[LAST_ENTRY] = {
		.text = SELECT_ENTRIES NEWEST_FIRST " LIMIT 1",
		.count = 1, .types = {INT8OID},
	},
	[ENTRIES_BEFORE] = {
		.text = SELECT_ENTRIES " AND entry_no OPERATOR(pg_catalog.<) $2"
		NEWEST_FIRST,
		.count = 2, .types = {INT8OID, INT8OID},
	},
};
/* clang-format on */

static SPIPlanPtr
get_plan(Statement statement)
{
	static SPIPlanPtr plans[STATEMENT_COUNT];

	return tl_saved_plan(&plans[statement], statements[statement].text,
						 statements[statement].count,
						 statements[statement].types, 0);
}

/*
 * Run a statement that reads at most one row.  Returns true if there is one.
 * If read_only, it runs with the caller's snapshot; else with a new one, as a
 * call that writes needs.
 */
static bool
read_row(Statement statement, Datum *values, bool read_only)
{
	int			result = SPI_execute_plan(get_plan(statement), values, NULL,
										  read_only, 1);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of a statement: %s",
			 SPI_result_code_string(result));
	return SPI_processed == 1;
}

/*
 * A value of the row just read from a table.  The owner may have altered the
 * column: raise an error rather than crash.
 */
static Datum
cell(const char *table, HeapTuple row, int number, Oid type)
{
	TupleDesc	columns = SPI_tuptable->tupdesc;
	const char *name = NameStr(TupleDescAttr(columns, number - 1)->attname);
	Oid			found = SPI_gettypeid(columns, number);
	bool		isnull;
	Datum		value = SPI_getbinval(row, columns, number, &isnull);

	if (found != type)
		tl_refuse_column_type(table, name, found, type);
	if (isnull)
		tl_refuse_null_in(table, name);
	return value;
}

static int64
cell_int64(const char *table, HeapTuple row, int number)
{
	return DatumGetInt64(cell(table, row, number, INT8OID));
}

static TlAmount
cell_amount(const char *table, HeapTuple row, int number)
{
	return DatumGetAmount(cell(table, row, number,
							   tl_catalog()->types[TL_AMOUNT]));
}

static TimestampTz
cell_time(const char *table, HeapTuple row, int number)
{
	return DatumGetTimestampTz(cell(table, row, number, TIMESTAMPTZOID));
}

static text *
cell_text(const char *table, HeapTuple row, int number)
{
	return DatumGetTextPP(cell(table, row, number, TEXTOID));
}

static char *
cell_json(const char *table, HeapTuple row, int number)
{
	return text_to_cstring(cell_text(table, row, number));
}

/* A value of any type as text, or NULL */
static char *
cell_optional(HeapTuple row, int number)
{
	return SPI_getvalue(row, SPI_tuptable->tupdesc, number);
}

/* ---------------------------------------------------------------------
 * Printing
 * ---------------------------------------------------------------------
 */

/* Print a time in UTC, such as 2017-12-05T20:29:38+00:00. */
static void
print_time(StringInfo out, const char *key, TimestampTz time)
{
	char	   *text = tl_print_utc(time, 'T');

	appendStringInfo(out, "\"%s\":\"%s+00:00\"", key, text);
	pfree(text);
}

static void
print_text(StringInfo out, const char *key, const char *value)
{
	appendStringInfo(out, "\"%s\":", key);
	escape_json(out, value);
}

static void
print_optional(StringInfo out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	print_text(out, key, value);
	appendStringInfoChar(out, ',');
}

void
credit_print_amount(StringInfo out, TlAmount amount)
{
	char		text[TL_AMOUNT_BUFLEN];

	tl_amount_to_text(amount, text);
	appendStringInfoString(out, text);
}

/*
 * The operation that a document shows: the event system knows neither captures
 * nor transfers.
 */
static TlOperation
shown_operation(const TlEntry *entry)
{
	switch (entry->operation)
	{
		case TL_OP_CAPTURE:
			return TL_OP_SUBTRACT;
		case TL_OP_TRANSFER:
			return entry->delta < 0 ? TL_OP_SUBTRACT : TL_OP_ADD;
		default:
			return entry->operation;
	}
}

/*
 * Print the amount that was requested.  The entry of a subtraction has a
 * negative delta, so its sign is dropped.  Only openings and adjustments can
 * be negative here.
 */
static void
print_delta(StringInfo out, const TlEntry *entry)
{
	char		text[TL_AMOUNT_BUFLEN];
	bool		takes = shown_operation(entry) == TL_OP_SUBTRACT;

	tl_amount_to_text(entry->delta, text);
	appendStringInfoString(out, takes && text[0] == '-' ? text + 1 : text);
}

/* Print a transaction from its entry and the names of its account. */
void
credit_print_transaction(StringInfo out, const TlEntry *entry,
						 const CreditAccount *account)
{
	appendStringInfoChar(out, '{');
	print_time(out, "createdAt", entry->created_at);
	appendStringInfo(out, ",\"operation\":\"%s\",\"amount\":",
					 tl_operation_names[shown_operation(entry)]);
	print_delta(out, entry);
	appendStringInfoString(out, ",\"balance\":");
	credit_print_amount(out, entry->balance);
	appendStringInfoChar(out, ',');
	print_text(out, "source", text_to_cstring(entry->source));
	appendStringInfoChar(out, ',');
	print_text(out, "description", text_to_cstring(entry->description));
	appendStringInfoChar(out, ',');
	print_text(out, "accountName", account->name);
	appendStringInfoString(out, ",\"tokenType\":{");
	print_text(out, "name", account->token_type);
	appendStringInfoString(out, "}}");
}

/* Print the delegate of the row just read, without null columns. */
static char *
print_delegate(int64 id)
{
	HeapTuple	row = SPI_tuptable->vals[0];
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"data\":%s,\"flags\":%s,",
					 cell_json("party", row, 2), cell_json("party", row, 3));
	print_optional(&out, "rfid", cell_optional(row, 4));
	print_optional(&out, "barcode", cell_optional(row, 5));
	print_optional(&out, "externalId", cell_optional(row, 6));
	appendStringInfo(&out, "\"id\":%lld,\"sources\":%s,", (long long) id,
					 cell_json("party", row, 7));
	print_time(&out, "createdAt", cell_time("party", row, 8));
	appendStringInfoChar(&out, ',');
	print_time(&out, "updatedAt", cell_time("party", row, 9));
	appendStringInfoChar(&out, '}');
	return out.data;
}

/* ---------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------
 */

/* Find a delegate and print it; false if there is none. */
bool
credit_read_delegate(DelegateKey key, const char *id, bool read_only,
					 CreditDelegate *delegate)
{
	Datum		value = CStringGetTextDatum(id);

	if (!read_row((Statement) key, &value, read_only))
		return false;
	delegate->party_id = cell_int64("party", SPI_tuptable->vals[0], 1);
	delegate->document = print_delegate(delegate->party_id);
	return true;
}

/* Find a party's account by its name and type; false if there is none. */
bool
credit_read_account(int64 party_id, CreditAccount *account)
{
	Datum		values[3] = {
		Int64GetDatum(party_id),
		CStringGetTextDatum(account->token_type),
		CStringGetTextDatum(account->name),
	};

	if (!read_row(NAMED_ACCOUNT, values, true))
		return false;
	account->id = cell_int64("account", SPI_tuptable->vals[0], 1);
	account->balance = cell_amount("account", SPI_tuptable->vals[0], 2);
	return true;
}

/*
 * Fill in what documents show of an entry.  Its texts may point into the row.
 */
void
credit_take_entry(HeapTuple row, TlEntry *entry)
{
	entry->entry_no = cell_int64("entry", row, 1);
	entry->created_at = cell_time("entry", row, 2);
	entry->operation = tl_operation_from_oid(DatumGetObjectId(
		cell("entry", row, 3, tl_catalog()->types[TL_OPERATION])));
	entry->delta = cell_amount("entry", row, 4);
	entry->balance = cell_amount("entry", row, 5);
	entry->source = cell_text("entry", row, 6);
	entry->description = cell_text("entry", row, 7);
}

bool
credit_read_last_entry(int64 account_id, TlEntry *entry)
{
	Datum		value = Int64GetDatum(account_id);

	if (!read_row(LAST_ENTRY, &value, true))
		return false;
	credit_take_entry(SPI_tuptable->vals[0], entry);
	return true;
}

/* Open a cursor on the entries with lower numbers, newest first. */
Portal
credit_open_entries(int64 account_id, int64 before)
{
	Datum		values[2] = {
		Int64GetDatum(account_id),
		Int64GetDatum(before),
	};

	return SPI_cursor_open(NULL, get_plan(ENTRIES_BEFORE), values, NULL, true);
}
