-- Holds: tokens kept back until they are taken or let go (contract, section 16)

CREATE TYPE trainledger.hold_status AS ENUM
	('open', 'captured', 'released', 'lapsed');
COMMENT ON TYPE trainledger.hold_status IS
'How a hold stands: open; captured, all of it; released, and not all of it captured; lapsed, because its end came before.';

CREATE TYPE trainledger.hold_event_kind AS ENUM
	('placed', 'captured', 'released', 'lapsed', 'extended');
COMMENT ON TYPE trainledger.hold_event_kind IS
'What happened to a hold: placed, captured, released, lapsed, extended.';

/*
 * What is neither captured nor released of a hold that is closed has lapsed. No
 * foreign key to account, for the reason given at trainledger.entry.
 */
CREATE TABLE trainledger.placed_hold (
	id bigint CONSTRAINT placed_hold_pkey PRIMARY KEY,
	party_id bigint NOT NULL
		CONSTRAINT placed_hold_party_id_fkey REFERENCES trainledger.party,
	token_type_id uuid NOT NULL
		CONSTRAINT placed_hold_token_type_id_fkey
		REFERENCES trainledger.token_type,
	account_id bigint,
	quantity trainledger.amount NOT NULL,
	captured trainledger.amount NOT NULL DEFAULT '0',
	released trainledger.amount NOT NULL DEFAULT '0',
	expires_at timestamptz NOT NULL,
	created_at timestamptz NOT NULL,
	is_open boolean NOT NULL DEFAULT true,
	reference text,
	notes text NOT NULL,
	source text NOT NULL,
	device text,
	placed_by text NOT NULL,
	CONSTRAINT placed_hold_quantity_check CHECK (
		quantity > '0'::trainledger.amount
		AND captured >= '0'::trainledger.amount
		AND released >= '0'::trainledger.amount
		AND captured + released <= quantity)
);
CREATE SEQUENCE trainledger.hold_id_seq OWNED BY trainledger.placed_hold.id;
CREATE INDEX placed_hold_open_idx
	ON trainledger.placed_hold (party_id, token_type_id, expires_at)
	WHERE is_open;
CREATE INDEX placed_hold_expiry_idx
	ON trainledger.placed_hold (expires_at) WHERE is_open;
CREATE INDEX placed_hold_party_idx
	ON trainledger.placed_hold (party_id, token_type_id, created_at);
COMMENT ON SEQUENCE trainledger.hold_id_seq IS
'Numbers from which the ids of holds are made.';
COMMENT ON TABLE trainledger.placed_hold IS
'Holds. Read them through the view hold.';
COMMENT ON COLUMN trainledger.placed_hold.id IS 'Identity of the hold; its low 10 bits are the home of the party.';
COMMENT ON COLUMN trainledger.placed_hold.party_id IS 'Party whose tokens are kept back.';
COMMENT ON COLUMN trainledger.placed_hold.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.placed_hold.account_id IS 'Credit account that they are kept back on; null: lots of training tokens.';
COMMENT ON COLUMN trainledger.placed_hold.quantity IS 'How many were kept back when it was placed.';
COMMENT ON COLUMN trainledger.placed_hold.captured IS 'How many of them were taken.';
COMMENT ON COLUMN trainledger.placed_hold.released IS 'How many of them were let go.';
COMMENT ON COLUMN trainledger.placed_hold.expires_at IS 'From when on it keeps nothing back.';
COMMENT ON COLUMN trainledger.placed_hold.created_at IS 'When it was placed.';
COMMENT ON COLUMN trainledger.placed_hold.is_open IS 'Whether anything may be captured or released, or has still to lapse; kept by the functions, for the indexes.';
COMMENT ON COLUMN trainledger.placed_hold.reference IS 'What training tokens are kept back for; null on credit accounts.';
COMMENT ON COLUMN trainledger.placed_hold.notes IS 'Notes; on credit accounts the description.';
COMMENT ON COLUMN trainledger.placed_hold.source IS 'Source of the call: client, device or module.';
COMMENT ON COLUMN trainledger.placed_hold.device IS 'Device it came from, where the client said so.';
COMMENT ON COLUMN trainledger.placed_hold.placed_by IS 'Who placed it: the claim sub of the request, else the role that called.';

