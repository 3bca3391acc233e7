/*-------------------------------------------------------------------------
 *
 * trainledger.h
 *		What the rooms of trainledger share: SQLSTATEs, refusals, the
 *		business clock, the caller, and the extension's own catalog.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/trainledger.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TRAINLEDGER_H
#define TRAINLEDGER_H

#include "postgres.h"

#include "access/attnum.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/guc.h"
#include "utils/uuid.h"

#include "amount.h"
#include "compat.h"

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
 */
typedef struct TlRefusal
{
	int			sqlerrcode;
	const char *message;
	const char *detail;
	const char *hint;
} TlRefusal;

/* Longest description, source and device, in bytes (contract, sections 6, 7) */
#define TL_MAX_TEXT_BYTES		8192

/* Longest text that stands in an index, in characters */
#define TL_MAX_NAME_CHARS		250

/* refusal.c */
extern void tl_refuse(TlRefusal *refusal, int sqlerrcode, const char *message,
					  const char *hint, const char *detail_format, ...)
			pg_attribute_printf(5, 6);
pg_noreturn extern void tl_raise(const TlRefusal *refusal);

/* clock.c */
extern char *tl_clock_setting;
extern bool tl_check_clock(char **newval, void **extra, GucSource source);
extern void tl_assign_clock(const char *newval, void *extra);
extern bool tl_parse_utc(const char *text, TimestampTz *result);
extern TimestampTz tl_clock(void);

/* party.c */
extern char *tl_party_setting;
extern bool tl_claim(const char *name, char **value);
extern bool tl_asking_party(int64 *party);

/* ids.c */
#define TL_HOME_BITS			10
#define TL_HOME_MASK			((INT64CONST(1) << TL_HOME_BITS) - 1)
extern int64 tl_make_id(Oid sequence, int64 party_id);

/* access.c: see there how a write function comes to act as the owner */
typedef struct TlOwnerSwitch
{
	Oid			userid;
	int			sec_context;
} TlOwnerSwitch;

extern void tl_become_owner(TlOwnerSwitch *saved);
extern void tl_restore_user(const TlOwnerSwitch *saved);
extern Oid	tl_caller(void);
extern bool tl_caller_has(const char *level);
extern bool tl_acts_as_owner(void);
extern Oid	tl_twin(Oid function, const char *prefix, bool missing_ok);
extern Datum tl_forward(FunctionCallInfo fcinfo, FmgrInfo *target);
extern Datum tl_forward_as_owner(FunctionCallInfo fcinfo, FmgrInfo *target);

/* signup_reader.c */
extern int	tl_xml_max_bytes;

/* api.c */
extern bool tl_in_request(void);
extern int	tl_http_status(int sqlerrcode);

/* ---------------------------------------------------------------------
 * The extension's own catalog: OIDs and column numbers, looked up by name
 * once per session and again after the tables change.
 * ---------------------------------------------------------------------
 */

/* In the order of the labels of trainledger.operation */
typedef enum TlOperation
{
	TL_OP_INIT,
	TL_OP_ADD,
	TL_OP_SUBTRACT,
	TL_OP_ISSUE,
	TL_OP_ADJUST,
	TL_OP_REDEEM,
	TL_OP_REFUND,
	TL_OP_EXPIRE,
	TL_OP_HOLD,
	TL_OP_CAPTURE,
	TL_OP_RELEASE
} TlOperation;

#define TL_OPERATION_COUNT		(TL_OP_RELEASE + 1)

typedef struct TlAccountColumns
{
	AttrNumber	id;
	AttrNumber	party_id;
	AttrNumber	token_type_id;
	AttrNumber	name;
	AttrNumber	initial_balance;
	AttrNumber	balance;
	AttrNumber	entry_count;
	AttrNumber	last_entry_at;
} TlAccountColumns;

typedef struct TlEntryColumns
{
	AttrNumber	account_id;
	AttrNumber	entry_no;
	AttrNumber	delta;
	AttrNumber	balance;
	AttrNumber	created_at;
	AttrNumber	recorded_at;
	AttrNumber	dedup;
	AttrNumber	operation;
	AttrNumber	keyed_call;
	AttrNumber	source;
	AttrNumber	description;
	AttrNumber	device;
	AttrNumber	booked_by;
} TlEntryColumns;

typedef struct TlTypeColumns
{
	AttrNumber	id;
	AttrNumber	kind;
	AttrNumber	name;
	AttrNumber	scale;
	AttrNumber	bounds;
	AttrNumber	is_active;
	AttrNumber	is_archived;
} TlTypeColumns;

typedef struct TlCatalog
{
	uint64		generation;		/* another one after each look-up */
	Oid			schema;
	Oid			owner;			/* of the tables: whom writes act as */

	Oid			account;
	Oid			account_pkey;
	Oid			account_key;	/* (party_id, token_type_id, name) */
	Oid			account_id_seq;
	TlAccountColumns account_columns;

	Oid			entry;
	Oid			entry_pkey;
	Oid			entry_dedup;	/* (dedup, account_id) */
	Oid			entry_row_type;
	TlEntryColumns entry_columns;

	Oid			token_type;
	Oid			token_type_pkey;
	Oid			token_type_name_key;	/* (kind, name) */
	TlTypeColumns type_columns;

	Oid			party;
	Oid			party_pkey;
	Oid			party_suspended;	/* (id), of suspended ones only */
	AttrNumber	party_is_suspended;

	Oid			operations[TL_OPERATION_COUNT]; /* enum label OIDs */
	Oid			kind_credit;	/* label of trainledger.token_kind */
	Oid			amount_type;
	Oid			operation_type;
} TlCatalog;

extern const TlCatalog *tl_catalog(void);
extern TlOperation tl_operation_from_oid(Oid label);
extern const char *tl_operation_name(TlOperation operation);

#endif							/* TRAINLEDGER_H */
