-- What an owner does to the tables, types and functions of the extension is an
-- error that names the object and says what to do (55000), or one of SQL's own;
-- never a crash, an internal error or a wrong answer. In a database of its own.
\pset format unaligned
\pset null (null)
CREATE DATABASE regression_altered;
SELECT current_database() AS before \gset
\c regression_altered
SET client_min_messages = warning;
CREATE EXTENSION trainledger;
SET trainledger.clock = '2026-01-03Z';
SELECT count(trainledger.add_party('person', n, id => i, barcode => n, rfid => n || ' r', external_id => n || ' e', data => '[1, "a"]', flags => '{f}', sources => '{s}')) AS parties
FROM (VALUES (1, 'Ann'), (2, 'Bob')) v(i, n);
SELECT count(trainledger.credit_init(i, 5, 's', 'd', '2026-01-01Z')) AS opened FROM generate_series(1, 2) i;
SELECT count(trainledger.credit_add(1, i, 's', 'd', '2026-01-02Z')) AS added FROM generate_series(1, 5) i;
SELECT a.id AS account FROM trainledger.account a WHERE a.party_id = 1 \gset

-- What a call comes to after something was altered; all of it is undone.
CREATE FUNCTION pg_temp.after(
	alteration text, call text, OUT code text, OUT message text, OUT hint text) LANGUAGE plpgsql
AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE alteration;
	EXECUTE 'SELECT string_agg(a::text, ''; '') FROM (' || call || ') a' INTO answer;
	RAISE EXCEPTION SQLSTATE 'ZZ001';
EXCEPTION
	WHEN SQLSTATE 'ZZ001' THEN
		code := 'answer';
		message := answer;
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END $$;

CREATE TEMPORARY TABLE call AS
SELECT name, replace(call, '$account', :'account') AS call FROM (VALUES
	('balance', $$SELECT trainledger_api.credit_token_balance('default', 'barcode', 'Ann')$$),
	('history', $$SELECT trainledger_api.credit_token_history('default', 'id', '1')$$),
	('page', $$SELECT trainledger_api.credit_token_history('default', 'externalId', 'Ann e', max_entries => 2, before_entry => 4)$$),
	('add', $$SELECT trainledger_api.credit_token_transaction_add('{"delegate_rfid": "Ann r", "amount": 1, "source": "s", "description": "d", "recordedAt": 1767225600}')$$),
	('reconcile', $$SELECT * FROM trainledger.reconcile()$$),
	('reconcile one', $$SELECT * FROM trainledger.reconcile($account)$$),
	('credit_history', $$SELECT * FROM trainledger.credit_history(1)$$)) v(name, call);
