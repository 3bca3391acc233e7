/*-------------------------------------------------------------------------
 *
 * catalog.c
 *		Finds the extension's own objects at the first use in a session, and
 *		again after one of them changes.  So an upgrade may add columns, and a
 *		DBA may rebuild indexes, while sessions run.
 *
 * See catalog.h for what is checked.  A caller that uses an index found here
 * must have its table locked.  The index can then become invalid, but it is not
 * dropped, and it is kept up to date as long as a transaction may use it.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/catalog.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_sequence.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/trainledger.h"
#include "ledger/catalog.h"

TlCatalog	tl_known_catalog;
bool		tl_catalog_is_known = false;

static TlCatalog *const catalog = &tl_known_catalog;

/* Something may have changed since loading began. */
static bool catalog_is_outdated = false;

/*
 * is_short_of_indexes: a look-up has no index, so load again after the next
 * change of any relation, which may be a new index.  waits_for_index: an index
 * exists that this transaction cannot use yet, so load again in the next one.
 */
static bool is_short_of_indexes = false;
static bool waits_for_index = false;

/* ---------------------------------------------------------------------
 * Names of types, and how values are compared
 * ---------------------------------------------------------------------
 */

/* Built-in types by OID, types of the extension by name */
static const struct
{
	const char *name;
	Oid			oid;
	RegProcedure equals;		/* for look-ups; 0: never looked up by */
}			column_types[TL_COLUMN_TYPE_COUNT] = {
	[TL_BOOL] = {.oid = BOOLOID},
	[TL_CHAR] = {.oid = CHAROID},
	[TL_INT4] = {.oid = INT4OID},
	[TL_INT8] = {.oid = INT8OID, .equals = F_INT8EQ},
	[TL_TEXT] = {.oid = TEXTOID, .equals = F_TEXTEQ},
	[TL_TIMESTAMPTZ] = {.oid = TIMESTAMPTZOID},
	[TL_UUID] = {.oid = UUIDOID, .equals = F_UUID_EQ},
	[TL_AMOUNT] = {.name = "amount"},
	[TL_AMOUNT_RANGE] = {.name = "amount_range"},
	[TL_OPERATION] = {.name = "operation"},
	[TL_TOKEN_KIND] = {.name = "token_kind", .equals = F_ENUM_EQ},
};

/* clang-format off */
const TlLookupSpec tl_lookups[TL_LOOKUP_COUNT] = {
	[TL_ACCOUNT_BY_ID] = {
		.relation = TL_ACCOUNT, .count = 1, .key = {TL_ACCOUNT_ID},
	},
	[TL_ACCOUNT_BY_NAME] = {
		.relation = TL_ACCOUNT, .count = 3,
		.key = {TL_ACCOUNT_PARTY_ID, TL_ACCOUNT_TOKEN_TYPE_ID, TL_ACCOUNT_NAME},
	},
	[TL_ENTRY_BY_DEDUP] = {
		.relation = TL_ENTRY, .count = 2,
		.key = {TL_ENTRY_DEDUP, TL_ENTRY_ACCOUNT_ID},
	},
	[TL_ENTRY_BY_KEY] = {
		.relation = TL_ENTRY, .count = 1, .key = {TL_ENTRY_DEDUP},
	},
	[TL_TYPE_BY_ID] = {
		.relation = TL_TOKEN_TYPE, .count = 1, .key = {TL_TYPE_ID},
	},
	[TL_TYPE_BY_NAME] = {
		.relation = TL_TOKEN_TYPE, .count = 2,
		.key = {TL_TYPE_KIND, TL_TYPE_NAME},
	},
	[TL_PARTY_BY_ID] = {
		.relation = TL_PARTY, .count = 1, .key = {TL_PARTY_ID},
	},
	[TL_SUSPENDED_PARTY] = {
		.relation = TL_PARTY, .count = 1, .key = {TL_PARTY_ID},
		.finds_suspended = true,
	},
};
/* clang-format on */

/* The equality function that look-ups use for a column */
RegProcedure
tl_equality(TlRelation relation, int column)
{
	return column_types[tl_relations[relation].columns[column].type].equals;
}

/* Refuse a null in a column that must not be null (55000). */
void
tl_refuse_null(TlRelation relation, int column)
{
	const TlRelationSpec *spec = &tl_relations[relation];

	tl_refuse_null_in(spec->name, spec->columns[column].name);
}

/* ---------------------------------------------------------------------
 * Looking up
 * ---------------------------------------------------------------------
 */

static Oid
find_type(const char *name)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(name),
							   ObjectIdGetDatum(catalog->schema));

	if (!OidIsValid(type))
		tl_refuse_missing("type", name);
	return type;
}

