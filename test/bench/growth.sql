-- Books of :entries entries, half of them of credit accounts and half of lots
-- of training tokens. Run by a superuser in an empty database.
--
-- For every 200 entries there is a person with a credit account of 100 entries
-- and 20 lots of 5 entries: an issue, three redemptions, and one more or the
-- expiry, which is due a month after that of the lot before it; half of the
-- lots are still to come. Each person has a pass, an enrolment, a ticket and a
-- membership too. What happened is spread over two years, and is booked in the
-- order of time: of one account hardly two entries lie on the same page. What a
-- person books in a week is one booking.
--
-- Rows are written here as the functions write them, and reconcile() looks at
-- them.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;

CREATE EXTENSION trainledger;
SELECT 'CREATE ROLE bench_application LOGIN' WHERE NOT EXISTS (
	SELECT FROM pg_roles WHERE rolname = 'bench_application') \gexec
ALTER ROLE bench_application SET search_path = trainledger;
SELECT FROM trainledger.grant_access('bench_application', 'operator');
SET search_path = trainledger;

SELECT :entries / 200 AS people \gset
SELECT id AS credit FROM add_credit_token_type('default', lower_bound => 0) \gset
SELECT id AS course FROM add_catalog_item('course', 'C', 'A course') \gset
SELECT code FROM add_region('R', 'Region');
SELECT code FROM add_currency('EUR', 'Euro');
SELECT id AS pass_type FROM create_pass_type('P', 'A pass') \gset
SELECT code FROM add_pass_content(:pass_type, ARRAY[:course]);
SELECT id AS option FROM create_pass_option(:pass_type, 'Yearly', 'years', 1) \gset
SELECT id AS kind FROM add_program_kind('A kind') \gset
SELECT id AS program FROM add_program(:'kind', 'A program', current_date, 1000) \gset
SELECT id AS cohort FROM confirm_cohort(:'program', 'A cohort') \gset

CREATE SCHEMA bench;
CREATE TABLE bench.type AS
SELECT n AS digit, id FROM generate_series(0, 3) n, add_training_token_type('type ' || n);

INSERT INTO party (id, uuid, kind, name, email, created_at, updated_at)
SELECT n, gen_random_uuid(), 'person', 'Person ' || n, n || '@bench.test', now(), now()
FROM generate_series(1, :people) n;
INSERT INTO token_account (party_id, token_type_id, created_at)
SELECT n, t.id, now() FROM generate_series(1, :people) n, bench.type t;

