-- The owner may alter tables and indexes: the engine gives the right answer all
-- the same, or an error that says which object is in the way and what to do.
-- test/t/176_ddl_fuzz.pl does so at random.
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET client_min_messages = error;
SELECT name FROM trainledger.add_credit_token_type('ddl', lower_bound => 0, upper_bound => 1000);
SELECT barcode FROM unnest('{ddl-1,ddl-2}'::text[]) AS b, trainledger.add_party('person', b, barcode => b);
SELECT balance FROM unnest('{ddl-1,ddl-2}'::text[]) AS b,
	trainledger.credit_init(regress.party(b), 10, 's', '', '2024-01-01', 'ddl', 'ddl');
SELECT is_suspended FROM trainledger.update_party(regress.party('ddl-2'), is_suspended => true);
SELECT balance FROM trainledger.credit_add(regress.party('ddl-1'), 1, 's', 'booked before', '2024-01-02', 'ddl', 'ddl');
SELECT regress.account('ddl-1', 'ddl') AS one, regress.account('ddl-2', 'ddl') AS two \gset
SET regress.one = :one;
SET regress.two = :two;

-- Whether a call comes to what is wanted; if not, to what
CREATE FUNCTION pg_temp.came_to(call text, wanted text) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	r record;
BEGIN
	SELECT * INTO r FROM regress.refusal(call);
	IF r.code = wanted THEN
		RETURN NULL;
	ELSIF r.code = 'ok' THEN
		RETURN 'not ' || wanted;
	END IF;
	RETURN concat_ws(' ', r.code, regexp_replace(r.message, '\d{4,}', 'N'),
		CASE WHEN r.hint IS NULL THEN 'without a hint' END);
END
$$;
-- Whether what was answered is in the books, found without any index
CREATE FUNCTION pg_temp.books(party bigint, suspended bigint) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	found text;
BEGIN
	SELECT concat_ws(' ', sum(a.balance), sum(a.entry_count), sum(s.sum), sum(s.count)) INTO found
	FROM trainledger.account a, LATERAL (SELECT sum(e.delta), count(*) FROM trainledger.entry e WHERE e.account_id + 0 = a.id) s
	WHERE a.party_id IN (party, suspended);
	RETURN CASE found WHEN '24 9 24 9' THEN 'right' ELSE 'right, but the books have ' || found END;
END
$$;
-- All calls of the engine, which look at different things; a complaint that
-- several make stands there once
CREATE FUNCTION pg_temp.calls() RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	party bigint := regress.party('ddl-1');
	suspended bigint := regress.party('ddl-2');
	complaints text;
