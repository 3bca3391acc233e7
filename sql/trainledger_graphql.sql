-- The GraphQL API of trainledger, for PostGraphile 5 (contract, section 13).
--
--   psql -X -v ON_ERROR_STOP=1 -d DATABASE -f trainledger_graphql.sql
--
-- Run this script as the owner of the extension or as a superuser, and again
-- after every upgrade.  It drops the schema trainledger_graphql with everything
-- in it, creates it again, and grants it to the roles that have a level of
-- access.  The schema is not part of the extension, because PostGraphile
-- ignores members of extensions.
--
-- First the script fills tables with a row for each type, view, input, payload
-- and mutation.  Then, for each kind of object, a query returns the statements
-- that create the objects, and \gexec runs them.  psql prints one that fails.
--
-- Clients read views.  These run with the rights of the caller, so row-level
-- security decides which rows they show.  Inputs and payloads are composite
-- types, mutations are functions.  Comments contain smart tags: PostGraphile's,
-- and these of the preset that comes with the project:
--
--   @scalar NAME           the domain is this scalar of GraphQL
--   @namespace NS @method M @input TYPE  the function is the field M of the
--                          mutation NS; its argument, the input as it was sent,
--                          has the fields of a composite type
--   @filterAs COLUMN TYPES  filters on the column and orders by it compare
--                          COLUMN instead (COLUMN+COLUMN: several); with
--                          TYPES the value is a global id of one of them
--   @node TYPES            node(id) finds global ids of these types here;
--                          without the tag those of @filterAs of the id
--   @orderFirst COLUMNS    lists are in this order, before the primary key
--   @listOf FIELD TYPE     of the types of the view, only TYPE has this list
--   @required FIELD.ARGUMENT  the argument of the view's field has to be given
--   @hideUnlessAsked COLUMN  lists leave out rows where this column is true,
--                          unless a filter is on it

\set ON_ERROR_STOP on
\set ECHO errors
BEGIN;
SET LOCAL client_min_messages = warning;

DROP SCHEMA IF EXISTS trainledger_graphql CASCADE;
CREATE SCHEMA trainledger_graphql;
COMMENT ON SCHEMA trainledger_graphql IS
'GraphQL face of trainledger, for PostGraphile 5.';
SET LOCAL search_path = trainledger_graphql, pg_temp;

-- ---------------------------------------------------------------------------
-- Definitions.  Fields in GraphQL have the order of the rows.
-- ---------------------------------------------------------------------------

CREATE TABLE _scalar (name text, base text, scalar text, comment text);
INSERT INTO _scalar VALUES
('id', 'text', 'ID', 'Global id: base64 of Type:key.'),
('token_amount', 'numeric', 'TokenAmount', 'Number of tokens, exact.'),
-- text, so that a refusal can print what was sent
('moment', 'text', 'DateTime', 'Instant that was sent.');

CREATE TABLE _enum (name text, labels text, comment text);
INSERT INTO _enum VALUES
('lifecycle_state', 'draft published archived', 'State of a training pass type or option.'),
('training_pass_lifecycle_state', 'active cancelled', 'State of a training pass: active, or cancelled for good.'),
('training_pass_status', 'upcoming active expired cancelled', 'What a training pass is worth now.'),
('validity_unit', 'days weeks months years', 'Unit of a validity period.'),
('training_pass_event_kind', 'issued renewed revoked reassigned corrected use_cancelled', 'What happened to a training pass.'),
('token_operation', 'issue adjust redeem refund expire transfer', 'What moved the balance of a token issue.'),
('training_token_hold_status', 'open captured released lapsed',
 'How a hold stands: open; captured, all of it; released, and not all of it captured; lapsed, because its end came before.'),
('training_token_hold_event_kind', 'placed captured released lapsed extended', 'What happened to a hold.'),
('refund_policy', 'forfeit reissue',
 'What becomes of a refund to an issue that has expired: it is lost (forfeit), or a new issue (reissue).');

-- Types in global ids, and the data type of the key in each; a key of two
-- columns has two, and a hyphen between their values
CREATE TABLE _node (type text PRIMARY KEY, key_type text);
INSERT INTO _node VALUES
('Organisation', 'bigint'), ('Person', 'bigint'), ('CourseTemplate', 'bigint'), ('LearningPath', 'bigint'), ('Region', 'text'),
('TokenType', 'uuid'), ('TokenIssue', 'uuid'), ('TrainingPassType', 'bigint'), ('TrainingPassTypeOption', 'bigint'),
('TrainingPassTypeOptionPrice', 'bigint'), ('TrainingPass', 'bigint'), ('TrainingPassUse', 'bigint'),
('FinancialUnit', 'text'), ('TokenAccount', 'bigint uuid'), ('TrainingTokenTransaction', 'uuid bigint'), ('TrainingTokenIssueEvent', 'bigint'),
('TokenRedemption', 'bigint'), ('TokenRedemptionAllocation', 'bigint integer'), ('TrainingPassEvent', 'bigint'),
('TrainingTokenHold', 'bigint'), ('TrainingTokenHoldAllocation', 'bigint integer'), ('TrainingTokenHoldEvent', 'bigint');

-- Views, and what they select from.  If rows have a global id, node_types lists
-- its possible types, and the expression id_type chooses one of several.  The
-- key in a global id is the primary key.  Columns whose names end in _key are
-- hidden.
CREATE TABLE _view (n integer GENERATED ALWAYS AS IDENTITY, name text PRIMARY KEY,
	source text, primary_key text, node_types text, id_type text, tags text, comment text);
CREATE TABLE _column (n integer GENERATED ALWAYS AS IDENTITY, view text REFERENCES _view,
	name text, expression text, comment text);
-- Foreign keys: the field for the referenced row, and the field of that row for
-- the list of rows that reference it (null: none).  The global id of the
-- referenced row is a column too, so that lists can be filtered by it.
CREATE TABLE _relation (n integer GENERATED ALWAYS AS IDENTITY, view text REFERENCES _view,
	columns text, other text, field text, list text);

INSERT INTO _view (name, source, primary_key, node_types, id_type, tags, comment) VALUES
('account', 'trainledger.party p', 'party_key', 'Organisation Person',
 'CASE p.kind WHEN ''organisation'' THEN ''Organisation'' ELSE ''Person'' END', E'@orderFirst created_at\n@node Organisation',
 'Who holds tokens: an organisation or a person.'),
('contact', 'trainledger.party p WHERE p.kind = ''person''', 'party_key', 'Person', NULL, '@orderFirst created_at',
 'A person, who may have training passes.'),
('catalog_item', 'trainledger.catalog_item c WHERE c.kind IN (''course'', ''learning_path'')', 'item_key', 'CourseTemplate LearningPath',
 'CASE c.kind WHEN ''course'' THEN ''CourseTemplate'' ELSE ''LearningPath'' END',
 E'@orderFirst kind\n@behavior +interface:node\n@interface mode:single type:kind\n'
 '@type course name:CourseTemplate\n@type learning_path name:LearningPath\n'
 '@ref courses to:CatalogItem plural\n@listOf courses LearningPath\n'
 '@refVia courses via:(item_key)->learning_path_course(path_key);(course_key)->catalog_item(item_key)',
 'A course or a learning path.'),
('learning_path_course', 'trainledger.learning_path_course l', 'path_key,course_key', NULL, NULL, '@behavior -*',
 'Which learning path holds which course.'),
('region', 'trainledger.region r', 'code', 'Region', NULL, NULL, 'A region that prices are for.'),
('financial_unit', 'trainledger.currency c', 'code', 'FinancialUnit', NULL, NULL, 'A currency that prices are in.'),
('training_token_type', 'trainledger.token_type t WHERE t.kind = ''training''', 'type_key', 'TokenType', NULL,
 E'@orderFirst created_at\n@hideUnlessAsked is_archived', 'A type of training tokens.'),
('token_account', 'trainledger.token_account a', 'party_key,type_key', 'TokenAccount', NULL, '@orderFirst created_at',
 'The training tokens of one type that an account holds.'),
('training_token_issue', 'trainledger.token_issue i LEFT JOIN trainledger.currency c ON c.code = i.currency_code', 'issue_key', 'TokenIssue', NULL,
 E'@orderFirst created_at\n@ref holds to:TrainingTokenHold plural\n'
 '@refVia holds via:(issue_key)->training_token_hold_allocation(issue_key);(hold_key)->training_token_hold(hold_key)',
 'Training tokens that were issued together, with a balance and an expiry of their own.'),
('training_token_transaction', 'trainledger.entry e JOIN trainledger.token_lot l ON l.account_id = e.account_id', 'issue_key,entry_key',
 'TrainingTokenTransaction', NULL, '@behavior -query:resource:connection', 'A movement of the balance of a token issue.'),
('training_token_issue_event', 'trainledger.token_issue_event e', 'event_key', 'TrainingTokenIssueEvent', NULL,
 E'@orderFirst created_at\n@behavior -query:resource:connection', 'A change of the expiry of a token issue.'),
('training_token_hold', 'trainledger.hold h WHERE h.account_id IS NULL', 'hold_key', 'TrainingTokenHold', NULL, '@orderFirst created_at',
 'Training tokens that are kept back until they are taken or let go.'),
('training_token_hold_allocation', 'trainledger.hold_allocation a WHERE a.issue_id IS NOT NULL', 'hold_key,ordinal', 'TrainingTokenHoldAllocation', NULL,
 '@behavior -query:resource:connection', 'What one token issue keeps back for a hold.'),
('token_redemption', 'trainledger.redemption r', 'redemption_key', 'TokenRedemption', NULL, '@orderFirst created_at',
 'Training tokens that were redeemed.'),
('token_redemption_allocation', 'trainledger.redemption_allocation a', 'redemption_key,ordinal', 'TokenRedemptionAllocation', NULL,
 '@behavior -query:resource:connection', 'What a redemption took from one token issue.'),
