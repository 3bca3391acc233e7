# Many sessions at once on programs: one cohort, one ticket, tickets that are
# consumed and canceled, people who come in, syncs of the same cohorts, and a
# campaign of random calls, in every isolation level.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('programs_races', 'max_connections = 70',
	'deadlock_timeout = 200ms');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');

# ids of kinds (1, and 2 below it), programs (11 to 30) and people (a1 to a40)
sub id { return sprintf '00000000-0000-4000-8000-%012s', shift; }

$node->safe_psql('books', <<'END');
CREATE FUNCTION id(n text) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(n, 12, '0'))::uuid $$;
SELECT trainledger.add_party('person', 'Person ' || i, email => 'p' || i || '@example.org', id => i, uuid => id('a' || i))
FROM generate_series(1, 40) i;
SELECT trainledger.add_program_kind('Leadership', id => id('1'));
SELECT trainledger.add_program_kind('First', parent_id => id('1'), id => id('2'));
SELECT trainledger.add_program(id('2'), 'Program ' || i, '2026-01-01', 30, id => id(i::text)) FROM generate_series(11, 30) i;
END

# Counts the answers by SQLSTATE: "00000 1, TL409 7"
sub outcome
{
	my %count;
	$count{ $_->{sqlstate} }++ for @_;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

sub distinct
{
	return scalar keys %{ { map { $_ => 1 } @_ } };
}

# Sends again what met a conflict, as a client has to
sub persist
{
	my ($sessions, $statements, @answers) = @_;

	for my $i (0 .. $#answers)
	{
		while ($answers[$i]{sqlstate} eq '40001')
		{
			$answers[$i] =
			  $sessions->[$i]->query($statements->[ $i % @$statements ]);
		}
	}
	return @answers;
}

# Every membership is as its last event says, every event begins where the one
# before it ended, a ticket was consumed for a program that its holder is in,
# and no purchase is there twice.
sub programs_are_right
{
	my ($what) = @_;

	is( $node->safe_psql('books', <<'END'), '', "$what: the books are right");
SELECT 'last event', m.* FROM trainledger.membership m
LEFT JOIN LATERAL (SELECT e.* FROM trainledger.membership_event e
	WHERE (e.program_id, e.party_id) = (m.program_id, m.party_id) ORDER BY e.id DESC LIMIT 1) e ON true
WHERE (m.cohort_id, m.role, m.state) IS DISTINCT FROM (e.cohort_id, e.role, e.state);
SELECT 'chain', e.* FROM (SELECT id, old_cohort_id, old_role, old_state, lag(cohort_id) OVER w AS cohort, lag(role) OVER w AS role, lag(state) OVER w AS state
	FROM trainledger.membership_event WINDOW w AS (PARTITION BY program_id, party_id ORDER BY id)) e
WHERE (old_cohort_id, old_role, old_state) IS DISTINCT FROM (cohort, role, state);
SELECT 'consumed', t.* FROM trainledger.ticket t
WHERE (t.state = 'consumed') <> (t.consumed_program_id IS NOT NULL) OR (t.state = 'canceled') <> (t.canceled_at IS NOT NULL)
OR t.state = 'consumed' AND NOT EXISTS (SELECT FROM trainledger.membership m WHERE (m.program_id, m.party_id) = (t.consumed_program_id, t.party_id));
SELECT 'purchase', t.external_id, count(*) FROM trainledger.ticket t WHERE t.external_id IS NOT NULL
GROUP BY t.external_id, t.sku, t.made_out_to HAVING count(*) > 1;
END
	return;
}

# ----------------------------------------------------------------------
# Fifty sessions confirm a cohort
# ----------------------------------------------------------------------

my @fifty = sessions($node, 50);
for my $level (@levels)
{
	$_->query("SET default_transaction_isolation = '$level'") for @fifty;
	for my $round (1 .. 3)
	{
		my $name = "$level $round";
		my @same = (
			qq{SELECT trainledger_api."ConfirmCohort"('{"programId": "@{[ id(11) ]}", "cohortName": "$name"}')},
			"SELECT to_json(id) FROM trainledger.confirm_cohort(id('11'), '$name')");
		my @answers = at_once($node, \@fifty, @same);
		like(outcome(@answers),
			$level eq 'READ COMMITTED' ? qr/^00000 50$/ : qr/^00000 \d+(, 40001 \d+)?$/,
			"$name: 50 sessions confirm a cohort");
		@answers = persist(\@fifty, \@same, @answers);
		is(outcome(@answers), '00000 50', "$name: all of them in the end");
		is(distinct(map { $_->{rows}[0] } @answers), 1, "$name: and get the same");
		is( $node->safe_psql('books',
				"SELECT count(*) FROM trainledger.cohort WHERE name = '$name'"),
			1, "$name: which is one");
	}
}
$_->quit for splice @fifty, 20;

# ----------------------------------------------------------------------
# Twenty sessions bring the same purchase
# ----------------------------------------------------------------------

my @twenty = @fifty;
my $purchase = 0;
for my $level (@levels)
{
	$_->query("SET default_transaction_isolation = '$level'") for @twenty;
	for my $holder ('"userId": "' . id('a1') . '"',
		'"email": "P1@example.org"', '"email": "nobody@example.org"')
	{
		my $external = id('e' . ++$purchase);
		my @same = (
			qq{SELECT trainledger_api."CreateProgramTicket"('{$holder, "programKindId": "@{[ id(1) ]}", "externalId": "$external", "sku": "S"}')});
		my @answers = at_once($node, \@twenty, @same);
		@answers = persist(\@twenty, \@same, @answers);
		is(outcome(@answers), '00000 20', "$level, $holder: 20 sessions are answered");
		is(join('', sort map { $_->{rows}[0] } @answers),
			'0' x 19 . '1', "$level, $holder: one made a ticket");
		is( $node->safe_psql('books',
				"SELECT count(*) FROM trainledger.ticket WHERE external_id = '$external'"),
			1, "$level, $holder: which is one");
	}
}
programs_are_right('one cohort, one ticket');

# ----------------------------------------------------------------------
# Twelve programs, five tickets of one person
# ----------------------------------------------------------------------

my @twelve = @twenty[ 0 .. 11 ];
my $person = 1;
for my $level (@levels)
{
	$_->query("SET default_transaction_isolation = '$level'") for @twelve;
	for my $round (1 .. 3)
	{
		my $what = "$level, round $round";
		$person++;
		# made out to the person and to the address of the person
		$node->safe_psql('books',
			"SELECT trainledger.create_program_ticket(id(k), party_id => p, email => e) FROM (VALUES ('1', $person, NULL), ('2', $person, NULL), ('2', NULL, 'p$person\@example.org'), ('1', $person, NULL), ('2', NULL, 'P$person\@example.org')) v(k, p, e)"
		);
		my @consume = map {
			"SELECT id FROM trainledger.consume_ticket($person, id('@{[ 10 + $_ ]}'))"
		} 1 .. 12;
		my @answers = at_once($node, \@twelve, @consume);
		like(outcome(@answers),
			$level eq 'READ COMMITTED' ? qr/^00000 5, TL404 7$/ : qr/^00000 \d(, 40001 \d+)?(, TL404 \d)?$/,
			"$what: twelve sessions consume five tickets");
		@answers = persist(\@twelve, \@consume, @answers);
		is(outcome(@answers), '00000 5, TL404 7', "$what: five get one");
		is(distinct(map { $_->{rows}[0] } grep { $_->{sqlstate} eq '00000' } @answers),
			5, "$what: each a ticket of its own");
		is( $node->safe_psql('books',
				"SELECT count(*) FROM trainledger.membership WHERE party_id = $person"),
			5, "$what: and each a membership");

		# eight sessions, one program
		$person++;
		$node->safe_psql('books',
			"SELECT trainledger.create_program_ticket(id('1'), $person) FROM generate_series(1, 8)");
		my @same = ("SELECT id FROM trainledger.consume_ticket($person, id('11'))");
		@answers = at_once($node, [ @twelve[ 0 .. 7 ] ], @same);
		@answers = persist(\@twelve, \@same, @answers);
		is(outcome(@answers), '00000 1, TL409 7', "$what: one of eight consumes a ticket for one program");
		is( $node->safe_psql('books',
				"SELECT count(*) FROM trainledger.user_tickets($person, 'ready')"),
			7, "$what: the other tickets are kept");

		# the one ticket is consumed or canceled, never both
		$person++;
		$node->safe_psql('books',
			"SELECT trainledger.create_program_ticket(id('1'), $person)");
		my @either = (
			"SELECT state FROM trainledger.consume_ticket($person, id('12'))",
			"SELECT state FROM trainledger.cancel_ticket((SELECT id FROM trainledger.ticket WHERE party_id = $person))");
		@answers = at_once($node, [ @twelve[ 0 .. 7 ] ], @either);
		@answers = persist(\@twelve, \@either, @answers);
		like(outcome(@answers), qr/^00000 1, (TL404 4, TL409 3|TL404 3, TL409 4)$/,
			"$what: one of eight consumes or cancels the ticket");
		is( (map { $_->{rows}[0] } grep { $_->{sqlstate} eq '00000' } @answers)[0],
			$node->safe_psql('books', "SELECT state FROM trainledger.ticket WHERE party_id = $person"),
			"$what: and it is as that one says");
	}
	programs_are_right("$level, tickets");
}

# a consumer waits for one who cancels, and takes the other ticket
{
	my ($one, $another) = @twelve[ 0, 1 ];
	$_->query("SET default_transaction_isolation = 'READ COMMITTED'") for @twelve;
	$node->safe_psql('books',
		"SELECT trainledger.create_program_ticket(id('1'), 40), pg_sleep(0.01) FROM generate_series(1, 2)");
	my ($old, $new) = rows($node, 'SELECT id FROM trainledger.user_tickets(40)');
	for my $case ([ $new, '00000' ], [ undef, 'TL404' ])
	{
		my ($left, $sqlstate) = @$case;
		$one->query('BEGIN');
		$one->query("SELECT trainledger.cancel_ticket((SELECT id FROM trainledger.user_tickets(40, 'ready') LIMIT 1))");
		$another->send("SELECT id FROM trainledger.consume_ticket(40, id('13'))");
		$node->poll_query_until('books',
			"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $another->backend)
		  or die 'the consumer does not wait';
		$one->query('COMMIT');
		my $answer = $another->receive;
		is($answer->{sqlstate}, $sqlstate, 'canceled meanwhile: ' . ($left ? 'the other ticket' : 'none'));
		next unless $left;
		is($answer->{rows}[0], $left, 'canceled meanwhile: the one that is left');
		$node->safe_psql('books', "SELECT trainledger.create_program_ticket(id('1'), 40)");
	}
}

# two consumers see two tickets as the oldest, because that one became visible
# in between; for one program only one of them is taken
{
	my ($one, $another, $seller) = @twelve[ 0 .. 2 ];
	$node->safe_psql('books', "SELECT trainledger.create_program_ticket(id('1'), 39)");
	$seller->query("SET trainledger.clock = '2026-01-01'");
	$seller->query('BEGIN');
	$seller->query("SELECT trainledger.create_program_ticket(id('1'), 39)");
	$one->query('BEGIN');
	is($one->query("SELECT FROM trainledger.consume_ticket(39, id('13'))")->{sqlstate}, '00000', 'the ticket that is visible');
	$seller->query('COMMIT');
	$seller->query('RESET trainledger.clock');
	$another->send("SELECT FROM trainledger.consume_ticket(39, id('13'))");
	$node->poll_query_until('books',
		"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $another->backend)
	  or die 'the other consumer does not wait';
	$one->query('COMMIT');
	is($another->receive->{sqlstate}, 'TL409', 'an older ticket is not taken in vain');
	is($node->safe_psql('books', "SELECT count(*) FROM trainledger.user_tickets(39, 'ready')"), 1, 'it is kept');
}

# ----------------------------------------------------------------------
# Somebody comes in by twelve doors
# ----------------------------------------------------------------------

for my $level (@levels)
{
	my $number = $level eq 'READ COMMITTED' ? 31 : $level eq 'SERIALIZABLE' ? 33 : 32;
	$_->query("SET default_transaction_isolation = '$level'") for @twelve;
	my @doors = map {
		"SELECT role, state FROM trainledger.modify_program_membership(id('21'), $number, role => '$_')"
	} qw(member trainer observer);
	my @answers = at_once($node, \@twelve, @doors);
	@answers = persist(\@twelve, \@doors, @answers);
	is(outcome(@answers), '00000 12', "$level: twelve sessions take one person in");
	is( $node->safe_psql('books',
			"SELECT count(*), count(*) FILTER (WHERE old_role IS NULL) FROM trainledger.membership_event WHERE party_id = $number") =~ /\|1$/,
		1, "$level: who comes in once");
	programs_are_right("$level, twelve doors");
}

# ----------------------------------------------------------------------
# Syncs of one program beside people who come in, move and leave
# ----------------------------------------------------------------------

my $seed = $ENV{TRAINLEDGER_SEED} || 20261122;
note "seed $seed";
srand $seed;
$node->safe_psql('books',
	"SELECT trainledger.confirm_cohort(id('22'), c) FROM unnest('{a,b,c}'::text[]) c");
$node->safe_psql('books',
	"CREATE FUNCTION cohort(n text) RETURNS uuid LANGUAGE sql AS \$\$ SELECT id FROM trainledger.cohort WHERE program_id = id('22') AND name = n \$\$");
my $steps = int(soak() / 40) || 1;
for my $level (@levels)
{
	my @left = ($steps) x 12;
	my %seen;

	$_->query("SET default_transaction_isolation = '$level'") for @twelve;
	drive(
		\@twelve,
		sub {
			my ($i) = @_;
			return undef if $left[$i]-- <= 0;
			my $who = 1 + int rand 40;
			my $cohort = 'cohort(\'' . (qw(a b c))[ rand 3 ] . '\')';
			my $role = (qw(member trainer observer))[ rand 3 ];
			my $state = (qw(active active completed withdrawn))[ rand 4 ];
			my $kind = rand;
			return "SELECT trainledger.sync_cohort(id('22'), $cohort, '\$.id <= $who', '$role', 'open')" if $kind < 0.15;
			return "SELECT trainledger.sync_cohort(id('22'), $cohort, '\$.id >= $who', '$role')" if $kind < 0.3;
			return "SELECT trainledger.modify_program_membership(id('22'), $who, $cohort, '$role', '$state')" if $kind < 0.55;
			return "SELECT trainledger.update_user_cohort_state($who, id('22'), '$state', $cohort)" if $kind < 0.7;
			return "SELECT trainledger.create_program_ticket(id('1'), $who)" if $kind < 0.8;
			return "SELECT trainledger.consume_ticket($who, id('22'))" if $kind < 0.9;
			return "SELECT is_suspended FROM trainledger.update_party($who, is_suspended => @{[ rand 2 < 1 ? 'true' : 'false' ]})" if $kind < 0.95;
			return "SELECT trainledger.cancel_ticket((SELECT id FROM trainledger.user_tickets($who, 'ready') LIMIT 1))";
		},
		sub {
			my (undef, $answer) = @_;
			$seen{ $answer->{sqlstate} }++;
			return undef;
		});
	note "$level: " . join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	my $allowed =
	  $level eq 'READ COMMITTED'
	  ? qr/^(00000|TL400|TL404|TL409)$/
	  : qr/^(00000|TL400|TL404|TL409|40001)$/;
	is(join(' ', grep { $_ !~ $allowed } sort keys %seen),
		'', "$level: random calls are done, refused, or meet a real conflict");
	cmp_ok($seen{'00000'}, '>', 0, "$level: some are done");
	programs_are_right("$level, random calls");
}

# whoever is taken in while a sync runs is in its cohort in the end
for my $round (1 .. 10)
{
	$_->query("SET default_transaction_isolation = 'READ COMMITTED'") for @twelve;
	$node->safe_psql('books', 'DELETE FROM trainledger.membership WHERE program_id = ' . "id('22')");
	$node->safe_psql('books', "ALTER TABLE trainledger.membership_event DISABLE TRIGGER append_only; DELETE FROM trainledger.membership_event WHERE program_id = id('22'); ALTER TABLE trainledger.membership_event ENABLE ALWAYS TRIGGER append_only");
	$node->safe_psql('books', 'UPDATE trainledger.party SET is_suspended = false');
	my @answers = at_once(
		$node, \@twelve,
		"SELECT trainledger.sync_cohort(id('22'), cohort('a'), '\$.id <= 40', 'member', 'open')",
		map {
			"SELECT count(trainledger.modify_program_membership(id('22'), i)) FROM generate_series($_, 40, 11) i"
		} 1 .. 11);
	is(outcome(@answers), '00000 12', "round $round: a sync beside eleven enrolments");
	is( $node->safe_psql('books',
			"SELECT count(*) FROM trainledger.membership WHERE cohort_id = cohort('a')"),
		40, "round $round: leaves nobody out");
	programs_are_right("round $round, a sync beside enrolments");
}

$_->quit for @twenty;
no_crash($node, $started, 'programs_races');
$node->stop;
done_testing();
