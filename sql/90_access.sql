-- Who may do what (contract, section 15)

/*
 * The one place that says which level a function is for.  Each level has what
 * the ones before it have.  A name stands for the function in trainledger and
 * for the one of the same name in trainledger_api.
 */
CREATE VIEW trainledger.privilege WITH (security_invoker = true) AS
SELECT p.level, p.function_name
FROM (
	SELECT 'learner'::trainledger.access_level, unnest(ARRAY[
		'learner_access', '_refuse', '_party_by', 'has_level', 'current_party',
		'first_visible_party', 'last_visible_party', 'visible_accounts',
		'first_visible_account', 'last_visible_account',
		'clock', 'home', 'home_of', 'global_id', 'global_id_key',
		'round_amount', 'format_amount',
		'find_party', 'balance_at', 'entries_until', 'account_statement',
		'holdings', 'visible_organisation', 'pass_covers',
		'credit_account', 'credit_balance', 'credit_history',
		'credit_token_balance', 'credit_token_history',
		'claim_signup_token',
		'visible_email', 'lookup_program', 'lookup_program_instance',
		'list_cohorts', 'list_active_programs', 'user_tickets',
		'program_child_list', 'programs_after', 'LookupProgram',
		'LookupProgramInstance', 'ListCohorts', 'ListActivePrograms',
		'UserTickets', 'ProgramChildList', 'ProgramsAfter',
		'document_fields', 'document_time', 'program_document',
		'program_kind_document',
		'organisation', 'credit_transactions', 'credit_accounts',
		'training_token_transactions', 'training_token_issues',
		'parties', 'training_pass_uses', 'parent', 'children'])
	UNION ALL
	SELECT 'reader', unnest(ARRAY[
		'reader_access', 'reconcile', 'tokens', 'token', 'signup_document',
		'signup_error'])
	UNION ALL
	SELECT 'operator', unnest(ARRAY[
		'operator_access', 'add_party', 'update_party', 'post', 'post_batch',
		'issue_training_tokens', 'extend_training_tokens',
		'adjust_training_tokens', 'redeem_training_tokens',
		'refund_training_tokens', 'issue_pass', 'renew_pass', 'revoke_pass',
		'reassign_pass', 'use_pass',
		'credit_init', 'credit_add', 'credit_subtract',
		'credit_token_transaction', 'credit_token_transaction_init',
		'credit_token_transaction_add', 'credit_token_transaction_subtract',
		'modify_program_membership', 'update_user_cohort_state',
		'confirm_cohort', 'sync_cohort', 'sync_cohort_preview',
		'create_program_ticket', 'consume_ticket', 'cancel_ticket',
		'ModifyProgramMembership', 'UpdateUserCohortState', 'ConfirmCohort',
		'SyncCohort', 'CreateProgramTicket'])
	UNION ALL
	SELECT 'admin', unnest(ARRAY[
		'admin_access', 'add_catalog_item', 'add_region', 'add_currency',
		'add_credit_token_type', 'add_training_token_type',
		'update_token_type', 'expire_training_tokens',
		'create_pass_type', 'update_pass_type', 'add_pass_content',
		'remove_pass_content', 'add_path_courses', 'remove_path_courses',
		'create_pass_option', 'update_pass_option', 'create_pass_price',
		'update_pass_price', 'create_signup_token', 'update_signup_token',
		'import_signup_tokens', 'apply_signup_tokens', 'create_tokens',
		'update_tokens',
		'add_program_kind', 'add_program', 'update_program',
		'grant_access', 'revoke_access'])
) AS p(level, function_name);
COMMENT ON VIEW trainledger.privilege IS
'Which level of access each function is for.';
COMMENT ON COLUMN trainledger.privilege.level IS 'Lowest level that may call it.';
COMMENT ON COLUMN trainledger.privilege.function_name IS 'Name of the function, in trainledger and in trainledger_api.';

CREATE FUNCTION trainledger.grant_access(
	role_name name, level trainledger.access_level) RETURNS void
AS 'MODULE_PATHNAME', 'tl_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger.grant_access(name, trainledger.access_level) FROM PUBLIC;
COMMENT ON FUNCTION trainledger.grant_access(name, trainledger.access_level) IS
'Gives a role a level of access, in place of the one it has; again after an upgrade, for what is new. Level admin.';

