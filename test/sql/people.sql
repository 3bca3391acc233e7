-- People (contract, section 5)
\pset format unaligned
\pset null (null)
SET ROLE regress_operator;
SET search_path = trainledger, public;

-- all arguments
SELECT kind, name, barcode, email, rfid, external_id, organisation_id, data,
	flags, sources, attributes, is_suspended
FROM add_party('organisation', 'Example Org', barcode => 'people-org');
SELECT kind, name, email, rfid, barcode, external_id,
	organisation_id = regress.party('people-org') AS organisation, data, flags,
	sources, attributes, is_suspended, updated_at = created_at AS fresh,
	created_at = clock() AS now, id BETWEEN 1 AND 1000000 AS small_id
FROM add_party('person', 'Ann Example', 'Ann@Example.org', 'people-rfid',
	'people-ann', 'people-ext', regress.party('people-org'),
	'[{"key": "value"}, 1]', '{vip,press}', '{import}', '{"grade": 3}');
-- null stands for what is left out
SELECT data, flags, sources, attributes
FROM add_party('person', 'Nulls', barcode => 'people-nulls', data => NULL,
	flags => NULL, sources => NULL, attributes => NULL);

-- what cannot be
SELECT label, r.*
FROM (VALUES
	('kind null', $$SELECT add_party(NULL, 'x')$$),
	('name null', $$SELECT add_party('person', NULL)$$),
	('name empty', $$SELECT add_party('person', '')$$),
	('name blank', $$SELECT add_party('person', '   ')$$),
	('name 251', $$SELECT add_party('person', repeat('x', 251))$$),
	('email', $$SELECT add_party('person', 'x', 'no address')$$),
	('email empty', $$SELECT add_party('person', 'x', '')$$),
	('email two @', $$SELECT add_party('person', 'x', 'a@b@c')$$),
	('email 251', $$SELECT add_party('person', 'x', repeat('x', 239) || '@example.org')$$),
	('rfid empty', $$SELECT add_party('person', 'x', rfid => '')$$),
	('barcode empty', $$SELECT add_party('person', 'x', barcode => '')$$),
	('external_id empty', $$SELECT add_party('person', 'x', external_id => '')$$),
	('rfid 251', $$SELECT add_party('person', 'x', rfid => repeat('x', 251))$$),
	('barcode 251', $$SELECT add_party('person', 'x', barcode => repeat('ü', 251))$$),
	('external_id 251', $$SELECT add_party('person', 'x', external_id => repeat('x', 251))$$),
	('data object', $$SELECT add_party('person', 'x', data => '{}')$$),
	('data scalar', $$SELECT add_party('person', 'x', data => '1')$$),
	('data JSON null', $$SELECT add_party('person', 'x', data => 'null')$$),
	('attributes array', $$SELECT add_party('person', 'x', attributes => '[]')$$),
	('attributes JSON null', $$SELECT add_party('person', 'x', attributes => 'null')$$),
	('flags nested', $$SELECT add_party('person', 'x', flags => '{{a},{b}}')$$),
	('sources nested', $$SELECT add_party('person', 'x', sources => '{{{a}}}')$$),
	('flags nested, changed', $$SELECT update_party(regress.party('people-ann'), flags => '{{a},{b}}')$$),
	('organisation', $$SELECT add_party('person', 'x', organisation_id => 0)$$)
) v(label, statement), regress.refusal(statement) r;
-- a person is no organisation; the detail has an id
SELECT regress.attempt($$SELECT add_party('person', 'x',
	organisation_id => regress.party('people-ann'))$$);
-- of 250 characters, not bytes
SELECT char_length(name), char_length(barcode), char_length(email)
FROM add_party('person', repeat('ü', 250), repeat('ü', 238) || '@example.org',
	barcode => repeat('ä', 250));

