-- Ours: credit_transfer.
\set other mod(:party, :accounts) + 1
SELECT * FROM trainledger.credit_transfer(:account,
	:other * 1024 + mod(:other, 1024), :amount, 'bench',
	'a posting of the bench',
	'2020-01-01'::timestamptz + :us * interval '1 microsecond');
