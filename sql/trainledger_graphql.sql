-- The GraphQL face of trainledger, for PostGraphile 5 (contract, section 13).
--
--   psql -X -v ON_ERROR_STOP=1 -d DATABASE -f trainledger_graphql.sql
--
-- Run by the owner of the extension or a superuser, and again after every
-- upgrade.  It drops the schema trainledger_graphql with all that is in it,
-- makes it anew, and gives it back to the roles that have a level of access.
-- It is no part of the extension, because PostGraphile does not see what is.
--
-- Views are what can be read, with the caller's rights, so that row-level
-- security decides who sees which rows; composite types are inputs and
-- payloads; functions are the mutations.  Comments carry PostGraphile's smart
-- tags, and these of the preset that comes with the project:
--
--   @scalar NAME           a domain is that scalar of GraphQL
--   @namespace NS @method M  a function is the field M of the mutation NS
--   @filterAs COLUMN TYPE  filters on a column compare another one; with a
--                          TYPE the value is a global id of that type
--   @orderFirst COLUMNS    lists are in this order, before the primary key
--   @hideUnlessAsked COLUMN  lists leave out rows where this column is true,
--                          unless a filter is on it

\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;

DROP SCHEMA IF EXISTS trainledger_graphql CASCADE;
CREATE SCHEMA trainledger_graphql;
COMMENT ON SCHEMA trainledger_graphql IS
'GraphQL face of trainledger, for PostGraphile 5.';

-- Scalars

CREATE DOMAIN trainledger_graphql.id AS text;
COMMENT ON DOMAIN trainledger_graphql.id IS
E'@scalar ID\nGlobal id: base64 of Type:key.';

CREATE DOMAIN trainledger_graphql.token_amount AS numeric;
COMMENT ON DOMAIN trainledger_graphql.token_amount IS
E'@scalar TokenAmount\nNumber of tokens, exact.';

-- Read as text, so that a refusal can say what was sent
CREATE DOMAIN trainledger_graphql.moment AS text;
COMMENT ON DOMAIN trainledger_graphql.moment IS
E'@scalar DateTime\nInstant that was sent.';

CREATE TYPE trainledger_graphql.lifecycle_state AS ENUM
	('draft', 'published', 'archived');
COMMENT ON TYPE trainledger_graphql.lifecycle_state IS
'State of a training pass type or option.';

CREATE TYPE trainledger_graphql.training_pass_lifecycle_state AS ENUM
	('active', 'cancelled');
COMMENT ON TYPE trainledger_graphql.training_pass_lifecycle_state IS
'State of a training pass: active, or cancelled for good.';

CREATE TYPE trainledger_graphql.training_pass_status AS ENUM
	('upcoming', 'active', 'expired', 'cancelled');
COMMENT ON TYPE trainledger_graphql.training_pass_status IS
'What a training pass is worth now.';

CREATE TYPE trainledger_graphql.validity_unit AS ENUM
	('days', 'weeks', 'months', 'years');
COMMENT ON TYPE trainledger_graphql.validity_unit IS
'Unit of a validity period.';

CREATE TYPE trainledger_graphql.token_operation AS ENUM
	('issue', 'adjust', 'redeem', 'refund', 'expire');
COMMENT ON TYPE trainledger_graphql.token_operation IS
'What moved the balance of a token issue.';

CREATE TYPE trainledger_graphql.refund_policy AS ENUM ('forfeit', 'reissue');
COMMENT ON TYPE trainledger_graphql.refund_policy IS
'What becomes of a refund to an issue that has expired: it is lost (forfeit), or a new issue (reissue).';

CREATE TYPE trainledger_graphql.validity_period AS (
	unit trainledger_graphql.validity_unit,
	value integer
);
COMMENT ON TYPE trainledger_graphql.validity_period IS
'A number of days, weeks, months or years.';
COMMENT ON COLUMN trainledger_graphql.validity_period.unit IS 'Unit of the period.';
COMMENT ON COLUMN trainledger_graphql.validity_period.value IS 'How many units it has.';

