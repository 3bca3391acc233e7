-- The learning platform's program calls, with its JSON documents: functions of
-- trainledger_api under the platform's names (contract, section 11)

/*
 * What a body says, as texts by key.  "known" has a key for each that the
 * call knows, with what it takes: "uuid", "date", "name" (at most 250
 * characters), "text" (at most 8192 bytes), "query", or an array of the words
 * to choose from.  A null counts as left out, but for the cohort of
 * "UpdateUserCohortState".  A read runs as its caller, who is therefore allowed
 * to call this.
 */
CREATE FUNCTION trainledger_internal.document_fields(
	body json, known jsonb, required text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := '{}';
	name text;
	given json;
	value text;
	problem text;
	cause text;
BEGIN
	IF body IS NULL OR json_typeof(body) <> 'object' THEN
		PERFORM refuse('TL400', 'body is not an object',
			format('The body is %s.',
				   coalesce('a JSON ' || json_typeof(body), 'missing')),
			'Give a JSON object.', NULL);
	END IF;
	BEGIN
		FOR name, given IN SELECT e.key, e.value FROM json_each(body) e LOOP
			value := given #>> '{}';
			IF known ->> name = 'name' THEN
				value := trimmed(value);
			END IF;
			problem := CASE
				WHEN NOT known ? name THEN 'is not known'
				WHEN fields ? name THEN 'is given twice'
				WHEN value IS NULL THEN NULL
				WHEN json_typeof(given) <> 'string' THEN 'is not a string'
				WHEN known ->> name = 'uuid' AND value !~*
					'^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'
					THEN 'is not a uuid'
				WHEN known ->> name = 'date' AND (
					value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
					OR value::date IS NULL) THEN 'is not a date'
				WHEN jsonb_typeof(known -> name) = 'array'
					AND NOT known -> name ? value
					THEN 'is not one of its choices'
				WHEN known ->> name = 'name' AND char_length(value) > 250
					OR known ->> name = 'text' AND octet_length(value) > 8192
					THEN 'is too long'
				END;
			EXIT WHEN problem IS NOT NULL;
			fields := fields || jsonb_build_object(name, value);
		END LOOP;
	EXCEPTION WHEN data_exception THEN
		problem := 'is malformed';
		cause := SQLERRM;
		-- the JSON parser does not say which key has a \u0000
		name := coalesce(name, substring(body::text
			FROM $re$"(\w+)"\s*:\s*"(?:[^"\\]|\\.)*\\u0000$re$));
	END;
	IF problem IS NULL THEN
		SELECT r, 'is missing' INTO name, problem FROM unnest(required) r
		WHERE fields ->> r IS NULL LIMIT 1;
	END IF;
	IF problem IS NOT NULL THEN
		name := left(name, 64);
		PERFORM refuse('TL400',
			format('%s %s', coalesce('"' || name || '"', 'body'), problem),
			coalesce('The server says: ' || cause || '.',
				format('The key "%s" of the body %s.', name, problem)),
			CASE
				WHEN jsonb_typeof(known -> name) = 'array'
				THEN 'Give one of ' || (
					SELECT string_agg(w, ', ' ORDER BY n)
					FROM jsonb_array_elements_text(known -> name)
						 WITH ORDINALITY AS c (w, n)) || '.'
				WHEN known ? name
				THEN format('Give a %s as a JSON string.', CASE known ->> name
					WHEN 'date' THEN 'date such as 2023-04-28'
					WHEN 'name' THEN 'text of at most 250 characters'
					WHEN 'text' THEN 'text of at most 8192 bytes'
					ELSE known ->> name END)
				ELSE 'The keys are ' || (
					SELECT string_agg(k, ', ' ORDER BY k COLLATE "C")
					FROM jsonb_object_keys(known) k) || '.'
				END, name);
	END IF;
	RETURN fields;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.document_fields IS
'The checked texts of a JSON body by key; TL400 names the key that is unknown, doubled, malformed or missing. For the program calls of trainledger_api. Level learner.';

CREATE FUNCTION trainledger_internal.program_kind_document(
	kind trainledger.program_kind) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.row_to_json(d)
	FROM (SELECT (kind).id, (kind).name, (kind).handle,
				 (kind).parent_id AS "parentId") d;
