-- The log where homes move between nodes (contract, sections 17 and 19)

/*
 * Kinds whose rows move.  Those of other kinds are the front's, and every node
 * has a copy; their salts move.
 */
CREATE FUNCTION trainledger_internal.moves_with_home(kind text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN kind <> ALL ('{C1,T1,M1,V1}'::text[]);
COMMENT ON FUNCTION trainledger_internal.moves_with_home IS
'Whether rows of this kind move to another node with their home.';

/*
 * What was recorded before the log was started is none of its leaves, and says
 * nothing of them.
 */
CREATE FUNCTION trainledger_internal.last_home_events()
RETURNS SETOF trainledger.home_event
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT v.*
	FROM (SELECT x.home, max(x.booking_no) AS booking_no
		  FROM trainledger.home_event x GROUP BY x.home) l
	JOIN trainledger.home_event v
		ON v.home = l.home AND v.booking_no = l.booking_no
	WHERE v.booking_no > (SELECT o.after_booking_no FROM trainledger.log_origin o
						  ORDER BY o.id LIMIT 1);
END;
COMMENT ON FUNCTION trainledger_internal.last_home_events IS
'What was recorded when homes came here or left the last time.';

CREATE FUNCTION trainledger_internal.homes_of_events(wanted_direction text)
RETURNS int4multirange
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(range_agg(int4range(v.home, v.home, '[]')), '{}')
	FROM trainledger_internal.last_home_events() v
	WHERE v.direction = wanted_direction;
END;
COMMENT ON FUNCTION trainledger_internal.homes_of_events IS
'Homes that came here (in) or left (out) the last time.';

/*
 * The rows of homes that are here, by the node that booked them, and the digest
 * that a home_event has of them.
 */
CREATE FUNCTION trainledger_internal.home_leaves(
	homes int4multirange, of_others boolean)
RETURNS TABLE (home integer, node_no integer, leaves bigint, digest bytea,
			   origin text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH event AS MATERIALIZED (
		SELECT x.* FROM trainledger_internal.last_home_events() x)
	SELECT g.home, g.node_no, g.leaves, g.digest,
		   CASE WHEN g.has_own
				THEN (SELECT o.origin FROM trainledger.log_origin o
					  ORDER BY o.id DESC LIMIT 1)
				ELSE v.origin END
	FROM (
		SELECT trainledger.home(r.id) AS home,
			   ((r.booking_no - 1) >> 38)::integer AS node_no,
			   count(*) AS leaves,
			   sha256(string_agg(trainledger_internal.log_leaf_hash(r.leaf), ''
				   ORDER BY r.booking_no, r.kind, r.id, r.entry_no)) AS digest,
			   bool_or(r.booking_no <@
				   (SELECT trainledger_internal.own_numbers())) AS has_own
		FROM trainledger.log_row r
		WHERE trainledger.home(r.id) <@ homes
		AND trainledger_internal.moves_with_home(r.kind)
		AND NOT (of_others AND r.booking_no <@
				 (SELECT trainledger_internal.own_numbers()))
		GROUP BY 1, 2) AS g
	LEFT JOIN event v ON v.home = g.home AND v.node_no = g.node_no;
END;
COMMENT ON FUNCTION trainledger_internal.home_leaves IS
'Leaves that the rows of homes are, those that are in this log too or not: how many, a digest, and the name of the log that they are in, for each node that booked them.';

/*
 * A text that has moved before its party had a salt would get different ones
 * here and there.
 */
CREATE FUNCTION trainledger_internal.make_home_salts(homes int4multirange)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM make_salts_of(ARRAY(
		SELECT p.party_id
		FROM (SELECT a.party_id FROM trainledger.account a
			  UNION
			  SELECT h.party_id FROM trainledger.placed_hold h
			  UNION
			  SELECT v.party_id FROM trainledger.pass_event v
			  UNION
			  SELECT u.party_id FROM trainledger.pass_use u) p
		WHERE trainledger.home(p.party_id) <@ homes));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.make_home_salts IS
'Makes a salt for each party of these homes that has none.';

-- Leaving

CREATE FUNCTION trainledger_internal.unsealed_leaves(homes int4multirange)
RETURNS TABLE (booking_no bigint, kind text, id bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT r.booking_no, r.kind, r.id
	FROM trainledger.log_row r
	WHERE r.booking_no > (SELECT trainledger_internal.sealed_upto())
	AND r.booking_no <@ (SELECT trainledger_internal.own_numbers())
	AND trainledger.home(r.id) <@ homes AND r.kind <> 'V1';
END;
COMMENT ON FUNCTION trainledger_internal.unsealed_leaves IS
'What this log does not have yet of homes.';

/*
 * Before the rows of homes are deleted: the log keeps the hashes of those that
 * it has, and a leaf says that they left.  Homes that had left before are those
 * whose rows come back just now, and go without having been here.
 */
CREATE FUNCTION trainledger_internal.keep_leaves(homes int4multirange)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	sealed bigint;
	unsealed record;
	own int8multirange;
	leaving int4multirange;
	was_here int4multirange;
BEGIN
	PERFORM take_mutex('log'::text, 'forget_homes()'::text);
	sealed := sealed_upto();
	own := own_numbers();
	leaving := homes - homes_of_events('out');
	IF NOT EXISTS (SELECT FROM trainledger.log_origin) THEN
		-- a log that is started later cannot begin before
		INSERT INTO trainledger.home_event
			(id, home, direction, leaves, digest, created_at, booking_no)
		SELECT new_id('trainledger.home_event_id_seq'::regclass, h.home),
			   h.home, 'out', 0, sha256(''), trainledger.clock(), booking_no()
		FROM (SELECT DISTINCT trainledger.home(r.id) AS home
			  FROM trainledger.log_row r
			  WHERE trainledger.home(r.id) <@ homes
			  AND moves_with_home(r.kind) AND r.booking_no <@ own) h;
		RETURN;
	END IF;
	SELECT u.* INTO unsealed FROM unsealed_leaves(leaving) u LIMIT 1;
	IF FOUND THEN
		PERFORM refuse('TL409', 'home has rows that are not sealed yet',
			format('The log ends at booking %s, and home %s has a leaf %s of booking %s.',
				   sealed, trainledger.home(unsealed.id), unsealed.kind,
				   unsealed.booking_no),
			'seal() does it, once older transactions are over.', 'homes');
	END IF;
	INSERT INTO trainledger.log_kept (booking_no, kind, id, entry_no, hash)
	SELECT r.booking_no, r.kind, r.id, r.entry_no, log_leaf_hash(r.leaf)
	FROM trainledger.log_row r
	WHERE r.booking_no <= sealed AND r.booking_no <@ own
	AND trainledger.home(r.id) <@ leaving
	-- the salt for what is nobody's stays
	AND r.kind <> 'V1' AND NOT (r.kind = 'T1' AND EXISTS (
		SELECT FROM trainledger.ticket_event t
		WHERE t.id = r.id AND t.party_id IS NULL));
	-- where a copy is given up, its home was not here
	was_here := homes_of_events('in') + (
		SELECT coalesce(range_agg(int4range(k.home, k.home, '[]')), '{}')
		FROM (SELECT DISTINCT trainledger.home(k.id) AS home
			  FROM trainledger.log_kept k) k);
	WITH leaf AS MATERIALIZED (SELECT x.* FROM home_leaves(leaving, false) x)
	INSERT INTO trainledger.home_event
		(id, home, direction, node_no, leaves, digest, origin, created_at,
		 booking_no)
	SELECT new_id('trainledger.home_event_id_seq'::regclass, h.home), h.home,
		   'out', l.node_no, coalesce(l.leaves, 0),
		   coalesce(l.digest, sha256('')), l.origin, trainledger.clock(),
		   booking_no()
	FROM generate_series(0, 1023) AS h(home)
	LEFT JOIN leaf l ON l.home = h.home
	WHERE h.home <@ leaving AND h.home <@ was_here;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.keep_leaves IS
'Keeps what the log needs of the rows of homes that are about to be deleted, and records that they left; TL409 where some are not sealed yet.';

-- Coming

/*
 * sent is what home_leaves() said of the homes where they came from.  What they
 * have booked since is this log's.
 */
CREATE FUNCTION trainledger_internal.receive_homes(
	homes int4multirange, sent jsonb DEFAULT '[]') RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	coming int4multirange;
	other record;
BEGIN
	PERFORM require_given('homes', homes::text);
	PERFORM take_mutex('log'::text, 'receive_homes()'::text);
	coming := homes - homes_of_events('in');
	IF isempty(coming)
	   OR NOT EXISTS (SELECT FROM trainledger.log_origin) THEN
		RETURN;
	END IF;
	PERFORM require_home(h, 'homes') FROM generate_series(0, 1023) h
	WHERE h <@ coming;
	PERFORM make_home_salts(coming);
	WITH leaf AS MATERIALIZED (SELECT x.* FROM home_leaves(coming, true) x)
	INSERT INTO trainledger.home_event
		(id, home, direction, node_no, leaves, digest, origin, created_at,
		 booking_no)
	SELECT new_id('trainledger.home_event_id_seq'::regclass, h.home), h.home,
		   'in', l.node_no, coalesce(l.leaves, 0),
		   coalesce(l.digest, sha256('')), s.origin, trainledger.clock(),
		   booking_no()
	FROM generate_series(0, 1023) AS h(home)
	LEFT JOIN leaf l ON l.home = h.home
	LEFT JOIN jsonb_to_recordset(sent) AS s(home integer, node_no integer,
		origin text) ON s.home = l.home AND s.node_no = l.node_no
	WHERE h.home <@ coming;
	SELECT coalesce(s.home, v.home) AS home, s.leaves AS there,
		   v.leaves AS here, coalesce(s.node_no, v.node_no) AS node_no
	INTO other
	FROM jsonb_to_recordset(sent) AS s(home integer, node_no integer,
		leaves bigint, digest bytea)
	FULL JOIN (SELECT x.* FROM last_home_events() x
			   WHERE x.home <@ coming AND x.leaves > 0) v
		ON v.home = s.home AND v.node_no = s.node_no
	WHERE coalesce(s.home, v.home) <@ coming
	AND (v.leaves, v.digest) IS DISTINCT FROM (s.leaves, s.digest)
	AND jsonb_array_length(sent) > 0
	-- the log itself says what those are that are in it
	AND NOT (SELECT own_numbers()) && int8range(
		coalesce(s.node_no, v.node_no)::bigint << 38,
		(coalesce(s.node_no, v.node_no)::bigint + 1) << 38, '(]')
	LIMIT 1;
	IF FOUND THEN
		RAISE data_corrupted USING
			MESSAGE = 'rows that came are not those that left',
			DETAIL = format('Home %s left with %s rows of node %s. It came with %s, and their digest is another.',
				other.home, coalesce(other.there, 0), other.node_no,
				coalesce(other.here, 0)),
			HINT = 'verify() on both nodes says which log is not what was sealed.';
	END IF;
	PERFORM delete_homes('log_kept'::name, 'id'::name, coming);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.receive_homes IS
'Records that homes came from another node, with a digest of their rows, and drops what was kept of them when they left; move_homes.sh calls it.';

-- Verifying

/*
 * Rows that came are none of the leaves here, but their digest is in one: which
 * of them changed it does not say.  A home that leaves takes along what came.
 */
CREATE FUNCTION trainledger_internal.home_problems(since bigint)
RETURNS TABLE (problem text, kind text, id bigint, entry_no bigint,
			   booking_no bigint, detail text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	came int4multirange := homes_of_events('in');
	gone int4multirange := homes_of_events('out');
BEGIN
	IF NOT isempty(came) THEN
		RETURN QUERY
		WITH event AS MATERIALIZED (SELECT x.* FROM last_home_events() x),
		leaf AS MATERIALIZED (SELECT x.* FROM home_leaves(came, true) x)
		SELECT CASE WHEN v.leaves IS NULL OR v.leaves < l.leaves THEN 'added'
					WHEN l.leaves IS NULL OR v.leaves > l.leaves THEN 'missing'
					ELSE 'changed' END,
			   'V1', coalesce(v.id, e.id), 0::bigint, e.booking_no,
			   format('Home %s came with %s rows of node %s. It has %s, and their digest is another.',
					  e.home, coalesce(v.leaves, 0),
					  coalesce(v.node_no, l.node_no), coalesce(l.leaves, 0))
		FROM (SELECT x.* FROM event x WHERE x.leaves > 0) v
		FULL JOIN leaf l
			ON l.home = v.home AND l.node_no = v.node_no
		JOIN (SELECT x.home, x.booking_no, min(x.id) AS id FROM event x
			  WHERE x.direction = 'in'
			  GROUP BY x.home, x.booking_no) e
			ON e.home = coalesce(v.home, l.home)
		WHERE (v.leaves, v.digest) IS DISTINCT FROM (l.leaves, l.digest)
		AND e.booking_no >= since;
	END IF;
	RETURN QUERY
	SELECT 'changed', 'V1', o.id, 0::bigint, o.booking_no,
		   format('Home %s left with other rows of node %s than it had come with.',
				  o.home, o.node_no)
	FROM (SELECT x.*,
				 lag(x.direction) OVER w AS before,
				 lag(x.leaves) OVER w AS leaves_before,
				 lag(x.digest) OVER w AS digest_before
		  FROM trainledger.home_event x
		  WINDOW w AS (PARTITION BY x.home, x.node_no ORDER BY x.booking_no)) o
	WHERE o.direction = 'out' AND o.before = 'in' AND o.booking_no >= since
	-- what was booked here since is among these
	AND o.node_no <> (SELECT q.last_value >> 38 FROM trainledger.booking_no_seq q)
	AND (o.leaves, o.digest) IS DISTINCT FROM (o.leaves_before, o.digest_before);
	RETURN QUERY
	SELECT 'added', k.kind, k.id, k.entry_no, k.booking_no,
		   'It is kept as a leaf whose row has left, and its home has not.'
	FROM trainledger.log_kept k
	WHERE NOT trainledger.home(k.id) <@ gone
	OR k.booking_no > (SELECT sealed_upto());
	-- unless they come back just now
	IF NOT isempty(gone) AND NOT EXISTS (
		SELECT FROM pg_subscription_rel s
		WHERE s.srrelid = 'trainledger.entry'::regclass) THEN
		RETURN QUERY
		SELECT 'added', k.kind, k.id, k.entry_no, k.booking_no,
			   'It has left, and is still there.'
		FROM trainledger.log_kept k
		JOIN trainledger.log_row r
			ON r.booking_no = k.booking_no AND r.kind = k.kind
			AND r.id = k.id AND r.entry_no = k.entry_no
		WHERE NOT keeps_home(k.id) AND moves_with_home(k.kind);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.home_problems IS
'What is wrong with homes that came or left: rows that are not those that came, and leaves that are kept without reason.';
