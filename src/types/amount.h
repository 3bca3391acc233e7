/*-------------------------------------------------------------------------
 *
 * amount.h
 *		The fixed-point decimal behind trainledger.amount, and its rounding
 *		(contract, section 3).
 *
 * An amount is a signed 64-bit count of millionths, so every int64 is a valid
 * amount and comparison, hashing and sorting are those of int8.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/types/amount.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_AMOUNT_H
#define TL_AMOUNT_H

#include "common/int.h"
#include "fmgr.h"
#include "utils/numeric.h"

/* A count of millionths: -9223372036854.775808 .. 9223372036854.775807 */
typedef int64 TlAmount;

#define TL_AMOUNT_SCALE		6		/* decimals an amount holds */
#define TL_AMOUNT_UNIT		INT64CONST(1000000) /* millionths in 1 */
#define TL_AMOUNT_MIN		PG_INT64_MIN
#define TL_AMOUNT_MAX		PG_INT64_MAX

/* Enough for the longest text, "-9223372036854.775808", and its NUL */
#define TL_AMOUNT_BUFLEN	24

#define DatumGetAmount(datum)	((TlAmount) DatumGetInt64(datum))
#define AmountGetDatum(value)	Int64GetDatum(value)
#define PG_GETARG_AMOUNT(n)		DatumGetAmount(PG_GETARG_DATUM(n))
#define PG_RETURN_AMOUNT(value)	return AmountGetDatum(value)

/* How to round digits beyond the wanted scale */
typedef enum TlRounding
{
	TL_ROUND_HALF_AWAY,			/* to nearest, halves away from zero: 'round' */
	TL_ROUND_FLOOR,				/* toward minus infinity: 'floor' */
	TL_ROUND_CEIL,				/* toward plus infinity: 'ceil' */
	TL_ROUND_HALF_EVEN,			/* to nearest, halves to the even digit */
	TL_ROUND_EXACT				/* refuse to lose a digit (no SQL label) */
} TlRounding;

/* Outcome of a conversion; the result is set only for TL_DECIMAL_OK */
typedef enum TlDecimalStatus
{
	TL_DECIMAL_OK,
	TL_DECIMAL_SYNTAX,			/* not a decimal number */
	TL_DECIMAL_INEXACT,			/* TL_ROUND_EXACT would have lost digits */
	TL_DECIMAL_RANGE			/* beyond what an amount can hold */
} TlDecimalStatus;

/* decimal.c */
extern TlDecimalStatus tl_decimal_to_amount(const char *text, size_t length,
											bool allow_exponent, int scale,
											TlRounding mode,
											TlAmount *result);
extern TlDecimalStatus tl_numeric_to_amount(Numeric value, int scale,
											TlRounding mode,
											TlAmount *result);
extern PGDLLEXPORT Datum tl_amount_out(PG_FUNCTION_ARGS);
extern int	tl_amount_to_text(TlAmount value, char *buffer);
extern int	tl_amount_to_fixed_text(TlAmount value, int scale, char *buffer);
extern Numeric tl_amount_to_numeric(TlAmount value);
extern bool	tl_amount_fits_scale(TlAmount value, int scale);

/* rounding.c */
extern TlRounding tl_rounding_from_label(const char *label);
extern TlRounding tl_rounding_from_oid(Oid label);

#endif							/* TL_AMOUNT_H */
