# What the project is delivered as: one version everywhere, the metadata and the
# archive for PGXN, and a build of that archive in another directory, installed
# and tried.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Basename qw(dirname);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = getcwd();
my $folder = PostgreSQL::Test::Utils::tempdir('packages');
my $meta = JSON::PP->new->utf8->decode(slurp_file('META.json'));

# What make hands down belongs to the build that runs this test.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES PG_CONFIG DESTDIR)};

# What a command prints, and its errors; it must succeed
sub output_of
{
	my ($name, @command) = @_;
	my ($out, $error);
	my $good = IPC::Run::run(\@command, '>', \$out, '2>', \$error);

	ok($good, $name) or diag "@command\n$out\n$error";
	return $out . $error;
}

# Files below a directory, by their names there
sub files_in
{
	my ($directory) = @_;

	return sort split /\n/,
	  `cd '$directory' && find . ! -type d | sed 's,^\\./,,'`;
}

# ---------------------------------------------------------------------------
# The version
# ---------------------------------------------------------------------------

my $version = $meta->{version};
my ($of_extension) = $version =~ /^(\d+\.\d+)\.\d+$/;

sub first_match
{
	my ($file, $pattern) = @_;
	my ($match) = slurp_file($file) =~ $pattern;

	return $match;
}

ok($of_extension, "META.json: version $version has three parts");
is($meta->{provides}{trainledger}{version},
	$version, 'META.json: the extension that it provides');
is(first_match('trainledger.control', qr/^default_version = '(.*)'$/m),
	$of_extension, 'trainledger.control');
