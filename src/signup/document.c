/*-------------------------------------------------------------------------
 *
 * document.c
 *		Imports and applies XML documents of signup tokens (contract, section
 *		10).
 *
 * A document is read to its end before anything is done, so that faults of the
 * document itself are refused first (contract, section 4).  Its tokens are kept
 * in a tuplestore, which spills to disk.  Statements see it as the table
 * document_token.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/document.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/rand.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "signup/signup.h"

PG_FUNCTION_INFO_V1(tl_signup_id);
PG_FUNCTION_INFO_V1(tl_signup_code);
PG_FUNCTION_INFO_V1(tl_import_signup_tokens);
PG_FUNCTION_INFO_V1(tl_apply_signup_tokens);

/* Length of generated codes: 16 characters of 5 bits are 80 bits */
#define CODE_CHARS			16

/* A document that is being imported or applied */
typedef struct Work
{
	bool		is_update;
	Oid			id_sequence;
	uint64		id_tail;		/* random part of all new ids */
	Tuplestorestate *rows;		/* the result */
	TupleDesc	tupdesc;		/* of document_token */
	Tuplestorestate *tokens;
	int64		count;
} Work;

/* ---------------------------------------------------------------------
 * Ids and codes
 * ---------------------------------------------------------------------
 */

static void
fill_randomly(void *bytes, int count)
{
	if (RAND_bytes(bytes, count) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
}

/*
 * A random code from OpenSSL's generator.  It has no letters and digits that
 * are easily confused: 0 O 1 I.  Codes are compared without regard to case, so
 * small letters would add nothing.
 */
static Datum
make_code(void)
{
	static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
	unsigned char random[CODE_CHARS];
	char		code[CODE_CHARS + 1] = {0};

	StaticAssertStmt(sizeof(alphabet) - 1 == 32,
					 "a character has to stand for 5 bits");
	fill_randomly(random, CODE_CHARS);
	for (int i = 0; i < CODE_CHARS; i++)
		code[i] = alphabet[random[i] & 31];
	return CStringGetTextDatum(code);
}

/* The random part of an id, 48 bits */
static uint64
make_id_tail(void)
{
	uint64		random;

	fill_randomly(&random, sizeof(random));
	return random & UINT64CONST(0xffffffffffff);
}

/*
 * An id for a token: 12 hexadecimal digits from the sequence, so that ids sort
 * in the order of creation, and 12 random ones, so that it does not collide
 * with ids imported from another system.  The first is a letter: XML libraries
 * take what has digits alone, or looks like 1e5, for a number.
 */
static Datum
make_id(Oid sequence, uint64 tail)
{
	char		id[25];

	snprintf(id, sizeof(id), "a%011llx%012llx",
			 (unsigned long long) nextval_internal(sequence, false),
			 (unsigned long long) tail);
	return CStringGetTextDatum(id);
}

static Oid
id_sequence(void)
{
	return tl_find_relation("sequence", "signup_token_id_seq");
}

/* signup_id() returns text */
Datum
tl_signup_id(PG_FUNCTION_ARGS pg_attribute_unused())
{
	return make_id(id_sequence(), make_id_tail());
}

/* signup_code() returns text */
Datum
tl_signup_code(PG_FUNCTION_ARGS pg_attribute_unused())
{
	return make_code();
}

/* ---------------------------------------------------------------------
 * The tokens of a document, as a table
 * ---------------------------------------------------------------------
 */

/*
 * Columns of document_token: position and line of a token, its elements, and
 * whether it clears the expiration.  Elements that are not given are null.
 */
enum
{
	DOC_POSITION,
	DOC_LINE,
	DOC_ELEMENTS,
	DOC_CLEARS_EXPIRATION = DOC_ELEMENTS + SIGNUP_ELEMENT_COUNT,
	DOC_COLUMN_COUNT
};

#define DOC_ID				(DOC_ELEMENTS + SIGNUP_ID)
#define DOC_CODE			(DOC_ELEMENTS + SIGNUP_CODE)

static TupleDesc
make_tupdesc(void)
{
	TupleDesc	tupdesc = CreateTemplateTupleDesc(DOC_COLUMN_COUNT);

	TupleDescInitEntry(tupdesc, DOC_POSITION + 1, "position", INT8OID, -1, 0);
	TupleDescInitEntry(tupdesc, DOC_LINE + 1, "line", INT8OID, -1, 0);
	for (int i = 0; i < SIGNUP_ELEMENT_COUNT; i++)
		TupleDescInitEntry(tupdesc, (AttrNumber) (DOC_ELEMENTS + i + 1),
						   tl_signup_elements[i].column,
						   tl_signup_elements[i].type, -1, 0);
	TupleDescInitEntry(tupdesc, DOC_CLEARS_EXPIRATION + 1,
					   "clears_expiration", BOOLOID, -1, 0);
	TupleDescFinalize(tupdesc);
	return tupdesc;
}

/*
 * SignupHandler: store the token.  A new one gets an id and, if it has none, a
 * code.
 */
static void
keep_token(const SignupToken *token, void *arg)
{
	Work	   *work = (Work *) arg;
	Datum		values[DOC_COLUMN_COUNT];
	bool		nulls[DOC_COLUMN_COUNT] = {false};

	values[DOC_POSITION] = Int64GetDatum(token->position);
	values[DOC_LINE] = Int64GetDatum(token->line);
	memcpy(values + DOC_ELEMENTS, token->values, sizeof(token->values));
	memcpy(nulls + DOC_ELEMENTS, token->nulls, sizeof(token->nulls));
	values[DOC_CLEARS_EXPIRATION] = BoolGetDatum(token->clears_expiration);
	if (!work->is_update)
	{
		values[DOC_ID] = make_id(work->id_sequence, work->id_tail);
		if (nulls[DOC_CODE])
			values[DOC_CODE] = make_code();
		nulls[DOC_ID] = nulls[DOC_CODE] = false;
	}
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

/* Run a statement; returns the number of rows that it read or wrote. */
static int64
execute(const char *statement, int expected)
{
	if (SPI_execute(statement, false, 0) != expected)
		tl_refuse_rewritten("signup_token");
	return (int64) SPI_processed;
}

/* A column (from 1) of the last statement's first row; must not be null */
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
	"  WHERE c.kind = trainledger_internal.signup_kind(d.type)"
	"  AND c.code = d.type_id)"
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

/* Run it after insert_tokens, so that it ignores a token's own row. */
static const char find_taken_code[] =
	"SELECT d.position, d.line FROM document_token d"
	" JOIN trainledger.signup_token t"
	"  ON trainledger_internal.folded(t.code) COLLATE \"C\""
	"  = trainledger_internal.folded(d.code)"
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

/* A receiver that appends the rows of a statement to the result */
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

/* Run a statement that returns the result; returns its number of rows. */
static int64
return_rows(Work *work, const char *statement, int expected)
{
	RowReceiver receiver = {
		.pub = {
			.receiveSlot = receive_row,
			.rStartup = None_Receiver->rStartup,
			.rShutdown = None_Receiver->rShutdown,
			.rDestroy = None_Receiver->rDestroy,
			.mydest = DestTuplestore,
		},
		.work = work,
	};
	SPIExecuteOptions options = {.dest = &receiver.pub};

	tl_progress_start(&receiver.progress, "tokens made", work->count);
	tuplestore_clear(work->rows);
	if (SPI_execute_extended(statement, &options) != expected)
		tl_refuse_rewritten("signup_token");
	tl_progress_end(&receiver.progress);
	return receiver.done;
}

/* Refuse the first token whose code another token has, if any. */
static void
refuse_taken_code(void)
{
	if (execute(find_taken_code, SPI_OK_SELECT) > 0)
		refuse_found(TL_CONFLICT, SIGNUP_CODE, "code is taken",
					 "A signup token has this code, or one before it in the document.",
					 "Choose another, or change the token that exists.");
}

/* Refuse the first token that was not inserted for another reason. */
static void
refuse_missing(void)
{
	(void) execute(find_missing, SPI_OK_SELECT);
	refuse_found(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION, SIGNUP_NO_ELEMENT,
				 "no row was inserted", "No other token has its code.",
				 "Look for a trigger or a unique index of your own on trainledger.signup_token.");
}

/*
 * Insert the tokens of the document, all or none.  ON CONFLICT skips a token
 * whose code is taken; we then find and refuse it.  Above READ COMMITTED, if
 * the snapshot does not show the token that has the code, ON CONFLICT raises
 * 40001.
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

	/* try again if the conflicting token has been deleted meanwhile */
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
	"SELECT trainledger_internal.update_signup_token($1, $2, $3, $4, $5, $6, $7,"
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
 * Rethrow the error that was caught.  A refusal gets the position of the token
 * and the element that it is about.
 */
static void
rethrow_for_token(TupleTableSlot *token, MemoryContext context)
{
	ErrorData  *error = tl_catch_error(context);

	if (tl_is_refusal(error->sqlerrcode))
		tl_signup_refuse(error->sqlerrcode,
						 DatumGetInt64(token->tts_values[DOC_POSITION]),
						 DatumGetInt64(token->tts_values[DOC_LINE]),
						 element_of_column(error->column_name),
						 error->message, error->detail, error->hint);
	ReThrowError(error);
}

/* Update a token; elements that are not given (null) are unchanged. */
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
 * Find the first token of the document that does not exist or whose catalogue
 * item does not.  A document may change a token several times.  So the item's
 * type and code are those last given for the token up to this position, else
 * those in the table.
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
	"  WHERE c.kind = trainledger_internal.signup_kind(x.type)"
	"  AND c.code = x.type_id)"
	" ORDER BY x.position LIMIT 1";

/* Missing objects are refused before other faults (contract, section 4). */
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

/* Apply the changes of the document, in its order. */
static void
apply_tokens(Work *work)
{
	static const Oid types[DOC_COLUMN_COUNT - DOC_ID] = {
		TEXTOID,
		TEXTOID,
		INT4OID,
		TEXTOID,
		BOOLOID,
		INT4OID,
		TIMESTAMPTZOID,
		BOOLOID,
	};
	static SPIPlanPtr plan = NULL;
	TupleTableSlot *token = MakeSingleTupleTableSlot(work->tupdesc,
													 &TTSOpsMinimalTuple);
	TlProgress	progress;
	int64		done = 0;

	refuse_unknown();

	tl_progress_start(&progress, "tokens changed", work->count);
	tuplestore_rescan(work->tokens);
	while (tuplestore_gettupleslot(work->tokens, true, false, token))
	{
		(void) tl_saved_plan(&plan, update_token, lengthof(types), types, 0);
		apply_token(work, plan, token);
		tl_progress_step(&progress, ++done);
	}
	tl_progress_end(&progress);
	ExecDropSingleTupleTableSlot(token);
}

/* ---------------------------------------------------------------------
 * Documents
 * ---------------------------------------------------------------------
 */

/*
 * Import or apply a document, one at a time: see TL_MUTEX_SIGNUP_CODES.
 * Claims, single new tokens and other changes lock one token each and need no
 * mutex.
 */
static Datum
do_document(FunctionCallInfo fcinfo, bool is_update, void (*work_on)(Work *))
{
	Work		work = {0};
	bytea	   *document;
	const char *charset = NULL;

	if (PG_ARGISNULL(0))
		tl_refuse(NULL, TL_INVALID, "document", "document is missing",
				  "Give the bytes of an XML document.",
				  "The argument document is null.");
	document = PG_GETARG_BYTEA_PP(0);
	/* a body of a request may come with the charset of its media type */
	if (PG_NARGS() > 1 && !PG_ARGISNULL(1))
		charset = text_to_cstring(PG_GETARG_TEXT_PP(1));

	work.is_update = is_update;
	work.id_sequence = id_sequence();
	work.id_tail = make_id_tail();
	work.tupdesc = make_tupdesc();
	work.tokens = tuplestore_begin_heap(false, false, maintenance_work_mem);
	tl_read_signup_tokens(VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document),
						  charset, is_update, keep_token, &work);

	tl_lock(TL_MUTEX_SIGNUP_CODES,
			is_update ? "apply_signup_tokens()" : "import_signup_tokens()");
	/* only now: the table may have changed while we waited */
	InitMaterializedSRF(fcinfo, 0);
	work.rows = ((ReturnSetInfo *) fcinfo->resultinfo)->setResult;
	SPI_connect();
	register_tokens(&work);
	work_on(&work);
	SPI_finish();
	tuplestore_end(work.tokens);
	return (Datum) 0;
}

/*
 * import_signup_tokens(document bytea) returns setof signup_token, and
 * import_signup_body(document bytea, charset text)
 */
Datum
tl_import_signup_tokens(PG_FUNCTION_ARGS)
{
	return do_document(fcinfo, false, import_tokens);
}

/*
 * apply_signup_tokens(document bytea) returns setof signup_token, and
 * apply_signup_body(document bytea, charset text)
 */
Datum
tl_apply_signup_tokens(PG_FUNCTION_ARGS)
{
	return do_document(fcinfo, true, apply_tokens);
}
