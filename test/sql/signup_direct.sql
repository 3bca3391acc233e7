-- Which documents of signup tokens are inserted without SQL (src/signup_direct.c):
-- those into a plain table. Whatever hangs on it is served by SQL, and takes
-- effect. The rows are the same.
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET search_path = trainledger, public;
SET client_min_messages = error;
SET trainledger.clock = '2024-01-01T00:00:00Z';
SELECT code FROM add_catalog_item('course', 'direct-C', 'x');

-- What is asked for, and the document that asks for it: codes of every length
-- in no order, every tenth left to the server
CREATE TEMP TABLE wanted AS
SELECT i AS n, CASE WHEN i % 10 > 0 THEN left(CASE WHEN i % 2 = 0 THEN upper(md5(i::text)) ELSE md5(i::text) END || repeat('é', i % 251), 250) END AS code,
	CASE i % 3 WHEN 0 THEN false WHEN 1 THEN true END AS active, i AS maximum,
	CASE WHEN i % 4 > 0 THEN timestamp '2030-01-01' + i * interval '1 minute' END AS expiration
FROM generate_series(1, 300) i;
CREATE TEMP TABLE document AS
SELECT convert_to(xmlelement(NAME "Tokens", xmlagg(xmlelement(NAME "Token", xmlforest(code AS "TokenCode", 1 AS "TokenType", 'direct-C' AS "TokenTypeId", active AS "Active",
	maximum AS "MaximumActivations", to_char(expiration, 'YYYY-MM-DD HH24:MI:SS') AS "TokenExpiration")) ORDER BY n))::text, 'UTF8') AS body
FROM wanted;

-- The business clock is called as a function by SQL alone.
SET track_functions = 'all';
CREATE FUNCTION pg_temp.clocked() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_xact_user_functions WHERE schemaname = 'trainledger' AND funcname = 'clock' $$;

-- What statements lead to: how a document is then inserted, whether the answer
-- and the table are what was asked for, by each index too, and what a query
-- finds. All of it is undone.
CREATE FUNCTION pg_temp.inserted(statements text, query text DEFAULT NULL) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	was bigint;
	path text;
	found text;
	index regclass;
	rows bigint;
BEGIN
	EXECUTE statements;
	CREATE TEMP TABLE answer (LIKE trainledger.signup_token);
	ALTER TABLE answer ADD n bigint;
	was := pg_temp.clocked();
	INSERT INTO answer (id, code, type, type_id, active, maximum_activations, activations, expiration, created_at, n)
	SELECT i.id, i.code, i.type, i.type_id, i.active, i.maximum_activations, i.activations, i.expiration, i.created_at, row_number() OVER ()
	FROM document, import_signup_tokens(body) i;
	path := CASE WHEN pg_temp.clocked() = was THEN 'direct' ELSE 'SQL' END;
	IF (SELECT count(*) FROM wanted w JOIN answer a USING (n) WHERE a.code = coalesce(w.code, a.code) AND a.type = 1 AND a.type_id = 'direct-C' AND a.active = coalesce(w.active, true)
		AND a.maximum_activations = w.maximum AND a.activations = 0 AND a.expiration IS NOT DISTINCT FROM w.expiration AT TIME ZONE 'UTC' AND a.created_at = '2024-01-01Z') <> 300 THEN
		path := path || ', another answer';
	END IF;
	IF EXISTS (SELECT FROM (SELECT id <= lag(id) OVER (ORDER BY n) AS back FROM answer) x WHERE back) THEN
		path := path || ', ids do not ascend';
	END IF;
	IF (SELECT count(*) FROM answer a JOIN trainledger.signup_token t USING (id, code, type, type_id, active, maximum_activations, activations, created_at)
		WHERE a.expiration IS NOT DISTINCT FROM t.expiration) <> 300 THEN
		path := path || ', other rows';
	END IF;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	SET LOCAL enable_sort = off;
	-- each row is found by its own keys
	IF (SELECT count(t.id) FROM answer a JOIN LATERAL (SELECT t.id FROM trainledger.signup_token t WHERE lower(t.code) COLLATE "C" = lower(a.code) COLLATE "C" OFFSET 0) t USING (id)) <> 300
	   OR (SELECT count(t.id) FROM answer a JOIN LATERAL (SELECT t.id FROM trainledger.signup_token t WHERE t.id = a.id OFFSET 0) t USING (id)) <> 300 THEN
		path := path || ', not in the indexes';
	END IF;
	IF query IS NOT NULL THEN
		EXECUTE query INTO found;
		path := path || ': ' || coalesce(found, '(null)');
	END IF;
	RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = path;
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

CREATE TABLE regress.fired (what text);
CREATE FUNCTION regress.fire() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO regress.fired VALUES (TG_WHEN || ' ' || TG_LEVEL); RETURN NEW; END $$;
\set fired 'SELECT format(''%s fired %s'', min(what), count(*)) FROM regress.fired'

