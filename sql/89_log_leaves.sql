-- The lines of the log (contract, section 17)

CREATE FUNCTION trainledger_internal.log_line(VARIADIC "values" "any")
RETURNS text
AS 'MODULE_PATHNAME', 'tl_log_line' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION trainledger_internal.log_line IS
'Values as a line of COPY without its end, times in UTC.';

CREATE FUNCTION trainledger_internal.log_texts(
	kept bytea, salt bytea, VARIADIC "values" "any") RETURNS text
AS 'MODULE_PATHNAME', 'tl_log_texts' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION trainledger_internal.log_texts IS
'SHA-256 of a salt and the line of values, or the hash that is kept of texts that are gone, in hexadecimal digits; null without either.';

CREATE FUNCTION trainledger_internal.log_leaf_hash(leaf text) RETURNS bytea
AS 'MODULE_PATHNAME', 'tl_log_leaf_hash'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION trainledger_internal.log_leaf_hash IS
'Hash of a leaf of the log (RFC 6962): SHA-256 of a zero byte and the leaf.';

/*
 * One line for each entry and event, whether it is sealed or not; entry_no is 0
 * for events.  The columns of a kind never change, because the lines of old rows
 * must stay what they were; what is to have others becomes another kind, such as
 * E2.  What stands in other tables is in the line too where changing it would
 * make the entry mean something else, such as the party of its account.  The
 * last column stands for the texts, where a kind has any.  ONLY: a front has the
 * salts and redactions of nodes as children, and they are not those of its log.
 */
CREATE VIEW trainledger.log_row WITH (security_invoker = true) AS
SELECT e.booking_no, 'E1'::text COLLATE "C" AS kind,
	   e.account_id AS id, e.entry_no, a.party_id,
	   ARRAY[e.booked_by] AS names,
	   trainledger_internal.log_line('E1'::text, e.booking_no, e.account_id,
		   e.entry_no, e.operation, e.delta, e.balance, e.created_at,
		   e.recorded_at, e.imported_at, e.keyed_call, e.other_account_id,
		   a.party_id, a.token_type_id, a.name, l.id, l.first_expires_at,
		   l.unit_price, l.currency_code, l.reissue_of,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, e.source,
			   e.description, e.device, e.booked_by, e.dedup)) AS leaf,
	   e.ctid AS row_at
FROM trainledger.entry e
LEFT JOIN trainledger.account a ON a.id = e.account_id
LEFT JOIN trainledger.token_lot l ON l.account_id = e.account_id
LEFT JOIN ONLY trainledger.party_salt s ON s.party_id = a.party_id
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'E1' AND d.row_id = e.account_id
	AND d.entry_no = e.entry_no
UNION ALL
SELECT v.booking_no, 'X1'::text COLLATE "C", v.id, 0::bigint, l.party_id,
	   ARRAY[v.changed_by],
	   trainledger_internal.log_line('X1'::text, v.booking_no, v.id, v.issue_id,
		   v.old_expires_at, v.new_expires_at, v.created_at, l.party_id,
		   l.token_type_id,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, v.reason,
			   v.changed_by)), NULL::tid
FROM trainledger.token_issue_event v
LEFT JOIN trainledger.token_lot l ON l.id = v.issue_id
LEFT JOIN ONLY trainledger.party_salt s ON s.party_id = l.party_id
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'X1' AND d.row_id = v.id
	AND d.entry_no = 0
UNION ALL
SELECT v.booking_no, 'H1'::text COLLATE "C", v.id, 0::bigint, h.party_id,
	   ARRAY[v.changed_by, h.placed_by],
	   trainledger_internal.log_line('H1'::text, v.booking_no, v.id, v.hold_id,
		   v.event, v.quantity, v.redemption_id, v.account_id, v.entry_no,
		   v.expires_at, v.created_at, h.party_id, h.token_type_id,
		   h.account_id, h.quantity,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, v.notes,
			   v.changed_by, h.reference, h.notes, h.source, h.device,
			   h.placed_by)), NULL::tid
