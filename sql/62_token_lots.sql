-- Lots: to issue, extend and adjust them

-- The ledger's engine, for lots (src/ledger/lots.c)

CREATE FUNCTION trainledger_internal.new_issue_id(party_id bigint) RETURNS uuid
AS 'MODULE_PATHNAME', 'tl_new_issue_id' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.new_issue_id IS
'A random uuid that ends in the home of a party.';

CREATE FUNCTION trainledger_internal.open_lot(
	party_id bigint, token_type_id uuid, quantity trainledger.amount,
	notes text, operation trainledger.operation, other_account_id bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_open_lot' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.open_lot IS
'Opens the account of a lot and returns its id. The first entry is an issue, or a transfer from the other account.';

CREATE FUNCTION trainledger_internal.post_lots(
	account_ids bigint[], deltas trainledger.amount[], source text,
	descriptions text[], recorded_at timestamptz[], idempotency_keys uuid[],
	operation trainledger.operation, other_account_ids bigint[])
RETURNS TABLE (ordinal integer, entry_no bigint, balance trainledger.amount,
			   refusal text)
AS 'MODULE_PATHNAME', 'tl_post_lots' LANGUAGE C VOLATILE PARALLEL UNSAFE
ROWS 10;
COMMENT ON FUNCTION trainledger_internal.post_lots IS
'Books an operation on lots, as post_batch does on credit accounts; other_account_ids belong to transfers.';

-- Helpers of the calls

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
	-- NaN is greater than all numbers
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
				   name, left(value::text, 64), scale),
			'Give a number with no more decimals than the token type has.',
			name);
	END IF;
	RETURN value::trainledger.amount;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.at_scale IS
'A quantity as an amount of a token type; TL400 where it has more decimals.';

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

CREATE FUNCTION trainledger_internal.find_lot(issue_id uuid)
RETURNS trainledger.token_lot
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot;
BEGIN
	SELECT l.* INTO lot FROM trainledger.token_lot l
	WHERE l.id = find_lot.issue_id;
	IF NOT FOUND THEN
		PERFORM require_home(trainledger.home_of(issue_id)::bigint, 'issue_id');
		PERFORM refuse_missing('token issue', issue_id::text, 'issue_id');
	END IF;
	RETURN lot;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.find_lot IS
'An issue''s lot, or TL404.';

