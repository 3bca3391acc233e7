-- By hand, for the same balances, checked as ours are against the bounds after
-- every row: running sums, one UPDATE of the summed deltas and one INSERT. The
-- accounts are updated in the order of their ids: that is faster where they are
-- many, and two at once cannot deadlock. No duplicates, no other refusals, and
-- a row is refused with all others of its account, without a word.
WITH r AS MATERIALIZED (
	SELECT x.id, x.delta, row_number() OVER w AS n,
		(sum(x.delta) OVER w)::trainledger.amount AS running
	FROM bench.batch b, LATERAL unnest(b.account_ids, b.deltas)
		WITH ORDINALITY AS x(id, delta, ordinal)
	WHERE b.accounts = current_setting('bench.accounts')
	AND b.size = current_setting('bench.size')::integer
	WINDOW w AS (PARTITION BY x.id ORDER BY x.ordinal ROWS UNBOUNDED PRECEDING)),
s AS (
	SELECT id, sum(delta)::trainledger.amount AS delta, count(*) AS entries,
		min(running) AS lowest, max(running) AS highest
	FROM r GROUP BY id ORDER BY id),
u AS (
	UPDATE twin.account a
	SET balance = a.balance + s.delta,
		entry_count = a.entry_count + s.entries,
		last_entry_at = greatest(a.last_entry_at, statement_timestamp())
	FROM s, twin.token_type t
	WHERE a.id = s.id AND t.id = a.token_type_id AND t.is_active
	AND t.bounds @> (a.balance + s.lowest) AND t.bounds @> (a.balance + s.highest)
	RETURNING a.id, a.balance - s.delta AS balance,
		a.entry_count - s.entries AS entry_count, a.last_entry_at),
e AS (
	INSERT INTO twin.entry (account_id, entry_no, delta, balance, created_at,
		operation, source, description, booked_by)
	SELECT u.id, u.entry_count + r.n, r.delta, u.balance + r.running,
		u.last_entry_at, 'add', 'bench', '', current_user
	FROM r JOIN u ON u.id = r.id
	RETURNING entry_no, balance)
SELECT count(*) FROM e;
