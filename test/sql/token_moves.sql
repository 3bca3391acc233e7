-- Training tokens: prices, voids, corrections of an expiry, refunds to lots that
-- are over, transfers, and what they come to in token_revenue (contract,
-- sections 8 and 14).
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE FUNCTION regress.moves_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
-- a lot by the last digits of its id, and its entries
CREATE FUNCTION regress.lot(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8000-0000d0' || lpad(n::text, 6, '0'))::uuid $$;
CREATE FUNCTION regress.moved(lot uuid) RETURNS TABLE (
	entry_no bigint, operation operation, delta amount, balance amount,
	description text, recorded_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE
AS $$
	SELECT e.entry_no, e.operation, e.delta, e.balance, regexp_replace(e.description, '\d{3,}', 'N'), e.recorded_at, e.created_at
	FROM trainledger.entry e JOIN trainledger.token_lot l USING (account_id) WHERE l.id = $1 ORDER BY e.entry_no
$$;
SELECT regress.moves_at('2025-01-10 09:00:00Z');
SET ROLE regress_admin;
SELECT name FROM unnest('{moves-gold,moves-silver,moves-old,moves-off}'::text[]) n, add_training_token_type(n, id => md5(n)::uuid);
SELECT name, scale FROM add_training_token_type('moves-hours', scale => 2, default_days_to_redeem => 30, id => md5('moves-hours')::uuid);
SELECT code, minor_units FROM (VALUES ('MOVES2', 2), ('MOVES0', 0), ('MOVES6', 6)) v(c, u), add_currency(c, c, u);
SELECT barcode FROM unnest('{moves-acme,moves-bell,moves-core,moves-dove,moves-sus}'::text[]) b, add_party('organisation', b, barcode => b);
SELECT barcode FROM add_party('person', 'Ann', barcode => 'moves-ann', organisation_id => regress.party('moves-acme'));
SELECT barcode FROM add_party('person', 'Bob', barcode => 'moves-bob', organisation_id => regress.party('moves-bell'));

-- prices: kept as given, with the decimals of the currency and four more
SELECT right(i.id::text, 1) AS lot, i.unit_price, i.currency_code FROM (VALUES
	(1, 99.90, 'MOVES2'), (2, 0.123456, 'MOVES2'), (3, 0, 'MOVES2'), (4, 1.2345, 'MOVES0'), (5, 0.0123456789, 'MOVES6'),
	(6, 9223372036854, 'MOVES0'), (7, 50.000000000, 'MOVES0'), (8, NULL, NULL)) v(n, price, currency),
	issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 10, id => regress.lot(v.n), unit_price => v.price, currency_code => v.currency) i;
SELECT id = regress.lot(1) AS same, unit_price, currency_code FROM token_issue WHERE id = regress.lot(1);
SELECT v.label, r.* FROM (VALUES
	('no currency', '1', 'NULL'), ('no price', 'NULL', $$'MOVES2'$$), ('negative', '-0.01', $$'MOVES2'$$),
	('NaN', $$'NaN'$$, $$'MOVES2'$$), ('infinite', $$'Infinity'$$, $$'MOVES2'$$), ('too much', '9223372036854.01', $$'MOVES2'$$),
	('seven decimals', '0.1234567', $$'MOVES2'$$), ('five decimals', '1.00001', $$'MOVES0'$$),
	('eleven decimals', '0.00000000001', $$'MOVES6'$$), ('unknown currency', '1', $$'MOVES'$$), ('letter case', '1', $$'moves2'$$),
	('unknown currency, decimals', '0.1234567', $$''$$)) v(label, price, currency),
	regress.refusal(format($$SELECT issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 1, unit_price => %s, currency_code => %s)$$, v.price, v.currency)) r;
-- a part of the same request
SELECT unit_price FROM issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 3, idempotency_key => regress.lot(1), unit_price => 12.5, currency_code => 'MOVES2');
SELECT unit_price, initial_balance FROM issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 3, idempotency_key => regress.lot(1), unit_price => 12.500, currency_code => 'MOVES2');
SELECT r.code, r.message FROM (VALUES ('12.51', $$'MOVES2'$$), ('12.5', $$'MOVES0'$$), ('NULL', 'NULL'), ('12.5000001', $$'MOVES2'$$)) v(price, currency),
	regress.refusal(format($$SELECT issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 3, idempotency_key => regress.lot(1), unit_price => %s, currency_code => %s)$$, v.price, v.currency)) r;
