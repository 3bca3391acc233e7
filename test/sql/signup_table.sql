-- Documents of signup tokens and what users attach to the table: it takes effect,
-- the tokens are those of the document, and names of indexes mean nothing.
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET search_path = trainledger, public;
SET client_min_messages = error;
SET trainledger.clock = '2024-01-01T00:00:00Z';
SELECT code FROM add_catalog_item('course', 'table-C', 'x');

-- What is asked for, and the document that asks for it: codes of every length
-- in no order, every tenth left to the server
CREATE TEMP TABLE wanted AS
SELECT i AS n, CASE WHEN i % 10 > 0 THEN left(CASE WHEN i % 2 = 0 THEN upper(md5(i::text)) ELSE md5(i::text) END || repeat('é', i % 251), 250) END AS code,
	CASE i % 3 WHEN 0 THEN false WHEN 1 THEN true END AS active, i AS maximum,
	CASE WHEN i % 4 > 0 THEN timestamp '2030-01-01' + i * interval '1 minute' END AS expiration
FROM generate_series(1, 300) i;
CREATE TEMP TABLE document AS
SELECT convert_to(xmlelement(NAME "Tokens", xmlagg(xmlelement(NAME "Token", xmlforest(code AS "TokenCode", 1 AS "TokenType", 'table-C' AS "TokenTypeId", active AS "Active",
	maximum AS "MaximumActivations", to_char(expiration, 'YYYY-MM-DD HH24:MI:SS') AS "TokenExpiration")) ORDER BY n))::text, 'UTF8') AS body
FROM wanted;

-- What statements lead to: whether the answer and the table are then what was
-- asked for, by each index too, and what a query finds. All of it is undone.
CREATE FUNCTION pg_temp.inserted(statements text, query text DEFAULT NULL) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	told text := 'as asked for';
	found text;
BEGIN
	EXECUTE statements;
	CREATE TEMP TABLE answer (LIKE trainledger.signup_token);
	ALTER TABLE answer ADD n bigint;
	INSERT INTO answer (id, code, type, type_id, active, maximum_activations, activations, expiration, created_at, n)
	SELECT i.id, i.code, i.type, i.type_id, i.active, i.maximum_activations, i.activations, i.expiration, i.created_at, row_number() OVER ()
	FROM document, import_signup_tokens(body) i;
	IF (SELECT count(*) FROM wanted w JOIN answer a USING (n) WHERE a.code = coalesce(w.code, a.code) AND a.type = 1 AND a.type_id = 'table-C' AND a.active = coalesce(w.active, true)
		AND a.maximum_activations = w.maximum AND a.activations = 0 AND a.expiration IS NOT DISTINCT FROM w.expiration AT TIME ZONE 'UTC' AND a.created_at = '2024-01-01Z') <> 300 THEN
		told := 'another answer';
	END IF;
	IF EXISTS (SELECT FROM (SELECT id <= lag(id) OVER (ORDER BY n) AS back FROM answer) x WHERE back) THEN
		told := told || ', ids do not ascend';
	END IF;
	IF (SELECT count(*) FROM answer a JOIN trainledger.signup_token t USING (id, code, type, type_id, active, maximum_activations, activations, created_at)
		WHERE a.expiration IS NOT DISTINCT FROM t.expiration) <> 300 THEN
		told := told || ', other rows';
	END IF;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	SET LOCAL enable_sort = off;
	-- each row is found by its own keys
	IF (SELECT count(t.id) FROM answer a JOIN LATERAL (SELECT t.id FROM trainledger.signup_token t WHERE lower(t.code) COLLATE "C" = lower(a.code) COLLATE "C" OFFSET 0) t USING (id)) <> 300
	   OR (SELECT count(t.id) FROM answer a JOIN LATERAL (SELECT t.id FROM trainledger.signup_token t WHERE t.id = a.id OFFSET 0) t USING (id)) <> 300 THEN
		told := told || ', not in the indexes';
	END IF;
	IF query IS NOT NULL THEN
		EXECUTE query INTO found;
		told := told || ': ' || coalesce(found, '(null)');
	END IF;
	RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = told;
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

