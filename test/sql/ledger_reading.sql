-- Reading the ledger: balance_by, credit_history both ways (contract, sections
-- 6 and 7)
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET search_path = trainledger, public;
SET client_min_messages = error;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE FUNCTION regress.reading_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
SELECT regress.reading_at('2025-03-01 09:00:00Z') IS NOT NULL AS set;
SET ROLE regress_admin;
SELECT name FROM add_credit_token_type('reading');
SET ROLE regress_operator;
SELECT barcode FROM unnest('{reading-1,reading-2,reading-3}'::text[]) AS b, add_party('person', b, barcode => b);
SELECT count(credit_init(regress.party(b), 10, 's', 'd', '2025-03-01 08:00Z', token_type => 'reading'))
FROM unnest('{reading-1,reading-2,reading-3}'::text[]) AS b;

-- a till that was offline sends its sales in the evening
SELECT regress.account('reading-1') AS one, regress.account('reading-2') AS two, regress.account('reading-3') AS three \gset
SELECT regress.reading_at('2025-03-01 20:00:00Z') IS NOT NULL AS set;
SELECT balance FROM post(:one, 'subtract', 2, 'till', 'Tea', '2025-03-01 12:00Z');
SELECT balance FROM post(:one, 'subtract', 3, 'till', 'Cake', '2025-03-01 15:00Z');
SELECT balance FROM post(:one, 'add', 5, 'desk', 'now');
SELECT balance FROM post(:one, 'add', 7, 'desk', 'a clock that is ahead', '2025-03-05Z');
SELECT at, balance_at(:one, at), balance_by(:one, at), balance_by(:one, at, at) AS as_known_then
FROM unnest('{-infinity,2025-03-01 07:59:59Z,2025-03-01 08:00Z,2025-03-01 11:59Z,2025-03-01 12:00Z,2025-03-01 19:59Z,2025-03-01 20:00Z,2025-03-05Z,infinity}'::timestamptz[]) AS at;
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES (1, 'account', 'balance_by(NULL, now())'), (2, 'happened', 'balance_by(0, NULL)'), (3, 'known', 'balance_by(0, now(), NULL)'), (4, 'unknown', 'balance_by(0, now())')) v(n, label, call),
	regress.refusal('SELECT ' || call) r ORDER BY n;

-- Random entries: times of clients before and after, none, equal; an account
-- whose entries came with two imports before it had its own
SELECT setseed(0.5);
DO $$
DECLARE
	at timestamptz := '2025-03-02';
	account bigint;
BEGIN
	FOR n IN 1 .. 400 LOOP
		at := at + CASE WHEN random() < 0.2 THEN interval '0' ELSE date_trunc('minute', random() * interval '5 hours') END;
		PERFORM regress.reading_at(at::text);
		account := regress.account((ARRAY['reading-2', 'reading-3'])[1 + floor(random() * 2)]);
		PERFORM post(account, 'adjust', (1 + floor(random() * 900))::numeric / 100 * sign(random() - 0.5)::numeric, 's', n::text,
			CASE WHEN random() < 0.7 THEN at - date_trunc('minute', (random() - 0.2) * interval '100 hours') END);
	END LOOP;
END
$$;
RESET ROLE;
ALTER TABLE entry DISABLE TRIGGER append_only;
UPDATE entry SET imported_at = CASE WHEN entry_no <= 40 THEN timestamptz '2025-03-20 12:00Z' ELSE '2025-03-25 12:00Z' END
WHERE account_id = :three AND created_at < '2025-03-25';
ALTER TABLE entry ENABLE ALWAYS TRIGGER append_only;
SELECT count(imported_at) > 40 AS imported, count(*) > count(imported_at) AS own, bool_or(imported_at > created_at + interval '10 days') AS later
FROM entry WHERE account_id = :three;
CREATE FUNCTION regress.balance_by(account bigint, happened timestamptz, known timestamptz) RETURNS numeric LANGUAGE sql STABLE
AS $$
	SELECT coalesce(sum(delta::numeric), 0) FROM trainledger.entry
	WHERE account_id = account AND least(coalesce(recorded_at, created_at), created_at) <= happened AND coalesce(imported_at, created_at) <= known
