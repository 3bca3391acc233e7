-- Runs of training passes (contract, section 9): a pass that is renewed after
-- its end begins a new run, and what is between two runs is not covered;
-- idempotency keys, uses that are cancelled, and corrections
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
CREATE FUNCTION regress.runs_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
-- an instant in UTC, without a time of day that is midnight
CREATE FUNCTION regress.utc(at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT regexp_replace(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), ' 00:00:00.000000$|(?<=[1-9])0+$|\.0+$', '') $$;
CREATE FUNCTION regress.runs(pass bigint) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT string_agg(regress.utc(valid_from) || ' - ' || regress.utc(valid_until), ', ' ORDER BY valid_from)
	FROM trainledger.pass_period WHERE pass_id = $1
$$;
-- the ends of a pass and of its renewals
CREATE FUNCTION regress.ends(option_id bigint, start timestamptz, times integer) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	pass trainledger.training_pass := trainledger.issue_pass(877201, option_id, 877001, start);
	ends text := regress.utc(pass.valid_until);
BEGIN
	FOR i IN 2 .. times LOOP
		pass := trainledger.renew_pass(pass.id);
		ends := ends || ', ' || regress.utc(pass.valid_until);
	END LOOP;
	RETURN ends;
END
$$;
SET ROLE regress_admin;
SELECT regress.runs_at('2022-01-01');
SELECT count(*) FROM unnest('{runs-ann,runs-bob,runs-cid,runs-dee}'::text[]) WITH ORDINALITY b(b, n), add_party('person', b, id => 877000 + n);
SELECT count(*) FROM generate_series(1, 2) n, add_catalog_item('course', 'runs-' || n, 'Course', id => 877100 + n);
SELECT code FROM add_region('runs-R', 'Region');
SELECT code FROM add_currency('runs-C', 'Currency');
SELECT id FROM create_pass_type('runs', 'Runs', id => 877201);
SELECT id FROM add_pass_content(877201, '{877101}');
SELECT count(*) FROM (VALUES (877301, 'months', 1), (877302, 'years', 1), (877303, 'months', 3), (877304, 'days', 30), (877305, 'weeks', 4), (877306, 'years', 4)) v(i, u, n),
	create_pass_option(877201, n || ' ' || u, u::validity_unit, n, i) o;
SELECT count(*) FROM generate_series(877301, 877306) o, create_pass_price(o, 'runs-R', 'runs-C', 1) p, update_pass_option(p.option_id, lifecycle_state => 'published') u;
SELECT lifecycle_state FROM update_pass_type(877201, lifecycle_state => 'published');

-- a month after a month, on the day on which the run began, in any zone
SET ROLE regress_operator;
SELECT regress.runs_at('2023-01-01');
SELECT label, string_agg(DISTINCT regress.ends(o, s::timestamptz, n), ' or ') AS ends
FROM (VALUES
	(1, '31 January, monthly', 877301, '2023-01-31Z', 5),
	(2, '30 January, monthly, with a time', 877301, '2023-01-30 23:59:59.5Z', 3),
	(3, '31 August, monthly over a leap day', 877301, '2023-08-31 06:00Z', 7),
	(4, '30 November, every 3 months', 877303, '2023-11-30Z', 5),
	(5, '29 February, yearly', 877302, '2024-02-29 12:00Z', 5),
	(6, '29 February, every 4 years over 2100', 877306, '2092-02-29Z', 4),
	(7, '28 February, monthly', 877301, '2023-02-28Z', 3),
	(8, '31 December, monthly', 877301, '2023-12-31Z', 3),
	(9, '31 January, 30 days', 877304, '2023-01-31Z', 3),
	(10, '31 January, 4 weeks', 877305, '2023-01-31Z', 3),
	(11, 'over a change of clocks', 877301, '2023-02-26 01:30Z', 3)
) v(i, label, o, s, n), unnest('{UTC,Pacific/Kiritimati,America/New_York,Asia/Kathmandu}'::text[]) zone, set_config('TimeZone', zone, false)
GROUP BY i, label ORDER BY i;
RESET TimeZone;
-- mixed options keep the day; an end that was set by hand to another day counts from there
SELECT id AS pass FROM issue_pass(877201, 877301, 877001, '2023-01-31Z') \gset
SELECT regress.utc(valid_until) FROM renew_pass(:pass, 877303);
SELECT regress.utc(valid_until) FROM renew_pass(:pass, 877302);
SELECT regress.utc(valid_until) FROM renew_pass(:pass, valid_until => '2024-06-15 10:00Z');
SELECT regress.utc(valid_until) FROM renew_pass(:pass, 877301);
SELECT regress.utc(valid_until) FROM renew_pass(:pass, valid_until => '2024-08-29Z');
SELECT regress.utc(valid_until) FROM renew_pass(:pass, 877301);
SELECT regress.utc(valid_until) FROM renew_pass(:pass, valid_until => '2024-09-30 18:00Z');
SELECT regress.utc(valid_until) FROM renew_pass(:pass, 877301);
-- days move an end to another day, and months count from there
SELECT regress.utc(valid_until) FROM renew_pass(:pass, 877304);
SELECT regress.utc(valid_until) FROM renew_pass(:pass, 877301);
SELECT regress.runs(:pass);

