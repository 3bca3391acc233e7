-- A party is forgotten, and an entry redacted (contract, section 17). What
-- concerns the log is in test/t/280_forgetting.pl.
\pset format unaligned
\pset null (null)
BEGIN;
SET LOCAL ROLE regress_admin;
SET LOCAL search_path = trainledger, public;

-- Una has something in every subject; each text of hers has the word secret
SELECT name FROM add_party('person', 'Una secret', 'una.secret@forget.example', 'rfid secret', 'barcode secret', 'external secret',
	data => '["secret"]', flags => '{secret}', sources => '{secret}', attributes => '{"forget": 1, "secret": "secret"}', id => 973001, uuid => '00000000-0000-4000-8000-000000973001');
SELECT name FROM add_party('person', 'Duo', 'duo@forget.example', id => 973002);
SELECT name FROM add_credit_token_type('forget', id => '00000000-0000-4000-8000-000000973010');
SELECT name FROM add_training_token_type('forget', id => '00000000-0000-4000-8000-000000973003');
SELECT id AS course FROM add_catalog_item('course', 'forget-C', 'A course') \gset
SELECT r.code, c.code FROM add_region('forget-R', 'Region') r, add_currency('FGT', 'Currency') c;
SELECT code FROM create_pass_type('forget', 'Pass', id => 973004);
SELECT code FROM add_pass_content(973004, ARRAY[:course]);
SELECT count(*) FROM create_pass_option(973004, 'Month', 'months', 1, id => 973005) o, create_pass_price(o.id, 'forget-R', 'FGT', 1) p, update_pass_option(p.option_id, lifecycle_state => 'published') u;
SELECT lifecycle_state FROM update_pass_type(973004, lifecycle_state => 'published');
SELECT code FROM create_signup_token(1, 'forget-C', 5, 'forget-code');
SELECT name FROM add_program_kind('Forget', id => '00000000-0000-4000-8000-000000973006');
SELECT name FROM add_program('00000000-0000-4000-8000-000000973006', 'Open', '2026-01-01', 1, id => '00000000-0000-4000-8000-000000973007');
SELECT id AS cohort FROM confirm_cohort('00000000-0000-4000-8000-000000973007', 'Forget') \gset

