-- No answer depends on the session's TimeZone or DateStyle (contract, section
-- 2): every view, and every function with a date or a time in it, is asked in
-- several of them, and has to say what it says in UTC. In a database of its own,
-- which is set to another zone before the extension is made.
\pset format unaligned
CREATE DATABASE regression_zones;
ALTER DATABASE regression_zones SET timezone = 'Pacific/Kiritimati';
ALTER DATABASE regression_zones SET datestyle = 'German';
SELECT current_database() AS before \gset
\c regression_zones
SET client_min_messages = warning;
CREATE EXTENSION trainledger;
SET search_path = trainledger;
CREATE FUNCTION pg_temp.id(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8000-' || lpad($1::text, 12, '0'))::uuid $$;

-- Something of everything, about ends of months and clock changes
\o /dev/null
SET trainledger.clock = '2025-12-31T23:30:00Z';
SELECT add_party('organisation', 'Org', id => 1), add_party('person', 'Ann', 'ann@zones.example', barcode => 'zones', organisation_id => 1, id => 2),
	add_party('person', 'Bob', uuid => pg_temp.id(53), attributes => '{"since": "2026-03-31T23:30:00"}', id => 3);
SELECT add_catalog_item('course', 'C-1', 'Course', 11), add_catalog_item('learning_path', 'L-1', 'Path', 12);
SELECT add_training_token_type('Silver', default_days_to_redeem => 30, id => pg_temp.id(1)),
	add_credit_token_type('Meal', id => pg_temp.id(2));
SELECT credit_init(2, 10, 's', 'd', '2025-12-31T23:30:00Z'), credit_init(2, 10, 's', 'd', '2026-01-01T00:30:00Z', token_type => 'Meal');
SELECT create_pass_type('P-1', 'Pass', id => 1), add_pass_content(1, '{11}', '{12}'),
	create_pass_option(1, 'Monthly', 'months', 1, 1), create_pass_option(1, 'Daily', 'days', 1, 2),
	add_region('EU', 'Europe'), add_currency('EUR', 'Euro');
SELECT create_pass_price(o, 'EU', 'EUR', 1) FROM generate_series(1, 2) o;
SELECT update_pass_option(o, lifecycle_state => 'published') FROM generate_series(1, 2) o;
SELECT update_pass_type(1, lifecycle_state => 'published');
SELECT add_program_kind('Kind', id => pg_temp.id(3)), add_program(pg_temp.id(3), 'Fixed', '2026-01-31', 60, 'fixed', id => pg_temp.id(4)),
	add_program(pg_temp.id(3), 'Open', '2026-04-01', 1, 'open', id => pg_temp.id(5));
SELECT confirm_cohort(pg_temp.id(4), 'Cohort'), modify_program_membership(pg_temp.id(4), 2);
SELECT create_signup_token(1, 'C-1', 5, 'SPRING', expiration => '2026-03-31T23:45:00Z', id => 'spring'),
	create_signup_token(3, 'L-1', 5, 'WINTER', expiration => '2026-01-31T23:45:00Z', id => 'winter');
SELECT issue_training_tokens(pg_temp.id(1), 1, 100, d, id => pg_temp.id(10 + i::integer))
FROM unnest('{2026-01-31,2026-03-07,2026-03-08,2026-03-31,2026-04-01,2026-04-04,2026-06-29,2026-06-30,2026-07-01}'::date[]) WITH ORDINALITY AS x(d, i);
SELECT issue_pass(1, 1, 2, id => 101), issue_pass(1, 2, 3, '2026-03-08T06:59:00Z', id => 102),
	issue_pass(1, 1, 3, '2026-03-31T23:15:00Z', id => 103);
SELECT set_config('trainledger.clock', c, false), credit_add(2, 1, 's', c, c::timestamptz), post(a.id, 'adjust', -0.5, c, recorded_at => c::timestamptz),
	redeem_training_tokens(1, pg_temp.id(1), 2, c), adjust_training_tokens(pg_temp.id(19), 1, c),
	create_program_ticket(pg_temp.id(3), 2)
FROM unnest('{2026-01-31T23:30:00Z,2026-02-28T23:59:59Z,2026-03-01T00:00:00Z,2026-03-08T06:30:00Z,2026-03-08T07:30:00Z}'::text[]) c, account a WHERE a.name = 'default' AND a.party_id = 2 AND a.token_type_id <> pg_temp.id(2);
SELECT credit_add(2, 1, 's', 'd', '2026-03-08T06:30:00Z', idempotency_key => pg_temp.id(61)),
	issue_training_tokens(pg_temp.id(1), 1, 5, '2026-04-01', idempotency_key => pg_temp.id(62)),
	issue_pass(1, 1, 3, '2026-01-31T23:30:00Z', '2026-02-28T23:30:00Z', idempotency_key => pg_temp.id(63), id => 104);
SELECT use_pass(3, 11, 'booking'), claim_signup_token('SPRING', 2);
SELECT refund_training_tokens(min(id), 1) FROM redemption;
SELECT a.id AS account FROM account a WHERE a.party_id = 2 AND a.token_type_id <> pg_temp.id(2) \gset
\o

CREATE TEMPORARY TABLE call (statement text);
-- every view but the one that feed_read() reads in a zone of its own
INSERT INTO call SELECT format('SELECT * FROM %s', c.oid::regclass)
FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace::regnamespace::text ~ '^trainledger' AND c.relname <> 'feed_row';
INSERT INTO call SELECT replace(replace(s, '$account', :'account'), '$id', '00000000-0000-4000-8000-0000000000') FROM unnest(ARRAY[
	'SELECT clock()',
	'SELECT trainledger_internal.document_time(clock())',
	'SELECT trainledger_internal.report_month(), md5(trainledger.report())',
	-- people and catalogue
	$$SELECT * FROM add_party('person', 'Cid', id => 4, uuid => '$id55')$$,
	$$SELECT * FROM update_party(3, name => 'Bert')$$,
	$$SELECT * FROM find_party('id', '2')$$,
	$$SELECT * FROM add_credit_token_type('Drink', id => '$id55')$$,
	$$SELECT * FROM add_training_token_type('Gold', default_days_to_redeem => 1, id => '$id55')$$,
	$$SELECT * FROM update_token_type('$id01', default_days_to_redeem => 2)$$,
	-- ledger and credit accounts
	$$SELECT * FROM post($account, 'add', 1, 's', recorded_at => '2026-03-31T23:30:00Z')$$,
	$$SELECT * FROM post($account, 'adjust', -0.5, '2026-03-08T07:30:00Z', recorded_at => '2026-03-08T07:30:00Z')$$,
	$$SELECT * FROM credit_init(3, 1, 's', 'd', '2026-03-31T23:30:00Z')$$,
	$$SELECT * FROM credit_transfer($account, (credit_init(3, 1, 's', 'd', '2026-03-31T23:30:00Z')).account_id, 1, 's', recorded_at => '2026-03-08T07:30:00Z')$$,
	$$SELECT at, balance_by($account, at), balance_by($account, at, at) AS as_known
		FROM unnest('{2026-03-01T00:00:00Z,2026-03-08T07:00:00Z,2026-01-01T12:00:00Z}'::timestamptz[]) at$$,
	$$SELECT * FROM credit_add(2, 1, 's', '2026-03-08T06:30:00Z', '2026-03-08T06:30:00Z')$$,
	$$SELECT * FROM credit_add(2, 1, 's', 'd', '2026-03-08T06:30:00Z', idempotency_key => '$id66')$$,
	$$SELECT * FROM credit_subtract(2, 1, 's', 'd', '2026-03-31T23:30:00Z')$$,
	$$SELECT * FROM trainledger_internal.credit_account(2)$$,
	$$SELECT * FROM credit_history(2)$$,
	$$SELECT at, trainledger_internal.entries_until($account, at, true) AS by_then, trainledger_internal.entries_until($account, at, false) AS before, balance_at($account, at)
		FROM unnest('{2026-03-01T00:00:00Z,2026-03-08T07:00:00Z,2026-01-01T12:00:00Z}'::timestamptz[]) at$$,
	$$SELECT * FROM account_statement($account, '2026-02-28T23:59:59Z', '2026-03-08T07:30:00Z')$$,
	$$SELECT * FROM account_statement($account, '2026-03-08T07:30:00Z', '2026-02-28T23:59:59Z')$$,
	$$SELECT * FROM account_statement($account, 'infinity', '-infinity')$$,
	'SELECT * FROM reconcile()',
	-- the log, of which there is no such checkpoint
	$$SELECT * FROM add_signature(0, '— zones.example AAAAAAAA')$$,
	'SELECT * FROM verify()',
	$$SELECT trainledger_api.credit_token_balance('default', 'id', '2')$$,
	$$SELECT trainledger_api.credit_token_history('default', 'barcode', 'zones')$$,
	$$SELECT trainledger_api.credit_token_transaction('{"operation": "add", "delegate_id": 2, "amount": 1, "source": "s", "description": "d", "recordedAt": 1774999800}')$$,
	$$SELECT trainledger_api.credit_token_transaction_init('{"delegate_id": 3, "amount": 1, "source": "s", "description": "d", "recordedAt": 1774999800}')$$,
	$$SELECT trainledger_api.credit_token_transaction_add('{"delegate_id": 2, "amount": 1, "source": "s", "description": "2026-03-08T06:30:00Z", "recordedAt": 1772951400}')$$,
	$$SELECT trainledger_api.credit_token_transaction_subtract('{"delegate_id": 2, "amount": 1, "source": "s", "description": "d", "recordedAt": 1774999800}')$$,
	-- training tokens
	$$SELECT * FROM issue_training_tokens('$id01', 1, 5)$$,
	$$SELECT i.initial_balance, i.expires_at, x.* FROM issue_training_tokens('$id01', 1, 5, '2026-03-31') i, trainledger.tokens_expiring x$$,
	$$SELECT * FROM issue_training_tokens('$id01', 1, 5, '2026-04-01', idempotency_key => '$id67')$$,
	$$SELECT i.* FROM unnest('{2026-03-30,2026-03-07,2026-04-03}'::date[]) d, issue_training_tokens('$id01', 1, 5, d) i$$,
	$$SELECT * FROM issue_training_tokens('$id01', 1, 5, '2025-12-30')$$,
	$$SELECT * FROM issue_training_tokens('$id01', 1, 5, '10000-02-01')$$,
	$$SELECT * FROM issue_training_tokens('$id01', 1, 5, 'infinity')$$,
	$$SELECT e.* FROM generate_series(11, 19) i, extend_training_tokens(('$id' || i)::uuid, '2026-07-31') e$$,
	$$SELECT * FROM extend_training_tokens('$id12', '2026-05-31')$$,
	$$SELECT * FROM extend_training_tokens('$id19', '2026-05-31')$$,
	$$SELECT * FROM extend_training_tokens('$id19', '-infinity')$$,
	$$SELECT * FROM adjust_training_tokens('$id14', 1, 'n')$$,
	$$SELECT * FROM adjust_training_tokens('$id11', 1, 'n')$$,
	$$SELECT * FROM redeem_training_tokens(1, '$id01', 450, 'r')$$,
	$$SELECT * FROM redeem_training_tokens(1, '$id01', 1000, 'r')$$,
	$$SELECT r.* FROM (SELECT max(id) AS id FROM redemption) x, refund_training_tokens(x.id, if_expired => 'reissue') r$$,
	$$SELECT * FROM void_training_tokens('$id14', 'n')$$,
	$$SELECT e.*, h.expires_at AS before FROM credit_hold(2, 1, 's', 'd', '2026-04-05T23:30:00Z') h, extend_hold(h.id, '2026-04-30T23:30:00Z') e$$,
	$$SELECT * FROM credit_hold(2, 1, 's', 'd', '2026-03-01T23:30:00Z')$$,
	$$SELECT * FROM credit_hold(2, 1, 's', 'd', '2026-04-05T23:30:00Z', idempotency_key => '$id69')$$,
	$$SELECT c.*, h.expires_at AS before FROM hold_training_tokens(1, '$id01', 3, 'r') h, capture_hold(h.id, 1, false) c$$,
	$$SELECT r.*, h.status AS before FROM hold_training_tokens(1, '$id01', 3, 'r') h, release_hold(h.id) r$$,
	$$SELECT e.* FROM hold_training_tokens(1, '$id01', 3, 'r') h, extend_hold(h.id, '2026-12-31T23:30:00Z') e$$,
	$$SELECT lapse_holds()$$,
	$$SELECT w.* FROM unnest('{2026-03-08T07:00:00Z,2026-03-31T12:00:00Z}'::timestamptz[]) at, why(1, '$id01', NULL, at) w$$,
	$$SELECT * FROM why(2, '$id02')$$,
	$$SELECT * FROM hold_training_tokens(1, '$id01', 3, 'r') h, why_not(1, '$id01', 100000)$$,
	$$SELECT * FROM trainledger_internal.held_at(2, '$id02', '2026-03-31T23:30:00Z')$$,
	$$SELECT * FROM trainledger_internal.lapsed_on(2, '$id02', '2026-03-31T23:30:00Z'), trainledger_internal.lapsed($account)$$,
	$$SELECT o.* FROM token_lot l, trainledger_internal.over_parts(l.id) o$$,
	$$SELECT * FROM trainledger_internal.unswept()$$,
	$$SELECT m.* FROM trainledger_internal.movements(ARRAY[$account], 2, '$id02', '2026-03-31T23:30:00Z') m$$,
	$$SELECT s.* FROM unnest('{2026-03-31,2026-07-31,NULL,2026-03-01}'::date[]) d, set_training_tokens_expiry('$id15', d, 'r') s$$,
	$$SELECT * FROM transfer_training_tokens(1, 2, '$id01', 1)$$,
	$$SELECT expire_training_tokens(), (SELECT jsonb_agg(l ORDER BY l) FROM token_liability l)$$,
	'SELECT * FROM holdings(1)', 'SELECT * FROM holdings(2)', 'SELECT * FROM holdings(3)',
	-- training passes
	$$SELECT * FROM create_pass_type('P-2', 'Second', id => 2)$$, $$SELECT * FROM update_pass_type(1, name => 'x')$$,
	$$SELECT * FROM create_pass_option(1, 'Yearly', 'years', 1, 9)$$, $$SELECT * FROM update_pass_option(2, name => 'x')$$,
	$$SELECT * FROM add_pass_content(1, '{11}')$$, $$SELECT * FROM remove_pass_content(1, '{11}')$$,
	$$SELECT * FROM issue_pass(1, 1, 2, id => 105)$$,
	$$SELECT * FROM issue_pass(1, 1, 2, '2026-01-31T23:30:00Z', idempotency_key => '$id68', id => 105)$$,
	$$SELECT * FROM issue_pass(1, 2, 2, '2026-03-07T23:30:00Z', '2026-03-08T07:30:00Z', id => 105)$$,
	$$SELECT * FROM issue_pass(1, 2, 2, '2026-03-08T07:30:00Z', '2026-03-08T07:00:00Z')$$,
	$$SELECT * FROM renew_pass(101)$$, $$SELECT * FROM renew_pass(103, 2)$$, $$SELECT * FROM renew_pass(103, valid_until => '2026-05-01T00:30:00Z')$$,
	$$SELECT * FROM renew_pass(103, valid_until => '2026-03-01T00:30:00Z')$$,
	$$SELECT * FROM revoke_pass(102)$$, $$SELECT * FROM revoke_pass(103)$$,
	$$SELECT * FROM reassign_pass(103, 2)$$, $$SELECT * FROM use_pass(3, 11, 'again')$$, $$SELECT * FROM use_pass(2, 12, 'again')$$,
	$$SELECT * FROM correct_pass(103, '2026-03-08T02:30:00Z', '2026-03-31T23:30:00Z', 'r')$$, $$SELECT u.* FROM (SELECT max(id) AS id FROM pass_use) x, cancel_pass_use(x.id) u$$,
	$$SELECT at, pass_covers(3, 11, at) AS then, pass_covers(3, 11) AS now FROM unnest('{2026-03-08T07:30:00Z,2026-03-31T23:30:00Z,2026-04-30T23:20:00Z}'::timestamptz[]) at$$,
	-- signup tokens
	$$SELECT * FROM create_signup_token(1, 'C-1', 1, 'NEW', expiration => '2026-04-04T15:30:00Z', id => 'new')$$,
	$$SELECT * FROM create_signup_token(1, 'C-1', 1, 'NEW', expiration => 'infinity')$$,
	$$SELECT * FROM update_signup_token('spring', expiration => '2026-04-04T15:30:00Z')$$,
	$$SELECT * FROM claim_signup_token('SPRING', 3)$$, $$SELECT * FROM claim_signup_token('WINTER', 3)$$,
	$$SELECT c.* FROM (SELECT max(id) AS id FROM signup_claim) x, cancel_signup_claim(x.id) c$$,
	$$SELECT import_signup_tokens('<Tokens><Token><TokenCode>X</TokenCode><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><MaximumActivations>1</MaximumActivations><TokenExpiration>2026-03-31T23:45:00</TokenExpiration></Token></Tokens>'), max(expiration) FROM signup_token$$,
	$$SELECT apply_signup_tokens('<Tokens><Token><TokenId>spring</TokenId><TokenExpiration>2026-03-08 02:30:00</TokenExpiration></Token></Tokens>')$$,
	$$SELECT trainledger_api.create_tokens('<Tokens><Token><TokenCode>X</TokenCode><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><MaximumActivations>1</MaximumActivations><TokenExpiration>2026-03-31T23:45:00</TokenExpiration></Token></Tokens>')::text$$,
	$$SELECT trainledger_api.update_tokens('<Tokens><Token><TokenId>spring</TokenId><TokenExpiration>2026-03-08 02:30:00</TokenExpiration></Token></Tokens>')::text$$,
	$$SELECT trainledger_api.tokens()::text, trainledger_api.token('spring')::text$$,
	-- programs
	$$SELECT * FROM add_program('$id03', 'New', '2026-03-31', 1, 'fixed', id => '$id55')$$,
	$$SELECT * FROM add_program('$id03', 'New', '10000-03-31', 1)$$,
	$$SELECT * FROM update_program('$id04', start_date => '2026-03-30', duration => 2)$$,
	$$SELECT * FROM programs_after('2026-03-31')$$, $$SELECT * FROM programs_after('2026-04-01', '$id03')$$,
	'SELECT * FROM list_active_programs()', $$SELECT * FROM lookup_program_instance('$id04')$$, $$SELECT * FROM list_cohorts('$id04')$$,
	$$SELECT * FROM modify_program_membership('$id04', 3)$$, $$SELECT * FROM update_user_cohort_state(2, '$id04', 'completed')$$,
	$$SELECT * FROM confirm_cohort('$id04', 'Second')$$,
	$$SELECT * FROM sync_cohort_preview('$id04', (SELECT id FROM cohort), '$.attributes.since.datetime() < "2026-03-31T23:45:00Z".datetime()', mode => 'open')$$,
	$$SELECT sync_cohort('$id04', (SELECT id FROM cohort), '$.attributes.since.datetime() < "2026-03-31T23:15:00Z".datetime()', mode => 'open')$$,
	$$SELECT * FROM create_program_ticket('$id03', 3)$$, $$SELECT * FROM user_tickets(2)$$, $$SELECT * FROM consume_ticket(2, '$id05')$$,
	$$SELECT t.* FROM (SELECT min(id::text)::uuid AS id FROM ticket) x, cancel_ticket(x.id) t$$,
	$$SELECT trainledger_api."LookupProgram"('$id03')$$, $$SELECT trainledger_api."LookupProgramInstance"('$id04')$$,
	$$SELECT trainledger_api."ListCohorts"('$id04')$$, $$SELECT trainledger_api."ListActivePrograms"()$$,
	$$SELECT trainledger_api."ProgramsAfter"('{"after": "2026-03-31"}')$$, $$SELECT trainledger_api."UserTickets"('{"userId": "x"}')$$,
	$$SELECT trainledger_api."ProgramChildList"('$id03')$$, $$SELECT trainledger_api."ConfirmCohort"('{"programId": "$id04", "cohortName": "x"}')$$,
	$$SELECT trainledger_api."CreateProgramTicket"('{"programKindId": "$id03", "userId": "$id53"}')$$,
	$$SELECT trainledger_api."ModifyProgramMembership"('{"programId": "$id04", "userId": "$id53"}')$$,
	$$SELECT trainledger_api."UpdateUserCohortState"('{"programId": "$id04", "userId": "$id53", "state": "completed"}')$$,
	$$SELECT trainledger_api."SyncCohort"(json_build_object('programId', '$id04', 'cohortId', (SELECT id FROM cohort), 'query', '$.attributes.since.datetime() < "2026-03-31T23:45:00Z".datetime()', 'role', 'member', 'mode', 'open'))$$,
	-- again, in a zone other than that of the first time
	$$SELECT * FROM credit_add(2, 1, 's', 'd', '2026-03-08T06:30:00Z', idempotency_key => '$id61')$$,
	$$SELECT * FROM issue_training_tokens('$id01', 1, 5, '2026-04-01', idempotency_key => '$id62')$$,
	$$SELECT * FROM issue_pass(1, 1, 3, '2026-01-31T23:30:00Z', '2026-02-28T23:30:00Z', idempotency_key => '$id63', id => 104)$$
	]) s;
SELECT count(*) > 90 AS calls FROM call;

-- What a call answers in a zone: its rows, printed in UTC, or its refusal with
-- all it says; ids that the server makes apart. Nothing of it is kept.
CREATE FUNCTION pg_temp.answer(clock text, zone text, style text, statement text) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
	answer text;
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM set_config('trainledger.clock', clock, true), set_config('TimeZone', zone, true), set_config('DateStyle', style, true);
	EXECUTE 'CREATE TEMPORARY TABLE answer AS ' || statement;
	PERFORM set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true);
	SELECT coalesce(string_agg(r, E'\n' ORDER BY r), '') INTO answer FROM (SELECT to_jsonb(a)::text FROM answer a) x(r);
	RAISE EXCEPTION SQLSTATE 'ZZ001';
