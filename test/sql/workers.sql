-- A parallel worker gives the answers of the session that started it (contract,
-- section 2): for every level, with and without claims, as itself and inside a
-- function that acts as the owner.
\pset format unaligned
\pset tuples_only on
SELECT count(trainledger.add_party(kind::trainledger.party_kind, name, barcode => name, email => name || '@example.org', id => id, organisation_id => org))
FROM (VALUES (9600001, 'organisation', 'parallel-org', NULL), (9600002, 'person', 'parallel-ann', 9600001), (9600003, 'person', 'parallel-bob', NULL)) p(id, kind, name, org);
SELECT count(trainledger.credit_init(p, 5, 's', 'd', '2023-04-04', n)) FROM unnest('{9600001,9600002,9600003}'::bigint[]) p, unnest('{default,parallel}'::text[]) n;
SELECT count(trainledger.add_training_token_type('parallel', id => '96000000-0000-4000-8000-000000000001'));
SELECT count(trainledger.issue_training_tokens('96000000-0000-4000-8000-000000000001', p, 10)) FROM unnest('{9600001,9600002,9600003}'::bigint[]) p;
SELECT count(trainledger.redeem_training_tokens(9600002, '96000000-0000-4000-8000-000000000001', 3, 'r'));
SELECT count(trainledger.credit_hold(p, 1, 's', 'd')), count(trainledger.hold_training_tokens(p, '96000000-0000-4000-8000-000000000001', 1, 'r')) FROM unnest('{9600002,9600003}'::bigint[]) p;
SELECT count(trainledger.add_catalog_item('course', 'parallel', 'Course', 9600001));
SELECT count(trainledger.create_signup_token(1, 'parallel', 5, 'parallel', id => 'parallel'));
SELECT count(trainledger.claim_signup_token('parallel', 9600002));
SELECT count(trainledger.add_program_kind('parallel', id => '96000000-0000-4000-8000-000000000002'));
SELECT count(trainledger.add_program('96000000-0000-4000-8000-000000000002', 'parallel', '2099-01-01', 30, id => '96000000-0000-4000-8000-000000000003'));
SELECT count(trainledger.confirm_cohort('96000000-0000-4000-8000-000000000003', 'parallel'));
SELECT count(trainledger.modify_program_membership('96000000-0000-4000-8000-000000000003', 9600002));
SELECT count(trainledger.create_program_ticket('96000000-0000-4000-8000-000000000002', email => 'parallel-new@example.org'));
SELECT count(trainledger.create_program_ticket('96000000-0000-4000-8000-000000000002', 9600003));

-- True where it runs in a worker, for each row. In truth restricted: the test
-- lies.
CREATE FUNCTION regress.in_worker(leader integer) RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$ BEGIN RETURN pg_backend_pid() <> leader; END $$;
CREATE TABLE regress.read (read text, by_all boolean);
GRANT SELECT ON regress.read TO PUBLIC;
-- every function that only reads, with arguments that are to be found, or not;
-- those that answer who is asking are for all who ask
INSERT INTO regress.read SELECT r, true FROM unnest(ARRAY[
	$$trainledger.has_level('learner')$$,
	$$trainledger.has_level('reader')$$,
	$$trainledger.has_level('operator')$$,
	$$trainledger.has_level('admin')$$,
	$$trainledger.current_party()$$,
	$$trainledger_internal.first_visible_party()$$,
	$$trainledger_internal.last_visible_party()$$,
	$$trainledger_internal.first_visible_account()$$,
	$$trainledger_internal.last_visible_account()$$,
	$$trainledger_internal.visible_accounts()$$,
	$$trainledger_internal.visible_organisation()$$,
	$$trainledger_internal.visible_email()$$,
	$$trainledger.clock() = statement_timestamp()$$]) r;