-- an address has a ticket before it is Una's
SELECT create_program_ticket('00000000-0000-4000-8000-000000973006', email => 'old.secret@forget.example', external_id => '00000000-0000-4000-8000-000000973020') AS made;
SELECT email FROM update_party(973001, email => 'old.secret@forget.example');
SELECT email FROM update_party(973001, email => 'una.secret@forget.example');
SELECT create_program_ticket('00000000-0000-4000-8000-000000973006', 973001, 'Una.Secret@forget.example') AS made;
-- and one is made out to an address that she had and that no party has
SELECT create_program_ticket('00000000-0000-4000-8000-000000973006', email => 'earlier.secret@forget.example', external_id => '00000000-0000-4000-8000-000000973021') AS made;
SET LOCAL request.jwt.claims = '{"sub": "Secret Desk"}';
SELECT balance FROM credit_init(973001, 100, 'secret', 'secret', '2024-01-01', 'forget', 'forget', idempotency_key => '00000000-0000-4000-8000-000000973011');
SELECT balance FROM credit_init(973002, 100, 'till', 'a drink', '2024-01-01', 'forget', 'forget');
RESET request.jwt.claims;
SELECT id AS account FROM account WHERE party_id = 973001 AND name = 'forget' \gset
SELECT entry_no FROM post(:account, 'subtract', 10, 'secret', 'keyed secret', '2024-01-02', device => 'secret', idempotency_key => '00000000-0000-4000-8000-000000973012');
SELECT entry_no FROM post(:account, 'subtract', 10, 'secret', 'found by its texts secret', '2024-01-03');
SELECT id AS lot FROM issue_training_tokens('00000000-0000-4000-8000-000000973003', 973001, 10, '2100-01-01', 'notes secret', idempotency_key => '00000000-0000-4000-8000-000000973013') \gset
SELECT expires_at FROM set_training_tokens_expiry(:'lot', '2100-02-01', 'reason secret');
SELECT id AS redemption FROM redeem_training_tokens(973001, '00000000-0000-4000-8000-000000973003', 2, 'reference secret', 'notes secret', '00000000-0000-4000-8000-000000973014') \gset
SELECT id AS hold FROM credit_hold(973001, 4, 'secret', 'secret', now() + interval '20 days', device => 'secret', account_name => 'forget', token_type => 'forget') \gset
SELECT captured FROM capture_hold(:hold, 1, false, 'secret');
SELECT quantity FROM hold_training_tokens(973001, '00000000-0000-4000-8000-000000973003', 3, 'secret', notes => 'secret');
SELECT quantity FROM hold_training_tokens(973001, '00000000-0000-4000-8000-000000973003', 1, 'secret', now() + interval '20 days', 'secret');
SELECT id AS pass FROM issue_pass(973004, 973005, 973001) \gset
SELECT id AS use FROM use_pass(973001, :course, 'secret') \gset
SELECT cancel_reason FROM cancel_pass_use(:use, 'secret');
SELECT id AS claim FROM claim_signup_token('forget-code', 973001) \gset
SELECT cancel_reason FROM cancel_signup_claim(:claim, 'secret');
SELECT sync_cohort('00000000-0000-4000-8000-000000973007', :'cohort', '$.attributes.forget == 1', mode => 'open') AS changed;
SELECT state FROM update_user_cohort_state(973001, '00000000-0000-4000-8000-000000973007', 'dropped', comments => 'secret', state_detail => 'secret');
-- transfers have one text on both sides
SELECT count(*) FROM credit_transfer(:account, (SELECT id FROM account WHERE party_id = 973002 AND name = 'forget'), 1, 'secret', 'from secret');
SELECT count(*) FROM credit_transfer((SELECT id FROM account WHERE party_id = 973002 AND name = 'forget'), :account, 2, 'secret', 'to secret', idempotency_key => '00000000-0000-4000-8000-000000973015');
SELECT count(*) FROM issue_training_tokens('00000000-0000-4000-8000-000000973003', 973002, 5, notes => 'Duo has five');
SELECT count(*) FROM transfer_training_tokens(973002, 973001, '00000000-0000-4000-8000-000000973003', 2, 'tokens to secret', '00000000-0000-4000-8000-000000973016');
SELECT count(*) FROM transfer_training_tokens(973001, 973002, '00000000-0000-4000-8000-000000973003', 1, 'tokens from secret');
-- Una books something herself, by her uuid and by her address
SET LOCAL request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000973001"}';
SELECT booked_by FROM post((SELECT id FROM account WHERE party_id = 973002 AND name = 'forget'), 'add', 1, 'till', 'by uuid');
SET LOCAL request.jwt.claims = '{"sub": "UNA.SECRET@forget.example"}';
SELECT booked_by FROM post((SELECT id FROM account WHERE party_id = 973002 AND name = 'forget'), 'add', 1, 'till', 'by address');
RESET request.jwt.claims;

-- All rows of the books with a word in them
RESET ROLE;
CREATE FUNCTION pg_temp.with_word(word text, OUT "table" text, OUT rows bigint) RETURNS SETOF record LANGUAGE plpgsql
AS $$
BEGIN
	FOR "table" IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind = 'r' ORDER BY c.relname COLLATE "C" LOOP
		EXECUTE format('SELECT count(*) FROM trainledger.%I t WHERE lower(t::text) LIKE %L', "table", '%' || word || '%') INTO rows;
		IF rows > 0 THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.with_word('secret');
SET LOCAL ROLE regress_admin;

-- Refused
\set VERBOSITY terse
SAVEPOINT refused;
SELECT forget_party(NULL, 'gdpr-17');
ROLLBACK TO refused;
SELECT forget_party(973009, 'gdpr-17');
ROLLBACK TO refused;
SELECT forget_party(973001, ' ');
ROLLBACK TO refused;
SELECT forget_party(973001, repeat('x', 51));
ROLLBACK TO refused;
SELECT redact_entry(NULL, 1, 'x');
ROLLBACK TO refused;
SELECT redact_entry(:account, NULL, 'x');
ROLLBACK TO refused;
SELECT redact_entry(:account, 99, 'x');
ROLLBACK TO refused;
SELECT redact_entry(:account, 1, NULL);
ROLLBACK TO refused;
SET TRANSACTION READ ONLY;
SELECT forget_party(973001, 'x');
ROLLBACK TO refused;
SET TRANSACTION READ ONLY;
SELECT start_log('refused.example/books', 'x');
ROLLBACK TO refused;
SET LOCAL ROLE regress_operator;
SELECT forget_party(973001, 'x');
ROLLBACK TO refused;
\set VERBOSITY default