CREATE FUNCTION trainledger.revoke_access(role_name name) RETURNS void
AS 'MODULE_PATHNAME', 'tl_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger.revoke_access(name) FROM PUBLIC;
COMMENT ON FUNCTION trainledger.revoke_access(name) IS
'Takes all access from a role. Level admin.';

CREATE FUNCTION trainledger._require_role(role_name name) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF role_name IS NULL THEN
		PERFORM trainledger._refuse('TL400', 'role_name is missing',
			'The argument role_name is null.', 'Give the name of a role.',
			'role_name');
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
		PERFORM trainledger._refuse('TL404', 'role not found',
			format('There is no role %I.', role_name),
			'Create the role first.', 'role_name');
	END IF;
END;
$$;
REVOKE ALL ON FUNCTION trainledger._require_role(name) FROM PUBLIC;
COMMENT ON FUNCTION trainledger._require_role(name) IS
'Internal: TL400 where no role is given, TL404 where there is no such role.';

CREATE FUNCTION trainledger._owns_the_books(role_name name) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM pg_class c
				   JOIN pg_roles r ON r.oid = c.relowner
				   WHERE c.oid = 'trainledger.account'::regclass
				   AND r.rolname = role_name);
END;
$$;
REVOKE ALL ON FUNCTION trainledger._owns_the_books(name) FROM PUBLIC;
COMMENT ON FUNCTION trainledger._owns_the_books(name) IS
'Internal: whether a role is the owner that all writes act as.';

CREATE FUNCTION trainledger._revoke_access(role_name name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema_name text;
BEGIN
	PERFORM trainledger._require_role(role_name);
	IF trainledger._owns_the_books(role_name) THEN
		PERFORM trainledger._refuse('TL409', 'role owns the books',
			format('Role %I is the owner, who may do everything.', role_name),
			'Give the books to another owner first.', 'role_name');
	END IF;
	-- one at a time: others write the same rows of the catalog
	LOCK TABLE trainledger.privilege IN SHARE UPDATE EXCLUSIVE MODE;
	FOR schema_name IN
		SELECT n.nspname FROM pg_namespace n
		WHERE n.nspname IN ('trainledger', 'trainledger_api',
							'trainledger_graphql')
	LOOP
		EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I',
					   schema_name, role_name);
		EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM %I',
					   schema_name, role_name);
		EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA %I FROM %I',
					   schema_name, role_name);
		EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I',
					   schema_name, role_name);
	END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION trainledger._revoke_access(name) FROM PUBLIC;
COMMENT ON FUNCTION trainledger._revoke_access(name) IS
'Internal: the work of revoke_access, as the owner.';

CREATE FUNCTION trainledger._grant_access(
	role_name name, level trainledger.access_level) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema_name text;
	routine regprocedure;
BEGIN
	IF level IS NULL THEN
		PERFORM trainledger._refuse('TL400', 'level is missing',
			'The argument level is null.',
			'Give learner, reader, operator or admin.', 'level');
	END IF;
	PERFORM trainledger._require_role(role_name);
	-- whatever level the owner is given, it may do everything
	IF trainledger._owns_the_books(role_name) THEN
		RETURN;
	END IF;
	PERFORM trainledger._revoke_access(role_name);
	FOR schema_name IN
		SELECT n.nspname FROM pg_namespace n
		WHERE n.nspname IN ('trainledger', 'trainledger_api',
							'trainledger_graphql')
	LOOP
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I',
					   schema_name, role_name);
		EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I',
					   schema_name, role_name);
	END LOOP;
	FOR routine IN
		SELECT p.oid::regprocedure
		FROM pg_proc p
		JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname = 'trainledger_graphql'
		OR (n.nspname IN ('trainledger', 'trainledger_api')
			AND p.proname IN (SELECT v.function_name
							  FROM trainledger.privilege v
							  WHERE v.level <= _grant_access.level))
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I',
					   routine, role_name);
	END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION trainledger._grant_access(name, trainledger.access_level) FROM PUBLIC;
COMMENT ON FUNCTION trainledger._grant_access(name, trainledger.access_level) IS
'Internal: the work of grant_access, as the owner.';
