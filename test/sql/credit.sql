-- Credit accounts: the typed calls (contract, section 7)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET ROLE regress_admin;
SELECT name, scale FROM add_credit_token_type('credit-gold', scale => 0);
SELECT name, bounds FROM add_credit_token_type('credit-bounded', lower_bound => -5, upper_bound => 10);
SELECT name FROM add_credit_token_type('credit-inactive');
SELECT name FROM add_credit_token_type('credit-archived');
SELECT name, is_active FROM update_token_type(regress.type('credit-inactive'), is_active => false);
SELECT kind, name FROM add_training_token_type('credit-training');
SET ROLE regress_operator;
SELECT barcode FROM unnest('{credit-ann,credit-bob,credit-history}'::text[]) AS b, add_party('person', b, barcode => b);

-- the default type is made by the first init that needs it, and by nothing else
BEGIN;
SET LOCAL ROLE regress_admin;
SELECT count(*) <= 1 AS set_aside
FROM token_type t, update_token_type(t.id, name => 'credit-set-aside') WHERE t.kind = 'credit' AND t.name = 'default';
SELECT add_training_token_type('default') IS NULL AS made WHERE NOT EXISTS (
	SELECT FROM token_type WHERE kind = 'training' AND name = 'default');
SET LOCAL ROLE regress_operator;
SELECT label, r.*
FROM (VALUES
	('add', $$SELECT credit_add(regress.party('credit-ann'), 5, 's', 'd', now())$$),
	('subtract', $$SELECT credit_subtract(regress.party('credit-ann'), 5, 's', 'd', now())$$),
	('balance', $$SELECT credit_balance(regress.party('credit-ann'))$$),
	('history', $$SELECT credit_history(regress.party('credit-ann'))$$),
	('refused init', $$SELECT credit_init(regress.party('credit-ann'), 5, 's', 'd', now(), balance_expected => 6)$$),
	('init of nobody', $$SELECT credit_init(0, 5, 's', 'd', now())$$)
) v(label, statement), LATERAL (SELECT code, message, regexp_replace(detail, 'arty [1-9]\d*', 'arty N') AS detail, hint
	FROM regress.refusal(statement)) r;
SELECT count(*) FROM token_type WHERE kind = 'credit' AND name = 'default';
SELECT operation, delta, balance FROM credit_init(regress.party('credit-ann'), 99.905, 's', 'd', '2023-04-04');
SELECT kind, name, unit, scale, bounds, symbol, description, is_active, is_archived, created_at <= clock() AS past
FROM token_type WHERE kind = 'credit' AND name = 'default';
SELECT operation, delta, balance FROM credit_init(regress.party('credit-bob'), 1, 's', 'd', '2023-04-04', 'second');
SELECT count(*) FROM token_type WHERE kind = 'credit' AND name = 'default';
ROLLBACK;

-- one after the other
SELECT entry_no, operation, delta, balance, source, description,
	recorded_at AT TIME ZONE 'UTC' AS recorded_at, device, booked_by, keyed_call
FROM regress.stored(credit_init(regress.party('credit-ann'), 100, 'till', 'Opened', '2023-04-04 08:41:30Z'));
SELECT entry_no, operation, delta, balance, source, description,
	recorded_at AT TIME ZONE 'UTC' AS recorded_at, device, booked_by, keyed_call
FROM regress.stored(credit_add(party_id => regress.party('credit-ann'), amount => 20.505, source => 'till', description => 'Bonus',
	recorded_at => '2023-04-04 08:42Z', account_name => 'default', token_type => 'default', rounding => 'half_even',
	balance_expected => 120.5, device => 'id:7', idempotency_key => 'c4ed1700-0000-4000-8000-000000000001'));
SELECT entry_no, operation, delta, balance FROM credit_subtract(regress.party('credit-ann'), 0.5, 'till', '', '2023-04-04 08:43Z');
SELECT credit_balance(regress.party('credit-ann')), credit_balance(regress.party('credit-ann'), 'default', 'default');
SELECT balance, initial_balance, entry_count FROM trainledger_internal.credit_account(regress.party('credit-ann'));
-- null stands for what is left out
SELECT entry_no, balance, device FROM credit_add(regress.party('credit-ann'), 1, 's', 'd', now(), NULL, NULL, NULL, NULL, NULL, NULL);

-- accounts by name, and of several types
SELECT name, type, balance
FROM (VALUES ('bar', 'default', 7), ('default', 'credit-gold', 0), ('bar', 'credit-gold', -3),
	('Bar', 'credit-gold', 2.5), (repeat('ü', 250), 'credit-gold', 1)) v(name, type, amount),
	credit_init(regress.party('credit-ann'), amount, 's', 'd', '2023-04-04', name, type);