FROM trainledger.hold_event v
LEFT JOIN trainledger.placed_hold h ON h.id = v.hold_id
LEFT JOIN ONLY trainledger.party_salt s ON s.party_id = h.party_id
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'H1' AND d.row_id = v.id
	AND d.entry_no = 0
UNION ALL
SELECT v.booking_no, 'P1'::text COLLATE "C", v.id, 0::bigint, v.party_id,
	   ARRAY[v.changed_by],
	   trainledger_internal.log_line('P1'::text, v.booking_no, v.id, v.pass_id,
		   v.event, v.option_id, v.party_id, v.valid_from, v.valid_until,
		   v.run_from, v.other_pass_id, v.pass_use_id, v.created_at,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, v.reason,
			   v.changed_by)), NULL::tid
FROM trainledger.pass_event v
LEFT JOIN ONLY trainledger.party_salt s ON s.party_id = v.party_id
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'P1' AND d.row_id = v.id
	AND d.entry_no = 0
UNION ALL
SELECT u.booking_no, 'U1'::text COLLATE "C", u.id, 0::bigint, u.party_id,
	   '{}'::text[],
	   trainledger_internal.log_line('U1'::text, u.booking_no, u.id, u.pass_id,
		   u.party_id, u.item_id, u.created_at,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, u.reference)),
	   NULL::tid
FROM trainledger.pass_use u
LEFT JOIN ONLY trainledger.party_salt s ON s.party_id = u.party_id
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'U1' AND d.row_id = u.id
	AND d.entry_no = 0
UNION ALL
SELECT v.booking_no, 'C1'::text COLLATE "C", v.id, 0::bigint, v.party_id,
	   ARRAY[v.changed_by],
	   trainledger_internal.log_line('C1'::text, v.booking_no, v.id, v.claim_id,
		   v.event, v.signup_token_id, v.party_id, v.created_at,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, v.reason,
			   v.changed_by)), NULL::tid
FROM trainledger.claim_event v
LEFT JOIN ONLY trainledger.party_salt s ON s.party_id = v.party_id
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'C1' AND d.row_id = v.id
	AND d.entry_no = 0
UNION ALL
-- what happened before it was somebody's belongs to that person too
SELECT v.booking_no, 'T1'::text COLLATE "C", v.id, 0::bigint, t.party_id,
	   ARRAY[v.changed_by, v.email],
	   trainledger_internal.log_line('T1'::text, v.booking_no, v.id,
		   v.ticket_id, v.event, v.state, v.party_id, v.program_kind_id,
		   v.consumed_program_id, v.created_at,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, v.email,
			   v.changed_by)), NULL::tid
FROM trainledger.ticket_event v
LEFT JOIN trainledger.ticket t ON t.id = v.ticket_id
LEFT JOIN ONLY trainledger.party_salt s
	ON s.party_id = coalesce(v.party_id, 0)
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'T1' AND d.row_id = v.id
	AND d.entry_no = 0
UNION ALL
SELECT v.booking_no, 'M1'::text COLLATE "C", v.id, 0::bigint, v.party_id,
	   ARRAY[v.changed_by],
	   trainledger_internal.log_line('M1'::text, v.booking_no, v.id,
		   v.program_id, v.party_id, v.old_cohort_id, v.cohort_id, v.old_role,
		   v.role, v.old_state, v.state, v.created_at,
		   trainledger_internal.log_texts(d.texts_hash, s.salt, v.comments,
			   v.state_detail, v.changed_by)), NULL::tid
FROM trainledger.membership_event v
LEFT JOIN ONLY trainledger.party_salt s ON s.party_id = v.party_id
LEFT JOIN ONLY trainledger.redaction d ON d.kind = 'M1' AND d.row_id = v.id
	AND d.entry_no = 0
