-- Reports (contract, section 14): their figures against plain SQL over the
-- entries, and what they read.
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE FUNCTION regress.reports_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
SELECT regress.reports_at('2023-11-10 09:00:00');
SET ROLE regress_admin;
SELECT count(*) FROM unnest('{reports-silver,reports-gold,reports-unused}'::text[]) t, add_training_token_type(t);
SELECT name FROM add_training_token_type('reports-hours', scale => 2, default_days_to_redeem => 30);
SELECT name FROM add_credit_token_type('reports-meal');
SELECT barcode FROM add_party('organisation', 'Reports org', barcode => 'reports-org');
SELECT barcode, kind FROM (VALUES ('other', 'organisation'), ('ann', 'person'), ('bob', 'person'), ('cid', 'person')) v(b, k),
	add_party(k::party_kind, 'Reports ' || b, barcode => 'reports-' || b, email => b || '@reports.test',
		organisation_id => CASE WHEN k = 'person' THEN regress.party('reports-org') END);

-- token_liability: one lot through its life, months without anything in it
SET ROLE regress_operator;
SELECT initial_balance FROM issue_training_tokens(regress.type('reports-silver', 'training'), regress.party('reports-org'), 100, '2024-02-29');
SELECT regress.reports_at('2023-11-30 23:59:59.999999');
SELECT quantity FROM redeem_training_tokens(regress.party('reports-org'), regress.type('reports-silver', 'training'), 30, 'course');
SELECT regress.reports_at('2023-12-01 00:00:00');
SELECT quantity FROM redeem_training_tokens(regress.party('reports-org'), regress.type('reports-silver', 'training'), 10, 'course');
SELECT refunded FROM refund_training_tokens((SELECT max(id) FROM redemption WHERE party_id = regress.party('reports-org')), 4);
SELECT current_balance FROM adjust_training_tokens((SELECT id FROM token_issue WHERE party_id = regress.party('reports-org')), -1, 'count');
SET ROLE regress_reader;
SELECT * FROM token_liability WHERE token_type = 'reports-silver' ORDER BY month;
SELECT regress.reports_at('2024-02-29 23:59:58');
SELECT month, expired, outstanding FROM token_liability WHERE token_type = 'reports-silver' ORDER BY month DESC LIMIT 2;
-- expired, not swept; a lot that came later goes on
SELECT regress.reports_at('2024-02-29 23:59:59');
SELECT month, expired, outstanding FROM token_liability WHERE token_type = 'reports-silver' ORDER BY month DESC LIMIT 2;
SELECT regress.reports_at('2024-05-10');
SET ROLE regress_operator;
SELECT initial_balance FROM issue_training_tokens(regress.type('reports-silver', 'training'), regress.party('reports-org'), 7);
SET ROLE regress_reader;
SELECT * FROM token_liability WHERE token_type = 'reports-silver' ORDER BY month;
CREATE TEMPORARY TABLE unswept AS SELECT * FROM token_liability WHERE token_type LIKE 'reports-%';
-- the same when it is swept, in any zone
SET ROLE regress_admin;
SELECT expire_training_tokens() > 0 AS swept;
SET ROLE regress_reader;
SET TimeZone = 'Pacific/Auckland';
SELECT count(*) AS differing FROM (
	(TABLE unswept EXCEPT ALL SELECT * FROM token_liability WHERE token_type LIKE 'reports-%')
	UNION ALL (SELECT * FROM token_liability WHERE token_type LIKE 'reports-%' EXCEPT ALL TABLE unswept)) d;
SET TimeZone = 'UTC';
SELECT count(*) AS of_a_type_never_issued FROM token_liability WHERE token_type = 'reports-unused';

-- token_liability: 300 random calls over three years, against each lot's own
-- entries: what was its balance at the end of the month?
RESET ROLE;
CREATE FUNCTION regress.liability(type_name text) RETURNS TABLE (
	token_type text, month date, issued numeric, adjusted numeric, redeemed numeric, refunded numeric, expired numeric, outstanding numeric)
