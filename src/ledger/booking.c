/*-------------------------------------------------------------------------
 *
 * booking.c
 *		The number of a booking: one for all that a transaction writes to the
 *		books.
 *
 * The transaction has its id before it takes a number, and takes it from a
 * sequence without a cache.  So whoever reads the sequence and then the next
 * transaction id knows: when all transactions before that id are over, no entry
 * with a number up to the one that was read can come any more.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/booking.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/sequence.h"

#include "ledger/booking.h"
#include "ledger/catalog.h"

/*
 * The number of the running transaction's booking.  Costs a call of nextval
 * once in a transaction.  A savepoint that is rolled back does not change it.
 */
int64
tl_booking_no(void)
{
	static FullTransactionId taken_by = {0};
	static int64 booking_no;
	FullTransactionId transaction = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(taken_by, transaction))
	{
		booking_no = nextval_internal(tl_catalog()->booking_no_seq, false);
		taken_by = transaction;
	}
	return booking_no;
}
