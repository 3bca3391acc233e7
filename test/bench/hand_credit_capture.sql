-- By hand: one statement that does on the twin tables what capture_hold does
-- with all that is left of a hold of hand_credit_hold.sql.
WITH held AS MATERIALIZED (
	SELECT h.*, h.quantity - h.captured - h.released AS taken
	FROM twin.placed_hold h
	JOIN twin.token_type t ON t.id = h.token_type_id
	WHERE h.id = :hold::bigint AND h.is_open
	AND h.expires_at > statement_timestamp() AND t.is_active
	FOR NO KEY UPDATE OF h),
closed AS (
	UPDATE twin.placed_hold p
	SET captured = p.captured + h.taken, is_open = false
	FROM held h WHERE p.id = h.id
	RETURNING p.*),
allocated AS (
	UPDATE twin.hold_allocation x SET captured = x.captured + h.taken
	FROM held h WHERE x.hold_id = h.id),
moved AS (
	UPDATE twin.account a
	SET balance = a.balance - h.taken, held = a.held - h.taken,
		entry_count = a.entry_count + 1,
		last_entry_at = greatest(a.last_entry_at, statement_timestamp())
	FROM held h WHERE a.id = h.account_id
	RETURNING a.id, a.entry_count, a.balance, a.last_entry_at, h.taken,
		h.source, h.notes, h.id AS hold_id, h.party_id, h.expires_at),
booked AS (
	INSERT INTO twin.entry (account_id, entry_no, delta, balance, created_at,
		operation, source, description, booked_by)
	SELECT id, entry_count, -taken, balance, last_entry_at, 'capture', source,
		notes, current_user FROM moved),
told AS (
	INSERT INTO twin.hold_event (id, hold_id, event, quantity, account_id,
		entry_no, expires_at, notes, changed_by, created_at)
	SELECT (nextval('trainledger.hold_event_id_seq') << 10)
			| (m.party_id & 1023),
		m.hold_id, 'captured', m.taken, m.id, m.entry_count, m.expires_at, '',
		current_user, statement_timestamp()
	FROM moved m)
SELECT * FROM closed;
