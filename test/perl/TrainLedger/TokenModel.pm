# A slow model of training tokens and their holds (contract, sections 8 and 16),
# written apart from the extension: lists and loops, amounts as whole millionths,
# times as whole microseconds since 1970. It predicts the answer of every call,
# and the lots, redemptions, holds and entries after it.
#
#   my $model = TrainLedger::TokenModel->new;
#   $model->{clock} = ...;
#   my $answer = $model->apply({ op => 'redeem', party => 1, ... });
#
# An answer is an SQLSTATE, or "lot N", "lots N,M", "redemption N", "hold N",
# "count N". What has an id of the server's making is known by its number here;
# ids are filled in.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::TokenModel;

use strict;
use warnings;

my $MAX = 9223372036854775807;
my $DAY = 86_400_000_000;

# Amounts ---------------------------------------------------------------

# A decimal text as millionths, its number of decimals, and whether an amount
# can hold it at all. Digits after the sixth are cut, having been counted.
sub parse
{
	my ($text) = @_;
	my ($sign, $whole, $part) = $text =~ /\A(-?)(\d+)(?:\.(\d*))?\z/
	  or return (0, 0, 0);
	$part = '' unless defined $part;
	$part =~ s/0+\z//;
	my $decimals = length $part;
	my $digits = $whole . substr($part . '000000', 0, 6);
	$digits =~ s/\A0+(?=\d)//;
	my $most = $sign ? '9223372036854775808' : "$MAX";
	my $fits = length $digits < length $most
	  || (length $digits == length $most && $digits le $most);
	$fits = 0 if $fits && $digits eq $most && $decimals > 6;
	return (0, $decimals, 0) unless $fits;
	my $value = $digits eq '9223372036854775808' ? -$MAX - 1 : 0 + $digits;
	$value = -$value if $sign && $value > 0;
	return ($value, $decimals, 1);
}

# Millionths as the server prints an amount
sub text
{
	my ($value) = @_;
	my $sign = $value < 0 ? '-' : '';
	(my $digits = "$value") =~ s/\A-//;
	$digits = '0' x (7 - length $digits) . $digits if length $digits < 7;
	(my $part = substr $digits, -6) =~ s/0+\z//;
	return $sign . substr($digits, 0, -6) . ($part eq '' ? '' : ".$part");
}

# ------------------------------------------------------------------------

sub new
{
	return bless {
		clock => 0,
		types => {},
		parties => {},
		lots => [],
		first => 0,
		older => [],
		redemptions => [],
		holds => [],
		first_hold => 0,
		older_holds => [],
		requests => {},
		extensions => 0
	}, shift;
}

