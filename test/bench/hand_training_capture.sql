-- By hand: one statement that does on the twin tables what capture_hold does
-- with all that is left of a hold of hand_training_hold.sql.
WITH held AS MATERIALIZED (
	SELECT h.*, h.quantity - h.captured - h.released AS taken
	FROM twin.placed_hold h
	JOIN twin.token_account k ON k.party_id = h.party_id
		AND k.token_type_id = h.token_type_id
	JOIN twin.token_type t ON t.id = h.token_type_id
	WHERE h.id = :hold::bigint AND h.is_open
	AND h.expires_at > statement_timestamp() AND t.is_active
	FOR NO KEY UPDATE OF k, h),
closed AS (
	UPDATE twin.placed_hold p
	SET captured = p.captured + h.taken, is_open = false
	FROM held h WHERE p.id = h.id
	RETURNING p.*),
take AS (
	UPDATE twin.hold_allocation x SET captured = x.quantity - x.released
	FROM held h, twin.hold_allocation old
	WHERE x.hold_id = h.id AND x.quantity > x.captured + x.released
	AND (old.hold_id, old.ordinal) = (x.hold_id, x.ordinal)
	RETURNING x.ordinal, x.issue_id, x.account_id,
		x.captured - old.captured AS quantity),
moved AS (
	UPDATE twin.account a
	SET balance = a.balance - t.quantity, held = a.held - t.quantity,
		entry_count = a.entry_count + 1,
		last_entry_at = greatest(a.last_entry_at, statement_timestamp())
	FROM take t WHERE a.id = t.account_id
	RETURNING a.id, a.entry_count, a.balance, a.last_entry_at, t.quantity),
booked AS (
	INSERT INTO twin.entry (account_id, entry_no, delta, balance, created_at,
		operation, source, description, booked_by)
	SELECT id, entry_count, -quantity, balance, last_entry_at, 'redeem',
		'training-tokens', '', current_user FROM moved),
emptied AS (
	UPDATE twin.token_lot l SET is_open = false
	FROM moved m WHERE l.account_id = m.id AND m.balance = 0),
redeemed AS (
	INSERT INTO twin.redemption (id, party_id, token_type_id, quantity,
		reference, created_at, hold_id)
	SELECT (nextval('trainledger.redemption_id_seq') << 10)
			| (h.party_id & 1023),
		h.party_id, h.token_type_id, h.taken, h.reference,
		statement_timestamp(), h.id
	FROM held h
	RETURNING *),
shared AS (
	INSERT INTO twin.redemption_allocation (redemption_id, ordinal, issue_id,
		quantity)
	SELECT r.id, t.ordinal, t.issue_id, t.quantity FROM take t, redeemed r),
told AS (
	INSERT INTO twin.hold_event (id, hold_id, event, quantity, redemption_id,
		expires_at, notes, changed_by, created_at)
	SELECT (nextval('trainledger.hold_event_id_seq') << 10)
			| (h.party_id & 1023),
		h.id, 'captured', h.taken, r.id, h.expires_at, '', current_user,
		statement_timestamp()
	FROM held h, redeemed r)
SELECT * FROM closed;