END;
COMMENT ON FUNCTION trainledger_internal.program_kind_document IS
'A program kind as the program calls of trainledger_api print it. Level learner.';

CREATE FUNCTION trainledger_internal.document_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.to_char(at AT TIME ZONE 'UTC',
							  'YYYY-MM-DD"T"HH24:MI:SS"+00:00"');
END;
COMMENT ON FUNCTION trainledger_internal.document_time IS
'A time as the program calls of trainledger_api print it: in UTC, without its fraction. Level learner.';

CREATE FUNCTION trainledger_internal.program_document(
	program trainledger.program_info) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.row_to_json(d)
	FROM (SELECT (program).id, (program).name,
				 trainledger_internal.document_time((program).created_at)
					AS "createdAt",
				 trainledger_internal.document_time((program).updated_at)
					AS "updatedAt",
				 pg_catalog.to_char((program).start_date, 'YYYY-MM-DD')
					AS "startDate",
				 (program).duration, (program).mode,
				 (program).kind_id AS "programKind",
				 (program).base_name AS "baseName",
				 (program).base_handle AS "baseHandle",
				 (program).parent_id AS "programKindParent",
				 (program).priority,
				 (program).parent_id AS "parentId") d;
END;
COMMENT ON FUNCTION trainledger_internal.program_document IS
'A program as the program calls of trainledger_api print it. Level learner.';

-- Reading: as the caller, under row-level security

/* A call without its argument finds the function, and is told. */
CREATE FUNCTION trainledger_internal.given(value uuid, key text) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF value IS NULL THEN
		PERFORM refuse('TL400', format('"%s" is missing', key),
			format('The key "%s" of the body is missing.', key),
			'Give a uuid as a JSON string.', key);
	END IF;
	RETURN value;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.given IS
'The value of a key that is required; TL400 where it is null. Level learner.';

CREATE FUNCTION trainledger_internal."LookupProgram"(
	"programKindId" uuid DEFAULT NULL)
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT COALESCE(
		(SELECT trainledger_internal.program_kind_document(k)
		 FROM trainledger.lookup_program(
			 trainledger_internal.given($1, 'programKindId')) k WHERE k.id IS NOT NULL),
		'null');
END;
COMMENT ON FUNCTION trainledger_internal."LookupProgram" IS
'Loads a program kind.

programKindId is the kind. Answers {id, name, handle, parentId}, or null where there is none.';

CREATE FUNCTION trainledger_internal."LookupProgramInstance"(
	"programId" uuid DEFAULT NULL)
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT COALESCE(
		(SELECT trainledger_internal.program_document(i)
		 FROM trainledger.lookup_program_instance(
			 trainledger_internal.given($1, 'programId')) i
		 WHERE i.id IS NOT NULL),
		'null');
END;
COMMENT ON FUNCTION trainledger_internal."LookupProgramInstance" IS
'Loads a program.

programId is the program. Answers {id, name, createdAt, updatedAt, startDate, duration, mode, programKind, baseName, baseHandle, programKindParent, priority, parentId}, or null where there is none.';

CREATE FUNCTION trainledger_internal."ListCohorts"(
	"programId" uuid DEFAULT NULL)
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.array_to_json(ARRAY(
		SELECT pg_catalog.row_to_json(d)
		FROM (SELECT c.id, c.name, c.program_id AS "programId",
					 (SELECT pg_catalog.count(*)
					  FROM trainledger.membership m
					  WHERE m.cohort_id = c.id) AS members
			  FROM trainledger.list_cohorts(
				trainledger_internal.given($1, 'programId')) c) d));
END;
COMMENT ON FUNCTION trainledger_internal."ListCohorts" IS
'Lists the cohorts of a program, by name.

programId is the program. Answers an array of {id, name, programId, members}; members counts the memberships that the caller may see, whatever their role and state.';

CREATE FUNCTION trainledger_internal."ListActivePrograms"() RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.array_to_json(ARRAY(
		SELECT trainledger_internal.program_document(i)
		FROM trainledger.list_active_programs() i));
END;
COMMENT ON FUNCTION trainledger_internal."ListActivePrograms" IS
'Lists all active programs, the latest start first.

Answers an array of programs as LookupProgramInstance does.';

