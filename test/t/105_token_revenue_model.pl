# Random sales, transfers, voids, corrected expiries, redemptions, refunds and
# holds of training tokens over years, against a model of them that knows nothing
# of the ledger: lots with a price and a rest, and a purse of each month's revenue
# and movements. After every call its answer and all balances are the model's; the
# reports token_revenue and token_liability are, in every month and to the last
# digit, swept or not, and however much of it seal() has summed up.
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
SELECT trainledger.start_log('revenue.example/log', 'model');
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
			i.current_balance, i.available_balance, coalesce(extract(epoch FROM i.expires_at)::bigint::text, 'never'),
			coalesce(i.unit_price::text, '-')), '|' ORDER BY i.account_id)
		FROM trainledger.token_issue i WHERE i.token_type_id = ANY (types)), '');
END $$;
SQL
my ($session, $sealer) = sessions($node, 2);

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
my (%archived, %active, %suspended, @holds, %moved, %closing_left);

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

# Movements in tokens, by type and month
sub tally
{
	my ($lot, $at, $column, $quantity) = @_;

	$moved{ $lot->{type} }{ month($at) }{$column} += $quantity;
	return;
}

sub is_over { return defined $_[0]{expires} && $_[0]{expires} <= $now; }

sub has_ended { return $_[0]{expires} <= $now; }

sub held
{
	my ($lot) = @_;
	my $held = 0;

	for my $hold (grep { $_->{open} && !has_ended($_) } @holds)
	{
		$held += $_->{left} for grep { $_->{lot} == $lot } @{ $hold->{parts} };
	}
	return $held;
}

sub free { return $_[0]{rest} - held($_[0]); }

sub is_lost
{
	my ($lot, $at, $quantity) = @_;

	$lot->{rest} -= $quantity;
	count_in($lot, $at, breakage => $quantity);
	tally($lot, $at, expired => $quantity);
	return;
}

# Holds end, and then lots: what is left on them and not held is breakage at
# that moment. A part that was held longer than its lot is so when its hold ends.
sub lapse
{
	for my $hold (grep { !$_->{is_past} && has_ended($_) } @holds)
	{
		$hold->{is_past} = 1;
		for my $part (grep { $hold->{open} && $_->{left} } @{ $hold->{parts} })
		{
			my $expires = $part->{lot}{expires};
			is_lost($part->{lot}, $hold->{expires}, $part->{left})
			  if is_over($part->{lot}) && $expires < $hold->{expires};
		}
	}
	for my $lot (grep { is_over($_) } @lots)
	{
		my $free = free($lot);
		is_lost($lot, $lot->{expires}, $free) if $free;
	}
	return;
}

# Books off what lapse() has counted as lost with the end of a hold
sub close_hold
{
	my ($hold) = @_;

	$hold->{open} = 0;
	for my $part (@{ $hold->{parts} })
	{
		my $expires = $part->{lot}{expires};
		$part->{lot}{booked} -= $part->{left}
		  if defined $expires && $expires < $hold->{expires};
	}
	return;
}

# Books off what is over of lots that are, and the holds on them that are over
sub expire_lots
{
	for my $lot (@_)
	{
		close_hold($_)
		  for grep {
			$_->{open} && has_ended($_) && grep { $_->{lot} == $lot } @{ $_->{parts} }
		  } @holds;
		$lot->{booked} = $lot->{rest};
	}
	return;
}

