-- Names and codes are trimmed at every door, and some are compared without
-- regard to case and composition (contract, section 2).
\pset format unaligned
\pset null (null)
BEGIN;
SET LOCAL search_path = trainledger, trainledger_internal, public;

-- White space is Unicode's, and three characters without width; nothing else.
CREATE TEMPORARY TABLE space AS SELECT i AS code, chr(i) AS space FROM unnest(ARRAY[
	9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202,
	8232, 8233, 8239, 8287, 12288, 8203, 8288, 65279]) i;
SELECT array_agg(to_hex(i) ORDER BY i) FILTER (WHERE trimmed(chr(i)) = '') AS white,
	count(*) FILTER (WHERE (trimmed(chr(i)) = '') <> EXISTS (SELECT FROM space WHERE code = i)) AS wrong,
	count(*) FILTER (WHERE trimmed(chr(i) || 'x' || chr(i)) <> CASE WHEN EXISTS (SELECT FROM space WHERE code = i) THEN 'x' ELSE chr(i) || 'x' || chr(i) END) AS wrong_around
FROM (SELECT * FROM generate_series(1, 55295) UNION ALL SELECT * FROM generate_series(57344, 131071)) v(i);
SELECT quote_literal(trimmed(v)) FROM (VALUES (''), (' '), (E'a\u00a0b'), (E'\u3000a b\u2003 \t\n'), (E'\ufeff\u00a0'), (E'x\u200d'), (E'\u0301x')) x(v);
-- of any length
SELECT trimmed(repeat(E'\u2003', 100000) || 'x' || repeat(E'\u00a0 ', 100000)) = 'x' AS long,
	folded(repeat(E'\u2003', 100000) || repeat('É', 100000)) = repeat('é', 100000) AS folds;

-- Composed and decomposed, small and capital: equal. Others are not.
SELECT a, b, folded(a) = folded(b) AS equal FROM (VALUES
	('Café', E'CAFE\u0301'), (E'a\u0323\u0302', 'Ậ'), ('ΣΊΣΥΦΟΣ', 'σίσυφος'), ('ЁЛКА', 'ёлка'), ('ǰ', E'J\u030c'), (E'\u212b', 'å'),
	('한글', E'\u1112\u1161\u11ab\u1100\u1173\u11af'), ('Straße', 'STRAẞE'), ('Straße', 'STRASSE'), ('cafe', 'café'), ('ı', 'I'), ('ﬁ', 'fi'),
	('x', 'X '), ('x y', E'x\u00a0y'), ('𐐀', '𐐨')) v(a, b);
-- whatever the collation
SELECT folded('ÉI' COLLATE "C") = 'éi' AS c, folded('ÉI' COLLATE "POSIX") = 'éi' AS posix;
-- The longest name is normalised when it is decomposed too; sorting the marks of a text without end would take minutes.
SET statement_timeout = '10s';
SELECT folded(repeat(E'e\u0323\u0302', 250)) = repeat('ệ', 250) AS name, length(folded(repeat(E'\u0301\u0323', 20000))) AS marks;
SELECT regress.sqlstate(format('SELECT trainledger.claim_signup_token(%L, 980001)', repeat(E'\u0301\u0323', 20000)));
RESET statement_timeout;

/*
 * Every door: b is a name that is written with white space around it, and looked
 * up with other white space.
 */
CREATE FUNCTION pg_temp.odd(name text, n integer) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(space, '' ORDER BY code) || name || string_agg(space, '' ORDER BY code DESC) FROM space WHERE code % 3 = n OR code > 8200$$;

SELECT name, email, rfid, barcode, external_id FROM add_party('person', pg_temp.odd('Nan Odd', 0), pg_temp.odd('Nan@Odd.example', 1), pg_temp.odd('odd-rfid', 2),
	pg_temp.odd('odd-barcode', 0), pg_temp.odd('odd-external', 1), id => 980001);
SELECT kind, (find_party(kind, pg_temp.odd(id, 2))).id FROM (VALUES ('email', E'nan@ODD.example'), ('rfid', 'odd-rfid'), ('barcode', 'odd-barcode'), ('externalId', 'odd-external')) v(kind, id);
SELECT name, email, rfid, barcode, external_id FROM update_party(980001, pg_temp.odd('Nan Even', 0), pg_temp.odd('Nàn@odd.example', 1), pg_temp.odd('odd-rfid 2', 2),
	pg_temp.odd('odd-barcode 2', 0), pg_temp.odd('odd-external 2', 1));
SELECT (find_party('email', E' NA\u0300N@odd.example')).id;
SELECT label, r.code, r.message FROM (VALUES
	('name', $$add_party('person', E'\u00a0')$$), ('rfid', $$add_party('person', 'x', rfid => E'\u3000')$$), ('email', $$add_party('person', 'x', E'\u3000')$$),
	('other name', $$update_party(980001, name => E'\u2003')$$),
	('email taken', $$add_party('person', 'x', E'NA\u0300N@ODD.EXAMPLE\u00a0')$$),
	('rfid taken', $$add_party('person', 'x', rfid => E'odd-rfid 2\u202f')$$),
	('barcode taken', $$add_party('person', 'x', barcode => E'\ufeffodd-barcode 2')$$),
	('external_id taken', $$add_party('person', 'x', external_id => E'odd-external 2\n')$$)) v(label, statement),
	regress.refusal('SELECT ' || statement) r;