CREATE TYPE trainledger_graphql.field_error AS (
	label text,
	message text,
	value text
);
COMMENT ON TYPE trainledger_graphql.field_error IS
'Why a mutation was refused; nothing of it was done.';
COMMENT ON COLUMN trainledger_graphql.field_error.label IS 'Field of the input that is at fault, or an empty text.';
COMMENT ON COLUMN trainledger_graphql.field_error.message IS 'What is wrong.';
COMMENT ON COLUMN trainledger_graphql.field_error.value IS 'What was sent in that field.';

-- People and catalogue

CREATE VIEW trainledger_graphql.account WITH (security_invoker = true) AS
SELECT trainledger.global_id(
		   CASE p.kind WHEN 'organisation' THEN 'Organisation'
					   ELSE 'Person' END,
		   p.id::text)::trainledger_graphql.id AS id,
	   p.name, p.is_suspended, p.created_at, p.id AS party_key
FROM trainledger.party p;
COMMENT ON VIEW trainledger_graphql.account IS
E'@primaryKey party_key\n@orderFirst created_at\nWho holds tokens: an organisation or a person.';
COMMENT ON COLUMN trainledger_graphql.account.id IS E'@filterAs party_key Organisation Person\n@notNull\nGlobal id, of an Organisation or a Person.';
COMMENT ON COLUMN trainledger_graphql.account.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_graphql.account.is_suspended IS 'Keeps what it has and acquires nothing.';
COMMENT ON COLUMN trainledger_graphql.account.created_at IS 'When it was added.';
COMMENT ON COLUMN trainledger_graphql.account.party_key IS E'@behavior -*\nId of the party.';

CREATE VIEW trainledger_graphql.contact WITH (security_invoker = true) AS
SELECT trainledger.global_id('Person', p.id::text)::trainledger_graphql.id AS id,
	   p.name, p.email, p.external_id, p.is_suspended, p.created_at,
	   p.id AS party_key, p.organisation_id AS organisation_key
FROM trainledger.party p
WHERE p.kind = 'person';
COMMENT ON VIEW trainledger_graphql.contact IS
E'@primaryKey party_key\n@foreignKey (organisation_key) references trainledger_graphql.account (party_key)|@fieldName account|@foreignFieldName contacts\n@orderFirst created_at\nA person, who may have training passes.';
COMMENT ON COLUMN trainledger_graphql.contact.id IS E'@filterAs party_key Person\n@notNull\nGlobal id, of a Person.';
COMMENT ON COLUMN trainledger_graphql.contact.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_graphql.contact.email IS 'Address.';
COMMENT ON COLUMN trainledger_graphql.contact.external_id IS 'Id in another system.';
COMMENT ON COLUMN trainledger_graphql.contact.is_suspended IS 'Keeps what it has and acquires nothing.';
COMMENT ON COLUMN trainledger_graphql.contact.created_at IS 'When the person was added.';
COMMENT ON COLUMN trainledger_graphql.contact.party_key IS E'@behavior -*\nId of the party.';
COMMENT ON COLUMN trainledger_graphql.contact.organisation_key IS E'@behavior -*\nId of the organisation that the person belongs to.';

CREATE VIEW trainledger_graphql.catalog_item WITH (security_invoker = true) AS
SELECT trainledger.global_id(
		   CASE c.kind WHEN 'course' THEN 'CourseTemplate'
					   ELSE 'LearningPath' END,
		   c.id::text)::trainledger_graphql.id AS id,
	   c.kind::text AS kind, c.code, c.name, c.id AS item_key
FROM trainledger.catalog_item c
WHERE c.kind IN ('course', 'learning_path');
COMMENT ON VIEW trainledger_graphql.catalog_item IS
E'@primaryKey item_key\n@orderFirst kind\n@behavior +interface:node\n@interface mode:single type:kind\n@type course name:CourseTemplate\n@type learning_path name:LearningPath\nA course or a learning path.';
COMMENT ON COLUMN trainledger_graphql.catalog_item.id IS E'@filterAs item_key CourseTemplate LearningPath\n@notNull\nGlobal id, of a CourseTemplate or a LearningPath.';
COMMENT ON COLUMN trainledger_graphql.catalog_item.kind IS 'course or learning_path.';
COMMENT ON COLUMN trainledger_graphql.catalog_item.code IS 'Code, unique per kind.';
COMMENT ON COLUMN trainledger_graphql.catalog_item.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_graphql.catalog_item.item_key IS E'@behavior -*\nId of the item.';

