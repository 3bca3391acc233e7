-- Cohort sync by SQL/JSON path, and its preview (contract, section 11)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
CREATE FUNCTION regress.id(n text) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8001-' || lpad(n, 12, '0'))::uuid $$;
CREATE FUNCTION regress.cohort(name text) RETURNS uuid
LANGUAGE sql STABLE
AS $$ SELECT c.id FROM trainledger.cohort c WHERE c.program_id = regress.id('21') AND c.name = $1 $$;
-- everybody in the program, person by person
CREATE FUNCTION regress.members() RETURNS TABLE (cohort text, members text)
LANGUAGE sql STABLE
AS $$
	SELECT coalesce(c.name, '-'), string_agg(p.name || CASE m.role WHEN 'member' THEN '' ELSE '/' || m.role END
		|| CASE m.state WHEN 'active' THEN '' ELSE '/' || m.state END, ' ' ORDER BY p.id)
	FROM trainledger.membership m JOIN trainledger.party p ON p.id = m.party_id LEFT JOIN trainledger.cohort c ON c.id = m.cohort_id
	WHERE m.program_id = regress.id('21') GROUP BY 1 ORDER BY 1
$$;
-- what a preview says about the people of this test, person by person
CREATE FUNCTION regress.preview(cohort text, query text, role text DEFAULT 'member', mode text DEFAULT 'closed') RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT string_agg(concat_ws('/', p.name, s.change, f.name), ' ' ORDER BY n)
	FROM trainledger.sync_cohort_preview(regress.id('21'), regress.cohort($1), $2, $3::trainledger.membership_role, $4::trainledger.sync_mode)
		WITH ORDINALITY s (party_id, change, from_cohort_id, to_cohort_id, n)
	JOIN trainledger.party p ON p.id = s.party_id LEFT JOIN trainledger.cohort f ON f.id = s.from_cohort_id
	WHERE s.to_cohort_id = regress.cohort($1) AND p.id BETWEEN 895001 AND 895999
$$;

SET ROLE regress_admin;
SELECT count(*) FROM (VALUES
	(1, 'ann', '{"department": "Sales", "grade": 4, "since": "2020-02-29"}', '{vip}'), (2, 'bob', '{"department": "Sales", "grade": 3}', '{}'),
	(3, 'cid', '{"department": "Ops", "grade": 5}', '{vip,late}'), (4, 'dan', '{"department": "Sales", "grade": 9}', '{}'),
	(5, 'eve', '{"department": "Sales", "grade": "9"}', '{}'), (6, 'fay', '{}', '{}'), (7, 'gus', '{"department": "Sales", "grade": 7}', '{}'),
	(8, 'hal', '{"department": "Sales", "grade": null, "tags": [1, {"x": [2, 3]}]}', '{}')) v(n, name, attributes, flags),
	add_party('person', v.name, email => v.name || '@sync.example', external_id => 'sync-' || v.name, flags => v.flags::text[],
		attributes => v.attributes::jsonb, id => 895000 + n, uuid => regress.id('a' || n));
SELECT id FROM add_party('organisation', 'Sales', attributes => '{"department": "Sales", "grade": 9}', id => 895009);
SELECT organisation_id FROM update_party(895003, organisation_id => 895009);
SELECT is_suspended FROM update_party(895004, is_suspended => true);
SELECT name FROM add_program_kind('Sync', id => regress.id('1'));
SELECT name FROM (VALUES ('21'), ('22')) v(n), add_program(regress.id('1'), 'Sync ' || n, '2023-05-01', 90, id => regress.id(n));
SET ROLE regress_operator;
SELECT name FROM (VALUES ('21', 'red'), ('21', 'blue'), ('22', 'other')) v(p, n), confirm_cohort(regress.id(p), n);

-- how texts are written is the caller's matter, before 19
DO $$ BEGIN
	IF current_setting('server_version_num')::integer < 190000 THEN
		SET standard_conforming_strings = off;
		SET escape_string_warning = off;
	END IF;
END $$;
SELECT regress.preview('red', '$.attributes.department == "Sales"', mode => 'open') AS people;
DO $$ BEGIN
	IF current_setting('server_version_num')::integer < 190000 THEN
		RESET standard_conforming_strings;
		RESET escape_string_warning;
	END IF;
END $$;

