-- Kinds of programs, programs and cohorts

-- Kinds and programs

CREATE FUNCTION trainledger_internal.program_kind(id uuid, argument text)
RETURNS trainledger.program_kind
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_kind trainledger.program_kind;
BEGIN
	SELECT k.* INTO found_kind FROM trainledger.program_kind k
	WHERE k.id = program_kind.id;
	IF NOT FOUND THEN
		PERFORM refuse_missing('program kind', id::text, argument);
	END IF;
	RETURN found_kind;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.program_kind IS
'A program kind by id, or TL404.';

CREATE FUNCTION trainledger_internal.program(id uuid)
RETURNS trainledger.program
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_program trainledger.program;
BEGIN
	SELECT p.* INTO found_program FROM trainledger.program p
	WHERE p.id = program.id;
	IF NOT FOUND THEN
		PERFORM refuse_missing('program', id::text, 'program_id');
	END IF;
	RETURN found_program;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.program IS
'A program by id, or TL404.';

/*
 * Looks at the row anew, as require_not_suspended does.
 */
CREATE FUNCTION trainledger_internal.require_active_program(program_id uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF NOT (SELECT p.is_active FROM trainledger.program p
			WHERE p.id = require_active_program.program_id) THEN
		PERFORM refuse('TL409', 'program is not active',
			format('Program %s takes nobody in.', program_id),
			'Activate the program first, or take another.', 'program_id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_active_program IS
'TL409 where a program is not active by now: it takes nobody in.';

CREATE FUNCTION trainledger_internal.add_program_kind(
	name text,
	handle text DEFAULT NULL,
	parent_id uuid DEFAULT NULL,
	id uuid DEFAULT NULL) RETURNS trainledger.program_kind
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.program_kind;
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	name := require_text('name', name);
	handle := check_text('handle', handle);
	IF parent_id IS NOT NULL THEN
		PERFORM program_kind(parent_id, 'parent_id');
	END IF;
	INSERT INTO trainledger.program_kind AS k (id, parent_id, name, handle)
	VALUES (coalesce(add_program_kind.id, gen_random_uuid()),
			add_program_kind.parent_id, add_program_kind.name,
			add_program_kind.handle)
	ON CONFLICT DO NOTHING RETURNING k.* INTO made;
	IF made.id IS NULL THEN
		PERFORM raise_taken('program_kind', 'id');
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_program_kind IS
'Adds a kind of programs, as the child of another where one is given. Level admin.';

CREATE FUNCTION trainledger_internal.check_program(
	start_date date, duration integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET DateStyle = 'ISO'
AS $$
BEGIN
	IF start_date NOT BETWEEN date '0001-01-01' AND date '9999-12-31' THEN
		PERFORM refuse('TL400', 'start date is out of range',
			format('The argument start_date is %s.', start_date),
			'Give a day of the years 1 to 9999.', 'start_date');
	END IF;
	IF duration NOT BETWEEN 1 AND 36525 THEN
		PERFORM refuse('TL400', 'duration is out of range',
			format('The argument duration is %s.', duration),
			'Give a number of days from 1 to 36525.', 'duration');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_program IS
'Checks the days of a program (TL400).';

CREATE FUNCTION trainledger_internal.add_program(
	kind_id uuid,
	name text,
	start_date date,
	duration integer,
	mode trainledger.program_mode DEFAULT 'fixed',
	priority integer DEFAULT 0,
	id uuid DEFAULT NULL) RETURNS trainledger.program
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.program;
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	PERFORM require_given('kind_id', kind_id::text);
	name := require_text('name', name);
	PERFORM require_given('start_date', start_date::text);
	PERFORM require_given('duration', duration::text);
	PERFORM check_program(start_date, duration);
	PERFORM program_kind(kind_id, 'kind_id');
	INSERT INTO trainledger.program AS p
		(id, kind_id, name, start_date, duration, mode, priority,
		 created_at, updated_at)
	VALUES (coalesce(add_program.id, gen_random_uuid()),
			add_program.kind_id, add_program.name, add_program.start_date,
			add_program.duration, coalesce(add_program.mode, 'fixed'),
			coalesce(add_program.priority, 0), trainledger.clock(),
			trainledger.clock())
	ON CONFLICT DO NOTHING RETURNING p.* INTO made;
	IF made.id IS NULL THEN
		PERFORM raise_taken('program', 'id');
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_program IS
'Adds a program of a kind, which is active; duration is in days. Level admin.';

CREATE FUNCTION trainledger_internal.update_program(
	program_id uuid,
	name text DEFAULT NULL,
	start_date date DEFAULT NULL,
	duration integer DEFAULT NULL,
	mode trainledger.program_mode DEFAULT NULL,
	priority integer DEFAULT NULL,
	is_active boolean DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.program
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.program;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	name := check_text('name', name);
	PERFORM check_program(start_date, duration);
	PERFORM changes(clear, '{}'::json, '{}'::json);
	PERFORM program(program_id);
	UPDATE trainledger.program p
	SET name = coalesce(update_program.name, p.name),
		start_date = coalesce(update_program.start_date, p.start_date),
		duration = coalesce(update_program.duration, p.duration),
		mode = coalesce(update_program.mode, p.mode),
		priority = coalesce(update_program.priority, p.priority),
		is_active = coalesce(update_program.is_active, p.is_active),
		updated_at = greatest(trainledger.clock(), p.updated_at)
	WHERE p.id = update_program.program_id
	RETURNING p.* INTO made;
	PERFORM require_written('program', FOUND);
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_program IS
'Changes a program: null leaves a column as it is; none can be emptied. Level admin.';

-- Cohorts

CREATE FUNCTION trainledger_internal.require_cohort(
	program_id uuid, cohort_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (
		SELECT FROM trainledger.cohort c
		WHERE c.id = require_cohort.cohort_id
		AND c.program_id = require_cohort.program_id) THEN
		PERFORM refuse('TL404', 'cohort not found',
			format('Program %s has no cohort %s.', program_id, cohort_id),
			'Look the id up in trainledger.cohort, or confirm the cohort by its name.',
			'cohort_id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_cohort IS
'TL404 where a program has no such cohort.';

CREATE FUNCTION trainledger_internal.confirm_cohort(
	program_id uuid, cohort_name text) RETURNS trainledger.cohort
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	confirmed trainledger.cohort;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	cohort_name := require_text('cohort_name', cohort_name);
	PERFORM program(program_id);
	LOOP
		SELECT c.* INTO confirmed FROM trainledger.cohort c
		WHERE c.program_id = confirm_cohort.program_id
		AND folded(c.name) COLLATE "C" = folded(cohort_name);
		EXIT WHEN FOUND;
		INSERT INTO trainledger.cohort AS c (id, program_id, name, created_at)
		VALUES (gen_random_uuid(), confirm_cohort.program_id, cohort_name,
				trainledger.clock())
		ON CONFLICT DO NOTHING RETURNING c.* INTO confirmed;
		EXIT WHEN FOUND;
		PERFORM require_conflict('cohort', EXISTS (
			SELECT FROM trainledger.cohort c
			WHERE c.program_id = confirm_cohort.program_id
			AND folded(c.name) COLLATE "C" = folded(cohort_name)));
	END LOOP;
	RETURN confirmed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.confirm_cohort IS
'The cohort of a program with this name, whatever its case, which is made if it is not there. Level operator.';

-- Reading

CREATE FUNCTION trainledger.lookup_program(program_kind_id uuid)
RETURNS trainledger.program_kind
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT k FROM trainledger.program_kind k WHERE k.id = $1;
END;
COMMENT ON FUNCTION trainledger.lookup_program IS
'A program kind by id; null where there is none. Level learner.';

CREATE FUNCTION trainledger.lookup_program_instance(program_id uuid)
RETURNS trainledger.program_info
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT i FROM trainledger.program_info i WHERE i.id = $1;
END;
COMMENT ON FUNCTION trainledger.lookup_program_instance IS
'A program by id; null where there is none. Level learner.';

CREATE FUNCTION trainledger.list_cohorts(program_id uuid)
RETURNS SETOF trainledger.cohort
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT c FROM trainledger.cohort c WHERE c.program_id = $1
	ORDER BY c.name, c.id;
END;
COMMENT ON FUNCTION trainledger.list_cohorts IS
'Cohorts of a program, by name. Level learner.';

CREATE FUNCTION trainledger.program_child_list(program_kind_id uuid)
RETURNS SETOF trainledger.program_kind
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT k FROM trainledger.program_kind k WHERE k.parent_id = $1
	ORDER BY k.name, k.id;
END;
COMMENT ON FUNCTION trainledger.program_child_list IS
'Direct children of a program kind, by name. Level learner.';

CREATE FUNCTION trainledger.list_active_programs()
RETURNS SETOF trainledger.program_info
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT i FROM trainledger.program_info i WHERE i.is_active
	ORDER BY i.start_date DESC, i.priority DESC, i.name, i.id;
END;
COMMENT ON FUNCTION trainledger.list_active_programs IS
'Active programs, the latest start first. Level learner.';

CREATE FUNCTION trainledger.programs_after(
	after date, kind_id uuid DEFAULT NULL)
RETURNS SETOF trainledger.program_info
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT i FROM trainledger.program_info i
	WHERE i.is_active AND i.start_date >= $1
	AND ($2 IS NULL OR i.kind_id = $2)
	ORDER BY i.start_date DESC, i.priority DESC, i.name, i.id;
END;
COMMENT ON FUNCTION trainledger.programs_after IS
'Active programs that start on a day or later, the latest start first, of one kind where it is given. Level learner.';
