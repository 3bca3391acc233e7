/*-------------------------------------------------------------------------
 *
 * credit_document.c
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
 * src/credit_document.c
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

#include "credit_form.h"
#include "ledger.h"

PG_FUNCTION_INFO_V1(tl_credit_token_transaction);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_init);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_add);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_subtract);
PG_FUNCTION_INFO_V1(tl_credit_token_balance);
PG_FUNCTION_INFO_V1(tl_credit_token_history);

/* Entries that a history reads at a time */
#define HISTORY_CHUNK	1000

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
	ENTRIES_OF_ACCOUNT
} Statement;

#define STATEMENT_COUNT		(ENTRIES_OF_ACCOUNT + 1)

#define SELECT_ENTRIES \
	"SELECT created_at, operation, delta, balance, source, description" \
	" FROM trainledger.entry" \
	" WHERE account_id OPERATOR(pg_catalog.=) $1" \
	" ORDER BY entry_no DESC"

#define SELECT_DELEGATE \
	"SELECT id, data::pg_catalog.text," \
	" pg_catalog.to_json(flags)::pg_catalog.text, rfid, barcode," \
	" external_id, pg_catalog.to_json(sources)::pg_catalog.text," \
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
		SELECT_ENTRIES " LIMIT 1",
		1, {INT8OID}
	},
	[ENTRIES_OF_ACCOUNT] = {
		SELECT_ENTRIES,
		1, {INT8OID}
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

static Datum
cell(HeapTuple row, int number)
{
	bool		isnull;

	return SPI_getbinval(row, SPI_tuptable->tupdesc, number, &isnull);
}

static char *
cell_text(HeapTuple row, int number)
{
	return SPI_getvalue(row, SPI_tuptable->tupdesc, number);
}

/* ---------------------------------------------------------------------
 * Printing
 * ---------------------------------------------------------------------
 */

/* What PostgREST answers with, besides the document */
static void
set_status(int status)
{
	char		text[12];

	pg_ltoa(status, text);
	(void) set_config_option("response.status", text, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
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
					 cell_text(row, 2), cell_text(row, 3));
	print_optional(&out, "rfid", cell_text(row, 4));
	print_optional(&out, "barcode", cell_text(row, 5));
	print_optional(&out, "externalId", cell_text(row, 6));
	appendStringInfo(&out, "\"id\":%lld,\"sources\":%s,\"createdAt\":",
					 (long long) DatumGetInt64(cell(row, 1)),
					 cell_text(row, 7));
	print_time(&out, DatumGetTimestampTz(cell(row, 8)));
	appendStringInfoString(&out, ",\"updatedAt\":");
	print_time(&out, DatumGetTimestampTz(cell(row, 9)));
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
		party_id = DatumGetInt64(cell(SPI_tuptable->vals[0], 1));
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
	initStringInfo(&out);
	credit_form_read(&form, body);
	if (!credit_form_check(&form, any_operation, operation))
		answer_invalid(&out, &form);
	else
	{
		tl_become_owner(&saved);
		answer_transaction(&out, &form, booked_by);
		tl_restore_user(&saved);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
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
		delegate->party_id = DatumGetInt64(cell(SPI_tuptable->vals[0], 1));
		delegate->document = print_delegate();
		return true;
	}
	return false;
}

/*
 * Print the rows of a chunk, each as a transaction, commas between them.
 * Nothing is kept but what is printed.
 */
static void
print_chunk(StringInfo out, bool first, const char *account_name,
			const char *token_type)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "credit-token history",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];

		if (!first || i > 0)
			appendStringInfoChar(out, ',');
		print_transaction(out, DatumGetTimestampTz(cell(row, 1)),
						  cell_text(row, 2), DatumGetAmount(cell(row, 3)),
						  DatumGetAmount(cell(row, 4)), cell_text(row, 5),
						  cell_text(row, 6), account_name, token_type);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/*
 * Print the account's last transaction and, with history, all of them, newest
 * first.  Read in chunks: only the document itself grows with the history.
 */
static void
print_transactions(StringInfo out, int64 account_id, bool history,
				   const char *account_name, const char *token_type)
{
	Datum		value = Int64GetDatum(account_id);
	Statement	statement = history ? ENTRIES_OF_ACCOUNT : LAST_ENTRY;
	Portal		portal = SPI_cursor_open(NULL, get_plan(statement), &value,
										 NULL, true);
	int			start;

	SPI_cursor_fetch(portal, true, 1);
	appendStringInfoString(out, "\"transaction\":");
	start = out->len;
	print_chunk(out, true, account_name, token_type);
	if (history)
	{
		char	   *last = pnstrdup(out->data + start, out->len - start);

		appendStringInfo(out, ",\"history\":[%s", last);
		for (;;)
		{
			CHECK_FOR_INTERRUPTS();
			SPI_freetuptable(SPI_tuptable);
			SPI_cursor_fetch(portal, true, HISTORY_CHUNK);
			if (SPI_processed == 0)
				break;
			print_chunk(out, false, account_name, token_type);
		}
		appendStringInfoChar(out, ']');
	}
	SPI_cursor_close(portal);
}

/*
 * The answer about an account: its balance, its delegate and its last
 * transaction, or all of them.  The keys of the two are not in the same order.
 */
static void
answer_account(StringInfo out, const char *account_name, const char *id_type,
			   const char *id, const char *token_type, bool history)
{
	Delegate	delegate;
	Datum		values[3];
	int64		account_id;
	TlAmount	balance;

	if (!find_delegate_by(id_type, id, &delegate))
	{
		answer_not_found(out);
		return;
	}
	values[0] = Int64GetDatum(delegate.party_id);
	values[1] = CStringGetTextDatum(token_type);
	values[2] = CStringGetTextDatum(account_name);
	if (!read_row(NAMED_ACCOUNT, values, true))
	{
		answer_not_found(out);
		return;
	}
	account_id = DatumGetInt64(cell(SPI_tuptable->vals[0], 1));
	balance = DatumGetAmount(cell(SPI_tuptable->vals[0], 2));

	set_status(200);
	appendStringInfoChar(out, '{');
	if (!history)
	{
		appendStringInfoString(out, "\"balance\":");
		print_amount(out, balance);
		appendStringInfoChar(out, ',');
	}
	appendStringInfo(out, "\"delegate\":%s,", delegate.document);
	print_transactions(out, account_id, history, account_name, token_type);
	if (history)
	{
		appendStringInfoString(out, ",\"balance\":");
		print_amount(out, balance);
	}
	appendStringInfoChar(out, '}');
}

static Datum
account_document(FunctionCallInfo fcinfo, bool history)
{
	/* as in a body, a name that is empty is one that is not given */
	const char *arguments[] = {"default", "", "", "default"};
	StringInfoData out;

	for (size_t i = 0; i < lengthof(arguments); i++)
	{
		if (!PG_ARGISNULL(i) && VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(i)) > 0)
			arguments[i] = text_to_cstring(PG_GETARG_TEXT_PP(i));
	}

	initStringInfo(&out);
	SPI_connect();
	answer_account(&out, arguments[0], arguments[1], arguments[2],
				   arguments[3], history);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* credit_token_balance("accountName", "idType", id, "tokenType") */
Datum
tl_credit_token_balance(PG_FUNCTION_ARGS)
{
	return account_document(fcinfo, false);
}

/* credit_token_history("accountName", "idType", id, "tokenType") */
Datum
tl_credit_token_history(PG_FUNCTION_ARGS)
{
	return account_document(fcinfo, true);
}
