# A slow model of credit accounts and holds on them (contract, sections 6, 7 and
# 16), written apart from the extension: lists and loops, amounts as whole
# millionths, times as whole microseconds since 1970. It predicts the answer of
# every call, and the accounts, holds and entries after it.
#
# An answer is an SQLSTATE, or what the call returns in short: "entry N BALANCE",
# the lines of a batch, "hold N", "count N".
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::CreditModel;

use strict;
use warnings;

use Math::BigInt;

use TrainLedger::TokenModel;

my $DAY = 86_400_000_000;
my $MAX = Math::BigInt->new('9223372036854775807');
my $MIN = Math::BigInt->new('-9223372036854775808');

sub text { return TrainLedger::TokenModel::text(@_); }

sub sum
{
	my $sum = Math::BigInt->new(0);
	$sum->badd($_) for @_;
	return $sum;
}

sub new
{
	return bless {
		clock => 0,
		types => {},
		parties => {},
		accounts => [],
		first => 0,
		holds => [],
		first_hold => 0,
		older_holds => [],
		requests => {}
	}, shift;
}

# Forgets what only lapse_holds will concern any more.
sub close_chapter
{
	my ($self) = @_;

	$self->{older_holds} = [ grep { $_->{open} }
		  @{ $self->{older_holds} }, $self->holds ];
	$self->{first_hold} = @{ $self->{holds} };
	$self->{first} = @{ $self->{accounts} };
	$self->{requests} = {};
	return;
}

