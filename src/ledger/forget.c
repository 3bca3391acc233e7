/*-------------------------------------------------------------------------
 *
 * forget.c
 *		Deletes rows of homes that were moved to another node (contract,
 *		section 19).
 *
 * Books are append-only: guards refuse every DELETE but this one, which takes
 * no row of a home that the database keeps.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/forget.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

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

/* Whether a DELETE that runs now is one of ours */
static bool is_forgetting = false;

bool
tl_is_forgetting(void)
{
	return is_forgetting;
}

/* Run a DELETE whose argument is homes; returns how many rows there were. */
static uint64
delete_rows(const char *table, const char *statement, Datum homes)
{
	Oid			type = INT4MULTIRANGEOID;
	uint64		deleted;

	SPI_connect();
	is_forgetting = true;
	PG_TRY();
	{
		if (SPI_execute_with_args(statement, 1, &type, &homes, NULL, false,
								  0) != SPI_OK_DELETE)
			tl_refuse_rewritten(table);
		deleted = SPI_processed;
	}
	PG_FINALLY();
	{
		is_forgetting = false;
	}
	PG_END_TRY();
	SPI_finish();
	return deleted;
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
 */
Datum
tl_delete_homes(PG_FUNCTION_ARGS)
{
	const char *table = (const char *) PG_GETARG_NAME(0);
	const char *column = (const char *) PG_GETARG_NAME(1);
	Oid			relid;
	bool		is_uuid;
	StringInfoData statement;

	tl_refuse_nulls(fcinfo, 3);
	relid = tl_find_relation("table", table);
	is_uuid = get_atttype(relid, get_attnum(relid, column)) == UUIDOID;
	require_none_kept(PG_GETARG_DATUM(2));
	initStringInfo(&statement);
	appendStringInfo(&statement,
					 "DELETE FROM %s WHERE trainledger.%s(%s) OPERATOR(pg_catalog.<@) $1",
					 quote_qualified_identifier(TL_SCHEMA, table),
					 is_uuid ? "home_of" : "home", quote_identifier(column));
	PG_RETURN_INT64((int64) delete_rows(table, statement.data,
										PG_GETARG_DATUM(2)));
}
