-- Programs, cohorts, memberships and tickets (contract, section 11)

CREATE TYPE trainledger.program_mode AS ENUM ('fixed', 'open');
COMMENT ON TYPE trainledger.program_mode IS
'Calendar of a program: fixed (all take part at the same time) or open (everybody begins on a day of their own).';

CREATE TYPE trainledger.membership_role AS ENUM
	('member', 'trainer', 'observer');
COMMENT ON TYPE trainledger.membership_role IS
'What somebody is in a program: member, trainer or observer.';

CREATE TYPE trainledger.membership_state AS ENUM
	('active', 'completed', 'graduated', 'incomplete', 'withdrawn', 'dropped',
	 'refunded');
COMMENT ON TYPE trainledger.membership_state IS
'State of a membership: active, or how it ended.';

CREATE TYPE trainledger.ticket_state AS ENUM
	('ready', 'consumed', 'canceled');
COMMENT ON TYPE trainledger.ticket_state IS
'State of a ticket: ready to be consumed, consumed or canceled.';

CREATE TYPE trainledger.sync_mode AS ENUM ('closed', 'open');
COMMENT ON TYPE trainledger.sync_mode IS
'Whom a cohort sync takes: closed (who is in the program), open (others too).';

/*
 * parent_id has no foreign key: a table that refers to itself does not
 * restore in parallel; the function checks it.  A parent is there before its
 * children and stays it, so that kinds never stand in a circle.
 */
CREATE TABLE trainledger.program_kind (
	id uuid CONSTRAINT program_kind_pkey PRIMARY KEY,
	parent_id uuid,
	name text NOT NULL,
	handle text,
	CONSTRAINT program_kind_parent_id_check CHECK (parent_id <> id)
);
CREATE INDEX program_kind_parent_id_idx
	ON trainledger.program_kind (parent_id);
SELECT pg_catalog.pg_extension_config_dump('trainledger.program_kind', '');
COMMENT ON TABLE trainledger.program_kind IS
'Kinds of programs, in a tree.';
COMMENT ON COLUMN trainledger.program_kind.id IS 'Identity of the kind.';
COMMENT ON COLUMN trainledger.program_kind.parent_id IS 'Kind that it is a child of.';
COMMENT ON COLUMN trainledger.program_kind.name IS 'Name to show.';
COMMENT ON COLUMN trainledger.program_kind.handle IS 'Short name for machines.';

CREATE TABLE trainledger.program (
	id uuid CONSTRAINT program_pkey PRIMARY KEY,
	kind_id uuid NOT NULL
		CONSTRAINT program_kind_id_fkey REFERENCES trainledger.program_kind,
	name text NOT NULL,
	start_date date NOT NULL,
	duration integer NOT NULL,
	mode trainledger.program_mode NOT NULL,
	priority integer NOT NULL,
	is_active boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	CONSTRAINT program_duration_check CHECK (duration >= 1)
);
CREATE INDEX program_kind_id_idx ON trainledger.program (kind_id, start_date);
CREATE INDEX program_start_date_idx ON trainledger.program (start_date);
SELECT pg_catalog.pg_extension_config_dump('trainledger.program', '');
COMMENT ON TABLE trainledger.program IS
'Programs: a kind of program that is held from a day on.';
COMMENT ON COLUMN trainledger.program.id IS 'Identity of the program.';
COMMENT ON COLUMN trainledger.program.kind_id IS 'Kind of the program.';
COMMENT ON COLUMN trainledger.program.name IS 'Name to show.';
COMMENT ON COLUMN trainledger.program.start_date IS 'First day.';
COMMENT ON COLUMN trainledger.program.duration IS 'Length in days.';
COMMENT ON COLUMN trainledger.program.mode IS 'fixed or open.';
COMMENT ON COLUMN trainledger.program.priority IS 'Rank among programs.';
COMMENT ON COLUMN trainledger.program.is_active IS 'Whether it is among the programs to choose from.';
COMMENT ON COLUMN trainledger.program.created_at IS 'When the program was added.';
COMMENT ON COLUMN trainledger.program.updated_at IS 'When the program was last changed.';

CREATE TABLE trainledger.cohort (
	id uuid CONSTRAINT cohort_pkey PRIMARY KEY,
	program_id uuid NOT NULL
		CONSTRAINT cohort_program_id_fkey REFERENCES trainledger.program,
	name text NOT NULL,
	created_at timestamptz NOT NULL,
	CONSTRAINT cohort_name_key UNIQUE (program_id, name),
	CONSTRAINT cohort_program_id_id_key UNIQUE (program_id, id)
);
SELECT pg_catalog.pg_extension_config_dump('trainledger.cohort', '');
COMMENT ON TABLE trainledger.cohort IS
'Cohorts: groups that go through a program together.';
COMMENT ON COLUMN trainledger.cohort.id IS 'Identity of the cohort.';
COMMENT ON COLUMN trainledger.cohort.program_id IS 'Program that it is in.';
COMMENT ON COLUMN trainledger.cohort.name IS 'Name, unique in the program.';
COMMENT ON COLUMN trainledger.cohort.created_at IS 'When the cohort was made.';