CREATE VIEW trainledger_graphql.region WITH (security_invoker = true) AS
SELECT trainledger.global_id('Region', r.code)::trainledger_graphql.id AS id,
	   r.code, r.name
FROM trainledger.region r;
COMMENT ON VIEW trainledger_graphql.region IS
E'@primaryKey code\nA region that prices are for.';
COMMENT ON COLUMN trainledger_graphql.region.id IS E'@filterAs code Region\n@notNull\nGlobal id, of a Region.';
COMMENT ON COLUMN trainledger_graphql.region.code IS 'Code of the region.';
COMMENT ON COLUMN trainledger_graphql.region.name IS 'Name to show.';

CREATE VIEW trainledger_graphql.financial_unit WITH (security_invoker = true) AS
SELECT c.code, c.name, c.minor_units AS decimals
FROM trainledger.currency c;
COMMENT ON VIEW trainledger_graphql.financial_unit IS
E'@primaryKey code\nA currency that prices are in.';
COMMENT ON COLUMN trainledger_graphql.financial_unit.code IS 'Code of the currency, such as USD.';
COMMENT ON COLUMN trainledger_graphql.financial_unit.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_graphql.financial_unit.decimals IS 'Decimals that a price in it has.';

-- Training tokens

CREATE VIEW trainledger_graphql.training_token_type
	WITH (security_invoker = true) AS
SELECT trainledger.global_id('TokenType', replace(t.id::text, '-', ''))::trainledger_graphql.id AS id,
	   t.name, t.description, t.default_days_to_redeem, t.scale AS decimals,
	   t.is_active, t.is_archived, t.created_at, t.id AS type_key
FROM trainledger.token_type t
WHERE t.kind = 'training';
COMMENT ON VIEW trainledger_graphql.training_token_type IS
E'@primaryKey type_key\n@orderFirst created_at\n@hideUnlessAsked is_archived\nA type of training tokens.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.id IS E'@filterAs type_key TokenType\n@notNull\nGlobal id, of a TokenType.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.name IS 'Name to show, unique.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.description IS 'What the tokens are for.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.default_days_to_redeem IS 'Days from the issue to the expiry where the issue does not say; null: never.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.decimals IS 'Decimals that a number of these tokens may have.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.is_active IS 'False: nothing is booked.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.is_archived IS 'True: nothing new is issued. Archived types are listed only where a filter asks for this field.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.created_at IS 'When the type was made.';
COMMENT ON COLUMN trainledger_graphql.training_token_type.type_key IS E'@behavior -*\nId of the type.';

CREATE VIEW trainledger_graphql.token_account WITH (security_invoker = true) AS
SELECT (SELECT coalesce(sum(i.current_balance), 0)
		FROM trainledger.token_issue i
		WHERE i.party_id = a.party_id AND i.token_type_id = a.token_type_id
	   )::trainledger_graphql.token_amount AS current_balance,
	   a.created_at, a.party_id AS party_key, a.token_type_id AS type_key
FROM trainledger.token_account a;
COMMENT ON VIEW trainledger_graphql.token_account IS
E'@primaryKey party_key,type_key\n@foreignKey (party_key) references trainledger_graphql.account (party_key)|@fieldName account|@foreignFieldName tokenAccounts\n@foreignKey (type_key) references trainledger_graphql.training_token_type (type_key)|@fieldName tokenType|@foreignFieldName tokenAccounts\n@orderFirst created_at\nThe training tokens of one type that an account holds.';
COMMENT ON COLUMN trainledger_graphql.token_account.current_balance IS 'How many can be redeemed now, over all issues.';
COMMENT ON COLUMN trainledger_graphql.token_account.created_at IS 'When the first tokens were issued.';
COMMENT ON COLUMN trainledger_graphql.token_account.party_key IS E'@behavior -*\nId of the party.';
COMMENT ON COLUMN trainledger_graphql.token_account.type_key IS E'@behavior -*\nId of the type.';

CREATE VIEW trainledger_graphql.training_token_issue
	WITH (security_invoker = true) AS
SELECT trainledger.global_id('TokenIssue', replace(i.id::text, '-', ''))::trainledger_graphql.id AS id,
	   trainledger.global_id('TokenType', replace(i.token_type_id::text, '-', ''))::trainledger_graphql.id AS token_type_id,
	   i.initial_balance::trainledger_graphql.token_amount AS initial_balance,
	   i.current_balance::trainledger_graphql.token_amount AS current_balance,
	   i.expires_at, i.created_at, i.id AS issue_key,
	   i.party_id AS party_key, i.token_type_id AS type_key
