-- Passes of people

-- Helpers of the calls

CREATE FUNCTION trainledger_internal.pass_view(pass_id bigint)
RETURNS trainledger.training_pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_pass trainledger.training_pass;
BEGIN
	SELECT p.* INTO found_pass FROM trainledger.training_pass p
	WHERE p.id = pass_id;
	RETURN found_pass;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.pass_view IS
'A pass as it stands now.';

CREATE FUNCTION trainledger_internal.pass(pass_id bigint)
RETURNS trainledger.pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_pass trainledger.pass;
BEGIN
	PERFORM require_given('pass_id', pass_id::text);
	SELECT p.* INTO found_pass FROM trainledger.pass p
	WHERE p.id = pass.pass_id;
	IF NOT FOUND THEN
		PERFORM require_home(pass_id, 'pass_id');
		PERFORM refuse('TL404', 'pass not found',
			format('There is no pass %s.', pass_id),
			'Look the id up in trainledger.training_pass.', 'pass_id');
	END IF;
	RETURN found_pass;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.pass IS
'A pass by id, or TL404.';

/*
 * A pass is locked after the idempotency key of its party, so that no two calls
 * wait for each other.
 */
CREATE FUNCTION trainledger_internal.lock_pass(pass_id bigint)
RETURNS trainledger.pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	locked trainledger.pass;
BEGIN
	PERFORM require_home((pass(pass_id)).party_id, 'pass_id');
	SELECT p.* INTO locked FROM trainledger.pass p
	WHERE p.id = pass_id FOR NO KEY UPDATE;
	RETURN locked;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lock_pass IS
'A pass by id, locked, or TL404.';

CREATE FUNCTION trainledger_internal.last_run(pass_id bigint)
RETURNS trainledger.pass_period
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	run trainledger.pass_period;
BEGIN
	SELECT r.* INTO run FROM trainledger.pass_period r
	WHERE r.pass_id = last_run.pass_id
	ORDER BY r.valid_from DESC LIMIT 1;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.last_run IS
'The last run of a pass, which is the present one.';

