/*-------------------------------------------------------------------------
 *
 * columns.c
 *		The relations and columns that the ledger reads and writes in C.
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
	[TL_ACCOUNT_ID] = {.name = "id", .type = TL_INT8},
	[TL_ACCOUNT_PARTY_ID] = {.name = "party_id", .type = TL_INT8},
	[TL_ACCOUNT_TOKEN_TYPE_ID] = {.name = "token_type_id", .type = TL_UUID},
	[TL_ACCOUNT_NAME] = {.name = "name", .type = TL_TEXT},
	[TL_ACCOUNT_INITIAL_BALANCE] = {.name = "initial_balance", .type = TL_AMOUNT},
	[TL_ACCOUNT_BALANCE] = {.name = "balance", .type = TL_AMOUNT},
	[TL_ACCOUNT_HELD] = {.name = "held", .type = TL_AMOUNT},
	[TL_ACCOUNT_ENTRY_COUNT] = {.name = "entry_count", .type = TL_INT8},
	[TL_ACCOUNT_LAST_ENTRY_AT] = {.name = "last_entry_at", .type = TL_TIMESTAMPTZ},
};

/* The columns of entry and of booked_entry */
const TlColumn tl_entry_columns[TL_ENTRY_COLUMN_COUNT] = {
	[TL_ENTRY_ACCOUNT_ID] = {
		.name = "account_id", .type = TL_INT8,
		.offset = offsetof(TlEntry, account_id),
	},
	[TL_ENTRY_ENTRY_NO] = {
		.name = "entry_no", .type = TL_INT8,
		.offset = offsetof(TlEntry, entry_no),
	},
	[TL_ENTRY_OPERATION] = {
		.name = "operation", .type = TL_OPERATION,
		.offset = offsetof(TlEntry, operation),
	},
	[TL_ENTRY_DELTA] = {
		.name = "delta", .type = TL_AMOUNT,
		.offset = offsetof(TlEntry, delta),
	},
	[TL_ENTRY_BALANCE] = {
		.name = "balance", .type = TL_AMOUNT,
		.offset = offsetof(TlEntry, balance),
	},
	[TL_ENTRY_SOURCE] = {
		.name = "source", .type = TL_TEXT,
		.offset = offsetof(TlEntry, source),
	},
	[TL_ENTRY_DESCRIPTION] = {
		.name = "description", .type = TL_TEXT,
		.offset = offsetof(TlEntry, description),
	},
	[TL_ENTRY_RECORDED_AT] = {
		.name = "recorded_at", .type = TL_TIMESTAMPTZ,
		.offset = offsetof(TlEntry, recorded_at),
		.has_offset = offsetof(TlEntry, has_recorded_at), .is_optional = true,
	},
	[TL_ENTRY_CREATED_AT] = {
		.name = "created_at", .type = TL_TIMESTAMPTZ,
		.offset = offsetof(TlEntry, created_at),
	},
	[TL_ENTRY_DEVICE] = {
		.name = "device", .type = TL_TEXT,
		.offset = offsetof(TlEntry, device), .is_optional = true,
	},
	[TL_ENTRY_BOOKED_BY] = {
		.name = "booked_by", .type = TL_TEXT,
		.offset = offsetof(TlEntry, booked_by),
	},
	[TL_ENTRY_BOOKING_NO] = {
		.name = "booking_no", .type = TL_INT8,
		.offset = offsetof(TlEntry, booking_no),
	},
	[TL_ENTRY_IS_REPLAY] = {
		.name = "is_replay", .type = TL_BOOL,
		.offset = offsetof(TlEntry, is_replay),
		.is_derived = true,
	},
	[TL_ENTRY_DEDUP] = {
		.name = "dedup", .type = TL_UUID,
		.offset = offsetof(TlEntry, dedup),
		.has_offset = offsetof(TlEntry, has_dedup), .is_optional = true,
		.is_internal = true,
	},
	[TL_ENTRY_KEYED_CALL] = {
		.name = "keyed_call", .type = TL_CHAR,
		.offset = offsetof(TlEntry, keyed_call),
		.is_optional = true, .is_internal = true,
	},
	[TL_ENTRY_OTHER_ACCOUNT_ID] = {
		.name = "other_account_id", .type = TL_INT8,
		.offset = offsetof(TlEntry, other_account_id),
		.has_offset = offsetof(TlEntry, has_other_account),
		.is_optional = true, .is_internal = true,
	},
	[TL_ENTRY_IMPORTED_AT] = {
		.name = "imported_at", .type = TL_TIMESTAMPTZ,
		.offset = offsetof(TlEntry, imported_at),
		.has_offset = offsetof(TlEntry, has_imported_at),
		.is_optional = true, .is_internal = true,
	},
};

static const TlColumn type_columns[TL_TYPE_COLUMN_COUNT] = {
	[TL_TYPE_ID] = {.name = "id", .type = TL_UUID},
	[TL_TYPE_KIND] = {.name = "kind", .type = TL_TOKEN_KIND},
	[TL_TYPE_NAME] = {.name = "name", .type = TL_TEXT},
	[TL_TYPE_SCALE] = {.name = "scale", .type = TL_INT4},
	[TL_TYPE_BOUNDS] = {.name = "bounds", .type = TL_AMOUNT_RANGE},
	[TL_TYPE_IS_ACTIVE] = {.name = "is_active", .type = TL_BOOL},
	[TL_TYPE_IS_ARCHIVED] = {.name = "is_archived", .type = TL_BOOL},
};

static const TlColumn party_columns[TL_PARTY_COLUMN_COUNT] = {
	[TL_PARTY_ID] = {.name = "id", .type = TL_INT8},
	[TL_PARTY_IS_SUSPENDED] = {.name = "is_suspended", .type = TL_BOOL},
};

const TlRelationSpec tl_relations[TL_RELATION_COUNT] = {
	[TL_ACCOUNT] = {
		.name = "account", .relkind = RELKIND_RELATION,
		.columns = account_columns, .count = TL_ACCOUNT_COLUMN_COUNT,
	},
	[TL_ENTRY] = {
		.name = "entry", .relkind = RELKIND_RELATION,
		.columns = tl_entry_columns, .count = TL_ENTRY_COLUMN_COUNT,
	},
	[TL_BOOKED_ENTRY] = {
		.name = "booked_entry", .relkind = RELKIND_COMPOSITE_TYPE,
		.columns = tl_entry_columns, .count = TL_ENTRY_COLUMN_COUNT,
	},
	[TL_TOKEN_TYPE] = {
		.name = "token_type", .relkind = RELKIND_RELATION,
		.columns = type_columns, .count = TL_TYPE_COLUMN_COUNT,
	},
	[TL_PARTY] = {
		.name = "party", .relkind = RELKIND_RELATION,
		.columns = party_columns, .count = TL_PARTY_COLUMN_COUNT,
	},
};

const char *const tl_operation_names[TL_OPERATION_COUNT] = {
#define LABEL(name, label) label,
	TL_OPERATIONS(LABEL)
#undef LABEL
};
/* clang-format on */
