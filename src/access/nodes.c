/*-------------------------------------------------------------------------
 *
 * nodes.c
 *		How the front of several nodes asks one, and how that answers (contract,
 *		section 19).
 *
 * trainledger_proxy.sql and trainledger_node.sql make the functions, and say
 * what they are for.  They are in C because every call of a front goes through
 * them: in PL/pgSQL they took longer than the calls.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/nodes.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "access/access.h"
#include "base/trainledger.h"

/*
 * What a node answers with are arrays, whose first element is their kind: rows,
 * which the statements of the front make, what is set of an HTTP response, and
 * a refusal.
 */
#define KIND_ROW				"row"
#define KIND_RESPONSE			"response"
#define KIND_REFUSAL			"refusal"

/* A statement that is prepared for a role: a plan may hold what that may see */
typedef struct Prepared
{
	uint64		key;			/* hash of both */
	Oid			role;
	char	   *statement;		/* NULL until it is prepared */
	SPIPlanPtr	plan;
} Prepared;

PG_FUNCTION_INFO_V1(tl_node_call);
PG_FUNCTION_INFO_V1(tl_proxy_ask);
PG_FUNCTION_INFO_V1(tl_proxy_ask_value);
PG_FUNCTION_INFO_V1(tl_proxy_refuse_nodes);
PG_FUNCTION_INFO_V1(tl_proxy_check_rows);

/* ---------------------------------------------------------------------
 * Arrays of text
 * ---------------------------------------------------------------------
 */

/* Make a text[] of strings, of which NULL is null. */
static Datum
make_texts(const char *const *strings, int count)
{
	Datum	   *values = palloc_array(Datum, count);
	bool	   *nulls = palloc_array(bool, count);
	int			lower = 1;

	for (int i = 0; i < count; i++)
	{
		nulls[i] = strings[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(strings[i]);
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower,
											  TEXTOID, -1, false,
											  TYPALIGN_INT));
}

/* Read a text[], in which there may be no null. */
static char **
read_texts(Datum array, int *count)
{
	Datum	   *values;
	char	  **strings;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, NULL, count);
	strings = palloc_array(char *, *count);
	for (int i = 0; i < *count; i++)
		strings[i] = TextDatumGetCString(values[i]);
	return strings;
}

/* The value of a setting, NULL where it is empty or there is none */
static const char *
setting(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value != NULL && *value != '\0' ? value : NULL;
}

/* Set a setting until the end of the transaction. */
static void
set_locally(const char *name, const char *value, GucContext context)
{
	(void) set_config_option(name, value, context, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* ---------------------------------------------------------------------
 * At the node
 * ---------------------------------------------------------------------
 */

/* Never more than whoever asks: a role that is not known here is refused. */
static void
require_member(const char *name)
{
	Oid			role = get_role_oid(name, true);

	if (!OidIsValid(role) || !is_member_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not ask this node", name),
				 errdetail("The login of the front is not a member of a role of this name on the node."),
				 errhint("On every node: GRANT %s TO %s.", quote_identifier(name),
						 quote_identifier(GetUserNameFromId(GetSessionUserId(),
															false)))));
}

/*
 * Take over, until the end of the transaction, who asks at the front: names and
 * values of settings in turn.  Business time is a superuser's setting, there
 * too.
 */
static void
take_over(Datum settings)
{
	int			count;
	char	  **texts = read_texts(settings, &count);

	for (int i = 0; i + 1 < count; i += 2)
	{
		bool		is_clock = strcmp(texts[i], "trainledger.clock") == 0;

		if (strcmp(texts[i], "role") == 0)
			require_member(texts[i + 1]);
		set_locally(texts[i], texts[i + 1],
					is_clock || superuser() ? PGC_SUSET : PGC_USERSET);
	}
}

/* The plan of a statement for the current role, kept for the session */
static SPIPlanPtr
prepared_plan(const char *statement)
{
	static HTAB *all = NULL;
	static const Oid types[] = {TEXTARRAYOID};
	Oid			role = GetUserId();
	uint64		key = hash_bytes_extended((const unsigned char *) statement,
										  (int) strlen(statement), role);
	Prepared   *prepared;
	bool		is_found;

	if (all == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(uint64),
			.entrysize = sizeof(Prepared)};

		all = hash_create("trainledger statements of a front", 64, &control,
						  HASH_ELEM | HASH_BLOBS);
	}
	prepared = hash_search(all, &key, HASH_ENTER, &is_found);
	if (!is_found)
	{
		prepared->statement = NULL;
		prepared->plan = NULL;
	}
	if (prepared->statement == NULL || prepared->role != role ||
		strcmp(prepared->statement, statement) != 0)
	{
		if (prepared->statement != NULL)
			pfree(prepared->statement);
		prepared->statement = NULL;
		if (prepared->plan != NULL)
			SPI_freeplan(prepared->plan);
		prepared->plan = NULL;
		tl_saved_plan(&prepared->plan, statement, 1, types, 0);
		prepared->role = role;
		prepared->statement = MemoryContextStrdup(TopMemoryContext, statement);
	}
	return prepared->plan;
}

