-- Use of passes

CREATE FUNCTION trainledger_internal.covering_pass(
	party_id bigint, item_id bigint, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT p.id
		FROM trainledger.pass p
		JOIN trainledger.pass_period r ON r.pass_id = p.id
		WHERE p.party_id = covering_pass.party_id
		AND p.lifecycle_state = 'active' AND at < p.valid_until
		AND r.valid_from <= at AND at < r.valid_until
		AND EXISTS (
			SELECT FROM trainledger.pass_type_content c
			WHERE c.pass_type_id = p.pass_type_id
			AND (c.item_id = covering_pass.item_id
				 OR c.item_id IN (SELECT l.path_id
								  FROM trainledger.learning_path_course l
								  WHERE l.course_id = covering_pass.item_id)))
		ORDER BY r.valid_until, p.id
		LIMIT 1);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.covering_pass IS
'The pass of a person, soonest to end first, that covers an item at an instant.';

CREATE FUNCTION trainledger.pass_covers(
	party_id bigint, item_id bigint, at timestamptz DEFAULT NULL)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT EXISTS (
		SELECT FROM trainledger.pass p
		JOIN trainledger.pass_period r ON r.pass_id = p.id
		JOIN trainledger.pass_type_content c ON c.pass_type_id = p.pass_type_id
		WHERE p.party_id = $1 AND p.lifecycle_state = 'active'
		AND coalesce($3, trainledger.clock()) < p.valid_until
		AND r.valid_from <= coalesce($3, trainledger.clock())
		AND coalesce($3, trainledger.clock()) < r.valid_until
		AND (c.item_id = $2
			 OR c.item_id IN (SELECT l.path_id
							  FROM trainledger.learning_path_course l
							  WHERE l.course_id = $2)));
END;
COMMENT ON FUNCTION trainledger.pass_covers IS
'Whether a person has a pass that covers a course or learning path at an instant (null: now). Level learner, for itself.';

CREATE FUNCTION trainledger_internal.use_pass(
	party_id bigint, item_id bigint, reference text,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.pass_use
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	covering bigint;
	known text;
	made trainledger.pass_use;
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM require_given('item_id', item_id::text);
	PERFORM require_given('reference', nullif(reference, ''));
	PERFORM check_notes('reference', reference);
	PERFORM party(party_id);
	PERFORM require_home(party_id, 'party_id');
	known := take_key(party_id, idempotency_key, 'use_pass',
		jsonb_build_array(item_id, reference));
	IF known IS NOT NULL THEN
		SELECT u.* INTO made FROM trainledger.pass_use u
		WHERE u.id = known::bigint;
		RETURN made;
	END IF;
	-- try again if the pass was changed while we waited for its lock
	LOOP
		covering := covering_pass(party_id, item_id, trainledger.clock());
		IF covering IS NULL THEN
			PERFORM refuse('TL404', 'no pass covers the item',
				format('Party %s has no active pass for item %s.',
					   party_id, item_id),
				'Issue or renew a pass whose type holds the item.', 'item_id');
		END IF;
		PERFORM lock_pass(covering);
		EXIT WHEN covering = covering_pass(
			party_id, item_id, trainledger.clock());
	END LOOP;
	INSERT INTO trainledger.pass_use AS u
		(id, pass_id, party_id, item_id, reference, created_at, booking_no)
	VALUES (new_id('trainledger.pass_use_id_seq'::regclass, use_pass.party_id),
			covering, use_pass.party_id, use_pass.item_id,
			use_pass.reference, trainledger.clock(), booking_no())
	RETURNING u.* INTO made;
	PERFORM require_written('pass_use', FOUND);
	PERFORM keep_result(party_id, idempotency_key, made.id::text);
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.use_pass IS
'Records a booking on a pass that covers the item now, the soonest to end first. Level operator.';

CREATE FUNCTION trainledger_internal.cancel_pass_use(
	pass_use_id bigint, reason text DEFAULT '') RETURNS trainledger.pass_use
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass;
	cancelled trainledger.pass_use;
BEGIN
	PERFORM require_given('pass_use_id', pass_use_id::text);
	PERFORM check_notes('reason', reason);
	SELECT u.* INTO cancelled FROM trainledger.pass_use u
	WHERE u.id = pass_use_id;
	IF NOT FOUND THEN
		PERFORM require_home(pass_use_id, 'pass_use_id');
		PERFORM refuse_missing('pass use', pass_use_id::text, 'pass_use_id');
	END IF;
	PERFORM require_home(cancelled.party_id, 'pass_use_id');
	changed := lock_pass(cancelled.pass_id);
	-- it may have been cancelled while we waited
	SELECT u.* INTO cancelled FROM trainledger.pass_use u
	WHERE u.id = pass_use_id;
	IF cancelled.cancelled_at IS NOT NULL THEN
		PERFORM refuse('TL409', 'pass use is cancelled',
			format('Pass use %s was cancelled before.', pass_use_id),
			'Record a new use with use_pass.', 'pass_use_id');
	END IF;
	UPDATE trainledger.pass_use u
	SET cancelled_at = trainledger.clock(), cancelled_by = caller_name(),
		cancel_reason = coalesce(reason, '')
	WHERE u.id = pass_use_id
	RETURNING u.* INTO cancelled;
	PERFORM require_written('pass_use', FOUND);
	PERFORM record_pass(changed, 'use_cancelled'::trainledger.pass_event_kind,
						NULL::bigint, cancelled.id, cancelled.cancel_reason);
	RETURN cancelled;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.cancel_pass_use IS
'Takes a booking on a pass back: it is kept and marked, and no longer counted. Level operator.';
