-- Whether the books are right

/*
 * Every entry must continue the one before it, and the account must stand
 * where its entries end. src/ledger/reconcile.c finds the accounts of which
 * that cannot be said, and a query what is wrong with them.
 */
-- This stub is not made by 95_functions.sql: the function behind it names its
-- argument only_account, because in PL/pgSQL an argument and a result column
-- cannot both be named account_id.
CREATE FUNCTION trainledger.reconcile(account_id bigint DEFAULT NULL)
RETURNS TABLE (account_id bigint, problem text, expected numeric, found numeric)
AS 'MODULE_PATHNAME', 'tl_as_owner' LANGUAGE C STABLE PARALLEL RESTRICTED
ROWS 1;
COMMENT ON FUNCTION trainledger.reconcile IS
'Recomputes sums, running balances and numbering of one account, or of all accounts and the monthly summary, from the entries; no row means that the books are right. Level reader.';

CREATE FUNCTION trainledger_internal.doubtful_accounts(
	part integer, parts integer) RETURNS SETOF bigint
AS 'MODULE_PATHNAME', 'tl_doubtful_accounts' LANGUAGE C STABLE STRICT
PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION trainledger_internal.doubtful_accounts IS
'Accounts that one pass over the entries cannot vouch for; those of one part, 0, 1 ..., out of so many.';

/*
 * An entry whose number does not follow that of the one before it starts from
 * nothing.
 */
