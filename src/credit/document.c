/*-------------------------------------------------------------------------
 *
 * document.c
 *		The JSON documents of credit accounts, as the event system prints them
 *		(contract, section 7): key by key in its order, with its statuses.
 *
 * A transaction is checked, posted and answered as the owner of the books; a
 * read runs with its caller's rights, row-level security included.  Refusals
 * are answered, not raised, and before the first write, so that nothing of a
 * refused request is kept.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/credit/document.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "access/access.h"
#include "base/arguments.h"
#include "credit/form.h"
#include "ledger/catalog.h"
#include "ledger/ledger.h"

PG_FUNCTION_INFO_V1(tl_credit_token_transaction);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_init);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_add);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_subtract);
PG_FUNCTION_INFO_V1(tl_credit_token_balance);
PG_FUNCTION_INFO_V1(tl_credit_token_history);

/* Entries that a history reads at a time, at most some megabytes */
#define HISTORY_CHUNK	100

/* Most entries of a page of a history */
#define MAX_PAGE		1000

/* Longest history that is answered, in bytes */
#define MAX_HISTORY_BYTES	(8 * 1024 * 1024)

/* A delegate and the object that documents show of it */
typedef struct Delegate
{
	int64		party_id;
	char	   *document;
} Delegate;

/* ---------------------------------------------------------------------
 * Statements
 * ---------------------------------------------------------------------
 */

