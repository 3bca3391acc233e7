-- Signup tokens: the typed functions and claims (contract, section 10)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
-- who may not set the clock lets it be set; an instant without a zone is UTC
CREATE FUNCTION regress.signup_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
-- a token by its code, without what differs from run to run
CREATE FUNCTION regress.signup_token(
	code text, OUT type integer, OUT type_id text, OUT active boolean,
	OUT maximum integer, OUT used integer, OUT expiration text)
LANGUAGE sql STABLE
AS $$
	SELECT type, type_id, active, maximum_activations, activations,
		to_char(expiration AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
	FROM trainledger.signup_token t WHERE t.code = $1
$$;
SET ROLE regress_admin;
SELECT regress.signup_at('2023-04-28 09:00:00');
SELECT id, kind, code FROM (VALUES (870101, 'course', 'signup-C'), (870102, 'team', 'signup-T'), (870103, 'learning_path', 'signup-P'),
	(870104, 'collection', 'signup-K'), (870105, 'course', repeat('c', 50))) v(i, k, c), add_catalog_item(k::catalog_kind, c, c, id => i);
SELECT count(*) FROM generate_series(870001, 870009) i, add_party('person', 'signup-' || i, barcode => 'signup-' || i, id => i);
SELECT id, is_suspended FROM update_party(870009, is_suspended => true);

-- tokens
SELECT code, type, type_id, active, maximum_activations, activations, expiration, created_at = clock() AS now, char_length(id) AS id
FROM create_signup_token(1, 'signup-C', 50, 'Signup-Spring');
SELECT code, type, type_id, active, maximum_activations, activations, expiration AT TIME ZONE 'UTC' AS expiration
FROM (VALUES (2, 'signup-T', '2023-12-31 23:59:59Z'::timestamptz), (3, 'signup-P', '2023-12-31 23:59:59+02'), (4, 'signup-K', NULL)) v(t, c, e),
	create_signup_token(t, c, t, 'signup-' || t, active => t <> 3, expiration => e);
SELECT id, code FROM create_signup_token(1, 'signup-C', 1, code => 'signup-own id', id => 'signup-abc');
-- blanks around texts are taken off, those inside stay
SELECT '[' || id || ']' AS id, '[' || code || ']' AS code, '[' || type_id || ']' AS type_id
FROM create_signup_token(1, E'\n signup-C\t', 1, code => E' \t\r\nsignup-a  b ', id => ' signup-blanks ');
-- null stands for the default
SELECT active, expiration FROM create_signup_token(1, 'signup-C', 1, 'signup-null', NULL, NULL, NULL);
-- the longest
SELECT char_length(code) AS code, char_length(type_id) AS type_id, char_length(id) AS id, maximum_activations
FROM create_signup_token(1, repeat('c', 50), 2147483647, 'signup-' || repeat('ü', 243), id => repeat('ö', 50));

-- codes that are made: 16 of 32 characters that are not mistaken for each other
CREATE TEMPORARY TABLE signup_made AS
SELECT t.id, t.code FROM generate_series(1, 500) i, create_signup_token(1, 'signup-C', i) t;
SELECT count(*), count(DISTINCT code) AS different, bool_and(code ~ '^[2-9A-HJ-NP-Z]{16}$') AS alphabet FROM signup_made;
-- each place of them takes each of the 32, of which 500 codes may by chance leave out one
SELECT count(*) AS places, min(letters) >= 31 AS all_letters
FROM (SELECT i, count(DISTINCT substr(code, i, 1)) AS letters FROM signup_made, generate_series(1, 16) i GROUP BY i) x;
-- ids sort as they were made, and their ends are at random
SELECT bool_and(id ~ '^[0-9a-f]{24}$') AS form, count(DISTINCT right(id, 12)) AS different FROM signup_made;
SELECT count(*) FROM (SELECT id > lag(id) OVER (ORDER BY ctid) AS later FROM signup_made) x WHERE NOT later;
DROP TABLE signup_made;

-- what is refused; no code stands in any of it
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('type null', $$NULL, 'signup-C', 1$$),
	('type 0', $$0, 'signup-C', 1$$),
	('type 5', $$5, 'signup-C', 1$$),
	('type_id null', $$1, NULL, 1$$),
	('type_id empty', $$1, '', 1$$),
	('type_id blank', $$1, E' \n', 1$$),
	('type_id 51', $$1, repeat('c', 51), 1$$),
	('type_id unknown', $$1, 'signup-none', 1$$),
	('type_id of another type', $$2, 'signup-C', 1$$),
	('type_id in small letters', $$1, 'SIGNUP-c', 1$$),
	('maximum null', $$1, 'signup-C', NULL$$),
	('maximum 0', $$1, 'signup-C', 0$$),
	('maximum -1', $$1, 'signup-C', -1$$),
	('code empty', $$1, 'signup-C', 1, ''$$),
	('code blank', $$1, 'signup-C', 1, E' \t '$$),
	('code 251', $$1, 'signup-C', 1, repeat('ü', 251)$$),
	('code with \x01', $$1, 'signup-C', 1, E'signup-\x01'$$),
	('code with \x1f', $$1, 'signup-C', 1, E'signup-\x1f'$$),
	('code with U+FFFE', $$1, 'signup-C', 1, U&'signup-\FFFE'$$),
	('code with U+FFFF', $$1, 'signup-C', 1, U&'signup-\FFFF'$$),
	('code taken', $$1, 'signup-C', 1, 'Signup-Spring'$$),
	('code taken, other letters', $$1, 'signup-C', 1, ' sIGNUP-sPRING'$$),
	('id empty', $$1, 'signup-C', 1, id => ''$$),
	('id 51', $$1, 'signup-C', 1, id => repeat('x', 51)$$),
	('id with \x02', $$1, 'signup-C', 1, id => E'a\x02'$$),
	('id taken', $$1, 'signup-C', 1, id => 'signup-abc'$$),
	('id and code taken', $$1, 'signup-C', 1, 'Signup-Spring', id => 'signup-abc'$$),
	('expiration infinity', $$1, 'signup-C', 1, expiration => 'infinity'$$),
	('expiration -infinity', $$1, 'signup-C', 1, expiration => '-infinity'$$),
	('expiration 1 BC', $$1, 'signup-C', 1, expiration => '0001-12-31 23:59:59.999999Z BC'$$),
	('expiration 10000', $$1, 'signup-C', 1, expiration => '10000-01-01 00:00Z'$$),
	('TL400 before TL404', $$1, 'signup-none', 0$$),
	('TL404 before TL409', $$1, 'signup-none', 1, 'Signup-Spring'$$)
) v(label, arguments), regress.refusal(format('SELECT create_signup_token(%s)', arguments)) r;
SELECT expiration AT TIME ZONE 'UTC' AS expiration
FROM unnest('{0001-01-01 00:00:00Z,9999-12-31 23:59:59Z}'::timestamptz[]) e, create_signup_token(1, 'signup-C', 1, expiration => e);
-- what XML can hold, a code can
SELECT encode(convert_to(code, 'UTF8'), 'hex') FROM create_signup_token(1, 'signup-C', 1, U&'signup-\0009\000A\000D\007F\0085\FFFD\+01F600]]><&');

