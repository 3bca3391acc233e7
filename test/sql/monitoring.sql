-- Figures for monitoring, the mark that reads them, and checks that are kept
-- (contract, sections 14 and 15)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;

CREATE ROLE regress_monitor;
CREATE ROLE regress_exporter LOGIN;
SET ROLE regress_admin;
SELECT grant_access('regress_monitor', 'monitor');
RESET ROLE;

-- A monitor has one view and what that calls, whichever way one looks at it
SELECT o.kind, o.name FROM (
	SELECT 'relation', c.oid::regclass::text, c.relnamespace, CASE c.relkind WHEN 'S' THEN has_sequence_privilege('regress_monitor', c.oid, 'USAGE,SELECT,UPDATE')
		ELSE has_table_privilege('regress_monitor', c.oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER')
			OR has_any_column_privilege('regress_monitor', c.oid, 'SELECT,INSERT,UPDATE,REFERENCES') END
	FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'p', 'S')
	UNION ALL SELECT 'function', p.oid::regprocedure::text, p.pronamespace, has_function_privilege('regress_monitor', p.oid, 'EXECUTE')
		AND NOT has_function_privilege('regress_nobody', p.oid, 'EXECUTE') FROM pg_proc p
	UNION ALL SELECT 'schema', n.nspname, n.oid, has_schema_privilege('regress_monitor', n.oid, 'USAGE,CREATE') FROM pg_namespace n
) o(kind, name, namespace, may)
WHERE o.namespace::regnamespace::text ~ '^trainledger' AND o.may ORDER BY 1, 2;
SELECT has_table_privilege('regress_monitor', 'ledger_metrics', 'INSERT,UPDATE,DELETE,TRUNCATE') AS writes,
	has_table_privilege('regress_monitor', 'ledger_metrics', 'SELECT WITH GRANT OPTION') AS gives;
SET ROLE regress_monitor;
SELECT monitor_access(), regress.attempt('SELECT * FROM trainledger.party') AS party, regress.attempt('SELECT * FROM trainledger.books_check') AS checks,
	regress.attempt('SELECT trainledger.check_books()') AS checking, regress.attempt('SELECT * FROM trainledger.balances') AS balances,
	regress.attempt('SELECT * FROM trainledger_api.parties') AS api, regress.attempt('SELECT trainledger_internal.check_books()') AS internal;
RESET ROLE;

-- Books that have something of everything
BEGIN;
SET LOCAL ROLE regress_admin;
SELECT count(*) FROM (SELECT add_party('person', 'Monitored ' || g, barcode => 'monitoring-' || g) FROM generate_series(1, 5) g) p;
SELECT kind FROM add_party('organisation', 'Monitored', barcode => 'monitoring');
SELECT name FROM add_training_token_type('monitoring');
RESET ROLE;
SET LOCAL trainledger.clock = '2024-01-01';
SELECT initial_balance, expires_at FROM issue_training_tokens(regress.type('monitoring', 'training'), regress.party('monitoring'), 5, '2024-01-05');
SELECT initial_balance, expires_at FROM issue_training_tokens(regress.type('monitoring', 'training'), regress.party('monitoring'), 7, '2024-01-06');
SELECT initial_balance, expires_at FROM issue_training_tokens(regress.type('monitoring', 'training'), regress.party('monitoring'), 9, '2024-01-07');
SELECT (redeem_training_tokens(regress.party('monitoring'), regress.type('monitoring', 'training'), 5, 'x')).id IS NOT NULL AS first_is_empty;
SELECT count(credit_init(regress.party('monitoring-' || g), 1, 's', 'd', '2024-01-01')) FROM generate_series(1, 3) g;
SELECT feed_ack('monitoring', 'end');

