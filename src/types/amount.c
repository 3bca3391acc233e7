/*-------------------------------------------------------------------------
 *
 * amount.c
 *		The type trainledger.amount: text I/O, arithmetic, casts (contract,
 *		section 3).
 *
 * Binary I/O, comparison, hashing and sorting need no code: the SQL script
 * borrows those of int8.  All functions here are strict.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/types/amount.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "types/amount.h"
#include "base/compat.h"

/* Integers up to here are exact in a double */
#define EXACT_IN_DOUBLE (INT64CONST(1) << 53)

PG_FUNCTION_INFO_V1(tl_amount_in);
PG_FUNCTION_INFO_V1(tl_amount_out);
PG_FUNCTION_INFO_V1(tl_amount_add);
PG_FUNCTION_INFO_V1(tl_amount_sub);
PG_FUNCTION_INFO_V1(tl_amount_uminus);
PG_FUNCTION_INFO_V1(tl_amount_abs);
PG_FUNCTION_INFO_V1(tl_amount_mul_bigint);
PG_FUNCTION_INFO_V1(tl_amount_diff);
PG_FUNCTION_INFO_V1(tl_smallint_to_amount);
PG_FUNCTION_INFO_V1(tl_integer_to_amount);
PG_FUNCTION_INFO_V1(tl_bigint_to_amount);
PG_FUNCTION_INFO_V1(tl_numeric_cast_amount);
PG_FUNCTION_INFO_V1(tl_amount_cast_numeric);
PG_FUNCTION_INFO_V1(tl_amount_cast_bigint);
PG_FUNCTION_INFO_V1(tl_amount_cast_double);
PG_FUNCTION_INFO_V1(tl_amount_cast_json);
PG_FUNCTION_INFO_V1(tl_amount_cast_jsonb);

/* Raise 22003: no amount can hold the result. */
static void
out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("amount out of range")));
}

/*
 * Multiply by a whole number, exactly.  22003 if the product is out of range.
 */
static TlAmount
multiply(TlAmount value, int64 factor)
{
	int64		result;

	if (pg_mul_s64_overflow(value, factor, &result))
		out_of_range();
	return result;
}

/*
 * amount_in(cstring): a decimal number without exponent; blanks around it are
 * ignored.  22P02 for bad syntax or more than six significant decimals, 22003
 * if it is out of range; both are soft errors if the server has those.
 */
Datum
tl_amount_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *start = text;
	const char *end = text + strlen(text);
	TlAmount	result = 0;

	while (scanner_isspace(*start))
		start++;
	while (end > start && scanner_isspace(end[-1]))
		end--;

	switch (tl_decimal_to_amount(start, end - start, false, TL_AMOUNT_SCALE,
								 TL_ROUND_EXACT, &result))
	{
		case TL_DECIMAL_OK:
			break;
		case TL_DECIMAL_SYNTAX:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type %s: \"%s\"",
							"amount", text)));
		case TL_DECIMAL_INEXACT:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type %s: \"%s\"",
							"amount", text),
					 errdetail("An amount has six decimals at most.")));
		case TL_DECIMAL_RANGE:
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value \"%s\" is out of range for type %s",
							text, "amount")));
	}
	PG_RETURN_AMOUNT(result);
}

/* amount_out(amount): the canonical text, see tl_amount_to_text(). */
Datum
tl_amount_out(PG_FUNCTION_ARGS)
{
	char	   *buffer = palloc(TL_AMOUNT_BUFLEN);

	tl_amount_to_text(PG_GETARG_AMOUNT(0), buffer);
	PG_RETURN_CSTRING(buffer);
}

/* amount + amount.  22003 if the sum is out of range. */
Datum
tl_amount_add(PG_FUNCTION_ARGS)
{
	TlAmount	result;

	if (pg_add_s64_overflow(PG_GETARG_AMOUNT(0), PG_GETARG_AMOUNT(1), &result))
		out_of_range();
	PG_RETURN_AMOUNT(result);
}

/* amount - amount.  22003 if the difference is out of range. */
Datum
tl_amount_sub(PG_FUNCTION_ARGS)
{
	TlAmount	result;

	if (pg_sub_s64_overflow(PG_GETARG_AMOUNT(0), PG_GETARG_AMOUNT(1), &result))
		out_of_range();
	PG_RETURN_AMOUNT(result);
}

/* - amount.  22003 for the smallest amount, which has no counterpart. */
Datum
tl_amount_uminus(PG_FUNCTION_ARGS)
{
	TlAmount	value = PG_GETARG_AMOUNT(0);

	if (value == TL_AMOUNT_MIN)
		out_of_range();
	PG_RETURN_AMOUNT(-value);
}

