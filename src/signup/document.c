/*-------------------------------------------------------------------------
 *
 * document.c
 *		What XML documents of signup tokens do to the table, and how its rows
 *		are printed as one (contract, section 10).
 *
 * All of a document is read before anything is done, so that a refusal which
 * the document alone shows comes first (contract, section 4).  Its tokens are
 * kept in a tuplestore, which goes to disk where it grows, and statements see
 * it as the table document_token.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/document.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <libxml/xmlwriter.h>
#include <openssl/rand.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/queryenvironment.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "access/access.h"
#include "signup/signup.h"

PG_FUNCTION_INFO_V1(tl_signup_id);
PG_FUNCTION_INFO_V1(tl_signup_code);
PG_FUNCTION_INFO_V1(tl_import_signup_tokens);
PG_FUNCTION_INFO_V1(tl_apply_signup_tokens);
PG_FUNCTION_INFO_V1(tl_signup_document);
PG_FUNCTION_INFO_V1(tl_fits_xml);

/* Generated codes: 5 bits a character, 80 bits */
#define CODE_CHARS			16

/* Generated ids: 12 hexadecimal digits that count and 12 at random */
#define ID_CHARS			24

/* A document being done */
typedef struct Work
{
	bool		is_update;
	Oid			id_sequence;
	uint64		id_tail;		/* of all new ids */
	Tuplestorestate *rows;		/* the result */
	TupleDesc	tupdesc;		/* of document_token */
	Tuplestorestate *tokens;
	int64		count;
} Work;