UNION ALL
SELECT v.booking_no, 'R1'::text COLLATE "C", v.id, 0::bigint, v.party_id,
	   '{}'::text[],
	   trainledger_internal.log_line('R1'::text, v.booking_no, v.id, v.kind,
		   v.row_id, v.entry_no, v.party_id, v.reason_code, v.created_at,
		   pg_catalog.encode(v.texts_hash, 'hex')), NULL::tid
FROM trainledger.redaction v
UNION ALL
SELECT v.booking_no, 'V1'::text COLLATE "C", v.id, 0::bigint, NULL::bigint,
	   '{}'::text[],
	   trainledger_internal.log_line('V1'::text, v.booking_no, v.id, v.home,
		   v.direction, v.node_no, v.leaves, encode(v.digest, 'hex'), v.origin,
		   v.created_at), NULL::tid
FROM trainledger.home_event v;
COMMENT ON VIEW trainledger.log_row IS
'Lines of the log for all that is booked, a row for each entry and event, sealed or not.';
COMMENT ON COLUMN trainledger.log_row.booking_no IS 'Number of the booking.';
COMMENT ON COLUMN trainledger.log_row.kind IS 'Kind of the leaf, such as E1.';
COMMENT ON COLUMN trainledger.log_row.id IS 'Of an entry the account, else the id of the event.';
COMMENT ON COLUMN trainledger.log_row.entry_no IS 'Of an entry its number in the account, else 0.';
COMMENT ON COLUMN trainledger.log_row.party_id IS 'Party that it belongs to; null: nobody yet.';
COMMENT ON COLUMN trainledger.log_row.names IS 'Who did it, and addresses, as far as they are among its texts.';
COMMENT ON COLUMN trainledger.log_row.leaf IS 'Line of the log.';
COMMENT ON COLUMN trainledger.log_row.row_at IS 'Of an entry where its row is stored; null for other kinds.';

/*
 * What the tree is made of.  Rows of a home that is not kept here are gone, or
 * come back just now and are not complete: what is kept of them counts.
 */
CREATE VIEW trainledger.tree_leaf WITH (security_invoker = true) AS
SELECT r.booking_no, r.kind, r.id, r.entry_no, r.leaf,
	   trainledger_internal.log_leaf_hash(r.leaf) AS hash, r.row_at
FROM trainledger.log_row r
WHERE trainledger_internal.keeps_home(r.id)
OR NOT EXISTS (SELECT FROM trainledger.log_kept k
			   WHERE k.booking_no = r.booking_no AND k.kind = r.kind
			   AND k.id = r.id AND k.entry_no = r.entry_no)
UNION ALL
SELECT k.booking_no, k.kind, k.id, k.entry_no, NULL, k.hash, NULL
FROM trainledger.log_kept k
WHERE NOT trainledger_internal.keeps_home(k.id);
COMMENT ON VIEW trainledger.tree_leaf IS
'Leaves of the log, sealed or not: rows of log_row, and what is kept of rows that have moved to another node.';
COMMENT ON COLUMN trainledger.tree_leaf.booking_no IS 'Number of the booking.';
COMMENT ON COLUMN trainledger.tree_leaf.kind IS 'Kind of the leaf, such as E1.';
COMMENT ON COLUMN trainledger.tree_leaf.id IS 'Of an entry the account, else the id of the event.';
COMMENT ON COLUMN trainledger.tree_leaf.entry_no IS 'Of an entry its number in the account, else 0.';
COMMENT ON COLUMN trainledger.tree_leaf.leaf IS 'Line of the log; null: its row has moved to another node.';
COMMENT ON COLUMN trainledger.tree_leaf.hash IS 'Hash of the leaf in the tree.';
COMMENT ON COLUMN trainledger.tree_leaf.row_at IS 'Of an entry where its row is stored; null for other kinds, and where the row has moved.';
