-- Programs, side by side: the people that are synced, and twins of the tables
-- that a sync writes. Run by a superuser, in an empty database.
--
-- Psql variables: rounds, people.
--
-- Schema bench_programs: for each round (0 warms up) a program with two
-- cohorts, for all sides. Everybody is in Sales.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION trainledger;
CREATE SCHEMA bench_programs;
CREATE TABLE bench_programs.result (
	what text,					-- add or move
	round integer,
	variant text,
	seconds float8
);
CREATE TABLE bench_programs.program AS
SELECT r AS round, p.id,
	(trainledger.confirm_cohort(p.id, 'a')).id AS a,
	(trainledger.confirm_cohort(p.id, 'b')).id AS b,
	(trainledger.confirm_cohort(p.id, 'c')).id AS c
FROM (SELECT (trainledger.add_program_kind('bench')).id) k,
	generate_series(0, :rounds) r,
	trainledger.add_program(k.id, 'bench ' || r, '2026-01-01', 30) p;

INSERT INTO trainledger.party
	(uuid, kind, name, email, attributes, created_at, updated_at)
SELECT gen_random_uuid(), 'person', 'Person ' || i, 'p' || i || '@example.com',
	jsonb_build_object('department', 'Sales', 'grade', i % 7 + 3), now(), now()
FROM generate_series(1, :people) i;

-- The same columns, indexes and foreign keys
CREATE TABLE bench_programs.membership
	(LIKE trainledger.membership INCLUDING ALL,
	 FOREIGN KEY (program_id) REFERENCES trainledger.program,
	 FOREIGN KEY (party_id) REFERENCES trainledger.party,
	 FOREIGN KEY (program_id, cohort_id)
		REFERENCES trainledger.cohort (program_id, id));
CREATE TABLE bench_programs.membership_event
	(LIKE trainledger.membership_event INCLUDING ALL);
-- what is written by hand numbers no bookings
ALTER TABLE bench_programs.membership_event
	ALTER COLUMN booking_no DROP NOT NULL;
DROP INDEX bench_programs.membership_event_booking_no_idx;
CREATE SEQUENCE bench_programs.event_id;

CREATE ROLE bench_programs_operator LOGIN;
SELECT trainledger.grant_access('bench_programs_operator', 'operator');
GRANT USAGE ON SCHEMA bench_programs TO bench_programs_operator;
GRANT ALL ON ALL TABLES IN SCHEMA bench_programs TO bench_programs_operator;
GRANT ALL ON ALL SEQUENCES IN SCHEMA bench_programs TO bench_programs_operator;
VACUUM ANALYZE;
