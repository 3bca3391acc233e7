-- Training tokens: lots that expire, redemptions, refunds, the sweep (contract,
-- section 8). The seed's own figures and times come first.
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE FUNCTION regress.token_clock(at text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$ BEGIN PERFORM set_config('trainledger.clock', at, false); END $$;
-- the lots of a party by name, and its allocations
CREATE FUNCTION regress.lots(barcode text) RETURNS TABLE (
	lot text, initial amount, current amount, booked amount, expires text)
LANGUAGE sql STABLE
AS $$
	SELECT right(i.id::text, 4), i.initial_balance, i.current_balance, i.booked_balance,
		coalesce(to_char(i.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'never')
	FROM trainledger.token_issue i WHERE i.party_id = regress.party($1)
	ORDER BY i.created_at, i.id
$$;
CREATE FUNCTION regress.taken(redemption_id bigint) RETURNS TABLE (
	ordinal integer, lot text, quantity amount, refunded amount)
LANGUAGE sql STABLE
AS $$
	SELECT x.ordinal, right(x.issue_id::text, 4), x.quantity, x.refunded
	FROM trainledger.redemption_allocation x WHERE x.redemption_id = $1 ORDER BY x.ordinal
$$;
CREATE FUNCTION regress.lot_entries(lot text) RETURNS TABLE (
	entry_no bigint, operation operation, delta amount, balance amount,
	source text, description text, recorded_at timestamptz, created_at timestamptz, booked_by text)
LANGUAGE sql STABLE
AS $$
	SELECT e.entry_no, e.operation, e.delta, e.balance, e.source, e.description,
		e.recorded_at, e.created_at, e.booked_by
	FROM trainledger.entry e JOIN trainledger.token_lot l USING (account_id)
	WHERE l.id = $1::uuid ORDER BY e.entry_no
$$;
SELECT regress.token_clock('2023-04-04 08:41:30Z');
SET ROLE regress_admin;
SELECT name, kind, unit, scale, bounds, default_days_to_redeem, is_archived
FROM add_training_token_type('tokens-silver', default_days_to_redeem => 90, id => '8848a3b38adf45db8ff60fafcbd3b3f6');
SELECT name, scale, default_days_to_redeem FROM add_training_token_type('tokens-gold');
SELECT name, scale, default_days_to_redeem FROM add_training_token_type('tokens-hours', scale => 2);
SELECT name FROM add_training_token_type('tokens-old');
SELECT name FROM add_training_token_type('tokens-off');
SELECT name FROM add_credit_token_type('tokens-credit', id => '00000000-0000-4000-8000-0000000000cc');
SET ROLE regress_operator;
SELECT barcode FROM unnest('{tokens-org,tokens-order,tokens-refund,tokens-sweep,tokens-suspended,tokens-other}'::text[]) b,
	add_party('organisation', b, barcode => b);
SELECT barcode FROM add_party('person', 'Ann', barcode => 'tokens-ann', organisation_id => regress.party('tokens-org'));
SELECT barcode FROM add_party('person', 'Bob', barcode => 'tokens-bob', organisation_id => regress.party('tokens-other'));

-- issue: the type's default days from today, extend, adjust
SET ROLE regress_admin;
SELECT id, party_id = regress.party('tokens-org') AS holder, token_type_id, initial_balance,
	current_balance, booked_balance, expires_at, created_at
FROM issue_training_tokens('8848a3b38adf45db8ff60fafcbd3b3f6', regress.party('tokens-org'), 100,
	id => '37e7883d1c9d471fb8eabd4a1138dce8');
SET ROLE regress_operator;
SELECT expires_at FROM extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2023-12-31');
SELECT regress.token_clock('2023-04-04 08:48:23Z');
SELECT current_balance, initial_balance
FROM adjust_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', 200, 'Manual adjustment');
SELECT * FROM regress.lot_entries('37e7883d1c9d471fb8eabd4a1138dce8');
SELECT old_expires_at, new_expires_at, changed_by, created_at, home(id) = home(regress.party('tokens-org')) AS at_home
FROM token_issue_event WHERE issue_id = '37e7883d1c9d471fb8eabd4a1138dce8';
SELECT party_id = regress.party('tokens-org') AS holder, token_type_id, created_at
FROM token_account WHERE party_id = regress.party('tokens-org');

-- issue: a day, no day and no default, notes, decimals; ids are made at home
SELECT initial_balance, current_balance, expires_at, home_of(id) = home(regress.party('tokens-org')) AS at_home,
	home(account_id) = home(regress.party('tokens-org')) AS account_at_home, substring(id::text, 15, 1) AS version
FROM (VALUES ('silver', 5, date '2023-04-04', ''), ('silver', 5.00, '9999-12-31', 'For May'), ('gold', 7, NULL, NULL),
	('hours', 2.5, NULL, 'x')) v(type, quantity, day, notes),
	issue_training_tokens(regress.type('tokens-' || type, 'training'), regress.party('tokens-org'), quantity, day, notes);
SELECT e.description, e.source, e.delta FROM entry e JOIN account a ON a.id = e.account_id
WHERE a.party_id = regress.party('tokens-org') AND e.operation = 'issue' ORDER BY a.id;
-- what speaks against it
SELECT label, r.*
FROM (VALUES
	('type null', $$SELECT issue_training_tokens(NULL, regress.party('tokens-org'), 1)$$),
	('party null', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), NULL, 1)$$),
	('quantity null', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), NULL)$$),
	('zero', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 0)$$),
	('negative', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), -1)$$),
	('NaN', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 'NaN')$$),
	('infinite', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 'Infinity')$$),
	('too much', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 9223372036854.775808)$$),
	('decimals', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 1.5)$$),
	('decimals of 2', $$SELECT issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-org'), 1.005)$$),
	('decimals beyond an amount', $$SELECT issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-org'), 1.00000001)$$),
	('yesterday', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 1, '2023-04-03')$$),
	('infinity', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 1, 'infinity')$$),
	('year 10000', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 1, '10000-01-01')$$),
	('notes 8193', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 1, notes => repeat('x', 8193))$$),
	('type unknown', $$SELECT issue_training_tokens('00000000-0000-0000-0000-000000000000', regress.party('tokens-org'), 1)$$),
	('credit type', $$SELECT issue_training_tokens(regress.type('tokens-credit'), regress.party('tokens-org'), 1)$$),
	('party unknown', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), 0, 1)$$),
	('id by an operator', $$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 1, id => '00000000-0000-0000-0000-000000000001')$$)
) v(label, statement), regress.refusal(statement) r;
SET ROLE regress_admin;
SELECT * FROM regress.refusal($$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-org'), 1, id => '37e7883d1c9d471fb8eabd4a1138dce8')$$);
SELECT is_archived FROM update_token_type(regress.type('tokens-old', 'training'), is_archived => true);
SELECT is_active FROM update_token_type(regress.type('tokens-off', 'training'), is_active => false);
SELECT is_suspended FROM update_party(regress.party('tokens-suspended'), is_suspended => true);
SET ROLE regress_operator;
SELECT r.code, r.message, r.hint FROM (VALUES
	($$SELECT issue_training_tokens(regress.type('tokens-old', 'training'), regress.party('tokens-org'), 1)$$),
	($$SELECT issue_training_tokens(regress.type('tokens-off', 'training'), regress.party('tokens-org'), 1)$$),
	($$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-suspended'), 1)$$)
) v(statement), regress.refusal(statement) r;
-- the last second of the day is over
SELECT regress.token_clock('2023-04-04 23:59:58.999999Z');
SELECT regress.sqlstate($$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-other'), 1, '2023-04-04')$$);
SELECT regress.token_clock('2023-04-04 23:59:59Z');
SELECT regress.sqlstate($$SELECT issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-other'), 1, '2023-04-04')$$);
SELECT expires_at FROM issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-other'), 1);
SELECT regress.token_clock('2023-04-05 00:00:00Z');
SELECT expires_at FROM issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-other'), 1);

-- the same request again, another one with the same key, and the other calls'
SELECT initial_balance, expires_at FROM issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-other'), 4.5, '2023-05-31', 'Keyed', '00000000-0000-4000-8000-000000000001');
SELECT count(*) AS issues FROM token_issue WHERE party_id = regress.party('tokens-other');
SELECT initial_balance, current_balance FROM issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-other'), 4.50, '2023-05-31', 'Keyed', '00000000-0000-4000-8000-000000000001');
SELECT v.label, r.* FROM (VALUES
	('quantity', $$SELECT issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-other'), 4.51, '2023-05-31', 'Keyed', '00000000-0000-4000-8000-000000000001')$$),
	('day', $$SELECT issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-other'), 4.5, NULL, 'Keyed', '00000000-0000-4000-8000-000000000001')$$),
	('notes', $$SELECT issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-other'), 4.5, '2023-05-31', 'keyed', '00000000-0000-4000-8000-000000000001')$$),
	('type', $$SELECT issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-other'), 4.5, '2023-05-31', 'Keyed', '00000000-0000-4000-8000-000000000001')$$),
	('call', $$SELECT redeem_training_tokens(regress.party('tokens-other'), regress.type('tokens-hours', 'training'), 4.5, 'x', idempotency_key => '00000000-0000-4000-8000-000000000001')$$),
	('too many decimals', $$SELECT issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-other'), 4.5001, '2023-05-31', 'Keyed', '00000000-0000-4000-8000-000000000001')$$)
) v(label, statement), regress.refusal(statement) r;
SELECT count(*) AS issues FROM token_issue WHERE party_id = regress.party('tokens-other');
-- a key is the party's: another party may use it; a refused call keeps none
SELECT initial_balance FROM issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-ann'), 1, idempotency_key => '00000000-0000-4000-8000-000000000001');
SELECT regress.sqlstate($$SELECT issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-ann'), 1.001, idempotency_key => '00000000-0000-4000-8000-000000000002')$$);
SELECT r.code, r.message, length(r.detail) < 250 AS short FROM regress.refusal($$SELECT trainledger.issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-ann'), 1e-16383)$$) r;
SELECT initial_balance FROM issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-ann'), 1.5, idempotency_key => '00000000-0000-4000-8000-000000000002');
-- a replay answers where nothing could be issued any more, with the issue as it is now
SET ROLE regress_admin;
SELECT is_active, is_archived FROM update_token_type(regress.type('tokens-hours', 'training'), is_active => false, is_archived => true);
SELECT regress.token_clock('2023-06-01 00:00:00Z');
SELECT initial_balance, current_balance, booked_balance FROM issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-other'), 4.5, '2023-05-31', 'Keyed', '00000000-0000-4000-8000-000000000001');
SELECT is_active, is_archived FROM update_token_type(regress.type('tokens-hours', 'training'), is_active => true, is_archived => false);

-- extend
SET ROLE regress_operator;
SELECT v.label, r.* FROM (VALUES
	('issue null', $$SELECT extend_training_tokens(NULL, '2024-01-01')$$),
	('day null', $$SELECT extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', NULL)$$),
	('unknown', $$SELECT extend_training_tokens('00000000-0000-0000-0000-000000000000', '2024-01-01')$$),
	('unknown, past', $$SELECT extend_training_tokens('00000000-0000-0000-0000-000000000000', '2023-05-31')$$),
	('same day', $$SELECT extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2023-12-31')$$),
	('earlier', $$SELECT extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2023-12-30')$$),
	('past', $$SELECT extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2023-05-31')$$),
	('infinity', $$SELECT extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', 'infinity')$$)
) v(label, statement), regress.refusal(statement) r;
SELECT r.* FROM token_issue i, regress.refusal(format($$SELECT extend_training_tokens(%L, '2024-01-01')$$, i.id)) r
WHERE i.party_id = regress.party('tokens-org') AND i.expires_at IS NULL AND i.initial_balance = 7;
SELECT r.* FROM token_issue i, regress.refusal(format($$SELECT extend_training_tokens(%L, '2024-01-01')$$, i.id)) r
WHERE i.party_id = regress.party('tokens-other') AND i.initial_balance = 4.5;
-- whatever the session's time zone is
SET TimeZone = 'Pacific/Kiritimati';
SELECT expires_at AT TIME ZONE 'UTC' AS utc FROM extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2024-01-01');
SET TimeZone = 'Pacific/Pago_Pago';
SELECT expires_at AT TIME ZONE 'UTC' AS utc FROM extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2024-01-02');
SELECT expires_at AT TIME ZONE 'UTC' AS utc FROM issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-ann'), 1);
SET TimeZone = 'UTC';
SELECT old_expires_at, new_expires_at, created_at FROM token_issue_event
WHERE issue_id = '37e7883d1c9d471fb8eabd4a1138dce8' ORDER BY id;
SET request.jwt.claims = '{"sub": "auth0|eve"}';
SELECT expires_at FROM extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2024-01-03');
RESET request.jwt.claims;
SELECT changed_by FROM token_issue_event WHERE issue_id = '37e7883d1c9d471fb8eabd4a1138dce8' ORDER BY new_expires_at DESC LIMIT 1;

-- adjust: signed, above zero, with its key; the initial balance stays
SET ROLE regress_admin;
SELECT initial_balance FROM issue_training_tokens(regress.type('tokens-hours', 'training'), regress.party('tokens-org'), 10, '2023-06-30', id => '00000000-0000-4000-8000-00000000a001');
SET ROLE regress_operator;
SELECT v.label, r.* FROM (VALUES
	('issue null', $$SELECT adjust_training_tokens(NULL, 1)$$),
	('amount null', $$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', NULL)$$),
	('zero', $$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 0.00)$$),
	('NaN', $$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 'NaN')$$),
	('unknown', $$SELECT adjust_training_tokens('00000000-0000-0000-0000-000000000000', 1)$$),
	('decimals', $$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', -0.001)$$),
	('notes', $$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 1, repeat('x', 8193))$$),
	('below zero', $$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', -10.01)$$),
	('beyond an amount', $$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 9223372036854.77)$$)
) v(label, statement), regress.refusal(statement) r;
SELECT v.n, i.initial_balance, i.current_balance FROM (VALUES (1, -9.75), (2, -0.25), (3, 4)) v(n, amount),
	adjust_training_tokens('00000000-0000-4000-8000-00000000a001', v.amount, 'Number ' || v.n) i;
SELECT current_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 1.5, 'Keyed', '00000000-0000-4000-8000-000000000003');
SELECT current_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000a001', -5.5, 'All of it', '00000000-0000-4000-8000-000000000004');
SELECT current_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 6, 'More');
-- replays change nothing, neither what is there nor what can be redeemed
SELECT current_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000a001', -5.50, 'All of it', '00000000-0000-4000-8000-000000000004');
SELECT quantity, refunded FROM redeem_training_tokens(regress.party('tokens-org'), regress.type('tokens-hours', 'training'), 6, 'Everything that expires');
SELECT current_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 1.500, 'Keyed', '00000000-0000-4000-8000-000000000003');
SELECT quantity FROM redeem_training_tokens(regress.party('tokens-org'), regress.type('tokens-hours', 'training'), 2.5, 'From the other lot');
SELECT * FROM regress.refusal($$SELECT redeem_training_tokens(regress.party('tokens-org'), regress.type('tokens-hours', 'training'), 0.01, 'x')$$);
SELECT r.code FROM (VALUES
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 1.51, 'Keyed', '00000000-0000-4000-8000-000000000003')$$),
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 1.5, 'keyed', '00000000-0000-4000-8000-000000000003')$$),
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 1.5000001, 'Keyed', '00000000-0000-4000-8000-000000000003')$$),
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 0.0000001, 'Keyed', '00000000-0000-4000-8000-000000000003')$$),
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', -1.5, 'Keyed', '00000000-0000-4000-8000-000000000003')$$)
) v(statement), regress.refusal(statement) r;
SELECT entry_no, operation, delta, balance, source, description FROM regress.lot_entries('00000000-0000-4000-8000-00000000a001');
-- expired from the last second of its day on; a replay still answers
SELECT current_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 3, 'To expire');
SELECT regress.token_clock('2023-06-30 23:59:58.999999Z');
SELECT current_balance, booked_balance FROM token_issue WHERE id = '00000000-0000-4000-8000-00000000a001';
SELECT regress.token_clock('2023-06-30 23:59:59Z');
SELECT current_balance, booked_balance FROM token_issue WHERE id = '00000000-0000-4000-8000-00000000a001';
SELECT r.* FROM (VALUES
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000a001', -1)$$),
	($$SELECT extend_training_tokens('00000000-0000-4000-8000-00000000a001', '2024-01-01')$$)) v(statement), regress.refusal(statement) r;
SELECT current_balance, booked_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000a001', 1.5, 'Keyed', '00000000-0000-4000-8000-000000000003');
-- a lot is no credit account
SELECT r.code, r.message FROM token_issue i, regress.refusal(format($$SELECT post(%s, 'add', 1, 's')$$, i.account_id)) r
WHERE i.id = '37e7883d1c9d471fb8eabd4a1138dce8';

-- redeem: soonest expiry first, no expiry last, then the oldest, then the id
SELECT regress.token_clock('2023-07-01 12:00:00Z');
SET ROLE regress_admin;
SELECT right(i.id::text, 4) AS lot, i.initial_balance, i.expires_at FROM (VALUES
	(1, '00000000-0000-4000-8000-00000000b001'::uuid, 5, NULL::date, '2023-07-01 12:00:00Z'),
	(2, '00000000-0000-4000-8000-00000000b002', 5, '2023-08-31', '2023-07-01 12:00:02Z'),
	(3, '00000000-0000-4000-8000-00000000b004', 5, '2023-07-31', '2023-07-01 12:00:02Z'),
	(4, '00000000-0000-4000-8000-00000000b003', 5, '2023-07-31', '2023-07-01 12:00:02Z'),
	(5, '00000000-0000-4000-8000-00000000b005', 5, '2023-07-31', '2023-07-01 12:00:01Z'),
	(6, '00000000-0000-4000-8000-00000000b006', 5, '2023-07-02', '2023-07-01 12:00:03Z')
) v(n, id, quantity, day, at),
LATERAL (SELECT regress.token_clock(v.at) OFFSET 0) c,
LATERAL (SELECT * FROM issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-order'), v.quantity, v.day, id => v.id)
	WHERE c IS NOT NULL OFFSET 0) i ORDER BY v.n;
SELECT * FROM regress.lots('tokens-order');
SET ROLE regress_operator;
SELECT regress.token_clock('2023-07-01 13:00:00Z');
SELECT id, home(id) = home(party_id) AS at_home, party_id = regress.party('tokens-order') AS holder,
	token_type_id = regress.type('tokens-gold', 'training') AS type, quantity, refunded, reference, created_at
FROM redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 18, 'Course 7', 'By phone') \gset order_
SELECT :'order_at_home', :'order_holder', :'order_type', :order_quantity, :order_refunded, :'order_reference', :'order_created_at';
SELECT * FROM regress.taken(:order_id);
SELECT * FROM regress.lots('tokens-order');
SELECT entry_no, operation, delta, balance, source, description, recorded_at, created_at, booked_by
FROM regress.lot_entries('00000000-0000-4000-8000-00000000b003');
-- not enough: nothing is written
SELECT digest AS digest FROM regress.books() WHERE relation = 'trainledger.entry' \gset before_
SELECT count(*) AS redemptions FROM redemption WHERE party_id = regress.party('tokens-order');
SELECT * FROM regress.refusal($$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 13, 'x')$$);
SELECT count(*) AS redemptions FROM redemption WHERE party_id = regress.party('tokens-order');
SELECT digest = :'before_digest' AS unchanged FROM regress.books() WHERE relation = 'trainledger.entry';
SELECT v.label, r.* FROM (VALUES
	('party null', $$SELECT redeem_training_tokens(NULL, regress.type('tokens-gold', 'training'), 1, 'x')$$),
	('type null', $$SELECT redeem_training_tokens(regress.party('tokens-order'), NULL, 1, 'x')$$),
	('quantity null', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), NULL, 'x')$$),
	('zero', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 0, 'x')$$),
	('negative', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), -1, 'x')$$),
	('reference null', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, NULL)$$),
	('reference empty', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, '')$$),
	('reference 8193', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, repeat('x', 8193))$$),
	('party unknown', $$SELECT redeem_training_tokens(0, regress.type('tokens-gold', 'training'), 1, 'x')$$),
	('credit type', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-credit'), 1, 'x')$$),
	('decimals', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1.5, 'x')$$),
	('no lot at all', $$SELECT redeem_training_tokens(regress.party('tokens-bob'), regress.type('tokens-gold', 'training'), 1, 'x')$$),
	('inactive', $$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-off', 'training'), 1, 'x')$$)
) v(label, statement), regress.refusal(statement) r;
-- expired lots are passed over without a sweep, from the instant of expiry on
SELECT regress.token_clock('2023-07-31 23:59:58.999999Z');
SELECT id, quantity FROM redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, 'Just in time') \gset just_
SELECT * FROM regress.taken(:just_id);
SELECT regress.token_clock('2023-07-31 23:59:59Z');
SELECT id, quantity FROM redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, 'Too late for that lot') \gset late_
SELECT * FROM regress.taken(:late_id);
SELECT * FROM regress.lots('tokens-order');
-- its key
SELECT quantity FROM redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 2, 'Keyed', idempotency_key => '00000000-0000-4000-8000-000000000005');
SELECT quantity FROM redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 2.0, 'Keyed', idempotency_key => '00000000-0000-4000-8000-000000000005');
SELECT count(*) AS redemptions FROM redemption WHERE reference = 'Keyed';
SELECT r.code FROM (VALUES
	($$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 3, 'Keyed', idempotency_key => '00000000-0000-4000-8000-000000000005')$$),
	($$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 2, 'keyed', idempotency_key => '00000000-0000-4000-8000-000000000005')$$),
	($$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 2, 'Keyed', 'Notes', '00000000-0000-4000-8000-000000000005')$$),
	($$SELECT issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-order'), 2, idempotency_key => '00000000-0000-4000-8000-000000000005')$$)
) v(statement), regress.refusal(statement) r;
-- a suspended party keeps what it has and may use it, and acquires nothing
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(regress.party('tokens-order'), is_suspended => true);
SELECT id, quantity FROM redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, 'Suspended') \gset suspended_
SELECT current_balance FROM adjust_training_tokens('00000000-0000-4000-8000-00000000b001', -1);
SELECT r.code, r.message FROM (VALUES
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000b001', 1)$$),
	($$SELECT extend_training_tokens('00000000-0000-4000-8000-00000000b002', '2024-01-01')$$),
	(format($$SELECT extend_training_tokens('00000000-0000-4000-8000-00000000b002', %L)$$, (SELECT expires_at::date FROM token_issue WHERE id = '00000000-0000-4000-8000-00000000b002'))),
	(format($$SELECT refund_training_tokens(%s)$$, :suspended_id))) v(statement), regress.refusal(statement) r;
