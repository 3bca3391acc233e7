-- By hand: one UPDATE of the summed deltas and one INSERT with running sums.
-- No bounds of the balances between, no duplicates, no refusals.
WITH r AS MATERIALIZED (
	SELECT x.id, x.delta, x.ordinal
	FROM bench.batch b, LATERAL unnest(b.account_ids, b.deltas)
		WITH ORDINALITY AS x(id, delta, ordinal)
	WHERE b.accounts = current_setting('bench.accounts')
	AND b.size = current_setting('bench.size')::integer),
s AS (
	SELECT id, sum(delta)::trainledger.amount AS delta, count(*) AS entries
	FROM r GROUP BY id),
u AS (
	UPDATE twin.account a
	SET balance = a.balance + s.delta,
		entry_count = a.entry_count + s.entries,
		last_entry_at = greatest(a.last_entry_at, statement_timestamp())
	FROM s, twin.token_type t
	WHERE a.id = s.id AND t.id = a.token_type_id AND t.is_active
	AND t.bounds @> (a.balance + s.delta)
	RETURNING a.id, a.balance - s.delta AS balance,
		a.entry_count - s.entries AS entry_count, a.last_entry_at),
e AS (
	INSERT INTO twin.entry (account_id, entry_no, delta, balance, created_at,
		operation, source, description, booked_by)
	SELECT u.id, u.entry_count + row_number() OVER w, r.delta,
		u.balance + (sum(r.delta) OVER w)::trainledger.amount,
		u.last_entry_at, 'add', 'bench', '', current_user
	FROM r JOIN u ON u.id = r.id
	WINDOW w AS (PARTITION BY r.id ORDER BY r.ordinal ROWS UNBOUNDED PRECEDING)
	RETURNING entry_no, balance)
SELECT count(*) FROM e;
