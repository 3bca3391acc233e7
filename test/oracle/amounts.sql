-- Amounts next to the same numbers as numeric, which is the reference for
-- all arithmetic: edges, and pseudo-random values of every magnitude.
-- The numeric column never passes through an amount.
CREATE TABLE amount_sample (
	no integer PRIMARY KEY,
	n numeric NOT NULL,
	a trainledger.amount NOT NULL
);
SELECT setseed(0.25);
WITH edge(n) AS (
	SELECT sign * magnitude
	FROM (VALUES (1), (-1)) AS s(sign),
		(VALUES (0), (0.000001), (0.000009), (0.1), (0.499999), (0.5),
			(0.500001), (0.999999), (1), (1.5), (2), (99.9), (2147483647),
			(2147483648), (4294967296), (9007199254.740992),
			(9007199254.740993), (3037000.499976), (3037000.499977),
			(4611686018427.387904), (9223372036853.999999),
			(9223372036854), (9223372036854.775806),
			(9223372036854.775807)) AS m(magnitude)
	UNION
	SELECT -9223372036854.775808
), random(n) AS (
	SELECT CASE WHEN random() < 0.5 THEN -1 ELSE 1 END
		* round((random()::numeric + random()::numeric / 1000000000000000)
			* power(10::numeric, floor(random() * 14)::integer), 6)
	FROM generate_series(1, 3000)
), kept AS (
	SELECT n FROM edge
	UNION ALL
	SELECT n FROM random
	WHERE n BETWEEN -9223372036854.775808 AND 9223372036854.775807
)
INSERT INTO amount_sample
SELECT row_number() OVER (), trim_scale(n), n::text::trainledger.amount
FROM kept;