SELECT count(*) FROM token_issue WHERE party_id = regress.party('moves-acme');
-- fixed for ever
RESET ROLE;
SELECT r.code, r.message FROM unnest(ARRAY['unit_price = 1', $$currency_code = 'MOVES0'$$, 'unit_price = NULL, currency_code = NULL']) c,
	regress.refusal('UPDATE token_lot SET ' || c) r;
SET session_replication_role = replica;
SELECT r.code FROM regress.refusal('UPDATE token_lot SET unit_price = 1') r;
RESET session_replication_role;
-- extensions and adjustments leave it
SET ROLE regress_operator;
SELECT unit_price, currency_code FROM adjust_training_tokens(regress.lot(1), 5);
SELECT unit_price, currency_code FROM trainledger_api.adjust_training_tokens(regress.lot(1), -5);

-- void: whatever is left at that moment, to the last decimal
SET ROLE regress_admin;
SELECT right(id::text, 2) AS lot FROM (VALUES (11, 1.1, '2025-03-31'::date), (12, 5, '2025-12-31'), (13, 7.25, '2025-01-31')) v(n, q, day),
	issue_training_tokens(md5('moves-hours')::uuid, regress.party('moves-bell'), v.q, v.day, id => regress.lot(v.n), unit_price => 10, currency_code => 'MOVES2');
SET ROLE regress_operator;
-- the reported case: a stale figure is refused, a void is not
SELECT quantity FROM redeem_training_tokens(regress.party('moves-bell'), md5('moves-hours')::uuid, 7.35, 'Course');
SELECT code, message FROM regress.refusal($$SELECT adjust_training_tokens(regress.lot(11), -1.1)$$);
SELECT initial_balance, current_balance, booked_balance, unit_price FROM void_training_tokens(regress.lot(11), 'Sold by mistake', regress.lot(1));
SELECT * FROM regress.moved(regress.lot(11));
-- again: with its key nothing new, without nothing is left, another request
SELECT current_balance FROM void_training_tokens(regress.lot(11), 'Sold by mistake', regress.lot(1));
SELECT r.* FROM unnest(ARRAY[
	$$SELECT void_training_tokens(regress.lot(11))$$, $$SELECT void_training_tokens(regress.lot(13))$$,
	$$SELECT void_training_tokens(regress.lot(11), '', regress.lot(1))$$, $$SELECT void_training_tokens(regress.lot(12), 'Sold by mistake', regress.lot(1))$$,
	$$SELECT adjust_training_tokens(regress.lot(12), -1, 'Sold by mistake', regress.lot(1))$$,
	$$SELECT void_training_tokens(NULL)$$, $$SELECT void_training_tokens(regress.lot(99))$$,
	$$SELECT void_training_tokens(regress.lot(12), repeat('x', 8193))$$]) c, regress.refusal(c) r;
SELECT current_balance FROM adjust_training_tokens(regress.lot(12), -1, '', regress.lot(2));
SELECT regress.sqlstate($$SELECT void_training_tokens(regress.lot(12), '', regress.lot(2))$$);
-- a voided lot lives on: it can be adjusted, and a replay still changes nothing
SELECT current_balance FROM adjust_training_tokens(regress.lot(11), 2);
SELECT current_balance FROM void_training_tokens(regress.lot(11), 'Sold by mistake', regress.lot(1));
-- a refused call keeps no key; a suspended party's lot can be voided, an inactive type's and an expired one cannot
SET ROLE regress_admin;
SELECT is_active FROM update_token_type(md5('moves-hours')::uuid, is_active => false);
SELECT regress.attempt($$SELECT void_training_tokens(regress.lot(12), '', regress.lot(3))$$);
SELECT is_active FROM update_token_type(md5('moves-hours')::uuid, is_active => true);
SELECT is_suspended FROM update_party(regress.party('moves-bell'), is_suspended => true);
SELECT current_balance FROM void_training_tokens(regress.lot(12), '', regress.lot(3));
SELECT is_suspended FROM update_party(regress.party('moves-bell'), is_suspended => false);
SELECT regress.moves_at('2025-03-31 23:59:59Z');
SELECT code, message, detail FROM regress.refusal($$SELECT void_training_tokens(regress.lot(11))$$);
SELECT current_balance, booked_balance FROM void_training_tokens(regress.lot(11), 'Sold by mistake', regress.lot(1));