static void
put_answer(ReturnSetInfo *result, Datum answer)
{
	bool		is_null = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &answer,
						 &is_null);
}

/* Run the statement with an array of arguments, which comes as text. */
static void
answer_one(ReturnSetInfo *result, SPIPlanPtr plan, const char *arguments)
{
	Datum		value = OidFunctionCall3(F_ARRAY_IN, CStringGetDatum(arguments),
										 ObjectIdGetDatum(TEXTOID),
										 Int32GetDatum(-1));

	if (SPI_execute_plan(plan, &value, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_tuptable->tupdesc->natts != 1 ||
		SPI_gettypeid(SPI_tuptable->tupdesc, 1) != TEXTARRAYOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a statement of the front does not return text[]"),
				 errhint("Run trainledger_proxy.sql again on the front.")));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		Datum		answer = SPI_getbinval(SPI_tuptable->vals[i],
										   SPI_tuptable->tupdesc, 1, &is_null);

		if (!is_null)
			put_answer(result, answer);
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
answer_all(ReturnSetInfo *result, const char *statement, Datum arguments)
{
	int			count;
	char	  **texts;
	SPIPlanPtr	plan;

	SPI_connect();
	texts = read_texts(arguments, &count);
	plan = prepared_plan(statement);
	for (int i = 0; i < count; i++)
		answer_one(result, plan, texts[i]);
	SPI_finish();
}

/* What the call has set of the response, which PostgREST reads at the front */
static void
put_response(ReturnSetInfo *result)
{
	const char *const response[] = {KIND_RESPONSE, setting("response.status"),
		setting("response.headers")};

	if (response[1] != NULL || response[2] != NULL)
		put_answer(result, make_texts(response, lengthof(response)));
}

static void
put_refusal(ReturnSetInfo *result, const ErrorData *error)
{
	const char *const refusal[] = {KIND_REFUSAL,
		unpack_sql_state(error->sqlerrcode), error->message, error->detail,
		error->hint, error->column_name};

	tuplestore_clear(result->setResult);
	put_answer(result, make_texts(refusal, lengthof(refusal)));
}

/*
 * call(settings text[], statement text, arguments text[]) returns setof text[]
 *
 * A refusal comes back as a row: nothing of it is lost, neither the argument to
 * blame nor the connection, which PL/Proxy gives up after an error.  Statements
 * are prepared, because planning one takes longer than the call.
 */
Datum
tl_node_call(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	tl_refuse_nulls(fcinfo, 3);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		take_over(PG_GETARG_DATUM(0));
		answer_all(result, text_to_cstring(PG_GETARG_TEXT_PP(1)),
				   PG_GETARG_DATUM(2));
		put_response(result);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error = tl_catch_error(context);

		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		put_refusal(result, error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return (Datum) 0;
}

/* ---------------------------------------------------------------------
 * At the front
 * ---------------------------------------------------------------------
 */

/*
 * Who asks: names and values of settings in turn, which the node takes over.
 * The role comes last, since it may not set the clock.  A superuser and the
 * owner of the books, as whom this runs, need no role on the nodes: they come
 * as the login, of level admin.
 */
static Datum
asker(void)
{
	static const char *const passed_on[] = {"trainledger.clock",
		"trainledger.party_id", "request.jwt.claims", "request.method",
	"request.path", "request.headers", "pgrst.db_max_rows"};
	const char *settings[2 * (lengthof(passed_on) + 2)];
	Oid			asking = GetCurrentRoleId();
	int			count = 0;

	for (size_t i = 0; i < lengthof(passed_on); i++)
	{
		const char *value = setting(passed_on[i]);

		if (value != NULL)
		{
			settings[count++] = passed_on[i];
			settings[count++] = value;
		}
	}
	if (XactReadOnly)
	{
		settings[count++] = "transaction_read_only";
		settings[count++] = "on";
	}
	if (!OidIsValid(asking))
		asking = GetSessionUserId();
	if (asking != GetUserId() && !superuser_arg(asking))
	{
		settings[count++] = "role";
		settings[count++] = GetUserNameFromId(asking, false);
	}
	return make_texts(settings, count);
}

/* The text after a prefix, or the whole text where it has none */
static const char *
without_prefix(const char *text, const char *prefix)
{
	size_t		length = strlen(prefix);

	if (text != NULL && strncmp(text, prefix, length) == 0)
		text += length;
	return text;
}

/* The message of a node's error, as PL/Proxy hands it on; NULL: none */
static const char *
remote_message(const char *message)
{
	const char *start = "trainledger_proxy.call(";
	const char *found = "] REMOTE ";

	if (strncmp(message, start, strlen(start)) != 0)
		return NULL;
	message = strstr(message, found);
	message = message == NULL ? NULL : strstr(message + strlen(found), ": ");
	return message == NULL ? NULL : message + 2;
}

/*
 * Raise what went wrong on the way, without the addresses in it, which are for
 * the log alone.
 */
pg_noreturn static void
raise_lost(ErrorData *error)
{
	TlRefusal	remote = {
		.sqlerrcode = error->sqlerrcode,
		.message = remote_message(error->message),
		.detail = without_prefix(error->detail, "Remote detail: "),
		.hint = without_prefix(error->hint, "Remote hint: "),
	};

	if (remote.message != NULL)
		tl_raise(&remote);
	if (strncmp(error->message, "PL/Proxy function ", 18) != 0)
		ReThrowError(error);
	ereport(LOG, (errmsg_internal("%s", error->message)));
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("a node does not answer"),
			 errdetail("It is not known whether the call was done."),
			 errhint("Repeat the call, with its idempotency key, when the node is back.")));
}

