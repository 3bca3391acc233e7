-- Holds (contract, section 16): tokens kept back until they are taken or let go,
-- and why a balance is what it is.
\pset format unaligned
\pset null (null)
BEGIN;
SET LOCAL trainledger.clock = '2026-01-01 12:00Z';
SET LOCAL search_path = trainledger, public;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
CREATE FUNCTION pg_temp.id(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT ('16000000-0000-4000-8000-' || lpad($1::text, 12, '0'))::uuid $$;
GRANT CREATE ON SCHEMA regress TO regress_admin;
SELECT count(add_party('person', name, id => id)) FROM (VALUES (1600001, 'Ann'), (1600002, 'Bob')) p(id, name);
SELECT count(add_credit_token_type(name, lower_bound => bound, id => id)) FROM (VALUES ('holds', 0, pg_temp.id(1)), ('holds below', -5, pg_temp.id(2)), ('holds free', NULL, pg_temp.id(3))) t(name, bound, id);
SELECT count(add_training_token_type('holds', id => pg_temp.id(4), scale => 2));
SELECT count(credit_init(1600001, 10, 'till', 'open', '2026-01-01Z', token_type => t)) FROM unnest('{holds,holds below,holds free}'::text[]) t;
-- what an account has, by every way that says so
CREATE VIEW regress.holds_account AS
SELECT t.name AS type, a.balance AS booked, b.held, available_balance(a.id) AS available, b.available AS in_balances,
	c.held AS over_rest, c.available_balance AS available_over_rest
FROM account a JOIN token_type t ON t.id = a.token_type_id
JOIN balances b ON b.party_id = a.party_id AND b.token_type = t.name AND b.kind = 'credit'
JOIN trainledger_api.credit_accounts c ON c.id = a.id
WHERE a.party_id = 1600001 ORDER BY 1;

-- A hold on a credit account counts at once, and books no entry
SELECT quantity, captured, released, reference, notes, source, device, expires_at, created_at, placed_by, status
FROM credit_hold(1600001, 3.999, 'till', 'beer', token_type => 'holds', rounding => 'ceil', device => 'id:7', idempotency_key => pg_temp.id(20));
SELECT * FROM regress.holds_account;
SELECT id AS hold FROM hold WHERE party_id = 1600001 \gset
SELECT id, quantity FROM credit_hold(1600001, 4, 'till', 'beer', token_type => 'holds', device => 'id:7', idempotency_key => pg_temp.id(20)) WHERE id <> :hold;
SELECT regress.sqlstate($$SELECT trainledger.credit_hold(1600001, 5, 'till', 'beer', token_type => 'holds', device => 'id:7', idempotency_key => pg_temp.id(20))$$);
SELECT r.* FROM unnest(ARRAY[
	$$trainledger.credit_subtract(1600001, 7, 's', 'd', '2026-01-01Z', token_type => 'holds')$$,
	$$trainledger.credit_hold(1600001, 7, 's', 'd', token_type => 'holds')$$,
	$$trainledger.credit_hold(1600001, 15.01, 's', 'd', token_type => 'holds below')$$,
	$$trainledger.post((SELECT a.id FROM trainledger_internal.credit_account(1600001, 'default', 'holds') a), 'adjust', -7, 's')$$]) call,
	LATERAL (SELECT f.code, f.detail, f.hint FROM regress.refusal('SELECT ' || call) f) r;
-- what rounds to more than an amount can hold, or to what it just can
SELECT a.call, r.* FROM unnest(ARRAY['9223372036854.775807', '9223372036854.775807, rounding => ''floor''', '9223372036854.775', '9223372036854.775, rounding => ''half_even''', '9223372036854.785, rounding => ''floor''']) WITH ORDINALITY a(call, n),
	unnest('{"",", idempotency_key => pg_temp.id(29)"}'::text[]) k,
	regress.refusal(format('SELECT trainledger.credit_hold(1600001, source => ''s'', description => ''d'', token_type => ''holds'', amount => %s%s)', a.call, k)) r ORDER BY a.n, k;
SELECT refusal, detail FROM why_not(1600001, (SELECT id FROM token_type WHERE kind = 'credit' AND name = 'holds'), 9223372036854.775807);
-- nor more in all than an amount can hold, where nothing bounds the balance
SAVEPOINT free;
SELECT quantity FROM credit_hold(1600001, 9223372036854, 'till', 'all', token_type => 'holds free');
SELECT regress.sqlstate($$SELECT trainledger.credit_hold(1600001, 1, 'till', 'more', token_type => 'holds free')$$);
SELECT quantity FROM credit_hold(1600001, 0.5, 'till', 'the rest', token_type => 'holds free');
ROLLBACK TO free;
SELECT balance FROM credit_subtract(1600001, 6, 'till', 'all that is left', '2026-01-01Z', token_type => 'holds');
SELECT count(credit_hold(1600001, 12, 's', 'd', token_type => 'holds free')), count(credit_hold(1600001, 15, 's', 'd', token_type => 'holds below'));
SELECT * FROM regress.holds_account;

-- Captured in parts, with the hold's source and device, and its notes or those
-- of the call; a final capture lets the rest go
SELECT captured, released, status FROM capture_hold(:hold, 1, false, idempotency_key => pg_temp.id(21));
SELECT captured, released, status FROM capture_hold(:hold, 1, false, idempotency_key => pg_temp.id(21));
SELECT r.* FROM unnest(ARRAY['3.01', '0', '-1', '0.001']) q, LATERAL (SELECT q, f.code, f.message, f.detail FROM regress.refusal(format('SELECT trainledger.capture_hold(%s, %s)', :hold, q)) f) r;
SELECT captured, released, status FROM capture_hold(:hold, 2, notes => 'two more');
SELECT r.* FROM unnest('{capture_hold,release_hold}'::text[]) c, LATERAL (SELECT c, f.code, f.message, f.detail FROM regress.refusal(format('SELECT trainledger.%s(%s)', c, :hold)) f) r;
SELECT captured, status FROM capture_hold(:hold, 1, false, idempotency_key => pg_temp.id(21));
SELECT e.operation, e.delta, e.balance, e.source, e.description, e.device FROM credit_history(1600001, token_type => 'holds') e;
SELECT v.event, v.quantity, v.account_id IS NOT NULL AS on_account, v.entry_no, v.notes, v.changed_by FROM hold_event v WHERE v.hold_id = :hold ORDER BY v.id;
SELECT * FROM regress.holds_account WHERE type = 'holds';
-- in the documents a capture reads as a subtraction, and what is held is refused
-- by them too
SELECT h->>'operation' AS operation, h->>'amount' AS amount FROM trainledger_api.credit_token_history('default', 'id', '1600001', 'holds') d, json_array_elements(d->'history') h LIMIT 2;
SELECT trainledger_api.credit_token_transaction_subtract('{"delegate_id": 1600001, "amount": 6, "source": "s", "description": "d", "recordedAt": 1, "tokenType": "holds below"}')->'errorCode' AS refused;
SELECT subtracted FROM credit_liability WHERE token_type = 'holds';
-- exempt from bounds: what was held was granted
SELECT id AS hold FROM credit_hold(1600001, 1, 's', 'd', token_type => 'holds') \gset
SELECT upper_inc(bounds) FROM update_token_type(pg_temp.id(1), lower_bound => 5);
SELECT status FROM capture_hold(:hold);
SELECT count(update_token_type(pg_temp.id(1), lower_bound => 0));

-- Over at its end, to the microsecond, whether it was swept or not
SELECT count(credit_add(1600001, 10, 's', 'd', '2026-01-01Z', token_type => 'holds'));
SELECT id AS hold, expires_at FROM credit_hold(1600001, 10, 's', 'd', '2026-01-02Z', token_type => 'holds') \gset
SET LOCAL trainledger.clock = '2026-01-01 23:59:59.999999Z';
SELECT regress.sqlstate($$SELECT trainledger.credit_subtract(1600001, 1, 's', 'd', '2026-01-01Z', token_type => 'holds')$$), status FROM hold WHERE id = :hold;
SET LOCAL trainledger.clock = '2026-01-02Z';
SELECT status FROM hold WHERE id = :hold;
SELECT * FROM regress.holds_account WHERE type = 'holds';
SELECT r.* FROM unnest(ARRAY['capture_hold(%s)', 'release_hold(%s)', 'extend_hold(%s, ''2026-02-01Z'')']) c, LATERAL (SELECT f.code, f.message, f.detail FROM regress.refusal(format('SELECT trainledger.' || c, :hold)) f) r;
SELECT ordinal, balance, refusal FROM post_batch(ARRAY(SELECT account_id FROM hold h, generate_series(1, 2) WHERE h.id = :hold), '{-9,-9}', 's', skip_refused => true);
SELECT balance, held FROM account a JOIN hold h ON h.account_id = a.id WHERE h.id = :hold;
SELECT lapse_holds(1), lapse_holds(), lapse_holds();
SELECT balance, held FROM account a JOIN hold h ON h.account_id = a.id WHERE h.id = :hold;
SELECT v.event, v.quantity FROM hold_event v WHERE v.hold_id = :hold ORDER BY v.id;
-- a posting by a statement that began before, and had to wait, sees the later of
-- now and the last entry
SELECT id AS hold FROM credit_hold(1600001, 1, 's', 'd', '2026-01-03Z', token_type => 'holds') \gset
SET LOCAL trainledger.clock = '2026-01-03Z';
SELECT balance FROM credit_add(1600001, 1, 's', 'd', '2026-01-03Z', token_type => 'holds');
SET LOCAL trainledger.clock = '2026-01-02 12:00Z';
SELECT regress.sqlstate(format('SELECT trainledger.capture_hold(%s)', :hold));
SELECT balance FROM credit_subtract(1600001, 2, 's', 'd', '2026-01-03Z', token_type => 'holds');

-- Training tokens: kept back by lots, soonest expiry first
SET LOCAL trainledger.clock = '2026-02-01Z';
SELECT count(issue_training_tokens(pg_temp.id(4), 1600001, 5, d, id => pg_temp.id(n), unit_price => 2, currency_code => 'EUR'))
FROM (SELECT add_currency('EUR', 'Euro')) c, (VALUES ('2026-02-28'::date, 31), ('2026-03-31', 32), (NULL, 33)) l(d, n);
CREATE VIEW regress.holds_lot AS
SELECT right(id::text, 2) AS lot, booked_balance, current_balance, held, available_balance FROM token_issue WHERE party_id = 1600001 ORDER BY 1;
SELECT account_id, quantity, reference, notes, source, status FROM hold_training_tokens(1600001, pg_temp.id(4), 8, 'course 7', '2026-03-15Z', 'front row');
SELECT id AS hold FROM hold WHERE reference = 'course 7' \gset
SELECT right(issue_id::text, 2) AS lot, quantity FROM hold_allocation WHERE hold_id = :hold ORDER BY ordinal;
SELECT * FROM regress.holds_lot;
SELECT available_tokens(1600001, pg_temp.id(4));
SELECT r.* FROM unnest(ARRAY[
	format('redeem_training_tokens(1600001, %L, 8, ''r'')', pg_temp.id(4)),
	format('hold_training_tokens(1600001, %L, 7.01, ''r'')', pg_temp.id(4)),
	format('transfer_training_tokens(1600001, 1600002, %L, 8)', pg_temp.id(4)),
	format('adjust_training_tokens(%L, -0.01)', pg_temp.id(31)),
	format('void_training_tokens(%L)', pg_temp.id(31))]) c,
	LATERAL (SELECT f.code, f.detail FROM regress.refusal('SELECT trainledger.' || c) f) r;
SELECT available_balance, held FROM void_training_tokens(pg_temp.id(32));
-- a suspended party captures and releases, and holds nothing new
SELECT count(update_party(1600001, is_suspended => true));
SELECT regress.sqlstate(format('SELECT trainledger.hold_training_tokens(1600001, %L, 1, ''r'')', pg_temp.id(4)));
SELECT captured, status FROM capture_hold(:hold, 1, false);
SELECT released, status FROM release_hold(:hold, 1);
SELECT count(update_party(1600001, is_suspended => false));
-- an inactive type neither places nor captures; an archived one may be held
SELECT count(update_token_type(pg_temp.id(4), is_active => false, is_archived => true));
SELECT regress.sqlstate(format('SELECT trainledger.%s', c)) FROM unnest(ARRAY[format('hold_training_tokens(1600001, %L, 1, ''r'')', pg_temp.id(4)), format('capture_hold(%s, 1, false)', :hold)]) c;
SELECT count(update_token_type(pg_temp.id(4), is_active => true));
SELECT status FROM hold_training_tokens(1600001, pg_temp.id(4), 1, 'archived', '2026-02-02Z');
-- a redemption of a hold, and its refund
SELECT r.quantity, r.reference, r.hold_id = :hold AS of_hold FROM redemption r WHERE r.party_id = 1600001;
SELECT quantity, refunded FROM refund_training_tokens((SELECT max(id) FROM redemption WHERE party_id = 1600001));
SELECT * FROM regress.holds_lot;
-- ends: later only, not after a lot that it keeps back, 366 days at most
SELECT regress.sqlstate(format('SELECT trainledger.extend_hold(%s, %L)', :hold, e)) FROM unnest('{2026-03-15Z,2026-03-20Z,2027-02-03Z,infinity}'::text[]) e;
SELECT e.expires_at FROM hold_training_tokens(1600001, pg_temp.id(4), 1, 'short', '2026-02-03Z') h, extend_hold(h.id, '2026-02-28 23:59:59Z') e;

-- A held part outlives its lot until the hold ends, and is over then
SET LOCAL trainledger.clock = '2026-03-01Z';
SELECT * FROM regress.holds_lot;
SELECT expire_training_tokens();
SELECT * FROM regress.holds_lot;
SELECT month, expired, outstanding FROM token_liability WHERE token_type = 'holds';
SELECT captured, released, status FROM capture_hold(:hold, 2, false);
SELECT captured, released, status FROM release_hold(:hold, 0.5);
SET LOCAL trainledger.clock = '2026-04-02Z';
SELECT month, expired, outstanding FROM token_liability WHERE token_type = 'holds';
SELECT month, breakage, deferred_closing FROM token_revenue WHERE token_type = 'holds';
SELECT expire_training_tokens(), lapse_holds();
SELECT month, expired, outstanding FROM token_liability WHERE token_type = 'holds';
SELECT month, breakage, deferred_closing FROM token_revenue WHERE token_type = 'holds';
SELECT e.delta, e.recorded_at, e.created_at FROM entry e JOIN token_lot l USING (account_id) WHERE l.id = pg_temp.id(31) AND e.operation = 'expire' ORDER BY e.entry_no;
SELECT v.event, v.quantity, v.redemption_id IS NOT NULL AS redeemed FROM hold_event v WHERE v.hold_id = :hold ORDER BY v.id;
SELECT * FROM regress.holds_lot;

-- Overviews
SELECT count(hold_training_tokens(1600001, pg_temp.id(4), 2, 'r', e)) FROM unnest('{2026-04-05Z,2026-04-04Z}'::timestamptz[]) e;
SELECT * FROM hold_overview WHERE token_type ~ '^holds';
SELECT system, what, quantity, valid_until FROM holdings(1600001) WHERE what ~ '^holds' ORDER BY 1, 2, 4;
SELECT name, value FROM ledger_metrics WHERE name ~ 'holds';
SELECT * FROM reconcile();

-- Why a balance is what it is: an equation that adds up, at any moment
SELECT ordinal, line, quantity, since, until, regexp_replace(reference, '\m16000000-[-0-9]*|(?<=redemption )\d+', 'N', 'g') AS reference, changed_by FROM why(1600001, pg_temp.id(4));
SELECT ordinal, line, quantity, since, until, reference FROM why(1600001, pg_temp.id(1), 'default', '2026-01-01 12:00Z');
SELECT at, (SELECT coalesce(sum(quantity), 0) FROM why(1600001, pg_temp.id(n), NULL, at) WHERE line NOT IN ('booked', 'available'))
	= (SELECT quantity FROM why(1600001, pg_temp.id(n), NULL, at) WHERE line = 'available') AS adds_up
FROM (VALUES ('2026-01-01 11:00Z'::timestamptz), ('2026-01-01 23:59Z'), ('2026-02-15Z'), ('2026-03-02Z'), ('2026-03-20Z'), ('infinity')) t(at), (VALUES (1), (4)) v(n);
SELECT (SELECT quantity FROM why(1600001, pg_temp.id(4)) WHERE line = 'available') = available_tokens(1600001, pg_temp.id(4)) AS right;
-- and why one would be refused: nothing is written, and no row means it would pass
SELECT refusal, detail, regexp_replace(hint, 'Hold \d+', 'Hold N', 'g') AS hint FROM why_not(1600001, pg_temp.id(4), 2);
SELECT refusal, message, detail FROM why_not(1600001, pg_temp.id(4), 0.001);
SELECT refusal, detail, hint FROM why_not(1600001, pg_temp.id(2), 15.01);
SELECT refusal, message FROM why_not(1600001, pg_temp.id(1), 1, 'none');
SELECT count(*) FROM why_not(1600001, pg_temp.id(4), 1);

-- Where a trigger hangs on accounts, SQL keeps back what the engine does else
CREATE FUNCTION regress.hold_once() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	h hold := credit_hold(1600002, 4, 's', 'd', token_type => 'holds');
BEGIN
	RETURN NEXT format('%s %s', h.quantity, h.status);
	RETURN QUERY SELECT format('balance %s, held %s', a.balance, a.held) FROM account a WHERE a.id = h.account_id;
	RETURN NEXT regress.sqlstate('SELECT trainledger.credit_hold(1600002, 6.01, ''s'', ''d'', token_type => ''holds'')');
	h := capture_hold(h.id, 3);
	RETURN NEXT format('%s %s %s', h.captured, h.released, h.status);
	RETURN QUERY SELECT format('balance %s, held %s', a.balance, a.held) FROM account a WHERE a.id = h.account_id;
END $$;
SELECT balance FROM credit_init(1600002, 10, 'till', 'open', '2026-04-01Z', token_type => 'holds');
SELECT regress.hold_once();
CREATE FUNCTION regress.holds_pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER holds_pass BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION regress.holds_pass();
SELECT regress.hold_once();
DROP TRIGGER holds_pass ON account;

-- Learners see their own, readers all; only operators hold, only admins sweep
SELECT count(issue_training_tokens(pg_temp.id(5), 1600002, 3)), count(hold_training_tokens(1600002, pg_temp.id(5), 1, 'secret')) FROM add_training_token_type('holds of Bob', id => pg_temp.id(5));
SET LOCAL ROLE regress_learner;
SELECT set_config('request.jwt.claims', '{"party_id": 1600001}', true);
SELECT count(*) > 0 AS own, count(*) FILTER (WHERE party_id <> 1600001) AS others FROM hold;
SELECT count(*) FILTER (WHERE hold_id NOT IN (SELECT id FROM hold)) AS others FROM hold_event;
SELECT count(*) FILTER (WHERE hold_id NOT IN (SELECT id FROM hold)) AS others FROM hold_allocation;
SELECT regress.sqlstate('SELECT trainledger.' || c) FROM unnest(ARRAY['credit_hold(1600001, 1, ''s'', ''d'')', 'lapse_holds()', 'why(1600002, pg_temp.id(5))', 'available_tokens(1600002, pg_temp.id(5))']) c;
SELECT sum(quantity) FILTER (WHERE line = 'available') AS available FROM why(1600001, pg_temp.id(4));
RESET ROLE;
-- nobody changes a hold, or what is held, by hand
SELECT regress.sqlstate(s) FROM unnest(ARRAY['UPDATE trainledger.placed_hold SET captured = 0', 'DELETE FROM trainledger.placed_hold', 'UPDATE trainledger.hold_allocation SET quantity = 1',
	'DELETE FROM trainledger.hold_event', 'UPDATE trainledger.account SET held = 0', 'TRUNCATE trainledger.hold_event']) s;
-- and what somebody has changed is found
SET LOCAL session_replication_role = replica;
ALTER TABLE account DISABLE TRIGGER posting_only;
UPDATE account SET held = held + 1 WHERE party_id = 1600001 AND token_type_id = pg_temp.id(1);
SELECT problem, expected, found FROM reconcile();
SELECT problem, expected, found FROM account a, reconcile(a.id) WHERE a.party_id = 1600001 AND a.token_type_id = pg_temp.id(1);
ROLLBACK;