-- a pass that is over begins anew
SELECT id AS pass FROM issue_pass(877201, 877301, 877002, '2023-01-31Z') \gset
SELECT regress.runs_at('2023-02-28');
SELECT status FROM training_pass WHERE id = :pass;
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM renew_pass(:pass);
SELECT regress.runs_at('2025-10-31 08:00');
SELECT r.code, r.message, r.detail, r.hint FROM unnest('{2025-10-31 08:00Z,2025-10-30Z,2023-04-01Z}'::text[]) e, regress.refusal(format('SELECT renew_pass(%s, valid_until => %L)', :pass, e)) r;
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM renew_pass(:pass);
SELECT regress.utc(d.valid_until) AS valid_until FROM renew_pass(:pass) a, renew_pass(a.id) b, renew_pass(b.id) c, renew_pass(c.id) d;
SELECT regress.runs_at('2027-02-01');
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM renew_pass(:pass, 877302, '2027-02-01 00:00:00.000001Z');
SELECT regress.runs_at('2027-02-01 00:00:00.000001');
SELECT status, pass_covers(877002, 877101) FROM training_pass WHERE id = :pass;
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM renew_pass(:pass, 877302);
SELECT regress.runs(:pass);
-- the gap is not covered, now or in the past
SELECT regress.utc(at) AS at, pass_covers(877002, 877101, at) AS covered
FROM unnest('{2023-01-30 23:59:59.999999Z,2023-01-31Z,2023-02-27Z,2023-02-28Z,2023-03-27 23:59:59.999999Z,2023-03-28Z,2024-01-01Z,2025-10-31 07:59:59.999999Z,2025-10-31 08:00Z,2026-03-31 07:59Z,2026-03-31 08:00Z,2027-02-01Z,2027-02-01 00:00:00.000001Z,2028-02-01Z,2028-02-01 00:00:00.000001Z}'::timestamptz[]) at;
SELECT event, regress.utc(valid_from) AS valid_from, regress.utc(run_from) AS run_from, regress.utc(valid_until) AS valid_until FROM pass_event WHERE pass_id = :pass ORDER BY id;
-- a clock that is set back to the gap finds the pass upcoming, to a run active
SELECT regress.runs_at('2024-06-01');
SELECT status, (SELECT (active, upcoming, expired) FROM pass_utilisation WHERE pass_type = 'Runs') AS counted FROM training_pass WHERE id = :pass;
SELECT code, message FROM regress.refusal('SELECT use_pass(877002, 877101, ''in the gap'')');
SELECT regress.runs_at('2025-11-01');
SELECT status FROM training_pass WHERE id = :pass;
SELECT pass_id = :pass AS used FROM use_pass(877002, 877101, 'in the run');
-- what is given on is the rest of the present run, and a run of its own
SELECT regress.runs_at('2027-08-15 10:00');
SELECT id AS given, regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until FROM reassign_pass(:pass, 877003) \gset re_
SELECT :'re_valid_from' AS valid_from, :'re_valid_until' AS valid_until, regress.runs(:re_given) AS runs, regress.runs(:pass) AS given_away;
SELECT pass_covers(877002, 877101, '2023-02-01Z') AS ann, pass_covers(877003, 877101, '2023-02-01Z') AS bob, pass_covers(877003, 877101) AS now;
-- what is over cannot be given on, renewed it can
SELECT id AS pass FROM issue_pass(877201, 877301, 877002, '2027-06-30Z') \gset
SELECT code, message FROM regress.refusal(format('SELECT reassign_pass(%s, 877003)', :pass));
SELECT count(*) FROM renew_pass(:pass);
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until FROM reassign_pass(:pass, 877004);

