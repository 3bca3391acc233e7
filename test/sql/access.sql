-- Who may do what (contract, sections 12 and 15)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;

-- The functions of both schemas that are for callers: not those behind
-- types, operators, casts and aggregates, not triggers, not internal ones
CREATE VIEW pg_temp.support AS
SELECT o.oprcode::oid AS oid FROM pg_operator o
UNION SELECT o.oprrest::oid FROM pg_operator o UNION SELECT o.oprjoin::oid FROM pg_operator o
UNION SELECT p.amproc::oid FROM pg_amproc p
UNION SELECT c.castfunc FROM pg_cast c
UNION SELECT a.aggfnoid::oid FROM pg_aggregate a
UNION SELECT f.oid::oid FROM pg_aggregate a, LATERAL unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
	a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]) f(oid)
UNION SELECT f.oid::oid FROM pg_type t, LATERAL unnest(ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend,
	t.typmodin, t.typmodout, t.typanalyze]) f(oid)
UNION SELECT f.oid::oid FROM pg_range r, LATERAL unnest(ARRAY[r.rngcanonical, r.rngsubdiff]) f(oid)
-- abs() counts as an operator of its type, and a range has constructors
UNION SELECT 'trainledger.abs(trainledger.amount)'::regprocedure
UNION SELECT d.objid FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_type'::regclass AND d.deptype = 'i'
-- what reconcile() is made of is internal
EXCEPT SELECT oid FROM pg_proc WHERE pronamespace = 'trainledger_internal'::regnamespace;
SET client_min_messages = warning;
CREATE VIEW pg_temp.callable AS
SELECT p.oid, p.oid::regprocedure::text AS signature, p.proname AS name, p.pronamespace = 'trainledger_internal'::regnamespace AS internal
FROM pg_proc p
WHERE p.pronamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace, 'trainledger_internal'::regnamespace)
AND p.prorettype <> 'trigger'::regtype AND p.oid NOT IN (SELECT oid FROM pg_temp.support);
RESET client_min_messages;
-- and what each is for: some of the internal ones are called by reads and policies, as their caller
CREATE VIEW pg_temp.listed AS
SELECT level, function_name, false AS internal FROM privilege
UNION ALL SELECT level, function_name, true FROM trainledger_internal.privilege;
GRANT SELECT ON pg_temp.callable, pg_temp.support TO regress_admin;

-- the catalogue and the list of privileges say the same
SELECT c.signature AS in_no_level FROM pg_temp.callable c
WHERE NOT c.internal AND NOT EXISTS (SELECT FROM privilege p WHERE p.function_name = c.name) ORDER BY 1;
SELECT p.function_name AS no_function FROM pg_temp.listed p
WHERE NOT EXISTS (SELECT FROM pg_temp.callable c WHERE c.name = p.function_name AND c.internal = p.internal) ORDER BY 1;
SELECT function_name AS twice FROM pg_temp.listed GROUP BY 1 HAVING count(*) > 1;
-- each level may call exactly what the list says
SELECT r.role, c.signature, has_function_privilege(r.role, c.oid, 'EXECUTE') AS may
FROM pg_temp.callable c
CROSS JOIN (VALUES ('regress_learner', 'learner'::access_level), ('regress_reader', 'reader'), ('regress_operator', 'operator'),
	('regress_admin', 'admin'), ('regress_nobody', NULL)) r(role, level)
