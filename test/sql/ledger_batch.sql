-- post_batch: each row as if it were posted alone (contract, section 6)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET ROLE regress_admin;
SELECT name, bounds FROM add_credit_token_type('batch', lower_bound => -20, upper_bound => 50);
SELECT name, bounds FROM add_credit_token_type('batch-free', scale => 6);
SET ROLE regress_operator;
SELECT barcode FROM unnest('{batch-1,batch-alone,batch-together}'::text[]) AS b, add_party('person', b, barcode => b);
SELECT balance FROM credit_init(regress.party('batch-1'), 10, 's', '', now(), 'a', 'batch');
SELECT balance FROM credit_init(regress.party('batch-1'), 20, 's', '', now(), 'b', 'batch');
SELECT balance FROM credit_init(regress.party('batch-1'), 0, 's', '', now(), 'free', 'batch-free');
SELECT regress.account('batch-1', 'a') AS a, regress.account('batch-1', 'b') AS b,
	regress.account('batch-1', 'free') AS free \gset

-- in array order per account, one row out per row in
SELECT * FROM post_batch(ARRAY[:b, :a, :b, :a, :b], '{1,2,-3,4.5,-0.5}', 'import');
SELECT a.name, entry_no, operation, delta, e.balance, source, description, recorded_at, device,
	booked_by, dedup, keyed_call, e.created_at = a.last_entry_at AS last
FROM entry e JOIN account a ON a.id = account_id
WHERE account_id IN (:a, :b) AND entry_no > 1 ORDER BY a.name, entry_no;
SELECT name, balance, entry_count FROM account WHERE id IN (:a, :b) ORDER BY name;
SELECT ordinal, entry_no, balance, refusal
FROM post_batch(ARRAY[:a, :a], '{1,2}', 'import', '{first,NULL}', '{2023-04-04 08:00Z,NULL}',
	'{NULL,ba7c0000-0000-4000-8000-000000000001}');
SELECT entry_no, description, recorded_at AT TIME ZONE 'UTC' AS recorded_at, dedup IS NOT NULL AS dedup, keyed_call
FROM entry WHERE account_id = :a AND entry_no > 3 ORDER BY entry_no;
-- nothing to do
SELECT * FROM post_batch('{}', '{}', 'import');
SELECT * FROM post_batch('{}', '{}', 'import', '{}', '{}', '{}', true);

-- what the call as a whole shows
SELECT label, r.*
FROM (VALUES
	('ids null', $$SELECT post_batch(NULL, '{1}', 's')$$),
	('deltas null', $$SELECT post_batch('{1}', NULL, 's')$$),
	('source null', $$SELECT post_batch('{1}', '{1}', NULL)$$),
	('source empty', $$SELECT post_batch('{}', '{}', '')$$),
	('source 8193', $$SELECT post_batch('{1}', '{1}', repeat('x', 8193))$$),
	('fewer deltas', $$SELECT post_batch('{1,2}', '{1}', 's')$$),
	('more deltas', $$SELECT post_batch('{1}', '{1,2}', 's')$$),
	('no ids', $$SELECT post_batch('{}', '{1}', 's')$$),
	('descriptions', $$SELECT post_batch('{1,2}', '{1,2}', 's', '{}')$$),
	('recorded_at', $$SELECT post_batch('{1,2}', '{1,2}', 's', NULL, '{2023-04-04}')$$),
	('keys', $$SELECT post_batch('{1,2}', '{1,2}', 's', NULL, NULL, '{NULL,NULL,NULL}')$$),
	('ids 2 dimensions', $$SELECT post_batch('{{1},{2}}', '{1,2}', 's')$$),
	('deltas 2 dimensions', $$SELECT post_batch('{1,2}', '{{1,2}}', 's')$$),
	('descriptions 2 dimensions', $$SELECT post_batch('{1,2}', '{1,2}', 's', '{{a,b}}')$$),
	('recorded_at 2 dimensions', $$SELECT post_batch('{1}', '{1}', 's', NULL, '{{2023-04-04}}')$$),
	('keys 2 dimensions', $$SELECT post_batch('{1}', '{1}', 's', NULL, NULL, '{{NULL}}')$$),
	('delta NaN', $$SELECT post_batch('{1}', '{NaN}', 's')$$),
	('delta 1e30', $$SELECT post_batch('{1}', '{1e30}', 's')$$),
	('delta too fine', $$SELECT post_batch('{1}', '{0.0000001}', 's')$$),
	('delta too big', $$SELECT post_batch('{1}', '{9223372036854.775808}', 's')$$),
	('key malformed', $$SELECT post_batch('{1}', '{1}', 's', NULL, NULL, '{x}')$$)
) v(label, statement), regress.refusal(statement) r;
-- null for skip_refused is false; bounds of the arrays do not matter
SELECT regress.sqlstate($$SELECT post_batch('{0}', '{1}', 's', skip_refused => NULL)$$);
SELECT balance FROM post_batch(format('[5:6]={%s,%s}', :a, :a)::bigint[], '[-1:0]={1,1}', 's');