$$;
CREATE TEMPORARY TABLE instant AS
SELECT '-infinity'::timestamptz AS at UNION ALL SELECT 'infinity' UNION ALL SELECT '2025-03-20 12:00Z' UNION ALL SELECT '2025-03-25 12:00Z'
UNION ALL SELECT '2025-03-25 11:59:59.999999Z'
UNION ALL (SELECT created_at FROM entry WHERE account_id IN (:two, :three) ORDER BY md5(entry_no::text) LIMIT 12)
UNION ALL (SELECT recorded_at FROM entry WHERE account_id IN (:two, :three) AND recorded_at IS NOT NULL ORDER BY md5(entry_no::text) LIMIT 12)
UNION ALL SELECT timestamptz '2025-03-01' + n * interval '3 days 1 hour' FROM generate_series(1, 16) n;
WITH answer AS MATERIALIZED (
	SELECT balance_by(a, h.at, k.at) AS ours, regress.balance_by(a, h.at, k.at) AS wanted, balance_at(a, h.at) AS booked
	FROM unnest(ARRAY[:two, :three]) a, instant h, instant k)
SELECT count(*) > 3000 AS many, count(*) FILTER (WHERE ours <> wanted) AS wrong, count(*) FILTER (WHERE ours <> booked) > 300 AS often_another_than_balance_at
FROM answer;
SELECT count(*) FILTER (WHERE balance_by(a, h.at) <> regress.balance_by(a, h.at, 'infinity')) AS wrong FROM unnest(ARRAY[:one, :two, :three]) a, instant h;

-- it reads what was booked later, and no more
SET trainledger.clock = '';
SELECT count(*) FROM post_batch(array_fill(:one::bigint, '{3000}'), array_fill('1'::amount, '{3000}'), 'many');
SELECT max(created_at) - interval '1 microsecond' AS before_many FROM entry WHERE account_id = :one \gset
SELECT pg_sleep(0.01) IS NOT NULL AS waited, clock_timestamp() AS after_many \gset
SELECT count(*) FROM generate_series(1, 20) n, post(:one, 'add', 1, 'late', n::text, :'before_many');
CREATE FUNCTION pg_temp.entries_read() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'trainledger.entry'::regclass $$;
BEGIN;
SELECT pg_temp.entries_read() AS before \gset
SELECT balance_by(:one, :'after_many') - balance_at(:one, :'after_many') AS came_later;
SELECT pg_temp.entries_read() - :before < 150 AS few;
COMMIT;

-- level learner, for its own
SET ROLE regress_learner;
SET request.jwt.claims = '{"party_id": 0}';
SELECT regress.sqlstate(format('SELECT balance_by(%s, now())', :one)) AS of_others;
RESET ROLE;
SELECT regress.party('reading-1') AS ada \gset
SET ROLE regress_learner;
SELECT set_config('request.jwt.claims', '{"party_id": ' || :ada || '}', false) IS NOT NULL AS set;
SELECT balance_by(:one, 'infinity') AS own, trainledger_api.balance_by(:one, '2025-03-01 15:00Z') AS over_rest;
RESET request.jwt.claims;
SET ROLE regress_nobody;
SELECT regress.sqlstate(format('SELECT balance_by(%s, now())', :one)) AS of_nobody;

-- credit_history pages both ways, newest first
SET ROLE regress_operator;
SELECT (SELECT max(entry_no) FROM entry WHERE account_id = regress.account('reading-2')) AS last \gset
CREATE FUNCTION pg_temp.page(before bigint, most integer, after bigint) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT string_agg(entry_no::text, ' ') FROM credit_history(regress.party('reading-2'), token_type => 'reading', before_entry => before, max_entries => most, after_entry => after) $$;
SELECT pg_temp.page(NULL, 3, 0) AS first, pg_temp.page(NULL, 3, 3) AS next, pg_temp.page(7, 3, NULL) AS back, pg_temp.page(7, 10, 3) AS between,
	pg_temp.page(7, 2, 3) AS two_next, pg_temp.page(5, 10, 5) AS none, pg_temp.page(NULL, 3, :last) AS no_more, pg_temp.page(5, NULL, 1) AS all_between, pg_temp.page(NULL, 0, 2) AS zero;
SELECT pg_temp.page(NULL, 3, :last - 2) = :last || ' ' || :last - 1 AS at_the_end;
-- all pages forwards are the whole history
WITH RECURSIVE walk(page, entries) AS (
	SELECT 0, ARRAY[0]::bigint[]
	UNION ALL
	SELECT page + 1, p.entries FROM walk, LATERAL (SELECT array_agg(h.entry_no ORDER BY h.entry_no) AS entries
		FROM credit_history(regress.party('reading-2'), token_type => 'reading', max_entries => 7, after_entry => walk.entries[cardinality(walk.entries)]) h) p
	WHERE p.entries IS NOT NULL)
SELECT array_agg(e ORDER BY page, e) = (SELECT array_agg(n::bigint) FROM generate_series(1, :last) n) AS whole FROM walk, unnest(entries) e WHERE page > 0;
SELECT max(x.entry_no), count(*) FROM trainledger_api.credit_history(party_id => regress.party('reading-2'), token_type => 'reading', after_entry => 4, max_entries => 2) x;
