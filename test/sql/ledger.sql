-- The ledger: post, duplicates, keys, guards, reconcile (contract, section 6)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET client_min_messages = warning;	-- which tables a TRUNCATE cascades to
SET ROLE regress_admin;
SELECT name, bounds FROM add_credit_token_type('ledger');
SELECT name, bounds FROM add_credit_token_type('ledger-bounded', lower_bound => -5, upper_bound => 10);
SELECT name, bounds FROM add_credit_token_type('ledger-6', scale => 6);
SELECT name, bounds FROM add_credit_token_type('ledger-0', scale => 0);
SET ROLE regress_operator;
SELECT barcode FROM unnest('{ledger-1,ledger-2,ledger-rounding,ledger-dup,ledger-key}'::text[]) AS b,
	add_party('person', b, barcode => b);
SELECT entry_no, operation, delta, balance, source, description,
	recorded_at AT TIME ZONE 'UTC' AS recorded_at, device, booked_by,
	created_at = clock() AS now
FROM credit_init(regress.party('ledger-1'), 100, 'till', 'Opened', '2023-04-04 08:41:30Z',
	token_type => 'ledger', device => 'id:7');

-- operations, and every argument kept
SELECT entry_no, operation, delta, balance, source, description, recorded_at,
	device, booked_by, dedup, keyed_call
FROM regress.stored(post(regress.account('ledger-1'), 'add', 20.5, 'till'));
SELECT entry_no, operation, delta, balance, source, description,
	recorded_at AT TIME ZONE 'UTC' AS recorded_at, device,
	dedup IS NOT NULL AS fingerprint, keyed_call
FROM regress.stored(post(regress.account('ledger-1'), 'subtract', 0.25, 'till', 'Coffee',
	'2023-04-04 08:42:00.123456Z', 'floor', 120.25, 'code:X'));
SELECT entry_no, operation, delta, balance FROM post(regress.account('ledger-1'), 'adjust', -20.25, 'office');
SELECT entry_no, operation, delta, balance FROM post(regress.account('ledger-1'), 'adjust', 1, 'office');
SELECT entry_no, delta, dedup, keyed_call
FROM regress.stored(post(regress.account('ledger-1'), 'add', 1, 'till',
	idempotency_key => '1ed6e500-0000-4000-8000-000000000001'));
-- null stands for what is left out
SELECT entry_no, description, recorded_at, device, dedup
FROM regress.stored(post(regress.account('ledger-1'), 'add', 1.005, 'till', NULL, NULL, NULL, NULL, NULL, NULL));
SELECT balance, entry_count, initial_balance, last_entry_at >= created_at AS in_order
FROM account WHERE id = regress.account('ledger-1');
-- who booked: the claim, else the role
SET request.jwt.claims = '{"sub": "auth0|ann", "party_id": 0}';
SELECT booked_by FROM post(regress.account('ledger-1'), 'add', 1, 'till');
SET request.jwt.claims = '{"sub": ""}';
SELECT booked_by FROM post(regress.account('ledger-1'), 'add', 1, 'till');
SET request.jwt.claims = '{"role": "x"}';
SELECT booked_by FROM post(regress.account('ledger-1'), 'add', 1, 'till');
-- as long as other texts
SELECT set_config('request.jwt.claims', json_build_object('sub', repeat('x', 8192))::text, false) IS NOT NULL AS set;
SELECT octet_length(booked_by) FROM post(regress.account('ledger-1'), 'add', 1, 'till');
SELECT set_config('request.jwt.claims', json_build_object('sub', repeat('x', 8193))::text, false) IS NOT NULL AS set;
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-1'), 'add', 1, 'till')$$) r;
SELECT r.* FROM regress.refusal($$SELECT credit_hold(regress.party('ledger-1'), 1, 'till', 'd')$$) r;
RESET request.jwt.claims;
-- a function in FROM posts once
SELECT balance FROM account WHERE id = regress.account('ledger-1');
-- the entry is what was returned
CREATE TEMPORARY TABLE returned AS
SELECT p.* FROM post(regress.account('ledger-1'), 'subtract', 1, 'ü', 'é', '2023-04-04', device => 'ß') p;
SELECT ROW(e.account_id, e.entry_no, e.operation, e.delta, e.balance, e.source, e.description, e.recorded_at,
	e.created_at, e.device, e.booked_by, e.booking_no, false) IS NOT DISTINCT FROM r AS same
FROM entry e JOIN returned r USING (account_id, entry_no);

