/*-------------------------------------------------------------------------
 *
 * refusal.c
 *		Business refusals: values inside, errors outside (contract,
 *		section 4).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/refusal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "trainledger.h"

/*
 * Fill in a refusal.  argument, message and hint are kept as they are, the
 * detail is formatted into the current memory context.  argument and hint may
 * be NULL.
 */
void
tl_refuse(TlRefusal *refusal, int sqlerrcode, const char *argument,
		  const char *message, const char *hint, const char *detail_format,
		  ...)
{
	StringInfoData detail;

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

	refusal->sqlerrcode = sqlerrcode;
	refusal->argument = argument;
	refusal->message = message;
	refusal->detail = detail.data;
	refusal->hint = hint;
}

/*
 * The engine blames arguments by the names that credit_add has for them.  A
 * function with others says what they are there; the list ends with NULL.
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
			 errdetail_internal("%s", refusal->detail),
			 refusal->hint ? errhint("%s", refusal->hint) : 0,
			 argument ? err_generic_string(PG_DIAG_COLUMN_NAME, argument) : 0));
	pg_unreachable();
}
