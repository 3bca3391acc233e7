# A slow model of training tokens (contract, section 8), written apart from the
# extension: lists and loops, amounts as whole millionths, times as whole
# microseconds since 1970. It predicts the answer of every call, and the lots,
# redemptions and entries after it.
#
#   my $model = TrainLedger::TokenModel->new;
#   $model->{clock} = ...;
#   my $answer = $model->apply({ op => 'redeem', party => 1, ... });
#
# An answer is an SQLSTATE, or "lot N", "redemption N", "count N". What has an
# id of the server's making is known by its number here; ids are filled in.
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
		requests => {},
		extensions => 0
	}, shift;
}

# Forgets what no call but a sweep will concern any more: all lots made so far.
sub close_chapter
{
	my ($self) = @_;
	my @lots = @{ $self->{lots} };

	$self->{older} = [ grep { $_->{booked} && defined $_->{expires} }
		  @{ $self->{older} }, @lots[ $self->{first} .. $#lots ] ];
	$self->{first} = @lots;
	$self->{requests} = {};
	return;
}

# The lots since then
sub lots
{
	my ($self) = @_;

	return @{ $self->{lots} }[ $self->{first} .. $#{ $self->{lots} } ];
}

# The last instant of a day, counted from 1970, at which tokens expire
sub end_of_day { return ($_[0] + 1) * $DAY - 1_000_000; }

# A lot that was swept is over, whatever the clock is set to afterwards.
sub is_over
{
	my ($self, $lot) = @_;
	return 1 if $lot->{swept};
	return defined $lot->{expires} && $lot->{expires} <= $self->{clock};
}

sub current
{
	my ($self, $lot) = @_;
	return $self->is_over($lot) ? 0 : $lot->{booked};
}

# Books a movement on a lot that was found to be allowed.
sub book
{
	my ($self, $lot, $operation, $delta, $notes, $recorded) = @_;
	my $last = $lot->{entries}[-1];
	my $created = $self->{clock};

	$created = $last->{created} if $last && $last->{created} > $created;
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
	my ($self, $party, $type, $quantity, $expires, $notes, $id) = @_;
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
		keys => {}
	};
	push @{ $self->{lots} }, $lot;
	$self->book($lot, 'issue', $quantity, $notes);
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
	return 'TL400' if $decimals > $type->{scale};
	return 'TL058' unless $type->{active};
	return 'TL410' if $self->is_over($lot);
	return 'TL409' if $delta > 0 && $self->{parties}{ $lot->{party} }{suspended};
	return 'TL055' if $delta < 0 && $lot->{booked} + $delta < 0;
	return 'TL054' if $delta > 0 && $lot->{booked} > $MAX - $delta;
	$self->book($lot, 'adjust', $delta, $call->{notes});
	$lot->{keys}{ $call->{key} } = "$delta $call->{notes}"
	  if defined $call->{key};
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

	my $missing = $quantity;
	my @taken;
	my @lots =
	  sort { by_expiry($a, $b) }
	  grep {
		     $_->{party} == $call->{party}
		  && $_->{type} eq $call->{type}
		  && $self->current($_) > 0
	  } $self->lots;
	for my $lot (@lots)
	{
		last unless $missing;
		my $take = $lot->{booked} < $missing ? $lot->{booked} : $missing;
		push @taken, { lot => $lot, quantity => $take, refunded => 0 };
		$missing -= $take;
	}
	return 'TL055' if $missing;
	$self->book($_->{lot}, 'redeem', -$_->{quantity}, $call->{notes})
	  for @taken;
	my $redemption = {
		number => scalar @{ $self->{redemptions} },
		party => $call->{party},
		type => $call->{type},
		quantity => $quantity,
		refunded => 0,
		reference => $call->{reference},
		taken => \@taken
	};
	push @{ $self->{redemptions} }, $redemption;
	return $self->keep($call, $call->{party},
		"redemption $redemption->{number}", @request);
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
	for my $back (@back)
	{
		my ($taken, $give) = @$back;
		my $lot = $taken->{lot};
		my $is_over = $self->is_over($lot);

		$taken->{refunded} += $give;
		$self->expire($lot) if $is_over && $lot->{booked};
		$self->book($lot, 'refund', $give, $notes);
		next unless $is_over;
		# lost with the lot, there and then
		$self->book($lot, 'expire', -$give, $notes);
		$lot->{swept} = 1;
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
		     $_->{booked}
		  && $self->is_over($_)
		  && $self->{types}{ $_->{type} }{active}
	  } @{ $self->{older} }, $self->lots;
}

sub expire
{
	my ($self, $lot) = @_;

	$self->book($lot, 'expire', -$lot->{booked}, '', $lot->{expires});
	$lot->{swept} = 1;
	return;
}

# Which lots are left out where not all that expired together are taken is not
# laid down: then $call->{choose} tells which of them were.
sub apply_sweep
{
	my ($self, $call) = @_;

	return 'TL400' if !defined $call->{most} || $call->{most} < 1;
	my @due = $self->due;
	if (@due > $call->{most})
	{
		my $edge = $due[ $call->{most} - 1 ]{expires};
		if ($due[ $call->{most} ]{expires} == $edge)
		{
			my @sure = grep { $_->{expires} < $edge } @due;
			my @tied = grep { $_->{expires} == $edge } @due;
			@due = (@sure, $call->{choose}->(@tied));
		}
		else
		{
			$#due = $call->{most} - 1;
		}
		return 'count ' . @due . ' chosen' if @due != $call->{most};
	}
	$self->expire($_) for @due;
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

# How the lots and redemptions of this chapter stand, one per line
sub state
{
	my ($self, $first_redemption) = @_;
	my @lines;
	my $entries = 0;

	for my $lot ($self->lots)
	{
		push @lines, join ' ', 'lot', $lot->{id}, $lot->{party},
		  (map { text($_) } $lot->{initial}, $self->current($lot), $lot->{booked}),
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
		  text($redemption->{quantity}), text($redemption->{refunded});
		push @lines, map {
			join ' ', 'taken', $_->{lot}{id}, text($_->{quantity}),
			  text($_->{refunded})
		} @{ $redemption->{taken} };
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
