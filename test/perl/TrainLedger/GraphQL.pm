# PostGraphile in front of the database "books", over HTTP, with the preset
# that ships with the project.
#
#   my $face = TrainLedger::GraphQL->start($node);
#   my ($status, $text) = $face->ask('operator', '{ regions { nodes { id } } }');
#   $face->stop;
#
# The roles are those of doc/deploy/roles.sql: web_LEVEL for each level of
# access, and PostGraphile's own login, authenticator.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::GraphQL;

use strict;
use warnings;

use File::Basename qw(basename dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use TrainLedger::Token;

my $root = dirname(__FILE__) . '/../../..';
my $program = "$root/test/harness/graphql.sh";
my $json = JSON::PP->new->canonical->utf8;

our $secret = 'a secret for tests, longer than 32 bytes';

# PostGraphile comes with make test; without it there is nothing to test.
sub needed
{
	plan skip_all => 'PostGraphile is not there (make test has it)'
	  unless $ENV{POSTGRAPHILE_FOLDER};
	return;
}

# What installs and runs it
sub program
{
	return $program;
}

# The words of a command that runs a program of node
sub node_command
{
	my ($self, @words) = @_;

	return ($program, 'node', $ENV{POSTGRAPHILE_FOLDER}, @words);
}

# Makes the roles and the schema, and starts PostGraphile. Further arguments
# are its settings.
sub start
{
	my ($class, $node, %settings) = @_;

	$class->prepare($node);
	return $class->start_server($node, %settings);
}

# Makes the roles and the schema alone.
sub prepare
{
	my ($class, $node) = @_;
	my $self = bless { node => $node }, $class;

	$self->run_script("$root/doc/deploy/roles.sql");
	$self->make_schema;
	return;
}

# Starts PostGraphile alone.
sub start_server
{
	my ($class, $node, %settings) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $self = bless {
		node => $node,
		port => $port,
		url => "http://127.0.0.1:$port",
		log => "$PostgreSQL::Test::Utils::log_path/graphql_$port.log",
		http => HTTP::Tiny->new(timeout => 60),
	}, $class;

	local %ENV = (
		%ENV,
		TRAINLEDGER_DATABASE => sprintf('postgres:///books?host=%s&port=%s&user=authenticator',
			$node->host, $node->port),
		TRAINLEDGER_JWT_SECRET => $secret,
		TRAINLEDGER_PORT => $port,
		%settings);
	$self->{server} = IPC::Run::start([ $program, 'run', $ENV{POSTGRAPHILE_FOLDER} ],
		'<', '/dev/null', '>', $self->{log}, '2>&1');
	$self->wait_for_answer;
	return $self;
}

# Runs the script as a DBA does, as it is installed.
sub make_schema
{
	my ($self) = @_;

	$self->run_script($self->schema_script);
	return;
}

sub schema_script
{
	my ($self) = @_;

	return $self->{node}->config_data('--sharedir') . '/extension/trainledger_graphql.sql';
}

sub run_script
{
	my ($self, $script, $database) = @_;
	my $node = $self->{node};

	$node->command_ok(
		[
			'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null',
			'-d', $node->connstr($database // 'books'), '-f', $script
		],
		basename($script) . ' runs');
	return;
}

sub wait_for_answer
{
	my ($self) = @_;

	foreach (1 .. 300)
	{
		my ($status) = $self->ask('reader', '{ __typename }');
		# a refusal is an answer
		return if $status < 500;
		last unless $self->{server}->pumpable;
		sleep 0.2;
	}
	die "PostGraphile does not answer:\n" . slurp_file($self->{log});
}

# A token with these claims, good for an hour unless they say otherwise
sub token
{
	my ($claims) = @_;

	return sign_token($secret, { exp => time + 3600, %$claims });
}

# Sends a document as a level of access, as the bearer of claims or of a
# ready-made token, or as nobody; returns the status and the text of the answer.
sub ask
{
	my ($self, $who, $document, $variables) = @_;
	my %headers = ('content-type' => 'application/json');

	$who = { role => "web_$who" } if defined $who && $who =~ /^\w+$/;
	$who = token($who) if ref $who;
	$headers{authorization} = "Bearer $who" if defined $who;
	my $answer = $self->{http}->post(
		"$self->{url}/graphql",
		{
			headers => \%headers,
			content => $json->encode(
				{ query => $document, variables => $variables // {} })
		});
	return ($answer->{status}, $answer->{content});
}

# The same, read: the data, and the errors or nothing.
sub read_answer
{
	my ($self, @question) = @_;
	my ($status, $text) = $self->ask(@question);
	my $answer = eval { $json->decode($text) }
	  // die "no JSON (status $status): $text";

	return ($answer->{data}, $answer->{errors});
}

# Replays a file: a block ```sql sets the scene, a block ```graphql WHO is sent
# with that level of access, and the block ```json that follows is the answer,
# blanks apart. After ```json made, ids that the server made are taken for the
# printed ones of the same type. Returns how many answers were compared.
sub replay
{
	my ($self, $file) = @_;
	my $name = basename($file);
	my ($status, $answer);
	my $compared = 0;

	foreach my $block (blocks(slurp_file($file)))
	{
		my ($line, $heading, $language, $words, $text) = @$block;

		if ($language eq 'sql')
		{
			$self->{node}->safe_psql('books', $text);
			$self->reconnect;
		}
		elsif ($language eq 'graphql')
		{
			($status, $answer) = $self->ask($words, $text);
			is($status, 200, "$name, line $line: $heading");
		}
		elsif ($language eq 'json')
		{
			my $printed = compact($text);
			$answer = with_printed_ids($answer, $printed)
			  if $words eq 'made';
			is($answer, $printed, "$name, line $line: the answer");
			$compared++;
		}
	}
	return $compared;
}

# [line, heading, language, words after it, text] of each block
sub blocks
{
	my ($text) = @_;
	my @blocks;
	my $heading = '';

	while ($text =~ /^(?:\#+ ([^\n]*)|```(\w+) ?([^\n]*)\n(.*?)^```)$/msg)
	{
		$heading = $1, next if defined $1;
		my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
		push @blocks, [ $line, $heading, $2, $3, $4 ];
	}
	return @blocks;
}

# JSON without the blanks between its tokens: nothing else is left out.
sub compact
{
	my ($text) = @_;

	$text =~ s{("(?:[^"\\]|\\.)*")|\s+}{$1 // ''}ge;
	return $text;
}

# The type in a global id
sub type_of
{
	my ($id) = @_;

	return decode_base64($id) =~ /^(\w+):/ ? $1 : '';
}

# An answer with the ids that the server made as the printed answer has them
sub with_printed_ids
{
	my ($answer, $printed) = @_;
	my %printed;

	while ($printed =~ /"id":"([^"]*)"/g)
	{
		my $id = $1;
		$printed{ type_of($id) } = $id;
	}
	$answer =~ s{"id":"\K([^"]*)}{$printed{ type_of($1) } // $1}ge;
	return $answer;
}

# New connections see new settings of the database, such as trainledger.clock.
sub reconnect
{
	my ($self) = @_;

	$self->{node}->safe_psql('books',
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
		 WHERE usename = 'authenticator'");
	# its pool has one that has ended until it notices
	foreach (1 .. 50)
	{
		my (undef, $errors) = $self->read_answer('reader', '{ regions(first: 1) { nodes { id } } }');
		return if !$errors;
		sleep 0.1;
	}
	die 'PostGraphile does not connect again';
}

sub stop
{
	my ($self) = @_;

	$self->{server}->signal('TERM');
	eval { $self->{server}->finish };
	return;
}

1;
