-- What follows from the catalogue: the functions of trainledger_api and the
-- comments of its columns.  A script that upgrades the extension spells out
-- what it adds, and leaves what is there alone.

/*
 * Each function calls the one of its name in trainledger (src/api.c).  It has
 * the same arguments, defaults and labels; where the result is of a collection,
 * it is a row of that view, by which PostgREST embeds.  Its comment names every
 * argument, because PostgREST shows no other text for one.
 */
DO $$
DECLARE
	served record;
	signature text;
BEGIN
	FOR served IN
		SELECT p.oid, p.proname, p.pronargs,
			   pg_catalog.pg_get_function_arguments(p.oid) AS arguments,
			   pg_catalog.oidvectortypes(p.proargtypes) AS types,
			   CASE WHEN v.collection IS NULL
					THEN pg_catalog.pg_get_function_result(p.oid)
					ELSE CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END
						 || 'trainledger_api.' || v.collection END AS result,
			   CASE p.provolatile WHEN 'v' THEN 'VOLATILE' WHEN 's' THEN 'STABLE'
					ELSE 'IMMUTABLE' END AS volatility,
			   CASE p.proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED'
					ELSE 'UNSAFE' END AS parallel,
			   CASE WHEN p.proretset THEN 'ROWS ' || p.prorows ELSE '' END AS rows,
			   pg_catalog.obj_description(p.oid, 'pg_proc') AS comment,
			   v.comment AS arguments_comment
		FROM trainledger.privilege v
		JOIN pg_catalog.pg_proc p ON p.proname = v.function_name
			AND p.pronamespace = 'trainledger'::pg_catalog.regnamespace
		WHERE v.is_rest
	LOOP
		signature := pg_catalog.format('trainledger_api.%I(%s)',
									   served.proname, served.types);
		EXECUTE pg_catalog.format(
			'CREATE FUNCTION trainledger_api.%I(%s) RETURNS %s'
			' AS %L, ''tl_api'' LANGUAGE C %s PARALLEL %s %s',
			served.proname, served.arguments, served.result,
			'MODULE_PATHNAME', served.volatility, served.parallel, served.rows);
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC',
								  signature);
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', signature,
			pg_catalog.concat_ws(E'\n\n', served.comment,
								 served.arguments_comment));
	END LOOP;
END;
$$;

/*
 * A column of a view takes the comment of the column of its name that the view
 * reads; of several, the one of the relation that the view reads most of.
 */
DO $$
DECLARE
	uncommented record;
BEGIN
	FOR uncommented IN
		SELECT DISTINCT ON (a.attrelid, a.attnum)
			   a.attrelid::pg_catalog.regclass AS view, a.attname,
			   pg_catalog.col_description(s.attrelid, s.attnum) AS comment
		FROM pg_catalog.pg_class v
		JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid
		JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
		JOIN LATERAL (
			SELECT d.refobjid, d.refobjsubid,
				   pg_catalog.count(*) OVER (PARTITION BY d.refobjid) AS columns
			FROM pg_catalog.pg_depend d
			WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
			AND d.objid = r.oid
			AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
			AND d.refobjid <> v.oid AND d.refobjsubid > 0) AS d ON true
		JOIN pg_catalog.pg_attribute s ON s.attrelid = d.refobjid
			AND s.attnum = d.refobjsubid AND s.attname = a.attname
		WHERE v.relnamespace = 'trainledger_api'::pg_catalog.regnamespace
		AND pg_catalog.col_description(a.attrelid, a.attnum) IS NULL
		ORDER BY a.attrelid, a.attnum, d.columns DESC, d.refobjid
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L',
			uncommented.view, uncommented.attname, uncommented.comment);
	END LOOP;
END;
$$;
