/*-------------------------------------------------------------------------
 *
 * forget.c
 *		What guards let through: the deletion of homes that were moved to
 *		another node (contract, section 19), and the emptying of texts
 *		(section 17).
 *
 * Books are append-only: guards refuse every DELETE but that of delete_homes(),
 * which takes no row of a home that the database keeps, and every UPDATE but
 * that of empty_texts(), which only functions of forgetting may call.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/forget.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/multirangetypes.h"

#include "base/trainledger.h"
#include "access/access.h"
#include "ledger/rows.h"

PG_FUNCTION_INFO_V1(tl_delete_homes);
PG_FUNCTION_INFO_V1(tl_empty_texts);
PG_FUNCTION_INFO_V1(tl_delete_salt);

/* Which command of ours runs now, if any */
static CmdType running = CMD_UNKNOWN;

/* Whether a DELETE or an UPDATE that runs now is one of ours */
bool
tl_is_forgetting(CmdType command)
{
	return running == command;
}

/* Run a command that guards let through; returns how many rows there were. */
static uint64
run_unguarded(const char *table, CmdType command, const char *statement,
			  int count, Oid *types, Datum *values)
{
	int			done = command == CMD_DELETE ? SPI_OK_DELETE : SPI_OK_UPDATE;
	uint64		rows;

	SPI_connect();
	running = command;
	PG_TRY();
	{
		if (SPI_execute_with_args(statement, count, types, values, NULL, false,
								  0) != done)
			tl_refuse_rewritten(table);
		rows = SPI_processed;
	}
	PG_FINALLY();
	{
		running = CMD_UNKNOWN;
	}
	PG_END_TRY();
	SPI_finish();
	return rows;
}

/* Refuse (TL409) where one of the homes is kept here. */
static void
require_none_kept(Datum homes)
{
	for (int home = 0; home <= TL_HOME_MASK; home++)
	{
		if (tl_keeps_home(home) &&
			DatumGetBool(OidFunctionCall2(F_MULTIRANGE_CONTAINS_ELEM, homes,
										  Int32GetDatum(home))))
			tl_refuse(NULL, TL_CONFLICT, "homes", "home is kept here",
					  "Move the home to another node first, and take it out of trainledger.homes.",
					  "Home %d is among trainledger.homes, %s.", home,
					  tl_homes_setting);
	}
}

/*
 * delete_homes(table_name name, home_column name, homes int4multirange) returns
 * bigint: deletes the rows of a table whose home_column has one of the homes.
 * What log_kept has is for homes that are elsewhere, so that those which are
 * kept here lose it.  The salt of party 0 is nobody's, and no home's.
 */
Datum
tl_delete_homes(PG_FUNCTION_ARGS)
{
	const char *table = (const char *) PG_GETARG_NAME(0);
	const char *column = (const char *) PG_GETARG_NAME(1);
	Oid			relid;
	Oid			type = INT4MULTIRANGEOID;
	bool		is_uuid;
	Datum		homes = PG_GETARG_DATUM(2);
	StringInfoData statement;

	tl_refuse_nulls(fcinfo, 3);
	relid = tl_find_relation("table", table);
	is_uuid = get_atttype(relid, get_attnum(relid, column)) == UUIDOID;
	if (strcmp(table, "log_kept") != 0)
		require_none_kept(homes);
	initStringInfo(&statement);
	appendStringInfo(&statement,
					 "DELETE FROM %s WHERE trainledger.%s(%s) OPERATOR(pg_catalog.<@) $1",
					 quote_qualified_identifier(TL_SCHEMA, table),
					 is_uuid ? "home_of" : "home", quote_identifier(column));
	if (strcmp(table, "party_salt") == 0)
		appendStringInfoString(&statement,
							   " AND party_id OPERATOR(pg_catalog.<>) 0");
	PG_RETURN_INT64((int64) run_unguarded(table, CMD_DELETE, statement.data, 1,
										  &type, &homes));
}

/*
 * empty_texts(table_name name, assignments text, condition text, party_id
 * bigint, names text[]) returns bigint: updates the rows of a table, which is t
 * in both texts, that satisfy a condition.  In it $1 is the party and $2 are
 * the names.
 */
Datum
tl_empty_texts(PG_FUNCTION_ARGS)
{
	const char *table;
	StringInfoData statement;
	Oid			types[] = {INT8OID, TEXTARRAYOID};
	Datum		values[2];

	tl_refuse_nulls(fcinfo, 5);
	table = (const char *) PG_GETARG_NAME(0);
	values[0] = PG_GETARG_DATUM(3);
	values[1] = PG_GETARG_DATUM(4);
	initStringInfo(&statement);
	appendStringInfo(&statement, "UPDATE ONLY %s t SET %s WHERE %s",
					 quote_qualified_identifier(TL_SCHEMA, table),
					 text_to_cstring(PG_GETARG_TEXT_PP(1)),
					 text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PG_RETURN_INT64((int64) run_unguarded(table, CMD_UPDATE, statement.data,
										  lengthof(types), types, values));
}

/* delete_salt(party_id bigint) returns boolean: whether there was one */
Datum
tl_delete_salt(PG_FUNCTION_ARGS)
{
	Oid			type = INT8OID;
	Datum		party_id = PG_GETARG_DATUM(0);

	tl_refuse_nulls(fcinfo, 1);
	PG_RETURN_BOOL(run_unguarded("party_salt", CMD_DELETE,
								 "DELETE FROM ONLY trainledger.party_salt WHERE party_id OPERATOR(pg_catalog.=) $1",
								 1, &type, &party_id) > 0);
}
