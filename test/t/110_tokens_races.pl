# Training tokens from many sessions at once: redemptions from one organisation,
# the same request, refunds and extensions against the expiry, two sweeps, and
# a campaign of everything in every isolation level.  make soak plays more rounds.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use List::Util qw(sum0);
use Test::More;

use TrainLedger;

my $node = start_books('token_races');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $seed = $ENV{TRAINLEDGER_SEED} || 20261121;
srand $seed;
note "seed $seed";

my ($asking) = sessions($node, 1);

sub ask
{
	return $asking->ask(@_);
}

my ($type) = ask(
	"SELECT id FROM trainledger.add_training_token_type('seats')");
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
my @many = sessions($node, 16);
my @eight = @many[ 0 .. 7 ];
my $serial = 0;

# Counts the answers by SQLSTATE: "00000 1, TL055 15"
sub outcome
{
	my %count;
	$count{ $_->{sqlstate} }++ for @_;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

sub new_key { return sprintf '00000000-0000-4000-8000-%012d', ++$serial; }

# A new organisation with lots of the given quantities, expiring in a year
sub organisation
{
	my @quantities = @_;
	my ($id) = ask("SELECT id FROM trainledger.add_party('organisation', 'Org @{[ ++$serial ]}')");
	my $list = join ',', @quantities;
	ask(<<"SQL");
SELECT trainledger.issue_training_tokens('$type', $id, q, current_date + 300 + (n % 7)::int)
FROM unnest('{$list}'::int[]) WITH ORDINALITY x(q, n)
SQL
	return $id;
}

sub isolation
{
	my ($level, @sessions) = @_;
	$_->query("SET default_transaction_isolation = '" . lc($level) . "'")
	  for @sessions;
	return;
}

# What has to hold of redemptions, allocations and entries, in one line
sub sums
{
	my ($party) = @_;
	return scalar ask(<<"SQL");
SELECT
	(SELECT count(*) FROM trainledger.redemption r WHERE r.party_id = $party
	 AND (r.quantity::numeric, r.refunded::numeric) IS DISTINCT FROM (
		SELECT ROW(sum(x.quantity), sum(x.refunded)) FROM trainledger.redemption_allocation x WHERE x.redemption_id = r.id))
	AS redemption_unlike_allocations,
	(SELECT count(*) FROM trainledger.token_issue i WHERE i.party_id = $party
	 AND coalesce((SELECT -sum(e.delta) FROM trainledger.entry e WHERE e.account_id = i.account_id AND e.operation = 'redeem'), 0)
	  <> coalesce((SELECT sum(x.quantity) FROM trainledger.redemption_allocation x WHERE x.issue_id = i.id), 0))
	AS lots_unlike_allocations,
	(SELECT count(*) FROM trainledger.token_lot l JOIN trainledger.account a ON a.id = l.account_id
	 WHERE l.party_id = $party AND (a.balance < 0 OR l.is_open <> (a.balance <> 0))) AS wrong_lots
SQL
}

# ----------------------------------------------------------------------
# Sixteen sessions redeem from one organisation with 50 lots
# ----------------------------------------------------------------------

for my $level (@levels)
{
	my @quantities = map { 1 + int rand 20 } 1 .. 50;
	my $there = sum0(@quantities);
	my $party = organisation(@quantities);
	my (%seen, @call, %taken);
	my (@empty, @refused);
	my $redeemed = 0;

	isolation($level, @many);
	drive(
		\@many,
		sub {
			my ($i) = @_;
			return undef if $empty[$i];
			# who was refused takes the rest one by one
			my $quantity = $refused[$i] ? 1 : 1 + int rand 12;
			$call[$i] = [ $quantity,
				"SELECT id FROM trainledger.redeem_training_tokens($party, '$type', $quantity, 'session $i')" ];
			return $call[$i][1];
		},
		sub {
			my ($i, $answer) = @_;
			my $state = $answer->{sqlstate};
			$seen{$state}++;
			return $call[$i][1] if $state eq '40001';
			$empty[$i] = 1 if $state eq 'TL055' && $call[$i][0] == 1;
			$refused[$i] = 1 if $state eq 'TL055';
			if ($state eq '00000')
			{
				$redeemed += $call[$i][0];
				$taken{ $answer->{rows}[0] } = $call[$i][0];
			}
			$empty[$i] = 1 if $state !~ /^(00000|TL055)$/;
			return undef;
		});
	note "$level: $there tokens in 50 lots, ",
	  join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	is(join(' ', sort grep { !/^(00000|TL055|40001)$/ } keys %seen),
		'', "$level: nothing but redemptions and refusals, no deadlock");
	ok(!$seen{40001}, "$level: nothing to try again")
	  if $level eq 'READ COMMITTED';
	is($redeemed, $there, "$level: 16 sessions took all that was there, and no more");
	is( scalar ask("SELECT sum(quantity), count(*) FROM trainledger.redemption WHERE party_id = $party"),
		"$there|" . keys %taken,
		"$level: every acknowledged redemption is there, and no other");
	is(sums($party), '0|0|0', "$level: no allocation is lost");
}
isolation('READ COMMITTED', @many);

# ----------------------------------------------------------------------
# The same request from eight sessions
# ----------------------------------------------------------------------

for my $level (@levels)
{
	isolation($level, @eight);
	for my $round (1 .. (soak() > 2000 ? 3 : 2))
	{
		my $party = organisation(5, 5);
		my $key = new_key();
		my @answers = at_once($node, \@eight,
			"SELECT id FROM trainledger.redeem_training_tokens($party, '$type', 7, 'same', idempotency_key => '$key')"
		);
		my @again = grep { $answers[$_]{sqlstate} eq '40001' } 0 .. 7;
		is(scalar @again, 0, "$level, round $round: nothing to try again")
		  if $level eq 'READ COMMITTED';
		for my $i (@again)
		{
			$answers[$i] = $eight[$i]->query(
				"SELECT id FROM trainledger.redeem_training_tokens($party, '$type', 7, 'same', idempotency_key => '$key')"
			);
		}
		is(outcome(@answers), '00000 8',
			"$level, round $round: 8 equal requests all succeed");
		is(scalar(keys %{ { map { $_->{rows}[0] => 1 } @answers } }),
			1, "$level, round $round: with one redemption");
		is( scalar ask("SELECT (SELECT sum(current_balance) FROM trainledger.token_issue WHERE party_id = $party), (SELECT count(*) FROM trainledger.redemption WHERE party_id = $party)"),
			'3|1', "$level, round $round: that took its tokens once");
	}
}
isolation('READ COMMITTED', @eight);
{
	my $party = organisation(1);
	my $key = new_key();
	my @issues = map {
		"SELECT id FROM trainledger.issue_training_tokens('$type', $party, $_, idempotency_key => '$key')"
	} 1 .. 8;
	is(outcome(at_once($node, \@eight, @issues)),
		'00000 1, TL422 7', 'one key issues once for a party');
	my ($lot) = ask("SELECT id FROM trainledger.token_issue WHERE party_id = $party LIMIT 1");
	$key = new_key();
	my @answers = at_once($node, \@eight,
		"SELECT initial_balance FROM trainledger.adjust_training_tokens('$lot', 10, 'same', '$key')"
	);
	is(outcome(@answers), '00000 8', '8 equal adjustments with a key succeed');
	is(scalar ask("SELECT booked_balance - initial_balance FROM trainledger.token_issue WHERE id = '$lot'"),
		10, 'and one is booked');
	my ($redemption) = ask("SELECT id FROM trainledger.redeem_training_tokens($party, '$type', 5, 'x')");
	@answers = at_once($node, \@eight,
		"SELECT refunded FROM trainledger.refund_training_tokens($redemption, 2)");
	is(outcome(@answers), '00000 2, TL409 6',
		'of 8 refunds of 2 there are as many as 5 allow');
	is(sums($party), '0|0|0', 'and the allocations say the same');
}

# ----------------------------------------------------------------------
# The expiry: refunds, extensions and sweeps at the same moment
# ----------------------------------------------------------------------

# A lot of 10 of which 4 are redeemed, expiring at 2024-01-10 23:59:59
my ($before, $after) = ('2024-01-10 23:59:58Z', '2024-01-10 23:59:59Z');

sub lot_about_to_expire
{
	my ($id) = ask("SELECT id FROM trainledger.add_party('organisation', 'Org @{[ ++$serial ]}')");
	my ($lot, $redemption) = ask(<<"SQL");
SET trainledger.clock = '2024-01-01';
SELECT id FROM trainledger.issue_training_tokens('$type', $id, 10, '2024-01-10');
SELECT id FROM trainledger.redeem_training_tokens($id, '$type', 4, 'x');
RESET trainledger.clock;
SQL
	return ($id, $lot, $redemption);
}

# The entries of a lot: "issue 10, redeem -4"
sub entries
{
	my ($lot) = @_;
	return scalar ask(<<"SQL");
SELECT string_agg(e.operation || ' ' || e.delta, ', ' ORDER BY e.entry_no)
FROM trainledger.entry e JOIN trainledger.token_lot l USING (account_id) WHERE l.id = '$lot'
SQL
}

sub clocks
{
	my ($sessions, @clocks) = @_;
	$sessions->[$_]->query("SET trainledger.clock = '$clocks[ $_ % @clocks ]'")
	  for 0 .. $#$sessions;
	return;
}

my @two = @many[ 0, 1 ];
my %ways;
for my $round (1 .. (soak() > 2000 ? 20 : 8))
{
	my $policy = $round % 2 ? 'forfeit' : 'reissue';
	my $refund_at = $round % 4 < 2 ? $before : $after;
	my ($party, $lot, $redemption) = lot_about_to_expire();
	clocks(\@two, $refund_at, $after);
	my @answers = at_once(
		$node, \@two,
		"SELECT refunded FROM trainledger.refund_training_tokens($redemption, if_expired => '$policy')",
		'SELECT trainledger.expire_training_tokens()');
	my $got = outcome(@answers);
	# what the sweep passed over, the lot being in use, the next one takes
	$two[1]->query('SELECT trainledger.expire_training_tokens()');
	my $entries = entries($lot);
	my $others = scalar ask("SELECT coalesce(sum(initial_balance), 0) FROM trainledger.token_issue WHERE party_id = $party AND id <> '$lot'");
	my $way = "$entries; $others";
	$ways{$way}++;
	my %allowed = (
		# refunded to the lot, which expires with it
		'issue 10, redeem -4, refund 4, expire -10; 0' => $refund_at eq $before,
		# expired, or swept by a sweep whose clock is ahead: lost, or a new lot
		'issue 10, redeem -4, expire -6, refund 4, expire -4; 0' => $policy eq 'forfeit',
		'issue 10, redeem -4, expire -6, refund 4, expire -4; 4' => $policy eq 'reissue');
	is($got, '00000 2', "refund against sweep, round $round: both go well");
	ok($allowed{$way},
		"refund against sweep, round $round: one or the other ($way)");
	is(scalar ask("SELECT (SELECT refunded FROM trainledger.redemption WHERE id = $redemption), (SELECT sum(booked_balance) FROM trainledger.token_issue WHERE party_id = $party)"),
		"4|$others", "refund against sweep, round $round: and the sums are right");
}
note "$ways{$_} times $_" for sort keys %ways;

for my $level (@levels)
{
	my %results;
	isolation($level, @two);
	for my $round (1 .. (soak() > 2000 ? 6 : 3))
	{
		my ($party, $lot) = lot_about_to_expire();
		clocks(\@two, $before, $after);
		my ($extend, $sweep) = at_once(
			$node, \@two,
			"SELECT 1 FROM trainledger.extend_training_tokens('$lot', '2024-02-01')",
			'SELECT trainledger.expire_training_tokens()');
		my $result = "$extend->{sqlstate} " . entries($lot);
		$results{$result}++;
		like($sweep->{sqlstate}, qr/^(00000|40001)$/, "$level, extend against sweep, round $round: no deadlock");
		# never both: an issue that lives on, and its tokens gone
		like($result,
			qr/^(00000 issue 10, redeem -4|(TL410|40001) issue 10, redeem -4(, expire -6)?)$/,
			"$level, extend against sweep, round $round: one or the other");
		my ($extended) = ask("SELECT expires_at > '2024-01-20' FROM trainledger.token_issue WHERE id = '$lot'");
		is($extended, $extend->{sqlstate} eq '00000' ? 't' : 'f',
			"$level, extend against sweep, round $round: extended if it says so");
		$two[1]->query('SELECT trainledger.expire_training_tokens()');
	}
	note "$level: $results{$_} times $_" for sort keys %results;
}
isolation('READ COMMITTED', @two);

# what one is at work on does not count among the most that another takes
{
	my @lots = map { (lot_about_to_expire())[1] } 1 .. 10;
	clocks(\@two, $after);
	$two[0]->query('BEGIN');
	for my $i (0, 1)
	{
		is($two[$i]->query('SELECT trainledger.expire_training_tokens(5)')->{rows}[0],
			5, "sweep $i of at most 5 has its 5");
	}
	$two[0]->query('COMMIT');
	is_deeply([ map { entries($_) } @lots ],
		[ ('issue 10, redeem -4, expire -6') x 10 ],
		'and together they are all of them, each once');
}

for my $level (@levels)
{
	my @lots = map { [ lot_about_to_expire() ] } 1 .. 20;
	my @sweepers = @many[ 0 .. 3 ];
	isolation($level, @sweepers);
	clocks(\@sweepers, $after);
	my @answers = at_once($node, \@sweepers,
		'SELECT trainledger.expire_training_tokens()');
	like(outcome(@answers), qr/^00000 \d(, 40001 \d)?$/,
		"$level: four sweeps at once, no deadlock");
	my $count = sum0(map { $_->{rows}[0] || 0 }
		  grep { $_->{sqlstate} eq '00000' } @answers);
	my $rest = $sweepers[0]->query('SELECT trainledger.expire_training_tokens()');
	is($count + $rest->{rows}[0], 20, "$level: and every issue is counted once");
	is_deeply([ map { entries($_->[1]) } @lots ],
		[ ('issue 10, redeem -4, expire -6') x 20 ],
		"$level: and booked off once");
}
$_->query('RESET trainledger.clock') for @many;

# ----------------------------------------------------------------------
# Everything at once
# ----------------------------------------------------------------------

my $steps = int(soak() / 80) || 1;
for my $level (@levels)
{
	my @parties = map { organisation(map { 5 + int rand 40 } 1 .. 12) } 1 .. 3;
	my $list = join ',', @parties;
	my (%seen, @call, @redemptions, $tries, %total);
	my @left = ($steps) x 8;
	my @lots = ask("SELECT id || ' ' || party_id FROM trainledger.token_issue WHERE party_id IN ($list)");
	my ($last_expiry) = ask('SELECT current_date + 400');

	isolation($level, @eight);
	$total{$_} = 0 for @parties;
	my $next = sub {
		my ($i) = @_;
		return undef unless $left[$i]--;
		my $party = $parties[ rand @parties ];
		my $chance = rand;
		my $n = 1 + int rand 9;
		my ($lot, $holder) = split / /, $lots[ rand @lots ];
		my $call = { party => $party, delta => 0 };
		if ($chance < 0.4)
		{
			@$call{qw(delta redeemed)} = (-$n, 1);
			$call->{sql} = "SELECT id FROM trainledger.redeem_training_tokens($party, '$type', $n, 'x')";
		}
		elsif ($chance < 0.65 && @redemptions)
		{
			(my $redemption, $call->{party}) = @{ $redemptions[ rand @redemptions ] };
			$call->{delta} = $n;
			$call->{sql} = "SELECT 1 FROM trainledger.refund_training_tokens($redemption, $n)";
		}
		elsif ($chance < 0.8)
		{
			@$call{qw(party delta)} = ($holder, rand() < 0.5 ? $n : -$n);
			$call->{sql} = "SELECT 1 FROM trainledger.adjust_training_tokens('$lot', $call->{delta})";
		}
		elsif ($chance < 0.9)
		{
			$call->{delta} = $n;
			$call->{sql} = "SELECT 1 FROM trainledger.issue_training_tokens('$type', $party, $n, current_date + $n)";
		}
		elsif ($chance < 0.96)
		{
			$call->{sql} = "SELECT 1 FROM trainledger.extend_training_tokens('$lot', date '$last_expiry' + @{[ ++$serial ]})";
		}
		else
		{
			$call->{sql} = 'SELECT trainledger.expire_training_tokens()';
		}
		$call[$i] = $call;
		return $call->{sql};
	};
	my $answer = sub {
		my ($i, $result) = @_;
		my $state = $result->{sqlstate};
		my $call = $call[$i];

		$seen{$state}++;
		return $call->{sql} if $state eq '40001' && $tries++ < 1000 * $steps;
		return undef if $state ne '00000';
		$total{ $call->{party} } += $call->{delta};
		push @redemptions, [ $result->{rows}[0], $call->{party} ]
		  if $call->{redeemed};
		return undef;
	};
	my %was = map { split /\|/ } ask("SELECT party_id, sum(booked_balance) FROM trainledger.token_issue WHERE party_id IN ($list) GROUP BY 1");
	drive(\@eight, $next, $answer);
	note "$level: $steps calls of each of 8 sessions, ",
	  join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	is(join(' ', sort grep { !/^(00000|40001|TL055|TL409|TL400)$/ } keys %seen),
		'', "$level: nothing but successes, refusals and conflicts, no deadlock");
	ok(!$seen{40001}, "$level: no call has to be tried again")
	  if $level eq 'READ COMMITTED';
	is( join(' ', ask("SELECT party_id || '=' || sum(booked_balance) FROM trainledger.token_issue WHERE party_id IN ($list) GROUP BY party_id ORDER BY party_id")),
		join(' ', map { "$_=" . ($was{$_} + $total{$_}) } @parties),
		"$level: what is there is the sum of what was acknowledged");
	is(join(' ', map { sums($_) } @parties),
		join(' ', ('0|0|0') x @parties), "$level: no allocation is lost");
}

books_are_right($node, 'token races');
no_crash($node, $started, 'token races');
done_testing();