-- changes: null leaves a column as it is
SELECT id AS spring FROM signup_token WHERE code = 'Signup-Spring' \gset
SELECT count(*) FROM update_signup_token(:'spring');
SELECT * FROM regress.signup_token('Signup-Spring');
SELECT code FROM update_signup_token(:'spring', code => ' Signup-Autumn ');
SELECT code FROM update_signup_token(:'spring', code => 'SIGNUP-AUTUMN');
SELECT code FROM update_signup_token(:'spring', code => 'Signup-Spring');
SELECT active, maximum_activations, expiration = '2023-12-31Z' AS expires
FROM update_signup_token(:'spring', active => false, maximum_activations => 3, expiration => '2023-12-31Z');
SELECT active, maximum_activations, expiration FROM update_signup_token(:'spring', active => true, clear => '{expiration}');
SELECT type, type_id FROM update_signup_token(:'spring', type => 3, type_id => 'signup-P');
SELECT type, type_id FROM update_signup_token(:'spring', type => 1, type_id => 'signup-C');
SELECT type, type_id FROM update_signup_token(:'spring', type => 1);
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('null', $$NULL$$),
	('unknown', $$'signup-none', active => true$$),
	('unknown, before the type', $$'signup-none', type_id => 'signup-none'$$),
	('type 5', $$'signup-none', type => 5$$),
	('type without its item', $$:spring, type => 2$$),
	('type_id unknown', $$:spring, type_id => 'signup-none'$$),
	('type_id empty', $$:spring, type_id => ''$$),
	('maximum 0', $$:spring, maximum_activations => 0$$),
	('code empty', $$:spring, code => ' '$$),
	('code 251', $$:spring, code => repeat('x', 251)$$),
	('code with \x0b', $$:spring, code => E'\x0b'$$),
	('code taken', $$:spring, code => 'SIGNUP-OWN ID'$$),
	('code taken, item unknown', $$:spring, code => 'SIGNUP-OWN ID', type_id => 'signup-none'$$),
	('expiration infinity', $$:spring, expiration => 'infinity'$$),
	('expiration given and cleared', $$:spring, expiration => '2023-12-31Z', clear => '{expiration}'$$),
	('clear code', $$:spring, clear => '{code}'$$)
) v(label, arguments), regress.refusal(format('SELECT update_signup_token(%s)', replace(arguments, ':spring', quote_literal(:'spring')))) r;
SELECT * FROM regress.signup_token('Signup-Spring');

