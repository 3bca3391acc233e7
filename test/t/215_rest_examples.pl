# The calls of README.md and doc/*.md with curl, pasted into a shell with the lines
# that `make serve` prints, over its sample data. A block with "$BOOKS" in it is
# run; the block of JSON or XML that follows is the answer, and the number beside
# its kind the status. {{name}} matches any value the first time, and only that
# value from then on.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $root = abs_path(dirname(__FILE__) . '/../..');
my @files = grep { /^```sh\n[^`]*\$BOOKS/m } map { slurp_file($_) } "$root/README.md", sort glob "$root/doc/*.md";
my $node = start_books('examples');
$node->command_ok([ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('books'), '-f', "$root/test/api/sample.sql" ],
	'the sample data');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');
my $lines = $faces->lines;
my $json = JSON::PP->new->utf8->canonical->allow_nonref->allow_bignum;

# An answer without the blanks that do not count
sub compact
{
	my ($kind, $text) = @_;

	return $kind eq 'json' ? $json->encode($json->decode($text)) : $text =~ s/>\s+</></gr =~ s/^\s+|\s+$//gr;
}

cmp_ok(scalar @files, '>=', 5, scalar @files . ' documents have calls');
for my $text (@files)
{
	my ($title) = $text =~ /^# (.*)/m;
	my (@examples, %values);

	while ($text =~ /^```sh\n(.*?)^```\n(?:\n```(json|xml) (\d+)\n(.*?)^```\n)?/msg)
	{
		push @examples, { commands => $1, kind => $2, status => $3, answer => $4 } if index($1, '$BOOKS') >= 0;
	}
	my ($out, $err);
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
		my ($name) = $example->{commands} =~ /(\$BOOKS\S*)/;

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
}
books_are_right($node, 'after all of them');
done_testing();
