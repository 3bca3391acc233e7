-- Our post, called in a loop.
DO $$
DECLARE
	posting record;
BEGIN
	FOR posting IN
		SELECT x.id, x.delta::numeric
		FROM bench.batch b, LATERAL unnest(b.account_ids, b.deltas) AS x(id, delta)
		WHERE b.accounts = current_setting('bench.accounts')
		AND b.size = current_setting('bench.size')::integer
	LOOP
		PERFORM trainledger.post(posting.id, 'add', posting.delta, 'bench');
	END LOOP;
END;
$$;