-- what the arguments alone show
SELECT label, r.*
FROM (VALUES
	('account null', $$SELECT post(NULL, 'add', 1, 's')$$),
	('operation null', $$SELECT post(regress.account('ledger-1'), NULL, 1, 's')$$),
	('amount null', $$SELECT post(regress.account('ledger-1'), 'add', NULL, 's')$$),
	('source null', $$SELECT post(regress.account('ledger-1'), 'add', 1, NULL)$$),
	('source empty', $$SELECT post(regress.account('ledger-1'), 'add', 1, '')$$),
	('source 8193', $$SELECT post(regress.account('ledger-1'), 'add', 1, repeat('x', 8193))$$),
	('description 8193', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', repeat('x', 8193))$$),
	('description 8194 multibyte', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', repeat('ü', 4097))$$),
	('device 8193', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', device => repeat('x', 8193))$$),
	('recorded_at infinity', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', recorded_at => 'infinity')$$),
	('recorded_at -infinity', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', recorded_at => '-infinity')$$),
	('rounding unknown', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', rounding => 'up')$$),
	('operation unknown', $$SELECT post(regress.account('ledger-1'), 'give', 1, 's')$$),
	('key malformed', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', idempotency_key => 'x')$$),
	('NaN', $$SELECT post(regress.account('ledger-1'), 'add', 'NaN', 's')$$),
	('Infinity', $$SELECT post(regress.account('ledger-1'), 'add', 'Infinity', 's')$$),
	('-Infinity', $$SELECT post(regress.account('ledger-1'), 'adjust', '-Infinity', 's')$$),
	('1e30', $$SELECT post(regress.account('ledger-1'), 'add', 1e30, 's')$$),
	('-1e30', $$SELECT post(regress.account('ledger-1'), 'adjust', -1e30, 's')$$),
	('1e1000', $$SELECT post(regress.account('ledger-1'), 'add', 1e1000, 's')$$),
	('just too much', $$SELECT post(regress.account('ledger-1'), 'add', 9223372036854.775808, 's')$$),
	('zero', $$SELECT post(regress.account('ledger-1'), 'add', 0, 's')$$),
	('zero adjust', $$SELECT post(regress.account('ledger-1'), 'adjust', 0.000, 's')$$),
	('negative add', $$SELECT post(regress.account('ledger-1'), 'add', -1, 's')$$),
	('negative subtract', $$SELECT post(regress.account('ledger-1'), 'subtract', -1, 's')$$),
	('negative tiny', $$SELECT post(regress.account('ledger-1'), 'add', -1e-30, 's')$$),
	('expected NaN', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', balance_expected => 'NaN')$$),
	('expected Infinity', $$SELECT post(regress.account('ledger-1'), 'add', 1, 's', balance_expected => 'Infinity')$$),
	('account unknown', $$SELECT post(0, 'add', 1, 's')$$),
	('account -1', $$SELECT post(-1, 'add', 1, 's')$$),
	('account max', $$SELECT post(9223372036854775807, 'add', 1, 's')$$),
	('account too big', $$SELECT post(9223372036854775808, 'add', 1, 's')$$)
) v(label, statement), regress.refusal(statement) r;
SELECT op AS operation, r.*
FROM unnest(enum_range(NULL::operation)) op,
	regress.refusal(format($$SELECT post(0, %L, 1, 's')$$, op)) r;
-- what is just short enough is kept whole
SELECT octet_length(source), octet_length(description), octet_length(device)
FROM post(regress.account('ledger-1'), 'add', 1, repeat('x', 8192), repeat('ü', 4096),
	device => repeat('x', 8192));

-- rounding to the scale of the type, against round_amount
SELECT balance FROM credit_init(regress.party('ledger-rounding'), 0, 's', '', now(), token_type => 'ledger');
SELECT account_name, balance FROM (VALUES ('6', 'ledger-6'), ('0', 'ledger-0')) v(account_name, type),
	credit_init(regress.party('ledger-rounding'), 0, 's', '', now(), account_name, type);
SELECT mode, amount, delta, delta = round_amount(amount, 2, mode) AS as_rounded
FROM unnest(enum_range(NULL::rounding)) mode,
	unnest('{0.005,0.015,0.025,2.345,2.355,-0.015,-2.345,-2.3451,0.0149999}'::numeric[]) amount,
	LATERAL (SELECT CASE WHEN round_amount(amount, 2, mode) = 0 THEN NULL
		ELSE (post(regress.account('ledger-rounding'), 'adjust', amount, 's', rounding => mode)).delta
		END AS delta) p;
SELECT mode, amount, regress.attempt(format(
	'SELECT post(regress.account(''ledger-rounding''), ''adjust'', %s, ''s'', rounding => %L)', amount, mode))
FROM unnest(enum_range(NULL::rounding)) mode, unnest('{0.005,-0.005,0.004,-0.004,1e-30,-1e-30}'::numeric[]) amount;
-- subtract: the amount is rounded, not the change
SELECT mode, delta
FROM unnest(enum_range(NULL::rounding)) mode,
	post(regress.account('ledger-rounding'), 'subtract', 1.005, 's', rounding => mode);
SELECT mode, delta
FROM unnest(enum_range(NULL::rounding)) mode,
	post(regress.account('ledger-rounding', '0'), 'add', 2.5, 's', rounding => mode);
SELECT delta FROM post(regress.account('ledger-rounding', '6'), 'add', 0.000001, 's');
SELECT r.* FROM (VALUES
	($$SELECT post(regress.account('ledger-rounding', '6'), 'add', 0.0000004, 's')$$),
	($$SELECT post(regress.account('ledger-rounding', '0'), 'subtract', 0.4, 's')$$),
	($$SELECT post(regress.account('ledger-rounding', '0'), 'add', 0.9, 's', rounding => 'floor')$$)
) v(statement), regress.refusal(statement) r;

-- the edges of what an amount can hold
SELECT delta, balance FROM post(regress.account('ledger-rounding', '6'), 'adjust',
	9223372036854.775807 - (SELECT balance FROM account WHERE id = regress.account('ledger-rounding', '6')), 's');
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-rounding', '6'), 'add', 0.000001, 's')$$) r;
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-rounding', '6'), 'add', 9223372036854.775807, 's')$$) r;
SELECT balance FROM post(regress.account('ledger-rounding', '6'), 'subtract', 9223372036854.775807, 's');
SELECT balance FROM post(regress.account('ledger-rounding', '6'), 'adjust', -9223372036854.775808, 's');
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-rounding', '6'), 'subtract', 0.000001, 's')$$) r;
SELECT balance FROM post(regress.account('ledger-rounding', '6'), 'add', 9223372036854.775807, 's');
SELECT balance FROM post(regress.account('ledger-rounding', '6'), 'add', 0.000001, 's');
-- rounded once, to the scale: what fits then is booked
SELECT delta FROM post(regress.account('ledger-rounding', '0'), 'adjust', -(SELECT balance FROM account WHERE id = regress.account('ledger-rounding', '0')), 's');
SELECT mode, amount, regress.answer(format(
	'SELECT (post(regress.account(''ledger-rounding'', ''0''), ''adjust'', %s, ''s'', rounding => %L)).delta', amount, mode))
FROM (VALUES (1, 9223372036854.7758079, 'floor'), (2, -9223372036854.7758079, 'floor'),
	(3, -9223372036854.99, 'ceil'), (4, 9223372036854.7758079, 'round'),
	(5, 9223372036854.4, 'round'), (6, -9223372036854.4, 'round')) v(n, amount, mode);

-- bounds are inclusive; an adjustment keeps to them too
SELECT balance FROM credit_init(regress.party('ledger-2'), 0, 's', '', now(), token_type => 'ledger-bounded');
SELECT n, regress.answer(format(
	'SELECT (post(regress.account(''ledger-2''), %L, %s, ''s'')).balance', op, amount))
FROM (VALUES (1, 'add', 10.01), (2, 'add', 10), (3, 'add', 0.01), (4, 'adjust', 0.01),
	(5, 'subtract', 15.01), (6, 'subtract', 15), (7, 'subtract', 0.01), (8, 'adjust', -0.01),
	(9, 'adjust', 15.01), (10, 'adjust', 15)) v(n, op, amount);
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-2'), 'add', 0.01, 's')$$) r;
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-2'), 'subtract', 15.01, 's')$$) r;
-- those of the moment of posting
SET ROLE regress_admin;
SELECT bounds FROM update_token_type(regress.type('ledger-bounded'), lower_bound => 0, upper_bound => 5);
SET ROLE regress_operator;
SELECT n, regress.answer(format(
	'SELECT (post(regress.account(''ledger-2''), %L, %s, ''s'')).balance', op, amount))
FROM (VALUES (1, 'add', 0.01), (2, 'add', 1), (3, 'subtract', 5), (4, 'subtract', 5.01),
	(5, 'subtract', 5)) v(n, op, amount);

-- the expected balance is compared at the type's scale, and last
SELECT n, expected, regress.answer(format(
	'SELECT (post(regress.account(''ledger-2''), ''add'', 1, ''s'', balance_expected => %s)).balance', expected))
FROM (VALUES (1, 1.000), (2, 2.01), (3, 2.0050000001), (4, 1.99), (5, 0), (6, -2), (7, 1e30),
	(8, 1e-30), (9, 2.00), (10, 3)) v(n, expected);
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-2'), 'add', 1, 's', balance_expected => 4.5)$$) r;

-- duplicates: the request once more, then each column another
SELECT balance FROM credit_init(regress.party('ledger-dup'), 0, 's', '', now(), token_type => 'ledger');
SELECT balance FROM credit_init(regress.party('ledger-dup'), 0, 's', '', now(), 'other', 'ledger');
CREATE TEMPORARY TABLE dup (n integer, change text, arguments text);
INSERT INTO dup VALUES
	(1, 'first', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(2, 'same', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(3, 'same after rounding', $$regress.account('ledger-dup'), 'add', 4.999, 's', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(4, 'same, other rounding', $$regress.account('ledger-dup'), 'add', 5.009, 's', 'd', '2023-04-04 08:00Z', 'floor', device => 'x'$$),
	(5, 'same, expected', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', balance_expected => 1, device => 'x'$$),
	(6, 'same, other zone', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 10:00+02', device => 'x'$$),
	(7, 'account', $$regress.account('ledger-dup', 'other'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(8, 'operation adjust', $$regress.account('ledger-dup'), 'adjust', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(9, 'operation subtract', $$regress.account('ledger-dup'), 'subtract', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(10, 'amount', $$regress.account('ledger-dup'), 'add', 5.01, 's', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(11, 'source', $$regress.account('ledger-dup'), 'add', 5, 't', 'd', '2023-04-04 08:00Z', device => 'x'$$),
	(12, 'description', $$regress.account('ledger-dup'), 'add', 5, 's', 'D', '2023-04-04 08:00Z', device => 'x'$$),
	(13, 'description empty', $$regress.account('ledger-dup'), 'add', 5, 's', '', '2023-04-04 08:00Z', device => 'x'$$),
	(14, 'description null', $$regress.account('ledger-dup'), 'add', 5, 's', NULL, '2023-04-04 08:00Z', device => 'x'$$),
	(15, 'split otherwise', $$regress.account('ledger-dup'), 'add', 5, 'sd', '', '2023-04-04 08:00Z', device => 'x'$$),
	(16, 'device', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'y'$$),
	(17, 'device empty', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => ''$$),
	(18, 'device null', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00Z'$$),
	(19, 'microsecond', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00:00.000001Z', device => 'x'$$),
	(20, 'before 1970', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '1969-12-31 23:59:59.999999Z', device => 'x'$$),
	(21, 'before Christ', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '4714-12-01 00:00:00Z BC', device => 'x'$$),
	(22, 'far ahead', $$regress.account('ledger-dup'), 'add', 5, 's', 'd', '294276-12-31 23:59:59Z', device => 'x'$$);
SELECT n, change, regress.attempt('SELECT post(' || arguments || ')') FROM dup ORDER BY n;
-- each of them again is one now
SELECT regress.sqlstate('SELECT post(' || arguments || ')') AS again, count(*) FROM dup GROUP BY 1;
SELECT r.code, r.message, r.hint FROM regress.refusal(
	(SELECT 'SELECT post(' || arguments || ')' FROM dup WHERE n = 1)) r;
-- without a time of its own nothing is a duplicate
SELECT count(post(regress.account('ledger-dup'), 'add', 5, 's', 'd')) AS booked FROM generate_series(1, 3);
-- credit_add books the same transaction
SELECT regress.attempt($$SELECT credit_add(regress.party('ledger-dup'), 5, 's', 'd', '2023-04-04 08:00Z',
	token_type => 'ledger', device => 'x')$$);
-- a key takes the place of the test
SELECT n, regress.attempt('SELECT post(' || arguments || format(', idempotency_key => %L)', key))
FROM dup, (VALUES (1, '1ed6e500-0000-4000-8000-0000000000d1'),
	(2, '1ed6e500-0000-4000-8000-0000000000d2'), (3, '1ed6e500-0000-4000-8000-0000000000d2')) k(i, key)
WHERE n = 1 ORDER BY i;
-- also where it is the recorded one that has the key
SELECT n, regress.attempt('SELECT post(regress.account(''ledger-dup''), ''add'', 9, ''s'', ''d'', ''2023-09-09Z''' || key || ')')
FROM (VALUES (1, ', idempotency_key => ''1ed6e500-0000-4000-8000-0000000000d3'''), (2, ''), (3, '')) v(n, key);
-- the fingerprint of another request stands in the way: the next one is taken
BEGIN;
SAVEPOINT s;
SELECT dedup AS fingerprint FROM regress.stored(post(regress.account('ledger-dup'), 'add', 77, 's', 'd', '2023-05-05Z')) \gset
ROLLBACK TO s;
SELECT regress.attempt(format($$SELECT post(regress.account('ledger-dup'), 'add', 1, 'thief',
	idempotency_key => %L)$$, :'fingerprint'));
SELECT dedup <> :'fingerprint' AS another
FROM regress.stored(post(regress.account('ledger-dup'), 'add', 77, 's', 'd', '2023-05-05Z'));
SELECT regress.attempt($$SELECT post(regress.account('ledger-dup'), 'add', 77, 's', 'd', '2023-05-05Z')$$);
-- and a fingerprint is nobody's key
SELECT dedup AS fingerprint FROM regress.stored(post(regress.account('ledger-dup'), 'add', 78, 's', 'd', '2023-05-05Z')) \gset
SELECT regress.attempt(format($$SELECT post(regress.account('ledger-dup'), 'add', 78, 's', 'd',
	'2023-05-05Z', idempotency_key => %L)$$, :'fingerprint'));
ROLLBACK;

-- idempotency keys: the same request gives the first entry, another is refused
SELECT balance FROM credit_init(regress.party('ledger-key'), 50, 's', '', now(), token_type => 'ledger');
SELECT balance FROM credit_init(regress.party('ledger-key'), 50, 's', '', now(), 'other', 'ledger');
CREATE TEMPORARY TABLE keyed (n integer, change text, call text);
INSERT INTO keyed VALUES
	(1, 'first', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(2, 'same', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(3, 'same after rounding', $$post(regress.account('ledger-key'), 'add', 5.004, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(4, 'same, expected', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', balance_expected => 1, device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(5, 'operation', $$post(regress.account('ledger-key'), 'adjust', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(6, 'amount', $$post(regress.account('ledger-key'), 'add', 5.01, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(7, 'amount rounds to zero', $$post(regress.account('ledger-key'), 'add', 0.001, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(8, 'source', $$post(regress.account('ledger-key'), 'add', 5, 't', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(9, 'description', $$post(regress.account('ledger-key'), 'add', 5, 's', '', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(10, 'recorded_at', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', '2023-04-04 08:01Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(11, 'recorded_at null', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(12, 'device', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'X', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(13, 'device null', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(14, 'credit_add', $$credit_add(regress.party('ledger-key'), 5, 's', 'd', '2023-04-04 08:00Z', token_type => 'ledger', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(15, 'credit_init', $$credit_init(regress.party('ledger-key'), 5, 's', 'd', '2023-04-04 08:00Z', token_type => 'ledger', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(16, 'init elsewhere', $$credit_init(regress.party('ledger-key'), 5, 's', 'd', '2023-04-04 08:00Z', 'third', 'ledger', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(17, 'add before init', $$credit_add(regress.party('ledger-key'), 5, 's', 'd', '2023-04-04 08:00Z', 'third', 'ledger', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(18, 'another account', $$post(regress.account('ledger-key', 'other'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(19, 'another party', $$post(regress.account('ledger-1'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	(20, 'another key', $$post(regress.account('ledger-key'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a2')$$);
SELECT n, change, regress.answer(format('SELECT row(entry_no, delta, balance, keyed_call) FROM regress.stored(%s)', call))
FROM keyed ORDER BY n;
SELECT r.code, r.message, r.hint FROM regress.refusal((SELECT 'SELECT ' || call FROM keyed WHERE n = 6)) r;
SELECT regress.attempt($$SELECT ordinal, refusal FROM post_batch(ARRAY[regress.account('ledger-key')],
	'{5}', 's', '{d}', '{2023-04-04 08:00Z}', '{1ed6e500-0000-4000-8000-0000000000a1}')$$);
-- a replay answers also where a new request would be refused
SET ROLE regress_admin;
SELECT is_active FROM update_token_type(regress.type('ledger'), is_active => false);
SET ROLE regress_operator;
SELECT n, change, regress.answer(format('SELECT row(entry_no, delta, balance, keyed_call) FROM regress.stored(%s)', call))
FROM keyed WHERE n IN (2, 6) ORDER BY n;
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('ledger-key'), 'add', 1, 's')$$) r;
SET ROLE regress_admin;
SELECT is_active, is_archived FROM update_token_type(regress.type('ledger'), is_active => true, is_archived => true);
SET ROLE regress_operator;
-- nothing new is opened with an archived type; what is there goes on
SELECT balance FROM post(regress.account('ledger-key'), 'subtract', 1, 's');
SELECT r.* FROM regress.refusal($$SELECT credit_init(regress.party('ledger-key'), 5, 's', 'd', now(), 'third', 'ledger')$$) r;
SET ROLE regress_admin;
SELECT is_active, is_archived FROM update_token_type(regress.type('ledger'), is_archived => false);
SET ROLE regress_operator;
-- a suspended party keeps what it has and acquires nothing
SELECT is_suspended FROM update_party(regress.party('ledger-key'), is_suspended => true);
SELECT n, regress.answer(format('SELECT (post(regress.account(''ledger-key''), %L, %s, ''s'')).balance', op, amount))
FROM (VALUES (1, 'add', 1), (2, 'adjust', 1), (3, 'adjust', -1), (4, 'subtract', 1)) v(n, op, amount);
SELECT n, change, regress.answer(format('SELECT row(entry_no, delta, balance, keyed_call) FROM regress.stored(%s)', call))
FROM keyed WHERE n = 2;
SELECT is_suspended FROM update_party(regress.party('ledger-key'), is_suspended => false);

-- a posting sees what its own transaction did, and is undone with it
BEGIN;
SELECT balance AS before FROM account WHERE id = regress.account('ledger-key') \gset
SELECT balance - :before AS change FROM post(regress.account('ledger-key'), 'add', 1, 's');
SAVEPOINT s;
SELECT balance - :before AS change FROM post(regress.account('ledger-key'), 'add', 2, 's');
ROLLBACK TO s;
SELECT balance - :before AS change FROM post(regress.account('ledger-key'), 'add', 4, 's');
SELECT max(balance) - :before AS change, count(*)
FROM generate_series(1, 10), post(regress.account('ledger-key'), 'add', 1, 's');
SELECT (post(regress.account('ledger-key'), 'add', step, 's')).balance - :before AS change
FROM generate_series(1, 3) AS step;
ROLLBACK;
SELECT balance - :before AS change FROM account WHERE id = regress.account('ledger-key');
BEGIN READ ONLY;
SELECT regress.sqlstate($$SELECT post(regress.account('ledger-key'), 'add', 1, 's')$$);
SELECT regress.sqlstate($$SELECT * FROM post_batch(ARRAY[regress.account('ledger-key')], '{1}', 's')$$);
SELECT balance_at(regress.account('ledger-key'), 'infinity') = balance AS same
FROM account WHERE id = regress.account('ledger-key');
SELECT * FROM reconcile((SELECT regress.account('ledger-key')));
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(post(regress.account('ledger-key'), 'add', 1, 's')) FROM generate_series(1, 3);
COMMIT;

-- a refused call leaves nothing: not a row, a changed row or a used key
CREATE TEMPORARY TABLE refused (statement text);
INSERT INTO refused VALUES
	($$post(regress.account('ledger-2'), 'add', 1000, 's', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1')$$),
	($$post(regress.account('ledger-2'), 'subtract', 1000, 's', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1')$$),
	($$post(regress.account('ledger-2'), 'add', 1, 's', balance_expected => 77, idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1')$$),
	($$post(regress.account('ledger-2'), 'add', 0.001, 's', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1')$$),
	($$post(regress.account('ledger-2'), 'add', 0, 's', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1')$$),
	($$post(0, 'add', 1, 's')$$),
	($$post(regress.account('ledger-dup'), 'add', 5, 's', 'd', '2023-04-04 08:00Z', device => 'x')$$),
	($$post(regress.account('ledger-key'), 'add', 6, 's', idempotency_key => '1ed6e500-0000-4000-8000-0000000000a1')$$),
	($$credit_init(regress.party('ledger-2'), 1, 's', 'd', now(), token_type => 'ledger-bounded', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1')$$),
	($$credit_init(regress.party('ledger-2'), 11, 's', 'd', now(), 'new', 'ledger-bounded', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1')$$),
	($$credit_init(regress.party('ledger-2'), 1, 's', 'd', now(), 'new', 'ledger-bounded', balance_expected => 2)$$),
	($$credit_add(regress.party('ledger-2'), 1, 's', 'd', now(), 'new', 'ledger-bounded')$$),
	($$credit_add(regress.party('ledger-2'), 1, 's', 'd', now(), token_type => 'ledger-none')$$),
	($$credit_init(0, 1, 's', 'd', now())$$),
	($$(SELECT count(*) FROM post_batch(ARRAY[regress.account('ledger-2'), regress.account('ledger-2')], '{1,1000}', 's'))$$),
	($$(SELECT count(*) FROM post_batch(ARRAY[regress.account('ledger-1'), 0], '{1,1}', 's'))$$),
	($$add_party('person', 'x', barcode => 'ledger-1')$$),
	($$update_party(regress.party('ledger-1'), barcode => 'ledger-2')$$);
CREATE TEMPORARY TABLE before AS SELECT * FROM regress.books();
SELECT regress.sqlstate('SELECT ' || statement), statement FROM refused;
SELECT b.relation FROM before b FULL JOIN regress.books() a USING (relation)
WHERE (a.rows, a.digest) IS DISTINCT FROM (b.rows, b.digest);
SELECT balance FROM post(regress.account('ledger-2'), 'add', 1, 's',
	idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1');

-- nobody writes by hand
SELECT regress.attempt(statement)
FROM (VALUES ($$UPDATE account SET balance = 0$$), ($$UPDATE account SET name = 'x'$$),
	($$DELETE FROM account$$), ($$TRUNCATE account$$),
	($$INSERT INTO account SELECT * FROM account$$), ($$UPDATE entry SET delta = 0$$),
	($$DELETE FROM entry$$), ($$TRUNCATE entry$$), ($$INSERT INTO entry SELECT * FROM entry$$),
	($$SELECT 1 FROM account FOR UPDATE$$), ($$LOCK TABLE account$$),
	($$SELECT nextval('account_id_seq')$$), ($$ALTER TABLE entry DISABLE TRIGGER ALL$$)) v(statement);
-- the owner neither
RESET ROLE;
CREATE TEMPORARY TABLE by_hand (n integer, statement text);
INSERT INTO by_hand VALUES
	(1, $$UPDATE trainledger.entry SET delta = 0$$),
	(2, $$UPDATE trainledger.entry SET description = '' WHERE false$$),
	(3, $$DELETE FROM trainledger.entry$$),
	(4, $$DELETE FROM trainledger.entry WHERE false$$),
	(5, $$TRUNCATE trainledger.entry$$),
	(6, $$TRUNCATE trainledger.entry CASCADE$$),
	(7, $$MERGE INTO trainledger.entry e USING (VALUES (1)) v(x) ON e.account_id = -1
		WHEN MATCHED THEN UPDATE SET delta = 0$$),
	(8, $$MERGE INTO trainledger.entry e USING (VALUES (1)) v(x) ON e.entry_no = v.x
		WHEN MATCHED THEN DELETE$$),
	(9, $$INSERT INTO trainledger.entry SELECT * FROM trainledger.entry
		ON CONFLICT (account_id, entry_no) DO UPDATE SET delta = 0$$),
	(10, $$UPDATE trainledger.account SET balance = 0$$),
	(11, $$UPDATE trainledger.account SET name = 'x' WHERE false$$),
	(12, $$DELETE FROM trainledger.account$$),
	(13, $$TRUNCATE trainledger.account$$),
	(14, $$TRUNCATE trainledger.account, trainledger.entry$$),
	(15, $$TRUNCATE trainledger.party CASCADE$$),
	(16, $$TRUNCATE trainledger.token_type CASCADE$$),
	(17, $$MERGE INTO trainledger.account a USING (VALUES (1)) v(x) ON a.entry_count = v.x
		WHEN MATCHED THEN UPDATE SET balance = 0$$),
	(18, $$INSERT INTO trainledger.account SELECT * FROM trainledger.account
		ON CONFLICT (id) DO UPDATE SET balance = 0$$),
	(19, $$WITH gone AS (DELETE FROM trainledger.entry RETURNING *) SELECT count(*) FROM gone$$);
SELECT n, regress.attempt(statement) FROM by_hand ORDER BY n;
SELECT r.* FROM regress.refusal('DELETE FROM trainledger.entry') r;
BEGIN;
SET LOCAL session_replication_role = replica;
SELECT regress.sqlstate(statement), count(*) FROM by_hand GROUP BY 1;
ROLLBACK;
-- what holds an account stays too
SELECT regress.sqlstate(statement)
FROM (VALUES ($$DELETE FROM trainledger.party WHERE barcode = 'ledger-1'$$),
	($$DELETE FROM trainledger.token_type WHERE name = 'ledger'$$)) v(statement);
-- not even while the engine is at work: an update by hand in a trigger
BEGIN;
CREATE FUNCTION pg_temp.by_hand() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN UPDATE trainledger.account SET balance = 0; RETURN NULL; END $$;
CREATE TRIGGER t AFTER INSERT ON trainledger.entry FOR EACH ROW EXECUTE FUNCTION pg_temp.by_hand();
SELECT regress.attempt($$SELECT trainledger.post(regress.account('ledger-1'), 'add', 1, 's')$$);
DROP TRIGGER t ON trainledger.entry;
SELECT regress.attempt($$UPDATE trainledger.account SET balance = 0$$);
ROLLBACK;
SELECT r.code, r.message FROM regress.refusal($$SELECT trainledger_internal.refuse_change()$$) r;
SELECT r.code, r.message FROM regress.refusal($$SELECT trainledger_internal.refuse_plain_update()$$) r;

-- reconcile: the books are right
SELECT * FROM reconcile();
SELECT * FROM reconcile((SELECT regress.account('ledger-1')));
SELECT * FROM reconcile(0);
-- and sees each kind of damage, of this account alone
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE account DISABLE TRIGGER ALL;
ALTER TABLE entry DISABLE TRIGGER ALL;
SELECT regress.account('ledger-2') AS id \gset
SELECT balance, entry_count FROM account WHERE id = :id;
SELECT entry_no, delta, balance FROM entry WHERE account_id = :id ORDER BY entry_no;
CREATE FUNCTION pg_temp.damage(statement text) RETURNS TABLE (
	problem text, expected numeric, found numeric, others bigint)
LANGUAGE plpgsql
AS $$
DECLARE
	damaged bigint := regress.account('ledger-2');
	other bigint := regress.account('ledger-1');
BEGIN
	BEGIN
		EXECUTE replace(statement, ':id', damaged::text);
		RETURN QUERY
		SELECT r.problem, r.expected, r.found,
			(SELECT count(*) FROM trainledger.reconcile() o
			 WHERE o.account_id NOT IN (damaged, -1))
			+ (SELECT count(*) FROM trainledger.reconcile(other))
		FROM trainledger.reconcile() r
		ORDER BY r.problem, r.expected;
		IF NOT FOUND THEN
			problem := 'not seen'; RETURN NEXT;
		END IF;
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	END;
END
$$;
SELECT n, d.*
FROM (VALUES
	(1, $$UPDATE account SET balance = balance + 1 WHERE id = :id$$),
	(2, $$UPDATE account SET entry_count = entry_count + 1 WHERE id = :id$$),
	(3, $$UPDATE account SET entry_count = entry_count - 1 WHERE id = :id$$),
	(4, $$UPDATE account SET initial_balance = 3 WHERE id = :id$$),
	(5, $$UPDATE entry SET delta = delta + 1 WHERE account_id = :id AND entry_no = 3$$),
	(6, $$UPDATE entry SET balance = balance + 1 WHERE account_id = :id AND entry_no = 3$$),
	(7, $$DELETE FROM entry WHERE account_id = :id AND entry_no = 3$$),
	(8, $$DELETE FROM entry WHERE account_id = :id AND entry_no = 1$$),
	(9, $$DELETE FROM entry WHERE account_id = :id AND entry_no = (SELECT entry_count FROM account WHERE id = :id)$$),
	(10, $$DELETE FROM entry WHERE account_id = :id$$),
	(11, $$DELETE FROM account WHERE id = :id$$),
	(12, $$UPDATE entry SET entry_no = 100 WHERE account_id = :id AND entry_no = 3$$),
	(13, $$UPDATE entry SET entry_no = 0 WHERE account_id = :id AND entry_no = 1$$),
	(14, $$UPDATE entry SET created_at = created_at + interval '1 day' WHERE account_id = :id AND entry_no = 3$$),
	(15, $$INSERT INTO entry SELECT -1, 1, 5, 5, now(), 0, NULL, NULL, 'add', NULL, 's', '', NULL, 'x'$$),
	(16, $$INSERT INTO entry SELECT :id, 101, 0, (SELECT balance FROM account WHERE id = :id), 'infinity', 0, NULL, NULL, 'add', NULL, 's', '', NULL, 'x'$$),
	(17, $$UPDATE entry SET delta = delta + 1, balance = balance + 1 WHERE account_id = :id AND entry_no = 3$$),
	(18, $$UPDATE entry SET delta = -delta WHERE account_id = :id$$)
) v(n, statement), pg_temp.damage(statement) d ORDER BY n, d.problem, d.expected;
ROLLBACK;
SELECT count(*) FROM reconcile();

-- The number of a booking: one for all that a transaction writes, whatever the
-- way and whatever a savepoint took back, and another one for the next
SET ROLE regress_admin;
SELECT name FROM add_training_token_type('ledger-booking');
SET ROLE regress_operator;
BEGIN;
SELECT booking_no AS booking, is_replay FROM post(regress.account('ledger-1'), 'add', 1, 'till', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1') \gset
SAVEPOINT s;
SELECT booking_no = :booking AS same FROM post(regress.account('ledger-1'), 'add', 2, 'till');
ROLLBACK TO s;
SELECT booking_no = :booking AS same FROM credit_init(regress.party('ledger-1'), 3, 's', 'd', now(), 'booking', 'ledger');
SELECT count(*) FROM post_batch(ARRAY[regress.account('ledger-1'), regress.account('ledger-1', 'booking', 'ledger')], '{1,1}', 's');
SELECT count(*) FROM issue_training_tokens(regress.type('ledger-booking', 'training'), regress.party('ledger-1'), 5);
COMMIT;
SELECT count(*) AS entries, count(DISTINCT account_id) AS accounts FROM entry WHERE booking_no = :booking;
SELECT booking_no > :booking AS later, is_replay FROM post(regress.account('ledger-1'), 'subtract', 1, 'till');
-- who comes again gets the first entry, with its number
SELECT booking_no = :booking AS first, is_replay FROM post(regress.account('ledger-1'), 'add', 1, 'till', idempotency_key => '1ed6e500-0000-4000-8000-0000000000b1');
SELECT bool_and(booking_no IS NOT NULL AND NOT is_replay) AS listed FROM credit_history(regress.party('ledger-1'), 'booking', 'ledger');
RESET ROLE;
