/*-------------------------------------------------------------------------
 *
 * clock.c
 *		The business clock (contract, section 2): the start time of the
 *		statement, or the setting trainledger.clock.  A superuser can set it
 *		for tests, demonstrations and replays.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/clock.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_clock_sql);

/* The value of the setting; valid only while clock_is_set */
static TimestampTz clock_value;
static bool clock_is_set = false;

/*
 * Parse a point in time.  Without a zone it is UTC; year, month and day come in
 * this order.  TimeZone and DateStyle of the session have no effect.  Words
 * such as "now", "today" and "infinity" are invalid: they are no fixed point
 * in time.  Returns false if the text is invalid; does not raise.
 */
bool
tl_parse_utc(const char *text, TimestampTz *result)
{
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nfields;
	int			dtype;
	int			zone = 0;
	int			status;
	fsec_t		fsec;
	struct pg_tm tm;
	pg_tz	   *session_zone = session_timezone;
	int			session_order = DateOrder;

	/* no names of zones: they could raise, and an offset or Z will do */
	if (text[strspn(text, "0123456789-+:. TZ")] != '\0' ||
		ParseDateTime(text, workbuf, sizeof(workbuf),
					  field, ftype, MAXDATEFIELDS, &nfields) != 0)
		return false;

	session_timezone = pg_tzset("GMT");
	DateOrder = DATEORDER_YMD;
	status = tl_DecodeDateTime(field, ftype, nfields,
							   &dtype, &tm, &fsec, &zone);
	session_timezone = session_zone;
	DateOrder = session_order;

	return status == 0 && dtype == DTK_DATE &&
		tm2timestamp(&tm, fsec, &zone, result) == 0;
}

/*
 * Print a point in time to the second as YYYY-MM-DDxHH:MM:SS, where x is the
 * separator.  It is in UTC, whatever the session's TimeZone is.  The result is
 * palloc'd.
 */
char *
tl_print_utc(TimestampTz time, char separator)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return psprintf("%04d-%02d-%02d%c%02d:%02d:%02d", tm.tm_year, tm.tm_mon,
					tm.tm_mday, separator, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Check hook of trainledger.clock; *extra takes the decoded time. */
bool
tl_check_clock(char **newval, void **extra,
			   GucSource source pg_attribute_unused())
{
	TimestampTz value;
	TimestampTz *kept;

	if (*newval == NULL || **newval == '\0')
		return true;

	if (!tl_parse_utc(*newval, &value))
	{
		GUC_check_errdetail("The clock takes a date and time such as \"2023-04-04 08:41:30\" or \"2023-04-04T08:41:30+02\"; without a zone it is UTC.");
		return false;
	}

	kept = (TimestampTz *) tl_guc_malloc(sizeof(TimestampTz));
	if (kept == NULL)
		return false;
	*kept = value;
	*extra = kept;
	return true;
}

/* Assign hook of trainledger.clock */
void
tl_assign_clock(const char *newval pg_attribute_unused(), void *extra)
{
	clock_is_set = (extra != NULL);
	if (clock_is_set)
		clock_value = *(TimestampTz *) extra;
}

/* The business time of the running statement. */
TimestampTz
tl_clock(void)
{
	return clock_is_set ? clock_value : GetCurrentStatementStartTimestamp();
}

/* clock() returns timestamptz */
Datum
tl_clock_sql(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_TIMESTAMPTZ(tl_clock());
}
