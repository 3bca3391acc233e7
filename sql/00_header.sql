/*
 * trainledger: the books of a training business inside PostgreSQL.
 * Joined by make from the fragments in sql/; see the contract's sections in
 * the comments.  Plain CREATE only: an object that is already there under one
 * of our names must stop the installation, not be taken over.
 */
\echo Use "CREATE EXTENSION trainledger" to load this file. \quit

/*
 * Whatever the script names without a schema is looked up in pg_catalog, then
 * in trainledger, which may be another's: as owner or with CREATE on it, a role
 * could put functions and operators in our way, today or later, that would run
 * as a superuser.  So before all else, and with pg_catalog alone in the path,
 * the schemas that are there already are looked at: they must be empty and
 * closed.  A dump makes trainledger before the extension.
 */
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
	schema record;
BEGIN
	IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'trainledger needs a database with encoding UTF8',
			DETAIL = pg_catalog.format('The encoding of database "%s" is %s.',
				pg_catalog.current_database(),
				pg_catalog.getdatabaseencoding()),
			HINT = 'Create a database with ENCODING ''UTF8'' TEMPLATE template0.';
	END IF;

	FOR schema IN
		SELECT n.oid, n.nspname AS name, n.nspacl AS rights, o.rolname AS owner,
			   o.rolsuper OR o.rolname = CURRENT_USER AS is_trusted
		FROM pg_catalog.pg_namespace n
		JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
		WHERE n.nspname IN ('trainledger', 'trainledger_api',
							'trainledger_internal')
		ORDER BY n.nspname
	LOOP
		DECLARE
			contents text[] := ARRAY(
				SELECT pg_catalog.pg_describe_object(d.classid, d.objid,
													 d.objsubid)
				FROM pg_catalog.pg_depend d
				WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass
				AND d.refobjid = schema.oid
				-- leave out the extension itself, which already depends on it
				AND NOT EXISTS (
					SELECT FROM pg_catalog.pg_extension e
					WHERE d.classid = 'pg_catalog.pg_extension'::regclass
					AND e.oid = d.objid AND e.extname = 'trainledger')
				ORDER BY 1);
			writers text[] := ARRAY(
				SELECT coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC')
				FROM pg_catalog.aclexplode(schema.rights) a
				LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
				WHERE a.privilege_type = 'CREATE'
				AND (r.rolname IS NULL OR NOT r.rolsuper
					 AND r.rolname <> schema.owner)
				ORDER BY 1);
		BEGIN
			IF NOT schema.is_trusted THEN
				RAISE EXCEPTION USING
					ERRCODE = 'object_not_in_prerequisite_state',
					MESSAGE = pg_catalog.format(
						'schema "%s" belongs to another role', schema.name),
					DETAIL = pg_catalog.format('Its owner %I is neither the role that installs nor a superuser, and could change what trainledger does.',
						schema.owner),
					HINT = 'Drop the schema, or see that it is empty and give it to the role that installs with ALTER SCHEMA ... OWNER TO.';
			END IF;
			IF contents <> '{}' THEN
				RAISE EXCEPTION USING
					ERRCODE = 'object_not_in_prerequisite_state',
					MESSAGE = pg_catalog.format('schema "%s" is not empty',
												schema.name),
					DETAIL = pg_catalog.format(
						'Number of objects in it: %s; the first is %s.',
						pg_catalog.cardinality(contents), contents[1]),
					HINT = 'Drop the schema, or move what is in it to another.';
			END IF;
			IF writers <> '{}' THEN
				RAISE EXCEPTION USING
					ERRCODE = 'object_not_in_prerequisite_state',
					MESSAGE = pg_catalog.format(
						'schema "%s" is open to others', schema.name),
					DETAIL = pg_catalog.format('These may create objects in it and could change what trainledger does: %s.',
						pg_catalog.array_to_string(writers, ', ')),
					HINT = 'Revoke CREATE on the schema; where default privileges give it, create the schema and revoke before CREATE EXTENSION.';
			END IF;
		END;
		-- an extension cannot have its own schema as a member
		IF schema.name <> 'trainledger' THEN
			EXECUTE pg_catalog.format(
				'ALTER EXTENSION trainledger ADD SCHEMA %I', schema.name);
		END IF;
	END LOOP;

	IF pg_catalog.to_regnamespace('trainledger_api') IS NULL THEN
		CREATE SCHEMA trainledger_api;
	END IF;
	IF pg_catalog.to_regnamespace('trainledger_internal') IS NULL THEN
		CREATE SCHEMA trainledger_internal;
	END IF;
END;
$$;

SET LOCAL search_path = trainledger, pg_temp;

COMMENT ON SCHEMA trainledger IS
'Books of a training business: typed functions, tables and views. Reads run with the caller''s rights, all writes go through functions.';

COMMENT ON SCHEMA trainledger_api IS
'trainledger

Books of a training business: JSON and XML documents, views and functions. Expose this schema, and only this one, to PostgREST.';

COMMENT ON SCHEMA trainledger_internal IS
'What the extension is made of and nobody calls: helpers, the work of the functions of trainledger, functions of triggers, policies and aggregates.';
