# What `make serve` prints for GraphQL: the examples of doc/graphql.md, pasted into
# a shell over the sample data; and the documents of the training management
# system, as printed and in their order, over the database that is made for them.
# Then the tables of doc/graphql.md: the mutations and the inputs that there are.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Examples;
use TrainLedger::Faces;
use TrainLedger::GraphQL;

TrainLedger::GraphQL::needed();

my $root = abs_path(dirname(__FILE__) . '/../..');
my $node = start_books('graphql_examples');
my $face = TrainLedger::GraphQL->start($node);
$face->run_script("$root/test/api/sample.sql");

$node->safe_psql('postgres', 'CREATE DATABASE seeds');
$face->run_script($_, 'seeds') for "$root/test/api/seeds.sql", $face->schema_script;
my $seeds = TrainLedger::GraphQL->start_server($node, TRAINLEDGER_DATABASE => sprintf('postgres:///seeds?host=%s&port=%s&user=authenticator', $node->host, $node->port));

my $lines = TrainLedger::Faces::lines_for($TrainLedger::GraphQL::secret, NGINX_PORT => 8080, GRAPHQL_PORT => $face->{port}, SEEDS_PORT => $seeds->{port});
my %line = $lines =~ /^(\w+)=(.*)$/mg;

is($line{SEEDS}, "$seeds->{url}/graphql", 'there is an address for the documents');
is(run_documents("$root/test/api/000.md"), 4, 'documents on training tokens');
is(run_documents("$root/test/api/001.md"), 11, 'documents on training passes');
is($node->safe_psql('seeds', 'SELECT * FROM trainledger.reconcile()'), '', 'the books are right after them');

cmp_ok(TrainLedger::Examples::run(slurp_file("$root/doc/graphql.md"), qr/\$GRAPHQL|\$SEEDS|\bask \$/, $lines), '>', 8, 'examples of doc/graphql.md');
books_are_right($node, 'after them');
compare_tables(slurp_file("$root/doc/graphql.md"));

$_->stop for $face, $seeds;
$node->stop;
done_testing();

# Sends what the original prints, up to our own additions; answers are as printed,
# ids of what is made and times of bookings apart. Returns how many there were.
sub run_documents
{
	my ($file) = @_;
	my ($original) = split /^# Refusals$/m, slurp_file($file);
	my $heading = '';
	my $count = 0;
	my $answer;

	foreach my $block (TrainLedger::GraphQL::blocks($original))
	{
		my ($line, $title, $language, $words, $text) = @$block;

		if ($language eq 'graphql')
		{
			my $status;
			($status, $answer) = $seeds->ask($line{ADMIN}, $text);
			is($status, 200, "line $line: $title");
			$count++;
		}
		next unless $language eq 'json';
		my $printed = TrainLedger::GraphQL::compact($text);
		$answer = TrainLedger::GraphQL::with_printed_ids($answer, $printed) if $words eq 'made';
		s/"occurredAt":"2023-04-04T08:\K[^"]*/a moment/g for $answer, $printed;
		is($answer, $printed, "line $line: the answer");
	}
	return $count;
}

# A type as it is written
sub type_text
{
	my ($type) = @_;

	return $type->{name} // ($type->{kind} eq 'LIST' ? '[' . type_text($type->{ofType}) . ']' : type_text($type->{ofType}) . '!');
}

# The document has a row for each mutation and for each input.
sub compare_tables
{
	my ($text) = @_;
	my $type = 'type { name kind ofType { name kind ofType { name kind ofType { name } } } }';
	my ($data) = $face->read_answer('operator', "{ __schema { mutationType { fields { name type { fields { name args { name $type }"
		  . " type { fields { name } } } } } } types { name kind inputFields { name $type } } } }");
	my (@mutations, @inputs);

	foreach my $namespace (@{ $data->{__schema}{mutationType}{fields} })
	{
		foreach my $method (@{ $namespace->{type}{fields} })
		{
			my $input = type_text($method->{args}[0]{type}) =~ s/!$//r;
			my $objects = join ', ', map { "`$_->{name}`" } grep { $_->{name} ne 'errors' } @{ $method->{type}{fields} };
			push @mutations, "| `$namespace->{name} { $method->{name} }` | `$input` | $objects |\n";
		}
	}
	foreach my $input (grep { $_->{kind} eq 'INPUT_OBJECT' && $_->{name} =~ /Input$/ } @{ $data->{__schema}{types} })
	{
		my $fields = join ', ', map { "`$_->{name}: " . type_text($_->{type}) . '`' } @{ $input->{inputFields} };
		push @inputs, "| `$input->{name}` | $fields |\n";
	}
	my ($mutations) = $text =~ /^\| mutation \|.*\n\|.*\n((?:\|.*\n)*)/m;
	my ($inputs) = $text =~ /^\| input \| fields \|\n\|.*\n((?:\|.*\n)*)/m;
	is(join('', sort split /^/, $mutations), join('', sort @mutations), 'the table of mutations');
	is($inputs, join('', sort @inputs), 'the table of inputs');
	return;
}
