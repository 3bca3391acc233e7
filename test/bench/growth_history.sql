\set person random(1, :people)
SELECT * FROM trainledger.credit_history(:person, before_entry => 101);