-- correct an expiry, in both directions, to never and back
SELECT regress.moves_at('2025-04-10 09:00:00Z');
SELECT right(id::text, 2) AS lot, expires_at FROM (VALUES (21, '2026-04-10'::date), (22, NULL), (23, '2025-04-12')) v(n, day),
	issue_training_tokens(md5('moves-gold')::uuid, regress.party('moves-core'), 10, v.day, id => regress.lot(v.n));
-- the reported case: a year too many
SELECT expires_at, current_balance FROM set_training_tokens_expiry(regress.lot(21), '2025-05-10', 'Typed 2026');
SELECT expires_at FROM set_training_tokens_expiry(regress.lot(21), '2025-06-10', 'A month more');
SELECT expires_at FROM set_training_tokens_expiry(regress.lot(21), NULL, 'Never after all');
SELECT expires_at FROM set_training_tokens_expiry(regress.lot(21), '2025-04-10', 'Today');
SELECT expires_at FROM set_training_tokens_expiry(regress.lot(22), '2025-04-11', 'Not for ever');
-- the same again changes nothing
SELECT expires_at FROM set_training_tokens_expiry(regress.lot(22), '2025-04-11', 'Not for ever');
SELECT right(issue_id::text, 2) AS lot, old_expires_at, new_expires_at, reason, changed_by, created_at FROM token_issue_event
WHERE issue_id IN (regress.lot(21), regress.lot(22)) ORDER BY issue_id, id;
SELECT expires_at FROM extend_training_tokens(regress.lot(23), '2025-04-13');
SELECT reason FROM token_issue_event WHERE issue_id = regress.lot(23);
-- it is drawn from in its new order
SELECT id FROM redeem_training_tokens(regress.party('moves-core'), md5('moves-gold')::uuid, 15, 'Order') \gset core_
SELECT right(issue_id::text, 2) AS lot, quantity FROM redemption_allocation WHERE redemption_id = :core_id ORDER BY ordinal;
SELECT c, r.* FROM unnest(ARRAY[
	$$NULL, '2025-05-10', 'r'$$, $$regress.lot(99), '2025-05-10', 'r'$$, $$regress.lot(22), '2025-05-10', NULL$$, $$regress.lot(22), '2025-05-10', ''$$,
	$$regress.lot(22), '2025-05-10', E' \t'$$, $$regress.lot(22), '2025-05-10', repeat('x', 8193)$$, $$regress.lot(22), 'infinity', 'r'$$,
	$$regress.lot(22), '10000-01-01', 'r'$$, $$regress.lot(22), '294277-01-01', 'r'$$, $$regress.lot(22), '5874897-12-31', 'r'$$, $$NULL, '5874897-12-31', 'r'$$,
	$$regress.lot(22), '4714-11-24 BC', 'r'$$, $$regress.lot(22), '2025-04-09', 'r'$$, $$regress.lot(11), '2025-05-10', 'r'$$, $$regress.lot(11), NULL, 'r'$$]) c,
	regress.refusal('SELECT set_training_tokens_expiry(' || c || ')') r;
-- not before the last entry, also where the clock was set back
SELECT regress.moves_at('2025-04-08 09:00:00Z');
SELECT code, message, detail FROM regress.refusal($$SELECT set_training_tokens_expiry(regress.lot(23), '2025-04-09', 'r')$$);
SELECT expires_at FROM set_training_tokens_expiry(regress.lot(23), '2025-04-10', 'r');
-- a suspended party's lot is shortened only; an inactive or archived type does not matter
SELECT regress.moves_at('2025-04-10 10:00:00Z');
SELECT is_suspended FROM update_party(regress.party('moves-core'), is_suspended => true);
SELECT is_active, is_archived FROM update_token_type(md5('moves-gold')::uuid, is_active => false, is_archived => true);
SELECT regress.attempt($$SELECT set_training_tokens_expiry(regress.lot(22), $$ || d || $$, 'r')$$) FROM unnest('{"NULL",''2025-04-12'',''2025-04-10''}'::text[]) d;
SELECT is_active, is_archived FROM update_token_type(md5('moves-gold')::uuid, is_active => true, is_archived => false);
SELECT is_suspended FROM update_party(regress.party('moves-core'), is_suspended => false);
-- over is over: expired, and swept whatever the clock says
SELECT regress.moves_at('2025-04-10 23:59:59Z');
SELECT regress.attempt($$SELECT set_training_tokens_expiry(regress.lot(22), '2025-05-10', 'r')$$);
SELECT expire_training_tokens() > 0 AS swept;
SELECT regress.moves_at('2025-04-10 12:00:00Z');
SELECT regress.attempt($$SELECT set_training_tokens_expiry(regress.lot(23), '2025-05-10', 'r')$$);
SET ROLE regress_operator;
SELECT regress.attempt($$SELECT set_training_tokens_expiry(regress.lot(22), '2025-05-10', 'r')$$);
SET ROLE regress_admin;