/* Read what a node has answered, of which nulls are NULL. */
static const char **
read_answer(Datum answer, int expected)
{
	const char **fields = palloc_array(const char *, expected);
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(answer), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, &nulls, &count);
	if (count != expected)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a node answers as another version does"),
				 errhint("Run trainledger_node.sql again on every node.")));
	for (int i = 0; i < count; i++)
		fields[i] = nulls[i] ? NULL : TextDatumGetCString(values[i]);
	return fields;
}

/* A refusal of the node, raised as it was raised there */
pg_noreturn static void
raise_refusal(Datum answer)
{
	const char **fields = read_answer(answer, 6);
	TlRefusal	refusal = {
		.message = fields[2],
		.detail = fields[3],
		.hint = fields[4],
		.argument = fields[5],
	};

	tl_raise_coded(fields[1], &refusal);
}

/*
 * Whether an answer is a row.  Of the others, a response is set, and a refusal
 * raised.
 */
static bool
take_row(Datum answer)
{
	int			first = 1;
	bool		is_null;
	Datum		kind = array_get_element(answer, 1, &first, -1, -1, false,
										 TYPALIGN_INT, &is_null);
	const char *name = is_null ? "" : TextDatumGetCString(kind);

	if (strcmp(name, KIND_ROW) == 0)
		return true;
	if (strcmp(name, KIND_RESPONSE) == 0)
	{
		const char **fields = read_answer(answer, 3);

		if (fields[1] != NULL)
			set_locally("response.status", fields[1], PGC_USERSET);
		if (fields[2] != NULL)
			set_locally("response.headers", fields[2], PGC_USERSET);
		return false;
	}
	raise_refusal(answer);
}

/*
 * Raise what the front itself refuses.  A node has raised its own in the form
 * that PostgREST wants.
 */
pg_noreturn static void
refuse_here(const TlRefusal *refusal)
{
	ErrorData	error = {
		.sqlerrcode = refusal->sqlerrcode,
		.message = unconstify(char *, refusal->message),
		.detail = unconstify(char *, refusal->detail),
		.hint = unconstify(char *, refusal->hint),
	};

	if (tl_in_request())
		tl_raise_for_request(&error);
	tl_raise(refusal);
}

/*
 * refuse_nodes(detail text, hint text, argument text) returns void
 *
 * Parties of a call are kept by different nodes.
 */
