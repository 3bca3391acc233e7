-- Transfers between credit accounts (contract, section 6)
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET search_path = trainledger, public;
SET client_min_messages = error;
SET ROLE regress_admin;
SELECT name, bounds FROM add_credit_token_type('pass-on', lower_bound => 0, upper_bound => 100);
SELECT name, bounds FROM add_credit_token_type('other-on');
SELECT name FROM add_training_token_type('lot-on');
SET ROLE regress_operator;
SELECT barcode FROM unnest('{transfer-1,transfer-2,transfer-3}'::text[]) AS b, add_party('person', b, barcode => b);
SELECT barcode, balance FROM (VALUES ('transfer-1', 50, 'pass-on'), ('transfer-2', 20, 'pass-on'), ('transfer-3', 0, 'pass-on'), ('transfer-1', 10, 'other-on')) v(barcode, amount, type),
	credit_init(regress.party(barcode), amount, 'setup', '', '2024-01-01', type, type);
SELECT regress.account('transfer-1', 'pass-on') AS one, regress.account('transfer-2', 'pass-on') AS two, regress.account('transfer-3', 'pass-on') AS three,
	regress.account('transfer-1', 'other-on') AS other \gset

-- credit is passed on: both entries, at one instant, in one booking
SELECT (f).account_id = :one AS gives, (f).entry_no, (f).operation, (f).delta, (f).balance, (f).source, (f).description, (f).recorded_at, (f).is_replay,
	(t).account_id = :two AS gets, (t).entry_no, (t).operation, (t).delta, (t).balance, (t).source, (t).description, (t).recorded_at, (t).is_replay,
	((f).created_at, (f).booking_no, (f).booked_by) = ((t).created_at, (t).booking_no, (t).booked_by) AS together
FROM credit_transfer(:one, :two, 7.505, 'app', 'Lunch for Bob') AS x(f, t);
SELECT (f).delta, (f).balance, (t).balance AS other_balance FROM credit_transfer(:two, :one, 1.009, 'app', NULL, NULL, 'floor', NULL) AS x(f, t);
RESET ROLE;
SELECT account_id = :one AS of_one, entry_no, operation, delta, other_account_id = :one AS with_one, other_account_id = :two AS with_two, imported_at, dedup, keyed_call
FROM entry WHERE account_id IN (:one, :two) AND operation = 'transfer' ORDER BY account_id, entry_no;
SET ROLE regress_operator;

-- what the arguments show, what is not there, what the accounts do not allow
SELECT label, r.code, r.message, regexp_replace(r.detail, '\d{4,}', 'N', 'g') AS detail, r.hint
FROM (VALUES
	(1, 'from null', $$credit_transfer(NULL, TWO, 1, 's')$$), (2, 'to null', $$credit_transfer(ONE, NULL, 1, 's')$$),
	(3, 'same', $$credit_transfer(ONE, ONE, 1, 's')$$), (4, 'amount null', $$credit_transfer(ONE, TWO, NULL, 's')$$),
	(5, 'amount zero', $$credit_transfer(ONE, TWO, 0, 's')$$), (6, 'amount negative', $$credit_transfer(ONE, TWO, -1, 's')$$),
	(7, '1e30', $$credit_transfer(ONE, TWO, 1e30, 's')$$), (8, 'NaN', $$credit_transfer(ONE, TWO, 'NaN', 's')$$),
	(9, 'source null', $$credit_transfer(ONE, TWO, 1, NULL)$$), (10, 'source long', $$credit_transfer(ONE, TWO, 1, repeat('x', 8193))$$),
	(11, 'description long', $$credit_transfer(ONE, TWO, 1, 's', repeat('x', 8193))$$), (12, 'infinity', $$credit_transfer(ONE, TWO, 1, 's', 'd', 'infinity')$$),
	(13, 'from unknown', $$credit_transfer(0, TWO, 1, 's')$$), (14, 'to unknown', $$credit_transfer(ONE, 0, 1, 's')$$),
	(15, 'rounds to zero', $$credit_transfer(ONE, TWO, 0.004, 's')$$), (16, 'other type', $$credit_transfer(ONE, OTHER, 1, 's')$$),
	(17, 'too little', $$credit_transfer(ONE, TWO, 43.51, 's')$$), (18, 'too much', $$credit_transfer(TWO, ONE, 25.51 + 31, 's')$$)) v(n, label, statement),
	regress.refusal('SELECT * FROM ' || replace(replace(replace(statement, 'ONE', :'one'), 'TWO', :'two'), 'OTHER', :'other')) r
