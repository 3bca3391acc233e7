-- make bench: tables like that of the entries, filled in the order in which
-- single postings on random accounts fill it, and the bytes that it takes.
--
-- Psql variables: accounts.

\set ON_ERROR_STOP on

CREATE TABLE bench.disk (
	recorded boolean,			-- with recorded_at and what finds duplicates
	booked_by text,
	rows numeric,				-- bytes per entry, of the table itself
	pkey numeric,
	dedup numeric,
	total numeric
);
CREATE TABLE bench.posting AS
SELECT i, account_id, row_number() OVER (PARTITION BY account_id ORDER BY i) AS entry_no
FROM (SELECT i, 1 + floor(random() * :accounts)::bigint AS account_id
	  FROM generate_series(1, 1000000) i) p
ORDER BY i;

CREATE PROCEDURE bench.fill(recorded boolean, booked_by text) LANGUAGE plpgsql
AS $$
DECLARE
	started timestamptz := now();
	entries numeric;
BEGIN
	CREATE TABLE bench.filled (LIKE trainledger.entry INCLUDING ALL);
	INSERT INTO bench.filled (account_id, entry_no, delta, balance, created_at,
		booking_no, recorded_at, dedup, operation, source, description,
		booked_by)
	SELECT account_id, entry_no, 1, entry_no, started, i,
		CASE WHEN recorded THEN started + i * interval '50 microseconds' END,
		CASE WHEN recorded THEN (lpad(to_hex(
			floor(extract(epoch FROM started) * 1000)::bigint + i / 20), 12, '0')
			|| substr(md5(i::text), 1, 20))::uuid END,
		'add', 'bench', '', fill.booked_by
	FROM bench.posting ORDER BY i;
	GET DIAGNOSTICS entries = ROW_COUNT;
	INSERT INTO bench.disk
	SELECT recorded, fill.booked_by,
		round(pg_relation_size('bench.filled') / entries, 1),
		round(pg_relation_size('bench.filled_pkey') / entries, 1),
		round(pg_relation_size('bench.filled_dedup_account_id_idx') / entries, 1),
		round(pg_total_relation_size('bench.filled') / entries, 1);
	DROP TABLE bench.filled;
END;
$$;
CALL bench.fill(true, 'accounting');
CALL bench.fill(true, 'bench_application');
CALL bench.fill(false, 'accounting');
CALL bench.fill(false, 'bench_application');
