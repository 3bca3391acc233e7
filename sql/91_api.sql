-- What PostgREST and its like serve (contract, section 12): a view per
-- collection, and functions that relate views to each other.  95_functions.sql
-- makes the other functions; those for documents are with their subjects.

/*
 * The views run with the rights of who reads: row-level security decides.
 * Clients filter without our schema in their search_path, so amounts are
 * numeric here.  Columns with a foreign key, and those that one points to, are
 * passed on from their table, since PostgREST embeds by them and does not look
 * through views outside of this schema.
 *
 * Columns that are commented here have none of their name below; the others
 * take its comment (95_functions.sql).
 */

-- People and catalogue

CREATE VIEW trainledger_api.parties WITH (security_invoker = true) AS
SELECT p.id,
	   trainledger.global_id(
		   pg_catalog.initcap(p.kind::text), p.id::text) AS global_id,
	   p.uuid, p.kind, p.name, p.email, p.rfid, p.barcode, p.external_id,
	   p.organisation_id, p.data, p.flags, p.sources, p.attributes,
	   p.is_suspended, p.created_at, p.updated_at
FROM trainledger.party p;
COMMENT ON VIEW trainledger_api.parties IS
'Organisations and people: account holders, contacts, learners, delegates and users.';
COMMENT ON COLUMN trainledger_api.parties.global_id IS 'Global id: base64 of Organisation:<id> or Person:<id>.';

CREATE VIEW trainledger_api.catalog_items WITH (security_invoker = true) AS
SELECT c.id,
	   CASE c.kind
		   WHEN 'course'
		   THEN trainledger.global_id('CourseTemplate', c.id::text)
		   WHEN 'learning_path'
		   THEN trainledger.global_id('LearningPath', c.id::text) END AS global_id,
	   c.kind, c.code, c.name
FROM trainledger.catalog_item c;
COMMENT ON VIEW trainledger_api.catalog_items IS
'What can be learned: courses, teams, learning paths and collections.';
COMMENT ON COLUMN trainledger_api.catalog_items.global_id IS 'Global id of a course or learning path: base64 of CourseTemplate:<id> or LearningPath:<id>.';

CREATE VIEW trainledger_api.regions WITH (security_invoker = true) AS
SELECT r.code, trainledger.global_id('Region', r.code) AS global_id, r.name
FROM trainledger.region r;
COMMENT ON VIEW trainledger_api.regions IS
'Regions that prices are for.';
COMMENT ON COLUMN trainledger_api.regions.global_id IS 'Global id: base64 of Region:<code>.';

CREATE VIEW trainledger_api.currencies WITH (security_invoker = true) AS
SELECT c.code, c.name, c.minor_units
FROM trainledger.currency c;
COMMENT ON VIEW trainledger_api.currencies IS
'Currencies that prices are in.';

-- Token types of both kinds: update_token_type() returns one of these

CREATE VIEW trainledger_api.token_types WITH (security_invoker = true) AS
SELECT t.id,
	   trainledger.global_id(
		   'TokenType', pg_catalog.replace(t.id::text, '-', '')) AS global_id,
	   t.kind, t.name, t.unit, t.scale,
	   trainledger.amount_to_numeric(pg_catalog.lower(t.bounds)) AS lower_bound,
	   trainledger.amount_to_numeric(pg_catalog.upper(t.bounds)) AS upper_bound,
	   t.symbol,
	   t.description, t.default_days_to_redeem, t.is_active, t.is_archived,
	   t.created_at
FROM trainledger.token_type t;
COMMENT ON VIEW trainledger_api.token_types IS
'Types of tokens of both kinds, credit and training.';
COMMENT ON COLUMN trainledger_api.token_types.global_id IS 'Global id: base64 of TokenType:<id as 32 hex digits>.';
COMMENT ON COLUMN trainledger_api.token_types.lower_bound IS 'Least balance, included; null: no bound.';
COMMENT ON COLUMN trainledger_api.token_types.upper_bound IS 'Greatest balance, included; null: no bound.';

-- Credit accounts

