/*-------------------------------------------------------------------------
 *
 * holds.c
 *		What the functions of holds (contract, section 16) need of the ledger's
 *		engine.  These run as the owner of the extension.
 *
 * A hold is two things: rows of placed_hold and hold_allocation, which SQL
 * writes, and account.held, what all open holds of an account keep back
 * together.  A posting reads only the latter.  Whatever changes the open holds
 * of an account, or their ends, makes a new version of its row, so a posting
 * that has read the old one starts again.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/holds.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "access/access.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"

PG_FUNCTION_INFO_V1(tl_change_held);
PG_FUNCTION_INFO_V1(tl_hold_back);
PG_FUNCTION_INFO_V1(tl_new_booking_no);
PG_FUNCTION_INFO_V1(tl_post_capture);

/*
 * change_held(account_ids bigint[], changes amount[]) returns void: adds to
 * what holds keep back of accounts, which the caller has locked.
 */
Datum
tl_change_held(PG_FUNCTION_ARGS)
{
	ArrayType  *ids;
	ArrayType  *changes;
	const int64 *id;
	const TlAmount *change;
	int			count;

	tl_refuse_nulls(fcinfo, 2);
	ids = PG_GETARG_ARRAYTYPE_P(0);
	changes = PG_GETARG_ARRAYTYPE_P(1);
	count = ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids));
	if (array_contains_nulls(ids) || array_contains_nulls(changes) ||
		ArrayGetNItems(ARR_NDIM(changes), ARR_DIMS(changes)) != count)
		elog(ERROR, "accounts and changes of holds do not belong together");

	id = (const int64 *) ARR_DATA_PTR(ids);
	change = (const TlAmount *) ARR_DATA_PTR(changes);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tl_update_held(id[i], change[i]);
	}
	PG_RETURN_VOID();
}

/*
 * Whether a hold may keep a quantity back of an account: so much is available,
 * its type is active, and its party is not suspended.
 */
static bool
may_hold_back(TlBooks *books, const TlTokenType *type, TlAccount *account,
			  TlAmount quantity)
{
	TlAmount	rest;

	return type->is_active && !tl_is_suspended(books, account->party_id) &&
		!pg_sub_s64_overflow(account->balance, quantity, &rest) &&
		!tl_takes_too_much(type, account, rest);
}

/*
 * Keep a quantity back of an account as it is now, as a posting changes it.
 * False: that may not be, takes SQL, or somebody else has changed the account
 * since it was read.
 */
static bool
hold_back(TlBooks *books, int64 party_id, const pg_uuid_t *type_id, text *name,
		  TlAmount quantity, TlAccount *account)
{
	const TlAccount *accounts[] = {account};
	TlTokenType type;

	if (!tl_read_type(books, type_id, &type) ||
		!tl_read_named_account(books, party_id, type_id, name, account) ||
		!may_hold_back(books, &type, account, quantity) ||
		pg_add_s64_overflow(account->held, quantity, &account->held) ||
		!tl_direct_applies(books))
		return false;
	return tl_direct_write(books, accounts, 1, NULL, 0) == 1;
}

/*
 * hold_back(party_id, token_type_id, account_name, quantity) returns bigint:
 * adds to what holds keep back of a credit account, and returns its id.  Null:
 * nothing was written.  The caller then locks the account, reads it again, and
 * refuses or calls change_held(), so nothing is said here about the reason.
 */
Datum
tl_hold_back(PG_FUNCTION_ARGS)
{
	TlBooks		books;
	TlAccount	account;
	TlAmount	quantity;
	int64		party_id;
	bool		is_held;

	tl_refuse_nulls(fcinfo, 4);
	party_id = PG_GETARG_INT64(0);
	quantity = PG_GETARG_AMOUNT(3);
	if (XactReadOnly || quantity <= 0 || !tl_keeps_home(party_id))
		PG_RETURN_NULL();
	tl_books_open(&books, true);
	tl_books_push_snapshot(true);
	is_held = hold_back(&books, party_id, PG_GETARG_UUID_P(1),
						PG_GETARG_TEXT_PP(2), quantity, &account);
	PopActiveSnapshot();
	tl_books_close(&books);
	if (!is_held)
		PG_RETURN_NULL();
	PG_RETURN_INT64(account.id);
}

/* booking_no() returns bigint: the number of all that this transaction books */
Datum
tl_new_booking_no(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_INT64(tl_booking_no());
}

/* The hold's arguments in place of the engine's */
static const TlArgumentName capture_names[] = {
	{"account_id", "hold_id"},
	{"party_id", "hold_id"},
	{"token_type", "hold_id"},
	{"amount", "quantity"},
	{NULL, NULL},
};

/*
 * post_capture(account_id, quantity, freed, source, description, device)
 * returns bigint: takes what a hold has kept back of a credit account, and
 * returns the number of the entry.  freed is how much is no longer held, the
 * quantity included.  The caller has locked the account.
 */
Datum
tl_post_capture(PG_FUNCTION_ARGS)
{
	char		amount[TL_AMOUNT_BUFLEN];
	TlTarget	target = {.by_id = true, .account_id = PG_GETARG_INT64(0)};
	TlRequest	request = {
		.operation = TL_OP_CAPTURE,
		.amount = amount,
		.rounding = TL_ROUND_HALF_AWAY,
		.freed = PG_GETARG_AMOUNT(2),
		.now = tl_clock(),
		.booked_by = tl_booked_by(),
	};
	TlRefusal	refusal = {0};
	TlEntry		entry;

	tl_refuse_nulls(fcinfo, 5);
	tl_amount_to_text(PG_GETARG_AMOUNT(1), amount);
	request.source = PG_GETARG_TEXT_PP(3);
	request.description = PG_GETARG_TEXT_PP(4);
	request.device = PG_ARGISNULL(5) ? NULL : PG_GETARG_TEXT_PP(5);
	if (!tl_ledger_post(&request, &target, &entry, &refusal))
	{
		tl_rename_argument(&refusal, capture_names);
		tl_raise(&refusal);
	}
	PG_RETURN_INT64(entry.entry_no);
}
