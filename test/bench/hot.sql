-- One account that everybody posts to: ours, a twin by hand, and a queue.
-- Run by a superuser in an empty database.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION trainledger;
SELECT 'CREATE ROLE bench_application LOGIN' WHERE NOT EXISTS (
	SELECT FROM pg_roles WHERE rolname = 'bench_application') \gexec
ALTER ROLE bench_application SET search_path = trainledger;
SELECT FROM trainledger.grant_access('bench_application', 'operator');
SELECT FROM trainledger.add_credit_token_type('default', lower_bound => 0,
	upper_bound => 1000000000);
SELECT FROM trainledger.add_party('person', 'hot', id => 1);
SELECT FROM trainledger.credit_init(1, 0, 'bench', 'opening', '2025-12-31');
-- Others with a history, so that the planner knows that accounts and
-- duplicates go by their indexes
SELECT count(trainledger.add_party('person', 'cold', id => i))
FROM generate_series(2, 1000) i;
SELECT count(trainledger.credit_init(i, 0, 'bench', 'opening', '2025-12-31'))
FROM generate_series(2, 1000) i;
SELECT count(*)
FROM (SELECT array_agg(id) AS ids FROM trainledger.account WHERE party_id > 1) a,
	generate_series(1, 100) i,
	LATERAL trainledger.post_batch(a.ids,
		array_fill(1::trainledger.amount, ARRAY[999]), 'bench',
		array_fill('a posting of the bench'::text, ARRAY[999]),
		array_fill('2025-12-31'::timestamptz + i * interval '1 hour', ARRAY[999])) p;

-- the same tables, indexes and rows, without triggers and foreign keys
CREATE SCHEMA twin;
CREATE TABLE twin.token_type (LIKE trainledger.token_type INCLUDING ALL);
CREATE TABLE twin.account (LIKE trainledger.account INCLUDING ALL)
	WITH (fillfactor = 60);
CREATE TABLE twin.entry (LIKE trainledger.entry INCLUDING ALL);
ALTER TABLE twin.entry ALTER COLUMN booking_no DROP NOT NULL;
DROP INDEX twin.entry_booking_no_idx;
INSERT INTO twin.token_type SELECT * FROM trainledger.token_type;
INSERT INTO twin.account SELECT * FROM trainledger.account;
INSERT INTO twin.entry SELECT * FROM trainledger.entry;

\i ../../doc/posting_queue.sql

GRANT USAGE ON SCHEMA twin TO bench_application;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA twin TO bench_application;
GRANT INSERT ON posting_queue TO bench_application;

CREATE SCHEMA bench;
CREATE TABLE bench.result (
	clients integer,
	round integer,
	variant text,
	tps float8,
	booked float8				-- entries per second
);
VACUUM ANALYZE;
