\set person random(:people / 2 + 1, :people)
\set account :person * 21 * 1024 + mod(:person, 1024)
\set hours random(1, 24 * 700)
\set until :hours - 720
SELECT * FROM trainledger.account_statement(:account,
	now() - :hours * interval '1 hour', now() - :until * interval '1 hour');
