-- Which postings are written without SQL (src/ledger/direct.c): those on plain
-- tables. Whatever hangs on the tables is served by SQL, and takes effect.
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET search_path = trainledger, public;
SET client_min_messages = error;	-- wal_level is not logical here
SELECT name FROM add_credit_token_type('direct', lower_bound => -100);
SELECT barcode FROM unnest('{direct-1,direct-2}'::text[]) AS b, add_party('person', b, barcode => b);
SELECT balance FROM (VALUES ('direct-1', 10), ('direct-2', 11)) v(barcode, amount),
	credit_init(regress.party(barcode), amount, 's', '', '2024-01-01', 'direct', 'direct');
SELECT regress.account('direct-1', 'direct') AS one, regress.account('direct-2', 'direct') AS two \gset
SET regress.one = :one;
SET regress.two = :two;

CREATE FUNCTION pg_temp.drop_policies() RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	policy name;
BEGIN
	FOR policy IN SELECT polname FROM pg_policy WHERE polrelid = 'trainledger.account'::regclass LOOP
		EXECUTE format('DROP POLICY %I ON trainledger.account', policy);
	END LOOP;
END
$$;

-- Our guard fires when an account is updated with SQL, and only then.
SET track_functions = 'all';
CREATE FUNCTION pg_temp.guarded() RETURNS bigint LANGUAGE sql VOLATILE
AS $$
	SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_xact_user_functions
	WHERE schemaname = 'trainledger_internal' AND funcname = 'refuse_plain_update'
$$;
CREATE FUNCTION pg_temp.post_all() RETURNS void LANGUAGE sql VOLATILE
AS $$
	SELECT post(current_setting('regress.one')::bigint, 'add', 1, 'singly', 'd', '2024-01-01');
	SELECT count(*) FROM post_batch(ARRAY[current_setting('regress.two'), current_setting('regress.one'),
		current_setting('regress.two')]::bigint[], '{1,2,3}', 'together');
$$;
-- What statements lead to: how one posting and a batch are then written, what
-- a query finds, and what the books say. All of it is undone.
CREATE FUNCTION pg_temp.written(statements text, query text DEFAULT NULL) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	was bigint;
	path text;
	found text;
	wrong bigint;
BEGIN
	BEGIN
		EXECUTE statements;
		was := pg_temp.guarded();
		PERFORM pg_temp.post_all();
		path := CASE pg_temp.guarded() - was WHEN 0 THEN 'direct' WHEN 3 THEN 'SQL' ELSE 'mixed' END;
		IF (SELECT (count(*), sum(delta)) IS DISTINCT FROM (4, 7) FROM trainledger.entry
			WHERE source IN ('singly', 'together') AND account_id IN (current_setting('regress.one')::bigint, current_setting('regress.two')::bigint)) THEN
			path := path || ', other entries';
		END IF;
		IF query IS NOT NULL THEN
			EXECUTE query INTO found;
		END IF;
		SELECT count(*) INTO wrong FROM trainledger.reconcile(current_setting('regress.one')::bigint);
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION
		WHEN SQLSTATE 'UNDO0' THEN
			RETURN concat_ws(', ', path, found, CASE WHEN wrong > 0 THEN 'the books are wrong' END);
		WHEN OTHERS THEN
			RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '\d{4,}', 'N');
	END;
END
$$;
-- how many rows a condition finds by the index i
CREATE FUNCTION pg_temp.by_index(condition text, "table" text DEFAULT 'entry') RETURNS text LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
AS $$
DECLARE
	plan json;
	found bigint;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT count(*) FROM %I WHERE %s', "table", condition) INTO plan;
	IF plan::text !~ '"Index Name": "i"' THEN
		RETURN 'not by the index';
	END IF;
	EXECUTE format('SELECT count(*) FROM %I WHERE %s', "table", condition) INTO found;
	RETURN found;
END
$$;
-- the tables of the engine as those of a role that is no superuser
CREATE FUNCTION pg_temp.give_away() RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	CREATE ROLE regress_owner;
	GRANT USAGE ON SCHEMA trainledger, trainledger_internal TO regress_owner;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trainledger, trainledger_internal TO regress_owner;	-- of reconcile
	ALTER TABLE trainledger.account OWNER TO regress_owner;
	ALTER TABLE trainledger.entry OWNER TO regress_owner;
	GRANT SELECT ON trainledger.placed_hold, trainledger.hold_allocation TO regress_owner;
