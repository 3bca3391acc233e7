-- Programs, cohorts, memberships and tickets (contract, section 11)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
-- who may not set the clock lets it be set; an instant without a zone is UTC
CREATE FUNCTION regress.programs_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
CREATE FUNCTION regress.utc(at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') $$;
-- ids that say what they are: kinds 1, programs 2, people a
CREATE FUNCTION regress.id(n text) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(n, 12, '0'))::uuid $$;
-- the end of such an id
CREATE FUNCTION regress.n(id uuid) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT nullif(ltrim(right(id::text, 12), '0'), '') $$;
CREATE FUNCTION regress.cohort(name text) RETURNS uuid
LANGUAGE sql STABLE
AS $$ SELECT c.id FROM trainledger.cohort c WHERE c.program_id::text ~ '-8000-' AND c.name = $1 $$;
-- a membership in a line
CREATE FUNCTION regress.show(m trainledger.membership) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT concat_ws(' ', m.party_id, 'in', regress.n(m.program_id), coalesce((SELECT c.name FROM trainledger.cohort c WHERE c.id = m.cohort_id), '-'), m.role, m.state, m.comments, m.state_detail) $$;

SET ROLE regress_admin;
SELECT regress.programs_at('2023-04-28 09:00:00');
SELECT count(*) FROM unnest('{ann,bob,cid,dan,eve}'::text[]) WITH ORDINALITY b(b, n),
	add_party('person', b, barcode => 'programs-' || b, email => initcap(b) || '@Programs.example', id => 890000 + n);
SELECT id FROM add_party('organisation', 'programs-org', email => 'org@programs.example', id => 890009);
SELECT is_suspended FROM update_party(890004, is_suspended => true);

-- kinds
SELECT regress.n(id) AS id, regress.n(parent_id) AS parent, name, handle FROM add_program_kind('Leadership', 'lead', id => regress.id('10'));
SELECT regress.n(id) AS id, regress.n(parent_id) AS parent, name, handle FROM (VALUES
	('11', 'First year', 'lead-1', '10'), ('111', 'First spring', 'lead-1-spring', '11'), ('112', 'First autumn', NULL, '11'),
	('12', 'Second year', NULL, '10'), ('20', 'Safety', 'safety', NULL)) v(i, n, h, p),
	add_program_kind(n, h, regress.id(p), regress.id(i));
SELECT id IS NOT NULL AS made, parent_id, handle FROM add_program_kind('No handle');
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('name null', $$add_program_kind(NULL)$$),
	('name blank', $$add_program_kind(' ')$$),
	('name 251', $$add_program_kind(repeat('x', 251))$$),
	('handle empty', $$add_program_kind('n', '')$$),
	('handle 251', $$add_program_kind('n', repeat('x', 251))$$),
	('parent unknown', $$add_program_kind('n', parent_id => regress.id('99'))$$),
	('its own parent', $$add_program_kind('n', parent_id => regress.id('98'), id => regress.id('98'))$$),
	('id taken', $$add_program_kind('n', id => regress.id('10'))$$)
) v(label, call), regress.refusal('SELECT ' || call) r;

-- programs
SELECT regress.n(id) AS id, regress.n(kind_id) AS kind, name, start_date, duration, mode, priority, is_active,
	regress.utc(created_at) AS created_at, regress.utc(updated_at) AS updated_at
