# Hostile and broken queries of a cohort sync end in a clear error in time and
# change nothing; a sync can be stopped at any moment, and is one statement
# whatever the number of people. Tickets are found by index among many.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;

my $people = 20000;
my $node = start_books('programs_hostile', 'max_wal_size = 1GB',
	"shared_preload_libraries = 'pg_stat_statements'",
	'pg_stat_statements.track = all');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

$node->safe_psql('books', <<END);
CREATE EXTENSION pg_stat_statements;
CREATE FUNCTION id(n text) RETURNS uuid LANGUAGE sql IMMUTABLE
AS \$\$ SELECT ('00000000-0000-4000-8000-' || lpad(n, 12, '0'))::uuid \$\$;
INSERT INTO trainledger.party (id, uuid, kind, name, attributes, created_at, updated_at)
SELECT i, gen_random_uuid(), 'person', repeat('a', 40), jsonb_build_object('n', i, 'list', array_fill(1, ARRAY[50])), now(), now()
FROM generate_series(1, $people) i;
UPDATE trainledger.party SET attributes = (repeat('{"a": [1, ', 1000) || '1' || repeat(']}', 1000))::jsonb WHERE id = 7;
SELECT trainledger.add_program_kind('Leadership', id => id('1'));
SELECT trainledger.add_program(id('1'), 'Program ' || i, '2026-01-01', 30, id => id(i::text)) FROM generate_series(11, 12) i;
SELECT trainledger.confirm_cohort(id(p), c) FROM (VALUES ('11', 'a'), ('11', 'b'), ('12', 'c')) v(p, c);
CREATE FUNCTION cohort(n text) RETURNS uuid LANGUAGE sql AS \$\$ SELECT id FROM trainledger.cohort WHERE name = n \$\$;
END

my ($one, $two) = sessions($node, 2);
my $state = q{SELECT (SELECT md5(string_agg(m::text, '' ORDER BY party_id)) FROM trainledger.membership m), (SELECT count(*) FROM trainledger.membership_event)};

sub sync_call
{
	my ($query, $cohort, $mode) = @_;

	return "SELECT trainledger.sync_cohort(id('11'), cohort('$cohort'), \$q\$$query\$q\$, mode => '$mode')";
}

is($one->query(sync_call('$.id <= 10000', 'a', 'open'))->{rows}[0],
	10000, 'half of the people are taken in');
my $before = $node->safe_psql('books', $state);

# ----------------------------------------------------------------------
# Queries
# ----------------------------------------------------------------------

my $regex = '(a{1,100}){1,100}';
my %hostile = (
	'1 MB of a string' => '$.name == "' . 'x' x 1_000_000 . '"',
	'1 MB of alternatives' => '$.id == 1' . ' || $.id == 1' x 80_000,
	'1 MB of brackets' => '(' x 500_000 . '$.id == 1' . ')' x 500_000,
	'as many alternatives as fit' => '$.id == 0' . ' || $.id == 0' x 5_400,
	'as many accessors as fit' => 'exists($' . '.a' x 32_000 . ')',
	'as many negations as fit' => '!(' x 15_000 . '$.id == 1' . ')' x 15_000,
	'as many filters as fit' => 'exists($' . ' ? (exists(@' x 4_000 . '))' x 4_000 . ')',
	'everything below everything' => '$.**.**.**.**.**.** == 0',
	'everything to any depth' => 'exists($.**{100 to last}.**.** ? (@.**.a == 0))',
	'everything against everything' => '$.** ? (exists(@.** ? (@ == 2))) == 3',
	'list against list' => '$.attributes.list[*] ? (@ > $.attributes.list[*] ? (@ > 2)) > 1',
	'a pattern with back references' => '$.name like_regex "^((a+)+)\\\\1\\\\2+\\\\1b$"',
	'nested repetitions' => qq{\$.name like_regex "^$regex$regex\$"},
	'a pattern that explodes' => qq{\$.name like_regex "($regex){1,100}"},
	'many patterns' => join(' || ', map { qq{\$.name like_regex "(a|b|a){1,30}[^a]{$_}c"} } 1 .. 120),
	'an error in the middle' => '$.id > 5000 && $.attributes.n / ($.id - 7000) > 0 && $.name.datetime() > 1',
	'a huge index' => '$.attributes.list[2147483647] == 1 || $.attributes.list[99999999999] == 1',
	'a range without end' => '$.attributes.list[0 to 2147483647] == 2',
	'a template of dates' => '$.name.datetime("' . 'HH24' x 200 . '") < "2020-01-01".datetime()',
	'keyvalue of everything' => '$.**.keyvalue().**.value == 0',
	'SQL in it' => q{$.name == "'; DROP TABLE trainledger.ticket CASCADE; --"},
	'a variable' => '$.id == $id',
);
$two->query("SET statement_timeout = '500ms'");
for my $name (sort keys %hostile)
{
	my $begun = time;
	my $answer = $two->query(sync_call($hostile{$name}, 'b', 'open'));

	cmp_ok(time - $begun, '<', 60, "$name: ends in time");
	like($answer->{sqlstate}, qr/^(TL400|57014|00000)$/, "$name: $answer->{sqlstate}");
	is($answer->{rows}[0], 0, "$name: is true of nobody")
	  if $answer->{sqlstate} eq '00000';
	is($node->safe_psql('books', $state), $before, "$name: nothing is changed");
}
$two->query('RESET statement_timeout');
is($two->query('SELECT 1')->{rows}[0], 1, 'the session goes on');