SELECT code, name FROM add_catalog_item('course', pg_temp.odd('odd', 0), pg_temp.odd('Odd', 1), 980011);
SELECT code, name FROM update_catalog_item(980011, pg_temp.odd('Odd again', 2));
SELECT code, name FROM add_region(pg_temp.odd('odd', 0), pg_temp.odd('Odd', 1));
SELECT code, name FROM add_currency(pg_temp.odd('odd', 0), pg_temp.odd('Odd', 1));
SELECT kind, name FROM add_credit_token_type(pg_temp.odd('odd', 0));
SELECT kind, name FROM add_training_token_type(pg_temp.odd('odd', 0), id => '00000000-0000-4000-8000-000000980021');
SELECT name FROM update_token_type('00000000-0000-4000-8000-000000980021', pg_temp.odd('odd 2', 2));
SELECT code, name FROM create_pass_type(pg_temp.odd('odd', 0), pg_temp.odd('Odd', 1), id => 980031);
SELECT code, name FROM update_pass_type(980031, pg_temp.odd('odd 2', 2), pg_temp.odd('Odd 2', 2));
SELECT name FROM create_pass_option(980031, pg_temp.odd('Year', 2), 'years', 1, 980032);
SELECT name FROM update_pass_option(980032, pg_temp.odd('A year', 0));
SELECT region_code, currency_code FROM create_pass_price(980032, pg_temp.odd('odd', 1), pg_temp.odd('odd', 2), 1);
SELECT label, r.code, r.message FROM (VALUES
	('item', $$add_catalog_item('course', E'odd\u00a0', 'x')$$), ('region', $$add_region(E'\u2009odd', 'x')$$), ('currency', $$add_currency(E'odd\u2028', 'x')$$),
	('credit type', $$add_credit_token_type(E'odd\u00a0')$$), ('training type', $$add_training_token_type(E'odd 2\u3000')$$), ('pass type', $$create_pass_type(E'\todd 2', 'x')$$)) v(label, statement),
	regress.refusal('SELECT ' || statement) r;

SELECT delta FROM credit_init(980001, 5, 's', 'd', '2026-01-01Z', pg_temp.odd('purse', 0), pg_temp.odd('odd', 1));
SELECT balance FROM credit_add(980001, 2, 's', 'd', '2026-01-01Z', pg_temp.odd('purse', 1), pg_temp.odd('odd', 2));
SELECT credit_balance(980001, pg_temp.odd('purse', 2), pg_temp.odd('odd', 0)) AS balance, count(*) AS entries FROM credit_history(980001, pg_temp.odd('purse', 0), pg_temp.odd('odd', 0));
SELECT a.name FROM account a WHERE a.party_id = 980001;
SELECT label, d::json -> 'code' AS code, d::json -> 'balance' AS balance, d::json -> 'message' AS message FROM (VALUES ('id', '980001'), ('rfid', 'odd-rfid 2'), ('barcode', 'odd-barcode 2'), ('externalId', 'odd-external 2')) v(label, id),
	LATERAL (SELECT trainledger_api.credit_token_transaction_subtract(json_build_object('delegate_' || label, pg_temp.odd(id, 1), 'amount', 1, 'source', 's', 'description', label,
		'recordedAt', 1512516382, 'accountName', pg_temp.odd('purse', 1), 'tokenType', pg_temp.odd('odd', 2)))) t(d);
SELECT label, trainledger_api.credit_token_balance(pg_temp.odd('purse', 0), label, pg_temp.odd(id, 1), pg_temp.odd('odd', 2)) -> 'balance' AS balance
FROM (VALUES ('id', '980001'), ('rfid', 'odd-rfid 2'), ('barcode', 'odd-barcode 2'), ('externalId', 'odd-external 2')) v(label, id);
-- what has nothing else is not given
SELECT trainledger_api.credit_token_transaction_add(json_build_object('delegate_id', 980001, 'amount', 1, 'source', E'\u00a0', 'description', 'x', 'recordedAt', 1, 'accountName', E'\u3000'))
	#> '{errors,children,source}' AS source;