CREATE FUNCTION trainledger_internal.lock_lot(issue_id uuid)
RETURNS trainledger.token_lot
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot := find_lot(issue_id);
BEGIN
	PERFORM require_home(lot.party_id, 'issue_id');
	PERFORM lock_token_account(lot.party_id, lot.token_type_id);
	RETURN find_lot(issue_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lock_lot IS
'Locks the token account of an issue and returns its lot as it is then, or TL404.';

/*
 * At the later of now and the lot's last entry, even for a call that had to wait
 * for the sweep.  Volatile: an account may be rewritten while a query asks.
 */
CREATE FUNCTION trainledger_internal.is_over(lot trainledger.token_lot)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF lot.expires_at <= trainledger.clock() THEN
		RETURN true;
	ELSIF lot.expires_at IS NULL THEN
		RETURN false;
	END IF;
	RETURN lot.expires_at <= (SELECT a.last_entry_at FROM trainledger.account a
							  WHERE a.id = lot.account_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.is_over IS
'Whether a lot has expired.';

CREATE FUNCTION trainledger_internal.require_not_expired(
	lot trainledger.token_lot) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

/*
 * Books a movement on lots and keeps their is_open up to date.
 */
CREATE FUNCTION trainledger_internal.move_lots(
	operation trainledger.operation, account_ids bigint[],
	deltas trainledger.amount[], notes text, recorded_at timestamptz[],
	idempotency_keys uuid[], other_account_ids bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	moved bigint[];
	are_open boolean[];
BEGIN
	-- a statement of its own, so that no rule on token_lot can suppress it; the
	-- last movement of a lot says whether anything is left
	SELECT array_agg(m.account_id), array_agg(m.is_open)
	INTO moved, are_open
	FROM (
		SELECT DISTINCT ON (a.id) a.id AS account_id,
			   p.balance <> 0::trainledger.amount AS is_open
		FROM post_lots(account_ids, deltas, 'training-tokens',
			array_fill(notes, ARRAY[cardinality(account_ids)]), recorded_at,
			idempotency_keys, operation, other_account_ids) p
		JOIN unnest(account_ids) WITH ORDINALITY AS a(id, ordinal)
			ON a.ordinal = p.ordinal
		ORDER BY a.id, p.ordinal DESC) m;
	UPDATE trainledger.token_lot l SET is_open = m.is_open
	FROM unnest(moved, are_open) m(account_id, is_open)
	WHERE l.account_id = m.account_id AND l.is_open <> m.is_open;
	IF EXISTS (SELECT FROM unnest(moved, are_open) m(account_id, is_open)
			   JOIN trainledger.token_lot l ON l.account_id = m.account_id
			   WHERE l.is_open <> m.is_open) THEN
		PERFORM refuse('27000', 'token lot was not updated',
			'Whether anything is left in it could not be kept.',
			'Look for a trigger, a rule or forced row security on trainledger.token_lot.', NULL);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.move_lots IS
'Books movements on lots, and keeps what is open.';

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

-- Issues

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

/*
 * The lot is given as it is to be; its account, its id where none was given,
 * and its time are filled in.
 */
CREATE FUNCTION trainledger_internal.make_lot(
	lot trainledger.token_lot, quantity trainledger.amount, notes text,
	operation trainledger.operation, other_account_id bigint)
RETURNS trainledger.token_lot
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	lot.id := coalesce(lot.id, new_issue_id(lot.party_id));
	lot.account_id := open_lot(lot.party_id, lot.token_type_id, quantity, notes,
							   operation, other_account_id);
	lot.created_at := trainledger.clock();
	INSERT INTO trainledger.token_lot
		(id, account_id, party_id, token_type_id, expires_at, created_at,
		 unit_price, currency_code, reissue_of, first_expires_at)
	VALUES (lot.id, lot.account_id, lot.party_id, lot.token_type_id,
			lot.expires_at, lot.created_at, lot.unit_price, lot.currency_code,
			lot.reissue_of, lot.expires_at)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		PERFORM require_conflict('token_lot', EXISTS (
			SELECT FROM trainledger.token_lot l WHERE l.id = lot.id));
		PERFORM raise_taken('token_issue', 'id');
	END IF;
	RETURN lot;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.make_lot IS
'Makes a lot of a token account, its account and its first entry: issue, or transfer from another account.';

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

/*
 * What one token cost: checks of the arguments alone, and those that need the
 * currency.
 */
CREATE FUNCTION trainledger_internal.check_unit_price(
	unit_price numeric, currency_code text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF (unit_price IS NULL) <> (currency_code IS NULL) THEN
		PERFORM require_given('unit_price', unit_price::text);
		PERFORM require_given('currency_code', currency_code);
	END IF;
	-- NaN is greater than all numbers
	IF unit_price NOT BETWEEN 0 AND 9223372036854 THEN
		PERFORM refuse('TL400', 'price is out of range',
			format('The price is %s.', left(unit_price::text, 64)),
			'Give a price from 0 to 9223372036854.', 'unit_price');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_unit_price IS
'TL400 where a price of a token has no currency, a currency no price, or a number by itself is no price.';

CREATE FUNCTION trainledger_internal.check_price_decimals(
	unit_price numeric, currency trainledger.currency) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF unit_price <> round(unit_price, currency.minor_units + 4) THEN
		PERFORM refuse('TL400', 'price has too many decimals',
			format('The price is %s and %s has %s decimals.',
				   left(unit_price::text, 64), currency.code, currency.minor_units),
			'Give a price with at most four decimals more than the currency has.',
			'unit_price');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_price_decimals IS
'TL400 where the price of a token has more than four decimals more than its currency.';

CREATE FUNCTION trainledger_internal.issue_training_tokens(
	token_type_id uuid,
	party_id bigint,
	quantity numeric,
	expires_on date DEFAULT NULL,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL,
	id uuid DEFAULT NULL,
	unit_price numeric DEFAULT NULL,
	currency_code text DEFAULT NULL) RETURNS trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
	token_type trainledger.token_type;
	currency trainledger.currency;
	lot trainledger.token_lot;
	made_id uuid;
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	PERFORM require_given('token_type_id', token_type_id::text);
	PERFORM require_given('party_id', party_id::text);
	PERFORM quantity('quantity', quantity, false);
	PERFORM check_notes('notes', notes);
	PERFORM check_expires_on(expires_on);
	PERFORM check_unit_price(unit_price, currency_code);
	holder := party(party_id);
	token_type := training_type(token_type_id);
	IF currency_code IS NOT NULL THEN
		currency := currency(currency_code);
	END IF;
	made_id := take_key(party_id, idempotency_key,
		'issue_training_tokens', jsonb_build_array(token_type_id,
			trim_scale(quantity), expires_on, coalesce(notes, ''), id,
			trim_scale(unit_price), currency.code));
	IF made_id IS NOT NULL THEN
		RETURN issue(made_id);
	END IF;
	PERFORM check_to_come(expires_on);
	PERFORM at_scale('quantity', quantity, token_type.scale);
	PERFORM check_price_decimals(unit_price, currency);
	PERFORM require_home(party_id, 'party_id');
	PERFORM require_same_home(trainledger.home_of(id), party_id);
	PERFORM open_token_account(party_id, token_type_id);
	token_type := training_type(token_type_id);
	PERFORM require_active(token_type, 'token_type_id');
	PERFORM require_not_archived(token_type, 'token_type_id');
	PERFORM require_not_suspended(holder, 'party_id');
	lot.id := id;
	lot.party_id := party_id;
	lot.token_type_id := token_type_id;
	lot.expires_at := coalesce(end_of_day(expires_on),
							   default_expiry(token_type));
	lot.unit_price := trim_scale(unit_price);
	lot.currency_code := currency.code;
	lot := make_lot(lot, quantity::trainledger.amount, coalesce(notes, ''),
		'issue'::trainledger.operation, NULL::bigint);
	PERFORM keep_result(party_id, idempotency_key, lot.id::text);
	RETURN issue(lot.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.issue_training_tokens IS
'Issues training tokens to a party as a lot of their own. They are over from 23:59:59 UTC of expires_on on; without it the type''s default days count from today. unit_price in currency_code is what the customer paid for each. Level operator.';

CREATE FUNCTION trainledger_internal.change_expiry(
	lot trainledger.token_lot, new_expiry timestamptz, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	UPDATE trainledger.token_lot l SET expires_at = new_expiry
	WHERE l.id = lot.id;
	PERFORM require_written('token_lot', FOUND);
	-- a new version of the account: who has read the old end starts again
	PERFORM change_held(ARRAY[lot.account_id], ARRAY[0::trainledger.amount]);
	INSERT INTO trainledger.token_issue_event AS v
		(id, issue_id, old_expires_at, new_expires_at, changed_by, created_at,
		 reason, booking_no)
	VALUES (new_id('trainledger.token_issue_event_id_seq'::regclass,
				   lot.party_id),
			lot.id, lot.expires_at, new_expiry, caller_name(),
			trainledger.clock(), change_expiry.reason, booking_no());
	PERFORM require_written('token_issue_event', FOUND);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.change_expiry IS
'Gives a lot another expiry and writes its event.';

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
	PERFORM require_not_suspended(party(lot.party_id), 'issue_id');
	PERFORM change_expiry(lot, new_expiry, NULL);
	RETURN issue(lot.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.extend_training_tokens IS
'Lets an issue expire later, at 23:59:59 UTC of a day. Level operator.';

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
BEGIN
	PERFORM require_given('issue_id', issue_id::text);
	PERFORM quantity('amount', amount, true);
	PERFORM check_notes('notes', notes);
	lot := find_lot(issue_id);
	-- before the lock, as other calls do, or they could deadlock
	PERFORM take_key(lot.party_id, idempotency_key, 'adjust_training_tokens',
					 '[]'::jsonb);
	lot := lock_lot(issue_id);
	token_type := training_type(lot.token_type_id);
	SELECT e.entry_no INTO known FROM trainledger.entry e
	WHERE e.dedup = idempotency_key AND e.account_id = lot.account_id;
	IF FOUND THEN
		IF amount <> round(amount, 6) THEN
			-- no entry has more than 6 decimals: the key is of another request
			PERFORM refuse_key(format('entry %s of account %s',
				known, lot.account_id));
		END IF;
		-- books nothing, but refuses the key if it is of another request
		PERFORM FROM post_lots(ARRAY[lot.account_id],
			ARRAY[amount::trainledger.amount], 'training-tokens',
			ARRAY[coalesce(notes, '')], NULL::timestamptz[], ARRAY[idempotency_key],
			'adjust'::trainledger.operation, NULL::bigint[]);
		RETURN issue(lot.id);
	END IF;
	PERFORM at_scale('amount', amount, token_type.scale);
	PERFORM require_active(token_type, 'issue_id');
	PERFORM require_not_expired(lot);
	PERFORM move_lots(
		'adjust'::trainledger.operation, ARRAY[lot.account_id],
		ARRAY[amount::trainledger.amount], coalesce(notes, ''),
		NULL::timestamptz[],
		CASE WHEN idempotency_key IS NOT NULL THEN ARRAY[idempotency_key] END,
		NULL::bigint[]);
	RETURN issue(lot.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.adjust_training_tokens IS
'Adds a signed amount to an issue by hand; its initial balance stays. Level operator.';
