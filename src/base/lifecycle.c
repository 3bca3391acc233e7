/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *		The guard of all state columns: a trigger that allows only the changes
 *		of state that its arguments list (contract, sections 9 and 11).
 *
 * It reads no other table, so that it works during a restore.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/lifecycle.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"

#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_lifecycle);

/*
 * A move is a trigger argument such as "draft>published".  Returns its target
 * if it starts from this state, else NULL.
 */
static const char *
move_target(const char *move, const char *state)
{
	size_t		length = strlen(state);

	if (strncmp(move, state, length) != 0 || move[length] != '>')
		return NULL;
	return move + length + 1;
}

/* List the states that a state may move to; NULL if there are none */
static char *
allowed_states(Trigger *trigger, const char *state)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 1; i < trigger->tgnargs; i++)
	{
		const char *target = move_target(trigger->tgargs[i], state);

		if (target != NULL)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", target);
	}
	return list.len > 0 ? list.data : NULL;
}

/* Null may become any state, but no state may become null. */
static bool
is_allowed(Trigger *trigger, const char *from, const char *to)
{
	if (from == NULL)
		return true;
	if (to == NULL)
		return false;
	if (strcmp(from, to) == 0)
		return true;
	for (int i = 1; i < trigger->tgnargs; i++)
	{
		const char *target = move_target(trigger->tgargs[i], from);

		if (target != NULL && strcmp(target, to) == 0)
			return true;
	}
	return false;
}

/*
 * lifecycle(column, move, ...): BEFORE UPDATE, FOR EACH ROW.  Raises TL409 if
 * the column's change is not among the moves.
 */
Datum
tl_lifecycle(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Trigger    *trigger;
	TupleDesc	tupdesc;
	int			attnum;
	char	   *from;
	char	   *to;
	char	   *allowed;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"lifecycle")));
	if (!TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired BEFORE UPDATE FOR EACH ROW",
						"lifecycle")));
	trigger = data->tg_trigger;
	tupdesc = RelationGetDescr(data->tg_relation);
	if (trigger->tgnargs < 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" needs the name of a column",
						"lifecycle")));
	attnum = SPI_fnumber(tupdesc, trigger->tgargs[0]);
	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", trigger->tgargs[0])));

	from = SPI_getvalue(data->tg_trigtuple, tupdesc, attnum);
	to = SPI_getvalue(data->tg_newtuple, tupdesc, attnum);
	if (is_allowed(trigger, from, to))
		return PointerGetDatum(data->tg_newtuple);

	allowed = allowed_states(trigger, from);
	ereport(ERROR,
			(errcode(TL_CONFLICT),
			 errmsg("%s cannot go from %s to %s",
					RelationGetRelationName(data->tg_relation), from,
					to ? to : "null"),
			 errdetail("The present state is %s.", from),
			 allowed ? errhint("From there it can go to: %s.", allowed) :
			 errhint("It is a final state."),
			 errtablecol(data->tg_relation, attnum)));
}
