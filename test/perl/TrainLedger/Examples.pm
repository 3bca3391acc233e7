# The examples of a document, pasted into a shell with the lines that `make serve`
# prints: a block ```sh that has one of these words is run. The block of JSON or
# XML that follows is the answer, and the number beside its kind the status.
# {{name}} matches any value the first time, and only that value from then on.
#
#   TrainLedger::Examples::run($text, qr/\$BOOKS/, $lines);
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Examples;

use strict;
use warnings;

use IPC::Run;
use JSON::PP;
use Test::More;

my $json = JSON::PP->new->utf8->canonical->allow_nonref->allow_bignum;

# Those of a text, in order
sub found
{
	my ($text, $word) = @_;
	my @examples;

	while ($text =~ /^```sh\n(.*?)^```\n(?:\n```(json|xml) (\d+)\n(.*?)^```\n)?/msg)
	{
		my %example = (commands => $1, kind => $2, status => $3, answer => $4);
		push @examples, \%example if $example{commands} =~ $word;
	}
	return @examples;
}

# An answer without the blanks that do not count
sub compact
{
	my ($kind, $text) = @_;

	return $kind eq 'json' ? $json->encode($json->decode($text)) : $text =~ s/>\s+</></gr =~ s/^\s+|\s+$//gr;
}

# Runs them in one shell; returns how many there were.
sub run
{
	my ($text, $word, $lines) = @_;
	my ($title) = $text =~ /^# (.*)/m;
	my @examples = found($text, $word);
	my ($out, $err, %values);

	IPC::Run::run([ 'bash', '-eu' ],
		\join('', "$lines\n", qq(curl() { command curl --silent --write-out '\\n%{http_code}\\n' "\$@"; }\n),
			map { "$_->{commands}\necho ---\n" } @examples),
		\$out, \$err);
	is($err, '', "$title: every call is made");
	my @answers = split /^---\n/m, $out;
	is(scalar @answers, scalar @examples, "$title: and answered");
	for my $i (0 .. $#examples)
	{
		my ($example, $answer) = ($examples[$i], $answers[$i]);
		my ($name) = $example->{commands} =~ /((?:$word)\S*)/;

		unless (defined $example->{status})
		{
			unlike($answer, qr/^[45]\d\d$/m, "$title: $name");
			next;
		}
		my ($body, $status) = $answer =~ /\A(.*)\n(\d+)\s*\z/s;
		my $expected = quotemeta compact($example->{kind}, $example->{answer});
		my %new;
		$expected =~ s/\\\{\\\{(\w+)\\\}\\\}/exists $values{$1} ? quotemeta $values{$1} : $new{$1}++ ? "\\g{$1}" : "(?<$1>[^\"<]*)"/ge;
		is($status, $example->{status}, "$title: $name: $example->{status}");
		my $compact = compact($example->{kind}, $body);
		ok($compact =~ /\A$expected\z/, "$title: $name: as printed")
		  or diag "$compact\ndoes not match $expected";
		%values = (%values, %+);
	}
	return scalar @examples;
}

1;