END
$$;

-- what a trigger has seen
CREATE TEMPORARY TABLE seen (what text);
CREATE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.seen VALUES (TG_WHEN || ' ' || TG_OP || ' ' || TG_LEVEL);
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE FUNCTION pg_temp.see_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.seen SELECT source FROM rows_now;
	RETURN NULL;
END
$$;
CREATE FUNCTION pg_temp.suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;

SELECT n, what, pg_temp.written(statements, query) AS written
FROM (VALUES
	(1, 'as they are', '', 'SELECT count(*) FROM pg_temp.seen'),
	-- triggers
	(10, 'entry: before row', 'CREATE TRIGGER t BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) FROM pg_temp.seen'),
	(11, 'entry: after row', 'CREATE TRIGGER t AFTER INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) FROM pg_temp.seen'),
	(12, 'entry: before statement', 'CREATE TRIGGER t BEFORE INSERT ON entry EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) > 0 FROM pg_temp.seen'),
	(13, 'entry: after statement', 'CREATE TRIGGER t AFTER INSERT ON entry EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) > 0 FROM pg_temp.seen'),
	(14, 'entry: transition table', 'CREATE TRIGGER t AFTER INSERT ON entry REFERENCING NEW TABLE AS rows_now EXECUTE FUNCTION pg_temp.see_rows()', 'SELECT count(*) FROM pg_temp.seen'),
	(15, 'entry: deferred', 'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', NULL),
	(16, 'entry: disabled', 'CREATE TRIGGER t BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.see(); ALTER TABLE entry DISABLE TRIGGER t', 'SELECT count(*) FROM pg_temp.seen'),
	(17, 'entry: on update', 'CREATE TRIGGER t BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', NULL),
	(18, 'entry: suppressed', 'CREATE TRIGGER t BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress()', NULL),
	(20, 'account: before row', 'CREATE TRIGGER t BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) FROM pg_temp.seen'),
	(21, 'account: after row', 'CREATE TRIGGER t AFTER UPDATE ON account FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) FROM pg_temp.seen'),
	(22, 'account: of a column', 'CREATE TRIGGER t AFTER UPDATE OF balance ON account FOR EACH ROW WHEN (NEW.balance > 11) EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) FROM pg_temp.seen'),
	(23, 'account: after statement', 'CREATE TRIGGER t AFTER UPDATE ON account EXECUTE FUNCTION pg_temp.see()', 'SELECT count(*) FROM pg_temp.seen'),
	(24, 'account: on insert', 'CREATE TRIGGER t BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', NULL),
	(25, 'account: on delete', 'CREATE TRIGGER t BEFORE DELETE ON account FOR EACH ROW EXECUTE FUNCTION pg_temp.see()', NULL),
	(26, 'account: suppressed', 'CREATE TRIGGER t BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress()', NULL),
	(28, 'replica', $$SET session_replication_role = replica$$, NULL),
	-- rules
	(30, 'entry: rule', 'CREATE RULE r AS ON INSERT TO entry DO ALSO INSERT INTO pg_temp.seen VALUES (NEW.source)', 'SELECT count(*) FROM pg_temp.seen'),
	(31, 'account: rule', 'CREATE RULE r AS ON UPDATE TO account DO ALSO INSERT INTO pg_temp.seen VALUES (NEW.name)', 'SELECT count(*) > 0 FROM pg_temp.seen'),
	-- columns
	(40, 'entry: one more column', $$ALTER TABLE entry ADD COLUMN more text DEFAULT 'x'$$, $$SELECT count(*) FROM entry WHERE more = 'x' AND source IN ('singly', 'together')$$),
	(41, 'entry: one more empty column', 'ALTER TABLE entry ADD COLUMN more text', NULL),
	(42, 'entry: generated', 'ALTER TABLE entry ADD COLUMN more numeric GENERATED ALWAYS AS (delta::numeric * 2) STORED', $$SELECT sum(more) FROM entry WHERE source IN ('singly', 'together')$$),
	(43, 'entry: default', $$ALTER TABLE entry ALTER COLUMN device SET DEFAULT 'x'$$, NULL),
	(44, 'entry: not null', $$ALTER TABLE entry ALTER COLUMN device SET NOT NULL$$, NULL),
	(45, 'entry: another type', $$ALTER TABLE entry ALTER COLUMN keyed_call TYPE text$$, NULL),
	(46, 'entry: a column that came and went', 'ALTER TABLE entry ADD COLUMN more text DEFAULT repeat(''x'', 100); ALTER TABLE entry DROP COLUMN more', NULL),
	(47, 'account: one more column', $$ALTER TABLE account ADD COLUMN more text NOT NULL DEFAULT 'x'$$, $$SELECT string_agg(more, '') FROM account WHERE id IN (current_setting('regress.one')::bigint, current_setting('regress.two')::bigint)$$),
	(48, 'account: generated', 'ALTER TABLE account ADD COLUMN more numeric GENERATED ALWAYS AS (balance::numeric * 2) STORED', $$SELECT sum(more) FROM account WHERE id IN (current_setting('regress.one')::bigint, current_setting('regress.two')::bigint)$$),
	(49, 'account: a column that came and went', 'ALTER TABLE account ADD COLUMN more text DEFAULT repeat(''x'', 100); ALTER TABLE account DROP COLUMN more', NULL),
	-- constraints
	(50, 'entry: check', 'ALTER TABLE entry ADD CHECK (entry_no > 0)', NULL),
	(51, 'entry: check that fails', $$ALTER TABLE entry ADD CONSTRAINT entry_no_many CHECK (source <> 'together')$$, NULL),
	(52, 'account: check', 'ALTER TABLE account ADD CHECK (entry_count > 0)', NULL),
	(53, 'account: check that fails', 'ALTER TABLE account ADD CONSTRAINT account_few CHECK (entry_count < 3) NOT VALID', NULL),
	(54, 'entry: foreign key', 'ALTER TABLE entry ADD FOREIGN KEY (account_id) REFERENCES account', NULL),
	(55, 'account: referred to', 'CREATE TABLE public.referring (account_id bigint REFERENCES account); INSERT INTO public.referring SELECT id FROM account', NULL),
	(56, 'account: balance is referred to', 'ALTER TABLE account ADD UNIQUE (id, balance); CREATE TABLE public.referring (a bigint, b amount, FOREIGN KEY (a, b) REFERENCES account (id, balance)); INSERT INTO public.referring SELECT id, balance FROM account', NULL),
	(57, 'account: balance refers', 'CREATE TABLE public.allowed (balance amount PRIMARY KEY); INSERT INTO public.allowed SELECT DISTINCT balance FROM account; ALTER TABLE account ADD FOREIGN KEY (balance) REFERENCES public.allowed', NULL),
	(58, 'entry: exclusion', 'ALTER TABLE entry ADD EXCLUDE USING btree (account_id WITH =, entry_no WITH =)', NULL),
	(59, 'entry: deferrable', 'ALTER TABLE entry ADD UNIQUE (account_id, entry_no) DEFERRABLE', NULL),
	(60, 'account: deferrable', 'ALTER TABLE account ADD UNIQUE (id) DEFERRABLE', NULL),
	-- indexes are kept up
	(61, 'entry: index', 'CREATE INDEX i ON entry (source)', $$SELECT pg_temp.by_index('source = ''together''')$$),
	(62, 'entry: index on an expression', 'CREATE INDEX i ON entry (lower(source))', $$SELECT pg_temp.by_index('lower(source) = ''together''')$$),
	(63, 'entry: partial index', $$CREATE INDEX i ON entry (entry_no) WHERE source = 'together'$$, $$SELECT pg_temp.by_index('entry_no > 0 AND source = ''together''')$$),
	(64, 'entry: BRIN', 'CREATE INDEX i ON entry USING brin (recorded_at) WITH (pages_per_range = 1)', $$SELECT pg_temp.by_index('recorded_at = ''2024-01-01'' AND source = ''singly''')$$),
	(65, 'entry: hash', 'CREATE INDEX i ON entry USING hash (source)', $$SELECT pg_temp.by_index('source = ''together''')$$),
	(66, 'entry: GIN', $$CREATE INDEX i ON entry USING gin (to_tsvector('simple', source))$$, $$SELECT pg_temp.by_index('to_tsvector(''simple'', source) @@ ''together''')$$),
	(67, 'entry: no index on its number', 'DROP INDEX entry_booking_no_idx', NULL),
	(68, 'entry: BRIN on its number', 'DROP INDEX entry_booking_no_idx; CREATE INDEX i ON entry USING brin (booking_no) WITH (pages_per_range = 1)', $$SELECT pg_temp.by_index('booking_no = (SELECT last_value FROM booking_no_seq)')$$),
	(71, 'entry: unique index', 'CREATE UNIQUE INDEX i ON entry (account_id, entry_no, delta)', NULL),
	(72, 'entry: unique index that is violated', $$CREATE UNIQUE INDEX entry_once ON entry (account_id, source) WHERE source = 'together'$$, NULL),
	(73, 'account: index on what changes', 'CREATE INDEX i ON account (balance)', $$SELECT pg_temp.by_index('balance = 15 AND name = ''direct''', 'account')$$),
	(74, 'account: unique index that is violated', $$CREATE UNIQUE INDEX account_balances ON account ((-balance)) WHERE name = 'direct'$$, NULL),
	(75, 'account: partial index on what changes', 'CREATE INDEX i ON account (id) WHERE entry_count = 3', $$SELECT pg_temp.by_index('id > 0 AND entry_count = 3 AND name = ''direct''', 'account')$$),
	-- what kind of table it is
	(80, 'entry: a child', 'CREATE TABLE public.child () INHERITS (entry)', NULL),
	(81, 'account: a child', 'CREATE TABLE public.child () INHERITS (account)', NULL),
	(82, 'entry: unlogged', 'ALTER TABLE entry SET UNLOGGED', NULL),
	(83, 'entry: inherits', 'CREATE TABLE public.parent (source text); ALTER TABLE entry INHERIT public.parent', $$SELECT count(*) FROM public.parent WHERE source IN ('singly', 'together')$$),
	-- publications
	(90, 'account: published', 'CREATE PUBLICATION p FOR TABLE account, entry', NULL),
	(91, 'account: published without identity', 'ALTER TABLE account REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE account', NULL),
	(92, 'account: published by what is not in the identity', 'CREATE PUBLICATION p FOR TABLE account WHERE (balance > 0)', NULL),
	(93, 'entry: published without identity', 'ALTER TABLE entry REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE entry', NULL),
	-- privileges: the owner of the tables is no superuser, and has lost some
	(100, 'owner', 'SELECT pg_temp.give_away()', NULL),
	(101, 'owner: no INSERT', 'SELECT pg_temp.give_away(); REVOKE INSERT ON entry FROM regress_owner', NULL),
	(102, 'owner: no UPDATE', 'SELECT pg_temp.give_away(); REVOKE UPDATE ON account FROM regress_owner', NULL),
	(103, 'owner: UPDATE of columns', 'SELECT pg_temp.give_away(); REVOKE UPDATE ON account FROM regress_owner; GRANT UPDATE (balance, held, entry_count, last_entry_at) ON account TO regress_owner', NULL),
	(104, 'owner: no SELECT', 'SELECT pg_temp.give_away(); REVOKE SELECT ON account FROM regress_owner', NULL),
	(105, 'owner: row security of entries', 'SELECT pg_temp.give_away(); ALTER TABLE entry FORCE ROW LEVEL SECURITY', NULL),
	(106, 'owner: row security of accounts', 'SELECT pg_temp.give_away(); ALTER TABLE account FORCE ROW LEVEL SECURITY; SELECT pg_temp.drop_policies()', NULL),
	(107, 'owner: row security that lets pass', 'SELECT pg_temp.give_away(); ALTER TABLE entry FORCE ROW LEVEL SECURITY; CREATE POLICY p ON entry FOR INSERT WITH CHECK (true)', NULL),
	(108, 'entries of another owner', 'SELECT pg_temp.give_away(); ALTER TABLE entry OWNER TO regress_nobody; GRANT INSERT ON entry TO regress_owner', NULL),
	-- transactions
	(110, 'read-only', 'SET TRANSACTION READ ONLY', NULL)
) v(n, what, statements, query) ORDER BY n;