-- The key on (program_id, cohort_id): a cohort of another program never fits.
CREATE TABLE trainledger.membership (
	program_id uuid NOT NULL
		CONSTRAINT membership_program_id_fkey REFERENCES trainledger.program,
	party_id bigint NOT NULL
		CONSTRAINT membership_party_id_fkey REFERENCES trainledger.party,
	cohort_id uuid,
	role trainledger.membership_role NOT NULL,
	state trainledger.membership_state NOT NULL,
	comments text,
	state_detail text,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	CONSTRAINT membership_pkey PRIMARY KEY (program_id, party_id),
	CONSTRAINT membership_cohort_id_fkey FOREIGN KEY (program_id, cohort_id)
		REFERENCES trainledger.cohort (program_id, id)
);
CREATE INDEX membership_party_id_idx ON trainledger.membership (party_id);
CREATE INDEX membership_cohort_id_idx ON trainledger.membership (cohort_id);
SELECT pg_catalog.pg_extension_config_dump('trainledger.membership', '');
COMMENT ON TABLE trainledger.membership IS
'Who takes part in which program. Nobody is removed; the state says how it ended.';
COMMENT ON COLUMN trainledger.membership.program_id IS 'Program.';
COMMENT ON COLUMN trainledger.membership.party_id IS 'Person who takes part.';
COMMENT ON COLUMN trainledger.membership.cohort_id IS 'Cohort of the program that the person is in.';
COMMENT ON COLUMN trainledger.membership.role IS 'member, trainer or observer.';
COMMENT ON COLUMN trainledger.membership.state IS 'active, completed, graduated, incomplete, withdrawn, dropped or refunded.';
COMMENT ON COLUMN trainledger.membership.comments IS 'Comments on the state.';
COMMENT ON COLUMN trainledger.membership.state_detail IS 'Detail of the state.';
COMMENT ON COLUMN trainledger.membership.created_at IS 'When the person came in.';
COMMENT ON COLUMN trainledger.membership.updated_at IS 'When the membership was last changed.';

/*
 * No foreign key to membership: an event is written together with what it is
 * about, nothing is ever deleted, and the check would cost a large sync a third
 * of its time.
 */
