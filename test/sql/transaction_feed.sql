-- The feed: every entry and event in order, and again until acknowledged
-- (contract, section 17). Overlapping transactions and notifications are in
-- test/specs and test/t.
\pset format unaligned
\pset null (null)
\set SHOW_CONTEXT never
SET search_path = trainledger, public;

-- Skips what other tests have booked. A transaction of autovacuum may hold that
-- back, so wait until the feed has all.
CREATE FUNCTION regress.settled() RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		EXIT WHEN trainledger_internal.feed_watermark() = (SELECT last_value FROM trainledger.booking_no_seq);
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;
SELECT regress.settled();
SET ROLE regress_reader;
SELECT feed_ack('regress', 'end'), feed_ack('regress', 'end');
SELECT count(*) FROM feed_read('regress');
SELECT kind, id, entry_no, created_at = acknowledged_at AS once FROM feed_consumer WHERE consumer = 'regress';

-- One of each kind, in two bookings
SET ROLE regress_admin;
SELECT id AS ann FROM add_party('person', 'Feed Ann', 'ann@feed.example') \gset
SELECT name FROM add_credit_token_type('feed');
SELECT id AS type FROM add_training_token_type('feed') \gset
SELECT id AS course FROM add_catalog_item('course', 'feed-C', 'A course') \gset
SELECT id AS pass_type FROM create_pass_type('feed', 'Pass') \gset
SELECT code FROM add_pass_content(:pass_type, ARRAY[:course]);
SELECT id AS option FROM create_pass_option(:pass_type, 'Month', 'months', 1) \gset
SELECT r.code, c.code FROM add_region('feed-R', 'Region') r, add_currency('FEE', 'Currency') c;
SELECT region_code FROM create_pass_price(:option, 'feed-R', 'FEE', 1);
SELECT lifecycle_state FROM update_pass_option(:option, lifecycle_state => 'published');
SELECT lifecycle_state FROM update_pass_type(:pass_type, lifecycle_state => 'published');
SELECT code FROM create_signup_token(1, 'feed-C', 5, 'feed-code');
SELECT id AS program_kind FROM add_program_kind('Feed') \gset
SELECT id AS program FROM add_program(:'program_kind', 'Open', '2026-01-01', 1) \gset
BEGIN;
SELECT account_id AS account FROM credit_init(:ann, 10.5, 'bar', E'"tab"\t\\', '2024-01-01', token_type => 'feed') \gset
SELECT id AS lot FROM issue_training_tokens(:'type', :ann, 10, '2100-01-01', unit_price => 9.5, currency_code => 'FEE') \gset
SELECT expires_at FROM extend_training_tokens(:'lot', '2100-02-01');
SELECT id AS hold FROM credit_hold(:ann, 4, 'bar', 'round', token_type => 'feed') \gset
SELECT id AS pass FROM issue_pass(:pass_type, :option, :ann) \gset
SELECT item_id = :course AS used FROM use_pass(:ann, :course, 'x');
SELECT id AS claim FROM claim_signup_token('feed-code', :ann) \gset
SELECT create_program_ticket(:'program_kind', :ann) AS made;
SELECT state FROM consume_ticket(:ann, :'program');
COMMIT;
SELECT captured FROM capture_hold(:hold, 1);