('training_token_hold_event', 'trainledger.hold_event e JOIN trainledger.hold h ON h.id = e.hold_id AND h.account_id IS NULL
	LEFT JOIN trainledger.token_lot l ON l.account_id = e.account_id', 'event_key', 'TrainingTokenHoldEvent', NULL,
 E'@orderFirst created_at\n@behavior -query:resource:connection', 'What happened to a hold.'),
('training_pass_type', 'trainledger.pass_type t', 'type_key', 'TrainingPassType', NULL,
 E'@ref content to:CatalogItem plural\n'
 '@refVia content via:(type_key)->training_pass_content(type_key);(item_key)->catalog_item(item_key)\n@orderFirst created_at',
 'A type of training passes.'),
('training_pass_content', 'trainledger.pass_type_content c', 'type_key,item_key', NULL, NULL, '@behavior -*',
 'Which pass type holds which item.'),
('training_pass_type_option', 'trainledger.pass_type_option o', 'option_key', 'TrainingPassTypeOption', NULL, '@orderFirst created_at',
 'An option of a training pass type: how long a pass is valid, and at which prices.'),
('training_pass_type_option_price', 'trainledger.pass_type_option_price p JOIN trainledger.currency c ON c.code = p.currency_code',
 'price_key', 'TrainingPassTypeOptionPrice', NULL, NULL, 'What an option costs in a region and a currency.'),
('training_pass', 'trainledger.training_pass p', 'pass_key', 'TrainingPass', NULL, E'@orderFirst created_at\n@required covers.contentId',
 'A training pass of a contact.'),
('training_pass_period', 'trainledger.pass_period r', 'pass_key,valid_from', NULL, NULL, '@behavior -query:resource:connection',
 'A time without a break in which a training pass is valid. One that is renewed after its end has several.'),
('training_pass_use', 'trainledger.pass_use u', 'use_key', 'TrainingPassUse', NULL, '@orderFirst created_at',
 'A booking on a training pass.'),
('training_pass_event', 'trainledger.pass_event e', 'event_key', 'TrainingPassEvent', NULL,
 E'@orderFirst created_at\n@behavior -query:resource:connection', 'What happened to a training pass, with the pass as it was from then on.');

INSERT INTO _column (view, name, expression, comment) VALUES
('account', 'name', 'p.name', 'Name to show.'),
('account', 'is_suspended', 'p.is_suspended', 'Keeps what it has and acquires nothing.'),
('account', 'created_at', 'p.created_at', 'When it was added.'),
('account', 'party_key', 'p.id', 'Id of the party.'),
('contact', 'name', 'p.name', 'Name to show.'),
('contact', 'email', 'p.email', 'Address.'),
('contact', 'external_id', 'p.external_id', 'Id in another system.'),
('contact', 'is_suspended', 'p.is_suspended', 'Keeps what it has and acquires nothing.'),
('contact', 'created_at', 'p.created_at', 'When the person was added.'),
('contact', 'party_key', 'p.id', 'Id of the party.'),
('contact', 'organisation_key', 'p.organisation_id', 'Id of the organisation that the person belongs to.'),
('catalog_item', 'kind', 'c.kind::text', 'course or learning_path.'),
('catalog_item', 'code', 'c.code', 'Code, unique per kind.'),
('catalog_item', 'name', 'c.name', 'Name to show.'),
('catalog_item', 'item_key', 'c.id', 'Id of the item.'),
('learning_path_course', 'path_key', 'l.path_id', 'Id of the learning path.'),
('learning_path_course', 'course_key', 'l.course_id', 'Id of the course.'),
('region', 'code', 'r.code', 'Code of the region.'),
('region', 'name', 'r.name', 'Name to show.'),
('financial_unit', 'code', 'c.code', 'Code of the currency, such as USD.'),
('financial_unit', 'name', 'c.name', 'Name to show.'),
('financial_unit', 'decimals', 'c.minor_units', 'Decimals that a price in it has.'),
('training_token_type', 'name', 't.name', 'Name to show, unique.'),
('training_token_type', 'description', 't.description', 'What the tokens are for.'),
('training_token_type', 'default_days_to_redeem', 't.default_days_to_redeem',
 'Days from the issue to the expiry where the issue does not say; null: never.'),
('training_token_type', 'decimals', 't.scale', 'Decimals that a number of these tokens may have.'),
('training_token_type', 'is_active', 't.is_active', 'False: nothing is booked.'),
('training_token_type', 'is_archived', 't.is_archived',
 'True: nothing new is issued. Archived types are listed only where a filter asks for this field.'),
('training_token_type', 'created_at', 't.created_at', 'When the type was made.'),
('training_token_type', 'type_key', 't.id', 'Id of the type.'),
('token_account', 'current_balance',
 '(SELECT coalesce(sum(trainledger.amount_to_numeric(b.balance)), 0)
	FROM trainledger.token_lot l JOIN trainledger.account b ON b.id = l.account_id
	WHERE l.party_id = a.party_id AND l.token_type_id = a.token_type_id AND l.is_open
	AND (l.expires_at > trainledger.clock() OR l.expires_at IS NULL))::token_amount', 'How many there are, over all issues that have not expired.'),
('token_account', 'held',
 '(SELECT coalesce(sum(trainledger.amount_to_numeric(i.held)), 0)
	FROM trainledger.token_lot l JOIN trainledger.token_issue i ON i.id = l.id
	WHERE l.party_id = a.party_id AND l.token_type_id = a.token_type_id AND l.is_open)::token_amount',
 'How many holds keep back, over all issues, those that have expired too.'),
('token_account', 'available_balance',
 '(SELECT coalesce(sum(trainledger.amount_to_numeric(i.available_balance)), 0)
	FROM trainledger.token_lot l JOIN trainledger.token_issue i ON i.id = l.id
	WHERE l.party_id = a.party_id AND l.token_type_id = a.token_type_id AND l.is_open)::token_amount',
 'How many can be redeemed or held now, over all issues: what no hold keeps back.'),
('token_account', 'created_at', 'a.created_at', 'When the first tokens were issued.'),
('token_account', 'party_key', 'a.party_id', 'Id of the party.'),
('token_account', 'type_key', 'a.token_type_id', 'Id of the type.'),
('training_token_issue', 'initial_balance', 'trainledger.amount_to_numeric(i.initial_balance)::token_amount', 'How many were issued.'),
('training_token_issue', 'current_balance', 'trainledger.amount_to_numeric(i.current_balance)::token_amount', 'How many there are: 0 from the expiry on.'),
('training_token_issue', 'held', 'trainledger.amount_to_numeric(i.held)::token_amount', 'How many holds keep back, also after the expiry.'),
('training_token_issue', 'available_balance', 'trainledger.amount_to_numeric(i.available_balance)::token_amount',
 'How many can be redeemed or held now: what no hold keeps back; 0 from the expiry on.'),
('training_token_issue', 'expires_at', 'i.expires_at', 'From when on they are over; null: never.'),
('training_token_issue', 'created_at', 'i.created_at', 'When they were issued.'),
('training_token_issue', 'unit_price', 'round(i.unit_price, greatest(c.minor_units, scale(i.unit_price)))::text',
 E'@filterAs price_key\nWhat the customer paid for one of them, with the decimals of the currency or more; null: not known.'),
('training_token_issue', 'issue_key', 'i.id', 'Id of the issue.'),
('training_token_issue', 'party_key', 'i.party_id', 'Id of the party.'),
('training_token_issue', 'type_key', 'i.token_type_id', 'Id of the type.'),
('training_token_issue', 'currency_key', 'i.currency_code', 'Code of the currency.'),
('training_token_issue', 'price_key', 'i.unit_price', 'The price as a number.'),
('training_token_transaction', 'occurred_at', 'coalesce(e.recorded_at, e.created_at)', 'When it happened.'),
-- a filter may be asked of entries of credit accounts too, before these are left out
('training_token_transaction', 'operation',
 'CASE WHEN e.operation IN (''issue'', ''adjust'', ''redeem'', ''refund'', ''expire'', ''transfer'') THEN e.operation::text::token_operation END',
 'What was done.'),
('training_token_transaction', 'balance_delta', 'trainledger.amount_to_numeric(e.delta)::token_amount', 'What was added; negative where tokens were taken.'),
('training_token_transaction', 'balance', 'trainledger.amount_to_numeric(e.balance)::token_amount', 'Balance of the issue after it.'),
('training_token_transaction', 'notes', 'e.description', 'What it was for.'),
('training_token_transaction', 'issue_key', 'l.id', 'Id of the issue.'),
('training_token_transaction', 'entry_key', 'e.entry_no', 'Number of the entry in the issue''s account.'),
('training_token_issue_event', 'old_expires_at', 'e.old_expires_at', 'Expiry before; null: never.'),
('training_token_issue_event', 'new_expires_at', 'e.new_expires_at', 'Expiry from then on; null: never.'),
('training_token_issue_event', 'reason', 'e.reason', 'Why the expiry was corrected; null for an extension.'),
('training_token_issue_event', 'changed_by', 'e.changed_by', 'Who changed it: the claim sub of the request, else the role.'),
('training_token_issue_event', 'created_at', 'e.created_at', 'When it was changed.'),
('training_token_issue_event', 'event_key', 'e.id', 'Id of the event.'),
('training_token_issue_event', 'issue_key', 'e.issue_id', 'Id of the issue.'),
('training_token_hold', 'quantity', 'trainledger.amount_to_numeric(h.quantity)::token_amount', 'How many were kept back when it was placed.'),
('training_token_hold', 'captured', 'trainledger.amount_to_numeric(h.captured)::token_amount', 'How many of them were taken.'),
('training_token_hold', 'released', 'trainledger.amount_to_numeric(h.released)::token_amount', 'How many of them were let go.'),
('training_token_hold', 'status', 'h.status::text::training_token_hold_status', 'open, captured, released or lapsed.'),
('training_token_hold', 'reference', 'h.reference', 'What they are kept back for.'),
('training_token_hold', 'notes', 'h.notes', 'Notes, also of the transactions of a capture that has none.'),
('training_token_hold', 'expires_at', 'h.expires_at', 'From when on it keeps nothing back.'),
('training_token_hold', 'placed_by', 'h.placed_by', 'Who placed it: the claim sub of the request, else the role.'),
('training_token_hold', 'created_at', 'h.created_at', 'When it was placed.'),
('training_token_hold', 'hold_key', 'h.id', 'Id of the hold.'),
('training_token_hold', 'party_key', 'h.party_id', 'Id of the party.'),
('training_token_hold', 'type_key', 'h.token_type_id', 'Id of the type.'),
('training_token_hold_allocation', 'ordinal', 'a.ordinal', 'Order in which the issues were found: 1, 2, 3.'),
('training_token_hold_allocation', 'quantity', 'trainledger.amount_to_numeric(a.quantity)::token_amount', 'How many the issue kept back when the hold was placed.'),
('training_token_hold_allocation', 'captured', 'trainledger.amount_to_numeric(a.captured)::token_amount', 'How many of them were taken.'),
('training_token_hold_allocation', 'released', 'trainledger.amount_to_numeric(a.released)::token_amount', 'How many of them were let go.'),
('training_token_hold_allocation', 'hold_key', 'a.hold_id', 'Id of the hold.'),
('training_token_hold_allocation', 'issue_key', 'a.issue_id', 'Id of the issue.'),
('training_token_hold_event', 'event', 'e.event::text::training_token_hold_event_kind', 'What happened.'),
('training_token_hold_event', 'quantity', 'trainledger.amount_to_numeric(e.quantity)::token_amount',
 'How many were kept back, taken, let go or lapsed; null where it was extended.'),