CREATE VIEW trainledger_api.credit_token_types WITH (security_invoker = true) AS
SELECT t.id,
	   trainledger.global_id(
		   'TokenType', pg_catalog.replace(t.id::text, '-', '')) AS global_id,
	   t.name, t.unit, t.scale,
	   trainledger.amount_to_numeric(pg_catalog.lower(t.bounds)) AS lower_bound,
	   trainledger.amount_to_numeric(pg_catalog.upper(t.bounds)) AS upper_bound,
	   t.symbol,
	   t.description, t.is_active, t.is_archived, t.created_at
FROM trainledger.token_type t
WHERE t.kind = 'credit';
COMMENT ON VIEW trainledger_api.credit_token_types IS
'Types of credit tokens.';
COMMENT ON COLUMN trainledger_api.credit_token_types.global_id IS 'Global id: base64 of TokenType:<id as 32 hex digits>.';
COMMENT ON COLUMN trainledger_api.credit_token_types.lower_bound IS 'Least balance, included; null: no bound.';
COMMENT ON COLUMN trainledger_api.credit_token_types.upper_bound IS 'Greatest balance, included; null: no bound.';

CREATE VIEW trainledger_api.credit_accounts WITH (security_invoker = true) AS
SELECT a.id, a.party_id, a.token_type_id, a.name,
	   trainledger.amount_to_numeric(a.balance) AS balance,
	   trainledger.amount_to_numeric(a.initial_balance) AS initial_balance,
	   a.entry_count,
	   a.created_at, a.last_entry_at,
	   trainledger.amount_to_numeric(h.held) AS held,
	   trainledger.amount_to_numeric(a.balance - h.held) AS available_balance
FROM trainledger.account a
CROSS JOIN LATERAL (
	SELECT CASE WHEN a.held = '0'::trainledger.amount THEN a.held
		   ELSE trainledger_internal.held(a.id, a.held) END AS held) AS h
WHERE a.name IS NOT NULL;
COMMENT ON VIEW trainledger_api.credit_accounts IS
'Credit accounts of parties with their balances.';
COMMENT ON COLUMN trainledger_api.credit_accounts.held IS 'What holds keep back now.';
COMMENT ON COLUMN trainledger_api.credit_accounts.available_balance IS 'What can be taken or held now: the balance less what is held.';

CREATE VIEW trainledger_api.credit_transactions WITH (security_invoker = true) AS
SELECT e.account_id, e.entry_no, a.party_id, a.token_type_id, e.operation,
	   trainledger.amount_to_numeric(e.delta) AS delta,
	   trainledger.amount_to_numeric(e.balance) AS balance, e.source,
	   e.description, e.device, e.recorded_at, e.created_at, e.booked_by,
	   e.booking_no, false AS is_replay
FROM trainledger.entry e
JOIN trainledger.account a ON a.id = e.account_id
WHERE a.name IS NOT NULL;
COMMENT ON VIEW trainledger_api.credit_transactions IS
'Entries of credit accounts.';
COMMENT ON COLUMN trainledger_api.credit_transactions.is_replay IS 'False; true where a function answers a request that came again with its idempotency key.';

-- Training tokens.  Columns for the party and the type come from token_account,
-- whose foreign keys PostgREST embeds by.

CREATE VIEW trainledger_api.training_token_types WITH (security_invoker = true) AS
SELECT t.id,
	   trainledger.global_id(
		   'TokenType', pg_catalog.replace(t.id::text, '-', '')) AS global_id,
	   t.name, t.unit, t.scale,
	   trainledger.amount_to_numeric(pg_catalog.lower(t.bounds)) AS lower_bound,
	   trainledger.amount_to_numeric(pg_catalog.upper(t.bounds)) AS upper_bound,
	   t.symbol,
	   t.description, t.default_days_to_redeem, t.is_active, t.is_archived,
	   t.created_at
FROM trainledger.token_type t
WHERE t.kind = 'training';
COMMENT ON VIEW trainledger_api.training_token_types IS
'Types of training tokens.';
COMMENT ON COLUMN trainledger_api.training_token_types.global_id IS 'Global id: base64 of TokenType:<id as 32 hex digits>.';
COMMENT ON COLUMN trainledger_api.training_token_types.lower_bound IS 'Least balance, included; null: no bound.';
COMMENT ON COLUMN trainledger_api.training_token_types.upper_bound IS 'Greatest balance, included; null: no bound.';

