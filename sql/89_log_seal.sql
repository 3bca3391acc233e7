-- The log: started and sealed (contract, section 17)

CREATE FUNCTION trainledger_internal.log_next_xid() RETURNS xid8
AS 'MODULE_PATHNAME', 'tl_log_next_xid' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_next_xid IS
'An id that no transaction has got yet.';

CREATE FUNCTION trainledger_internal.log_append(
	after bigint, last_no bigint, OUT size bigint, OUT root bytea)
AS 'MODULE_PATHNAME', 'tl_log_append' LANGUAGE C VOLATILE PARALLEL UNSAFE
-- there is a plan for each range, which is not worth being compiled
SET jit = off;
COMMENT ON FUNCTION trainledger_internal.log_append IS
'Appends the leaves of the bookings after one number up to another, and returns the size and the root of the tree.';

CREATE FUNCTION trainledger_internal.try_lock_log() RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_try_lock_log' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.try_lock_log IS
'Takes the mutex of the log until the end of the transaction, if nobody has it.';

CREATE FUNCTION trainledger_internal.log_root(size bigint) RETURNS bytea
AS 'MODULE_PATHNAME', 'tl_log_root' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_root IS
'Root of the tree of the first so many leaves.';

CREATE FUNCTION trainledger_internal.tree_size() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce((SELECT b.block_no * 256 + b.size
					 FROM trainledger.log_block b
					 ORDER BY b.block_no DESC LIMIT 1), 0);
END;
COMMENT ON FUNCTION trainledger_internal.tree_size IS
'Number of leaves in the log.';

/*
 * The numbers of node n begin at n * 2^38 + 1, and its log and its feed hold none
 * of other nodes.
 */
CREATE FUNCTION trainledger_internal.begin_of_numbers() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT s.last_value >> 38 << 38 FROM trainledger.booking_no_seq s;
END;
COMMENT ON FUNCTION trainledger_internal.begin_of_numbers IS
'Number after which the bookings of this node begin.';

CREATE FUNCTION trainledger_internal.sealed_upto() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(
		(SELECT c.last_booking_no FROM trainledger.checkpoint c
		 ORDER BY c.size DESC LIMIT 1),
		greatest(
			trainledger_internal.begin_of_numbers(),
			(SELECT o.after_booking_no FROM trainledger.log_origin o
			 ORDER BY o.id LIMIT 1)));
END;
COMMENT ON FUNCTION trainledger_internal.sealed_upto IS
'Number up to which all bookings are in the log.';

/*
 * Books that were sealed before they became those of a node have two ranges of
 * numbers, and what the front books lies between.  Checkpoints are in the order
 * of their numbers, so the last one of a range is found by halving.
 */
CREATE FUNCTION trainledger_internal.sealed_numbers() RETURNS int8multirange
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	-- what was booked before, is in no log
	begin_no bigint := (SELECT o.after_booking_no FROM trainledger.log_origin o
						ORDER BY o.id LIMIT 1);
	last trainledger.checkpoint;
	sealed trainledger.checkpoint;
	probe trainledger.checkpoint;
	range_no bigint;
	lower_size bigint;
	upper_size bigint;
	middle bigint;
	numbers int8multirange := '{}';
BEGIN
	SELECT c.* INTO last FROM trainledger.checkpoint c
	ORDER BY c.size DESC LIMIT 1;
	LOOP
		SELECT c.* INTO sealed FROM trainledger.checkpoint c
		WHERE c.size > coalesce(sealed.size, 0) ORDER BY c.size LIMIT 1;
		EXIT WHEN sealed.size IS NULL;
		range_no := (sealed.last_booking_no - 1) >> 38;
		IF range_no = (last.last_booking_no - 1) >> 38 THEN
			sealed := last;
		END IF;
		lower_size := sealed.size;
		upper_size := last.size;
		WHILE lower_size < upper_size LOOP
			middle := lower_size + (upper_size - lower_size + 1) / 2;
			SELECT c.* INTO probe FROM trainledger.checkpoint c
			WHERE c.size <= middle ORDER BY c.size DESC LIMIT 1;
			IF (probe.last_booking_no - 1) >> 38 = range_no THEN
				sealed := probe;
				lower_size := middle;
			ELSE
				upper_size := probe.size - 1;
			END IF;
		END LOOP;
		begin_no := greatest(begin_no, range_no << 38);
		IF begin_no < sealed.last_booking_no THEN
			numbers := numbers + int8multirange(
				int8range(begin_no, sealed.last_booking_no, '(]'));
		END IF;
	END LOOP;
	RETURN numbers;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.sealed_numbers IS