ORDER BY n;
-- the receiver's upper bound; nothing is left of the giver's side
SELECT balance FROM post(:two, 'add', 73.49, 's');
SELECT r.* FROM regress.refusal(format('SELECT * FROM credit_transfer(%s, %s, 0.01, ''s'')', :one, :two)) r;
SELECT (t).balance, (f).balance FROM credit_transfer(:two, :one, 50, 'back') AS x(f, t);
-- lots have functions of their own
SELECT account_id AS lot FROM issue_training_tokens(regress.type('lot-on', 'training'), regress.party('transfer-1'), 5) \gset
SELECT r.code, r.message FROM regress.refusal(format('SELECT * FROM credit_transfer(%s, %s, 1, ''s'')', :lot, :one)) r
UNION ALL SELECT r.code, r.message FROM regress.refusal(format('SELECT * FROM credit_transfer(%s, %s, 1, ''s'')', :one, :lot)) r;
-- a suspended party gives, and gets nothing
SELECT is_suspended FROM update_party(regress.party('transfer-3'), is_suspended => true);
SELECT r.code, r.message FROM regress.refusal(format('SELECT * FROM credit_transfer(%s, %s, 1, ''s'')', :one, :three)) r;
SELECT is_suspended FROM update_party(regress.party('transfer-3'), is_suspended => false);
SELECT (t).balance FROM credit_transfer(:one, :three, 3, 's') AS x(f, t);
SELECT is_suspended FROM update_party(regress.party('transfer-3'), is_suspended => true);
SELECT (f).balance FROM credit_transfer(:three, :one, 3, 's') AS x(f, t);
SELECT is_suspended FROM update_party(regress.party('transfer-3'), is_suspended => false);
-- nothing is posted on an inactive type, and that comes before the bounds
SET ROLE regress_admin;
SELECT is_active FROM update_token_type(regress.type('pass-on'), is_active => false);
SET ROLE regress_operator;
SELECT r.code, r.message FROM regress.refusal(format('SELECT * FROM credit_transfer(%s, %s, 1000, ''s'')', :one, :two)) r;
SET ROLE regress_admin;
SELECT is_active FROM update_token_type(regress.type('pass-on'), is_active => true);
SELECT * FROM reconcile();

-- duplicates: with recorded_at; the other account makes another transfer
SET ROLE regress_operator;
SELECT n, regress.answer(format('(SELECT (x.from_entry).delta FROM credit_transfer(%s) x)', replace(replace(replace(a, 'ONE', :'one'), 'TWO', :'two'), 'THREE', :'three')))
FROM (VALUES (1, $$ONE, TWO, 1, 's', 'd', '2024-02-01'$$), (2, $$ONE, TWO, 1, 's', 'd', '2024-02-01'$$), (3, $$ONE, TWO, 1.004, 's', 'd', '2024-02-01'$$),
	(4, $$ONE, THREE, 1, 's', 'd', '2024-02-01'$$), (5, $$ONE, THREE, 1, 's', 'd', '2024-02-01'$$), (6, $$TWO, ONE, 1, 's', 'd', '2024-02-01'$$),
	(7, $$ONE, TWO, 2, 's', 'd', '2024-02-01'$$), (8, $$ONE, TWO, 1, 't', 'd', '2024-02-01'$$), (9, $$ONE, TWO, 1, 's', 'e', '2024-02-01'$$),
	(10, $$ONE, TWO, 1, 's', 'd', '2024-02-02'$$), (11, $$ONE, TWO, 1, 's', 'd'$$), (12, $$ONE, TWO, 1, 's', 'd'$$),
	(13, $$ONE, TWO, 1000, 's', 'd', '2024-02-01'$$)) v(n, a)