SELECT is_suspended FROM update_party(regress.party('tokens-order'), is_suspended => false);

-- refund: back to the lots it came from, last taken first
SELECT regress.token_clock('2023-09-01 09:00:00Z');
SELECT right(i.id::text, 4) AS lot, i.expires_at FROM (VALUES
	('00000000-0000-4000-8000-00000000c001'::uuid, 3, date '2023-09-10'), ('00000000-0000-4000-8000-00000000c002', 3, '2023-09-20'),
	('00000000-0000-4000-8000-00000000c003', 10, '2023-09-30')) v(id, quantity, day),
	issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-refund'), v.quantity, v.day, id => v.id) i;
SET ROLE regress_operator;
SELECT id, quantity FROM redeem_training_tokens(regress.party('tokens-refund'), regress.type('tokens-silver', 'training'), 8, 'Course') \gset r_
SELECT id FROM redeem_training_tokens(regress.party('tokens-refund'), regress.type('tokens-silver', 'training'), 1, 'Small') \gset small_
SELECT quantity, refunded FROM refund_training_tokens(:r_id, 1);
SELECT * FROM regress.taken(:r_id);
SELECT quantity, refunded FROM refund_training_tokens(:r_id, 2, 'reissue', '00000000-0000-4000-8000-000000000006');
SELECT * FROM regress.taken(:r_id);
SELECT quantity, refunded FROM refund_training_tokens(:r_id, 2.0, 'reissue', '00000000-0000-4000-8000-000000000006');
SELECT * FROM regress.lots('tokens-refund');
SELECT v.label, r.code, r.message, replace(r.detail, :'r_id', 'N') AS detail, r.hint FROM (VALUES
	('null', $$SELECT refund_training_tokens(NULL)$$),
	('zero', format($$SELECT refund_training_tokens(%s, 0)$$, :r_id)),
	('negative', format($$SELECT refund_training_tokens(%s, -1)$$, :r_id)),
	('decimals', format($$SELECT refund_training_tokens(%s, 0.5)$$, :r_id)),
	('unknown', $$SELECT refund_training_tokens(0)$$),
	('policy', format($$SELECT refund_training_tokens(%s, 1, 'keep')$$, :r_id)),
	('too much', format($$SELECT refund_training_tokens(%s, 6)$$, :r_id)),
	('key, quantity', format($$SELECT refund_training_tokens(%s, 3, 'reissue', '00000000-0000-4000-8000-000000000006')$$, :r_id)),
	('key, all', format($$SELECT refund_training_tokens(%s, NULL, 'reissue', '00000000-0000-4000-8000-000000000006')$$, :r_id)),
	('key, policy', format($$SELECT refund_training_tokens(%s, 2, 'forfeit', '00000000-0000-4000-8000-000000000006')$$, :r_id)),
	('key, redemption', format($$SELECT refund_training_tokens(%s, 2, 'reissue', '00000000-0000-4000-8000-000000000006')$$, :small_id))
) v(label, statement), regress.refusal(statement) r;
-- the first lot expires: its part is lost, the other part comes back
SELECT regress.token_clock('2023-09-10 23:59:59Z');
SELECT quantity, refunded FROM refund_training_tokens(:r_id, 3);
SELECT * FROM regress.taken(:r_id);
SELECT * FROM regress.lots('tokens-refund');
SELECT quantity, refunded FROM refund_training_tokens(:r_id, 1, 'forfeit');
SELECT * FROM regress.taken(:r_id);
SELECT * FROM regress.lots('tokens-refund');
-- what is left as a new issue, with the default days of the type from today
SELECT quantity, refunded FROM refund_training_tokens(:r_id, if_expired => 'reissue');
SELECT * FROM regress.taken(:r_id);
SELECT initial, current, booked, expires FROM regress.lots('tokens-refund');
SELECT e.operation, e.delta, replace(e.description, :'r_id', 'N') AS description
FROM token_issue i JOIN entry e USING (account_id) WHERE i.party_id = regress.party('tokens-refund') AND i.created_at > '2023-09-10';
SELECT r.code, r.message, r.detail FROM regress.refusal(format($$SELECT refund_training_tokens(%s)$$, :r_id)) r;
SELECT r.code, r.message, r.detail FROM regress.refusal(format($$SELECT refund_training_tokens(%s, 1)$$, :r_id)) r;
SELECT replace(description, :'r_id', 'N') AS description, operation, delta, balance FROM regress.lot_entries('00000000-0000-4000-8000-00000000c003');
-- all of it lost: what is left of the lot expires, and what comes back to it too
SELECT regress.token_clock('2023-10-01 00:00:00Z');
SELECT count(*) AS entries FROM entry \gset before_
SELECT quantity, refunded FROM refund_training_tokens(:small_id);
SELECT count(*) - :before_entries AS new_entries FROM entry;
-- an archived type is not issued again, a living lot of it is refunded to
SET ROLE regress_admin;
SELECT is_archived FROM update_token_type(regress.type('tokens-gold', 'training'), is_archived => true);
SELECT id FROM redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, 'Archived') \gset living_
SELECT quantity, refunded FROM refund_training_tokens(:living_id, if_expired => 'reissue');
SELECT r.code, r.message FROM regress.refusal(format($$SELECT refund_training_tokens(%s, 1, 'reissue')$$, :order_id)) r;
SELECT quantity, refunded FROM refund_training_tokens(:order_id, 1, 'forfeit');
SELECT is_archived FROM update_token_type(regress.type('tokens-gold', 'training'), is_archived => false);
-- a type without default days: the new issue never expires
SELECT quantity, refunded FROM refund_training_tokens(:order_id, 1, 'reissue');
SELECT initial, current, booked, expires FROM regress.lots('tokens-order') WHERE initial = 1;
SELECT is_active FROM update_token_type(regress.type('tokens-gold', 'training'), is_active => false);
SELECT r.code, r.message FROM (VALUES
	(format($$SELECT refund_training_tokens(%s, 1)$$, :order_id)),
	($$SELECT redeem_training_tokens(regress.party('tokens-order'), regress.type('tokens-gold', 'training'), 1, 'x')$$),
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000b001', 1)$$)) v(statement), regress.refusal(statement) r;
SELECT is_active FROM update_token_type(regress.type('tokens-gold', 'training'), is_active => true);

-- the sweep: for admins, so many issues at most, at the time of their expiry
SELECT expire_training_tokens() IS NOT NULL AS swept_before;
SELECT regress.token_clock('2024-01-10 10:00:00Z');
SELECT right(i.id::text, 4) AS lot FROM (VALUES
	('00000000-0000-4000-8000-00000000d001'::uuid, date '2024-01-31'), ('00000000-0000-4000-8000-00000000d002', '2024-01-20'),
	('00000000-0000-4000-8000-00000000d003', '2024-01-25'), ('00000000-0000-4000-8000-00000000d004', NULL),
	('00000000-0000-4000-8000-00000000d005', '2024-01-21')) v(id, day),
	issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-sweep'), 10, v.day, id => v.id) i;
SELECT quantity FROM redeem_training_tokens(regress.party('tokens-sweep'), regress.type('tokens-gold', 'training'), 14, 'x');
SELECT regress.token_clock('2024-01-20 23:59:58Z');
SELECT expire_training_tokens();
SELECT regress.token_clock('2024-02-01 00:00:00Z');
SELECT r.code, r.message, r.detail FROM unnest('{0,-1,NULL}'::text[]) n, regress.refusal(format('SELECT expire_training_tokens(%s)', coalesce(n, 'NULL'))) r;
SET ROLE regress_operator;
SELECT regress.attempt('SELECT expire_training_tokens()');
-- answers are the same before it ran and after
SELECT * FROM regress.lots('tokens-sweep');
SET ROLE regress_admin;
SELECT expire_training_tokens(1);
SELECT * FROM regress.lots('tokens-sweep');
SELECT expire_training_tokens(max_issues => 10);
SELECT expire_training_tokens();
SELECT * FROM regress.lots('tokens-sweep');
SELECT right(lot, 4) AS lot, e.* FROM unnest('{00000000-0000-4000-8000-00000000d002,00000000-0000-4000-8000-00000000d005,00000000-0000-4000-8000-00000000d003,00000000-0000-4000-8000-00000000d001,00000000-0000-4000-8000-00000000d004}'::text[]) lot,
	regress.lot_entries(lot) e WHERE e.operation <> 'issue';
-- nothing lives on once it is swept, wherever the clock is set to
SELECT regress.token_clock('2024-01-20 12:00:00Z');
SELECT r.code FROM (VALUES ($$SELECT extend_training_tokens('00000000-0000-4000-8000-00000000d003', '2024-03-01')$$),
	($$SELECT adjust_training_tokens('00000000-0000-4000-8000-00000000d003', 1)$$)) v(statement), regress.refusal(statement) r;
SELECT regress.token_clock('2024-02-01 00:00:00Z');
-- issues of an inactive type wait until it is active again
SELECT initial_balance FROM issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-sweep'), 3, '2024-02-02', id => '00000000-0000-4000-8000-00000000d006');
SELECT is_active FROM update_token_type(regress.type('tokens-silver', 'training'), is_active => false);
SELECT regress.token_clock('2024-02-03 00:00:00Z');
SELECT expire_training_tokens();
SELECT current_balance, booked_balance FROM token_issue WHERE id = '00000000-0000-4000-8000-00000000d006';
SELECT is_active FROM update_token_type(regress.type('tokens-silver', 'training'), is_active => true);
SELECT expire_training_tokens();

-- no answer depends on the session's time zone
SELECT regress.token_clock('2024-02-28 23:30:00Z');
SELECT i.expires_at AT TIME ZONE 'UTC' AS utc FROM unnest('{UTC,Asia/Kathmandu,America/St_Johns,Pacific/Kiritimati,Pacific/Pago_Pago}'::text[]) zone,
	LATERAL (SELECT set_config('TimeZone', zone, false) OFFSET 0) z,
	LATERAL (SELECT * FROM issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-ann'), 1, '2024-02-29', z.set_config) OFFSET 0) i;
SELECT regress.token_clock('2024-02-29 23:59:58.999999Z');
SELECT set_config('TimeZone', zone, false), (SELECT sum(current_balance) FROM token_issue i WHERE i.party_id = regress.party('tokens-ann') AND i.expires_at < '2024-03-02Z') AS there
FROM unnest('{UTC,Asia/Kathmandu,America/St_Johns,Pacific/Kiritimati,Pacific/Pago_Pago}'::text[]) zone;
SELECT regress.token_clock('2024-02-29 23:59:59Z');
SELECT set_config('TimeZone', zone, false), (SELECT sum(current_balance) FROM token_issue i WHERE i.party_id = regress.party('tokens-ann') AND i.expires_at < '2024-03-02Z') AS there
FROM unnest('{UTC,Asia/Kathmandu,America/St_Johns,Pacific/Kiritimati,Pacific/Pago_Pago}'::text[]) zone;
SET TimeZone = 'UTC';

-- who sees what: a learner its own lots and its organisation's
SET ROLE regress_operator;
SELECT p.quantity FROM unnest('{tokens-order,tokens-org}'::text[]) who,
	redeem_training_tokens(regress.party(who), regress.type('tokens-gold', 'training'), 1, 'x') p;
SET ROLE regress_admin;
SELECT initial_balance FROM issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-ann'), 1, '2030-01-01', id => '00000000-0000-4000-8000-00000000e001');
SELECT expires_at FROM extend_training_tokens('00000000-0000-4000-8000-00000000e001', '2030-01-02');
SELECT initial_balance FROM issue_training_tokens(regress.type('tokens-silver', 'training'), regress.party('tokens-bob'), 1, '2030-01-01', id => '00000000-0000-4000-8000-00000000e002');
SELECT expires_at FROM extend_training_tokens('00000000-0000-4000-8000-00000000e002', '2030-01-02');
SET ROLE regress_reader;
SELECT count(*) > 10 AS issues, count(DISTINCT party_id) >= 6 AS parties FROM token_issue;
SET ROLE regress_learner;
SELECT count(*) AS without_a_party FROM token_issue;
RESET ROLE;
CREATE FUNCTION regress.be(barcode text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$ BEGIN PERFORM set_config('trainledger.party_id', regress.party(barcode)::text, false); END $$;
CREATE FUNCTION regress.names(ids bigint[]) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
AS $$ SELECT string_agg(p.barcode, ', ' ORDER BY p.barcode) FROM trainledger.party p WHERE p.id = ANY (ids) $$;
-- whose rows the caller sees, and how many of its rows belong to nothing it sees
CREATE VIEW regress.visible WITH (security_invoker = true) AS
SELECT regress.names(ARRAY(SELECT DISTINCT party_id FROM token_issue)) AS issues,
	regress.names(ARRAY(SELECT DISTINCT party_id FROM token_account)) AS token_accounts,
	regress.names(ARRAY(SELECT DISTINCT a.party_id FROM account a)) AS accounts,
	regress.names(ARRAY(SELECT DISTINCT a.party_id FROM account a JOIN entry e ON e.account_id = a.id)) AS entries,
	(SELECT count(*) FROM entry e WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = e.account_id)) AS other_entries,
	regress.names(ARRAY(SELECT DISTINCT r.party_id FROM redemption r)) AS redemptions,
	(SELECT count(*) FROM redemption_allocation x WHERE NOT EXISTS (SELECT FROM redemption r WHERE r.id = x.redemption_id)) AS other_allocations,
	(SELECT count(*) FROM token_issue_event v WHERE NOT EXISTS (SELECT FROM token_issue i WHERE i.id = v.issue_id)) AS other_events,
	regress.names(ARRAY(SELECT DISTINCT q.party_id FROM party_request q)) AS requests;
GRANT SELECT ON regress.visible TO regress_learner;
SET ROLE regress_learner;
SELECT regress.be('tokens-ann');
SELECT * FROM regress.visible;
SELECT regress.be('tokens-bob');
SELECT * FROM regress.visible;
-- the organisation itself, a party without anything, and nobody
SELECT regress.be('tokens-org');
SELECT * FROM regress.visible;
SELECT regress.be('tokens-suspended');
SELECT * FROM regress.visible;
SELECT set_config('trainledger.party_id', '', false);
SELECT * FROM regress.visible;
SELECT regress.be('tokens-ann');
-- and calls nothing that writes
SELECT regress.sqlstate(call) FROM unnest(ARRAY[
	$$SELECT issue_training_tokens('8848a3b38adf45db8ff60fafcbd3b3f6', 1, 1)$$, $$SELECT extend_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', '2030-01-01')$$,
	$$SELECT adjust_training_tokens('37e7883d1c9d471fb8eabd4a1138dce8', 1)$$, $$SELECT redeem_training_tokens(1, '8848a3b38adf45db8ff60fafcbd3b3f6', 1, 'x')$$,
	$$SELECT refund_training_tokens(1)$$, $$SELECT expire_training_tokens()$$, $$SELECT trainledger_internal.issue('37e7883d1c9d471fb8eabd4a1138dce8')$$,
	$$UPDATE token_lot SET expires_at = NULL$$, $$DELETE FROM redemption$$]) call;

-- plain SQL, even the owner's, does not touch what the balances hang on
RESET ROLE;
SELECT r.* FROM unnest(ARRAY[
	$$UPDATE account SET balance = 1000 WHERE name IS NULL$$,
	$$UPDATE token_issue SET booked_balance = 1000$$,
	$$UPDATE token_lot SET account_id = 1$$,
	$$UPDATE token_lot SET party_id = 1$$,
	$$DELETE FROM token_lot$$,
	$$TRUNCATE token_lot, redemption_allocation, token_issue_event, hold_allocation$$,
	$$UPDATE redemption SET quantity = 1000$$,
	$$DELETE FROM redemption$$,
	$$UPDATE redemption SET refunded = -1$$,
	$$UPDATE redemption_allocation SET quantity = 1000$$,
	$$UPDATE redemption_allocation SET refunded = 1000000$$,
	$$DELETE FROM redemption_allocation$$,
	$$DELETE FROM token_account$$]) statement, LATERAL (SELECT code, message FROM regress.refusal(statement)) r;
SET session_replication_role = replica;
SELECT r.code FROM unnest(ARRAY[
	$$UPDATE account SET balance = 1000 WHERE name IS NULL$$,
	$$UPDATE token_lot SET account_id = 1$$,
	$$DELETE FROM redemption_allocation$$]) statement, regress.refusal(statement) r;
RESET session_replication_role;

-- one key, one request: of the party, whichever call came first (section 4)
SET ROLE regress_operator;
SELECT barcode FROM add_party('person', 'Keys', barcode => 'tokens-keys');
SELECT balance FROM credit_init(regress.party('tokens-keys'), 5, 's', '', '2023-04-04', 'a', 'tokens-credit', idempotency_key => '00000000-0000-4000-8000-0000000000c1');
SELECT id FROM issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-keys'), 5, idempotency_key => '00000000-0000-4000-8000-0000000000c2') \gset keys_
SELECT current_balance FROM adjust_training_tokens(:'keys_id', 1, idempotency_key => '00000000-0000-4000-8000-0000000000c3');
SELECT balance FROM credit_add(regress.party('tokens-keys'), 5, 's', '', '2023-04-04', 'a', 'tokens-credit', idempotency_key => '00000000-0000-4000-8000-0000000000c4');
SELECT call, k.key, regress.attempt(format(statement, '00000000-0000-4000-8000-0000000000' || k.key)) FROM (VALUES
	(1, 'init', $$SELECT credit_init(regress.party('tokens-keys'), 5, 's', '', '2023-04-04', 'b', 'tokens-credit', idempotency_key => '%s')$$),
	(2, 'issue', $$SELECT issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-keys'), 6, idempotency_key => '%s')$$),
	(3, 'adjust', format($$SELECT adjust_training_tokens(%L, 2, idempotency_key => '%%s')$$, :'keys_id')),
	(4, 'redeem', $$SELECT redeem_training_tokens(regress.party('tokens-keys'), regress.type('tokens-gold', 'training'), 100, 'x', idempotency_key => '%s')$$)
) v(place, call, statement), (VALUES ('c1'), ('c2'), ('c3')) AS k(key) ORDER BY place, k.key;
-- keys of adjustments are the lots' own; two lots may have used one
SELECT (adjust_training_tokens(id, 1, idempotency_key => '00000000-0000-4000-8000-0000000000c3')).current_balance
FROM issue_training_tokens(regress.type('tokens-gold', 'training'), regress.party('tokens-keys'), 5);
SET plpgsql.extra_errors = 'all';
SELECT regress.sqlstate($$SELECT redeem_training_tokens(regress.party('tokens-keys'), regress.type('tokens-gold', 'training'), 1, 'x', idempotency_key => '00000000-0000-4000-8000-0000000000c3')$$);
RESET plpgsql.extra_errors;
-- the accounts of the party have keys of their own
SELECT regress.sqlstate($$SELECT redeem_training_tokens(regress.party('tokens-keys'), regress.type('tokens-gold', 'training'), 1, 'x', idempotency_key => '00000000-0000-4000-8000-0000000000c4')$$) AS issue,
	regress.sqlstate($$SELECT credit_add(regress.party('tokens-keys'), 5, 's', '', '2023-04-04', 'a', 'tokens-credit', idempotency_key => '00000000-0000-4000-8000-0000000000c2')$$) AS add;
RESET ROLE;

-- the books are right
SELECT * FROM reconcile();
SELECT count(*) AS wrong FROM token_issue i
JOIN LATERAL (SELECT sum(e.delta) AS booked FROM entry e WHERE e.account_id = i.account_id) s ON true
WHERE s.booked <> i.booked_balance;
SELECT count(*) AS wrong FROM redemption r
JOIN LATERAL (SELECT sum(x.quantity) AS quantity, sum(x.refunded) AS refunded FROM redemption_allocation x WHERE x.redemption_id = r.id) s ON true
WHERE s.quantity <> r.quantity OR s.refunded <> r.refunded;
SELECT DISTINCT e.source FROM entry e JOIN token_lot l USING (account_id);
RESET trainledger.clock;
RESET trainledger.party_id;
