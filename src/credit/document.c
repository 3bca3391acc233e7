/*-------------------------------------------------------------------------
 *
 * document.c
 *		The JSON documents of credit accounts (contract, section 7).  Keys,
 *		their order and the statuses are those of the event system.
 *
 * A transaction is posted and answered as the owner of the books.  A read runs
 * with its caller's rights, including row-level security.  A refusal becomes an
 * answer and is not raised, so nothing rolls back: all checks come before the
 * first write.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/credit/document.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "access/access.h"
#include "credit/credit.h"
#include "ledger/ledger.h"

PG_FUNCTION_INFO_V1(tl_credit_token_transaction);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_init);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_add);
PG_FUNCTION_INFO_V1(tl_credit_token_transaction_subtract);
PG_FUNCTION_INFO_V1(tl_credit_token_balance);
PG_FUNCTION_INFO_V1(tl_credit_token_history);

/* Entries that a history fetches at a time: a few megabytes at most */
#define HISTORY_CHUNK	100

/* Most entries of a page of a history */
#define MAX_PAGE		1000

/* Largest document of a history, in bytes */
#define MAX_HISTORY_BYTES	(8 * 1024 * 1024)

/* ---------------------------------------------------------------------
 * Answers
 * ---------------------------------------------------------------------
 */

/* Start with room for a varlena header: the buffer becomes the result. */
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
	tl_respond_document(VARDATA(out->data), out->len - VARHDRSZ);
	return PointerGetDatum(out->data);
}

static bool
is_too_long(StringInfo out)
{
	return out->len - VARHDRSZ > MAX_HISTORY_BYTES;
}

/* Answer with an error.  The message is not escaped. */
static void
answer_error(StringInfo out, int status, const char *message, int error_code)
{
	tl_respond_status(status);
	appendStringInfo(out, "{\"code\":%d,\"message\":\"%s\",\"errorCode\":%d}",
					 status, message, error_code);
}

static void
answer_not_found(StringInfo out)
{
	answer_error(out, 404, "Not Found", 0);
}

static void
print_balance(StringInfo out, TlAmount balance)
{
	appendStringInfoString(out, "\"balance\":");
	credit_print_amount(out, balance);
}

