-- Sample data of a small training provider: some hundred people, and all five
-- subjects, over the last half year.  The same at every run, but for the day
-- and the ids that the server makes.
--
-- The documents' own ids are here too: token type Silver token, organisation 2
-- (Administrate), person 35, pass types 1 and 2, course 11, learning path 1.

\set QUIET on
\set ON_ERROR_STOP on
\pset tuples_only on
\o /dev/null

-- Business time goes on from step to step
CREATE PROCEDURE pg_temp.it_is(days_ago integer)
LANGUAGE sql AS $$
	SELECT set_config('trainledger.clock', to_char(
		(date_trunc('day', now()) - days_ago * interval '1 day')
			AT TIME ZONE 'UTC' + interval '9 hours',
		'YYYY-MM-DD"T"HH24:MI:SS"Z"'), false);
$$;

-- People and catalogue

CALL pg_temp.it_is(180);
SELECT trainledger.add_party('organisation', 'Administrate', id => 2);
SELECT trainledger.add_party('organisation', n, external_id => 'ORG-' || i,
	id => i)
FROM unnest('{Northwind Rail,Harbour Clinics,Alpine Energy,Quayside Bank,Meadow Foods,Lantern Insurance,Granite Works,Willow Care,Beacon Software,Cobalt Logistics,Juniper Hotels}'::text[])
	WITH ORDINALITY AS o(n, ordinal), LATERAL (SELECT ordinal + 2) AS x(i);
SELECT trainledger.add_party('person', f || ' ' || l,
	email => lower(f || '.' || l || '@example.org'),
	barcode => format('1301025%s', 10000 + i),
	organisation_id => 2 + i % 12,
	attributes => jsonb_build_object(
		'department', (ARRAY['Sales', 'Care', 'IT', 'Finance'])[1 + i % 4],
		'grade', 1 + i % 6),
	id => 20 + i)
FROM generate_series(0, 319) AS i,
	LATERAL (SELECT
		(ARRAY['Ada','Ben','Cleo','Dan','Eva','Finn','Greta','Hugo','Ines','Jon','Kira','Leo','Mona','Nils','Olga','Paul','Rosa','Sam','Tara','Uwe'])[1 + i % 20],
		(ARRAY['Abel','Brook','Carter','Doyle','Ellis','Frost','Gale','Hart','Irwin','Jensen','Kay','Lund','Moss','Nash','Orr','Price'])[1 + i / 20]) AS n(f, l);
SELECT trainledger.add_catalog_item('course',
	CASE i WHEN 11 THEN 'ABC-123' ELSE format('CRS-%s', 100 + i) END,
	(ARRAY['Rescue Basics','Fire Safety','Data Protection','Team Leading','Negotiation','Spreadsheets','Public Speaking','Project Planning','Clean Code','Statistics','Workplace Health','Conflict Talks','Budgeting','Writing Well','Interviewing'])[i - 10],
	id => i)
FROM generate_series(11, 25) AS i;
SELECT trainledger.add_catalog_item('learning_path', c, n, id => i)
FROM (VALUES (1, 'FIRST-AID', 'First Aid'), (2, 'LEAD', 'Leadership'),
	(3, 'DIGITAL', 'Digital Skills')) AS p(i, c, n);
SELECT trainledger.add_path_courses(1, '{11,12,21}'),
	trainledger.add_path_courses(2, '{14,15,17,22}'),
	trainledger.add_path_courses(3, '{13,16,19,20}');
SELECT trainledger.add_catalog_item('team', 'TEAM-NIGHT', 'Night shift', id => 31),
	trainledger.add_catalog_item('collection', 'SAFETY', 'Safety shelf', id => 32);
SELECT trainledger.add_region('DR', 'Domestic'), trainledger.add_region('EU', 'Europe'),
	trainledger.add_region('AP', 'Asia and Pacific');
SELECT trainledger.add_currency('USD', 'U.S. Dollars'),
	trainledger.add_currency('EUR', 'Euro'), trainledger.add_currency('JPY', 'Yen', 0);

