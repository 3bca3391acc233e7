-- Holds, side by side: the books that are measured, and twins of their tables.
-- Run by a superuser after setup.sql.
--
-- Psql variables: accounts, rounds, lots.
--
-- Lots and holds are written as SQL here, row by row what the functions write,
-- and reconcile() looks at them.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;

CREATE SCHEMA bench_holds;
CREATE TABLE bench_holds.pair (
	what text,					-- credit or training
	sync text,					-- synchronous_commit
	clients integer,
	round integer,
	variant text,				-- ours or hand
	tps float8,
	pairs bigint				-- how many holds were placed and captured
);
CREATE TABLE bench_holds.result (
	what text,					-- redeem or closing
	round integer,
	variant text,
	seconds float8
);

-- Lots and holds that are written as SQL. No foreign key is checked then, which
-- would take most of the time.

CREATE FUNCTION bench_holds.type(name text) RETURNS uuid LANGUAGE sql
BEGIN ATOMIC
	SELECT (trainledger.add_training_token_type(name)).id;
END;

CREATE TABLE bench_holds.lot (
	party_id bigint,
	token_type_id uuid,
	id uuid,
	account_id bigint,
	balance trainledger.amount,
	held trainledger.amount,
	expires_at timestamptz
);
-- As the functions would have made them, with their first entry
CREATE FUNCTION bench_holds.write_lots(token_type_id uuid) RETURNS void
LANGUAGE sql
SET session_replication_role = replica
BEGIN ATOMIC
	INSERT INTO trainledger.token_account (party_id, token_type_id, created_at)
	SELECT DISTINCT l.party_id, l.token_type_id, now() FROM bench_holds.lot l
	WHERE l.token_type_id = $1;
	INSERT INTO trainledger.account (id, party_id, token_type_id, created_at,
		initial_balance, balance, held, entry_count, last_entry_at)
	SELECT account_id, party_id, l.token_type_id, now(), balance, balance, held,
		1, now()
	FROM bench_holds.lot l WHERE l.token_type_id = $1;
	INSERT INTO trainledger.entry (account_id, entry_no, delta, balance,
		created_at, booking_no, operation, source, description, booked_by)
	SELECT account_id, 1, balance, balance, now(), 0, 'issue',
		'training-tokens', '', 'bench'
	FROM bench_holds.lot l WHERE l.token_type_id = $1;
	INSERT INTO trainledger.token_lot (id, account_id, party_id, token_type_id,
		expires_at, created_at)
	SELECT id, account_id, party_id, l.token_type_id, expires_at, now()
	FROM bench_holds.lot l WHERE l.token_type_id = $1;
END;

CREATE TABLE bench_holds.hold (
	batch uuid,
	id bigint,
	party_id bigint,
	token_type_id uuid,
	account_id bigint,
	issue_id uuid,
	expires_at timestamptz
);
-- Holds of one token each, with their allocation and event
CREATE FUNCTION bench_holds.write_holds(batch uuid) RETURNS void
LANGUAGE sql
SET session_replication_role = replica
BEGIN ATOMIC
	INSERT INTO trainledger.placed_hold (id, party_id, token_type_id, account_id,
		quantity, expires_at, created_at, reference, notes, source, placed_by)
	SELECT h.id, h.party_id, h.token_type_id,
		CASE WHEN h.issue_id IS NULL THEN h.account_id END, 1, h.expires_at,
		now() - interval '8 days',
		CASE WHEN h.issue_id IS NOT NULL THEN 'Event 4711' END, '', 'bench',
		'bench'
	FROM bench_holds.hold h WHERE h.batch = $1;
	INSERT INTO trainledger.hold_allocation (hold_id, ordinal, account_id,
		issue_id, quantity)
	SELECT h.id, 1, h.account_id, h.issue_id, 1
	FROM bench_holds.hold h WHERE h.batch = $1;
	INSERT INTO trainledger.hold_event (id, hold_id, event, quantity,
		expires_at, notes, changed_by, created_at, booking_no)
	SELECT trainledger_internal.new_id('trainledger.hold_event_id_seq',
			h.party_id), h.id, 'placed', 1, h.expires_at, '', 'bench',
		now() - interval '8 days', 0
	FROM bench_holds.hold h WHERE h.batch = $1;