-- a refusal raises and names its row; nothing of the batch is kept
CREATE TEMPORARY TABLE before AS SELECT * FROM regress.books();
SELECT label, r.code, r.message, regexp_replace(r.detail, '(account|party) \d+', '\1 N') AS detail, r.hint
FROM (VALUES
	('account null', ARRAY[NULL]::bigint[], '{1}', NULL, NULL),
	('delta null', ARRAY[:a], '{NULL}', NULL, NULL),
	('delta zero', ARRAY[:a], '{0.000}', NULL, NULL),
	('description 8193', ARRAY[:a], '{1}', format('{%s}', repeat('x', 8193)), NULL),
	('recorded_at', ARRAY[:a], '{1}', NULL, '{infinity}'),
	('account unknown', ARRAY[0], '{1}', NULL, NULL),
	('decimals', ARRAY[:a], '{0.001}', NULL, NULL),
	('duplicate', ARRAY[:a], '{1}', '{first}', '{2023-04-04 08:00Z}'),
	('above', ARRAY[:a], '{100}', NULL, NULL),
	('below', ARRAY[:a], '{-100}', NULL, NULL)
) v(label, ids, deltas, descriptions, times),
regress.refusal(format('SELECT post_batch(%L, %L, ''import'', %L, %L)',
	ARRAY[:b, :a] || ids, array_cat('{1,1}'::amount[], deltas::amount[]),
	array_cat('{x,x}'::text[], descriptions::text[]) || CASE WHEN descriptions IS NULL THEN '{x}' ELSE '{}' END::text[],
	array_cat('{NULL,NULL}'::timestamptz[], times::timestamptz[]) || CASE WHEN times IS NULL THEN '{NULL}' ELSE '{}' END::timestamptz[])) r;
SELECT b.relation FROM before b FULL JOIN regress.books() a USING (relation)
WHERE (a.rows, a.digest) IS DISTINCT FROM (b.rows, b.digest);
-- the first refused row is the one that is named
SELECT r.code, r.detail FROM regress.refusal(format(
	$$SELECT post_batch('{%s,%s,%s}', '{1,NULL,0}', 's')$$, :a, :a, :a)) r;

-- skip_refused: the refused rows say why, the others are booked
SELECT * FROM post_batch(ARRAY[:a, NULL, :a, :a, 0, :a, :a, :a, :a], '{1,1,NULL,0,1,0.001,1000,-1000,2}', 'import',
	skip_refused => true);
SELECT balance, entry_count FROM account WHERE id = :a;
-- a refused row counts for nothing: neither its delta, nor its key, nor its fingerprint
SELECT * FROM post_batch(ARRAY[:a, :a, :a, :a], '{1000,5,1000,6}', 'import', NULL,
	'{NULL,NULL,2023-05-05,2023-05-05}',
	'{ba7c0000-0000-4000-8000-000000000002,ba7c0000-0000-4000-8000-000000000002,NULL,NULL}', true);

-- duplicates and keys, within the batch and against the books
SELECT * FROM post_batch(ARRAY[:free, :free, :free, :free, :free], '{1,1,1,-1,1}', 'dup', '{d,d,D,d,d}',
	'{2023-04-04 08:00Z,2023-04-04 08:00Z,2023-04-04 08:00Z,2023-04-04 08:00Z,NULL}', NULL, true);
SELECT * FROM post_batch(ARRAY[:free, :free], '{1,2}', 'dup', '{d,d}', '{2023-04-04 08:00Z,2023-04-04 08:00Z}', NULL, true);
SELECT regress.attempt(format($$SELECT post(%s, 'add', 2, 'dup', 'd', '2023-04-04 08:00Z')$$, :free));
SELECT regress.attempt(format($$SELECT post(%s, 'adjust', 2, 'dup', 'd', '2023-04-04 08:00Z')$$, :free));
SELECT * FROM post_batch(ARRAY[:free, :free, :free, :a, :free], '{1,1,2,1,1}', 'key', NULL, NULL,
	'{ba7c0000-0000-4000-8000-0000000000a1,ba7c0000-0000-4000-8000-0000000000a1,ba7c0000-0000-4000-8000-0000000000a1,ba7c0000-0000-4000-8000-0000000000a1,ba7c0000-0000-4000-8000-0000000000a2}', true);
