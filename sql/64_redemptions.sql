-- Redemptions, and the sweep

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

/*
 * Which lots give how much of what no hold keeps back: soonest expiry first,
 * then oldest.  The caller has locked the token account, or only asks.  What is over is judged
 * at the later of now and the last entry.
 */
CREATE FUNCTION trainledger_internal.draw(
	party_id bigint, token_type_id uuid, quantity numeric,
	OUT lots uuid[], OUT accounts bigint[], OUT takes trainledger.amount[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan uses the keys; a plan for a long array may scan whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	available numeric;
	booked numeric;
BEGIN
	-- each lot gives what the lots before it do not cover
	WITH lot AS MATERIALIZED (
		SELECT l.id, l.account_id, l.expires_at, l.created_at,
			   a.balance::numeric AS balance, a.held, a.last_entry_at
		FROM trainledger.token_lot l
		JOIN trainledger.account a ON a.id = l.account_id
		WHERE l.party_id = draw.party_id
		AND l.token_type_id = draw.token_type_id
		AND l.is_open
		AND (l.expires_at > greatest(trainledger.clock(), a.last_entry_at)
			 OR l.expires_at IS NULL)
	), ended AS (
		SELECT p.*
		FROM (SELECT greatest(trainledger.clock(), max(l.last_entry_at)) AS at
			  FROM lot l WHERE l.held <> 0::trainledger.amount
			  HAVING count(*) > 0) h
		CROSS JOIN LATERAL lapsed_on(draw.party_id, draw.token_type_id, h.at) p
	), free AS (
		SELECT l.*, l.balance - l.held::numeric + coalesce(e.quantity, 0)
				   AS available
		FROM lot l
		LEFT JOIN ended e ON e.account_id = l.account_id
	)
	SELECT array_agg(s.id ORDER BY s.ordinal),
		   array_agg(s.account_id ORDER BY s.ordinal),
		   array_agg((-least(s.available, draw.quantity - s.before))
					 ::trainledger.amount ORDER BY s.ordinal),
		   max(s.before + s.available),
		   (SELECT sum(l.balance) FROM lot l)
	INTO lots, accounts, takes, available, booked
	FROM (
		SELECT f.id, f.account_id, f.available,
			   sum(f.available) OVER w - f.available AS before,
			   row_number() OVER w AS ordinal
		FROM free f
		WHERE f.available > 0
		WINDOW w AS (ORDER BY f.expires_at NULLS LAST, f.created_at, f.id)
	) s
	WHERE s.before < draw.quantity;
	available := coalesce(available, 0);
	IF available < quantity THEN
		booked := coalesce(booked, available);
		PERFORM refuse('TL055', 'not enough tokens left',
			CASE WHEN booked > available THEN
				format('The balance is %s, of which %s are held, and %s are wanted.',
					   trim_scale(booked), trim_scale(booked - available),
					   trim_scale(quantity))
			ELSE
				format('The party has %s that have not expired, and %s are wanted.',
					   trim_scale(available), trim_scale(quantity)) END,
			CASE WHEN booked > available THEN
				'Issue tokens, ask for less, or release a hold.'
			ELSE 'Issue tokens first, or redeem less.' END, 'quantity');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.draw IS
'Lots of a party that give a quantity of tokens together, and how much each gives, negative (TL055).';

CREATE FUNCTION trainledger_internal.make_redemption(
	party_id bigint, token_type_id uuid, quantity trainledger.amount,
	reference text, hold_id bigint, lots uuid[], takes trainledger.amount[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made_id bigint := new_id('trainledger.redemption_id_seq'::regclass,
							 party_id);
	written bigint;
BEGIN
	INSERT INTO trainledger.redemption
		(id, party_id, token_type_id, quantity, reference, created_at, hold_id)
	VALUES (made_id, party_id, token_type_id, quantity, reference,
			trainledger.clock(), hold_id);
	PERFORM require_written('redemption', FOUND);
	INSERT INTO trainledger.redemption_allocation
		(redemption_id, ordinal, issue_id, quantity)
	SELECT made_id, x.ordinal, x.id, -x.delta
	FROM ROWS FROM (unnest(lots), unnest(takes)) WITH ORDINALITY
		AS x(id, delta, ordinal);
	GET DIAGNOSTICS written = ROW_COUNT;
	PERFORM require_written('redemption_allocation',
							written = cardinality(lots));
	RETURN made_id;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.make_redemption IS
'Writes a redemption and which lot gives what, negative, and returns its id.';

CREATE FUNCTION trainledger_internal.redeem_training_tokens(
	party_id bigint,
	token_type_id uuid,
	quantity numeric,
	reference text,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.redemption
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan uses the keys; a plan for a long array may scan whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	token_type trainledger.token_type;
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

	PERFORM require_home(party_id, 'party_id');
	PERFORM lock_token_account(party_id, token_type_id);
	SELECT d.lots, d.accounts, d.takes INTO lots, accounts, takes
	FROM draw(party_id, token_type_id, quantity) d;

	made_id := make_redemption(party_id, token_type_id,
		quantity::trainledger.amount, reference, NULL::bigint, lots, takes);
	PERFORM move_lots(
		'redeem'::trainledger.operation, accounts, takes, coalesce(notes, ''),
		NULL::timestamptz[], NULL::uuid[], NULL::bigint[]);
	PERFORM keep_result(party_id, idempotency_key, made_id::text);
	RETURN redemption(made_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.redeem_training_tokens IS
'Takes training tokens from a party''s lots, soonest expiry first, then oldest; all or nothing. Which lot gave what is in redemption_allocation. Level operator.';

/*
 * What is left of lots that are over is booked off: first what holds kept back
 * beyond that, with the end of each hold, then the rest.  The caller has locked
 * their token accounts.
 */
CREATE FUNCTION trainledger_internal.expire_lots(accounts bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lapsing bigint[];
	due bigint[];
	deltas trainledger.amount[];
	expiries timestamptz[];
BEGIN
	SELECT array_agg(DISTINCT h.id) INTO lapsing
	FROM trainledger.account a
	JOIN trainledger.token_lot l ON l.account_id = a.id
	JOIN trainledger.hold_allocation x ON x.issue_id = l.id
	JOIN trainledger.placed_hold h ON h.id = x.hold_id
	WHERE a.id = ANY (accounts) AND a.held <> 0::trainledger.amount
	AND h.is_open
	AND h.expires_at <= greatest(trainledger.clock(), a.last_entry_at);
	IF lapsing IS NOT NULL THEN
		PERFORM lapse(lapsing);
	END IF;
	SELECT array_agg(l.account_id), array_agg(a.held - a.balance),
		   array_agg(l.expires_at)
	INTO due, deltas, expiries
	FROM trainledger.token_lot l
	JOIN trainledger.account a ON a.id = l.account_id
	WHERE l.account_id = ANY (accounts) AND l.is_open
	AND a.balance > a.held;
	IF due IS NOT NULL THEN
		PERFORM move_lots('expire'::trainledger.operation, due, deltas, '',
						  expiries, NULL::uuid[], NULL::bigint[]);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.expire_lots IS
'Books off what is left on lots that are over and no hold keeps back.';

/*
 * Books what comes back to lots that are over, and is over with them.  What
 * the sweep had still to book off is booked off before, so that it finds
 * nothing afterwards.  Without a time of its own an entry expire counts when it
 * is booked.
 */
CREATE FUNCTION trainledger_internal.forfeit(
	accounts bigint[], quantities trainledger.amount[], notes text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	takes trainledger.amount[];
BEGIN
	PERFORM expire_lots(accounts);
	PERFORM move_lots('refund'::trainledger.operation, accounts, quantities,
					  notes, NULL::timestamptz[], NULL::uuid[], NULL::bigint[]);
	SELECT array_agg(-q.quantity ORDER BY q.ordinal) INTO takes
	FROM unnest(quantities) WITH ORDINALITY AS q(quantity, ordinal);
	PERFORM move_lots('expire'::trainledger.operation, accounts, takes, notes,
					  NULL::timestamptz[], NULL::uuid[], NULL::bigint[]);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.forfeit IS
'Books a refund to lots that are over, and its expiry.';

CREATE FUNCTION trainledger_internal.reissue(
	lots uuid[], quantities trainledger.amount[], expires_at timestamptz,
	notes text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot;
BEGIN
	FOR i IN 1 .. cardinality(lots) LOOP
		lot := find_lot(lots[i]);
		lot.reissue_of := lot.id;
		lot.id := NULL;
		lot.expires_at := reissue.expires_at;
		PERFORM make_lot(lot, quantities[i], notes,
			'issue'::trainledger.operation, NULL::bigint);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.reissue IS
'Issues what was refunded to lots that are over anew, at their prices.';

CREATE FUNCTION trainledger_internal.refund_training_tokens(
	redemption_id bigint,
	quantity numeric DEFAULT NULL,
	if_expired trainledger.refund_policy DEFAULT 'forfeit',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.redemption
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- A generic plan uses the keys; a plan for a long array may scan whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	whole trainledger.redemption;
	token_type trainledger.token_type;
	wanted numeric := quantity;
	notes text;
	accounts bigint[];
	deltas trainledger.amount[];
	over_lots uuid[];
	over_accounts bigint[];
	over_deltas trainledger.amount[];
	is_written boolean;
BEGIN
	PERFORM require_given('redemption_id', redemption_id::text);
	IF quantity IS NOT NULL THEN
		PERFORM quantity('quantity', quantity, false);
	END IF;
	SELECT r.* INTO whole FROM trainledger.redemption r
	WHERE r.id = redemption_id;
	IF NOT FOUND THEN
		PERFORM require_home(redemption_id, 'redemption_id');
		PERFORM refuse_missing('redemption', redemption_id::text,
			'redemption_id');
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

	PERFORM require_home(whole.party_id, 'redemption_id');
	PERFORM lock_token_account(whole.party_id, whole.token_type_id);
	token_type := training_type(whole.token_type_id);
	whole := redemption(whole.id);
	wanted := coalesce(wanted, (whole.quantity - whole.refunded)::numeric);
	IF wanted = 0 OR wanted > (whole.quantity - whole.refunded)::numeric THEN
		PERFORM refuse('TL409', 'more than is left to refund',
			format('Of %s redeemed %s are refunded, and %s are wanted.',
				   whole.quantity, whole.refunded, trim_scale(wanted)),
			'Refund what is left of the redemption at most.',
			CASE WHEN quantity IS NULL THEN 'redemption_id' ELSE 'quantity' END);
	END IF;

	-- each lot gets back what the lots after it do not take
	WITH share AS (
		SELECT s.ordinal, l.account_id, l.id,
			   least(s.remaining, wanted - s.before)::trainledger.amount
				   AS quantity,
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
		SET refunded = x.refunded + s.quantity
		FROM share s
		WHERE x.redemption_id = whole.id AND x.ordinal = s.ordinal
		RETURNING x.ordinal
	)
	SELECT array_agg(s.account_id ORDER BY s.ordinal DESC)
			   FILTER (WHERE NOT s.is_over),
		   array_agg(s.quantity ORDER BY s.ordinal DESC)
			   FILTER (WHERE NOT s.is_over),
		   array_agg(s.id ORDER BY s.ordinal DESC) FILTER (WHERE s.is_over),
		   array_agg(s.account_id ORDER BY s.ordinal DESC)
			   FILTER (WHERE s.is_over),
		   array_agg(s.quantity ORDER BY s.ordinal DESC)
			   FILTER (WHERE s.is_over),
		   count(*) = (SELECT count(*) FROM given)
	INTO accounts, deltas, over_lots, over_accounts, over_deltas,
		 is_written
	FROM share s;
	PERFORM require_written('redemption_allocation', is_written);
	UPDATE trainledger.redemption r
	SET refunded = r.refunded + wanted::trainledger.amount
	WHERE r.id = whole.id;
	PERFORM require_written('redemption', FOUND);

	IF over_lots IS NOT NULL AND if_expired = 'reissue' THEN
		PERFORM require_not_archived(token_type, 'if_expired');
		PERFORM require_not_suspended(party(whole.party_id), 'if_expired');
	END IF;
	notes := format('Refund of redemption %s', whole.id);
	IF accounts IS NOT NULL THEN
		PERFORM require_not_suspended(party(whole.party_id), 'redemption_id');
		PERFORM move_lots('refund'::trainledger.operation, accounts, deltas,
			notes, NULL::timestamptz[], NULL::uuid[], NULL::bigint[]);
	END IF;
	IF over_lots IS NOT NULL THEN
		PERFORM forfeit(over_accounts, over_deltas, notes);
		IF if_expired = 'reissue' THEN
			PERFORM reissue(over_lots, over_deltas, default_expiry(token_type),
							notes);
		END IF;
	END IF;
	PERFORM keep_result(whole.party_id, idempotency_key, whole.id::text);
	RETURN redemption(whole.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.refund_training_tokens IS
'Gives redeemed tokens back to the lots they came from, last taken first; without a quantity, all that is left. What belongs to a lot that has expired is lost, or with reissue a new issue at its price, one for each lot. Level operator.';

-- Transfers

/*
 * Opens the receiver's token account and locks both, in the order of parties,
 * so that opposite transfers cannot deadlock.
 */
CREATE FUNCTION trainledger_internal.lock_both_token_accounts(
	from_party_id bigint, to_party_id bigint, token_type_id uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM require_home(from_party_id, 'from_party_id');
	PERFORM require_home(to_party_id, 'to_party_id');
	PERFORM open_token_account(to_party_id, token_type_id);
	PERFORM lock_token_account(least(from_party_id, to_party_id),
							   token_type_id);
	PERFORM lock_token_account(greatest(from_party_id, to_party_id),
							   token_type_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lock_both_token_accounts IS
'Locks the lots of two parties of a type; makes the receiver''s group where there is none.';

CREATE FUNCTION trainledger_internal.transferred(ids text)
RETURNS SETOF trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT i.*
	FROM string_to_table(ids, ',') WITH ORDINALITY AS s(id, ordinal)
	CROSS JOIN LATERAL issue(s.id::uuid) AS i
	ORDER BY s.ordinal;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.transferred IS
'Issues as they stand now, from a list of their ids.';

CREATE FUNCTION trainledger_internal.transfer_training_tokens(
	from_party_id bigint,
	to_party_id bigint,
	token_type_id uuid,
	quantity numeric,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS SETOF trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	receiver trainledger.party;
	token_type trainledger.token_type;
	made text;
	lots uuid[];
	accounts bigint[];
	takes trainledger.amount[];
	lot trainledger.token_lot;
	new_ids uuid[];
	new_accounts bigint[];
BEGIN
	PERFORM require_given('from_party_id', from_party_id::text);
	PERFORM require_given('to_party_id', to_party_id::text);
	PERFORM require_given('token_type_id', token_type_id::text);
	PERFORM quantity('quantity', quantity, false);
	PERFORM check_notes('notes', notes);
	IF from_party_id = to_party_id THEN
		PERFORM refuse('TL400', 'transfer to the same party',
			format('The tokens are party %s''s already.', from_party_id),
			'Give another party to transfer to.', 'to_party_id');
	END IF;
	PERFORM party_by('id', from_party_id::text, 'from_party_id');
	receiver := party_by('id', to_party_id::text, 'to_party_id');
	token_type := training_type(token_type_id);
	made := take_key(from_party_id, idempotency_key,
		'transfer_training_tokens', jsonb_build_array(to_party_id,
			token_type_id, trim_scale(quantity), coalesce(notes, '')));
	IF made IS NOT NULL THEN
		RETURN QUERY SELECT t.* FROM transferred(made) t;
		RETURN;
	END IF;
	PERFORM at_scale('quantity', quantity, token_type.scale);
	PERFORM lock_both_token_accounts(from_party_id, to_party_id, token_type_id);
	token_type := training_type(token_type_id);
	PERFORM require_active(token_type, 'token_type_id');
	PERFORM require_not_archived(token_type, 'token_type_id');
	PERFORM require_not_suspended(receiver, 'to_party_id');
	SELECT d.lots, d.accounts, d.takes INTO lots, accounts, takes
	FROM draw(from_party_id, token_type_id, quantity) d;

	FOR i IN 1 .. cardinality(lots) LOOP
		lot := find_lot(lots[i]);
		lot.id := NULL;
		lot.party_id := to_party_id;
		lot.reissue_of := NULL;
		lot := make_lot(lot, (-takes[i])::trainledger.amount,
			coalesce(notes, ''), 'transfer'::trainledger.operation, accounts[i]);
		new_ids := new_ids || lot.id;
		new_accounts := new_accounts || lot.account_id;
	END LOOP;
	PERFORM move_lots('transfer'::trainledger.operation, accounts, takes,
		coalesce(notes, ''), NULL::timestamptz[], NULL::uuid[], new_accounts);
	made := array_to_string(new_ids, ',');
	PERFORM keep_result(from_party_id, idempotency_key, made);
	RETURN QUERY SELECT t.* FROM transferred(made) t;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.transfer_training_tokens IS
'Gives training tokens of a party to another, from the lots that expire soonest, then oldest; all or nothing. Each lot that gives becomes a lot of the receiver with the same expiry and price; these are returned. Level operator.';

-- The sweep

CREATE FUNCTION trainledger_internal.expire_training_tokens(
	max_issues integer DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	candidates uuid[];
	accounts bigint[];
BEGIN
	IF max_issues IS NULL OR max_issues < 1 THEN
		PERFORM refuse('TL400', 'number of issues is out of range',
			format('The argument max_issues is %s.',
				   coalesce(max_issues::text, 'null')),
			'Give how many issues to book off at most.', 'max_issues');
	END IF;
	-- skips what others have locked: the next sweep books it off
	SELECT array_agg(c.id) INTO candidates
	FROM (
		SELECT l.id
		FROM trainledger.token_lot l
		JOIN trainledger.account a ON a.id = l.account_id
		JOIN trainledger.token_type t ON t.id = l.token_type_id
		JOIN trainledger.token_account k ON k.party_id = l.party_id
			AND k.token_type_id = l.token_type_id
		WHERE l.is_open AND l.expires_at <= trainledger.clock() AND t.is_active
		AND keeps_home(l.party_id)
		AND (a.balance > a.held OR a.balance > held(a.id, a.held))
		ORDER BY l.expires_at
		LIMIT max_issues
		FOR NO KEY UPDATE OF k SKIP LOCKED) c;

	-- read again: only from here on can nobody else change the lots
	SELECT array_agg(l.account_id) INTO accounts
	FROM trainledger.token_lot l
	JOIN trainledger.account a ON a.id = l.account_id
	WHERE l.id = ANY (candidates) AND l.is_open
	AND l.expires_at <= trainledger.clock()
	AND (a.balance > a.held OR a.balance > held(a.id, a.held));
	IF accounts IS NULL THEN
		RETURN 0;
	END IF;
	PERFORM expire_lots(accounts);
	RETURN cardinality(accounts);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.expire_training_tokens IS
'Books off what is left on issues that have expired, and returns how many issues that were. Balances and reports are right whether it runs or not; several sessions may run it at once. Level admin.';
