-- Holds: a till that asks before it pours, and a registration that waits for
-- approval.

\echo
\echo 'HOLDS'
\echo '====='
\echo 'No document has them: keep back now, take later, and never twice.'

SET trainledger.clock = '2026-03-02T09:00:00Z';
SELECT FROM trainledger.add_party('person', 'Ann', id => 60) \g /dev/null
SELECT FROM trainledger.add_credit_token_type('Bar', lower_bound => 0,
	id => '00000000-0000-4000-8000-000000000060') \g /dev/null
SELECT FROM trainledger.credit_init(60, 10, 'bar', 'Opening', now(),
	token_type => 'Bar') \g /dev/null
SELECT FROM trainledger.add_training_token_type('Evening course',
	id => '00000000-0000-4000-8000-000000000061') \g /dev/null
SELECT FROM trainledger.issue_training_tokens(
	'00000000-0000-4000-8000-000000000061', 60, 5, '2026-03-31') \g /dev/null

\echo
\echo 'A till holds 4 at most, and captures 3.20; the rest is let go'
\set ECHO queries
SELECT id AS hold FROM trainledger.credit_hold(
	60, 4, 'bar', 'Beer', '2026-03-02T09:05:00Z', token_type => 'Bar') \gset

SELECT trainledger.credit_balance(60, token_type => 'Bar') AS balance,
	   trainledger.available_balance(account_id) AS available
FROM trainledger.hold WHERE id = :hold;

SELECT captured, released, status FROM trainledger.capture_hold(:hold, 3.20);
\set ECHO none

\echo 'A registration waits for approval: 2 tokens, beyond their expiry'
\set ECHO queries
SELECT id AS hold FROM trainledger.hold_training_tokens(
	60, '00000000-0000-4000-8000-000000000061', 2, 'Evening course, Ann',
	'2026-04-10') \gset

SET trainledger.clock = '2026-04-02T09:00:00Z';
SELECT trainledger.expire_training_tokens() AS issues;

SELECT booked_balance, held, available_balance
FROM trainledger.token_issue WHERE party_id = 60;
\set ECHO none

\echo 'It is approved'
\set ECHO queries
SELECT captured, status FROM trainledger.capture_hold(:hold);

SELECT line, quantity, reference, until
FROM trainledger.why(60, '00000000-0000-4000-8000-000000000061',
	at => '2026-04-02T08:59:59Z');
\set ECHO none
RESET trainledger.clock;
