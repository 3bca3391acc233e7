-- Self-signup tokens (contract, section 10)
--
-- Learners use the code of such a token to enrol themselves.  The code is a
-- secret, as on a voucher: no refusal prints it.

CREATE SEQUENCE trainledger.signup_token_id_seq;
COMMENT ON SEQUENCE trainledger.signup_token_id_seq IS
'Numbers from which the ids of signup tokens are made.';

CREATE FUNCTION trainledger_internal.signup_id() RETURNS text
AS 'MODULE_PATHNAME', 'tl_signup_id' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.signup_id IS
'An id for a signup token: the letter a, 11 hexadecimal digits that count, so that ids sort as they were made, and 12 at random, so that none is one taken over from another system.';

CREATE FUNCTION trainledger_internal.signup_code() RETURNS text
AS 'MODULE_PATHNAME', 'tl_signup_code' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.signup_code IS
'A random code: 16 of 32 letters and digits that cannot be mistaken for each other, 80 bits.';

CREATE TABLE trainledger.signup_token (
	id text COLLATE "C" DEFAULT trainledger_internal.signup_id()
		CONSTRAINT signup_token_pkey PRIMARY KEY,
	code text NOT NULL,
	type integer NOT NULL,
	type_id text NOT NULL,
	active boolean NOT NULL,
	maximum_activations integer NOT NULL,
	activations integer NOT NULL DEFAULT 0,
	expiration timestamptz,
	created_at timestamptz NOT NULL,
	CONSTRAINT signup_token_id_check
		CHECK (id <> '' AND char_length(id) <= 50),
	CONSTRAINT signup_token_code_check
		CHECK (code <> '' AND char_length(code) <= 250),
	CONSTRAINT signup_token_type_check CHECK (type BETWEEN 1 AND 4),
	CONSTRAINT signup_token_type_id_check
		CHECK (type_id <> '' AND char_length(type_id) <= 50),
	CONSTRAINT signup_token_activations_check
		CHECK (activations BETWEEN 0 AND maximum_activations),
	CONSTRAINT signup_token_maximum_activations_check
		CHECK (maximum_activations > 0)
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX signup_token_code_key
	ON trainledger.signup_token
	(trainledger_internal.folded(code) COLLATE "C");
COMMENT ON TABLE trainledger.signup_token IS
'Signup tokens: codes with which learners enrol themselves.';
COMMENT ON COLUMN trainledger.signup_token.id IS 'Identity of the token, at most 50 characters; those made by the server sort as they were made.';
COMMENT ON COLUMN trainledger.signup_token.code IS 'What a learner types in, at most 250 characters; unique in NFC and without regard to case.';
COMMENT ON COLUMN trainledger.signup_token.type IS 'What it enrols into: 1 course, 2 team, 3 learning path, 4 collection.';
COMMENT ON COLUMN trainledger.signup_token.type_id IS 'Code of the catalogue item that it enrols into.';
COMMENT ON COLUMN trainledger.signup_token.active IS 'Whether it can be claimed.';
COMMENT ON COLUMN trainledger.signup_token.maximum_activations IS 'How many parties may claim it.';
COMMENT ON COLUMN trainledger.signup_token.activations IS 'How many have: claims that are not cancelled.';
COMMENT ON COLUMN trainledger.signup_token.expiration IS 'From when on it can no longer be claimed; null: never.';
COMMENT ON COLUMN trainledger.signup_token.created_at IS 'When it was made.';

CREATE TABLE trainledger.enrolment (
	id bigint CONSTRAINT enrolment_pkey PRIMARY KEY,
	party_id bigint NOT NULL
		CONSTRAINT enrolment_party_id_fkey REFERENCES trainledger.party,
	item_id bigint NOT NULL
		CONSTRAINT enrolment_item_id_fkey REFERENCES trainledger.catalog_item,
	created_at timestamptz NOT NULL,
	ended_at timestamptz
);
CREATE UNIQUE INDEX enrolment_party_id_item_id_key
	ON trainledger.enrolment (party_id, item_id) WHERE ended_at IS NULL;
CREATE INDEX enrolment_party_id_idx ON trainledger.enrolment (party_id);
CREATE SEQUENCE trainledger.enrolment_id_seq OWNED BY trainledger.enrolment.id;
CREATE INDEX enrolment_item_id_idx ON trainledger.enrolment (item_id);
COMMENT ON SEQUENCE trainledger.enrolment_id_seq IS
'Numbers from which the ids of enrolments are made.';
COMMENT ON TABLE trainledger.enrolment IS
'Who is enrolled into which course, team, learning path or collection.';
COMMENT ON COLUMN trainledger.enrolment.id IS 'Identity of the enrolment.';
COMMENT ON COLUMN trainledger.enrolment.party_id IS 'Party that is enrolled.';
COMMENT ON COLUMN trainledger.enrolment.item_id IS 'Catalogue item that it is enrolled into.';
COMMENT ON COLUMN trainledger.enrolment.created_at IS 'When it was enrolled.';
COMMENT ON COLUMN trainledger.enrolment.ended_at IS 'When the last claim that gave it was cancelled; null: it goes on.';

CREATE TABLE trainledger.signup_claim (
	id bigint CONSTRAINT signup_claim_pkey PRIMARY KEY,
	signup_token_id text COLLATE "C" NOT NULL
		CONSTRAINT signup_claim_signup_token_id_fkey
		REFERENCES trainledger.signup_token,
	party_id bigint NOT NULL
		CONSTRAINT signup_claim_party_id_fkey REFERENCES trainledger.party,
	enrolment_id bigint NOT NULL
		CONSTRAINT signup_claim_enrolment_id_fkey REFERENCES trainledger.enrolment,
	created_at timestamptz NOT NULL,
	cancelled_at timestamptz,
	cancel_reason text,
	cancelled_by text
);
CREATE UNIQUE INDEX signup_claim_party_id_signup_token_id_key
	ON trainledger.signup_claim (party_id, signup_token_id)
	WHERE cancelled_at IS NULL;
CREATE INDEX signup_claim_party_id_idx ON trainledger.signup_claim (party_id);
CREATE SEQUENCE trainledger.signup_claim_id_seq
	OWNED BY trainledger.signup_claim.id;
CREATE INDEX signup_claim_signup_token_id_idx
	ON trainledger.signup_claim (signup_token_id);
CREATE INDEX signup_claim_enrolment_id_idx
	ON trainledger.signup_claim (enrolment_id);
COMMENT ON SEQUENCE trainledger.signup_claim_id_seq IS
'Numbers from which the ids of signup claims are made.';
COMMENT ON TABLE trainledger.signup_claim IS
'Who claimed which signup token; each party at most once, but for claims that were cancelled.';
COMMENT ON COLUMN trainledger.signup_claim.id IS 'Identity of the claim.';
COMMENT ON COLUMN trainledger.signup_claim.signup_token_id IS 'Token that was claimed.';
COMMENT ON COLUMN trainledger.signup_claim.party_id IS 'Party that claimed it.';
COMMENT ON COLUMN trainledger.signup_claim.enrolment_id IS 'Enrolment that it gave, or that the party had.';
COMMENT ON COLUMN trainledger.signup_claim.created_at IS 'When it was claimed.';
COMMENT ON COLUMN trainledger.signup_claim.cancelled_at IS 'When it was cancelled and gave its activation back; null: it counts.';
COMMENT ON COLUMN trainledger.signup_claim.cancel_reason IS 'Why it was cancelled.';
COMMENT ON COLUMN trainledger.signup_claim.cancelled_by IS 'Who cancelled it: the claim sub of the request, else the role.';

CREATE TYPE trainledger.claim_event_kind AS ENUM ('claimed', 'cancelled');
COMMENT ON TYPE trainledger.claim_event_kind IS
'What happened to a claim of a signup token: claimed, cancelled.';

CREATE TABLE trainledger.claim_event (
	id bigint CONSTRAINT claim_event_pkey PRIMARY KEY,
	claim_id bigint NOT NULL
		CONSTRAINT claim_event_claim_id_fkey
		REFERENCES trainledger.signup_claim,
	event trainledger.claim_event_kind NOT NULL,
	signup_token_id text COLLATE "C" NOT NULL,
	party_id bigint NOT NULL,
	reason text,
	changed_by text NOT NULL,
	created_at timestamptz NOT NULL,
	booking_no bigint NOT NULL
);
CREATE SEQUENCE trainledger.claim_event_id_seq
	OWNED BY trainledger.claim_event.id;
CREATE INDEX claim_event_claim_id_idx ON trainledger.claim_event (claim_id);
CREATE INDEX claim_event_party_id_idx ON trainledger.claim_event (party_id);
CREATE INDEX claim_event_booking_no_idx ON trainledger.claim_event
	USING brin (booking_no) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON SEQUENCE trainledger.claim_event_id_seq IS
'Numbers from which the ids of claim events are made.';
COMMENT ON TABLE trainledger.claim_event IS
'What happened to claims of signup tokens, append-only.';
COMMENT ON COLUMN trainledger.claim_event.id IS 'Identity of the event.';
COMMENT ON COLUMN trainledger.claim_event.claim_id IS 'Claim that it happened to.';
COMMENT ON COLUMN trainledger.claim_event.event IS 'What happened.';
COMMENT ON COLUMN trainledger.claim_event.signup_token_id IS 'Token that was claimed.';
COMMENT ON COLUMN trainledger.claim_event.party_id IS 'Party that claimed it.';
COMMENT ON COLUMN trainledger.claim_event.reason IS 'Why it was cancelled; null where it was claimed.';
COMMENT ON COLUMN trainledger.claim_event.changed_by IS 'Who did it: the claim sub of the request, else the role.';
COMMENT ON COLUMN trainledger.claim_event.created_at IS 'When it was done.';
COMMENT ON COLUMN trainledger.claim_event.booking_no IS 'Number of the booking: the same for all that one transaction wrote.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
	ON trainledger.claim_event FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_change(
		'Use the functions of signup tokens, such as cancel_signup_claim.');
COMMENT ON TRIGGER append_only ON trainledger.claim_event IS
'Events are never changed or deleted.';
