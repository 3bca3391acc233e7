/*-------------------------------------------------------------------------
 *
 * posting.h
 *		The data structures of a posting: the request, its target, and the rows
 *		that it reads and writes (contract, section 6).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/posting.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_POSTING_H
#define TL_POSTING_H

#include "access/htup.h"
#include "executor/tuptable.h"
#include "utils/uuid.h"

#include "base/trainledger.h"
#include "ledger/columns.h"
#include "types/amount.h"

/*
 * The kind of call that an idempotency key was used in.  The same key in
 * another kind of call is a different request (contract, section 4).  Stored
 * in entry.keyed_call.
 */
#define TL_CALL_CREDIT		'c'
#define TL_CALL_POST		'p'
#define TL_CALL_BATCH		'b'
#define TL_CALL_LOTS		't'
#define TL_CALL_TRANSFER	'x'

/* A posting as requested */
typedef struct TlRequest
{
	char		call;			/* TL_CALL_* */
	TlOperation operation;
	const char *amount;			/* decimal text, exponent allowed; not
								 * negated for subtract */
	TlRounding	rounding;		/* to the scale of the token type */
	text	   *source;
	text	   *description;
	text	   *device;			/* may be NULL */
	bool		has_recorded_at;
	TimestampTz recorded_at;
	bool		has_key;
	pg_uuid_t	key;
	const char *expected;		/* the balance that must result, or NULL */
	TlAmount	freed;			/* of a capture: what is no longer held */
	TimestampTz now;			/* tl_clock() of the call */
	text	   *booked_by;
} TlRequest;

/* The account to post to: by id, or by party, name and token type name */
typedef struct TlTarget
{
	bool		by_id;
	int64		account_id;		/* if by_id */
	int64		party_id;		/* if not by_id, as are the names */
	text	   *account_name;
	text	   *type_name;
} TlTarget;

typedef struct TlTokenType
{
	pg_uuid_t	id;
	int			scale;
	bool		is_active;
	bool		is_archived;
	TlAmount	lower;			/* TL_AMOUNT_MIN: no bound */
	TlAmount	upper;			/* TL_AMOUNT_MAX: no bound */
	bool		lower_inclusive;
	bool		upper_inclusive;
} TlTokenType;

typedef struct TlAccount
{
	int64		id;
	int64		party_id;
	pg_uuid_t	token_type_id;
	bool		is_lot;
	TlAmount	balance;
	TlAmount	held;			/* by holds that no event has closed */
	TlAmount	lapsed;			/* of held, if knows_lapsed: by holds whose end
								 * has passed */
	bool		knows_lapsed;
	int64		entry_count;
	TimestampTz last_entry_at;
	HeapTuple	row;			/* as read, palloc'd; postings do not change
								 * it */
} TlAccount;

/* A row of trainledger.entry; texts belong to the caller's memory context. */
typedef struct TlEntry
{
	int64		account_id;
	int64		entry_no;
	TlAmount	delta;
	TlAmount	balance;
	TimestampTz created_at;
	TimestampTz recorded_at;	/* valid if has_recorded_at */
	int64		booking_no;
	int64		other_account_id;	/* of a transfer, valid if
									 * has_other_account */
	TimestampTz imported_at;	/* valid if has_imported_at */
	pg_uuid_t	dedup;			/* idempotency key or fingerprint, valid if
								 * has_dedup */
	text	   *source;
	text	   *description;
	text	   *device;			/* may be NULL */
	text	   *booked_by;
	TlOperation operation;
	char		keyed_call;		/* TL_CALL_*; 0: dedup is not an idempotency
								 * key */
	bool		has_recorded_at;
	bool		has_dedup;
	bool		has_other_account;
	bool		has_imported_at;	/* an import brought it */
	bool		is_replay;		/* answer to a repeated request */
} TlEntry;

/* entry.c: conversion between entries and rows */
extern void tl_take_entry(TupleTableSlot *slot, TlEntry *entry);
extern void tl_take_entry_list(const Datum *values, const bool *nulls,
							   TlEntry *entry);
extern int	tl_entry_list(const TlEntry *entry, Datum *values, bool *nulls);
extern void tl_entry_values(const TlEntry *entry, TlRelation relation,
							int column_count, Datum *values, bool *nulls);
extern Datum tl_entry_datum(const TlEntry *entry);

#endif							/* TL_POSTING_H */
