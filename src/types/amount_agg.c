/*-------------------------------------------------------------------------
 *
 * amount_agg.c
 *		sum(amount) and avg(amount) (contract, section 3).
 *
 * Both return numeric and keep one state: a 128-bit sum of millionths and a
 * count, so that neither the order of the rows nor the split between parallel
 * workers can overflow or change the answer.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/types/amount_agg.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/fmgrprotos.h"

#include "types/amount.h"
#include "base/compat.h"

/*
 * The sum is high * 2^64 + low, in two's complement; in words of our own
 * because not every server is built with a native 128-bit integer.  2^63
 * amounts of any size fit.
 */
typedef struct AmountSumState
{
	int64		count;			/* amounts summed, nulls aside */
	int64		high;
	uint64		low;
} AmountSumState;

PG_FUNCTION_INFO_V1(tl_amount_sum_accum);
PG_FUNCTION_INFO_V1(tl_amount_sum_inverse);
PG_FUNCTION_INFO_V1(tl_amount_sum_combine);
PG_FUNCTION_INFO_V1(tl_amount_sum_serialize);
PG_FUNCTION_INFO_V1(tl_amount_sum_deserialize);
PG_FUNCTION_INFO_V1(tl_amount_sum_final);
PG_FUNCTION_INFO_V1(tl_amount_avg_final);

static MemoryContext aggregate_context(FunctionCallInfo fcinfo);
static AmountSumState *state_argument(FunctionCallInfo fcinfo, int n);
static void add_words(AmountSumState *state, int64 high, uint64 low);
static void subtract_words(AmountSumState *state, int64 high, uint64 low);
static Numeric exact_sum(const AmountSumState *state);
static Datum append_word(Datum number, uint32 word);
static Datum numeric_constant(const char *text);

/*
 * The memory context that states live in.  An error if the function was not
 * called as part of an aggregate, but from SQL.
 */
static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate function called in non-aggregate "
						"context")));
	return context;
}

/*
 * Argument n as a state; NULL if it is null.
 */
static AmountSumState *
state_argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return NULL;
	return (AmountSumState *) PG_GETARG_POINTER(n);
}

/*
 * Add a 128-bit number to the sum.
 */
static void
add_words(AmountSumState *state, int64 high, uint64 low)
{
	state->low += low;
	state->high += high + (state->low < low ? 1 : 0);
}

/*
 * Take a 128-bit number off the sum.
 */
static void
subtract_words(AmountSumState *state, int64 high, uint64 low)
{
	state->high -= high + (state->low < low ? 1 : 0);
	state->low -= low;
}

/*
 * amount_sum_accum(internal, amount): add one amount, skip a null.
 */
Datum
tl_amount_sum_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	AmountSumState *state = state_argument(fcinfo, 0);

	if (state == NULL)
		state = MemoryContextAllocZero(context, sizeof(AmountSumState));
	if (!PG_ARGISNULL(1))
	{
		TlAmount	value = PG_GETARG_AMOUNT(1);

		add_words(state, value < 0 ? -1 : 0, (uint64) value);
		state->count++;
	}
	PG_RETURN_POINTER(state);
}

/*
 * amount_sum_inverse(internal, amount): take off again an amount that has
 * left the window frame.
 */
Datum
tl_amount_sum_inverse(PG_FUNCTION_ARGS)
{
	AmountSumState *state;

	(void) aggregate_context(fcinfo);
	state = state_argument(fcinfo, 0);
	if (state == NULL)
		elog(ERROR, "amount_sum_inverse called with a null state");
	if (!PG_ARGISNULL(1))
	{
		TlAmount	value = PG_GETARG_AMOUNT(1);

		subtract_words(state, value < 0 ? -1 : 0, (uint64) value);
		state->count--;
	}
	PG_RETURN_POINTER(state);
}

/*
 * amount_sum_combine(internal, internal): add the second state to the first.
 */
Datum
tl_amount_sum_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	AmountSumState *state = state_argument(fcinfo, 0);
	AmountSumState *other = state_argument(fcinfo, 1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	/* The other state may live in another context: copy, never adopt. */
	if (state == NULL)
		state = MemoryContextAllocZero(context, sizeof(AmountSumState));
	add_words(state, other->high, other->low);
	state->count += other->count;
	PG_RETURN_POINTER(state);
}

/*
 * amount_sum_serialize(internal): the state for another process.  Strict.
 */
Datum
tl_amount_sum_serialize(PG_FUNCTION_ARGS)
{
	AmountSumState *state;
	StringInfoData buffer;

	(void) aggregate_context(fcinfo);
	state = (AmountSumState *) PG_GETARG_POINTER(0);

	pq_begintypsend(&buffer);
	pq_sendint64(&buffer, (uint64) state->count);
	pq_sendint64(&buffer, (uint64) state->high);
	pq_sendint64(&buffer, state->low);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/*
 * amount_sum_deserialize(bytea, internal): the state back again.  Strict.
 */
Datum
tl_amount_sum_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buffer;
	AmountSumState *state;

	(void) aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);

	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes),
						   VARSIZE_ANY_EXHDR(bytes));
	state = palloc(sizeof(AmountSumState));
	state->count = pq_getmsgint64(&buffer);
	state->high = pq_getmsgint64(&buffer);
	state->low = (uint64) pq_getmsgint64(&buffer);
	pq_getmsgend(&buffer);
	pfree(buffer.data);
	PG_RETURN_POINTER(state);
}

/*
 * amount_sum_final(internal): the exact sum without trailing zeros, or null
 * if there was nothing to sum.
 */
Datum
tl_amount_sum_final(PG_FUNCTION_ARGS)
{
	AmountSumState *state = state_argument(fcinfo, 0);

	(void) aggregate_context(fcinfo);
	if (state == NULL || state->count == 0)
		PG_RETURN_NULL();

	/* All but absurd sums are amounts themselves. */
	if (state->high == ((int64) state->low < 0 ? -1 : 0))
		PG_RETURN_NUMERIC(tl_amount_to_numeric((TlAmount) state->low));

	return DirectFunctionCall1(numeric_trim_scale,
							   NumericGetDatum(exact_sum(state)));
}

/*
 * amount_avg_final(internal): the mean to as many digits as numeric division
 * gives, and six decimals at least; null if there was nothing to sum.
 */
Datum
tl_amount_avg_final(PG_FUNCTION_ARGS)
{
	AmountSumState *state = state_argument(fcinfo, 0);

	(void) aggregate_context(fcinfo);
	if (state == NULL || state->count == 0)
		PG_RETURN_NULL();

	return DirectFunctionCall2(numeric_div,
							   NumericGetDatum(exact_sum(state)),
							   NumericGetDatum(int64_to_numeric(state->count)));
}

/*
 * The sum as a numeric with six decimals, trailing zeros or not.
 */
static Numeric
exact_sum(const AmountSumState *state)
{
	Datum		sum = NumericGetDatum(int64_to_numeric(state->high));

	sum = append_word(sum, (uint32) (state->low >> 32));
	sum = append_word(sum, (uint32) state->low);
	sum = DirectFunctionCall2(numeric_mul, sum, numeric_constant("0.000001"));
	return DatumGetNumeric(sum);
}

/*
 * A numeric times 2^32, plus a word.
 */
static Datum
append_word(Datum number, uint32 word)
{
	Datum		addend = NumericGetDatum(int64_to_numeric(word));

	number = DirectFunctionCall2(numeric_mul, number,
								 numeric_constant("4294967296"));
	return DirectFunctionCall2(numeric_add, number, addend);
}

/*
 * A numeric from its text.
 */
static Datum
numeric_constant(const char *text)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}