-- refund to a lot that is over: booked there and then, swept or not
SELECT regress.moves_at('2025-05-01 09:00:00Z');
SELECT right(id::text, 2) AS lot, expires_at FROM (VALUES (31, 10, '2025-05-31'::date, 2.5), (32, 4, '2025-06-30', 3), (33, 9, '2025-07-31', NULL)) v(n, q, day, price),
	issue_training_tokens(md5('moves-hours')::uuid, regress.party('moves-dove'), v.q, v.day, id => regress.lot(v.n), unit_price => v.price,
		currency_code => CASE WHEN v.price IS NOT NULL THEN 'MOVES2' END);
SET ROLE regress_operator;
SELECT id FROM redeem_training_tokens(regress.party('moves-dove'), md5('moves-hours')::uuid, 6, 'First') \gset first_
SELECT id FROM redeem_training_tokens(regress.party('moves-dove'), md5('moves-hours')::uuid, 11, 'Second') \gset second_
SELECT right(issue_id::text, 2) AS lot, quantity FROM redemption_allocation WHERE redemption_id = :second_id ORDER BY ordinal;
SELECT refunded FROM refund_training_tokens(:first_id, 1);
-- the first lot is over with 1 left on it, which no sweep has booked off
SELECT regress.moves_at('2025-06-02 09:00:00Z');
SELECT refunded FROM refund_training_tokens(:first_id, 2);
SELECT * FROM regress.moved(regress.lot(31));
SELECT current_balance, booked_balance FROM token_issue WHERE id = regress.lot(31);
SET ROLE regress_admin;
SELECT expire_training_tokens() >= 0 AS swept;
SET ROLE regress_operator;
SELECT max(entry_no) AS nothing_to_sweep FROM regress.moved(regress.lot(31));
-- two lots are over, one is not; one new issue for each that is, at its price
SELECT regress.moves_at('2025-07-02 09:00:00Z');
SELECT refunded FROM refund_training_tokens(:second_id, 10, 'reissue', regress.lot(31));
SELECT right(issue_id::text, 2) AS lot, quantity, refunded FROM redemption_allocation WHERE redemption_id = :second_id ORDER BY ordinal;
SELECT l.initial_balance, l.current_balance, l.unit_price, l.currency_code, l.expires_at, right(t.reissue_of::text, 2) AS instead_of, e.operation, e.description ~ 'Refund' AS refund
FROM token_issue l JOIN token_lot t USING (id) JOIN entry e ON e.account_id = l.account_id
WHERE l.party_id = regress.party('moves-dove') AND t.reissue_of IS NOT NULL ORDER BY t.reissue_of;
SELECT right(l.n::text, 2) AS lot, m.* FROM (VALUES (31), (32), (33)) l(n), regress.moved(regress.lot(l.n)) m WHERE m.created_at > '2025-07-01Z';
SELECT refunded FROM refund_training_tokens(:second_id, 10, 'reissue', regress.lot(31));
SELECT count(*) FROM token_issue WHERE party_id = regress.party('moves-dove');
-- a suspended party: what is lost is no gain, what comes back is; an archived type issues nothing anew
SET ROLE regress_admin;
SELECT id FROM redeem_training_tokens(regress.party('moves-dove'), md5('moves-hours')::uuid, 3, 'Third') \gset third_
SELECT is_suspended FROM update_party(regress.party('moves-dove'), is_suspended => true);
SELECT regress.attempt(format('SELECT refund_training_tokens(%s, 1)', :third_id)) AS living, regress.attempt(format($$SELECT refund_training_tokens(%s, 1, 'reissue')$$, :first_id)) AS anew;
SELECT refunded FROM refund_training_tokens(:first_id, 1);
SELECT is_suspended FROM update_party(regress.party('moves-dove'), is_suspended => false);
SELECT is_archived FROM update_token_type(md5('moves-hours')::uuid, is_archived => true);
SELECT regress.attempt(format($$SELECT refund_training_tokens(%s, 1, 'reissue')$$, :first_id)) AS anew;
SELECT refunded FROM refund_training_tokens(:first_id, 1);
SELECT is_archived FROM update_token_type(md5('moves-hours')::uuid, is_archived => false);
SELECT * FROM reconcile() LIMIT 3;
-- every refund of a redemption is an entry
SELECT count(*) AS differing FROM (SELECT FROM redemption_allocation x JOIN token_lot l ON l.id = x.issue_id
	WHERE l.party_id = regress.party('moves-dove') GROUP BY l.id, l.account_id
	HAVING sum(x.refunded::numeric) <> coalesce((SELECT sum(e.delta::numeric) FROM entry e WHERE e.account_id = l.account_id AND e.operation = 'refund'), 0)) d;