LEFT JOIN pg_temp.listed p ON p.function_name = c.name AND p.internal = c.internal
WHERE has_function_privilege(r.role, c.oid, 'EXECUTE') <> coalesce(p.level <= r.level, false);
SELECT r.role, count(*) > 15 AS some
FROM pg_temp.callable c CROSS JOIN (VALUES ('regress_learner'), ('regress_admin')) r(role)
WHERE has_function_privilege(r.role, c.oid, 'EXECUTE') GROUP BY 1 ORDER BY 1;
-- with the grant option: nobody
SELECT r.role, c.signature FROM pg_temp.callable c
CROSS JOIN unnest('{regress_learner,regress_reader,regress_operator,regress_admin}'::text[]) r(role)
WHERE has_function_privilege(r.role, c.oid, 'EXECUTE WITH GRANT OPTION');
-- PUBLIC has what types need, all of it immutable, and nothing else
SELECT p.oid::regprocedure AS open_to_public, p.provolatile
FROM pg_proc p
WHERE p.pronamespace::regnamespace::text ~ '^trainledger'
AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
AND (p.provolatile <> 'i' OR p.oid NOT IN (SELECT oid FROM pg_temp.support));
SELECT p.oid::regprocedure AS closed_to_public
FROM pg_proc p
WHERE p.pronamespace = 'trainledger'::regnamespace AND p.oid IN (SELECT oid FROM pg_temp.support)
AND NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0);
SELECT c.oid::regclass AS open_to_public FROM pg_class c
WHERE c.relnamespace::regnamespace::text ~ '^trainledger'
AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0);
SELECT n.nspname AS open_to_public FROM pg_namespace n
WHERE n.nspname ~ '^trainledger' AND EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0);
SELECT t.oid::regtype AS closed_to_public FROM pg_type t
WHERE t.typnamespace = 'trainledger'::regnamespace AND NOT has_type_privilege('regress_nobody', t.oid, 'USAGE');
-- tables and views are read-only for every level, sequences closed
SELECT r.role, c.oid::regclass, a.privilege
FROM pg_class c
CROSS JOIN unnest('{regress_learner,regress_reader,regress_operator,regress_admin,regress_nobody}'::text[]) r(role)
CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) a(privilege)
WHERE c.relnamespace::regnamespace::text ~ '^trainledger' AND c.relkind IN ('r', 'v', 'm', 'p')
AND has_table_privilege(r.role, c.oid, a.privilege) <> (a.privilege = 'SELECT' AND r.role <> 'regress_nobody'
	AND c.relnamespace <> 'trainledger_internal'::regnamespace);
SELECT r.role, c.oid::regclass, a.privilege
FROM pg_class c
CROSS JOIN unnest('{regress_learner,regress_reader,regress_operator,regress_admin,regress_nobody}'::text[]) r(role)
CROSS JOIN unnest('{USAGE,SELECT,UPDATE}'::text[]) a(privilege)
WHERE c.relnamespace::regnamespace::text ~ '^trainledger' AND c.relkind = 'S'
AND has_sequence_privilege(r.role, c.oid, a.privilege);
SELECT r.role, n.nspname, has_schema_privilege(r.role, n.oid, 'USAGE') AS usage, has_schema_privilege(r.role, n.oid, 'CREATE') AS "create"
FROM pg_namespace n
CROSS JOIN unnest('{regress_learner,regress_admin,regress_nobody}'::text[]) r(role)
WHERE n.nspname ~ '^trainledger' ORDER BY 1, 2;

-- has_level is of the caller
SET ROLE regress_learner;
SELECT level, has_level(level) FROM unnest(enum_range(NULL::access_level)) level;
SET ROLE regress_operator;
SELECT level, has_level(level) FROM unnest(enum_range(NULL::access_level)) level;
SET ROLE regress_admin;
SELECT level, has_level(level) FROM unnest(enum_range(NULL::access_level)) level;
SELECT has_level(NULL);
SET ROLE regress_nobody;
SELECT regress.attempt(statement)
FROM (VALUES ($$SELECT trainledger.has_level('learner')$$), ($$SELECT * FROM trainledger.party$$),
	($$SELECT * FROM trainledger.privilege$$), ($$SELECT * FROM trainledger_api.nothing$$)) v(statement);
-- internal functions are nobody's, not even an administrator's
SET ROLE regress_admin;
SELECT regress.attempt(statement)
FROM (VALUES ($$SELECT trainledger_internal.grant_access('regress_nobody', 'admin')$$), ($$SELECT trainledger_internal.caller_name()$$),
	($$SELECT trainledger_internal.require_text('x', 'x')$$),
	($$SELECT trainledger_internal.add_region('x', 'x')$$), ($$SELECT trainledger_internal.next_id('pg_class')$$)) v(statement);

-- a learner sees what is its own
SET ROLE regress_operator;
SELECT barcode FROM unnest('{access-ann,access-bob}'::text[]) AS b, add_party('person', b, barcode => b);
SELECT barcode FROM add_party('organisation', 'access-org', barcode => 'access-org');
SELECT name FROM update_party(regress.party('access-ann'), organisation_id => regress.party('access-org'));
SELECT count(credit_init(regress.party(b), 5, 's', 'd', '2023-04-04', name)) FROM unnest('{access-ann,access-bob,access-org}'::text[]) b,
	unnest('{default,second}'::text[]) name;
