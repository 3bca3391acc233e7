# Runs the examples of README.md and doc/*.md: every block of SQL, in one
# session and a new database per file.  What a block prints is compared with
# the plain block that follows it at once; where none follows, it has to run
# without an error.  Then the names: the documents name every function, view,
# table and type of the schema trainledger, and nothing of
# trainledger_internal; levels and labels in doc/reference.md are those of the
# system catalogs.  Finally, the files and C names in CONTRIBUTING.md exist, and
# so do the targets of links.

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
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
# a transaction of autovacuum would hold the log back
$node->append_conf('postgresql.conf', 'autovacuum = off');
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

names($node->connstr('doc_readme_md'));
places();
links();

$node->stop;
done_testing();

# The rows of a query, each with its columns joined by |
sub rows
{
	my ($connstr, $query) = @_;
	my ($stdout, $stderr);

	IPC::Run::run([ 'psql', '-XAtq', '-d', $connstr, '-c', $query ],
		'>', \$stdout, '2>', \$stderr)
	  or die $stderr;
	return split /\n/, $stdout;
}

# What a text has between backticks, outside of its blocks
sub inline_code
{
	my ($text) = @_;

	$text =~ s/^ *```.*?^ *```$//msg;
	return $text =~ /`([^`]+)`/g;
}

sub names
{
	my ($connstr) = @_;
	my $text = join "\n", map { slurp_file($_) } @files;
	my @spans = inline_code($text);
	my %named = map { $_ => 1 } @spans, map { /\w+/g } @spans;
	my %called = map { $_ => 1 } map { /^(\w+)(?:\(|$)/ ? $1 : () } @spans;

	my @product = rows($connstr, objects('trainledger') . <<'SQL');
SELECT DISTINCT name FROM object o
WHERE (kind <> 'function' OR NOT EXISTS (
	SELECT FROM pg_proc p WHERE p.oid = o.oid
	AND (-- a trigger, or for the policies: nobody calls it
		p.prorettype = 'trigger'::regtype
		OR EXISTS (SELECT FROM pg_depend d
			WHERE d.classid = 'pg_policy'::regclass
			AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid)
		-- behind a type, an operator, a cast, an index or an aggregate
		OR EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput,
			t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout))
		OR EXISTS (SELECT FROM pg_operator x WHERE x.oprcode = p.oid)
		OR EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = p.oid)
		OR EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
		OR EXISTS (SELECT FROM pg_range r
			WHERE p.oid IN (r.rngcanonical, r.rngsubdiff))
		OR EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn,
			a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
			a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)))))
ORDER BY 1
SQL
	cmp_ok(scalar @product, '>', 100, 'there are functions, views, tables and types');
	is("@{[ grep { !$named{$_} } @product ]}", '',
		'the documents name everything in trainledger');

	my @internal = rows($connstr, objects('trainledger_internal') . <<'SQL');
SELECT name FROM object
EXCEPT
-- what is something else to the user too
SELECT proname FROM pg_proc WHERE pronamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace)
EXCEPT
SELECT unnest(proargnames) FROM pg_proc WHERE pronamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace)
EXCEPT
SELECT typname FROM pg_type WHERE typnamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace)
EXCEPT
SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace)
EXCEPT
SELECT enumlabel FROM pg_enum
ORDER BY 1
SQL
	is("@{[ grep { $called{$_} } @internal ]}", '',
		'and nothing in trainledger_internal');
	is("@{[ $text =~ /trainledger_internal\.\w+/g ]}", '',
		'nor with its schema');

	my $reference = slurp_file("$root/doc/reference.md");
	my %level = $reference =~ /^\| `(\w+)` \| (learner|reader|operator|admin) \|/mg;
	my %right = map { split /\|/ } rows($connstr,
		'SELECT function_name, level FROM trainledger.privilege');
	cmp_ok(scalar keys %level, '>', 50, 'functions have levels');
	is("@{[ grep { $level{$_} ne ($right{$_} // 'none') } sort keys %level ]}", '',
		'levels are those of the view privilege');

	my @labels = rows($connstr, <<'SQL');
SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
WHERE t.typnamespace = 'trainledger'::regnamespace ORDER BY 1, e.enumsortorder
SQL
	my @missing = grep {
		my ($type, $label) = split /\|/;
		$reference !~ /^\| `$type` \| .*`$label`/m;
	} @labels;
	is("@missing", '', 'enum types have all their labels');
}

sub places
{
	my %spans = map { $_ => 1 } inline_code(slurp_file("$root/CONTRIBUTING.md"));
	my @files = grep { m{^[\w.]+(?:/[\w.]+)+/?$} && !/NAME|^test.results$/ } sort keys %spans;
	my @symbols = grep { /^(?:tl|TL)_\w+$/ } sort keys %spans;
	my $code = join "\n", map { slurp_file($_) } glob "$root/src/*/*.[ch]";

	cmp_ok(scalar @files, '>', 30, 'CONTRIBUTING.md names files');
	is("@{[ grep { !-e qq{$root/$_} } @files ]}", '', 'which are there');
	is("@{[ grep { $code !~ /\b$_\b/ } @symbols ]}", '', 'as are the names in C');
}

sub links
{
	my @broken;

	foreach my $file (@files, "$root/CONTRIBUTING.md")
	{
		foreach my $link (slurp_file($file) =~ /\]\(([^)\s]+)\)/g)
		{
			my ($path, $heading) = $link =~ /^([^#]*)#?(.*)$/;
			my $target = $path eq '' ? $file : dirname($file) . "/$path";

			next if $link =~ /^https?:/;
			push @broken, basename($file) . ": $link"
			  if !-e $target || $heading ne '' && !grep { $heading eq $_ }
			  map { tr/A-Z /a-z-/; s/[^\w-]//g; $_ }
			  slurp_file($target) =~ /^#+ (.*)$/mg;
		}
	}
	is(join(', ', @broken), '', 'links lead somewhere');
}

# The functions, views, tables and types of a schema, without array and row
# types
sub objects
{
	my ($schema) = @_;

	return <<SQL;
WITH object AS (
	SELECT 'function' AS kind, p.oid, p.proname AS name
	FROM pg_proc p WHERE p.pronamespace = '$schema'::regnamespace
	UNION ALL
	SELECT 'relation', c.oid, c.relname FROM pg_class c
	WHERE c.relnamespace = '$schema'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
	UNION ALL
	SELECT 'type', t.oid, t.typname
	FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
	WHERE t.typnamespace = '$schema'::regnamespace
	AND t.typelem = 0 AND (c.relkind IS NULL OR c.relkind = 'c')
)
SQL
}
