# The worker of doc/deploy/feed, which posts the feed to a URL: to a receiver that
# fails one time in ten in every way it can, while the worker is stopped and
# killed, loses its session and its server, and the receiver goes away. Every
# event arrives, in order, with a right signature, and nothing is acknowledged
# that was not taken. Then each setting and each way to fail by itself.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::SHA;
use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;
use TrainLedger::Receiver;

my $shipped = dirname(__FILE__) . '/../../doc/deploy/feed';
my $python = '/usr/bin/python3';
plan skip_all => "NOT RUN: $python has no psycopg2"
  if !-x $python || system("$python -c 'import psycopg2' 2>/dev/null") != 0;

# make soak N=100000 writes as many; make test fewer than it asks for
my $size = soak() > 2000 ? soak() : 600;
my $seed = $ENV{TRAINLEDGER_SEED} || int rand 1e9;
note "seed $seed, $size events";
srand $seed;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = start_books('feed_worker', 'log_min_messages = log');
add_role($node, 'feeder', 'reader');
$node->safe_psql('books', <<'SQL');
SELECT trainledger.add_party('person', 'Person ' || i, id => i) FROM generate_series(1, 4) i;
SELECT trainledger.credit_init(i, 1000000, 'setup', 'Gebühr "1" \ 2', now()) FROM generate_series(1, 4) i;
SQL

# ----------------------------------------------------------------------
# Workers and what they are told
# ----------------------------------------------------------------------

sub secret_file
{
	my ($name, @secrets) = @_;

	unlink "$folder/$name";
	append_to_file("$folder/$name", join '', map {"$_\n"} @secrets);
	chmod 0600, "$folder/$name";
	return "$folder/$name";
}

sub new_secret
{
	chomp(my $secret = `openssl rand -base64 32`);
	return "whsec_$secret";
}

my @secrets = map { new_secret() } 1 .. 2;
my $receiver = TrainLedger::Receiver->start("$folder/receiver", $secrets[0]);
my %usual = (
	CONSUMER => 'shop',
	URL => 'http://127.0.0.1:' . $receiver->port . '/hook?to=me',
	SECRET_FILE => secret_file('secret', $secrets[0]),
	DATABASE => 'host=' . $node->host . ' port=' . $node->port . ' user=feeder dbname=books',
	BATCH => 100,
	TIMEOUT => 0.2,
	MIN_BACKOFF => 0.01,
	MAX_BACKOFF => 0.1,
	POLL => 0.1);
my @logs;

# Starts a worker with other settings than the usual ones
sub start_worker
{
	my (%settings) = @_;
	my $worker = { log => "$folder/worker" . @logs };

	%settings = (%usual, %settings);
	push @logs, $worker->{log};
	local @ENV{ map {"TRAINLEDGER_FEED_$_"} keys %settings } = values %settings;
	$worker->{run} = IPC::Run::start([ $python, '-I', "$shipped/trainledger_feed.py" ],
		'<', \undef, '>&', $worker->{log});
	$worker->{since} = time;
	return $worker;
}

sub said { return slurp_file($_[0]{log}) }

# Whether something comes true within a minute or so
sub wait_for
{
	my ($test) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $test->();
		sleep 0.1;
	}
	return 0;
}

sub wait_until_said
{
	my ($worker, $pattern, $name) = @_;

	ok(wait_for(sub { said($worker) =~ $pattern }), $name) or diag said($worker);
	return;
}

# Waits until it has ended; its status, or that of the signal
sub end_of
{
	my ($worker) = @_;

	$worker->{run}->finish;
	my $status = $worker->{run}->full_result;
	return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
}

# Sends a signal and returns the status and how long the end took
sub end_worker
{
	my ($worker, $signal) = @_;
	my $since = time;

	$worker->{run}->signal($signal);
	my $status = end_of($worker);
	return ($status, time - $since);
}

# A worker after one that was killed, whose session may still have the lock
sub start_again
{
	my (%settings) = @_;

	for (1 .. 100)
	{
		my $worker = start_worker(%settings);
		wait_for(sub { said($worker) ne '' });
		return $worker if said($worker) !~ /is running$/m;
		end_of($worker);
		sleep 0.1;
	}
	die 'the lock of a worker that was killed is not free';
}