sub accounts
{
	my ($self) = @_;
	my @accounts = @{ $self->{accounts} }[ $self->{first} .. $#{ $self->{accounts} } ];

	return @accounts;
}

# The account of a number; below 0 there is none
sub account
{
	my ($self, $number) = @_;
	return $number < 0 ? undef : $self->{accounts}[$number];
}

sub holds
{
	my ($self) = @_;
	my @holds = @{ $self->{holds} }[ $self->{first_hold} .. $#{ $self->{holds} } ];

	return @holds;
}

# Amounts ---------------------------------------------------------------

# A decimal text of at most six decimals, rounded to a scale, as millionths;
# undef where no amount can hold it
sub rounded
{
	my ($text, $scale, $how) = @_;
	my ($value, $decimals, $fits) = TrainLedger::TokenModel::parse($text);
	my $unit = 10**(6 - $scale);

	return undef unless $fits;
	my $rest = $value % $unit;    # never negative
	my $down = Math::BigInt->new($value)->bsub($rest);
	my $up = $down->copy->badd($rest ? $unit : 0);
	my $is_even = !($down->copy->bdiv($unit)->is_odd);
	my $result =
	    $how eq 'floor' ? $down
	  : $how eq 'ceil' ? $up
	  : 2 * $rest != $unit ? (2 * $rest < $unit ? $down : $up)
	  : $how eq 'half_even' ? ($is_even ? $down : $up)
	  : $value < 0 ? $down
	  : $up;
	return undef if $result > $MAX || $result < $MIN;
	return 0 + "$result";
}

# What an amount shows by itself
sub refuses_amount
{
	my ($text, $is_signed, $may_be_zero) = @_;

	return 'TL400' unless defined $text;
	my ($value, $decimals, $fits) = TrainLedger::TokenModel::parse($text);
	return 'TL400' if !$fits || (!$value && !$may_be_zero) || ($value < 0 && !$is_signed);
	return undef;
}

# Time and holds --------------------------------------------------------

# Judged at the later of now and the last entry: the clock of a session may be
# behind that of another.
sub now
{
	my ($self, $account) = @_;
	my $last = $account->{entries}[-1]{created};
	return $last > $self->{clock} ? $last : $self->{clock};
}

sub left_of
{
	my ($hold) = @_;
	return $hold->{quantity} - $hold->{captured} - $hold->{released};
}

sub held
{
	my ($self, $account) = @_;
	my $now = $self->now($account);
	my $held = 0;

	@{ $account->{holds} } = grep { $_->{open} } @{ $account->{holds} };
	$held += left_of($_) for grep { $_->{expires} > $now } @{ $account->{holds} };
	return $held;
}

sub available
{
	my ($self, $account) = @_;
	return sum($account->{balance}, -$self->held($account));
}

sub status
{
	my ($self, $hold) = @_;

	return 'open' if $hold->{open} && $hold->{expires} > $self->{clock};
	return 'lapsed' if left_of($hold);
	return $hold->{captured} == $hold->{quantity} ? 'captured' : 'released';
}

# Bounds ----------------------------------------------------------------

sub lower
{
	my ($type) = @_;
	return defined $type->{lower} ? $type->{lower} : $MIN;
}

# What somebody takes off must leave the lower bound besides what is held; what
# somebody adds must not lead above the upper one. Towards them all moves pass.
sub refuses_move
{
	my ($self, $account, $delta) = @_;
	my $type = $account->{type};

	return 'TL055'
	  if $delta < 0 && sum($self->available($account), $delta) < lower($type);
	return 'TL054'
	  if $delta > 0
	  && sum($account->{balance}, $delta) > (defined $type->{upper} ? $type->{upper} : $MAX);
	return undef;
}

sub book
{
	my ($self, $account, $operation, $delta, $source, $description, $created) = @_;

	$account->{balance} += $delta;
	push @{ $account->{entries} },
	  {
		operation => $operation,
		delta => $delta,
		balance => $account->{balance},
		source => $source,
		description => $description,
		created => defined $created ? $created : $self->now($account)
	  };
	return 'entry ' . @{ $account->{entries} } . ' ' . text($account->{balance});
}

# Calls -----------------------------------------------------------------

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

sub apply
{
	my ($self, $call) = @_;
	return $self->can("apply_$call->{op}")->($self, $call);
}

sub named
{
	my ($self, $party, $name, $type) = @_;
	my ($account) =
	  grep { $_->{party} == $party && $_->{name} eq $name && $_->{type} == $type }
	  $self->accounts;
	return $account;
}

sub apply_init
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal if $refusal = refuses_amount($call->{amount}, 1, 1);
	my $party = $self->{parties}{ $call->{party} } or return 'TL404';
	my $type = $self->{types}{ $call->{type} } or return 'TL404';
	my $delta = rounded($call->{amount}, $type->{scale}, 'round');
	my $account = $self->named($call->{party}, $call->{name}, $type);
	my @request = (@$call{qw(name type)}, $delta);
	# a key is the account's; the party's where there is no account yet
	my $known = $account && $account->{key} ne ($call->{key} // '') ? undef
	  : $self->replay($call, $call->{party}, @request);
	return $known if defined $known;
	return 'TL400' unless defined $delta;
	return 'TL051' if $account;
	return 'TL058' unless $type->{active};
	return 'TL409' if $party->{suspended} || $type->{archived};
	return 'TL054' if defined $type->{upper} && $delta > $type->{upper};
	return 'TL055' if $delta < lower($type);
	$account = {
		number => scalar @{ $self->{accounts} },
		party => $call->{party},
		name => $call->{name},
		type => $type,
		key => $call->{key} // '',
		balance => 0,
		entries => [],
		holds => []
	};
	push @{ $self->{accounts} }, $account;
	return $self->keep($call, $call->{party},
		$self->book($account, 'init', $delta, 'setup', '', $self->{clock}), @request);
}

# add, subtract and adjust
sub apply_post
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal
	  if $refusal = refuses_amount($call->{amount}, $call->{operation} eq 'adjust');
	my $account = $self->account($call->{account}) or return 'TL404';
	my $type = $account->{type};
	my $delta = rounded($call->{amount}, $type->{scale}, $call->{rounding});
	return 'TL400' unless $delta;
	$delta = -$delta if $call->{operation} eq 'subtract';
	return 'TL058' unless $type->{active};
	return 'TL409' if $delta > 0 && $self->{parties}{ $account->{party} }{suspended};
	return $refusal if $refusal = $self->refuses_move($account, $delta);
	return 'TL052'
	  if defined $call->{expected}
	  && $call->{expected} != $account->{balance} + $delta;
	return $self->book($account, $call->{operation}, $delta, 'post', '');
}

# Rows of [account, delta]
sub apply_batch
{
	my ($self, $call) = @_;
	my (@lines, %before);

	for my $row (@{ $call->{rows} })
	{
		my ($number, $text) = @$row;
		my $account = $self->account($number);
		my ($delta, $decimals) = TrainLedger::TokenModel::parse($text);
		my $type = $account ? $account->{type} : undef;
		my $refusal =
		    !$delta ? 'TL400'
		  : !$account ? 'TL404'
		  : $decimals > $type->{scale} ? 'TL400'
		  : !$type->{active} ? 'TL058'
		  : $delta > 0 && $self->{parties}{ $account->{party} }{suspended} ? 'TL409'
		  : $self->refuses_move($account, $delta);
		if ($refusal && !$call->{skip})
		{
			# nothing of it is kept
			for my $touched (values %before)
			{
				my ($was, $entries) = @$touched;
				$was->{balance} = $was->{entries}[ $entries - 1 ]{balance};
				$#{ $was->{entries} } = $entries - 1;
			}
			return $refusal;
		}
		if ($refusal)
		{
			push @lines, "||$refusal";
			next;
		}
		$before{$number} ||= [ $account, scalar @{ $account->{entries} } ];
		$self->book($account, $delta < 0 ? 'subtract' : 'add', $delta, 'batch', '');
		push @lines, scalar(@{ $account->{entries} }) . '|' . text($account->{balance}) . '|';
	}
	return 'rows ' . join ',', @lines;
}

sub apply_transfer
{
	my ($self, $call) = @_;
	my $refusal;

	return $refusal if $refusal = refuses_amount($call->{amount});
	return 'TL400' if $call->{from} == $call->{to};
	my ($from, $to) = map { $self->account($_) } @$call{qw(from to)};
	return 'TL404' if !$from || !$to;
	my $type = $from->{type};
	my $amount = rounded($call->{amount}, $type->{scale}, 'round');
	return 'TL400' unless $amount;
	return 'TL409' if $type != $to->{type};
	return 'TL058' unless $type->{active};
	return 'TL409' if $self->{parties}{ $to->{party} }{suspended};
	return $refusal if $refusal = $self->refuses_move($from, -$amount);
	return $refusal if $refusal = $self->refuses_move($to, $amount);
	my ($now) = sort { $b <=> $a } map { $self->now($_) } $from, $to;
	return join ', ', $self->book($from, 'transfer', -$amount, 'transfer', '', $now),
	  $self->book($to, 'transfer', $amount, 'transfer', '', $now);
}

# Holds -----------------------------------------------------------------

sub happened
{
	my ($self, $hold, $event, $quantity) = @_;

	push @{ $hold->{events} }, $event . (defined $quantity ? ' ' . text($quantity) : '');
	return;
}

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

	return $refusal if $refusal = refuses_amount($call->{amount});
	return 'TL400' if !defined $call->{source} || $call->{source} eq '';
	my $party = $self->{parties}{ $call->{party} } or return 'TL404';
	my $type = $self->{types}{ $call->{type} } or return 'TL404';
	my $quantity = rounded($call->{amount}, $type->{scale}, $call->{rounding});
	my @request =
	  ($quantity, @$call{qw(source description until name type device)});
	my $known = $self->replay($call, $call->{party}, @request);
	return $known if defined $known;
	return 'TL400' unless $quantity;
	return $refusal
	  if defined $call->{until} && ($refusal = $self->refuses_end($call->{until}));
	my $account = $self->named($call->{party}, $call->{name}, $type)
	  or return 'TL057';
	return 'TL058' unless $type->{active};
	return 'TL409' if $party->{suspended};
	return $refusal if $refusal = $self->refuses_move($account, -$quantity);
	my $hold = {
		number => scalar @{ $self->{holds} },
		account => $account,
		quantity => $quantity,
		captured => 0,
		released => 0,
		(map { $_ => $call->{$_} } qw(source description device)),
		expires => defined $call->{until} ? $call->{until} : $self->{clock} + 7 * $DAY,
		open => 1,
		events => []
	};
	push @{ $account->{holds} }, $hold;
	push @{ $self->{holds} }, $hold;
	$self->happened($hold, 'placed', $quantity);
	return $self->keep($call, $call->{party}, "hold $hold->{number}", @request);
}