# Forgets what no call but a sweep will concern any more: all lots and holds
# made so far.
sub close_chapter
{
	my ($self) = @_;
	my @lots = @{ $self->{lots} };

	$self->{older_holds} = [ grep { $_->{open} }
		  @{ $self->{older_holds} }, $self->holds ];
	$self->{first_hold} = @{ $self->{holds} };

	$self->{older} = [ grep { $_->{booked} && defined $_->{expires} }
		  @{ $self->{older} }, @lots[ $self->{first} .. $#lots ] ];
	$self->{first} = @lots;
	$self->{requests} = {};
	$self->{adjustments} = {};
	return;
}

# The lots since then
sub lots
{
	my ($self) = @_;
	my @lots = @{ $self->{lots} }[ $self->{first} .. $#{ $self->{lots} } ];

	return @lots;
}

# The holds since then
sub holds
{
	my ($self) = @_;
	my @holds = @{ $self->{holds} }[ $self->{first_hold} .. $#{ $self->{holds} } ];

	return @holds;
}

# The last instant of a day, counted from 1970, at which tokens expire
sub end_of_day { return ($_[0] + 1) * $DAY - 1_000_000; }

# What is over is judged at the later of now and the last entry: the clock of a
# session may be behind that of another.
sub now
{
	my ($self, $lot) = @_;
	my $last = $lot->{entries}[-1]{created};
	return $last > $self->{clock} ? $last : $self->{clock};
}

sub is_over
{
	my ($self, $lot) = @_;
	return defined $lot->{expires} && $lot->{expires} <= $self->now($lot);
}

# As far as a reader's own clock shows
sub is_past_expiry
{
	my ($self, $lot) = @_;
	return defined $lot->{expires} && $lot->{expires} <= $self->{clock};
}

sub current
{
	my ($self, $lot) = @_;
	return $self->is_past_expiry($lot) ? 0 : $lot->{booked};
}

# Holds -----------------------------------------------------------------

sub left_of
{
	my ($part) = @_;
	return $part->{quantity} - $part->{captured} - $part->{released};
}

# What no event has closed yet, and of that what has not lapsed
sub held_still
{
	my ($self, $lot) = @_;
	my $held = 0;

	@{ $lot->{parts} } = grep { $_->{hold}{open} && left_of($_) } @{ $lot->{parts} };
	$held += left_of($_) for @{ $lot->{parts} };
	return $held;
}

sub held
{
	my ($self, $lot) = @_;
	my $now = $self->now($lot);
	my $held = 0;

	$held += left_of($_)
	  for grep { $_->{hold}{open} && $_->{hold}{expires} > $now } @{ $lot->{parts} };
	return $held;
}

sub free
{
	my ($self, $lot) = @_;
	return $lot->{booked} - $self->held($lot);
}

# What a reader sees of it
sub available
{
	my ($self, $lot) = @_;
	return $self->is_past_expiry($lot) ? 0 : $self->free($lot);
}

sub available_tokens
{
	my ($self, $party, $type) = @_;
	my $sum = 0;

	$sum += $self->available($_)
	  for grep { $_->{party} == $party && $_->{type} eq $type } $self->lots;
	return $sum;
}

# A hold is judged at the latest of its lots.
sub has_lapsed
{
	my ($self, $hold) = @_;

	return scalar grep { $hold->{expires} <= $self->now($_->{lot}) } @{ $hold->{parts} };
}

sub status
{
	my ($self, $hold) = @_;

	return 'open' if $hold->{open} && $hold->{expires} > $self->{clock};
	return 'lapsed' if $hold->{captured} + $hold->{released} < $hold->{quantity};
	return $hold->{captured} == $hold->{quantity} ? 'captured' : 'released';
}

# Books a movement on a lot that was found to be allowed.
sub book
{
	my ($self, $lot, $operation, $delta, $notes, $recorded) = @_;
	my $created = @{ $lot->{entries} } ? $self->now($lot) : $self->{clock};

	$lot->{booked} += $delta;
	push @{ $lot->{entries} },
	  {
		operation => $operation,
		delta => $delta,
		balance => $lot->{booked},
		notes => $notes,
		recorded => $recorded,
		created => $created
	  };
	return;
}

sub make_lot
{
	my ($self, $party, $type, $quantity, $expires, $notes, $id, $operation) = @_;
	my $lot = {
		number => scalar @{ $self->{lots} },
		id => $id,
		party => $party,
		type => $type,
		initial => $quantity,
		booked => 0,
		expires => $expires,
		created => $self->{clock},
		entries => [],
		parts => [],
		keys => {}
	};
	push @{ $self->{lots} }, $lot;
	$self->book($lot, $operation || 'issue', $quantity, $notes);
	return $lot;
}

sub default_expiry
{
	my ($self, $type) = @_;

	return undef unless defined $type->{days};
	return end_of_day(int($self->{clock} / $DAY) + $type->{days});
}

# What a quantity alone shows; undef where nothing speaks against it
sub refuses_quantity
{
	my ($text, $is_signed) = @_;

	return 'TL400' unless defined $text;
	my ($value, $decimals, $fits) = parse($text);
	return 'TL400' if !$fits;
	# what is cut off here is not zero
	return $text =~ /\A-/ && !$is_signed ? 'TL400' : undef
	  if $value == 0 && $decimals > 6;
	return 'TL400' if $value == 0 || ($value < 0 && !$is_signed);
	return undef;
}

# Days that cannot be given at all: after the year 9999
sub is_out_of_range { return $_[0] > 2932896; }

sub is_past
{
	my ($self, $day) = @_;

	return end_of_day($day) <= $self->{clock};
}

# Keys of the calls that concern a party: what the call made the first time,
# a refusal, or undef where the key is new.
sub replay
{
	my ($self, $call, $party, @request) = @_;

	return undef unless defined $call->{key};
	return 'TL422' if $self->{adjustments}{"$party $call->{key}"};
	my $first = $self->{requests}{"$party $call->{key}"} or return undef;
	my $asked = join "\0", $call->{op}, map { defined $_ ? $_ : "\1" } @request;
	return $first->{asked} eq $asked ? $first->{answer} : 'TL422';
}

sub keep
{
	my ($self, $call, $party, $answer, @request) = @_;

	$self->{requests}{"$party $call->{key}"} = {
		asked => join("\0", $call->{op}, map { defined $_ ? $_ : "\1" } @request),
		answer => $answer
	  }
	  if defined $call->{key};
	return $answer;
}

# A number without trailing zeros, as requests are compared
sub plain
{
	my ($text) = @_;

	return undef unless defined $text;
	$text =~ s/(\.\d*?)0+\z/$1/;
	$text =~ s/\.\z//;
	return $text;
}

sub apply
{
	my ($self, $call) = @_;

	return $self->can("apply_$call->{op}")->($self, $call);
}

sub apply_issue
{
	my ($self, $call) = @_;
	my $refusal;

	return '42501' if defined $call->{id} && $call->{role} ne 'admin';
	return $refusal if $refusal = refuses_quantity($call->{quantity});
	return 'TL400' if defined $call->{day} && is_out_of_range($call->{day});
	my $party = $self->{parties}{ $call->{party} } or return 'TL404';
	my $type = $self->{types}{ $call->{type} } or return 'TL404';
	my @request = (
		$call->{type}, plain($call->{quantity}),
		$call->{day}, $call->{notes}, $call->{id});
	my $known = $self->replay($call, $call->{party}, @request);
	return $known if defined $known;
	my ($quantity, $decimals) = parse($call->{quantity});
	return 'TL400' if defined $call->{day} && $self->is_past($call->{day});
	return 'TL400' if $decimals > $type->{scale};
	return 'TL058' unless $type->{active};
	return 'TL409' if $type->{archived} || $party->{suspended};
	return 'TL409'
	  if defined $call->{id}
	  && grep { $_->{id} eq $call->{id} } $self->lots;
	my $lot = $self->make_lot(
		$call->{party},
		$call->{type},
		$quantity,
		defined $call->{day}
		? end_of_day($call->{day})
		: $self->default_expiry($type),
		$call->{notes},
		$call->{id});
	return $self->keep($call, $call->{party}, "lot $lot->{number}", @request);
}

sub apply_extend
{
	my ($self, $call) = @_;

	return 'TL400' unless defined $call->{day};
	return 'TL400' if is_out_of_range($call->{day});
	return 'TL404' unless defined $call->{lot};
	return 'TL400' if $self->is_past($call->{day});
	my $lot = $self->{lots}[ $call->{lot} ];
	my $expires = end_of_day($call->{day});
	return 'TL400' if !defined $lot->{expires} || $expires <= $lot->{expires};
	return 'TL410' if $self->is_over($lot);
	return 'TL409' if $self->{parties}{ $lot->{party} }{suspended};
	$lot->{expires} = $expires;
	$self->{extensions}++;
	return "lot $lot->{number}";
}

sub apply_adjust
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal if $refusal = refuses_quantity($call->{quantity}, 1);
	return 'TL404' unless defined $call->{lot};
	my $lot = $self->{lots}[ $call->{lot} ];
	my $type = $self->{types}{ $lot->{type} };
	my ($delta, $decimals) = parse($call->{quantity});
	if (defined $call->{key} && exists $lot->{keys}{ $call->{key} })
	{
		return $lot->{keys}{ $call->{key} } eq "$delta $call->{notes}"
		  ? "lot $lot->{number}"
		  : 'TL422';
	}
	return 'TL422'
	  if defined $call->{key} && $self->{requests}{"$lot->{party} $call->{key}"};
	return 'TL400' if $decimals > $type->{scale};
	return 'TL058' unless $type->{active};
	return 'TL410' if $self->is_over($lot);
	return 'TL409' if $delta > 0 && $self->{parties}{ $lot->{party} }{suspended};
	return 'TL055' if $delta < 0 && $self->free($lot) + $delta < 0;
	return 'TL054' if $delta > 0 && $lot->{booked} > $MAX - $delta;
	$self->book($lot, 'adjust', $delta, $call->{notes});
	if (defined $call->{key})
	{
		$lot->{keys}{ $call->{key} } = "$delta $call->{notes}";
		$self->{adjustments}{"$lot->{party} $call->{key}"} = 1;
	}
	return "lot $lot->{number}";
}

sub apply_void
{
	my ($self, $call) = @_;

	return 'TL404' unless defined $call->{lot};
	my $lot = $self->{lots}[ $call->{lot} ];
	my @request = @$call{qw(lot notes)};
	my $known = $self->replay($call, $lot->{party}, @request);
	return $known if defined $known;
	return 'TL058' unless $self->{types}{ $lot->{type} }{active};
	return 'TL410' if $self->is_over($lot);
	my $free = $self->free($lot);
	return 'TL409' if $free <= 0;
	$self->book($lot, 'adjust', -$free, $call->{notes});
	return $self->keep($call, $lot->{party}, "lot $lot->{number}", @request);
}

# The expiry is corrected, in either direction.
sub apply_expiry
{
	my ($self, $call) = @_;

	return 'TL400' if $call->{reason} eq '';
	return 'TL400' if defined $call->{day} && is_out_of_range($call->{day});
	return 'TL404' unless defined $call->{lot};
	return 'TL400' if defined $call->{day} && $self->is_past($call->{day});
	my $lot = $self->{lots}[ $call->{lot} ];
	my $expires = defined $call->{day} ? end_of_day($call->{day}) : undef;
	return 'TL400' if defined $expires && $expires <= $lot->{entries}[-1]{created};
	return 'TL410' if $self->is_over($lot);
	my $old = $lot->{expires};
	return "lot $lot->{number}"
	  if defined $old == defined $expires && (!defined $old || $old == $expires);
	return 'TL409'
	  if defined $old
	  && (!defined $expires || $expires > $old)
	  && $self->{parties}{ $lot->{party} }{suspended};
	$lot->{expires} = $expires;
	$self->{extensions}++;
	return "lot $lot->{number}";
}

# In which order lots are taken from
sub by_expiry
{
	my ($left, $right) = @_;

	if (defined $left->{expires} || defined $right->{expires})
	{
		return 1 unless defined $left->{expires};
		return -1 unless defined $right->{expires};
		return $left->{expires} <=> $right->{expires}
		  if $left->{expires} != $right->{expires};
	}
	return $left->{created} <=> $right->{created}
	  || $left->{id} cmp $right->{id};
}

# Which lots give how much of what no hold keeps back; none where it is too
# little
sub draw
{
	my ($self, $party, $type, $missing) = @_;
	my @taken;

	for my $lot (
		sort { by_expiry($a, $b) }
		grep {
			     $_->{party} == $party
			  && $_->{type} eq $type
			  && !$self->is_over($_)
			  && $self->free($_) > 0
		} $self->lots)
	{
		last unless $missing;
		my $take = $self->free($lot);
		$take = $missing if $missing < $take;
		push @taken, { lot => $lot, quantity => $take, refunded => 0 };
		$missing -= $take;
	}
	return $missing ? () : @taken;
}

sub apply_redeem
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal if $refusal = refuses_quantity($call->{quantity});
	return 'TL400' if !defined $call->{reference} || $call->{reference} eq '';
	return 'TL404' unless $self->{parties}{ $call->{party} };
	my $type = $self->{types}{ $call->{type} } or return 'TL404';
	my @request = (
		$call->{type}, plain($call->{quantity}),
		$call->{reference}, $call->{notes});
	my $known = $self->replay($call, $call->{party}, @request);
	return $known if defined $known;
	my ($quantity, $decimals) = parse($call->{quantity});
	return 'TL400' if $decimals > $type->{scale};
	return 'TL058' unless $type->{active};

	my @taken = $self->draw($call->{party}, $call->{type}, $quantity)
	  or return 'TL055';
	my $redemption = $self->make_redemption($call->{party}, $call->{type},
		$quantity, $call->{reference}, $call->{notes}, @taken);
	return $self->keep($call, $call->{party},
		"redemption $redemption->{number}", @request);
}

sub make_redemption
{
	my ($self, $party, $type, $quantity, $reference, $notes, @taken) = @_;

	$self->book($_->{lot}, 'redeem', -$_->{quantity}, $notes) for @taken;
	push @{ $self->{redemptions} },
	  {
		number => scalar @{ $self->{redemptions} },
		party => $party,
		type => $type,
		quantity => $quantity,
		refunded => 0,
		reference => $reference,
		taken => \@taken
	  };
	return $self->{redemptions}[-1];
}

sub apply_transfer
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal if $refusal = refuses_quantity($call->{quantity});
	return 'TL400' if $call->{party} == $call->{to};
	return 'TL404' unless $self->{parties}{ $call->{party} };
	my $receiver = $self->{parties}{ $call->{to} } or return 'TL404';
	my $type = $self->{types}{ $call->{type} } or return 'TL404';
	my @request =
	  ($call->{to}, $call->{type}, plain($call->{quantity}), $call->{notes});
	my $known = $self->replay($call, $call->{party}, @request);
	return $known if defined $known;
	my ($quantity, $decimals) = parse($call->{quantity});
	return 'TL400' if $decimals > $type->{scale};
	return 'TL058' unless $type->{active};
	return 'TL409' if $type->{archived} || $receiver->{suspended};
	my @taken = $self->draw($call->{party}, $call->{type}, $quantity)
	  or return 'TL055';
	my @made = map {
		$self->make_lot($call->{to}, $call->{type}, $_->{quantity},
			$_->{lot}{expires}, $call->{notes}, undef, 'transfer')
	} @taken;
	$self->book($_->{lot}, 'transfer', -$_->{quantity}, $call->{notes})
	  for @taken;
	return $self->keep($call, $call->{party},
		'lots ' . join(',', map { $_->{number} } @made), @request);
}

sub apply_refund
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal
	  if defined $call->{quantity}
	  && ($refusal = refuses_quantity($call->{quantity}));
	return 'TL404' unless defined $call->{redemption};
	my $redemption = $self->{redemptions}[ $call->{redemption} ];
	my $party = $self->{parties}{ $redemption->{party} };
	my $type = $self->{types}{ $redemption->{type} };
	my $policy = $call->{policy} || 'forfeit';
	my @request = ($redemption->{number}, plain($call->{quantity}), $policy);
	my $known = $self->replay($call, $redemption->{party}, @request);
	return $known if defined $known;
	my $left = $redemption->{quantity} - $redemption->{refunded};
	my $quantity = $left;
	if (defined $call->{quantity})
	{
		my $decimals;
		($quantity, $decimals) = parse($call->{quantity});
		return 'TL400' if $decimals > $type->{scale};
	}
	return 'TL058' unless $type->{active};
	return 'TL409' if $quantity == 0 || $quantity > $left;

	my $missing = $quantity;
	my $over = 0;
	my (@back, @anew);
	for my $taken (reverse @{ $redemption->{taken} })
	{
		my $give = $taken->{quantity} - $taken->{refunded};
		$give = $missing if $missing < $give;
		next unless $give;
		push @back, [ $taken, $give ];
		$over += $give if $self->is_over($taken->{lot});
		$missing -= $give;
	}
	my $living = $quantity - $over;
	return 'TL409'
	  if $party->{suspended} && ($living || $policy eq 'reissue');
	return 'TL409' if $over && $policy eq 'reissue' && $type->{archived};
	for my $back (@back)
	{
		return 'TL054'
		  if !$self->is_over($back->[0]{lot})
		  && $back->[0]{lot}{booked} > $MAX - $back->[1];
	}
	my $notes = "Refund of redemption $redemption->{id}";
	my @lost = grep { $self->is_over($_->[0]{lot}) } @back;
	my %is_lost = map { $_->[0]{lot}{number} => 1 } @lost;
	$self->expire(map { $_->[0]{lot} } @lost) if @lost;
	for my $back (@back)
	{
		my ($taken, $give) = @$back;
		my $lot = $taken->{lot};

		$taken->{refunded} += $give;
		$self->book($lot, 'refund', $give, $notes);
		next unless $is_lost{ $lot->{number} };
		# lost with the lot, there and then
		$self->book($lot, 'expire', -$give, $notes);
		push @anew, $give if $policy eq 'reissue';
	}
	$redemption->{refunded} += $quantity;
	$self->make_lot($redemption->{party}, $redemption->{type}, $_,
		$self->default_expiry($type), $notes)
	  for @anew;
	return $self->keep($call, $redemption->{party},
		"redemption $redemption->{number}", @request);
}