-- a predicate with every key of the document
SELECT query, regress.preview('red', query, mode => 'open') AS people
FROM unnest(ARRAY[
	'$.attributes.department == "Sales" && $.attributes.grade > 3',
	'$.id == 895001', '$.id >= 895006 && $.id <= 895009', '$.uuid == "00000000-0000-4000-8001-0000000000a2"', '$.email == "cid@sync.example"',
	'$.email like_regex "^(eve|fay)@SYNC" flag "i"', '$.name starts with "g"', '$.externalId == "sync-hal"', '$.flags[*] == "vip"',
	'$.flags.size() > 1', '$.organisationId == 895009', '$.id > 895000 && $.organisationId == null && $.attributes.department == "Sales"',
	'$.attributes.tags.**.x == 3', 'exists($.attributes.since)', '!exists($.attributes.department) && $.id > 895000 && $.id < 896000',
	'($.attributes.grade > 5) is unknown && $.id > 895000 && $.id < 896000', 'strict $.attributes.grade == 7', '$.attributes.keyvalue().value == 5',
	'$.attributes.since.datetime() < "2020-03-01".datetime()', '$.attributes.since.datetime() < "2020-02-29T00:00:01+00:00".datetime()',
	'$.attributes.grade == 1/0', '$.kind == "organisation"', '$.attributes.grade.double() == 9', '1 == 1 && $.name == "ann"',
	'$.nothing.at.all == 1', '$.name == "ann" || $.nothing > 1', '($.name == "ann") || $.attributes.since.datetime() > 1', '$.name == "$\"x"']) query;
-- the same by hand
SELECT string_agg(p.name, ' ' ORDER BY p.id) AS people FROM party p
WHERE p.kind = 'person' AND NOT p.is_suspended AND p.attributes ->> 'department' = 'Sales'
AND CASE WHEN jsonb_typeof(p.attributes -> 'grade') = 'number' THEN (p.attributes ->> 'grade')::numeric > 3 END;
-- dates are those of UTC, whatever the session's time zone is
SET timezone = 'Pacific/Kiritimati';
SELECT regress.preview('red', '$.attributes.since.datetime() < "2020-02-29T00:00:01+00:00".datetime()', mode => 'open');
SET timezone = 'Pacific/Midway';
SELECT regress.preview('red', '$.attributes.since.datetime() < "2020-02-29T00:00:01+00:00".datetime()', mode => 'open');
RESET timezone;

-- closed moves those who are in the program, and their role with them
SELECT sync_cohort(regress.id('21'), regress.cohort('red'), '$.id > 895000 && $.id < 896000') AS nobody;
SELECT count(*) FROM (VALUES (895001, 'red', NULL, NULL), (895002, 'blue', 'trainer', NULL), (895003, NULL, 'observer', NULL), (895007, 'red', 'trainer', NULL),
	(895008, 'blue', NULL, 'withdrawn')) v(p, c, r, s), modify_program_membership(regress.id('21'), p, regress.cohort(c), r::membership_role, s::membership_state);
SELECT * FROM regress.members();
SELECT regress.preview('red', '$.id < 896000', 'member', 'closed') AS closed, regress.preview('red', '$.id < 896000', 'observer', 'closed') AS observers,
	regress.preview('red', '$.id > 895000 && $.id < 896000', 'trainer', 'open') AS open;
SELECT sync_cohort(regress.id('21'), regress.cohort('red'), '$.attributes.department == "Sales"', 'trainer') AS changed;
SELECT * FROM regress.members();
SELECT sync_cohort(regress.id('21'), regress.cohort('red'), '$.attributes.department == "Sales"', 'trainer') AS again;
-- open takes the others in; suspended people, other states and organisations are left alone
SELECT sync_cohort(regress.id('21'), regress.cohort('blue'), '$.id > 895000 && $.id < 896000', mode => 'open') AS changed;
SELECT * FROM regress.members();
SELECT sync_cohort(regress.id('21'), regress.cohort('blue'), '$.id > 895000 && $.id < 896000', mode => 'open') AS again;
-- the defaults, and nulls for them
SELECT sync_cohort(regress.id('21'), regress.cohort('red'), '$.name == "ann"', NULL, NULL) AS changed;
-- a member who is suspended meanwhile stays where it is
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(895005, is_suspended => true);
SET ROLE regress_operator;
SELECT sync_cohort(regress.id('21'), regress.cohort('red'), '$.name like_regex "^(eve|fay)$"', 'observer') AS changed;
SELECT * FROM regress.members();
-- every change has left its event, and nothing else has
SELECT p.name, e.old_role, e.role, e.old_state, e.state, (SELECT name FROM cohort WHERE id = e.old_cohort_id) AS old_cohort,
	(SELECT name FROM cohort WHERE id = e.cohort_id) AS cohort, e.changed_by, home(e.id) = home(e.party_id) AS at_home
FROM membership_event e JOIN party p ON p.id = e.party_id WHERE e.program_id = regress.id('21') ORDER BY p.id, e.id;
SELECT m.party_id FROM membership m
LEFT JOIN LATERAL (SELECT e.* FROM membership_event e WHERE (e.program_id, e.party_id) = (m.program_id, m.party_id) ORDER BY e.id DESC LIMIT 1) e ON true
WHERE m.program_id = regress.id('21') AND (m.cohort_id, m.role, m.state, m.updated_at) IS DISTINCT FROM (e.cohort_id, e.role, e.state, e.created_at);