static Oid
find_label(TlColumnType type, const char *label)
{
	Oid			oid = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
							  ObjectIdGetDatum(catalog->types[type]),
									  CStringGetDatum(label));

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("label \"%s\" of type trainledger.%s is missing",
						label, column_types[type].name),
				 errdetail("The extension \"trainledger\" needs it."),
				 errhint("If it was renamed, rename it back with ALTER TYPE.")));
	return oid;
}

static AttrNumber
find_column(Oid relid, const TlRelationSpec *spec, const TlColumn *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, column->name);
	Oid wanted = catalog->types[column->type];
	Oid			type;
	Oid			collation;
	AttrNumber	number;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of trainledger.%s is missing",
						column->name, spec->name),
				 errdetail("The extension \"trainledger\" needs it."),
				 errhint("If it was renamed, rename it back; else restore the table from a backup.")));
	number = ((Form_pg_attribute) GETSTRUCT(tuple))->attnum;
	type = ((Form_pg_attribute) GETSTRUCT(tuple))->atttypid;
	collation = ((Form_pg_attribute) GETSTRUCT(tuple))->attcollation;
	ReleaseSysCache(tuple);

	if (type != wanted)
		tl_refuse_column_type(spec->name, column->name, type, wanted);
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of trainledger.%s has a nondeterministic collation",
						column->name, spec->name),
				 errdetail("Texts of the books are compared byte for byte."),
				 errhint("Change it back: ALTER TABLE trainledger.%s ALTER COLUMN %s TYPE text COLLATE \"default\".",
						 spec->name, quote_identifier(column->name))));
	return number;
}

/* A table must be a heap table; a partitioned table has no rows of its own. */
static void
check_relation(Oid relid, const TlRelationSpec *spec)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	char		relkind;
	Oid			access_method;

	if (!HeapTupleIsValid(tuple))
		tl_refuse_missing("table", spec->name);
	form = (Form_pg_class) GETSTRUCT(tuple);
	relkind = form->relkind;
	access_method = form->relam;
	ReleaseSysCache(tuple);

	if (relkind == spec->relkind &&
		(relkind != RELKIND_RELATION || access_method == HEAP_TABLE_AM_OID))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 spec->relkind == RELKIND_RELATION ?
			 errmsg("trainledger.%s is not a plain table", spec->name) :
			 errmsg("trainledger.%s is not a composite type", spec->name),
			 relkind != spec->relkind ?
			 errdetail_relkind_not_supported(relkind) :
			 errdetail("It has another access method than heap."),
			 errhint("Put the object back that the extension made, or restore the database from a backup.")));
}

static void
load_relation(TlRelation relation)
{
	const TlRelationSpec *spec = &tl_relations[relation];
	TlTable *table = &catalog->tables[relation];
	Oid			relid = tl_find_relation(spec->relkind == RELKIND_RELATION ?
								  "table" :
								  "type",
							  spec->name);

	/* set before reading, so that forget_relation() notices a change */
	table->relid = relid;
	check_relation(relid, spec);
	for (int i = 0; i < spec->count; i++)
		table->columns[i] = tl_has_column(relation, i) ?
								find_column(relid, spec, &spec->columns[i]) :
								InvalidAttrNumber;
}

/* ---------------------------------------------------------------------
 * Indexes
 * ---------------------------------------------------------------------
 */

/* Whether an index can serve scans, in this or in later transactions */
static bool
is_ready(Relation index)
{
	return index->rd_index->indisvalid && index->rd_index->indisready &&
		index->rd_index->indislive && index->rd_rel->relam == BTREE_AM_OID;
}

/*
 * Whether this transaction may use an index.  An index built over broken HOT
 * chains can be used only by snapshots newer than the index (see
 * src/backend/access/heap/README.HOT).
 */
static bool
is_usable_now(Relation index)
{
	HeapTupleHeader made = index->rd_indextuple->t_data;

	return !index->rd_index->indcheckxmin ||
		TransactionIdPrecedes(HeapTupleHeaderGetXmin(made), TransactionXmin);
}

