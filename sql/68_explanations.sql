-- Why a balance is what it is, and why a call would be refused (contract,
-- section 6)

/*
 * How much holds kept back at an instant, by allocation, from what happened to
 * them by then.
 */
CREATE FUNCTION trainledger_internal.held_at(
	party_id bigint, token_type_id uuid, at timestamptz)
RETURNS TABLE (hold_id bigint, account_id bigint, quantity numeric,
			   ends_at timestamptz, booking_no bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT x.hold_id, x.account_id,
		   x.quantity::numeric
		   - coalesce((
				SELECT sum(g.quantity::numeric)
				FROM trainledger.redemption r
				JOIN trainledger.redemption_allocation g
					ON g.redemption_id = r.id AND g.issue_id = x.issue_id
				WHERE r.id IN (SELECT v.redemption_id
							   FROM trainledger.hold_event v
							   WHERE v.hold_id = h.id AND v.created_at <= $3)),
				0)
		   - coalesce((
				SELECT sum(v.quantity::numeric)
				FROM trainledger.hold_event v
				WHERE v.hold_id = h.id AND v.account_id = x.account_id
				AND v.event IN ('captured', 'released')
				AND v.created_at <= $3), 0),
		   e.ends_at, e.booking_no
	FROM trainledger.placed_hold h
	JOIN trainledger.hold_allocation x ON x.hold_id = h.id
	CROSS JOIN LATERAL (
		SELECT (array_agg(v.expires_at ORDER BY v.id DESC))[1] AS ends_at,
			   min(v.booking_no) AS booking_no
		FROM trainledger.hold_event v
		WHERE v.hold_id = h.id AND v.created_at <= $3) AS e
	WHERE h.party_id = $1 AND h.token_type_id = $2
	AND h.created_at <= $3 AND e.ends_at > $3;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.held_at IS
'What each hold of a party and type that was not over kept back of each account at an instant.';

/*
 * The accounts that an explanation is about: one credit account, or all lots.
 */
CREATE FUNCTION trainledger_internal.explained_accounts(
	party_id bigint, token_type_id uuid, account_name text) RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	token_type trainledger.token_type;
	account trainledger.account;
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM require_given('token_type_id', token_type_id::text);
	PERFORM party_by('id', party_id::text, 'party_id');
	SELECT t.* INTO token_type FROM trainledger.token_type t
	WHERE t.id = explained_accounts.token_type_id;
	IF NOT FOUND THEN
		PERFORM refuse_missing('token type', token_type_id::text,
			'token_type_id');
	END IF;
	IF token_type.kind = 'credit' THEN
		account := credit_account(party_id, account_name, token_type.name);
		RETURN ARRAY[account.id];
	ELSIF account_name IS NOT NULL THEN
		PERFORM refuse('TL400', 'lots of training tokens have no name',
			format('The token type %s is one of training tokens.',
				   quote_literal(token_type.name)),
			'Leave account_name out.', 'account_name');
	END IF;
	RETURN (SELECT coalesce(array_agg(l.account_id), '{}')
			FROM trainledger.token_lot l
			WHERE l.party_id = explained_accounts.party_id
			AND l.token_type_id = explained_accounts.token_type_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.explained_accounts IS
'The credit account of a party by its name, or its lots of training tokens, by token type.';

/*
 * Each entry counts in one line: redemptions have one each, from whichever lots,
 * all other movements one for each account and kind.  The entries of a
 * redemption have its time.
 */
CREATE FUNCTION trainledger_internal.movements(
	accounts bigint[], party_id bigint, token_type_id uuid, at timestamptz)
RETURNS TABLE (account_id bigint, line text, quantity numeric,
			   since timestamptz, entries bigint, notes text, booked_by text,
			   booking_no bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH booked AS MATERIALIZED (
		SELECT e.account_id, e.entry_no, e.delta::numeric AS delta,
			   e.created_at, e.description, e.booked_by, e.booking_no,
			   CASE e.operation
					WHEN 'init' THEN 'opened'
					WHEN 'add' THEN 'added'
					WHEN 'subtract' THEN 'subtracted'
					WHEN 'issue' THEN 'issued'
					WHEN 'adjust' THEN 'adjusted'
					WHEN 'redeem' THEN 'redeemed'
					WHEN 'refund' THEN 'refunded'
					WHEN 'capture' THEN 'captured'
					WHEN 'transfer' THEN 'transferred'
					WHEN 'expire' THEN CASE WHEN e.recorded_at IS NULL
						THEN 'lost on expired lots' ELSE 'expired' END
					ELSE e.operation::text END AS line
		FROM trainledger.entry e
		WHERE e.account_id = ANY (accounts) AND e.created_at <= at
	)
	SELECT b.account_id, b.line, sum(b.delta), min(b.created_at), count(*),
		   (array_agg(b.description ORDER BY b.entry_no DESC))[1],
		   (array_agg(b.booked_by ORDER BY b.entry_no DESC))[1],
		   (array_agg(b.booking_no ORDER BY b.entry_no DESC))[1]
	FROM booked b WHERE b.line <> 'redeemed'
	GROUP BY b.account_id, b.line
	UNION ALL
	SELECT NULL, 'redeemed', -r.quantity::numeric, r.created_at, 1,
		   format('%s; %s', r.reference,
				  (SELECT string_agg(format('%s of issue %s', x.quantity,
											x.issue_id), ', ' ORDER BY x.ordinal)
				   FROM trainledger.redemption_allocation x
				   WHERE x.redemption_id = r.id)),
		   b.booked_by, b.booking_no
	FROM trainledger.redemption r
	LEFT JOIN (
		SELECT n.created_at, min(n.booked_by) AS booked_by,
			   min(n.booking_no) AS booking_no
		FROM booked n WHERE n.line = 'redeemed'
		GROUP BY n.created_at) b ON b.created_at = r.created_at
	WHERE r.party_id = $2 AND r.token_type_id = $3 AND r.created_at <= at;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.movements IS
'What was booked on accounts of a party and type up to an instant, by account and kind of movement.';

CREATE FUNCTION trainledger.why(
	party_id bigint, token_type_id uuid, account_name text DEFAULT NULL,
	at timestamptz DEFAULT NULL)
RETURNS TABLE (
	ordinal integer, line text, quantity trainledger.amount,
	since timestamptz, until timestamptz, reference text, changed_by text,
	booking_no bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	accounts bigint[] := trainledger_internal.explained_accounts(
		party_id, token_type_id, account_name);
	instant timestamptz := coalesce(at, trainledger.clock());
BEGIN
	RETURN QUERY
	WITH moved AS MATERIALIZED (
		SELECT m.*
		FROM trainledger_internal.movements(accounts, $1, $2, instant) m
	), held AS MATERIALIZED (
		SELECT k.*
		FROM trainledger_internal.held_at($1, $2, instant) k
		WHERE k.account_id = ANY (accounts) AND k.quantity > 0
	), lot AS MATERIALIZED (
		-- the expiry that it had then: the next change knows it
		SELECT l.id, l.account_id,
			   CASE WHEN v.later IS NULL THEN l.expires_at
					ELSE v.later[1] END AS expires_at,
			   v.changes
		FROM trainledger.token_lot l
		CROSS JOIN LATERAL (
			SELECT count(*) FILTER (WHERE c.created_at <= instant) AS changes,
				   array_agg(c.old_expires_at ORDER BY c.created_at, c.id)
					   FILTER (WHERE c.created_at > instant) AS later
			FROM trainledger.token_issue_event c WHERE c.issue_id = l.id) AS v
		WHERE l.account_id = ANY (accounts)
	), over AS (
		SELECT l.id, l.expires_at, b.balance - coalesce(
				   (f.held ->> l.account_id::text)::numeric, 0) AS quantity
		-- a join could take the product of lots and holds
		FROM (SELECT jsonb_object_agg(s.account_id, s.quantity) AS held
			  FROM (SELECT k.account_id, sum(k.quantity) AS quantity
					FROM held k GROUP BY k.account_id) s) f
		CROSS JOIN lot l
		CROSS JOIN LATERAL (
			SELECT e.balance::numeric AS balance FROM trainledger.entry e
			WHERE e.account_id = l.account_id AND e.created_at <= instant
			ORDER BY e.entry_no DESC LIMIT 1) AS b
		WHERE l.expires_at <= instant
	), lines AS (
		SELECT 1 AS part, m.line, m.quantity, m.since,
			   CASE WHEN m.line = 'issued' THEN l.expires_at END AS until,
			   concat_ws('; ', nullif(m.notes, ''),
				   CASE WHEN l.id IS NOT NULL THEN 'issue ' || l.id END,
				   CASE WHEN m.line = 'issued' AND l.changes > 0
						THEN format('expiry changed %s times', l.changes) END,
				   CASE WHEN m.entries > 1
						THEN format('%s entries', m.entries) END) AS reference,
			   m.booked_by AS changed_by, m.booking_no
		FROM moved m
		LEFT JOIN lot l ON l.account_id = m.account_id
		UNION ALL
		SELECT 2, 'booked', (SELECT coalesce(sum(m.quantity), 0) FROM moved m),
			   NULL, NULL, NULL, NULL, NULL
		UNION ALL
		SELECT 3, 'held', -sum(k.quantity), h.created_at, k.ends_at,
			   coalesce(h.reference, h.notes), h.placed_by, k.booking_no
		FROM held k
		JOIN trainledger.placed_hold h ON h.id = k.hold_id
		GROUP BY h.id, h.created_at, k.ends_at, h.reference, h.notes,
				 h.placed_by, k.booking_no
		UNION ALL
		SELECT 4, 'expired, not swept', -o.quantity, o.expires_at, NULL,
			   'issue ' || o.id, NULL, NULL
		FROM over o WHERE o.quantity <> 0
		UNION ALL
		SELECT 5, 'available',
			   (SELECT coalesce(sum(m.quantity), 0) FROM moved m)
			   - (SELECT coalesce(sum(k.quantity), 0) FROM held k)
			   - (SELECT coalesce(sum(o.quantity), 0) FROM over o),
			   NULL, NULL, NULL, NULL, NULL)
	SELECT row_number() OVER (ORDER BY n.part, n.since,
			   n.line NOT IN ('opened', 'issued'), n.line, n.until, n.reference)
			   ::integer,
		   n.line, n.quantity::trainledger.amount, n.since, n.until,
		   n.reference, n.changed_by, n.booking_no
	FROM lines n
	ORDER BY 1;
END;
$$;
COMMENT ON FUNCTION trainledger.why IS
'Why a balance is what it is, now or at an instant: every kind of movement with its evidence; their sum, booked; what holds keep back, and what has expired and is not swept; and what is left, available. Level learner, for its own.';

/*
 * A refusal is an error, and a row here.  What could be done about too small a
 * balance is added: holds that end next.
 */
CREATE FUNCTION trainledger.why_not(
	party_id bigint, token_type_id uuid, quantity numeric,
	account_name text DEFAULT NULL)
RETURNS TABLE (refusal text, message text, detail text, hint text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	token_type trainledger.token_type;
	account trainledger.account;
	accounts bigint[];
BEGIN
	BEGIN
		PERFORM trainledger_internal.quantity('quantity'::text, quantity, false);
		accounts := trainledger_internal.explained_accounts(party_id,
			token_type_id, account_name);
		SELECT t.* INTO token_type FROM trainledger.token_type t
		WHERE t.id = why_not.token_type_id;
		IF token_type.kind = 'training' THEN
			PERFORM trainledger_internal.at_scale('quantity'::text, quantity,
				token_type.scale);
		ELSE
			quantity := trainledger_internal.round_to_scale('quantity'::text,
				quantity, token_type, 'round'::trainledger.rounding);
			SELECT a.* INTO account FROM trainledger.account a
			WHERE a.id = accounts[1];
		END IF;
		PERFORM trainledger_internal.require_active(token_type,
			'token_type_id'::text);
		IF token_type.kind = 'training' THEN
			PERFORM trainledger_internal.draw(party_id, token_type_id, quantity);
		ELSE
			PERFORM trainledger_internal.check_available(account, token_type,
				quantity);
		END IF;
		RETURN;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS refusal = RETURNED_SQLSTATE,
			message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
			hint = PG_EXCEPTION_HINT;
		IF refusal NOT LIKE 'TL%' THEN
			RAISE;
		END IF;
	END;
	IF refusal = 'TL055' THEN
		hint := concat_ws(' ', hint, (
			SELECT string_agg(format('Hold %s keeps %s back until %s.',
				s.hold_id, trim_scale(s.quantity),
				to_char(s.ends_at AT TIME ZONE 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
				' ' ORDER BY s.ends_at, s.hold_id)
			FROM (
				SELECT k.hold_id, sum(k.quantity) AS quantity, k.ends_at
				FROM trainledger_internal.held_at(party_id, token_type_id,
					trainledger.clock()) k
				WHERE k.account_id = ANY (accounts)
				GROUP BY k.hold_id, k.ends_at
				HAVING sum(k.quantity) > 0
				ORDER BY k.ends_at LIMIT 5) s));
	END IF;
	RETURN NEXT;
END;
$$;
COMMENT ON FUNCTION trainledger.why_not IS
'What a redemption of so many training tokens, or a subtraction from a credit account, would be refused for now, and what would free it; no row: it would pass. Level learner, for its own.';
