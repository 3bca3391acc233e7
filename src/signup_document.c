/*-------------------------------------------------------------------------
 *
 * signup_document.c
 *		What XML documents of signup tokens do to the table, and how its rows
 *		are printed as one (contract, section 10).
 *
 * A document is read twice: first to see that all of it can be understood,
 * then to do what it says.  So a refusal that the document alone shows comes
 * before any that the tables show (contract, section 4), and no list of all
 * its tokens is ever held in memory.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup_document.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <libxml/xmlwriter.h>
#include <openssl/rand.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/datum.h"

#include "progress.h"
#include "signup.h"

PG_FUNCTION_INFO_V1(tl_signup_code);
PG_FUNCTION_INFO_V1(tl_import_signup_tokens);
PG_FUNCTION_INFO_V1(tl_apply_signup_tokens);
PG_FUNCTION_INFO_V1(tl_signup_document);

/* Generated codes: 5 bits a character, 80 bits */
#define CODE_CHARS			16

/* Most tokens in one INSERT */
#define MAX_ROWS			1000

/* A document being done */
typedef struct Work
{
	ReturnSetInfo *result;
	TlProgress	progress;
	int64		total;
	int64		done;
} Work;

/* ---------------------------------------------------------------------
 * Codes
 * ---------------------------------------------------------------------
 */

/*
 * A random code from OpenSSL's generator, without the letters and digits
 * that are mistaken for each other: 0 O 1 I l.  Codes are compared without
 * regard to case, so capitals alone count.  code has CODE_CHARS + 1 bytes.
 */
static void
make_code(char *code)
{
	static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
	unsigned char random[CODE_CHARS];

	StaticAssertStmt(sizeof(alphabet) - 1 == 32,
					 "a character has to stand for 5 bits");
	if (RAND_bytes(random, CODE_CHARS) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	for (int i = 0; i < CODE_CHARS; i++)
		code[i] = alphabet[random[i] & 31];
	code[CODE_CHARS] = '\0';
}

/* _signup_code() returns text */
Datum
tl_signup_code(PG_FUNCTION_ARGS pg_attribute_unused())
{
	char		code[CODE_CHARS + 1];

	make_code(code);
	PG_RETURN_TEXT_P(cstring_to_text(code));
}

/* ---------------------------------------------------------------------
 * Refusals of the tables, told as ones of the document
 * ---------------------------------------------------------------------
 */

static SignupElement
element_of_column(const char *column)
{
	for (int i = 0; column != NULL && i < SIGNUP_ELEMENT_COUNT; i++)
		if (strcmp(column, tl_signup_elements[i].column) == 0)
			return (SignupElement) i;
	return SIGNUP_NO_ELEMENT;
}

/*
 * Rethrow the error that was caught; to a refusal, add which token and which
 * element it is about.
 */
static void
rethrow_for_token(const SignupToken *token, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (strncmp(unpack_sql_state(error->sqlerrcode), "TL", 2) == 0)
		tl_signup_refuse(error->sqlerrcode, token->position, token->line,
						 element_of_column(error->column_name),
						 error->message, error->detail, error->hint);
	ReThrowError(error);
}

static Datum
text_or_null(const char *text, char *null)
{
	*null = text ? ' ' : 'n';
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* Run a statement for one token. */
static void
execute_for_token(const SignupToken *token, SPIPlanPtr plan, Datum *values,
				  const char *nulls)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		int			status = SPI_execute_plan(plan, values, nulls, false, 0);

		if (status < 0)
			elog(ERROR, "SPI_execute_plan failed: %s",
				 SPI_result_code_string(status));
	}
	PG_CATCH();
	{
		rethrow_for_token(token, context);
	}
	PG_END_TRY();
}

/* A plan that is kept for the session; published only once it is whole. */
static SPIPlanPtr
keep_plan(SPIPlanPtr *kept, const char *statement, int count, Oid *types)
{
	if (*kept == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(statement, count, types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare: %s",
				 SPI_result_code_string(SPI_result));
		*kept = plan;
	}
	return *kept;
}

/* Add the rows of the last statement to the result. */
static void
return_rows(Work *work)
{
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(work->result->setResult, SPI_tuptable->vals[i]);
}

/* ---------------------------------------------------------------------
 * New tokens
 * ---------------------------------------------------------------------
 */