CREATE FUNCTION trainledger_internal."ProgramChildList"(id uuid DEFAULT NULL)
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.array_to_json(ARRAY(
		SELECT trainledger_internal.program_kind_document(k)
		FROM trainledger.program_child_list(
			trainledger_internal.given($1, 'id')) k));
END;
COMMENT ON FUNCTION trainledger_internal."ProgramChildList" IS
'Lists the direct children of a program kind, by name.

id is the kind. Answers an array of program kinds as LookupProgram does.';

CREATE FUNCTION trainledger_internal."ProgramsAfter"(json) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := document_fields($1,
		'{"kind": "uuid", "after": "date"}'::jsonb, '{after}'::text[]);
BEGIN
	RETURN array_to_json(ARRAY(
		SELECT program_document(i)
		FROM trainledger.programs_after((fields ->> 'after')::date,
										(fields ->> 'kind')::uuid) i));
END;
$$;
COMMENT ON FUNCTION trainledger_internal."ProgramsAfter" IS
'Lists the active programs that start on a day or later, the latest start first.

The body has after, a date such as 2023-04-28, and may have kind, a program kind. Answers an array of programs as LookupProgramInstance does.';

CREATE FUNCTION trainledger_internal."UserTickets"(json) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := document_fields($1,
		'{"userId": "uuid", "state": ["ready", "consumed", "canceled"]}'::jsonb,
		'{userId}'::text[]);
	holder trainledger.party;
BEGIN
	holder := party_by('uuid', fields ->> 'userId', 'userId');
	RETURN array_to_json(ARRAY(
		SELECT row_to_json(d)
		FROM (SELECT t.id,
					 holder.uuid AS "userId",
					 t.email, t.program_kind_id AS "programKindId",
					 t.external_id AS "externalId", t.sku,
					 t.base_sku AS "baseSku", t.state,
					 document_time(t.created_at) AS "createdAt"
			  FROM trainledger.user_tickets(
				holder.id,
				(fields ->> 'state')::trainledger.ticket_state) t) d));
END;
$$;
COMMENT ON FUNCTION trainledger_internal."UserTickets" IS
'Lists the tickets of a user, oldest first.

The body has userId and may have state: ready, consumed or canceled. Answers an array of {id, userId, email, programKindId, externalId, sku, baseSku, state, createdAt}.';

-- Writing: as the owner

CREATE FUNCTION trainledger_internal.named_user(user_id text, email text)
RETURNS trainledger.party
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	by_id trainledger.party;
	by_email trainledger.party;
BEGIN
	IF user_id IS NULL AND email IS NULL THEN
		PERFORM refuse('TL400', 'userId or email is missing',
			'The argument userId or email is null or empty.',
			'This argument is required.', NULL);
	END IF;
	IF user_id IS NOT NULL THEN
		by_id := party_by('uuid', user_id, 'userId');
	END IF;
	IF email IS NOT NULL THEN
		by_email := party_by('email', email, 'email');
	END IF;
	IF by_id.id <> by_email.id THEN
		PERFORM refuse('TL400',
			'userId and email are not the same user',
			'The address is another user''s.', 'Give the one or the other.',
			'email');
	END IF;
	RETURN CASE WHEN user_id IS NULL THEN by_email ELSE by_id END;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.named_user IS
'The user that a body names by id, by address or by both (TL400, TL404).';

CREATE FUNCTION trainledger_internal."ModifyProgramMembership"(json)
RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := document_fields($1,
		'{"email": "name", "userId": "uuid", "programId": "uuid",
		  "cohortId": "uuid", "role": ["member", "trainer", "observer"],
		  "state": ["active", "completed", "graduated", "incomplete",
					"withdrawn"]}'::jsonb,
		'{programId}'::text[]);
	holder trainledger.party;
	changed trainledger.membership;
BEGIN
	holder := named_user(fields ->> 'userId', fields ->> 'email');
	changed := modify_program_membership(
		(fields ->> 'programId')::uuid, holder.id,
		(fields ->> 'cohortId')::uuid,
		(fields ->> 'role')::trainledger.membership_role,
		(fields ->> 'state')::trainledger.membership_state);
	RETURN array_to_json(ARRAY[
		"LookupProgramInstance"(changed.program_id)]);
END;
$$;
COMMENT ON FUNCTION trainledger_internal."ModifyProgramMembership" IS
'Takes a user into a program, or changes the cohort, role or state there.