typedef enum Statement
{
	/* in the order of the delegate fields of the form */
	DELEGATE_BY_ID,
	DELEGATE_BY_RFID,
	DELEGATE_BY_BARCODE,
	DELEGATE_BY_EXTERNAL_ID,
	NAMED_ACCOUNT,
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
		SELECT_DELEGATE "id OPERATOR(pg_catalog.=) $1::pg_catalog.int8",
		1, {TEXTOID}
	},
	[DELEGATE_BY_RFID] = {
		SELECT_DELEGATE "rfid OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	},
	[DELEGATE_BY_BARCODE] = {
		SELECT_DELEGATE "barcode OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	},
	[DELEGATE_BY_EXTERNAL_ID] = {
		SELECT_DELEGATE "external_id OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	},
	[NAMED_ACCOUNT] = {
		"SELECT a.id, a.balance FROM trainledger.account a"
		" JOIN trainledger.token_type t"
		" ON t.id OPERATOR(pg_catalog.=) a.token_type_id"
		" WHERE a.party_id OPERATOR(pg_catalog.=) $1"
		" AND t.kind OPERATOR(pg_catalog.=) 'credit'"
		" AND t.name OPERATOR(pg_catalog.=) $2"
		" AND a.name OPERATOR(pg_catalog.=) $3",
		3, {INT8OID, TEXTOID, TEXTOID}
	},
	[LAST_ENTRY] = {
		SELECT_ENTRIES NEWEST_FIRST " LIMIT 1",
		1, {INT8OID}
	},
	[ENTRIES_BEFORE] = {
		SELECT_ENTRIES " AND entry_no OPERATOR(pg_catalog.<) $2" NEWEST_FIRST,
		2, {INT8OID, INT8OID}
	}
};
/* clang-format on */

static SPIPlanPtr
get_plan(Statement statement)
{
	static SPIPlanPtr plans[STATEMENT_COUNT];

	if (plans[statement] == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(statements[statement].text,
									   statements[statement].count,
									   (Oid *) statements[statement].types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare: %s",
				 SPI_result_code_string(SPI_result));
		plans[statement] = plan;	/* published last */
	}
	return plans[statement];
}

/*
 * Run a statement that reads at most one row; true: there is one.  A call
 * that writes sees what its own statement has done so far, one that reads
 * (read_only) does not.
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
 * A value of a row that was read of a table; what an owner may have done to
 * the column is an error and no crash.
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

/* As a text, of whatever type it is; NULL: it is null */
static char *
cell_optional(HeapTuple row, int number)
{
	return SPI_getvalue(row, SPI_tuptable->tupdesc, number);
}

static char *
cell_text(const char *table, HeapTuple row, int number)
{
	TupleDesc	columns = SPI_tuptable->tupdesc;
	char	   *text = cell_optional(row, number);

	if (text == NULL)
		tl_refuse_null_in(table,
						  NameStr(TupleDescAttr(columns, number - 1)->attname));
	return text;
}

/* ---------------------------------------------------------------------
 * Printing
 * ---------------------------------------------------------------------
 */

/* A document is made as the value that is returned: a copy would double it. */
static void
start_document(StringInfo out)
{
	initStringInfo(out);
	appendStringInfoSpaces(out, VARHDRSZ);
}

static Datum
finish_document(StringInfo out)
{
	SET_VARSIZE(out->data, out->len);
	return PointerGetDatum(out->data);
}

static bool
is_too_long(StringInfo out)
{
	return out->len - VARHDRSZ > MAX_HISTORY_BYTES;
}

/* What PostgREST answers with, besides the document */
static void
set_response(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

static void
set_status(int status)
{
	char		text[12];

	pg_ltoa(status, text);
	set_response("response.status", text);
}

/* 2017-12-05T20:29:38+00:00, whatever the session's TimeZone is */
static void
print_time(StringInfo out, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	appendStringInfo(out, "\"%04d-%02d-%02dT%02d:%02d:%02d+00:00\"",
					 tm.tm_year, tm.tm_mon, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
print_amount(StringInfo out, TlAmount amount)
{
	char		text[TL_AMOUNT_BUFLEN];

	tl_amount_to_text(amount, text);
	appendStringInfoString(out, text);
}

/* What was asked for: a subtraction took as much as its entry has too little */
static void
print_delta(StringInfo out, const char *operation, TlAmount delta)
{
	char		text[TL_AMOUNT_BUFLEN];
	bool		takes = strcmp(operation, "subtract") == 0;

	tl_amount_to_text(delta, text);
	appendStringInfoString(out, takes && text[0] == '-' ? text + 1 : text);
}

static void
print_optional(StringInfo out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(out, "\"%s\":", key);
	escape_json(out, value);
	appendStringInfoChar(out, ',');
}

/* The delegate of the row that was read last; NULL columns are left out. */
static char *
print_delegate(void)
{
	HeapTuple	row = SPI_tuptable->vals[0];
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"data\":%s,\"flags\":%s,",
					 cell_text("party", row, 2), cell_text("party", row, 3));
	print_optional(&out, "rfid", cell_optional(row, 4));
	print_optional(&out, "barcode", cell_optional(row, 5));
	print_optional(&out, "externalId", cell_optional(row, 6));
	appendStringInfo(&out, "\"id\":%lld,\"sources\":%s,\"createdAt\":",
					 (long long) cell_int64("party", row, 1),
					 cell_text("party", row, 7));
	print_time(&out, cell_time("party", row, 8));
	appendStringInfoString(&out, ",\"updatedAt\":");
	print_time(&out, cell_time("party", row, 9));
	appendStringInfoChar(&out, '}');
	return out.data;
}

/* A transaction: amounts are what was added or taken, so never signed but in
 * an opening or adjustment. */
static void
print_transaction(StringInfo out, TimestampTz created_at,
				  const char *operation, TlAmount delta, TlAmount balance,
				  const char *source, const char *description,
				  const char *account_name, const char *token_type)
{
	appendStringInfoString(out, "{\"createdAt\":");
	print_time(out, created_at);
	appendStringInfo(out, ",\"operation\":\"%s\",\"amount\":", operation);
	print_delta(out, operation, delta);
	appendStringInfoString(out, ",\"balance\":");
	print_amount(out, balance);
	appendStringInfoString(out, ",\"source\":");
	escape_json(out, source);
	appendStringInfoString(out, ",\"description\":");
	escape_json(out, description);
	appendStringInfoString(out, ",\"accountName\":");
	escape_json(out, account_name);
	appendStringInfoString(out, ",\"tokenType\":{\"name\":");
	escape_json(out, token_type);
	appendStringInfoString(out, "}}");
}

/* ---------------------------------------------------------------------
 * Error documents
 * ---------------------------------------------------------------------
 */

static void
answer_not_found(StringInfo out)
{
	set_status(404);
	appendStringInfoString(out, "{\"code\":404,\"message\":\"Not Found\","
						   "\"errorCode\":0}");
}

static void
answer_invalid(StringInfo out, const CreditForm *form)
{
	set_status(400);
	appendStringInfoString(out, "{\"code\":400,"
						   "\"message\":\"Validation Failed\",\"errors\":");
	credit_form_print_errors(form, out);
	appendStringInfoChar(out, '}');
}

static const char *
invalid_if(bool is_invalid)
{
	return is_invalid ? "\"errors\":[\"" FORM_INVALID "\"]" : "";
}

/* The same about the parameters of a history */
static void
answer_invalid_page(StringInfo out, bool limit, bool before)
{
	set_status(400);
	appendStringInfo(out, "{\"code\":400,"
					 "\"message\":\"Validation Failed\",\"errors\":"
					 "{\"children\":{\"limit\":{%s},\"before\":{%s}}}}",
					 invalid_if(limit), invalid_if(before));
}

static void
answer_too_long(StringInfo out)
{
	set_status(413);
	appendStringInfo(out, "{\"code\":413,"
					 "\"message\":\"The answer would be longer than %d MB,"
					 " ask for fewer transactions with limit\","
					 "\"errorCode\":0}",
					 MAX_HISTORY_BYTES / (1024 * 1024));
}

/* The answer to a refused posting.  What only the token type's scale shows to
 * be wrong is about the amount. */
static void
answer_refusal(StringInfo out, CreditForm *form, int sqlerrcode)
{
	static const struct
	{
		int			sqlerrcode;
		int			error_code;
		const char *message;
	} conflicts[] = {
		{TL_ALREADY_INITIALISED, 1051, "Account already initialised"},
		{TL_BALANCE_MISMATCH, 1052, "Balance mismatch"},
		{TL_OUT_OF_BOUND, 1053, "Balance out of bound"},
		{TL_ABOVE_UPPER_BOUND, 1054, "Balance out of upper bound"},
		{TL_BELOW_LOWER_BOUND, 1055, "Balance out of lower bound"},
		{TL_DUPLICATE, 1056, "Duplicate transaction"},
		{TL_NOT_INITIALISED, 1057, "Account not available"},
		/* and whatever else speaks against it, such as a suspended party */
		{TL_REJECTED, 1058, "Transaction rejected"},
	};
	size_t		which = 0;

	if (sqlerrcode == TL_NOT_FOUND)
	{
		answer_not_found(out);
		return;
	}
	if (sqlerrcode == TL_INVALID)
	{
		form->errors[FIELD_AMOUNT] = FORM_INVALID;
		answer_invalid(out, form);
		return;
	}

	while (which < lengthof(conflicts) - 1 &&
		   conflicts[which].sqlerrcode != sqlerrcode)
		which++;
	set_status(409);
	appendStringInfo(out, "{\"code\":409,\"message\":\"%s\",\"errorCode\":%d}",
					 conflicts[which].message, conflicts[which].error_code);
}

/* ---------------------------------------------------------------------
 * Transactions
 * ---------------------------------------------------------------------
 */

typedef enum Lookup
{
	LOOKUP_FOUND,
	LOOKUP_NOT_FOUND,
	LOOKUP_CONTRADICTION		/* two that are not the same */
} Lookup;

/*
 * Find the delegate that the form names.  It may be named in several ways,
 * but it must be one; else the later field is not valid.
 */
static Lookup
find_delegate(CreditForm *form, Delegate *delegate)
{
	Lookup		result = LOOKUP_NOT_FOUND;

	for (int i = FIELD_DELEGATE_ID; i <= FIELD_DELEGATE_EXTERNAL_ID; i++)
	{
		Datum		value;
		int64		party_id;

		if (!credit_form_is_given(form, i))
			continue;
		value = CStringGetTextDatum(form->values[i]);
		if (!read_row(DELEGATE_BY_ID + (i - FIELD_DELEGATE_ID), &value,
					  false))
			return LOOKUP_NOT_FOUND;
		party_id = cell_int64("party", SPI_tuptable->vals[0], 1);
		if (result == LOOKUP_NOT_FOUND)
		{
			delegate->party_id = party_id;
			delegate->document = print_delegate();
			result = LOOKUP_FOUND;
		}
		else if (delegate->party_id != party_id)
		{
			form->errors[i] = FORM_INVALID;
			result = LOOKUP_CONTRADICTION;
		}
	}
	return result;
}

static text *
form_device(const CreditForm *form)
{
	if (credit_form_is_given(form, FIELD_DEVICE_ID))
		return cstring_to_text(psprintf("id:%s",
										form->values[FIELD_DEVICE_ID]));
	if (credit_form_is_given(form, FIELD_DEVICE_CODE))
		return cstring_to_text(psprintf("code:%s",
										form->values[FIELD_DEVICE_CODE]));
	return NULL;
}

/* Post what a form that was checked asks for. */
static TlOutcome
post_form(const CreditForm *form, int64 party_id, text *booked_by,
		  TlEntry *entry, TlRefusal *refusal)
{
	TlTarget	target = {
		.by_id = false,
		.party_id = party_id,
		.account_name = cstring_to_text(form->values[FIELD_ACCOUNT_NAME]),
		.type_name = cstring_to_text(form->values[FIELD_TOKEN_TYPE]),
	};
	TlRequest	request = {
		.call = TL_CALL_CREDIT,
		.operation = form->operation,
		.amount = form->values[FIELD_AMOUNT],
		.rounding = form->rounding,
		.source = cstring_to_text(form->values[FIELD_SOURCE]),
		.description = cstring_to_text(form->values[FIELD_DESCRIPTION]),
		.device = form_device(form),
		.has_recorded_at = true,
		.recorded_at = form->recorded_at,
		.now = tl_clock(),
		.booked_by = booked_by,
	};

	if (credit_form_is_given(form, FIELD_BALANCE_EXPECTED))
		request.expected = form->values[FIELD_BALANCE_EXPECTED];
	if (!tl_check_request(&request, refusal))
		return TL_REFUSED;
	return tl_ledger_post(&request, &target, entry, refusal);
}

/* The whole of a transaction's answer, printed into out. */
static void
answer_transaction(StringInfo out, CreditForm *form, text *booked_by)
{
	Delegate	delegate = {0};
	TlEntry		entry;
	TlRefusal	refusal = {0};
	Lookup		lookup;

	SPI_connect();
	lookup = find_delegate(form, &delegate);
	if (lookup == LOOKUP_NOT_FOUND)
		answer_not_found(out);
	else if (lookup == LOOKUP_CONTRADICTION)
		answer_invalid(out, form);
	else if (post_form(form, delegate.party_id, booked_by, &entry,
					   &refusal) != TL_REFUSED)
	{
		set_status(201);
		appendStringInfoString(out, "{\"balance\":");
		print_amount(out, entry.balance);
		appendStringInfo(out, ",\"delegate\":%s,\"transaction\":",
						 delegate.document);
		print_transaction(out, entry.created_at,
						  tl_operation_name(entry.operation), entry.delta,
						  entry.balance, text_to_cstring(entry.source),
						  text_to_cstring(entry.description),
						  form->values[FIELD_ACCOUNT_NAME],
						  form->values[FIELD_TOKEN_TYPE]);
		appendStringInfoChar(out, '}');
	}
	else
		answer_refusal(out, form, refusal.sqlerrcode);
	SPI_finish();
}

static Datum
transaction(FunctionCallInfo fcinfo, bool any_operation, TlOperation operation)
{
	text	   *body = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);
	text	   *booked_by = tl_booked_by();
	CreditForm	form;
	StringInfoData out;
	TlOwnerSwitch saved;

	PreventCommandIfReadOnly("a credit-token transaction");
	start_document(&out);
	credit_form_read(&form, body);
	if (!credit_form_check(&form, any_operation, operation))
		answer_invalid(&out, &form);
	else
	{
		tl_become_owner(&saved);
		answer_transaction(&out, &form, booked_by);
		tl_restore_user(&saved);
	}
	return finish_document(&out);
}

/* credit_token_transaction(json): the operation is in the body */
Datum
tl_credit_token_transaction(PG_FUNCTION_ARGS)
{
	return transaction(fcinfo, true, TL_OP_ADD);
}

Datum
tl_credit_token_transaction_init(PG_FUNCTION_ARGS)
{
	return transaction(fcinfo, false, TL_OP_INIT);
}

Datum
tl_credit_token_transaction_add(PG_FUNCTION_ARGS)
{
	return transaction(fcinfo, false, TL_OP_ADD);
}

Datum
tl_credit_token_transaction_subtract(PG_FUNCTION_ARGS)
{
	return transaction(fcinfo, false, TL_OP_SUBTRACT);
}

/* ---------------------------------------------------------------------
 * Reads
 * ---------------------------------------------------------------------
 */

/* Find a delegate as an URI names it, {idType}:{id}. */
static bool
find_delegate_by(const char *id_type, const char *id, Delegate *delegate)
{
	static const char *const id_types[] = {
		"id",
		"rfid",
		"barcode",
		"externalId",
	};
	Datum		value = CStringGetTextDatum(id);

	for (size_t i = 0; i < lengthof(id_types); i++)
	{
		if (strcmp(id_type, id_types[i]) != 0)
			continue;
		if (i == DELEGATE_BY_ID && !credit_form_is_party_id(id))
			return false;
		if (!read_row(DELEGATE_BY_ID + i, &value, true))
			return false;
		delegate->party_id = cell_int64("party", SPI_tuptable->vals[0], 1);
		delegate->document = print_delegate();
		return true;
	}
	return false;
}

/* The account that an answer is about */
typedef struct Account
{
	int64		id;
	TlAmount	balance;
	const char *name;
	const char *token_type;
} Account;

static bool
find_account(int64 party_id, Account *account)
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

/* The transaction of an entry that was read */
static void
print_entry(StringInfo out, HeapTuple row, const Account *account)
{
	print_transaction(out, cell_time("entry", row, 2),
					  cell_text("entry", row, 3),
					  cell_amount("entry", row, 4),
					  cell_amount("entry", row, 5),
					  cell_text("entry", row, 6), cell_text("entry", row, 7),
					  account->name, account->token_type);
}

static void
print_last_transaction(StringInfo out, const Account *account)
{
	Datum		value = Int64GetDatum(account->id);

	appendStringInfoString(out, "\"transaction\":");
	if (read_row(LAST_ENTRY, &value, true))
		print_entry(out, SPI_tuptable->vals[0], account);
	else
		appendStringInfoString(out, "null");
}

/* The part of a history that is asked for */
typedef struct HistoryPage
{
	int64		before;			/* entries with lower numbers */
	int64		limit;			/* so many of them */
} HistoryPage;

/*
 * Print the rows of a chunk, a comma before each but the first of all, until
 * the document is too long.  Nothing is kept but what is printed.
 */
static void
print_chunk(StringInfo out, bool first, const Account *account)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "credit-token history",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);

	for (uint64 i = 0; i < SPI_processed && !is_too_long(out); i++)
	{
		if (!first || i > 0)
			appendStringInfoChar(out, ',');
		print_entry(out, SPI_tuptable->vals[i], account);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/*
 * Print a page of an account's transactions, newest first.  They are read in
 * chunks: only the document itself grows, until it is too long.  Returns the
 * number of the last entry where more of them follow, else 0.
 */
static int64
print_history(StringInfo out, const Account *account, const HistoryPage *page)
{
	Datum		values[2] = {
		Int64GetDatum(account->id),
		Int64GetDatum(page->before),
	};
	Portal		portal = SPI_cursor_open(NULL, get_plan(ENTRIES_BEFORE),
										 values, NULL, true);
	int64		left = page->limit;
	int64		last = 0;
	bool		first = true;

	appendStringInfoString(out, "\"history\":[");
	while (left > 0 && !is_too_long(out))
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, (long) Min(left, HISTORY_CHUNK));
		if (SPI_processed == 0)
			break;
		print_chunk(out, first, account);
		last = cell_int64("entry", SPI_tuptable->vals[SPI_processed - 1], 1);
		left -= (int64) SPI_processed;
		first = false;
		SPI_freetuptable(SPI_tuptable);
	}
	appendStringInfoChar(out, ']');
	SPI_cursor_close(portal);
	return left == 0 && last > 1 ? last : 0;
}

/* A text as a part of an URI */
static void
print_escaped(StringInfo out, const char *text)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text != '\0'; text++)
	{
		if (strchr(unreserved, *text) != NULL)
			appendStringInfoChar(out, *text);
		else
			appendStringInfo(out, "%%%02X", (unsigned char) *text);
	}
}

