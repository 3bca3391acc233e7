-- Every row of an event table has the number of its transaction, whatever the
-- transaction is about (contract, section 17)
\pset format unaligned
\pset null (null)
SET ROLE regress_admin;
SET search_path = trainledger, public;

-- A table with a number says so by a column, and finds it by an index.
SELECT a.attrelid::regclass AS table, a.attnotnull, x.relname, x.reloptions
FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid AND t.relkind = 'r'
LEFT JOIN (pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'brin') ON i.indrelid = t.oid AND i.indkey::text = a.attnum::text
WHERE t.relnamespace = 'trainledger'::regnamespace AND a.attname = 'booking_no' AND NOT a.attisdropped AND t.relname NOT IN ('log_block', 'log_kept', 'feed_consumer') ORDER BY t.relname;

-- What there is to book with
SELECT name FROM add_party('person', 'Una', 'una@numbers.example', barcode => 'numbers-1', id => 971001, attributes => '{"numbers": 1}');
SELECT name FROM add_party('person', 'Duo', 'duo@numbers.example', barcode => 'numbers-2', id => 971002, attributes => '{"numbers": 1}');
SELECT name FROM add_credit_token_type('numbers');
SELECT balance FROM credit_init(971001, 10, 's', '', '2024-01-01', 'numbers', 'numbers');
SELECT name FROM add_training_token_type('numbers', id => '00000000-0000-4000-8000-000000971003');
SELECT id AS lot FROM issue_training_tokens('00000000-0000-4000-8000-000000971003', 971001, 10, '2100-01-01') \gset
SELECT id AS course FROM add_catalog_item('course', 'numbers-C', 'A course') \gset
SELECT r.code, c.code FROM add_region('numbers-R', 'Region') r, add_currency('NUM', 'Currency') c;
SELECT code FROM create_pass_type('numbers', 'Pass', id => 971004);
SELECT code FROM add_pass_content(971004, ARRAY[:course]);
SELECT count(*) FROM create_pass_option(971004, 'Month', 'months', 1, id => 971005) o, create_pass_price(o.id, 'numbers-R', 'NUM', 1) p, update_pass_option(p.option_id, lifecycle_state => 'published') u;
SELECT lifecycle_state FROM update_pass_type(971004, lifecycle_state => 'published');
SELECT code FROM create_signup_token(1, 'numbers-C', 5, 'numbers-code');
SELECT name FROM add_program_kind('Numbers', id => '00000000-0000-4000-8000-000000971006');
SELECT name FROM add_program('00000000-0000-4000-8000-000000971006', 'Open', '2026-01-01', 1, id => '00000000-0000-4000-8000-000000971007');
SELECT id AS cohort FROM confirm_cohort('00000000-0000-4000-8000-000000971007', 'Numbers') \gset

-- All rows that have a number, of whatever table
RESET ROLE;
CREATE FUNCTION pg_temp.numbered(OUT "table" text, OUT booking_no bigint) RETURNS SETOF record LANGUAGE plpgsql
AS $$
BEGIN
	FOR "table" IN
		SELECT t.relname FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid AND t.relkind = 'r'
		WHERE t.relnamespace = 'trainledger'::regnamespace AND a.attname = 'booking_no'
		AND t.relname NOT IN ('log_block', 'log_kept', 'feed_consumer')
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L, e.booking_no FROM trainledger.%I e', "table", "table");
	END LOOP;
END
$$;
-- What was written since the number before; nothing is, unless a table stands here
CREATE FUNCTION pg_temp.since(before bigint, OUT "table" text, OUT rows bigint, OUT bookings bigint, OUT last_ones bigint) RETURNS SETOF record LANGUAGE sql
AS $$
	SELECT n."table", count(*), count(DISTINCT n.booking_no), count(*) FILTER (WHERE n.booking_no = l.last_value)
	FROM pg_temp.numbered() n, trainledger.booking_no_seq l WHERE n.booking_no > before GROUP BY 1 ORDER BY 1
$$;
SELECT last_value AS before FROM booking_no_seq \gset