# ----------------------------------------------------------------------
# Events
# ----------------------------------------------------------------------

my @writers = sessions($node, 3);
my $written = 0;

sub write_events
{
	my ($count) = @_;
	my $left = $count;

	drive(
		\@writers,
		sub {
			return if $left-- <= 0;
			$written++;
			my $party = 1 + int rand 4;
			return "SELECT FROM trainledger.credit_hold($party, 1, 'shop', 'hold $written')"
			  if $written % 10 == 0;
			return "SELECT FROM trainledger.credit_add($party, 1, 'shop', 'event $written', now())";
		},
		sub { is($_[1]{sqlstate}, '00000', 'an event') if $_[1]{sqlstate} ne '00000'; return; });
	return;
}

# The last event while nothing is written
sub last_event
{
	return $node->safe_psql('books', <<'SQL');
SELECT position FROM (
	SELECT booking_no, concat_ws('.', booking_no, 'E1', account_id, entry_no) FROM trainledger.entry
	UNION ALL
	SELECT booking_no, concat_ws('.', booking_no, 'H1', id) FROM trainledger.hold_event
	) AS event(booking_no, position)
ORDER BY booking_no DESC, position COLLATE "C" DESC LIMIT 1
SQL
}

sub acknowledged
{
	my ($consumer) = @_;

	return $node->safe_psql('books', "SELECT concat_ws('.', booking_no, kind, nullif(id, 0), nullif(entry_no, 0)) FROM trainledger.feed_consumer WHERE consumer = '$consumer'");
}

sub wait_until_acknowledged
{
	my ($consumer, $name) = @_;
	my $last = last_event();

	my $is_done = sub { acknowledged($consumer) eq $last };

	# many take longer than what is waited for when nothing happens
	while (!$is_done->())
	{
		my $count = $receiver->received;
		last if !wait_for(sub { $is_done->() || $receiver->received > $count });
	}
	ok($is_done->(), $name)
	  or diag "not $last but " . acknowledged($consumer);
	return;
}

# What is acknowledged, and after that how much has come
my @samples;

sub sample
{
	push @samples, [ acknowledged('shop'), scalar $receiver->received ];
	return;
}

# The first of what should not be there
sub few { return join ' ', @_ > 5 ? (@_[ 0 .. 4 ], '...') : @_ }

# ----------------------------------------------------------------------
# All of it at once
# ----------------------------------------------------------------------