LANGUAGE sql STABLE
AS $$
	WITH lot AS (
		SELECT l.* FROM token_lot l JOIN token_type y ON y.id = l.token_type_id WHERE y.name = type_name
	), months AS (
		SELECT m AS first, m + interval '1 month' AS next
		FROM generate_series((SELECT date_trunc('month', min(created_at) AT TIME ZONE 'UTC') FROM lot),
			clock() AT TIME ZONE 'UTC', '1 month') m
	), flow AS (
		SELECT e.operation::text, e.created_at AT TIME ZONE 'UTC' AS at, e.delta::numeric FROM lot l JOIN entry e USING (account_id)
	)
	SELECT type_name, first::date,
		(SELECT coalesce(sum(delta), 0) FROM flow WHERE operation = 'issue' AND at >= first AND at < next),
		(SELECT coalesce(sum(delta), 0) FROM flow WHERE operation = 'adjust' AND at >= first AND at < next),
		(SELECT coalesce(sum(-delta), 0) FROM flow WHERE operation = 'redeem' AND at >= first AND at < next),
		(SELECT coalesce(sum(delta), 0) FROM flow WHERE operation = 'refund' AND at >= first AND at < next),
		-- the balance that a lot had when it expired, and what came back to it afterwards
		(SELECT coalesce(sum(e.balance::numeric), 0) FROM lot l
		 CROSS JOIN LATERAL (SELECT e.balance FROM entry e WHERE e.account_id = l.account_id AND e.created_at < l.expires_at
			ORDER BY e.entry_no DESC LIMIT 1) e
		 WHERE l.expires_at <= clock() AND l.expires_at AT TIME ZONE 'UTC' >= first AND l.expires_at AT TIME ZONE 'UTC' < next)
		+ (SELECT coalesce(sum(e.delta::numeric), 0) FROM lot l JOIN entry e USING (account_id)
		 WHERE e.operation = 'refund' AND e.created_at >= l.expires_at
		 AND e.created_at AT TIME ZONE 'UTC' >= first AND e.created_at AT TIME ZONE 'UTC' < next),
		-- the balance that a lot had at the end, unless it was over by then
		(SELECT coalesce(sum(e.balance::numeric), 0) FROM lot l
		 CROSS JOIN LATERAL (SELECT e.balance FROM entry e WHERE e.account_id = l.account_id AND e.created_at AT TIME ZONE 'UTC' < next
			ORDER BY e.entry_no DESC LIMIT 1) e
		 WHERE l.expires_at IS NULL OR (l.expires_at AT TIME ZONE 'UTC' >= next OR l.expires_at > clock()))
	FROM months
$$;
CREATE FUNCTION regress.liability_differs() RETURNS bigint
LANGUAGE sql STABLE
AS $$
	SELECT count(*) FROM unnest('{reports-silver,reports-gold,reports-hours}'::text[]) t,
		LATERAL ((SELECT * FROM regress.liability(t) EXCEPT ALL SELECT * FROM token_liability WHERE token_type = t)
			UNION ALL (SELECT * FROM token_liability WHERE token_type = t EXCEPT ALL SELECT * FROM regress.liability(t))) d
$$;
SELECT regress.liability_differs();
CREATE TEMPORARY TABLE seen (operation text, refused boolean);
SELECT setseed(0.4711);
DO $$
DECLARE
	at timestamptz := '2024-05-11';
	call text;
	party bigint;
	type uuid;
	wrong bigint;
BEGIN
	FOR n IN 1 .. 300 LOOP
		at := at + random() * interval '160 hours';
		PERFORM set_config('trainledger.clock', at::text, false);
		party := regress.party((ARRAY['reports-org', 'reports-other', 'reports-cid'])[1 + floor(random() * 3)]);
		type := regress.type((ARRAY['reports-silver', 'reports-gold', 'reports-hours'])[1 + floor(random() * 3)], 'training');
		call := (ARRAY['issue', 'issue', 'redeem', 'redeem', 'redeem', 'refund', 'adjust', 'extend', 'sweep'])[1 + floor(random() * 9)];
		BEGIN
			CASE call
			WHEN 'issue' THEN
				PERFORM issue_training_tokens(type, party, 1 + floor(random() * 50)::integer,
					CASE WHEN random() < 0.8 THEN at::date + floor(random() * 200)::integer END);
			WHEN 'redeem' THEN
				PERFORM redeem_training_tokens(party, type, 1 + floor(random() * 20)::integer, 'course ' || n);
			WHEN 'refund' THEN
				PERFORM refund_training_tokens(r.id, 1, (ARRAY['forfeit', 'reissue'])[1 + floor(random() * 2)]::refund_policy)
				FROM (SELECT id FROM redemption WHERE party_id = party AND quantity > refunded ORDER BY md5(id::text || n) LIMIT 3) r;
			WHEN 'adjust' THEN
				PERFORM adjust_training_tokens(l.id, floor(random() * 9)::integer - 4, 'count')
				FROM (SELECT id FROM token_lot WHERE party_id = party AND is_open ORDER BY md5(id::text || n) LIMIT 1) l;
			WHEN 'extend' THEN
				PERFORM extend_training_tokens(l.id, l.expires_at::date + floor(random() * 40)::integer)
				FROM (SELECT id, expires_at FROM token_lot WHERE party_id = party AND expires_at > at ORDER BY md5(id::text || n) LIMIT 1) l;
			WHEN 'sweep' THEN
				PERFORM expire_training_tokens(3);
			END CASE;
			INSERT INTO seen VALUES (call, false);
		EXCEPTION WHEN SQLSTATE 'TL055' OR SQLSTATE 'TL400' OR SQLSTATE 'TL409' OR SQLSTATE 'TL410' THEN
			INSERT INTO seen VALUES (call, true);
		END;
		IF n % 60 = 0 THEN
			wrong := regress.liability_differs();
			IF wrong > 0 THEN
				RAISE NOTICE 'after % calls % rows differ', n, wrong;
			END IF;
		END IF;
	END LOOP;