('training_token_hold_event', 'expires_at', 'e.expires_at', 'End of the hold from then on.'),
('training_token_hold_event', 'notes', 'e.notes', 'Notes of the call.'),
('training_token_hold_event', 'changed_by', 'e.changed_by', 'Who did it: the claim sub of the request, else the role.'),
('training_token_hold_event', 'created_at', 'e.created_at', 'When it was done.'),
('training_token_hold_event', 'event_key', 'e.id', 'Id of the event.'),
('training_token_hold_event', 'hold_key', 'e.hold_id', 'Id of the hold.'),
('training_token_hold_event', 'redemption_key', 'e.redemption_id', 'Id of the redemption of what was taken.'),
('training_token_hold_event', 'issue_key', 'l.id', 'Id of the issue that let go.'),
('token_redemption', 'number', 'r.id::text', E'@filterAs redemption_key\nNumber of the redemption, as in the notes of its transactions.'),
('token_redemption', 'quantity', 'trainledger.amount_to_numeric(r.quantity)::token_amount', 'How many were taken.'),
('token_redemption', 'refunded', 'trainledger.amount_to_numeric(r.refunded)::token_amount', 'How many of them were given back, or lost on an expired issue.'),
('token_redemption', 'reference', 'r.reference', 'What they were taken for.'),
('token_redemption', 'created_at', 'r.created_at', 'When they were taken.'),
('token_redemption', 'redemption_key', 'r.id', 'Id of the redemption.'),
('token_redemption', 'party_key', 'r.party_id', 'Id of the party.'),
('token_redemption', 'type_key', 'r.token_type_id', 'Id of the type.'),
('token_redemption', 'hold_key', 'r.hold_id', 'Id of the hold that it captured.'),
('token_redemption_allocation', 'ordinal', 'a.ordinal', 'Order in which the issues were taken from: 1, 2, 3.'),
('token_redemption_allocation', 'quantity', 'trainledger.amount_to_numeric(a.quantity)::token_amount', 'How many the issue gave.'),
('token_redemption_allocation', 'refunded', 'trainledger.amount_to_numeric(a.refunded)::token_amount',
 'How many of them were given back, or lost because they had expired.'),
('token_redemption_allocation', 'redemption_key', 'a.redemption_id', 'Id of the redemption.'),
('token_redemption_allocation', 'issue_key', 'a.issue_id', 'Id of the issue.'),
('training_pass_type', 'code', 't.code', 'Code, unique.'),
('training_pass_type', 'name', 't.name', 'Name to show.'),
('training_pass_type', 'description', 't.description', 'What the pass is for.'),
('training_pass_type', 'lifecycle_state', 't.lifecycle_state::text::lifecycle_state',
 'draft, published or archived; passes are issued of published types.'),
('training_pass_type', 'created_at', 't.created_at', 'When the type was made.'),
('training_pass_type', 'type_key', 't.id', 'Id of the type.'),
('training_pass_content', 'type_key', 'c.pass_type_id', 'Id of the pass type.'),
('training_pass_content', 'item_key', 'c.item_id', 'Id of the item.'),
('training_pass_type_option', 'name', 'o.name', 'Name, such as Monthly.'),
('training_pass_type_option', 'validity_period', 'ROW(o.validity_unit::text, o.validity_value)::validity_period',
 'How long a pass with it is valid.'),
('training_pass_type_option', 'lifecycle_state', 'o.lifecycle_state::text::lifecycle_state',
 'draft, published or archived; passes are issued of published options.'),
('training_pass_type_option', 'created_at', 'o.created_at', 'When the option was made.'),
('training_pass_type_option', 'option_key', 'o.id', 'Id of the option.'),
('training_pass_type_option', 'type_key', 'o.pass_type_id', 'Id of the type.'),
('training_pass_type_option_price', 'amount', 'trainledger.format_amount(p.amount, c.minor_units)',
 E'@filterAs amount_key\nThe price, with the decimals of its currency.'),
('training_pass_type_option_price', 'price_key', 'p.id', 'Id of the price.'),
('training_pass_type_option_price', 'option_key', 'p.option_id', 'Id of the option.'),
('training_pass_type_option_price', 'region_key', 'p.region_code', 'Code of the region.'),
('training_pass_type_option_price', 'currency_key', 'p.currency_code', 'Code of the currency.'),
('training_pass_type_option_price', 'amount_key', 'trainledger.amount_to_numeric(p.amount)', 'The price as a number.'),
('training_pass', 'valid_from', 'p.valid_from', 'From when on it is valid.'),
('training_pass', 'valid_until', 'p.valid_until', 'From when on it is no longer valid.'),
('training_pass', 'lifecycle_state', 'p.lifecycle_state::text::training_pass_lifecycle_state', 'active or cancelled.'),
('training_pass', 'status', 'p.status::training_pass_status', 'upcoming, active, expired or cancelled.'),
('training_pass', 'created_at', 'p.created_at', 'When it was issued.'),
('training_pass', 'pass_key', 'p.id', 'Id of the pass.'),
('training_pass', 'party_key', 'p.party_id', 'Id of the person.'),
('training_pass', 'type_key', 'p.pass_type_id', 'Id of the type.'),
('training_pass', 'option_key', 'p.option_id', 'Id of the option.'),
('training_pass_period', 'valid_from', 'r.valid_from', E'@notNull\nFrom when on the pass is valid.'),
('training_pass_period', 'valid_until', 'r.valid_until', 'From when on it is no longer valid.'),
('training_pass_period', 'pass_key', 'r.pass_id', 'Id of the pass.'),
('training_pass_event', 'event', 'e.event::text::training_pass_event_kind', 'What happened.'),
('training_pass_event', 'valid_from', 'e.valid_from', 'Start of its validity.'),
('training_pass_event', 'valid_until', 'e.valid_until', 'End of its validity from then on.'),
('training_pass_event', 'reason', 'e.reason', 'Why it was corrected, or a use of it cancelled; null for other events.'),
('training_pass_event', 'changed_by', 'e.changed_by', 'Who did it: the claim sub of the request, else the role.'),
('training_pass_event', 'created_at', 'e.created_at', 'When it was done.'),
('training_pass_event', 'event_key', 'e.id', 'Id of the event.'),
('training_pass_event', 'pass_key', 'e.pass_id', 'Id of the pass.'),
('training_pass_event', 'option_key', 'e.option_id', 'Id of the option from then on.'),
('training_pass_event', 'party_key', 'e.party_id', 'Id of the person who had it.'),
('training_pass_event', 'other_pass_key', 'e.other_pass_id', 'Id of the other pass where it was reassigned.'),
('training_pass_event', 'use_key', 'e.pass_use_id', 'Id of the use that was cancelled.'),
('training_pass_use', 'reference', 'u.reference', 'Reference of the booking.'),
('training_pass_use', 'created_at', 'u.created_at', 'When it was booked.'),
('training_pass_use', 'cancelled_at', 'u.cancelled_at', 'When it was cancelled; null: it was not.'),
('training_pass_use', 'cancel_reason', 'u.cancel_reason', 'Why it was cancelled.'),
('training_pass_use', 'use_key', 'u.id', 'Id of the use.'),
('training_pass_use', 'pass_key', 'u.pass_id', 'Id of the pass.'),
('training_pass_use', 'party_key', 'u.party_id', 'Id of the person.'),
('training_pass_use', 'item_key', 'u.item_id', 'Id of the course or learning path.');

