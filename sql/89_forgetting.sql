-- Forgetting a party, and redacting an entry (contract, section 17)

CREATE FUNCTION trainledger_internal.empty_texts(
	table_name name, assignments text, condition text, party_id bigint,
	names text[]) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_empty_texts'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.empty_texts IS
'Updates rows of a table, t in both texts, for a party, $1, and its names, $2, and returns how many there were; guards let it.';

CREATE FUNCTION trainledger_internal.delete_salt(party_id bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_delete_salt'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.delete_salt IS
'Deletes the salt of a party, and returns whether there was one; guards let it.';

/*
 * Everything that people write or that tells who somebody is.  What must be
 * there becomes forgotten.
 */
CREATE VIEW trainledger_internal.text_column
WITH (security_invoker = true) AS
SELECT c.table_name, c.column_name, c.emptied
FROM (VALUES
	('entry', 'source', $$'forgotten'$$),
	('entry', 'description', $$''$$),
	('entry', 'device', 'NULL'),
	-- a key stays, a fingerprint goes
	('entry', 'dedup', 'CASE WHEN t.keyed_call IS NOT NULL THEN t.dedup END'),
	('token_issue_event', 'reason', 'NULL'),
	('placed_hold', 'reference', 'NULL'),
	('placed_hold', 'notes', $$''$$),
	('placed_hold', 'source', $$'forgotten'$$),
	('placed_hold', 'device', 'NULL'),
	('hold_event', 'notes', $$''$$),
	('redemption', 'reference', $$'forgotten'$$),
	('pass_event', 'reason', 'NULL'),
	('pass_use', 'reference', $$'forgotten'$$),
	-- a use that was cancelled has a reason
	('pass_use', 'cancel_reason',
	 $$CASE WHEN t.cancel_reason IS NOT NULL THEN 'forgotten' END$$),
	('party_request', 'request',
	 'trainledger_internal.without_texts(t.request)'),
	('signup_claim', 'cancel_reason', 'NULL'),
	('claim_event', 'reason', 'NULL'),
	-- it is somebody's, or made out to an address
	('ticket', 'email', $$CASE WHEN t.party_id IS NULL THEN 'forgotten' END$$),
	-- unique together with the purchase
	('ticket', 'made_out_to', 't.id::text'),
	('ticket_event', 'email', 'NULL'),
	('membership', 'comments', 'NULL'),
	('membership', 'state_detail', 'NULL'),
	('membership_event', 'comments', 'NULL'),
	('membership_event', 'state_detail', 'NULL'),
	('party', 'name', $$'forgotten'$$),
	('party', 'email', 'NULL'),
	('party', 'rfid', 'NULL'),
	('party', 'barcode', 'NULL'),
	('party', 'external_id', 'NULL'),
	('party', 'data', $$'[]'$$),
	('party', 'flags', $$'{}'$$),
	('party', 'sources', $$'{}'$$),
	('party', 'attributes', $$'{}'$$),
	('party', 'is_suspended', 'true')
) AS c(table_name, column_name, emptied);
COMMENT ON VIEW trainledger_internal.text_column IS
'Columns that are emptied where a party is forgotten.';
COMMENT ON COLUMN trainledger_internal.text_column.table_name IS 'Name of the table.';
COMMENT ON COLUMN trainledger_internal.text_column.column_name IS 'Name of the column.';
COMMENT ON COLUMN trainledger_internal.text_column.emptied IS 'What it becomes, an expression over the row t.';

/*
 * The name of whoever booked stands in the rows of others too, and is replaced
 * wherever it is.
 */
CREATE VIEW trainledger_internal.name_column
WITH (security_invoker = true) AS
SELECT c.table_name, c.column_name
FROM (VALUES
	('entry', 'booked_by'),
	('token_issue_event', 'changed_by'),
	('placed_hold', 'placed_by'),
	('hold_event', 'changed_by'),
	('pass_event', 'changed_by'),
	('pass_use', 'cancelled_by'),
	('redaction', 'redacted_by'),
	('token_type_event', 'changed_by'),
	('signup_claim', 'cancelled_by'),
	('claim_event', 'changed_by'),
	('ticket_event', 'changed_by'),
	('membership_event', 'changed_by'),
	('log_origin', 'started_by'),
	('books_check', 'checked_by')
) AS c(table_name, column_name);
COMMENT ON VIEW trainledger_internal.name_column IS
'Columns that say who did something.';
COMMENT ON COLUMN trainledger_internal.name_column.table_name IS 'Name of the table.';
COMMENT ON COLUMN trainledger_internal.name_column.column_name IS 'Name of the column.';

/*
 * Of several nodes each writes what is of its homes, and the front what is of no
 * home; the others have copies of that.
 */
CREATE FUNCTION trainledger_internal.writes_class(class text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	is_front CONSTANT boolean :=
		isempty(current_setting('trainledger.homes')::int4multirange);
BEGIN
	RETURN class = 'node' OR keeps_all_homes()
		OR is_front = (class = 'global');
END;
$$;
COMMENT ON FUNCTION trainledger_internal.writes_class IS
'Whether rows of tables of a class are written in this database.';

CREATE FUNCTION trainledger_internal.check_reason_code(reason_code text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	reason_code := require_text('reason_code', reason_code);
	PERFORM check_length('reason_code', reason_code, 50);
	RETURN reason_code;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_reason_code IS
'A reason as a code, trimmed, or TL400.';

/*
 * The rows are looked for twice: their parties need salts before there are
 * hashes.  What others have booked meanwhile may have none, and needs no hash:
 * the caller has the mutex of the log, so it is not sealed.  A transfer has one
 * text on both sides, so its other side is emptied too.
 */
CREATE FUNCTION trainledger_internal.keep_hashes(
	of_party bigint, folded_names text[], reason_code text,
	OUT entries bigint, OUT events bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	kinds CONSTANT text[] :=
		CASE WHEN writes_class('home') THEN '{E1,X1,H1,P1,U1}'::text[]
			 ELSE '{}' END
		|| CASE WHEN writes_class('global') THEN '{C1,T1,M1}'::text[]
				ELSE '{}' END;
	wanted CONSTANT text := $sql$
		FROM trainledger.log_row r
		WHERE r.kind = ANY ($1)
		AND (r.party_id = $2 OR EXISTS (
			SELECT FROM pg_catalog.unnest(r.names) AS n(name)
			WHERE trainledger_internal.folded(n.name) = ANY ($3))
			OR r.kind = 'E1' AND (r.id, r.entry_no) IN (
				SELECT o.account_id, o.entry_no FROM trainledger.entry o
				WHERE o.other_account_id IN (
					SELECT a.id FROM trainledger.account a
					WHERE a.party_id = $2)))
		AND NOT EXISTS (SELECT FROM trainledger.redaction d
						WHERE d.row_id = r.id AND d.entry_no = r.entry_no
						AND d.kind = r.kind) $sql$;
BEGIN
	EXECUTE 'SELECT trainledger_internal.make_salts_of('
		'ARRAY(SELECT DISTINCT coalesce(r.party_id, 0)' || wanted || ') || 0::bigint)'
	USING kinds, of_party, folded_names;
	EXECUTE $sql$
		WITH made AS (
			INSERT INTO trainledger.redaction
				(id, booking_no, kind, row_id, entry_no, party_id, texts_hash,
				 reason_code, redacted_by, created_at)
			SELECT trainledger_internal.new_id(
					   'trainledger.redaction_id_seq'::regclass, r.id),
				   trainledger_internal.booking_no(), r.kind, r.id, r.entry_no,
				   r.party_id, decode(right(r.leaf, 64), 'hex'), $4,
				   trainledger_internal.caller_name(), trainledger.clock()
		$sql$ || wanted || $sql$
			AND right(r.leaf, 2) <> $re$\N$re$
			ON CONFLICT DO NOTHING
			RETURNING kind)
		SELECT count(*) FILTER (WHERE m.kind = 'E1'),
			   count(*) FILTER (WHERE m.kind <> 'E1')
		FROM made m $sql$
	INTO entries, events
	USING kinds, of_party, folded_names, reason_code;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.keep_hashes IS
'Keeps the hashes of texts that are about to be emptied, those of a party and those that have one of its names, and returns how many.';

CREATE FUNCTION trainledger_internal.own_rows(table_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE table_name
	WHEN 'party' THEN 't.id = $1'
	WHEN 'entry' THEN '(t.account_id IN (SELECT a.id FROM trainledger.account a'
		' WHERE a.party_id = $1) OR t.other_account_id IN (SELECT a.id'
		' FROM trainledger.account a WHERE a.party_id = $1))'
	WHEN 'party_request' THEN '(t.party_id = $1'
		' OR t.call = ''transfer_training_tokens'' AND t.request ->> 0 = $1::text)'
	WHEN 'token_issue_event' THEN 't.issue_id IN (SELECT l.id'
		' FROM trainledger.token_lot l WHERE l.party_id = $1)'
	WHEN 'hold_event' THEN 't.hold_id IN (SELECT h.id'
		' FROM trainledger.placed_hold h WHERE h.party_id = $1)'
	WHEN 'ticket' THEN '(t.party_id = $1'
		' OR trainledger_internal.folded(t.email) = ANY ($2))'
	-- what happened before it was the person's too
	WHEN 'ticket_event' THEN '(t.ticket_id IN (SELECT x.id'
		' FROM trainledger.ticket x WHERE x.party_id = $1)'
		' OR trainledger_internal.folded(t.email) = ANY ($2))'
	ELSE 't.party_id = $1' END;
COMMENT ON FUNCTION trainledger_internal.own_rows IS
'Condition on rows t of a table that belong to the party $1 with the names $2, the other sides of its transfers among them.';

CREATE FUNCTION trainledger_internal.empty_columns(
	of_party bigint, folded_names text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	emptying record;
	changed text[] := '{}';
BEGIN
	FOR emptying IN
		SELECT s.table_name, s.assignments, s.condition
		FROM (
			SELECT c.table_name,
				   string_agg(format('%I = %s', c.column_name, c.emptied), ', ')
						AS assignments,
				   format('%s AND (%s)', own_rows(c.table_name), string_agg(
						format('t.%I IS DISTINCT FROM %s', c.column_name,
							   c.emptied), ' OR ')) AS condition
			FROM text_column c GROUP BY c.table_name
			UNION ALL
			SELECT c.table_name, format('%I = ''forgotten''', c.column_name),
				   format('trainledger_internal.folded(t.%I) = ANY ($2)',
						  c.column_name)
			FROM name_column c) s
		JOIN trainledger.table_class k ON k.table_name = s.table_name
		-- redactions are where their rows are
		WHERE writes_class(k.class) OR s.table_name = 'redaction'
		-- tickets come before their events, and are found by their addresses
		ORDER BY k.ordinal DESC
	LOOP
		IF empty_texts(emptying.table_name::name, emptying.assignments,
					   emptying.condition, of_party, folded_names) > 0
		   AND emptying.table_name <> ALL (changed) THEN
			changed := changed || emptying.table_name;
		END IF;
	END LOOP;
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.empty_columns IS
'Empties the texts of a party, and its names everywhere, and returns in which tables.';

/*
 * Waits for whoever is booking on the party's accounts, is changing what it has,
 * or has the party's row and is making something of it.  Of these some go on to
 * an account and others come from one, so no order suits all: where the row is
 * taken, everything is let go, and it is waited for with nothing in hand.
 */
CREATE FUNCTION trainledger_internal.lock_all_of_party(of_party bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	locked bigint;
BEGIN
	LOOP
		BEGIN
			IF writes_class('home') THEN
				PERFORM FROM trainledger.token_account k
				WHERE k.party_id = of_party
				ORDER BY k.token_type_id FOR NO KEY UPDATE;
				PERFORM FROM trainledger.account a
				WHERE a.party_id = of_party ORDER BY a.id FOR NO KEY UPDATE;
				PERFORM FROM trainledger.pass p
				WHERE p.party_id = of_party ORDER BY p.id FOR NO KEY UPDATE;
			END IF;
			IF writes_class('global') THEN
				PERFORM FROM trainledger.membership m
				WHERE m.party_id = of_party
				ORDER BY m.program_id FOR NO KEY UPDATE;
				PERFORM FROM trainledger.signup_claim c
				WHERE c.party_id = of_party ORDER BY c.id FOR NO KEY UPDATE;
			END IF;
			SELECT p.id INTO STRICT locked FROM trainledger.party p
			WHERE p.id = of_party FOR UPDATE SKIP LOCKED;
			RETURN;
		EXCEPTION WHEN no_data_found THEN
			NULL;
		END;
		BEGIN
			PERFORM FROM trainledger.party p
			WHERE p.id = of_party FOR UPDATE;
			PERFORM require_written('party', FOUND);
			RAISE no_data_found;
		EXCEPTION WHEN no_data_found THEN
			NULL;
		END;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lock_all_of_party IS
'Locks a party, its accounts, passes, memberships and claims.';

CREATE FUNCTION trainledger_internal.let_go_of_party(
	of_party bigint, folded_names text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	open_hold bigint;
	ready uuid;
BEGIN
	FOR open_hold IN
		SELECT h.id FROM trainledger.placed_hold h
		WHERE h.party_id = of_party AND h.is_open AND writes_class('home')
		ORDER BY h.id
	LOOP
		BEGIN
			PERFORM release_hold(open_hold, NULL::numeric, ''::text,
								 NULL::uuid);
		EXCEPTION WHEN SQLSTATE 'TL410' THEN
			PERFORM lapse(ARRAY[open_hold]);
		END;
	END LOOP;
	FOR ready IN
		SELECT t.id FROM trainledger.ticket t
		WHERE t.state = 'ready' AND writes_class('global')
		AND (t.holder_id = of_party
			 OR t.holder_id = -1 AND t.made_out_to = ANY (folded_names))
		ORDER BY t.id
	LOOP
		PERFORM cancel_ticket(ready);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.let_go_of_party IS
'Releases the open holds of a party and cancels its ready tickets.';

CREATE FUNCTION trainledger_internal.notice_vacuum(table_names text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF cardinality(table_names) > 0 THEN
		RAISE NOTICE 'forgotten texts stay in the files of tables until these are rewritten'
			USING HINT = format('Run VACUUM (FULL, ANALYZE) %s.',
				(SELECT string_agg('trainledger.' || n.name, ', '
								   ORDER BY n.name COLLATE "C")
				 FROM unnest(table_names) AS n(name)));
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.notice_vacuum IS
'Says which tables are to be rewritten.';

/*
 * Whatever was committed before must be seen, so each statement looks anew.
 * Nothing may be sealed between the hashes and the texts, nor may two calls
 * write what is of both parties, or of a name of both.
 */
CREATE FUNCTION trainledger_internal.forget(
	party_id bigint, reason_code text, subs text[],
	OUT entries bigint, OUT events bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	forgotten trainledger.party;
	folded_names text[];
	changed text[];
BEGIN
	PERFORM require_given('party_id', party_id::text);
	reason_code := check_reason_code(reason_code);
	PERFORM require_read_committed('forget_party');
	PERFORM party(party_id);
	PERFORM take_mutex('log'::text, 'forget_party()'::text);
	PERFORM lock_all_of_party(party_id);
	forgotten := party(party_id);
	folded_names := ARRAY(
		SELECT DISTINCT folded(n.name)
		FROM (VALUES (forgotten.uuid::text), (forgotten.email)
			  UNION ALL SELECT unnest(subs)) AS n(name)
		WHERE n.name NOT IN ('', 'forgotten'));
	PERFORM let_go_of_party(party_id, folded_names);
	SELECT h.entries, h.events INTO entries, events
	FROM keep_hashes(party_id, folded_names, reason_code) h;
	changed := empty_columns(party_id, folded_names);
	IF 'party' = ANY (changed) THEN
		UPDATE trainledger.party p
		SET updated_at = greatest(trainledger.clock(), p.updated_at)
		WHERE p.id = forget.party_id;
	END IF;
	IF delete_salt(party_id) THEN
		changed := changed || 'party_salt'::text;
	END IF;
	PERFORM notice_vacuum(changed);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.forget IS
'The work of forget_party.';

CREATE FUNCTION trainledger_internal.forget_party(
	party_id bigint, reason_code text, subs text[] DEFAULT '{}')
RETURNS TABLE (party_id bigint, entries bigint, events bigint)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
	SELECT $1, f.entries, f.events FROM forget($1, $2, $3) f;
$$;
COMMENT ON FUNCTION trainledger_internal.forget_party IS
'Forgets who a party is: it keeps its id, balances and passes, is suspended and called forgotten; its contact data, attributes, texts and references are emptied everywhere, those of its transfers on both sides, and so is its name as who booked (its uuid, its address and subs). Its open holds are released, its ready tickets canceled. The log keeps the hashes of what was there, so that proofs hold. Returns how many entries and events were redacted; a NOTICE names the tables whose files still have the texts. Level admin.';

CREATE FUNCTION trainledger_internal.redact_entry(
	account_id bigint, entry_no bigint, reason_code text)
RETURNS TABLE (party_id bigint, entries bigint, events bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owner_id bigint;
	entry trainledger.entry;
	texts text[];
	changed text[] := '{entry}';
BEGIN
	PERFORM require_given('account_id', $1::text);
	PERFORM require_given('entry_no', $2::text);
	reason_code := check_reason_code(reason_code);
	PERFORM require_home($1, 'account_id');
	SELECT a.party_id INTO owner_id FROM trainledger.account a
	WHERE a.id = $1 FOR NO KEY UPDATE;
	SELECT e.* INTO entry FROM trainledger.entry e
	WHERE e.account_id = $1 AND e.entry_no = $2;
	IF NOT FOUND THEN
		PERFORM refuse_missing('entry', $1 || '/' || $2, 'entry_no');
	END IF;
	party_id := owner_id;
	events := 0;
	PERFORM make_salts_of(ARRAY[owner_id]);
	INSERT INTO trainledger.redaction
		(id, booking_no, kind, row_id, entry_no, party_id, texts_hash,
		 reason_code, redacted_by, created_at)
	SELECT new_id('trainledger.redaction_id_seq'::regclass, r.id),
		   booking_no(), r.kind, r.id, r.entry_no, r.party_id,
		   decode(right(r.leaf, 64), 'hex'), $3, caller_name(),
		   trainledger.clock()
	FROM trainledger.log_row r
	WHERE r.kind = 'E1' AND r.id = $1 AND r.entry_no = $2
	AND NOT EXISTS (SELECT FROM trainledger.redaction d
					WHERE d.kind = 'E1' AND d.row_id = $1 AND d.entry_no = $2)
	-- the other side of a transfer may be forgotten at the same time
	ON CONFLICT DO NOTHING;
	entries := FOUND::integer;
	IF FOUND THEN
		PERFORM empty_texts('entry'::name, (
				SELECT string_agg(format('%I = %s', c.column_name, c.emptied),
								  ', ')
				FROM text_column c WHERE c.table_name = 'entry'),
			format('t.account_id = %s AND t.entry_no = %s', $1, $2),
			owner_id, '{}'::text[]);
		-- the call that booked it has them too
		texts := array_remove(ARRAY[entry.source, entry.description,
									entry.device], '');
		IF empty_texts('party_request'::name,
			'request = trainledger_internal.without_texts(t.request)',
			't.party_id = $1 AND EXISTS (SELECT'
			' FROM pg_catalog.jsonb_path_query(t.request, ''$.**'') AS v(value)'
			' WHERE pg_catalog.jsonb_typeof(v.value) = ''string'''
			' AND v.value #>> ''{}'' = ANY ($2))', owner_id, texts) > 0
		THEN
			changed := changed || 'party_request'::text;
		END IF;
		PERFORM notice_vacuum(changed);
	END IF;
	RETURN NEXT;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.redact_entry IS
'Empties the texts of one entry: the log keeps the hash of what was there, so that proofs hold. The salt of the party stays, so whoever knows it may guess the texts from the hash. Returns the party, and how many entries were redacted: 1, or 0 where it was done before. Level admin.';
