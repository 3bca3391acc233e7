/*-------------------------------------------------------------------------
 *
 * lots.c
 *		Opens accounts for lots of training tokens, and makes ids of objects
 *		that belong to a party, for the functions of sections 8 and 9 of the
 *		contract.  These run as the owner of the extension.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/lots.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"

#include "access/access.h"
#include "ledger/books.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"

/* The source of entries of training tokens (contract, section 8) */
#define TOKEN_SOURCE	"training-tokens"

PG_FUNCTION_INFO_V1(tl_new_id);
PG_FUNCTION_INFO_V1(tl_new_issue_id);
PG_FUNCTION_INFO_V1(tl_open_lot);

/* new_id(sequence regclass, party_id bigint) returns bigint */
Datum
tl_new_id(PG_FUNCTION_ARGS)
{
	tl_refuse_nulls(fcinfo, 2);
	PG_RETURN_INT64(tl_make_id(PG_GETARG_OID(0), PG_GETARG_INT64(1)));
}

/*
 * new_issue_id(party_id bigint) returns uuid: a random UUID (version 4) whose
 * last 10 bits are the party's home.
 */
Datum
tl_new_issue_id(PG_FUNCTION_ARGS)
{
	int64		home = PG_GETARG_INT64(0) & TL_HOME_MASK;
	pg_uuid_t  *uuid = DatumGetUUIDP(gen_random_uuid(fcinfo));

	tl_refuse_nulls(fcinfo, 1);
	uuid->data[14] = (uuid->data[14] & 0xfc) | (home >> 8);
	uuid->data[15] = home & 0xff;
	PG_RETURN_UUID_P(uuid);
}

/*
 * open_lot(party_id, token_type_id, quantity, notes, operation,
 * other_account_id) returns bigint: opens an account without a name and returns
 * its id.  The first entry is an issue, or the transfer from another account.
 * The caller has checked the arguments.
 */
Datum
tl_open_lot(PG_FUNCTION_ARGS)
{
	TlTarget	holder = {.party_id = PG_GETARG_INT64(0)};
	TlAmount	quantity = PG_GETARG_AMOUNT(2);
	TlEntry		entry = {
		.entry_no = 1,
		.delta = quantity,
		.balance = quantity,
		.created_at = tl_clock(),
		.source = cstring_to_text(TOKEN_SOURCE),
		.booked_by = tl_booked_by(),
	};

	tl_refuse_nulls(fcinfo, 5);
	entry.description = PG_GETARG_TEXT_PP(3);
	entry.operation = tl_operation_from_oid(PG_GETARG_OID(4));
	entry.has_other_account = !PG_ARGISNULL(5);
	if (entry.has_other_account)
		entry.other_account_id = PG_GETARG_INT64(5);
	tl_books_push_snapshot(true);
	if (!tl_write_account(&entry, &holder, PG_GETARG_UUID_P(1)))
		tl_refuse_opening();
	PopActiveSnapshot();
	PG_RETURN_INT64(entry.account_id);
}
