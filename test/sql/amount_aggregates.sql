-- sum, avg, min and max of trainledger.amount against those of numeric
SET search_path = trainledger, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/oracle/amounts.sql'
\i :oracle

-- nothing, and nothing but nulls
SELECT sum(a), avg(a), min(a), max(a), count(a) FROM amount_sample WHERE no < 0;
SELECT sum(x), avg(x), min(x), max(x), count(x)
FROM (VALUES (NULL::amount), (NULL)) AS v(x);

-- results are numeric, and no intermediate or final sum overflows
SELECT sum(x), avg(x), pg_typeof(sum(x)) AS sum_type, pg_typeof(avg(x)) AS avg_type,
	pg_typeof(min(x)) AS min_type
FROM (VALUES (amount '5'), ('99.9'), (NULL), ('-20')) AS v(x);
SELECT sum(x), avg(x)
FROM (VALUES (amount '9223372036854.775807'), ('9223372036854.775807'),
	('9223372036854.775807')) AS v(x);
SELECT sum(x), avg(x)
FROM (VALUES (amount '-9223372036854.775808'), ('-9223372036854.775808'),
	('-9223372036854.775807')) AS v(x);
SELECT sum(x), avg(x)
FROM (VALUES (amount '9223372036854.775807'), ('0.000001'),
	('-9223372036854.775808'), ('0.000001')) AS v(x);
SELECT sum(x) = 9223372036854.775807 * 100000 AS high,
	sum(y) = -9223372036854.775808 * 100000 AS low
FROM (SELECT amount '9223372036854.775807' AS x,
		amount '-9223372036854.775808' AS y
	FROM generate_series(1, 100000)) AS s;
-- an average keeps six decimals, however large the amounts are
SELECT avg(x) FROM (VALUES (amount '9223372036854'), ('9223372036854'),
	('9223372036853')) AS v(x);

-- by groups of many sizes: plain, distinct, ordered, filtered
CREATE TABLE amount_group AS
SELECT no, n, a, floor(sqrt(no))::integer AS g,
	CASE WHEN no % 7 > 0 THEN a END AS some_a,
	CASE WHEN no % 7 > 0 THEN n END AS some_n
FROM amount_sample;
ANALYZE amount_group;
CREATE VIEW amount_aggregate AS
SELECT g,
	sum(a) AS sum, sum(n) AS sum_n,
	avg(a) AS avg, sum(n::numeric(19, 6)) / count(n) AS avg_n,
	min(a) AS min, min(n) AS min_n, max(a) AS max, max(n) AS max_n,
	sum(some_a) AS nulls, sum(some_n) AS nulls_n,
	sum(a) FILTER (WHERE a > 0) AS positive,
	sum(n) FILTER (WHERE n > 0) AS positive_n
FROM amount_group
GROUP BY g;
CREATE VIEW amount_mismatch AS
SELECT count(*) AS groups,
	count(*) FILTER (WHERE sum::text IS DISTINCT FROM trim_scale(sum_n)::text) AS sum,
	count(*) FILTER (WHERE avg::text IS DISTINCT FROM avg_n::text) AS avg,
	count(*) FILTER (WHERE min::text IS DISTINCT FROM min_n::text) AS min,
	count(*) FILTER (WHERE max::text IS DISTINCT FROM max_n::text) AS max,
	count(*) FILTER (WHERE nulls::text IS DISTINCT FROM trim_scale(nulls_n)::text) AS nulls,
	count(*) FILTER (WHERE positive IS DISTINCT FROM positive_n) AS positive
FROM amount_aggregate;
SELECT * FROM amount_mismatch;
SELECT sum(DISTINCT a) = sum(DISTINCT n) AS "distinct",
	(sum(a ORDER BY a DESC)) = sum(n) AS ordered,
	sum(a) = sum(n) AS total
FROM amount_group;
SELECT count(*) AS mismatches
FROM (SELECT sum(a) AS sum, sum(n) AS sum_n
	FROM amount_group GROUP BY ROLLUP (g, no % 3)) AS r
WHERE sum <> sum_n;

-- in parallel: the same, by way of combine, serialize and deserialize
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
CREATE TEMP TABLE serial AS SELECT * FROM amount_aggregate;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
SET parallel_leader_participation = off;
ALTER TABLE amount_group SET (parallel_workers = 4);
SELECT pg_temp.plan_has('SELECT * FROM amount_aggregate', 'Partial') AS partial,
	pg_temp.plan_has('SELECT sum(a), avg(a), min(a), max(a) FROM amount_group',
		'Partial') AS partial_total;