ORDER BY n;
SELECT regress.answer(format('(post(%s, ''subtract'', 1, ''s'', ''d'', ''2024-02-01'')).delta', :one)) AS not_a_transfer;

-- keys belong to the account that gives; a replay returns both entries
\set key '''d00d0000-0000-4000-8000-000000000001'''
SELECT (f).entry_no AS f_no, (t).entry_no AS t_no, (f).is_replay, (t).is_replay FROM credit_transfer(:one, :two, 2.5, 's', 'd', idempotency_key => :key) AS x(f, t) \gset
SELECT (f).entry_no = :f_no AS f_same, (t).entry_no = :t_no AS t_same, (f).delta, (t).delta, (f).is_replay, (t).is_replay, (f).description, (t).description
FROM credit_transfer(:one, :two, 2.504, 's', 'd', idempotency_key => :key) AS x(f, t);
SELECT n, regress.answer(format('(SELECT (x.from_entry).delta FROM credit_transfer(%s, idempotency_key => %L) x)', replace(replace(replace(a, 'ONE', :'one'), 'TWO', :'two'), 'THREE', :'three'), :key))
FROM (VALUES (1, $$ONE, TWO, 2.51, 's', 'd'$$), (2, $$ONE, THREE, 2.5, 's', 'd'$$), (3, $$ONE, TWO, 2.5, 's', ''$$), (4, $$ONE, TWO, 2.5, 's', 'd', '2024-01-01'$$),
	(5, $$ONE, TWO, 0.001, 's', 'd'$$), (6, $$ONE, TWO, 1000, 's', 'd'$$), (7, $$TWO, ONE, 2.5, 's', 'd'$$)) v(n, a)
ORDER BY n;
SELECT regress.sqlstate(format('SELECT post(%s, ''subtract'', 2.5, ''s'', ''d'', idempotency_key => %L)', :one, :key)) AS one_post,
	regress.answer(format('(post(%s, ''add'', 2.5, ''s'', ''d'', idempotency_key => ''d00d0000-0000-4000-8000-000000000002'')).delta', :two)) AS two_post,
	regress.sqlstate(format('SELECT * FROM credit_transfer(%s, %s, 1, ''s'', idempotency_key => ''d00d0000-0000-4000-8000-000000000002'')', :two, :one)) AS key_of_a_post;
-- several of one transaction, there and back, at one instant: each has its own
BEGIN;
SET LOCAL TimeZone = 'UTC';
SELECT sum((x.to_entry).delta), sum((y.to_entry).delta) FROM generate_series(1, 5) n,
	credit_transfer(:one, :two, 1, 's', 'n', idempotency_key => ('d00d0000-0000-4000-8000-00000000010' || n)::uuid) x,
	credit_transfer(:two, :one, 1, 's', 'n', idempotency_key => ('d00d0000-0000-4000-8000-00000000010' || n)::uuid) y;
COMMIT;
SELECT count(*) AS replays, count(DISTINCT (x.to_entry).entry_no) AS received, count(*) FILTER (WHERE (x.to_entry).entry_no - f.entry_no = (
		SELECT min(t.entry_no) FROM entry t WHERE t.account_id = :two AND t.description = 'n' AND t.delta > 0)
		- (SELECT min(g.entry_no) FROM entry g WHERE g.account_id = :one AND g.description = 'n' AND g.delta < 0)) AS in_order
