-- The public surface of both schemas (contract, sections 2 and 15): a change of
-- it shows as a difference here. Names and arguments are for ever; rows and
-- views grow only at their end.
\pset format unaligned
\pset null -
SET search_path = pg_catalog;

-- Functions, with what each schema's returns
SELECT v.level, format('%s(%s)', p.proname, pg_get_function_arguments(p.oid)) AS function, p.provolatile AS volatility, p.proparallel AS parallel,
	max(pg_get_function_result(p.oid)) FILTER (WHERE p.pronamespace = 'trainledger'::regnamespace) AS trainledger,
	max(pg_get_function_result(p.oid)) FILTER (WHERE p.pronamespace = 'trainledger_api'::regnamespace) AS trainledger_api
FROM pg_proc p JOIN trainledger.privilege v ON v.function_name = p.proname
WHERE p.pronamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace)
GROUP BY 1, 2, 3, 4, p.proname ORDER BY 1, p.proname COLLATE "C", 2;

-- Tables, views and composite types
SELECT c.oid::regclass AS relation, c.relkind AS kind, a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace) AND c.relkind IN ('r', 'v', 'c')
ORDER BY c.relnamespace::regnamespace::text COLLATE "C", c.relname COLLATE "C", a.attnum;

-- Other types; labels are for ever too
SELECT t.oid::regtype AS type, t.typtype AS kind, array(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels
FROM pg_type t
WHERE t.typnamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace) AND t.typtype <> 'c' AND t.typelem = 0
ORDER BY t.oid::regtype::text COLLATE "C";
