-- The guard of state columns (contract, sections 9 and 11): one trigger
-- function, the moves that are allowed as its arguments
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
CREATE SCHEMA lifecycle_test;
CREATE TABLE lifecycle_test.thing (id integer PRIMARY KEY, state text, note text);
CREATE TRIGGER lifecycle BEFORE UPDATE OF state ON lifecycle_test.thing FOR EACH ROW
	EXECUTE FUNCTION trainledger_internal.lifecycle('state', 'new>open', 'open>closed', 'closed>open', 'open>done', 'openly>done');

-- every move there is: the same state always, else what the arguments name
INSERT INTO lifecycle_test.thing SELECT n, s FROM unnest('{new,open,openly,closed,done,ope,"",O>pen}'::text[]) WITH ORDINALITY x(s, n);
SELECT f.state AS "from", string_agg(t.state, ' ' ORDER BY t.id) FILTER (WHERE r = 'ok') AS allowed,
	string_agg(DISTINCT left(r, 5), ' ') FILTER (WHERE r <> 'ok') AS refused, count(*) FILTER (WHERE r <> 'ok') AS refusals
FROM lifecycle_test.thing f CROSS JOIN lifecycle_test.thing t,
	regress.attempt(format($$
		DO $do$ BEGIN
			UPDATE lifecycle_test.thing SET state = %L WHERE id = %s;
			RAISE EXCEPTION USING ERRCODE = 'XX999', MESSAGE = 'went';
		END $do$ $$, t.state, f.id)) a, LATERAL (SELECT CASE a WHEN 'XX999 went' THEN 'ok' ELSE a END) x(r)
GROUP BY f.id, f.state ORDER BY f.id;
SELECT id, state FROM lifecycle_test.thing ORDER BY id;
-- the refusal names the table, the present state and those allowed next
SELECT r.* FROM (VALUES (1, 'done'), (2, 'new'), (3, 'open'), (4, 'done'), (5, 'open'), (6, 'en>closed'), (7, 'x')) v(id, state),
	regress.refusal(format('UPDATE lifecycle_test.thing SET state = %L WHERE id = %s', state, id)) r;
-- which column of which table is with the error, for programs
DO $$
DECLARE
	s text; t text; c text;
BEGIN
	UPDATE lifecycle_test.thing SET state = 'done' WHERE id = 1;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME;
	RAISE NOTICE '% % % %', SQLSTATE, s, t, c;
END
$$;

-- other columns are free; the state may be written as it is
UPDATE lifecycle_test.thing SET note = 'x' WHERE id = 5;
UPDATE lifecycle_test.thing SET state = state, note = 'y' WHERE id = 5;
SELECT note FROM lifecycle_test.thing WHERE id = 5;
-- one row that may not refuses all
SELECT regress.attempt($$UPDATE lifecycle_test.thing SET state = 'open' WHERE id IN (1, 4, 5)$$);
SELECT string_agg(state, ' ' ORDER BY id) FROM lifecycle_test.thing WHERE id IN (1, 4, 5);
UPDATE lifecycle_test.thing SET state = 'open' WHERE id IN (1, 4);
SELECT string_agg(state, ' ' ORDER BY id) FROM lifecycle_test.thing WHERE id IN (1, 4, 5);
UPDATE lifecycle_test.thing SET state = CASE id WHEN 1 THEN 'closed' ELSE 'done' END WHERE id IN (1, 4);
SELECT string_agg(state, ' ' ORDER BY id) FROM lifecycle_test.thing WHERE id IN (1, 4, 5);
-- by way of other statements
SELECT regress.attempt($$INSERT INTO lifecycle_test.thing VALUES (5, 'new') ON CONFLICT (id) DO UPDATE SET state = excluded.state$$);
SELECT regress.attempt($$MERGE INTO lifecycle_test.thing t USING (VALUES (5)) v(id) ON v.id = t.id WHEN MATCHED THEN UPDATE SET state = 'new'$$);
CREATE VIEW lifecycle_test.things AS SELECT id, state AS s FROM lifecycle_test.thing;
SELECT regress.attempt($$UPDATE lifecycle_test.things SET s = 'new' WHERE id = 5$$);
SELECT regress.attempt($$WITH u AS (UPDATE lifecycle_test.thing SET state = 'new' WHERE id = 5 RETURNING id) SELECT count(*) FROM u$$);

-- a state that was never set may be set, one that was cannot be emptied
SELECT r.* FROM regress.refusal($$UPDATE lifecycle_test.thing SET state = NULL WHERE id = 2$$) r;
SELECT r.* FROM regress.refusal($$UPDATE lifecycle_test.thing SET state = NULL WHERE id = 5$$) r;
INSERT INTO lifecycle_test.thing VALUES (20, NULL);
UPDATE lifecycle_test.thing SET state = NULL WHERE id = 20;
UPDATE lifecycle_test.thing SET state = 'done' WHERE id = 20;
SELECT regress.attempt($$UPDATE lifecycle_test.thing SET state = 'open' WHERE id = 20$$);

