# `make scale`: a front and four nodes with the REST face.  A token of each level
# reads and books what its level may, rows are at the node that the map names,
# and at Ctrl-C nothing of it is left.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger::Faces;
use TrainLedger::Http;

TrainLedger::Faces::needed();

my $root = abs_path(dirname(__FILE__) . '/../..');
my $port = PostgreSQL::Test::Cluster::get_free_port();
my %ports = (NGINX_PORT => $port,
	map { $_ => PostgreSQL::Test::Cluster::get_free_port() } qw(REST_PORT ADMIN_PORT));
my ($out, $err) = ('', '');

# --- It starts, and says how to use it

# with what is built already
local %ENV = (%ENV, %ports, TRAINLEDGER_BUILT => 1);
local $SIG{INT} = 'DEFAULT';
my $run = IPC::Run::start(["$root/test/harness/scale.sh"], '<', \undef, '>', \$out, '2>', \$err,
	IPC::Run::timeout(600));
END
{
	local $?;
	$run->kill_kill if $run && $run->pumpable;
}
$run->pump until $out =~ /move_homes\.sh.*\n.*\n/ || !$run->pumpable;
my %line = $out =~ /^(?:export )?([A-Z]+)='?(.*?)'?$/mg;
like($line{BOOKS}, qr/:$port$/, 'make scale says where the books are') or diag $out, $err;
my ($folder) = $line{FRONT} =~ m{host=(\S+)/front/socket };
ok(-d $folder, 'they are in a folder');

# SQL at the front or at a node
sub at
{
	my ($server, $sql) = @_;
	my ($answer, $problem) = ('', '');

	IPC::Run::run([ 'psql', '-X', '-A', '-t', '-q', '-d', "host=$folder/$server/socket port=5432 user=postgres dbname=books", '-c', $sql ],
		'<', \undef, '>', \$answer, '2>', \$problem) or die $problem;
	chomp $answer;
	return $answer;
}

# --- Each level, at the REST face

my $http = TrainLedger::Http->new($port);
my @nodes = map { "n$_" } 1 .. 4;

sub request
{
	my ($level, $method, $path, $content, %headers) = @_;

	return $http->request($method, $path,
		{ Authorization => 'Bearer ' . $line{ uc $level }, 'Content-Type' => 'application/json', %headers },
		defined $content ? encode_json($content) : undef);
}

sub balance
{
	my ($level, $party) = @_;
	my $answer = request($level, GET => "/credit-token/balance/default/id:$party.json");

	return $answer->{status} == 200 ? decode_json($answer->{content})->{balance} : $answer->{status};
}

# One party of each node; 35 is the learner
foreach my $party (20, 35, 66, 98)
{
	my $home = at('front', "SELECT node FROM trainledger_proxy.home WHERE home = $party % 1024");
	my $balance = at($home, "SELECT balance FROM trainledger.account WHERE party_id = $party");

	like($balance, qr/^\d/, "$home keeps the account of $party");
	is(join(' ', map { balance($_, $party) } qw(reader operator admin)), join(' ', (0 + $balance) x 3), 'its balance is asked there');
	is(balance('learner', $party), $party == 35 ? 0 + $balance : 404, 'a learner asks for his own');
	is( join(' ',
			map { request($_, POST => '/credit-token/transaction/add', { delegate_id => $party, amount => 1, source => "256 $_", description => 'x', recordedAt => 1767225600 })->{status} }
			  qw(learner reader operator admin)),
		'403 403 201 201', 'operator and admin book');
	is(join(' ', map { at($_, "SELECT count(*) FROM trainledger.entry WHERE source LIKE '256 %' AND account_id % 1024 = $party") } @nodes),
		join(' ', map { $_ eq $home ? 2 : 0 } @nodes), "and the rows are at $home alone");
	is(balance('operator', $party), $balance + 2, 'the balance is a new one');
}
is(at('front', "SELECT count(*), count(DISTINCT booking_no) FROM trainledger.entry WHERE source LIKE '256 %'"), '8|8', 'the front sees all of them');
is(at($_, 'SELECT count(*) FROM trainledger.reconcile()'), 0, "$_: reconcile") for @nodes;

# A node commits each call: none is tried, and a read may be.
my $event = { delegate_id => 20, amount => 1, source => '256 tried', description => 'x', recordedAt => 1767225600 };
foreach my $call ([ '/credit-token/transaction/add', $event ],
	[ '/rpc/credit_add', { party_id => 20, amount => 1, source => '256 tried', description => 'x', recorded_at => '2026-01-01' } ])
{
	my ($path, $body) = @$call;
	my $tried = request('operator', POST => $path, $body, Prefer => 'tx=rollback');

	is($tried->{status}, 409, "$path is not tried at the front");
}
is(at('front', "SELECT count(*) FROM trainledger.entry WHERE source = '256 tried'"), 0, 'and not booked');
my ($from, $to) = map { at('front', "SELECT id FROM trainledger.account WHERE party_id = $_ AND name = 'default' LIMIT 1") } 20, 66;
my $transfer = request('operator', POST => '/rpc/credit_transfer', { from_account_id => 0 + $from, to_account_id => 0 + $to, amount => 1, source => '256 tried' });
is("$transfer->{status} " . decode_json($transfer->{content})->{code}, '409 TL409', 'nor is a transfer between nodes');
foreach my $skips (JSON::PP::false, JSON::PP::true)
{
	my $batch = request('operator', POST => '/rpc/post_batch', { account_ids => [ (0 + $from, 0 + ($skips ? $to : $from)) x 5001 ], deltas => [ (1) x 10002 ], source => '256 tried', skip_refused => $skips });
	is("$batch->{status} " . decode_json($batch->{content})->{message}, '400 the answer has too many rows', 'nor is a batch booked whose answer would be cut');
}
is(at('front', "SELECT count(*) FROM trainledger.entry WHERE source = '256 tried'"), 0, 'nothing of it is');
is(request('reader', GET => '/credit-token/balance/default/id:20.json', undef, Prefer => 'tx=rollback')->{status}, 200, 'a read is answered');

# Nor does a role ask that SET SESSION AUTHORIZATION has ended.
is(at('front', 'SET ROLE web_reader; SELECT trainledger.credit_balance(20) IS NOT NULL'), 't', 'a reader asks for others');
eval { at('front', 'SET ROLE web_reader; SET SESSION AUTHORIZATION web_learner; SELECT trainledger.credit_balance(20)') };
like($@, qr/^ERROR: /, 'a learner who was a reader does not');

# --- Nothing is left

# Processes that work in the folder, or whose command names it
sub processes
{
	return grep { (readlink "$_/cwd" // '') =~ /^\Q$folder\E/ || (-r "$_/cmdline" && slurp_file("$_/cmdline") =~ /\Q$folder\E/) } glob '/proc/[0-9]*';
}
cmp_ok(scalar processes(), '>=', 7, 'servers, PgBouncer and faces run');
$run->signal('INT');
$run->finish;
is($run->full_result(0) >> 8, 130, 'Ctrl-C ends it');
ok(!-e $folder, 'the folder is gone');
is(scalar processes(), 0, 'so are the processes');
done_testing();