-- what is refused, and changes nothing
SELECT md5(string_agg(digest, '' ORDER BY relation)) AS before FROM regress.books() \gset
SELECT label, r.code, r.message, CASE WHEN r.detail ~ '^The server says' THEN 'The server says ...' ELSE regexp_replace(r.detail, '[0-9a-f-]{36}', 'N', 'g') END AS detail, r.hint
FROM (VALUES
	('program null', $$NULL, regress.cohort('red'), '$.id == 1'$$),
	('cohort null', $$regress.id('21'), NULL, '$.id == 1'$$),
	('program unknown', $$regress.id('99'), regress.cohort('red'), '$.id == 1'$$),
	('cohort unknown', $$regress.id('21'), regress.id('99'), '$.id == 1'$$),
	('cohort of another', $$regress.id('22'), regress.cohort('red'), '$.id == 1'$$),
	('query null', $$regress.id('21'), regress.cohort('red'), NULL$$),
	('query blank', $$regress.id('21'), regress.cohort('red'), ' '$$),
	('no path', $$regress.id('99'), regress.cohort('red'), 'department = Sales'$$),
	('half a path', $$regress.id('99'), regress.cohort('red'), '$.id =='$$),
	('path of 1 MB', $$regress.id('99'), regress.cohort('red'), '$.name == "' || repeat('x', 1048576) || '"'$$),
	('longest path', $$regress.id('99'), regress.cohort('red'), '$.name == "' || repeat('x', 65524) || '"'$$),
	('a byte more', $$regress.id('99'), regress.cohort('red'), '$.name == "' || repeat('x', 65525) || '"'$$),
	('brackets', $$regress.id('99'), regress.cohort('red'), repeat('(', 30000) || '$.id == 1' || repeat(')', 30000)$$),
	('signs', $$regress.id('99'), regress.cohort('red'), '$.id == ' || repeat('-', 60000) || '1'$$),
	('pattern is none', $$regress.id('99'), regress.cohort('red'), '$.name like_regex "(a"'$$),
	('pattern too complex', $$regress.id('99'), regress.cohort('red'), '$.name like_regex "((((a{1,200}){1,200}){1,200}){1,200})"'$$),
	('flag x', $$regress.id('99'), regress.cohort('red'), '$.name like_regex "a" flag "x"'$$),
	('number too large', $$regress.id('99'), regress.cohort('red'), '$.id == 1e200000'$$),
	('a second statement', $$regress.id('99'), regress.cohort('red'), '$.id == 1'') IS NULL; DROP TABLE trainledger.ticket; --'$$),
	('path to a value', $$regress.id('99'), regress.cohort('red'), '$.name'$$),
	('everything', $$regress.id('99'), regress.cohort('red'), '$'$$),
	('filter', $$regress.id('99'), regress.cohort('red'), '$ ? (@.name == "ann")'$$),
	('number', $$regress.id('99'), regress.cohort('red'), '1'$$),
	('true', $$regress.id('99'), regress.cohort('red'), 'true'$$),
	('sum', $$regress.id('99'), regress.cohort('red'), '$.id + 1'$$),
	('sign', $$regress.id('99'), regress.cohort('red'), '-$.id'$$),
	('type of a predicate', $$regress.id('99'), regress.cohort('red'), '($.id == 1).type()'$$),
	('variable', $$regress.id('99'), regress.cohort('red'), '$.name == "ann" || $.id == $x'$$),
	('variable in a filter', $$regress.id('99'), regress.cohort('red'), 'exists($.flags[*] ? (@ == $"vip"))'$$),
	('role unknown', $$regress.id('21'), regress.cohort('red'), '$.id == 1', 'boss'$$),
	('mode unknown', $$regress.id('21'), regress.cohort('red'), '$.id == 1', mode => 'ajar'$$)
) v(label, arguments), regress.refusal('SELECT sync_cohort(' || arguments || ')') r;
-- the preview refuses the same
SELECT label, regress.attempt('SELECT sync_cohort_preview(' || arguments || ')')
FROM (VALUES
	('program unknown', $$regress.id('99'), regress.cohort('red'), '$.id == 1'$$),
	('cohort of another', $$regress.id('22'), regress.cohort('red'), '$.id == 1'$$),
	('path to a value', $$regress.id('99'), regress.cohort('red'), '$.name'$$)) v(label, arguments);
-- too deep for the stack: to be read, and to be evaluated
RESET ROLE;
SET max_stack_depth = '100kB';
SELECT code, message, hint
FROM unnest(ARRAY['$.id == 1' || repeat(' || $.id == 1', 4000), 'exists($' || repeat('.**', 400) || ')']) query,
	regress.refusal(format('SELECT sync_cohort(regress.id(''21''), regress.cohort(''red''), %L, mode => ''open'')', query));
RESET max_stack_depth;
SET ROLE regress_operator;
SELECT md5(string_agg(digest, '' ORDER BY relation)) = :'before' AS unchanged FROM regress.books();
-- a preview writes nothing and can be had where nothing may be written
BEGIN READ ONLY;
SELECT regress.preview('blue', '$.name == "ann"');
SELECT regress.sqlstate($$SELECT sync_cohort(regress.id('21'), regress.cohort('blue'), '$.name == "ann"')$$);
ROLLBACK;
RESET ROLE;
DROP FUNCTION regress.preview, regress.members, regress.cohort, regress.id;