SELECT code, type_id FROM create_signup_token(1, pg_temp.odd('odd', 0), 5, pg_temp.odd(E'Cafe\u0301', 1), id => 'odd-1');
SELECT signup_token_id FROM claim_signup_token(E'\u00a0CAFÉ\u3000', 980001);
SELECT r.code, r.message FROM regress.refusal($$SELECT create_signup_token(1, 'odd', 5, E'caf\u00c9')$$) r;
SELECT r.code, r.message FROM regress.refusal($$SELECT import_signup_tokens(convert_to(E'<Tokens><Token><TokenCode>\u00a0CAFE\u0301 </TokenCode><TokenType>1</TokenType><TokenTypeId>odd</TokenTypeId><MaximumActivations>1</MaximumActivations></Token></Tokens>', 'UTF8'))$$) r;
SELECT code, type_id, maximum_activations FROM import_signup_tokens(convert_to(E'<Tokens><Token><TokenCode>\u2003Thé\u00a0</TokenCode><TokenType>\u00a01</TokenType><TokenTypeId>\u3000odd</TokenTypeId><MaximumActivations>1\u2009</MaximumActivations></Token></Tokens>', 'UTF8'));
SELECT code FROM update_signup_token(E'\u00a0odd-1', E'\u00a0Thé 2');
SELECT convert_from(trainledger_api.token(E'odd-1\u3000')::text::bytea, 'UTF8') ~ '<TokenCode>Thé 2</TokenCode>' AS printed;

SELECT name, handle FROM add_program_kind(pg_temp.odd('Kind', 0), pg_temp.odd('kind', 1), id => '00000000-0000-4000-8000-000000980041');
SELECT name FROM add_program('00000000-0000-4000-8000-000000980041', pg_temp.odd('Program', 0), '2026-01-01', 1, id => '00000000-0000-4000-8000-000000980042');
SELECT name FROM update_program('00000000-0000-4000-8000-000000980042', pg_temp.odd('Program 2', 0));
SELECT count(DISTINCT (confirm_cohort('00000000-0000-4000-8000-000000980042', c)).id) AS cohorts FROM unnest(ARRAY['Red', 'Red ', 'red', E'Red\u00a0', E'\tRED', E'\u2003rED\u3000']) c;
SELECT count(DISTINCT (confirm_cohort('00000000-0000-4000-8000-000000980042', c)).id) AS cohorts FROM unnest(ARRAY['Grün', E'GRU\u0308N', E'gru\u0308n\u2009', 'Grun', 'Grünn']) c;
SELECT name FROM list_cohorts('00000000-0000-4000-8000-000000980042') ORDER BY name COLLATE "C";
SELECT create_program_ticket('00000000-0000-4000-8000-000000980041', email => pg_temp.odd('Later@odd.example', 1), external_id => '00000000-0000-4000-8000-000000980043', sku => pg_temp.odd('SKU', 1)) AS made,
	create_program_ticket('00000000-0000-4000-8000-000000980041', email => pg_temp.odd('LATER@odd.example', 2), external_id => '00000000-0000-4000-8000-000000980043', sku => pg_temp.odd('SKU', 2)) AS again;
SELECT email, sku, made_out_to FROM ticket WHERE external_id = '00000000-0000-4000-8000-000000980043';
SELECT trainledger_api."ModifyProgramMembership"(json_build_object('email', pg_temp.odd(E'na\u0300N@odd.example', 1), 'programId', '00000000-0000-4000-8000-000000980042')) -> 0 ->> 'name' AS program;
SELECT trainledger_api."ConfirmCohort"(json_build_object('programId', '00000000-0000-4000-8000-000000980042', 'cohortName', pg_temp.odd('RED', 0))) #>> '{}' = id::text AS same FROM list_cohorts('00000000-0000-4000-8000-000000980042') WHERE name = 'Red';

-- What was written otherwise is named.
SELECT * FROM name_conflicts WHERE id ~ '98000|odd';
INSERT INTO party (id, uuid, kind, name, barcode, created_at, updated_at) VALUES (980002, gen_random_uuid(), 'person', 'x', E'odd-barcode 2\u00a0', now(), now()), (980003, gen_random_uuid(), 'person', 'x', ' lonely', now(), now());
INSERT INTO region VALUES (E'odd\u3000', 'x');
DROP INDEX cohort_name_key, party_email_key, signup_token_code_key;
INSERT INTO cohort (id, program_id, name, created_at) VALUES ('00000000-0000-4000-8000-000000980044', '00000000-0000-4000-8000-000000980042', E'red\u00a0', now());
UPDATE party SET email = E'NA\u0300N@odd.example' WHERE id = 980002;
INSERT INTO signup_token (id, code, type, type_id, active, maximum_activations, created_at) VALUES ('odd-2', E'THE\u0301', 1, 'odd', true, 1, now());
SELECT relation, column_name, CASE WHEN id ~ '^98\d{4}$|odd|980044$' THEN id END AS id, quote_literal(name) AS name, problem FROM name_conflicts WHERE name ~* E'odd|lonely|red|th[ée]|THE' ORDER BY relation, column_name, quote_literal(name) COLLATE "C", 3;
ROLLBACK;

-- An address or code is found by its index, whoever looks.
BEGIN;
SET LOCAL enable_seqscan = off;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql
AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SET LOCAL ROLE regress_reader;
SELECT line FROM pg_temp.plan($$SELECT id FROM trainledger.party p WHERE trainledger_internal.folded(p.email) COLLATE "C" = 'x@y'$$) line WHERE line ~ 'Scan|Index';
SELECT line FROM pg_temp.plan($$SELECT id FROM trainledger.signup_token t WHERE trainledger_internal.folded(t.code) COLLATE "C" = 'x'$$) line WHERE line ~ 'Scan|Index';
ROLLBACK;
