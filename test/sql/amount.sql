-- trainledger.amount: input, output, arithmetic, comparison, casts, indexes
SET search_path = trainledger, public;
\getenv abs_srcdir PG_ABS_SRCDIR

-- the result of an expression as text, or the error that it raises
CREATE FUNCTION pg_temp.try(expression text) RETURNS text
	LANGUAGE plpgsql
AS $$
DECLARE
	result text;
	detail text;
BEGIN
	EXECUTE 'SELECT (' || expression || ')::text' INTO result;
	RETURN result;
EXCEPTION
	WHEN others THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		-- which the server gives where an operator is missing, from 19 on
		RETURN concat_ws(' ', SQLSTATE, SQLERRM,
			CASE WHEN SQLSTATE <> '42883' THEN nullif(detail, '') END);
END
$$;

--
-- input and output
--
SELECT input, pg_temp.try(format('%L::amount', input)) AS result
FROM unnest(ARRAY[
	'5', '99.9', '-20', '+7', '0', '-0', '-0.000000', '+0', '007', '1.50',
	'1.2300000000', '0.000001', '-0.000001', '.5', '-.5', '5.', '-5.',
	'  5  ', E'\t\n 5.25\r\n', '9223372036854.775807',
	'-9223372036854.775808', '9223372036854.775807000000',
	'0000000000000000000000000000001',
	-- more than six significant decimals
	'1.0000001', '-0.0000001', '9223372036854.7758071', '0.1234567',
	-- out of range
	'9223372036854.775808', '-9223372036854.775809', '9223372036855',
	'10000000000000', '-99999999999999999999', '9223372036854.7758080000001',
	'1000000000000000000000000000000',
	-- not a number, or not in this form
	'', '   ', '.', '+', '-', '-.', '+-5', '--5', '- 5', '5 5', '1,5', '1_000',
	'1e3', '1E-3', '0x10', 'NaN', 'infinity', '-inf', '5a', '5..', '1.2.3',
	'(5)', '$5', 'null', '５']) WITH ORDINALITY AS t(input, no)
ORDER BY no;

-- ten thousand digits
SELECT repeat('0', 10000)::amount AS zero,
	(repeat('0', 10000) || '1.5' || repeat('0', 10000))::amount AS padded,
	left(pg_temp.try(format('%L::amount', repeat('9', 10000))), 20) AS nines,
	left(pg_temp.try(format('%L::amount', '0.' || repeat('0', 10000) || '1')),
		8) AS tiny;

-- random text against numeric: right value, or the right refusal
SELECT setseed(0.5);
CREATE TEMP TABLE text_case AS
SELECT CASE floor(random() * 3) WHEN 0 THEN '' WHEN 1 THEN '-' ELSE '+' END
	|| repeat('0', floor(random() * 4)::integer)
	|| substr(floor(random() * 1e15)::text || floor(random() * 1e15)::text, 1,
		1 + floor(random() * 14)::integer)
	|| CASE WHEN random() < 0.8
		THEN '.' || substr(lpad(floor(random() * 1e9)::text, 9, '0'), 1,
				floor(random() * 8)::integer)
			|| repeat('0', floor(random() * 4)::integer)
		ELSE '' END AS input
FROM generate_series(1, 5000);
WITH answer AS (
	SELECT input, pg_temp.try(format('%L::amount', input)) AS found,
		CASE
			WHEN trunc(input::numeric, 6)
				NOT BETWEEN -9223372036854.775808 AND 9223372036854.775807
				THEN '22003 value "' || input || '" is out of range for type amount'
			WHEN scale(trim_scale(input::numeric)) > 6
				THEN '22P02 invalid input syntax for type amount: "' || input
					|| '" An amount has six decimals at most.'
			ELSE trim_scale(input::numeric)::text
		END AS expected
	FROM text_case
)
SELECT count(*) AS cases,
	count(*) FILTER (WHERE found LIKE '22003 %') > 100 AS some_large,
	count(*) FILTER (WHERE found LIKE '22P02 %') > 100 AS some_inexact,
	count(*) FILTER (WHERE found <> expected) AS mismatches,
	(array_agg(concat_ws(' | ', input, expected, found))
		FILTER (WHERE found <> expected))[1:5] AS examples
FROM answer;

--
-- amounts and numerics side by side
--
\set oracle :abs_srcdir '/oracle/amounts.sql'
\i :oracle
SELECT count(*) > 2500 AS enough FROM amount_sample;

