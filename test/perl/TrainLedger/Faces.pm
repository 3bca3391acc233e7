# The REST face in front of a test's server, and a client for it.
#
#   TrainLedger::Faces::make_roles($node);
#   my $faces = TrainLedger::Faces->start($node, 'books');
#   my $answer = $faces->request($token, GET => '/parties?select=id');
#   $faces->stop;
#
# An answer is { status => 200, type => 'application/json', body => '...',
# json => ..., headers => {...} }.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Faces;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger::Http;
use TrainLedger::Token;

my $script = abs_path(dirname(__FILE__) . '/../../harness/faces.sh');
my $roles = abs_path(dirname(__FILE__) . '/../../../doc/deploy/roles.sql');

# Numbers stay texts, so that 1.10 and 1.1 differ and nothing is rounded.
my $json = JSON::PP->new->utf8->allow_nonref->allow_bignum;

# The programs come with make test; without them there is nothing to test.
sub needed
{
	plan skip_all => 'PostgREST and nginx are not there (make test has them)'
	  unless $ENV{POSTGREST_BIN} && $ENV{NGINX_BIN};
	return;
}

# The roles that tokens name, with their levels in the database "books" and
# in what is copied from it
sub make_roles
{
	my ($node) = @_;

	$node->safe_psql('books', slurp_file($roles));
	return;
}

# Starts PostgREST and nginx for a database of a server.
sub start
{
	my ($class, $node, $database) = @_;
	my $self = bless {
		folder => "$PostgreSQL::Test::Utils::log_path/rest_" . $node->name . "_$database",
		rest_port => PostgreSQL::Test::Cluster::get_free_port(),
		admin_port => PostgreSQL::Test::Cluster::get_free_port(),
		web_port => PostgreSQL::Test::Cluster::get_free_port(),
		secret => 'the secret of a test, known to everybody',
	}, $class;

	local %ENV = (%ENV, $node->_get_env,
		PGDATABASE => $database,
		TRAINLEDGER_JWT_SECRET => $self->{secret},
		REST_PORT => $self->{rest_port},
		ADMIN_PORT => $self->{admin_port},
		NGINX_PORT => $self->{web_port});
	system('bash', $script, 'start', $self->{folder}) == 0
	  or die 'the faces do not start';
	$self->{http} = TrainLedger::Http->new($self->{web_port});
	return $self;
}

# A token for one of the roles of doc/deploy/roles.sql, with more claims
sub token
{
	my ($self, $level, %claims) = @_;

	return sign_token($self->{secret},
		{ role => "web_$level", exp => time + 3600, %claims });
}

# Sends a request to nginx. content is sent as it is where it is a text, as
# JSON where it is not.
sub request
{
	my ($self, $token, $method, $path, $content, %headers) = @_;

	$headers{Authorization} = "Bearer $token" if defined $token;
	if (defined $content)
	{
		$headers{'Content-Type'} //= 'application/json';
		$content = $json->encode($content) if ref $content;
	}
	my $response = $self->{http}->request($method, $path, \%headers, $content);
	my ($type) = ($response->{headers}{'content-type'} // '') =~ /^([^;]*)/;
	my $answer = {
		status => $response->{status},
		type => $type,
		headers => $response->{headers},
		body => $response->{content},
	};
	$answer->{json} = eval { $json->decode($response->{content}) }
	  if $type =~ /json$/;
	return $answer;
}

# What `make serve` prints for a shell
sub lines
{
	my ($self) = @_;

	return lines_for($self->{secret}, NGINX_PORT => $self->{web_port});
}

# The same for servers at other ports
sub lines_for
{
	my ($secret, %ports) = @_;

	local %ENV = (%ENV, %ports, TRAINLEDGER_JWT_SECRET => $secret);
	chomp(my $lines = `bash $script lines`);
	return $lines;
}

# Where nginx listens
sub address
{
	my ($self) = @_;

	return "http://127.0.0.1:$self->{web_port}";
}

# A text as a part of a path or query, and back
sub encoded
{
	my (undef, $text) = @_;

	utf8::encode($text);
	$text =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
	return $text;
}

sub decoded
{
	my (undef, $text) = @_;

	$text =~ s/%([[:xdigit:]]{2})/chr hex $1/ge;
	return $text;
}

# Lets PostgREST give up its connections, and waits until it has: settings of
# the database are for new ones.
sub reconnect
{
	my ($self, $node) = @_;
	my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	chomp(my $pid = slurp_file("$self->{folder}/postgrest.pid"));

	kill 'USR1', $pid;
	$node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity"
		  . " WHERE usename = 'authenticator' AND query NOT LIKE 'LISTEN%'"
		  . " AND backend_start < '$now')")
	  or die 'PostgREST keeps its connections';
	return;
}

sub stop
{
	my ($self) = @_;

	return unless $self->{http};
	system('bash', $script, 'stop', $self->{folder});
	$self->{http} = undef;
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $!);
	$self->stop;
	return;
}

1;