# Lots that a sweep would book off, soonest expiry first
sub due
{
	my ($self) = @_;

	return sort { $a->{expires} <=> $b->{expires} }
	  grep {
		     $self->is_past_expiry($_)
		  && $self->free($_) > 0
		  && $self->{types}{ $_->{type} }{active}
	  } @{ $self->{older} }, $self->lots;
}

# Books off what is left on lots that are over and no hold keeps back. Holds on
# them that are over are closed with it.
sub expire
{
	my ($self, @lots) = @_;
	my %lapsing;

	for my $lot (grep { $self->held_still($_) } @lots)
	{
		$lapsing{ $_->{number} } = $_
		  for grep {
			my $hold = $_;
			$hold->{expires} <= $self->now($lot)
			  && grep { $_->{lot} == $lot } @{ $hold->{parts} }
		  }
		  grep { $_->{open} } @{ $self->{older_holds} }, $self->holds;
	}
	$self->lapse(values %lapsing);
	for my $lot (@lots)
	{
		my $free = $lot->{booked} - $self->held_still($lot);
		$self->book($lot, 'expire', -$free, '', $lot->{expires}) if $free > 0;
	}
	return;
}

# Closes holds that are over. A part that outlived its lot is over at the end of
# the hold: one entry per lot and instant.
sub lapse
{
	my ($self, @holds) = @_;
	my %over;

	for my $hold (@holds)
	{
		$hold->{open} = 0;
		$self->happened($hold, 'lapsed',
			$hold->{quantity} - $hold->{captured} - $hold->{released});
		for my $part (grep { left_of($_) } @{ $hold->{parts} })
		{
			my $lot = $part->{lot};
			$over{ $hold->{expires} }{ $lot->{number} } += left_of($part)
			  if defined $lot->{expires} && $lot->{expires} < $hold->{expires};
		}
	}
	for my $instant (sort { $a <=> $b } keys %over)
	{
		$self->book($self->{lots}[$_], 'expire', -$over{$instant}{$_}, '', $instant)
		  for keys %{ $over{$instant} };
	}
	return;
}