CREATE FUNCTION trainledger_internal.account_problems(account_ids bigint[])
RETURNS TABLE (account_id bigint, problem text, expected numeric, found numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH numbered AS (
		SELECT e.account_id, e.entry_no, trainledger.amount_to_numeric(e.delta) AS delta,
			   trainledger.amount_to_numeric(e.balance) AS balance, e.created_at,
			   lag(e.entry_no) OVER w AS no_before,
			   lag(trainledger.amount_to_numeric(e.balance)) OVER w AS balance_before,
			   lag(e.created_at) OVER w AS created_before,
			   lead(e.entry_no) OVER w AS no_after
		FROM trainledger.entry e
		WHERE e.account_id = ANY ($1)
		WINDOW w AS (PARTITION BY e.account_id ORDER BY e.entry_no)),
	chain AS (
		SELECT n.account_id, count(*) AS entries, sum(n.delta) AS deltas,
			   min(n.entry_no) AS first_no, max(n.entry_no) AS last_no,
			   min(n.balance) FILTER (WHERE n.no_before IS NULL) AS first_balance,
			   min(n.balance) FILTER (WHERE n.no_after IS NULL) AS last_balance,
			   max(n.created_at) FILTER (WHERE n.no_after IS NULL) AS last_at
		FROM numbered n
		GROUP BY n.account_id),
	compared AS (
		SELECT coalesce(a.id, c.account_id) AS account_id, a.id,
			   trainledger.amount_to_numeric(a.balance) AS balance, a.entry_count,
			   trainledger.amount_to_numeric(a.initial_balance) AS initial_balance,
			   a.last_entry_at, c.entries, c.deltas, c.first_no, c.last_no,
			   c.first_balance, c.last_balance, c.last_at
		FROM chain c
		FULL JOIN (
			SELECT y.id, y.balance, y.entry_count, y.initial_balance,
				   y.last_entry_at
			FROM trainledger.account y
			WHERE y.id = ANY ($1)) a ON a.id = c.account_id)
	SELECT x.account_id, v.problem, v.expected, v.found
	FROM compared x
	CROSS JOIN LATERAL (VALUES
		('entries of no account', 0::numeric,
		 CASE WHEN x.id IS NULL THEN x.entries END),
		('number of entries', x.entry_count, coalesce(x.entries, 0)),
		('number of the first entry', 1, x.first_no),
		('number of the last entry', x.entry_count, x.last_no),
		('balance is not the sum of the entries', x.deltas, x.balance),
		('initial balance is not the first entry''s',
		 CASE WHEN x.first_no = 1 THEN x.first_balance END,
		 x.initial_balance),
		('balance is not the last entry''s',
		 CASE WHEN x.last_no = x.entry_count THEN x.last_balance END,
		 x.balance)
	) AS v(problem, expected, found)
	WHERE v.expected <> v.found
	UNION ALL
	SELECT x.account_id, 'last booking time is not the last entry''s', NULL,
		   NULL
	FROM compared x
	WHERE x.last_no = x.entry_count AND x.last_at <> x.last_entry_at
	UNION ALL
	SELECT n.account_id, 'running balance at entry ' || n.entry_no,
		   b.expected, n.balance
	FROM numbered n
	CROSS JOIN LATERAL (SELECT CASE WHEN n.no_before = n.entry_no - 1
		THEN n.balance_before + n.delta ELSE n.delta END) AS b(expected)
	WHERE b.expected IS DISTINCT FROM n.balance
	UNION ALL
	SELECT n.account_id, 'booking time runs backwards at entry ' || n.entry_no,
		   NULL, NULL
	FROM numbered n
	WHERE n.no_before = n.entry_no - 1 AND n.created_before > n.created_at;
END;
COMMENT ON FUNCTION trainledger_internal.account_problems IS
'What is wrong with these accounts and with their entries.';

/*
 * In how many parts the accounts are gone through: one where the books are
 * small, else one for each process that may work at them, or so many times
 * more that a process finds room in maintenance_work_mem: about 100 bytes an
 * account. What was never analysed is taken for as many as there is room for.
 */
CREATE FUNCTION trainledger_internal.reconcile_parts() RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	processes integer := 1 + least(
		current_setting('max_parallel_workers')::integer,
		current_setting('max_parallel_workers_per_gather')::integer);
	memory bigint := pg_size_bytes(current_setting('maintenance_work_mem'));
	accounts float8 := (
		SELECT CASE WHEN reltuples < 0 THEN pg_relation_size(oid) / 100
			ELSE reltuples END
		FROM pg_class WHERE oid = 'trainledger.account'::regclass);
BEGIN
	IF pg_relation_size('trainledger.entry')
		< pg_size_bytes(current_setting('min_parallel_table_scan_size')) THEN
		RETURN 1;
	END IF;
	RETURN processes * ceil(greatest(100 * accounts / memory / processes, 1));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.reconcile_parts IS
'In how many parts reconcile goes through all accounts.';

/*
 * The queries are built for the occasion, and so are their plans: parts are
 * worked on side by side, and accounts are found by index where they are few.
 */
/*
 * What accounts say is held must be what their open holds keep back.
 */
CREATE FUNCTION trainledger_internal.held_problems(only_account bigint)
RETURNS TABLE (account_id bigint, expected numeric, found numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT s.account_id, sum(s.expected), sum(s.found)
	FROM (
		SELECT x.account_id, x.quantity::numeric - x.captured::numeric
			   - x.released::numeric AS expected, 0::numeric AS found
		FROM trainledger.placed_hold h
		JOIN trainledger.hold_allocation x ON x.hold_id = h.id
		WHERE h.is_open
		AND (only_account IS NULL OR x.account_id = only_account)
		UNION ALL
		SELECT a.id, 0, a.held::numeric
		FROM trainledger.account a
		WHERE a.held <> 0::trainledger.amount
		AND (only_account IS NULL OR a.id = only_account)) s
	GROUP BY s.account_id
	HAVING sum(s.expected) <> sum(s.found);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.held_problems IS
'Accounts that do not say that as much is held as their open holds keep back.';

CREATE FUNCTION trainledger_internal.reconcile(only_account bigint)
RETURNS TABLE (account_id bigint, problem text, expected numeric, found numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	parts integer;
	doubtful bigint[] := ARRAY[only_account];
BEGIN
	IF only_account IS NULL THEN
		parts := reconcile_parts();
		EXECUTE format('SELECT array_agg(d) FROM (%s) AS x(d)',
			(SELECT string_agg(format(
				'SELECT * FROM doubtful_accounts(%s, %s)',
				part, parts), ' UNION ALL ')
			 FROM generate_series(0, parts - 1) part))
		INTO doubtful;
	END IF;
	IF doubtful IS NOT NULL THEN
		RETURN QUERY EXECUTE 'SELECT * FROM account_problems($1)'
		USING doubtful;
	END IF;
	RETURN QUERY SELECT p.account_id, 'held', p.expected, p.found
	FROM held_problems(only_account) p;
	IF only_account IS NULL THEN
		RETURN QUERY SELECT NULL::bigint, p.problem, p.expected, p.found
		FROM summary_problems() p;
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.reconcile IS
'The work of trainledger.reconcile, as the owner.';
