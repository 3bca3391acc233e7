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
	CONSTRAINT cohort_program_id_id_key UNIQUE (program_id, id)
);
CREATE UNIQUE INDEX cohort_name_key ON trainledger.cohort
	(program_id, trainledger_internal.folded(name) COLLATE "C");
COMMENT ON TABLE trainledger.cohort IS
'Cohorts: groups that go through a program together.';
COMMENT ON COLUMN trainledger.cohort.id IS 'Identity of the cohort.';
COMMENT ON COLUMN trainledger.cohort.program_id IS 'Program that it is in.';
COMMENT ON COLUMN trainledger.cohort.name IS 'Name, unique in the program, in NFC and without regard to case.';
COMMENT ON COLUMN trainledger.cohort.created_at IS 'When the cohort was made.';

-- The foreign key on (program_id, cohort_id) refuses cohorts of other programs.
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
	created_at timestamptz NOT NULL,
	booking_no bigint NOT NULL
);
CREATE SEQUENCE trainledger.membership_event_id_seq
	OWNED BY trainledger.membership_event.id;
CREATE INDEX membership_event_party_id_idx
	ON trainledger.membership_event (party_id, program_id);
CREATE INDEX membership_event_booking_no_idx ON trainledger.membership_event
	USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
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
COMMENT ON COLUMN trainledger.membership_event.booking_no IS 'Number of the booking: the same for all that one transaction wrote.';

/*
 * A ticket is a person's (party_id), or nobody's yet: made out to an address
 * (email) that no person had, and bound to the first who gets it.  made_out_to is the holder as a repeated purchase
 * names it, the party or the folded address, and so never changes.  Tickets are
 * looked for by holder_id: COALESCE is not leakproof, and would be asked after
 * the policy only, row by row.
 */
CREATE SEQUENCE trainledger.ticket_id_seq;
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
	-- UUID version 8: the application defines what the bits mean
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
COMMENT ON TABLE trainledger.ticket IS
'Tickets: rights to take part in a program of a kind.';
COMMENT ON COLUMN trainledger.ticket.id IS 'Identity of the ticket.';
COMMENT ON COLUMN trainledger.ticket.party_id IS 'Person who has it; null: whoever gets the address first.';
COMMENT ON COLUMN trainledger.ticket.email IS 'Address that it was made out to.';
COMMENT ON COLUMN trainledger.ticket.program_kind_id IS 'Kind of program that it is for; it serves for the kinds below too.';
COMMENT ON COLUMN trainledger.ticket.state IS 'ready, consumed or canceled.';
COMMENT ON COLUMN trainledger.ticket.external_id IS 'Id of the purchased item.';
COMMENT ON COLUMN trainledger.ticket.sku IS 'Stock keeping unit that was bought.';
COMMENT ON COLUMN trainledger.ticket.base_sku IS 'Stock keeping unit that it is a variant of.';
COMMENT ON COLUMN trainledger.ticket.made_out_to IS 'Holder that it was made for: the party, or else the address as addresses are compared. Tells a purchase that is repeated.';
COMMENT ON COLUMN trainledger.ticket.consumed_program_id IS 'Program that it was consumed for.';
COMMENT ON COLUMN trainledger.ticket.created_at IS 'When it was made.';
COMMENT ON COLUMN trainledger.ticket.consumed_at IS 'When it was consumed.';
COMMENT ON COLUMN trainledger.ticket.canceled_at IS 'When it was canceled.';
COMMENT ON COLUMN trainledger.ticket.holder_id IS 'Person who has it; -1, which is no party: whoever gets the address first.';

CREATE TRIGGER lifecycle BEFORE UPDATE OF state
	ON trainledger.ticket FOR EACH ROW
	EXECUTE FUNCTION trainledger_internal.lifecycle('state',
		'ready>consumed', 'ready>canceled');
COMMENT ON TRIGGER lifecycle ON trainledger.ticket IS
'A ticket is consumed or canceled once and for all.';

CREATE TYPE trainledger.ticket_event_kind AS ENUM
	('created', 'bound', 'consumed', 'canceled');
COMMENT ON TYPE trainledger.ticket_event_kind IS
'What happened to a ticket: created; bound, made out to an address and now the person''s who has it; consumed, canceled.';

CREATE TABLE trainledger.ticket_event (
	id bigint CONSTRAINT ticket_event_pkey PRIMARY KEY,
	ticket_id uuid NOT NULL
		CONSTRAINT ticket_event_ticket_id_fkey REFERENCES trainledger.ticket,
	event trainledger.ticket_event_kind NOT NULL,
	state trainledger.ticket_state NOT NULL,
	party_id bigint,
	email text,
	program_kind_id uuid NOT NULL,
	consumed_program_id uuid,
	changed_by text NOT NULL,
	created_at timestamptz NOT NULL,
	booking_no bigint NOT NULL
);
CREATE SEQUENCE trainledger.ticket_event_id_seq
	OWNED BY trainledger.ticket_event.id;
CREATE INDEX ticket_event_ticket_id_idx
	ON trainledger.ticket_event (ticket_id);
CREATE INDEX ticket_event_booking_no_idx ON trainledger.ticket_event
	USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON SEQUENCE trainledger.ticket_event_id_seq IS
'Numbers from which the ids of ticket events are made.';
COMMENT ON TABLE trainledger.ticket_event IS
'What happened to tickets, with the ticket as it was from then on, append-only.';
COMMENT ON COLUMN trainledger.ticket_event.id IS 'Identity of the event.';
COMMENT ON COLUMN trainledger.ticket_event.ticket_id IS 'Ticket that it happened to.';
COMMENT ON COLUMN trainledger.ticket_event.event IS 'What happened.';
COMMENT ON COLUMN trainledger.ticket_event.state IS 'State from then on.';
COMMENT ON COLUMN trainledger.ticket_event.party_id IS 'Person who had it from then on; null: nobody yet.';
COMMENT ON COLUMN trainledger.ticket_event.email IS 'Address that it was made out to.';
COMMENT ON COLUMN trainledger.ticket_event.program_kind_id IS 'Kind of program that it is for.';
COMMENT ON COLUMN trainledger.ticket_event.consumed_program_id IS 'Program that it was consumed for.';
COMMENT ON COLUMN trainledger.ticket_event.changed_by IS 'Who did it: the claim sub of the request, else the role.';
COMMENT ON COLUMN trainledger.ticket_event.created_at IS 'When it was done.';
COMMENT ON COLUMN trainledger.ticket_event.booking_no IS 'Number of the booking: the same for all that one transaction wrote.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
	ON trainledger.ticket_event FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_change(
		'Use the functions of tickets, such as cancel_ticket.');
COMMENT ON TRIGGER append_only ON trainledger.ticket_event IS
'Events are never changed or deleted.';

CREATE VIEW trainledger.program_info WITH (security_invoker = true) AS
SELECT p.id, p.name, p.created_at, p.updated_at, p.start_date, p.duration,
	   p.mode, p.kind_id, k.name AS base_name, k.handle AS base_handle,
	   k.parent_id, p.priority, p.is_active
FROM trainledger.program p
JOIN trainledger.program_kind k ON k.id = p.kind_id;
COMMENT ON VIEW trainledger.program_info IS
'Programs with what is to be known of their kinds.';
COMMENT ON COLUMN trainledger.program_info.base_name IS 'Name of the kind.';
COMMENT ON COLUMN trainledger.program_info.base_handle IS 'Handle of the kind.';
COMMENT ON COLUMN trainledger.program_info.parent_id IS 'Kind that the kind is a child of.';
