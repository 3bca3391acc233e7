-- Our post, called in a loop.
DO $$
DECLARE
	b bench.batch;
BEGIN
	SELECT * INTO b FROM bench.batch
	WHERE accounts = current_setting('bench.accounts')
	AND size = current_setting('bench.size')::integer;
	FOR i IN 1 .. b.size LOOP
		PERFORM trainledger.post(b.account_ids[i], 'add',
								 b.deltas[i]::numeric, 'bench');
	END LOOP;
END;
$$;
