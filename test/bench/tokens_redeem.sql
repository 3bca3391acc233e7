-- By hand: one statement that writes the rows of redeem_training_tokens, on
-- the twin tables of the schema :twin. It locks the token account first, and
-- finds nothing to take where the tokens do not suffice.
-- $1 party, $2 token type, $3 quantity, $4 reference, $5 notes
PREPARE :prepared(bigint, uuid, trainledger.amount, text, text) AS
WITH held AS MATERIALIZED (
	SELECT FROM :twin.token_account
	WHERE party_id = $1 AND token_type_id = $2 FOR NO KEY UPDATE),
open AS MATERIALIZED (
	SELECT l.id, l.account_id, a.balance,
		sum(a.balance) OVER w - a.balance AS before, row_number() OVER w AS ordinal
	FROM :twin.token_lot l JOIN :twin.account a ON a.id = l.account_id
	WHERE l.party_id = $1 AND l.token_type_id = $2 AND l.is_open
	AND (l.expires_at > statement_timestamp() OR l.expires_at IS NULL)
	AND EXISTS (SELECT FROM held)
	WINDOW w AS (ORDER BY l.expires_at NULLS LAST, l.created_at, l.id)),
take AS MATERIALIZED (
	SELECT id, account_id, ordinal,
		least(balance, ($3 - before)::trainledger.amount) AS quantity
	FROM open
	WHERE before < $3 AND (SELECT sum(balance) FROM open) >= $3),
made AS (
	INSERT INTO :twin.redemption
		(id, party_id, token_type_id, quantity, reference, created_at)
	SELECT (nextval('trainledger.redemption_id_seq') << 10) | ($1 & 1023), $1, $2,
		$3, $4, statement_timestamp()
	WHERE EXISTS (SELECT FROM take)
	RETURNING *),
allocated AS (
	INSERT INTO :twin.redemption_allocation
		(redemption_id, ordinal, issue_id, quantity)
	SELECT m.id, t.ordinal, t.id, t.quantity FROM take t, made m),
moved AS (
	UPDATE :twin.account a
	SET balance = a.balance - t.quantity, entry_count = a.entry_count + 1,
		last_entry_at = greatest(a.last_entry_at, statement_timestamp())
	FROM take t WHERE a.id = t.account_id
	RETURNING a.id, a.entry_count, t.quantity, a.balance, a.last_entry_at),
booked AS (
	INSERT INTO :twin.entry (account_id, entry_no, delta, balance, created_at,
		operation, source, description, booked_by)
	SELECT id, entry_count, -quantity, balance, last_entry_at, 'redeem',
		'training-tokens', $5, current_user FROM moved),
closed AS (
	UPDATE :twin.token_lot l SET is_open = false
	FROM moved m WHERE l.account_id = m.id AND m.balance = 0)
SELECT * FROM made;
