-- Every table has row-level security and triggers that are enabled ALWAYS.
-- pg_dump dumps the contents of every table and sequence but for log_mark, whose
-- transaction ids mean nothing in another cluster.  A script that
-- upgrades the extension spells out the same for a table that it adds.

DO $$
DECLARE
	relation record;
	guard record;
BEGIN
	FOR relation IN
		SELECT c.oid::pg_catalog.regclass AS name, c.relkind AS kind
		FROM pg_catalog.pg_class c
		WHERE c.relnamespace = 'trainledger'::pg_catalog.regnamespace
		AND c.relkind IN ('r', 'S')
		ORDER BY c.oid
	LOOP
		-- in a loop, because two calls in one statement fail
		IF relation.name <> 'trainledger.log_mark'::pg_catalog.regclass THEN
			PERFORM pg_catalog.pg_extension_config_dump(relation.name, '');
		END IF;
		CONTINUE WHEN relation.kind = 'S';
		EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY',
								  relation.name);
		FOR guard IN
			SELECT t.tgname AS name FROM pg_catalog.pg_trigger t
			WHERE t.tgrelid = relation.name AND NOT t.tgisinternal
		LOOP
			EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I',
									  relation.name, guard.name);
		END LOOP;
	END LOOP;
END;
$$;