CREATE VIEW trainledger_api.training_token_issues WITH (security_invoker = true) AS
SELECT l.id,
	   trainledger.global_id(
		   'TokenIssue', pg_catalog.replace(l.id::text, '-', '')) AS global_id,
	   l.account_id, t.party_id, t.token_type_id,
	   trainledger.amount_to_numeric(i.initial_balance) AS initial_balance,
	   trainledger.amount_to_numeric(i.current_balance) AS current_balance,
	   trainledger.amount_to_numeric(i.booked_balance) AS booked_balance,
	   i.expires_at, i.created_at,
	   l.unit_price, l.currency_code,
	   trainledger.amount_to_numeric(i.held) AS held,
	   trainledger.amount_to_numeric(i.available_balance) AS available_balance
FROM trainledger.token_lot l
JOIN trainledger.token_account t
	ON t.party_id = l.party_id AND t.token_type_id = l.token_type_id
JOIN trainledger.token_issue i ON i.id = l.id;
COMMENT ON VIEW trainledger_api.training_token_issues IS
'Issues of training tokens: lots with their balance and expiry.';
COMMENT ON COLUMN trainledger_api.training_token_issues.global_id IS 'Global id: base64 of TokenIssue:<id as 32 hex digits>.';

CREATE VIEW trainledger_api.training_token_transactions WITH (security_invoker = true) AS
SELECT l.id AS issue_id, e.entry_no, e.account_id, t.party_id, t.token_type_id,
	   e.operation, trainledger.amount_to_numeric(e.delta) AS delta,
	   trainledger.amount_to_numeric(e.balance) AS balance,
	   e.description AS notes, e.recorded_at, e.created_at, e.booked_by,
	   e.booking_no, false AS is_replay
FROM trainledger.entry e
JOIN trainledger.token_lot l ON l.account_id = e.account_id
JOIN trainledger.token_account t
	ON t.party_id = l.party_id AND t.token_type_id = l.token_type_id;
COMMENT ON VIEW trainledger_api.training_token_transactions IS
'Movements of issues of training tokens.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.issue_id IS 'Issue that was moved.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.notes IS 'Notes of the call.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.is_replay IS 'False, as in credit_transactions where they are listed.';

CREATE VIEW trainledger_api.redemptions WITH (security_invoker = true) AS
SELECT r.id, t.party_id, t.token_type_id,
	   trainledger.amount_to_numeric(r.quantity) AS quantity,
	   trainledger.amount_to_numeric(r.refunded) AS refunded, r.reference,
	   r.created_at, r.hold_id
FROM trainledger.redemption r
JOIN trainledger.token_account t
	ON t.party_id = r.party_id AND t.token_type_id = r.token_type_id;
COMMENT ON VIEW trainledger_api.redemptions IS
'Redemptions of training tokens.';

-- Holds

CREATE VIEW trainledger_api.holds WITH (security_invoker = true) AS
SELECT p.id, p.party_id, p.token_type_id, p.account_id,
	   trainledger.amount_to_numeric(p.quantity) AS quantity,
	   trainledger.amount_to_numeric(p.captured) AS captured,
	   trainledger.amount_to_numeric(p.released) AS released,
	   p.reference, p.notes, p.source, p.device, p.expires_at, p.created_at,
	   p.placed_by, h.status
FROM trainledger.placed_hold p
JOIN trainledger.hold h ON h.id = p.id;
COMMENT ON VIEW trainledger_api.holds IS
'Holds: tokens kept back until they are taken or let go.';

CREATE VIEW trainledger_api.hold_allocations WITH (security_invoker = true) AS
SELECT x.hold_id, x.ordinal, x.account_id, x.issue_id,
	   trainledger.amount_to_numeric(x.quantity) AS quantity,
	   trainledger.amount_to_numeric(x.captured) AS captured,
	   trainledger.amount_to_numeric(x.released) AS released
