# Holds from many sessions at once, in every isolation level: twenty of them for
# what is enough for six, captures against the end of the hold, another capture
# and a release, holds against whatever else takes from the same tokens, the same
# request from many sessions, connections that break before the answer; and a
# campaign of everything on lots and on credit accounts.  make soak plays more
# rounds.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('hold_races');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $seed = $ENV{TRAINLEDGER_SEED} || 20261130;
srand $seed;
note "seed $seed";

my ($asking) = sessions($node, 1);

sub ask
{
	return $asking->ask(@_);
}

my ($type) = ask(
	"SELECT id FROM trainledger.add_training_token_type('seats')");
my ($credit) = ask(
	"SELECT id FROM trainledger.add_credit_token_type('purse', lower_bound => 0)");
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
my @many = sessions($node, 20);
my @two = @many[ 0, 1 ];
my $serial = 0;

# A moment at which holds and lots end, and the ones about it
my $begin = '2027-01-10T12:00:00Z';
my $end = '2027-01-20T23:59:59Z';
my $before = '2027-01-20T23:59:58.999999Z';
my $after = '2027-01-20T23:59:59.000001Z';
my $year = '2027-12-31';

sub new_key { return sprintf '00000000-0000-4000-8000-%012d', ++$serial; }

sub isolation
{
	my ($level, @sessions) = @_;
	$_->query("SET default_transaction_isolation = '" . lc($level) . "'")
	  for @sessions;
	return;
}

sub clocks
{
	my ($sessions, @clocks) = @_;
	$sessions->[$_]->query("SET trainledger.clock = '$clocks[ $_ % @clocks ]'")
	  for 0 .. $#$sessions;
	return;
}