sub refuses_hold
{
	my ($self, $hold) = @_;

	return 'TL409' unless left_of($hold);
	return 'TL410'
	  if !$hold->{open} || $hold->{expires} <= $self->now($hold->{account});
	return undef;
}

# What a capture and a release refuse alike, in order; a replay is a refusal too
sub refuses_change
{
	my ($self, $call, @request) = @_;
	my $refusal;

	return $refusal
	  if defined $call->{quantity} && ($refusal = refuses_amount($call->{quantity}));
	return 'TL404' unless defined $call->{hold};
	my $hold = $self->{holds}[ $call->{hold} ];
	my $known = $self->replay($call, $hold->{account}{party}, @request);
	return $known if defined $known;
	return 'TL400'
	  if defined $call->{quantity}
	  && (TrainLedger::TokenModel::parse($call->{quantity}))[1] > $hold->{account}{type}{scale};
	return $self->refuses_hold($hold);
}

sub take_off
{
	my ($self, $hold, $how, $quantity) = @_;

	$hold->{$how} += $quantity;
	$hold->{open} = 0 unless left_of($hold);
	$self->happened($hold, $how, $quantity);
	return;
}

# What a call is about: what is left of the hold, or the quantity
sub part_of
{
	my ($call, $hold) = @_;

	return left_of($hold) unless defined $call->{quantity};
	my ($quantity) = TrainLedger::TokenModel::parse($call->{quantity});
	return $quantity > left_of($hold) ? undef : $quantity;
}

