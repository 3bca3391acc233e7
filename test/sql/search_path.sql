-- Objects in a schema that the caller can write to are never met (contract,
-- section 15): every function is called with a search_path that begins with
-- pg_temp and a schema full of traps, and runs the owner's objects alone.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

-- The attacker makes functions under every name that ours call, with every
-- signature that the server has, aggregates included; operators; types; and
-- tables. A trap that is met raises an error.
CREATE SCHEMA regress_trap;
CREATE FUNCTION regress_trap.make(ddl text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE ddl;
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	-- a signature that plpgsql does not take
	RETURN false;
END
$$;
CREATE VIEW regress_trap.signature AS
SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
	(SELECT string_agg(format_type(t, NULL), ', ') FROM unnest(p.proargtypes) t) AS types,
	p.prorettype::regtype AS result
FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN (
	SELECT regexp_split_to_table(f.prosrc, '\W+') FROM pg_proc f
	WHERE f.pronamespace::regnamespace::text ~ '^trainledger'
	-- what C code names
	UNION SELECT unnest('{count,min,max,lower,row_number,first_value,coalesce,to_json,gen_random_uuid,int8,text}'::text[]));
SELECT count(*) > 200 AS functions FROM regress_trap.signature s,
	regress_trap.make(format('CREATE FUNCTION regress_trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped''; END $f$',
		s.name, s.types, CASE WHEN s.result = 'internal'::regtype THEN 'void' ELSE s.result::text END)) made WHERE made;
-- where the server has one function for any arguments
SELECT count(*) AS for_any FROM unnest('{format,concat}'::text[]) name,
	unnest('{bigint,integer,numeric,uuid,date,timestamptz,boolean,trainledger.amount,text}'::text[]) type,
	regress_trap.make(format('CREATE FUNCTION regress_trap.%I(text, %s) RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped''; END $f$', name, type)) made
WHERE made;
SELECT count(*) > 500 AS operators FROM (
	SELECT o.oprname, o.oprleft::regtype AS l, o.oprright::regtype AS r, o.oprresult::regtype AS result, row_number() OVER () AS n
	FROM pg_operator o WHERE o.oprnamespace = 'pg_catalog'::regnamespace
	-- exact ones for types that the server has none for
	UNION ALL
	SELECT o.name, t::regtype, t::regtype, 'boolean', 10000 + row_number() OVER ()
	FROM unnest('{=,<>,<,>,<=,>=}'::text[]) o(name), unnest(ARRAY['trainledger.amount', 'trainledger.party_kind', 'trainledger.token_kind',
		'trainledger.catalog_kind', 'trainledger.lifecycle', 'trainledger.ticket_state', 'trainledger.membership_state', 'trainledger.sync_mode']) t
) o, regress_trap.make(format('CREATE FUNCTION regress_trap.operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped''; END $f$',
		n, concat_ws(', ', CASE WHEN l <> 0 THEN l::text END, r::text), result)) f,
	regress_trap.make(format('CREATE OPERATOR regress_trap.%s (FUNCTION = regress_trap.operator_%s, %s RIGHTARG = %s)',
		oprname, n, CASE WHEN l <> 0 THEN format('LEFTARG = %s,', l) END, r)) made
WHERE f AND made;
SELECT count(*) AS types FROM unnest('{text,uuid,jsonb,json,regclass,regprocedure,timestamptz,date,int8range,int8multirange,name,bytea}'::text[]) type,
	regress_trap.make(format('CREATE DOMAIN regress_trap.%1$I AS pg_catalog.%1$I CHECK (false)', type)) made WHERE made;
SELECT count(*) > 30 AS tables FROM pg_class c,
	regress_trap.make(format('CREATE TABLE regress_trap.%I (id pg_catalog.int8)', c.relname)) made
WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind IN ('r', 'v') AND made;
-- and somebody who may create in our schemas: beside each function that ours call,
-- one that takes text where that takes another type, which a literal without a
-- type would prefer
SELECT count(*) > 50 AS overloads FROM pg_proc p
CROSS JOIN LATERAL (SELECT DISTINCT t FROM unnest(p.proargtypes) t WHERE t <> 'text'::regtype) instead
CROSS JOIN LATERAL regress_trap.make(format('CREATE FUNCTION %s.%I(%s) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped''; END $f$',
	p.pronamespace::regnamespace, p.proname, (SELECT string_agg(format_type(CASE WHEN a.t = instead.t THEN 'text'::regtype ELSE a.t END, NULL), ', ' ORDER BY n)
		FROM unnest(p.proargtypes) WITH ORDINALITY a(t, n)))) made
WHERE p.pronamespace = 'trainledger_internal'::regnamespace AND made;
-- a trap snaps
SET search_path = regress_trap, pg_catalog;
SELECT lower('A'::pg_catalog.text);
SELECT 1::pg_catalog.int8 = 1::pg_catalog.int8;
SELECT 'x'::text;
RESET search_path;
GRANT USAGE ON SCHEMA regress_trap TO PUBLIC;

-- the caller's own temporary tables
SET ROLE regress_admin;
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT c.relname FROM pg_class c
		WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind IN ('r', 'v')
	LOOP
		EXECUTE format('CREATE TEMPORARY TABLE %I (id bigint)', name);
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_temp, regress_trap, pg_catalog
AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) SQLERRM;
END
$$;