-- claims, by code in any letters
SET ROLE regress_operator;
SELECT regress.signup_at('2023-05-01 10:00:00');
SELECT party_id, signup_token_id = :'spring' AS token, home(id) = home(party_id) AS home, created_at = clock() AS now
FROM claim_signup_token(E'\tsIGNUP-sPRING ', 870001);
SELECT c.party_id, i.kind, i.code, home(e.id) = home(e.party_id) AS home, e.created_at = clock() AS now
FROM signup_claim c JOIN enrolment e ON e.id = c.enrolment_id AND e.party_id = c.party_id JOIN catalog_item i ON i.id = e.item_id WHERE c.party_id = 870001;
SELECT used FROM regress.signup_token('Signup-Spring');
-- whatever the collation of an argument
BEGIN;
SET LOCAL ROLE regress_admin;
SELECT active FROM create_signup_token(1, 'signup-C', 1, 'Äpfel');
SELECT lower('Ä') <> 'ä' OR regress.sqlstate($$SELECT claim_signup_token('ÄPFEL' COLLATE "C", 870001)$$) = 'ok' AS claimed;
ROLLBACK;
-- the same party again gets its first claim
SELECT regress.signup_at('2023-05-02 10:00:00');
SELECT count(*) FROM claim_signup_token('Signup-Spring', 870001) c JOIN signup_claim s ON s = c WHERE s.created_at = '2023-05-01 10:00Z';
SELECT used FROM regress.signup_token('Signup-Spring');
-- another token for the same item gives the enrolment that is there
SELECT count(DISTINCT enrolment_id) AS enrolments, count(DISTINCT id) AS claims
FROM (SELECT (claim_signup_token(c, 870001)).* FROM unnest('{signup-own id,SIGNUP-NULL,signup-spring}'::text[]) c) x;
-- every kind of item
SET ROLE regress_admin;
SELECT u.active FROM signup_token t, update_signup_token(t.id, active => true) u WHERE t.code = 'signup-3';
SET ROLE regress_operator;
SELECT count(*) FROM generate_series(2, 4) n, claim_signup_token('signup-' || n, 870003);
SELECT t.code, i.kind, i.code FROM signup_claim c
JOIN signup_token t ON t.id = c.signup_token_id JOIN enrolment e ON e.id = c.enrolment_id JOIN catalog_item i ON i.id = e.item_id WHERE c.party_id = 870003 ORDER BY 1;
SET ROLE regress_admin;
SELECT u.active FROM signup_token t, update_signup_token(t.id, active => false) u WHERE t.code = 'signup-3';
-- the item is the one of the moment of the claim
SET ROLE regress_admin;
SELECT type FROM update_signup_token(:'spring', type => 3, type_id => 'signup-P');
SET ROLE regress_operator;
SELECT party_id FROM unnest('{870001,870002}'::bigint[]) p, claim_signup_token('Signup-Spring', p);
SELECT c.party_id, i.code FROM signup_claim c JOIN enrolment e ON e.id = c.enrolment_id JOIN catalog_item i ON i.id = e.item_id
WHERE c.signup_token_id = :'spring' ORDER BY 1;
SET ROLE regress_admin;
SELECT type FROM update_signup_token(:'spring', type => 1, type_id => 'signup-C');
SELECT r.* FROM regress.refusal(format('SELECT update_signup_token(%L, maximum_activations => 1)', :'spring')) r;
SELECT maximum_activations, activations FROM update_signup_token(:'spring', maximum_activations => 2);

