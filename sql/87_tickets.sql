-- Tickets

CREATE FUNCTION trainledger.user_tickets(
	party_id bigint, state trainledger.ticket_state DEFAULT NULL)
RETURNS SETOF trainledger.ticket
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder trainledger.party;
BEGIN
	IF party_id IS NULL THEN
		PERFORM trainledger_internal.refuse('TL400', 'party_id is missing',
			'The argument party_id is null.', 'This argument is required.',
			'party_id');
	END IF;
	SELECT p.* INTO holder FROM trainledger.party p
	WHERE p.id = user_tickets.party_id;
	IF NOT FOUND THEN
		PERFORM trainledger_internal.refuse('TL404', 'party not found',
			format('There is no party %s.', party_id),
			'Look the id up in trainledger.party.', 'party_id');
	END IF;
	RETURN QUERY
	SELECT t.* FROM trainledger.ticket t
	WHERE (t.holder_id = holder.id
		   OR t.holder_id = -1 AND t.made_out_to
			= trainledger_internal.folded(holder.email))
	AND (user_tickets.state IS NULL OR t.state = user_tickets.state)
	ORDER BY t.created_at, t.id;
END;
$$;
COMMENT ON FUNCTION trainledger.user_tickets IS
'Tickets of a person, those made out to the person''s address included, oldest first, in one state where it is given. Level learner, for its own.';

/*
 * A ticket that nobody has yet has no home either, and its events are of home
 * 0.
 */
CREATE FUNCTION trainledger_internal.record_ticket(
	changed trainledger.ticket, event trainledger.ticket_event_kind)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	INSERT INTO trainledger.ticket_event
		(id, ticket_id, event, state, party_id, email, program_kind_id,
		 consumed_program_id, changed_by, created_at, booking_no)
	VALUES (new_id('trainledger.ticket_event_id_seq'::regclass,
				   coalesce(changed.party_id, 0)),
			changed.id, record_ticket.event, changed.state, changed.party_id,
			changed.email, changed.program_kind_id,
			changed.consumed_program_id, caller_name(), trainledger.clock(),
			booking_no());
	PERFORM require_written('ticket_event', FOUND);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.record_ticket IS
'Writes an event of a ticket.';

/*
 * A ticket made out to an address is the person's who has it, from the moment
 * that there is one, and stays so when the address goes to somebody else.
 */
