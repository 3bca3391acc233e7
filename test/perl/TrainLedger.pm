# What the TAP tests have in common: a server with the books in it, the check
# that the books are right, and several sessions at once in one program.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger;

use strict;
use warnings;

use Exporter 'import';
use Fcntl qw(:flock);
use IO::Select;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger::Server;
use TrainLedger::Session;

our @EXPORT = qw(soak start_books copy_of_books add_role sessions at_once drive books_are_right
  no_crash rows);

# The size that `make soak N=...` asks for; make test asks for 2000.
sub soak
{
	return $ENV{TRAINLEDGER_SOAK} || 2000;
}

# Starts a server of its own with the extension in the database "books".
# Further arguments are lines of postgresql.conf.  With TRAINLEDGER_NODES in the
# environment it is the front of so many nodes.
sub start_books
{
	my ($name, @settings) = @_;

	if ($ENV{TRAINLEDGER_NODES})
	{
		require TrainLedger::Nodes;
		return TrainLedger::Nodes::front_of($ENV{TRAINLEDGER_NODES}, @settings);
	}
	my $node = TrainLedger::Server->new($name);

	copy_of_books($node);
	$node->append_conf('postgresql.conf', join "\n", @settings, '');
	$node->start;
	return $node;
}

# Makes the files of a server that was not started yet: with books as they are
# when they are new.  The first test of a run that needs one makes a server with
# books, and all copy that; it is stopped, and so its backup is its folder.
sub copy_of_books
{
	my ($node) = @_;
	my $folder = $PostgreSQL::Test::Utils::tmp_check;
	my $original = bless { folder => $folder }, 'TrainLedger::Original';

	open my $lock, '>', "$folder/books.lock" or die "$folder/books.lock: $!";
	flock $lock, LOCK_EX or die "$folder/books.lock: $!";
	make_books("$folder/books") unless -d "$folder/books";
	close $lock;
	$node->init_from_backup($original, 'books');
	return;
}

sub make_books
{
	my ($folder) = @_;
	my $node = TrainLedger::Server->new('original');

	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf(
		'postgresql.conf', join "\n",
		"log_statement = none", "timezone = 'UTC'",
		"lc_messages = 'C'", "max_connections = 40", "jit = off", '');
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE books');
	$node->safe_psql('books', 'CREATE EXTENSION trainledger');
	$node->stop;
	rename $node->data_dir, $folder or die "$folder: $!";
	return;
}

# Where init_from_backup finds it
sub TrainLedger::Original::backup_dir { return shift->{folder}; }
sub TrainLedger::Original::name { return 'original'; }

# A role that may log in, of a level, in the database "books".  At a front it is
# one of the nodes too.
sub add_role
{
	my ($node, $role, $level) = @_;

	return TrainLedger::Nodes::kept()->add_role($role, $level)
	  if $ENV{TRAINLEDGER_NODES};
	$node->safe_psql('books',
		"CREATE ROLE $role LOGIN; SELECT trainledger.grant_access('$role', '$level')");
	return;
}

# The lines of a query's result
sub rows
{
	my ($node, $sql) = @_;

	return split /\n/, $node->safe_psql('books', $sql);
}

sub sessions
{
	my ($node, $count) = @_;

	my @sessions = map { TrainLedger::Session->start($node, 'books') } 1 .. $count;

	$_->greet for @sessions;
	return @sessions;
}

# The session that keeps a gate shut, for each server
my %gate;

# Sends one statement to each session such that all begin at the same moment,
# and returns the answers in order: they wait for a lock that is let go when
# every one of them is there.
sub at_once
{
	my ($node, $sessions, @statements) = @_;
	my $shut = 'SELECT pg_advisory_lock(1)';
	my $gate = $gate{ $node->name };
	my $count = @$sessions;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;

	# the server may have been started again
	if (!$gate || $gate->query($shut)->{lost})
	{
		$gate = $gate{ $node->name } = TrainLedger::Session->new($node, 'books');
		$gate->query($shut);
	}
	for my $i (0 .. $#$sessions)
	{
		$sessions->[$i]->send(
			"SELECT pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1)",
			$statements[$i % @statements]);
	}
	until ($gate->query("SELECT count(*) = $count FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted")->{rows}[0] eq 't')
	{
		die 'the sessions do not come to the gate' if time > $until;
		sleep 0.005;
	}
	$gate->query('SELECT pg_advisory_unlock(1)');
	return map { $_->receive; $_->receive } @$sessions;
}

# Keeps all sessions busy: $next->($i) gives the next statement of session $i,
# undef when it is done; $answer->($i, $answer) takes what came back and may
# return a statement to send instead of a next one, as for another try.
sub drive
{
	my ($sessions, $next, $answer) = @_;
	my $select = IO::Select->new;
	my %number;

	my $give = sub {
		my ($i, $statement) = @_;
		$statement = $next->($i) unless defined $statement;
		return 0 unless defined $statement;
		$sessions->[$i]->send($statement);
		return 1;
	};

	for my $i (0 .. $#$sessions)
	{
		my $handle = $sessions->[$i]->handle;
		$number{ fileno $handle } = $i;
		$select->add($handle) if $give->($i);
	}
	while ($select->count)
	{
		my @ready = $select->can_read($PostgreSQL::Test::Utils::timeout_default)
		  or die 'no session answers';
		for my $handle (@ready)
		{
			my $i = $number{ fileno $handle };
			$sessions->[$i]->read_some;
			while (defined(my $result = $sessions->[$i]->take))
			{
				my $again = $answer->($i, $result);
				$select->remove($handle)
				  if $result->{lost} || !$give->($i, $again);
				last if $result->{lost};
			}
		}
	}
	return;
}

# reconcile() has nothing to say, and the sums are those of its own query.
sub books_are_right
{
	my ($node, $what, $database) = @_;
	$database ||= 'books';

	is($node->safe_psql($database, 'SELECT * FROM trainledger.reconcile()'),
		'', "$what: reconcile() is empty");
	is( $node->safe_psql(
			$database,
			q{SELECT a.id FROM trainledger.account a WHERE ROW(a.balance::numeric, a.entry_count) IS DISTINCT FROM
			(SELECT ROW(sum(e.delta), count(*)) FROM trainledger.entry e WHERE e.account_id = a.id)}
		),
		'',
		"$what: every balance is the sum of its entries");
	return;
}

# The server is the one that was started, and no backend of it crashed.
sub no_crash
{
	my ($node, $started, $what) = @_;

	is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'),
		$started, "$what: the server was never restarted");
	unlike(slurp_file($node->logfile),
		qr/terminated by signal|PANIC:|TRAP:/,
		"$what: no backend crashed");
	return;
}

1;
