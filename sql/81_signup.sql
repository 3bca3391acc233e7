-- Signup tokens and claims

-- Helpers of the calls

CREATE FUNCTION trainledger_internal.fits_xml(value text) RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_fits_xml' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.fits_xml IS
'Whether XML can hold a text: no control characters but tab and line ends, no U+FFFE and U+FFFF, and bytes that are UTF-8 where the database does not know.';

CREATE FUNCTION trainledger_internal.check_signup_text(
	name text, value text, most integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF value = '' THEN
		PERFORM refuse('TL400', format('%s is empty', name),
			format('The argument %s has nothing but blanks.', name),
			'Give a text that is not empty.', name);
	END IF;
	PERFORM check_length(name, value, most);
	IF NOT fits_xml(value) THEN
		PERFORM refuse('TL400',
			format('%s does not fit into XML', name),
			format('The argument %s has a control character or another that XML cannot hold.',
				   name),
			'Give a text that people can type.', name);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_signup_text IS
'TL400 where a text of a signup token is empty, too long or not fit for XML. The text itself stands in no message.';

CREATE FUNCTION trainledger_internal.check_signup_token(
	id text, code text, type integer, type_id text, maximum_activations integer)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM check_signup_text('id', id, 50);
	PERFORM check_signup_text('code', code, 250);
	IF type NOT BETWEEN 1 AND 4 THEN
		PERFORM refuse('TL400', 'type is not known',
			format('The type is %s.', type),
			'Give 1 for a course, 2 a team, 3 a learning path, 4 a collection.',
			'type');
	END IF;
	PERFORM check_signup_text('type_id', type_id, 50);
	IF maximum_activations < 1 THEN
		PERFORM refuse('TL400',
			'maximum_activations is not positive',
			format('The argument maximum_activations is %s.',
				   maximum_activations),
			'Give how many parties may claim the token.',
			'maximum_activations');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_signup_token IS
'What the arguments of a signup token alone show (TL400); null is not looked at.';

CREATE FUNCTION trainledger_internal.check_expiration(
	expiration timestamptz, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF expiration < '0001-01-01 00:00:00Z'
	   OR expiration >= '10000-01-01 00:00:00Z' THEN
		PERFORM refuse('TL400', 'expiration is out of range',
			'A document has dates of the years 1 to 9999.', hint, 'expiration');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_expiration IS
'TL400 where a document cannot show the expiration of a signup token; null is none.';

CREATE FUNCTION trainledger_internal.signup_kind(type integer)
RETURNS trainledger.catalog_kind
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE type WHEN 1 THEN 'course'::trainledger.catalog_kind
					 WHEN 2 THEN 'team'::trainledger.catalog_kind
					 WHEN 3 THEN 'learning_path'::trainledger.catalog_kind
					 WHEN 4 THEN 'collection'::trainledger.catalog_kind END;
END;
COMMENT ON FUNCTION trainledger_internal.signup_kind IS
'The kind of catalogue item that a type of signup token enrols into.';

CREATE FUNCTION trainledger_internal.signup_item(
	type integer, type_id text, argument text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	item_id bigint;
BEGIN
	SELECT c.id INTO item_id FROM trainledger.catalog_item c
	WHERE c.kind = signup_kind(type)
	AND c.code = signup_item.type_id;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'catalogue item not found',
			format('No %s has the code given as type_id.',
				   replace(signup_kind(type)::text, '_', ' ')),
			'Look the code up in trainledger.catalog_item.', argument);
	END IF;
	RETURN item_id;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.signup_item IS
'The catalogue item that a signup token enrols into, or TL404.';

-- Tokens

CREATE FUNCTION trainledger_internal.create_signup_token(
	type integer,
	type_id text,
	maximum_activations integer,
	code text DEFAULT NULL,
	active boolean DEFAULT true,
	expiration timestamptz DEFAULT NULL,
	id text DEFAULT NULL) RETURNS trainledger.signup_token
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.signup_token;
BEGIN
	PERFORM require_admin_for_id(id, 'id');
	id := trimmed(id);
	code := trimmed(code);
	type_id := trimmed(type_id);
	PERFORM require_given('type', type::text);
	PERFORM require_given('type_id', type_id);
	PERFORM require_given('maximum_activations', maximum_activations::text);
	PERFORM check_signup_token(id, code, type, type_id, maximum_activations);
	PERFORM check_expiration(expiration,
		'Leave it out for a token that never expires.');
	PERFORM signup_item(type, type_id, 'type_id');
	INSERT INTO trainledger.signup_token AS t
		(id, code, type, type_id, active, maximum_activations, expiration,
		 created_at)
	VALUES (coalesce(id, signup_id()),
			coalesce(code, signup_code()), type, type_id,
			coalesce(active, true), maximum_activations, expiration,
			trainledger.clock())
	ON CONFLICT DO NOTHING RETURNING t.* INTO made;
	IF made.id IS NULL THEN
		PERFORM raise_taken('signup_token',
			CASE WHEN EXISTS (SELECT FROM trainledger.signup_token t
							  WHERE t.id = create_signup_token.id)
				 THEN 'id' ELSE 'code' END);
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.create_signup_token IS
'Makes a signup token. Without a code a random one is made; blanks around texts are taken off. Level admin.';

CREATE FUNCTION trainledger_internal.update_signup_token(
	signup_token_id text,
	code text DEFAULT NULL,
	type integer DEFAULT NULL,
	type_id text DEFAULT NULL,
	active boolean DEFAULT NULL,
	maximum_activations integer DEFAULT NULL,
	expiration timestamptz DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.signup_token
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.signup_token;
	changed jsonb;
BEGIN
	signup_token_id := trimmed(signup_token_id);
	code := trimmed(code);
	type_id := trimmed(type_id);
	PERFORM require_given('signup_token_id', signup_token_id);
	PERFORM check_signup_token(NULL, code, type, type_id, maximum_activations);
	changed := changes(clear, '{"expiration": null}'::json,
		json_build_object('code', code, 'type', type, 'type_id', type_id,
			'active', active, 'maximum_activations', maximum_activations,
			'expiration', expiration));
	PERFORM check_expiration(expiration,
		'Name the column in clear for a token that never expires.');
	-- a change of code locks its token and may wait for another token, as
	-- documents do: one at a time, or they could deadlock
	IF code IS NOT NULL THEN
		PERFORM take_mutex('signup codes'::text, 'update_signup_token()'::text);
	END IF;
	SELECT t.* INTO made FROM trainledger.signup_token t
	WHERE t.id = signup_token_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'signup token not found',
			'There is no signup token with this id.',
			'Look the id up in trainledger.signup_token.', 'signup_token_id');
	END IF;
	made := jsonb_populate_record(made, changed);
	IF type IS NOT NULL OR type_id IS NOT NULL THEN
		-- where the type alone is another, no code was given that could be wrong
		PERFORM signup_item(made.type, made.type_id,
			CASE WHEN type_id IS NULL THEN 'type' ELSE 'type_id' END);
	END IF;
	IF maximum_activations < made.activations THEN
		PERFORM refuse('TL409',
			'maximum_activations is below the activations',
			format('The token has %s activations and shall have %s at most.',
				   made.activations, maximum_activations),
			'Deactivate the token to stop further claims.',
			'maximum_activations');
	END IF;
	BEGIN
		UPDATE trainledger.signup_token t
		SET code = made.code, type = made.type, type_id = made.type_id,
			active = made.active,
			maximum_activations = made.maximum_activations,
			expiration = made.expiration
		WHERE t.id = signup_token_id RETURNING t.* INTO made;
	EXCEPTION WHEN unique_violation THEN
		PERFORM raise_taken('signup_token', 'code');
	END;
	PERFORM require_written('signup_token', FOUND);
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_signup_token IS
'Changes a signup token: null leaves a column as it is, clear may name expiration. Fewer activations than are used up are refused. Level admin.';

-- Claims

CREATE FUNCTION trainledger_internal.signup_claim(
	signup_token_id text, party_id bigint) RETURNS trainledger.signup_claim
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT c FROM trainledger.signup_claim c
			WHERE c.signup_token_id = signup_claim.signup_token_id
			AND c.party_id = signup_claim.party_id
			AND c.cancelled_at IS NULL);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.signup_claim IS
'The claim of a party on a signup token, null where there is none but cancelled ones.';

CREATE FUNCTION trainledger_internal.require_claimable(
	token trainledger.signup_token, code text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF folded(token.code) IS DISTINCT FROM folded(code) THEN
		PERFORM refuse('TL404', 'signup token not found',
			'No signup token has this code.', 'Check the code.', 'code');
	END IF;
	IF NOT token.active THEN
		PERFORM refuse('TL409', 'signup token is not active',
			format('Signup token %s is not active.', token.id),
			'Ask who gave out the code.', 'code');
	END IF;
	IF token.expiration <= trainledger.clock() THEN
		PERFORM refuse('TL410', 'signup token is expired',
			format('Signup token %s expired at %s UTC.', token.id,
				   to_char(token.expiration AT TIME ZONE 'UTC',
						   'YYYY-MM-DD HH24:MI:SS')),
			'Ask who gave out the code.', 'code');
	END IF;
	IF token.activations >= token.maximum_activations THEN
		PERFORM refuse('TL429', 'signup token is used up',
			format('Signup token %s has all of its %s activations.', token.id,
				   token.maximum_activations),
			'Ask who gave out the code.', 'code');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_claimable IS
'TL404, TL409, TL410 or TL429 where a signup token cannot be claimed by a code.';

/*
 * An enrolment that is there is written, not only read: who cancels another
 * claim for it waits, and then sees this one, or above READ COMMITTED fails
 * (40001).
 */
CREATE FUNCTION trainledger_internal.enrol(party_id bigint, item_id bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	enrolment_id bigint;
BEGIN
	LOOP
		INSERT INTO trainledger.enrolment AS e
			(id, party_id, item_id, created_at)
		VALUES (new_id('trainledger.enrolment_id_seq'::regclass,
					   enrol.party_id),
				enrol.party_id, enrol.item_id, trainledger.clock())
		ON CONFLICT DO NOTHING RETURNING e.id INTO enrolment_id;
		EXIT WHEN FOUND;
		PERFORM require_conflict('enrolment', EXISTS (
			SELECT FROM trainledger.enrolment e
			WHERE e.party_id = enrol.party_id AND e.item_id = enrol.item_id));
		UPDATE trainledger.enrolment e SET ended_at = NULL
		WHERE e.party_id = enrol.party_id AND e.item_id = enrol.item_id
		AND e.ended_at IS NULL RETURNING e.id INTO enrolment_id;
		EXIT WHEN FOUND;
	END LOOP;
	RETURN enrolment_id;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.enrol IS
'The enrolment of a party into an item, made where there is none.';

CREATE FUNCTION trainledger_internal.record_claim(
	changed trainledger.signup_claim, event trainledger.claim_event_kind)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	INSERT INTO trainledger.claim_event
		(id, claim_id, event, signup_token_id, party_id, reason, changed_by,
		 created_at, booking_no)
	VALUES (new_id('trainledger.claim_event_id_seq'::regclass,
				   changed.party_id),
			changed.id, record_claim.event, changed.signup_token_id,
			changed.party_id, changed.cancel_reason, caller_name(),
			coalesce(changed.cancelled_at, changed.created_at), booking_no());
	PERFORM require_written('claim_event', FOUND);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.record_claim IS
'Writes an event of a claim.';

CREATE FUNCTION trainledger_internal.claim_signup_token(
	code text, party_id bigint) RETURNS trainledger.signup_claim
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	token trainledger.signup_token;
	holder trainledger.party;
	claim trainledger.signup_claim;
BEGIN
	IF NOT trainledger.has_level('operator'::trainledger.access_level)
	   AND party_id IS DISTINCT FROM trainledger.current_party() THEN
		PERFORM refuse('42501',
			'a learner may claim for itself only',
			'The party is not the one that is asking.',
			'Leave it to a role of level operator.', 'party_id');
	END IF;
	code := trimmed(code);
	PERFORM require_given('code', nullif(code, ''));
	PERFORM require_given('party_id', party_id::text);
	holder := party(party_id);
	SELECT t.* INTO token FROM trainledger.signup_token t
	WHERE folded(t.code) COLLATE "C"
		= folded(claim_signup_token.code);
	claim := signup_claim(token.id, party_id);
	IF claim.id IS NOT NULL THEN
		RETURN claim;
	END IF;
	PERFORM require_claimable(token, code);
	-- the lock lets one claim at a time see and use the activations left;
	-- check everything again, because while we waited for it the same party
	-- may have claimed the token, or its code may have changed
	SELECT t.* INTO token FROM trainledger.signup_token t
	WHERE t.id = token.id FOR NO KEY UPDATE;
	claim := signup_claim(token.id, party_id);
	IF claim.id IS NOT NULL THEN
		RETURN claim;
	END IF;
	PERFORM require_claimable(token, code);
	PERFORM require_not_suspended(holder, 'party_id');
	UPDATE trainledger.signup_token t SET activations = t.activations + 1
	WHERE t.id = token.id;
	PERFORM require_written('signup_token', FOUND);
	INSERT INTO trainledger.signup_claim AS c
		(id, signup_token_id, party_id, enrolment_id, created_at)
	VALUES (new_id('trainledger.signup_claim_id_seq'::regclass,
				   claim_signup_token.party_id),
			token.id, claim_signup_token.party_id,
			enrol(claim_signup_token.party_id, signup_item(token.type,
							  token.type_id, 'code')),
			trainledger.clock())
	RETURNING c.* INTO claim;
	PERFORM require_written('signup_claim', FOUND);
	PERFORM record_claim(claim, 'claimed'::trainledger.claim_event_kind);
	RETURN claim;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.claim_signup_token IS
'Claims a signup token for a party and enrols it. The same party again gets its claim and uses nothing up. Level learner, for itself.';

/*
 * Locks in the order of a claim: the token, then the enrolment.
 */
CREATE FUNCTION trainledger_internal.cancel_signup_claim(
	signup_claim_id bigint, reason text DEFAULT '')
RETURNS trainledger.signup_claim
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	claim trainledger.signup_claim;
BEGIN
	PERFORM require_given('signup_claim_id', signup_claim_id::text);
	PERFORM check_notes('reason', reason);
	SELECT c.* INTO claim FROM trainledger.signup_claim c
	WHERE c.id = signup_claim_id;
	IF NOT FOUND THEN
		PERFORM refuse_missing('signup claim', signup_claim_id::text,
							   'signup_claim_id');
	END IF;
	PERFORM FROM trainledger.signup_token t
	WHERE t.id = claim.signup_token_id FOR NO KEY UPDATE;
	UPDATE trainledger.signup_claim c
	SET cancelled_at = greatest(trainledger.clock(), c.created_at),
		cancel_reason = coalesce(reason, ''), cancelled_by = caller_name()
	WHERE c.id = claim.id AND c.cancelled_at IS NULL RETURNING c.* INTO claim;
	IF NOT FOUND THEN
		PERFORM refuse('TL409', 'signup claim is cancelled',
			format('Signup claim %s gave its activation back before.',
				   signup_claim_id),
			'A claim is cancelled once.', 'signup_claim_id');
	END IF;
	UPDATE trainledger.signup_token t SET activations = t.activations - 1
	WHERE t.id = claim.signup_token_id;
	PERFORM require_written('signup_token', FOUND);
	-- written, as by enrol(): two claims for it may be cancelled at once
	UPDATE trainledger.enrolment e SET ended_at = e.ended_at
	WHERE e.id = claim.enrolment_id;
	PERFORM require_written('enrolment', FOUND);
	IF NOT EXISTS (SELECT FROM trainledger.signup_claim c
				   WHERE c.enrolment_id = claim.enrolment_id
				   AND c.cancelled_at IS NULL) THEN
		UPDATE trainledger.enrolment e SET ended_at = claim.cancelled_at
		WHERE e.id = claim.enrolment_id;
		PERFORM require_written('enrolment', FOUND);
	END IF;
	PERFORM record_claim(claim, 'cancelled'::trainledger.claim_event_kind);
	RETURN claim;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.cancel_signup_claim IS
'Cancels a claim of a signup token: it gives its activation back, and the enrolment ends unless another claim of the party keeps it. The party may claim again like anybody else. Level operator.';
