-- The least that any way of booking has to do: entries that are ready made are
-- put into the same table with the same indexes. No account is updated, nothing
-- is checked; numbers go on where the run before ended.
INSERT INTO twin.entry (account_id, entry_no, delta, balance, created_at,
	operation, source, description, booked_by)
SELECT account_id, entry_no + n.start, delta, balance, created_at,
	operation, source, description, booked_by
FROM bench.entry, (SELECT 1000000 * nextval('bench.start') AS start) n
WHERE accounts = current_setting('bench.accounts')
AND size = current_setting('bench.size')::integer;
