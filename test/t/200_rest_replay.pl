# Replays the requests of the seeds, and those of the documentation, over HTTP
# against real servers: nginx and PostgREST in front of a private database for
# each file.
#
# A file is Markdown with three kinds of blocks: ```sql is run by a superuser
# (`current` in it is replaced by the database), ```http with a method is a
# request, the ```http block after it the answer: status, media type and body.
# <operator> stands for a token of that level, <learner 7> for one of party 7.
# {{name}} in an answer matches any value the first time, and only that value
# from then on.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my @files = grep { slurp_file($_) =~ /^```http$/m }
  sort glob dirname(__FILE__) . '/../../{test/api,doc}/*.md';
my $node = start_books('replay');
my $started = time;

TrainLedger::Faces::make_roles($node);
replay($_) for @files;
cmp_ok(time - $started, '<', 300, 'the replay takes less than five minutes');
$node->stop;
done_testing();

# The blocks of a file: [ line, kind, text ]
sub blocks
{
	my ($text) = @_;
	my @blocks;

	while ($text =~ /^```(sql|http)\n(.*?)^```$/msg)
	{
		my ($kind, $block) = ($1, $2);
		my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
		push @blocks, [ $line, $kind, $block ];
	}
	return @blocks;
}

sub replay
{
	my ($file) = @_;
	(my $name = "replay_" . basename($file)) =~ s/\W/_/g;
	my (%values, $answer);

	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE books");
	my $faces = TrainLedger::Faces->start($node, $name);
	foreach my $block (blocks(slurp_file($file)))
	{
		my ($line, $kind, $text) = @$block;
		if ($kind eq 'sql')
		{
			set_up($faces, $name, $text);
		}
		elsif ($text =~ /^[A-Z]+ \//)
		{
			$answer = ask($faces, fill_in($text, \%values));
		}
		else
		{
			compare($answer, $text, \%values, basename($file) . ":$line");
		}
	}
	is( $node->safe_psql($name, 'SELECT * FROM trainledger.reconcile()'),
		'', basename($file) . ': the books are right');
	$faces->stop;
	return;
}

# A new setting of the database is seen by new connections.
sub set_up
{
	my ($faces, $database, $sql) = @_;
	$sql =~ s/^CREATE EXTENSION .*//m;	# it is there, from the template
	my $is_setting = $sql =~ s/DATABASE current/DATABASE $database/g;

	$node->safe_psql($database, $sql);
	$faces->reconnect($node) if $is_setting;
	return;
}

sub fill_in
{
	my ($text, $values) = @_;

	$text =~ s/\{\{(\w+)\}\}/$values->{$1} \/\/ die "no value for $1"/ge;
	return $text;
}

sub ask
{
	my ($faces, $text) = @_;
	my ($head, $body) = split /\n\n/, $text, 2;
	my ($request, @headers) = split /\n/, $head;
	my ($method, $path) = split / /, $request, 2;
	my %headers = map { split /: /, $_, 2 } @headers;

	chomp $body if defined $body;
	$headers{Authorization} =~ s/<(\w+)\ ?(\d*)>/
		$faces->token($1, length $2 ? (party_id => 0 + $2) : ())/ex
	  if $headers{Authorization};
	return $faces->request(undef, $method, $path, $body, %headers);
}

# A document without the blanks that do not count
sub compact
{
	my ($type, $text) = @_;

	if ($type =~ /json$/)
	{
		$text =~ s/("(?:[^"\\]|\\.)*")|\s+/$1 \/\/ ''/ge;
	}
	else
	{
		$text =~ s/>\s+</></g;
		$text =~ s/\A\s+|\s+\z//g;
	}
	return $text;
}

sub compare
{
	my ($answer, $expected, $values, $where) = @_;
	my ($head, $body) = split /\n\n/, $expected, 2;
	my ($status, $type) = $head =~ /^(\d+) (\S+)/;
	my $found = compact($answer->{type}, $answer->{body});
	my $wanted = quotemeta compact($type, $body // '');

	$wanted =~ s/\\\{\\\{(\w+)\\\}\\\}/
		exists $values->{$1} ? quotemeta $values->{$1} : "(?<$1>[\\w-]+)"/gex;
	if ("$answer->{status} $answer->{type}" eq "$status $type"
		&& $found =~ /\A$wanted\z/)
	{
		$values->{$_} = $+{$_} for keys %+;
		pass("$where: $status as printed");
	}
	else
	{
		is( "$answer->{status} $answer->{type}\n$found",
			"$status $type\n" . compact($type, $body // ''),
			"$where: as printed");
	}
	return;
}
