-- The log, the feed, and a person who is forgotten: what was sealed stays proved.

\echo
\echo 'THE LOG, THE FEED, AND FORGETTING'
\echo '================================='
\echo 'No vendor had them: nobody could say that the books are what they were.'

RESET trainledger.clock;
SELECT FROM trainledger.add_party('person', 'Bea Carter', 'bea@example.org', id => 70) \g /dev/null
SELECT FROM trainledger.credit_init(70, 10, 'bar', 'Birthday of Bea', now(),
	token_type => 'Bar') \g /dev/null

\echo
\echo 'Everything that was booked above is sealed in a Merkle tree'
\set ECHO queries
SELECT trainledger.start_log('books.example/demo', 'Demo');
SELECT trainledger.seal() > 0 AS is_sealed;
SELECT kind, count(*) FROM trainledger.log_leaf GROUP BY kind ORDER BY kind;
\set ECHO none

\echo 'Somebody with all rights adds 90 to an entry: verify() names it'
\set ECHO queries
BEGIN;
ALTER TABLE trainledger.entry DISABLE TRIGGER append_only;
UPDATE trainledger.entry e SET delta = '100' FROM trainledger.account a
WHERE a.id = e.account_id AND a.party_id = 70;
SELECT problem, kind, detail FROM trainledger.verify();
ROLLBACK;
\set ECHO none

\echo 'Another system reads what happened, once, and in order'
\set ECHO queries
SELECT event ->> 'type' AS type, event -> 'data' ->> 'balance' AS balance
FROM trainledger.feed_read('statistics') LIMIT 3;
SELECT trainledger.feed_ack('statistics', 'end');
SELECT count(*) FROM trainledger.feed_read('statistics');
\set ECHO none

\echo 'Bea asks to be forgotten: her amounts stay, and so does every proof'
\set ECHO queries
SELECT entries, events FROM trainledger.forget_party(70, 'request-17');
SELECT p.name, p.email, e.delta, e.source, e.description
FROM trainledger.party p
JOIN trainledger.account a ON a.party_id = p.id
JOIN trainledger.entry e ON e.account_id = a.id WHERE p.id = 70;
SELECT count(*) AS problems FROM trainledger.verify();
\set ECHO none