FROM add_program(regress.id('111'), 'Spring 2023', '2023-05-01', 90, id => regress.id('21'));
SELECT regress.n(id) AS id, mode, priority, is_active FROM (VALUES
	('22', '112', 'Autumn 2023', '2023-09-01', 60, 'fixed', 0), ('23', '112', 'Autumn open', '2023-09-01', 365, 'open', 5),
	('24', '20', 'Safety', '2023-06-01', 1, 'fixed', -1), ('25', '11', 'First year', '2024-02-29', 36525, 'fixed', NULL)) v(i, k, n, s, d, m, p),
	add_program(regress.id(k), n, s::date, d, m::program_mode, p, regress.id(i));
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('kind null', $$add_program(NULL, 'n', '2023-01-01', 1)$$),
	('kind unknown', $$add_program(regress.id('99'), 'n', '2023-01-01', 1)$$),
	('name null', $$add_program(regress.id('20'), NULL, '2023-01-01', 1)$$),
	('name empty', $$add_program(regress.id('20'), '', '2023-01-01', 1)$$),
	('start null', $$add_program(regress.id('20'), 'n', NULL, 1)$$),
	('start infinite', $$add_program(regress.id('20'), 'n', 'infinity', 1)$$),
	('start 10000', $$add_program(regress.id('20'), 'n', '10000-01-01', 1)$$),
	('start BC', $$add_program(regress.id('20'), 'n', '0001-12-31 BC', 1)$$),
	('duration null', $$add_program(regress.id('20'), 'n', '2023-01-01', NULL)$$),
	('duration 0', $$add_program(regress.id('99'), 'n', '2023-01-01', 0)$$),
	('duration 36526', $$add_program(regress.id('20'), 'n', '2023-01-01', 36526)$$),
	('mode unknown', $$add_program(regress.id('20'), 'n', '2023-01-01', 1, 'other')$$),
	('id taken', $$add_program(regress.id('20'), 'n', '2023-01-01', 1, id => regress.id('21'))$$),
	('update null', $$update_program(NULL, 'n')$$),
	('update unknown', $$update_program(regress.id('99'), 'n')$$),
	('update name empty', $$update_program(regress.id('21'), '')$$),
	('update duration 0', $$update_program(regress.id('99'), duration => 0)$$),
	('update clear', $$update_program(regress.id('21'), clear => '{name}')$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT regress.programs_at('2023-04-29 10:00:00');
SELECT name, start_date, duration, mode, priority, is_active, regress.utc(created_at) AS created_at, regress.utc(updated_at) AS updated_at
FROM update_program(regress.id('24'), 'Safety at work', '2023-06-02', 2, 'open', 7, false);
SELECT name, start_date, duration, mode, priority, is_active FROM update_program(regress.id('24'), is_active => true, priority => -1);
-- the clock may be set back: a program was not changed before it was
SELECT regress.programs_at('2023-04-28 09:30:00');
SELECT regress.utc(updated_at) AS updated_at FROM update_program(regress.id('24'), mode => 'fixed');
SELECT is_active FROM update_program(regress.id('25'), is_active => false);

-- reading, as a learner
SET ROLE regress_learner;
SET trainledger.party_id = '890001';
SELECT regress.n((lookup_program(regress.id('11'))).id) AS id, lookup_program(regress.id('99')) IS NULL AS nothing, lookup_program(NULL) IS NULL AS null;
SELECT regress.n(id) AS id, name, start_date, duration, mode, regress.n(kind_id) AS kind, base_name, base_handle, regress.n(parent_id) AS parent, priority, is_active
FROM lookup_program_instance(regress.id('21'));
SELECT lookup_program_instance(regress.id('99')) IS NULL AS nothing;
SELECT string_agg(regress.n(id), ' ') AS active FROM list_active_programs() WHERE id::text ~ '-8000-';
SELECT after, kind, (SELECT string_agg(regress.n(id), ' ') FROM programs_after(after::date, regress.id(kind)) WHERE id::text ~ '-8000-') AS programs
FROM (VALUES ('2023-06-02', NULL), ('2023-06-03', NULL), ('2023-01-01', '112'), ('2023-01-01', '11'), ('2023-01-01', '99'), (NULL, NULL), ('-infinity', NULL)) v(after, kind);
SELECT kind, (SELECT string_agg(regress.n(id), ' ') FROM program_child_list(regress.id(kind))) AS children FROM unnest('{10,11,111,99,NULL}'::text[]) kind;
SELECT count(*) AS none FROM list_cohorts(regress.id('99'));

-- cohorts: made once, by their exact names
SET ROLE regress_operator;
SELECT name, regress.n(program_id) AS program, id = (SELECT id FROM confirm_cohort(regress.id('21'), 'Red')) AS same, regress.utc(created_at) AS created_at
FROM confirm_cohort(regress.id('21'), 'Red');
SELECT count(DISTINCT id) AS others FROM (SELECT (confirm_cohort(regress.id(p), n)).id FROM (VALUES ('21', 'Amber'), ('21', 'Reds'), ('22', 'Red'), ('21', 'Blue')) v(p, n)) x;
SELECT regress.n(c.program_id) AS program, quote_literal(c.name) AS name FROM unnest('{21,22,23}'::text[]) p, list_cohorts(regress.id(p)) c ORDER BY 1, c.name COLLATE "C";
SELECT name FROM confirm_cohort(regress.id('22'), 'Green');
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('program null', $$confirm_cohort(NULL, 'Red')$$),
	('program unknown', $$confirm_cohort(regress.id('99'), 'Red')$$),
	('name null', $$confirm_cohort(regress.id('21'), NULL)$$),
	('name blank', $$confirm_cohort(regress.id('99'), ' ')$$),
	('name 251', $$confirm_cohort(regress.id('99'), repeat('x', 251))$$)
) v(label, call), regress.refusal('SELECT ' || call) r;

