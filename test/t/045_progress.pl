# Progress of long reading that another session sees, and checks of the books
# that are cancelled.
#
# A second of work takes millions of entries.  Instead, the backend is stopped by
# a signal while it reads fewer, goes on more than a second later, and is stopped
# again to be looked at.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;

my $node = start_books('progress', 'compute_query_id = on',
	'max_parallel_workers_per_gather = 0');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $entries = 300_000;

$node->safe_psql('books', <<"SQL");
SELECT trainledger.add_party('person', 'Ann');
SELECT trainledger.add_credit_token_type('default');
INSERT INTO trainledger.account (id, party_id, token_type_id, created_at, initial_balance, balance, entry_count, last_entry_at, name)
SELECT a, 1, t.id, '2026-01-01', 1, 30, 30, '2026-01-01', a FROM generate_series(1, $entries / 30) a, trainledger.token_type t;
INSERT INTO trainledger.entry (account_id, entry_no, delta, balance, created_at, booking_no, operation, source, description, booked_by)
SELECT a, n, 1, n, '2026-01-01', 0, 'add', 's', '', 'x' FROM generate_series(1, $entries / 30) a, generate_series(1, 30) n;
ANALYZE;
SQL

my ($worker, $watcher) = sessions($node, 2);
my $pid = $worker->backend;
$watcher->query('SET statement_timeout = 500');

# What another session sees of the worker: state, query id and text
sub seen
{
	my $answer = $watcher->query(
		q{SELECT state, query_id, rtrim(query, E';\n') FROM pg_stat_activity WHERE pid = }
		  . $pid);
	return ((split /\|/, $answer->{rows}[0] // '', 3), '', '', '');
}

# Runs a statement, and returns what was seen of it at once and after a second,
# and its answer.  A backend may be stopped while it is not to be looked at, or
# before or after its reading: then once more.
sub watch
{
	my ($statement, $then) = @_;

	for my $try (1 .. 50)
	{
		my $begun = time;
		$worker->send($statement);
		sleep 0.01 + 0.002 * ($try % 10);
		kill STOP => $pid;
		# where all is slow, its first second is over
		my $is_late = time - $begun > 0.9;
		my @first = seen();
		sleep 1.1;
		kill CONT => $pid;
		sleep 0.005;
		kill STOP => $pid;
		my @second = seen();
		$then->() if $then && $second[2] =~ m{^/\*};
		kill CONT => $pid;
		my $answer = $worker->receive;
		return (\@first, \@second, $answer)
		  if $second[2] =~ m{^/\*} && $first[0] eq 'active' && !$is_late;
	}
	return;
}

for my $statement ('SELECT * FROM trainledger.reconcile()',
	'SELECT trainledger.check_books()')
{
	my ($first, $second, $answer) = watch($statement);

	is($first->[2], $statement, "$statement: no progress in the first second");
	is($second->[0], 'active', 'then it still works');
	like( $second->[2],
		qr{^/[*] [1-9]\d* of $entries entries read, for part 1 of 1 \*/ \Q$statement\E$},
		'and says how far it is');
	is($second->[1], $first->[1], 'under its query id');
	cmp_ok($first->[1], '!=', 0, 'which there is');
	is($answer->{sqlstate}, '00000', 'it comes to its end');
	is_deeply([ (seen())[ 0, 2 ] ], [ 'idle', $statement ],
		'and nothing is left of its progress');
}

# ----------------------------------------------------------------------
# A check that is cancelled keeps nothing
# ----------------------------------------------------------------------

my $kept = 'SELECT count(*) FROM trainledger.books_check';
my (undef, $seen, $answer) = watch('SELECT trainledger.check_books()',
	sub { $node->safe_psql('books', "SELECT pg_cancel_backend($pid)") });
like($seen->[2], qr{^/\*.*check_books}, 'a check is seen');
is($answer->{sqlstate}, '57014', 'and cancelled');
my $after = $node->safe_psql('books', $kept);
my $done = 0;
for my $timeout (1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100, 5000)
{
	$worker->query("SET statement_timeout = $timeout");
	$done++
	  if $worker->query('SELECT trainledger.check_books()')->{sqlstate} eq '00000';
}
is($node->safe_psql('books', $kept), $after + $done,
	'whatever did not come to its end kept nothing');
cmp_ok($done, '<', 12, 'of which there are some');
books_are_right($node, 'progress');
no_crash($node, $started, 'progress');
$_->quit for $worker, $watcher;
$node->stop;
done_testing();
