/*-------------------------------------------------------------------------
 *
 * schema.c
 *		The schema of the extension, and the owner of its tables.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/schema.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/trainledger.h"

/* The owner of this relation, as it was when it was looked up */
static Oid	relation = InvalidOid;
static Oid	owner = InvalidOid;

Oid
tl_schema(void)
{
	Oid			schema = get_namespace_oid("trainledger", true);

	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("schema trainledger is missing"),
				 errhint("If it was renamed, rename it back; else run CREATE EXTENSION trainledger.")));
	return schema;
}

/* Relcache callback: only marks, must not look anything up. */
static void
forget_owner(Datum arg pg_attribute_unused(), Oid relid)
{
	if (relid == relation || relid == InvalidOid)
		owner = InvalidOid;
}

static Oid
find_owner(void)
{
	HeapTuple	tuple;
	Oid			found;

	relation = get_relname_relid("account", tl_schema());
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table trainledger.account is missing"),
				 errdetail("Its owner is the role that all writes act as."),
				 errhint("If it was renamed or moved, move it back; else restore the database from a backup.")));
	found = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return found;
}

/* The owner of the tables: the role that all writes act as. */
Oid
tl_owner(void)
{
	static bool is_registered = false;

	if (OidIsValid(owner))
		return owner;
	if (!is_registered)
	{
		CacheRegisterRelcacheCallback(forget_owner, (Datum) 0);
		is_registered = true;
	}
	owner = find_owner();
	return owner;
}
