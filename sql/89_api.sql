-- What automatic APIs serve (contract, section 12): a view per collection and
-- the write functions under their own names.  The documents of the seeds are
-- with their subjects.

/*
 * The views run with the rights of who reads: row-level security decides.
 * Clients filter without our schema in their search_path, so amounts are
 * numeric here.  Columns with a foreign key, and those that one points to, are
 * passed on from their table, since PostgREST embeds by them and does not look
 * through views outside of this schema.
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
COMMENT ON COLUMN trainledger_api.parties.id IS 'Identity of the party, a small number; its low 10 bits are the home of all that belongs to it.';
COMMENT ON COLUMN trainledger_api.parties.global_id IS 'Global id: base64 of Organisation:<id> or Person:<id>.';
COMMENT ON COLUMN trainledger_api.parties.uuid IS 'Identity for program calls, unique.';
COMMENT ON COLUMN trainledger_api.parties.kind IS 'organisation or person.';
COMMENT ON COLUMN trainledger_api.parties.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_api.parties.email IS 'Address, unique without regard to case.';
COMMENT ON COLUMN trainledger_api.parties.rfid IS 'Tag of a badge, unique.';
COMMENT ON COLUMN trainledger_api.parties.barcode IS 'Barcode of a badge, unique.';
COMMENT ON COLUMN trainledger_api.parties.external_id IS 'Id in another system, unique.';
COMMENT ON COLUMN trainledger_api.parties.organisation_id IS 'Organisation that the party belongs to.';
COMMENT ON COLUMN trainledger_api.parties.data IS 'Free data, a JSON array.';
COMMENT ON COLUMN trainledger_api.parties.flags IS 'Flags of the party.';
COMMENT ON COLUMN trainledger_api.parties.sources IS 'Where the party came from.';
COMMENT ON COLUMN trainledger_api.parties.attributes IS 'Attributes to select by, a JSON object.';
COMMENT ON COLUMN trainledger_api.parties.is_suspended IS 'True: keeps what it has and acquires nothing.';
COMMENT ON COLUMN trainledger_api.parties.created_at IS 'When the party was added.';
COMMENT ON COLUMN trainledger_api.parties.updated_at IS 'When the party was last changed.';

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
COMMENT ON COLUMN trainledger_api.catalog_items.id IS 'Identity of the item.';
COMMENT ON COLUMN trainledger_api.catalog_items.global_id IS 'Global id of a course or learning path: base64 of CourseTemplate:<id> or LearningPath:<id>.';
COMMENT ON COLUMN trainledger_api.catalog_items.kind IS 'course, team, learning_path or collection.';
COMMENT ON COLUMN trainledger_api.catalog_items.code IS 'Code, unique per kind, at most 50 characters.';
COMMENT ON COLUMN trainledger_api.catalog_items.name IS 'Name to show.';

CREATE VIEW trainledger_api.regions WITH (security_invoker = true) AS
SELECT r.code, trainledger.global_id('Region', r.code) AS global_id, r.name
FROM trainledger.region r;
COMMENT ON VIEW trainledger_api.regions IS
'Regions that prices are for.';
COMMENT ON COLUMN trainledger_api.regions.code IS 'Code of the region.';
COMMENT ON COLUMN trainledger_api.regions.global_id IS 'Global id: base64 of Region:<code>.';
COMMENT ON COLUMN trainledger_api.regions.name IS 'Name to show.';

CREATE VIEW trainledger_api.currencies WITH (security_invoker = true) AS
SELECT c.code, c.name, c.minor_units
FROM trainledger.currency c;
COMMENT ON VIEW trainledger_api.currencies IS
'Currencies that prices are in.';
COMMENT ON COLUMN trainledger_api.currencies.code IS 'Code of the currency, such as USD.';
COMMENT ON COLUMN trainledger_api.currencies.name IS 'Name to show, such as U.S. Dollars.';
COMMENT ON COLUMN trainledger_api.currencies.minor_units IS 'Decimals that a price in it has.';

-- Credit accounts

CREATE VIEW trainledger_api.credit_token_types WITH (security_invoker = true) AS
SELECT t.id,
	   trainledger.global_id(
		   'TokenType', pg_catalog.replace(t.id::text, '-', '')) AS global_id,
	   t.name, t.unit, t.scale,
	   pg_catalog.lower(t.bounds)::numeric AS lower_bound,
	   pg_catalog.upper(t.bounds)::numeric AS upper_bound, t.symbol,
	   t.description, t.is_active, t.is_archived, t.created_at
FROM trainledger.token_type t
WHERE t.kind = 'credit';
COMMENT ON VIEW trainledger_api.credit_token_types IS
'Types of credit tokens.';
COMMENT ON COLUMN trainledger_api.credit_token_types.id IS 'Identity of the type.';
COMMENT ON COLUMN trainledger_api.credit_token_types.global_id IS 'Global id: base64 of TokenType:<id as 32 hex digits>.';
COMMENT ON COLUMN trainledger_api.credit_token_types.name IS 'Name, unique per kind; credit accounts name their type by it.';
COMMENT ON COLUMN trainledger_api.credit_token_types.unit IS 'token or currency.';
COMMENT ON COLUMN trainledger_api.credit_token_types.scale IS 'Decimals that amounts of the type have, 0 to 6; amounts are rounded to it. Fixed for ever.';
COMMENT ON COLUMN trainledger_api.credit_token_types.lower_bound IS 'Least balance, included; null: no bound.';
COMMENT ON COLUMN trainledger_api.credit_token_types.upper_bound IS 'Greatest balance, included; null: no bound.';
COMMENT ON COLUMN trainledger_api.credit_token_types.symbol IS 'Symbol to show with amounts.';
COMMENT ON COLUMN trainledger_api.credit_token_types.description IS 'What the type is for.';
COMMENT ON COLUMN trainledger_api.credit_token_types.is_active IS 'False: nothing is posted on accounts of the type.';
COMMENT ON COLUMN trainledger_api.credit_token_types.is_archived IS 'True: nothing new is issued and no new account is opened.';
COMMENT ON COLUMN trainledger_api.credit_token_types.created_at IS 'When the type was made.';

CREATE VIEW trainledger_api.credit_accounts WITH (security_invoker = true) AS
SELECT a.id, a.party_id, a.token_type_id, a.name,
	   a.balance::numeric AS balance,
	   a.initial_balance::numeric AS initial_balance, a.entry_count,
	   a.created_at, a.last_entry_at
FROM trainledger.account a
WHERE a.name IS NOT NULL;
COMMENT ON VIEW trainledger_api.credit_accounts IS
'Credit accounts of parties with their balances.';
COMMENT ON COLUMN trainledger_api.credit_accounts.id IS 'Identity of the account; its low 10 bits are the home of the party.';
COMMENT ON COLUMN trainledger_api.credit_accounts.party_id IS 'Party that holds the account.';
COMMENT ON COLUMN trainledger_api.credit_accounts.token_type_id IS 'Type of the tokens in it.';
COMMENT ON COLUMN trainledger_api.credit_accounts.name IS 'Name of a credit account, unique for the party and type; null for a lot.';
COMMENT ON COLUMN trainledger_api.credit_accounts.balance IS 'Balance after the last entry.';
COMMENT ON COLUMN trainledger_api.credit_accounts.initial_balance IS 'Balance after the first entry.';
COMMENT ON COLUMN trainledger_api.credit_accounts.entry_count IS 'Number of entries, and the number of the last one.';
COMMENT ON COLUMN trainledger_api.credit_accounts.created_at IS 'When the account was opened.';
COMMENT ON COLUMN trainledger_api.credit_accounts.last_entry_at IS 'When the last entry was booked; the next one is never booked before it.';

CREATE VIEW trainledger_api.credit_transactions WITH (security_invoker = true) AS
SELECT e.account_id, e.entry_no, a.party_id, a.token_type_id, e.operation,
	   e.delta::numeric AS delta, e.balance::numeric AS balance, e.source,
	   e.description, e.device, e.recorded_at, e.created_at, e.booked_by
FROM trainledger.entry e
JOIN trainledger.account a ON a.id = e.account_id
WHERE a.name IS NOT NULL;
COMMENT ON VIEW trainledger_api.credit_transactions IS
'Entries of credit accounts.';
COMMENT ON COLUMN trainledger_api.credit_transactions.account_id IS 'Account that was moved.';
COMMENT ON COLUMN trainledger_api.credit_transactions.entry_no IS 'Number of the entry in its account: 1, 2, 3 ... without gaps.';
COMMENT ON COLUMN trainledger_api.credit_transactions.party_id IS 'Party that holds the account.';
COMMENT ON COLUMN trainledger_api.credit_transactions.token_type_id IS 'Type of the tokens in it.';
COMMENT ON COLUMN trainledger_api.credit_transactions.operation IS 'What was done.';
COMMENT ON COLUMN trainledger_api.credit_transactions.delta IS 'What was added to the balance; negative where tokens were taken.';
COMMENT ON COLUMN trainledger_api.credit_transactions.balance IS 'Balance after the entry.';
COMMENT ON COLUMN trainledger_api.credit_transactions.source IS 'Source of the movement: client, device or module.';
COMMENT ON COLUMN trainledger_api.credit_transactions.description IS 'What it was for.';
COMMENT ON COLUMN trainledger_api.credit_transactions.device IS 'Device it came from, where the client said so.';
COMMENT ON COLUMN trainledger_api.credit_transactions.recorded_at IS 'When it happened by the client''s clock, where the client said so.';
COMMENT ON COLUMN trainledger_api.credit_transactions.created_at IS 'When the entry was booked; never before the entry before it.';
COMMENT ON COLUMN trainledger_api.credit_transactions.booked_by IS 'Who booked it: the claim sub of the request, else the role that called.';

-- Training tokens. The foreign keys to the party and the type are those of
-- token_account

CREATE VIEW trainledger_api.training_token_types WITH (security_invoker = true) AS
SELECT t.id,
	   trainledger.global_id(
		   'TokenType', pg_catalog.replace(t.id::text, '-', '')) AS global_id,
	   t.name, t.unit, t.scale,
	   pg_catalog.lower(t.bounds)::numeric AS lower_bound,
	   pg_catalog.upper(t.bounds)::numeric AS upper_bound, t.symbol,
	   t.description, t.default_days_to_redeem, t.is_active, t.is_archived,
	   t.created_at
FROM trainledger.token_type t
WHERE t.kind = 'training';
COMMENT ON VIEW trainledger_api.training_token_types IS
'Types of training tokens.';
COMMENT ON COLUMN trainledger_api.training_token_types.id IS 'Identity of the type.';
COMMENT ON COLUMN trainledger_api.training_token_types.global_id IS 'Global id: base64 of TokenType:<id as 32 hex digits>.';
COMMENT ON COLUMN trainledger_api.training_token_types.name IS 'Name, unique per kind; credit accounts name their type by it.';
COMMENT ON COLUMN trainledger_api.training_token_types.unit IS 'token or currency.';
COMMENT ON COLUMN trainledger_api.training_token_types.scale IS 'Decimals that amounts of the type have, 0 to 6; amounts are rounded to it. Fixed for ever.';
COMMENT ON COLUMN trainledger_api.training_token_types.lower_bound IS 'Least balance, included; null: no bound.';
COMMENT ON COLUMN trainledger_api.training_token_types.upper_bound IS 'Greatest balance, included; null: no bound.';
COMMENT ON COLUMN trainledger_api.training_token_types.symbol IS 'Symbol to show with amounts.';
COMMENT ON COLUMN trainledger_api.training_token_types.description IS 'What the type is for.';
COMMENT ON COLUMN trainledger_api.training_token_types.default_days_to_redeem IS 'Days from the issue to the expiry of training tokens where the issue does not say; null: never.';
COMMENT ON COLUMN trainledger_api.training_token_types.is_active IS 'False: nothing is posted on accounts of the type.';
COMMENT ON COLUMN trainledger_api.training_token_types.is_archived IS 'True: nothing new is issued and no new account is opened.';
COMMENT ON COLUMN trainledger_api.training_token_types.created_at IS 'When the type was made.';

CREATE VIEW trainledger_api.training_token_issues WITH (security_invoker = true) AS
SELECT l.id,
	   trainledger.global_id(
		   'TokenIssue', pg_catalog.replace(l.id::text, '-', '')) AS global_id,
	   l.account_id, t.party_id, t.token_type_id,
	   i.initial_balance::numeric AS initial_balance,
	   i.current_balance::numeric AS current_balance,
	   i.booked_balance::numeric AS booked_balance, i.expires_at, i.created_at
FROM trainledger.token_lot l
JOIN trainledger.token_account t
	ON t.party_id = l.party_id AND t.token_type_id = l.token_type_id
JOIN trainledger.token_issue i ON i.id = l.id;
COMMENT ON VIEW trainledger_api.training_token_issues IS
'Issues of training tokens: lots with their balance and expiry.';
COMMENT ON COLUMN trainledger_api.training_token_issues.id IS 'Identity of the issue.';
COMMENT ON COLUMN trainledger_api.training_token_issues.global_id IS 'Global id: base64 of TokenIssue:<id as 32 hex digits>.';
COMMENT ON COLUMN trainledger_api.training_token_issues.account_id IS 'Account of the ledger that keeps the lot.';
COMMENT ON COLUMN trainledger_api.training_token_issues.party_id IS 'Party that holds the tokens.';
COMMENT ON COLUMN trainledger_api.training_token_issues.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger_api.training_token_issues.initial_balance IS 'How many were issued.';
COMMENT ON COLUMN trainledger_api.training_token_issues.current_balance IS 'How many can be redeemed: 0 from the expiry on, swept or not.';
COMMENT ON COLUMN trainledger_api.training_token_issues.booked_balance IS 'Balance in the ledger: after the expiry what the sweep has still to book off.';
COMMENT ON COLUMN trainledger_api.training_token_issues.expires_at IS 'From when on the issue is over; null: never.';
COMMENT ON COLUMN trainledger_api.training_token_issues.created_at IS 'When it was issued.';

CREATE VIEW trainledger_api.training_token_transactions WITH (security_invoker = true) AS
SELECT l.id AS issue_id, e.entry_no, e.account_id, t.party_id, t.token_type_id,
	   e.operation, e.delta::numeric AS delta, e.balance::numeric AS balance,
	   e.description AS notes, e.recorded_at, e.created_at, e.booked_by
FROM trainledger.entry e
JOIN trainledger.token_lot l ON l.account_id = e.account_id
JOIN trainledger.token_account t
	ON t.party_id = l.party_id AND t.token_type_id = l.token_type_id;
COMMENT ON VIEW trainledger_api.training_token_transactions IS
'Movements of issues of training tokens.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.issue_id IS 'Issue that was moved.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.entry_no IS 'Number of the entry in its account: 1, 2, 3 ... without gaps.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.account_id IS 'Account that was moved.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.party_id IS 'Party that holds the tokens.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.operation IS 'What was done.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.delta IS 'What was added to the balance; negative where tokens were taken.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.balance IS 'Balance after the entry.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.notes IS 'Notes of the call.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.recorded_at IS 'When it happened by the client''s clock, where the client said so.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.created_at IS 'When the entry was booked; never before the entry before it.';
COMMENT ON COLUMN trainledger_api.training_token_transactions.booked_by IS 'Who booked it: the claim sub of the request, else the role that called.';

CREATE VIEW trainledger_api.redemptions WITH (security_invoker = true) AS
SELECT r.id, t.party_id, t.token_type_id, r.quantity::numeric AS quantity,
	   r.refunded::numeric AS refunded, r.reference, r.created_at
FROM trainledger.redemption r
JOIN trainledger.token_account t
	ON t.party_id = r.party_id AND t.token_type_id = r.token_type_id;
COMMENT ON VIEW trainledger_api.redemptions IS
'Redemptions of training tokens.';
COMMENT ON COLUMN trainledger_api.redemptions.id IS 'Identity of the redemption.';
COMMENT ON COLUMN trainledger_api.redemptions.party_id IS 'Party that holds the tokens.';
COMMENT ON COLUMN trainledger_api.redemptions.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger_api.redemptions.quantity IS 'How many were taken.';
COMMENT ON COLUMN trainledger_api.redemptions.refunded IS 'How many of them were given back, or lost on an expired lot.';
COMMENT ON COLUMN trainledger_api.redemptions.reference IS 'What they were taken for.';
COMMENT ON COLUMN trainledger_api.redemptions.created_at IS 'When they were taken.';

CREATE VIEW trainledger_api.redemption_allocations WITH (security_invoker = true) AS
SELECT a.redemption_id, a.ordinal, a.issue_id, a.quantity::numeric AS quantity,
	   a.refunded::numeric AS refunded
FROM trainledger.redemption_allocation a;
COMMENT ON VIEW trainledger_api.redemption_allocations IS
'Which issue gave how much to which redemption.';
COMMENT ON COLUMN trainledger_api.redemption_allocations.redemption_id IS 'Redemption.';
COMMENT ON COLUMN trainledger_api.redemption_allocations.ordinal IS 'Order in which the lots were taken from, 1, 2, 3.';
COMMENT ON COLUMN trainledger_api.redemption_allocations.issue_id IS 'Issue that gave.';
COMMENT ON COLUMN trainledger_api.redemption_allocations.quantity IS 'How much it gave.';
COMMENT ON COLUMN trainledger_api.redemption_allocations.refunded IS 'How much of that was given back, or lost because it had expired.';

-- Training passes

CREATE VIEW trainledger_api.training_pass_types WITH (security_invoker = true) AS
SELECT t.id,
	   trainledger.global_id('TrainingPassType', t.id::text) AS global_id,
	   t.code, t.name, t.description, t.lifecycle_state, t.created_at
FROM trainledger.pass_type t;
COMMENT ON VIEW trainledger_api.training_pass_types IS
'Types of training passes.';
COMMENT ON COLUMN trainledger_api.training_pass_types.id IS 'Identity of the type.';
COMMENT ON COLUMN trainledger_api.training_pass_types.global_id IS 'Global id: base64 of TrainingPassType:<id>.';
COMMENT ON COLUMN trainledger_api.training_pass_types.code IS 'Code, unique.';
COMMENT ON COLUMN trainledger_api.training_pass_types.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_api.training_pass_types.description IS 'What the pass is for.';
COMMENT ON COLUMN trainledger_api.training_pass_types.lifecycle_state IS 'draft, published or archived; passes are issued of published types.';
COMMENT ON COLUMN trainledger_api.training_pass_types.created_at IS 'When the type was made.';

CREATE VIEW trainledger_api.training_pass_type_contents WITH (security_invoker = true) AS
SELECT c.pass_type_id, c.item_id
FROM trainledger.pass_type_content c;
COMMENT ON VIEW trainledger_api.training_pass_type_contents IS
'Courses and learning paths that pass types give access to.';
COMMENT ON COLUMN trainledger_api.training_pass_type_contents.pass_type_id IS 'Pass type.';
COMMENT ON COLUMN trainledger_api.training_pass_type_contents.item_id IS 'Course or learning path.';

CREATE VIEW trainledger_api.training_pass_type_options WITH (security_invoker = true) AS
SELECT o.id,
	   trainledger.global_id('TrainingPassTypeOption', o.id::text) AS global_id,
	   o.pass_type_id, o.name, o.validity_unit, o.validity_value,
	   o.lifecycle_state, o.created_at
FROM trainledger.pass_type_option o;
COMMENT ON VIEW trainledger_api.training_pass_type_options IS
'Options of pass types: how long a pass is valid.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.id IS 'Identity of the option.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.global_id IS 'Global id: base64 of TrainingPassTypeOption:<id>.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.pass_type_id IS 'Pass type that it is of.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.name IS 'Name, such as Monthly.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.validity_unit IS 'Unit of the period.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.validity_value IS 'How many units the period has.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.lifecycle_state IS 'draft, published or archived; passes are issued of published options.';
COMMENT ON COLUMN trainledger_api.training_pass_type_options.created_at IS 'When the option was made.';

CREATE VIEW trainledger_api.training_pass_type_prices WITH (security_invoker = true) AS
SELECT p.id,
	   trainledger.global_id(
		   'TrainingPassTypeOptionPrice', p.id::text) AS global_id,
	   p.option_id, p.region_code, p.currency_code, p.amount::numeric AS amount
FROM trainledger.pass_type_option_price p;
COMMENT ON VIEW trainledger_api.training_pass_type_prices IS
'Prices of options, by region and currency.';
COMMENT ON COLUMN trainledger_api.training_pass_type_prices.id IS 'Identity of the price.';
COMMENT ON COLUMN trainledger_api.training_pass_type_prices.global_id IS 'Global id: base64 of TrainingPassTypeOptionPrice:<id>.';
COMMENT ON COLUMN trainledger_api.training_pass_type_prices.option_id IS 'Option that it is for.';
COMMENT ON COLUMN trainledger_api.training_pass_type_prices.region_code IS 'Region that it is for.';
COMMENT ON COLUMN trainledger_api.training_pass_type_prices.currency_code IS 'Currency that it is in.';
COMMENT ON COLUMN trainledger_api.training_pass_type_prices.amount IS 'The price.';

CREATE VIEW trainledger_api.training_passes WITH (security_invoker = true) AS
SELECT k.id, trainledger.global_id('TrainingPass', k.id::text) AS global_id,
	   k.pass_type_id, k.option_id, k.party_id, p.valid_from, p.valid_until,
	   p.lifecycle_state, p.status, p.created_at
FROM trainledger.pass k
JOIN trainledger.training_pass p ON p.id = k.id;
COMMENT ON VIEW trainledger_api.training_passes IS
'Training passes of people with their status now.';
COMMENT ON COLUMN trainledger_api.training_passes.id IS 'Identity of the pass.';
COMMENT ON COLUMN trainledger_api.training_passes.global_id IS 'Global id: base64 of TrainingPass:<id>.';
COMMENT ON COLUMN trainledger_api.training_passes.pass_type_id IS 'Type of the pass.';
COMMENT ON COLUMN trainledger_api.training_passes.option_id IS 'Option that it was issued or last renewed with.';
COMMENT ON COLUMN trainledger_api.training_passes.party_id IS 'Person who has it.';
COMMENT ON COLUMN trainledger_api.training_passes.valid_from IS 'From when on it is valid.';
COMMENT ON COLUMN trainledger_api.training_passes.valid_until IS 'From when on it is no longer valid.';
COMMENT ON COLUMN trainledger_api.training_passes.lifecycle_state IS 'active or cancelled.';
COMMENT ON COLUMN trainledger_api.training_passes.status IS 'active, upcoming, expired or cancelled.';
COMMENT ON COLUMN trainledger_api.training_passes.created_at IS 'When it was issued.';

CREATE VIEW trainledger_api.training_pass_uses WITH (security_invoker = true) AS
SELECT u.id, u.pass_id, u.party_id, u.item_id, u.reference, u.created_at
FROM trainledger.pass_use u;
COMMENT ON VIEW trainledger_api.training_pass_uses IS
'Bookings that were made on passes.';
COMMENT ON COLUMN trainledger_api.training_pass_uses.id IS 'Identity of the use.';
COMMENT ON COLUMN trainledger_api.training_pass_uses.pass_id IS 'Pass that covered it.';
COMMENT ON COLUMN trainledger_api.training_pass_uses.party_id IS 'Person who booked.';
COMMENT ON COLUMN trainledger_api.training_pass_uses.item_id IS 'What was booked.';
COMMENT ON COLUMN trainledger_api.training_pass_uses.reference IS 'Reference of the booking.';
COMMENT ON COLUMN trainledger_api.training_pass_uses.created_at IS 'When it was booked.';

-- Self-signup tokens

CREATE VIEW trainledger_api.signup_tokens WITH (security_invoker = true) AS
SELECT t.id, t.code, t.type, t.type_id, t.active,
	   t.maximum_activations, t.activations, t.expiration, t.created_at
FROM trainledger.signup_token t;
COMMENT ON VIEW trainledger_api.signup_tokens IS
'Signup tokens: codes with which learners enrol themselves. For readers.';
COMMENT ON COLUMN trainledger_api.signup_tokens.id IS 'Identity of the token, at most 50 characters.';
COMMENT ON COLUMN trainledger_api.signup_tokens.code IS 'What a learner types in, at most 250 characters; unique without regard to case.';
COMMENT ON COLUMN trainledger_api.signup_tokens.type IS 'What it enrols into: 1 course, 2 team, 3 learning path, 4 collection.';
COMMENT ON COLUMN trainledger_api.signup_tokens.type_id IS 'Code of the catalogue item that it enrols into.';
COMMENT ON COLUMN trainledger_api.signup_tokens.active IS 'Whether it can be claimed.';
COMMENT ON COLUMN trainledger_api.signup_tokens.maximum_activations IS 'How many parties may claim it.';
COMMENT ON COLUMN trainledger_api.signup_tokens.activations IS 'How many have.';
COMMENT ON COLUMN trainledger_api.signup_tokens.expiration IS 'From when on it can no longer be claimed; null: never.';
COMMENT ON COLUMN trainledger_api.signup_tokens.created_at IS 'When it was made.';

CREATE VIEW trainledger_api.signup_claims WITH (security_invoker = true) AS
SELECT c.id, c.signup_token_id, c.party_id, c.enrolment_id, c.created_at
FROM trainledger.signup_claim c;
COMMENT ON VIEW trainledger_api.signup_claims IS
'Who claimed which signup token.';
COMMENT ON COLUMN trainledger_api.signup_claims.id IS 'Identity of the claim.';
COMMENT ON COLUMN trainledger_api.signup_claims.signup_token_id IS 'Token that was claimed.';
COMMENT ON COLUMN trainledger_api.signup_claims.party_id IS 'Party that claimed it.';
COMMENT ON COLUMN trainledger_api.signup_claims.enrolment_id IS 'Enrolment that it gave, or that the party had.';
COMMENT ON COLUMN trainledger_api.signup_claims.created_at IS 'When it was claimed.';

CREATE VIEW trainledger_api.enrolments WITH (security_invoker = true) AS
SELECT e.id, e.party_id, e.item_id, e.created_at
FROM trainledger.enrolment e;
COMMENT ON VIEW trainledger_api.enrolments IS
'Who is enrolled into which course, team, learning path or collection.';
COMMENT ON COLUMN trainledger_api.enrolments.id IS 'Identity of the enrolment.';
COMMENT ON COLUMN trainledger_api.enrolments.party_id IS 'Party that is enrolled.';
COMMENT ON COLUMN trainledger_api.enrolments.item_id IS 'Catalogue item that it is enrolled into.';
COMMENT ON COLUMN trainledger_api.enrolments.created_at IS 'When it was enrolled.';


-- Programs, cohorts, tickets

CREATE VIEW trainledger_api.program_kinds WITH (security_invoker = true) AS
SELECT k.id, k.parent_id, k.name, k.handle
FROM trainledger.program_kind k;
COMMENT ON VIEW trainledger_api.program_kinds IS
'Kinds of programs, in a tree.';
COMMENT ON COLUMN trainledger_api.program_kinds.id IS 'Identity of the kind.';
COMMENT ON COLUMN trainledger_api.program_kinds.parent_id IS 'Kind that it is a child of.';
COMMENT ON COLUMN trainledger_api.program_kinds.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_api.program_kinds.handle IS 'Short name for machines.';

CREATE VIEW trainledger_api.programs WITH (security_invoker = true) AS
SELECT p.id, p.kind_id, p.name, p.start_date, p.duration, p.mode, p.priority,
	   p.is_active, p.created_at, p.updated_at
FROM trainledger.program p;
COMMENT ON VIEW trainledger_api.programs IS
'Programs: a kind of program that is held from a day on.';
COMMENT ON COLUMN trainledger_api.programs.id IS 'Identity of the program.';
COMMENT ON COLUMN trainledger_api.programs.kind_id IS 'Kind of the program.';
COMMENT ON COLUMN trainledger_api.programs.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_api.programs.start_date IS 'First day.';
COMMENT ON COLUMN trainledger_api.programs.duration IS 'Length in days.';
COMMENT ON COLUMN trainledger_api.programs.mode IS 'fixed or open.';
COMMENT ON COLUMN trainledger_api.programs.priority IS 'Rank among programs.';
COMMENT ON COLUMN trainledger_api.programs.is_active IS 'Whether it is among the programs to choose from.';
COMMENT ON COLUMN trainledger_api.programs.created_at IS 'When the program was added.';
COMMENT ON COLUMN trainledger_api.programs.updated_at IS 'When the program was last changed.';

CREATE VIEW trainledger_api.cohorts WITH (security_invoker = true) AS
SELECT c.id, c.program_id, c.name, c.created_at
FROM trainledger.cohort c;
COMMENT ON VIEW trainledger_api.cohorts IS
'Cohorts: groups that go through a program together.';
COMMENT ON COLUMN trainledger_api.cohorts.id IS 'Identity of the cohort.';
COMMENT ON COLUMN trainledger_api.cohorts.program_id IS 'Program that it is in.';
COMMENT ON COLUMN trainledger_api.cohorts.name IS 'Name, unique in the program.';
COMMENT ON COLUMN trainledger_api.cohorts.created_at IS 'When the cohort was made.';

CREATE VIEW trainledger_api.memberships WITH (security_invoker = true) AS
SELECT m.program_id, m.party_id, m.cohort_id, m.role, m.state, m.comments,
	   m.state_detail, m.created_at, m.updated_at
FROM trainledger.membership m;
COMMENT ON VIEW trainledger_api.memberships IS
'Who takes part in which program.';
COMMENT ON COLUMN trainledger_api.memberships.program_id IS 'Program.';
COMMENT ON COLUMN trainledger_api.memberships.party_id IS 'Person who takes part.';
COMMENT ON COLUMN trainledger_api.memberships.cohort_id IS 'Cohort of the program that the person is in.';
COMMENT ON COLUMN trainledger_api.memberships.role IS 'member, trainer or observer.';
COMMENT ON COLUMN trainledger_api.memberships.state IS 'active, completed, graduated, incomplete, withdrawn, dropped or refunded.';
COMMENT ON COLUMN trainledger_api.memberships.comments IS 'Comments on the state.';
COMMENT ON COLUMN trainledger_api.memberships.state_detail IS 'Detail of the state.';
COMMENT ON COLUMN trainledger_api.memberships.created_at IS 'When the person came in.';
COMMENT ON COLUMN trainledger_api.memberships.updated_at IS 'When the membership was last changed.';

CREATE VIEW trainledger_api.tickets WITH (security_invoker = true) AS
SELECT t.id, t.party_id, t.email, t.program_kind_id, t.state, t.external_id,
	   t.sku, t.base_sku, t.consumed_program_id, t.created_at, t.consumed_at,
	   t.canceled_at
FROM trainledger.ticket t;
COMMENT ON VIEW trainledger_api.tickets IS
'Tickets: rights to take part in a program of a kind.';
COMMENT ON COLUMN trainledger_api.tickets.id IS 'Identity of the ticket.';
COMMENT ON COLUMN trainledger_api.tickets.party_id IS 'Person who has it; null: whoever has the address.';
COMMENT ON COLUMN trainledger_api.tickets.email IS 'Address that it was made out to.';
COMMENT ON COLUMN trainledger_api.tickets.program_kind_id IS 'Kind of program that it is for; it serves for the kinds below too.';
COMMENT ON COLUMN trainledger_api.tickets.state IS 'ready, consumed or canceled.';
COMMENT ON COLUMN trainledger_api.tickets.external_id IS 'Id of the purchased item.';
COMMENT ON COLUMN trainledger_api.tickets.sku IS 'Stock keeping unit that was bought.';
COMMENT ON COLUMN trainledger_api.tickets.base_sku IS 'Stock keeping unit that it is a variant of.';
COMMENT ON COLUMN trainledger_api.tickets.consumed_program_id IS 'Program that it was consumed for.';
COMMENT ON COLUMN trainledger_api.tickets.created_at IS 'When it was made.';
COMMENT ON COLUMN trainledger_api.tickets.consumed_at IS 'When it was consumed.';
COMMENT ON COLUMN trainledger_api.tickets.canceled_at IS 'When it was canceled.';

/*
 * Relations without a foreign key, for embedding: an entry has none to its
 * account, nor has what refers to its own table.  PostgREST takes a function of a
 * view's row for a relation of that name.  The bodies are text, since one in
 * BEGIN ATOMIC would not grow with the view.
 */
