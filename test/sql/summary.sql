-- The monthly summary that seal() keeps (contract, section 14): reports over
-- months read it, and their figures are those of entries alone, which a database
-- reads that does not keep all homes.
\pset format unaligned
\pset null (null)
\set SHOW_CONTEXT never
SELECT current_database() AS before \gset
CREATE DATABASE regression_summary TEMPLATE template0 ENCODING 'UTF8';
\c regression_summary
SET client_min_messages = warning;
CREATE EXTENSION trainledger;
SET search_path = public, trainledger;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SELECT count(grant_access(('regress_' || l)::name, l::access_level)) FROM unnest('{learner,reader}'::text[]) l;
-- a transaction of autovacuum may hold the last bookings back
CREATE PROCEDURE seal_all() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		PERFORM trainledger.seal();
		COMMIT;
		EXIT WHEN NOT EXISTS (SELECT FROM trainledger.entry e WHERE e.booking_no > coalesce((SELECT max(c.last_booking_no) FROM trainledger.checkpoint c), 0));
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;
CREATE FUNCTION figures() RETURNS SETOF text LANGUAGE sql STABLE SET search_path = trainledger AS $$
	SELECT 'tokens ' || r FROM token_liability r UNION ALL SELECT 'revenue ' || r FROM token_revenue r UNION ALL SELECT 'credit ' || r FROM credit_liability r
$$;
-- how the figures differ from those of entries alone
CREATE FUNCTION differing() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	read text[] := ARRAY(SELECT figures());
	counted text[];
BEGIN
	PERFORM set_config('trainledger.homes', '{[0,1023)}', true);
	counted := ARRAY(SELECT figures());
	PERFORM set_config('trainledger.homes', '{[0,1024)}', true);
	RETURN (SELECT format('%s of %s', count(*), cardinality(counted)) FROM (
		(SELECT unnest(read) EXCEPT ALL SELECT unnest(counted)) UNION ALL (SELECT unnest(counted) EXCEPT ALL SELECT unnest(read))) d);
END
$$;

-- Books with everything that reports tell apart
SET trainledger.clock = '2024-01-10 09:00Z';
SELECT count(add_currency(c, c, u)) FROM (VALUES ('USD', 2), ('JPY', 0)) v(c, u);
SELECT id AS acme FROM add_party('organisation', 'Acme') \gset
SELECT id AS ann FROM add_party('person', 'Ann', organisation_id => :acme) \gset
SELECT id AS gold FROM add_training_token_type('gold', scale => 2, default_days_to_redeem => 30) \gset
SELECT id AS silver FROM add_training_token_type('silver') \gset
SELECT name FROM unnest('{meal,gold}'::text[]) n, add_credit_token_type(n);
SELECT id AS dear FROM issue_training_tokens(:'gold', :acme, 10, '2024-02-29', unit_price => 45.505, currency_code => 'USD') \gset
SELECT id AS yen FROM issue_training_tokens(:'gold', :ann, 7.25, '2024-03-15', unit_price => 1000, currency_code => 'JPY') \gset
SELECT id AS free FROM issue_training_tokens(:'gold', :ann, 3, '2024-12-31') \gset
SELECT id AS old FROM issue_training_tokens(:'silver', :acme, 20, '2024-01-20', unit_price => 3, currency_code => 'USD') \gset
SELECT account_id AS meal FROM credit_init(:ann, 100, 's', 'd', now(), token_type => 'meal') \gset
SELECT account_id AS other FROM credit_init(:acme, -2.5, 's', 'd', now(), token_type => 'meal') \gset
SELECT balance FROM credit_init(:ann, 1, 's', 'd', now(), token_type => 'gold');
SELECT id AS first FROM redeem_training_tokens(:acme, :'gold', 4.5, 'course') \gset
SELECT id AS second FROM redeem_training_tokens(:acme, :'silver', 6, 'course') \gset
SET trainledger.clock = '2024-01-31 23:59:59.999999Z';
SELECT refunded FROM refund_training_tokens(:first, 0.5);
SELECT balance FROM post(:meal, 'add', 20.25, 's');
SET trainledger.clock = '2024-02-01 00:00Z';
SELECT current_balance FROM adjust_training_tokens(:'yen', -0.25, 'count');
SELECT count(*) FROM transfer_training_tokens(:acme, :ann, :'gold', 2);
SELECT id AS hold FROM hold_training_tokens(:ann, :'gold', 3, 'course') \gset
SELECT captured FROM capture_hold(:hold, 1, true);
SELECT (t).balance FROM credit_transfer(:meal, :other, 10, 's') AS x(f, t);
SELECT id AS kept FROM credit_hold(:ann, 5, 's', '', token_type => 'meal') \gset
SELECT captured FROM capture_hold(:kept, 2);
-- silver expired on 20 January and is swept; two lots of gold are over and are not
SELECT expire_training_tokens();
SELECT refunded FROM refund_training_tokens(:second, 2, 'forfeit');
SELECT refunded FROM refund_training_tokens(:second, 3, 'reissue');
SET trainledger.clock = '2024-04-05 09:00Z';
SELECT current_balance FROM void_training_tokens(:'free');
SELECT balance FROM post(:other, 'subtract', 1, 's');
SELECT balance FROM post(:other, 'adjust', -0.5, 's');