SELECT * FROM token_liability WHERE token_type = 'moves-hours' ORDER BY month;

-- transfer: soonest expiry first, from several lots, with their prices
SELECT regress.moves_at('2025-08-01 09:00:00Z');
SELECT right(id::text, 2) AS lot FROM (VALUES (41, 3, '2025-09-30'::date, 7.77), (42, 3, '2025-08-31', 1), (43, 3, NULL, NULL)) v(n, q, day, price),
	issue_training_tokens(md5('moves-gold')::uuid, regress.party('moves-acme'), v.q, v.day, id => regress.lot(v.n), unit_price => v.price,
		currency_code => CASE WHEN v.price IS NOT NULL THEN 'MOVES2' END);
SET ROLE regress_operator;
SELECT party_id = regress.party('moves-ann') AS receiver, initial_balance, current_balance, expires_at, unit_price, currency_code
FROM transfer_training_tokens(regress.party('moves-acme'), regress.party('moves-ann'), md5('moves-gold')::uuid, 7, 'For Ann', regress.lot(41));
-- both sides, one booking, each with the other's account
SELECT p.barcode, e.operation, e.delta, e.balance, e.description, e.source, q.barcode AS other, o.delta AS others
FROM entry e JOIN account a ON a.id = e.account_id JOIN party p ON p.id = a.party_id
JOIN account b ON b.id = e.other_account_id JOIN party q ON q.id = b.party_id
JOIN entry o ON o.account_id = b.id AND o.other_account_id = a.id AND o.booking_no = e.booking_no
WHERE a.token_type_id = md5('moves-gold')::uuid AND e.operation = 'transfer' ORDER BY e.delta, e.balance, p.barcode;
SELECT count(DISTINCT booking_no) AS bookings FROM entry e JOIN account a ON a.id = e.account_id
WHERE a.token_type_id = md5('moves-gold')::uuid AND e.operation = 'transfer';
SELECT right(id::text, 2) AS lot, current_balance FROM token_issue WHERE id IN (regress.lot(41), regress.lot(42), regress.lot(43)) ORDER BY id;
-- the key: the same lots, as they are now
SELECT quantity FROM redeem_training_tokens(regress.party('moves-ann'), md5('moves-gold')::uuid, 4, 'Ann''s');
SELECT initial_balance, current_balance, expires_at FROM transfer_training_tokens(regress.party('moves-acme'), regress.party('moves-ann'), md5('moves-gold')::uuid, 7.0, 'For Ann', regress.lot(41));
SELECT count(*) FROM token_issue WHERE party_id = regress.party('moves-ann');
SELECT v.label, r.code, r.message FROM (VALUES
	('to', 'moves-acme', 'moves-bob', 'moves-gold', '7', 'For Ann'), ('type', 'moves-acme', 'moves-ann', 'moves-silver', '7', 'For Ann'),
	('quantity', 'moves-acme', 'moves-ann', 'moves-gold', '1', 'For Ann'), ('notes', 'moves-acme', 'moves-ann', 'moves-gold', '7', ''),
	('decimals', 'moves-acme', 'moves-ann', 'moves-gold', '7.5', 'For Ann')) v(label, a, b, type, q, notes),
	regress.refusal(format('SELECT transfer_training_tokens(%s, %s, %L, %s, %L, %L)', regress.party(a), regress.party(b), md5(type)::uuid, q, notes, regress.lot(41))) r;
