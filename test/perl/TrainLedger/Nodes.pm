# A front and its nodes, each a server of its own, in the database "books":
#
#   my $books = TrainLedger::Nodes->new(2);
#   $books->front->safe_psql('books', '...');
#   $books->node(1)->safe_psql('books', '...');
#
# They are copies of one server in which the extension was made.  The scripts
# that are shipped make them a front and nodes, home h is kept by node
# h % count + 1, and what the front commits is there for its nodes' next call.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Nodes;

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use TrainLedger ();
use TrainLedger::Server;

my @settings = (
	"timezone = 'UTC'", "lc_messages = 'C'",
	'fsync = off', 'full_page_writes = off',
	'shared_buffers = 16MB', 'max_connections = 60', "log_statement = none",
	'wal_level = logical', 'max_wal_senders = 60',
	'max_replication_slots = 60', 'max_worker_processes = 40',
	'max_logical_replication_workers = 20',
	'max_sync_workers_per_subscription = 8', 'jit = off');

# Further arguments are SQL for the template of all servers.
sub new
{
	my ($class, $count, @setup) = @_;
	my $self = bless { count => $count }, $class;

	plan skip_all => 'PL/Proxy is not installed'
	  if !-e dirname(script_file('proxy')) . '/plproxy.control';

	my $template = TrainLedger::Server->new('template');

	TrainLedger::copy_of_books($template);
	$template->append_conf('postgresql.conf', join "\n", @settings, '');
	$template->start;
	$template->safe_psql('books', join ";\n", @setup) if @setup;
	$template->stop;
	$template->backup_fs_cold('books');
	$self->{template} = $template;

	$self->{front} = $self->copy('front');
	$self->script($self->front, 'proxy');
	for my $i (1 .. $count)
	{
		$self->{nodes}[ $i - 1 ] = $self->copy("n$i");
		$self->make_node($i, $self->homes_of($i));
	}
	$self->synchronise;
	$self->front->safe_psql('books', join ";\n",
		(map { "INSERT INTO trainledger_proxy.node VALUES ('n$_', $_, '" . $self->connection($self->node($_)) . "')" } 1 .. $count),
		"INSERT INTO trainledger_proxy.home SELECT h, 'n' || h % $count + 1 FROM generate_series(0, 1023) h",
		'SELECT trainledger_proxy.apply_map()');
	return $self;
}

# A front in place of a single server, for a test that knows nothing of nodes.
# These have the roles of the faces.
my $kept;

sub front_of
{
	my ($count, @settings) = @_;
	my $roles = slurp_file(dirname(__FILE__) . '/../../../doc/deploy/roles.sql');

	$kept = TrainLedger::Nodes->new($count);
	foreach my $node ($kept->nodes)
	{
		$node->safe_psql('books', $roles);
		$node->safe_psql('books', 'GRANT web_learner, web_reader, web_operator, web_admin TO trainledger_front');
	}
	$kept->front->append_conf('postgresql.conf', join "\n", @settings, '');
	$kept->front->restart;
	# no node makes it by itself
	$kept->front->safe_psql('books', "SELECT trainledger.add_credit_token_type('default')");
	return $kept->front;
}

# The one that front_of has made
sub kept { return $kept; }

sub front { return shift->{front}; }
sub node { my ($self, $i) = @_; return $self->{nodes}[ $i - 1 ]; }
sub nodes { return @{ shift->{nodes} }; }
sub count { return shift->{count}; }

# One more server as the template was, started
sub copy
{
	my ($self, $name) = @_;
	my $server = TrainLedger::Server->new($name);

	$server->init_from_backup($self->{template}, 'books');
	$server->start;
	return $server;
}

# How a server is reached, as the scripts want it
sub connection
{
	my ($self, $server) = @_;

	return sprintf 'host=%s port=%s dbname=books', $server->host, $server->port;
}

# The homes of a node, as a multirange
sub homes_of
{
	my ($self, $i) = @_;
	my @homes = grep { $_ % $self->count + 1 == $i } 0 .. 1023;

	return '{' . join(',', map { "[$_,$_]" } @homes) . '}';
}

# Where a script was installed
sub script_file
{
	my ($which) = @_;
	my ($folder) = run_command([ 'pg_config', '--sharedir' ]);

	return "$folder/extension/trainledger_$which.sql";
}

# Runs trainledger_node.sql or trainledger_proxy.sql, with these variables.
sub script
{
	my ($self, $server, $which, %variables) = @_;
	local %ENV = (%ENV, $server->_get_env);
	PostgreSQL::Test::Utils::system_or_bail(
		$server->installed_command('psql'), '-X', '-q', '-d', 'books',
		(map { ('-v', "$_=$variables{$_}") } sort keys %variables),
		'-f', script_file($which));
	return;
}

sub make_node
{
	my ($self, $i, $homes) = @_;

	$self->script(
		$self->node($i), 'node',
		node => "n$i",
		number => $i,
		homes => $homes,
		front => $self->connection($self->front));
	return;
}

# What the front commits is applied by every node before it says so.
sub synchronise
{
	my ($self) = @_;
	my @names = map { "trainledger_n$_" } 1 .. $self->count;

	$_->poll_query_until('books',
		"SELECT NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r')")
	  or die 'a node does not get the tables of the front'
	  for $self->nodes;
	$self->front->append_conf('postgresql.conf',
		"synchronous_commit = remote_apply\nsynchronous_standby_names = '"
		  . @names . ' (' . join(', ', @names) . ")'\n");
	$self->front->reload;
	return;
}

# Runs SQL on the front and on every node, or on the nodes alone
sub everywhere
{
	my ($self, $sql) = @_;

	$_->safe_psql('books', $sql) for $self->front, $self->nodes;
	return;
}

# A role of this level on the front and on the nodes, where the front may be it
sub add_role
{
	my ($self, $role, $level) = @_;

	$self->everywhere("CREATE ROLE $role LOGIN; SELECT trainledger.grant_access('$role', '$level')");
	$_->safe_psql('books', "GRANT $role TO trainledger_front") for $self->nodes;
	return;
}

# PgBouncer with what this folder's pgbouncer.ini says; it answers on this port of
# the folder when this returns.  It comes back to its caller before it listens.
sub start_pgbouncer
{
	my ($folder, $port) = @_;

	PostgreSQL::Test::Utils::system_or_bail($ENV{PGBOUNCER_BIN}, '-d', '-q',
		"$folder/pgbouncer.ini");
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return
		  if IO::Socket::UNIX->new(Peer => "$folder/.s.PGSQL.$port");
		sleep 0.1;
	}
	die 'PgBouncer does not listen';
}

sub stop
{
	my ($self) = @_;

	$_->stop('fast') for $self->front, $self->nodes;
	return;
}

1;