CREATE FUNCTION trainledger_internal.bind_tickets(
	holder trainledger.party, address text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	bound trainledger.ticket;
BEGIN
	IF holder.kind = 'person' AND address IS NOT NULL THEN
		FOR bound IN
			UPDATE trainledger.ticket t SET party_id = holder.id
			WHERE t.holder_id = -1 AND t.made_out_to = folded(address)
			RETURNING t.*
		LOOP
			PERFORM record_ticket(bound,
								  'bound'::trainledger.ticket_event_kind);
		END LOOP;
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.bind_tickets IS
'Gives the tickets that are made out to an address to the person who has it.';

CREATE FUNCTION trainledger_internal.party_at(address text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT p.id FROM trainledger.party p
			WHERE folded(p.email) COLLATE "C" = folded(address));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.party_at IS
'The party that has an address, null where none has.';

CREATE FUNCTION trainledger_internal.create_program_ticket(
	program_kind_id uuid,
	party_id bigint DEFAULT NULL,
	email text DEFAULT NULL,
	external_id uuid DEFAULT NULL,
	sku text DEFAULT NULL,
	base_sku text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
	for_party bigint := party_id;
	owner_id bigint;
	made trainledger.ticket;
	holder_argument CONSTANT text :=
		CASE WHEN party_id IS NULL THEN 'email' ELSE 'party_id' END;
BEGIN
	email := trimmed(email);
	sku := trimmed(sku);
	base_sku := trimmed(base_sku);
	PERFORM require_given('program_kind_id', program_kind_id::text);
	IF party_id IS NULL AND email IS NULL THEN
		PERFORM refuse('TL400', 'party_id or email is missing',
			'The argument party_id or email is null or empty.',
			'This argument is required.', NULL);
	END IF;
	PERFORM check_party(email, NULL, NULL, NULL, NULL::bigint,
						NULL::jsonb, NULL::text[], NULL::text[], NULL::jsonb);
	PERFORM check_length('sku', sku, 250);
	PERFORM check_length('base_sku', base_sku, 250);
	PERFORM program_kind(program_kind_id, 'program_kind_id');
	IF email IS NOT NULL THEN
		owner_id := party_at(email);
		IF owner_id IS NULL AND party_id IS NULL THEN
			PERFORM lock_address(folded(email), true);
			-- somebody may have got the address meanwhile
			owner_id := party_at(email);
		END IF;
		for_party := coalesce(party_id, owner_id);
	END IF;
	IF for_party IS NOT NULL THEN
		holder := party(for_party);
		PERFORM require_person(holder, holder_argument);
		IF email IS NOT NULL AND for_party IS DISTINCT FROM owner_id THEN
			PERFORM refuse('TL400',
				'party and email are not the same person',
				format('The address is not that of party %s.', party_id),
				'Give the one or the other.', 'email');
		END IF;
		IF external_id IS NOT NULL AND EXISTS (
			SELECT FROM trainledger.ticket t
			WHERE t.external_id = create_program_ticket.external_id
			AND t.sku IS NOT DISTINCT FROM create_program_ticket.sku
			AND (t.holder_id = holder.id
				 OR t.holder_id = -1
				 AND t.made_out_to = folded(holder.email))) THEN
			RETURN 0;
		END IF;
		PERFORM require_not_suspended(holder, holder_argument);
	END IF;
	INSERT INTO trainledger.ticket AS t
		(id, party_id, email, program_kind_id, external_id, sku, base_sku,
		 made_out_to, created_at)
	VALUES (ticket_id(), for_party, create_program_ticket.email,
			create_program_ticket.program_kind_id,
			create_program_ticket.external_id, create_program_ticket.sku,
			create_program_ticket.base_sku,
			coalesce(for_party::text, folded(create_program_ticket.email)),
			trainledger.clock())
	ON CONFLICT DO NOTHING RETURNING t.* INTO made;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	PERFORM record_ticket(made, 'created'::trainledger.ticket_event_kind);
	RETURN 1;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.create_program_ticket IS
'Makes a ticket for programs of a kind out to a person, or to an address that may be nobody''s yet. Returns 1, or 0 where the same holder already has one of the same purchase (external_id and sku). Level operator.';

CREATE FUNCTION trainledger_internal.ready_ticket(
	of_party bigint, for_kind uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (
		-- UNION, not UNION ALL: it ends even if the kinds form a cycle
		WITH RECURSIVE line (id, parent_id) AS (
			SELECT k.id, k.parent_id FROM trainledger.program_kind k
			WHERE k.id = for_kind
			UNION
			SELECT k.id, k.parent_id
			FROM trainledger.program_kind k
			JOIN line l ON k.id = l.parent_id
		)
		SELECT t.id
		FROM trainledger.user_tickets(
			of_party, 'ready'::trainledger.ticket_state) t
		JOIN line l ON l.id = t.program_kind_id
		ORDER BY t.created_at, t.id
		LIMIT 1);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.ready_ticket IS
'The oldest ready ticket of a person for a kind of programs or a kind above it.';

CREATE FUNCTION trainledger_internal.consume_ticket(
	party_id bigint, program_id uuid) RETURNS trainledger.ticket
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
	for_program trainledger.program;
	taken trainledger.ticket;
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM require_given('program_id', program_id::text);
	for_program := program(program_id);
	-- lock the person: calls consume the tickets of a person one by one
	PERFORM FROM trainledger.party p
	WHERE p.id = consume_ticket.party_id FOR NO KEY UPDATE;
	holder := person(party_id);
	-- try again if the ticket was canceled while we waited for its lock
	LOOP
		SELECT t.* INTO taken FROM trainledger.ticket t
		WHERE t.id = ready_ticket(holder.id, for_program.kind_id)
		FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			PERFORM refuse('TL404', 'no ticket is ready',
				format('Party %s has no ready ticket for program kind %s or a kind above it.',
					   party_id, for_program.kind_id),
				'Create a ticket first.', 'program_id');
		END IF;
		EXIT WHEN taken.state = 'ready';
	END LOOP;
	PERFORM require_active_program(program_id);
	PERFORM require_not_suspended(holder, 'party_id');
	IF NOT (put_membership(
		for_program.id, holder, NULL::uuid, NULL::trainledger.membership_role,
		'active'::trainledger.membership_state, NULL, NULL,
		'{}'::text[])).is_changed THEN
		PERFORM refuse('TL409', 'party is in the program already',
			format('Party %s is active in program %s.', party_id, program_id),
			'No ticket is needed.', 'party_id');
	END IF;
	UPDATE trainledger.ticket t
	SET state = 'consumed', party_id = holder.id,
		consumed_program_id = for_program.id,
		consumed_at = trainledger.clock()
	WHERE t.id = taken.id RETURNING t.* INTO taken;
	PERFORM require_written('ticket', FOUND);
	PERFORM record_ticket(taken, 'consumed'::trainledger.ticket_event_kind);
	RETURN taken;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.consume_ticket IS
'Takes a person into a program for the oldest ready ticket of the program''s kind, or of a kind above it. Level operator.';

CREATE FUNCTION trainledger_internal.cancel_ticket(ticket_id uuid)
RETURNS trainledger.ticket
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.ticket;
BEGIN
	PERFORM require_given('ticket_id', ticket_id::text);
	SELECT t.* INTO changed FROM trainledger.ticket t
	WHERE t.id = ticket_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM refuse_missing('ticket', ticket_id::text, 'ticket_id');
	END IF;
	IF changed.state <> 'ready' THEN
		PERFORM refuse('TL409',
			format('ticket is %s', changed.state),
			format('Ticket %s is %s.', changed.id, changed.state),
			'Only a ticket that is ready can be canceled.', 'ticket_id');
	END IF;
	UPDATE trainledger.ticket t
	SET state = 'canceled', canceled_at = trainledger.clock()
	WHERE t.id = changed.id RETURNING t.* INTO changed;
	PERFORM require_written('ticket', FOUND);
	PERFORM record_ticket(changed, 'canceled'::trainledger.ticket_event_kind);
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.cancel_ticket IS
'Cancels a ticket that is ready. Level operator.';
