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

PG_FUNCTION_INFO_V1(tl_log_line);
PG_FUNCTION_INFO_V1(tl_log_texts);
PG_FUNCTION_INFO_V1(tl_log_leaf_hash);

/* How to print the arguments of one call site */
typedef struct Columns
{
	int			count;
	struct
	{
		Oid			type;
		FmgrInfo	output;
	}			columns[FLEXIBLE_ARRAY_MEMBER];
} Columns;

static Columns *
look_up_columns(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	int			count = PG_NARGS();
	Columns    *made;

	if (flinfo->fn_extra != NULL)
		return flinfo->fn_extra;

	made = MemoryContextAllocZero(flinfo->fn_mcxt,
								  offsetof(Columns, columns) +
									  count * sizeof(made->columns[0]));
	made->count = count;
	for (int i = 0; i < count; i++)
	{
		Oid			output;
		bool		is_varlena;

		made->columns[i].type = get_fn_expr_argtype(flinfo, i);
		getTypeOutputInfo(made->columns[i].type, &output, &is_varlena);
		fmgr_info_cxt(output, &made->columns[i].output, flinfo->fn_mcxt);
	}
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

/* Types that lines are full of are printed here; the others by their own */
static void
append_value(StringInfo line, FmgrInfo *output, Oid type, Datum value)
{
	if (type == INT8OID)
	{
		char		digits[MAXINT8LEN + 1];

		appendBinaryStringInfo(line, digits,
							   pg_lltoa(DatumGetInt64(value), digits));
	}
	else if (type == TIMESTAMPTZOID)
		append_time(line, DatumGetTimestampTz(value));
	else if (type == UUIDOID)
		append_uuid(line, DatumGetUUIDP(value));
	else if (type == TEXTOID)
	{
		text	   *bytes = DatumGetTextPP(value);

		append_escaped(line, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	}
	else
	{
		char	   *printed = OutputFunctionCall(output, value);

		append_escaped(line, printed, strlen(printed));
		pfree(printed);
	}
}

/* The arguments from the given one on, as a line of COPY without its end */
static StringInfoData
make_line(FunctionCallInfo fcinfo, int first)
{
	Columns    *columns = look_up_columns(fcinfo);
	StringInfoData line;

	initStringInfo(&line);
	for (int i = first; i < columns->count; i++)
	{
		if (i > first)
			appendStringInfoChar(&line, '\t');
		if (PG_ARGISNULL(i))
			appendBinaryStringInfo(&line, "\\N", 2);
		else
			append_value(&line, &columns->columns[i].output,
						 columns->columns[i].type, PG_GETARG_DATUM(i));
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
	StringInfoData line = make_line(fcinfo, 0);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(line.data, line.len));
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
		StringInfoData line = make_line(fcinfo, 2);

		hash = tl_sha256((uint8 *) VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt),
						 line.data, line.len);
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
