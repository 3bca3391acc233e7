-- Every refusal says which argument is to blame (contract, section 4).
--
-- Calls that are refused, through the functions that users call, one for each
-- place in the sources that refuses.  What they were refused for is compared
-- with those places, with the arguments of the function that was called, and
-- with the lists below of what has no argument and what only a race reaches:
-- a new refusal needs a call here, or a reason.
\pset format unaligned
\pset null (null)
-- a code of our class is one of the list of refusals in src/base/trainledger.h
SELECT regress.sqlstate($$SELECT trainledger_internal.refuse('TL499', 'm', 'd', 'h', NULL)$$);
BEGIN;
SET LOCAL trainledger.clock = '2026-03-01 12:00:00Z';
SET LOCAL search_path = trainledger, public;

/*
 * refuse() once more, for this transaction: the DATATYPE of its error is the
 * place that it was called from, or refuse_missing() was.
 */
CREATE OR REPLACE FUNCTION trainledger_internal.refuse(
	sqlstate text, message text, detail text, hint text, argument text)
RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
	stack text;
BEGIN
	GET DIAGNOSTICS stack = PG_CONTEXT;
	RAISE EXCEPTION USING
		ERRCODE = sqlstate, MESSAGE = message, DETAIL = detail, HINT = hint,
		COLUMN = coalesce(argument, ''),
		DATATYPE = array_to_string(regexp_match(stack,
			'PL/pgSQL function (?:trainledger\w*\.)?"?(?!refuse_missing)(\w+)[^\n]* line (\d+) at PERFORM'), ' line ');
END
$$;

-- Names in the calls below, and what they stand for

CREATE TABLE regress.named (name text, value text);
INSERT INTO regress.named
SELECT name, quote_literal(lpad(n, 8, '0') || '-0000-4000-8000-000000890000') || '::uuid'
FROM (VALUES ('CREDIT', '1'), ('IDLE', '2'), ('OLD', '3'), ('GOLD', '11'), ('RUST', '12'), ('DUST', '13'),
	('LOT', '21'), ('RUSTY', '22'), ('SUSISLOT', '23'), ('BRIEF', '24'), ('EVERLASTING', '25'),
	('KIND', '31'), ('PROGRAM', '32'), ('NONE', '99'), ('KEY', '41'), ('KEY2', '42'), ('KEY3', '43'), ('KEY4', '44')) v(name, n)
UNION ALL VALUES ('ORG', '840001'), ('ANN', '840002'), ('BOB', '840003'), ('SUSI', '840004'), ('NOBODY', '840099'),
	('COURSE', '840011'), ('PATH', '840012'), ('TYPE', '840021'), ('DRAFT', '840022'), ('ARCHIVED', '840023'), ('EMPTY', '840024'),
	('OPTION', '840031'), ('DRAFTED', '840032'), ('UNPRICED', '840033'), ('OTHERS', '840034'), ('LAST', '840035'), ('PASS', '840041'), ('BRIEFPASS', '840042'),
	('NOW', $$'2026-03-01 12:00Z'$$), ('LONG', $$repeat('x', 251)$$), ('LONGER', $$repeat('x', 8193)$$);

