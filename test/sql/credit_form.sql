-- The bodies of credit-token transactions: every rule of their fields, every
-- refusal, and the accounts that are read (contract, section 7)
\pset format unaligned
CREATE SCHEMA regress_form;
GRANT USAGE ON SCHEMA regress_form TO PUBLIC;

-- A body that is good, with one field said in another way: its JSON as it is
-- written, NULL to leave it out
CREATE FUNCTION regress_form.body(
	field text DEFAULT NULL, value text DEFAULT NULL, delegate text DEFAULT NULL)
RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT '{' || string_agg(to_json(f.key) || ':' || f.value, ',') || '}'
	FROM (
		SELECT v.key, v.value
		FROM (VALUES
			('delegate_barcode', coalesce(delegate, '"form-1"')),
			('amount', '5'), ('source', '"test"'),
			('description', '"a test"'), ('recordedAt', '1512516382')
		) v(key, value)
		WHERE v.key IS DISTINCT FROM field
		AND NOT (v.key ~ '^delegate' AND coalesce(field, '') ~ '^delegate')
		UNION ALL
		SELECT field, value WHERE value IS NOT NULL
	) f
$$;

-- The errors of an error document, each with its field.  They are only told
-- where the document has all fields in their order and nothing else.
CREATE FUNCTION regress_form.errors(document json) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE
		WHEN document::text !~ '^{"code":400,"message":"Validation Failed","errors":{("errors":\["[^"]*"],)?"children":{'
			OR (SELECT array_agg(k)
				FROM json_object_keys(document->'errors'->'children') k)
				<> '{delegate_id,delegate_rfid,delegate_barcode,delegate_externalId,device_id,device_code,operation,amount,source,description,recordedAt,accountName,tokenType,rounding,balanceExpected}'
			OR EXISTS (
				SELECT FROM json_each_text(document->'errors'->'children') c
				WHERE c.value !~ '^{("errors":\["[^"]*"])?}$')
		THEN 'not the tree: ' || document::text
		ELSE (
			SELECT string_agg(e.message, '; ')
			FROM (
				SELECT '(form): ' || (document #>> '{errors,errors,0}') AS message
				UNION ALL
				SELECT c.key || ': ' || (c.value #>> '{errors,0}')
				FROM json_each(document->'errors'->'children') c
			) e
			WHERE e.message IS NOT NULL)
	END
$$;

-- What a call comes to, in short.  What was accepted is undone, so that the
-- cases do not depend on each other; what was refused has to undo itself.
CREATE FUNCTION regress_form.send(body text, door text DEFAULT 'add')
RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	document json;
	status text;
BEGIN
	PERFORM set_config('response.status', 'none', true);
	EXECUTE format('SELECT trainledger_api.%I($1::json)',
			'credit_token_transaction' || coalesce('_' || nullif(door, ''), ''))
		INTO document USING body;
	status := current_setting('response.status');
	IF status = '201' THEN
		RAISE SQLSTATE 'UNDO0';
	END IF;
	IF status IS DISTINCT FROM document->>'code' THEN
		RETURN 'status ' || status || ' with ' || document;
	END IF;
	IF status = '400' THEN
		RETURN '400 ' || regress_form.errors(document);
	END IF;
	RETURN status || ' ' || (document->>'message') || ' '
		|| (document->>'errorCode');
EXCEPTION
	WHEN SQLSTATE 'UNDO0' THEN
		RETURN '201 ' || concat_ws(' ', document->'transaction'->>'operation',
			document->'transaction'->>'amount', '=', document->>'balance');
	WHEN OTHERS THEN
		RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

SET ROLE regress_operator;
SET search_path = regress_form, pg_catalog;
SELECT count(trainledger.add_party('person', barcode, barcode => barcode))
FROM unnest('{form-1,form-2,form-3}'::text[]) barcode;
SELECT count(trainledger_api.credit_token_transaction_init(
	body('amount', '10', to_json(barcode)::text)::json))
FROM unnest('{form-1,form-2}'::text[]) barcode;
CREATE TEMPORARY TABLE books AS SELECT * FROM regress.books();

SELECT send(body());
SELECT send(body('amount', '-1'), 'add');

-- Every field with every kind of value
SELECT f.field, v.value, send(body(f.field, v.value))
FROM unnest('{delegate_id,delegate_rfid,delegate_barcode,delegate_externalId,device_id,device_code,operation,amount,source,description,recordedAt,accountName,tokenType,rounding,balanceExpected}'::text[])
		WITH ORDINALITY f(field, n),
	unnest(ARRAY[NULL, 'null', '""', '" "', '" \t\r\n"', 'true', 'false', '[]',
		'{}', '["5"]', '{"a": 5}', '"\u0000"', '"5\u0000"', '"\ud800"',
		'"\ude00\ud83d"', '"\ud83d\ude00"', '5', '-5', '"5"', '5.0', '"x"'])
		WITH ORDINALITY v(value, m)
-- there may be a party 5
WHERE (f.field = 'delegate_id' AND v.value ~ '^"?5"?$') IS NOT TRUE
ORDER BY f.n, v.m;

-- Amounts
SELECT v.value, send(body('amount', v.value), 'add') AS add
FROM unnest(ARRAY['0', '-0', '0.0', '0e5', '"0"', '"-0"', '"+0"', '-5', '"-5"',
	'-1e-999999', '5.00', '5e0', '0.5e1', '50E-1', '5e+0', '0.0000001',
	'0.004', '0.005', '1e999999', '1e-999999', '-1e999999', '1e99999999999999999999',
	'1e-99999999999999999999', '9223372036854.77', '9223372036844.77',
	'9223372036854.775807', '9223372036854.775808', '99999999999999',
	'"5 "', '" 5"', '"\t5\n"', '"+5"', '".5"', '"5."', '"."', '"5,0"', '"5 0"',
	'"1_0"', '"0x5"', '"1e"', '"e5"', '"--5"', '"NaN"', '"Infinity"', '"inf"',
	'"5\u00a0"', '"５"', '"5abc"']) WITH ORDINALITY v(value, n)
ORDER BY n;
SELECT length(v.value), send(body('amount', v.value))
FROM unnest(ARRAY['1' || repeat('0', 10000), '0.' || repeat('0', 10000) || '1',
	'5.' || repeat('0', 10000), '5e-' || repeat('0', 10000) || '1']) v(value);
SELECT length(v.value), send(body('amount', to_json(v.value)::text))
FROM unnest(ARRAY[repeat('0', 10000) || '5', '5.' || repeat('0', 10000),
	repeat('5', 10000), '1e' || repeat('0', 10000), repeat('-', 10000)]) v(value);
-- an account may be opened with any balance
SELECT v.value,
	send(body('amount', v.value, '"form-3"'), 'init') AS init,
	send(body('amount', v.value), 'subtract') AS subtract
FROM unnest(ARRAY['0', '-0', '"-0.00"', '-5', '"-5"', '0.0000001', '1e-999999',
	'-1e-999999', '1e999999', '-9223372036854.77', '-9223372036854.775808',
	'-9223372036854.775809', '5']) WITH ORDINALITY v(value, n)
ORDER BY n;

-- Rounding
SELECT v.value, r.mode,
	send(replace(body('amount', v.value, '"form-3"'), '}', ',"rounding":' || r.mode || '}'), 'init')
		AS init,
	send(replace(body('amount', v.value), '}', ',"rounding":' || r.mode || '}'), 'subtract')
		AS subtract
FROM unnest(ARRAY['5.005', '5.004999999999999999999', '5.00000000000000000001',
		'-5.005', '0.005', '0.0000001', '1e-999999'])
		WITH ORDINALITY v(value, n),
	unnest(ARRAY['"round"', '"floor"', '"ceil"', 'null']) WITH ORDINALITY r(mode, m)
ORDER BY n, m;
SELECT v.value, send(body('rounding', v.value))
FROM unnest(ARRAY['"Round"', '"half_even"', '"round "', '"ceil\u0000"', '0'])
	WITH ORDINALITY v(value, n)
ORDER BY n;

-- Times
SELECT v.value, send(body('recordedAt', v.value))
FROM unnest(ARRAY['0', '-0', '-1', '1512516382.0', '1.512516382e9',
	'15125163820e-1', '1512516382.5', '1512516382.0000001', '1e-999999',
	'"1512516382"', '" 1512516382 "', '"2017-12-05T23:26:22Z"', '"now"',
	'"infinity"', '253402300799', '253402300800', '9223372036854775807',
	'1e30', '1e999999', '"0x5a272b9e"']) WITH ORDINALITY v(value, n)
ORDER BY n;

-- The expected balance is rounded as the amount is, and compared
SELECT v.value, send(body('balanceExpected', v.value))
FROM unnest(ARRAY['15', '15.0', '15.00000000000000000000', '1.5e1', '"15"',
	'" 15 "', '15.00000000000000000001', '14.99', '-15', '0',
	'9223372036854.775807', '9223372036854.775808', '1e999999', '1e-999999',
	'"x"', '"NaN"']) WITH ORDINALITY v(value, n)
ORDER BY n;
SELECT send('{"delegate_barcode":"form-1","amount":0.105,"source":"s","description":"d","recordedAt":1,"balanceExpected":10.11}');
SELECT send('{"delegate_barcode":"form-1","amount":0.105,"source":"s","description":"d","recordedAt":1,"balanceExpected":10.105}');

-- Lengths, in bytes
SELECT f.field, length(v.value) AS characters, octet_length(v.value) AS bytes,
	send(body(f.field, to_json(v.value)::text))
FROM unnest('{source,description,device_id,device_code}'::text[])
		WITH ORDINALITY f(field, n),
	unnest(ARRAY[repeat('x', 8192), repeat('x', 8193), repeat('é', 4096),
		repeat('é', 4096) || 'x', repeat('😀', 2048), repeat('😀', 2049)])
		WITH ORDINALITY v(value, m)
ORDER BY n, m;
-- what is counted is the text, not its spelling
SELECT send(body('source', '"' || repeat('\u0041', 8192) || '"')) AS short,
	send(body('source', '"' || repeat('\u0041', 8193) || '"')) AS long;
-- names in characters
SELECT f.field, length(v.value) AS characters,
	send(body(f.field, to_json(v.value)::text))
FROM unnest('{accountName,tokenType}'::text[]) f(field),
	unnest(ARRAY[repeat('é', 250), repeat('é', 251)]) v(value);
SELECT f.field, send(body(f.field, to_json(repeat('9', 10000))::text))
FROM unnest('{delegate_id,delegate_rfid,delegate_barcode,delegate_externalId,operation,rounding}'::text[]) f(field);

-- The operation is that of the call, or the body's
SELECT v.value, send(body('operation', v.value), 'add') AS add,
	send(body('operation', v.value), '') AS "any"
FROM unnest(ARRAY[NULL, '"init"', '"add"', '"subtract"', '"ADD"', '"add "',
	'"adjust"', '"issue"', '"hold"', '""', 'null', '1'])
	WITH ORDINALITY v(value, n)
ORDER BY n;
SELECT send(body('operation', '"init"', '"form-3"'), '');
SELECT send(body('operation', '"init"', '"form-3"'), 'init');
SELECT v.operation, v.amount, send(replace(body('amount', v.amount), '}',
	',"operation":"' || v.operation || '"}'), '')
FROM (VALUES ('add', '0'), ('add', '-1'), ('subtract', '0'), ('subtract', '-1'),
	('init', '-1')) v(operation, amount);

-- Delegates
SELECT p.id AS one FROM trainledger.party p WHERE p.barcode = 'form-1' \gset
SELECT p.id AS two FROM trainledger.party p WHERE p.barcode = 'form-2' \gset
SELECT rfid, external_id FROM trainledger.update_party(:one,
	rfid => '0071', external_id => '{"e"}');
SELECT rfid, external_id FROM trainledger.update_party(:two, rfid => '71');
UPDATE books b SET rows = n.rows, digest = n.digest
FROM regress.books() n
WHERE n.relation = b.relation AND b.relation = 'trainledger.party';
SELECT v.delegate, send(format('{%s,"amount":5,"source":"s","description":"d","recordedAt":1}',
	replace(v.delegate, '#1', :'one')))
FROM unnest(ARRAY[
	'"delegate_id":#1', '"delegate_id":"#1"', '"delegate_id":" #1 "',
	'"delegate_id":"00#1"', '"delegate_id":#1.0', '"delegate_id":-#1',
	'"delegate_id":"+#1"', '"delegate_id":1e999999',
	'"delegate_id":999999999999999999', '"delegate_id":9999999999999999999',
	'"delegate_id":0',
	-- numbers as identifiers, as they are written
	'"delegate_rfid":"0071"', '"delegate_rfid":71', '"delegate_rfid":71.0',
	'"delegate_rfid":"71 "', '"delegate_rfid":7.1e1',
	'"delegate_externalId":"{\"e\"}"', '"delegate_externalId":{"e":1}',
	-- unknown, by each key
	'"delegate_rfid":"none"', '"delegate_barcode":"none"',
	'"delegate_externalId":"none"', '"delegate_barcode":"FORM-1"',
	-- the same party twice, and two of them
	'"delegate_id":#1,"delegate_barcode":"form-1","delegate_rfid":"0071","delegate_externalId":"{\"e\"}"',
	'"delegate_id":#1,"delegate_barcode":"form-2"',
	'"delegate_barcode":"form-2","delegate_id":#1',
	'"delegate_id":#1,"delegate_rfid":71,"delegate_barcode":"form-2"',
	'"delegate_id":#1,"delegate_barcode":"none"',
	'"delegate_id":#1,"delegate_barcode":""',
	'"delegate_id":"","delegate_rfid":null,"delegate_barcode":"form-1"',
	'"delegate_id":"x","delegate_barcode":"form-1"',
	'"delegate_id":null,"delegate_barcode":[]',
	'"delegate_id":[],"delegate_rfid":true,"delegate_barcode":{},"delegate_externalId":"\ud800"'
	]) WITH ORDINALITY v(delegate, n)
ORDER BY n;

-- Devices: one key or the other
SELECT v.device, send(replace(body(), '}', ',' || v.device || '}'))
FROM unnest(ARRAY['"device_id":7,"device_code":"X"',
	'"device_id":7,"device_code":7', '"device_id":"","device_code":"X"',
	'"device_id":7,"device_code":null', '"device_id":7,"device_code":[]',
	'"device_id":true,"device_code":"X"']) WITH ORDINALITY v(device, n)
ORDER BY n;

-- Names; empty ones are the default
SELECT v.field, v.value, send(body(v.field, v.value))
FROM (VALUES (1, 'accountName', '""'), (2, 'accountName', '"  "'),
	(3, 'accountName', '"default"'), (4, 'accountName', '"Default"'),
	(5, 'accountName', '"default "'), (6, 'accountName', '1'),
	(7, 'tokenType', '""'), (8, 'tokenType', '"default"'),
	(9, 'tokenType', '"Default"'), (10, 'tokenType', '"none"'),
	(11, 'tokenType', '1')) v(n, field, value)
ORDER BY n;

-- Unknown keys, and keys in other spellings
SELECT v.fields, send(replace(body(), '}', ',' || v.fields || '}'))
FROM unnest(ARRAY['"x":1', '"":1', '"Amount":5', '"amount ":5', '"delegate_uuid":null',
	'"device_rfid":null', '"\u0000":1', '"\ud800":1', '"amount\u0000":5',
	'"\u0061mount":5', '"x":{"amount":1}', '"history":[]', '"_method":"PUT"',
	'"children":{}', '"x":1,"y":2,"x":3'])
	WITH ORDINALITY v(fields, n)
ORDER BY n;
-- a doubled key says nothing
SELECT v.fields, send(replace(body(), '}', ',' || v.fields || '}'))
FROM unnest(ARRAY['"amount":6', '"amount":null', '"amount":6,"amount":7',
	'"amount":[],"amount":"7"', '"amount":7,"amount":"\u0000"',
	'"\u0061mount":8', '"delegate_barcode":"none"', '"x":1,"amount":0'])
	WITH ORDINALITY v(fields, n)
ORDER BY n;
-- blanks between tokens, and where a string holds what looks like a token
SELECT send(E' {\n\t"amount" : 5 ,\r\n "delegate_barcode":\t"form-1" , "source":"}{\\",\\"amount\\":-1" ,"description" : ",:[]" , "recordedAt":1\n} ');
SELECT send('{"x":{"amount":1,"y":[{"amount":2},[[]]]},"amount":3,"delegate_barcode":"form-1","source":{"source":"s"},"description":"d","recordedAt":1}');

-- Bodies that are not an object
SELECT v.body, send(v.body)
FROM unnest(ARRAY['{}', '[]', '[{"amount":1}]', '[[[{}]]]', 'null', 'true', '1',
	'"x"', '""', ' {} ']) WITH ORDINALITY v(body, n)
ORDER BY n;
SELECT send(NULL) AS add, send(NULL, '') AS "any";
-- or not JSON at all: PostgREST's own 400
SELECT v.body, split_part(send(v.body), ' ', 1) AS sqlstate
FROM unnest(ARRAY['', ' ', '{', '{"amount":}', '{amount:1}', '{"amount":1,}',
	'{"amount":01}', '{"amount":+1}', '{"amount":.5}', '{"amount":5.}',
	'{"amount":NaN}', '{"amount":Infinity}', '{"amount":1e}', '{"amount":0x1}',
	'{"a":"\u00"}', '{"a":"\x"}', E'{"a":"\n"}', '{''a'':1}', '{} {}', 'x'])
	WITH ORDINALITY v(body, n)
ORDER BY n;
-- nested deeply, as a value and as the body
SELECT depth, send(body('source', repeat('[', depth) || repeat(']', depth))) AS value,
	send(body('x', repeat('{"a":', depth) || '1' || repeat('}', depth))) AS extra,
	split_part(send(repeat('[', depth) || repeat(']', depth)), ';', 1) AS body
FROM unnest('{1,100,1000}'::integer[]) depth;
SELECT send(body('source', repeat('[', 1000000)));
-- many fields, which are not kept
SELECT send('{' || string_agg('"x":"y"', ',') || '}') FROM generate_series(1, 20000);
SELECT send(left(body(), -1) || ',' || string_agg(format('"amount":%s', n), ',') || '}')
FROM generate_series(1, 20000) n;

-- All errors of a body at once, as they are printed
SELECT trainledger_api.credit_token_transaction_add('{
	"x": 1, "delegate_id": "x", "delegate_rfid": [], "delegate_barcode": true,
	"delegate_externalId": {}, "device_id": 1, "device_code": 2,
	"operation": "init", "amount": 0, "source": null, "description": "\u0000",
	"recordedAt": -1, "accountName": false, "tokenType": "\ud800",
	"rounding": "up", "balanceExpected": "x"}');
SELECT trainledger_api.credit_token_transaction('{}');
SELECT trainledger_api.credit_token_transaction('[]');
-- what the body shows comes before what is not there, and that before what
-- stands against it
SELECT send('{"delegate_barcode":"none"}');
SELECT send(body('tokenType', '"none"', '"none"'));
SELECT send(replace(body('tokenType', '"none"'), '"amount":5', '"amount":0.001'));
SELECT send(replace(body('accountName', '"none"'), '"amount":5', '"amount":0.001'));

-- Nothing of all this is in the books
SELECT b.relation, b.rows, n.rows AS now
FROM books b JOIN regress.books() n USING (relation)
WHERE b.digest <> n.digest;

-- Conflicts
RESET ROLE;
SELECT name, bounds FROM trainledger.add_credit_token_type('form-bounded',
	lower_bound => 0, upper_bound => 100);
SELECT name FROM trainledger.add_credit_token_type('form-fine', scale => 6);
SELECT name FROM trainledger.add_credit_token_type('form-whole', scale => 0);
SELECT name FROM trainledger.add_credit_token_type('form-idle');
SELECT name FROM trainledger.add_credit_token_type('form-archived');
SELECT name FROM trainledger.add_training_token_type('form-training');
SELECT name, is_active FROM trainledger.update_token_type(
	regress.type('form-idle'), is_active => false);
SELECT name, is_archived FROM trainledger.update_token_type(
	regress.type('form-archived'), is_archived => true);
SET ROLE regress_operator;

CREATE FUNCTION pg_temp.book(
	door text, barcode text, amount text, type text DEFAULT 'default',
	recorded_at integer DEFAULT 1, expected text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	document json;
BEGIN
	EXECUTE format('SELECT trainledger_api.credit_token_transaction_%s($1)', door)
		INTO document
		USING json_build_object('delegate_barcode', barcode, 'amount', amount,
			'source', 's', 'description', 'd', 'recordedAt', recorded_at,
			'tokenType', type, 'balanceExpected', expected);
	RETURN concat_ws(' ', current_setting('response.status'),
		document->>'message', document->>'errorCode', document->>'balance');
END
$$;
SELECT pg_temp.book('subtract', 'form-1', '1', 'form-bounded') AS before_init;
SELECT pg_temp.book('init', 'form-1', '-1', 'form-bounded') AS below;
SELECT pg_temp.book('init', 'form-1', '100.01', 'form-bounded') AS above;
SELECT pg_temp.book('init', 'form-1', '1', 'form-bounded', 1, '2') AS mismatch;
SELECT pg_temp.book('init', 'form-1', '100.004', 'form-bounded') AS opened;
SELECT pg_temp.book('init', 'form-1', '1', 'form-bounded', 2) AS twice;
SELECT pg_temp.book('init', 'form-1', '100.004', 'form-bounded') AS same_again;
SELECT pg_temp.book('add', 'form-1', '0.01', 'form-bounded') AS above;
SELECT pg_temp.book('subtract', 'form-1', '100.01', 'form-bounded') AS below;
SELECT pg_temp.book('subtract', 'form-1', '100', 'form-bounded', 1, '0.01') AS mismatch;
SELECT pg_temp.book('subtract', 'form-1', '100', 'form-bounded', 1, '0.00') AS all;
-- a duplicate is recognised before bounds and expectations
SELECT pg_temp.book('subtract', 'form-1', '100', 'form-bounded', 1, '0.01') AS duplicate;
SELECT pg_temp.book('subtract', 'form-1', '100.001', 'form-bounded') AS duplicate;
SELECT pg_temp.book('subtract', 'form-1', '100', 'form-bounded', 2) AS below;
-- bounds before expectations
SELECT pg_temp.book('add', 'form-1', '101', 'form-bounded', 1, '7') AS above;
-- what an amount cannot hold
SELECT pg_temp.book('init', 'form-2', '9223372036854.77', 'form-fine') AS opened;
SELECT pg_temp.book('add', 'form-2', '0.005808', 'form-fine') AS above;
SELECT pg_temp.book('add', 'form-2', '0.005807', 'form-fine') AS top;
SELECT pg_temp.book('add', 'form-2', '9223372036854.775807', 'form-fine') AS above;
SELECT pg_temp.book('subtract', 'form-2', '9223372036854.775807', 'form-fine') AS nothing;
SELECT pg_temp.book('subtract', 'form-2', '9223372036854.775807', 'form-fine', 2) AS lower;
SELECT pg_temp.book('subtract', 'form-2', '0.000001', 'form-fine') AS bottom;
SELECT pg_temp.book('subtract', 'form-2', '0.000001', 'form-fine', 2) AS below;
-- rounded at the scale of the type
SELECT pg_temp.book('add', 'form-2', '9223372036854.775807') AS beyond,
	pg_temp.book('init', 'form-1', '0.5', 'form-whole') AS whole,
	pg_temp.book('add', 'form-1', '0.49', 'form-whole') AS nothing;
-- rejected: types out of use, parties that acquire nothing
SELECT pg_temp.book('init', 'form-1', '1', 'form-idle') AS idle,
	pg_temp.book('add', 'form-1', '1', 'form-idle') AS idle_before_init,
	pg_temp.book('init', 'form-1', '1', 'form-archived') AS archived,
	pg_temp.book('init', 'form-1', '1', 'form-training') AS not_credit;
SELECT is_suspended FROM trainledger.update_party(
	regress.party('form-2'), is_suspended => true);
SELECT pg_temp.book('add', 'form-2', '1') AS add,
	pg_temp.book('init', 'form-2', '0', 'form-whole') AS init,
	pg_temp.book('subtract', 'form-2', '1') AS subtract,
	pg_temp.book('subtract', 'form-2', '1') AS duplicate,
	pg_temp.book('init', 'form-2', '1') AS twice;
RESET ROLE;
SELECT is_active FROM trainledger.update_token_type(
	regress.type('form-bounded'), is_active => false);
SET ROLE regress_operator;
SELECT pg_temp.book('add', 'form-1', '1000', 'form-bounded') AS idle,
	pg_temp.book('subtract', 'form-1', '100', 'form-bounded') AS duplicate,
	pg_temp.book('init', 'form-1', '1', 'form-bounded') AS twice;

-- Exact decimals
SELECT pg_temp.book('init', 'form-1', '0.1', 'form-fine') AS init,
	pg_temp.book('add', 'form-1', '0.2', 'form-fine', 1, '0.3') AS add,
	pg_temp.book('add', 'form-1', '12345678901.123456', 'form-fine') AS big,
	pg_temp.book('subtract', 'form-1', '12345678901.423455', 'form-fine') AS small;
SELECT document->>'balance' AS balance,
	document->'transaction'->>'amount' AS amount,
	document->'transaction'->>'balance' AS balance_after
FROM trainledger_api.credit_token_transaction_add('{"delegate_barcode":"form-1",
	"amount":9007199254.740993,"source":"s","description":"d","recordedAt":5,
	"tokenType":"form-fine","balanceExpected":9007199254.740994}') document;
SELECT h->'amount' AS amount, h->'balance' AS balance
FROM trainledger_api.credit_token_history('default', 'barcode', 'form-1', 'form-fine') d,
	json_array_elements(d->'history') h;

-- What is kept of a request
SET request.jwt.claims = '{"sub": "till 4"}';
SELECT document->'transaction'->'accountName' AS account, document->'balance' AS balance
FROM (VALUES ('init', '"device_id":7'), ('add', '"device_id":"x y"'),
	('add', '"device_code":"X"'), ('add', '"device_code":12.50'), ('add', '"device_id":""'))
	v(operation, device),
	trainledger_api.credit_token_transaction(format('{"delegate_barcode":"form-1",
		"operation":"%s", %s,"amount":1,"source":" s ","description":" d ",
		"recordedAt":1512516382, "accountName":" wallet "}', operation, device)::json)
	document;
RESET request.jwt.claims;
SELECT e.entry_no, e.operation, e.source, e.description, e.device, e.booked_by,
	e.recorded_at AT TIME ZONE 'UTC' AS recorded_at
FROM trainledger.entry e
WHERE e.account_id = regress.account('form-1', 'wallet')
ORDER BY e.entry_no;

-- Texts come back as they were sent
SELECT to_json(v.value) AS sent,
	document->'transaction'->>'source' = v.value
		AND document->'transaction'->>'description' = v.value
		AND document->'transaction'->>'accountName' = v.value AS back,
	regexp_replace(document::text, '^.*"source":(.*),"description".*$', '\1') AS printed
FROM (VALUES (1, E'"quoted" \\ and /'), (2, E'tab\tline\nreturn\rfeed\fback\b'),
	(3, E'\u0001\u001f\u007f'), (4, 'é ü ß 漢字 😀'), (5, E'a\u0301\u2028\u200d'),
	(6, '</script>&amp;%s%n'), (7, '\u0041'), (8, '{"a":1}'), (9, ''' --')) v(n, value),
	trainledger_api.credit_token_transaction_init(json_build_object(
		'delegate_barcode', 'form-1', 'amount', 1, 'source', v.value,
		'description', v.value, 'recordedAt', 1, 'accountName', v.value)) document
ORDER BY n;
SELECT document->'transaction'->'source' AS source
FROM trainledger_api.credit_token_transaction_add('{"delegate_barcode":"form-1",
	"amount":1,"source":"\u0022\ud83d\ude00\u00e9\/\b\u001F","description":"d",
	"recordedAt":1}') document;

-- A delegate shows what it has
SELECT count(trainledger.add_party('person', 'Form', rfid => rfid,
	barcode => barcode, external_id => external_id, data => data::jsonb,
	flags => flags, sources => sources))
FROM (VALUES
	('form-r', NULL, NULL, '[]', '{}', '{}'),
	(NULL, 'form-b', NULL, '[{"k": "v"}, null, 1.50, "é\""]', '{}', '{}'),
	(NULL, NULL, 'form-e', '[]', '{vip,"a \"b\""}'::text[], '{"x,y",NULL}'::text[]),
	('form-r2', 'form-b2', E'form"\\\te2', '[[]]', '{a}', '{web,app}')
) v(rfid, barcode, external_id, data, flags, sources);
SELECT regexp_replace(regexp_replace(
		(document->'delegate')::text, '"id":\d+', '"id":…'),
		'"(created|updated)At":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"',
		'"\1At":"…"', 'g') AS delegate
FROM unnest('{rfid,barcode,externalId,rfid}'::text[],
	ARRAY['form-r', 'form-b', 'form-e', 'form-r2']) AS v(key, value),
	trainledger_api.credit_token_transaction_init(json_build_object(
		'delegate_' || key, value, 'amount', 0, 'source', 's',
		'description', 'd', 'recordedAt', 1)) document;
SELECT v.key, document->>'balance' AS balance,
	json_typeof(document->'transaction') AS transaction
FROM (VALUES ('rfid', 'form-r2'), ('barcode', 'form-b2'), ('externalId', E'form"\\\te2')) v(key, value),
	trainledger_api.credit_token_balance('default', v.key, v.value) document;

-- What is not there to be read
CREATE FUNCTION pg_temp.read(
	account_name text, id_type text, id text, token_type text DEFAULT 'default')
RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	balance json := trainledger_api.credit_token_balance($1, $2, $3, $4);
	status text := current_setting('response.status');
	history json;
BEGIN
	PERFORM set_config('response.status', 'none', true);
	history := trainledger_api.credit_token_history($1, $2, $3, $4);
	IF status <> current_setting('response.status')
		OR balance->>'balance' <> history->>'balance'
		OR (balance->'transaction')::text <> (history->'transaction')::text
		OR (balance->'transaction')::text <> (history->'history'->0)::text
		OR (balance->'delegate')::text <> (history->'delegate')::text
		OR balance->>'code' <> history->>'code'
	THEN
		RETURN 'not the same: ' || balance || history;
	END IF;
	RETURN concat_ws(' ', status, balance->>'code', balance->>'message',
		balance->>'errorCode', balance->>'balance');
END
$$;
SELECT pg_temp.read('default', 'barcode', 'form-1') AS default,
	pg_temp.read(NULL, 'barcode', 'form-1', NULL) AS by_default,
	pg_temp.read('default', 'barcode', 'form-1', 'form-fine') AS fine;
SELECT v.*, pg_temp.read(account_name, id_type, id, token_type)
FROM (VALUES
	('none', 'barcode', 'form-1', 'default'), ('Default', 'barcode', 'form-1', 'default'),
	('', 'barcode', 'form-1', 'default'),
	('default', 'barcode', 'form-1', 'none'), ('default', 'barcode', 'form-1', ''),
	('default', 'barcode', 'form-1', 'form-training'),
	('default', 'barcode', 'form-3', 'default'), ('default', 'barcode', 'none', 'default'),
	('default', 'barcode', '', 'default'), ('default', 'barcode', NULL, 'default'),
	('default', 'rfid', 'none', 'default'), ('default', 'externalId', 'none', 'default'),
	('default', 'externalid', 'none', 'default'), ('default', 'uuid', 'none', 'default'),
	('default', 'email', 'none', 'default'), ('default', '', '1', 'default'),
	('default', NULL, '1', 'default'), ('default', 'id', '', 'default'),
	('default', 'id', '0', 'default'), ('default', 'id', '-1', 'default'),
	('default', 'id', 'x', 'default'), ('default', 'id', ' 1', 'default'),
	('default', 'id', '1.0', 'default'), ('default', 'id', '999999999999999999', 'default'),
	('default', 'id', '9223372036854775808', 'default'),
	('default', 'id', repeat('9', 40), 'default')
) v(account_name, id_type, id, token_type);
SELECT pg_temp.read('default', 'id', regress.party('form-1')::text) AS by_id;

-- Reads work where nothing can be written; transactions say that they do not
BEGIN READ ONLY;
SELECT pg_temp.read('default', 'barcode', 'form-1');
SELECT trainledger_api.credit_token_balance('default', 'barcode', 'none');
SELECT current_setting('response.status');
SELECT send(body());
ROLLBACK;

-- Who may: an operator writes, a reader reads, a learner reads its own.  The
-- same statements, in the same session, by one after the other.
SELECT regress.party('form-1') AS mine \gset
RESET ROLE;
SET ROLE regress_reader;
SELECT pg_temp.read('default', 'barcode', 'form-1') AS one,
	pg_temp.read('default', 'barcode', 'form-2') AS two, send(body()) AS write;
SET ROLE regress_learner;
SELECT pg_temp.read('default', 'barcode', 'form-1') AS nobody;
SET trainledger.party_id = :mine;
SELECT pg_temp.read('default', 'barcode', 'form-1') AS own,
	pg_temp.read('default', 'id', :'mine') AS own,
	pg_temp.read('default', 'barcode', 'form-2') AS other, send(body()) AS write;
-- claims come first
SET request.jwt.claims = '{}';
SELECT pg_temp.read('default', 'barcode', 'form-1') AS nobody;
SELECT set_config('request.jwt.claims', json_build_object('party_id', :mine)::text,
	false) IS NOT NULL AS set;
RESET trainledger.party_id;
SELECT pg_temp.read('default', 'barcode', 'form-1') AS own,
	pg_temp.read('default', 'barcode', 'form-2') AS other,
	pg_temp.read(' wallet ', 'barcode', 'form-1') AS wallet;
RESET request.jwt.claims;
SET ROLE regress_operator;
SELECT pg_temp.read('default', 'barcode', 'form-2') AS two;
SET ROLE regress_nobody;
SELECT regress.attempt($$SELECT trainledger_api.credit_token_balance('default', 'id', '1')$$);
SELECT regress.attempt($$SELECT trainledger_api.credit_token_transaction('{}')$$);
SET ROLE regress_operator;

-- A delegate that is added in the same statement
SELECT document->>'balance' AS balance
FROM (SELECT trainledger.add_party('person', 'x', barcode => 'form-new') AS p OFFSET 0) s,
	trainledger_api.credit_token_transaction_init(json_build_object(
		'delegate_id', (p).id, 'amount', 1, 'source', 's', 'description', 'd',
		'recordedAt', 1)) document;

-- A long history: complete, newest first, every balance the sum up to there
SELECT count(*) AS sent, count(*) FILTER (WHERE document->>'code' IS NULL) AS booked
FROM generate_series(0, 2999) n,
	trainledger_api.credit_token_transaction(json_build_object(
		'operation', CASE WHEN n = 0 THEN 'init'
			WHEN n % 3 = 0 THEN 'subtract' ELSE 'add' END,
		'delegate_barcode', 'form-3', 'amount', n + n % 100 / 100.0,
		'source', 's', 'description', 'no ' || n, 'recordedAt', n)) document;
SELECT count(*) AS entries, bool_and(h->>'description' = 'no ' || 3000 - n) AS newest_first,
	bool_and((h->>'balance')::numeric = running) AS balances,
	bool_and(h->>'createdAt' <= newer) IS NOT FALSE AS times,
	bool_and((SELECT array_agg(k) FROM json_object_keys(h) k)
		= '{createdAt,operation,amount,balance,source,description,accountName,tokenType}') AS keys
FROM (
	SELECT h, n, sum(CASE WHEN h->>'operation' = 'subtract' THEN -1 ELSE 1 END
		* (h->>'amount')::numeric) OVER (ORDER BY n DESC) AS running,
		lag(h->>'createdAt') OVER (ORDER BY n) AS newer
	FROM trainledger_api.credit_token_history('default', 'barcode', 'form-3') document,
		json_array_elements(document->'history') WITH ORDINALITY h(h, n)
) s;
SELECT pg_temp.read('default', 'barcode', 'form-3');
SELECT (SELECT array_agg(k) FROM json_object_keys(document) k) AS keys
FROM trainledger_api.credit_token_history('default', 'barcode', 'form-3') document;

RESET ROLE;
SELECT count(*) AS problems FROM trainledger.reconcile();
SET client_min_messages = warning;
DROP SCHEMA regress_form CASCADE;
