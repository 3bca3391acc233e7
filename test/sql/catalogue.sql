-- The catalogue (contract, section 5)
\pset format unaligned
\pset null (null)
SET ROLE regress_admin;
SET search_path = trainledger, public;

SELECT kind, code, name, id > 0 AS has_id
FROM unnest(enum_range(NULL::catalog_kind)) AS k,
	add_catalog_item(k, 'catalogue-1', 'A ' || k);
SELECT * FROM add_catalog_item('course', 'catalogue-2', 'Taken over', 9007199254740991);
SELECT char_length(code), char_length(name)
FROM add_catalog_item('course', repeat('ü', 50), repeat('ü', 250));
SELECT * FROM add_region('catalogue-eu', 'Europe');
SELECT * FROM add_currency('catalogue-eur', 'Euro');
SELECT * FROM add_currency('catalogue-jpy', 'Yen', 0);
SELECT * FROM add_currency('catalogue-6', 'Six', minor_units => 6);

SELECT label, r.*
FROM (VALUES
	('kind null', $$SELECT add_catalog_item(NULL, 'x', 'x')$$),
	('kind unknown', $$SELECT add_catalog_item('lesson', 'x', 'x')$$),
	('code null', $$SELECT add_catalog_item('course', NULL, 'x')$$),
	('code empty', $$SELECT add_catalog_item('course', '', 'x')$$),
	('code 51', $$SELECT add_catalog_item('course', repeat('x', 51), 'x')$$),
	('name null', $$SELECT add_catalog_item('course', 'x', NULL)$$),
	('name blank', $$SELECT add_catalog_item('course', 'x', ' ')$$),
	('name 251', $$SELECT add_catalog_item('course', 'x', repeat('x', 251))$$),
	('id 0', $$SELECT add_catalog_item('course', 'x', 'x', 0)$$),
	('id 2^53', $$SELECT add_catalog_item('course', 'x', 'x', 9007199254740992)$$),
	('code taken', $$SELECT add_catalog_item('team', 'catalogue-1', 'x')$$),
	('id taken', $$SELECT add_catalog_item('team', 'x', 'x', 9007199254740991)$$),
	('region null', $$SELECT add_region(NULL, 'x')$$),
	('region empty', $$SELECT add_region('', 'x')$$),
	('region 51', $$SELECT add_region(repeat('x', 51), 'x')$$),
	('region name null', $$SELECT add_region('x', NULL)$$),
	('region name 251', $$SELECT add_region('x', repeat('x', 251))$$),
	('region taken', $$SELECT add_region('catalogue-eu', 'x')$$),
	('currency null', $$SELECT add_currency(NULL, 'x')$$),
	('currency name empty', $$SELECT add_currency('x', '')$$),
	('currency -1', $$SELECT add_currency('x', 'x', -1)$$),
	('currency 7', $$SELECT add_currency('x', 'x', 7)$$),
	('currency units null', $$SELECT add_currency('x', 'x', NULL)$$),
	('currency taken', $$SELECT add_currency('catalogue-eur', 'x')$$)
) v(label, statement), regress.refusal(statement) r;
-- the code is per kind, and its case counts
SELECT kind, code FROM add_catalog_item('team', 'catalogue-2', 'x');
SELECT kind, code FROM add_catalog_item('team', 'Catalogue-2', 'x');

-- ids that are generated step over those that were taken over
SELECT id AS last FROM add_catalog_item('course', 'catalogue-last', 'x') \gset
SELECT count(add_catalog_item('course', 'catalogue-way-' || step, 'x', :last + step)) AS in_the_way
FROM generate_series(1, 10, 2) AS step;
SELECT count(DISTINCT id) AS made
FROM generate_series(1, 8) AS step, add_catalog_item('course', 'catalogue-made-' || step, 'x');

-- admin only
SET ROLE regress_operator;
SELECT regress.attempt(statement)
FROM (VALUES ($$SELECT add_catalog_item('course', 'x', 'x')$$),
	($$SELECT add_region('x', 'x')$$), ($$SELECT add_currency('x', 'x')$$),
	($$INSERT INTO catalog_item VALUES (1, 'course', 'x', 'x')$$),
	($$DELETE FROM region$$), ($$UPDATE currency SET minor_units = 3$$)) v(statement);
SELECT count(*) FROM catalog_item WHERE code = 'x';
