-- Objects made from the system catalogs: the stubs in trainledger, the
-- functions of trainledger_api, and comments of columns.  A script that
-- upgrades the extension spells out what it adds, and leaves the rest alone.

/*
 * A function whose work is done in trainledger_internal has a stub of its name
 * in trainledger, which calls it as the owner (src/access/access.c), with the
 * same arguments, defaults, result and comment.  Documents, JSON and XML, are
 * for trainledger_api alone.
 */
DO $$
DECLARE
	defined record;
BEGIN
	FOR defined IN
		SELECT p.proname AS name,
			   pg_catalog.pg_get_function_arguments(p.oid) AS arguments,
			   pg_catalog.oidvectortypes(p.proargtypes) AS types,
			   pg_catalog.pg_get_function_result(p.oid) AS result,
			   CASE p.provolatile WHEN 'v' THEN 'VOLATILE' ELSE 'STABLE' END
				   AS volatility,
			   -- workers do not know whose call it is
			   CASE p.proparallel WHEN 'u' THEN 'UNSAFE' ELSE 'RESTRICTED' END
				   AS parallel,
			   pg_catalog.obj_description(p.oid, 'pg_proc') AS comment
		FROM trainledger.privilege v
		JOIN pg_catalog.pg_proc p ON p.proname = v.function_name
			AND p.pronamespace = 'trainledger_internal'::pg_catalog.regnamespace
		WHERE p.prorettype NOT IN (
			'pg_catalog.json'::pg_catalog.regtype,
			'trainledger."application/xml"'::pg_catalog.regtype)
		AND NOT EXISTS (
			SELECT FROM pg_catalog.pg_proc s WHERE s.proname = p.proname
			AND s.pronamespace = 'trainledger'::pg_catalog.regnamespace)
	LOOP
		EXECUTE pg_catalog.format(
			'CREATE FUNCTION trainledger.%I(%s) RETURNS %s'
			' AS %L, ''tl_as_owner'' LANGUAGE C %s PARALLEL %s',
			defined.name, defined.arguments, defined.result,
			'MODULE_PATHNAME', defined.volatility, defined.parallel);
		EXECUTE pg_catalog.format(
			'COMMENT ON FUNCTION trainledger.%I(%s) IS %L',
			defined.name, defined.types, defined.comment);
	END LOOP;
END;
$$;

/*
 * Each function of trainledger_api calls the one of its name in trainledger, or
 * the one in trainledger_internal that makes its document (src/access/api.c).
 * It has the same arguments, defaults and labels; where the result is of a
 * collection, it is a row of that view, by which PostgREST embeds.  Its comment
 * names every argument, because PostgREST shows no other text for one.
 */
DO $$
DECLARE
	served record;
BEGIN
	FOR served IN
		SELECT p.proname AS name,
			   pg_catalog.pg_get_function_arguments(p.oid) AS arguments,
			   pg_catalog.oidvectortypes(p.proargtypes) AS types,
			   CASE WHEN v.collection IS NULL
					THEN pg_catalog.pg_get_function_result(p.oid)
					ELSE CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END
						 || 'trainledger_api.' || v.collection END AS result,
			   CASE p.provolatile WHEN 'v' THEN 'VOLATILE'
					WHEN 's' THEN 'STABLE' ELSE 'IMMUTABLE' END AS volatility,
			   CASE p.proparallel WHEN 's' THEN 'SAFE'
					WHEN 'r' THEN 'RESTRICTED' ELSE 'UNSAFE' END AS parallel,
			   CASE WHEN p.proretset THEN 'ROWS ' || p.prorows ELSE '' END
				   AS rows,
			   pg_catalog.concat_ws(E'\n\n',
				   pg_catalog.obj_description(p.oid, 'pg_proc'),
				   v.comment) AS comment
		FROM trainledger.privilege v
		JOIN pg_catalog.pg_proc p ON p.proname = v.function_name
		WHERE CASE p.pronamespace
			WHEN 'trainledger'::pg_catalog.regnamespace THEN v.is_rest
			WHEN 'trainledger_internal'::pg_catalog.regnamespace
			THEN p.prorettype IN (
				'pg_catalog.json'::pg_catalog.regtype,
				'trainledger."application/xml"'::pg_catalog.regtype) END
	LOOP
		EXECUTE pg_catalog.format(
			'CREATE FUNCTION trainledger_api.%I(%s) RETURNS %s'
			' AS %L, ''tl_api'' LANGUAGE C %s PARALLEL %s %s',
			served.name, served.arguments, served.result, 'MODULE_PATHNAME',
			served.volatility, served.parallel, served.rows);
		EXECUTE pg_catalog.format(
			'COMMENT ON FUNCTION trainledger_api.%I(%s) IS %L',
			served.name, served.types, served.comment);
	END LOOP;
END;
$$;

/*
 * A column of a view that has no comment takes that of the column of its name
 * that the view reads; of several, the one of the relation that the view reads
 * most of.  Views of trainledger_api read those of trainledger.
 */
DO $$
DECLARE
	schema pg_catalog.regnamespace;
	uncommented record;
BEGIN
	FOREACH schema IN ARRAY
		'{trainledger,trainledger_api}'::pg_catalog.regnamespace[]
	LOOP
		FOR uncommented IN
			SELECT DISTINCT ON (a.attrelid, a.attnum)
				   a.attrelid::pg_catalog.regclass AS view, a.attname,
				   pg_catalog.col_description(s.attrelid, s.attnum) AS comment
			FROM pg_catalog.pg_class v
			JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid
			JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
			JOIN LATERAL (
				SELECT d.refobjid, d.refobjsubid,
					   pg_catalog.count(*) OVER (PARTITION BY d.refobjid)
						   AS columns
				FROM pg_catalog.pg_depend d
				WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
				AND d.objid = r.oid
				AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
				AND d.refobjid <> v.oid AND d.refobjsubid > 0) AS d ON true
			JOIN pg_catalog.pg_attribute s ON s.attrelid = d.refobjid
				AND s.attnum = d.refobjsubid AND s.attname = a.attname
			WHERE v.relnamespace = schema
			AND pg_catalog.col_description(a.attrelid, a.attnum) IS NULL
			ORDER BY a.attrelid, a.attnum, d.columns DESC, d.refobjid
		LOOP
			EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L',
				uncommented.view, uncommented.attname, uncommented.comment);
		END LOOP;
	END LOOP;
END;
$$;