/* Whether a column of an index uses the look-up's equality */
static bool
compares_alike(Relation index, int column, RegProcedure equals)
{
	Oid			type = index->rd_opcintype[column];
	Oid			collation = index->rd_indcollation[column];
	Oid equality = get_opfamily_member(index->rd_opfamily[column],
											   type, type,
											   BTEqualStrategyNumber);

	return OidIsValid(equality) && get_opcode(equality) == equals &&
		(!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

/*
 * Whether the first columns of an index are the columns of the key, in any
 * order.  If so, fill in order and ascends of the path.
 */
static bool
match_key(Relation index, const TlLookupSpec *spec, TlAccessPath *path)
{
	const TlTable *table = &catalog->tables[spec->relation];
	Form_pg_index form = index->rd_index;

	if (form->indnkeyatts < spec->count)
		return false;
	for (int i = 0; i < spec->count; i++)
	{
		RegProcedure equals;
		int			part = 0;

		while (part < spec->count &&
			   table->columns[spec->key[part]] != form->indkey.values[i])
			part++;
		if (part == spec->count)
			return false;
		equals = tl_equality(spec->relation, spec->key[part]);
		if (!compares_alike(index, i, equals))
			return false;
		for (int j = 0; j < i; j++)
		{
			if (path->order[j] == part)
				return false;
		}
		path->order[i] = part;
	}
	path->ascends = (index->rd_indoption[0] & INDOPTION_DESC) == 0;
	return true;
}

/* A column as a Var, as in index predicates */
static Var *
column_var(TlRelation relation, int column)
{
	const TlTable *table = &catalog->tables[relation];
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(table->relid, table->columns[column], &type, &typmod,
						  &collation);
	return makeVar(1, table->columns[column], type, typmod, collation, 0);
}

static NullTest *
is_not_null(Var *var)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) var;
	test->nulltesttype = IS_NOT_NULL;
	test->argisrow = false;
	test->location = -1;
	return test;
}

/*
 * Whether an index has every row that the look-up can find.  For a partial
 * index, its predicate must follow from the key columns being not null.  For
 * the look-up of suspended parties, the predicate must be equivalent to
 * is_suspended.
 */
static bool
match_predicate(Relation index, const TlLookupSpec *spec)
{
	List	   *predicate = RelationGetIndexPredicate(index);
	List	   *known = NIL;

	if (spec->finds_suspended)
	{
		known = list_make1(column_var(TL_PARTY, TL_PARTY_IS_SUSPENDED));
		return predicate != NIL &&
			predicate_implied_by(predicate, known, false) &&
			predicate_implied_by(known, predicate, false);
	}
	if (predicate == NIL)
		return true;
	for (int i = 0; i < spec->count; i++)
		known = lappend(known, is_not_null(column_var(spec->relation,
													  spec->key[i])));
	return predicate_implied_by(predicate, known, false);
}

/* Use an index for a look-up if it fits and none was found yet. */
static void
consider_index(Relation index, const TlLookupSpec *spec, TlAccessPath *best)
{
	Form_pg_index form = index->rd_index;
	TlAccessPath path = {.index = RelationGetRelid(index)};

	if (!is_ready(index) || !match_key(index, spec, &path) ||
		!match_predicate(index, spec))
		return;
	if (!is_usable_now(index))
		waits_for_index = true;
	else if (!OidIsValid(best->index))
	{
		path.is_unique = best->is_unique;
		*best = path;
	}

	/* an index that cannot be used for scans yet enforces uniqueness anyway */
	if (form->indisunique && form->indimmediate &&
		form->indnkeyatts == spec->count)
		best->is_unique = true;
}

static void
load_paths(TlRelation relation)
{
	Relation table = table_open(catalog->tables[relation].relid,
								   AccessShareLock);
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		for (int i = 0; i < TL_LOOKUP_COUNT; i++)
		{
			if (tl_lookups[i].relation == relation)
				consider_index(index, &tl_lookups[i], &catalog->paths[i]);
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	table_close(table, AccessShareLock);
}

/* ---------------------------------------------------------------------
 * Sequences
 * ---------------------------------------------------------------------
 */

/*
 * Booking numbers must ascend, and the sequence must survive a crash.  A
 * consumer that reads entries in the order of booking_no would otherwise miss
 * entries that come later with a smaller number.
 */
static Oid
find_booking_sequence(void)
{
	Oid			relid = tl_find_relation("sequence", "booking_no_seq");
	HeapTuple	tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(relid));
	Form_pg_sequence form;
	bool		is_sound;

	if (!HeapTupleIsValid(tuple))
		tl_refuse_missing("sequence", "booking_no_seq");
	form = (Form_pg_sequence) GETSTRUCT(tuple);
	is_sound = form->seqincrement == 1 && form->seqcache == 1 &&
		!form->seqcycle && form->seqtypid == INT8OID &&
		get_rel_persistence(relid) == RELPERSISTENCE_PERMANENT;
	ReleaseSysCache(tuple);

	if (!is_sound)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sequence trainledger.booking_no_seq was altered"),
				 errdetail("Bookings are numbered in their order, one by one, and no number comes twice."),
				 errhint("Use ALTER SEQUENCE trainledger.booking_no_seq AS bigint INCREMENT 1 CACHE 1 NO CYCLE, and SET LOGGED.")));
	return relid;
}

