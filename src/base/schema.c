/*-------------------------------------------------------------------------
 *
 * schema.c
 *		The schema of the extension, the owner of its tables, and the errors
 *		for objects of the extension that are missing or altered (55000).
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
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/trainledger.h"

/* Cache: table account and its owner, InvalidOid if not looked up */
static Oid	relation = InvalidOid;
static Oid	owner = InvalidOid;

/* Raise: an object of the extension is missing. */
void
tl_refuse_missing(const char *what, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s trainledger.%s is missing", what, name),
			 errdetail("The extension \"trainledger\" needs it."),
			 errhint("If it was renamed or moved, move it back; else restore the database from a backup.")));
}

/* Raise: a column of the extension does not have its original type. */
void
tl_refuse_column_type(const char *relation, const char *column, Oid type,
					  Oid wanted)
{
	const char *needed = format_type_be_qualified(wanted);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("column \"%s\" of trainledger.%s has type %s",
					column, relation, format_type_be_qualified(type)),
			 errdetail("The extension \"trainledger\" needs type %s.",
					   needed),
			 errhint("Change it back: ALTER TABLE trainledger.%s ALTER COLUMN %s TYPE %s.",
					 relation, quote_identifier(column), needed)));
}

/* Raise: a NOT NULL column of the extension contains a null. */
void
tl_refuse_null_in(const char *relation, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("unexpected null in column \"%s\" of trainledger.%s",
					column, relation),
			 errdetail("The table was changed by hand."),
			 errhint("Find the row, restore its value, and set the column NOT NULL again.")));
}

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

/* Look up a relation; what is its kind for the error, such as "table". */
Oid
tl_find_relation(const char *what, const char *name)
{
	Oid			relid = get_relname_relid(name, tl_schema());

	if (!OidIsValid(relid))
		tl_refuse_missing(what, name);
	return relid;
}

/* Raise unless a column (from 1) has the type that the C code expects. */
void
tl_require_column_type(const char *relation, TupleDesc columns, int number,
					   Oid wanted)
{
	Form_pg_attribute column = TupleDescAttr(columns, number - 1);

	if (column->atttypid != wanted)
		tl_refuse_column_type(relation, NameStr(column->attname),
							  column->atttypid, wanted);
}

/* Relcache callback; must not access the catalogs. */
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
		tl_refuse_missing("table", "account");
	found = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return found;
}

/* The owner of the tables; all writes run as this role. */
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
