/*
 * lint.sql: rules that the catalogue can check, for every member of the
 * extension. Prints the offenders and fails if there is any.
 *
 *  - Functions, types, tables, views, columns, operators, operator classes,
 *    casts and schemas have a comment. Exempt is what the server makes by
 *    itself: array, row and multirange types, constructors of ranges,
 *    sequences of identity columns, operator families.
 *  - PUBLIC may execute immutable functions that stand behind a type, an
 *    operator, a cast, an aggregate or an operator class, and nothing else.
 *    abs() counts as an operator of its type; nothing in trainledger_internal
 *    is open.
 *  - PUBLIC has no rights on tables, views, sequences and schemas.
 *  - A SECURITY DEFINER function has a search_path of its own.
 *  - Views, functions with a parsed body, defaults and constraints call the
 *    functions of our casts by name: pg_upgrade restores them before the casts,
 *    on which they do not depend.
 *  - Where there are several nodes, every function of the view privilege has a
 *    route, and the argument that the route names; every table has a class; and
 *    no function writes tables of two classes.  A document names its party in
 *    its own way.
 */
CREATE TEMPORARY TABLE member AS
SELECT d.classid, d.objid
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_extension e ON d.refobjid = e.oid
WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
    AND d.deptype = 'e'
    AND e.extname = 'trainledger';

-- What the server makes depends internally on something else.
CREATE TEMPORARY TABLE generated AS
SELECT d.classid, d.objid
FROM pg_catalog.pg_depend d
WHERE d.deptype = 'i'
UNION
SELECT 'pg_catalog.pg_type'::regclass, r.rngmultitypid
FROM pg_catalog.pg_range r
UNION
SELECT 'pg_catalog.pg_opfamily'::regclass, f.oid
FROM pg_catalog.pg_opfamily f;

-- Functions that PUBLIC needs to use a type.
CREATE TEMPORARY TABLE support AS
SELECT s.oid::oid
FROM pg_catalog.pg_type t,
    LATERAL (VALUES (t.typinput), (t.typoutput), (t.typreceive), (t.typsend),
        (t.typmodin), (t.typmodout), (t.typanalyze), (t.typsubscript)) s(oid)
UNION
SELECT s.oid::oid
FROM pg_catalog.pg_operator o,
    LATERAL (VALUES (o.oprcode), (o.oprrest), (o.oprjoin)) s(oid)
UNION
SELECT c.castfunc FROM pg_catalog.pg_cast c
UNION
SELECT p.amproc::oid FROM pg_catalog.pg_amproc p
UNION
SELECT s.oid::oid
FROM pg_catalog.pg_range r,
    LATERAL (VALUES (r.rngcanonical), (r.rngsubdiff)) s(oid)
UNION
SELECT s.oid::oid
FROM pg_catalog.pg_aggregate a,
    LATERAL (VALUES (a.aggfnoid), (a.aggtransfn), (a.aggfinalfn),
        (a.aggcombinefn), (a.aggserialfn), (a.aggdeserialfn),
        (a.aggmtransfn), (a.aggminvtransfn), (a.aggmfinalfn)) s(oid)
UNION
SELECT 'trainledger.abs(trainledger.amount)'::regprocedure
UNION
SELECT g.objid
FROM generated g
WHERE g.classid = 'pg_catalog.pg_proc'::regclass;

CREATE TEMPORARY TABLE expression (classid, objid, tree) AS
SELECT 'pg_catalog.pg_rewrite'::regclass::oid, r.oid, r.ev_action::text
FROM pg_catalog.pg_rewrite r
UNION ALL
SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid, s.tree
FROM pg_catalog.pg_proc p,
    LATERAL (VALUES (p.prosqlbody::text), (p.proargdefaults::text)) s(tree)
UNION ALL
SELECT 'pg_catalog.pg_attrdef'::regclass::oid, a.oid, a.adbin::text
FROM pg_catalog.pg_attrdef a
UNION ALL
SELECT 'pg_catalog.pg_constraint'::regclass::oid, k.oid, k.conbin::text
FROM pg_catalog.pg_constraint k;

-- Which functions call which, and the tables that they write.  In C the ledger
-- writes accounts and entries.
CREATE TEMPORARY TABLE routine AS
SELECT p.oid, p.proname, p.prosrc, p.proargnames, p.prorettype
FROM member m
JOIN pg_catalog.pg_proc p ON m.objid = p.oid
WHERE m.classid = 'pg_catalog.pg_proc'::regclass
    AND p.pronamespace::regnamespace::text ~ '^trainledger(_api|_internal)?$';

CREATE TEMPORARY TABLE writes AS
WITH RECURSIVE calls AS (
    SELECT f.proname AS caller, g.proname AS called
    FROM routine f
    JOIN routine g ON f.prosrc ~ ('\m' || g.proname || '\(')
    WHERE f.proname <> g.proname
), written AS (
    SELECT r.proname, w.found[2] AS table_name
    FROM routine r,
        LATERAL pg_catalog.regexp_matches(r.prosrc,
            '\m(INSERT INTO|UPDATE|DELETE FROM)\s+trainledger\.(\w+)', 'g') w(found)
    UNION
    SELECT r.proname, t.table_name
    FROM routine r, (VALUES ('account'), ('entry')) t(table_name)
    WHERE r.proname IN ('open_lot', 'post_lots')
    UNION
    SELECT c.caller, w.table_name
    FROM written w
    JOIN calls c ON c.called = w.proname
)
SELECT w.proname, w.table_name, c.class
FROM written w
JOIN trainledger.table_class c ON w.table_name = c.table_name;

