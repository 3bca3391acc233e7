-- global_id and global_id_key against encode, decode and convert_from of core
SET search_path = trainledger, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/oracle/global_id.sql'
\i :oracle

SELECT type, key, global_id(type, key), global_id_key(global_id(type, key), type) AS back
FROM (VALUES ('Person', '42'), ('Organisation', '1'), ('Region', 'GB'),
	('TokenIssue', '0123456789abcdef0123456789abcdef'), ('T', ':'), ('T1', 'a:b:c'),
	('Region', 'Zürich'), ('Region', '日本 😀')) AS v(type, key);
SELECT global_id(NULL, '1') AS no_type, global_id('Person', NULL) AS no_key,
	global_id_key(NULL, 'Person') AS no_id, global_id_key('UGVyc29uOjQy', NULL) AS no_type;

-- random keys, of characters of one to four bytes
SELECT setseed(0.375);
CREATE TEMP TABLE id_case AS
SELECT (ARRAY['Person', 'Organisation', 'TokenType', 'T', 'a9'])[1 + no % 5] AS type, key
FROM generate_series(1, 3000) AS no, LATERAL (
	SELECT string_agg(chr((ARRAY[32 + floor(random() * 95)::integer,
			161 + floor(random() * 1000)::integer,
			8192 + floor(random() * 40000)::integer,
			65536 + floor(random() * 100000)::integer])
			[1 + floor(power(random(), 2) * 4)::integer]), '') AS key
	FROM generate_series(1, 1 + no % 40)) AS k;
SELECT count(*) AS cases,
	count(*) FILTER (WHERE id <> pg_temp.oracle_global_id(type, key)) AS encoded,
	count(*) FILTER (WHERE global_id_key(id, type) <> key) AS decoded
FROM id_case, LATERAL (VALUES (global_id(type, key))) AS v(id);

-- damaged ids: one character changed, dropped, added or moved
CREATE FUNCTION pg_temp.attempt(id text, type text) RETURNS text
	LANGUAGE plpgsql
AS $$
BEGIN
	RETURN global_id_key(id, type);
EXCEPTION
	WHEN invalid_text_representation THEN
		RETURN NULL;
END
$$;
CREATE TEMP TABLE damaged_case AS
SELECT type, CASE no % 4
		WHEN 0 THEN overlay(id placing other from place for 1)
		WHEN 1 THEN overlay(id placing '' from place for 1)
		WHEN 2 THEN overlay(id placing other from place for 0)
		ELSE overlay(id placing substr(id, length(id) - place % 8, 1) from place for 1)
	END AS id
FROM (SELECT type, global_id(type, key) AS id, row_number() OVER () AS no,
		random() AS r1, random() AS r2
	FROM id_case) AS c,
	LATERAL (VALUES (1 + floor(r1 * length(id))::integer,
		substr('AZaz09+/=-_ :' || E'\n\t' || 'é', 1 + floor(r2 * 16)::integer, 1)))
		AS v(place, other);
SELECT count(*) AS cases, count(expected) > 200 AS some_valid,
	count(*) FILTER (WHERE expected IS DISTINCT FROM found) AS mismatches,
	(array_agg(concat_ws(' | ', id, type, expected, found))
		FILTER (WHERE expected IS DISTINCT FROM found))[1:5] AS examples
FROM (SELECT id, type, pg_temp.oracle_global_id_key(id, type) AS expected,
		pg_temp.attempt(id, type) AS found
	FROM damaged_case) AS d;

-- random bytes for a key: some are UTF-8, most are not
SELECT count(*) AS cases, count(expected) BETWEEN 500 AND 2500 AS some_valid,
	count(*) FILTER (WHERE expected IS DISTINCT FROM found) AS mismatches
FROM (SELECT pg_temp.oracle_global_id_key(id, 'T') AS expected,
		pg_temp.attempt(id, 'T') AS found
	FROM generate_series(1, 5000) AS no, LATERAL (VALUES (encode(
		'\x543a' || substr(decode(md5(no::text), 'hex'), 1, 1 + no % 3),
		'base64'))) AS v(id)) AS d;

-- each refusal has its reason
CREATE FUNCTION pg_temp.try(expression text) RETURNS text
	LANGUAGE plpgsql
AS $$
DECLARE
	result text;
	detail text;
BEGIN
	EXECUTE 'SELECT ' || expression INTO result;
	RETURN result;
EXCEPTION
	WHEN others THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif(detail, ''));
END
$$;
SELECT what, pg_temp.try(format('global_id_key(%L, %L)', id, 'Person')) AS result
FROM (VALUES
	('good', 'UGVyc29uOjQy'),
	('empty', ''),
	('not base64', 'Person:42'),
	('url alphabet', 'UGVyc29uOj-_'),
	('no padding', 'UGVyc29uOjQ'),
	('padded', 'UGVyc29uOjQ='),
	('stray bits', 'UGVyc29uOjR='),
	('too much padding', 'UGVyc29uOjQy===='),
	('more after the padding', 'UGVyc29uOjQ=UGVyc29uOjQ='),
	('blank before', ' UGVyc29uOjQy'),
	('newline after', E'UGVyc29uOjQy\n'),
	('newline inside', E'UGVyc29u\nOjQy'),
	('another type', encode('Region:42', 'base64')),
	('another case', encode('person:42', 'base64')),
	('longer type', encode('Persons:42', 'base64')),
	('shorter type', encode('Perso:42', 'base64')),
	('malformed type', encode('Per son:42', 'base64')),
	('digit first', encode('1Person:42', 'base64')),
	('no type', encode(':42', 'base64')),
	('no colon', encode('Person42', 'base64')),
	('no key', encode('Person:', 'base64')),
	('zero byte', encode('\x506572736f6e3a3400', 'base64')),
	('cut UTF-8', encode('\x506572736f6e3ac3', 'base64')),
	('overlong UTF-8', encode('\x506572736f6e3ac080', 'base64')),
	('surrogate', encode('\x506572736f6e3aeda080', 'base64')),
	('beyond Unicode', encode('\x506572736f6e3af4908080', 'base64')),
	('long', repeat('é', 100))) AS v(what, id);
SELECT expression, pg_temp.try(expression) AS result
FROM unnest(ARRAY['global_id('''', ''1'')', 'global_id(''1a'', ''1'')',
	'global_id(''a b'', ''1'')', 'global_id(''a:b'', ''1'')',
	'global_id(''é'', ''1'')', 'global_id(''Person'', '''')',
	'global_id_key(''UGVyc29uOjQy'', '''')',
	'global_id_key(''UGVyc29uOjQy'', ''Per:son'')']) AS expression;
-- a megabyte there and back
SELECT global_id_key(global_id('T', repeat('xyz', 350000)), 'T') = repeat('xyz', 350000) AS same;

SELECT proname, provolatile, proparallel, has_function_privilege('public', oid, 'EXECUTE') AS public
FROM pg_proc
WHERE pronamespace = 'trainledger'::regnamespace AND proname LIKE 'global\_id%'
ORDER BY proname;