-- Before any seal
SELECT count(*) AS rows FROM month_summary;
SELECT differing();
CREATE TABLE unsealed AS SELECT f FROM figures() f;
SELECT * FROM token_liability ORDER BY token_type, month;
SELECT * FROM token_revenue ORDER BY token_type, currency, month;
SELECT * FROM credit_liability ORDER BY token_type, month;

-- Sealed: the same
SELECT start_log('summary.example/log', 'regression test');
CALL seal_all();
SELECT y.kind, y.name, s.month, s.operation, s.is_reissue, s.currency_code, s.entries, s.quantity, s.value FROM month_summary s
JOIN token_type y ON y.id = s.token_type_id ORDER BY y.kind, y.name, s.month, s.operation, s.is_reissue, s.currency_code;
SELECT sum(s.entries) = (SELECT count(*) FROM entry) AS all_entries, max(s.last_booking_no) = (SELECT max(e.booking_no) FROM entry e) AS last_one,
	bool_and(scale(s.quantity) <= 2 AND scale(s.value) <= 5) AS trimmed FROM month_summary s;
SELECT differing();
SELECT count(*) AS differing FROM (TABLE unsealed EXCEPT ALL SELECT figures()) d;
-- of 30,000 entries, those after the summary alone are looked for, by number
CREATE FUNCTION ways(query text) RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ '(Index Cond: \(booking_no|on (entry|entry_booking_no_idx)\M)' THEN
			RETURN NEXT trim(regexp_replace(line, '->', ''));
		END IF;
	END LOOP;
END
$$;
BEGIN;
INSERT INTO entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT :meal, 100 + n, 0, 0, clock(), 1, 'add', 's', '', 'x' FROM generate_series(1, 30000) n;
SELECT brin_summarize_new_values('entry_booking_no_idx') > 0 AS summarised;
ANALYZE entry, account, token_lot, token_type, month_summary;
SELECT v, w FROM unnest('{token_liability,token_revenue,credit_liability}'::text[]) v, ways('SELECT * FROM ' || v) w;
SELECT w FROM ways($$SELECT * FROM token_liability WHERE token_type = 'gold'$$) w;
ROLLBACK;
SELECT * FROM reconcile();
-- an idle seal changes nothing
SELECT md5(string_agg(s::text, '' ORDER BY s)) AS summary FROM month_summary s \gset
SELECT seal() > 0 AS sealed;
SELECT md5(string_agg(s::text, '' ORDER BY s)) = :'summary' AS same FROM month_summary s;

-- What is booked afterwards, in months that are in the summary and new ones;
-- a sweep books in months before
SELECT expire_training_tokens() > 0 AS swept;
SELECT differing();
SELECT count(*) AS differing FROM (TABLE unsealed EXCEPT ALL SELECT figures()) d;
SELECT id AS later FROM issue_training_tokens(:'gold', :acme, 0.5, '2024-04-20', unit_price => 45.505, currency_code => 'USD') \gset
SELECT balance FROM post(:meal, 'add', 0.75, 's');
SELECT name FROM update_token_type(:'silver', name => 'bronze');
SET trainledger.clock = '2024-06-30 12:00Z';
SELECT balance FROM post(:meal, 'subtract', 0.5, 's');
SELECT initial_balance FROM issue_training_tokens(:'silver', :ann, 4);
SELECT differing();
CREATE TABLE later AS SELECT f FROM figures() f;
CALL seal_all();
SELECT differing();
SELECT count(*) AS differing FROM (TABLE later EXCEPT ALL SELECT figures()) d;
SELECT sum(s.entries) = (SELECT count(*) FROM entry) AS all_entries FROM month_summary s;
SELECT entries, quantity, value FROM month_summary WHERE (month, operation, currency_code) = ('2024-04-01', 'issue', 'USD') ORDER BY 1;
SELECT * FROM reconcile();

-- What callers see: readers sums, a learner none, and the figures of its own
CREATE FUNCTION pg_temp.as_role(role text, party bigint) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	answer text;
	own text[];