END
$$;
SELECT operation, count(*) FILTER (WHERE NOT refused) > 5 AS often FROM seen GROUP BY operation ORDER BY operation;
SELECT count(*) > 20 AS swept, count(*) FILTER (WHERE recorded_at IS NULL) > 5 AS forfeited,
	count(*) FILTER (WHERE recorded_at IS NULL AND NOT EXISTS (SELECT FROM entry r WHERE r.account_id = e.account_id
		AND r.entry_no = e.entry_no - 1 AND r.operation = 'refund' AND r.delta = -e.delta)) AS without_expiry FROM entry e JOIN token_lot l USING (account_id)
JOIN token_type y ON y.id = l.token_type_id WHERE y.name LIKE 'reports-%' AND e.operation = 'expire';
SELECT count(*) > 0 AS unswept FROM token_lot l JOIN token_type y ON y.id = l.token_type_id
WHERE y.name LIKE 'reports-%' AND l.is_open AND l.expires_at <= clock();
SELECT token_type, count(*) > 24 AS months, sum(issued) > 0 AS issued, sum(expired) > 0 AS expired, sum(refunded) > 0 AS refunded,
	sum(issued + adjusted - redeemed + refunded - expired) = (array_agg(outstanding ORDER BY month DESC))[1] AS adds_up
FROM token_liability WHERE token_type LIKE 'reports-%' GROUP BY token_type ORDER BY token_type;

-- tokens_expiring: from now to the end of the 90th day
SELECT regress.reports_at('2030-01-01 12:00:00');
SET ROLE regress_operator;
SELECT quantity, expires_on FROM (VALUES (1, '2030-01-01'), (2, '2030-04-01'), (3, '2030-04-02'), (4, '2030-04-01'), (5, NULL)) v(quantity, expires_on),
	issue_training_tokens(regress.type('reports-gold', 'training'), regress.party('reports-bob'), quantity, expires_on::date);
SELECT quantity FROM redeem_training_tokens(regress.party('reports-bob'), regress.type('reports-gold', 'training'), 1, 'all of the first');
SELECT initial_balance FROM issue_training_tokens(regress.type('reports-gold', 'training'), regress.party('reports-bob'), 6, '2030-01-01');
SELECT initial_balance FROM issue_training_tokens(regress.type('reports-hours', 'training'), regress.party('reports-bob'), 1.25);
SET ROLE regress_reader;
SET TimeZone = 'Pacific/Auckland';
SELECT day, token_type, party, quantity FROM tokens_expiring WHERE party_id = regress.party('reports-bob') ORDER BY day, token_type;
SELECT regress.reports_at('2030-01-01 23:59:59');
SELECT day, token_type, party, quantity FROM tokens_expiring WHERE party_id = regress.party('reports-bob') ORDER BY day, token_type;
SET TimeZone = 'UTC';

