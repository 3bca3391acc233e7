-- Training tokens, side by side: the books that are measured, and twins of
-- their tables. Run by a superuser, in an empty database or after setup.sql.
--
-- Psql variables: rounds, sweeps, lots, issues, singles.
--
-- Schema bench_tokens: for each round (0 warms up) a party whose :lots lots
-- are redeemed; for the first :sweeps of them also a type of which :issues
-- issues have expired, and :singles issues that are adjusted one by one. Lots
-- are written as SQL here, row by row what issue_training_tokens writes, and
-- reconcile() looks at them.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION IF NOT EXISTS trainledger;
CREATE SCHEMA bench_tokens;
CREATE TABLE bench_tokens.result (
	what text,					-- redeem or sweep
	round integer,
	variant text,
	seconds float8
);
CREATE TABLE bench_tokens.type (
	round integer,
	purpose text,
	id uuid
);
INSERT INTO bench_tokens.type
SELECT r, p, t.id
FROM generate_series(0, :rounds) r,
	unnest('{redeem,sweep,single}'::text[]) p,
	trainledger.add_training_token_type(format('bench %s %s', p, r)) t
WHERE p = 'redeem' OR r <= :sweeps;
CREATE TABLE bench_tokens.party (
	round integer,
	purpose text,
	n integer,
	id bigint
);
INSERT INTO bench_tokens.party
SELECT t.round, t.purpose, n, p.id
FROM bench_tokens.type t,
	generate_series(1, CASE t.purpose WHEN 'redeem' THEN 1 ELSE 100 END) n,
	trainledger.add_party('organisation',
		format('bench %s %s %s', t.purpose, t.round, n)) p;

-- Each holds two tokens. Those to be redeemed expire one day after another,
-- each tenth never; those to be swept expired one second after another.
CREATE TABLE bench_tokens.lot AS
SELECT t.round, t.purpose, t.id AS token_type_id, p.id AS party_id, l.n,
	trainledger_internal.new_issue_id(p.id) AS id,
	trainledger_internal.new_id('trainledger.account_id_seq', p.id) AS account_id,
	CASE t.purpose
		WHEN 'redeem' THEN CASE WHEN l.n % 10 <> 0
			THEN now() + l.n * interval '1 day' END
		WHEN 'sweep' THEN now() - l.n * interval '1 second'
		ELSE now() + interval '1 year' END AS expires_at
FROM bench_tokens.type t
CROSS JOIN LATERAL generate_series(1, CASE
	WHEN t.purpose = 'redeem' THEN :lots
	WHEN t.purpose = 'single' THEN :singles
	WHEN t.round = 0 THEN :issues / 2
	ELSE :issues END) l(n)
JOIN bench_tokens.party p ON (p.round, p.purpose) = (t.round, t.purpose)
	AND p.n = CASE t.purpose WHEN 'redeem' THEN 1 ELSE 1 + l.n % 100 END;

CREATE FUNCTION bench_tokens.fill(purposes text[], first integer, last integer)
RETURNS void LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO trainledger.token_account (party_id, token_type_id, created_at)
	SELECT DISTINCT party_id, token_type_id, now() FROM bench_tokens.lot
	WHERE purpose = ANY ($1) AND round BETWEEN $2 AND $3;
	INSERT INTO trainledger.account (id, party_id, token_type_id, created_at,
		initial_balance, balance, entry_count, last_entry_at)
	SELECT account_id, party_id, token_type_id, now(), 2, 2, 1, now()
	FROM bench_tokens.lot
	WHERE purpose = ANY ($1) AND round BETWEEN $2 AND $3;
	INSERT INTO trainledger.entry (account_id, entry_no, delta, balance,
		created_at, booking_no, operation, source, description, booked_by)
	SELECT account_id, 1, 2, 2, now(), 0, 'issue', 'training-tokens', '', 'bench'
	FROM bench_tokens.lot
	WHERE purpose = ANY ($1) AND round BETWEEN $2 AND $3;
	INSERT INTO trainledger.token_lot (id, account_id, party_id, token_type_id,
		expires_at, created_at)
	SELECT id, account_id, party_id, token_type_id, expires_at, now()
	FROM bench_tokens.lot
	WHERE purpose = ANY ($1) AND round BETWEEN $2 AND $3;
END;
-- What is redeemed lies among some ten thousands of other lots, where a plan
-- can go wrong most; what is swept is filled in later.
SELECT bench_tokens.fill('{redeem,single}', 0, :rounds);
SELECT bench_tokens.fill('{sweep}', 0, 0);
-- the sweep of a round finds the issues of its own type only
SELECT count(trainledger.update_token_type(id, is_active => false))
FROM bench_tokens.type WHERE purpose = 'sweep';

-- Twins: the same columns, indexes, checks, fillfactor and rows. In "linked"
-- the foreign keys are there too, in "bare" they are not; triggers and
-- row-level security in neither.
SELECT format('CREATE SCHEMA %I', 'bench_' || twin)
FROM unnest('{linked,bare}'::text[]) twin \gexec
SELECT format('CREATE TABLE %1$I.%2$I (LIKE trainledger.%2$I INCLUDING ALL) %3$s',
		'bench_' || twin, t,
		CASE t WHEN 'account' THEN 'WITH (fillfactor = 60)' ELSE '' END),
	format('INSERT INTO %1$I.%2$I SELECT * FROM trainledger.%2$I %3$s',
		'bench_' || twin, t,
		CASE t WHEN 'account' THEN 'WHERE name IS NULL'
		WHEN 'entry' THEN $$WHERE source = 'training-tokens'$$ ELSE '' END)
FROM unnest('{linked,bare}'::text[]) twin,
	unnest('{token_account,account,token_lot,redemption,redemption_allocation,entry}'::text[]) t \gexec
-- what is written by hand numbers no bookings
SELECT format('ALTER TABLE %I.entry ALTER COLUMN booking_no DROP NOT NULL', 'bench_' || twin),
	format('DROP INDEX %I.entry_booking_no_idx', 'bench_' || twin)
FROM unnest('{linked,bare}'::text[]) twin \gexec
SELECT format('ALTER TABLE bench_linked.%I ADD %s', c.relname,
	replace(pg_get_constraintdef(k.oid), 'REFERENCES trainledger.',
		CASE WHEN f.relname IN ('party', 'token_type')
			THEN 'REFERENCES trainledger.' ELSE 'REFERENCES bench_linked.' END))
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = 'trainledger'::regnamespace
AND c.relname IN ('token_account', 'account', 'token_lot', 'redemption',
	'redemption_allocation') \gexec

-- Everything is called by roles that own nothing.
SELECT 'CREATE ROLE ' || r FROM unnest('{bench_tokens_operator,bench_tokens_admin}'::text[]) r
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) \gexec
SELECT FROM trainledger.grant_access('bench_tokens_operator', 'operator');
SELECT FROM trainledger.grant_access('bench_tokens_admin', 'admin');
GRANT USAGE ON SCHEMA bench_tokens, bench_linked, bench_bare
	TO bench_tokens_operator, bench_tokens_admin;
GRANT SELECT ON ALL TABLES IN SCHEMA bench_tokens
	TO bench_tokens_operator, bench_tokens_admin;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA bench_linked, bench_bare
	TO bench_tokens_operator;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA trainledger TO bench_tokens_operator;

VACUUM ANALYZE;