# The first so many of what is due. Which are left out where not all with the
# same end are taken is not laid down: then $call->{choose} tells which of them
# were taken.
sub first_of
{
	my ($call, @due) = @_;
	my $most = $call->{most};

	return @due if @due <= $most;
	my $edge = $due[ $most - 1 ]{expires};
	return @due[ 0 .. $most - 1 ] if $due[$most]{expires} != $edge;
	return (
		(grep { $_->{expires} < $edge } @due),
		$call->{choose}->(grep { $_->{expires} == $edge } @due));
}

sub apply_sweep
{
	my ($self, $call) = @_;

	return 'TL400' if !defined $call->{most} || $call->{most} < 1;
	# more than the most may be booked off: with a hold on one lot its other lots
	my @due = first_of($call, $self->due);
	$self->expire(@due);
	return 'count ' . (@due < $call->{most} ? @due : $call->{most});
}

# Holds -----------------------------------------------------------------

sub happened
{
	my ($self, $hold, $event, $quantity) = @_;

	push @{ $hold->{events} }, $event . (defined $quantity ? ' ' . text($quantity) : '');
	return;
}

# A time is microseconds, or "infinity" with or without a sign.
sub refuses_end
{
	my ($self, $until) = @_;

	return 'TL400' if $until =~ /infinity/;
	return 'TL400'
	  if $until <= $self->{clock} || $until > $self->{clock} + 366 * $DAY;
	return undef;
}

