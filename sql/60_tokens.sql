-- Training tokens: lots with an expiry of their own (contract, section 8)

CREATE TYPE trainledger.refund_policy AS ENUM ('forfeit', 'reissue');
COMMENT ON TYPE trainledger.refund_policy IS
'What becomes of a refund to a lot that has expired: it is lost (forfeit), or a new lot (reissue).';

/*
 * What groups the lots of a party and type, and what every operation on them
 * locks first: so that extend, redeem, refund and the sweep cannot deadlock.
 */
CREATE TABLE trainledger.token_account (
	party_id bigint NOT NULL
		CONSTRAINT token_account_party_id_fkey REFERENCES trainledger.party,
	token_type_id uuid NOT NULL
		CONSTRAINT token_account_token_type_id_fkey
		REFERENCES trainledger.token_type,
	created_at timestamptz NOT NULL,
	CONSTRAINT token_account_pkey PRIMARY KEY (party_id, token_type_id)
);
SELECT pg_catalog.pg_extension_config_dump('trainledger.token_account', '');
COMMENT ON TABLE trainledger.token_account IS
'Training tokens of one type that one party has, in lots.';
COMMENT ON COLUMN trainledger.token_account.party_id IS 'Party that holds the tokens.';
COMMENT ON COLUMN trainledger.token_account.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.token_account.created_at IS 'When the first lot was issued.';

-- No foreign key to account, for the reason given at entry.
CREATE TABLE trainledger.token_lot (
	id uuid CONSTRAINT token_lot_pkey PRIMARY KEY,
	account_id bigint NOT NULL CONSTRAINT token_lot_account_id_key UNIQUE,
	party_id bigint NOT NULL,
	token_type_id uuid NOT NULL,
	expires_at timestamptz,
	created_at timestamptz NOT NULL,
	is_open boolean NOT NULL DEFAULT true,
	CONSTRAINT token_lot_token_account_fkey
		FOREIGN KEY (party_id, token_type_id)
		REFERENCES trainledger.token_account
);
CREATE INDEX token_lot_open_idx
	ON trainledger.token_lot (party_id, token_type_id, expires_at)
	WHERE is_open;
CREATE INDEX token_lot_party_idx
	ON trainledger.token_lot (party_id, token_type_id, created_at);
CREATE INDEX token_lot_expiry_idx
	ON trainledger.token_lot (expires_at) WHERE is_open;
SELECT pg_catalog.pg_extension_config_dump('trainledger.token_lot', '');
COMMENT ON TABLE trainledger.token_lot IS
'Lots of training tokens: one for each issue. Read them through the view token_issue.';
COMMENT ON COLUMN trainledger.token_lot.id IS 'Identity of the issue; generated ones end in the home of the party.';
COMMENT ON COLUMN trainledger.token_lot.account_id IS 'Account of the ledger that keeps the lot''s balance.';
COMMENT ON COLUMN trainledger.token_lot.party_id IS 'Party that holds the lot.';
COMMENT ON COLUMN trainledger.token_lot.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.token_lot.expires_at IS 'From when on the lot is over; null: never.';
COMMENT ON COLUMN trainledger.token_lot.created_at IS 'When the lot was issued.';
COMMENT ON COLUMN trainledger.token_lot.is_open IS 'Whether anything is booked on it still; kept by the functions, for the indexes.';

