/*-------------------------------------------------------------------------
 *
 * progress.c
 *		Progress of long work (contract, section 15): after five seconds, a
 *		NOTICE at most once a second.  Each step can be cancelled.
 *
 * Other sessions see the progress too, after one second.  The views
 * pg_stat_progress_... are closed to extensions, so it is reported where the
 * server's own workers report theirs: in the query column of pg_stat_activity,
 * as a comment before the text of the client's statement.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/progress.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

#include "base/trainledger.h"

#define SILENT_MS			5000
#define INTERVAL_MS			1000

/* Steps between two looks at the clock */
#define STEPS_PER_LOOK		1024

void
tl_progress_start(TlProgress *progress, const char *what, int64 total)
{
	TimestampTz now = GetCurrentTimestamp();

	progress->what = what;
	progress->total = total;
	progress->next_report = TimestampTzPlusMilliseconds(now, INTERVAL_MS);
	progress->next_notice = TimestampTzPlusMilliseconds(now, SILENT_MS);
	progress->is_reported = false;
}

/*
 * Show a text in pg_stat_activity.  The query id, which the server resets with
 * every new text, stays that of the statement.
 */
static void
report_activity(const char *text)
{
	uint64		query_id = pgstat_get_my_query_id();

	pgstat_report_activity(STATE_RUNNING, text);
	pgstat_report_query_id(query_id, true);
}

/* The comment comes first, because long statements are cut off at their end. */
static void
report(TlProgress *progress, const char *state)
{
	const char *statement = debug_query_string ? debug_query_string : "";
	char	   *text = psprintf("/* %s */ %.*s", state,
								pgstat_track_activity_query_size, statement);

	report_activity(text);
	pfree(text);
	progress->is_reported = true;
}

/* Call this at every step; done is the number of steps so far. */
void
tl_progress_step(TlProgress *progress, int64 done)
{
	TimestampTz now;
	char	   *state;

	CHECK_FOR_INTERRUPTS();
	if (done % STEPS_PER_LOOK != 0)
		return;
	now = GetCurrentTimestamp();
	if (now < progress->next_report)
		return;
	progress->next_report = TimestampTzPlusMilliseconds(now, INTERVAL_MS);
	state = psprintf("%lld of %lld %s", (long long) done,
					 (long long) progress->total, progress->what);
	report(progress, state);
	if (now >= progress->next_notice)
		ereport(NOTICE, (errmsg_internal("%s", state)));
	pfree(state);
}

/*
 * Call this after the last step.  After an error, the text stays until the
 * session reports another one.
 */
void
tl_progress_end(const TlProgress *progress)
{
	if (progress->is_reported)
		report_activity(debug_query_string);
}