INSERT INTO _relation (view, columns, other, field, list) VALUES
('contact', 'organisation_key', 'account (party_key)', 'account', 'contacts'),
('token_account', 'party_key', 'account (party_key)', 'account', 'tokenAccounts'),
('token_account', 'type_key', 'training_token_type (type_key)', 'tokenType', 'tokenAccounts'),
('training_token_issue', 'party_key, type_key', 'token_account (party_key, type_key)', 'tokenAccount', 'tokenIssues'),
('training_token_issue', 'type_key', 'training_token_type (type_key)', 'tokenType', 'tokenIssues'),
('training_token_issue', 'party_key', 'account (party_key)', 'account', 'tokenIssues'),
('training_token_issue', 'currency_key', 'financial_unit (code)', 'financialUnit', 'tokenIssues'),
('training_token_transaction', 'issue_key', 'training_token_issue (issue_key)', 'tokenIssue', 'transactions'),
('training_token_issue_event', 'issue_key', 'training_token_issue (issue_key)', 'tokenIssue', 'events'),
('training_token_hold', 'party_key, type_key', 'token_account (party_key, type_key)', 'tokenAccount', 'holds'),
('training_token_hold', 'party_key', 'account (party_key)', 'account', 'holds'),
('training_token_hold', 'type_key', 'training_token_type (type_key)', 'tokenType', NULL),
('training_token_hold_allocation', 'hold_key', 'training_token_hold (hold_key)', 'tokenHold', 'allocations'),
('training_token_hold_allocation', 'issue_key', 'training_token_issue (issue_key)', 'tokenIssue', 'holdAllocations'),
('training_token_hold_event', 'hold_key', 'training_token_hold (hold_key)', 'tokenHold', 'events'),
('training_token_hold_event', 'redemption_key', 'token_redemption (redemption_key)', 'redemption', NULL),
('training_token_hold_event', 'issue_key', 'training_token_issue (issue_key)', 'tokenIssue', NULL),
('token_redemption', 'party_key, type_key', 'token_account (party_key, type_key)', 'tokenAccount', 'redemptions'),
('token_redemption', 'party_key', 'account (party_key)', 'account', 'redemptions'),
('token_redemption', 'type_key', 'training_token_type (type_key)', 'tokenType', NULL),
('token_redemption', 'hold_key', 'training_token_hold (hold_key)', 'tokenHold', 'redemptions'),
('token_redemption_allocation', 'redemption_key', 'token_redemption (redemption_key)', 'redemption', 'allocations'),
('token_redemption_allocation', 'issue_key', 'training_token_issue (issue_key)', 'tokenIssue', 'allocations'),
('learning_path_course', 'path_key', 'catalog_item (item_key)', NULL, NULL),
('learning_path_course', 'course_key', 'catalog_item (item_key)', NULL, NULL),
('training_pass_content', 'type_key', 'training_pass_type (type_key)', NULL, NULL),
('training_pass_content', 'item_key', 'catalog_item (item_key)', NULL, NULL),
('training_pass_type_option', 'type_key', 'training_pass_type (type_key)', 'trainingPassType', 'options'),
('training_pass_type_option_price', 'option_key', 'training_pass_type_option (option_key)', 'trainingPassTypeOption', 'prices'),
('training_pass_type_option_price', 'region_key', 'region (code)', 'region', 'prices'),
('training_pass_type_option_price', 'currency_key', 'financial_unit (code)', 'financialUnit', 'prices'),
('training_pass', 'party_key', 'contact (party_key)', 'contact', 'trainingPasses'),
('training_pass', 'type_key', 'training_pass_type (type_key)', 'trainingPassType', 'trainingPasses'),
('training_pass', 'option_key', 'training_pass_type_option (option_key)', 'trainingPassTypeOption', 'trainingPasses'),
('training_pass_period', 'pass_key', 'training_pass (pass_key)', 'trainingPass', 'periods'),
('training_pass_event', 'pass_key', 'training_pass (pass_key)', 'trainingPass', 'events'),
('training_pass_event', 'option_key', 'training_pass_type_option (option_key)', 'trainingPassTypeOption', NULL),
('training_pass_event', 'party_key', 'contact (party_key)', 'contact', NULL),
('training_pass_event', 'other_pass_key', 'training_pass (pass_key)', 'otherTrainingPass', NULL),
('training_pass_event', 'use_key', 'training_pass_use (use_key)', 'trainingPassUse', NULL),
('training_pass_use', 'pass_key', 'training_pass (pass_key)', 'trainingPass', 'uses'),
('training_pass_use', 'party_key', 'contact (party_key)', 'contact', 'trainingPassUses'),
('training_pass_use', 'item_key', 'catalog_item (item_key)', 'content', NULL);

-- Kinds of fields: their type, and the expression that converts the value of an
-- input field (%1$s) to an argument of a function of trainledger.  If the
-- conversion fails, the refusal names the argument (%2$L).
CREATE TABLE _kind (name text PRIMARY KEY, type text, conversion text);
INSERT INTO _kind VALUES
('text', 'text', '%1$s'), ('integer', 'integer', '%1$s'), ('boolean', 'boolean', '%1$s'), ('uuid', 'uuid', '%1$s'),
('amount', 'token_amount', '%1$s'),
('decimals', 'integer', 'coalesce(%1$s, 0)'),
('unit', 'validity_unit', '%1$s'),
('period unit', 'validity_period_input', '(%1$s).unit::text::trainledger.validity_unit'),
('period value', 'validity_period_input', '(%1$s).value'),
('lifecycle', 'lifecycle_state', '%1$s::text::trainledger.lifecycle'),
('refund', 'refund_policy', '%1$s::text::trainledger.refund_policy'),
('moment', 'moment', 'trainledger_graphql._moment(%1$s, %2$L)'),
('day', 'moment', '(trainledger_graphql._moment(%1$s, %2$L) AT TIME ZONE ''UTC'')::date'),
('end', 'moment', 'trainledger_graphql._end(%1$s, %2$L)'),
('price', 'text', 'trainledger_graphql._price(%1$s, %2$L)'),
('redemption', 'id', 'trainledger_graphql._redemption(%1$s, %2$L)'),
('holder', 'id', 'trainledger_graphql._one_of(%1$s, ''{Organisation,Person}'', %2$L)'),
('hold', 'id', 'trainledger_graphql._one_of(%1$s, ''{TrainingTokenHold}'', %2$L)'),
('content', 'id', 'trainledger_graphql._one_of(%1$s, ''{CourseTemplate,LearningPath}'', %2$L)');
-- For each type, its global id is a kind, and a list of them another
INSERT INTO _kind
SELECT type, 'id', format('trainledger_graphql._key(%%1$s, %L, %L, %%2$L)::%2$s', type, key_type) FROM _node
UNION ALL
SELECT type || ' list', 'id[]',
	   format('ARRAY(SELECT trainledger_graphql._key(i, %L, %L, %%2$L)::%2$s FROM unnest(%%1$s) i)', type, key_type)
FROM _node;

-- What null means in a field, beside a field that is left out: it is required;
-- null empties what is there, or is refused because nothing can be empty there;
-- null is the same as left out.
CREATE TYPE if_null AS ENUM ('required', 'empties', 'refused', 'left out');

-- Composite types: inputs, and types used in inputs, payloads and views.  The
-- fields of inputs have their names in GraphQL.  The column argument says which
-- argument a field becomes; null: the one of the same name.  A field that
-- becomes two arguments has a second row, without a comment.
CREATE TABLE _record (n integer GENERATED ALWAYS AS IDENTITY, name text PRIMARY KEY,
	comment text);
CREATE TABLE _field (n integer GENERATED ALWAYS AS IDENTITY, record text REFERENCES _record,
	name text, kind text REFERENCES _kind, argument text, comment text, if_null if_null);

INSERT INTO _record (name, comment) VALUES
('validity_period', 'A number of days, weeks, months or years.'),
('field_error', 'Why a mutation was refused; nothing of it was done.'),
('validity_period_input', 'A number of days, weeks, months or years.'),
('token_type_create_input', 'A new type of training tokens.'),
('token_type_update_input', 'Changes of a type of training tokens. A field that is left out stays as it is.'),
('token_issue_create_input', 'Training tokens to issue.'),
('token_issue_extend_input', 'A later expiry of training tokens.'),
('token_issue_set_expiry_input', 'A mistaken expiry to correct.'),
('token_balance_adjust_input', 'A correction of what is left of an issue.'),
('token_balance_void_input', 'An issue of which nothing is to be left.'),
('token_balance_transfer_input', 'Training tokens that go to another account, those that expire first before others.'),
('token_balance_redeem_input', 'Training tokens to redeem, those that expire first before others.'),
('token_balance_refund_input', 'Redeemed training tokens to give back.'),
('token_hold_place_input', 'Training tokens to keep back, those that expire first before others.'),
('token_hold_capture_input', 'What a hold keeps back, to be taken.'),
('token_hold_release_input', 'What a hold keeps back, to be let go.'),
('token_hold_extend_input', 'A later end of a hold.'),
('training_pass_type_input', 'A new type of training passes, a draft.'),
('training_pass_type_update_input', 'Changes of a pass type. A field that is left out stays as it is.'),
('training_pass_type_content_input', 'Courses and learning paths of a pass type.'),
('training_pass_type_option_input', 'A new option of a pass type, a draft.'),
('training_pass_type_option_update_input', 'Changes of an option. A field that is left out stays as it is.'),
('training_pass_type_option_price_input', 'A price of an option in a region and a currency.'),
('training_pass_type_option_price_update_input', 'Another amount of a price.'),
('training_pass_issue_input', 'A training pass to issue.'),
('training_pass_renew_input', 'A longer validity of a training pass.'),
('training_pass_revoke_input', 'A training pass to cancel.'),
('training_pass_reassign_input', 'A training pass that goes to another person.'),
('training_pass_use_input', 'A booking on the pass of a person.'),
('training_pass_cancel_use_input', 'A booking on a pass to take back.'),
('training_pass_correct_input', 'A mistaken validity of a training pass.');

INSERT INTO _field (record, name, kind, argument, comment) VALUES
('validity_period', 'unit', 'unit', NULL, 'Unit of the period.'),
('validity_period', 'value', 'integer', NULL, 'How many units it has.'),
('field_error', 'label', 'text', NULL, 'Field of the input that is at fault, or an empty text.'),
('field_error', 'message', 'text', NULL, 'What is wrong.'),
('field_error', 'value', 'text', NULL, 'What was sent in that field.'),
('validity_period_input', 'unit', 'unit', NULL, 'Unit of the period.'),
('validity_period_input', 'value', 'integer', NULL, 'How many units it has.'),
('token_type_create_input', 'name', 'text', NULL, 'Name to show, unique.'),
('token_type_create_input', 'description', 'text', NULL, 'What the tokens are for.'),
('token_type_create_input', 'defaultDaysToRedeem', 'integer', NULL,
 'Days from the issue to the expiry where the issue does not say.'),
('token_type_create_input', 'decimals', 'decimals', 'scale',
 'Decimals that a number of these tokens may have, 0 to 6; 0 where it is left out.'),
