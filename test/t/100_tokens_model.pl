# Random calls of the functions for training tokens and holds of them against a
# slow model of them (TrainLedger::TokenModel): after every single call the
# answer, every lot, every redemption, every hold and their allocations are the
# same. What why() says of random moments of the past is what was available then,
# and why_not() says of a redemption what the redemption says itself.
#
# Parties and types change every few hundred calls, so that the state stays
# small enough to compare all of it; what was left behind can still be swept,
# and all entries are compared in the end.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use POSIX qw(strftime);
use Test::More;

use TrainLedger;
use TrainLedger::Calls;
use TrainLedger::TokenModel;

my $DAY = 86_400_000_000;
my $CHAPTER = 150;

my $seed = $ENV{TRAINLEDGER_SEED} || 20230404;
my $steps = $ENV{TRAINLEDGER_SOAK} && soak() > 2000 ? 10 * soak() : 10_000;
srand $seed;
note "seed $seed: $steps calls";

my $node = start_books('model', 'fsync = off', 'jit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# ----------------------------------------------------------------------
# The server's side: how everything stands
# ----------------------------------------------------------------------

prepare_calls($node);
$node->safe_psql('books', <<'SQL');
-- PL/pgSQL keeps its plans; the plans are such that they stay good: from the
-- lots and redemptions of a few parties by primary keys to everything else.
CREATE FUNCTION state(first_party bigint) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
	lots text;
	redemptions text;
	holds text;
	entries bigint;
	wrong bigint;
BEGIN
	SELECT string_agg(concat_ws(' ', 'lot', i.id, i.party_id,
			i.initial_balance, i.current_balance, i.booked_balance,
			i.held, i.available_balance,
			coalesce(microseconds(i.expires_at), 'never'),
			a.entry_count, e.operation, e.delta), E'\n' ORDER BY i.account_id),
		   coalesce(sum(s.entries), 0),
		   count(*) FILTER (WHERE l.is_open <> (a.balance <> 0)
				OR a.balance <> s.booked OR a.entry_count <> s.entries
				OR a.held::numeric <> k.held)
	INTO lots, entries, wrong
	FROM trainledger.token_lot l
	CROSS JOIN LATERAL (SELECT * FROM trainledger.token_issue i
						WHERE i.id = l.id OFFSET 0) i
	CROSS JOIN LATERAL (SELECT * FROM trainledger.account a
						WHERE a.id = l.account_id OFFSET 0) a
	CROSS JOIN LATERAL (SELECT * FROM trainledger.entry e
						WHERE e.account_id = a.id
						AND e.entry_no = a.entry_count OFFSET 0) e
	CROSS JOIN LATERAL (SELECT count(*) AS entries, sum(e.delta) AS booked
						FROM trainledger.entry e
						WHERE e.account_id = l.account_id) s
	CROSS JOIN LATERAL (SELECT coalesce(sum((x.quantity - x.captured - x.released)::numeric), 0) AS held
						FROM trainledger.hold_allocation x
						JOIN trainledger.placed_hold h ON h.id = x.hold_id
						WHERE x.issue_id = l.id AND h.is_open) k
	WHERE l.party_id >= first_party;

	SELECT string_agg(s.line, E'\n' ORDER BY s.id, s.ordinal)
	INTO redemptions
	FROM (
		SELECT r.id, 0 AS ordinal, concat_ws(' ', 'redemption', r.id,
			   r.party_id, r.quantity, r.refunded,
			   coalesce(r.hold_id::text, '-')) AS line
		FROM trainledger.redemption r
		WHERE r.party_id >= first_party
		UNION ALL
		SELECT r.id, x.ordinal, concat_ws(' ', 'taken', x.issue_id,
			   x.quantity, x.refunded)
		FROM trainledger.redemption r
		CROSS JOIN LATERAL (SELECT * FROM trainledger.redemption_allocation x
							WHERE x.redemption_id = r.id OFFSET 0) x
		WHERE r.party_id >= first_party) s;

	SELECT string_agg(s.line, E'\n' ORDER BY s.id, s.ordinal)
	INTO holds
	FROM (
		SELECT h.id, 0 AS ordinal, concat_ws(' ', 'hold', h.id, h.party_id,
			   h.quantity, h.captured, h.released, microseconds(h.expires_at),
			   h.status, (
				SELECT string_agg(concat_ws(' ', v.event, v.quantity), ', '
								  ORDER BY v.id)
				FROM trainledger.hold_event v WHERE v.hold_id = h.id)) AS line
		FROM trainledger.hold h
		WHERE h.party_id >= first_party
		UNION ALL
		SELECT h.id, x.ordinal, concat_ws(' ', 'kept', x.issue_id,
			   x.quantity, x.captured, x.released)
		FROM trainledger.placed_hold h
		JOIN trainledger.hold_allocation x ON x.hold_id = h.id
		WHERE h.party_id >= first_party) s;
	RETURN concat_ws(E'\n', lots, redemptions, holds, 'entries ' || entries,
					 'wrong ' || wrong);
END
$$;

CREATE FUNCTION made() RETURNS text LANGUAGE sql STABLE
AS $$
	SELECT concat_ws('#',
		coalesce((SELECT max(r.id) FROM trainledger.redemption r), 0),
		coalesce((SELECT string_agg(l.id::text, ',') FROM (
			SELECT l.id FROM trainledger.token_lot l
			ORDER BY l.account_id DESC LIMIT 40) l), 'none'))
$$;
SQL

my ($session) = sessions($node, 1);
my @zones = qw(UTC Asia/Kathmandu America/St_Johns Pacific/Kiritimati
  Pacific/Pago_Pago Europe/Berlin);

sub day
{
	return strftime('%Y-%m-%d', gmtime($_[0] * 86400));
}

# ----------------------------------------------------------------------
# The stream of calls
# ----------------------------------------------------------------------

my $model = TrainLedger::TokenModel->new;
my (@parties, @types, $first_redemption, @keyed);
my $credit_type;
my ($goes_forward, @past);

sub start_chapter
{
	my ($number) = @_;

	$model->close_chapter;
	# by the server's own clock
	$session->ask('RESET trainledger.clock');
	$first_redemption = @{ $model->{redemptions} };
	(@parties, @types, @keyed, @past) = ();
	$goes_forward = $number % 2;
	push @parties, $session->ask(<<"SQL");
SELECT id FROM trainledger.add_party('organisation', 'Org $number');
SELECT id FROM trainledger.add_party('organisation', 'Other $number');
SELECT p.id FROM trainledger.party o, trainledger.add_party('person', 'Ann $number', organisation_id => o.id) p WHERE o.name = 'Org $number';
SQL
	$model->{parties}{$_} = { suspended => 0 } for @parties;
	my @kinds = ([ 0, 30 ], [ 2, undef ], [ 6, 10 ]);
	for my $kind (@kinds)
	{
		my ($scale, $days) = @$kind;
		my ($id) = $session->ask("SELECT id FROM trainledger.add_training_token_type('$number, $scale', default_days_to_redeem => "
			  . (defined $days ? $days : 'NULL')
			  . ", scale => $scale)");
		push @types, $id;
		$model->{types}{$id} =
		  { scale => $scale, days => $days, active => 1, archived => 0 };
	}
	return;
}

sub a_type
{
	return one_of('00000000-0000-0000-0000-000000000000', $credit_type)
	  if rand() < 0.01;
	return $types[ rand() < 0.6 ? 0 : rand @types ];
}

sub a_party
{
	return 999_999 if rand() < 0.01;
	return $parties[ rand() < 0.6 ? 0 : rand @parties ];
}

sub a_quantity
{
	my ($is_signed) = @_;
	my $sign = $is_signed && rand() < 0.6 ? '-' : '';
	my $chance = rand;

	return undef if $chance < 0.005;
	return one_of('0', '0.00', '-1', 'NaN', '-0.0000001',
		'9223372036854.775808', '-9223372036854.775808', '1e20', 'Infinity', '0.0000001')
	  if $chance < 0.02;
	return $sign . one_of('9223372036854.775807', '9223372036854',
		'9223372036853.99', '9000000000000')
	  if $chance < 0.03;
	return $sign . sprintf('%d.%0*d', rand 20, 1 + rand 8, 1 + rand 99)
	  if $chance < 0.25;
	return $sign . sprintf('%d.%s', 1 + rand 40, '0' x rand 9)
	  if $chance < 0.3;
	return $sign . int(1 + rand($chance < 0.4 ? 300 : 30));
}

# A day to expire on, counted from 1970
sub a_day
{
	my $today = int($model->{clock} / $DAY);
	my $chance = rand;

	return 2932897 if $chance < 0.01;
	return $today - int rand 3 if $chance < 0.15;
	return $today + int rand($chance < 0.7 ? 6 : 60);
}

sub a_lot
{
	my $lots = @{ $model->{lots} } - $model->{first};

	return undef if $lots <= 0 || rand() < 0.01;
	# rather the later ones, and those that have not expired
	my $number;
	for (1 .. 3)
	{
		$number = $model->{first} + int($lots * (rand() < 0.5 ? sqrt rand : rand));
		last unless $model->is_over($model->{lots}[$number]);
	}
	return $number;
}

sub a_hold
{
	my @holds = $model->holds or return undef;

	return undef if rand() < 0.01;
	my @open = grep { $model->status($_) eq 'open' } @holds;
	return one_of(@open && rand() < 0.85 ? @open : @holds)->{number};
}

# When a hold may end: often about when a lot does
sub an_end
{
	my $clock = $model->{clock};
	my $chance = rand;

	return undef if $chance < 0.1;
	return one_of('infinity', '-infinity', $clock, $clock - $DAY,
		$clock + 366 * $DAY, $clock + 366 * $DAY + 1)
	  if $chance < 0.16;
	my @ends = grep { defined && $_ > $clock } map { $_->{expires} } $model->lots;
	return one_of(@ends) + one_of(-1, 0, 1, $DAY) if @ends && $chance < 0.4;
	return $clock + int rand($chance < 0.7 ? 3 * $DAY : 20 * $DAY);
}

sub a_redemption
{
	my $redemptions = @{ $model->{redemptions} } - $first_redemption;

	return undef if $redemptions <= 0 || rand() < 0.01;
	return $first_redemption
	  + int($redemptions * (rand() < 0.7 ? sqrt rand : rand));
}

my %make = (
	issue => sub {
		return {
			op => 'issue',
			type => a_type(),
			party => a_party(),
			quantity => a_quantity(),
			day => rand() < 0.7 ? a_day() : undef,
			notes => one_of('', 'Bought', "it's"),
			rand() < 0.4
			? (id => uuid(), role => rand() < 0.9 ? 'admin' : 'operator')
			: ()
		};
	},
	extend => sub {
		return {
			op => 'extend',
			lot => a_lot(),
			day => rand() < 0.01 ? undef : a_day() + int rand 20
		};
	},
	adjust => sub {
		return {
			op => 'adjust',
			lot => a_lot(),
			quantity => a_quantity(1),
			notes => one_of('', 'Manual adjustment')
		};
	},
	redeem => sub {
		my $call = {
			op => 'redeem',
			party => a_party(),
			type => a_type(),
			quantity => a_quantity(),
			reference => rand() < 0.02 ? one_of(undef, '') : 'Course ' . int rand 9,
			notes => one_of('', 'By phone')
		};
		# now and then exactly what is there
		if (rand() < 0.15)
		{
			my $sum = $model->available_tokens(@$call{qw(party type)});
			$call->{quantity} = TrainLedger::TokenModel::text($sum)
			  if $sum > 0 && $sum < 1e15;
		}
		return $call;
	},
	refund => sub {
		my $call = {
			op => 'refund',
			redemption => a_redemption(),
			quantity => rand() < 0.4 ? undef : a_quantity(),
			policy => one_of(undef, 'forfeit', 'reissue', 'reissue')
		};
		$call->{quantity} = int 1 + rand 9
		  if defined $call->{quantity} && rand() < 0.6;
		return $call;
	},
	sweep => sub {
		return {
			op => 'sweep',
			role => 'admin',
			most => rand() < 0.4 ? 10000 : rand() < 0.05 ? one_of(0, -1, undef)
			: 1 + int rand 5
		};
	},
	void => sub {
		return {
			op => 'void',
			lot => a_lot(),
			notes => one_of('', 'A mistake')
		};
	},
	expiry => sub {
		return {
			op => 'expiry',
			role => 'admin',
			lot => a_lot(),
			day => rand() < 0.15 ? undef : a_day(),
			reason => rand() < 0.03 ? '' : 'Typed wrong'
		};
	},
	transfer => sub {
		return {
			op => 'transfer',
			party => a_party(),
			to => a_party(),
			type => a_type(),
			quantity => a_quantity(),
			notes => one_of('', 'Moved')
		};
	},
	hold => sub {
		my $call = {
			op => 'hold',
			party => a_party(),
			type => a_type(),
			quantity => rand() < 0.5 ? int 1 + rand 12 : a_quantity(),
			reference => rand() < 0.02 ? one_of(undef, '') : 'Course ' . int rand 9,
			until => an_end(),
			notes => one_of('', 'Awaits approval')
		};
		# now and then exactly what is there
		if (rand() < 0.1)
		{
			my $sum = $model->available_tokens(@$call{qw(party type)});
			$call->{quantity} = TrainLedger::TokenModel::text($sum)
			  if $sum > 0 && $sum < 1e15;
		}
		return $call;
	},
	capture => sub {
		my $call = {
			op => 'capture',
			hold => a_hold(),
			quantity => rand() < 0.4 ? undef : a_quantity(),
			final => rand() < 0.5 ? 1 : 0,
			notes => one_of('', 'Went')
		};
		$call->{quantity} = int 1 + rand 5
		  if defined $call->{quantity} && rand() < 0.8;
		return $call;
	},
	release => sub {
		my $call = {
			op => 'release',
			hold => a_hold(),
			quantity => rand() < 0.4 ? undef : a_quantity(),
			notes => one_of('', 'Did not go')
		};
		$call->{quantity} = int 1 + rand 5
		  if defined $call->{quantity} && rand() < 0.8;
		return $call;
	},
	prolong => sub {
		return { op => 'prolong', hold => a_hold(), until => an_end() };
	},
	lapse => sub {
		return {
			op => 'lapse',
			role => 'admin',
			most => rand() < 0.6 ? 10000 : rand() < 0.05 ? one_of(0, -1, undef)
			: 1 + int rand 3
		};
	},
	suspend => sub {
		my $party = one_of(@parties);
		return {
			op => 'suspend',
			party => $party,
			value => $model->{parties}{$party}{suspended} ? 0 : 1
		};
	},
	type => sub {
		my $id = one_of(@types);
		my $type = $model->{types}{$id};
		return { op => 'type', role => 'admin', type => $id, archived => $type->{archived} ? 0 : 1 }
		  if $type->{archived} || rand() < 0.3;
		return { op => 'type', role => 'admin', type => $id, active => $type->{active} ? 0 : 1 }
		  if !$type->{active} || rand() < 0.4;
		return { op => 'type', role => 'admin', type => $id, days => rand() < 0.3 ? undef : 1 + int rand 40 };
	});
my @weights = (
	[ issue => 15 ], [ redeem => 12 ], [ refund => 9 ], [ adjust => 7 ],
	[ extend => 4 ], [ sweep => 5 ], [ suspend => 2 ], [ type => 2 ],
	[ hold => 14 ], [ capture => 9 ], [ release => 6 ], [ prolong => 3 ],
	[ lapse => 3 ], [ void => 2 ], [ transfer => 4 ], [ expiry => 3 ]);
my $keyed = qr/\A(issue|redeem|refund|adjust|hold|capture|release|void|transfer)\z/;

sub next_call
{
	# what is off stays off for a short while only
	for my $party (grep { $model->{parties}{$_}{suspended} } @parties)
	{
		return { op => 'suspend', party => $party, value => 0 }
		  if rand() < 0.05;
	}
	for my $id (@types)
	{
		my $type = $model->{types}{$id};
		return {
			op => 'type', role => 'admin', type => $id, active => 1, archived => 0
		  }
		  if (!$type->{active} || $type->{archived}) && rand() < 0.05;
	}

	# the same request again, or one that only has the same key
	if (@keyed && rand() < 0.06)
	{
		my $call = { %{ one_of(@keyed) } };
		if (rand() < 0.4)
		{
			my @change = grep { !/\A(op|key|role|choose)\z/ } keys %$call;
			my $name = one_of(sort @change);
			my $other = $make{ $call->{op} }->();
			$call->{$name} = $other->{$name};
			$call->{role} = 'admin' if defined $call->{id};
		}
		$call->{quantity} .= $call->{quantity} =~ /\./ ? '0' : '.0'
		  if defined $call->{quantity}
		  && $call->{quantity} =~ /\A-?\d+(\.\d{1,5})?\z/
		  && rand() < 0.3;
		return $call;
	}

	my $chance = rand 100;
	for my $weight (@weights)
	{
		next if ($chance -= $weight->[1]) >= 0;
		my $op = $weight->[0];
		# while there is little: what makes something to work on
		$op = 'hold' if $op =~ /\A(capture|release|prolong)\z/ && !$model->holds && rand() < 0.9;
		$op = 'issue' if $op !~ /\A(suspend|type)\z/ && $model->lots < 3 && rand() < 0.9;
		my $call = $make{$op}->();
		if ($op =~ $keyed && rand() < 0.3)
		{
			# rarely one that another call has used
			$call->{key} = @keyed && rand() < 0.05 ? one_of(@keyed)->{key} : uuid();
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

	if ($chance < 0.25)
	{
		# to an expiry, just before it or just after it
		my @soon = sort { $a <=> $b }
		  grep { $_ > $clock }
		  (map { defined $_->{expires} ? $_->{expires} : () } $model->lots),
		  map { $_->{open} ? $_->{expires} : () } $model->holds;
		$clock = $soon[0] + one_of(-1, 0, 0, 1) if @soon;
	}
	elsif ($chance < 0.7) { $clock += int rand 2 * $DAY; }
	elsif ($chance < 0.9) { $clock += 1 + int rand 1_000_000; }
	elsif ($chance < 0.95 && !$goes_forward) { $clock -= int rand $DAY / 4; }
	else { $clock += int rand 20 * $DAY; }
	remember($clock);
	$model->{clock} = $clock;
	return;
}

# In every other chapter the clock never goes back: then what was available at a
# moment of the past is what was available when it was the present. It is kept
# of the last moment at one time, and of one on the way to the next.
sub remember
{
	my ($next) = @_;
	my $clock = $model->{clock};

	return unless $goes_forward && $next > $clock;
	for my $at ($clock, $clock + int rand($next - $clock))
	{
		my %sum;

		$model->{clock} = $at;
		for my $lot ($model->lots)
		{
			my $sum = $sum{"$lot->{party} $lot->{type}"} ||= [ 0, 0, 0 ];
			$sum->[0] += $lot->{booked};
			$sum->[1] += $model->held($lot);
			$sum->[2] += $model->available($lot);
		}
		push @past, [ $at, \%sum ] if %sum;
	}
	$model->{clock} = $clock;
	return;
}

# A question about the past, or the present, and its answer. Lots may sum to more
# than an amount can hold: what returns an amount refuses then, and questions
# about the past are left out.
sub a_question
{
	my $chance = rand;

	if (@past && $chance < 0.06)
	{
		my ($at, $sum) = @{ one_of(@past) };
		my ($party, $type) = split / /, one_of(sort keys %$sum);
		my ($booked, $held, $available) = @{ $sum->{"$party $type"} };
		return (undef, undef) if $booked > 9e18;
		return (
			"SELECT why_line($party, '$type', NULL, '@{[ timestamp($at) ]}Z')",
			sub {
				join ' ', map { TrainLedger::TokenModel::text($_) } $booked, $booked, $held,
				  $booked - $held - $available, $available;
			});
	}
	if ($chance < 0.15)
	{
		my ($party, $type) = (one_of(@parties), one_of(@types));
		return (
			"SELECT trainledger.available_tokens($party, '$type')",
			sub {
				my $sum = $model->available_tokens($party, $type);
				return $sum > 9_223_372_036_854_775_807
				  ? '22003'
				  : TrainLedger::TokenModel::text($sum);
			});
	}
	if ($chance < 0.2 && $model->lots)
	{
		my $lot = one_of($model->lots);
		return (
			"SELECT trainledger.available_balance(i.account_id) FROM trainledger.token_issue i WHERE i.id = '$lot->{id}'",
			sub { TrainLedger::TokenModel::text($model->available($lot)) });
	}
	return (undef, undef);
}

# ----------------------------------------------------------------------
# A call as SQL, whose answer is the one of the model
# ----------------------------------------------------------------------

sub lot_id
{
	my ($number) = @_;
	return defined $number
	  ? literal($model->{lots}[$number]{id})
	  : "'00000000-0000-0000-0000-000000000001'";
}

sub hold_id
{
	my ($number) = @_;
	return defined $number ? $model->{holds}[$number]{id} : 7;
}

my $hold_row =
  "concat_ws(' ', id, quantity, captured, released, status, microseconds(expires_at), reference)";
my $issue_row =
  "concat_ws(' ', id, initial_balance, current_balance, booked_balance)";
my %statement = (
	void => sub {
		my ($call) = @_;
		return "SELECT $issue_row FROM trainledger.void_training_tokens("
		  . join(', ', lot_id($call->{lot}), literal($call->{notes}), literal($call->{key})) . ')';
	},
	expiry => sub {
		my ($call) = @_;
		return "SELECT $issue_row FROM trainledger.set_training_tokens_expiry("
		  . join(', ', lot_id($call->{lot}),
			defined $call->{day} ? literal(day($call->{day})) : 'NULL',
			literal($call->{reason})) . ')';
	},
	transfer => sub {
		my ($call) = @_;
		return "SELECT string_agg($issue_row, '; ') FROM trainledger.transfer_training_tokens("
		  . join(', ', $call->{party}, $call->{to}, literal($call->{type}),
			literal($call->{quantity}, 'numeric'), literal($call->{notes}),
			literal($call->{key})) . ')';
	},
	hold => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.hold_training_tokens("
		  . join(', ', $call->{party}, literal($call->{type}),
			literal($call->{quantity}, 'numeric'), literal($call->{reference}),
			time_literal($call->{until}), literal($call->{notes}),
			literal($call->{key})) . ')';
	},
	capture => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.capture_hold("
		  . join(', ', hold_id($call->{hold}), literal($call->{quantity}, 'numeric'),
			$call->{final} ? 'true' : 'false', literal($call->{notes}),
			literal($call->{key})) . ')';
	},
	release => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.release_hold("
		  . join(', ', hold_id($call->{hold}), literal($call->{quantity}, 'numeric'),
			literal($call->{notes}), literal($call->{key})) . ')';
	},
	prolong => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.extend_hold("
		  . hold_id($call->{hold}) . ', ' . time_literal($call->{until}) . ')';
	},
	lapse => sub {
		my ($call) = @_;
		return 'SELECT trainledger.lapse_holds('
		  . (defined $call->{most} ? $call->{most} : 'NULL') . ')';
	},
	issue => sub {
		my ($call) = @_;
		return "SELECT $issue_row FROM trainledger.issue_training_tokens("
		  . join(', ',
			literal($call->{type}), $call->{party},
			literal($call->{quantity}, 'numeric'),
			defined $call->{day} ? literal(day($call->{day})) : 'NULL',
			literal($call->{notes}), literal($call->{key}),
			literal($call->{id})) . ')';
	},
	extend => sub {
		my ($call) = @_;
		return "SELECT $issue_row FROM trainledger.extend_training_tokens("
		  . lot_id($call->{lot}) . ', '
		  . (defined $call->{day} ? literal(day($call->{day})) : 'NULL') . ')';
	},
	adjust => sub {
		my ($call) = @_;
		return "SELECT $issue_row FROM trainledger.adjust_training_tokens("
		  . join(', ',
			lot_id($call->{lot}), literal($call->{quantity}, 'numeric'),
			literal($call->{notes}), literal($call->{key})) . ')';
	},
	redeem => sub {
		my ($call) = @_;
		return "SELECT concat_ws(' ', id, quantity, refunded, reference) FROM trainledger.redeem_training_tokens("
		  . join(', ',
			$call->{party}, literal($call->{type}),
			literal($call->{quantity}, 'numeric'),
			literal($call->{reference}), literal($call->{notes}),
			literal($call->{key})) . ')';
	},
	refund => sub {
		my ($call) = @_;
		return "SELECT concat_ws(' ', id, quantity, refunded, reference) FROM trainledger.refund_training_tokens("
		  . join(', ',
			defined $call->{redemption}
			? $model->{redemptions}[ $call->{redemption} ]{id}
			: 7,
			'quantity => ' . literal($call->{quantity}, 'numeric'),
			'idempotency_key => ' . literal($call->{key}),
			$call->{policy} ? "if_expired => '$call->{policy}'" : ())
		  . ')';
	},
	sweep => sub {
		my ($call) = @_;
		return 'SELECT trainledger.expire_training_tokens('
		  . (defined $call->{most} ? $call->{most} : 'NULL') . ')';
	},
	suspend => sub {
		my ($call) = @_;
		return "SELECT id FROM trainledger.update_party($call->{party}, is_suspended => "
		  . ($call->{value} ? 'true' : 'false') . ')';
	},
	type => sub {
		my ($call) = @_;
		return "SELECT id FROM trainledger.update_token_type('$call->{type}'"
		  . (exists $call->{active} ? ", is_active => " . ($call->{active} ? 'true' : 'false') : '')
		  . (exists $call->{archived} ? ", is_archived => " . ($call->{archived} ? 'true' : 'false') : '')
		  . (!exists $call->{days} ? '' : defined $call->{days} ? ", default_days_to_redeem => $call->{days}" : ", clear => '{default_days_to_redeem}'")
		  . ')';
	});

# What the server should have answered
sub expected_row
{
	my ($answer) = @_;
	my $text = \&TrainLedger::TokenModel::text;

	if ($answer =~ /\Alots? ([\d,]+)\z/)
	{
		return join '; ', map {
			join ' ', $_->{id}, map { $text->($_) } $_->{initial},
			  $model->current($_), $_->{booked}
		} @{ $model->{lots} }[ split /,/, $1 ];
	}
	if ($answer =~ /\Ahold (\d+)\z/)
	{
		my $hold = $model->{holds}[$1];
		return join ' ', $hold->{id},
		  (map { $text->($hold->{$_}) } qw(quantity captured released)),
		  $model->status($hold), @$hold{qw(expires reference)};
	}
	if ($answer =~ /\Aredemption (\d+)\z/)
	{
		my $redemption = $model->{redemptions}[$1];
		return join ' ', $redemption->{id},
		  $text->($redemption->{quantity}), $text->($redemption->{refunded}),
		  $redemption->{reference};
	}
	return $answer =~ s/\A(count|party|type) //r;
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

($credit_type) = rows($node, "SELECT id FROM trainledger.add_credit_token_type('credit')");
$model->{clock} = 1_680_597_690_000_000;    # 2023-04-04 08:41:30
my (%seen, @complaints, %answered);

sub compare_entries
{
	my ($what, $first_lot, $first_party) = @_;

	is( join(
			"\n",
			rows($node, <<"SQL")),
SELECT concat_ws('|', l.id, e.entry_no, e.operation, e.delta, e.balance, e.description,
	coalesce(microseconds(e.recorded_at), ''), microseconds(e.created_at))
	|| CASE WHEN e.source = 'training-tokens' AND e.device IS NULL THEN '' ELSE ' ?' END
FROM trainledger.token_lot l JOIN trainledger.entry e USING (account_id)
WHERE l.party_id >= $first_party ORDER BY l.account_id, e.entry_no
SQL
		join("\n", $model->entries($first_lot)),
		"$what: every entry is the model's");
	return;
}

for my $step (1 .. $steps)
{
	if ($step % $CHAPTER == 1)
	{
		my $number = int($step / $CHAPTER);
		compare_entries("calls up to $step", $model->{first}, $parties[0])
		  if $step > 1 && $number % 5 == 0;
		is($node->safe_psql('books', 'SELECT * FROM trainledger.reconcile()'),
			'', "calls up to $step: reconcile() is empty")
		  if $step > 1 && $number % 10 == 0;
		start_chapter($number);
	}
	move_clock() if rand() < 0.12;

	my $call = next_call();
	my $lots = @{ $model->{lots} };
	my $sql = $statement{ $call->{op} }->($call);
	my $role = $call->{role} || 'operator';
	my $zone = one_of(@zones);
	# a redemption that is not a repeated one can be asked about before
	my $before;
	$before = "SELECT coalesce((SELECT refusal FROM trainledger.why_not($call->{party}, "
	  . literal($call->{type}) . ', ' . literal($call->{quantity}, 'numeric') . ")), 'none')"
	  if $call->{op} eq 'redeem'
	  && !defined $call->{key}
	  && $call->{reference}
	  && $call->{type} ne $credit_type;
	my ($after, $told) = a_question();
	my ($asked, $got, $said, $digest, $redemption, $newest) = make_call(
		$session,
		{
			role => $role,
			at => $model->{clock},
			zone => $zone,
			before => $before,
			statement => $sql,
			after => $after
		},
		$parties[0]);
	my ($redemptions, $holds) = map { scalar @{ $model->{$_} } } qw(redemptions holds);

	$call->{role} = $role;
	$call->{choose} = sub {
		my $list = join ',', map { "'$_->{id}'" } @_;
		my %taken = map { $_ => 1 } rows($node, $call->{op} eq 'lapse'
			? "SELECT id FROM trainledger.placed_hold WHERE NOT is_open AND id IN ($list)"
			: "SET trainledger.clock = '@{[ timestamp($model->{clock}) ]}'; SELECT id FROM trainledger.token_issue WHERE booked_balance <= held AND id IN ($list)");
		return grep { $taken{ $_->{id} } } @_;
	};
	my $answer = $model->apply($call);

	# ids of the server's making
	my ($made) = $got =~ /\A(\S+)/;
	my @newest = split /,/, $newest;
	for my $lot (reverse @{ $model->{lots} }[ $lots .. $#{ $model->{lots} } ])
	{
		my $id = shift @newest;

		next if defined $lot->{id};
		$lot->{id} = $id;
		push @complaints, "call $step: id $id is not at home"
		  if (hex(substr $id, -3) & 1023) != ($lot->{party} & 1023);
	}
	for my $new ([ redemption => $redemption, $model->{redemptions}[$redemptions] ],
		[ hold => $made, $model->{holds}[$holds] ])
	{
		my ($what, $id, $new) = @$new;
		next unless $new;
		$new->{id} = $id;
		push @complaints, "call $step: $what $id is not at home"
		  if $id !~ /\A\d+\z/ || ($id & 1023) != ($new->{party} & 1023);
	}

	my $wanted = expected_row($answer);
	$seen{ $call->{op} . ' ' . ($answer =~ /\A(TL...|42501)/ ? $1 : 'ok') }++;
	$seen{'taken from several'}++
	  if $call->{op} eq 'redeem'
	  && $answer =~ /\Aredemption (\d+)\z/
	  && @{ $model->{redemptions}[$1]{taken} } > 1;
	$seen{reissued}++ if $call->{op} eq 'refund' && @{ $model->{lots} } > $lots;
	$seen{'several reissued'}++
	  if $call->{op} eq 'refund' && @{ $model->{lots} } > $lots + 1;
	$seen{"replay $call->{op}"}++
	  if defined $call->{key} && $answer !~ /\ATL/ && $answered{"$call->{op} $call->{key}"}++;
	$seen{'captured from several'}++
	  if $call->{op} eq 'capture'
	  && @{ $model->{redemptions} } > $redemptions
	  && @{ $model->{redemptions}[-1]{taken} } > 1;
	$seen{'asked about the past'}++ if $after && $after =~ /why_line/;
	my $state = $model->state($first_redemption);
	my $refused = !$before ? '-' : $answer =~ /\ATL/ ? $answer : 'none';
	my $tells = $told ? $told->() : '-';
	if ($got ne $wanted || $asked ne $refused || $said ne $tells || $digest ne md5_hex($state))
	{
		push @complaints, "call $step";
		diag "call $step at ", timestamp($model->{clock}), ", $zone: $sql\n",
		  "  server: $got\n  model:  $wanted\n",
		  "  why_not: $asked, model: $refused\n",
		  '  ', $after || '', ": $said, model: $tells";
		if ($digest ne md5_hex($state))
		{
			my %model = map { $_ => 1 } split /\n/, $state;
			my %server = map { $_ => 1 } rows($node,
				"SET trainledger.clock = '@{[ timestamp($model->{clock}) ]}'; SELECT state($parties[0])");
			diag "  server: $_" for grep { !$model{$_} } sort keys %server;
			diag "  model:  $_" for grep { !$server{$_} } sort keys %model;
		}
		last;    # from here on they differ anyway
	}
}

is(join(', ', @complaints), '',
	"$steps calls: every answer, lot, redemption, hold and allocation is the model's");
compare_entries('all calls', 0, 0) unless @complaints;
note join ', ', map { "$_ $seen{$_}" } sort keys %seen;
my @rare = grep { !$seen{$_} } (
	'issue ok', 'issue 42501', 'replay issue',
	(map { "issue $_" } qw(TL400 TL404 TL409 TL422 TL058)),
	'extend ok', (map { "extend $_" } qw(TL400 TL404 TL409 TL410)),
	'adjust ok', 'replay adjust',
	(map { "adjust $_" } qw(TL400 TL404 TL409 TL410 TL422 TL054 TL055 TL058)),
	'redeem ok', 'replay redeem',
	(map { "redeem $_" } qw(TL400 TL404 TL422 TL055 TL058)),
	'refund ok', 'replay refund',
	(map { "refund $_" } qw(TL400 TL404 TL409 TL422 TL058)),
	'sweep ok', 'sweep TL400', 'taken from several', 'reissued', 'several reissued',
	'void ok', 'replay void', (map { "void $_" } qw(TL404 TL409 TL410)),
	'expiry ok', (map { "expiry $_" } qw(TL400 TL404 TL410)),
	'transfer ok', 'replay transfer',
	(map { "transfer $_" } qw(TL400 TL404 TL409 TL055)),
	'hold ok', 'replay hold',
	(map { "hold $_" } qw(TL400 TL404 TL409 TL422 TL055 TL058)),
	'capture ok', 'replay capture', 'captured from several',
	(map { "capture $_" } qw(TL400 TL404 TL409 TL410 TL422 TL058)),
	'release ok', 'replay release',
	(map { "release $_" } qw(TL400 TL404 TL409 TL410 TL422)),
	'prolong ok', (map { "prolong $_" } qw(TL400 TL404 TL409 TL410)),
	'lapse ok', 'lapse TL400', 'asked about the past');
is(join(', ', @rare), '', 'every refusal was met') unless @complaints;
is( $node->safe_psql(
		'books',
		'SELECT (SELECT sum(booked_balance) FROM trainledger.token_issue) IS NOT DISTINCT FROM (SELECT sum(delta) FROM trainledger.entry), (SELECT count(*) FROM trainledger.token_issue_event)'
	),
	"t|$model->{extensions}",
	'the lots are the sum of the entries, every extension has its event');
is($node->safe_psql('books', <<'SQL'), '0', 'every capture is one booking');
SELECT count(*) FROM trainledger.hold_event v
WHERE v.event = 'captured' AND v.quantity::numeric IS DISTINCT FROM (
	SELECT -sum(e.delta::numeric) FROM trainledger.redemption_allocation x
	JOIN trainledger.token_lot l ON l.id = x.issue_id
	JOIN trainledger.entry e ON e.account_id = l.account_id
	WHERE x.redemption_id = v.redemption_id AND e.booking_no = v.booking_no
	AND e.operation = 'redeem')
SQL
books_are_right($node, 'model');
no_crash($node, $started, 'model');
done_testing();
