# A server as PostgreSQL::Test::Cluster has it, whose safe_psql and
# poll_query_until ask a psql that stays open: a new psql and a new server
# process for every question would take most of a test's time.
#
# A question still finds a clean session.  What one leaves behind is discarded
# before its answer is given: settings, temporary tables, plans, locks and an
# open transaction; its statistics are there for others.  What the library and
# the server cache stays, as it does for whoever keeps a connection open.
#
# A question that wants a server process of its own says so with a parameter:
#
#   $node->safe_psql('books', 'SELECT ...', fresh => 1);
#
# One has its own anyway where psql has to know its end (psql's own commands, data
# of COPY) and where it is long.  No session outlives a change of a database, of a
# role or of the server's settings, nor a stop, a restart or a reload of any server.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Server;

use strict;
use warnings;

use parent 'PostgreSQL::Test::Cluster';

# without their functions: here these would be methods
use PostgreSQL::Test::Utils ();
use Test::More ();
use Time::HiRes qw(sleep time);

use TrainLedger::Session;

# The open sessions, by server, database and libpq's environment, of the process
# that opened them: one that was forked has none of them.
my %open;
my $owner = $$;

# What the pipe takes at once: psql may want to be read while it is written to.
my $longest = 60_000;

# Nobody may be connected, or a session from before would go on as it was.
my $needs_nobody =
  qr/\b(?:DATABASE|SYSTEM|(?:ALTER|DROP|REASSIGN)\s+(?:ROLE|USER|OWNED))\b|pg_reload_conf/i;

sub safe_psql
{
	my ($self, $database, $sql, %params) = @_;

	return ask($self, $database, $sql)
	  if !%params && length $sql <= $longest && $sql !~ /\\|\bSTDIN\b/i && $sql !~ $needs_nobody;
	return $self->SUPER::safe_psql($database, $sql, %params);
}

# All others run psql through this.
sub psql
{
	my ($self, $database, $sql, @params) = @_;

	let_go() if $sql =~ $needs_nobody;
	return $self->SUPER::psql($database, $sql, @params);
}

# Asks until the answer is the expected one, or for as long as tests wait.
sub poll_query_until
{
	my ($self, $database, $query, $expected) = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;
	my $answer;
	$expected //= 't';

	while (time < $until)
	{
		$answer = eval { $self->safe_psql($database, $query) };
		return 1 if defined $answer && $answer eq $expected;
		sleep 0.05;
	}
	Test::More::diag("poll_query_until timed out executing this query:\n$query\n"
		  . "expecting this output:\n$expected\nlast actual query output:\n"
		  . ($answer // $@));
	return 0;
}

# Nothing is asked twice: a session whose server process has gone is not used.
sub ask
{
	my ($self, $database, $sql) = @_;
	my $key = join "\0", $self->connstr($database),
	  map { "$_=$ENV{$_}" } grep { /^PG/ } sort keys %ENV;

	if ($owner != $$)
	{
		%open = ();
		$owner = $$;
	}
	delete $open{$key} if $open{$key} && !kill 0, $open{$key}->backend;
	my $session = $open{$key} ||= TrainLedger::Session->clean($self, $database);
	my $answer = $session->ask_clean($sql);

	delete $open{$key} if $answer->{lost};
	die "error running SQL: '$answer->{errors}'\nwith sql '$sql'"
	  if $answer->{failed};
	print "#### Begin standard error\n$answer->{errors}\n#### End standard error\n"
	  if $answer->{errors} ne '';
	chomp $answer->{text};
	return $answer->{text};
}

# Ends every session, of whichever server.
sub let_go
{
	%open = () if $owner == $$;
	return;
}

for my $method (qw(stop restart reload kill9 promote backup logrotate))
{
	my $as_ever = "SUPER::$method";

	no strict 'refs';
	*$method = sub { my $self = shift; let_go(); return $self->$as_ever(@_); };
}

END
{
	let_go();
}

1;