/* ---------------------------------------------------------------------
 * The catalog
 * ---------------------------------------------------------------------
 */

static void
load_catalog(void)
{
	catalog->schema = tl_schema();
	for (int i = 0; i < TL_COLUMN_TYPE_COUNT; i++)
		catalog->types[i] = column_types[i].name == NULL ?
										column_types[i].oid :
										find_type(column_types[i].name);
	for (int i = 0; i < TL_OPERATION_COUNT; i++)
		catalog->operations[i] = find_label(TL_OPERATION,
										   tl_operation_names[i]);
	catalog->kind_credit = find_label(TL_TOKEN_KIND, "credit");
	catalog->booked_entry_type = find_type("booked_entry");
	catalog->account_id_seq = tl_find_relation("sequence", "account_id_seq");
	catalog->booking_no_seq = find_booking_sequence();

	is_short_of_indexes = waits_for_index = false;
	memset(catalog->paths, 0, sizeof(catalog->paths));
	for (int i = 0; i < TL_RELATION_COUNT; i++)
	{
		load_relation((TlRelation) i);
		if (tl_relations[i].relkind == RELKIND_RELATION)
			load_paths((TlRelation) i);
	}
	for (int i = 0; i < TL_LOOKUP_COUNT; i++)
	{
		if (!OidIsValid(catalog->paths[i].index))
			is_short_of_indexes = true;
	}
}

static bool
is_ours(Oid relid)
{
	for (int i = 0; i < TL_RELATION_COUNT; i++)
	{
		if (catalog->tables[i].relid == relid)
			return true;
	}
	for (int i = 0; i < TL_LOOKUP_COUNT; i++)
	{
		if (catalog->paths[i].index == relid)
			return true;
	}
	return false;
}

/* Relcache callback: sets flags only, must not access catalogs. */
static void
forget_relation(Datum arg pg_attribute_unused(), Oid relid)
{
	/* set for any relation: during loading not all OIDs are known yet */
	catalog_is_outdated = true;
	if (relid == InvalidOid || is_short_of_indexes || is_ours(relid))
		tl_catalog_is_known = false;
}

/* Syscache callback for sequences and enum labels */
static void
forget_object(Datum arg pg_attribute_unused(),
			  int cache pg_attribute_unused(),
			  uint32 hash pg_attribute_unused())
{
	catalog_is_outdated = true;
	tl_catalog_is_known = false;
}

static void
forget_at_end(XactEvent event pg_attribute_unused(),
			  void *arg pg_attribute_unused())
{
	if (waits_for_index)
		tl_catalog_is_known = false;
}

static void
register_callbacks(void)
{
	static bool are_registered = false;

	if (are_registered)
		return;
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(SEQRELID, forget_object, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, forget_object, (Datum) 0);
	RegisterXactCallback(forget_at_end, NULL);
	are_registered = true;
}

/* Load the catalog for tl_catalog(). */
void
tl_load_catalog(void)
{
	register_callbacks();

	/*
	 * Repeat if something changed while we were loading.  The number of
	 * attempts is limited, because debug_discard_caches invalidates at every
	 * look-up.
	 */
	catalog_is_outdated = true;
	for (int attempt = 0; catalog_is_outdated && attempt < 10; attempt++)
	{
		catalog_is_outdated = false;
		load_catalog();
	}

	/* set last: after an error above, the next use loads again */
	catalog->generation++;
	tl_catalog_is_known = true;
}

/* Raise an error if no unique index is on the key of a look-up (55000). */
void
tl_require_unique(TlLookup lookup)
{
	const TlLookupSpec *spec = &tl_lookups[lookup];
	const TlRelationSpec *relation = &tl_relations[spec->relation];
	StringInfoData columns;

	if (tl_catalog()->paths[lookup].is_unique)
		return;
	initStringInfo(&columns);
	for (int i = 0; i < spec->count; i++)
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "",
						 relation->columns[spec->key[i]].name);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no unique index of trainledger.%s is on (%s)",
					relation->name, columns.data),
			 errdetail("Without it one row could be made twice."),
			 errhint("Create it: CREATE UNIQUE INDEX ON trainledger.%s (%s).",
					 relation->name, columns.data)));
}

/* The operation of an enum label's OID (55000 if unknown) */
TlOperation
tl_operation_from_oid(Oid label)
{
	const TlCatalog *cat = tl_catalog();

	for (int i = 0; i < TL_OPERATION_COUNT; i++)
	{
		if (cat->operations[i] == label)
			return (TlOperation) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("unknown label of type trainledger.operation"),
			 errdetail("Operations are those that the extension made."),
			 errhint("Use an operation of the documentation.")));
}