BEGIN
	SELECT string_agg(DISTINCT c, '; ') INTO complaints FROM (VALUES
		(1, format($q$SELECT trainledger.credit_add(%s, 1, 's', 'new', '2024-02-01', 'ddl', 'ddl')$q$, party), 'ok'),
		(2, format($q$SELECT trainledger.credit_add(%s, 1, 's', 'new', '2024-02-01', 'ddl', 'ddl')$q$, party), 'TL056'),
		(3, format($q$SELECT trainledger.credit_add(%s, 1, 's', 'booked before', '2024-01-02', 'ddl', 'ddl')$q$, party), 'TL056'),
		(4, format($q$SELECT trainledger.credit_add(%s, 1, 's', 'new', '2024-02-01', 'ddl', 'ddl')$q$, suspended), 'TL409'),
		(5, format($q$SELECT trainledger.credit_subtract(%s, 1, 's', 'new', '2024-02-01', 'ddl', 'ddl')$q$, suspended), 'ok'),
		(6, format($q$SELECT trainledger.post(%s, 'add', 2, 's', idempotency_key => '00000000-0000-4000-8000-0000000000dd')$q$, current_setting('regress.one')), 'ok'),
		(7, format($q$SELECT trainledger.post(%s, 'add', 2, 's', idempotency_key => '00000000-0000-4000-8000-0000000000dd')$q$, current_setting('regress.one')), 'ok'),
		(8, format($q$SELECT trainledger.post(%s, 'add', 5000, 's')$q$, current_setting('regress.one')), 'TL054'),
		(9, format($q$SELECT trainledger.post_batch('{%s,%s}', '{1,-1}', 's', '{batch,batch}', '{2024-02-02,2024-02-02}')$q$, current_setting('regress.one'), current_setting('regress.two')), 'ok'),
		(10, format($q$SELECT trainledger.post_batch('{%s,%s}', '{1,-1}', 's', '{batch,batch}', '{2024-02-02,2024-02-02}')$q$, current_setting('regress.one'), current_setting('regress.two')), 'TL056'),
		(11, format($q$SELECT trainledger.credit_init(%s, 1, 's', 'new', '2024-02-01', 'ddl more', 'ddl')$q$, party), 'ok'),
		(12, format($q$SELECT trainledger.credit_init(%s, 1, 's', 'new', '2024-02-01', 'ddl more', 'ddl')$q$, party), 'TL051'),
		(13, format($q$SELECT trainledger.credit_add(%s, 1, 's', '', '2024-02-01', 'nothing', 'ddl')$q$, party), 'TL057'),
		(14, format($q$SELECT trainledger.credit_add(%s, 1, 's', '', '2024-02-01', 'ddl', 'nothing')$q$, party), 'TL404'),
		(15, $q$SELECT trainledger.post(7, 'add', 1, 's')$q$, 'TL404')
	) v(n, call, wanted), LATERAL (SELECT pg_temp.came_to(v.call, v.wanted) OFFSET 0) x(c);
	RETURN coalesce(complaints, pg_temp.books(party, suspended));
END
$$;
-- What the calls come to while something is altered, and after that is undone
CREATE FUNCTION pg_temp.altered(statements text) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	then_is text;
	now_is text;
BEGIN
	BEGIN
		EXECUTE statements;
		then_is := pg_temp.calls();
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION
		WHEN SQLSTATE 'UNDO0' THEN NULL;
		WHEN OTHERS THEN RETURN 'not altered: ' || SQLSTATE || ' ' || SQLERRM;
	END;
	BEGIN
		now_is := pg_temp.calls();
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
	END;
	RETURN then_is || CASE WHEN now_is <> 'right' THEN ', afterwards ' || now_is ELSE '' END;
END
$$;
-- drops the views and functions that keep a column from being altered
CREATE FUNCTION pg_temp.free(relation regclass, name text) RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	statement text;
BEGIN
	LOOP
		SELECT CASE
			WHEN d.classid = 'pg_proc'::regclass THEN format('ALTER EXTENSION trainledger DROP FUNCTION %1$s; DROP FUNCTION %1$s', d.objid::regprocedure)
			WHEN d.classid = 'pg_policy'::regclass THEN (SELECT format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass) FROM pg_policy p WHERE p.oid = d.objid)
			WHEN d.classid = 'pg_trigger'::regclass THEN (SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t WHERE t.oid = d.objid)
			ELSE (SELECT format('CREATE OR REPLACE VIEW %s AS SELECT %s', r.ev_class::regclass, string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod), ' COLLATE ' || nullif(nullif(a.attcollation, 0), 'default'::regcollation)::regcollation, a.attname), ', ' ORDER BY a.attnum))
				FROM pg_rewrite r JOIN pg_attribute a ON a.attrelid = r.ev_class AND a.attnum > 0 WHERE r.oid = d.objid GROUP BY r.ev_class) END
		INTO statement
		FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND a.attname = name
		AND d.classid IN ('pg_proc'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass)
		AND d.deptype = 'n' LIMIT 1;
		EXIT WHEN statement IS NULL;
		EXECUTE statement;
	END LOOP;
