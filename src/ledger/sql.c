/*-------------------------------------------------------------------------
 *
 * sql.c
 *		SQL functions for single postings: post(), credit_transfer() and the
 *		functions of credit accounts (contract, sections 6 and 7).
 *
 * The functions are not strict: a null in a required argument raises TL400, it
 * does not make the result null.  They run as their caller and act as the owner
 * of the extension only for the posting itself (see access.c).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/sql.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "access/access.h"
#include "ledger/catalog.h"
#include "ledger/ledger.h"

PG_FUNCTION_INFO_V1(tl_post);
PG_FUNCTION_INFO_V1(tl_credit_init);
PG_FUNCTION_INFO_V1(tl_credit_add);
PG_FUNCTION_INFO_V1(tl_credit_subtract);
PG_FUNCTION_INFO_V1(tl_credit_transfer);

/*
 * Positions, from 0, of the arguments that posting functions have; -1: the
 * function does not have it
 */
typedef struct ArgumentPlaces
{
	int			amount;
	int			source;
	int			description;
	int			recorded_at;
	int			rounding;
	int			expected;
	int			device;
	int			key;
} ArgumentPlaces;

static const ArgumentPlaces post_places = {2, 3, 4, 5, 6, 7, 8, 9};
static const ArgumentPlaces credit_places = {1, 2, 3, 4, 7, 8, 9, 10};
static const ArgumentPlaces transfer_places = {2, 3, 4, 5, 6, -1, -1, 7};

/* post() takes an account instead of a party and a token type. */
static const TlArgumentName post_names[] = {
	{"party_id", "account_id"},
	{"token_type", "account_id"},
	{NULL, NULL},
};

static void
require_arg(FunctionCallInfo fcinfo, int argno, const char *name)
{
	if (PG_ARGISNULL(argno))
		tl_refuse(NULL, TL_INVALID, name, psprintf("%s is missing", name),
				  "This argument is required.",
				  "The argument %s is null.", name);
}

static text *
text_arg(FunctionCallInfo fcinfo, int argno)
{
	return argno < 0 || PG_ARGISNULL(argno) ? NULL : PG_GETARG_TEXT_PP(argno);
}

/* A numeric argument as text, or NULL */
static char *
numeric_arg(FunctionCallInfo fcinfo, int argno)
{
	if (argno < 0 || PG_ARGISNULL(argno))
		return NULL;
	return DatumGetCString(DirectFunctionCall1(numeric_out,
											   PG_GETARG_DATUM(argno)));
}

/* Read the arguments that posting functions have in common (TL400). */
static void
take_request(FunctionCallInfo fcinfo, const ArgumentPlaces *places,
			 TlRequest *request)
{
	require_arg(fcinfo, places->amount, "amount");
	request->amount = numeric_arg(fcinfo, places->amount);
	request->source = text_arg(fcinfo, places->source);
	request->description = text_arg(fcinfo, places->description);
	request->device = text_arg(fcinfo, places->device);
	tl_check_text("source", request->source, true, NULL);
	tl_check_text("description", request->description, false, NULL);
	tl_check_text("device", request->device, false, NULL);
	request->has_recorded_at = !PG_ARGISNULL(places->recorded_at);
	if (request->has_recorded_at)
		request->recorded_at = PG_GETARG_TIMESTAMPTZ(places->recorded_at);
	request->rounding = PG_ARGISNULL(places->rounding) ? TL_ROUND_HALF_AWAY :
		tl_rounding_from_oid(PG_GETARG_OID(places->rounding));
	request->expected = numeric_arg(fcinfo, places->expected);
	request->has_key = !PG_ARGISNULL(places->key);
	if (request->has_key)
		request->key = *PG_GETARG_UUID_P(places->key);
}

/* Post and return the entry, or raise the refusal. */
static Datum
post_or_raise(TlRequest *request, const TlTarget *target)
{
	TlRefusal	refusal = {0};
	TlEntry		entry;
	bool		is_booked;
	TlOwnerSwitch saved;

	tl_check_request(request, NULL);
	request->now = tl_clock();
	request->booked_by = tl_booked_by();
	tl_become_owner(&saved);
	is_booked = tl_ledger_post(request, target, &entry, &refusal);
	tl_restore_user(&saved);

	if (!is_booked)
	{
		if (target->by_id)
			tl_rename_argument(&refusal, post_names);
		tl_raise(&refusal);
	}
	return tl_entry_datum(&entry);
}

