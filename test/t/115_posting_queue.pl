# The queue in front of a hot account (doc/posting_queue.sql): sessions add
# postings while two others drain the queue and repeatedly fail at the end of
# it, and an immediate shutdown comes in between. Every acknowledged posting is
# booked once or refused for its bounds, and none is booked twice.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $size = soak();
my $seed = $ENV{TRAINLEDGER_SEED} || 20261122;
note "seed $seed, $size postings";
srand $seed;

my $node = start_books('posting_queue');
my $holder = $node->safe_psql('books',
	"SELECT id FROM trainledger.add_party('person', 'Ada')");
$node->safe_psql('books', <<END);
SELECT FROM trainledger.add_credit_token_type('hot', lower_bound => 0, upper_bound => 100);
SELECT trainledger.credit_init($holder, 50, 'setup', '', now(), 'account ' || i, 'hot')
FROM generate_series(1, 2) i;
CREATE ROLE queue_owner;
SELECT trainledger.grant_access('queue_owner', 'operator');
CREATE ROLE client;
CREATE SCHEMA desk AUTHORIZATION queue_owner;
END
my $pattern = slurp_file(dirname(__FILE__) . '/../../doc/posting_queue.sql');
$node->safe_psql('books', "SET ROLE queue_owner; SET search_path = desk, trainledger; $pattern");
$node->safe_psql('books',
	'GRANT USAGE ON SCHEMA desk TO client; GRANT INSERT ON desk.posting_queue TO client');
my @accounts = rows($node, 'SELECT id FROM trainledger.account ORDER BY id');

# what the clients know of: key => [account, delta]
my %acknowledged;
my @retried;
my $number = 0;
my $drains = 0;

# A posting with a key of its own; one in ten is sent once more, as by a client
# that lost its connection.
sub put_in
{
	my ($account, $delta, $key) = @_;

	return
	  "INSERT INTO desk.posting_queue (account_id, delta, source, description, idempotency_key)"
	  . " VALUES ($account, $delta, 'desk " . ($account % 3) . "', 'a posting', '$key')";
}

sub some_postings
{
	my ($count) = @_;
	my @clients = sessions($node, 6);
	my @drainers = sessions($node, 2);
	my (@sent, @failed);

	$_->query('SET ROLE client') for @clients;
	$_->query('SET ROLE queue_owner; SET search_path = desk, trainledger') for @drainers;
	drive(
		[ @clients, @drainers ],
		sub {
			my ($i) = @_;

			if ($i >= @clients)
			{
				return if $count <= 0;
				# every third one fails when all is done, the first among them
				return 'SELECT drain_posting_queue() / ' . $drains++ % 3;
			}
			return if $count-- <= 0;
			if (%acknowledged && rand() < 0.1)
			{
				my @keys = keys %acknowledged;
				my $key = $keys[ rand @keys ];
				push @retried, $key;
				$sent[$i] = undef;
				return put_in(@{ $acknowledged{$key} }, $key);
			}
			my $key = sprintf '%08x-0000-4000-8000-000000000000', ++$number;
			$sent[$i] = [ $key, $accounts[ rand @accounts ], int(rand 41) - 20 || 7 ];
			return put_in(@{ $sent[$i] }[ 1, 2 ], $key);
		},
		sub {
			my ($i, $answer) = @_;

			if ($i >= @clients)
			{
				push @failed, $answer->{sqlstate} if $answer->{sqlstate} ne '00000';
				return;
			}
			is($answer->{sqlstate}, '00000', 'put into the queue')
			  if $answer->{sqlstate} ne '00000';
			$acknowledged{ $sent[$i][0] } = [ @{ $sent[$i] }[ 1, 2 ] ]
			  if $sent[$i];
			return;
		});
	$_->quit for @clients, @drainers;
	return @failed;
}

sub drain_all
{
	my $left;

	do
	{
		$left = $node->safe_psql('books',
			'SET ROLE queue_owner; SET search_path = desk, trainledger; SELECT drain_posting_queue()');
	} while ($left > 0);
	return;
}

my @failed = some_postings($size / 2);
cmp_ok(scalar(@failed), '>', 0, 'drains failed in the end');
is(scalar(grep { $_ ne '22012' } @failed), 0, 'by nothing but their division by zero');

# the server goes down with postings in the queue
$node->safe_psql('books', "SET ROLE client; " . put_in($accounts[0], 1, 'ffffffff-0000-4000-8000-000000000000'));
$acknowledged{'ffffffff-0000-4000-8000-000000000000'} = [ $accounts[0], 1 ];
$node->stop('immediate');
$node->start;
some_postings($size / 2);
# no advisory lock that a login can take keeps the queue from being drained
my ($nosy) = sessions($node, 1);
$nosy->query("SELECT pg_advisory_lock('desk.posting_queue'::regclass::oid::bigint)");
drain_all();
$nosy->quit;

is($node->safe_psql('books', 'SELECT count(*) FROM desk.posting_queue'), 0,
	'the queue is empty');
my %booked = map { my ($key, @rest) = split /\|/; $key => \@rest } rows($node,
	"SELECT dedup, account_id, delta FROM trainledger.entry WHERE source LIKE 'desk%'");
my %refused = map { $_ => 1 }
  rows($node, 'SELECT DISTINCT idempotency_key FROM desk.posting_refused');
my @lost = grep { !$booked{$_} && !$refused{$_} } keys %acknowledged;
my @wrong = grep {
	$booked{$_}
	  && ($booked{$_}[0] != $acknowledged{$_}[0] || $booked{$_}[1] != $acknowledged{$_}[1])
} keys %acknowledged;
my @unasked = grep { !$acknowledged{$_} } keys %booked;
is_deeply(\@lost, [], 'every posting is booked or refused');
is_deeply(\@wrong, [], 'what is booked is what was asked for');
is_deeply(\@unasked, [], 'nothing else is booked');
is( $node->safe_psql('books',
		"SELECT count(*) - count(DISTINCT dedup) FROM trainledger.entry WHERE source LIKE 'desk%'"),
	0, 'nothing is booked twice');
ok(@retried > 5, 'some were sent twice');
is( $node->safe_psql('books',
		"SELECT string_agg(DISTINCT refusal, ',') FROM desk.posting_refused"),
	'TL054,TL055', 'the others were refused for their bounds');
is( $node->safe_psql('books',
		'SELECT count(*) FROM trainledger.entry WHERE NOT balance BETWEEN 0 AND 100'),
	0, 'no balance was ever out of bounds');
books_are_right($node, 'after all of it');
done_testing();