/* Say where the next page is, as RFC 8288 has it */
static void
set_next_page(const Account *account, const char *id_type, const char *id,
			  const HistoryPage *page, int64 before)
{
	StringInfoData header;

	initStringInfo(&header);
	appendStringInfoString(&header,
						   "[{\"Link\":\"</credit-token/history/");
	print_escaped(&header, account->name);
	appendStringInfo(&header, "/%s:", id_type);
	print_escaped(&header, id);
	appendStringInfoString(&header, ".json?tokenType=");
	print_escaped(&header, account->token_type);
	appendStringInfo(&header, "&limit=%lld&before=%lld>; rel=\\\"next\\\"\"}]",
					 (long long) page->limit, (long long) before);
	set_response("response.headers", header.data);
}

/*
 * The answer about an account: its balance, its delegate and its last
 * transaction, and a page of them all if one is asked for.  The keys of the two
 * answers are not in the same order.
 */
static void
answer_account(StringInfo out, Account *account, const char *id_type,
			   const char *id, const HistoryPage *page)
{
	Delegate	delegate;
	int			start = out->len;
	int64		next = 0;

	if (!find_delegate_by(id_type, id, &delegate) ||
		!find_account(delegate.party_id, account))
	{
		answer_not_found(out);
		return;
	}

	appendStringInfoChar(out, '{');
	if (page == NULL)
	{
		appendStringInfoString(out, "\"balance\":");
		print_amount(out, account->balance);
		appendStringInfoChar(out, ',');
	}
	appendStringInfo(out, "\"delegate\":%s,", delegate.document);
	print_last_transaction(out, account);
	if (page != NULL)
	{
		appendStringInfoChar(out, ',');
		next = print_history(out, account, page);
		appendStringInfoString(out, ",\"balance\":");
		print_amount(out, account->balance);
	}
	appendStringInfoChar(out, '}');

	if (page != NULL && is_too_long(out))
	{
		out->len = start;
		answer_too_long(out);
		return;
	}
	set_status(200);
	if (next > 0)
		set_next_page(account, id_type, id, page, next);
}

