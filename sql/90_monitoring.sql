-- Checks of the books that are kept, and figures for monitoring (contract,
-- section 14)

CREATE TABLE trainledger.books_check (
	id bigint CONSTRAINT books_check_pkey PRIMARY KEY,
	checked_at timestamptz NOT NULL,
	problems bigint NOT NULL,
	checked_by text NOT NULL
);
CREATE SEQUENCE trainledger.books_check_id_seq
	OWNED BY trainledger.books_check.id;
COMMENT ON SEQUENCE trainledger.books_check_id_seq IS
'Numbers of the checks of the books.';
COMMENT ON TABLE trainledger.books_check IS
'Checks of the books, a row for each call of check_books() that came to its end.';
COMMENT ON COLUMN trainledger.books_check.id IS 'Number of the check; the last one has the highest.';
COMMENT ON COLUMN trainledger.books_check.checked_at IS 'When the check began: it saw the books as they were then.';
COMMENT ON COLUMN trainledger.books_check.problems IS 'How many problems were found; 0: the books were right.';
COMMENT ON COLUMN trainledger.books_check.checked_by IS 'Who called: the claim sub of the request, else the role.';

/*
 * The row is written when the check is over, so a call that is cancelled or
 * fails keeps nothing.
 */
CREATE FUNCTION trainledger_internal.check_books() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	problems CONSTANT bigint := (SELECT count(*) FROM reconcile(NULL::bigint))
		+ (SELECT count(*) FROM verify(NULL::text, 0::bigint));
BEGIN
	INSERT INTO trainledger.books_check (id, checked_at, problems, checked_by)
	VALUES (nextval('trainledger.books_check_id_seq'::regclass),
			trainledger.clock(), problems, caller_name());
	PERFORM require_written('books_check', FOUND);
	RETURN problems;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_books IS
'Runs reconcile() over all accounts and verify(), keeps in books_check when and how many problems they found, and returns their number. Level admin.';

/*
 * This view reads the tables as its owner, whatever rows its reader may see:
 * its figures are of the whole books, and tell nothing of a single party.  It
 * has rows for readers and monitors alone.
 *
 * A monitor asks every few seconds, so entries are counted by adding up what the
 * accounts say, and expired lots by their index.  A part of the union has a name
 * of its own, so a condition on name computes what it asks for alone.
 */
