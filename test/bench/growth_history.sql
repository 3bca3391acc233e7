\set person random(:people / 2 + 1, :people)
SELECT * FROM trainledger.credit_history(:person, before_entry => 101);
