-- Ours: post with an idempotency key, which replaces the duplicate test. The
-- key begins with the time, as a UUID of version 7 does.
SELECT * FROM trainledger.post(:account, 'add', :amount, 'bench',
	'a posting of the bench',
	'2020-01-01'::timestamptz + :us * interval '1 microsecond',
	idempotency_key => ('0' || to_hex(:us::bigint / 1000 + 1577836800000) || '7000'
						|| :tail::text)::uuid);
