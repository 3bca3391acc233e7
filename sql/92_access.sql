-- Who may do what (contract, section 15)

/*
 * What there is to know of a function beside its definition, a row for each:
 * the one place that says which level it is for, and what the blocks in
 * 95_functions.sql make its stub in trainledger and its forwarder in
 * trainledger_api from.  Each level has what the ones before it have.  A name
 * is that of the function in trainledger and of the one in trainledger_api.
 */
CREATE VIEW trainledger.privilege WITH (security_invoker = true) AS
SELECT p.level, p.function_name, p.is_rest, p.collection, p.route, p.comment
FROM (VALUES
	('learner'::trainledger.access_level, 'learner_access', false, NULL, 'node', NULL),
	('learner', 'has_level', false, NULL, 'node', NULL),
	('learner', 'current_party', false, NULL, 'node', NULL),
	('learner', 'clock', false, NULL, 'node', NULL),
	('learner', 'home', false, NULL, 'node', NULL),
	('learner', 'home_of', false, NULL, 'node', NULL),
	('learner', 'global_id', false, NULL, 'node', NULL),
	('learner', 'global_id_key', false, NULL, 'node', NULL),
	('learner', 'round_amount', false, NULL, 'node', NULL),
	('learner', 'format_amount', false, NULL, 'node', NULL),
	('learner', 'find_party', true, 'parties', 'global',
		'id_type is id, uuid, email, rfid, barcode or externalId, id the identifier.'),
	('learner', 'balance_at', true, NULL, 'account_id',
		'account_id is the account, at the instant.'),
	('learner', 'balance_by', true, NULL, 'account_id',
		'account_id is the account, happened_by the instant by the clients'' clocks, known_by when the books knew it (infinity: all that they know now).'),
	('learner', 'available_balance', true, NULL, 'account_id',
		'account_id is the account.'),
	('learner', 'available_tokens', true, NULL, 'party_id',
		'party_id is the party, token_type_id the type of training tokens.'),
	('learner', 'why', true, NULL, 'party_id',
		'party_id is the party, token_type_id the type, account_name the credit account (default), at the instant (now).'),
	('learner', 'why_not', true, NULL, 'party_id',
		'party_id is the party, token_type_id the type, quantity how many are to be taken, account_name the credit account (default).'),
	('learner', 'account_statement', true, NULL, 'account_id',
		'account_id is the account; entries are from since on and before until.'),
	('learner', 'holdings', true, NULL, 'all',
		'party_id is the party.'),
	('learner', 'pass_covers', true, NULL, 'party_id',
		'party_id is the person, item_id the item of the catalogue, at the instant.'),
	('learner', 'credit_balance', true, NULL, 'party_id',
		'party_id is the delegate; account_name and token_type name the account (default).'),
	('learner', 'credit_history', true, 'credit_transactions', 'party_id',
		'party_id is the delegate; account_name and token_type name the account (default). The answer has max_entries entries (100; null: all) before the one with the number before_entry (null: from the newest on), or those next after after_entry; newest first.'),
	('learner', 'credit_token_balance', false, NULL, 'party_id', NULL),
	('learner', 'credit_token_history', false, NULL, 'party_id', NULL),
	('learner', 'prove_entry', true, NULL, 'account_id',
		'account_id is the account, entry_no the entry, size that of the signed checkpoint (the last).'),
	('learner', 'entry_leaf', true, NULL, 'account_id',
		'account_id is the account, entry_no the entry.'),
	('learner', 'entry_texts', true, NULL, 'account_id',
		'account_id is the account, entry_no the entry.'),
	('learner', 'claim_signup_token', true, 'signup_claims', 'global',
		'code is the code, without regard to case, party_id the learner.'),
	('learner', 'lookup_program', false, NULL, 'global', NULL),
	('learner', 'lookup_program_instance', false, NULL, 'global', NULL),
	('learner', 'list_cohorts', false, NULL, 'global', NULL),
	('learner', 'list_active_programs', false, NULL, 'global', NULL),
	('learner', 'user_tickets', false, NULL, 'global', NULL),
	('learner', 'program_child_list', false, NULL, 'global', NULL),
	('learner', 'programs_after', false, NULL, 'global', NULL),
	('learner', 'LookupProgram', false, NULL, 'global', NULL),
	('learner', 'LookupProgramInstance', false, NULL, 'global', NULL),
	('learner', 'ListCohorts', false, NULL, 'global', NULL),
	('learner', 'ListActivePrograms', false, NULL, 'global', NULL),
	('learner', 'UserTickets', false, NULL, 'global', NULL),
	('learner', 'ProgramChildList', false, NULL, 'global', NULL),
	('learner', 'ProgramsAfter', false, NULL, 'global', NULL),
	('learner', 'organisation', false, NULL, 'global', NULL),
	('learner', 'credit_transactions', false, NULL, 'all', NULL),
	('learner', 'credit_accounts', false, NULL, 'all', NULL),
	('learner', 'account', false, NULL, 'all', NULL),
	('learner', 'holds', false, NULL, 'all', NULL),
	('learner', 'training_token_transactions', false, NULL, 'all', NULL),
	('learner', 'training_token_issues', false, NULL, 'all', NULL),
	('learner', 'parties', false, NULL, 'global', NULL),
	('learner', 'training_pass_uses', false, NULL, 'all', NULL),
	('learner', 'parent', false, NULL, 'global', NULL),
	('learner', 'children', false, NULL, 'global', NULL),
	('reader', 'reader_access', false, NULL, 'node', NULL),
	('reader', 'reconcile', true, NULL, 'all',
		'account_id is the account to check; null: all of them.'),
	('reader', 'verify', true, NULL, 'node',
		'checkpoint is one that was kept outside (null: none), since the booking from which on to check (0: everything).'),
	('reader', 'checkpoint_text', true, NULL, 'node',
		'size is that of the checkpoint (null: the last).'),
	('reader', 'prove_consistency', true, NULL, 'node',
		'old_size is the size of the older tree, size that of a checkpoint (null: the last).'),
	('reader', 'feed_read', true, NULL, 'node',
		'consumer is the name of the consumer, max_events how many events at most (1000, up to 10000).'),
	('reader', 'feed_ack', true, NULL, 'node',
		'consumer is the name of the consumer, position that of the last event that it has dealt with; end: all that is there.'),
	('reader', 'feed_drop', true, NULL, 'node',
		'consumer is the name of the consumer.'),
	('reader', 'tokens', false, NULL, 'global', NULL),
	('reader', 'token', false, NULL, 'global', NULL),
	('reader', 'report', true, NULL, 'all', NULL),
	('reader', 'strays', false, NULL, 'all', NULL),
	('operator', 'operator_access', false, NULL, 'node', NULL),
	('operator', 'add_party', true, 'parties', 'global',
		'kind is organisation or person, name the name to show. email, rfid, barcode and external_id identify the party and are unique; organisation_id is the organisation it belongs to. data (an array), flags, sources and attributes (an object) are kept as given. id and uuid are for level admin, to take over those of another system.'),
	('operator', 'update_party', true, 'parties', 'global',
		'party_id is the party. name, email, rfid, barcode, external_id, organisation_id, data, flags, sources, attributes and is_suspended are the new values; clear lists the columns to empty.'),
	('operator', 'post', true, 'credit_transactions', 'account_id',
		'account_id is the account, operation add, subtract or adjust, amount what is added or taken, rounding how it is rounded (round, floor, ceil, half_even). source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. balance_expected is the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.'),
	('operator', 'post_batch', true, NULL, 'pair',
		'account_ids and deltas belong together by their place, as do descriptions, recorded_at and idempotency_keys where they are given; source is that of all. Without skip_refused the first refusal refuses the whole call.'),
	('operator', 'credit_transfer', true, NULL, 'pair',
		'from_account_id gives, to_account_id gets amount, rounded by rounding (round, floor, ceil, half_even). source says where the call comes from, description what for, recorded_at when it happened by the client''s clock; a call repeated with its idempotency_key answers with the first entries.'),
	('operator', 'issue_training_tokens', true, 'training_token_issues', 'party_id',
		'token_type_id is the type, party_id who gets them, quantity how many, expires_on their last day. notes are kept with the entry; a call repeated with its idempotency_key answers with the first issue; id is for level admin, to take over that of another system. unit_price and currency_code say what the customer paid for each, both or neither.'),
	('operator', 'extend_training_tokens', true, 'training_token_issues', 'issue_id',
		'issue_id is the issue, expires_on its new last day.'),
	('operator', 'adjust_training_tokens', true, 'training_token_issues', 'issue_id',
		'issue_id is the issue, amount what is added to its balance, negative to take; notes are kept with the entry; a call repeated with its idempotency_key changes nothing more.'),
	('operator', 'void_training_tokens', true, 'training_token_issues', 'issue_id',
		'issue_id is the issue; notes are kept with the entry; a call repeated with its idempotency_key changes nothing more.'),
	('operator', 'transfer_training_tokens', true, 'training_token_issues', 'pair',
		'from_party_id is whose tokens are taken, to_party_id who gets them, token_type_id their type, quantity how many. notes are kept with the entries; a call repeated with its idempotency_key answers with the first issues.'),
	('operator', 'redeem_training_tokens', true, 'redemptions', 'party_id',
		'party_id is whose tokens are taken, token_type_id their type, quantity how many, reference what for. notes are kept with the entries; a call repeated with its idempotency_key answers with the first redemption.'),
	('operator', 'refund_training_tokens', true, 'redemptions', 'redemption_id',
		'redemption_id is the redemption, quantity how many to give back, if_expired forfeit or reissue. A call repeated with its idempotency_key gives back nothing more.'),
	('operator', 'hold_training_tokens', true, 'holds', 'party_id',
		'party_id is whose tokens are kept back, token_type_id their type, quantity how many, reference what for, expires_at until when (7 days; at most 366). notes are kept with the hold; a call repeated with its idempotency_key answers with the first hold as it stands now.'),
	('operator', 'credit_hold', true, 'holds', 'party_id',
		'party_id is the delegate, amount what is kept back, rounded by rounding (round, floor, ceil, half_even). source says where the call comes from, description what for, expires_at until when (7 days; at most 366). account_name and token_type name the account (default), device is the device it came from; a call repeated with its idempotency_key answers with the first hold as it stands now.'),
	('operator', 'capture_hold', true, 'holds', 'hold_id',
		'hold_id is the hold, quantity how much is taken (null: all that is left); with is_final the rest is let go. notes go to the entries, else those of the hold; a call repeated with its idempotency_key takes nothing more.'),
	('operator', 'release_hold', true, 'holds', 'hold_id',
		'hold_id is the hold, quantity how much is let go (null: all that is left); notes are kept with the event; a call repeated with its idempotency_key lets go of nothing more.'),
	('operator', 'extend_hold', true, 'holds', 'hold_id',
		'hold_id is the hold, expires_at its new end.'),
	('operator', 'issue_pass', true, 'training_passes', 'party_id',
		'pass_type_id and option_id are a published type and an option of it, party_id who gets the pass, valid_from and valid_until its beginning and end. A call repeated with its idempotency_key answers with the first pass; id is for level admin, to take over that of another system.'),
	('operator', 'renew_pass', true, 'training_passes', 'pass_id',
		'pass_id is the pass, option_id the option it goes on with (null: the one it has), valid_until the new end (null: after the period of the option). A call repeated with its idempotency_key prolongs nothing more.'),
	('operator', 'revoke_pass', true, 'training_passes', 'pass_id',
		'pass_id is the pass.'),
	('operator', 'reassign_pass', true, 'training_passes', 'pair',
		'pass_id is the pass, party_id the person who gets the new one. A call repeated with its idempotency_key answers with the first new pass.'),
	('operator', 'use_pass', true, 'training_pass_uses', 'party_id',
		'party_id is the person, item_id the item of the catalogue, reference the booking. A call repeated with its idempotency_key answers with the first use.'),
	('operator', 'cancel_pass_use', true, 'training_pass_uses', 'pass_use_id',
		'pass_use_id is the use, reason is kept with it.'),
	('operator', 'credit_init', true, 'credit_transactions', 'party_id',
		'party_id is the delegate, amount what it starts with. source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. account_name and token_type name the account (default). rounding is round, floor, ceil or half_even, balance_expected the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.'),
	('operator', 'credit_add', true, 'credit_transactions', 'party_id',
		'party_id is the delegate, amount what is added. source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. account_name and token_type name the account (default). rounding is round, floor, ceil or half_even, balance_expected the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.'),
	('operator', 'credit_subtract', true, 'credit_transactions', 'party_id',
		'party_id is the delegate, amount what is taken. source says where the call comes from, description what for, recorded_at when it happened by the client''s clock. account_name and token_type name the account (default). rounding is round, floor, ceil or half_even, balance_expected the balance that must result, device the device it came from; a call repeated with its idempotency_key answers with the first entry.'),
	('operator', 'credit_token_transaction', false, NULL, 'party_id', NULL),
	('operator', 'credit_token_transaction_init', false, NULL, 'party_id', NULL),
	('operator', 'credit_token_transaction_add', false, NULL, 'party_id', NULL),
	('operator', 'credit_token_transaction_subtract', false, NULL, 'party_id', NULL),
	('operator', 'cancel_signup_claim', true, 'signup_claims', 'global',
		'signup_claim_id is the claim, reason why it is cancelled.'),
	('operator', 'modify_program_membership', true, 'memberships', 'global',
		'program_id is the program, party_id the person, cohort_id a cohort of the program, role member, trainer or observer, state the state.'),
	('operator', 'update_user_cohort_state', true, 'memberships', 'global',
		'party_id is the person, program_id the program, state active, completed, graduated, incomplete, withdrawn, dropped or refunded, cohort_id the cohort; comments and state_detail are kept with the state; clear lists the columns to empty.'),
	('operator', 'confirm_cohort', true, 'cohorts', 'global',
		'program_id is the program, cohort_name the name.'),
	('operator', 'sync_cohort', true, NULL, 'global',
		'program_id is the program, cohort_id its cohort, query the predicate, over a person''s id, uuid, email, name, externalId, flags, attributes and organisationId. role is member, trainer or observer, mode closed or open.'),
	('operator', 'sync_cohort_preview', true, NULL, 'global',
		'program_id is the program, cohort_id its cohort, query the predicate, role and mode as for sync_cohort.'),
	('operator', 'create_program_ticket', true, NULL, 'global',
		'program_kind_id is the kind, party_id the person, email the address. external_id and sku name the purchase, base_sku is kept with them.'),
	('operator', 'consume_ticket', true, 'tickets', 'global',
		'party_id is the person, program_id the program.'),
	('operator', 'cancel_ticket', true, 'tickets', 'global',
		'ticket_id is the ticket.'),
	('operator', 'ModifyProgramMembership', false, NULL, 'global', NULL),
	('operator', 'UpdateUserCohortState', false, NULL, 'global', NULL),
	('operator', 'ConfirmCohort', false, NULL, 'global', NULL),
	('operator', 'SyncCohort', false, NULL, 'global', NULL),
	('operator', 'CreateProgramTicket', false, NULL, 'global', NULL),
	('admin', 'admin_access', false, NULL, 'node', NULL),
	('admin', 'add_catalog_item', true, 'catalog_items', 'global',
		'kind is course, team, learning_path or collection; code is unique per kind, at most 50 characters; name is the name to show; id takes over the id of another system.'),
	('admin', 'update_catalog_item', true, 'catalog_items', 'global',
		'item_id is the item, name the name to show.'),
	('admin', 'add_region', true, 'regions', 'global',
		'code is unique, name the name to show.'),
	('admin', 'add_currency', true, 'currencies', 'global',
		'code is unique, name the name to show, minor_units the decimals of a price (2).'),
	('admin', 'add_credit_token_type', true, 'credit_token_types', 'global',
		'name is unique, and credit calls name their type by it. unit is token or currency, scale the decimals of an amount (2, from 0 to 6), lower_bound and upper_bound the bounds of balances. symbol and description are to show; id takes over the id of another system.'),
	('admin', 'add_training_token_type', true, 'training_token_types', 'global',
		'name is unique, description is to show, default_days_to_redeem a number of days (null: issues do not expire), scale the decimals of an amount (0, from 0 to 6); id takes over the id of another system.'),
	('admin', 'update_token_type', true, 'token_types', 'global',
		'token_type_id is the type. name, symbol, description, lower_bound, upper_bound, is_active (false: nothing is posted), is_archived (true: nothing new is issued) and default_days_to_redeem are the new values; clear lists the columns to empty.'),
	('admin', 'set_training_tokens_expiry', true, 'training_token_issues', 'issue_id',
		'issue_id is the issue, expires_on its right last day (null: never), reason why it is corrected.'),
	('admin', 'expire_training_tokens', true, NULL, 'all',
		'max_issues is how many to do at most (10000).'),
	('admin', 'lapse_holds', true, NULL, 'all',
		'max_holds is how many to close at most (10000).'),
	('admin', 'create_pass_type', true, 'training_pass_types', 'global',
		'code is unique, name and description are to show; id takes over the id of another system.'),
	('admin', 'update_pass_type', true, 'training_pass_types', 'global',
		'pass_type_id is the type. code, name, description and lifecycle_state (published, archived) are the new values; clear lists the columns to empty.'),
	('admin', 'add_pass_content', true, 'training_pass_types', 'global',
		'pass_type_id is the type, course_ids are courses, path_ids learning paths of the catalogue.'),
	('admin', 'remove_pass_content', true, 'training_pass_types', 'global',
		'pass_type_id is the type, course_ids are courses, path_ids learning paths of the catalogue.'),
	('admin', 'add_path_courses', true, 'catalog_items', 'global',
		'path_id is the learning path, course_ids are the courses.'),
	('admin', 'remove_path_courses', true, 'catalog_items', 'global',
		'path_id is the learning path, course_ids are the courses.'),
	('admin', 'correct_pass', true, 'training_passes', 'pass_id',
		'pass_id is the pass, valid_from and valid_until are the beginning and the end of its last run (null: as it is), reason is kept with the event.'),
	('admin', 'create_pass_option', true, 'training_pass_type_options', 'global',
		'pass_type_id is the type, name is to show. The pass is valid for validity_value (1 or more) of validity_unit (days, weeks, months, years). id takes over the id of another system.'),
	('admin', 'update_pass_option', true, 'training_pass_type_options', 'global',
		'option_id is the option. name and lifecycle_state (published, archived) are the new values; clear lists the columns to empty, of which there is none.'),
	('admin', 'create_pass_price', true, 'training_pass_type_prices', 'global',
		'option_id is the option, region_code and currency_code say where and in what, amount is the price, with no more decimals than the currency has.'),
	('admin', 'update_pass_price', true, 'training_pass_type_prices', 'global',
		'price_id is the price, amount the new one; clear lists the columns to empty, of which there is none.'),
	('admin', 'create_signup_token', true, 'signup_tokens', 'global',
		'type is 1 course, 2 team, 3 learning path or 4 collection, type_id the code of the item to enrol into, maximum_activations how many may claim it. code is what learners type in; active false: not to be claimed yet; expiration is from when on it is over (null: never); id takes over the id of another system.'),
	('admin', 'update_signup_token', true, 'signup_tokens', 'global',
		'signup_token_id is the token. code, type, type_id, active, maximum_activations and expiration are the new values; clear lists the columns to empty.'),
	('admin', 'import_signup_tokens', true, 'signup_tokens', 'global',
		E'document is the document in hexadecimal form (\\x...); create_tokens takes it as the body and answers in XML.'),
	('admin', 'apply_signup_tokens', true, 'signup_tokens', 'global',
		E'document is the document in hexadecimal form (\\x...); update_tokens takes it as the body and answers in XML.'),
	('admin', 'create_tokens', false, NULL, 'global', NULL),
	('admin', 'update_tokens', false, NULL, 'global', NULL),
	('admin', 'add_program_kind', true, 'program_kinds', 'global',
		'name is to show, handle a short name for it; parent_id is the kind that it is a child of (null: none); id takes over the id of another system.'),
	('admin', 'add_program', true, 'programs', 'global',
		'kind_id is its kind, name is to show; it runs from start_date for duration days. mode is fixed (all share its calendar) or open, priority a number to sort by; id takes over the id of another system.'),
	('admin', 'update_program', true, 'programs', 'global',
		'program_id is the program. name, start_date, duration, mode, priority and is_active are the new values; clear lists the columns to empty, of which there is none.'),
	('admin', 'start_log', true, NULL, 'node',
		'origin is the name of the log, such as books.example/ledger, reason why it is started.'),
	('admin', 'seal', true, NULL, 'node', NULL),
	('admin', 'sign_checkpoint', true, NULL, 'node',
		'size is that of the checkpoint (null: the last).'),
	('admin', 'add_signature', true, 'checkpoints', 'node',
		'size is that of the checkpoint, line a signature in the form of a C2SP signed note.'),
	('admin', 'forget_party', true, NULL, 'all',
		'party_id is the party, reason_code why, subs are names under which it booked, besides its uuid and address.'),
	('admin', 'redact_entry', true, NULL, 'account_id',
		'account_id is the account, entry_no the entry, reason_code why.'),
	('admin', 'check_books', true, NULL, 'node', NULL),
	('admin', 'forget_homes', false, NULL, 'node', NULL),
	('admin', 'grant_access', false, NULL, 'node', NULL),
	('admin', 'revoke_access', false, NULL, 'node', NULL),
	('monitor', 'monitor_access', false, NULL, 'node', NULL)
) AS p(level, function_name, is_rest, collection, route, comment);
COMMENT ON VIEW trainledger.privilege IS
'Which level of access each function is for, and how automatic APIs serve it.';
COMMENT ON COLUMN trainledger.privilege.level IS 'Lowest level that may call it; monitor: no level may.';
COMMENT ON COLUMN trainledger.privilege.function_name IS 'Name of the function, in trainledger and in trainledger_api.';
COMMENT ON COLUMN trainledger.privilege.is_rest IS 'Whether trainledger_api has a function that forwards to it, with the same arguments.';
COMMENT ON COLUMN trainledger.privilege.collection IS 'View of trainledger_api whose row that function returns; null: it returns what the function itself returns.';
COMMENT ON COLUMN trainledger.privilege.route IS 'Which node answers a call, where there are several: the argument whose home says so (party_id, account_id, issue_id, redemption_id, pass_id, pass_use_id, hold_id; documents name the delegate otherwise); all: each node has a part of the answer; pair: the node of several parties, if it is one; global: the front, from what concerns no party alone; node: the one that is called.';
COMMENT ON COLUMN trainledger.privilege.comment IS 'What the comment of that function says of its arguments.';