-- Idempotency keys: the same request prolongs, gives on and books once
SELECT regress.runs_at('2030-01-31 12:00');
SELECT id AS pass, regress.utc(valid_until) AS valid_until FROM issue_pass(877201, 877301, 877001) \gset
SELECT count(*) AS events FROM pass_event \gset
SELECT regress.utc(valid_until) AS valid_until FROM renew_pass(:pass, idempotency_key => '8a55e50a-0000-4000-8000-000000000001');
SELECT regress.utc(valid_until) AS valid_until FROM renew_pass(:pass, idempotency_key => '8a55e50a-0000-4000-8000-000000000001');
SELECT regress.utc(valid_until) AS valid_until FROM renew_pass(:pass, 877302, '2030-07-01 02:00+02', '8a55e50a-0000-4000-8000-000000000002');
SELECT regress.utc(valid_until) AS valid_until FROM renew_pass(:pass, 877302, '2030-07-01 00:00Z', '8a55e50a-0000-4000-8000-000000000002');
-- a replay answers with the pass as it is now, also when that is over, and before any state is looked at
SELECT regress.utc(valid_until) AS valid_until FROM renew_pass(:pass, idempotency_key => '8a55e50a-0000-4000-8000-000000000001');
SELECT count(*) - :events AS renewed FROM pass_event;
SELECT regress.runs_at('2031-01-31 12:00');
SELECT regress.utc(valid_until) AS valid_until, status FROM renew_pass(:pass, 877302, '2030-07-01 00:00Z', '8a55e50a-0000-4000-8000-000000000002');
SELECT label, r.code, r.message, r.detail FROM (VALUES
	(1, 'an option', format('renew_pass(%s, 877302, NULL, %L)', :pass, '8a55e50a-0000-4000-8000-000000000001')),
	(2, 'an end', format('renew_pass(%s, NULL, %L, %L)', :pass, '2032-01-01Z', '8a55e50a-0000-4000-8000-000000000001')),
	(3, 'another end', format('renew_pass(%s, 877302, %L, %L)', :pass, '2030-07-01 00:00:00.000001Z', '8a55e50a-0000-4000-8000-000000000002')),
	(4, 'another call', format('reassign_pass(%s, 877002, %L)', :pass, '8a55e50a-0000-4000-8000-000000000001')),
	(5, 'another call', format('use_pass(877001, 877101, %L, %L)', 'r', '8a55e50a-0000-4000-8000-000000000001')),
	(6, 'another call', format('issue_pass(877201, 877301, 877001, idempotency_key => %L)', '8a55e50a-0000-4000-8000-000000000001')),
	(7, 'unknown option first', format('renew_pass(%s, 0, NULL, %L)', :pass, '8a55e50a-0000-4000-8000-000000000001')),
	(8, 'unknown person first', format('reassign_pass(%s, 0, %L)', :pass, '8a55e50a-0000-4000-8000-000000000001')),
	(9, 'no pass left, new key', format('use_pass(877001, 877101, %L, %L)', 'r', '8a55e50a-0000-4000-8000-000000000003'))
) v(n, label, call), regress.refusal('SELECT ' || call) r ORDER BY n;
-- what is refused leaves its key free
SELECT regress.utc(valid_until) AS valid_until FROM renew_pass(:pass, idempotency_key => '8a55e50a-0000-4000-8000-000000000003');
SELECT regress.runs(:pass);
-- given on once
SELECT id AS moved FROM reassign_pass(:pass, 877002, '8a55e50a-0000-4000-8000-000000000004') \gset
SELECT id = :moved AS same, party_id FROM reassign_pass(:pass, 877002, '8a55e50a-0000-4000-8000-000000000004');
SELECT label, r.code, r.message FROM (VALUES
	('no key', format('reassign_pass(%s, 877002)', :pass)),
	('to another', format('reassign_pass(%s, 877003, %L)', :pass, '8a55e50a-0000-4000-8000-000000000004'))
) v(label, call), regress.refusal('SELECT ' || call) r;
SELECT id = :moved AS same FROM reassign_pass(:pass, 877002, '8a55e50a-0000-4000-8000-000000000004');
-- the key is that of who had the pass
SELECT id <> :moved AS another FROM reassign_pass(:moved, 877003, '8a55e50a-0000-4000-8000-000000000004') \gset
SELECT :'another' AS another, count(*) AS given_on FROM pass_event WHERE event = 'reassigned' AND pass_id IN (:pass, :moved);
-- booked once
SELECT id AS pass FROM issue_pass(877201, 877301, 877004) \gset
SELECT id AS use FROM use_pass(877004, 877101, 'Event 4711', '8a55e50a-0000-4000-8000-000000000005') \gset
SELECT id = :use AS same, reference FROM use_pass(877004, 877101, 'Event 4711', '8a55e50a-0000-4000-8000-000000000005');
SELECT r.code, r.message FROM (VALUES ('877101, ''Event 4712'''), ('877102, ''Event 4711''')) v(a), regress.refusal(format('SELECT use_pass(877004, %s, %L)', a, '8a55e50a-0000-4000-8000-000000000005')) r;
SELECT id > :use AS second FROM use_pass(877004, 877101, 'Event 4711', '8a55e50a-0000-4000-8000-000000000006');

