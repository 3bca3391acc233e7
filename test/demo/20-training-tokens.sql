-- Training tokens: the worked examples of the training management system's
-- document, with its names, ids, figures and times.

\echo
\echo 'TRAINING TOKENS'
\echo '==============='
\echo 'Ids are the global ids of the original system: base64 of Type:key.'

SET trainledger.clock = '2023-04-04T08:41:30Z';
SELECT FROM trainledger.add_party('organisation', 'Administrate', id => 2) \g /dev/null
SELECT FROM trainledger.add_training_token_type('Silver token',
	default_days_to_redeem => 90,
	id => '8848a3b38adf45db8ff60fafcbd3b3f6') \g /dev/null

\echo
\echo 'trainingTokenTypes: the token types'
SELECT trainledger.global_id('TokenType', replace(id::text, '-', '')) AS id,
	   name, is_archived AS "isArchived",
	   default_days_to_redeem AS "defaultDaysToRedeem"
FROM trainledger.token_type WHERE kind = 'training';

\echo 'trainingTokenIssues.create: 100 tokens for Organisation:2'
\set ECHO queries
SELECT trainledger.global_id('TokenIssue', replace(i.id::text, '-', '')) AS id,
	   to_char(i.created_at AT TIME ZONE 'UTC',
			   'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "createdAt",
	   i.current_balance AS "currentBalance", p.name AS account
FROM trainledger.issue_training_tokens(
		 '8848a3b38adf45db8ff60fafcbd3b3f6',
		 trainledger.global_id_key('T3JnYW5pc2F0aW9uOjI=', 'Organisation')::bigint,
		 100, id => '37e7883d1c9d471fb8eabd4a1138dce8') i
JOIN trainledger.party p ON p.id = i.party_id;
\set ECHO none

\echo 'trainingTokenIssues.extend: to 2023-12-31'
\set ECHO queries
SELECT to_char(expires_at AT TIME ZONE 'UTC',
			   'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "expiresAt"
FROM trainledger.extend_training_tokens(
	'37e7883d1c9d471fb8eabd4a1138dce8', '2023-12-31');
\set ECHO none

\echo 'trainingTokenBalances.adjust: 200 more'
SET trainledger.clock = '2023-04-04T08:48:23Z';
\set ECHO queries
SELECT current_balance AS "currentBalance", initial_balance AS "initialBalance"
FROM trainledger.adjust_training_tokens(
	'37e7883d1c9d471fb8eabd4a1138dce8', 200, 'Manual adjustment');

SELECT to_char(e.created_at AT TIME ZONE 'UTC',
			   'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "occurredAt",
	   e.description AS notes, e.delta AS "balanceDelta"
FROM trainledger.entry e
JOIN trainledger.token_issue i ON i.account_id = e.account_id
WHERE i.id = '37e7883d1c9d471fb8eabd4a1138dce8'
ORDER BY e.entry_no;
\set ECHO none

\echo 'Not in the document: redeem, refund, expire'
\set ECHO queries
SELECT quantity, refunded, reference FROM trainledger.redeem_training_tokens(
	2, '8848a3b38adf45db8ff60fafcbd3b3f6', 12, 'Event 4711, two places');

SELECT quantity, refunded FROM trainledger.refund_training_tokens(
	(SELECT id FROM trainledger.redemption), 6);

SET trainledger.clock = '2024-01-01T00:00:00Z';
SELECT current_balance, booked_balance FROM trainledger.token_issue;

SELECT trainledger.expire_training_tokens() AS issues;

SELECT current_balance, booked_balance FROM trainledger.token_issue;
\set ECHO none

\echo 'Not in the document: what was paid, a transfer, a void, and the revenue by month'
SELECT FROM trainledger.add_currency('USD', 'U.S. Dollars') \g /dev/null
SELECT FROM trainledger.add_party('organisation', 'Subsidiary', id => 3) \g /dev/null
\set ECHO queries
SELECT initial_balance, unit_price, currency_code, expires_at
FROM trainledger.issue_training_tokens(
	'8848a3b38adf45db8ff60fafcbd3b3f6', 2, 40, '2024-06-30',
	id => '00000000-0000-4000-8000-000000000001',
	unit_price => 45.50, currency_code => 'USD');

SELECT initial_balance, unit_price, currency_code, expires_at
FROM trainledger.transfer_training_tokens(
	2, 3, '8848a3b38adf45db8ff60fafcbd3b3f6', 10, 'For the subsidiary');

SELECT quantity FROM trainledger.redeem_training_tokens(
	3, '8848a3b38adf45db8ff60fafcbd3b3f6', 4, 'Event 4712, four places');

SET trainledger.clock = '2024-02-15T00:00:00Z';
SELECT current_balance FROM trainledger.void_training_tokens(
	'00000000-0000-4000-8000-000000000001', 'Contract ended');

SELECT * FROM trainledger.token_revenue ORDER BY month;
\set ECHO none
RESET trainledger.clock;