SELECT what, pg_temp.inserted(statements, query)
FROM (VALUES
	('as it is', '', NULL),
	('a row trigger', 'CREATE TRIGGER t AFTER INSERT ON signup_token FOR EACH ROW EXECUTE FUNCTION regress.fire()', :'fired'),
	('a row trigger before', 'CREATE TRIGGER t BEFORE INSERT ON signup_token FOR EACH ROW EXECUTE FUNCTION regress.fire()', :'fired'),
	('a statement trigger', 'CREATE TRIGGER t AFTER INSERT ON signup_token EXECUTE FUNCTION regress.fire()', :'fired'),
	('a trigger on updates', 'CREATE TRIGGER t AFTER UPDATE ON signup_token FOR EACH ROW EXECUTE FUNCTION regress.fire()', :'fired'),
	('a rule', 'CREATE RULE r AS ON DELETE TO signup_token DO INSTEAD NOTHING', NULL),
	('a column', 'ALTER TABLE signup_token ADD remark text', 'SELECT count(remark) FROM signup_token'),
	('a column with a default', $$ALTER TABLE signup_token ADD remark text DEFAULT 'x'$$, $$SELECT count(remark) FROM signup_token WHERE type_id = 'direct-C'$$),
	('a generated column', 'ALTER TABLE signup_token ADD digit integer GENERATED ALWAYS AS (maximum_activations % 10) STORED', $$SELECT sum(digit) FROM signup_token WHERE type_id = 'direct-C'$$),
	('a column that is gone', 'ALTER TABLE signup_token ADD remark text; ALTER TABLE signup_token DROP COLUMN remark', NULL),
	('a table that inherits', 'CREATE TABLE regress.child () INHERITS (signup_token)', NULL),
	('a check', $$ALTER TABLE signup_token ADD CHECK (maximum_activations < 300) NOT VALID$$, NULL),
	('a check that holds', $$ALTER TABLE signup_token ADD CHECK (maximum_activations < 301) NOT VALID$$, NULL),
	('an index', 'CREATE INDEX i ON signup_token (type_id, maximum_activations DESC) INCLUDE (active)',
		$$SELECT string_agg(maximum_activations::text, ' ') FROM (SELECT maximum_activations FROM signup_token WHERE type_id = 'direct-C' ORDER BY maximum_activations DESC LIMIT 3) x$$),
	('an index on an expression', 'CREATE INDEX i ON signup_token (reverse(code))', 'SELECT count(*) FROM wanted w JOIN LATERAL (SELECT t.code FROM signup_token t WHERE reverse(t.code) = reverse(w.code) OFFSET 0) t USING (code)'),
	('a unique index', $$CREATE UNIQUE INDEX i ON signup_token ((CASE type_id WHEN 'direct-C' THEN maximum_activations END))$$, NULL),
	('a unique index in the way', $$CREATE UNIQUE INDEX i ON signup_token ((CASE type_id WHEN 'direct-C' THEN maximum_activations % 299 END))$$, NULL),
	('a unique index in the way of SQL', $$CREATE UNIQUE INDEX i ON signup_token ((maximum_activations % 100)) WHERE type_id = 'direct-C'$$, NULL),
	('a partial index', 'CREATE INDEX i ON signup_token (type_id) WHERE active', $$SELECT count(*) FROM signup_token WHERE type_id = 'direct-C' AND active$$),
	('a hash index', 'CREATE INDEX i ON signup_token USING hash (type_id)', $$SELECT count(*) FROM signup_token WHERE type_id = 'direct-C'$$),
	('a constraint that waits', 'ALTER TABLE signup_token ADD UNIQUE (type_id, id) DEFERRABLE INITIALLY DEFERRED', NULL),
	('no indexes', 'ALTER TABLE signup_claim DROP CONSTRAINT signup_claim_signup_token_id_fkey; ALTER TABLE signup_token DROP CONSTRAINT signup_token_pkey CASCADE; DROP INDEX signup_token_code_key', NULL)
) v(what, statements, query);
-- more than is sorted in memory
BEGIN;
SET LOCAL maintenance_work_mem = '1MB';
SET LOCAL enable_seqscan = off;
CREATE TEMP TABLE imported ON COMMIT DROP AS
SELECT i.id, i.code FROM import_signup_tokens((
	SELECT convert_to(format('<Tokens>%s</Tokens>', string_agg(format('<Token><TokenCode>%s %s</TokenCode><TokenType>1</TokenType><TokenTypeId>direct-C</TokenTypeId><MaximumActivations>1</MaximumActivations></Token>',
		md5(n::text), repeat('x', 200)), '')), 'UTF8') FROM generate_series(1, 20000) n)) i;
SELECT count(*), count(DISTINCT i.id), count(t.id) AS by_code
FROM imported i LEFT JOIN LATERAL (SELECT t.id FROM signup_token t WHERE lower(t.code) COLLATE "C" = lower(i.code) COLLATE "C" OFFSET 0) t USING (id);
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) FROM document, import_signup_tokens(body);
ROLLBACK;
-- nothing of it stays
SELECT count(*) FROM signup_token WHERE type_id = 'direct-C';
DROP TABLE regress.fired, wanted, document;
DROP FUNCTION regress.fire();
RESET trainledger.clock;
