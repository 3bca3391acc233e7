-- Postings that keep nothing of what a cache holds. make test-assert runs this
-- while the server discards its caches at every chance
-- (debug_discard_caches = 1), which makes a call 10,000 times as slow: so there
-- are few, and the books are prepared with caches as they are.
\pset format unaligned
\set VERBOSITY terse
SET client_min_messages = warning;	-- a batch that takes long says how far it is
SET debug_discard_caches = 0;
SET search_path = trainledger, public;
SELECT name FROM add_credit_token_type('caches', lower_bound => 0);
SELECT barcode FROM unnest('{caches-1,caches-2}'::text[]) AS b, add_party('person', b, barcode => b);
SELECT balance FROM unnest('{caches-1,caches-2}'::text[]) AS b,
	credit_init(regress.party(b), 10, 's', '', '2024-01-01', 'caches', 'caches');
SELECT regress.account('caches-1', 'caches') AS one, regress.account('caches-2', 'caches') AS two,
	regress.party('caches-1') AS party \gset
RESET debug_discard_caches;

SET ROLE regress_operator;
SELECT entry_no, delta, balance FROM post(:one, 'add', 1, 's', 'd', '2024-01-02');
SELECT post(:one, 'add', 1, 's', 'd', '2024-01-02');
SELECT balance FROM post_batch(ARRAY[:two, :one, :two], '{1,2,3}', 's');
SELECT entry_no, delta, balance
FROM credit_subtract(:party, 4, 's', 'd', '2024-01-03', 'caches', 'caches');
SELECT credit_subtract(:party, 10, 's', 'd', '2024-01-04', 'caches', 'caches');

RESET ROLE;
SET debug_discard_caches = 0;
SELECT a.balance, a.entry_count, sum(e.delta) FROM account a JOIN entry e ON e.account_id = a.id
WHERE a.id IN (:one, :two) GROUP BY a.id ORDER BY a.id;
SELECT * FROM reconcile();
