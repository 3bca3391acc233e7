/*-------------------------------------------------------------------------
 *
 * refusal.c
 *		Business refusals: values inside the engine, errors for callers
 *		(contract, section 4).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/refusal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/elog.h"
#include "utils/builtins.h"

#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_raise_refusal);

/* clang-format off */
static const TlRefusalKind kinds[] = {
#define KIND(name, a, b, c, status, number, words) \
	{.sqlerrcode = name, .http_status = status, .error_code = number, \
	 .text = words},
	TL_REFUSALS(KIND)
#undef KIND
};
/* clang-format on */

/*
 * Fill in *refusal, or raise the refusal if the pointer is NULL.  argument,
 * message and hint are not copied; argument and hint may be NULL.  The detail
 * is formatted in the current memory context.  Always returns false, so that
 * callers can return the result.
 */
bool
tl_refuse(TlRefusal *refusal, int sqlerrcode, const char *argument,
		  const char *message, const char *hint, const char *detail_format,
		  ...)
{
	StringInfoData detail;
	TlRefusal	made;

	initStringInfo(&detail);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, detail_format);
		needed = appendStringInfoVA(&detail, detail_format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}

	made.sqlerrcode = sqlerrcode;
	made.argument = argument;
	made.message = message;
	made.detail = detail.data;
	made.hint = hint;
	if (refusal == NULL)
		tl_raise(&made);
	*refusal = made;
	return false;
}

/*
 * The engine blames arguments by their names in credit_add().  A function that
 * has other names passes a list that translates them, which ends with NULL.
 */
void
tl_rename_argument(TlRefusal *refusal, const TlArgumentName *names)
{
	for (; refusal->argument != NULL && names->engine != NULL; names++)
	{
		if (strcmp(refusal->argument, names->engine) == 0)
		{
			refusal->argument = names->function;
			return;
		}
	}
}

/*
 * Raise a refusal as an error; does not return.  The argument to blame is the
 * COLUMN of the error.
 */
void
tl_raise(const TlRefusal *refusal)
{
	const char *argument = refusal->argument;

	ereport(ERROR,
			(errcode(refusal->sqlerrcode),
			 errmsg_internal("%s", refusal->message),
			 refusal->detail ? errdetail_internal("%s", refusal->detail) : 0,
			 refusal->hint ? errhint("%s", refusal->hint) : 0,
			 argument ? err_generic_string(PG_DIAG_COLUMN_NAME, argument) : 0));
	pg_unreachable();
}

/* Whether an SQLSTATE is of the class of refusals */
bool
tl_is_refusal(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) ==
		MAKE_SQLSTATE('T', 'L', '0', '0', '0');
}

/* Look up the kind of a refusal by its SQLSTATE; NULL if there is none. */
const TlRefusalKind *
tl_refusal_kind(int sqlerrcode)
{
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		if (kinds[i].sqlerrcode == sqlerrcode)
			return &kinds[i];
	}
	return NULL;
}

/* The HTTP status of a refusal; 409 for unknown ones, from users' triggers */
int
tl_http_status(int sqlerrcode)
{
	const TlRefusalKind *kind = tl_refusal_kind(sqlerrcode);

	return kind ? kind->http_status : 409;
}

/*
 * Copy the error that PG_CATCH() has caught into a memory context, so that the
 * caller can inspect and rethrow it.  Switches to that context, and clears the
 * error state.  A refusal loses its error context, which would only list our
 * internal functions.
 */
ErrorData *
tl_catch_error(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (tl_is_refusal(error->sqlerrcode))
		error->context = NULL;
	return error;
}

static char *
text_or_null(FunctionCallInfo fcinfo, int argno)
{
	return PG_ARGISNULL(argno) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(argno));
}

/*
 * Raise a refusal with the SQLSTATE in a text, which may be NULL; does not
 * return.  One of ours is raised without the call stack of functions in
 * PL/pgSQL.
 */
void
tl_raise_coded(const char *code, const TlRefusal *refusal)
{
	TlRefusal	coded = *refusal;

	if (code == NULL || refusal->message == NULL || strlen(code) != 5 ||
		strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a refusal needs an SQLSTATE and a message"),
				 errhint("Give five digits and capital letters, and a text.")));
	coded.sqlerrcode = MAKE_SQLSTATE(code[0], code[1], code[2], code[3],
									 code[4]);
	if (tl_is_refusal(coded.sqlerrcode))
	{
		if (tl_refusal_kind(coded.sqlerrcode) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no refusal %s", code),
					 errhint("Add it to TL_REFUSALS.")));
		error_context_stack = NULL;
	}
	tl_raise(&coded);
}

/*
 * refuse(sqlstate, message, detail, hint, argument), for functions in PL/pgSQL
 */
Datum
tl_raise_refusal(PG_FUNCTION_ARGS)
{
	TlRefusal	refusal = {
		.message = text_or_null(fcinfo, 1),
		.detail = text_or_null(fcinfo, 2),
		.hint = text_or_null(fcinfo, 3),
		.argument = text_or_null(fcinfo, 4),
	};

	tl_raise_coded(text_or_null(fcinfo, 0), &refusal);
}