# ----------------------------------------------------------------------
# Stopping
# ----------------------------------------------------------------------

my $all = sync_call('$.id > 0', 'b', 'open');
my ($stopped, $finished) = (0, 0);
for my $timeout (5, 50, 100, 200, 300, 400, 600, 800)
{
	# of the transaction alone: a timeout that lasts stops what comes next
	$two->query('BEGIN');
	$two->query("SET LOCAL statement_timeout = $timeout");
	my $sqlstate = $two->query($all)->{sqlstate};
	$two->query('ROLLBACK');
	like($sqlstate, qr/^(57014|00000)$/, "$timeout ms give $sqlstate");
	$sqlstate eq '57014' ? $stopped++ : $finished++;
	is($node->safe_psql('books', $state), $before, "$timeout ms: nothing is left");
}
cmp_ok($stopped, '>', 0, "$stopped were stopped, $finished finished in time");

for my $how ('pg_cancel_backend', 'pg_terminate_backend')
{
	my ($three) = sessions($node, 1);

	$three->send($all);
	sleep 0.3;
	$node->safe_psql('books', "SELECT $how(" . $three->backend . ')');
	like($three->receive->{sqlstate}, qr/^(57014|08006)$/, "$how ends a sync");
	is($node->safe_psql('books', $state), $before, "$how: nothing is left");
}

# one that waits for another
$one->query('BEGIN');
$one->query(sync_call('$.id <= 5', 'b', 'closed'));
$two->query("SET lock_timeout = '50ms'");
is($two->query($all)->{sqlstate}, '55P03', 'a sync waits for another of the program');
is($two->query("SELECT trainledger.sync_cohort(id('12'), cohort('c'), '\$.id <= 5', mode => 'open')")->{rows}[0],
	5, 'and not for one of another program');
$two->query('RESET lock_timeout');
$one->query('ROLLBACK');
is($two->query("SELECT 'again'")->{rows}[0], 'again', 'the session goes on');
$node->safe_psql('books', "ALTER TABLE trainledger.membership_event DISABLE TRIGGER append_only; DELETE FROM trainledger.membership_event WHERE program_id = id('12'); ALTER TABLE trainledger.membership_event ENABLE ALWAYS TRIGGER append_only");
is($node->safe_psql('books', 'SELECT count(*) FROM trainledger.membership_event'), 10000, 'nothing of it is left');

# ----------------------------------------------------------------------
# One statement
# ----------------------------------------------------------------------

