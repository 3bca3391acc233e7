-- Reports (contract, section 14)

/*
 * The parts of an expired lot that are over, each with its instant: what no hold
 * keeps back, with the lot; the rest of a hold that ended later, with that.  As
 * the owner: a learner sees what became of its organisation's lots, and not for
 * whom they were held.
 */
CREATE FUNCTION trainledger_internal.over_parts(issue_id uuid)
RETURNS TABLE (over_at timestamptz, quantity numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 2
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH lot AS (
		SELECT l.id, l.expires_at, a.balance::numeric AS balance
		FROM trainledger.token_lot l
		JOIN trainledger.account a ON a.id = l.account_id
		WHERE l.id = $1
	), kept AS (
		SELECT h.expires_at, x.quantity::numeric - x.captured::numeric
			   - x.released::numeric AS quantity
		FROM lot l
		JOIN trainledger.hold_allocation x ON x.issue_id = l.id
		JOIN trainledger.placed_hold h ON h.id = x.hold_id
		WHERE h.is_open AND h.expires_at > l.expires_at)
	SELECT l.expires_at,
		   l.balance - coalesce((SELECT sum(k.quantity) FROM kept k), 0)
	FROM lot l
	UNION ALL
	SELECT k.expires_at, k.quantity FROM kept k
	WHERE k.expires_at <= trainledger.clock();
END;
$$;
COMMENT ON FUNCTION trainledger_internal.over_parts IS
'The parts of an expired lot that are over and not booked off, and since when.';

CREATE FUNCTION trainledger_internal.unswept()
RETURNS TABLE (token_type_id uuid, unit_price numeric, currency_code text,
			   over_at timestamptz, quantity numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT l.token_type_id, l.unit_price, l.currency_code, p.over_at, p.quantity
	FROM trainledger.token_lot l
	JOIN trainledger.account a ON a.id = l.account_id
	CROSS JOIN LATERAL (
		SELECT l.expires_at AS over_at, a.balance::numeric AS quantity
		WHERE a.held = 0::trainledger.amount
		UNION ALL
		SELECT o.over_at, o.quantity
		FROM over_parts(l.id) o
		WHERE a.held <> 0::trainledger.amount) AS p
	WHERE l.is_open AND l.expires_at <= trainledger.clock();
END;
$$;
COMMENT ON FUNCTION trainledger_internal.unswept IS
'What is over of lots that have expired, and not booked off: by the instant at which it was.';

/*
 * Reports over months read the summary that seal() keeps, and entries after it
 * (month_sums() says what is in it).  Where the summary cannot be used,
 * summed_upto() is less than every number, and they read entries alone.  The
 * figures are the same, and zeros at their ends, which sums of parts may have,
 * are taken away.
 *
 * A lot that has expired is worth nothing from then on, whether the sweep has
 * booked it off or not: either way it counts in the month of expires_at.  What
 * comes back to such a lot afterwards expires when it is booked, and its entry
 * has no recorded_at.  Types go by their name throughout, so that a condition
 * on it reaches the lots.
 */
CREATE VIEW trainledger.token_liability WITH (security_invoker = true) AS
WITH movement AS (
	SELECT y.name, s.operation, s.month::timestamp AS month,
		   s.quantity AS delta
	FROM trainledger.token_type y
	JOIN trainledger.month_summary s ON s.token_type_id = y.id
	WHERE y.kind = 'training'
	AND s.last_booking_no <= trainledger_internal.summed_upto()
	UNION ALL
	SELECT y.name, e.operation,
		   date_trunc('month', CASE e.operation
				WHEN 'expire' THEN coalesce(e.recorded_at, e.created_at)
				ELSE e.created_at END AT TIME ZONE 'UTC'),
		   sum(e.delta)
	FROM trainledger.token_type y
	JOIN trainledger.token_lot l ON l.token_type_id = y.id
	JOIN trainledger.entry e ON e.account_id = l.account_id
	WHERE e.booking_no > trainledger_internal.summed_upto()
	GROUP BY 1, 2, 3
	UNION ALL
	SELECT y.name, 'expire'::trainledger.operation,
		   date_trunc('month', u.over_at AT TIME ZONE 'UTC'),
		   -sum(u.quantity)
	FROM trainledger.token_type y
	JOIN trainledger_internal.unswept() u ON u.token_type_id = y.id
	GROUP BY 1, 2, 3
), total AS (
	SELECT m.name, m.month,
		   trim_scale(sum(m.delta) FILTER (WHERE m.operation = 'issue'))
			   AS issued,
		   trim_scale(sum(m.delta) FILTER (WHERE m.operation = 'adjust'))
			   AS adjusted,
		   trim_scale(-sum(m.delta) FILTER (WHERE m.operation = 'redeem'))
			   AS redeemed,
		   trim_scale(sum(m.delta) FILTER (WHERE m.operation = 'refund'))
			   AS refunded,
		   trim_scale(-sum(m.delta) FILTER (WHERE m.operation = 'expire'))
			   AS expired,
		   trim_scale(sum(sum(m.delta)) OVER w) AS outstanding,
		   lead(m.month) OVER w AS next_month
	FROM movement m
	GROUP BY m.name, m.month
	WINDOW w AS (PARTITION BY m.name ORDER BY m.month)
)
SELECT t.name AS token_type, c.month::date AS month,
	   CASE WHEN c.month = t.month THEN coalesce(t.issued, 0) ELSE 0 END AS issued,
	   CASE WHEN c.month = t.month THEN coalesce(t.adjusted, 0) ELSE 0 END AS adjusted,
	   CASE WHEN c.month = t.month THEN coalesce(t.redeemed, 0) ELSE 0 END AS redeemed,
	   CASE WHEN c.month = t.month THEN coalesce(t.refunded, 0) ELSE 0 END AS refunded,
	   CASE WHEN c.month = t.month THEN coalesce(t.expired, 0) ELSE 0 END AS expired,
	   t.outstanding
FROM total t
-- fills the months without movements, up to the next month that has some
CROSS JOIN LATERAL generate_series(t.month,
	coalesce(t.next_month - interval '1 month',
			 greatest(t.month, date_trunc('month',
				trainledger.clock() AT TIME ZONE 'UTC'))),
	interval '1 month') AS c(month);
COMMENT ON VIEW trainledger.token_liability IS
'Training tokens of each type by month (in UTC): what was issued, adjusted, redeemed, refunded and expired, and what was outstanding at the month''s end; from the first issue up to now.';
COMMENT ON COLUMN trainledger.token_liability.token_type IS 'Name of the token type.';
COMMENT ON COLUMN trainledger.token_liability.month IS 'First day of the month.';
COMMENT ON COLUMN trainledger.token_liability.issued IS 'How many were issued.';
COMMENT ON COLUMN trainledger.token_liability.adjusted IS 'How many adjustments added; negative where they took more.';
COMMENT ON COLUMN trainledger.token_liability.redeemed IS 'How many were redeemed.';
COMMENT ON COLUMN trainledger.token_liability.refunded IS 'How many were given back to lots, those that had expired included.';
COMMENT ON COLUMN trainledger.token_liability.expired IS 'How many expired, booked off by the sweep or not yet, and how many were lost because they came back to a lot that had expired.';
COMMENT ON COLUMN trainledger.token_liability.outstanding IS 'How many could still be redeemed at the month''s end; of the present month: now.';

/*
 * What was paid for tokens that are not yet used: each movement at the price of
 * its lot.  Every entry of a lot counts in exactly one column, so that
 *
 *   opening + sold + adjusted - earned - breakage = closing
 *
 * to the last digit.  An issue is sold.  A redemption is earned, and a refund
 * takes that back, whatever becomes of the tokens: lost on a lot that has
 * expired they are breakage in the same booking.  Issued anew they are not sold
 * again: the new lot has the price of the old one, and its issue takes back the
 * breakage, so that revenue is deferred once more.  A transfer is adjusted, once
 * with each sign, which is nothing over all parties; somebody who sees one of
 * the two lots sees what came or went.
 */
CREATE VIEW trainledger.token_revenue WITH (security_invoker = true) AS
WITH movement AS (
	SELECT y.name, s.currency_code, s.operation, s.is_reissue,
		   s.month::timestamp AS month, s.value
	FROM trainledger.token_type y
	JOIN trainledger.month_summary s ON s.token_type_id = y.id
	WHERE s.currency_code <> ''
	AND s.last_booking_no <= trainledger_internal.summed_upto()
	UNION ALL
	SELECT y.name, l.currency_code, e.operation, l.reissue_of IS NOT NULL,
		   date_trunc('month', CASE e.operation
				WHEN 'expire' THEN coalesce(e.recorded_at, e.created_at)
				ELSE e.created_at END AT TIME ZONE 'UTC'),
		   sum(trainledger.amount_to_numeric(e.delta) * l.unit_price)
	FROM trainledger.token_type y
	JOIN trainledger.token_lot l ON l.token_type_id = y.id
	JOIN trainledger.entry e ON e.account_id = l.account_id
	WHERE l.unit_price IS NOT NULL
	AND e.booking_no > trainledger_internal.summed_upto()
	GROUP BY 1, 2, 3, 4, 5
	UNION ALL
	SELECT y.name, u.currency_code, 'expire'::trainledger.operation, false,
		   date_trunc('month', u.over_at AT TIME ZONE 'UTC'),
		   -sum(u.quantity * u.unit_price)
	FROM trainledger.token_type y
	JOIN trainledger_internal.unswept() u ON u.token_type_id = y.id
	WHERE u.unit_price IS NOT NULL
	GROUP BY 1, 2, 3, 4, 5
), sorted AS (
	SELECT v.name, v.currency_code, v.month, v.value,
		   CASE v.operation
				WHEN 'issue' THEN
					CASE WHEN v.is_reissue THEN 'breakage' ELSE 'sold' END
				WHEN 'redeem' THEN 'earned'
				WHEN 'refund' THEN 'earned'
				WHEN 'expire' THEN 'breakage'
				ELSE 'adjusted' END AS kind
	FROM movement v
), monthly AS (
	SELECT m.name, m.currency_code, m.month,
		   coalesce(sum(m.value) FILTER (WHERE m.kind = 'sold'), 0) AS sold,
		   coalesce(sum(m.value) FILTER (WHERE m.kind = 'adjusted'), 0)
			   AS adjusted,
		   coalesce(-sum(m.value) FILTER (WHERE m.kind = 'earned'), 0)
			   AS earned,
		   coalesce(-sum(m.value) FILTER (WHERE m.kind = 'breakage'), 0)
			   AS breakage,
		   sum(m.value) AS change
	FROM sorted m
	GROUP BY m.name, m.currency_code, m.month
), total AS (
	SELECT m.*, sum(m.change) OVER w AS closing,
		   sum(m.earned) OVER w AS all_earned,
		   sum(m.breakage) OVER w AS all_breakage,
		   lead(m.month) OVER w AS next_month
	FROM monthly m
	WINDOW w AS (PARTITION BY m.name, m.currency_code ORDER BY m.month)
)
SELECT t.name AS token_type, t.currency_code AS currency,
	   c.month::date AS month,
	   trim_scale(CASE WHEN c.month = t.month THEN t.closing - t.change
				  ELSE t.closing END) AS deferred_opening,
	   trim_scale(CASE WHEN c.month = t.month THEN t.sold ELSE 0 END) AS sold,
	   trim_scale(CASE WHEN c.month = t.month THEN t.adjusted ELSE 0 END)
		   AS adjusted,
	   trim_scale(CASE WHEN c.month = t.month THEN t.earned ELSE 0 END)
		   AS earned,
	   trim_scale(CASE WHEN c.month = t.month THEN t.breakage ELSE 0 END)
		   AS breakage,
	   trim_scale(t.closing) AS deferred_closing,
	   round(t.all_earned / nullif(t.all_earned + t.all_breakage, 0), 4)
		   AS exercised_share
FROM total t
-- fills the months without movements, as in token_liability
CROSS JOIN LATERAL generate_series(t.month,
	coalesce(t.next_month - interval '1 month',
			 greatest(t.month, date_trunc('month',
				trainledger.clock() AT TIME ZONE 'UTC'))),
	interval '1 month') AS c(month);
COMMENT ON VIEW trainledger.token_revenue IS
'Revenue from training tokens whose price is known, by type, currency and month (in UTC): deferred_opening + sold + adjusted - earned - breakage = deferred_closing; from the first issue up to now.';
COMMENT ON COLUMN trainledger.token_revenue.token_type IS 'Name of the token type.';
COMMENT ON COLUMN trainledger.token_revenue.currency IS 'Code of the currency.';
COMMENT ON COLUMN trainledger.token_revenue.month IS 'First day of the month.';
COMMENT ON COLUMN trainledger.token_revenue.deferred_opening IS 'What was paid for tokens that were left at the month''s beginning.';
COMMENT ON COLUMN trainledger.token_revenue.sold IS 'What was paid for tokens issued in the month; refunds that were issued anew are not sold again.';
COMMENT ON COLUMN trainledger.token_revenue.adjusted IS 'Worth of what adjustments added, negative where they and voids took more. Transfers count here with both signs, which is nothing over all parties.';
COMMENT ON COLUMN trainledger.token_revenue.earned IS 'Worth of what was redeemed, less what was refunded.';
COMMENT ON COLUMN trainledger.token_revenue.breakage IS 'Worth of what expired, swept or not, and of refunds lost on lots that had expired; less what of those was issued anew.';
COMMENT ON COLUMN trainledger.token_revenue.deferred_closing IS 'What was paid for tokens that were left at the month''s end; of the present month: now.';
COMMENT ON COLUMN trainledger.token_revenue.exercised_share IS 'Share of earned in earned and breakage from the beginning to the month''s end, rounded to four decimals; null where both are 0.';

/*
 * Transfers are in no column of their own: within a type and a month they net to
 * nothing, as both entries have the same time.  Somebody who sees one side only
 * finds it in outstanding.
 */
CREATE VIEW trainledger.credit_liability WITH (security_invoker = true) AS
WITH movement AS (
	SELECT y.name, s.operation, s.month::timestamp AS month,
		   s.quantity AS delta
	FROM trainledger.token_type y
	JOIN trainledger.month_summary s ON s.token_type_id = y.id
	WHERE y.kind = 'credit'
	AND s.last_booking_no <= trainledger_internal.summed_upto()
	UNION ALL
	SELECT y.name, e.operation,
		   date_trunc('month', e.created_at AT TIME ZONE 'UTC'),
		   sum(e.delta)
	FROM trainledger.token_type y
	JOIN trainledger.account a ON a.token_type_id = y.id
	JOIN trainledger.entry e ON e.account_id = a.id
	WHERE y.kind = 'credit'
	AND e.booking_no > trainledger_internal.summed_upto()
	GROUP BY 1, 2, 3
), total AS (
	SELECT m.name, m.month,
		   trim_scale(sum(m.delta) FILTER (WHERE m.operation = 'init'))
			   AS opened,
		   trim_scale(sum(m.delta) FILTER (WHERE m.operation = 'add'))
			   AS added,
		   trim_scale(-sum(m.delta) FILTER (
			   WHERE m.operation IN ('subtract', 'capture'))) AS subtracted,
		   trim_scale(sum(m.delta) FILTER (WHERE m.operation = 'adjust'))
			   AS adjusted,
		   trim_scale(sum(sum(m.delta)) OVER w) AS outstanding,
		   lead(m.month) OVER w AS next_month
	FROM movement m
	GROUP BY m.name, m.month
	WINDOW w AS (PARTITION BY m.name ORDER BY m.month)
)
SELECT t.name AS token_type, c.month::date AS month,
	   CASE WHEN c.month = t.month THEN coalesce(t.opened, 0) ELSE 0 END AS opened,
	   CASE WHEN c.month = t.month THEN coalesce(t.added, 0) ELSE 0 END AS added,
	   CASE WHEN c.month = t.month THEN coalesce(t.subtracted, 0) ELSE 0 END AS subtracted,
	   CASE WHEN c.month = t.month THEN coalesce(t.adjusted, 0) ELSE 0 END AS adjusted,
	   t.outstanding
FROM total t
-- fills the months without movements, as in token_liability
CROSS JOIN LATERAL generate_series(t.month,
	coalesce(t.next_month - interval '1 month',
			 greatest(t.month, date_trunc('month',
				trainledger.clock() AT TIME ZONE 'UTC'))),
	interval '1 month') AS c(month);
COMMENT ON VIEW trainledger.credit_liability IS
'Credit tokens of each type by month (in UTC): what accounts were opened with, what was added, subtracted and adjusted, and what was outstanding at the month''s end; from the first opening up to now. Transfers net to nothing.';
COMMENT ON COLUMN trainledger.credit_liability.token_type IS 'Name of the token type.';
COMMENT ON COLUMN trainledger.credit_liability.month IS 'First day of the month.';
COMMENT ON COLUMN trainledger.credit_liability.opened IS 'What accounts were opened with.';
COMMENT ON COLUMN trainledger.credit_liability.added IS 'How many were added.';
COMMENT ON COLUMN trainledger.credit_liability.subtracted IS 'How many were taken, captures of holds included.';
COMMENT ON COLUMN trainledger.credit_liability.adjusted IS 'How many adjustments added; negative where they took more.';
COMMENT ON COLUMN trainledger.credit_liability.outstanding IS 'Sum of the balances at the month''s end; of the present month: now.';

CREATE VIEW trainledger.balances WITH (security_invoker = true) AS
SELECT a.party_id, p.name AS party, p.organisation_id, y.kind,
	   y.name AS token_type, a.name AS account_name, l.id AS issue_id,
	   l.expires_at, a.balance AS booked, h.held,
	   CASE WHEN l.expires_at <= trainledger.clock()
			THEN '0'::trainledger.amount ELSE a.balance - h.held END AS available,
	   a.last_entry_at
FROM trainledger.account a
CROSS JOIN LATERAL (
	SELECT CASE WHEN a.held = '0'::trainledger.amount THEN a.held
		   ELSE trainledger_internal.held(a.id, a.held) END AS held) AS h
JOIN trainledger.token_type y ON y.id = a.token_type_id
LEFT JOIN trainledger.token_lot l ON l.account_id = a.id
LEFT JOIN trainledger.party p ON p.id = a.party_id;
COMMENT ON VIEW trainledger.balances IS
'What everybody has: a row for each credit account and each lot of training tokens.';
COMMENT ON COLUMN trainledger.balances.party IS 'Name of the party; null where the caller may not see it.';
COMMENT ON COLUMN trainledger.balances.organisation_id IS 'Organisation that the party belongs to; null: to none.';
COMMENT ON COLUMN trainledger.balances.kind IS 'credit: a credit account; training: a lot of training tokens.';
COMMENT ON COLUMN trainledger.balances.token_type IS 'Name of the token type.';
COMMENT ON COLUMN trainledger.balances.account_name IS 'Name of a credit account; null for a lot.';
COMMENT ON COLUMN trainledger.balances.issue_id IS 'Issue that a lot is; null for a credit account.';
COMMENT ON COLUMN trainledger.balances.expires_at IS 'When a lot expires; null: never.';
COMMENT ON COLUMN trainledger.balances.booked IS 'Balance as booked.';
COMMENT ON COLUMN trainledger.balances.held IS 'What holds keep back.';
COMMENT ON COLUMN trainledger.balances.available IS 'What can be used now: what is booked less what is held; 0 of an expired lot.';
COMMENT ON COLUMN trainledger.balances.last_entry_at IS 'When the last entry was booked.';

CREATE VIEW trainledger.tokens_expiring WITH (security_invoker = true) AS
SELECT (l.expires_at AT TIME ZONE 'UTC')::date AS day, y.name AS token_type,
	   l.party_id, p.name AS party,
	   sum(CASE WHEN a.held = '0'::trainledger.amount THEN a.balance
		   ELSE a.balance - trainledger_internal.held(a.id, a.held) END)
		   AS quantity
FROM trainledger.token_lot l
JOIN trainledger.account a ON a.id = l.account_id
JOIN trainledger.token_type y ON y.id = l.token_type_id
LEFT JOIN trainledger.party p ON p.id = l.party_id
WHERE l.is_open
AND l.expires_at > trainledger.clock()
AND l.expires_at < date_trunc('day', trainledger.clock(), 'UTC')
				   + interval '2184 hours'		-- 91 days, whatever the zone
GROUP BY 1, y.name, l.party_id, p.name;
COMMENT ON VIEW trainledger.tokens_expiring IS
'Training tokens that expire from now to the day in 90 days (in UTC), by day, type and holder.';
COMMENT ON COLUMN trainledger.tokens_expiring.day IS 'Day of the expiry.';
COMMENT ON COLUMN trainledger.tokens_expiring.token_type IS 'Name of the token type.';
COMMENT ON COLUMN trainledger.tokens_expiring.party_id IS 'Party that holds them.';
COMMENT ON COLUMN trainledger.tokens_expiring.party IS 'Name of the party; null where the caller may not see it.';
COMMENT ON COLUMN trainledger.tokens_expiring.quantity IS 'How many expire, as things stand; without what holds keep back.';

CREATE VIEW trainledger.hold_overview WITH (security_invoker = true) AS
SELECT y.name AS token_type, count(*) AS open,
	   sum(h.quantity - h.captured - h.released) AS quantity,
	   min(h.created_at) AS oldest, min(h.expires_at) AS ends_next
FROM trainledger.placed_hold h
JOIN trainledger.token_type y ON y.id = h.token_type_id
WHERE h.is_open AND h.expires_at > trainledger.clock()
GROUP BY y.id, y.name;
COMMENT ON VIEW trainledger.hold_overview IS
'Open holds of each token type.';
COMMENT ON COLUMN trainledger.hold_overview.token_type IS 'Name of the token type.';
COMMENT ON COLUMN trainledger.hold_overview.open IS 'How many holds are open.';
COMMENT ON COLUMN trainledger.hold_overview.quantity IS 'How many tokens they keep back.';
COMMENT ON COLUMN trainledger.hold_overview.oldest IS 'When the oldest of them was placed.';
COMMENT ON COLUMN trainledger.hold_overview.ends_next IS 'When the next of them ends.';

-- Grouped by the name too, so that a condition on it is pushed down

CREATE VIEW trainledger.pass_utilisation WITH (security_invoker = true) AS
SELECT y.name AS pass_type,
	   count(*) FILTER (WHERE p.status = 'active') AS active,
	   count(*) FILTER (WHERE p.status = 'upcoming') AS upcoming,
	   count(*) FILTER (WHERE p.status = 'expired') AS expired,
	   count(*) FILTER (WHERE p.status = 'cancelled') AS cancelled,
	   count(p.use_id) AS uses
FROM trainledger.pass_type y
LEFT JOIN (
	SELECT t.pass_type_id, t.status, NULL::bigint AS use_id
	FROM trainledger.training_pass t
	UNION ALL
	-- not looked up for each pass: where few passes have all the uses, the
	-- planner would read them all each time
	SELECT k.pass_type_id, NULL, u.id
	FROM trainledger.pass_use u
	JOIN trainledger.pass k ON k.id = u.pass_id
	WHERE u.cancelled_at IS NULL) p ON p.pass_type_id = y.id
GROUP BY y.id, y.name;
COMMENT ON VIEW trainledger.pass_utilisation IS
'Training passes of each type by their status now, and the bookings made on them.';
COMMENT ON COLUMN trainledger.pass_utilisation.pass_type IS 'Name of the pass type.';
COMMENT ON COLUMN trainledger.pass_utilisation.active IS 'Passes that are valid now.';
COMMENT ON COLUMN trainledger.pass_utilisation.upcoming IS 'Passes that are not valid yet.';
COMMENT ON COLUMN trainledger.pass_utilisation.expired IS 'Passes that are no longer valid.';
COMMENT ON COLUMN trainledger.pass_utilisation.cancelled IS 'Passes that were revoked or reassigned.';
COMMENT ON COLUMN trainledger.pass_utilisation.uses IS 'Bookings made on passes of the type, whatever became of the passes; without those that were cancelled.';

CREATE VIEW trainledger.signup_funnel WITH (security_invoker = true) AS
SELECT t.id AS signup_token_id, t.maximum_activations, t.activations,
	   round(t.activations::numeric / t.maximum_activations, 4) AS share,
	   CASE WHEN NOT t.active THEN 'inactive'
			WHEN t.expiration <= trainledger.clock() THEN 'expired'
			WHEN t.activations >= t.maximum_activations THEN 'full'
			ELSE 'open' END AS status
FROM trainledger.signup_token t;
COMMENT ON VIEW trainledger.signup_funnel IS
'Self-signup tokens: how far each is used up, and what a claim would meet.';
COMMENT ON COLUMN trainledger.signup_funnel.signup_token_id IS 'Identity of the token; the code is not shown.';
COMMENT ON COLUMN trainledger.signup_funnel.share IS 'How much of it that is, from 0 to 1, to four decimals.';
COMMENT ON COLUMN trainledger.signup_funnel.status IS 'open, full, inactive or expired: the reason that a claim would be refused for first.';

CREATE VIEW trainledger.cohort_progress WITH (security_invoker = true) AS
SELECT p.name AS program, c.name AS cohort, m.state, count(*) AS members
FROM trainledger.membership m
JOIN trainledger.program p ON p.id = m.program_id
LEFT JOIN trainledger.cohort c ON c.id = m.cohort_id
GROUP BY p.id, p.name, c.id, c.name, m.state;
COMMENT ON VIEW trainledger.cohort_progress IS
'Memberships of programs by cohort and state, whatever their role.';
COMMENT ON COLUMN trainledger.cohort_progress.program IS 'Name of the program.';
COMMENT ON COLUMN trainledger.cohort_progress.cohort IS 'Name of the cohort; null: in none.';
COMMENT ON COLUMN trainledger.cohort_progress.state IS 'State of the memberships.';
COMMENT ON COLUMN trainledger.cohort_progress.members IS 'How many there are.';

/*
 * One account as it was booked.  The entries are found by their numbers, so
 * that a statement costs what it shows, however long the account is.
 */
CREATE FUNCTION trainledger.account_statement(
	account_id bigint, since timestamptz, until timestamptz)
RETURNS TABLE (
	entry_no bigint, created_at timestamptz, operation text,
	delta trainledger.amount, balance trainledger.amount, source text,
	description text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $$
DECLARE
	first_no bigint;
	last_no bigint;
BEGIN
	IF account_id IS NULL OR since IS NULL OR until IS NULL THEN
		PERFORM trainledger_internal.refuse('TL400', 'account or period is missing',
			'The argument account_id, since or until is null.',
			'Give an account, and the instants that the period begins and ends at; -infinity and infinity will do.',
			CASE WHEN account_id IS NULL THEN 'account_id'
				 WHEN since IS NULL THEN 'since' ELSE 'until' END);
	END IF;
	IF since > until THEN
		PERFORM trainledger_internal.refuse('TL400', 'period ends before it begins',
			format('The period is from %s to %s.', since, until),
			'Give a since that is not after until.', 'until');
	END IF;
	first_no := trainledger_internal.entries_until(account_id, since, false);
	last_no := trainledger_internal.entries_until(account_id, until, false);
	RETURN QUERY
	SELECT NULL::bigint, NULL::timestamptz, 'opening',
		   NULL::trainledger.amount,
		   coalesce((SELECT e.balance FROM trainledger.entry e
					 WHERE e.account_id = account_statement.account_id
					 AND e.entry_no = first_no), 0),
		   NULL::text, NULL::text;
	RETURN QUERY
	SELECT e.entry_no, e.created_at, e.operation::text, e.delta, e.balance,
		   e.source, e.description
	FROM trainledger.entry e
	WHERE e.account_id = account_statement.account_id
	AND e.entry_no > first_no AND e.entry_no <= last_no
	ORDER BY e.entry_no;
	RETURN QUERY
	SELECT NULL::bigint, NULL::timestamptz, 'closing',
		   NULL::trainledger.amount,
		   coalesce((SELECT e.balance FROM trainledger.entry e
					 WHERE e.account_id = account_statement.account_id
					 AND e.entry_no = last_no), 0),
		   NULL::text, NULL::text;
END;
$$;
COMMENT ON FUNCTION trainledger.account_statement IS
'Statement of an account from since on and before until, as booked: a row opening with the balance before, the entries, a row closing with the balance after. Level learner, for its own.';

/*
 * The call of party_by refuses what is no party.  Everything else goes by an
 * index on the party, tickets by that on the address too.
 */
CREATE FUNCTION trainledger.holdings(party_id bigint)
RETURNS TABLE (
	system text, what text, quantity trainledger.amount,
	valid_until timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT h.system, h.what, h.quantity, h.valid_until
	FROM (SELECT f.id, trainledger_internal.folded(f.email) AS address
		  FROM trainledger_internal.party_by('id', $1::text, 'party_id') f
		  OFFSET 0) p
	CROSS JOIN LATERAL (
		SELECT 'credit' AS system, y.name || '/' || a.name AS what,
			   CASE WHEN a.held = '0'::trainledger.amount THEN a.balance
					ELSE a.balance - trainledger_internal.held(a.id, a.held)
					END AS quantity,
			   NULL::timestamptz AS valid_until
		FROM trainledger.account a
		JOIN trainledger.token_type y ON y.id = a.token_type_id
		WHERE a.party_id = p.id AND a.name IS NOT NULL
		UNION ALL
		SELECT 'token', y.name, i.available_balance, i.expires_at
		FROM trainledger.token_lot l
		JOIN trainledger.token_issue i ON i.id = l.id
		JOIN trainledger.token_type y ON y.id = l.token_type_id
		WHERE l.party_id = p.id AND l.is_open
		AND (l.expires_at > trainledger.clock() OR l.expires_at IS NULL)
		UNION ALL
		SELECT 'held', CASE WHEN c.name IS NULL THEN y.name
					   ELSE y.name || '/' || c.name END,
			   o.quantity - o.captured - o.released, o.expires_at
		FROM trainledger.placed_hold o
		JOIN trainledger.token_type y ON y.id = o.token_type_id
		LEFT JOIN trainledger.account c ON c.id = o.account_id
		WHERE o.party_id = p.id AND o.is_open
		AND o.expires_at > trainledger.clock()
		UNION ALL
		SELECT 'pass', y.name, 1, s.valid_until
		FROM trainledger.pass s
		JOIN trainledger.pass_type y ON y.id = s.pass_type_id
		WHERE s.party_id = p.id AND s.lifecycle_state = 'active'
		AND s.valid_until > trainledger.clock()
		UNION ALL
		SELECT 'signup', i.name, 1, NULL
		FROM trainledger.enrolment n
		JOIN trainledger.catalog_item i ON i.id = n.item_id
		WHERE n.party_id = p.id AND n.ended_at IS NULL
		UNION ALL
		SELECT 'ticket', k.name, 1, NULL
		FROM trainledger.ticket t
		JOIN trainledger.program_kind k ON k.id = t.program_kind_id
		WHERE (t.holder_id = p.id
			   OR t.holder_id = -1 AND t.made_out_to = p.address)
		AND t.state = 'ready'
		UNION ALL
		SELECT 'program', g.name, 1, g.valid_until
		FROM trainledger.membership m
		JOIN (
			SELECT x.id, x.name, CASE x.mode WHEN 'fixed' THEN
				(x.start_date + x.duration)::timestamp AT TIME ZONE 'UTC' END
				AS valid_until
			FROM trainledger.program x) g ON g.id = m.program_id
		WHERE m.party_id = p.id AND m.state = 'active'
		AND (g.valid_until > trainledger.clock() OR g.valid_until IS NULL)) h;
END;
COMMENT ON FUNCTION trainledger.holdings IS
'What a party has now, one row for each credit account and lot of training tokens (what is available), hold (what it keeps back), pass (upcoming ones too), enrolment by signup, ready ticket and active membership of a program. Level learner, for its own.';
