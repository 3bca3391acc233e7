/*-------------------------------------------------------------------------
 *
 * api.c
 *		The functions of trainledger_api.  Each calls its twin in another
 *		schema.  Inside a PostgREST request, a refusal becomes an answer with
 *		the HTTP status that the contract (section 4) gives it.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "access/access.h"
#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_api);

/* The twin that a function of trainledger_api calls */
typedef struct ApiTarget
{
	FmgrInfo	function;
	bool		as_owner;
	bool		writes;			/* is VOLATILE */
	bool		is_document;	/* the result is the whole answer */
	bool		has_collection; /* rows of a view are returned instead */
	TlCollection collection;
} ApiTarget;

/* json, or a domain over text that is named by its media type */
static bool
is_document_type(Oid type)
{
	return type == JSONOID ||
		(get_typtype(type) == TYPTYPE_DOMAIN && getBaseType(type) == TEXTOID);
}

/*
 * Find the twin.  A function in trainledger switches to the owner by itself.
 * If there is none, the twin is in trainledger_internal: run it as the owner if
 * it writes (is VOLATILE), else as the caller.
 */
static ApiTarget *
find_target(FmgrInfo *outer)
{
	ApiTarget  *target = MemoryContextAllocZero(outer->fn_mcxt,
												sizeof(ApiTarget));
	Oid			function = tl_twin(outer->fn_oid, TL_SCHEMA, NULL, true);

	bool		is_internal = !OidIsValid(function);

	if (is_internal)
		function = tl_twin(outer->fn_oid, TL_INTERNAL_SCHEMA, NULL, false);
	target->writes = func_volatile(function) == PROVOLATILE_VOLATILE;
	target->as_owner = is_internal && target->writes;
	target->is_document = is_document_type(get_func_rettype(function));
	target->collection.row_type = get_func_rettype(function);
	target->collection.view_type = get_func_rettype(outer->fn_oid);
	target->collection.read_only = !target->writes;
	target->has_collection =
		target->collection.row_type != target->collection.view_type;
	fmgr_info_cxt(function, &target->function, outer->fn_mcxt);
	target->function.fn_expr = outer->fn_expr;
	return target;
}

static void
append_field(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, ", \"%s\": ", name);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

/*
 * Raise a refusal in the form that PostgREST turns into an answer with our
 * status and body: SQLSTATE PGRST, the body as the message, and the status and
 * headers (PostgREST needs both) as the detail.  The body's code is the TL
 * code.
 */
void
tl_raise_for_request(const ErrorData *error)
{
	StringInfoData body;

	initStringInfo(&body);
	appendStringInfo(&body, "{\"code\": \"%s\"",
					 unpack_sql_state(error->sqlerrcode));
	append_field(&body, "message", error->message);
	append_field(&body, "details", error->detail);
	append_field(&body, "hint", error->hint);
	appendStringInfoChar(&body, '}');

	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('P', 'G', 'R', 'S', 'T')),
			 errmsg_internal("%s", body.data),
			 errdetail_internal("{\"status\": %d, \"headers\": {}}",
								tl_http_status(error->sqlerrcode))));
}

/* Call the twin, as the owner where it needs that. */
static Datum
forward(FunctionCallInfo fcinfo, ApiTarget *target)
{
	return target->as_owner ?
		tl_forward_as_owner(fcinfo, &target->function) :
		tl_forward(fcinfo, &target->function);
}

/* Call the twin for PostgREST, which gets a set as a whole or not at all. */
static Datum
answer_request(FunctionCallInfo fcinfo, ApiTarget *target)
{
	ReturnSetInfo *rows = NULL;
	Datum		result;

	tl_check_http_request(target->writes);
	if (fcinfo->flinfo->fn_retset)
		rows = (ReturnSetInfo *) fcinfo->resultinfo;
	if (rows != NULL)
		rows->allowedModes |= SFRM_Materialize_Preferred;
	result = forward(fcinfo, target);
	if (rows != NULL && rows->setResult != NULL)
		tl_check_http_rows(tuplestore_tuple_count(rows->setResult));
	if (target->is_document && !fcinfo->isnull)
	{
		text	   *document = DatumGetTextPP(result);

		tl_respond_document(VARDATA_ANY(document),
							(int) VARSIZE_ANY_EXHDR(document));
	}
	return result;
}

/* Call the twin; inside a request, raise a refusal in PostgREST's form. */
static Datum
call_target(FunctionCallInfo fcinfo, ApiTarget *target)
{
	MemoryContext saved_context = CurrentMemoryContext;
	Datum		result;

	if (!tl_in_request())
		return forward(fcinfo, target);

	PG_TRY();
	{
		result = answer_request(fcinfo, target);
	}
	PG_CATCH();
	{
		ErrorData  *error = tl_catch_error(saved_context);

		if (tl_is_refusal(error->sqlerrcode))
			tl_raise_for_request(error);
		ReThrowError(error);
	}
	PG_END_TRY();
	return result;
}
/*
 * Let the twin fill a tuplestore of its own, and return the view's rows for
 * those in it.
 */
static Datum
return_rows(FunctionCallInfo fcinfo, ApiTarget *target)
{
	ReturnSetInfo *returned = (ReturnSetInfo *) fcinfo->resultinfo;
	ReturnSetInfo rows;

	InitMaterializedSRF(fcinfo, 0);
	rows = *returned;
	rows.allowedModes = SFRM_Materialize;
	rows.expectedDesc =
		lookup_rowtype_tupdesc_copy(target->collection.row_type, -1);
	rows.setResult = NULL;
	rows.setDesc = NULL;

	fcinfo->resultinfo = (Node *) &rows;
	call_target(fcinfo, target);
	fcinfo->resultinfo = (Node *) returned;
	if (rows.setResult != NULL)
	{
		tl_collection_rows(&target->collection, &rows, returned->setResult);
		tuplestore_end(rows.setResult);
	}
	return (Datum) 0;
}

/*
 * Body of the functions of trainledger_api, except documents that have their
 * own format for errors.
 */
Datum
tl_api(PG_FUNCTION_ARGS)
{
	ApiTarget  *target = (ApiTarget *) fcinfo->flinfo->fn_extra;
	Datum		result;

	if (target == NULL)
		fcinfo->flinfo->fn_extra = target = find_target(fcinfo->flinfo);
	if (target->has_collection && fcinfo->flinfo->fn_retset)
		return return_rows(fcinfo, target);
	result = call_target(fcinfo, target);
	if (target->has_collection && !fcinfo->isnull)
		return tl_collection_row(&target->collection, result);
	return result;
}