-- One transaction: every kind of event, each with the one number
BEGIN;
SELECT balance FROM credit_add(971001, 1, 's', '', '2024-01-02', 'numbers', 'numbers');
SELECT id AS hold FROM credit_hold(971001, 4, 's', '', account_name => 'numbers', token_type => 'numbers') \gset
SELECT captured FROM capture_hold(:hold, 1);
SELECT quantity FROM redeem_training_tokens(971001, '00000000-0000-4000-8000-000000971003', 2, 'x');
SELECT expires_at FROM extend_training_tokens(:'lot', '2100-02-01');
SELECT id AS pass FROM issue_pass(971004, 971005, 971001) \gset
SELECT id AS use FROM use_pass(971001, :course, 'x') \gset
SELECT cancel_reason FROM cancel_pass_use(:use, 'y');
SELECT id AS claim FROM claim_signup_token('numbers-code', 971001) \gset
SELECT cancel_reason FROM cancel_signup_claim(:claim, 'z');
SELECT create_program_ticket('00000000-0000-4000-8000-000000971006', 971001) AS made;
SELECT create_program_ticket('00000000-0000-4000-8000-000000971006', email => 'Trio@numbers.example') AS made;
SELECT id FROM add_party('person', 'Trio', 'trio@numbers.example', id => 971003);
SELECT state FROM consume_ticket(971001, '00000000-0000-4000-8000-000000971007');
SELECT t.state FROM user_tickets(971003) u, cancel_ticket(u.id) t;
SELECT sync_cohort('00000000-0000-4000-8000-000000971007', :'cohort', '$.attributes.numbers == 1', mode => 'open') AS changed;
COMMIT;
SELECT * FROM pg_temp.since(:before);
SELECT last_value - :before AS numbers FROM booking_no_seq;
-- what became of the claim and the tickets, and who did it
SELECT event, signup_token_id = (SELECT id FROM signup_token WHERE code = 'numbers-code') AS of_token, party_id, reason, changed_by, home(e.id) = home(party_id) AS at_home, created_at <= clock() AS known
FROM claim_event e WHERE claim_id = :claim ORDER BY e.id;
SELECT event, state, party_id, email, program_kind_id, consumed_program_id, changed_by, home(id) = home(coalesce(party_id, 0)) AS at_home
FROM ticket_event WHERE program_kind_id = '00000000-0000-4000-8000-000000971006' ORDER BY id;
SELECT t.state, t.party_id, e.event, (t.party_id, t.state, t.consumed_program_id, t.email) IS NOT DISTINCT FROM (e.party_id, e.state, e.consumed_program_id, e.email) AS as_it_is
FROM ticket t CROSS JOIN LATERAL (SELECT * FROM ticket_event e WHERE e.ticket_id = t.id ORDER BY e.id DESC LIMIT 1) e
WHERE t.program_kind_id = '00000000-0000-4000-8000-000000971006' ORDER BY 1;

-- The next transaction has a greater one. What a savepoint takes back has had
-- the same, and so has what comes after; what handles an error, too.
SELECT last_value AS before FROM booking_no_seq \gset
BEGIN;
SAVEPOINT s;
SELECT count(*) FROM claim_signup_token('numbers-code', 971001);
SELECT booking_no - :before AS after FROM claim_event ORDER BY id DESC LIMIT 1;
ROLLBACK TO s;
SELECT create_program_ticket('00000000-0000-4000-8000-000000971006', 971002) AS made;
SAVEPOINT s;
SELECT state FROM update_user_cohort_state(971002, '00000000-0000-4000-8000-000000971007', 'withdrawn');
RELEASE s;
SELECT regress.sqlstate($$SELECT trainledger.use_pass(971002, 971001, 'x')$$) AS refused;
SELECT balance FROM credit_subtract(971001, 1, 's', '', '2024-01-03', 'numbers', 'numbers');
COMMIT;
SELECT * FROM pg_temp.since(:before);
-- taken back altogether: the number is gone, the next one is greater
SELECT last_value AS before FROM booking_no_seq \gset
BEGIN;
SELECT count(*) FROM claim_signup_token('numbers-code', 971001);
ROLLBACK;
SELECT state FROM update_user_cohort_state(971002, '00000000-0000-4000-8000-000000971007', 'active');
SELECT count(*) FROM renew_pass(:pass);
SELECT t.table, t.rows, t.bookings FROM pg_temp.since(:before) t;
SELECT last_value - :before AS numbers FROM booking_no_seq;