# Bounds do not matter: what was held was granted.
sub apply_capture
{
	my ($self, $call) = @_;
	my @request = (
		$call->{hold}, TrainLedger::TokenModel::plain($call->{quantity}),
		@$call{qw(final notes)});
	my $refusal = $self->refuses_change($call, @request);

	return $refusal if defined $refusal;
	my $hold = $self->{holds}[ $call->{hold} ];
	my $account = $hold->{account};
	return 'TL058' unless $account->{type}{active};
	my $quantity = part_of($call, $hold);
	return 'TL409' unless defined $quantity;
	$self->take_off($hold, 'captured', $quantity);
	$self->book($account, 'capture', -$quantity, $hold->{source},
		$call->{notes} eq '' ? $hold->{description} : $call->{notes});
	$self->take_off($hold, 'released', left_of($hold))
	  if $call->{final} && left_of($hold);
	return $self->keep($call, $account->{party}, "hold $hold->{number}", @request);
}

sub apply_release
{
	my ($self, $call) = @_;
	my @request = (
		$call->{hold}, TrainLedger::TokenModel::plain($call->{quantity}),
		$call->{notes});
	my $refusal = $self->refuses_change($call, @request);

	return $refusal if defined $refusal;
	my $hold = $self->{holds}[ $call->{hold} ];
	my $quantity = part_of($call, $hold);
	return 'TL409' unless defined $quantity;
	$self->take_off($hold, 'released', $quantity);
	return $self->keep($call, $hold->{account}{party}, "hold $hold->{number}", @request);
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
	$hold->{expires} = $call->{until};
	$self->happened($hold, 'extended');
	return "hold $hold->{number}";
}

# Nothing is posted, so an inactive type does not matter.
sub apply_lapse
{
	my ($self, $call) = @_;

	return 'TL400' if !defined $call->{most} || $call->{most} < 1;
	my @due = TrainLedger::TokenModel::first_of(
		$call,
		sort { $a->{expires} <=> $b->{expires} }
		  grep { $_->{open} && $_->{expires} <= $self->{clock} }
		  @{ $self->{older_holds} }, $self->holds);
	return 'count ' . @due . ' chosen' if @due > $call->{most};
	for my $hold (@due)
	{
		$hold->{open} = 0;
		$self->happened($hold, 'lapsed', left_of($hold));
	}
	return 'count ' . @due;
}

# People and types ------------------------------------------------------

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

	for my $what (grep { exists $call->{$_} } qw(active archived lower upper))
	{
		$type->{$what} = $call->{$what};
	}
	return "type $call->{type}";
}

# How all stands --------------------------------------------------------

sub state
{
	my ($self) = @_;
	my @lines;

	for my $account ($self->accounts)
	{
		my $last = $account->{entries}[-1];
		push @lines, join ' ', 'account', $account->{id}, $account->{party},
		  $account->{name},
		  (map { text($_) } $account->{balance}, $self->held($account), $self->available($account)),
		  scalar @{ $account->{entries} }, $last->{operation}, text($last->{delta}),
		  $last->{created};
	}
	for my $hold ($self->holds)
	{
		push @lines, join ' ', 'hold', $hold->{id}, $hold->{account}{id},
		  (map { text($hold->{$_}) } qw(quantity captured released)),
		  $hold->{expires}, $self->status($hold), join ', ', @{ $hold->{events} };
	}
	push @lines, 'wrong 0';
	return join "\n", @lines;
}

# Every entry of the accounts from a number on, one per line
sub entries
{
	my ($self, $first) = @_;
	my @lines;

	for my $account (@{ $self->{accounts} }[ $first .. $#{ $self->{accounts} } ])
	{
		my $number = 0;
		push @lines, map {
			join '|', $account->{id}, ++$number, $_->{operation}, text($_->{delta}),
			  text($_->{balance}), @$_{qw(source description created)}
		} @{ $account->{entries} };
	}
	return @lines;
}

1;
