/*-------------------------------------------------------------------------
 *
 * visible.c
 *		What row-level security compares with (contract, section 12): the
 *		first and the last party, and account, whose rows the caller may see.
 *
 * They stand in policies as they are, and not in sub-selects, so that the
 * planner can ask them what to expect: everything for a reader, little for a
 * learner.  Of parameters it expects half a percent of a table, and would read
 * all of it for a page.  As an index is searched they are asked once.  As a
 * filter they are asked for every row, and so remember their answer: they are
 * STABLE, and it is the same for all rows of a statement.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/visible.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "trainledger.h"

PG_FUNCTION_INFO_V1(tl_first_visible_party);
PG_FUNCTION_INFO_V1(tl_last_visible_party);
PG_FUNCTION_INFO_V1(tl_first_visible_account);
PG_FUNCTION_INFO_V1(tl_last_visible_account);

/* An answer, and for whom and in which statement it was found */
typedef struct Answer
{
	Oid			caller;
	TimestampTz statement;
	int64		id;
} Answer;

/* What a learner sees: false, nothing */
typedef bool (*LearnerSees)(FunctionCallInfo fcinfo, int64 *id);

static bool
sees_itself(FunctionCallInfo fcinfo pg_attribute_unused(), int64 *id)
{
	return tl_asking_party(id);
}

/* What the function of the same name with a _ in front says */
static bool
sees_accounts(FunctionCallInfo fcinfo, int64 *id)
{
	LOCAL_FCINFO(call, 0);
	FmgrInfo	function;
	Datum		result;

	fmgr_info(tl_twin(fcinfo->flinfo->fn_oid, "_", false), &function);
	InitFunctionCallInfoData(*call, &function, 0, InvalidOid, NULL, NULL);
	result = FunctionCallInvoke(call);
	*id = DatumGetInt64(result);
	return !call->isnull;
}

/*
 * An end of the range of what the caller sees: all to a reader, and to nobody
 * the other end, so that the range is empty.
 */
static Datum
visible_end(FunctionCallInfo fcinfo, int64 to_readers, int64 to_nobody,
			LearnerSees learner_sees)
{
	FmgrInfo   *function = fcinfo->flinfo;
	Answer	   *answer = (Answer *) function->fn_extra;
	Oid			caller = tl_caller();
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (answer == NULL)
		function->fn_extra = answer =
			MemoryContextAllocZero(function->fn_mcxt, sizeof(Answer));
	if (answer->caller != caller || answer->statement != statement)
	{
		answer->caller = InvalidOid;
		if (tl_caller_has("reader"))
			answer->id = to_readers;
		else if (!learner_sees(fcinfo, &answer->id))
			answer->id = to_nobody;
		answer->statement = statement;
		answer->caller = caller;
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
	return visible_end(fcinfo, PG_INT64_MIN, PG_INT64_MAX, sees_accounts);
}

/* last_visible_account() returns bigint */
Datum
tl_last_visible_account(PG_FUNCTION_ARGS)
{
	return visible_end(fcinfo, PG_INT64_MAX, PG_INT64_MIN, sees_accounts);
}