-- what is refused, and what comes first
SELECT id AS late FROM create_signup_token(1, 'signup-C', 1, 'signup-late', expiration => '2023-05-03 12:00:00Z') \gset
SELECT count(*) FROM create_signup_token(1, 'signup-C', 1, 'signup-inactive and late', active => false, expiration => '2023-05-01Z');
SET ROLE regress_operator;
SELECT label, r.code, regexp_replace(r.message, '[0-9a-f]{24}', 'ID') AS message, regexp_replace(r.detail, '[0-9a-f]{24}', 'ID') AS detail, r.hint
FROM (VALUES
	('code null', $$NULL, 870003$$),
	('code empty', $$'', 870003$$),
	('code blank, party unknown', $$E' \n', 870099$$),
	('party null, code unknown', $$'signup-none', NULL$$),
	('party unknown, code unknown', $$'signup-none', 870099$$),
	('code unknown', $$'signup-none', 870003$$),
	('code unknown, suspended', $$'signup-none', 870009$$),
	('a pattern', $$'signup%', 870003$$),
	('inactive', $$'signup-3', 870005$$),
	('inactive and expired', $$'signup-inactive and late', 870005$$),
	('full', $$'signup-spring', 870005$$),
	('full, suspended', $$'signup-spring', 870009$$),
	('suspended', $$'signup-late', 870009$$)
) v(label, arguments), regress.refusal(format('SELECT claim_signup_token(%s)', arguments)) r;
-- valid until its expiration, and from then on over; who is in stays in
SELECT regress.signup_at('2023-05-03 11:59:59.999999');
SELECT party_id FROM claim_signup_token('signup-late', 870004);
SET ROLE regress_admin;
SELECT maximum_activations FROM update_signup_token(:'late', maximum_activations => 9);
SET ROLE regress_operator;
SELECT regress.signup_at('2023-05-03 12:00:00');
SELECT regexp_replace(r::text, '[0-9a-f]{24}', 'ID') AS refusal FROM regress.refusal($$SELECT claim_signup_token('signup-late', 870005)$$) r;
SELECT party_id, created_at AT TIME ZONE 'UTC' AS created_at FROM claim_signup_token('signup-late', 870004);
SET TimeZone = 'Asia/Tokyo';
SELECT regress.sqlstate($$SELECT claim_signup_token('signup-late', 870005)$$);
RESET TimeZone;
SET ROLE regress_admin;
SELECT expiration AT TIME ZONE 'UTC' AS expiration FROM update_signup_token(:'late', expiration => '2023-05-03 12:00:01Z');
SET ROLE regress_operator;
SELECT party_id FROM claim_signup_token('signup-late', 870005);
-- also when it is inactive, or the party suspended
SET ROLE regress_admin;
SELECT active FROM update_signup_token(:'late', active => false);
SELECT is_suspended FROM update_party(870004, is_suspended => true);
SET ROLE regress_operator;
SELECT party_id FROM claim_signup_token('signup-late', 870004);
SELECT regexp_replace(regress.attempt($$SELECT claim_signup_token('signup-late', 870006)$$), '[0-9a-f]{24}', 'ID');
SELECT used FROM regress.signup_token('signup-late');