-- a replica that applies rows of others, and who would only look like one
SET session_replication_role = replica;
UPDATE lifecycle_test.thing SET state = 'new' WHERE id = 5;
ALTER TABLE lifecycle_test.thing ENABLE ALWAYS TRIGGER lifecycle;
SELECT regress.attempt($$UPDATE lifecycle_test.thing SET state = 'closed' WHERE id = 5$$);
RESET session_replication_role;

-- made in the wrong way it says so, at the first change
CREATE FUNCTION lifecycle_test.attempt(trigger text, statement text DEFAULT 'UPDATE lifecycle_test.scratch SET state = ''open''')
RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	said text;
BEGIN
	CREATE TABLE lifecycle_test.scratch (id integer, state text, dropped text, "odd Name" text);
	ALTER TABLE lifecycle_test.scratch DROP COLUMN dropped;
	INSERT INTO lifecycle_test.scratch VALUES (1, 'new', 'new');
	EXECUTE format('CREATE TRIGGER lifecycle %s', replace(trigger, 'lifecycle(', 'EXECUTE FUNCTION trainledger_internal.lifecycle('));
	said := regress.attempt(statement);
	DROP TABLE lifecycle_test.scratch;
	RETURN said;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SET client_min_messages = warning;
SELECT label, lifecycle_test.attempt(trigger, statement)
FROM (VALUES
	('right', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('state', 'new>open')$$, NULL),
	('no moves', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('state')$$, NULL),
	('an odd name', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('odd Name', 'new>open')$$, 'UPDATE lifecycle_test.scratch SET "odd Name" = ''x'''),
	('no column', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle()$$, NULL),
	('unknown column', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('State', 'new>open')$$, NULL),
	('dropped column', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('........pg.dropped.3........', 'new>open')$$, NULL),
	('system column', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('ctid', 'new>open')$$, NULL),
	('AFTER', $$AFTER UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('state', 'new>open')$$, NULL),
	('INSERT', $$BEFORE INSERT ON lifecycle_test.scratch FOR EACH ROW lifecycle('state', 'new>open')$$, $$INSERT INTO lifecycle_test.scratch VALUES (2, 'new')$$),
	('DELETE', $$BEFORE DELETE ON lifecycle_test.scratch FOR EACH ROW lifecycle('state', 'new>open')$$, 'DELETE FROM lifecycle_test.scratch'),
	('TRUNCATE', $$BEFORE TRUNCATE ON lifecycle_test.scratch lifecycle('state', 'new>open')$$, 'TRUNCATE lifecycle_test.scratch'),
	('STATEMENT', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH STATEMENT lifecycle('state', 'new>open')$$, NULL),
	('misspelt moves', $$BEFORE UPDATE ON lifecycle_test.scratch FOR EACH ROW lifecycle('state', 'new', 'new->open', 'new > open', '>open', 'NEW>open')$$, NULL)
) v(label, trigger, statement0), LATERAL (SELECT coalesce(statement0, 'UPDATE lifecycle_test.scratch SET state = ''open''')) s(statement);
RESET client_min_messages;
SELECT regress.attempt('SELECT trainledger_internal.lifecycle()');
-- nobody but the owner may hang it on a table
SET ROLE regress_admin;
SELECT regress.attempt('SELECT trainledger_internal.lifecycle()');
CREATE TEMPORARY TABLE mine (state text);
SELECT regress.attempt($$CREATE TRIGGER lifecycle BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION trainledger_internal.lifecycle('state', 'a>b')$$);
DROP TABLE mine;
RESET ROLE;

-- other types than text
CREATE TABLE lifecycle_test.typed (state trainledger.lifecycle NOT NULL, number integer);
CREATE TRIGGER number BEFORE UPDATE ON lifecycle_test.typed FOR EACH ROW EXECUTE FUNCTION trainledger_internal.lifecycle('number', '1>2', '2>10');
CREATE TRIGGER state BEFORE UPDATE ON lifecycle_test.typed FOR EACH ROW EXECUTE FUNCTION trainledger_internal.lifecycle('state', 'draft>published');
INSERT INTO lifecycle_test.typed VALUES ('draft', 1);
UPDATE lifecycle_test.typed SET state = 'published', number = 2;
SELECT regress.attempt($$UPDATE lifecycle_test.typed SET state = 'archived'$$), regress.attempt($$UPDATE lifecycle_test.typed SET number = 1$$);
UPDATE lifecycle_test.typed SET number = 10;
SELECT * FROM lifecycle_test.typed;

