-- Rules that every object of the extension keeps (contract, sections 2, 15)
\pset format unaligned
\pset null (null)

CREATE TEMPORARY TABLE member AS
SELECT d.classid, d.objid
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'trainledger'
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';
-- what the server makes by itself: row, array and multirange types, their
-- constructors, sequences of identity columns, operator families
CREATE TEMPORARY TABLE generated AS
SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype = 'i'
UNION SELECT 'pg_type'::regclass, r.rngmultitypid FROM pg_range r
UNION SELECT 'pg_opfamily'::regclass, f.oid FROM pg_opfamily f;
CREATE TEMPORARY TABLE function AS
SELECT p.*, l.lanname AS language
FROM member m JOIN pg_proc p ON p.oid = m.objid JOIN pg_language l ON l.oid = p.prolang
WHERE m.classid = 'pg_proc'::regclass;
CREATE TEMPORARY TABLE relation AS
SELECT c.* FROM member m JOIN pg_class c ON c.oid = m.objid WHERE m.classid = 'pg_class'::regclass;
SELECT count(*) > 100 AS members, (SELECT count(*) > 50 FROM function) AS functions,
	(SELECT count(*) FILTER (WHERE relkind = 'r') >= 8 FROM relation) AS tables
FROM member;

-- everything has a comment, down to columns, triggers and policies
SELECT pg_describe_object(m.classid, m.objid, 0) AS no_comment
FROM member m
WHERE obj_description(m.objid, (SELECT relname FROM pg_class WHERE oid = m.classid)) IS NULL
AND (m.classid, m.objid) NOT IN (SELECT classid, objid FROM generated) ORDER BY 1;
SELECT format('%s.%s', r.relname, a.attname) AS no_comment
FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE r.relkind IN ('r', 'v', 'm', 'c', 'p') AND col_description(r.oid, a.attnum) IS NULL ORDER BY 1;
SELECT format('%s on %s', t.tgname, r.relname) AS no_comment
FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
WHERE NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL;
SELECT format('%s on %s', p.polname, r.relname) AS no_comment
FROM pg_policy p JOIN relation r ON r.oid = p.polrelid WHERE obj_description(p.oid, 'pg_policy') IS NULL;
-- a sentence, and of the thing itself
SELECT proname, obj_description(oid, 'pg_proc') AS comment FROM function
WHERE obj_description(oid, 'pg_proc') !~ '^[A-Z].*[.)]$' AND oid::regprocedure::text !~ 'amount' ORDER BY 1;

-- nothing is outside the three schemas
SELECT DISTINCT o.schema AS foreign_schema
FROM member m CROSS JOIN LATERAL pg_identify_object(m.classid, m.objid, 0) AS o
WHERE o.schema IS NOT NULL AND o.schema NOT IN ('trainledger', 'trainledger_api', 'trainledger_internal');
-- snake_case, but for documents with names of their own
CREATE TEMPORARY TABLE document AS
SELECT p.oid FROM function p WHERE p.pronamespace = 'trainledger_internal'::regnamespace
AND p.proname IN (SELECT proname FROM function WHERE pronamespace = 'trainledger_api'::regnamespace)
AND p.proname NOT IN (SELECT proname FROM function WHERE pronamespace = 'trainledger'::regnamespace);
SELECT proname AS odd_name FROM function p
WHERE pronamespace <> 'trainledger_api'::regnamespace AND proname !~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*$'
AND oid NOT IN (SELECT oid FROM document);
-- internal functions call each other by name alone, so none has a name of the server's
SELECT proname AS name_of_the_server FROM function
WHERE pronamespace = 'trainledger_internal'::regnamespace
AND proname IN (SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace);
SELECT format('%s.%s', r.relname, a.attname) AS odd_name
FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE r.relnamespace <> 'trainledger_api'::regnamespace AND r.relkind IN ('r', 'v')
AND (a.attname !~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*$' OR r.relname !~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*$');
SELECT p.oid::regprocedure AS unnamed_argument
FROM function p, LATERAL generate_series(1, p.pronargs) AS i
WHERE p.oid::regprocedure::text !~ 'amount' AND p.pronamespace <> 'trainledger_api'::regnamespace AND p.oid NOT IN (SELECT oid FROM document) AND p.pronargs > 0
AND (p.proargnames IS NULL OR p.proargnames[i] = '') AND p.oid NOT IN (SELECT objid FROM generated WHERE classid = 'pg_proc'::regclass);
-- no two functions differ only in argument types
SELECT proname, count(*) AS alike FROM function p
WHERE p.oid NOT IN (SELECT objid FROM generated WHERE classid = 'pg_proc'::regclass)
AND prokind = 'f' AND p.oid NOT IN (SELECT oprcode FROM pg_operator) AND p.oid NOT IN (SELECT castfunc FROM pg_cast)
GROUP BY pronamespace, proname, pronargs HAVING count(*) > 1;

