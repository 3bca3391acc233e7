-- What automatic APIs serve (contract, section 12), as the catalogue has it.
-- That it answers over HTTP is for test/t/200_rest.pl.
\pset format unaligned
\pset null (null)
SET search_path = pg_catalog;

-- The functions of trainledger_api that are not documents call a twin: the
-- same names, arguments, defaults and labels, and the same results but for rows
-- of collections
CREATE VIEW pg_temp.signature AS
SELECT p.oid, n.nspname AS schema, p.proname AS name, pg_get_function_arguments(p.oid) AS arguments,
	pg_get_function_result(p.oid) AS result, p.provolatile AS volatility, p.proparallel AS parallel, p.proisstrict AS strict,
	p.proretset AS set, p.prorows AS rows, p.prosrc AS symbol, p.pronargs AS argument_count, p.proargnames AS argument_names,
	obj_description(p.oid, 'pg_proc') AS comment, p.proargtypes::oid[] && array(
		SELECT c.reltype FROM pg_class c WHERE c.relnamespace = 'trainledger_api'::regnamespace) AS embeds
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('trainledger', 'trainledger_api');
SELECT a.name AS differs, a.arguments, t.arguments AS arguments_of_twin, a.result, t.result AS result_of_twin,
	a.volatility, t.volatility AS volatility_of_twin, a.parallel, t.parallel AS parallel_of_twin
FROM pg_temp.signature a JOIN pg_temp.signature t ON t.schema = 'trainledger' AND t.name = a.name
LEFT JOIN trainledger.privilege v ON v.function_name = a.name
WHERE a.schema = 'trainledger_api'
AND (a.arguments, a.result, a.volatility, a.parallel, a.strict, a.rows) IS DISTINCT FROM
	(t.arguments, CASE WHEN v.collection IS NULL THEN t.result ELSE CASE WHEN t.set THEN 'SETOF ' ELSE '' END || 'trainledger_api.' || v.collection END,
	t.volatility, t.parallel, t.strict, t.rows);
-- and the list says which they are, and which of them return a row
SELECT v.function_name AS not_made FROM trainledger.privilege v WHERE v.is_rest <> EXISTS (
	SELECT FROM pg_temp.signature a JOIN pg_temp.signature t ON t.schema = 'trainledger' AND t.name = a.name
	WHERE a.schema = 'trainledger_api' AND a.name = v.function_name);
SELECT a.name AS row_of_no_collection, a.result FROM pg_temp.signature a JOIN pg_proc p ON p.oid = a.oid JOIN pg_type t ON t.oid = p.prorettype
WHERE a.schema = 'trainledger_api' AND t.typtype = 'c' AND t.typnamespace <> 'trainledger_api'::regnamespace;
-- one name, one function
SELECT name AS overloaded FROM pg_temp.signature
WHERE schema = 'trainledger_api' GROUP BY 1 HAVING count(*) > 1;
-- every write function of sections 5 to 11 is there; access is for SQL
SELECT t.name AS not_served FROM pg_temp.signature t
WHERE t.schema = 'trainledger' AND t.volatility = 'v' AND t.result <> 'trigger'
AND NOT EXISTS (SELECT FROM pg_temp.signature a WHERE a.schema = 'trainledger_api' AND a.name = t.name)
ORDER BY 1;
-- and so are these reads, which no view gives
SELECT string_agg(a.name, ' ' ORDER BY a.name) AS reads
FROM pg_temp.signature a JOIN pg_temp.signature t ON t.schema = 'trainledger' AND t.name = a.name
WHERE a.schema = 'trainledger_api' AND a.volatility <> 'v';

-- The comment is all that a client reads: a line that says what the function
-- does and, where there are arguments, a text that names each of them
SELECT name AS undocumented, comment FROM pg_temp.signature
WHERE schema = 'trainledger_api' AND split_part(comment, E'\n', 1) !~ '^[A-Z].*\.$'
OR schema = 'trainledger_api' AND arguments <> '' AND comment !~ '\A[^\n]+\n\n[^\n]+\Z' AND NOT embeds;
SELECT s.name, argument AS undocumented
FROM pg_temp.signature s CROSS JOIN unnest(s.argument_names[:s.argument_count]) argument
WHERE s.schema = 'trainledger_api' AND split_part(s.comment, E'\n\n', 2) !~ ('\m' || argument || '\M');
-- no argument is called what PostgREST takes for itself
SELECT s.name, argument AS reserved
FROM pg_temp.signature s CROSS JOIN unnest(s.argument_names) argument
WHERE s.schema = 'trainledger_api'
AND argument IN ('select', 'order', 'limit', 'offset', 'and', 'or', 'not', 'columns', 'on_conflict', 'apikey');

