# Random calls of the functions for training passes against a slow model of
# them (TrainLedger::PassModel), which has a calendar of its own: after every
# call the answer, every pass with its runs and the number of its uses are the
# same, and so is whether people are covered at random instants.
#
# People and options change every few hundred calls, so that the state stays
# small enough to compare all of it; each such chapter begins at another time,
# near the end of a month, a leap day or the turn of a century.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Test::More;

use TrainLedger;
use TrainLedger::PassModel;

my $DAY = $TrainLedger::PassModel::DAY;
my $CHAPTER = 200;

my $seed = $ENV{TRAINLEDGER_SEED} || 20240131;
my $steps = $ENV{TRAINLEDGER_SOAK} && soak() > 2000 ? soak() : 1_200;
srand $seed;
note "seed $seed: $steps calls";

my $node = start_books('passes_model', 'fsync = off', 'jit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# ----------------------------------------------------------------------
# The server's side: one call by an unprivileged role, at a time and in a time
# zone, and how everything is after it
# ----------------------------------------------------------------------

add_role($node, "model_$_" => $_) for qw(operator admin);
$node->safe_psql('books', <<'SQL');
CREATE FUNCTION microseconds(at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint::text $$;

CREATE FUNCTION state(first_party bigint) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT string_agg(concat_ws(' ', p.id, p.party_id, p.option_id,
		microseconds(p.valid_from), microseconds(p.valid_until), p.status,
		'uses', (SELECT count(*) FROM trainledger.pass_use u
				 WHERE u.pass_id = p.id AND u.cancelled_at IS NULL),
		(SELECT string_agg(microseconds(r.valid_from) || '-'
			|| microseconds(r.valid_until), ' ' ORDER BY r.valid_from)
		 FROM trainledger.pass_period r WHERE r.pass_id = p.id)),
		E'\n' ORDER BY p.id >> 10)
	FROM trainledger.training_pass p WHERE p.party_id >= first_party
$$;

CREATE FUNCTION step(role text, at text, zone text, statement text,
	first_party bigint, parties bigint[], items bigint[], instants text[])
RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	answer text;
	covered text;
BEGIN
	PERFORM set_config('trainledger.clock', at, false);
	PERFORM set_config('TimeZone', zone, false);
	PERFORM set_config('role', role, false);
	BEGIN
		EXECUTE statement INTO answer;
	EXCEPTION WHEN OTHERS THEN
		answer := SQLSTATE;
		IF answer !~ '^(TL|42501)' THEN
			answer := answer || ' ' || SQLERRM;
		END IF;
	END;
	SELECT string_agg(trainledger.pass_covers(q.party, q.item,
			q.instant::timestamptz)::integer::text, '' ORDER BY q.n)
	INTO covered
	FROM unnest(parties, items, instants)
		WITH ORDINALITY AS q(party, item, instant, n);
	PERFORM set_config('role', 'none', false);
	PERFORM set_config('TimeZone', 'UTC', false);
	RETURN concat_ws('#', answer, covered,
					 md5(coalesce(state(first_party), '')));
END
$$;

SELECT trainledger.add_catalog_item('course', 'Course ' || n, 'Course', id => n) FROM generate_series(1, 3) n;
SELECT trainledger.add_region('R', 'Region'), trainledger.add_currency('C', 'Currency');
SELECT trainledger.create_pass_type('Type ' || n, 'Type', id => n) FROM generate_series(1, 2) n;
SELECT trainledger.add_pass_content(1, '{1,2}'), trainledger.add_pass_content(2, '{2}');
SQL

my ($session) = sessions($node, 1);
my @zones = qw(UTC Asia/Kathmandu America/St_Johns Pacific/Kiritimati
  Pacific/Pago_Pago Europe/Berlin);

my $model = TrainLedger::PassModel->new;
$model->{types} = { 1 => [ 1, 2 ], 2 => [2] };
my @options = (
	[ 1, 'months', 1 ], [ 1, 'years', 1 ], [ 1, 'months', 3 ], [ 1, 'days', 30 ],
	[ 1, 'weeks', 2 ], [ 1, 'years', 4 ], [ 1, 'months', 13 ], [ 1, 'years', 9000 ],
	[ 2, 'months', 1 ], [ 2, 'months', 7 ]);
for my $i (0 .. $#options)
{
	my ($type, $unit, $value) = @{ $options[$i] };
	my $id = $i + 1;
	$node->safe_psql('books', <<"SQL");
SELECT trainledger.create_pass_option($type, 'Option', '$unit', $value, $id);
SELECT trainledger.create_pass_price($id, 'R', 'C', 1);
SELECT trainledger.update_pass_option($id, lifecycle_state => 'published');
SQL
	$model->{options}{$id} = { type => $type, unit => $unit, value => $value };
}
$node->safe_psql('books',
	"SELECT trainledger.update_pass_type(n, lifecycle_state => 'published') FROM generate_series(1, 2) n");

sub literal
{
	my ($value, $type) = @_;
	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'" . ($type ? "::$type" : '');
}

sub moment
{
	my ($at) = @_;
	return defined $at ? literal(TrainLedger::PassModel::text($at), 'timestamptz') : 'NULL';
}

# ----------------------------------------------------------------------
# The stream of calls
# ----------------------------------------------------------------------

my (@parties, @keyed, $first_use);
my $serial = 0;

sub one_of { return $_[ int rand @_ ]; }
sub uuid { return sprintf '%08x-0000-4000-8000-%012x', rand 2**32, ++$serial; }

sub start_chapter
{
	my ($number) = @_;

	$model->close_chapter;
	$first_use = @{ $model->{uses} };
	(@parties, @keyed) = ();
	push @parties, rows($node, <<"SQL");
SELECT id FROM trainledger.add_party('person', 'Ann $number');
SELECT id FROM trainledger.add_party('person', 'Bob $number');
SELECT id FROM trainledger.add_party('person', 'Cid $number');
SELECT id FROM trainledger.add_party('organisation', 'Org $number');
SQL
	$model->{parties}{$_} = {} for @parties;
	$model->{parties}{ $parties[3] }{is_organisation} = 1;
	my $year = one_of(1899, 1900, 1996, 1999, 2000, 2023, 2024, 2027, 2096, 2099, 2100, 2399);
	my $month = one_of(1, 1, 2, 3, 8, 10, 12);
	$model->{clock} = TrainLedger::PassModel::instant($year, $month,
		TrainLedger::PassModel::days_in_month($year, $month)) + a_time();
	return;
}

# A time of day
sub a_time
{
	return one_of(0, 0, $DAY - 1, int rand $DAY);
}

sub a_party
{
	my $chance = rand;
	return 999_999 if $chance < 0.01;
	return $parties[3] if $chance < 0.03;
	return $parties[ rand() < 0.5 ? 0 : rand 3 ];
}

sub an_option
{
	my $chance = rand;
	return 999 if $chance < 0.01;
	return 8 if $chance < 0.02;
	return one_of(9, 10) if $chance < 0.2;
	return $chance < 0.6 ? 1 : 1 + int rand 7;
}

sub a_pass
{
	my $passes = @{ $model->{passes} } - $model->{first};

	return undef if $passes <= 0 || rand() < 0.01;
	# rather the later ones, and those that are not cancelled
	my $number;
	for (1 .. 3)
	{
		$number = $model->{first} + int($passes * (rand() < 0.6 ? sqrt rand : rand));
		last unless $model->{passes}[$number]{cancelled};
	}
	return $number;
}

# An instant near now: on the last or the 29th, 30th or 31st of a month, the
# border of a run, or any other
sub an_instant
{
	my $chance = rand;
	my @passes = $model->passes;

	if ($chance < 0.5 && @passes)
	{
		my $run = one_of(@{ one_of(@passes)->{runs} });
		return one_of(@$run) + one_of(-1, 0, 0, 1, $DAY, -$DAY);
	}
	my $at = $model->{clock} + int((rand(2) - 1) * 100 * $DAY);
	return $at if $chance < 0.65;
	my ($year, $month) = TrainLedger::PassModel::parts($at);
	my $last = TrainLedger::PassModel::days_in_month($year, $month);
	my $day = one_of($last, $last, 29, 30, 31, 28);
	return TrainLedger::PassModel::instant($year, $month, $day > $last ? $last : $day) + a_time();
}

my %make = (
	issue => sub {
		my $option = an_option();
		my $from = rand() < 0.6 ? an_instant() : undef;
		return {
			op => 'issue',
			type => rand() < 0.02 ? one_of(1, 2, 77) : $option > 8 ? 2 : 1,
			option => $option,
			party => a_party(),
			from => $from,
			until => rand() < 0.2 ? an_instant() + (rand() < 0.7 ? 60 * $DAY : 0) : undef
		};
	},
	renew => sub {
		my $pass = a_pass();
		my $type = defined $pass ? $model->{passes}[$pass]{type} : 1;
		my $until;
		if (rand() < 0.25)
		{
			$until = an_instant();
			$until += int rand 90 * $DAY if rand() < 0.6;
		}
		return {
			op => 'renew',
			pass => $pass,
			option => rand() < 0.6 ? undef : rand() < 0.9 ? ($type == 2 ? one_of(9, 10) : 1 + int rand 7) : an_option(),
			until => $until
		};
	},
	revoke => sub {
		my @passes = $model->passes;
		return { op => 'revoke', pass => rand() < 0.3 && @passes ? one_of(@passes)->{number} : a_pass() };
	},
	reassign => sub { return { op => 'reassign', pass => a_pass(), party => a_party() }; },
	correct => sub {
		my $call = {
			op => 'correct',
			role => rand() < 0.97 ? 'admin' : 'operator',
			pass => a_pass(),
			from => rand() < 0.6 ? an_instant() : undef,
			until => rand() < 0.7 ? an_instant() : undef,
			reason => rand() < 0.02 ? '' : 'mistake'
		};
		return $call;
	},
	use => sub {
		return {
			op => 'use',
			party => a_party(),
			item => one_of(1, 1, 2, 2, 3),
			reference => rand() < 0.02 ? '' : 'Event ' . int rand 9
		};
	},
	cancel => sub {
		my $uses = @{ $model->{uses} } - $first_use;
		return {
			op => 'cancel',
			use => $uses > 0 && rand() < 0.97 ? $first_use + int rand $uses : undef,
			reason => one_of('', 'ill')
		};
	},
	suspend => sub {
		my $party = $parties[ rand 3 ];
		return { op => 'suspend', party => $party, value => 1 };
	},
	option => sub {
		my $option = one_of(grep { !$model->{options}{$_}{archived} } 2 .. 7);
		return { op => 'option', role => 'admin', option => $option, archived => 1 };
	});
my @weights = (
	[ issue => 16 ], [ renew => 36 ], [ use => 14 ], [ cancel => 7 ], [ correct => 12 ],
	[ reassign => 8 ], [ revoke => 4 ], [ suspend => 2 ], [ option => 1 ]);

sub next_call
{
	# what is off stays off for a short while only
	for my $party (grep { $model->{parties}{$_}{suspended} } @parties)
	{
		return { op => 'suspend', party => $party, value => 0 } if rand() < 0.1;
	}
	for my $option (grep { $model->{options}{$_}{archived} } 2 .. 7)
	{
		return { op => 'option', role => 'admin', option => $option, archived => 0 }
		  if rand() < 0.1;
	}

	# the same request again, or one that only has the same key
	if (@keyed && rand() < 0.15)
	{
		my $op = one_of(qw(issue renew reassign reassign use));
		my @same = grep { $_->{op} eq $op } @keyed;
		my $call = { %{ one_of(@same ? @same : @keyed) } };
		if (rand() < 0.4)
		{
			my @change = grep { $_ ne 'op' && $_ ne 'key' && $_ ne 'role' } keys %$call;
			my $name = one_of(sort @change);
			$call->{$name} = $make{ $call->{op} }->()->{$name};
		}
		return $call;
	}

	my $chance = rand 100;
	for my $weight (@weights)
	{
		next if ($chance -= $weight->[1]) >= 0;
		my $call = $make{ $weight->[0] }->();
		if ($weight->[0] =~ /\A(issue|renew|reassign|use)\z/ && rand() < 0.5)
		{
			$call->{key} = uuid();
			push @keyed, $call;
		}
		return $call;
	}
	die 'weights do not make 100';
}

sub move_clock
{
	my $clock = $model->{clock};
	my $chance = rand;

	if ($chance < 0.35)
	{
		# to the end of a pass, just before it or just after it
		my @soon = sort { $a <=> $b } grep { $_ > $clock }
		  map { $_->{runs}[-1][1] } grep { !$_->{cancelled} } $model->passes;
		$clock = $soon[0] + one_of(-1, 0, 0, 1, 3 * $DAY) if @soon && $soon[0] < $clock + 500 * $DAY;
	}
	elsif ($chance < 0.6) { $clock += int rand 10 * $DAY; }
	elsif ($chance < 0.85) { $clock += int rand 70 * $DAY; }
	elsif ($chance < 0.9) { $clock -= int rand 20 * $DAY; }
	elsif ($chance < 0.93) { $clock += int rand 1000 * $DAY; }
	else
	{
		my ($year, $month, undef, $rest) = TrainLedger::PassModel::parts($clock);
		$clock = TrainLedger::PassModel::instant($year, $month,
			TrainLedger::PassModel::days_in_month($year, $month)) + $rest;
	}
	$model->{clock} = $clock;
	return;
}

# ----------------------------------------------------------------------
# A call as SQL, whose answer is the one of the model
# ----------------------------------------------------------------------

sub pass_id { return defined $_[0] ? $model->{passes}[ $_[0] ]{id} : 7; }

my $pass_row = "concat_ws(' ', id, party_id, option_id, public.microseconds(valid_from), public.microseconds(valid_until), status)";
my $use_row = "concat_ws(' ', id, pass_id, reference, cancel_reason)";
my %statement = (
	issue => sub {
		my ($call) = @_;
		return "SELECT $pass_row FROM trainledger.issue_pass("
		  . join(', ', @$call{qw(type option party)}, moment($call->{from}),
			moment($call->{until}), literal($call->{key})) . ')';
	},
	renew => sub {
		my ($call) = @_;
		return "SELECT $pass_row FROM trainledger.renew_pass("
		  . join(', ', pass_id($call->{pass}), literal($call->{option}),
			moment($call->{until}), literal($call->{key})) . ')';
	},
	revoke => sub {
		return "SELECT $pass_row FROM trainledger.revoke_pass(" . pass_id($_[0]{pass}) . ')';
	},
	reassign => sub {
		my ($call) = @_;
		return "SELECT $pass_row FROM trainledger.reassign_pass("
		  . join(', ', pass_id($call->{pass}), $call->{party}, literal($call->{key})) . ')';
	},
	correct => sub {
		my ($call) = @_;
		return "SELECT $pass_row FROM trainledger.correct_pass("
		  . join(', ', pass_id($call->{pass}), moment($call->{from}),
			moment($call->{until}), literal($call->{reason})) . ')';
	},
	use => sub {
		my ($call) = @_;
		return "SELECT $use_row FROM trainledger.use_pass("
		  . join(', ', @$call{qw(party item)}, literal($call->{reference}), literal($call->{key})) . ')';
	},
	cancel => sub {
		my ($call) = @_;
		return "SELECT $use_row FROM trainledger.cancel_pass_use("
		  . (defined $call->{use} ? $model->{uses}[ $call->{use} ]{id} : 7) . ', '
		  . literal($call->{reason}) . ')';
	},
	suspend => sub {
		my ($call) = @_;
		return "SELECT id FROM trainledger.update_party($call->{party}, is_suspended => "
		  . ($call->{value} ? 'true' : 'false') . ')';
	},
	option => sub {
		my ($call) = @_;
		return "SELECT id FROM trainledger.update_pass_option($call->{option}, lifecycle_state => '"
		  . ($call->{archived} ? 'archived' : 'published') . "')";
	});

# What the server should have answered
sub expected_row
{
	my ($answer) = @_;

	return $model->row($model->{passes}[$1]) if $answer =~ /\Apass (\d+)\z/;
	if ($answer =~ /\Ause (\d+)\z/)
	{
		my $use = $model->{uses}[$1];
		return join ' ', $use->{id}, $use->{pass}{id}, $use->{reference},
		  defined $use->{cancelled} ? $use->{cancelled} : ();
	}
	return $answer =~ s/\A(party|option) //r;
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

my (%seen, @complaints, %answered);
for my $step (1 .. $steps)
{
	start_chapter(int($step / $CHAPTER)) if $step % $CHAPTER == 1;
	move_clock() if rand() < 0.2;

	my $call = next_call();
	$call->{role} ||= 'operator';
	my $zone = one_of(@zones);
	my $sql = $statement{ $call->{op} }->($call);
	my $passes = @{ $model->{passes} };
	my @questions = map { [ $parties[ rand 3 ], one_of(1, 1, 2, 3), an_instant() ] } 1 .. 4;
	my $received = $session->query('SELECT step('
		  . join(', ', map({ literal($_) } "model_$call->{role}",
			TrainLedger::PassModel::text($model->{clock}), $zone, $sql),
			$parties[0],
			(map { my $i = $_; "'{" . join(',', map { $_->[$i] } @questions) . "}'" } 0, 1),
			"'{" . join(',', map { '"' . TrainLedger::PassModel::text($_->[2]) . '"' } @questions) . "}'")
		  . ')');
	my ($got, $covered, $digest) = split /#/, join("\n", @{ $received->{rows} }), -1;
	$got = $received->{message} // '' unless defined $digest;
	$_ //= '' for $covered, $digest;

	my $answer = $model->apply($call);

	# ids of the server's making
	my ($made) = $got =~ /\A(\d+) /;
	if (@{ $model->{passes} } > $passes && defined $made)
	{
		my $pass = $model->{passes}[-1];
		$pass->{id} = $made;
		push @complaints, "call $step: id $made is not at home"
		  if ($made & 1023) != ($pass->{party} & 1023);
	}
	$model->{uses}[$1]{id} //= $made if $answer =~ /\Ause (\d+)\z/;

	my $wanted = expected_row($answer);
	my $expected = join '', map {
		my ($party, $item, $at) = @$_;
		my $is_covered = $model->covering($party, $item, $at) ? 1 : 0;
		$seen{ "covered $is_covered, " . ($at < $model->{clock} ? 'past' : 'future') }++;
		$seen{'gap'}++ if !$is_covered && grep {
			$_->{party} == $party && !$_->{cancelled}
			  && TrainLedger::PassModel::from($_) <= $at
			  && $at < &TrainLedger::PassModel::until($_)
		} $model->passes;
		$is_covered;
	} @questions;
	my $is_done = $answer !~ /\A(TL...|42501)/;
	$seen{ $call->{op} . ' ' . ($is_done ? 'ok' : $1) }++;
	$seen{"replay $call->{op}"}++
	  if defined $call->{key} && $is_done && $answered{"$call->{op} $call->{key}"}++;
	$seen{'new run'}++
	  if $call->{op} eq 'renew' && $is_done
	  && $model->{passes}[ $call->{pass} ]{runs}[-1][0] == $model->{clock};

	my $state = $model->state;
	next if $got eq $wanted && $covered eq $expected && $digest eq md5_hex($state);
	push @complaints, "call $step";
	diag "call $step at ", TrainLedger::PassModel::text($model->{clock}),
	  ", $zone: $sql\n  server: $got, covered $covered\n  model:  $wanted, covered $expected";
	diag '  asked: ', join '; ', map { "$_->[0] $_->[1] " . TrainLedger::PassModel::text($_->[2]) } @questions;
	my %model = map { $_ => 1 } split /\n/, $state;
	my %server = map { $_ => 1 } rows($node,
		"SET trainledger.clock = '@{[ TrainLedger::PassModel::text($model->{clock}) ]}'; SELECT state($parties[0])");
	diag "  server: $_" for grep { !$model{$_} } sort keys %server;
	diag "  model:  $_" for grep { !$server{$_} } sort keys %model;
	last;    # from here on they differ anyway
}

is(join(', ', @complaints), '',
	"$steps calls: every answer, pass, run, use and coverage is the model's");
note join ', ', map { "$_ $seen{$_}" } sort keys %seen;
my @rare = grep { !$seen{$_} } (
	(map { "issue $_" } qw(ok TL400 TL404 TL409 TL422)), 'replay issue',
	(map { "renew $_" } qw(ok TL400 TL404 TL409 TL422)), 'replay renew', 'new run',
	(map { "reassign $_" } qw(ok TL404 TL409 TL410 TL422)), 'replay reassign',
	(map { "correct $_" } qw(ok TL400 TL404 TL409 42501)),
	(map { "use $_" } qw(ok TL404 TL422)), 'replay use',
	(map { "cancel $_" } qw(ok TL404 TL409)),
	'revoke ok', 'revoke TL409', 'gap',
	(map { ("covered 1, $_", "covered 0, $_") } qw(past future)));
is(join(', ', @rare), '', 'every refusal was met') unless @complaints;
is( $node->safe_psql('books', <<'SQL'), '', 'the last event of every pass says how it is');
SELECT p.id, e.event FROM trainledger.pass p
LEFT JOIN LATERAL (SELECT x.* FROM trainledger.pass_event x WHERE x.pass_id = p.id ORDER BY x.id DESC LIMIT 1) e ON true
WHERE (p.option_id, p.party_id, p.valid_from, p.valid_until) IS DISTINCT FROM (e.option_id, e.party_id, e.valid_from, e.valid_until)
OR e.run_from IS DISTINCT FROM (SELECT max(r.valid_from) FROM trainledger.pass_period r WHERE r.pass_id = p.id)
SQL
is($node->safe_psql('books', 'SELECT * FROM trainledger.verify()'), '', 'and all of them, its state and its runs');
$session->quit;
no_crash($node, $started, 'passes_model');
$node->stop;
done_testing();
