-- trainledger_proxy.sql: makes a database with trainledger the front of nodes
--
--   psql -X -d DATABASE [-v login=trainledger_front] -f trainledger_proxy.sql
--
-- Run this script as a superuser, and again after every upgrade, which undoes
-- what it replaces.  It needs PL/Proxy (Debian: postgresql-15-plproxy) and
-- postgres_fdw.  Then say which nodes there are, and which keeps which homes:
--
--   INSERT INTO trainledger_proxy.node (name, number, connection) VALUES
--       ('n1', 1, 'host=... dbname=...'), ('n2', 2, 'host=... dbname=...');
--   INSERT INTO trainledger_proxy.home (home, node)
--       SELECT h, CASE WHEN h < 512 THEN 'n1' ELSE 'n2' END
--       FROM generate_series(0, 1023) h;
--   SELECT trainledger_proxy.apply_map();
--
-- and again apply_map() after each change of these tables.  What there is:
--
--   what has no home     parties, types, the catalogue, sign-ups, programs stay
--                        here, written by the extension's own functions, and go
--                        to the nodes by logical replication
--   calls of one party   the extension's functions are replaced by ones of the
--                        same name, arguments and rights that ask the node of
--                        its home, and raise what it refuses
--   lists and reports    our tables have foreign tables as children, so every
--                        view reads all nodes, under our row-level security

\set ON_ERROR_STOP on
\set ECHO errors
\if :{?login}
\else
	\set login trainledger_front
\endif
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS plproxy;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SCHEMA IF NOT EXISTS trainledger_proxy;
COMMENT ON SCHEMA trainledger_proxy IS
'The front of several nodes: who they are, and how it asks them; made by trainledger_proxy.sql.';
SET LOCAL search_path = pg_catalog, pg_temp;

-- ---------------------------------------------------------------------------
-- Nodes and homes
-- ---------------------------------------------------------------------------

-- Whoever may connect reads a connection string in pg_foreign_server: passwords
-- belong into a password file, or into the user mappings.
CREATE TABLE IF NOT EXISTS trainledger_proxy.node (
	name text CONSTRAINT node_pkey PRIMARY KEY
		CONSTRAINT node_name_check CHECK (name ~ '^[a-z][a-z0-9_]{0,30}$'),
	number integer NOT NULL CONSTRAINT node_number_key UNIQUE
		CONSTRAINT node_number_check CHECK (number BETWEEN 1 AND 31),
	connection text NOT NULL
		CONSTRAINT node_connection_check CHECK (connection !~* '(user|password) *='),
	pooler text
		CONSTRAINT node_pooler_check CHECK (pooler !~* '(user|password) *=')
);
COMMENT ON TABLE trainledger_proxy.node IS
'Nodes, with the databases that keep the rows of parties.';
COMMENT ON COLUMN trainledger_proxy.node.name IS 'Name of the node.';
COMMENT ON COLUMN trainledger_proxy.node.number IS 'Number of the node: its ids begin at so many times 2^38.';
COMMENT ON COLUMN trainledger_proxy.node.connection IS 'How to connect, in the form of libpq, without user and password.';
COMMENT ON COLUMN trainledger_proxy.node.pooler IS 'How calls connect, where that is through PgBouncer; null: as connection says.';

CREATE TABLE IF NOT EXISTS trainledger_proxy.home (
	home integer CONSTRAINT home_pkey PRIMARY KEY
		CONSTRAINT home_home_check CHECK (home BETWEEN 0 AND 1023),
	node text NOT NULL CONSTRAINT home_node_fkey REFERENCES trainledger_proxy.node
);
COMMENT ON TABLE trainledger_proxy.home IS
'The map: which node keeps the parties of each home. apply_map() takes it into use.';
COMMENT ON COLUMN trainledger_proxy.home.home IS 'A home, as trainledger.home() reads it from an id.';
COMMENT ON COLUMN trainledger_proxy.home.node IS 'The node that keeps it.';