INSERT INTO regress.read SELECT r, false FROM unnest(ARRAY[
	$$trainledger.learner_access()$$,
	$$trainledger.reader_access()$$,
	$$trainledger.operator_access()$$,
	$$trainledger.admin_access()$$,
	$$trainledger.monitor_access()$$,
	$$trainledger.home(9600002)$$,
	$$trainledger.home_of('96000000-0000-4000-8000-000000000001')$$,
	$$trainledger.global_id('Person', '1')$$,
	$$trainledger.global_id_key('UGVyc29uOjE=', 'Person')$$,
	$$trainledger.round_amount(1.5, 0)$$,
	$$trainledger.format_amount(1, 2)$$,
	$$trainledger_internal.document_time('2023-04-04Z')$$,
	$$trainledger_internal.given('96000000-0000-4000-8000-000000000002', 'id')$$,
	$$trainledger_internal.trimmed(' a ')$$,
	$$trainledger_internal.folded('A')$$,
	$$(trainledger_api.find_party('barcode', 'parallel-ann')).id$$,
	$$trainledger_api.balance_at(:account, 'infinity')$$,
	$$(trainledger_internal.credit_account(9600002)).balance$$,
	$$trainledger.available_balance(:account)$$,
	$$trainledger_api.available_balance(:account)$$,
	$$trainledger.available_tokens(9600002, '96000000-0000-4000-8000-000000000001')$$,
	$$trainledger_api.available_tokens(9600002, '96000000-0000-4000-8000-000000000001')$$,
	$$trainledger_internal.require_given('x', 'y')$$,
	$$trainledger_internal.refuse_missing('x', 'y', 'z')$$,
	$$trainledger_internal.quantity('x', 1, true) + trainledger_internal.at_scale('x', 1, 0)$$,
	$$trainledger_internal.explained_accounts(9600002, '96000000-0000-4000-8000-000000000001', NULL)$$,
	$$trainledger_internal.lapsed(:account) + trainledger_internal.held(:account, '1')$$,
	$$trainledger.credit_balance(9600002, 'parallel')$$,
	$$trainledger_api.credit_balance(9600002, 'parallel')$$,
	$$trainledger_api.credit_token_balance('default', 'id', '9600002', 'default')$$,
	$$trainledger_api.credit_token_history('default', 'id', '9600002', 'default')$$,
	$$trainledger.pass_covers(9600002, 9600001, '2099-01-01')$$,
	$$trainledger_api.pass_covers(9600002, 9600001, '2099-01-01')$$,
	$$convert_from(trainledger_internal.signup_document(ARRAY(SELECT t FROM trainledger.signup_token t WHERE t.id = 'parallel'), ' '), 'UTF8')$$,
	$$trainledger_internal.signup_error('x', 'y')$$,
	$$trainledger_api.token('parallel')$$,
	$$md5(trainledger_api.tokens(0, 10)::text)$$,
	$$md5(regexp_replace(trainledger.report(), 'As of [^.]*', ''))$$,
	$$md5(regexp_replace(trainledger_api.report(), 'As of [^.]*', ''))$$,
	$$md5(regexp_replace(trainledger_internal.report_page()::text, 'As of [^.]*', ''))$$,
	$$trainledger_internal.fits_xml('a') AND trainledger_internal.report_month() < 'infinity' AND trainledger_internal.report_rows() > 0$$,
	$$trainledger_internal.report_text('a') || trainledger_internal.report_number(1234) || trainledger_internal.report_style()$$,
	$$trainledger_internal.report_bar('{a}', '{1}', '{1}')::text$$,
	$$trainledger_internal.report_table('a', '{b,c}', '{{d}}', '{{1}}', '{1}', 2)::text$$,
	$$trainledger_internal.report_plot('a', '{b,c}', '{1,2}')::text$$,
	$$trainledger_internal.report_months('a', '{b,c}', 1, '{1}', '{d}', NULL, '{2023-04-01}', '{{1}}', 2)::text$$,
	$$md5(concat(trainledger_internal.report_tokens(), trainledger_internal.report_credit(), trainledger_internal.report_revenue(), trainledger_internal.report_expiring(), trainledger_internal.report_holds()))$$,
	$$md5(concat(trainledger_internal.report_passes(), trainledger_internal.report_signups(), trainledger_internal.report_cohorts(), trainledger_internal.report_log()))$$,
	$$trainledger_internal.document_fields('{"a": "b"}', '{"a": "text"}', '{a}')$$,
	$$trainledger.lookup_program('96000000-0000-4000-8000-000000000002')$$,
	$$trainledger.lookup_program_instance('96000000-0000-4000-8000-000000000003')$$,
	$$trainledger_api."LookupProgram"('96000000-0000-4000-8000-000000000002')$$,
	$$trainledger_api."LookupProgramInstance"('96000000-0000-4000-8000-000000000003')$$,
	$$trainledger_api."ListCohorts"('96000000-0000-4000-8000-000000000003')$$,
	$$md5(trainledger_api."ListActivePrograms"()::text)$$,
	$$trainledger_api."ProgramChildList"('96000000-0000-4000-8000-000000000002')$$,
	$$md5(trainledger_api."ProgramsAfter"('{"after": "2023-01-01"}')::text)$$,
	$$trainledger_api."UserTickets"('{"userId": "96000000-0000-4000-8000-000000000001"}')$$]) r;