-- ids are those of a script of pgbench: number of the account, home of the party
CREATE FUNCTION bench.account_id(person bigint, lot integer) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN (person * 21 + lot) * 1024 + person % 1024;
-- some hour of the week
CREATE FUNCTION bench.recorded(person bigint, n integer, began timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE RETURN began + n * interval '168 hours'
	+ (person * 7919 + n * 104729) % 168 * interval '1 hour' + person * interval '1 millisecond';
-- time first, as the engine makes it
CREATE FUNCTION bench.dedup(person bigint, at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
	|| left(md5(person::text), 20))::uuid;
SELECT date_trunc('day', now()) - interval '720 days' AS began \gset

INSERT INTO account (id, party_id, token_type_id, created_at, initial_balance,
	balance, entry_count, last_entry_at, name)
SELECT bench.account_id(n, 0), n, :'credit', bench.recorded(n, 1, :'began'), 1, 100,
	100, bench.recorded(n, 100, :'began'), 'default'
FROM generate_series(1::bigint, :people) n;
INSERT INTO account (id, party_id, token_type_id, created_at, initial_balance,
	balance, entry_count, last_entry_at)
SELECT bench.account_id(n, lot), n, t.id, bench.recorded(n, lot * 5, :'began'), 10,
	CASE WHEN lot <= 10 THEN 0 ELSE 3 END, 5,
	bench.recorded(n, CASE WHEN lot <= 10 THEN 100 ELSE lot * 5 END, :'began')
FROM generate_series(1::bigint, :people) n, generate_series(1, 20) lot
JOIN bench.type t ON t.digit = lot % 4;
INSERT INTO token_lot (id, account_id, party_id, token_type_id, expires_at, created_at, is_open,
	unit_price, currency_code, first_expires_at)
SELECT gen_random_uuid(), a.id, n, a.token_type_id, x.expires_at, a.created_at, lot > 10,
	40 + lot, 'EUR', x.expires_at
FROM generate_series(1::bigint, :people) n CROSS JOIN generate_series(1, 20) lot
JOIN account a ON a.id = bench.account_id(n, lot)
CROSS JOIN LATERAL (SELECT date_trunc('day', now(), 'UTC')
	+ (lot - 10.5) * interval '720 hours') AS x(expires_at);

-- one hundred weeks, one after another
SELECT format($$
	INSERT INTO entry (account_id, entry_no, delta, balance, created_at,
		booking_no, recorded_at, dedup, operation, source, description, booked_by)
	SELECT bench.account_id(n, 0), %1$s, 1, %1$s, bench.recorded(n, %1$s, %2$L),
		%3$s * (%1$s - 1) + n, bench.recorded(n, %1$s, %2$L), bench.dedup(n, bench.recorded(n, %1$s, %2$L)),
		CASE %1$s WHEN 1 THEN 'init' ELSE 'add' END::operation, 'bench', '', 'bench_application'
	FROM generate_series(1::bigint, %3$s) n $$, week, :'began', :people),
	CASE WHEN week % 5 = 0 THEN format($$
	INSERT INTO entry (account_id, entry_no, delta, balance, created_at,
		booking_no, recorded_at, operation, source, description, booked_by)
	SELECT bench.account_id(n, %1$s / 5), e, CASE WHEN e = 1 THEN 10 WHEN e = 5 THEN -1 ELSE -2 END,
		CASE WHEN e = 5 THEN 3 ELSE 12 - 2 * e END, bench.recorded(n, %1$s, %2$L),
		%3$s * (%1$s - 1) + n, NULL,
		CASE e WHEN 1 THEN 'issue' ELSE 'redeem' END::operation, 'training-tokens', '', 'bench_application'
	FROM generate_series(1::bigint, %3$s) n, generate_series(1, CASE WHEN %1$s / 5 <= 10 THEN 4 ELSE 5 END) e $$,
		week, :'began', :people) END,
	-- what was left of a lot that is over by now
	CASE WHEN week = 100 THEN format($$
	INSERT INTO entry (account_id, entry_no, delta, balance, created_at,
		booking_no, recorded_at, operation, source, description, booked_by)
	SELECT bench.account_id(n, lot), 5, -4, 0, bench.recorded(n, 100, %1$L),
		%2$s * 100 + n, l.expires_at,
		'expire', 'training-tokens', '', 'bench_application'
	FROM generate_series(1::bigint, %2$s) n CROSS JOIN generate_series(1, 10) lot
	JOIN token_lot l ON l.account_id = bench.account_id(n, lot) $$, :'began', :people) END
FROM generate_series(1, 100) week \gexec

INSERT INTO pass (id, pass_type_id, option_id, party_id, valid_from, valid_until, created_at)
SELECT n, :pass_type, :option, n, now(), now() + interval '1 year', now()
FROM generate_series(1::bigint, :people) n;
INSERT INTO pass_period SELECT n, now(), now() + interval '1 year'
FROM generate_series(1::bigint, :people) n;
INSERT INTO pass_use (id, pass_id, party_id, item_id, reference, created_at, booking_no)
SELECT n, n, n, :course, 'a booking', now(), :people * 100 + n
FROM generate_series(1::bigint, :people) n;
INSERT INTO enrolment SELECT n, n, :course, now() FROM generate_series(1::bigint, :people) n;
INSERT INTO ticket (id, party_id, program_kind_id, made_out_to, created_at)
SELECT gen_random_uuid(), n, :'kind', 'x', now() FROM generate_series(1::bigint, :people) n;
INSERT INTO membership (program_id, party_id, cohort_id, role, state, created_at, updated_at)
SELECT :'program', n, :'cohort', 'member', 'active', now(), now()
FROM generate_series(1::bigint, :people) n;
SELECT setval('booking_no_seq', :people * 101);

VACUUM ANALYZE;
