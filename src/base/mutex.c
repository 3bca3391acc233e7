/*-------------------------------------------------------------------------
 *
 * mutex.c
 *		Mutual exclusion of our own: advisory locks that end with the
 *		transaction.  Nothing but another call of ours ever waits for one:
 *		no maintenance, no DDL, and no login that takes advisory locks.
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

/* What SQL calls a mutex, and which statements come after it */
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
 * Take it first: before rows are locked, and in a statement of its own, since
 * under READ COMMITTED it is the next statement that sees what the holder
 * before us committed.  Take one only.
 *
 * Who cannot write is told so before it waits for those who can.  In a
 * parallel worker the lock would end too early.
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