SELECT count(post(regress.account(b, name), 'add', step, 's')) FROM unnest('{access-ann,access-bob,access-org}'::text[]) b,
	unnest('{default,second}'::text[]) name, generate_series(1, 3) step;
SELECT regress.party('access-ann') AS ann, regress.party('access-bob') AS bob, regress.account('access-ann') AS ann_account,
	regress.account('access-bob') AS bob_account \gset
CREATE FUNCTION pg_temp.seen() RETURNS TABLE (parties text, accounts text, entries bigint) LANGUAGE sql STABLE
AS $$
	SELECT (SELECT string_agg(p.barcode, ',' ORDER BY p.barcode) FROM trainledger.party p),
		(SELECT string_agg(p.barcode || '/' || a.name, ',' ORDER BY p.barcode, a.name) FROM trainledger.account a JOIN trainledger.party p ON p.id = a.party_id),
		(SELECT count(*) FROM trainledger.entry)
$$;
RESET ROLE;
SELECT u.bounds FROM add_credit_token_type('access-bounds') t, update_token_type(t.id, upper_bound => 1000000) u;
SET ROLE regress_reader;
SELECT count(*) > 0 AS bounds_changed FROM token_type_event;
SET ROLE regress_learner;
SELECT count(*) > 0 AS bounds_changed FROM token_type_event;
SELECT current_party(), s.* FROM pg_temp.seen() s;
SET trainledger.party_id = :ann;
SELECT current_party() = :ann AS ann, s.* FROM pg_temp.seen() s;
SET trainledger.party_id = :bob;
SELECT current_party() = :bob AS bob, s.* FROM pg_temp.seen() s;
-- also where it changes within a statement
DO $$
DECLARE
	party bigint;
	says bigint;
BEGIN
	FOR party IN SELECT generate_series(2, 4) LOOP
		PERFORM set_config('trainledger.party_id', (party * 1000000)::text, true);
		says := trainledger_internal.first_visible_party();
		RAISE NOTICE 'asks as %, says %', party * 1000000, says;
	END LOOP;
END
$$;
-- claims win over the setting
SELECT set_config('request.jwt.claims', format('{"party_id": %s}', :ann), false) IS NULL AS never;
SELECT current_party() = :ann AS ann, s.* FROM pg_temp.seen() s;
SELECT set_config('request.jwt.claims', format('{"party_id": "%s"}', :ann), false) IS NULL AS never;
SELECT current_party() = :ann AS ann, s.* FROM pg_temp.seen() s;
-- claims that name no party show nothing, whatever the setting says
CREATE FUNCTION pg_temp.claiming(claims text) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	PERFORM set_config('request.jwt.claims', claims, false);
	RETURN (SELECT format('%s %s %s %s', coalesce(trainledger.current_party()::text, 'null'), coalesce(s.parties, 'none'),
		coalesce(s.accounts, 'none'), s.entries) FROM pg_temp.seen() s);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT claims, pg_temp.claiming(claims)
FROM (VALUES ('{}'), ('{"party_id": null}'), ('{"party_id": ""}'), ('{"party_id": "x"}'), ('{"party_id": -1}'),
	('{"party_id": 0}'), ('{"party_id": 1.0}'), ('{"party_id": 1e0}'), ('{"party_id": " 1"}'), ('{"party_id": "+1"}'),
	('{"party_id": "1 OR true"}'), ('{"party_id": 9223372036854775808}'), ('{"party_id": [1]}'), ('{"party_id": {}}'),
	('{"party_id": true}'), ('[1]'), ('1'), ('"x"'), ('null'), ('{"PARTY_ID": 1}'), ('{"party_id": 1, "party_id": "x"}'),
	('not JSON'), ('{"party_id": 1')) v(claims);
-- an empty text is no claims
SELECT set_config('request.jwt.claims', '', false);
SELECT current_party() = :bob AS bob, s.* FROM pg_temp.seen() s;
SELECT setting, regress.answer('trainledger.current_party()'), pg_temp.claiming('')
FROM (VALUES ('x')) v(setting), set_config('trainledger.party_id', setting, false);
SET trainledger.party_id = '-1';
SELECT current_party(), s.* FROM pg_temp.seen() s;
SET trainledger.party_id = '';
SELECT current_party(), s.* FROM pg_temp.seen() s;

