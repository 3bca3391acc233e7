-- Whether the books are right

/*
 * Every entry must continue the one before it, and the account must stand
 * where its entries end: src/ledger/reconcile.c.
 */
CREATE TYPE trainledger_internal.entry_break AS (
	problem text,
	expected numeric,
	found numeric
);
COMMENT ON TYPE trainledger_internal.entry_break IS
'An entry that does not continue the one before it.';
COMMENT ON COLUMN trainledger_internal.entry_break.problem IS 'What is wrong, and at which entry.';
COMMENT ON COLUMN trainledger_internal.entry_break.expected IS 'Balance that should be there; null where the time is wrong.';
COMMENT ON COLUMN trainledger_internal.entry_break.found IS 'Balance that is there.';

CREATE TYPE trainledger_internal.entry_chain_result AS (
	entries bigint,
	first_no bigint,
	first_balance trainledger.amount,
	last_no bigint,
	last_balance trainledger.amount,
	last_at timestamptz,
	deltas numeric,
	breaks trainledger_internal.entry_break[]
);
COMMENT ON TYPE trainledger_internal.entry_chain_result IS
'What the entries of one account come to, each checked against the one before it.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.entries IS 'How many there are.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.first_no IS 'Number of the first.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.first_balance IS 'Balance after the first.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.last_no IS 'Number of the last.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.last_balance IS 'Balance after the last.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.last_at IS 'When the last was booked.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.deltas IS 'Sum of what they added.';
COMMENT ON COLUMN trainledger_internal.entry_chain_result.breaks IS 'Where an entry does not continue the one before it; null: nowhere.';

CREATE FUNCTION trainledger_internal.entry_chain_add(
	state internal, entry_no bigint, delta trainledger.amount,
	balance trainledger.amount, created_at timestamptz) RETURNS internal
AS 'MODULE_PATHNAME', 'tl_entry_chain_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.entry_chain_add IS
'Behind entry_chain.';

CREATE FUNCTION trainledger_internal.entry_chain_final(state internal)
RETURNS trainledger_internal.entry_chain_result
AS 'MODULE_PATHNAME', 'tl_entry_chain_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.entry_chain_final IS
'Behind entry_chain.';

CREATE AGGREGATE trainledger_internal.entry_chain(
	entry_no bigint, delta trainledger.amount, balance trainledger.amount,
	created_at timestamptz) (
	SFUNC = trainledger_internal.entry_chain_add,
	STYPE = internal,
	SSPACE = 200,
	FINALFUNC = trainledger_internal.entry_chain_final,
	FINALFUNC_MODIFY = READ_WRITE,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE trainledger_internal.entry_chain(
	bigint, trainledger.amount, trainledger.amount, timestamptz) IS
'Checks each entry of an account against the one before it.';

-- By hand: PL/pgSQL does not let its argument and its column have one name.
CREATE FUNCTION trainledger.reconcile(account_id bigint DEFAULT NULL)
RETURNS TABLE (account_id bigint, problem text, expected numeric, found numeric)
AS 'MODULE_PATHNAME', 'tl_as_owner' LANGUAGE C STABLE PARALLEL RESTRICTED
ROWS 1;
COMMENT ON FUNCTION trainledger.reconcile IS
'Recomputes sums, running balances and numbering of one account, or of all, from the entries; no row means that the books are right. Level reader.';

CREATE FUNCTION trainledger_internal.doubtful_accounts(
	part integer, parts integer) RETURNS SETOF bigint
AS 'MODULE_PATHNAME', 'tl_doubtful_accounts' LANGUAGE C STABLE STRICT
PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION trainledger_internal.doubtful_accounts IS
'Accounts that one pass over the entries cannot vouch for; those of one part, 0, 1 ..., out of so many.';

CREATE FUNCTION trainledger_internal.unsound_accounts(account_ids bigint[])
RETURNS TABLE (
	account_id bigint, balance trainledger.amount, entry_count bigint,
	initial_balance trainledger.amount, last_entry_at timestamptz,
	chain trainledger_internal.entry_chain_result)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(a.id, e.account_id), a.balance, a.entry_count,
		   a.initial_balance, a.last_entry_at, e.chain
	FROM (
		SELECT x.account_id,
			   trainledger_internal.entry_chain(x.entry_no, x.delta, x.balance,
												x.created_at) AS chain
		FROM trainledger.entry x
		WHERE x.account_id = ANY ($1)
		GROUP BY x.account_id) e
	FULL JOIN (
		SELECT y.id, y.balance, y.entry_count, y.initial_balance,
			   y.last_entry_at
		FROM trainledger.account y
		WHERE y.id = ANY ($1)) a ON a.id = e.account_id
	WHERE ((e.chain).entries, (e.chain).first_no, (e.chain).first_balance,
		   (e.chain).last_no, (e.chain).last_balance, (e.chain).last_at,
		   (e.chain).deltas, (e.chain).breaks)
		IS DISTINCT FROM
		  (a.entry_count, 1, a.initial_balance,
		   a.entry_count, a.balance, a.last_entry_at,
		   a.balance::numeric, NULL);
END;
COMMENT ON FUNCTION trainledger_internal.unsound_accounts IS
'Those of these accounts that do not stand where their entries end.';

CREATE FUNCTION trainledger_internal.account_problems(
	balance trainledger.amount, entry_count bigint,
	initial_balance trainledger.amount, last_entry_at timestamptz,
	chain trainledger_internal.entry_chain_result)
RETURNS TABLE (problem text, expected numeric, found numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT v.problem, v.expected, v.found
	FROM (VALUES
		('entries of no account', 0::numeric,
		 CASE WHEN $2 IS NULL THEN ($5).entries::numeric END),
		('number of entries', $2, coalesce(($5).entries, 0)),
		('number of the first entry', 1, ($5).first_no),
		('number of the last entry', $2, ($5).last_no),
		('balance is not the sum of the entries', ($5).deltas, $1::numeric),
		('initial balance is not the first entry''s',
		 CASE WHEN ($5).first_no = 1 THEN ($5).first_balance::numeric END,
		 $3::numeric),
		('balance is not the last entry''s',
		 CASE WHEN ($5).last_no = $2 THEN ($5).last_balance::numeric END,
		 $1::numeric)
	) AS v(problem, expected, found)
	WHERE v.expected <> v.found
	UNION ALL
	SELECT 'last booking time is not the last entry''s', NULL, NULL
	WHERE ($5).last_no = $2 AND ($5).last_at <> $4
	UNION ALL
	SELECT b.problem, b.expected, b.found FROM unnest(($5).breaks) AS b;
END;
COMMENT ON FUNCTION trainledger_internal.account_problems IS
'What is wrong with an account, from what it says and what its entries come to.';

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
		IF doubtful IS NULL THEN
			RETURN;
		END IF;
	END IF;
	RETURN QUERY EXECUTE
		'SELECT u.account_id, p.problem, p.expected, p.found
		 FROM unsound_accounts($1) u
		 CROSS JOIN LATERAL account_problems(u.balance,
			u.entry_count, u.initial_balance, u.last_entry_at, u.chain) p'
	USING doubtful;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.reconcile IS
'The work of trainledger.reconcile, as the owner.';
