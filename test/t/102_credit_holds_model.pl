# Random calls on credit accounts with and without bounds, and holds on them,
# against a slow model (TrainLedger::CreditModel): after every single call the
# answer, every account and every hold are the same. What why() and balance_at()
# say of random moments of the past is what there was then, and why_not() says of
# a subtraction what the subtraction says itself.
#
# Parties, types and accounts change every few hundred calls, so that the state
# stays small enough to compare all of it.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Test::More;

use TrainLedger;
use TrainLedger::Calls;
use TrainLedger::CreditModel;

my $DAY = 86_400_000_000;
my $CHAPTER = 250;

my $seed = $ENV{TRAINLEDGER_SEED} || 20261130;
my $steps = $ENV{TRAINLEDGER_SOAK} && soak() > 2000 ? 10 * soak() : 6_000;
srand $seed;
note "seed $seed: $steps calls";

my $node = start_books('credit_holds', 'fsync = off', 'jit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

prepare_calls($node);
$node->safe_psql('books', <<'SQL');
CREATE FUNCTION state(first_party bigint) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
	accounts text;
	holds text;
	wrong bigint;
BEGIN
	SELECT string_agg(concat_ws(' ', 'account', a.id, a.party_id, a.name, a.balance,
			trim_scale(a.balance::numeric - trainledger.available_balance(a.id)::numeric),
			trainledger.available_balance(a.id), a.entry_count, e.operation,
			e.delta, microseconds(e.created_at)), E'\n' ORDER BY a.id),
		   count(*) FILTER (WHERE e.balance <> a.balance OR a.held::numeric <> k.held)
	INTO accounts, wrong
	FROM trainledger.account a
	CROSS JOIN LATERAL (SELECT * FROM trainledger.entry e
						WHERE e.account_id = a.id
						AND e.entry_no = a.entry_count OFFSET 0) e
	CROSS JOIN LATERAL (SELECT coalesce(sum((x.quantity - x.captured - x.released)::numeric), 0) AS held
						FROM trainledger.placed_hold h
						JOIN trainledger.hold_allocation x ON x.hold_id = h.id
						WHERE h.party_id = a.party_id AND h.token_type_id = a.token_type_id
						AND x.account_id = a.id AND h.is_open) k
	WHERE a.party_id >= first_party;

	SELECT string_agg(concat_ws(' ', 'hold', h.id, h.account_id, h.quantity,
			h.captured, h.released, microseconds(h.expires_at), h.status, (
				SELECT string_agg(concat_ws(' ', v.event, v.quantity), ', '
								  ORDER BY v.id)
				FROM trainledger.hold_event v WHERE v.hold_id = h.id)),
			E'\n' ORDER BY h.id)
	INTO holds
	FROM trainledger.hold h
	WHERE h.party_id >= first_party;
	RETURN concat_ws(E'\n', accounts, holds, 'wrong ' || coalesce(wrong, 0));
END
$$;

CREATE FUNCTION made() RETURNS text LANGUAGE sql STABLE
AS $$ SELECT coalesce(max(a.id), 0)::text FROM trainledger.account a $$;
SQL

my ($session) = sessions($node, 1);
my @zones = qw(UTC Asia/Kathmandu America/St_Johns Pacific/Kiritimati);

# ----------------------------------------------------------------------
# The stream of calls
# ----------------------------------------------------------------------

my $model = TrainLedger::CreditModel->new;
my (@parties, @types, @keyed, $goes_forward, @past);

# name, scale, bounds in whole tokens
my @kinds = (
	[ free => 2, undef, undef ], [ bounded => 2, 0, 100 ],
	[ overdrawn => 0, -50, undef ], [ fine => 6, undef, 60 ]);

sub bound { return defined $_[0] ? $_[0] * 1_000_000 : undef; }

sub start_chapter
{
	my ($number) = @_;

	$model->close_chapter;
	# by the server's own clock
	$session->ask('RESET trainledger.clock');
	(@parties, @types, @keyed, @past) = ();
	$goes_forward = $number % 2;
	@parties = $session->ask("SELECT id FROM generate_series(1, 3) i, trainledger.add_party('person', 'Person ' || i)");
	$model->{parties}{$_} = { suspended => 0 } for @parties;
	for my $kind (@kinds)
	{
		my ($name, $scale, $lower, $upper) = @$kind;
		my ($id) = $session->ask("SELECT id FROM trainledger.add_credit_token_type('$name $number', scale => $scale, lower_bound => "
			  . literal($lower) . ', upper_bound => ' . literal($upper) . ')');
		push @types, "$name $number";
		$model->{types}{"$name $number"} = {
			id => $id,
			scale => $scale,
			lower => bound($lower),
			upper => bound($upper),
			active => 1,
			archived => 0
		};
	}
	return;
}

sub a_type { return rand() < 0.01 ? 'nothing' : one_of(@types); }
sub a_party { return rand() < 0.01 ? 999_999 : one_of(@parties); }
sub a_name { return one_of('default', 'default', 'second'); }
sub a_rounding { return one_of('round', 'round', 'floor', 'ceil', 'half_even'); }

sub an_amount
{
	my ($is_signed) = @_;
	my $sign = $is_signed && rand() < 0.5 || rand() < 0.01 ? '-' : '';
	my $chance = rand;

	return undef if $chance < 0.005;
	return $sign . one_of('0', '0.0', '0.004', '0.000001', '9223372036854',
		'9223372036853.99', '9223372036855', '4611686018427.5')
	  if $chance < 0.03;
	return $sign . sprintf('%d.%0*d', rand 40, 1 + rand 6, 1 + rand 99)
	  if $chance < 0.3;
	return $sign . int(rand 40) . one_of('.5', '.25', '.005', '.50')
	  if $chance < 0.4;
	return $sign . int(1 + rand($chance < 0.5 ? 150 : 30));
}

# One that the type amount can hold
sub a_delta
{
	for (;;)
	{
		my $delta = an_amount(1);
		return $delta if defined $delta && $delta !~ /9223372036855/;
	}
}

sub an_account
{
	my @accounts = $model->accounts;
	return @accounts && rand() > 0.01 ? one_of(@accounts)->{number} : -1;
}

sub a_hold
{
	my @holds = $model->holds or return undef;

	return undef if rand() < 0.01;
	my @open = grep { $model->status($_) eq 'open' } @holds;
	return one_of(@open && rand() < 0.8 ? @open : @holds)->{number};
}

sub an_end
{
	my $clock = $model->{clock};
	my $chance = rand;

	return undef if $chance < 0.1;
	return one_of('infinity', '-infinity', $clock, $clock - $DAY,
		$clock + 366 * $DAY, $clock + 366 * $DAY + 1)
	  if $chance < 0.15;
	return $clock + 1 + int rand 1_000_000 if $chance < 0.25;
	return $clock + int rand($chance < 0.7 ? 3 * $DAY : 20 * $DAY);
}

# What is there, or a bit more: where bounds are met
sub about_available
{
	my ($account) = @_;
	my $type = $account->{type};
	my $sum = $model->available($account);

	$sum = $sum - $type->{lower} if defined $type->{lower};
	$sum = $sum + one_of(-1, 0, 0, 1) * 10**(6 - $type->{scale});
	return $sum > 0 && $sum < 1e15 ? TrainLedger::CreditModel::text($sum) : an_amount();
}

my %make = (
	init => sub {
		return {
			party => a_party(),
			name => a_name(),
			type => a_type(),
			amount => rand() < 0.1 ? '0' : an_amount(rand() < 0.1)
		};
	},
	post => sub {
		my $operation = one_of(qw(add add subtract subtract adjust));
		my $call = {
			operation => $operation,
			account => an_account(),
			amount => an_amount($operation eq 'adjust'),
			rounding => a_rounding(),
			expected => undef
		};
		my $account = $model->account($call->{account}) or return $call;
		$call->{amount} = about_available($account)
		  if $operation eq 'subtract' && rand() < 0.3;
		$call->{expected} = $account->{balance} + one_of(0, 5_000_000, -3_000_000)
		  if rand() < 0.1 && abs($account->{balance}) < 1e15;
		return $call;
	},
	batch => sub {
		return {
			rows => [ map { [ an_account(), a_delta() ] } 1 .. 1 + rand 6 ],
			skip => rand() < 0.7 ? 1 : 0
		};
	},
	transfer => sub {
		my $call = { from => an_account(), to => an_account(), amount => an_amount() };
		# mostly of one type
		my $from = $model->account($call->{from}) or return $call;
		my @others = grep { $_->{type} == $from->{type} && $_ != $from } $model->accounts;
		$call->{to} = one_of(@others)->{number} if @others && rand() < 0.8;
		return $call;
	},
	hold => sub {
		my $call = {
			party => a_party(),
			name => a_name(),
			type => a_type(),
			amount => an_amount(),
			rounding => a_rounding(),
			source => rand() < 0.01 ? one_of(undef, '') : one_of('till', 'web'),
			description => one_of('', "Pour o'clock"),
			device => one_of(undef, 'id:7'),
			until => an_end()
		};
		if (rand() < 0.6 && $model->accounts)
		{
			my $account = one_of($model->accounts);
			@$call{qw(party name)} = @$account{qw(party name)};
			($call->{type}) = grep { $model->{types}{$_} == $account->{type} } @types;
			$call->{amount} = rand() < 0.2 ? about_available($account) : int 1 + rand 12
			  if rand() < 0.8;
		}
		# what is no longer held counts in account.held until somebody closes it:
		# together no more than an amount can hold
		my $type = $model->{types}{ $call->{type} };
		$call->{amount} = '1000000000'
		  if $type && !defined $type->{lower} && defined $call->{amount} && length $call->{amount} > 12;
		return $call;
	},
	capture => sub {
		return {
			hold => a_hold(),
			quantity => rand() < 0.4 ? undef : rand() < 0.7 ? int 1 + rand 6 : an_amount(),
			final => rand() < 0.4 ? 1 : 0,
			notes => one_of('', 'Poured')
		};
	},
	release => sub {
		return {
			hold => a_hold(),
			quantity => rand() < 0.4 ? undef : rand() < 0.7 ? int 1 + rand 6 : an_amount(),
			notes => one_of('', 'Left')
		};
	},
	prolong => sub { return { hold => a_hold(), until => an_end() }; },
	lapse => sub {
		return {
			role => 'admin',
			most => rand() < 0.6 ? 10000 : rand() < 0.05 ? one_of(0, -1, undef) : 1 + int rand 3
		};
	},
	suspend => sub {
		my $party = one_of(@parties);
		return { party => $party, value => $model->{parties}{$party}{suspended} ? 0 : 1 };
	},
	type => sub {
		my $name = one_of(@types);
		my $type = $model->{types}{$name};
		my $call = { role => 'admin', type => $name };
		my $chance = rand;
		if ($chance < 0.25) { $call->{active} = $type->{active} ? 0 : 1; }
		elsif ($chance < 0.4) { $call->{archived} = $type->{archived} ? 0 : 1; }
		# another bound, or none, such that the lower is below the upper
		elsif ($chance < 0.7) { $call->{lower} = rand() < 0.4 ? undef : bound(int(rand 100) - 60); }
		else { $call->{upper} = rand() < 0.4 ? undef : bound(41 + int rand 80); }
		return $call;
	});
my @weights = (
	[ init => 4 ], [ post => 23 ], [ batch => 9 ], [ transfer => 7 ],
	[ hold => 22 ], [ capture => 13 ], [ release => 8 ], [ prolong => 4 ],
	[ lapse => 3 ], [ suspend => 3 ], [ type => 4 ]);

sub next_call
{
	# what is off stays off for a short while only
	for my $party (grep { $model->{parties}{$_}{suspended} } @parties)
	{
		return { op => 'suspend', party => $party, value => 0 } if rand() < 0.05;
	}
	for my $name (@types)
	{
		my $type = $model->{types}{$name};
		return { op => 'type', role => 'admin', type => $name, active => 1, archived => 0 }
		  if (!$type->{active} || $type->{archived}) && rand() < 0.08;
	}

	# the same request again, or one that only has the same key
	if (@keyed && rand() < 0.05)
	{
		my $call = { %{ one_of(@keyed) } };
		if (rand() < 0.4)
		{
			my $name = one_of(sort grep { !/\A(op|key|role|choose)\z/ } keys %$call);
			$call->{$name} = $make{ $call->{op} }->()->{$name};
		}
		return $call;
	}

	my $chance = rand 100;
	for my $weight (@weights)
	{
		next if ($chance -= $weight->[1]) >= 0;
		my $op = $weight->[0];
		# while there is little: what makes something to work on
		$op = 'hold' if $op =~ /\A(capture|release|prolong)\z/ && !$model->holds && rand() < 0.9;
		$op = 'init' if $op !~ /\A(suspend|type|lapse)\z/ && $model->accounts < 5 && ($op ne 'hold' || rand() < 0.9);
		my $call = { op => $op, %{ $make{$op}->() } };
		if ($op =~ /\A(init|hold|capture|release)\z/ && rand() < 0.3)
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

	if ($chance < 0.35)
	{
		# to the end of a hold, just before it or just after it
		my @soon = sort { $a <=> $b }
		  map { $_->{open} && $_->{expires} > $clock ? $_->{expires} : () } $model->holds;
		$clock = $soon[0] + one_of(-1, 0, 0, 1) if @soon;
	}
	elsif ($chance < 0.7) { $clock += int rand 2 * $DAY; }
	elsif ($chance < 0.9) { $clock += 1 + int rand 1_000_000; }
	elsif ($chance < 0.95 && !$goes_forward) { $clock -= int rand $DAY / 4; }
	else { $clock += int rand 5 * $DAY; }
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
		$model->{clock} = $at;
		push @past, map {
			[ $at, $_, $_->{balance}, $model->held($_), $model->available($_) ]
		} grep { !is_huge($_) } $model->accounts;
	}
	$model->{clock} = $clock;
	return;
}

# Whether the movements of an account may add up to what no amount can hold
sub is_huge
{
	my ($account) = @_;
	return grep { abs($_->{delta}) > 1e17 } @{ $account->{entries} };
}

# A question about the past, and its answer
sub a_question
{
	return (undef, undef) unless @past && rand() < 0.08;
	my ($at, $account, @sums) = @{ one_of(@past) };
	my @text = map { TrainLedger::CreditModel::text($_) } @sums;

	return ("SELECT trainledger.balance_at($account->{id}, " . time_literal($at) . ')', $text[0])
	  if rand() < 0.2;
	return (
		"SELECT why_line($account->{party}, '$account->{type}{id}', '$account->{name}', " . time_literal($at) . ')',
		join ' ', $text[0], $text[0], $text[1], '0', $text[2]);
}

# ----------------------------------------------------------------------
# A call as SQL, whose answer is the one of the model
# ----------------------------------------------------------------------

sub numeric { return literal($_[0], 'numeric'); }
sub account_id { my $account = $model->account($_[0]); return $account ? $account->{id} : 7; }
sub hold_id { return defined $_[0] ? $model->{holds}[ $_[0] ]{id} : 7; }
sub flag { return $_[0] ? 'true' : 'false'; }

my $entry = "concat_ws(' ', 'entry', entry_no, balance)";
my $hold_row =
  "concat_ws(' ', id, quantity, captured, released, status, microseconds(expires_at), source, notes, device)";
my %statement = (
	init => sub {
		my ($call) = @_;
		return "SELECT $entry FROM trainledger.credit_init($call->{party}, "
		  . numeric($call->{amount}) . ", 'setup', '', '2026-01-01Z', '$call->{name}', '$call->{type}', idempotency_key => "
		  . literal($call->{key}) . ')';
	},
	post => sub {
		my ($call) = @_;
		return "SELECT $entry FROM trainledger.post(@{[ account_id($call->{account}) ]}, '$call->{operation}', "
		  . numeric($call->{amount}) . ", 'post', rounding => '$call->{rounding}', balance_expected => "
		  . literal(defined $call->{expected} ? TrainLedger::CreditModel::text($call->{expected}) : undef) . ')';
	},
	batch => sub {
		my ($call) = @_;
		return "SELECT 'rows ' || string_agg(concat_ws('|', coalesce(entry_no::text, ''), coalesce(balance::text, ''), coalesce(refusal, '')), ',' ORDER BY ordinal) FROM trainledger.post_batch(ARRAY["
		  . join(',', map { account_id($_->[0]) } @{ $call->{rows} })
		  . ']::bigint[], ARRAY['
		  . join(',', map { literal($_->[1]) } @{ $call->{rows} })
		  . "]::trainledger.amount[], 'batch', skip_refused => @{[ flag($call->{skip}) ]})";
	},
	transfer => sub {
		my ($call) = @_;
		return "SELECT concat_ws(' ', 'entry', (t.from_entry).entry_no, (t.from_entry).balance || ',', 'entry', (t.to_entry).entry_no, (t.to_entry).balance) FROM trainledger.credit_transfer("
		  . join(', ', account_id($call->{from}), account_id($call->{to}), numeric($call->{amount}))
		  . ", 'transfer') t";
	},
	hold => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.credit_hold("
		  . join(', ', $call->{party}, numeric($call->{amount}),
			literal($call->{source}), literal($call->{description}),
			time_literal($call->{until}), literal($call->{name}),
			literal($call->{type}), literal($call->{rounding}),
			literal($call->{device}), literal($call->{key})) . ')';
	},
	capture => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.capture_hold("
		  . join(', ', hold_id($call->{hold}), numeric($call->{quantity}),
			flag($call->{final}), literal($call->{notes}), literal($call->{key})) . ')';
	},
	release => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.release_hold("
		  . join(', ', hold_id($call->{hold}), numeric($call->{quantity}),
			literal($call->{notes}), literal($call->{key})) . ')';
	},
	prolong => sub {
		my ($call) = @_;
		return "SELECT $hold_row FROM trainledger.extend_hold("
		  . hold_id($call->{hold}) . ', ' . time_literal($call->{until}) . ')';
	},
	lapse => sub {
		my ($call) = @_;
		return "SELECT 'count ' || trainledger.lapse_holds(" . literal($call->{most}) . ')';
	},
	suspend => sub {
		my ($call) = @_;
		return "SELECT 'party ' || id FROM trainledger.update_party($call->{party}, is_suspended => @{[ flag($call->{value}) ]})";
	},
	type => sub {
		my ($call) = @_;
		my $sql = "SELECT 'type ' || name FROM trainledger.update_token_type('$model->{types}{ $call->{type} }{id}'";
		$sql .= ", is_active => @{[ flag($call->{active}) ]}" if exists $call->{active};
		$sql .= ", is_archived => @{[ flag($call->{archived}) ]}" if exists $call->{archived};
		for my $bound (grep { exists $call->{$_} } qw(lower upper))
		{
			$sql .= defined $call->{$bound}
			  ? ", ${bound}_bound => " . TrainLedger::CreditModel::text($call->{$bound})
			  : ", clear => '{${bound}_bound}'";
		}
		return "$sql)";
	});

sub expected_row
{
	my ($answer) = @_;

	return $answer unless $answer =~ /\Ahold (\d+)\z/;
	my $hold = $model->{holds}[$1];
	return join ' ', $hold->{id},
	  (map { TrainLedger::CreditModel::text($hold->{$_}) } qw(quantity captured released)),
	  $model->status($hold),
	  grep { defined } @$hold{qw(expires source description device)};
}

# A subtraction can be asked about before.
sub question_before
{
	my ($call) = @_;
	return undef
	  unless $call->{op} eq 'post'
	  && $call->{operation} eq 'subtract'
	  && $model->account($call->{account})
	  && !defined $call->{expected}
	  && $call->{rounding} eq 'round';
	my $account = $model->account($call->{account});
	return "SELECT coalesce((SELECT refusal FROM trainledger.why_not($account->{party}, '$account->{type}{id}', "
	  . numeric($call->{amount}) . ", '$account->{name}')), 'none')";
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

$model->{clock} = 1_780_000_000_000_000;
my (%seen, @complaints, %answered);

sub compare_entries
{
	my ($what, $first, $first_party) = @_;

	is(join("\n", rows($node, <<"SQL")), join("\n", $model->entries($first)), "$what: every entry is the model's");
SELECT concat_ws('|', e.account_id, e.entry_no, e.operation, e.delta, e.balance, e.source, e.description, microseconds(e.created_at))
FROM trainledger.account a JOIN trainledger.entry e ON e.account_id = a.id
WHERE a.party_id >= $first_party ORDER BY a.id, e.entry_no
SQL
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
	move_clock() if rand() < 0.15;

	my $call = next_call();
	my $sql = $statement{ $call->{op} }->($call);
	my $before = question_before($call);
	my ($after, $told) = a_question();
	my $zone = one_of(@zones);
	my ($asked, $got, $said, $digest, $newest) = make_call(
		$session,
		{
			role => $call->{role} || 'operator',
			at => $model->{clock},
			zone => $zone,
			before => $before,
			statement => $sql,
			after => $after
		},
		$parties[0]);

	my ($accounts, $holds) = map { scalar @{ $model->{$_} } } qw(accounts holds);
	$call->{choose} = sub {
		my $list = join ',', map { $_->{id} } @_;
		my %taken = map { $_ => 1 } rows($node,
			"SELECT id FROM trainledger.placed_hold WHERE NOT is_open AND id IN ($list)");
		return grep { $taken{ $_->{id} } } @_;
	};
	my $answer = $model->apply($call);
	$model->{accounts}[$accounts]{id} = $newest if @{ $model->{accounts} } > $accounts;
	($model->{holds}[$holds]{id}) = $got =~ /\A(\S+)/ if @{ $model->{holds} } > $holds;

	my $wanted = expected_row($answer);
	my $kind = $call->{op} eq 'post' ? $call->{operation} : $call->{op};
	$seen{ "$kind " . ($answer =~ /\A(TL...)/ ? $1 : 'ok') }++;
	$seen{"row $1"}++ while $answer =~ /\|(TL...)/g;
	$seen{"replay $kind"}++
	  if defined $call->{key} && $answer !~ /\ATL/ && $answered{"$kind $call->{key}"}++;
	$seen{'asked about the past'}++ if $after;
	my $state = $model->state;
	my $refused = !$before ? '-' : $answer =~ /\ATL/ ? $answer : 'none';
	if ($got ne $wanted || $asked ne $refused || $said ne ($told // '-') || $digest ne md5_hex($state))
	{
		push @complaints, "call $step";
		diag "call $step at ", timestamp($model->{clock}), ", $zone: $sql\n",
		  "  server: $got\n  model:  $wanted\n",
		  "  why_not: $asked, model: $refused\n  ", $after || '', ": $said, model: ", $told // '-';
		my %model = map { $_ => 1 } split /\n/, $state;
		my %server = map { $_ => 1 } rows($node,
			"SET trainledger.clock = '@{[ timestamp($model->{clock}) ]}'; SELECT state($parties[0])");
		diag "  server: $_" for grep { !$model{$_} } sort keys %server;
		diag "  model:  $_" for grep { !$server{$_} } sort keys %model;
		last;    # from here on they differ anyway
	}
}

is(join(', ', @complaints), '', "$steps calls: every answer, account and hold is the model's");
compare_entries('all calls', 0, 0) unless @complaints;
note join ', ', map { "$_ $seen{$_}" } sort keys %seen;
my @rare = grep { !$seen{$_} } (
	'init ok', (map { "init $_" } qw(TL400 TL404 TL051 TL409 TL422 TL054 TL055)),
	'add ok', (map { "add $_" } qw(TL400 TL404 TL409 TL054 TL052 TL058)),
	'subtract ok', (map { "subtract $_" } qw(TL400 TL055 TL052 TL058)),
	'adjust ok', 'adjust TL055', 'batch ok',
	(map { "row $_" } qw(TL400 TL404 TL055 TL054 TL058 TL409)),
	'transfer ok', (map { "transfer $_" } qw(TL400 TL409 TL055 TL054 TL058)),
	'hold ok', 'replay hold',
	(map { "hold $_" } qw(TL400 TL404 TL057 TL409 TL422 TL055 TL058)),
	'capture ok', 'replay capture',
	(map { "capture $_" } qw(TL400 TL404 TL409 TL410 TL422 TL058)),
	'release ok', 'replay release',
	(map { "release $_" } qw(TL400 TL404 TL409 TL410 TL422)),
	'prolong ok', (map { "prolong $_" } qw(TL400 TL404 TL409 TL410)),
	'lapse ok', 'lapse TL400', 'asked about the past');
is(join(', ', @rare), '', 'every refusal was met') unless @complaints;
is($node->safe_psql('books', <<'SQL'), '0', 'every capture is one booking');
SELECT count(*) FROM trainledger.hold_event v
WHERE v.event = 'captured' AND NOT EXISTS (
	SELECT FROM trainledger.entry e
	WHERE e.account_id = v.account_id AND e.entry_no = v.entry_no
	AND e.operation = 'capture' AND e.delta::numeric = -v.quantity::numeric
	AND e.booking_no = v.booking_no)
SQL
books_are_right($node, 'credit holds');
no_crash($node, $started, 'credit holds');
done_testing();