-- output, and casts, to and from
SELECT count(*) FILTER (WHERE a::text <> n::text) AS text,
	count(*) FILTER (WHERE a::text::amount <> a) AS back,
	count(*) FILTER (WHERE n::amount <> a) AS from_numeric,
	count(*) FILTER (WHERE (n + 0.000000000000)::amount <> a) AS from_padded,
	count(*) FILTER (WHERE a::numeric::text <> n::text) AS to_numeric,
	count(*) FILTER (WHERE a::bigint <> n::bigint) AS to_bigint,
	count(*) FILTER (WHERE a::double precision <> n::double precision)
		AS to_double,
	count(*) FILTER (WHERE a::json::text <> n::text) AS to_json,
	count(*) FILTER (WHERE a::jsonb <> to_jsonb(n)) AS to_jsonb,
	count(*) FILTER (WHERE amount_send(a) <> int8send((n * 1000000)::bigint))
		AS send,
	count(*) FILTER (WHERE amount_hash(a) <> hashint8((n * 1000000)::bigint))
		AS hash
FROM amount_sample;

-- casts of whole numbers, at their edges
SELECT (-32768)::smallint::amount AS s1, 32767::smallint::amount AS s2,
	(-2147483648)::integer::amount AS i1, 2147483647::amount AS i2,
	(-9223372036854)::bigint::amount AS b1, 9223372036854::amount AS b2;
SELECT expression, pg_temp.try(expression) AS result
FROM unnest(ARRAY[
	'9223372036855::bigint::amount', '(-9223372036855)::bigint::amount',
	'9223372036854775807::amount', '(-9223372036854775808)::amount',
	'9223372036854.775807::amount', '9223372036854.775808::amount',
	'(-9223372036854.775808)::amount', '(-9223372036854.775809)::amount',
	'1.0000001::amount', '1e-400::amount', '1e400::amount',
	'''NaN''::numeric::amount', '''Infinity''::numeric::amount',
	'''-Infinity''::numeric::amount', '0::numeric(1000, 900)::amount',
	'amount ''0.5''::bigint', 'amount ''-0.5''::bigint',
	'amount ''0.499999''::bigint', 'amount ''9223372036854.775807''::bigint',
	-- not offered
	'amount ''5''::integer', '5::double precision::amount',
	'amount ''5'' > 1.5::double precision',
	-- done in numeric
	'amount ''1.5'' * amount ''1.5''', 'amount ''5'' > 4.9999999']) AS expression;

-- arithmetic on random pairs: the exact result, or 22003 out of range
CREATE FUNCTION pg_temp.compute(op text, x amount, y amount, factor bigint)
	RETURNS amount
	LANGUAGE plpgsql
AS $$
BEGIN
	RETURN CASE op
		WHEN 'a + b' THEN x + y
		WHEN 'a - b' THEN x - y
		WHEN 'a * n' THEN x * factor
		WHEN 'n * a' THEN factor * x
		WHEN '- a' THEN - x
		WHEN '+ a' THEN + x
		WHEN 'abs' THEN abs(x)
	END;
EXCEPTION
	WHEN numeric_value_out_of_range THEN
		RETURN NULL;
END
$$;
SELECT setseed(0.75);
CREATE TEMP TABLE pair AS
SELECT x.a AS xa, x.n AS xn, y.a AS ya, y.n AS yn,
	(array[0, 1, -1, 2, -2, 10, 1000000, -1000000, 4294967296,
		9223372036854775807, -9223372036854775808]::bigint[]
		|| floor((random() - 0.5) * power(10, random() * 8))::bigint)
		[1 + floor(random() * 12)::integer] AS factor
FROM amount_sample AS x
	JOIN amount_sample AS y
		ON y.no = 1 + (x.no::bigint * 7919) % 2500
			OR x.no <= 49 AND y.no <= 49;