-- Event credit accounts

SELECT trainledger.credit_init(i, 20, 'desk', 'Welcome', trainledger.clock())
FROM generate_series(20, 169) AS i;
CALL pg_temp.it_is(150);
SELECT trainledger.credit_subtract(i, 2.5 + i % 4, 'till ' || i % 3,
	(ARRAY['Coffee', 'Lunch', 'Book'])[1 + i % 3], trainledger.clock())
FROM generate_series(20, 169) AS i;
CALL pg_temp.it_is(120);
SELECT trainledger.credit_add(i, 10, 'desk', 'Top-up', trainledger.clock())
FROM generate_series(20, 169, 3) AS i;

-- Training tokens

CALL pg_temp.it_is(180);
SELECT trainledger.add_training_token_type('Silver token', 'One day of training', 90,
	id => '8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6');
SELECT trainledger.add_training_token_type('Gold token', 'One day with a coach', 365,
	id => '5a0c2f10-63a7-4b0d-9a4e-2f8f1f6f7d01');
SELECT trainledger.add_training_token_type('Hours', 'Hours of consulting', scale => 2,
	id => '5a0c2f10-63a7-4b0d-9a4e-2f8f1f6f7d02');
SELECT trainledger.issue_training_tokens(t.id, o, 10 + o * 5, notes => 'First order')
FROM trainledger.token_type t, generate_series(2, 13) AS o
WHERE t.kind = 'training' AND (t.name <> 'Hours' OR o % 3 = 0);
CALL pg_temp.it_is(60);
SELECT trainledger.issue_training_tokens('8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6', o, 40,
	notes => 'Second order')
FROM generate_series(2, 13) AS o;
SELECT trainledger.redeem_training_tokens(o, '5a0c2f10-63a7-4b0d-9a4e-2f8f1f6f7d01', 1 + k,
	format('booking %s', o * 10 + k), format('Course %s', 10 + k))
FROM generate_series(2, 13) AS o, generate_series(1, 3) AS k;
CALL pg_temp.it_is(30);
SELECT trainledger.redeem_training_tokens(o, '8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6', 5,
	format('booking %s', o * 10 + 5), 'Team day')
FROM generate_series(2, 13) AS o;
SELECT trainledger.refund_training_tokens(id, 1)
FROM (SELECT r.id FROM trainledger.redemption r ORDER BY r.created_at, r.id LIMIT 6) AS r;

-- Training passes

CALL pg_temp.it_is(180);
SELECT trainledger.create_pass_type('Gold', 'Gold pass', 'First aid, all year', id => 1),
	trainledger.create_pass_type('Lead', 'Leadership pass', id => 2),
	trainledger.create_pass_type('Trial', 'Trial pass', id => 3);
SELECT trainledger.add_pass_content(1, '{11}', '{1}'),
	trainledger.add_pass_content(2, '{18,23}', '{2,3}'),
	trainledger.add_pass_content(3, '{24}');
SELECT trainledger.create_pass_option(1, 'Yearly', 'years', 1, id => 1),
	trainledger.create_pass_option(2, 'Monthly', 'months', 1, id => 2),
	trainledger.create_pass_option(2, 'Yearly', 'years', 1, id => 3),
	trainledger.create_pass_option(3, 'Ten days', 'days', 10, id => 4);
SELECT trainledger.create_pass_price(1, 'DR', 'USD', 120);
SELECT trainledger.create_pass_price(o, r, c, p * CASE c WHEN 'JPY' THEN 150 ELSE 1 END)
FROM (VALUES (2, 99.90), (3, 990.00)) AS o(o, p),
	(VALUES ('DR', 'USD'), ('EU', 'EUR'), ('AP', 'JPY')) AS r(r, c);