CREATE FUNCTION trainledger_internal.start_run(of trainledger.pass,
	valid_from timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	INSERT INTO trainledger.pass_period (pass_id, valid_from, valid_until)
	VALUES (of.id, start_run.valid_from, of.valid_until);
	PERFORM require_written('pass_period', FOUND);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.start_run IS
'Writes the run that a pass begins, up to the end of the pass.';

CREATE FUNCTION trainledger_internal.change_run(of trainledger.pass,
	old_from timestamptz, new_from timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	UPDATE trainledger.pass_period r
	SET valid_from = new_from, valid_until = of.valid_until
	WHERE r.pass_id = of.id AND r.valid_from = old_from;
	PERFORM require_written('pass_period', FOUND);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.change_run IS
'Moves the beginning of a run of a pass, and its end to the end of the pass.';

CREATE FUNCTION trainledger_internal.require_active_pass(of trainledger.pass)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF of.lifecycle_state = 'cancelled' THEN
		PERFORM refuse('TL409', 'pass is cancelled',
			format('Pass %s is cancelled.', of.id), 'Issue a new pass.',
			'pass_id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_active_pass IS
'TL409 where a pass is cancelled.';

CREATE FUNCTION trainledger_internal.record_pass(
	changed trainledger.pass, event trainledger.pass_event_kind,
	other_pass_id bigint, pass_use_id bigint, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	INSERT INTO trainledger.pass_event
		(id, pass_id, event, option_id, party_id, valid_from, valid_until,
		 other_pass_id, changed_by, created_at, run_from, pass_use_id, reason,
		 booking_no)
	VALUES (new_id('trainledger.pass_event_id_seq'::regclass, changed.party_id),
			changed.id, record_pass.event, changed.option_id,
			changed.party_id, changed.valid_from, changed.valid_until,
			record_pass.other_pass_id, caller_name(),
			trainledger.clock(), (last_run(changed.id)).valid_from,
			record_pass.pass_use_id, record_pass.reason, booking_no());
END;
$$;
COMMENT ON FUNCTION trainledger_internal.record_pass IS
'Writes an event of a pass.';

/*
 * By months and years a run ends on the day of the month on which it began, or
 * on the last day of a shorter month, however often it is renewed.  An end that
 * was set to another day counts from that day.
 */
CREATE FUNCTION trainledger_internal.after_period(
	run_from timestamptz, present_end timestamptz,
	period_of trainledger.pass_type_option) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	begins CONSTANT timestamp := run_from AT TIME ZONE 'UTC';
	ends CONSTANT timestamp := present_end AT TIME ZONE 'UTC';
	gone CONSTANT interval := age(date_trunc('month', ends),
								  date_trunc('month', begins));
	value CONSTANT integer := period_of.validity_value;
	period CONSTANT interval := CASE period_of.validity_unit
		WHEN 'days' THEN make_interval(days => value)
		WHEN 'weeks' THEN make_interval(weeks => value)
		WHEN 'months' THEN make_interval(months => value)
		ELSE make_interval(years => value) END;
BEGIN
	IF period_of.validity_unit IN ('months', 'years')
	   AND (begins + gone)::date = ends::date THEN
		RETURN ((begins + (gone + period))::date + ends::time)
			AT TIME ZONE 'UTC';
	END IF;
	RETURN (ends + period) AT TIME ZONE 'UTC';
END;
$$;
COMMENT ON FUNCTION trainledger_internal.after_period IS
'The end of a run, later by the period of an option, by the calendar in UTC. Of a new run the present end is its beginning.';

CREATE FUNCTION trainledger_internal.option_of(
	option_id bigint, pass_type_id bigint) RETURNS trainledger.pass_type_option
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_option trainledger.pass_type_option;
BEGIN
	found_option := pass_option(option_id);
	IF found_option.pass_type_id <> pass_type_id THEN
		PERFORM refuse('TL404', 'pass option not found',
			format('Pass option %s is not of pass type %s.',
				   option_id, pass_type_id),
			'Give an option of the pass type.', 'option_id');
	END IF;
	RETURN found_option;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.option_of IS
'An option of a pass type (TL404).';

CREATE FUNCTION trainledger_internal.require_published(
	of_type trainledger.pass_type, of_option trainledger.pass_type_option,
	type_argument text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF of_type.lifecycle_state <> 'published' THEN
		PERFORM refuse('TL409', 'pass type is not published',
			format('Pass type %s is %s.', of_type.id, of_type.lifecycle_state),
			'Publish it first.', type_argument);
	END IF;
	IF of_option.lifecycle_state <> 'published' THEN
		PERFORM refuse('TL409', 'pass option is not published',
			format('Pass option %s is %s.', of_option.id,
				   of_option.lifecycle_state),
			'Publish it first.', 'option_id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_published IS
'TL409 unless a pass type and its option are published.';

CREATE FUNCTION trainledger_internal.check_validity(
	valid_from timestamptz, valid_until timestamptz,
	argument text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	earliest CONSTANT timestamptz := timestamptz '0001-01-01 00:00:00+00';
	latest CONSTANT timestamptz := timestamptz '10000-01-01 00:00:00+00';
BEGIN
	-- infinite ones are out of range too
	IF valid_from NOT BETWEEN earliest AND latest
	   OR valid_until NOT BETWEEN earliest AND latest THEN
		PERFORM refuse('TL400', 'validity is out of range',
			'The start or the end is not in the years 1 to 9999.',
			'Give a start and an end, or null for the defaults.',
			CASE WHEN valid_from NOT BETWEEN earliest AND latest
				 THEN 'valid_from' ELSE 'valid_until' END);
	END IF;
	IF valid_until <= valid_from THEN
		PERFORM refuse('TL400', 'pass ends before it starts',
			'The argument valid_until is not after valid_from.',
			'Give an end that is after the start.', argument);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_validity IS
'TL400 where a period is none. argument is the one to blame where it ends before it starts.';

CREATE FUNCTION trainledger_internal.insert_pass(made trainledger.pass)
RETURNS trainledger.pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	is_imported CONSTANT boolean := made.id IS NOT NULL;
BEGIN
	-- lock the table before its sequence, as next_id() does
	LOCK TABLE trainledger.pass IN ROW EXCLUSIVE MODE;
	LOOP
		IF NOT is_imported THEN
			made.id := new_id('trainledger.pass_id_seq'::regclass,
							  made.party_id);
		END IF;
		INSERT INTO trainledger.pass SELECT (made).*
		ON CONFLICT (id) DO NOTHING;
		EXIT WHEN FOUND;
		IF is_imported THEN
			PERFORM raise_taken('pass', 'id');
		END IF;
		-- our generated id was imported: try the next one
		PERFORM require_conflict('pass', EXISTS (
			SELECT FROM trainledger.pass p WHERE p.id = made.id));
	END LOOP;
	PERFORM start_run(made, made.valid_from);
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.insert_pass IS
'Writes a pass with its first run; one without an id gets one that no imported pass has.';

-- Calls

CREATE FUNCTION trainledger_internal.issue_pass(
	pass_type_id bigint,
	option_id bigint,
	party_id bigint,
	valid_from timestamptz DEFAULT NULL,
	valid_until timestamptz DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL,
	id bigint DEFAULT NULL) RETURNS trainledger.training_pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
	of_type trainledger.pass_type;
	of_option trainledger.pass_type_option;
	known text;
	made trainledger.pass;
BEGIN
	PERFORM check_id(id);
	PERFORM require_given('pass_type_id', pass_type_id::text);
	PERFORM require_given('option_id', option_id::text);
	PERFORM require_given('party_id', party_id::text);
	PERFORM check_validity(valid_from, valid_until, 'valid_until');
	SELECT t.* INTO of_type FROM trainledger.pass_type t
	WHERE t.id = issue_pass.pass_type_id;
	IF NOT FOUND THEN
		PERFORM refuse_missing('pass type', pass_type_id::text, 'pass_type_id');
	END IF;
	of_option := option_of(option_id, pass_type_id);
	holder := party(party_id);
	known := take_key(party_id, idempotency_key, 'issue_pass',
		jsonb_build_array(pass_type_id, option_id,
			extract(epoch FROM valid_from), extract(epoch FROM valid_until),
			id));
	IF known IS NOT NULL THEN
		RETURN pass_view(known::bigint);
	END IF;
	PERFORM require_person(holder, 'party_id');
	PERFORM require_home(party_id, 'party_id');
	PERFORM require_same_home(trainledger.home(id), party_id);

	made.pass_type_id := pass_type_id;
	made.option_id := option_id;
	made.party_id := party_id;
	made.valid_from := coalesce(valid_from, trainledger.clock());
	made.valid_until := coalesce(valid_until,
		after_period(made.valid_from, made.valid_from, of_option));
	PERFORM check_validity(made.valid_from, made.valid_until, 'valid_until');
	PERFORM require_published(of_type, of_option, 'pass_type_id');
	PERFORM require_not_suspended(holder, 'party_id');
	made.lifecycle_state := 'active';
	made.created_at := trainledger.clock();
	made.id := id;
	made := insert_pass(made);
	PERFORM record_pass(made, 'issued'::trainledger.pass_event_kind,
						NULL::bigint, NULL::bigint, NULL::text);
	PERFORM keep_result(party_id, idempotency_key, made.id::text);
	RETURN pass_view(made.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.issue_pass IS
'Issues a pass to a person. It is valid from now, and for the period of the option, unless said. Level operator.';

CREATE FUNCTION trainledger_internal.renew_pass(
	pass_id bigint,
	option_id bigint DEFAULT NULL,
	valid_until timestamptz DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.training_pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass;
	of_type trainledger.pass_type;
	of_option trainledger.pass_type_option;
	is_over boolean;
	run_from timestamptz;
	present_end timestamptz;
	new_end timestamptz;
	known text;
BEGIN
	PERFORM check_validity(NULL::timestamptz, valid_until, 'valid_until');
	changed := pass(pass_id);
	IF option_id IS NOT NULL THEN
		PERFORM option_of(option_id, changed.pass_type_id);
	END IF;
	known := take_key(changed.party_id, idempotency_key, 'renew_pass',
		jsonb_build_array(pass_id, option_id,
			extract(epoch FROM valid_until)));
	IF known IS NOT NULL THEN
		RETURN pass_view(known::bigint);
	END IF;
	changed := lock_pass(pass_id);
	SELECT t.* INTO of_type FROM trainledger.pass_type t
	WHERE t.id = changed.pass_type_id;
	of_option := option_of(coalesce(option_id, changed.option_id), of_type.id);
	is_over := changed.valid_until <= trainledger.clock();
	run_from := CASE WHEN is_over THEN trainledger.clock()
					 ELSE (last_run(changed.id)).valid_from END;
	present_end := CASE WHEN is_over THEN run_from
						ELSE changed.valid_until END;
	new_end := coalesce(valid_until,
		after_period(run_from, present_end, of_option));
	IF new_end <= present_end THEN
		PERFORM refuse('TL400', 'pass is not prolonged',
			format('%s %s.', CASE WHEN is_over
						THEN 'The pass is over and begins anew at'
						ELSE 'The pass ends at' END,
				   to_char(present_end AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			CASE WHEN is_over THEN 'Give an end in the future.'
				 ELSE 'Give an end after the present one.' END, 'valid_until');
	END IF;
	PERFORM check_validity(NULL::timestamptz, new_end, 'valid_until');
	PERFORM require_active_pass(changed);
	PERFORM require_published(of_type, of_option, 'pass_id');
	PERFORM require_not_suspended(party(changed.party_id), 'pass_id');
	changed.option_id := of_option.id;
	changed.valid_until := new_end;
	UPDATE trainledger.pass p
	SET option_id = changed.option_id, valid_until = changed.valid_until
	WHERE p.id = changed.id;
	PERFORM require_written('pass', FOUND);
	IF is_over THEN
		PERFORM start_run(changed, run_from);
	ELSE
		PERFORM change_run(changed, run_from, run_from);
	END IF;
	PERFORM record_pass(changed, 'renewed'::trainledger.pass_event_kind,
						NULL::bigint, NULL::bigint, NULL::text);
	PERFORM keep_result(changed.party_id, idempotency_key, changed.id::text);
	RETURN pass_view(changed.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.renew_pass IS
'Lets a pass end later: at valid_until, or after the period of the option from its present end. A pass that is over begins a new run now; what is between is not covered. Its start is kept. Level operator.';

CREATE FUNCTION trainledger_internal.revoke_pass(pass_id bigint)
RETURNS trainledger.training_pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass;
BEGIN
	changed := lock_pass(pass_id);
	PERFORM require_active_pass(changed);
	UPDATE trainledger.pass p SET lifecycle_state = 'cancelled'
	WHERE p.id = changed.id;
	PERFORM require_written('pass', FOUND);
	PERFORM record_pass(changed, 'revoked'::trainledger.pass_event_kind,
						NULL::bigint, NULL::bigint, NULL::text);
	RETURN pass_view(changed.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.revoke_pass IS
'Cancels a pass; its dates stay. Level operator.';

CREATE FUNCTION trainledger_internal.reassign_pass(
	pass_id bigint, party_id bigint, idempotency_key uuid DEFAULT NULL)
RETURNS trainledger.training_pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass;
	made trainledger.pass;
	holder trainledger.party;
	known text;
BEGIN
	PERFORM require_given('party_id', party_id::text);
	changed := pass(pass_id);
	holder := party(party_id);
	known := take_key(changed.party_id, idempotency_key, 'reassign_pass',
		jsonb_build_array(pass_id, party_id));
	IF known IS NOT NULL THEN
		RETURN pass_view(known::bigint);
	END IF;
	PERFORM require_person(holder, 'party_id');
	PERFORM require_home(party_id, 'party_id');
	changed := lock_pass(pass_id);
	PERFORM require_active_pass(changed);
	IF changed.party_id = party_id THEN
		PERFORM refuse('TL409', 'party has the pass already',
			format('Pass %s is of party %s.', changed.id, party_id),
			'Give another person.', 'party_id');
	END IF;
	IF changed.valid_until <= trainledger.clock() THEN
		PERFORM refuse('TL410', 'pass has expired',
			format('Pass %s has no validity left.', changed.id),
			'Renew it first, or issue a new pass.', 'pass_id');
	END IF;
	PERFORM require_not_suspended(holder, 'party_id');
	made := changed;
	made.id := NULL;
	made.party_id := party_id;
	made.valid_from := greatest((last_run(changed.id)).valid_from,
								trainledger.clock());
	made.created_at := trainledger.clock();
	UPDATE trainledger.pass p SET lifecycle_state = 'cancelled'
	WHERE p.id = changed.id;
	PERFORM require_written('pass', FOUND);
	made := insert_pass(made);
	PERFORM record_pass(changed, 'reassigned'::trainledger.pass_event_kind,
						made.id, NULL::bigint, NULL::text);
	PERFORM record_pass(made, 'issued'::trainledger.pass_event_kind,
						changed.id, NULL::bigint, NULL::text);
	PERFORM keep_result(changed.party_id, idempotency_key, made.id::text);
	RETURN pass_view(made.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.reassign_pass IS
'Cancels a pass and gives the rest of its validity to another person as a new pass, which is returned. Level operator.';

CREATE FUNCTION trainledger_internal.correct_pass(
	pass_id bigint, valid_from timestamptz, valid_until timestamptz,
	reason text) RETURNS trainledger.training_pass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass;
	run trainledger.pass_period;
	new_from timestamptz;
	earlier_end timestamptz;
BEGIN
	PERFORM require_given('reason', nullif(reason, ''));
	PERFORM check_notes('reason', reason);
	IF valid_from IS NULL AND valid_until IS NULL THEN
		PERFORM refuse('TL400', 'validity is missing',
			'The arguments valid_from and valid_until are null.',
			'Give a start, an end, or both.', 'valid_from');
	END IF;
	PERFORM check_validity(valid_from, valid_until, 'valid_until');
	changed := lock_pass(pass_id);
	run := last_run(changed.id);
	SELECT max(r.valid_until) INTO earlier_end FROM trainledger.pass_period r
	WHERE r.pass_id = changed.id AND r.valid_from < run.valid_from;
	new_from := coalesce(valid_from, run.valid_from);
	changed.valid_until := coalesce(valid_until, run.valid_until);
	PERFORM check_validity(new_from, changed.valid_until,
		CASE WHEN valid_until IS NULL THEN 'valid_from' ELSE 'valid_until' END);
	IF new_from < earlier_end THEN
		PERFORM refuse('TL400', 'run overlaps the one before it',
			format('That one ends at %s.',
				   to_char(earlier_end AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			'Give a start that is not before that.', 'valid_from');
	END IF;
	PERFORM require_active_pass(changed);
	IF earlier_end IS NULL THEN
		changed.valid_from := new_from;
	END IF;
	UPDATE trainledger.pass p
	SET valid_from = changed.valid_from, valid_until = changed.valid_until
	WHERE p.id = changed.id;
	PERFORM require_written('pass', FOUND);
	PERFORM change_run(changed, run.valid_from, new_from);
	PERFORM record_pass(changed, 'corrected'::trainledger.pass_event_kind,
						NULL::bigint, NULL::bigint, reason);
	RETURN pass_view(changed.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.correct_pass IS
'Mends a mistaken start or end of the last run of a pass, shorter or longer; null keeps what there is. Level admin.';
