-- Ours: post_batch.
SELECT count(*) FROM bench.batch b, LATERAL trainledger.post_batch(
	b.account_ids, b.deltas, 'bench')
WHERE b.accounts = current_setting('bench.accounts')
AND b.size = current_setting('bench.size')::integer;