-- A foreign key that is checked late looks at the last version of a row
BEGIN;
CREATE TABLE public.branch (id integer PRIMARY KEY);
ALTER TABLE account ADD COLUMN branch integer DEFAULT 99;
ALTER TABLE account ADD CONSTRAINT account_branch_fkey FOREIGN KEY (branch) REFERENCES public.branch
	DEFERRABLE INITIALLY DEFERRED NOT VALID;
SELECT account_id AS late FROM credit_init(regress.party('direct-1'), 5, 's', 'd', '2024-01-01', 'late', 'direct') \gset
SELECT balance FROM post(:late, 'add', 1, 's');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;

-- What a transaction sees of itself, without SQL and with it: one posts twice
-- in a statement, under an open cursor, from a trigger of another table, in a
-- savepoint that is given up, and after all that.
CREATE TEMPORARY TABLE order_line (account_id bigint, amount numeric, entry_no bigint, balance amount);
CREATE FUNCTION pg_temp.pay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	SELECT p.entry_no, p.balance INTO NEW.entry_no, NEW.balance FROM trainledger.post(NEW.account_id, 'add', NEW.amount, 'order') p;
	RETURN NEW;
END
$$;
CREATE TRIGGER pay BEFORE INSERT ON order_line FOR EACH ROW EXECUTE FUNCTION pg_temp.pay();
CREATE FUNCTION pg_temp.twice(account bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	first booked_entry;
	second booked_entry;
	found amount;
BEGIN
	first := post(account, 'add', 1, 'first');
	BEGIN
		PERFORM post(account, 'add', 50, 'given up');
		PERFORM post_batch(ARRAY[account, account], '{60,70}', 'given up');
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
	END;
	second := post(account, 'add', 2, 'second');
	SELECT a.balance INTO found FROM account a WHERE a.id = account;
	RETURN format('%s %s %s %s %s', first.entry_no, first.balance, second.entry_no, second.balance, found);
END
$$;
CREATE FUNCTION pg_temp.scenario() RETURNS TABLE (step text, result text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	one bigint := current_setting('regress.one');
	two bigint := current_setting('regress.two');
	before refcursor;
	e booked_entry;
	long text;
BEGIN
	OPEN before FOR SELECT x.account_id, x.entry_no FROM entry x WHERE x.account_id = one ORDER BY x.entry_no;
	RETURN QUERY SELECT 'in one statement', string_agg((post(one, 'add', i, 'series')).balance::text, ' ') FROM generate_series(1, 3) i;
	RETURN QUERY SELECT 'and in another one', string_agg(concat_ws(':', a.balance, p.balance), ' ' ORDER BY a.id)
		FROM account a, LATERAL post(a.id, 'subtract', 1, 'lateral') p WHERE a.id IN (one, two);
	RETURN QUERY SELECT 'in a function', pg_temp.twice(one);
	RETURN QUERY SELECT 'a batch and what follows', string_agg(concat_ws(':', b.entry_no, b.balance), ' ' ORDER BY b.ordinal)
		FROM post_batch(ARRAY[two, one, two, one], '{1,2,3,4}', 'batch') b;
	RETURN QUERY SELECT 'two batches of one query', string_agg(concat_ws(':', b.entry_no, b.balance, c.entry_no, c.balance), ' ')
		FROM post_batch(ARRAY[two], '{1}', 'batch') b, LATERAL post_batch(ARRAY[two], ARRAY[b.balance], 'batch') c;
	INSERT INTO pg_temp.order_line VALUES (one, 5), (two, 6), (one, 7);
	RETURN QUERY SELECT 'from a trigger', string_agg(concat_ws(':', o.entry_no, o.balance), ' ') FROM pg_temp.order_line o;
	FETCH before INTO e;
	FETCH before INTO e;
	RETURN QUERY SELECT 'a cursor from before', coalesce(e.entry_no::text, 'nothing new');
	CLOSE before;
	SELECT string_agg(md5(i::text), '') INTO long FROM generate_series(1, 256) i;
	PERFORM post(one, 'add', 1, long, long, device => long);
	PERFORM post_batch(ARRAY[one, two], '{1,1}', 'long', ARRAY[long, long]);
	RETURN QUERY SELECT 'long texts', string_agg(concat_ws(':', x.entry_no, x.source = long, x.description = long, x.device = long), ' ' ORDER BY x.account_id, x.entry_no)
		FROM entry x WHERE x.account_id IN (one, two) AND x.description <> '';
	RETURN QUERY SELECT 'the last one', concat_ws(' ', x.entry_no, octet_length(x.description), x.balance, a.balance)
		FROM entry x JOIN account a ON (a.id, a.entry_count) = (x.account_id, x.entry_no) WHERE a.id = one;
	RETURN QUERY SELECT 'reconcile', count(*)::text FROM unnest(ARRAY[one, two]) i, reconcile(i);
END
$$;
BEGIN;
SELECT pg_temp.guarded() AS was \gset
SELECT step, result FROM pg_temp.scenario();
SELECT pg_temp.guarded() - :was AS by_sql;
ROLLBACK;
BEGIN;
CREATE TRIGGER t BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
SELECT pg_temp.guarded() AS was \gset
SELECT step, result FROM pg_temp.scenario();
SELECT pg_temp.guarded() - :was AS by_sql;
ROLLBACK;

-- the counters of the statistics say the same
CREATE VIEW pg_temp.counted AS
SELECT relname, n_tup_ins, n_tup_upd, n_tup_del
FROM pg_stat_xact_user_tables WHERE relid IN ('account'::regclass, 'entry'::regclass);
CREATE FUNCTION pg_temp.count_all() RETURNS TABLE (relname name, inserted bigint, updated bigint, deleted bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	CREATE TEMPORARY TABLE was AS SELECT * FROM pg_temp.counted;
	PERFORM pg_temp.post_all();
	RETURN QUERY SELECT c.relname, c.n_tup_ins - w.n_tup_ins, c.n_tup_upd - w.n_tup_upd, c.n_tup_del - w.n_tup_del
	FROM pg_temp.counted c JOIN pg_temp.was w ON w.relname = c.relname ORDER BY 1;
END
$$;
BEGIN;
SELECT * FROM pg_temp.count_all();
ROLLBACK;
BEGIN;
CREATE TRIGGER t BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
SELECT * FROM pg_temp.count_all();
ROLLBACK;

-- a trigger that keeps rows from being inserted is told of, in a round or two
SELECT add_program((SELECT k.id FROM add_program_kind('direct') k), 'direct', '2026-01-01', 1) IS NOT NULL AS made;
SELECT id AS program FROM program WHERE name = 'direct' \gset
SELECT id AS person FROM add_party('person', 'direct') \gset
SELECT id AS pass_type FROM create_pass_type('direct', 'direct') \gset
SELECT id AS option FROM create_pass_option(:pass_type, 'direct', 'days', 1) \gset
SELECT count(create_pass_price(:option, r.code, c.code, 1)) FROM add_region('direct', 'direct') r, add_currency('direct', 'direct') c;
SELECT (update_pass_option(:option, lifecycle_state => 'published')).lifecycle_state, (update_pass_type(:pass_type, lifecycle_state => 'published')).lifecycle_state;
BEGIN;
CREATE TRIGGER t BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
CREATE TRIGGER t BEFORE INSERT ON cohort FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
CREATE TRIGGER t BEFORE INSERT ON membership FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
CREATE TRIGGER t BEFORE INSERT ON pass_type_option FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
CREATE TRIGGER t BEFORE INSERT ON pass FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
SELECT r.* FROM (VALUES (format($$SELECT credit_init(%s, 1, 's', '', now(), 'direct')$$, :person)),
	(format($$SELECT confirm_cohort(%L, 'direct')$$, :'program')),
	(format($$SELECT modify_program_membership(%L, %s)$$, :'program', :person)),
	(format($$SELECT create_pass_option(%s, 'another', 'days', 1)$$, :pass_type)),
	(format($$SELECT issue_pass(%s, %s, %s)$$, :pass_type, :option, :person))) v(statement), regress.refusal(statement) r;
ROLLBACK;

-- nothing of all that is left
SELECT balance, entry_count FROM account WHERE id IN (:one, :two) ORDER BY id;
SELECT * FROM reconcile();
