/*-------------------------------------------------------------------------
 *
 * columns.c
 *		The relations and columns that the ledger reads and writes by itself.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/columns.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "ledger/columns.h"
#include "ledger/posting.h"

/* clang-format off */
static const TlColumn account_columns[TL_ACCOUNT_COLUMN_COUNT] = {
	[TL_ACCOUNT_ID] = {"id", TL_INT8},
	[TL_ACCOUNT_PARTY_ID] = {"party_id", TL_INT8},
	[TL_ACCOUNT_TOKEN_TYPE_ID] = {"token_type_id", TL_UUID},
	[TL_ACCOUNT_NAME] = {"name", TL_TEXT},
	[TL_ACCOUNT_INITIAL_BALANCE] = {"initial_balance", TL_AMOUNT},
	[TL_ACCOUNT_BALANCE] = {"balance", TL_AMOUNT},
	[TL_ACCOUNT_ENTRY_COUNT] = {"entry_count", TL_INT8},
	[TL_ACCOUNT_LAST_ENTRY_AT] = {"last_entry_at", TL_TIMESTAMPTZ},
};

/* The one list of an entry's columns */
const TlColumn tl_entry_columns[TL_ENTRY_COLUMN_COUNT] = {
	[TL_ENTRY_ACCOUNT_ID] = {
		"account_id", TL_INT8, offsetof(TlEntry, account_id),
	},
	[TL_ENTRY_ENTRY_NO] = {
		"entry_no", TL_INT8, offsetof(TlEntry, entry_no),
	},
	[TL_ENTRY_OPERATION] = {
		"operation", TL_OPERATION, offsetof(TlEntry, operation),
	},
	[TL_ENTRY_DELTA] = {
		"delta", TL_AMOUNT, offsetof(TlEntry, delta),
	},
	[TL_ENTRY_BALANCE] = {
		"balance", TL_AMOUNT, offsetof(TlEntry, balance),
	},
	[TL_ENTRY_SOURCE] = {
		"source", TL_TEXT, offsetof(TlEntry, source),
	},
	[TL_ENTRY_DESCRIPTION] = {
		"description", TL_TEXT, offsetof(TlEntry, description),
	},
	[TL_ENTRY_RECORDED_AT] = {
		"recorded_at", TL_TIMESTAMPTZ, offsetof(TlEntry, recorded_at),
		offsetof(TlEntry, has_recorded_at), .is_optional = true,
	},
	[TL_ENTRY_CREATED_AT] = {
		"created_at", TL_TIMESTAMPTZ, offsetof(TlEntry, created_at),
	},
	[TL_ENTRY_DEVICE] = {
		"device", TL_TEXT, offsetof(TlEntry, device), .is_optional = true,
	},
	[TL_ENTRY_BOOKED_BY] = {
		"booked_by", TL_TEXT, offsetof(TlEntry, booked_by),
	},
	[TL_ENTRY_BOOKING_NO] = {
		"booking_no", TL_INT8, offsetof(TlEntry, booking_no),
	},
	[TL_ENTRY_IS_REPLAY] = {
		"is_replay", TL_BOOL, offsetof(TlEntry, is_replay),
		.is_derived = true,
	},
	[TL_ENTRY_DEDUP] = {
		"dedup", TL_UUID, offsetof(TlEntry, dedup),
		offsetof(TlEntry, has_dedup), .is_optional = true, .is_internal = true,
	},
	[TL_ENTRY_KEYED_CALL] = {
		"keyed_call", TL_CHAR, offsetof(TlEntry, keyed_call),
		.is_optional = true, .is_internal = true,
	},
};

static const TlColumn type_columns[TL_TYPE_COLUMN_COUNT] = {
	[TL_TYPE_ID] = {"id", TL_UUID},
	[TL_TYPE_KIND] = {"kind", TL_TOKEN_KIND},
	[TL_TYPE_NAME] = {"name", TL_TEXT},
	[TL_TYPE_SCALE] = {"scale", TL_INT4},
	[TL_TYPE_BOUNDS] = {"bounds", TL_AMOUNT_RANGE},
	[TL_TYPE_IS_ACTIVE] = {"is_active", TL_BOOL},
	[TL_TYPE_IS_ARCHIVED] = {"is_archived", TL_BOOL},
};

static const TlColumn party_columns[TL_PARTY_COLUMN_COUNT] = {
	[TL_PARTY_ID] = {"id", TL_INT8},
	[TL_PARTY_IS_SUSPENDED] = {"is_suspended", TL_BOOL},
};

const TlRelationSpec tl_relations[TL_RELATION_COUNT] = {
	[TL_ACCOUNT] = {
		"account", RELKIND_RELATION, account_columns, TL_ACCOUNT_COLUMN_COUNT,
	},
	[TL_ENTRY] = {
		"entry", RELKIND_RELATION, tl_entry_columns, TL_ENTRY_COLUMN_COUNT,
	},
	[TL_BOOKED_ENTRY] = {
		"booked_entry", RELKIND_COMPOSITE_TYPE, tl_entry_columns,
		TL_ENTRY_COLUMN_COUNT,
	},
	[TL_TOKEN_TYPE] = {
		"token_type", RELKIND_RELATION, type_columns, TL_TYPE_COLUMN_COUNT,
	},
	[TL_PARTY] = {
		"party", RELKIND_RELATION, party_columns, TL_PARTY_COLUMN_COUNT,
	},
};

const char *const tl_operation_names[TL_OPERATION_COUNT] = {
	[TL_OP_INIT] = "init",
	[TL_OP_ADD] = "add",
	[TL_OP_SUBTRACT] = "subtract",
	[TL_OP_ISSUE] = "issue",
	[TL_OP_ADJUST] = "adjust",
	[TL_OP_REDEEM] = "redeem",
	[TL_OP_REFUND] = "refund",
	[TL_OP_EXPIRE] = "expire",
	[TL_OP_HOLD] = "hold",
	[TL_OP_CAPTURE] = "capture",
	[TL_OP_RELEASE] = "release",
};
/* clang-format on */
