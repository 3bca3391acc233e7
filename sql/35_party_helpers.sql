-- Helpers of calls that concern a party: the party, and its idempotency keys

CREATE FUNCTION trainledger_internal.party(party_id bigint)
RETURNS trainledger.party
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_party trainledger.party;
BEGIN
	SELECT p.* INTO found_party FROM trainledger.party p
	WHERE p.id = party.party_id;
	IF NOT FOUND THEN
		PERFORM refuse_missing('party', party_id::text, 'party_id');
	END IF;
	RETURN found_party;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.party IS
'A party by id, or TL404.';

CREATE FUNCTION trainledger_internal.require_person(
	holder trainledger.party, argument text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF holder.kind <> 'person' THEN
		PERFORM refuse('TL400', 'party is not a person',
			format('Party %s is an organisation.', holder.id),
			'Passes, programs and tickets are for people.', argument);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_person IS
'TL400 where a party is not a person.';

CREATE FUNCTION trainledger_internal.person(party_id bigint)
RETURNS trainledger.party
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
BEGIN
	holder := party(party_id);
	PERFORM require_person(holder, 'party_id');
	RETURN holder;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.person IS
'A person by id (TL404, TL400).';

/*
 * Looks at the row anew: it may have changed while the call waited for
 * something since it read it.
 */
CREATE FUNCTION trainledger_internal.require_not_suspended(
	holder trainledger.party, argument text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF (SELECT p.is_suspended FROM trainledger.party p
		WHERE p.id = holder.id) THEN
		PERFORM refuse('TL409', 'party is suspended',
			format('Party %s is suspended.', holder.id),
			'A suspended party keeps what it has and acquires nothing.',
			argument);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_not_suspended IS
'TL409 where a party is suspended by now.';

-- Idempotency keys

/*
 * What is left of a request after its party was forgotten (89_forgetting.sql):
 * amounts and the like.  Names of members are followed by a colon.
 */
CREATE FUNCTION trainledger_internal.without_texts(request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.regexp_replace(request::text,
	$re$"(?:[^"\\]|\\.)*"(?!\s*:)$re$, '"forgotten"', 'g')::jsonb;
COMMENT ON FUNCTION trainledger_internal.without_texts IS
'A request with every text in it replaced.';

/*
 * Idempotency keys of the calls that concern several accounts of a party, or
 * one that is not there yet.
 */
CREATE TABLE trainledger.party_request (
	party_id bigint NOT NULL
		CONSTRAINT party_request_party_id_fkey REFERENCES trainledger.party,
	idempotency_key uuid NOT NULL,
	call text NOT NULL,
	request jsonb NOT NULL,
	result_id text,
	created_at timestamptz NOT NULL,
	CONSTRAINT party_request_pkey PRIMARY KEY (idempotency_key, party_id)
);
COMMENT ON TABLE trainledger.party_request IS
'Idempotency keys that were used for a party, and what for.';
COMMENT ON COLUMN trainledger.party_request.party_id IS 'Party that the call was for.';
COMMENT ON COLUMN trainledger.party_request.idempotency_key IS 'Key of the caller.';
COMMENT ON COLUMN trainledger.party_request.call IS 'Function that was called.';
COMMENT ON COLUMN trainledger.party_request.request IS 'What it was asked.';
COMMENT ON COLUMN trainledger.party_request.result_id IS 'Id of what it made.';
COMMENT ON COLUMN trainledger.party_request.created_at IS 'When it was called.';

CREATE FUNCTION trainledger_internal.refuse_key(used_for text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM refuse('TL422',
		'idempotency key was used for a different request',
		format('The key was used for %s.', used_for),
		'Use a new key for a new request, and the same request to repeat one.',
		'idempotency_key');
END;
$$;
COMMENT ON FUNCTION trainledger_internal.refuse_key IS
'TL422 for an idempotency key that was used for something else.';

/*
 * Takes an idempotency key for a call: null where it is new, else the id of
 * what the call made the first time; TL422 for another request.  Two calls with
 * the same key meet in the index, and the second waits for the first.
 *
 * Openings of credit accounts (src/ledger/ledger.c) and adjustments of lots keep
 * their keys with their entries.  They leave a row here too, without a result,
 * so that no other call of the party has the key (contract, section 4).
 */
CREATE FUNCTION trainledger_internal.take_key(
	party_id bigint, idempotency_key uuid, call text, request jsonb)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known trainledger.party_request;
BEGIN
	IF idempotency_key IS NULL THEN
		RETURN NULL;
	END IF;
	INSERT INTO trainledger.party_request
		(party_id, idempotency_key, call, request, created_at)
	VALUES ($1, $2, $3, $4, trainledger.clock())
	ON CONFLICT (idempotency_key, party_id) DO NOTHING;
	IF FOUND THEN
		RETURN NULL;
	END IF;
	SELECT r.* INTO known FROM trainledger.party_request r
	WHERE r.party_id = $1 AND r.idempotency_key = $2;
	PERFORM require_conflict('party_request', FOUND);
	IF known.call <> $3 OR known.request <> $4
	   AND known.request <> without_texts($4) THEN
		PERFORM refuse_key(known.call);
	END IF;
	RETURN known.result_id;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.take_key IS
'Takes an idempotency key for a party''s call, or tells what the call made before (TL422 for another request).';

CREATE FUNCTION trainledger_internal.keep_result(
	party_id bigint, idempotency_key uuid, result_id text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF idempotency_key IS NULL THEN
		RETURN;
	END IF;
	UPDATE trainledger.party_request r SET result_id = keep_result.result_id
	WHERE r.party_id = keep_result.party_id
	AND r.idempotency_key = keep_result.idempotency_key;
	PERFORM require_written('party_request', FOUND);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.keep_result IS
'Keeps with an idempotency key what its call made.';
