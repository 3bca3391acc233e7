-- Bounds that leave a balance outside, the expected balance, and numbers that
-- no amount holds (contract, sections 3 and 6)
\pset format unaligned
\pset null (null)
\set VERBOSITY terse
SET search_path = trainledger, public;
SET client_min_messages = error;
SET ROLE regress_admin;
SELECT name, bounds FROM add_credit_token_type('cap', upper_bound => 2);
SELECT name, bounds FROM add_credit_token_type('walk', scale => 1, lower_bound => 0, upper_bound => 10);
SELECT name, bounds FROM add_credit_token_type('expect');
SELECT name, bounds FROM add_credit_token_type('expect-0', scale => 0);
SELECT name, bounds FROM add_credit_token_type('expect-6', scale => 6);
SET ROLE regress_operator;
SELECT barcode FROM unnest('{bounds-1,bounds-2}'::text[]) AS b, add_party('person', b, barcode => b);

-- A cap is lowered below the balance: what was owed can be paid off
SELECT balance FROM credit_init(regress.party('bounds-1'), 1.1, 's', '', now(), 'shop', 'cap');
SET ROLE regress_admin;
SELECT bounds FROM update_token_type(regress.type('cap'), upper_bound => 0.5);
SET ROLE regress_operator;
SELECT balance FROM post(regress.account('bounds-1', 'shop'), 'subtract', 0.1, 's');
SELECT r.* FROM regress.refusal($$SELECT post(regress.account('bounds-1', 'shop'), 'add', 0.1, 's')$$) r;
SELECT balance FROM credit_subtract(regress.party('bounds-1'), 0.2, 's', '', now(), 'shop', 'cap');
SELECT refusal, balance FROM post_batch(array_fill(regress.account('bounds-1', 'shop'), '{4}'), '{-0.2,0.1,-0.1,0.1}', 's', skip_refused => true);
-- The same from below, in a batch that raises, by an adjustment, in a document
SET ROLE regress_admin;
SELECT bounds FROM update_token_type(regress.type('cap'), lower_bound => 3, upper_bound => 5);
SET ROLE regress_operator;
SELECT balance FROM post(regress.account('bounds-1', 'shop'), 'adjust', 1, 's');
SELECT balance FROM post_batch(array_fill(regress.account('bounds-1', 'shop'), '{2}'), '{0.25,0.25}', 's');
SELECT r.* FROM regress.refusal($$SELECT post_batch(array_fill(regress.account('bounds-1', 'shop'), '{2}'), '{0.25,-0.25}', 's')$$) r;
SELECT trainledger_api.credit_token_transaction_subtract(
	'{"delegate_barcode":"bounds-1","amount":0.01,"source":"s","description":"d","recordedAt":1,"accountName":"shop","tokenType":"cap"}')->'errorCode' AS code;
SELECT trainledger_api.credit_token_transaction_add(
	'{"delegate_barcode":"bounds-1","amount":0.01,"source":"s","description":"d","recordedAt":2,"accountName":"shop","tokenType":"cap"}')->'balance' AS balance;
