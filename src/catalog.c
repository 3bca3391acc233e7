/*-------------------------------------------------------------------------
 *
 * catalog.c
 *		Where the extension's own objects are: OIDs and column numbers by
 *		name.  Looked up at the first use in a session and again after one of
 *		the tables changes, so that an upgrade may add columns.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/catalog.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "trainledger.h"

static TlCatalog catalog;
static bool catalog_is_valid = false;

/* Whether something may have changed since loading began */
static bool catalog_is_outdated = false;

static const char *const operation_names[TL_OPERATION_COUNT] = {
	"init",
	"add",
	"subtract",
	"issue",
	"adjust",
	"redeem",
	"refund",
	"expire",
	"hold",
	"capture",
	"release",
};

/* Relcache callback: only marks, must not look anything up. */
static void
forget_catalog(Datum arg pg_attribute_unused(), Oid relid)
{
	/* while it is loaded, nobody knows yet which relations it is about */
	catalog_is_outdated = true;
	if (relid == InvalidOid || relid == catalog.account ||
		relid == catalog.entry || relid == catalog.token_type ||
		relid == catalog.party)
		catalog_is_valid = false;
}

static Oid
find_relation(const char *name)
{
	Oid			relid = get_relname_relid(name, catalog.schema);

	if (!OidIsValid(relid))
		elog(ERROR, "relation trainledger.%s does not exist", name);
	return relid;
}

static Oid
find_type(const char *name)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(name),
									   ObjectIdGetDatum(catalog.schema));

	if (!OidIsValid(type))
		elog(ERROR, "type trainledger.%s does not exist", name);
	return type;
}

static Oid
find_label(Oid type, const char *label)
{
	Oid			oid = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
									  ObjectIdGetDatum(type),
									  CStringGetDatum(label));

	if (!OidIsValid(oid))
		elog(ERROR, "label \"%s\" of enum %u does not exist", label, type);
	return oid;
}

static AttrNumber
find_column(Oid relid, const char *name)
{
	AttrNumber	attnum = get_attnum(relid, name);

	if (attnum == InvalidAttrNumber)
		elog(ERROR, "column \"%s\" of relation %u does not exist",
			 name, relid);
	return attnum;
}

static Oid
relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
load_account(void)
{
	Oid			relid = find_relation("account");
	TlAccountColumns *columns = &catalog.account_columns;

	catalog.account = relid;
	catalog.account_pkey = find_relation("account_pkey");
	catalog.account_key = find_relation("account_key");
	catalog.account_id_seq = find_relation("account_id_seq");
	columns->id = find_column(relid, "id");
	columns->party_id = find_column(relid, "party_id");
	columns->token_type_id = find_column(relid, "token_type_id");
	columns->name = find_column(relid, "name");
	columns->initial_balance = find_column(relid, "initial_balance");
	columns->balance = find_column(relid, "balance");
	columns->entry_count = find_column(relid, "entry_count");
	columns->last_entry_at = find_column(relid, "last_entry_at");
}

static void
load_entry(void)
{
	Oid			relid = find_relation("entry");
	TlEntryColumns *columns = &catalog.entry_columns;

	catalog.entry = relid;
	catalog.entry_pkey = find_relation("entry_pkey");
	catalog.entry_dedup = find_relation("entry_dedup");
	catalog.entry_row_type = get_rel_type_id(relid);
	columns->account_id = find_column(relid, "account_id");
	columns->entry_no = find_column(relid, "entry_no");
	columns->delta = find_column(relid, "delta");
	columns->balance = find_column(relid, "balance");
	columns->created_at = find_column(relid, "created_at");
	columns->recorded_at = find_column(relid, "recorded_at");
	columns->dedup = find_column(relid, "dedup");
	columns->operation = find_column(relid, "operation");
	columns->keyed_call = find_column(relid, "keyed_call");
	columns->source = find_column(relid, "source");
	columns->description = find_column(relid, "description");
	columns->device = find_column(relid, "device");
	columns->booked_by = find_column(relid, "booked_by");
}

static void
load_token_type(void)
{
	Oid			relid = find_relation("token_type");
	TlTypeColumns *columns = &catalog.type_columns;

	catalog.token_type = relid;
	catalog.token_type_pkey = find_relation("token_type_pkey");
	catalog.token_type_name_key = find_relation("token_type_kind_name_key");
	columns->id = find_column(relid, "id");
	columns->kind = find_column(relid, "kind");
	columns->name = find_column(relid, "name");
	columns->scale = find_column(relid, "scale");
	columns->bounds = find_column(relid, "bounds");
	columns->is_active = find_column(relid, "is_active");
	columns->is_archived = find_column(relid, "is_archived");
}

static void
load_catalog(void)
{
	catalog.schema = get_namespace_oid("trainledger", false);
	load_account();
	load_entry();
	load_token_type();
	catalog.party = find_relation("party");
	catalog.party_pkey = find_relation("party_pkey");
	catalog.party_suspended = find_relation("party_suspended");
	catalog.party_is_suspended = find_column(catalog.party, "is_suspended");
	catalog.owner = relation_owner(catalog.account);

	catalog.amount_type = find_type("amount");
	catalog.operation_type = find_type("operation");
	for (int i = 0; i < TL_OPERATION_COUNT; i++)
		catalog.operations[i] = find_label(catalog.operation_type,
										   operation_names[i]);
	catalog.kind_credit = find_label(find_type("token_kind"), "credit");
}

/* The extension's catalog.  Stays valid until the next lookup of anything. */
const TlCatalog *
tl_catalog(void)
{
	static bool callback_is_registered = false;

	if (catalog_is_valid)
		return &catalog;

	if (!callback_is_registered)
	{
		CacheRegisterRelcacheCallback(forget_catalog, (Datum) 0);
		callback_is_registered = true;
	}

	/*
	 * Again where tables change while their catalogs are read, but not for
	 * ever: debug_discard_caches makes them change all the time.
	 */
	catalog_is_outdated = true;
	for (int attempt = 0; catalog_is_outdated && attempt < 10; attempt++)
	{
		catalog_is_outdated = false;
		load_catalog();
	}

	/* published last: an error above leaves nothing half valid behind */
	catalog.generation++;
	catalog_is_valid = true;
	return &catalog;
}

/* Which operation an enum label is. */
TlOperation
tl_operation_from_oid(Oid label)
{
	const TlCatalog *cat = tl_catalog();

	for (int i = 0; i < TL_OPERATION_COUNT; i++)
	{
		if (cat->operations[i] == label)
			return (TlOperation) i;
	}
	elog(ERROR, "enum label %u is not an operation", label);
}

const char *
tl_operation_name(TlOperation operation)
{
	return operation_names[operation];
}