-- Functions of trainledger_internal that reads and policies call with the
-- rights of their caller

CREATE VIEW trainledger_internal.privilege WITH (security_invoker = true) AS
SELECT n.level, p.function_name
FROM (VALUES
	('learner'::trainledger.access_level,
		'{refuse,trimmed,folded,party_by,credit_account,entries_until,
		  require_given,refuse_missing,require_active,quantity,at_scale,
		  round_to_scale,lapsed_on,lapsed,held,held_at,over_parts,unswept,draw,
		  check_available,explained_accounts,movements,first_visible_party,
		  last_visible_party,first_visible_account,last_visible_account,
		  visible_accounts,visible_organisation,visible_email,document_fields,
		  document_time,given,program_document,program_kind_document,
		  log_line,log_texts,log_leaf_hash,keeps_home,sealed_numbers,
		  summed_upto}'::text[]),
	('reader', '{respond_header,signup_document,signup_error,fits_xml,report_text,report_number,
		report_month,report_rows,report_bar,report_table,report_plot,
		report_months,report_tokens,report_credit,report_revenue,report_expiring,report_holds,
		report_passes,report_signups,report_cohorts,report_log,report_style,report_page}')
) AS n(level, function_names)
CROSS JOIN LATERAL pg_catalog.unnest(n.function_names) AS p(function_name);
COMMENT ON VIEW trainledger_internal.privilege IS
'Which functions of trainledger_internal reads and policies call with the rights of their caller.';
COMMENT ON COLUMN trainledger_internal.privilege.level IS 'Lowest level that may call it.';
COMMENT ON COLUMN trainledger_internal.privilege.function_name IS 'Name of the function.';