-- a learner's reads cost by what it has, however many accounts others have
BEGIN;
SET LOCAL ROLE regress_operator;
SELECT count(credit_init(:bob, 1, 's', 'd', '2023-04-04', 'account ' || i)) FROM generate_series(1, 3000) i;
RESET ROLE;
ANALYZE account, entry;
SET LOCAL ROLE regress_learner;
SET LOCAL trainledger.party_id = :ann;
DO $$
DECLARE
	calls text[] := ARRAY['SELECT FROM trainledger.entry', 'SELECT FROM trainledger.credit_history(trainledger.current_party())',
		format('SELECT trainledger.balance_at(%s, now())', regress.account('access-ann'))];
	reads CONSTANT text := 'SELECT pg_stat_get_xact_tuples_returned(i) FROM unnest(''{trainledger.account,trainledger.account_pkey,trainledger.account_key}''::regclass[]) i';
	call text;
	was bigint;
	now bigint;
BEGIN
	FOREACH call IN ARRAY calls LOOP
		-- the planner looks for the ends of an index, past what was rolled back
		EXECUTE call;
		EXECUTE 'SELECT sum(x) FROM (' || reads || ') r(x)' INTO was;
		EXECUTE call;
		EXECUTE 'SELECT sum(x) FROM (' || reads || ') r(x)' INTO now;
		RAISE NOTICE '%: % accounts read', regexp_replace(call, '\d+', 'N'), CASE WHEN now - was < 100 THEN 'few' ELSE (now - was)::text END;
	END LOOP;
END $$;
ROLLBACK;

-- a learner's functions are about itself
SET trainledger.party_id = :ann;
SELECT name FROM find_party('barcode', 'access-ann');
SELECT regress.attempt(statement)
FROM (VALUES ($$SELECT find_party('barcode', 'access-bob')$$), ($$SELECT find_party('id', '$$ || :bob || $$')$$)) v(statement);
SELECT credit_balance(:ann), balance_at(:ann_account, 'infinity'), (SELECT count(*) FROM credit_history(:ann));
SELECT regress.sqlstate(format(statement, :bob, :bob_account))
FROM (VALUES ('SELECT credit_balance(%s)'), ('SELECT credit_history(%s)'), ('SELECT trainledger_internal.credit_account(%s)'),
	('SELECT balance_at(%2$s, ''infinity'')'), ('SELECT credit_add(%s, 1, ''s'', ''d'', now())'),
	('SELECT post(%2$s, ''add'', 1, ''s'')'), ('SELECT * FROM post_batch(''{%2$s}'', ''{1}'', ''s'')'),
	('SELECT reconcile()'), ('SELECT update_party(%s, name => ''x'')'), ('SELECT add_party(''person'', ''x'')')) v(statement);