CREATE TEMPORARY TABLE call (n integer GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO call (statement) VALUES
-- people and catalogue
($$SELECT trainledger.add_party('organisation', 'sp-org', id => 9500001)$$),
($$SELECT trainledger.add_party('person', 'sp', 'SP@example.org', 'sp-r', 'sp-b', 'sp-e', 9500001, '[]', '{}', '{}', '{"grade": 4}', 9500002, '95000000-0000-4000-8000-000000000002')$$),
($$SELECT trainledger.add_party('person', 'sp-2', id => 9500003)$$),
($$SELECT trainledger.update_party(9500002, 'sp-1', 'sp1@example.org', organisation_id => 9500001, clear => '{rfid}')$$),
($$SELECT trainledger.find_party('email', 'SP1@EXAMPLE.org')$$),
($$SELECT trainledger.find_party('uuid', '95000000-0000-4000-8000-000000000002')$$),
($$SELECT trainledger.add_catalog_item('course', 'sp-course', 'x', 9500001)$$),
($$SELECT trainledger.add_catalog_item('learning_path', 'sp-path', 'x', 9500002)$$),
($$SELECT trainledger.update_catalog_item(9500001, 'y')$$),
($$SELECT trainledger.add_region('sp', 'x')$$),
($$SELECT trainledger.add_currency('SPX', 'x')$$),
-- credit
($$SELECT trainledger.add_credit_token_type('sp-credit', 'token', 2, 0, 100, id => '95000000-0000-4000-8000-000000000011')$$),
($$SELECT trainledger.update_token_type('95000000-0000-4000-8000-000000000011', 'sp-credit2', upper_bound => 50, clear => '{symbol}')$$),
($$SELECT trainledger.credit_init(9500002, 5, 's', 'd', '2023-04-04', 'default', 'sp-credit2')$$),
($$SELECT trainledger.credit_init(9500003, 5, 's', 'd', '2023-04-04', idempotency_key => '95000000-0000-4000-8000-000000000012')$$),
($$SELECT trainledger.credit_add(9500002, 5, 's', 'd', '2023-04-04', 'default', 'sp-credit2')$$),
($$SELECT trainledger.credit_add(9500002, 500, 's', 'd', '2023-04-04', 'default', 'sp-credit2')$$),
($$SELECT trainledger.credit_subtract(9500002, 1, 's', 'd', '2023-04-04', 'default', 'sp-credit2', idempotency_key => '95000000-0000-4000-8000-000000000013')$$),
($$SELECT trainledger_internal.credit_account(9500002, 'default', 'sp-credit2')$$),
($$SELECT trainledger.credit_balance(9500002, 'default', 'sp-credit2')$$),
($$SELECT trainledger.credit_history(9500002, 'default', 'sp-credit2')$$),
($$SELECT trainledger.post(:account, 'add', 1, 's', 'd', '2023-07-07')$$),
($$SELECT trainledger.post(:account, 'add', 1, 's', 'd', '2023-07-07')$$),
($$SELECT trainledger.post_batch('{:account,:account}', '{1,2}', 's', '{d,d}', '{2023-07-08,2023-07-08}')$$),
($$SELECT trainledger.credit_init(9500002, 5, 's', 'd', '2023-04-04', 'other')$$),
($$SELECT trainledger.credit_transfer(:account, (SELECT pg_catalog.max(a.id) FROM trainledger.account a WHERE a.party_id OPERATOR(pg_catalog.=) 9500002), 1, 's', 'd', '2023-07-09')$$),
($$SELECT trainledger.credit_transfer(:account, (SELECT pg_catalog.max(a.id) FROM trainledger.account a WHERE a.party_id OPERATOR(pg_catalog.=) 9500002), 1, 's', idempotency_key => '95000000-0000-4000-8000-000000000014')$$),
($$SELECT trainledger.credit_transfer(:account, (SELECT pg_catalog.max(a.id) FROM trainledger.account a WHERE a.party_id OPERATOR(pg_catalog.=) 9500002), 1, 's', idempotency_key => '95000000-0000-4000-8000-000000000014')$$),
($$SELECT trainledger.balance_at(:account, 'infinity')$$),
($$SELECT trainledger.balance_by(:account, 'infinity', '2100-01-01')$$),
($$SELECT trainledger.account_statement(:account, '-infinity', 'infinity')$$),
($$SELECT trainledger_internal.entries_until(:account, 'infinity'::pg_catalog.timestamptz, true)$$),
($$SELECT trainledger.reconcile(:account)$$),
($$SELECT trainledger.reconcile()$$),
($$SELECT trainledger_api.credit_token_transaction_add('{"accountName": "default", "delegate": {"id": "9500002"}, "tokenType": "sp-credit2", "amount": 1, "source": "sp", "description": "x", "date": "2023-04-04T08:41:30Z"}')$$),
($$SELECT trainledger_api.credit_token_balance('default', 'id', '9500002', 'sp-credit2')$$),
($$SELECT trainledger_api.credit_token_history('default', 'id', '9500002', 'sp-credit2')$$),
-- training tokens
($$SELECT trainledger.add_training_token_type('sp-training', default_days_to_redeem => 90, id => '95000000-0000-4000-8000-000000000021')$$),
($$SELECT trainledger.issue_training_tokens('95000000-0000-4000-8000-000000000021', 9500002, 100, id => '95000000-0000-4000-8000-000000000022')$$),
($$SELECT trainledger.issue_training_tokens('95000000-0000-4000-8000-000000000021', 9500001, 10, idempotency_key => '95000000-0000-4000-8000-000000000023')$$),
($$SELECT trainledger.extend_training_tokens('95000000-0000-4000-8000-000000000022', '2099-12-31')$$),
($$SELECT trainledger.adjust_training_tokens('95000000-0000-4000-8000-000000000022', 20, 'sp')$$),
($$SELECT trainledger.adjust_training_tokens('95000000-0000-4000-8000-000000000022', 20, 'sp', '95000000-0000-4000-8000-000000000024')$$),
($$SELECT trainledger.issue_training_tokens('95000000-0000-4000-8000-000000000021', 9500002, 7, id => '95000000-0000-4000-8000-000000000027')$$),
($$SELECT trainledger.set_training_tokens_expiry('95000000-0000-4000-8000-000000000027', '2099-11-30', 'sp')$$),
($$SELECT trainledger.transfer_training_tokens(9500002, 9500001, '95000000-0000-4000-8000-000000000021', 3)$$),
($$SELECT trainledger.transfer_training_tokens(9500002, 9500001, '95000000-0000-4000-8000-000000000021', 3, 'sp', '95000000-0000-4000-8000-000000000028')$$),
($$SELECT trainledger.void_training_tokens('95000000-0000-4000-8000-000000000027', 'sp', '95000000-0000-4000-8000-000000000029')$$),
($$SELECT trainledger.redeem_training_tokens(9500002, '95000000-0000-4000-8000-000000000021', 30, 'sp')$$),
($$SELECT trainledger.redeem_training_tokens(9500002, '95000000-0000-4000-8000-000000000021', 30, 'sp', idempotency_key => '95000000-0000-4000-8000-000000000025')$$),
($$SELECT trainledger.refund_training_tokens(:redemption, 5)$$),
($$SELECT trainledger.refund_training_tokens(:redemption, 5, 'reissue', '95000000-0000-4000-8000-000000000026')$$),
($$SELECT trainledger.expire_training_tokens()$$),
($$SELECT trainledger.credit_hold(9500002, 1, 's', 'sp', account_name => 'default', token_type => 'sp-credit2', idempotency_key => '95000000-0000-4000-8000-00000000002a')$$),
($$SELECT trainledger.credit_hold(9500002, 1, 's', 'sp', account_name => 'default', token_type => 'sp-credit2', idempotency_key => '95000000-0000-4000-8000-00000000002a')$$),
($$SELECT trainledger.hold_training_tokens(9500002, '95000000-0000-4000-8000-000000000021', 4, 'sp', idempotency_key => '95000000-0000-4000-8000-00000000002b')$$),
($$SELECT trainledger.extend_hold(h.id, h.expires_at OPERATOR(pg_catalog.+) '1 hour'::pg_catalog.interval) FROM trainledger.placed_hold h WHERE h.party_id OPERATOR(pg_catalog.=) 9500002$$),
($$SELECT trainledger.redeem_training_tokens(9500002, '95000000-0000-4000-8000-000000000021', 1, 'sp')$$),
($$SELECT trainledger.available_balance(a.id), trainledger.balance_at(a.id, 'infinity') FROM trainledger.account a WHERE a.party_id OPERATOR(pg_catalog.=) 9500002$$),
($$SELECT trainledger.available_tokens(9500002, '95000000-0000-4000-8000-000000000021')$$),
($$SELECT trainledger.why(9500002, '95000000-0000-4000-8000-000000000021'), trainledger.why(9500002, '95000000-0000-4000-8000-000000000011', 'default', 'now')$$),
($$SELECT trainledger.why_not(9500002, '95000000-0000-4000-8000-000000000021', 1), trainledger.why_not(9500002, '95000000-0000-4000-8000-000000000011', 1)$$),
($$SELECT trainledger.why_not(9500002, '95000000-0000-4000-8000-000000000021', 100000)$$),
($$SELECT trainledger_internal.require_given('x', 'y'), trainledger_internal.quantity('x', 1, true), trainledger_internal.at_scale('x', 1, 0)$$),
($$SELECT trainledger_internal.require_active(t, 'x'), trainledger_internal.round_to_scale('x', 1, t, 'round'::trainledger.rounding) FROM trainledger.token_type t WHERE t.is_active LIMIT 1$$),
($$SELECT trainledger_internal.lapsed(a.id), trainledger_internal.held(a.id, a.held), trainledger_internal.check_available(a, t, 1) FROM trainledger.account a JOIN trainledger.token_type t ON t.id OPERATOR(pg_catalog.=) a.token_type_id WHERE a.held OPERATOR(trainledger.>) '0'::trainledger.amount AND a.name IS NOT NULL$$),
($$SELECT trainledger_internal.lapsed_on(9500002, '95000000-0000-4000-8000-000000000021'::pg_catalog.uuid, 'infinity'::pg_catalog.timestamptz), trainledger_internal.held_at(9500002, '95000000-0000-4000-8000-000000000021'::pg_catalog.uuid, 'now'::pg_catalog.timestamptz)$$),
($$SELECT trainledger_internal.over_parts(l.id), trainledger_internal.draw(l.party_id, l.token_type_id, 1) FROM trainledger.token_lot l WHERE l.party_id OPERATOR(pg_catalog.=) 9500002$$),
($$SELECT trainledger_internal.unswept(), trainledger_internal.explained_accounts(9500002, '95000000-0000-4000-8000-000000000021'::pg_catalog.uuid, NULL::pg_catalog.text)$$),
($$SELECT trainledger_internal.movements(ARRAY[:account]::pg_catalog.int8[], 9500003, '95000000-0000-4000-8000-000000000021'::pg_catalog.uuid, 'now'::pg_catalog.timestamptz)$$),
($$SELECT trainledger.capture_hold(h.id, 1, false, 'sp', pg_catalog.gen_random_uuid()) FROM trainledger.placed_hold h WHERE h.party_id OPERATOR(pg_catalog.=) 9500002 AND h.account_id IS NULL$$),
($$SELECT trainledger.release_hold(h.id, 1) FROM trainledger.placed_hold h WHERE h.party_id OPERATOR(pg_catalog.=) 9500002 AND h.account_id IS NULL$$),
($$SELECT trainledger.capture_hold(h.id) FROM trainledger.placed_hold h WHERE h.party_id OPERATOR(pg_catalog.=) 9500002 AND h.account_id IS NOT NULL$$),
($$SELECT trainledger.lapse_holds()$$),
($$SELECT trainledger.holdings(9500002)$$),
-- passes
($$SELECT trainledger.create_pass_type('sp', 'x', id => 9500001)$$),
($$SELECT trainledger.add_pass_content(9500001, '{9500001}', '{9500002}')$$),
($$SELECT trainledger.remove_pass_content(9500001, '{9500001}', '{}')$$),
($$SELECT trainledger.add_path_courses(9500002, '{9500001}')$$),
($$SELECT trainledger.remove_path_courses(9500002, '{9500001}')$$),
($$SELECT trainledger.add_path_courses(9500002, '{9500001}')$$),
($$SELECT trainledger.create_pass_option(9500001, 'sp', 'months', 1, 9500001)$$),
($$SELECT trainledger.create_pass_price(9500001, 'sp', 'SPX', 9.5)$$),
($$SELECT trainledger.update_pass_option(9500001, 'sp2', 'published')$$),
($$SELECT trainledger.update_pass_type(9500001, 'sp2', lifecycle_state => 'published', clear => '{description}')$$),
($$SELECT trainledger.update_pass_price(:price, 10)$$),
($$SELECT trainledger.issue_pass(9500001, 9500001, 9500002, id => 9500001)$$),
($$SELECT trainledger.renew_pass(9500001)$$),
($$SELECT trainledger.pass_covers(9500002, 9500001, 'now')$$),
($$SELECT trainledger.use_pass(9500002, 9500001, 'sp')$$),
($$SELECT trainledger.cancel_pass_use(u.id) FROM (SELECT x.id FROM trainledger.pass_use x WHERE x.cancelled_at IS NULL LIMIT 1) u$$),
($$SELECT trainledger.correct_pass(9500001, NULL, '2100-01-01Z', 'sp')$$),
($$SELECT trainledger.reassign_pass(9500001, 9500003)$$),
($$SELECT trainledger.issue_pass(9500001, 9500001, 9500002, id => 9500002)$$),
($$SELECT trainledger.revoke_pass(9500002)$$),
-- signup tokens
($$SELECT trainledger.create_signup_token(1, 'sp-course', 5, 'sp-code', expiration => '2099-01-01', id => 'sp-token')$$),
($$SELECT trainledger.update_signup_token('sp-token', 'sp-code2', maximum_activations => 9, clear => '{expiration}')$$),
($$SELECT trainledger.claim_signup_token('SP-CODE2', 9500002)$$),
($$SELECT trainledger.cancel_signup_claim((SELECT c.id FROM trainledger.signup_claim c WHERE c.party_id OPERATOR(pg_catalog.=) 9500002 AND c.cancelled_at IS NULL LIMIT 1))$$),
($$SELECT trainledger.claim_signup_token('SP-CODE2', 9500002)$$),
($$SELECT trainledger.import_signup_tokens('<Tokens><Token><TokenType>1</TokenType><TokenTypeId>sp-course</TokenTypeId><TokenCode>sp-xml</TokenCode><MaximumActivations>1</MaximumActivations></Token></Tokens>')$$),
($$SELECT trainledger.import_signup_tokens('<Tokens><Token><TokenType>1</TokenType><TokenTypeId>sp-course</TokenTypeId><TokenCode>sp-xml</TokenCode><MaximumActivations>1</MaximumActivations></Token></Tokens>')$$),
($$SELECT trainledger.apply_signup_tokens('<Tokens><Token><TokenId>sp-token</TokenId><TokenType>1</TokenType><TokenTypeId>sp-course</TokenTypeId><MaximumActivations>7</MaximumActivations></Token></Tokens>')$$),
($$SELECT trainledger_api.create_tokens('<Tokens><Token><TokenType>1</TokenType><TokenTypeId>sp-course</TokenTypeId><TokenCode>sp-xml2</TokenCode><MaximumActivations>1</MaximumActivations></Token></Tokens>')$$),
($$SELECT trainledger_api.update_tokens('<Tokens><Token><TokenId>sp-token</TokenId><MaximumActivations>6</MaximumActivations></Token></Tokens>')$$),
($$SELECT trainledger_api.token('sp-token')$$),
($$SELECT trainledger_api.tokens(0, 10)$$),
($$SELECT trainledger_internal.signup_document('{}'::trainledger.signup_token[], 'T'::pg_catalog."char")$$),
($$SELECT trainledger_internal.signup_error('x', 'y')$$),
($$SELECT trainledger.report()$$),
($$SELECT trainledger_api.report()$$),
($$SELECT trainledger_internal.report_page(), trainledger_internal.report_style(), trainledger_internal.report_tokens(), trainledger_internal.report_credit(), trainledger_internal.report_revenue(), trainledger_internal.report_holds(), trainledger_internal.report_expiring(), trainledger_internal.report_passes(), trainledger_internal.report_signups(), trainledger_internal.report_cohorts(), trainledger_internal.report_log()$$),
($$SELECT trainledger_internal.fits_xml('a'), trainledger_internal.report_text(pg_catalog.chr(1)), trainledger_internal.report_number(1234.5), trainledger_internal.report_month(), trainledger_internal.report_rows()$$),
($$SELECT trainledger_internal.report_bar('{a}'::pg_catalog.text[], '{1}'::pg_catalog.numeric[], '{1}'::pg_catalog.int4[]), trainledger_internal.report_plot('a', '{b,c}'::pg_catalog.text[], '{1,-2}'::pg_catalog.numeric[])$$),
($$SELECT trainledger_internal.report_table('a', '{b,c}'::pg_catalog.text[], '{{d}}'::pg_catalog.text[], '{{1}}'::pg_catalog.numeric[], '{1}'::pg_catalog.int4[], 2)$$),
($$SELECT trainledger_internal.report_months('a', '{b,c}'::pg_catalog.text[], 1, '{1}'::pg_catalog.int8[], '{d}'::pg_catalog.text[], NULL::pg_catalog.text[], '{2023-04-01}'::pg_catalog.date[], '{{1}}'::pg_catalog.numeric[], 2)$$),
-- programs
($$SELECT trainledger.add_program_kind('sp', 'sp', id => '95000000-0000-4000-8000-000000000031')$$),
($$SELECT trainledger.add_program('95000000-0000-4000-8000-000000000031', 'sp', '2099-01-01', 30, id => '95000000-0000-4000-8000-000000000032')$$),
($$SELECT trainledger.update_program('95000000-0000-4000-8000-000000000032', 'sp2')$$),
($$SELECT trainledger.confirm_cohort('95000000-0000-4000-8000-000000000032', 'sp')$$),
($$SELECT trainledger.modify_program_membership('95000000-0000-4000-8000-000000000032', 9500003, ':cohort', 'member')$$),
($$SELECT trainledger.sync_cohort_preview('95000000-0000-4000-8000-000000000032', ':cohort', '$.attributes.grade == 4', mode => 'open')$$),
($$SELECT trainledger.sync_cohort('95000000-0000-4000-8000-000000000032', ':cohort', '$.attributes.grade == 4', mode => 'open')$$),
($$SELECT trainledger.update_user_cohort_state(9500003, '95000000-0000-4000-8000-000000000032', 'dropped', comments => 'x')$$),
($$SELECT trainledger.create_program_ticket('95000000-0000-4000-8000-000000000031', 9500003, external_id => '95000000-0000-4000-8000-000000000033')$$),
($$SELECT trainledger.create_program_ticket('95000000-0000-4000-8000-000000000031', email => 'sp-nobody@example.org')$$),
($$SELECT trainledger.user_tickets(9500003, 'ready')$$),
($$SELECT trainledger.consume_ticket(9500003, '95000000-0000-4000-8000-000000000032')$$),
($$SELECT trainledger.cancel_ticket(':ticket')$$),
($$SELECT trainledger.list_active_programs()$$),
($$SELECT trainledger.list_cohorts('95000000-0000-4000-8000-000000000032')$$),
($$SELECT trainledger.lookup_program('95000000-0000-4000-8000-000000000031')$$),
($$SELECT trainledger.lookup_program_instance('95000000-0000-4000-8000-000000000032')$$),
($$SELECT trainledger.program_child_list('95000000-0000-4000-8000-000000000031')$$),
($$SELECT trainledger.programs_after('2023-01-01')$$),
($$SELECT trainledger_api."LookupProgram"('95000000-0000-4000-8000-000000000031')$$),
($$SELECT trainledger_api."LookupProgramInstance"('95000000-0000-4000-8000-000000000032')$$),
($$SELECT trainledger_api."ListCohorts"('95000000-0000-4000-8000-000000000032')$$),
($$SELECT trainledger_api."ListActivePrograms"()$$),
($$SELECT trainledger_api."ProgramChildList"('95000000-0000-4000-8000-000000000031')$$),
($$SELECT trainledger_api."ProgramsAfter"('{"after": "2023-01-01"}')$$),
($$SELECT trainledger_api."UserTickets"('{"userId": "95000000-0000-4000-8000-000000000002"}')$$),
($$SELECT trainledger_api."ConfirmCohort"('{"programId": "95000000-0000-4000-8000-000000000032", "cohortName": "sp2"}')$$),
($$SELECT trainledger_api."ModifyProgramMembership"('{"userId": "95000000-0000-4000-8000-000000000002", "programId": "95000000-0000-4000-8000-000000000032", "role": "trainer"}')$$),
($$SELECT trainledger_api."UpdateUserCohortState"('{"userId": "95000000-0000-4000-8000-000000000002", "programId": "95000000-0000-4000-8000-000000000032", "state": "completed"}')$$),
($$SELECT trainledger_api."SyncCohort"('{"programId": "95000000-0000-4000-8000-000000000032", "cohortId": ":cohort", "query": "$.attributes.grade == 4", "role": "member", "mode": "open"}')$$),
($$SELECT trainledger_api."CreateProgramTicket"('{"userId": "95000000-0000-4000-8000-000000000002", "programKindId": "95000000-0000-4000-8000-000000000031"}')$$),
-- who may do what, and the rest
($$SELECT trainledger.grant_access('regress_nobody', 'learner')$$),
($$SELECT trainledger.revoke_access('regress_nobody')$$),
($$SELECT trainledger.check_books()$$),
($$SELECT trainledger.strays()$$),
($$SELECT trainledger.forget_homes('{}'::pg_catalog.int4multirange)$$),
($$SELECT trainledger.has_level('admin'), trainledger.learner_access(), trainledger.reader_access(), trainledger.operator_access(), trainledger.admin_access()$$),
($$SELECT trainledger.clock(), trainledger.current_party(), trainledger.home(1), trainledger.home_of('95000000-0000-4000-8000-000000000001')$$),
($$SELECT trainledger_internal.first_visible_party(), trainledger_internal.last_visible_party(), trainledger_internal.first_visible_account(), trainledger_internal.last_visible_account(), trainledger_internal.summed_upto()$$),
($$SELECT trainledger_internal.visible_accounts(), trainledger_internal.visible_organisation(), trainledger_internal.visible_email()$$),
($$SELECT trainledger.global_id('Person', '1'), trainledger.global_id_key('UGVyc29uOjE=', 'Person'), trainledger.round_amount(1.5, 0), trainledger.format_amount(1, 2), trainledger_internal.document_time('now'::pg_catalog.timestamptz)$$),
($$SELECT trainledger_internal.document_fields('{"a": "b"}'::pg_catalog.json, '{"a": "text"}'::pg_catalog.jsonb, '{a}'::pg_catalog.text[])$$),
($$SELECT trainledger_internal.given('95000000-0000-4000-8000-000000000001'::pg_catalog.uuid, 'key'), trainledger_internal.respond_header('X-A', 'b')$$),
($$SELECT trainledger_internal.program_document(i), trainledger_internal.program_kind_document(k) FROM trainledger.program_info i, trainledger.program_kind k$$),
($$SELECT trainledger_api.organisation(p), trainledger_api.training_pass_uses(p) FROM trainledger_api.parties p$$),
($$SELECT trainledger_api.credit_transactions(a) FROM trainledger_api.credit_accounts a$$),
($$SELECT trainledger_api.credit_accounts(t) FROM trainledger_api.credit_transactions t$$),
($$SELECT trainledger_api.account(h) FROM trainledger_api.holds h$$),
($$SELECT trainledger_api.holds(a) FROM trainledger_api.credit_accounts a$$),
($$SELECT trainledger_api.training_token_transactions(i) FROM trainledger_api.training_token_issues i$$),
($$SELECT trainledger_api.training_token_issues(t) FROM trainledger_api.training_token_transactions t$$),
($$SELECT trainledger_api.parties(u) FROM trainledger_api.training_pass_uses u$$),
($$SELECT trainledger_api.parent(k), trainledger_api.children(k) FROM trainledger_api.program_kinds k$$),
-- the log: seal() can only seal what other transactions have booked
($$SELECT trainledger.start_log('search-path.example', 'test')$$),
($$SELECT trainledger.seal()$$),
($$SELECT trainledger.verify()$$),
($$SELECT trainledger.verify(E'search-path.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n')$$),
($$SELECT trainledger.checkpoint_text(), trainledger.prove_consistency(1)$$),
($$SELECT trainledger.add_signature(pg_catalog.split_part(trainledger.checkpoint_text(), E'\n', 2)::pg_catalog.int8, '— search-path.example AAAAAAAA')$$),
($$SELECT trainledger.prove_entry(:account, 1), trainledger.entry_leaf(:account, 1), trainledger.entry_texts(:account, 1)$$),
($$SELECT trainledger.feed_read('search path')$$),
($$SELECT trainledger.feed_ack('search path', 'end'), trainledger.feed_drop('search path')$$),
-- which calls log_line(, log_texts(, log_leaf_hash(, keeps_home( and sealed_numbers(
($$SELECT l FROM trainledger.log_leaf l LIMIT 1$$),
($$SELECT trainledger.redact_entry(:account, 1, 'x'), trainledger_api.redact_entry(:account, 1, 'x')$$),
($$SELECT trainledger.forget_party(9500003, 'x'), trainledger_api.forget_party(9500003, 'x')$$);
-- every function that a level may call is called, but for the one that needs a key; of the credit system's four documents, which are one, only one
RESET ROLE;
SELECT p.function_name AS not_called FROM (SELECT function_name FROM trainledger.privilege UNION ALL SELECT function_name FROM trainledger_internal.privilege) p
WHERE NOT EXISTS (SELECT FROM call c WHERE c.statement ~ ('trainledger(_api|_internal)?\.["]?' || p.function_name || '["]?\('))
AND p.function_name !~ '^(refuse|refuse_missing|party_by|folded|trimmed|monitor_access|sign_checkpoint|log_line|log_texts|log_leaf_hash|keeps_home|sealed_numbers|credit_token_transaction(_init|_subtract)?)$' ORDER BY 1;
SET ROLE regress_admin;

-- in order, each with the ids that those before it gave
CREATE FUNCTION pg_temp.run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value record;
BEGIN
	FOR value IN
		SELECT ':account' AS name, a.id::text AS text FROM trainledger.account a
		JOIN trainledger.token_type t ON t.id = a.token_type_id WHERE a.party_id = 9500003 AND t.name = 'default'
		UNION ALL SELECT ':redemption', min(r.id)::text FROM trainledger.redemption r WHERE r.party_id = 9500002
		UNION ALL SELECT ':price', p.id::text FROM trainledger.pass_type_option_price p WHERE p.option_id = 9500001
		UNION ALL SELECT ':cohort', c.id::text FROM trainledger.cohort c WHERE c.name = 'sp'
		UNION ALL SELECT ':ticket', t.id::text FROM trainledger.ticket t WHERE t.made_out_to = 'sp-nobody@example.org'
	LOOP
		statement := replace(statement, value.name, coalesce(value.text, '0'));
	END LOOP;
	RETURN pg_temp.outcome(statement);
END
$$;
DO $$
DECLARE
	c record;
	outcome text;
BEGIN
	FOR c IN SELECT * FROM call WHERE n < (SELECT min(n) FROM call WHERE statement ~ 'start_log') ORDER BY n LOOP
		outcome := pg_temp.run(c.statement);
		IF outcome <> 'ok' THEN
			RAISE WARNING '%: %', c.statement, outcome;
		END IF;
	END LOOP;
END
$$;
SELECT format('SELECT %L, outcome FROM pg_temp.run(%L) outcome WHERE outcome <> %L', statement, statement, 'ok')
FROM call WHERE n >= (SELECT min(n) FROM call WHERE statement ~ 'start_log') ORDER BY n \gexec
RESET ROLE;
SELECT count(*) FROM trainledger.reconcile();
DO $$
DECLARE
	trap regprocedure;
BEGIN
	FOR trap IN SELECT oid FROM pg_proc
		WHERE pronamespace::regnamespace::text ~ '^trainledger' AND prosrc ~ 'trapped'
	LOOP
		EXECUTE format('DROP FUNCTION %s', trap);
	END LOOP;
END
$$;
DROP SCHEMA regress_trap CASCADE;
SET ROLE regress_admin;
DISCARD TEMP;
