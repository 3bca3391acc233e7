-- Names that the functions would not have written (contract, section 2)

/*
 * All names and codes are kept trimmed, and unique as they are compared.  Rows
 * that came in another way (COPY, an import of one's own, a release that
 * compared otherwise) may not be: a look-up does not find what is not trimmed,
 * and what is equal cannot be restored under a unique index.  Credit
 * accounts are left out, so that their columns can be altered.
 */
CREATE VIEW trainledger.name_conflicts WITH (security_invoker = true) AS
SELECT c.relation, c.column_name, c.id COLLATE "C" AS id,
	   c.name COLLATE "C" AS name, c.problem
FROM (
	SELECT n.relation, n.column_name, n.id, n.name,
		   CASE WHEN pg_catalog.count(*) OVER (
					PARTITION BY n.relation, n.column_name, n.scope,
								 n.compared COLLATE "C") > 1
				THEN 'equal'
				WHEN n.name COLLATE "C"
					 <> trainledger_internal.trimmed(n.name)
				THEN 'untrimmed' END AS problem
	FROM (
		SELECT 'party' AS relation, v.column_name, p.id::text AS id,
			   NULL::text AS scope, v.name,
			   CASE v.column_name WHEN 'email'
					THEN trainledger_internal.folded(v.name)
					ELSE trainledger_internal.trimmed(v.name) END AS compared
		FROM trainledger.party p
		CROSS JOIN LATERAL (VALUES
			('email', p.email), ('rfid', p.rfid), ('barcode', p.barcode),
			('external_id', p.external_id)) AS v(column_name, name)
		WHERE v.name IS NOT NULL
		UNION ALL
		SELECT 'catalog_item', 'code', i.id::text, i.kind::text, i.code,
			   trainledger_internal.trimmed(i.code)
		FROM trainledger.catalog_item i
		UNION ALL
		SELECT 'region', 'code', r.code, NULL, r.code,
			   trainledger_internal.trimmed(r.code)
		FROM trainledger.region r
		UNION ALL
		SELECT 'currency', 'code', u.code, NULL, u.code,
			   trainledger_internal.trimmed(u.code)
		FROM trainledger.currency u
		UNION ALL
		SELECT 'token_type', 'name', t.id::text, t.kind::text, t.name,
			   trainledger_internal.trimmed(t.name)
		FROM trainledger.token_type t
		UNION ALL
		SELECT 'pass_type', 'code', y.id::text, NULL, y.code,
			   trainledger_internal.trimmed(y.code)
		FROM trainledger.pass_type y
		UNION ALL
		SELECT 'signup_token', 'code', s.id, NULL, s.code,
			   trainledger_internal.folded(s.code)
		FROM trainledger.signup_token s
		UNION ALL
		SELECT 'cohort', 'name', h.id::text, h.program_id::text, h.name,
			   trainledger_internal.folded(h.name)
		FROM trainledger.cohort h) n) c
WHERE c.problem IS NOT NULL;
COMMENT ON VIEW trainledger.name_conflicts IS
'Names and codes that are not as the functions keep them: to be mended before a restore or an upgrade. No row: all are.';
COMMENT ON COLUMN trainledger.name_conflicts.relation IS 'Table of the row.';
COMMENT ON COLUMN trainledger.name_conflicts.column_name IS 'Column that has the name.';
COMMENT ON COLUMN trainledger.name_conflicts.id IS 'Identity of the row, or its code.';
COMMENT ON COLUMN trainledger.name_conflicts.name IS 'The name as it is.';
COMMENT ON COLUMN trainledger.name_conflicts.problem IS 'equal: another row has a name that is compared as equal; untrimmed: there is white space around it, so that no look-up finds it.';