my %disturb = (
	'is stopped' => sub {
		my ($worker) = @_;
		my ($status, $seconds) = end_worker($worker, 'TERM');

		is($status, 0, 'a worker that is stopped ends well') or diag said($worker);
		cmp_ok($seconds, '<', 10, 'and soon');
		sample();
		return start_again();
	},
	'is killed' => sub {
		is((end_worker($_[0], 'KILL'))[0], 'signal 9', 'a worker is killed');
		sample();
		return start_again();
	},
	'loses its session' => sub {
		$node->safe_psql('postgres',
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trainledger_feed'");
		return $_[0];
	},
	'loses its server' => sub {
		$_->quit for @writers;
		$node->stop('immediate');
		$node->start;
		@writers = sessions($node, 3);
		return $_[0];
	},
	'loses its receiver' => sub {
		$receiver->stop;
		sleep 0.3;
		$receiver->restart;
		return $_[0];
	},
);

$receiver->answers(TrainLedger::Receiver::good(), TrainLedger::Receiver::bad());
write_events($size / 6);
my $worker = start_worker();
my $disturbances = 0;
for my $round (1 .. 5)
{
	write_events($size / 6);
	for my $what (sort keys %disturb)
	{
		next if $what eq 'loses its server' && $round != 3;
		my $before = $receiver->received;
		wait_for(sub { $receiver->received > $before + $size / 60 || acknowledged('shop') eq last_event() });
		sample();
		$worker = $disturb{$what}->($worker);
		$disturbances++;
	}
}
wait_until_acknowledged('shop', 'everything is delivered in the end');
is((end_worker($worker, 'TERM'))[0], 0, 'the worker ends');

# the log has what the feed is to bring, and in which order
$node->safe_psql('books', "SELECT trainledger.start_log('books.example/ledger', 'Opening')");
$node->poll_query_until('books', "SELECT trainledger.seal() > 0 AND value = 0 FROM trainledger.ledger_metrics WHERE name = 'seal_lag_entries'")
  or die 'not everything was sealed';
my @expected = rows($node,
	"SELECT concat_ws('.', booking_no, kind, array_to_string(key, '.')) FROM trainledger.log_leaf ORDER BY booking_no, kind, key");
my @received = $receiver->received;
note scalar(@expected) . ' events in ' . scalar(@received) . ' requests';
cmp_ok(scalar @expected, '>=', $size, 'there are as many events as were written');
is(few(grep { $_ ne '' } map { $_->{problem} } @received), '', 'every request is as it should be');

# One pass over what came: $good is the number of events taken so far, all
# without a gap from the first.
my %number = map { $expected[$_] => $_ } 0 .. $#expected;
my (@prefix, @too_early, %digest, @unknown, @altered);
my ($good, $back, $last) = (0, 0, -1);
for my $event (@received)
{
	my $number = $number{ $event->{id} };

	push(@unknown, $event->{id}), next if !defined $number;
	push @too_early, $event->{id} if $number > $good;
	push @altered, $event->{id} if ($digest{ $event->{id} } //= $event->{digest}) ne $event->{digest};
	$back++ if $number < $last;
	$last = $number;
	$good = $number + 1
	  if $number == $good && TrainLedger::Receiver::is_good($event->{answer});
	push @prefix, $good;
}
is(few(@unknown), '', 'nothing came that is not in the log');
is(few(@too_early), '', 'nothing came before all before it was taken');
is($good, scalar @expected, 'and in the end all of it was');
is(few(@altered), '', 'an event that comes again is the same');
cmp_ok($back, '<=', $disturbances, 'events come again only after a disturbance');
my @ahead = grep { $_->[0] ne '' && $number{ $_->[0] } >= ($_->[1] && $prefix[ $_->[1] - 1 ]) } @samples;
is(few(map { $_->[0] } @ahead), '', 'nothing was acknowledged that had not been taken');
cmp_ok(scalar(grep { $_->[0] ne '' } @samples), '>', 20, 'which was looked at often');
my %bad = map { $_->{answer} => 1 } @received;
is("@{[ grep { !$bad{$_} } TrainLedger::Receiver::bad() ]}", '', 'every failure was there');


# ----------------------------------------------------------------------
# One thing after another
# ----------------------------------------------------------------------

# What came since a number of requests
sub came
{
	my ($since) = @_;

	return map { $_->{id} } $receiver->received($since);
}

# Writes one event, which is the last then; returns how many requests there were
sub one_more
{
	my $count = $receiver->received;

	write_events(1);
	return $count;
}

$receiver->answers('good');
$usual{TIMEOUT} = 60;
$worker = start_worker();
one_more();
wait_until_acknowledged('shop', 'one event');

# One worker to a consumer
my $second = start_worker();
is(end_of($second), 75, 'a second worker of the consumer ends');
cmp_ok(time - $second->{since}, '<', 30, 'at once');
is(said($second), "trainledger_feed: another worker of consumer 'shop' is running\n", 'and says why');
$node->safe_psql('books', "SELECT trainledger.feed_ack('till', 'end')");
my $other = start_worker(CONSUMER => 'till');
wait_until_said($other, qr/started: consumer 'till'/, 'that of another consumer runs');
is((end_worker($other, 'INT'))[0], 0, 'until SIGINT');

# Stopping: while nothing happens, in a request that hangs, and while it waits
my ($status, $seconds) = end_worker($worker, 'TERM');
is($status, 0, 'an idle worker stops');
cmp_ok($seconds, '<', 10, 'at once');
$receiver->answers('hang');
my $count = one_more();
my $before = acknowledged('shop');
$worker = start_worker();
wait_for(sub { $receiver->received > $count });
($status, $seconds) = end_worker($worker, 'TERM');
is($status, 0, 'a worker with a request that hangs stops');
cmp_ok($seconds, '<', 20, 'long before the request is over');
is(acknowledged('shop'), $before, 'and acknowledges nothing');
$receiver->answers('500');
$count = $receiver->received;
$worker = start_worker(MIN_BACKOFF => 300, MAX_BACKOFF => 300);
wait_until_said($worker, qr/answers 500/, 'a worker that waits after a failure');
($status, $seconds) = end_worker($worker, 'TERM');
is($status, 0, 'stops');
cmp_ok($seconds, '<', 10, 'at once');
is(scalar(came($count)), 1, 'after one request');

# Back-off: longer and longer, up to the maximum
$count = $receiver->received;
$worker = start_worker(MIN_BACKOFF => 0.1, MAX_BACKOFF => 0.4);
wait_for(sub { $receiver->received >= $count + 6 });
my @at = map { $_->{at} } $receiver->received($count);
my @short = grep { $at[$_] - $at[ $_ - 1 ] < (0, 0.05, 0.1, 0.2, 0.2, 0.2)[$_] } 1 .. 5;
is("@short", '', 'each wait is at least half of twice the last one, up to the maximum')
  or diag "@at";
is_deeply([ keys %{ { map { $_ => 1 } came($count) } } ], [ last_event() ], 'for the same event');
end_worker($worker, 'TERM');

# Retry-After
for my $case ([ 503, 60, 2 ], [ 429, 1, 1 ])
{
	my ($answer, $most, $seconds) = @$case;

	$receiver->answers($answer);
	$count = $receiver->received;
	$worker = start_worker(MAX_BACKOFF => $most);
	wait_for(sub { $receiver->received >= $count + 2 });
	@at = map { $_->{at} } $receiver->received($count);
	cmp_ok($at[1] - $at[0], '>', $seconds - 0.01, "Retry-After of a $answer counts");
	cmp_ok($at[1] - $at[0], '<', 30, 'up to the maximum');
	end_worker($worker, 'TERM');
}

# Gone
$receiver->answers('410');
$before = acknowledged('shop');
$worker = start_worker();
is(end_of($worker), 69, 'a worker whose receiver wants no more ends');
like(said($worker), qr/answered 410: it wants no more$/, 'and says so');
is(acknowledged('shop'), $before, 'what was not taken is not acknowledged');
$receiver->answers('good');
$worker = start_worker(TIMEOUT => 1);
wait_until_acknowledged('shop', 'it comes when the receiver wants it');

# Somebody else acknowledges; rights are taken and given
$receiver->answers('hang');
$count = one_more();
write_events(2);
wait_for(sub { $receiver->received > $count });
$node->poll_query_until('books', <<"SQL") or die 'the feed does not go on';
SELECT booking_no >= split_part('@{[ last_event() ]}', '.', 1)::bigint
FROM trainledger.feed_ack('shop', 'end'), trainledger.feed_consumer WHERE consumer = 'shop'
SQL
$receiver->answers('good');
wait_until_said($worker, qr/waits for the database: position was acknowledged before \(TL400\)\n.*goes on/s,
	'events that another acknowledged are no news');
one_more();
wait_until_acknowledged('shop', 'and the next one comes');
$node->safe_psql('books', "SELECT trainledger.revoke_access('feeder')");
wait_until_said($worker, qr/waits for the database: permission denied.* \(42501\)/, 'without the right it waits');
one_more();
$node->safe_psql('books', "SELECT trainledger.grant_access('feeder', 'reader')");
wait_until_acknowledged('shop', 'and goes on with it');
end_worker($worker, 'TERM');

# A notice wakes it
$worker = start_worker(POLL => 600);
wait_until_said($worker, qr/started/, 'a worker that hardly ever looks');
sleep 0.5;
one_more();
$node->poll_query_until('books',
	"SELECT trainledger.seal() > 0 AND value = 0 FROM trainledger.ledger_metrics WHERE name = 'seal_lag_entries'");
wait_until_acknowledged('shop', 'is told by seal()');
end_worker($worker, 'TERM');

# Two secrets, while they are changed
$receiver->stop;
is(few(grep { $_ ne '' } map { $_->{problem} } $receiver->received), '', 'every request was as it should be');
my $both = TrainLedger::Receiver->start("$folder/both", @secrets);
one_more();
$worker = start_worker(
	URL => 'http://localhost:' . $both->port . '/hook?to=me',
	SECRET_FILE => secret_file('both_secrets', @secrets));
wait_until_acknowledged('shop', 'a worker with two secrets');
is_deeply([ map { $_->{problem} } $both->received ], [''], 'signs with both');
end_worker($worker, 'TERM');
$both->stop;

# The body is the event as the feed gives it
my ($head, $body) = split /\n\n/, slurp_file("$folder/both/request"), 2;
my $digest = $node->safe_psql('books', <<"SQL");
SELECT encode(sha256(convert_to(event::text, 'UTF8')), 'hex') FROM trainledger.feed_read('nobody', 10000)
WHERE position = '@{[ last_event() ]}'
SQL
is(Digest::SHA::sha256_hex($body), $digest, 'the body is the event') if $size <= 5000;

# ----------------------------------------------------------------------
# TLS
# ----------------------------------------------------------------------

my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($in, $out, $err) = ('', '', '');
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
	'-addext', 'subjectAltName=DNS:localhost', '-keyout', "$folder/tls.key", '-out', "$folder/tls.crt");
my $secure = IPC::Run::start(
	[ 'openssl', 's_server', '-quiet', '-accept', "127.0.0.1:$port", '-cert', "$folder/tls.crt", '-key', "$folder/tls.key" ],
	'<', \$in, '>', \$out, '2>', \$err);
one_more();
$worker = start_worker(URL => "https://localhost:$port/hook");
wait_until_said($worker, qr/certificate verify failed/, 'a certificate that nobody vouches for');
end_worker($worker, 'TERM');
{
	local $ENV{SSL_CERT_FILE} = "$folder/tls.crt";

	$worker = start_worker(URL => "https://127.0.0.1:$port/hook");
	wait_until_said($worker, qr/certificate verify failed/, 'or of another name is not accepted');
	end_worker($worker, 'TERM');
	$secure->pump_nb;
	is($out, '', 'and nothing was sent');
	$worker = start_worker(URL => "https://localhost:$port/hook");
}
wait_for(sub { $secure->pump_nb; $out =~ /\}$/ });
like($out, qr/^POST \/hook HTTP.*"specversion"/s, 'it is, with the certificate of its authority');
$in = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
ok(wait_for(sub { $secure->pump_nb; acknowledged('shop') eq last_event() }), 'and the event is delivered');
end_worker($worker, 'TERM');
$secure->kill_kill;