('token_type_update_input', 'tokenTypeId', 'TokenType', NULL, 'Type to change.'),
('token_type_update_input', 'name', 'text', NULL, 'Name to show, unique.'),
('token_type_update_input', 'description', 'text', NULL, 'What the tokens are for; null: none.'),
('token_type_update_input', 'defaultDaysToRedeem', 'integer', NULL,
 'Days from the issue to the expiry where the issue does not say; null: never.'),
('token_type_update_input', 'isActive', 'boolean', NULL, 'False: nothing is booked.'),
('token_type_update_input', 'isArchived', 'boolean', NULL, 'True: nothing new is issued.'),
('token_issue_create_input', 'tokenTypeId', 'TokenType', NULL, 'Type of the tokens.'),
('token_issue_create_input', 'accountId', 'holder', 'party_id', 'Organisation or person that holds the tokens.'),
('token_issue_create_input', 'quantity', 'amount', NULL, 'How many.'),
('token_issue_create_input', 'expiresAt', 'day', 'expires_on',
 'Last day of the tokens: they are good until 23:59:59 of it in UTC. Where it is left out, the type says how many days they are good for.'),
('token_issue_create_input', 'notes', 'text', NULL, 'What it is for.'),
('token_issue_create_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_issue_create_input', 'unitPrice', 'price', NULL, 'What the customer paid for one of them, such as "45.50"; with a currency.'),
('token_issue_create_input', 'currencyCode', 'text', NULL, 'Code of the currency of the price, such as USD.'),
('token_issue_extend_input', 'tokenIssueId', 'TokenIssue', 'issue_id', 'Issue to change.'),
('token_issue_extend_input', 'expiresAt', 'day', 'expires_on',
 'Last day of the tokens, after the present one: they are good until 23:59:59 of it in UTC.'),
('token_issue_set_expiry_input', 'tokenIssueId', 'TokenIssue', 'issue_id', 'Issue to change.'),
('token_issue_set_expiry_input', 'expiresAt', 'day', 'expires_on',
 'Right last day of the tokens: they are good until 23:59:59 of it in UTC; null: they never expire. It cannot be left out.'),
('token_issue_set_expiry_input', 'reason', 'text', NULL, 'Why it is corrected.'),
('token_balance_adjust_input', 'tokenIssueId', 'TokenIssue', 'issue_id', 'Issue to change.'),
('token_balance_adjust_input', 'amount', 'amount', NULL, 'How many to add, or with a minus sign to take.'),
('token_balance_adjust_input', 'notes', 'text', NULL, 'What it is for.'),
('token_balance_adjust_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_balance_void_input', 'tokenIssueId', 'TokenIssue', 'issue_id', 'Issue to change.'),
('token_balance_void_input', 'notes', 'text', NULL, 'What it is for.'),
('token_balance_void_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_balance_transfer_input', 'fromAccountId', 'holder', 'from_party_id', 'Organisation or person that gives the tokens.'),
('token_balance_transfer_input', 'toAccountId', 'holder', 'to_party_id', 'Organisation or person that gets them.'),
('token_balance_transfer_input', 'tokenTypeId', 'TokenType', NULL, 'Type of the tokens.'),
('token_balance_transfer_input', 'quantity', 'amount', NULL, 'How many.'),
('token_balance_transfer_input', 'notes', 'text', NULL, 'What it is for.'),
('token_balance_transfer_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_balance_redeem_input', 'accountId', 'holder', 'party_id', 'Organisation or person that holds the tokens.'),
('token_balance_redeem_input', 'tokenTypeId', 'TokenType', NULL, 'Type of the tokens.'),
('token_balance_redeem_input', 'quantity', 'amount', NULL, 'How many.'),
('token_balance_redeem_input', 'reference', 'text', NULL, 'What they are redeemed for, such as a booking.'),
('token_balance_redeem_input', 'notes', 'text', NULL, 'What it is for.'),
('token_balance_redeem_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_balance_refund_input', 'redemptionId', 'redemption', NULL, 'Redemption: its id, or its number alone.'),
('token_balance_refund_input', 'quantity', 'amount', NULL, 'How many; all that are left where it is left out.'),
('token_balance_refund_input', 'ifExpired', 'refund', NULL,
 'What becomes of those whose issue has expired; forfeit where it is left out.'),
('token_balance_refund_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_hold_place_input', 'accountId', 'holder', 'party_id', 'Organisation or person that holds the tokens.'),
('token_hold_place_input', 'tokenTypeId', 'TokenType', NULL, 'Type of the tokens.'),
('token_hold_place_input', 'quantity', 'amount', NULL, 'How many.'),
('token_hold_place_input', 'reference', 'text', NULL, 'What they are kept back for, such as a booking.'),
('token_hold_place_input', 'expiresAt', 'end', NULL,
 'When the hold ends, in 366 days at most: a date alone is 23:59:59 of it in UTC; after 7 days where it is left out.'),
('token_hold_place_input', 'notes', 'text', NULL, 'What it is for.'),
('token_hold_place_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_hold_capture_input', 'tokenHoldId', 'hold', 'hold_id', 'Hold to take from.'),
('token_hold_capture_input', 'quantity', 'amount', NULL, 'How many; all that are left where it is left out.'),
('token_hold_capture_input', 'isFinal', 'boolean', NULL,
 'False: the rest stays held. Where it is left out or true, the rest is let go.'),
