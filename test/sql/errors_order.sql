-- Which refusal comes first where several apply (contract, section 4)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET ROLE regress_admin;
SELECT name, bounds
FROM (VALUES ('order', 0, 10), ('order-inactive', 0, 10), ('order-archived', 0, 10)) v(type, lower, upper),
	add_credit_token_type(type, lower_bound => lower, upper_bound => upper);
SET ROLE regress_operator;
SELECT barcode FROM unnest('{order,order-suspended}'::text[]) AS b, add_party('person', b, barcode => b);
SELECT barcode, type, balance
FROM (VALUES ('order', 'order'), ('order', 'order-inactive'), ('order-suspended', 'order')) v(barcode, type),
	credit_init(regress.party(barcode), 5, 'init', 'd', '2023-04-04 08:00Z', token_type => type,
		idempotency_key => CASE type WHEN 'order' THEN '0de70000-0000-4000-8000-000000000001'::uuid
			ELSE '0de70000-0000-4000-8000-000000000003' END);
-- on each a transaction that can be doubled, and one with a key
SELECT barcode, type, balance
FROM (VALUES ('order', 'order'), ('order', 'order-inactive'), ('order-suspended', 'order')) v(barcode, type),
	post(regress.account(barcode, token_type => type), 'add', 2, 's', 'd', '2023-04-04 09:00Z');
SELECT barcode, type, balance
FROM (VALUES ('order', 'order'), ('order', 'order-inactive'), ('order-suspended', 'order')) v(barcode, type),
	post(regress.account(barcode, token_type => type), 'subtract', 1, 's', 'd', '2023-04-04 09:00Z');
SELECT barcode, type, balance
FROM (VALUES ('order', 'order'), ('order', 'order-inactive'), ('order-suspended', 'order')) v(barcode, type),
	post(regress.account(barcode, token_type => type), 'add', 1, 's', 'k',
		idempotency_key => '0de70000-0000-4000-8000-000000000002');
-- and no room above
SELECT barcode, type, balance
FROM (VALUES ('order', 'order'), ('order', 'order-inactive'), ('order-suspended', 'order')) v(barcode, type),
	post(regress.account(barcode, token_type => type), 'add', 3, 's');
SELECT is_suspended FROM update_party(regress.party('order-suspended'), is_suspended => true);
SET ROLE regress_admin;
SELECT name, is_active FROM update_token_type(regress.type('order-inactive'), is_active => false);
SELECT name, is_archived FROM update_token_type(regress.type('order-archived'), is_archived => true);