FROM trainledger.token_issue i;
COMMENT ON VIEW trainledger_graphql.training_token_issue IS
E'@primaryKey issue_key\n@foreignKey (party_key, type_key) references trainledger_graphql.token_account (party_key, type_key)|@fieldName tokenAccount|@foreignFieldName tokenIssues\n@foreignKey (type_key) references trainledger_graphql.training_token_type (type_key)|@fieldName tokenType|@foreignFieldName tokenIssues\n@orderFirst created_at\nTraining tokens that were issued together, with a balance and an expiry of their own.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.id IS E'@filterAs issue_key TokenIssue\n@notNull\nGlobal id, of a TokenIssue.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.token_type_id IS E'@filterAs type_key TokenType\nGlobal id of the type.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.initial_balance IS 'How many were issued.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.current_balance IS 'How many can be redeemed now: 0 from the expiry on.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.expires_at IS 'From when on they are over; null: never.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.created_at IS 'When they were issued.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.issue_key IS E'@behavior -*\nId of the issue.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.party_key IS E'@behavior -*\nId of the party.';
COMMENT ON COLUMN trainledger_graphql.training_token_issue.type_key IS E'@behavior -*\nId of the type.';

CREATE VIEW trainledger_graphql.training_token_transaction
	WITH (security_invoker = true) AS
SELECT coalesce(e.recorded_at, e.created_at) AS occurred_at,
	   e.operation::text::trainledger_graphql.token_operation AS operation,
	   e.delta::trainledger_graphql.token_amount AS balance_delta,
	   e.balance::trainledger_graphql.token_amount AS balance,
	   e.description AS notes, e.booked_by,
	   l.id AS issue_key, e.entry_no
FROM trainledger.entry e
JOIN trainledger.token_lot l ON l.account_id = e.account_id;
COMMENT ON VIEW trainledger_graphql.training_token_transaction IS
E'@primaryKey issue_key,entry_no\n@foreignKey (issue_key) references trainledger_graphql.training_token_issue (issue_key)|@fieldName tokenIssue|@foreignFieldName transactions\n@behavior -query:resource:connection\nA movement of the balance of a token issue.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.occurred_at IS 'When it happened.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.operation IS 'What was done.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.balance_delta IS 'What was added; negative where tokens were taken.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.balance IS 'Balance of the issue after it.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.notes IS 'What it was for.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.booked_by IS 'Who booked it.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.issue_key IS E'@behavior -*\nId of the issue.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.entry_no IS E'@behavior -*\nNumber of the entry in the issue''s account.';

CREATE VIEW trainledger_graphql.token_redemption
	WITH (security_invoker = true) AS
SELECT r.id::text::trainledger_graphql.id AS id,
	   r.quantity::trainledger_graphql.token_amount AS quantity,
	   r.refunded::trainledger_graphql.token_amount AS refunded,
	   r.reference, r.created_at, r.id AS redemption_key,
	   r.party_id AS party_key, r.token_type_id AS type_key
FROM trainledger.redemption r;
COMMENT ON VIEW trainledger_graphql.token_redemption IS
E'@primaryKey redemption_key\n@foreignKey (party_key, type_key) references trainledger_graphql.token_account (party_key, type_key)|@fieldName tokenAccount|@foreignFieldName redemptions\n@orderFirst created_at\nTraining tokens that were redeemed.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.id IS E'@filterAs redemption_key\n@notNull\nId of the redemption.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.quantity IS 'How many were taken.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.refunded IS 'How many of them were given back, or lost on an expired issue.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.reference IS 'What they were taken for.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.created_at IS 'When they were taken.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.redemption_key IS E'@behavior -*\nId of the redemption.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.party_key IS E'@behavior -*\nId of the party.';
COMMENT ON COLUMN trainledger_graphql.token_redemption.type_key IS E'@behavior -*\nId of the type.';

-- Training passes

CREATE VIEW trainledger_graphql.training_pass_type
	WITH (security_invoker = true) AS