/* The columns of some new tokens, as arrays */
typedef struct NewTokens
{
	int			count;
	SignupToken *tokens[MAX_ROWS];
	Datum		code[MAX_ROWS];
	Datum		type[MAX_ROWS];
	Datum		type_id[MAX_ROWS];
	Datum		active[MAX_ROWS];
	Datum		maximum[MAX_ROWS];
	Datum		expiration[MAX_ROWS];
	bool		never[MAX_ROWS];	/* expiration is null */
} NewTokens;

static void
add_new_token(NewTokens *new, SignupToken *token)
{
	char		code[CODE_CHARS + 1];
	int			i = new->count++;

	if (token->code == NULL)
		make_code(code);
	new->tokens[i] = token;
	new->code[i] = CStringGetTextDatum(token->code ? token->code : code);
	new->type[i] = Int32GetDatum(token->type);
	new->type_id[i] = CStringGetTextDatum(token->type_id);
	new->active[i] = BoolGetDatum(!token->given[SIGNUP_ACTIVE] ||
								  token->active);
	new->maximum[i] = Int32GetDatum(token->maximum);
	new->never[i] = !token->expires || !token->given[SIGNUP_EXPIRATION];
	new->expiration[i] = TimestampTzGetDatum(token->expiration);
}

static Datum
make_array(Datum *values, bool *nulls, int count, Oid type)
{
	int			lower_bound = 1;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(values, nulls, 1, &count,
											  &lower_bound, type, length,
											  by_value, align));
}

/*
 * The first token that did not become a row: its catalogue item is unknown or
 * its code is taken.  The rows that were made are in SPI_tuptable, in order.
 */
static void
refuse_first_missing(const NewTokens *new)
{
	static SPIPlanPtr find_item = NULL;
	static SPIPlanPtr raise_taken = NULL;
	Oid			types[] = {INT4OID, TEXTOID};
	int			code_column = SPI_fnumber(SPI_tuptable->tupdesc, "code");
	int			i;
	Datum		values[2];

	for (i = 0; i < (int) SPI_processed; i++)
	{
		bool		is_null;
		Datum		code = SPI_getbinval(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc, code_column,
										 &is_null);

		if (!datum_image_eq(code, new->code[i], false, -1))
			break;
	}
	values[0] = new->type[i];
	values[1] = new->type_id[i];
	execute_for_token(new->tokens[i],
					  keep_plan(&find_item,
								"SELECT trainledger._signup_item($1, $2)",
								lengthof(types), types),
					  values, NULL);
	execute_for_token(new->tokens[i],
					  keep_plan(&raise_taken,
								"SELECT trainledger._raise_taken("
								"'signup_token', 'signup_token_code_key')",
								0, NULL),
					  NULL, NULL);
}

static void
insert_tokens(Work *work, NewTokens *new)
{
	static SPIPlanPtr kept = NULL;
	Oid			types[] = {
		TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, BOOLARRAYOID,
		INT4ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
	};
	Datum		values[] = {
		make_array(new->code, NULL, new->count, TEXTOID),
		make_array(new->type, NULL, new->count, INT4OID),
		make_array(new->type_id, NULL, new->count, TEXTOID),
		make_array(new->active, NULL, new->count, BOOLOID),
		make_array(new->maximum, NULL, new->count, INT4OID),
		make_array(new->expiration, new->never, new->count, TIMESTAMPTZOID),
		TimestampTzGetDatum(tl_clock()),
	};
	int			status;

	if (new->count == 0)
		return;
	status = SPI_execute_plan(keep_plan(&kept,
										"INSERT INTO trainledger.signup_token AS t"
										" (code, type, type_id, active,"
										" maximum_activations, expiration,"
										" created_at, item_id)"
										" SELECT g.code, g.type, g.type_id,"
										" g.active, g.maximum_activations,"
										" g.expiration, $7, c.id"
										" FROM unnest($1, $2, $3, $4, $5, $6)"
										" WITH ORDINALITY AS g(code, type,"
										" type_id, active,"
										" maximum_activations, expiration,"
										" position)"
										" JOIN trainledger.catalog_item c"
										" ON c.kind = trainledger._signup_kind(g.type)"
										" AND c.code = g.type_id"
										" ORDER BY g.position"
										" ON CONFLICT DO NOTHING RETURNING t.*",
										lengthof(types), types),
							  values, NULL, false, 0);
	if (status != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "SPI_execute_plan failed: %s",
			 SPI_result_code_string(status));
	if (SPI_processed < (uint64) new->count)
		refuse_first_missing(new);
	return_rows(work);
	new->count = 0;
}