ALTER TABLE trainledger.redemption
	ADD CONSTRAINT redemption_hold_id_fkey
	FOREIGN KEY (hold_id) REFERENCES trainledger.placed_hold;
CREATE INDEX redemption_hold_id_idx
	ON trainledger.redemption (hold_id) WHERE hold_id IS NOT NULL;

CREATE TABLE trainledger.hold_allocation (
	hold_id bigint NOT NULL
		CONSTRAINT hold_allocation_hold_id_fkey
		REFERENCES trainledger.placed_hold,
	ordinal integer NOT NULL,
	account_id bigint NOT NULL,
	issue_id uuid
		CONSTRAINT hold_allocation_issue_id_fkey
		REFERENCES trainledger.token_lot,
	quantity trainledger.amount NOT NULL,
	captured trainledger.amount NOT NULL DEFAULT '0',
	released trainledger.amount NOT NULL DEFAULT '0',
	CONSTRAINT hold_allocation_pkey PRIMARY KEY (hold_id, ordinal),
	CONSTRAINT hold_allocation_quantity_check CHECK (
		quantity > '0'::trainledger.amount
		AND captured >= '0'::trainledger.amount
		AND released >= '0'::trainledger.amount
		AND captured + released <= quantity)
);
CREATE INDEX hold_allocation_issue_id_idx
	ON trainledger.hold_allocation (issue_id) WHERE issue_id IS NOT NULL;
COMMENT ON TABLE trainledger.hold_allocation IS
'Which lot or account keeps how much back for which hold.';
COMMENT ON COLUMN trainledger.hold_allocation.hold_id IS 'Hold.';
COMMENT ON COLUMN trainledger.hold_allocation.ordinal IS 'Order in which they were found, 1, 2, 3.';
COMMENT ON COLUMN trainledger.hold_allocation.account_id IS 'Account of the ledger: the credit account, or that of the lot.';
COMMENT ON COLUMN trainledger.hold_allocation.issue_id IS 'Issue that keeps them back; null for a credit account.';
COMMENT ON COLUMN trainledger.hold_allocation.quantity IS 'How many it keeps back, from the beginning.';
COMMENT ON COLUMN trainledger.hold_allocation.captured IS 'How many of them were taken.';
COMMENT ON COLUMN trainledger.hold_allocation.released IS 'How many of them were let go.';

CREATE TABLE trainledger.hold_event (
	id bigint CONSTRAINT hold_event_pkey PRIMARY KEY,
	hold_id bigint NOT NULL
		CONSTRAINT hold_event_hold_id_fkey REFERENCES trainledger.placed_hold,
	event trainledger.hold_event_kind NOT NULL,
	quantity trainledger.amount,
	redemption_id bigint,
	account_id bigint,
	entry_no bigint,
	expires_at timestamptz NOT NULL,
	notes text NOT NULL,
	changed_by text NOT NULL,
	created_at timestamptz NOT NULL,
	booking_no bigint NOT NULL
);
CREATE SEQUENCE trainledger.hold_event_id_seq OWNED BY trainledger.hold_event.id;
CREATE INDEX hold_event_hold_id_idx ON trainledger.hold_event (hold_id);
CREATE INDEX hold_event_booking_no_idx ON trainledger.hold_event
	USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON SEQUENCE trainledger.hold_event_id_seq IS
'Numbers from which the ids of hold events are made.';
COMMENT ON TABLE trainledger.hold_event IS
'What happened to holds, append-only. A release has an event for each lot that it lets go of.';
COMMENT ON COLUMN trainledger.hold_event.id IS 'Identity of the event.';
COMMENT ON COLUMN trainledger.hold_event.hold_id IS 'Hold that it happened to.';
COMMENT ON COLUMN trainledger.hold_event.event IS 'What happened.';
COMMENT ON COLUMN trainledger.hold_event.quantity IS 'How many were kept back, taken, let go or lapsed; null where the hold was extended.';
COMMENT ON COLUMN trainledger.hold_event.redemption_id IS 'Redemption of captured training tokens.';
COMMENT ON COLUMN trainledger.hold_event.account_id IS 'Account that was taken from: of a capture the credit account, of a release that of the lot too.';
COMMENT ON COLUMN trainledger.hold_event.entry_no IS 'Number of the entry of a capture on a credit account.';
COMMENT ON COLUMN trainledger.hold_event.expires_at IS 'End of the hold from then on.';
COMMENT ON COLUMN trainledger.hold_event.notes IS 'Notes of the call.';
COMMENT ON COLUMN trainledger.hold_event.changed_by IS 'Who did it: the claim sub of the request, else the role that called.';
COMMENT ON COLUMN trainledger.hold_event.created_at IS 'When it was done.';
COMMENT ON COLUMN trainledger.hold_event.booking_no IS 'Number of the booking: the same for all that one transaction wrote.';