CREATE FUNCTION trainledger_api.organisation(trainledger_api.parties)
RETURNS SETOF trainledger_api.parties
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS 'SELECT p.* FROM trainledger_api.parties p WHERE p.id OPERATOR(pg_catalog.=) $1.organisation_id';
REVOKE ALL ON FUNCTION trainledger_api.organisation(trainledger_api.parties) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.organisation(trainledger_api.parties) IS
'Organisation of a party, for embedding.';

CREATE FUNCTION trainledger_api.credit_transactions(
	trainledger_api.credit_accounts)
RETURNS SETOF trainledger_api.credit_transactions
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT t.* FROM trainledger_api.credit_transactions t WHERE t.account_id OPERATOR(pg_catalog.=) $1.id';
REVOKE ALL ON FUNCTION trainledger_api.credit_transactions(
	trainledger_api.credit_accounts) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.credit_transactions(
	trainledger_api.credit_accounts) IS
'Transactions of a credit account, for embedding.';

CREATE FUNCTION trainledger_api.credit_accounts(
	trainledger_api.credit_transactions)
RETURNS SETOF trainledger_api.credit_accounts
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS 'SELECT a.* FROM trainledger_api.credit_accounts a WHERE a.id OPERATOR(pg_catalog.=) $1.account_id';
REVOKE ALL ON FUNCTION trainledger_api.credit_accounts(
	trainledger_api.credit_transactions) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.credit_accounts(
	trainledger_api.credit_transactions) IS