CREATE TABLE trainledger.token_issue_event (
	id bigint CONSTRAINT token_issue_event_pkey PRIMARY KEY,
	issue_id uuid NOT NULL
		CONSTRAINT token_issue_event_issue_id_fkey
		REFERENCES trainledger.token_lot,
	old_expires_at timestamptz,
	new_expires_at timestamptz,
	changed_by text NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE SEQUENCE trainledger.token_issue_event_id_seq
	OWNED BY trainledger.token_issue_event.id;
CREATE INDEX token_issue_event_issue_id_idx
	ON trainledger.token_issue_event (issue_id);
SELECT pg_catalog.pg_extension_config_dump('trainledger.token_issue_event', '');
SELECT pg_catalog.pg_extension_config_dump('trainledger.token_issue_event_id_seq', '');
COMMENT ON SEQUENCE trainledger.token_issue_event_id_seq IS
'Numbers from which the ids of token-issue events are made.';
COMMENT ON TABLE trainledger.token_issue_event IS
'Extensions of token issues.';
COMMENT ON COLUMN trainledger.token_issue_event.id IS 'Identity of the event.';
COMMENT ON COLUMN trainledger.token_issue_event.issue_id IS 'Issue that was extended.';
COMMENT ON COLUMN trainledger.token_issue_event.old_expires_at IS 'Expiry before.';
COMMENT ON COLUMN trainledger.token_issue_event.new_expires_at IS 'Expiry from then on.';
COMMENT ON COLUMN trainledger.token_issue_event.changed_by IS 'Who extended it: the claim sub of the request, else the role.';
COMMENT ON COLUMN trainledger.token_issue_event.created_at IS 'When it was extended.';

CREATE TABLE trainledger.redemption (
	id bigint CONSTRAINT redemption_pkey PRIMARY KEY,
	party_id bigint NOT NULL,
	token_type_id uuid NOT NULL,
	quantity trainledger.amount NOT NULL,
	refunded trainledger.amount NOT NULL DEFAULT 0,
	reference text NOT NULL,
	created_at timestamptz NOT NULL,
	CONSTRAINT redemption_token_account_fkey
		FOREIGN KEY (party_id, token_type_id)
		REFERENCES trainledger.token_account,
	CONSTRAINT redemption_refunded_check
		CHECK (refunded >= 0::trainledger.amount AND refunded <= quantity)
);
CREATE SEQUENCE trainledger.redemption_id_seq
	OWNED BY trainledger.redemption.id;
CREATE INDEX redemption_party_idx
	ON trainledger.redemption (party_id, token_type_id, created_at);
SELECT pg_catalog.pg_extension_config_dump('trainledger.redemption', '');
SELECT pg_catalog.pg_extension_config_dump('trainledger.redemption_id_seq', '');
COMMENT ON SEQUENCE trainledger.redemption_id_seq IS
'Numbers from which the ids of redemptions are made.';
COMMENT ON TABLE trainledger.redemption IS
'Redemptions of training tokens.';
COMMENT ON COLUMN trainledger.redemption.id IS 'Identity of the redemption.';
COMMENT ON COLUMN trainledger.redemption.party_id IS 'Party whose tokens were taken.';
COMMENT ON COLUMN trainledger.redemption.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.redemption.quantity IS 'How many were taken.';
COMMENT ON COLUMN trainledger.redemption.refunded IS 'How many of them were given back, or lost on an expired lot.';
COMMENT ON COLUMN trainledger.redemption.reference IS 'What they were taken for.';
COMMENT ON COLUMN trainledger.redemption.created_at IS 'When they were taken.';

CREATE TABLE trainledger.redemption_allocation (
	redemption_id bigint NOT NULL
		CONSTRAINT redemption_allocation_redemption_id_fkey
		REFERENCES trainledger.redemption,
	ordinal integer NOT NULL,
	issue_id uuid NOT NULL
		CONSTRAINT redemption_allocation_issue_id_fkey
		REFERENCES trainledger.token_lot,
	quantity trainledger.amount NOT NULL,
	refunded trainledger.amount NOT NULL DEFAULT 0,
	CONSTRAINT redemption_allocation_pkey PRIMARY KEY (redemption_id, ordinal),
	CONSTRAINT redemption_allocation_refunded_check
		CHECK (refunded >= 0::trainledger.amount AND refunded <= quantity)
);
CREATE INDEX redemption_allocation_issue_id_idx
	ON trainledger.redemption_allocation (issue_id);
SELECT pg_catalog.pg_extension_config_dump('trainledger.redemption_allocation', '');
COMMENT ON TABLE trainledger.redemption_allocation IS
'Which lot gave how much to which redemption.';
COMMENT ON COLUMN trainledger.redemption_allocation.redemption_id IS 'Redemption.';
COMMENT ON COLUMN trainledger.redemption_allocation.ordinal IS 'Order in which the lots were taken from, 1, 2, 3.';
COMMENT ON COLUMN trainledger.redemption_allocation.issue_id IS 'Issue that gave.';
COMMENT ON COLUMN trainledger.redemption_allocation.quantity IS 'How much it gave.';
COMMENT ON COLUMN trainledger.redemption_allocation.refunded IS 'How much of that was given back, or lost because it had expired.';

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
SELECT pg_catalog.pg_extension_config_dump('trainledger.party_request', '');
COMMENT ON TABLE trainledger.party_request IS
'Idempotency keys that were used for a party, and what for.';
COMMENT ON COLUMN trainledger.party_request.party_id IS 'Party that the call was for.';
COMMENT ON COLUMN trainledger.party_request.idempotency_key IS 'Key of the caller.';
COMMENT ON COLUMN trainledger.party_request.call IS 'Function that was called.';
COMMENT ON COLUMN trainledger.party_request.request IS 'What it was asked.';
COMMENT ON COLUMN trainledger.party_request.result_id IS 'Id of what it made.';
COMMENT ON COLUMN trainledger.party_request.created_at IS 'When it was called.';

-- What ties lots and redemptions to the balances never changes

CREATE TRIGGER functions_only BEFORE UPDATE
	ON trainledger.token_lot FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_outside_functions(
		'Use the functions of training tokens, such as adjust_training_tokens.');
ALTER TABLE trainledger.token_lot ENABLE ALWAYS TRIGGER functions_only;
COMMENT ON TRIGGER functions_only ON trainledger.token_lot IS
'Lots are changed by the functions of training tokens only.';
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE
	ON trainledger.token_lot FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_change(
		'Use the functions of training tokens, such as adjust_training_tokens.');
ALTER TABLE trainledger.token_lot ENABLE ALWAYS TRIGGER never_removed;
COMMENT ON TRIGGER never_removed ON trainledger.token_lot IS
'Token lots are never deleted.';

CREATE TRIGGER functions_only BEFORE UPDATE
	ON trainledger.redemption FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_outside_functions(
		'Use the functions of training tokens, such as adjust_training_tokens.');
ALTER TABLE trainledger.redemption ENABLE ALWAYS TRIGGER functions_only;
COMMENT ON TRIGGER functions_only ON trainledger.redemption IS
'Redemptions are changed by the functions of training tokens only.';
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE
	ON trainledger.redemption FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_change(
		'Use the functions of training tokens, such as adjust_training_tokens.');
ALTER TABLE trainledger.redemption ENABLE ALWAYS TRIGGER never_removed;
COMMENT ON TRIGGER never_removed ON trainledger.redemption IS
'Redemptions are never deleted.';

CREATE TRIGGER functions_only BEFORE UPDATE
	ON trainledger.redemption_allocation FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_outside_functions(
		'Use the functions of training tokens, such as adjust_training_tokens.');
ALTER TABLE trainledger.redemption_allocation ENABLE ALWAYS TRIGGER functions_only;
COMMENT ON TRIGGER functions_only ON trainledger.redemption_allocation IS
'Allocations are changed by the functions of training tokens only.';
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE
	ON trainledger.redemption_allocation FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_change(
		'Use the functions of training tokens, such as adjust_training_tokens.');
ALTER TABLE trainledger.redemption_allocation ENABLE ALWAYS TRIGGER never_removed;
COMMENT ON TRIGGER never_removed ON trainledger.redemption_allocation IS
'Redemption allocations are never deleted.';

-- Row-level security: a learner sees its own and its organisation's lots

CREATE FUNCTION trainledger_internal.visible_organisation() RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT p.organisation_id FROM trainledger.party p
			WHERE p.id = trainledger.current_party()
			AND NOT has_function_privilege(
				'trainledger.reader_access()'::regprocedure, 'EXECUTE'));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.visible_organisation IS
