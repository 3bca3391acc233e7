-- Holds: captured, released, extended, lapsed (contract, section 16)

CREATE FUNCTION trainledger_internal.find_hold(hold_id bigint)
RETURNS trainledger.placed_hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	hold trainledger.placed_hold;
BEGIN
	SELECT h.* INTO hold FROM trainledger.placed_hold h
	WHERE h.id = find_hold.hold_id;
	IF NOT FOUND THEN
		PERFORM require_home(hold_id, 'hold_id');
		PERFORM refuse_missing('hold', hold_id::text, 'hold_id');
	END IF;
	RETURN hold;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.find_hold IS
'A hold, or TL404.';

/*
 * Locks what the hold keeps back, and returns it as it is then.  Refuses one
 * that is closed or over, judged at the later of now and the last entry of what
 * it keeps back.
 */
CREATE FUNCTION trainledger_internal.lock_hold(hold trainledger.placed_hold)
RETURNS trainledger.placed_hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	last_entry_at timestamptz;
BEGIN
	PERFORM require_home(hold.party_id, 'hold_id');
	IF hold.account_id IS NULL THEN
		PERFORM lock_token_account(hold.party_id, hold.token_type_id);
		SELECT max(a.last_entry_at) INTO last_entry_at
		FROM trainledger.hold_allocation x
		JOIN trainledger.account a ON a.id = x.account_id
		WHERE x.hold_id = hold.id;
	ELSE
		SELECT a.last_entry_at INTO last_entry_at FROM trainledger.account a
		WHERE a.id = hold.account_id FOR NO KEY UPDATE;
	END IF;
	hold := find_hold(hold.id);
	IF NOT hold.is_open
	   AND hold.captured::numeric + hold.released::numeric = hold.quantity::numeric
	THEN
		PERFORM refuse('TL409', 'hold is closed',
			format('Of %s held %s are captured and %s released.', hold.quantity,
				   hold.captured, hold.released),
			'Place another hold.', 'hold_id');
	END IF;
	IF NOT hold.is_open
	   OR hold.expires_at <= greatest(trainledger.clock(), last_entry_at) THEN
		PERFORM refuse('TL410', 'hold has lapsed',
			format('It ended at %s.',
				   to_char(hold.expires_at AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			'Place another hold.', 'hold_id');
	END IF;
	RETURN hold;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lock_hold IS
'Locks what a hold keeps back and returns the hold as it is then; TL409 where it is closed, TL410 where it has lapsed.';

/*
 * A part of what is left of a hold; null asks for all of it.
 */
CREATE FUNCTION trainledger_internal.part_of_hold(
	hold trainledger.placed_hold, quantity numeric) RETURNS trainledger.amount
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	left_over numeric := hold.quantity::numeric - hold.captured::numeric
		- hold.released::numeric;
BEGIN
	IF quantity > left_over THEN
		PERFORM refuse('TL409', 'more than is left of the hold',
			format('Of %s held %s are left, and %s are wanted.', hold.quantity,
				   trim_scale(left_over), trim_scale(quantity)),
			'Ask for what is left at most.', 'quantity');
	END IF;
	RETURN coalesce(quantity, left_over)::trainledger.amount;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.part_of_hold IS
'A quantity of what is left of a hold, or all of it; TL409 where it is more.';

/*
 * Shares a quantity out over what is left of the allocations: soonest expiry
 * first for a capture, latest first for a release.
 */
CREATE FUNCTION trainledger_internal.share_out(
	hold_id bigint, quantity trainledger.amount, is_capture boolean,
	OUT ordinals integer[], OUT lots uuid[], OUT accounts bigint[],
	OUT shares trainledger.amount[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	SELECT array_agg(s.ordinal ORDER BY s.place),
		   array_agg(s.issue_id ORDER BY s.place),
		   array_agg(s.account_id ORDER BY s.place),
		   array_agg(least(s.left_over, share_out.quantity::numeric - s.before)
					 ::trainledger.amount ORDER BY s.place)
	INTO ordinals, lots, accounts, shares
	FROM (
		SELECT f.*, sum(f.left_over) OVER w - f.left_over AS before,
			   row_number() OVER w AS place
		FROM (
			SELECT x.ordinal, x.issue_id, x.account_id,
				   x.quantity::numeric - x.captured::numeric
				   - x.released::numeric AS left_over,
				   row_number() OVER (ORDER BY l.expires_at NULLS LAST,
									  l.created_at, l.id) AS rank
			FROM trainledger.hold_allocation x
			LEFT JOIN trainledger.token_lot l ON l.id = x.issue_id
			WHERE x.hold_id = share_out.hold_id) f
		WHERE f.left_over > 0
		WINDOW w AS (ORDER BY CASE WHEN is_capture THEN f.rank ELSE -f.rank END)
	) s
	WHERE s.before < share_out.quantity::numeric;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.share_out IS
'Which allocations of a hold give how much of what is left of it.';

/*
 * Takes shares of allocations off a hold, and writes what happened: one event
 * for a capture, one for each account that a release lets go of.  The hold is
 * closed when nothing is left of it.
 */
CREATE FUNCTION trainledger_internal.take_off_hold(
	hold trainledger.placed_hold, event trainledger.hold_event_kind,
	ordinals integer[], accounts bigint[], shares trainledger.amount[],
	notes text, redemption_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan uses the keys; a plan for a long array may scan whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	taken CONSTANT numeric := (SELECT sum(s.share::numeric)
							   FROM unnest(shares) AS s(share));
	is_capture CONSTANT boolean := event = 'captured';
	to_captured CONSTANT numeric := CASE WHEN is_capture THEN 1 ELSE 0 END;
	closed bigint;
	changed bigint;
	happened bigint;
BEGIN
	WITH closed AS (
		UPDATE trainledger.placed_hold h
		SET captured = h.captured::numeric + to_captured * taken,
			released = h.released::numeric + (1 - to_captured) * taken,
			is_open = h.captured::numeric + h.released::numeric + taken
				< h.quantity::numeric
		WHERE h.id = hold.id
		RETURNING 1
	), changed AS (
		UPDATE trainledger.hold_allocation x
		SET captured = x.captured::numeric + to_captured * s.share::numeric,
			released = x.released::numeric
				+ (1 - to_captured) * s.share::numeric
		-- one by one by the primary key: what is not pulled up is no constant
		FROM (SELECT hold.id AS hold_id, a.ordinal, a.share
			  FROM unnest(ordinals, shares) AS a(ordinal, share) OFFSET 0) AS s
		WHERE x.hold_id = s.hold_id AND x.ordinal = s.ordinal
		RETURNING 1
	), happened AS (
		INSERT INTO trainledger.hold_event
			(id, hold_id, event, quantity, redemption_id, account_id,
			 expires_at, notes, changed_by, created_at, booking_no)
		SELECT new_id('trainledger.hold_event_id_seq'::regclass, hold.party_id),
			   hold.id, take_off_hold.event, e.quantity,
			   take_off_hold.redemption_id, e.account_id, hold.expires_at,
			   coalesce(take_off_hold.notes, ''), caller_name(),
			   trainledger.clock(), booking_no()
		FROM (
			SELECT taken AS quantity, hold.account_id WHERE is_capture
			UNION ALL
			SELECT s.share, s.account_id
			FROM unnest(accounts, shares) AS s(account_id, share)
			WHERE NOT is_capture) AS e
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM closed), (SELECT count(*) FROM changed),
		   (SELECT count(*) FROM happened)
	INTO closed, changed, happened;
	PERFORM require_written('placed_hold', closed = 1);
	PERFORM require_written('hold_allocation', changed = cardinality(ordinals));
	PERFORM require_written('hold_event', happened = CASE WHEN is_capture THEN 1
											  ELSE cardinality(ordinals) END);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.take_off_hold IS
'Takes shares of allocations off a hold, as captured or as released, with the events.';

/*
 * A part that is let go of a lot that is over is over too, from then on.
 */
CREATE FUNCTION trainledger_internal.let_go(
	hold trainledger.placed_hold, quantity trainledger.amount, notes text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	ordinals integer[];
	lots uuid[];
	accounts bigint[];
	shares trainledger.amount[];
	over_accounts bigint[];
	over_shares trainledger.amount[];
	over_at timestamptz[];
BEGIN
	SELECT s.ordinals, s.lots, s.accounts, s.shares
	INTO ordinals, lots, accounts, shares
	FROM share_out(hold.id, quantity, false) s;
	PERFORM take_off_hold(hold, 'released'::trainledger.hold_event_kind,
		ordinals, accounts, shares, notes, NULL::bigint);
	PERFORM change_held(accounts, negative(shares));
	IF hold.account_id IS NULL THEN
		SELECT array_agg(l.account_id), array_agg(-s.share),
			   array_agg(greatest(trainledger.clock(), a.last_entry_at))
		INTO over_accounts, over_shares, over_at
		FROM unnest(lots, shares) AS s(id, share)
		JOIN trainledger.token_lot l ON l.id = s.id
		JOIN trainledger.account a ON a.id = l.account_id
		WHERE is_over(l);
	END IF;
	IF over_accounts IS NOT NULL THEN
		PERFORM move_lots('expire'::trainledger.operation, over_accounts,
			over_shares, '', over_at, NULL::uuid[], NULL::bigint[]);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.let_go IS
'Lets a quantity go of a hold, of the lots that expire latest.';

CREATE FUNCTION trainledger_internal.capture_lots(
	hold trainledger.placed_hold, quantity trainledger.amount, notes text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan uses the keys; a plan for a long array may scan whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	ordinals integer[];
	lots uuid[];
	accounts bigint[];
	shares trainledger.amount[];
	takes trainledger.amount[];
	made_id bigint;
BEGIN
	SELECT s.ordinals, s.lots, s.accounts, s.shares
	INTO ordinals, lots, accounts, shares
	FROM share_out(hold.id, quantity, true) s;
	takes := negative(shares);
	PERFORM change_held(accounts, takes);
	made_id := make_redemption(hold.party_id, hold.token_type_id,
		quantity, hold.reference, hold.id, lots, takes);
	PERFORM move_lots('redeem'::trainledger.operation, accounts, takes,
		coalesce(nullif(notes, ''), hold.notes), NULL::timestamptz[],
		NULL::uuid[], NULL::bigint[]);
	PERFORM take_off_hold(hold, 'captured'::trainledger.hold_event_kind,
		ordinals, accounts, shares, notes, made_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.capture_lots IS
'Redeems what a hold keeps back, of the lots that expire soonest.';

/*
 * As credit_hold(): what nearly always holds is tested here, and each table has a
 * statement of its own where take_off_hold() has one for all.
 */
CREATE FUNCTION trainledger_internal.capture_hold(
	hold_id bigint,
	quantity numeric DEFAULT NULL,
	is_final boolean DEFAULT true,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	hold trainledger.placed_hold;
	token_type trainledger.token_type;
	taken trainledger.amount;
	left_over trainledger.amount;
	locked trainledger.placed_hold;
	last_entry_at timestamptz;
	is_good boolean;
	entry_no bigint;
	is_written boolean;		-- as in credit_hold()
BEGIN
	IF hold_id IS NULL OR quantity IS NOT NULL OR notes <> '' THEN
		PERFORM require_given('hold_id', hold_id::text);
		IF quantity IS NOT NULL THEN
			PERFORM quantity('quantity', quantity, false);
		END IF;
		PERFORM check_notes('notes', notes);
	END IF;
	is_final := coalesce(is_final, true);
	SELECT h.* INTO hold FROM trainledger.placed_hold h
	WHERE h.id = capture_hold.hold_id;
	IF NOT FOUND THEN
		hold := find_hold(hold_id);
	END IF;
	SELECT t.* INTO token_type FROM trainledger.token_type t
	WHERE t.id = hold.token_type_id;
	IF idempotency_key IS NOT NULL THEN
		IF take_key(hold.party_id, idempotency_key, 'capture_hold',
			jsonb_build_array(hold.id, trim_scale(quantity), is_final,
				coalesce(notes, ''))) IS NOT NULL
		THEN
			RETURN hold(hold.id);
		END IF;
	END IF;
	IF quantity IS NOT NULL THEN
		PERFORM at_scale('quantity', quantity, token_type.scale);
	END IF;
	IF hold.account_id IS NOT NULL AND keeps_home(hold.party_id) THEN
		-- as lock_hold() does, which refuses what does not pass here
		SELECT a.last_entry_at INTO last_entry_at FROM trainledger.account a
		WHERE a.id = hold.account_id FOR NO KEY UPDATE;
		SELECT h.* INTO locked FROM trainledger.placed_hold h
		WHERE h.id = capture_hold.hold_id;
		is_good := locked.is_open
			AND locked.expires_at > greatest(trainledger.clock(), last_entry_at);
	END IF;
	IF is_good THEN
		hold := locked;
	ELSE
		hold := lock_hold(hold);
	END IF;
	IF NOT token_type.is_active THEN
		PERFORM require_active(token_type, 'hold_id');
	END IF;
	left_over := hold.quantity OPERATOR(trainledger.-) hold.captured
		OPERATOR(trainledger.-) hold.released;
	IF quantity IS NULL THEN
		taken := left_over;
	ELSE
		taken := part_of_hold(hold, quantity);
	END IF;
	IF hold.account_id IS NULL THEN
		PERFORM capture_lots(hold, taken, notes);
	ELSE
		entry_no := post_capture(hold.account_id, taken, taken, hold.source,
			coalesce(nullif(notes, ''), hold.notes), hold.device);
		UPDATE trainledger.placed_hold h
		SET captured = h.captured OPERATOR(trainledger.+) taken,
			is_open = taken OPERATOR(trainledger.<) left_over
		WHERE h.id = capture_hold.hold_id
		RETURNING true INTO is_written;
		IF NOT FOUND THEN
			PERFORM require_written('placed_hold', false);
		END IF;
		UPDATE trainledger.hold_allocation x
		SET captured = x.captured OPERATOR(trainledger.+) taken
		WHERE x.hold_id = capture_hold.hold_id AND x.ordinal = 1
		RETURNING true INTO is_written;
		IF NOT FOUND THEN
			PERFORM require_written('hold_allocation', false);
		END IF;
		INSERT INTO trainledger.hold_event
			(id, hold_id, event, quantity, account_id, entry_no, expires_at,
			 notes, changed_by, created_at, booking_no)
		VALUES (new_id('trainledger.hold_event_id_seq'::regclass,
					   hold.party_id),
				capture_hold.hold_id, 'captured', taken, hold.account_id,
				entry_no, hold.expires_at, coalesce(capture_hold.notes, ''),
				caller_name(), trainledger.clock(), booking_no())
		RETURNING true INTO is_written;
		IF NOT FOUND THEN
			PERFORM require_written('hold_event', false);
		END IF;
	END IF;
	IF is_final AND taken OPERATOR(trainledger.<) left_over THEN
		PERFORM let_go(hold, left_over OPERATOR(trainledger.-) taken, notes);
	END IF;
	IF idempotency_key IS NOT NULL THEN
		PERFORM keep_result(hold.party_id, idempotency_key, hold.id::text);
	END IF;
	RETURN (SELECT h FROM trainledger.hold h WHERE h.id = capture_hold.hold_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.capture_hold IS
'Takes what a hold keeps back, all that is left of it or a quantity: training tokens by a redemption, credit by an entry capture. What a final capture does not take is let go. Level operator.';

CREATE FUNCTION trainledger_internal.release_hold(
	hold_id bigint,
	quantity numeric DEFAULT NULL,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	hold trainledger.placed_hold;
	token_type trainledger.token_type;
BEGIN
	PERFORM require_given('hold_id', hold_id::text);
	IF quantity IS NOT NULL THEN
		PERFORM quantity('quantity', quantity, false);
	END IF;
	PERFORM check_notes('notes', notes);
	hold := find_hold(hold_id);
	SELECT t.* INTO token_type FROM trainledger.token_type t
	WHERE t.id = hold.token_type_id;
	IF take_key(hold.party_id, idempotency_key, 'release_hold',
		jsonb_build_array(hold.id, trim_scale(quantity), coalesce(notes, '')))
		IS NOT NULL
	THEN
		RETURN hold(hold.id);
	END IF;
	PERFORM at_scale('quantity', quantity, token_type.scale);
	hold := lock_hold(hold);
	PERFORM let_go(hold, part_of_hold(hold, quantity), notes);
	PERFORM keep_result(hold.party_id, idempotency_key, hold.id::text);
	RETURN hold(hold.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.release_hold IS
'Lets go of what a hold keeps back, all that is left of it or a quantity. Level operator.';

CREATE FUNCTION trainledger_internal.extend_hold(
	hold_id bigint, expires_at timestamptz) RETURNS trainledger.hold
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	hold trainledger.placed_hold;
	accounts bigint[];
	soonest timestamptz;
BEGIN
	PERFORM require_given('hold_id', hold_id::text);
	PERFORM require_given('expires_at', expires_at::text);
	hold := find_hold(hold_id);
	PERFORM check_hold_end(expires_at);
	hold := lock_hold(hold);
	IF expires_at <= hold.expires_at THEN
		PERFORM refuse('TL400', 'end of the hold is not extended',
			format('The hold ends at %s.',
				   to_char(hold.expires_at AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			'Give a time after the present end.', 'expires_at');
	END IF;
	SELECT array_agg(x.account_id), min(l.expires_at) INTO accounts, soonest
	FROM trainledger.hold_allocation x
	LEFT JOIN trainledger.token_lot l ON l.id = x.issue_id
	WHERE x.hold_id = hold.id
	AND x.captured::numeric + x.released::numeric < x.quantity::numeric;
	IF expires_at > soonest THEN
		PERFORM refuse('TL410', 'the hold keeps back a token issue that expires before',
			format('The first one expires at %s.',
				   to_char(soonest AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			'Extend the issue first, or give an end that is not after it.',
			'expires_at');
	END IF;
	UPDATE trainledger.placed_hold h SET expires_at = extend_hold.expires_at
	WHERE h.id = hold.id;
	PERFORM require_written('placed_hold', FOUND);
	-- a new version of each account: who has read the old one starts again
	PERFORM change_held(accounts, array_fill(0::trainledger.amount,
											 ARRAY[cardinality(accounts)]));
	INSERT INTO trainledger.hold_event
		(id, hold_id, event, expires_at, notes, changed_by, created_at,
		 booking_no)
	VALUES (new_id('trainledger.hold_event_id_seq'::regclass, hold.party_id),
			hold.id, 'extended', extend_hold.expires_at, '', caller_name(),
			trainledger.clock(), booking_no());
	PERFORM require_written('hold_event', FOUND);
	RETURN hold(hold.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.extend_hold IS
'Lets a hold end later, at most 366 days from now and not after the expiry of a lot that it keeps back. Level operator.';

/*
 * Closes holds that are over.  The caller has locked their accounts, and the
 * types of those on lots are active.  What they kept back of a lot that was over
 * before is over with them.
 */
CREATE FUNCTION trainledger_internal.lapse(hold_ids bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	accounts bigint[];
	quantities trainledger.amount[];
	over_accounts bigint[];
	over_quantities trainledger.amount[];
	over_at timestamptz[];
	written bigint;
BEGIN
	SELECT array_agg(s.account_id ORDER BY s.account_id),
		   array_agg((-s.quantity)::trainledger.amount ORDER BY s.account_id)
	INTO accounts, quantities
	FROM (
		SELECT x.account_id, sum(x.quantity::numeric - x.captured::numeric
								 - x.released::numeric) AS quantity
		FROM trainledger.hold_allocation x
		WHERE x.hold_id = ANY (hold_ids)
		GROUP BY x.account_id) s
	WHERE s.quantity <> 0;
	UPDATE trainledger.placed_hold h SET is_open = false
	WHERE h.id = ANY (hold_ids);
	GET DIAGNOSTICS written = ROW_COUNT;
	PERFORM require_written('placed_hold', written = cardinality(hold_ids));
	INSERT INTO trainledger.hold_event
		(id, hold_id, event, quantity, expires_at, notes, changed_by,
		 created_at, booking_no)
	SELECT new_id('trainledger.hold_event_id_seq'::regclass, h.party_id), h.id,
		   'lapsed', h.quantity::numeric - h.captured::numeric
		   - h.released::numeric, h.expires_at, '', caller_name(),
		   trainledger.clock(), booking_no()
	FROM trainledger.placed_hold h WHERE h.id = ANY (hold_ids);
	GET DIAGNOSTICS written = ROW_COUNT;
	PERFORM require_written('hold_event', written = cardinality(hold_ids));
	PERFORM change_held(accounts, quantities);

	SELECT array_agg(s.account_id ORDER BY s.expires_at, s.account_id),
		   array_agg((-s.quantity)::trainledger.amount
					 ORDER BY s.expires_at, s.account_id),
		   array_agg(s.expires_at ORDER BY s.expires_at, s.account_id)
	INTO over_accounts, over_quantities, over_at
	FROM (
		SELECT x.account_id, h.expires_at,
			   sum(x.quantity::numeric - x.captured::numeric
				   - x.released::numeric) AS quantity
		FROM trainledger.placed_hold h
		JOIN trainledger.hold_allocation x ON x.hold_id = h.id
		JOIN trainledger.token_lot l ON l.id = x.issue_id
		WHERE h.id = ANY (hold_ids) AND l.expires_at < h.expires_at
		GROUP BY x.account_id, h.expires_at) s
	WHERE s.quantity <> 0;
	IF over_accounts IS NOT NULL THEN
		PERFORM move_lots('expire'::trainledger.operation, over_accounts,
			over_quantities, '', over_at, NULL::uuid[], NULL::bigint[]);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lapse IS
'Closes holds that are over, and books off what they kept back of lots that were over before.';

CREATE FUNCTION trainledger_internal.lapse_holds(
	max_holds integer DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	on_accounts bigint[];
	on_lots bigint[];
	lapsing bigint[];
BEGIN
	IF max_holds IS NULL OR max_holds < 1 THEN
		PERFORM refuse('TL400', 'number of holds is out of range',
			format('The argument max_holds is %s.',
				   coalesce(max_holds::text, 'null')),
			'Give how many holds to close at most.', 'max_holds');
	END IF;
	-- skips what others have locked: the next call closes it
	SELECT array_agg(c.id) INTO on_accounts
	FROM (
		SELECT h.id
		FROM trainledger.placed_hold h
		JOIN trainledger.account a ON a.id = h.account_id
		WHERE h.is_open AND h.expires_at <= trainledger.clock()
		AND keeps_home(h.party_id)
		ORDER BY h.expires_at
		LIMIT max_holds
		FOR NO KEY UPDATE OF a SKIP LOCKED) c;
	SELECT array_agg(c.id) INTO on_lots
	FROM (
		SELECT h.id
		FROM trainledger.placed_hold h
		JOIN trainledger.token_type t ON t.id = h.token_type_id
		JOIN trainledger.token_account k ON k.party_id = h.party_id
			AND k.token_type_id = h.token_type_id
		WHERE h.is_open AND h.expires_at <= trainledger.clock()
		AND h.account_id IS NULL AND t.is_active AND keeps_home(h.party_id)
		ORDER BY h.expires_at
		LIMIT max_holds - coalesce(cardinality(on_accounts), 0)
		FOR NO KEY UPDATE OF k SKIP LOCKED) c;
	-- read again: only from here on can nobody else change the holds
	SELECT array_agg(h.id) INTO lapsing
	FROM trainledger.placed_hold h
	WHERE h.id = ANY (coalesce(on_accounts, '{}') || coalesce(on_lots, '{}'))
	AND h.is_open AND h.expires_at <= trainledger.clock();
	IF lapsing IS NULL THEN
		RETURN 0;
	END IF;
	PERFORM lapse(lapsing);
	RETURN cardinality(lapsing);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lapse_holds IS
'Closes holds whose end has passed, and returns how many. Balances are right whether it runs or not; several sessions may run it at once. Level admin.';