-- memberships: active members unless said; what is left out stays
SELECT regress.cohort('Blue') AS blue, regress.cohort('Green') AS green \gset
SELECT regress.show(m), regress.utc(created_at) AS created_at FROM modify_program_membership(regress.id('21'), 890001) m;
SELECT regress.show(m) FROM modify_program_membership(regress.id('21'), 890001, :'blue') m;
SELECT regress.show(m) FROM modify_program_membership(regress.id('21'), 890001, role => 'trainer') m;
SELECT regress.programs_at('2023-05-02 09:00:00');
SELECT regress.show(m), regress.utc(created_at) AS created_at, regress.utc(updated_at) AS updated_at
FROM modify_program_membership(regress.id('21'), 890001, state => 'completed') m;
SELECT regress.show(m) FROM modify_program_membership(regress.id('22'), 890001, :'green', 'observer', 'graduated') m;
SELECT regress.show(m) FROM modify_program_membership(regress.id('21'), 890002, :'blue') m;
-- nothing to change leaves no event
SELECT count(*) AS events FROM membership_event WHERE party_id = 890001;
SELECT regress.programs_at('2023-05-03 09:00:00');
SELECT regress.show(m), regress.utc(updated_at) AS updated_at FROM modify_program_membership(regress.id('21'), 890001, :'blue', 'trainer', 'completed') m;
SELECT regress.show(m) FROM update_user_cohort_state(890001, regress.id('21'), 'completed') m;
SELECT count(*) AS events FROM membership_event WHERE party_id = 890001;
-- states: five here, seven there
SELECT state, regress.attempt(format('SELECT modify_program_membership(regress.id(''21''), 890002, state => %L)', state)) AS modify,
	regress.attempt(format('SELECT update_user_cohort_state(890002, regress.id(''21''), %L)', state)) AS update
