/*-------------------------------------------------------------------------
 *
 * rounding.c
 *		The enum trainledger.rounding, round_amount() and format_amount()
 *		(contract, section 3).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/types/rounding.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "base/trainledger.h"
#include "types/amount.h"

/* The SQL label of each mode; TL_ROUND_EXACT has none */
static const struct
{
	const char *label;
	TlRounding	mode;
} rounding_labels[] = {
	{.label = "round", .mode = TL_ROUND_HALF_AWAY},
	{.label = "floor", .mode = TL_ROUND_FLOOR},
	{.label = "ceil", .mode = TL_ROUND_CEIL},
	{.label = "half_even", .mode = TL_ROUND_HALF_EVEN}};

PG_FUNCTION_INFO_V1(tl_round_amount);
PG_FUNCTION_INFO_V1(tl_format_amount);

/* The mode of a label; TL_ROUND_EXACT if there is no such label */
TlRounding
tl_rounding_from_label(const char *label)
{
	for (size_t i = 0; i < lengthof(rounding_labels); i++)
	{
		if (strcmp(label, rounding_labels[i].label) == 0)
			return rounding_labels[i].mode;
	}
	return TL_ROUND_EXACT;
}

/*
 * The mode of a value of enum trainledger.rounding, by the OID of its label.
 * Raises 55000 if the label is unknown, for example because it was renamed.
 */
TlRounding
tl_rounding_from_oid(Oid label)
{
	HeapTuple	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(label));
	TlRounding	mode = TL_ROUND_EXACT;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_enum form = (Form_pg_enum) GETSTRUCT(tuple);

		mode = tl_rounding_from_label(NameStr(form->enumlabel));
		ReleaseSysCache(tuple);
	}
	if (mode == TL_ROUND_EXACT)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("unknown label of type trainledger.rounding"),
				 errdetail("Rounding modes are those that the extension made."),
				 errhint("Use a mode of the documentation; rename one that was renamed back with ALTER TYPE.")));
	return mode;
}

/* Raise TL400 unless scale is from 0 to 6. */
static void
check_scale(int scale)
{
	if (scale < 0 || scale > TL_AMOUNT_SCALE)
		tl_refuse(NULL, TL_INVALID, "scale", "scale is out of range",
				  psprintf("Give a scale from 0 to %d.", TL_AMOUNT_SCALE),
				  "The scale is %d.", scale);
}

/*
 * round_amount(value numeric, scale integer, mode rounding): the value with
 * at most scale decimals.  TL400 for a scale outside 0..6; 22003 for NaN, the
 * infinities, and a result that no amount can hold.  Strict.
 */
Datum
tl_round_amount(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	int			scale = PG_GETARG_INT32(1);
	TlRounding	mode = tl_rounding_from_oid(PG_GETARG_OID(2));
	TlAmount	result = 0;

	check_scale(scale);
	if (tl_numeric_to_amount(value, scale, mode, &result) != TL_DECIMAL_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount out of range")));
	PG_RETURN_AMOUNT(result);
}

/*
 * format_amount(value amount, scale integer): the value as text with exactly
 * scale decimals, halves rounded away from zero.  TL400 for a scale outside
 * 0..6.  Strict.
 */
Datum
tl_format_amount(PG_FUNCTION_ARGS)
{
	TlAmount	value = PG_GETARG_AMOUNT(0);
	int			scale = PG_GETARG_INT32(1);
	char		text[TL_AMOUNT_BUFLEN];
	int			length;

	check_scale(scale);
	length = tl_amount_to_fixed_text(value, scale, text);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text, length));
}
