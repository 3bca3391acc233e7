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
E'@primaryKey party_key\n'
'@orderFirst created_at\n'
'Who holds tokens: an organisation or a person.';
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
E'@primaryKey party_key\n'
'@foreignKey (organisation_key) references trainledger_graphql.account (party_key)|@fieldName account|@foreignFieldName contacts\n'
'@orderFirst created_at\n'
'A person, who may have training passes.';
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
E'@primaryKey item_key\n'
'@orderFirst kind\n'
'@behavior +interface:node\n'
'@interface mode:single type:kind\n'
'@type course name:CourseTemplate\n'
'@type learning_path name:LearningPath\n'
'A course or a learning path.';
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
E'@primaryKey type_key\n'
'@orderFirst created_at\n'
'@hideUnlessAsked is_archived\n'
'A type of training tokens.';
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
SELECT (SELECT coalesce(sum(b.balance), 0)
		FROM trainledger.token_lot l
		JOIN trainledger.account b ON b.id = l.account_id
		WHERE l.party_id = a.party_id AND l.token_type_id = a.token_type_id
		AND l.is_open
		AND (l.expires_at > trainledger.clock() OR l.expires_at IS NULL)
	   )::trainledger_graphql.token_amount AS current_balance,
	   a.created_at, a.party_id AS party_key, a.token_type_id AS type_key
FROM trainledger.token_account a;
COMMENT ON VIEW trainledger_graphql.token_account IS
E'@primaryKey party_key,type_key\n'
'@foreignKey (party_key) references trainledger_graphql.account (party_key)|@fieldName account|@foreignFieldName tokenAccounts\n'
'@foreignKey (type_key) references trainledger_graphql.training_token_type (type_key)|@fieldName tokenType|@foreignFieldName tokenAccounts\n'
'@orderFirst created_at\n'
'The training tokens of one type that an account holds.';
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
E'@primaryKey issue_key\n'
'@foreignKey (party_key, type_key) references trainledger_graphql.token_account (party_key, type_key)|@fieldName tokenAccount|@foreignFieldName tokenIssues\n'
'@foreignKey (type_key) references trainledger_graphql.training_token_type (type_key)|@fieldName tokenType|@foreignFieldName tokenIssues\n'
'@orderFirst created_at\n'
'Training tokens that were issued together, with a balance and an expiry of their own.';
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
	   e.description AS notes,
	   l.id AS issue_key, e.entry_no
FROM trainledger.entry e
JOIN trainledger.token_lot l ON l.account_id = e.account_id;
COMMENT ON VIEW trainledger_graphql.training_token_transaction IS
E'@primaryKey issue_key,entry_no\n'
'@foreignKey (issue_key) references trainledger_graphql.training_token_issue (issue_key)|@fieldName tokenIssue|@foreignFieldName transactions\n'
'@behavior -query:resource:connection\n'
'A movement of the balance of a token issue.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.occurred_at IS 'When it happened.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.operation IS 'What was done.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.balance_delta IS 'What was added; negative where tokens were taken.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.balance IS 'Balance of the issue after it.';
COMMENT ON COLUMN trainledger_graphql.training_token_transaction.notes IS 'What it was for.';
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
E'@primaryKey redemption_key\n'
'@foreignKey (party_key, type_key) references trainledger_graphql.token_account (party_key, type_key)|@fieldName tokenAccount|@foreignFieldName redemptions\n'
'@orderFirst created_at\n'
'Training tokens that were redeemed.';
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
E'@primaryKey type_key\n'
'@ref content to:CatalogItem plural\n'
'@refVia content via:(type_key)->training_pass_content(type_key);(item_key)->catalog_item(item_key)\n'
'@orderFirst created_at\n'
'A type of training passes.';
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
E'@primaryKey type_key,item_key\n'
'@foreignKey (type_key) references trainledger_graphql.training_pass_type (type_key)\n'
'@foreignKey (item_key) references trainledger_graphql.catalog_item (item_key)\n'
'@behavior -*\n'
'Which pass type holds which item.';
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
E'@primaryKey option_key\n'
'@foreignKey (type_key) references trainledger_graphql.training_pass_type (type_key)|@fieldName trainingPassType|@foreignFieldName options\n'
'@orderFirst created_at\n'
'An option of a training pass type: how long a pass is valid, and at which prices.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.id IS E'@filterAs option_key TrainingPassTypeOption\n@notNull\nGlobal id, of a TrainingPassTypeOption.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option.name IS 'Name, such as Monthly.';
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
E'@primaryKey price_key\n'
'@foreignKey (option_key) references trainledger_graphql.training_pass_type_option (option_key)|@fieldName trainingPassTypeOption|@foreignFieldName prices\n'
'@foreignKey (region_key) references trainledger_graphql.region (code)|@fieldName region|@foreignFieldName prices\n'
'@foreignKey (currency_key) references trainledger_graphql.financial_unit (code)|@fieldName financialUnit|@foreignFieldName prices\n'
'What an option costs in a region and a currency.';
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
E'@primaryKey pass_key\n'
'@foreignKey (party_key) references trainledger_graphql.contact (party_key)|@fieldName contact|@foreignFieldName trainingPasses\n'
'@foreignKey (type_key) references trainledger_graphql.training_pass_type (type_key)|@fieldName trainingPassType|@foreignFieldName trainingPasses\n'
'@foreignKey (option_key) references trainledger_graphql.training_pass_type_option (option_key)|@fieldName trainingPassTypeOption|@foreignFieldName trainingPasses\n'
'@orderFirst created_at\n'
'A training pass of a contact.';
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

-- Inputs

CREATE TYPE trainledger_graphql.validity_period_input AS (
	unit trainledger_graphql.validity_unit,
	value integer
);
COMMENT ON TYPE trainledger_graphql.validity_period_input IS
'A number of days, weeks, months or years.';
COMMENT ON COLUMN trainledger_graphql.validity_period_input.unit IS 'Unit of the period.';
COMMENT ON COLUMN trainledger_graphql.validity_period_input.value IS 'How many units it has.';

