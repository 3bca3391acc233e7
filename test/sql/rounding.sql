-- round_amount and format_amount against plain numeric arithmetic
SET search_path = trainledger, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/oracle/rounding.sql'
\i :oracle

SELECT value, round_amount(value, 0) AS "default",
	round_amount(value, 0, 'round') AS round,
	round_amount(value, 0, 'floor') AS floor,
	round_amount(value, 0, 'ceil') AS ceil,
	round_amount(value, 0, 'half_even') AS half_even
FROM unnest(ARRAY[0, 0.4, 0.5, 0.6, 1, 1.5, 2.5, 2.500001, 3.5, -0.4, -0.5,
	-0.6, -1, -1.5, -2.5, -2.499999, -3.5]) AS value;
SELECT round_amount(value => 2.345, scale => 2) AS two,
	round_amount(5, 3) AS whole, round_amount(amount '1.25', 1) AS amount,
	round_amount(NULL, 2) AS "null", round_amount(1, 2, NULL) AS no_mode;

-- values at, just under and just over every half, and random ones
SELECT setseed(0.125);
CREATE TEMP TABLE rounding_case AS
SELECT sign * (step * power(10::numeric, -place)
	+ CASE near WHEN 0 THEN 0 ELSE near * power(10::numeric, -place - beyond) END) AS value
FROM (VALUES (1), (-1)) AS s(sign), generate_series(0, 35, 5) AS step,
	generate_series(1, 7) AS place, (VALUES (-1), (0), (1)) AS n(near),
	(VALUES (1), (7), (200)) AS b(beyond)
UNION
SELECT (CASE WHEN random() < 0.5 THEN -1 ELSE 1 END)
	* round((random()::numeric + random()::numeric / 1000000000000000)
		* power(10::numeric, floor(random() * 15)::integer - 1),
		floor(random() * 12)::integer)
FROM generate_series(1, 4000)
UNION
SELECT sign * (9223372036854.775807 + step / 20000000.0)
FROM (VALUES (1), (-1)) AS s(sign), generate_series(-40, 60) AS step
UNION
SELECT sign * power(10::numeric, place)
FROM (VALUES (1), (-1)) AS s(sign), (VALUES (-1000), (-30), (12), (13), (14), (30), (1000)) AS p(place);
SELECT count(*) > 3000 AS enough FROM rounding_case;

CREATE FUNCTION pg_temp.attempt(value numeric, scale integer, mode text)
	RETURNS text
	LANGUAGE plpgsql
AS $$
BEGIN
	RETURN round_amount(value, scale, mode::rounding);
EXCEPTION
	WHEN numeric_value_out_of_range THEN
		RETURN '22003';
END
$$;
WITH answer AS (
	SELECT value, scale, mode, pg_temp.attempt(value, scale, mode) AS found,
		pg_temp.oracle_round(value, scale, mode) AS exact
	FROM rounding_case, generate_series(0, 6) AS scale,
		unnest(enum_range(NULL::rounding)::text[]) AS mode
), checked AS (
	SELECT *, found <> CASE
		WHEN exact BETWEEN -9223372036854.775808 AND 9223372036854.775807
			THEN trim_scale(exact)::text
		ELSE '22003'
	END AS wrong
	FROM answer
)
SELECT mode, count(*) > 20000 AS enough, count(*) FILTER (WHERE wrong) AS mismatches,
	(array_agg(concat_ws(' | ', value, scale, exact, found)) FILTER (WHERE wrong))[1:5]
		AS examples
FROM checked GROUP BY mode ORDER BY mode;

-- the oracle's "round" is numeric's own, a second reference
SELECT count(*) AS mismatches
FROM rounding_case, generate_series(0, 6) AS scale
WHERE pg_temp.oracle_round(value, scale, 'round') <> round(value, scale);

-- exactly so many decimals
SELECT scale, format_amount('99.9', scale) AS "99.9", format_amount(-20, scale) AS "-20",
	format_amount('-0.000001', scale) AS "-0.000001",
	format_amount('0.5', scale) AS "0.5",
	format_amount('9223372036854.775807', scale) AS largest,
	format_amount('-9223372036854.775808', scale) AS smallest
FROM generate_series(0, 6) AS scale;
SELECT count(*) > 20000 AS enough,
	count(*) FILTER (WHERE format_amount(a, scale)
		<> round(a::numeric, scale)::text) AS mismatches
FROM (SELECT round_amount(value, 6) AS a FROM rounding_case
		WHERE abs(value) < 9223372036854) AS r,
	generate_series(0, 6) AS scale;
SELECT format_amount(NULL, 2) AS "null", format_amount(1, NULL) AS no_scale;

-- refusals
SELECT round_amount(1, 7);
SELECT round_amount(1, -1);
SELECT format_amount(1, 7);
SELECT format_amount(1, -2147483648);
SELECT round_amount(9223372036854.7758075, 6);
SELECT round_amount(9223372036854.7758075, 6, 'floor');
SELECT round_amount(-9223372036854.7758085, 6);
SELECT round_amount(-9223372036854.7758085, 6, 'half_even');
SELECT round_amount('NaN', 2);
SELECT round_amount('Infinity', 2);
SELECT round_amount('-Infinity', 2, 'ceil');
SELECT round_amount(1, 2, 'up');

-- open to those who are granted them, and to nobody else
SELECT proname, provolatile, proparallel, has_function_privilege('public', oid, 'EXECUTE') AS public
FROM pg_proc
WHERE pronamespace = 'trainledger'::regnamespace
	AND proname IN ('round_amount', 'format_amount')
ORDER BY proname;
