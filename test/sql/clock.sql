-- Business time (contract, section 2)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SELECT name FROM add_credit_token_type('clock', scale => 0);
SELECT name FROM add_party('person', 'Clock', barcode => 'clock');
SET ROLE regress_operator;

-- the statement's wall time, one for the whole statement
SELECT clock() = statement_timestamp() AS wall_time;
BEGIN;
SELECT pg_sleep(0.001);
SELECT clock() > now() AS not_the_transaction;
ROLLBACK;

-- a superuser's setting
SELECT regress.attempt($$SET trainledger.clock = '2023-04-04'$$);
RESET ROLE;
SET TimeZone = 'Pacific/Kiritimati';
SET DateStyle = 'ISO, MDY';
SET trainledger.clock = '2023-04-04 08:41:30';
SELECT clock() AT TIME ZONE 'UTC' AS utc;
SET trainledger.clock = '2023-04-04 08:41:30.123456+02';
SELECT clock() AT TIME ZONE 'UTC' AS utc;
SET trainledger.clock = '2023-04-04T08:41:30Z';
SELECT clock() AT TIME ZONE 'UTC' AS utc;
SET trainledger.clock = '2023-04-04';
SELECT clock() AT TIME ZONE 'UTC' AS utc;
SET trainledger.clock = '';
SELECT clock() = statement_timestamp() AS wall_time;
SELECT value, regress.attempt(format('SET trainledger.clock = %L', value))
FROM (VALUES ('now'), ('today'), ('tomorrow'), ('infinity'), ('-infinity'),
	('epoch'), ('08:41:30'), ('x'), ('2023-02-30'), ('2023-04-04 25:00'),
	('300000-01-01'), ('2023-04-04 08:41:30 Nowhere/City'),
	('2023-04-04 08:41:30 Europe/Berlin'), ('2023-04-04 08:41:30 PST'), ('1'), ('-'), ('Z'), ('2023-04-04T'), ('2023-04-04 08:41:30+99'), (' ')) v(value);
SELECT clock() = statement_timestamp() AS wall_time;
-- year, month and day are in that order, whatever the session's is
SELECT style, set_config('DateStyle', style, false) IS NULL, v.value, regress.answer(format($$set_config('trainledger.clock', %L, false) || ' is ' || (clock() AT TIME ZONE 'UTC')::text$$, v.value))
FROM unnest('{"ISO, DMY","ISO, MDY","ISO, YMD"}'::text[]) style, (VALUES ('04-05-2023'), ('03-04-05'), ('20230405')) v(value);
SET trainledger.clock = '';
SHOW DateStyle;
SET DateStyle = 'ISO, MDY';
-- a zone that is not known leaves the session's own as it was
SELECT regress.attempt($$SET trainledger.clock = '2023-04-04 08:41:30 Nowhere/City'$$);
SELECT extract(hour FROM timestamptz '2023-04-04 00:00Z') AS hour;
-- who may not set it cannot set it before the library is there either
\c -
SET ROLE regress_operator;
SET search_path = trainledger, public;
SET trainledger.clock = '2001-01-01';
SELECT clock() = statement_timestamp() AS wall_time;
RESET ROLE;

-- what is booked bears it, and never runs backwards
SET TimeZone = 'UTC';
SET trainledger.clock = '2023-04-04 08:41:30';
SET ROLE regress_operator;
SELECT entry_no, created_at, recorded_at
FROM credit_init(regress.party('clock'), 0, 'test', '', '2030-01-01Z', token_type => 'clock');
RESET ROLE;
SET trainledger.clock = '2023-04-04 08:41:00';
SET ROLE regress_operator;
SELECT entry_no, created_at FROM credit_add(regress.party('clock'), 1, 'test', '', '2020-01-01Z', token_type => 'clock');
SELECT entry_no, created_at FROM post(regress.account('clock'), 'add', 2, 'test');
RESET ROLE;
SET trainledger.clock = '2023-04-05';
SET ROLE regress_operator;
SELECT entry_no, created_at FROM post(regress.account('clock'), 'add', 3, 'test');
RESET ROLE;
SET trainledger.clock = '2001-01-01';
SET ROLE regress_operator;
SELECT ordinal, entry_no, refusal
FROM post_batch(ARRAY[regress.account('clock'), regress.account('clock')], '{4,5}', 'test');
SELECT entry_no, created_at FROM post(regress.account('clock'), 'add', 6, 'test');
RESET ROLE;
SET trainledger.clock = '2023-04-06 00:00:00.000001';
SET ROLE regress_operator;
SELECT entry_no, created_at FROM post(regress.account('clock'), 'add', 7, 'test');
SELECT created_at AS opened, last_entry_at FROM account WHERE id = regress.account('clock');

-- balance_at: booked by then, the instant itself included
SELECT v.at, balance_at(regress.account('clock'), v.at)
FROM (VALUES ('-infinity'::timestamptz), ('2001-01-01'), ('2023-04-04 08:41:29.999999'),
	('2023-04-04 08:41:30'), ('2023-04-04 08:41:30.000001'), ('2023-04-04 23:59:59'),
	('2023-04-05'), ('2023-04-06'), ('2023-04-06 00:00:00.000001'), ('2030-01-01'),
	('infinity')) v(at);
SELECT r.* FROM (VALUES
	($$SELECT balance_at(regress.account('clock'), NULL)$$),
	($$SELECT balance_at(0, now())$$),
	($$SELECT balance_at(NULL, now())$$),
	($$SELECT balance_at(NULL, NULL)$$)) v(statement), regress.refusal(statement) r;
-- against the entries themselves, at every instant there is
SELECT count(*) AS instants, count(*) FILTER (WHERE balance_at(e.account_id, i.at)
	IS DISTINCT FROM coalesce((SELECT b.balance FROM entry b
		WHERE b.account_id = e.account_id AND b.created_at <= i.at
		ORDER BY b.entry_no DESC LIMIT 1), 0)) AS wrong
FROM entry e, LATERAL (VALUES (e.created_at), (e.created_at - interval '1 microsecond'),
	(e.created_at + interval '1 microsecond')) i(at)
WHERE e.account_id = regress.account('clock');
-- the zone of the session changes nothing
SET TimeZone = 'America/New_York';
SELECT balance_at(regress.account('clock'), '2023-04-05Z');
SET TimeZone = 'UTC';
RESET ROLE;
RESET trainledger.clock;

-- parties and types bear it too; updated_at does not run backwards
SET trainledger.clock = '2023-04-04 08:41:30';
SELECT created_at, updated_at FROM add_party('person', 'x', barcode => 'clock-2');
SET trainledger.clock = '2023-04-03';
SELECT created_at, updated_at FROM update_party(regress.party('clock-2'), name => 'y');
SET trainledger.clock = '2023-04-05';
SELECT created_at, updated_at FROM update_party(regress.party('clock-2'), name => 'z');
SELECT created_at FROM add_training_token_type('clock');
RESET trainledger.clock;

-- homes: the low 10 bits
SELECT id, home(id) FROM (VALUES (0::bigint), (1), (1023), (1024), (1025),
	(9007199254740991), (-1), (9223372036854775807), (NULL)) v(id);
SELECT id, home_of(id) FROM (VALUES ('00000000-0000-0000-0000-0000000003ff'::uuid),
	('ffffffff-ffff-ffff-ffff-fffffffffc00'), ('00000000-0000-0000-0000-000000000401'),
	(NULL)) v(id);
SELECT home(a.id) = home(a.party_id) AS at_home, a.id < 2::numeric ^ 53 AS small
FROM account a WHERE a.id = regress.account('clock');
