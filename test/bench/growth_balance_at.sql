\set person random(:people / 2 + 1, :people)
\set account :person * 21 * 1024 + mod(:person, 1024)
\set hours random(1, 24 * 700)
SELECT trainledger.balance_at(:account, now() - :hours * interval '1 hour');