SELECT trainledger.global_id('TrainingPassType', t.id::text)::trainledger_graphql.id AS id,
	   t.code, t.name, t.description,
	   t.lifecycle_state::text::trainledger_graphql.lifecycle_state AS lifecycle_state,
	   t.created_at, t.id AS type_key
FROM trainledger.pass_type t;
COMMENT ON VIEW trainledger_graphql.training_pass_type IS
E'@primaryKey type_key\n@ref content to:CatalogItem plural\n@refVia content via:(type_key)->training_pass_content(type_key);(item_key)->catalog_item(item_key)\n@orderFirst created_at\nA type of training passes.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type.id IS E'@filterAs type_key TrainingPassType\n@notNull\nGlobal id, of a TrainingPassType.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type.code IS 'Code, unique.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type.description IS 'What the pass is for.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type.lifecycle_state IS 'draft, published or archived; passes are issued of published types.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type.created_at IS 'When the type was made.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type.type_key IS E'@behavior -*\nId of the type.';

CREATE VIEW trainledger_graphql.training_pass_content
	WITH (security_invoker = true) AS
SELECT c.pass_type_id AS type_key, c.item_id AS item_key
FROM trainledger.pass_type_content c;
COMMENT ON VIEW trainledger_graphql.training_pass_content IS
E'@primaryKey type_key,item_key\n@foreignKey (type_key) references trainledger_graphql.training_pass_type (type_key)\n@foreignKey (item_key) references trainledger_graphql.catalog_item (item_key)\n@behavior -*\nWhich pass type holds which item.';
COMMENT ON COLUMN trainledger_graphql.training_pass_content.type_key IS 'Id of the pass type.';
COMMENT ON COLUMN trainledger_graphql.training_pass_content.item_key IS 'Id of the item.';

CREATE VIEW trainledger_graphql.training_pass_type_option
	WITH (security_invoker = true) AS
SELECT trainledger.global_id('TrainingPassTypeOption', o.id::text)::trainledger_graphql.id AS id,
	   o.name,
	   ROW(o.validity_unit::text, o.validity_value)::trainledger_graphql.validity_period AS validity_period,
	   o.lifecycle_state::text::trainledger_graphql.lifecycle_state AS lifecycle_state,
	   o.created_at, o.id AS option_key, o.pass_type_id AS type_key
FROM trainledger.pass_type_option o;
COMMENT ON VIEW trainledger_graphql.training_pass_type_option IS
E'@primaryKey option_key\n@foreignKey (type_key) references trainledger_graphql.training_pass_type (type_key)|@fieldName trainingPassType|@foreignFieldName options\n@orderFirst created_at\nAn option of a training pass type: how long a pass is valid, and at which prices.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.id IS E'@filterAs option_key TrainingPassTypeOption\n@notNull\nGlobal id, of a TrainingPassTypeOption.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.name IS 'Name, unique for the type.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.validity_period IS 'How long a pass with it is valid.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.lifecycle_state IS 'draft, published or archived; passes are issued of published options.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.created_at IS 'When the option was made.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.option_key IS E'@behavior -*\nId of the option.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.type_key IS E'@behavior -*\nId of the type.';

CREATE VIEW trainledger_graphql.training_pass_type_option_price
	WITH (security_invoker = true) AS
SELECT trainledger.global_id('TrainingPassTypeOptionPrice', p.id::text)::trainledger_graphql.id AS id,
	   trainledger.format_amount(p.amount, c.minor_units) AS amount,
	   p.id AS price_key, p.option_id AS option_key,
	   p.region_code AS region_key, p.currency_code AS currency_key,
	   p.amount::numeric AS amount_key
FROM trainledger.pass_type_option_price p
JOIN trainledger.currency c ON c.code = p.currency_code;
COMMENT ON VIEW trainledger_graphql.training_pass_type_option_price IS
E'@primaryKey price_key\n@foreignKey (option_key) references trainledger_graphql.training_pass_type_option (option_key)|@fieldName trainingPassTypeOption|@foreignFieldName prices\n@foreignKey (region_key) references trainledger_graphql.region (code)|@fieldName region|@foreignFieldName prices\n@foreignKey (currency_key) references trainledger_graphql.financial_unit (code)|@fieldName financialUnit|@foreignFieldName prices\nWhat an option costs in a region and a currency.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price.id IS E'@filterAs price_key TrainingPassTypeOptionPrice\n@notNull\nGlobal id, of a TrainingPassTypeOptionPrice.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price.amount IS E'@filterAs amount_key\nThe price, with the decimals of its currency.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price.price_key IS E'@behavior -*\nId of the price.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price.option_key IS E'@behavior -*\nId of the option.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price.region_key IS E'@behavior -*\nCode of the region.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price.currency_key IS E'@behavior -*\nCode of the currency.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price.amount_key IS E'@behavior -*\nThe price as a number.';

