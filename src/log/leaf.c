/*-------------------------------------------------------------------------
 *
 * leaf.c
 *		The lines of the log: what is hashed of a row, and its hash
 *		(contract, section 17).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/leaf.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/trainledger.h"
#include "log/tree.h"
#include "types/amount.h"

PG_FUNCTION_INFO_V1(tl_log_line);
PG_FUNCTION_INFO_V1(tl_log_texts);
PG_FUNCTION_INFO_V1(tl_log_leaf_hash);

/* How to print values of a type */
typedef enum Form
{
	FORM_OTHER,					/* with the type's own function */
	FORM_INT8,
	FORM_TIME,
	FORM_UUID,
	FORM_TEXT,
	FORM_AMOUNT,
	FORM_ENUM
} Form;

typedef struct Column
{
	Form		form;
	FmgrInfo	output;
	Oid			label_of;		/* value of an enum that was printed last */
	NameData	label;
} Column;

/* How to print the arguments of one call site */
typedef struct Columns
{
	int			count;
	StringInfoData line;		/* the last one, whose memory is used again */
	Column		columns[FLEXIBLE_ARRAY_MEMBER];
} Columns;

static Form
form_of(Oid type, const FmgrInfo *output)
{
	switch (type)
	{
		case INT8OID:
			return FORM_INT8;
		case TIMESTAMPTZOID:
			return FORM_TIME;
		case UUIDOID:
			return FORM_UUID;
		case TEXTOID:
			return FORM_TEXT;
		default:
			if (output->fn_addr == tl_amount_out)
				return FORM_AMOUNT;
			return type_is_enum(type) ? FORM_ENUM : FORM_OTHER;
	}
}

static Columns *
look_up_columns(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	int			count = PG_NARGS();
	Columns    *made;
	MemoryContext outer;

	if (flinfo->fn_extra != NULL)
		return flinfo->fn_extra;

	made = MemoryContextAllocZero(flinfo->fn_mcxt,
								  offsetof(Columns, columns) +
									  count * sizeof(made->columns[0]));
	made->count = count;
	for (int i = 0; i < count; i++)
	{
		Column	   *column = &made->columns[i];
		Oid			type = get_fn_expr_argtype(flinfo, i);
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(type, &output, &is_varlena);
		fmgr_info_cxt(output, &column->output, flinfo->fn_mcxt);
		column->form = form_of(type, &column->output);
	}
	outer = MemoryContextSwitchTo(flinfo->fn_mcxt);
	initStringInfo(&made->line);
	MemoryContextSwitchTo(outer);
	flinfo->fn_extra = made;
	return made;
}

/* Append bytes as COPY writes them */
static void
append_escaped(StringInfo line, const char *bytes, int length)
{
	const char *end = bytes + length;
	const char *from = bytes;

	for (; bytes < end; bytes++)
	{
		/* from backspace on */
		static const char letters[] = "btnvfr";
		unsigned char byte = (unsigned char) *bytes;
		char		letter;

		if (byte > '\r' && byte != '\\')
			continue;			/* nearly all of them */
		if (byte < '\b')
			continue;
		letter = byte == '\\' ? '\\' : letters[byte - '\b'];
		appendBinaryStringInfo(line, from, bytes - from);
		appendStringInfoChar(line, '\\');
		appendStringInfoChar(line, letter);
		from = bytes + 1;
	}
	appendBinaryStringInfo(line, from, end - from);
}

