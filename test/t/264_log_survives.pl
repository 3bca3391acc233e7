# The log goes on where the books go on: in a database that a dump was restored
# to, on a standby, which has the feed too, and after its promotion, and on a
# subscriber after a logical switch-over. verify() with a checkpoint from before
# agrees on each.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Server;
use TrainLedger::Transparency;

my $root = abs_path(dirname(__FILE__) . '/../..');
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my $origin = 'books.example/ledger';
my ($pem, $public) = make_key();
append_to_file("$folder/log.pem", $pem);
my @settings = ('wal_level = logical', "trainledger.log_key_file = '$folder/log.pem'");

my $node = start_books('log_survives', @settings, 'max_wal_senders = 5', 'max_replication_slots = 5', 'hot_standby = on');
$node->command_ok([ $node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
		'-d', $node->connstr('books'), '-f', "$root/test/api/sample.sql" ],
	'there are books in every subject');
$node->safe_psql('books', "SELECT trainledger.start_log('$origin', 'test')");
my $size = $node->safe_psql('books', 'SELECT trainledger.seal()');
my $kept = $node->safe_psql('books', 'SELECT trainledger.sign_checkpoint()');
verify_note($kept, make_vkey($origin, $public));

# verify() with the checkpoint that was kept has nothing to say
sub is_verified
{
	my ($where, $what) = @_;

	is($where->safe_psql('books', "SELECT * FROM trainledger.verify(\$c\$$kept\$c\$)"),
		'', "$what: verify() agrees with the checkpoint");
	return;
}

# Books an entry, seals it and proves that the log begins as it did.
sub goes_on
{
	my ($where, $what, $old) = @_;
	my $checkpoint = parse_checkpoint(verify_note($kept, make_vkey($origin, $public)));

	$where->safe_psql('books', "SELECT trainledger.credit_add(20, 1, 'desk', 'more', clock_timestamp())");
	$where->safe_psql('books', 'SELECT trainledger.seal()') for 1 .. 2;
	is($where->safe_psql('books', 'SELECT trainledger.seal()'), $old + 1, "$what: seal() goes on");
	is_verified($where, $what);
	my $now = parse_checkpoint($where->safe_psql('books', 'SELECT trainledger.checkpoint_text()'));
	ok( proves_consistency($size, $now->{size}, $checkpoint->{root}, $now->{root},
			hashes_of($where->safe_psql('books', "SELECT trainledger.prove_consistency($size)"))),
		"$what: the tree begins as the one that was kept");
	return;
}

is_verified($node, 'primary');