BEGIN
	PERFORM set_config('trainledger.party_id', party::text, true);
	PERFORM set_config('trainledger.homes', '{[0,1023)}', true);
	PERFORM set_config('role', role, true);
	own := ARRAY(SELECT public.figures());
	PERFORM set_config('role', 'none', true);
	PERFORM set_config('trainledger.homes', '{[0,1024)}', true);
	PERFORM set_config('role', role, true);
	answer := format('sees sums: %s, figures: %s, differing: %s', (SELECT count(*) FROM trainledger.month_summary) > 0, cardinality(own) > 0,
		(SELECT count(*) FROM (SELECT public.figures() EXCEPT ALL SELECT unnest(own)) d));
	PERFORM set_config('role', 'none', true);
	RETURN answer;
END
$$;
SELECT pg_temp.as_role('regress_reader', NULL), pg_temp.as_role('regress_learner', :ann), pg_temp.as_role('regress_learner', :acme),
	pg_temp.as_role('regress_learner', 0);

-- Nothing changes it by hand
UPDATE month_summary SET quantity = 0;
DELETE FROM month_summary;
TRUNCATE month_summary;
-- a superuser could; reconcile() and check_books() say so
CREATE FUNCTION pg_temp.after(statement text) RETURNS TABLE (account_id bigint, problem text, expected numeric, found numeric)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	ALTER TABLE trainledger.month_summary DISABLE TRIGGER ALL;
	EXECUTE statement;
	RETURN QUERY SELECT * FROM trainledger.reconcile() r ORDER BY r.problem;
END
$$;
BEGIN;
SELECT * FROM pg_temp.after($$UPDATE month_summary SET quantity = quantity + 0.01 WHERE (month, operation, currency_code) = ('2024-01-01', 'issue', 'USD') AND quantity = 10$$);
SELECT check_books();
SELECT count(*) AS of_an_account FROM account a, reconcile(a.id);
ROLLBACK;
BEGIN;
SELECT * FROM pg_temp.after($$UPDATE month_summary SET value = -value WHERE operation = 'issue' AND is_reissue$$);
ROLLBACK;
BEGIN;
SELECT * FROM pg_temp.after($$DELETE FROM month_summary WHERE operation = 'transfer' AND currency_code = 'USD'$$);
ROLLBACK;
BEGIN;
SELECT * FROM pg_temp.after($$INSERT INTO month_summary SELECT (SELECT id FROM token_type WHERE name = 'meal'), '2024-05-01', 'add', false, '', 1, 3, 0, 1$$);
ROLLBACK;
BEGIN;
SELECT count(*) > 0 AS found FROM pg_temp.after($$UPDATE month_summary SET last_booking_no = last_booking_no + 1 WHERE last_booking_no = (SELECT max(last_booking_no) FROM month_summary)$$);
ROLLBACK;
-- entries that are gone
BEGIN;
ALTER TABLE entry DISABLE TRIGGER ALL;
DELETE FROM entry WHERE account_id = :meal AND operation = 'capture';
SELECT problem, expected, found FROM reconcile() WHERE problem LIKE 'summary%';
ROLLBACK;
SELECT * FROM reconcile();

-- Emptied, it is made again
ALTER TABLE month_summary DISABLE TRIGGER ALL;
DELETE FROM month_summary;
ALTER TABLE month_summary ENABLE ALWAYS TRIGGER functions_only;
ALTER TABLE month_summary ENABLE ALWAYS TRIGGER never_removed;
SELECT differing();
SELECT balance FROM post(:meal, 'add', 1, 's');
CALL seal_all();
SELECT sum(s.entries) = (SELECT count(*) FROM entry) AS all_entries FROM month_summary s;
SELECT differing();
-- under another name of the log it goes on
SELECT start_log('summary.example/log-2', 'regression test');
SELECT balance FROM post(:meal, 'add', 1, 's');
CALL seal_all();
SELECT sum(s.entries) = (SELECT count(*) FROM entry) AS all_entries FROM month_summary s;
SELECT differing();
-- rows with the numbers of another node come after it
BEGIN;
INSERT INTO entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT :meal, entry_count + 1, 5, balance + 5, clock(), 3::bigint << 38, 'add', 's', '', 'x' FROM account WHERE id = :meal;
SELECT differing();
ROLLBACK;

-- A database that does not keep all homes reads entries alone, and forgets the
-- summary: it cannot know what of it moves away
SET trainledger.homes = '{[0,1023)}';
SELECT balance FROM post(:meal, 'add', 1, 's');
CALL seal_all();
SELECT count(*) AS rows FROM month_summary;
SELECT * FROM reconcile();
RESET trainledger.homes;
SELECT differing();
SELECT balance FROM post(:meal, 'add', 1, 's');
CALL seal_all();
SELECT sum(s.entries) = (SELECT count(*) FROM entry) AS all_entries FROM month_summary s;
SELECT differing();
SET trainledger.homes = '{[0,1023)}';
SELECT forget_homes('{[1023,1024)}');
RESET trainledger.homes;
SELECT count(*) AS rows FROM month_summary;
SELECT differing();

\c :before
DROP DATABASE regression_summary;