FROM trainledger.hold_allocation x;
COMMENT ON VIEW trainledger_api.hold_allocations IS
'Which lot or account keeps how much back for which hold.';

CREATE VIEW trainledger_api.hold_events WITH (security_invoker = true) AS
SELECT v.id, v.hold_id, v.event,
	   trainledger.amount_to_numeric(v.quantity) AS quantity,
	   v.redemption_id, v.account_id, v.entry_no, v.expires_at, v.notes,
	   v.changed_by, v.created_at, v.booking_no
FROM trainledger.hold_event v;
COMMENT ON VIEW trainledger_api.hold_events IS
'What happened to holds.';

CREATE VIEW trainledger_api.redemption_allocations WITH (security_invoker = true) AS
SELECT a.redemption_id, a.ordinal, a.issue_id,
	   trainledger.amount_to_numeric(a.quantity) AS quantity,
	   trainledger.amount_to_numeric(a.refunded) AS refunded
FROM trainledger.redemption_allocation a;
COMMENT ON VIEW trainledger_api.redemption_allocations IS
'Which issue gave how much to which redemption.';

-- Training passes

CREATE VIEW trainledger_api.training_pass_types WITH (security_invoker = true) AS
SELECT t.id,
	   trainledger.global_id('TrainingPassType', t.id::text) AS global_id,
	   t.code, t.name, t.description, t.lifecycle_state, t.created_at
FROM trainledger.pass_type t;
COMMENT ON VIEW trainledger_api.training_pass_types IS
'Types of training passes.';
COMMENT ON COLUMN trainledger_api.training_pass_types.global_id IS 'Global id: base64 of TrainingPassType:<id>.';

CREATE VIEW trainledger_api.training_pass_type_contents WITH (security_invoker = true) AS
SELECT c.pass_type_id, c.item_id
FROM trainledger.pass_type_content c;
COMMENT ON VIEW trainledger_api.training_pass_type_contents IS
'Courses and learning paths that pass types give access to.';

CREATE VIEW trainledger_api.training_pass_type_options WITH (security_invoker = true) AS
SELECT o.id,
	   trainledger.global_id('TrainingPassTypeOption', o.id::text) AS global_id,
	   o.pass_type_id, o.name, o.validity_unit, o.validity_value,
	   o.lifecycle_state, o.created_at
FROM trainledger.pass_type_option o;
COMMENT ON VIEW trainledger_api.training_pass_type_options IS
'Options of pass types: how long a pass is valid.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.global_id IS 'Global id: base64 of TrainingPassTypeOption:<id>.';

CREATE VIEW trainledger_api.training_pass_type_prices WITH (security_invoker = true) AS
SELECT p.id,
	   trainledger.global_id(
		   'TrainingPassTypeOptionPrice', p.id::text) AS global_id,
	   p.option_id, p.region_code, p.currency_code,
	   trainledger.amount_to_numeric(p.amount) AS amount
FROM trainledger.pass_type_option_price p;
COMMENT ON VIEW trainledger_api.training_pass_type_prices IS
'Prices of options, by region and currency.';
COMMENT ON COLUMN trainledger_api.training_pass_type_prices.global_id IS 'Global id: base64 of TrainingPassTypeOptionPrice:<id>.';

CREATE VIEW trainledger_api.training_passes WITH (security_invoker = true) AS
SELECT k.id, trainledger.global_id('TrainingPass', k.id::text) AS global_id,
	   k.pass_type_id, k.option_id, k.party_id, p.valid_from, p.valid_until,
	   p.lifecycle_state, p.status, p.created_at
FROM trainledger.pass k
JOIN trainledger.training_pass p ON p.id = k.id;
COMMENT ON VIEW trainledger_api.training_passes IS
'Training passes of people with their status now.';
COMMENT ON COLUMN trainledger_api.training_passes.global_id IS 'Global id: base64 of TrainingPass:<id>.';

CREATE VIEW trainledger_api.pass_periods WITH (security_invoker = true) AS
SELECT r.pass_id, r.valid_from, r.valid_until
FROM trainledger.pass_period r;
COMMENT ON VIEW trainledger_api.pass_periods IS
'Runs of passes: when each is valid without a break.';