'Numbers of bookings that are in the log.';

CREATE FUNCTION trainledger_internal.own_numbers() RETURNS int8multirange
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_internal.sealed_numbers() + int8multirange(int8range(
		CASE WHEN u.sealed >> 38 = s.last_value >> 38 THEN u.sealed
			 ELSE s.last_value >> 38 << 38 END,
		((s.last_value >> 38) + 1) << 38, '(]'))
	FROM trainledger.booking_no_seq s,
		 (SELECT trainledger_internal.sealed_upto()) AS u(sealed);
END;
COMMENT ON FUNCTION trainledger_internal.own_numbers IS
'Numbers of bookings that are in the log or will be; a node has rows of others, which came with their homes.';

CREATE VIEW trainledger.log_leaf WITH (security_invoker = true) AS
SELECT l.booking_no, l.kind,
	   CASE l.kind WHEN 'E1' THEN ARRAY[l.id, l.entry_no]
			ELSE ARRAY[l.id] END AS key,
	   l.leaf, l.hash AS leaf_hash
FROM trainledger.tree_leaf l
WHERE l.booking_no <= (
	SELECT c.last_booking_no FROM trainledger.checkpoint c
	ORDER BY c.size DESC LIMIT 1)
-- a node has rows with the numbers of others
AND l.booking_no >= (SELECT lower(trainledger_internal.sealed_numbers()))
AND NOT l.booking_no <@ (
	SELECT int8multirange(range_merge(n.sealed)) - n.sealed
	FROM (SELECT trainledger_internal.sealed_numbers()) AS n(sealed));
COMMENT ON VIEW trainledger.log_leaf IS
'The log, a row for each entry and event that is sealed; its order is booking_no, kind, key.';
COMMENT ON COLUMN trainledger.log_leaf.booking_no IS 'Number of the booking.';
COMMENT ON COLUMN trainledger.log_leaf.kind IS 'E1 entry, X1 expiry of an issue, H1 hold, P1 pass, U1 use of a pass, C1 claim, T1 ticket, M1 membership, R1 redaction, V1 home that moved.';
COMMENT ON COLUMN trainledger.log_leaf.key IS 'Of an entry account and number, else the id of the event.';
COMMENT ON COLUMN trainledger.log_leaf.leaf IS 'The line that is sealed; null: its row has moved to another node.';
COMMENT ON COLUMN trainledger.log_leaf.leaf_hash IS 'Its hash in the tree.';

-- Starting

