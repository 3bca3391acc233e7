-- trainledger_node.sql: makes a database with trainledger one of several nodes
--
--   psql -X -d DATABASE -v node=n1 -v number=1 -v homes='{[0,512)}' \
--        -v front='host=FRONT dbname=DATABASE' [-v login=trainledger_front] \
--        [-v copy=false] -f trainledger_node.sql
--
-- Run this script as a superuser after trainledger_proxy.sql was run on the front,
-- and again after every upgrade, then without homes: they may have moved.  node
-- and number (1 to 31) are this node's own, homes are the homes whose parties'
-- rows it keeps, front is how it reaches the front, as a role with REPLICATION
-- and SELECT there, login is who the front comes as, and copy is false where the
-- database has what is on the front already.
--
-- For each call the front says who asks.  The node takes over that role and its
-- claims for the one statement, so that rights, row-level security and booked_by
-- are those of whoever asks, not those of the login.

\set ON_ERROR_STOP on
\set ECHO errors
\if :{?login}
\else
	\set login trainledger_front
\endif
\if :{?copy}
\else
	\set copy true
\endif
\set given ''
\if :{?homes}
	\set given :homes
\endif

-- The numbers of bookings jump: what was booked before must be in the log first
SELECT trainledger.seal() FROM pg_catalog.generate_series(1, 2)
WHERE EXISTS (SELECT FROM trainledger.log_origin) \g /dev/null
BEGIN;
SET LOCAL client_min_messages = warning;

-- A new node must say its homes: those of a new database are all.  And it finds
-- a row by the home in its id, so books that are to be split have no others.
SELECT pg_catalog.set_config('trainledger_node.homes', :'given', true),
	pg_catalog.set_config('trainledger_node.number', :'number', true) \g /dev/null
DO $do$
DECLARE
	homes CONSTANT int4multirange := nullif(
		pg_catalog.current_setting('trainledger_node.homes'), '')::int4multirange;
	first_no CONSTANT bigint :=
		pg_catalog.current_setting('trainledger_node.number')::bigint << 38;
	stray record;
BEGIN
	IF homes IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription s
									 WHERE s.subname LIKE 'trainledger\_%') THEN
		RAISE null_value_not_allowed USING
			MESSAGE = 'homes is missing',
			DETAIL = 'This database is not a node yet.',
			HINT = 'Say which homes it keeps, such as -v homes=''{[0,512)}''.';
	END IF;
	SELECT s.* INTO stray FROM trainledger.strays() s LIMIT 1;
	IF FOUND AND NOT homes @> '{[0,1024)}'::int4multirange THEN
		RAISE object_not_in_prerequisite_state USING
			MESSAGE = 'books hold ids of other homes',
			DETAIL = pg_catalog.format('In %s, %s belongs to party %s.',
				stray.table_name, stray.id, stray.party_id),
			HINT = 'Read trainledger.strays(): books that have any stay on one node.';
	END IF;
	IF EXISTS (SELECT FROM trainledger.log_origin)
	   AND EXISTS (SELECT FROM trainledger.booking_no_seq s
				   WHERE s.last_value < first_no)
	   AND EXISTS (SELECT FROM trainledger_internal.unsealed_leaves('{(,)}')) THEN
		RAISE object_not_in_prerequisite_state USING
			MESSAGE = 'bookings are not sealed yet',
			DETAIL = 'The log goes on with other numbers once this is a node.',
			HINT = 'Let nobody write, and run this again when older transactions are over.';
	END IF;
END;
$do$;

SELECT pg_catalog.format('CREATE ROLE %I LOGIN', :'login')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = :'login')
\gexec
SELECT trainledger.grant_access(:'login', 'admin') \g /dev/null

CREATE SCHEMA IF NOT EXISTS trainledger_node;
COMMENT ON SCHEMA trainledger_node IS
'How the front of several nodes asks this one; made by trainledger_node.sql.';

/*
 * A statement, as whoever asks, for each array of arguments, which comes as
 * text.  settings are names and values in turn.  The first element of each array
 * that comes back says what it is: a row, response, or refusal.
 */
DROP FUNCTION IF EXISTS trainledger_node.call;
CREATE FUNCTION trainledger_node.call(
	settings text[], statement text, arguments text[]) RETURNS SETOF text[]
AS '$libdir/trainledger', 'tl_node_call' LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY';
COMMENT ON FUNCTION trainledger_node.call IS
'A call from the front, as whoever asks there: rows, what it sets of an HTTP response, or its refusal.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA trainledger_node FROM PUBLIC;
SELECT pg_catalog.format(g.statement, :'login') FROM (VALUES
	('GRANT USAGE ON SCHEMA trainledger_node TO %I'),
	('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trainledger_node TO %I')
) AS g(statement)
\gexec

/*
 * Ids and numbers of node n begin at n * 2^38.  A home that moves takes its ids
 * along, and no other node makes them again.
 */
SELECT pg_catalog.setval(s.sequence, :number::bigint << 38)
FROM (
	SELECT c.oid::pg_catalog.regclass AS sequence
	FROM pg_catalog.pg_class c
	WHERE c.relnamespace = 'trainledger'::pg_catalog.regnamespace
	AND c.relkind = 'S'
) AS s
WHERE :number BETWEEN 1 AND 31
AND coalesce(pg_catalog.pg_sequence_last_value(s.sequence), 0)
	< :number::bigint << 38
\g /dev/null
COMMIT;

-- In the server's configuration, and not the database's: a home that moves
-- changes it, and running sessions must see that.
\if :{?homes}
	SELECT trainledger.home(0) \g /dev/null
	SELECT :'homes'::int4multirange AS homes \gset
	ALTER SYSTEM SET trainledger.homes = :'homes';
	SELECT pg_catalog.pg_reload_conf() \g /dev/null
\endif

-- What is the same everywhere comes from the front.  A subscription cannot be
-- made in a transaction.
SET client_min_messages = warning;
SELECT pg_catalog.format(CASE WHEN EXISTS (
		SELECT FROM pg_catalog.pg_subscription s
		WHERE s.subname = 'trainledger_' || :'node')
	THEN 'ALTER SUBSCRIPTION %1$I REFRESH PUBLICATION'
	ELSE 'CREATE SUBSCRIPTION %1$I CONNECTION %2$L PUBLICATION trainledger_global WITH (copy_data = %3$s)'
	END, 'trainledger_' || :'node', :'front', :'copy')
\gexec
