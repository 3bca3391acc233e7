/*-------------------------------------------------------------------------
 *
 * summary.c
 *		How far the monthly summary goes (contract, section 14).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/summary.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_summed_upto);

/* A cached answer, and the role and snapshot that it is valid for */
typedef struct Answer
{
	Oid			role;
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	CommandId	curcid;
	int64		last_no;
} Answer;

static bool
is_current(const Answer *answer, Snapshot snapshot)
{
	return answer->role == GetUserId() &&
		answer->xmin == snapshot->xmin && answer->xmax == snapshot->xmax &&
		answer->xcnt == snapshot->xcnt && answer->curcid == snapshot->curcid;
}

/* The last booking in the rows that the user may see */
static int64
last_summed(void)
{
	static SPIPlanPtr plan;
	bool		is_null;
	int64		last_no;

	SPI_connect();
	tl_saved_plan(&plan,
				  "SELECT pg_catalog.max(s.last_booking_no)"
				  " FROM trainledger.month_summary s",
				  0, NULL, 0);
	SPI_execute_plan(plan, NULL, NULL, true, 1);
	if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) != INT8OID)
		tl_refuse_column_type("month_summary", "last_booking_no",
							  SPI_gettypeid(SPI_tuptable->tupdesc, 1),
							  INT8OID);
	last_no = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1,
										  &is_null));
	SPI_finish();
	return is_null ? PG_INT64_MIN : last_no;
}

/*
 * summed_upto() returns bigint: the number up to which entries are in the
 * summary, or the least number, so that all entries come after it.
 *
 * The views call it directly, not in a sub-select, so that the planner knows
 * how many entries are left to read.  A filter calls it for every row; so the
 * answer is cached.  The role is set last: after an error, the answer is
 * invalid.
 *
 * A learner sees no row of the summary.  A database that does not keep all
 * homes has rows of other nodes, and what it summed up may have moved away.
 */
Datum
tl_summed_upto(PG_FUNCTION_ARGS)
{
	FmgrInfo   *function = fcinfo->flinfo;
	Answer	   *answer = (Answer *) function->fn_extra;
	Snapshot	snapshot = GetActiveSnapshot();

	if (!tl_keeps_all_homes())
		PG_RETURN_INT64(PG_INT64_MIN);
	if (answer == NULL)
		function->fn_extra = answer =
			MemoryContextAllocZero(function->fn_mcxt, sizeof(Answer));
	if (!is_current(answer, snapshot))
	{
		answer->role = InvalidOid;
		answer->last_no = last_summed();
		answer->xmin = snapshot->xmin;
		answer->xmax = snapshot->xmax;
		answer->xcnt = snapshot->xcnt;
		answer->curcid = snapshot->curcid;
		answer->role = GetUserId();
	}
	PG_RETURN_INT64(answer->last_no);
}