CREATE VIEW trainledger_api.training_pass_uses WITH (security_invoker = true) AS
SELECT u.id, u.pass_id, u.party_id, u.item_id, u.reference, u.created_at,
	   u.cancelled_at, u.cancelled_by, u.cancel_reason
FROM trainledger.pass_use u;
COMMENT ON VIEW trainledger_api.training_pass_uses IS
'Bookings that were made on passes.';

-- Self-signup tokens

CREATE VIEW trainledger_api.signup_tokens WITH (security_invoker = true) AS
SELECT t.id, t.code, t.type, t.type_id, t.active,
	   t.maximum_activations, t.activations, t.expiration, t.created_at
FROM trainledger.signup_token t;
COMMENT ON VIEW trainledger_api.signup_tokens IS
'Signup tokens: codes with which learners enrol themselves. For readers.';

CREATE VIEW trainledger_api.signup_claims WITH (security_invoker = true) AS
SELECT c.id, c.signup_token_id, c.party_id, c.enrolment_id, c.created_at,
	   c.cancelled_at, c.cancel_reason, c.cancelled_by
FROM trainledger.signup_claim c;
COMMENT ON VIEW trainledger_api.signup_claims IS
'Who claimed which signup token.';

CREATE VIEW trainledger_api.enrolments WITH (security_invoker = true) AS
SELECT e.id, e.party_id, e.item_id, e.created_at, e.ended_at
FROM trainledger.enrolment e;
COMMENT ON VIEW trainledger_api.enrolments IS
'Who is enrolled into which course, team, learning path or collection.';

-- Programs, cohorts, tickets

CREATE VIEW trainledger_api.program_kinds WITH (security_invoker = true) AS
SELECT k.id, k.parent_id, k.name, k.handle
FROM trainledger.program_kind k;
COMMENT ON VIEW trainledger_api.program_kinds IS
'Kinds of programs, in a tree.';

CREATE VIEW trainledger_api.programs WITH (security_invoker = true) AS
SELECT p.id, p.kind_id, p.name, p.start_date, p.duration, p.mode, p.priority,
	   p.is_active, p.created_at, p.updated_at
FROM trainledger.program p;
COMMENT ON VIEW trainledger_api.programs IS
'Programs: a kind of program that is held from a day on.';

CREATE VIEW trainledger_api.cohorts WITH (security_invoker = true) AS
SELECT c.id, c.program_id, c.name, c.created_at
FROM trainledger.cohort c;
COMMENT ON VIEW trainledger_api.cohorts IS
'Cohorts: groups that go through a program together.';

CREATE VIEW trainledger_api.memberships WITH (security_invoker = true) AS
SELECT m.program_id, m.party_id, m.cohort_id, m.role, m.state, m.comments,
	   m.state_detail, m.created_at, m.updated_at
FROM trainledger.membership m;
COMMENT ON VIEW trainledger_api.memberships IS
'Who takes part in which program.';

CREATE VIEW trainledger_api.tickets WITH (security_invoker = true) AS
SELECT t.id, t.party_id, t.email, t.program_kind_id, t.state, t.external_id,
	   t.sku, t.base_sku, t.consumed_program_id, t.created_at, t.consumed_at,
	   t.canceled_at
FROM trainledger.ticket t;
COMMENT ON VIEW trainledger_api.tickets IS
'Tickets: rights to take part in a program of a kind.';

-- Reports (contract, section 14): the views of trainledger, with their comments

DO $$
DECLARE
	report name;
	columns text;
