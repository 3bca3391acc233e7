-- By hand: one statement that does on the twin tables what hold_training_tokens
-- does. It locks the token account first, makes no hold where the tokens do not
-- suffice, and counts what is over as held until it is closed.
\set party random(1, :accounts)
\set amount random(1, 3)
WITH locked AS MATERIALIZED (
	SELECT k.party_id, k.token_type_id, :amount::trainledger.amount AS quantity
	FROM twin.token_account k
	JOIN twin.token_type t ON t.id = k.token_type_id
	JOIN twin.party p ON p.id = k.party_id
	WHERE k.party_id = :party::bigint
	AND k.token_type_id = '00000000-0000-4000-8000-000000000001'
	AND t.is_active AND NOT p.is_suspended
	FOR NO KEY UPDATE OF k),
open AS MATERIALIZED (
	SELECT l.id, l.account_id, k.quantity, a.balance - a.held AS available,
		sum(a.balance - a.held) OVER w - (a.balance - a.held) AS before,
		row_number() OVER w AS ordinal
	FROM locked k
	JOIN twin.token_lot l ON l.party_id = k.party_id
		AND l.token_type_id = k.token_type_id
	JOIN twin.account a ON a.id = l.account_id
	WHERE l.is_open AND a.balance > a.held
	AND (l.expires_at > statement_timestamp() OR l.expires_at IS NULL)
	WINDOW w AS (ORDER BY l.expires_at NULLS LAST, l.created_at, l.id)),
take AS MATERIALIZED (
	SELECT id, account_id, ordinal,
		least(available, (quantity - before)::trainledger.amount) AS quantity
	FROM open
	WHERE before < quantity
	AND (SELECT sum(available) FROM open) >= quantity),
placed AS (
	INSERT INTO twin.placed_hold (id, party_id, token_type_id, quantity,
		expires_at, created_at, reference, notes, source, placed_by)
	SELECT (nextval('trainledger.hold_id_seq') << 10) | (k.party_id & 1023),
		k.party_id, k.token_type_id, k.quantity,
		statement_timestamp() + interval '168 hours', statement_timestamp(),
		'Event 4711', '', 'training-tokens', current_user
	FROM locked k WHERE EXISTS (SELECT FROM take)
	RETURNING *),
allocated AS (
	INSERT INTO twin.hold_allocation (hold_id, ordinal, account_id, issue_id,
		quantity)
	SELECT p.id, t.ordinal, t.account_id, t.id, t.quantity FROM take t, placed p),
moved AS (
	UPDATE twin.account a SET held = a.held + t.quantity
	FROM take t WHERE a.id = t.account_id),
told AS (
	INSERT INTO twin.hold_event (id, hold_id, event, quantity, expires_at,
		notes, changed_by, created_at)
	SELECT (nextval('trainledger.hold_event_id_seq') << 10)
			| (p.party_id & 1023),
		p.id, 'placed', p.quantity, p.expires_at, p.notes, p.placed_by,
		p.created_at
	FROM placed p)
SELECT id AS hold, p.* FROM placed p \gset