-- pass_utilisation, signup_funnel, cohort_progress
SELECT regress.reports_at('2031-06-01');
SET ROLE regress_admin;
SELECT id AS course FROM add_catalog_item('course', 'reports-course', 'A course') \gset
SELECT code FROM add_region('reports-R', 'R');
SELECT code FROM add_currency('reports-C', 'C');
SELECT id AS pass_type FROM create_pass_type('reports-pass', 'Reports pass') \gset
SELECT code FROM add_pass_content(:pass_type, ARRAY[:course]);
SELECT id AS option FROM create_pass_option(:pass_type, 'Monthly', 'months', 1) \gset
SELECT amount FROM create_pass_price(:option, 'reports-R', 'reports-C', 10);
SELECT lifecycle_state FROM update_pass_option(:option, lifecycle_state => 'published');
SELECT lifecycle_state FROM update_pass_type(:pass_type, lifecycle_state => 'published');
SELECT code FROM create_pass_type('reports-none', 'Reports none');
SET ROLE regress_operator;
SELECT status FROM (VALUES ('ann', '2031-05-20'), ('bob', '2031-06-02'), ('bob', '2031-01-01'), ('ann', '2031-05-01 00:00:01'), ('ann', '2031-05-01')) v(b, f),
	issue_pass(:pass_type, :option, regress.party('reports-' || b), f::timestamptz);
SELECT status FROM revoke_pass((SELECT min(id) FROM pass WHERE pass_type_id = :pass_type AND party_id = regress.party('reports-bob')));
SELECT count(*) FROM generate_series(1, 3) n, use_pass(regress.party('reports-ann'), :course, 'booking ' || n);
SET ROLE regress_reader;
SELECT * FROM pass_utilisation WHERE pass_type LIKE 'Reports%' ORDER BY pass_type;
SELECT count(*) FILTER (WHERE lifecycle_state = 'active' AND valid_from <= clock() AND valid_until > clock()) AS active,
	count(*) FILTER (WHERE lifecycle_state = 'active' AND valid_from > clock()) AS upcoming,
	count(*) FILTER (WHERE lifecycle_state = 'active' AND valid_until <= clock()) AS expired,
	count(*) FILTER (WHERE lifecycle_state = 'cancelled') AS cancelled,
	(SELECT count(*) FROM pass_use WHERE pass_id IN (SELECT id FROM pass WHERE pass_type_id = :pass_type)) AS uses
FROM pass WHERE pass_type_id = :pass_type;
SET ROLE regress_admin;
SELECT count(*) FROM (VALUES ('open', 3, true, NULL), ('full', 1, true, NULL), ('inactive', 1, true, '2031-06-03'),
		('expired', 2, true, '2031-06-02')) v(i, m, a, e),
	create_signup_token(1, 'reports-course', m, 'code of reports-' || i, a, e::timestamptz, 'reports-' || i);
SELECT count(*) FROM (VALUES ('open', 'ann'), ('full', 'ann'), ('expired', 'bob'), ('inactive', 'bob')) v(i, b),
	claim_signup_token('code of reports-' || i, regress.party('reports-' || b));
SELECT active FROM update_signup_token('reports-inactive', active => false);
SELECT regress.reports_at('2031-06-02');
SET ROLE regress_reader;
SELECT * FROM signup_funnel WHERE signup_token_id LIKE 'reports-%' ORDER BY 1;
-- every token has the activations that its claims count
SELECT count(*) FROM signup_funnel f WHERE activations <> (SELECT count(*) FROM signup_claim c WHERE c.signup_token_id = f.signup_token_id);
-- what the status says is what a claim meets
SET ROLE regress_operator;
SELECT i, regress.sqlstate(format('SELECT claim_signup_token(%L, %s)', 'code of reports-' || i, regress.party('reports-other')))
FROM unnest('{expired,full,inactive}'::text[]) i;
SET ROLE regress_admin;
SELECT id AS kind FROM add_program_kind('Reports kind') \gset
SELECT id AS fixed FROM add_program(:'kind', 'Reports fixed', '2031-06-01', 10) \gset
SELECT id AS open FROM add_program(:'kind', 'Reports open', '2031-06-01', 10, 'open') \gset
SET ROLE regress_operator;
SELECT name FROM confirm_cohort(:'fixed', 'A');
SELECT party_id = regress.party('reports-ann') AS ann, state FROM modify_program_membership(:'fixed', regress.party('reports-ann'),
	(SELECT id FROM cohort WHERE program_id = :'fixed'));
SELECT state FROM modify_program_membership(:'fixed', regress.party('reports-bob'), (SELECT id FROM cohort WHERE program_id = :'fixed'), 'trainer');
SELECT state FROM modify_program_membership(:'open', regress.party('reports-ann'));
SELECT state FROM modify_program_membership(:'open', regress.party('reports-bob'), state => 'completed');
SELECT create_program_ticket(:'kind', regress.party('reports-ann')), create_program_ticket(:'kind', email => 'ANN@reports.test'),
	create_program_ticket(:'kind', email => 'nobody@reports.test');