# A standby
$node->backup('copy');
my $standby = TrainLedger::Server->new('log_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
goes_on($node, 'primary', $size);
$node->wait_for_catchup($standby);
is_verified($standby, 'standby');
is($standby->safe_psql('books', 'SELECT trainledger.checkpoint_text()'),
	$node->safe_psql('books', 'SELECT trainledger.checkpoint_text()'),
	'standby: it has the checkpoint of the primary');
# The feed goes as far as the primary has found out, and not behind a writer
sub feed_of
{
	my ($where) = @_;
	return $where->safe_psql('books', q{SELECT position, event FROM trainledger.feed_read('reader', 10000)});
}
my $writer = TrainLedger::Session->new($node, 'books');
feed_of($node);
$node->wait_for_catchup($standby);
my $before = feed_of($node);
is(feed_of($standby), $before, 'standby: it has the feed of the primary');
$writer->query('BEGIN');
$writer->query("SELECT trainledger.credit_add(20, 1, 'desk', 'early', clock_timestamp())");
$node->safe_psql('books', "SELECT trainledger.credit_add(21, 1, 'desk', 'late', clock_timestamp())");
is(feed_of($node), $before, 'primary: a writer holds the feed back');
$node->wait_for_catchup($standby);
is(feed_of($standby), $before, 'standby: there too');
$writer->query('COMMIT');
$node->wait_for_catchup($standby);
my $after = feed_of($standby);
like($after, qr/^\Q$before\E\n.*early.*\n.*late[^\n]*\z/, 'standby: then both are there, by the mark that waited');
is(feed_of($node), $after, 'primary: there too');
$node->safe_psql('books', "SELECT trainledger.credit_add(21, 1, 'desk', 'unknown', clock_timestamp())");
$node->wait_for_catchup($standby);
is(feed_of($standby), $after, 'standby: of what the primary has not looked for it knows nothing');
$writer->quit;
$node->safe_psql('books', 'SELECT trainledger.seal()');
$node->wait_for_catchup($standby);
my $session = TrainLedger::Session->new($standby, 'books');
is($session->query("SELECT trainledger.feed_ack('reader', 'end')")->{sqlstate}, '25006', 'standby: nothing is acknowledged');
is($session->query('SELECT trainledger.seal()')->{sqlstate}, '25006', 'standby: nothing is sealed');
$session->quit;
$standby->promote;
goes_on($standby, 'promoted standby', $size + 4);
$standby->stop;

# A dump, in a cluster of its own with lower transaction ids: an open
# transaction leaves a mark, which is not in the dump
my $open = TrainLedger::Session->new($node, 'postgres');
$node->safe_psql('books', 'DO $$ BEGIN FOR i IN 1 .. 3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
$open->query('BEGIN');
$open->query('SELECT txid_current()');
$node->safe_psql('books', "SELECT trainledger.credit_add(21, 1, 'desk', 'behind', clock_timestamp())");
$node->safe_psql('books', 'SELECT trainledger.seal()');
is($node->safe_psql('books', 'SELECT count(*) > 0 FROM trainledger.log_mark'), 't', 'there is a mark');
$open->query('ROLLBACK');
$open->quit;
$node->command_ok([ $node->installed_command('pg_dump'), '-Fc', '-f', "$folder/books.dump", $node->connstr('books') ],
	'the books are dumped');
my $other = TrainLedger::Server->new('log_restored');
$other->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$other->append_conf('postgresql.conf', join "\n", "timezone = 'UTC'", @settings, '');
$other->start;
$other->safe_psql('postgres', 'CREATE DATABASE books');
$other->command_ok([ $node->installed_command('pg_restore'), '-d', $other->connstr('books'), "$folder/books.dump" ],
	'and restored');
is($other->safe_psql('books', 'SELECT count(*) FROM trainledger.log_mark'), '0', 'dump: no mark is in it');
is($other->safe_psql('books', 'SELECT (SELECT pg_current_xact_id()::text::numeric) < 3000'), 't',
	'dump: transaction ids are lower');
is_verified($other, 'dump');
is($other->safe_psql('books', 'SELECT trainledger.seal()'), $size + 5, 'dump: what was not sealed is');
goes_on($other, 'dump', $size + 5);

# Marks that came in all the same, as with a copy of the table, are dropped.
$other->safe_psql('books', 'INSERT INTO trainledger.log_mark VALUES (10000000, $$4000000$$)');
goes_on($other, 'a mark of another cluster', $size + 6);
$other->stop;

# A logical switch-over: rows are copied, numbers are set behind them
my $copy = start_books('log_subscriber', @settings);
$node->safe_psql('books', 'CREATE PUBLICATION books FOR TABLES IN SCHEMA trainledger');
$copy->safe_psql('books', "CREATE SUBSCRIPTION books CONNECTION '" . $node->connstr . " dbname=books' PUBLICATION books");
$copy->wait_for_subscription_sync($node, 'books', 'books');
$node->safe_psql('books', 'SELECT trainledger.seal()') for 1 .. 2;
my $sealed = $node->safe_psql('books', 'SELECT trainledger.seal()');
$node->wait_for_catchup('books');
for my $row (rows($node, q{SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'trainledger' AND last_value IS NOT NULL}))
{
	my ($name, $value) = split /\|/, $row;
	$copy->safe_psql('books', "SELECT setval('trainledger.$name', $value)");
}
$copy->safe_psql('books', 'DROP SUBSCRIPTION books');
$node->stop;
goes_on($copy, 'switched over', $sealed);
$copy->stop;
done_testing();
