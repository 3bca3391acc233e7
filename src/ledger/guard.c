/*-------------------------------------------------------------------------
 *
 * guard.c
 *		Triggers that protect the books (contract, section 6): entries are
 *		append-only, accounts are changed by postings only, and the tables of
 *		training tokens are changed by their functions only.
 *
 * They are statement triggers: they refuse before a row is touched, cost
 * nothing per row, and do not fire when a logical replication worker applies
 * rows that were posted elsewhere.  The trigger's argument, if any, is the
 * hint.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/guard.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "access/access.h"
#include "base/trainledger.h"
#include "ledger/rows.h"

PG_FUNCTION_INFO_V1(tl_refuse_change);
PG_FUNCTION_INFO_V1(tl_refuse_plain_update);
PG_FUNCTION_INFO_V1(tl_refuse_outside_functions);

static TriggerData *
trigger_data(FunctionCallInfo fcinfo, const char *name)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						name)));
	if (!TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired BEFORE STATEMENT",
						name)));
	return data;
}

static void
refuse(TriggerData *data)
{
	Trigger    *trigger = data->tg_trigger;
	const char *what = "truncated";

	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		what = "updated";
	else if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		what = "deleted";
	ereport(ERROR,
			(errcode(TL_CONFLICT),
			 errmsg("\"%s\" cannot be %s by hand",
					RelationGetRelationName(data->tg_relation), what),
			 errdetail("What is in the books stays as it was booked."),
			 trigger->tgnargs > 0 ? errhint("%s", trigger->tgargs[0]) : 0,
			 errtable(data->tg_relation)));
}

/*
 * Refuses any event that fires it, but for the removal of what was moved to
 * another node and the emptying of texts (forget.c).
 */
Datum
tl_refuse_change(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo, "refuse_change");

	if (!(TRIGGER_FIRED_BY_DELETE(data->tg_event) &&
		  tl_is_forgetting(CMD_DELETE)) &&
		!(TRIGGER_FIRED_BY_UPDATE(data->tg_event) &&
		  tl_is_forgetting(CMD_UPDATE)))
		refuse(data);
	return PointerGetDatum(NULL);
}

/* Refuses an update that does not come from the posting engine. */
Datum
tl_refuse_plain_update(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo, "refuse_plain_update");

	if (!tl_is_own_update())
		refuse(data);
	return PointerGetDatum(NULL);
}

/* Refuses an update that does not come from a write function in PL/pgSQL. */
Datum
tl_refuse_outside_functions(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo, "refuse_outside_functions");

	if (!tl_acts_as_owner())
		refuse(data);
	return PointerGetDatum(NULL);
}