static void
answer_invalid(StringInfo out, const CreditForm *form)
{
	tl_respond_status(400);
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

/* Like answer_invalid(), for the parameters of a history */
static void
answer_invalid_page(StringInfo out, bool limit, bool before)
{
	tl_respond_status(400);
	appendStringInfo(out, "{\"code\":400,"
					 "\"message\":\"Validation Failed\",\"errors\":"
					 "{\"children\":{\"limit\":{%s},\"before\":{%s}}}}",
					 invalid_if(limit), invalid_if(before));
}

static void
answer_too_long(StringInfo out)
{
	answer_error(out, 413,
				 psprintf("The answer would be longer than %d MB, ask for fewer transactions with limit",
						  MAX_HISTORY_BYTES / (1024 * 1024)),
				 0);
}

/*
 * Answer a refused posting.  The form was checked before, so TL_INVALID can
 * only mean that the amount does not fit the scale of the token type.  A
 * refusal without an error number, such as for a suspended party, is answered
 * as TL_REJECTED.
 */
static void
answer_refusal(StringInfo out, CreditForm *form, int sqlerrcode)
{
	const TlRefusalKind *kind = tl_refusal_kind(sqlerrcode);

	if (sqlerrcode == TL_NOT_FOUND)
		answer_not_found(out);
	else if (sqlerrcode == TL_INVALID)
	{
		form->errors[FIELD_AMOUNT] = FORM_INVALID;
		answer_invalid(out, form);
	}
	else
	{
		if (kind == NULL || kind->error_code == 0)
			kind = tl_refusal_kind(TL_REJECTED);
		answer_error(out, kind->http_status, kind->text, kind->error_code);
	}
}

/* ---------------------------------------------------------------------
 * Transactions
 * ---------------------------------------------------------------------
 */

/*
 * Find the delegate that the form names.  Several fields may name it, but all
 * must name the same one; a field that names another is invalid.  Returns false
 * after it has printed an error.
 */
static bool
find_delegate(StringInfo out, CreditForm *form, CreditDelegate *delegate)
{
	bool		is_one = true;

	for (int i = 0; i < DELEGATE_KEY_COUNT; i++)
	{
		CreditField field = FIELD_DELEGATE_ID + i;
		CreditDelegate named;

		if (!credit_form_is_given(form, field))
			continue;
		if (!credit_read_delegate(i, form->values[field], false, &named))
		{
			answer_not_found(out);
			return false;
		}
		if (delegate->document == NULL)
			*delegate = named;
		else if (delegate->party_id != named.party_id)
		{
			form->errors[field] = FORM_INVALID;
			is_one = false;
		}
	}
	if (!is_one)
		answer_invalid(out, form);
	return is_one;
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

/* Post the transaction of a form that has been checked. */
static bool
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
		return false;
	return tl_ledger_post(&request, &target, entry, refusal);
}

/* Set the Location header: the balance, which shows the transaction. */
static void
set_location(const CreditAccount *account, int64 party_id)
{
	StringInfoData location;

	initStringInfo(&location);
	appendStringInfoString(&location, "/credit-token/balance/");
	tl_append_uri_escaped(&location, account->name);
	appendStringInfo(&location, "/id:%lld.json?tokenType=",
					 (long long) party_id);
	tl_append_uri_escaped(&location, account->token_type);
	tl_respond_header("Location", location.data);
}

/* Post the transaction and print the answer. */
static void
answer_transaction(StringInfo out, CreditForm *form, text *booked_by)
{
	CreditDelegate delegate = {0};
	CreditAccount account = {
		.name = form->values[FIELD_ACCOUNT_NAME],
		.token_type = form->values[FIELD_TOKEN_TYPE],
	};
	TlEntry		entry;
	TlRefusal	refusal = {0};

	SPI_connect();
	if (find_delegate(out, form, &delegate))
	{
		if (post_form(form, delegate.party_id, booked_by, &entry, &refusal))
		{
			tl_respond_status(201);
			set_location(&account, delegate.party_id);
			appendStringInfoChar(out, '{');
			print_balance(out, entry.balance);
			appendStringInfo(out, ",\"delegate\":%s,\"transaction\":",
							 delegate.document);
			credit_print_transaction(out, &entry, &account);
			appendStringInfoChar(out, '}');
		}
		else
			answer_refusal(out, form, refusal.sqlerrcode);
	}
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

/* Find the delegate that a URI names as {idType}:{id}. */
static bool
find_delegate_by(const char *id_type, const char *id, CreditDelegate *delegate)
{
	static const char *const id_types[DELEGATE_KEY_COUNT] = {
		[DELEGATE_BY_ID] = "id",
		[DELEGATE_BY_RFID] = "rfid",
		[DELEGATE_BY_BARCODE] = "barcode",
		[DELEGATE_BY_EXTERNAL_ID] = "externalId",
	};

	for (int i = 0; i < DELEGATE_KEY_COUNT; i++)
	{
		if (strcmp(id_type, id_types[i]) == 0)
			return (i != DELEGATE_BY_ID || credit_form_is_party_id(id)) &&
				credit_read_delegate(i, id, true, delegate);
	}
	return false;
}

static void
print_last_transaction(StringInfo out, const CreditAccount *account)
{
	TlEntry		entry;

	appendStringInfoString(out, "\"transaction\":");
	if (credit_read_last_entry(account->id, &entry))
		credit_print_transaction(out, &entry, account);
	else
		appendStringInfoString(out, "null");
}

/* The page of a history that was requested */
typedef struct HistoryPage
{
	int64		before;			/* only entries with lower numbers */
	int64		limit;			/* number of entries at most */
} HistoryPage;

/*
 * Print the rows of a chunk, until the document is too long.  "first" says that
 * this is the first chunk, so that no comma comes before its first row.
 * Returns the number of the last entry printed; there must be at least one
 * row.
 */
static int64
print_chunk(StringInfo out, bool first, const CreditAccount *account)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "credit-token history",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	TlEntry		entry;

	for (uint64 i = 0; i < SPI_processed && !is_too_long(out); i++)
	{
		if (!first || i > 0)
			appendStringInfoChar(out, ',');
		credit_take_entry(SPI_tuptable->vals[i], &entry);
		credit_print_transaction(out, &entry, account);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return entry.entry_no;
}

/*
 * Print a page of an account's transactions, newest first.  They are fetched in
 * chunks to save memory, until the document is too long.  Returns the number of
 * the last entry if more may follow, else 0.
 */
static int64
print_history(StringInfo out, const CreditAccount *account,
			  const HistoryPage *page)
{
	Portal		portal = credit_open_entries(account->id, page->before);
	int64		left = page->limit;
	int64		last = 0;

	appendStringInfoString(out, "\"history\":[");
	while (left > 0 && !is_too_long(out))
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, (long) Min(left, HISTORY_CHUNK));
		if (SPI_processed == 0)
			break;
		left -= (int64) SPI_processed;
		last = print_chunk(out, last == 0, account);
		SPI_freetuptable(SPI_tuptable);
	}
	appendStringInfoChar(out, ']');
	SPI_cursor_close(portal);
	return left == 0 && last > 1 ? last : 0;
}

