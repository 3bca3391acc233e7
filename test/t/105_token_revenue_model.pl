# Random sales, transfers, voids, corrected expiries, redemptions and refunds of
# training tokens over years, against a model of them that knows nothing of the
# ledger: lots with a price and a rest, and a purse of each month's revenue.
# After every call its answer and all balances are the model's; the report
# token_revenue is, in every month and to the last digit, swept or not.
#
# The model counts what is deferred from the lots that live when a month ends,
# not from what came and went, so that the equation of the report is checked.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Math::BigInt;
use POSIX qw(strftime);
use Test::More;

use TrainLedger;

my $DAY = 86400;
my $CHAPTER = 500;

my $seed = $ENV{TRAINLEDGER_SEED} || 20260104;
my $steps = $ENV{TRAINLEDGER_SOAK} && soak() > 2000 ? soak() : 1_000;
srand $seed;
note "seed $seed: $steps calls";

my $node = start_books('revenue', 'fsync = off', 'jit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

$node->safe_psql('books', <<'SQL');
CREATE ROLE model_admin;
SELECT trainledger.grant_access('model_admin', 'admin');
SELECT trainledger.add_currency(c, c, u) FROM (VALUES ('USD', 2), ('JPY', 0)) v(c, u);
CREATE FUNCTION step(at text, types uuid[], statement text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	answer text;
BEGIN
	PERFORM set_config('trainledger.clock', at, false);
	PERFORM set_config('role', 'model_admin', false);
	BEGIN
		EXECUTE 'SELECT string_agg(x.x::text, '','') FROM (' || statement || ') x(x)' INTO answer;
		answer := coalesce(answer, '');
	EXCEPTION WHEN OTHERS THEN
		answer := SQLSTATE || CASE WHEN SQLSTATE LIKE 'TL%' THEN '' ELSE ' ' || SQLERRM END;
	END;
	PERFORM set_config('role', 'none', false);
	RETURN answer || '#' || coalesce((
		SELECT string_agg(concat_ws(' ', i.id, i.party_id, i.initial_balance, i.booked_balance,
			i.current_balance, coalesce(extract(epoch FROM i.expires_at)::bigint::text, 'never'),
			coalesce(i.unit_price::text, '-')), '|' ORDER BY i.account_id)
		FROM trainledger.token_issue i WHERE i.token_type_id = ANY (types)), '');
END $$;
SQL
my ($session) = sessions($node, 1);

# ----------------------------------------------------------------------
# Amounts are hundredths, prices millionths, worth hundred-millionths
# ----------------------------------------------------------------------

sub decimal
{
	my ($value, $decimals) = @_;
	my $sign = $value < 0 ? '-' : '';
	(my $digits = "$value") =~ s/\A-//;
	$digits = '0' x ($decimals + 1 - length $digits) . $digits if length $digits <= $decimals;
	(my $part = substr $digits, -$decimals) =~ s/0+\z//;
	return $sign . substr($digits, 0, -$decimals) . ($part eq '' ? '' : ".$part");
}

sub amount { return decimal($_[0], 2); }

# ----------------------------------------------------------------------
# The model
# ----------------------------------------------------------------------

my $now = 1_767_517_200;    # 2026-01-04 09:00
my (@types, @parties, @lots, @redemptions, @keyed, %purse, %closing, %first);
my (%archived, %active, %suspended);

sub month { return strftime('%Y-%m-01', gmtime $_[0]); }

sub month_after
{
	my ($year, $month) = split /-/, $_[0];
	return $month == 12 ? sprintf('%d-01-01', $year + 1) : sprintf('%d-%02d-01', $year, $month + 1);
}

sub count_in
{
	my ($lot, $at, $column, $quantity) = @_;

	return unless defined $lot->{price};
	my $pot = "$lot->{type} $lot->{currency}";
	my $month = month($at);
	$first{$pot} = $month if !$first{$pot} || $month lt $first{$pot};
	$purse{$pot}{$month}{$column} += $quantity * $lot->{price};
	return;
}

sub is_over { return defined $_[0]{expires} && $_[0]{expires} <= $now; }

# Lots end: what is left on them is breakage at that moment.
sub lapse
{
	for my $lot (grep { $_->{rest} && is_over($_) } @lots)
	{
		count_in($lot, $lot->{expires}, breakage => $lot->{rest});
		$lot->{rest} = 0;
	}
	return;
}

sub deferred
{
	my %sum;

	defined $_->{price} and $sum{"$_->{type} $_->{currency}"} += $_->{rest} * $_->{price} for @lots;
	return \%sum;
}

# Goes on month by month, since what is deferred counts at each one's end.
sub go_to
{
	my ($then) = @_;

	while (month($now) ne month($then))
	{
		my ($year, $month) = split /-/, month_after(month($now));
		my $last = days($year, $month, 1) * $DAY;
		my $left = month($now);
		$now = $last - 1;
		lapse();
		$closing{$left} = deferred();
		$now = $last;
	}
	$now = $then;
	lapse();
	return;
}

# Days since 1970, without a library
sub days
{
	my ($year, $month, $day) = @_;
	my $y = $month <= 2 ? $year - 1 : $year;
	my $era = int($y / 400);
	my $yoe = $y - $era * 400;
	my $doy = int((153 * ($month + ($month > 2 ? -3 : 9)) + 2) / 5) + $day - 1;
	return $era * 146097 + $yoe * 365 + int($yoe / 4) - int($yoe / 100) + $doy - 719468;
}

sub end_of { return ($_[0] + 1) * $DAY - 1; }

sub make_lot
{
	my ($from, $party, $quantity, %other) = @_;
	push @lots, { %$from, id => undef, party => $party, initial => $quantity, rest => $quantity,
		booked => $quantity, created => $now, %other };
	return $lots[-1];
}

# The lots that give, each with what it gives; nothing where there is too little.
sub draw
{
	my ($party, $type, $quantity) = @_;
	my @taken;

	for my $lot (sort {
			(defined $a->{expires} ? $a->{expires} : 9e15) <=> (defined $b->{expires} ? $b->{expires} : 9e15)
			  || $a->{created} <=> $b->{created} || $a->{id} cmp $b->{id} }
		grep { $_->{party} == $party && $_->{type} eq $type && $_->{rest} } @lots)
	{
		last unless $quantity;
		my $take = $lot->{rest} < $quantity ? $lot->{rest} : $quantity;
		push @taken, { lot => $lot, quantity => $take, refunded => 0 };
		$quantity -= $take;
	}
	return $quantity ? () : @taken;
}

sub move
{
	my ($lot, $column, $quantity) = @_;

	$lot->{rest} += $quantity;
	$lot->{booked} += $quantity;
	count_in($lot, $now, $column, $column eq 'earned' ? -$quantity : $quantity);
	return;
}

my %model = (
	issue => sub {
		my ($c) = @_;
		return 'TL400' if defined $c->{price} != defined $c->{currency};
		return 'TL404' if defined $c->{currency} && $c->{currency} eq 'EUR';
		return 'TL400' if defined $c->{day} && end_of($c->{day}) <= $now;
		return 'TL400' if $c->{fine};
		return 'TL058' unless $active{ $c->{type} };
		return 'TL409' if $archived{ $c->{type} } || $suspended{ $c->{party} };
		my $lot = make_lot({}, $c->{party}, $c->{quantity}, type => $c->{type}, price => $c->{price},
			currency => $c->{currency}, expires => end_of(defined $c->{day} ? $c->{day} : int($now / $DAY) + 20));
		count_in($lot, $now, sold => $c->{quantity});
		return 'ok';
	},
	adjust => sub {
		my ($c) = @_;
		return 'TL058' unless $active{ $c->{lot}{type} };
		return 'TL410' if is_over($c->{lot});
		return 'TL409' if $c->{quantity} > 0 && $suspended{ $c->{lot}{party} };
		return 'TL055' if $c->{lot}{rest} + $c->{quantity} < 0;
		move($c->{lot}, adjusted => $c->{quantity});
		return 'ok';
	},
	void => sub {
		my ($c) = @_;
		return 'TL058' unless $active{ $c->{lot}{type} };
		return 'TL410' if is_over($c->{lot});
		return 'TL409' unless $c->{lot}{rest};
		move($c->{lot}, adjusted => -$c->{lot}{rest});
		return 'ok';
	},
	expiry => sub {
		my ($c) = @_;
		my $expires = defined $c->{day} ? end_of($c->{day}) : undef;
		return 'TL400' if $c->{reason} eq '';
		return 'TL400' if defined $expires && $expires <= $now;
		return 'TL410' if is_over($c->{lot});
		my $old = $c->{lot}{expires};
		my $is_later = defined $old && (!defined $expires || $expires > $old);
		return 'TL409' if $is_later && $suspended{ $c->{lot}{party} };
		$c->{lot}{expires} = $expires;
		return 'ok';
	},
	redeem => sub {
		my ($c) = @_;
		return 'TL058' unless $active{ $c->{type} };
		my @taken = draw($c->{party}, $c->{type}, $c->{quantity}) or return 'TL055';
		move($_->{lot}, earned => -$_->{quantity}) for @taken;
		push @redemptions, { party => $c->{party}, type => $c->{type}, taken => \@taken };
		return 'ok';
	},
	refund => sub {
		my ($c) = @_;
		my $redemption = $c->{redemption};
		my $left = 0;
		$left += $_->{quantity} - $_->{refunded} for @{ $redemption->{taken} };
		my $wanted = defined $c->{quantity} ? $c->{quantity} : $left;
		return 'TL058' unless $active{ $redemption->{type} };
		return 'TL409' if !$wanted || $wanted > $left;
		my (@living, @over);
		for my $taken (reverse @{ $redemption->{taken} })
		{
			my $share = $taken->{quantity} - $taken->{refunded};
			$share = $wanted if $wanted < $share;
			next unless $share;
			$wanted -= $share;
			push @{ is_over($taken->{lot}) ? \@over : \@living }, [ $taken, $share ];
		}
		my $anew = $c->{policy} eq 'reissue' && @over;
		return 'TL409' if $anew && $archived{ $redemption->{type} };
		return 'TL409' if $suspended{ $redemption->{party} } && ($anew || @living);
		move($_->[0]{lot}, earned => $_->[1]) for @living;
		for my $part (@over)
		{
			my ($taken, $share) = @$part;
			count_in($taken->{lot}, $now, earned => -$share);
			count_in($taken->{lot}, $now, breakage => $share) unless $anew;
			$taken->{lot}{booked} = 0;
		}
		$_->[0]{refunded} += $_->[1] for @living, @over;
		make_lot($_->[0]{lot}, $redemption->{party}, $_->[1], expires => end_of(int($now / $DAY) + 20))
		  for $anew ? @over : ();
		return 'ok';
	},
	transfer => sub {
		my ($c) = @_;
		return 'TL400' if $c->{party} == $c->{other};
		return 'TL058' unless $active{ $c->{type} };
		return 'TL409' if $archived{ $c->{type} } || $suspended{ $c->{other} };
		my @taken = draw($c->{party}, $c->{type}, $c->{quantity}) or return 'TL055';
		for my $taken (@taken)
		{
			$taken->{lot}{$_} -= $taken->{quantity} for qw(rest booked);
			make_lot($taken->{lot}, $c->{other}, $taken->{quantity});
		}
		return 'ok';
	},
	sweep => sub {
		$_->{booked} = $_->{rest} for grep { is_over($_) && $active{ $_->{type} } } @lots;
		return 'ok';
	});

# ----------------------------------------------------------------------
# The calls, and their SQL
# ----------------------------------------------------------------------

sub one_of { return $_[ int rand @_ ]; }
sub quoted { return defined $_[0] ? "'$_[0]'" : 'NULL'; }
sub day { return defined $_[0] ? "'" . strftime('%Y-%m-%d', gmtime $_[0] * $DAY) . "'" : 'NULL'; }
sub some { return rand() < 0.6 ? 100 * (1 + int rand 12) : 1 + int rand 1500; }

sub some_day
{
	return undef if rand() < 0.15;
	return int($now / $DAY) + int(rand() < 0.1 ? rand(4) - 3 : rand 70);
}

sub some_lot
{
	my @live = grep { !is_over($_) } @lots;
	return one_of(@live && rand() < 0.85 ? @live : @lots);
}

my %make = (
	issue => sub {
		my %c = (type => one_of(@types), party => one_of(@parties), quantity => some(), day => some_day());
		if (rand() < 0.85)
		{
			$c{currency} = one_of('USD', 'USD', 'JPY');
			# at most the currency's decimals and four more
			$c{price} = rand() < 0.05 ? 0 : rand() < 0.5 ? 10_000 * int rand 10_000 : ($c{currency} eq 'JPY' ? 100 : 1) * int rand 1_000_000;
		}
		if (rand() < 0.05)
		{
			my $wrong = int rand 4;
			delete $c{price} if $wrong == 0;
			delete $c{currency} if $wrong == 1;
			$c{currency} = 'EUR' if $wrong == 2;
			@c{qw(price currency fine)} = (1_000_001, 'JPY', 1) if $wrong == 3;
		}
		return \%c;
	},
	adjust => sub { return { lot => some_lot(), quantity => (rand() < 0.5 ? -1 : 1) * some() }; },
	void => sub { return { lot => some_lot() }; },
	expiry => sub { return { lot => some_lot(), day => some_day(), reason => rand() < 0.05 ? '' : 'typed' }; },
	redeem => sub { return { party => one_of(@parties), type => one_of(@types), quantity => some() }; },
	refund => sub {
		return { redemption => one_of(@redemptions), quantity => rand() < 0.5 ? undef : some(),
			policy => one_of('forfeit', 'reissue') };
	},
	transfer => sub {
		return { party => one_of(@parties), other => one_of(@parties), type => one_of(@types), quantity => some() };
	},
	sweep => sub { return {}; });

my %sql = (
	issue => sub {
		my ($c) = @_;
		return "SELECT id FROM trainledger.issue_training_tokens('$c->{type}', $c->{party}, @{[ amount($c->{quantity}) ]}, "
		  . day($c->{day}) . ", '$c->{notes}', $c->{key}, unit_price => " . quoted(defined $c->{price} ? decimal($c->{price}, 6) : undef)
		  . ', currency_code => ' . quoted($c->{currency}) . ')';
	},
	adjust => sub { return "SELECT id FROM trainledger.adjust_training_tokens('$_[0]{lot}{id}', @{[ amount($_[0]{quantity}) ]}, '$_[0]{notes}', $_[0]{key})"; },
	void => sub { return "SELECT id FROM trainledger.void_training_tokens('$_[0]{lot}{id}', '$_[0]{notes}', $_[0]{key})"; },
	expiry => sub { return "SELECT id FROM trainledger.set_training_tokens_expiry('$_[0]{lot}{id}', @{[ day($_[0]{day}) ]}, '$_[0]{reason}')"; },
	redeem => sub { return "SELECT id FROM trainledger.redeem_training_tokens($_[0]{party}, '$_[0]{type}', @{[ amount($_[0]{quantity}) ]}, 'r', '$_[0]{notes}', $_[0]{key})"; },
	refund => sub {
		return "SELECT id FROM trainledger.refund_training_tokens($_[0]{redemption}{id}, "
		  . (defined $_[0]{quantity} ? amount($_[0]{quantity}) : 'NULL') . ", '$_[0]{policy}', $_[0]{key})";
	},
	transfer => sub {
		my ($c) = @_;
		return "SELECT id FROM trainledger.transfer_training_tokens($c->{party}, $c->{other}, '$c->{type}', @{[ amount($c->{quantity}) ]}, '$c->{notes}', $c->{key})";
	},
	sweep => sub { return 'SELECT trainledger.expire_training_tokens()'; });

my @weights = ((issue => ) x 22, (redeem => ) x 22, (refund => ) x 17, (transfer => ) x 15,
	(adjust => ) x 7, (void => ) x 4, (expiry => ) x 9, (sweep => ) x 4);

sub ask
{
	my ($statement) = @_;
	my $at = strftime('%Y-%m-%d %H:%M:%SZ', gmtime $now);
	my $types = '{' . join(',', @types) . '}';
	(my $text = $statement) =~ s/'/''/g;
	my $received = $session->query("SELECT step('$at', '$types', '$text')");
	return split /#/, join("\n", @{ $received->{rows} }), 2;
}

sub state
{
	return join '|', map {
		join ' ', $_->{id}, $_->{party}, amount($_->{initial}), amount($_->{booked}), amount($_->{rest}),
		  defined $_->{expires} ? $_->{expires} : 'never', defined $_->{price} ? decimal($_->{price}, 6) : '-'
	} @lots;
}

# ----------------------------------------------------------------------
# The report
# ----------------------------------------------------------------------

sub expected_report
{
	my @lines;
	my $present = deferred();

	for my $pot (sort keys %first)
	{
		my ($earned, $breakage, $opening) = (0, 0, 0);
		my ($type, $currency) = split / /, $pot;
		for (my $month = $first{$pot}; $month le month($now); $month = month_after($month))
		{
			my %m = (sold => 0, adjusted => 0, earned => 0, breakage => 0, %{ $purse{$pot}{$month} || {} });
			my $closing = ($month eq month($now) ? $present : $closing{$month})->{$pot} || 0;
			$earned += $m{earned};
			$breakage += $m{breakage};
			my $share = '-';
			if ($earned + $breakage)
			{
				# half away from zero, and neither is ever negative
				my $all = Math::BigInt->new($earned)->badd($breakage);
				my $ratio = Math::BigInt->new($earned)->bmul(20_000)->badd($all)->bdiv($all->copy->bmul(2));
				$share = sprintf '%d.%04d', $ratio / 10_000, $ratio % 10_000;
			}
			push @lines, join ' ', $type, $currency, $month,
			  (map { decimal($_, 8) } $opening, @m{qw(sold adjusted earned breakage)}, $closing), $share;
			$opening = $closing;
		}
	}
	return join "\n", @lines;
}

sub compare_report
{
	my ($what) = @_;
	my $at = strftime('%Y-%m-%d %H:%M:%SZ', gmtime $now);
	my $types = '{' . join(',', @types) . '}';
	my $zone = one_of('UTC', 'Asia/Kathmandu', 'Pacific/Pago_Pago');
	my $got = join "\n", rows($node, <<"SQL");
SET trainledger.clock = '$at';
SET TimeZone = '$zone';
SELECT concat_ws(' ', t.id, r.currency, r.month, r.deferred_opening, r.sold, r.adjusted, r.earned, r.breakage, r.deferred_closing, coalesce(r.exercised_share::text, '-'))
FROM trainledger.token_revenue r JOIN trainledger.token_type t ON t.name = r.token_type
WHERE t.id = ANY ('$types') ORDER BY t.id::text COLLATE "C", r.currency, r.month
SQL
	my $wanted = expected_report();
	is($got, $wanted, "$what: every month of token_revenue is the model's") if $got ne $wanted;
	my $unbalanced = join "\n", rows($node, "SET trainledger.clock = '$at'; SELECT r FROM trainledger.token_revenue r"
		  . ' WHERE deferred_opening + sold + adjusted - earned - breakage <> deferred_closing');
	is($unbalanced, '', "$what: opening and movements are closing") if $unbalanced ne '';
	return $got eq $wanted && $unbalanced eq '';
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

my (%seen, $failed, $reports, $months);
my $serial = 0;

sub start_chapter
{
	my ($number) = @_;
	(@types, @parties, @lots, @redemptions, @keyed) = ();
	(%purse, %closing, %first, %archived, %active, %suspended) = ();
	@types = rows($node, "SELECT id FROM generate_series(1, 2) i, trainledger.add_training_token_type($number || ' ' || i, scale => 2, default_days_to_redeem => 20)");
	@parties = rows($node, "SELECT id FROM generate_series(1, 3) i, trainledger.add_party('organisation', 'Party ' || i)");
	%active = map { $_ => 1 } @types;
	return;
}

sub toggle
{
	my ($what, $id, $call) = @_;
	$what->{$id} = $what->{$id} ? 0 : 1;
	ask("SELECT id FROM trainledger.$call => " . ($what->{$id} ? 'true' : 'false') . ')');
	return;
}

for my $step (1 .. $steps)
{
	if ($step % $CHAPTER == 1)
	{
		start_chapter(int $step / $CHAPTER);
	}
	# to the next expiry now and then; about two years for a chapter
	my @soon = sort { $a <=> $b } grep { defined && $_ > $now } map { $_->{expires} } @lots;
	go_to(@soon && rand() < 0.1 ? $soon[0] - one_of(0, 1) : $now + 1 + int rand(rand() < 0.7 ? 2 * $DAY : 4 * $DAY));
	toggle(\%suspended, $_, "update_party($_, is_suspended") for grep { rand() < ($suspended{$_} ? 0.2 : 0.01) } @parties;
	toggle(\%archived, $_, "update_token_type('$_', is_archived") for grep { rand() < ($archived{$_} ? 0.2 : 0.01) } @types;
	toggle(\%active, $_, "update_token_type('$_', is_active") for grep { rand() < ($active{$_} ? 0.01 : 0.3) } @types;

	my ($op, $call, $answer, $got, $state);
	my $made = @lots;
	if (@keyed && rand() < 0.06)
	{
		# the same request again changes nothing; another is refused
		my $first = one_of(@keyed);
		($op, $call) = ($first->{op}, { %$first });
		$answer = 'ok';
		if (rand() < 0.4 && $op ne 'refund')
		{
			$call->{notes} .= 'x';
			$answer = 'TL422';
		}
		$seen{ "repeated $op " . $answer }++;
		($got, $state) = ask($sql{$op}->($call));
	}
	else
	{
		do { $op = one_of(@weights) }
		  while (!@lots && $op ne 'issue') || (!@redemptions && $op eq 'refund');
		$call = { op => $op, notes => one_of('', 'note'), key => 'NULL', %{ $make{$op}->() } };
		$call->{key} = sprintf "'%08x-0000-4000-8000-%012x'", $step, ++$serial
		  if rand() < 0.3 && $op !~ /sweep|expiry/;
		my $statement = $sql{$op}->($call);
		$answer = $model{$op}->($call);
		$seen{"$op $answer"}++;
		($got, $state) = ask($statement);
		push @keyed, $call if $answer eq 'ok' && $call->{key} ne 'NULL';
		$redemptions[-1]{id} = $got if "$op $answer" eq 'redeem ok';
	}
	# ids of the server's making, in the order in which lots were made
	my @stored = split /\|/, $state;
	for my $i ($made .. $#lots)
	{
		($lots[$i]{id}) = split / /, defined $stored[$i] ? $stored[$i] : '?';
	}
	$seen{"several $op"}++ if @lots > $made + 1;
	my $code = $got =~ /\A(TL...|[0-9A-Z]{5} .*)/s ? $1 : 'ok';
	if ($code ne $answer || $state ne state())
	{
		is($code, $answer, "call $step, " . $sql{$op}->($call));
		is(join("\n", @stored), join("\n", split /\|/, state()), "call $step: balances");
		$failed = 1;
		last;
	}
	if ($step % 25 == 0 || $step % $CHAPTER == 0 || $step == $steps)
	{
		$failed = !compare_report("call $step");
		last if $failed;
		$reports++;
		$months += () = expected_report() =~ /^/mg if $step % $CHAPTER == 0;
	}
}
ok(!$failed, "$steps calls: every answer, balance and month is the model's");
note "$reports reports, ", $months || 0, ' months; ', join ', ', map { "$_ $seen{$_}" } sort keys %seen;
my @wanted = (
	(map { "issue $_" } qw(ok TL058 TL400 TL409)), (map { "adjust $_" } qw(ok TL055 TL410)),
	(map { "void $_" } qw(ok TL410)), (map { "expiry $_" } qw(ok TL400 TL410)),
	(map { "redeem $_" } qw(ok TL055)), (map { "refund $_" } qw(ok TL409)),
	(map { "transfer $_" } qw(ok TL400 TL409 TL055)), 'sweep ok', 'repeated void ok');
push @wanted, 'issue TL404', 'void TL409', 'void TL058', 'expiry TL409', 'refund TL058', 'several transfer',
  'several refund', 'repeated transfer ok', 'repeated transfer TL422' if $steps > 2000;
my @rare = grep { !$seen{$_} } @wanted;
is(join(', ', @rare), '', 'every kind of answer was met') unless $failed;
books_are_right($node, 'revenue');
no_crash($node, $started, 'revenue');
done_testing();
