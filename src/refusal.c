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
 * Fill in a refusal.  message and hint are kept as they are, hint may be
 * NULL; the detail is formatted into the current memory context.
 */
void
tl_refuse(TlRefusal *refusal, int sqlerrcode, const char *message,
		  const char *hint, const char *detail_format, ...)
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
	refusal->message = message;
	refusal->detail = detail.data;
	refusal->hint = hint;
}

/* Raise a refusal as an error; does not return. */
void
tl_raise(const TlRefusal *refusal)
{
	ereport(ERROR,
			(errcode(refusal->sqlerrcode),
			 errmsg_internal("%s", refusal->message),
			 errdetail_internal("%s", refusal->detail),
			 refusal->hint ? errhint("%s", refusal->hint) : 0));
	pg_unreachable();
}
