# Damages inputs. What comes out depends on srand() and on the inputs alone.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Mutator;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(damage);

# Pieces that parsers stumble over
my @pieces = (
	'', ' ', "\t\n", "\0", '0', '-', '+', '.', ',', ':', '"', "'", '\\', '/',
	'%s%n', '{', '}', '[', ']', '(', ')', '""', '{}', '[]', 'null', 'true',
	'NaN', 'Infinity', '-0', '1e999999', '1e-999999', '0x1F', '1_000',
	'9223372036854.775807', '-9223372036854.775808', '9223372036854.775808',
	'9223372036854775807', '-9223372036854775808', '2147483648', '0.0000001',
	'=', '====', "\xff", "\xc3", "\xc3\xa4", "\xe2\x80", "\xf4\x90\x80\x80",
	"\xed\xa0\x80", "\xc0\x80", "\xef\xbb\xbf", '\u0000', '\ud800', '\u00e4',
	"\x7f", "\x1b", "\xe2\x80\xae", 'infinity', 'default', 'id', '$$', '--',
	"\0\0\0\1", "\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\x80\0\0\0");

# Pieces of great length
my @great = (
	sub { '9' x (1 + int rand 400) },
	sub { '0' x (1 + int rand 400) . '1' },
	sub { '.' . '1' x (1 + int rand 400) },
	sub { '[' x (1 + int rand 10000) },
	sub { '{"a":' x (1 + int rand 5000) },
	sub { '(' x (1 + int rand 1000) . ')' x (1 + int rand 1000) },
	sub { 'a' x (8100 + int rand 200) },
	sub { "\xc3\xa4" x (4000 + int rand 200) },
	sub { join '', map { chr rand 256 } 0 .. rand 60 });

sub place { return int rand(1 + length $_[0]); }

my @operations = (
	# put in, replace, take away
	sub { substr($_[0], place($_[0]), 0) = $pieces[ rand @pieces ]; },
	sub { substr($_[0], place($_[0]), 0) = $great[ rand @great ]->(); },
	sub { substr($_[0], place($_[0]), 0) = chr rand 256; },
	sub { substr($_[0], int rand length $_[0], 1) = chr rand 256 if length $_[0]; },
	sub { substr($_[0], int rand length $_[0], 1) = $pieces[ rand @pieces ] if length $_[0]; },
	sub {
		return unless length $_[0];
		my $at = int rand length $_[0];
		substr($_[0], $at, 1) = chr(ord(substr $_[0], $at, 1) ^ 1 << int rand 8);
	},
	sub { substr($_[0], place($_[0]), 1 + rand 8) = '' if length $_[0] > 20 || rand() < 0.5; },
	sub { $_[0] = substr $_[0], 0, place($_[0]); },
	sub { $_[0] = substr $_[0], place($_[0]); },
	# twice, exchanged
	sub {
		my $from = place($_[0]);
		my $part = substr $_[0], $from, 1 + rand 40;
		substr($_[0], place($_[0]), 0) = $part x (1 + rand 3);
	},
	sub {
		my $at = place($_[0]);
		$_[0] = substr($_[0], $at) . substr($_[0], 0, $at);
	},
	sub { $_[0] =~ s/(\d+)/$pieces[ rand @pieces ]/e; },
	sub { $_[0] =~ s/("[^"]*")(\s*:)/$1$2$1$2/; });

# An input, damaged in one place or several; now and then as it is
sub damage
{
	my ($input) = @_;

	return $input if rand() < 0.05;
	$operations[ rand @operations ]->($input)
	  for 1 .. (rand() < 0.4 ? 1 : 2 + int rand 3);
	return $input;
}

1;
