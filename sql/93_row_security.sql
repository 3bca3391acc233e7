-- Who sees which rows (contract, section 12)

/*
 * What policies compare with (src/access/visible.c): a range can use an index,
 * which "mine or reader" could not.  A reader sees everything, a learner its
 * own party, nobody's party nothing: an empty range.
 */
CREATE FUNCTION trainledger_internal.first_visible_party() RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_first_visible_party'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.first_visible_party IS
'Lower end of the party ids whose rows the caller may see; for row-level security.';

CREATE FUNCTION trainledger_internal.last_visible_party() RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_last_visible_party'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.last_visible_party IS
'Upper end of the party ids whose rows the caller may see; for row-level security.';

CREATE FUNCTION trainledger_internal.visible_organisation() RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT p.organisation_id FROM trainledger.party p
			WHERE p.id = trainledger.current_party()
			AND NOT has_function_privilege(
				'trainledger.reader_access()'::regprocedure, 'EXECUTE'));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.visible_organisation IS
'Organisation whose lots of training tokens the caller may see besides its own; for row-level security.';

CREATE FUNCTION trainledger_internal.visible_email() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT folded(p.email) FROM trainledger.party p
			WHERE p.id = trainledger.current_party()
			AND NOT has_function_privilege(
				'trainledger.reader_access()'::regprocedure, 'EXECUTE'));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.visible_email IS
'Address whose tickets the caller may see besides its own; for row-level security.';

CREATE FUNCTION trainledger_internal.visible_accounts() RETURNS int8multirange
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	-- the condition on the party uses an index; row-level security then
	-- leaves out accounts that the caller may not see
	parties bigint[] := ARRAY[trainledger.current_party(),
							  visible_organisation()];
BEGIN
	RETURN (SELECT range_agg(int8range(a.id, a.id, '[]'))
			FROM trainledger.account a
			WHERE a.party_id = ANY (parties));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.visible_accounts IS
'Ids of the accounts that a learner may see; null where there are none. For row-level security of entries.';

CREATE FUNCTION trainledger_internal.least_visible_account() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT lower(trainledger_internal.visible_accounts());
END;
COMMENT ON FUNCTION trainledger_internal.least_visible_account IS
'The least id of the accounts that a learner may see.';

CREATE FUNCTION trainledger_internal.greatest_visible_account() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT upper(trainledger_internal.visible_accounts()) - 1;
END;
COMMENT ON FUNCTION trainledger_internal.greatest_visible_account IS
'The greatest id of the accounts that a learner may see.';

CREATE FUNCTION trainledger_internal.first_visible_account() RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_first_visible_account'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.first_visible_account IS
'Lower end of the account ids among which are those whose entries the caller may see; for row-level security.';

CREATE FUNCTION trainledger_internal.last_visible_account() RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_last_visible_account'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.last_visible_account IS
'Upper end of the account ids among which are those whose entries the caller may see; for row-level security.';

/*
 * One policy for each table.  The catalogue is for every level; it has policies
 * all the same: an event trigger that turns row security on for every new
 * table, as hosting companies have, would else empty it for everybody.  A code
 * of a signup token is worth a place, so that only readers see it.
 */