/* An argument; as in a body, a name that is empty is one that is not given */
static const char *
text_argument(FunctionCallInfo fcinfo, int number, const char *or_else)
{
	if (PG_ARGISNULL(number) ||
		VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(number)) == 0)
		return or_else;
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* page is NULL where no history is asked for. */
static Datum
account_document(FunctionCallInfo fcinfo, const HistoryPage *page)
{
	Account		account = {
		.name = text_argument(fcinfo, 0, "default"),
		.token_type = text_argument(fcinfo, 3, "default"),
	};
	StringInfoData out;

	start_document(&out);
	SPI_connect();
	answer_account(&out, &account, text_argument(fcinfo, 1, ""),
				   text_argument(fcinfo, 2, ""), page);
	SPI_finish();
	return finish_document(&out);
}

/* credit_token_balance("accountName", "idType", id, "tokenType") */
Datum
tl_credit_token_balance(PG_FUNCTION_ARGS)
{
	return account_document(fcinfo, NULL);
}

/*
 * credit_token_history("accountName", "idType", id, "tokenType", max_entries,
 * before_entry)
 */
Datum
tl_credit_token_history(PG_FUNCTION_ARGS)
{
	bool		has_limit = !PG_ARGISNULL(4);
	HistoryPage page = {
		.limit = has_limit ? PG_GETARG_INT32(4) : PG_INT64_MAX,
		.before = PG_ARGISNULL(5) ? PG_INT64_MAX : PG_GETARG_INT64(5),
	};
	bool		bad_limit = has_limit &&
		(page.limit < 1 || page.limit > MAX_PAGE);
	bool		bad_before = page.before < 1;
	StringInfoData out;

	if (!bad_limit && !bad_before)
		return account_document(fcinfo, &page);
	start_document(&out);
	answer_invalid_page(&out, bad_limit, bad_before);
	return finish_document(&out);
}