'Organisation whose lots of training tokens the caller may see besides its own; for row-level security.';

CREATE POLICY visible_lots ON trainledger.account FOR SELECT USING (
	name IS NULL
	AND party_id = (SELECT trainledger_internal.visible_organisation()));
COMMENT ON POLICY visible_lots ON trainledger.account IS
'A learner sees the lots of its organisation.';

ALTER TABLE trainledger.token_account ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.token_account FOR SELECT USING (
	party_id BETWEEN trainledger_internal.first_visible_party()
		AND trainledger_internal.last_visible_party()
	OR party_id = (SELECT trainledger_internal.visible_organisation()));
COMMENT ON POLICY visible ON trainledger.token_account IS
'Readers see all, a learner its own and its organisation''s.';

ALTER TABLE trainledger.token_lot ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.token_lot FOR SELECT USING (
	party_id BETWEEN trainledger_internal.first_visible_party()
		AND trainledger_internal.last_visible_party()
	OR party_id = (SELECT trainledger_internal.visible_organisation()));
COMMENT ON POLICY visible ON trainledger.token_lot IS
'Readers see all, a learner its own and its organisation''s.';

ALTER TABLE trainledger.token_issue_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.token_issue_event FOR SELECT USING (
	(SELECT pg_catalog.has_function_privilege(
		'trainledger.reader_access()'::pg_catalog.regprocedure, 'EXECUTE'))
	OR EXISTS (SELECT FROM trainledger.token_lot l WHERE l.id = issue_id));
COMMENT ON POLICY visible ON trainledger.token_issue_event IS
'Whoever sees the issue sees its events.';

ALTER TABLE trainledger.redemption ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.redemption FOR SELECT USING (
	party_id BETWEEN trainledger_internal.first_visible_party()
		AND trainledger_internal.last_visible_party());
COMMENT ON POLICY visible ON trainledger.redemption IS
'Readers see all, a learner its own.';

ALTER TABLE trainledger.redemption_allocation ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.redemption_allocation FOR SELECT USING (
	(SELECT pg_catalog.has_function_privilege(
		'trainledger.reader_access()'::pg_catalog.regprocedure, 'EXECUTE'))
	OR EXISTS (SELECT FROM trainledger.redemption r
			   WHERE r.id = redemption_id));
COMMENT ON POLICY visible ON trainledger.redemption_allocation IS
'Whoever sees the redemption sees its allocation.';

ALTER TABLE trainledger.party_request ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.party_request FOR SELECT USING (
	party_id BETWEEN trainledger_internal.first_visible_party()
		AND trainledger_internal.last_visible_party());
COMMENT ON POLICY visible ON trainledger.party_request IS
'Readers see all, a learner its own.';

CREATE VIEW trainledger.token_issue WITH (security_invoker = true) AS
SELECT l.id, l.account_id, l.party_id, l.token_type_id, a.initial_balance,
	   CASE WHEN l.expires_at <= trainledger.clock()
			THEN 0::trainledger.amount ELSE a.balance END AS current_balance,
	   a.balance AS booked_balance, l.expires_at, l.created_at
FROM trainledger.token_lot l
JOIN trainledger.account a ON a.id = l.account_id;
COMMENT ON VIEW trainledger.token_issue IS
'Issues of training tokens: lots with their balance and expiry.';
COMMENT ON COLUMN trainledger.token_issue.id IS 'Identity of the issue.';
COMMENT ON COLUMN trainledger.token_issue.account_id IS 'Account of the ledger that keeps the lot.';
COMMENT ON COLUMN trainledger.token_issue.party_id IS 'Party that holds it.';
COMMENT ON COLUMN trainledger.token_issue.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.token_issue.initial_balance IS 'How many were issued.';
COMMENT ON COLUMN trainledger.token_issue.current_balance IS 'How many can be redeemed: 0 from the expiry on, swept or not.';
COMMENT ON COLUMN trainledger.token_issue.booked_balance IS 'Balance in the ledger: after the expiry what the sweep has still to book off.';
COMMENT ON COLUMN trainledger.token_issue.expires_at IS 'From when on the issue is over; null: never.';
COMMENT ON COLUMN trainledger.token_issue.created_at IS 'When it was issued.';

-- The engine, for lots (src/ledger_lots.c)

CREATE FUNCTION trainledger_internal.new_issue_id(party_id bigint) RETURNS uuid
AS 'MODULE_PATHNAME', 'tl_new_issue_id' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.new_issue_id IS
'A random uuid that ends in the home of a party.';

