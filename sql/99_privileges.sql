-- Privileges on all objects above (contract, section 15)

/*
 * Nothing is for PUBLIC.  For the whole of a schema this is said here alone: in
 * a script that upgrades the extension it would make what users have granted
 * since the privileges that the extension came with, which pg_dump leaves out.
 */
REVOKE ALL ON ALL ROUTINES
	IN SCHEMA trainledger, trainledger_internal, trainledger_api FROM PUBLIC;

/*
 * Rights on what the extension makes come from its script and grant_access();
 * what ALTER DEFAULT PRIVILEGES has given is taken back.  A multirange is left
 * out: before 17 pg_dump has no place for what an extension says of its rights,
 * and everybody may use the type.
 */
DO $$
DECLARE
	statement text;
BEGIN
	FOR statement IN
		SELECT DISTINCT pg_catalog.format(
			'REVOKE ALL ON %s %s FROM %s', o.kind, o.name,
			CASE a.grantee WHEN 0 THEN 'PUBLIC'
			ELSE a.grantee::pg_catalog.regrole::text END)
		FROM (
			SELECT 'SCHEMA', n.oid::pg_catalog.regnamespace::text, n.oid,
				   n.nspowner, n.nspacl
			FROM pg_catalog.pg_namespace n
			UNION ALL
			SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
				   c.oid::pg_catalog.regclass::text, c.relnamespace,
				   c.relowner, c.relacl
			FROM pg_catalog.pg_class c
			WHERE c.relkind IN ('r', 'v', 'S')
			UNION ALL
			SELECT 'ROUTINE', p.oid::pg_catalog.regprocedure::text,
				   p.pronamespace, p.proowner, p.proacl
			FROM pg_catalog.pg_proc p
			UNION ALL
			SELECT 'TYPE', t.oid::pg_catalog.regtype::text, t.typnamespace,
				   t.typowner, t.typacl
			FROM pg_catalog.pg_type t
			WHERE t.typtype <> 'm'
		) AS o(kind, name, namespace, owner, rights)
		CROSS JOIN LATERAL pg_catalog.aclexplode(o.rights) AS a
		WHERE o.namespace IN (
			'trainledger'::pg_catalog.regnamespace,
			'trainledger_api'::pg_catalog.regnamespace,
			'trainledger_internal'::pg_catalog.regnamespace)
		AND a.grantee <> o.owner
	LOOP
		EXECUTE statement;
	END LOOP;
END;
$$;

/*
 * What amounts and ranges of them need to be used is for everybody: types, and
 * the functions behind them, their operators, casts and aggregates, all of them
 * immutable.
 */
DO $$
DECLARE
	type_name text;
	routine regprocedure;
BEGIN
	FOR type_name IN
		SELECT t.oid::regtype::text FROM pg_catalog.pg_type t
		LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
		WHERE t.typnamespace = 'trainledger'::pg_catalog.regnamespace
		AND t.typtype <> 'm' AND t.typelem = 0
		-- row types of tables have no privileges of their own
		AND (t.typrelid = 0 OR c.relkind = 'c')
	LOOP
		EXECUTE pg_catalog.format('GRANT USAGE ON TYPE %s TO PUBLIC', type_name);
	END LOOP;
	-- Before 17 a multirange type has privileges of its own, which default
	-- privileges may take away.  pg_dump warns of those that an extension
	-- grants, so the type is left to depend on its range alone, as in 17.
	IF NOT pg_catalog.has_type_privilege(
		'public', 'trainledger.amount_multirange', 'USAGE') THEN
		GRANT USAGE ON TYPE trainledger.amount_multirange TO PUBLIC;
		ALTER EXTENSION trainledger DROP TYPE trainledger.amount_multirange;
	END IF;
	FOR routine IN
		SELECT p.oid::pg_catalog.regprocedure FROM pg_catalog.pg_proc p
		WHERE p.pronamespace = 'trainledger'::pg_catalog.regnamespace
		AND p.oid IN (
			SELECT f.oid FROM pg_catalog.pg_type t, unnest(ARRAY[
				t.typinput, t.typoutput, t.typreceive, t.typsend]) AS f(oid)
			UNION ALL
			SELECT o.oprcode FROM pg_catalog.pg_operator o
			UNION ALL
			SELECT a.amproc FROM pg_catalog.pg_amproc a
			UNION ALL
			SELECT c.castfunc FROM pg_catalog.pg_cast c
			UNION ALL
			SELECT f.oid FROM pg_catalog.pg_aggregate a, unnest(ARRAY[
				a.aggfnoid, a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
				a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
				a.aggminvtransfn, a.aggmfinalfn]) AS f(oid)
			UNION ALL
			SELECT r.rngsubdiff FROM pg_catalog.pg_range r
			UNION ALL
			-- the constructors of ranges
			SELECT d.objid FROM pg_catalog.pg_depend d
			WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
			AND d.deptype = 'i'
			UNION ALL
			-- a mathematical function without an operator
			SELECT 'trainledger.abs(trainledger.amount)'::pg_catalog.regprocedure)
	LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC',
								  routine);
	END LOOP;
END;
$$;
