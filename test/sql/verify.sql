-- The log: sealed, proved, verified (contract, section 17). Proofs are checked
-- by TAP tests, with a checker of their own; here is what SQL answers.
\pset format unaligned
\pset null (null)
\set SHOW_CONTEXT never
SET search_path = trainledger, public;

-- Other tests may have started a log: this one goes on with it under its name.
-- Books in several subjects, each call a transaction
SELECT id AS ann FROM add_party('person', 'Log Ann') \gset
SELECT id AS bob FROM add_party('person', 'Log Bob') \gset
SELECT id AS gold FROM add_training_token_type('log gold') \gset
SELECT name FROM add_credit_token_type('log credit');
SELECT account_id AS account FROM credit_init(:ann, 10, 'bar', E'tab\there, \\ and line\nend', '2024-01-01', token_type => 'log credit') \gset
SELECT entry_no FROM credit_add(:ann, 2.5, 'bar', 'Zoë', '2024-01-02 03:04:05.678901Z', token_type => 'log credit', device => 'till');
SELECT id AS lot FROM issue_training_tokens(:'gold', :bob, 10, '2100-01-01', unit_price => 9.5, currency_code => (SELECT min(code) FROM currency)) \gset
SELECT expires_at FROM extend_training_tokens(:'lot', '2100-02-01');
SELECT id AS hold FROM hold_training_tokens(:bob, :'gold', 4, 'course') \gset
SELECT captured FROM capture_hold(:hold, 1);

-- Started once; sealed up to where nobody can book any more
SELECT start_log('regress.example/log', 'regression test');
SELECT regress.sqlstate($$SELECT trainledger.start_log('regress.example/log', 'again')$$);
-- no name of the log or of a signer has white space of any kind
SELECT DISTINCT regress.sqlstate(format('SELECT trainledger.start_log(%L, %L)', 'a' || chr(c) || 'b', 'x'))
FROM unnest('{9,32,133,160,5760,8192,8202,8232,8233,8239,8287,12288}'::integer[]) c;
-- a transaction of autovacuum may hold the last bookings back
DO $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		PERFORM trainledger.seal();
		COMMIT;
		EXIT WHEN NOT EXISTS (SELECT FROM trainledger.entry e WHERE e.booking_no > (SELECT max(c.last_booking_no) FROM trainledger.checkpoint c));
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;
SELECT bool_and(octet_length(root) = 32) AS roots,
	max(size) = (SELECT count(*) FROM log_leaf) AS all_leaves, max(last_booking_no) = (SELECT last_value FROM booking_no_seq) AS all_numbers
FROM checkpoint WHERE origin = 'regress.example/log';
-- what was sealed is what was booked, each row once
SELECT (SELECT count(*) FROM log_leaf WHERE kind = 'E1') = (SELECT count(*) FROM entry) AS entries,
	(SELECT count(*) FROM log_leaf WHERE kind = 'H1') = (SELECT count(*) FROM hold_event) AS holds,
	(SELECT count(*) FROM log_leaf WHERE kind = 'X1') = (SELECT count(*) FROM token_issue_event) AS expiries,
	(SELECT count(*) FROM log_leaf WHERE kind = 'P1') = (SELECT count(*) FROM pass_event) AS passes,
	(SELECT count(*) FROM log_leaf WHERE kind = 'U1') = (SELECT count(*) FROM pass_use) AS uses,
	(SELECT count(*) FROM log_leaf WHERE kind = 'C1') = (SELECT count(*) FROM claim_event) AS claims,
	(SELECT count(*) FROM log_leaf WHERE kind = 'T1') = (SELECT count(*) FROM ticket_event) AS tickets,
	(SELECT count(*) FROM log_leaf WHERE kind = 'M1') = (SELECT count(*) FROM membership_event) AS memberships;

-- An idle seal writes nothing
SELECT seal() = (SELECT count(*) FROM log_leaf) AS size;
BEGIN;
SELECT seal() > 0 AS sealed;
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;
-- above READ COMMITTED it would not see what was committed meanwhile
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT trainledger.seal();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT trainledger.seal();
ROLLBACK;

-- A leaf is a line of COPY: what COPY itself writes of the same columns
CREATE TEMPORARY TABLE line AS
SELECT l.leaf, array_to_string((string_to_array(l.leaf, E'\t'))[2:12], E'\t') AS plain FROM log_leaf l
WHERE l.kind = 'E1' AND l.key[1] = :account;
SELECT (string_to_array(leaf, E'\t'))[4:6] AS entry, (string_to_array(leaf, E'\t'))[9] AS recorded, array_length(string_to_array(leaf, E'\t'), 1) AS columns
FROM line ORDER BY leaf;
-- its hash is that of RFC 6962, and the last column the hash of salt and texts
SELECT bool_and(leaf_hash = sha256('\x00' || convert_to(leaf, 'UTF8'))) AS hashes FROM log_leaf;
SELECT split_part(entry_texts(:account, 1), E'\n', 2) AS texts;
SELECT bool_and(split_part(entry_leaf(:account, n), E'\t', 21)
	= encode(sha256(decode(split_part(entry_texts(:account, n), E'\n', 1), 'hex') || convert_to(split_part(entry_texts(:account, n), E'\n', 2), 'UTF8')), 'hex')) AS texts
