/*-------------------------------------------------------------------------
 *
 * trainledger.h
 *		What all parts of trainledger share: refusals, checks of arguments,
 *		settings, the business clock, ids, plans, progress, mutexes, and
 *		look-ups of the extension's objects.
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
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/guc.h"

#include "base/compat.h"

/* ---------------------------------------------------------------------
 * Business refusals (contract, section 4)
 * ---------------------------------------------------------------------
 */

/*
 * All refusals: name, SQLSTATE after "TL", HTTP status, and the error number
 * and text in the documents of credit accounts.  Only conflicts of an account
 * have a number and a text.
 */
#define TL_REFUSALS(X) \
	X(TL_ALREADY_INITIALISED, '0', '5', '1', 409, \
	  1051, "Account already initialised") \
	X(TL_BALANCE_MISMATCH, '0', '5', '2', 409, \
	  1052, "Balance mismatch") \
	X(TL_OUT_OF_BOUND, '0', '5', '3', 409, \
	  1053, "Balance out of bound") \
	X(TL_ABOVE_UPPER_BOUND, '0', '5', '4', 409, \
	  1054, "Balance out of upper bound") \
	X(TL_BELOW_LOWER_BOUND, '0', '5', '5', 409, \
	  1055, "Balance out of lower bound") \
	X(TL_DUPLICATE, '0', '5', '6', 409, \
	  1056, "Duplicate transaction") \
	X(TL_NOT_INITIALISED, '0', '5', '7', 409, \
	  1057, "Account not available") \
	X(TL_REJECTED, '0', '5', '8', 409, \
	  1058, "Transaction rejected") \
	X(TL_INVALID, '4', '0', '0', 400, 0, NULL) \
	X(TL_NOT_FOUND, '4', '0', '4', 404, 0, NULL) \
	X(TL_CONFLICT, '4', '0', '9', 409, 0, NULL) \
	X(TL_GONE, '4', '1', '0', 410, 0, NULL) \
	X(TL_KEY_REUSED, '4', '2', '2', 422, 0, NULL) \
	X(TL_TOO_MANY, '4', '2', '9', 429, 0, NULL)

/* The names as SQLSTATEs for errcode() */
enum
{
#define TL_ERRCODE(name, a, b, c, ...) \
	name = MAKE_SQLSTATE('T', 'L', a, b, c),
	TL_REFUSALS(TL_ERRCODE)
#undef TL_ERRCODE
};

typedef struct TlRefusalKind
{
	int			sqlerrcode;
	int			http_status;
	int			error_code;		/* in documents; 0 if it has none */
	const char *text;
} TlRefusalKind;

/*
 * A refusal is a value: the engine fills it in and returns, SQL functions raise
 * it, and documents print it.  sqlerrcode 0 means that nothing was refused.
 * Texts are constants or in the memory context of the call; detail and hint may
 * be NULL.
 *
 * argument is the one to blame: the caller can change its value to make the
 * call succeed.
 *	 - If an object is missing, or its state forbids the call, blame the
 *	   argument that names the object or leads to it.
 *	 - If several arguments name the object together, blame the first that
 *	   distinguishes it from the others: for a price the region, for an account
 *	   the name.
 *	 - If two arguments contradict each other, blame the later one.
 * argument is NULL if no single one is to blame, for example if one of two is
 * needed.  Functions in PL/pgSQL follow the same rule.
 */
typedef struct TlRefusal
{
	int			sqlerrcode;
	const char *argument;
	const char *message;
	const char *detail;
	const char *hint;
} TlRefusal;

/* An argument's name in the engine, and in a function */
typedef struct TlArgumentName
{
	const char *engine;
	const char *function;
} TlArgumentName;

/* refusal.c */
extern bool tl_refuse(TlRefusal *refusal, int sqlerrcode,
					  const char *argument, const char *message,
					  const char *hint, const char *detail_format, ...)
			pg_attribute_printf(6, 7);
extern void tl_rename_argument(TlRefusal *refusal,
							   const TlArgumentName *names);
pg_noreturn extern void tl_raise(const TlRefusal *refusal);
pg_noreturn extern void tl_raise_coded(const char *code,
									   const TlRefusal *refusal);
