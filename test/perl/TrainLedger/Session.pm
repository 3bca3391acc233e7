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
# An answer is { sqlstate => '00000', rows => [ 'a|b', ... ], text => "a|b\n..." },
# with lost => 1 where the connection ended.
#
# TrainLedger::Server asks through sessions that are clean for every question:
# clean() opens one, ask_clean() asks it.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Session;

use strict;
use warnings;

use IPC::Open3;
use List::Util qw(min);
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

	return $class->open_psql($node, $connection // $node->connstr($database),
		'VERBOSITY=sqlstate');
}

# A psql with one of its variables set; what it complains of comes between its
# answers, or goes to a file.
sub open_psql
{
	my ($class, $node, $connection, $variable, $errors) = @_;
	my $self = bless { text => '', answers => [], lines => 0, owner => $$ }, $class;

	local %ENV = (%ENV, $node->_get_env);
	$self->{errors} = $errors;
	$self->{pid} = open3(
		$self->{in}, $self->{out}, $errors ? '>&' . fileno $errors : undef,
		$node->installed_command('psql'), '-XAtq', '-v', $variable,
		'-d', $connection, '-f', '-');
	binmode $self->{in};
	binmode $self->{out};
	$self->{in}->autoflush(1);
	return $self;
}

# A session that ends at the first error
sub clean
{
	my ($class, $node, $database) = @_;

	# psql adds to its end, wherever it was read
	open my $errors, '+>>', undef or die "a file for errors: $!";
	my $self = $class->open_psql($node, $node->connstr($database),
		'ON_ERROR_STOP=1', $errors);
	$self->greet;
	return $self;
}

# The answer, with errors => what psql said, where lines are counted from the
# question's beginning, and failed => 1 where it said an error.  What the
# question leaves behind is discarded, which ends psql where that is an open
# transaction; what it did is then in the statistics.
sub ask_clean
{
	my ($self, $sql) = @_;
	my $before = $self->{lines};
	my $last = () = $sql =~ /^/mg;
	my $answer = $self->query($sql);

	$answer->{failed} = $answer->{lost};
	$self->quit if $answer->{lost};
	$answer->{errors} = $self->complaints;
	$answer->{errors} =~ s/^(psql:<stdin>):(\d+)/"$1:" . min($2 - $before, $last)/gem;
	$answer->{lost} ||= $self->query(
		'DISCARD ALL; SELECT pg_catalog.pg_stat_force_next_flush()')->{lost};
	return $answer;
}

# What psql wrote to the file
sub complaints
{
	my ($self) = @_;
	my $file = $self->{errors};

	seek $file, 0, 0;
	read $file, my $text, -s $file;
	truncate $file, 0;
	chomp $text;
	return $text;
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
	my $text = join '', map { "$_\n;\n\\echo $end :SQLSTATE\n" } @statements;

	print { $self->{in} } $text;
	$self->{lines} += $text =~ tr/\n//;
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
		push @{ $self->{answers} }, an_answer($1, $2);
	}
	if (!$count)
	{
		push @{ $self->{answers} }, an_answer($self->{text}, '08006', lost => 1);
		$self->{text} = '';
	}
	return;
}

sub an_answer
{
	my ($text, $sqlstate, @more) = @_;

	return { sqlstate => $sqlstate, text => $text, rows => [ split /\n/, $text ], @more };
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

# Who was forked has this end of the pipe too: psql is told, and its end is that of
# the process that opened it.
sub quit
{
	my ($self) = @_;

	return unless $self->{pid} && $self->{owner} == $$;
	local ($?, $!);
	local $SIG{PIPE} = 'IGNORE';
	print { $self->{in} } "\\q\n";
	close $self->{in};
	waitpid $self->{pid}, 0;
	close $self->{out};
	$self->{pid} = undef;
	return;
}

sub DESTROY
{
	my ($self) = @_;

	$self->quit;
	return;
}

1;