-- 42501 before all
SET ROLE regress_reader;
SELECT regress.sqlstate(statement), statement
FROM (VALUES ('SELECT post(NULL, NULL, NULL, NULL)'),
	('SELECT credit_init(NULL, NULL, NULL, NULL, NULL)'),
	('SELECT post_batch(NULL, NULL, NULL)'), ('SELECT add_party(NULL, NULL)'),
	('SELECT update_token_type(NULL, '''')'), ('SELECT add_region(NULL, NULL)'),
	('SELECT grant_access(NULL, NULL)')) v(statement);
SET ROLE regress_operator;
SELECT regress.sqlstate(statement), statement
FROM (VALUES ('SELECT add_party(NULL, NULL, id => -1)'),
	('SELECT add_party(NULL, NULL, uuid => ''0de70000-0000-4000-8000-000000000001'')'),
	('SELECT add_party(''person'', ''x'', barcode => ''order'', id => 1)')) v(statement);

/*
 * Each request has at least two things against it.  S stands for the account,
 * I for the one of an inactive type, U for that of a suspended party, L for a
 * lot; each has a transaction that is there already, and a balance of 10 of
 * at most 10.  K is a key that was used, R the time of the recorded ones.
 */
RESET ROLE;
BEGIN;
INSERT INTO account
SELECT -1, party_id, token_type_id, created_at, 5, 5, 0, 1, last_entry_at, NULL
FROM account WHERE id = regress.account('order', token_type => 'order');
INSERT INTO entry
SELECT -1, 1, 5, 5, created_at, 0, NULL, NULL, 'issue', NULL, 's', '', NULL, 'x'
FROM account WHERE id = -1;
CREATE TEMPORARY TABLE request (n integer GENERATED ALWAYS AS IDENTITY, expected text, also text, call text);
GRANT SELECT ON request TO PUBLIC;
INSERT INTO request (expected, also, call) VALUES
	-- TL400 that the arguments alone show
	('TL400', 'TL404', $$post(0, 'add', 0, 's')$$),
	('TL400', 'TL404', $$post(0, 'add', -1, 's')$$),
	('TL400', 'TL404', $$post(0, 'init', 1, 's')$$),
	('TL400', 'TL404', $$post(0, 'add', 1, '')$$),
	('TL400', 'TL404', $$post(0, 'add', 1, 's', balance_expected => 'NaN')$$),
	('TL400', 'TL404', $$post(0, 'add', 1e30, 's')$$),
	('TL400', 'TL404', $$credit_add(0, 1, 's', NULL, R)$$),
	('TL400', 'TL404', $$credit_add(0, 1, 's', 'd', R, '')$$),
	('TL400', 'TL404', $$credit_add(0, 1, 's', 'd', R, token_type => '')$$),
	('TL400', 'TL404', $$credit_add(0, 0, 's', 'd', R)$$),
	('TL400', 'TL422', $$post(S, 'add', -1, 's', idempotency_key => K)$$),
	('TL400', 'TL051', $$credit_init(P, 1, 's', 'd', 'infinity', token_type => 'order')$$),
	('TL400', 'TL057', $$credit_add(P, 1, 's', 'd', '-infinity', 'none', 'order')$$),
	('TL400', 'TL058', $$post(I, 'add', 0, 's')$$),
	('TL400', 'TL409', $$post(L, 'add', 0, 's')$$),
	('TL400', 'TL409', $$post(U, 'add', 0, 's')$$),
	-- TL404
	('TL404', 'TL422', $$post(0, 'add', 1, 's', idempotency_key => K)$$),
	('TL404', 'TL422', $$credit_add(0, 1, 's', 'd', R, token_type => 'order', idempotency_key => K)$$),
	('TL404', 'TL422', $$credit_init(P, 1, 's', 'd', R, token_type => 'none', idempotency_key => K)$$),
	('TL404', 'TL400', $$post(0, 'add', 0.001, 's')$$),
	('TL404', 'TL400', $$credit_add(0, 0.001, 's', 'd', R, token_type => 'order')$$),
	('TL404', 'TL400', $$credit_add(P, 0.001, 's', 'd', R, token_type => 'none')$$),
	('TL404', 'TL400', $$credit_init(0, 9223372036854.775807, 's', 'd', R, token_type => 'order')$$),
	('TL404', 'TL057', $$credit_add(0, 1, 's', 'd', R, token_type => 'order')$$),
	('TL404', 'TL057', $$credit_add(P, 1, 's', 'd', R, 'none', 'none')$$),
	('TL404', 'TL058', $$credit_init(0, 1, 's', 'd', R, token_type => 'order-inactive')$$),
	('TL404', 'TL409', $$credit_init(0, 1, 's', 'd', R, token_type => 'order-archived')$$),
	('TL404', 'TL054', $$credit_init(0, 11, 's', 'd', R, token_type => 'order')$$),
	('TL404', 'TL052', $$post(0, 'add', 1, 's', balance_expected => 1)$$),
	-- a replay
	('ok', 'TL051', $$credit_init(P, 5, 'init', 'd', '2023-04-04 08:00Z', token_type => 'order', idempotency_key => KI)$$),
	('ok', 'TL058', $$credit_init(P, 5, 'init', 'd', '2023-04-04 08:00Z', token_type => 'order-inactive', idempotency_key => KJ)$$),
	('ok', 'TL054', $$post(S, 'add', 1, 's', 'k', idempotency_key => K)$$),
	('ok', 'TL052', $$post(S, 'add', 1, 's', 'k', balance_expected => 1, idempotency_key => K)$$),
	('ok', 'TL058', $$post(I, 'add', 1, 's', 'k', idempotency_key => K)$$),
	('ok', 'TL409', $$post(U, 'add', 1, 's', 'k', idempotency_key => K)$$),
	-- TL422
	('TL422', 'TL400', $$post(S, 'add', 0.001, 's', 'k', idempotency_key => K)$$),
	('TL422', 'TL400', $$post(S, 'add', 9223372036854.775807, 's', 'k', idempotency_key => K)$$),
	('TL422', 'TL051', $$credit_init(P, 6, 'init', 'd', R, token_type => 'order', idempotency_key => KI)$$),
	('TL422', 'TL057', $$credit_add(P, 5, 'init', 'd', R, 'none', 'order', idempotency_key => KI)$$),
	('TL422', 'TL400', $$credit_add(P, 0.001, 'init', 'd', R, 'none', 'order', idempotency_key => KI)$$),
	('TL422', 'TL056', $$post(S, 'add', 2, 's', 'd', R, idempotency_key => K)$$),
	('TL422', 'TL058', $$post(I, 'add', 2, 's', 'd', R, idempotency_key => K)$$),
	('TL422', 'TL409', $$credit_init(P, 5, 'init', 'd', R, token_type => 'order-archived', idempotency_key => KI)$$),
	('TL422', 'TL409', $$post(U, 'add', 2, 's', 'd', R, idempotency_key => K)$$),
	('TL422', 'TL054', $$post(S, 'add', 20, 's', 'd', R, idempotency_key => K)$$),
	('TL422', 'TL055', $$post(S, 'subtract', 20, 's', 'd', R, idempotency_key => K)$$),
	('TL422', 'TL052', $$post(S, 'subtract', 1, 's', 'd', R, balance_expected => 0, idempotency_key => K)$$),
	-- TL400 that needs the type
	('TL400', 'TL051', $$credit_init(P, 9223372036854.775807, 's', 'd', R, token_type => 'order')$$),
	('TL400', 'TL057', $$credit_add(P, 0.001, 's', 'd', R, 'none', 'order')$$),
	('TL400', 'TL057', $$credit_add(P, 0.001, 's', 'd', R, 'none', 'default')$$),
	('TL400', 'TL058', $$post(I, 'add', 0.001, 's')$$),
	('TL400', 'TL409', $$post(U, 'add', 0.001, 's')$$),
	('TL400', 'TL409', $$post(L, 'add', 0.001, 's')$$),
	('TL400', 'TL409', $$credit_init(P, 9223372036854.775807, 's', 'd', R, token_type => 'order-archived')$$),
	('TL400', 'TL054', $$post(S, 'add', 9223372036854.775807, 's')$$),
	('TL400', 'TL052', $$post(S, 'add', 0.004, 's', balance_expected => 0)$$),
	-- TL051
	('TL051', 'TL056', $$credit_init(P, 5, 'init', 'd', '2023-04-04 08:00Z', token_type => 'order')$$),
	('TL051', 'TL058', $$credit_init(P, 1, 's', 'd', R, token_type => 'order-inactive')$$),
	('TL051', 'TL409', $$credit_init(PU, 1, 's', 'd', R, token_type => 'order')$$),
	('TL051', 'TL054', $$credit_init(P, 11, 's', 'd', R, token_type => 'order')$$),
	('TL051', 'TL055', $$credit_init(P, -1, 's', 'd', R, token_type => 'order')$$),
	('TL051', 'TL052', $$credit_init(P, 1, 's', 'd', R, token_type => 'order', balance_expected => 2)$$),
	-- TL057
	('TL057', 'TL058', $$credit_add(P, 1, 's', 'd', R, 'none', 'order-inactive')$$),
	('TL057', 'TL409', $$credit_add(P, 1, 's', 'd', R, 'none', 'order-archived')$$),
	('TL057', 'TL409', $$credit_add(PU, 1, 's', 'd', R, 'none', 'order')$$),
	('TL057', 'TL054', $$credit_add(P, 11, 's', 'd', R, 'none', 'order')$$),
	('TL057', 'TL055', $$credit_subtract(P, 1, 's', 'd', R, 'none', 'order')$$),
	('TL057', 'TL052', $$credit_add(P, 1, 's', 'd', R, 'none', 'order', balance_expected => 2)$$),
	-- TL056
	('TL056', 'TL058', $$post(I, 'add', 2, 's', 'd', R)$$),
	('TL056', 'TL409', $$post(U, 'add', 2, 's', 'd', R)$$),
	('TL056', 'TL054', $$post(S, 'add', 2, 's', 'd', R)$$),
	('TL056', 'TL054', $$credit_add(P, 2, 's', 'd', R, token_type => 'order')$$),
	('TL056', 'TL052', $$post(S, 'subtract', 1, 's', 'd', R, balance_expected => 0)$$),
	-- TL058
	('TL058', 'TL054', $$post(I, 'add', 1, 's')$$),
	('TL058', 'TL055', $$post(I, 'subtract', 11, 's')$$),
	('TL058', 'TL052', $$post(I, 'subtract', 1, 's', balance_expected => 1)$$),
	('TL058', 'TL055', $$credit_init(P, -1, 's', 'd', R, 'new', 'order-inactive')$$),
	('TL058', 'TL052', $$credit_init(P, 1, 's', 'd', R, 'new', 'order-inactive', balance_expected => 2)$$),
	-- TL409
	('TL409', 'TL054', $$post(U, 'add', 1, 's')$$),
	('TL409', 'TL052', $$post(U, 'add', 1, 's', balance_expected => 1)$$),
	('TL409', 'TL055', $$credit_init(PU, -1, 's', 'd', R, 'new', 'order')$$),
	('TL409', 'TL054', $$credit_init(P, 11, 's', 'd', R, 'new', 'order-archived')$$),
	('TL409', 'TL052', $$credit_init(P, 1, 's', 'd', R, 'new', 'order-archived', balance_expected => 2)$$),
	('TL409', 'TL054', $$post(L, 'add', 11, 's')$$),
	('TL409', 'TL055', $$post(L, 'subtract', 6, 's')$$),
	('TL409', 'TL052', $$post(L, 'adjust', 1, 's', balance_expected => 1)$$),
	-- TL054, TL055
	('TL054', 'TL052', $$post(S, 'add', 1, 's', balance_expected => 1)$$),
	('TL055', 'TL052', $$post(S, 'subtract', 11, 's', balance_expected => 1)$$),
	('TL054', 'TL052', $$credit_init(P, 11, 's', 'd', R, 'new', 'order', balance_expected => 1)$$),
	('TL052', 'nothing', $$post(S, 'subtract', 1, 's', balance_expected => 1)$$);
CREATE FUNCTION pg_temp.filled(call text) RETURNS text LANGUAGE sql
AS $$
	SELECT 'SELECT ' || replace(replace(replace(replace(replace(replace(replace(replace(replace(replace($1,
		'(S,', '(' || regress.account('order', token_type => 'order') || ','),
		'(I,', '(' || regress.account('order', token_type => 'order-inactive') || ','),
		'(U,', '(' || regress.account('order-suspended', token_type => 'order') || ','),
		'(L,', '(-1,'),
		'(P,', '(' || regress.party('order') || ','),
		'(PU,', '(' || regress.party('order-suspended') || ','),
		' R', ' ''2023-04-04 09:00Z'''),
		'=> KI)', '=> ''0de70000-0000-4000-8000-000000000001'')'),
		'=> KJ)', '=> ''0de70000-0000-4000-8000-000000000003'')'),
		'=> K)', '=> ''0de70000-0000-4000-8000-000000000002'')')
