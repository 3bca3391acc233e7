/*-------------------------------------------------------------------------
 *
 * amount_agg.c
 *		sum(amount) and avg(amount) (contract, section 3).
 *
 * Both return numeric and use the transition state of core's sum(int8) and
 * avg(int8), a 128-bit sum and a count, here of millionths.  So the sum cannot
 * overflow, and the result depends neither on the order of the rows nor on the
 * split between parallel workers.  The SQL script uses core's transition,
 * combine, serialization and deserialization functions; only the final
 * functions are here.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/types/amount_agg.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "base/compat.h"

PG_FUNCTION_INFO_V1(tl_amount_sum_final);
PG_FUNCTION_INFO_V1(tl_amount_avg_final);

/*
 * Set *sum to the sum of a state, as a numeric with six decimals.  Returns
 * false if there was nothing to sum.  Raises 0A000 outside an aggregate.
 */
static bool
exact_sum(FunctionCallInfo fcinfo, Datum *sum)
{
	Datum		millionth = NumericGetDatum(int64_div_fast_to_numeric(1, 6));

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate function called in non-aggregate context")));
	*sum = numeric_poly_sum(fcinfo);
	if (fcinfo->isnull)
		return false;
	*sum = DirectFunctionCall2(numeric_mul, *sum, millionth);
	return true;
}

/* Count of the summed amounts: a serialized state begins with it. */
static int64
count_of(FunctionCallInfo fcinfo)
{
	bytea	   *state = DatumGetByteaPP(int8_avg_serialize(fcinfo));
	uint64		count;

	memcpy(&count, VARDATA_ANY(state), sizeof(count));
	return (int64) pg_ntoh64(count);
}

/*
 * amount_sum_final(internal): the exact sum without trailing zeros, or null
 * if there was nothing to sum.
 */
Datum
tl_amount_sum_final(PG_FUNCTION_ARGS)
{
	Datum		sum;

	if (!exact_sum(fcinfo, &sum))
		PG_RETURN_NULL();
	return DirectFunctionCall1(numeric_trim_scale, sum);
}

/*
 * amount_avg_final(internal): the mean, with the digits that numeric division
 * gives and at least six decimals; null if there was nothing to sum.
 */
Datum
tl_amount_avg_final(PG_FUNCTION_ARGS)
{
	Datum		sum;

	if (!exact_sum(fcinfo, &sum))
		PG_RETURN_NULL();
	return DirectFunctionCall2(numeric_div, sum,
							   NumericGetDatum(
								   int64_to_numeric(count_of(fcinfo))));
}
