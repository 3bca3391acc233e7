-- Token types (contract, section 6)
\pset format unaligned
\pset null (null)
SET ROLE regress_admin;
SET search_path = trainledger, public;

-- all arguments, and what they are where they are left out
SELECT kind, name, unit, scale, bounds, symbol, description,
	default_days_to_redeem, is_active, is_archived, created_at = clock() AS now
FROM add_credit_token_type('types-plain');
SELECT id, kind, name, unit, scale, bounds, symbol, description,
	default_days_to_redeem, is_active, is_archived
FROM add_credit_token_type('types-full', 'currency', 3, -10.5, 100.125, '€',
	'What it is for', '7a7e0000-0000-4000-8000-000000000001');
SELECT kind, name, unit, scale, bounds, symbol, description,
	default_days_to_redeem, is_active, is_archived
FROM add_training_token_type('types-plain');
SELECT id, kind, name, unit, scale, bounds, symbol, description,
	default_days_to_redeem, is_active, is_archived
FROM add_training_token_type('types-full', 'Lots', 365, 2,
	'7a7e0000-0000-4000-8000-000000000002');
-- every scale; bounds are inclusive, and none is none
SELECT scale, bounds, lower_inc(bounds) AND upper_inc(bounds) AS inclusive
FROM generate_series(0, 6) AS wanted,
	add_credit_token_type('types-scale-' || wanted, scale => wanted,
		lower_bound => -power(10::numeric, -wanted),
		upper_bound => power(10::numeric, -wanted));
SELECT lower_bound, upper_bound, bounds
FROM (VALUES (1, NULL, 7), (2, -7, NULL), (3, 0, 0), (4, 1.10, 1.1000),
	(5, -9223372036854, 9223372036854)) v(n, lower_bound, upper_bound),
	add_credit_token_type('types-bounds-' || n, lower_bound => lower_bound,
		upper_bound => upper_bound);
-- as far as an amount reaches
SELECT bounds FROM add_credit_token_type('types-widest', scale => 6,
	lower_bound => -9223372036854.775808, upper_bound => 9223372036854.775807);

SELECT label, r.*
FROM (VALUES
	('name null', $$SELECT add_credit_token_type(NULL)$$),
	('name empty', $$SELECT add_credit_token_type('')$$),
	('name 251', $$SELECT add_credit_token_type(repeat('x', 251))$$),
	('unit null', $$SELECT add_credit_token_type('x', NULL)$$),
	('unit unknown', $$SELECT add_credit_token_type('x', 'hour')$$),
	('scale null', $$SELECT add_credit_token_type('x', scale => NULL)$$),
	('scale -1', $$SELECT add_credit_token_type('x', scale => -1)$$),
	('scale 7', $$SELECT add_credit_token_type('x', scale => 7)$$),
	('inverted', $$SELECT add_credit_token_type('x', lower_bound => 1, upper_bound => 0.99)$$),
	('decimals', $$SELECT add_credit_token_type('x', lower_bound => 0.001)$$),
	('decimals above', $$SELECT add_credit_token_type('x', scale => 0, upper_bound => 0.5)$$),
	('NaN', $$SELECT add_credit_token_type('x', lower_bound => 'NaN')$$),
	('Infinity', $$SELECT add_credit_token_type('x', upper_bound => 'Infinity')$$),
	('-Infinity', $$SELECT add_credit_token_type('x', lower_bound => '-Infinity')$$),
	('1e30', $$SELECT add_credit_token_type('x', upper_bound => 1e30)$$),
	('-1e30', $$SELECT add_credit_token_type('x', lower_bound => -1e30)$$),
	('1e-30', $$SELECT add_credit_token_type('x', lower_bound => 1e-30)$$),
	('too wide', $$SELECT add_credit_token_type('x', scale => 6, upper_bound => 9223372036854.775808)$$),
	('too low', $$SELECT add_credit_token_type('x', scale => 6, lower_bound => -9223372036854.775809)$$),
	('name taken', $$SELECT add_credit_token_type('types-plain')$$),
	('id taken', $$SELECT add_credit_token_type('types-new', id => '7a7e0000-0000-4000-8000-000000000002')$$),
	('training null', $$SELECT add_training_token_type(NULL)$$),
	('training scale', $$SELECT add_training_token_type('x', scale => 7)$$),
	('training scale null', $$SELECT add_training_token_type('x', scale => NULL)$$),
	('days 0', $$SELECT add_training_token_type('x', default_days_to_redeem => 0)$$),
	('days -1', $$SELECT add_training_token_type('x', default_days_to_redeem => -1)$$),
	('days 36526', $$SELECT add_training_token_type('x', default_days_to_redeem => 36526)$$),
	('training taken', $$SELECT add_training_token_type('types-full')$$),
	('training id taken', $$SELECT add_training_token_type('x', id => '7a7e0000-0000-4000-8000-000000000001')$$)
) v(label, statement), regress.refusal(statement) r;
SELECT count(*) FROM token_type WHERE name IN ('x', 'types-new');

-- update: null leaves as it is
SELECT kind, name, unit, scale, bounds, symbol, description,
	default_days_to_redeem, is_active, is_archived
FROM update_token_type(regress.type('types-full'));
SELECT count(*) AS events FROM token_type_event
WHERE token_type_id = regress.type('types-full');
SELECT name, symbol, description, bounds, default_days_to_redeem, is_active, is_archived
FROM update_token_type(regress.type('types-full'), 'types-renamed', '$', 'Other',
	-20, 200.5, false, true, 30);
SELECT name, bounds, is_active, is_archived
FROM update_token_type(regress.type('types-renamed'), 'types-full',
	is_active => true, is_archived => false);