SELECT state FROM cancel_ticket((SELECT id FROM user_tickets(regress.party('reports-ann')) t WHERE t.party_id IS NOT NULL ORDER BY created_at LIMIT 1));
SET ROLE regress_reader;
SELECT * FROM cohort_progress WHERE program LIKE 'Reports%' ORDER BY program, cohort, state;
SELECT count(*) = (SELECT sum(members) FROM cohort_progress) AS all_of_them FROM membership;

-- account_statement: as booked, from since on and before until
SELECT regress.reports_at('2031-06-01 10:00:00');
SET ROLE regress_operator;
SELECT entry_no FROM credit_init(regress.party('reports-ann'), 5, 'desk', 'Welcome', clock(), token_type => 'reports-meal');
SELECT regress.account('reports-ann', token_type => 'reports-meal') AS account \gset
SELECT count(*) FROM generate_series(1, 40) n, regress.reports_at((timestamptz '2031-06-01 10:00:00' + n / 4 * interval '1 hour')::text),
	LATERAL post(:account, 'add', n, 'till ' || n, 'sale') p;
SET ROLE regress_reader;
SELECT * FROM account_statement(:account, '2031-06-01 12:00:00', '2031-06-01 13:00:00');
SELECT operation, balance FROM account_statement(:account, '2031-06-01 10:00:00', '2031-06-01 10:00:00');
SELECT count(*), min(entry_no), max(entry_no) FROM account_statement(:account, '-infinity', 'infinity');
SELECT operation, balance FROM account_statement(:account, '2000-01-01', '2000-01-02');
-- every hour and the microseconds around it, against the entries themselves
SELECT count(*) AS periods, count(*) FILTER (WHERE (s.shown, s.first, s.last, s.opening, s.closing) IS DISTINCT FROM (e.shown, e.first, e.last, e.opening, e.closing)) AS wrong
FROM (SELECT timestamptz '2031-06-01 09:00:00' + n * interval '1 hour' + d * interval '1 microsecond' AS at
	FROM generate_series(0, 13) n, generate_series(-1, 1) d) since
JOIN (SELECT timestamptz '2031-06-01 09:00:00' + n * interval '1 hour' + d * interval '1 microsecond' AS at
	FROM generate_series(0, 13) n, generate_series(-1, 1) d) until ON since.at <= until.at
CROSS JOIN LATERAL (SELECT count(entry_no) AS shown, min(entry_no) AS first, max(entry_no) AS last,
	max(balance) FILTER (WHERE operation = 'opening') AS opening, max(balance) FILTER (WHERE operation = 'closing') AS closing
	FROM account_statement(:account, since.at, until.at)) s
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE created_at >= since.at AND created_at < until.at) AS shown,
	min(entry_no) FILTER (WHERE created_at >= since.at AND created_at < until.at) AS first,
	max(entry_no) FILTER (WHERE created_at >= since.at AND created_at < until.at) AS last,
	coalesce(sum(delta) FILTER (WHERE created_at < since.at), 0)::amount AS opening,
	coalesce(sum(delta) FILTER (WHERE created_at < until.at), 0)::amount AS closing
	FROM entry WHERE account_id = :account) e;
SELECT label, r.* FROM (VALUES
	('account null', $$SELECT account_statement(NULL, '2024-01-01', '2024-02-01')$$),
	('since null', $$SELECT account_statement(1, NULL, '2024-02-01')$$),
	('until null', $$SELECT account_statement(1, '2024-01-01', NULL)$$),
	('backwards', $$SELECT account_statement(0, '2024-02-01', '2024-01-01')$$),
	('unknown', $$SELECT account_statement(0, '2024-01-01', '2024-02-01')$$)) v(label, statement), regress.refusal(statement) r;

-- holdings: each system in turn, and what is over is gone
SET ROLE regress_operator;
SELECT expires_at FROM unnest('{ann,bob,org}'::text[]) b,
	issue_training_tokens(regress.type('reports-silver', 'training'), regress.party('reports-' || b), 3, '2031-06-15');
