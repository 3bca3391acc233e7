\set giver random(1, :accounts)
\set taker 1 + (:giver + random(0, :accounts - 2)) % :accounts
SELECT * FROM double_entry.create_transfer('acct_' || lpad(:giver::text, 26, '0'),
	'acct_' || lpad(:taker::text, 26, '0'), 1);