FROM generate_series(1, 2) n;
-- whatever the session's settings are
SELECT md5(string_agg(leaf, E'\n' ORDER BY booking_no, kind COLLATE "C", key)) AS leaves FROM log_leaf \gset
SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata'; SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape';
SELECT md5(string_agg(leaf, E'\n' ORDER BY booking_no, kind COLLATE "C", key)) = :'leaves' AS same FROM log_leaf;
RESET DateStyle; RESET TimeZone; RESET IntervalStyle; RESET bytea_output;

-- Checkpoints: origin, size, root
SELECT string_to_array(checkpoint_text(), E'\n') = ARRAY['regress.example/log', max(c.size)::text, encode((array_agg(c.root ORDER BY c.size DESC))[1], 'base64'), '']
	AS is_checkpoint FROM checkpoint c;
SELECT trainledger.sign_checkpoint();
-- nor in a transaction that goes on after the error
SELECT regress.sqlstate('SELECT trainledger.sign_checkpoint()') FROM generate_series(1, 2);
SELECT regress.sqlstate(format('SELECT trainledger.prove_entry(%s, 1)', :account));
SELECT length(note) - length(checkpoint_text()) AS added FROM add_signature((SELECT max(size) FROM checkpoint),
	'— witness.example ' || encode('0123signature', 'base64'));
-- twice from one signer is once
SELECT length(note) - length(checkpoint_text()) AS added FROM add_signature((SELECT max(size) FROM checkpoint),
	'— witness.example ' || encode('0123another', 'base64'));
SELECT split_part(prove_entry(:account, 1), E'\n', 1) AS format, right(prove_entry(:account, 1), 100) = right((SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1), 100) AS has_note;
SELECT prove_consistency(0) = '' AS of_nothing, prove_consistency(max(size)) = '' AS of_itself, prove_consistency(1) <> '' AS of_one FROM checkpoint;
-- not even the owner's own function goes beyond the trees that there are
SELECT regress.sqlstate(format('SELECT trainledger_internal.log_consistency(%s)', sizes)) FROM unnest('{"-1, 5","0, 5","5, 4","5, -9223372036854775808"}'::text[]) sizes;
-- what the running transaction has made cannot leave
BEGIN;
SELECT note IS NOT NULL AS signed FROM add_signature((SELECT max(size) FROM checkpoint), '— other.example ' || encode('4567signature', 'base64'));
SELECT DISTINCT regress.sqlstate(format('SELECT trainledger.add_signature((SELECT max(size) FROM trainledger.checkpoint), %L)', '— a' || chr(c) || 'b AAAAAAAA'))
FROM unnest('{9,32,133,160,5760,8192,8202,8232,8233,8239,8287,12288}'::integer[]) c;
SELECT trainledger.checkpoint_text();
ROLLBACK;

-- A learner proves what is its own
SET ROLE regress_learner;
SELECT set_config('trainledger.party_id', :'ann', false) = :'ann' AS is_ann;
SELECT prove_entry(:account, 1) <> '' AS proved, entry_leaf(:account, 1) <> '' AS leaf, entry_texts(:account, 1) <> '' AS texts;
SELECT set_config('trainledger.party_id', :'bob', false) = :'bob' AS is_bob;
SELECT regress.sqlstate(format('SELECT trainledger.%s(%s, 1)', f, :'account')) FROM unnest('{prove_entry,entry_leaf,entry_texts}'::text[]) f;
SELECT count(*) AS salts FROM party_salt;
SELECT count(*) AS checkpoints FROM checkpoint;
SELECT regress.sqlstate('SELECT count(*) FROM trainledger.verify()');
RESET ROLE;
RESET trainledger.party_id;

-- The books are what was sealed, until a superuser changes them
SELECT * FROM verify();
SELECT checkpoint_text() AS kept \gset
SELECT * FROM verify(:'kept');
CREATE FUNCTION pg_temp.after(change text, kept text DEFAULT NULL) RETURNS TABLE (problems text) LANGUAGE plpgsql
AS $$
DECLARE
	guarded regclass;
BEGIN
	BEGIN
		FOR guarded IN SELECT DISTINCT tgrelid FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
			WHERE c.relnamespace = 'trainledger'::regnamespace AND NOT t.tgisinternal LOOP
			EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', guarded);
		END LOOP;
		EXECUTE change;
		problems := (SELECT string_agg(format('%s %s', v.problem, v.kind), ', ' ORDER BY v.problem, v.kind, v.key) FROM trainledger.verify(kept) v);
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
		RETURN NEXT;
	END;
