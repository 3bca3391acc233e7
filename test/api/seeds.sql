-- What the documents of the training management system take for granted, with
-- their own ids, at the moment that they print: each of their queries and
-- mutations runs as printed, in their order (test/api/000.md, 001.md). Run it in
-- an empty database of a server that has the roles of doc/deploy/roles.sql, and
-- then trainledger_graphql.sql.

\set QUIET on
\set ON_ERROR_STOP on
\o /dev/null

CREATE EXTENSION trainledger;
SELECT trainledger.grant_access(format('web_%s', level)::name, level)
FROM unnest('{learner,reader,operator,admin}'::trainledger.access_level[]) AS level;

SET trainledger.clock = '2023-04-04T08:41:30Z';
SELECT format('ALTER DATABASE %I SET trainledger.clock = %L',
			  current_database(), current_setting('trainledger.clock'))
\gexec

-- Training tokens. The issue that is extended and adjusted is there beside the
-- one that is made.
SELECT trainledger.add_party('organisation', 'Administrate', id => 2),
	trainledger.add_party('person', 'Contact', organisation_id => 2, id => 35);
SELECT trainledger.add_training_token_type('Silver token',
	default_days_to_redeem => 90, id => '8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6');
SELECT trainledger.issue_training_tokens('8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6', 2, 100,
	id => '37e7883d-1c9d-471f-b8ea-bd4a1138dce8');

-- Training passes
SELECT trainledger.add_catalog_item('course', 'ABC-123', 'A course', id => 11),
	trainledger.add_catalog_item('learning_path', 'FIRST-AID', 'First Aid', id => 1);
SELECT trainledger.add_region('DR', 'A region'),
	trainledger.add_currency('USD', 'U.S. Dollars');
SELECT trainledger.create_pass_type('Gold', 'Gold pass', id => 1);
SELECT trainledger.add_pass_content(1, '{11}', '{1}');
SELECT trainledger.create_pass_option(1, 'Yearly', 'years', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'DR', 'USD', 120);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');

-- The pass that is renewed and revoked is of the type that the documents make: it
-- is there from when that type is published.
CREATE FUNCTION issue_printed_pass() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM trainledger.issue_pass(2, 2, 35, '2023-05-01T00:00:00Z',
		'2023-06-01T00:00:00Z', id => 2);
	RETURN NULL;
END;
$$;
COMMENT ON FUNCTION issue_printed_pass() IS
'Issues the pass that the documents renew and revoke.';
REVOKE ALL ON FUNCTION issue_printed_pass() FROM PUBLIC;
CREATE TRIGGER issue_printed_pass AFTER UPDATE ON trainledger.pass_type
FOR EACH ROW
WHEN (NEW.id = 2 AND NEW.lifecycle_state = 'published'
	AND OLD.lifecycle_state <> 'published')
EXECUTE FUNCTION issue_printed_pass();

RESET trainledger.clock;
\o
