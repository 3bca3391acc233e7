-- A queue in front of an account that everybody posts to: see "A hot account"
-- in doc/ledger.md. Run it in the books' database, in a schema of your
-- application, as the role that is to own the queue. That role needs level
-- operator.

CREATE TABLE posting_queue (
	id bigint GENERATED ALWAYS AS IDENTITY,
	account_id bigint NOT NULL,
	delta trainledger.amount NOT NULL,
	source text NOT NULL,
	description text NOT NULL DEFAULT '',
	recorded_at timestamptz,
	idempotency_key uuid
);

-- Postings that the ledger refused, and why
CREATE TABLE posting_refused (
	LIKE posting_queue,
	refusal text NOT NULL,
	refused_at timestamptz NOT NULL DEFAULT now()
);

-- The session that drains the queue locks this row. An advisory lock would do
-- too, but any login can take one and keep it.
CREATE TABLE posting_queue_drainer (
	only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);
INSERT INTO posting_queue_drainer DEFAULT VALUES;

-- Books everything in the queue and returns the number of postings. It removes
-- and books them in one transaction: after an error or a crash all of them are
-- still in the queue. One session drains at a time; any other returns 0.
CREATE FUNCTION drain_posting_queue() RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	batch record;
	drained bigint := 0;
BEGIN
	PERFORM FROM posting_queue_drainer FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	FOR batch IN
		WITH taken AS (DELETE FROM posting_queue q RETURNING q)
		SELECT (t.q).source, count(*) AS rows,
			   array_agg(t.q ORDER BY (t.q).id) AS queued,
			   array_agg((t.q).account_id ORDER BY (t.q).id) AS account_ids,
			   array_agg((t.q).delta ORDER BY (t.q).id) AS deltas,
			   array_agg((t.q).description ORDER BY (t.q).id) AS descriptions,
			   array_agg((t.q).recorded_at ORDER BY (t.q).id) AS recorded_at,
			   array_agg((t.q).idempotency_key ORDER BY (t.q).id)
				   AS idempotency_keys
		FROM taken t
		GROUP BY 1
	LOOP
		INSERT INTO posting_refused
		SELECT (batch.queued[p.ordinal]).*, p.refusal
		FROM trainledger.post_batch(batch.account_ids, batch.deltas,
			batch.source, batch.descriptions, batch.recorded_at,
			batch.idempotency_keys, skip_refused => true) p
		WHERE p.refusal IS NOT NULL;
		drained := drained + batch.rows;
	END LOOP;
	RETURN drained;
END;
$$;
