-- Tickets made out to an address, programs that are not active, and columns of a
-- membership that are emptied (contract, section 11)
\pset format unaligned
\pset null (null)
SET ROLE regress_admin;
SET search_path = trainledger, public;
BEGIN;
SELECT name FROM add_program_kind('Bound', id => '00000000-0000-4000-8000-000000985001');
SELECT name FROM add_program('00000000-0000-4000-8000-000000985001', 'Open', '2026-01-01', 1, id => '00000000-0000-4000-8000-000000985002');
SELECT name FROM add_program('00000000-0000-4000-8000-000000985001', 'Closed', '2026-01-01', 1, id => '00000000-0000-4000-8000-000000985003');
SELECT name, id FROM add_party('person', 'Ann', 'Ann@Bound.example', id => 985001);
SELECT name, id FROM add_party('organisation', 'Works', 'works@bound.example', id => 985002);

-- An address that a person has: the person's at once, however it is written.
SELECT create_program_ticket('00000000-0000-4000-8000-000000985001', email => E'\u00a0ANN@BOUND.example', sku => 'at once') AS made;
-- One that nobody has: nobody's, until a person is added, or gets it.
SELECT create_program_ticket('00000000-0000-4000-8000-000000985001', email => e, sku => s) AS made
FROM (VALUES (E'Ze\u0301@Bound.example', 'added'), ('ben@bound.example', 'changed'), ('ann2@bound.example', 'later'), ('ORG@bound.example', 'an organisation'), ('zoe@bound.example', 'another')) v(e, s);
SELECT party_id, sku FROM ticket WHERE sku IN ('at once', 'added', 'changed', 'later', 'an organisation') ORDER BY sku;
SELECT id FROM add_party('person', 'Zé', 'ZÉ@bound.example', id => 985003);
SELECT id FROM add_party('person', 'Ben', id => 985004);
SELECT id FROM add_party('organisation', 'Org', 'org@bound.example', id => 985005);
SELECT id FROM update_party(985004, email => E'BEN@bound.example\u3000');
SELECT id FROM update_party(985001, email => 'ann2@bound.example');
SELECT party_id, sku, email, made_out_to FROM ticket WHERE sku IN ('at once', 'added', 'changed', 'later', 'an organisation') ORDER BY sku;
-- They stay theirs, whoever gets the address, and whatever is sent again.
SELECT id FROM add_party('person', 'Other Ann', 'ann@bound.example', id => 985006);
SELECT id, email FROM update_party(985004, clear => '{email}');
SELECT id FROM update_party(985006, email => 'ben@bound.example');
SELECT p AS party, (SELECT string_agg(sku, ', ' ORDER BY sku) FROM user_tickets(p)) AS tickets FROM generate_series(985001, 985006) p;
-- A ticket that was left unbound goes to the person before the address changes.
RESET ROLE;
UPDATE ticket SET party_id = NULL WHERE sku = 'added';
SET ROLE regress_operator;
SELECT party_id, sku FROM user_tickets(985003);
SELECT id FROM update_party(985003, email => 'ze2@bound.example');
SELECT party_id, sku FROM user_tickets(985003);
-- The other changes of a party leave tickets alone.
SELECT name FROM update_party(985003, name => 'Zoe', email => 'ZE2@bound.example');
SELECT party_id, sku FROM ticket WHERE sku = 'another';
-- A learner sees its own.
SET ROLE regress_learner;
SET LOCAL trainledger.party_id = 985004;
SELECT sku FROM ticket ORDER BY sku;
SET LOCAL trainledger.party_id = 985006;
SELECT sku FROM ticket ORDER BY sku;