-- A subscriber and its events
RESET ROLE;
SELECT regress.settled();
SET ROLE regress_reader;
CREATE TEMPORARY TABLE read AS SELECT f.*, row_number() OVER () AS n FROM feed_read('regress') f;
SELECT n, split_part(position, '.', 2) AS kind, event ->> 'type' AS type, split_part(event ->> 'subject', '/', 1) AS about, event ->> 'sequence' AS sequence FROM read ORDER BY n;
SELECT bool_and(event ->> 'id' = position AND event ->> 'specversion' = '1.0' AND event ->> 'datacontenttype' = 'application/json'
	AND event ->> 'source' = coalesce((SELECT origin FROM log_origin ORDER BY id DESC LIMIT 1), 'trainledger')
	AND event ->> 'time' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$' AND (event #>> '{data,created_at}')::timestamptz = (event ->> 'time')::timestamptz
	AND event #>> '{data,booking_no}' = split_part(position, '.', 1)) AS form FROM read;
SELECT string_agg(key, ' ') AS keys FROM read, json_object_keys(event) key WHERE n IN (SELECT min(n) FROM read WHERE event ->> 'sequence' IS NOT NULL);
SELECT event ->> 'type' AS type, regexp_replace(regexp_replace(event #>> '{data}', '"(\w+_by)" : "\w+"', '"\1" : WHO', 'g'),
	'"(\w*id|\w+_at|booking_no|valid_from|valid_until|run_from)" : ("[^"]*"|\d+)', '"\1" : SOME', 'g') AS data FROM read ORDER BY n;
SELECT count(*) AS subjects FROM read WHERE event ->> 'subject' IN ('claim/' || :claim, 'account/' || :account, 'hold/' || :hold, 'pass/' || :pass, 'issue/' || :'lot', format('membership/%s/%s', :'program', :ann));
-- positions are in order as numbers, and the same as those of the log's leaves
SELECT bool_and(r.booking_no = split_part(position, '.', 1)::bigint AND r.kind = split_part(position, '.', 2) AND r.id = split_part(position, '.', 3)::bigint
	AND r.entry_no = coalesce(nullif(split_part(position, '.', 4), ''), '0')::bigint) AND count(*) = (SELECT count(*) FROM read) AS as_in_the_log
FROM (SELECT booking_no, kind, id, entry_no, row_number() OVER (ORDER BY booking_no, kind, id, entry_no) AS n FROM log_row
	WHERE booking_no > (SELECT booking_no FROM feed_consumer WHERE consumer = 'regress')) r FULL JOIN read USING (n);
-- in every zone and form of dates
SELECT md5(string_agg(event::text, '' ORDER BY n)) AS events FROM read \gset
SET TimeZone = 'Pacific/Kiritimati'; SET DateStyle = 'SQL, DMY'; SET extra_float_digits = -3; SET IntervalStyle = 'sql_standard';
SELECT md5(string_agg(event::text, '')) = :'events' AS same FROM feed_read('regress');
RESET TimeZone; RESET DateStyle; RESET extra_float_digits; RESET IntervalStyle;

-- Again until it is acknowledged; page by page it is the same
SELECT count(*), max(r.position) = max(f.position) AS same FROM feed_read('regress', 3) f JOIN read r USING (position);
CREATE TEMPORARY TABLE paged (n serial, "position" text, event text);
CREATE FUNCTION pg_temp.page(consumer text, max_events integer) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
	last text;
BEGIN
	INSERT INTO paged (position, event) SELECT f.position, f.event FROM trainledger.feed_read(consumer, max_events) f;
	SELECT p.position INTO last FROM paged p ORDER BY n DESC LIMIT 1;
	PERFORM trainledger.feed_ack(consumer, last), trainledger.feed_ack(consumer, last);
	RETURN last;
END
$$;
SELECT count(pg_temp.page('regress', 1 + n % 3)) AS pages FROM generate_series(1, 9) n;
SELECT count(*) = (SELECT count(*) FROM read) AS all_of_them, bool_and(p.position = r.position AND p.event = r.event::text) AS same FROM paged p JOIN read r USING (n);
SELECT count(*) FROM feed_read('regress');
SELECT consumer, kind, acknowledged_at > created_at AS later FROM feed_consumer WHERE consumer = 'regress';
-- a new consumer begins at the beginning
SELECT f.position = (SELECT concat_ws('.', booking_no, kind, id, CASE kind WHEN 'E1' THEN entry_no END) FROM log_row ORDER BY booking_no, kind, id, entry_no LIMIT 1) AS at_first FROM feed_read(' regress new ', 1) f;
SELECT count(*) FROM feed_consumer WHERE consumer = 'regress new';

-- Forwards only
SELECT position AS first FROM read WHERE n = 1 \gset
SELECT position AS last FROM read ORDER BY n DESC LIMIT 1 \gset
SELECT regress.sqlstate(format('SELECT trainledger.feed_ack(%L, %L)', 'regress', :'first'));
SELECT feed_ack('regress', :'last');
SELECT feed_ack('regress new', :'last'), feed_drop('regress new');
SELECT feed_drop('regress new');
SELECT p AS malformed, regress.sqlstate(format('SELECT trainledger.feed_ack(%L, %L)', 'regress', p)) FROM unnest(ARRAY['', '1', 'E1.1.1', '1.E1', '1.E1.1', '1.E1.1.1.1', '1.H1', '1.H1.1.1', '1.e1.1.1', '01.E1.1.1', '1.E1.-1.1',
	'0.E1.1.1', '1.E1.1.1 ', ' 1.E1.1.1', E'1.E1.1.1\n', '1..1', '9999999999999999999999.E1.1.1', '1.E1.99999999999999999999.1', 'End', '999999999999.E1.1.1', '1.end', '17.E1.x.1']) p;
SELECT n AS events, regress.sqlstate(format('SELECT count(*) FROM trainledger.feed_read(%L, %L)', 'regress', n)) FROM unnest('{-1,0,1,10000,10001,NULL}'::integer[]) n;
SELECT char_length(c) AS characters, regress.sqlstate(format('SELECT count(*) FROM trainledger.feed_read(%L, 1)', c)) FROM unnest(ARRAY['', ' ', repeat('x', 250), repeat('x', 251), NULL]) c;

-- What is not committed is not there; nor is what a transaction that reads has
-- itself booked
SET ROLE regress_admin;
BEGIN;
SELECT balance FROM credit_add(:ann, 1, 'bar', '', '2024-01-02', token_type => 'feed');
SELECT count(*) FROM feed_read('regress');
SELECT feed_ack('regress', 'end');
SELECT kind FROM feed_consumer WHERE consumer = 'regress';
COMMIT;
RESET ROLE;
SELECT regress.settled();
SET ROLE regress_reader;
SELECT event #>> '{data,balance}' AS balance FROM feed_read('regress');
SET ROLE regress_admin;
SELECT balance FROM credit_add(:ann, 1, 'bar', '', '2024-01-02 12:00', token_type => 'feed');
SET ROLE regress_reader;
-- read only, and above READ COMMITTED, up to what was found out before
BEGIN READ ONLY;
SELECT event #>> '{data,balance}' AS balance FROM feed_read('regress');
SELECT feed_ack('regress', 'end');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT event #>> '{data,balance}' AS balance FROM feed_read('regress');
SELECT feed_ack('regress', 'end');
SELECT count(*) FROM feed_read('regress');
ROLLBACK;
RESET ROLE;
SELECT regress.settled();
SET ROLE regress_reader;
SELECT event #>> '{data,balance}' AS balance FROM feed_read('regress');

-- Every level below reader is refused, and guards hold
SET ROLE regress_learner;
SELECT regress.sqlstate(s) FROM unnest(ARRAY[$$SELECT trainledger.feed_read('regress')$$, $$SELECT trainledger.feed_ack('regress', 'end')$$, $$SELECT trainledger.feed_drop('regress')$$, $$SELECT * FROM trainledger_internal.feed_row$$]) s;
SELECT count(*) FROM feed_consumer;
RESET ROLE;
SELECT regress.attempt(s) FROM unnest(ARRAY['UPDATE trainledger.feed_consumer SET booking_no = 1', 'DELETE FROM trainledger.feed_consumer', 'TRUNCATE trainledger.feed_consumer']) s;

-- Lag: none, where all is acknowledged, and else the oldest entry's age
SET ROLE regress_reader;
SELECT feed_ack('regress', 'end');
SELECT name, value FROM ledger_metrics WHERE labels ->> 'consumer' = 'regress' ORDER BY name;
RESET ROLE;
SET trainledger.clock = '2100-01-01';
SELECT balance FROM credit_add(:ann, 1, 'bar', '', '2024-01-03', token_type => 'feed');
SET trainledger.clock = '2100-01-02 00:00:05';
SELECT balance FROM credit_add(:ann, 1, 'bar', '', '2024-01-04', token_type => 'feed');
SELECT name, value::double precision FROM ledger_metrics WHERE labels ->> 'consumer' = 'regress' ORDER BY name;
SELECT regress.settled();
SET ROLE regress_reader;
SELECT feed_ack('regress', position) FROM feed_read('regress', 1);
SELECT name, value::double precision FROM ledger_metrics WHERE labels ->> 'consumer' = 'regress' ORDER BY name;
SELECT feed_ack('regress', 'end');
SELECT name, value::double precision FROM ledger_metrics WHERE labels ->> 'consumer' = 'regress' ORDER BY name;

-- A sequence that was set forward leaves many numbers out
RESET ROLE;
SELECT setval('booking_no_seq', last_value + 1000000) > 0 AS set FROM booking_no_seq;
RESET trainledger.clock;
SELECT balance FROM credit_add(:ann, 1, 'bar', '', '2024-01-05', token_type => 'feed');
SELECT regress.settled();
SET ROLE regress_reader;
SELECT event #>> '{data,balance}' AS balance FROM feed_read('regress');
SELECT feed_drop('regress');
RESET ROLE;
DROP FUNCTION regress.settled();
