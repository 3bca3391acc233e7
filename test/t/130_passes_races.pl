# Many sessions at once on passes: one pass that several change, a type and
# its options, the same request, a use that meets a revocation, and a campaign
# of random calls, in every isolation level.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('passes_races');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');

$node->safe_psql('books', <<'END');
SELECT trainledger.add_party('person', 'Person ' || i, id => i) FROM generate_series(1, 9) i;
SELECT trainledger.add_catalog_item('course', 'C', 'Course', id => 1);
SELECT trainledger.add_region('DS', 'Deutschland Süd'), trainledger.add_currency('USD', 'U.S. Dollars');
SELECT trainledger.create_pass_type('Gold', 'Gold', id => 1);
SELECT trainledger.add_pass_content(1, '{1}');
SELECT trainledger.create_pass_option(1, 'Monthly', 'months', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'DS', 'USD', 99.90);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
END

# Counts the answers by SQLSTATE: "00000 1, TL409 7"
sub outcome
{
	my %count;
	$count{ $_->{sqlstate} }++ for @_;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

# A new pass of person 1
sub issue
{
	return $node->safe_psql('books',
		"SELECT id FROM trainledger.issue_pass(1, 1, 1, '2026-01-01Z', '2100-01-01Z')"
	);
}

sub events
{
	my ($pass) = @_;
	return $node->safe_psql('books',
		"SELECT string_agg(event::text, ' ' ORDER BY id) FROM trainledger.pass_event WHERE pass_id = $pass"
	);
}

# Every pass is as its last event says, has begun once, and was given on to one
# other at most; no published type is without a published option.
sub passes_are_right
{
	my ($what) = @_;

	is($node->safe_psql('books', <<'END'), '', "$what: passes and their events agree");
SELECT p.id, e.event FROM trainledger.pass p
LEFT JOIN LATERAL (SELECT x.* FROM trainledger.pass_event x WHERE x.pass_id = p.id ORDER BY x.id DESC LIMIT 1) e ON true
WHERE (p.option_id, p.party_id, p.valid_from, p.valid_until, p.lifecycle_state) IS DISTINCT FROM
	(e.option_id, e.party_id, e.valid_from, e.valid_until,
	 CASE WHEN e.event IN ('revoked', 'reassigned') THEN 'cancelled' ELSE 'active' END::trainledger.pass_state)
OR (SELECT count(*) FROM trainledger.pass_event x WHERE x.pass_id = p.id AND x.event = 'issued') <> 1
OR (SELECT count(*) FROM trainledger.pass_event x WHERE x.pass_id = p.id AND x.event IN ('revoked', 'reassigned')) > 1
OR (SELECT count(*) FROM trainledger.pass_event x WHERE x.other_pass_id = p.id) > 2
END
	is($node->safe_psql('books', <<'END'), '', "$what: no published type is without a published option");
SELECT t.id FROM trainledger.pass_type t WHERE t.lifecycle_state = 'published' AND NOT EXISTS (
	SELECT FROM trainledger.pass_type_option o WHERE o.pass_type_id = t.id AND o.lifecycle_state = 'published')
END
	return;
}

my @eight = sessions($node, 8);
my @two = @eight[ 0, 1 ];
for my $level (@levels)
{
	$_->query("SET default_transaction_isolation = '$level'") for @eight;
	# who is too late in a snapshot of its own is told so by PostgreSQL
	my $late = $level eq 'READ COMMITTED' ? 'TL409' : '40001';

	# ------------------------------------------------------------------
	# One pass, several sessions
	# ------------------------------------------------------------------

	my $pass = issue();
	my @answers = at_once($node, \@eight,
		"SELECT lifecycle_state FROM trainledger.revoke_pass($pass)");
	like(outcome(@answers), qr/^00000 1, (TL409 7|40001 7|40001 \d, TL409 \d)$/,
		"$level: one of 8 revocations goes through")
	  or diag outcome(@answers);
	is(events($pass), 'issued revoked', "$level: and leaves the one event");

	$pass = issue();
	@answers = at_once($node, \@eight,
		map { "SELECT id FROM trainledger.reassign_pass($pass, $_)" } 2 .. 8,
		2);
	like(outcome(@answers), qr/^00000 1, (TL409 7|40001 7|40001 \d, TL409 \d)$/,
		"$level: one of 8 gets the pass that is given on");
	is(events($pass), 'issued reassigned', "$level: and it is given on once");
	is( $node->safe_psql('books',
			"SELECT count(*) FROM trainledger.pass_event WHERE event = 'issued' AND other_pass_id = $pass"
		),
		1,
		"$level: to one new pass");

	# without an end, each renewal adds its month: tried again where refused,
	# none is lost
	$pass = issue();
	{
		my @left = (5) x 8;
		my %seen;
		drive(
			\@eight,
			sub { return $left[ $_[0] ]-- > 0 ? "SELECT id FROM trainledger.renew_pass($pass)" : undef; },
			sub {
				$seen{ $_[1]{sqlstate} }++;
				return $_[1]{sqlstate} eq '40001'
				  ? "SELECT id FROM trainledger.renew_pass($pass)"
				  : undef;
			});
		is(join(' ', grep { $_ ne '40001' } sort keys %seen),
			'00000', "$level: 40 renewals of one pass");
		is($seen{'00000'}, 40, "$level: all of them go through");
	}
	is( $node->safe_psql('books',
			"SELECT valid_until AT TIME ZONE 'UTC' FROM trainledger.pass WHERE id = $pass"),
		'2103-05-01 00:00:00',
		"$level: and each has added its month");
	is( $node->safe_psql('books',
			"SELECT count(*), count(DISTINCT valid_until) FROM trainledger.pass_event WHERE pass_id = $pass"),
		'41|41', "$level: and left its event");

	for my $round (1 .. 3)
	{
		$pass = issue();
		at_once($node, \@two,
			"SELECT id FROM trainledger.revoke_pass($pass)",
			$round % 2
			? "SELECT id FROM trainledger.renew_pass($pass)"
			: "SELECT id FROM trainledger.reassign_pass($pass, 2)");
		like(
			events($pass),
			qr/^issued( revoked| renewed| renewed revoked| reassigned)$/,
			"$level, round $round: revoke meets renew or reassign, one after the other"
		);
	}

	# ------------------------------------------------------------------
	# A type and its options
	# ------------------------------------------------------------------

	for my $round (1 .. 4)
	{
		my $id = 100 + 10 * $round + 1000 * (length $level);
		my $other = $id + 1;
		$node->safe_psql('books', <<END);
SELECT trainledger.create_pass_type('type $id', 'T', id => $id);
SELECT trainledger.create_pass_option($id, 'a', 'days', 1, id => $id), trainledger.create_pass_option($id, 'b', 'days', 1, id => $other);
SELECT trainledger.create_pass_price($id, 'DS', 'USD', 1), trainledger.create_pass_price($other, 'DS', 'USD', 1);
SELECT trainledger.update_pass_option($id, lifecycle_state => 'published');
END
		# publish the type, archive its only published option
		at_once($node, \@two,
			"SELECT lifecycle_state FROM trainledger.update_pass_type($id, lifecycle_state => 'published')",
			"SELECT lifecycle_state FROM trainledger.update_pass_option($id, lifecycle_state => 'archived')");
		passes_are_right("$level, round $round, publish against archive");
		$node->safe_psql('books', <<END);
SELECT trainledger.update_pass_option(o, lifecycle_state => 'published') FROM unnest('{$id,$other}'::bigint[]) o;
SELECT trainledger.update_pass_type($id, lifecycle_state => 'published');
END
		# archive both of its options
		@answers = at_once(
			$node, \@two,
			map {
				"SELECT lifecycle_state FROM trainledger.update_pass_option($_, lifecycle_state => 'archived')"
			} $id, $other);
		like(outcome(@answers), qr/^00000 1, (TL409|40001) 1$/,
			"$level, round $round: one of two last options is archived");
		passes_are_right("$level, round $round, archive against archive");
	}

	# the same with snapshots that are older than what the other did
	for my $first ('publish', 'archive')
	{
		my $id = 900 + 1000 * (length $level) + ($first eq 'publish' ? 0 : 5);
		my $other = $id + 1;
		$node->safe_psql('books', <<END);
SELECT trainledger.create_pass_type('type $id', 'T', id => $id);
SELECT trainledger.create_pass_option($id, 'a', 'days', 1, id => $id), trainledger.create_pass_option($id, 'b', 'days', 1, id => $other);
SELECT trainledger.create_pass_price($id, 'DS', 'USD', 1), trainledger.create_pass_price($other, 'DS', 'USD', 1);
SELECT trainledger.update_pass_option($id, lifecycle_state => 'published');
END
		my ($one, $another) = (
			"SELECT FROM trainledger.update_pass_option($id, lifecycle_state => 'archived')",
			"SELECT FROM trainledger.update_pass_type($id, lifecycle_state => 'published')");
		if ($first eq 'archive')
		{
			$node->safe_psql('books', <<END);
SELECT trainledger.update_pass_option($other, lifecycle_state => 'published');
SELECT trainledger.update_pass_type($id, lifecycle_state => 'published');
END
			$another =
			  "SELECT FROM trainledger.update_pass_option($other, lifecycle_state => 'archived')";
		}
		$two[$_]->query($_ ? 'BEGIN' : "BEGIN; SELECT 1") for 0, 1;
		$two[1]->query('SELECT count(*) FROM trainledger.pass_type_option');
		my $state = $two[0]->query($one)->{sqlstate};
		$two[0]->query('COMMIT');
		my $answer = $two[1]->query($another)->{sqlstate};
		$two[1]->query('COMMIT');
		is("$state $answer", "00000 $late",
			"$level: an old snapshot does not $first what is no longer so");
		passes_are_right("$level, old snapshot, $first");
	}

	# ------------------------------------------------------------------
	# The same request from eight sessions
	# ------------------------------------------------------------------

	for my $round (1 .. 3)
	{
		my $key = sprintf '00000000-0000-0000-%04d-%012d', length $level, $round;
		my $before = $node->safe_psql('books', 'SELECT count(*) FROM trainledger.pass');
		my @tries = map { { sqlstate => '40001' } } 1 .. 8;
		my $same =
		  "SELECT id FROM trainledger.issue_pass(1, 1, 3, '2026-01-01Z', idempotency_key => '$key')";
		@answers = at_once($node, \@eight, $same);
		@answers = map {
			my $answer = $answers[$_];
			$answer = $eight[$_]->query($same) while $answer->{sqlstate} eq '40001';
			$answer;
		} 0 .. 7;
		is(outcome(@answers), '00000 8', "$level, round $round: 8 equal requests with a key all succeed");
		is(scalar(keys %{ { map { $_->{rows}[0] => 1 } @answers } }),
			1, "$level, round $round: and get the same pass");
		is($node->safe_psql('books', 'SELECT count(*) FROM trainledger.pass') - $before,
			1, "$level, round $round: which is one");
		@answers = at_once(
			$node, \@eight,
			map {
				"SELECT id FROM trainledger.issue_pass(1, 1, 4, '2026-01-0${_}Z', idempotency_key => '$key')"
			} 1 .. 8);
		like(outcome(@answers), qr/^00000 1, (TL422 7|40001 7|40001 \d, TL422 \d)$/,
			"$level, round $round: of 8 different ones with one key one does");
	}
	passes_are_right("$level, same request");
}

# ----------------------------------------------------------------------
# A use waits for a revocation and finds the other pass
# ----------------------------------------------------------------------

{
	my ($one, $another) = @eight[ 0, 1 ];
	$_->query("SET default_transaction_isolation = 'READ COMMITTED'") for @eight;
	my ($soon, $later) = map {
		$node->safe_psql('books',
			"SELECT id FROM trainledger.issue_pass(1, 1, 9, '2026-01-01Z', '$_-01-01Z')"
		)
	} 2090, 2091;

	for my $case ([ 'revoked', $soon, 'the other pass', '00000' ],
		[ 'the last one revoked', $later, 'no pass', 'TL404' ])
	{
		my ($what, $pass, $finds, $sqlstate) = @$case;
		$one->query('BEGIN');
		$one->query("SELECT FROM trainledger.revoke_pass($pass)");
		$another->send("SELECT pass_id FROM trainledger.use_pass(9, 1, 'Event 4711')");
		$node->poll_query_until('books',
			"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $another->backend)
		  or die 'the use does not wait';
		$one->query('COMMIT');
		my $answer = $another->receive;
		is($answer->{sqlstate}, $sqlstate, "$what: the use finds $finds");
		is($answer->{rows}[0], $later, "$what: the one that is left")
		  if $sqlstate eq '00000';
	}
}

# ----------------------------------------------------------------------
# Random calls of eight sessions on twenty passes, in every isolation level
# ----------------------------------------------------------------------

my $seed = $ENV{TRAINLEDGER_SEED} || 20261121;
my $steps = int(soak() / 40) || 1;
note "seed $seed, $steps calls of each of 8 sessions in each isolation level";
srand $seed;
for my $level (@levels)
{
	$_->query("SET default_transaction_isolation = '$level'") for @eight;
	my @passes = map { issue() } 1 .. 20;
	my @left = ($steps) x 8;
	my (%seen, $answered);

	drive(
		\@eight,
		sub {
			my ($i) = @_;
			return undef if $left[$i]-- <= 0;
			my $pass = $passes[ rand @passes ];
			my $to = 1 + int rand 8;
			my $kind = rand;
			return "SELECT id FROM trainledger.renew_pass($pass)" if $kind < 0.4;
			return "SELECT pass_id FROM trainledger.use_pass($to, 1, 'r')" if $kind < 0.6;
			return "SELECT id FROM trainledger.reassign_pass($pass, $to)" if $kind < 0.85;
			return "SELECT id FROM trainledger.revoke_pass($pass)" if $kind < 0.95;
			return "SELECT id FROM trainledger.issue_pass(1, 1, $to)";
		},
		sub {
			my ($i, $answer) = @_;
			$seen{ $answer->{sqlstate} }++;
			$answered++;
			# passes that were made are played with too
			if ($answer->{sqlstate} eq '00000' && @{ $answer->{rows} })
			{
				$passes[ rand @passes ] = $answer->{rows}[0];
			}
			return undef;
		});
	is($answered, 8 * $steps, "$level: every call is answered");
	my $allowed =
	  $level eq 'READ COMMITTED'
	  ? qr/^(00000|TL404|TL409|TL410)$/
	  : qr/^(00000|TL404|TL409|TL410|40001)$/;
	is(join(' ', grep { $_ !~ $allowed } sort keys %seen),
		'', "$level: with a pass, a refusal or a real conflict")
	  or diag join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	note "$level: " . join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	cmp_ok($seen{'00000'}, '>', 0, "$level: some go through");
	passes_are_right("$level, random calls");
}

$_->quit for @eight;
no_crash($node, $started, 'passes_races');
$node->stop;
done_testing();
