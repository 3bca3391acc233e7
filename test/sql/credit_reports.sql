-- Reports on credit: credit_liability and balances against plain SQL over
-- entries and accounts (contract, section 14)
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET search_path = trainledger, public;
SET client_min_messages = error;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE FUNCTION regress.credit_reports_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
SELECT regress.credit_reports_at('2024-01-31 23:59:59.999999Z') IS NOT NULL AS set;
SET ROLE regress_admin;
SELECT count(add_credit_token_type(t)) FROM unnest('{liable-meal,liable-drink,liable-none}'::text[]) t;
SELECT name FROM add_training_token_type('liable-course');
SELECT barcode FROM add_party('organisation', 'Liable org', barcode => 'liable-org');
SELECT barcode FROM unnest('{liable-ann,liable-bob}'::text[]) b, add_party('person', b, barcode => b, organisation_id => regress.party('liable-org'));
SET ROLE regress_operator;
SELECT balance FROM credit_init(regress.party('liable-ann'), 100, 's', 'd', now(), token_type => 'liable-meal');
SELECT regress.credit_reports_at('2024-02-01 00:00:00Z') IS NOT NULL AS set;
SELECT balance FROM credit_init(regress.party('liable-bob'), -5, 's', 'd', now(), token_type => 'liable-meal');
SELECT regress.account('liable-ann', 'default', 'liable-meal') AS ann, regress.account('liable-bob', 'default', 'liable-meal') AS bob \gset
SELECT balance FROM post(:ann, 'add', 20.5, 's');
SELECT balance FROM post(:ann, 'subtract', 3, 's', recorded_at => '2024-01-15');
SELECT (t).balance FROM credit_transfer(:ann, :bob, 10, 's') AS x(f, t);
SELECT regress.credit_reports_at('2024-04-30 12:00:00Z') IS NOT NULL AS set;
SELECT balance FROM post(:bob, 'adjust', -1.25, 's');
SET ROLE regress_reader;
SELECT * FROM credit_liability WHERE token_type = 'liable-meal' ORDER BY month;
SELECT count(*) AS of_a_type_never_opened FROM credit_liability WHERE token_type = 'liable-none';
SELECT count(*) AS training FROM credit_liability WHERE token_type = 'liable-course';
-- a capture is a subtraction
RESET ROLE;
BEGIN;
INSERT INTO entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT account_id, entry_no + 1, '-2', balance - '2'::amount, created_at, booking_no, 'capture', 's', 'd', 'x' FROM entry
WHERE account_id = :bob ORDER BY entry_no DESC LIMIT 1;
SELECT subtracted, outstanding FROM credit_liability WHERE token_type = 'liable-meal' AND month = '2024-04-01';
ROLLBACK;

-- Random calls over two years, against each month's entries
CREATE FUNCTION regress.credit_liability(type_name text) RETURNS TABLE (
	token_type text, month date, opened numeric, added numeric, subtracted numeric, adjusted numeric, outstanding numeric)
LANGUAGE sql STABLE
AS $$
	WITH flow AS (
		SELECT e.operation::text, e.created_at AT TIME ZONE 'UTC' AS at, e.delta::numeric
		FROM token_type y JOIN account a ON a.token_type_id = y.id JOIN entry e ON e.account_id = a.id WHERE y.name = type_name
	), months AS (
		SELECT m AS first, m + interval '1 month' AS next
		FROM generate_series((SELECT date_trunc('month', min(at)) FROM flow), clock() AT TIME ZONE 'UTC', '1 month') m
	)
	SELECT type_name, first::date,
		(SELECT coalesce(sum(delta), 0) FROM flow WHERE operation = 'init' AND at >= first AND at < next),
		(SELECT coalesce(sum(delta), 0) FROM flow WHERE operation = 'add' AND at >= first AND at < next),
		(SELECT coalesce(sum(-delta), 0) FROM flow WHERE operation = 'subtract' AND at >= first AND at < next),
		(SELECT coalesce(sum(delta), 0) FROM flow WHERE operation = 'adjust' AND at >= first AND at < next),
		(SELECT sum(delta) FROM flow WHERE at < next)
	FROM months
$$;
SET ROLE regress_operator;
SELECT count(credit_init(regress.party(b), 7, 's', 'd', now(), n, 'liable-drink')) FROM unnest('{liable-ann,liable-bob,liable-org}'::text[]) b, unnest('{x,y}'::text[]) n;
SELECT setseed(0.125);
DO $$
DECLARE
	at timestamptz := '2024-04-30 12:00Z';
	ids bigint[] := (SELECT array_agg(id) FROM account WHERE token_type_id = regress.type('liable-drink'));
	a bigint;
