/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Plans of statements that are kept for the session.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/trainledger.h"

/*
 * The plan that is saved here, made at its first use; connected to SPI.
 * Values are parameters of it, never text.
 */
SPIPlanPtr
tl_saved_plan(SPIPlanPtr *plan, const char *text, int count, const Oid *types,
			  int options)
{
	if (*plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare_cursor(text, count, (Oid *) types,
											  options);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not prepare: %s",
				 SPI_result_code_string(SPI_result));
		*plan = made;			/* published last */
	}
	return *plan;
}

/*
 * A rule made something else of a statement.  If that is nothing, its plan
 * depends on no table and would outlive the rule: it must not be kept.
 */
void
tl_refuse_rewritten(const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a rule changes what is done to trainledger.%s", table),
			 errdetail("The engine's statement was rewritten to another."),
			 errhint("Drop the rule, or make it DO ALSO.")));
}
