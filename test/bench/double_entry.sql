-- A ledger of two accounts per transfer, as it is commonly written in
-- PL/pgSQL: ids are texts, a prefix and the digits of a UUID that goes by
-- time; amounts are numeric; accounts, transfers and entries are three tables
-- with foreign keys, indexes for their look-ups and metadata in jsonb; a call
-- takes any number of transfers, locks their accounts in order and answers from
-- a view. Made for the bench from the description of such a ledger.
--
-- It has neither bounds but the sign, nor a test for duplicates, nor
-- idempotency keys, nor levels of access, nor guards: each of them would cost
-- it more.
--
-- Psql variables: accounts. Run by a superuser in an empty database.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION trainledger;
SELECT 'CREATE ROLE bench_application LOGIN' WHERE NOT EXISTS (
	SELECT FROM pg_roles WHERE rolname = 'bench_application') \gexec
ALTER ROLE bench_application SET search_path = trainledger;
SELECT FROM trainledger.grant_access('bench_application', 'operator');
SELECT FROM trainledger.add_credit_token_type('default', lower_bound => 0,
	upper_bound => 1000000000);
SELECT count(trainledger.add_party('person', 'party ' || i, id => i))
FROM generate_series(1, :accounts) i;
SELECT count(trainledger.credit_init(i, 1000000, 'bench', 'opening',
									 '2025-12-31'))
FROM generate_series(1, :accounts) i;

CREATE SCHEMA double_entry;
SET search_path = double_entry;

-- A UUID of version 7, by the server where it has such a function (18)
CREATE FUNCTION has_uuidv7() RETURNS boolean
LANGUAGE sql STABLE
AS $$ SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'uuidv7') $$;

CREATE FUNCTION new_uuid() RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	made uuid;
	milliseconds numeric := extract(epoch FROM clock_timestamp()) * 1000;
BEGIN
	IF has_uuidv7() THEN
		EXECUTE 'SELECT uuidv7()' INTO made;
		RETURN made;
	END IF;
	RETURN (lpad(to_hex(milliseconds::bigint), 12, '0') || '7'
		|| right(replace(gen_random_uuid()::text, '-', ''), 19))::uuid;
END;
$$;