CREATE TEMPORARY TABLE alteration AS
SELECT c.relname, a.attname, kind, format('ALTER TABLE %s RENAME %I TO was_%s', c.oid::regclass, a.attname, a.attname)
	|| CASE kind
		WHEN 'another type' THEN format(
			-- row types that functions use take no defaults, and entries no update
			CASE WHEN c.relname IN ('entry', 'account') THEN $$; ALTER TABLE %1$s ADD %2$I %3$s NOT NULL DEFAULT '7'$$
				ELSE $$; ALTER TABLE %1$s ADD %2$I %3$s; UPDATE %1$s SET %2$I = '7'$$ END,
			c.oid::regclass, a.attname, CASE a.atttypid WHEN 'text'::regtype THEN 'integer' ELSE 'text' END)
		WHEN 'nulls' THEN format('; ALTER TABLE %s ADD %I %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod))
		ELSE '' END AS statement
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0, unnest('{missing,nulls,another type}'::text[]) kind
WHERE c.oid IN ('trainledger.entry'::regclass, 'trainledger.account'::regclass, 'trainledger.token_type'::regclass, 'trainledger.party'::regclass);
CREATE TEMPORARY TABLE outcome AS
SELECT a.relname, a.attname, a.kind, c.name, o.* FROM alteration a, call c, pg_temp.after(a.statement, c.call) o;
SELECT count(*) > 900 AS many, count(*) FILTER (WHERE code = '55000') > 300 AS ours FROM outcome;
SELECT relname, attname, kind, name, code, message FROM outcome
WHERE code <> ALL ('{answer,55000,TL057,23502,42703,42804,42883}') OR code = '55000' AND hint IS NULL;
-- what does without a column answers as it did before
SELECT o.relname, o.attname, o.name, o.message
FROM outcome o JOIN call c USING (name) WHERE o.kind = 'missing' AND o.code = 'answer' AND o.message <> (pg_temp.after('SELECT', c.call)).message;
SELECT DISTINCT relname, attname, message, hint FROM outcome WHERE relname = 'party' AND name = 'balance' AND code = '55000' ORDER BY 1, 2, 3;

-- Types, functions and whole tables
CREATE ROLE regress_altered;
SELECT trainledger.grant_access('regress_altered', 'learner');
SELECT name, o.code, o.message, o.hint FROM (VALUES
	(6, 'nothing altered, but a break', '$break', $$SELECT * FROM trainledger.reconcile()$$),
	(11, 'a mark renamed', $$ALTER FUNCTION trainledger.reader_access() RENAME TO read_access$$, $$SELECT trainledger.has_level('reader')$$),
	(12, 'a level renamed', $$ALTER TYPE trainledger.access_level RENAME VALUE 'reader' TO 'audience'$$, $$SELECT trainledger.has_level('audience')$$),
	(13, 'a rounding renamed', $$ALTER TYPE trainledger.rounding RENAME VALUE 'floor' TO 'down'$$, $$SELECT trainledger.round_amount(1.5, 0, 'down')$$),
	(14, 'a worker renamed', $$ALTER FUNCTION trainledger_internal.reconcile(bigint) RENAME TO reconciles$$, $$SELECT * FROM trainledger.reconcile()$$),
	(16, 'a worker with another result', $$ALTER FUNCTION trainledger_internal.add_region(text, text) RENAME TO was_add_region;
		CREATE FUNCTION trainledger_internal.add_region(code text, name text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'$$, $$SELECT * FROM trainledger.add_region('r', 'r')$$),
	(17, 'one that returns a set', $$ALTER FUNCTION trainledger_internal.add_region(text, text) RENAME TO was_add_region;
		CREATE FUNCTION trainledger_internal.add_region(code text, name text) RETURNS SETOF trainledger.region LANGUAGE sql AS 'TABLE trainledger.region'$$, $$SELECT * FROM trainledger.add_region('r', 'r')$$),
	(18, 'what a learner sees renamed', $$ALTER FUNCTION trainledger_internal.least_visible_account() RENAME TO x; SET LOCAL ROLE regress_altered$$, $$SELECT * FROM trainledger.entry$$),
	(19, 'what a learner sees is a text', $$ALTER FUNCTION trainledger_internal.least_visible_account() RENAME TO x;
		CREATE FUNCTION trainledger_internal.least_visible_account() RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'; SET LOCAL ROLE regress_altered$$, $$SELECT * FROM trainledger.entry$$),
	(21, 'a child of entry', $$CREATE TABLE child () INHERITS (trainledger.entry)$$, $$SELECT * FROM trainledger.reconcile()$$),
	(22, 'a child of account that is gone', $$CREATE TABLE child () INHERITS (trainledger.account); DROP TABLE child$$, $$SELECT * FROM trainledger.reconcile()$$),
	(23, 'entry renamed', $$ALTER TABLE trainledger.entry RENAME TO entries$$, $$SELECT * FROM trainledger_internal.doubtful_accounts(0, 1)$$),
	(24, 'entry moved', $$ALTER EXTENSION trainledger DROP TABLE trainledger.entry; ALTER TABLE trainledger.entry SET SCHEMA public$$, $$SELECT * FROM trainledger_internal.doubtful_accounts(0, 1)$$),
	(25, 'a view in its place', $$ALTER TABLE trainledger.entry RENAME TO entries; CREATE VIEW trainledger.entry AS TABLE trainledger.entries$$, $$SELECT * FROM trainledger_internal.doubtful_accounts(0, 1)$$),
	(26, 'no account is inserted', '$suppress INSERT account', $$SELECT i.* FROM trainledger.add_training_token_type('T') t, trainledger.issue_training_tokens(t.id, 1, 1) i$$),
	-- what was not written is never answered as if it were
	(31, 'no party is updated', '$suppress UPDATE party', $$SELECT * FROM trainledger.update_party(1, is_suspended => true)$$),
	(32, 'nor by a rule', 'CREATE RULE nothing AS ON UPDATE TO trainledger.party DO INSTEAD NOTHING', $$SELECT * FROM trainledger.update_party(1, is_suspended => true)$$),
	(33, 'no type is updated', '$suppress UPDATE token_type', $$SELECT trainledger.update_token_type(id, name => 'x') FROM trainledger.token_type LIMIT 1$$),
	(34, 'no lot is inserted', '$suppress INSERT token_lot', $$SELECT i.* FROM trainledger.add_training_token_type('T') t, trainledger.issue_training_tokens(t.id, 1, 1) i$$),
	(35, 'no redemption is inserted', '$tokens; $suppress INSERT redemption', $$SELECT * FROM trainledger.redeem_training_tokens(1, '00000000-0000-4000-8000-000000000001', 1, 'r')$$),
	(36, 'nor what it took from a lot', '$tokens; $suppress INSERT redemption_allocation', $$SELECT * FROM trainledger.redeem_training_tokens(1, '00000000-0000-4000-8000-000000000001', 1, 'r')$$),
	(37, 'no redemption is updated', '$tokens; $redemption; $suppress UPDATE redemption', $$SELECT trainledger.refund_training_tokens(id) FROM trainledger.redemption$$),
	(38, 'nor what it took from a lot', '$tokens; $redemption; $suppress UPDATE redemption_allocation', $$SELECT trainledger.refund_training_tokens(id) FROM trainledger.redemption$$),
	(39, 'no signup token is updated', '$signup; $suppress UPDATE signup_token', $$SELECT * FROM trainledger.update_signup_token('t', active => false)$$),
	(40, 'nor claimed', '$signup; $suppress UPDATE signup_token', $$SELECT * FROM trainledger.claim_signup_token('t', 1)$$),
	(41, 'no enrolment is inserted', '$signup; $suppress INSERT enrolment', $$SELECT * FROM trainledger.claim_signup_token('t', 1)$$),
	(42, 'no claim is inserted', '$signup; $suppress INSERT signup_claim', $$SELECT * FROM trainledger.claim_signup_token('t', 1)$$),
	(43, 'a unique index has another name', '$signup; ALTER INDEX trainledger.enrolment_party_id_item_id_key RENAME TO x', $$SELECT party_id FROM trainledger.claim_signup_token('t', 1)$$),
	(44, 'no hold is inserted', '$suppress INSERT placed_hold', $$SELECT * FROM trainledger.credit_hold(1, 1, 's', 'd')$$),
	(45, 'nor by a rule', 'CREATE RULE nothing AS ON INSERT TO trainledger.placed_hold DO INSTEAD NOTHING', $$SELECT * FROM trainledger.credit_hold(1, 1, 's', 'd')$$),
	(46, 'nor what it keeps back', '$suppress INSERT hold_allocation', $$SELECT * FROM trainledger.credit_hold(1, 1, 's', 'd')$$),
	(47, 'nor that it was placed', '$suppress INSERT hold_event', $$SELECT * FROM trainledger.credit_hold(1, 1, 's', 'd')$$),
	(48, 'nothing is held', '$suppress UPDATE account', $$SELECT * FROM trainledger.credit_hold(1, 1, 's', 'd')$$),
	(49, 'no hold is updated', '$hold; $suppress UPDATE placed_hold', $$SELECT h.* FROM trainledger.placed_hold p, trainledger.capture_hold(p.id) h$$),
	(50, 'nor what it keeps back', '$hold; $suppress UPDATE hold_allocation', $$SELECT h.* FROM trainledger.placed_hold p, trainledger.capture_hold(p.id) h$$),
	(51, 'nor that it was captured', '$hold; $suppress INSERT hold_event', $$SELECT h.* FROM trainledger.placed_hold p, trainledger.capture_hold(p.id) h$$),
	(52, 'nor that it was released', '$hold; $suppress INSERT hold_event', $$SELECT h.* FROM trainledger.placed_hold p, trainledger.release_hold(p.id) h$$),
	(53, 'nor of lots', '$tokens; $suppress INSERT hold_allocation', $$SELECT * FROM trainledger.hold_training_tokens(1, '00000000-0000-4000-8000-000000000001', 1, 'r')$$),
	(54, 'a scale that no amount has', '$scale 7', $$SELECT * FROM trainledger.credit_add(1, 1.5, 's', 'd', '2026-01-03Z')$$),
	(55, 'a scale below zero', '$scale -1', $$SELECT * FROM trainledger.post_batch('{$account}', '{1.5}', 's')$$),
	(56, 'a key without its call', $$ALTER TABLE trainledger.party_request ALTER call DROP NOT NULL;
		INSERT INTO trainledger.party_request (party_id, idempotency_key, request, created_at) VALUES (1, '00000000-0000-4000-8000-000000000001', '{}', now())$$,
		$$SELECT * FROM trainledger.credit_init(1, 1, 's', 'd', '2026-01-03Z', account_name => 'n', idempotency_key => '00000000-0000-4000-8000-000000000001')$$),
	(57, 'a sum without a number', 'ALTER TABLE trainledger.month_summary RENAME last_booking_no TO n; ALTER TABLE trainledger.month_summary ADD last_booking_no text', $$SELECT trainledger_internal.summed_upto()$$),
	(58, 'no key of an adjustment is inserted', '$tokens; $suppress INSERT party_request', $$SELECT a.* FROM trainledger.token_lot l, trainledger.adjust_training_tokens(l.id, 1, '', '00000000-0000-4000-8000-000000000001') a$$),
	(59, 'nor of an opening', '$suppress INSERT party_request', $$SELECT * FROM trainledger.credit_init(1, 1, 's', 'd', '2026-01-03Z', account_name => 'n', idempotency_key => '00000000-0000-4000-8000-000000000001')$$)) v(n, name, alteration, call),
	pg_temp.after(regexp_replace(regexp_replace(replace(replace(replace(replace(replace(alteration,
		'$break', 'ALTER TABLE trainledger.entry DISABLE TRIGGER USER; UPDATE trainledger.entry SET balance = 99 WHERE entry_no = 3'),
		'$tokens', $$SELECT trainledger.add_training_token_type('T', id => '00000000-0000-4000-8000-000000000001'); SELECT trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000001', 1, 5)$$),
		'$redemption', $$SELECT trainledger.redeem_training_tokens(1, '00000000-0000-4000-8000-000000000001', 1, 'r')$$),
		'$hold', $$SELECT trainledger.credit_hold(1, 1, 's', 'd')$$),
		'$signup', $$SELECT trainledger.add_catalog_item('course', 'C', 'C'); SELECT trainledger.create_signup_token(1, 'C', 5, 't', id => 't')$$),
		'\$scale (\S+)', 'ALTER TABLE trainledger.token_type DROP CONSTRAINT token_type_scale_check, DISABLE TRIGGER USER; UPDATE trainledger.token_type SET scale = \1'),
		'\$suppress (\w+) (\w+)', $$CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
			CREATE TRIGGER nothing BEFORE \1 ON trainledger.\2 FOR EACH ROW EXECUTE FUNCTION nothing()$$),
		replace(call, '$account', :'account')) o
ORDER BY n;

-- No function is brought down by nulls, not even one for the owner alone.
SELECT f.function, o.code, o.message
FROM (SELECT p.oid::regprocedure AS function, format('SELECT %s(%s)', p.oid::regproc,
		(SELECT string_agg(format('NULL::%s', t::regtype), ', ') FROM unnest(p.proargtypes::oid[]) t)) AS call
	FROM pg_proc p WHERE p.pronamespace::regnamespace::text ~ '^trainledger' AND p.prokind = 'f'
	AND NOT EXISTS (SELECT FROM unnest(p.proargtypes || p.prorettype) t(oid) JOIN pg_type USING (oid) WHERE typtype = 'p' AND t.oid NOT IN ('void'::regtype, 'record'::regtype))) f,
	pg_temp.after('SELECT', f.call) o
WHERE o.code ~ '^(XX|P0)';
DROP OWNED BY regress_altered;
DROP ROLE regress_altered;
\c :before
DROP DATABASE regression_altered;
