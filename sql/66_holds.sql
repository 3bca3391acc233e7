-- Holds: to place them, and what is available besides (contract, section 16)

-- The ledger's engine, for holds (src/ledger/holds.c)

CREATE FUNCTION trainledger_internal.change_held(
	account_ids bigint[], changes trainledger.amount[]) RETURNS void
AS 'MODULE_PATHNAME', 'tl_change_held' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.change_held IS
'Adds to what holds keep back of accounts, which the caller has locked.';

CREATE FUNCTION trainledger_internal.hold_back(
	party_id bigint, token_type_id uuid, account_name text,
	quantity trainledger.amount) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_hold_back' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.hold_back IS
'Adds to what holds keep back of a credit account and returns its id; null, and nothing is written, where something is in the way or somebody else was faster.';

CREATE FUNCTION trainledger_internal.post_capture(
	account_id bigint, quantity trainledger.amount, freed trainledger.amount,
	source text, description text, device text) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_post_capture' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.post_capture IS
'Takes what a hold has kept back of a credit account, which the caller has locked, and returns the number of the entry. freed is no longer held, the quantity included.';

-- Helpers

CREATE FUNCTION trainledger_internal.hold(hold_id bigint)
RETURNS trainledger.hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT h FROM trainledger.hold h WHERE h.id = hold_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.hold IS
'A hold as it stands now.';