-- The views of the contract, and others that results refer to
SELECT c.relname AS view, c.relkind AS kind, c.reloptions AS options
FROM pg_class c WHERE c.relnamespace = 'trainledger_api'::regnamespace ORDER BY 1;
-- clients compare without our operators: no type of ours but enums
SELECT a.attrelid::regclass AS view, a.attname AS column_with_type_of_ours, format_type(a.atttypid, NULL) AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'trainledger_api'::regnamespace AND t.typnamespace <> 'pg_catalog'::regnamespace AND t.typtype <> 'e';

-- Functions refuse as their twins do, and in a request as PostgREST wants it
SET search_path = public;
SET ROLE regress_operator;
SELECT regress.refusal($$SELECT trainledger_api.find_party('shoe size', '47')$$);
SELECT regress.refusal($$SELECT trainledger.find_party('shoe size', '47')$$);
BEGIN;
SET LOCAL request.method = 'GET';
SELECT regress.refusal($$SELECT trainledger_api.find_party('shoe size', '47')$$);
SELECT regress.refusal($$SELECT trainledger_api.find_party('id', '404')$$);
SELECT regress.refusal($$SELECT trainledger.find_party('id', '404')$$);
-- what is no refusal stays what it is
SELECT regress.sqlstate($$SELECT trainledger_api.update_party(1, attributes => '{')$$);
SELECT regress.sqlstate($$SELECT trainledger_api.add_region('X', 'X')$$);
ROLLBACK;
-- rows of a set, and one row; who booked is who called
BEGIN;
SELECT name, barcode, kind FROM trainledger_api.add_party('person', 'Ann of the API', barcode => 'api-ann');
SELECT e.delta, e.operation, e.booked_by
FROM trainledger_api.credit_init(regress.party('api-ann'), 12.5, 'api', 'first', '2026-01-01 00:00+00') e;
SELECT ordinal, balance, refusal
FROM trainledger_api.post_batch(ARRAY[regress.account('api-ann'), regress.account('api-ann')], '{1,-0.5}', 'api');
SELECT entry_no, delta, balance FROM trainledger_api.credit_transactions
WHERE account_id = regress.account('api-ann') ORDER BY 1;
SELECT trainledger_api.credit_balance(regress.party('api-ann'));
SELECT count(*) FROM trainledger_api.reconcile(regress.account('api-ann'));
-- relations without a foreign key
SELECT a.name, t.entry_no FROM trainledger_api.credit_accounts a, trainledger_api.credit_transactions(a) t
WHERE a.id = regress.account('api-ann') ORDER BY 2;
SELECT DISTINCT a.name, a.balance FROM trainledger_api.credit_transactions t, trainledger_api.credit_accounts(t) a
WHERE t.account_id = regress.account('api-ann');
-- and they are inlined: no function is scanned
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql
AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) > 1 AS lines, count(*) FILTER (WHERE line ~ 'Function Scan') AS function_scans
FROM pg_temp.plan('SELECT t.entry_no FROM trainledger_api.credit_accounts a, trainledger_api.credit_transactions(a) t WHERE a.id = 47') line;
ROLLBACK;

-- What a function returns of a collection is its row there: all functions are
-- called in test/t/210_rest_functions.pl
RESET ROLE;
BEGIN;
SET LOCAL ROLE regress_admin;
SELECT p::text AS returned FROM trainledger_api.add_party('person', 'Bea of the API', barcode => 'api-bea') p \gset
SELECT p::text = :'returned' AS listed FROM trainledger_api.parties p WHERE p.barcode = 'api-bea';
SELECT p::text = :'returned' AS found FROM trainledger_api.find_party('barcode', 'api-bea') p;
SELECT c::text AS returned FROM trainledger_api.credit_init(regress.party('api-bea'), 1, 's', 'd', '2026-01-01 00:00+00') c \gset
SELECT c::text = :'returned' AS listed FROM trainledger_api.credit_transactions c WHERE c.account_id = regress.account('api-bea');
-- a replay says so, and is the entry that is listed otherwise
CREATE TEMPORARY TABLE answer ON COMMIT DROP AS
SELECT c.* FROM trainledger_api.credit_add(regress.party('api-bea'), 0.1, 's', 'd', '2026-01-01 00:00+00',
	idempotency_key => '00000000-0000-4000-8000-000000000001') c;
INSERT INTO answer
SELECT c.* FROM trainledger_api.credit_add(regress.party('api-bea'), 0.1, 's', 'd', '2026-01-01 00:00+00',
	idempotency_key => '00000000-0000-4000-8000-000000000001') c;
