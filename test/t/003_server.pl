# The tests' own server: a question finds a clean session although psql and the
# server's process are those of the question before.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use POSIX qw(_exit);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $node = start_books('server');
my $who = 'SELECT pg_backend_pid()';

sub ask { return $node->safe_psql('books', @_); }

# How a question ends that fails
sub failure { my ($sql, $database) = @_; return eval { $node->safe_psql($database // 'books', $sql) } // $@; }

# --- Clean, although it is the same

my $process = ask($who);
is(ask($who), $process, 'two questions have the same process');
isnt(ask($who, fresh => 1), $process, 'where none wants one of its own');

ask("CREATE TEMP TABLE scrap (n int); SET work_mem = '1MB'; PREPARE plan AS SELECT 1; LISTEN news; SELECT pg_advisory_lock(7)");
is( ask("SELECT to_regclass('scrap') IS NULL, current_setting('work_mem'), (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels()), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"),
	't|4MB|0|0|0',
	'what one leaves is gone');
ask('SET ROLE pg_monitor');
is(ask('SELECT current_user = session_user'), 't', 'so is its role');
is(ask($who), $process, 'and it is still that process');
ask('CREATE TABLE counted (n int)');
ask('INSERT INTO counted VALUES (1)');
is(ask("SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'counted'", fresh => 1), 1, 'others find its statistics');

ask('BEGIN; CREATE TABLE half (n int)');
is(ask("SELECT to_regclass('half') IS NULL"), 't', 'a transaction that is left open is rolled back');
isnt(ask($who), $process, 'with its session');

# --- Answers

is(ask("SELECT 'a' UNION ALL SELECT '' ORDER BY 1 DESC"), "a\n", 'an answer has its last, empty line');
is(ask('-- nothing'), '', 'nothing answers nothing');
is(ask("SELECT 1; -- one\nSELECT 2 -- two"), "1\n2", 'what ends in a comment is asked');
is(ask("SELECT E'a\\tb'"), "a\tb", 'backslashes are for psql or for the server');
is(ask("COPY counted FROM STDIN;\n5\n\\.\nSELECT sum(n) FROM counted"), 6, 'data is read');
is(length ask("SELECT repeat('x', 5000000)"), 5_000_000, 'a long answer');
is(length ask("SELECT '" . 'x' x 500_000 . "'"), 500_000, 'a long question');

# --- Errors

like(failure("SELECT 1;\n\nSELECT 1 / 0;\nSELECT 2"), qr/^error running SQL: 'psql:<stdin>:3: ERROR:  division by zero'/, 'an error ends it, with its line');
like(failure("SELECT 1;\nSELECT nope"), qr/psql:<stdin>:2: ERROR:  column "nope" .*LINE 1: SELECT nope/s, 'also at its end');
like(failure('SELECT 1', 'nowhere'), qr/database "nowhere" does not exist/, 'who cannot connect is told so');
is(ask('SELECT 3'), 3, 'the next one is answered');

# --- The server and others come and go

$process = ask($who);
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($process, 60000)"), 't', 'a process is ended');
isnt(ask($who), $process, 'there is a new one');
{
	local $ENV{PGOPTIONS} = '-c work_mem=2MB';
	is(ask('SHOW work_mem'), '2MB', 'the environment is that of the moment');
}
is(ask('SHOW work_mem'), '4MB', 'and back');
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE books');
is($node->safe_psql('copied', 'SELECT count(*) FROM counted'), 2, 'nobody is in the way of a copy');
$node->safe_psql('postgres', 'DROP DATABASE copied');
ask("ALTER DATABASE books SET work_mem = '3MB'");
is(ask('SHOW work_mem'), '3MB', 'a new setting of the database is seen');

my $child = fork;
if (!$child)
{
	my $answer = ask($who);
	_exit($answer =~ /^\d+$/ ? 0 : 1);
}
waitpid $child, 0;
is($?, 0, 'a forked process asks too');
is(ask('SELECT 4'), 4, 'and takes nothing away');

$node->restart;
is(ask('SELECT 5'), 5, 'the server was restarted');
$node->stop;
done_testing();