'Account of a credit transaction, for embedding.';

CREATE FUNCTION trainledger_api.training_token_transactions(
	trainledger_api.training_token_issues)
RETURNS SETOF trainledger_api.training_token_transactions
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT t.* FROM trainledger_api.training_token_transactions t WHERE t.issue_id OPERATOR(pg_catalog.=) $1.id';
REVOKE ALL ON FUNCTION trainledger_api.training_token_transactions(
	trainledger_api.training_token_issues) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.training_token_transactions(
	trainledger_api.training_token_issues) IS
'Movements of an issue of training tokens, for embedding.';

CREATE FUNCTION trainledger_api.training_token_issues(
	trainledger_api.training_token_transactions)
RETURNS SETOF trainledger_api.training_token_issues
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS 'SELECT i.* FROM trainledger_api.training_token_issues i WHERE i.id OPERATOR(pg_catalog.=) $1.issue_id';
REVOKE ALL ON FUNCTION trainledger_api.training_token_issues(
	trainledger_api.training_token_transactions) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.training_token_issues(
	trainledger_api.training_token_transactions) IS
'Issue of training tokens that a movement is of, for embedding.';

CREATE FUNCTION trainledger_api.parties(trainledger_api.training_pass_uses)
RETURNS SETOF trainledger_api.parties
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS 'SELECT p.* FROM trainledger_api.parties p WHERE p.id OPERATOR(pg_catalog.=) $1.party_id';
REVOKE ALL ON FUNCTION trainledger_api.parties(trainledger_api.training_pass_uses) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.parties(trainledger_api.training_pass_uses) IS
'Person who used a pass, for embedding.';

