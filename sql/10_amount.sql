/* amount: exact money and tokens, six decimals in eight bytes */

CREATE TYPE trainledger.amount;

/* input and output */

CREATE FUNCTION trainledger.amount_in(cstring)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_amount_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_in IS
	'Reads an amount: optional sign, digits, optional fraction of six decimals at most.';

CREATE FUNCTION trainledger.amount_out(trainledger.amount)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'tl_amount_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_out IS
	'Prints an amount without trailing zeros.';

CREATE FUNCTION trainledger.amount_recv(internal)
	RETURNS trainledger.amount
	AS 'int8recv'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_recv IS
	'Reads an amount in binary form: millionths in eight bytes.';

CREATE FUNCTION trainledger.amount_send(trainledger.amount)
	RETURNS bytea
	AS 'int8send'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_send IS
	'Gives an amount in binary form: millionths in eight bytes.';

/* category N makes coalesce(x, 0), CASE and UNION find the common type */
CREATE TYPE trainledger.amount (
	INPUT = trainledger.amount_in,
	OUTPUT = trainledger.amount_out,
	RECEIVE = trainledger.amount_recv,
	SEND = trainledger.amount_send,
	LIKE = pg_catalog.int8,
	CATEGORY = 'N',
	PREFERRED = false
);
COMMENT ON TYPE trainledger.amount IS
	'Exact decimal number with six decimals, from -9223372036854.775808 to 9223372036854.775807. Printed without trailing zeros.';

/* comparison: an amount is an int8 of millionths, so core's code serves */

CREATE FUNCTION trainledger.amount_lt(trainledger.amount, trainledger.amount)
	RETURNS boolean
	AS 'int8lt'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_lt IS
	'Is the first amount less than the second?';

CREATE FUNCTION trainledger.amount_le(trainledger.amount, trainledger.amount)
	RETURNS boolean
	AS 'int8le'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_le IS
	'Is the first amount less than or equal to the second?';

CREATE FUNCTION trainledger.amount_eq(trainledger.amount, trainledger.amount)
	RETURNS boolean
	AS 'int8eq'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_eq IS
	'Are two amounts equal?';

CREATE FUNCTION trainledger.amount_ne(trainledger.amount, trainledger.amount)
	RETURNS boolean
	AS 'int8ne'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_ne IS
	'Do two amounts differ?';

CREATE FUNCTION trainledger.amount_ge(trainledger.amount, trainledger.amount)
	RETURNS boolean
	AS 'int8ge'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_ge IS
	'Is the first amount greater than or equal to the second?';

CREATE FUNCTION trainledger.amount_gt(trainledger.amount, trainledger.amount)
	RETURNS boolean
	AS 'int8gt'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_gt IS
	'Is the first amount greater than the second?';

CREATE FUNCTION trainledger.amount_cmp(trainledger.amount, trainledger.amount)
	RETURNS integer
	AS 'btint8cmp'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_cmp IS
	'Compares two amounts: less than, equal to or greater than 0, as the first is to the second.';

CREATE FUNCTION trainledger.amount_sortsupport(internal)
	RETURNS void
	AS 'btint8sortsupport'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sortsupport IS
	'Makes sorting amounts fast.';

CREATE FUNCTION trainledger.amount_in_range(trainledger.amount, trainledger.amount, trainledger.amount, boolean, boolean)
	RETURNS boolean
	AS 'in_range_int8_int8'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_in_range IS
	'Serves window frames like RANGE BETWEEN 5 PRECEDING AND CURRENT ROW.';

CREATE FUNCTION trainledger.amount_hash(trainledger.amount)
	RETURNS integer
	AS 'hashint8'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_hash IS
	'Hashes an amount.';

CREATE FUNCTION trainledger.amount_hash_extended(trainledger.amount, bigint)
	RETURNS bigint
	AS 'hashint8extended'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_hash_extended IS
	'Hashes an amount to 64 bits, with a seed.';