is(first_match('src/base/compat.h', qr/^#define TL_VERSION "(.*)"$/m),
	$of_extension, 'the library');
is(first_match('CHANGELOG.md', qr/^## \[(.*?)\]/m), $version, 'CHANGELOG.md');
is(first_match('debian/changelog', qr/^trainledger \((.*?)\)/),
	$version, 'debian/changelog');

# ---------------------------------------------------------------------------
# META.json, as PGXN's specification 1.0.0 has it
# ---------------------------------------------------------------------------

my $text = qr/./;
my $file = qr{^[^/\s].*\.\w+$};
my $url = qr{^https?://[^/]+/};
my $semver = qr/^\d+\.\d+\.\d+$/;
my $term = qr{^[^\s/\\]{2,}$};
my $requires = { requires => { '*' => $semver } };

# Keys that must be there have an exclamation mark; '*' is any key.
my %specification = (
	'name!' => $term,
	'version!' => $semver,
	'abstract!' => $text,
	'maintainer!' => $text,
	'license!' => qr/^postgresql$/,
	'provides!' => {
		'*' => {
			'file!' => $file, 'version!' => $semver,
			'abstract' => $text, 'docfile' => $file
		}
	},
	'meta-spec!' => { 'version!' => qr/^1\.0\.0$/, 'url' => $url },
	'description' => $text,
	'generated_by' => $text,
	'release_status' => qr/^(stable|testing|unstable)$/,
	'tags' => [qr{^[^/\\]{1,256}$}],
	'prereqs' =>
	  { map { $_ => $requires } qw(configure build test runtime develop) },
	'resources!' => {
		'homepage!' => $url,
		'bugtracker!' => { 'web!' => $url },
		'repository!' => { 'web!' => $url }
	});

# What is wrong with a value, by the specification of it
sub complaints
{
	my ($where, $value, $wanted) = @_;

	if (ref $wanted eq 'HASH')
	{
		return "$where: not a map" if ref $value ne 'HASH';
		my %known = map { s/!$//r => $wanted->{$_} } keys %$wanted;
		my @missing = grep { s/!$// && !defined $value->{$_} } keys %$wanted;
		return (
			map({"$where/$_: missing"} @missing),
			map({
				my $rule = $known{$_} // $known{'*'};
				$rule ? complaints("$where/$_", $value->{$_}, $rule)
				  : "$where/$_: not known"
			} sort keys %$value));
	}
	if (ref $wanted eq 'ARRAY')
	{
		return "$where: not a list" if ref $value ne 'ARRAY';
		return map { complaints($where, $_, $wanted->[0]) } @$value;
	}
	return "$where: not a string" if ref $value;
	return $value =~ $wanted ? () : "$where: $value";
}

is(join("\n", complaints('META.json', $meta, \%specification)),
	'', 'META.json follows the specification');
is_deeply(
	[
		complaints('', { %$meta, version => '1.0', color => 1 },
			\%specification)
	],
	[ '/color: not known', '/version: 1.0' ],
	'and what does not would be seen');

# ---------------------------------------------------------------------------
# The archive. A repository of the test's own has the files that are here now.
# ---------------------------------------------------------------------------

{
	local $ENV{GIT_DIR} = "$folder/git";
	my @git = (
		'git', '-c', 'user.name=test', '-c', 'user.email=test@localhost',
		'-c', 'core.excludesFile=');

	output_of('a repository', @git, 'init', '--quiet');
	{
		local $ENV{GIT_WORK_TREE} = $project;
		output_of('of the files here', @git, 'add', '--all');
		output_of('and a commit', @git, 'commit', '--quiet', '--no-gpg-sign',
			'--message=test');
	}
	output_of('make dist', 'make', '--silent', "--directory=$folder",
		'--file', "$project/Makefile", 'dist');
	my @committed = split /\n/,
	  output_of('what is committed', @git, 'ls-tree', '-r', '--name-only', 'HEAD');
	output_of('the archive unpacks',
		'unzip', '-q', '-d', $folder, "$folder/trainledger-$version.zip");
	is_deeply(
		[ files_in("$folder/trainledger-$version") ],
		[
			sort "sql/trainledger--$of_extension.sql",
			grep { !m{^\.ci/} } @committed
		],
		'the archive has what is committed, without .ci, and the script');
}

my $unpacked = "$folder/trainledger-$version";
is(`find '$unpacked' ! -type d ! -type f`, '', 'and no links');

my $provided = $meta->{provides}{trainledger};
ok(-s "$unpacked/$provided->{$_}", "META.json: the $_ is in it")
  for qw(file docfile);
is($provided->{file}, "sql/trainledger--$of_extension.sql",
	"a script, or PGXN's client loads nothing");

# ---------------------------------------------------------------------------
# A build of it elsewhere, as pg_buildext makes it, for a server of its own
# ---------------------------------------------------------------------------

# A copy of the server, which finds its files from where it is; returns its
# pg_config.
sub copy_server
{
	my ($target) = @_;

	for my $option (qw(bindir pkglibdir sharedir includedir-server))
	{
		chomp(my $directory = `pg_config --$option`);
		system_or_bail('sh', '-c',
			'mkdir -p "$1" && tar -C "$0" --exclude=./bitcode -cf - . | tar -C "$1" -xf -',
			$directory, "$target$directory");
	}
	chomp(my $programs = `pg_config --bindir`);
	return "$target$programs/pg_config";
}

my $pg_config = copy_server("$folder/server");
my $build = "$folder/build";
mkdir $build;
my @make = (
	'make', "--directory=$build", "--file=$unpacked/Makefile",
	"VPATH=$unpacked", "PG_CONFIG=$pg_config", 'USE_PGXS=1', 'with_llvm=no',
	'COPT=-O0');

sub directory_of
{
	my ($option) = @_;

	chomp(my $directory = `$pg_config --$option`);
	return $directory;
}

my @sources = files_in($unpacked);
output_of('it builds elsewhere', @make, '-j2', 'all');
is_deeply([ files_in($unpacked) ], \@sources, 'and leaves the sources alone');
is( slurp_file("$build/trainledger--$of_extension.sql"),
	slurp_file("$unpacked/$provided->{file}"),
	'the script in the archive is the one that make joins');

my $said = output_of('it installs', @make, 'install');
is_deeply(
	[ $said =~ /^(trainledger .* for PostgreSQL .*)$/mg ],
	[
		"trainledger $of_extension for PostgreSQL "
		  . (`$pg_config --version` =~ s/^PostgreSQL (\S+).*\n/$1/r)
		  . ", of $pg_config"
	],
	'and says once for which server');

output_of('into a directory of a package', @make, 'install', "DESTDIR=$folder/dest");
my ($library, $share, $documents) =
  map { s,^/,,r } map { directory_of($_) } qw(pkglibdir sharedir docdir);
is_deeply(
	[ grep { !m{^\Q$documents\E/} } files_in("$folder/dest") ],
	[
		sort "$library/trainledger.so",
		map {"$share/extension/$_"} "trainledger--$of_extension.sql",
		'trainledger.control',
		map {"trainledger_$_.sql"} qw(graphql node proxy)
	],
	'the library and the scripts are installed');
is_deeply(
	[ files_in("$folder/dest/$documents/extension/trainledger") ],
	[
		sort 'README.md', 'CHANGELOG.md', 'LICENSE',
		map {"doc/$_"} files_in("$unpacked/doc")
	],
	'and all there is to read and to deploy, in its directories');

my $node = PostgreSQL::Test::Cluster->new('archive',
	install_path => dirname(dirname($pg_config)));
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;
{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	my $log = output_of('installcheck from the archive', @make, 'installcheck',
		'REGRESS=install', 'ISOLATION=race_ids', 'PROVE_TESTS=');
	is(scalar(() = $log =~ /All 1 tests passed/g), 2, 'runs what it is told');
}
$node->stop;

like(
	output_of('what runs the TAP tests', @make, '--just-print', 'installcheck',
		'PROVE_FLAGS=--verbose'),
	qr/ -I test\/perl --verbose test\/t\//,
	'the caller adds to the flags of prove');

output_of('it is removed', @make, 'uninstall', "DESTDIR=$folder/dest");
is(join(' ', files_in("$folder/dest")), '', 'and nothing is left');

append_to_file("$unpacked/trainledger.so", 'built here');
my ($out, $error);
ok(!IPC::Run::run([@make], '>', \$out, '2>', \$error),
	'sources that are built themselves are refused');
like($error, qr/trainledger-$version is built: run make clean there first/,
	'with what to do');

done_testing();
