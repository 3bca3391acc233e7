-- Event credit accounts: the worked examples of the event system's document,
-- with its figures and times.

\echo
\echo 'EVENT CREDIT ACCOUNTS'
\echo '====================='
\echo 'Delegates pay with tokens at an event. Requests and answers are those of the'
\echo 'event system, printed one key per line.'

SET trainledger.clock = '2017-12-05T04:27:18Z';
SELECT FROM trainledger.add_party('person', 'Delegate one',
	barcode => '130102568017', sources => '{admin}', id => 1) \g /dev/null

-- Open the account and add twice

\set request 'POST /credit-token/transaction/init'
\set call credit_token_transaction_init
\set clock '2017-12-05T20:15:36Z'
\set body '{"delegate_id": 1, "amount": 5, "source": "Insomnia Test", "description": "A test", "recordedAt": 1512504936}'
\ir call.psql

\set request 'POST /credit-token/transaction/add'
\set call credit_token_transaction_add
\set clock '2017-12-05T20:18:21Z'
\set body '{"delegate_id": 1, "amount": 5, "source": "Insomnia Test", "description": "A test", "recordedAt": 1512505101}'
\ir call.psql
\set clock '2017-12-05T20:25:45Z'
\set body '{"delegate_id": 1, "amount": 5, "source": "Insomnia Test", "description": "A test", "recordedAt": 1512505545}'
\ir call.psql

\set request 'GET /credit-token/history/default/id:1'
\set call credit_token_history
\set account default
\set id_type id
\set id 1
\ir read.psql

-- Subtract: this token type has no bounds, so the balance may go below zero

\set request 'POST /credit-token/transaction/subtract'
\set call credit_token_transaction_subtract
\set clock '2017-12-05T20:27:00Z'
\set body '{"delegate_barcode": "130102568017", "amount": 30, "source": "Insomnia Test", "description": "User direct redemption: Product#123, Laptop fan, cost=30", "recordedAt": 1512505620}'
\ir call.psql
\set clock '2017-12-05T20:29:38Z'
\set body '{"delegate_id": 1, "amount": 5, "source": "Insomnia Test", "description": "A test", "recordedAt": 1512505778}'
\ir call.psql

\set request 'GET /credit-token/balance/default/barcode:130102568017'
\set call credit_token_balance
\set id_type barcode
\set id 130102568017
\ir read.psql

-- The three forms of errors

\set request 'POST /credit-token/transaction/init, the account exists already: 409'
\set call credit_token_transaction_init
\set body '{"delegate_id": 1, "amount": 5, "source": "Insomnia Test", "description": "User account initialisation: balance=5", "recordedAt": 1512516382}'
\ir call.psql

\set request 'POST /credit-token/transaction/add, unknown delegate: 404'
\set call credit_token_transaction_add
\set body '{"delegate_id": 77, "amount": 5, "source": "Insomnia Test", "description": "User competition win: Competition#123, Pick a winner, prize=5", "recordedAt": 1512516382}'
\ir call.psql

\set request 'POST /credit-token/transaction/add, without an amount: 400'
\set body '{"delegate_id": 1, "source": "Insomnia Test", "description": "User competition win: Competition#123, Pick a winner, prize=5", "recordedAt": 1512516382}'
\ir call.psql

-- The same in SQL

\echo
\echo 'THE SAME ACCOUNT IN SQL'
\echo '======================='
RESET trainledger.clock;
\set ECHO queries
SELECT trainledger.credit_balance(1);

SELECT entry_no, created_at, operation, delta, balance, description
FROM trainledger.credit_history(1);

SELECT entry_no, delta, balance
FROM trainledger.credit_add(1, 12.345, 'till 3', 'Refund of a drink',
	'2026-11-21 10:00', rounding => 'floor', balance_expected => -7.66);

\set ON_ERROR_STOP off
SELECT * FROM trainledger.credit_add(1, 12.345, 'till 3', 'Refund of a drink',
	'2026-11-21 10:00', rounding => 'floor');

SELECT trainledger.update_token_type(id, lower_bound => -10, upper_bound => 50)
FROM trainledger.token_type WHERE name = 'default' \g /dev/null

SELECT * FROM trainledger.credit_subtract(1, 3, 'till 3', 'A drink', now());

UPDATE trainledger.account SET balance = 1000000;
\set ON_ERROR_STOP on

SELECT ordinal, entry_no, balance, refusal
FROM trainledger.post_batch(
	account_ids  => (SELECT array_agg(a.id) FROM trainledger.account a,
					 generate_series(1, 3)),
	deltas       => '{20, 50, -1.5}',
	source       => 'evening close',
	skip_refused => true);

SELECT (x.from_entry).balance, (x.to_entry).balance AS other_balance
FROM trainledger.credit_transfer(
	from_account_id => (SELECT min(a.id) FROM trainledger.account a),
	to_account_id   => (SELECT g.account_id FROM trainledger.credit_init(1, 0,
							'desk', 'Opened', '2026-11-21 10:05', 'gifts') g),
	amount          => 2.5,
	source          => 'app',
	description     => 'Put aside for a gift') x;

SELECT token_type, month, opened, added, subtracted, adjusted, outstanding
FROM trainledger.credit_liability ORDER BY month LIMIT 1;

SELECT party, account_name, booked, available FROM trainledger.balances;

SELECT trainledger.check_books();

SELECT name, labels, value FROM trainledger.ledger_metrics
WHERE name <> 'check_time';
\set ECHO none