/* Set the Link header (RFC 8288) that names the next page. */
static void
set_next_page(const CreditAccount *account, const char *id_type, const char *id,
			  const HistoryPage *page, int64 before)
{
	StringInfoData link;

	initStringInfo(&link);
	appendStringInfoString(&link, "</credit-token/history/");
	tl_append_uri_escaped(&link, account->name);
	appendStringInfo(&link, "/%s:", id_type);
	tl_append_uri_escaped(&link, id);
	appendStringInfoString(&link, ".json?tokenType=");
	tl_append_uri_escaped(&link, account->token_type);
	appendStringInfo(&link, "&limit=%lld&before=%lld>; rel=\"next\"",
					 (long long) page->limit, (long long) before);
	tl_respond_header("Link", link.data);
}

/*
 * Answer with an account's balance, delegate and last transaction and, if page
 * is not NULL, a page of its history.  The event system orders the keys of the
 * two answers differently.
 */
static void
answer_account(StringInfo out, CreditAccount *account, const char *id_type,
			   const char *id, const HistoryPage *page)
{
	CreditDelegate delegate;
	int			start = out->len;
	int64		next = 0;

	if (!find_delegate_by(id_type, id, &delegate) ||
		!credit_read_account(delegate.party_id, account))
	{
		answer_not_found(out);
		return;
	}

	appendStringInfoChar(out, '{');
	if (page == NULL)
	{
		print_balance(out, account->balance);
		appendStringInfoChar(out, ',');
	}
	appendStringInfo(out, "\"delegate\":%s,", delegate.document);
	print_last_transaction(out, account);
	if (page != NULL)
	{
		appendStringInfoChar(out, ',');
		next = print_history(out, account, page);
		appendStringInfoChar(out, ',');
		print_balance(out, account->balance);
	}
	appendStringInfoChar(out, '}');

	if (page != NULL && is_too_long(out))
	{
		out->len = start;
		answer_too_long(out);
		return;
	}
	tl_respond_status(200);
	if (next > 0)
		set_next_page(account, id_type, id, page, next);
}

/* A name, or or_else if it is null or empty (as in a body) */
static const char *
text_argument(FunctionCallInfo fcinfo, int number, const char *or_else)
{
	text	   *name = PG_ARGISNULL(number) ? NULL :
		tl_trim_text(PG_GETARG_TEXT_PP(number));

	if (name == NULL || VARSIZE_ANY_EXHDR(name) == 0)
		return or_else;
	return text_to_cstring(name);
}

/* page is NULL if no history was requested. */
static Datum
account_document(FunctionCallInfo fcinfo, const HistoryPage *page)
{
	CreditAccount account = {
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