-- a learner claims for itself and sees its own; no learner sees a code
SET ROLE regress_learner;
SET trainledger.party_id = '870007';
SELECT party_id FROM claim_signup_token('signup-4', 870007);
SELECT party_id FROM claim_signup_token('signup-4', 870007);
SELECT r.* FROM regress.refusal($$SELECT claim_signup_token('signup-4', 870008)$$) r;
SELECT regress.sqlstate(s), s FROM unnest(ARRAY[$$SELECT claim_signup_token(NULL, 870008)$$, $$SELECT claim_signup_token('signup-none', 870008)$$,
	$$SELECT claim_signup_token('signup-4', NULL)$$, $$SELECT claim_signup_token('signup-none', 870007)$$, $$SELECT claim_signup_token(NULL, 870007)$$]) s;
SELECT party_id FROM signup_claim;
SELECT party_id, item_id FROM enrolment;
SELECT count(*) FROM signup_token;
SELECT regress.sqlstate(s), s FROM unnest(ARRAY['SELECT trainledger_api.tokens()', $$SELECT trainledger_api.token('signup-abc')$$, 'SELECT trainledger_internal.signup_code()', 'SELECT trainledger_internal.signup_id()']) s;
SET trainledger.party_id = '870008';
SELECT (SELECT count(*) FROM signup_claim) AS claims, (SELECT count(*) FROM enrolment) AS enrolments;
RESET trainledger.party_id;
SELECT (SELECT count(*) FROM signup_claim) AS claims, (SELECT count(*) FROM enrolment) AS enrolments, (SELECT count(*) FROM signup_token) AS tokens;
SELECT regress.sqlstate(s), s FROM unnest(ARRAY[$$SELECT claim_signup_token('signup-4', 870007)$$, $$SELECT claim_signup_token('signup-4', NULL)$$]) s;
SET request.jwt.claims = '{"party_id": 870008}';
SELECT party_id FROM claim_signup_token('signup-4', 870008);
SELECT party_id FROM signup_claim;
SELECT regress.sqlstate($$SELECT claim_signup_token('signup-4', 870007)$$);
RESET request.jwt.claims;
SET ROLE regress_reader;
SELECT count(*) FILTER (WHERE party_id BETWEEN 870001 AND 870009) AS claims FROM signup_claim;
SELECT count(*) > 5 AS tokens FROM signup_token;

-- who may call what: level by level, 42501 before anything else
RESET ROLE;
CREATE TEMPORARY TABLE signup_call (call text);
GRANT SELECT ON signup_call TO PUBLIC;
INSERT INTO signup_call VALUES
	('claim_signup_token(NULL, -1)'), ('trainledger_api.tokens(-1)'), ($$trainledger_api.token(NULL)$$),
	('create_signup_token(NULL, NULL, NULL)'), ('update_signup_token(NULL)'), ('import_signup_tokens(NULL)'), ('apply_signup_tokens(NULL)'),
	('trainledger_api.create_tokens(NULL)'), ('trainledger_api.update_tokens(NULL)'),
	('trainledger_internal.create_signup_token(NULL, NULL, NULL, NULL, NULL, NULL, NULL)'), ('trainledger_internal.update_signup_token(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)'),
	('trainledger_internal.claim_signup_token(NULL, NULL)'), ('trainledger_internal.import_signup_tokens(NULL)'), ('trainledger_internal.apply_signup_tokens(NULL)'), ('trainledger_internal.create_tokens(NULL)'), ('trainledger_internal.update_tokens(NULL)'),
	('trainledger_internal.tokens(1, 1)'), ($$trainledger_internal.token('x')$$), ('trainledger_internal.enrol(1, 1)'), ($$trainledger_internal.signup_claim('x', 1)$$), ($$trainledger_internal.signup_item(1, 'x', 'x')$$), ($$trainledger_internal.fits_xml('x')$$),
	($$trainledger_internal.signup_document('{}', 'T')$$), ('nextval(''signup_token_id_seq'')'), ('nextval(''signup_claim_id_seq'')'), ('nextval(''enrolment_id_seq'')');