SELECT balance FROM credit_add(regress.party('credit-ann'), 10, 's', 'd', now(), 'bar', 'credit-gold');
SELECT left(a.name, 7) AS name, t.name AS type, a.balance, a.entry_count,
	credit_balance(a.party_id, a.name, t.name) = a.balance AS same
FROM account a JOIN token_type t ON t.id = a.token_type_id
WHERE a.party_id = regress.party('credit-ann') ORDER BY a.created_at, a.id;
-- another's account of the same name is another
SELECT balance FROM credit_init(regress.party('credit-bob'), 1, 's', 'd', '2023-04-04');
SELECT credit_balance(regress.party('credit-ann')), credit_balance(regress.party('credit-bob'));

-- what the arguments alone show
SELECT f, label, r.code, r.message, r.detail
FROM (VALUES
	('party null', 'NULL, 1, ''s'', ''d'', now()'),
	('amount null', '0, NULL, ''s'', ''d'', now()'),
	('source null', '0, 1, NULL, ''d'', now()'),
	('source empty', '0, 1, '''', ''d'', now()'),
	('description null', '0, 1, ''s'', NULL, now()'),
	('recorded_at null', '0, 1, ''s'', ''d'', NULL'),
	('recorded_at infinity', '0, 1, ''s'', ''d'', ''infinity'''),
	('account empty', '0, 1, ''s'', ''d'', now(), '''''),
	('account 251', '0, 1, ''s'', ''d'', now(), repeat(''ü'', 251)'),
	('type empty', '0, 1, ''s'', ''d'', now(), token_type => '''''),
	('type 251', '0, 1, ''s'', ''d'', now(), token_type => repeat(''x'', 251)'),
	('source 8193', '0, 1, repeat(''x'', 8193), ''d'', now()'),
	('description 8193', '0, 1, ''s'', repeat(''x'', 8193), now()'),
	('description 8194 multibyte', '0, 1, ''s'', repeat(''ü'', 4097), now()'),
	('device 8193', '0, 1, ''s'', ''d'', now(), device => repeat(''x'', 8193)'),
	('NaN', '0, ''NaN'', ''s'', ''d'', now()'),
	('Infinity', '0, ''Infinity'', ''s'', ''d'', now()'),
	('1e30', '0, 1e30, ''s'', ''d'', now()'),
	('expected NaN', '0, 1, ''s'', ''d'', now(), balance_expected => ''NaN''')
) v(label, arguments),
unnest('{credit_init,credit_add,credit_subtract}'::text[]) f, regress.refusal(format('SELECT %s(%s)', f, arguments)) r
WHERE f = 'credit_add' OR r.code <> 'TL400';
SELECT f, amount, regress.attempt(format('SELECT %s(0, %s, ''s'', ''d'', now())', f, amount))
FROM unnest('{credit_init,credit_add,credit_subtract}'::text[]) f, unnest('{0,-1,-1e-30,1e-30}'::numeric[]) amount;
-- what is just short enough is kept whole
SELECT octet_length(source), octet_length(description), octet_length(device)
FROM credit_add(regress.party('credit-bob'), 1, repeat('x', 8192), repeat('ü', 4096), now(), device => repeat('x', 8192));

