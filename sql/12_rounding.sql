/* rounding: how a number becomes an amount of a given scale */

CREATE TYPE trainledger.rounding AS ENUM ('round', 'floor', 'ceil', 'half_even');
COMMENT ON TYPE trainledger.rounding IS
	'How to round: round (half away from zero), floor (down), ceil (up), half_even (half to the even digit).';

CREATE FUNCTION trainledger.round_amount(
	value numeric,
	scale integer,
	mode trainledger.rounding DEFAULT 'round'
)
	RETURNS trainledger.amount
	AS 'MODULE_PATHNAME', 'tl_round_amount'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.round_amount IS
	'Rounds a number to 0 to 6 decimals. A scale outside of that is TL400, a result beyond what an amount can hold 22003.';

CREATE FUNCTION trainledger.format_amount(value trainledger.amount, scale integer)
	RETURNS text
	AS 'MODULE_PATHNAME', 'tl_format_amount'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.format_amount IS
	'Prints an amount with exactly that many decimals (0 to 6), halves rounded away from zero: 99.90.';