-- the whole batch once more writes nothing and answers the same
SELECT entry_count FROM account WHERE id = :free;
SELECT * FROM post_batch(ARRAY[:free, :a, :free], '{1,1,1}', 'key', NULL, NULL,
	'{ba7c0000-0000-4000-8000-0000000000a1,ba7c0000-0000-4000-8000-0000000000a1,ba7c0000-0000-4000-8000-0000000000a2}');
SELECT entry_count FROM account WHERE id = :free;
SELECT label, regress.attempt(format('SELECT post_batch(ARRAY[%s], %L, %L, %L, %L, ''{ba7c0000-0000-4000-8000-0000000000a1}'')',
	:free, delta, source, description, recorded_at))
FROM (VALUES ('delta', '{1.000001}', 'key', '{""}', NULL), ('sign', '{-1}', 'key', '{""}', NULL),
	('source', '{1}', 'k', '{""}', NULL), ('description', '{1}', 'key', '{d}', NULL),
	('recorded_at', '{1}', 'key', '{""}', '{2023-04-04}'), ('same', '{1}', 'key', '{""}', '{NULL}'))
	v(label, delta, source, description, recorded_at);
-- another function is another request
SELECT regress.sqlstate(format($$SELECT post(%s, 'add', 1, 'key',
	idempotency_key => 'ba7c0000-0000-4000-8000-0000000000a1')$$, :free));
-- a key and a duplicate: the key takes the place of the test
SELECT * FROM post_batch(ARRAY[:free], '{1}', 'dup', '{d}', '{2023-04-04 08:00Z}', '{ba7c0000-0000-4000-8000-0000000000a3}');

-- the edges of what an amount can hold
SELECT * FROM post_batch(ARRAY[:free, :free, :free, :free, :free, :free],
	ARRAY[9223372036854.775807, -9223372036854.775808, 9223372036854.775807, 9223372036854.775807, -9223372036854.775807, 0.000001]::amount[],
	'edge', skip_refused => true);

-- who booked
SET request.jwt.claims = '{"sub": "importer"}';
SELECT count(*) FROM post_batch(ARRAY[:free], '{1}', 's');
RESET request.jwt.claims;
SELECT booked_by FROM entry WHERE account_id = :free ORDER BY entry_no DESC LIMIT 1;
-- it is one call in one transaction
BEGIN;
SELECT count(*) FROM post_batch(ARRAY[:b, :b], '{1,1}', 's');
SELECT count(*) FROM post_batch(ARRAY[:b, :b], '{1,1}', 's');
SELECT balance FROM post(:b, 'add', 1, 's');
SELECT max(balance) FROM post_batch(ARRAY[:b, :b], '{1,1}', 's');
ROLLBACK;
SELECT balance FROM account WHERE id = :b;

-- the same rows alone and together, row for row: bounds, duplicates and keys
SELECT count(credit_init(regress.party(barcode), 0, 's', '', '2023-04-04', name, 'batch'))
FROM unnest('{batch-alone,batch-together}'::text[]) AS barcode, unnest('{a,b,c}'::text[]) AS name;
SELECT setseed(0.5);
CREATE TEMPORARY TABLE task AS
SELECT n, substr('abc', 1 + floor(random() * 3)::integer, 1) AS name,
	(CASE WHEN random() < 0.1 THEN 0 ELSE round((random() * 30 - 14)::numeric, 1) END)::amount AS delta,
	(ARRAY['x', 'y', NULL])[1 + floor(random() * 3)::integer] AS description,
	CASE WHEN random() < 0.5 THEN timestamptz '2023-04-04' + floor(random() * 3) * interval '1 millisecond' END AS recorded_at,
	CASE WHEN random() < 0.2 THEN ('ba7c0000-0000-4000-8000-00000000b00' || floor(random() * 10))::uuid END AS key
FROM generate_series(1, 3000) AS n;
CREATE TEMPORARY TABLE alone (n integer, entry_no bigint, balance amount, refusal text);
DO $$
DECLARE
	t record;
	e trainledger.booked_entry;
BEGIN
	FOR t IN SELECT * FROM task ORDER BY n LOOP
		BEGIN
			e := post(regress.account('batch-alone', t.name), CASE WHEN t.delta > 0 THEN 'add' ELSE 'subtract' END::operation,
				abs(t.delta), 'batch', t.description, t.recorded_at, idempotency_key => t.key);
			INSERT INTO alone VALUES (t.n, e.entry_no, e.balance);
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO alone VALUES (t.n, NULL, NULL, SQLSTATE);
		END;
	END LOOP;
END
$$;
CREATE TEMPORARY TABLE together AS
SELECT (b).ordinal AS n, (b).entry_no, (b).balance, (b).refusal
FROM (SELECT post_batch(array_agg(regress.account('batch-together', name) ORDER BY n), array_agg(delta ORDER BY n), 'batch',
	array_agg(description ORDER BY n), array_agg(recorded_at ORDER BY n), array_agg(key ORDER BY n), true) AS b
	FROM task) s;
