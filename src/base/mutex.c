/*-------------------------------------------------------------------------
 *
 * mutex.c
 *		Mutexes: advisory locks that end with the transaction.  Only other
 *		calls of ours wait for them.  Maintenance, DDL and users of
 *		pg_advisory_lock() do not.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/mutex.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_lock_by_name);
PG_FUNCTION_INFO_V1(tl_lock_address);
PG_FUNCTION_INFO_V1(tl_try_lock_log);

/* Addresses share this many locks, so that a transaction needs no more. */
#define ADDRESS_LOCKS			256

/* The name of a mutex in SQL */
static const char *const mutexes[] = {
	[TL_MUTEX_SIGNUP_CODES] = "signup codes",
	[TL_MUTEX_ACCESS] = "access",
	[TL_MUTEX_LOG] = "log",
};

/*
 * Take a mutex; the end of the transaction releases it, and a transaction
 * that is prepared keeps it.
 *
 * Take it before you lock rows, and in a statement of its own: under READ
 * COMMITTED, only the next statement sees what the previous holder committed.
 * Never take two.
 *
 * A read-only transaction gets its error here, before it waits: call is what
 * the error says cannot be executed.  Parallel mode is refused, because a
 * worker would release the lock too early.
 */
void
tl_lock(TlMutex mutex, const char *call)
{
	LOCKTAG		tag;

	PreventCommandIfReadOnly(call);
	PreventCommandIfParallelMode(call);
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, mutex, TL_LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	/* catalog caches catch up too, as they do after a lock on a table */
	AcceptInvalidationMessages();
}

/* take_mutex(mutex text, call text) returns void */
Datum
tl_lock_by_name(PG_FUNCTION_ARGS)
{
	const char *name;

	tl_refuse_nulls(fcinfo, 2);
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	for (size_t i = 0; i < lengthof(mutexes); i++)
	{
		if (mutexes[i] != NULL && strcmp(mutexes[i], name) == 0)
		{
			tl_lock((TlMutex) i, text_to_cstring(PG_GETARG_TEXT_PP(1)));
			PG_RETURN_VOID();
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no mutex \"%s\"", name)));
}

/*
 * lock_address(address text, for_ticket boolean) returns void: lock a folded
 * address until the end of the transaction; null locks nothing
 *
 * A ticket for an address that nobody has, and the party that gets the address,
 * must see each other.  So the two kinds of calls exclude each other, but not
 * their own kind: many parties, or many tickets, are made side by side, and in
 * any order.
 */
Datum
tl_lock_address(PG_FUNCTION_ARGS)
{
	text	   *address;
	uint32		hash;
	LOCKTAG		tag;

	if (PG_ARGISNULL(0))
		PG_RETURN_VOID();
	address = PG_GETARG_TEXT_PP(0);
	hash = hash_bytes((const unsigned char *) VARDATA_ANY(address),
					  VARSIZE_ANY_EXHDR(address));
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, hash % ADDRESS_LOCKS,
						 TL_MUTEX_ADDRESS, TL_LOCK_CLASS);
	(void) LockAcquire(&tag, PG_GETARG_BOOL(1) ? RowExclusiveLock : ShareLock,
					   false, false);
	PG_RETURN_VOID();
}

/* try_lock_log() returns boolean: take the mutex of the log if nobody has it */
Datum
tl_try_lock_log(PG_FUNCTION_ARGS pg_attribute_unused())
{
	LOCKTAG		tag;

	PreventCommandIfReadOnly("seal()");
	PreventCommandIfParallelMode("seal()");
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, TL_MUTEX_LOG, TL_LOCK_CLASS);
	PG_RETURN_BOOL(LockAcquire(&tag, ExclusiveLock, false, true) !=
				   LOCKACQUIRE_NOT_AVAIL);
}
