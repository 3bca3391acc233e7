-- Ours: hold_training_tokens, and then ours_capture.sql.
\set party random(1, :accounts)
\set amount random(1, 3)
SELECT id AS hold FROM trainledger.hold_training_tokens(:party,
	'00000000-0000-4000-8000-000000000001', :amount, 'Event 4711') \gset
