# PostGraphile in front of the database "books", over HTTP, with the preset
# that ships with the project.
#
#   my $face = TrainLedger::GraphQL->start($node);
#   my ($status, $text) = $face->ask('operator', '{ regions { nodes { id } } }');
#   $face->stop;
#
# The roles are web_anon, without rights, and web_LEVEL for each level of
# access; PostGraphile's own login is `authenticator`.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::GraphQL;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

my $root = dirname(__FILE__) . '/../../..';
my $program = "$root/test/harness/graphql.sh";
my $json = JSON::PP->new->canonical->utf8;

our $secret = 'a secret for tests, longer than 32 bytes';

# Where PostGraphile and its node are installed, once for all tests of a run.
sub folder
{
	return "$ENV{TESTDATADIR}/graphql";
}

# Makes the roles and the schema, installs PostGraphile and starts it. Further
# arguments are its settings.
sub start
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

	system_or_bail($program, 'install', folder());
	$node->safe_psql('books', roles());
	$self->make_schema;
	local %ENV = (
		%ENV,
		TRAINLEDGER_DATABASE => sprintf('postgres:///books?host=%s&port=%s&user=authenticator',
			$node->host, $node->port),
		TRAINLEDGER_JWT_SECRET => $secret,
		TRAINLEDGER_PORT => $port,
		%settings);
	$self->{server} = IPC::Run::start([ $program, 'run', folder() ],
		'<', '/dev/null', '>', $self->{log}, '2>&1');
	$self->wait_for_answer;
	return $self;
}

sub roles
{
	my $sql = "CREATE ROLE authenticator LOGIN NOINHERIT;
		CREATE ROLE web_anon; GRANT web_anon TO authenticator;\n";

	$sql .= "CREATE ROLE web_$_; GRANT web_$_ TO authenticator;
		SELECT trainledger.grant_access('web_$_', '$_');\n"
	  foreach qw(learner reader operator admin);
	return $sql;
}

# Runs the script as a DBA does, as it is installed.
sub make_schema
{
	my ($self) = @_;
	my $node = $self->{node};
	my $share = $node->config_data('--sharedir');

	$node->command_ok(
		[
			'psql', '-X', '-q', '-d', $node->connstr('books'), '-f',
			"$share/extension/trainledger_graphql.sql"
		],
		'trainledger_graphql.sql runs');
	return;
}

sub wait_for_answer
{
	my ($self) = @_;

	foreach (1 .. 300)
	{
		my ($status) = $self->ask(undef, '{ __typename }');
		return if $status == 200;
		last unless $self->{server}->pumpable;
		sleep 0.2;
	}
	die "PostGraphile does not answer:\n" . slurp_file($self->{log});
}

# A signed token with these claims, good for an hour unless they say otherwise.
sub token
{
	my ($claims, %options) = @_;
	my $head = { alg => 'HS256', typ => 'JWT', %{ $options{head} // {} } };
	my $text = join '.', map { encode_base64url($json->encode($_)) }
	  $head, { exp => time + 3600, %$claims };

	return "$text."
	  . encode_base64url(hmac_sha256($text, $options{secret} // $secret));
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

# New connections see new settings of the database, such as trainledger.clock.
sub reconnect
{
	my ($self) = @_;

	$self->{node}->safe_psql('books',
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
		 WHERE usename = 'authenticator'");
	return;
}

sub stop
{
	my ($self) = @_;

	$self->{server}->signal('TERM');
	eval { $self->{server}->finish };
	return;
}

1;
