-- The log: what it keeps (contract, section 17)

/*
 * The one in use is the last.  A log that goes on from a backup after one of
 * its checkpoints has left the house needs another name, because the two would
 * say different things of trees of one size.
 */
CREATE TABLE trainledger.log_origin (
	id integer CONSTRAINT log_origin_pkey PRIMARY KEY,
	origin text COLLATE "C" NOT NULL
		CONSTRAINT log_origin_origin_key UNIQUE,
	reason text NOT NULL,
	size bigint NOT NULL,
	started_by text NOT NULL,
	started_at timestamptz NOT NULL,
	after_booking_no bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE trainledger.log_origin IS
'Names of the log, a row for each call of start_log(); the last one is in use.';
COMMENT ON COLUMN trainledger.log_origin.id IS 'Number of the name: 1, 2, 3.';
COMMENT ON COLUMN trainledger.log_origin.origin IS 'Name of the log in checkpoints, and of the key in signatures.';
COMMENT ON COLUMN trainledger.log_origin.reason IS 'Why the log was started under this name.';
COMMENT ON COLUMN trainledger.log_origin.size IS 'Leaves that were in the tree then.';
COMMENT ON COLUMN trainledger.log_origin.started_by IS 'Who started it: the claim sub of the request, else the role.';
COMMENT ON COLUMN trainledger.log_origin.started_at IS 'When it was started.';
COMMENT ON COLUMN trainledger.log_origin.after_booking_no IS 'What is sealed under this name has higher numbers of bookings.';

/*
 * The last block is changed until it is full.  Hashes do not get smaller, so
 * that nothing tries to compress them.
 */
CREATE TABLE trainledger.log_block (
	block_no bigint CONSTRAINT log_block_pkey PRIMARY KEY,
	booking_no bigint NOT NULL,
	kind text COLLATE "C" NOT NULL,
	id bigint NOT NULL,
	entry_no bigint NOT NULL,
	size integer NOT NULL,
	hash bytea NOT NULL,
	prefixes bytea NOT NULL,
	names bytea
);
ALTER TABLE trainledger.log_block
	ALTER hash SET STORAGE EXTERNAL,
	ALTER prefixes SET STORAGE EXTERNAL,
	ALTER names SET STORAGE EXTERNAL;
COMMENT ON TABLE trainledger.log_block IS
'Leaves of the log, 256 in each row but the last: how they are found, and what they were when they were sealed.';
COMMENT ON COLUMN trainledger.log_block.block_no IS 'Number of the block: 0, 1, 2; leaf n is in block n / 256.';
COMMENT ON COLUMN trainledger.log_block.booking_no IS 'Booking of its first leaf.';
COMMENT ON COLUMN trainledger.log_block.kind IS 'Kind of its first leaf.';
COMMENT ON COLUMN trainledger.log_block.id IS 'Of an entry the account, else the id of its first leaf.';
COMMENT ON COLUMN trainledger.log_block.entry_no IS 'Of an entry its number in the account; 0 for other kinds.';
COMMENT ON COLUMN trainledger.log_block.size IS 'Leaves in it.';
COMMENT ON COLUMN trainledger.log_block.hash IS 'Hash of the node above its leaves; while it is not full, the hashes of its complete nodes, the largest first.';
COMMENT ON COLUMN trainledger.log_block.prefixes IS 'First four bytes of each leaf''s hash, by which verify() says which one changed.';
COMMENT ON COLUMN trainledger.log_block.names IS 'Which leaves are no entries, 11 bytes each (place in the block, kind, id), by which verify() says which one is gone; null: none.';

CREATE TABLE trainledger.log_node (
	level smallint NOT NULL,
	node_no bigint NOT NULL,
	hash bytea NOT NULL,
	CONSTRAINT log_node_pkey PRIMARY KEY (level, node_no)
);
COMMENT ON TABLE trainledger.log_node IS
'Hashes of nodes above 256 blocks (level 16) and above 65536 (level 24), so that a proof reads few rows.';
COMMENT ON COLUMN trainledger.log_node.level IS 'Level of the node in the tree, 16 or 24; leaves are at level 0.';
COMMENT ON COLUMN trainledger.log_node.node_no IS 'Number of the node in its level: 0, 1, 2.';
COMMENT ON COLUMN trainledger.log_node.hash IS 'Hash of the node.';

CREATE TABLE trainledger.checkpoint (
	origin text COLLATE "C" NOT NULL
		CONSTRAINT checkpoint_origin_fkey
		REFERENCES trainledger.log_origin (origin),
	size bigint NOT NULL,
	root bytea NOT NULL,
	last_booking_no bigint NOT NULL,
	created_at timestamptz NOT NULL,
	note text,
	CONSTRAINT checkpoint_pkey PRIMARY KEY (size, origin)
);
COMMENT ON TABLE trainledger.checkpoint IS
'States of the log, a row for each seal that added something.';
COMMENT ON COLUMN trainledger.checkpoint.origin IS 'Name of the log.';
COMMENT ON COLUMN trainledger.checkpoint.size IS 'Leaves in the tree.';
COMMENT ON COLUMN trainledger.checkpoint.root IS 'Root of the tree of that size (RFC 6962).';
COMMENT ON COLUMN trainledger.checkpoint.last_booking_no IS 'All bookings up to this number are in the tree.';
COMMENT ON COLUMN trainledger.checkpoint.created_at IS 'When it was sealed.';
COMMENT ON COLUMN trainledger.checkpoint.note IS 'The checkpoint with its signatures, as a C2SP signed note; null: nobody has signed it.';

/*
 * Once every transaction before next_xid is over, no more bookings up to last_no
 * can appear.  Another cluster has other transaction ids, so a dump leaves
 * these rows out.
 */
CREATE TABLE trainledger.log_mark (
	last_no bigint CONSTRAINT log_mark_pkey PRIMARY KEY,
	next_xid xid8 NOT NULL
);
COMMENT ON TABLE trainledger.log_mark IS
'Numbers of bookings that seal() has read, and what must be over before they can be sealed.';
COMMENT ON COLUMN trainledger.log_mark.last_no IS 'Last number that was given out.';
COMMENT ON COLUMN trainledger.log_mark.next_xid IS 'Next transaction id, read after the number: older transactions may still have it.';

/*
 * The hash of texts that are easily guessed tells them, and a salt hides them.
 * Whoever deletes it makes the hashes those of nothing.  No foreign key: there is
 * a salt for what is nobody's too.
 */
CREATE TABLE trainledger.party_salt (
	party_id bigint CONSTRAINT party_salt_pkey PRIMARY KEY,
	salt bytea NOT NULL
);
COMMENT ON TABLE trainledger.party_salt IS
'Random bytes, a row for each party with something in the log, that are hashed together with its texts.';
COMMENT ON COLUMN trainledger.party_salt.party_id IS 'Party; 0: nobody, for tickets that are made out to an address.';
COMMENT ON COLUMN trainledger.party_salt.salt IS 'Its 32 bytes.';

/*
 * What was forgotten stays in the log by the hash of its texts.  row_id and
 * entry_no are the id and entry_no of log_row.
 */
CREATE TABLE trainledger.redaction (
	id bigint CONSTRAINT redaction_pkey PRIMARY KEY,
	booking_no bigint NOT NULL,
	kind text COLLATE "C" NOT NULL,
	row_id bigint NOT NULL,
	entry_no bigint NOT NULL,
	party_id bigint,
	texts_hash bytea NOT NULL,
	reason_code text NOT NULL,
	redacted_by text NOT NULL,
	created_at timestamptz NOT NULL,
	CONSTRAINT redaction_row_key UNIQUE (row_id, entry_no, kind),
	CONSTRAINT redaction_texts_hash_check
		CHECK (pg_catalog.octet_length(texts_hash) = 32)
);
CREATE SEQUENCE trainledger.redaction_id_seq OWNED BY trainledger.redaction.id;
CREATE INDEX redaction_booking_no_idx ON trainledger.redaction
	USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON SEQUENCE trainledger.redaction_id_seq IS
'Numbers from which the ids of redactions are made.';
COMMENT ON TABLE trainledger.redaction IS
'Entries and events whose texts were emptied, append-only.';
COMMENT ON COLUMN trainledger.redaction.id IS 'Identity of the redaction; its low 10 bits are the home of the row.';
COMMENT ON COLUMN trainledger.redaction.booking_no IS 'Number of the booking: the same for all that one transaction wrote.';
COMMENT ON COLUMN trainledger.redaction.kind IS 'Kind of the row''s leaf in the log, such as E1.';
COMMENT ON COLUMN trainledger.redaction.row_id IS 'Of an entry the account, else the id of the event.';
COMMENT ON COLUMN trainledger.redaction.entry_no IS 'Of an entry its number in the account, else 0.';
COMMENT ON COLUMN trainledger.redaction.party_id IS 'Party that the row belongs to; null: nobody yet.';
COMMENT ON COLUMN trainledger.redaction.texts_hash IS 'SHA-256 of the salt of the party and the texts that were there.';
COMMENT ON COLUMN trainledger.redaction.reason_code IS 'Why, as a code.';
COMMENT ON COLUMN trainledger.redaction.redacted_by IS 'Who did it: the claim sub of the request, else the role; not part of the log.';
COMMENT ON COLUMN trainledger.redaction.created_at IS 'When it was done.';

/*
 * What reports over months read in place of entries that are sealed.  It goes up
 * to the greatest last_booking_no of its rows.  A key cannot be null, so no
 * currency is an empty text.
 */
CREATE TABLE trainledger.month_summary (
	token_type_id uuid NOT NULL
		CONSTRAINT month_summary_token_type_id_fkey
		REFERENCES trainledger.token_type,
	month date NOT NULL,
	operation trainledger.operation NOT NULL,
	is_reissue boolean NOT NULL,
	currency_code text NOT NULL,
	entries bigint NOT NULL,
	quantity numeric NOT NULL,
	value numeric NOT NULL,
	last_booking_no bigint NOT NULL,
	CONSTRAINT month_summary_pkey PRIMARY KEY
		(token_type_id, month, operation, is_reissue, currency_code)
);
COMMENT ON TABLE trainledger.month_summary IS
'Sums of the entries that are sealed, by month; reports read them. Kept by seal().';
COMMENT ON COLUMN trainledger.month_summary.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.month_summary.month IS 'First day of the month (in UTC); an expiry counts in the month in which the lot expired.';
COMMENT ON COLUMN trainledger.month_summary.operation IS 'What the entries did.';
COMMENT ON COLUMN trainledger.month_summary.is_reissue IS 'Whether they issued refunds of expired lots anew.';
COMMENT ON COLUMN trainledger.month_summary.currency_code IS 'Currency of the prices of the lots; empty: they have no price, or are credit.';
COMMENT ON COLUMN trainledger.month_summary.entries IS 'How many entries there are.';
COMMENT ON COLUMN trainledger.month_summary.quantity IS 'What they added to balances; negative where they took more.';
COMMENT ON COLUMN trainledger.month_summary.value IS 'The same at the prices of the lots.';
COMMENT ON COLUMN trainledger.month_summary.last_booking_no IS 'Greatest number of a booking among them.';

/*
 * Homes move from node to node, and leaves do not: the log goes on as if the rows
 * were there.  kind, id and entry_no are as in log_block.
 */
CREATE TABLE trainledger.log_kept (
	booking_no bigint NOT NULL,
	kind text COLLATE "C" NOT NULL,
	id bigint NOT NULL,
	entry_no bigint NOT NULL,
	hash bytea NOT NULL,
	CONSTRAINT log_kept_pkey PRIMARY KEY (booking_no, kind, id, entry_no)
);
COMMENT ON TABLE trainledger.log_kept IS
'Leaves of the log whose rows have moved to another node, written by forget_homes(); gone again when their home comes back.';
COMMENT ON COLUMN trainledger.log_kept.booking_no IS 'Number of the booking.';
COMMENT ON COLUMN trainledger.log_kept.kind IS 'Kind of the leaf, such as E1.';
COMMENT ON COLUMN trainledger.log_kept.id IS 'Of an entry the account, else the id of the event.';
COMMENT ON COLUMN trainledger.log_kept.entry_no IS 'Of an entry its number in the account, else 0.';
COMMENT ON COLUMN trainledger.log_kept.hash IS 'Hash of the leaf in the tree.';

/*
 * A home has a row for each node whose numbers its rows have, because that is
 * where they were sealed.  Rows that came cannot be leaves here: the log had
 * passed their place.  Their digest is in one.
 */
CREATE TABLE trainledger.home_event (
	id bigint CONSTRAINT home_event_pkey PRIMARY KEY,
	home integer NOT NULL,
	direction text COLLATE "C" NOT NULL
		CONSTRAINT home_event_direction_check
		CHECK (direction IN ('in', 'out')),
	node_no integer,
	leaves bigint NOT NULL,
	digest bytea NOT NULL,
	origin text COLLATE "C",
	created_at timestamptz NOT NULL,
	booking_no bigint NOT NULL
);
CREATE SEQUENCE trainledger.home_event_id_seq OWNED BY trainledger.home_event.id;
CREATE INDEX home_event_booking_no_idx ON trainledger.home_event
	USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON TABLE trainledger.home_event IS
'Homes that came from another node or left for one, a row for each node in whose range the bookings of their rows are numbered.';
COMMENT ON COLUMN trainledger.home_event.id IS 'Id of the event.';
COMMENT ON COLUMN trainledger.home_event.home IS 'The home.';
COMMENT ON COLUMN trainledger.home_event.direction IS 'in: it came; out: it left.';
COMMENT ON COLUMN trainledger.home_event.node_no IS 'Number of the node that booked these rows; null: there were none.';
COMMENT ON COLUMN trainledger.home_event.leaves IS 'How many leaves of the log the rows are; of a home that came, without those that are in this log.';
COMMENT ON COLUMN trainledger.home_event.digest IS 'SHA-256 of the hashes of these leaves, in the order of the log.';
COMMENT ON COLUMN trainledger.home_event.origin IS 'Name of the log that they are in; null: they are in none.';
COMMENT ON COLUMN trainledger.home_event.created_at IS 'When it was recorded.';
COMMENT ON COLUMN trainledger.home_event.booking_no IS 'Number of the booking: the same for all that one transaction wrote.';
COMMENT ON SEQUENCE trainledger.home_event_id_seq IS
'Numbers that ids of events of homes are made of.';

-- Nothing of the log is changed by hand, nor are the events that it seals

DO $$
DECLARE
	guarded record;
BEGIN
	FOR guarded IN SELECT g.* FROM (VALUES
		('token_type_event', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Events are never changed or deleted.'),
		('token_issue_event', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Events are never changed or deleted.'),
		('pass_event', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Events are never changed or deleted.'),
		('membership_event', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Events are never changed or deleted.'),
		('redaction', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Redactions are never changed or deleted.'),
		('log_origin', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Names of the log stay.'),
		('log_block', 'functions_only', 'UPDATE', 'refuse_outside_functions',
		 'Blocks are changed by seal() only.'),
		('log_block', 'never_removed', 'DELETE OR TRUNCATE', 'refuse_change',
		 'Blocks are never deleted.'),
		('log_node', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Nodes never change.'),
		('checkpoint', 'functions_only', 'UPDATE', 'refuse_outside_functions',
		 'Checkpoints are changed by signing only.'),
		('checkpoint', 'never_removed', 'DELETE OR TRUNCATE', 'refuse_change',
		 'Checkpoints are never deleted.'),
		('month_summary', 'functions_only', 'UPDATE OR DELETE',
		 'refuse_outside_functions', 'The summary is changed by seal() only.'),
		('month_summary', 'never_removed', 'TRUNCATE', 'refuse_change',
		 'The summary is never truncated.'),
		('party_salt', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change',
		 'The salt of a party never changes; it goes when the party is forgotten.'),
		('log_kept', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'What is kept of leaves never changes.'),
		('home_event', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Events are never changed or deleted.')
	) AS g(relation, name, events, guard, comment) LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER %I BEFORE %s'
			' ON trainledger.%I FOR EACH STATEMENT EXECUTE FUNCTION'
			' trainledger_internal.%I(%L)', guarded.name, guarded.events,
			guarded.relation, guarded.guard,
			CASE WHEN pg_catalog.right(guarded.relation, 6) = '_event'
				 THEN 'Book a correction with the functions of trainledger.'
				 ELSE 'Use the functions of the log, such as seal.' END);
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER %I ON trainledger.%I IS %L',
			guarded.name, guarded.relation, guarded.comment);
	END LOOP;
END;
$$;