CREATE TABLE regress.fired (what text);
CREATE FUNCTION regress.fire() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO regress.fired VALUES (TG_WHEN || ' ' || TG_LEVEL); RETURN NEW; END $$;
CREATE FUNCTION regress.leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
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
	('a column with a default', $$ALTER TABLE signup_token ADD remark text DEFAULT 'x'$$, $$SELECT count(remark) FROM signup_token WHERE type_id = 'table-C'$$),
	('a generated column', 'ALTER TABLE signup_token ADD digit integer GENERATED ALWAYS AS (maximum_activations % 10) STORED', $$SELECT sum(digit) FROM signup_token WHERE type_id = 'table-C'$$),
	('a column that is gone', 'ALTER TABLE signup_token ADD remark text; ALTER TABLE signup_token DROP COLUMN remark', NULL),
	('a table that inherits', 'CREATE TABLE regress.child () INHERITS (signup_token)', NULL),
	('a check', $$ALTER TABLE signup_token ADD CHECK (maximum_activations < 300) NOT VALID$$, NULL),
	('a check that holds', $$ALTER TABLE signup_token ADD CHECK (maximum_activations < 301) NOT VALID$$, NULL),
	('an index', 'CREATE INDEX i ON signup_token (type_id, maximum_activations DESC) INCLUDE (active)',
		$$SELECT string_agg(maximum_activations::text, ' ') FROM (SELECT maximum_activations FROM signup_token WHERE type_id = 'table-C' ORDER BY maximum_activations DESC LIMIT 3) x$$),
	('an index on an expression', 'CREATE INDEX i ON signup_token (reverse(code))', 'SELECT count(*) FROM wanted w JOIN LATERAL (SELECT t.code FROM signup_token t WHERE reverse(t.code) = reverse(w.code) OFFSET 0) t USING (code)'),
	('a unique index', $$CREATE UNIQUE INDEX i ON signup_token ((CASE type_id WHEN 'table-C' THEN maximum_activations END))$$, NULL),
	('a unique index in the way', $$CREATE UNIQUE INDEX i ON signup_token ((CASE type_id WHEN 'table-C' THEN maximum_activations % 299 END))$$, NULL),
	('a unique index in the way of SQL', $$CREATE UNIQUE INDEX i ON signup_token ((maximum_activations % 100)) WHERE type_id = 'table-C'$$, NULL),
	('a partial index', 'CREATE INDEX i ON signup_token (type_id) WHERE active', $$SELECT count(*) FROM signup_token WHERE type_id = 'table-C' AND active$$),
	('a hash index', 'CREATE INDEX i ON signup_token USING hash (type_id)', $$SELECT count(*) FROM signup_token WHERE type_id = 'table-C'$$),
	('a trigger that leaves rows out', 'CREATE TRIGGER t BEFORE INSERT ON signup_token FOR EACH ROW WHEN (NEW.maximum_activations % 2 = 0) EXECUTE FUNCTION regress.leave_out()', $$SELECT format('%s of them', count(*)) FROM signup_token WHERE type_id = 'table-C'$$),
	('indexes of other names', 'ALTER INDEX signup_token_code_key RENAME TO one; ALTER INDEX signup_token_pkey RENAME TO signup_token_code_key; ALTER INDEX catalog_item_kind_code_key RENAME TO other', NULL),
	('a constraint that waits', 'ALTER TABLE signup_token ADD UNIQUE (type_id, id) DEFERRABLE INITIALLY DEFERRED', NULL),
	('no indexes', 'ALTER TABLE signup_claim DROP CONSTRAINT signup_claim_signup_token_id_fkey; ALTER TABLE signup_token DROP CONSTRAINT signup_token_pkey CASCADE; DROP INDEX signup_token_code_key', NULL)
) v(what, statements, query);

-- A code that is taken, whatever the index is called that says so
\set VERBOSITY default
\set two_tokens '<Tokens><Token><TokenCode>table 1</TokenCode><TokenType>1</TokenType><TokenTypeId>table-C</TokenTypeId><MaximumActivations>1</MaximumActivations></Token><Token><TokenCode>TABLE 2</TokenCode><TokenType>1</TokenType><TokenTypeId>table-C</TokenTypeId><MaximumActivations>1</MaximumActivations></Token></Tokens>'
BEGIN;
ALTER INDEX signup_token_code_key RENAME TO one;
ALTER INDEX signup_token_pkey RENAME TO signup_token_code_key;
SELECT count(*) FROM create_signup_token(1, 'table-C', 1, 'table 2', id => 'table');
SAVEPOINT s;
SELECT count(*) FROM import_signup_tokens(:'two_tokens');
ROLLBACK TO s;
SELECT count(*) FROM create_signup_token(1, 'table-C', 1, 'Table 2');
ROLLBACK TO s;
SELECT count(*) FROM import_signup_tokens(replace(:'two_tokens', '2', '1')::bytea);
ROLLBACK TO s;
-- what is in the way is not a token
CREATE UNIQUE INDEX user_index ON signup_token (type_id) WHERE type_id = 'table-C';
SELECT count(*) FROM import_signup_tokens(replace(:'two_tokens', '2', '3')::bytea);
ROLLBACK;
-- Columns behind one that is gone
BEGIN;
ALTER TABLE signup_token ADD gone integer DEFAULT 1, ADD remark text DEFAULT 'r';
ALTER TABLE signup_token DROP gone;
SELECT code, active, remark FROM import_signup_tokens(:'two_tokens');
SELECT a.code, a.active, a.remark
FROM signup_token t, apply_signup_tokens(convert_to(format('<Tokens><Token><TokenId>%s</TokenId><Active>0</Active></Token></Tokens>', t.id), 'UTF8')) a
WHERE t.code = 'table 1';
ROLLBACK;
\set VERBOSITY terse
-- more than is kept in memory
BEGIN;
SET LOCAL maintenance_work_mem = '1MB';
CREATE TEMP TABLE imported ON COMMIT DROP AS
SELECT i.id, i.code FROM import_signup_tokens((
	SELECT convert_to(format('<Tokens>%s</Tokens>', string_agg(format('<Token><TokenCode>%s %s</TokenCode><TokenType>1</TokenType><TokenTypeId>table-C</TokenTypeId><MaximumActivations>1</MaximumActivations></Token>',
		md5(n::text), repeat('x', 200)), '')), 'UTF8') FROM generate_series(1, 20000) n)) i;
SELECT count(*), count(DISTINCT i.id), count(t.id) AS there FROM imported i LEFT JOIN signup_token t USING (id, code);
-- and the same again
SELECT count(*) FROM import_signup_tokens((
	SELECT convert_to(format('<Tokens>%s</Tokens>', string_agg(format('<Token><TokenCode>%s</TokenCode><TokenType>1</TokenType><TokenTypeId>table-C</TokenTypeId><MaximumActivations>1</MaximumActivations></Token>',
		CASE WHEN n > 20000 THEN md5(n::text) ELSE md5(n::text) || ' ' || repeat('x', 200) END), '' ORDER BY n DESC)), 'UTF8') FROM generate_series(1, 20500) n));
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) FROM document, import_signup_tokens(body);
ROLLBACK;
-- nothing of it stays
SELECT count(*) FROM signup_token WHERE type_id = 'table-C';
DROP TABLE regress.fired, wanted, document;
DROP FUNCTION regress.fire(), regress.leave_out();
RESET trainledger.clock;
