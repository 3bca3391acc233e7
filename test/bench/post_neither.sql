-- Ours: post with no recorded_at and no key, so that nothing is looked for.
SELECT * FROM trainledger.post(:account, 'add', :amount, 'bench',
	'a posting of the bench');