-- Holds must agree with what accounts say is held: only the functions change
-- them, and nobody deletes them

DO $$
DECLARE
	hint CONSTANT text := 'Use the functions of holds, such as release_hold.';
	guarded record;
BEGIN
	FOR guarded IN SELECT g.* FROM (VALUES
		('placed_hold', 'functions_only', 'UPDATE', 'refuse_outside_functions',
		 'Holds are changed by the functions of holds only.'),
		('placed_hold', 'never_removed', 'DELETE OR TRUNCATE', 'refuse_change',
		 'Holds are never deleted.'),
		('hold_allocation', 'functions_only', 'UPDATE',
		 'refuse_outside_functions',
		 'Allocations are changed by the functions of holds only.'),
		('hold_allocation', 'never_removed', 'DELETE OR TRUNCATE',
		 'refuse_change', 'Hold allocations are never deleted.'),
		('hold_event', 'append_only', 'UPDATE OR DELETE OR TRUNCATE',
		 'refuse_change', 'Events are never changed or deleted.')
	) AS g(relation, name, events, guard, comment) LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER %I BEFORE %s'
			' ON trainledger.%I FOR EACH STATEMENT EXECUTE FUNCTION'
			' trainledger_internal.%I(%L)', guarded.name, guarded.events,
			guarded.relation, guarded.guard, hint);
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER %I ON trainledger.%I IS %L',
			guarded.name, guarded.relation, guarded.comment);
	END LOOP;
END;
$$;

-- What is held

/*
 * An account says what all its open holds keep back (account.held).  Those
 * whose end has passed count in it until an event closes them, and are found by
 * an index that has no others.  An end is judged at the later of now and the
 * account's last entry, whoever asks: what somebody has taken because a hold was
 * over is not held for anybody whose clock is behind.  The instant is for the
 * index.
 */
CREATE FUNCTION trainledger_internal.lapsed_on(
	party_id bigint, token_type_id uuid, at timestamptz)
RETURNS TABLE (account_id bigint, quantity numeric)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT x.account_id,
		   sum(trainledger.amount_to_numeric(
			   x.quantity - x.captured - x.released))
	FROM trainledger.placed_hold h
	JOIN trainledger.hold_allocation x ON x.hold_id = h.id
	JOIN trainledger.account a ON a.id = x.account_id
	WHERE h.party_id = $1 AND h.token_type_id = $2
	AND h.is_open AND h.expires_at <= $3
	AND h.expires_at <= greatest(trainledger.clock(), a.last_entry_at)
	GROUP BY x.account_id;
END;
COMMENT ON FUNCTION trainledger_internal.lapsed_on IS
'What holds of a party and type that are over would keep back, by account: those that no event has closed. None of them ends after an instant.';

/*
 * As the owner: a learner sees what is held of its organisation's lots, and not
 * for whom.  It is called for each lot in turn, so nothing but the hold that ends
 * first is read where that is not over, and else those of the lot alone.
 */
CREATE FUNCTION trainledger_internal.lapsed(account_id bigint)
RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, trainledger_internal, pg_temp
-- The instant is another one at each call, and looks worth a plan of its own
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	account trainledger.account;
	at timestamptz;
BEGIN
	SELECT a.* INTO account FROM trainledger.account a
	WHERE a.id = lapsed.account_id;
	at := greatest(trainledger.clock(), account.last_entry_at);
	-- the least one is found by an index, whatever is known of how many there are
	IF (SELECT min(h.expires_at) FROM trainledger.placed_hold h
		WHERE h.party_id = account.party_id
		AND h.token_type_id = account.token_type_id AND h.is_open) <= at
	   IS NOT TRUE THEN
		RETURN 0;
	ELSIF account.name IS NOT NULL THEN
		RETURN coalesce((
			SELECT p.quantity
			FROM lapsed_on(account.party_id, account.token_type_id, at) p
			WHERE p.account_id = account.id), 0);
	END IF;
	RETURN coalesce((
		SELECT sum(x.quantity::numeric - x.captured::numeric
				   - x.released::numeric)
		FROM trainledger.token_lot l
		JOIN trainledger.hold_allocation x ON x.issue_id = l.id
		JOIN trainledger.placed_hold h ON h.id = x.hold_id
		WHERE l.account_id = account.id
		AND h.is_open AND h.expires_at <= at), 0);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.lapsed IS
