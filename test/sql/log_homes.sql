-- The log where homes leave and come (contract, section 19), in a database of its
-- own. What comes from another node is made by hand; test/t/257_first_split.pl
-- moves homes between servers.
\pset format unaligned
\pset null (null)
\set SHOW_CONTEXT never
SELECT current_database() AS regression \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_log_homes;
CREATE DATABASE regress_log_homes;
\c regress_log_homes
CREATE EXTENSION trainledger;
SET search_path = trainledger, public;
SET trainledger.clock = '2026-03-01 12:00:00Z';

-- a transaction of autovacuum may hold the last bookings back
CREATE PROCEDURE public.seal_all() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		PERFORM trainledger.seal();
		COMMIT;
		EXIT WHEN NOT EXISTS (SELECT FROM trainledger_internal.unsealed_leaves('{(,)}'));
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;
CREATE FUNCTION public.problems() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s %s %s: %s', v.problem, v.kind, v.key, v.detail) FROM trainledger.verify() v ORDER BY 1
$$;
-- What verify finds after a change that is undone
CREATE FUNCTION public.after(change text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	guarded regclass;
	problems text[];
BEGIN
	BEGIN
		FOR guarded IN SELECT DISTINCT tgrelid FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
			WHERE c.relnamespace = 'trainledger'::regnamespace AND NOT t.tgisinternal LOOP
			EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', guarded);
		END LOOP;
		EXECUTE change;
		problems := ARRAY(SELECT p FROM public.problems() p);
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
		RETURN QUERY SELECT unnest(problems);
	END;
END
$$;

SELECT name FROM add_credit_token_type('homes');

-- Before there is a log, a home leaves and comes back: what it has booked comes
-- before the log begins
SELECT name FROM add_party('person', 'Home 8', id => 1032);
SELECT balance FROM credit_init(1032, 10, 'bar', 'Early', '2026-03-01', token_type => 'homes');
CREATE SCHEMA early;
CREATE TABLE early.account AS SELECT * FROM account WHERE home(id) = 8;
CREATE TABLE early.entry AS SELECT * FROM entry WHERE home(account_id) = 8;
SET trainledger.homes = '{[0,8)}';
SELECT forget_homes('{[8,9)}');
RESET trainledger.homes;
SET session_replication_role = replica;
INSERT INTO account SELECT * FROM early.account;
INSERT INTO entry SELECT * FROM early.entry;
RESET session_replication_role;

-- Parties of homes 0, 5, 6 and 7, with something of each kind
SELECT id AS gold FROM add_training_token_type('homes') \gset
SELECT count(*) FROM unnest('{1024,1029,1030,1031}'::bigint[]) i, add_party('person', 'Home ' || i, id => i);
SELECT id AS course FROM add_catalog_item('course', 'homes', 'Course') \gset
SELECT code FROM create_signup_token(1, 'homes', 9, 'homes');
SELECT id AS kind FROM add_program_kind('Homes') \gset
SELECT count(*) FROM unnest('{1024,1029,1030,1031}'::bigint[]) i, credit_init(i, 10, 'bar', 'Opening', '2026-03-01', token_type => 'homes');
SELECT count(*) FROM unnest('{1024,1029}'::bigint[]) i, issue_training_tokens(:'gold', i, 10, '2027-01-01') l, extend_training_tokens(l.id, '2027-02-01'), hold_training_tokens(i, :'gold', 2, 'course');
SELECT count(*) FROM unnest('{1024,1029}'::bigint[]) i, claim_signup_token('homes', i), create_program_ticket(:'kind', i);
SELECT create_program_ticket(:'kind', email => 'nobody@homes.example') IS NOT NULL AS is_nobodys;

-- What is not sealed cannot leave
SELECT start_log('homes.example/n0', 'test');
SELECT after_booking_no FROM log_origin;
SET trainledger.homes = '{[6,1024)}';
SELECT forget_homes('{[0,6)}');
CALL public.seal_all();
SELECT problems();
SELECT min(booking_no) AS first FROM log_leaf;
SELECT checkpoint_text() AS kept, max(size) AS kept_size FROM checkpoint \gset
SELECT count(*) AS salts, count(*) FILTER (WHERE party_id = 0) AS nobodys FROM party_salt;

-- The rows of two homes as they are, for when they come back
CREATE SCHEMA copy;
SELECT format('CREATE TABLE copy.%I AS SELECT * FROM trainledger.%1$I WHERE %s(%I) < 6 %s', table_name,
	CASE table_name WHEN 'token_lot' THEN 'home_of' ELSE 'home' END, home_column, CASE table_name WHEN 'party_salt' THEN 'AND party_id <> 0' END)
FROM table_class WHERE class = 'home' ORDER BY ordinal \gexec
CREATE PROCEDURE public.come_back() LANGUAGE plpgsql AS $$
DECLARE
	t name;
BEGIN
	SET LOCAL session_replication_role = replica;
	FOR t IN SELECT table_name FROM trainledger.table_class WHERE class = 'home' ORDER BY ordinal LOOP
		EXECUTE format('INSERT INTO trainledger.%I SELECT * FROM copy.%1$I', t);
	END LOOP;
END
$$;

-- They leave. The log goes on with their hashes, and a leaf says that they left;
-- the ticket that is nobody's is in it as it was.
SELECT forget_homes('{[0,6)}') > 10 AS some;
SELECT kind, count(*), array_agg(DISTINCT home(id)) AS homes FROM log_kept GROUP BY 1 ORDER BY 1;
SELECT home, direction, node_no, leaves, origin FROM home_event ORDER BY 1, 2, 3;
SELECT party_id FROM party_salt ORDER BY 1;
SELECT problems();
CALL public.seal_all();
SELECT problems();
SELECT kind, count(*), count(leaf) AS lines FROM log_leaf GROUP BY 1 ORDER BY 1;
SELECT string_agg(l.leaf, E'\n' ORDER BY l.booking_no, l.kind, l.key) ~ '^V1\t\d+\t\d+\t0\tout\t0\t\d+\t[0-9a-f]{64}\thomes.example/n0\t2026-03-01T12:00:00.000000Z\n' AS is_line FROM log_leaf l WHERE kind = 'V1';
SELECT problems FROM verify(:'kept') problems;
SELECT prove_consistency(:kept_size) <> '' AS goes_on, encode(trainledger_internal.log_root(:kept_size), 'base64') = split_part(:'kept', E'\n', 3) AS same_root;
SELECT forget_homes('{[0,6)}');
-- a learner reads nothing of it
CREATE ROLE regress_homes_learner LOGIN;
SELECT grant_access('regress_homes_learner', 'learner');
SET ROLE regress_homes_learner;
SELECT (SELECT count(*) FROM log_kept) AS kept, (SELECT count(*) FROM home_event) AS events, (SELECT count(*) FROM log_leaf) AS leaves;
RESET ROLE;
DROP OWNED BY regress_homes_learner;
DROP ROLE regress_homes_learner;
DELETE FROM log_kept;

-- What is kept is altered, or stands beside its row
SELECT public.after('UPDATE trainledger.log_kept SET hash = sha256(hash) WHERE kind = ''C1'' AND home(id) = 5');
SELECT public.after('UPDATE trainledger.log_kept SET hash = '''' WHERE kind = ''X1'' AND home(id) = 5');
SELECT public.after('DELETE FROM trainledger.log_kept WHERE kind = ''E1'' AND entry_no = 1 AND id = (SELECT min(id) FROM trainledger.log_kept WHERE kind = ''E1'')');
SELECT count(*), min(regexp_replace(p, '^.*: ', '')) FROM public.after('INSERT INTO trainledger.log_kept SELECT booking_no, kind, id, entry_no, hash FROM trainledger.tree_leaf WHERE kind = ''E1'' AND home(id) = 6') p;
SELECT count(*), min(p) FROM public.after('CALL public.come_back()') p WHERE p LIKE '%is still there%';

-- They come back: once the home is kept, the rows count
CALL public.come_back();
SET trainledger.homes = '{[0,1023)}';
SELECT problems();
SELECT trainledger_internal.receive_homes('{[0,6)}');
SELECT count(*) FROM log_kept;
SELECT home, direction, node_no, leaves, origin FROM home_event WHERE direction = 'in' ORDER BY 1, 2, 3;
CALL public.seal_all();
SELECT problems();
SELECT public.after('UPDATE trainledger.entry SET delta = ''11'' WHERE entry_no = 1 AND home(account_id) = 5 AND operation = ''init''');
SELECT trainledger_internal.receive_homes('{[0,6)}');
SELECT count(*) FROM home_event WHERE direction = 'in';

-- Rows of another node, 3: its numbers are none of this log
BEGIN;
ALTER TABLE entry DISABLE TRIGGER append_only;
SELECT account_id AS account, entry_no FROM credit_add(1031, 5, 'bar', 'There', '2026-03-01', token_type => 'homes') \gset
UPDATE entry SET booking_no = (3::bigint << 38) + 5 WHERE account_id = :account AND entry_no = :entry_no;
ALTER TABLE entry ENABLE ALWAYS TRIGGER append_only;
COMMIT;
SELECT jsonb_agg(to_jsonb(l) || '{"origin": "homes.example/n3"}') AS sent FROM trainledger_internal.home_leaves('{[7,8)}', true) l \gset
SELECT jsonb_array_length(:'sent') AS groups;
SELECT trainledger_internal.receive_homes('{[7,8)}', jsonb_set(:'sent', '{0,leaves}', '2'));
SELECT trainledger_internal.receive_homes('{[7,8)}', :'sent');
SELECT home, direction, node_no, leaves, origin FROM home_event WHERE home = 7;
CALL public.seal_all();
SELECT problems();
SELECT split_part(entry_leaf(:account, :entry_no), E'\t', 2) AS booking_no;
SELECT prove_entry(:account, :entry_no);
SELECT regexp_replace(p, '{\d+}', '{}') FROM public.after(format('UPDATE trainledger.entry SET delta = ''6'' WHERE account_id = %s AND entry_no = %s', :account, :entry_no)) p;
SELECT regexp_replace(p, '{\d+}', '{}') FROM public.after(format('DELETE FROM trainledger.entry WHERE account_id = %s AND entry_no = %s', :account, :entry_no)) p;
SELECT regexp_replace(p, '{\d+}', '{}') FROM public.after(format('INSERT INTO trainledger.entry SELECT (jsonb_populate_record(e, ''{"entry_no": 9, "dedup": null}'')).* FROM trainledger.entry e WHERE account_id = %s AND entry_no = %s', :account, :entry_no)) p;
SELECT regexp_replace(p, '{\d+}', '{}') FROM public.after('UPDATE trainledger.home_event SET digest = sha256(digest) WHERE home = 7') p;
-- it takes along what came, and not something else
SET trainledger.homes = '{[0,7),[8,1023)}';
SELECT forget_homes('{[7,8)}') > 1 AS some;
SELECT home, direction, node_no, leaves, origin FROM home_event WHERE home = 7 ORDER BY 2, 3;
CALL public.seal_all();
SELECT problems();
SELECT regexp_replace(p, '{\d+}', '{}') FROM public.after('UPDATE trainledger.home_event SET digest = sha256(digest) WHERE home = 7 AND direction = ''out'' AND node_no = 3') p;
RESET trainledger.homes;
\c :regression
DROP DATABASE regress_log_homes;