-- a move that passes through the inside ends where it leads away from it
SELECT regress.answer(format('(post(regress.account(''bounds-1'', ''shop''), ''adjust'', %s, ''s'')).balance', delta))
FROM unnest('{3.5,0.81,0.8,9,-5,-1}'::numeric[]) AS delta;
-- An account is opened within the bounds
SELECT regress.answer(format('(credit_init(regress.party(''bounds-2''), %s, ''s'', '''', now(), ''shop'', ''cap'')).balance', amount))
FROM unnest('{2.99,5.01,0,-1,3}'::numeric[]) AS amount;

-- Any walk under any bounds, posted singly and in a batch, directly and with
-- SQL, against the rule: refused are more above the bounds and less below them
SELECT count(credit_init(regress.party(b), 0, 's', '', now(), n, 'walk')) AS opened
FROM unnest('{bounds-1,bounds-2}'::text[]) AS b, unnest('{tables,sql}'::text[]) AS n;
RESET ROLE;
SELECT setseed(0.25);
CREATE TEMPORARY TABLE step AS
SELECT n, round((random() * 16 - 8)::numeric, 1) AS delta,
	CASE WHEN n % 3 = 0 THEN round((random() * 12 - 8)::numeric, 1) END AS lower
FROM generate_series(1, 600) AS n;
UPDATE step SET delta = 0.1 WHERE delta = 0;
CREATE TEMPORARY TABLE walked (writer text, n integer, before numeric, lower numeric, delta numeric, singly text, together text);
CREATE FUNCTION pg_temp.walk(writer text) RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	s record;
	alone bigint := regress.account('bounds-1', writer, 'walk');
	batch bigint := regress.account('bounds-2', writer, 'walk');
	was numeric;
	at_least numeric := 0;
	singly text;
BEGIN
	FOR s IN SELECT * FROM step ORDER BY n LOOP
		IF s.lower IS NOT NULL THEN
			at_least := s.lower;
			PERFORM update_token_type(regress.type('walk'), lower_bound => s.lower, upper_bound => s.lower + 5);
		END IF;
		was := (SELECT balance FROM account WHERE id = alone);
		singly := regress.answer(format('(post(%s, ''adjust'', %s, ''s'')).balance', alone, s.delta));
		INSERT INTO walked SELECT writer, s.n, was, at_least, s.delta, left(singly, 5),
			left(coalesce(b.refusal, b.balance::text), 5)
		FROM post_batch(ARRAY[batch], ARRAY[s.delta::amount], 's', skip_refused => true) b;
	END LOOP;
END
$$;
SELECT pg_temp.walk('tables');
CREATE FUNCTION pg_temp.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER by_sql BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION pg_temp.nothing();
SELECT pg_temp.walk('sql');
DROP TRIGGER by_sql ON entry;
SELECT writer, count(*) FILTER (WHERE singly = 'TL054') > 30 AS above, count(*) FILTER (WHERE singly = 'TL055') > 30 AS below,
	count(*) FILTER (WHERE singly !~ 'TL' AND before NOT BETWEEN lower AND lower + 5
		AND before + delta NOT BETWEEN lower AND lower + 5) > 10 AS towards,
	count(*) FILTER (WHERE singly <> together) AS batch_differs,
	count(*) FILTER (WHERE singly <> left(CASE WHEN delta > 0 AND before + delta > lower + 5 THEN 'TL054'
		WHEN delta < 0 AND before + delta < lower THEN 'TL055' ELSE (before + delta)::amount::text END, 5)) AS wrong
FROM walked GROUP BY 1 ORDER BY 1;
SELECT * FROM reconcile();

-- The expected balance is rounded to the type's scale, halves away from zero
SET ROLE regress_operator;
SELECT count(credit_init(regress.party('bounds-1'), amount, 's', '', now(), 'default', type)) AS opened
FROM (VALUES ('expect', 1.1), ('expect-0', 7), ('expect-6', 0.1)) v(type, amount);
SELECT balance FROM credit_add(regress.party('bounds-1'), 2.2, 's', '', now(), token_type => 'expect', balance_expected => 3.3000000000000003);
SELECT operation, amount, expected, regress.answer(format(
	'(post(regress.account(''bounds-1'', ''default'', %L), %L, %s, ''s'', balance_expected => %s)).balance', type, operation, amount, expected))
FROM (VALUES (1, 'expect', 'add', 0.1, 3.395), (2, 'expect', 'subtract', 0.1, 3.305), (3, 'expect', 'subtract', 0.1, 3.2949999999999999), (3, 'expect', 'subtract', 0.1, 3.295),
	(4, 'expect', 'adjust', -6.4, -3.0949999), (4, 'expect', 'adjust', -6.4, -3.095), (5, 'expect', 'adjust', -0.1, -3.205), (5, 'expect', 'adjust', -0.1, -3.195), (6, 'expect', 'adjust', 0.1, 1e30),
	(7, 'expect', 'adjust', 0.1, -3.0999999999999996), (8, 'expect-0', 'add', 1, 7.5), (9, 'expect-0', 'add', 1, 8.5),
	(10, 'expect-0', 'add', 1, 9.4999999), (11, 'expect-6', 'add', 0.2, 0.30000000000000004), (12, 'expect-6', 'add', 0.2, 0.5000005),
	(13, 'expect-6', 'add', 0.2, 0.4999995)) v(n, type, operation, amount, expected)
ORDER BY n, expected;
-- of an opening too
SELECT regress.answer(format('(credit_init(regress.party(''bounds-2''), 0.3, ''s'', '''', now(), %L, ''expect'', balance_expected => %s)).balance', n, expected))
FROM (VALUES ('a', 0.295), ('b', 0.29499), ('c', 0.30499999999999999)) v(n, expected);
-- in documents numbers are as written
SELECT expected, trainledger_api.credit_token_transaction_add(format(
	'{"delegate_barcode":"bounds-2","amount":2.2,"source":"s","description":%s,"recordedAt":3,"accountName":"a","tokenType":"expect","balanceExpected":%s}', to_json(expected), expected)::json)::jsonb
	#> CASE WHEN expected = '1e30' THEN '{errors,children,balanceExpected}' WHEN expected = '4.71' THEN '{errorCode}' ELSE '{balance}' END::text[] AS answer
