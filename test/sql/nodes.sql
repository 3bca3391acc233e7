-- More than one node (contract, section 19), on one of them: the homes that a
-- database keeps, ids of other homes, and the removal of homes.
\pset format unaligned
\pset null (null)
BEGIN;
SET LOCAL search_path = trainledger, public;
SET LOCAL trainledger.clock = '2026-03-01 12:00:00Z';

-- the library knows the setting
SELECT home(5);
-- the setting is a set of homes, however it is written
SHOW trainledger.homes;
SELECT v.homes, r.code FROM (VALUES
	('{}'), ('{[0,1024)}'), ('{(,)}'), ('{[-5,2000]}'), (' { [ 0 , 4 ) , (7,9] } '), ('{empty}'), ('{[3,3)}'), ('{[5,),(,2]}'),
	(''), ('{'), ('[0,4)'), ('{[0,4)'), ('{0,4}'), ('{[4,0)}'), ('{[0,4),}'), ('{[0,4)} x'), ('{[a,4)}'), ('{[0,99999999999)}'),
	('{[0;4)}'), ('{[0,4'), ('{[,4),[6,]'), ('0'), ('{[0x1,4)}'), ('{[1.5,4)}')) v(homes),
	regress.refusal(format('SET trainledger.homes = %L', v.homes)) r;
SELECT r.* FROM regress.refusal($$SET trainledger.homes = 'all'$$) r;
-- it holds what a multirange of that text holds
CREATE FUNCTION pg_temp.kept(homes text) RETURNS int4multirange LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('trainledger.homes', homes, true);
	RETURN (SELECT range_agg(int4range(h, h + 1)) FROM generate_series(0, 1023) h WHERE trainledger_internal.keeps_home(h));
END $$;
SELECT h AS differs FROM unnest('{"{}","{[0,1024)}","{(,)}","{[-5,2000]}"," { [ 0 , 4 ) , (7,9] } ","{empty}","{[3,3)}","{[5,),(,2]}","{(63,64],[127,129)}","{[1023,1023]}","{(2,3)}"}'::text[]) h
WHERE coalesce(pg_temp.kept(h), '{}') <> h::int4multirange * '{[0,1024)}';
SELECT r.code, r.message FROM regress.refusal($$SET ROLE regress_admin; SET trainledger.homes = '{}'$$) r;
RESET trainledger.homes;

-- books of two parties, of homes 5 and 6
CREATE TEMPORARY TABLE made AS
SELECT p.name, p.id FROM (VALUES (1024 * 800 + 5, 'five'), (1024 * 800 + 6, 'six'), (1024 * 801 + 5, 'five more')) v(id, name),
	add_party('person', v.name, id => v.id) p;
SELECT name FROM add_training_token_type('nodes-gold', id => md5('nodes-gold')::uuid);
SELECT name FROM add_credit_token_type('nodes-credit');
SELECT kind FROM add_catalog_item('course', 'nodes-course', 'Course', id => 820001);
SELECT code FROM create_pass_type('nodes-pass', 'Pass', id => 820001);
SELECT name FROM create_pass_option(820001, 'Year', 'years', 1, id => 820001);
SELECT code FROM add_region('NODES', 'Nodes');
SELECT code FROM add_currency('NODES', 'Nodes');
SELECT amount FROM create_pass_price(820001, 'NODES', 'NODES', 10);
SELECT code FROM add_pass_content(820001, '{820001}');
SELECT lifecycle_state FROM update_pass_option(820001, lifecycle_state => 'published');
SELECT lifecycle_state FROM update_pass_type(820001, lifecycle_state => 'published');
CREATE FUNCTION pg_temp.party(name text) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM pg_temp.made m WHERE m.name = $1';
SELECT m.name, c.balance FROM made m, credit_init(m.id, 100, 'test', '', '2026-03-01', token_type => 'nodes-credit') c;
SELECT m.name, i.current_balance FROM made m, issue_training_tokens(md5('nodes-gold')::uuid, m.id, 10) i;
SELECT m.name, r.quantity FROM made m, redeem_training_tokens(m.id, md5('nodes-gold')::uuid, 2, 'course') r;
SELECT m.name, h.status FROM made m, hold_training_tokens(m.id, md5('nodes-gold')::uuid, 2, 'seat', '2026-03-10') h;
SELECT m.name, h.status FROM made m, credit_hold(m.id, 10, 'test', 'over', '2026-03-02', token_type => 'nodes-credit') h;
SELECT m.name, p.status FROM made m, issue_pass(820001, 820001, m.id) p;
SELECT m.name, u.reference FROM made m, use_pass(m.id, 820001, 'seat') u;