-- a use that is taken back is kept, marked and not counted
SELECT uses AS before FROM pass_utilisation WHERE pass_type = 'Runs' \gset
SET request.jwt.claims = '{"sub": "desk 7"}';
SELECT id = :use AS same, reference, regress.utc(cancelled_at) AS cancelled_at, cancelled_by, cancel_reason FROM cancel_pass_use(:use, 'Ann is ill');
RESET request.jwt.claims;
SELECT uses - :before AS uses FROM pass_utilisation WHERE pass_type = 'Runs';
SELECT code, message, replace(detail, :'use', 'N') AS detail, hint FROM regress.refusal(format('SELECT cancel_pass_use(%s)', :use));
SELECT r.code, r.message, r.detail, r.hint FROM unnest('{"NULL",0,"0, repeat(''x'', 8193)"}'::text[]) a, regress.refusal(format('SELECT cancel_pass_use(%s)', a)) r;
-- its key gives the use as it is now; the booking itself can be made again
SELECT id = :use AS same, cancel_reason FROM use_pass(877004, 877101, 'Event 4711', '8a55e50a-0000-4000-8000-000000000005');
SELECT id AS again, cancelled_at FROM use_pass(877004, 877101, 'Event 4711') \gset
SELECT uses - :before AS uses FROM pass_utilisation WHERE pass_type = 'Runs';
-- of a pass that was revoked too, without a reason
SELECT status FROM revoke_pass(:pass);
SELECT cancel_reason, cancelled_by FROM cancel_pass_use(:again);
SELECT cancel_reason FROM cancel_pass_use(:use + 1024, NULL);
SELECT uses - :before AS uses FROM pass_utilisation WHERE pass_type = 'Runs';
SELECT event, pass_use_id = :use AS first, reason, changed_by FROM pass_event WHERE pass_id = :pass ORDER BY id;

