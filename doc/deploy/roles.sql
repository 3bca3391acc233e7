/*
 * Roles for the REST and GraphQL APIs of trainledger: run it with psql, as a
 * superuser, in the database that has the extension.
 *
 * authenticator is the login of PostgREST and of PostGraphile. It has no
 * rights of its own (NOINHERIT) and becomes the role that a token names.
 */
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE web_learner NOLOGIN;
CREATE ROLE web_reader NOLOGIN;
CREATE ROLE web_operator NOLOGIN;
CREATE ROLE web_admin NOLOGIN;
GRANT web_learner, web_reader, web_operator,
	web_admin TO authenticator;

SELECT trainledger.grant_access('web_learner', 'learner');
SELECT trainledger.grant_access('web_reader', 'reader');
SELECT trainledger.grant_access('web_operator', 'operator');
SELECT trainledger.grant_access('web_admin', 'admin');

-- A time without a zone is UTC, and answers have times in UTC and in one form,
-- whatever the settings of the server or the database. PostgREST applies the
-- settings of the role that it becomes: give your own roles the same.
DO $$
DECLARE
	role_name name;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['authenticator', 'web_learner',
		'web_reader', 'web_operator', 'web_admin'] LOOP
		EXECUTE format($sql$ALTER ROLE %I SET timezone = 'UTC'$sql$, role_name);
		EXECUTE format($sql$ALTER ROLE %I SET datestyle = 'ISO, MDY'$sql$,
					   role_name);
	END LOOP;
END
$$;

-- A request that waits or runs longer than this is cancelled.
ALTER ROLE authenticator SET statement_timeout = '30s';
ALTER ROLE authenticator SET idle_in_transaction_session_timeout = '30s';

-- Rows of an answer at most: PostgREST cuts what is read from a view, and a
-- client asks for the next rows. A function refuses what would be cut.
ALTER ROLE authenticator SET pgrst.db_max_rows = '10000';
