SELECT * FROM trainledger.capture_hold(:hold);