END;

-- Each party of setup.sql has three lots
SELECT FROM trainledger.add_training_token_type('bench pairs',
	id => '00000000-0000-4000-8000-000000000001');
INSERT INTO bench_holds.lot
SELECT p, '00000000-0000-4000-8000-000000000001',
	trainledger_internal.new_issue_id(p),
	trainledger_internal.new_id('trainledger.account_id_seq', p),
	1000000, 0, now() + n * interval '1 year'
FROM generate_series(1, :accounts) p, generate_series(1, 3) n;
SELECT bench_holds.write_lots('00000000-0000-4000-8000-000000000001');

-- Twins: the same columns, indexes, checks, fillfactor, rows and foreign keys;
-- no triggers and no row-level security
CREATE TABLE twin.party (LIKE trainledger.party INCLUDING ALL);
INSERT INTO twin.party SELECT * FROM trainledger.party;
INSERT INTO twin.token_type SELECT * FROM trainledger.token_type
WHERE kind = 'training';
INSERT INTO twin.account SELECT * FROM trainledger.account WHERE name IS NULL
ORDER BY id;
INSERT INTO twin.entry SELECT * FROM trainledger.entry
WHERE source = 'training-tokens' ORDER BY created_at, account_id;
SELECT format('CREATE TABLE twin.%1$I (LIKE trainledger.%1$I INCLUDING ALL)', t),
	format('INSERT INTO twin.%1$I SELECT * FROM trainledger.%1$I', t)
FROM unnest('{token_account,token_lot,redemption,redemption_allocation,
	placed_hold,hold_allocation,hold_event}'::text[]) t \gexec
SELECT format('ALTER TABLE twin.%I ADD %s', c.relname,
	replace(pg_get_constraintdef(k.oid), 'REFERENCES trainledger.',
		CASE f.relname WHEN 'currency' THEN 'REFERENCES trainledger.'
			ELSE 'REFERENCES twin.' END))
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = 'trainledger'::regnamespace
AND c.relname IN ('token_account', 'token_lot', 'redemption',
	'redemption_allocation', 'placed_hold', 'hold_allocation', 'hold_event') \gexec
-- what is written by hand numbers no bookings
ALTER TABLE twin.hold_event ALTER COLUMN booking_no DROP NOT NULL;
DROP INDEX twin.hold_event_booking_no_idx;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA twin TO bench_application;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA trainledger TO bench_application;

-- Who redeems: lots that expire one day after another, each tenth never. Every
-- second one keeps one of ten back, or has nine.
CREATE TABLE bench_holds.redeemer AS
SELECT r AS round, v AS variant, p.id AS party_id, t.id AS token_type_id,
	0 AS available
FROM generate_series(0, :rounds) r, unnest('{held,free}'::text[]) v,
	bench_holds.type(format('bench redeem %s %s', v, r)) t(id),
	trainledger.add_party('organisation', format('bench %s %s', v, r)) p;
UPDATE bench_holds.redeemer
SET available = :lots / 2 * 9 + (:lots - :lots / 2) * 10;
INSERT INTO bench_holds.lot
SELECT r.party_id, r.token_type_id,
	trainledger_internal.new_issue_id(r.party_id),
	trainledger_internal.new_id('trainledger.account_id_seq', r.party_id),
	CASE WHEN n % 2 = 0 AND r.variant = 'free' THEN 9 ELSE 10 END,
	CASE WHEN n % 2 = 0 AND r.variant = 'held' THEN 1 ELSE 0 END,
	CASE WHEN n % 10 <> 5 THEN now() + n * interval '1 day' END
FROM bench_holds.redeemer r, generate_series(1, :lots) n;
SELECT bench_holds.write_lots(token_type_id) FROM bench_holds.redeemer;
INSERT INTO bench_holds.hold
SELECT l.token_type_id,
	trainledger_internal.new_id('trainledger.hold_id_seq', l.party_id),
	l.party_id, l.token_type_id, l.account_id, l.id,
	now() + interval '7 days'