/* SignupHandler: make these tokens. */
static void
import_tokens(SignupToken *tokens, void *arg)
{
	Work	   *work = (Work *) arg;
	NewTokens  *new = palloc(sizeof(NewTokens));

	SPI_connect();
	new->count = 0;
	for (SignupToken *token = tokens; token != NULL; token = token->next)
	{
		add_new_token(new, token);
		if (new->count == MAX_ROWS)
			insert_tokens(work, new);
		tl_progress_step(&work->progress, ++work->done);
	}
	insert_tokens(work, new);
	SPI_finish();
}

/* ---------------------------------------------------------------------
 * Changes to tokens
 * ---------------------------------------------------------------------
 */

/* Change one token: what the element is not given for is left (null). */
static void
apply_token(Work *work, const SignupToken *token)
{
	static SPIPlanPtr kept = NULL;
	Oid			types[] = {
		TEXTOID, TEXTOID, INT4OID, TEXTOID, BOOLOID, INT4OID,
		TIMESTAMPTZOID, BOOLOID,
	};
	char		nulls[lengthof(types) + 1] = "        ";
	Datum		values[lengthof(types)];

	values[0] = text_or_null(token->id, &nulls[0]);
	values[1] = text_or_null(token->code, &nulls[1]);
	values[2] = Int32GetDatum(token->type);
	values[3] = text_or_null(token->type_id, &nulls[3]);
	values[4] = BoolGetDatum(token->active);
	values[5] = Int32GetDatum(token->maximum);
	values[6] = TimestampTzGetDatum(token->expiration);
	values[7] = BoolGetDatum(token->given[SIGNUP_EXPIRATION] &&
							 !token->expires);
	if (!token->given[SIGNUP_TYPE])
		nulls[2] = 'n';
	if (!token->given[SIGNUP_ACTIVE])
		nulls[4] = 'n';
	if (!token->given[SIGNUP_MAXIMUM])
		nulls[5] = 'n';
	if (!token->given[SIGNUP_EXPIRATION] || !token->expires)
		nulls[6] = 'n';

	execute_for_token(token,
					  keep_plan(&kept,
								"SELECT t.* FROM"
								" trainledger._update_signup_token("
								"$1, $2, $3, $4, $5, $6, $7, CASE WHEN $8"
								" THEN '{expiration}'::text[]"
								" ELSE '{}' END) AS t",
								lengthof(types), types),
					  values, nulls);
	return_rows(work);
}

/* SignupHandler: make these changes. */
static void
apply_tokens(SignupToken *tokens, void *arg)
{
	Work	   *work = (Work *) arg;

	SPI_connect();
	for (SignupToken *token = tokens; token != NULL; token = token->next)
	{
		apply_token(work, token);
		SPI_freetuptable(SPI_tuptable);
		tl_progress_step(&work->progress, ++work->done);
	}
	SPI_finish();
}

/* ---------------------------------------------------------------------
 * Documents
 * ---------------------------------------------------------------------
 */

/* SignupHandler: count them. */
static void
count_tokens(SignupToken *tokens, void *arg)
{
	for (SignupToken *token = tokens; token != NULL; token = token->next)
		((Work *) arg)->total = token->position;
}

/*
 * Do what a document says.  Two documents at a time could name the same
 * tokens in different orders and wait for each other, so one waits for the
 * other to end; claims and single changes go on meanwhile.
 */
static Datum
do_document(FunctionCallInfo fcinfo, bool is_update, SignupHandler handler)
{
	Work		work = {0};
	bytea	   *document;
	const char *data;
	size_t		size;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(TL_INVALID),
				 errmsg("document is missing"),
				 errdetail("The argument document is null."),
				 errhint("Give the bytes of an XML document.")));
	document = PG_GETARG_BYTEA_PP(0);
	data = VARDATA_ANY(document);
	size = VARSIZE_ANY_EXHDR(document);
	InitMaterializedSRF(fcinfo, 0);
	work.result = (ReturnSetInfo *) fcinfo->resultinfo;
	tl_read_signup_tokens(data, size, is_update, count_tokens, &work);
	LockRelationOid(get_relname_relid("signup_token", tl_catalog()->schema),
					ShareUpdateExclusiveLock);
	tl_progress_start(&work.progress, "tokens done", work.total);
	tl_read_signup_tokens(data, size, is_update, handler, &work);
	return (Datum) 0;
}