CREATE TABLE trainledger.membership_event (
	id bigint CONSTRAINT membership_event_pkey PRIMARY KEY,
	program_id uuid NOT NULL,
	party_id bigint NOT NULL,
	old_cohort_id uuid,
	cohort_id uuid,
	old_role trainledger.membership_role,
	role trainledger.membership_role NOT NULL,
	old_state trainledger.membership_state,
	state trainledger.membership_state NOT NULL,
	comments text,
	state_detail text,
	changed_by text NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE SEQUENCE trainledger.membership_event_id_seq
	OWNED BY trainledger.membership_event.id;
CREATE INDEX membership_event_party_id_idx
	ON trainledger.membership_event (party_id, program_id);
SELECT pg_catalog.pg_extension_config_dump('trainledger.membership_event', '');
SELECT pg_catalog.pg_extension_config_dump('trainledger.membership_event_id_seq', '');
COMMENT ON SEQUENCE trainledger.membership_event_id_seq IS
'Numbers from which the ids of membership events are made.';
COMMENT ON TABLE trainledger.membership_event IS
'Every change of a membership: as it was, and as it is from then on.';
COMMENT ON COLUMN trainledger.membership_event.id IS 'Identity of the event.';
COMMENT ON COLUMN trainledger.membership_event.program_id IS 'Program.';
COMMENT ON COLUMN trainledger.membership_event.party_id IS 'Person who takes part.';
COMMENT ON COLUMN trainledger.membership_event.old_cohort_id IS 'Cohort before.';
COMMENT ON COLUMN trainledger.membership_event.cohort_id IS 'Cohort from then on.';
COMMENT ON COLUMN trainledger.membership_event.old_role IS 'Role before; null: the person came in.';
COMMENT ON COLUMN trainledger.membership_event.role IS 'Role from then on.';
COMMENT ON COLUMN trainledger.membership_event.old_state IS 'State before; null: the person came in.';
COMMENT ON COLUMN trainledger.membership_event.state IS 'State from then on.';
COMMENT ON COLUMN trainledger.membership_event.comments IS 'Comments from then on.';
COMMENT ON COLUMN trainledger.membership_event.state_detail IS 'Detail of the state from then on.';
COMMENT ON COLUMN trainledger.membership_event.changed_by IS 'Who did it: the claim sub of the request, else the role.';
COMMENT ON COLUMN trainledger.membership_event.created_at IS 'When it was done.';

/*
 * A ticket is a person's (party_id), or nobody's yet: made out to an address
 * (email) that nobody had.  made_out_to is the holder as a repeated purchase
 * names it, the party or the address in lower case, and so never changes.
 * Tickets are looked for by holder_id and made_out_to: lower() and COALESCE
 * are not leakproof, and would be asked after the policy only, row by row.
 */
CREATE SEQUENCE trainledger.ticket_id_seq;
SELECT pg_catalog.pg_extension_config_dump('trainledger.ticket_id_seq', '');
COMMENT ON SEQUENCE trainledger.ticket_id_seq IS
'Numbers from which the ids of tickets are made.';

CREATE FUNCTION trainledger_internal.ticket_id() RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made text := replace(gen_random_uuid()::text, '-', '');
	number text := lpad(to_hex(nextval('trainledger.ticket_id_seq')), 12, '0');
BEGIN
	-- version 8: what the bits mean is ours
	RETURN (number || '8' || substr(made, 14))::uuid;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.ticket_id IS
'An id for a ticket: 12 hexadecimal digits that count, so that tickets made at one instant sort as they were made, and the rest at random.';

CREATE TABLE trainledger.ticket (
	id uuid CONSTRAINT ticket_pkey PRIMARY KEY,
	party_id bigint
		CONSTRAINT ticket_party_id_fkey REFERENCES trainledger.party,
	email text,
	program_kind_id uuid NOT NULL
		CONSTRAINT ticket_program_kind_id_fkey
		REFERENCES trainledger.program_kind,
	state trainledger.ticket_state NOT NULL DEFAULT 'ready',
	external_id uuid,
	sku text,
	base_sku text,
	made_out_to text NOT NULL,
	consumed_program_id uuid
		CONSTRAINT ticket_consumed_program_id_fkey
		REFERENCES trainledger.program,
	created_at timestamptz NOT NULL,
	consumed_at timestamptz,
	canceled_at timestamptz,
	holder_id bigint NOT NULL
		GENERATED ALWAYS AS (COALESCE(party_id, -1)) STORED,
	CONSTRAINT ticket_holder_check
		CHECK (party_id IS NOT NULL OR email IS NOT NULL)
);
CREATE UNIQUE INDEX ticket_purchase_key
	ON trainledger.ticket (external_id, sku, made_out_to)
	NULLS NOT DISTINCT WHERE external_id IS NOT NULL;
CREATE INDEX ticket_holder_id_idx
	ON trainledger.ticket (holder_id, created_at);
CREATE INDEX ticket_made_out_to_idx
	ON trainledger.ticket (made_out_to) WHERE holder_id = -1;
CREATE INDEX ticket_party_id_idx
	ON trainledger.ticket (party_id) WHERE party_id IS NOT NULL;
CREATE INDEX ticket_program_kind_id_idx
	ON trainledger.ticket (program_kind_id, created_at);
CREATE INDEX ticket_consumed_program_id_idx
	ON trainledger.ticket (consumed_program_id)
	WHERE consumed_program_id IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('trainledger.ticket', '');
COMMENT ON TABLE trainledger.ticket IS
'Tickets: rights to take part in a program of a kind.';
COMMENT ON COLUMN trainledger.ticket.id IS 'Identity of the ticket.';
COMMENT ON COLUMN trainledger.ticket.party_id IS 'Person who has it; null: whoever has the address.';
COMMENT ON COLUMN trainledger.ticket.email IS 'Address that it was made out to.';
COMMENT ON COLUMN trainledger.ticket.program_kind_id IS 'Kind of program that it is for; it serves for the kinds below too.';
COMMENT ON COLUMN trainledger.ticket.state IS 'ready, consumed or canceled.';
COMMENT ON COLUMN trainledger.ticket.external_id IS 'Id of the purchased item.';
COMMENT ON COLUMN trainledger.ticket.sku IS 'Stock keeping unit that was bought.';
COMMENT ON COLUMN trainledger.ticket.base_sku IS 'Stock keeping unit that it is a variant of.';
COMMENT ON COLUMN trainledger.ticket.made_out_to IS 'Holder that it was made for: the party, or else the address in lower case. Tells a purchase that is repeated.';
COMMENT ON COLUMN trainledger.ticket.consumed_program_id IS 'Program that it was consumed for.';
COMMENT ON COLUMN trainledger.ticket.created_at IS 'When it was made.';
COMMENT ON COLUMN trainledger.ticket.consumed_at IS 'When it was consumed.';
COMMENT ON COLUMN trainledger.ticket.canceled_at IS 'When it was canceled.';
COMMENT ON COLUMN trainledger.ticket.holder_id IS 'Person who has it; -1, which is no party: whoever has the address.';

CREATE TRIGGER lifecycle BEFORE UPDATE OF state
	ON trainledger.ticket FOR EACH ROW
	EXECUTE FUNCTION trainledger_internal.lifecycle('state',
		'ready>consumed', 'ready>canceled');
ALTER TABLE trainledger.ticket ENABLE ALWAYS TRIGGER lifecycle;
COMMENT ON TRIGGER lifecycle ON trainledger.ticket IS
'A ticket is consumed or canceled once and for all.';

-- Row-level security (section 12): kinds, programs and cohorts are catalogue

ALTER TABLE trainledger.program_kind ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.program_kind FOR SELECT USING (true);
COMMENT ON POLICY visible ON trainledger.program_kind IS
'Every level sees all kinds.';

ALTER TABLE trainledger.program ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.program FOR SELECT USING (true);
COMMENT ON POLICY visible ON trainledger.program IS
'Every level sees all programs.';

ALTER TABLE trainledger.cohort ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.cohort FOR SELECT USING (true);
COMMENT ON POLICY visible ON trainledger.cohort IS
'Every level sees all cohorts.';

ALTER TABLE trainledger.membership ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.membership FOR SELECT USING (
	party_id BETWEEN trainledger_internal.first_visible_party()
		AND trainledger_internal.last_visible_party());
COMMENT ON POLICY visible ON trainledger.membership IS
'Readers see all memberships, a learner its own.';

ALTER TABLE trainledger.membership_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.membership_event FOR SELECT USING (
	party_id BETWEEN trainledger_internal.first_visible_party()
		AND trainledger_internal.last_visible_party());
COMMENT ON POLICY visible ON trainledger.membership_event IS
'Readers see all events, a learner those of its own memberships.';

CREATE FUNCTION trainledger_internal.visible_email() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN (SELECT lower(p.email) FROM trainledger.party p
			WHERE p.id = trainledger.current_party()
			AND NOT has_function_privilege(
				'trainledger.reader_access()'::regprocedure, 'EXECUTE'));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.visible_email IS
'Address whose tickets the caller may see besides its own; for row-level security.';

ALTER TABLE trainledger.ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON trainledger.ticket FOR SELECT USING (
	holder_id BETWEEN trainledger_internal.first_visible_party()
		AND trainledger_internal.last_visible_party()
	OR holder_id = -1
	AND made_out_to = (SELECT trainledger_internal.visible_email()));
COMMENT ON POLICY visible ON trainledger.ticket IS
'Readers see all tickets, a learner its own and those made out to its address.';

CREATE VIEW trainledger.program_info WITH (security_invoker = true) AS
SELECT p.id, p.name, p.created_at, p.updated_at, p.start_date, p.duration,
	   p.mode, p.kind_id, k.name AS base_name, k.handle AS base_handle,
	   k.parent_id, p.priority, p.is_active
FROM trainledger.program p
JOIN trainledger.program_kind k ON k.id = p.kind_id;
COMMENT ON VIEW trainledger.program_info IS
'Programs with what is to be known of their kinds.';
COMMENT ON COLUMN trainledger.program_info.id IS 'Identity of the program.';
COMMENT ON COLUMN trainledger.program_info.name IS 'Name to show.';
COMMENT ON COLUMN trainledger.program_info.created_at IS 'When the program was added.';
COMMENT ON COLUMN trainledger.program_info.updated_at IS 'When the program was last changed.';
COMMENT ON COLUMN trainledger.program_info.start_date IS 'First day.';
COMMENT ON COLUMN trainledger.program_info.duration IS 'Length in days.';
COMMENT ON COLUMN trainledger.program_info.mode IS 'fixed or open.';
COMMENT ON COLUMN trainledger.program_info.kind_id IS 'Kind of the program.';
COMMENT ON COLUMN trainledger.program_info.base_name IS 'Name of the kind.';
COMMENT ON COLUMN trainledger.program_info.base_handle IS 'Handle of the kind.';
COMMENT ON COLUMN trainledger.program_info.parent_id IS 'Kind that the kind is a child of.';
COMMENT ON COLUMN trainledger.program_info.priority IS 'Rank among programs.';
COMMENT ON COLUMN trainledger.program_info.is_active IS 'Whether it is among the programs to choose from.';

-- Kinds and programs

CREATE FUNCTION trainledger_internal.program_kind(id uuid, argument text)
RETURNS trainledger.program_kind
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_kind trainledger.program_kind;
BEGIN
	SELECT k.* INTO found_kind FROM trainledger.program_kind k
	WHERE k.id = program_kind.id;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'program kind not found',
			format('There is no program kind %s.', id),
			'Look the id up in trainledger.program_kind.', argument);
	END IF;
	RETURN found_kind;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.program_kind IS