CREATE TEMPORARY TABLE offence AS
SELECT 'no comment' AS rule,
    pg_catalog.pg_describe_object(m.classid, m.objid, 0) AS object
FROM member m
WHERE pg_catalog.obj_description(m.objid,
        (SELECT relname FROM pg_catalog.pg_class WHERE oid = m.classid)) IS NULL
    AND NOT EXISTS (SELECT FROM generated g
        WHERE g.classid = m.classid AND g.objid = m.objid)
UNION ALL
SELECT 'no comment',
    pg_catalog.pg_describe_object(m.classid, m.objid, a.attnum)
FROM member m
JOIN pg_catalog.pg_class c ON m.objid = c.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE m.classid = 'pg_catalog.pg_class'::regclass
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND a.attnum > 0
    AND NOT a.attisdropped
    AND pg_catalog.col_description(c.oid, a.attnum) IS NULL
UNION ALL
SELECT 'PUBLIC may execute', p.oid::regprocedure::text
FROM member m
JOIN pg_catalog.pg_proc p ON m.objid = p.oid
WHERE m.classid = 'pg_catalog.pg_proc'::regclass
    AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
    AND NOT (p.provolatile = 'i' AND p.oid IN (SELECT oid FROM support)
        AND p.pronamespace <> 'trainledger_internal'::regnamespace)
UNION ALL
SELECT 'PUBLIC has rights', pg_catalog.pg_describe_object(m.classid, m.objid, 0)
FROM member m
JOIN pg_catalog.pg_class c ON m.objid = c.oid,
    LATERAL pg_catalog.aclexplode(c.relacl) acl
WHERE m.classid = 'pg_catalog.pg_class'::regclass AND acl.grantee = 0
UNION ALL
SELECT 'PUBLIC has rights', 'schema ' || n.nspname
FROM pg_catalog.pg_namespace n,
    LATERAL pg_catalog.aclexplode(n.nspacl) acl
WHERE n.nspname LIKE 'trainledger%' AND acl.grantee = 0
UNION ALL
SELECT 'SECURITY DEFINER without search_path', p.oid::regprocedure::text
FROM member m
JOIN pg_catalog.pg_proc p ON m.objid = p.oid
WHERE m.classid = 'pg_catalog.pg_proc'::regclass
    AND p.prosecdef
    AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s
        WHERE s LIKE 'search_path=%')
UNION ALL
SELECT pg_catalog.format('a cast from %s to %s', c.castsource::regtype,
        c.casttarget::regtype),
    pg_catalog.pg_describe_object(x.classid, x.objid, 0)
FROM expression x,
    LATERAL pg_catalog.regexp_matches(x.tree,
        ':funcid (\d+) [^{}]*?:funcformat [12]', 'g') f(call)
JOIN pg_catalog.pg_cast c ON c.castfunc = f.call[1]::oid
JOIN member m ON m.classid = 'pg_catalog.pg_cast'::regclass AND m.objid = c.oid;

INSERT INTO offence
SELECT 'no route', v.function_name
FROM trainledger.privilege v
WHERE v.route IS NULL
    OR v.route NOT IN ('party_id', 'account_id', 'issue_id', 'redemption_id',
        'pass_id', 'pass_use_id', 'hold_id', 'all', 'global', 'pair', 'node')
UNION ALL
SELECT 'no argument ' || v.route, v.function_name
FROM trainledger.privilege v
WHERE v.route LIKE '%\_id'
    AND NOT EXISTS (SELECT FROM routine r
        WHERE r.proname = v.function_name
            AND (v.route = ANY (r.proargnames)
                OR r.prorettype = 'pg_catalog.json'::regtype))
UNION ALL
SELECT 'no class', c.relname
FROM member m
JOIN pg_catalog.pg_class c ON m.objid = c.oid
WHERE m.classid = 'pg_catalog.pg_class'::regclass
    AND c.relkind IN ('r', 'p')
    AND c.relname NOT IN (SELECT t.table_name FROM trainledger.table_class t)
UNION ALL
SELECT 'writes tables of two classes', w.proname
FROM writes w
-- those of class node are wherever the call is, and forgetting asks
-- writes_class() what is to be done here
WHERE w.class <> 'node'
AND w.proname NOT IN ('forget_party', 'forget', 'let_go_of_party')
GROUP BY w.proname
HAVING count(DISTINCT w.class) > 1;

SELECT rule || ': ' || object FROM offence ORDER BY 1;

DO $$
DECLARE
    offences bigint := (SELECT count(*) FROM offence);
BEGIN
    IF (SELECT count(*) FROM member) = 0 THEN
        RAISE 'the extension has no members';
    ELSIF offences > 0 THEN
        RAISE '% offences against the rules', offences;
    END IF;
END
$$;