-- one bound at a time; the other stays
SELECT bounds FROM update_token_type(regress.type('types-full'), lower_bound => -5);
SELECT bounds FROM update_token_type(regress.type('types-full'), upper_bound => 5.001);
SELECT bounds FROM update_token_type(regress.type('types-full'), upper_bound => 5.001);
SELECT symbol, description, bounds, default_days_to_redeem
FROM update_token_type(regress.type('types-full'),
	clear => '{symbol,description,lower_bound,default_days_to_redeem}');
SELECT bounds FROM update_token_type(regress.type('types-full'), lower_bound => 0,
	clear => '{upper_bound}');
SELECT bounds FROM update_token_type(regress.type('types-full'), clear => '{lower_bound}');
-- what was changed, and by whom
SELECT old_bounds, new_bounds, changed_by, created_at <= clock() AS past
FROM token_type_event WHERE token_type_id = regress.type('types-full') ORDER BY id;
-- the claim of a request counts
SET request.jwt.claims = '{"sub": "auth0|admin"}';
SELECT bounds FROM update_token_type(regress.type('types-full'), upper_bound => 9);
RESET request.jwt.claims;
SELECT changed_by FROM token_type_event
WHERE token_type_id = regress.type('types-full') ORDER BY id DESC LIMIT 1;

SELECT label, r.*
FROM (VALUES
	('id null', $$SELECT update_token_type(NULL)$$),
	('id unknown', $$SELECT update_token_type('7a7e0000-0000-4000-8000-00000000000f')$$),
	('id unknown, inverted', $$SELECT update_token_type('7a7e0000-0000-4000-8000-00000000000f', lower_bound => 2, upper_bound => 1)$$),
	('id unknown, NaN', $$SELECT update_token_type('7a7e0000-0000-4000-8000-00000000000f', lower_bound => 'NaN')$$),
	('id unknown, 1e30', $$SELECT update_token_type('7a7e0000-0000-4000-8000-00000000000f', upper_bound => 1e30)$$),
	('id unknown, 7 decimals', $$SELECT update_token_type('7a7e0000-0000-4000-8000-00000000000f', lower_bound => 0.0000001)$$),
	('name empty', $$SELECT update_token_type(regress.type('types-full'), '')$$),
	('name 251', $$SELECT update_token_type(regress.type('types-full'), repeat('x', 251))$$),
	('name taken', $$SELECT update_token_type(regress.type('types-full'), 'types-plain')$$),
	('training name taken', $$SELECT update_token_type(regress.type('types-full', 'training'), 'types-plain')$$),
	('inverted', $$SELECT update_token_type(regress.type('types-full'), lower_bound => 10)$$),
	('decimals', $$SELECT update_token_type(regress.type('types-full'), lower_bound => 0.0001)$$),
	('NaN', $$SELECT update_token_type(regress.type('types-full'), upper_bound => 'NaN')$$),
	('1e30', $$SELECT update_token_type(regress.type('types-full'), upper_bound => 1e30)$$),
	('days', $$SELECT update_token_type(regress.type('types-full', 'training'), default_days_to_redeem => 0)$$),
	('training bounds', $$SELECT update_token_type(regress.type('types-full', 'training'), upper_bound => 5)$$),
	('clear name', $$SELECT update_token_type(regress.type('types-full'), clear => '{name}')$$),
	('clear bounds', $$SELECT update_token_type(regress.type('types-full'), clear => '{bounds}')$$),
	('clear null', $$SELECT update_token_type(regress.type('types-full'), clear => '{NULL}')$$),
	('clear both', $$SELECT update_token_type(regress.type('types-full'), symbol => 'x', clear => '{symbol}')$$),
	('order', $$SELECT update_token_type(NULL, '')$$)
) v(label, statement), regress.refusal(statement) r;
SELECT kind, name, scale, bounds, symbol, description, default_days_to_redeem,
	is_active, is_archived
FROM token_type WHERE name = 'types-full' ORDER BY kind;
-- the same name for the other kind is another name
SELECT kind, name FROM update_token_type(regress.type('types-scale-0'), 'types-both');
SELECT kind, name FROM add_training_token_type('types-both');

-- admin only, and no table is written by hand
SET ROLE regress_operator;
SELECT regress.attempt(statement)
FROM (VALUES ($$SELECT add_credit_token_type('x')$$),
	($$SELECT add_training_token_type('x')$$),
	($$SELECT update_token_type(regress.type('types-full'), is_active => false)$$),
	($$UPDATE token_type SET is_active = false$$),
	($$INSERT INTO token_type_event (token_type_id) VALUES (NULL)$$)) v(statement);
-- what is fixed is fixed for the owner too
RESET ROLE;
BEGIN;
SELECT r.* FROM (VALUES
	($$UPDATE trainledger.token_type SET scale = 3 WHERE name = 'types-full'$$),
	($$UPDATE trainledger.token_type SET kind = 'credit' WHERE false$$),
	($$UPDATE trainledger.token_type SET id = gen_random_uuid() WHERE name = 'types-full'$$)
) v(statement), regress.refusal(statement) r;
SET LOCAL session_replication_role = replica;
SELECT regress.attempt($$UPDATE trainledger.token_type SET scale = 3$$);
ROLLBACK;
-- of a long number or name its beginning is shown
SELECT r.code, r.message, length(r.detail) < 250 AS short FROM unnest(ARRAY[
	'add_credit_token_type(''x'', lower_bound => 1e-16383)', 'add_credit_token_type(''x'', upper_bound => 1e131071)',
	'update_token_type(NULL, clear => ARRAY[repeat(''x'', 9000)])',
	'add_credit_token_type(''x'', scale => 6, upper_bound => 1e-16383)']) c,
	regress.refusal('SELECT trainledger.' || c) r;