# How many statements a call is, those behind foreign keys apart
sub statements
{
	my ($call) = @_;

	$node->safe_psql('books', 'SELECT pg_stat_statements_reset()');
	my $changed = $two->query($call)->{rows}[0];
	return ($changed, $node->safe_psql('books',
		q{SELECT sum(calls) FROM pg_stat_statements WHERE NOT toplevel AND query !~ 'FOR KEY SHARE OF x'}));
}

$two->query(sync_call('$.id == 0', 'b', 'open'));
my ($few, $for_few) = statements(sync_call('$.id <= 10', 'b', 'open'));
my ($many, $for_many) = statements($all);
is($few, 10, 'few are changed');
is($many, $people - 10, 'and many');
is($for_many, $for_few, "by as many statements: $for_few");
is($node->safe_psql('books', "SELECT count(*) FROM trainledger.membership WHERE cohort_id = cohort('b')"),
	$people, 'everybody is in the cohort');
is($two->query($all)->{rows}[0], 0, 'and stays there');

# ----------------------------------------------------------------------
# Statistics that know of another program only
# ----------------------------------------------------------------------

# time that grows with the square of the people would be minutes here
$node->safe_psql('books', <<'END');
ALTER TABLE trainledger.membership SET (autovacuum_enabled = off);
DELETE FROM trainledger.membership WHERE program_id = id('12');
SELECT trainledger.confirm_cohort(id('12'), 'd');
VACUUM ANALYZE;
END
$two->query("SET statement_timeout = '20s'");
for my $cohort ('c', 'd')
{
	my $call = "trainledger.sync_cohort%s(id('12'), cohort('$cohort'), '\$.id > 0', mode => 'open')";
	is($two->query('SELECT count(*) FROM ' . sprintf $call, '_preview')->{rows}[0],
		$people, 'everybody is found in time');
	is($two->query('SELECT ' . sprintf $call, '')->{rows}[0],
		$people, 'and moved');
}

# ----------------------------------------------------------------------
# Tickets of one person among those of many
# ----------------------------------------------------------------------

# by index, for who sees all of them and for who sees its own
$node->safe_psql('books', <<'END');
SELECT trainledger.create_program_ticket(id('1'), 1 + i % 500, NULL)
FROM generate_series(1, 2000) i;
SELECT trainledger.create_program_ticket(id('1'), email => i || '@example.org')
FROM generate_series(1, 2000) i;
ANALYZE trainledger.ticket;
CREATE ROLE hostile_learner;
CREATE ROLE hostile_reader;
SELECT trainledger.grant_access('hostile_learner', 'learner'), trainledger.grant_access('hostile_reader', 'reader');
SELECT trainledger.update_party(1, email => '77@Example.org');
END
$two->query("SET trainledger.party_id = '1'");
for my $role ('learner', 'reader')
{
	$two->query("SET ROLE hostile_$role");
	is($two->query('SELECT count(*) FROM trainledger.user_tickets(1)')->{rows}[0], 5, "$role: all of the tickets");
	my $plan = join "\n", @{ $two->query(
		"EXPLAIN SELECT * FROM trainledger.ticket t WHERE t.holder_id = 1 OR t.holder_id = -1 AND t.made_out_to = '77\@example.org'")->{rows} };
	like($plan, qr/Index Cond: \(+holder_id = .*Index Cond: \(+made_out_to = /s, "$role: by two indexes");
	unlike($plan, qr/Seq Scan on ticket/, "$role: and not by all of them");
}
is($two->query('SELECT count(*) FROM trainledger.ticket')->{rows}[0], 4000, 'a reader sees all');
$two->query('SET ROLE hostile_learner');
is($two->query('SELECT count(*) FROM trainledger.ticket')->{rows}[0], 5, 'a learner its own');
for my $nobody ('0', '-1', '')
{
	$two->query("SET trainledger.party_id = '$nobody'");
	is($two->query('SELECT count(*) FROM trainledger.ticket')->{rows}[0], 0, "and party '$nobody' nothing");
}
$two->query('RESET ROLE');

$_->quit for $one, $two;
no_crash($node, $started, 'programs_hostile');
$node->stop;
done_testing();