-- joins, aggregates and a leaky function show no more
CREATE FUNCTION pg_temp.leak(bigint, text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
AS $$ BEGIN RAISE NOTICE 'leaked %', $2; RETURN true; END $$;
SELECT count(*) FROM party WHERE pg_temp.leak(id, barcode);
SELECT count(*) FROM entry e JOIN account a ON a.id = e.account_id WHERE a.party_id = :bob;
SELECT count(*) FROM entry WHERE account_id = :bob_account;
SELECT max(entry_no), count(DISTINCT account_id) FROM entry;
SELECT regress.attempt('SELECT 1 FROM trainledger.party FOR UPDATE');
SELECT (party).barcode FROM party;
-- by an index, however many the rows of others
SET ROLE regress_operator;
SELECT count(*) FROM post_batch(array_fill(regress.account('access-org'), '{20000}'), array_fill('1'::amount, '{20000}'), 's');
RESET ROLE;
ANALYZE account, entry, party;
SET ROLE regress_learner;
CREATE FUNCTION pg_temp.by_index(query text, relation text, index text) RETURNS boolean LANGUAGE plpgsql
AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan ~ ('Index (Only )?Scan (Backward )?using ' || index || ' |Bitmap Index Scan on ' || index)
		AND plan !~ ('Seq Scan on ' || relation);
END
$$;
-- the planner expects most of a table for a reader, and little for a learner
RESET ROLE;
ANALYZE trainledger.party, trainledger.account, trainledger.entry;
CREATE FUNCTION pg_temp.expected(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
	there bigint;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM %s', relation) INTO plan;
	SELECT c.reltuples INTO there FROM pg_class c WHERE c.oid = relation;
	RETURN CASE WHEN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8 > 0.4 * there THEN 'most' ELSE 'few' END;
END
$$;
SET ROLE regress_reader;
SELECT pg_temp.expected('party') AS party, pg_temp.expected('account') AS account, pg_temp.expected('entry') AS entry;
SET ROLE regress_learner;
SELECT pg_temp.expected('party') AS party, pg_temp.expected('account') AS account;
-- tables as small as these two are read whole unless they must not
SET enable_seqscan = off;
SELECT pg_temp.by_index('SELECT * FROM trainledger.party', 'party', 'party_pkey') AS party,
	pg_temp.by_index('SELECT * FROM trainledger.account', 'account', 'account_key') AS account,
	pg_temp.by_index('SELECT * FROM trainledger.entry', 'entry', 'entry_pkey') AS entry;
RESET enable_seqscan;
SELECT pg_temp.by_index(format('SELECT * FROM trainledger.entry WHERE account_id = %s ORDER BY entry_no DESC LIMIT 10',
	:ann_account), 'entry', 'entry_pkey') AS history;
-- a reader sees everything
SET ROLE regress_reader;
SELECT array_agg(barcode ORDER BY barcode) @> '{access-ann,access-bob,access-org}' AS parties FROM party;
SELECT count(DISTINCT a.party_id) AS parties, count(DISTINCT a.id) AS accounts, count(*) AS entries
FROM entry e JOIN account a ON a.id = e.account_id WHERE a.party_id IN (SELECT id FROM party WHERE barcode ~ '^access-');
RESET trainledger.party_id;

-- a member of a role has what the role has
RESET ROLE;
GRANT regress_reader TO regress_nobody;
SET ROLE regress_nobody;
SELECT has_level('reader'), has_level('operator'), (SELECT count(*) > 0 FROM party) AS sees;
RESET ROLE;
REVOKE regress_reader FROM regress_nobody;

-- the definer function of an application counts as its owner
GRANT CREATE ON SCHEMA regress TO regress_application;
SELECT grant_access('regress_application', 'operator');
SET ROLE regress_application;
CREATE FUNCTION regress.application_add(party bigint, amount numeric) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT e.booked_by FROM trainledger.credit_add(party, amount, 'application', 'd', now()) e $$;
CREATE FUNCTION regress.application_party(given bigint) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT name FROM trainledger.add_party('person', 'x', id => given) $$;
CREATE FUNCTION regress.application_sees() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT count(*) FROM trainledger.party WHERE barcode ~ '^access-' $$;
SET ROLE regress_nobody;
SELECT regress.application_add(:ann, 1), regress.application_sees();
-- an id of one's own is for admin: the owner of the function is none
SET ROLE regress_admin;
SELECT regress.attempt($$SELECT regress.application_party(77777)$$);
-- and the other way round: an operator calls the function of an administrator
RESET ROLE;
SELECT grant_access('regress_application', 'admin');
SET ROLE regress_operator;
SELECT regress.application_party(77777);
SELECT regress.attempt($$SELECT trainledger.add_party('person', 'x', id => 77778)$$);
-- after an error the caller is the caller again
SELECT regress.attempt($$SELECT trainledger.add_party('person', 'x', barcode => 'access-ann')$$);
SELECT current_user, has_level('admin');
RESET ROLE;

-- a hostile search path meets nothing
CREATE SCHEMA regress_trap;
GRANT USAGE ON SCHEMA regress_trap TO PUBLIC;
CREATE FUNCTION regress_trap.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.clock() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.has_level(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.format(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.jsonb_typeof(jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.char_length(text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.equal(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION regress_trap.equal(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR regress_trap.= (FUNCTION = regress_trap.equal, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR regress_trap.= (FUNCTION = regress_trap.equal, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR regress_trap.= (FUNCTION = regress_trap.equal, LEFTARG = uuid, RIGHTARG = uuid);
CREATE OPERATOR regress_trap.<> (FUNCTION = regress_trap.equal, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR regress_trap.< (FUNCTION = regress_trap.equal, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR regress_trap.> (FUNCTION = regress_trap.equal, LEFTARG = bigint, RIGHTARG = bigint);
CREATE TABLE regress_trap.account (id bigint, party_id bigint);
CREATE TABLE regress_trap.party (id bigint, barcode text);
CREATE TABLE regress_trap.entry (account_id bigint);
SET ROLE regress_admin;
CREATE TEMPORARY TABLE account (id bigint);
CREATE TEMPORARY TABLE entry (id bigint);
CREATE TEMPORARY TABLE token_type (id uuid);
CREATE TEMPORARY TABLE party (id bigint);
CREATE FUNCTION pg_temp.trap(statement text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_temp, regress_trap, pg_catalog
AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT n, pg_temp.trap(replace(replace(statement, ':ann_account', :'ann_account'), ':ann', :'ann'))
FROM (VALUES
	(1, $$SELECT trainledger.add_party('person', 'x', 'Trap@example.org', 'r', 'access-trap', 'e', NULL, '[]', '{}', '{}', '{}', 88888, '88888888-0000-4000-8000-000000000001')$$),
	(2, $$SELECT trainledger.update_party(88888, 'y', 'trap2@example.org', clear => '{rfid}')$$),
	(3, $$SELECT trainledger.find_party('email', 'trap2@EXAMPLE.org')$$),
	(4, $$SELECT trainledger.add_credit_token_type('access-trap', 'token', 2, 0, 100)$$),
	(5, $$SELECT trainledger.add_training_token_type('access-trap')$$),
	(6, $$SELECT trainledger.update_token_type(id, 'access-trap2', upper_bound => 50) FROM trainledger.token_type WHERE name OPERATOR(pg_catalog.=) 'access-trap' AND kind OPERATOR(pg_catalog.=) 'credit'$$),
	(7, $$SELECT trainledger.credit_init(88888, 5, 's', 'd', '2023-04-04', 'x', 'default')$$),
	(8, $$SELECT trainledger.credit_init(88888, 5, 's', 'd', '2023-04-04', 'y', 'default', idempotency_key => '88888888-0000-4000-8000-000000000002')$$),
	(9, $$SELECT trainledger.credit_add(88888, 5, 's', 'd', '2023-04-04', 'x')$$),
	(10, $$SELECT trainledger.credit_subtract(88888, 5, 's', 'd', '2023-04-04', 'x', idempotency_key => '88888888-0000-4000-8000-000000000003')$$),
	(11, $$SELECT trainledger.post(:ann_account, 'add', 1, 's', 'd', '2023-07-07')$$),
	(12, $$SELECT trainledger.post(:ann_account, 'add', 1, 's', 'd', '2023-07-07')$$),
	(13, $$SELECT trainledger.post_batch('{:ann_account,:ann_account}', '{1,2}', 's', '{d,d}', '{2023-07-08,2023-07-08}')$$),
	(14, $$SELECT trainledger.credit_balance(88888, 'x')$$),
	(15, $$SELECT trainledger.credit_history(88888, 'x')$$),
	(16, $$SELECT trainledger.balance_at(:ann_account, 'infinity')$$),
	(17, $$SELECT trainledger.reconcile(:ann_account)$$),
	(18, $$SELECT trainledger.add_catalog_item('course', 'access-trap', 'x')$$),
	(19, $$SELECT trainledger.add_region('access-trap', 'x')$$),
	(20, $$SELECT trainledger.add_currency('access-trap', 'x')$$),
	(21, $$SELECT trainledger.grant_access('regress_nobody', 'learner')$$),
	(22, $$SELECT trainledger.revoke_access('regress_nobody')$$),
	(23, $$SELECT trainledger.has_level('admin')$$),
	(24, $$SELECT trainledger.clock(), trainledger.current_party()$$)
) v(n, statement) ORDER BY n;
DROP TABLE pg_temp.account, pg_temp.entry, pg_temp.token_type, pg_temp.party;
SET ROLE regress_learner;
SET trainledger.party_id = :ann;
SET search_path = regress_trap, pg_catalog;
SELECT count(*) FROM trainledger.party;
SELECT count(*) FROM trainledger.account;
SELECT count(*) FROM trainledger.entry;
SET search_path = trainledger, public;
RESET trainledger.party_id;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA regress_trap CASCADE;
RESET client_min_messages;

-- grant_access gives the level in place of the one there was
SET ROLE regress_admin;
SELECT level, grant_access('regress_application', level) FROM unnest('{operator,reader,learner}'::access_level[]) level;
SELECT p.level, bool_and(has_function_privilege('regress_application', c.oid, 'EXECUTE')) AS "all",
	bool_or(has_function_privilege('regress_application', c.oid, 'EXECUTE')) AS some
FROM pg_temp.callable c JOIN privilege p ON p.function_name = c.name AND NOT c.internal GROUP BY 1 ORDER BY 1;
SELECT grant_access('regress_application', 'reader');
SELECT p.level, bool_and(has_function_privilege('regress_application', c.oid, 'EXECUTE')) AS "all",
	bool_or(has_function_privilege('regress_application', c.oid, 'EXECUTE')) AS some
FROM pg_temp.callable c JOIN privilege p ON p.function_name = c.name AND NOT c.internal GROUP BY 1 ORDER BY 1;
-- and revoke_access takes everything
SELECT revoke_access('regress_application');
SELECT revoke_access('regress_application');
RESET ROLE;
SELECT count(*) FILTER (WHERE d.classid = 'pg_proc'::regclass) AS functions, count(*) FILTER (WHERE d.classid <> 'pg_proc'::regclass) AS others
FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
WHERE r.rolname = 'regress_application' AND d.deptype = 'a' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (d.classid, d.objid) IN (SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	UNION SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspname ~ '^trainledger');
SET ROLE regress_application;
SELECT regress.attempt($$SELECT trainledger.clock()$$);
SET ROLE regress_nobody;
SELECT regress.attempt(format($$SELECT regress.application_add(%s, 1)$$, :ann));
-- names of roles are taken as they are
SET ROLE regress_admin;
SELECT r.* FROM (VALUES ($$SELECT grant_access('regress_none', 'reader')$$), ($$SELECT grant_access(NULL, 'reader')$$),
	($$SELECT grant_access('regress_nobody', NULL)$$), ($$SELECT grant_access('regress_nobody', 'owner')$$),
	($$SELECT grant_access('public', 'reader')$$), ($$SELECT grant_access('regress_nobody; DROP TABLE x', 'reader')$$),
	($$SELECT revoke_access('regress_none')$$), ($$SELECT revoke_access(NULL)$$)) v(statement), regress.refusal(statement) r;
RESET ROLE;
CREATE ROLE "regress ""odd"" Name";
SET ROLE regress_admin;
SELECT grant_access('regress "odd" Name', 'reader');
RESET ROLE;
SET ROLE "regress ""odd"" Name";
SELECT has_level('reader'), has_level('operator');
SET ROLE regress_admin;
SELECT revoke_access('regress "odd" Name');
RESET ROLE;
DROP ROLE "regress ""odd"" Name";
-- an owner keeps its rights
BEGIN;
SELECT c.relowner::regrole AS owner FROM pg_class c WHERE c.oid = 'account'::regclass \gset
SELECT grant_access(:'owner', 'learner');
SELECT code, message FROM regress.refusal(format('SELECT revoke_access(%L)', :'owner'));
SELECT bool_and(acl.privileges @> '{INSERT,SELECT,UPDATE}') AS all_kept
FROM pg_class c, LATERAL (SELECT array_agg(a.privilege_type) AS privileges
	FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a WHERE a.grantee = c.relowner) acl
WHERE c.oid IN ('account'::regclass, 'entry'::regclass);
-- who has the schema alone does not own the books
ALTER SCHEMA trainledger OWNER TO regress_nobody;
SELECT grant_access('regress_nobody', 'reader');
SELECT has_function_privilege('regress_nobody', 'reader_access()', 'EXECUTE') AS has_level;
ROLLBACK;
-- levels below admin give nothing away
SET ROLE regress_operator;
SELECT regress.attempt(statement)
FROM (VALUES ($$SELECT grant_access('regress_operator', 'admin')$$), ($$SELECT revoke_access('regress_admin')$$),
	($$GRANT EXECUTE ON FUNCTION trainledger.admin_access() TO regress_operator$$)) v(statement);
