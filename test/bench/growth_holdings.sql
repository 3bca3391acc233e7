\set person random(1, :people)
SELECT * FROM trainledger.holdings(:person);