END
$$;
-- another type for a column
CREATE FUNCTION pg_temp.retype("table" text, "column" text, type text, value text DEFAULT '%1$I::%2$s') RETURNS text LANGUAGE sql
AS $$
	SELECT format('SELECT pg_temp.free(''trainledger.%1$I'', %2$L); ALTER TABLE trainledger.%1$I ALTER COLUMN %2$I DROP DEFAULT, ALTER COLUMN %2$I TYPE %3$s USING ' || format(value, $2, $3), $1, $2, $3)
$$;
-- an index and another in its place
CREATE FUNCTION pg_temp.replace("constraint" text, "table" text, made text) RETURNS text LANGUAGE sql
AS $$
	SELECT format('ALTER TABLE trainledger.%I DROP CONSTRAINT %I CASCADE; CREATE %s', $2, $1, made)
$$;

SELECT n, what, pg_temp.altered(statements) AS calls_are
FROM (VALUES
	(0, 'nothing', ''),

	-- the server crashed
	(100, 'account_key in another order', 'ALTER TABLE trainledger.account DROP CONSTRAINT account_key, ADD CONSTRAINT account_key UNIQUE (name, party_id, token_type_id)'),
	(101, 'account_key rotated', 'ALTER TABLE trainledger.account DROP CONSTRAINT account_key, ADD CONSTRAINT account_key UNIQUE (token_type_id, name, party_id)'),
	(102, 'account_key of pattern operators', pg_temp.replace('account_key', 'account', 'UNIQUE INDEX account_key ON trainledger.account (party_id DESC, name text_pattern_ops, token_type_id)')),
	(103, 'account_key with included columns', pg_temp.replace('account_key', 'account', 'UNIQUE INDEX account_key ON trainledger.account (party_id) INCLUDE (token_type_id, name, id)')),
	(104, 'account_key by hash', pg_temp.replace('account_key', 'account', 'INDEX account_key ON trainledger.account USING hash (name)')),
	(105, 'account_key by BRIN', pg_temp.replace('account_key', 'account', 'INDEX account_key ON trainledger.account USING brin (party_id, token_type_id, name)')),
	(106, 'account_key of expressions', pg_temp.replace('account_key', 'account', 'UNIQUE INDEX account_key ON trainledger.account ((party_id + 0), (token_type_id::text), (lower(name)))')),
	(107, 'account_key on one column', pg_temp.replace('account_key', 'account', 'INDEX account_key ON trainledger.account (party_id)')),
	(108, 'account_pkey on another column', pg_temp.replace('account_pkey', 'account', 'INDEX account_pkey ON trainledger.account (name)')),
	(109, 'account_pkey in descending order', pg_temp.replace('account_pkey', 'account', 'UNIQUE INDEX account_pkey ON trainledger.account (id DESC)')),
	(110, 'token_type_kind_name_key in another order', 'ALTER TABLE trainledger.token_type DROP CONSTRAINT token_type_kind_name_key, ADD CONSTRAINT token_type_kind_name_key UNIQUE (name, kind)'),
	(111, 'token_type_pkey by hash', pg_temp.replace('token_type_pkey', 'token_type', 'INDEX token_type_pkey ON trainledger.token_type USING hash (id)')),
	(112, 'token_type_kind_name_key of another collation', pg_temp.replace('token_type_kind_name_key', 'token_type', 'UNIQUE INDEX token_type_kind_name_key ON trainledger.token_type (kind, name COLLATE "POSIX")')),
	(120, 'entry.dedup: text', 'ALTER TABLE trainledger.entry ALTER COLUMN dedup TYPE text'),
	(121, 'entry.keyed_call: text', pg_temp.retype('entry', 'keyed_call', 'text')),
	(122, 'entry.recorded_at: timestamp', pg_temp.retype('entry', 'recorded_at', 'timestamp', '%1$I AT TIME ZONE ''UTC''')),
	(123, 'entry.entry_no: numeric', pg_temp.retype('entry', 'entry_no', 'numeric')),
	(124, 'entry.delta: numeric', pg_temp.retype('entry', 'delta', 'numeric')),
	(125, 'entry.source: varchar', pg_temp.retype('entry', 'source', 'varchar')),
	(126, 'account.entry_count: numeric', pg_temp.retype('account', 'entry_count', 'numeric')),
	(127, 'account.balance: numeric', pg_temp.retype('account', 'balance', 'numeric')),
	(128, 'account.id: text', pg_temp.retype('account', 'id', 'text')),
	(129, 'a domain', 'CREATE DOMAIN regress.number AS bigint; ' || pg_temp.retype('account', 'entry_count', 'regress.number')),
	(130, 'token_type.scale: another column, bigint', 'ALTER TABLE trainledger.token_type RENAME scale TO was; ALTER TABLE trainledger.token_type ADD COLUMN scale bigint'),
	(131, 'token_type.bounds: another column, text', $$ALTER TABLE trainledger.token_type RENAME bounds TO was; ALTER TABLE trainledger.token_type ADD COLUMN bounds text$$),
	(132, 'party.is_suspended: another column, text', $$ALTER TABLE trainledger.party RENAME is_suspended TO was; ALTER TABLE trainledger.party ADD COLUMN is_suspended text$$),
	(133, 'names of columns exchanged', 'ALTER TABLE trainledger.account RENAME balance TO was; ALTER TABLE trainledger.account RENAME last_entry_at TO balance; ALTER TABLE trainledger.account RENAME was TO last_entry_at'),
	(134, 'a nondeterministic collation', $$CREATE COLLATION regress.loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false); SELECT pg_temp.free('trainledger.account', 'name'); ALTER TABLE trainledger.account ALTER COLUMN name TYPE text COLLATE regress.loose$$),

	-- everybody was suspended, duplicates were raw violations
	(200, 'party_suspended of people', 'DROP INDEX trainledger.party_suspended; CREATE INDEX party_suspended ON trainledger.party(id) WHERE kind = ''person'''),
	(201, 'party_suspended of all', 'DROP INDEX trainledger.party_suspended; CREATE INDEX party_suspended ON trainledger.party(id)'),
	(202, 'party_suspended of others', 'DROP INDEX trainledger.party_suspended; CREATE INDEX party_suspended ON trainledger.party(id) WHERE NOT is_suspended'),
	(203, 'party_suspended of some', 'DROP INDEX trainledger.party_suspended; CREATE INDEX party_suspended ON trainledger.party(id) WHERE is_suspended AND kind = ''organisation'''),
	(204, 'party_suspended of more', 'DROP INDEX trainledger.party_suspended; CREATE INDEX party_suspended ON trainledger.party(id) WHERE is_suspended OR kind = ''person'''),
	(205, 'party_suspended written in another way', 'DROP INDEX trainledger.party_suspended; CREATE INDEX another ON trainledger.party(id) WHERE is_suspended IS TRUE'),
	(206, 'no party_suspended', 'DROP INDEX trainledger.party_suspended'),
	(210, 'entry_dedup the other way round', 'DROP INDEX trainledger.entry_dedup; CREATE UNIQUE INDEX entry_dedup ON trainledger.entry (account_id, dedup) WHERE dedup IS NOT NULL'),
	(211, 'entry_dedup of all', 'DROP INDEX trainledger.entry_dedup; CREATE UNIQUE INDEX entry_dedup ON trainledger.entry (dedup, account_id)'),
	(212, 'entry_dedup of some', 'DROP INDEX trainledger.entry_dedup; CREATE UNIQUE INDEX entry_dedup ON trainledger.entry (dedup, account_id) WHERE keyed_call IS NOT NULL'),
	(213, 'entry_dedup not unique', 'DROP INDEX trainledger.entry_dedup; CREATE INDEX entry_dedup ON trainledger.entry (dedup DESC NULLS LAST, account_id)'),
	(214, 'entry_dedup on one column', 'DROP INDEX trainledger.entry_dedup; CREATE INDEX entry_dedup ON trainledger.entry (account_id)'),
	(215, 'no entry_dedup', 'DROP INDEX trainledger.entry_dedup'),
	(216, 'no entry_pkey', 'ALTER TABLE trainledger.entry DROP CONSTRAINT entry_pkey'),
	(217, 'no account_key', 'ALTER TABLE trainledger.account DROP CONSTRAINT account_key'),
	(218, 'no account_pkey', 'ALTER TABLE trainledger.account DROP CONSTRAINT account_pkey CASCADE'),
	(219, 'account_key deferrable', 'ALTER TABLE trainledger.account DROP CONSTRAINT account_key, ADD CONSTRAINT account_key UNIQUE (party_id, token_type_id, name) DEFERRABLE'),

	-- of an index that no posting reads nothing is asked
	(220, 'no entry_booking_no_idx', 'DROP INDEX trainledger.entry_booking_no_idx'),
	(221, 'entry_booking_no_idx by B-tree', 'DROP INDEX trainledger.entry_booking_no_idx; CREATE INDEX entry_booking_no_idx ON trainledger.entry (booking_no)'),
	(222, 'entry_booking_no_idx of more', 'DROP INDEX trainledger.entry_booking_no_idx; CREATE INDEX entry_booking_no_idx ON trainledger.entry USING brin (booking_no, source) WITH (pages_per_range = 1)'),
	(223, 'entry_booking_no_idx not ready', $$UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid = 'trainledger.entry_booking_no_idx'::regclass$$),

	-- indexes that are not ready were read
	(300, 'entry_dedup not valid', $$UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'trainledger.entry_dedup'::regclass$$),
	(301, 'party_suspended not valid', $$UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'trainledger.party_suspended'::regclass$$),
	(302, 'account_pkey to be checked', $$UPDATE pg_index SET indcheckxmin = true WHERE indexrelid = 'trainledger.account_pkey'::regclass$$),
	(303, 'token_type_pkey to be checked', $$UPDATE pg_index SET indcheckxmin = true WHERE indexrelid = 'trainledger.token_type_pkey'::regclass$$),
	(304, 'account_key not live', $$UPDATE pg_index SET indisvalid = false, indisready = false, indislive = false WHERE indexrelid = 'trainledger.account_key'::regclass$$),

	-- other names
	(400, 'entry_dedup renamed', 'ALTER INDEX trainledger.entry_dedup RENAME TO renamed'),
	(401, 'two indexes exchanged', 'ALTER INDEX trainledger.entry_dedup RENAME TO was; ALTER INDEX trainledger.entry_pkey RENAME TO entry_dedup; ALTER INDEX trainledger.was RENAME TO entry_pkey'),
	(402, 'indexes of two tables exchanged', 'ALTER INDEX trainledger.account_pkey RENAME TO was; ALTER INDEX trainledger.party_pkey RENAME TO account_pkey; ALTER INDEX trainledger.was RENAME TO party_pkey'),
	(403, 'entry_dedup renamed and another in its place', 'ALTER INDEX trainledger.entry_dedup RENAME TO renamed; CREATE INDEX entry_dedup ON trainledger.entry (source)'),
	(404, 'account renamed', 'ALTER TABLE trainledger.account RENAME TO renamed'),
	(405, 'entry elsewhere', 'ALTER TABLE trainledger.entry SET SCHEMA regress'),
	(406, 'account renamed to entry', 'ALTER TABLE trainledger.entry RENAME TO was; ALTER TABLE trainledger.account RENAME TO entry; ALTER TABLE trainledger.was RENAME TO account'),
	(407, 'a column renamed', 'ALTER TABLE trainledger.account RENAME entry_count TO number_of_entries'),
	(408, 'a column dropped', $$SELECT pg_temp.free('trainledger.entry', 'keyed_call'); ALTER TABLE trainledger.entry DROP COLUMN keyed_call$$),
	(409, 'a label renamed', $$ALTER TYPE trainledger.operation RENAME VALUE 'expire' TO 'lapse'$$),
	(410, 'a type renamed', 'ALTER TYPE trainledger.token_kind RENAME TO kind_of_tokens'),
	(411, 'a sequence renamed', 'ALTER SEQUENCE trainledger.account_id_seq RENAME TO renamed'),

	-- other things under the names
	(500, 'a view', 'ALTER TABLE trainledger.entry RENAME TO was; CREATE VIEW trainledger.entry AS SELECT * FROM trainledger.was'),
	(501, 'a partitioned table', 'ALTER TABLE trainledger.entry RENAME TO was; CREATE TABLE trainledger.entry (LIKE trainledger.was) PARTITION BY HASH (account_id); ALTER TABLE trainledger.entry ATTACH PARTITION trainledger.was FOR VALUES WITH (MODULUS 1, REMAINDER 0)'),
	(502, 'a materialized view', 'ALTER TABLE trainledger.account RENAME TO was; CREATE MATERIALIZED VIEW trainledger.account AS SELECT * FROM trainledger.was'),
	(503, 'a partition', 'CREATE TABLE regress.whole (LIKE trainledger.entry) PARTITION BY HASH (account_id); ALTER TABLE regress.whole ATTACH PARTITION trainledger.entry FOR VALUES WITH (MODULUS 1, REMAINDER 0)'),
	(504, 'a copy', 'ALTER TABLE trainledger.entry RENAME TO was; CREATE TABLE trainledger.entry (LIKE trainledger.was INCLUDING ALL); INSERT INTO trainledger.entry SELECT * FROM trainledger.was'),
	(505, 'attributes of booked_entry', 'ALTER TYPE trainledger.booked_entry ALTER ATTRIBUTE delta TYPE text'),
	(506, 'an attribute of booked_entry dropped', 'ALTER TYPE trainledger.booked_entry DROP ATTRIBUTE device'),
	(507, 'one attribute more', 'ALTER TYPE trainledger.booked_entry ADD ATTRIBUTE more text'),

	-- rows that are kept out
	(600, 'a rule instead of entries', 'CREATE RULE r AS ON INSERT TO trainledger.entry DO INSTEAD NOTHING'),
	(601, 'a rule instead of updates', 'CREATE RULE r AS ON UPDATE TO trainledger.account DO INSTEAD NOTHING'),
	-- by SQL, so that a plan of the rule would be used
	(602, 'no rule any more', 'CREATE TRIGGER t AFTER INSERT ON trainledger.entry FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); ALTER TABLE trainledger.entry DISABLE TRIGGER t'),
	(603, 'a trigger that keeps out entries', 'CREATE FUNCTION regress.keep_out() RETURNS trigger LANGUAGE plpgsql AS $q$BEGIN RETURN NULL; END$q$; CREATE TRIGGER t BEFORE INSERT ON trainledger.entry FOR EACH ROW EXECUTE FUNCTION regress.keep_out()'),
	(604, 'a trigger that keeps out accounts', 'CREATE FUNCTION regress.keep_out() RETURNS trigger LANGUAGE plpgsql AS $q$BEGIN RETURN NULL; END$q$; CREATE TRIGGER t BEFORE INSERT ON trainledger.account FOR EACH ROW EXECUTE FUNCTION regress.keep_out()')
) v(n, what, statements) ORDER BY n;