sub apply_hold
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal if $refusal = refuses_quantity($call->{quantity});
	return 'TL400' if !defined $call->{reference} || $call->{reference} eq '';
	my $party = $self->{parties}{ $call->{party} } or return 'TL404';
	my $type = $self->{types}{ $call->{type} } or return 'TL404';
	my @request = (
		$call->{type}, plain($call->{quantity}),
		@$call{qw(reference until notes)});
	my $known = $self->replay($call, $call->{party}, @request);
	return $known if defined $known;
	return $refusal
	  if defined $call->{until} && ($refusal = $self->refuses_end($call->{until}));
	my ($quantity, $decimals) = parse($call->{quantity});
	return 'TL400' if $decimals > $type->{scale};
	return 'TL058' unless $type->{active};
	return 'TL409' if $party->{suspended};
	my @taken = $self->draw($call->{party}, $call->{type}, $quantity)
	  or return 'TL055';
	my $hold = {
		number => scalar @{ $self->{holds} },
		party => $call->{party},
		type => $call->{type},
		quantity => $quantity,
		captured => 0,
		released => 0,
		reference => $call->{reference},
		notes => $call->{notes},
		expires => defined $call->{until} ? $call->{until} : $self->{clock} + 7 * $DAY,
		open => 1,
		events => []
	};
	$hold->{parts} = [ map { {
		hold => $hold,
		lot => $_->{lot},
		quantity => $_->{quantity},
		captured => 0,
		released => 0
	} } @taken ];
	push @{ $_->{lot}{parts} }, $_ for @{ $hold->{parts} };
	push @{ $self->{holds} }, $hold;
	$self->happened($hold, 'placed', $quantity);
	return $self->keep($call, $call->{party}, "hold $hold->{number}", @request);
}