-- A connection string as options of a server: name=value
CREATE OR REPLACE FUNCTION trainledger_proxy.options(connection text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT array_agg(o[1] || '=' || coalesce(o[2], o[3]))
	FROM regexp_matches(connection, '(\w+) *= *(?:''([^'']*)''|(\S+))', 'g') AS o;
END;
COMMENT ON FUNCTION trainledger_proxy.options IS
'Parts of a connection string, each name=value.';

/*
 * A server, a user mapping and foreign tables for each node, and the map as
 * PL/Proxy reads it: the homes are its partitions, of which those of one node
 * share a connection.  Running sessions see the change at their next call.
 */
CREATE OR REPLACE FUNCTION trainledger_proxy.apply_map() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	login CONSTANT text := trainledger_proxy.login();
	books_owner CONSTANT regrole := (SELECT c.relowner FROM pg_class c
		WHERE c.oid = 'trainledger.account'::regclass);
	server record;
	kept record;
	options text;
BEGIN
	IF (SELECT count(*) FROM trainledger_proxy.home) <> 1024 THEN
		RAISE object_not_in_prerequisite_state USING
			MESSAGE = 'the map is not complete',
			DETAIL = format('%s of 1024 homes have a node.',
				(SELECT count(*) FROM trainledger_proxy.home)),
			HINT = 'Give each home from 0 to 1023 a row in trainledger_proxy.home.';
	END IF;

	-- gone, or reached in another way
	FOR server IN
		SELECT s.srvname AS name FROM pg_foreign_server s
		LEFT JOIN trainledger_proxy.node n ON s.srvname = 'trainledger_node_' || n.name
		WHERE s.srvname ~ '^trainledger_node_'
		AND NOT coalesce(s.srvoptions @> trainledger_proxy.options(n.connection), false)
	LOOP
		EXECUTE format('DROP SERVER %I CASCADE', server.name);
	END LOOP;

	FOR server IN
		SELECT 'trainledger_node_' || n.name AS name, n.name AS node, n.connection
		FROM trainledger_proxy.node n
	LOOP
		IF NOT EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = server.name) THEN
			-- without estimates, accounts and their entries are joined in a loop
			EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (extensions ''trainledger'', use_remote_estimate ''true'', async_capable ''true'', fetch_size ''1000'', %s)',
				server.name, (SELECT string_agg(format('%s %L',
						split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ')
					FROM unnest(trainledger_proxy.options(server.connection)) o));
			EXECUTE format('CREATE USER MAPPING FOR PUBLIC SERVER %I OPTIONS (user %L, password_required ''false'')',
				server.name, login);
		END IF;
		FOR kept IN
			SELECT t.table_name AS name, t.table_name || '_' || server.node AS child
			FROM trainledger.table_class t WHERE t.class = 'home'
			-- a party has one for the log of its node, and one for that of the front
			AND t.table_name <> 'party_salt'
		LOOP
			CONTINUE WHEN to_regclass(format('trainledger_proxy.%I', kept.child)) IS NOT NULL;
			EXECUTE format('CREATE FOREIGN TABLE trainledger_proxy.%I () INHERITS (trainledger.%I) SERVER %I OPTIONS (schema_name ''trainledger'', table_name %L)',
				kept.child, kept.name, server.name, kept.name);
		END LOOP;
	END LOOP;

	SELECT string_agg(format('%s p%s %L',
			CASE WHEN s.oid IS NOT NULL THEN 'SET' END, h.home,
			coalesce(n.pooler, n.connection)), ', ')
	INTO options
	FROM trainledger_proxy.home h
	JOIN trainledger_proxy.node n ON n.name = h.node
	LEFT JOIN pg_foreign_server s ON s.srvname = 'trainledger';
	IF EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = 'trainledger') THEN
		EXECUTE format('ALTER SERVER trainledger OPTIONS (%s)', options);
	ELSE
		EXECUTE format('CREATE SERVER trainledger FOREIGN DATA WRAPPER plproxy OPTIONS (%s)', options);
		EXECUTE format('CREATE USER MAPPING FOR %s SERVER trainledger OPTIONS (user %L)',
			books_owner, login);
		EXECUTE format('GRANT USAGE ON FOREIGN SERVER trainledger TO %s', books_owner);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_proxy.apply_map IS
'Takes the tables node and home into use, after each change of them.';

