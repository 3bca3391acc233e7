/*-------------------------------------------------------------------------
 *
 * decimal.c
 *		Conversions between decimal text, numeric and amount (contract,
 *		section 3).
 *
 * This is the only place that converts a decimal number to an amount and rounds
 * it.  Type input, casts, round_amount() and documents all use it.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/types/decimal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "types/amount.h"

/* Digits before the decimal point of the largest amount */
#define AMOUNT_INTEGER_DIGITS 13

/*
 * Larger exponents are cut to about this value, which avoids an overflow.  It
 * exceeds the length of any text, so the result (zero or out of range) is the
 * same.
 */
#define EXPONENT_LIMIT (PG_INT64_MAX / 16)

/*
 * The parts of a number in a text: sign, digits (perhaps with a point among
 * them), and the position of the decimal point after the exponent is applied.
 */
typedef struct DecimalParts
{
	bool		negative;
	const char *digits;			/* first digit or point, not terminated */
	size_t		length;			/* of digits and point together */
	int64		integer_digits;	/* digits before the point, exponent applied;
								 * can be negative */
} DecimalParts;

/* 10 to the exponent (0..19). */
static uint64
power_of_ten(int exponent)
{
	uint64		power = 1;

	for (; exponent > 0; exponent--)
		power *= 10;
	return power;
}

/* Read "[+-] digits" up to end.  False if the text is anything else. */
static bool
scan_exponent(const char *text, const char *end, int64 *exponent)
{
	const char *p = text;
	bool		negative = false;
	int64		value = 0;

	if (p < end && (*p == '+' || *p == '-'))
		negative = (*p++ == '-');
	if (p == end)
		return false;
	for (; p < end; p++)
	{
		if (*p < '0' || *p > '9')
			return false;
		if (value < EXPONENT_LIMIT / 10)
			value = value * 10 + (*p - '0');
	}
	*exponent = negative ? -value : value;
	return true;
}

/*
 * Find the parts of "[+-] digits [. digits] [e [+-] digits]".  At least one
 * digit must be there, before or after the point.  False if text is anything
 * else.
 */
static bool
scan_decimal(const char *text, size_t length, bool allow_exponent,
			 DecimalParts *parts)
{
	const char *p = text;
	const char *end = text + length;
	int64		before = 0;
	int64		after = 0;
	int64		exponent = 0;

	parts->negative = false;
	if (p < end && (*p == '+' || *p == '-'))
		parts->negative = (*p++ == '-');

	parts->digits = p;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		before++;
	if (p < end && *p == '.')
	{
		p++;
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			after++;
	}
	parts->length = p - parts->digits;
	if (before + after == 0)
		return false;

	if (allow_exponent && p < end && (*p == 'e' || *p == 'E'))
	{
		if (!scan_exponent(p + 1, end, &exponent))
			return false;
		p = end;
	}

	parts->integer_digits = before + exponent;
	return p == end;
}

/*
 * Whether rounding adds one unit to the magnitude.  "odd": the last digit kept
 * is odd; "first": the first digit cut off; "more": a digit other than 0
 * follows the first.
 */
static bool
rounds_up(TlRounding mode, bool negative, bool odd, int first, bool more)
{
	if (first == 0 && !more)
		return false;

	switch (mode)
	{
		case TL_ROUND_HALF_AWAY:
			return first >= 5;
		case TL_ROUND_FLOOR:
			return negative;
		case TL_ROUND_CEIL:
			return !negative;
		case TL_ROUND_HALF_EVEN:
			return first > 5 || (first == 5 && (more || odd));
		case TL_ROUND_EXACT:
			break;				/* the caller reports it */
	}
	return false;
}

/*
 * Convert decimal text to an amount, rounded to scale (0..6) decimals.
 *
 * text has length bytes, need not be terminated, and must not have blanks
 * around the number.  Any number of digits and any exponent are converted
 * exactly, in linear time.  Never raises, never allocates.
 */