SET ROLE regress_reader;
SELECT regress.reports_at('2031-06-01 20:00:00');
SELECT b, h.* FROM unnest('{ann,bob}'::text[]) b, holdings(regress.party('reports-' || b)) h
ORDER BY 1, 2, 3, 5;
SELECT regress.reports_at('2031-06-15 23:59:59');
SELECT count(*) FILTER (WHERE system = 'token') AS tokens, count(*) FILTER (WHERE system = 'pass') AS passes
FROM holdings(regress.party('reports-ann'));
SELECT regress.reports_at('2031-06-20 00:00:00');
SELECT h.* FROM holdings(regress.party('reports-ann')) h WHERE system = 'pass';
SELECT b, sum(quantity) = (SELECT sum(current_balance) FROM token_issue WHERE party_id = regress.party('reports-' || b)) AS tokens_add_up
FROM unnest('{other,cid}'::text[]) b, holdings(regress.party('reports-' || b)) WHERE system = 'token' GROUP BY b;
SELECT regress.reports_at(to_char((SELECT max(valid_until) FROM holdings(regress.party('reports-ann')) WHERE system = 'program')
	- interval '1 second', 'YYYY-MM-DD HH24:MI:SS')) IS NOT NULL AS set;
SELECT count(*) FILTER (WHERE valid_until IS NOT NULL) AS with_an_end FROM holdings(regress.party('reports-ann')) WHERE system = 'program';
SELECT regress.reports_at(to_char((SELECT max(valid_until) FROM holdings(regress.party('reports-ann')) WHERE system = 'program'),
	'YYYY-MM-DD HH24:MI:SS')) IS NOT NULL AS set;
SELECT count(*) FILTER (WHERE valid_until IS NOT NULL) AS with_an_end FROM holdings(regress.party('reports-ann')) WHERE system = 'program';
SELECT regress.reports_at('2031-06-20 00:00:00');
SELECT regress.sqlstate('SELECT holdings(0)'), regress.sqlstate('SELECT holdings(NULL)');

-- a learner sees its own, and of the lots its organisation's
RESET ROLE;
SELECT regress.party('reports-ann') AS ann, regress.party('reports-bob') AS bob \gset
SELECT regress.reports_at('2031-06-01 20:00:00');
SET trainledger.party_id = :ann;
SET ROLE regress_learner;
SELECT count(*), max(balance) AS most FROM account_statement(:account, '2031-01-01', '2032-01-01');
SELECT system, count(*) FROM holdings(:ann) GROUP BY system ORDER BY system;
SELECT day, party_id = :ann AS own, party, quantity FROM tokens_expiring WHERE token_type = 'reports-silver' ORDER BY own;
SELECT bool_or(token_type = 'reports-silver') AS some, bool_or(token_type = 'reports-hours') AS of_others FROM token_liability;
SELECT sum(cancelled + expired + active + upcoming) = (SELECT count(*) FROM pass) AS own_passes FROM pass_utilisation;
SELECT (SELECT count(*) FROM signup_funnel) AS tokens, (SELECT sum(members) FROM cohort_progress) = (SELECT count(*) FROM membership) AS own;
SET trainledger.party_id = :bob;
SELECT regress.sqlstate('SELECT account_statement(' || :account || ', ''2031-01-01'', ''2032-01-01'')'), regress.sqlstate('SELECT holdings(' || :ann || ')');
RESET trainledger.party_id;
SELECT (SELECT count(*) FROM token_liability) + (SELECT count(*) FROM tokens_expiring) + (SELECT count(*) FROM cohort_progress) AS nobodys;
RESET ROLE;
SET ROLE regress_nobody;
SELECT regress.sqlstate('SELECT FROM trainledger.' || v) FROM unnest('{token_liability,tokens_expiring,pass_utilisation,signup_funnel,cohort_progress}'::text[]) v;
SELECT regress.sqlstate('SELECT trainledger.holdings(1)'), regress.sqlstate('SELECT trainledger.account_statement(1, ''2024-01-01'', ''2024-01-01'')');
RESET ROLE;

-- What they read, where there is much else: 6,000 people with an account, a
-- pass, an enrolment and a ticket each, one in a hundred with a lot.
CREATE FUNCTION regress.rows_read(query text) RETURNS TABLE (relation text, rows bigint)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	counted text := $q$SELECT jsonb_object_agg(relname, seq_tup_read + coalesce(idx_tup_fetch, 0))
		FROM pg_stat_xact_user_tables WHERE schemaname = 'trainledger'$q$;
	before jsonb;
	after jsonb;
BEGIN
	EXECUTE counted INTO before;
	EXECUTE 'CREATE TEMPORARY TABLE result ON COMMIT DROP AS ' || query;
	DROP TABLE result;
	EXECUTE counted INTO after;
	RETURN QUERY
	SELECT a.key, a.value::bigint - (before ->> a.key)::bigint FROM jsonb_each_text(after) a;
