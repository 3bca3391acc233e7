-- The monthly summary: what is sealed, summed up for reports (contract, section
-- 14)

CREATE FUNCTION trainledger_internal.summed_upto() RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_summed_upto' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.summed_upto IS
'Number up to which entries are in the monthly summary; the least number where the caller may not see it, or the database does not keep all homes.';

/*
 * By day and price first: a day is cheap to tell, and there is one product for
 * each price and not for each entry.  The planner takes days to be as many as
 * times, that is as entries, and would sort all of these: callers switch
 * enable_sort off.
 */
CREATE FUNCTION trainledger_internal.month_sums(after bigint, last_no bigint)
RETURNS TABLE (token_type_id uuid, month date, operation trainledger.operation,
			   is_reissue boolean, currency_code text, entries bigint,
			   quantity numeric, value numeric, last_booking_no bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
	SELECT p.token_type_id,
		   date_trunc('month', p.day AT TIME ZONE 'UTC')::date, p.operation,
		   p.is_reissue, p.currency_code, sum(p.entries)::bigint,
		   trim_scale(sum(p.quantity)),
		   trim_scale(coalesce(sum(p.quantity * p.unit_price), 0)),
		   max(p.last_booking_no)
	FROM (
		SELECT a.token_type_id,
			   date_bin('1 day'::interval, CASE e.operation
					WHEN 'expire' THEN coalesce(e.recorded_at, e.created_at)
					ELSE e.created_at END, '0001-01-01 00:00:00+00'::timestamptz)
				   AS day,
			   e.operation,
			   e.operation = 'issue' AND l.reissue_of IS NOT NULL AS is_reissue,
			   coalesce(l.currency_code, '') AS currency_code, l.unit_price,
			   count(*) AS entries, sum(e.delta) AS quantity,
			   max(e.booking_no) AS last_booking_no
		FROM trainledger.entry e
		JOIN trainledger.account a ON a.id = e.account_id
		LEFT JOIN trainledger.token_lot l ON l.account_id = a.id
		WHERE e.booking_no > $1 AND e.booking_no <= $2
		GROUP BY 1, 2, 3, 4, 5, 6) p
	GROUP BY 1, 2, 3, 4, 5;
END;
COMMENT ON FUNCTION trainledger_internal.month_sums IS
'Sums of the entries of the bookings after one number up to another, by month.';

/*
 * The summary goes up to the last booking in it, whatever the log says: it can
 * be emptied, and the next call sums up everything again.  That is done where
 * rows moved to other nodes, because it cannot be known which.
 *
 * As in seal(), the statement must see what was committed before it.
 */
CREATE FUNCTION trainledger_internal.summarise(last_no bigint) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_sort = off
AS $$
DECLARE
	after bigint := coalesce(
		(SELECT max(s.last_booking_no) FROM trainledger.month_summary s),
		-9223372036854775808);
BEGIN
	IF NOT keeps_all_homes() THEN
		DELETE FROM trainledger.month_summary;
		RETURN;
	END IF;
	INSERT INTO trainledger.month_summary AS s
		(token_type_id, month, operation, is_reissue, currency_code, entries,
		 quantity, value, last_booking_no)
	SELECT m.* FROM month_sums(after, last_no) m
	ON CONFLICT ON CONSTRAINT month_summary_pkey DO UPDATE
	SET entries = s.entries + excluded.entries,
		quantity = trim_scale(s.quantity + excluded.quantity),
		value = trim_scale(s.value + excluded.value),
		last_booking_no = excluded.last_booking_no;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.summarise IS
'Adds to the monthly summary what was booked since the last time up to a number; empties it where the database does not keep all homes.';

/*
 * Nothing may be summed up while rows go: a seal that runs is waited for.
 */
CREATE FUNCTION trainledger_internal.forget_summary() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM take_mutex('log'::text, 'forget_homes()'::text);
	DELETE FROM trainledger.month_summary;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.forget_summary IS
'Empties the monthly summary, after rows were moved to another node.';

CREATE FUNCTION trainledger_internal.summary_problems()
RETURNS TABLE (problem text, expected numeric, found numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_sort = off
AS $$
#variable_conflict use_column
DECLARE
	least_no CONSTANT bigint := -9223372036854775808;
	last_no bigint := summed_upto();
BEGIN
	RETURN QUERY
	SELECT concat_ws(', ', 'summary of '
				|| coalesce(y.name, x.token_type_id::text),
			to_char(x.month, 'YYYY-MM'),
			CASE WHEN x.is_reissue THEN 'reissue'
				ELSE x.operation::text END,
			nullif(x.currency_code, '')) || ': ' || v.figure,
		   v.expected, v.found
	FROM (
		SELECT token_type_id, month, operation, is_reissue, currency_code,
			   coalesce(m.entries, 0) AS entries_expected,
			   coalesce(s.entries, 0) AS entries_found,
			   coalesce(m.quantity, 0) AS quantity_expected,
			   coalesce(s.quantity, 0) AS quantity_found,
			   coalesce(m.value, 0) AS value_expected,
			   coalesce(s.value, 0) AS value_found,
			   m.last_booking_no AS last_expected,
			   s.last_booking_no AS last_found
		FROM (SELECT t.* FROM trainledger.month_summary t
			  WHERE t.last_booking_no <= last_no) s
		FULL JOIN month_sums(least_no, last_no) m
		USING (token_type_id, month, operation, is_reissue, currency_code)
	) x
	LEFT JOIN trainledger.token_type y ON y.id = x.token_type_id
	CROSS JOIN LATERAL (VALUES
		('entries', x.entries_expected::numeric, x.entries_found::numeric),
		('quantity', x.quantity_expected, x.quantity_found),
		('value', x.value_expected, x.value_found),
		('last booking', x.last_expected, x.last_found)
	) AS v(figure, expected, found)
	WHERE v.expected IS DISTINCT FROM v.found;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.summary_problems IS
'What is in the monthly summary and is not what its entries say.';