/* abs(amount).  22003 for the smallest amount, which has no counterpart. */
Datum
tl_amount_abs(PG_FUNCTION_ARGS)
{
	TlAmount	value = PG_GETARG_AMOUNT(0);

	if (value == TL_AMOUNT_MIN)
		out_of_range();
	PG_RETURN_AMOUNT(value < 0 ? -value : value);
}

/* amount * bigint or the reverse, exact.  22003 if it is out of range. */
Datum
tl_amount_mul_bigint(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(multiply(PG_GETARG_INT64(0), PG_GETARG_INT64(1)));
}

/*
 * amount_diff(a, b): a - b as a double, exact enough for the planner and GiST.
 * It is the subtype_diff of amount_range.  Never overflows.
 */
Datum
tl_amount_diff(PG_FUNCTION_ARGS)
{
	double		a = (double) PG_GETARG_AMOUNT(0);
	double		b = (double) PG_GETARG_AMOUNT(1);

	PG_RETURN_FLOAT8((a - b) / TL_AMOUNT_UNIT);
}

/* smallint -> amount, always exact. */
Datum
tl_smallint_to_amount(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT((int64) PG_GETARG_INT16(0) * TL_AMOUNT_UNIT);
}

/* integer -> amount, always exact. */
Datum
tl_integer_to_amount(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT((int64) PG_GETARG_INT32(0) * TL_AMOUNT_UNIT);
}

/* bigint -> amount, exact.  22003 beyond 9223372036854 either way. */
Datum
tl_bigint_to_amount(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(multiply(TL_AMOUNT_UNIT, PG_GETARG_INT64(0)));
}

/*
 * numeric -> amount, exact.  22003 if it does not fit: out of range, NaN, the
 * infinities, or more than six significant decimals.
 */
Datum
tl_numeric_cast_amount(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	TlAmount	result = 0;

	switch (tl_numeric_to_amount(value, TL_AMOUNT_SCALE, TL_ROUND_EXACT,
								 &result))
	{
		case TL_DECIMAL_OK:
			break;
		case TL_DECIMAL_SYNTAX:	/* cannot happen */
		case TL_DECIMAL_INEXACT:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("numeric value does not fit an amount exactly"),
					 errdetail("An amount has six decimals at most."),
					 errhint("Round it first, with round_amount().")));
			break;
		case TL_DECIMAL_RANGE:
			out_of_range();
			break;
	}
	PG_RETURN_AMOUNT(result);
}

/* amount -> numeric, exact, without trailing zeros. */
Datum
tl_amount_cast_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(tl_amount_to_numeric(PG_GETARG_AMOUNT(0)));
}

/* amount -> bigint, rounded half away from zero as numeric -> bigint does. */
Datum
tl_amount_cast_bigint(PG_FUNCTION_ARGS)
{
	TlAmount	value = PG_GETARG_AMOUNT(0);
	int64		result = value / TL_AMOUNT_UNIT;
	int64		rest = value % TL_AMOUNT_UNIT;

	if (rest >= TL_AMOUNT_UNIT / 2)
		result++;
	else if (rest <= -TL_AMOUNT_UNIT / 2)
		result--;
	PG_RETURN_INT64(result);
}

/* amount -> double precision, the nearest one. */
Datum
tl_amount_cast_double(PG_FUNCTION_ARGS)
{
	TlAmount	value = PG_GETARG_AMOUNT(0);
	char		text[TL_AMOUNT_BUFLEN];

	/* both numbers are exact, so that the division is the only rounding */
	if (value >= -EXACT_IN_DOUBLE && value <= EXACT_IN_DOUBLE)
		PG_RETURN_FLOAT8((double) value / (double) TL_AMOUNT_UNIT);

	tl_amount_to_text(value, text);
	PG_RETURN_FLOAT8(strtod(text, NULL));
}

/* amount -> json, as a bare number. */
Datum
tl_amount_cast_json(PG_FUNCTION_ARGS)
{
	char		text[TL_AMOUNT_BUFLEN];
	int			length = tl_amount_to_text(PG_GETARG_AMOUNT(0), text);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(text, length));
}

/* amount -> jsonb, as a number. */
Datum
tl_amount_cast_jsonb(PG_FUNCTION_ARGS)
{
	JsonbValue	number;

	number.type = jbvNumeric;
	number.val.numeric = tl_amount_to_numeric(PG_GETARG_AMOUNT(0));
	PG_RETURN_JSONB_P(JsonbValueToJsonb(&number));
}