END
$$;
-- and the ways that the big tables are come at by
CREATE FUNCTION regress.ways(query text) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Scan.* on (account|entry|token_lot|pass|enrolment|membership|ticket|party)\M' THEN
			RETURN NEXT regexp_replace(line, '^.*?((Index|Seq|Bitmap).*)', '\1');
		END IF;
	END LOOP;
END
$$;
BEGIN;
ALTER TABLE account DISABLE TRIGGER ALL;
INSERT INTO party (id, uuid, kind, name, created_at, updated_at)
SELECT 7000000 + n, gen_random_uuid(), 'person', 'Plan ' || n, clock(), clock() FROM generate_series(1, 6000) n;
INSERT INTO account (id, party_id, token_type_id, created_at, initial_balance, balance, entry_count, last_entry_at, name)
SELECT (7000000 + n) * 1024 + lot, 7000000 + n, CASE lot WHEN 0 THEN regress.type('reports-meal') ELSE regress.type('reports-gold', 'training') END,
	clock(), 1, 1, 5, clock(), CASE lot WHEN 0 THEN 'default' END
FROM generate_series(1::bigint, 6000) n, generate_series(0, 1) lot WHERE lot = 0 OR n % 100 = 0;
INSERT INTO entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT a.id, e, CASE e WHEN 1 THEN 1 ELSE 0 END, 1, clock(), 0, CASE WHEN name IS NOT NULL THEN 'add' WHEN e = 1 THEN 'issue' ELSE 'redeem' END::operation, 's', '', 'x'
FROM generate_series(1, 5) e, account a WHERE a.party_id > 7000000;
INSERT INTO token_account SELECT party_id, token_type_id, created_at FROM account WHERE party_id > 7000000 AND name IS NULL;
INSERT INTO token_lot (id, account_id, party_id, token_type_id, expires_at, created_at)
SELECT gen_random_uuid(), id, party_id, token_type_id, clock() + (party_id - 7000000) / 100 * interval '10 days', created_at
FROM account WHERE party_id > 7000000 AND name IS NULL;
INSERT INTO pass (id, pass_type_id, option_id, party_id, valid_from, valid_until, created_at)
SELECT 7000000 + n, :pass_type, :option, 7000000 + n, clock(), clock() + interval '1 month', clock() FROM generate_series(1, 6000) n;
INSERT INTO pass_period SELECT id, valid_from, valid_until FROM pass WHERE id = party_id;
INSERT INTO pass_use (id, pass_id, party_id, item_id, reference, created_at, booking_no)
SELECT 7000000 + n, 7000001, 7000001, :course, 'x', clock(), 0 FROM generate_series(1, 6000) n;
INSERT INTO enrolment SELECT 7000000 + n, 7000000 + n, :course, clock() FROM generate_series(1, 6000) n;
INSERT INTO program SELECT gen_random_uuid(), kind_id, 'Plan ' || n, start_date, duration, mode, priority, is_active, created_at, updated_at
FROM program, generate_series(1, 20) n WHERE name = 'Reports fixed';
INSERT INTO membership (program_id, party_id, role, state, created_at, updated_at)
SELECT p.id, 7000000 + n, 'member', 'active', clock(), clock() FROM program p, generate_series(1, 500) n WHERE p.name LIKE 'Plan %';
INSERT INTO ticket (id, party_id, program_kind_id, made_out_to, created_at)
SELECT gen_random_uuid(), 7000000 + n, :'kind', 'x', clock() FROM generate_series(1, 6000) n;
ANALYZE party, account, entry, token_account, token_lot, pass, pass_use, enrolment, program, membership, ticket, token_type, pass_type,
	pass_type_option, program_kind, catalog_item, cohort;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL random_page_cost = 1.1;