DO $$
DECLARE
	ids CONSTANT text :=
		'BETWEEN trainledger_internal.first_visible_party()'
		' AND trainledger_internal.last_visible_party()';
	own CONSTANT text := 'party_id ' || ids;
	lots CONSTANT text := own
		|| ' OR party_id = (SELECT trainledger_internal.visible_organisation())';
	reader CONSTANT text := '(SELECT pg_catalog.has_function_privilege('
		'''trainledger.reader_access()''::pg_catalog.regprocedure, ''EXECUTE''))';
	rule record;
BEGIN
	FOR rule IN SELECT r.* FROM (VALUES
		('party', 'id ' || ids, 'Readers see all parties, a learner itself.'),
		('catalog_item', 'true', 'Every level sees the whole catalogue.'),
		('region', 'true', 'Every level sees all regions.'),
		('currency', 'true', 'Every level sees all currencies.'),
		('party_request', own, 'Readers see all, a learner its own.'),
		('token_type', 'true', 'Every level sees all types.'),
		('token_type_event', reader,
		 'Readers see all changes, a learner none.'),
		('account', own, 'Readers see all accounts, a learner its own.'),
		('books_check', reader, 'Readers see all checks, a learner none.'),
		('log_origin', reader, 'Readers see all names, a learner none.'),
		('log_block', reader, 'Readers see all blocks, a learner none.'),
		('log_node', reader, 'Readers see all nodes, a learner none.'),
		('log_mark', reader, 'Readers see all marks, a learner none.'),
		('checkpoint', reader, 'Readers see all checkpoints, a learner none.'),
		('month_summary', reader, 'Readers see all sums, a learner none.'),
		('party_salt', reader,
		 'Readers see all salts, as they see all texts; a learner none.'),
		('feed_consumer', reader, 'Readers see all consumers, a learner none.'),
		('log_kept', reader, 'Readers see what is kept, a learner nothing.'),
		('home_event', reader, 'Readers see all events, a learner none.'),
		('token_account', lots,
		 'Readers see all, a learner its own and its organisation''s.'),
		('token_lot', lots,
		 'Readers see all, a learner its own and its organisation''s.'),
		('token_issue_event', reader || ' OR EXISTS (SELECT'
		 ' FROM trainledger.token_lot l WHERE l.id = issue_id)',
		 'Whoever sees the issue sees its events.'),
		('redemption', own, 'Readers see all, a learner its own.'),
		('redemption_allocation', reader || ' OR EXISTS (SELECT'
		 ' FROM trainledger.redemption r WHERE r.id = redemption_id)',
		 'Whoever sees the redemption sees its allocation.'),
		('placed_hold', own, 'Readers see all holds, a learner its own.'),
		('hold_allocation', reader || ' OR EXISTS (SELECT'
		 ' FROM trainledger.placed_hold h WHERE h.id = hold_id)',
		 'Whoever sees the hold sees what keeps it.'),
		('hold_event', reader || ' OR EXISTS (SELECT'
		 ' FROM trainledger.placed_hold h WHERE h.id = hold_id)',
		 'Whoever sees the hold sees its events.'),
		-- those of a ticket that is nobody's yet have no party
		('redaction', reader || ' OR ' || own,
		 'Readers see all redactions, a learner those of its own.'),
		('pass_type', 'true', 'Every level sees all types.'),
		('pass_type_content', 'true', 'Every level sees what a type covers.'),
		('pass_type_option', 'true', 'Every level sees all options.'),
		('pass_type_option_price', 'true', 'Every level sees all prices.'),
		('learning_path_course', 'true',
		 'Every level sees the courses of a learning path.'),
		('pass', own, 'Readers see all passes, a learner its own.'),
		('pass_period', reader || ' OR EXISTS (SELECT'
		 ' FROM trainledger.pass p WHERE p.id = pass_id)',
		 'Whoever sees the pass sees its runs.'),
		('pass_event', own,
		 'Readers see all events, a learner those of its own passes.'),
		('pass_use', own, 'Readers see all uses, a learner its own.'),
		('signup_token', reader, 'Readers see the tokens, a learner none.'),
		('enrolment', own, 'Readers see all enrolments, a learner its own.'),
		('signup_claim', own, 'Readers see all claims, a learner its own.'),
		('claim_event', own,
		 'Readers see all events, a learner those of its own claims.'),
		('program_kind', 'true', 'Every level sees all kinds.'),
		('program', 'true', 'Every level sees all programs.'),
		('cohort', 'true', 'Every level sees all cohorts.'),
		('membership', own, 'Readers see all memberships, a learner its own.'),
		('membership_event', own,
		 'Readers see all events, a learner those of its own memberships.'),
		('ticket', 'holder_id ' || ids || ' OR holder_id = -1'
		 ' AND made_out_to = (SELECT trainledger_internal.visible_email())',
		 'Readers see all tickets, a learner its own and those made out to its address.'),
		('ticket_event', reader || ' OR EXISTS (SELECT'
		 ' FROM trainledger.ticket t WHERE t.id = ticket_id)',
		 'Whoever sees the ticket sees its events.')
	) AS r(relation, condition, comment) LOOP
		EXECUTE pg_catalog.format(
			'CREATE POLICY visible ON trainledger.%I FOR SELECT USING (%s)',
			rule.relation, rule.condition);
		EXECUTE pg_catalog.format(
			'COMMENT ON POLICY visible ON trainledger.%I IS %L',
			rule.relation, rule.comment);
	END LOOP;
END;
$$;

CREATE POLICY visible_lots ON trainledger.account FOR SELECT USING (
	name IS NULL
	AND party_id = (SELECT trainledger_internal.visible_organisation()));
COMMENT ON POLICY visible_lots ON trainledger.account IS
'A learner sees the lots of its organisation.';

/*
 * From the least to the greatest the planner has an index condition on the
 * primary key; whether an id is among them decides.  A reader's range is
 * everything, and its accounts are not looked up.  Functions, and not a
 * sub-select on the accounts, keep those out of the plan: a reader would pay
 * for setting them up with each statement.
 */
CREATE POLICY visible ON trainledger.entry FOR SELECT USING (
	account_id BETWEEN trainledger_internal.first_visible_account()
		AND trainledger_internal.last_visible_account()
	AND ((SELECT pg_catalog.has_function_privilege(
		'trainledger.reader_access()'::pg_catalog.regprocedure, 'EXECUTE'))
		 OR account_id <@ (SELECT trainledger_internal.visible_accounts())));
COMMENT ON POLICY visible ON trainledger.entry IS
'Readers see all entries, a learner those of its own accounts.';