# The statements at once, each sent again by its session as long as it is told to
sub all_of
{
	my ($level, $sessions, @statements) = @_;
	my @answers = at_once($node, $sessions, @statements);
	my $again = 0;

	for my $i (0 .. $#answers)
	{
		while ($answers[$i]{sqlstate} eq '40001' && $again++ < 1000)
		{
			$answers[$i] = $sessions->[$i]->query($statements[ $i % @statements ]);
		}
	}
	is($again, 0, "$level: nothing to try again") if $again && $level eq 'READ COMMITTED';
	return @answers;
}

# Counts the answers by SQLSTATE: "00000 1, TL055 15"
sub outcome
{
	my %count;
	$count{ $_->{sqlstate} }++ for @_;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

# An organisation with so many tokens, in one lot or several
sub organisation
{
	my ($expires, @quantities) = @_;
	my ($id) = ask(
		"SELECT id FROM trainledger.add_party('organisation', 'Org @{[ ++$serial ]}')");
	my $day = $expires ? "'$expires'" : 'NULL';
	ask("SET trainledger.clock = '$begin'; SELECT trainledger.issue_training_tokens('$type', $id, q, $day) FROM unnest('{@{[ join ',', @quantities ]}}'::int[]) q");
	return $id;
}

# A person with a purse of so much
sub person
{
	my ($amount) = @_;
	my ($id) = ask(
		"SELECT id FROM trainledger.add_party('person', 'Person @{[ ++$serial ]}')");
	ask("SET trainledger.clock = '$begin'; SELECT trainledger.credit_init($id, $amount, 'setup', '', '2027-01-01', token_type => 'purse')");
	return $id;
}

sub account
{
	my ($party) = @_;
	return (ask("SELECT id FROM trainledger.account WHERE party_id = $party"))[0];
}

sub held
{
	my ($party, $quantity, $until) = @_;
	my ($id) = ask(
		"SET trainledger.clock = '$begin'; SELECT id FROM "
		  . hold_call($party, $quantity, $until));
	return $id;
}

my %is_person;

sub hold_call
{
	my ($party, $quantity, $until, $key) = @_;
	my $more = ($until ? ", expires_at => '$until'" : '')
	  . ($key ? ", idempotency_key => '$key'" : '');
	return $is_person{$party}
	  ? "trainledger.credit_hold($party, $quantity, 'till', 'x', token_type => 'purse'$more)"
	  : "trainledger.hold_training_tokens($party, '$type', $quantity, 'x'$more)";
}

sub take_call
{
	my ($party, $quantity) = @_;
	return $is_person{$party}
	  ? "trainledger.credit_subtract($party, $quantity, 'till', 'x', '2027-01-01', token_type => 'purse', idempotency_key => gen_random_uuid())"
	  : "trainledger.redeem_training_tokens($party, '$type', $quantity, 'x')";
}

# Of a party: booked, what open holds keep back, and how many problems there are
# with that: an account beyond its bound, or unlike its holds; a hold unlike its
# allocations or its captures
sub stand
{
	my ($party, $clock) = @_;
	$clock ||= $begin;
	return ask(<<"SQL");
SET trainledger.clock = '$clock';
SELECT
	(SELECT sum(a.balance) FROM trainledger.account a WHERE a.party_id = $party) AS booked,
	(SELECT sum(a.held) FROM trainledger.account a WHERE a.party_id = $party) AS held,
	(SELECT count(*) FROM trainledger.account a WHERE a.party_id = $party
	 AND (a.balance::numeric < a.held::numeric OR a.held::numeric <> (
		SELECT coalesce(sum((x.quantity - x.captured - x.released)::numeric), 0)
		FROM trainledger.hold_allocation x JOIN trainledger.placed_hold h ON h.id = x.hold_id
		WHERE x.account_id = a.id AND h.is_open)))
	+ (SELECT count(*) FROM trainledger.placed_hold h WHERE h.party_id = $party
	 AND ((h.quantity::numeric, h.captured::numeric, h.released::numeric) IS DISTINCT FROM (
		SELECT ROW(sum(x.quantity), sum(x.captured), sum(x.released))
		FROM trainledger.hold_allocation x WHERE x.hold_id = h.id)
	 OR h.captured::numeric <> (
		SELECT coalesce(sum(v.quantity), 0) FROM trainledger.hold_event v
		WHERE v.hold_id = h.id AND v.event = 'captured')
	 OR h.account_id IS NULL AND h.captured::numeric <> (
		SELECT coalesce(sum(r.quantity), 0) FROM trainledger.redemption r WHERE r.hold_id = h.id)
	 OR h.account_id IS NOT NULL AND h.captured::numeric <> (
		SELECT coalesce(-sum(e.delta), 0) FROM trainledger.hold_event v
		JOIN trainledger.entry e ON e.account_id = v.account_id AND e.entry_no = v.entry_no
		WHERE v.hold_id = h.id AND e.operation = 'capture')))
SQL
}

# One organisation or person: with $quantity there to take from
sub party_of
{
	my ($kind, $quantity) = @_;
	return organisation($year, $quantity - int($quantity / 3), int $quantity / 3)
	  if $kind eq 'lots';
	my $id = person($quantity);
	$is_person{$id} = 1;
	return $id;
}

# ----------------------------------------------------------------------
# Twenty sessions hold 75 of 500 each
# ----------------------------------------------------------------------

for my $level (@levels)
{
	for my $kind (qw(lots credit))
	{
		my $party = party_of($kind, 500);
		isolation($level, @many);
		clocks(\@many, $begin);
		my @answers = all_of($level, \@many, 'SELECT id FROM ' . hold_call($party, 75));
		is(outcome(@answers), '00000 6, TL055 14',
			"$level, $kind: exactly 6 of 20 sessions hold 75 of 500");
		is(stand($party), '500|450|0', "$level, $kind: and 450 are held");

		# what has lapsed is there for others, whoever closes it
		clocks(\@many, '2027-01-17T12:00:00Z');
		@answers = all_of($level, \@many,
			'SELECT id FROM ' . hold_call($party, 75, '2027-02-01'),
			'SELECT trainledger.lapse_holds(1)');
		my @held = @answers[ grep { $_ % 2 == 0 } 0 .. 19 ];
		is(outcome(@held), '00000 6, TL055 4',
			"$level, $kind: 6 again, once the first ones have lapsed");
		$many[0]->query('SELECT trainledger.lapse_holds()');
		is(stand($party, '2027-01-17T12:00:00Z'), '500|450|0', "$level, $kind: and 450 are held");
	}
}

# ----------------------------------------------------------------------
# Two calls on one hold of 10
# ----------------------------------------------------------------------

# what two sessions do with it, their clocks, and every outcome that is right
my @pairs = (
	[
		'two captures', 'capture_hold(%d)', 'capture_hold(%d)', $before, $before,
		qr/^00000 TL409 captured 10 0$|^TL409 00000 captured 10 0$/
	],
	[
		'a capture and a release', 'capture_hold(%d)', 'release_hold(%d)', $before, $before,
		qr/^00000 TL409 captured 10 0$|^TL409 00000 released 0 10$/
	],
	[
		'two parts of a capture', 'capture_hold(%d, 6, false)', 'capture_hold(%d, 6, false)', $before, $before,
		qr/^(00000 TL409|TL409 00000) open 6 0$/
	],
	[
		'a part that is final, and a release', 'capture_hold(%d, 4)', 'release_hold(%d, 10)', $before, $before,
		qr/^00000 TL409 released 4 6$|^TL409 00000 released 0 10$/
	],
	[
		'a capture in time, while others lapse it', 'capture_hold(%d)', 'lapse_holds()', $before, $end,
		qr/^00000 00000 captured 10 0$|^TL410 00000 lapsed 0 0$/
	],
	[
		'a capture at the end', 'capture_hold(%d)', 'lapse_holds()', $end, $end,
		qr/^TL410 00000 lapsed 0 0$/
	],
	[
		'a capture in time, and a redemption after the end', 'capture_hold(%d)', 'take', $before, $end,
		qr/^00000 TL055 captured 10 0$|^TL410 00000 lapsed 0 0$/
	],
	[
		'a longer hold, while others lapse it', "extend_hold(%d, '2027-02-01')", 'lapse_holds()', $before, $end,
		qr/^00000 00000 open 0 0$|^TL410 00000 lapsed 0 0$/
	],
	[
		'a longer hold, and a redemption after the end', "extend_hold(%d, '2027-02-01')", 'take', $before, $end,
		qr/^00000 TL055 open 0 0$|^TL410 00000 lapsed 0 0$/
	]);
for my $level (@levels)
{
	isolation($level, @two);
	for my $kind (qw(lots credit))
	{
		for my $pair (@pairs)
		{
			my ($what, $one, $other, $clock, $other_clock, $allowed) = @$pair;
			my %ways;
			for my $round (1 .. (soak() > 2000 ? 4 : 1))
			{
				my $party = party_of($kind, 10);
				my $hold = held($party, 10, $end);
				my @calls = map {
					$_ eq 'take' ? take_call($party, 10) : 'trainledger.' . sprintf($_, $hold)
				} $one, $other;

				clocks(\@two, $clock, $other_clock);
				my @answers = all_of($level, \@two, map { "SELECT 1 FROM $_" } @calls);
				# what was in use is passed over
				$many[2]->query("SET trainledger.clock = '$other_clock'");
				$many[2]->query('SELECT trainledger.lapse_holds()');
				my $status = ask("SET trainledger.clock = '$other_clock'; SELECT concat_ws(' ', status, captured, released) FROM trainledger.hold WHERE id = $hold");
				my $way = join ' ', (map { $_->{sqlstate} } @answers), $status;
				$ways{$way}++;
				like($way, $allowed, "$level, $kind: $what, round $round");
				my ($booked, undef, $wrong) = split /\|/, stand($party, $other_clock);
				my ($captured) = $status =~ / (\d+) /;
				my $taken = $captured + ($other eq 'take' && $answers[1]{sqlstate} eq '00000' ? 10 : 0);
				is("$booked $wrong", 10 - $taken . ' 0',
					"$level, $kind: $what, round $round: the sums are right");
			}
			note "$level, $kind, $what: $ways{$_} times $_" for sort keys %ways;
		}
	}
}

# ----------------------------------------------------------------------
# A hold against whoever else takes from the same 10 tokens
# ----------------------------------------------------------------------

for my $level (@levels)
{
	isolation($level, @two);
	for my $round (1 .. (soak() > 2000 ? 4 : 1))
	{
		my $other = organisation(undef, 1);
		for my $rival (
			[ 'a redemption' => sub { take_call($_[0], 6) } ],
			[ 'a transfer' => sub { "trainledger.transfer_training_tokens($_[0], $other, '$type', 6)" } ],
			[ 'an adjustment' => sub { "trainledger.adjust_training_tokens((SELECT id FROM trainledger.token_issue WHERE party_id = $_[0]), -6)" } ],
			[ 'another hold' => sub { hold_call($_[0], 6) } ])
		{
			my ($what, $call) = @$rival;
			my $party = organisation($year, 10);
			clocks(\@two, $begin);
			my @answers = all_of($level, \@two, 'SELECT 1 FROM ' . hold_call($party, 7), 'SELECT 1 FROM ' . $call->($party));
			is(outcome(@answers), '00000 1, TL055 1', "$level, round $round: a hold or $what");
			like(stand($party), qr/^(10\|7|4\|0|10\|6)\|0$/, "$level, round $round: and the sums are right");
		}

		# a void takes what a hold leaves
		my $party = organisation($year, 10);
		my @answers = all_of($level, \@two, 'SELECT 1 FROM ' . hold_call($party, 7),
			"SELECT 1 FROM trainledger.void_training_tokens((SELECT id FROM trainledger.token_issue WHERE party_id = $party))");
		like(join(' ', outcome(@answers), stand($party)),
			qr/^(00000 2 7\|7\|0|00000 1, TL055 1 0\|0\|0)$/,
			"$level, round $round: a hold and a void");

		# the sweep leaves what a hold in time keeps back
		$party = organisation('2027-01-20', 10);
		clocks(\@two, $before, $end);
		@answers = all_of($level, \@two, 'SELECT 1 FROM ' . hold_call($party, 7, '2027-02-01'),
			'SELECT trainledger.expire_training_tokens()');
		$two[1]->query('SELECT trainledger.expire_training_tokens()');
		like(join(' ', outcome(@answers), stand($party, $end)),
			qr/^(00000 2 7\|7\|0|00000 1, TL055 1 0\|0\|0)$/,
			"$level, round $round: a hold and the sweep");

		# a hold may last beyond the expiry only if that comes first
		$party = organisation('2027-01-20', 10);
		my $hold = held($party, 10, '2027-01-15');
		my ($lot) = ask("SELECT id FROM trainledger.token_issue WHERE party_id = $party");
		clocks(\@two, $begin);
		@answers = all_of($level, \@two, "SELECT 1 FROM trainledger.extend_hold($hold, '2027-02-01')",
			"SELECT 1 FROM trainledger.extend_training_tokens('$lot', '2027-03-01')");
		like(join(' ', map { $_->{sqlstate} } @answers), qr/^(00000|TL410) 00000$/,
			"$level, round $round: a longer hold and a longer lot");
		is(ask("SELECT expires_at > '2027-01-31' FROM trainledger.hold WHERE id = $hold"),
			$answers[0]{sqlstate} eq '00000' ? 't' : 'f', "$level, round $round: longer if it says so");
		@answers = all_of($level, \@two, "SELECT 1 FROM trainledger.extend_hold($hold, '2027-03-15')",
			"SELECT 1 FROM trainledger.set_training_tokens_expiry('$lot', NULL, 'x')");
		like(join(' ', map { $_->{sqlstate} } @answers), qr/^(00000|TL410) 00000$/,
			"$level, round $round: a longer hold and a lot that never expires");
	}

	for my $round (1 .. (soak() > 2000 ? 4 : 1))
	{
		clocks(\@two, $begin);
		for my $rival (
			[ 'a subtraction' => sub { take_call($_[0], 6) } ],
			[ 'a batch' => sub { "trainledger.post_batch(ARRAY[@{[ account($_[0]) ]}], ARRAY[-6]::trainledger.amount[], 'x')" } ],
			[ 'a transfer' => sub { my $to = person(0); "trainledger.credit_transfer(@{[ account($_[0]) ]}, @{[ account($to) ]}, 6, 'x')" } ])
		{
			my ($what, $call) = @$rival;
			my $party = party_of('credit', 10);
			my @answers = all_of($level, \@two, 'SELECT 1 FROM ' . hold_call($party, 7), 'SELECT 1 FROM ' . $call->($party));
			is(outcome(@answers), '00000 1, TL055 1', "$level, round $round: a hold or $what");
			like(stand($party), qr/^(10\|7|4\|0)\|0$/, "$level, round $round: and the sums are right");
		}

		# a batch that goes on skips what the hold keeps back
		my $party = party_of('credit', 10);
		my $account = account($party);
		my @answers = all_of($level, \@two, 'SELECT 1 FROM ' . hold_call($party, 7),
			"SELECT string_agg(coalesce(refusal, balance::text), ' ') FROM trainledger.post_batch(ARRAY[$account, $account, $account], ARRAY[-2, -4, -1]::trainledger.amount[], 'x', skip_refused => true)");
		like(join(' ', $answers[0]{sqlstate}, $answers[1]{rows}[0], stand($party)),
			qr/^(00000 8 TL055 7 7\|7\|0|TL055 8 4 3 3\|0\|0)$/,
			"$level, round $round: a hold and rows of a batch");

		# a lower bound that rises, and a hold that would go below it
		my ($own) = ask("SELECT id FROM trainledger.add_credit_token_type('own @{[ ++$serial ]}', lower_bound => 0)");
		my ($id) = ask("SELECT id FROM trainledger.add_party('person', 'Own')");
		ask("SET trainledger.clock = '$begin'; SELECT trainledger.credit_init($id, 10, 's', '', '2027-01-01', token_type => 'own $serial')");
		@answers = all_of($level, \@two,
			"SELECT 1 FROM trainledger.credit_hold($id, 7, 'till', 'x', token_type => 'own $serial')",
			"SELECT 1 FROM trainledger.update_token_type('$own', lower_bound => 5)");
		like(join(' ', (map { $_->{sqlstate} } @answers), stand($id)),
			qr/^(00000 00000 10\|7\|0|TL055 00000 10\|0\|0)$/, "$level, round $round: a hold and a new bound");
		if ($answers[0]{sqlstate} eq '00000')
		{
			# what was held was granted
			my ($hold) = ask("SELECT id FROM trainledger.hold WHERE party_id = $id");
			is($two[0]->query("SELECT captured FROM trainledger.capture_hold($hold)")->{rows}[0], 7,
				"$level, round $round: and it is captured all the same");
		}
	}
}

# ----------------------------------------------------------------------
# The same request: from eight sessions, and again after a broken connection
# ----------------------------------------------------------------------

my @eight = @many[ 0 .. 7 ];
for my $level (@levels)
{
	isolation($level, @eight);
	clocks(\@eight, $begin);
	for my $kind (qw(lots credit))
	{
		my $party = party_of($kind, 100);
		my ($hold_key, $capture_key, $release_key) = map { new_key() } 1 .. 3;
		my $place = 'SELECT id FROM ' . hold_call($party, 10, undef, $hold_key);
		my @answers = all_of($level, \@eight, $place);
		is(outcome(@answers), '00000 8', "$level, $kind: 8 equal holds all succeed");
		is(scalar(keys %{ { map { $_->{rows}[0] => 1 } @answers } }), 1, "$level, $kind: with one hold");
		my $hold = $answers[0]{rows}[0];

		my $capture = "SELECT id, captured, released, status FROM trainledger.capture_hold($hold, 4, false, idempotency_key => '$capture_key')";
		@answers = all_of($level, \@eight, $capture);
		is(outcome(@answers), '00000 8', "$level, $kind: 8 equal captures all succeed");
		is(scalar(grep { $_->{rows}[0] eq "$hold|4|0|open" } @answers), 8, "$level, $kind: and one is booked");

		my $release = "SELECT id, captured, released, status FROM trainledger.release_hold($hold, 5, idempotency_key => '$release_key')";
		@answers = all_of($level, \@eight, $release);
		is(scalar(grep { $_->{rows}[0] eq "$hold|4|5|open" } @answers), 8, "$level, $kind: 8 equal releases are one");
		is(stand($party), '96|1|0', "$level, $kind: and nothing is booked more");

		# a key belongs to the call that used it first, and to its request
		for my $other (
			hold_call($party, 11, undef, $hold_key),
			hold_call($party, 10, '2027-01-18', $hold_key),
			hold_call($party, 10, undef, $capture_key),
			"trainledger.capture_hold($hold, 1, idempotency_key => '$hold_key')",
			"trainledger.capture_hold($hold, 4, true, idempotency_key => '$capture_key')",
			"trainledger.capture_hold($hold, 5, idempotency_key => '$release_key')",
			"trainledger.release_hold($hold, 4, idempotency_key => '$capture_key')",
			"trainledger.release_hold($hold, 5, 'note', '$release_key')",
			"trainledger.redeem_training_tokens($party, '$type', 10, 'x', idempotency_key => '$hold_key')",
			"trainledger.issue_training_tokens('$type', $party, 1, idempotency_key => '$capture_key')",
			"trainledger.credit_init($party, 1, 's', '', '2027-01-01', 'other', 'purse', idempotency_key => '$release_key')")
		{
			is($eight[0]->query("SELECT 1 FROM $other")->{sqlstate}, 'TL422', "$level, $kind: another request with the key ($other)");
		}
		is(stand($party), '96|1|0', "$level, $kind: and nothing is booked more");

		# and once all is over, they answer still
		$eight[0]->query("SELECT 1 FROM trainledger.capture_hold($hold)");
		for my $again ($place, $capture, $release)
		{
			is((split /\|/, $eight[0]->query($again)->{rows}[0])[0], $hold, "$level, $kind: a repeated call gives the hold as it is");
		}
		is(stand($party), '95|0|0', "$level, $kind: and books nothing more");
	}
}

# The connection breaks before the answer is there: in the middle of the call, or
# once it is committed. The repeated call answers as the first one would have.
my $breaks = soak() > 2000 ? 12 : 4;
for my $kind (qw(lots credit))
{
	my $party = party_of($kind, 1000);
	my $known = 0;

	for my $round (1 .. $breaks)
	{
		my @keys = map { new_key() } 1 .. 3;
		my $hold;
		for my $step (0 .. 2)
		{
			my $call =
			    $step == 0 ? hold_call($party, 10, undef, $keys[0])
			  : $step == 1 ? "trainledger.capture_hold($hold, 4, false, idempotency_key => '$keys[1]')"
			  : "trainledger.release_hold($hold, idempotency_key => '$keys[2]')";
			my ($broken) = sessions($node, 1);
			my $backend = $broken->backend;
			$broken->query("SET trainledger.clock = '$begin'");
			if ($round % 2)
			{
				$broken->send("BEGIN\\; SELECT id FROM $call\\; COMMIT\\; SELECT pg_sleep(600)");
				$node->poll_query_until('books',
					"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $backend");
			}
			else
			{
				$broken->send("SELECT id FROM $call");
				select undef, undef, undef, 0.001 * $round;
			}
			ask("SELECT pg_terminate_backend($backend, 60000)");
			$broken->receive;
			$broken->quit;
			my $is_known = ask("SELECT count(*) FROM trainledger.party_request WHERE idempotency_key = '$keys[$step]'");
			$known += $is_known;
			is($is_known, 1, "$kind, round $round: it was committed") if $round % 2;

			my $again = $many[0]->query("SELECT id, captured, released FROM $call");
			my ($id, @sums) = split /\|/, $again->{rows}[0] || '';
			$hold = $id if $step == 0;
			is("$again->{sqlstate} @sums", ('00000 0 0', '00000 4 0', '00000 4 6')[$step],
				"$kind, round $round: repeated after a broken connection");
			is($id, $hold, "$kind, round $round: it is the same hold");
		}
	}
	note "$kind: of @{[ 3 * $breaks ]} calls $known had been booked";
	is(stand($party), 1000 - $breaks * 4 . '|0|0', "$kind: every call is booked once");
}
$_->query('RESET trainledger.clock') for @many;

# ----------------------------------------------------------------------
# Everything at once
# ----------------------------------------------------------------------

# Half of the sessions live two days after the others, so that holds and lots
# are over for some.
my $steps = int(soak() / 80) || 1;
for my $level (@levels)
{
	my @parties = (
		(map { organisation('2027-01-11', map { 5 + int rand 30 } 1 .. 4) } 1 .. 2),
		organisation($year, map { 5 + int rand 30 } 1 .. 6),
		(map { party_of('credit', 100) } 1 .. 2));
	my $list = join ',', @parties;
	my @left = ($steps) x 8;
	my (%seen, @call, @holds, %total, $tries);

	isolation($level, @eight);
	clocks(\@eight, '2027-01-10T13:00:00Z', '2027-01-12T13:00:00Z');
	my $next = sub {
		my ($i) = @_;
		return undef unless $left[$i]-- > 0;
		my $party = $parties[ rand @parties ];
		my $chance = rand;
		my $some = 1 + int rand 9;
		my $call = { party => $party, delta => 0 };
		if ($chance < 0.35 || !@holds)
		{
			$call->{is_hold} = 1;
			my $until = (undef, '2027-01-10T14:00:00Z', '2027-01-12T14:00:00Z')[ rand 3 ];
			$call->{sql} = 'SELECT id FROM ' . hold_call($party, $some, $until);
		}
		elsif ($chance < 0.55)
		{
			my $final = rand() < 0.5 ? 'true' : 'false';
			($call->{captured}, $call->{party}) = @{ $holds[ rand @holds ] };
			$call->{sql} = "SELECT 1 FROM trainledger.capture_hold($call->{captured}, $some, $final)";
			$call->{delta} = -$some;
		}
		elsif ($chance < 0.65)
		{
			my ($hold) = @{ $holds[ rand @holds ] };
			$call->{sql} = rand() < 0.7 ? "SELECT 1 FROM trainledger.release_hold($hold, $some)"
			  : "SELECT 1 FROM trainledger.extend_hold($hold, '2027-01-1@{[ 1 + int rand 9 ]}')";
		}
		elsif ($chance < 0.8)
		{
			$call->{sql} = 'SELECT 1 FROM ' . take_call($party, $some);
			$call->{delta} = -$some;
		}
		elsif ($chance < 0.88 && $is_person{$party})
		{
			my ($one, $other) = map { account($_) } grep { $is_person{$_} } @parties;
			$call->{sql} = "SELECT 1 FROM trainledger.post_batch(ARRAY[$one, $other], ARRAY[$some, -$some]::trainledger.amount[], 'batch')";
			$call->{moved} = $some;
		}
		elsif ($chance < 0.92)
		{
			$call->{sql} = 'SELECT trainledger.lapse_holds(5)';
		}
		elsif ($chance < 0.95)
		{
			$call->{sql} = 'SELECT trainledger.expire_training_tokens(5)';
		}
		elsif ($is_person{$party})
		{
			$call->{sql} = "SELECT 1 FROM trainledger.credit_add($party, $some, 's', '', '2027-01-01', token_type => 'purse', idempotency_key => gen_random_uuid())";
			$call->{delta} = $some;
		}
		else
		{
			$call->{sql} = "SELECT 1 FROM trainledger.issue_training_tokens('$type', $party, $some, '$year')";
			$call->{delta} = $some;
		}
		return ($call[$i] = $call)->{sql};
	};
	my $answer = sub {
		my ($i, $result) = @_;
		my $state = $result->{sqlstate};
		my $call = $call[$i];

		$seen{$state}++;
		return $call->{sql} if $state eq '40001' && $tries++ < 1000 * $steps;
		return undef if $state ne '00000';
		$total{ $call->{party} } += $call->{delta};
		push @holds, [ $result->{rows}[0], $call->{party} ] if $call->{is_hold};
		if ($call->{moved})
		{
			my @persons = grep { $is_person{$_} } @parties;
			$total{ $persons[0] } += $call->{moved};
			$total{ $persons[1] } -= $call->{moved};
		}
		return undef;
	};
	my $booked = "SELECT a.party_id, sum(a.balance) - coalesce(sum((SELECT sum(e.delta) FROM trainledger.entry e WHERE e.account_id = a.id AND e.operation = 'expire')), 0) FROM trainledger.account a WHERE a.party_id IN ($list) GROUP BY 1";
	my %was = map { split /\|/ } ask($booked);
	drive(\@eight, $next, $answer);
	note "$level: $steps calls of each of 8 sessions, ",
	  join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	is(join(' ', sort grep { !/^(00000|40001|TL055|TL409|TL410|TL400)$/ } keys %seen),
		'', "$level: nothing but successes, refusals and conflicts, no deadlock");
	ok(!$seen{40001}, "$level: no call has to be tried again")
	  if $level eq 'READ COMMITTED';
	is(join(' ', sort { $a cmp $b } ask($booked)),
		join(' ', sort { $a cmp $b } map { "$_|" . ($was{$_} + ($total{$_} || 0)) } @parties),
		"$level: what is there, and what is over, is the sum of what was acknowledged");
	ask("SET trainledger.clock = '2027-01-12T13:00:00Z'; SELECT trainledger.lapse_holds()");
	is(join(' ', map { (split /\|/, stand($_))[2] } @parties),
		join(' ', (0) x @parties), "$level: what is held agrees");
	books_are_right($node, $level);
}

no_crash($node, $started, 'hold races');
done_testing();