-- What failed to be made concurrently is in the way of nothing
DROP INDEX trainledger.entry_dedup;
CREATE UNIQUE INDEX CONCURRENTLY entry_dedup ON trainledger.entry ((account_id * 0));
SELECT indisvalid FROM pg_index WHERE indexrelid = 'trainledger.entry_dedup'::regclass;
SELECT pg_temp.altered('') AS calls_are;
DROP INDEX trainledger.entry_dedup;
CREATE UNIQUE INDEX entry_dedup ON trainledger.entry (dedup, account_id) WHERE dedup IS NOT NULL;
SELECT pg_temp.altered('') AS calls_are;

-- Which object it is and what to do
SELECT v.n, r.code, r.message, r.detail, r.hint
FROM (VALUES
	(1, 'ALTER TABLE trainledger.entry RENAME TO renamed'),
	(2, 'ALTER TABLE trainledger.account RENAME balance TO was'),
	(3, pg_temp.retype('entry', 'dedup', 'text')),
	(4, 'ALTER SEQUENCE trainledger.booking_no_seq INCREMENT 2'),
	(5, 'ALTER TABLE trainledger.party SET SCHEMA regress; CREATE VIEW trainledger.party AS SELECT * FROM regress.party')
) v(n, statements),
LATERAL regress.refusal(format('DO $q$ BEGIN EXECUTE %L; PERFORM trainledger.post(%s, ''add'', 1, ''s''); RAISE SQLSTATE ''UNDO0''; END $q$', v.statements, :one)) r
ORDER BY v.n;