CREATE FUNCTION trainledger_internal.new_id(sequence regclass, party_id bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_new_id' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.new_id IS
'The next id of something that belongs to a party.';

CREATE FUNCTION trainledger_internal.open_lot(
	party_id bigint, token_type_id uuid, quantity trainledger.amount,
	notes text) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_open_lot' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.open_lot IS
'Opens the account of a lot with its first entry, issue, and returns its id.';

CREATE FUNCTION trainledger_internal.post_lots(
	account_ids bigint[], deltas trainledger.amount[], source text,
	descriptions text[], recorded_at timestamptz[], idempotency_keys uuid[],
	operation trainledger.operation)
RETURNS TABLE (ordinal integer, entry_no bigint, balance trainledger.amount,
			   refusal text)
AS 'MODULE_PATHNAME', 'tl_post_lots' LANGUAGE C VOLATILE PARALLEL UNSAFE
ROWS 10;
COMMENT ON FUNCTION trainledger_internal.post_lots IS
'Books an operation on lots, as post_batch does on credit accounts.';

-- What the calls have in common

CREATE FUNCTION trainledger_internal.quantity(
	name text, value numeric, is_signed boolean) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF value IS NULL THEN
		PERFORM refuse('TL400', format('%s is missing', name),
			format('The argument %s is null.', name), 'Give a number.', name);
	END IF;
	-- NaN is above every number
	IF value NOT BETWEEN -9223372036854.775808 AND 9223372036854.775807 THEN
		PERFORM refuse('TL400',
			format('%s is out of range', name),
			format('The %s is %s.', name, left(value::text, 64)),
			'An amount has at most 13 digits before the point.', name);
	END IF;
	IF value = 0 OR (value < 0 AND NOT is_signed) THEN
		PERFORM refuse('TL400',
			format('%s is %s', name,
				   CASE WHEN value = 0 THEN 'zero' ELSE 'negative' END),
			format('The %s is %s.', name, value),
			CASE WHEN is_signed THEN 'Give a number other than zero.'
				 ELSE 'Give a number above zero.' END, name);
	END IF;
	RETURN value;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.quantity IS
'Checks a quantity as far as it shows by itself (TL400).';

CREATE FUNCTION trainledger_internal.at_scale(
	name text, value numeric, scale integer) RETURNS trainledger.amount
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF value <> round(value, scale) THEN
		PERFORM refuse('TL400',
			format('%s has too many decimals', name),
			format('The %s is %s and the token type has %s decimals.',
				   name, value, scale),
			'Give a number with no more decimals than the token type has.',
			name);
	END IF;
	RETURN value::trainledger.amount;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.at_scale IS
'A quantity as an amount of a token type; TL400 where it has more decimals.';

CREATE FUNCTION trainledger_internal.check_notes(name text, value text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF octet_length(value) > 8192 THEN
		PERFORM refuse('TL400', format('%s is too long', name),
			format('The argument %s has %s bytes.', name, octet_length(value)),
			'At most 8192 bytes are kept.', name);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_notes IS
'TL400 where a text is longer than 8192 bytes.';

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
		PERFORM refuse('TL404', 'party not found',
			format('There is no party %s.', party_id),
			'Look the id up in trainledger.party.', 'party_id');
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

CREATE FUNCTION trainledger_internal.training_type(token_type_id uuid)
RETURNS trainledger.token_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_type trainledger.token_type;
BEGIN
	SELECT t.* INTO found_type FROM trainledger.token_type t
	WHERE t.id = training_type.token_type_id AND t.kind = 'training';
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'token type not found',
			format('There is no training token type %s.', token_type_id),
			'Look the id up in trainledger.token_type.', 'token_type_id');
	END IF;
	RETURN found_type;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.training_type IS
'A training token type by id, or TL404.';

CREATE FUNCTION trainledger_internal.require_active(
	token_type trainledger.token_type, argument text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF NOT token_type.is_active THEN
		PERFORM refuse('TL058', 'transaction rejected',
			'The token type is not active.', 'Activate the token type first.',
			argument);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_active IS
'TL058 where a token type is not active.';

CREATE FUNCTION trainledger_internal.require_not_archived(
	token_type trainledger.token_type, argument text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF token_type.is_archived THEN
		PERFORM refuse('TL409', 'token type is archived',
			'Nothing new is issued of an archived token type.',
			'Use a token type that is not archived.', argument);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_not_archived IS
'TL409 where a token type is archived.';

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
 * what the call made the first time; TL422 for another request, which the
 * opening of a credit account and the adjustment of a lot are too (contract,
 * section 4).  Two calls with the same key meet in the index, and the second
 * waits for the first.
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
	used_for text;
BEGIN
	IF idempotency_key IS NULL THEN
		RETURN NULL;
	END IF;
	INSERT INTO trainledger.party_request
		(party_id, idempotency_key, call, request, created_at)
	VALUES ($1, $2, $3, $4, trainledger.clock())
	ON CONFLICT (idempotency_key, party_id) DO NOTHING;
	IF FOUND THEN
		SELECT CASE e.keyed_call WHEN 't' THEN 'adjust_training_tokens'
			   ELSE 'credit_init' END INTO used_for
		FROM trainledger.entry e
		JOIN trainledger.account a ON a.id = e.account_id
		WHERE e.dedup = $2 AND a.party_id = $1
		AND (e.keyed_call = 't' OR e.keyed_call IS NOT NULL AND e.entry_no = 1);
		IF FOUND THEN
			PERFORM refuse_key(used_for);
		END IF;
		RETURN NULL;
	END IF;
	SELECT r.* INTO known FROM trainledger.party_request r
	WHERE r.party_id = $1 AND r.idempotency_key = $2;
	IF known.call <> $3 OR known.request <> $4 THEN
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
	UPDATE trainledger.party_request r SET result_id = keep_result.result_id
	WHERE r.party_id = keep_result.party_id
	AND r.idempotency_key = keep_result.idempotency_key;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.keep_result IS
'Keeps with an idempotency key what its call made.';

-- Issues

/*
 * Makes a lot for a holder and a type that were checked; the token account is
 * made with the first one.
 */
CREATE FUNCTION trainledger_internal.open_token_account(
	holder bigint, token_type_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO trainledger.token_account (party_id, token_type_id, created_at)
	VALUES (holder, open_token_account.token_type_id, trainledger.clock())
	ON CONFLICT (party_id, token_type_id) DO NOTHING;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.open_token_account IS
'Makes the group of a party''s lots of a type where there is none; waits for who is making it.';

CREATE FUNCTION trainledger_internal.make_lot(
	token_type trainledger.token_type, holder bigint,
	quantity trainledger.amount, expires_at timestamptz, notes text, id uuid)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made_id uuid := coalesce(id, new_issue_id(holder));
	made_account bigint;
BEGIN
	made_account := open_lot(holder, token_type.id, quantity, notes);
	INSERT INTO trainledger.token_lot
		(id, account_id, party_id, token_type_id, expires_at, created_at)
	VALUES (made_id, made_account, holder, token_type.id,
			make_lot.expires_at, trainledger.clock())
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		PERFORM raise_taken('token_issue', 'token_issue_id_key');
	END IF;
	RETURN made_id;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.make_lot IS
'Makes a lot of a token account, its account and its first entry.';

CREATE FUNCTION trainledger_internal.end_of_day(day date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT (day + time '23:59:59') AT TIME ZONE 'UTC';
END;
COMMENT ON FUNCTION trainledger_internal.end_of_day IS
'When tokens that expire on a day are over: 23:59:59 UTC.';

CREATE FUNCTION trainledger_internal.default_expiry(
	token_type trainledger.token_type) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_internal.end_of_day(
		(trainledger.clock() AT TIME ZONE 'UTC')::date
		+ (token_type).default_days_to_redeem);
END;
COMMENT ON FUNCTION trainledger_internal.default_expiry IS
'When tokens of a type that are issued today expire, null for never.';

CREATE FUNCTION trainledger_internal.check_expires_on(expires_on date)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET DateStyle = 'ISO'
AS $$
BEGIN
	IF NOT isfinite(expires_on) OR expires_on > date '9999-12-31' THEN
		PERFORM refuse('TL400', 'expiry is out of range',
			format('The argument expires_on is %s.', expires_on),
			'Give a day up to the year 9999.', 'expires_on');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_expires_on IS
'TL400 where a day is out of range.';

CREATE FUNCTION trainledger_internal.check_to_come(expires_on date) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF end_of_day(expires_on) <= trainledger.clock() THEN
		PERFORM refuse('TL400', 'expiry is past',
			format('The argument expires_on is %s.',
				   to_char(expires_on, 'YYYY-MM-DD')),
			'Give a day whose end is still to come.', 'expires_on');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_to_come IS
'TL400 where the end of a day is past.';

CREATE FUNCTION trainledger_internal.issue(issue_id uuid)
RETURNS trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT i FROM trainledger.token_issue i WHERE i.id = issue_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.issue IS
'An issue as it stands now.';

CREATE FUNCTION trainledger_internal.issue_training_tokens(
	token_type_id uuid,
	party_id bigint,
	quantity numeric,
	expires_on date DEFAULT NULL,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL,
	id uuid DEFAULT NULL) RETURNS trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
	token_type trainledger.token_type;
	made_id uuid;
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	PERFORM require_given('token_type_id', token_type_id::text);
	PERFORM require_given('party_id', party_id::text);
	PERFORM quantity('quantity', quantity, false);
	PERFORM check_notes('notes', notes);
	PERFORM check_expires_on(expires_on);
	holder := party(party_id);
	token_type := training_type(token_type_id);
	made_id := take_key(party_id, idempotency_key,
		'issue_training_tokens', jsonb_build_array(token_type_id,
			trim_scale(quantity), expires_on, coalesce(notes, ''), id));
	IF made_id IS NOT NULL THEN
		RETURN issue(made_id);
	END IF;
	PERFORM check_to_come(expires_on);
	PERFORM at_scale('quantity', quantity, token_type.scale);
	PERFORM open_token_account(party_id, token_type_id);
	token_type := training_type(token_type_id);
	PERFORM require_active(token_type, 'token_type_id');
	PERFORM require_not_archived(token_type, 'token_type_id');
	PERFORM require_not_suspended(holder, 'party_id');
	made_id := make_lot(token_type, party_id,
		quantity::trainledger.amount,
		coalesce(end_of_day(expires_on), default_expiry(token_type)),
		coalesce(notes, ''), id);
	PERFORM keep_result(party_id, idempotency_key, made_id::text);
	RETURN issue(made_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.issue_training_tokens IS
'Issues training tokens to a party as a lot of their own. They are over from 23:59:59 UTC of expires_on on; without it the type''s default days count from today. Level operator.';

/*
 * Locks the token account of an issue and returns its lot as it is then.
 */
CREATE FUNCTION trainledger_internal.lock_lot(issue_id uuid)
RETURNS trainledger.token_lot
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot;
BEGIN
	SELECT l.* INTO lot FROM trainledger.token_lot l
	WHERE l.id = lock_lot.issue_id;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'token issue not found',
			format('There is no token issue %s.', issue_id),
			'Look the id up in trainledger.token_issue.', 'issue_id');
	END IF;
	PERFORM lock_token_account(lot.party_id, lot.token_type_id);
	SELECT l.* INTO lot FROM trainledger.token_lot l
	WHERE l.id = lock_lot.issue_id;
	RETURN lot;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lock_lot IS
'An issue''s lot, its token account locked; TL404.';

CREATE FUNCTION trainledger_internal.lock_token_account(
	party_id bigint, token_type_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM FROM trainledger.token_account a
	WHERE a.party_id = lock_token_account.party_id
	AND a.token_type_id = lock_token_account.token_type_id
	FOR NO KEY UPDATE;
	RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lock_token_account IS
'Locks the lots of a party and type; false where there are none.';

/*
 * A lot that was swept is over, even for a call that began before the expiry
 * and had to wait for the sweep.
 */
CREATE FUNCTION trainledger_internal.is_over(lot trainledger.token_lot)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF lot.expires_at <= trainledger.clock() THEN
		RETURN true;
	ELSIF lot.is_open OR lot.expires_at IS NULL THEN
		RETURN false;
	END IF;
	RETURN EXISTS (SELECT FROM trainledger.entry e
				   WHERE e.account_id = lot.account_id
				   AND e.operation = 'expire');
END;
$$;
COMMENT ON FUNCTION trainledger_internal.is_over IS
'Whether a lot has expired.';

CREATE FUNCTION trainledger_internal.require_not_expired(
	lot trainledger.token_lot) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF is_over(lot) THEN
		PERFORM refuse('TL410', 'token issue has expired',
			format('It expired at %s.',
				   to_char(lot.expires_at AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			'Issue new tokens.', 'issue_id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_not_expired IS
'TL410 where a lot has expired.';

CREATE FUNCTION trainledger_internal.extend_training_tokens(
	issue_id uuid, expires_on date) RETURNS trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot;
	new_expiry timestamptz;
BEGIN
	PERFORM require_given('issue_id', issue_id::text);
	PERFORM require_given('expires_on', expires_on::text);
	PERFORM check_expires_on(expires_on);
	lot := lock_lot(issue_id);
	PERFORM check_to_come(expires_on);
	new_expiry := end_of_day(expires_on);
	IF lot.expires_at IS NULL OR new_expiry <= lot.expires_at THEN
		PERFORM refuse('TL400', 'expiry is not extended',
			coalesce('The issue expires at '
				|| to_char(lot.expires_at AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z".'),
				'The issue never expires.'),
			'Give a day after the present expiry.', 'expires_on');
	END IF;
	PERFORM require_not_expired(lot);
	PERFORM require_not_suspended(
		party(lot.party_id), 'issue_id');
	UPDATE trainledger.token_lot l SET expires_at = new_expiry
	WHERE l.id = lot.id;
	INSERT INTO trainledger.token_issue_event
		(id, issue_id, old_expires_at, new_expires_at, changed_by, created_at)
	VALUES (new_id('trainledger.token_issue_event_id_seq'::regclass,
				   lot.party_id),
			lot.id, lot.expires_at, new_expiry, caller_name(),
			trainledger.clock());
	RETURN issue(lot.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.extend_training_tokens IS
'Lets an issue expire later, at 23:59:59 UTC of a day. Level operator.';

/*
 * Books a movement on lots and keeps their is_open up to date.
 */
CREATE FUNCTION trainledger_internal.move_lots(
	operation trainledger.operation, account_ids bigint[],
	deltas trainledger.amount[], notes text, recorded_at timestamptz[],
	idempotency_keys uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	are_open boolean[];
BEGIN
	-- by itself: a rule on the lots cannot keep it from being done
	SELECT array_agg(p.balance <> 0::trainledger.amount ORDER BY p.ordinal)
	INTO are_open
	FROM post_lots(account_ids, deltas, 'training-tokens',
		array_fill(notes, ARRAY[cardinality(account_ids)]), recorded_at,
		idempotency_keys, operation) p;
	UPDATE trainledger.token_lot l SET is_open = m.is_open
	FROM unnest(account_ids, are_open) m(account_id, is_open)
	WHERE l.account_id = m.account_id AND l.is_open <> m.is_open;
	IF EXISTS (SELECT FROM unnest(account_ids, are_open) m(account_id, is_open)
			   JOIN trainledger.token_lot l ON l.account_id = m.account_id
			   WHERE l.is_open <> m.is_open) THEN
		PERFORM refuse('27000', 'token lot was not updated',
			'Whether anything is left in it could not be kept.',
			'Look for a trigger or rule on trainledger.token_lot.', NULL);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.move_lots IS
'Books a movement on lots, one per lot, and keeps what is open.';

CREATE FUNCTION trainledger_internal.adjust_training_tokens(
	issue_id uuid,
	amount numeric,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot;
	token_type trainledger.token_type;
	known bigint;
	used_for text;
BEGIN
	PERFORM require_given('issue_id', issue_id::text);
	PERFORM quantity('amount', amount, true);
	PERFORM check_notes('notes', notes);
	lot := lock_lot(issue_id);
	token_type := training_type(lot.token_type_id);
	SELECT e.entry_no INTO known FROM trainledger.entry e
	WHERE e.dedup = idempotency_key AND e.account_id = lot.account_id;
	IF FOUND THEN
		IF amount <> round(amount, 6) THEN
			-- no entry can be of such an amount
			PERFORM refuse_key(format('entry %s of account %s',
				known, lot.account_id));
		END IF;
		-- books nothing, refuses another request; the lot stays as it is now
		PERFORM FROM post_lots(ARRAY[lot.account_id],
			ARRAY[amount::trainledger.amount], 'training-tokens',
			ARRAY[coalesce(notes, '')], NULL::timestamptz[], ARRAY[idempotency_key],
			'adjust'::trainledger.operation);
		RETURN issue(lot.id);
	END IF;
	SELECT r.call INTO used_for FROM trainledger.party_request r
	WHERE r.idempotency_key = adjust_training_tokens.idempotency_key
	AND r.party_id = lot.party_id;
	IF FOUND THEN
		PERFORM refuse_key(used_for);
	END IF;
	PERFORM at_scale('amount', amount, token_type.scale);
	PERFORM require_active(token_type, 'issue_id');
	PERFORM require_not_expired(lot);
	PERFORM move_lots(
		'adjust'::trainledger.operation, ARRAY[lot.account_id],
		ARRAY[amount::trainledger.amount], coalesce(notes, ''),
		NULL::timestamptz[],
		CASE WHEN idempotency_key IS NOT NULL THEN ARRAY[idempotency_key] END);
	RETURN issue(lot.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.adjust_training_tokens IS
'Adds a signed amount to an issue by hand; its initial balance stays. Level operator.';

-- Redemptions

CREATE FUNCTION trainledger_internal.redemption(redemption_id bigint)
RETURNS trainledger.redemption
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT r FROM trainledger.redemption r WHERE r.id = redemption_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.redemption IS
'A redemption as it stands now.';

CREATE FUNCTION trainledger_internal.redeem_training_tokens(
	party_id bigint,
	token_type_id uuid,
	quantity numeric,
	reference text,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.redemption
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan goes by key; one for a long array may read whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	token_type trainledger.token_type;
	made_id bigint;
	lots uuid[];
	accounts bigint[];
	takes trainledger.amount[];
	available numeric;
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM require_given('token_type_id', token_type_id::text);
	PERFORM quantity('quantity', quantity, false);
	PERFORM require_given('reference', nullif(reference, ''));
	PERFORM check_notes('reference', reference);
	PERFORM check_notes('notes', notes);
	PERFORM party(party_id);
	token_type := training_type(token_type_id);
	made_id := take_key(party_id, idempotency_key,
		'redeem_training_tokens', jsonb_build_array(token_type_id,
			trim_scale(quantity), reference, coalesce(notes, '')));
	IF made_id IS NOT NULL THEN
		RETURN redemption(made_id);
	END IF;
	PERFORM at_scale('quantity', quantity, token_type.scale);
	PERFORM require_active(token_type, 'token_type_id');

	PERFORM lock_token_account(party_id, token_type_id);
	-- from each lot what the lots before it have not covered
	SELECT array_agg(s.id ORDER BY s.ordinal),
		   array_agg(s.account_id ORDER BY s.ordinal),
		   array_agg((-least(s.balance, redeem_training_tokens.quantity
							 - s.before))::trainledger.amount
					 ORDER BY s.ordinal),
		   max(s.before + s.balance)
	INTO lots, accounts, takes, available
	FROM (
		SELECT l.id, l.account_id, a.balance::numeric AS balance,
			   sum(a.balance::numeric) OVER w - a.balance::numeric AS before,
			   row_number() OVER w AS ordinal
		FROM trainledger.token_lot l
		JOIN trainledger.account a ON a.id = l.account_id
		WHERE l.party_id = redeem_training_tokens.party_id
		AND l.token_type_id = redeem_training_tokens.token_type_id
		AND l.is_open
		AND (l.expires_at > trainledger.clock() OR l.expires_at IS NULL)
		WINDOW w AS (ORDER BY l.expires_at NULLS LAST, l.created_at, l.id)
	) s
	WHERE s.before < redeem_training_tokens.quantity;
	IF coalesce(available, 0) < quantity THEN
		PERFORM refuse('TL055', 'not enough tokens left',
			format('The party has %s that have not expired, and %s are wanted.',
				   trim_scale(coalesce(available, 0)), trim_scale(quantity)),
			'Issue tokens first, or redeem less.', 'quantity');
	END IF;

	made_id := new_id('trainledger.redemption_id_seq'::regclass, party_id);
	INSERT INTO trainledger.redemption
		(id, party_id, token_type_id, quantity, reference, created_at)
	VALUES (made_id, party_id, token_type_id, quantity, reference,
			trainledger.clock());
	INSERT INTO trainledger.redemption_allocation
		(redemption_id, ordinal, issue_id, quantity)
	SELECT made_id, x.ordinal, x.id, -x.delta
	FROM ROWS FROM (unnest(lots), unnest(takes)) WITH ORDINALITY
		AS x(id, delta, ordinal);
	PERFORM move_lots(
		'redeem'::trainledger.operation, accounts, takes, coalesce(notes, ''),
		NULL::timestamptz[], NULL::uuid[]);
	PERFORM keep_result(party_id, idempotency_key, made_id::text);
	RETURN redemption(made_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.redeem_training_tokens IS
'Takes training tokens from a party''s lots, soonest expiry first, then oldest; all or nothing. Which lot gave what is in redemption_allocation. Level operator.';

CREATE FUNCTION trainledger_internal.refund_training_tokens(
	redemption_id bigint,
	quantity numeric DEFAULT NULL,
	if_expired trainledger.refund_policy DEFAULT 'forfeit',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.redemption
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan goes by key; one for a long array may read whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	whole trainledger.redemption;
	token_type trainledger.token_type;
	wanted numeric := quantity;
	accounts bigint[];
	deltas trainledger.amount[];
	expired numeric;
BEGIN
	PERFORM require_given('redemption_id', redemption_id::text);
	IF quantity IS NOT NULL THEN
		PERFORM quantity('quantity', quantity, false);
	END IF;
	SELECT r.* INTO whole FROM trainledger.redemption r
	WHERE r.id = redemption_id;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'redemption not found',
			format('There is no redemption %s.', redemption_id),
			'Look the id up in trainledger.redemption.', 'redemption_id');
	END IF;
	token_type := training_type(whole.token_type_id);
	IF take_key(whole.party_id, idempotency_key,
		'refund_training_tokens', jsonb_build_array(redemption_id,
			trim_scale(quantity), coalesce(if_expired, 'forfeit'))) IS NOT NULL
	THEN
		RETURN redemption(whole.id);
	END IF;
	PERFORM at_scale('quantity', quantity, token_type.scale);
	PERFORM require_active(token_type, 'redemption_id');

	PERFORM lock_token_account(whole.party_id, whole.token_type_id);
	whole := redemption(whole.id);
	wanted := coalesce(wanted, (whole.quantity - whole.refunded)::numeric);
	IF wanted = 0 OR wanted > (whole.quantity - whole.refunded)::numeric THEN
		PERFORM refuse('TL409', 'more than is left to refund',
			format('Of %s redeemed %s are refunded, and %s are wanted.',
				   whole.quantity, whole.refunded, trim_scale(wanted)),
			'Refund what is left of the redemption at most.', 'quantity');
	END IF;

	-- to each lot what the lots after it have not taken
	WITH share AS (
		SELECT s.ordinal, l.account_id, l.id,
			   least(s.remaining, wanted - s.before) AS quantity,
			   is_over(l) AS is_over
		FROM (
			SELECT x.ordinal, x.issue_id,
				   (x.quantity - x.refunded)::numeric AS remaining,
				   sum((x.quantity - x.refunded)::numeric)
					   OVER (ORDER BY x.ordinal DESC)
				   - (x.quantity - x.refunded)::numeric AS before
			FROM trainledger.redemption_allocation x
			WHERE x.redemption_id = whole.id AND x.quantity > x.refunded) s
		JOIN trainledger.token_lot l ON l.id = s.issue_id
		WHERE s.before < wanted
	), given AS (
		UPDATE trainledger.redemption_allocation x
		SET refunded = x.refunded + s.quantity::trainledger.amount
		FROM share s
		WHERE x.redemption_id = whole.id AND x.ordinal = s.ordinal
	)
	SELECT array_agg(s.account_id ORDER BY s.ordinal DESC)
			   FILTER (WHERE NOT s.is_over),
		   array_agg(s.quantity::trainledger.amount ORDER BY s.ordinal DESC)
			   FILTER (WHERE NOT s.is_over),
		   coalesce(sum(s.quantity) FILTER (WHERE s.is_over), 0)
	INTO accounts, deltas, expired
	FROM share s;
	UPDATE trainledger.redemption r
	SET refunded = r.refunded + wanted::trainledger.amount
	WHERE r.id = whole.id;

	IF expired > 0 AND if_expired = 'reissue' THEN
		PERFORM require_not_archived(token_type, 'if_expired');
		PERFORM require_not_suspended(
			party(whole.party_id), 'if_expired');
	END IF;
	IF accounts IS NOT NULL THEN
		PERFORM move_lots(
			'refund'::trainledger.operation, accounts, deltas,
			format('Refund of redemption %s', whole.id), NULL::timestamptz[],
			NULL::uuid[]);
	END IF;
	IF expired > 0 AND if_expired = 'reissue' THEN
		PERFORM make_lot(token_type, whole.party_id,
			expired::trainledger.amount,
			default_expiry(token_type),
			format('Refund of redemption %s', whole.id), NULL::uuid);
	END IF;
	PERFORM keep_result(whole.party_id, idempotency_key, whole.id::text);
	RETURN redemption(whole.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.refund_training_tokens IS
'Gives redeemed tokens back to the lots they came from, last taken first; without a quantity, all that is left. What belongs to a lot that has expired is lost, or with reissue a new issue. Level operator.';

-- The sweep

CREATE FUNCTION trainledger_internal.expire_training_tokens(
	max_issues integer DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	candidates uuid[];
	accounts bigint[];
	deltas trainledger.amount[];
	expiries timestamptz[];
BEGIN
	IF max_issues IS NULL OR max_issues < 1 THEN
		PERFORM refuse('TL400', 'number of issues is out of range',
			format('The argument max_issues is %s.',
				   coalesce(max_issues::text, 'null')),
			'Give how many issues to book off at most.', 'max_issues');
	END IF;
	-- what others are at work on is left to the next sweep
	SELECT array_agg(c.id) INTO candidates
	FROM (
		SELECT l.id
		FROM trainledger.token_lot l
		JOIN trainledger.token_type t ON t.id = l.token_type_id
		JOIN trainledger.token_account k ON k.party_id = l.party_id
			AND k.token_type_id = l.token_type_id
		WHERE l.is_open AND l.expires_at <= trainledger.clock() AND t.is_active
		ORDER BY l.expires_at
		LIMIT max_issues
		FOR NO KEY UPDATE OF k SKIP LOCKED) c;

	-- as they stand now that nobody else changes them
	SELECT array_agg(l.account_id), array_agg(-a.balance),
		   array_agg(l.expires_at)
	INTO accounts, deltas, expiries
	FROM trainledger.token_lot l
	JOIN trainledger.account a ON a.id = l.account_id
	WHERE l.id = ANY (candidates) AND l.is_open
	AND l.expires_at <= trainledger.clock();
	IF accounts IS NULL THEN
		RETURN 0;
	END IF;
	PERFORM move_lots(
		'expire'::trainledger.operation, accounts, deltas, '', expiries,
		NULL::uuid[]);
	RETURN cardinality(accounts);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.expire_training_tokens IS
'Books off what is left on issues that have expired, and returns how many issues that were. Balances and reports are right whether it runs or not; several sessions may run it at once. Level admin.';