CREATE FUNCTION regress.written(statement text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	this regress.named;
BEGIN
	FOR this IN SELECT * FROM regress.named LOOP
		statement := regexp_replace(statement, '\m' || this.name || '\M', replace(this.value, '\', '\\'), 'g');
	END LOOP;
	RETURN statement;
END
$$;
CREATE FUNCTION regress.done(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT FROM ' || regress.written(statement);
END
$$;

-- A trigger that lets no row in
CREATE FUNCTION regress.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;

-- What there is

SELECT count(regress.done(s)) AS done FROM unnest(ARRAY[
	$$add_party('organisation', 'Org', id => ORG)$$,
	$$add_party('person', 'Ann', 'ann@refusals.example', rfid => 'refusals', id => ANN)$$,
	$$add_party('person', 'Bob', 'bob@refusals.example', id => BOB)$$,
	$$add_party('person', 'Susi', 'susi@refusals.example', id => SUSI)$$,
	$$add_party('organisation', 'Firm', 'firm@refusals.example')$$,
	$$add_credit_token_type('refusals', scale => 2, lower_bound => 0, upper_bound => 10, id => CREDIT)$$,
	$$add_credit_token_type('refusals idle', id => IDLE)$$,
	$$add_credit_token_type('refusals free')$$,
	$$add_credit_token_type('refusals old', id => OLD)$$,
	$$add_training_token_type('refusals gold', id => GOLD)$$,
	$$add_training_token_type('refusals rust', id => RUST)$$,
	$$add_training_token_type('refusals dust', id => DUST)$$,
	$$credit_init(ANN, 5, 's', 'd', NOW, token_type => 'refusals', idempotency_key => KEY)$$,
	$$credit_init(ANN, 5, 's', 'd', NOW, token_type => 'refusals idle')$$,
	$$credit_init(ANN, 5, 's', 'd', NOW, token_type => 'refusals free')$$,
	$$credit_init(SUSI, 5, 's', 'd', NOW, token_type => 'refusals')$$,
	$$credit_add(ANN, 1, 's', 'd', NOW, token_type => 'refusals')$$,
	$$credit_add(ANN, 1, 's', 'd', NOW, token_type => 'refusals', idempotency_key => KEY2)$$,
	$$issue_training_tokens(GOLD, ORG, 10, '2026-12-31', id => LOT, idempotency_key => KEY3)$$,
	$$issue_training_tokens(GOLD, ORG, 1, '2026-03-02', id => BRIEF)$$,
	$$issue_training_tokens(GOLD, ORG, 1, NULL, id => EVERLASTING)$$,
	$$issue_training_tokens(RUST, ORG, 10, NULL, id => RUSTY)$$,
	$$issue_training_tokens(GOLD, SUSI, 10, '2026-12-31', id => SUSISLOT)$$,
	$$adjust_training_tokens(LOT, 1, '', KEY4)$$,
	$$redeem_training_tokens(ORG, GOLD, 12, 'refusals')$$,
	$$redeem_training_tokens(SUSI, GOLD, 1, 'refusals susi')$$,
	$$redeem_training_tokens(ORG, RUST, 1, 'refusals rust')$$,
	$$credit_hold(ANN, 2, 's', 'd', token_type => 'refusals')$$,
	$$credit_hold(ANN, 9223372036854, 's', 'd', token_type => 'refusals free')$$,
	$$hold_training_tokens(SUSI, GOLD, 1, 'refusals')$$,
	$$add_region('refusals', 'Region')$$, $$add_region('refusals 2', 'Region')$$, $$add_currency('refusals', 'Currency')$$,
	$$add_catalog_item('course', 'refusals', 'Course', COURSE)$$,
	$$add_catalog_item('learning_path', 'refusals', 'Path', PATH)$$,
	$$create_pass_type('refusals', 'Type', id => TYPE)$$, $$create_pass_type('refusals 2', 'Type', id => DRAFT)$$,
	$$create_pass_type('refusals 3', 'Type', id => ARCHIVED)$$, $$create_pass_type('refusals 4', 'Type', id => EMPTY)$$,
	$$create_pass_option(TYPE, 'Option', 'days', 10, OPTION)$$, $$create_pass_option(TYPE, 'Option', 'days', 10, DRAFTED)$$,
	$$create_pass_option(TYPE, 'Option', 'years', 9000, UNPRICED)$$, $$create_pass_option(DRAFT, 'Option', 'days', 10, OTHERS)$$,
	$$create_pass_option(ARCHIVED, 'Option', 'days', 10, LAST)$$, $$create_pass_price(LAST, 'refusals', 'refusals', 1)$$,
	$$create_pass_price(OPTION, 'refusals', 'refusals', 1)$$, $$create_pass_price(OTHERS, 'refusals', 'refusals', 1)$$,
	$$update_pass_option(OPTION, lifecycle_state => 'published')$$, $$update_pass_option(OTHERS, lifecycle_state => 'published')$$,
	$$update_pass_option(LAST, lifecycle_state => 'published')$$,
	$$update_pass_type(TYPE, lifecycle_state => 'published')$$, $$update_pass_type(ARCHIVED, lifecycle_state => 'published')$$,
	$$update_pass_type(ARCHIVED, lifecycle_state => 'archived')$$,
	$$issue_pass(TYPE, OPTION, ANN, id => PASS, idempotency_key => KEY3)$$,
	$$issue_pass(TYPE, OPTION, SUSI, valid_until => '2026-03-02Z', id => BRIEFPASS)$$,
	$$create_signup_token(1, 'refusals', 2, 'refusals', id => 'refusals')$$,
	$$create_signup_token(1, 'refusals', 1, 'refusals idle', active => false)$$,
	$$create_signup_token(1, 'refusals', 1, 'refusals late', expiration => '2026-03-01 12:00Z')$$,
	$$create_signup_token(1, 'refusals', 1, 'refusals used')$$,
	$$claim_signup_token('refusals used', BOB)$$, $$claim_signup_token('refusals', BOB)$$, $$claim_signup_token('refusals', ANN)$$,
	$$add_program_kind('refusals', id => KIND)$$, $$add_program(KIND, 'Program', '2026-03-01', 10, id => PROGRAM)$$,
	$$confirm_cohort(PROGRAM, 'Cohort')$$, $$modify_program_membership(PROGRAM, BOB)$$,
	$$create_program_ticket(KIND, BOB)$$, $$create_program_ticket(KIND, SUSI)$$,
	$$update_party(SUSI, is_suspended => true)$$,
	$$update_token_type(IDLE, is_active => false)$$, $$update_token_type(RUST, is_active => false)$$,
	$$update_token_type(OLD, is_archived => true)$$, $$update_token_type(DUST, is_archived => true)$$]) s;

INSERT INTO regress.named
SELECT name, (SELECT a.id FROM account a JOIN token_type t ON t.id = a.token_type_id WHERE a.party_id = p AND t.name = type)::text
FROM (VALUES ('ACCOUNT', 840002, 'refusals'), ('IDLEACCOUNT', 840002, 'refusals idle'), ('SUSISACCOUNT', 840004, 'refusals')) v(name, p, type)
UNION ALL
SELECT 'REDEMPTION' || p, r.id::text FROM (VALUES ('', 'refusals'), ('OFSUSI', 'refusals susi'), ('OFRUST', 'refusals rust')) v(p, reference)
	JOIN redemption r USING (reference)
UNION ALL SELECT CASE WHEN h.account_id IS NULL THEN 'LOTSHOLD' ELSE 'HOLD' END, h.id::text FROM hold h WHERE h.party_id IN (840002, 840004)
UNION ALL SELECT 'LOTACCOUNT', l.account_id::text FROM token_lot l WHERE l.id = '00000021-0000-4000-8000-000000890000'
UNION ALL SELECT 'COHORT', quote_literal(c.id) || '::uuid' FROM cohort c WHERE c.program_id = '00000032-0000-4000-8000-000000890000'
UNION ALL SELECT 'TICKET', quote_literal(t.id) || '::uuid' FROM ticket t WHERE t.party_id = 840003
UNION ALL SELECT 'PRICE', p.id::text FROM pass_type_option_price p WHERE p.option_id = 840031
UNION ALL SELECT 'ANNSUUID', quote_literal(p.uuid) FROM party p WHERE p.id = 840002
UNION ALL SELECT 'BOBSUUID', quote_literal(p.uuid) FROM party p WHERE p.id = 840003;

-- What is refused: by whom (admin unless said), after what, which call

CREATE TABLE regress.call (
	n integer GENERATED ALWAYS AS IDENTITY, caller text DEFAULT 'regress_admin',
	before text, call text,
	code text, message text, detail text, argument text, place text);

INSERT INTO regress.call (caller, call) VALUES
	('regress_operator', $$add_party('person', 'x', id => 5)$$),
	('regress_operator', $$add_party('person', 'x', uuid => NONE)$$),
	('regress_learner', $$claim_signup_token('refusals', ANN)$$);

INSERT INTO regress.call (call) VALUES
	-- helpers
	($$add_party('person', 'x', id => 0)$$),
	($$add_party('person', NULL)$$),
	($$add_party('person', LONG)$$),
	($$issue_training_tokens(NULL, ORG, 1)$$),
	($$update_party(ANN, clear => '{name}')$$),
	($$update_party(ANN, email => 'x@y', clear => '{email}')$$),
	($$add_party('person', 'x', id => ANN)$$),
	($$update_party(BOB, email => 'ann@refusals.example')$$),
	-- people and catalogue
	($$add_party('person', 'x', 'x')$$),
	($$add_party('person', 'x', rfid => '')$$),
	($$add_party('person', 'x', barcode => '')$$),
	($$add_party('person', 'x', external_id => '')$$),
	($$add_party('person', 'x', data => '{}')$$),
	($$add_party('person', 'x', attributes => '[]')$$),
	($$add_party('person', 'x', flags => '{{a}}')$$),
	($$add_party('person', 'x', sources => '{{a}}')$$),
	($$add_party('person', 'x', organisation_id => ANN)$$),
	($$add_party(NULL, 'x')$$),
	($$update_party(NULL)$$),
	($$update_party(NOBODY)$$),
	($$find_party('name', 'x')$$),
	($$find_party('id', '0')$$),
	($$add_catalog_item(NULL, 'x', 'x')$$),
	($$add_catalog_item('course', 'refusals', 'x')$$),
	($$update_catalog_item(NULL, 'x')$$), ($$update_catalog_item(840099, 'x')$$), ($$update_catalog_item(COURSE, ' ')$$),
	($$add_region('refusals', 'x')$$),
	($$add_currency('x', 'x', 7)$$),
	-- token types
	($$add_credit_token_type('x', lower_bound => 1e13)$$),
	($$add_credit_token_type('x', upper_bound => 'NaN')$$),
	($$add_credit_token_type('x', lower_bound => 0.5, scale => 0)$$),
	($$add_credit_token_type('x', upper_bound => 0.5, scale => 0)$$),
	($$add_credit_token_type('x', lower_bound => 1, upper_bound => 0)$$),
	($$add_credit_token_type('x', scale => 7)$$),
	($$add_credit_token_type('x', NULL)$$),
	($$add_credit_token_type('refusals')$$),
	($$add_training_token_type('x', default_days_to_redeem => 0)$$),
	($$add_credit_token_type('x', symbol => LONG)$$),
	($$add_credit_token_type('x', description => LONGER)$$),
	($$add_training_token_type('x', LONGER)$$),
	($$update_token_type(CREDIT, symbol => LONG)$$),
	($$update_token_type(GOLD, description => LONGER)$$),
	($$update_token_type(NULL)$$),
	($$update_token_type(NONE)$$),
	($$update_token_type(CREDIT, lower_bound => 11)$$),
	($$update_token_type(CREDIT, upper_bound => -1)$$),
	($$update_token_type(GOLD, upper_bound => 1)$$),
	($$update_token_type(GOLD, lower_bound => 1)$$),
	-- postings
	($$post(NULL, 'add', 1, 's')$$),
	($$post(ACCOUNT, NULL, 1, 's')$$),
	($$post(ACCOUNT, 'init', 1, 's')$$),
	($$post(ACCOUNT, 'add', NULL, 's')$$),
	($$post(ACCOUNT, 'add', 1, '')$$),
	($$post(ACCOUNT, 'add', 1, LONGER)$$),
	($$post(ACCOUNT, 'add', 'NaN', 's')$$),
	($$post(ACCOUNT, 'add', 1e20, 's')$$),
	($$post(ACCOUNT, 'add', -1, 's')$$),
	($$post(ACCOUNT, 'add', 0, 's')$$),
	($$post(ACCOUNT, 'add', 1, 's', recorded_at => 'infinity')$$),
	($$post(ACCOUNT, 'add', 1, 's', balance_expected => 'NaN')$$),
	($$post(ACCOUNT, 'add', 9223372036854.775, 's', rounding => 'ceil')$$),
	($$post(ACCOUNT, 'add', 0.001, 's')$$),
	($$post(ACCOUNT, 'add', 10, 's')$$),
	($$post(ACCOUNT, 'subtract', 10, 's')$$),
	($$post(IDLEACCOUNT, 'add', 1, 's')$$),
	($$post(SUSISACCOUNT, 'add', 1, 's')$$),
	($$post(ACCOUNT, 'add', 1, 's', balance_expected => 1)$$),
	($$post(0, 'add', 1, 's')$$),
	($$post(LOTACCOUNT, 'add', 1, 's')$$),
	($$post(ACCOUNT, 'add', 2, 's', idempotency_key => KEY2)$$),
	($$credit_init(NULL, 1, 's', 'd', NOW)$$),
	($$credit_add(ANN, 1, 's', 'd', NOW, LONG)$$),
	($$credit_add(ANN, 1, 's', 'd', NOW, token_type => 'refusals')$$),
	($$credit_add(NOBODY, 1, 's', 'd', NOW)$$),
	($$credit_add(NOBODY, 1, 's', 'd', NOW, token_type => 'none')$$),
	($$credit_add(ANN, 1, 's', 'd', NOW, token_type => 'none')$$),
	($$credit_init(ANN, 1, 's', 'd', NOW, token_type => 'refusals')$$),
	($$credit_add(ANN, 1, 's', 'd', NOW, 'other', 'refusals')$$),
	($$credit_init(ANN, 1, 's', 'd', NOW, token_type => 'refusals old')$$),
	($$credit_init(BOB, 1, 's', 'd', NOW, token_type => 'refusals idle')$$),
	($$credit_init(SUSI, 1, 's', 'd', NOW, 'other', 'refusals')$$),
	($$credit_init(BOB, 11, 's', 'd', NOW, token_type => 'refusals')$$),
	($$credit_init(ANN, 1, 's', 'd', NOW, 'other', 'refusals', idempotency_key => KEY2)$$),
	($$credit_init(ORG, 1, 's', 'd', NOW, token_type => 'refusals', idempotency_key => KEY3)$$),
	-- batches
	($$post_batch(NULL, '{1}', 's')$$),
	($$post_batch('{{1}}', '{1}', 's')$$),
	($$post_batch('{1}', '{1,2}', 's')$$),
	($$post_batch('{NULL}', '{1}', 's')$$),
	($$post_batch('{1}', '{NULL}', 's')$$),
	($$post_batch(ARRAY[ACCOUNT], '{0}', 's')$$),
	($$post_batch(ARRAY[ACCOUNT], '{1}', 's', recorded_at => '{infinity}')$$),
	($$post_batch(ARRAY[ACCOUNT], '{1}', 's', ARRAY[LONGER])$$),
	($$post_batch(ARRAY[ACCOUNT], '{0.001}', 's')$$),
	($$post_batch('{0}', '{1}', 's')$$),
	($$post_batch(ARRAY[IDLEACCOUNT], '{1}', 's')$$),
	($$post_batch(ARRAY[SUSISACCOUNT], '{1}', 's')$$),
	($$post_batch(ARRAY[LOTACCOUNT], '{1}', 's')$$),
	($$post_batch(ARRAY[ACCOUNT], '{10}', 's')$$),
	($$post_batch(ARRAY[ACCOUNT], '{2}', 's', idempotency_keys => ARRAY[KEY2])$$),
	($$post_batch(ARRAY[ACCOUNT, ACCOUNT], '{1,1}', 's', recorded_at => ARRAY[NOW, NOW]::timestamptz[])$$),
	-- transfers
	($$credit_transfer(NULL, ACCOUNT, 1, 's')$$),
	($$credit_transfer(ACCOUNT, NULL, 1, 's')$$),
	($$credit_transfer(ACCOUNT, ACCOUNT, 1, 's')$$),
	($$credit_transfer(ACCOUNT, SUSISACCOUNT, -1, 's')$$),
	($$credit_transfer(0, ACCOUNT, 1, 's')$$),
	($$credit_transfer(ACCOUNT, 0, 1, 's')$$),
	($$credit_transfer(LOTACCOUNT, ACCOUNT, 1, 's')$$),
	($$credit_transfer(ACCOUNT, LOTACCOUNT, 1, 's')$$),
	($$credit_transfer(ACCOUNT, IDLEACCOUNT, 1, 's')$$),
	($$credit_transfer(IDLEACCOUNT, ACCOUNT, 1, 's')$$),
	($$credit_transfer(ACCOUNT, SUSISACCOUNT, 1, 's')$$),
	($$credit_transfer(ACCOUNT, SUSISACCOUNT, 1, 's', idempotency_key => KEY2)$$),
	($$credit_transfer(SUSISACCOUNT, ACCOUNT, 10, 's')$$),
	-- reading and types
	($$trainledger_internal.entries_until(NULL, NOW, true)$$),
	($$trainledger_internal.entries_until(0, NULL, true)$$),
	($$balance_at(0, NOW)$$),
	($$balance_by(NULL, NOW)$$),
	($$balance_by(0, NULL)$$),
	($$balance_by(0, NOW, NULL)$$),
	($$balance_by(0, NOW)$$),
	($$trainledger_internal.credit_account(NULL)$$),
	($$trainledger_internal.credit_account(NOBODY)$$),
	($$trainledger_internal.credit_account(ANN, token_type => 'none')$$),
	($$trainledger_internal.credit_account(ANN, 'none', 'refusals')$$),
	($$credit_history(ANN, max_entries => -1)$$),
	($$account_statement(NULL, NOW, NOW)$$),
	($$account_statement(ACCOUNT, NULL, NOW)$$),
	($$account_statement(ACCOUNT, NOW, NULL)$$),
	($$account_statement(ACCOUNT, NOW, '-infinity')$$),
	($$holdings(NOBODY)$$),
	($$round_amount(1, 7, 'round')$$),
	($$format_amount(1, 7)$$),
	-- training tokens
	($$issue_training_tokens(GOLD, ORG, NULL)$$),
	($$issue_training_tokens(GOLD, ORG, 1e20)$$),
	($$issue_training_tokens(GOLD, ORG, 0)$$),
	($$issue_training_tokens(GOLD, ORG, 0.5)$$),
	($$issue_training_tokens(GOLD, ORG, 1, NULL, LONGER)$$),
	($$issue_training_tokens(GOLD, NOBODY, 1)$$),
	($$issue_training_tokens(CREDIT, ORG, 1)$$),
	($$issue_training_tokens(RUST, ORG, 1)$$),
	($$issue_training_tokens(DUST, ORG, 1)$$),
	($$issue_training_tokens(GOLD, SUSI, 1)$$),
	($$issue_training_tokens(GOLD, ORG, 2, NULL, '', KEY3)$$),
	($$issue_training_tokens(GOLD, ORG, 2, NULL, '', KEY4)$$),
	($$issue_training_tokens(GOLD, ORG, 1, id => LOT)$$),
	($$issue_training_tokens(GOLD, ORG, 1, 'infinity')$$),
	($$issue_training_tokens(GOLD, ORG, 1, '2026-02-01')$$),
	($$issue_training_tokens(GOLD, ORG, 1, unit_price => 1)$$),
	($$issue_training_tokens(GOLD, ORG, 1, currency_code => 'refusals')$$),
	($$issue_training_tokens(GOLD, ORG, 1, unit_price => -1, currency_code => 'refusals')$$),
	($$issue_training_tokens(GOLD, ORG, 1, unit_price => 0.1234567, currency_code => 'refusals')$$),
	($$issue_training_tokens(GOLD, ORG, 1, unit_price => 1, currency_code => 'refusals 2')$$),
	($$extend_training_tokens(NONE, '2027-01-01')$$),
	($$extend_training_tokens(LOT, '2026-12-30')$$),
	($$extend_training_tokens(EVERLASTING, '2026-12-30')$$),
	($$extend_training_tokens(SUSISLOT, '2027-12-30')$$),
	($$adjust_training_tokens(RUSTY, 1)$$),
	($$adjust_training_tokens(SUSISLOT, 1)$$),
	($$adjust_training_tokens(LOT, -2)$$),
	($$adjust_training_tokens(EVERLASTING, 9223372036854)$$),
	($$adjust_training_tokens(LOT, 2, '', KEY4)$$),
	($$adjust_training_tokens(LOT, 0.0000001, '', KEY4)$$),
	($$adjust_training_tokens(LOT, 1, '', KEY3)$$),
	($$void_training_tokens(NULL)$$),
	($$void_training_tokens(NONE)$$),
	($$void_training_tokens(RUSTY)$$),
	($$void_training_tokens(LOT, idempotency_key => KEY3)$$),
	($$set_training_tokens_expiry(LOT, '2027-01-01', ' ')$$),
	($$set_training_tokens_expiry(LOT, '2026-01-01', 'r')$$),
	($$set_training_tokens_expiry(SUSISLOT, '2027-12-30', 'r')$$),
	($$transfer_training_tokens(ORG, ORG, GOLD, 1)$$),
	($$transfer_training_tokens(NOBODY, ANN, GOLD, 1)$$),
	($$transfer_training_tokens(ORG, NOBODY, GOLD, 1)$$),
	($$transfer_training_tokens(ORG, ANN, CREDIT, 1)$$),
	($$transfer_training_tokens(ORG, ANN, RUST, 1)$$),
	($$transfer_training_tokens(ORG, ANN, DUST, 1)$$),
	($$transfer_training_tokens(ORG, SUSI, GOLD, 1)$$),
	($$transfer_training_tokens(ORG, ANN, GOLD, 11)$$),
	($$transfer_training_tokens(ORG, ANN, GOLD, 0.5)$$),
	($$transfer_training_tokens(ORG, ANN, GOLD, 1, '', KEY3)$$),
	($$redeem_training_tokens(ORG, GOLD, 11, 'r')$$),
	($$redeem_training_tokens(ORG, RUST, 1, 'r')$$),
	($$refund_training_tokens(0)$$),
	($$refund_training_tokens(REDEMPTION, 13)$$),
	($$refund_training_tokens(REDEMPTIONOFRUST)$$),
	($$refund_training_tokens(REDEMPTIONOFSUSI)$$),
	($$expire_training_tokens(0)$$),
	-- holds
	($$hold_training_tokens(ORG, GOLD, 1, 'r', '2026-02-01Z')$$),
	($$hold_training_tokens(SUSI, GOLD, 1, 'r')$$),
	($$hold_training_tokens(ORG, RUST, 1, 'r')$$),
	($$hold_training_tokens(ORG, GOLD, 100, 'r')$$),
	($$hold_training_tokens(ORG, GOLD, 1, NULL)$$),
	($$hold_training_tokens(ORG, GOLD, 1, 'r', idempotency_key => KEY3)$$),
	($$credit_hold(ANN, 100, 's', 'd', token_type => 'refusals')$$),
	($$credit_hold(ANN, 9223372036854.775807, 's', 'd', token_type => 'refusals')$$),
	($$credit_hold(ANN, 1, 's', 'd', token_type => 'refusals free')$$),
	($$credit_hold(ANN, 0.001, 's', 'd', token_type => 'refusals')$$),
	($$credit_hold(ANN, 1, 's', 'd', token_type => 'refusals idle')$$),
	($$credit_hold(ANN, 1, 's', 'd', token_type => 'none')$$),
	($$credit_hold(ANN, 1, '', 'd', token_type => 'refusals')$$),
	($$credit_hold(ANN, 1, 's', NULL, token_type => 'refusals')$$),
	($$credit_hold(ANN, 1, 's', 'd', account_name => ' ', token_type => 'refusals')$$),
	($$credit_hold(ANN, 1, 's', 'd', account_name => LONG, token_type => 'refusals')$$),
	($$credit_hold(ANN, 1, 's', 'd', token_type => '')$$),
	($$credit_hold(ANN, 1, 's', 'd', token_type => LONG)$$),
	($$credit_hold(SUSI, 1, 's', 'd', token_type => 'refusals')$$),
	($$credit_subtract(ANN, 6, 's', 'd', NOW, token_type => 'refusals')$$),
	($$capture_hold(0)$$),
	($$capture_hold(HOLD, 3)$$),
	($$capture_hold(HOLD, 0)$$),
	($$release_hold(HOLD, 0.001)$$),
	($$release_hold(HOLD, idempotency_key => KEY)$$),
	($$extend_hold(HOLD, '2026-03-02Z')$$),
	($$extend_hold(HOLD, '2028-03-02Z')$$),
	($$extend_hold(LOTSHOLD, '2027-01-15Z')$$),
	($$lapse_holds(0)$$),
	($$available_balance(0)$$),
	($$available_tokens(ANN, CREDIT)$$),
	($$why(ANN, NONE)$$),
	($$why(ANN, GOLD, 'x')$$);
INSERT INTO regress.call (before, call) VALUES
	($$SELECT regress.done('release_hold(HOLD)')$$, $$capture_hold(HOLD)$$),
	($$SET LOCAL trainledger.clock = '2026-04-01Z'$$, $$capture_hold(HOLD)$$),
	($$SELECT regress.done('update_token_type(CREDIT, is_active => false)')$$, $$capture_hold(HOLD)$$);
INSERT INTO regress.call (before, call) VALUES
	($$SET LOCAL trainledger.clock = '2026-04-01Z'$$, $$extend_training_tokens(BRIEF, '2026-12-31')$$),
	($$SET LOCAL trainledger.clock = '2026-04-01Z'$$, $$adjust_training_tokens(BRIEF, 1)$$),
	($$SET LOCAL trainledger.clock = '2026-04-01Z'$$, $$void_training_tokens(BRIEF)$$),
	($$SELECT regress.done('void_training_tokens(EVERLASTING)')$$, $$void_training_tokens(EVERLASTING)$$),
	($$SET LOCAL trainledger.clock = '2026-02-01Z'$$, $$set_training_tokens_expiry(LOT, '2026-02-10', 'r')$$),
	($$SET LOCAL trainledger.clock = '2026-04-01Z'$$, $$set_training_tokens_expiry(BRIEF, '2026-12-31', 'r')$$),
	($$SELECT regress.done('update_token_type(GOLD, is_archived => true)'); SET LOCAL trainledger.clock = '2027-04-01Z'$$, $$refund_training_tokens(REDEMPTION, 1, 'reissue')$$),
	($$SET LOCAL trainledger.clock = '2027-04-01Z'$$, $$refund_training_tokens(REDEMPTIONOFSUSI, 1, 'reissue')$$),
	($$SELECT regress.done('adjust_training_tokens(LOT, 9223372036854 - 1)')$$, $$refund_training_tokens(REDEMPTION, 10)$$),
	($$SELECT regress.done('refund_training_tokens(REDEMPTION)')$$, $$refund_training_tokens(REDEMPTION)$$),
	($$SELECT regress.done('refund_training_tokens(REDEMPTION)')$$, $$refund_training_tokens(REDEMPTION, 1)$$);
INSERT INTO regress.call (call) VALUES
	-- training passes
	($$create_pass_type('refusals', 'x')$$),
	($$update_pass_type(0)$$),
	($$update_pass_type(DRAFT, code => 'refusals')$$),
	($$update_pass_type(EMPTY, lifecycle_state => 'published')$$),
	($$update_pass_type(TYPE, lifecycle_state => 'draft')$$),
	($$add_pass_content(TYPE, '{0}')$$),
	($$add_pass_content(TYPE, path_ids => '{0}')$$),
	($$remove_pass_content(ARCHIVED)$$),
	($$add_path_courses(0, '{}')$$),
	($$remove_path_courses(0, '{}')$$),
	($$remove_path_courses(PATH, '{0}')$$),
	($$create_pass_option(TYPE, 'x', 'days', 0)$$),
	($$create_pass_option(TYPE, 'x', 'days', 1, OPTION)$$),
	($$update_pass_option(0)$$),
	($$update_pass_option(UNPRICED, lifecycle_state => 'published')$$),
	($$update_pass_option(OPTION, lifecycle_state => 'archived')$$),
	($$create_pass_price(OPTION, 'refusals 2', 'none', 1)$$),
	($$create_pass_price(OPTION, 'refusals 2', 'refusals', 0.001)$$),
	($$create_pass_price(OPTION, 'refusals 2', 'refusals', -1)$$),
	($$create_pass_price(OPTION, 'none', 'refusals', 1)$$),
	($$create_pass_price(OPTION, 'refusals', 'refusals', 1)$$),
	($$update_pass_price(0)$$),
	($$issue_pass(0, OPTION, ANN)$$),
	($$issue_pass(TYPE, OTHERS, ANN)$$),
	($$issue_pass(TYPE, OPTION, ORG)$$),
	($$issue_pass(TYPE, OPTION, SUSI)$$),
	($$issue_pass(DRAFT, OTHERS, ANN)$$),
	($$issue_pass(TYPE, DRAFTED, ANN)$$),
	($$issue_pass(TYPE, OPTION, ANN, 'infinity')$$),
	($$issue_pass(TYPE, OPTION, ANN, NULL, '20000-01-01Z')$$),
	($$issue_pass(TYPE, UNPRICED, ANN)$$),
	($$issue_pass(TYPE, OPTION, ANN, NOW, NOW)$$),
	($$issue_pass(TYPE, OPTION, ANN, id => PASS)$$),
	($$issue_pass(TYPE, OPTION, ANN, NOW, idempotency_key => KEY3)$$),
	($$renew_pass(0)$$),
	($$renew_pass(PASS, OTHERS)$$),
	($$renew_pass(PASS, DRAFTED)$$),
	($$renew_pass(PASS, valid_until => NOW)$$),
	($$renew_pass(BRIEFPASS)$$),
	($$reassign_pass(PASS, ANN)$$),
	($$reassign_pass(PASS, ORG)$$),
	($$reassign_pass(PASS, SUSI)$$),
	($$use_pass(ANN, COURSE, 'r')$$),
	($$renew_pass(BRIEFPASS, valid_until => NOW)$$),
	($$cancel_pass_use(0)$$),
	($$correct_pass(0, NOW, NULL, 'r')$$),
	($$correct_pass(PASS, NULL, NULL, 'r')$$),
	($$correct_pass(PASS, NOW, NULL, '')$$),
	($$correct_pass(PASS, NOW, NOW, 'r')$$),
	($$correct_pass(PASS, '2027-01-01Z', NULL, 'r')$$);
INSERT INTO regress.call (before, call) VALUES
	($$SELECT regress.done('renew_pass(PASS, idempotency_key => NONE)')$$, $$renew_pass(PASS, OPTION, idempotency_key => NONE)$$),
	($$SELECT regress.done('add_pass_content(TYPE, ARRAY[COURSE])'), regress.done('use_pass(ANN, COURSE, ''r'')'), regress.done('cancel_pass_use((SELECT max(id) FROM pass_use))')$$,
		$$cancel_pass_use((SELECT max(id) FROM pass_use))$$),
	($$SET LOCAL trainledger.clock = '2026-04-01Z'; SELECT regress.done('renew_pass(PASS)')$$, $$correct_pass(PASS, '2026-03-02Z', NULL, 'r')$$),
	($$SELECT regress.done('revoke_pass(PASS)')$$, $$correct_pass(PASS, NULL, '2027-01-01Z', 'r')$$),
	($$SELECT regress.done('update_pass_type(TYPE, lifecycle_state => ''archived'')')$$, $$renew_pass(PASS)$$),
	($$SELECT regress.done('revoke_pass(PASS)')$$, $$revoke_pass(PASS)$$),
	($$SET LOCAL trainledger.clock = '2026-04-01Z'$$, $$reassign_pass(PASS, BOB)$$);
INSERT INTO regress.call (call) VALUES
	-- self-signup
	($$create_signup_token(1, '', 1)$$),
	($$create_signup_token(1, 'x', 1, E'\x01')$$),
	($$create_signup_token(1, 'x', 1, LONG)$$),
	($$create_signup_token(5, 'x', 1)$$),
	($$create_signup_token(1, 'x', 0)$$),
	($$create_signup_token(1, 'x', 1, expiration => 'infinity')$$),
	($$create_signup_token(1, 'none', 1)$$),
	($$create_signup_token(1, 'refusals', 1, 'refusals')$$),
	($$create_signup_token(1, 'refusals', 1, id => 'refusals')$$),
	($$update_signup_token('none')$$),
	($$update_signup_token('refusals', type_id => 'none')$$),
	($$update_signup_token('refusals', type => 2)$$),
	($$update_signup_token('refusals', maximum_activations => 1)$$),
	($$claim_signup_token('none', ANN)$$),
	($$claim_signup_token('refusals idle', ANN)$$),
	($$claim_signup_token('refusals late', ANN)$$),
	($$claim_signup_token('refusals used', ANN)$$),
	($$cancel_signup_claim(NULL)$$), ($$cancel_signup_claim(5)$$),
	($$import_signup_tokens(NULL)$$),
	($$import_signup_tokens('<Tokens>')$$),
	($$apply_signup_tokens('<Tokens><Token><TokenId>none</TokenId></Token></Tokens>')$$);
INSERT INTO regress.call (before, call) VALUES
	($$SELECT regress.done('create_signup_token(1, ''refusals'', 1, ''refusals new'')')$$, $$claim_signup_token('refusals new', SUSI)$$),
	($$SELECT regress.done('update_program(PROGRAM, is_active => false)')$$, $$modify_program_membership(PROGRAM, ANN)$$),
	($$SELECT regress.done('cancel_signup_claim((SELECT max(c.id) FROM signup_claim c WHERE c.party_id = BOB AND c.cancelled_at IS NULL))')$$, $$cancel_signup_claim((SELECT max(c.id) FROM signup_claim c WHERE c.party_id = BOB))$$),
	($$SET LOCAL trainledger.xml_max_bytes = 1024$$, $$import_signup_tokens(convert_to(LONGER, 'UTF8'))$$);
INSERT INTO regress.call (call) VALUES
	-- programs
	($$add_program_kind('x', parent_id => NONE)$$),
	($$add_program_kind('x', id => KIND)$$),
	($$add_program(NONE, 'x', '2026-01-01', 1)$$),
	($$add_program(KIND, 'x', '10000-01-01', 1)$$),
	($$add_program(KIND, 'x', '2026-01-01', 0)$$),
	($$update_program(NONE)$$),
	($$modify_program_membership(PROGRAM, ANN, state => 'dropped')$$),
	($$modify_program_membership(PROGRAM, ANN, NONE)$$),
	($$modify_program_membership(PROGRAM, SUSI)$$),
	($$update_user_cohort_state(ANN, PROGRAM, 'active')$$),
	($$sync_cohort(PROGRAM, COHORT, LONGER || repeat(LONGER, 8))$$),
	($$sync_cohort(PROGRAM, COHORT, '$.')$$),
	($$sync_cohort(PROGRAM, COHORT, '$.id')$$),
	($$sync_cohort(PROGRAM, COHORT, '$.id == $x')$$),
	($$user_tickets(NULL)$$),
	($$user_tickets(NOBODY)$$),
	($$create_program_ticket(NONE, ANN)$$),
	($$create_program_ticket(KIND)$$),
	($$create_program_ticket(KIND, ANN, 'bob@refusals.example')$$),
	($$create_program_ticket(KIND, ORG)$$),
	($$create_program_ticket(KIND, email => 'firm@refusals.example')$$),
	($$create_program_ticket(KIND, email => 'susi@refusals.example')$$),
	($$consume_ticket(ANN, PROGRAM)$$),
	($$consume_ticket(SUSI, PROGRAM)$$),
	($$consume_ticket(BOB, PROGRAM)$$),
	($$cancel_ticket(NONE)$$);
INSERT INTO regress.call (before, call) VALUES
	($$SET LOCAL max_stack_depth = '150kB'$$, $$sync_cohort(PROGRAM, COHORT, format('exists($%s)', repeat('.**', 600)), mode => 'open')$$),
	($$SELECT regress.done('cancel_ticket(TICKET)')$$, $$cancel_ticket(TICKET)$$),
	($$CREATE TRIGGER nothing BEFORE INSERT ON cohort FOR EACH ROW EXECUTE FUNCTION regress.nothing()$$, $$confirm_cohort(PROGRAM, 'Other')$$),
	($$CREATE TRIGGER nothing BEFORE UPDATE ON program FOR EACH ROW EXECUTE FUNCTION regress.nothing()$$, $$update_program(PROGRAM, name => 'Other')$$),
	($$CREATE TRIGGER nothing BEFORE UPDATE ON token_lot FOR EACH ROW EXECUTE FUNCTION regress.nothing()$$, $$redeem_training_tokens(ORG, GOLD, 1, 'all')$$);
INSERT INTO regress.call (call) VALUES
	-- documents have names of their own for what they take
	($$trainledger_api."LookupProgram"()$$),
	($$trainledger_api."ProgramsAfter"('[]')$$),
	($$trainledger_api."ProgramsAfter"('{"after": "x"}')$$),
	($$trainledger_api."UserTickets"('{"userId": "00000000-0000-0000-0000-000000000000"}')$$),
	($$trainledger_api."ModifyProgramMembership"('{"programId": "00000000-0000-0000-0000-000000000000"}')$$),
	($$trainledger_api."ModifyProgramMembership"('{"programId": "00000000-0000-0000-0000-000000000000", "email": "none"}')$$),
	($$trainledger_api."ModifyProgramMembership"(format('{"programId": "00000000-0000-0000-0000-000000000000", "userId": "%s", "email": "bob@refusals.example"}', ANNSUUID)::json)$$),
	-- rights
	($$grant_access(NULL, 'admin')$$),
	($$grant_access('regress_none', 'admin')$$),
	($$grant_access('regress_admin', NULL)$$),
	($$revoke_access((SELECT r.rolname FROM pg_roles r JOIN pg_class c ON c.relowner = r.oid WHERE c.oid = 'trainledger.account'::regclass))$$),
	-- more than one node
	($$forget_homes(NULL)$$),
	($$forget_homes('{[1,2)}')$$);
INSERT INTO regress.call (before, call) VALUES
	($$SET LOCAL trainledger.homes = '{}'$$, $$redeem_training_tokens(ORG, GOLD, 1, 'x')$$),
	($$SET LOCAL trainledger.homes = '{}'$$, $$release_hold(HOLD)$$),
	($$SELECT regress.done('issue_training_tokens(GOLD, ORG, 1, id => ''00000000-0000-4000-8000-000000000001'')'); SET LOCAL trainledger.homes = '{}'$$, $$forget_homes('{(,)}')$$),
	($$SET LOCAL trainledger.homes = '{[321,322)}'$$, $$issue_training_tokens(GOLD, ORG, 1, id => '00000000-0000-4000-8000-000000000001')$$);

-- The log. Nothing that this transaction has booked can be sealed in it, so
-- the checkpoints are made by hand; and they may leave.
CREATE OR REPLACE FUNCTION trainledger_internal.log_flush(made_by xid) RETURNS void LANGUAGE sql STABLE PARALLEL RESTRICTED AS '';
CREATE FUNCTION regress.start_log() RETURNS void LANGUAGE sql VOLATILE AS $$
	INSERT INTO trainledger.log_origin VALUES (1, 'refusals.example', 'test', 0, 'test', now())
$$;
CREATE FUNCTION regress.seal() RETURNS void LANGUAGE sql VOLATILE AS $$
	SELECT regress.start_log();
	INSERT INTO trainledger.checkpoint SELECT 'refusals.example', x.size, t.root, 1::bigint << 37, now(), x.note
	FROM trainledger_internal.log_append(0, 1::bigint << 37) t, LATERAL (VALUES (1::bigint, 'note'), (t.size, NULL)) x(size, note)
$$;
INSERT INTO regress.call (before, call) VALUES
	(NULL, $$start_log(NULL, 'x')$$),
	(NULL, $$start_log('x', ' ')$$),
	(NULL, $$start_log('a b', 'x')$$),
	(NULL, $$seal()$$),
	(NULL, $$forget_party(NULL, 'x')$$),
	(NULL, $$forget_party(0, 'x')$$),
	(NULL, $$forget_party(ORG, ' ')$$),
	(NULL, $$redact_entry(NULL, 1, 'x')$$),
	(NULL, $$redact_entry(ACCOUNT, NULL, 'x')$$),
	(NULL, $$redact_entry(ACCOUNT, 0, 'x')$$),
	(NULL, $$redact_entry(ACCOUNT, 1, NULL)$$),
	(NULL, $$verify('x')$$),
	(NULL, $$verify(since => NULL)$$),
	('SELECT regress.start_log()', $$start_log('refusals.example', 'x')$$),
	('SELECT regress.start_log()', $$checkpoint_text()$$),
	('SELECT regress.start_log()', $$prove_entry(NULL, 1)$$),
	('SELECT regress.start_log()', $$prove_entry(ACCOUNT, NULL)$$),
	('SELECT regress.start_log()', $$prove_entry(0, 1)$$),
	('SELECT regress.start_log()', $$entry_leaf(ACCOUNT, 1)$$),
	('SELECT regress.seal(); ALTER TABLE trainledger.checkpoint DISABLE TRIGGER functions_only; UPDATE trainledger.checkpoint SET note = NULL', $$prove_entry(ACCOUNT, 1)$$),
	('SELECT regress.seal(); INSERT INTO trainledger.redaction SELECT -a.id, 1, ''E1'', a.id, 1, NULL, sha256(''x''), ''x'', ''x'', now() FROM trainledger.account a', $$entry_texts(ACCOUNT, 1)$$),
	('SELECT regress.seal()', $$prove_entry(ACCOUNT, 2)$$),
	('SELECT regress.seal()', $$prove_entry(ACCOUNT, 2, (SELECT max(c.size) FROM trainledger.checkpoint c))$$),
	-- as if it had come with its home; and a home that leaves unsealed
	('SELECT regress.start_log(); ALTER TABLE trainledger.log_origin DISABLE TRIGGER append_only; UPDATE trainledger.log_origin SET after_booking_no = 1::bigint << 37', $$prove_entry(ACCOUNT, 2)$$),
	($$SELECT regress.start_log(); SELECT trainledger.add_party('person', 'Moving', id => 922377); SELECT regress.done('issue_training_tokens(GOLD, 922377, 1)'); SET LOCAL trainledger.homes = '{}'$$, $$forget_homes('{[777,778)}')$$),
	('SELECT regress.seal()', $$checkpoint_text(2)$$),
	('SELECT regress.seal()', $$prove_consistency(-1)$$),
	('SELECT regress.seal()', $$prove_consistency(NULL)$$),
	('SELECT regress.seal()', $$add_signature(1, NULL)$$),
	('SELECT regress.seal()', $$add_signature(NULL, 'x')$$),
	('SELECT regress.seal()', $$add_signature(1, 'x')$$),
	-- the feed
	(NULL, $$feed_read(' ')$$),
	(NULL, $$feed_read(repeat('x', 251))$$),
	(NULL, $$feed_read('x', NULL)$$),
	(NULL, $$feed_read('x', 0)$$),
	(NULL, $$feed_read('x', 10001)$$),
	(NULL, $$feed_ack('x', NULL)$$),
	(NULL, $$feed_ack('x', '1.H1.2.3')$$),
	(NULL, $$feed_ack('x', '99999999999.E1.1.1')$$),
	('SELECT regress.seal(), trainledger.feed_ack(''x'', ''5.H1.7'')', $$feed_ack('x', '5.E1.1.1')$$),
	(NULL, $$feed_drop('x')$$);

DO $$
DECLARE
	this regress.call;
	statement text;
BEGIN
	FOR this IN SELECT * FROM regress.call ORDER BY n LOOP
		statement := 'SELECT * FROM ' || regress.written(this.call);
		BEGIN
			IF this.before IS NOT NULL THEN
				EXECUTE this.before;
			END IF;
			EXECUTE format('SET LOCAL ROLE %I', this.caller);
			EXECUTE statement;
			RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = 'not refused';
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS this.code = RETURNED_SQLSTATE,
				this.message = MESSAGE_TEXT, this.detail = PG_EXCEPTION_DETAIL,
				this.argument = COLUMN_NAME, this.place = PG_DATATYPE_NAME;
		END;
		UPDATE regress.call c
		SET code = this.code, message = this.message, detail = this.detail,
			argument = nullif(this.argument, ''), place = nullif(this.place, '')
		WHERE c.n = this.n;
	END LOOP;
END
$$;
SELECT call, code, argument, message FROM regress.call ORDER BY n;

-- The argument is one of the function that was called. Documents have names of
-- their own for what they take.
SELECT c.call, c.argument AS no_argument_of_it
FROM regress.call c
JOIN pg_proc p ON p.pronamespace = 'trainledger'::regnamespace AND p.proname = substring(c.call FROM '^\w+')
WHERE c.argument <> ALL (p.proargnames[:p.pronargs]);

-- None is to blame, and why
CREATE TABLE regress.blameless (message text, reason text);
INSERT INTO regress.blameless VALUES
	('party_id or email is missing', 'either would do'),
	('userId or email is missing', 'either would do'),
	('body is not an object', 'it is no argument of a document'),
	('no row was inserted into cohort', 'the trigger is to blame'),
	('no row was written to program', 'the trigger is to blame'),
	('log has not been started', 'the call is right'),
	('nothing is sealed', 'the call is right'),
	('no checkpoint is signed', 'the call is right'),
	('token lot was not updated', 'the trigger is to blame');
SELECT c.call, c.message AS no_argument FROM regress.call c
WHERE c.argument IS NULL AND c.message NOT IN (SELECT b.message FROM regress.blameless b);
SELECT b.message AS has_an_argument FROM regress.blameless b
WHERE NOT EXISTS (SELECT FROM regress.call c WHERE c.message = b.message AND c.argument IS NULL);

-- In PL/pgSQL: each place that refuses was reached, and nothing is raised otherwise
CREATE VIEW regress.routine AS
SELECT p.* FROM pg_proc p
WHERE p.pronamespace::regnamespace::text ~ '^trainledger(_api|_internal)?$' AND p.proname NOT IN ('refuse', 'refuse_missing');
CREATE TABLE regress.place AS
SELECT format('%s line %s', p.proname, l.n) AS place, trim(l.line, E'\t') AS line
FROM regress.routine p, string_to_table(p.prosrc, E'\n') WITH ORDINALITY AS l(line, n)
WHERE l.line ~ '\mrefuse(_missing)?\(';
SELECT count(*) > 90 AS some FROM regress.place;
SELECT place AS not_reached, line FROM regress.place
WHERE place NOT IN (SELECT c.place FROM regress.call c WHERE c.place IS NOT NULL);
SELECT call, place AS unknown FROM regress.call WHERE place NOT IN (SELECT p.place FROM regress.place p);
-- these raise what is no refusal of the business
SELECT proname AS raises_by_itself FROM regress.routine WHERE proname NOT IN ('require_read_committed', 'prove_entry', 'receive_homes', 'lock_all_of_party') AND prosrc ~* '\mRAISE\s+(EXCEPTION|SQLSTATE|\w+_\w+)';
-- Checks are called with the name of an argument, and the work of a function
-- has the names of its arguments, but for reconcile, which returns a column of the name
SELECT p.proname, m[2] AS no_argument_of_it
FROM regress.routine p, regexp_matches(p.prosrc,
	'\m(require_given|require_text|check_length|check_notes|check_signup_text|quantity|at_scale)\(\s*''([^'']*)''', 'g') m
WHERE m[2] <> ALL (p.proargnames);
SELECT p.proname, p.proargnames[:p.pronargs] AS arguments, w.proargnames[:w.pronargs] AS of_the_work
FROM regress.routine p
JOIN regress.routine w ON w.pronamespace = 'trainledger_internal'::regnamespace AND w.proname = p.proname
WHERE p.pronamespace = 'trainledger'::regnamespace AND p.prosrc = 'tl_as_owner' AND p.proname <> 'reconcile' AND p.proargnames[:p.pronargs] <> w.proargnames[:w.pronargs];

-- In C: each refusal was reached, by its message
\set source `find "$PG_ABS_SRCDIR/../src" -name '*.c' -exec cat {} +`
CREATE TABLE regress.refusal_in_c AS
SELECT m[1] AS code, trim(m[2]) AS argument, m[3] AS message
FROM regexp_matches(:'source', '\mtl_refuse\(\s*(?:refusal|NULL),\s*(\w+),\s*([^,]+),\s*(?:psprintf\(\s*)?"([^"]*)"', 'g') m;
SELECT count(*) > 30 AS some, count(*) = (SELECT count(*) FROM regexp_matches(:'source', '\mtl_refuse\(\s*(?:refusal|NULL)\M', 'g')) AS "all"
FROM regress.refusal_in_c;
SELECT r.code, r.message AS not_reached FROM regress.refusal_in_c r
WHERE NOT EXISTS (SELECT FROM regress.call c WHERE c.place IS NULL
	AND c.message LIKE regexp_replace(r.message, '%[.0-9]*(ll)?[sdz]', '%', 'g'));
SELECT r.code, r.message AS no_argument FROM regress.refusal_in_c r WHERE r.argument = 'NULL';
-- These are raised otherwise: one is about a column, with the name that functions
-- have for it, one about a statement, one about a setting (test/sql/verify.sql),
-- and four are about a request over HTTP, which is no argument
-- (test/t/213_rest_integrators.pl reaches three of them, and test/sql/ledger.sql
-- the claim)
SELECT m[1] AS code, m[2] AS message FROM regexp_matches(:'source', 'errcode\((TL_\w+)\),\s*errmsg\w*\("((?:[^"\\]|\\.)*)"', 'g') m ORDER BY 2;
SELECT count(*) FROM regexp_matches(:'source', 'errcode\(TL_', 'g');
ROLLBACK;