-- what runs as its owner, and what is interpreted, has a search_path of its
-- own; but embeddings of trainledger_api are only planned into a request without
-- one, name everything in full, operators too, and run as their caller
SELECT oid::regprocedure AS not_pinned FROM function
WHERE (prosecdef OR language = 'plpgsql' OR (language = 'sql' AND prosqlbody IS NULL))
AND NOT EXISTS (SELECT FROM unnest(proconfig) s WHERE s = CASE WHEN pronamespace = 'trainledger_internal'::regnamespace
	THEN 'search_path=pg_catalog, trainledger_internal, pg_temp' ELSE 'search_path=pg_catalog, pg_temp' END)
AND NOT (pronamespace = 'trainledger_api'::regnamespace AND language = 'sql' AND NOT prosecdef
	AND prosrc ~ '^SELECT (\w+)\.\* FROM trainledger_api\.\w+ \1 WHERE \1\.\w+ OPERATOR\(pg_catalog\.=\) \$1\.\w+$') ORDER BY 1::text;
/*
 * A call of a function of ours fits it exactly, so that no function of the same
 * name fits better, whoever adds one. A literal has a type, unless ours takes
 * text: among functions that fit the arguments whose types are known, the server
 * prefers text for one that is not, and no two functions have the same types.
 * No argument is left to its default: a function without it would come first.
 * Bodies in BEGIN ATOMIC, views and policies keep the function that they found
 * when they were made; they are read as the server prints them.  Functions of
 * trainledger_internal call each other without the schema: internal has their
 * names, for a source that may.
 */
CREATE FUNCTION pg_temp.calls(source text, internal text[])
RETURNS TABLE (schema text, name text, arguments text[])
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
	token text;
	before text := '';
	depth integer := 0;
	-- of each bracket that is open: whose it is (null: no call of ours), and
	-- the arguments so far
	schemas text[] := '{}';
	names text[] := '{}';
	given text[] := '{}';
	found text[];
