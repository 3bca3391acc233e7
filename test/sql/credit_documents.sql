-- The credit-token documents of the event system, request by request and
-- answer by answer as its documentation prints them (contract, section 7).
-- The printed requests are about delegate 1, so the test has a database of
-- its own, in which the first party is that one.
\pset format unaligned
SELECT current_database() AS regression \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regression_documents;
DROP ROLE IF EXISTS regress_documents;
RESET client_min_messages;
CREATE DATABASE regression_documents TEMPLATE template0;
CREATE ROLE regress_documents;
\c regression_documents
CREATE EXTENSION trainledger;
SELECT trainledger.grant_access('regress_documents', 'operator');

-- Nothing of the session shows in a document
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'German, DMY';
SET extra_float_digits = -15;
SET bytea_output = 'escape';

-- The business clock is a superuser's; the calls are not
CREATE FUNCTION set_clock(at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT set_config('trainledger.clock',
		to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), false)
$$;

-- A JSON text without the blanks between its tokens; strings stay as they are
CREATE FUNCTION squeeze(document text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT regexp_replace(document, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g') $$;
SELECT squeeze($${ "a" : [ 1 , "b \" : c", "\\" ] ,
	"d e" : { } }$$);

-- The status and the document of a call, both read by the same statement
CREATE FUNCTION answer(call text, OUT status text, OUT document json)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	PERFORM set_config('response.status', 'none', true);
	EXECUTE 'SELECT trainledger_api.credit_token_' || call INTO document;
	status := current_setting('response.status');
END
$$;

-- Whether a call answers with a document as it is printed, key by key in
-- order; what it does answer with, where not
CREATE FUNCTION compare(
	call text, printed text, OUT status text, OUT as_printed boolean,
	OUT otherwise json)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	SELECT a.* INTO status, otherwise FROM answer(call) a;
	as_printed := squeeze(printed) = squeeze(otherwise::text);
	IF as_printed THEN
		otherwise := NULL;
	END IF;
END
$$;

SET ROLE regress_documents;
SELECT current_user, trainledger.has_level('operator') AS operator,
	trainledger.has_level('admin') AS admin;
SELECT set_clock('2017-12-05T04:27:18Z');
SELECT id, barcode, sources FROM trainledger.add_party('person', 'Delegate',
	barcode => '130102568017', sources => '{admin}');

-- Before anything: no account, and no token type either
SELECT * FROM compare($$balance('default', 'id', '1')$$, $$
{
  "code": 404,
  "message": "Not Found",
  "errorCode": 0
}
$$);
SELECT * FROM compare($$transaction_add('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "User competition win: Competition#123, Pick a winner, prize=5",
  "recordedAt": 1512516382
}
')$$, $$
{
  "code": 409,
  "message": "Account not available",
  "errorCode": 1057
}
$$);
SELECT count(*) AS token_types FROM trainledger.token_type;

-- Initialising; adding
SELECT set_clock('2017-12-05T20:15:36Z');
SELECT * FROM compare($$transaction_init('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "A test",
  "recordedAt": 1512504936
}
')$$, $$
{
  "balance": 5,
  "delegate": {
    "data": [],
    "flags": [],
    "barcode": "130102568017",
    "id": 1,
    "sources": [
      "admin"
    ],
    "createdAt": "2017-12-05T04:27:18+00:00",
    "updatedAt": "2017-12-05T04:27:18+00:00"
  },
  "transaction": {
    "createdAt": "2017-12-05T20:15:36+00:00",
    "operation": "init",
    "amount": 5,
    "balance": 5,
    "source": "Insomnia Test",
    "description": "A test",
    "accountName": "default",
    "tokenType": {
      "name": "default"
    }
  }
}
$$);
SELECT name, kind, unit, scale, bounds FROM trainledger.token_type;
SELECT set_clock('2017-12-05T20:18:21Z');
SELECT status, document->>'balance' AS balance FROM answer($$transaction_add('
{
  "delegate_barcode": "130102568017",
  "amount": 5,
  "source": "Insomnia Test",
  "description": "A test",
  "recordedAt": 1512505101
}
')$$);
SELECT set_clock('2017-12-05T20:25:45Z');
SELECT status, document->>'balance' AS balance FROM answer($$transaction('
{
  "operation": "add",
  "delegate_id": "1",
  "amount": "5.00",
  "source": "Insomnia Test",
  "description": "A test",
  "recordedAt": "1512505545",
  "accountName": "default",
  "tokenType": "default",
  "rounding": "floor",
  "balanceExpected": 15
}
')$$);

-- GET /credit-token/history/{accountName}/{idType}:{id}
SELECT * FROM compare($$history('default', 'id', '1')$$, $$
{
  "delegate": {
    "data": [],
    "flags": [],
    "barcode": "130102568017",
    "id": 1,
    "sources": [
      "admin"
    ],
    "createdAt": "2017-12-05T04:27:18+00:00",
    "updatedAt": "2017-12-05T04:27:18+00:00"
  },
  "transaction": {
    "createdAt": "2017-12-05T20:25:45+00:00",
    "operation": "add",
    "amount": 5,
    "balance": 15,
    "source": "Insomnia Test",
    "description": "A test",
    "accountName": "default",
    "tokenType": {
      "name": "default"
    }
  },
  "history": [
    {
      "createdAt": "2017-12-05T20:25:45+00:00",
      "operation": "add",
      "amount": 5,
      "balance": 15,
      "source": "Insomnia Test",
      "description": "A test",
      "accountName": "default",
      "tokenType": {
        "name": "default"
      }
    },
    {
      "createdAt": "2017-12-05T20:18:21+00:00",
      "operation": "add",
      "amount": 5,
      "balance": 10,
      "source": "Insomnia Test",
      "description": "A test",
      "accountName": "default",
      "tokenType": {
        "name": "default"
      }
    },
    {
      "createdAt": "2017-12-05T20:15:36+00:00",
      "operation": "init",
      "amount": 5,
      "balance": 5,
      "source": "Insomnia Test",
      "description": "A test",
      "accountName": "default",
      "tokenType": {
        "name": "default"
      }
    }
  ],
  "balance": 15
}
$$);
SELECT status AS by_barcode, document::text = (
		SELECT document::text FROM answer($$history('default', 'id', '1')$$)
	) AS same
FROM answer($$history('default', 'barcode', '130102568017', 'default')$$);

-- What is not printed: from 15 to -15
SELECT set_clock('2017-12-05T20:27:00Z');
SELECT status, document->>'balance' AS balance FROM answer($$transaction_subtract('
{
  "delegate_id": 1,
  "amount": 30,
  "source": "Insomnia Test",
  "description": "A test",
  "recordedAt": 1512505620
}
')$$);

-- The successful response; times are cut off, not rounded
SELECT set_clock('2017-12-05T20:29:38.999999Z');
SELECT * FROM compare($$transaction_subtract('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "A test",
  "recordedAt": 1512505778
}
')$$, $$
{
  "balance": -20,
  "delegate": {
    "data": [],
    "flags": [],
    "barcode": "130102568017",
    "id": 1,
    "sources": [
      "admin"
    ],
    "createdAt": "2017-12-05T04:27:18+00:00",
    "updatedAt": "2017-12-05T04:27:18+00:00"
  },
  "transaction": {
    "createdAt": "2017-12-05T20:29:38+00:00",
    "operation": "subtract",
    "amount": 5,
    "balance": -20,
    "source": "Insomnia Test",
    "description": "A test",
    "accountName": "default",
    "tokenType": {
      "name": "default"
    }
  }
}
$$);
-- GET /credit-token/balance/{accountName}/{idType}:{id}: the same, with 200
SELECT * FROM compare($$balance('default', 'id', '1')$$, $$
{
  "balance": -20,
  "delegate": {
    "data": [],
    "flags": [],
    "barcode": "130102568017",
    "id": 1,
    "sources": [
      "admin"
    ],
    "createdAt": "2017-12-05T04:27:18+00:00",
    "updatedAt": "2017-12-05T04:27:18+00:00"
  },
  "transaction": {
    "createdAt": "2017-12-05T20:29:38+00:00",
    "operation": "subtract",
    "amount": 5,
    "balance": -20,
    "source": "Insomnia Test",
    "description": "A test",
    "accountName": "default",
    "tokenType": {
      "name": "default"
    }
  }
}
$$);
-- to the byte
SELECT document FROM answer($$balance('default', 'id', '1')$$);
SELECT json_array_length(document->'history') AS entries,
	json_agg(h->'balance') AS balances
FROM answer($$history('default', 'id', '1')$$),
	json_array_elements(document->'history') h
GROUP BY 1;

-- 409 Conflict
SELECT * FROM compare($$transaction_init('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "User account initialisation: balance=5",
  "recordedAt": 1512516382
}
')$$, $$
{
  "code": 409,
  "message": "Account already initialised",
  "errorCode": 1051
}
$$);
-- 404 Not Found
SELECT * FROM compare($$transaction_add('
{
  "delegate_id": 2,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "User competition win: Competition#123, Pick a winner, prize=5",
  "recordedAt": 1512516382
}
')$$, $$
{
  "code": 404,
  "message": "Not Found",
  "errorCode": 0
}
$$);
SELECT * FROM compare($$history('default', 'id', '2')$$, $$
{
  "code": 404,
  "message": "Not Found",
  "errorCode": 0
}
$$);
-- 400 Bad Request: the amount has not been sent
SELECT * FROM compare($$transaction_subtract('
{
  "delegate_id": 1,
  "source": "Insomnia Test",
  "description": "User direct redemption: Product#123, Laptop fan, cost=5",
  "recordedAt": 1512516382
}
')$$, $$
{
  "code": 400,
  "message": "Validation Failed",
  "errors": {
    "children": {
      "delegate_id": {},
      "delegate_rfid": {},
      "delegate_barcode": {},
      "delegate_externalId": {},
      "device_id": {},
      "device_code": {},
      "operation": {},
      "amount": {
        "errors": [
          "This value should not be blank."
        ]
      },
      "source": {},
      "description": {},
      "recordedAt": {},
      "accountName": {},
      "tokenType": {},
      "rounding": {},
      "balanceExpected": {}
    }
  }
}
$$);
SELECT count(*) AS entries, sum(delta) AS balance FROM trainledger.entry;

-- The three requests as they are printed, on a delegate 1 without an account
RESET ROLE;
\c :regression
DROP DATABASE regression_documents;
CREATE DATABASE regression_documents TEMPLATE template0;
\c regression_documents
CREATE EXTENSION trainledger;
SELECT trainledger.grant_access('regress_documents', 'operator');
SELECT id FROM trainledger.add_party('person', 'Delegate',
	barcode => '130102568017', sources => '{admin}');
SET ROLE regress_documents;
BEGIN;
SELECT document->>'balance' AS balance,
	document->'transaction'->>'operation' AS operation,
	document->'transaction'->>'amount' AS amount,
	document->'transaction'->>'description' AS description
FROM trainledger_api.credit_token_transaction_init('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "User account initialisation: balance=5",
  "recordedAt": 1512516382
}
') document;
SELECT current_setting('response.status') AS status;
COMMIT;
-- the status ends with the transaction
SELECT current_setting('response.status') AS status;
BEGIN;
SELECT document->>'balance' AS balance,
	document->'transaction'->>'operation' AS operation,
	document->'transaction'->>'amount' AS amount,
	document->'transaction'->>'description' AS description
FROM trainledger_api.credit_token_transaction_add('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "User competition win: Competition#123, Pick a winner, prize=5",
  "recordedAt": 1512516382
}
') document;
SELECT current_setting('response.status') AS status;
SELECT document->>'balance' AS balance,
	document->'transaction'->>'operation' AS operation,
	document->'transaction'->>'amount' AS amount,
	document->'transaction'->>'description' AS description
FROM trainledger_api.credit_token_transaction_subtract('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "User direct redemption: Product#123, Laptop fan, cost=5",
  "recordedAt": 1512516382
}
') document;
SELECT current_setting('response.status') AS status;
-- sent twice
SELECT trainledger_api.credit_token_transaction_subtract('
{
  "delegate_id": 1,
  "amount": 5,
  "source": "Insomnia Test",
  "description": "User direct redemption: Product#123, Laptop fan, cost=5",
  "recordedAt": 1512516382
}
');
SELECT current_setting('response.status') AS status;
COMMIT;
SELECT entry_no, operation, delta, balance, source, description,
	recorded_at = to_timestamp(1512516382) AS recorded, device, booked_by
FROM trainledger.entry ORDER BY entry_no;

-- GET /credit-token/{balance,history}/default/id:123.json?tokenType=default
-- and =another: two completely different accounts
RESET ROLE;
SELECT name FROM trainledger.add_credit_token_type('another', 'currency');
SELECT id FROM trainledger.add_party('person', 'Delegate', id => 123);
SET ROLE regress_documents;
SELECT document->>'balance' AS balance
FROM (VALUES ('default', 5), ('another', 7.5)) v(type, amount),
	trainledger_api.credit_token_transaction_init(json_build_object(
		'delegate_id', 123, 'amount', amount, 'source', 'Insomnia Test',
		'description', 'A test', 'recordedAt', 1512516382,
		'tokenType', type)) document;
BEGIN READ ONLY;
SELECT document->>'balance' AS balance, document->'transaction'->'tokenType' AS type
FROM trainledger_api.credit_token_balance('default', 'id', '123',
	"tokenType" => 'default') document;
SELECT document->>'balance' AS balance, document->'transaction'->'tokenType' AS type
FROM trainledger_api.credit_token_balance('default', 'id', '123',
	"tokenType" => 'another') document;
SELECT current_setting('response.status') AS status;
SELECT document->>'balance' AS balance, document->'history'->0->'tokenType' AS type
FROM trainledger_api.credit_token_history('default', 'id', '123',
	"tokenType" => 'default') document;
SELECT document->>'balance' AS balance, document->'history'->0->'tokenType' AS type
FROM trainledger_api.credit_token_history('default', 'id', '123',
	"tokenType" => 'another') document;
-- as PostgREST calls them: by name, without what was not sent
SELECT document->>'balance' AS balance, document->'transaction'->'tokenType' AS type
FROM trainledger_api.credit_token_balance("accountName" => 'default',
	"idType" => 'id', id => '123') document;
SELECT trainledger_api.credit_token_history('default', 'id', '123', 'none');
SELECT current_setting('response.status') AS status;
COMMIT;
RESET ROLE;

-- a history in pages: every page size gives the whole
SELECT entry_no FROM trainledger.credit_init(123, 0, 's', 'd', '2017-12-06', 'paged/%');
SELECT count(trainledger.credit_add(123, i, 's', 'number ' || i, '2017-12-06', 'paged/%')) FROM generate_series(1, 240) i;
CREATE FUNCTION pg_temp.page(most integer, before bigint DEFAULT NULL) RETURNS json LANGUAGE sql
AS $$ SELECT trainledger_api.credit_token_history('paged/%', 'id', '123', max_entries => most, before_entry => before) $$;
CREATE FUNCTION pg_temp.pages(most integer) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
	entries text[];
	pages integer := 0;
	next text := '';
BEGIN
	WHILE next IS NOT NULL LOOP
		PERFORM set_config('response.headers', '', true);
		entries := entries || ARRAY(SELECT h::text FROM json_array_elements(
			pg_temp.page(most, substring(next FROM 'before=(\d+)')::bigint)->'history') h);
		pages := pages + 1;
		next := nullif(current_setting('response.headers'), '')::json->0->>'Link';
	END LOOP;
	RETURN cardinality(entries) || ' in ' || pages || CASE WHEN entries = ARRAY(SELECT h::text FROM json_array_elements(pg_temp.page(NULL)->'history') h)
		THEN ' pages' ELSE ' pages of something else' END;
END $$;
SELECT most, pg_temp.pages(most) FROM unnest('{1,2,3,80,99,100,101,120,200,240,241,242,1000}'::integer[]) most;
SELECT pg_temp.page(1, before => 2)->'transaction'->'balance' AS last, pg_temp.page(1, before => 2)->'history'->0->'balance' AS first,
	json_array_length(pg_temp.page(NULL, before => 5)->'history') AS before_5, pg_temp.page(7, before => 1)->'history' AS before_1;
SELECT pg_temp.page(1, before => 9223372036854775807)->'history'->0->'description' AS newest, current_setting('response.headers') AS next;
SELECT most, before, pg_temp.page(most, before) AS answer, current_setting('response.status') AS status
FROM (VALUES (0, NULL), (1001, NULL), (-1, 0), (2147483647, -9223372036854775808), (1, 0)) v(most, before);
-- a page that is not valid is refused before anything is looked up
SELECT trainledger_api.credit_token_history('none', 'none', 'none', max_entries => 0);
-- an amount is printed without a sign, the least one too, which only a batch books
BEGIN;
SELECT scale FROM trainledger.add_credit_token_type('least', scale => 6);
SELECT account_id AS least FROM trainledger.credit_init(123, 0, 's', 'd', '2017-12-06', token_type => 'least') \gset
SELECT balance FROM trainledger.post_batch(ARRAY[:least]::bigint[], '{-9223372036854.775808}', 's');
SELECT document->'transaction'->'operation' AS operation, document->'transaction'->'amount' AS amount, document->'balance' AS balance
FROM trainledger_api.credit_token_balance('default', 'id', '123', "tokenType" => 'least') document;
ROLLBACK;
SELECT count(*) AS problems FROM trainledger.reconcile();

\c :regression
DROP DATABASE regression_documents;
DROP ROLE regress_documents;
