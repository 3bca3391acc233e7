/*-------------------------------------------------------------------------
 *
 * trainledger.h
 *		What the rooms of trainledger share: SQLSTATEs, refusals, settings, the
 *		business clock, ids, and where the extension is.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/trainledger.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TRAINLEDGER_H
#define TRAINLEDGER_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/guc.h"
#include "utils/uuid.h"

#include "base/compat.h"

/* ---------------------------------------------------------------------
 * SQLSTATEs of business refusals (contract, section 4)
 * ---------------------------------------------------------------------
 */
#define TL_ERRCODE(a, b, c)		MAKE_SQLSTATE('T', 'L', a, b, c)

#define TL_ALREADY_INITIALISED	TL_ERRCODE('0', '5', '1')
#define TL_BALANCE_MISMATCH		TL_ERRCODE('0', '5', '2')
#define TL_OUT_OF_BOUND			TL_ERRCODE('0', '5', '3')
#define TL_ABOVE_UPPER_BOUND	TL_ERRCODE('0', '5', '4')
#define TL_BELOW_LOWER_BOUND	TL_ERRCODE('0', '5', '5')
#define TL_DUPLICATE			TL_ERRCODE('0', '5', '6')
#define TL_NOT_INITIALISED		TL_ERRCODE('0', '5', '7')
#define TL_REJECTED				TL_ERRCODE('0', '5', '8')
#define TL_INVALID				TL_ERRCODE('4', '0', '0')
#define TL_NOT_FOUND			TL_ERRCODE('4', '0', '4')
#define TL_CONFLICT				TL_ERRCODE('4', '0', '9')
#define TL_KEY_REUSED			TL_ERRCODE('4', '2', '2')

/*
 * A refusal is a value: the engine fills it in and returns, the typed
 * functions raise it and the documents print it.  sqlerrcode 0 means that
 * nothing was refused.  Texts live in the memory context of the call; hint
 * may be NULL.
 *
 * argument is the one to blame: the argument whose value the caller can change
 * so that the call goes through.
 *	 - What is missing, or forbids the call in its state, is blamed on the
 *	   argument that names it, or that leads to it.
 *	 - Where several name it together, on the first that picks it out among
 *	   what the others name: a price by its region, an account by its name.
 *	 - Of two that contradict each other, on the later one.
 * It is NULL where no argument is to blame, such as where one of two is needed.
 * The functions in PL/pgSQL keep to the same rule.
 */
typedef struct TlRefusal
{
	int			sqlerrcode;
	const char *argument;
	const char *message;
	const char *detail;
	const char *hint;
} TlRefusal;

/* What a function calls an argument that the engine blames */
typedef struct TlArgumentName
{
	const char *engine;
	const char *function;
} TlArgumentName;

/* refusal.c */
extern void tl_refuse(TlRefusal *refusal, int sqlerrcode,
					  const char *argument, const char *message,
					  const char *hint, const char *detail_format, ...)
			pg_attribute_printf(6, 7);
extern void tl_rename_argument(TlRefusal *refusal,
							   const TlArgumentName *names);
pg_noreturn extern void tl_raise(const TlRefusal *refusal);
extern int	tl_http_status(int sqlerrcode);

/* module.c: settings */
extern char *tl_clock_setting;
extern char *tl_party_setting;
extern int	tl_xml_max_bytes;

/* clock.c */
extern bool tl_check_clock(char **newval, void **extra, GucSource source);
extern void tl_assign_clock(const char *newval, void *extra);
extern bool tl_parse_utc(const char *text, TimestampTz *result);
extern TimestampTz tl_clock(void);

/* ids.c */
#define TL_HOME_BITS			10
#define TL_HOME_MASK			((INT64CONST(1) << TL_HOME_BITS) - 1)
extern int64 tl_make_id(Oid sequence, int64 party_id);

/* ---------------------------------------------------------------------
 * Mutual exclusion of our own (mutex.c)
 *
 * A mutex is an advisory lock with the tag (database, 0, TlMutex,
 * TL_LOCK_CLASS).  pg_locks shows the last three as classid, objid and
 * objsubid.  SQL's own functions, pg_advisory_lock() and its kind, make tags
 * whose last field is 1 or 2, so no login can take one of ours.
 * ---------------------------------------------------------------------
 */
#define TL_LOCK_CLASS			0x544C	/* "TL" */

typedef enum TlMutex
{
	/*
	 * Documents of signup tokens and changes of a code.  Each of them holds
	 * tokens and codes and goes on to others, in any order: two at a time
	 * would wait for each other.
	 */
	TL_MUTEX_SIGNUP_CODES = 1,

	/*
	 * grant_access() and revoke_access(), which write the same rows of the
	 * system catalogs
	 */
	TL_MUTEX_ACCESS
} TlMutex;

extern void tl_lock(TlMutex mutex);

/* schema.c */
extern Oid	tl_schema(void);
extern Oid	tl_owner(void);
extern Oid	tl_find_relation(const char *what, const char *name);
extern void tl_require_column_type(const char *relation, TupleDesc columns,
								   int number, Oid wanted);
pg_noreturn extern void tl_refuse_missing(const char *what, const char *name);
pg_noreturn extern void tl_refuse_column_type(const char *relation,
											  const char *column, Oid type,
											  Oid wanted);
pg_noreturn extern void tl_refuse_null_in(const char *relation,
										  const char *column);

#endif							/* TRAINLEDGER_H */
