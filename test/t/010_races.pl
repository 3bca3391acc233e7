# Many sessions at once: the last token, the same request, two accounts of one
# name, and a campaign of random postings in every isolation level.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('races');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

my $holder = $node->safe_psql('books',
	"SELECT id FROM trainledger.add_party('person', 'Ada')");
$node->safe_psql('books',
	"SELECT trainledger.add_credit_token_type('seats', scale => 0, lower_bound => 0)"
);

# Counts the answers by SQLSTATE: "00000 1, TL055 15"
sub outcome
{
	my %count;
	$count{ $_->{sqlstate} }++ for @_;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

# ----------------------------------------------------------------------
# Sixteen sessions try to take the last token
# ----------------------------------------------------------------------

my @many = sessions($node, 16);
for my $round (1 .. 5)
{
	$node->safe_psql('books',
		"SELECT trainledger.credit_init($holder, 1, 'setup', '', now(), 'last $round', 'seats')"
	);
	my @takes = map {
		"SELECT entry_no FROM trainledger.credit_subtract($holder, 1, 'session $_', '', now(), 'last $round', 'seats')"
	} 1 .. 16;
	is(outcome(at_once($node, \@many, @takes)),
		'00000 1, TL055 15', "round $round: one of 16 sessions takes the last token");
}

# ----------------------------------------------------------------------
# The same request from eight sessions
# ----------------------------------------------------------------------

my @eight = @many[ 0 .. 7 ];
$node->safe_psql('books',
	"SELECT trainledger.credit_init($holder, 0, 'setup', '', now())");
my ($account) = rows($node,
	"SELECT id FROM trainledger.account WHERE name = 'default'");

for my $round (1 .. 5)
{
	my $same = "$holder, 5, 'till', 'sale $round', '2026-01-02 03:04:05+00'";

	is( outcome(
			at_once(
				$node, \@eight,
				"SELECT entry_no FROM trainledger.credit_add($same)")),
		'00000 1, TL056 7',
		"round $round: of 8 equal requests one is booked");

	my @answers = at_once($node, \@eight,
		"SELECT entry_no, balance FROM trainledger.credit_add($same, idempotency_key => '00000000-0000-0000-0000-00000000000$round')"
	);
	is(outcome(@answers), '00000 8',
		"round $round: 8 equal requests with a key all succeed");
	is(scalar(keys %{ { map { $_->{rows}[0] => 1 } @answers } }),
		1, "round $round: and get the same entry");

	@answers = at_once($node, \@eight,
		"SELECT entry_no FROM trainledger.post($account, 'add', 5, 'till', 'post $round', idempotency_key => '00000000-0000-0000-0000-00000000001$round')",
		"SELECT entry_no FROM trainledger.post_batch(ARRAY[$account], ARRAY[5], 'till', ARRAY['post $round'], idempotency_keys => ARRAY[uuid '00000000-0000-0000-0000-00000000001$round'])"
	);
	is(outcome(@answers), '00000 4, TL422 4',
		"round $round: a key belongs to the call that used it first");
}
is($node->safe_psql('books',
		"SELECT entry_count, balance FROM trainledger.account WHERE id = $account"),
	'16|75', 'three entries a round, and no more');

# ----------------------------------------------------------------------
# Accounts that are opened by eight sessions
# ----------------------------------------------------------------------

for my $round (1 .. 5)
{
	is( outcome(
			at_once(
				$node, \@eight,
				"SELECT entry_no FROM trainledger.credit_init($holder, 1, 'web', '', now(), 'new $round')"
			)),
		'00000 1, TL051 7',
		"round $round: one of 8 sessions opens the account");

	my @inits = map {
		"SELECT entry_no FROM trainledger.credit_init($holder, 1, 'web', '', '2026-01-02', 'name $round $_', idempotency_key => '00000000-0000-0000-0000-00000000002$round')"
	} 1 .. 8;
	is(outcome(at_once($node, \@eight, @inits)),
		'00000 1, TL422 7', "round $round: one key opens one account of a party");
}
books_are_right($node, 'races');

# ----------------------------------------------------------------------
# One account that everybody posts on
# ----------------------------------------------------------------------

{
	my @left = (100) x 16;
	my %seen;

	drive(
		\@many,
		sub {
			my ($i) = @_;
			return $left[$i]--
			  ? "SELECT entry_no FROM trainledger.post($account, 'add', 1, 'hot', '$i $left[$i]', now())"
			  : undef;
		},
		sub { $seen{ $_[1]{sqlstate} }++; return undef; });
	is(join(' ', %seen), '00000 1600', 'READ COMMITTED: all of 1600 postings on one account');
	is($node->safe_psql('books',
			"SELECT entry_count, balance FROM trainledger.account WHERE id = $account"),
		'1616|1675', 'and nothing is lost or doubled');
}

# ----------------------------------------------------------------------
# Batches over many accounts, each in an order of its own
# ----------------------------------------------------------------------

$node->safe_psql('books',
	"SELECT trainledger.credit_init($holder, 0, 'setup', '', now(), 'wide ' || i) FROM generate_series(1, 1000) i");
for my $round (1 .. 5)
{
	is( outcome(
			at_once(
				$node, \@eight,
				"SELECT count(*) FROM trainledger.post_batch(ARRAY(SELECT id FROM trainledger.account WHERE name LIKE 'wide %' ORDER BY random()), array_fill(1::trainledger.amount, ARRAY[1000]), 'wide')"
			)),
		'00000 8',
		"round $round: 8 batches over 1000 accounts, no deadlock");
}
is($node->safe_psql('books',
		"SELECT min(balance), max(balance) FROM trainledger.account WHERE name LIKE 'wide %'"
	),
	'40|40', 'all of them are booked');
books_are_right($node, 'batches');

# ----------------------------------------------------------------------
# Eight sessions, twenty accounts with bounds, random postings and batches
# ----------------------------------------------------------------------

$node->safe_psql('books', <<END);
SELECT trainledger.add_credit_token_type('bounded', lower_bound => 0, upper_bound => 500);
SELECT trainledger.credit_init($holder, 100, 'setup', '', now(), 'random ' || i, 'bounded')
FROM generate_series(1, 20) i;
END
my @accounts = rows($node,
	"SELECT id FROM trainledger.account WHERE name LIKE 'random %' ORDER BY id");

my $seed = $ENV{TRAINLEDGER_SEED} || 20261121;
my $steps = int(soak() / 8) || 1;
note "seed $seed, $steps calls of each of 8 sessions in each isolation level";
srand $seed;

my %expected = map { $_ => 100 } @accounts;
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	my (%seen, @left, @call, $serial, $tries);

	$_->query("SET default_transaction_isolation = '" . lc($level) . "'")
	  for @eight;
	@left = ($steps) x 8;

	my $next = sub {
		my ($i) = @_;
		return undef unless $left[$i]--;
		$serial++;
		my $deltas = [];
		my $sql;
		if (rand() < 0.6)
		{
			my $id = $accounts[ rand @accounts ];
			my $amount = (1 + int rand 20000) / 100;
			my $operation = rand() < 0.5 ? 'add' : 'subtract';
			$deltas = [ [ $id, $operation eq 'add' ? $amount : -$amount ] ];
			$sql =
			  "SELECT 1, NULL FROM trainledger.post($id, '$operation', $amount, 'random', '$level $serial', now())";
		}
		else
		{
			for (0 .. rand 12)
			{
				push @$deltas,
				  [
					$accounts[ rand @accounts ],
					(rand() < 0.5 ? -1 : 1) * (1 + int rand 10000) / 100
				  ];
			}
			$sql =
				"SELECT ordinal, refusal FROM trainledger.post_batch(ARRAY["
			  . join(',', map { $_->[0] } @$deltas)
			  . ']::bigint[], ARRAY['
			  . join(',', map { $_->[1] } @$deltas)
			  . "]::trainledger.amount[], 'random', skip_refused => "
			  . (rand() < 0.5 ? 'true' : 'false') . ')';
		}
		$call[$i] = { sql => $sql, deltas => $deltas };
		return $sql;
	};
	my $answer = sub {
		my ($i, $result) = @_;
		my $state = $result->{sqlstate};

		$seen{$state}++;
		if ($state eq '40001' && $tries++ < 1000 * $steps)
		{
			return $call[$i]{sql};
		}
		if ($state eq '00000')
		{
			for my $row (@{ $result->{rows} })
			{
				my ($ordinal, $refusal) = split /\|/, $row, -1;
				my ($id, $delta) = @{ $call[$i]{deltas}[ $ordinal - 1 ] };
				$expected{$id} += $delta if $refusal eq '';
				$seen{"row $refusal"}++ if $refusal ne '';
			}
		}
		return undef;
	};

	drive(\@eight, $next, $answer);
	note "$level: ", join ', ', map { "$_ $seen{$_}" } sort keys %seen;

	is(join(' ', sort grep { !/^(00000|40001|(row )?TL05[45])$/ } keys %seen),
		'', "$level: nothing but successes, bounds and conflicts, no deadlock");
	ok(!$seen{40001}, "$level: a refusal is never 40001")
	  if $level eq 'READ COMMITTED';
	cmp_ok($seen{TL055} || 0, '>', 0, "$level: bounds were met");
	is( join(' ', rows($node, "SELECT id || '=' || balance::numeric(20,2) FROM trainledger.account WHERE name LIKE 'random %' ORDER BY id")),
		join(' ', map { sprintf '%s=%.2f', $_, $expected{$_} } @accounts),
		"$level: every balance is the sum of what was acknowledged");
	is($node->safe_psql('books',
			"SELECT count(*) FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id WHERE a.name LIKE 'random %' AND NOT e.balance <\@ '[0,500]'::trainledger.amount_range"
		),
		0, "$level: no entry is out of bounds");
	books_are_right($node, $level);
}

no_crash($node, $started, 'races');
done_testing();