SELECT format('CREATE OR REPLACE FUNCTION trainledger_proxy.login() RETURNS text
LANGUAGE sql IMMUTABLE RETURN %L', :'login')
\gexec
COMMENT ON FUNCTION trainledger_proxy.login IS
'Role of the front on the nodes.';

-- ---------------------------------------------------------------------------
-- Asking a node
-- ---------------------------------------------------------------------------

-- The arguments of place n are for the node of home n.
DROP FUNCTION IF EXISTS trainledger_proxy.call;
CREATE FUNCTION trainledger_proxy.call(settings text[], statement text,
	arguments text[], homes integer[])
RETURNS SETOF text[]
LANGUAGE plproxy VOLATILE
AS $$
	CLUSTER 'trainledger';
	SPLIT arguments, homes;
	RUN ON homes;
	SELECT trainledger_node.call(settings, statement, arguments);
$$;
COMMENT ON FUNCTION trainledger_proxy.call IS
'Runs a statement at the nodes of some homes, for the arguments of the same places.';

/*
 * The rows that the nodes of some homes answer with, to the arguments of the
 * same places, or to the same arguments.  Who asks goes along.  A refusal is
 * raised as it was raised there.  What goes wrong on the way is for the log: the
 * caller reads no addresses.  The first element of a row says that it is one.
 */
CREATE OR REPLACE FUNCTION trainledger_proxy.ask(
	homes integer[], statement text, VARIADIC arguments text[])
RETURNS SETOF text[]
AS '$libdir/trainledger', 'tl_proxy_ask' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION trainledger_proxy.ask IS
'Rows of a statement from the nodes of some homes, or the refusal of one of them.';

CREATE OR REPLACE FUNCTION trainledger_proxy.ask_value(
	homes integer[], statement text, VARIADIC arguments text[]) RETURNS text
AS '$libdir/trainledger', 'tl_proxy_ask_value' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION trainledger_proxy.ask_value IS
'The one value that a statement returns at the node of a home.';

CREATE OR REPLACE FUNCTION trainledger_proxy.refuse_nodes(
	detail text, hint text, argument text) RETURNS void
AS '$libdir/trainledger', 'tl_proxy_refuse_nodes' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION trainledger_proxy.refuse_nodes IS
'TL409: parties of a call are kept by different nodes.';

CREATE OR REPLACE FUNCTION trainledger_proxy.check_rows(rows bigint) RETURNS void
AS '$libdir/trainledger', 'tl_proxy_check_rows' LANGUAGE C STABLE;
COMMENT ON FUNCTION trainledger_proxy.check_rows IS
'TL400 where a request would get an answer of so many rows cut.';

-- One home of each node
CREATE OR REPLACE FUNCTION trainledger_proxy.every_node() RETURNS integer[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT array_agg(n.home ORDER BY n.node)
	FROM (SELECT h.node, min(h.home) AS home FROM trainledger_proxy.home h
		  GROUP BY h.node) n;
END;
COMMENT ON FUNCTION trainledger_proxy.every_node IS
'A home of each node.';

/*
 * One transaction is on one node.  Nothing is asked of any node where a call
 * would have to be on two.
 */
CREATE OR REPLACE FUNCTION trainledger_proxy.common_node(
	arguments text[], homes integer[], hint text) RETURNS integer[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	other integer := (
		SELECT o.home FROM trainledger_proxy.home f
		JOIN trainledger_proxy.home o ON o.node <> f.node
		WHERE f.home = homes[1] AND o.home = ANY (homes) LIMIT 1);
BEGIN
	IF other IS NOT NULL THEN
		PERFORM trainledger_proxy.refuse_nodes(
			format('Home %s is kept by one node, home %s by another.',
				   homes[1], other),
			hint, arguments[cardinality(arguments)]);
	END IF;
	RETURN homes[1:1];
END;
$$;
COMMENT ON FUNCTION trainledger_proxy.common_node IS
'Where homes are all of one node, one of them; else TL409.';

/*
 * The home of the delegate that a document of the event system names: parties
 * are here.  Null where it names none.  Where it names several, any of them will
 * do: it is refused.
 */
CREATE OR REPLACE FUNCTION trainledger_proxy.delegate_home(document json)
RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT min(trainledger.home(d.id)) FROM (
		SELECT p.id FROM trainledger.party p
		WHERE p.id = nullif(trainledger_internal.trimmed(
			document ->> 'delegate_id'), '')::numeric::bigint
		UNION ALL
		SELECT p.id FROM trainledger.party p
		WHERE p.rfid = trainledger_internal.trimmed(document ->> 'delegate_rfid')
		UNION ALL
		SELECT p.id FROM trainledger.party p
		WHERE p.barcode = trainledger_internal.trimmed(document ->> 'delegate_barcode')
		UNION ALL
		SELECT p.id FROM trainledger.party p
		WHERE p.external_id = trainledger_internal.trimmed(document ->> 'delegate_externalId')
	) AS d);
EXCEPTION WHEN data_exception
	-- NaN and infinity
	OR feature_not_supported THEN
	RETURN NULL;
END;
$$;
COMMENT ON FUNCTION trainledger_proxy.delegate_home IS
'Home of the delegate that a document names.';

/*
 * A sweep does at most so many: node after node, each with what is left.
 */
CREATE OR REPLACE FUNCTION trainledger_proxy.sweep(
	statement text, most integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	home integer;
	done bigint := 0;
BEGIN
	FOREACH home IN ARRAY trainledger_proxy.every_node() LOOP
		done := done + trainledger_proxy.ask_value(ARRAY[home], statement,
			ARRAY[most - done]::text)::bigint;
		EXIT WHEN done >= most;
	END LOOP;
	RETURN done;
END;
$$;
COMMENT ON FUNCTION trainledger_proxy.sweep IS
'Runs a sweep at every node, until it has done so many in all.';

/*
 * A batch of several nodes is split where each row stands alone.  Row n of a
 * part is row ordinals[n] of the whole, which is the last of the arguments.
 * What is wrong with the arrays as such one node says for all.
 */
CREATE OR REPLACE FUNCTION trainledger_proxy.ask_batch(
	statement text, account_ids bigint[], deltas trainledger.amount[],
	source text, descriptions text[], recorded_at timestamptz[],
	idempotency_keys uuid[], skip_refused boolean) RETURNS SETOF text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	size CONSTANT integer := cardinality(account_ids);
	homes integer[] := ARRAY(
		SELECT trainledger.home(a) FROM unnest(account_ids) a);
	is_well_formed CONSTANT boolean := size > 0
		AND greatest(array_ndims(account_ids), array_ndims(deltas),
			array_ndims(descriptions), array_ndims(recorded_at),
			array_ndims(idempotency_keys)) = 1
		AND cardinality(deltas) = size
		AND coalesce(cardinality(descriptions), size) = size
		AND coalesce(cardinality(recorded_at), size) = size
		AND coalesce(cardinality(idempotency_keys), size) = size;
	parts integer[];
	arguments text[];
BEGIN
	IF is_well_formed AND skip_refused THEN
		PERFORM trainledger_proxy.check_rows(size);
		SELECT array_agg(p.home), array_agg(ARRAY[p.accounts, p.amounts, source,
			CASE WHEN descriptions IS NOT NULL THEN p.texts END,
			CASE WHEN recorded_at IS NOT NULL THEN p.times END,
			CASE WHEN idempotency_keys IS NOT NULL THEN p.keys END,
			'true', p.ordinals]::text)
		INTO parts, arguments
		FROM (
			SELECT min(h.home) AS home,
				   array_agg(r.account ORDER BY r.ordinal)::text AS accounts,
				   array_agg(r.amount ORDER BY r.ordinal)::text AS amounts,
				   array_agg(r.text ORDER BY r.ordinal)::text AS texts,
				   array_agg(r.time ORDER BY r.ordinal)::text AS times,
				   array_agg(r.key ORDER BY r.ordinal)::text AS keys,
				   array_agg(r.ordinal ORDER BY r.ordinal)::text AS ordinals
			FROM unnest(account_ids, deltas, descriptions, recorded_at,
						idempotency_keys, homes) WITH ORDINALITY
				AS r(account, amount, text, time, key, home, ordinal)
			JOIN trainledger_proxy.home h ON h.home = coalesce(r.home, 0)
			GROUP BY h.node) AS p;
	ELSE
		IF is_well_formed THEN
			homes := trainledger_proxy.common_node('{account_ids}',
				array_remove(homes, NULL),
				'Give skip_refused and idempotency_keys, or make a call for each node.');
		END IF;
		parts := ARRAY[coalesce(homes[1], 0)];
		arguments := ARRAY[ARRAY[account_ids::text, deltas::text, source,
			descriptions::text, recorded_at::text, idempotency_keys::text,
			skip_refused::text, NULL]::text];
	END IF;
	RETURN QUERY SELECT a.fields
	FROM trainledger_proxy.ask(parts, statement, VARIADIC arguments) AS a(fields)
	ORDER BY a.fields[2]::integer;
END;
$$;
COMMENT ON FUNCTION trainledger_proxy.ask_batch IS
'Rows of post_batch, in the order of the arrays; skip_refused splits the batch over its nodes.';

-- ---------------------------------------------------------------------------
-- The functions that ask
-- ---------------------------------------------------------------------------

/*
 * Every function of the view privilege that nodes answer, in both schemas: one
 * of trainledger_api is asked there as a whole, so that its row of a view comes
 * with the answer.  nodes says whom to ask, statement is what they run and
 * given its arguments, answer are the columns that come back, each as text.
 */
CREATE TEMPORARY TABLE asking ON COMMIT DROP AS
SELECT p.oid, p.proname AS name, v.route, w.nodes, r.answer,
	   format('SELECT ARRAY[''row'', %s]::text[] FROM %s(%s) AS r',
			  r.columns, p.oid::regproc, g.casts) AS statement,
	   format('ARRAY[%s]::text[]::text', g.texts) AS given
FROM trainledger.privilege v
JOIN pg_proc p ON p.proname = v.function_name AND p.pronamespace IN (
	'trainledger'::regnamespace, 'trainledger_api'::regnamespace)
-- the arguments
CROSS JOIN LATERAL (
	SELECT string_agg(format('$%s::text', x.place), ', ' ORDER BY x.place) AS texts,
		   string_agg(format('($1[%s])::%s', x.place, format_type(x.type, NULL)),
					  ', ' ORDER BY x.place) AS casts
	FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS x(type, place)) AS g
-- those of them whose homes say the node
CROSS JOIN LATERAL (
	SELECT count(*) AS number, array_agg(x.name ORDER BY x.place) AS names,
		   string_agg(format('trainledger.%s($%s)',
			CASE x.type WHEN 'uuid'::regtype THEN 'home_of' ELSE 'home' END,
			x.place), ', ' ORDER BY x.place) AS homes
	FROM unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[])
		WITH ORDINALITY AS x(name, type, place)
	WHERE CASE v.route
		WHEN 'pair' THEN x.name ~ '(^|_)(party|account|issue|redemption|pass|hold)_id$'
		WHEN 'all' THEN x.name = 'account_id'
		ELSE x.name = v.route END) AS a
CROSS JOIN LATERAL (SELECT CASE
	WHEN v.route = 'pair' AND p.proname = 'post_batch' THEN ''
	WHEN v.route = 'pair' AND a.number = 2 THEN format(
		'trainledger_proxy.common_node(%L, ARRAY[%s], %L)', a.names, a.homes,
		'Do it in two calls, each with an idempotency key of its own.')
	WHEN v.route = 'all' AND p.proname IN ('expire_training_tokens', 'lapse_holds')
	THEN 'in turn'
	WHEN v.route = 'all' AND p.proretset THEN format(
		'CASE WHEN %1$s IS NULL THEN trainledger_proxy.every_node() ELSE ARRAY[%1$s] END',
		coalesce(a.homes, 'NULL::integer'))
	WHEN v.route LIKE '%_id' AND a.number = 1 THEN format('ARRAY[%s]', a.homes)
	-- documents
	WHEN v.route = 'party_id' AND p.proargnames[2:3] = '{idType,id}'
	THEN 'ARRAY[trainledger_proxy.delegate_home(json_build_object(''delegate_'' || coalesce($2, ''''), $3))]'
	WHEN v.route = 'party_id' AND oidvectortypes(p.proargtypes) = 'json'
	THEN 'ARRAY[trainledger_proxy.delegate_home($1)]'
	END) AS w(nodes)
-- the columns of the result; a row of a type with a name is one, and has the
-- columns that are known here: nodes are upgraded first
CROSS JOIN LATERAL (
	SELECT string_agg(c.name || '::text', ', ' ORDER BY c.place) AS columns,
		   string_agg(format('(a.fields[%s])::%s', c.place + 1, format_type(c.type, NULL)),
					  ', ' ORDER BY c.place) AS answer
	FROM (
		SELECT format('r.%I', x.name) AS name, x.type,
			   row_number() OVER (ORDER BY x.place) AS place
		FROM unnest(p.proargnames, p.proallargtypes, p.proargmodes)
			WITH ORDINALITY AS x(name, type, mode, place)
		WHERE x.mode = 't'
		UNION ALL
		SELECT coalesce((SELECT format('ROW(%s)', string_agg(
				format('r.%I', k.attname), ', ' ORDER BY k.attnum))
			FROM pg_type t
			JOIN pg_attribute k ON k.attrelid = t.typrelid AND k.attnum > 0
				AND NOT k.attisdropped
			WHERE t.oid = p.prorettype HAVING count(*) > 0), 'r'),
			p.prorettype, 1
		WHERE p.proargmodes IS NULL) AS c) AS r
WHERE CASE v.route
	WHEN 'global' THEN false
	WHEN 'node' THEN false
	WHEN 'all' THEN p.provolatile = 'v' OR p.proname = 'reconcile'
	ELSE true END;

DO $do$
DECLARE
	lost text := (SELECT string_agg(a.oid::regproc::text, ', '
						ORDER BY a.oid::regproc::text COLLATE "C")
				  FROM asking a WHERE a.nodes IS NULL);
BEGIN
	IF lost IS NOT NULL THEN
		RAISE object_not_in_prerequisite_state USING
			MESSAGE = 'functions have no way to their node',
			DETAIL = format('These have no route in trainledger.privilege, one that names none of their arguments, or answers that cannot be put together: %s.', lost),
			HINT = 'Use the script that came with this version of trainledger.';
	END IF;
END;
$do$;

/*
 * The same name, arguments, defaults, result and rights.  PL/pgSQL keeps the
 * plan; SQL is for those with an argument and a column of one name.
 */
SELECT format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s'
	' LANGUAGE %s %s PARALLEL UNSAFE SECURITY DEFINER'
	' SET search_path = pg_catalog, pg_temp SET datestyle = ''ISO, MDY'' AS %L',
	p.oid::regproc, pg_get_function_arguments(p.oid),
	pg_get_function_result(p.oid), f.language,
	CASE p.provolatile WHEN 'v' THEN 'VOLATILE' ELSE 'STABLE' END,
	format(f.frame, q.query))
FROM asking a
JOIN pg_proc p ON p.oid = a.oid
JOIN pg_type t ON t.oid = p.prorettype
CROSS JOIN LATERAL (SELECT CASE
	WHEN a.nodes = 'in turn' THEN format(
		'SELECT trainledger_proxy.sweep(%L, $1)', a.statement)
	-- the front comes last: what goes wrong before can be repeated
	WHEN a.name = 'forget_party' THEN format(
		'SELECT $1, sum(q.entries)::bigint, sum(q.events)::bigint FROM ('
		'SELECT %s FROM trainledger_proxy.ask(%s, %L, %s) AS a(fields)'
		' UNION ALL SELECT f.* FROM trainledger_internal.forget_party($1, $2, $3) f'
		') AS q(party_id, entries, events)',
		a.answer, a.nodes, a.statement, a.given)
	WHEN NOT p.proretset THEN format('trainledger_proxy.ask_value(%s, %L, %s)::%s',
		a.nodes, a.statement, a.given, pg_get_function_result(p.oid))
	ELSE format('SELECT %s FROM trainledger_proxy.%s AS a(fields)', a.answer,
		CASE a.name WHEN 'post_batch' THEN format(
			'ask_batch(%L, $1, $2, $3, $4, $5, $6, $7)', replace(a.statement,
				'r.ordinal::text', 'coalesce(o.ordinal, r.ordinal)::text')
			|| ' LEFT JOIN pg_catalog.unnest(($1[8])::integer[]) WITH ORDINALITY'
			' AS o(ordinal, place) ON o.place = r.ordinal')
		ELSE format('ask(%s, %L, %s)', a.nodes, a.statement, a.given) END)
	END) AS q(query)
CROSS JOIN LATERAL (SELECT
	CASE WHEN x.is_sql THEN 'sql' ELSE 'plpgsql' END,
	CASE WHEN x.is_sql THEN '%s'
		WHEN NOT p.proretset THEN 'BEGIN RETURN (%s); END'
		WHEN t.typtype = 'c' THEN
			'BEGIN RETURN QUERY SELECT (q.answer).* FROM (%s OFFSET 0) AS q(answer); END'
		ELSE 'BEGIN RETURN QUERY %s; END' END
	FROM (SELECT p.proargmodes IS NOT NULL
			AND p.proargnames[1:p.pronargs] && p.proargnames[p.pronargs + 1:]
		  ) AS x(is_sql)) AS f(language, frame)
\gexec

-- ---------------------------------------------------------------------------
-- Tables
-- ---------------------------------------------------------------------------

-- What has no home is written here, and read everywhere.
SELECT format(CASE WHEN EXISTS (SELECT FROM pg_publication p
								WHERE p.pubname = 'trainledger_global')
	THEN 'ALTER PUBLICATION trainledger_global SET TABLE %s'
	ELSE 'CREATE PUBLICATION trainledger_global FOR TABLE %s' END,
	string_agg(format('trainledger.%I', t.table_name), ', '))
FROM trainledger.table_class t
WHERE t.class = 'global'
\gexec

/*
 * A policy compares with what the caller sees.  As the result of a sub-select,
 * which is worked out once, that goes to the nodes, and a learner does not fetch
 * the rows of all to see its own.
 */
SELECT format('ALTER POLICY %I ON %s USING (%s)', p.polname,
	p.polrelid::regclass, regexp_replace(pg_get_expr(p.polqual, p.polrelid),
		'(?<!SELECT )trainledger_internal\.\w+\(\)', '(SELECT \&)', 'g'))
FROM trainledger.table_class t
JOIN pg_policy p ON p.polrelid = format('trainledger.%I', t.table_name)::regclass
WHERE t.class = 'home'
\gexec

-- The log of the front has what the front books, and nothing of the nodes.
SELECT format('CREATE OR REPLACE VIEW trainledger.log_row WITH (security_invoker = true) AS %s',
	regexp_replace(pg_get_viewdef('trainledger.log_row'::regclass),
		'((?:FROM|JOIN) \(*)trainledger\.', '\1ONLY trainledger.', 'g'))
\gexec
SELECT regexp_replace(pg_get_functiondef(p.oid),
	'((?:FROM|JOIN) \(*)trainledger\.', '\1ONLY trainledger.', 'g')
FROM pg_proc p
WHERE p.pronamespace = 'trainledger_internal'::regnamespace
AND p.proname IN ('make_salts', 'missing_entries', 'state_problems')
\gexec

/*
 * No party's rows are kept here.  Where an upgrade or a restore has undone what
 * is replaced above, calls are refused and book nothing.
 */
SELECT format('ALTER DATABASE %I SET trainledger.homes = %L', current_database(), '{}')
\gexec

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA trainledger_proxy FROM PUBLIC;
SELECT format(g.statement, (SELECT c.relowner::regrole FROM pg_class c
							WHERE c.oid = 'trainledger.account'::regclass))
FROM (VALUES
	('GRANT USAGE ON SCHEMA trainledger_proxy TO %s'),
	('GRANT SELECT ON trainledger_proxy.node, trainledger_proxy.home TO %s'),
	('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trainledger_proxy TO %s')
) AS g(statement)
\gexec
COMMIT;

-- nodes that are there already, after a change of what there is to replace
SELECT trainledger_proxy.apply_map()
WHERE EXISTS (SELECT FROM trainledger_proxy.home) \g /dev/null
