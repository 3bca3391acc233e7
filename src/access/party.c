/*-------------------------------------------------------------------------
 *
 * party.c
 *		Who is asking (contract, section 12): the claims of a JSON web token,
 *		as PostgREST and PostGraphile pass them on, or a setting.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/party.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "access/access.h"
#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_caller_name);
PG_FUNCTION_INFO_V1(tl_current_party);

/* Where PostgREST and PostGraphile put the claims */
static const char claims[] = "request.jwt.claims";

/*
 * The party that is asking: the claim party_id or, if there are no claims, the
 * setting trainledger.party_id.  Returns false if the value is missing or not a
 * valid bigint without a sign: after a mistake, the user must see no rows
 * rather than somebody else's.
 */
bool
tl_asking_party(int64 *party)
{
	char	   *text;
	char	   *end;

	if (!tl_request_member(claims, "party_id", &text))
		text = tl_party_setting;
	if (text == NULL || *text < '0' || *text > '9')
		return false;

	errno = 0;
	*party = strtoi64(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* current_party() returns bigint, or null */
Datum
tl_current_party(PG_FUNCTION_ARGS)
{
	int64		party;

	if (!tl_asking_party(&party))
		PG_RETURN_NULL();
	PG_RETURN_INT64(party);
}

/*
 * The name to store with an entry as the one who booked it: the claim sub of
 * the request, else the calling role.  Call this before tl_become_owner().
 */
text *
tl_booked_by(void)
{
	char	   *subject;
	size_t		bytes;

	if (tl_request_member(claims, "sub", &subject) && subject != NULL &&
		*subject != '\0')
	{
		bytes = strlen(subject);
		if (bytes > TL_MAX_TEXT_BYTES)
			ereport(ERROR,
					(errcode(TL_INVALID),
					 errmsg("the claim sub is too long"),
					 errdetail("It has %zu bytes.", bytes),
					 errhint("At most %d bytes are kept.", TL_MAX_TEXT_BYTES)));
		return cstring_to_text_with_len(subject, (int) bytes);
	}
	return cstring_to_text(GetUserNameFromId(tl_caller(), false));
}

/* caller_name() returns text, for functions in PL/pgSQL */
Datum
tl_caller_name(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_TEXT_P(tl_booked_by());
}
