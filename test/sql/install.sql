-- The extension, roles of every level, and what the tests have in common.
-- Runs first; the other tests depend on nothing else.
-- nothing but a stock server is needed, and no other schema is touched
CREATE EXTENSION trainledger;
SELECT extname, extversion, extrelocatable, n.nspname AS schema
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE extname <> 'plpgsql';
ALTER EXTENSION trainledger SET SCHEMA public;
SELECT n.nspname AS schema_of_members
FROM pg_depend d
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS o
JOIN pg_namespace n ON n.nspname = o.schema
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'trainledger')
GROUP BY 1 ORDER BY 1;

-- roles are the whole cluster's: they may be there from another run
DO $$
DECLARE
	role text;
BEGIN
	FOREACH role IN ARRAY '{regress_admin,regress_operator,regress_reader,regress_learner,regress_nobody,regress_application}'::text[] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
			EXECUTE format('CREATE ROLE %I', role);
		END IF;
	END LOOP;
END
$$;
SELECT trainledger.grant_access('regress_admin', 'admin');
SELECT trainledger.grant_access('regress_operator', 'operator');
SELECT trainledger.grant_access('regress_reader', 'reader');
SELECT trainledger.grant_access('regress_learner', 'learner');

-- Helpers of the tests: they run with the rights of their caller
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;

-- What a statement comes to: ok, or its SQLSTATE and message
CREATE FUNCTION regress.attempt(statement text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- The same, with the facts and the advice
CREATE FUNCTION regress.refusal(
	statement text, OUT code text, OUT message text, OUT detail text,
	OUT hint text)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	EXECUTE statement;
	code := 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE,
		message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	-- what the server says of a call that fits no function has changed
	IF code = '42883' THEN
		detail := NULL;
		hint := NULL;
	END IF;
END
$$;

-- The SQLSTATE alone, where the rest differs from run to run
CREATE FUNCTION regress.sqlstate(statement text) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT r.code FROM regress.refusal(statement) r $$;

-- The value of an expression as text, or what it was refused with
CREATE FUNCTION regress.answer(expression text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	value text;
BEGIN
	EXECUTE 'SELECT (' || expression || ')::text' INTO value;
	RETURN coalesce(value, '(null)');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- Ids by what the tests gave
CREATE FUNCTION regress.party(barcode text) RETURNS bigint
LANGUAGE sql STABLE
AS $$ SELECT p.id FROM trainledger.party p WHERE p.barcode = $1 $$;

CREATE FUNCTION regress.type(name text, kind text DEFAULT 'credit')
RETURNS uuid
LANGUAGE sql STABLE
AS $$
	SELECT t.id FROM trainledger.token_type t
	WHERE t.name = $1 AND t.kind::text = $2
$$;

CREATE FUNCTION regress.account(
	barcode text, account_name text DEFAULT 'default',
	token_type text DEFAULT NULL) RETURNS bigint
LANGUAGE sql STABLE
AS $$
	SELECT a.id
	FROM trainledger.account a
	JOIN trainledger.party p ON p.id = a.party_id
	JOIN trainledger.token_type t ON t.id = a.token_type_id
	WHERE p.barcode = $1 AND a.name = $2 AND ($3 IS NULL OR t.name = $3)
$$;

-- Every table of the books as it stands, whoever asks
-- the row of the table behind what a posting returns
CREATE FUNCTION regress.stored(booked trainledger.booked_entry) RETURNS trainledger.entry
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN (SELECT e FROM trainledger.entry e
			WHERE e.account_id = booked.account_id AND e.entry_no = booked.entry_no);
END $$;
CREATE FUNCTION regress.books() RETURNS TABLE (
	relation text, rows bigint, digest text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	FOR relation IN
		SELECT c.oid::regclass::text
		FROM pg_class c
		WHERE c.relkind = 'r'
		AND c.relnamespace::regnamespace::text ~ '^trainledger'
		ORDER BY 1
	LOOP
		EXECUTE format('SELECT count(*), md5(coalesce(string_agg('
			't::text, E''\n'' ORDER BY t::text), '''')) FROM %s t', relation)
			INTO rows, digest;
		RETURN NEXT;
	END LOOP;
END
$$;

-- A fresh installation has no rows, so that a dump restores cleanly
SELECT count(*) >= 8 AS tables, sum(rows) AS rows FROM regress.books();
SELECT count(*) AS sequences_used
FROM pg_sequences WHERE schemaname ~ '^trainledger' AND last_value IS NOT NULL;

-- The types have no room of their own in the search path
SELECT 1.5::trainledger.amount;
SET ROLE regress_nobody;
SELECT regress.attempt($$SELECT trainledger.clock()$$);