CREATE FUNCTION trainledger_api.training_pass_uses(trainledger_api.parties)
RETURNS SETOF trainledger_api.training_pass_uses
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT u.* FROM trainledger_api.training_pass_uses u WHERE u.party_id OPERATOR(pg_catalog.=) $1.id';
REVOKE ALL ON FUNCTION trainledger_api.training_pass_uses(trainledger_api.parties) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.training_pass_uses(trainledger_api.parties) IS
'Uses of passes by a person, for embedding.';

CREATE FUNCTION trainledger_api.parent(trainledger_api.program_kinds)
RETURNS SETOF trainledger_api.program_kinds
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS 'SELECT k.* FROM trainledger_api.program_kinds k WHERE k.id OPERATOR(pg_catalog.=) $1.parent_id';
REVOKE ALL ON FUNCTION trainledger_api.parent(trainledger_api.program_kinds) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.parent(trainledger_api.program_kinds) IS
'Kind of programs that a kind is a child of, for embedding.';

CREATE FUNCTION trainledger_api.children(trainledger_api.program_kinds)
RETURNS SETOF trainledger_api.program_kinds
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT k.* FROM trainledger_api.program_kinds k WHERE k.parent_id OPERATOR(pg_catalog.=) $1.id';
REVOKE ALL ON FUNCTION trainledger_api.children(trainledger_api.program_kinds) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.children(trainledger_api.program_kinds) IS
'Direct children of a kind of programs, for embedding.';

