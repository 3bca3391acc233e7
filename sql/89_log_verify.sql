-- The log: whether the books are still what was sealed (contract, section 17)

CREATE FUNCTION trainledger_internal.log_check_group(
	number bigint, with_roots boolean)
RETURNS TABLE (problem text, kind text, id bigint, entry_no bigint,
			   booking_no bigint, detail text)
AS 'MODULE_PATHNAME', 'tl_log_check_group'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000000 ROWS 1;
COMMENT ON FUNCTION trainledger_internal.log_check_group IS
'What is different in the 65536 leaves of one node of level 16: leaves that changed, are missing or were added, blocks and, where asked for, checkpoints.';

CREATE FUNCTION trainledger_internal.log_fold(hashes bytea[]) RETURNS bytea
AS 'MODULE_PATHNAME', 'tl_log_fold' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_fold IS
'Root of the tree of these hashes, in place of those of leaves.';

/*
 * The log's own rows, as far as they can be judged without those of the books.
 * Numbers start at 0 and have no gaps; blocks are full but for the last.
 */
CREATE FUNCTION trainledger_internal.log_row_problems()
RETURNS TABLE (problem text, kind text, id bigint, detail text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH log AS (
		SELECT coalesce((SELECT c.size FROM trainledger.checkpoint c
						 ORDER BY c.size DESC LIMIT 1), 0) AS size,
			   trainledger_internal.tree_size() AS found)
	SELECT 'missing' AS problem, 'log_block' AS kind, n.block_no,
		   'The checkpoints say that the log has it.' AS detail
	FROM log
	CROSS JOIN LATERAL generate_series(0, (log.size + 255) / 256 - 1)
		AS n(block_no)
	WHERE NOT EXISTS (SELECT FROM trainledger.log_block b
					  WHERE b.block_no = n.block_no)
	UNION ALL
	SELECT 'changed', 'log_block', b.block_no,
		   'Its columns contradict each other.'
	FROM trainledger.log_block b
	CROSS JOIN log
	WHERE b.block_no < 0 OR b.size IS DISTINCT FROM
		least(256, log.size - b.block_no * 256)
	OR num_nulls(b.booking_no, b.kind, b.id, b.entry_no) > 0
	OR octet_length(b.prefixes) IS DISTINCT FROM 4 * b.size
	OR octet_length(b.hash) IS DISTINCT FROM
		32 * length(replace(b.size::bit(16)::text, '0', ''))
	UNION ALL
	SELECT 'missing', 'checkpoint', log.found,
		   'The log has leaves after its last checkpoint.'
	FROM log
	WHERE log.found > log.size
	UNION ALL
	SELECT 'changed', 'checkpoint', c.size,
		   'Its columns contradict each other.'
	FROM trainledger.checkpoint c
	WHERE octet_length(c.root) IS DISTINCT FROM 32 OR c.size <= 0
	OR c.last_booking_no > (SELECT s.last_value FROM trainledger.booking_no_seq s)
	OR NOT starts_with(c.note, trainledger_internal.checkpoint_body(c) || E'\n')
	OR NOT EXISTS (SELECT FROM trainledger.log_origin o
				   WHERE o.origin = c.origin)
	UNION ALL
	SELECT CASE WHEN n.hash IS NULL THEN 'missing' ELSE 'added' END,
		   'log_node', coalesce(n.node_no, x.node_no),
		   format('It is of level %s.', coalesce(n.level, x.level))
	FROM (SELECT l.level, i.node_no
		  FROM log
		  CROSS JOIN (VALUES (16), (24)) AS l(level)
		  CROSS JOIN LATERAL generate_series(0, (log.size >> l.level) - 1)
			AS i(node_no)) x
	FULL JOIN trainledger.log_node n
		ON n.level = x.level AND n.node_no = x.node_no
	WHERE n.hash IS NULL OR x.level IS NULL;
END;
COMMENT ON FUNCTION trainledger_internal.log_row_problems IS
'What is wrong with the rows of the log itself.';

/*
 * Nodes of level 24 are what their 256 children are.  Those of level 16 have
 * blocks as children, and are compared with these.
 */
CREATE FUNCTION trainledger_internal.log_node_problems()
RETURNS TABLE (problem text, kind text, id bigint, detail text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT 'changed', 'log_node', n.node_no,
		   'It is of level 24, and is not what it stands for.'
	FROM trainledger.log_node n
	WHERE n.level = 24
	AND n.hash IS DISTINCT FROM trainledger_internal.log_fold(ARRAY(
		SELECT c.hash FROM trainledger.log_node c
		WHERE c.level = 16
		AND c.node_no BETWEEN n.node_no * 256 AND n.node_no * 256 + 255
		ORDER BY c.node_no));
END;
COMMENT ON FUNCTION trainledger_internal.log_node_problems IS
'Nodes of level 24 that are not what their children are.';

/*
 * What is not in the log, and can never come into it: numbers that were never
 * given out here.  A node keeps rows of others, with their numbers, and so do
 * books that are about to be split.
 */
CREATE FUNCTION trainledger_internal.log_stray_rows()
RETURNS TABLE (kind text, id bigint, entry_no bigint, booking_no bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT r.kind, r.id, r.entry_no, r.booking_no
	FROM trainledger.log_row r
	WHERE trainledger_internal.keeps_all_homes()
	AND EXISTS (SELECT FROM trainledger.booking_no_seq s
				WHERE s.last_value < 1::bigint << 38)
	AND (r.booking_no > (SELECT s.last_value FROM trainledger.booking_no_seq s)
		 OR r.booking_no <= 0);
END;
COMMENT ON FUNCTION trainledger_internal.log_stray_rows IS
'Rows with a number of a booking that was never given out.';

/*
 * Of an entry that is gone the log knows its place alone, but its account may
 * know that it misses one.
 */
CREATE FUNCTION trainledger_internal.missing_entries()
RETURNS TABLE (account_id bigint, entry_no bigint)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
	SELECT a.id, n.entry_no
	FROM trainledger.account a
	CROSS JOIN LATERAL generate_series(1, a.entry_count) AS n(entry_no)
	WHERE a.entry_count <> (SELECT count(*) FROM trainledger.entry e
							WHERE e.account_id = a.id
							AND e.entry_no <= a.entry_count)
	AND NOT EXISTS (SELECT FROM trainledger.entry e
					WHERE e.account_id = a.id AND e.entry_no = n.entry_no);
$$;
COMMENT ON FUNCTION trainledger_internal.missing_entries IS
'Numbers that accounts have counted and have no entry for.';

/*
 * What is kept beside the events must be what they say.  Only what is changed
 * by events alone is compared.
 */
CREATE FUNCTION trainledger_internal.state_problems()
RETURNS TABLE (kind text, id bigint, entry_no bigint, booking_no bigint,
			   detail text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- what was never changed stands in the first entry of the lot
	SELECT CASE WHEN x.id IS NULL THEN 'E1' ELSE 'X1' END,
		   coalesce(x.id, l.account_id), 1::bigint, x.booking_no,
		   format('Issue %s has another expiry.', l.id)
	FROM trainledger.token_lot l
	LEFT JOIN LATERAL (
		SELECT v.id, v.booking_no, v.new_expires_at
		FROM trainledger.token_issue_event v
		WHERE v.issue_id = l.id
		ORDER BY v.id DESC LIMIT 1) x ON true
	WHERE l.expires_at IS DISTINCT FROM
		CASE WHEN x.id IS NULL THEN l.first_expires_at
			 ELSE x.new_expires_at END
	UNION ALL
	SELECT 'H1', x.id, 0, x.booking_no,
		   format('Hold %s is not what its events say.', h.id)
	FROM trainledger.placed_hold h
	CROSS JOIN LATERAL (
		SELECT max(v.id) AS id, max(v.booking_no) AS booking_no,
			   coalesce(sum(trainledger.amount_to_numeric(v.quantity))
				   FILTER (WHERE v.event = 'placed'), 0) AS placed,
			   coalesce(sum(trainledger.amount_to_numeric(v.quantity))
				   FILTER (WHERE v.event = 'captured'), 0) AS captured,
			   coalesce(sum(trainledger.amount_to_numeric(v.quantity))
				   FILTER (WHERE v.event = 'released'), 0) AS released,
			   (array_agg(v.expires_at ORDER BY v.id DESC))[1] AS expires_at
		FROM trainledger.hold_event v
		WHERE v.hold_id = h.id) x
	WHERE x.placed <> trainledger.amount_to_numeric(h.quantity)
	OR x.captured <> trainledger.amount_to_numeric(h.captured)
	OR x.released <> trainledger.amount_to_numeric(h.released)
	OR x.expires_at IS DISTINCT FROM h.expires_at
	UNION ALL
	SELECT 'P1', x.id, 0, x.booking_no,
		   format('Pass %s is not what its events say.', p.id)
	FROM trainledger.pass p
	LEFT JOIN LATERAL (
		SELECT v.* FROM trainledger.pass_event v
		WHERE v.pass_id = p.id
		ORDER BY v.id >> 10 DESC LIMIT 1) x ON true
	WHERE (p.party_id, p.option_id, p.valid_from, p.valid_until)
		IS DISTINCT FROM (x.party_id, x.option_id, x.valid_from, x.valid_until)
	OR (p.lifecycle_state = 'cancelled') IS DISTINCT FROM EXISTS (
		SELECT FROM trainledger.pass_event v
		WHERE v.pass_id = p.id AND v.event IN ('revoked', 'reassigned'))
	OR p.pass_type_id IS DISTINCT FROM (
		SELECT o.pass_type_id FROM trainledger.pass_type_option o
		WHERE o.id = p.option_id)
	UNION ALL
	-- a run ends where a renewal begins another; a correction moves the last
	SELECT 'P1', e.id, 0, e.booking_no,
		   format('A run of pass %s is not what its events say.',
				  coalesce(x.pass_id, r.pass_id))
	FROM (SELECT n.pass_id, n.run_from, n.valid_until
		  FROM (SELECT v.*, lead(v.event) OVER later AS next_event,
					   lead(v.run_from) OVER later AS next_from
				FROM trainledger.pass_event v
				WHERE v.event IN ('issued', 'renewed', 'corrected')
				WINDOW later AS (PARTITION BY v.pass_id ORDER BY v.id >> 10)) n
		  WHERE n.next_event IS NULL
		  OR n.next_event = 'renewed' AND n.next_from <> n.run_from) x
	FULL JOIN trainledger.pass_period r
		ON r.pass_id = x.pass_id AND r.valid_from = x.run_from
	CROSS JOIN LATERAL (
		SELECT max(v.id) AS id, max(v.booking_no) AS booking_no
		FROM trainledger.pass_event v
		WHERE v.pass_id = coalesce(x.pass_id, r.pass_id)) e
	WHERE x.valid_until IS DISTINCT FROM r.valid_until
	UNION ALL
	SELECT 'U1', u.id, 0, u.booking_no,
		   format('Use %s of a pass is not what its events say.', u.id)
	FROM trainledger.pass_use u
	WHERE u.cancelled_at IS NOT NULL <> EXISTS (
		SELECT FROM trainledger.pass_event v
		WHERE v.pass_id = u.pass_id AND v.pass_use_id = u.id)
	UNION ALL
	SELECT 'C1', x.id, 0, x.booking_no,
		   format('Claim %s is not what its events say.', c.id)
	FROM trainledger.signup_claim c
	LEFT JOIN LATERAL (
		SELECT v.* FROM trainledger.claim_event v
		WHERE v.claim_id = c.id
		ORDER BY v.id >> 10 DESC LIMIT 1) x ON true
	WHERE (c.cancelled_at IS NOT NULL) IS DISTINCT FROM (x.event = 'cancelled')
	OR (c.party_id, c.signup_token_id)
		IS DISTINCT FROM (x.party_id, x.signup_token_id)
	UNION ALL
	SELECT 'T1', x.id, 0, x.booking_no,
		   format('Ticket %s is not what its events say.', t.id)
	FROM trainledger.ticket t
	LEFT JOIN LATERAL (
		SELECT v.* FROM trainledger.ticket_event v
		WHERE v.ticket_id = t.id
		ORDER BY v.id >> 10 DESC LIMIT 1) x ON true
	WHERE (t.state, t.party_id, t.program_kind_id, t.consumed_program_id)
		IS DISTINCT FROM
		(x.state, x.party_id, x.program_kind_id, x.consumed_program_id)
	UNION ALL
	SELECT 'M1', x.id, 0, x.booking_no,
		   format('The membership of party %s in program %s is not what its events say.',
				  m.party_id, m.program_id)
	FROM trainledger.membership m
	LEFT JOIN LATERAL (
		SELECT v.* FROM trainledger.membership_event v
		WHERE v.party_id = m.party_id AND v.program_id = m.program_id
		ORDER BY v.id >> 10 DESC LIMIT 1) x ON true
	WHERE (m.cohort_id, m.role, m.state)
		IS DISTINCT FROM (x.cohort_id, x.role, x.state)
	-- what has events is never deleted; a hold's are in the leaves themselves
	UNION ALL
	SELECT 'P1', max(v.id), 0, max(v.booking_no),
		   format('Pass %s is gone.', v.pass_id)
	FROM trainledger.pass_event v
	WHERE NOT EXISTS (SELECT FROM trainledger.pass p WHERE p.id = v.pass_id)
	GROUP BY v.pass_id
	UNION ALL
	SELECT 'C1', max(v.id), 0, max(v.booking_no),
		   format('Claim %s is gone.', v.claim_id)
	FROM trainledger.claim_event v
	WHERE NOT EXISTS (SELECT FROM trainledger.signup_claim c
					  WHERE c.id = v.claim_id)
	GROUP BY v.claim_id
	UNION ALL
	SELECT 'T1', max(v.id), 0, max(v.booking_no),
		   format('Ticket %s is gone.', v.ticket_id)
	FROM trainledger.ticket_event v
	WHERE NOT EXISTS (SELECT FROM trainledger.ticket t WHERE t.id = v.ticket_id)
	GROUP BY v.ticket_id
	UNION ALL
	SELECT 'M1', max(v.id), 0, max(v.booking_no),
		   format('The membership of party %s in program %s is gone.',
				  v.party_id, v.program_id)
	FROM trainledger.membership_event v
	WHERE NOT EXISTS (SELECT FROM trainledger.membership m
					  WHERE m.party_id = v.party_id
					  AND m.program_id = v.program_id)
	GROUP BY v.party_id, v.program_id;
END;
COMMENT ON FUNCTION trainledger_internal.state_problems IS
'Issues, holds, passes and their uses, claims, tickets and memberships that are not what their events say.';

/*
 * It has workers of its own, so it must not be in one itself.  They cannot
 * evaluate a sub-select that depends on the row.
 */
CREATE FUNCTION trainledger_internal.leaf_problems(
	since bigint, with_roots boolean)
RETURNS TABLE (problem text, kind text, id bigint, entry_no bigint,
			   booking_no bigint, detail text)
LANGUAGE sql STABLE PARALLEL RESTRICTED
-- few rows stand for much work
SET min_parallel_table_scan_size = 0
SET parallel_setup_cost = 0
SET jit = off
BEGIN ATOMIC
	WITH found AS MATERIALIZED (
		SELECT g.*
		FROM trainledger.log_block b
		LEFT JOIN trainledger.log_block n ON n.block_no = b.block_no + 256
		CROSS JOIN LATERAL trainledger_internal.log_check_group(
			b.block_no / 256, with_roots) g
		WHERE b.block_no % 256 = 0
		AND coalesce(n.booking_no >= since, true)
		-- what cannot be read is reported with the log's own rows; where a
		-- group begins, the one before it ends
		AND b.block_no / 256 <> ALL (ARRAY(
			SELECT unnest(ARRAY[p.id / 256, (p.id - 1) / 256])
			FROM trainledger_internal.log_row_problems() p
			WHERE NOT with_roots AND p.kind = 'log_block'
			AND p.problem = 'changed'))),
	nameless AS (
		SELECT f.*, row_number() OVER () AS place
		FROM found f
		WHERE f.problem = 'missing' AND f.id IS NULL),
	known AS (
		SELECT m.*, row_number() OVER () AS place
		FROM trainledger_internal.missing_entries() m
		WHERE EXISTS (SELECT FROM nameless)
		AND (m.account_id, m.entry_no) NOT IN (
			SELECT f.id, f.entry_no FROM found f
			WHERE f.kind = 'E1' AND f.id IS NOT NULL))
	SELECT f.* FROM found f
	WHERE f.problem <> 'missing' OR f.id IS NOT NULL
	UNION ALL
	SELECT n.problem, n.kind, k.account_id, k.entry_no, n.booking_no, n.detail
	FROM nameless n
	LEFT JOIN known k ON k.place = n.place;
END;
COMMENT ON FUNCTION trainledger_internal.leaf_problems IS
'Leaves that are not what was sealed, and blocks and checkpoints that are not what their leaves are.';

/*
 * A checkpoint that somebody has kept, with or without signatures.  Whoever
 * rewrites the log can make new rows of it, but not this.
 */
CREATE FUNCTION trainledger_internal.kept_checkpoint_problems(
	checkpoint text, with_root boolean)
RETURNS TABLE (problem text, kind text, id bigint, detail text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lines text[] := string_to_array(checkpoint, E'\n');
	body text;
	size bigint;
	public_key bytea := log_public_key();
	signature bytea;
BEGIN
	IF cardinality(lines) < 3 OR lines[1] = ''
	   OR lines[2] !~ '^(0|[1-9][0-9]{0,17})$'
	   OR lines[3] !~ '^[A-Za-z0-9+/]{43}=$' THEN
		PERFORM refuse('TL400', 'invalid checkpoint',
			'Its first lines are not a name, a size, and a hash in base64.',
			'Give the text of checkpoint_text(), or the note of sign_checkpoint().',
			'checkpoint');
	END IF;
	body := array_to_string(lines[1:3], E'\n') || E'\n';
	size := lines[2]::bigint;
	id := size;
	kind := 'checkpoint';
	problem := 'changed';
	IF NOT EXISTS (SELECT FROM trainledger.log_origin o
				   WHERE o.origin = lines[1]) THEN
		detail := format('The log never had the name "%s".', lines[1]);
		RETURN NEXT;
	END IF;
	FOR signature IN
		SELECT decode(split_part(l.line, ' ', 3), 'base64')
		FROM unnest(lines[5:]) AS l(line)
		WHERE split_part(l.line, ' ', 2) = lines[1]
		AND split_part(l.line, ' ', 3) ~ '^[A-Za-z0-9+/]{91}=$'
	LOOP
		IF substr(signature, 1, 4) = key_id(lines[1], public_key)
		   AND NOT log_check_signature(body, substr(signature, 5), public_key)
		THEN
			detail := 'The signature of the checkpoint that was given is not right.';
			RETURN NEXT;
		END IF;
	END LOOP;
	IF size > tree_size() THEN
		problem := 'missing';
		detail := format('The log has %s leaves: it was cut off.', tree_size());
		RETURN NEXT;
		RETURN;
	END IF;
	-- where the log is not what its leaves are, that was said
	IF with_root AND log_root(size) <> decode(lines[3], 'base64') THEN
		detail := 'The log had another root when the checkpoint was made: it was rewritten.';
		RETURN NEXT;
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.kept_checkpoint_problems IS
'What contradicts a checkpoint that was kept outside.';

CREATE FUNCTION trainledger_internal.verify(
	checkpoint text DEFAULT NULL, since bigint DEFAULT 0)
RETURNS TABLE (problem text, kind text, key bigint[], booking_no bigint,
			   detail text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	is_sound boolean;
BEGIN
	PERFORM require_given('since', since::text);
	RETURN QUERY
	SELECT p.problem, p.kind, ARRAY[p.id], NULL::bigint, p.detail
	FROM log_row_problems() p
	UNION ALL
	SELECT p.problem, p.kind, ARRAY[p.id], NULL::bigint, p.detail
	FROM log_node_problems() p;
	is_sound := NOT FOUND;

	RETURN QUERY
	SELECT p.problem, p.kind,
		   CASE WHEN p.id IS NULL THEN NULL
				WHEN p.kind = 'E1' THEN ARRAY[p.id, p.entry_no]
				ELSE ARRAY[p.id] END,
		   p.booking_no, p.detail
	FROM leaf_problems($2, is_sound) p
	UNION ALL
	SELECT 'added', r.kind,
		   CASE r.kind WHEN 'E1' THEN ARRAY[r.id, r.entry_no]
				ELSE ARRAY[r.id] END,
		   r.booking_no, 'Its number was never given out.'
	FROM log_stray_rows() r
	UNION ALL
	SELECT p.problem, p.kind,
		   CASE p.kind WHEN 'E1' THEN ARRAY[p.id, p.entry_no]
				ELSE ARRAY[p.id] END,
		   p.booking_no, p.detail
	FROM home_problems($2) p
	UNION ALL
	SELECT 'changed', p.kind,
		   CASE p.kind WHEN 'E1' THEN ARRAY[p.id, p.entry_no]
			ELSE ARRAY[p.id] END,
		   p.booking_no, p.detail
	FROM state_problems() p;
	is_sound := is_sound AND NOT FOUND;

	IF checkpoint IS NOT NULL THEN
		RETURN QUERY
		SELECT p.problem, p.kind, ARRAY[p.id], NULL::bigint, p.detail
		FROM kept_checkpoint_problems(checkpoint, is_sound) p;
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.verify IS
'Compares the books with what was sealed of them; no row means that they are the same. With a checkpoint that was kept outside it also finds that the log itself was rewritten; since is a number of a booking, and what was sealed before it is left out. Level reader.';