CREATE FUNCTION trainledger_internal.start_log(origin text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	started trainledger.log_origin;
BEGIN
	origin := require_text('origin', origin);
	reason := require_text('reason', reason);
	IF NOT is_key_name(origin) THEN
		PERFORM refuse('TL400', 'invalid origin',
			format('"%s" has a blank or a plus sign.', origin),
			'Use a name like that of a web address without its scheme, such as books.example/ledger.',
			'origin');
	END IF;
	PERFORM take_mutex('log'::text, 'start_log()'::text);
	SELECT o.* INTO started FROM trainledger.log_origin o
	WHERE o.origin = start_log.origin;
	IF FOUND THEN
		PERFORM refuse('TL409', 'log was started already',
			format('Its origin is "%s" since %s.', started.origin,
				   to_char(started.started_at AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			'Only after a restore to a time before a checkpoint that others have, start the log again with another origin.',
			'origin');
	END IF;
	INSERT INTO trainledger.log_origin
		(id, origin, reason, size, started_by, started_at, after_booking_no)
	VALUES ((SELECT coalesce(max(o.id), 0) + 1 FROM trainledger.log_origin o),
			origin, reason, tree_size(), caller_name(), trainledger.clock(),
			-- what left before cannot be sealed any more, not even if it comes back
			greatest(sealed_upto(), (
				SELECT max(v.booking_no) FROM trainledger.home_event v
				WHERE NOT EXISTS (SELECT FROM trainledger.log_origin))));
	PERFORM require_written('log_origin', FOUND);
	INSERT INTO trainledger.checkpoint
		(origin, size, root, last_booking_no, created_at)
	SELECT origin, tree_size(), log_root(tree_size()), sealed_upto(),
		   trainledger.clock()
	WHERE tree_size() > 0;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.start_log IS
'Starts the log under a name, which is in every checkpoint and proof. Again, with another name, only where a restore went back behind a checkpoint that others have. Level admin.';

CREATE FUNCTION trainledger_internal.current_log()
RETURNS trainledger.log_origin
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	started trainledger.log_origin;
BEGIN
	SELECT o.* INTO started FROM trainledger.log_origin o
	ORDER BY o.id DESC LIMIT 1;
	IF NOT FOUND THEN
		PERFORM refuse('TL409', 'log has not been started',
			'Nothing is sealed without a name of the log.',
			'Call start_log(origin, reason) first.', NULL);
	END IF;
	RETURN started;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.current_log IS
'The name of the log in use, or TL409.';

-- Sealing

CREATE FUNCTION trainledger_internal.require_read_committed(function_name text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF current_setting('transaction_isolation')
	   NOT IN ('read committed', 'read uncommitted') THEN
		RAISE active_sql_transaction USING
			MESSAGE = format('%s() needs isolation level READ COMMITTED',
							 function_name),
			DETAIL = format('The transaction is %s, so it may not see all that was committed.',
				upper(current_setting('transaction_isolation'))),
			HINT = 'Call it in a transaction of its own.';
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_read_committed IS
'Refuses a transaction that keeps its snapshot (25001).';

/*
 * Keeps the last number that was given out together with a transaction id that
 * is read after it, and returns the last number of which every transaction that
 * may have it or one before is over.
 *
 * Whoever takes a number has its transaction id by then (src/ledger/write.c),
 * so it is less than the id that is read here.  The number must be read first.
 * The last mark that has passed stays: whoever may not write, as on a standby,
 * reads up to it.  There are few rows, however long a transaction stays open:
 * once there are many, the last one moves on.
 */
CREATE FUNCTION trainledger_internal.pass_marks() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	given bigint := (
		-- a fresh sequence says 1 before it has given 1
		SELECT s.last_value - CASE WHEN s.is_called THEN 0 ELSE 1 END
		FROM trainledger.booking_no_seq s);
	unused xid8 := log_next_xid();
	oldest xid8 := pg_snapshot_xmin(pg_current_snapshot());
	passed bigint;
	waiting bigint;
BEGIN
	-- a mark that is not of this cluster would never pass, or too early
	DELETE FROM trainledger.log_mark m
	WHERE m.next_xid > unused OR m.last_no > given;
	passed := CASE WHEN unused <= oldest THEN given
			  ELSE (SELECT max(m.last_no) FROM trainledger.log_mark m
					WHERE m.next_xid <= oldest) END;
	DELETE FROM trainledger.log_mark m WHERE m.last_no < passed;
	IF NOT EXISTS (SELECT FROM trainledger.log_mark m
				   WHERE m.last_no = given) THEN
		SELECT count(*) INTO waiting FROM trainledger.log_mark m
		WHERE m.last_no <= passed IS NOT TRUE;
		IF waiting >= 32 THEN
			DELETE FROM trainledger.log_mark m
			WHERE m.last_no = (SELECT max(x.last_no) FROM trainledger.log_mark x);
		END IF;
		INSERT INTO trainledger.log_mark (last_no, next_xid)
		VALUES (given, unused);
	END IF;
	RETURN passed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.pass_marks IS
'Number up to which no more bookings can appear; null where that is not known yet.';

/*
 * What a reader knows that may not write.  In its snapshot a transaction before
 * a mark that has passed is over, whatever the isolation level is.
 */
CREATE FUNCTION trainledger_internal.known_watermark() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT greatest(trainledger_internal.sealed_upto(), (
		SELECT max(m.last_no) FROM trainledger.log_mark m
		WHERE m.next_xid <= pg_snapshot_xmin(pg_current_snapshot())
		-- else it is not of this cluster
		AND m.last_no <= (SELECT s.last_value
						  FROM trainledger.booking_no_seq s)));
END;
COMMENT ON FUNCTION trainledger_internal.known_watermark IS
'Number up to which no more bookings can appear, as far as the log and its marks say.';

/*
 * A posting never notifies: those that commit would wait for each other.
 * Numbers that were rolled back are nothing new.
 */
CREATE FUNCTION trainledger_internal.move_watermark() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	known bigint := known_watermark();
	passed bigint := greatest(known, pass_marks());
BEGIN
	IF EXISTS (SELECT FROM trainledger.log_row r
			   WHERE r.booking_no > known AND r.booking_no <= passed) THEN
		PERFORM pg_notify('trainledger_feed', passed::text);
	END IF;
	RETURN passed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.move_watermark IS
'Number up to which no more bookings can appear; tells those who listen on trainledger_feed if there are any that were not said before. For whoever has the mutex of the log.';

CREATE FUNCTION trainledger_internal.new_salt() RETURNS bytea
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
COMMENT ON FUNCTION trainledger_internal.new_salt IS
'A new salt: 32 bytes, 244 bits of them random.';

CREATE FUNCTION trainledger_internal.make_salts_of(parties bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	INSERT INTO trainledger.party_salt (party_id, salt)
	SELECT p.id, new_salt() FROM unnest(parties) AS p(id)
	-- a join with what it fills could take the square of its time
	ON CONFLICT DO NOTHING;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.make_salts_of IS
'Makes salts for those of some parties that have none.';

/*
 * Whoever was forgotten has no salt.  Rows of which the hash of the texts is kept
 * need none; they are looked for among the rows of such parties alone.
 */
CREATE FUNCTION trainledger_internal.make_salts(after bigint, last_no bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
	saltless bigint[] := ARRAY(
		SELECT p.id
		FROM (SELECT DISTINCT r.party_id AS id FROM trainledger.log_row r
			  WHERE r.booking_no > after AND r.booking_no <= last_no
			  AND r.kind <> 'R1') p
		WHERE p.id IS NOT NULL
		AND NOT EXISTS (SELECT FROM ONLY trainledger.party_salt s
						WHERE s.party_id = p.id));
	redacted bigint[] := ARRAY(
		SELECT DISTINCT d.party_id FROM ONLY trainledger.redaction d
		WHERE d.party_id = ANY (saltless));
BEGIN
	IF redacted <> '{}'::bigint[] THEN
		saltless := ARRAY(
			SELECT p.id FROM unnest(saltless) AS p(id)
			WHERE p.id <> ALL (redacted)
			UNION
			SELECT r.party_id FROM trainledger.log_row r
			WHERE r.booking_no > after AND r.booking_no <= last_no
			AND r.kind <> 'R1' AND r.party_id = ANY (redacted)
			AND NOT EXISTS (SELECT FROM ONLY trainledger.redaction d
							WHERE d.row_id = r.id AND d.entry_no = r.entry_no
							AND d.kind = r.kind));
	END IF;
	PERFORM make_salts_of(saltless);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.make_salts IS
'Makes a salt for each party that has none and is about to be sealed.';

/*
 * Each statement must see what was committed before it, or else an entry with
 * a number that has passed could be left out for ever.
 */
CREATE FUNCTION trainledger_internal.seal() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	log trainledger.log_origin;
	sealed bigint;
	passed bigint;
	size bigint;
	root bytea;
BEGIN
	PERFORM require_read_committed('seal');
	log := current_log();
	IF NOT try_lock_log() THEN
		RETURN tree_size();
	END IF;
	passed := move_watermark();
	-- numbers between two ranges are not of this log
	sealed := greatest(sealed_upto(), passed >> 38 << 38);
	IF passed > sealed THEN
		-- for what is nobody's; log_append() makes those of others
		PERFORM make_salts_of('{0}'::bigint[]);
		SELECT a.size, a.root INTO size, root FROM log_append(sealed, passed) a;
		INSERT INTO trainledger.checkpoint
			(origin, size, root, last_booking_no, created_at)
		SELECT log.origin, size, root, passed, trainledger.clock()
		WHERE size > 0
		-- nothing but numbers that were rolled back
		ON CONFLICT DO NOTHING;
		PERFORM summarise(passed);
	END IF;
	RETURN tree_size();
END;
$$;
COMMENT ON FUNCTION trainledger_internal.seal IS
'Appends to the log what was booked since the last time, as far as every transaction that may book under those numbers is over, makes a checkpoint where there was something, adds it to the monthly summary, and returns the number of leaves in the log. Where another session is sealing it returns at once. Level admin.';