$$;
SET ROLE regress_operator;
SELECT n, expected, also, answer, CASE WHEN answer <> expected THEN 'WRONG' ELSE '' END AS verdict, call
FROM request, regress.sqlstate(pg_temp.filled(call)) answer ORDER BY n;

-- a batch refuses each of its rows in the same order
CREATE TEMPORARY TABLE row_request (n integer GENERATED ALWAYS AS IDENTITY, expected text, also text,
	account text, delta amount, description text, recorded_at timestamptz, key uuid);
INSERT INTO row_request (expected, also, account, delta, description, recorded_at, key) VALUES
	('TL400', 'TL404', '0', NULL, 'd', NULL, NULL),
	('TL400', 'TL404', '0', 0, 'd', NULL, NULL),
	('TL400', 'TL404', '0', 1, 'd', 'infinity', NULL),
	('TL400', 'TL404', '0', 1, repeat('x', 8193), NULL, NULL),
	('TL404', 'TL422', '0', 1, 'd', NULL, '0de70000-0000-4000-8000-000000000002'),
	('TL404', 'TL400', '0', 0.001, 'd', NULL, NULL),
	('TL422', 'TL400', 'S', 0.001, 'd', NULL, '0de70000-0000-4000-8000-000000000002'),
	('TL422', 'TL056', 'S', 2, 'd', '2023-04-04 09:00Z', '0de70000-0000-4000-8000-000000000002'),
	('TL422', 'TL058', 'I', 2, 'd', NULL, '0de70000-0000-4000-8000-000000000002'),
	('TL422', 'TL409', 'U', 2, 'd', NULL, '0de70000-0000-4000-8000-000000000002'),
	('TL422', 'TL054', 'S', 20, 'd', NULL, '0de70000-0000-4000-8000-000000000002'),
	('TL400', 'TL058', 'I', 0.001, 'd', NULL, NULL),
	('TL400', 'TL409', 'L', 0.001, 'd', NULL, NULL),
	('TL400', 'TL054', 'S', 10.001, 'd', NULL, NULL),
	('TL056', 'TL058', 'I', 2, 'd', '2023-04-04 09:00Z', NULL),
	('TL056', 'TL409', 'U', 2, 'd', '2023-04-04 09:00Z', NULL),
	('TL056', 'TL054', 'S', 2, 'd', '2023-04-04 09:00Z', NULL),
	('TL058', 'TL054', 'I', 1, 'd', NULL, NULL),
	('TL058', 'TL055', 'I', -11, 'd', NULL, NULL),
	('TL409', 'TL054', 'U', 1, 'd', NULL, NULL),
	('TL409', 'TL054', 'L', 11, 'd', NULL, NULL),
	('TL409', 'TL055', 'L', -11, 'd', NULL, NULL),
	('TL054', 'nothing', 'S', 1, 'd', NULL, NULL),
	('TL055', 'nothing', 'S', -11, 'd', NULL, NULL);
SELECT r.n, r.expected, r.also, b.refusal, CASE WHEN b.refusal <> r.expected THEN 'WRONG' ELSE '' END AS verdict,
	b.entry_no, b.balance
FROM (SELECT post_batch(
	array_agg(CASE account WHEN 'S' THEN regress.account('order', token_type => 'order')
		WHEN 'I' THEN regress.account('order', token_type => 'order-inactive')
		WHEN 'U' THEN regress.account('order-suspended', token_type => 'order')
		WHEN 'L' THEN -1 ELSE 0 END ORDER BY n),
	array_agg(delta ORDER BY n), 's', array_agg(description ORDER BY n),
	array_agg(recorded_at ORDER BY n), array_agg(key ORDER BY n), true) AS b FROM row_request) s
JOIN row_request r ON r.n = (s.b).ordinal, LATERAL (SELECT (s.b).*) b ORDER BY r.n;
RESET ROLE;
ROLLBACK;