BEGIN
	FOR token IN
		SELECT m[1] FROM regexp_matches(source,
			$re$(E?'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|\s+|[\w.]+|.)$re$, 'g') m
	LOOP
		CONTINUE WHEN token ~ '^(--|/\*)';
		IF token IN ('(', '[') THEN
			found := CASE WHEN token = '(' THEN regexp_match(before, '(trainledger\w*)\."?(\w+)"?\s*$') END;
			IF found IS NULL AND token = '(' THEN
				found := regexp_match(before, '()(?:^|[^\w."])"?(\w+)"?\s*$');
				found := CASE WHEN found[2] = ANY (internal) THEN ARRAY['trainledger_internal', found[2]] END;
			END IF;
			depth := depth + 1;
			schemas[depth] := found[1];
			names[depth] := found[2];
			given[depth] := '';
		ELSIF depth > 0 AND token IN (')', ']') THEN
			IF names[depth] IS NOT NULL THEN
				schema := schemas[depth];
				name := names[depth];
				arguments := CASE WHEN given[depth] ~ '^\s*$' THEN '{}'
					ELSE string_to_array(given[depth], E'\x01') END;
				RETURN NEXT;
			END IF;
			depth := depth - 1;
			given[depth] := given[depth] || '()';
		ELSIF depth > 0 THEN
			given[depth] := given[depth] || CASE token WHEN ',' THEN E'\x01' ELSE token END;
		END IF;
		before := right(before || token, 100);
	END LOOP;
END
$$;
SELECT c.name, c.arguments FROM pg_temp.calls($$ x := trainledger.a('x', f(trainledger."B"()), NULL)
	|| '(trainledger.c(' || trainledger.d(ARRAY['x', 'y'], 'it''s' -- ,
	::text) || f(1) || x.g(2) || "g" (trainledger.h(3)) || trainledger.f(4) $$, '{f,g}') c;
CREATE TEMPORARY TABLE call AS
SELECT s.object, c.* FROM (
	SELECT p.oid::regprocedure::text, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
		(SELECT array_agg(i.proname::text) FROM function i WHERE i.pronamespace = p.pronamespace AND p.pronamespace = 'trainledger_internal'::regnamespace)
	FROM function p WHERE p.language IN ('plpgsql', 'sql')
	UNION ALL SELECT oid::regclass::text, pg_get_viewdef(oid), NULL FROM relation WHERE relkind = 'v'
	UNION ALL SELECT polrelid::regclass || ' ' || polname, pg_get_expr(polqual, polrelid), NULL FROM pg_policy
) s(object, source, internal), pg_temp.calls(s.source, s.internal) c;
SELECT count(*) > 300 AS unqualified FROM call WHERE schema = 'trainledger_internal';
SELECT count(*) > 500 AS calls, count(DISTINCT object) > 100 AS objects, count(DISTINCT name) > 50 AS functions FROM call;
SELECT c.object, c.name AS untyped_literal, a.number, btrim(a.argument, E' \n\t') AS argument
FROM call c CROSS JOIN LATERAL unnest(c.arguments) WITH ORDINALITY a(argument, number)
CROSS JOIN LATERAL (SELECT CASE WHEN a.argument ~* '^\s*(E?''.*''|null)\s*$' THEN 'text'
	WHEN a.argument ~ '^\s*[-+]?\d+\s*$' THEN 'integer' WHEN a.argument ~ '^\s*[-+]?[\d.]+\s*$' THEN 'numeric' END::regtype) AS l(type)
WHERE l.type IS NOT NULL AND NOT EXISTS (SELECT FROM function p
	WHERE p.pronamespace::regnamespace::text = c.schema AND p.proname = c.name AND p.proargtypes[a.number - 1] = l.type)
ORDER BY 1, 2, 3;
SELECT c.object, c.name AS leaves_defaults FROM call c
WHERE (c.schema, c.name) IN (SELECT pronamespace::regnamespace::text, proname FROM function) AND NOT EXISTS (SELECT FROM function p
	WHERE p.pronamespace::regnamespace::text = c.schema AND p.proname = c.name AND (p.pronargs = cardinality(c.arguments) OR p.provariadic <> 0)) ORDER BY 1, 2;
-- and views run as their caller, but for figures of the whole books
SELECT oid::regclass AS not_invoker FROM relation
WHERE relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions) OR 'security_invoker=on' = ANY (reloptions), false) AND relname <> 'ledger_metrics';

-- reads are not volatile, writes are, and neither runs in a worker unless it
-- may (parallel.sql has them run there); the documents set response.status and the report response.headers, which a worker may not. A learner
-- writes a claim of its own; a preview is for operators and only reads; the
-- fields of a body are read with errors caught, in a subtransaction, as why_not
-- catches refusals; draw sees what was rewritten since its query began.
SELECT p.oid::regprocedure AS not_truthful, v.level, p.provolatile, p.proparallel
FROM function p JOIN (SELECT level, function_name, false AS internal FROM trainledger.privilege
	UNION ALL SELECT level, function_name, true FROM trainledger_internal.privilege) v
	ON v.function_name = p.proname AND v.internal = (p.pronamespace = 'trainledger_internal'::regnamespace)
WHERE CASE WHEN v.level >= 'operator' AND p.proname !~ '_access$' OR p.proname ~ '^(grant|revoke)_access$'
	THEN p.provolatile <> 'v' OR p.proparallel <> 'u'
	ELSE p.provolatile = 'v' OR (p.proparallel = 'u' AND p.pronamespace <> 'trainledger_api'::regnamespace) END