/*
 * The functions: each calls its twin in trainledger (src/api.c), with the same
 * arguments and defaults.  Their comments name every argument, since
 * PostgREST shows no other text for one.
 */

-- People and catalogue (section 5)

CREATE FUNCTION trainledger_api.add_party(
	kind trainledger.party_kind,
	name text,
	email text DEFAULT NULL,
	rfid text DEFAULT NULL,
	barcode text DEFAULT NULL,
	external_id text DEFAULT NULL,
	organisation_id bigint DEFAULT NULL,
	data jsonb DEFAULT '[]',
	flags text[] DEFAULT '{}',
	sources text[] DEFAULT '{}',
	attributes jsonb DEFAULT '{}',
	id bigint DEFAULT NULL,
	uuid uuid DEFAULT NULL) RETURNS trainledger.party
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_party(
	trainledger.party_kind, text, text, text, text, text, bigint, jsonb,
	text[], text[], jsonb, bigint, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_party(
	trainledger.party_kind, text, text, text, text, text, bigint, jsonb,
	text[], text[], jsonb, bigint, uuid) IS
'Adds an organisation or a person. Level operator.

kind is organisation or person, name the name to show. email, rfid, barcode and external_id identify the party and are unique; organisation_id is the organisation it belongs to. data (an array), flags, sources and attributes (an object) are kept as given. id and uuid are for level admin, to take over those of another system.';

CREATE FUNCTION trainledger_api.update_party(
	party_id bigint,
	name text DEFAULT NULL,
	email text DEFAULT NULL,
	rfid text DEFAULT NULL,
	barcode text DEFAULT NULL,
	external_id text DEFAULT NULL,
	organisation_id bigint DEFAULT NULL,
	data jsonb DEFAULT NULL,
	flags text[] DEFAULT NULL,
	sources text[] DEFAULT NULL,
	attributes jsonb DEFAULT NULL,
	is_suspended boolean DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.party
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_party(
	bigint, text, text, text, text, text, bigint, jsonb, text[], text[],
	jsonb, boolean, text[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_party(
	bigint, text, text, text, text, text, bigint, jsonb, text[], text[],
	jsonb, boolean, text[]) IS
'Changes a party. Level operator.

party_id is the party. Each of name, email, rfid, barcode, external_id, organisation_id, data, flags, sources, attributes and is_suspended that is given replaces what is there; clear lists the columns to empty.';

CREATE FUNCTION trainledger_api.find_party(id_type text, id text)
RETURNS trainledger.party
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION trainledger_api.find_party(text, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.find_party(text, text) IS
'Finds a party by one of its identifiers. Level learner, for itself.

id_type is id, uuid, email, rfid, barcode or externalId, id the identifier.';

CREATE FUNCTION trainledger_api.add_catalog_item(
	kind trainledger.catalog_kind, code text, name text, id bigint DEFAULT NULL)
RETURNS trainledger.catalog_item
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_catalog_item(
	trainledger.catalog_kind, text, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_catalog_item(
	trainledger.catalog_kind, text, text, bigint) IS
'Adds a course, team, learning path or collection. Level admin.

kind is course, team, learning_path or collection; code is unique per kind, at most 50 characters; name is the name to show; id takes over the id of another system.';

CREATE FUNCTION trainledger_api.add_region(code text, name text)
RETURNS trainledger.region
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_region(text, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_region(text, text) IS
'Adds a region that prices can be for. Level admin.

code is unique, name the name to show.';

CREATE FUNCTION trainledger_api.add_currency(
	code text, name text, minor_units integer DEFAULT 2)
RETURNS trainledger.currency
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_currency(text, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_currency(text, text, integer) IS
'Adds a currency that prices can be in. Level admin.

code is unique, name the name to show, minor_units the decimals of a price (2, from 0 to 6).';

-- The ledger (section 6)

CREATE FUNCTION trainledger_api.add_credit_token_type(
	name text,
	unit trainledger.token_unit DEFAULT 'token',
	scale integer DEFAULT 2,
	lower_bound numeric DEFAULT NULL,
	upper_bound numeric DEFAULT NULL,
	symbol text DEFAULT NULL,
	description text DEFAULT NULL,
	id uuid DEFAULT NULL) RETURNS trainledger.token_type
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_credit_token_type(
	text, trainledger.token_unit, integer, numeric, numeric, text, text,
	uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_credit_token_type(
	text, trainledger.token_unit, integer, numeric, numeric, text, text,
	uuid) IS
'Adds a type of credit tokens. Level admin.

name is unique, and credit calls name their type by it. unit is token or currency, scale the decimals of an amount (2, from 0 to 6). Balances stay from lower_bound to upper_bound, both included; null: no bound. symbol and description are to show; id takes over the id of another system.';

CREATE FUNCTION trainledger_api.add_training_token_type(
	name text,
	description text DEFAULT NULL,
	default_days_to_redeem integer DEFAULT NULL,
	scale integer DEFAULT 0,
	id uuid DEFAULT NULL) RETURNS trainledger.token_type
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_training_token_type(
	text, text, integer, integer, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_training_token_type(
	text, text, integer, integer, uuid) IS
'Adds a type of training tokens. Level admin.

name is unique, description is to show. default_days_to_redeem is how long an issue is valid that does not say so itself (null: for ever), scale the decimals of an amount (0, from 0 to 6); id takes over the id of another system.';

CREATE FUNCTION trainledger_api.update_token_type(
	token_type_id uuid,
	name text DEFAULT NULL,
	symbol text DEFAULT NULL,
	description text DEFAULT NULL,
	lower_bound numeric DEFAULT NULL,
	upper_bound numeric DEFAULT NULL,
	is_active boolean DEFAULT NULL,
	is_archived boolean DEFAULT NULL,
	default_days_to_redeem integer DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.token_type
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_token_type(
	uuid, text, text, text, numeric, numeric, boolean, boolean, integer,
	text[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_token_type(
	uuid, text, text, text, numeric, numeric, boolean, boolean, integer,
	text[]) IS
'Changes a token type. Level admin.

token_type_id is the type. Each of name, symbol, description, lower_bound, upper_bound, is_active (false: nothing is posted), is_archived (true: nothing new is issued) and default_days_to_redeem that is given replaces what is there; clear lists the columns to empty.';

CREATE FUNCTION trainledger_api.post(
	account_id bigint,
	operation trainledger.operation,
	amount numeric,
	source text,
	description text DEFAULT '',
	recorded_at timestamptz DEFAULT NULL,
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.post(
	bigint, trainledger.operation, numeric, text, text, timestamptz,
	trainledger.rounding, numeric, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.post(
	bigint, trainledger.operation, numeric, text, text, timestamptz,
	trainledger.rounding, numeric, text, uuid) IS
'Books a posting on a credit account. Level operator.

account_id is the account, operation add, subtract or adjust, amount what is added or taken, signed for adjust only and rounded to the type''s decimals by rounding (round, floor, ceil, half_even). source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. balance_expected is the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.';

CREATE FUNCTION trainledger_api.post_batch(
	account_ids bigint[],
	deltas trainledger.amount[],
	source text,
	descriptions text[] DEFAULT NULL,
	recorded_at timestamptz[] DEFAULT NULL,
	idempotency_keys uuid[] DEFAULT NULL,
	skip_refused boolean DEFAULT false)
RETURNS TABLE (ordinal integer, entry_no bigint, balance trainledger.amount,
			   refusal text)
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.post_batch(
	bigint[], trainledger.amount[], text, text[], timestamptz[], uuid[],
	boolean) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.post_batch(
	bigint[], trainledger.amount[], text, text[], timestamptz[], uuid[],
	boolean) IS
'Books many signed postings in one call, one row out for each. Level operator.

account_ids and deltas belong together by their place, as do descriptions, recorded_at and idempotency_keys where they are given; source is that of all. With skip_refused a refusal stands in the row of its posting and the others are booked; without it the first one refuses the whole call.';

CREATE FUNCTION trainledger_api.balance_at(account_id bigint, at timestamptz)
RETURNS trainledger.amount
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION trainledger_api.balance_at(bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.balance_at(bigint, timestamptz) IS
'Booked balance of an account at an instant. Level learner, for its own.

account_id is the account, at the instant; 0 before the first entry.';

CREATE FUNCTION trainledger_api.reconcile(account_id bigint DEFAULT NULL)
RETURNS TABLE (account_id bigint, problem text, expected numeric, found numeric)
AS 'MODULE_PATHNAME', 'tl_api'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1;
REVOKE ALL ON FUNCTION trainledger_api.reconcile(bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.reconcile(bigint) IS
'Recomputes the books from their entries; no row means that they are right. Level reader.

account_id is the account to check; null: all of them.';

-- Credit accounts (section 7)

CREATE FUNCTION trainledger_api.credit_init(
	party_id bigint,
	amount numeric,
	source text,
	description text,
	recorded_at timestamptz,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.credit_init(
	bigint, numeric, text, text, timestamptz, text, text,
	trainledger.rounding, numeric, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.credit_init(
	bigint, numeric, text, text, timestamptz, text, text,
	trainledger.rounding, numeric, text, uuid) IS
'Opens a party''s credit account with an initial balance. Level operator.

party_id is the delegate, amount what it starts with, also zero or negative, rounded to the type''s decimals by rounding (round, floor, ceil, half_even). source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. account_name and token_type name the account (default). balance_expected is the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.';

CREATE FUNCTION trainledger_api.credit_add(
	party_id bigint,
	amount numeric,
	source text,
	description text,
	recorded_at timestamptz,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.credit_add(
	bigint, numeric, text, text, timestamptz, text, text,
	trainledger.rounding, numeric, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.credit_add(
	bigint, numeric, text, text, timestamptz, text, text,
	trainledger.rounding, numeric, text, uuid) IS
'Adds tokens to a party''s credit account. Level operator.

party_id is the delegate, amount what is added, rounded to the type''s decimals by rounding (round, floor, ceil, half_even). source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. account_name and token_type name the account (default). balance_expected is the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.';

CREATE FUNCTION trainledger_api.credit_subtract(
	party_id bigint,
	amount numeric,
	source text,
	description text,
	recorded_at timestamptz,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.credit_subtract(
	bigint, numeric, text, text, timestamptz, text, text,
	trainledger.rounding, numeric, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.credit_subtract(
	bigint, numeric, text, text, timestamptz, text, text,
	trainledger.rounding, numeric, text, uuid) IS
'Takes tokens from a party''s credit account. Level operator.

party_id is the delegate, amount what is taken, rounded to the type''s decimals by rounding (round, floor, ceil, half_even). source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. account_name and token_type name the account (default). balance_expected is the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.';

CREATE FUNCTION trainledger_api.credit_balance(
	party_id bigint, account_name text DEFAULT 'default',
	token_type text DEFAULT 'default') RETURNS trainledger.amount
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION trainledger_api.credit_balance(bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.credit_balance(bigint, text, text) IS
'Balance of a party''s credit account. Level learner, for its own.

party_id is the delegate; account_name and token_type name the account (default).';

-- Training tokens (section 8)

CREATE FUNCTION trainledger_api.issue_training_tokens(
	token_type_id uuid,
	party_id bigint,
	quantity numeric,
	expires_on date DEFAULT NULL,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL,
	id uuid DEFAULT NULL) RETURNS trainledger.token_issue
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.issue_training_tokens(
	uuid, bigint, numeric, date, text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.issue_training_tokens(
	uuid, bigint, numeric, date, text, uuid, uuid) IS
'Issues training tokens to a party, as a lot of their own. Level operator.

token_type_id is the type, party_id who gets them, quantity how many. They are over from 23:59:59 UTC of expires_on on; without it the type''s default days count from today. notes are kept with the entry; a call repeated with its idempotency_key answers with the first issue; id is for level admin, to take over that of another system.';

CREATE FUNCTION trainledger_api.extend_training_tokens(
	issue_id uuid, expires_on date) RETURNS trainledger.token_issue
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.extend_training_tokens(uuid, date) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.extend_training_tokens(uuid, date) IS
'Lets an issue expire later. Level operator.

issue_id is the issue; it is over from 23:59:59 UTC of expires_on on.';

CREATE FUNCTION trainledger_api.adjust_training_tokens(
	issue_id uuid, amount numeric, notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.token_issue
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.adjust_training_tokens(
	uuid, numeric, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.adjust_training_tokens(
	uuid, numeric, text, uuid) IS
'Adds a signed amount to an issue by hand. Level operator.

issue_id is the issue, amount what is added to its balance, negative to take; notes are kept with the entry; a call repeated with its idempotency_key changes nothing more.';

CREATE FUNCTION trainledger_api.redeem_training_tokens(
	party_id bigint,
	token_type_id uuid,
	quantity numeric,
	reference text,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.redemption
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.redeem_training_tokens(
	bigint, uuid, numeric, text, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.redeem_training_tokens(
	bigint, uuid, numeric, text, text, uuid) IS
'Takes training tokens from a party''s lots, the soonest to expire first; all or nothing. Level operator.

party_id is whose tokens are taken, token_type_id their type, quantity how many, reference what for. notes are kept with the entries; a call repeated with its idempotency_key answers with the first redemption.';

CREATE FUNCTION trainledger_api.refund_training_tokens(
	redemption_id bigint, quantity numeric DEFAULT NULL,
	if_expired trainledger.refund_policy DEFAULT 'forfeit',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.redemption
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.refund_training_tokens(
	bigint, numeric, trainledger.refund_policy, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.refund_training_tokens(
	bigint, numeric, trainledger.refund_policy, uuid) IS
'Gives redeemed tokens back to the lots they came from, last taken first. Level operator.

redemption_id is the redemption, quantity how many to give back (null: all that is left). What belongs to a lot that has expired is lost (if_expired forfeit) or becomes a new issue (reissue). A call repeated with its idempotency_key gives back nothing more.';

CREATE FUNCTION trainledger_api.expire_training_tokens(
	max_issues integer DEFAULT 10000) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.expire_training_tokens(integer) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.expire_training_tokens(integer) IS
'Books off what is left on issues that have expired, and returns how many issues that were. Level admin.

max_issues is how many to do at most (10000).';

-- Training passes (section 9)

CREATE FUNCTION trainledger_api.create_pass_type(
	code text, name text, description text DEFAULT NULL, id bigint DEFAULT NULL)
RETURNS trainledger.pass_type
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.create_pass_type(text, text, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.create_pass_type(text, text, text, bigint) IS
'Makes a pass type, a draft. Level admin.

code is unique, name and description are to show; id takes over the id of another system.';

CREATE FUNCTION trainledger_api.update_pass_type(
	pass_type_id bigint,
	code text DEFAULT NULL,
	name text DEFAULT NULL,
	description text DEFAULT NULL,
	lifecycle_state trainledger.lifecycle DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.pass_type
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_pass_type(
	bigint, text, text, text, trainledger.lifecycle, text[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_pass_type(
	bigint, text, text, text, trainledger.lifecycle, text[]) IS
'Changes a pass type. Level admin.

pass_type_id is the type. Each of code, name, description and lifecycle_state (published, archived) that is given replaces what is there; clear may name description. A type is published only with a published option.';

CREATE FUNCTION trainledger_api.add_pass_content(
	pass_type_id bigint, course_ids bigint[] DEFAULT '{}',
	path_ids bigint[] DEFAULT '{}') RETURNS trainledger.pass_type
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_pass_content(bigint, bigint[], bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_pass_content(bigint, bigint[], bigint[]) IS
'Gives a pass type access to courses and learning paths. Level admin.

pass_type_id is the type, course_ids are courses, path_ids learning paths of the catalogue; those that it has are left.';

CREATE FUNCTION trainledger_api.remove_pass_content(
	pass_type_id bigint, course_ids bigint[] DEFAULT '{}',
	path_ids bigint[] DEFAULT '{}') RETURNS trainledger.pass_type
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.remove_pass_content(bigint, bigint[], bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.remove_pass_content(bigint, bigint[], bigint[]) IS
'Takes courses and learning paths from a pass type. Level admin.

pass_type_id is the type, course_ids are courses, path_ids learning paths of the catalogue; those that it does not have are left.';

CREATE FUNCTION trainledger_api.add_path_courses(
	path_id bigint, course_ids bigint[]) RETURNS trainledger.catalog_item
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_path_courses(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_path_courses(bigint, bigint[]) IS
'Puts courses into a learning path. Level admin.

path_id is the learning path, course_ids are the courses; those that are in it are left.';

CREATE FUNCTION trainledger_api.remove_path_courses(
	path_id bigint, course_ids bigint[]) RETURNS trainledger.catalog_item
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.remove_path_courses(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.remove_path_courses(bigint, bigint[]) IS
'Takes courses out of a learning path. Level admin.

path_id is the learning path, course_ids are the courses; those that are not in it are left.';

CREATE FUNCTION trainledger_api.create_pass_option(
	pass_type_id bigint,
	name text,
	validity_unit trainledger.validity_unit,
	validity_value integer,
	id bigint DEFAULT NULL) RETURNS trainledger.pass_type_option
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.create_pass_option(
	bigint, text, trainledger.validity_unit, integer, bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.create_pass_option(
	bigint, text, trainledger.validity_unit, integer, bigint) IS
'Makes an option of a pass type, a draft. Level admin.

pass_type_id is the type, name is to show. A pass with the option is valid for validity_value (1 or more) of validity_unit (days, weeks, months, years). id takes over the id of another system.';

CREATE FUNCTION trainledger_api.update_pass_option(
	option_id bigint, name text DEFAULT NULL,
	lifecycle_state trainledger.lifecycle DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.pass_type_option
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_pass_option(
	bigint, text, trainledger.lifecycle, text[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_pass_option(
	bigint, text, trainledger.lifecycle, text[]) IS
'Changes a pass option. Level admin.

option_id is the option. Each of name and lifecycle_state (published, archived) that is given replaces what is there; clear is there as elsewhere, but nothing of an option can be emptied. An option is published only with a price.';

CREATE FUNCTION trainledger_api.create_pass_price(
	option_id bigint, region_code text, currency_code text, amount numeric)
RETURNS trainledger.pass_type_option_price
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.create_pass_price(bigint, text, text, numeric) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.create_pass_price(bigint, text, text, numeric) IS
'Gives a pass option its price in a region and a currency. Level admin.

option_id is the option, region_code and currency_code say where and in what, amount is the price, with no more decimals than the currency has.';

CREATE FUNCTION trainledger_api.update_pass_price(
	price_id bigint, amount numeric DEFAULT NULL, clear text[] DEFAULT '{}')
RETURNS trainledger.pass_type_option_price
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_pass_price(bigint, numeric, text[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_pass_price(bigint, numeric, text[]) IS
'Changes a price; passes that were issued are not touched. Level admin.

price_id is the price, amount the new one, where it is given; clear is there as elsewhere, but nothing of a price can be emptied.';

CREATE FUNCTION trainledger_api.issue_pass(
	pass_type_id bigint,
	option_id bigint,
	party_id bigint,
	valid_from timestamptz DEFAULT NULL,
	valid_until timestamptz DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL,
	id bigint DEFAULT NULL) RETURNS trainledger.training_pass
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.issue_pass(
	bigint, bigint, bigint, timestamptz, timestamptz, uuid, bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.issue_pass(
	bigint, bigint, bigint, timestamptz, timestamptz, uuid, bigint) IS
'Issues a training pass to a person. Level operator.

pass_type_id and option_id are a published type and an option of it, party_id who gets the pass. It is valid from valid_from (null: now) until valid_until (null: for the period of the option). A call repeated with its idempotency_key answers with the first pass; id is for level admin, to take over that of another system.';

CREATE FUNCTION trainledger_api.renew_pass(
	pass_id bigint, option_id bigint DEFAULT NULL,
	valid_until timestamptz DEFAULT NULL) RETURNS trainledger.training_pass
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.renew_pass(bigint, bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.renew_pass(bigint, bigint, timestamptz) IS
'Lets a pass end later; its start is kept. Level operator.

pass_id is the pass, option_id the option it goes on with (null: the one it has), valid_until the new end (null: the present one and the period of the option).';

CREATE FUNCTION trainledger_api.revoke_pass(pass_id bigint)
RETURNS trainledger.training_pass
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.revoke_pass(bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.revoke_pass(bigint) IS
'Cancels a pass; its dates stay. Level operator.

pass_id is the pass.';

CREATE FUNCTION trainledger_api.reassign_pass(pass_id bigint, party_id bigint)
RETURNS trainledger.training_pass
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.reassign_pass(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.reassign_pass(bigint, bigint) IS
'Gives the rest of a pass to another person, as a new pass; the old one is cancelled. Level operator.

pass_id is the pass, party_id the person who gets the new one.';

CREATE FUNCTION trainledger_api.pass_covers(
	party_id bigint, item_id bigint, at timestamptz DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION trainledger_api.pass_covers(bigint, bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.pass_covers(bigint, bigint, timestamptz) IS
'Whether a person has a pass for a course or learning path. Level learner, for itself.

party_id is the person, item_id the item of the catalogue, at the instant (null: now).';

CREATE FUNCTION trainledger_api.use_pass(
	party_id bigint, item_id bigint, reference text)
RETURNS trainledger.pass_use
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.use_pass(bigint, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.use_pass(bigint, bigint, text) IS
'Records a booking on a pass that covers an item now. Level operator.

party_id is the person, item_id the item of the catalogue, reference the booking.';

-- Self-signup tokens (section 10)

CREATE FUNCTION trainledger_api.create_signup_token(
	type integer,
	type_id text,
	maximum_activations integer,
	code text DEFAULT NULL,
	active boolean DEFAULT true,
	expiration timestamptz DEFAULT NULL,
	id text DEFAULT NULL) RETURNS trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.create_signup_token(
	integer, text, integer, text, boolean, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.create_signup_token(
	integer, text, integer, text, boolean, timestamptz, text) IS
'Makes a signup token. Level admin.

type is 1 course, 2 team, 3 learning path or 4 collection, type_id the code of the item to enrol into, maximum_activations how many may claim it. code is what learners type in (null: a random one); active false: not to be claimed yet; expiration is from when on it is over (null: never); id takes over the id of another system.';

CREATE FUNCTION trainledger_api.update_signup_token(
	signup_token_id text,
	code text DEFAULT NULL,
	type integer DEFAULT NULL,
	type_id text DEFAULT NULL,
	active boolean DEFAULT NULL,
	maximum_activations integer DEFAULT NULL,
	expiration timestamptz DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_signup_token(
	text, text, integer, text, boolean, integer, timestamptz, text[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_signup_token(
	text, text, integer, text, boolean, integer, timestamptz, text[]) IS
'Changes a signup token. Level admin.

signup_token_id is the token. Each of code, type, type_id, active, maximum_activations and expiration that is given replaces what is there; clear may name expiration.';

CREATE FUNCTION trainledger_api.claim_signup_token(code text, party_id bigint)
RETURNS trainledger.signup_claim
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.claim_signup_token(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.claim_signup_token(text, bigint) IS
'Claims a signup code for a party and enrols it. Level learner, for itself.

code is the code, without regard to case; party_id the learner. Claiming again answers with the first claim and uses nothing up.';

CREATE FUNCTION trainledger_api.import_signup_tokens(document bytea)
RETURNS SETOF trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.import_signup_tokens(bytea) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.import_signup_tokens(bytea) IS
'Makes the signup tokens of an XML document, all or none. Level admin.

document is the document in hexadecimal form (\x...); create_tokens takes it as the body and answers in XML.';

CREATE FUNCTION trainledger_api.apply_signup_tokens(document bytea)
RETURNS SETOF trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.apply_signup_tokens(bytea) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.apply_signup_tokens(bytea) IS
'Changes signup tokens by an XML document, all or none. Level admin.

document is the document in hexadecimal form (\x...); update_tokens takes it as the body and answers in XML.';

-- Programs, cohorts, tickets (section 11)

CREATE FUNCTION trainledger_api.add_program_kind(
	name text, handle text DEFAULT NULL, parent_id uuid DEFAULT NULL,
	id uuid DEFAULT NULL) RETURNS trainledger.program_kind
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_program_kind(text, text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_program_kind(text, text, uuid, uuid) IS
'Adds a kind of programs. Level admin.

name is to show, handle a short name for it; parent_id is the kind that it is a child of (null: none); id takes over the id of another system.';

CREATE FUNCTION trainledger_api.add_program(
	kind_id uuid,
	name text,
	start_date date,
	duration integer,
	mode trainledger.program_mode DEFAULT 'fixed',
	priority integer DEFAULT 0,
	id uuid DEFAULT NULL) RETURNS trainledger.program
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.add_program(
	uuid, text, date, integer, trainledger.program_mode, integer, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.add_program(
	uuid, text, date, integer, trainledger.program_mode, integer, uuid) IS
'Adds a program, which is active. Level admin.

kind_id is its kind, name is to show; it runs from start_date for duration days. mode is fixed (all share its calendar) or open, priority a number to sort by; id takes over the id of another system.';

CREATE FUNCTION trainledger_api.update_program(
	program_id uuid,
	name text DEFAULT NULL,
	start_date date DEFAULT NULL,
	duration integer DEFAULT NULL,
	mode trainledger.program_mode DEFAULT NULL,
	priority integer DEFAULT NULL,
	is_active boolean DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.program
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_program(
	uuid, text, date, integer, trainledger.program_mode, integer, boolean,
	text[]) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_program(
	uuid, text, date, integer, trainledger.program_mode, integer, boolean,
	text[]) IS
'Changes a program. Level admin.

program_id is the program. Each of name, start_date, duration, mode, priority and is_active that is given replaces what is there; clear is there as elsewhere, but nothing of a program can be emptied.';

CREATE FUNCTION trainledger_api.modify_program_membership(
	program_id uuid,
	party_id bigint,
	cohort_id uuid DEFAULT NULL,
	role trainledger.membership_role DEFAULT NULL,
	state trainledger.membership_state DEFAULT NULL)
RETURNS trainledger.membership
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.modify_program_membership(
	uuid, bigint, uuid, trainledger.membership_role,
	trainledger.membership_state) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.modify_program_membership(
	uuid, bigint, uuid, trainledger.membership_role,
	trainledger.membership_state) IS
'Takes a person into a program, or changes the cohort, role or state there. Level operator.

program_id is the program, party_id the person, cohort_id a cohort of the program. role is member, trainer or observer, state active, completed, graduated, incomplete or withdrawn; a new member is member and active unless said, and what is null stays.';

CREATE FUNCTION trainledger_api.update_user_cohort_state(
	party_id bigint,
	program_id uuid,
	state trainledger.membership_state,
	cohort_id uuid DEFAULT NULL,
	comments text DEFAULT NULL,
	state_detail text DEFAULT NULL) RETURNS trainledger.membership
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.update_user_cohort_state(
	bigint, uuid, trainledger.membership_state, uuid, text, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.update_user_cohort_state(
	bigint, uuid, trainledger.membership_state, uuid, text, text) IS
'Sets the state of a person in a program. Level operator.

party_id is the person, program_id the program, state active, completed, graduated, incomplete, withdrawn, dropped or refunded. cohort_id moves the person to a cohort; comments and state_detail are kept; what is null stays.';

CREATE FUNCTION trainledger_api.confirm_cohort(
	program_id uuid, cohort_name text) RETURNS trainledger.cohort
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.confirm_cohort(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.confirm_cohort(uuid, text) IS
'Gives the cohort of a program with a name, and makes it if it is not there. Level operator.

program_id is the program, cohort_name the name.';

CREATE FUNCTION trainledger_api.sync_cohort(
	program_id uuid,
	cohort_id uuid,
	query text,
	role trainledger.membership_role DEFAULT 'member',
	mode trainledger.sync_mode DEFAULT 'closed') RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.sync_cohort(
	uuid, uuid, text, trainledger.membership_role, trainledger.sync_mode) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.sync_cohort(
	uuid, uuid, text, trainledger.membership_role, trainledger.sync_mode) IS
'Moves the people whom a query is true for into a cohort; returns how many memberships it made or changed. Level operator.

program_id is the program, cohort_id its cohort, query an SQL/JSON path predicate over a person''s id, uuid, email, name, externalId, flags, attributes and organisationId. role is member, trainer or observer; mode closed takes those who are active in the program, open everybody else too.';

CREATE FUNCTION trainledger_api.sync_cohort_preview(
	program_id uuid,
	cohort_id uuid,
	query text,
	role trainledger.membership_role DEFAULT 'member',
	mode trainledger.sync_mode DEFAULT 'closed')
RETURNS TABLE (party_id bigint, change text, from_cohort_id uuid,
			   to_cohort_id uuid)
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.sync_cohort_preview(
	uuid, uuid, text, trainledger.membership_role, trainledger.sync_mode) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.sync_cohort_preview(
	uuid, uuid, text, trainledger.membership_role, trainledger.sync_mode) IS
'Says whom sync_cohort would change with the same arguments, and how: add, move or role. Level operator.

program_id is the program, cohort_id its cohort, query an SQL/JSON path predicate over a person, role and mode as for sync_cohort.';

CREATE FUNCTION trainledger_api.create_program_ticket(
	program_kind_id uuid,
	party_id bigint DEFAULT NULL,
	email text DEFAULT NULL,
	external_id uuid DEFAULT NULL,
	sku text DEFAULT NULL,
	base_sku text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.create_program_ticket(
	uuid, bigint, text, uuid, text, text) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.create_program_ticket(
	uuid, bigint, text, uuid, text, text) IS
'Makes a ticket for programs of a kind; returns 1, or 0 where the same holder already has one of the same purchase. Level operator.

program_kind_id is the kind; party_id is the person who gets it, or email an address that may be nobody''s yet. external_id and sku name the purchase, base_sku is kept with it.';

CREATE FUNCTION trainledger_api.cancel_ticket(ticket_id uuid)
RETURNS trainledger.ticket
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.cancel_ticket(uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.cancel_ticket(uuid) IS
'Cancels a ticket that is ready. Level operator.

ticket_id is the ticket.';

CREATE FUNCTION trainledger_api.consume_ticket(
	party_id bigint, program_id uuid) RETURNS trainledger.ticket
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger_api.consume_ticket(bigint, uuid) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.consume_ticket(bigint, uuid) IS
'Takes a person into a program for the oldest ready ticket that lets in. Level operator.

party_id is the person, program_id the program; a ticket is good for programs of its kind and of the kinds below it.';

-- Reports (section 14), as far as they are of one party

CREATE FUNCTION trainledger_api.account_statement(
	account_id bigint, since timestamptz, until timestamptz)
RETURNS TABLE (entry_no bigint, created_at timestamptz, operation text,
			   delta trainledger.amount, balance trainledger.amount,
			   source text, description text)
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION trainledger_api.account_statement(
	bigint, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.account_statement(
	bigint, timestamptz, timestamptz) IS
'Statement of an account, as booked: an opening row, the entries, a closing row. Level learner, for its own.

account_id is the account; entries are from since on and before until.';

CREATE FUNCTION trainledger_api.holdings(party_id bigint)
RETURNS TABLE (system text, what text, quantity trainledger.amount,
			   valid_until timestamptz)
AS 'MODULE_PATHNAME', 'tl_api' LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION trainledger_api.holdings(bigint) FROM PUBLIC;
COMMENT ON FUNCTION trainledger_api.holdings(bigint) IS
'What a party has now: credit accounts, tokens, passes, enrolments, tickets, programs. Level learner, for its own.

party_id is the party.';
