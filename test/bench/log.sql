-- BENCH=log: books of many entries, none of them sealed yet.
--
-- Psql variables: entries, batch. Run by a superuser in an empty database.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;

CREATE EXTENSION trainledger;
SELECT FROM trainledger.add_credit_token_type('default');
SELECT count(trainledger.add_party('person', 'party ' || i, id => i))
FROM generate_series(1, 10000) i;
SELECT count(trainledger.credit_init(i, 0, 'bench', 'opening', '2025-12-31'))
FROM generate_series(1, 10000) i;

CREATE SCHEMA bench_log;
CREATE TABLE bench_log.account AS
SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM trainledger.account;
CREATE TABLE bench_log.result (what text, round integer, variant text, seconds float8);
CREATE TABLE bench_log.proof (seconds float8);
ANALYZE bench_log.account;

-- Batches of different accounts, each a transaction
CREATE PROCEDURE bench_log.fill(entries bigint, batch integer) LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[];
BEGIN
	FOR i IN 1 .. entries / batch LOOP
		SELECT array_agg(a.id ORDER BY g) INTO ids
		FROM generate_series(1, batch) g
		JOIN bench_log.account a ON a.place = (g + i * 7919) % 10000;
		PERFORM count(*) FROM trainledger.post_batch(ids,
			array_fill(1::trainledger.amount, ARRAY[batch]), 'bench',
			array_fill('a posting of the bench'::text, ARRAY[batch]));
		COMMIT;
	END LOOP;
END
$$;
CALL bench_log.fill(:entries, :batch);
VACUUM (ANALYZE);