-- Who is refused, who sends something again and who changes nothing leaves no
-- row, and takes no number.
SELECT count(*) FROM claim_signup_token('numbers-code', 971001);
SELECT last_value AS before FROM booking_no_seq \gset
SELECT v.call, regress.sqlstate(v.statement), v.why
FROM (VALUES
	(1, 'claim', $$SELECT claim_signup_token('numbers-code', 971001)$$, 'claimed before'),
	(2, 'claim', $$SELECT claim_signup_token('no code of ours', 971001)$$, 'unknown'),
	(3, 'cancel claim', format('SELECT cancel_signup_claim(%s)', :claim), 'cancelled before'),
	(4, 'cancel use', format('SELECT cancel_pass_use(%s)', :use), 'cancelled before'),
	(5, 'use', $$SELECT use_pass(971002, id, 'x') FROM catalog_item WHERE code = 'numbers-C'$$, 'no pass'),
	(6, 'consume', $$SELECT consume_ticket(971001, '00000000-0000-4000-8000-000000971007')$$, 'no ticket'),
	(7, 'consume', $$SELECT consume_ticket(971002, '00000000-0000-4000-8000-000000971007')$$, 'in the program'),
	(8, 'membership', $$SELECT modify_program_membership('00000000-0000-4000-8000-000000971007', 971002)$$, 'as it is'),
	(9, 'sync', format($$SELECT sync_cohort('00000000-0000-4000-8000-000000971007', %L, '$.attributes.numbers == 1', mode => 'open')$$, :'cohort'), 'nobody'),
	(10, 'add party', $$SELECT add_party('person', 'Quad', 'quad@numbers.example', id => 971004)$$, 'no ticket waits'),
	(11, 'extend', format('SELECT extend_training_tokens(%L, %L)', :'lot', '2099-01-01'), 'shorter'),
	(12, 'hold', $$SELECT credit_hold(971001, 0, 's', '', account_name => 'numbers', token_type => 'numbers')$$, 'zero')
) v(n, call, statement, why) ORDER BY n;
SELECT external_id, made FROM (VALUES ('00000000-0000-4000-8000-000000971008'::uuid)) v(external_id), create_program_ticket('00000000-0000-4000-8000-000000971006', 971002, NULL, external_id, 's') made;
SELECT create_program_ticket('00000000-0000-4000-8000-000000971006', 971002, NULL, '00000000-0000-4000-8000-000000971008', 's') AS made;
SELECT * FROM pg_temp.since(:before);
SELECT last_value - :before AS numbers FROM booking_no_seq;

-- Events are not changed, by nobody.
SELECT regress.attempt(s) FROM unnest(ARRAY['UPDATE trainledger.claim_event SET reason = reason', 'DELETE FROM trainledger.claim_event', 'TRUNCATE trainledger.claim_event',
	'UPDATE trainledger.ticket_event SET email = email', 'DELETE FROM trainledger.ticket_event', 'TRUNCATE trainledger.ticket_event']) s;

-- A learner sees those of its own claims and tickets.
SELECT count(*) FROM claim_signup_token('numbers-code', 971002);
SET ROLE regress_learner;
SELECT set_config('request.jwt.claims', '{"party_id": 971002}', false) IS NOT NULL AS is_duo;
SELECT party_id, event, count(*) FROM claim_event GROUP BY 1, 2 ORDER BY 1, 2;
SELECT party_id, event, count(*) FROM ticket_event GROUP BY 1, 2 ORDER BY 1, 2;
RESET ROLE;
RESET request.jwt.claims;

-- A large batch tells an index of numbers alone once per block, and others every
-- entry: whoever asks by the index finds as many as there are, also in blocks
-- that were summarized before.
CREATE FUNCTION pg_temp.by_index(condition text) RETURNS text LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
AS $$
DECLARE
	plan json;
	found bigint;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT count(*) FROM trainledger.entry WHERE %s', condition) INTO plan;
	EXECUTE format('SELECT count(*) FROM trainledger.entry WHERE %s', condition) INTO found;
	RETURN concat_ws(' ', found, 'by', plan #>> '{0,Plan,Plans,0,Plans,0,Index Name}');
END
$$;
\set batch 'SELECT count(*) FROM post_batch(array_fill((SELECT id FROM account WHERE party_id = 971001 AND name = \'numbers\'), ARRAY[3000]), (SELECT array_agg(CASE n % 7 WHEN 3 THEN -1 ELSE 1 END::amount) FROM generate_series(1, 3000) n), \'s\')'
DROP INDEX entry_booking_no_idx;
CREATE INDEX i ON entry USING brin (booking_no) WITH (pages_per_range = 1);
:batch;
SELECT brin_summarize_new_values('i') >= 0 AS summarized;
:batch;
SELECT pg_temp.by_index('booking_no = ' || last_value) FROM booking_no_seq;
DROP INDEX i;
CREATE INDEX i ON entry USING brin (booking_no) WITH (pages_per_range = 1) WHERE delta < '0'::amount;
:batch;
SELECT brin_summarize_new_values('i') >= 0 AS summarized;
:batch;
SELECT pg_temp.by_index(format($$booking_no = %s AND delta < '0'::amount$$, last_value)) FROM booking_no_seq;
DROP INDEX i;
CREATE INDEX i ON entry USING brin (booking_no, entry_no) WITH (pages_per_range = 1);
:batch;
SELECT brin_summarize_new_values('i') >= 0 AS summarized;
:batch;
SELECT pg_temp.by_index(format($$booking_no = %s AND entry_no >= %s$$, last_value, (SELECT entry_count - 2999 FROM account WHERE party_id = 971001 AND name = 'numbers'))) FROM booking_no_seq;
DROP INDEX i;
CREATE INDEX entry_booking_no_idx ON entry USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
SELECT count(*) FROM reconcile((SELECT id FROM account WHERE party_id = 971001 AND name = 'numbers'));