# What a call finds: closed, lapsed, or undef where something can be taken
sub refuses_hold
{
	my ($self, $hold) = @_;

	return 'TL409' if $hold->{captured} + $hold->{released} == $hold->{quantity};
	return 'TL410' if !$hold->{open} || $self->has_lapsed($hold);
	return undef;
}

# Shares a quantity out: [part, share]. Soonest expiry first, or latest
sub share_out
{
	my ($hold, $quantity, $from_the_end) = @_;
	my @parts = sort { by_expiry($a->{lot}, $b->{lot}) }
	  grep { left_of($_) } @{ $hold->{parts} };
	my @shares;

	for my $part ($from_the_end ? reverse @parts : @parts)
	{
		last unless $quantity;
		my $share = left_of($part);
		$share = $quantity if $quantity < $share;
		push @shares, [ $part, $share ];
		$quantity -= $share;
	}
	return @shares;
}

sub take_off
{
	my ($hold, $how, @shares) = @_;

	for my $share (@shares)
	{
		$share->[0]{$how} += $share->[1];
		$hold->{$how} += $share->[1];
	}
	$hold->{open} = 0
	  if $hold->{captured} + $hold->{released} == $hold->{quantity};
	return;
}

# A part that is let go of a lot that is over is over from then on.
sub let_go
{
	my ($self, $hold, $quantity) = @_;
	my @shares = share_out($hold, $quantity, 1);

	take_off($hold, 'released', @shares);
	for my $share (@shares)
	{
		my $lot = $share->[0]{lot};
		$self->happened($hold, 'released', $share->[1]);
		$self->book($lot, 'expire', -$share->[1], '', $self->now($lot))
		  if $self->is_over($lot);
	}
	return;
}