INSERT INTO answer SELECT c.* FROM trainledger_api.credit_transactions c WHERE c.account_id = regress.account('api-bea') AND c.entry_no = 2;
SELECT array_agg(a.is_replay) AS replays, count(DISTINCT to_jsonb(a) - 'is_replay') AS entries FROM answer a;
-- a change is seen, also in the statement that makes it
SELECT p.name, f.name AS found FROM trainledger_api.update_party(regress.party('api-bea'), name => 'Bee') p
CROSS JOIN LATERAL trainledger_api.update_party(p.id, name => p.name || '!') f;
SELECT name FROM trainledger_api.parties WHERE barcode = 'api-bea';
-- sets: all of it, some, none, and in the list of a query
SELECT count(*) FROM generate_series(1, 4) i, LATERAL trainledger_api.credit_add(regress.party('api-bea'), i, 's', 'd', clock_timestamp());
SELECT array_agg(h::text ORDER BY h.entry_no) = (SELECT array_agg(c::text ORDER BY c.entry_no) FROM trainledger_api.credit_transactions c
	WHERE c.account_id = regress.account('api-bea')) AS listed, count(*)
FROM trainledger_api.credit_history(regress.party('api-bea')) h;
SELECT entry_no, balance FROM trainledger_api.credit_history(regress.party('api-bea'), before_entry => 5, max_entries => 2);
SELECT count(*) FROM trainledger_api.credit_history(regress.party('api-bea'), max_entries => 0);
SELECT (h).entry_no FROM (SELECT trainledger_api.credit_history(regress.party('api-bea')) h LIMIT 2) q;
SELECT regress.sqlstate(format('SELECT trainledger_api.credit_history(%s, %L)', regress.party('api-bea'), 'none'));
SELECT type_id, active, maximum_activations FROM trainledger_api.add_catalog_item('course', 'API-1', 'Course') c,
	LATERAL trainledger_api.import_signup_tokens(format('<Tokens><Token><TokenType>1</TokenType><TokenTypeId>%s</TokenTypeId><Active>1</Active>'
		'<MaximumActivations>7</MaximumActivations></Token></Tokens>', c.code)::bytea);
-- a view that grows during the session
RESET ROLE;
SELECT code, name FROM trainledger_api.add_region('api-1', 'One');
DO $$
BEGIN
	EXECUTE 'CREATE OR REPLACE VIEW trainledger_api.regions WITH (security_invoker = true) AS SELECT r.*, 1 AS new FROM ('
		|| rtrim(pg_get_viewdef('trainledger_api.regions'::regclass), ';') || ') r';
END
$$;
SELECT code, name, new FROM trainledger_api.add_region('api-2', 'Two');
ROLLBACK;
-- in a worker, and of a learner's own
BEGIN;
SELECT count(c.*) FROM trainledger.add_party('person', 'Cid of the API', barcode => 'api-cid') p,
	LATERAL trainledger.credit_init(p.id, 1, 's', 'd', '2026-01-01 00:00+00') c;
SELECT set_config(name, 'on', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT set_config('trainledger.party_id', regress.party('api-cid')::text, true) IS NOT NULL AS set;
SET LOCAL ROLE regress_learner;
SELECT p.name, p.global_id = trainledger.global_id('Person', p.id::text) AS global_id, h.balance
FROM trainledger_api.find_party('barcode', 'api-cid') p, LATERAL trainledger_api.credit_history(p.id) h;
ROLLBACK;
-- who may call a function but not see the row: nothing is done
BEGIN;
GRANT USAGE ON SCHEMA trainledger, trainledger_api TO regress_nobody;
GRANT EXECUTE ON FUNCTION trainledger_api.add_party, trainledger.add_party TO regress_nobody, regress_learner;
SET LOCAL ROLE regress_nobody;
SELECT regress.attempt($$SELECT trainledger_api.add_party('person', 'Dan', barcode => 'api-dan')$$);
SET LOCAL ROLE regress_learner;
SELECT regress.refusal($$SELECT trainledger_api.add_party('person', 'Dan', barcode => 'api-dan')$$);
RESET ROLE;
SELECT regress.party('api-dan');
ROLLBACK;

-- Nobody writes through the views, not even where PostgreSQL could
SET ROLE regress_admin;
SELECT regress.attempt($$INSERT INTO trainledger_api.currencies VALUES ('X', 'x', 2)$$);
SELECT regress.attempt($$UPDATE trainledger_api.parties SET name = 'x'$$);
SELECT regress.attempt($$DELETE FROM trainledger_api.catalog_items$$);
RESET ROLE;
