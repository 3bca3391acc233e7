-- The program calls of the learning platform and their documents (contract,
-- section 11)
\pset format unaligned
\pset null (null)
-- Nothing of the session shows in a document
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'German, DMY';
SET intervalstyle = 'sql_standard';
CREATE FUNCTION regress.documents_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
CREATE FUNCTION regress.id(n text) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8002-' || lpad(n, 12, '0'))::uuid $$;
-- a document with the long part of our ids left out, and ids that were made as ID
CREATE FUNCTION regress.short(document json) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT regexp_replace(replace(document::text, '00000000-0000-4000-8002-', ''), '[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}', 'ID', 'g')
$$;
-- a call with a body in which $n stands for the id n
CREATE FUNCTION regress.call(name text, body text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	answer json;
BEGIN
	EXECUTE format('SELECT trainledger_api.%I(%L)', name, regexp_replace(body, '\$(\w+)', '00000000-0000-4000-8002-000000000\1', 'g')) INTO answer;
	RETURN regress.short(answer);
END
$$;
CREATE FUNCTION regress.problem(name text, body text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE sql VOLATILE
AS $$
	SELECT r.code, r.message, regexp_replace(replace(r.detail, '00000000-0000-4000-8002-', ''), '^(The server says).*', '\1 ...'), r.hint
	FROM regress.refusal(format('SELECT trainledger_api.%I(%s)', name, coalesce(quote_literal(regexp_replace(body, '\$(\w+)', '00000000-0000-4000-8002-000000000\1', 'g')), 'NULL'))) r
$$;

SET ROLE regress_admin;
SELECT regress.documents_at('2017-12-05 20:29:38.999999');
SELECT p.id, p.kind FROM (VALUES (897001, '0a1', 'Ann'), (897002, '0a2', 'Bob'), (897003, '0a3', 'Cid')) v(i, u, n),
	trainledger.add_party('person', n, email => lower(n) || '@Documents.example', id => i, uuid => regress.id(u),
		attributes => jsonb_build_object('grade', i - 897000)) p;
SELECT p.kind FROM trainledger.add_party('organisation', 'Org', email => 'org@documents.example', id => 897004, uuid => regress.id('0a9')) p;
SELECT is_suspended FROM trainledger.update_party(897003, is_suspended => true);
SELECT name, handle FROM (VALUES ('001', 'Leadership "1"', NULL, NULL), ('002', 'First', 'first', '001'), ('003', 'Second', NULL, '001')) v(i, n, h, p),
	trainledger.add_program_kind(n, h, regress.id(p), regress.id(i));
SELECT name FROM (VALUES ('011', '002', 'Spring', '2018-01-02', 90, 'fixed', 3), ('012', '003', 'Autumn', '2018-09-01', 1, 'open', 0), ('013', '001', 'Always', '2018-02-01', 30, 'open', 0)) v(i, k, n, s, d, m, p),
	trainledger.add_program(regress.id(k), n, s::date, d, m::trainledger.program_mode, p, regress.id(i));

-- the calls of the seed, in its order, each by who may call it at least
SET ROLE regress_learner;
SET trainledger.party_id = '897001';
SELECT regress.short(trainledger_api."LookupProgram"(regress.id('002')));
SELECT regress.short(trainledger_api."LookupProgram"("programKindId" => regress.id('001')));
SELECT trainledger_api."LookupProgram"(regress.id('099')) AS unknown;
SELECT trainledger_api."LookupProgram"();
SELECT regress.short(trainledger_api."LookupProgramInstance"("programId" => regress.id('011')));
SELECT regress.short(trainledger_api."LookupProgramInstance"(regress.id('013')));
SELECT trainledger_api."LookupProgramInstance"(regress.id('099')) AS unknown;
SELECT trainledger_api."LookupProgramInstance"(NULL);
SELECT trainledger_api."ListCohorts"("programId" => regress.id('011')) AS none, trainledger_api."ListCohorts"(regress.id('099')) AS unknown;
SELECT trainledger_api."ListCohorts"();
SET ROLE regress_operator;
SELECT trainledger_api."ConfirmCohort"(json_build_object('programId', regress.id('011'), 'cohortName', 'Red')) #>> '{}' AS red \gset
SELECT trainledger_api."ConfirmCohort"(json_build_object('programId', regress.id('011'), 'cohortName', 'Red')) #>> '{}' = :'red' AS same;
SELECT regress.call('ConfirmCohort', '{"programId": "$012", "cohortName": "Other"}');
SELECT trainledger_api."ConfirmCohort"(json_build_object('programId', regress.id('011'), 'cohortName', E'Bl\u00fce')) IS NOT NULL AS made;
SELECT regress.call('ModifyProgramMembership', '{"programId": "$011", "userId": "$0a1"}');
SELECT regress.call('ModifyProgramMembership', format('{"email": "ANN@documents.example", "userId": "$0a1", "programId": "$011", "cohortId": %s, "role": "trainer", "state": "incomplete"}', to_json(:'red'::text))) IS NOT NULL AS done;
SELECT regress.call('ModifyProgramMembership', format('{"email": "bob@documents.EXAMPLE", "userId": null, "programId": "$011", "cohortId": %s}', to_json(:'red'::text))) IS NOT NULL AS done;
SELECT party_id, role, state, cohort_id = :'red' AS red FROM trainledger.membership WHERE program_id = regress.id('011') ORDER BY 1;
SELECT regress.short(trainledger_api."ListCohorts"(regress.id('011')));
-- members are those that the caller may see
SET ROLE regress_learner;
SELECT regress.short(trainledger_api."ListCohorts"(regress.id('011')));
SELECT json_array_length(trainledger_api."ListActivePrograms"()) >= 3 AS some,
	(SELECT string_agg(x ->> 'name', ' ' ORDER BY n) FROM json_array_elements(trainledger_api."ListActivePrograms"()) WITH ORDINALITY a(x, n) WHERE x ->> 'id' ~ '-8002-') AS names;
SELECT regress.short(x) FROM json_array_elements(trainledger_api."ListActivePrograms"()) x WHERE x ->> 'name' = 'Spring' AND x ->> 'id' ~ '-8002-';
SET ROLE regress_operator;
SELECT regress.call('CreateProgramTicket', '{"userId": "$0a1", "programKindId": "$001", "externalId": "$0e1", "sku": "A\"1", "baseSku": "A"}') AS made;
SELECT regress.documents_at('2017-12-05 20:29:39');
SELECT regress.call('CreateProgramTicket', '{"email": "Ann@documents.example", "programKindId": "$001", "externalId": "$0E1", "sku": "A\"1"}') AS made;
SELECT regress.call('CreateProgramTicket', '{"userId": "$0a1", "email": "Ann@documents.example", "programKindId": "$002"}') AS made;
SELECT regress.call('CreateProgramTicket', '{"email": "dee@documents.example", "programKindId": "$002"}') AS made;
SET ROLE regress_learner;
SELECT json_array_length(t) AS tickets, regress.short(t -> 0) AS oldest FROM trainledger_api."UserTickets"(json_build_object('userId', regress.id('0a1'), 'state', 'ready')) t;
SELECT regress.call('UserTickets', '{"userId": "$0A1", "state": "consumed"}');
SELECT json_array_length(trainledger_api."UserTickets"(json_build_object('userId', regress.id('0a1'), 'state', NULL))) AS tickets;
RESET ROLE;
SELECT p.name FROM trainledger.add_party('person', 'Dee', email => 'DEE@documents.example', uuid => regress.id('0a4')) p;
SET ROLE regress_operator;
SELECT regress.call('UserTickets', '{"userId": "$0a4"}');
SELECT regress.call('UserTickets', '{"userId": "$0a2"}');
SET ROLE regress_learner;
SELECT regress.short(trainledger_api."ProgramChildList"(regress.id('001'))), trainledger_api."ProgramChildList"(id => regress.id('099')) AS unknown;
SELECT trainledger_api."ProgramChildList"();
SELECT (SELECT string_agg(x ->> 'name', ' ' ORDER BY n) FROM json_array_elements(trainledger_api."ProgramsAfter"('{"after": "2018-01-03"}')) WITH ORDINALITY a(x, n) WHERE x ->> 'id' ~ '-8002-') AS names;
SELECT regress.call('ProgramsAfter', '{"kind": "$002", "after": "2018-01-02"}');
SELECT regress.call('ProgramsAfter', '{"kind": "$002", "after": "2018-01-03"}') AS none, regress.call('ProgramsAfter', '{"kind": "$099", "after": "0001-01-01"}') AS unknown;
SET ROLE regress_operator;
SELECT regress.documents_at('2017-12-06 01:00:00');
SELECT regress.call('UpdateUserCohortState', '{"userId": "$0a1", "programId": "$011", "state": "refunded", "comments": "L\u00edne\n2", "stateDetail": "<d>"}');
SELECT state, comments, state_detail, cohort_id = :'red' AS red FROM trainledger.membership WHERE program_id = regress.id('011') AND party_id = 897001;
SELECT regress.call('SyncCohort', format('{"programId": "$011", "cohortId": %s, "query": "$.id >= 897001 && $.id <= 897003 && $.attributes.grade > 0"}', to_json(:'red'::text))) AS nobody;
SELECT regress.call('SyncCohort', format('{"programId": "$011", "cohortId": %s, "query": "$.id >= 897001 && $.id <= 897003", "role": "observer", "mode": "closed"}', to_json(:'red'::text))) AS changed;
SELECT regress.call('SyncCohort', format('{"programId": "$011", "cohortId": %s, "query": "$.name == \"Dee\"", "role": null, "mode": "open"}', to_json(:'red'::text))) AS changed;
SELECT p.name, m.role, m.state FROM trainledger.membership m JOIN trainledger.party p ON p.id = m.party_id WHERE m.program_id = regress.id('011') ORDER BY 1;

-- bodies that are wrong, in every call that has one
SELECT name, body, r.code, r.message
FROM unnest('{ProgramsAfter,UserTickets,ModifyProgramMembership,UpdateUserCohortState,ConfirmCohort,SyncCohort,CreateProgramTicket}'::text[]) name,
	unnest(ARRAY[NULL, '[]', '"text"', 'null', '{}', '{"": ""}']) body, regress.problem(name, body) r;
SELECT label, name, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('unknown key', 'UserTickets', '{"userId": "$0a1", "userid": "x"}'),
	('long key', 'UserTickets', '{"' || repeat('k', 100) || '": "x"}'),
	('doubled key', 'UserTickets', '{"userId": "$0a1", "userId": "$0a1"}'),
	('doubled null', 'UserTickets', '{"userId": null, "userId": "$0a1"}'),
	('number', 'UserTickets', '{"userId": 7}'),
	('true', 'CreateProgramTicket', '{"programKindId": "$001", "sku": true}'),
	('object', 'SyncCohort', '{"query": {"a": 1}}'),
	('array', 'ModifyProgramMembership', '{"role": ["member"]}'),
	('null for a required one', 'SyncCohort', '{"programId": null, "cohortId": "$001", "query": "x"}'),
	('uuid is none', 'UserTickets', '{"userId": "abc"}'),
	('uuid empty', 'UserTickets', '{"userId": ""}'),
	('uuid in braces', 'UserTickets', '{"userId": "{$0a1}"}'),
	('uuid with blanks', 'UserTickets', '{"userId": " $0a1"}'),
	('uuid and more', 'UserTickets', '{"userId": "$0a1\n"}'),
	('state of five', 'ModifyProgramMembership', '{"programId": "$011", "userId": "$0a1", "state": "dropped"}'),
	('state of five, refunded', 'ModifyProgramMembership', '{"programId": "$011", "userId": "$0a1", "state": "refunded"}'),
	('state of seven', 'UpdateUserCohortState', '{"programId": "$011", "userId": "$0a1", "state": "Active"}'),
	('state of a ticket', 'UserTickets', '{"userId": "$0a1", "state": "cancelled"}'),
	('role', 'SyncCohort', '{"programId": "$011", "cohortId": "$001", "query": "x", "role": "boss"}'),
	('mode', 'SyncCohort', '{"programId": "$011", "cohortId": "$001", "query": "x", "mode": ""}'),
	('date is none', 'ProgramsAfter', '{"after": "tomorrow"}'),
	('date in another form', 'ProgramsAfter', '{"after": "02.01.2018"}'),
	('time', 'ProgramsAfter', '{"after": "2018-01-02T00:00:00Z"}'),
	('30 February', 'ProgramsAfter', '{"after": "2018-02-30"}'),
	('NUL', 'ConfirmCohort', '{"programId": "$011", "cohortName": "a\\\u0000b"}'),
	('NUL in a key', 'ConfirmCohort', '{"programId": "$011", "cohort\u0000Name": "a"}'),
	('half a pair', 'ConfirmCohort', '{"programId": "$011", "cohortName": "\ud83d"}'),
	('neither user nor address', 'ModifyProgramMembership', '{"programId": "$011"}'),
	('neither for a ticket', 'CreateProgramTicket', '{"programKindId": "$001", "email": null}'),
	('another''s address', 'ModifyProgramMembership', '{"programId": "$011", "userId": "$0a1", "email": "bob@documents.example"}'),
	('another''s address for a ticket', 'CreateProgramTicket', '{"programKindId": "$001", "userId": "$0a1", "email": "bob@documents.example"}'),
	('name too long', 'ConfirmCohort', '{"programId": "$099", "cohortName": "' || repeat('x', 251) || '"}'),
	('comments too long', 'UpdateUserCohortState', '{"programId": "$099", "userId": "$099", "state": "active", "comments": "' || repeat('x', 8193) || '"}'),
	('address is none', 'CreateProgramTicket', '{"programKindId": "$001", "email": "dee"}'),
	('query is no path', 'SyncCohort', '{"programId": "$099", "cohortId": "$099", "query": "x"}'),
	('unknown user', 'UserTickets', '{"userId": "$099"}'),
	('unknown user', 'ModifyProgramMembership', '{"programId": "$011", "userId": "$099"}'),
	('unknown address', 'ModifyProgramMembership', '{"programId": "$011", "email": "nobody@documents.example"}'),
	('unknown address beside a user', 'ModifyProgramMembership', '{"programId": "$011", "userId": "$0a1", "email": "nobody@documents.example"}'),
	('unknown program', 'ModifyProgramMembership', '{"programId": "$099", "userId": "$0a1"}'),
	('unknown cohort', 'ModifyProgramMembership', '{"programId": "$011", "userId": "$0a1", "cohortId": "$099"}'),
	('unknown user', 'UpdateUserCohortState', '{"programId": "$011", "userId": "$099", "state": "active"}'),
	('no membership', 'UpdateUserCohortState', '{"programId": "$012", "userId": "$0a2", "state": "active"}'),
	('unknown program', 'ConfirmCohort', '{"programId": "$099", "cohortName": "a"}'),
	('unknown cohort', 'SyncCohort', '{"programId": "$011", "cohortId": "$099", "query": "$.id == 1"}'),
	('unknown kind', 'CreateProgramTicket', '{"programKindId": "$099", "userId": "$0a1"}'),
	('unknown user', 'CreateProgramTicket', '{"programKindId": "$001", "userId": "$099"}'),
	('an organisation', 'CreateProgramTicket', '{"programKindId": "$001", "userId": "$0a9"}'),
	('an organisation', 'ModifyProgramMembership', '{"programId": "$011", "email": "org@documents.example"}'),
	('suspended', 'ModifyProgramMembership', '{"programId": "$011", "userId": "$0a3"}'),
	('suspended', 'CreateProgramTicket', '{"programKindId": "$001", "userId": "$0a3"}')
) v(label, name, body), regress.problem(name, body) r;
SELECT regress.sqlstate($$SELECT trainledger_api."LookupProgram"('abc')$$) AS malformed;

-- in a PostgREST request refusals are answers with a status
SET request.method = 'POST';
SELECT r.code, r.message::json ->> 'code' AS tl, r.message::json ->> 'message' AS message, r.detail::json ->> 'status' AS status
FROM (VALUES ('UserTickets', '{}'), ('UserTickets', '{"userId": "$099"}'), ('CreateProgramTicket', '{"programKindId": "$001", "userId": "$0a3"}')) v(name, body),
	regress.problem(name, body) r;
RESET request.method;

-- learners read, and only what is theirs; who writes has level operator
SET ROLE regress_learner;
SELECT r.code, r.message FROM regress.problem('UserTickets', '{"userId": "$0a2"}') r;
SELECT name, r.code, r.message FROM unnest('{ModifyProgramMembership,UpdateUserCohortState,ConfirmCohort,SyncCohort,CreateProgramTicket}'::text[]) name, regress.problem(name, '{}') r;
RESET trainledger.party_id;
SELECT r.code, r.message FROM regress.problem('UserTickets', '{"userId": "$0a1"}') r;
-- reads are for read-only transactions, writes are not
BEGIN READ ONLY;
SELECT json_array_length(trainledger_api."ListActivePrograms"()) >= 3 AS readable, trainledger_api."ProgramsAfter"('{"after": "9999-12-31"}') AS none;
SET ROLE regress_operator;
SELECT r.code FROM regress.problem('ConfirmCohort', '{"programId": "$011", "cohortName": "New"}') r;
ROLLBACK;
SELECT p.proname, p.provolatile FROM pg_proc p
WHERE p.pronamespace = 'trainledger_api'::regnamespace AND p.proname ~ '^[A-Z]' ORDER BY p.proname COLLATE "C";
RESET ROLE;
SELECT regress.documents_at('');
RESET trainledger.clock;
RESET timezone;
RESET datestyle;
RESET intervalstyle;
DROP FUNCTION regress.problem, regress.call, regress.short, regress.id, regress.documents_at;