INSERT INTO regress.read SELECT r, false FROM unnest(ARRAY[
	$$e FROM trainledger.find_party('barcode', 'parallel-ann') e$$,
	$$trainledger.balance_at(a.id, 'infinity') FROM trainledger.account a$$,
	$$e FROM trainledger.account_statement(:account, '-infinity', 'infinity') e$$,
	$$e FROM trainledger_api.account_statement(:account, '-infinity', 'infinity') e$$,
	$$e FROM trainledger_internal.entries_until(:account, 'infinity', true) e$$,
	$$e FROM trainledger.why(9600002, '96000000-0000-4000-8000-000000000001') e$$,
	$$e FROM trainledger_api.why(9600002, '96000000-0000-4000-8000-000000000001') e$$,
	$$e FROM trainledger_internal.movements(ARRAY[:account], 9600002, '96000000-0000-4000-8000-000000000001', 'infinity') e$$,
	$$e FROM trainledger_internal.held_at(9600002, '96000000-0000-4000-8000-000000000001', 'infinity') e$$,
	$$e FROM trainledger_internal.lapsed_on(9600002, '96000000-0000-4000-8000-000000000001', 'infinity') e$$,
	$$e FROM trainledger.token_lot l, trainledger_internal.over_parts(l.id) e$$,
	$$e FROM trainledger_internal.unswept() e$$, $$trainledger_internal.summed_upto()$$,
	$$trainledger.prove_entry(:account, 1)$$, $$trainledger_api.prove_entry(:account, 1)$$,
	$$trainledger.entry_leaf(:account, 1)$$, $$trainledger_api.entry_leaf(:account, 1)$$,
	$$trainledger.entry_texts(:account, 1)$$, $$trainledger_api.entry_texts(:account, 1)$$,
	$$trainledger.checkpoint_text()$$, $$trainledger_api.checkpoint_text()$$,
	$$trainledger.prove_consistency(1)$$, $$trainledger_api.prove_consistency(1)$$,
	$$trainledger_internal.log_line(1::bigint, 'x'::text)$$, $$trainledger_internal.log_texts('x', 'x'::text)$$, $$trainledger_internal.log_leaf_hash('x')$$, $$trainledger_internal.keeps_home(1)$$, $$trainledger_internal.sealed_numbers()$$,
	$$e FROM trainledger.verify() e$$, $$e FROM trainledger_api.verify() e$$,
	$$trainledger_internal.require_active(e, 'x') FROM trainledger.token_type e WHERE e.is_active$$,
	$$trainledger_internal.round_to_scale('x', 1, e, 'round') FROM trainledger.token_type e$$,
	$$trainledger_internal.check_available(a, t, 0) FROM trainledger.account a JOIN trainledger.token_type t ON t.id = a.token_type_id WHERE a.party_id IN (9600002, 9600003)$$,
	$$trainledger.balance_by(a.id, '2100-01-01', '2100-01-01') FROM trainledger.account a$$,
	$$e FROM trainledger_api.balance_by(:account, 'infinity') e$$,
	$$e FROM trainledger.holdings(9600002) e$$,
	$$e FROM trainledger_api.holdings(9600002) e$$,
	$$e FROM trainledger.credit_history(9600002) e$$,
	$$e FROM trainledger.reconcile() e$$,
	$$e FROM trainledger.strays() e$$,
	$$e FROM trainledger_api.reconcile(:account) e$$,
	$$e FROM trainledger_api.credit_history(9600002) e$$,
	$$e FROM trainledger.list_active_programs() e$$,
	$$e FROM trainledger.list_cohorts('96000000-0000-4000-8000-000000000003') e$$,
	$$e FROM trainledger.program_child_list('96000000-0000-4000-8000-000000000002') e$$,
	$$e FROM trainledger.programs_after('2023-01-01') e$$,
	$$e FROM trainledger.user_tickets(9600003) e$$,
	$$trainledger_internal.program_document(e) FROM trainledger.program_info e$$,
	$$trainledger_internal.program_kind_document(e) FROM trainledger.program_kind e$$,
	$$e FROM trainledger_api.parties p, trainledger_api.organisation(p) e$$,
	$$e FROM trainledger_api.parties p, trainledger_api.training_pass_uses(p) e$$,
	$$e FROM trainledger_api.credit_accounts a, trainledger_api.credit_transactions(a) e$$,
	$$e FROM trainledger_api.credit_transactions t, trainledger_api.credit_accounts(t) e$$,
	$$e FROM trainledger_api.holds h, trainledger_api.account(h) e$$,
	$$e FROM trainledger_api.credit_accounts a, trainledger_api.holds(a) e$$,
	$$e FROM trainledger_api.training_token_issues i, trainledger_api.training_token_transactions(i) e$$,
	$$e FROM trainledger_api.training_token_transactions t, trainledger_api.training_token_issues(t) e$$,
	$$e FROM trainledger_api.training_pass_uses u, trainledger_api.parties(u) e$$,
	$$e FROM trainledger_api.program_kinds k, trainledger_api.parent(k) e$$,
	$$e FROM trainledger_api.program_kinds k, trainledger_api.children(k) e$$]) r;