('token_hold_capture_input', 'notes', 'text', NULL, 'What it is for; the notes of the hold where it is left out.'),
('token_hold_capture_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_hold_release_input', 'tokenHoldId', 'hold', 'hold_id', 'Hold to let go of.'),
('token_hold_release_input', 'quantity', 'amount', NULL, 'How many; all that are left where it is left out.'),
('token_hold_release_input', 'notes', 'text', NULL, 'Why.'),
('token_hold_release_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('token_hold_extend_input', 'tokenHoldId', 'hold', 'hold_id', 'Hold to change.'),
('token_hold_extend_input', 'expiresAt', 'end', NULL,
 'When the hold ends, after its present end and in 366 days at most: a date alone is 23:59:59 of it in UTC.'),
('training_pass_type_input', 'code', 'text', NULL, 'Code, unique.'),
('training_pass_type_input', 'name', 'text', NULL, 'Name to show.'),
('training_pass_type_input', 'description', 'text', NULL, 'What the pass is for.'),
('training_pass_type_update_input', 'trainingPassTypeId', 'TrainingPassType', 'pass_type_id', 'Pass type to change.'),
('training_pass_type_update_input', 'code', 'text', NULL, 'Code, unique.'),
('training_pass_type_update_input', 'name', 'text', NULL, 'Name to show.'),
('training_pass_type_update_input', 'description', 'text', NULL, 'What the pass is for; null: nothing.'),
('training_pass_type_update_input', 'lifecycleState', 'lifecycle', NULL, 'published needs a published option.'),
('training_pass_type_content_input', 'trainingPassTypeId', 'TrainingPassType', 'pass_type_id', 'Pass type to change.'),
('training_pass_type_content_input', 'courseIds', 'CourseTemplate list', NULL, 'Courses.'),
('training_pass_type_content_input', 'pathIds', 'LearningPath list', NULL, 'Learning paths.'),
('training_pass_type_option_input', 'trainingPassTypeId', 'TrainingPassType', 'pass_type_id', 'Pass type.'),
('training_pass_type_option_input', 'name', 'text', NULL, 'Name, such as Monthly.'),
('training_pass_type_option_input', 'validityPeriod', 'period unit', 'validity_unit', 'How long a pass with it is valid.'),
('training_pass_type_option_input', 'validityPeriod', 'period value', 'validity_value', NULL),
('training_pass_type_option_update_input', 'trainingPassTypeOptionId', 'TrainingPassTypeOption', 'option_id', 'Option to change.'),
('training_pass_type_option_update_input', 'name', 'text', NULL, 'Name, such as Monthly.'),
('training_pass_type_option_update_input', 'lifecycleState', 'lifecycle', NULL, 'published needs a price.'),
('training_pass_type_option_price_input', 'trainingPassTypeOptionId', 'TrainingPassTypeOption', 'option_id', 'Option.'),
('training_pass_type_option_price_input', 'regionId', 'Region', 'region_code', 'Region.'),
('training_pass_type_option_price_input', 'currencyCode', 'text', NULL, 'Code of the currency, such as USD.'),
('training_pass_type_option_price_input', 'amount', 'price', NULL, 'The price, such as "99.90".'),
('training_pass_type_option_price_update_input', 'trainingPassTypeOptionPriceId', 'TrainingPassTypeOptionPrice', 'price_id',
 'Price to change.'),
('training_pass_type_option_price_update_input', 'amount', 'price', NULL, 'The price, such as "99.90".'),
('training_pass_issue_input', 'trainingPassTypeId', 'TrainingPassType', 'pass_type_id', 'Pass type.'),
('training_pass_issue_input', 'trainingPassTypeOptionId', 'TrainingPassTypeOption', 'option_id', 'Option of the pass type.'),
('training_pass_issue_input', 'contactId', 'Person', 'party_id', 'Person who is to have the pass.'),
('training_pass_issue_input', 'validFrom', 'moment', NULL, 'From when on it is valid, a date alone from 00:00 of it in UTC; now where it is left out.'),
('training_pass_issue_input', 'validUntil', 'moment', NULL,
 'When its validity is over, a date alone at 00:00 of it in UTC; after the period of the option where it is left out.'),
('training_pass_issue_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('training_pass_renew_input', 'trainingPassId', 'TrainingPass', 'pass_id', 'Pass to change.'),
('training_pass_renew_input', 'trainingPassTypeOptionId', 'TrainingPassTypeOption', 'option_id',
 'Option; the present one where it is left out.'),
('training_pass_renew_input', 'validUntil', 'moment', NULL,
 'When its validity is over, a date alone at 00:00 of it in UTC; by the period of the option later where it is left out.'),
('training_pass_renew_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('training_pass_revoke_input', 'trainingPassId', 'TrainingPass', 'pass_id', 'Pass to cancel.'),
('training_pass_reassign_input', 'trainingPassId', 'TrainingPass', 'pass_id', 'Pass to give away; it is cancelled.'),
('training_pass_reassign_input', 'contactId', 'Person', 'party_id', 'Person who gets the rest of its validity as a new pass.'),
('training_pass_reassign_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('training_pass_use_input', 'contactId', 'Person', 'party_id', 'Person who books.'),
('training_pass_use_input', 'contentId', 'content', 'item_id', 'Course or learning path that is booked.'),
('training_pass_use_input', 'reference', 'text', NULL, 'Reference of the booking.'),
('training_pass_use_input', 'idempotencyKey', 'uuid', NULL, 'Key of the client''s own: a request that is repeated with its key is done once, and answered again.'),
('training_pass_cancel_use_input', 'trainingPassUseId', 'TrainingPassUse', 'pass_use_id', 'Booking to take back.'),
('training_pass_cancel_use_input', 'reason', 'text', NULL, 'Why; may be left out.'),
('training_pass_correct_input', 'trainingPassId', 'TrainingPass', 'pass_id', 'Pass to correct.'),
('training_pass_correct_input', 'validFrom', 'moment', NULL,
 'When its last run begins, a date alone at 00:00 of it in UTC; as it is where it is left out.'),
('training_pass_correct_input', 'validUntil', 'moment', NULL,
 'When its last run is over, a date alone at 00:00 of it in UTC; as it is where it is left out.'),
('training_pass_correct_input', 'reason', 'text', NULL, 'Why; it is kept.');

-- The functions say of most fields what null means; see below.
UPDATE _field f SET if_null = v.if_null::if_null
FROM (VALUES
	('validity_period', 'unit', 'required'), ('validity_period', 'value', 'required'),
	('validity_period_input', 'unit', 'required'), ('validity_period_input', 'value', 'required'),
	('field_error', 'label', 'required'), ('field_error', 'message', 'required'),
	('token_type_update_input', 'description', 'empties'), ('token_type_update_input', 'defaultDaysToRedeem', 'empties'),
	('training_pass_type_update_input', 'description', 'empties'), ('token_issue_set_expiry_input', 'expiresAt', 'empties'),
	('training_pass_correct_input', 'validFrom', 'refused'), ('training_pass_correct_input', 'validUntil', 'refused')
) AS v(record, name, if_null)
WHERE (f.record, f.name) = (v.record, v.name);

-- Payloads: errors, or a row of a view, or a list of rows.  A row may come with
-- one that it references by also_key.
CREATE TABLE _payload (n integer GENERATED ALWAYS AS IDENTITY, name text PRIMARY KEY,
	field text, view text REFERENCES _view, what text, is_list boolean DEFAULT false,
	also_field text, also_view text REFERENCES _view, also_key text, also_what text);
INSERT INTO _payload (name, field, view, what) VALUES
('token_type_payload', 'token_type', 'training_token_type', 'Type'),
('token_issue_payload', 'token_issue', 'training_token_issue', 'Issue'),
('token_redemption_payload', 'redemption', 'token_redemption', 'Redemption'),
('token_hold_payload', 'token_hold', 'training_token_hold', 'Hold'),
('training_pass_type_payload', 'training_pass_type', 'training_pass_type', 'Pass type'),
('training_pass_type_option_payload', 'training_pass_type_option', 'training_pass_type_option', 'Option'),
('training_pass_type_option_price_payload', 'training_pass_type_option_price', 'training_pass_type_option_price', 'Price'),
('training_pass_payload', 'training_pass', 'training_pass', 'Pass');
INSERT INTO _payload (name, field, view, what, also_field, also_view, also_key, also_what) VALUES
('training_pass_use_payload', 'training_pass_use', 'training_pass_use', 'Booking',
 'training_pass', 'training_pass', 'pass_key', 'Pass');
INSERT INTO _payload (name, field, view, what, is_list) VALUES
('token_issues_payload', 'token_issues', 'training_token_issue', 'Each issue', true);

-- Mutations: each calls a function of trainledger.  key is the column of its
-- result that holds the key of the row, or rows, that the payload shows.
CREATE TABLE _mutation (n integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	namespace text, method text, function text, input text REFERENCES _record, payload text REFERENCES _payload,
	key text, comment text);
INSERT INTO _mutation (namespace, method, function, input, payload, key, comment) VALUES
('trainingTokenTypes', 'create', 'add_training_token_type', 'token_type_create_input', 'token_type_payload', 'id',
 'Makes a type of training tokens.'),
('trainingTokenTypes', 'update', 'update_token_type', 'token_type_update_input', 'token_type_payload', 'id',
 'Changes a type of training tokens, archives it or takes it back.'),
('trainingTokenIssues', 'create', 'issue_training_tokens', 'token_issue_create_input', 'token_issue_payload', 'id',
 'Issues training tokens to an account.'),
('trainingTokenIssues', 'extend', 'extend_training_tokens', 'token_issue_extend_input', 'token_issue_payload', 'id',
 'Lets training tokens expire later.'),
('trainingTokenIssues', 'setExpiry', 'set_training_tokens_expiry', 'token_issue_set_expiry_input', 'token_issue_payload', 'id',
 'Corrects a mistaken expiry of training tokens, earlier or later.'),
('trainingTokenBalances', 'adjust', 'adjust_training_tokens', 'token_balance_adjust_input', 'token_issue_payload', 'id',
 'Adds tokens to an issue or takes some from it.'),
('trainingTokenBalances', 'void', 'void_training_tokens', 'token_balance_void_input', 'token_issue_payload', 'id',
 'Books off all that is left of an issue.'),
('trainingTokenBalances', 'transfer', 'transfer_training_tokens', 'token_balance_transfer_input', 'token_issues_payload', 'id',
 'Gives training tokens of an account to another, all of them or none; the new issues are returned.'),
('trainingTokenBalances', 'redeem', 'redeem_training_tokens', 'token_balance_redeem_input', 'token_redemption_payload', 'id',
 'Redeems training tokens of an account, all of them or none.'),
('trainingTokenBalances', 'refund', 'refund_training_tokens', 'token_balance_refund_input', 'token_redemption_payload', 'id',
 'Gives redeemed training tokens back to the issues they came from.'),
('trainingTokenHolds', 'place', 'hold_training_tokens', 'token_hold_place_input', 'token_hold_payload', 'id',
 'Keeps training tokens of an account back until they are captured or released, all of them or none.'),
('trainingTokenHolds', 'capture', 'capture_hold', 'token_hold_capture_input', 'token_hold_payload', 'id',
 'Redeems what a hold keeps back, and lets the rest go.'),
('trainingTokenHolds', 'release', 'release_hold', 'token_hold_release_input', 'token_hold_payload', 'id',
 'Lets go of what a hold keeps back.'),
('trainingTokenHolds', 'extend', 'extend_hold', 'token_hold_extend_input', 'token_hold_payload', 'id',
 'Lets a hold end later, and not after an issue that it keeps back.'),
('trainingPass', 'createType', 'create_pass_type', 'training_pass_type_input', 'training_pass_type_payload', 'id',
 'Makes a pass type, a draft.'),
('trainingPass', 'updateType', 'update_pass_type', 'training_pass_type_update_input', 'training_pass_type_payload', 'id',
 'Changes a pass type, publishes or archives it.'),
('trainingPass', 'addContentToPassType', 'add_pass_content', 'training_pass_type_content_input', 'training_pass_type_payload', 'id',
 'Gives a pass type access to courses and learning paths.'),
('trainingPass', 'removeContentFromPassType', 'remove_pass_content', 'training_pass_type_content_input', 'training_pass_type_payload', 'id',
 'Takes courses and learning paths from a pass type.'),
('trainingPass', 'createTypeOption', 'create_pass_option', 'training_pass_type_option_input', 'training_pass_type_option_payload', 'id',
 'Makes an option of a pass type, a draft.'),
('trainingPass', 'updateTypeOption', 'update_pass_option', 'training_pass_type_option_update_input', 'training_pass_type_option_payload', 'id',
 'Changes an option, publishes or archives it.'),
('trainingPass', 'createTypeOptionPrice', 'create_pass_price', 'training_pass_type_option_price_input',
 'training_pass_type_option_price_payload', 'id', 'Gives an option its price in a region and a currency.'),
('trainingPass', 'updateTypeOptionPrice', 'update_pass_price', 'training_pass_type_option_price_update_input',
 'training_pass_type_option_price_payload', 'id', 'Changes a price.'),
('trainingPass', 'issuePass', 'issue_pass', 'training_pass_issue_input', 'training_pass_payload', 'id', 'Issues a pass to a person.'),
('trainingPass', 'renewPass', 'renew_pass', 'training_pass_renew_input', 'training_pass_payload', 'id', 'Lets a pass end later.'),
('trainingPass', 'revokePass', 'revoke_pass', 'training_pass_revoke_input', 'training_pass_payload', 'id',
 'Cancels a pass; its dates stay.'),
('trainingPass', 'reassignPass', 'reassign_pass', 'training_pass_reassign_input', 'training_pass_payload', 'id',
 'Cancels a pass and gives the rest of its validity to another person; the new pass is returned.'),
('trainingPass', 'usePass', 'use_pass', 'training_pass_use_input', 'training_pass_use_payload', 'id',
 'Records a booking on a pass that covers it.'),
('trainingPass', 'cancelUse', 'cancel_pass_use', 'training_pass_cancel_use_input', 'training_pass_use_payload', 'id',
 'Takes a booking on a pass back; it is kept and marked.'),
('trainingPass', 'correctPass', 'correct_pass', 'training_pass_correct_input', 'training_pass_payload', 'id',
 'Mends a mistaken start or end of the last run of a pass.');

-- Each argument of a mutation: whether the function has a default for it, and
-- whether it takes the names of columns to empty.  If a function lacks an
-- argument, this script fails, and not only a call of the mutation.
UPDATE _field SET argument = lower(regexp_replace(name, '([A-Z])', '_\1', 'g')) WHERE argument IS NULL;
CREATE TABLE _argument AS
SELECT m.n AS mutation, f.n AS field, p.pronargs - p.pronargdefaults < array_position(p.proargnames, f.argument) AS is_optional,
	   'clear' = ANY (p.proargnames) AS can_clear, format('trainledger.%s(%s)', m.function, f.argument) AS title
FROM _mutation m JOIN _field f ON f.record = m.input
LEFT JOIN pg_proc p ON p.pronamespace = 'trainledger'::regnamespace AND p.proname = m.function
AND f.argument = ANY (p.proargnames[:p.pronargs]);
DO $$
DECLARE
	unknown text := (SELECT string_agg(title, ', ') FROM _argument WHERE is_optional IS NULL);
BEGIN
	IF unknown IS NOT NULL THEN
		RAISE EXCEPTION 'not an argument: %', unknown;
	END IF;
END;
$$;
UPDATE _field f
SET if_null = CASE WHEN NOT a.is_optional THEN 'required' WHEN a.can_clear THEN 'refused' ELSE 'left out' END::if_null
FROM _argument a WHERE a.field = f.n AND f.if_null IS NULL;

-- ---------------------------------------------------------------------------
-- Types and views
-- ---------------------------------------------------------------------------

-- The tag @scalar makes a domain a GraphQL scalar; enums need no tag.
SELECT format('CREATE DOMAIN %I AS %s', name, base),
	   format('COMMENT ON DOMAIN %I IS %L', name, format(E'@scalar %s\n%s', scalar, comment))
FROM _scalar
\gexec
SELECT format('CREATE TYPE %I AS ENUM (%s)', name, (SELECT string_agg(quote_literal(l), ', ') FROM string_to_table(labels, ' ') l)),
	   format('COMMENT ON TYPE %I IS %L', name, comment)
FROM _enum
\gexec

-- A composite type has the fields with a comment, each of the type of its kind.
SELECT format('CREATE TYPE %I AS (%s)', r.name, string_agg(format('%I %s', f.name, k.type), ', ' ORDER BY f.n)),
	   format('COMMENT ON TYPE %I IS %L', r.name, r.comment)
FROM _record r JOIN _field f ON f.record = r.name JOIN _kind k ON k.name = f.kind
WHERE f.comment IS NOT NULL
GROUP BY r.name ORDER BY r.n
\gexec

-- Hidden columns get the tag that hides them.  The global id becomes the first
-- column of a view; filters on it compare the key, which has an index.
UPDATE _column SET comment = E'@behavior -*\n' || comment WHERE name ~ '_key$';
CREATE TABLE _global_id AS
SELECT v.name AS view, v.node_types AS types, v.id_type,
	   array_agg(c.name ORDER BY k.n) AS key, string_agg(format(
			CASE k.type WHEN 'uuid' THEN 'replace(%s::text, ''-'', '''')' ELSE '%s::text' END, c.expression),
			' || ''-'' || ' ORDER BY k.n) AS text
FROM _view v JOIN _node t ON t.type = split_part(v.node_types, ' ', 1)
CROSS JOIN ROWS FROM (string_to_table(v.primary_key, ','), string_to_table(t.key_type, ' '))
	WITH ORDINALITY AS k(name, type, n)
JOIN _column c ON c.view = v.name AND c.name = k.name
GROUP BY v.name;
INSERT INTO _column (n, view, name, expression, comment) OVERRIDING SYSTEM VALUE
SELECT 0, view, 'id', format('trainledger.global_id(%s, %s)::id', coalesce(id_type, quote_literal(types)), text),
	   format(E'@filterAs %s %s\n@notNull\nGlobal id.', array_to_string(key, '+'), types)
FROM _global_id;

-- The global ids of rows that are referenced.  They are read there: an id that
-- the caller may not see is null.
INSERT INTO _column (view, name, expression, comment)
SELECT r.view, lower(regexp_replace(r.field, '([A-Z])', '_\1', 'g')) || '_id',
	   format('(SELECT target.id FROM %I target WHERE (%s) = (%s))', g.view,
			  (SELECT string_agg('target.' || k, ', ' ORDER BY n) FROM unnest(g.key) WITH ORDINALITY u(k, n)),
			  (SELECT string_agg(c.expression, ', ' ORDER BY u.n)
			   FROM regexp_split_to_table(r.columns, ', ') WITH ORDINALITY u(k, n)
			   JOIN _column c ON c.view = r.view AND c.name = k)),
	   format(E'@filterAs %s %s\nGlobal id of its %s; null if there is none that the caller may see.',
			  replace(r.columns, ', ', '+'), g.types, r.field)
FROM _relation r JOIN _global_id g ON g.view = split_part(r.other, ' ', 1)
WHERE r.field IS NOT NULL ORDER BY r.n;

-- A view has no keys, so tags tell PostGraphile about them.
SELECT format('CREATE VIEW %I WITH (security_invoker = true) AS SELECT %s FROM %s', v.name,
			  (SELECT string_agg(format('%s AS %I', c.expression, c.name), ', ' ORDER BY c.n)
			   FROM _column c WHERE c.view = v.name), v.source),
	   format('COMMENT ON VIEW %I IS %L', v.name, concat_ws(E'\n', '@primaryKey ' || v.primary_key,
			  (SELECT string_agg(concat_ws('|',
						format('@foreignKey (%s) references trainledger_graphql.%s', r.columns, r.other),
						'@fieldName ' || r.field,
						coalesce('@foreignFieldName ' || r.list, '@backwardBehavior -*')), E'\n' ORDER BY r.n)
			   FROM _relation r WHERE r.view = v.name),
			  v.tags, v.comment))
FROM _view v ORDER BY v.n
\gexec

-- Payloads are created after the views, because each contains a row of one.
SELECT format('CREATE TYPE %I AS (errors field_error[], %I %I%s%s)', name, field, view, CASE WHEN is_list THEN '[]' END,
			  ', ' || quote_ident(also_field) || ' ' || also_view),
	   format('COMMENT ON TYPE %I IS %L', name, 'What became of a mutation.')
FROM _payload ORDER BY n
\gexec

-- Comments of columns are the descriptions of fields.
SELECT format('COMMENT ON COLUMN %I.%I IS %L', of, name, comment)
FROM (SELECT view, name, comment FROM _column
	  UNION ALL SELECT record, name, CASE if_null WHEN 'required' THEN E'@notNull\n' ELSE '' END || comment
	  FROM _field WHERE comment IS NOT NULL
	  UNION ALL SELECT name, 'errors', E'@notNull\nWhy it was refused; empty where it was done.' FROM _payload
	  UNION ALL SELECT name, field, what || ' as it is now; null where it was refused.' FROM _payload
	  UNION ALL SELECT name, also_field, also_what || ' as it is now; null where it was refused.' FROM _payload
	  WHERE also_field IS NOT NULL) AS c(of, name, comment)
\gexec

-- ---------------------------------------------------------------------------
-- Helpers of the mutations.  Their tags keep them out of the GraphQL schema.
-- ---------------------------------------------------------------------------

CREATE FUNCTION _require_level(
	level trainledger.access_level, mutation text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF trainledger.has_level(level) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = '42501',
			MESSAGE = format('permission denied for %s', mutation),
			HINT = 'Ask for a role with a higher level of access.';
	END IF;
END;
$$;
COMMENT ON FUNCTION _require_level(trainledger.access_level, text) IS
E'@behavior -*\n'
'Internal: 42501 before anything else, where the caller has not the level of access that a mutation is for.';

CREATE FUNCTION _refuse(argument text, message text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'TL400', COLUMN = argument, MESSAGE = message;
END;
$$;
COMMENT ON FUNCTION _refuse(text, text) IS
E'@behavior -*\nInternal: refuses an argument (TL400).';

CREATE FUNCTION _refuse_id(argument text, types text[]) RETURNS void
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_graphql._refuse(argument, 'not a global id of ' || (
		SELECT string_agg(CASE WHEN t ~ '^[AEIOU]' THEN 'an ' ELSE 'a ' END || t, ' or ')
		FROM unnest(types) t));
END;
COMMENT ON FUNCTION _refuse_id(text, text[]) IS
E'@behavior -*\nInternal: refuses an argument as no global id of some types (TL400).';

CREATE FUNCTION _key(id text, type text, key_type text, argument text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key text;
BEGIN
	key := trainledger.global_id_key(id, type);
	IF (key <> CASE key_type WHEN 'uuid' THEN replace(key::uuid::text, '-', '')
		WHEN 'bigint' THEN key::bigint::text ELSE key END) THEN
		RAISE data_exception;
	END IF;
	RETURN key;
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse_id(argument, ARRAY[type]);
END;
$$;
COMMENT ON FUNCTION _key(text, text, text, text) IS
E'@behavior -*\nInternal: the key in a global id of a type, as it is printed (TL400).';

-- Functions that parse values which are sent as text.  An instant without a
-- time zone is in UTC.
SELECT format($template$
CREATE FUNCTION %1$I(value text, argument text) RETURNS %2$s
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
BEGIN
	RETURN %4$s;
EXCEPTION WHEN data_exception THEN
	PERFORM trainledger_graphql._refuse(argument, %3$L);
END;
$$
$template$, name, type, 'not ' || what, format(expression, type)),
	   format('COMMENT ON FUNCTION %I(text, text) IS %L', name,
			  format(E'@behavior -*\nInternal: a text as %s (TL400).', what))
FROM (VALUES ('_moment', 'timestamptz', 'a date or a time', 'value::%s'),
	  -- a date alone ends when its day does
	  ('_end', 'timestamptz', 'a date or a time',
	   'CASE WHEN value ~ ''^[0-9-]{10}$'' THEN value || ''T23:59:59'' ELSE value END::%s'),
	  ('_price', 'numeric', 'a price', 'value::%s'),
	  -- its number, or its global id
	  ('_redemption', 'bigint', 'an id of a redemption',
	   'CASE WHEN value ~ ''^[0-9]+$'' THEN value ELSE trainledger.global_id_key(value, ''TokenRedemption'') END::%s'))
AS v(name, type, what, expression)
\gexec

CREATE FUNCTION _one_of(id text, types text[], argument text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- the type that the id begins with
	type text := (SELECT t FROM unnest(types) t WHERE starts_with(id,
		left(encode(convert_to(t || ':', 'UTF8'), 'base64'), length(t) * 4 / 3)));
	key bigint := trainledger_graphql._key(id, type, 'bigint', argument);
BEGIN
	IF id IS NOT NULL AND type IS NULL THEN
		PERFORM trainledger_graphql._refuse_id(argument, types);
	END IF;
	-- no party, item or hold has id 0: the called function finds none (TL404),
	-- after it has checked its other arguments.  Holds are read for holds alone:
	-- a front of nodes reads no more in a transaction than its first read saw.
	IF type = 'TrainingTokenHold' THEN
		RETURN CASE WHEN EXISTS (
			SELECT FROM trainledger_graphql.training_token_hold h
			WHERE h.hold_key = key AND h.id = _one_of.id) THEN key ELSE 0 END;
	END IF;
	RETURN CASE WHEN key IS NULL
		OR EXISTS (SELECT FROM trainledger_graphql.account a
				   WHERE a.party_key = key AND a.id = _one_of.id)
		OR EXISTS (SELECT FROM trainledger_graphql.catalog_item c
				   WHERE c.item_key = key AND c.id = _one_of.id)
		THEN key ELSE 0 END;
END;
$$;
COMMENT ON FUNCTION _one_of(text, text[], text) IS
E'@behavior -*\n'
'Internal: the key in a global id of one of several types, 0 where there is no such thing (TL400).';

CREATE FUNCTION _nulls(sent json, fields jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT ARRAY(SELECT f.key FROM jsonb_each_text(fields) f
				 WHERE json_typeof(sent -> f.value) = 'null');
END;
COMMENT ON FUNCTION _nulls(json, jsonb) IS
E'@behavior -*\nInternal: the arguments whose fields were sent as null.';

CREATE FUNCTION _check_nulls(sent json, refused jsonb, needed jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	argument text := (trainledger_graphql._nulls(sent, refused))[1];
	missing text := (SELECT f.key FROM jsonb_each_text(needed) f
					 WHERE sent -> f.value IS NULL LIMIT 1);
BEGIN
	IF argument IS NOT NULL THEN
		PERFORM trainledger_graphql._refuse(argument, argument || ' cannot be null');
	ELSIF missing IS NOT NULL THEN
		PERFORM trainledger_graphql._refuse(missing, missing || ' is missing');
	END IF;
END;
$$;
COMMENT ON FUNCTION _check_nulls(json, jsonb, jsonb) IS
E'@behavior -*\n'
'Internal: TL400 where one of the fields is null for which null is refused, or one is left out that is needed.';

CREATE FUNCTION _errors(
	state text, message text, argument text, fields jsonb, sent json)
RETURNS field_error[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- texts in quotes are the client's
	outside_quotes CONSTANT text := '(?=([^"]*"[^"]*")*[^"]*$)';
	word text;
	label text;
BEGIN
	IF state NOT LIKE 'TL%' AND state NOT LIKE '22%' THEN
		RETURN NULL;
	END IF;
	FOR word, label IN SELECT f.key, f.value FROM jsonb_each_text(fields) f LOOP
		message := regexp_replace(message, format('\m%s\M', word) || outside_quotes, label, 'g');
	END LOOP;
	-- names of tables
	message := regexp_replace(message, '(?<=[a-z])_(?=[a-z])' || outside_quotes, ' ', 'g');
	label := fields ->> argument;
	RETURN ARRAY[ROW(coalesce(label, ''), message, sent ->> label)
				 ::trainledger_graphql.field_error];
END;
$$;
COMMENT ON FUNCTION _errors(text, text, text, jsonb, json) IS
E'@behavior -*\n'
'Internal: a refusal or a bad value as the errors of a payload; null for any other error. fields has the word of the API for each word of SQL that a message may contain: the field for an argument, and so on.';

-- ---------------------------------------------------------------------------
-- Fields with arguments: VIEW_FIELD(row, arguments) is the field of the view's
-- nodes
-- ---------------------------------------------------------------------------

CREATE FUNCTION training_pass_covers(
	pass training_pass, content_id id, at moment DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT p.lifecycle_state = 'active' AND asked.at < p.valid_until
		AND EXISTS (SELECT FROM trainledger.pass_period r
					WHERE r.pass_id = p.id
					AND r.valid_from <= asked.at AND asked.at < r.valid_until)
		AND EXISTS (SELECT FROM trainledger.pass_type_content c
					WHERE c.pass_type_id = p.pass_type_id
					AND (c.item_id = asked.item
						 OR c.item_id IN (SELECT l.path_id
										  FROM trainledger.learning_path_course l
										  WHERE l.course_id = asked.item)))
	FROM trainledger.pass p
	CROSS JOIN (SELECT
		_one_of(content_id, '{CourseTemplate,LearningPath}', 'content_id'),
		coalesce(_moment(at, 'at'), trainledger.clock())) AS asked(item, at)
	WHERE p.id = pass.pass_key;
END;
COMMENT ON FUNCTION training_pass_covers(training_pass, id, moment) IS
'Whether it covers a course or a learning path at an instant; without one: now.';

-- ---------------------------------------------------------------------------
-- Mutations
-- ---------------------------------------------------------------------------

-- The template of all mutations.  A refusal or a bad value rolls back what was
-- done and becomes the errors of the payload, whose label is the input field of
-- the argument at fault.  Any other error is raised again.  A function that
-- returns a set makes a list.  The function has the name of the mutation:
-- \sf trainledger_graphql."trainingPass.issuePass"
SELECT format($template$
CREATE FUNCTION %1$I(sent json)
RETURNS trainledger_graphql.%4$I
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	input trainledger_graphql.%3$I;
	done trainledger_graphql.%4$I;
	made trainledger_graphql.%6$I.%7$I%%TYPE;
	argument text;
BEGIN
	PERFORM trainledger_graphql._require_level(%14$L, %1$L);%12$s
	input := json_populate_record(NULL::trainledger_graphql.%3$I, sent);
	FOR made IN SELECT f.%8$I FROM trainledger.%2$I(
		%9$s) f
	LOOP
		done.%5$I := %11$s(
			SELECT v FROM trainledger_graphql.%6$I v WHERE v.%7$I = made);%13$s
	END LOOP;
	done.errors := '{}';
	RETURN done;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS argument = COLUMN_NAME;
	done := NULL;
	done.errors := trainledger_graphql._errors(SQLSTATE, SQLERRM, argument,
		%10$L, sent);
	IF done.errors IS NULL THEN
		RAISE;
	END IF;
	RETURN done;
END;
$$;
$template$, x.name, m.function, m.input, m.payload, p.field, p.view, v.primary_key, m.key,
	string_agg(format('%2$I => ' || k.conversion, format('input.%I', f.name), f.argument), E',\n\t\t' ORDER BY f.n)
	|| coalesce(E',\n\t\tclear => trainledger_graphql._nulls(sent, ' || quote_literal(
		jsonb_object_agg(f.argument, f.name) FILTER (WHERE a.can_clear AND f.if_null = 'empties')) || ')', ''),
	jsonb_object_agg('party', CASE m.namespace WHEN 'trainingPass' THEN 'contact' ELSE 'account' END)
	|| coalesce(jsonb_object_agg(w.argument, w.field) FILTER (WHERE w.argument <> w.field), '{}')
	|| jsonb_object_agg(f.argument, f.name),
	CASE WHEN p.is_list THEN format('done.%I || ', p.field) END,
	E'\n\tPERFORM trainledger_graphql._check_nulls(sent, ' || nullif(format('%L, %L',
		coalesce(jsonb_object_agg(f.argument, f.name) FILTER (WHERE f.if_null = 'refused'), '{}'),
		coalesce(jsonb_object_agg(f.argument, f.name) FILTER (WHERE NOT a.can_clear AND f.if_null = 'empties'), '{}')),
		$$'{}', '{}'$$) || ');',
	(SELECT format(E'\n\t\tdone.%I := (\n\t\t\tSELECT v FROM trainledger_graphql.%I v WHERE v.%I = (done.%I).%I);',
				   p.also_field, a.name, a.primary_key, p.field, p.also_key)
	 FROM _view a WHERE a.name = p.also_view),
	(SELECT g.level FROM trainledger.privilege g WHERE g.function_name = m.function)),
	   format('COMMENT ON FUNCTION %I(json) IS %L', x.name,
			  format(E'@namespace %s\n@method %s\n@input %s\n%s', m.namespace, m.method, m.input, m.comment))
FROM _mutation m
JOIN _payload p ON p.name = m.payload
JOIN _view v ON v.name = p.view
JOIN _field f ON f.record = m.input
JOIN _argument a ON (a.mutation, a.field) = (m.n, f.n)
JOIN _kind k ON k.name = f.kind
CROSS JOIN LATERAL (SELECT format('%s.%s', m.namespace, m.method)) AS x(name)
-- what an id is of: party_id is accountId, so a party is an account
CROSS JOIN LATERAL (SELECT substring(f.argument FROM '([a-z]+)_id$'),
	lower(substring(f.name FROM '([A-Z]?[a-z]+)Id$'))) AS w(argument, field)
GROUP BY m.n, p.name, v.name, x.name ORDER BY m.n
\gexec

DROP TABLE _scalar, _enum, _node, _view, _column, _relation, _global_id, _kind, _record, _field, _payload, _mutation, _argument;
DROP TYPE if_null;

-- ---------------------------------------------------------------------------
-- All roles that have a level of access may use the schema.  The functions of
-- trainledger decide what each of them may do.
-- ---------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA trainledger_graphql FROM PUBLIC;
SELECT format('GRANT USAGE ON SCHEMA trainledger_graphql TO %s', a.grantee::regrole),
	   format('GRANT SELECT ON ALL TABLES IN SCHEMA trainledger_graphql TO %s', a.grantee::regrole),
	   format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trainledger_graphql TO %s', a.grantee::regrole)
FROM pg_proc p, LATERAL aclexplode(p.proacl) a
WHERE p.oid = 'trainledger.learner_access()'::regprocedure
AND a.grantee <> p.proowner
\gexec

COMMIT;
