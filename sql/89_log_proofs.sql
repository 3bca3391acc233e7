-- The log: checkpoints, signatures and proofs (contract, section 17)

CREATE FUNCTION trainledger_internal.log_inclusion(
	booking_no bigint, kind text, id bigint, entry_no bigint, size bigint,
	OUT index bigint, OUT path bytea[])
AS 'MODULE_PATHNAME', 'tl_log_inclusion' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_inclusion IS
'Number of a leaf in the log, from 0 on, and the hashes that prove that it is in the tree of this size; null if it is not.';

CREATE FUNCTION trainledger_internal.log_consistency(
	old_size bigint, size bigint) RETURNS bytea[]
AS 'MODULE_PATHNAME', 'tl_log_consistency'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_consistency IS
'Hashes that prove that the tree of the old size is the beginning of the other.';

CREATE FUNCTION trainledger_internal.log_sign(message text) RETURNS bytea
AS 'MODULE_PATHNAME', 'tl_log_sign' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_sign IS
'Ed25519 signature with the key in the file that trainledger.log_key_file names.';

CREATE FUNCTION trainledger_internal.log_public_key() RETURNS bytea
AS 'MODULE_PATHNAME', 'tl_log_public_key' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_public_key IS
'Public key to the key in the file; null if none is set.';