CREATE TEMPORARY TABLE signup_right (role text, call text, answer text);
GRANT ALL ON signup_right TO PUBLIC;
SET ROLE regress_nobody;
SET search_path = pg_catalog;
INSERT INTO signup_right SELECT current_user, call, regress.sqlstate('SELECT ' || CASE WHEN call ~ '^trainledger_|^nextval' THEN call ELSE 'trainledger.' || call END) FROM signup_call;
SET search_path = trainledger, public;
SET ROLE regress_learner;
INSERT INTO signup_right SELECT current_user, call, regress.sqlstate('SELECT ' || call) FROM signup_call;
SET ROLE regress_reader;
INSERT INTO signup_right SELECT current_user, call, regress.sqlstate('SELECT ' || call) FROM signup_call;
SET ROLE regress_operator;
INSERT INTO signup_right SELECT current_user, call, regress.sqlstate('SELECT ' || call) FROM signup_call;
SET ROLE regress_admin;
INSERT INTO signup_right SELECT current_user, call, regress.sqlstate('SELECT ' || call) FROM signup_call;
SELECT call, string_agg(CASE WHEN answer = '42501' THEN '-' ELSE answer END, ' ' ORDER BY array_position('{regress_nobody,regress_learner,regress_reader,regress_operator,regress_admin}', role)) AS "nobody, learner, reader, operator, admin"
FROM signup_right GROUP BY call ORDER BY call COLLATE "C";
RESET ROLE;
DROP TABLE signup_call, signup_right;
-- tables are read-only for all of them
SET ROLE regress_admin;
SELECT regress.sqlstate(s), s FROM unnest('{signup_token,enrolment,signup_claim}'::text[]) t,
	unnest(ARRAY[format('INSERT INTO %s SELECT * FROM %1$s', t), format('UPDATE %s SET created_at = now()', t), format('DELETE FROM %s', t), format('TRUNCATE %s CASCADE', t)]) s;
RESET ROLE;

