-- By hand: one statement that does on the twin tables what credit_hold does. It
-- makes no hold where the balance does not suffice, the type is not active or
-- the party is suspended, and counts what is over as held until it is closed.
\set party random(1, :accounts)
\set amount random(1, 99999) / 100.0
WITH moved AS (
	UPDATE twin.account a SET held = a.held + v.amount
	FROM twin.token_type t, twin.party p,
		(SELECT :party::bigint AS party_id,
				:amount::trainledger.amount AS amount) v
	WHERE a.party_id = v.party_id AND a.name = 'default'
	AND t.kind = 'credit' AND t.name = 'default'
	AND t.id = a.token_type_id AND t.is_active
	AND p.id = v.party_id AND NOT p.is_suspended
	AND (lower(t.bounds) IS NULL
		 OR a.balance - a.held - v.amount >= lower(t.bounds))
	RETURNING a.id, a.party_id, a.token_type_id, v.amount),
placed AS (
	INSERT INTO twin.placed_hold (id, party_id, token_type_id, account_id,
		quantity, expires_at, created_at, notes, source, placed_by)
	SELECT (nextval('trainledger.hold_id_seq') << 10) | (m.party_id & 1023),
		m.party_id, m.token_type_id, m.id, m.amount,
		statement_timestamp() + interval '168 hours', statement_timestamp(),
		'a hold of the bench', 'bench', current_user
	FROM moved m
	RETURNING *),
allocated AS (
	INSERT INTO twin.hold_allocation (hold_id, ordinal, account_id, quantity)
	SELECT p.id, 1, p.account_id, p.quantity FROM placed p),
told AS (
	INSERT INTO twin.hold_event (id, hold_id, event, quantity, expires_at,
		notes, changed_by, created_at)
	SELECT (nextval('trainledger.hold_event_id_seq') << 10)
			| (p.party_id & 1023),
		p.id, 'placed', p.quantity, p.expires_at, p.notes, p.placed_by,
		p.created_at
	FROM placed p)
SELECT id AS hold, p.* FROM placed p \gset