/* A time in UTC, ISO 8601 with microseconds, whatever the session's settings */
static void
append_time(StringInfo line, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		microseconds;
	char		printed[MAXDATELEN + 1];
	char	   *end = printed;

	if (TIMESTAMP_NOT_FINITE(time))
	{
		if (TIMESTAMP_IS_NOBEGIN(time))
			appendStringInfoChar(line, '-');
		appendStringInfoString(line, "infinity");
		return;
	}
	if (timestamp2tm(time, NULL, &tm, &microseconds, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	/* years before the first one come in no form of ISO 8601: as they count */
	if (tm.tm_year < 0)
		*end++ = '-';
	end = pg_ultostr_zeropad(end, abs(tm.tm_year), 4);
	*end++ = '-';
	end = pg_ultostr_zeropad(end, tm.tm_mon, 2);
	*end++ = '-';
	end = pg_ultostr_zeropad(end, tm.tm_mday, 2);
	*end++ = 'T';
	end = pg_ultostr_zeropad(end, tm.tm_hour, 2);
	*end++ = ':';
	end = pg_ultostr_zeropad(end, tm.tm_min, 2);
	*end++ = ':';
	end = pg_ultostr_zeropad(end, tm.tm_sec, 2);
	*end++ = '.';
	end = pg_ultostr_zeropad(end, microseconds, 6);
	*end++ = 'Z';
	appendBinaryStringInfo(line, printed, end - printed);
}

static void
append_uuid(StringInfo line, const pg_uuid_t *uuid)
{
	char		digits[2 * UUID_LEN];
	char		printed[2 * UUID_LEN + 4];
	char	   *end = printed;

	hex_encode((const char *) uuid->data, UUID_LEN, digits);
	for (int i = 0; i < 2 * UUID_LEN; i++)
	{
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*end++ = '-';
		*end++ = digits[i];
	}
	appendBinaryStringInfo(line, printed, sizeof(printed));
}

/* An enum has few values, and a column often the same one again */
static void
append_label(StringInfo line, Column *column, Datum value)
{
	Oid			label_of = DatumGetObjectId(value);

	if (label_of != column->label_of)
	{
		namestrcpy(&column->label, OutputFunctionCall(&column->output, value));
		column->label_of = label_of;
	}
	append_escaped(line, NameStr(column->label),
				   strlen(NameStr(column->label)));
}

/* Types that lines are full of are printed here; the others by their own */
static void
append_value(StringInfo line, Column *column, Datum value)
{
	char		digits[Max(MAXINT8LEN + 1, TL_AMOUNT_BUFLEN)];
	text	   *bytes;
	char	   *printed;

	switch (column->form)
	{
		case FORM_INT8:
			appendBinaryStringInfo(line, digits,
								   pg_lltoa(DatumGetInt64(value), digits));
			break;
		case FORM_AMOUNT:
			appendBinaryStringInfo(line, digits,
								   tl_amount_to_text(DatumGetAmount(value),
													 digits));
			break;
		case FORM_TIME:
			append_time(line, DatumGetTimestampTz(value));
			break;
		case FORM_UUID:
			append_uuid(line, DatumGetUUIDP(value));
			break;
		case FORM_TEXT:
			bytes = DatumGetTextPP(value);
			append_escaped(line, VARDATA_ANY(bytes),
						   VARSIZE_ANY_EXHDR(bytes));
			break;
		case FORM_ENUM:
			append_label(line, column, value);
			break;
		case FORM_OTHER:
			printed = OutputFunctionCall(&column->output, value);
			append_escaped(line, printed, strlen(printed));
			pfree(printed);
			break;
	}
}

/*
 * The arguments from the given one on, as a line of COPY without its end; it is
 * the caller's until the next call of the same call site
 */
static StringInfo
make_line(FunctionCallInfo fcinfo, int first)
{
	Columns    *columns = look_up_columns(fcinfo);
	StringInfo	line = &columns->line;

	resetStringInfo(line);
	for (int i = first; i < columns->count; i++)
	{
		if (i > first)
			appendStringInfoCharMacro(line, '\t');
		if (PG_ARGISNULL(i))
			appendBinaryStringInfo(line, "\\N", 2);
		else
			append_value(line, &columns->columns[i], PG_GETARG_DATUM(i));
	}
	return line;
}

/*
 * log_line(VARIADIC "any") returns text: the values as a line of COPY, without
 * the newline; times in UTC, whatever DateStyle and TimeZone are
 */
Datum
tl_log_line(PG_FUNCTION_ARGS)
{
	StringInfo	line = make_line(fcinfo, 0);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(line->data, line->len));
}

/*
 * log_texts(kept bytea, salt bytea, VARIADIC "any") returns text: the hash that
 * was kept of texts that are gone, else the SHA-256 of the salt and the values'
 * line of COPY, in hexadecimal digits; null without either
 */
Datum
tl_log_texts(PG_FUNCTION_ARGS)
{
	TlHash		hash;
	text	   *digits;

	if (!PG_ARGISNULL(0))
	{
		bytea	   *kept = PG_GETARG_BYTEA_PP(0);

		if (VARSIZE_ANY_EXHDR(kept) != TL_HASH_BYTES)
			PG_RETURN_NULL();
		memcpy(hash.bytes, VARDATA_ANY(kept), TL_HASH_BYTES);
	}
	else if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	else
	{
		bytea	   *salt = PG_GETARG_BYTEA_PP(1);
		StringInfo	line = make_line(fcinfo, 2);

		hash = tl_sha256((uint8 *) VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt),
						 line->data, line->len);
	}
	digits = palloc(VARHDRSZ + 2 * TL_HASH_BYTES);
	SET_VARSIZE(digits, VARHDRSZ + 2 * TL_HASH_BYTES);
	hex_encode((char *) hash.bytes, TL_HASH_BYTES, VARDATA(digits));
	PG_RETURN_TEXT_P(digits);
}

/* log_leaf_hash(leaf text) returns bytea: the leaf's hash in the tree */
Datum
tl_log_leaf_hash(PG_FUNCTION_ARGS)
{
	text	   *leaf = PG_GETARG_TEXT_PP(0);
	TlHash		hash = tl_leaf_hash(VARDATA_ANY(leaf),
									VARSIZE_ANY_EXHDR(leaf));
	bytea	   *result = palloc(VARHDRSZ + TL_HASH_BYTES);

	SET_VARSIZE(result, VARHDRSZ + TL_HASH_BYTES);
	memcpy(VARDATA(result), hash.bytes, TL_HASH_BYTES);
	PG_RETURN_BYTEA_P(result);
}