BEGIN
	FOR n IN 1 .. 300 LOOP
		at := at + random() * interval '130 hours';
		PERFORM regress.credit_reports_at(at::text);
		a := ids[1 + floor(random() * 6)];
		CASE floor(random() * 4)
		WHEN 0 THEN PERFORM post(a, 'add', (1 + floor(random() * 900) / 100)::numeric, 's');
		WHEN 1 THEN PERFORM post(a, 'subtract', (1 + floor(random() * 900) / 100)::numeric, 's', recorded_at => at - interval '40 days');
		WHEN 2 THEN PERFORM post(a, 'adjust', (0.01 + floor(random() * 1800 - 900) / 50)::numeric, 's');
		ELSE PERFORM credit_transfer(a, b, (0.01 + floor(random() * 900) / 100)::numeric, 's') FROM unnest(ids) b WHERE b <> a ORDER BY random() LIMIT 1;
		END CASE;
	END LOOP;
END
$$;
RESET ROLE;
SET TimeZone = 'Pacific/Auckland';
SELECT count(*) > 20 AS months, count(*) FILTER (WHERE r IS DISTINCT FROM v) AS differing
FROM unnest('{liable-meal,liable-drink}'::text[]) t CROSS JOIN LATERAL (SELECT * FROM regress.credit_liability(t)) r
FULL JOIN (SELECT * FROM credit_liability WHERE token_type IN ('liable-meal', 'liable-drink')) v ON v.token_type = r.token_type AND v.month = r.month;
SET TimeZone = 'UTC';
SELECT count(DISTINCT token_type) AS types, bool_and(l.outstanding = (SELECT sum(a.balance) FROM account a JOIN token_type y ON y.id = a.token_type_id
	WHERE y.kind = 'credit' AND y.name = l.token_type)) AS equals_the_balances
FROM credit_liability l WHERE token_type LIKE 'liable-%' AND month = date_trunc('month', clock(), 'UTC')::date;

-- balances: lots that expire, are over, swept, and do not expire
SET ROLE regress_operator;
SELECT count(issue_training_tokens(regress.type('liable-course', 'training'), regress.party(b), n, clock()::date + d))
FROM (VALUES ('liable-org', 5, 10), ('liable-org', 6, 40), ('liable-ann', 3, 10), ('liable-bob', 2, NULL)) v(b, n, d);
SELECT regress.credit_reports_at((clock() + interval '20 days')::text) IS NOT NULL AS later;
SET ROLE regress_reader;
SELECT party, kind, token_type, account_name, issue_id IS NOT NULL AS is_issue, expires_at IS NOT NULL AS expires, booked, held, available
FROM balances WHERE token_type IN ('liable-course', 'liable-meal') ORDER BY party, kind, token_type, expires_at;
SELECT count(*) > 10 AS many, count(*) FILTER (WHERE b.last_entry_at <> a.last_entry_at OR b.booked <> a.balance OR b.available IS DISTINCT FROM coalesce(i.current_balance, a.balance)
	OR b.organisation_id IS DISTINCT FROM p.organisation_id OR b.held <> 0) AS wrong, (SELECT count(*) FROM account) - count(*) AS missing
FROM balances b JOIN party p ON p.id = b.party_id LEFT JOIN token_issue i ON i.id = b.issue_id
JOIN account a ON a.party_id = b.party_id AND a.token_type_id = (SELECT id FROM token_type y WHERE y.kind = b.kind AND y.name = b.token_type)
	AND (a.name = b.account_name OR a.id = i.account_id);
SET ROLE regress_admin;
SELECT expire_training_tokens() > 0 AS swept;
SET ROLE regress_reader;
SELECT party, booked, available FROM balances WHERE token_type = 'liable-course' ORDER BY party, expires_at;
-- a learner sees its own, and its organisation's lots; nobody nothing
RESET ROLE;
SELECT regress.party('liable-ann') AS ann_id \gset
SET ROLE regress_learner;
SELECT set_config('request.jwt.claims', '{"party_id": ' || :ann_id || '}', false) IS NOT NULL AS set;
SELECT party, kind, token_type, account_name, booked > 0 AS some FROM balances ORDER BY party, kind, token_type, account_name, expires_at;
SELECT token_type, outstanding = (SELECT sum(booked) FROM balances b WHERE b.token_type = l.token_type) AS its_own FROM credit_liability l
WHERE month = date_trunc('month', clock(), 'UTC')::date ORDER BY 1;
SET request.jwt.claims = '{}';
SELECT (SELECT count(*) FROM balances) AS balances, (SELECT count(*) FROM credit_liability) AS liabilities;
RESET request.jwt.claims;
SET ROLE regress_nobody;
SELECT regress.sqlstate('SELECT FROM balances') AS balances, regress.sqlstate('SELECT FROM credit_liability') AS liabilities;
RESET ROLE;
SET trainledger.clock = '';
SELECT * FROM reconcile();