FROM unnest('{active,completed,graduated,incomplete,withdrawn,dropped,refunded,Active,"",other}'::text[]) state;
SELECT regress.show(m) FROM update_user_cohort_state(890002, regress.id('21'), 'dropped', comments => 'Ill', state_detail => 'Until June') m;
SELECT regress.show(m) FROM update_user_cohort_state(890002, regress.id('21'), 'active', regress.cohort('Amber')) m;
SELECT regress.show(m) FROM update_user_cohort_state(890002, regress.id('21'), 'active', comments => '') m;
SELECT label, r.code, r.message, regexp_replace(r.detail, '[0-9a-f-]{36}', 'N', 'g') AS detail, r.hint
FROM (VALUES
	('program null', $$modify_program_membership(NULL, 890001)$$),
	('party null', $$modify_program_membership(regress.id('21'), NULL)$$),
	('program unknown', $$modify_program_membership(regress.id('99'), 890001)$$),
	('party unknown', $$modify_program_membership(regress.id('21'), 890099)$$),
	('organisation', $$modify_program_membership(regress.id('21'), 890009)$$),
	('cohort unknown', $$modify_program_membership(regress.id('21'), 890001, regress.id('99'))$$),
	('cohort of another', format('modify_program_membership(regress.id(''21''), 890001, %L)', :'green')),
	('state refunded, party unknown', $$modify_program_membership(regress.id('21'), 890099, state => 'refunded')$$),
	('suspended', $$modify_program_membership(regress.id('21'), 890004)$$),
	('suspended, completed', $$modify_program_membership(regress.id('21'), 890004, state => 'completed')$$),
	('update null', $$update_user_cohort_state(NULL, regress.id('21'), 'active')$$),
	('update program null', $$update_user_cohort_state(890001, NULL, 'active')$$),
	('update state null', $$update_user_cohort_state(890001, regress.id('21'), NULL)$$),
	('update no member', $$update_user_cohort_state(890003, regress.id('21'), 'active')$$),
	('update unknown', $$update_user_cohort_state(890099, regress.id('21'), 'active')$$),
	('update program unknown', $$update_user_cohort_state(890001, regress.id('99'), 'active')$$),
	('update cohort of another', format('update_user_cohort_state(890001, regress.id(''21''), ''active'', %L)', :'green')),
	('update comments 8193', $$update_user_cohort_state(890099, regress.id('21'), 'active', comments => repeat('x', 8193))$$),
	('update detail 8193', $$update_user_cohort_state(890099, regress.id('21'), 'active', state_detail => repeat('x', 8193))$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
-- a suspended person may go and be moved, but not come back
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(890002, is_suspended => true);
SET ROLE regress_operator;
SELECT regress.show(m) FROM modify_program_membership(regress.id('21'), 890002, :'blue', 'observer') m;
SELECT regress.show(m) FROM modify_program_membership(regress.id('21'), 890002, state => 'withdrawn') m;
SELECT regress.attempt($$SELECT modify_program_membership(regress.id('21'), 890002, state => 'active')$$);
SELECT regress.attempt($$SELECT update_user_cohort_state(890002, regress.id('21'), 'active')$$);
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(890002, is_suspended => false);
SET ROLE regress_operator;
SET request.jwt.claims = '{"sub": "desk 4"}';
SELECT regress.show(m) FROM modify_program_membership(regress.id('21'), 890002, state => 'active') m;
RESET request.jwt.claims;
SELECT e.old_role, e.role, e.old_state, e.state, (SELECT name FROM cohort WHERE id = e.old_cohort_id) AS old_cohort,
	(SELECT name FROM cohort WHERE id = e.cohort_id) AS cohort, e.comments, e.state_detail, e.changed_by, regress.utc(e.created_at) AS created_at, home(e.id) = home(e.party_id) AS at_home
FROM membership_event e WHERE e.party_id = 890002 AND e.state_detail IS NOT NULL ORDER BY e.id;

-- tickets: out to a person, or to an address
SELECT regress.programs_at('2023-05-10 09:00:00');
SELECT create_program_ticket(regress.id('10'), 890001, external_id => regress.id('e1'), sku => 'LEAD', base_sku => 'LE');
SELECT regress.programs_at('2023-05-10 10:00:00');
SELECT create_program_ticket(regress.id('11'), email => 'ANN@programs.example');
SELECT regress.programs_at('2023-05-10 11:00:00');
SELECT create_program_ticket(regress.id('20'), 890001, 'ann@programs.EXAMPLE');
SELECT create_program_ticket(regress.id('10'), email => 'Nobody@Yet.example', external_id => regress.id('e1'), sku => 'LEAD');
SELECT t.party_id, t.email, regress.n(t.program_kind_id) AS kind, t.state, regress.n(t.external_id) AS external, t.sku, t.base_sku, t.made_out_to,
	t.consumed_program_id, regress.utc(t.created_at) AS created_at, t.consumed_at, t.canceled_at
FROM ticket t WHERE t.program_kind_id::text ~ '-8000-' ORDER BY t.created_at, t.party_id;
-- the same purchase of the same holder makes none; without its id every one does
SELECT label, create_program_ticket(regress.id(k), p, e, regress.id(x), s) AS made
FROM (VALUES
	('again', '10', 890001, NULL, 'e1', 'LEAD'),
	('for another kind', '20', 890001, NULL, 'e1', 'LEAD'),
	('by address', '10', NULL, 'ann@programs.example', 'e1', 'LEAD'),
	('by both', '10', 890001, 'ann@programs.example', 'e1', 'LEAD'),
	('another sku', '20', 890001, NULL, 'e1', 'SAFE'),
	('no sku', '20', 890001, NULL, 'e1', NULL),
	('no sku again', '20', 890001, NULL, 'e1', NULL),
	('another holder', '20', 890002, NULL, 'e1', NULL),
	('nobody''s again', '10', NULL, 'NOBODY@yet.example', 'e1', 'LEAD'),
	('no purchase', '12', 890002, NULL, NULL, 'LEAD'),
	('no purchase again', '12', 890002, NULL, NULL, 'LEAD')) v(label, k, p, e, x, s);
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES
	('kind null', $$create_program_ticket(NULL, 890001)$$),
	('nobody', $$create_program_ticket(regress.id('99'))$$),
	('kind unknown', $$create_program_ticket(regress.id('99'), 890001)$$),
	('a program for a kind', $$create_program_ticket(regress.id('21'), 890001)$$),
	('party unknown', $$create_program_ticket(regress.id('10'), 890099)$$),
	('organisation', $$create_program_ticket(regress.id('10'), 890009)$$),
	('address of an organisation', $$create_program_ticket(regress.id('10'), email => 'ORG@programs.example')$$),
	('address is none', $$create_program_ticket(regress.id('99'), email => 'nobody')$$),
	('address empty', $$create_program_ticket(regress.id('99'), email => '')$$),
	('address of another', $$create_program_ticket(regress.id('10'), 890001, 'bob@programs.example')$$),
	('address of nobody', $$create_program_ticket(regress.id('10'), 890001, 'nobody@yet.example')$$),
	('sku 251', $$create_program_ticket(regress.id('99'), 890001, sku => repeat('x', 251))$$),
	('base sku 251', $$create_program_ticket(regress.id('99'), 890001, base_sku => repeat('x', 251))$$),
	('suspended', $$create_program_ticket(regress.id('10'), 890004)$$),
	('suspended, by address', $$create_program_ticket(regress.id('10'), email => 'dan@programs.example')$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT regress.n(program_kind_id) AS kind, state, sku FROM user_tickets(890001) ORDER BY 1, 2, 3;
SELECT count(*) FROM user_tickets(890003);
SELECT label, r.code, r.message, r.detail, r.hint
FROM (VALUES ('null', $$user_tickets(NULL)$$), ('unknown', $$user_tickets(890099)$$)) v(label, call), regress.refusal('SELECT ' || call) r;

-- of one instant, they are in the order in which they were made
BEGIN;
SELECT sum(create_program_ticket(regress.id('10'), 890003, sku => n::text)) FROM generate_series(10, 29) n;
SELECT array_agg(sku ORDER BY n) = array_agg(sku ORDER BY sku) AS in_order, count(DISTINCT created_at) AS instants
FROM user_tickets(890003) WITH ORDINALITY t(id, party_id, email, program_kind_id, state, external_id, sku, base_sku, made_out_to,
	consumed_program_id, created_at, consumed_at, canceled_at, holder_id, n);
ROLLBACK;

-- consuming: the oldest of the kind or of one above it, never of one below or beside it
SELECT regress.programs_at('2023-05-11 09:00:00');
SELECT regress.n(program_kind_id) AS kind, party_id, state, regress.n(consumed_program_id) AS program, regress.utc(consumed_at) AS consumed_at FROM consume_ticket(890001, regress.id('23'));
SELECT regress.show(m) FROM membership m WHERE m.party_id = 890001 AND m.program_id = regress.id('23');
-- back into a program that was completed
SELECT regress.n(program_kind_id) AS kind, regress.n(consumed_program_id) AS program FROM consume_ticket(890001, regress.id('21'));
SELECT regress.show(m) FROM membership m WHERE m.party_id = 890001 AND m.program_id = regress.id('21');
SELECT regress.n(program_kind_id) AS kind, state FROM user_tickets(890001, 'ready');
SELECT regress.n(program_kind_id) AS kind, state FROM user_tickets(890001, 'consumed');
SELECT label, r.code, r.message, regexp_replace(r.detail, '[0-9a-f]{8}-[0-9a-f-]+0([0-9a-f]+)\M', '\1', 'g') AS detail, r.hint
FROM (VALUES
	('party null', $$consume_ticket(NULL, regress.id('21'))$$),
	('program null', $$consume_ticket(890001, NULL)$$),
	('program unknown', $$consume_ticket(890001, regress.id('99'))$$),
	('party unknown', $$consume_ticket(890099, regress.id('21'))$$),
	('organisation', $$consume_ticket(890009, regress.id('21'))$$),
	('none', $$consume_ticket(890001, regress.id('22'))$$),
	('a kind beside it', $$consume_ticket(890002, regress.id('25'))$$),
	('none, suspended', $$consume_ticket(890004, regress.id('24'))$$)
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT create_program_ticket(regress.id('111'), 890005);
SELECT regress.attempt($$SELECT consume_ticket(890005, regress.id('25'))$$) AS a_kind_below;
SELECT regress.n(program_kind_id) AS kind FROM consume_ticket(890005, regress.id('21'));
SELECT create_program_ticket(regress.id('111'), 890005);
SELECT code, message, detail, hint FROM regress.refusal($$SELECT consume_ticket(890005, regress.id('21'))$$);
SELECT state FROM user_tickets(890005, 'ready');
SET ROLE regress_admin;
SELECT is_suspended FROM update_party(890005, is_suspended => true);
SET ROLE regress_operator;
SELECT regress.show(m) FROM update_user_cohort_state(890005, regress.id('21'), 'dropped') m;
SELECT code, message, detail, hint FROM regress.refusal($$SELECT consume_ticket(890005, regress.id('21'))$$);
-- an address that somebody has by now: the ticket is that person's
SELECT id AS new FROM add_party('person', 'New', email => 'nobody@YET.example') \gset
SELECT create_program_ticket(regress.id('10'), :new, external_id => regress.id('e1'), sku => 'LEAD') AS same_purchase;
SELECT party_id = :new AS bound, email, state FROM user_tickets(:new);
SELECT party_id = :new AS holder, email, state FROM consume_ticket(:new, regress.id('22'));
-- it stays the person's, whoever has the address then
SELECT email FROM update_party(:new, email => 'newer@yet.example');
SELECT count(*) AS kept FROM user_tickets(:new);
SELECT id AS newest FROM add_party('person', 'Newest', email => 'nobody@yet.example') \gset
SELECT count(*) AS others FROM user_tickets(:newest);
-- canceling
SELECT create_program_ticket(regress.id('20'), 890003);
SELECT id AS ticket FROM user_tickets(890003) \gset
SELECT state, regress.utc(canceled_at) AS canceled_at, consumed_at FROM cancel_ticket(:'ticket');
SELECT regress.attempt($$SELECT consume_ticket(890003, regress.id('24'))$$);
SELECT id AS consumed FROM user_tickets(890001, 'consumed') LIMIT 1 \gset
SELECT label, r.code, r.message, replace(replace(r.detail, :'ticket', 'N'), :'consumed', 'N') AS detail, r.hint
FROM (VALUES
	('null', $$cancel_ticket(NULL)$$),
	('unknown', $$cancel_ticket(regress.id('99'))$$),
	('twice', format('cancel_ticket(%L)', :'ticket')),
	('consumed', format('cancel_ticket(%L)', :'consumed'))
) v(label, call), regress.refusal('SELECT ' || call) r;
-- a ticket goes one way, for the owner too
RESET ROLE;
SELECT f, t, r.code, r.message, r.hint FROM unnest('{ready,consumed,canceled}'::ticket_state[]) f, unnest('{ready,consumed,canceled}'::ticket_state[]) t,
	regress.refusal(format('UPDATE trainledger.ticket SET state = %L WHERE id = (SELECT id FROM trainledger.ticket WHERE state = %L LIMIT 1)', t, f)) r
WHERE f <> t AND f <> 'ready';
SELECT regress.attempt('INSERT INTO ticket SELECT gen_random_uuid(), NULL, NULL, regress.id(''10''), ''ready'', NULL, NULL, NULL, ''x'', NULL, now()');
-- kinds in a circle, which only the owner can make, do not hang anything
BEGIN;
UPDATE program_kind SET parent_id = regress.id('111') WHERE id = regress.id('10');
SELECT regress.n(program_kind_id) AS kind FROM create_program_ticket(regress.id('112'), 890003), consume_ticket(890003, regress.id('22'));
SELECT regress.attempt($$SELECT consume_ticket(890003, regress.id('21'))$$);
ROLLBACK;
SELECT regress.attempt($$UPDATE program_kind SET parent_id = id$$);
SELECT regress.attempt($$UPDATE membership SET cohort_id = regress.cohort('Green') WHERE program_id = regress.id('21')$$);

-- every membership is as its last event says, and every event begins where the one before it ended
SELECT m.party_id, m.program_id FROM membership m
LEFT JOIN LATERAL (SELECT e.* FROM membership_event e WHERE (e.program_id, e.party_id) = (m.program_id, m.party_id) ORDER BY e.id DESC LIMIT 1) e ON true
WHERE (m.cohort_id, m.role, m.state, m.comments, m.state_detail, m.updated_at) IS DISTINCT FROM (e.cohort_id, e.role, e.state, e.comments, e.state_detail, e.created_at);
SELECT e.id FROM (SELECT id, old_cohort_id, old_role, old_state, lag(cohort_id) OVER w AS cohort, lag(role) OVER w AS role, lag(state) OVER w AS state
	FROM membership_event WINDOW w AS (PARTITION BY program_id, party_id ORDER BY id)) e
WHERE (old_cohort_id, old_role, old_state) IS DISTINCT FROM (cohort, role, state);

-- who sees what
SET ROLE regress_learner;
SELECT regress.n(program_id) AS program, state FROM membership ORDER BY program_id;
SELECT count(*) AS events, count(DISTINCT party_id) AS people FROM membership_event;
SELECT count(*) AS own, count(DISTINCT party_id) AS people FROM ticket;
SELECT regress.sqlstate('SELECT user_tickets(890002)') AS anothers;
SELECT count(*) AS kinds FROM program_kind WHERE id::text ~ '-8000-';
SET ROLE regress_operator;
SELECT create_program_ticket(regress.id('20'), email => 'fay@programs.example');
SELECT id AS fay FROM add_party('person', 'Fay', email => 'Fay@Programs.example') \gset
SELECT count(*) AS all_of_them FROM ticket WHERE email = 'fay@programs.example';
SET ROLE regress_learner;
SELECT count(*) AS another_sees FROM ticket WHERE email = 'fay@programs.example';
SET trainledger.party_id = :fay;
SELECT party_id = :fay AS bound, email, state FROM ticket;
SELECT party_id = :fay AS bound, email, state FROM user_tickets(:fay);
RESET trainledger.party_id;
SELECT (SELECT count(*) FROM ticket) AS tickets, (SELECT count(*) FROM membership) AS memberships, (SELECT count(*) FROM membership_event) AS events;
SELECT r.* FROM unnest('{"modify_program_membership(regress.id(''21''), 890001)","update_user_cohort_state(890001, regress.id(''21''), ''active'')","confirm_cohort(regress.id(''21''), ''x'')","sync_cohort(regress.id(''21''), regress.id(''21''), ''$.id == 1'')","sync_cohort_preview(regress.id(''21''), regress.id(''21''), ''$.id == 1'')","create_program_ticket(regress.id(''10''), 890001)","consume_ticket(890001, regress.id(''21''))",cancel_ticket(regress.id(''1'')),add_program_kind(''x''),"add_program(regress.id(''10''), ''x'', ''2023-01-01'', 1)",update_program(regress.id(''21''))}'::text[]) call,
	regress.attempt('SELECT ' || call) r;
SET ROLE regress_operator;
SELECT r.* FROM unnest('{add_program_kind(''x''),"add_program(regress.id(''10''), ''x'', ''2023-01-01'', 1)",update_program(regress.id(''21'')),"trainledger_internal.consume_ticket(890001, regress.id(''21''))"}'::text[]) call,
	regress.attempt('SELECT ' || call) r;
-- reads work in a read-only transaction, writes do not
BEGIN READ ONLY;
SELECT count(*) > 0 AS readable FROM list_active_programs(), user_tickets(890001);
SELECT regress.sqlstate('SELECT confirm_cohort(regress.id(''21''), ''new'')');
ROLLBACK;
RESET ROLE;
SELECT regress.programs_at('');
RESET trainledger.clock;
DROP FUNCTION regress.programs_at, regress.utc, regress.show, regress.cohort, regress.n, regress.id;
