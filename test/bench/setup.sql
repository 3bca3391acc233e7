-- make bench: the books that are measured, and their twins.
--
-- Psql variables: accounts. Run by a superuser in an empty database.
--
-- Ours: parties 1 … :accounts, each with a credit account of a token type
-- that has two bounds. Schema twin: tables of the same shape with the same
-- indexes, constraints, fillfactor and rows, without triggers and foreign
-- keys: what somebody writes who wants speed and trusts the application.
-- Schema bench: what is posted in batches, and what was measured.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION trainledger;
SELECT FROM trainledger.add_credit_token_type('default', lower_bound => 0,
	upper_bound => 1000000000);
SELECT count(trainledger.add_party('person', 'party ' || i, id => i))
FROM generate_series(1, :accounts) i;
SELECT count(trainledger.credit_init(i, 1000000, 'bench', 'opening',
									 '2025-12-31'))
FROM generate_series(1, :accounts) i;

-- A history, so that a duplicate is looked for among many entries, and the
-- planner knows that the index for it is the one to take.
SELECT format($$
	SELECT count(*) FROM
		(SELECT array_agg(id ORDER BY id) AS ids,
			array_agg('2025-12-31'::timestamptz + %s * interval '1 hour'
					  + party_id * interval '50 microseconds' ORDER BY id) AS times
		 FROM trainledger.account) h,
		LATERAL trainledger.post_batch(h.ids,
			array_fill(1::trainledger.amount, ARRAY[cardinality(ids)]), 'bench',
			array_fill('a posting of the bench'::text, ARRAY[cardinality(ids)]),
			h.times)$$, i)
FROM generate_series(1, 5) i \gexec

-- A script of pgbench works the id of the account out from the party's.
DO $$
BEGIN
	IF EXISTS (SELECT FROM trainledger.account a
			   WHERE a.id <> a.party_id * 1024 + a.party_id % 1024) THEN
		RAISE EXCEPTION 'ids of accounts are not what the scripts expect';
	END IF;
END;
$$;

CREATE SCHEMA twin;
CREATE TABLE twin.token_type (LIKE trainledger.token_type INCLUDING ALL);
CREATE TABLE twin.account (LIKE trainledger.account INCLUDING ALL)
	WITH (fillfactor = 60);
CREATE TABLE twin.entry (LIKE trainledger.entry INCLUDING ALL);
-- what is written by hand numbers no bookings
ALTER TABLE twin.entry ALTER COLUMN booking_no DROP NOT NULL;
DROP INDEX twin.entry_booking_no_idx;
INSERT INTO twin.token_type SELECT * FROM trainledger.token_type;
INSERT INTO twin.account SELECT * FROM trainledger.account ORDER BY id;
INSERT INTO twin.entry SELECT * FROM trainledger.entry
ORDER BY created_at, account_id;

-- our accounts were written and written again, theirs are new: both as new
VACUUM (FULL) trainledger.account;
VACUUM (FULL) twin.account;

/*
 * The same posting as a careful PL/pgSQL function: account and token type are
 * read at once; state, rounding, duplicate, bounds and expected balance are
 * checked; the row is written under the condition that ours has too. It takes
 * the 16 bytes of the duplicate test ready made, does not check the texts,
 * the party and whether it is a lot, and runs with the rights of its caller:
 * the cheaper choice each time.
 */
CREATE FUNCTION twin.post(account_id bigint, operation trainledger.operation,
	amount numeric, source text, description text, recorded_at timestamptz,
	dedup uuid, balance_expected numeric DEFAULT NULL)
RETURNS twin.entry LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	a record;
	made twin.entry;
	delta trainledger.amount;
	result trainledger.amount;
BEGIN
	IF amount <= 0 THEN
		RAISE EXCEPTION 'amount is not positive';
	END IF;
	LOOP
		SELECT x.id, x.balance, x.entry_count, x.last_entry_at, y.scale,
			y.is_active, y.bounds INTO a
		FROM twin.account x JOIN twin.token_type y ON y.id = x.token_type_id
		WHERE x.id = post.account_id;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'account not found';
		END IF;
		delta := round(amount, a.scale);
		IF delta = 0 THEN
			RAISE EXCEPTION 'amount is zero after rounding';
		END IF;
		IF operation = 'subtract' THEN
			delta := -delta;
		END IF;
		IF EXISTS (SELECT FROM twin.entry e WHERE e.dedup = post.dedup
				   AND e.account_id = post.account_id) THEN
			RAISE EXCEPTION 'duplicate transaction';
		END IF;
		IF NOT a.is_active THEN
			RAISE EXCEPTION 'token type is not active';
		END IF;
		result := a.balance + delta;
		IF NOT a.bounds @> result THEN
			RAISE EXCEPTION 'balance out of bounds';
		END IF;
		IF result <> balance_expected THEN
			RAISE EXCEPTION 'balance mismatch';
		END IF;

		UPDATE twin.account x
		SET balance = result, entry_count = a.entry_count + 1,
			last_entry_at = greatest(a.last_entry_at, statement_timestamp())
		WHERE x.id = a.id AND x.entry_count = a.entry_count;
		CONTINUE WHEN NOT FOUND;
		INSERT INTO twin.entry (account_id, entry_no, delta, balance,
			created_at, recorded_at, dedup, operation, source, description,
			booked_by)
		VALUES (a.id, a.entry_count + 1, delta, result,
			greatest(a.last_entry_at, statement_timestamp()), recorded_at,
			dedup, operation, source, description, current_user)
		RETURNING * INTO made;
		RETURN made;
	END LOOP;