-- a mistaken validity is mended: of the present run, shorter or longer
SELECT id AS pass FROM issue_pass(877201, 877301, 877001, '2031-01-31Z') \gset
SET ROLE regress_admin;
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM correct_pass(:pass, '2031-01-15Z', '2031-02-15Z', 'began earlier');
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM correct_pass(:pass, NULL, '2031-01-20Z', 'refunded');
SELECT pass_covers(877001, 877101, '2031-01-31Z') AS covered, pass_covers(877001, 877101, '2031-01-19Z') AS before;
-- what is over by that begins anew
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM renew_pass(:pass);
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM correct_pass(:pass, '2031-01-20Z', NULL, 'no gap');
SELECT regress.utc(valid_from) AS valid_from, regress.utc(valid_until) AS valid_until, status FROM correct_pass(:pass, '2031-02-10Z', '2031-03-31Z', 'from the 10th');
SELECT regress.runs(:pass), pass_covers(877001, 877101) AS now;
SELECT code, message FROM regress.refusal('SELECT use_pass(877001, 877101, ''r'')');
-- the day on which it began is that of the correction
SELECT regress.utc(valid_until) AS valid_until FROM correct_pass(:pass, NULL, '2031-03-10Z', 'r');
SELECT regress.utc(valid_until) AS valid_until FROM renew_pass(:pass);
SELECT label, r.code, r.message, r.detail, r.hint FROM (VALUES
	(1, 'before the earlier run ends', $$'2031-01-19 23:59:59.999999Z', NULL, 'r'$$),
	(2, 'around the earlier run', $$'2030-01-01Z', NULL, 'r'$$),
	(3, 'end = start', $$'2031-05-01Z', '2031-05-01Z', 'r'$$),
	(4, 'end = present start', $$NULL, '2031-02-10Z', 'r'$$),
	(5, 'start = present end', $$'2031-04-10Z', NULL, 'r'$$),
	(6, 'infinite', $$NULL, 'infinity', 'r'$$),
	(7, 'in 10000', $$NULL, '10000-01-01 00:00:01Z', 'r'$$),
	(8, 'neither', $$NULL, NULL, 'r'$$),
	(9, 'no reason', $$NULL, '2031-05-01Z', NULL$$),
	(10, 'empty reason', $$NULL, '2031-05-01Z', ''$$),
	(11, 'long reason', $$NULL, '2031-05-01Z', repeat('x', 8193)$$),
	(12, 'the first instant', $$'4714-11-24Z BC', NULL, 'r'$$)
) v(n, label, arguments), regress.refusal(format('SELECT correct_pass(%s, %s)', :pass, arguments)) r ORDER BY n;
SELECT r.code, r.message FROM unnest('{"NULL",0}'::text[]) p, regress.refusal(format('SELECT correct_pass(%s, NULL, ''2031-05-01Z'', ''r'')', p)) r;
SELECT regress.runs(:pass);
SELECT status FROM revoke_pass(:pass);
SELECT r.code, r.message FROM regress.refusal(format('SELECT correct_pass(%s, NULL, ''2031-05-01Z'', ''r'')', :pass)) r;
SELECT event, regress.utc(valid_from) AS valid_from, regress.utc(run_from) AS run_from, regress.utc(valid_until) AS valid_until, reason FROM pass_event WHERE pass_id = :pass ORDER BY id;
-- neither is for everybody
SET ROLE regress_operator;
SELECT regress.sqlstate('SELECT correct_pass(0, NULL, ''2031-05-01Z'', ''r'')');
SET ROLE regress_reader;
SELECT regress.sqlstate('SELECT cancel_pass_use(0)');
SET ROLE regress_operator;

-- runs are changed by the functions only, and a learner sees those of its passes
RESET ROLE;
SELECT regress.sqlstate(s) FROM unnest('{UPDATE trainledger.pass_period SET valid_until = valid_until,DELETE FROM trainledger.pass_period,"TRUNCATE trainledger.pass_period"}'::text[]) s;
SET ROLE regress_operator;
SELECT regress.sqlstate(s) FROM unnest('{UPDATE trainledger.pass_period SET valid_until = valid_until,INSERT INTO trainledger.pass_period SELECT id\, valid_from\, valid_until FROM trainledger.pass}'::text[]) s;
SET ROLE regress_learner;
SELECT count(*) FROM pass_period;
SET trainledger.party_id = '877003';
SELECT pass_id = :re_given AS own, regress.utc(valid_from) AS valid_from FROM pass_period;
SELECT pass_id = :re_given AS own, regress.utc(valid_from) AS valid_from FROM trainledger_api.pass_periods;
RESET trainledger.party_id;
RESET ROLE;
-- every pass is as its runs are
SELECT p.id FROM pass p LEFT JOIN (
	SELECT pass_id, min(valid_from) AS valid_from, max(valid_until) AS valid_until, bool_or(is_crossed) AS is_crossed
	FROM (SELECT r.*, lag(valid_until) OVER (PARTITION BY pass_id ORDER BY valid_from) > valid_from AS is_crossed FROM pass_period r) r
	GROUP BY pass_id) r ON r.pass_id = p.id
WHERE (p.valid_from, p.valid_until, false) IS DISTINCT FROM (r.valid_from, r.valid_until, coalesce(r.is_crossed, false));
RESET trainledger.clock;
DROP FUNCTION regress.runs_at, regress.utc, regress.runs, regress.ends;
