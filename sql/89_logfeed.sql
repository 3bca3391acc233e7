-- The feed: every entry and event, once and in one order (contract, section 17)

CREATE FUNCTION trainledger_internal.log_block_of(
	booking_no bigint, kind text, id bigint, entry_no bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_log_block_of' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_block_of IS
'Number of the last block of the log that does not begin after this place; -1 if there is none.';

/*
 * What an event says, a branch for each kind of log_row and with its place.
 * Amounts are as in the views of trainledger_api.  Names of types stay, and so
 * do keys of data; data may get more.
 */
CREATE VIEW trainledger_internal.feed_row WITH (security_invoker = true) AS
SELECT e.booking_no, 'E1'::text COLLATE "C" AS kind, e.account_id AS id,
	   e.entry_no, 'entry.' || e.operation::text AS type,
	   'account/' || e.account_id AS subject, e.created_at,
	   json_build_object('account_id', e.account_id, 'entry_no', e.entry_no,
		   'booking_no', e.booking_no, 'party_id', a.party_id,
		   'token_type_id', a.token_type_id, 'account_name', a.name,
		   'issue_id', l.id, 'operation', e.operation,
		   'delta', trainledger.amount_to_numeric(e.delta),
		   'balance', trainledger.amount_to_numeric(e.balance),
		   'source', e.source, 'description', e.description,
		   'device', e.device, 'recorded_at', e.recorded_at,
		   'created_at', e.created_at, 'booked_by', e.booked_by,
		   'other_account_id', e.other_account_id,
		   'imported_at', e.imported_at,
		   'first_expires_at', l.first_expires_at, 'unit_price', l.unit_price,
		   'currency_code', l.currency_code, 'reissue_of', l.reissue_of)
		   AS data
FROM trainledger.entry e
LEFT JOIN trainledger.account a ON a.id = e.account_id
LEFT JOIN trainledger.token_lot l ON l.account_id = e.account_id
UNION ALL
SELECT v.booking_no, 'X1'::text COLLATE "C", v.id, 0::bigint,
	   'issue.expiry_changed', 'issue/' || v.issue_id, v.created_at,
	   json_build_object('id', v.id, 'booking_no', v.booking_no,
		   'issue_id', v.issue_id, 'party_id', l.party_id,
		   'token_type_id', l.token_type_id,
		   'old_expires_at', v.old_expires_at,
		   'new_expires_at', v.new_expires_at, 'reason', v.reason,
		   'changed_by', v.changed_by, 'created_at', v.created_at)
FROM trainledger.token_issue_event v
LEFT JOIN trainledger.token_lot l ON l.id = v.issue_id
UNION ALL
SELECT v.booking_no, 'H1'::text COLLATE "C", v.id, 0::bigint,
	   'hold.' || v.event::text, 'hold/' || v.hold_id, v.created_at,
	   json_build_object('id', v.id, 'booking_no', v.booking_no,
		   'hold_id', v.hold_id, 'party_id', h.party_id,
		   'token_type_id', h.token_type_id,
		   'credit_account_id', h.account_id, 'event', v.event,
		   'quantity', trainledger.amount_to_numeric(v.quantity),
		   'redemption_id', v.redemption_id, 'account_id', v.account_id,
		   'entry_no', v.entry_no, 'expires_at', v.expires_at,
		   'reference', h.reference, 'source', h.source, 'device', h.device,
		   'notes', v.notes, 'changed_by', v.changed_by,
		   'created_at', v.created_at)
FROM trainledger.hold_event v
LEFT JOIN trainledger.placed_hold h ON h.id = v.hold_id
UNION ALL
SELECT v.booking_no, 'P1'::text COLLATE "C", v.id, 0::bigint,
	   'pass.' || v.event::text, 'pass/' || v.pass_id, v.created_at,
	   json_build_object('id', v.id, 'booking_no', v.booking_no,
		   'pass_id', v.pass_id, 'event', v.event, 'party_id', v.party_id,
		   'option_id', v.option_id, 'valid_from', v.valid_from,
		   'valid_until', v.valid_until, 'run_from', v.run_from,
		   'other_pass_id', v.other_pass_id, 'pass_use_id', v.pass_use_id,
		   'reason', v.reason, 'changed_by', v.changed_by,
		   'created_at', v.created_at)
FROM trainledger.pass_event v
UNION ALL
SELECT u.booking_no, 'U1'::text COLLATE "C", u.id, 0::bigint,
	   'pass.used', 'pass/' || u.pass_id, u.created_at,
	   json_build_object('id', u.id, 'booking_no', u.booking_no,
		   'pass_id', u.pass_id, 'party_id', u.party_id,
		   'item_id', u.item_id, 'reference', u.reference,
		   'created_at', u.created_at)
FROM trainledger.pass_use u
UNION ALL
SELECT v.booking_no, 'C1'::text COLLATE "C", v.id, 0::bigint,
	   'claim.' || v.event::text, 'claim/' || v.claim_id, v.created_at,
	   json_build_object('id', v.id, 'booking_no', v.booking_no,
		   'claim_id', v.claim_id, 'event', v.event, 'party_id', v.party_id,
		   'signup_token_id', v.signup_token_id, 'reason', v.reason,
		   'changed_by', v.changed_by, 'created_at', v.created_at)
FROM trainledger.claim_event v
UNION ALL
SELECT v.booking_no, 'T1'::text COLLATE "C", v.id, 0::bigint,
	   'ticket.' || v.event::text, 'ticket/' || v.ticket_id, v.created_at,
	   json_build_object('id', v.id, 'booking_no', v.booking_no,
		   'ticket_id', v.ticket_id, 'event', v.event, 'state', v.state,
		   'party_id', v.party_id, 'email', v.email,
		   'program_kind_id', v.program_kind_id,
		   'consumed_program_id', v.consumed_program_id,
		   'changed_by', v.changed_by, 'created_at', v.created_at)
FROM trainledger.ticket_event v
UNION ALL
SELECT v.booking_no, 'M1'::text COLLATE "C", v.id, 0::bigint,
	   CASE WHEN v.old_state IS NULL THEN 'membership.added'
			ELSE 'membership.changed' END,
	   'membership/' || v.program_id || '/' || v.party_id, v.created_at,
	   json_build_object('id', v.id, 'booking_no', v.booking_no,
		   'program_id', v.program_id, 'party_id', v.party_id,
		   'old_cohort_id', v.old_cohort_id, 'cohort_id', v.cohort_id,
		   'old_role', v.old_role, 'role', v.role,
		   'old_state', v.old_state, 'state', v.state,
		   'comments', v.comments, 'state_detail', v.state_detail,
		   'changed_by', v.changed_by, 'created_at', v.created_at)
FROM trainledger.membership_event v
UNION ALL
SELECT v.booking_no, 'R1'::text COLLATE "C", v.id, 0::bigint,
	   'redaction', CASE v.kind WHEN 'E1' THEN 'account/' || v.row_id
						 ELSE 'event/' || v.row_id END, v.created_at,
	   json_build_object('id', v.id, 'booking_no', v.booking_no,
		   'kind', v.kind, 'row_id', v.row_id, 'entry_no', v.entry_no,
		   'party_id', v.party_id, 'reason_code', v.reason_code,
		   'redacted_by', v.redacted_by, 'created_at', v.created_at)
FROM trainledger.redaction v;
COMMENT ON VIEW trainledger_internal.feed_row IS
'What the feed says of each entry and event.';
COMMENT ON COLUMN trainledger_internal.feed_row.booking_no IS 'Number of the booking.';
COMMENT ON COLUMN trainledger_internal.feed_row.kind IS 'Kind of the row, as in the log.';
COMMENT ON COLUMN trainledger_internal.feed_row.id IS 'Of an entry the account, else the id of the event.';
COMMENT ON COLUMN trainledger_internal.feed_row.entry_no IS 'Of an entry its number in the account, else 0.';
COMMENT ON COLUMN trainledger_internal.feed_row.type IS 'Type of the event, without the name of the extension.';
COMMENT ON COLUMN trainledger_internal.feed_row.subject IS 'What it is about.';
COMMENT ON COLUMN trainledger_internal.feed_row.created_at IS 'When it was booked.';
COMMENT ON COLUMN trainledger_internal.feed_row.data IS 'Columns of the row.';

CREATE FUNCTION trainledger_internal.cloud_event(
	source text, "position" text, event trainledger_internal.feed_row)
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN (event).kind = 'E1' THEN
		-- in the order of sequence, or of id
		json_build_object('specversion', '1.0', 'id', $2, 'source', source,
			'type', 'trainledger.' || (event).type, 'subject', (event).subject,
			'time', to_char((event).created_at AT TIME ZONE 'UTC',
							'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
			'datacontenttype', 'application/json',
			'sequence', (event).entry_no::text, 'data', (event).data)
	ELSE
		json_build_object('specversion', '1.0', 'id', $2, 'source', source,
			'type', 'trainledger.' || (event).type, 'subject', (event).subject,
			'time', to_char((event).created_at AT TIME ZONE 'UTC',
							'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
			'datacontenttype', 'application/json', 'data', (event).data)
	END;
END;
COMMENT ON FUNCTION trainledger_internal.cloud_event IS
'An event in the form of CloudEvents 1.0.';

/*
 * Whoever may write finds out how far the books are settled, unless another
 * session is at it, and keeps it for those who may not.
 */
CREATE FUNCTION trainledger_internal.feed_watermark() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	known bigint := known_watermark();
BEGIN
	IF current_setting('transaction_read_only') = 'off'
	   AND current_setting('transaction_isolation')
		   IN ('read committed', 'read uncommitted')
	   AND known < (SELECT s.last_value FROM trainledger.booking_no_seq s)
	   AND try_lock_log() THEN
		RETURN move_watermark();
	END IF;
	RETURN known;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.feed_watermark IS
'Number up to which the feed gives events.';

/*
 * A place before which there are as many events as are wanted from a place on,
 * and not many more; or where the next ones are to be looked for.  Events are
 * found by their number, but are not kept in their order: what is read at a time
 * is sorted.
 *
 * The log tells where each 256th leaf is.  After it, so many numbers are tried;
 * one of them may have more events than are wanted.
 */
CREATE FUNCTION trainledger_internal.feed_until(
	INOUT booking_no bigint, INOUT kind text, INOUT id bigint,
	INOUT entry_no bigint, watermark bigint, wanted integer, numbers bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
	sealed CONSTANT bigint := sealed_upto();
	begin_no CONSTANT bigint := booking_no;
	begin_kind CONSTANT text := kind;
	begin_id CONSTANT bigint := id;
	begin_entry CONSTANT bigint := entry_no;
	end_no CONSTANT bigint := least(watermark, begin_no + numbers - 1);
BEGIN
	IF begin_no <= sealed THEN
		SELECT b.booking_no, b.kind, b.id, b.entry_no
		INTO booking_no, kind, id, entry_no
		FROM trainledger.log_block b
		WHERE b.block_no = 1 + (wanted + 255) / 256
			+ log_block_of(begin_no, begin_kind, begin_id, begin_entry);
		IF FOUND THEN
			RETURN;
		END IF;
	ELSE
		SELECT r.booking_no, r.kind, r.id, r.entry_no
		INTO booking_no, kind, id, entry_no
		FROM trainledger.log_row r
		WHERE r.booking_no >= begin_no AND r.booking_no <= end_no
		AND (r.booking_no, r.kind, r.id, r.entry_no)
			>= (begin_no, begin_kind, begin_id, begin_entry)
		ORDER BY r.booking_no, r.kind, r.id, r.entry_no
		OFFSET wanted LIMIT 1;
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;
	booking_no := 1 + CASE WHEN begin_no <= sealed THEN sealed ELSE end_no END;
	kind := '';
	id := 0;
	entry_no := 0;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.feed_until IS
'Place up to which to read so that so many events are found, or some numbers further.';

CREATE FUNCTION trainledger_internal.feed_read(
	consumer text, max_events integer DEFAULT 1000)
RETURNS TABLE ("position" text, event json)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET TimeZone = 'UTC'
AS $$
DECLARE
	name CONSTANT text := require_text('consumer', consumer);
	origin CONSTANT text := coalesce((
		SELECT o.origin FROM trainledger.log_origin o
		ORDER BY o.id DESC LIMIT 1), 'trainledger');
	begin_no CONSTANT bigint := begin_of_numbers();
	watermark bigint := known_watermark();
	is_moved boolean := false;
	wanted integer := max_events;
	numbers bigint := max_events;
	found_now bigint;
	since record;
	until record;
	is_part boolean;
	is_account boolean;
BEGIN
	IF max_events BETWEEN 1 AND 10000 IS NOT TRUE THEN
		PERFORM refuse('TL400', 'invalid number of events',
			format('max_events is %s.', coalesce(max_events::text, 'null')),
			'Give a number from 1 to 10000.', 'max_events');
	END IF;
	SELECT c.booking_no, c.kind, c.id, c.entry_no + 1 AS entry_no INTO since
	FROM trainledger.feed_consumer c
	WHERE c.consumer = name AND c.booking_no > begin_no;
	IF NOT FOUND THEN
		SELECT begin_no + 1 AS booking_no, '' AS kind, 0::bigint AS id,
			   0::bigint AS entry_no
		INTO since;
	ELSIF since.kind = 'end' THEN
		since.booking_no := since.booking_no + 1;
		since.kind := '';
	END IF;
	LOOP
		IF since.booking_no > watermark THEN
			EXIT WHEN is_moved;
			watermark := feed_watermark();
			is_moved := true;
			CONTINUE;
		END IF;
		-- each statement sees what was committed before the watermark
		SELECT u.* INTO until
		FROM feed_until(since.booking_no, since.kind, since.id, since.entry_no,
						watermark, wanted, numbers) u;
		-- of a large booking the key finds a part
		is_part := (since.booking_no, since.kind)
			= (until.booking_no, until.kind);
		is_account := is_part AND since.id = until.id;
		RETURN QUERY
		SELECT p."position", cloud_event(origin, p."position", r)
		FROM feed_row r
		CROSS JOIN LATERAL (
			SELECT concat_ws('.', r.booking_no, r.kind, r.id,
				CASE r.kind WHEN 'E1' THEN r.entry_no END) AS "position") p
		WHERE r.booking_no >= since.booking_no
		AND r.booking_no <= until.booking_no
		AND (r.booking_no, r.kind, r.id, r.entry_no)
			>= (since.booking_no, since.kind, since.id, since.entry_no)
		AND (r.booking_no, r.kind, r.id, r.entry_no)
			< (until.booking_no, until.kind, until.id, until.entry_no)
		AND (NOT is_part OR r.id BETWEEN since.id AND until.id)
		AND (NOT is_account
			 OR r.entry_no BETWEEN since.entry_no AND until.entry_no)
		ORDER BY r.booking_no, r.kind, r.id, r.entry_no
		LIMIT wanted;
		GET DIAGNOSTICS found_now = ROW_COUNT;
		wanted := wanted - found_now;
		EXIT WHEN wanted = 0;
		-- a sequence that was set forward has left many numbers out
		IF found_now = 0 THEN
			numbers := numbers * 2;
		END IF;
		since := until;
	END LOOP;
	IF wanted < max_events THEN
		PERFORM log_flush_all();
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.feed_read IS
'The next entries and events after the one that the consumer acknowledged last, in the order of their bookings and without a gap, as CloudEvents: the same ones again until feed_ack(). It ends where an older transaction may still book. A new consumer begins at the beginning. Level reader.';

CREATE FUNCTION trainledger_internal.feed_ack(consumer text, "position" text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	name CONSTANT text := require_text('consumer', consumer);
	parts text[];
	kept trainledger.feed_consumer;
	given trainledger.feed_consumer;
BEGIN
	PERFORM require_given('position', "position");
	given.consumer := name;
	given.acknowledged_at := trainledger.clock();
	IF "position" = 'end' THEN
		given.booking_no := feed_watermark();
		given.kind := 'end';
		given.id := 0;
		given.entry_no := 0;
	ELSE
		parts := regexp_match("position",
			'^([1-9][0-9]{0,17})[.](E1[.]([1-9][0-9]{0,17})[.]([1-9][0-9]{0,17})'
			'|([A-Z][0-9])[.]([1-9][0-9]{0,17}))$');
		given.booking_no := parts[1]::bigint;
		given.kind := coalesce(parts[5], 'E1');
		given.id := coalesce(parts[3], parts[6])::bigint;
		given.entry_no := coalesce(parts[4], '0')::bigint;
		IF parts IS NULL OR parts[5] = 'E1' THEN
			PERFORM refuse('TL400', 'invalid position',
				format('"%s" is not the position of an event.',
					   left("position", 64)),
				'Give a position as feed_read() returned it, or end.',
				'position');
		END IF;
		IF given.booking_no <= begin_of_numbers()
		   OR given.booking_no > known_watermark()
		   AND given.booking_no > feed_watermark()
		   AND NOT EXISTS (
			   SELECT FROM trainledger.feed_consumer c
			   WHERE c.consumer = name
			   AND (c.booking_no, c.kind, c.id, c.entry_no)
				   = (given.booking_no, given.kind, given.id, given.entry_no))
		THEN
			PERFORM refuse('TL400', 'position is not in the feed',
				format('The feed begins after booking %s and ends at %s.',
					   begin_of_numbers(), known_watermark()),
				'Give a position as feed_read() returned it, or end.',
				'position');
		END IF;
	END IF;

	FOR round IN 1 .. 10 LOOP
		INSERT INTO trainledger.feed_consumer
			(consumer, booking_no, kind, id, entry_no, created_at,
			 acknowledged_at)
		VALUES (name, given.booking_no, given.kind, given.id, given.entry_no,
				given.acknowledged_at, given.acknowledged_at)
		ON CONFLICT DO NOTHING;
		IF FOUND THEN
			RETURN;
		END IF;
		SELECT c.* INTO kept FROM trainledger.feed_consumer c
		WHERE c.consumer = name FOR UPDATE;
		-- else somebody has just dropped it
		EXIT WHEN FOUND;
	END LOOP;
	PERFORM require_conflict('feed_consumer', kept.consumer IS NOT NULL);
	IF (given.booking_no, given.kind, given.id, given.entry_no)
	   > (kept.booking_no, kept.kind, kept.id, kept.entry_no) THEN
		UPDATE trainledger.feed_consumer c
		SET booking_no = given.booking_no, kind = given.kind, id = given.id,
			entry_no = given.entry_no, acknowledged_at = given.acknowledged_at
		WHERE c.consumer = name;
		PERFORM require_written('feed_consumer', FOUND);
	ELSIF given.kind <> 'end'
	   AND (given.booking_no, given.kind, given.id, given.entry_no)
	   < (kept.booking_no, kept.kind, kept.id, kept.entry_no) THEN
		PERFORM refuse('TL400', 'position was acknowledged before',
			format('"%s" has acknowledged the feed up to %s.', name,
				   concat_ws('.', kept.booking_no, kept.kind,
					   nullif(kept.id, 0), nullif(kept.entry_no, 0))),
			'A consumer goes forwards only; to begin again, use another name or feed_drop().',
			'position');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.feed_ack IS
'Acknowledges the events up to this position: feed_read() goes on after it. Forwards only; the same again changes nothing. Level reader.';

CREATE FUNCTION trainledger_internal.feed_drop(consumer text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	name CONSTANT text := require_text('consumer', consumer);
BEGIN
	DELETE FROM trainledger.feed_consumer c WHERE c.consumer = name;
	IF NOT FOUND THEN
		PERFORM refuse_missing('feed consumer', format('"%s"', name),
							   'consumer');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.feed_drop IS
'Forgets how far a consumer is; under its name one begins at the beginning. Level reader.';
