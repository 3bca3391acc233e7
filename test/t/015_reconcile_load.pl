# reconcile() while other sessions post, in parallel workers and at every
# isolation level: it reports nothing while the books are right, and otherwise
# what was damaged.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $size = soak();
my $seed = $ENV{TRAINLEDGER_SEED} || 20261122;
note "seed $seed, $size calls in each isolation level";
srand $seed;

# workers take part however small the books are, and are logged
my $node = start_books('reconcile_load',
	'min_parallel_table_scan_size = 0', 'parallel_setup_cost = 0',
	'parallel_tuple_cost = 0', 'max_parallel_workers_per_gather = 2',
	'max_worker_processes = 16', 'max_parallel_workers = 16',
	'max_pred_locks_per_transaction = 1024', 'log_min_messages = debug1');
$node->safe_psql('books', <<'END');
SELECT FROM trainledger.add_credit_token_type('load');
SELECT id AS party FROM trainledger.add_party('person', 'Ada') \gset
SELECT trainledger.credit_init(:party, 1000, 'setup', '', now(), 'account ' || i, 'load')
FROM generate_series(1, 200) i;
ANALYZE;
END
my @accounts = rows($node, 'SELECT id FROM trainledger.account');
my @clients = sessions($node, 6);
my @readers = sessions($node, 2);
my $reconcile = 'SELECT * FROM trainledger.reconcile()';

sub some_posting
{
	my $many = rand() < 0.2;
	my $ids = join ',', map { $accounts[ rand @accounts ] } 1 .. ($many ? 100 : 2);
	my $deltas = join ',', map { 1 + int rand 9 } 1 .. ($many ? 100 : 2);

	return rand() < 0.5
	  ? "SELECT 1 FROM trainledger.post($accounts[rand @accounts], 'add', 1, 'load')"
	  : "SELECT 1 FROM trainledger.post_batch('{$ids}', '{$deltas}', 'load') LIMIT 1";
}

# Post so many times; what the readers found meanwhile, and how often postings
# were refused with each SQLSTATE.
sub post_and_read
{
	my ($isolation, $count) = @_;
	my (@found, %states);
	my $read = 0;

	$_->query("SET default_transaction_isolation = '$isolation'")
	  for @clients, @readers;
	drive(
		[ @clients, @readers ],
		sub {
			my ($i) = @_;

			return if $count <= 0;
			return $reconcile if $i >= @clients;
			$count--;
			return some_posting();
		},
		sub {
			my ($i, $answer) = @_;

			if ($i < @clients)
			{
				$states{ $answer->{sqlstate} }++;
				return;
			}
			# a reader too may have to repeat what it asked
			return if $answer->{sqlstate} eq '40001';
			$read++ if $answer->{sqlstate} eq '00000';
			push @found, @{ $answer->{rows} };
			return;
		});
	return ($read, \@found, \%states);
}

my $log_before = -s $node->logfile;
for my $isolation ('read committed', 'repeatable read', 'serializable')
{
	my ($read, $found, $states) = post_and_read($isolation, $size);

	cmp_ok($read, '>', 2, "$isolation: reconcile() ran beside postings");
	is_deeply($found, [], "$isolation: and found nothing");
	is( join(' ', grep { !/^(00000|40001)$/ } keys %$states),
		'', "$isolation: postings were booked or had to be repeated");
	cmp_ok($states->{'00000'}, '>', $size / 20, "$isolation: many were booked");
	note join ', ', map { "$_: $states->{$_}" } sort keys %$states;
}
like(
	slurp_file($node->logfile, $log_before),
	qr/starting background worker process "parallel worker for PID/,
	'workers took part');
cmp_ok(
	$node->safe_psql('books',
		'SELECT count(*) FROM trainledger.entry WHERE account_id = '
		  . $accounts[0]),
	'>', 20, 'accounts have some entries');
books_are_right($node, 'after all of it');

# Damage of one account is found each time, and no other's.
my $damaged = $accounts[50];
$node->safe_psql('books', <<END);
SET session_replication_role = replica;
ALTER TABLE trainledger.entry DISABLE TRIGGER ALL;
UPDATE trainledger.entry SET delta = delta + 1 WHERE account_id = $damaged AND entry_no = 3;
END
my ($read, $found) = post_and_read('read committed', $size);
cmp_ok($read, '>', 0, 'reconcile() ran beside postings to damaged books');
is( join(' ', sort keys %{ { map { (split /\|/)[0] => 1 } @$found } }),
	$damaged, 'the account that was damaged is found, and no other');
is( scalar(grep { /^$damaged\|running balance at entry 3\|/ } @$found),
	$read, 'each time, and where');

done_testing();
