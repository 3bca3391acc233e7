# A slow model of training passes (contract, section 9), written apart from the
# extension: lists and loops, times as whole microseconds since 1970, and a
# calendar of its own. It predicts the answer of every call, every run, and
# whether a person is covered at an instant.
#
#   my $model = TrainLedger::PassModel->new;
#   $model->{clock} = ...;
#   my $answer = $model->apply({ op => 'renew', pass => 3, ... });
#
# An answer is an SQLSTATE, "pass N" or "use N". Passes and uses are known by
# their number here; ids are filled in.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::PassModel;

use strict;
use warnings;

our $DAY = 86_400_000_000;

# Calendar --------------------------------------------------------------

sub is_leap { return $_[0] % 4 == 0 && ($_[0] % 100 != 0 || $_[0] % 400 == 0); }

sub days_in_month
{
	my ($year, $month) = @_;
	return 28 + (is_leap($year) ? 1 : 0) if $month == 2;
	return $month == 4 || $month == 6 || $month == 9 || $month == 11 ? 30 : 31;
}

# Days before a year, counted from the year 1
sub days_before
{
	my $past = $_[0] - 1;
	return 365 * $past + int($past / 4) - int($past / 100) + int($past / 400);
}

my $EPOCH = days_before(1970);

# Midnight of a day
sub instant
{
	my ($year, $month, $day) = @_;
	my $days = days_before($year) - $EPOCH + $day - 1;
	$days += days_in_month($year, $_) for 1 .. $month - 1;
	return $days * $DAY;
}

# Year, month, day, and microseconds of that day
sub parts
{
	my ($at) = @_;
	my $rest = $at % $DAY;
	my $days = ($at - $rest) / $DAY + $EPOCH;
	my $year = 1 + int($days / 366);
	$year++ while days_before($year + 1) <= $days;
	my $day = $days - days_before($year);
	my $month = 1;
	while ($day >= days_in_month($year, $month))
	{
		$day -= days_in_month($year, $month++);
	}
	return ($year, $month, $day + 1, $rest);
}

# As PostgreSQL reads it
sub text
{
	my ($year, $month, $day, $rest) = parts($_[0]);
	my $seconds = int($rest / 1_000_000);
	return sprintf '%04d-%02d-%02d %02d:%02d:%02d.%06dZ', $year, $month, $day,
	  $seconds / 3600, $seconds / 60 % 60, $seconds % 60, $rest % 1_000_000;
}

my $TOO_LATE = instant(10000, 1, 1);

# The end of a run, later by a period
sub later
{
	my ($from, $end, $unit, $value) = @_;
	return $end + $value * $DAY if $unit eq 'days';
	return $end + 7 * $value * $DAY if $unit eq 'weeks';
	my ($year, $month, $day, $rest) = parts($end);
	my $first = (parts($from))[2];
	my $least = sub { return $_[0] < $_[1] ? $_[0] : $_[1]; };
	$day = $first if $day == $least->($first, days_in_month($year, $month));
	$month += $unit eq 'years' ? 12 * $value : $value;
	$year += int(($month - 1) / 12);
	$month = ($month - 1) % 12 + 1;
	return instant($year, $month, $least->($day, days_in_month($year, $month))) + $rest;
}

# ------------------------------------------------------------------------

sub new
{
	return bless {
		clock => 0,
		types => {},
		options => {},
		parties => {},
		passes => [],
		uses => [],
		first => 0,
		requests => {}
	}, shift;
}

# Forgets what no call will concern any more
sub close_chapter
{
	my ($self) = @_;
	$self->{first} = @{ $self->{passes} };
	$self->{first_use} = @{ $self->{uses} };
	$self->{requests} = {};
	return;
}

