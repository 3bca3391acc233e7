-- Training passes: the worked examples of the training management system's
-- document, with its names, ids, figures and times.

\echo
\echo 'TRAINING PASSES'
\echo '==============='

SET trainledger.clock = '2023-04-28T09:00:00Z';
SELECT FROM trainledger.add_party('person', 'Contact', id => 35) \g /dev/null
SELECT FROM trainledger.add_catalog_item('course', 'ABC-123', 'A course', id => 11) \g /dev/null
SELECT FROM trainledger.add_catalog_item('learning_path', 'FIRST-AID', 'First Aid', id => 1) \g /dev/null
SELECT FROM trainledger.add_region('DR', 'Dresden') \g /dev/null

-- The rows that the document's first query finds
SELECT FROM trainledger.create_pass_type('Gold', 'Gold pass', id => 1) \g /dev/null
SELECT FROM trainledger.add_pass_content(1, '{11}', '{1}') \g /dev/null
SELECT FROM trainledger.create_pass_option(1, 'Yearly', 'years', 1, id => 1) \g /dev/null
SELECT FROM trainledger.create_pass_price(1, 'DR', 'USD', 120) \g /dev/null
SELECT FROM trainledger.update_pass_option(1, lifecycle_state => 'published') \g /dev/null
SELECT FROM trainledger.update_pass_type(1, lifecycle_state => 'published') \g /dev/null

\echo
\echo 'trainingPassTypes: the published types, their content, options and prices'
SELECT trainledger.global_id('TrainingPassType', t.id::text) AS id, t.name,
	   t.lifecycle_state AS "lifecycleState",
	   (SELECT string_agg(CASE c.kind WHEN 'course' THEN 'CourseTemplate ' || c.code
						  ELSE 'LearningPath ' || c.name END, ', '
						  ORDER BY c.kind, c.id)
		FROM trainledger.pass_type_content x
		JOIN trainledger.catalog_item c ON c.id = x.item_id
		WHERE x.pass_type_id = t.id) AS content,
	   o.name AS option, trainledger.format_amount(p.amount, u.minor_units) AS amount,
	   u.name AS "financialUnit"
FROM trainledger.pass_type t
JOIN trainledger.pass_type_option o ON o.pass_type_id = t.id
JOIN trainledger.pass_type_option_price p ON p.option_id = o.id
JOIN trainledger.currency u ON u.code = p.currency_code
WHERE t.lifecycle_state = 'published';

\set ECHO queries
-- createType
SELECT trainledger.global_id('TrainingPassType', id::text) AS id,
	   lifecycle_state AS "lifecycleState"
FROM trainledger.create_pass_type('Silver', 'Silver pass');

-- addContentToPassType, removeContentFromPassType
SELECT name FROM trainledger.add_pass_content(2, '{11}', '{1}');
SELECT name FROM trainledger.remove_pass_content(2, '{11}', '{1}');

-- createTypeOption
SELECT trainledger.global_id('TrainingPassTypeOption', id::text) AS id,
	   lifecycle_state AS "lifecycleState"
FROM trainledger.create_pass_option(2, 'Monthly', 'months', 1);

-- createTypeOptionPrice
SELECT trainledger.format_amount(amount, 2) AS amount, currency_code
FROM trainledger.create_pass_price(2, 'DR', 'USD', 99.90);

-- updateTypeOption, updateType: published
SELECT lifecycle_state AS "lifecycleState"
FROM trainledger.update_pass_option(2, lifecycle_state => 'published');
SELECT trainledger.global_id('TrainingPassType', t.id::text) AS id,
	   t.lifecycle_state AS "lifecycleState", o.name AS option,
	   u.name AS "financialUnit",
	   trainledger.format_amount(p.amount, u.minor_units) AS amount
FROM trainledger.update_pass_type(2, lifecycle_state => 'published') t
JOIN trainledger.pass_type_option o ON o.pass_type_id = t.id
JOIN trainledger.pass_type_option_price p ON p.option_id = o.id
JOIN trainledger.currency u ON u.code = p.currency_code;

-- issuePass: to Person:35
SELECT valid_from, valid_until, status
FROM trainledger.issue_pass(2, 2, 35, '2023-05-01T00:00:00Z',
							'2023-06-01T00:00:00Z', id => 2);

-- renewPass
SELECT valid_from, valid_until
FROM trainledger.renew_pass(2, 2, '2023-07-01T00:00:00Z');

-- revokePass
SELECT lifecycle_state AS "lifecycleState", valid_from, valid_until
FROM trainledger.revoke_pass(2);
\set ECHO none

\echo 'Beyond the document: a renewal sent twice prolongs once; one by months keeps'
\echo 'the day; a pass that is over begins a new run:'
SELECT FROM trainledger.issue_pass(2, 2, 35, '2023-01-31T00:00:00Z',
								   '2023-04-30T00:00:00Z', id => 3) \g /dev/null
SELECT FROM trainledger.add_pass_content(2, '{11}') \g /dev/null
\set ECHO queries
SELECT valid_until
FROM trainledger.renew_pass(3, idempotency_key => '018c2f6e-0000-7000-8000-000000000009');
SELECT valid_until
FROM trainledger.renew_pass(3, idempotency_key => '018c2f6e-0000-7000-8000-000000000009');
SET trainledger.clock = '2023-09-15T09:00:00Z';
SELECT valid_until FROM trainledger.renew_pass(3);
SELECT valid_from, valid_until FROM trainledger.pass_period WHERE pass_id = 3 ORDER BY 1;
SELECT trainledger.pass_covers(35, 11, '2023-05-01T00:00:00Z') AS in_may,
	   trainledger.pass_covers(35, 11, '2023-07-01T00:00:00Z') AS in_july;
\set ECHO none

\echo 'A revoked pass stays revoked:'
\set ON_ERROR_STOP off
\set ECHO queries
SELECT * FROM trainledger.revoke_pass(2);
UPDATE trainledger.pass SET lifecycle_state = 'active';
\set ECHO none
\set ON_ERROR_STOP on
RESET trainledger.clock;