-- nothing that the caller's search_path holds is used instead
CREATE SCHEMA regress_signup_trap;
GRANT USAGE ON SCHEMA regress_signup_trap TO PUBLIC;
CREATE FUNCTION regress_signup_trap.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_signup_trap.btrim(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_signup_trap.coalesce(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_signup_trap.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR regress_signup_trap.= (FUNCTION = regress_signup_trap.equal, LEFTARG = text, RIGHTARG = text);
CREATE TEMPORARY TABLE signup_token (id text, code text);
CREATE TEMPORARY TABLE catalog_item (id bigint, code text);
CREATE TEMPORARY TABLE document_token (id bigint, code text);
GRANT ALL ON pg_temp.signup_token, pg_temp.catalog_item, pg_temp.document_token TO PUBLIC;
SET ROLE regress_admin;
SET search_path = pg_temp, regress_signup_trap, pg_catalog;
SELECT code FROM trainledger.create_signup_token(1, 'signup-C', 1, 'signup-trap');
SELECT party_id FROM trainledger.claim_signup_token('signup-trap', 870001);
SELECT code FROM trainledger.import_signup_tokens('<Tokens><Token><TokenCode>signup-trap 2</TokenCode><TokenType>1</TokenType><TokenTypeId>signup-C</TokenTypeId><MaximumActivations>1</MaximumActivations></Token></Tokens>');
SELECT code FROM trainledger.update_signup_token((SELECT t.id FROM trainledger.signup_token t WHERE t.code OPERATOR(pg_catalog.=) 'signup-trap 2'), code => 'signup-trap 3');
SELECT trainledger_api.token('signup-abc');
SET search_path = trainledger, public;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA regress_signup_trap CASCADE;
DROP TABLE pg_temp.signup_token, pg_temp.catalog_item, pg_temp.document_token;
RESET client_min_messages;

-- A claim that is cancelled gives its activation back and ends the enrolment,
-- unless another claim keeps it.
BEGIN;
SET LOCAL trainledger.clock = '2023-05-01 10:00:00Z';
SET LOCAL ROLE regress_admin;
SELECT kind FROM add_catalog_item('course', 'signup-cancel', 'Cancelled');
SELECT count(*) AS parties FROM generate_series(986001, 986003) i, add_party('person', 'P', id => i);
SELECT id, activations FROM create_signup_token(1, 'signup-cancel', 1, 'signup-seat', id => 'signup-seat');
SELECT id, activations FROM create_signup_token(1, 'signup-cancel', 5, 'signup-many', id => 'signup-many');
SET LOCAL ROLE regress_operator;
SELECT id AS first, enrolment_id AS enrolment FROM claim_signup_token('signup-seat', 986001) \gset
SELECT code FROM regress.refusal($$SELECT claim_signup_token('signup-seat', 986002)$$);
RESET ROLE;
SET LOCAL trainledger.clock = '2023-05-02 10:00:00Z';
SET LOCAL ROLE regress_operator;
SELECT id = :first AS same, cancelled_at, cancel_reason, cancelled_by FROM cancel_signup_claim(:first, 'fell ill');
SELECT activations FROM signup_token WHERE id = 'signup-seat';
SELECT s.activations, s.share, s.status FROM signup_funnel s WHERE signup_token_id = 'signup-seat';
SELECT ended_at FROM enrolment WHERE id = :enrolment;
SELECT count(*) AS holdings FROM holdings(986001);
SELECT label, replace(r.detail, :'first', 'N') AS detail, r.code, r.message, r.hint FROM (VALUES
	('again', format('cancel_signup_claim(%s)', :'first')), ('unknown', 'cancel_signup_claim(1)'), ('null', 'cancel_signup_claim(NULL)'), ('reason', format('cancel_signup_claim(%s, repeat($$x$$, 8193))', :'first'))) v(label, statement), regress.refusal('SELECT ' || statement) r;
-- the seat is for whoever comes first; the party itself is like anybody else
SELECT party_id FROM claim_signup_token('signup-seat', 986002);
SELECT code FROM regress.refusal($$SELECT claim_signup_token('signup-seat', 986001)$$);
SELECT cancel_reason FROM cancel_signup_claim((SELECT id FROM signup_claim WHERE party_id = 986002));
SELECT id <> :first AS new, enrolment_id <> :enrolment AS enrolled_anew FROM claim_signup_token('signup-seat', 986001);
SELECT count(*) AS claims, count(cancelled_at) AS cancelled FROM signup_claim WHERE party_id = 986001;
SELECT count(*) AS enrolments, count(ended_at) AS ended FROM enrolment WHERE party_id = 986001;
-- another claim keeps the enrolment; the last one ends it
SELECT enrolment_id = (SELECT id FROM enrolment WHERE party_id = 986001 AND ended_at IS NULL) AS same_enrolment FROM claim_signup_token('signup-many', 986001);
SELECT signup_token_id FROM cancel_signup_claim((SELECT id FROM signup_claim WHERE party_id = 986001 AND signup_token_id = 'signup-seat' AND cancelled_at IS NULL));
SELECT count(*) AS holdings FROM holdings(986001);
SELECT signup_token_id FROM cancel_signup_claim((SELECT id FROM signup_claim WHERE party_id = 986001 AND cancelled_at IS NULL), NULL);
SELECT count(*) AS holdings FROM holdings(986001);
-- again: every check as for a new one
SELECT activations FROM signup_token WHERE id LIKE 'signup-%' AND id IN ('signup-seat', 'signup-many') ORDER BY id;
SET LOCAL ROLE regress_admin;
SELECT active FROM update_signup_token('signup-many', active => false);
SELECT code, message FROM regress.refusal($$SELECT claim_signup_token('signup-many', 986001)$$);
SELECT active FROM update_signup_token('signup-many', active => true, expiration => '2023-05-01Z');
SELECT code, message FROM regress.refusal($$SELECT claim_signup_token('signup-many', 986001)$$);
SELECT is_suspended FROM update_party(986001, is_suspended => true);
SELECT code, message FROM regress.refusal($$SELECT claim_signup_token('signup-seat', 986001)$$);
-- a learner sees its own and cancels none
SET LOCAL ROLE regress_learner;
SET LOCAL trainledger.party_id = 986001;
SELECT count(*) AS claims, count(cancelled_at) AS cancelled FROM trainledger_api.signup_claims;
SELECT count(*) AS enrolments, count(ended_at) AS ended FROM trainledger_api.enrolments;
SELECT regress.sqlstate('SELECT cancel_signup_claim(1)');
ROLLBACK;