CREATE TEMP TABLE parallel AS SELECT * FROM amount_aggregate;
SELECT count(*) AS differences
FROM (TABLE serial EXCEPT TABLE parallel
	UNION ALL
	(TABLE parallel EXCEPT TABLE serial)) AS d;
SELECT * FROM amount_mismatch;
SELECT sum(a) = sum(n) AS sum, min(a) = min(n) AS min, max(a) = max(n) AS max,
	avg(a) = sum(n::numeric(19, 6)) / count(n) AS avg
FROM amount_group;
-- workers that have nothing to add
SELECT sum(a) AS none, sum(some_a) FILTER (WHERE no = 1) AS one
FROM amount_group WHERE no < 0 OR no = 7;
SELECT sum(some_a), avg(some_a) FROM amount_group WHERE no = 7;
-- the setting that runs everything in a worker has two names
SELECT count(set_config(name, 'on', false)) AS set FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT * FROM amount_mismatch;
RESET ALL;
SET search_path = trainledger, public;

-- moving windows: amounts leave the state again
SELECT frame, count(*) AS rows, count(*) FILTER (WHERE sum IS DISTINCT FROM sum_n) AS sum,
	count(*) FILTER (WHERE round(avg, 6) IS DISTINCT FROM round(avg_n, 6)) AS avg
FROM (
	SELECT 'three' AS frame, sum(some_a) OVER w AS sum, sum(some_n) OVER w AS sum_n,
		avg(some_a) OVER w AS avg,
		sum(some_n::numeric(19, 6)) OVER w / nullif(count(some_n) OVER w, 0) AS avg_n
	FROM amount_group
	WINDOW w AS (ORDER BY no ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
	UNION ALL
	SELECT 'hundred', sum(some_a) OVER w, sum(some_n) OVER w, avg(some_a) OVER w,
		sum(some_n::numeric(19, 6)) OVER w / nullif(count(some_n) OVER w, 0)
	FROM amount_group
	WINDOW w AS (PARTITION BY no % 2 ORDER BY no ROWS BETWEEN 100 PRECEDING AND 3 PRECEDING)
	UNION ALL
	SELECT 'rest', sum(some_a) OVER w, sum(some_n) OVER w, avg(some_a) OVER w,
		sum(some_n::numeric(19, 6)) OVER w / nullif(count(some_n) OVER w, 0)
	FROM amount_group
	WINDOW w AS (ORDER BY no DESC ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
) AS s
GROUP BY frame ORDER BY frame;
-- a frame whose sum no amount holds, and one that has become empty
SELECT x, sum(x) OVER w, avg(x) OVER w
FROM (VALUES (1, amount '9223372036854.775807'), (2, '9223372036854.775807'),
	(3, NULL), (4, NULL), (5, '-9223372036854.775808'), (6, '-1')) AS v(no, x)
WINDOW w AS (ORDER BY no ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);

-- the functions behind aggregates refuse to be called from SQL
-- (42883: up to 17 nothing but the parser's no is heard; XX000: core's own)
SELECT call, regress.sqlstate('SELECT ' || call) IN ('0A000', '42883', 'XX000') AS refused
FROM unnest(ARRAY['amount_sum_accum(NULL, 5)', 'amount_sum_combine(NULL, NULL)', $$amount_sum_deserialize('\x00', NULL)$$,
	'amount_sum_final(NULL)', 'amount_avg_final(NULL)']) call;
-- a state that is sent begins with the count, by which avg() divides
CREATE AGGREGATE pg_temp.state (amount) (
	SFUNC = amount_sum_accum, STYPE = internal, FINALFUNC = amount_sum_serialize);
SELECT substr(pg_temp.state(x), 1, 8) AS count
FROM (VALUES (amount '1'), (NULL), ('-1.000001')) AS v(x);

-- each aggregate has what parallel plans and windows need
SELECT aggfnoid::regprocedure, aggcombinefn::regproc AS combine,
	aggserialfn::regproc AS serialize, aggdeserialfn::regproc AS deserialize,
	aggminvtransfn::regproc AS inverse, aggsortop::regoper AS sort, proparallel
FROM pg_aggregate JOIN pg_proc ON pg_proc.oid = aggfnoid
WHERE proargtypes[0] = 'trainledger.amount'::regtype
	AND pronamespace = 'trainledger'::regnamespace
ORDER BY 1;

DROP VIEW amount_mismatch, amount_aggregate;
DROP TABLE amount_group, amount_sample;