CREATE FUNCTION trainledger_internal.negative(amounts trainledger.amount[])
RETURNS trainledger.amount[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	-- plpgsql keeps the plan, SQL would plan each call
	RETURN (SELECT array_agg(- a.amount ORDER BY a.ordinal)
			FROM unnest(amounts) WITH ORDINALITY AS a(amount, ordinal));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.negative IS
'The same amounts with the other sign.';

CREATE FUNCTION trainledger_internal.check_hold_end(expires_at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	latest timestamptz := trainledger.clock() + interval '8784 hours';
BEGIN
	IF expires_at <= trainledger.clock() OR expires_at > latest THEN
		PERFORM refuse('TL400', CASE WHEN expires_at > latest
				THEN 'end of the hold is too far away'
				ELSE 'end of the hold is past' END,
			format('The argument expires_at is %s.',
				   to_jsonb(expires_at AT TIME ZONE 'UTC') #>> '{}'),
			'Give a time to come, in 366 days at most.', 'expires_at');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_hold_end IS
'TL400 where the end of a hold is past, or more than 366 days away.';

/*
 * The hold is given as it is to be; its id, its time and, where it has none, its
 * end are filled in.  The caller has locked the accounts, and has seen that each
 * has what it is to keep back.
 */
CREATE FUNCTION trainledger_internal.place_hold(
	hold trainledger.placed_hold, lots uuid[], accounts bigint[],
	quantities trainledger.amount[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	now CONSTANT timestamptz := trainledger.clock();
	caller CONSTANT text := caller_name();
	placed bigint;
	allocated bigint;
	happened bigint;
BEGIN
	hold.id := new_id('trainledger.hold_id_seq'::regclass, hold.party_id);
	hold.expires_at := coalesce(hold.expires_at, now + interval '168 hours');
	WITH placed AS (
		INSERT INTO trainledger.placed_hold
			(id, party_id, token_type_id, account_id, quantity, expires_at,
			 created_at, reference, notes, source, device, placed_by)
		VALUES (hold.id, hold.party_id, hold.token_type_id, hold.account_id,
				hold.quantity, hold.expires_at, now, hold.reference, hold.notes,
				hold.source, hold.device, caller)
		RETURNING 1
	), allocated AS (
		INSERT INTO trainledger.hold_allocation
			(hold_id, ordinal, account_id, issue_id, quantity)
		SELECT hold.id, x.ordinal, x.account_id, x.issue_id, x.quantity
		FROM ROWS FROM (unnest(accounts), unnest(lots), unnest(quantities))
			WITH ORDINALITY AS x(account_id, issue_id, quantity, ordinal)
		RETURNING 1
	), happened AS (
		INSERT INTO trainledger.hold_event
			(id, hold_id, event, quantity, expires_at, notes, changed_by,
			 created_at, booking_no)
		VALUES (new_id('trainledger.hold_event_id_seq'::regclass, hold.party_id),
				hold.id, 'placed', hold.quantity, hold.expires_at, hold.notes,
				caller, now, booking_no())
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM placed), (SELECT count(*) FROM allocated),
		   (SELECT count(*) FROM happened)
	INTO placed, allocated, happened;
	PERFORM require_written('placed_hold', placed = 1);
	PERFORM require_written('hold_allocation',
							allocated = cardinality(accounts));
	PERFORM require_written('hold_event', happened = 1);
	PERFORM change_held(accounts, quantities);
	RETURN hold.id;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.place_hold IS
'Writes a new hold and what it keeps back of each account, and returns its id.';

-- Training tokens

CREATE FUNCTION trainledger_internal.hold_training_tokens(
	party_id bigint,
	token_type_id uuid,
	quantity numeric,
	reference text,
	expires_at timestamptz DEFAULT NULL,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan uses the keys; a plan for a long array may scan whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	token_type trainledger.token_type;
	holder trainledger.party;
	hold trainledger.placed_hold;
	made_id bigint;
	lots uuid[];
	accounts bigint[];
	takes trainledger.amount[];
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM require_given('token_type_id', token_type_id::text);
	PERFORM quantity('quantity', quantity, false);
	PERFORM require_given('reference', nullif(reference, ''));
	PERFORM check_notes('reference', reference);
	PERFORM check_notes('notes', notes);
	holder := party(party_id);
	token_type := training_type(token_type_id);
	made_id := take_key(party_id, idempotency_key,
		'hold_training_tokens', jsonb_build_array(token_type_id,
			trim_scale(quantity), reference, extract(epoch FROM expires_at),
			coalesce(notes, '')));
	IF made_id IS NOT NULL THEN
		RETURN hold(made_id);
	END IF;
	PERFORM check_hold_end(expires_at);
	PERFORM at_scale('quantity', quantity, token_type.scale);
	PERFORM require_home(party_id, 'party_id');
	PERFORM lock_token_account(party_id, token_type_id);
	token_type := training_type(token_type_id);
	PERFORM require_active(token_type, 'token_type_id');
	PERFORM require_not_suspended(holder, 'party_id');
	SELECT d.lots, d.accounts, d.takes INTO lots, accounts, takes
	FROM draw(party_id, token_type_id, quantity) d;
	hold.party_id := party_id;
	hold.token_type_id := token_type_id;
	hold.quantity := quantity;
	hold.expires_at := expires_at;
	hold.reference := reference;
	hold.notes := coalesce(notes, '');
	hold.source := 'training-tokens';
	made_id := place_hold(hold, lots, accounts,
		negative(takes));
	PERFORM keep_result(party_id, idempotency_key, made_id::text);
	RETURN hold(made_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.hold_training_tokens IS
'Keeps training tokens of a party back until they are captured or released, from the lots that expire soonest, then oldest; all or nothing. Without an end of its own the hold lapses after 7 days. Level operator.';

-- Credit accounts

/*
 * What is rounded is the value less an even whole number, which may round to
 * more than an amount can hold.
 */
CREATE FUNCTION trainledger_internal.round_to_scale(
	name text, value numeric, token_type trainledger.token_type,
	rounding trainledger.rounding) RETURNS trainledger.amount
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	whole CONSTANT numeric := trunc(value) - mod(trunc(value), 2);
	rounded CONSTANT numeric := whole + trainledger.round_amount(value - whole,
		token_type.scale, coalesce(rounding, 'round'))::numeric;
BEGIN
	IF rounded = 0 THEN
		PERFORM refuse('TL400', format('%s is zero after rounding', name),
			format('The %s is %s and the token type has %s decimals.', name,
				   left(trim_scale(value)::text, 64), token_type.scale),
			'Give a number that is not zero at the token type''s scale.', name);
	END IF;
	IF rounded NOT BETWEEN -9223372036854.775808 AND 9223372036854.775807 THEN
		PERFORM refuse('TL400', format('%s is out of range', name),
			format('The %s is %s.', name, left(value::text, 64)),
			'An amount has at most 13 digits before the point.', name);
	END IF;
	RETURN rounded::trainledger.amount;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.round_to_scale IS
'A quantity rounded to the scale of a token type; TL400 where nothing is left of it.';

/*
 * What is left besides what is held must not be below the lower bound of the
 * type, which is judged at the later of now and the account's last entry.
 */
CREATE FUNCTION trainledger_internal.check_available(
	account trainledger.account, token_type trainledger.token_type,
	quantity numeric) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	held numeric := account.held;
	least_balance CONSTANT numeric := coalesce(lower(token_type.bounds)::numeric,
											   -9223372036854.775808);
	left_over numeric;
BEGIN
	IF held <> 0 THEN
		held := held - lapsed(account.id)::numeric;
	END IF;
	left_over := account.balance::numeric - held - quantity;
	IF left_over < least_balance
	   OR (left_over = least_balance AND lower(token_type.bounds) IS NOT NULL
		   AND NOT lower_inc(token_type.bounds)) THEN
		PERFORM refuse('TL055', 'balance out of lower bound',
			format('The balance is %s, %s%s are wanted and the lower bound is %s.',
				   account.balance,
				   CASE WHEN held > 0 THEN
						format('of which %s are held, ', trim_scale(held)) END,
				   trim_scale(quantity), trim_scale(least_balance)),
			CASE WHEN held > 0 THEN
				'Take less, add to the balance first, or release a hold.'
			ELSE 'Take less, or add to the balance first.' END, 'amount');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_available IS
'TL055 where less than the lower bound would be left of an account besides what is held.';

/*
 * Keeps a quantity back of an account that hold_back() did not: waits for who is
 * posting to it, and says what is in the way.
 */
CREATE FUNCTION trainledger_internal.hold_back_locked(
	party_id bigint, amount numeric, expires_at timestamptz, account_name text,
	token_type text, of_type trainledger.token_type,
	rounding trainledger.rounding,
	OUT account_id bigint, OUT quantity trainledger.amount)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	account trainledger.account;
BEGIN
	PERFORM require_home(party_id, 'party_id');
	SELECT a.* INTO account FROM trainledger.account a
	WHERE a.party_id = hold_back_locked.party_id
	AND a.token_type_id = of_type.id AND a.name = account_name
	FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM party(party_id);
		-- the type default, where nobody has needed it yet, is made with 2
		of_type.scale := coalesce(of_type.scale, 2);
	END IF;
	quantity := round_to_scale('amount', amount, of_type, rounding);
	PERFORM check_hold_end(expires_at);
	IF account.id IS NULL THEN
		-- refuses: there is no such account
		PERFORM credit_account(party_id, account_name, token_type);
	END IF;
	PERFORM require_active(of_type, 'token_type');
	PERFORM require_not_suspended(party(party_id), 'party_id');
	PERFORM check_available(account, of_type, quantity::numeric);
	-- where no bound is in the way
	IF account.held::numeric + quantity::numeric > 9223372036854.775807 THEN
		PERFORM refuse('TL055', 'too much is held',
			format('What is held is %s, and %s are wanted.', account.held,
				   quantity),
			'Hold less, or release a hold.', 'amount');
	END IF;
	account_id := account.id;
	PERFORM change_held(ARRAY[account_id], ARRAY[quantity]);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.hold_back_locked IS
'Locks a credit account and adds to what holds keep back of it, or refuses to.';

CREATE FUNCTION trainledger_internal.check_credit_hold(
	party_id bigint, amount numeric, source text, description text,
	account_name text, token_type text, device text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM quantity('amount', amount, false);
	PERFORM require_given('source', nullif(source, ''));
	PERFORM check_notes('source', source);
	PERFORM require_given('description', description);
	PERFORM check_notes('description', description);
	PERFORM require_text('account_name', account_name);
	PERFORM require_text('token_type', token_type);
	PERFORM check_notes('device', device);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_credit_hold IS
'TL400 for arguments of credit_hold that show by themselves that they are wrong.';

/*
 * A till calls this for each drink, so what nearly always holds is tested here,
 * and the helper that refuses is called only where the test fails.  Where
 * hold_back() does nothing, hold_back_locked() refuses or does the same.  One
 * statement for each table costs less than one for all.
 */
CREATE FUNCTION trainledger_internal.credit_hold(
	party_id bigint,
	amount numeric,
	source text,
	description text,
	expires_at timestamptz DEFAULT NULL,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	rounding trainledger.rounding DEFAULT 'round',
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	-- far from what an amount can hold: rounding it cannot fail
	is_plain CONSTANT boolean := amount > 0 AND amount < 1000000000000;
	of_type trainledger.token_type;
	held_on bigint;
	quantity trainledger.amount;
	now timestamptz;
	caller CONSTANT text := caller_name();
	made_id bigint;
	-- RETURNING refuses a rule that would write nothing, and whose plan would
	-- outlive it
	is_written boolean;
BEGIN
	account_name := coalesce(trimmed(account_name), 'default');
	token_type := coalesce(trimmed(token_type), 'default');
	IF (party_id IS NOT NULL AND is_plain
		AND octet_length(source) BETWEEN 1 AND 8192
		AND octet_length(description) <= 8192
		AND octet_length(account_name) BETWEEN 1 AND 250
		AND octet_length(token_type) BETWEEN 1 AND 250
		AND (device IS NULL OR octet_length(device) <= 8192)) IS NOT TRUE THEN
		PERFORM check_credit_hold(party_id, amount, source, description,
								  account_name, token_type, device);
	END IF;
	SELECT t.* INTO of_type FROM trainledger.token_type t
	WHERE t.kind = 'credit' AND t.name = credit_hold.token_type;
	IF NOT FOUND OR idempotency_key IS NOT NULL THEN
		PERFORM party(party_id);
	END IF;
	IF of_type.id IS NULL AND token_type <> 'default' THEN
		-- refuses: there is no such type
		PERFORM credit_account(party_id, account_name, token_type);
	END IF;
	IF idempotency_key IS NOT NULL AND of_type.id IS NOT NULL THEN
		IF NOT is_plain THEN
			PERFORM round_to_scale('amount', amount, of_type, rounding);
		END IF;
		made_id := take_key(party_id, idempotency_key, 'credit_hold',
			jsonb_build_array(trim_scale(trainledger.round_amount(amount,
					of_type.scale, coalesce(rounding, 'round'))::numeric),
				source, description, extract(epoch FROM expires_at),
				account_name, token_type, device));
		IF made_id IS NOT NULL THEN
			RETURN hold(made_id);
		END IF;
	END IF;

	IF is_plain AND of_type.id IS NOT NULL THEN
		quantity := trainledger.round_amount(amount, of_type.scale,
											 coalesce(rounding, 'round'));
		held_on := hold_back(party_id, of_type.id, account_name, quantity);
	END IF;
	IF held_on IS NULL THEN
		SELECT b.account_id, b.quantity INTO held_on, quantity
		FROM hold_back_locked(party_id, amount, expires_at, account_name,
							  token_type, of_type, rounding) b;
	ELSIF expires_at IS NOT NULL THEN
		PERFORM check_hold_end(expires_at);
	END IF;

	now := trainledger.clock();
	made_id := new_id('trainledger.hold_id_seq'::regclass, party_id);
	expires_at := coalesce(expires_at, now + interval '168 hours');
	INSERT INTO trainledger.placed_hold
		(id, party_id, token_type_id, account_id, quantity, expires_at,
		 created_at, notes, source, device, placed_by)
	VALUES (made_id, party_id, of_type.id, held_on, quantity, expires_at, now,
			description, source, device, caller)
	RETURNING true INTO is_written;
	IF NOT FOUND THEN
		PERFORM require_written('placed_hold', false);
	END IF;
	INSERT INTO trainledger.hold_allocation
		(hold_id, ordinal, account_id, quantity)
	VALUES (made_id, 1, held_on, quantity)
	RETURNING true INTO is_written;
	IF NOT FOUND THEN
		PERFORM require_written('hold_allocation', false);
	END IF;
	INSERT INTO trainledger.hold_event
		(id, hold_id, event, quantity, expires_at, notes, changed_by,
		 created_at, booking_no)
	VALUES (new_id('trainledger.hold_event_id_seq'::regclass, party_id), made_id,
			'placed', quantity, expires_at, description, caller, now,
			booking_no())
	RETURNING true INTO is_written;
	IF NOT FOUND THEN
		PERFORM require_written('hold_event', false);
	END IF;
	IF idempotency_key IS NOT NULL THEN
		PERFORM keep_result(party_id, idempotency_key, made_id::text);
	END IF;
	RETURN (SELECT h FROM trainledger.hold h WHERE h.id = made_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.credit_hold IS
'Keeps tokens of a party''s credit account back until they are captured or released; the lower bound is for what is left. Without an end of its own the hold lapses after 7 days. Level operator.';

-- What is available

CREATE FUNCTION trainledger.available_balance(account_id bigint)
RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	available trainledger.amount;
BEGIN
	PERFORM trainledger_internal.require_given('account_id'::text, account_id::text);
	SELECT CASE WHEN l.expires_at <= trainledger.clock()
				THEN 0 ELSE a.balance::numeric
				- trainledger_internal.held(a.id, a.held)::numeric END
	INTO available
	FROM trainledger.account a
	LEFT JOIN trainledger.token_lot l ON l.account_id = a.id
	WHERE a.id = available_balance.account_id;
	IF NOT FOUND THEN
		PERFORM trainledger_internal.refuse_missing('account'::text,
			account_id::text, 'account_id'::text);
	END IF;
	RETURN available;
END;
$$;
COMMENT ON FUNCTION trainledger.available_balance IS
'What can be taken from an account now: its balance less what holds keep back; 0 for a lot that has expired. Level learner, for its own.';

CREATE FUNCTION trainledger.available_tokens(
	party_id bigint, token_type_id uuid) RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM trainledger_internal.require_given('party_id'::text, party_id::text);
	PERFORM trainledger_internal.require_given('token_type_id'::text,
		token_type_id::text);
	PERFORM trainledger_internal.party_by('id'::text, party_id::text,
		'party_id'::text);
	IF NOT EXISTS (SELECT FROM trainledger.token_type t
				   WHERE t.id = available_tokens.token_type_id
				   AND t.kind = 'training') THEN
		PERFORM trainledger_internal.refuse_missing('token type'::text,
			token_type_id::text, 'token_type_id'::text);
	END IF;
	RETURN coalesce((
		SELECT sum(i.available_balance::numeric)
		FROM trainledger.token_lot l
		JOIN trainledger.token_issue i ON i.id = l.id
		WHERE l.party_id = available_tokens.party_id
		AND l.token_type_id = available_tokens.token_type_id AND l.is_open), 0);
END;
$$;
COMMENT ON FUNCTION trainledger.available_tokens IS
'How many training tokens of a type a party can redeem or hold now: of lots that have not expired, less what holds keep back. Level learner, for its own.';
