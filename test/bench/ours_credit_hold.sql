-- Ours: credit_hold, and then ours_capture.sql.
\set party random(1, :accounts)
\set amount random(1, 99999) / 100.0
SELECT id AS hold FROM trainledger.credit_hold(:party, :amount, 'bench',
	'a hold of the bench') \gset