extern bool tl_is_refusal(int sqlerrcode);
extern const TlRefusalKind *tl_refusal_kind(int sqlerrcode);
extern int	tl_http_status(int sqlerrcode);
extern ErrorData *tl_catch_error(MemoryContext context);

/* arguments.c */

/* Longest description, source and device, in bytes (contract, sections 6, 7) */
#define TL_MAX_TEXT_BYTES		8192

/* Longest name, in characters; names are in indexes */
#define TL_MAX_NAME_CHARS		250

extern bool tl_check_text(const char *name, text *value, bool required,
						  TlRefusal *refusal);
extern void tl_check_name(const char *name, text *value);
extern void tl_refuse_nulls(FunctionCallInfo fcinfo, int count);

/* names.c */
extern const char *tl_trim(const char *bytes, int *length);
extern text *tl_trim_text(text *value);
extern void tl_trim_string(char *value);

/* module.c: settings */
extern char *tl_clock_setting;
extern char *tl_party_setting;
extern char *tl_homes_setting;
extern char *tl_log_key_file;
extern int	tl_xml_max_bytes;

/* clock.c */
extern bool tl_check_clock(char **newval, void **extra, GucSource source);
extern void tl_assign_clock(const char *newval, void *extra);
extern bool tl_parse_utc(const char *text, TimestampTz *result);
extern TimestampTz tl_clock(void);
extern char *tl_print_utc(TimestampTz time, char separator);

/* ids.c */
#define TL_HOME_BITS			10
#define TL_HOME_MASK			((INT64CONST(1) << TL_HOME_BITS) - 1)
extern int64 tl_make_id(Oid sequence, int64 party_id);

/* homes.c */
extern bool tl_check_homes(char **newval, void **extra, GucSource source);
extern void tl_assign_homes(const char *newval, void *extra);
extern bool tl_keeps_all_homes(void);
extern bool tl_keeps_home(int64 id);
extern bool tl_refuse_home(TlRefusal *refusal, int64 id, const char *argument);
extern void tl_require_no_nodes(Oid account);

/* plan.c */
extern SPIPlanPtr tl_saved_plan(SPIPlanPtr *plan, const char *text, int count,
								const Oid *types, int options);
pg_noreturn extern void tl_refuse_rewritten(const char *table);

/* progress.c: progress of long work (contract, section 15) */
typedef struct TlProgress
{
	const char *what;			/* for the notice, such as "postings checked" */
	int64		total;
	TimestampTz next_report;	/* neither report nor notice before this */
	TimestampTz next_notice;
	bool		is_reported;
} TlProgress;

extern void tl_progress_start(TlProgress *progress, const char *what,
							  int64 total);
extern void tl_progress_step(TlProgress *progress, int64 done);
extern void tl_progress_end(const TlProgress *progress);

/* ---------------------------------------------------------------------
 * Mutexes (mutex.c)
 *
 * A mutex is an advisory lock with the tag (database, 0, TlMutex,
 * TL_LOCK_CLASS).  pg_locks shows the last three as classid, objid and
 * objsubid.  pg_advisory_lock() and related functions make tags whose last
 * field is 1 or 2, so SQL cannot take one of ours.
 * ---------------------------------------------------------------------
 */
#define TL_LOCK_CLASS			0x544C	/* "TL" */

typedef enum TlMutex
{
	/*
	 * Documents of signup tokens, and changes of a token's code.  Each locks
	 * several tokens or codes, in any order; two at a time could deadlock.
	 */
	TL_MUTEX_SIGNUP_CODES = 1,

	/*
	 * grant_access() and revoke_access(), which write the same rows of the
	 * system catalogs
	 */
	TL_MUTEX_ACCESS,

	/*
	 * An address, between who makes a ticket out to it and who gives it to a
	 * party; see tl_lock_address() in mutex.c
	 */
	TL_MUTEX_ADDRESS,

	/* The log: only one session at a time appends to it. */
	TL_MUTEX_LOG
} TlMutex;

extern void tl_lock(TlMutex mutex, const char *call);

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