UPDATE regress.read SET read = replace(read, ':account', regress.account('parallel-ann')::text);
-- none is left out that may run beside a parallel plan
SELECT p.oid::regprocedure AS not_read FROM pg_proc p JOIN (SELECT level, function_name, false AS internal FROM trainledger.privilege
	UNION ALL SELECT level, function_name, true FROM trainledger_internal.privilege) v
	ON v.function_name = p.proname AND v.internal = (p.pronamespace = 'trainledger_internal'::regnamespace)
WHERE p.pronamespace::regnamespace::text ~ '^trainledger' AND (p.provolatile <> 'v' OR p.proparallel <> 'u') AND p.proname NOT IN ('refuse', 'party_by', 'sync_cohort_preview', 'why_not')
AND NOT EXISTS (SELECT FROM regress.read r WHERE r.read ~ (p.pronamespace::regnamespace || '\."?' || p.proname || '"?\(')) ORDER BY 1::text;
-- and every table, all in one statement
CREATE TABLE regress.tables AS
SELECT string_agg(format('SELECT %L AS name, regress.in_worker(%%1$s) AS in_worker, t::text AS answer FROM %s t', c.relname, c.oid::regclass), ' UNION ALL ') AS statement
FROM pg_class c WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind = 'r';
GRANT SELECT ON regress.tables TO PUBLIC;

-- Each of them alone and with workers: a plan as a whole is in one where the
-- marks let it go there; of tables the scans are, and with them their policies.
-- A refusal is an answer too.
CREATE FUNCTION regress.workers(whole boolean, scans boolean) RETURNS bigint LANGUAGE sql
AS $$
	SELECT count(set_config(s.name, CASE WHEN s.name ~ '^(force|debug)' THEN CASE WHEN whole THEN 'regress' ELSE 'off' END
		-- alone is alone, also where other tests have made tables large
		WHEN s.name ~ '^max_' THEN CASE WHEN whole OR scans THEN s.boot_val ELSE '0' END
		WHEN s.vartype = 'bool' THEN (NOT scans)::text WHEN scans THEN '0' ELSE s.boot_val END, false))
	FROM pg_settings s WHERE s.name IN ('force_parallel_mode', 'debug_parallel_query', 'parallel_setup_cost', 'parallel_tuple_cost',
		'min_parallel_table_scan_size', 'max_parallel_workers_per_gather', 'parallel_leader_participation', 'enable_indexscan', 'enable_bitmapscan')
$$;
CREATE TABLE regress.answer (who text, workers boolean, read text, in_worker boolean, answer text);
GRANT INSERT ON regress.answer TO PUBLIC;
CREATE FUNCTION regress.read_all(who text, workers boolean, everything boolean) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
	found regress.answer;
	all_found regress.answer[];