-- 128 bits in 26 digits of base 32
CREATE FUNCTION new_id(prefix text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	digits CONSTANT text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
	bits bit(130) := B'00' || ('x' || replace(new_uuid()::text, '-', ''))::bit(128);
	id text := prefix || '_';
BEGIN
	FOR i IN 0 .. 25 LOOP
		id := id || substr(digits, 1 + substring(bits FROM 1 + 5 * i FOR 5)::integer, 1);
	END LOOP;
	RETURN id;
END;
$$;

CREATE TABLE account (
	id text PRIMARY KEY DEFAULT new_id('acct'),
	name text NOT NULL,
	currency text NOT NULL,
	balance numeric NOT NULL DEFAULT 0,
	version bigint NOT NULL DEFAULT 0,
	allow_negative_balance boolean NOT NULL DEFAULT true,
	allow_positive_balance boolean NOT NULL DEFAULT true,
	metadata jsonb,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE transfer (
	id text PRIMARY KEY DEFAULT new_id('tran'),
	from_account_id text NOT NULL REFERENCES account,
	to_account_id text NOT NULL REFERENCES account,
	amount numeric NOT NULL CHECK (amount > 0),
	created_at timestamptz NOT NULL DEFAULT now(),
	event_at timestamptz NOT NULL,
	metadata jsonb
);
CREATE INDEX ON transfer (from_account_id);
CREATE INDEX ON transfer (to_account_id);
CREATE INDEX ON transfer (event_at);
CREATE TABLE entry (
	id text PRIMARY KEY DEFAULT new_id('entr'),
	account_id text NOT NULL REFERENCES account,
	transfer_id text NOT NULL REFERENCES transfer,
	amount numeric NOT NULL,
	account_previous_balance numeric NOT NULL,
	account_current_balance numeric NOT NULL,
	account_version bigint NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON entry (account_id);
CREATE INDEX ON entry (transfer_id);
CREATE VIEW transfer_view AS
SELECT id, from_account_id, to_account_id, amount, created_at, event_at, metadata
FROM transfer;
CREATE TYPE request AS (from_account text, to_account text, amount numeric);

CREATE FUNCTION check_sign(a account) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
	IF a.balance < 0 AND NOT a.allow_negative_balance THEN
		RAISE EXCEPTION 'account % does not allow a negative balance', a.id;
	ELSIF a.balance > 0 AND NOT a.allow_positive_balance THEN
		RAISE EXCEPTION 'account % does not allow a positive balance', a.id;
	END IF;
END;
$$;

CREATE FUNCTION create_transfers(requests request[],
	event_at timestamptz DEFAULT NULL, metadata jsonb DEFAULT NULL)
RETURNS SETOF transfer_view
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	wanted request;
	made_id text;
	made text[] := '{}';
	one_id text;
	giver account;
	taker account;
BEGIN
	-- in one order, so that transfers do not deadlock
	FOR one_id IN
		SELECT DISTINCT a FROM unnest(requests) r,
			LATERAL (VALUES (r.from_account), (r.to_account)) v(a) ORDER BY a
	LOOP
		PERFORM FROM account WHERE id = one_id FOR UPDATE;
	END LOOP;
	FOREACH wanted IN ARRAY requests LOOP
		IF wanted.amount <= 0 OR wanted.from_account = wanted.to_account THEN
			RAISE EXCEPTION 'this is not a transfer: %', wanted;
		END IF;
		UPDATE account a
		SET balance = a.balance - wanted.amount, version = a.version + 1,
			updated_at = now()
		WHERE a.id = wanted.from_account RETURNING * INTO giver;
		PERFORM check_sign(giver);
		UPDATE account a
		SET balance = a.balance + wanted.amount, version = a.version + 1,
			updated_at = now()
		WHERE a.id = wanted.to_account RETURNING * INTO taker;
		PERFORM check_sign(taker);
		IF giver.currency <> taker.currency THEN
			RAISE EXCEPTION 'the accounts of a transfer have one currency';
		END IF;
		INSERT INTO transfer (from_account_id, to_account_id, amount, event_at, metadata)
		VALUES (giver.id, taker.id, wanted.amount,
				coalesce(create_transfers.event_at, now()), create_transfers.metadata)
		RETURNING id INTO made_id;
		INSERT INTO entry (account_id, transfer_id, amount,
			account_previous_balance, account_current_balance, account_version)
		VALUES (giver.id, made_id, -wanted.amount,
			giver.balance + wanted.amount, giver.balance, giver.version);
		INSERT INTO entry (account_id, transfer_id, amount,
			account_previous_balance, account_current_balance, account_version)
		VALUES (taker.id, made_id, wanted.amount,
			taker.balance - wanted.amount, taker.balance, taker.version);
		made := made || made_id;
	END LOOP;
	RETURN QUERY
	SELECT v.* FROM transfer_view v WHERE v.id = ANY (made) ORDER BY v.id;
END;
$$;

CREATE FUNCTION create_transfer(from_account text, to_account text,
	amount numeric, event_at timestamptz DEFAULT NULL,
	metadata jsonb DEFAULT NULL) RETURNS SETOF transfer_view
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	RETURN QUERY
	SELECT * FROM create_transfers(ARRAY[
		ROW(create_transfer.from_account, create_transfer.to_account,
			create_transfer.amount)::request],
		create_transfer.event_at, create_transfer.metadata);
END;
$$;

-- a script of pgbench works the id of an account out from its number
INSERT INTO account (id, name, currency)
SELECT 'acct_' || lpad(i::text, 26, '0'), 'party ' || i, 'EUR'
FROM generate_series(1, :accounts) i;
GRANT USAGE ON SCHEMA double_entry TO bench_application;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA double_entry TO bench_application;

CREATE SCHEMA bench;
CREATE TABLE bench.result (
	sync text,					-- synchronous_commit
	clients integer,
	round integer,
	variant text,
	tps float8,
	wal float8,					-- bytes per call
	cpu float8					-- of the server per call, in µs
);
VACUUM ANALYZE;
