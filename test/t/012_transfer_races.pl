# Transfers from sixteen sessions, in both directions and among single postings,
# in every isolation level: no deadlock, and no token is made or lost.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('transfer_races');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $calls = int(soak() / 16) || 1;

$node->safe_psql('books',
	"SELECT trainledger.add_credit_token_type('race', lower_bound => 0, upper_bound => 200)");
my @accounts = map {
	$node->safe_psql('books',
		"SELECT (trainledger.credit_init((trainledger.add_party('person', 'P$_')).id, 100, 'setup', '', now(), 'race', 'race')).account_id")
} 1 .. 3;
my ($low, $middle, $high) = sort { $a <=> $b } @accounts;
my @many = sessions($node, 16);

# ----------------------------------------------------------------------
# Eight sessions in each direction
# ----------------------------------------------------------------------

for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	my @left = (int($calls / 4) || 1) x 16;
	my %seen;

	$_->query("SET default_transaction_isolation = '" . lc($level) . "'") for @many;
	drive(
		\@many,
		sub {
			my ($i) = @_;
			return undef unless $left[$i]-- > 0;
			my ($from, $to) = $i % 2 ? ($low, $high) : ($high, $low);
			return "SELECT FROM trainledger.credit_transfer($from, $to, 1 + random()::numeric, 'session $i')";
		},
		sub {
			my ($i, $answer) = @_;
			$seen{ $answer->{sqlstate} }++;
			return undef;
		});
	my %other = %seen;
	delete @other{qw(00000 40001 TL054 TL055)};
	is_deeply(\%other, {}, "$level: booked, refused by a bound, or repeatable");
	cmp_ok($seen{'00000'} // 0, '>', 0, "$level: some are booked ("
		. join(', ', map { "$_ $seen{$_}" } sort keys %seen) . ')');
	is($seen{'40001'} // 0, 0, 'READ COMMITTED raises no 40001')
	  if $level eq 'READ COMMITTED';
	is($node->safe_psql('books',
			"SELECT trim_scale(sum(balance)) FROM trainledger.account WHERE id IN ($low, $high)"),
		'200', "$level: the sum is what it was");
}
books_are_right($node, 'transfer_races');

# ----------------------------------------------------------------------
# Three accounts in all directions, postings and batches between
# ----------------------------------------------------------------------

$_->query("SET default_transaction_isolation = 'read committed'") for @many;
{
	my @left = ($calls) x 16;
	my ($added, %seen) = (0);
	my @adds = (0) x 16;

	drive(
		\@many,
		sub {
			my ($i) = @_;
			return undef unless $left[$i]-- > 0;
			my $first = int rand 3;
			my ($from, $to) =
			  @accounts[ $first, ($first + 1 + int rand 2) % 3 ];
			my $what = int rand 8;
			$adds[$i] = 0;
			if ($what == 0)
			{
				$adds[$i] = rand() < 0.5 ? 1 : -1;
				return "SELECT FROM trainledger.post($from, 'adjust', $adds[$i], 'session $i')";
			}
			return "SELECT refusal FROM trainledger.post_batch(ARRAY[$from, $to], ARRAY[-1, 1], 'session $i')"
			  if $what == 1;
			my $key = $what == 2 ? ", idempotency_key => '00000000-0000-4000-8000-000000000001'" : '';
			return "SELECT FROM trainledger.credit_transfer($from, $to, 1, 's'$key)";
		},
		sub {
			my ($i, $answer) = @_;
			$seen{ $answer->{sqlstate} }++;
			$added += $adds[$i] if $answer->{sqlstate} eq '00000';
			return undef;
		});
	my %other = %seen;
	delete @other{qw(00000 TL054 TL055 TL422)};
	is_deeply(\%other, {}, 'among postings and batches: no deadlock');
	is($node->safe_psql('books', 'SELECT trim_scale(sum(balance)) FROM trainledger.account'),
		300 + $added, 'the sum is what was added');
}

# A key books one transfer, whoever comes first
{
	my @answers = at_once($node, \@many,
		"SELECT (x.from_entry).entry_no, (x.to_entry).entry_no FROM trainledger.credit_transfer($high, $low, 0.01, 's', idempotency_key => '00000000-0000-4000-8000-000000000002') x");
	is(scalar(grep { $_->{sqlstate} eq '00000' } @answers), 16, '16 equal transfers with a key succeed');
	is(scalar(keys %{ { map { $_->{rows}[0] => 1 } @answers } }), 1, 'and get the same entries');
}
is($node->safe_psql('books', <<'END'), '0', 'every transfer has its other side, at the same instant');
SELECT count(*) FROM trainledger.entry e WHERE operation = 'transfer' AND NOT EXISTS (
	SELECT FROM trainledger.entry o WHERE o.account_id = e.other_account_id AND o.other_account_id = e.account_id
	AND o.booking_no = e.booking_no AND o.created_at = e.created_at AND o.delta = -e.delta)
END
is($node->safe_psql('books', <<'END'), '0', 'and no account was outside its bounds');
SELECT count(*) FROM trainledger.entry WHERE balance NOT BETWEEN 0::trainledger.amount AND 200::trainledger.amount
END
books_are_right($node, 'transfer_races');
no_crash($node, $started, 'transfer_races');
done_testing();