BEGIN
	FOREACH report IN ARRAY '{balances,token_liability,credit_liability,
		token_revenue,tokens_expiring,hold_overview,pass_utilisation,signup_funnel,
		cohort_progress,ledger_metrics}'::name[]
	LOOP
		SELECT pg_catalog.string_agg(pg_catalog.format(
				CASE a.atttypid
				WHEN 'trainledger.amount'::pg_catalog.regtype
				THEN 'trainledger.amount_to_numeric(r.%1$I) AS %1$I'
				ELSE 'r.%1$I' END, a.attname), ', ' ORDER BY a.attnum)
		INTO columns
		FROM pg_catalog.pg_attribute a
		WHERE a.attnum > 0 AND a.attrelid =
			pg_catalog.format('trainledger.%I', report)::pg_catalog.regclass;
		EXECUTE pg_catalog.format('CREATE VIEW trainledger_api.%1$I'
			' WITH (security_invoker = true) AS'
			' SELECT %2$s FROM trainledger.%1$I r', report, columns);
		EXECUTE pg_catalog.format('COMMENT ON VIEW trainledger_api.%I IS %L',
			report, pg_catalog.obj_description(pg_catalog.format(
				'trainledger.%I', report)::pg_catalog.regclass, 'pg_class'));
	END LOOP;
END;
$$;

CREATE VIEW trainledger_api.checkpoints WITH (security_invoker = true) AS
SELECT v.origin, v.size, encode(v.root, 'base64') AS root, v.last_booking_no,
	   v.created_at, v.note
FROM trainledger.checkpoint v;
COMMENT ON VIEW trainledger_api.checkpoints IS
'States of the log: size and root of the tree, and the note with the signatures.';

/*
 * Relations without a foreign key, for embedding: an entry has none to its
 * account, nor has what refers to its own table.  PostgREST takes a function of
 * a view's row for a relation of that name: of the rows of result whose column
 * key is the row's column refers.  The bodies are text, since one in BEGIN
 * ATOMIC would not grow with the view.
 */
DO $$
DECLARE
	relation record;
BEGIN
	FOR relation IN SELECT r.* FROM (VALUES
		('organisation', 'parties', 'parties', 'id', 'organisation_id', 1,
		 'Organisation of a party, for embedding.'),
		('credit_transactions', 'credit_accounts',
		 'credit_transactions', 'account_id', 'id', 1000,
		 'Transactions of a credit account, for embedding.'),
		('credit_accounts', 'credit_transactions',
		 'credit_accounts', 'id', 'account_id', 1,
		 'Account of a credit transaction, for embedding.'),
		('holds', 'credit_accounts', 'holds', 'account_id', 'id', 1000,
		 'Holds on a credit account, for embedding.'),
		('account', 'holds', 'credit_accounts', 'id', 'account_id', 1,
		 'Credit account that a hold keeps tokens back on, for embedding.'),
		('training_token_transactions', 'training_token_issues',
		 'training_token_transactions', 'issue_id', 'id', 1000,
		 'Movements of an issue of training tokens, for embedding.'),
		('training_token_issues', 'training_token_transactions',
		 'training_token_issues', 'id', 'issue_id', 1,
		 'Issue of training tokens that a movement is of, for embedding.'),
		('parties', 'training_pass_uses', 'parties', 'id', 'party_id', 1,
		 'Person who used a pass, for embedding.'),
		('training_pass_uses', 'parties',
		 'training_pass_uses', 'party_id', 'id', 1000,
		 'Uses of passes by a person, for embedding.'),
		('parent', 'program_kinds', 'program_kinds', 'id', 'parent_id', 1,
		 'Kind of programs that a kind is a child of, for embedding.'),
		('children', 'program_kinds', 'program_kinds', 'parent_id', 'id', 1000,
		 'Direct children of a kind of programs, for embedding.')
	) AS r(name, of, result, key, refers, rows, comment) LOOP
		EXECUTE pg_catalog.format(
			'CREATE FUNCTION trainledger_api.%I(trainledger_api.%I)'
			' RETURNS SETOF trainledger_api.%I'
			' LANGUAGE sql STABLE PARALLEL SAFE ROWS %s AS %L',
			relation.name, relation.of, relation.result, relation.rows,
			pg_catalog.format('SELECT r.* FROM trainledger_api.%I r WHERE r.%I'
				' OPERATOR(pg_catalog.=) $1.%I',
				relation.result, relation.key, relation.refers));
		EXECUTE pg_catalog.format(
			'COMMENT ON FUNCTION trainledger_api.%I(trainledger_api.%I) IS %L',
			relation.name, relation.of, relation.comment);
	END LOOP;
END;
$$;