SELECT trainledger.update_pass_option(o, lifecycle_state => 'published')
FROM generate_series(1, 3) AS o;
SELECT trainledger.update_pass_type(t, lifecycle_state => 'published')
FROM generate_series(1, 2) AS t;
CALL pg_temp.it_is(90);
SELECT trainledger.issue_pass(1, 1, p) FROM generate_series(20, 99) AS p;
SELECT trainledger.issue_pass(2, 2, p) FROM generate_series(80, 139) AS p;
CALL pg_temp.it_is(45);
SELECT trainledger.renew_pass(p.id)
FROM trainledger.training_pass p WHERE p.pass_type_id = 2 AND p.party_id % 2 = 0;
SELECT trainledger.use_pass(p, 11, format('booking %s', 1000 + p))
FROM generate_series(20, 59) AS p;
SELECT trainledger.revoke_pass(p.id)
FROM trainledger.training_pass p WHERE p.pass_type_id = 1 AND p.party_id IN (40, 41, 42);
SELECT trainledger.issue_pass(2, 3, p, trainledger.clock() + interval '60 days')
FROM generate_series(140, 159) AS p;

-- Self-signup tokens

CALL pg_temp.it_is(80);
SELECT trainledger.create_signup_token(1, 'ABC-123', 30, 'SPRING'),
	trainledger.create_signup_token(3, 'LEAD', 5, 'LEADERS'),
	trainledger.create_signup_token(2, 'TEAM-NIGHT', 100, 'NIGHT-SHIFT'),
	trainledger.create_signup_token(4, 'SAFETY', 50, 'SHELF', false),
	trainledger.create_signup_token(1, 'CRS-112', 10, 'FIRE',
		expiration => trainledger.clock() + interval '30 days');
SELECT trainledger.claim_signup_token(c, p)
FROM (VALUES ('SPRING', 20, 41), ('LEADERS', 60, 64), ('NIGHT-SHIFT', 100, 139),
	('FIRE', 200, 206)) AS c(c, first, last), generate_series(first, last) AS p;

-- Programs, cohorts, tickets

CALL pg_temp.it_is(100);
SELECT trainledger.add_program_kind('Academies', 'academies',
	id => '6c1f3a52-0000-4000-8000-000000000001');
SELECT trainledger.add_program_kind(n, h, '6c1f3a52-0000-4000-8000-000000000001', i::uuid)
FROM (VALUES ('Sales academy', 'sales', '6c1f3a52-0000-4000-8000-000000000002'),
	('Care academy', 'care', '6c1f3a52-0000-4000-8000-000000000003')) AS k(n, h, i);
SELECT trainledger.add_program(k.id, k.name || ' ' || s,
	((trainledger.clock() AT TIME ZONE 'UTC')::date + 20 * s), 60,
	CASE WHEN s = 3 THEN 'open' ELSE 'fixed' END::trainledger.program_mode)
FROM trainledger.program_kind k, generate_series(1, 3) AS s
WHERE k.parent_id IS NOT NULL;
SELECT trainledger.confirm_cohort(p.id, c)
FROM trainledger.program p, unnest('{Red,Blue}'::text[]) AS c;
SELECT trainledger.modify_program_membership(p.id, m, role => 'member')
FROM (SELECT id, row_number() OVER (ORDER BY name) AS n FROM trainledger.program) AS p,
	LATERAL generate_series(20 + p.n * 40, 20 + p.n * 40 + 24) AS m;
SELECT trainledger.sync_cohort(c.program_id, c.id,
	CASE c.name WHEN 'Red' THEN '$.attributes.grade > 3' ELSE '$.attributes.grade <= 3' END)
FROM trainledger.cohort c;
CALL pg_temp.it_is(20);
SELECT trainledger.update_user_cohort_state(m.party_id, m.program_id, 'completed')
FROM trainledger.membership m WHERE m.party_id % 5 = 0;
SELECT trainledger.create_program_ticket('6c1f3a52-0000-4000-8000-000000000002', p,
	sku => 'ACADEMY-SALES')
FROM generate_series(300, 319) AS p;
SELECT trainledger.create_program_ticket('6c1f3a52-0000-4000-8000-000000000003',
	email => 'new.colleague@example.org', sku => 'ACADEMY-CARE');

RESET trainledger.clock;
\o