CREATE FUNCTION pg_temp.blame(statement text) RETURNS TABLE (code text, argument text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN QUERY SELECT 'ok', NULL, NULL, NULL, NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS argument = COLUMN_NAME, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	code := SQLSTATE;
	RETURN NEXT;
END $$;

-- a call for a party of another home is refused, by whatever argument it names it
CREATE FUNCTION pg_temp.ids(name text) RETURNS TABLE (party bigint, account bigint, issue uuid, redemption bigint, pass bigint, use bigint, hold bigint) LANGUAGE sql AS $$
	SELECT p, (SELECT a.id FROM account a WHERE a.party_id = p AND a.name IS NOT NULL), (SELECT l.id FROM token_lot l WHERE l.party_id = p AND l.expires_at IS NULL),
		(SELECT r.id FROM redemption r WHERE r.party_id = p), (SELECT t.id FROM pass t WHERE t.party_id = p), (SELECT u.id FROM pass_use u WHERE u.party_id = p), (SELECT h.id FROM placed_hold h WHERE h.party_id = p AND h.account_id IS NULL)
	FROM pg_temp.party($1) p $$;
CREATE TEMPORARY TABLE call (argument text, function_name text, arguments text);
INSERT INTO call VALUES
	('party_id', 'credit_init', '%1$s, 1, ''test'', '''', ''2026-03-01'', token_type => ''nodes-credit'', account_name => ''new'''),
	('party_id', 'credit_add', '%1$s, 1, ''test'', '''', ''2026-03-01'', token_type => ''nodes-credit'''),
	('party_id', 'credit_subtract', '%1$s, 1, ''test'', '''', ''2026-03-01'', token_type => ''nodes-credit'''),
	('account_id', 'post', '%2$s, ''add'', 1, ''test'''),
	('account_ids', 'post_batch', 'ARRAY[%2$s], ''{1}''::amount[], ''test'''),
	('from_account_id', 'credit_transfer', '%2$s, %8$s, 1, ''test'''),
	('to_account_id', 'credit_transfer', '%8$s, %2$s, 1, ''test'''),
	('account_id', 'redact_entry', '%2$s, 1, ''x'''),
	('party_id', 'issue_training_tokens', 'md5(''nodes-gold'')::uuid, %1$s, 1'),
	('issue_id', 'extend_training_tokens', '%3$L, ''2027-01-01'''),
	('issue_id', 'adjust_training_tokens', '%3$L, 1'),
	('issue_id', 'void_training_tokens', '%3$L'),
	('issue_id', 'set_training_tokens_expiry', '%3$L, ''2027-01-01'', ''wrong'''),
	('from_party_id', 'transfer_training_tokens', '%1$s, %7$s, md5(''nodes-gold'')::uuid, 1'),
	('to_party_id', 'transfer_training_tokens', '%7$s, %1$s, md5(''nodes-gold'')::uuid, 1'),
	('party_id', 'redeem_training_tokens', '%1$s, md5(''nodes-gold'')::uuid, 1, ''course'''),
	('redemption_id', 'refund_training_tokens', '%4$s, 1'),
	('party_id', 'hold_training_tokens', '%1$s, md5(''nodes-gold'')::uuid, 1, ''course'''),
	('party_id', 'credit_hold', '%1$s, 1, ''test'', '''', token_type => ''nodes-credit'''),
	('hold_id', 'capture_hold', '%10$s'),
	('hold_id', 'release_hold', '%10$s, 1'),
	('hold_id', 'extend_hold', '%10$s, ''2026-03-20'''),
	('party_id', 'issue_pass', '820001, 820001, %1$s'),
	('pass_id', 'renew_pass', '%5$s'),
	('pass_id', 'revoke_pass', '%5$s'),
	('pass_id', 'correct_pass', '%5$s, NULL, ''2028-01-01'', ''wrong'''),
	('pass_id', 'reassign_pass', '%5$s, %7$s'),
	('party_id', 'reassign_pass', '%9$s, %1$s'),
	('party_id', 'use_pass', '%1$s, 820001, ''seat'''),
	('pass_use_id', 'cancel_pass_use', '%6$s');
-- every function whose route is an argument, and every one of a pair, is among them
SELECT v.function_name AS not_called FROM privilege v JOIN pg_proc p ON p.proname = v.function_name AND p.provolatile = 'v' AND p.pronamespace = 'trainledger'::regnamespace
WHERE v.route ~ '_id$|^pair$' AND v.function_name NOT IN (SELECT function_name FROM call);
CREATE FUNCTION pg_temp.statement(call, owner text, neighbour text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT * FROM trainledger.%I(%s)', ($1).function_name, format(($1).arguments, o.party, o.account, o.issue, o.redemption, o.pass, o.use, n.party, n.account, n.pass, o.hold))
	FROM pg_temp.ids(owner) o, pg_temp.ids(neighbour) n $$;
SET LOCAL trainledger.homes = '{[6,7)}';
SELECT c.argument, c.function_name, r.code, r.argument = c.argument AS is_blamed, r.message, r.hint
FROM call c, pg_temp.blame(pg_temp.statement(c, 'five', 'six')) r;
-- what is not there yet, by its id alone
SELECT c.function_name, r.code, r.detail FROM (VALUES
	('post', format('SELECT post(%s, ''add'', 1, ''x'')', 1024 * 900000 + 5)),
	('adjust_training_tokens', 'SELECT adjust_training_tokens(''00000000-0000-4000-8000-000000000005'', 1)'),
	('refund_training_tokens', format('SELECT refund_training_tokens(%s)', 1024 * 900000 + 5)),
	('release_hold', format('SELECT release_hold(%s)', 1024 * 900000 + 5)),
	('renew_pass', format('SELECT renew_pass(%s)', 1024 * 900000 + 5)),
	('cancel_pass_use', format('SELECT cancel_pass_use(%s)', 1024 * 900000 + 5)),
	('post, kept', format('SELECT post(%s, ''add'', 1, ''x'')', 1024 * 900000 + 6))) c(function_name, statement), pg_temp.blame(c.statement) r;
-- a row of a batch is refused for itself
SELECT b.ordinal, b.balance, b.refusal FROM pg_temp.ids('five') f, pg_temp.ids('six') s, post_batch(ARRAY[f.account, s.account], '{1,1}'::amount[], 'test', skip_refused => true) b;
-- reading is not asked for
SELECT system, quantity FROM holdings(pg_temp.party('five')) ORDER BY 1, 2;
SELECT b FROM credit_balance(pg_temp.party('five'), token_type => 'nodes-credit') b;
SELECT available_tokens(pg_temp.party('five'), md5('nodes-gold')::uuid);
SELECT line, quantity FROM why(pg_temp.party('five'), md5('nodes-gold')::uuid) WHERE line IN ('held', 'available');
-- sweeps book off what is kept here, and close it
SET LOCAL trainledger.homes = '{[0,1024)}';
SELECT current_balance FROM issue_training_tokens(md5('nodes-gold')::uuid, pg_temp.party('five'), 3, '2026-03-01');
SELECT current_balance FROM issue_training_tokens(md5('nodes-gold')::uuid, pg_temp.party('six'), 3, '2026-03-01');
SET LOCAL trainledger.clock = '2026-03-02 12:00:00Z';
SET LOCAL trainledger.homes = '{[6,7)}';
SELECT expire_training_tokens(1000000) > 0 AS some_expired;
SELECT lapse_holds(1000000) > 0 AS some_lapsed;
SELECT m.name, h.is_open FROM made m JOIN placed_hold h ON h.party_id = m.id AND h.account_id IS NOT NULL ORDER BY 1;
SELECT m.name, l.is_open FROM made m JOIN token_lot l ON l.party_id = m.id AND l.expires_at IS NOT NULL ORDER BY 1;
-- everything works for the other homes
SET LOCAL trainledger.homes = '{[0,6),[7,1024)}';
DO $$
DECLARE
	c call;
BEGIN
	FOR c IN SELECT * FROM call LOOP
		BEGIN
			EXECUTE pg_temp.statement(c, 'five', 'five more');
			RAISE EXCEPTION USING ERRCODE = 'TL000';
		EXCEPTION WHEN SQLSTATE 'TL000' THEN NULL;
		END;
	END LOOP;
END $$;

-- ids that are taken over have the home of their party
SELECT r.code, r.argument, r.message, r.detail FROM (VALUES
	($$SELECT issue_training_tokens(md5('nodes-gold')::uuid, pg_temp.party('five'), 1, id => '00000000-0000-4000-8000-000000820006')$$),
	($$SELECT issue_pass(820001, 820001, pg_temp.party('five'), id => 1024 * 820 + 6)$$)) c(statement), pg_temp.blame(c.statement) r;
SELECT home_of(id) FROM issue_training_tokens(md5('nodes-gold')::uuid, pg_temp.party('five'), 1, id => '00000000-0000-4000-8000-000000820005');
SELECT home(id) FROM issue_pass(820001, 820001, pg_temp.party('five'), id => 1024 * 820 + 5);
SELECT * FROM strays();
RESET trainledger.homes;
SAVEPOINT strays;
SELECT home_of(id) FROM issue_training_tokens(md5('nodes-gold')::uuid, pg_temp.party('five'), 1, id => '00000000-0000-4000-8000-000000820006');
SELECT home(id) FROM issue_pass(820001, 820001, pg_temp.party('six'), id => 1024 * 820 + 7);
SELECT table_name, id, home(party_id) FROM strays() ORDER BY 1;
SET LOCAL trainledger.homes = '{[6,7)}';
SELECT r.* FROM pg_temp.blame($$SELECT forget_homes('{[5,6)}')$$) r;
ROLLBACK TO strays;

-- the type default makes itself only where all homes are kept
UPDATE token_type SET name = 'nodes-default' WHERE name = 'default';
SET LOCAL trainledger.homes = '{[0,1023)}';
SELECT r.* FROM pg_temp.blame(format('SELECT credit_init(%s, 1, ''x'', '''', ''2026-03-01'')', pg_temp.party('five'))) r;
SELECT r.code FROM regress.refusal(format('SELECT credit_add(%s, 1, ''x'', '''', ''2026-03-01'')', pg_temp.party('five'))) r;
SELECT count(*) FROM token_type WHERE name = 'default';

-- homes are removed where they are not kept, and no others
SELECT r.* FROM pg_temp.blame($$SELECT forget_homes('{[5,6)}')$$) r;
SET LOCAL trainledger.homes = '{[6,7)}';
SELECT r.code, r.argument FROM (VALUES ('{[6,6]}'), ('{(,)}'), (NULL)) v(homes), pg_temp.blame(format('SELECT forget_homes(%L)', v.homes)) r;
CREATE FUNCTION pg_temp.rows() RETURNS TABLE (name text, kept boolean, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT t.table_name, t.home_column FROM table_class t WHERE class = 'home' ORDER BY 1 LOOP
		RETURN QUERY EXECUTE format('SELECT %1$L, trainledger_internal.keeps_home(h), count(*) FROM (SELECT %2$s(%3$I) FROM trainledger.%1$I) x(h) WHERE h IN (5, 6) GROUP BY 2',
			c.table_name, CASE WHEN c.table_name = 'token_lot' THEN 'trainledger.home_of' ELSE 'trainledger.home' END, c.home_column);
	END LOOP;
END $$;
CREATE TEMPORARY TABLE before AS SELECT * FROM pg_temp.rows();
SELECT sum(rows) FILTER (WHERE NOT kept) = forget_homes('{[5,6)}') AS as_many FROM before;
SELECT name, rows AS left_behind FROM pg_temp.rows() WHERE NOT kept;
SELECT * FROM before WHERE kept EXCEPT SELECT * FROM pg_temp.rows();
SELECT forget_homes('{[5,6)}'), forget_homes('{}');
SELECT count(*) FROM reconcile();
SELECT count(*) FROM holdings(pg_temp.party('five'));
-- guards are what they were
SELECT r.code FROM unnest('{entry,account,token_lot,redemption,redemption_allocation,placed_hold,hold_allocation,hold_event,pass_period}'::text[]) t, regress.refusal(format('DELETE FROM trainledger.%I', t)) r;

-- a database whose books have foreign tables below them is a front
RESET trainledger.homes;
CREATE TEMPORARY TABLE kept_call AS SELECT c.function_name, pg_temp.statement(c, 'six', 'six') FROM call c WHERE c.function_name IN ('credit_add', 'use_pass', 'void_training_tokens', 'hold_training_tokens', 'release_hold');
CREATE FOREIGN DATA WRAPPER regress_nodes;
CREATE SERVER regress_node FOREIGN DATA WRAPPER regress_nodes;
CREATE FOREIGN TABLE regress.node_account () INHERITS (trainledger.account) SERVER regress_node;
SELECT c.function_name, r.code, r.message, r.hint FROM kept_call c, pg_temp.blame(c.statement) r ORDER BY 1;
ROLLBACK;

-- every table has a class and every function a route, and no others have
SELECT table_name, class FROM trainledger.table_class c FULL JOIN pg_class t ON t.relname = c.table_name AND t.relkind = 'r' AND t.relnamespace = 'trainledger'::regnamespace
WHERE (t.relkind IS NULL AND c.table_name IS NOT NULL) OR (c.table_name IS NULL AND t.relkind = 'r' AND t.relnamespace = 'trainledger'::regnamespace);
SELECT class, count(home_column) = count(*) AS has_column, bool_or(home_column IS NOT NULL) AS has_any FROM trainledger.table_class GROUP BY 1 ORDER BY 1;
-- the home is in the primary key, so that a publication can filter by it
SELECT table_name FROM trainledger.table_class c WHERE class = 'home' AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
	WHERE i.indisprimary AND i.indrelid = format('trainledger.%I', c.table_name)::regclass AND a.attname = c.home_column);
-- a table comes after those that it refers to
SELECT k.conname FROM pg_constraint k JOIN pg_class f ON f.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid JOIN trainledger.table_class cf ON cf.table_name = f.relname JOIN trainledger.table_class ct ON ct.table_name = t.relname
WHERE k.contype = 'f' AND k.connamespace = 'trainledger'::regnamespace AND cf.ordinal <= ct.ordinal;
SELECT route, count(*) FROM trainledger.privilege GROUP BY 1 ORDER BY 1;
