-- Helpers of the functions in SQL and PL/pgSQL: refusals, arguments, ids, rows.
-- Only the owner may call them, except for refuse(): functions that read run,
-- and raise, as their caller.

/*
 * The one way to raise.  Which argument is to blame, if any, is said in
 * trainledger.h.  Reads raise as their caller, who may therefore call this.
 */
CREATE FUNCTION trainledger_internal.refuse(
	sqlstate text, message text, detail text, hint text, argument text)
RETURNS void
AS 'MODULE_PATHNAME', 'tl_raise_refusal' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.refuse IS
'Raises a refusal; argument, null for none, is the one to blame, in the COLUMN of the error.';

CREATE FUNCTION trainledger_internal.caller_name() RETURNS text
AS 'MODULE_PATHNAME', 'tl_caller_name' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION trainledger_internal.caller_name IS
'Who is calling: the claim sub of the request, else the role.';

CREATE FUNCTION trainledger_internal.take_mutex(mutex text, call text)
RETURNS void
AS 'MODULE_PATHNAME', 'tl_lock_by_name'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.take_mutex IS
'Takes a mutex of the extension, signup codes, access or log, until the end of the transaction; call is what an error in a read-only one names. To be called before rows are locked, in a statement of its own: the next one sees what the holder before committed.';

CREATE FUNCTION trainledger_internal.lock_address(
	address text, for_ticket boolean) RETURNS void
AS 'MODULE_PATHNAME', 'tl_lock_address'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.lock_address IS
'Locks a folded address until the end of the transaction, for a ticket that is made out to it or for the party that gets it: those exclude each other. Null locks nothing. In a statement of its own, as take_mutex.';

-- Arguments