CREATE OPERATOR trainledger.< (
	FUNCTION = trainledger.amount_lt,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.>), NEGATOR = OPERATOR(trainledger.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR trainledger.< (trainledger.amount, trainledger.amount) IS
	'less than';

CREATE OPERATOR trainledger.<= (
	FUNCTION = trainledger.amount_le,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.>=), NEGATOR = OPERATOR(trainledger.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR trainledger.<= (trainledger.amount, trainledger.amount) IS
	'less than or equal';

CREATE OPERATOR trainledger.= (
	FUNCTION = trainledger.amount_eq,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.=), NEGATOR = OPERATOR(trainledger.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR trainledger.= (trainledger.amount, trainledger.amount) IS
	'equal';

CREATE OPERATOR trainledger.<> (
	FUNCTION = trainledger.amount_ne,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.<>), NEGATOR = OPERATOR(trainledger.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR trainledger.<> (trainledger.amount, trainledger.amount) IS
	'not equal';

CREATE OPERATOR trainledger.>= (
	FUNCTION = trainledger.amount_ge,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.<=), NEGATOR = OPERATOR(trainledger.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR trainledger.>= (trainledger.amount, trainledger.amount) IS
	'greater than or equal';

CREATE OPERATOR trainledger.> (
	FUNCTION = trainledger.amount_gt,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.<), NEGATOR = OPERATOR(trainledger.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR trainledger.> (trainledger.amount, trainledger.amount) IS
	'greater than';

CREATE OPERATOR CLASS trainledger.amount_ops
	DEFAULT FOR TYPE trainledger.amount USING btree AS
	OPERATOR 1 trainledger.<,
	OPERATOR 2 trainledger.<=,
	OPERATOR 3 trainledger.=,
	OPERATOR 4 trainledger.>=,
	OPERATOR 5 trainledger.>,
	FUNCTION 1 trainledger.amount_cmp(trainledger.amount, trainledger.amount),
	FUNCTION 2 trainledger.amount_sortsupport(internal),
	FUNCTION 3 trainledger.amount_in_range(trainledger.amount, trainledger.amount, trainledger.amount, boolean, boolean),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS trainledger.amount_ops USING btree IS
	'Orders amounts by value.';
COMMENT ON OPERATOR FAMILY trainledger.amount_ops USING btree IS
	'Orders amounts by value.';

CREATE OPERATOR CLASS trainledger.amount_ops
	DEFAULT FOR TYPE trainledger.amount USING hash AS
	OPERATOR 1 trainledger.=,
	FUNCTION 1 trainledger.amount_hash(trainledger.amount),
	FUNCTION 2 trainledger.amount_hash_extended(trainledger.amount, bigint);
COMMENT ON OPERATOR CLASS trainledger.amount_ops USING hash IS
	'Hashes amounts by value.';
COMMENT ON OPERATOR FAMILY trainledger.amount_ops USING hash IS
	'Hashes amounts by value.';

/* arithmetic: exact, or 22003; what is missing here is done in numeric */

CREATE FUNCTION trainledger.amount_add(trainledger.amount, trainledger.amount)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_amount_add'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_add IS
	'Adds two amounts.';

CREATE FUNCTION trainledger.amount_sub(trainledger.amount, trainledger.amount)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_amount_sub'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sub IS
	'Subtracts the second amount from the first.';

CREATE FUNCTION trainledger.amount_uplus(trainledger.amount)
	RETURNS trainledger.amount
	AS 'int8up'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_uplus IS
	'Gives the amount itself.';

CREATE FUNCTION trainledger.amount_uminus(trainledger.amount)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_amount_uminus'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_uminus IS
	'Changes the sign of an amount.';

CREATE FUNCTION trainledger.amount_mul_bigint(trainledger.amount, bigint)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_amount_mul_bigint'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_mul_bigint IS
	'Multiplies an amount by a whole number.';

CREATE FUNCTION trainledger.bigint_mul_amount(bigint, trainledger.amount)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_amount_mul_bigint'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.bigint_mul_amount IS
	'Multiplies a whole number by an amount.';

CREATE FUNCTION trainledger.abs(trainledger.amount)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_amount_abs'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.abs IS
	'Gives the amount without its sign.';

CREATE OPERATOR trainledger.+ (
	FUNCTION = trainledger.amount_add,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.+)
);
COMMENT ON OPERATOR trainledger.+ (trainledger.amount, trainledger.amount) IS
	'add';

CREATE OPERATOR trainledger.- (
	FUNCTION = trainledger.amount_sub,
	LEFTARG = trainledger.amount, RIGHTARG = trainledger.amount
);
COMMENT ON OPERATOR trainledger.- (trainledger.amount, trainledger.amount) IS
	'subtract';

CREATE OPERATOR trainledger.+ (
	FUNCTION = trainledger.amount_uplus,
	RIGHTARG = trainledger.amount
);
COMMENT ON OPERATOR trainledger.+ (NONE, trainledger.amount) IS
	'unary plus';

CREATE OPERATOR trainledger.- (
	FUNCTION = trainledger.amount_uminus,
	RIGHTARG = trainledger.amount
);
COMMENT ON OPERATOR trainledger.- (NONE, trainledger.amount) IS
	'negate';

CREATE OPERATOR trainledger.* (
	FUNCTION = trainledger.amount_mul_bigint,
	LEFTARG = trainledger.amount, RIGHTARG = bigint,
	COMMUTATOR = OPERATOR(trainledger.*)
);
COMMENT ON OPERATOR trainledger.* (trainledger.amount, bigint) IS
	'multiply by a whole number';

CREATE OPERATOR trainledger.* (
	FUNCTION = trainledger.bigint_mul_amount,
	LEFTARG = bigint, RIGHTARG = trainledger.amount,
	COMMUTATOR = OPERATOR(trainledger.*)
);
COMMENT ON OPERATOR trainledger.* (bigint, trainledger.amount) IS
	'multiply a whole number';

/* casts */

CREATE FUNCTION trainledger.amount_from_smallint(smallint)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_smallint_to_amount'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_from_smallint IS
	'Converts a smallint, always exactly.';

CREATE FUNCTION trainledger.amount_from_integer(integer)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_integer_to_amount'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_from_integer IS
	'Converts an integer, always exactly.';

CREATE FUNCTION trainledger.amount_from_bigint(bigint)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_bigint_to_amount'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_from_bigint IS
	'Converts a bigint exactly, or fails if it is out of range.';

CREATE FUNCTION trainledger.amount_from_numeric(numeric)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_numeric_cast_amount'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_from_numeric IS
	'Converts a numeric that fits exactly, or fails: round_amount() rounds.';

CREATE FUNCTION trainledger.amount_to_numeric(trainledger.amount)
	RETURNS numeric
	AS 'MODULE_PATHNAME', 'tl_amount_cast_numeric'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_to_numeric IS
	'Converts an amount exactly, without trailing zeros.';

CREATE FUNCTION trainledger.amount_to_bigint(trainledger.amount)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'tl_amount_cast_bigint'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_to_bigint IS
	'Converts to a whole number, halves rounded away from zero.';

CREATE FUNCTION trainledger.amount_to_double(trainledger.amount)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'tl_amount_cast_double'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_to_double IS
	'Converts to the nearest double precision number.';

CREATE FUNCTION trainledger.amount_to_json(trainledger.amount)
	RETURNS json
	AS 'MODULE_PATHNAME', 'tl_amount_cast_json'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_to_json IS
	'Converts to a bare json number.';

CREATE FUNCTION trainledger.amount_to_jsonb(trainledger.amount)
	RETURNS jsonb
	AS 'MODULE_PATHNAME', 'tl_amount_cast_jsonb'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_to_jsonb IS
	'Converts to a bare jsonb number.';

CREATE CAST (smallint AS trainledger.amount)
	WITH FUNCTION trainledger.amount_from_smallint(smallint) AS IMPLICIT;
COMMENT ON CAST (smallint AS trainledger.amount) IS
	'Exact; wherever an amount is wanted.';

CREATE CAST (integer AS trainledger.amount)
	WITH FUNCTION trainledger.amount_from_integer(integer) AS IMPLICIT;
COMMENT ON CAST (integer AS trainledger.amount) IS
	'Exact; wherever an amount is wanted.';

CREATE CAST (bigint AS trainledger.amount)
	WITH FUNCTION trainledger.amount_from_bigint(bigint) AS IMPLICIT;
COMMENT ON CAST (bigint AS trainledger.amount) IS
	'Exact, 22003 if out of range; wherever an amount is wanted.';

CREATE CAST (numeric AS trainledger.amount)
	WITH FUNCTION trainledger.amount_from_numeric(numeric) AS ASSIGNMENT;
COMMENT ON CAST (numeric AS trainledger.amount) IS
	'Never rounds: 22P02 for more than six significant decimals, 22003 if out of range.';

CREATE CAST (trainledger.amount AS numeric)
	WITH FUNCTION trainledger.amount_to_numeric(trainledger.amount) AS IMPLICIT;
COMMENT ON CAST (trainledger.amount AS numeric) IS
	'Exact; wherever a numeric is wanted.';

CREATE CAST (trainledger.amount AS bigint)
	WITH FUNCTION trainledger.amount_to_bigint(trainledger.amount);
COMMENT ON CAST (trainledger.amount AS bigint) IS
	'Rounds halves away from zero; only where asked for.';

CREATE CAST (trainledger.amount AS double precision)
	WITH FUNCTION trainledger.amount_to_double(trainledger.amount);
COMMENT ON CAST (trainledger.amount AS double precision) IS
	'The nearest number; only where asked for.';

CREATE CAST (trainledger.amount AS json)
	WITH FUNCTION trainledger.amount_to_json(trainledger.amount);
COMMENT ON CAST (trainledger.amount AS json) IS
	'A bare number; to_json() of a row uses it.';

CREATE CAST (trainledger.amount AS jsonb)
	WITH FUNCTION trainledger.amount_to_jsonb(trainledger.amount);
COMMENT ON CAST (trainledger.amount AS jsonb) IS
	'A bare number; to_jsonb() of a row uses it.';

/* aggregates */

CREATE FUNCTION trainledger.amount_larger(trainledger.amount, trainledger.amount)
	RETURNS trainledger.amount
	AS 'int8larger'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_larger IS
	'Gives the larger of two amounts; behind max().';

CREATE FUNCTION trainledger.amount_smaller(trainledger.amount, trainledger.amount)
	RETURNS trainledger.amount
	AS 'int8smaller'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_smaller IS
	'Gives the smaller of two amounts; behind min().';

CREATE FUNCTION trainledger.amount_sum_accum(internal, trainledger.amount)
	RETURNS internal
	AS 'int8_avg_accum'
	LANGUAGE internal IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sum_accum IS
	'Adds an amount to the state of sum() and avg().';

CREATE FUNCTION trainledger.amount_sum_inverse(internal, trainledger.amount)
	RETURNS internal
	AS 'int8_avg_accum_inv'
	LANGUAGE internal IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sum_inverse IS
	'Takes an amount off the state of sum() and avg() when it leaves the window.';

CREATE FUNCTION trainledger.amount_sum_combine(internal, internal)
	RETURNS internal
	AS 'int8_avg_combine'
	LANGUAGE internal IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sum_combine IS
	'Joins two states of sum() or avg().';

CREATE FUNCTION trainledger.amount_sum_serialize(internal)
	RETURNS bytea
	AS 'int8_avg_serialize'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sum_serialize IS
	'Sends a state of sum() or avg() to another process.';

CREATE FUNCTION trainledger.amount_sum_deserialize(bytea, internal)
	RETURNS internal
	AS 'int8_avg_deserialize'
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sum_deserialize IS
	'Receives a state of sum() or avg().';

CREATE FUNCTION trainledger.amount_sum_final(internal)
	RETURNS numeric
	AS 'MODULE_PATHNAME', 'tl_amount_sum_final'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_sum_final IS
	'Ends sum().';

CREATE FUNCTION trainledger.amount_avg_final(internal)
	RETURNS numeric
	AS 'MODULE_PATHNAME', 'tl_amount_avg_final'
	LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_avg_final IS
	'Ends avg().';

CREATE AGGREGATE trainledger.min (trainledger.amount) (
	SFUNC = trainledger.amount_smaller,
	STYPE = trainledger.amount,
	COMBINEFUNC = trainledger.amount_smaller,
	SORTOP = OPERATOR(trainledger.<),
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE trainledger.min (trainledger.amount) IS
	'The smallest amount of all that are not null.';

CREATE AGGREGATE trainledger.max (trainledger.amount) (
	SFUNC = trainledger.amount_larger,
	STYPE = trainledger.amount,
	COMBINEFUNC = trainledger.amount_larger,
	SORTOP = OPERATOR(trainledger.>),
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE trainledger.max (trainledger.amount) IS
	'The largest amount of all that are not null.';

CREATE AGGREGATE trainledger.sum (trainledger.amount) (
	SFUNC = trainledger.amount_sum_accum,
	STYPE = internal,
	SSPACE = 32,
	FINALFUNC = trainledger.amount_sum_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = trainledger.amount_sum_combine,
	SERIALFUNC = trainledger.amount_sum_serialize,
	DESERIALFUNC = trainledger.amount_sum_deserialize,
	MSFUNC = trainledger.amount_sum_accum,
	MINVFUNC = trainledger.amount_sum_inverse,
	MSTYPE = internal,
	MSSPACE = 32,
	MFINALFUNC = trainledger.amount_sum_final,
	MFINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE trainledger.sum (trainledger.amount) IS
	'The exact sum as a numeric, which no number of amounts overflows.';

CREATE AGGREGATE trainledger.avg (trainledger.amount) (
	SFUNC = trainledger.amount_sum_accum,
	STYPE = internal,
	SSPACE = 32,
	FINALFUNC = trainledger.amount_avg_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = trainledger.amount_sum_combine,
	SERIALFUNC = trainledger.amount_sum_serialize,
	DESERIALFUNC = trainledger.amount_sum_deserialize,
	MSFUNC = trainledger.amount_sum_accum,
	MINVFUNC = trainledger.amount_sum_inverse,
	MSTYPE = internal,
	MSSPACE = 32,
	MFINALFUNC = trainledger.amount_avg_final,
	MFINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE trainledger.avg (trainledger.amount) IS
	'The average as a numeric, with six decimals at least.';

/* ranges */

CREATE FUNCTION trainledger.amount_diff(trainledger.amount, trainledger.amount)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'tl_amount_diff'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.amount_diff IS
	'Gives about how far apart two amounts are; for indexes on ranges.';

CREATE TYPE trainledger.amount_range AS RANGE (
	SUBTYPE = trainledger.amount,
	SUBTYPE_OPCLASS = trainledger.amount_ops,
	SUBTYPE_DIFF = trainledger.amount_diff,
	MULTIRANGE_TYPE_NAME = trainledger.amount_multirange
);
COMMENT ON TYPE trainledger.amount_range IS
	'A range of amounts: the bounds that a balance stays within, for example.';
COMMENT ON TYPE trainledger.amount_multirange IS
	'A set of ranges of amounts that do not touch.';
COMMENT ON FUNCTION trainledger.amount_range(trainledger.amount, trainledger.amount) IS
	'Makes a range that includes its lower and excludes its upper bound.';
COMMENT ON FUNCTION trainledger.amount_range(trainledger.amount, trainledger.amount, text) IS
	'Makes a range; the text says which bounds are included: [], [), (] or ().';
COMMENT ON FUNCTION trainledger.amount_multirange() IS
	'Makes an empty set of ranges.';
COMMENT ON FUNCTION trainledger.amount_multirange(trainledger.amount_range) IS
	'Makes a set of one range.';
COMMENT ON FUNCTION trainledger.amount_multirange(trainledger.amount_range[]) IS
	'Makes a set of ranges.';