WITH result AS (
	SELECT op, pair.*, pg_temp.compute(op, xa, ya, factor) AS found,
		CASE op
			WHEN 'a + b' THEN xn + yn
			WHEN 'a - b' THEN xn - yn
			WHEN 'a * n' THEN xn * factor
			WHEN 'n * a' THEN factor * xn
			WHEN '- a' THEN - xn
			WHEN '+ a' THEN xn
			WHEN 'abs' THEN abs(xn)
		END AS exact
	FROM pair, unnest(ARRAY['a + b', 'a - b', 'a * n', 'n * a', '- a', '+ a',
		'abs']) AS op
), checked AS (
	SELECT *, CASE
		WHEN exact BETWEEN -9223372036854.775808 AND 9223372036854.775807
			THEN found::text IS DISTINCT FROM trim_scale(exact)::text
		ELSE found IS NOT NULL
	END AS wrong
	FROM result
)
SELECT op, count(*) > 4000 AS enough, count(*) FILTER (WHERE wrong) AS mismatches,
	(array_agg(concat_ws(' | ', xa, ya, factor, exact, found))
		FILTER (WHERE wrong))[1:5] AS examples
FROM checked GROUP BY op ORDER BY op;

-- overflow is 22003, never a wrong number
SELECT expression, pg_temp.try(expression) AS result
FROM unnest(ARRAY[
	'''9223372036854.775807''::amount + ''0.000001''::amount',
	'''-9223372036854.775808''::amount - ''0.000001''::amount',
	'''-9223372036854.775808''::amount + ''0''::amount',
	'- ''-9223372036854.775808''::amount',
	'abs(''-9223372036854.775808''::amount)',
	'''-9223372036854.775808''::amount * -1',
	'-1 * ''-9223372036854.775808''::amount',
	'''0.000001''::amount * 9223372036854775807',
	'''0.000001''::amount * (-9223372036854775808)',
	'''0.000002''::amount * 9223372036854775807']) AS expression;

-- comparison, on random pairs
SELECT count(*) FILTER (WHERE (xa < ya) <> (xn < yn)) AS lt,
	count(*) FILTER (WHERE (xa <= ya) <> (xn <= yn)) AS le,
	count(*) FILTER (WHERE (xa = ya) <> (xn = yn)) AS eq,
	count(*) FILTER (WHERE (xa <> ya) <> (xn <> yn)) AS ne,
	count(*) FILTER (WHERE (xa >= ya) <> (xn >= yn)) AS ge,
	count(*) FILTER (WHERE (xa > ya) <> (xn > yn)) AS gt,
	count(*) FILTER (WHERE sign(amount_cmp(xa, ya)) <> sign(xn - yn)) AS cmp,
	count(*) FILTER (WHERE greatest(xa, ya) <> greatest(xn, yn)) AS greatest,
	count(*) FILTER (WHERE abs(amount_diff(xa, ya) - (xn - yn)::float8)
		> 1e-12 * abs((xn - yn)::float8) + 1e-15 * abs(xn)::float8
			+ 1e-15 * abs(yn)::float8) AS diff
FROM pair;

--
-- together with plain numbers: which type comes out
--
CREATE TEMP TABLE t (x amount);
INSERT INTO t VALUES (0), (5), (1.5), (-2), ('7.25'), (NULL);
SELECT coalesce(x, 0) AS "or 0", coalesce(x, 1.5) AS "or 1.5",
	CASE WHEN x > 0 THEN x ELSE 0 END AS "case", greatest(x, 0) AS greatest,
	x > 0 AS "> 0", x = 5 AS "= 5", x = 1.5 AS "= 1.5", 5 = x AS "5 =",
	x * 2 AS "* 2", 2 * x AS "2 *", x + 1 AS "+ 1", 1 - x AS "1 -",
	x * 1.5 AS "* 1.5", x % 2 AS "% 2", x BETWEEN 0 AND 5 AS "0..5",
	x IN (5, 1.5) AS "in", x = ANY ('{5,7.25}') AS "any"
FROM t ORDER BY x;
SELECT pg_typeof(coalesce(x, 0)) AS "or 0",
	pg_typeof(coalesce(x, 1.5)) AS "or 1.5",
	pg_typeof(CASE WHEN x > 0 THEN x ELSE 0 END) AS "case",
	pg_typeof(greatest(x, 0)) AS greatest, pg_typeof(x * 2) AS "* 2",
	pg_typeof(2 * x) AS "2 *", pg_typeof(x * 2::smallint) AS "* 2s",
	pg_typeof(x + 1) AS "+ 1", pg_typeof(x + 1.5) AS "+ 1.5",
	pg_typeof(x * 1.5) AS "* 1.5", pg_typeof(x / 2) AS "/ 2",
	pg_typeof(-x) AS "-x", pg_typeof(abs(x)) AS abs,
	pg_typeof(round(x, 1)) AS round, pg_typeof(ARRAY[x, 1]) AS "array"
FROM t LIMIT 1;
SELECT x FROM t UNION SELECT 3 UNION SELECT 5 ORDER BY x;
SELECT x FROM t UNION SELECT 3.75 ORDER BY x DESC NULLS LAST;
SELECT coalesce(sum(x), 0) AS total, sum(x) FILTER (WHERE x > 0) AS positive,
	coalesce(sum(x) FILTER (WHERE x > 100), 0) AS large
FROM t;

-- the same where the schema is not in the search path
SET search_path = public;
SELECT coalesce(x, 0) AS "or 0", greatest(x, 0) AS greatest, x > 0 AS "> 0",
	x = 5 AS "= 5", x * 2 AS "* 2", 2 * x AS "2 *", x + 1 AS "+ 1", -x AS "-x",
	abs(x) AS abs
FROM t ORDER BY x;
SELECT sum(x), round(avg(x), 2) AS avg, min(x), max(x) FROM t;
SET search_path = trainledger, public;

-- rows become json with bare numbers
SELECT to_json(t) AS to_json, to_jsonb(t) AS to_jsonb FROM t ORDER BY x;
SELECT json_agg(t ORDER BY x) AS rows, jsonb_agg(x ORDER BY x) AS numbers,
	json_build_object('x', max(x)) AS object
FROM t;

--
-- binary form: send, and back by way of COPY
--
SELECT amount_send(1), amount_send(-1), amount_send('9223372036854.775807');
CREATE TABLE amount_copy (no integer, a amount);
-- a binary COPY file made of (no, value) rows, fed by printf
CREATE FUNCTION pg_temp.copy_binary(field bytea[]) RETURNS void
	LANGUAGE plpgsql
AS $$
DECLARE
	file bytea := '\x5047434f50590aff0d0a000000000000000000';
	octal text;
BEGIN
	SELECT file || string_agg('\x0002'::bytea
			|| int4send(4) || int4send(no::integer)
			|| int4send(length(value)) || value, '' ORDER BY no)
			|| '\xffff'
		INTO file
		FROM unnest(field) WITH ORDINALITY AS f(value, no);
	SELECT string_agg('\' || lpad((get_byte(file, i) / 64)::text
			|| (get_byte(file, i) / 8 % 8) || (get_byte(file, i) % 8), 3), ''
			ORDER BY i)
		INTO octal
		FROM generate_series(0, length(file) - 1) AS i;
	EXECUTE format('COPY amount_copy FROM PROGRAM %L (FORMAT binary)',
		'printf ''' || octal || '''');
END
$$;
SELECT pg_temp.copy_binary(array_agg(int8send((n * 1000000)::bigint)
	ORDER BY no))
FROM amount_sample WHERE no <= 500;
SELECT count(*) AS rows, count(*) FILTER (WHERE c.a <> s.a) AS mismatches
FROM amount_copy AS c JOIN amount_sample AS s USING (no);
\set VERBOSITY sqlstate
SELECT pg_temp.copy_binary(ARRAY['\x00000000000f42'::bytea]);
SELECT pg_temp.copy_binary(ARRAY['\x00000000000f424000'::bytea]);
SELECT pg_temp.copy_binary(ARRAY[''::bytea]);
\set VERBOSITY default
DROP TABLE amount_copy;

--
-- operators and operator classes, in the manner of opr_sanity
--
CREATE TEMP VIEW operator AS
SELECT o.*, o.oid::regoperator::text AS name
FROM pg_operator AS o
WHERE 'trainledger.amount'::regtype IN (oprleft, oprright);
SELECT count(*) AS operators FROM operator;
-- commutators and negators are mutual and fit: no rows
SELECT o.name FROM operator AS o LEFT JOIN pg_operator AS c ON c.oid = o.oprcom
WHERE o.oprcom <> 0 AND (c.oprcom <> o.oid OR c.oprleft <> o.oprright
	OR c.oprright <> o.oprleft OR c.oprresult <> o.oprresult) IS NOT FALSE;
SELECT o.name FROM operator AS o LEFT JOIN pg_operator AS n ON n.oid = o.oprnegate
WHERE o.oprnegate <> 0 AND (n.oprnegate <> o.oid OR n.oprleft <> o.oprleft
	OR n.oprright <> o.oprright OR n.oprresult <> 'bool'::regtype) IS NOT FALSE;
-- every comparison has both, and estimators: no rows
SELECT name FROM operator
WHERE oprresult = 'bool'::regtype
	AND 0 IN (oprcom, oprnegate, oprrest::oid, oprjoin::oid);
SELECT name FROM operator WHERE oprcanhash OR oprcanmerge;
-- operator classes: valid, complete, equality shared by btree and hash
SELECT am.amname, opcname, amvalidate(c.oid),
	(SELECT array_agg(amprocnum ORDER BY amprocnum)
		FROM pg_amproc WHERE amprocfamily = c.opcfamily) AS support,
	(SELECT array_agg(amopstrategy::text || amopopr::regoper
			ORDER BY amopstrategy)
		FROM pg_amop WHERE amopfamily = c.opcfamily) AS operators
FROM pg_opclass AS c JOIN pg_am AS am ON am.oid = c.opcmethod
WHERE c.opcintype = 'trainledger.amount'::regtype AND c.opcdefault
ORDER BY 1;
-- the type and its casts; functions that are not as they should be: no rows
SELECT typcategory, typispreferred, typlen, typbyval = (SELECT typbyval
		FROM pg_type WHERE oid = 'int8'::regtype) AS like_int8
FROM pg_type WHERE oid = 'trainledger.amount'::regtype;
SELECT castsource::regtype, casttarget::regtype, castcontext
FROM pg_cast
WHERE 'trainledger.amount'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text, casttarget::regtype::text;
SELECT oid::regprocedure
FROM pg_proc
WHERE pronamespace = 'trainledger'::regnamespace AND prokind <> 'a'
	AND proname ~ '^(amount|bigint_mul|abs)'
	AND (provolatile <> 'i' OR proparallel <> 's'
		OR NOT has_function_privilege('public', oid, 'EXECUTE')
		OR NOT proisstrict AND proname !~
			'^amount_(sum_(accum|inverse|combine|final)|avg_final|(multi)?range)$');

--
-- indexes, joins, grouping, partitions
--
CREATE FUNCTION pg_temp.plan_has(query text, node text) RETURNS boolean
	LANGUAGE plpgsql
AS $$
DECLARE
	plan text;
BEGIN
	EXECUTE 'EXPLAIN (COSTS off, FORMAT json) ' || query INTO plan;
	RETURN plan LIKE '%"' || node || '"%';
END
$$;
CREATE INDEX amount_sample_a ON amount_sample (a);
ANALYZE amount_sample;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT pg_temp.plan_has($$SELECT * FROM amount_sample WHERE a = 5$$,
	'amount_sample_a') AS equality,
	pg_temp.plan_has($$SELECT * FROM amount_sample WHERE a >= 5 AND a < 10$$,
	'amount_sample_a') AS range,
	pg_temp.plan_has($$SELECT * FROM amount_sample ORDER BY a$$,
	'amount_sample_a') AS "order",
	pg_temp.plan_has($$SELECT min(a), max(a) FROM amount_sample$$,
	'amount_sample_a') AS min_max;
SELECT (SELECT count(*) FROM amount_sample WHERE a >= -100 AND a < 100)
	- (SELECT count(*) FROM amount_sample WHERE n >= -100 AND n < 100)
	AS difference;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- sorting goes by value, with and without an index
SELECT count(*) AS misplaced
FROM (SELECT n, lag(n) OVER (ORDER BY a) AS before FROM amount_sample) AS s
WHERE before > n;
-- joins of every kind give the same rows
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(*) AS rows FROM amount_sample x JOIN amount_sample y USING (a) \gset nested_
SELECT count(*) = count(*) FILTER (WHERE x.n = y.n) AS right_rows
FROM amount_sample x JOIN amount_sample y USING (a);
RESET enable_hashjoin;
SET enable_nestloop = off;
SELECT count(*) = :nested_rows AS same, pg_temp.plan_has(
	'SELECT * FROM amount_sample x JOIN amount_sample y USING (a)',
	'Hash Join') AS hash_join
FROM amount_sample x JOIN amount_sample y USING (a);
SET enable_hashjoin = off;
RESET enable_mergejoin;
SELECT count(*) = :nested_rows AS same, pg_temp.plan_has(
	'SELECT * FROM amount_sample x JOIN amount_sample y USING (a)',
	'Merge Join') AS merge_join
FROM amount_sample x JOIN amount_sample y USING (a);
RESET enable_hashjoin;
RESET enable_nestloop;
-- DISTINCT and GROUP BY, by hash and by sort
SELECT (SELECT count(*) FROM (SELECT DISTINCT a FROM amount_sample) AS d)
	- (SELECT count(DISTINCT n) FROM amount_sample) AS "distinct",
	(SELECT count(*) FROM (SELECT a FROM amount_sample GROUP BY a
		HAVING count(*) > 1) AS d)
	- (SELECT count(*) FROM (SELECT n FROM amount_sample GROUP BY n
		HAVING count(*) > 1) AS d) AS grouped;
SET enable_hashagg = off;
SELECT (SELECT count(*) FROM (SELECT DISTINCT a FROM amount_sample) AS d)
	- (SELECT count(DISTINCT n) FROM amount_sample) AS "distinct";
RESET enable_hashagg;
-- partitions by hash and by range
CREATE TABLE by_hash (a amount) PARTITION BY HASH (a);
CREATE TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_hash SELECT a FROM amount_sample;
SELECT (SELECT count(*) FROM by_hash) = (SELECT count(*) FROM amount_sample) AS "all",
	(SELECT count(*) FROM by_hash_0) > 1000 AS some_0,
	(SELECT count(*) FROM by_hash_1) > 1000 AS some_1,
	(SELECT count(*) FROM by_hash WHERE a = '99.9') AS pruned;
CREATE TABLE by_range (a amount) PARTITION BY RANGE (a);
CREATE TABLE by_range_0 PARTITION OF by_range FOR VALUES FROM (MINVALUE) TO ('0.5');
CREATE TABLE by_range_1 PARTITION OF by_range FOR VALUES FROM ('0.5') TO (MAXVALUE);
INSERT INTO by_range SELECT a FROM amount_sample;
SELECT (SELECT count(*) FROM by_range_0)
	- (SELECT count(*) FROM amount_sample WHERE n < 0.5) AS difference;
DROP TABLE by_hash, by_range;
-- window frames by distance
SELECT count(*) AS mismatches
FROM (SELECT count(*) OVER (ORDER BY a RANGE BETWEEN 5 PRECEDING AND '2.5' FOLLOWING) AS by_a,
		count(*) OVER (ORDER BY n RANGE BETWEEN 5 PRECEDING AND 2.5 FOLLOWING) AS by_n
	FROM amount_sample) AS s
WHERE by_a <> by_n;
\set VERBOSITY sqlstate
SELECT count(*) OVER (ORDER BY a RANGE BETWEEN '-5' PRECEDING AND CURRENT ROW)
FROM amount_sample LIMIT 1;
\set VERBOSITY default

--
-- ranges
--
SELECT '[0,100]'::amount_range AS "[]", '(,5.5)'::amount_range AS "(,)",
	amount_range(0, '99.9') AS made, amount_range(1, 2, '[]') AS closed,
	'[1,1)'::amount_range AS empty,
	amount_range(NULL, NULL) AS unbounded;
SELECT amount_range(0, '99.9') @> amount '99.899999' AS inside,
	amount_range(0, '99.9') @> amount '99.9' AS at_end,
	amount_range(0, 5) && amount_range(5, 6) AS overlap,
	amount_range(0, 5) -|- amount_range(5, 6) AS adjacent,
	amount_range(0, 5) + amount_range(5, 6) AS "union",
	upper(amount_range(0, '5.50')) AS upper;
SELECT amount_multirange(amount_range(0, 1), amount_range('1.5', 2))
		+ amount_multirange(amount_range(1, '1.5')) AS joined,
	'{[1,2),[3,)}'::amount_multirange @> amount '2.5' AS inside,
	range_agg(amount_range(v, v + 1)) AS aggregated
FROM (VALUES (amount '1'), ('2'), ('7')) AS t(v);
SELECT expression, pg_temp.try(expression) AS result
FROM unnest(ARRAY['''[1.0000001,)''::amount_range', 'amount_range(2, 1)',
	'''[x,)''::amount_range']) AS expression;
CREATE TEMP TABLE span (r amount_range);
INSERT INTO span
SELECT amount_range(least(xa, ya), greatest(xa, ya)) FROM pair LIMIT 3000;
SELECT count(*) AS by_scan FROM span WHERE r @> amount '99.9' \gset
CREATE INDEX ON span USING gist (r);
SET enable_seqscan = off;
SELECT count(*) = :by_scan AS same FROM span WHERE r @> amount '99.9';
RESET enable_seqscan;

DROP TABLE amount_sample;
