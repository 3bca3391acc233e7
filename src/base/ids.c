/*-------------------------------------------------------------------------
 *
 * ids.c
 *		Ids that contain their home (contract, section 2): the low 10 bits of
 *		an id are the home of the party that it belongs to.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/ids.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "fmgr.h"
#include "utils/uuid.h"

#include "base/trainledger.h"

/* Generated ids have at most 53 bits: clients may store them as doubles */
#define TL_MAX_SERIAL	((INT64CONST(1) << (53 - TL_HOME_BITS)) - 1)

PG_FUNCTION_INFO_V1(tl_home);
PG_FUNCTION_INFO_V1(tl_home_of);

/*
 * Make the id of an object that belongs to a party: the next value of the
 * sequence in the high bits, the home of the party in the low ones.
 */
int64
tl_make_id(Oid sequence, int64 party_id)
{
	int64		serial = nextval_internal(sequence, false);

	if (serial > TL_MAX_SERIAL)
		ereport(ERROR,
				(errcode(ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED),
				 errmsg("ids are used up")));
	return (serial << TL_HOME_BITS) | (party_id & TL_HOME_MASK);
}

/* home(id bigint) returns integer */
Datum
tl_home(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) (PG_GETARG_INT64(0) & TL_HOME_MASK));
}

/* home_of(id uuid) returns integer: the last 10 bits of the uuid */
Datum
tl_home_of(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *uuid = PG_GETARG_UUID_P(0);
	int			tail = (uuid->data[UUID_LEN - 2] << 8) |
		uuid->data[UUID_LEN - 1];

	PG_RETURN_INT32((int32) (tail & TL_HOME_MASK));
}