CREATE FUNCTION trainledger_internal.log_check_signature(
	message text, signature bytea, public_key bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_log_check_signature'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.log_check_signature IS
'Whether it is an Ed25519 signature of the message by the key.';

CREATE FUNCTION trainledger_internal.log_flush(made_by xid) RETURNS void
AS 'MODULE_PATHNAME', 'tl_log_flush'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION trainledger_internal.log_flush IS
'Brings to disk what is about to leave the house; refuses what the running transaction has made (55000).';

CREATE FUNCTION trainledger_internal.log_flush_all() RETURNS void
AS 'MODULE_PATHNAME', 'tl_log_flush_all'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION trainledger_internal.log_flush_all IS
'Brings to disk all that is visible.';

CREATE FUNCTION trainledger_internal.key_id(name text, public_key bytea)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- 1 is the type of Ed25519 signatures
	SELECT substr(sha256(convert_to(name, 'UTF8') || decode('0a01', 'hex')
						 || public_key), 1, 4);
END;
COMMENT ON FUNCTION trainledger_internal.key_id IS
'Id of a key in a C2SP signed note.';

-- Checkpoints

CREATE FUNCTION trainledger_internal.find_checkpoint(
	wanted bigint, signed boolean) RETURNS trainledger.checkpoint
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	checkpoint trainledger.checkpoint;
	made_by xid;
BEGIN
	PERFORM current_log();
	SELECT c.* INTO checkpoint
	FROM trainledger.checkpoint c
	JOIN trainledger.log_origin o ON o.origin = c.origin
	WHERE (wanted IS NULL OR c.size = wanted)
	AND (c.note IS NOT NULL OR NOT signed)
	ORDER BY c.size DESC, o.id DESC LIMIT 1;
	IF checkpoint.origin IS NULL THEN
		IF wanted IS NULL OR signed AND EXISTS (
			SELECT FROM trainledger.checkpoint c WHERE c.size = wanted) THEN
			PERFORM refuse('TL409',
				CASE WHEN signed THEN 'no checkpoint is signed'
					 ELSE 'nothing is sealed' END,
				CASE WHEN wanted IS NULL THEN 'There is none yet.'
					 ELSE format('The one of size %s is not.', wanted) END,
				CASE WHEN signed THEN 'Sign one with sign_checkpoint() or add_signature().'
					 ELSE 'Seal what was booked with seal().' END,
				CASE WHEN wanted IS NOT NULL THEN 'size' END);
		END IF;
		PERFORM refuse_missing('checkpoint', wanted::text, 'size');
	END IF;
	SELECT c.xmin INTO made_by FROM trainledger.checkpoint c
	WHERE c.size = checkpoint.size AND c.origin = checkpoint.origin;
	PERFORM log_flush(made_by);
	RETURN checkpoint;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.find_checkpoint IS
'The checkpoint of this size, or the last one, which may leave the house from then on.';

CREATE FUNCTION trainledger_internal.checkpoint_body(
	checkpoint trainledger.checkpoint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT checkpoint.origin || E'\n' || checkpoint.size || E'\n'
		   || encode(checkpoint.root, 'base64') || E'\n';
END;
COMMENT ON FUNCTION trainledger_internal.checkpoint_body IS
'A checkpoint as C2SP tlog-checkpoint: origin, size and root, a line each.';

CREATE FUNCTION trainledger_internal.checkpoint_text(size bigint DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN checkpoint_body(find_checkpoint(size, false));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.checkpoint_text IS
'The checkpoint of this size, or the last one, in the form of C2SP tlog-checkpoint: what is signed. Level reader.';

/*
 * A signed note is the text, an empty line, and a line for each signature.
 * Other signers have other keys, or other names.
 */
CREATE FUNCTION trainledger_internal.keep_signature(
	checkpoint trainledger.checkpoint, line text)
RETURNS trainledger.checkpoint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	-- its name, a blank, and the first 4 bytes of the base64, the key's id
	signer text := substring(line FROM $re$^\S+ \S+ .{5}$re$);
BEGIN
	-- the same may be added at the same time
	SELECT c.* INTO checkpoint FROM trainledger.checkpoint c
	WHERE c.size = checkpoint.size AND c.origin = checkpoint.origin
	FOR NO KEY UPDATE;
	IF position(E'\n' || signer IN checkpoint.note) > 0 THEN
		RETURN checkpoint;
	END IF;
	UPDATE trainledger.checkpoint c
	SET note = coalesce(c.note, checkpoint_body(checkpoint) || E'\n')
		|| line || E'\n'
	WHERE c.size = checkpoint.size AND c.origin = checkpoint.origin
	RETURNING c.* INTO checkpoint;
	PERFORM require_written('checkpoint', FOUND);
	RETURN checkpoint;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.keep_signature IS
'Adds a signature to a checkpoint that has none of its signer.';

CREATE FUNCTION trainledger_internal.sign_checkpoint(size bigint DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	checkpoint trainledger.checkpoint := find_checkpoint(size, false);
	-- by itself: next to the id of a key that is null it need not be called
	signature bytea := log_sign(checkpoint_body(checkpoint));
	-- without the line ends that PostgreSQL puts into longer ones
	line text := format(E'\u2014 %s %s', checkpoint.origin, translate(encode(
		key_id(checkpoint.origin, log_public_key()) || signature, 'base64'),
		E'\n', ''));
BEGIN
	-- a line that was added in the name of the key, and is not its signature
	IF position(E'\n' || line || E'\n' IN checkpoint.note) = 0 THEN
		UPDATE trainledger.checkpoint c
		SET note = array_to_string(ARRAY(
			SELECT l.text
			FROM unnest(string_to_array(c.note, E'\n'))
				WITH ORDINALITY AS l(text, n)
			WHERE NOT starts_with(l.text,
				left(line, 8 + length(checkpoint.origin)))
			ORDER BY l.n), E'\n')
		WHERE c.size = checkpoint.size AND c.origin = checkpoint.origin
		RETURNING c.* INTO checkpoint;
		PERFORM require_written('checkpoint', FOUND);
	END IF;
	checkpoint := keep_signature(checkpoint, line);
	RETURN checkpoint.note;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.sign_checkpoint IS
'Signs the checkpoint of this size, or the last one, with the Ed25519 key in the file that trainledger.log_key_file names, and returns it as a C2SP signed note. Level admin.';

/*
 * Blanks are those of Unicode, whatever the locale knows.  In PL/pgSQL: nothing
 * reads the pattern before the library has refused databases that are not UTF8.
 */
CREATE FUNCTION trainledger_internal.is_key_name(name text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN name !~ E'[[:space:][:cntrl:]+\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]';
END;
$$;
COMMENT ON FUNCTION trainledger_internal.is_key_name IS
'Whether a text may stand in a signed note as the name of a key: it has no blank and no plus sign (C2SP).';

CREATE FUNCTION trainledger_internal.add_signature(size bigint, line text)
RETURNS trainledger.checkpoint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM require_given('size', size::text);
	PERFORM require_given('line', line);
	line := rtrim(line, E'\n');
	IF line !~ E'^\u2014 [^ ]+ ([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$'
	   OR NOT is_key_name(split_part(line, ' ', 2))
	   OR length(line) > 8192
	   OR length(decode(split_part(line, ' ', 3), 'base64')) <= 4 THEN
		PERFORM refuse('TL400', 'invalid signature line',
			'It is not a dash, a name, and base64 of a key''s id and a signature.',
			'Give one line of a C2SP signed note, such as the last one of sign_checkpoint().',
			'line');
	END IF;
	RETURN keep_signature(find_checkpoint(size, false), line);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_signature IS
'Adds a signature from elsewhere, such as a key service or a witness, to a checkpoint: one line of a C2SP signed note, of which the form alone is checked. Level admin.';

-- Entries

/*
 * The entry, if the caller may ask for it: a learner for those of its own
 * accounts.
 */
CREATE FUNCTION trainledger_internal.find_sealed_entry(
	account_id bigint, entry_no bigint) RETURNS trainledger.entry
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	entry trainledger.entry;
BEGIN
	PERFORM require_given('account_id', account_id::text);
	PERFORM require_given('entry_no', entry_no::text);
	SELECT e.* INTO entry
	FROM trainledger.entry e
	JOIN trainledger.account a ON a.id = e.account_id
	WHERE e.account_id = find_sealed_entry.account_id
	AND e.entry_no = find_sealed_entry.entry_no
	AND (a.party_id = trainledger.current_party()
		 OR trainledger.has_level(
			'reader'::trainledger.access_level));
	IF NOT FOUND THEN
		PERFORM require_home(account_id, 'account_id');
		PERFORM refuse_missing('entry', account_id || '/' || entry_no,
							   'entry_no');
	END IF;
	PERFORM current_log();
	IF entry.booking_no > sealed_upto() AND entry.booking_no <@ own_numbers() THEN
		PERFORM refuse('TL409', 'entry is not sealed yet',
			format('The log ends at booking %s, and the entry is in %s.',
				   sealed_upto(), entry.booking_no),
			'seal() does it, once older transactions are over.', 'entry_no');
	END IF;
	RETURN entry;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.find_sealed_entry IS
'An entry that is in the log, or came with its home, and that the caller may see; else TL404 or TL409.';

/*
 * The place of an entry in this log.  Of one whose home has left, the number of
 * its booking is enough for a reader.
 */
CREATE FUNCTION trainledger_internal.find_leaf(
	account_id bigint, entry_no bigint) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_no bigint;
	origin text;
BEGIN
	IF NOT keeps_home(account_id)
	   AND trainledger.has_level('reader'::trainledger.access_level) THEN
		SELECT k.booking_no INTO found_no FROM trainledger.log_kept k
		WHERE k.kind = 'E1' AND k.id = find_leaf.account_id
		AND k.entry_no = find_leaf.entry_no;
		IF FOUND THEN
			RETURN found_no;
		END IF;
	END IF;
	found_no := (find_sealed_entry(account_id, entry_no)).booking_no;
	IF NOT found_no <@ sealed_numbers() THEN
		SELECT v.origin INTO origin FROM last_home_events() v
		WHERE v.home = trainledger.home(account_id)
		AND v.node_no = (found_no - 1) >> 38;
		PERFORM refuse('TL409', 'entry is not in this log',
			format('It came with its home from another node, which booked it as %s.',
				   found_no),
			CASE WHEN origin IS NULL
				THEN 'No log is known to have it; verify() compares it with what came.'
				ELSE format('The log "%s" has it: ask the node of that log.', origin)
			END, 'entry_no');
	END IF;
	RETURN found_no;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.find_leaf IS
'Number of the booking of an entry that is a leaf of this log; else TL404 or TL409.';

CREATE FUNCTION trainledger_internal.entry_leaf(
	account_id bigint, entry_no bigint) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	entry trainledger.entry := find_sealed_entry(account_id, entry_no);
BEGIN
	RETURN (SELECT r.leaf FROM trainledger.log_row r
			WHERE r.kind = 'E1' AND r.id = entry.account_id
			AND r.entry_no = entry.entry_no);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.entry_leaf IS
'The line of an entry in the log, which its proof is about. Level learner, for its own.';

CREATE FUNCTION trainledger_internal.entry_texts(
	account_id bigint, entry_no bigint) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	entry trainledger.entry := find_sealed_entry(account_id, entry_no);
BEGIN
	IF EXISTS (SELECT FROM trainledger.redaction d
			   WHERE d.kind = 'E1' AND d.row_id = entry.account_id
			   AND d.entry_no = entry.entry_no) THEN
		PERFORM refuse('TL409', 'texts of the entry were forgotten',
			'The log keeps their hash alone.',
			'What entry_leaf() returns can still be proved.', 'entry_no');
	END IF;
	RETURN (SELECT encode(s.salt, 'hex') || E'\n'
				   || log_line(entry.source, entry.description, entry.device,
							   entry.booked_by, entry.dedup)
			FROM trainledger.account a
			JOIN trainledger.party_salt s ON s.party_id = a.party_id
			WHERE a.id = entry.account_id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.entry_texts IS
'The salt of the party, in hexadecimal digits, and on a second line the texts of an entry; the last column of its leaf is the SHA-256 of both. Level learner, for its own.';

CREATE FUNCTION trainledger_internal.hash_lines(hashes bytea[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(string_agg(encode(h.hash, 'base64') || E'\n', ''
							   ORDER BY h.place), '')
	FROM unnest(hashes) WITH ORDINALITY h(hash, place);
END;
COMMENT ON FUNCTION trainledger_internal.hash_lines IS
'Hashes in base64, a line each.';

CREATE FUNCTION trainledger_internal.prove_entry(
	account_id bigint, entry_no bigint, size bigint DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	booking_no bigint := find_leaf(account_id, entry_no);
	checkpoint trainledger.checkpoint := find_checkpoint(size, true);
	index bigint;
	path bytea[];
BEGIN
	SELECT i.index, i.path INTO index, path
	FROM log_inclusion(booking_no, 'E1', account_id, entry_no,
					   checkpoint.size) i;
	IF index IS NULL THEN
		RAISE data_corrupted USING
			MESSAGE = 'the log does not have the entry',
			DETAIL = format('Entry %s of account %s is not what was sealed.',
							entry_no, account_id),
			HINT = 'verify() says what was changed.';
	END IF;
	IF path IS NULL THEN
		PERFORM refuse('TL409', 'checkpoint is older than the entry',
			format('It has %s leaves, and the entry is leaf %s.',
				   checkpoint.size, index),
			'Sign a later checkpoint with sign_checkpoint().', 'size');
	END IF;
	RETURN 'c2sp.org/tlog-proof@v1' || E'\n'
		|| 'index ' || index || E'\n'
		|| hash_lines(path) || E'\n'
		|| checkpoint.note;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.prove_entry IS
'Proof that an entry is in the log, under the signed checkpoint of this size or the last signed one, as C2SP tlog-proof: whoever has it, entry_leaf() and the public key can check it without the database. Level learner, for its own.';

CREATE FUNCTION trainledger_internal.prove_consistency(
	old_size bigint, size bigint DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	checkpoint trainledger.checkpoint := find_checkpoint(size, false);
BEGIN
	PERFORM require_given('old_size', old_size::text);
	IF old_size NOT BETWEEN 0 AND checkpoint.size THEN
		PERFORM refuse('TL400', 'invalid size',
			format('The log has %s leaves at that checkpoint.', checkpoint.size),
			'Give the size of an older checkpoint.', 'old_size');
	END IF;
	RETURN CASE WHEN old_size = 0 THEN ''
		ELSE hash_lines(log_consistency(old_size, checkpoint.size)) END;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.prove_consistency IS
'Proof that the log of the old size is the beginning of the log at the checkpoint of this size, or the last one: the hashes of RFC 6962 in base64, a line each. Level reader.';