FROM unnest('{2.5000000000000004,"4.6950",4.71,1e30}'::text[]) AS expected;

-- What no amount holds: 22003 of the type, TL400 of a request, TL052 where it
-- is expected; a null or zero in a batch
SELECT door, regress.sqlstate('SELECT ' || door) AS code
FROM unnest(ARRAY[
	'1e30::amount', '1.0000001::amount', '0.0000005::amount', '''NaN''::numeric::amount', '(-1e30)::amount', '10000000000000::bigint::amount',
	'round_amount(1e30, 2)', 'format_amount(1e30::amount, 2)', 'amount_range(0::amount, 1e30::amount)',
	'(ARRAY[1e30])::amount[]', '(ARRAY[0.0000001])::amount[]', 'post_batch(ARRAY[regress.account(''bounds-1'', ''shop'')], ARRAY[1e30::amount], ''s'')',
	'post_batch(ARRAY[regress.account(''bounds-1'', ''shop'')], ARRAY[NULL]::amount[], ''s'')', 'post_batch(ARRAY[NULL]::bigint[], ARRAY[1]::amount[], ''s'')',
	'post_batch(ARRAY[regress.account(''bounds-1'', ''shop'')], ARRAY[0]::amount[], ''s'')',
	'post(regress.account(''bounds-1'', ''shop''), ''add'', 1e30, ''s'')', 'post(regress.account(''bounds-1'', ''shop''), ''adjust'', -1e30, ''s'')',
	'post(regress.account(''bounds-1'', ''shop''), ''add'', 1, ''s'', balance_expected => 1e30)', 'credit_add(regress.party(''bounds-1''), 1e30, ''s'', '''', now(), ''shop'', ''cap'')',
	'credit_init(regress.party(''bounds-1''), 1e30, ''s'', '''', now(), ''other'', ''cap'')']) AS door;
SELECT r.*, b.refusal FROM post_batch(ARRAY[NULL, regress.account('bounds-1', 'shop')], ARRAY[1, NULL]::amount[], 's', skip_refused => true) b,
	regress.refusal($$SELECT 0.0000001::amount$$) r;
SET ROLE regress_admin;
SELECT door, regress.sqlstate('SELECT ' || door) AS code
FROM unnest(ARRAY['add_credit_token_type(''x'', upper_bound => 1e30)', 'update_token_type(regress.type(''cap''), lower_bound => -1e30)',
	'issue_training_tokens(gen_random_uuid(), regress.party(''bounds-1''), 1e30)', 'adjust_training_tokens(gen_random_uuid(), 1e30)',
	'redeem_training_tokens(regress.party(''bounds-1''), gen_random_uuid(), 1e30, ''r'')']) AS door;