SELECT refusal, count(*) > 20 AS often FROM alone GROUP BY 1 ORDER BY 1;
SELECT count(*) AS different FROM alone a FULL JOIN together t USING (n)
WHERE (a.entry_no, a.balance, a.refusal) IS DISTINCT FROM (t.entry_no, t.balance, t.refusal);
-- and the books after it, columns that say which call it was apart
SELECT count(*) > 300 AS enough, count(*) FILTER (WHERE (a.operation, a.delta, a.balance, a.source, a.description,
	a.recorded_at, a.device, a.booked_by, a.dedup) IS DISTINCT FROM (t.operation, t.delta, t.balance, t.source,
	t.description, t.recorded_at, t.device, t.booked_by, t.dedup)
	OR (a.keyed_call IS NULL) <> (t.keyed_call IS NULL)) AS different
FROM unnest('{a,b,c}'::text[]) AS n(name)
CROSS JOIN LATERAL (SELECT regress.account('batch-alone', n.name) AS a) i
CROSS JOIN LATERAL (SELECT * FROM entry WHERE account_id = i.a) a
FULL JOIN (SELECT acc.name, e.* FROM entry e JOIN account acc ON acc.id = e.account_id
	WHERE acc.party_id = regress.party('batch-together')) t ON t.name = n.name AND t.entry_no = a.entry_no;
SELECT name, count(DISTINCT (balance, entry_count)) AS alike FROM account
WHERE party_id IN (regress.party('batch-alone'), regress.party('batch-together')) GROUP BY 1 ORDER BY 1;

-- very many
SELECT count(*), max(entry_no) - min(entry_no) + 1 AS numbers, max(balance) - min(balance) AS rise
FROM post_batch(array_fill(:free, '{20000}'), array_fill('0.5'::amount, '{20000}'), 'many');
SELECT * FROM reconcile();

-- many accounts are found along their index, where they lie close together:
-- with ids between that are not asked for, ids that are none, others far off,
-- and rows that have moved, so that the index has several entries for an id
SELECT count(credit_init(regress.party('batch-together'), 0, 's', '', '2023-04-04', 'walk ' || n, 'batch-free')) AS opened
FROM generate_series(1, 300) AS n;
CREATE TEMPORARY TABLE walked AS
SELECT id, row_number() OVER (ORDER BY id) AS n FROM account WHERE name LIKE 'walk %';
BEGIN;
-- in one transaction dead versions stay, and fill the pages
SELECT sum((SELECT count(*) FROM post_batch(
	(SELECT array_agg(id ORDER BY n * 7 % 300) FROM walked WHERE n % 3 > 0), array_fill('1'::amount, '{200}'), 'walk ' || i))) AS rows
FROM generate_series(1, 60) AS i;
COMMIT;
SELECT refusal, count(*), min(balance), max(balance), min(entry_no), max(entry_no)
FROM post_batch(
	(SELECT array_agg(id ORDER BY -n) FROM (
		SELECT n, id FROM walked WHERE n % 7 > 0
		UNION ALL SELECT n, id + 1 FROM walked WHERE n % 5 = 0		-- none
		UNION ALL VALUES (-1, -5), (-2, 9223372036854775807), (-3, -9223372036854775808), (-4, 1)) AS a),
	array_fill('1'::amount, ARRAY[(SELECT count(*) FILTER (WHERE n % 7 > 0) + count(*) FILTER (WHERE n % 5 = 0) + 4 FROM walked)::integer]),
	'walk', skip_refused => true)
GROUP BY 1 ORDER BY 1;
SELECT a.entry_count, a.balance, count(*)
FROM walked JOIN account a USING (id) GROUP BY 1, 2 ORDER BY 1;
-- close together at first, and then far apart
SELECT count(credit_init(regress.party('batch-together'), 0, 's', '', '2023-04-04', 'far ' || n, 'batch-free')) AS opened
FROM generate_series(1, 3000) AS n;
CREATE TEMPORARY TABLE far AS
SELECT id, row_number() OVER (ORDER BY id) AS n FROM account WHERE name LIKE 'far %';
SELECT refusal, count(*), min(entry_no), max(entry_no) FROM post_batch(
	(SELECT array_agg(id) FROM (SELECT id FROM far WHERE n <= 70 OR n > 2900 AND n % 10 = 0 UNION ALL SELECT id + 1 FROM far WHERE n % 1000 = 0) AS a),
	array_fill('1'::amount, '{83}'), 'far', skip_refused => true)
GROUP BY 1 ORDER BY 1;
SELECT a.entry_count, count(*), min(n), max(n) FROM far JOIN account a USING (id) GROUP BY 1 ORDER BY 1;
SELECT * FROM reconcile();