# How much of a hold a call is about: what is left of it, the quantity, or a
# refusal
sub part_of
{
	my ($self, $call, $hold) = @_;
	my $left = $hold->{quantity} - $hold->{captured} - $hold->{released};

	return $left unless defined $call->{quantity};
	my ($quantity) = parse($call->{quantity});
	return $quantity > $left ? 'TL409' : $quantity;
}

# What a capture and a release refuse alike, in order; a replay is a refusal too
sub refuses_change
{
	my ($self, $call, @request) = @_;
	my $refusal;

	return $refusal
	  if defined $call->{quantity}
	  && ($refusal = refuses_quantity($call->{quantity}));
	return 'TL404' unless defined $call->{hold};
	my $hold = $self->{holds}[ $call->{hold} ];
	my $known = $self->replay($call, $hold->{party}, @request);
	return $known if defined $known;
	return 'TL400'
	  if defined $call->{quantity}
	  && (parse($call->{quantity}))[1] > $self->{types}{ $hold->{type} }{scale};
	return $self->refuses_hold($hold);
}

sub apply_capture
{
	my ($self, $call) = @_;
	my @request =
	  ($call->{hold}, plain($call->{quantity}), $call->{final}, $call->{notes});
	my $refusal = $self->refuses_change($call, @request);

	return $refusal if defined $refusal;
	my $hold = $self->{holds}[ $call->{hold} ];
	return 'TL058' unless $self->{types}{ $hold->{type} }{active};
	my $quantity = $self->part_of($call, $hold);
	return $quantity if $quantity eq 'TL409';
	my @shares = share_out($hold, $quantity, 0);
	take_off($hold, 'captured', @shares);
	my $redemption = $self->make_redemption(
		@$hold{qw(party type)}, $quantity, $hold->{reference},
		$call->{notes} eq '' ? $hold->{notes} : $call->{notes},
		map { { lot => $_->[0]{lot}, quantity => $_->[1], refunded => 0 } } @shares);
	$redemption->{hold} = $hold;
	$self->happened($hold, 'captured', $quantity);
	my $left = $hold->{quantity} - $hold->{captured} - $hold->{released};
	$self->let_go($hold, $left) if $call->{final} && $left;
	return $self->keep($call, $hold->{party}, "hold $hold->{number}", @request);
}

# Nothing is posted on an inactive type: what would be over at once waits.
sub apply_release
{
	my ($self, $call) = @_;
	my @request = ($call->{hold}, plain($call->{quantity}), $call->{notes});
	my $refusal = $self->refuses_change($call, @request);

	return $refusal if defined $refusal;
	my $hold = $self->{holds}[ $call->{hold} ];
	my $quantity = $self->part_of($call, $hold);
	return $quantity if $quantity eq 'TL409';
	return 'TL058'
	  if !$self->{types}{ $hold->{type} }{active}
	  && grep { $self->is_over($_->[0]{lot}) } share_out($hold, $quantity, 1);
	$self->let_go($hold, $quantity);
	return $self->keep($call, $hold->{party}, "hold $hold->{number}", @request);
}