/* _import_signup_tokens(document bytea) returns setof signup_token */
Datum
tl_import_signup_tokens(PG_FUNCTION_ARGS)
{
	return do_document(fcinfo, false, import_tokens);
}

/* _apply_signup_tokens(document bytea) returns setof signup_token */
Datum
tl_apply_signup_tokens(PG_FUNCTION_ARGS)
{
	return do_document(fcinfo, true, apply_tokens);
}

/* ---------------------------------------------------------------------
 * Printing
 * ---------------------------------------------------------------------
 */

static void
write_element(xmlTextWriterPtr writer, SignupElement element,
			  const char *text)
{
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	const char *name = tl_signup_elements[element].element;

	if (xmlTextWriterWriteElement(writer, BAD_CAST name, BAD_CAST utf8) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

/* YYYY-MM-DDxHH:MM:SS in UTC, with a T or a blank for the x */
static char *
print_expiration(TimestampTz expiration, char separator)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(expiration, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return psprintf("%04d-%02d-%02d%c%02d:%02d:%02d", tm.tm_year, tm.tm_mon,
					tm.tm_mday, separator, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* The columns of a signup token as texts, in the order of SignupElement */
static void
write_token(xmlTextWriterPtr writer, HeapTupleHeader row, char separator)
{
	bool		is_null;
	Datum		value;

	xmlTextWriterStartElement(writer, BAD_CAST "Token");
	for (SignupElement i = 0; i < SIGNUP_ELEMENT_COUNT; i++)
	{
		value = GetAttributeByName(row, tl_signup_elements[i].column,
								   &is_null);
		if (is_null)
			continue;
		switch (i)
		{
			case SIGNUP_TYPE:
			case SIGNUP_MAXIMUM:
				write_element(writer, i,
							  psprintf("%d", DatumGetInt32(value)));
				break;
			case SIGNUP_ACTIVE:
				write_element(writer, i,
							  DatumGetBool(value) ? "true" : "false");
				break;
			case SIGNUP_EXPIRATION:
				write_element(writer, i,
							  print_expiration(DatumGetTimestampTz(value),
											   separator));
				break;
			default:
				write_element(writer, i, TextDatumGetCString(value));
		}
	}
	xmlTextWriterEndElement(writer);
}

static void
write_tokens(xmlTextWriterPtr writer, ArrayType *tokens, char separator)
{
	ArrayIterator iterator = array_create_iterator(tokens, 0, NULL);
	Datum		row;
	bool		is_null;

	xmlTextWriterStartElement(writer, BAD_CAST "Tokens");
	while (array_iterate(iterator, &row, &is_null))
	{
		if (!is_null)
			write_token(writer, DatumGetHeapTupleHeader(row), separator);
		CHECK_FOR_INTERRUPTS();
	}
	xmlTextWriterEndElement(writer);
	array_free_iterator(iterator);
}

/*
 * _signup_document(tokens signup_token[], separator text) returns text: the
 * document of these tokens; separator stands between date and time.
 */
Datum
tl_signup_document(PG_FUNCTION_ARGS)
{
	ArrayType  *tokens = PG_GETARG_ARRAYTYPE_P(0);
	char		separator = *VARDATA_ANY(PG_GETARG_TEXT_PP(1));
	xmlBufferPtr buffer = xmlBufferCreate();
	xmlTextWriterPtr writer = xmlNewTextWriterMemory(buffer, 0);
	text	   *document;

	PG_TRY();
	{
		char	   *printed;

		if (buffer == NULL || writer == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
		write_tokens(writer, tokens, separator);
		(void) xmlTextWriterFlush(writer);
		printed = pg_any_to_server((const char *) xmlBufferContent(buffer),
								   xmlBufferLength(buffer), PG_UTF8);
		document = cstring_to_text(printed);
	}
	PG_FINALLY();
	{
		if (writer != NULL)
			xmlFreeTextWriter(writer);
		if (buffer != NULL)
			xmlBufferFree(buffer);
	}
	PG_END_TRY();
	PG_RETURN_TEXT_P(document);
}
