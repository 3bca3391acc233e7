-- Posting and reading entries

-- Posting

CREATE FUNCTION trainledger.post(
	account_id bigint,
	operation trainledger.operation,
	amount numeric,
	source text,
	description text DEFAULT '',
	recorded_at timestamptz DEFAULT NULL,
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_post' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger.post IS
'Books add, subtract or adjust on a credit account and returns the entry. The amount is rounded to the token type''s scale; only adjust takes a signed one. Use it in FROM: (post(...)).* would post once per column. Level operator.';

CREATE FUNCTION trainledger.post_batch(
	account_ids bigint[],
	deltas trainledger.amount[],
	source text,
	descriptions text[] DEFAULT NULL,
	recorded_at timestamptz[] DEFAULT NULL,
	idempotency_keys uuid[] DEFAULT NULL,
	skip_refused boolean DEFAULT false)
RETURNS TABLE (ordinal integer, entry_no bigint, balance trainledger.amount,
			   refusal text)
AS 'MODULE_PATHNAME', 'tl_post_batch'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1000;
COMMENT ON FUNCTION trainledger.post_batch IS
'Books many signed deltas in one call, in array order per account, and returns one row per delta. A refusal raises, or with skip_refused stands in its row while the others are booked. Level operator.';

CREATE FUNCTION trainledger.credit_transfer(
	from_account_id bigint,
	to_account_id bigint,
	amount numeric,
	source text,
	description text DEFAULT '',
	recorded_at timestamptz DEFAULT NULL,
	rounding trainledger.rounding DEFAULT 'round',
	idempotency_key uuid DEFAULT NULL)
RETURNS TABLE (from_entry trainledger.booked_entry,
			   to_entry trainledger.booked_entry)
AS 'MODULE_PATHNAME', 'tl_credit_transfer'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION trainledger.credit_transfer IS
'Moves tokens from one credit account to another of the same token type, and returns both entries: both are booked or neither. Level operator.';

CREATE FUNCTION trainledger_internal.booking_no() RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_new_booking_no' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.booking_no IS
'Number of all that the running transaction books.';

-- Reading

/*
 * created_at never runs backwards, so that the entry is found from both sides:
 * at every other step by where it would be if entries came at a steady pace,
 * and by halving, which is never far from the best, in between.
 */
CREATE FUNCTION trainledger_internal.entries_until(
	account_id bigint, at timestamptz, inclusive boolean) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	low bigint := 1;		-- booked by then
	low_at timestamptz;
	high bigint;			-- not booked by then
	high_at timestamptz;
	middle bigint;
	middle_at timestamptz;
	halve boolean := false;
BEGIN
	IF account_id IS NULL OR at IS NULL THEN
		PERFORM refuse('TL400', 'account or instant is missing',
			'The argument account_id or at is null.',
			'Give an account and the instant to read its balance at.',
			CASE WHEN account_id IS NULL THEN 'account_id' ELSE 'at' END);
	END IF;
	SELECT a.created_at, a.entry_count, a.last_entry_at
	INTO low_at, high, high_at
	FROM trainledger.account a WHERE a.id = entries_until.account_id;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'account not found',
			format('There is no account %s.', account_id),
			'Look the id up in trainledger.account.', 'account_id');
	END IF;
	IF high_at < at OR (high_at = at AND inclusive) THEN
		RETURN high;
	ELSIF at < low_at OR (at = low_at AND NOT inclusive) THEN
		RETURN 0;
	END IF;
	WHILE high - low > 1 LOOP
		middle := CASE WHEN halve THEN (low + high) / 2
			ELSE greatest(low + 1, least(high - 1, low + ((high - low)
				* date_part('epoch', at - low_at)
				/ date_part('epoch', high_at - low_at))::bigint)) END;
		halve := NOT halve;
		SELECT e.created_at INTO middle_at FROM trainledger.entry e
		WHERE e.account_id = entries_until.account_id
		AND e.entry_no = middle;
		IF middle_at < at OR (middle_at = at AND inclusive) THEN
			low := middle;
			low_at := middle_at;
		ELSE
			high := middle;
			high_at := middle_at;
		END IF;
	END LOOP;
	RETURN low;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.entries_until IS
'How many entries of an account were booked before an instant, or with inclusive at it too. Level learner, for its own.';

CREATE FUNCTION trainledger.balance_at(account_id bigint, at timestamptz)
RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	last_no bigint;
BEGIN
	last_no := trainledger_internal.entries_until(account_id, at, true);
	RETURN coalesce((SELECT e.balance FROM trainledger.entry e
					 WHERE e.account_id = balance_at.account_id
					 AND e.entry_no = last_no), 0);
END;
$$;
COMMENT ON FUNCTION trainledger.balance_at IS
'Booked balance of an account at an instant; 0 before its first entry. Level learner, for its own.';

/*
 * What was booked by happened_by had happened by then; of what was booked later,
 * that counts which clients say had happened.  What was booked by known_by was
 * known by then, and nothing else, unless imports brought it.  Imports come
 * before all other entries of an account: where the first entry is none, no
 * entry is.
 */
CREATE FUNCTION trainledger.balance_by(
	account_id bigint, happened_by timestamptz,
	known_by timestamptz DEFAULT 'infinity') RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	last_no bigint;			-- of those booked by known_by
	sure_no bigint;			-- and by happened_by
	is_imported boolean;	-- which a known_by of infinity does not ask
	unknown numeric;		-- booked by both, and imported later
BEGIN
	IF account_id IS NULL OR happened_by IS NULL OR known_by IS NULL THEN
		PERFORM trainledger_internal.refuse('TL400', 'account or instant is missing',
			'The argument account_id, happened_by or known_by is null.',
			'Give an account and the instants; infinity will do.',
			CASE WHEN account_id IS NULL THEN 'account_id'
				 WHEN happened_by IS NULL THEN 'happened_by'
				 ELSE 'known_by' END);
	END IF;
	last_no := trainledger_internal.entries_until(account_id, known_by, true);
	sure_no := least(last_no, trainledger_internal.entries_until(account_id,
		happened_by, true));
	is_imported := known_by < 'infinity' AND EXISTS (
		SELECT FROM trainledger.entry e
		WHERE e.account_id = balance_by.account_id AND e.entry_no = 1
		AND e.imported_at IS NOT NULL);
	IF is_imported THEN
		last_no := 9223372036854775807;
		unknown := (SELECT sum(e.delta) FROM trainledger.entry e
					WHERE e.account_id = balance_by.account_id
					AND e.entry_no <= sure_no AND e.imported_at > known_by);
	END IF;
	RETURN coalesce((SELECT e.balance FROM trainledger.entry e
					 WHERE e.account_id = balance_by.account_id
					 AND e.entry_no = sure_no), 0)::numeric
		- coalesce(unknown, 0)
		+ coalesce((SELECT sum(e.delta) FROM trainledger.entry e
					WHERE e.account_id = balance_by.account_id
					AND e.entry_no > sure_no AND e.entry_no <= last_no
					AND (e.recorded_at <= happened_by
						 OR e.created_at <= happened_by)
					AND coalesce(e.imported_at, e.created_at) <= known_by), 0);
END;
$$;
COMMENT ON FUNCTION trainledger.balance_by IS
'Balance of an account at an instant by the clients'' clocks (recorded_at), as far as the books knew at another instant (now). Level learner, for its own.';
