# The regression tests of test/nodes.list against a front of nodes: the same
# tests, run by the same program, with the outputs that one database has.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(basename dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger::Nodes;

my $here = dirname(__FILE__) . '/..';

# --- The list

my (%word, %meaning);
for (split /\n/, slurp_file("$here/nodes.list"))
{
	$meaning{$1} = 1 if /^#   ([a-z]+) +[a-z]/;
	$word{$1} = $2 if /^([^# ]+) +(\S+)$/;
}
my @files = map { substr $_, 1 + length $here } glob "$here/sql/*.sql $here/t/*.pl $here/specs/*.spec";
is_deeply([ sort keys %word ], [ sort map { s{\.[^.]*$}{}r } @files ], 'every test is in test/nodes.list');
is_deeply([ grep { !$meaning{ $word{$_} } } sort keys %word ], [], 'with a word that the list explains');

# --- The tests

my $count = $ENV{TRAINLEDGER_NODES};
my @tests = map { basename $_ } grep { m{^sql/} && $word{$_} =~ ($count ? qr/^(runs|long)$/ : qr/^runs$/) } sort keys %word;
my $books = TrainLedger::Nodes->new($count || 2);
my $front = $books->front;

# what install.sql makes there besides the extension
for my $server ($front, $books->nodes)
{
	local %ENV = (%ENV, $server->_get_env);
	IPC::Run::run([ 'psql', '-Xq', '-d', 'books', '-f', "$here/sql/install.sql" ], '>', \my $out, '2>&1');
}
$_->safe_psql('books', 'GRANT regress_admin, regress_operator, regress_reader, regress_learner, regress_nobody, regress_application TO trainledger_front')
  for $books->nodes;
$front->safe_psql('books', "SELECT trainledger.add_credit_token_type('default')");

my $folder = "$PostgreSQL::Test::Utils::log_path/regression_nodes";
mkdir $folder;
my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
{
	local %ENV = (%ENV, $front->_get_env);
	IPC::Run::run([ $ENV{PG_REGRESS}, "--bindir=$bindir", "--inputdir=$here", "--outputdir=$folder", '--use-existing', '--dbname=books',
		'--host=' . $front->host, '--port=' . $front->port, @tests ], '>', \my $out, '2>&1');
	note $out;
}
ok(slurp_if_there("$folder/results/$_.out") eq slurp_file("$here/expected/$_.out"), "$_ answers as on one node") for @tests;
diag slurp_if_there("$folder/regression.diffs");

sub slurp_if_there
{
	my ($file) = @_;

	return -e $file ? slurp_file($file) : '';
}

$books->stop;
done_testing();