-- The same figures by other ways, as their reader counts rows
CREATE VIEW regress.counted AS
SELECT 'parties' AS name, jsonb_build_object('kind', k) AS labels, (SELECT count(*) FROM party p WHERE p.kind = k)::numeric AS value
FROM unnest(enum_range(NULL::party_kind)) k
UNION ALL SELECT 'accounts', '{}', count(*) FROM account
UNION ALL SELECT 'entries', '{}', count(*) FROM entry
UNION ALL SELECT 'expired_unswept_lots', '{}', count(*) FROM token_issue i WHERE i.expires_at <= clock() AND i.booked_balance > i.held
UNION ALL SELECT 'open_holds', '{}', count(*) FROM hold WHERE status = 'open'
UNION ALL SELECT 'overdue_holds', '{}', count(*) FROM placed_hold h JOIN hold v USING (id) WHERE h.is_open AND v.status = 'lapsed'
UNION ALL SELECT 'feed_lag_bookings', jsonb_build_object('consumer', c.consumer), s.last_value - c.booking_no FROM feed_consumer c, booking_no_seq s
UNION ALL SELECT 'feed_lag_seconds', jsonb_build_object('consumer', c.consumer), (SELECT greatest(0, extract(epoch FROM clock() - min(e.created_at))) FROM entry e
	WHERE (e.booking_no, 'E1' COLLATE "C", e.account_id, e.entry_no) > (c.booking_no, c.kind, c.id, c.entry_no)) FROM feed_consumer c
UNION ALL SELECT 'check_problems', '{}', c.problems FROM books_check c WHERE c.id = (SELECT max(id) FROM books_check)
UNION ALL SELECT 'check_time', '{}', extract(epoch FROM c.checked_at) FROM books_check c WHERE c.id = (SELECT max(id) FROM books_check);
CREATE FUNCTION regress.differences() RETURNS TABLE (side text, name text, labels jsonb, value numeric) LANGUAGE sql VOLATILE
AS $$
	(SELECT 'metric', m.* FROM trainledger.ledger_metrics m EXCEPT ALL SELECT 'metric', c.* FROM regress.counted c)
	UNION ALL (SELECT 'counted', c.* FROM regress.counted c EXCEPT ALL SELECT 'counted', m.* FROM trainledger.ledger_metrics m)
$$;
SELECT * FROM regress.differences();
SET LOCAL trainledger.clock = '2024-01-04';
SELECT value AS before FROM ledger_metrics WHERE name = 'expired_unswept_lots' \gset
SET LOCAL trainledger.clock = '2024-01-06';
SELECT value - :before AS expired FROM ledger_metrics WHERE name = 'expired_unswept_lots';
SET LOCAL trainledger.clock = '2024-01-08';
SELECT value - :before AS expired FROM ledger_metrics WHERE name = 'expired_unswept_lots';
SELECT * FROM regress.differences();
SET LOCAL ROLE regress_monitor;
SELECT value - :before AS expired FROM ledger_metrics WHERE name = 'expired_unswept_lots';
RESET ROLE;

-- A check keeps when and how many; of many the last one counts
SET LOCAL trainledger.clock = '2024-01-08 10:00:00.5';
SET LOCAL ROLE regress_admin;
SELECT check_books();
RESET ROLE;
SELECT name, value FROM ledger_metrics WHERE name ~ '^check_' ORDER BY 1;
ALTER TABLE account DISABLE TRIGGER ALL;
UPDATE account SET balance = balance + 1 WHERE id IN (SELECT regress.account('monitoring-' || g) FROM generate_series(1, 3) g);
SELECT count(*) AS problems FROM reconcile();
SET LOCAL trainledger.clock = '2024-01-07';
SELECT check_books();
SELECT checked_at, problems, checked_by = session_user AS mine FROM books_check ORDER BY id DESC LIMIT 2;
SELECT * FROM regress.differences();

