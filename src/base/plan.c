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
 * Return the plan saved in *plan, and prepare it at the first use.  The caller
 * must be connected to SPI, and passes values as parameters, never in the text.
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
		*plan = made;			/* only now, when nothing can fail */
	}
	return *plan;
}

/*
 * Raise: a rule has rewritten a statement of the engine.  The caller must not
 * keep the plan.  If the rule is DO INSTEAD NOTHING, the plan depends on no
 * table, and would stay valid after the rule is dropped.
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