END
$$;
SELECT problems FROM pg_temp.after('UPDATE trainledger.entry SET delta = ''11'' WHERE entry_no = 1 AND account_id = ' || :account);
SELECT problems FROM pg_temp.after('UPDATE trainledger.entry SET description = ''Zoe'' WHERE entry_no = 2 AND account_id = ' || :account);
SELECT problems FROM pg_temp.after('DELETE FROM trainledger.entry WHERE entry_no = 2 AND account_id = ' || :account);
SELECT problems FROM pg_temp.after('INSERT INTO trainledger.entry SELECT (jsonb_populate_record(e, ''{"entry_no": 3, "dedup": null}'')).* FROM trainledger.entry e WHERE entry_no = 2 AND account_id = ' || :account);
SELECT problems FROM pg_temp.after(format('UPDATE trainledger.account SET party_id = %s WHERE id = %s', :bob, :account));
SELECT problems FROM pg_temp.after(format('UPDATE trainledger.token_lot SET expires_at = ''2099-01-01'' WHERE id = %L', :'lot'));
SELECT problems FROM pg_temp.after(format('UPDATE trainledger.token_lot SET unit_price = 1 WHERE id = %L', :'lot'));
SELECT problems FROM pg_temp.after(format('DELETE FROM trainledger.token_issue_event WHERE issue_id = %L', :'lot'));
SELECT problems FROM pg_temp.after('UPDATE trainledger.placed_hold SET expires_at = ''2099-01-01'' WHERE id = ' || :hold);
SELECT problems FROM pg_temp.after('UPDATE trainledger.hold_event SET quantity = ''2'' WHERE event = ''captured'' AND hold_id = ' || :hold);
SELECT problems FROM pg_temp.after('DELETE FROM trainledger.hold_event WHERE event = ''captured'' AND hold_id = ' || :hold);
SELECT problems FROM pg_temp.after('UPDATE trainledger.entry SET booking_no = 9e15 WHERE entry_no = 2 AND account_id = ' || :account);
SELECT problems FROM pg_temp.after('UPDATE trainledger.log_block SET prefixes = overlay(prefixes PLACING ''\x00000000'' FROM 1) WHERE block_no = 0');
SELECT problems FROM pg_temp.after('UPDATE trainledger.log_block SET hash = overlay(hash PLACING ''\x00000000'' FROM 1) WHERE block_no = 0');
SELECT problems FROM pg_temp.after('UPDATE trainledger.checkpoint SET root = sha256(root) WHERE size = (SELECT max(c.size) FROM trainledger.checkpoint c)');
SELECT problems FROM pg_temp.after('DELETE FROM trainledger.log_block WHERE block_no = 0');
-- what was emptied, or has another type, brings nothing down
SELECT name, problems FROM unnest('{booking_no,kind,id,entry_no,size,hash,prefixes}'::text[]) name,
	pg_temp.after(format('ALTER TABLE trainledger.log_block ALTER %1$I DROP NOT NULL; UPDATE trainledger.log_block SET %1$I = NULL WHERE block_no = 0', name));
SELECT problems FROM pg_temp.after('ALTER TABLE trainledger.checkpoint ALTER root DROP NOT NULL; UPDATE trainledger.checkpoint SET root = NULL WHERE size = (SELECT max(c.size) FROM trainledger.checkpoint c)');
SELECT problems FROM pg_temp.after('ALTER TABLE trainledger.log_block RENAME names TO n; ALTER TABLE trainledger.log_block ADD names integer');
-- cut off, with all its checkpoints: only what was kept outside knows
SELECT problems FROM pg_temp.after('DELETE FROM trainledger.log_block; DELETE FROM trainledger.log_node; DELETE FROM trainledger.checkpoint');
SELECT problems FROM pg_temp.after('DELETE FROM trainledger.log_block; DELETE FROM trainledger.log_node; DELETE FROM trainledger.checkpoint', :'kept');
-- the log itself written anew over changed books
SELECT problems FROM pg_temp.after('UPDATE trainledger.entry SET delta = ''11'' WHERE entry_no = 1 AND account_id = ' || :account ||
	'; DELETE FROM trainledger.log_block; DELETE FROM trainledger.log_node; WITH t AS (SELECT * FROM trainledger_internal.log_append(0, (SELECT max(last_booking_no) FROM trainledger.checkpoint)))
	UPDATE trainledger.checkpoint c SET root = t.root FROM t WHERE c.size = t.size', :'kept');
SELECT * FROM verify(:'kept');
-- a checkpoint of another log
SELECT problem, kind FROM verify(E'other.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n');