sub passes
{
	my ($self) = @_;
	return @{ $self->{passes} }[ $self->{first} .. $#{ $self->{passes} } ];
}

sub from { return $_[0]{runs}[0][0]; }
sub until { return $_[0]{runs}[-1][1]; }

# The end of the run that an instant is in, or nothing
sub covered_until
{
	my ($pass, $at) = @_;
	my ($run) = grep { $_->[0] <= $at && $at < $_->[1] } @{ $pass->{runs} };
	return $run ? $run->[1] : undef;
}

sub status
{
	my ($self, $pass) = @_;
	return 'cancelled' if $pass->{cancelled};
	return 'expired' if $self->{clock} >= &until($pass);
	return defined covered_until($pass, $self->{clock}) ? 'active' : 'upcoming';
}

# The pass of a person that covers an item at an instant
sub covering
{
	my ($self, $party, $item, $at) = @_;
	my @found;

	for my $pass ($self->passes)
	{
		next if $pass->{party} != $party || $pass->{cancelled};
		next unless grep { $_ == $item } @{ $self->{types}{ $pass->{type} } };
		my $end = covered_until($pass, $at);
		push @found, [ $end, $pass ] if defined $end;
	}
	@found = sort { $a->[0] <=> $b->[0] || $a->[1]{number} <=> $b->[1]{number} } @found;
	return @found ? $found[0][1] : undef;
}

# TL400 of a period, where there is one
sub bad_period
{
	my ($from, $until) = @_;
	return 1 if defined $from && $from > $TOO_LATE;
	return 1 if defined $until && $until > $TOO_LATE;
	return defined $from && defined $until && $until <= $from;
}

sub make_pass
{
	my ($self, $party, $type, $option, $from, $until) = @_;
	my $pass = {
		number => scalar @{ $self->{passes} },
		party => $party,
		type => $type,
		option => $option,
		runs => [ [ $from, $until ] ]
	};
	push @{ $self->{passes} }, $pass;
	return $pass;
}

# What a key was used for: nothing, the answer to the same request, or TL422
sub replay
{
	my ($self, $party, $call, @request) = @_;
	return undef unless defined $call->{key};
	my $request = join ' ', $call->{op}, map { defined $_ ? $_ : 'null' } @request;
	my $known = $self->{requests}{"$party $call->{key}"};
	$self->{asked} = [ "$party $call->{key}", $request ];
	return undef unless $known;
	return $known->[0] eq $request ? $known->[1] : 'TL422';
}

sub apply
{
	my ($self, $call) = @_;
	my $op = "apply_$call->{op}";
	$self->{asked} = undef;
	my $answer = $self->$op($call);
	$self->{requests}{ $self->{asked}[0] } ||= [ $self->{asked}[1], $answer ]
	  if $self->{asked} && $answer !~ /\ATL/;
	return $answer;
}

sub apply_issue
{
	my ($self, $call) = @_;
	my ($type, $option, $party) = @$call{qw(type option party)};
	my ($from, $until) = @$call{qw(from until)};

	return 'TL400' if bad_period($from, $until);
	return 'TL404' unless $self->{types}{$type};
	my $bought = $self->{options}{$option};
	return 'TL404' unless $bought && $bought->{type} == $type;
	my $holder = $self->{parties}{$party} or return 'TL404';
	my $known = $self->replay($party, $call, $type, $option, $from, $until);
	return $known if $known;
	return 'TL400' if $holder->{is_organisation};
	$from = $self->{clock} unless defined $from;
	$until = later($from, $from, @$bought{qw(unit value)}) unless defined $until;
	return 'TL400' if bad_period($from, $until);
	return 'TL409' if $bought->{archived} || $holder->{suspended};
	return 'pass ' . $self->make_pass($party, $type, $option, $from, $until)->{number};
}

sub apply_renew
{
	my ($self, $call) = @_;
	my ($number, $option, $until) = @$call{qw(pass option until)};

	return 'TL400' if bad_period(undef, $until);
	return 'TL404' unless defined $number;
	my $pass = $self->{passes}[$number];
	my $wanted = defined $option ? $self->{options}{$option} : $pass;
	return 'TL404' unless $wanted && $wanted->{type} == $pass->{type};
	my $known = $self->replay($pass->{party}, $call, $number, $option, $until);
	return $known if $known;
	$option = $pass->{option} unless defined $option;
	my $bought = $self->{options}{$option};
	my $is_over = &until($pass) <= $self->{clock};
	my ($from, $end) =
	  $is_over ? ($self->{clock}, $self->{clock}) : @{ $pass->{runs}[-1] };
	$until = later($from, $end, @$bought{qw(unit value)}) unless defined $until;
	return 'TL400' if $until <= $end || $until > $TOO_LATE;
	return 'TL409'
	  if $pass->{cancelled}
	  || $bought->{archived}
	  || $self->{parties}{ $pass->{party} }{suspended};
	$pass->{option} = $option;
	if ($is_over) { push @{ $pass->{runs} }, [ $from, $until ]; }
	else { $pass->{runs}[-1][1] = $until; }
	return "pass $number";
}

sub apply_revoke
{
	my ($self, $call) = @_;
	return 'TL404' unless defined $call->{pass};
	my $pass = $self->{passes}[ $call->{pass} ];
	return 'TL409' if $pass->{cancelled};
	$pass->{cancelled} = 1;
	return "pass $call->{pass}";
}

sub apply_reassign
{
	my ($self, $call) = @_;
	my ($number, $party) = @$call{qw(pass party)};

	return 'TL404' unless defined $number;
	my $pass = $self->{passes}[$number];
	my $holder = $self->{parties}{$party} or return 'TL404';
	my $known = $self->replay($pass->{party}, $call, $number, $party);
	return $known if $known;
	return 'TL400' if $holder->{is_organisation};
	return 'TL409' if $pass->{cancelled} || $pass->{party} == $party;
	return 'TL410' if &until($pass) <= $self->{clock};
	return 'TL409' if $holder->{suspended};
	$pass->{cancelled} = 1;
	my ($from, $until) = @{ $pass->{runs}[-1] };
	$from = $self->{clock} if $from < $self->{clock};
	return 'pass '
	  . $self->make_pass($party, $pass->{type}, $pass->{option}, $from, $until)->{number};
}

sub apply_correct
{
	my ($self, $call) = @_;
	my ($number, $from, $until) = @$call{qw(pass from until)};

	return '42501' if $call->{role} ne 'admin';
	return 'TL400' if $call->{reason} eq '';
	return 'TL400' unless defined $from || defined $until;
	return 'TL400' if bad_period($from, $until);
	return 'TL404' unless defined $number;
	my $pass = $self->{passes}[$number];
	my @runs = @{ $pass->{runs} };
	$from = $runs[-1][0] unless defined $from;
	$until = $runs[-1][1] unless defined $until;
	return 'TL400' if $until <= $from;
	return 'TL400' if @runs > 1 && $from < $runs[-2][1];
	return 'TL409' if $pass->{cancelled};
	$pass->{runs}[-1] = [ $from, $until ];
	return "pass $number";
}

sub apply_use
{
	my ($self, $call) = @_;
	my ($party, $item, $reference) = @$call{qw(party item reference)};

	return 'TL400' if $reference eq '';
	return 'TL404' unless $self->{parties}{$party};
	my $known = $self->replay($party, $call, $item, $reference);
	return $known if $known;
	my $pass = $self->covering($party, $item, $self->{clock}) or return 'TL404';
	push @{ $self->{uses} }, { pass => $pass, reference => $reference };
	return "use $#{ $self->{uses} }";
}

sub apply_cancel
{
	my ($self, $call) = @_;
	return 'TL404' unless defined $call->{use};
	my $use = $self->{uses}[ $call->{use} ];
	return 'TL409' if defined $use->{cancelled};
	$use->{cancelled} = $call->{reason};
	return "use $call->{use}";
}

sub apply_suspend
{
	my ($self, $call) = @_;
	$self->{parties}{ $call->{party} }{suspended} = $call->{value};
	return "party $call->{party}";
}

sub apply_option
{
	my ($self, $call) = @_;
	$self->{options}{ $call->{option} }{archived} = $call->{archived};
	return "option $call->{option}";
}

# A pass as the server prints it
sub row
{
	my ($self, $pass) = @_;
	return join ' ', $pass->{id}, $pass->{party}, $pass->{option}, from($pass),
	  &until($pass), $self->status($pass);
}

# How the passes of this chapter are, one line each, and how much they are used
sub state
{
	my ($self) = @_;
	my @lines;

	for my $pass ($self->passes)
	{
		my $uses = grep { $_->{pass} == $pass && !defined $_->{cancelled} }
		  @{ $self->{uses} }[ ($self->{first_use} || 0) .. $#{ $self->{uses} } ];
		push @lines, join ' ', $self->row($pass), "uses $uses",
		  map { "$_->[0]-$_->[1]" } @{ $pass->{runs} };
	}
	return join "\n", @lines;
}

1;
