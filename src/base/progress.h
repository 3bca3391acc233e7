/*-------------------------------------------------------------------------
 *
 * progress.h
 *		Telling how far long work is (contract, section 15).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/progress.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_PROGRESS_H
#define TL_PROGRESS_H

#include "datatype/timestamp.h"

typedef struct TlProgress
{
	const char *what;			/* for the notice, such as "postings checked" */
	int64		total;
	TimestampTz next;			/* no notice before this */
} TlProgress;

extern void tl_progress_start(TlProgress *progress, const char *what,
							  int64 total);
extern void tl_progress_step(TlProgress *progress, int64 done);

#endif							/* TL_PROGRESS_H */
