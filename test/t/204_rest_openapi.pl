# PostgREST's OpenAPI document lists every endpoint that the caller may use, with
# the comments in the system catalogs; every column and argument is documented.
# It says that a token is needed. It lists methods that are refused, as
# doc/rest.md says.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $node = start_books('openapi');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');

# A comment as PostgREST shows it: the first line, and the rest
sub comment
{
	my ($object, $catalogue) = @_;
	my $text = $node->safe_psql('books',
		"SELECT obj_description('$object'::$catalogue)");

	return split /\n+/, $text, 2;
}

sub paths
{
	my ($role) = @_;

	return sort('/',
		rows($node, "SELECT '/' || c.relname FROM pg_class c WHERE c.relkind = 'v'"
			  . " AND c.relnamespace = 'trainledger_api'::regnamespace"
			  . " AND has_table_privilege('$role', c.oid, 'SELECT')"),
		rows($node, "SELECT '/rpc/' || p.proname FROM pg_proc p"
			  . " WHERE p.pronamespace = 'trainledger_api'::regnamespace"
			  . " AND has_function_privilege('$role', p.oid, 'EXECUTE')"
			  . " AND oidvectortypes(p.proargtypes) !~ '^trainledger_api\\.'"));
}

my %document;
foreach my $level (qw(learner reader operator admin))
{
	my $answer = $faces->request($faces->token($level), GET => '/');

	is($answer->{status}, 200, "$level gets the document");
	$document{$level} = $answer->{json};
	is_deeply($answer->{json}{security}, [ { JWT => [] } ], "$level: it asks for a token");
	is_deeply([ sort keys %{ $answer->{json}{paths} } ],
		[ paths("web_$level") ], "$level: what it may use, and nothing else");
}

my $admin = $document{admin};
my ($title, $description) = comment('trainledger_api', 'regnamespace');
is($admin->{info}{title}, $title, 'the title');
is($admin->{info}{description}, $description, 'the description');

is(join(' ', @{ $admin->{securityDefinitions}{JWT} }{qw(type in name)}), 'apiKey header Authorization', 'which is in a header');

foreach my $listed ([ post => '/regions' ], [ patch => '/regions' ], [ delete => '/regions' ], [ get => '/rpc/add_region' ])
{
	my ($method, $path) = @$listed;

	ok($admin->{paths}{$path}{$method}, "$method $path is listed");
	is($faces->request($faces->token('admin'), uc $method, "$path?code=X&name=x", $method eq 'get' ? undef : {})->{status},
		405, 'and refused');
}

foreach my $path (grep { m{^/\w} } sort keys %{ $admin->{paths} })
{
	my $operations = $admin->{paths}{$path};
	my ($name) = $path =~ m{(\w+)$};

	if ($path !~ m{^/rpc/})
	{
		my $definition = $admin->{definitions}{$name};
		is($operations->{get}{summary}, (comment("trainledger_api.$name", 'regclass'))[0],
			"$path has its comment");
		my ($columns) = rows($node, "SELECT count(*) FROM pg_attribute"
			  . " WHERE attrelid = 'trainledger_api.$name'::regclass AND attnum > 0");
		is(scalar(grep { length($_->{description} // '') > 4 } values %{ $definition->{properties} }),
			$columns, "$path: every column has one");
		next;
	}

	my ($summary, $text) = comment(qq{trainledger_api."$name"}, 'regproc');
	foreach my $method (sort keys %$operations)
	{
		my $operation = $operations->{$method};
		is($operation->{summary}, $summary, "$method $path has its comment");
		is($operation->{description} // '', $text // '', "$method $path: all of it");
		foreach my $parameter (@{ $operation->{parameters} })
		{
			my @arguments = $parameter->{schema} ? keys %{ $parameter->{schema}{properties} || {} }
			  : $parameter->{name} ? $parameter->{name} : ();
			like($operation->{description} // '', qr/\b\Q$_\E\b/, "$method $path: $_ is explained")
			  for @arguments;
		}
	}
}

$faces->stop;
$node->stop;
done_testing();