# ----------------------------------------------------------------------
# Settings
# ----------------------------------------------------------------------

my $short = secret_file('short', 'whsec_' . 'A' x 8);
my $bare = secret_file('bare', $secrets[0] =~ s/whsec_//r);
my $open = secret_file('open', $secrets[0]);
chmod 0644, $open;
my @wrong = (
	[ CONSUMER => '', 'is not set' ],
	[ URL => '', 'is not set' ],
	[ URL => 'ftp://127.0.0.1/s3cret', 'must be an https URL' ],
	[ URL => 'https://127.0.0.1:99999/s3cret', 'is not a URL' ],
	[ URL => 'https://ann:s3cret@example.com/', 'must not have a user' ],
	[ URL => 'http://example.com/s3cret', 'must be https' ],
	[ SECRET_FILE => "$folder/none", 'cannot be read: No such file' ],
	[ SECRET_FILE => $short, 'must have whsec_' ],
	[ SECRET_FILE => $bare, 'must have whsec_' ],
	[ SECRET_FILE => $open, 'can be read by everybody' ],
	[ DATABASE => 'host=x password s3cret', 'is not a connection string' ],
	[ BATCH => '0', 'must be a number from 1 to 10000' ],
	[ TIMEOUT => 'nan', 'must be a number' ],
);
for my $case (@wrong)
{
	my ($name, $value, $said) = @$case;
	my $worker = start_worker($name => $value);

	is(end_of($worker), 78, "$name = '$value' is wrong");
	like(said($worker), qr/^trainledger_feed: TRAINLEDGER_FEED_$name \Q$said\E[^\n]*\n\z/, "which is said");
}
$worker = start_worker(URL => 'http://example.invalid/', ALLOW_HTTP => 'yes');
wait_until_said($worker, qr/started/, 'http can be allowed');
end_worker($worker, 'TERM');

# Without a database
$_->quit for @writers;
$node->stop;
$worker = start_worker();
wait_until_said($worker, qr/waits for the database: connection to server/, 'a worker waits for its database');
($status, $seconds) = end_worker($worker, 'TERM');
is($status, 0, 'and stops');
cmp_ok($seconds, '<', 10, 'at once');
$node->start;

# ----------------------------------------------------------------------
# What nobody is to see
# ----------------------------------------------------------------------

my $logs = join '', slurp_file($node->logfile), map { slurp_file($_) } @logs;
is(scalar(grep { index($logs, s/whsec_//r) >= 0 } @secrets), 0, 'no log has a secret');
unlike($logs, qr/whsec_[^ ]|s3cret|to=me/, 'nor what else could be one');
my $told = join '', map { slurp_file($_) } @logs;
unlike($told, qr/event \d|specversion|Traceback/, 'the log of the worker has no events');
cmp_ok(scalar(() = $told =~ /^(?!trainledger_feed: )/mg), '<=', scalar @logs, 'it has lines of one form');

# ----------------------------------------------------------------------
# What the documentation shows
# ----------------------------------------------------------------------

my $text = slurp_file("$shipped/README.md");
my ($check) = $text =~ /^```python\n(.*?)^```$/ms;
my ($by_hand) = $text =~ /^```sh\n(key=.*?)^```$/ms;
my %header = $head =~ /^(webhook-\S+): (.*)$/mg;
append_to_file("$folder/check.py", $check . <<'PYTHON');
import json, sys
secret, headers = sys.argv[1], json.loads(sys.argv[2])
body = open(sys.argv[3], 'rb').read().split(b'\n\n', 1)[1]
headers['webhook-timestamp'] = str(int(headers['webhook-timestamp']))
print(is_genuine(secret, headers, body), is_genuine(secret, headers, body + b' '),
      is_genuine(secret, {**headers, 'webhook-id': '1.E1.1.1'}, body),
      is_genuine(secret, {**headers, 'webhook-timestamp': '1'}, body))
PYTHON
for my $secret (@secrets)
{
	my $answer = '';

	IPC::Run::run([ $python, "$folder/check.py", $secret, encode_json(\%header), "$folder/both/request" ], '>', \$answer);
	is($answer, "True False False False\n", 'the check in Python knows what is genuine');
	append_to_file("$folder/body", $body) if !-e "$folder/body";
	local @ENV{qw(SECRET ID TIMESTAMP)} = ($secret, @header{qw(webhook-id webhook-timestamp)});
	IPC::Run::run([ 'bash', '-c', $by_hand ], '>', \$answer, init => sub { chdir $folder });
	chomp $answer;
	ok(scalar(grep { $_ eq "v1,$answer" } split / /, $header{'webhook-signature'}), 'and so does the one with openssl');
}
my $program = slurp_file("$shipped/trainledger_feed.py");
my @settings = $program =~ /^  (TRAINLEDGER_FEED_\w+)/mg;
cmp_ok(scalar @settings, '>', 8, 'there are settings');
is(few(grep { $text !~ /^\| `$_` /m } @settings), '', 'which are in the documentation');
my $unit = slurp_file("$shipped/trainledger-feed\@.service");
my $example = slurp_file("$shipped/example.conf");
is(few(grep { "$unit$example" !~ /\b$_=/ } @settings), '', 'and in the unit or the example');
is(few(grep { $program !~ /\b$_\b/ } "$unit$example$text" =~ /TRAINLEDGER_FEED_\w+/g), '', 'there are no others');

SKIP:
{
	skip 'NOT RUN: this machine has no systemd-analyze', 1 if !-x '/usr/bin/systemd-analyze';
	my $copy = "$folder/trainledger-feed\@.service";
	append_to_file($copy, $unit);
	my ($output, $good) = ('');
	$good = IPC::Run::run([ 'systemd-analyze', 'verify', '--man=no', '--recursive-errors=no', $copy ], '>&', \$output);
	ok($good && $output !~ /\Q$copy\E/, 'systemd takes the unit') or diag $output;
}

$node->stop;
done_testing();