FROM entry f, credit_transfer(:one, :two, 1, 's', 'n', idempotency_key => f.dedup) x
WHERE f.account_id = :one AND f.description = 'n' AND f.delta < 0;

-- documents show what was taken and given, as the event system says it
SELECT t->>'operation' AS operation, t->>'amount' AS amount, t->>'description' AS description
FROM json_array_elements(trainledger_api.credit_token_history('pass-on', 'barcode', 'transfer-3', 'pass-on')->'history') t;
SELECT trainledger_api.credit_token_balance('pass-on', 'barcode', 'transfer-3', 'pass-on')->'transaction'->>'operation' AS last;
-- over REST, as in trainledger
SELECT (x.from_entry).delta, (x.to_entry).delta FROM trainledger_api.credit_transfer(from_account_id => :one, to_account_id => :two, amount => 0.5, source => 'rest') x;
SET ROLE regress_reader;
SELECT regress.attempt(format('SELECT * FROM credit_transfer(%s, %s, 1, ''s'')', :one, :two));
SET ROLE regress_operator;
BEGIN READ ONLY;
SELECT regress.attempt(format('SELECT * FROM credit_transfer(%s, %s, 1, ''s'')', :one, :two));
ROLLBACK;

-- Random transfers, directly and with SQL, against sums made here
RESET ROLE;
SELECT setseed(0.75);
CREATE TEMPORARY TABLE model AS SELECT id, balance::numeric AS balance FROM account WHERE id IN (:one, :two, :three);
CREATE TEMPORARY TABLE seen (writer text, expected text, found text);
CREATE FUNCTION pg_temp.random_transfers(writer text, count integer) RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	ids bigint[] := (SELECT array_agg(id) FROM model);
	a bigint;
	b bigint;
	amount numeric;
	expected text;
BEGIN
	FOR n IN 1 .. count LOOP
		a := ids[1 + floor(random() * 3)];
		b := ids[1 + floor(random() * 3)];
		amount := round((random() * 40)::numeric, 3);
		expected := CASE WHEN a = b OR amount = 0 THEN 'TL400' WHEN round(amount, 2) = 0 THEN 'TL400'
			WHEN (SELECT balance - round(amount, 2) < 0 FROM model WHERE id = a) THEN 'TL055'
			WHEN (SELECT balance + round(amount, 2) > 100 FROM model WHERE id = b) THEN 'TL054' ELSE 'ok' END;
		INSERT INTO seen VALUES (writer, expected, regress.sqlstate(format('SELECT * FROM credit_transfer(%s, %s, %s, ''random'')', a, b, amount)));
		IF expected = 'ok' THEN
			UPDATE model SET balance = balance + CASE id WHEN a THEN -round(amount, 2) ELSE round(amount, 2) END WHERE id IN (a, b);
		END IF;
	END LOOP;
END
$$;
SELECT pg_temp.random_transfers('direct', 400);
CREATE FUNCTION pg_temp.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER by_sql BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.nothing();
SELECT pg_temp.random_transfers('sql', 200);
DROP TRIGGER by_sql ON entry;
SELECT writer, count(*) FILTER (WHERE found = 'ok') > 30 AS booked, count(*) FILTER (WHERE found = 'TL054') > 5 AS above,
	count(*) FILTER (WHERE found = 'TL055') > 5 AS below, count(*) FILTER (WHERE found <> expected) AS wrong
FROM seen GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE a.balance <> m.balance) AS wrong FROM model m JOIN account a USING (id);
SELECT * FROM reconcile();
-- every transfer has two sides, of one booking and one instant
SELECT count(*) > 200 AS many, count(*) FILTER (WHERE o.account_id IS NULL) AS alone
FROM entry e LEFT JOIN entry o ON o.account_id = e.other_account_id AND o.other_account_id = e.account_id AND o.booking_no = e.booking_no
	AND o.delta = -e.delta AND o.created_at = e.created_at
WHERE e.operation = 'transfer' AND e.account_id IN (:one, :two, :three);