/* post(account_id, operation, amount, source, ...) returns booked_entry */
Datum
tl_post(PG_FUNCTION_ARGS)
{
	TlRequest	request = {.call = TL_CALL_POST};
	TlTarget	target = {.by_id = true};

	require_arg(fcinfo, 0, "account_id");
	require_arg(fcinfo, 1, "operation");
	target.account_id = PG_GETARG_INT64(0);
	request.operation = tl_operation_from_oid(PG_GETARG_OID(1));
	if (request.operation != TL_OP_ADD &&
		request.operation != TL_OP_SUBTRACT &&
		request.operation != TL_OP_ADJUST)
		tl_refuse(NULL, TL_INVALID, "operation", "operation cannot be posted",
				  "Post add, subtract or adjust; the others have functions of their own.",
				  "The operation is %s.",
				  tl_operation_names[request.operation]);
	take_request(fcinfo, &post_places, &request);
	if (request.description == NULL)
		request.description = cstring_to_text("");
	return post_or_raise(&request, &target);
}

/* credit_init, credit_add, credit_subtract (party_id, amount, ...) */
static Datum
credit(FunctionCallInfo fcinfo, TlOperation operation)
{
	TlRequest	request = {.call = TL_CALL_CREDIT, .operation = operation};
	TlTarget	target = {.by_id = false};

	require_arg(fcinfo, 0, "party_id");
	require_arg(fcinfo, 3, "description");
	require_arg(fcinfo, 4, "recorded_at");
	target.party_id = PG_GETARG_INT64(0);
	target.account_name = PG_ARGISNULL(5) ? cstring_to_text("default") :
		tl_trim_text(PG_GETARG_TEXT_PP(5));
	target.type_name = PG_ARGISNULL(6) ? cstring_to_text("default") :
		tl_trim_text(PG_GETARG_TEXT_PP(6));
	take_request(fcinfo, &credit_places, &request);
	tl_check_name("account_name", target.account_name);
	tl_check_name("token_type", target.type_name);
	return post_or_raise(&request, &target);
}

Datum
tl_credit_init(PG_FUNCTION_ARGS)
{
	return credit(fcinfo, TL_OP_INIT);
}

Datum
tl_credit_add(PG_FUNCTION_ARGS)
{
	return credit(fcinfo, TL_OP_ADD);
}

Datum
tl_credit_subtract(PG_FUNCTION_ARGS)
{
	return credit(fcinfo, TL_OP_SUBTRACT);
}

/* credit_transfer(from_account_id, to_account_id, amount, source, ...) */
Datum
tl_credit_transfer(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TlRequest	request = {
		.call = TL_CALL_TRANSFER,
		.operation = TL_OP_TRANSFER,
	};
	TlRefusal	refusal = {0};
	TlEntry		entries[2] = {0};
	TlOwnerSwitch saved;
	bool		is_booked;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	PreventCommandIfReadOnly("credit_transfer()");
	require_arg(fcinfo, 0, "from_account_id");
	require_arg(fcinfo, 1, "to_account_id");
	if (PG_GETARG_INT64(0) == PG_GETARG_INT64(1))
		tl_refuse(NULL, TL_INVALID, "to_account_id", "accounts are the same",
				  "Give two different accounts.",
				  "Both accounts are %lld.", (long long) PG_GETARG_INT64(0));
	take_request(fcinfo, &transfer_places, &request);
	if (request.description == NULL)
		request.description = cstring_to_text("");
	tl_check_request(&request, NULL);
	request.now = tl_clock();
	request.booked_by = tl_booked_by();

	tl_become_owner(&saved);
	is_booked = tl_ledger_transfer(&request, PG_GETARG_INT64(0),
								   PG_GETARG_INT64(1), &entries[0],
								   &entries[1], &refusal);
	tl_restore_user(&saved);
	if (!is_booked)
		tl_raise(&refusal);

	values[0] = tl_entry_datum(&entries[0]);
	values[1] = tl_entry_datum(&entries[1]);
	InitMaterializedSRF(fcinfo, 0);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