-- unique columns, on insert
SELECT label, r.*
FROM (VALUES
	('email', $$SELECT add_party('person', 'x', 'ann@example.ORG')$$),
	('rfid', $$SELECT add_party('person', 'x', rfid => 'people-rfid')$$),
	('barcode', $$SELECT add_party('person', 'x', barcode => 'people-ann')$$),
	('external_id', $$SELECT add_party('person', 'x', external_id => 'people-ext')$$)
) v(label, statement), regress.refusal(statement) r;
-- and on update
SELECT name FROM add_party('person', 'Bob', barcode => 'people-bob');
SELECT label, r.*
FROM (VALUES
	('email', $$SELECT update_party(regress.party('people-bob'), email => 'ann@EXAMPLE.org')$$),
	('rfid', $$SELECT update_party(regress.party('people-bob'), rfid => 'people-rfid')$$),
	('barcode', $$SELECT update_party(regress.party('people-bob'), barcode => 'people-ann')$$),
	('external_id', $$SELECT update_party(regress.party('people-bob'), external_id => 'people-ext')$$)
) v(label, statement), regress.refusal(statement) r;
SELECT name, email, rfid, barcode, external_id, created_at = updated_at AS unchanged
FROM party WHERE barcode = 'people-bob';

-- null leaves a column as it is; its own values are not in its way
SELECT (u).name, (u).email, (u).rfid, (u).barcode, (u).external_id,
	(u).organisation_id = regress.party('people-org') AS organisation, (u).data,
	(u).flags, (u).sources, (u).attributes, (u).is_suspended
FROM (SELECT update_party(regress.party('people-ann')) AS u OFFSET 0) s;
SELECT name, email, rfid, barcode, external_id,
	organisation_id = regress.party('people-org') AS organisation, data, flags,
	sources, attributes, is_suspended
FROM update_party(regress.party('people-ann'), 'Ann B. Example',
	'ANN@example.org', 'people-rfid', 'people-ann', 'people-ext',
	regress.party('people-org'), '[2]', '{staff}', '{web}', '{"grade": 4}', true);
-- the row is what was returned
CREATE TEMPORARY TABLE returned AS
SELECT u.* FROM update_party(regress.party('people-ann'), flags => '{staff}') u;
SELECT p = r AS same FROM party p JOIN returned r ON r.id = p.id;
SELECT updated_at > created_at AS later, updated_at = clock() AS now
FROM update_party(regress.party('people-bob'), name => 'Bob B.');

-- clear, one and all
SELECT email, rfid FROM update_party(regress.party('people-ann'), clear => '{email}');
SELECT name, email, rfid, barcode, external_id, organisation_id, data, flags,
	sources, attributes, is_suspended
FROM update_party(regress.party('people-ann'),
	clear => '{email,rfid,external_id,organisation_id,data,flags,sources,attributes,email}');
SELECT barcode FROM update_party(regress.party('people-bob'), clear => '{barcode}');
SELECT name, barcode FROM update_party((SELECT id FROM party WHERE name = 'Bob B.'),
	barcode => 'people-bob', clear => NULL);
SELECT label, r.*
FROM (VALUES
	('name', $$SELECT update_party(regress.party('people-bob'), clear => '{name}')$$),
	('is_suspended', $$SELECT update_party(regress.party('people-bob'), clear => '{email,is_suspended}')$$),
	('unknown', $$SELECT update_party(regress.party('people-bob'), clear => '{"no such"}')$$),
	('null', $$SELECT update_party(regress.party('people-bob'), clear => '{NULL}')$$),
	('both', $$SELECT update_party(regress.party('people-bob'), rfid => 'x', clear => '{rfid}')$$),
	('name empty', $$SELECT update_party(regress.party('people-bob'), name => '')$$),
	('name 251', $$SELECT update_party(regress.party('people-bob'), name => repeat('x', 251))$$),
	('email', $$SELECT update_party(regress.party('people-bob'), email => 'x')$$),
	('barcode empty', $$SELECT update_party(regress.party('people-bob'), barcode => '')$$),
	('data', $$SELECT update_party(regress.party('people-bob'), data => '{}')$$),
	('attributes', $$SELECT update_party(regress.party('people-bob'), attributes => '[]')$$),
	('party null', $$SELECT update_party(NULL)$$),
	('party unknown', $$SELECT update_party(0)$$),
	('organisation', $$SELECT update_party(regress.party('people-bob'), organisation_id => 0)$$),
	-- what the arguments show comes before what is not there
	('order', $$SELECT update_party(0, email => 'x')$$)
) v(label, statement), regress.refusal(statement) r;
-- its own organisation, and a person as one
SELECT regress.attempt($$SELECT update_party(regress.party('people-bob'),
	organisation_id => regress.party('people-ann'))$$);

-- ids are the administrator's
SELECT r.* FROM regress.refusal($$SELECT add_party('person', 'x', id => 1)$$) r;
SELECT r.* FROM regress.refusal($$SELECT add_party(NULL, NULL, id => -1)$$) r;
SELECT r.* FROM regress.refusal($$SELECT add_party('person', 'x',
	uuid => '3e0e1d1c-0000-4000-8000-000000000001')$$) r;