EXCEPTION
	WHEN SQLSTATE 'ZZ001' THEN
		RETURN regexp_replace(answer, '[[:xdigit:]]{8}-(?:[[:xdigit:]]{4}-){3}[[:xdigit:]]{12}|"(?:id|redemption_id|enrolment_id|account_id|booking_no|hold_id|accountName|signup_token_id)": ?"?[\w-]+|<TokenId>[^<]*', 'ID', 'g');
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		RETURN concat_ws(' | ', SQLSTATE, message, detail, hint);
END $$;

CREATE TEMPORARY TABLE answer_in_utc AS
SELECT clock, statement, pg_temp.answer(clock, 'UTC', 'ISO', statement) AS answer
FROM call, unnest('{2026-03-08T07:30:00Z,2026-03-31T23:30:00Z}'::text[]) clock;
-- none is refused that a typing mistake has to be blamed for
SELECT DISTINCT statement, answer FROM answer_in_utc WHERE answer ~ '^(?!TL)[0-9A-Z]{5} \|';
SELECT count(*) > 200 AS many, avg((answer <> '')::integer) > 0.8 AS most_say_something, avg((answer ~ '^TL')::integer) < 0.4 AS few_are_refused FROM answer_in_utc;
SELECT zone, style, clock, statement, in_utc, answer
FROM (
	SELECT zone, style, clock, statement, u.answer AS in_utc, pg_temp.answer(clock, zone, style, statement) AS answer
	FROM answer_in_utc u, (VALUES ('America/New_York', 'SQL, MDY'), ('Asia/Kolkata', 'German'), ('Australia/Lord_Howe', 'Postgres, DMY'),
		('Pacific/Kiritimati', 'ISO, YMD')) v(zone, style)) a
WHERE answer <> in_utc;

-- every function is asked that takes or returns a date or a time, or a row or
-- a document with one
SELECT DISTINCT p.oid::regprocedure AS not_asked
FROM pg_proc p LEFT JOIN pg_attribute a ON a.attrelid = (SELECT t.typrelid FROM pg_type t WHERE t.oid = p.prorettype)
WHERE ((p.pronamespace = 'trainledger'::regnamespace OR p.pronamespace = 'trainledger_internal'::regnamespace AND p.proname IN (SELECT function_name FROM trainledger_internal.privilege WHERE function_name <> 'party_by'))
		AND (coalesce(p.proallargtypes, p.proargtypes) || p.prorettype || coalesce(a.atttypid, 0)) && '{date,timestamptz}'::regtype[]::oid[]
	OR p.pronamespace = 'trainledger_api'::regnamespace AND p.prorettype::regtype::text ~ 'json|xml')
AND NOT EXISTS (SELECT FROM call WHERE statement ~ ('\m' || p.proname || '\M'))
ORDER BY 1;

\c :before
DROP DATABASE regression_zones;