FROM bench_holds.lot l WHERE l.held <> '0'::trainledger.amount;
SELECT bench_holds.write_holds(batch)
FROM (SELECT DISTINCT batch FROM bench_holds.hold) b;

-- What is closed: holds of one token that ended, and lots of two tokens that
-- expired, one second after another. A function writes what is measured next.
CREATE TABLE bench_holds.holder AS
SELECT n, p.id
FROM generate_series(1, :lots) n,
	trainledger.add_party('organisation', 'bench holder ' || n) p;
CREATE INDEX ON bench_holds.holder (n);

CREATE FUNCTION bench_holds.fill_credit(holds integer, accounts integer)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
	batch uuid := gen_random_uuid();
	each trainledger.amount := holds / accounts;
BEGIN
	INSERT INTO trainledger.account (id, party_id, token_type_id, created_at,
		initial_balance, balance, held, entry_count, last_entry_at, name)
	SELECT trainledger_internal.new_id('trainledger.account_id_seq', p.id), p.id,
		t.id, now() - interval '9 days', each, each, each, 1,
		now() - interval '9 days', batch
	FROM bench_holds.holder p
	JOIN trainledger.token_type t ON (t.kind, t.name) = ('credit', 'default')
	WHERE p.n <= accounts;
	INSERT INTO trainledger.entry (account_id, entry_no, delta, balance,
		created_at, booking_no, operation, source, description, booked_by)
	SELECT a.id, 1, each, each, a.created_at, 0, 'init', 'bench', '', 'bench'
	FROM trainledger.account a WHERE a.name = batch::text;
	INSERT INTO bench_holds.hold
	SELECT batch, trainledger_internal.new_id('trainledger.hold_id_seq', p.id),
		a.party_id, a.token_type_id, a.id, NULL, now() - s * interval '1 second'
	FROM generate_series(1, holds) s
	JOIN bench_holds.holder p ON p.n = 1 + s % accounts
	JOIN trainledger.account a ON a.party_id = p.id AND a.name = batch::text;
	PERFORM bench_holds.write_holds(batch);
END;
$$;

-- Lots of a new type, which never expire without an end
CREATE FUNCTION bench_holds.fill_lots(lots integer, balance integer,
	held integer, holders integer, has_end boolean) RETURNS uuid
LANGUAGE plpgsql
AS $$
DECLARE
	type uuid := bench_holds.type('bench ' || gen_random_uuid());
BEGIN
	INSERT INTO bench_holds.lot
	SELECT p.id, type, trainledger_internal.new_issue_id(p.id),
		trainledger_internal.new_id('trainledger.account_id_seq', p.id),
		balance, held, CASE WHEN has_end THEN now() - s * interval '1 second' END
	FROM generate_series(1, lots) s
	JOIN bench_holds.holder p ON p.n = 1 + s % holders;
	PERFORM bench_holds.write_lots(type);
	RETURN type;
END;
$$;

CREATE FUNCTION bench_holds.fill_training(holds integer, lots integer)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
	type uuid := bench_holds.fill_lots(lots, holds / lots + 1, holds / lots,
									   lots, false);
BEGIN
	INSERT INTO bench_holds.hold
	SELECT type, trainledger_internal.new_id('trainledger.hold_id_seq', p.id),
		l.party_id, l.token_type_id, l.account_id, l.id,
		now() - s * interval '1 second'
	FROM generate_series(1, holds) s
	JOIN bench_holds.holder p ON p.n = 1 + s % lots
	JOIN bench_holds.lot l ON l.party_id = p.id AND l.token_type_id = type;
	PERFORM bench_holds.write_holds(type);
END;
$$;

CREATE FUNCTION bench_holds.fill_sweep(issues integer, lots integer)
RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM bench_holds.fill_lots(issues, 2, 0, 100, true);
END;
$$;

SELECT 'CREATE ROLE bench_holds_admin'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bench_holds_admin') \gexec
SELECT FROM trainledger.grant_access('bench_holds_admin', 'admin');

VACUUM ANALYZE;
