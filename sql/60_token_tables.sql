-- Training tokens: lots with an expiry of their own (contract, section 8)

CREATE TYPE trainledger.refund_policy AS ENUM ('forfeit', 'reissue');
COMMENT ON TYPE trainledger.refund_policy IS
'What becomes of a refund to a lot that has expired: it is lost (forfeit), or a new lot (reissue).';

/*
 * What groups the lots of a party and type, and what every operation on them
 * locks first: so that extend, redeem, refund and the sweep cannot deadlock.
 */
CREATE TABLE trainledger.token_account (
	party_id bigint NOT NULL
		CONSTRAINT token_account_party_id_fkey REFERENCES trainledger.party,
	token_type_id uuid NOT NULL
		CONSTRAINT token_account_token_type_id_fkey
		REFERENCES trainledger.token_type,
	created_at timestamptz NOT NULL,
	CONSTRAINT token_account_pkey PRIMARY KEY (party_id, token_type_id)
);
COMMENT ON TABLE trainledger.token_account IS
'Training tokens of one type that one party has, in lots.';
COMMENT ON COLUMN trainledger.token_account.party_id IS 'Party that holds the tokens.';
COMMENT ON COLUMN trainledger.token_account.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.token_account.created_at IS 'When the first lot was issued.';

-- No foreign key to account, for the reason given at trainledger.entry.
CREATE TABLE trainledger.token_lot (
	id uuid CONSTRAINT token_lot_pkey PRIMARY KEY,
	account_id bigint NOT NULL CONSTRAINT token_lot_account_id_key UNIQUE,
	party_id bigint NOT NULL,
	token_type_id uuid NOT NULL,
	expires_at timestamptz,
	created_at timestamptz NOT NULL,
	is_open boolean NOT NULL DEFAULT true,
	unit_price numeric,
	currency_code text CONSTRAINT token_lot_currency_code_fkey
		REFERENCES trainledger.currency,
	reissue_of uuid,
	first_expires_at timestamptz,
	CONSTRAINT token_lot_token_account_fkey
		FOREIGN KEY (party_id, token_type_id)
		REFERENCES trainledger.token_account,
	CONSTRAINT token_lot_unit_price_check CHECK (
		(unit_price IS NULL) = (currency_code IS NULL)
		AND unit_price BETWEEN 0 AND 9223372036854)
);
CREATE INDEX token_lot_open_idx
	ON trainledger.token_lot (party_id, token_type_id, expires_at)
	WHERE is_open;
CREATE INDEX token_lot_party_idx
	ON trainledger.token_lot (party_id, token_type_id, created_at);
CREATE INDEX token_lot_expiry_idx
	ON trainledger.token_lot (expires_at) WHERE is_open;
COMMENT ON TABLE trainledger.token_lot IS
'Lots of training tokens: one for each issue. Read them through the view token_issue.';
COMMENT ON COLUMN trainledger.token_lot.id IS 'Identity of the issue; generated ones end in the home of the party.';
COMMENT ON COLUMN trainledger.token_lot.account_id IS 'Account of the ledger that keeps the lot''s balance.';
COMMENT ON COLUMN trainledger.token_lot.party_id IS 'Party that holds the lot.';
COMMENT ON COLUMN trainledger.token_lot.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.token_lot.expires_at IS 'From when on the lot is over; null: never.';
COMMENT ON COLUMN trainledger.token_lot.created_at IS 'When the lot was issued.';
COMMENT ON COLUMN trainledger.token_lot.is_open IS 'Whether anything is booked on it still; kept by the functions, for the indexes.';
COMMENT ON COLUMN trainledger.token_lot.unit_price IS 'What the customer paid for one token; null: not known. Never changes.';
COMMENT ON COLUMN trainledger.token_lot.currency_code IS 'Currency of the price; null where there is none. Never changes.';
COMMENT ON COLUMN trainledger.token_lot.reissue_of IS 'Expired issue whose refund this one replaces; null for all others.';
COMMENT ON COLUMN trainledger.token_lot.first_expires_at IS 'Expiry that it was issued with; null: never. Never changes.';

CREATE TABLE trainledger.token_issue_event (
	id bigint CONSTRAINT token_issue_event_pkey PRIMARY KEY,
	issue_id uuid NOT NULL
		CONSTRAINT token_issue_event_issue_id_fkey
		REFERENCES trainledger.token_lot,
	old_expires_at timestamptz,
	new_expires_at timestamptz,
	changed_by text NOT NULL,
	created_at timestamptz NOT NULL,
	reason text,
	booking_no bigint NOT NULL
);
CREATE SEQUENCE trainledger.token_issue_event_id_seq
	OWNED BY trainledger.token_issue_event.id;
CREATE INDEX token_issue_event_issue_id_idx
	ON trainledger.token_issue_event (issue_id);
CREATE INDEX token_issue_event_booking_no_idx ON trainledger.token_issue_event
	USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON SEQUENCE trainledger.token_issue_event_id_seq IS
'Numbers from which the ids of token-issue events are made.';
COMMENT ON TABLE trainledger.token_issue_event IS
'Extensions of token issues, and corrections of their expiry.';
COMMENT ON COLUMN trainledger.token_issue_event.id IS 'Identity of the event.';
COMMENT ON COLUMN trainledger.token_issue_event.issue_id IS 'Issue whose expiry was changed.';
COMMENT ON COLUMN trainledger.token_issue_event.old_expires_at IS 'Expiry before; null: never.';
COMMENT ON COLUMN trainledger.token_issue_event.new_expires_at IS 'Expiry from then on; null: never.';
COMMENT ON COLUMN trainledger.token_issue_event.changed_by IS 'Who changed it: the claim sub of the request, else the role.';
COMMENT ON COLUMN trainledger.token_issue_event.created_at IS 'When it was changed.';
COMMENT ON COLUMN trainledger.token_issue_event.reason IS 'Why the expiry was corrected; null for an extension.';
COMMENT ON COLUMN trainledger.token_issue_event.booking_no IS 'Number of the booking: the same for all that one transaction wrote.';