/* ---------------------------------------------------------------------
 * Ids and codes
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

/* The part of ids at random */
static uint64
make_id_tail(void)
{
	uint64		random;

	if (!pg_strong_random(&random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	return random & UINT64CONST(0xffffffffffff);
}

/*
 * An id for a token: digits that count, so that ids sort as they were made,
 * and digits at random, so that it is not one that was taken over from
 * another system.  id has ID_CHARS + 1 bytes.
 */
static void
make_id(char *id, Oid sequence, uint64 tail)
{
	snprintf(id, ID_CHARS + 1, "%012llx%012llx",
			 (unsigned long long) nextval_internal(sequence, false),
			 (unsigned long long) tail);
}

static Oid
id_sequence(void)
{
	return tl_find_relation("sequence", "signup_token_id_seq");
}

/* _signup_id() returns text */
Datum
tl_signup_id(PG_FUNCTION_ARGS pg_attribute_unused())
{
	char		id[ID_CHARS + 1];

	make_id(id, id_sequence(), make_id_tail());
	PG_RETURN_TEXT_P(cstring_to_text(id));
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
 * The tokens of a document, as a table
 * ---------------------------------------------------------------------
 */

static TupleDesc
make_tupdesc(void)
{
	static const struct
	{
		const char *name;
		Oid			type;
	}			columns[DOC_COLUMN_COUNT] = {
		{"position", INT8OID},
		{"line", INT8OID},
		{"id", TEXTOID},
		{"code", TEXTOID},
		{"type", INT4OID},
		{"type_id", TEXTOID},
		{"active", BOOLOID},
		{"maximum_activations", INT4OID},
		{"expiration", TIMESTAMPTZOID},
		{"clears_expiration", BOOLOID},
	};
	TupleDesc	tupdesc = CreateTemplateTupleDesc(DOC_COLUMN_COUNT);

	for (int i = 0; i < DOC_COLUMN_COUNT; i++)
		TupleDescInitEntry(tupdesc, (AttrNumber) (i + 1), columns[i].name,
						   columns[i].type, -1, 0);
	return tupdesc;
}

static Datum
text_or_null(const char *text, bool *is_null)
{
	*is_null = (text == NULL);
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* SignupHandler: keep the token; a new one gets what the server makes. */
static void
keep_token(const SignupToken *token, void *arg)
{
	Work	   *work = (Work *) arg;
	char		made_id[ID_CHARS + 1];
	char		made_code[CODE_CHARS + 1];
	const char *id = token->id;
	const char *code = token->code;
	Datum		values[DOC_COLUMN_COUNT];
	bool		nulls[DOC_COLUMN_COUNT] = {false};
	bool		has_expiration = token->given[SIGNUP_EXPIRATION];

	if (!work->is_update)
	{
		make_id(made_id, work->id_sequence, work->id_tail);
		id = made_id;
		if (code == NULL)
		{
			make_code(made_code);
			code = made_code;
		}
	}
	values[DOC_POSITION] = Int64GetDatum(token->position);
	values[DOC_LINE] = Int64GetDatum(token->line);
	values[DOC_ID] = text_or_null(id, &nulls[DOC_ID]);
	values[DOC_CODE] = text_or_null(code, &nulls[DOC_CODE]);
	values[DOC_TYPE] = Int32GetDatum(token->type);
	nulls[DOC_TYPE] = !token->given[SIGNUP_TYPE];
	values[DOC_TYPE_ID] = text_or_null(token->type_id, &nulls[DOC_TYPE_ID]);
	values[DOC_ACTIVE] = BoolGetDatum(token->active);
	nulls[DOC_ACTIVE] = !token->given[SIGNUP_ACTIVE];
	values[DOC_MAXIMUM] = Int32GetDatum(token->maximum);
	nulls[DOC_MAXIMUM] = !token->given[SIGNUP_MAXIMUM];
	values[DOC_EXPIRATION] = TimestampTzGetDatum(token->expiration);
	nulls[DOC_EXPIRATION] = !has_expiration || !token->expires;
	values[DOC_CLEARS_EXPIRATION] = BoolGetDatum(has_expiration &&
												 !token->expires);
	tuplestore_putvalues(work->tokens, work->tupdesc, values, nulls);
	work->count++;
}

/* Let statements of this SPI connection see the tokens. */
static void
register_tokens(Work *work)
{
	EphemeralNamedRelation table = palloc0(sizeof(EphemeralNamedRelationData));

	table->md.name = "document_token";
	table->md.reliddesc = InvalidOid;
	table->md.tupdesc = work->tupdesc;
	table->md.enrtype = ENR_NAMED_TUPLESTORE;
	table->md.enrtuples = (double) work->count;
	table->reldata = work->tokens;
	if (SPI_register_relation(table) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register the tokens of a document");
}

/* Run a statement; returns how many rows it found or wrote. */
static int64
execute(const char *statement, int expected)
{
	int			status = SPI_execute(statement, false, 0);

	if (status != expected)
		elog(ERROR, "unexpected result of a statement: %s",
			 SPI_result_code_string(status));
	return (int64) SPI_processed;
}

/* A column of the first row of the last statement, which is not null */
static Datum
first_row(int column)
{
	bool		is_null;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column,
						 &is_null);
}

/* Append a row of signup_token to the result. */
static void
return_row(Work *work, Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(header),
		.t_data = header,
	};

	tuplestore_puttuple(work->rows, &tuple);
}

/* ---------------------------------------------------------------------
 * New tokens
 * ---------------------------------------------------------------------
 */

static const char find_unknown_item[] =
	"SELECT d.position, d.line FROM document_token d"
	" WHERE NOT EXISTS (SELECT FROM trainledger.catalog_item c"
	"  WHERE c.kind = trainledger._signup_kind(d.type) AND c.code = d.type_id)"
	" ORDER BY d.position LIMIT 1";

#define INSERT_TOKENS \
	"INSERT INTO trainledger.signup_token AS t" \
	" (id, code, type, type_id, active, maximum_activations, expiration," \
	"  created_at)" \
	" SELECT d.id, d.code, d.type, d.type_id, coalesce(d.active, true)," \
	"  d.maximum_activations, d.expiration, trainledger.clock()" \
	" FROM document_token d"

static const char insert_tokens[] =
	INSERT_TOKENS " ON CONFLICT DO NOTHING RETURNING t";

/* To be asked after insert_tokens: a token has its own code then. */
static const char find_taken_code[] =
	"SELECT d.position, d.line FROM document_token d"
	" JOIN trainledger.signup_token t"
	"  ON lower(t.code) COLLATE \"C\" = lower(d.code) COLLATE \"C\""
	"  AND t.id <> d.id"
	" ORDER BY d.position LIMIT 1";

#define IS_MISSING \
	" WHERE NOT EXISTS (SELECT FROM trainledger.signup_token o" \
	"  WHERE o.id = d.id)"

static const char insert_missing[] =
	INSERT_TOKENS IS_MISSING " ON CONFLICT DO NOTHING";

static const char find_missing[] =
	"SELECT d.position, d.line FROM document_token d" IS_MISSING
	" ORDER BY d.position LIMIT 1";

static const char read_tokens[] =
	"SELECT t FROM document_token d"
	" JOIN trainledger.signup_token t ON t.id = d.id"
	" ORDER BY d.position";

/* Refuse the token that a statement found. */
static void
refuse_found(int sqlerrcode, SignupElement element, const char *what,
			 const char *detail, const char *hint)
{
	tl_signup_refuse(sqlerrcode, DatumGetInt64(first_row(1)),
					 DatumGetInt64(first_row(2)), element, what, detail, hint);
}

static void
refuse_item(void)
{
	refuse_found(TL_NOT_FOUND, SIGNUP_TYPE_ID, "catalogue item not found",
				 "No item of the token's type has this code.",
				 "Look the code up in trainledger.catalog_item.");
}

/* Where the rows go that a statement returns: to the result */
typedef struct RowReceiver
{
	DestReceiver pub;
	Work	   *work;
	TlProgress	progress;
	int64		done;
} RowReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *this = (RowReceiver *) self;
	bool		is_null;

	return_row(this->work, slot_getattr(slot, 1, &is_null));
	tl_progress_step(&this->progress, ++this->done);
	return true;
}

static void
start_receiver(DestReceiver *self pg_attribute_unused(),
			   int operation pg_attribute_unused(),
			   TupleDesc tupdesc pg_attribute_unused())
{
}

static void
end_receiver(DestReceiver *self pg_attribute_unused())
{
}

/* Run a statement whose rows make the result; returns how many. */
static int64
return_rows(Work *work, const char *statement, int expected)
{
	RowReceiver receiver = {
		.pub = {receive_row, start_receiver, end_receiver, end_receiver,
		DestTuplestore},
		.work = work,
	};
	SPIExecuteOptions options = {.dest = &receiver.pub};
	int			status;

	tl_progress_start(&receiver.progress, "tokens made", work->count);
	tuplestore_clear(work->rows);
	status = SPI_execute_extended(statement, &options);
	if (status != expected)
		elog(ERROR, "unexpected result of a statement: %s",
			 SPI_result_code_string(status));
	return receiver.done;
}

/* Refuse a token whose code another one has. */
static void
refuse_taken_code(void)
{
	if (execute(find_taken_code, SPI_OK_SELECT) > 0)
		refuse_found(TL_CONFLICT, SIGNUP_CODE, "code is taken",
					 "A signup token has this code, or one before it in the document.",
					 "Choose another, or change the token that exists.");
}

/* Refuse a token that is not inserted though no token is in its way. */
static void
refuse_missing(void)
{
	(void) execute(find_missing, SPI_OK_SELECT);
	refuse_found(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION, SIGNUP_NO_ELEMENT,
				 "no row was inserted", "No other token has its code.",
				 "Look for a trigger or a unique index of your own on trainledger.signup_token.");
}

/*
 * Make the tokens of the document.  A token whose code is taken is not
 * inserted, and then nothing of the document stays.  If the snapshot does not
 * show the token that has the code, ON CONFLICT raises 40001.
 */
static void
import_tokens(Work *work)
{
	int64		missing = work->count;

	if (execute(find_unknown_item, SPI_OK_SELECT) > 0)
		refuse_item();
	missing -= return_rows(work, insert_tokens, SPI_OK_INSERT_RETURNING);
	if (missing == 0)
		return;

	/* what was in the way may be gone again */
	refuse_taken_code();
	missing -= execute(insert_missing, SPI_OK_INSERT);
	if (missing > 0)
	{
		refuse_taken_code();
		refuse_missing();
	}
	(void) return_rows(work, read_tokens, SPI_OK_SELECT);
}

/* ---------------------------------------------------------------------
 * Changes to tokens
 * ---------------------------------------------------------------------
 */

static const char update_token[] =
	"SELECT trainledger._update_signup_token($1, $2, $3, $4, $5, $6, $7,"
	" CASE WHEN $8 THEN '{expiration}'::text[] ELSE '{}' END)";

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
rethrow_for_token(TupleTableSlot *token, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (strncmp(unpack_sql_state(error->sqlerrcode), "TL", 2) == 0)
		tl_signup_refuse(error->sqlerrcode,
						 DatumGetInt64(token->tts_values[DOC_POSITION]),
						 DatumGetInt64(token->tts_values[DOC_LINE]),
						 element_of_column(error->column_name),
						 error->message, error->detail, error->hint);
	ReThrowError(error);
}

/* Change a token; what is not given (null) is left as it is. */
static void
apply_token(Work *work, SPIPlanPtr plan, TupleTableSlot *token)
{
	MemoryContext context = CurrentMemoryContext;
	char		nulls[DOC_COLUMN_COUNT + 1] = {0};

	slot_getallattrs(token);
	for (int i = 0; i < DOC_COLUMN_COUNT; i++)
		nulls[i] = token->tts_isnull[i] ? 'n' : ' ';

	PG_TRY();
	{
		int			status = SPI_execute_plan(plan, token->tts_values + DOC_ID,
											  nulls + DOC_ID, false, 0);

		if (status != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute_plan failed: %s",
				 SPI_result_code_string(status));
	}
	PG_CATCH();
	{
		rethrow_for_token(token, context);
	}
	PG_END_TRY();
	return_row(work, first_row(1));
	SPI_freetuptable(SPI_tuptable);
}

/*
 * The first token that is not there, or whose item is not: its type and code
 * are those last given for it up to there, else those that it has.
 */
static const char find_unknown[] =
	"SELECT x.position, x.line, x.is_there FROM ("
	" SELECT d.position, d.line, t.id IS NOT NULL AS is_there,"
	"  d.type IS NOT NULL OR d.type_id IS NOT NULL AS names_item,"
	"  coalesce(first_value(d.type) OVER (PARTITION BY d.id, d.types"
	"   ORDER BY d.position), t.type) AS type,"
	"  coalesce(first_value(d.type_id) OVER (PARTITION BY d.id, d.type_ids"
	"   ORDER BY d.position), t.type_id) AS type_id"
	" FROM (SELECT e.position, e.line, e.id, e.type, e.type_id,"
	"   count(e.type) OVER w AS types, count(e.type_id) OVER w AS type_ids"
	"  FROM document_token e"
	"  WINDOW w AS (PARTITION BY e.id ORDER BY e.position)) AS d"
	" LEFT JOIN trainledger.signup_token t ON t.id = d.id) AS x"
	" WHERE NOT x.is_there OR x.names_item AND NOT EXISTS ("
	"  SELECT FROM trainledger.catalog_item c"
	"  WHERE c.kind = trainledger._signup_kind(x.type)"
	"  AND c.code = x.type_id)"
	" ORDER BY x.position LIMIT 1";

/* What is not there comes before what is wrong with it (section 4). */
static void
refuse_unknown(void)
{
	if (execute(find_unknown, SPI_OK_SELECT) == 0)
		return;
	if (DatumGetBool(first_row(3)))
		refuse_item();
	refuse_found(TL_NOT_FOUND, SIGNUP_ID, "signup token not found",
				 "There is no signup token with this id.",
				 "Look the id up in trainledger.signup_token.");
}

/* Make the changes of the document, in its order. */
static void
apply_tokens(Work *work)
{
	Oid			types[DOC_COLUMN_COUNT];
	TupleTableSlot *token = MakeSingleTupleTableSlot(work->tupdesc,
													 &TTSOpsMinimalTuple);
	TlProgress	progress;
	SPIPlanPtr	plan;
	int64		done = 0;

	refuse_unknown();
	for (int i = 0; i < DOC_COLUMN_COUNT; i++)
		types[i] = TupleDescAttr(work->tupdesc, i)->atttypid;
	plan = SPI_prepare(update_token, DOC_COLUMN_COUNT - DOC_ID,
					   types + DOC_ID);
	if (plan == NULL)
		elog(ERROR, "could not prepare: %s",
			 SPI_result_code_string(SPI_result));

	tl_progress_start(&progress, "tokens changed", work->count);
	tuplestore_rescan(work->tokens);
	while (tuplestore_gettupleslot(work->tokens, true, false, token))
	{
		apply_token(work, plan, token);
		tl_progress_step(&progress, ++done);
	}
	ExecDropSingleTupleTableSlot(token);
}

/* ---------------------------------------------------------------------
 * Documents
 * ---------------------------------------------------------------------
 */

/*
 * Do what a document says, one at a time: see TL_MUTEX_SIGNUP_CODES.  Claims,
 * new tokens and other changes hold one token and go on meanwhile.
 */
static Datum
do_document(FunctionCallInfo fcinfo, bool is_update, void (*work_on)(Work *))
{
	Work		work = {0};
	bytea	   *document;

	if (PG_ARGISNULL(0))
	{
		TlRefusal	refusal = {0};

		tl_refuse(&refusal, TL_INVALID, "document", "document is missing",
				  "Give the bytes of an XML document.",
				  "The argument document is null.");
		tl_raise(&refusal);
	}
	document = PG_GETARG_BYTEA_PP(0);

	work.is_update = is_update;
	work.id_sequence = id_sequence();
	work.id_tail = make_id_tail();
	work.tupdesc = make_tupdesc();
	work.tokens = tuplestore_begin_heap(false, false, maintenance_work_mem);
	tl_read_signup_tokens(VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document),
						  is_update, keep_token, &work);

	tl_lock(TL_MUTEX_SIGNUP_CODES);
	/* rows of the table as it is from now on */
	InitMaterializedSRF(fcinfo, 0);
	work.rows = ((ReturnSetInfo *) fcinfo->resultinfo)->setResult;
	SPI_connect();
	register_tokens(&work);
	work_on(&work);
	SPI_finish();
	tuplestore_end(work.tokens);
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

/* Whether a text in the encoding of the database can be had in UTF-8. */
static bool
has_utf8_form(const char *bytes, int length)
{
	int			encoding = GetDatabaseEncoding();
	Oid			proc = FindDefaultConversionProc(encoding, PG_UTF8);
	int			size = length * MAX_CONVERSION_GROWTH + 1;

	/* without a conversion nothing can be printed, whatever it is */
	return !OidIsValid(proc) ||
		pg_do_encoding_conversion_buf(proc, encoding, PG_UTF8,
									  (unsigned char *) bytes, length,
									  palloc(size), size, true) == length;
}

/*
 * _fits_xml(value text) returns boolean: whether XML can hold a text.  A
 * database of encoding SQL_ASCII does not know what its bytes mean, and a
 * document has to be UTF-8.
 */
Datum
tl_fits_xml(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *bytes = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	int			encoding = GetDatabaseEncoding();

	for (int i = 0; i < length; i++)
		if ((unsigned char) bytes[i] < ' ' && !strchr("\t\n\r", bytes[i]))
			PG_RETURN_BOOL(false);
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		PG_RETURN_BOOL(has_utf8_form(bytes, length));
	/* U+FFFE and U+FFFF */
	for (int i = 0; i + 2 < length; i++)
		if (memcmp(bytes + i, "\xEF\xBF", 2) == 0 &&
			(unsigned char) bytes[i + 2] >= 0xBE)
			PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(pg_verify_mbstr(PG_UTF8, bytes, length, true));
}

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

/* Where the elements of a token are in a row of this type */
static void
find_columns(TupleDesc columns, AttrNumber *numbers)
{
	for (SignupElement i = 0; i < SIGNUP_ELEMENT_COUNT; i++)
	{
		const SignupElementName *name = &tl_signup_elements[i];

		numbers[i] = SPI_fnumber(columns, name->column);
		if (numbers[i] <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("column \"%s\" of trainledger.signup_token is missing",
							name->column),
					 errdetail("A document of signup tokens has it."),
					 errhint("If it was renamed, rename it back; else restore the table from a backup.")));
		tl_require_column_type("signup_token", columns, numbers[i],
							   name->type);
	}
}

/* The columns of a signup token as texts, in the order of SignupElement */
static void
write_token(xmlTextWriterPtr writer, HeapTupleHeader row, TupleDesc columns,
			const AttrNumber *numbers, char separator)
{
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(row),
		.t_data = row,
	};
	bool		is_null;
	Datum		value;

	xmlTextWriterStartElement(writer, BAD_CAST "Token");
	for (SignupElement i = 0; i < SIGNUP_ELEMENT_COUNT; i++)
	{
		value = heap_getattr(&tuple, numbers[i], columns, &is_null);
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
	TupleDesc	columns = lookup_rowtype_tupdesc(ARR_ELEMTYPE(tokens), -1);
	AttrNumber	numbers[SIGNUP_ELEMENT_COUNT];
	Datum		row;
	bool		is_null;

	find_columns(columns, numbers);
	xmlTextWriterStartElement(writer, BAD_CAST "Tokens");
	while (array_iterate(iterator, &row, &is_null))
	{
		if (!is_null)
			write_token(writer, DatumGetHeapTupleHeader(row), columns, numbers,
						separator);
		CHECK_FOR_INTERRUPTS();
	}
	xmlTextWriterEndElement(writer);
	ReleaseTupleDesc(columns);
	array_free_iterator(iterator);
}

/* The document as a text in the encoding of the database */
static text *
print_tokens(ArrayType *tokens, char separator)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	xmlTextWriterPtr writer = xmlNewTextWriterMemory(buffer, 0);
	text	   *volatile document = NULL;

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
	return document;
}

/*
 * signup_document(tokens signup_token[], separator "char") returns text: the
 * document of these tokens; separator stands between date and time.
 */
Datum
tl_signup_document(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(print_tokens(PG_GETARG_ARRAYTYPE_P(0),
								  PG_GETARG_CHAR(1)));
}