sub outstanding
{
	my %sum;

	$sum{ $_->{type} } += $_->{rest} for @lots;
	return \%sum;
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
		$closing_left{$left} = outstanding();
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

sub by_expiry
{
	my ($left, $right) = @_;
	my ($one, $other) = map { defined $_->{expires} ? $_->{expires} : 9e15 } $left, $right;

	return $one <=> $other || $left->{created} <=> $right->{created} || $left->{id} cmp $right->{id};
}

# The lots that give, each with what it gives; nothing where there is too little.
sub draw
{
	my ($party, $type, $quantity) = @_;
	my @taken;

	for my $lot (sort { by_expiry($a, $b) }
		grep { $_->{party} == $party && $_->{type} eq $type && !is_over($_) && free($_) } @lots)
	{
		last unless $quantity;
		my $take = free($lot) < $quantity ? free($lot) : $quantity;
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
	tally($lot, $now, $column ne 'earned' ? $column : $quantity < 0 ? 'redeemed' : 'refunded',
		$column eq 'earned' ? abs $quantity : $quantity);
	return;
}

# What a call about a hold finds
sub refuses_hold
{
	my ($hold) = @_;

	return 'TL409' unless left_of($hold);
	return 'TL410' if !$hold->{open} || has_ended($hold);
	return undef;
}

sub left_of
{
	my ($hold) = @_;
	my $left = 0;

	$left += $_->{left} for @{ $hold->{parts} };
	return $left;
}

# Shares a quantity out, soonest expiry first or latest: [part, share]
sub share_out
{
	my ($hold, $quantity, $from_the_end) = @_;
	my @parts = sort { by_expiry($a->{lot}, $b->{lot}) } @{ $hold->{parts} };
	my @shares;

	for my $part ($from_the_end ? reverse @parts : @parts)
	{
		my $share = $part->{left} < $quantity ? $part->{left} : $quantity;
		push @shares, [ $part, $share ] if $share;
		$quantity -= $share;
	}
	return @shares;
}

sub let_go
{
	my ($hold, $quantity) = @_;

	for my $pair (share_out($hold, $quantity, 1))
	{
		my ($part, $share) = @$pair;
		$part->{left} -= $share;
		next unless is_over($part->{lot});
		is_lost($part->{lot}, $now, $share);
		$part->{lot}{booked} -= $share;
	}
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
		tally($lot, $now, issued => $c->{quantity});
		return 'ok';
	},
	adjust => sub {
		my ($c) = @_;
		return 'TL058' unless $active{ $c->{lot}{type} };
		return 'TL410' if is_over($c->{lot});
		return 'TL409' if $c->{quantity} > 0 && $suspended{ $c->{lot}{party} };
		return 'TL055' if $c->{quantity} < 0 && free($c->{lot}) + $c->{quantity} < 0;
		move($c->{lot}, adjusted => $c->{quantity});
		return 'ok';
	},
	void => sub {
		my ($c) = @_;
		return 'TL058' unless $active{ $c->{lot}{type} };
		return 'TL410' if is_over($c->{lot});
		return 'TL409' unless free($c->{lot});
		move($c->{lot}, adjusted => -free($c->{lot}));
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
		expire_lots(map { $_->[0]{lot} } @over);
		for my $part (@over)
		{
			my ($taken, $share) = @$part;
			count_in($taken->{lot}, $now, earned => -$share);
			count_in($taken->{lot}, $now, breakage => $share) unless $anew;
			tally($taken->{lot}, $now, $_ => $share) for 'refunded', 'expired', $anew ? 'issued' : ();
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
		expire_lots(grep { is_over($_) && $_->{booked} > $_->{rest} && $active{ $_->{type} } } @lots);
		return 'ok';
	},
	hold => sub {
		my ($c) = @_;
		return 'TL058' unless $active{ $c->{type} };
		return 'TL409' if $suspended{ $c->{party} };
		my @taken = draw($c->{party}, $c->{type}, $c->{quantity}) or return 'TL055';
		push @holds, {
			party => $c->{party}, type => $c->{type}, expires => $c->{expires}, open => 1,
			parts => [ map { { lot => $_->{lot}, left => $_->{quantity} } } @taken ]
		};
		return 'ok';
	},
	capture => sub {
		my ($c) = @_;
		my $hold = $c->{hold};
		my $refusal = refuses_hold($hold);
		return $refusal if $refusal;
		return 'TL058' unless $active{ $hold->{type} };
		my $quantity = defined $c->{quantity} ? $c->{quantity} : left_of($hold);
		return 'TL409' if $quantity > left_of($hold);
		my @shares = share_out($hold, $quantity);
		for my $pair (@shares)
		{
			my ($part, $share) = @$pair;
			$part->{left} -= $share;
			move($part->{lot}, earned => -$share);
		}
		push @redemptions, { party => $hold->{party}, type => $hold->{type},
			taken => [ map { { lot => $_->[0]{lot}, quantity => $_->[1], refunded => 0 } } @shares ] };
		let_go($hold, left_of($hold)) if $c->{final};
		return 'ok';
	},
	release => sub {
		my ($c) = @_;
		my $hold = $c->{hold};
		my $refusal = refuses_hold($hold);
		return $refusal if $refusal;
		my $quantity = defined $c->{quantity} ? $c->{quantity} : left_of($hold);
		return 'TL409' if $quantity > left_of($hold);
		# nothing is posted on an inactive type
		return 'TL058'
		  if !$active{ $hold->{type} } && grep { is_over($_->[0]{lot}) } share_out($hold, $quantity, 1);
		let_go($hold, $quantity);
		return 'ok';
	},
	lapse => sub {
		close_hold($_) for grep { $_->{open} && left_of($_) && has_ended($_) && $active{ $_->{type} } } @holds;
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

sub some_hold
{
	my @open = grep { !refuses_hold($_) } @holds;
	return one_of(@open && rand() < 0.85 ? @open : @holds);
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
	sweep => sub { return {}; },
	hold => sub {
		my %c = (party => one_of(@parties), type => one_of(@types), quantity => 1 + int rand 400,
			expires => $now + 1 + int rand(rand() < 0.3 ? 10 * $DAY : 150 * $DAY));
		# mostly of what is there
		my @there = grep { !is_over($_) && free($_) } @lots;
		my $lot = @there && rand() < 0.8 ? one_of(@there) : undef;
		@c{qw(party type)} = @$lot{qw(party type)} if $lot;
		return \%c;
	},
	capture => sub {
		return { hold => some_hold(), quantity => rand() < 0.5 ? undef : 1 + int rand 200, final => rand() < 0.5 ? 1 : 0 };
	},
	release => sub { return { hold => some_hold(), quantity => rand() < 0.5 ? undef : 1 + int rand 200 }; },
	lapse => sub { return {}; });

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
	sweep => sub { return 'SELECT trainledger.expire_training_tokens()'; },
	hold => sub {
		my ($c) = @_;
		return "SELECT id FROM trainledger.hold_training_tokens($c->{party}, '$c->{type}', @{[ amount($c->{quantity}) ]}, 'r', '@{[ strftime('%Y-%m-%d %H:%M:%SZ', gmtime $c->{expires}) ]}', '$c->{notes}', $c->{key})";
	},
	capture => sub {
		my ($c) = @_;
		return "SELECT id FROM trainledger.capture_hold($c->{hold}{id}, "
		  . (defined $c->{quantity} ? amount($c->{quantity}) : 'NULL') . ', ' . ($c->{final} ? 'true' : 'false') . ", '$c->{notes}', $c->{key})";
	},
	release => sub {
		my ($c) = @_;
		return "SELECT id FROM trainledger.release_hold($c->{hold}{id}, "
		  . (defined $c->{quantity} ? amount($c->{quantity}) : 'NULL') . ", '$c->{notes}', $c->{key})";
	},
	lapse => sub { return 'SELECT trainledger.lapse_holds()'; });

my @weights = ((issue => ) x 19, (redeem => ) x 16, (refund => ) x 13, (transfer => ) x 11,
	(adjust => ) x 6, (void => ) x 4, (expiry => ) x 8, (sweep => ) x 4,
	(hold => ) x 14, (capture => ) x 8, (release => ) x 5, (lapse => ) x 2);

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
		join ' ', $_->{id}, $_->{party}, amount($_->{initial}), amount($_->{booked}),
		  amount(is_over($_) ? 0 : $_->{rest}), amount(is_over($_) ? 0 : free($_)),
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

# The movements of a type, from the month of the first one on
sub expected_liability
{
	my @lines;
	my $present = outstanding();

	for my $type (sort keys %moved)
	{
		my ($month) = sort keys %{ $moved{$type} };
		for (; $month le month($now); $month = month_after($month))
		{
			my $m = $moved{$type}{$month} || {};
			my $left = ($month eq month($now) ? $present : $closing_left{$month})->{$type} || 0;
			push @lines, join ' ', $type, $month,
			  map { amount($_) } (map { $_ || 0 } @$m{qw(issued adjusted redeemed refunded expired)}), $left;
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
	my $moved = join "\n", rows($node, <<"SQL");
SET trainledger.clock = '$at';
SET TimeZone = '$zone';
SELECT concat_ws(' ', t.id, r.month, trim_scale(r.issued), trim_scale(r.adjusted), trim_scale(r.redeemed), trim_scale(r.refunded), trim_scale(r.expired), r.outstanding)
FROM trainledger.token_liability r JOIN trainledger.token_type t ON t.name = r.token_type
WHERE t.id = ANY ('$types') ORDER BY t.id::text COLLATE "C", r.month
SQL
	my $wanted_moved = expected_liability();
	is($moved, $wanted_moved, "$what: every month of token_liability is the model's") if $moved ne $wanted_moved;
	my $unbalanced = join "\n", rows($node, "SET trainledger.clock = '$at'; SELECT r FROM trainledger.token_revenue r"
		  . ' WHERE deferred_opening + sold + adjusted - earned - breakage <> deferred_closing');
	is($unbalanced, '', "$what: opening and movements are closing") if $unbalanced ne '';
	return $got eq $wanted && $moved eq $wanted_moved && $unbalanced eq '';
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

my (%seen, $failed, $reports, $months);
my ($seals, $summed) = (0, 0);
my $serial = 0;

sub start_chapter
{
	my ($number) = @_;
	(@types, @parties, @lots, @redemptions, @keyed, @holds) = ();
	(%moved, %closing_left) = ();
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
	my @soon = sort { $a <=> $b } grep { defined && $_ > $now } map { $_->{expires} } @lots, @holds;
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
		  while (!@lots && $op ne 'issue') || (!@redemptions && $op eq 'refund')
		  || (!@holds && $op =~ /capture|release/);
		$call = { op => $op, notes => one_of('', 'note'), key => 'NULL', %{ $make{$op}->() } };
		$call->{key} = sprintf "'%08x-0000-4000-8000-%012x'", $step, ++$serial
		  if rand() < 0.3 && $op !~ /sweep|expiry|lapse/;
		my $statement = $sql{$op}->($call);
		$answer = $model{$op}->($call);
		$seen{"$op $answer"}++;
		($got, $state) = ask($statement);
		push @keyed, $call if $answer eq 'ok' && $call->{key} ne 'NULL';
		$redemptions[-1]{id} = $got if $answer eq 'ok' && $op eq 'redeem';
		$redemptions[-1]{id} = $session->query('SELECT max(id) FROM trainledger.redemption')->{rows}[0]
		  if $answer eq 'ok' && $op eq 'capture';
		$holds[-1]{id} = $got if $answer eq 'ok' && $op eq 'hold';
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
	$seals += $sealer->query('SELECT trainledger.seal()')->{rows}[0] > 0 if rand() < 0.08;
	if ($step % 25 == 0 || $step % $CHAPTER == 0 || $step == $steps)
	{
		# entries in the summary, and after it
		my ($within, $after) = split /\|/, ($node->safe_psql('books', <<'SQL'))[0];
SELECT count(*) FILTER (WHERE s.last_no >= e.booking_no), count(*) FILTER (WHERE s.last_no < e.booking_no)
FROM trainledger.entry e, (SELECT max(last_booking_no) AS last_no FROM trainledger.month_summary) s
SQL
		$summed++ if $within && $after;
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
	(map { "transfer $_" } qw(ok TL400 TL409 TL055)), 'sweep ok',
	(map { "hold $_" } qw(ok TL055)), (map { "capture $_" } qw(ok TL409 TL410)),
	(map { "release $_" } qw(ok TL409)), 'lapse ok');
push @wanted, 'repeated void ok', 'release TL410', 'issue TL404', 'void TL409', 'void TL058', 'expiry TL409', 'refund TL058', 'several transfer',
  'several refund', 'repeated transfer ok', 'repeated transfer TL422' if $steps > 2000;
my @rare = grep { !$seen{$_} } @wanted;
is(join(', ', @rare), '', 'every kind of answer was met') unless $failed;
cmp_ok($summed, '>', $reports / 2, "most reports read the summary and entries after it ($seals seals)") unless $failed;
books_are_right($node, 'revenue');
no_crash($node, $started, 'revenue');
done_testing();