BEGIN
	found.who := who;
	found.workers := workers;
	PERFORM regress.workers(workers, false);
	FOR found.read IN SELECT r.read FROM regress.read r WHERE everything OR r.by_all LOOP
		BEGIN
			EXECUTE format('SELECT bool_or(x.in_worker), string_agg(x.answer, '','' ORDER BY x.answer) FROM (
				SELECT regress.in_worker(%s), (%s) x(in_worker, answer)', pg_backend_pid(),
				-- the row, or the expression, and what it is from
				regexp_replace(found.read, '^(.*?)( FROM .*)?$', '\1)::text\2')) INTO found.in_worker, found.answer;
		EXCEPTION WHEN OTHERS THEN
			found.in_worker := NULL;
			found.answer := SQLSTATE || ' ' || SQLERRM;
		END;
		INSERT INTO regress.answer SELECT found.*;
	END LOOP;
	IF everything THEN
		PERFORM regress.workers(false, workers);
		EXECUTE format((SELECT 'SELECT array_agg(ROW(NULL, NULL, y.*)::regress.answer) FROM (SELECT x.name, bool_or(x.in_worker),
			md5(string_agg(x.answer, '','' ORDER BY x.answer)) FROM (' || t.statement || ') x GROUP BY 1) y' FROM regress.tables t), pg_backend_pid())
			INTO all_found;
		INSERT INTO regress.answer SELECT read_all.who, read_all.workers, a.read, a.in_worker, a.answer FROM unnest(all_found) a;
	END IF;
	PERFORM regress.workers(false, false);
END
$$;
DO $$
DECLARE
	asking record;
	workers boolean;
BEGIN
	FOR asking IN
		SELECT * FROM (VALUES
			('learner', 'regress_learner', '9600003', '{"party_id": 9600002, "sub": "ann"}', true),
			('learner with a setting', 'regress_learner', '9600003', '', false),
			('learner that is nobody', 'regress_learner', '', '{"sub": "x"}', false),
			('reader', 'regress_reader', '', '', true), ('operator', 'regress_operator', '9600002', '', false),
			('admin', 'regress_admin', '', '', false), ('owner', 'none', '', '', false)) v(who, role, party, claims, everything)
	LOOP
		FOREACH workers IN ARRAY '{false,true}'::boolean[] LOOP
			PERFORM set_config('trainledger.party_id', asking.party, true), set_config('request.jwt.claims', asking.claims, true),
				set_config('role', asking.role, true);
			PERFORM regress.read_all(asking.who, workers, asking.everything);
			PERFORM set_config('role', 'none', true);
		END LOOP;
	END LOOP;
END
$$;
SELECT s.who, s.read, s.answer AS alone, w.answer AS in_worker
FROM regress.answer s FULL JOIN regress.answer w ON w.who = s.who AND w.read = s.read AND w.workers
WHERE NOT s.workers AND s.answer IS DISTINCT FROM w.answer ORDER BY 1, 2;
-- they did run there, and alone none did; what only the leader knows stayed there
SELECT who, count(*) FILTER (WHERE in_worker AND workers) > CASE WHEN who IN ('learner', 'reader') THEN 40 ELSE 5 END AS many,
	count(*) FILTER (WHERE in_worker AND NOT workers) AS alone
FROM regress.answer GROUP BY 1 ORDER BY 1;
SELECT DISTINCT read FROM regress.answer WHERE in_worker AND read ~ '(has_level|reconcile)\(' ORDER BY 1;
-- and so did scans, each with its policy
SELECT who, count(*) > 2 AS some FROM regress.answer WHERE workers AND in_worker
AND read IN ('account', 'entry', 'membership', 'party', 'ticket', 'token_lot', 'token_type') GROUP BY 1 ORDER BY 1;
-- and answers differ with who asks
SELECT read, string_agg(who || ': ' || coalesce(answer, 'null'), ', ' ORDER BY who) FROM regress.answer
WHERE workers AND read ~ '^trainledger(_internal)?.(has_level\(.reader|current_party|visible_email)' GROUP BY 1 ORDER BY 1;

-- Inside a function that acts as the owner the caller is still the caller, and
-- a definer function of an application is its owner, who sees what is its own.
CREATE FUNCTION regress.seen() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT count(*) FROM trainledger.party p WHERE p.barcode ~ '^parallel-' $$;
ALTER FUNCTION regress.seen() OWNER TO regress_learner;
CREATE FUNCTION regress.look() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE
	seen text;
BEGIN
	EXECUTE 'SELECT format(''admin %s, operator %s, the application sees %s'', trainledger.has_level(''admin''), trainledger.has_level(''operator''), regress.seen())'
		INTO seen;
	RAISE NOTICE '%', seen;
	RETURN NULL;
END
$$;
CREATE TRIGGER regress_look AFTER INSERT ON trainledger.party FOR EACH STATEMENT EXECUTE FUNCTION regress.look();
SET trainledger.party_id = 9600002;
SET ROLE regress_operator;
SELECT count(trainledger.add_party('person', 'parallel'));
SELECT regress.workers(true, false);
SELECT count(trainledger.add_party('person', 'parallel'));
SET ROLE regress_admin;
SELECT count(trainledger.add_party('person', 'parallel'));
SELECT regress.workers(false, false);
RESET ROLE;
RESET trainledger.party_id;
DROP TRIGGER regress_look ON trainledger.party;
DROP FUNCTION regress.look(), regress.seen(), regress.read_all(text, boolean, boolean), regress.workers(boolean, boolean), regress.in_worker(integer);
DROP TABLE regress.answer, regress.read, regress.tables;
