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
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_lock_by_name);

/* The name of a mutex in SQL, and the statements that it protects */
static const struct
{
	const char *name;
	const char *statements;
}			mutexes[] = {
	[TL_MUTEX_SIGNUP_CODES] = {"signup codes", "INSERT or UPDATE"},
	[TL_MUTEX_ACCESS] = {"access", "GRANT or REVOKE"},
};

/*
 * Take a mutex; the end of the transaction releases it, and a transaction
 * that is prepared keeps it.
 *
 * Take it before you lock rows, and in a statement of its own: under READ
 * COMMITTED, only the next statement sees what the previous holder committed.
 * Never take two.
 *
 * A read-only transaction gets its error here, before it waits.  Parallel mode
 * is refused, because a worker would release the lock too early.
 */
void
tl_lock(TlMutex mutex)
{
	LOCKTAG		tag;

	PreventCommandIfReadOnly(mutexes[mutex].statements);
	PreventCommandIfParallelMode(mutexes[mutex].statements);
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, mutex, TL_LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	/* catalog caches catch up too, as they do after a lock on a table */
	AcceptInvalidationMessages();
}

/* take_mutex(mutex text) returns void */
Datum
tl_lock_by_name(PG_FUNCTION_ARGS)
{
	const char *name = PG_ARGISNULL(0) ? "" :
		text_to_cstring(PG_GETARG_TEXT_PP(0));

	for (size_t i = 0; i < lengthof(mutexes); i++)
	{
		if (mutexes[i].name != NULL && strcmp(mutexes[i].name, name) == 0)
		{
			tl_lock((TlMutex) i);
			PG_RETURN_VOID();
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no mutex \"%s\"", name)));
}