CREATE FUNCTION trainledger_internal.require_given(name text, value text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF value IS NULL THEN
		PERFORM refuse('TL400', format('%s is missing', name),
			format('The argument %s is null or empty.', name),
			'This argument is required.', name);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_given IS
'TL400 where a required argument is missing.';

/*
 * Names and codes (src/base/names.c).  A write keeps what trimmed() returns,
 * and a look-up compares with it.  Where case does not count, both compare what
 * folded() returns, which no locale changes; indexes contain it.  Both are
 * leakproof, so that such an index serves a query under row-level security.
 */
CREATE FUNCTION trainledger_internal.trimmed(value text) RETURNS text
AS 'MODULE_PATHNAME', 'tl_trimmed'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.trimmed IS
'A name or code without white space around it: what Unicode calls white space, and U+200B, U+2060 and U+FEFF.';

CREATE FUNCTION trainledger_internal.folded(value text) RETURNS text
AS 'MODULE_PATHNAME', 'tl_folded'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.folded IS
'What a code of a signup token, the name of a cohort or an address is compared by: trimmed, in NFC, with the simple case folding of Unicode.';

CREATE FUNCTION trainledger_internal.require_text(name text, value text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	value := trimmed(value);
	IF value IS NULL OR value = '' THEN
		PERFORM refuse('TL400', format('%s is missing', name),
			format('The argument %s is %s.', name,
				   CASE WHEN value IS NULL THEN 'null' ELSE 'empty' END),
			'Give a text that is not empty.', name);
	END IF;
	PERFORM check_length(name, value, 250);
	RETURN value;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_text IS
'A name as it is kept; TL400 where it is missing, empty or longer than 250 characters.';

CREATE FUNCTION trainledger_internal.check_text(name text, value text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN value IS NOT NULL THEN require_text(name, value) END;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_text IS
'A name as it is kept, null where none is given; TL400 where it is empty or longer than 250 characters.';

CREATE FUNCTION trainledger_internal.check_length(
	name text, value text, most integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF char_length(value) > most THEN
		PERFORM refuse('TL400', format('%s is too long', name),
			format('The argument %s has %s characters.', name,
				   char_length(value)),
			format('At most %s characters are kept.', most), name);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_length IS
'TL400 where a text is longer than so many characters.';

CREATE FUNCTION trainledger_internal.check_notes(name text, value text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF octet_length(value) > 8192 THEN
		PERFORM refuse('TL400', format('%s is too long', name),
			format('The argument %s has %s bytes.', name, octet_length(value)),
			'At most 8192 bytes are kept.', name);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_notes IS
'TL400 where a text is longer than 8192 bytes.';

/*
 * The columns that a call changes, with their new values: those that are given
 * and not null, and those that clear names.  emptied has a key for each column
 * that can be emptied, with what it then is.
 */
CREATE FUNCTION trainledger_internal.changes(
	clear text[], emptied json, given json) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	name text;
	changed jsonb := '{}';
BEGIN
	FOREACH name IN ARRAY coalesce(clear, '{}') LOOP
		IF name IS NULL OR emptied -> name IS NULL THEN
			PERFORM refuse('TL400', 'column cannot be emptied',
				format('The argument clear names %s.',
					   coalesce(quote_ident(left(name, 64)), 'null')),
				coalesce('These can be emptied: ' || (
					SELECT string_agg(k, ', ') FROM json_object_keys(emptied) k)
					|| '.', 'Nothing can be emptied here.'), 'clear');
		END IF;
		IF given ->> name IS NOT NULL THEN
			PERFORM refuse('TL400', 'column is given a value and emptied',
				format('The argument clear names %s, which has a value too.',
					   name),
				'Give the one or the other.', 'clear');
		END IF;
		changed := changed || jsonb_build_object(name, emptied -> name);
	END LOOP;
	RETURN changed || (
		SELECT coalesce(jsonb_object_agg(g.key, g.value), '{}')
		FROM json_each(given) g WHERE json_typeof(g.value) <> 'null');
END;
$$;
COMMENT ON FUNCTION trainledger_internal.changes IS
'Columns to change, with their new values; TL400 where clear names a column that cannot be emptied or is given a value.';

-- Ids

CREATE FUNCTION trainledger_internal.require_admin_for_id(
	id text, argument text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF id IS NOT NULL AND NOT trainledger.has_level(
		'admin'::trainledger.access_level) THEN
		PERFORM refuse('42501', 'only level admin may give an id',
			'Ids of one''s own are for the migration of another system.',
			'Leave the id out, or have a role of level admin do it.', argument);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_admin_for_id IS
'Refuses an id that a caller gives who is not of level admin (42501).';

CREATE FUNCTION trainledger_internal.check_id(id bigint) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	IF id NOT BETWEEN 1 AND 9007199254740991 THEN
		PERFORM refuse('TL400', 'id is out of range',
			format('The id is %s.', id), 'Ids are from 1 to 2^53 - 1.', 'id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_id IS
'Checks an id that is taken over from another system (42501, TL400).';

CREATE FUNCTION trainledger_internal.next_id(relation regclass) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	candidate bigint;
	is_taken boolean;
BEGIN
	-- lock the table before its sequence, as ALTER TABLE does: in the other
	-- order the two could deadlock
	EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', relation);
	LOOP
		candidate := nextval(pg_get_serial_sequence(relation::text, 'id'));
		EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE id = $1)', relation)
			INTO is_taken USING candidate;
		IF NOT is_taken THEN
			RETURN candidate;
		END IF;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.next_id IS
'The next generated id of a table that no row has; ids taken over from another system may stand in the way.';

CREATE FUNCTION trainledger_internal.new_id(sequence regclass, party_id bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_new_id' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.new_id IS
'The next id of something that belongs to a party.';

CREATE FUNCTION trainledger_internal.keeps_all_homes() RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_keeps_all_homes_sql' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.keeps_all_homes IS
'Whether this database keeps all homes.';

CREATE FUNCTION trainledger_internal.keeps_home(id bigint) RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_keeps_home_sql' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.keeps_home IS
'Whether this database keeps the home of an id.';

CREATE FUNCTION trainledger_internal.require_home(id bigint, argument text)
RETURNS void
AS 'MODULE_PATHNAME', 'tl_require_home_sql' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.require_home IS
'TL058 where another node keeps the home of an id.';

/*
 * A node finds what belongs to a party by the home in its id, so an id that is
 * taken over must have that home where there are several nodes.
 */
CREATE FUNCTION trainledger_internal.require_same_home(
	home integer, party_id bigint) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF home <> trainledger.home(party_id) AND NOT keeps_all_homes() THEN
		PERFORM refuse('TL400', 'id has another home than its party',
			format('The id is of home %s, party %s of home %s.', home, party_id,
				   trainledger.home(party_id)),
			'Take over ids of the party''s home, or none.', 'id');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_same_home IS
'TL400 where an id that is taken over has another home than its party and not all homes are kept here.';

-- Rows

/*
 * Where a row was not inserted there is one in its way, and the next round
 * sees it.  If there is none, no round will help: a trigger keeps rows from
 * being inserted.
 */
CREATE FUNCTION trainledger_internal.require_conflict(
	relation text, is_there boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF NOT is_there THEN
		PERFORM refuse('27000',
			format('no row was inserted into %s', relation),
			'No other row was in its way.',
			format('Look for a trigger, a rule or forced row security on trainledger.%s.', relation),
			NULL);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_conflict IS
'Refuses to go on where a row was not inserted though no other was in its way (27000).';

CREATE FUNCTION trainledger_internal.require_written(
	relation text, is_written boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF NOT is_written THEN
		PERFORM refuse('27000',
			format('no row was written to %s', relation),
			'A row was to be written, and it was not.',
			format('Look for a trigger, a rule or forced row security on trainledger.%s.', relation),
			NULL);
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.require_written IS
'Refuses to go on where a trigger or a rule kept a row from being written (27000).';

CREATE FUNCTION trainledger_internal.raise_taken(relation text, taken text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM refuse('TL409', format('%s is taken', taken),
		format('There is already a row in %s with this %s.', relation, taken),
		'Choose another, or change the row that exists.', taken);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.raise_taken IS
'TL409 that names the column of a violated unique constraint.';

CREATE FUNCTION trainledger_internal.refuse_missing(
	what text, id text, argument text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM refuse('TL404', format('%s not found', what),
		format('There is no %s %s.', what, id),
		format('Look the id up in trainledger.%s.', replace(what, ' ', '_')),
		argument);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.refuse_missing IS
'TL404 for an id that no row of a table has, which is called what, with underscores for blanks.';
