/*-------------------------------------------------------------------------
 *
 * arguments.c
 *		Checks of arguments (TL400).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/arguments.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/regproc.h"

#include "base/trainledger.h"

/*
 * Check a text that is stored with an entry: not null or empty if it is
 * required, and not too long.  value may be NULL.  Returns false with a TL400
 * in *refusal, or raises it if refusal is NULL.
 */
bool
tl_check_text(const char *name, text *value, bool required, TlRefusal *refusal)
{
	if (required && (value == NULL || VARSIZE_ANY_EXHDR(value) == 0))
		return tl_refuse(refusal, TL_INVALID, name,
						 psprintf("%s is missing", name),
						 "Give a text that is not empty.",
						 "The argument %s is %s.", name,
						 value ? "empty" : "null");
	if (value != NULL && VARSIZE_ANY_EXHDR(value) > TL_MAX_TEXT_BYTES)
		return tl_refuse(refusal, TL_INVALID, name,
						 psprintf("%s is too long", name),
						 psprintf("At most %d bytes are kept.", TL_MAX_TEXT_BYTES),
						 "The argument %s has %zu bytes.", name,
						 (size_t) VARSIZE_ANY_EXHDR(value));
	return true;
}

/* Raise TL400 unless a name is present and short enough for an index. */
void
tl_check_name(const char *name, text *value)
{
	int			chars;

	tl_check_text(name, value, true, NULL);
	chars = pg_mbstrlen_with_len(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	if (chars > TL_MAX_NAME_CHARS)
		tl_refuse(NULL, TL_INVALID, name, psprintf("%s is too long", name),
				  psprintf("A name has at most %d characters.",
						   TL_MAX_NAME_CHARS),
				  "The argument %s has %d characters.", name, chars);
}

/*
 * For functions that only the extension's own functions call, which pass no
 * nulls in the first count arguments.
 */
void
tl_refuse_nulls(FunctionCallInfo fcinfo, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %d of %s is null", i + 1,
							format_procedure(fcinfo->flinfo->fn_oid)),
					 errhint("Call the function that is documented.")));
	}
}