-- Every reader sees the whole, whoever it is otherwise; a learner nothing
CREATE FUNCTION pg_temp.seen(role name) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	BEGIN
		EXECUTE 'SELECT count(*) || '' '' || coalesce(md5(string_agg(m::text, E''\n'' ORDER BY m::text)), '''') FROM trainledger.ledger_metrics m' INTO answer;
	EXCEPTION WHEN insufficient_privilege THEN
		answer := SQLERRM;
	END;
	RESET ROLE;
	RETURN answer;
END
$$;
SELECT pg_temp.seen(session_user) AS "all" \gset
SELECT role, replace(pg_temp.seen(role), :'all', 'all') AS seen
FROM unnest('{regress_monitor,regress_reader,regress_operator,regress_admin,regress_learner,regress_exporter,regress_nobody}'::name[]) role;
SELECT set_config('trainledger.party_id', regress.party('monitoring-1')::text, true) IS NOT NULL AS asks;
SELECT pg_temp.seen('regress_learner');

-- pg_monitor may be given the mark, and hands it on
SET LOCAL ROLE regress_admin;
SELECT grant_access('pg_monitor', 'monitor');
RESET ROLE;
GRANT pg_monitor TO regress_exporter;
SELECT replace(pg_temp.seen('regress_exporter'), :'all', 'all') AS seen;
SELECT regress.attempt('SET LOCAL ROLE regress_exporter; SELECT * FROM trainledger.party');
RESET ROLE;
SELECT revoke_access('pg_monitor');
SELECT pg_temp.seen('regress_exporter');

-- In place of a level, and a level in its place
SELECT grant_access('regress_exporter', 'admin'), has_function_privilege('regress_exporter', 'monitor_access()', 'EXECUTE') AS marked;
SELECT grant_access('regress_exporter', 'monitor'), has_function_privilege('regress_exporter', 'learner_access()', 'EXECUTE') AS has_level;
SELECT count(*) AS rights FROM pg_shdepend d WHERE d.refobjid = 'regress_exporter'::regrole AND d.deptype = 'a';
SELECT revoke_access('regress_exporter');
SELECT count(*) AS rights FROM pg_shdepend d WHERE d.refobjid = 'regress_exporter'::regrole AND d.deptype = 'a';
ROLLBACK;

-- A name computes its own figure and no other; lots go by their index
CREATE FUNCTION pg_temp.plan(name text) RETURNS SETOF text LANGUAGE plpgsql VOLATILE
AS $$ BEGIN RETURN QUERY EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM trainledger.ledger_metrics WHERE name = %L', name); END $$;
SET enable_seqscan = off;
SELECT n AS name, string_agg(DISTINCT t, ' ' ORDER BY t) AS scans
FROM unnest('{parties,accounts,entries,expired_unswept_lots,check_time,none}'::text[]) WITH ORDINALITY u(n, i), pg_temp.plan(n) p,
	substring(p FROM 'Scan.* on (party|account|books_check|token_lot|token_lot_expiry_idx)\M') t
WHERE p !~ 'never executed' GROUP BY i, n ORDER BY i;
RESET enable_seqscan;

-- Whom a check is for, and a read only transaction
SET ROLE regress_operator;
SELECT regress.attempt('SELECT trainledger.check_books()');
SELECT count(*) FROM books_check;
SET ROLE regress_learner;
SELECT count(*) FROM books_check;
SET ROLE regress_admin;
BEGIN READ ONLY;
SELECT regress.attempt('SELECT trainledger.check_books()');
ROLLBACK;
SELECT regress.attempt($$INSERT INTO trainledger.books_check VALUES (1, now(), 0, 'me')$$);
RESET ROLE;
SELECT count(*) AS kept FROM books_check;
-- a check that is not kept is none
BEGIN;
CREATE RULE kept AS ON INSERT TO trainledger.books_check DO INSTEAD NOTHING;
SELECT r.code, r.message FROM regress.refusal('SELECT trainledger.check_books()') r;
ROLLBACK;

SELECT revoke_access('regress_monitor');
DROP ROLE regress_monitor, regress_exporter;