CREATE TYPE trainledger_graphql.token_type_create_input AS (
	name text,
	description text,
	default_days_to_redeem integer,
	decimals integer
);
COMMENT ON TYPE trainledger_graphql.token_type_create_input IS
'A new type of training tokens.';
COMMENT ON COLUMN trainledger_graphql.token_type_create_input.name IS 'Name to show, unique.';
COMMENT ON COLUMN trainledger_graphql.token_type_create_input.description IS 'What the tokens are for.';
COMMENT ON COLUMN trainledger_graphql.token_type_create_input.default_days_to_redeem IS 'Days from the issue to the expiry where the issue does not say.';
COMMENT ON COLUMN trainledger_graphql.token_type_create_input.decimals IS 'Decimals that a number of these tokens may have, 0 to 6; 0 where it is left out.';

CREATE TYPE trainledger_graphql.token_type_update_input AS (
	token_type_id trainledger_graphql.id,
	name text,
	description text,
	default_days_to_redeem integer,
	is_active boolean,
	is_archived boolean
);
COMMENT ON TYPE trainledger_graphql.token_type_update_input IS
'Changes of a type of training tokens; what is left out stays.';
COMMENT ON COLUMN trainledger_graphql.token_type_update_input.token_type_id IS 'Type to change.';
COMMENT ON COLUMN trainledger_graphql.token_type_update_input.name IS 'Name to show, unique.';
COMMENT ON COLUMN trainledger_graphql.token_type_update_input.description IS 'What the tokens are for.';
COMMENT ON COLUMN trainledger_graphql.token_type_update_input.default_days_to_redeem IS 'Days from the issue to the expiry where the issue does not say.';
COMMENT ON COLUMN trainledger_graphql.token_type_update_input.is_active IS 'False: nothing is booked.';
COMMENT ON COLUMN trainledger_graphql.token_type_update_input.is_archived IS 'True: nothing new is issued.';

CREATE TYPE trainledger_graphql.token_issue_create_input AS (
	token_type_id trainledger_graphql.id,
	account_id trainledger_graphql.id,
	quantity trainledger_graphql.token_amount,
	expires_at trainledger_graphql.moment,
	notes text,
	idempotency_key uuid
);
COMMENT ON TYPE trainledger_graphql.token_issue_create_input IS
'Training tokens to issue.';
COMMENT ON COLUMN trainledger_graphql.token_issue_create_input.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger_graphql.token_issue_create_input.account_id IS 'Organisation or person that holds the tokens.';
COMMENT ON COLUMN trainledger_graphql.token_issue_create_input.quantity IS 'How many.';
COMMENT ON COLUMN trainledger_graphql.token_issue_create_input.expires_at IS 'Last day of the tokens; where it is left out, the type says how many days they are good for.';
COMMENT ON COLUMN trainledger_graphql.token_issue_create_input.notes IS 'What it is for.';
COMMENT ON COLUMN trainledger_graphql.token_issue_create_input.idempotency_key IS 'Key of one''s own by which a repeated request is known.';

CREATE TYPE trainledger_graphql.token_issue_extend_input AS (
	token_issue_id trainledger_graphql.id,
	expires_at trainledger_graphql.moment
);
COMMENT ON TYPE trainledger_graphql.token_issue_extend_input IS
'A later expiry of training tokens.';
COMMENT ON COLUMN trainledger_graphql.token_issue_extend_input.token_issue_id IS 'Issue to change.';
COMMENT ON COLUMN trainledger_graphql.token_issue_extend_input.expires_at IS 'Last day of the tokens, after the present one.';

CREATE TYPE trainledger_graphql.token_balance_adjust_input AS (
	token_issue_id trainledger_graphql.id,
	amount trainledger_graphql.token_amount,
	notes text,
	idempotency_key uuid
);
COMMENT ON TYPE trainledger_graphql.token_balance_adjust_input IS
'A correction of what is left of an issue.';
COMMENT ON COLUMN trainledger_graphql.token_balance_adjust_input.token_issue_id IS 'Issue to change.';
COMMENT ON COLUMN trainledger_graphql.token_balance_adjust_input.amount IS 'How many to add, or with a minus sign to take.';
COMMENT ON COLUMN trainledger_graphql.token_balance_adjust_input.notes IS 'What it is for.';
COMMENT ON COLUMN trainledger_graphql.token_balance_adjust_input.idempotency_key IS 'Key of one''s own by which a repeated request is known.';

CREATE TYPE trainledger_graphql.token_balance_redeem_input AS (
	account_id trainledger_graphql.id,
	token_type_id trainledger_graphql.id,
	quantity trainledger_graphql.token_amount,
	reference text,
	notes text,
	idempotency_key uuid
);
COMMENT ON TYPE trainledger_graphql.token_balance_redeem_input IS
'Training tokens to redeem, those that expire first before others.';
COMMENT ON COLUMN trainledger_graphql.token_balance_redeem_input.account_id IS 'Organisation or person that holds the tokens.';
COMMENT ON COLUMN trainledger_graphql.token_balance_redeem_input.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger_graphql.token_balance_redeem_input.quantity IS 'How many.';
COMMENT ON COLUMN trainledger_graphql.token_balance_redeem_input.reference IS 'What they are redeemed for, such as a booking.';
COMMENT ON COLUMN trainledger_graphql.token_balance_redeem_input.notes IS 'What it is for.';
COMMENT ON COLUMN trainledger_graphql.token_balance_redeem_input.idempotency_key IS 'Key of one''s own by which a repeated request is known.';

CREATE TYPE trainledger_graphql.token_balance_refund_input AS (
	redemption_id trainledger_graphql.id,
	quantity trainledger_graphql.token_amount,
	if_expired trainledger_graphql.refund_policy,
	idempotency_key uuid
);
COMMENT ON TYPE trainledger_graphql.token_balance_refund_input IS
'Redeemed training tokens to give back.';
COMMENT ON COLUMN trainledger_graphql.token_balance_refund_input.redemption_id IS 'Redemption.';
COMMENT ON COLUMN trainledger_graphql.token_balance_refund_input.quantity IS 'How many; all that are left where it is left out.';
COMMENT ON COLUMN trainledger_graphql.token_balance_refund_input.if_expired IS 'What becomes of those whose issue has expired; forfeit where it is left out.';
COMMENT ON COLUMN trainledger_graphql.token_balance_refund_input.idempotency_key IS 'Key of one''s own by which a repeated request is known.';

