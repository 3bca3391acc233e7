# The commands of doc/deploy.md as they are printed: a token signed with openssl,
# TLS, health. Paths of a real machine are those of the test instead.

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $text = slurp_file(dirname(__FILE__) . '/../../doc/deploy.md');
my $node = start_books('deploy');
TrainLedger::Faces::make_roles($node);
$node->safe_psql('books', "SELECT trainledger.add_party('person', 'Ann', id => 1)");
my $faces = TrainLedger::Faces->start($node, 'books');
my $etc = PostgreSQL::Test::Utils::tempdir;

# The block that holds a text
sub block
{
	my ($kind, $pattern) = @_;
	my ($block) = grep { /$pattern/ } $text =~ /^```$kind\n(.*?)^```$/msg;

	die "no $kind with $pattern" unless defined $block;
	$block =~ s,/etc/trainledger/,$etc/,g;
	$block =~ s,http://127\.0\.0\.1:8080,@{[ $faces->address ]},g;
	return $block;
}

# What bash prints when the commands are pasted
sub pasted
{
	my (@commands) = @_;
	my ($out, $err);

	IPC::Run::run([ 'bash', '-eu', '-o', 'pipefail', '-c', join "\n", @commands ], \undef, \$out, \$err)
	  or die "$out$err";
	chomp $out;
	return $out;
}

# ----------------------------------------------------------------------
# Tokens
# ----------------------------------------------------------------------

pasted(block(sh => 'openssl rand'));
like(slurp_file("$etc/jwt.secret"), qr/^[0-9a-f]{64}\n$/, 'a secret');
open my $secret, '>', "$etc/jwt.secret" or die $!;
print $secret $faces->{secret};
close $secret;
my $token = pasted(block(sh => 'base64url'), 'echo "$TOKEN"');
is($faces->request($token, GET => '/parties?select=name')->{body}, '[{"name":"Ann"}]', 'a token signed in the shell is one');
is($faces->request($token . 'x', GET => '/parties')->{status}, 401, 'another is not');

# ----------------------------------------------------------------------
# TLS
# ----------------------------------------------------------------------

pasted(block(sh => 'openssl req'));
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $listen = block(nginx => 'listen 443') =~ s/443/$port/r;
my $folder = "$etc/nginx";
mkdir $folder;
for my $file ('nginx.conf', 'trainledger.conf')
{
	my $conf = slurp_file("$faces->{folder}/$file");

	$conf =~ s/\Q$faces->{folder}\E/$folder/g;
	ok($conf =~ s/^\s*listen [^;]*;\n/$listen/m, 'the line is replaced') if $file eq 'trainledger.conf';
	append_to_file("$folder/$file", $conf);
}
command_ok([ $ENV{NGINX_BIN}, '-p', "$folder/", '-e', "$folder/error.log", '-c', "$folder/nginx.conf" ], 'nginx takes it');

# An answer over TLS, to who trusts the certificate
sub secure
{
	my ($request, @trust) = @_;
	my $answer = '';

	IPC::Run::run(
		[ 'openssl', 's_client', '-quiet', '-connect', "127.0.0.1:$port", '-servername', 'books.example.com',
			'-verify_hostname', 'books.example.com', '-verify_return_error', @trust ],
		\"$request HTTP/1.1\r\nHost: books.example.com\r\nAuthorization: Bearer $token\r\nConnection: close\r\n\r\n",
		\$answer, '2>', '/dev/null');
	return $answer;
}

like(secure('GET /parties?select=name', '-CAfile', "$etc/tls.crt"), qr/^HTTP\/1\.1 200 .*\[\{"name":"Ann"\}\]/s, 'it answers over TLS');
is(secure('GET /parties'), '', 'to nobody who does not know the certificate');
chomp(my $pid = slurp_file("$folder/nginx.pid"));
kill 'TERM', $pid;

# ----------------------------------------------------------------------
# Health
# ----------------------------------------------------------------------

pasted(block(sh => 'fail --silent .*/ready') =~ s/^curl --fail --silent (\S+)/perl -MHTTP::Tiny -e 'exit !HTTP::Tiny->new->get("$1")->{success}'/r);
ok(1, 'ready');
$node->stop('immediate');
my $status;
for (1 .. 100)
{
	$status = $faces->request(undef, GET => '/ready')->{status};
	last if $status != 200;
	sleep 0.1;
}
is($status, 503, 'not ready without the database');
is($faces->request($token, GET => '/parties')->{status}, 503, 'which is what a call says');
is($faces->request($token, GET => '/tokens')->{type}, 'application/xml', 'in its form');
$node->start;
for (1 .. 300)
{
	$status = $faces->request(undef, GET => '/ready')->{status};
	last if $status == 200;
	sleep 0.1;
}
is($status, 200, 'ready again with it');
is($faces->request($token, GET => '/parties?select=name')->{status}, 200, 'and so is a call');
$node->stop;
done_testing();