-- A program that is not active takes nobody in; who is in can still change.
SET ROLE regress_operator;
SELECT party_id, role, state FROM modify_program_membership('00000000-0000-4000-8000-000000985003', 985004);
SELECT name FROM confirm_cohort('00000000-0000-4000-8000-000000985003', 'Late');
SET ROLE regress_admin;
SELECT is_active FROM update_program('00000000-0000-4000-8000-000000985003', is_active => false);
SET ROLE regress_operator;
SELECT label, r.code, r.message, r.detail, r.hint FROM (VALUES
	('ticket', $$consume_ticket(985001, '00000000-0000-4000-8000-000000985003')$$),
	('membership', $$modify_program_membership('00000000-0000-4000-8000-000000985003', 985001)$$),
	('membership, withdrawn', $$modify_program_membership('00000000-0000-4000-8000-000000985003', 985001, state => 'withdrawn')$$),
	('sync', $$sync_cohort('00000000-0000-4000-8000-000000985003', (SELECT id FROM cohort WHERE name = 'Late' AND program_id = '00000000-0000-4000-8000-000000985003'), '$.id == 985001', mode => 'open')$$),
	('sync, nobody', $$sync_cohort('00000000-0000-4000-8000-000000985003', (SELECT id FROM cohort WHERE name = 'Late' AND program_id = '00000000-0000-4000-8000-000000985003'), '$.id == 0', mode => 'open')$$),
	('preview', $$sync_cohort_preview('00000000-0000-4000-8000-000000985003', (SELECT id FROM cohort WHERE name = 'Late' AND program_id = '00000000-0000-4000-8000-000000985003'), '$.id == 985001', mode => 'open')$$),
	('no ticket', $$consume_ticket(985005, '00000000-0000-4000-8000-000000985003')$$)) v(label, statement),
	regress.refusal('SELECT FROM ' || statement) r;
SELECT state FROM ticket WHERE sku = 'at once';
SELECT sync_cohort('00000000-0000-4000-8000-000000985003', c.id, '$.id == 985004') AS moved FROM cohort c WHERE c.program_id = '00000000-0000-4000-8000-000000985003';
SELECT state, cohort_id IS NOT NULL AS in_cohort FROM modify_program_membership('00000000-0000-4000-8000-000000985003', 985004, state => 'withdrawn');
SELECT state FROM update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'active');
SELECT state, consumed_program_id = '00000000-0000-4000-8000-000000985002' AS other_program FROM consume_ticket(985001, '00000000-0000-4000-8000-000000985002');

-- Columns to empty
SELECT state, cohort_id IS NOT NULL AS in_cohort, comments, state_detail FROM update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'incomplete', comments => 'c', state_detail => 'd');
SELECT state, cohort_id, comments, state_detail FROM update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'incomplete', clear => '{cohort_id}');
SELECT state, cohort_id, comments, state_detail FROM update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'incomplete', comments => 'e', clear => '{state_detail}');
SELECT state, cohort_id, comments, state_detail FROM update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'incomplete', clear => '{comments}');
SELECT count(*) AS events, count(*) FILTER (WHERE cohort_id IS NULL AND old_cohort_id IS NOT NULL) AS left_cohort FROM membership_event WHERE party_id = 985004;
SELECT count(*) AS again FROM update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'incomplete', clear => '{comments,cohort_id,state_detail}'), membership_event WHERE membership_event.party_id = 985004;
SELECT label, r.code, r.message, r.detail, r.hint FROM (VALUES
	('both', $$update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'active', comments => 'x', clear => '{comments}')$$),
	('role', $$update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'active', clear => '{role}')$$)) v(label, statement),
	regress.refusal('SELECT FROM ' || statement) r;
-- and in a document: null leaves the cohort, what is left out stays
SELECT state, cohort_id IS NOT NULL AS in_cohort FROM update_user_cohort_state(985004, '00000000-0000-4000-8000-000000985003', 'active', (SELECT id FROM cohort WHERE program_id = '00000000-0000-4000-8000-000000985003'), comments => 'kept');
SELECT trainledger_api."UpdateUserCohortState"(json_build_object('userId', uuid, 'programId', '00000000-0000-4000-8000-000000985003', 'state', 'completed')) -> 0 ->> 'name' AS program FROM party WHERE id = 985004;
SELECT state, cohort_id IS NOT NULL AS in_cohort, comments FROM membership WHERE party_id = 985004;
SELECT trainledger_api."UpdateUserCohortState"(json_build_object('userId', uuid, 'programId', '00000000-0000-4000-8000-000000985003', 'state', 'active', 'cohortId', NULL, 'comments', NULL)) -> 0 ->> 'name' AS program FROM party WHERE id = 985004;
SELECT state, cohort_id, comments FROM membership WHERE party_id = 985004;
ROLLBACK;
RESET ROLE;