-- what is not there, or not to be
SELECT label, r.code, r.message, regexp_replace(r.detail, '(arty|ccount) [1-9]\d*', '\1 N') AS detail, r.hint
FROM (VALUES
	('init twice', $$SELECT credit_init(regress.party('credit-ann'), 1, 's', 'd', now())$$),
	('init negative twice', $$SELECT credit_init(regress.party('credit-ann'), -1, 's', 'd', now(), 'bar')$$),
	('add before init', $$SELECT credit_add(regress.party('credit-ann'), 1, 's', 'd', now(), 'none')$$),
	('subtract before init', $$SELECT credit_subtract(regress.party('credit-ann'), 1, 's', 'd', now(), token_type => 'credit-bounded')$$),
	('balance before init', $$SELECT credit_balance(regress.party('credit-ann'), 'none')$$),
	('history before init', $$SELECT credit_history(regress.party('credit-ann'), 'none', 'credit-gold')$$),
	('type unknown', $$SELECT credit_init(regress.party('credit-ann'), 1, 's', 'd', now(), token_type => 'credit-none')$$),
	('type in other case', $$SELECT credit_init(regress.party('credit-ann'), 1, 's', 'd', now(), token_type => 'Credit-gold')$$),
	('type of training', $$SELECT credit_init(regress.party('credit-ann'), 1, 's', 'd', now(), token_type => 'credit-training')$$),
	('add type unknown', $$SELECT credit_add(regress.party('credit-ann'), 1, 's', 'd', now(), token_type => 'credit-none')$$),
	('balance type unknown', $$SELECT credit_balance(regress.party('credit-ann'), token_type => 'credit-none')$$),
	('history type unknown', $$SELECT credit_history(regress.party('credit-ann'), token_type => 'credit-none')$$),
	('party unknown', $$SELECT credit_add(0, 1, 's', 'd', now())$$),
	('balance party unknown', $$SELECT credit_balance(0)$$),
	('history party unknown', $$SELECT credit_history(0)$$),
	('inactive', $$SELECT credit_init(regress.party('credit-ann'), 1, 's', 'd', now(), token_type => 'credit-inactive')$$),
	('init above', $$SELECT credit_init(regress.party('credit-ann'), 10.01, 's', 'd', now(), token_type => 'credit-bounded')$$),
	('init below', $$SELECT credit_init(regress.party('credit-ann'), -5.01, 's', 'd', now(), token_type => 'credit-bounded')$$),
	('init expected', $$SELECT credit_init(regress.party('credit-ann'), 5, 's', 'd', now(), token_type => 'credit-bounded', balance_expected => 5.01)$$),
	('history negative', $$SELECT credit_history(regress.party('credit-ann'), max_entries => -1)$$)
) v(label, statement), regress.refusal(statement) r;
-- init at the bounds
SELECT name, balance FROM (VALUES ('upper', 10), ('lower', -5), ('zero', 0)) v(name, amount),
	credit_init(regress.party('credit-ann'), amount, 's', 'd', now(), name, 'credit-bounded', balance_expected => amount);
-- archived: no new account, what is there goes on
SELECT balance FROM credit_init(regress.party('credit-ann'), 5, 's', 'd', now(), token_type => 'credit-archived');
SET ROLE regress_admin;
SELECT name, is_archived FROM update_token_type(regress.type('credit-archived'), is_archived => true);
SET ROLE regress_operator;
SELECT balance FROM credit_add(regress.party('credit-ann'), 1, 's', 'd', now(), token_type => 'credit-archived');
SELECT credit_balance(regress.party('credit-ann'), token_type => 'credit-archived');
SELECT r.* FROM regress.refusal($$SELECT credit_init(regress.party('credit-bob'), 1, 's', 'd', now(),
	token_type => 'credit-archived')$$) r;
-- inactive: nothing is posted, everything is read
SET ROLE regress_admin;
SELECT name, is_active FROM update_token_type(regress.type('credit-archived'), is_active => false);
SET ROLE regress_operator;
SELECT f, regress.attempt(format($$SELECT %s(regress.party('credit-ann'), 1, 's', 'd', now(),
	token_type => 'credit-archived')$$, f)) FROM unnest('{credit_add,credit_subtract}'::text[]) f;
SELECT credit_balance(regress.party('credit-ann'), token_type => 'credit-archived');
SELECT count(*) FROM credit_history(regress.party('credit-ann'), token_type => 'credit-archived');
-- suspended: keeps what it has and acquires nothing
SELECT is_suspended FROM update_party(regress.party('credit-bob'), is_suspended => true);
SELECT label, regress.attempt(statement)
FROM (VALUES
	('add', $$SELECT credit_add(regress.party('credit-bob'), 1, 's', 'd', now())$$),
	('init', $$SELECT credit_init(regress.party('credit-bob'), 1, 's', 'd', now(), 'new')$$),
	('init zero', $$SELECT credit_init(regress.party('credit-bob'), 0, 's', 'd', now(), 'new')$$),
	('subtract', $$SELECT credit_subtract(regress.party('credit-bob'), 1, 's', 'd', now())$$),
	('balance', $$SELECT credit_balance(regress.party('credit-bob'))$$)) v(label, statement);
SELECT is_suspended FROM update_party(regress.party('credit-bob'), is_suspended => false);