END;
$$;

-- The same for the account of a party by its name and its type's name.
CREATE FUNCTION twin.credit_add(party_id bigint, amount numeric, source text,
	description text, recorded_at timestamptz, dedup uuid,
	account_name text DEFAULT 'default', token_type text DEFAULT 'default',
	balance_expected numeric DEFAULT NULL)
RETURNS twin.entry LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	a record;
	made twin.entry;
	delta trainledger.amount;
	result trainledger.amount;
BEGIN
	IF amount <= 0 THEN
		RAISE EXCEPTION 'amount is not positive';
	END IF;
	LOOP
		SELECT x.id, x.balance, x.entry_count, x.last_entry_at, y.scale,
			y.is_active, y.bounds INTO a
		FROM twin.account x JOIN twin.token_type y ON y.id = x.token_type_id
		WHERE x.party_id = credit_add.party_id AND x.name = account_name
		AND y.kind = 'credit' AND y.name = token_type;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'account not found';
		END IF;
		delta := round(amount, a.scale);
		IF delta = 0 THEN
			RAISE EXCEPTION 'amount is zero after rounding';
		END IF;
		IF EXISTS (SELECT FROM twin.entry e WHERE e.dedup = credit_add.dedup
				   AND e.account_id = a.id) THEN
			RAISE EXCEPTION 'duplicate transaction';
		END IF;
		IF NOT a.is_active THEN
			RAISE EXCEPTION 'token type is not active';
		END IF;
		result := a.balance + delta;
		IF NOT a.bounds @> result THEN
			RAISE EXCEPTION 'balance out of bounds';
		END IF;
		IF result <> balance_expected THEN
			RAISE EXCEPTION 'balance mismatch';
		END IF;

		UPDATE twin.account x
		SET balance = result, entry_count = a.entry_count + 1,
			last_entry_at = greatest(a.last_entry_at, statement_timestamp())
		WHERE x.id = a.id AND x.entry_count = a.entry_count;
		CONTINUE WHEN NOT FOUND;
		INSERT INTO twin.entry (account_id, entry_no, delta, balance,
			created_at, recorded_at, dedup, operation, source, description,
			booked_by)
		VALUES (a.id, a.entry_count + 1, delta, result,
			greatest(a.last_entry_at, statement_timestamp()), recorded_at,
			dedup, 'add', source, description, current_user)
		RETURNING * INTO made;
		RETURN made;
	END LOOP;
END;
$$;

CREATE SCHEMA bench;
CREATE TABLE bench.result (
	what text,					-- tps, wal (bytes per posting), batch (rows/s)
	sync text,					-- synchronous_commit
	clients integer,
	round integer,
	variant text,
	value float8
);
CREATE TABLE bench.batch (
	accounts text,				-- many, hundred or one
	size integer,
	account_ids bigint[],
	deltas trainledger.amount[],
	PRIMARY KEY (accounts, size)
);
INSERT INTO bench.batch
SELECT which, n, array_agg(p * 1024 + p % 1024), array_agg(d)
FROM (VALUES ('many', :accounts), ('hundred', 100), ('one', 1)) AS w(which, top),
	(VALUES (1000), (8190)) AS s(n),
	LATERAL (SELECT 1 + floor(random() * top)::bigint AS p,
					1 + floor(random() * 100)::bigint::trainledger.amount AS d
			 FROM generate_series(1, n)) r
GROUP BY which, n;

-- The entries that such a batch makes, for a bare INSERT
CREATE SEQUENCE bench.start;
CREATE TABLE bench.entry AS
SELECT b.accounts, b.size, x.ordinal, x.id AS account_id,
	row_number() OVER (PARTITION BY b.accounts, b.size, x.id ORDER BY x.ordinal)
		AS entry_no,
	x.delta, x.delta AS balance, now() AS created_at,
	'add'::trainledger.operation AS operation, 'bench'::text AS source,
	''::text AS description, 'bench_application'::text AS booked_by
FROM bench.batch b, LATERAL unnest(b.account_ids, b.deltas)
	WITH ORDINALITY AS x(id, delta, ordinal);
ALTER TABLE bench.entry ADD PRIMARY KEY (accounts, size, ordinal);
CLUSTER bench.entry USING entry_pkey;

-- Everything is called by a role that owns nothing and is no superuser.
-- The operators of our types are on its search_path.
CREATE ROLE bench_application LOGIN;
ALTER ROLE bench_application SET search_path = trainledger;
SELECT FROM trainledger.grant_access('bench_application', 'operator');
GRANT USAGE ON SCHEMA twin, bench TO bench_application;
GRANT SELECT ON ALL TABLES IN SCHEMA twin, bench TO bench_application;
GRANT INSERT, UPDATE ON twin.account, twin.entry TO bench_application;
GRANT USAGE ON SEQUENCE bench.start TO bench_application;

VACUUM ANALYZE;
