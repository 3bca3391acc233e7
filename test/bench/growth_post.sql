\set person random(1, :people / 2)
\set account :person * 21 * 1024 + mod(:person, 1024)
\set n :n + 1
\set ms :start + :n
SELECT * FROM trainledger.post(:account, 'add', 1, 'bench', '',
	'2030-01-01'::timestamptz + :ms * interval '1 millisecond');
