# Random calls of the functions for training tokens against a slow model of
# them (TrainLedger::TokenModel): after every single call the answer, every
# lot, every redemption and its allocation are the same.
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
use TrainLedger::TokenModel;

my $DAY = 86_400_000_000;
my $CHAPTER = 400;

my $seed = $ENV{TRAINLEDGER_SEED} || 20230404;
my $steps = $ENV{TRAINLEDGER_SOAK} && soak() > 2000 ? 10 * soak() : 5_000;
srand $seed;
note "seed $seed: $steps calls";

my $node = start_books('model', 'fsync = off', 'jit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# ----------------------------------------------------------------------
# The server's side: one call by an unprivileged role, at a time and in a time
# zone, and how everything stands after it
# ----------------------------------------------------------------------

$node->safe_psql('books', <<'SQL');
CREATE ROLE model_operator;
CREATE ROLE model_admin;
SELECT trainledger.grant_access('model_operator', 'operator');
SELECT trainledger.grant_access('model_admin', 'admin');

CREATE FUNCTION microseconds(at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint::text $$;

-- PL/pgSQL keeps its plans; the plans are such that they stay good: from the
-- lots and redemptions of a few parties by primary keys to everything else.
CREATE FUNCTION state(first_party bigint) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
	lots text;
	redemptions text;
	entries bigint;
	wrong bigint;
BEGIN
	SELECT string_agg(concat_ws(' ', 'lot', i.id, i.party_id,
			i.initial_balance, i.current_balance, i.booked_balance,
			coalesce(microseconds(i.expires_at), 'never'),
			a.entry_count, e.operation, e.delta), E'\n' ORDER BY i.account_id),
		   coalesce(sum(s.entries), 0),
		   count(*) FILTER (WHERE l.is_open <> (a.balance <> 0)
				OR a.balance <> s.booked OR a.entry_count <> s.entries)
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
	WHERE l.party_id >= first_party;

	SELECT string_agg(s.line, E'\n' ORDER BY s.id, s.ordinal)
	INTO redemptions
	FROM (
		SELECT r.id, 0 AS ordinal, concat_ws(' ', 'redemption', r.id,
			   r.party_id, r.quantity, r.refunded) AS line
		FROM trainledger.redemption r
		WHERE r.party_id >= first_party
		UNION ALL
		SELECT r.id, x.ordinal, concat_ws(' ', 'taken', x.issue_id,
			   x.quantity, x.refunded)
		FROM trainledger.redemption r
		CROSS JOIN LATERAL (SELECT * FROM trainledger.redemption_allocation x
							WHERE x.redemption_id = r.id OFFSET 0) x
		WHERE r.party_id >= first_party) s;
	RETURN concat_ws(E'\n', lots, redemptions, 'entries ' || entries,
					 'wrong ' || wrong);
END
$$;

CREATE FUNCTION step(role text, at text, zone text, statement text,
	first_party bigint) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	answer text;
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
	PERFORM set_config('role', 'none', false);
	PERFORM set_config('TimeZone', 'UTC', false);
	RETURN concat_ws('#', answer,
		coalesce((SELECT string_agg(l.id::text, ',') FROM (
					SELECT l.id FROM trainledger.token_lot l
					ORDER BY l.account_id DESC LIMIT 40) l), 'none'),
		md5(state(first_party)));
END
$$;
SQL

my ($session) = sessions($node, 1);
my @zones = qw(UTC Asia/Kathmandu America/St_Johns Pacific/Kiritimati
  Pacific/Pago_Pago Europe/Berlin);

sub timestamp
{
	my ($at) = @_;
	my $fraction = $at % 1_000_000;
	return strftime('%Y-%m-%d %H:%M:%S',
		gmtime(($at - $fraction) / 1_000_000)) . sprintf '.%06d', $fraction;
}

sub day
{
	return strftime('%Y-%m-%d', gmtime($_[0] * 86400));
}

sub literal
{
	my ($value, $type) = @_;
	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'" . ($type ? "::$type" : '');
}

# ----------------------------------------------------------------------
# The stream of calls
# ----------------------------------------------------------------------

my $model = TrainLedger::TokenModel->new;
my (@parties, @types, $first_redemption, @keyed);
my $credit_type;
my $serial = 0;

sub one_of { return $_[ int rand @_ ]; }
sub uuid { return sprintf '%08x-0000-4000-8000-%012x', rand 2**32, ++$serial; }

sub start_chapter
{
	my ($number) = @_;

	$model->close_chapter;
	$first_redemption = @{ $model->{redemptions} };
	(@parties, @types, @keyed) = ();
	push @parties, rows($node, <<"SQL");
SELECT id FROM trainledger.add_party('organisation', 'Org $number');
SELECT id FROM trainledger.add_party('organisation', 'Other $number');
SELECT p.id FROM trainledger.party o, trainledger.add_party('person', 'Ann $number', organisation_id => o.id) p WHERE o.name = 'Org $number';
SQL
	$model->{parties}{$_} = { suspended => 0 } for @parties;
	my @kinds = ([ 0, 30 ], [ 2, undef ], [ 6, 10 ]);
	for my $kind (@kinds)
	{
		my ($scale, $days) = @$kind;
		my ($id) = rows($node,
			"SELECT id FROM trainledger.add_training_token_type('$number, $scale', default_days_to_redeem => "
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
			my $sum = 0;
			$sum += $_
			  for map { $model->current($_) }
			  grep { $_->{party} == $call->{party} && $_->{type} eq $call->{type} }
			  $model->lots;
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
	[ issue => 22 ], [ redeem => 27 ], [ refund => 16 ], [ adjust => 15 ],
	[ extend => 9 ], [ sweep => 6 ], [ suspend => 2 ], [ type => 3 ]);

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
			my @change = grep { $_ ne 'op' && $_ ne 'key' && $_ ne 'role' } keys %$call;
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
		my $call = $make{ $weight->[0] }->();
		if ($weight->[0] =~ /\A(issue|redeem|refund|adjust)\z/ && rand() < 0.3)
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

	if ($chance < 0.25)
	{
		# to an expiry, just before it or just after it
		my @soon = sort { $a <=> $b }
		  grep { $_ > $clock }
		  map { defined $_->{expires} ? $_->{expires} : () } $model->lots;
		$clock = $soon[0] + one_of(-1, 0, 0, 1) if @soon;
	}
	elsif ($chance < 0.7) { $clock += int rand 2 * $DAY; }
	elsif ($chance < 0.9) { $clock += 1 + int rand 1_000_000; }
	elsif ($chance < 0.95) { $clock -= int rand $DAY / 4; }
	else { $clock += int rand 20 * $DAY; }
	$model->{clock} = $clock;
	return;
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

my $issue_row =
  "concat_ws(' ', id, initial_balance, current_balance, booked_balance)";
my %statement = (
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

	if ($answer =~ /\Alot (\d+)\z/)
	{
		my $lot = $model->{lots}[$1];
		return join ' ', $lot->{id}, map { $text->($_) } $lot->{initial},
		  $model->current($lot), $lot->{booked};
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
	my $received = $session->query('SELECT step('
		  . join(', ', map { literal($_) } "model_$role",
			timestamp($model->{clock}), $zone, $sql)
		  . ", $parties[0])");
	my ($got, $newest, $digest) = split /#/, join("\n", @{ $received->{rows} }), -1;

	$call->{role} = $role;
	$call->{choose} = sub {
		my $list = join ',', map { "'$_->{id}'" } @_;
		my %swept = map { $_ => 1 } rows($node,
			"SELECT id FROM trainledger.token_issue WHERE booked_balance = 0 AND id IN ($list)");
		return grep { $swept{ $_->{id} } } @_;
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
	if ($answer =~ /\Aredemption (\d+)\z/ && !defined $model->{redemptions}[$1]{id})
	{
		$model->{redemptions}[$1]{id} = $made;
		push @complaints, "call $step: redemption $made is not at home"
		  if ($made & 1023) != ($model->{redemptions}[$1]{party} & 1023);
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
	my $state = $model->state($first_redemption);
	if ($got ne $wanted || $digest ne md5_hex($state))
	{
		push @complaints, "call $step";
		diag "call $step at ", timestamp($model->{clock}), ", $zone: $sql\n",
		  "  server: $got\n  model:  $wanted";
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
	"$steps calls: every answer, lot, redemption and allocation is the model's");
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
	'sweep ok', 'sweep TL400', 'taken from several', 'reissued', 'several reissued');
is(join(', ', @rare), '', 'every refusal was met') unless @complaints;
is( $node->safe_psql(
		'books',
		'SELECT (SELECT sum(booked_balance) FROM trainledger.token_issue) IS NOT DISTINCT FROM (SELECT sum(delta) FROM trainledger.entry), (SELECT count(*) FROM trainledger.token_issue_event)'
	),
	"t|$model->{extensions}",
	'the lots are the sum of the entries, every extension has its event');
books_are_right($node, 'model');
no_crash($node, $started, 'model');
done_testing();