CREATE TYPE trainledger_graphql.training_pass_type_input AS (
	code text,
	name text,
	description text
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_input IS
'A new type of training passes, a draft.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_input.code IS 'Code, unique.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_input.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_input.description IS 'What the pass is for.';

CREATE TYPE trainledger_graphql.training_pass_type_update_input AS (
	training_pass_type_id trainledger_graphql.id,
	code text,
	name text,
	description text,
	lifecycle_state trainledger_graphql.lifecycle_state
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_update_input IS
'Changes of a pass type; what is left out stays.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_update_input.training_pass_type_id IS 'Pass type to change.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_update_input.code IS 'Code, unique.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_update_input.name IS 'Name to show.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_update_input.description IS 'What the pass is for.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_update_input.lifecycle_state IS 'published needs a published option.';

CREATE TYPE trainledger_graphql.training_pass_type_content_input AS (
	training_pass_type_id trainledger_graphql.id,
	course_ids trainledger_graphql.id[],
	path_ids trainledger_graphql.id[]
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_content_input IS
'Courses and learning paths of a pass type.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_content_input.training_pass_type_id IS 'Pass type to change.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_content_input.course_ids IS 'Courses.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_content_input.path_ids IS 'Learning paths.';

CREATE TYPE trainledger_graphql.training_pass_type_option_input AS (
	training_pass_type_id trainledger_graphql.id,
	name text,
	validity_period trainledger_graphql.validity_period_input
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_option_input IS
'A new option of a pass type, a draft.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_input.training_pass_type_id IS 'Pass type.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_input.name IS 'Name, such as Monthly.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_input.validity_period IS 'How long a pass with it is valid.';

CREATE TYPE trainledger_graphql.training_pass_type_option_update_input AS (
	training_pass_type_option_id trainledger_graphql.id,
	name text,
	lifecycle_state trainledger_graphql.lifecycle_state
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_option_update_input IS
'Changes of an option; what is left out stays.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_update_input.training_pass_type_option_id IS 'Option to change.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_update_input.name IS 'Name, such as Monthly.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_update_input.lifecycle_state IS 'published needs a price.';

CREATE TYPE trainledger_graphql.training_pass_type_option_price_input AS (
	training_pass_type_option_id trainledger_graphql.id,
	region_id trainledger_graphql.id,
	currency_code text,
	amount text
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_option_price_input IS
'A price of an option in a region and a currency.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_input.training_pass_type_option_id IS 'Option.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_input.region_id IS 'Region.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_input.currency_code IS 'Code of the currency, such as USD.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_input.amount IS 'The price, such as "99.90".';

CREATE TYPE trainledger_graphql.training_pass_type_option_price_update_input AS (
	training_pass_type_option_price_id trainledger_graphql.id,
	amount text
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_option_price_update_input IS
'Another amount of a price.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_update_input.training_pass_type_option_price_id IS 'Price to change.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_update_input.amount IS 'The price, such as "99.90".';

CREATE TYPE trainledger_graphql.training_pass_issue_input AS (
	training_pass_type_id trainledger_graphql.id,
	training_pass_type_option_id trainledger_graphql.id,
	contact_id trainledger_graphql.id,
	valid_from trainledger_graphql.moment,
	valid_until trainledger_graphql.moment,
	idempotency_key uuid
);
COMMENT ON TYPE trainledger_graphql.training_pass_issue_input IS
'A training pass to issue.';
COMMENT ON COLUMN trainledger_graphql.training_pass_issue_input.training_pass_type_id IS 'Pass type.';
COMMENT ON COLUMN trainledger_graphql.training_pass_issue_input.training_pass_type_option_id IS 'Option of the pass type.';
COMMENT ON COLUMN trainledger_graphql.training_pass_issue_input.contact_id IS 'Person who is to have the pass.';
COMMENT ON COLUMN trainledger_graphql.training_pass_issue_input.valid_from IS 'From when on it is valid; now where it is left out.';
COMMENT ON COLUMN trainledger_graphql.training_pass_issue_input.valid_until IS 'When its validity is over; after the period of the option where it is left out.';
COMMENT ON COLUMN trainledger_graphql.training_pass_issue_input.idempotency_key IS 'Key of one''s own by which a repeated request is known.';

CREATE TYPE trainledger_graphql.training_pass_renew_input AS (
	training_pass_id trainledger_graphql.id,
	training_pass_type_option_id trainledger_graphql.id,
	valid_until trainledger_graphql.moment
);
COMMENT ON TYPE trainledger_graphql.training_pass_renew_input IS
'A longer validity of a training pass.';
COMMENT ON COLUMN trainledger_graphql.training_pass_renew_input.training_pass_id IS 'Pass to change.';
COMMENT ON COLUMN trainledger_graphql.training_pass_renew_input.training_pass_type_option_id IS 'Option; the present one where it is left out.';
COMMENT ON COLUMN trainledger_graphql.training_pass_renew_input.valid_until IS 'When its validity is over; by the period of the option later where it is left out.';

CREATE TYPE trainledger_graphql.training_pass_revoke_input AS (
	training_pass_id trainledger_graphql.id
);
COMMENT ON TYPE trainledger_graphql.training_pass_revoke_input IS
'A training pass to cancel.';
COMMENT ON COLUMN trainledger_graphql.training_pass_revoke_input.training_pass_id IS 'Pass to cancel.';

CREATE TYPE trainledger_graphql.training_pass_reassign_input AS (
	training_pass_id trainledger_graphql.id,
	contact_id trainledger_graphql.id
);
COMMENT ON TYPE trainledger_graphql.training_pass_reassign_input IS
'A training pass that goes to another person.';
COMMENT ON COLUMN trainledger_graphql.training_pass_reassign_input.training_pass_id IS 'Pass to give away; it is cancelled.';
COMMENT ON COLUMN trainledger_graphql.training_pass_reassign_input.contact_id IS 'Person who gets the rest of its validity as a new pass.';

CREATE TYPE trainledger_graphql.training_pass_use_input AS (
	contact_id trainledger_graphql.id,
	content_id trainledger_graphql.id,
	reference text
);
COMMENT ON TYPE trainledger_graphql.training_pass_use_input IS
'A booking on the pass of a person.';
COMMENT ON COLUMN trainledger_graphql.training_pass_use_input.contact_id IS 'Person who books.';
COMMENT ON COLUMN trainledger_graphql.training_pass_use_input.content_id IS 'Course or learning path that is booked.';
COMMENT ON COLUMN trainledger_graphql.training_pass_use_input.reference IS 'Reference of the booking.';

-- Payloads: the object, or why it was refused

CREATE TYPE trainledger_graphql.token_type_payload AS (
	errors trainledger_graphql.field_error[],
	token_type trainledger_graphql.training_token_type
);
COMMENT ON TYPE trainledger_graphql.token_type_payload IS
'What became of a mutation.';
COMMENT ON COLUMN trainledger_graphql.token_type_payload.errors IS 'Why it was refused; empty where it was done.';
COMMENT ON COLUMN trainledger_graphql.token_type_payload.token_type IS 'Type as it is now; null where it was refused.';

CREATE TYPE trainledger_graphql.token_issue_payload AS (
	errors trainledger_graphql.field_error[],
	token_issue trainledger_graphql.training_token_issue
);
COMMENT ON TYPE trainledger_graphql.token_issue_payload IS
'What became of a mutation.';
COMMENT ON COLUMN trainledger_graphql.token_issue_payload.errors IS 'Why it was refused; empty where it was done.';
COMMENT ON COLUMN trainledger_graphql.token_issue_payload.token_issue IS 'Issue as it is now; null where it was refused.';

CREATE TYPE trainledger_graphql.token_redemption_payload AS (
	errors trainledger_graphql.field_error[],
	redemption trainledger_graphql.token_redemption
);
COMMENT ON TYPE trainledger_graphql.token_redemption_payload IS
'What became of a mutation.';
COMMENT ON COLUMN trainledger_graphql.token_redemption_payload.errors IS 'Why it was refused; empty where it was done.';
COMMENT ON COLUMN trainledger_graphql.token_redemption_payload.redemption IS 'Redemption as it is now; null where it was refused.';

CREATE TYPE trainledger_graphql.training_pass_type_payload AS (
	errors trainledger_graphql.field_error[],
	training_pass_type trainledger_graphql.training_pass_type
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_payload IS
'What became of a mutation.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_payload.errors IS 'Why it was refused; empty where it was done.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_payload.training_pass_type IS 'Pass type as it is now; null where it was refused.';

CREATE TYPE trainledger_graphql.training_pass_type_option_payload AS (
	errors trainledger_graphql.field_error[],
	training_pass_type_option trainledger_graphql.training_pass_type_option
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_option_payload IS
'What became of a mutation.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_payload.errors IS 'Why it was refused; empty where it was done.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_payload.training_pass_type_option IS 'Option as it is now; null where it was refused.';

CREATE TYPE trainledger_graphql.training_pass_type_option_price_payload AS (
	errors trainledger_graphql.field_error[],
	training_pass_type_option_price trainledger_graphql.training_pass_type_option_price
);
COMMENT ON TYPE trainledger_graphql.training_pass_type_option_price_payload IS
'What became of a mutation.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_payload.errors IS 'Why it was refused; empty where it was done.';
COMMENT ON COLUMN trainledger_graphql.training_pass_type_option_price_payload.training_pass_type_option_price IS 'Price as it is now; null where it was refused.';

CREATE TYPE trainledger_graphql.training_pass_payload AS (
	errors trainledger_graphql.field_error[],
	training_pass trainledger_graphql.training_pass
);
COMMENT ON TYPE trainledger_graphql.training_pass_payload IS
'What became of a mutation.';
COMMENT ON COLUMN trainledger_graphql.training_pass_payload.errors IS 'Why it was refused; empty where it was done.';
COMMENT ON COLUMN trainledger_graphql.training_pass_payload.training_pass IS 'Pass as it is now; null where it was refused.';

-- What the mutations have in common.  Internal: they are no fields.

CREATE FUNCTION trainledger_graphql._require_level(twin text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM trainledger.privilege p
				   WHERE p.function_name = twin
				   AND trainledger.has_level(p.level)) THEN
		RAISE EXCEPTION USING ERRCODE = '42501',
			MESSAGE = format('permission denied for %s', twin),
			HINT = 'Ask for a role with a higher level of access.';
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._require_level(text) IS
E'@behavior -*\n'
'Internal: 42501 before anything else, where the caller may not call a function of trainledger.';

CREATE FUNCTION trainledger_graphql._refuse(
	state text, message text, field text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING
		ERRCODE = state, MESSAGE = message, COLUMN = field;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._refuse(text, text, text) IS
E'@behavior -*\nInternal: raises a refusal that names the field of the input.';

CREATE FUNCTION trainledger_graphql._key(id text, type text, field text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN trainledger.global_id_key(id, type);
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse('TL400',
		format('not a global id of a %s', type), field);
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._key(text, text, text) IS
E'@behavior -*\nInternal: the key in the global id in a field (TL400).';

CREATE FUNCTION trainledger_graphql._uuid(id text, type text, field text)
RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key text := trainledger_graphql._key(id, type, field);
BEGIN
	IF key <> replace(key::uuid::text, '-', '') THEN
		RAISE data_exception;
	END IF;
	RETURN key::uuid;
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse('TL400',
		format('not a global id of a %s', type), field);
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._uuid(text, text, text) IS
E'@behavior -*\nInternal: the uuid in the global id in a field, as it is printed (TL400).';

CREATE FUNCTION trainledger_graphql._number(id text, type text, field text)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key text := trainledger_graphql._key(id, type, field);
BEGIN
	IF key <> key::bigint::text THEN
		RAISE data_exception;
	END IF;
	RETURN key::bigint;
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse('TL400',
		format('not a global id of a %s', type), field);
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._number(text, text, text) IS
E'@behavior -*\nInternal: the number in the global id in a field, as it is printed (TL400).';

CREATE FUNCTION trainledger_graphql._numbers(
	ids trainledger_graphql.id[], type text, field text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT coalesce(array_agg(trainledger_graphql._number(i, type, field)), '{}')
	FROM unnest(ids) AS i;
END;
COMMENT ON FUNCTION trainledger_graphql._numbers(
	trainledger_graphql.id[], text, text) IS
E'@behavior -*\nInternal: the numbers in the global ids in a field (TL400).';

-- 0 is the id of nobody and nothing: the mutation says so (TL404), after what is
-- wrong with its other arguments.

CREATE FUNCTION trainledger_graphql._party(id text, field text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	party_id bigint;
BEGIN
	-- as base64 begins where the type is Person
	party_id := trainledger_graphql._number(id,
		CASE WHEN id LIKE 'UGVyc29uO%' THEN 'Person' ELSE 'Organisation' END,
		field);
	RETURN CASE WHEN party_id IS NULL OR EXISTS (
					SELECT FROM trainledger_graphql.account a
					WHERE a.party_key = party_id AND a.id = _party.id)
				THEN party_id ELSE 0 END;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._party(text, text) IS
E'@behavior -*\n'
'Internal: the organisation or person in a field, 0 where there is none (TL400).';

CREATE FUNCTION trainledger_graphql._item(id text, field text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item_id bigint;
BEGIN
	-- as base64 begins where the type is LearningPath
	item_id := trainledger_graphql._number(id,
		CASE WHEN id LIKE 'TGVhcm5pbmdQYXRoO%' THEN 'LearningPath'
			 ELSE 'CourseTemplate' END,
		field);
	RETURN CASE WHEN item_id IS NULL OR EXISTS (
					SELECT FROM trainledger_graphql.catalog_item c
					WHERE c.item_key = item_id AND c.id = _item.id)
				THEN item_id ELSE 0 END;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._item(text, text) IS
E'@behavior -*\n'
'Internal: the course or learning path in a field, 0 where there is none (TL400).';

CREATE FUNCTION trainledger_graphql._redemption(id text, field text)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN id::bigint;
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse('TL400', 'not an id of a redemption',
										field);
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._redemption(text, text) IS
E'@behavior -*\nInternal: the redemption in a field (TL400).';

CREATE FUNCTION trainledger_graphql._moment(value text, field text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
BEGIN
	RETURN value::timestamptz;
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse('TL400', 'not a date or a time', field);
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._moment(text, text) IS
E'@behavior -*\n'
'Internal: the instant in a field, in UTC unless it says otherwise (TL400).';

CREATE FUNCTION trainledger_graphql._day(value text, field text) RETURNS date
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT (trainledger_graphql._moment(value, field) AT TIME ZONE 'UTC')::date;
END;
COMMENT ON FUNCTION trainledger_graphql._day(text, text) IS
E'@behavior -*\nInternal: the day, in UTC, of the instant in a field (TL400).';

CREATE FUNCTION trainledger_graphql._price(value text, field text)
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN value::numeric;
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse('TL400', 'not a price', field);
END;
$$;
COMMENT ON FUNCTION trainledger_graphql._price(text, text) IS
E'@behavior -*\nInternal: the price in a field (TL400).';

/*
 * Which field of an input a refusal is about: the first that the input has of
 * those whose pattern the message meets.  Messages begin with an argument of
 * the function or with what it is about.
 */
CREATE FUNCTION trainledger_graphql._field(message text, detail text, input jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT r.field
	FROM (VALUES
		(1, 'idempotency key %', 'idempotency_key'),
		(2, 'catalogue item % There is no course %', 'course_ids'),
		(3, 'catalogue item % There is no learning path %', 'path_ids'),
		(4, 'no pass covers %', 'content_id'),
		(5, 'default_days_to_redeem %', 'default_days_to_redeem'),
		(6, 'scale %', 'decimals'),
		(7, 'token_type_id %', 'token_type_id'),
		(9, 'token type %', 'token_type_id'),
		(10, 'transaction rejected %', 'token_type_id'),
		(11, 'issue_id %', 'token_issue_id'),
		(12, 'token issue %', 'token_issue_id'),
		(13, 'transaction rejected %', 'token_issue_id'),
		(14, 'redemption%', 'redemption_id'),
		(15, 'expir%', 'expires_at'),
		(16, 'quantity %', 'quantity'),
		(17, 'not enough tokens %', 'quantity'),
		(18, 'more than is left %', 'quantity'),
		(19, 'price not found %', 'training_pass_type_option_price_id'),
		(19, 'price_id %', 'training_pass_type_option_price_id'),
		(20, 'price %', 'amount'),
		(21, 'amount %', 'amount'),
		(22, 'balance %', 'amount'),
		(23, 'balance %', 'quantity'),
		(24, 'party%', 'account_id'),
		(25, 'party%', 'contact_id'),
		(26, 'pass_type_id %', 'training_pass_type_id'),
		(27, 'pass type has no %', 'lifecycle_state'),
		(28, 'pass type %', 'training_pass_type_id'),
		(29, 'option_id %', 'training_pass_type_option_id'),
		(30, 'pass option has no %', 'lifecycle_state'),
		(31, 'pass option is the last %', 'lifecycle_state'),
		(32, 'pass option %', 'training_pass_type_option_id'),
		(33, 'validity%', 'validity_period'),
		(34, 'validity %', 'valid_until'),
		(35, 'pass ends %', 'valid_until'),
		(36, 'pass is not prolonged %', 'valid_until'),
		(37, 'pass%', 'training_pass_id'),
		(38, 'region%', 'region_id'),
		(39, 'currency%', 'currency_code'),
		(40, 'item_id %', 'content_id'),
		(41, 'reference %', 'reference'),
		(42, 'notes %', 'notes'),
		(43, 'code %', 'code'),
		(44, 'name %', 'name'),
		(45, 'description %', 'description')
	) AS r(ordinal, pattern, field)
	WHERE message || ' ' || detail LIKE r.pattern AND input ? r.field
	ORDER BY r.ordinal
	LIMIT 1;
END;
COMMENT ON FUNCTION trainledger_graphql._field(text, text, jsonb) IS
E'@behavior -*\n'
'Internal: the field of an input that a refusal is about, if any.';

CREATE FUNCTION trainledger_graphql._errors(
	state text, message text, detail text, field text, input jsonb)
RETURNS trainledger_graphql.field_error[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- nothing for an error that is no refusal and no bad value
	SELECT ARRAY[ROW(
		coalesce((SELECT string_agg(CASE w.ordinal WHEN 1 THEN w.word
										ELSE initcap(w.word) END, ''
									ORDER BY w.ordinal)
				  FROM string_to_table(f.name, '_') WITH ORDINALITY
					  AS w(word, ordinal)), ''),
		message,
		input ->> f.name)::trainledger_graphql.field_error]
	FROM (SELECT CASE WHEN input ? field THEN field
			  ELSE trainledger_graphql._field(message, detail, input) END) AS f(name)
	WHERE state LIKE 'TL%' OR state LIKE '22%';
END;
COMMENT ON FUNCTION trainledger_graphql._errors(
	text, text, text, text, jsonb) IS
E'@behavior -*\n'
'Internal: a refusal or a bad value as the errors of a payload; null for any other error.';

-- Mutations

CREATE FUNCTION trainledger_graphql.create_token_type(
	input trainledger_graphql.token_type_create_input)
RETURNS trainledger_graphql.token_type_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.token_type_payload;
	made uuid;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('add_training_token_type');
	made := (trainledger.add_training_token_type(
		input.name,
		input.description,
		input.default_days_to_redeem,
		coalesce(input.decimals, 0))).id;
	done.token_type := (
		SELECT v FROM trainledger_graphql.training_token_type v
		WHERE v.type_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.create_token_type(
	trainledger_graphql.token_type_create_input) IS
E'@namespace trainingTokenTypes\n'
'@method create\n'
'Makes a type of training tokens.';

CREATE FUNCTION trainledger_graphql.update_token_type(
	input trainledger_graphql.token_type_update_input)
RETURNS trainledger_graphql.token_type_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.token_type_payload;
	made uuid;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('update_token_type');
	made := (trainledger.update_token_type(
		trainledger_graphql._uuid(input.token_type_id, 'TokenType', 'token_type_id'),
		name => input.name,
		description => input.description,
		is_active => input.is_active,
		is_archived => input.is_archived,
		default_days_to_redeem => input.default_days_to_redeem)).id;
	done.token_type := (
		SELECT v FROM trainledger_graphql.training_token_type v
		WHERE v.type_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.update_token_type(
	trainledger_graphql.token_type_update_input) IS
E'@namespace trainingTokenTypes\n'
'@method update\n'
'Changes a type of training tokens, archives it or takes it back.';

CREATE FUNCTION trainledger_graphql.create_token_issue(
	input trainledger_graphql.token_issue_create_input)
RETURNS trainledger_graphql.token_issue_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.token_issue_payload;
	made uuid;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('issue_training_tokens');
	made := (trainledger.issue_training_tokens(
		trainledger_graphql._uuid(input.token_type_id, 'TokenType', 'token_type_id'),
		trainledger_graphql._party(input.account_id, 'account_id'),
		input.quantity,
		trainledger_graphql._day(input.expires_at, 'expires_at'),
		coalesce(input.notes, ''),
		input.idempotency_key)).id;
	done.token_issue := (
		SELECT v FROM trainledger_graphql.training_token_issue v
		WHERE v.issue_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.create_token_issue(
	trainledger_graphql.token_issue_create_input) IS
E'@namespace trainingTokenIssues\n'
'@method create\n'
'Issues training tokens to an account.';

CREATE FUNCTION trainledger_graphql.extend_token_issue(
	input trainledger_graphql.token_issue_extend_input)
RETURNS trainledger_graphql.token_issue_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.token_issue_payload;
	made uuid;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('extend_training_tokens');
	made := (trainledger.extend_training_tokens(
		trainledger_graphql._uuid(input.token_issue_id, 'TokenIssue', 'token_issue_id'),
		trainledger_graphql._day(input.expires_at, 'expires_at'))).id;
	done.token_issue := (
		SELECT v FROM trainledger_graphql.training_token_issue v
		WHERE v.issue_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.extend_token_issue(
	trainledger_graphql.token_issue_extend_input) IS
E'@namespace trainingTokenIssues\n'
'@method extend\n'
'Lets training tokens expire later.';

CREATE FUNCTION trainledger_graphql.adjust_token_balance(
	input trainledger_graphql.token_balance_adjust_input)
RETURNS trainledger_graphql.token_issue_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.token_issue_payload;
	made uuid;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('adjust_training_tokens');
	made := (trainledger.adjust_training_tokens(
		trainledger_graphql._uuid(input.token_issue_id, 'TokenIssue', 'token_issue_id'),
		input.amount,
		coalesce(input.notes, ''),
		input.idempotency_key)).id;
	done.token_issue := (
		SELECT v FROM trainledger_graphql.training_token_issue v
		WHERE v.issue_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.adjust_token_balance(
	trainledger_graphql.token_balance_adjust_input) IS
E'@namespace trainingTokenBalances\n'
'@method adjust\n'
'Adds tokens to an issue or takes some from it.';

CREATE FUNCTION trainledger_graphql.redeem_tokens(
	input trainledger_graphql.token_balance_redeem_input)
RETURNS trainledger_graphql.token_redemption_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.token_redemption_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('redeem_training_tokens');
	made := (trainledger.redeem_training_tokens(
		trainledger_graphql._party(input.account_id, 'account_id'),
		trainledger_graphql._uuid(input.token_type_id, 'TokenType', 'token_type_id'),
		input.quantity,
		input.reference,
		coalesce(input.notes, ''),
		input.idempotency_key)).id;
	done.redemption := (
		SELECT v FROM trainledger_graphql.token_redemption v
		WHERE v.redemption_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.redeem_tokens(
	trainledger_graphql.token_balance_redeem_input) IS
E'@namespace trainingTokenBalances\n'
'@method redeem\n'
'Redeems training tokens of an account, all of them or none.';

CREATE FUNCTION trainledger_graphql.refund_tokens(
	input trainledger_graphql.token_balance_refund_input)
RETURNS trainledger_graphql.token_redemption_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.token_redemption_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('refund_training_tokens');
	made := (trainledger.refund_training_tokens(
		trainledger_graphql._redemption(input.redemption_id, 'redemption_id'),
		input.quantity,
		coalesce(input.if_expired, 'forfeit')::text::trainledger.refund_policy,
		input.idempotency_key)).id;
	done.redemption := (
		SELECT v FROM trainledger_graphql.token_redemption v
		WHERE v.redemption_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.refund_tokens(
	trainledger_graphql.token_balance_refund_input) IS
E'@namespace trainingTokenBalances\n'
'@method refund\n'
'Gives redeemed training tokens back to the issues they came from.';

CREATE FUNCTION trainledger_graphql.create_training_pass_type(
	input trainledger_graphql.training_pass_type_input)
RETURNS trainledger_graphql.training_pass_type_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('create_pass_type');
	made := (trainledger.create_pass_type(
		input.code,
		input.name,
		input.description)).id;
	done.training_pass_type := (
		SELECT v FROM trainledger_graphql.training_pass_type v
		WHERE v.type_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.create_training_pass_type(
	trainledger_graphql.training_pass_type_input) IS
E'@namespace trainingPass\n@method createType\nMakes a pass type, a draft.';

CREATE FUNCTION trainledger_graphql.update_training_pass_type(
	input trainledger_graphql.training_pass_type_update_input)
RETURNS trainledger_graphql.training_pass_type_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('update_pass_type');
	made := (trainledger.update_pass_type(
		trainledger_graphql._number(input.training_pass_type_id, 'TrainingPassType', 'training_pass_type_id'),
		input.code,
		input.name,
		input.description,
		input.lifecycle_state::text::trainledger.lifecycle)).id;
	done.training_pass_type := (
		SELECT v FROM trainledger_graphql.training_pass_type v
		WHERE v.type_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.update_training_pass_type(
	trainledger_graphql.training_pass_type_update_input) IS
E'@namespace trainingPass\n'
'@method updateType\n'
'Changes a pass type, publishes or archives it.';

CREATE FUNCTION trainledger_graphql.add_training_pass_content(
	input trainledger_graphql.training_pass_type_content_input)
RETURNS trainledger_graphql.training_pass_type_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('add_pass_content');
	made := (trainledger.add_pass_content(
		trainledger_graphql._number(input.training_pass_type_id, 'TrainingPassType', 'training_pass_type_id'),
		trainledger_graphql._numbers(input.course_ids, 'CourseTemplate', 'course_ids'),
		trainledger_graphql._numbers(input.path_ids, 'LearningPath', 'path_ids'))).id;
	done.training_pass_type := (
		SELECT v FROM trainledger_graphql.training_pass_type v
		WHERE v.type_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.add_training_pass_content(
	trainledger_graphql.training_pass_type_content_input) IS
E'@namespace trainingPass\n'
'@method addContentToPassType\n'
'Gives a pass type access to courses and learning paths.';

CREATE FUNCTION trainledger_graphql.remove_training_pass_content(
	input trainledger_graphql.training_pass_type_content_input)
RETURNS trainledger_graphql.training_pass_type_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('remove_pass_content');
	made := (trainledger.remove_pass_content(
		trainledger_graphql._number(input.training_pass_type_id, 'TrainingPassType', 'training_pass_type_id'),
		trainledger_graphql._numbers(input.course_ids, 'CourseTemplate', 'course_ids'),
		trainledger_graphql._numbers(input.path_ids, 'LearningPath', 'path_ids'))).id;
	done.training_pass_type := (
		SELECT v FROM trainledger_graphql.training_pass_type v
		WHERE v.type_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.remove_training_pass_content(
	trainledger_graphql.training_pass_type_content_input) IS
E'@namespace trainingPass\n'
'@method removeContentFromPassType\n'
'Takes courses and learning paths from a pass type.';

CREATE FUNCTION trainledger_graphql.create_training_pass_type_option(
	input trainledger_graphql.training_pass_type_option_input)
RETURNS trainledger_graphql.training_pass_type_option_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_option_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('create_pass_option');
	made := (trainledger.create_pass_option(
		trainledger_graphql._number(input.training_pass_type_id, 'TrainingPassType', 'training_pass_type_id'),
		input.name,
		(input.validity_period).unit::text::trainledger.validity_unit,
		(input.validity_period).value)).id;
	done.training_pass_type_option := (
		SELECT v FROM trainledger_graphql.training_pass_type_option v
		WHERE v.option_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.create_training_pass_type_option(
	trainledger_graphql.training_pass_type_option_input) IS
E'@namespace trainingPass\n'
'@method createTypeOption\n'
'Makes an option of a pass type, a draft.';

CREATE FUNCTION trainledger_graphql.update_training_pass_type_option(
	input trainledger_graphql.training_pass_type_option_update_input)
RETURNS trainledger_graphql.training_pass_type_option_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_option_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('update_pass_option');
	made := (trainledger.update_pass_option(
		trainledger_graphql._number(input.training_pass_type_option_id, 'TrainingPassTypeOption', 'training_pass_type_option_id'),
		input.name,
		input.lifecycle_state::text::trainledger.lifecycle)).id;
	done.training_pass_type_option := (
		SELECT v FROM trainledger_graphql.training_pass_type_option v
		WHERE v.option_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.update_training_pass_type_option(
	trainledger_graphql.training_pass_type_option_update_input) IS
E'@namespace trainingPass\n'
'@method updateTypeOption\n'
'Changes an option, publishes or archives it.';

CREATE FUNCTION trainledger_graphql.create_training_pass_type_option_price(
	input trainledger_graphql.training_pass_type_option_price_input)
RETURNS trainledger_graphql.training_pass_type_option_price_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_option_price_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('create_pass_price');
	made := (trainledger.create_pass_price(
		trainledger_graphql._number(input.training_pass_type_option_id, 'TrainingPassTypeOption', 'training_pass_type_option_id'),
		trainledger_graphql._key(input.region_id, 'Region', 'region_id'),
		input.currency_code,
		trainledger_graphql._price(input.amount, 'amount'))).id;
	done.training_pass_type_option_price := (
		SELECT v FROM trainledger_graphql.training_pass_type_option_price v
		WHERE v.price_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.create_training_pass_type_option_price(
	trainledger_graphql.training_pass_type_option_price_input) IS
E'@namespace trainingPass\n'
'@method createTypeOptionPrice\n'
'Gives an option its price in a region and a currency.';

CREATE FUNCTION trainledger_graphql.update_training_pass_type_option_price(
	input trainledger_graphql.training_pass_type_option_price_update_input)
RETURNS trainledger_graphql.training_pass_type_option_price_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_type_option_price_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('update_pass_price');
	made := (trainledger.update_pass_price(
		trainledger_graphql._number(input.training_pass_type_option_price_id, 'TrainingPassTypeOptionPrice', 'training_pass_type_option_price_id'),
		trainledger_graphql._price(input.amount, 'amount'))).id;
	done.training_pass_type_option_price := (
		SELECT v FROM trainledger_graphql.training_pass_type_option_price v
		WHERE v.price_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.update_training_pass_type_option_price(
	trainledger_graphql.training_pass_type_option_price_update_input) IS
E'@namespace trainingPass\n@method updateTypeOptionPrice\nChanges a price.';

CREATE FUNCTION trainledger_graphql.issue_training_pass(
	input trainledger_graphql.training_pass_issue_input)
RETURNS trainledger_graphql.training_pass_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('issue_pass');
	made := (trainledger.issue_pass(
		trainledger_graphql._number(input.training_pass_type_id, 'TrainingPassType', 'training_pass_type_id'),
		trainledger_graphql._number(input.training_pass_type_option_id, 'TrainingPassTypeOption', 'training_pass_type_option_id'),
		trainledger_graphql._number(input.contact_id, 'Person', 'contact_id'),
		trainledger_graphql._moment(input.valid_from, 'valid_from'),
		trainledger_graphql._moment(input.valid_until, 'valid_until'),
		input.idempotency_key)).id;
	done.training_pass := (
		SELECT v FROM trainledger_graphql.training_pass v
		WHERE v.pass_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.issue_training_pass(
	trainledger_graphql.training_pass_issue_input) IS
E'@namespace trainingPass\n@method issuePass\nIssues a pass to a person.';

CREATE FUNCTION trainledger_graphql.renew_training_pass(
	input trainledger_graphql.training_pass_renew_input)
RETURNS trainledger_graphql.training_pass_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('renew_pass');
	made := (trainledger.renew_pass(
		trainledger_graphql._number(input.training_pass_id, 'TrainingPass', 'training_pass_id'),
		trainledger_graphql._number(input.training_pass_type_option_id, 'TrainingPassTypeOption', 'training_pass_type_option_id'),
		trainledger_graphql._moment(input.valid_until, 'valid_until'))).id;
	done.training_pass := (
		SELECT v FROM trainledger_graphql.training_pass v
		WHERE v.pass_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.renew_training_pass(
	trainledger_graphql.training_pass_renew_input) IS
E'@namespace trainingPass\n@method renewPass\nLets a pass end later.';

CREATE FUNCTION trainledger_graphql.revoke_training_pass(
	input trainledger_graphql.training_pass_revoke_input)
RETURNS trainledger_graphql.training_pass_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('revoke_pass');
	made := (trainledger.revoke_pass(
		trainledger_graphql._number(input.training_pass_id, 'TrainingPass', 'training_pass_id'))).id;
	done.training_pass := (
		SELECT v FROM trainledger_graphql.training_pass v
		WHERE v.pass_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.revoke_training_pass(
	trainledger_graphql.training_pass_revoke_input) IS
E'@namespace trainingPass\n@method revokePass\nCancels a pass; its dates stay.';

CREATE FUNCTION trainledger_graphql.reassign_training_pass(
	input trainledger_graphql.training_pass_reassign_input)
RETURNS trainledger_graphql.training_pass_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('reassign_pass');
	made := (trainledger.reassign_pass(
		trainledger_graphql._number(input.training_pass_id, 'TrainingPass', 'training_pass_id'),
		trainledger_graphql._number(input.contact_id, 'Person', 'contact_id'))).id;
	done.training_pass := (
		SELECT v FROM trainledger_graphql.training_pass v
		WHERE v.pass_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.reassign_training_pass(
	trainledger_graphql.training_pass_reassign_input) IS
E'@namespace trainingPass\n'
'@method reassignPass\n'
'Cancels a pass and gives the rest of its validity to another person; the new pass is returned.';

CREATE FUNCTION trainledger_graphql.use_training_pass(
	input trainledger_graphql.training_pass_use_input)
RETURNS trainledger_graphql.training_pass_payload
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done trainledger_graphql.training_pass_payload;
	made bigint;
	field text;
	detail text;
BEGIN
	PERFORM trainledger_graphql._require_level('use_pass');
	made := (trainledger.use_pass(
		trainledger_graphql._number(input.contact_id, 'Person', 'contact_id'),
		trainledger_graphql._item(input.content_id, 'content_id'),
		input.reference)).pass_id;
	done.training_pass := (
		SELECT v FROM trainledger_graphql.training_pass v
		WHERE v.pass_key = made);
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		field = COLUMN_NAME, detail = PG_EXCEPTION_DETAIL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, detail,
											   field, to_jsonb(input));
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_graphql.use_training_pass(
	trainledger_graphql.training_pass_use_input) IS
E'@namespace trainingPass\n'
'@method usePass\n'
'Records a booking on a pass that covers it; that pass is returned.';

-- Who may: the roles that have a level of access.  What they may do with it
-- the functions of trainledger decide.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA trainledger_graphql FROM PUBLIC;

DO $$
DECLARE
	role_name text;
BEGIN
	FOR role_name IN
		SELECT a.grantee::regrole
		FROM pg_catalog.pg_proc p,
			LATERAL pg_catalog.aclexplode(p.proacl) a
		WHERE p.oid = 'trainledger.learner_access()'::regprocedure
		AND a.grantee <> p.proowner
	LOOP
		EXECUTE format('GRANT USAGE ON SCHEMA trainledger_graphql TO %s',
					   role_name);
		EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA trainledger_graphql TO %s',
					   role_name);
		EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trainledger_graphql TO %s',
					   role_name);
	END LOOP;
END;
$$;

COMMIT;

