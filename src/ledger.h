/*-------------------------------------------------------------------------
 *
 * ledger.h
 *		The ledger: the one engine that keeps every balance (contract,
 *		section 6).
 *
 * ledger.c has the rules, books.c opens the tables and looks rows up, entry.c
 * turns entries into rows and back, ledger_read.c reads the rows,
 * ledger_write.c writes them, ledger_direct.c does so without SQL,
 * ledger_batch.c books many postings at once, ledger_sql.c is the face to SQL.
 * A subject fills in a TlRequest and a TlTarget and calls tl_ledger_post(); it
 * never writes a balance itself.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_LEDGER_H
#define TL_LEDGER_H

#include "access/genam.h"
#include "access/htup.h"
#include "access/tableam.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "trainledger.h"

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
	bool		is_credit;
	int			scale;
	bool		is_active;
	bool		is_archived;
	bool		has_lower;
	bool		has_upper;
	bool		lower_inclusive;
	bool		upper_inclusive;
	TlAmount	lower;
	TlAmount	upper;
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

typedef enum TlOutcome
{
	TL_BOOKED,					/* entry is new */
	TL_REPLAYED,				/* entry was booked before, with this key */
	TL_REFUSED					/* nothing was written; see the refusal */
} TlOutcome;

/* ledger.c */
extern TlOutcome tl_ledger_post(const TlRequest *request,
								const TlTarget *target,
								TlEntry *entry, TlRefusal *refusal);
extern bool tl_is_zero(const char *decimal);
extern bool tl_check_request(const TlRequest *request, TlRefusal *refusal);
extern bool tl_check_within(const TlTokenType *type, TlAmount balance,
							TlAmount delta, TlAmount *result,
							TlRefusal *refusal);
extern void tl_bound_lot(TlTokenType *type);
extern bool tl_check_acquire(const TlTokenType *type, int64 party_id,
							 bool acquires, bool is_suspended,
							 TlRefusal *refusal);
extern bool tl_same_request(const TlRequest *request, TlAmount delta,
							const TlEntry *entry);
extern void tl_fingerprint(const TlRequest *request, TlAmount delta,
						   int attempt, pg_uuid_t *result);
extern void tl_refuse_account_id(TlRefusal *refusal, int64 account_id);
extern void tl_refuse_lot(TlRefusal *refusal, int64 account_id);
extern void tl_refuse_key(TlRefusal *refusal, const TlEntry *entry);
extern void tl_refuse_duplicate(TlRefusal *refusal, const TlEntry *entry);

/* books.c */

/* A look-up that is under way; at most one of the scans is there. */
typedef struct TlScan
{
	IndexScanDesc by_index;
	TableScanDesc of_table;
} TlScan;

/* The way along the accounts' primary key, see tl_walk_accounts() */
typedef struct TlWalk
{
	IndexScanDesc scan;			/* NULL: nobody walks */
	int64		id;				/* of the entry that it stands on */
	bool		at_end;			/* it stands on none */
	int64		steps;			/* that it may still take */
} TlWalk;

/* The tables of the ledger, open and locked.  By TlRelation */
typedef struct TlBooks
{
	bool		is_direct;		/* postings are written by ledger_direct.c */
	TlAccessPath paths[TL_LOOKUP_COUNT];	/* as they were when opened */
	Relation	tables[TL_RELATION_COUNT];
	TupleTableSlot *slots[TL_RELATION_COUNT];
	TlScan		scans[TL_LOOKUP_COUNT];
	TlWalk		walk;
} TlBooks;

extern void tl_books_open(TlBooks *books, bool to_write);
extern void tl_books_close(TlBooks *books);
extern void tl_books_push_snapshot(bool fresh);
extern void tl_books_pop_snapshot(void);
extern void tl_seek(TlBooks *books, TlLookup lookup, const Datum *key,
					TlScan *scan);
extern TupleTableSlot *tl_next(TlBooks *books, TlLookup lookup, TlScan *scan);
extern TupleTableSlot *tl_fetch(TlBooks *books, TlLookup lookup,
								const Datum *key);
extern void tl_end_scan(TlScan *scan);
extern IndexScanDesc tl_open_index_scan(TlBooks *books, TlLookup lookup,
										int key_count);
extern Datum tl_column(TupleTableSlot *slot, TlRelation relation, int column);

/* entry.c */
extern void tl_take_entry(TupleTableSlot *slot, TlEntry *entry);
extern void tl_take_entry_list(const Datum *values, const bool *nulls,
							   TlEntry *entry);
extern int	tl_entry_list(const TlEntry *entry, Datum *values, bool *nulls);
extern void tl_entry_values(const TlEntry *entry, TlRelation relation,
							int column_count, Datum *values, bool *nulls);
extern Datum tl_entry_datum(const TlEntry *entry);

/* ledger_read.c */
extern bool tl_read_type(TlBooks *books, const pg_uuid_t *id,
						 TlTokenType *type);
extern bool tl_read_credit_type(TlBooks *books, text *name, TlTokenType *type);
extern void tl_walk_accounts(TlBooks *books, int64 first_id, int count);
extern void tl_end_walk(TlBooks *books);
extern bool tl_read_account(TlBooks *books, int64 id, TlAccount *account);
extern bool tl_read_named_account(TlBooks *books, int64 party_id,
								  const pg_uuid_t *token_type_id, text *name,
								  TlAccount *account);
extern bool tl_read_party(TlBooks *books, int64 id, bool *is_suspended);
extern bool tl_is_suspended(TlBooks *books, int64 party_id);
extern bool tl_is_any_suspended(TlBooks *books);
extern bool tl_read_dedup(TlBooks *books, const pg_uuid_t *dedup,
						  int64 account_id, TlEntry *entry);
extern bool tl_read_party_key(TlBooks *books, const pg_uuid_t *key,
							  int64 party_id, TlEntry *entry);

/* ledger_write.c */
extern void tl_lock_account(int64 id, int64 locked_id);
extern bool tl_lock_party_key(TlBooks *books, const pg_uuid_t *key,
							  int64 party_id);
extern char *tl_read_party_request(const pg_uuid_t *key, int64 party_id);
extern int	tl_write_postings(TlBooks *books,
							  const TlAccount *const *accounts,
							  int account_count, TlEntry *const *entries,
							  int entry_count);
extern bool tl_write_account(TlEntry *entry, int64 party_id,
							 const pg_uuid_t *token_type_id, text *name);
extern bool tl_write_default_type(TimestampTz now, pg_uuid_t *id);
extern bool tl_take_pass(void);

/* ledger_direct.c */
extern bool tl_direct_applies(const TlBooks *books);
extern int	tl_direct_write(TlBooks *books, const TlAccount *const *accounts,
							int account_count, TlEntry *const *entries,
							int entry_count);

/* ledger_sql.c */
extern text *tl_booked_by(void);
extern bool tl_check_text(const char *name, text *value, bool required,
						  TlRefusal *refusal);
extern bool tl_check_name(const char *name, text *value, TlRefusal *refusal);
extern char *tl_numeric_arg(FunctionCallInfo fcinfo, int argno);

#endif							/* TL_LEDGER_H */