The body has programId, and userId or email, and may have cohortId, role (member, trainer, observer) and state (active, completed, graduated, incomplete, withdrawn). Answers an array of the program.';

CREATE FUNCTION trainledger_internal."UpdateUserCohortState"(json) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := document_fields($1,
		'{"userId": "uuid", "programId": "uuid", "cohortId": "uuid",
		  "state": ["active", "completed", "graduated", "incomplete",
					"withdrawn", "dropped", "refunded"],
		  "comments": "text", "stateDetail": "text"}'::jsonb,
		'{userId,programId,state}'::text[]);
	holder trainledger.party;
	changed trainledger.membership;
BEGIN
	holder := named_user(fields ->> 'userId', NULL);
	changed := update_user_cohort_state(
		holder.id, (fields ->> 'programId')::uuid,
		(fields ->> 'state')::trainledger.membership_state,
		(fields ->> 'cohortId')::uuid, fields ->> 'comments',
		fields ->> 'stateDetail',
		CASE WHEN fields -> 'cohortId' = 'null' THEN '{cohort_id}'::text[]
			 ELSE '{}' END);
	RETURN array_to_json(ARRAY[
		"LookupProgramInstance"(changed.program_id)]);
END;
$$;
COMMENT ON FUNCTION trainledger_internal."UpdateUserCohortState" IS
'Sets the state of a user in a program.

The body has userId, programId and state (active, completed, graduated, incomplete, withdrawn, dropped, refunded), and may have cohortId, which moves the user there (null: out of the cohort), comments and stateDetail. Answers an array of the program.';

CREATE FUNCTION trainledger_internal."ConfirmCohort"(json) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := document_fields($1,
		'{"programId": "uuid", "cohortName": "name"}'::jsonb,
		'{programId,cohortName}'::text[]);
	confirmed trainledger.cohort;
BEGIN
	confirmed := confirm_cohort(
		(fields ->> 'programId')::uuid, fields ->> 'cohortName');
	RETURN to_json(confirmed.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal."ConfirmCohort" IS
'Makes a cohort of a program, unless it is there.

The body has programId and cohortName. Answers the id of the cohort.';

CREATE FUNCTION trainledger_internal."SyncCohort"(json) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := document_fields($1,
		'{"programId": "uuid", "cohortId": "uuid", "query": "query",
		  "role": ["member", "trainer", "observer"],
		  "mode": ["open", "closed"]}'::jsonb,
		'{programId,cohortId,query}'::text[]);
BEGIN
	RETURN to_json(sync_cohort(
		(fields ->> 'programId')::uuid, (fields ->> 'cohortId')::uuid,
		fields ->> 'query', (fields ->> 'role')::trainledger.membership_role,
		(fields ->> 'mode')::trainledger.sync_mode));
END;
$$;
COMMENT ON FUNCTION trainledger_internal."SyncCohort" IS
'Moves the users whom a query is true for into a cohort.

The body has programId, cohortId and query, an SQL/JSON path predicate over a user''s id, uuid, email, name, externalId, flags, attributes and organisationId, such as $.attributes.grade > 3; it may have role (member, trainer, observer) and mode: closed takes those who are in the program, open takes others in too. Answers how many memberships were made or changed.';

CREATE FUNCTION trainledger_internal."CreateProgramTicket"(json) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	fields jsonb := document_fields($1,
		'{"userId": "uuid", "email": "name", "programKindId": "uuid",
		  "externalId": "uuid", "sku": "name", "baseSku": "name"}'::jsonb,
		'{programKindId}'::text[]);
	holder trainledger.party;
BEGIN
	IF fields ->> 'userId' IS NOT NULL THEN
		holder := named_user(fields ->> 'userId', NULL);
	END IF;
	RETURN to_json(create_program_ticket(
		(fields ->> 'programKindId')::uuid, holder.id, fields ->> 'email',
		(fields ->> 'externalId')::uuid, fields ->> 'sku',
		fields ->> 'baseSku'));
END;
$$;
COMMENT ON FUNCTION trainledger_internal."CreateProgramTicket" IS
'Makes a ticket that lets a user into a program of a kind.

The body has programKindId, and userId or email, which may be nobody''s yet; it may have externalId, the id of the purchased item, sku and baseSku. Answers 1, or 0 where the user has a ticket with this externalId and sku.';