RESET ROLE;
SET ROLE regress_admin;
SELECT id, uuid FROM add_party('person', 'Imported', barcode => 'people-imported',
	id => 9007199254740991, uuid => '3e0e1d1c-0000-4000-8000-000000000001');
SELECT label, r.*
FROM (VALUES
	('zero', $$SELECT add_party('person', 'x', id => 0)$$),
	('negative', $$SELECT add_party('person', 'x', id => -1)$$),
	('2^53', $$SELECT add_party('person', 'x', id => 9007199254740992)$$),
	('id taken', $$SELECT add_party('person', 'x', id => 9007199254740991)$$),
	('uuid taken', $$SELECT add_party('person', 'x',
		uuid => '3e0e1d1c-0000-4000-8000-000000000001')$$)
) v(label, statement), regress.refusal(statement) r;
-- ids that are generated step over those that were taken over
SELECT id AS last FROM add_party('person', 'Last') \gset
SELECT count(add_party('person', 'In the way', id => :last + step)) AS in_the_way
FROM generate_series(1, 20, 2) AS step;
SELECT count(DISTINCT id) AS made, count(*) FILTER (WHERE id > :last) AS behind
FROM generate_series(1, 15) AS step, add_party('person', 'Generated ' || step);

-- find_party by each kind of id
SET ROLE regress_operator;
SELECT email FROM update_party(regress.party('people-ann'), email => 'Ann@Example.org',
	rfid => 'people-rfid', external_id => 'people-ext', is_suspended => false);
SELECT id_type, (find_party(id_type, id)).name
FROM (VALUES ('id', '9007199254740991'),
	('uuid', '3e0e1d1c-0000-4000-8000-000000000001'),
	('uuid', '3E0E1D1C000040008000000000000001'),
	('email', 'ann@example.org'), ('email', 'ANN@EXAMPLE.ORG'),
	('rfid', 'people-rfid'), ('barcode', 'people-ann'),
	('externalId', 'people-ext')) v(id_type, id);
SELECT v.*, r.*
FROM (VALUES ('id', '0'), ('id', '-1'), ('id', ''), ('id', 'x'), ('id', '1x'),
	('id', ' 1'), ('id', '1.0'), ('id', '9007199254740992'),
	('id', '9223372036854775808'), ('id', repeat('9', 30)), ('id', NULL),
	('uuid', '3e0e1d1c'), ('uuid', ''), ('uuid', '{3e0e1d1c-0000-4000-8000-000000000001}'),
	('uuid', '3e0e1d1c-0000-4000-8000-000000000002'), ('uuid', NULL),
	('email', 'nobody@example.org'), ('email', ''), ('email', NULL),
	('rfid', 'none'), ('rfid', 'PEOPLE-RFID'), ('rfid', NULL), ('barcode', 'none'),
	('barcode', ''), ('externalId', 'none'), ('externalId', NULL),
	('external_id', 'people-ext'), ('name', 'Imported'), ('ID', '1'), ('', ''),
	(NULL, NULL), (NULL, '1')) v(id_type, id),
	regress.refusal(format('SELECT find_party(%L, %L)', id_type, id)) r;
-- in a read-only transaction
BEGIN READ ONLY;
SELECT name FROM find_party('barcode', 'people-ann');
ROLLBACK;

-- nothing but functions write
SELECT regress.attempt(statement)
FROM (VALUES ($$INSERT INTO party (id) VALUES (1)$$),
	($$UPDATE party SET name = 'x'$$), ($$DELETE FROM party$$),
	($$TRUNCATE party CASCADE$$), ($$SELECT nextval('party_id_seq')$$)) v(statement);
-- whoever may not, may not
SET ROLE regress_reader;
SELECT regress.attempt($$SELECT add_party('person', 'x')$$);
SELECT regress.attempt($$SELECT update_party(1)$$);

-- the same without regard to case, whatever the collation of an argument
SET ROLE regress_operator;
SELECT email FROM add_party('person', 'Äpfel', email => 'äpfel@people.example');
SELECT lower('Ä') <> 'ä' OR regress.answer($$(find_party('email', 'ÄPFEL@people.example' COLLATE "C")).name$$) = 'Äpfel' AS found;
