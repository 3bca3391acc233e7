-- Training passes (contract, section 9)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
-- who may not set the clock lets it be set; an instant without a zone is UTC
CREATE FUNCTION regress.passes_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
-- an instant as it is in UTC, to the microsecond only where it has any
CREATE FUNCTION regress.utc(at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT rtrim(rtrim(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '0'), '.') $$;
-- courses first, then paths, by id
CREATE FUNCTION regress.content(of_type bigint) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT string_agg(i.code, ' ' ORDER BY i.kind, i.id)
	FROM trainledger.pass_type_content c JOIN trainledger.catalog_item i ON i.id = c.item_id WHERE c.pass_type_id = $1
$$;
SET ROLE regress_admin;
SELECT regress.passes_at('2023-04-28 09:00:00');
SELECT count(*) FROM unnest('{passes-ann,passes-bob,passes-cid,passes-suspended,passes-month}'::text[]) WITH ORDINALITY b(b, n),
	add_party('person', b, barcode => b, id => 880000 + n);
SELECT id, barcode FROM add_party('organisation', 'passes-org', barcode => 'passes-org', id => 880009);
SELECT is_suspended FROM update_party(880004, is_suspended => true);
SELECT id, kind, code FROM (VALUES (880101, 'course', 'passes-A'), (880102, 'course', 'passes-B'), (880103, 'course', 'passes-C'),
	(880104, 'learning_path', 'passes-P'), (880105, 'learning_path', 'passes-Q'), (880106, 'team', 'passes-T'),
	(880107, 'collection', 'passes-K')) v(i, k, c), add_catalog_item(k::catalog_kind, c, c, id => i);
SELECT code, name FROM add_region('passes-DS', 'Deutschland Süd');
SELECT code, name FROM add_region('passes-DN', 'Deutschland Nord');
SELECT code, minor_units FROM (VALUES ('passes-USD', 2), ('passes-JPY', 0), ('passes-KWD', 3)) v(c, m), add_currency(c, c, m);

-- types
SELECT id, code, name, description, lifecycle_state, regress.utc(created_at) AS created_at
FROM create_pass_type('passes-gold', 'Gold pass', 'All courses', id => 880201);
SELECT id > 0 AS made, code, description, lifecycle_state FROM create_pass_type('passes-made', 'Made');
SELECT id, code, description FROM create_pass_type('passes-silver', 'Silver pass', id => 880202);
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('code null', $$create_pass_type(NULL, 'n')$$),
	('code empty', $$create_pass_type('', 'n')$$),
	('code blank', $$create_pass_type('  ', 'n')$$),
	('code 251', $$create_pass_type(repeat('ü', 251), 'n')$$),
	('name null', $$create_pass_type('passes-x', NULL)$$),
	('name empty', $$create_pass_type('passes-x', '')$$),
	('description 8193', $$create_pass_type('passes-x', 'n', repeat('x', 8193))$$),
	('code taken', $$create_pass_type('passes-gold', 'n')$$),
	('code and id taken', $$create_pass_type('passes-gold', 'n', id => 880201)$$),
	('id taken', $$create_pass_type('passes-x', 'n', id => 880201)$$),
	('id 0', $$create_pass_type('passes-x', 'n', id => 0)$$),
	('id 2^53', $$create_pass_type('passes-x', 'n', id => 9007199254740992)$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT code, name, description, lifecycle_state FROM update_pass_type(880202, code => 'passes-tin', name => 'Tin', description => 'd');
SELECT code, name, description, lifecycle_state FROM update_pass_type(880202);
SELECT code, name, description FROM update_pass_type(880202, code => 'passes-silver', name => 'Silver pass', clear => '{description}');
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('null', $$update_pass_type(NULL, name => 'n')$$),
	('unknown', $$update_pass_type(880299, name => 'n')$$),
	('code taken', $$update_pass_type(880202, code => 'passes-gold')$$),
	('code empty', $$update_pass_type(880202, code => '')$$),
	('name empty', $$update_pass_type(880202, name => '')$$),
	('name 251', $$update_pass_type(880202, name => repeat('x', 251))$$),
	('description 8193', $$update_pass_type(880202, description => repeat('x', 8193))$$),
	('clear name', $$update_pass_type(880202, clear => '{name}')$$),
	('clear null', $$update_pass_type(880202, clear => '{NULL}')$$),
	('clear and given', $$update_pass_type(880202, description => 'd', clear => '{description}')$$)
) v(label, call), regress.refusal('SELECT ' || call) r;

-- content: adding and removing can be repeated
SELECT id, code, lifecycle_state FROM add_pass_content(880201, '{880102,880101,880102}', '{880105,880104}');
SELECT regress.content(880201);
SELECT id FROM add_pass_content(880201, '{880101}', '{880104}');
SELECT id FROM add_pass_content(880201, '{}', '{}');
SELECT id FROM add_pass_content(880201);
SELECT id FROM add_pass_content(880201, NULL, NULL);
SELECT id FROM add_pass_content(880201, path_ids => '{880105}');
SELECT regress.content(880201);
SELECT id FROM remove_pass_content(880201, '{880102,880103}', '{880105}');
SELECT regress.content(880201);
SELECT id FROM remove_pass_content(880201, '{880102,880103}', '{880105}');
SELECT regress.content(880201);
SELECT label, r.code, r.message, r.detail, r.hint
FROM unnest('{add,remove}'::text[]) f, (VALUES
	('type null', $$NULL, '{880103}'$$),
	('type unknown', $$880299, '{880103}'$$),
	('course unknown', $$880201, '{880103,880199}'$$),
	('course null', $$880201, '{NULL}'$$),
	('path for a course', $$880201, '{880103,880104}'$$),
	('team', $$880201, '{880106}'$$),
	('path unknown', $$880201, '{880103}', '{880199}'$$),
	('course for a path', $$880201, '{880103}', '{880101}'$$),
	('collection', $$880201, '{880103}', '{880107}'$$)
) v(label, arguments), regress.refusal(format('SELECT %s_pass_content(%s)', f, arguments)) r
ORDER BY f, label;
SELECT regress.content(880201);

-- options
SELECT id, pass_type_id, name, validity_unit, validity_value, lifecycle_state, regress.utc(created_at) AS created_at
FROM create_pass_option(880201, 'Monthly', 'months', 1, id => 880301);
SELECT id, name, validity_unit, validity_value
FROM (VALUES (880302, 'Ten days', 'days', 10), (880303, 'Two weeks', 'weeks', 2), (880304, 'Yearly', 'years', 1)) v(i, n, u, l),
	create_pass_option(880201, n, u::validity_unit, l, i);
SELECT id, pass_type_id FROM create_pass_option(880202, 'Monthly', 'months', 1, id => 880311);
SELECT id > 0 AS made FROM create_pass_option(880202, 'Made', 'days', 1);
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('type null', $$create_pass_option(NULL, 'n', 'days', 1)$$),
	('type unknown', $$create_pass_option(880299, 'n', 'days', 1)$$),
	('name null', $$create_pass_option(880201, NULL, 'days', 1)$$),
	('name empty', $$create_pass_option(880201, '', 'days', 1)$$),
	('id taken', $$create_pass_option(880201, 'n', 'days', 1, 880301)$$),
	('unit null', $$create_pass_option(880201, 'n', NULL, 1)$$),
	('unit unknown', $$create_pass_option(880201, 'n', 'fortnights', 1)$$),
	('value null', $$create_pass_option(880201, 'n', 'days', NULL)$$),
	('value 0', $$create_pass_option(880201, 'n', 'days', 0)$$),
	('value -1', $$create_pass_option(880299, 'n', 'days', -1)$$),
	('value 36526', $$create_pass_option(880201, 'n', 'days', 36526)$$),
	('update null', $$update_pass_option(NULL, 'n')$$),
	('update unknown', $$update_pass_option(880399, 'n')$$),
	('update name empty', $$update_pass_option(880301, '')$$),
	('update clear', $$update_pass_option(880301, clear => '{name}')$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
-- one that takes the place of another may have its name
SELECT name FROM update_pass_option(880302, 'Monthly');
SELECT name FROM update_pass_option(880302, 'Ten days');
SELECT name, lifecycle_state FROM update_pass_option(880302);

-- prices
SELECT id > 0 AS made, option_id, region_code, currency_code, format_amount(amount, 2) AS amount
FROM create_pass_price(880301, 'passes-DS', 'passes-USD', 99.90);
SELECT region_code, currency_code, amount
FROM (VALUES ('passes-DS', 'passes-JPY', 10000), ('passes-DN', 'passes-USD', 0), ('passes-DN', 'passes-KWD', 1.125), ('passes-DN', 'passes-JPY', 1.000)) v(r, c, a),
	create_pass_price(880301, r, c, a);
SELECT id AS price FROM pass_type_option_price WHERE (option_id, region_code, currency_code) = (880301, 'passes-DS', 'passes-USD') \gset
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('option null', $$create_pass_price(NULL, 'passes-DS', 'passes-USD', 1)$$),
	('option unknown', $$create_pass_price(880399, 'passes-DS', 'passes-USD', 1)$$),
	('region null', $$create_pass_price(880302, NULL, 'passes-USD', 1)$$),
	('region unknown', $$create_pass_price(880302, 'passes-xx', 'passes-USD', 1)$$),
	('currency null', $$create_pass_price(880302, 'passes-DS', NULL, 1)$$),
	('currency unknown', $$create_pass_price(880302, 'passes-DS', 'passes-xx', 1)$$),
	('amount null', $$create_pass_price(880302, 'passes-DS', 'passes-USD', NULL)$$),
	('amount negative', $$create_pass_price(880302, 'passes-DS', 'passes-USD', -0.01)$$),
	('amount NaN', $$create_pass_price(880302, 'passes-DS', 'passes-USD', 'NaN')$$),
	('amount infinite', $$create_pass_price(880302, 'passes-DS', 'passes-USD', 'Infinity')$$),
	('amount 1e30', $$create_pass_price(880302, 'passes-DS', 'passes-USD', 1e30)$$),
	('3 decimals of 2', $$create_pass_price(880302, 'passes-DS', 'passes-USD', 99.901)$$),
	('1 decimal of 0', $$create_pass_price(880302, 'passes-DS', 'passes-JPY', 0.5)$$),
	('4 decimals of 3', $$create_pass_price(880302, 'passes-DS', 'passes-KWD', 1.1255)$$),
	('20 decimals of 3', $$create_pass_price(880302, 'passes-DS', 'passes-KWD', 1.00000000000000000001)$$),
	('there already', $$create_pass_price(880301, 'passes-DS', 'passes-USD', 50)$$),
	('update null', $$update_pass_price(NULL, 1)$$),
	('update unknown', $$update_pass_price(0, 1)$$),
	('update clears', format('update_pass_price(%s, clear => ''{amount}'')', :price)),
	('update negative', format('update_pass_price(%s, -1)', :price)),
	('update 3 decimals of 2', format('update_pass_price(%s, 0.001)', :price))
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT format_amount(amount, 2) AS amount FROM update_pass_price(:price, 89.9);
SELECT format_amount(amount, 2) AS amount FROM update_pass_price(:price, 99.9000);
-- null leaves it as it is
SELECT format_amount(amount, 2) AS amount FROM update_pass_price(:price);
SELECT format_amount(amount, 2) AS amount FROM update_pass_price(:price, NULL, '{}');
-- as text, and no more decimals than the currency has
SELECT p.region_code, p.currency_code, format_amount(p.amount, c.minor_units) AS amount
FROM pass_type_option_price p JOIN currency c ON c.code = p.currency_code
WHERE p.option_id = 880301 ORDER BY 1, 2;

-- publishing: first a price, then the option, then the type
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	(1, 'type without a published option', $$update_pass_type(880201, lifecycle_state => 'published')$$),
	(2, 'option without a price', $$update_pass_option(880302, lifecycle_state => 'published')$$),
	(3, 'draft option to archived', $$update_pass_option(880301, lifecycle_state => 'archived')$$),
	(4, 'draft type to archived', $$update_pass_type(880201, lifecycle_state => 'archived')$$),
	(5, 'draft stays draft', $$update_pass_option(880301, lifecycle_state => 'draft')$$),
	(6, 'option with a price', $$update_pass_option(880301, lifecycle_state => 'published')$$),
	(7, 'published stays published', $$update_pass_option(880301, lifecycle_state => 'published')$$),
	(8, 'published option to draft', $$update_pass_option(880301, lifecycle_state => 'draft')$$),
	(9, 'option of a draft type to archived', $$update_pass_option(880301, lifecycle_state => 'archived')$$),
	(10, 'archived option to draft', $$update_pass_option(880301, lifecycle_state => 'draft')$$),
	(11, 'type with an archived option', $$update_pass_type(880201, lifecycle_state => 'published')$$),
	(12, 'option again', $$update_pass_option(880301, lifecycle_state => 'published')$$),
	(13, 'type with a published option', $$update_pass_type(880201, lifecycle_state => 'published')$$),
	(14, 'published type to draft', $$update_pass_type(880201, lifecycle_state => 'draft')$$),
	(15, 'last published option', $$update_pass_option(880301, lifecycle_state => 'archived')$$),
	(16, 'last published option, and a new name', $$update_pass_option(880301, 'Kept', lifecycle_state => 'archived')$$),
	(17, 'price of another', $$create_pass_price(880302, 'passes-DS', 'passes-USD', 40)$$),
	(18, 'another published', $$update_pass_option(880302, lifecycle_state => 'published')$$),
	(19, 'no longer the last', $$update_pass_option(880301, lifecycle_state => 'archived')$$),
	(20, 'now the other is', $$update_pass_option(880302, lifecycle_state => 'archived')$$),
	(21, 'type to archived', $$update_pass_type(880201, lifecycle_state => 'archived')$$),
	(22, 'archived type to draft', $$update_pass_type(880201, lifecycle_state => 'draft')$$),
	(23, 'content of an archived type', $$add_pass_content(880201, '{880103}')$$),
	(24, 'content of an archived type', $$remove_pass_content(880201, '{880101}')$$),
	(25, 'last option of an archived type', $$update_pass_option(880302, lifecycle_state => 'archived')$$),
	(26, 'archived type without one', $$update_pass_type(880201, lifecycle_state => 'published')$$),
	(27, 'options again', $$update_pass_option(o, lifecycle_state => 'published') FROM unnest('{880301,880302}'::bigint[]) o$$),
	(28, 'archived type to published', $$update_pass_type(880201, lifecycle_state => 'published')$$)
) v(n, label, call), regress.refusal('SELECT ' || call) r ORDER BY n;
SELECT t.code, t.lifecycle_state AS type, o.name, o.lifecycle_state AS option
FROM pass_type t JOIN pass_type_option o ON o.pass_type_id = t.id WHERE t.id = 880201 ORDER BY o.id;
SELECT regress.content(880201);
-- the rest of what the tests need: prices, then published
SELECT lifecycle_state FROM unnest('{880303,880304,880311}'::bigint[]) o, create_pass_price(o, 'passes-DS', 'passes-USD', 1) p,
	update_pass_option(p.option_id, lifecycle_state => 'published');
SELECT lifecycle_state FROM update_pass_type(880202, lifecycle_state => 'published');
SELECT id FROM create_pass_type('passes-draft', 'Draft', id => 880203);
SELECT id FROM create_pass_option(880203, 'Draft', 'days', 1, id => 880321);
SELECT id FROM create_pass_option(880201, 'Draft', 'days', 1, id => 880322);

-- issue: from now and for the period of the option, unless said
SET ROLE regress_operator;
SELECT regress.passes_at('2023-04-28 09:00:00.25');
SELECT pass_type_id, option_id, party_id, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until,
	lifecycle_state, regress.utc(created_at) AS created_at, status, home(id) = home(party_id) AS at_home, id < 2 ^ 53 AS fits
FROM issue_pass(880201, 880301, 880001);
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status
FROM issue_pass(880201, 880304, 880002, '2023-05-01 00:00:00Z', '2023-06-01 00:00:00Z');
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status
FROM issue_pass(pass_type_id => 880201, option_id => 880304, party_id => 880002, valid_from => '2020-02-29 00:00:00Z');
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status
FROM issue_pass(880201, 880303, 880002, valid_until => '2023-04-28 09:00:00.250001Z');
SELECT label, r.code, r.message, regexp_replace(r.detail, '"\w+"', '"…"') AS detail, r.hint
FROM (VALUES
	('type null', $$issue_pass(NULL, 880301, 880001)$$),
	('option null', $$issue_pass(880201, NULL, 880001)$$),
	('party null', $$issue_pass(880201, 880301, NULL)$$),
	('until = from', $$issue_pass(880299, 880301, 880001, '2023-05-01Z', '2023-05-01Z')$$),
	('until < from', $$issue_pass(880201, 880301, 880001, '2023-05-01Z', '2023-04-30Z')$$),
	('until <= now', $$issue_pass(880201, 880301, 880001, NULL, '2023-04-28 09:00:00.25Z')$$),
	('from infinity', $$issue_pass(880201, 880301, 880001, 'infinity')$$),
	('from -infinity', $$issue_pass(880201, 880301, 880001, '-infinity', '2023-05-01Z')$$),
	('until infinity', $$issue_pass(880201, 880301, 880001, NULL, 'infinity')$$),
	('until in 10000', $$issue_pass(880201, 880301, 880001, NULL, '10000-01-01 00:00:00.000001Z')$$),
	('from in 200000', $$issue_pass(880201, 880301, 880001, '200000-01-01Z')$$),
	('from in 294276', $$issue_pass(880201, 880304, 880001, '294276-12-31Z')$$),
	('from at the end of 9999', $$issue_pass(880201, 880301, 880001, '9999-12-31Z')$$),
	('from the first instant', $$issue_pass(880201, 880301, 880001, '4714-11-24Z BC')$$),
	('from the day after', $$issue_pass(880201, 880301, 880001, '4714-11-25Z BC', '2023-05-01Z')$$),
	('from before the year 1', $$issue_pass(880201, 880301, 880001, '0001-12-31 23:59:59Z BC')$$),
	('until before the year 1', $$issue_pass(880201, 880301, 880001, NULL, '0001-12-31 23:59:59Z BC')$$),
	('type unknown', $$issue_pass(880299, 880301, 880001)$$),
	('option unknown', $$issue_pass(880201, 880399, 880001)$$),
	('party unknown', $$issue_pass(880201, 880301, 880099)$$),
	('organisation', $$issue_pass(880201, 880301, 880009)$$),
	('option of another type', $$issue_pass(880201, 880311, 880001)$$),
	('option of another type, a draft', $$issue_pass(880203, 880301, 880001)$$),
	('type a draft', $$issue_pass(880203, 880321, 880001)$$),
	('option a draft', $$issue_pass(880201, 880322, 880001)$$),
	('suspended', $$issue_pass(880201, 880301, 880004)$$),
	('suspended, type a draft', $$issue_pass(880203, 880321, 880004)$$),
	('until <= now, type a draft', $$issue_pass(880203, 880321, 880004, NULL, '2023-04-28 09:00:00.25Z')$$),
	('organisation, option of another type', $$issue_pass(880201, 880311, 880009)$$),
	('organisation, type a draft', $$issue_pass(880203, 880321, 880009)$$),
	('id', $$issue_pass(880201, 880301, 880001, id => 880401)$$),
	('id of no rights comes first', $$issue_pass(NULL, 880301, 880001, id => 0)$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT count(*) AS passes FROM training_pass WHERE party_id BETWEEN 880001 AND 880009;
SET ROLE regress_admin;
SELECT id FROM issue_pass(880201, 880301, 880003, id => 880401);
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('id taken', $$issue_pass(880201, 880301, 880003, id => 880401)$$),
	('id 0', $$issue_pass(880201, 880301, 880003, id => 0)$$),
	('id 2^53', $$issue_pass(880201, 880301, 880003, id => 9007199254740992)$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
-- archived, of either
SELECT lifecycle_state FROM update_pass_option(880302, lifecycle_state => 'archived');
SELECT code, message, detail FROM regress.refusal($$SELECT issue_pass(880201, 880302, 880003)$$);
SELECT lifecycle_state FROM update_pass_option(880302, lifecycle_state => 'published');
SELECT lifecycle_state FROM update_pass_type(880202, lifecycle_state => 'archived');
SELECT code, message, detail FROM regress.refusal($$SELECT issue_pass(880202, 880311, 880003)$$);

-- the same request makes one pass, and answers with it as it stands now
SET ROLE regress_operator;
SELECT regress.passes_at('2023-04-28 10:00:00');
SELECT id AS first FROM issue_pass(880201, 880301, 880003, '2023-05-01Z', NULL, '99a55e50-0000-4000-8000-000000000001') \gset
SELECT regress.passes_at('2023-05-01 00:00:00');
SELECT id = :first AS same, regress.utc(valid_until) AS valid_until, regress.utc(created_at) AS created_at, status
FROM issue_pass(880201, 880301, 880003, '2023-05-01 02:00+02', NULL, '99a55e50-0000-4000-8000-000000000001');
SELECT lifecycle_state FROM revoke_pass(:first);
SELECT id = :first AS same, status FROM issue_pass(880201, 880301, 880003, '2023-05-01Z', NULL, '99a55e50-0000-4000-8000-000000000001');
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('other option', $$880201, 880303, 880003, '2023-05-01Z', NULL$$),
	('other type', $$880202, 880311, 880003, '2023-05-01Z', NULL$$),
	('option of another type first', $$880202, 880301, 880003, '2023-05-01Z', NULL$$),
	('other start', $$880201, 880301, 880003, '2023-05-01 00:00:00.000001Z', NULL$$),
	('no start', $$880201, 880301, 880003, NULL, NULL$$),
	('an end', $$880201, 880301, 880003, '2023-05-01Z', '2023-06-01Z'$$),
	('other party', $$880201, 880301, 880001, '2023-05-01Z', NULL$$),
	('bad arguments first', $$880201, 880301, 880003, '2023-05-01Z', '2023-05-01Z'$$),
	('unknown type first', $$880299, 880301, 880003, '2023-05-01Z', NULL$$)
) v(label, arguments), regress.refusal(format('SELECT issue_pass(%s, ''99a55e50-0000-4000-8000-000000000001'')', arguments)) r;
-- nor is it another call's
SET ROLE regress_admin;
SELECT name, scale FROM add_training_token_type('passes', id => '99a55e50-0000-4000-8000-0000000000ff');
SELECT code, message, detail
FROM regress.refusal($$SELECT redeem_training_tokens(880003, '99a55e50-0000-4000-8000-0000000000ff', 1, 'r', '', '99a55e50-0000-4000-8000-000000000001')$$);
-- a replay comes before the states, and a refused call leaves its key free
SET ROLE regress_admin;
SELECT lifecycle_state FROM update_pass_type(880201, lifecycle_state => 'archived');
SELECT is_suspended FROM update_party(880003, is_suspended => true);
SELECT id = :first AS same, status FROM issue_pass(880201, 880301, 880003, '2023-05-01Z', NULL, '99a55e50-0000-4000-8000-000000000001');
SELECT regress.sqlstate($$SELECT issue_pass(880201, 880303, 880003, idempotency_key => '99a55e50-0000-4000-8000-000000000002')$$);
SELECT lifecycle_state FROM update_pass_type(880201, lifecycle_state => 'published');
SELECT regress.sqlstate($$SELECT issue_pass(880201, 880303, 880003, idempotency_key => '99a55e50-0000-4000-8000-000000000002')$$);
SELECT is_suspended FROM update_party(880003, is_suspended => false);
SELECT option_id FROM issue_pass(880201, 880301, 880003, idempotency_key => '99a55e50-0000-4000-8000-000000000002');
SELECT count(*) FROM training_pass WHERE party_id = 880003;

-- months, weeks and years by the calendar in UTC, whatever the session's zone
SELECT label, string_agg(DISTINCT regress.utc(p.valid_until), ' or ') AS valid_until
FROM unnest('{UTC,Pacific/Kiritimati,America/Los_Angeles,Europe/Berlin,Asia/Kathmandu}'::text[]) zone,
	(VALUES ('31 January + 1 month', 880301, '2023-01-31 12:00Z'), ('31 January of a leap year', 880301, '2024-01-31 12:00Z'),
	('30 January + 1 month', 880301, '2023-01-30Z'), ('28 February + 1 month', 880301, '2023-02-28Z'),
	('31 March + 1 month', 880301, '2023-03-31 23:59:59.999999Z'), ('31 December + 1 month', 880301, '2023-12-31Z'),
	('first instant of a month', 880301, '2023-02-01Z'), ('over a change of clocks', 880301, '2023-03-26 00:30Z'),
	('29 February + 1 year', 880304, '2024-02-29Z'), ('28 February + 1 year', 880304, '2023-02-28Z'),
	('29 February 2096 + 1 year', 880304, '2096-02-29Z'), ('2 weeks over a change of clocks', 880303, '2023-03-20 23:30Z'),
	('10 days', 880302, '2024-02-25Z')) v(label, option_id, valid_from),
	set_config('TimeZone', zone, false), issue_pass(880201, option_id, 880005, valid_from::timestamptz) p
GROUP BY label, v.valid_from ORDER BY v.valid_from, 1;
SET TimeZone = 'Pacific/Kiritimati';
SELECT regress.passes_at('2023-01-31 23:30:00');
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until FROM issue_pass(880201, 880301, 880005);
-- renewed by the calendar too, on the day on which it began
SELECT regress.utc(i.valid_until) AS first, regress.utc(r.valid_until) AS second, regress.utc(s.valid_until) AS third
FROM issue_pass(880201, 880301, 880005, '2024-01-31Z') i, renew_pass(i.id) r, renew_pass(r.id) s;
RESET TimeZone;

-- valid from its first instant on, and no longer at its last
SELECT id AS pass FROM issue_pass(880201, 880304, 880001, '2023-07-01Z', '2023-08-01Z') \gset
SET ROLE regress_reader;
SELECT regress.passes_at('2023-06-30 23:59:59.999999');
SELECT status, pass_covers(880001, 880101) AS now, pass_covers(880001, 880101, '2023-06-30 23:59:59.999999Z') AS then FROM training_pass WHERE id = :pass;
SELECT regress.passes_at('2023-07-01');
SELECT status, pass_covers(880001, 880101) AS now, pass_covers(880001, 880101, '2023-07-01Z') AS then FROM training_pass WHERE id = :pass;
SELECT regress.passes_at('2023-07-31 23:59:59.999999');
SELECT status, pass_covers(880001, 880101) AS now, pass_covers(880001, 880101, '2023-07-31 23:59:59.999999Z') AS then FROM training_pass WHERE id = :pass;
SELECT regress.passes_at('2023-08-01');
SELECT status, pass_covers(880001, 880101) AS now, pass_covers(880001, 880101, '2023-08-01Z') AS then FROM training_pass WHERE id = :pass;
SELECT at, pass_covers(880001, 880101, at::timestamptz) AS covers FROM unnest('{infinity,-infinity}'::text[]) at;
SELECT pass_covers(NULL, 880101), pass_covers(880001, NULL), pass_covers(880099, 880101), pass_covers(880001, 880199);

-- what a pass covers: its courses and paths, and the courses of its paths
SET ROLE regress_admin;
SELECT regress.passes_at('2023-07-10 00:00:00');
SELECT regress.content(880201);
SELECT code FROM add_path_courses(880104, '{880102,880102}');
SELECT code FROM add_path_courses(880105, '{880103}');
SELECT code FROM add_path_courses(880104, '{880102}');
SELECT code FROM add_path_courses(880104, '{}');
SELECT label, r.code, r.message, r.detail, r.hint
FROM unnest('{add,remove}'::text[]) f, (VALUES
	('path null', $$NULL, '{880101}'$$),
	('path unknown', $$880199, '{880101}'$$),
	('course for a path', $$880101, '{880101}'$$),
	('course unknown', $$880104, '{880101,880199}'$$),
	('path in a path', $$880104, '{880105}'$$)
) v(label, arguments), regress.refusal(format('SELECT %s_path_courses(%s)', f, arguments)) r
ORDER BY f, label;
SELECT i.code, pass_covers(880001, i.id), pass_covers(880009, i.id) AS org
FROM catalog_item i WHERE i.code ~ '^passes-' ORDER BY i.id;
SELECT code FROM remove_path_courses(880104, '{880102,880103}');
SELECT pass_covers(880001, 880102);
SELECT code FROM add_path_courses(880104, '{880102}');

-- uses: on the pass that ends first
SET ROLE regress_operator;
SELECT id AS ends_first FROM issue_pass(880201, 880304, 880001, '2023-07-05Z', '2023-07-20Z') \gset
SELECT pass_id = :ends_first AS ends_first, party_id, item_id, reference, regress.utc(created_at) AS created_at, home(id) = home(party_id) AS at_home
FROM use_pass(880001, 880101, 'Event 4711');
SELECT item_id, reference FROM use_pass(880001, 880102, 'by the path');
SELECT item_id, reference FROM use_pass(880001, 880104, 'the path itself');
SELECT regress.passes_at('2023-07-20 00:00:00');
SELECT pass_id = :pass AS other FROM use_pass(880001, 880101, 'the other one has ended');
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('party null', $$use_pass(NULL, 880101, 'r')$$),
	('item null', $$use_pass(880001, NULL, 'r')$$),
	('reference null', $$use_pass(880001, 880101, NULL)$$),
	('reference empty', $$use_pass(880001, 880101, '')$$),
	('reference 8193', $$use_pass(880001, 880101, repeat('x', 8193))$$),
	('party unknown', $$use_pass(880099, 880101, 'r')$$),
	('item unknown', $$use_pass(880001, 880199, 'r')$$),
	('not covered', $$use_pass(880001, 880103, 'r')$$),
	('no pass', $$use_pass(880004, 880101, 'r')$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT regress.passes_at('2023-08-01 00:00:00');
SELECT code, message FROM regress.refusal($$SELECT use_pass(880001, 880101, 'over')$$);
SELECT count(*) FROM pass_use WHERE party_id = 880001;

-- renew: its start is kept, an expired pass may be renewed
SELECT regress.passes_at('2023-09-01 00:00:00');
SELECT code, message, detail, hint FROM regress.refusal(format($$SELECT renew_pass(%s, valid_until => '2023-09-01Z')$$, :pass));
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, option_id, status FROM renew_pass(:pass);
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, option_id, status FROM renew_pass(:pass, 880301);
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, option_id FROM renew_pass(:pass);
SELECT regress.utc(valid_until) AS valid_until, option_id FROM renew_pass(:pass, 880303, '2024-12-31Z');
SELECT label, r.code, r.message, replace(r.detail, :'pass', 'N') AS detail, r.hint
FROM (VALUES
	('null', $$NULL$$),
	('unknown', $$0$$),
	('infinite', :'pass' || $$, NULL, 'infinity'$$),
	('in 10000', :'pass' || $$, NULL, '10000-01-01 00:00:01Z'$$),
	('not later', :'pass' || $$, NULL, '2024-12-31Z'$$),
	('earlier', :'pass' || $$, NULL, '2024-12-30Z'$$),
	('option unknown', :'pass' || $$, 880399$$),
	('option of another type', :'pass' || $$, 880311$$),
	('option a draft', :'pass' || $$, 880322$$)
) v(label, arguments), regress.refusal(format('SELECT renew_pass(%s)', arguments)) r;
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(880001, is_suspended => true);
SELECT code, message, detail, hint FROM regress.refusal(format('SELECT renew_pass(%s)', :pass));
SELECT code, message FROM regress.refusal(format($$SELECT renew_pass(%s, NULL, '2024-12-31Z')$$, :pass));
-- what a suspended party has, it may use
SELECT pass_id = :pass AS used FROM use_pass(880001, 880101, 'suspended');
SELECT is_suspended FROM update_party(880001, is_suspended => false);
SELECT lifecycle_state FROM update_pass_option(880303, lifecycle_state => 'archived');
SELECT code, message, detail, hint FROM regress.refusal(format('SELECT renew_pass(%s)', :pass));
SELECT lifecycle_state FROM update_pass_type(880201, lifecycle_state => 'archived');
SELECT code, message, detail, hint FROM regress.refusal(format('SELECT renew_pass(%s, 880301)', :pass));
-- nothing that was issued is touched
SELECT status, pass_covers(880001, 880101) FROM training_pass WHERE id = :pass;
SELECT lifecycle_state FROM update_pass_type(880201, lifecycle_state => 'published');
SELECT lifecycle_state FROM update_pass_option(880303, lifecycle_state => 'published');

-- revoke: cancelled for good, the dates stay
SET ROLE regress_operator;
SELECT lifecycle_state, status, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until FROM revoke_pass(:pass);
SELECT pass_covers(880001, 880101), pass_covers(880001, 880101, '2023-07-25Z') AS then;
SELECT label, r.code, r.message, replace(r.detail, :'pass', 'N') AS detail, r.hint
FROM (VALUES
	('null', $$revoke_pass(NULL)$$),
	('unknown', $$revoke_pass(0)$$),
	('twice', format('revoke_pass(%s)', :pass)),
	('renew', format('renew_pass(%s)', :pass)),
	('renew, option unknown', format('renew_pass(%s, 880399)', :pass)),
	('renew, not later', format('renew_pass(%s, NULL, ''2024-12-31Z'')', :pass)),
	('reassign', format('reassign_pass(%s, 880002)', :pass)),
	('use', 'use_pass(880001, 880101, ''r'')')
) v(label, call), regress.refusal('SELECT ' || call) r;
-- an expired one may be revoked
SELECT lifecycle_state, status FROM revoke_pass(:ends_first);

-- ids that the server makes pass over those that were imported
BEGIN;
RESET ROLE;
CREATE TEMPORARY TABLE imported AS SELECT (last_value + n << 10) | home AS id
FROM pass_id_seq, generate_series(1, 3) n, unnest(ARRAY[home(880001::bigint), home(880002::bigint)]) home;
GRANT SELECT ON imported TO regress_admin;
SET LOCAL ROLE regress_admin;
SELECT count(p.id) FROM imported i, issue_pass(880201, 880301, 880003, id => i.id) p;
SELECT id AS made FROM issue_pass(880201, 880301, 880001) \gset
SELECT id AS moved FROM reassign_pass(:made, 880002) \gset
SELECT :made NOT IN (SELECT id FROM imported) AS issued, :moved NOT IN (SELECT id FROM imported) AS reassigned;
ROLLBACK;
-- what is not there comes before what does not fit (section 4)
SELECT r.code, r.message FROM (VALUES ('issue_pass(0, 880301, 880009)'), ('issue_pass(880201, 0, 880009)'), ('issue_pass(880201, 880301, 0)'),
	('issue_pass(880201, 880301, 880009)')) v(call), regress.refusal('SELECT ' || call) r;

-- reassign: the rest of the validity is another's
SELECT regress.passes_at('2023-09-10 12:00:00');
SELECT id AS given FROM issue_pass(880201, 880304, 880001, '2023-09-01Z', '2023-10-01Z') \gset
SELECT id AS got, party_id, option_id, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status,
	regress.utc(created_at) AS created_at, home(id) = home(party_id) AS at_home FROM reassign_pass(:given, 880002) \gset re_
SELECT :'re_party_id' AS party_id, :'re_option_id' AS option_id, :'re_valid_from' AS valid_from, :'re_valid_until' AS valid_until,
	:'re_status' AS status, :'re_created_at' AS created_at, :'re_at_home' AS at_home;
SELECT lifecycle_state, status, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until FROM training_pass WHERE id = :given;
SELECT event, party_id, other_pass_id = :re_got AS other, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until
FROM pass_event WHERE pass_id = :given ORDER BY id;
SELECT event, party_id, other_pass_id = :given AS other, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until
FROM pass_event WHERE pass_id = :re_got ORDER BY id;
SELECT pass_covers(880001, 880101) AS ann, pass_covers(880002, 880101) AS bob;
-- one that is yet to begin keeps its start; a type that is archived meanwhile does not matter
SELECT id AS upcoming FROM issue_pass(880201, 880301, 880001, '2023-11-01Z') \gset
SET ROLE regress_admin;
SELECT lifecycle_state FROM update_pass_type(880201, lifecycle_state => 'archived');
SET ROLE regress_operator;
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM reassign_pass(:upcoming, 880003);
SET ROLE regress_admin;
SELECT lifecycle_state FROM update_pass_type(880201, lifecycle_state => 'published');
SET ROLE regress_operator;
SELECT id AS here FROM issue_pass(880201, 880301, 880001) \gset
SELECT label, r.code, r.message, replace(r.detail, :'here', 'N') AS detail, r.hint
FROM (VALUES
	('null', $$reassign_pass(NULL, 880002)$$),
	('unknown', $$reassign_pass(0, 880002)$$),
	('party null', format('reassign_pass(%s, NULL)', :here)),
	('party unknown', format('reassign_pass(%s, 880099)', :here)),
	('organisation', format('reassign_pass(%s, 880009)', :here)),
	('suspended', format('reassign_pass(%s, 880004)', :here)),
	('the same', format('reassign_pass(%s, 880001)', :here))
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT regress.passes_at('2023-10-10 12:00:00');
SELECT code, message, replace(detail, :'here', 'N') AS detail, hint FROM regress.refusal(format('SELECT reassign_pass(%s, 880002)', :here));
-- a suspended person may be relieved of a pass
SELECT valid_until > valid_from AS renewed FROM renew_pass(:here);
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(880001, is_suspended => true);
SELECT party_id FROM reassign_pass(:here, 880002);
SELECT is_suspended FROM update_party(880001, is_suspended => false);

-- every change has left its event, and an event says what the pass then was
SET ROLE regress_operator;
SET request.jwt.claims = '{"sub": "desk 4"}';
SELECT FROM issue_pass(880201, 880301, 880001) i, renew_pass(i.id) r, reassign_pass(r.id, 880003) a, revoke_pass(a.id);
RESET request.jwt.claims;
SELECT e.event, e.party_id, e.option_id, regress.utc(e.valid_from) AS valid_from, regress.utc(e.valid_until) AS valid_until,
	e.other_pass_id IS NOT NULL AS other, e.changed_by, regress.utc(e.created_at) AS created_at
FROM pass_event e WHERE e.party_id IN (880001, 880003) AND e.changed_by = 'desk 4' ORDER BY e.created_at, e.id;
SELECT event, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, option_id, changed_by
FROM pass_event WHERE pass_id = :pass ORDER BY id;
-- no pass whose last event differs from it, none without its first
SELECT p.id FROM pass p
LEFT JOIN LATERAL (SELECT e.* FROM pass_event e WHERE e.pass_id = p.id AND e.event <> 'use_cancelled' ORDER BY e.id DESC LIMIT 1) e ON true
WHERE (p.option_id, p.party_id, p.valid_from, p.valid_until, p.lifecycle_state)
	IS DISTINCT FROM (e.option_id, e.party_id, e.valid_from, e.valid_until,
		CASE WHEN e.event IN ('revoked', 'reassigned') THEN 'cancelled' ELSE 'active' END::pass_state)
OR (SELECT count(*) FROM pass_event e WHERE e.pass_id = p.id AND e.event = 'issued') <> 1;
SELECT count(*) AS passes, count(*) FILTER (WHERE lifecycle_state = 'cancelled') AS cancelled FROM pass WHERE party_id BETWEEN 880001 AND 880009;
SELECT event, count(*) FROM pass_event WHERE party_id BETWEEN 880001 AND 880009 GROUP BY 1 ORDER BY 1;

-- a learner sees its own and nothing else
SELECT party_id, count(*) FROM pass_event WHERE party_id IN (880001, 880002, 880003) GROUP BY 1 ORDER BY 1;
SELECT count(*) AS types FROM pass_type WHERE code ~ '^passes-' \gset
SET ROLE regress_learner;
SELECT count(*) AS passes FROM training_pass;
SELECT pass_covers(880002, 880101, '2023-09-20Z');
SET trainledger.party_id = '880002';
SELECT string_agg(DISTINCT party_id::text, ' ') AS seen FROM training_pass;
SELECT string_agg(DISTINCT party_id::text, ' ') AS seen, count(*) FROM pass;
SELECT string_agg(DISTINCT party_id::text, ' ') AS seen, count(*) FROM pass_event;
SELECT count(*) AS uses FROM pass_use;
SELECT pass_covers(880002, 880101, '2023-09-20Z') AS own, pass_covers(880003, 880101, '2023-11-10Z') AS anothers;
SET trainledger.party_id = '880001';
SELECT string_agg(DISTINCT party_id::text, ' ') AS seen, count(*) FROM pass_use;
SELECT count(*) = :types AS types, count(*) > 1 AS some FROM pass_type WHERE code ~ '^passes-';
SELECT count(*) > 1 AS contents FROM pass_type_content;
SELECT r.* FROM unnest('{issue_pass(880201\, 880301\, 880001),renew_pass(1),revoke_pass(1),"reassign_pass(1, 2)","use_pass(880001, 880101, ''r'')",create_pass_type(''x''\, ''x'')}'::text[]) call,
	regress.attempt('SELECT ' || call) r;
RESET trainledger.party_id;
SET ROLE regress_reader;
SELECT r.* FROM unnest('{"issue_pass(880201, 880301, 880001)","use_pass(880001, 880101, ''r'')","update_pass_price(1, 2)"}'::text[]) call,
	regress.attempt('SELECT ' || call) r;
SET ROLE regress_operator;
SELECT r.* FROM unnest('{"create_pass_type(''x'', ''x'')",update_pass_type(880201),add_pass_content(880201),remove_pass_content(880201),"create_pass_option(880201, ''x'', ''days'', 1)",update_pass_option(880301),"create_pass_price(880301, ''x'', ''x'', 1)","update_pass_price(1, 2)","add_path_courses(880104, ''{}'')","remove_path_courses(880104, ''{}'')","trainledger_internal.issue_pass(880201, 880301, 880001, NULL, NULL, NULL, NULL)"}'::text[]) call,
	regress.attempt('SELECT ' || call) r;

-- every call is refused in a read-only transaction
BEGIN READ ONLY;
SELECT count(*) > 1 AS readable, pass_covers(880002, 880101, '2023-09-20Z') FROM training_pass;
SELECT regress.sqlstate('SELECT issue_pass(880201, 880301, 880001)');
ROLLBACK;
SELECT regress.passes_at('');
SELECT valid_from = clock() AS from_now, created_at = clock() AS now, status FROM issue_pass(880201, 880301, 880005);
RESET ROLE;
RESET trainledger.clock;
DROP FUNCTION regress.passes_at, regress.utc, regress.content;