-- the key is the giver's: the receiver may use it for something else
SELECT regress.sqlstate(format('SELECT issue_training_tokens(%L, %s, 1, idempotency_key => %L)', md5('moves-gold')::uuid, regress.party('moves-acme'), regress.lot(41))) AS giver,
	regress.sqlstate(format('SELECT issue_training_tokens(%L, %s, 1, idempotency_key => %L)', md5('moves-gold')::uuid, regress.party('moves-ann'), regress.lot(41))) AS receiver;
SELECT v.label, r.* FROM (VALUES
	('no giver', 'none', 'moves-ann', 'moves-gold', '1'), ('no receiver', 'moves-acme', 'none', 'moves-gold', '1'), ('no quantity', 'moves-acme', 'moves-ann', 'moves-gold', 'NULL'),
	('zero', 'moves-acme', 'moves-ann', 'moves-gold', '0'), ('negative', 'moves-acme', 'moves-ann', 'moves-gold', '-1'), ('NaN', 'moves-acme', 'moves-ann', 'moves-gold', $$'NaN'$$),
	('decimals', 'moves-acme', 'moves-ann', 'moves-gold', '0.5'), ('more than there is', 'moves-acme', 'moves-ann', 'moves-gold', '3'),
	('nothing at all', 'moves-sus', 'moves-ann', 'moves-gold', '1'), ('no such type', 'moves-acme', 'moves-ann', 'credit', '1')) v(label, a, b, type, q),
	regress.refusal(format('SELECT transfer_training_tokens(%s, %s, %L, %s)', coalesce(regress.party(a)::text, 'NULL'), coalesce(regress.party(b)::text, 'NULL'), md5(type)::uuid, q)) r;
SELECT code, message FROM regress.refusal($$SELECT transfer_training_tokens(regress.party('moves-acme'), regress.party('moves-acme'), md5('none')::uuid, 1)$$);
-- the last token, and a party that had none of the type
SELECT initial_balance, expires_at FROM transfer_training_tokens(regress.party('moves-acme'), regress.party('moves-sus'), md5('moves-gold')::uuid, 2);
-- and back: a lot that came with a transfer goes on with it
SELECT initial_balance, expires_at FROM transfer_training_tokens(regress.party('moves-sus'), regress.party('moves-acme'), md5('moves-gold')::uuid, 2);
-- expired lots give nothing, and suspension, archive and inactive types are as for issuing
SELECT initial_balance FROM issue_training_tokens(md5('moves-gold')::uuid, regress.party('moves-ann'), 5, '2025-08-30');
SELECT regress.moves_at('2025-08-31 23:59:59Z');
SELECT initial_balance, unit_price, expires_at FROM transfer_training_tokens(regress.party('moves-ann'), regress.party('moves-bell'), md5('moves-gold')::uuid, 1);
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(regress.party('moves-sus'), is_suspended => true);
SELECT is_suspended FROM update_party(regress.party('moves-acme'), is_suspended => true);
SELECT initial_balance FROM transfer_training_tokens(regress.party('moves-acme'), regress.party('moves-bell'), md5('moves-gold')::uuid, 1);
SELECT code, message, hint FROM regress.refusal(format('SELECT transfer_training_tokens(%s, %s, %L, 1)', regress.party('moves-bell'), regress.party('moves-sus'), md5('moves-gold')::uuid));
SELECT is_suspended FROM update_party(regress.party('moves-acme'), is_suspended => false);
SELECT is_archived FROM update_token_type(md5('moves-gold')::uuid, is_archived => true);
SELECT regress.attempt(format('SELECT transfer_training_tokens(%s, %s, %L, 1)', regress.party('moves-bell'), regress.party('moves-ann'), md5('moves-gold')::uuid));
SELECT is_active, is_archived FROM update_token_type(md5('moves-gold')::uuid, is_active => false, is_archived => false);
SELECT regress.attempt(format('SELECT transfer_training_tokens(%s, %s, %L, 1)', regress.party('moves-bell'), regress.party('moves-ann'), md5('moves-gold')::uuid));
SELECT is_active FROM update_token_type(md5('moves-gold')::uuid, is_active => true);
-- over REST: rows of the collection; nothing for lower levels
SET ROLE regress_operator;
SELECT left(global_id, 8) AS global_id, initial_balance, unit_price FROM trainledger_api.transfer_training_tokens(regress.party('moves-bell'), regress.party('moves-ann'), md5('moves-gold')::uuid, 1);
SET ROLE regress_reader;
SELECT regress.sqlstate(c) FROM unnest('{"SELECT transfer_training_tokens(1, 2, NULL, 1)","SELECT void_training_tokens(NULL)"}'::text[]) c;

