/*-------------------------------------------------------------------------
 *
 * progress.c
 *		Progress of long work (contract, section 15): after five seconds, a
 *		NOTICE at most once a second.  Each step can be cancelled.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/progress.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/trainledger.h"

#define SILENT_MS			5000
#define INTERVAL_MS			1000

/* Steps between two looks at the clock */
#define STEPS_PER_LOOK		1024

void
tl_progress_start(TlProgress *progress, const char *what, int64 total)
{
	progress->what = what;
	progress->total = total;
	progress->next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												 SILENT_MS);
}

/* Call this at every step; done is the number of steps so far. */
void
tl_progress_step(TlProgress *progress, int64 done)
{
	TimestampTz now;

	CHECK_FOR_INTERRUPTS();
	if (done % STEPS_PER_LOOK != 0)
		return;
	now = GetCurrentTimestamp();
	if (now < progress->next)
		return;
	progress->next = TimestampTzPlusMilliseconds(now, INTERVAL_MS);
	ereport(NOTICE,
			(errmsg("%lld of %lld %s", (long long) done,
					(long long) progress->total, progress->what)));
}
