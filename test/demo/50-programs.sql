-- Programs: the calls of the learning platform's document, in its order. The
-- document has no figures; ids and names are made up.

\echo
\echo 'PROGRAMS'
\echo '========'

SET trainledger.clock = '2023-04-28T09:00:00Z';
SELECT FROM trainledger.add_program_kind('Leadership', 'leadership', id => 'a0000000-0000-4000-8000-000000000001') \g /dev/null
SELECT FROM trainledger.add_program_kind('First year', 'leadership-1', 'a0000000-0000-4000-8000-000000000001', id => 'a0000000-0000-4000-8000-000000000002') \g /dev/null
SELECT FROM trainledger.add_program('a0000000-0000-4000-8000-000000000002', 'Leadership, spring', '2023-05-01', 90, id => 'b0000000-0000-4000-8000-000000000001') \g /dev/null
SELECT FROM trainledger.add_program('a0000000-0000-4000-8000-000000000002', 'Leadership, at your own pace', '2023-09-01', 365, 'open', id => 'b0000000-0000-4000-8000-000000000002') \g /dev/null
SELECT FROM (VALUES ('Kim', 'Sales', 4, 'c0000000-0000-4000-8000-000000000001'), ('Lee', 'Sales', 5, NULL), ('Max', 'Service', 5, NULL), ('Noa', 'Sales', 2, NULL)) AS v (name, department, grade, uuid),
	trainledger.add_party('person', v.name, lower(v.name) || '@example.com', uuid => v.uuid::uuid,
		attributes => jsonb_build_object('department', v.department, 'grade', v.grade)) \g /dev/null

\set call LookupProgram
\set body a0000000-0000-4000-8000-000000000002
\ir core.psql
\set body ffffffff-ffff-4fff-bfff-ffffffffffff
\ir core.psql

\set call LookupProgramInstance
\set body b0000000-0000-4000-8000-000000000001
\ir core.psql

\set call ModifyProgramMembership
\set body '{"userId": "c0000000-0000-4000-8000-000000000001", "programId": "b0000000-0000-4000-8000-000000000001"}'
\ir core.psql
\set body '{"email": "Max@example.com", "programId": "b0000000-0000-4000-8000-000000000001", "role": "trainer"}'
\ir core.psql

\echo
\echo 'core.ListActivePrograms()'
SELECT '    ' || p AS " " FROM json_array_elements(trainledger_api."ListActivePrograms"()) AS p \g (format=unaligned tuples_only=on)

\echo
\echo 'A purchase reported twice, by user and by address, makes one ticket:'
\set call CreateProgramTicket
\set body '{"userId": "c0000000-0000-4000-8000-000000000001", "programKindId": "a0000000-0000-4000-8000-000000000001", "externalId": "e0000000-0000-4000-8000-000000000001", "sku": "LEAD-2023", "baseSku": "LEAD"}'
\ir core.psql
\set body '{"email": "KIM@example.com", "programKindId": "a0000000-0000-4000-8000-000000000001", "externalId": "e0000000-0000-4000-8000-000000000001", "sku": "LEAD-2023", "baseSku": "LEAD"}'
\ir core.psql

\set call UserTickets
\set body '{"userId": "c0000000-0000-4000-8000-000000000001", "state": "ready"}'
\ir core.psql

\set call ProgramChildList
\set body a0000000-0000-4000-8000-000000000001
\ir core.psql

\set call ProgramsAfter
\set body '{"kind": "a0000000-0000-4000-8000-000000000002", "after": "2023-06-01"}'
\ir core.psql

\echo
\echo 'A cohort is created once; confirming it again returns its id:'
\set call ConfirmCohort
\set body '{"programId": "b0000000-0000-4000-8000-000000000001", "cohortName": "Sales"}'
\ir core.psql
SELECT :'answer'::json #>> '{}' AS sales \gset
\ir core.psql

\echo
\echo 'Kim is in the program, Lee is not: a closed sync moves Kim, an open one adds Lee:'
\set call SyncCohort
SELECT json_build_object('programId', 'b0000000-0000-4000-8000-000000000001', 'cohortId', :'sales',
	'query', '$.attributes.department == "Sales" && $.attributes.grade > 3', 'role', 'member', 'mode', 'closed') AS body \gset
\ir core.psql
SELECT replace(:'body', 'closed', 'open') AS body \gset
\ir core.psql

\set call ListCohorts
\set body b0000000-0000-4000-8000-000000000001
\ir core.psql

\set call UpdateUserCohortState
\set body '{"userId": "c0000000-0000-4000-8000-000000000001", "programId": "b0000000-0000-4000-8000-000000000001", "state": "completed", "comments": "With distinction", "stateDetail": "Exam passed"}'
\ir core.psql

\echo
\echo 'The ticket, for every kind of leadership, admits Kim to the other program:'
\set ECHO queries
SELECT t.state, p.name AS program
FROM trainledger.find_party('email', 'kim@example.com') k,
	 trainledger.consume_ticket(k.id, 'b0000000-0000-4000-8000-000000000002') t
JOIN trainledger.program p ON p.id = t.consumed_program_id;

SELECT p.name, e.old_state, e.state, o.name AS old_cohort, c.name AS cohort,
	   e.role, e.comments
FROM trainledger.membership_event e
JOIN trainledger.party p ON p.id = e.party_id
LEFT JOIN trainledger.cohort o ON o.id = e.old_cohort_id
LEFT JOIN trainledger.cohort c ON c.id = e.cohort_id
WHERE e.program_id = 'b0000000-0000-4000-8000-000000000001'
ORDER BY p.name, e.id;
\set ECHO none

\echo 'Refusals: a path to a value instead of a condition, and no ticket left:'
\set ON_ERROR_STOP off
\set ECHO queries
SELECT trainledger.sync_cohort('b0000000-0000-4000-8000-000000000001', :'sales', '$.attributes.department');
SELECT trainledger.consume_ticket((SELECT id FROM trainledger.party WHERE email = 'kim@example.com'), 'b0000000-0000-4000-8000-000000000001');
\set ECHO none
\set ON_ERROR_STOP on
RESET trainledger.clock;