'What holds of an account that are over would keep back: those that no event has closed.';

CREATE FUNCTION trainledger_internal.held(
	account_id bigint, held trainledger.amount) RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN held::numeric - lapsed(account_id)::numeric;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.held IS
'What holds keep back of an account now, from what account.held says. Level learner.';

CREATE VIEW trainledger.hold WITH (security_invoker = true) AS
SELECT h.id, h.party_id, h.token_type_id, h.account_id, h.quantity, h.captured,
	   h.released, h.reference, h.notes, h.source, h.device, h.expires_at,
	   h.created_at, h.placed_by,
	   CASE WHEN h.is_open AND h.expires_at > trainledger.clock() THEN 'open'
			WHEN h.captured + h.released < h.quantity THEN 'lapsed'
			WHEN h.captured = h.quantity THEN 'captured'
			ELSE 'released' END::trainledger.hold_status AS status
FROM trainledger.placed_hold h;
COMMENT ON VIEW trainledger.hold IS
'Holds: tokens kept back until they are taken or let go.';
COMMENT ON COLUMN trainledger.hold.status IS 'open; captured: all of it; released: closed, and not all of it captured; lapsed: its end came before, from expires_at on.';

/*
 * What holds keep back is looked up only where there is any, or was until its
 * end passed.
 */
CREATE VIEW trainledger.token_issue WITH (security_invoker = true) AS
SELECT l.id, l.account_id, l.party_id, l.token_type_id, a.initial_balance,
	   CASE WHEN l.expires_at <= trainledger.clock()
			THEN '0'::trainledger.amount ELSE a.balance END AS current_balance,
	   a.balance AS booked_balance, l.expires_at, l.created_at,
	   l.unit_price, l.currency_code, h.held,
	   CASE WHEN l.expires_at <= trainledger.clock()
			THEN '0'::trainledger.amount
			ELSE a.balance - h.held END AS available_balance
FROM trainledger.token_lot l
JOIN trainledger.account a ON a.id = l.account_id
CROSS JOIN LATERAL (
	SELECT CASE WHEN a.held = '0'::trainledger.amount THEN a.held
		   ELSE trainledger_internal.held(a.id, a.held) END AS held) AS h;
COMMENT ON VIEW trainledger.token_issue IS
'Issues of training tokens: lots with their balance and expiry.';
COMMENT ON COLUMN trainledger.token_issue.id IS 'Identity of the issue.';
COMMENT ON COLUMN trainledger.token_issue.account_id IS 'Account of the ledger that keeps the lot.';
COMMENT ON COLUMN trainledger.token_issue.party_id IS 'Party that holds it.';
COMMENT ON COLUMN trainledger.token_issue.initial_balance IS 'How many were issued, or came with a transfer.';
COMMENT ON COLUMN trainledger.token_issue.current_balance IS 'How many can be redeemed: 0 from the expiry on, swept or not.';
COMMENT ON COLUMN trainledger.token_issue.booked_balance IS 'Balance in the ledger: after the expiry what the sweep has still to book off.';
COMMENT ON COLUMN trainledger.token_issue.held IS 'How many holds keep back, also after the expiry.';
COMMENT ON COLUMN trainledger.token_issue.available_balance IS 'How many can be redeemed or held now: what is booked less what is held; 0 from the expiry on.';
COMMENT ON COLUMN trainledger.token_issue.expires_at IS 'From when on the issue is over; null: never.';
COMMENT ON COLUMN trainledger.token_issue.created_at IS 'When it was issued, or came with a transfer.';
COMMENT ON COLUMN trainledger.token_issue.unit_price IS 'What the customer paid for one token; null: not known. Never changes.';
COMMENT ON COLUMN trainledger.token_issue.currency_code IS 'Currency of the price; null where there is none. Never changes.';
