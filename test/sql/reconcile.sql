-- reconcile: which accounts are doubtful, in however many parts they are looked
-- for, and what is said of them (contract, section 6)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;

-- the parts are worked on side by side
CREATE FUNCTION regress.plan(query text) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT name FROM add_credit_token_type('reconcile');
SELECT id AS party FROM add_party('person', 'Reconcile') \gset
BEGIN;
INSERT INTO account (id, party_id, token_type_id, created_at, initial_balance, balance, entry_count, last_entry_at, name)
SELECT 7000000 + a, :party, regress.type('reconcile'), '2026-01-01', 1, 5, 5, '2026-01-01', a FROM generate_series(1, 10000) a;
INSERT INTO entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT 7000000 + a, n, 1, n, '2026-01-01', 0, 'add', 's', '', 'x' FROM generate_series(1, 5) n, generate_series(1, 10000) a;
ANALYZE account, entry;
SET LOCAL min_parallel_table_scan_size = '64kB';
SELECT bool_or(p ~ 'Parallel Append') AS side_by_side FROM regress.plan('SELECT * FROM trainledger_internal.doubtful_accounts(0, 3)
	UNION ALL SELECT * FROM trainledger_internal.doubtful_accounts(1, 3) UNION ALL SELECT * FROM trainledger_internal.doubtful_accounts(2, 3)') p;
SELECT count(*) FROM reconcile();
-- one account goes by the index
SELECT bool_or(p ~ 'entry_pkey') AS by_index, bool_or(p ~ 'Seq Scan') AS reads_all
FROM regress.plan('SELECT account_id FROM trainledger_internal.account_problems(''{7000001}'')') p;

-- as many parts as processes, more of them where the memory of one is small, one where the books are
CREATE FUNCTION pg_temp.parts(workers integer, memory text, small text) RETURNS integer LANGUAGE sql VOLATILE
AS $$
	SELECT set_config('max_parallel_workers_per_gather', workers::text, true), set_config('maintenance_work_mem', memory, true),
		set_config('min_parallel_table_scan_size', small, true);
	SELECT trainledger_internal.reconcile_parts()
$$;
SAVEPOINT many;
UPDATE pg_class SET reltuples = 100000 WHERE oid = 'account'::regclass;
SELECT v.*, pg_temp.parts(workers, memory, small) FROM (VALUES (0, '64MB', '64kB'), (1, '64MB', '64kB'), (2, '64MB', '64kB'), (2, '1MB', '64kB'),
	(3, '1MB', '64kB'), (0, '1MB', '64kB'), (2, '1MB', '1GB')) v(workers, memory, small);
UPDATE pg_class SET reltuples = -1 WHERE oid = 'account'::regclass;
SELECT pg_temp.parts(0, '1MB', '64kB') BETWEEN 1 AND 2 + pg_relation_size('account') / 1048576 AS by_size;
ROLLBACK TO many;

-- an account is doubtful in one part of however many
SAVEPOINT all_wrong;
ALTER TABLE account DISABLE TRIGGER ALL;
UPDATE account SET balance = 4 WHERE id BETWEEN 7000001 AND 7010000;
SELECT parts, count(*) AS accounts, count(DISTINCT d) AS once, (SELECT count(*) BETWEEN 8000 / parts AND 12000 / parts
	FROM trainledger_internal.doubtful_accounts(0, parts)) AS even
FROM generate_series(1, 9) parts, generate_series(0, parts - 1) part, LATERAL trainledger_internal.doubtful_accounts(part, parts) d
WHERE d BETWEEN 7000001 AND 7010000 GROUP BY parts ORDER BY parts;
ROLLBACK TO all_wrong;

-- entries whose neighbours came first wait for them; too many of them are doubtful and not wrong
SAVEPOINT neighbours;
ALTER TABLE entry DISABLE TRIGGER ALL;
CREATE TEMPORARY TABLE mixed AS
SELECT n, CASE a WHEN 1 THEN n # 1 WHEN 2 THEN n # 7 WHEN 3 THEN (n + 300) % 500 WHEN 4 THEN -n ELSE n / 600 END AS place, a
FROM generate_series(1, 5) a, generate_series(1, 1000) n;
DELETE FROM entry WHERE account_id BETWEEN 7000001 AND 7000005;
INSERT INTO entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT 7000000 + a, n, 1, n, '2026-01-01', 0, 'add', 's', '', 'x' FROM mixed ORDER BY place, md5(n::text);
ALTER TABLE account DISABLE TRIGGER ALL;
UPDATE account SET balance = 1000, entry_count = 1000 WHERE id BETWEEN 7000001 AND 7000005;
SELECT array_agg(d - 7000000 ORDER BY d) AS doubtful FROM trainledger_internal.doubtful_accounts(0, 1) d WHERE d BETWEEN 7000001 AND 7010000;
SELECT count(*) FROM reconcile();
UPDATE entry SET balance = balance + 1, delta = delta + 1 WHERE account_id IN (7000001, 7000002) AND entry_no = 500;
DELETE FROM entry WHERE account_id = 7000003 AND entry_no IN (700, 1000);
SELECT array_agg(d - 7000000 ORDER BY d) AS doubtful FROM trainledger_internal.doubtful_accounts(0, 1) d WHERE d BETWEEN 7000001 AND 7010000;
SELECT account_id - 7000000 AS account, problem, expected, found FROM reconcile() ORDER BY 1, 2;
ROLLBACK TO neighbours;

-- backwards, and then without one
SAVEPOINT any_order;
ALTER TABLE entry DISABLE TRIGGER ALL;
CREATE TEMPORARY TABLE shuffled AS SELECT * FROM entry WHERE account_id BETWEEN 7000001 AND 7000100 ORDER BY entry_no DESC, md5(account_id::text);
DELETE FROM entry WHERE account_id BETWEEN 7000001 AND 7000100;
INSERT INTO entry TABLE shuffled;
SELECT count(*) FROM trainledger_internal.doubtful_accounts(0, 1) d WHERE d BETWEEN 7000001 AND 7010000;
SELECT count(*) FROM reconcile();
DELETE FROM entry WHERE account_id = 7000050 AND entry_no = 3;
SELECT * FROM reconcile() ORDER BY problem;
ROLLBACK TO any_order;

-- each thing that may be wrong makes an account doubtful
SAVEPOINT one_each;
ALTER TABLE account DISABLE TRIGGER ALL;
ALTER TABLE entry DISABLE TRIGGER ALL;
UPDATE account SET entry_count = 4 WHERE id = 7000001;
UPDATE account SET initial_balance = 2 WHERE id = 7000002;
UPDATE account SET balance = 2 WHERE id = 7000003;
UPDATE account SET last_entry_at = '2026-01-02' WHERE id = 7000004;
UPDATE entry SET delta = 2 WHERE account_id = 7000005 AND entry_no = 5;
UPDATE entry SET balance = 7 WHERE account_id = 7000006 AND entry_no = 5;
UPDATE entry SET created_at = '2025-12-31' WHERE account_id = 7000007 AND entry_no = 5;
UPDATE entry SET balance = balance + 1 WHERE account_id = 7000008;
UPDATE account SET balance = 6 WHERE id = 7000008;
UPDATE entry SET entry_no = 6 WHERE account_id = 7000009 AND entry_no = 5;
DELETE FROM entry WHERE account_id = 7000010;
DELETE FROM account WHERE id = 7000011;
UPDATE entry SET delta = 9223372036854.775807 WHERE account_id = 7000012 AND entry_no = 5;
SELECT array_agg(d - 7000000 ORDER BY d) FROM trainledger_internal.doubtful_accounts(0, 1) d WHERE d BETWEEN 7000001 AND 7010000;
SELECT account_id - 7000000 AS account, array_agg(problem ORDER BY problem) FROM reconcile() GROUP BY 1 ORDER BY 1;
ROLLBACK TO one_each;

SET LOCAL min_parallel_table_scan_size = '64kB';
SET LOCAL max_parallel_workers_per_gather = 2;
-- and however many they are, they find the same
ALTER TABLE account DISABLE TRIGGER ALL;
UPDATE account SET balance = 4 WHERE id IN (7000001, 7000100, 7010000);
UPDATE account SET last_entry_at = '2026-02-01', entry_count = 6, initial_balance = 0 WHERE id = 7000500;
SELECT * FROM reconcile() ORDER BY account_id, problem;
CREATE TEMPORARY TABLE found AS SELECT * FROM reconcile();
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT count(*) FROM (SELECT * FROM reconcile() EXCEPT ALL TABLE found) d;
SET LOCAL max_parallel_workers_per_gather = 7;
SELECT count(*) FROM (SELECT * FROM reconcile() EXCEPT ALL TABLE found) d;
SELECT count(*) FROM (TABLE found EXCEPT ALL SELECT * FROM reconcile()) d;
SELECT * FROM reconcile(7000500) ORDER BY problem;
ROLLBACK;