sub apply_prolong
{
	my ($self, $call) = @_;
	my $refusal;

	return 'TL400' unless defined $call->{until};
	return 'TL404' unless defined $call->{hold};
	return $refusal if $refusal = $self->refuses_end($call->{until});
	my $hold = $self->{holds}[ $call->{hold} ];
	return $refusal if $refusal = $self->refuses_hold($hold);
	return 'TL400' if $call->{until} <= $hold->{expires};
	return 'TL410'
	  if grep {
		     left_of($_)
		  && defined $_->{lot}{expires}
		  && $_->{lot}{expires} < $call->{until}
	  } @{ $hold->{parts} };
	$hold->{expires} = $call->{until};
	$self->happened($hold, 'extended');
	return "hold $hold->{number}";
}

# Nothing is posted on an inactive type: its holds wait too.
sub apply_lapse
{
	my ($self, $call) = @_;

	return 'TL400' if !defined $call->{most} || $call->{most} < 1;
	my @due = first_of(
		$call,
		sort { $a->{expires} <=> $b->{expires} }
		  grep {
			     $_->{open}
			  && $_->{expires} <= $self->{clock}
			  && $self->{types}{ $_->{type} }{active}
		  } @{ $self->{older_holds} }, $self->holds);
	return 'count ' . @due . ' chosen' if @due > $call->{most};
	$self->lapse(@due);
	return 'count ' . @due;
}

sub apply_suspend
{
	my ($self, $call) = @_;

	$self->{parties}{ $call->{party} }{suspended} = $call->{value};
	return "party $call->{party}";
}

sub apply_type
{
	my ($self, $call) = @_;
	my $type = $self->{types}{ $call->{type} };

	$type->{$_} = $call->{$_} for grep { exists $call->{$_} } qw(active archived days);
	return "type $call->{type}";
}

# How the lots, redemptions and holds of this chapter stand, one per line
sub state
{
	my ($self, $first_redemption) = @_;
	my @lines;
	my $entries = 0;

	for my $lot ($self->lots)
	{
		push @lines, join ' ', 'lot', $lot->{id}, $lot->{party},
		  (map { text($_) } $lot->{initial}, $self->current($lot), $lot->{booked},
			$self->held($lot), $self->available($lot)),
		  defined $lot->{expires} ? $lot->{expires} : 'never',
		  scalar @{ $lot->{entries} }, $lot->{entries}[-1]{operation},
		  text($lot->{entries}[-1]{delta});
		$entries += @{ $lot->{entries} };
	}
	for my $redemption (@{ $self->{redemptions} }
		[ $first_redemption .. $#{ $self->{redemptions} } ])
	{
		push @lines, join ' ', 'redemption', $redemption->{id},
		  $redemption->{party},
		  text($redemption->{quantity}), text($redemption->{refunded}),
		  $redemption->{hold} ? $redemption->{hold}{id} : '-';
		push @lines, map {
			join ' ', 'taken', $_->{lot}{id}, text($_->{quantity}),
			  text($_->{refunded})
		} @{ $redemption->{taken} };
	}
	for my $hold ($self->holds)
	{
		push @lines, join ' ', 'hold', $hold->{id}, $hold->{party},
		  (map { text($hold->{$_}) } qw(quantity captured released)),
		  $hold->{expires}, $self->status($hold), join ', ', @{ $hold->{events} };
		push @lines, map {
			join ' ', 'kept', $_->{lot}{id},
			  map { text($_) } @$_{qw(quantity captured released)}
		} @{ $hold->{parts} };
	}
	push @lines, "entries $entries", "wrong 0";
	return join "\n", @lines;
}

# Every entry of the lots from a number on, one per line
sub entries
{
	my ($self, $first_lot) = @_;
	my @lines;

	for my $lot (@{ $self->{lots} }[ $first_lot .. $#{ $self->{lots} } ])
	{
		my $number = 0;
		push @lines, map {
			join '|', $lot->{id}, ++$number, $_->{operation},
			  text($_->{delta}), text($_->{balance}), $_->{notes},
			  defined $_->{recorded} ? $_->{recorded} : '', $_->{created}
		} @{ $lot->{entries} };
	}
	return @lines;
}

1;