AND p.proname NOT IN ('claim_signup_token', 'sync_cohort_preview', 'document_fields', 'signup_error', 'respond_header', 'report', 'why_not', 'draw')
-- the feed is for readers, and keeps how far they are
AND p.proname NOT IN ('feed_read', 'feed_ack', 'feed_drop');
SELECT p.oid::regprocedure AS not_truthful, p.provolatile, p.proparallel
FROM function p
WHERE p.provolatile = 'i' AND p.language = 'plpgsql' AND p.prosrc ~* '(SELECT [^;]* FROM|clock|has_level|nextval|EXECUTE)'
OR p.proparallel <> 'u' AND p.prosrc ~* '(INSERT INTO|UPDATE trainledger|DELETE FROM|nextval|set_config|GRANT |REVOKE )'
-- who called a write function only the leader knows
OR p.proparallel = 's' AND p.prosrc ~* '(caller_name|require_admin_for_id|has_level)';
SELECT proname AS handles_errors_in_workers FROM function
WHERE language = 'plpgsql' AND proparallel <> 'u' AND prosrc ~* '^\s*EXCEPTION\s+WHEN';
SELECT oid::regprocedure AS strict_write FROM function WHERE provolatile = 'v' AND proisstrict;
-- constraints and indexes have names of their own: TABLE_…, and no number
SELECT conname AS odd_name FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
WHERE contype <> 'n' AND (left(conname, length(relname) + 1) <> relname || '_' OR conname ~ '\d$');
SELECT i.relname AS odd_name FROM pg_index x JOIN relation r ON r.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE left(i.relname, length(r.relname) + 1) <> r.relname || '_' OR i.relname ~ '\d$';
-- every row of every table is dumped, and every sequence
SELECT r.oid::regclass AS not_dumped FROM relation r
WHERE r.relkind IN ('r', 'S', 'p') AND NOT EXISTS (
	SELECT FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS c(relation, condition)
	WHERE e.extname = 'trainledger' AND c.relation = r.oid AND c.condition = '')
-- of which transaction ids mean nothing elsewhere
AND r.relname <> 'log_mark';
-- no foreign key to its own table or in a circle
WITH RECURSIVE reach AS (
	SELECT c.conrelid, c.confrelid FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid IN (SELECT oid FROM relation)
	UNION
	SELECT r.conrelid, c.confrelid FROM reach r JOIN pg_constraint c ON c.conrelid = r.confrelid AND c.contype = 'f')
SELECT conrelid::regclass AS circular FROM reach WHERE conrelid = confrelid;
-- triggers hold also for replicas, where they guard; none on INSERT writes
SELECT tgname AS not_always FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT tgisinternal AND tgenabled <> 'A';
SELECT tgname AS on_insert FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT tgisinternal AND tgtype & 4 <> 0;
-- every table has row security and says who sees what of it; the owner, as whom
-- functions write, sees everything
SELECT r.relname AS without_security, r.relrowsecurity, r.relforcerowsecurity FROM relation r
WHERE r.relkind IN ('r', 'p') AND (NOT r.relrowsecurity OR r.relforcerowsecurity
	OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = r.oid)) ORDER BY 1;
-- everything of a table is for every level where it is catalogue, and no party's
SELECT p.polrelid::regclass AS open_to_every_level FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
WHERE pg_get_expr(p.polqual, p.polrelid) = 'true' ORDER BY r.relname;
SELECT p.polrelid::regclass AS not_for_reading, p.polname FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
WHERE p.polcmd <> 'r' OR NOT p.polpermissive OR p.polroles <> '{0}';
-- a unique column gives TL409: each unique index is one that the functions know
SELECT i.relname AS "unique" FROM pg_index x JOIN relation r ON r.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indisunique AND i.relname !~ '_pkey$' AND i.relname ~ '^(party|token_type|account|entry|catalog_item|region|currency)_' ORDER BY 1;
-- what a function does hangs on no setting of its caller: a backslash stands in
-- E'' and dollar quotes alone
SELECT oid::regprocedure AS reads_backslashes FROM function WHERE language IN ('sql', 'plpgsql')
AND regexp_replace(prosrc, $re$--[^\n]*|[$]re[$].*?[$]re[$]|\mE'(?:[^'\\]|\\.|'')*'$re$, '', 'g') ~ $re$\\$re$ ORDER BY 1;