-- The state columns of the books: every one has the guard, always on
SELECT c.oid::regclass AS "table", a.attname AS "column", t.tgenabled AS enabled,
	array_to_string((string_to_array(rtrim(encode(t.tgargs, 'escape'), '\000'), '\000'))[2:], ', ') AS moves
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgfoid = 'trainledger_internal.lifecycle()'::regprocedure
	AND a.attnum = ANY (t.tgattr::int2[]) AND t.tgtype = 1 + 2 + 16
WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind = 'r' AND a.attname = 'lifecycle_state'
ORDER BY c.oid::regclass::text;

-- plain statements of the owner cannot break them
BEGIN;
SELECT FROM add_party('person', 'Lifecycle', id => 870001);
SELECT id, lifecycle_state FROM unnest('{870101,870102,870103,870104}'::bigint[]) i, create_pass_type('lifecycle-' || i, 'n', id => i);
SELECT count(*) FROM unnest('{870201,870202,870203}'::bigint[]) i, create_pass_option(870101, i::text, 'days', 1, i);
SELECT FROM add_region('lifecycle', 'l'), add_currency('lifecycle', 'l');
SELECT FROM create_pass_price(870202, 'lifecycle', 'lifecycle', 1);
SELECT FROM update_pass_option(870202, lifecycle_state => 'published');
SELECT FROM update_pass_type(870101, lifecycle_state => 'published');
SELECT count(*) FROM unnest('{870301,870302}'::bigint[]) i, issue_pass(870101, 870202, 870001, id => i);
SELECT FROM revoke_pass(870302);
UPDATE pass_type SET lifecycle_state = 'published' WHERE id IN (870102, 870103);
UPDATE pass_type SET lifecycle_state = 'archived' WHERE id = 870103;
UPDATE pass_type_option SET lifecycle_state = 'published' WHERE id = 870203;
UPDATE pass_type_option SET lifecycle_state = 'archived' WHERE id = 870203;
SELECT r.relation, r.present, string_agg(s.state, ' ' ORDER BY n) FILTER (WHERE x.code = 'ok') AS allowed,
	string_agg(DISTINCT x.code || ': ' || x.message || '. ' || x.detail || ' ' || x.hint, ' / ') FILTER (WHERE x.code <> 'ok') AS refused
FROM (VALUES ('pass_type', 870104, 'draft'), ('pass_type', 870101, 'published'), ('pass_type', 870103, 'archived'), ('pass_type_option', 870201, 'draft'),
	('pass_type_option', 870202, 'published'), ('pass_type_option', 870203, 'archived'),
	('pass', 870301, 'active'), ('pass', 870302, 'cancelled')) r(relation, id, present),
	LATERAL unnest(CASE relation WHEN 'pass' THEN '{active,cancelled}' ELSE '{draft,published,archived}' END::text[]) WITH ORDINALITY s(state, n),
	regress.refusal(format($$
		DO $do$ BEGIN
			UPDATE trainledger.%I SET lifecycle_state = %L WHERE id = %s AND lifecycle_state = %L;
			IF NOT FOUND THEN RAISE EXCEPTION 'no row'; END IF;
			RAISE EXCEPTION USING ERRCODE = 'XX999', MESSAGE = 'went';
		END $do$ $$, relation, s.state, id, present)) a,
	LATERAL (SELECT CASE a.code WHEN 'XX999' THEN 'ok' ELSE a.code END, a.message, a.detail, a.hint) x(code, message, detail, hint)
GROUP BY 1, 2 ORDER BY 1, 2;
SET LOCAL session_replication_role = replica;
SELECT r.* FROM (VALUES ('pass', 870302, 'active'), ('pass_type', 870103, 'draft'), ('pass_type_option', 870202, 'draft')) v(relation, id, state),
	regress.attempt(format('UPDATE trainledger.%I SET lifecycle_state = %L WHERE id = %s', relation, state, id)) r;
SET LOCAL session_replication_role = origin;
SELECT r.* FROM unnest('{pass,pass_type,pass_type_option}'::text[]) relation,
	regress.sqlstate(format('UPDATE trainledger.%I SET lifecycle_state = NULL WHERE id BETWEEN 870000 AND 880000', relation)) r;
-- nor can a pass be made to end before it begins, or an option of no length
SELECT regress.sqlstate('UPDATE trainledger.pass SET valid_until = valid_from WHERE id = 870301'),
	regress.sqlstate('UPDATE trainledger.pass_type_option SET validity_value = 0 WHERE id = 870201');
ROLLBACK;
-- and the levels cannot try
SET ROLE regress_admin;
SELECT r.* FROM unnest('{pass,pass_type,pass_type_option}'::text[]) relation,
	regress.attempt(format('UPDATE trainledger.%I SET lifecycle_state = lifecycle_state', relation)) r;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA lifecycle_test CASCADE;
RESET client_min_messages;
