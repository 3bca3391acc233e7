# Runs the examples of README.md and doc/*.md: every block of SQL, in one
# session and a new database per file.  What a block prints is compared with
# the plain block that follows it at once; where none follows, it has to run
# without an error.

use strict;
use warnings;

use File::Basename qw(dirname basename);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my @files = ("$root/README.md", sort glob "$root/doc/*.md");

# The examples of a text: line, SQL, and what it prints or undef.
sub examples
{
	my ($text) = @_;
	my @examples;

	while ($text =~ /^```sql\n(.*?)^```\n(?:^```\n(.*?)^```\n)?/msg)
	{
		my ($sql, $expected) = ($1, $2);
		my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
		push @examples, [ $line, $sql, $expected ];
	}
	return @examples;
}

# What psql prints for each example, results and errors in their order.
sub run_examples
{
	my ($node, $database, @examples) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir . "/$database.sql";
	my $output;

	append_to_file($script, "SET TimeZone = 'UTC';\n"
		  . join("\\echo ---\n", map { $_->[1] } @examples));
	IPC::Run::run(
		[ 'psql', '-X', '-q', '-d', $node->connstr($database), '-f', $script ],
		'>&', \$output);
	$output =~ s/^psql:[^ ]*: //mg;
	return split /^---\n/m, $output, -1;
}

my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init;
$node->start;

foreach my $file (@files)
{
	my $name = basename($file);
	my @examples = examples(slurp_file($file));
	(my $database = lc "doc_$name") =~ s/\W/_/g;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my @outputs = run_examples($node, $database, @examples);
	is(scalar @outputs, scalar @examples, "$name runs to its end");
	foreach my $i (0 .. $#examples)
	{
		my ($line, undef, $expected) = @{ $examples[$i] };
		if (defined $expected)
		{
			is($outputs[$i], $expected, "$name, example at line $line");
		}
		else
		{
			unlike($outputs[$i], qr/^ERROR/m,
				"$name, example at line $line runs");
		}
	}
}

$node->stop;
done_testing();