CREATE TABLE trainledger.redemption (
	id bigint CONSTRAINT redemption_pkey PRIMARY KEY,
	party_id bigint NOT NULL,
	token_type_id uuid NOT NULL,
	quantity trainledger.amount NOT NULL,
	refunded trainledger.amount NOT NULL DEFAULT '0',
	reference text NOT NULL,
	created_at timestamptz NOT NULL,
	hold_id bigint,
	CONSTRAINT redemption_token_account_fkey
		FOREIGN KEY (party_id, token_type_id)
		REFERENCES trainledger.token_account,
	CONSTRAINT redemption_refunded_check
		CHECK (refunded >= '0'::trainledger.amount AND refunded <= quantity)
);
CREATE SEQUENCE trainledger.redemption_id_seq
	OWNED BY trainledger.redemption.id;
CREATE INDEX redemption_party_idx
	ON trainledger.redemption (party_id, token_type_id, created_at);
COMMENT ON SEQUENCE trainledger.redemption_id_seq IS
'Numbers from which the ids of redemptions are made.';
COMMENT ON TABLE trainledger.redemption IS
'Redemptions of training tokens.';
COMMENT ON COLUMN trainledger.redemption.id IS 'Identity of the redemption.';
COMMENT ON COLUMN trainledger.redemption.party_id IS 'Party whose tokens were taken.';
COMMENT ON COLUMN trainledger.redemption.token_type_id IS 'Type of the tokens.';
COMMENT ON COLUMN trainledger.redemption.quantity IS 'How many were taken.';
COMMENT ON COLUMN trainledger.redemption.refunded IS 'How many of them were given back, or lost on an expired lot.';
COMMENT ON COLUMN trainledger.redemption.reference IS 'What they were taken for.';
COMMENT ON COLUMN trainledger.redemption.created_at IS 'When they were taken.';
COMMENT ON COLUMN trainledger.redemption.hold_id IS 'Hold that had kept them back; null: none had.';

CREATE TABLE trainledger.redemption_allocation (
	redemption_id bigint NOT NULL
		CONSTRAINT redemption_allocation_redemption_id_fkey
		REFERENCES trainledger.redemption,
	ordinal integer NOT NULL,
	issue_id uuid NOT NULL
		CONSTRAINT redemption_allocation_issue_id_fkey
		REFERENCES trainledger.token_lot,
	quantity trainledger.amount NOT NULL,
	refunded trainledger.amount NOT NULL DEFAULT '0',
	CONSTRAINT redemption_allocation_pkey PRIMARY KEY (redemption_id, ordinal),
	CONSTRAINT redemption_allocation_refunded_check
		CHECK (refunded >= '0'::trainledger.amount AND refunded <= quantity)
);
CREATE INDEX redemption_allocation_issue_id_idx
	ON trainledger.redemption_allocation (issue_id);
COMMENT ON TABLE trainledger.redemption_allocation IS
'Which lot gave how much to which redemption.';
COMMENT ON COLUMN trainledger.redemption_allocation.redemption_id IS 'Redemption.';
COMMENT ON COLUMN trainledger.redemption_allocation.ordinal IS 'Order in which the lots were taken from, 1, 2, 3.';
COMMENT ON COLUMN trainledger.redemption_allocation.issue_id IS 'Issue that gave.';
COMMENT ON COLUMN trainledger.redemption_allocation.quantity IS 'How much it gave.';
COMMENT ON COLUMN trainledger.redemption_allocation.refunded IS 'How much of that was given back, or lost because it had expired.';

-- Lots and redemptions must agree with the balances: only the functions of
-- training tokens update them, and nobody deletes them

DO $$
DECLARE
	hint CONSTANT text :=
		'Use the functions of training tokens, such as adjust_training_tokens.';
	guarded record;
BEGIN
	FOR guarded IN SELECT g.* FROM (VALUES
		('token_lot', 'Lots', 'Token lots'),
		('redemption', 'Redemptions', 'Redemptions'),
		('redemption_allocation', 'Allocations', 'Redemption allocations')
	) AS g(relation, name, full_name) LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER functions_only BEFORE UPDATE'
			' ON trainledger.%I FOR EACH STATEMENT EXECUTE FUNCTION'
			' trainledger_internal.refuse_outside_functions(%L)',
			guarded.relation, hint);
		EXECUTE pg_catalog.format(
			'COMMENT ON TRIGGER functions_only ON trainledger.%I IS %L',
			guarded.relation, guarded.name
			|| ' are changed by the functions of training tokens only.');
		EXECUTE pg_catalog.format('CREATE TRIGGER never_removed'
			' BEFORE DELETE OR TRUNCATE ON trainledger.%I FOR EACH STATEMENT'
			' EXECUTE FUNCTION trainledger_internal.refuse_change(%L)',
			guarded.relation, hint);
		EXECUTE pg_catalog.format(
			'COMMENT ON TRIGGER never_removed ON trainledger.%I IS %L',
			guarded.relation, guarded.full_name || ' are never deleted.');
	END LOOP;
END;
$$;