'A program kind by id, or TL404.';

CREATE FUNCTION trainledger_internal.program(id uuid)
RETURNS trainledger.program
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_program trainledger.program;
BEGIN
	SELECT p.* INTO found_program FROM trainledger.program p
	WHERE p.id = program.id;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'program not found',
			format('There is no program %s.', id),
			'Look the id up in trainledger.program.', 'program_id');
	END IF;
	RETURN found_program;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.program IS
'A program by id, or TL404.';

CREATE FUNCTION trainledger_internal.add_program_kind(
	name text,
	handle text DEFAULT NULL,
	parent_id uuid DEFAULT NULL,
	id uuid DEFAULT NULL) RETURNS trainledger.program_kind
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.program_kind;
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	PERFORM require_text('name', name);
	PERFORM require_text('handle', coalesce(handle, 'none'));
	IF parent_id IS NOT NULL THEN
		PERFORM program_kind(parent_id, 'parent_id');
	END IF;
	INSERT INTO trainledger.program_kind AS k (id, parent_id, name, handle)
	VALUES (coalesce(add_program_kind.id, gen_random_uuid()),
			add_program_kind.parent_id, add_program_kind.name,
			add_program_kind.handle)
	ON CONFLICT DO NOTHING RETURNING k.* INTO made;
	IF made.id IS NULL THEN
		PERFORM raise_taken('program_kind', 'program_kind_pkey');
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_program_kind IS
'Adds a kind of programs, as the child of another where one is given. Level admin.';