-- One entry: what it is about stays
SELECT p.party_id, p.entries, p.events FROM redact_entry(:account, 3, 'mistake') p;
SELECT p.party_id, p.entries, p.events FROM redact_entry(:account, 3, 'mistake') p;
SELECT entry_no, operation, delta, balance, source, description, device, booked_by, recorded_at, dedup IS NULL AS no_fingerprint FROM entry WHERE account_id = :account AND entry_no IN (2, 3) ORDER BY 1;
-- its texts cannot tell a duplicate any more
SELECT entry_no FROM post(:account, 'subtract', 10, 'secret', 'found by its texts secret', '2024-01-03');
SELECT kind, row_id = :account AS of_account, entry_no, party_id, octet_length(texts_hash), reason_code, redacted_by, home(id) = home(party_id) AS at_home FROM redaction;
-- a call that has texts elsewhere too
SELECT p.entries FROM token_lot l, redact_entry(l.account_id, 1, 'mistake') p WHERE l.id = :'lot';
SELECT call, request FROM party_request WHERE party_id = 973001 ORDER BY created_at, call;

-- The party, with other names under which it booked
RESET ROLE;
CREATE TEMP TABLE left_over AS SELECT id, balance, held FROM trainledger.account WHERE party_id = 973001;
GRANT SELECT ON left_over TO regress_admin;
-- when one of the open holds is over
SELECT to_char(now() AT TIME ZONE 'UTC' + interval '10 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS later \gset
SET LOCAL trainledger.clock = :'later';
SET LOCAL ROLE regress_admin;
SELECT p.party_id, p.entries, p.events FROM forget_party(973001, 'gdpr-17', '{secret desk,Earlier.Secret@forget.example}') p;
SELECT * FROM pg_temp.with_word('secret');
SELECT p.id, p.uuid, p.name, p.email, p.rfid, p.barcode, p.external_id, p.data, p.flags, p.sources, p.attributes, p.is_suspended FROM party p WHERE id = 973001;
SELECT count(*) FROM party_salt WHERE party_id = 973001;
-- balances stay, but for what was held
SELECT a.name, l.balance = a.balance AS same, l.held AS was_held, a.held FROM left_over l JOIN account a USING (id) ORDER BY a.id;
SELECT state, count(*), count(email) AS addresses, bool_and(made_out_to = id::text) AS unnamed FROM ticket WHERE party_id = 973001 GROUP BY 1;
SELECT state, party_id, email, made_out_to = id::text AS unnamed FROM ticket WHERE external_id = '00000000-0000-4000-8000-000000973021';
SELECT lifecycle_state FROM pass WHERE id = :pass;
SELECT status, captured, released, reference, notes, source, device FROM hold WHERE party_id = 973001 ORDER BY id;
-- whoever booked is forgotten in the rows of others, whose texts stay
SELECT a.name, entry_no, operation, source, description, booked_by FROM entry e JOIN account a ON a.id = e.account_id WHERE a.party_id = 973002 ORDER BY a.id, 2;
-- their keys still answer
SELECT count(*), bool_and((f.from_entry).is_replay) FROM credit_transfer((SELECT id FROM account WHERE party_id = 973002 AND name = 'forget'), :account, 2, 'secret', 'to secret', idempotency_key => '00000000-0000-4000-8000-000000973015') f;
SELECT count(*) FROM transfer_training_tokens(973002, 973001, '00000000-0000-4000-8000-000000973003', 2, 'tokens to secret', '00000000-0000-4000-8000-000000973016');
SELECT kind, party_id, count(*) FROM redaction WHERE reason_code = 'gdpr-17' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM reconcile() WHERE account_id IN (SELECT id FROM account WHERE party_id = 973001);

-- Again, at another time: nothing
RESET ROLE;
CREATE FUNCTION pg_temp.books() RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
	of_table text;
	found text;
	books text := '';
BEGIN
	FOR of_table IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind = 'r' ORDER BY c.relname COLLATE "C" LOOP
		EXECUTE format('SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), %L)) FROM trainledger.%I t', '', of_table) INTO found;
		books := books || found;
	END LOOP;
	RETURN md5(books);
END
$$;
SELECT pg_temp.books() AS books \gset
SET LOCAL trainledger.clock = '2090-01-01';
SET LOCAL ROLE regress_admin;
SELECT p.party_id, p.entries, p.events FROM forget_party(973001, 'gdpr-17', '{secret desk,Earlier.Secret@forget.example}') p;
-- names in an array of any shape, or none
SELECT p.* FROM unnest(ARRAY['{{secret desk,a},{b,NULL}}', '[5:5]={b}', NULL]::text[]) subs, forget_party(973001, 'gdpr-17', subs::text[]) p;
RESET ROLE;
SET LOCAL trainledger.clock = :'later';
SELECT pg_temp.books() = :'books' AS same_books;
SET LOCAL ROLE regress_admin;

-- A key that is kept answers with what is left; another amount is another request
SELECT entry_no, description FROM post(:account, 'subtract', 10, 'secret', 'keyed secret', '2024-01-02', device => 'secret', idempotency_key => '00000000-0000-4000-8000-000000973012');
SELECT id = :'lot' AS first_one FROM issue_training_tokens('00000000-0000-4000-8000-000000973003', 973001, 10, '2100-01-01', 'notes secret', idempotency_key => '00000000-0000-4000-8000-000000973013');
SELECT id = :redemption AS first_one, reference FROM redeem_training_tokens(973001, '00000000-0000-4000-8000-000000973003', 2, 'reference secret', 'notes secret', '00000000-0000-4000-8000-000000973014');
\set VERBOSITY terse
SAVEPOINT refused;
SELECT entry_no FROM post(:account, 'subtract', 11, 'secret', 'keyed secret', '2024-01-02', device => 'secret', idempotency_key => '00000000-0000-4000-8000-000000973012');
ROLLBACK TO refused;
SELECT id FROM redeem_training_tokens(973001, '00000000-0000-4000-8000-000000973003', 1, 'reference secret', 'notes secret', '00000000-0000-4000-8000-000000973014');
ROLLBACK TO refused;
SELECT entry_no FROM post(:account, 'add', 1, 'till');
ROLLBACK TO refused;
\set VERBOSITY default
-- the same purchase is known by whose it is
SELECT create_program_ticket('00000000-0000-4000-8000-000000973006', 973001, external_id => '00000000-0000-4000-8000-000000973020') AS made;

-- Every face answers
SELECT f.name FROM find_party('id', '973001') f;
SELECT s.operation, s.delta, s.source, s.description FROM account_statement(:account, '2000-01-01', 'infinity') s WHERE s.entry_no <= 3 ORDER BY s.entry_no;
SELECT h.system, h.what, h.quantity FROM holdings(973001) h ORDER BY 1, 2, 3 DESC;
SELECT line, quantity, regexp_replace(reference, '[-0-9a-f]{36}', '(id)') AS reference, changed_by FROM why(973001, '00000000-0000-4000-8000-000000973003');
SELECT t.source, t.description, t.booked_by FROM trainledger_api.credit_transactions t WHERE t.account_id = :account ORDER BY t.entry_no LIMIT 2;
SELECT party, party_id FROM balances WHERE party_id = 973001 AND kind = 'credit';
ROLLBACK;

BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL ROLE regress_admin;
\set VERBOSITY sqlstate
SELECT trainledger.forget_party(1, 'x');
ROLLBACK;
\set VERBOSITY default

-- Every column with texts is emptied, or says something else than who somebody is
SELECT t.table_name, a.attname AS "column"
FROM trainledger.table_class t JOIN pg_attribute a ON a.attrelid = format('trainledger.%I', t.table_name)::regclass AND a.attnum > 0 AND NOT a.attisdropped
WHERE a.atttypid IN ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype) AND t.class <> 'node'
AND NOT EXISTS (SELECT FROM trainledger_internal.text_column c WHERE c.table_name = t.table_name AND c.column_name = a.attname)
AND NOT EXISTS (SELECT FROM trainledger_internal.name_column c WHERE c.table_name = t.table_name AND c.column_name = a.attname)
ORDER BY 1, 2;