CREATE VIEW trainledger.ledger_metrics AS
SELECT m.name, m.labels, m.value
FROM (
	SELECT 'parties' AS name,
		   pg_catalog.jsonb_build_object('kind', f.kind) AS labels,
		   f.value::numeric AS value
	FROM (SELECT pg_catalog.count(*) FILTER (WHERE p.kind = 'organisation'),
				 pg_catalog.count(*) FILTER (WHERE p.kind = 'person')
		  FROM trainledger.party p) c(organisations, persons)
	CROSS JOIN LATERAL (VALUES ('organisation', c.organisations),
							   ('person', c.persons)) f(kind, value)
	UNION ALL
	SELECT 'accounts', '{}', pg_catalog.count(*)
	FROM trainledger.account a
	UNION ALL
	SELECT 'entries', '{}', coalesce(pg_catalog.sum(a.entry_count), 0)
	FROM trainledger.account a
	UNION ALL
	SELECT 'expired_unswept_lots', '{}', pg_catalog.count(*)
	FROM trainledger.token_lot l
	JOIN trainledger.account a ON a.id = l.account_id
	WHERE l.is_open AND l.expires_at <= trainledger.clock()
	-- what holds keep back beyond the expiry is not to be swept
	AND (a.balance > a.held OR EXISTS (
		SELECT FROM trainledger.hold_allocation x
		JOIN trainledger.placed_hold h ON h.id = x.hold_id
		WHERE x.issue_id = l.id AND h.is_open
		AND h.expires_at <= trainledger.clock()
		AND x.captured + x.released < x.quantity))
	UNION ALL
	SELECT 'open_holds', '{}', pg_catalog.count(*)
	FROM trainledger.placed_hold h
	WHERE h.is_open AND h.expires_at > trainledger.clock()
	UNION ALL
	SELECT 'overdue_holds', '{}', pg_catalog.count(*)
	FROM trainledger.placed_hold h
	WHERE h.is_open AND h.expires_at <= trainledger.clock()
	UNION ALL
	SELECT f.name, '{}', f.value
	FROM (SELECT l.size, pg_catalog.count(e.booking_no) AS entries,
				 pg_catalog.min(e.created_at) AS oldest
		  FROM (SELECT coalesce(pg_catalog.max(k.size), 0) AS size,
					   coalesce(pg_catalog.max(k.last_booking_no), 0) AS last_no
				FROM trainledger.checkpoint k
				WHERE k.size = (SELECT pg_catalog.max(x.size)
								FROM trainledger.checkpoint x)
				HAVING EXISTS (SELECT FROM trainledger.log_origin)) l
		  CROSS JOIN trainledger.booking_no_seq q
		  -- a node has entries with the numbers of others
		  LEFT JOIN trainledger.entry e ON e.booking_no <= q.last_value
			AND e.booking_no > greatest(l.last_no, q.last_value >> 38 << 38)
		  GROUP BY l.size) c
	CROSS JOIN LATERAL (VALUES
		('seal_lag_entries', c.entries::numeric),
		('seal_lag_seconds', greatest(0, coalesce(
			extract(epoch FROM trainledger.clock() - c.oldest), 0))),
		('log_size', c.size)) f(name, value)
	UNION ALL
	SELECT f.name, pg_catalog.jsonb_build_object('consumer', c.consumer),
		   f.value
	FROM (SELECT k.consumer, n.last_no - k.booking_no AS bookings,
				 -- one that was left behind is not to have everything read
				 coalesce((
					SELECT pg_catalog.min(e.created_at)
					FROM trainledger.entry e
					WHERE e.booking_no >= k.booking_no
					AND e.booking_no <= least(k.booking_no + 1000, n.last_no)
					AND (e.booking_no, 'E1'::text COLLATE "C", e.account_id,
						 e.entry_no)
						> (k.booking_no, k.kind, k.id, k.entry_no)), (
					SELECT pg_catalog.min(e.created_at)
					FROM trainledger.entry e
					WHERE e.booking_no > k.booking_no + 1000
					AND e.booking_no <= n.last_no)) AS oldest
		  FROM (SELECT s.last_value - (NOT s.is_called)::integer AS last_no,
					   (s.last_value - s.is_called::integer) >> 38 << 38
						   AS begin_no
				FROM trainledger.booking_no_seq s) n
		  CROSS JOIN LATERAL (
			SELECT x.consumer, greatest(x.booking_no, n.begin_no) AS booking_no,
				   x.kind, x.id, x.entry_no
			FROM trainledger.feed_consumer x) k) c
	CROSS JOIN LATERAL (VALUES
		('feed_lag_bookings', greatest(0, c.bookings)::numeric),
		('feed_lag_seconds', greatest(0, coalesce(
			extract(epoch FROM trainledger.clock() - c.oldest), 0))))
		f(name, value)
	UNION ALL
	SELECT f.name, '{}', f.value
	FROM (SELECT b.problems, b.checked_at
		  FROM trainledger.books_check b
		  ORDER BY b.id DESC LIMIT 1) c
	CROSS JOIN LATERAL (VALUES ('check_problems', c.problems),
		('check_time', extract(epoch FROM c.checked_at))) f(name, value)
) m
WHERE pg_catalog.has_function_privilege(
		'trainledger.reader_access()'::pg_catalog.regprocedure, 'EXECUTE')
OR pg_catalog.has_function_privilege(
		'trainledger.monitor_access()'::pg_catalog.regprocedure, 'EXECUTE');
COMMENT ON VIEW trainledger.ledger_metrics IS
'Figures of the whole books for monitoring, a row for each: parties (by kind), accounts, entries, expired_unswept_lots, open_holds, overdue_holds (over, and not closed by lapse_holds() yet), log_size, seal_lag_entries and seal_lag_seconds (entries that are not in the log yet, and the age of the oldest; missing where no log was started), feed_lag_bookings and feed_lag_seconds (by consumer of the feed: bookings after the one that it acknowledged last, and the age of the oldest entry among them), and check_problems and check_time of the last check_books(), which are missing if there was none. For readers and monitors; others see no rows.';
COMMENT ON COLUMN trainledger.ledger_metrics.name IS 'What is counted.';
COMMENT ON COLUMN trainledger.ledger_metrics.labels IS 'What distinguishes rows of one name, as kind of parties and consumer of the feed; else an empty object.';
COMMENT ON COLUMN trainledger.ledger_metrics.value IS 'The figure; of check_time in seconds since 1970.';
