-- Signup tokens, side by side: the document that is read and what is measured.
-- Run by a superuser.
--
-- Psql variables: tokens.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION IF NOT EXISTS trainledger;
CREATE SCHEMA bench_signup;
CREATE TABLE bench_signup.result (
	round integer,				-- 0 warms up
	variant text,				-- ours, xmltable or parse
	seconds float8,
	kb bigint,					-- peak of memory, over what it had before
	tokens bigint,
	digest text
);
-- A field of /proc/PID/status
CREATE FUNCTION bench_signup.kb(status text, field text) RETURNS bigint
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT substring(status FROM field || E':\\s+(\\d+) kB')::bigint;
END;

SELECT FROM generate_series(1, 200) i,
	trainledger.add_catalog_item('course', 'C-' || i, 'Course ' || i);
CREATE TABLE bench_signup.document AS
SELECT convert_to(body, 'UTF8') AS body, body AS body_text
FROM (SELECT E'<Tokens>\n' || string_agg(format(
		E'  <Token>\n'
		'    <TokenCode>%s</TokenCode>\n'
		'    <TokenType>1</TokenType>\n'
		'    <TokenTypeId>C-%s</TokenTypeId>\n'
		'    <Active>%s</Active>\n'
		'    <MaximumActivations>%s</MaximumActivations>\n'
		'    <TokenExpiration>2030-12-31 23:59:59</TokenExpiration>\n'
		'  </Token>\n',
		-- as codes are: of no order
		upper(md5(i::text)), 1 + i % 200, (i % 5 > 0)::text, 1 + i % 500),
		'' ORDER BY i) || E'</Tokens>\n' AS body
	FROM generate_series(1, :tokens) i) x;

SELECT 'CREATE ROLE bench_signup_admin'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bench_signup_admin') \gexec
SELECT FROM trainledger.grant_access('bench_signup_admin', 'admin');
GRANT USAGE ON SCHEMA bench_signup TO bench_signup_admin;
GRANT SELECT ON bench_signup.document TO bench_signup_admin;

VACUUM ANALYZE;