SELECT w AS read_as_a_whole FROM regress.ways('SELECT * FROM holdings(7000100)') w WHERE w !~ 'Index|Bitmap';
SELECT relation, rows <= 25 AS few FROM regress.rows_read('SELECT * FROM holdings(7000100)')
WHERE relation IN ('account', 'entry', 'token_lot', 'pass', 'enrolment', 'membership', 'ticket', 'party') ORDER BY relation;
-- the lots of the next ninety days and their holders
SELECT relation, rows <= 40 AS few FROM regress.rows_read($$SELECT * FROM tokens_expiring WHERE token_type = 'reports-gold'$$)
WHERE relation IN ('account', 'entry', 'token_lot', 'party') ORDER BY relation;
-- the entries of lots, not those of 6,000 accounts
SELECT relation, rows <= CASE relation WHEN 'entry' THEN (SELECT count(*) + 100 FROM entry JOIN token_lot USING (account_id)) ELSE 1000 END AS few
FROM regress.rows_read('SELECT * FROM token_liability') WHERE relation IN ('account', 'entry', 'party') ORDER BY relation;
SELECT rows <= (SELECT count(*) + 100 FROM entry e JOIN token_lot l USING (account_id) WHERE l.token_type_id = regress.type('reports-hours', 'training')) AS few
FROM regress.rows_read($$SELECT * FROM token_liability WHERE token_type = 'reports-hours'$$) WHERE relation = 'entry';
SELECT relation, rows < 20 AS few FROM regress.rows_read($$SELECT * FROM cohort_progress WHERE program = 'Reports open'$$)
WHERE relation IN ('membership', 'party') ORDER BY relation;
-- each use once, where all are taken to be of one pass
ALTER TABLE pass_use ALTER pass_id SET (n_distinct = 1);
ANALYZE pass_use;
SELECT relation, rows < 20000 AS few FROM regress.rows_read('SELECT * FROM pass_utilisation') WHERE relation IN ('pass', 'pass_use') ORDER BY relation;
-- what holds keep back of 1,000 lots of one party: none of 3,000 that are to come, and each of those that are over once
INSERT INTO account (id, party_id, token_type_id, created_at, initial_balance, balance, held, entry_count, last_entry_at)
SELECT (7100000 + n) * 1024::bigint, 7000001, regress.type('reports-gold', 'training'), clock(), 5, 5, 3, 1, clock() FROM generate_series(1, 1000) n;
INSERT INTO token_account VALUES (7000001, regress.type('reports-gold', 'training'), clock());
INSERT INTO token_lot (id, account_id, party_id, token_type_id, created_at)
SELECT gen_random_uuid(), id, party_id, token_type_id, created_at FROM account WHERE party_id = 7000001 AND name IS NULL;
INSERT INTO placed_hold (id, party_id, token_type_id, quantity, expires_at, created_at, reference, notes, source, placed_by)
SELECT 7000000 + n, 7000001, regress.type('reports-gold', 'training'), 1, clock() + interval '1 day', clock(), 'x', '', 's', 'x' FROM generate_series(1, 3000) n;
INSERT INTO hold_allocation (hold_id, ordinal, account_id, issue_id, quantity)
SELECT 7000000 + 3 * (account_id / 1024 - 7100000) - k, 1, account_id, id, 1 FROM token_lot, generate_series(0, 2) k WHERE party_id = 7000001;
ANALYZE account, token_lot, placed_hold, hold_allocation;
SELECT available_tokens(7000001, regress.type('reports-gold', 'training'));
SELECT relation, rows < 5000 AS few FROM regress.rows_read($$SELECT available_tokens(7000001, regress.type('reports-gold', 'training'))$$)
WHERE relation IN ('placed_hold', 'hold_allocation') ORDER BY relation;
SELECT regress.reports_at((clock() + interval '2 days')::text);
SELECT available_tokens(7000001, regress.type('reports-gold', 'training'));
SELECT relation, rows < 15000 AS few FROM regress.rows_read($$SELECT available_tokens(7000001, regress.type('reports-gold', 'training'))$$)
WHERE relation IN ('placed_hold', 'hold_allocation') ORDER BY relation;
SELECT regress.reports_at((clock() - interval '2 days')::text);
-- a statement of two entries out of 20,000
INSERT INTO entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT 7000001 * 1024::bigint, e, 0, 1, clock() + e * interval '1 minute', 0, 'add', 's', '', 'x' FROM generate_series(6, 20000) e;
UPDATE account SET entry_count = 20000, last_entry_at = clock() + interval '20000 minutes' WHERE id = 7000001 * 1024::bigint;
SELECT entry_no, operation FROM account_statement(7000001 * 1024::bigint, clock() + interval '12345 minutes', clock() + interval '12347 minutes');
SELECT relation, rows < 40 AS few FROM regress.rows_read(
	$$SELECT * FROM account_statement(7000001 * 1024::bigint, clock() + interval '12345 minutes', clock() + interval '12347 minutes')$$)
WHERE relation IN ('account', 'entry') ORDER BY relation;
ROLLBACK;