Datum
tl_proxy_refuse_nodes(PG_FUNCTION_ARGS)
{
	TlRefusal	refusal = {
		.sqlerrcode = TL_CONFLICT,
		.message = "parties are kept by different nodes",
	};

	tl_refuse_nulls(fcinfo, 3);
	refusal.detail = text_to_cstring(PG_GETARG_TEXT_PP(0));
	refusal.hint = text_to_cstring(PG_GETARG_TEXT_PP(1));
	refusal.argument = text_to_cstring(PG_GETARG_TEXT_PP(2));
	refuse_here(&refusal);
}

/*
 * check_rows(rows bigint) returns void
 *
 * Refuse an answer of several nodes that is too large: each sees its own part.
 */
Datum
tl_proxy_check_rows(PG_FUNCTION_ARGS)
{
	tl_refuse_nulls(fcinfo, 1);
	if (tl_in_request())
		tl_check_http_rows(PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}

/*
 * Refuse a write that PostgREST would roll back (Prefer: tx=rollback): its node
 * commits it, and the answer would say that nothing was booked.
 */
static void
refuse_trial(void)
{
	static const TlRefusal refusal = {
		.sqlerrcode = TL_CONFLICT,
		.message = "a call cannot be tried at the front",
		.detail = "A node commits each call by itself.",
		.hint = "Leave out the preference tx=rollback.",
	};
	char	   *prefer = NULL;

	if (!XactReadOnly && tl_in_request() &&
		tl_request_member("request.headers", "prefer", &prefer) &&
		prefer != NULL && strstr(prefer, "tx=rollback") != NULL)
		refuse_here(&refusal);
}

/*
 * Ask the nodes of some homes, and leave their answers in SPI_tuptable.  The
 * arguments of the function are those of ask().
 */
static void
ask(FunctionCallInfo fcinfo, MemoryContext context)
{
	static const char query[] =
		"SELECT trainledger_proxy.call($1, $2,"
		" CASE WHEN pg_catalog.cardinality($4)"
		" OPERATOR(pg_catalog.>) pg_catalog.cardinality($3)"
		" THEN pg_catalog.array_fill($3[1], ARRAY[pg_catalog.cardinality($4)])"
		" ELSE $3 END, pg_catalog.array_replace($4, NULL, 0))";
	static const Oid types[] = {TEXTARRAYOID, TEXTOID, TEXTARRAYOID,
	INT4ARRAYOID};
	static SPIPlanPtr plan = NULL;
	Datum		values[lengthof(types)];

	tl_refuse_nulls(fcinfo, 3);
	refuse_trial();
	values[0] = asker();
	values[1] = PG_GETARG_DATUM(1);
	values[2] = PG_GETARG_DATUM(2);
	values[3] = PG_GETARG_DATUM(0);
	tl_saved_plan(&plan, query, lengthof(types), types, 0);
	PG_TRY();
	{
		SPI_execute_plan(plan, values, NULL, false, 0);
	}
	PG_CATCH();
	{
		raise_lost(tl_catch_error(context));
	}
	PG_END_TRY();
}

static Datum
nth_answer(uint64 n)
{
	bool		is_null;

	return SPI_getbinval(SPI_tuptable->vals[n], SPI_tuptable->tupdesc, 1,
						 &is_null);
}

/*
 * ask(homes integer[], statement text, variadic arguments text[])
 * returns setof text[]
 *
 * The rows that the nodes of some homes answer with, to the arguments of the
 * same places, or to the same arguments.  Where no home is known, any node says
 * what is wrong with the call.
 */
Datum
tl_proxy_ask(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = CurrentMemoryContext;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SPI_connect();
	ask(fcinfo, context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		answer = nth_answer(i);

		if (take_row(answer))
			put_answer(result, answer);
	}
	SPI_finish();
	return (Datum) 0;
}

/*
 * ask_value(homes integer[], statement text, variadic arguments text[])
 * returns text
 *
 * The same, where one row comes back, and one value in it.
 */
Datum
tl_proxy_ask_value(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	const char *value = NULL;
	text	   *returned = NULL;

	SPI_connect();
	ask(fcinfo, context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		if (take_row(nth_answer(i)))
			value = read_answer(nth_answer(i), 2)[1];
	}
	if (value != NULL)
	{
		MemoryContextSwitchTo(context);
		returned = cstring_to_text(value);
	}
	SPI_finish();
	if (returned == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(returned);
}
