/*-------------------------------------------------------------------------
 *
 * visible.c
 *		What row-level security compares with (contract, section 12): the
 *		first and the last party, and account, whose rows the user may see.
 *
 * They stand in policies as they are, and not in sub-selects, so that the
 * planner can ask them what to expect: everything for a reader, little for a
 * learner.  Of parameters it expects half a percent of a table, and would read
 * all of it for a page.  As an index is searched they are asked once.  As a
 * filter they are asked for every row, and so remember their answer while the
 * same role asks in the same statement, and a learner as the same party.  That
 * is what makes a filter cheap: of 100,000 rows it takes 0.17 s, and 8.8 s
 * where accounts are looked up anew for each.  A planner support function gives
 * estimates too, but its function would be asked as often.
 *
 * Who is asking is the current user, as for row-level security itself: while a
 * write function acts as the owner, whom no policy holds back, that is not the
 * caller.  A parallel worker knows the current user and the settings, and so
 * gives the same answers.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/visible.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "access/access.h"
#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_first_visible_party);
PG_FUNCTION_INFO_V1(tl_last_visible_party);
PG_FUNCTION_INFO_V1(tl_first_visible_account);
PG_FUNCTION_INFO_V1(tl_last_visible_account);

/*
 * An answer, for whom and in which statement it was found.  That of a learner
 * goes by the texts that say who is asking, each of which may be NULL.
 */
typedef struct Answer
{
	Oid			role;
	TimestampTz statement;
	bool		is_readers;
	char	   *claims;
	char	   *setting;
	int64		id;
} Answer;

/* What a learner sees: false, nothing */
typedef bool (*LearnerSees)(FunctionCallInfo fcinfo, int64 *id);

static bool
sees_itself(FunctionCallInfo fcinfo pg_attribute_unused(), int64 *id)
{
	return tl_asking_party(id);
}

/* What another function without arguments says */
static bool
ask(FunctionCallInfo fcinfo, const char *name, int64 *id)
{
	LOCAL_FCINFO(call, 0);
	FmgrInfo	function;
	Datum		result;

	fmgr_info(tl_worker_of(fcinfo->flinfo->fn_oid, name), &function);
	InitFunctionCallInfoData(*call, &function, 0, InvalidOid, NULL, NULL);
	result = FunctionCallInvoke(call);
	*id = DatumGetInt64(result);
	return !call->isnull;
}

static bool
sees_accounts_from(FunctionCallInfo fcinfo, int64 *id)
{
	return ask(fcinfo, "least_visible_account", id);
}

static bool
sees_accounts_to(FunctionCallInfo fcinfo, int64 *id)
{
	return ask(fcinfo, "greatest_visible_account", id);
}

static bool
is_same(const char *left, const char *right)
{
	if (left == NULL || right == NULL)
		return left == right;
	return strcmp(left, right) == 0;
}

/* Keep a text, which may be NULL, in place of the one before. */
static void
keep(char **kept, const char *text, MemoryContext context)
{
	if (*kept != NULL)
		pfree(*kept);
	*kept = text ? MemoryContextStrdup(context, text) : NULL;
}

static const char *
request_claims(void)
{
	return GetConfigOption("request.jwt.claims", true, false);
}

/* Whether the answer is still that of who is asking. */
static bool
is_current(const Answer *answer)
{
	return answer->role == GetUserId() &&
		answer->statement == GetCurrentStatementStartTimestamp() &&
		(answer->is_readers ||
		 (is_same(answer->claims, request_claims()) &&
		  is_same(answer->setting, tl_party_setting)));
}

/*
 * An end of the range of what the user sees: all to a reader, and to nobody
 * the other end, so that the range is empty.
 */
static Datum
visible_end(FunctionCallInfo fcinfo, int64 to_readers, int64 to_nobody,
			LearnerSees learner_sees)
{
	FmgrInfo   *function = fcinfo->flinfo;
	Answer	   *answer = (Answer *) function->fn_extra;

	if (answer == NULL)
		function->fn_extra = answer =
			MemoryContextAllocZero(function->fn_mcxt, sizeof(Answer));
	if (!is_current(answer))
	{
		answer->role = InvalidOid;
		answer->is_readers = tl_role_has(GetUserId(), "reader");
		if (answer->is_readers)
			answer->id = to_readers;
		else if (!learner_sees(fcinfo, &answer->id))
			answer->id = to_nobody;
		keep(&answer->claims, request_claims(), function->fn_mcxt);
		keep(&answer->setting, tl_party_setting, function->fn_mcxt);
		answer->statement = GetCurrentStatementStartTimestamp();
		answer->role = GetUserId();
	}
	return Int64GetDatum(answer->id);
}

/* first_visible_party() returns bigint */
Datum
tl_first_visible_party(PG_FUNCTION_ARGS)
{
	return visible_end(fcinfo, PG_INT64_MIN, PG_INT64_MAX, sees_itself);
}

/* last_visible_party() returns bigint */
Datum
tl_last_visible_party(PG_FUNCTION_ARGS)
{
	return visible_end(fcinfo, PG_INT64_MAX, PG_INT64_MIN, sees_itself);
}

/* first_visible_account() returns bigint */
Datum
tl_first_visible_account(PG_FUNCTION_ARGS)
{
	return visible_end(fcinfo, PG_INT64_MIN, PG_INT64_MAX,
					   sees_accounts_from);
}

/* last_visible_account() returns bigint */
Datum
tl_last_visible_account(PG_FUNCTION_ARGS)
{
	return visible_end(fcinfo, PG_INT64_MAX, PG_INT64_MIN,
					   sees_accounts_to);
}
