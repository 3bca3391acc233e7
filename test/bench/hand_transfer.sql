-- A transfer by hand: two statements such as hand_post.sql has, in one
-- transaction and one pipeline.
\set other mod(:party, :accounts) + 1
\set other_account :other * 1024 + mod(:other, 1024)
\startpipeline
BEGIN;
WITH u AS (
	UPDATE twin.account a
	SET balance = a.balance + v.amount, entry_count = a.entry_count + 1,
		last_entry_at = greatest(a.last_entry_at, statement_timestamp())
	FROM twin.token_type t,
		(SELECT :account::bigint AS account_id,
				-(:amount::trainledger.amount) AS amount,
				(:head::text || :tail::text)::uuid AS dedup) v
	WHERE a.id = v.account_id AND t.id = a.token_type_id AND t.is_active
	AND t.bounds @> (a.balance + v.amount)
	AND NOT EXISTS (SELECT FROM twin.entry e WHERE e.dedup = v.dedup
					AND e.account_id = v.account_id)
	RETURNING a.id, a.entry_count, a.balance, a.last_entry_at, v.amount,
		v.dedup)
INSERT INTO twin.entry (account_id, entry_no, delta, balance, created_at,
	recorded_at, dedup, operation, source, description, booked_by)
SELECT u.id, u.entry_count, u.amount, u.balance, u.last_entry_at,
	'2020-01-01'::timestamptz + :us * interval '1 microsecond', u.dedup,
	'subtract', 'bench', 'a posting of the bench', current_user
FROM u
RETURNING *;
WITH u AS (
	UPDATE twin.account a
	SET balance = a.balance + v.amount, entry_count = a.entry_count + 1,
		last_entry_at = greatest(a.last_entry_at, statement_timestamp())
	FROM twin.token_type t,
		(SELECT :other_account::bigint AS account_id,
				:amount::trainledger.amount AS amount,
				(:head::text || :tail::text)::uuid AS dedup) v
	WHERE a.id = v.account_id AND t.id = a.token_type_id AND t.is_active
	AND t.bounds @> (a.balance + v.amount)
	AND NOT EXISTS (SELECT FROM twin.entry e WHERE e.dedup = v.dedup
					AND e.account_id = v.account_id)
	RETURNING a.id, a.entry_count, a.balance, a.last_entry_at, v.amount,
		v.dedup)
INSERT INTO twin.entry (account_id, entry_no, delta, balance, created_at,
	recorded_at, dedup, operation, source, description, booked_by)
SELECT u.id, u.entry_count, u.amount, u.balance, u.last_entry_at,
	'2020-01-01'::timestamptz + :us * interval '1 microsecond', u.dedup,
	'add', 'bench', 'a posting of the bench', current_user
FROM u
RETURNING *;
COMMIT;
\endpipeline