-- token_revenue: half a year of one type, by hand
SELECT regress.moves_at('2026-01-05 09:00:00Z');
SET ROLE regress_admin;
SELECT name FROM add_training_token_type('moves-revenue', default_days_to_redeem => 60, id => md5('moves-revenue')::uuid);
SELECT right(id::text, 2) AS lot FROM (VALUES (51, 10, '2026-02-28'::date, 9.99, 'MOVES2'), (52, 10, '2026-12-31', 8.005, 'MOVES2'), (53, 5, '2026-06-30', 100, 'MOVES0'), (54, 99, NULL, NULL, NULL)) v(n, q, day, price, c),
	issue_training_tokens(md5('moves-revenue')::uuid, regress.party('moves-acme'), v.q, v.day, id => regress.lot(v.n), unit_price => v.price, currency_code => v.c);
SELECT id FROM redeem_training_tokens(regress.party('moves-acme'), md5('moves-revenue')::uuid, 6, 'January') \gset january_
SELECT current_balance FROM adjust_training_tokens(regress.lot(52), 2, 'Gift');
SELECT regress.moves_at('2026-02-10 09:00:00Z');
SELECT initial_balance, unit_price FROM transfer_training_tokens(regress.party('moves-acme'), regress.party('moves-bob'), md5('moves-revenue')::uuid, 1);
SELECT regress.moves_at('2026-04-01 00:00:00Z');
-- lot 51 was over with 3, and Bob's with 1: breakage of February
SELECT refunded FROM refund_training_tokens(:january_id, 2, 'forfeit');
SELECT refunded FROM refund_training_tokens(:january_id, 1, 'reissue');
SELECT current_balance FROM void_training_tokens(regress.lot(53));
SELECT regress.moves_at('2026-07-15 09:00:00Z');
SET ROLE regress_reader;
SELECT * FROM token_revenue WHERE token_type = 'moves-revenue' ORDER BY currency, month;
CREATE TEMPORARY TABLE unswept_revenue AS SELECT * FROM token_revenue;
SET ROLE regress_admin;
SELECT expire_training_tokens() > 0 AS swept;
SET ROLE regress_reader;
SET TimeZone = 'Pacific/Auckland';
SELECT count(*) AS differing FROM (TABLE unswept_revenue EXCEPT ALL SELECT * FROM token_revenue) d;
SET TimeZone = 'UTC';
-- the equation, in every month of every type; each month opens as the last one closed
SELECT count(*) > 50 AS months, count(*) FILTER (WHERE deferred_opening + sold + adjusted - earned - breakage <> deferred_closing) AS wrong FROM token_revenue;
SELECT count(*) AS wrong FROM (SELECT deferred_opening <> lag(deferred_closing, 1, 0::numeric) OVER (PARTITION BY token_type, currency ORDER BY month) AS is_wrong FROM token_revenue) d WHERE is_wrong;
-- what is deferred is what is left, at its price
SELECT count(*) AS differing FROM (
	(SELECT token_type, currency, deferred_closing FROM token_revenue WHERE month = '2026-07-01')
	EXCEPT SELECT y.name, i.currency_code, trim_scale(sum(i.current_balance::numeric * i.unit_price)) FROM token_issue i JOIN token_type y ON y.id = i.token_type_id WHERE i.unit_price IS NOT NULL GROUP BY 1, 2) d;
-- a learner's: what came with a transfer is adjusted there, and the equation holds
RESET ROLE;
CREATE FUNCTION regress.moves_be(barcode text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$ BEGIN PERFORM set_config('trainledger.party_id', coalesce(regress.party(barcode)::text, ''), false); END $$;
SET ROLE regress_learner;
SELECT regress.moves_be('moves-bob');
SELECT * FROM token_revenue WHERE token_type = 'moves-revenue' ORDER BY currency, month;
SELECT regress.moves_be('none');
SELECT count(*) FROM token_revenue;
SET ROLE regress_nobody;
SELECT regress.sqlstate('SELECT FROM trainledger.token_revenue');
RESET ROLE;