-- keys: per party while there is no account
SELECT entry_no, balance, keyed_call FROM regress.stored(credit_init(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', 'keyed',
	idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1'));
SELECT label, regress.answer(format('SELECT row(entry_no, operation, delta, balance) FROM %s', call))
FROM (VALUES
	('same', $$credit_init(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('same after rounding', $$credit_init(regress.party('credit-bob'), 4.999, 's', 'd', '2023-04-04', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('amount', $$credit_init(regress.party('credit-bob'), 6, 's', 'd', '2023-04-04', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('source', $$credit_init(regress.party('credit-bob'), 5, 'S', 'd', '2023-04-04', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('description', $$credit_init(regress.party('credit-bob'), 5, 's', '', '2023-04-04', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('recorded_at', $$credit_init(regress.party('credit-bob'), 5, 's', 'd', '2023-04-05', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('device', $$credit_init(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', 'keyed', device => 'x', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('function', $$credit_add(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('another account', $$credit_init(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', 'other', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('another type', $$credit_init(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', 'keyed', 'credit-gold', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('another party', $$credit_init(regress.party('credit-ann'), 5, 's', 'd', '2023-04-04', 'keyed', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('add on the other', $$credit_add(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$),
	('and again', $$credit_add(regress.party('credit-bob'), 5, 's', 'd', '2023-04-04', idempotency_key => 'c4ed1700-0000-4000-8000-0000000000a1')$$)
) v(label, call);

-- duplicates, by any of the calls
SELECT label, regress.attempt(statement)
FROM (VALUES
	('add', $$SELECT credit_add(regress.party('credit-bob'), 3, 's', 'd', '2023-06-06')$$),
	('add again', $$SELECT credit_add(regress.party('credit-bob'), 3, 's', 'd', '2023-06-06')$$),
	('post again', $$SELECT post(regress.account('credit-bob'), 'add', 3, 's', 'd', '2023-06-06')$$),
	('batch again', $$SELECT post_batch(ARRAY[regress.account('credit-bob')], '{3}', 's', '{d}', '{2023-06-06}')$$),
	('subtract', $$SELECT credit_subtract(regress.party('credit-bob'), 3, 's', 'd', '2023-06-06')$$),
	('subtract again', $$SELECT credit_subtract(regress.party('credit-bob'), 3, 's', 'd', '2023-06-06')$$),
	('another account', $$SELECT credit_add(regress.party('credit-bob'), 3, 's', 'd', '2023-06-06', 'keyed')$$)) v(label, statement);

-- history: newest first, page by page
SELECT count(*) FROM credit_init(regress.party('credit-history'), 0, 's', 'd', '2023-04-04'), LATERAL (
	SELECT count(post(account_id, 'add', step, 's')) FROM generate_series(1, 249) AS step) p;
SELECT count(*), max(entry_no), min(entry_no) FROM credit_history(regress.party('credit-history'));
SELECT entry_no, delta, balance FROM credit_history(regress.party('credit-history'), max_entries => 3);
SELECT entry_no, delta, balance FROM credit_history(regress.party('credit-history'), before_entry => 248, max_entries => 3);
SELECT array_agg(entry_no) FROM credit_history(regress.party('credit-history'), before_entry => 3);
-- a page costs what it shows, however much was booked after it, once its plan is kept too
DO $$
DECLARE
	was bigint;
	read bigint := 0;
BEGIN
	FOR i IN 1..8 LOOP
		was := pg_stat_get_xact_tuples_fetched('trainledger.entry_pkey'::regclass);
		PERFORM FROM trainledger.credit_history(regress.party('credit-history'), before_entry => 11, max_entries => 5);
		read := greatest(read, pg_stat_get_xact_tuples_fetched('trainledger.entry_pkey'::regclass) - was);
	END LOOP;
	RAISE NOTICE 'few entries are read: %', read BETWEEN 5 AND 20;
END $$;
SELECT before_entry, max_entries, count(h.*), max(h.entry_no), min(h.entry_no)
FROM (VALUES (1::bigint, 100), (0, 100), (-1, 100), (9223372036854775807, 100), (2, 0), (NULL, 0), (NULL, NULL),
	(251, 2147483647), (101, 100)) v(before_entry, max_entries)
LEFT JOIN LATERAL credit_history(regress.party('credit-history'), 'default', 'default', before_entry, max_entries) h ON true
GROUP BY 1, 2 ORDER BY 1, 2;
-- the pages together are the whole
WITH RECURSIVE page AS (
	SELECT array_agg(entry_no) AS entries FROM credit_history(regress.party('credit-history'), max_entries => 7)
	UNION ALL
	SELECT (SELECT array_agg(h.entry_no) FROM credit_history(regress.party('credit-history'),
		before_entry => page.entries[array_upper(page.entries, 1)], max_entries => 7) h)
	FROM page WHERE page.entries IS NOT NULL)
SELECT count(*) AS entries, count(DISTINCT e) AS distinct
FROM page, unnest(page.entries) e;
BEGIN READ ONLY;
SELECT credit_balance(regress.party('credit-history')), (SELECT count(*) FROM credit_history(regress.party('credit-history')));
ROLLBACK;
SELECT * FROM reconcile();
