# One session with the server, through psql. Statements can be sent without
# waiting for their answer, so that several sessions run at once.
#
#   my $s = TrainLedger::Session->new($node, 'books');
#   my $answer = $s->query("SELECT 1");
#   $s->send("SELECT 1", "SELECT 2"); ... $s->receive; $s->receive;
#
# A third argument names another server to connect to in its place, in the form
# of libpq.
#
# An answer is { sqlstate => '00000', rows => [ 'a|b', ... ] }, with
# lost => 1 where the connection ended.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Session;

use strict;
use warnings;

use IPC::Open3;
use PostgreSQL::Test::Utils;

my $end = '==== end of answer';

sub new
{
	my $self = start(@_);

	$self->greet;
	return $self;
}

# The same in two steps, so that several connect at a time
sub start
{
	my ($class, $node, $database, $connection) = @_;
	my $self = bless { text => '', answers => [] }, $class;

	local %ENV = (%ENV, $node->_get_env);
	$self->{pid} = open3(
		$self->{in}, $self->{out}, undef,
		$node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=sqlstate',
		'-d', $connection // $node->connstr($database), '-f', '-');
	binmode $self->{in};
	binmode $self->{out};
	$self->{in}->autoflush(1);
	return $self;
}

sub greet
{
	my ($self) = @_;

	$self->{backend} = $self->query('SELECT pg_backend_pid()')->{rows}[0];
	return;
}

# The same program with another server process, in this database
sub reconnect
{
	my ($self, $database) = @_;

	$self->query("\\c $database");
	$self->{backend} = $self->query('SELECT pg_backend_pid()')->{rows}[0];
	return;
}

sub handle { return shift->{out}; }

# The process id of the server's end
sub backend { return shift->{backend}; }

# Sends statements, each of which gets an answer. psql ends at once when it
# loses its connection, so what cannot be written is lost.
sub send
{
	my ($self, @statements) = @_;

	local $SIG{PIPE} = 'IGNORE';
	for my $statement (@statements)
	{
		print { $self->{in} } "$statement\n;\n\\echo $end :SQLSTATE\n";
	}
	return;
}

# Reads what is there; blocks while nothing is.
sub read_some
{
	my ($self) = @_;
	my $count = sysread $self->{out}, $self->{text}, 65536,
	  length $self->{text};

	while ($self->{text} =~ s/\A(.*?)^\Q$end\E (\w+)\n//ms)
	{
		my ($text, $sqlstate) = ($1, $2);
		push @{ $self->{answers} },
		  { sqlstate => $sqlstate, rows => [ split /\n/, $text ] };
	}
	if (!$count)
	{
		push @{ $self->{answers} },
		  {
			lost => 1,
			sqlstate => '08006',
			rows => [ split /\n/, $self->{text} ]
		  };
		$self->{text} = '';
	}
	return;
}

# The next answer that has been read, undef where there is none
sub take
{
	my ($self) = @_;

	return shift @{ $self->{answers} };
}

# The next answer
sub receive
{
	my ($self) = @_;

	$self->read_some until @{ $self->{answers} };
	return $self->take;
}

sub query
{
	my ($self, $statement) = @_;

	$self->send($statement);
	return $self->receive;
}

# The lines of a query's result, or of several, which must not fail; where one is
# wanted, the first.  For a test with many small queries, this is much quicker
# than a psql for each.
sub ask
{
	my ($self, $sql) = @_;
	my $answer = $self->query($sql);

	die "$sql: $answer->{sqlstate}" if $answer->{sqlstate} ne '00000';
	return wantarray ? @{ $answer->{rows} } : $answer->{rows}[0];
}

sub quit
{
	my ($self) = @_;

	return unless $self->{pid};
	close $self->{in};
	waitpid $self->{pid}, 0;
	close $self->{out};
	$self->{pid} = undef;
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $!);
	$self->quit;
	return;
}

1;
