-- More than one node (contract, section 19): where tables lie, ids of other
-- homes, and the removal of homes that were moved away.  trainledger_node.sql
-- and trainledger_proxy.sql build on what is said here.

/*
 * Row filters of publications know columns of a key alone, and so a table by
 * home has the home in its primary key.
 */
CREATE VIEW trainledger.table_class WITH (security_invoker = true) AS
SELECT c.ordinal, c.table_name, c.class, c.home_column
FROM (VALUES
	(1, 'region', 'global', NULL),
	(2, 'currency', 'global', NULL),
	(3, 'catalog_item', 'global', NULL),
	(4, 'learning_path_course', 'global', NULL),
	(5, 'party', 'global', NULL),
	(6, 'token_type', 'global', NULL),
	(7, 'token_type_event', 'global', NULL),
	(8, 'pass_type', 'global', NULL),
	(9, 'pass_type_content', 'global', NULL),
	(10, 'pass_type_option', 'global', NULL),
	(11, 'pass_type_option_price', 'global', NULL),
	(12, 'signup_token', 'global', NULL),
	(13, 'enrolment', 'global', NULL),
	(14, 'signup_claim', 'global', NULL),
	(15, 'claim_event', 'global', NULL),
	(16, 'program_kind', 'global', NULL),
	(17, 'program', 'global', NULL),
	(18, 'cohort', 'global', NULL),
	(19, 'membership', 'global', NULL),
	(20, 'membership_event', 'global', NULL),
	(21, 'ticket', 'global', NULL),
	(22, 'ticket_event', 'global', NULL),
	(23, 'account', 'home', 'id'),
	(24, 'entry', 'home', 'account_id'),
	(25, 'token_account', 'home', 'party_id'),
	(26, 'token_lot', 'home', 'id'),
	(27, 'token_issue_event', 'home', 'id'),
	(28, 'placed_hold', 'home', 'id'),
	(29, 'hold_allocation', 'home', 'hold_id'),
	(30, 'hold_event', 'home', 'id'),
	(31, 'redemption', 'home', 'id'),
	(32, 'redemption_allocation', 'home', 'redemption_id'),
	(33, 'pass', 'home', 'id'),
	(34, 'pass_period', 'home', 'pass_id'),
	(35, 'pass_event', 'home', 'id'),
	(36, 'pass_use', 'home', 'id'),
	(37, 'party_request', 'home', 'party_id'),
	(38, 'party_salt', 'home', 'party_id'),
	(39, 'redaction', 'home', 'id'),
	(40, 'log_origin', 'node', NULL),
	(41, 'log_block', 'node', NULL),
	(42, 'log_node', 'node', NULL),
	(43, 'log_mark', 'node', NULL),
	(44, 'checkpoint', 'node', NULL),
	(45, 'month_summary', 'node', NULL),
	(46, 'books_check', 'node', NULL),
	(47, 'feed_consumer', 'node', NULL),
	(48, 'log_kept', 'node', NULL),
	(49, 'home_event', 'node', NULL)
) AS c(ordinal, table_name, class, home_column);
COMMENT ON VIEW trainledger.table_class IS
'Where rows of each table lie when there are several nodes.';
COMMENT ON COLUMN trainledger.table_class.ordinal IS 'Place in an order in which a table comes after those that it refers to.';
COMMENT ON COLUMN trainledger.table_class.table_name IS 'Name of the table.';
COMMENT ON COLUMN trainledger.table_class.class IS 'global: the front writes it and every node has a copy; home: a row is on the node of its home; node: every node has its own.';
COMMENT ON COLUMN trainledger.table_class.home_column IS 'Column of the primary key by which a row of class home belongs to a home; null for other classes.';

/*
 * Ids taken over from other systems have whatever home they have, and a node
 * would look for them elsewhere.
 */
CREATE FUNCTION trainledger.strays()
RETURNS TABLE (table_name text, id text, party_id bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT 'token_issue' AS table_name, l.id::text AS id, l.party_id
	FROM trainledger.token_lot l
	WHERE trainledger.home_of(l.id) <> trainledger.home(l.party_id)
	UNION ALL
	SELECT 'training_pass', p.id::text, p.party_id
	FROM trainledger.pass p
	WHERE trainledger.home(p.id) <> trainledger.home(p.party_id)
	UNION ALL
	SELECT 'account', a.id::text, a.party_id
	FROM trainledger.account a
	WHERE trainledger.home(a.id) <> trainledger.home(a.party_id);
END;
COMMENT ON FUNCTION trainledger.strays IS
'Issues, passes and accounts whose id has another home than their party, as ids taken over from other systems may. Books that have any cannot be split over nodes. Level reader.';

CREATE FUNCTION trainledger_internal.delete_homes(
	table_name name, home_column name, homes int4multirange) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_delete_homes'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.delete_homes IS
'Deletes the rows of a table that belong to homes which are not kept here, or of log_kept, and returns how many there were; guards let it.';

CREATE FUNCTION trainledger_internal.forget_homes(homes int4multirange)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	divided record;
	stray record;
	removed bigint := 0;
BEGIN
	PERFORM require_given('homes', homes::text);
	SELECT s.* INTO stray FROM trainledger.strays() s
	WHERE trainledger.home(s.party_id) <@ homes LIMIT 1;
	IF FOUND THEN
		PERFORM refuse('TL409', 'an id has another home than its party',
			format('In %s, %s belongs to party %s of home %s.',
				   stray.table_name, stray.id, stray.party_id,
				   trainledger.home(stray.party_id)),
			'Read strays(): books that have any are not split over nodes.',
			'homes');
	END IF;
	PERFORM keep_leaves(homes) WHERE NOT EXISTS (
		SELECT FROM generate_series(0, 1023) h
		WHERE h <@ homes AND keeps_home(h));
	FOR divided IN
		SELECT c.table_name, c.home_column FROM trainledger.table_class c
		WHERE c.class = 'home' ORDER BY c.ordinal DESC
	LOOP
		removed := removed + delete_homes(divided.table_name::name,
			divided.home_column::name, homes);
	END LOOP;
	PERFORM forget_summary();
	RETURN removed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.forget_homes IS
'Removes the rows of homes that this database does not keep (trainledger.homes), after they were moved to another node, and returns how many there were. The log keeps the hashes of their leaves; all of them must be sealed. Level admin.';