TlDecimalStatus
tl_decimal_to_amount(const char *text, size_t length, bool allow_exponent,
					 int scale, TlRounding mode, TlAmount *result)
{
	DecimalParts parts;
	const char *p;
	const char *end;
	int64		kept;			/* digits still to keep */
	uint64		units = 0;		/* magnitude, in 10^-scale */
	int			first = 0;
	bool		more = false;

	Assert(scale >= 0 && scale <= TL_AMOUNT_SCALE);

	if (!scan_decimal(text, length, allow_exponent, &parts))
		return TL_DECIMAL_SYNTAX;
	p = parts.digits;
	end = p + parts.length;

	/* Leading zeros do not count. */
	for (; p < end && (*p == '0' || *p == '.'); p++)
	{
		if (*p == '0')
			parts.integer_digits--;
	}
	if (p == end)
	{
		*result = 0;
		return TL_DECIMAL_OK;
	}
	if (parts.integer_digits > AMOUNT_INTEGER_DIGITS)
		return TL_DECIMAL_RANGE;

	/* At most 13 + 6 digits are kept, which an uint64 always holds. */
	kept = parts.integer_digits + scale;
	for (; p < end && kept > 0; p++)
	{
		if (*p != '.')
		{
			units = units * 10 + (*p - '0');
			kept--;
		}
	}
	for (; kept > 0; kept--)
		units *= 10;

	/* The rest is cut off; a negative "kept" means that zeros come first. */
	if (kept == 0)
	{
		if (p < end && *p == '.')
			p++;
		if (p < end)
			first = *p++ - '0';
	}
	for (; p < end && !more; p++)
		more = (*p != '0' && *p != '.');

	if (rounds_up(mode, parts.negative, units % 2 != 0, first, more))
		units++;

	/* units is at most 10^(13 + scale), so this is at most 10^19. */
	units *= power_of_ten(TL_AMOUNT_SCALE - scale);

	if (parts.negative)
	{
		if (units > (uint64) PG_INT64_MAX + 1)
			return TL_DECIMAL_RANGE;
		/* Two's complement, without a signed overflow at the minimum. */
		units = UINT64CONST(0) - units;
	}
	else if (units > (uint64) PG_INT64_MAX)
		return TL_DECIMAL_RANGE;

	if (mode == TL_ROUND_EXACT && (first != 0 || more))
		return TL_DECIMAL_INEXACT;
	*result = (TlAmount) units;
	return TL_DECIMAL_OK;
}

/*
 * Convert a numeric to an amount, rounded to scale (0..6) decimals.  NaN and
 * the infinities are out of range.  Raises only out of memory.
 */
TlDecimalStatus
tl_numeric_to_amount(Numeric value, int scale, TlRounding mode,
					 TlAmount *result)
{
	char	   *text;
	TlDecimalStatus status;

	if (numeric_is_nan(value) || numeric_is_inf(value))
		return TL_DECIMAL_RANGE;

	text = DatumGetCString(DirectFunctionCall1(numeric_out,
											   NumericGetDatum(value)));
	status = tl_decimal_to_amount(text, strlen(text), false, scale, mode,
								  result);
	pfree(text);
	return status;
}

/*
 * Print an amount in its canonical form: no trailing zeros, no point without
 * decimals, no "-0".  buffer has room for TL_AMOUNT_BUFLEN bytes.  Returns
 * the length of the text; a NUL follows it.
 */
int
tl_amount_to_text(TlAmount value, char *buffer)
{
	int			length;

	length = tl_amount_to_fixed_text(value, TL_AMOUNT_SCALE, buffer);
	while (buffer[length - 1] == '0')
		length--;
	if (buffer[length - 1] == '.')
		length--;
	buffer[length] = '\0';
	return length;
}

/*
 * Print an amount with exactly scale (0..6) decimals, halves rounded away from
 * zero; a result of zero has no sign.  buffer has room for TL_AMOUNT_BUFLEN
 * bytes.  Returns the length of the text; a NUL follows it.
 */
int
tl_amount_to_fixed_text(TlAmount value, int scale, char *buffer)
{
	uint64		unit;			/* of the last decimal, in millionths */
	uint64		magnitude;
	uint64		fraction;
	char	   *p = buffer;

	Assert(scale >= 0 && scale <= TL_AMOUNT_SCALE);

	unit = power_of_ten(TL_AMOUNT_SCALE - scale);
	magnitude = (value < 0) ? UINT64CONST(0) - (uint64) value : (uint64) value;
	/* An uint64 holds the sum, though an amount might not. */
	magnitude = (magnitude + unit / 2) / unit;

	if (value < 0 && magnitude != 0)
		*p++ = '-';
	p += pg_ulltoa_n(magnitude / power_of_ten(scale), p);
	if (scale > 0)
	{
		fraction = magnitude % power_of_ten(scale);
		*p++ = '.';
		for (int i = scale - 1; i >= 0; i--)
		{
			p[i] = '0' + (char) (fraction % 10);
			fraction /= 10;
		}
		p += scale;
	}
	*p = '\0';
	return (int) (p - buffer);
}

/*
 * Convert an amount to a numeric without trailing zeros (5, not 5.000000),
 * allocated in the current memory context.
 */
Numeric
tl_amount_to_numeric(TlAmount value)
{
	int			scale = TL_AMOUNT_SCALE;

	while (scale > 0 && value % 10 == 0)
	{
		value /= 10;
		scale--;
	}
	return int64_div_fast_to_numeric(value, scale);
}

/* Whether an amount has at most scale (0..6) decimals */
bool
tl_amount_fits_scale(TlAmount value, int scale)
{
	Assert(scale >= 0 && scale <= TL_AMOUNT_SCALE);

	return value % (int64) power_of_ten(TL_AMOUNT_SCALE - scale) == 0;
}