CREATE FUNCTION trainledger_internal.require_role(role_name name) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF role_name IS NULL THEN
		PERFORM refuse('TL400', 'role_name is missing',
			'The argument role_name is null.', 'Give the name of a role.',
			'role_name');
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
		PERFORM refuse('TL404', 'role not found',
			format('There is no role %I.', role_name),
			'Create the role first.', 'role_name');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_role IS
'TL400 where no role is given, TL404 where there is no such role.';

CREATE FUNCTION trainledger_internal.owns_the_books(role_name name)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM pg_class c
				   JOIN pg_roles r ON r.oid = c.relowner
				   WHERE c.oid = 'trainledger.account'::regclass
				   AND r.rolname = role_name);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.owns_the_books IS
'Whether a role is the owner that all writes act as.';

CREATE FUNCTION trainledger_internal.revoke_access(role_name name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	schema_name text;
BEGIN
	PERFORM require_role(role_name);
	IF owns_the_books(role_name) THEN
		PERFORM refuse('TL409', 'role owns the books',
			format('Role %I is the owner, who may do everything.', role_name),
			'Give the books to another owner first.', 'role_name');
	END IF;
	-- one call at a time, because they update the same catalog rows
	PERFORM take_mutex('access'::text, 'GRANT or REVOKE'::text);
	FOR schema_name IN
		SELECT n.nspname FROM pg_namespace n
		WHERE n.nspname IN ('trainledger', 'trainledger_api',
							'trainledger_internal', 'trainledger_graphql')
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
COMMENT ON FUNCTION trainledger_internal.revoke_access IS
'Takes all access from a role. Level admin.';

CREATE FUNCTION trainledger_internal.grant_access(
	role_name name, level trainledger.access_level) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	schema_name text;
	routine regprocedure;
BEGIN
	IF level IS NULL THEN
		PERFORM refuse('TL400', 'level is missing',
			'The argument level is null.',
			'Give learner, reader, operator, admin or monitor.', 'level');
	END IF;
	PERFORM require_role(role_name);
	-- no level is granted: the owner may do everything anyway
	IF owns_the_books(role_name) THEN
		RETURN;
	END IF;
	PERFORM revoke_access(role_name);
	-- outside the order of levels: one view, its mark, and the function in it
	-- that is executed with the rights of who reads
	IF level = 'monitor' THEN
		EXECUTE format('GRANT USAGE ON SCHEMA trainledger TO %I', role_name);
		EXECUTE format('GRANT SELECT ON trainledger.ledger_metrics TO %I',
					   role_name);
		EXECUTE format('GRANT EXECUTE ON FUNCTION trainledger.monitor_access(), trainledger.clock() TO %I',
					   role_name);
		RETURN;
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA trainledger_internal TO %I',
				   role_name);
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
							  WHERE v.level <= grant_access.level))
		OR (n.nspname = 'trainledger_internal'
			AND p.proname IN (SELECT v.function_name
							  FROM trainledger_internal.privilege v
							  WHERE v.level <= grant_access.level))
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, role_name);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.grant_access IS
'Gives a role a level of access, in place of the one it has; again after an upgrade, for what is new. Level admin.';
