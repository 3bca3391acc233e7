\set person random(:people / 2 + 1, :people)
SELECT * FROM trainledger.holdings(:person);