CREATE VIEW trainledger_graphql.training_pass WITH (security_invoker = true) AS
SELECT trainledger.global_id('TrainingPass', p.id::text)::trainledger_graphql.id AS id,
	   p.valid_from, p.valid_until,
	   p.lifecycle_state::text::trainledger_graphql.training_pass_lifecycle_state AS lifecycle_state,
	   p.status::trainledger_graphql.training_pass_status AS status,
	   p.created_at, p.id AS pass_key, p.party_id AS party_key,
	   p.pass_type_id AS type_key, p.option_id AS option_key
FROM trainledger.training_pass p;
COMMENT ON VIEW trainledger_graphql.training_pass IS
E'@primaryKey pass_key\n@foreignKey (party_key) references trainledger_graphql.contact (party_key)|@fieldName contact|@foreignFieldName trainingPasses\n@foreignKey (type_key) references trainledger_graphql.training_pass_type (type_key)|@fieldName trainingPassType|@foreignFieldName trainingPasses\n@foreignKey (option_key) references trainledger_graphql.training_pass_type_option (option_key)|@fieldName trainingPassTypeOption|@foreignFieldName trainingPasses\n@orderFirst created_at\nA training pass of a contact.';
COMMENT ON COLUMN trainledger_graphql.training_pass.id IS E'@filterAs pass_key TrainingPass\n@notNull\nGlobal id, of a TrainingPass.';
COMMENT ON COLUMN trainledger_graphql.training_pass.valid_from IS 'From when on it is valid.';
COMMENT ON COLUMN trainledger_graphql.training_pass.valid_until IS 'From when on it is no longer valid.';
COMMENT ON COLUMN trainledger_graphql.training_pass.lifecycle_state IS 'active or cancelled.';
COMMENT ON COLUMN trainledger_graphql.training_pass.status IS 'upcoming, active, expired or cancelled.';
COMMENT ON COLUMN trainledger_graphql.training_pass.created_at IS 'When it was issued.';
COMMENT ON COLUMN trainledger_graphql.training_pass.pass_key IS E'@behavior -*\nId of the pass.';
COMMENT ON COLUMN trainledger_graphql.training_pass.party_key IS E'@behavior -*\nId of the person.';
COMMENT ON COLUMN trainledger_graphql.training_pass.type_key IS E'@behavior -*\nId of the type.';
COMMENT ON COLUMN trainledger_graphql.training_pass.option_key IS E'@behavior -*\nId of the option.';

-- What the mutations have in common.  Internal: they are no fields.

CREATE FUNCTION trainledger_graphql._key(id text, types text[], field text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key text;
BEGIN
	FOR i IN 1 .. cardinality(types) LOOP
		BEGIN
			key := trainledger.global_id_key(id, types[i]);
			-- the keys of all but regions are uuids or numbers
			IF types[i] IN ('TokenType', 'TokenIssue') THEN
				PERFORM key::uuid;
			ELSIF types[i] <> 'Region' THEN
				PERFORM key::bigint;
			END IF;
			RETURN key;
		EXCEPTION WHEN data_exception THEN
			NULL;
		END;
	END LOOP;
	RAISE EXCEPTION USING ERRCODE = 'TL400', COLUMN = field,
		MESSAGE = format('not a global id of %s',
						 array_to_string(types, ' or '));
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._key(text, text[], text) IS
E'@behavior -*\nInternal: the key in a global id that was sent in a field (TL400).';

CREATE FUNCTION trainledger_graphql._number(id text, type text, field text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_graphql._key(id, ARRAY[type], field)::bigint;
END;
COMMENT ON FUNCTION trainledger_graphql._number(text, text, text) IS
E'@behavior -*\nInternal: the number in a global id that was sent in a field (TL400).';
