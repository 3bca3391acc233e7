# Nothing is left out of the log that is committed late, and nothing is in it
# twice: an open transaction with a number, a fresh sequence, one that somebody
# altered, and a dump in a cluster with lower transaction ids.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use TrainLedger;
use TrainLedger::Server;

my $node = start_books('log_watermark', 'autovacuum = off',
	'max_prepared_transactions = 10');

sub ask
{
	my ($sql) = @_;
	return $node->safe_psql('books', $sql);
}

sub seal { return ask('SELECT trainledger.seal()'); }

sub adding
{
	my ($party) = @_;
	return "SELECT booking_no FROM trainledger.credit_add($party, 1, 'bar', '', now())";
}

# ----------------------------------------------------------------------
# A fresh sequence says 1 before it has given 1
# ----------------------------------------------------------------------

ask("SELECT trainledger.start_log('books.example/ledger', 'Opening')");
is(seal() . seal(), '00', 'nothing is sealed before anything is booked');
is(ask('SELECT max(last_no) FROM trainledger.log_mark'), 0, 'and no number is taken as given');
# a consumer that skips all until now
ask("SELECT trainledger.feed_ack('early', 'end')");
my @parties = map {
	ask("SELECT id FROM trainledger.add_party('person', 'Person $_')")
} 1 .. 3;
ask("SELECT balance FROM trainledger.credit_init($parties[0], 0, 'bar', '', now())");
is(seal(), 1, 'the first booking is sealed');
is(ask("SELECT string_agg(position, ' ') FROM trainledger.feed_read('early')"),
	ask("SELECT booking_no || '.E1.' || account_id || '.1' FROM trainledger.entry"),
	'and comes to who has skipped what was before it');
ask("SELECT balance FROM trainledger.credit_init($_, 0, 'bar', '', now())")
  for @parties[ 1, 2 ];
is(seal(), 3, 'and the next two');

# ----------------------------------------------------------------------
# A transaction that has a number and is not yet over
# ----------------------------------------------------------------------

my ($writer) = sessions($node, 1);
for my $end ('COMMIT', "PREPARE TRANSACTION 'late'", 'ROLLBACK')
{
	my $sealed = seal();

	# what a seal would end with, and take the open one's number with it
	ask(adding($parties[1]));
	$writer->query('BEGIN');
	my $number = $writer->query(adding($parties[0]))->{rows}[0];
	# whoever takes a mark at the last completed transaction passes it now
	is(seal() . '|' . seal(), "$sealed|$sealed", "$end: nothing is sealed while it is open");
	cmp_ok(ask(adding($parties[1])), '>', $number, "$end: a later number is committed");
	seal() for 1 .. 5;
	is(seal(), $sealed, "$end: and waits for the open one");
	$writer->query($end);
	if ($end =~ /^PREPARE/)
	{
		seal() for 1 .. 5;
		is(seal(), $sealed, "$end: as long as it is prepared");
		ask("COMMIT PREPARED 'late'");
	}
	is(seal(), $sealed + ($end eq 'ROLLBACK' ? 2 : 3), "$end: then all are sealed");
	is(ask("SELECT count(*) FROM trainledger.log_leaf WHERE booking_no = $number"),
		$end eq 'ROLLBACK' ? 0 : 1, "$end: with its number");
}

# ----------------------------------------------------------------------
# Whoever takes a number has its transaction id by then
# ----------------------------------------------------------------------

my ($locker, $taker) = sessions($node, 2);
my $activity = 'FROM pg_stat_activity WHERE pid = ' . $taker->backend;
$locker->query('BEGIN');
$locker->query('ALTER SEQUENCE trainledger.booking_no_seq CACHE 1');
$taker->send('SELECT trainledger_internal.booking_no()');
ok($node->poll_query_until('books', "SELECT wait_event_type = 'Lock' $activity"),
	'a transaction waits for its number');
is(ask("SELECT backend_xid IS NOT NULL $activity"), 't', 'and has its id');
$locker->query('ROLLBACK');
like($taker->receive->{rows}[0], qr/^\d+\z/, 'then it gets the number');
$_->quit for $locker, $taker;

# ----------------------------------------------------------------------
# A sequence that was altered
# ----------------------------------------------------------------------

for my $change (
	[ 'CACHE 10', 'CACHE 1' ],
	[ 'INCREMENT 2', 'INCREMENT 1' ],
	[ 'CYCLE', 'NO CYCLE' ],
	[ 'SET UNLOGGED', 'SET LOGGED' ],
	[ 'RESTART 1', 'RESTART' ])
{
	my ($do, $undo) = @$change;
	my $last = ask('SELECT last_value FROM trainledger.booking_no_seq');

	# a number must not be given twice
	$undo .= ' ' . ($last + 1) if $undo eq 'RESTART';

	ask("ALTER SEQUENCE trainledger.booking_no_seq $do");
	my ($session) = sessions($node, 1);
	is($session->query(adding($parties[0]))->{sqlstate},
		'55000', "a sequence with $do: no booking");
	$session->quit;
	ask("ALTER SEQUENCE trainledger.booking_no_seq $undo");
	ok(ask(adding($parties[0])), "with $undo there is one again");
}
seal();

# ----------------------------------------------------------------------
# A dump, in a cluster with lower transaction ids
# ----------------------------------------------------------------------

ask(join '', ("SELECT pg_current_xact_id();\n") x 500);
$writer->query('BEGIN');
$writer->query(adding($parties[2]));
my $sealed = seal();
seal();
cmp_ok(ask('SELECT count(*) FROM trainledger.log_mark'), '>', 0, 'there is a mark');
my $checkpoint = ask('SELECT trainledger.checkpoint_text()');
my $dump = PostgreSQL::Test::Utils::tempdir . '/books.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('books') ], 'pg_dump');
$writer->query('COMMIT');

my $copy = TrainLedger::Server->new('log_copy');
$copy->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$copy->append_conf('postgresql.conf', 'autovacuum = off');
$copy->start;
$copy->safe_psql('postgres', 'CREATE DATABASE books');
$copy->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $copy->connstr('books') ],
	'and its restore');
is($copy->safe_psql('books', 'SELECT count(*) FROM trainledger.log_mark'),
	0, 'marks are not dumped');
is($copy->safe_psql('books', "SELECT * FROM trainledger.verify('$checkpoint\n')"),
	'', 'the books are what the checkpoint from before says');
$copy->safe_psql('books', adding($parties[0]));
is($copy->safe_psql('books', 'SELECT trainledger.seal()'),
	$sealed + 1, 'sealing goes on');
is($copy->safe_psql('books', "SELECT * FROM trainledger.verify('$checkpoint\n')"),
	'', 'and the checkpoint still holds');
$copy->stop;

$node->stop;
done_testing();