-- What is returned is what is stored, and has no column of a user's
SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns FROM pg_attribute a
WHERE a.attrelid = 'trainledger.booked_entry'::regclass AND a.attnum > 0;
CREATE FUNCTION pg_temp.stored(statements text) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	was trainledger.booked_entry;
	stored record;
	answer text;
BEGIN
	BEGIN
		EXECUTE statements;
		was := trainledger.post(current_setting('regress.one')::bigint, 'add', 1, 's', 'as it was asked');
		SELECT e.delta, e.balance, e.source, e.description, e.device, e.booked_by, e.created_at INTO stored
		FROM trainledger.entry e WHERE e.account_id = was.account_id AND e.entry_no = was.entry_no;
		answer := concat_ws(' ', was.description, was.device, CASE WHEN stored IS DISTINCT FROM
			(SELECT r FROM (SELECT was.delta, was.balance, was.source, was.description, was.device, was.booked_by, was.created_at) r)
			THEN 'is not what is stored' ELSE 'is stored' END);
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
	END;
	RETURN answer;
END
$$;
CREATE FUNCTION regress.ddl_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.description := upper(NEW.description);
	NEW.device := 'a trigger';
	RETURN NEW;
END
$$;
SELECT what, pg_temp.stored(statements) AS answer
FROM (VALUES
	('a trigger', 'CREATE TRIGGER t BEFORE INSERT ON trainledger.entry FOR EACH ROW EXECUTE FUNCTION regress.ddl_change()'),
	('a default', $$ALTER TABLE trainledger.entry ALTER COLUMN device SET DEFAULT 'a default'$$),
	('a column', $$ALTER TABLE trainledger.entry ADD COLUMN more text DEFAULT 'x'$$),
	('a generated column', 'ALTER TABLE trainledger.entry ADD COLUMN more text GENERATED ALWAYS AS (upper(source)) STORED'),
	('an identity', 'ALTER TABLE trainledger.entry ADD COLUMN more bigint GENERATED ALWAYS AS IDENTITY')
) v(what, statements) ORDER BY 1;

-- Documents and changes of a code exclude each other by no lock that
-- maintenance waits for
SELECT count(*) FROM trainledger.add_catalog_item('course', 'DDL', 'ddl');
BEGIN;
SELECT count(*) FROM trainledger.import_signup_tokens('<Tokens><Token><TokenCode>ddl 1</TokenCode><TokenType>1</TokenType><TokenTypeId>DDL</TokenTypeId><MaximumActivations>1</MaximumActivations></Token></Tokens>');
SELECT id AS token FROM trainledger.signup_token WHERE code = 'ddl 1' \gset
SELECT code FROM trainledger.update_signup_token(:'token', code => 'ddl 2');
SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'trainledger.signup_token'::regclass
AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock');
ROLLBACK;

DROP FUNCTION regress.ddl_change();
SELECT * FROM trainledger.reconcile();