CREATE FUNCTION trainledger_internal.check_program(
	start_date date, duration integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET DateStyle = 'ISO'
AS $$
BEGIN
	IF start_date NOT BETWEEN date '0001-01-01' AND date '9999-12-31' THEN
		PERFORM refuse('TL400', 'start date is out of range',
			format('The argument start_date is %s.', start_date),
			'Give a day of the years 1 to 9999.', 'start_date');
	END IF;
	IF duration NOT BETWEEN 1 AND 36525 THEN
		PERFORM refuse('TL400', 'duration is out of range',
			format('The argument duration is %s.', duration),
			'Give a number of days from 1 to 36525.', 'duration');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_program IS
'Checks the days of a program (TL400).';

CREATE FUNCTION trainledger_internal.add_program(
	kind_id uuid,
	name text,
	start_date date,
	duration integer,
	mode trainledger.program_mode DEFAULT 'fixed',
	priority integer DEFAULT 0,
	id uuid DEFAULT NULL) RETURNS trainledger.program
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.program;
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	PERFORM require_given('kind_id', kind_id::text);
	PERFORM require_text('name', name);
	PERFORM require_given('start_date', start_date::text);
	PERFORM require_given('duration', duration::text);
	PERFORM check_program(start_date, duration);
	PERFORM program_kind(kind_id, 'kind_id');
	INSERT INTO trainledger.program AS p
		(id, kind_id, name, start_date, duration, mode, priority,
		 created_at, updated_at)
	VALUES (coalesce(add_program.id, gen_random_uuid()),
			add_program.kind_id, add_program.name, add_program.start_date,
			add_program.duration, coalesce(add_program.mode, 'fixed'),
			coalesce(add_program.priority, 0), trainledger.clock(),
			trainledger.clock())
	ON CONFLICT DO NOTHING RETURNING p.* INTO made;
	IF made.id IS NULL THEN
		PERFORM raise_taken('program', 'program_pkey');
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_program IS
'Adds a program of a kind, which is active; duration is in days. Level admin.';

CREATE FUNCTION trainledger_internal.update_program(
	program_id uuid,
	name text DEFAULT NULL,
	start_date date DEFAULT NULL,
	duration integer DEFAULT NULL,
	mode trainledger.program_mode DEFAULT NULL,
	priority integer DEFAULT NULL,
	is_active boolean DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.program
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.program;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_text('name', coalesce(name, 'kept'));
	PERFORM check_program(start_date, duration);
	PERFORM check_clear(clear, '{}'::text[], '{}'::text[]);
	PERFORM program(program_id);
	UPDATE trainledger.program p
	SET name = coalesce(update_program.name, p.name),
		start_date = coalesce(update_program.start_date, p.start_date),
		duration = coalesce(update_program.duration, p.duration),
		mode = coalesce(update_program.mode, p.mode),
		priority = coalesce(update_program.priority, p.priority),
		is_active = coalesce(update_program.is_active, p.is_active),
		updated_at = greatest(trainledger.clock(), p.updated_at)
	WHERE p.id = update_program.program_id
	RETURNING p.* INTO made;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_program IS
'Changes a program: null leaves a column as it is; none can be emptied. Level admin.';

-- Reading

CREATE FUNCTION trainledger.lookup_program(program_kind_id uuid)
RETURNS trainledger.program_kind
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT k FROM trainledger.program_kind k WHERE k.id = $1;
END;
COMMENT ON FUNCTION trainledger.lookup_program IS
'A program kind by id; null where there is none. Level learner.';

CREATE FUNCTION trainledger.lookup_program_instance(program_id uuid)
RETURNS trainledger.program_info
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT i FROM trainledger.program_info i WHERE i.id = $1;
END;
COMMENT ON FUNCTION trainledger.lookup_program_instance IS
'A program by id; null where there is none. Level learner.';

CREATE FUNCTION trainledger.list_cohorts(program_id uuid)
RETURNS SETOF trainledger.cohort
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT c FROM trainledger.cohort c WHERE c.program_id = $1
	ORDER BY c.name, c.id;
END;
COMMENT ON FUNCTION trainledger.list_cohorts IS
'Cohorts of a program, by name. Level learner.';

CREATE FUNCTION trainledger.program_child_list(program_kind_id uuid)
RETURNS SETOF trainledger.program_kind
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT k FROM trainledger.program_kind k WHERE k.parent_id = $1
	ORDER BY k.name, k.id;
END;
COMMENT ON FUNCTION trainledger.program_child_list IS
'Direct children of a program kind, by name. Level learner.';

CREATE FUNCTION trainledger.list_active_programs()
RETURNS SETOF trainledger.program_info
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT i FROM trainledger.program_info i WHERE i.is_active
	ORDER BY i.start_date DESC, i.priority DESC, i.name, i.id;
END;
COMMENT ON FUNCTION trainledger.list_active_programs IS
'Active programs, the latest start first. Level learner.';

CREATE FUNCTION trainledger.programs_after(
	after date, kind_id uuid DEFAULT NULL)
RETURNS SETOF trainledger.program_info
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT i FROM trainledger.program_info i
	WHERE i.is_active AND i.start_date >= $1
	AND ($2 IS NULL OR i.kind_id = $2)
	ORDER BY i.start_date DESC, i.priority DESC, i.name, i.id;
END;
COMMENT ON FUNCTION trainledger.programs_after IS
'Active programs that start on a day or later, the latest start first, of one kind where it is given. Level learner.';

-- Memberships

CREATE FUNCTION trainledger_internal.require_cohort(
	program_id uuid, cohort_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (
		SELECT FROM trainledger.cohort c
		WHERE c.id = require_cohort.cohort_id
		AND c.program_id = require_cohort.program_id) THEN
		PERFORM refuse('TL404', 'cohort not found',
			format('Program %s has no cohort %s.', program_id, cohort_id),
			'Look the id up in trainledger.cohort, or confirm the cohort by its name.',
			'cohort_id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_cohort IS
'TL404 where a program has no such cohort.';

/*
 * Makes or changes a membership, and leaves an event unless it is already as
 * it should be, which is_changed says.  Null leaves a column as it is.  Two
 * calls for a person who is not in the program meet in the primary key, and the
 * second changes what the first has made.
 */
CREATE FUNCTION trainledger_internal.put_membership(
	in_program uuid, holder trainledger.party, into_cohort uuid,
	new_role trainledger.membership_role,
	new_state trainledger.membership_state, new_comments text,
	new_state_detail text, OUT made trainledger.membership,
	OUT is_changed boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	old trainledger.membership;
BEGIN
	LOOP
		SELECT m.* INTO old FROM trainledger.membership m
		WHERE m.program_id = in_program AND m.party_id = holder.id
		FOR NO KEY UPDATE;
		made := old;
		made.cohort_id := coalesce(into_cohort, old.cohort_id);
		made.role := coalesce(new_role, old.role, 'member');
		made.state := coalesce(new_state, old.state, 'active');
		made.comments := coalesce(new_comments, old.comments);
		made.state_detail := coalesce(new_state_detail, old.state_detail);
		is_changed := made IS DISTINCT FROM old;
		IF NOT is_changed THEN
			RETURN;
		END IF;
		-- to come in, and to come back, is to acquire something
		IF old.state IS NULL OR old.state <> 'active' AND made.state = 'active' THEN
			PERFORM require_not_suspended(holder, 'party_id');
		END IF;
		made.updated_at := greatest(trainledger.clock(), old.updated_at);
		IF old.party_id IS NOT NULL THEN
			UPDATE trainledger.membership m
			SET cohort_id = made.cohort_id, role = made.role,
				state = made.state, comments = made.comments,
				state_detail = made.state_detail, updated_at = made.updated_at
			WHERE m.program_id = in_program AND m.party_id = holder.id;
			EXIT;
		END IF;
		made.program_id := in_program;
		made.party_id := holder.id;
		made.created_at := made.updated_at;
		INSERT INTO trainledger.membership SELECT (made).*
		ON CONFLICT DO NOTHING;
		EXIT WHEN FOUND;
		PERFORM require_conflict('membership', EXISTS (
			SELECT FROM trainledger.membership m
			WHERE m.program_id = in_program AND m.party_id = holder.id));
	END LOOP;
	INSERT INTO trainledger.membership_event
		(id, program_id, party_id, old_cohort_id, cohort_id, old_role, role,
		 old_state, state, comments, state_detail, changed_by, created_at)
	VALUES (new_id('trainledger.membership_event_id_seq'::regclass,
				   made.party_id),
			made.program_id, made.party_id, old.cohort_id, made.cohort_id,
			old.role, made.role, old.state, made.state, made.comments,
			made.state_detail, caller_name(), made.updated_at);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.put_membership IS
'Makes or changes a membership and leaves its event (TL409 where a suspended person would come in).';

CREATE FUNCTION trainledger_internal.modify_program_membership(
	program_id uuid,
	party_id bigint,
	cohort_id uuid DEFAULT NULL,
	role trainledger.membership_role DEFAULT NULL,
	state trainledger.membership_state DEFAULT NULL)
RETURNS trainledger.membership
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_given('party_id', party_id::text);
	IF state IN ('dropped', 'refunded') THEN
		PERFORM refuse('TL400', 'state is not for this call',
			format('The argument state is %s.', state),
			'Give active, completed, graduated, incomplete or withdrawn, or call update_user_cohort_state.',
			'state');
	END IF;
	PERFORM program(program_id);
	IF cohort_id IS NOT NULL THEN
		PERFORM require_cohort(program_id, cohort_id);
	END IF;
	holder := person(party_id);
	RETURN (put_membership(program_id, holder, cohort_id, role,
						   state, NULL, NULL)).made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.modify_program_membership IS
'Takes a person into a program, as an active member unless said, or changes the cohort, role or state there; what is null stays. States are active, completed, graduated, incomplete and withdrawn. Level operator.';

CREATE FUNCTION trainledger_internal.update_user_cohort_state(
	party_id bigint,
	program_id uuid,
	state trainledger.membership_state,
	cohort_id uuid DEFAULT NULL,
	comments text DEFAULT NULL,
	state_detail text DEFAULT NULL) RETURNS trainledger.membership
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	holder trainledger.party;
BEGIN
	PERFORM require_given('party_id', party_id::text);
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_given('state', state::text);
	PERFORM check_notes('comments', comments);
	PERFORM check_notes('state_detail', state_detail);
	PERFORM program(program_id);
	IF cohort_id IS NOT NULL THEN
		PERFORM require_cohort(program_id, cohort_id);
	END IF;
	holder := party(party_id);
	-- nobody is removed: who is in stays in
	IF NOT EXISTS (
		SELECT FROM trainledger.membership m
		WHERE m.program_id = update_user_cohort_state.program_id
		AND m.party_id = holder.id) THEN
		PERFORM refuse('TL404', 'membership not found',
			format('Party %s is not in program %s.', party_id, program_id),
			'Take the person into the program first.', 'party_id');
	END IF;
	RETURN (put_membership(
		program_id, holder, cohort_id, NULL::trainledger.membership_role,
		state, comments, state_detail)).made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_user_cohort_state IS
'Sets the state of a person in a program, and moves the person to a cohort where one is given; what is null stays. Level operator.';

-- Cohorts

CREATE FUNCTION trainledger_internal.confirm_cohort(
	program_id uuid, cohort_name text) RETURNS trainledger.cohort
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	confirmed trainledger.cohort;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_text('cohort_name', cohort_name);
	PERFORM program(program_id);
	LOOP
		SELECT c.* INTO confirmed FROM trainledger.cohort c
		WHERE c.program_id = confirm_cohort.program_id
		AND c.name = cohort_name;
		EXIT WHEN FOUND;
		INSERT INTO trainledger.cohort AS c (id, program_id, name, created_at)
		VALUES (gen_random_uuid(), confirm_cohort.program_id, cohort_name,
				trainledger.clock())
		ON CONFLICT DO NOTHING RETURNING c.* INTO confirmed;
		EXIT WHEN FOUND;
		PERFORM require_conflict('cohort', EXISTS (
			SELECT FROM trainledger.cohort c
			WHERE c.program_id = confirm_cohort.program_id
			AND c.name = cohort_name));
	END LOOP;
	RETURN confirmed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.confirm_cohort IS
'The cohort of a program with this name, which is made if it is not there. Level operator.';

CREATE FUNCTION trainledger_internal.is_predicate(path jsonpath) RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_is_predicate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.is_predicate IS
'Whether an SQL/JSON path is a predicate, such as $.a == 1, and not a path to values, such as $.a.';

CREATE FUNCTION trainledger_internal.predicate(query text) RETURNS jsonpath
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	path jsonpath;
BEGIN
	PERFORM require_given('query', nullif(btrim(query), ''));
	IF octet_length(query) > 65536 THEN
		PERFORM refuse('TL400', 'query is too long',
			format('The query has %s bytes.', octet_length(query)),
			'A query has at most 65536 bytes.', 'query');
	END IF;
	BEGIN
		path := query::jsonpath;
	EXCEPTION WHEN syntax_error OR data_exception OR feature_not_supported
			  OR program_limit_exceeded THEN
		PERFORM refuse('TL400', 'query is not a path',
			format('The server says: %s.', left(SQLERRM, 250)),
			'Give an SQL/JSON path predicate, such as $.attributes.grade > 3.',
			'query');
	END;
	IF NOT is_predicate(path) THEN
		PERFORM refuse('TL400', 'query is not a predicate',
			'The query is a path to values, not a condition.',
			'Give an SQL/JSON path predicate, such as $.attributes.grade > 3.',
			'query');
	END IF;
	-- a path is printed with all names in quotes: $"x" is the variable x
	IF regexp_replace(path::text, $re$"([^"\\]|\\.)*"$re$, '""', 'g') ~ '[$]""' THEN
		PERFORM refuse('TL400', 'query has a variable',
			'Variables have no values in a query.',
			'Write the values into the query.', 'query');
	END IF;
	RETURN path;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.predicate IS
'A query as a path, TL400 where it is no path or no predicate.';

-- A read that acts as the owner, since it is the first half of sync_cohort.

/*
 * The path is a value to the server, never text of a statement.  Its errors
 * are unknown, which is not true; what it raises all the same (too deep a
 * recursion) is the query's fault.  Dates are compared in UTC.
 *
 * Everybody is looked at, so that nested loops have nothing to win; and where
 * a program was filled just now, its statistics would have them everywhere,
 * with a time that grows with the square of the people.
 */
CREATE FUNCTION trainledger_internal.sync_cohort_preview(
	program_id uuid,
	cohort_id uuid,
	query text,
	role trainledger.membership_role DEFAULT 'member',
	mode trainledger.sync_mode DEFAULT 'closed')
RETURNS TABLE (party_id bigint, change text, from_cohort_id uuid,
			   to_cohort_id uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET timezone = 'UTC'
SET enable_nestloop = off
AS $$
DECLARE
	path jsonpath;
BEGIN
	PERFORM require_given('program_id', program_id::text);
	PERFORM require_given('cohort_id', cohort_id::text);
	path := predicate(query);
	PERFORM program(program_id);
	PERFORM require_cohort(program_id, cohort_id);
	RETURN QUERY
	SELECT p.id,
		   CASE WHEN m.party_id IS NULL THEN 'add'
				WHEN m.cohort_id = $2 THEN 'role'
				ELSE 'move' END,
		   m.cohort_id, $2
	FROM trainledger.party p
	LEFT JOIN trainledger.membership m
		ON m.program_id = $1 AND m.party_id = p.id
	WHERE p.kind = 'person' AND NOT p.is_suspended
	-- a CASE on the membership: the path is asked of those who may change
	AND CASE WHEN CASE WHEN m.party_id IS NULL THEN mode = 'open'
					   ELSE m.state = 'active'
							AND (m.cohort_id IS DISTINCT FROM $2
								 OR m.role <> coalesce(
									sync_cohort_preview.role, 'member'))
					   END
			 THEN jsonb_path_match_tz(
				jsonb_build_object(
					'id', p.id, 'uuid', p.uuid, 'email', p.email,
					'name', p.name, 'externalId', p.external_id,
					'flags', p.flags, 'attributes', p.attributes,
					'organisationId', p.organisation_id),
				path, silent => true)
			 END
	ORDER BY p.id;
EXCEPTION WHEN data_exception OR feature_not_supported
		  OR program_limit_exceeded THEN
	PERFORM refuse('TL400', 'query cannot be evaluated',
		format('The server says: %s.', left(SQLERRM, 250)),
		'Give a simpler query.', 'query');
END;
$$;
COMMENT ON FUNCTION trainledger_internal.sync_cohort_preview IS
'Whom sync_cohort would change with the same arguments: who comes into the program (add), who changes the cohort (move), and who only the role (role). Level operator.';

/*
 * One statement for everybody.  The syncs of a program wait for one another;
 * beside other writers it locks memberships in the order of their parties, and
 * holds what they made of them against the conditions once more.  Who was
 * taken in by somebody else while the statement ran is seen by the next round.
 */
CREATE FUNCTION trainledger_internal.sync_cohort(
	program_id uuid,
	cohort_id uuid,
	query text,
	role trainledger.membership_role DEFAULT 'member',
	mode trainledger.sync_mode DEFAULT 'closed') RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
SET enable_nestloop = off
AS $$
DECLARE
	new_role trainledger.membership_role := coalesce(role, 'member');
	caller text := caller_name();
	at timestamptz := trainledger.clock();
	changed bigint;
	missed bigint;
	total bigint := 0;
BEGIN
	PERFORM FROM trainledger.program p
	WHERE p.id = sync_cohort.program_id FOR NO KEY UPDATE;
	LOOP
		WITH wanted AS MATERIALIZED (
			SELECT w.party_id, w.change
			FROM sync_cohort_preview($1, $2, query, new_role, mode) w
		), held AS (
			SELECT m.party_id, m.cohort_id, m.role, m.state
			FROM trainledger.membership m
			JOIN wanted w ON w.party_id = m.party_id
			WHERE m.program_id = $1 AND m.state = 'active'
			AND (m.cohort_id IS DISTINCT FROM $2 OR m.role <> new_role)
			ORDER BY m.party_id
			FOR NO KEY UPDATE OF m
		), moved AS (
			UPDATE trainledger.membership m
			SET cohort_id = $2, role = new_role,
				updated_at = greatest(at, m.updated_at)
			FROM held h
			WHERE m.program_id = $1 AND m.party_id = h.party_id
			RETURNING m.party_id, h.cohort_id AS old_cohort_id,
					  h.role AS old_role, h.state AS old_state, m.state,
					  m.comments, m.state_detail, m.updated_at
		), added AS (
			INSERT INTO trainledger.membership AS m
				(program_id, party_id, cohort_id, role, state, created_at,
				 updated_at)
			SELECT $1, w.party_id, $2, new_role, 'active', at, at
			FROM wanted w
			WHERE w.change = 'add'
			ORDER BY w.party_id
			ON CONFLICT DO NOTHING
			RETURNING m.party_id, m.state, m.updated_at
		), recorded AS (
			INSERT INTO trainledger.membership_event AS e
				(id, program_id, party_id, old_cohort_id, cohort_id, old_role,
				 role, old_state, state, comments, state_detail, changed_by,
				 created_at)
			SELECT new_id(
					   'trainledger.membership_event_id_seq'::regclass,
					   c.party_id),
				   $1, c.party_id, c.old_cohort_id, $2, c.old_role, new_role,
				   c.old_state, c.state, c.comments, c.state_detail, caller,
				   c.updated_at
			FROM (SELECT * FROM moved
				  UNION ALL
				  SELECT a.party_id, NULL, NULL, NULL, a.state, NULL, NULL,
						 a.updated_at
				  FROM added a) c
			RETURNING e.old_state
		)
		SELECT count(*),
			   (SELECT count(*) FROM wanted w WHERE w.change = 'add')
			   - count(*) FILTER (WHERE r.old_state IS NULL)
		INTO changed, missed
		FROM recorded r;
		total := total + changed;
		EXIT WHEN missed = 0;
	END LOOP;
	RETURN total;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.sync_cohort IS
'Moves the people whom an SQL/JSON path predicate is true for into a cohort, with a role: those who are active in the program, and in mode open everybody else too. Suspended people are left alone and nobody is removed. Returns how many memberships it made or changed. Level operator.';

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
		   OR t.holder_id = -1 AND t.made_out_to = lower(holder.email))
	AND (user_tickets.state IS NULL OR t.state = user_tickets.state)
	ORDER BY t.created_at, t.id;
END;
$$;
COMMENT ON FUNCTION trainledger.user_tickets IS
'Tickets of a person, those made out to the person''s address included, oldest first, in one state where it is given. Level learner, for its own.';

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
	holder_argument CONSTANT text :=
		CASE WHEN party_id IS NULL THEN 'email' ELSE 'party_id' END;
BEGIN
	PERFORM require_given('program_kind_id', program_kind_id::text);
	IF party_id IS NULL AND email IS NULL THEN
		PERFORM refuse('TL400', 'party_id or email is missing',
			'The argument party_id or email is null or empty.',
			'This argument is required.', NULL);
	END IF;
	PERFORM check_party(email, NULL, NULL, NULL, NULL::bigint,
						NULL::jsonb, NULL::jsonb);
	PERFORM check_length('sku', sku, 250);
	PERFORM check_length('base_sku', base_sku, 250);
	PERFORM program_kind(program_kind_id, 'program_kind_id');
	IF email IS NOT NULL THEN
		SELECT p.id INTO owner_id FROM trainledger.party p
		WHERE lower(p.email) = lower(create_program_ticket.email);
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
				 AND t.made_out_to = lower(holder.email))) THEN
			RETURN 0;
		END IF;
		PERFORM require_not_suspended(holder, holder_argument);
	END IF;
	INSERT INTO trainledger.ticket
		(id, party_id, email, program_kind_id, external_id, sku, base_sku,
		 made_out_to, created_at)
	VALUES (ticket_id(), for_party, create_program_ticket.email,
			create_program_ticket.program_kind_id,
			create_program_ticket.external_id, create_program_ticket.sku,
			create_program_ticket.base_sku,
			coalesce(for_party::text, lower(create_program_ticket.email)),
			trainledger.clock())
	ON CONFLICT DO NOTHING;
	RETURN FOUND::integer;
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
		-- UNION, not UNION ALL: ends even where kinds stand in a circle
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
	-- one ticket of a person at a time, so that none is taken in vain
	PERFORM FROM trainledger.party p
	WHERE p.id = consume_ticket.party_id FOR NO KEY UPDATE;
	holder := person(party_id);
	-- again where it was canceled while this waited for it
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
	PERFORM require_not_suspended(holder, 'party_id');
	IF NOT (put_membership(
		for_program.id, holder, NULL::uuid, NULL::trainledger.membership_role,
		'active'::trainledger.membership_state, NULL, NULL)).is_changed THEN
		PERFORM refuse('TL409', 'party is in the program already',
			format('Party %s is active in program %s.', party_id, program_id),
			'No ticket is needed.', 'party_id');
	END IF;
	UPDATE trainledger.ticket t
	SET state = 'consumed', party_id = holder.id,
		consumed_program_id = for_program.id,
		consumed_at = trainledger.clock()
	WHERE t.id = taken.id RETURNING t.* INTO taken;
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
		PERFORM refuse('TL404', 'ticket not found',
			format('There is no ticket %s.', ticket_id),
			'Look the id up in trainledger.ticket.', 'ticket_id');
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
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.cancel_ticket IS
'Cancels a ticket that is ready. Level operator.';
