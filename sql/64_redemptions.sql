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
	available numeric;
	written bigint;
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
	-- each lot gives what the lots before it do not cover
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

	INSERT INTO trainledger.redemption AS r
		(id, party_id, token_type_id, quantity, reference, created_at)
	VALUES (new_id('trainledger.redemption_id_seq'::regclass, party_id),
			party_id, token_type_id, quantity, reference, trainledger.clock())
	RETURNING r.id INTO made_id;
	PERFORM require_written('redemption', FOUND);
	INSERT INTO trainledger.redemption_allocation
		(redemption_id, ordinal, issue_id, quantity)
	SELECT made_id, x.ordinal, x.id, -x.delta
	FROM ROWS FROM (unnest(lots), unnest(takes)) WITH ORDINALITY
		AS x(id, delta, ordinal);
	GET DIAGNOSTICS written = ROW_COUNT;
	PERFORM require_written('redemption_allocation',
							written = cardinality(lots));
	PERFORM move_lots(
		'redeem'::trainledger.operation, accounts, takes, coalesce(notes, ''),
		NULL::timestamptz[], NULL::uuid[], NULL::bigint[]);
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
-- A generic plan uses the keys; a plan for a long array may scan whole tables
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	whole trainledger.redemption;
	token_type trainledger.token_type;
	lot trainledger.token_lot;
	wanted numeric := quantity;
	accounts bigint[];
	deltas trainledger.amount[];
	expired numeric;
	is_written boolean;
BEGIN
	PERFORM require_given('redemption_id', redemption_id::text);
	IF quantity IS NOT NULL THEN
		PERFORM quantity('quantity', quantity, false);
	END IF;
	SELECT r.* INTO whole FROM trainledger.redemption r
	WHERE r.id = redemption_id;
	IF NOT FOUND THEN
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

	PERFORM lock_token_account(whole.party_id, whole.token_type_id);
	whole := redemption(whole.id);
	wanted := coalesce(wanted, (whole.quantity - whole.refunded)::numeric);
	IF wanted = 0 OR wanted > (whole.quantity - whole.refunded)::numeric THEN
		PERFORM refuse('TL409', 'more than is left to refund',
			format('Of %s redeemed %s are refunded, and %s are wanted.',
				   whole.quantity, whole.refunded, trim_scale(wanted)),
			'Refund what is left of the redemption at most.', 'quantity');
	END IF;

	-- each lot gets back what the lots after it do not take
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
		RETURNING x.ordinal
	)
	SELECT array_agg(s.account_id ORDER BY s.ordinal DESC)
			   FILTER (WHERE NOT s.is_over),
		   array_agg(s.quantity::trainledger.amount ORDER BY s.ordinal DESC)
			   FILTER (WHERE NOT s.is_over),
		   coalesce(sum(s.quantity) FILTER (WHERE s.is_over), 0),
		   count(*) = (SELECT count(*) FROM given)
	INTO accounts, deltas, expired, is_written
	FROM share s;
	PERFORM require_written('redemption_allocation', is_written);
	UPDATE trainledger.redemption r
	SET refunded = r.refunded + wanted::trainledger.amount
	WHERE r.id = whole.id;
	PERFORM require_written('redemption', FOUND);

	IF expired > 0 AND if_expired = 'reissue' THEN
		PERFORM require_not_archived(token_type, 'if_expired');
		PERFORM require_not_suspended(party(whole.party_id), 'if_expired');
	END IF;
	IF accounts IS NOT NULL THEN
		PERFORM move_lots(
			'refund'::trainledger.operation, accounts, deltas,
			format('Refund of redemption %s', whole.id), NULL::timestamptz[],
			NULL::uuid[], NULL::bigint[]);
	END IF;
	IF expired > 0 AND if_expired = 'reissue' THEN
		lot.party_id := whole.party_id;
		lot.token_type_id := whole.token_type_id;
		lot.expires_at := default_expiry(token_type);
		PERFORM make_lot(lot, expired::trainledger.amount,
			format('Refund of redemption %s', whole.id),
			'issue'::trainledger.operation, NULL::bigint);
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
	-- skips what others have locked: the next sweep books it off
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

	-- read again: only from here on can nobody else change the lots
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
		NULL::uuid[], NULL::bigint[]);
	RETURN cardinality(accounts);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.expire_training_tokens IS
'Books off what is left on issues that have expired, and returns how many issues that were. Balances and reports are right whether it runs or not; several sessions may run it at once. Level admin.';
