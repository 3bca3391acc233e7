/*-------------------------------------------------------------------------
 *
 * posting.h
 *		What a posting is made of: the request, where it goes, and the rows that
 *		it reads and writes (contract, section 6).
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
 * The call that an idempotency key came with: the same key in another call is
 * another request (contract, section 4).  Kept in entry.keyed_call.
 */
#define TL_CALL_CREDIT		'c'
#define TL_CALL_POST		'p'
#define TL_CALL_BATCH		'b'
#define TL_CALL_LOTS		't'

/* A posting as it was asked for. */
typedef struct TlRequest
{
	char		call;			/* TL_CALL_* */
	TlOperation operation;
	const char *amount;			/* decimal text, exponent allowed; subtract
								 * takes it off */
	TlRounding	rounding;		/* to the scale of the token type */
	text	   *source;
	text	   *description;
	text	   *device;			/* may be NULL */
	bool		has_recorded_at;
	TimestampTz recorded_at;
	bool		has_key;
	pg_uuid_t	key;
	const char *expected;		/* balance that must result, or NULL */
	TimestampTz now;			/* tl_clock() of the call */
	text	   *booked_by;
} TlRequest;

/* Where it is to be booked: an account by id, or a party's by names. */
typedef struct TlTarget
{
	bool		by_id;
	int64		account_id;		/* by_id */
	int64		party_id;		/* else */
	text	   *account_name;
	text	   *type_name;
} TlTarget;

typedef struct TlTokenType
{
	pg_uuid_t	id;
	int			scale;
	bool		is_active;
	bool		is_archived;
	TlAmount	lower;			/* the smallest amount: no bound */
	TlAmount	upper;			/* the largest amount likewise */
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
	int64		entry_count;
	TimestampTz last_entry_at;
	HeapTuple	row;			/* as it was read; not changed by postings */
	int64		entries_read;	/* entry_count in row */
} TlAccount;

/* A row of trainledger.entry; texts are in the memory context of the call. */
typedef struct TlEntry
{
	int64		account_id;
	int64		entry_no;
	TlAmount	delta;
	TlAmount	balance;
	TimestampTz created_at;
	TimestampTz recorded_at;	/* has_recorded_at */
	int64		booking_no;
	pg_uuid_t	dedup;			/* has_dedup */
	text	   *source;
	text	   *description;
	text	   *device;			/* may be NULL */
	text	   *booked_by;
	TlOperation operation;
	char		keyed_call;		/* 0: dedup is no idempotency key */
	bool		has_recorded_at;
	bool		has_dedup;
	bool		is_replay;		/* answers a repeated request */
} TlEntry;

/* entry.c: an entry as a row and a row as an entry */
extern void tl_take_entry(TupleTableSlot *slot, TlEntry *entry);
extern void tl_take_entry_list(const Datum *values, const bool *nulls,
							   TlEntry *entry);
extern int	tl_entry_list(const TlEntry *entry, Datum *values, bool *nulls);
extern void tl_entry_values(const TlEntry *entry, TlRelation relation,
							int column_count, Datum *values, bool *nulls);
extern Datum tl_entry_datum(const TlEntry *entry);

#endif							/* TL_POSTING_H */
