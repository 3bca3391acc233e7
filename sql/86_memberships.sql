-- Memberships

/*
 * Makes or changes a membership, and leaves an event unless it is already as
 * it should be, which is_changed says.  Null leaves a column as it is, and
 * emptied names those to empty: cohort_id, comments, state_detail.  Two
 * calls for a person who is not in the program meet in the primary key, and the
 * second changes what the first has made.
 */
CREATE FUNCTION trainledger_internal.put_membership(
	in_program uuid, holder trainledger.party, into_cohort uuid,
	new_role trainledger.membership_role,
	new_state trainledger.membership_state, new_comments text,
	new_state_detail text, emptied text[], OUT made trainledger.membership,
	OUT is_changed boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	old trainledger.membership;
BEGIN
	LOOP
		SELECT m.* INTO old FROM trainledger.membership m
		WHERE m.program_id = in_program AND m.party_id = holder.id
		FOR NO KEY UPDATE;
		made := old;
		made.cohort_id := CASE WHEN 'cohort_id' <> ALL (emptied)
			THEN coalesce(into_cohort, old.cohort_id) END;
		made.role := coalesce(new_role, old.role, 'member');
		made.state := coalesce(new_state, old.state, 'active');
		made.comments := CASE WHEN 'comments' <> ALL (emptied)
			THEN coalesce(new_comments, old.comments) END;
		made.state_detail := CASE WHEN 'state_detail' <> ALL (emptied)
			THEN coalesce(new_state_detail, old.state_detail) END;
		is_changed := made IS DISTINCT FROM old;
		IF NOT is_changed THEN
			RETURN;
		END IF;
		IF old.state IS NULL THEN
			PERFORM require_active_program(in_program);
		END IF;
		-- whoever enters or returns acquires something
		IF old.state IS NULL OR old.state <> 'active' AND made.state = 'active' THEN
			PERFORM require_not_suspended(holder, 'party_id');
		END IF;
		made.updated_at := greatest(trainledger.clock(), old.updated_at);
		IF old.party_id IS NOT NULL THEN
			UPDATE trainledger.membership m
			SET cohort_id = made.cohort_id, role = made.role,
				state = made.state, comments = made.comments,
				state_detail = made.state_detail, updated_at = made.updated_at
			WHERE m.program_id = in_program AND m.party_id = holder.id;
			PERFORM require_written('membership', FOUND);
			EXIT;
		END IF;
		made.program_id := in_program;
		made.party_id := holder.id;
		made.created_at := made.updated_at;
		INSERT INTO trainledger.membership SELECT (made).*
		ON CONFLICT DO NOTHING;
		EXIT WHEN FOUND;
		PERFORM require_conflict('membership', EXISTS (
			SELECT FROM trainledger.membership m
			WHERE m.program_id = in_program AND m.party_id = holder.id));
	END LOOP;
	INSERT INTO trainledger.membership_event
		(id, program_id, party_id, old_cohort_id, cohort_id, old_role, role,
		 old_state, state, comments, state_detail, changed_by, created_at,
		 booking_no)
	VALUES (new_id('trainledger.membership_event_id_seq'::regclass,
				   made.party_id),
			made.program_id, made.party_id, old.cohort_id, made.cohort_id,
			old.role, made.role, old.state, made.state, made.comments,
			made.state_detail, caller_name(), made.updated_at, booking_no());
END;
$$;
COMMENT ON FUNCTION trainledger_internal.put_membership IS
'Makes or changes a membership and leaves its event (TL409 where a suspended person would come in, or anybody into a program that is not active).';

CREATE FUNCTION trainledger_internal.modify_program_membership(
	program_id uuid,
	party_id bigint,
	cohort_id uuid DEFAULT NULL,
	role trainledger.membership_role DEFAULT NULL,
	state trainledger.membership_state DEFAULT NULL)
RETURNS trainledger.membership
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_given('party_id', party_id::text);
	IF state IN ('dropped', 'refunded') THEN
		PERFORM refuse('TL400', 'state is not for this call',
			format('The argument state is %s.', state),
			'Give active, completed, graduated, incomplete or withdrawn, or call update_user_cohort_state.',
			'state');
	END IF;
	PERFORM program(program_id);
	IF cohort_id IS NOT NULL THEN
		PERFORM require_cohort(program_id, cohort_id);
	END IF;
	holder := person(party_id);
	RETURN (put_membership(program_id, holder, cohort_id, role,
						   state, NULL, NULL, '{}'::text[])).made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.modify_program_membership IS
'Takes a person into a program, as an active member unless said, or changes the cohort, role or state there; what is null stays. States are active, completed, graduated, incomplete and withdrawn. Level operator.';

CREATE FUNCTION trainledger_internal.update_user_cohort_state(
	party_id bigint,
	program_id uuid,
	state trainledger.membership_state,
	cohort_id uuid DEFAULT NULL,
	comments text DEFAULT NULL,
	state_detail text DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.membership
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_given('state', state::text);
	PERFORM check_notes('comments', comments);
	PERFORM check_notes('state_detail', state_detail);
	PERFORM changes(clear,
		'{"cohort_id": null, "comments": null, "state_detail": null}'::json,
		json_build_object('cohort_id', cohort_id, 'comments', comments,
						  'state_detail', state_detail));
	PERFORM program(program_id);
	IF cohort_id IS NOT NULL THEN
		PERFORM require_cohort(program_id, cohort_id);
	END IF;
	holder := party(party_id);
	-- needs no lock, because memberships are never removed
	IF NOT EXISTS (
		SELECT FROM trainledger.membership m
		WHERE m.program_id = update_user_cohort_state.program_id
		AND m.party_id = holder.id) THEN
		PERFORM refuse('TL404', 'membership not found',
			format('Party %s is not in program %s.', party_id, program_id),
			'Take the person into the program first.', 'party_id');
	END IF;
	RETURN (put_membership(
		program_id, holder, cohort_id, NULL::trainledger.membership_role,
		state, comments, state_detail, coalesce(clear, '{}'))).made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_user_cohort_state IS
'Sets the state of a person in a program, and moves the person to a cohort where one is given; what is null stays, clear names what to empty (cohort_id, comments, state_detail). Level operator.';

-- Cohorts that follow a query

CREATE FUNCTION trainledger_internal.is_predicate(path jsonpath) RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_is_predicate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.is_predicate IS
'Whether an SQL/JSON path is a predicate, such as $.a == 1, and not a path to values, such as $.a.';

CREATE FUNCTION trainledger_internal.predicate(query text) RETURNS jsonpath
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	path jsonpath;
BEGIN
	PERFORM require_given('query', nullif(btrim(query), ''));
	IF octet_length(query) > 65536 THEN
		PERFORM refuse('TL400', 'query is too long',
			format('The query has %s bytes.', octet_length(query)),
			'A query has at most 65536 bytes.', 'query');
	END IF;
	BEGIN
		path := query::jsonpath;
	EXCEPTION WHEN syntax_error OR data_exception OR feature_not_supported
			  OR program_limit_exceeded THEN
		PERFORM refuse('TL400', 'query is not a path',
			format('The server says: %s.', left(SQLERRM, 250)),
			'Give an SQL/JSON path predicate, such as $.attributes.grade > 3.',
			'query');
	END;
	IF NOT is_predicate(path) THEN
		PERFORM refuse('TL400', 'query is not a predicate',
			'The query is a path to values, not a condition.',
			'Give an SQL/JSON path predicate, such as $.attributes.grade > 3.',
			'query');
	END IF;
	-- a path is printed with all names in quotes, so a variable x is $"x"
	IF regexp_replace(path::text, $re$"([^"\\]|\\.)*"$re$, '""', 'g') ~ '[$]""' THEN
		PERFORM refuse('TL400', 'query has a variable',
			'Variables have no values in a query.',
			'Write the values into the query.', 'query');
	END IF;
	RETURN path;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.predicate IS
'A query as a path, TL400 where it is no path or no predicate.';

/*
 * A read that acts as the owner, since it is the first half of sync_cohort.
 * The path is a value to the server, never text of a statement.  Its errors
 * are unknown, which is not true; what it raises all the same (too deep a
 * recursion) is the query's fault.  Dates are compared in UTC.
 *
 * Everybody is looked at, so that nested loops have nothing to win; and where
 * a program was filled just now, its statistics would have them everywhere,
 * with a time that grows with the square of the people.
 */
CREATE FUNCTION trainledger_internal.sync_cohort_preview(
	program_id uuid,
	cohort_id uuid,
	query text,
	role trainledger.membership_role DEFAULT 'member',
	mode trainledger.sync_mode DEFAULT 'closed')
RETURNS TABLE (party_id bigint, change text, from_cohort_id uuid,
			   to_cohort_id uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET timezone = 'UTC'
SET enable_nestloop = off
AS $$
DECLARE
	path jsonpath;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_given('cohort_id', cohort_id::text);
	path := predicate(query);
	PERFORM program(program_id);
	PERFORM require_cohort(program_id, cohort_id);
	IF mode = 'open' THEN
		PERFORM require_active_program(program_id);
	END IF;
	RETURN QUERY
	SELECT p.id,
		   CASE WHEN m.party_id IS NULL THEN 'add'
				WHEN m.cohort_id = $2 THEN 'role'
				ELSE 'move' END,
		   m.cohort_id, $2
	FROM trainledger.party p
	LEFT JOIN trainledger.membership m
		ON m.program_id = $1 AND m.party_id = p.id
	WHERE p.kind = 'person' AND NOT p.is_suspended
	-- CASE evaluates the path only for those whose membership may change
	AND CASE WHEN CASE WHEN m.party_id IS NULL THEN mode = 'open'
					   ELSE m.state = 'active'
							AND (m.cohort_id IS DISTINCT FROM $2
								 OR m.role <> coalesce(
									sync_cohort_preview.role, 'member'))
					   END
			 THEN jsonb_path_match_tz(
				jsonb_build_object(
					'id', p.id, 'uuid', p.uuid, 'email', p.email,
					'name', p.name, 'externalId', p.external_id,
					'flags', p.flags, 'attributes', p.attributes,
					'organisationId', p.organisation_id),
				path, silent => true)
			 END
	ORDER BY p.id;
EXCEPTION WHEN data_exception OR feature_not_supported
		  OR program_limit_exceeded THEN
	PERFORM refuse('TL400', 'query cannot be evaluated',
		format('The server says: %s.', left(SQLERRM, 250)),
		'Give a simpler query.', 'query');
END;
$$;
COMMENT ON FUNCTION trainledger_internal.sync_cohort_preview IS
'Whom sync_cohort would change with the same arguments: who comes into the program (add), who changes the cohort (move), and who only the role (role). Level operator.';

/*
 * One statement for everybody.  The syncs of a program wait for one another;
 * beside other writers it locks memberships in the order of their parties, and
 * holds what they made of them against the conditions once more.  Who was
 * taken in by somebody else while the statement ran is seen by the next round.
 */
CREATE FUNCTION trainledger_internal.sync_cohort(
	program_id uuid,
	cohort_id uuid,
	query text,
	role trainledger.membership_role DEFAULT 'member',
	mode trainledger.sync_mode DEFAULT 'closed') RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET enable_nestloop = off
AS $$
DECLARE
	new_role trainledger.membership_role := coalesce(role, 'member');
	caller text := caller_name();
	at timestamptz := trainledger.clock();
	changed bigint;
	missed bigint;
	total bigint := 0;
BEGIN
	PERFORM FROM trainledger.program p
	WHERE p.id = sync_cohort.program_id FOR NO KEY UPDATE;
	LOOP
		WITH wanted AS MATERIALIZED (
			SELECT w.party_id, w.change
			FROM sync_cohort_preview($1, $2, query, new_role, mode) w
		), held AS (
			SELECT m.party_id, m.cohort_id, m.role, m.state
			FROM trainledger.membership m
			JOIN wanted w ON w.party_id = m.party_id
			WHERE m.program_id = $1 AND m.state = 'active'
			AND (m.cohort_id IS DISTINCT FROM $2 OR m.role <> new_role)
			ORDER BY m.party_id
			FOR NO KEY UPDATE OF m
		), moved AS (
			UPDATE trainledger.membership m
			SET cohort_id = $2, role = new_role,
				updated_at = greatest(at, m.updated_at)
			FROM held h
			WHERE m.program_id = $1 AND m.party_id = h.party_id
			RETURNING m.party_id, h.cohort_id AS old_cohort_id,
					  h.role AS old_role, h.state AS old_state, m.state,
					  m.comments, m.state_detail, m.updated_at
		), added AS (
			INSERT INTO trainledger.membership AS m
				(program_id, party_id, cohort_id, role, state, created_at,
				 updated_at)
			SELECT $1, w.party_id, $2, new_role, 'active', at, at
			FROM wanted w
			WHERE w.change = 'add'
			ORDER BY w.party_id
			ON CONFLICT DO NOTHING
			RETURNING m.party_id, m.state, m.updated_at
		), recorded AS (
			INSERT INTO trainledger.membership_event AS e
				(id, program_id, party_id, old_cohort_id, cohort_id, old_role,
				 role, old_state, state, comments, state_detail, changed_by,
				 created_at, booking_no)
			SELECT new_id(
					   'trainledger.membership_event_id_seq'::regclass,
					   c.party_id),
				   $1, c.party_id, c.old_cohort_id, $2, c.old_role, new_role,
				   c.old_state, c.state, c.comments, c.state_detail, caller,
				   c.updated_at, (SELECT booking_no())
			FROM (SELECT * FROM moved
				  UNION ALL
				  SELECT a.party_id, NULL, NULL, NULL, a.state, NULL, NULL,
						 a.updated_at
				  FROM added a) c
			RETURNING e.old_state
		)
		SELECT count(*),
			   (SELECT count(*) FROM wanted w WHERE w.change = 'add')
			   - count(*) FILTER (WHERE r.old_state IS NULL)
		INTO changed, missed
		FROM recorded r;
		total := total + changed;
		EXIT WHEN missed = 0;
	END LOOP;
	RETURN total;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.sync_cohort IS
'Moves the people whom an SQL/JSON path predicate is true for into a cohort, with a role: those who are active in the program, and in mode open everybody else too. Suspended people are left alone and nobody is removed. A program that is not active has no mode open. Returns how many memberships it made or changed. Level operator.';
