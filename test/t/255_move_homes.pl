# Homes move between nodes while calls go on, with doc/deploy/scale/move_homes.sh:
# first with PgBouncer before the front, which lets callers wait, then without,
# and with a node that is stopped at any moment of it. Some clients ask the front,
# others read its map and call the nodes.  What was acknowledged is booked
# once, every error of a client is one that it ends by repeating its key, and the
# homes are where the map says, and nowhere else.  What is compared while callers
# wait is what they have changed, and not the books.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use POSIX qw(_exit);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;
use TrainLedger::Nodes;
use TrainLedger::Session;

my $moves = soak() > 2000 ? 20 : 3;
my $stops = soak() > 2000 ? 5 : 1;
# between two calls of a client: other tests want the processors too
my $pause = soak() > 2000 ? 0 : 0.05;
my $seed = $ENV{TRAINLEDGER_SEED} || 20261129;
note "seed $seed, $moves moves, $stops of them with a node that is stopped";
srand $seed;

my $books = TrainLedger::Nodes->new(2);
my ($front, $one, $two) = ($books->front, $books->nodes);
my $script = "$ENV{PWD}/doc/deploy/scale/move_homes.sh";
my %node = (n1 => $one, n2 => $two);
my $parties = 40;

$front->safe_psql('books', <<'END');
SELECT trainledger.add_credit_token_type('default');
SELECT trainledger.add_training_token_type('gold', id => md5('gold')::uuid);
END
# written for all parties at their nodes
$front->safe_psql('books', <<END);
SELECT trainledger.add_party('person', 'P' || i, id => 1000 + i) FROM generate_series(1, $parties) i;
END
$front->safe_psql('books', $_) for map { <<END } 1 .. $parties;
SELECT trainledger.credit_init(1000 + $_, 0, 'open', '', now());
SELECT trainledger.issue_training_tokens(md5('gold')::uuid, 1000 + $_, 100000);
SELECT trainledger.credit_hold(1000 + $_, 5, 'open', 'captured in the end');
END

# books of some size
my $rows = 20_000;
$one->safe_psql('books', "INSERT INTO trainledger.party_request
	SELECT 1000 + 2 * (1 + i % ($parties / 2)), gen_random_uuid(), 'nothing', '[]', NULL, now() FROM generate_series(1, $rows) i");

# --- PgBouncer before the front and before the nodes

my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $pool_port = PostgreSQL::Test::Cluster::get_free_port();
my $pool = "host=$folder port=$pool_port";

append_to_file("$folder/users", '"' . $front->safe_psql('books', 'SELECT current_user') . "\" \"\"\n");
append_to_file("$folder/pgbouncer.ini", join "\n",
	'[databases]', 'books = ' . $books->connection($front),
	(map { "$_ = " . $books->connection($node{$_}) } sort keys %node), '[pgbouncer]',
	"unix_socket_dir = $folder", "listen_port = $pool_port", 'listen_addr =',
	'auth_type = trust', "auth_file = $folder/users", 'pool_mode = transaction',
	'admin_users = ' . $front->safe_psql('books', 'SELECT current_user'),
	"logfile = $folder/pgbouncer.log", "pidfile = $folder/pgbouncer.pid", '');
TrainLedger::Nodes::start_pgbouncer($folder, $pool_port);

# --- Clients, each a process: a call is repeated with its key until it is done

sub uuid { return sprintf '%08x-0000-4000-8000-%012x', rand 2**32, rand 2**48; }

# The place where a client calls for a party: the front, or the node that the map
# says, which is read at first and whenever a node refuses.
my (%session, %map);

sub place
{
	my ($is_direct, $party) = @_;

	return 'books' if !$is_direct;
	%map = map { split /\|/ } @{ session('books')->query('SELECT home, node FROM trainledger_proxy.home')->{rows} } if !%map;
	return $map{ $party & 1023 };
}

sub session
{
	my ($place) = @_;

	return $session{$place} //= TrainLedger::Session->new($front, 'books', "$pool dbname=$place");
}

sub client
{
	my ($number, $until, $file) = @_;
	my $is_direct = $number > 4;
	my ($done, $slowest, %errors) = (0, 0);

	srand $seed + 1000 * $number + $$;
	while (!-e $until)
	{
		my $party = 1001 + int rand $parties;
		my $key = uuid();
		my $kind = rand;
		my $call = $kind < 0.6
		  ? "SELECT entry_no FROM trainledger.credit_add($party, 1, 'move', 'client $number call $done', '2026-11-01', idempotency_key => '$key')"
		  : $kind < 0.7
		  ? "SELECT id FROM trainledger.hold_training_tokens($party, md5('gold')::uuid, 1, 'client $number call $done', idempotency_key => '$key')"
		  : "SELECT id FROM trainledger.redeem_training_tokens($party, md5('gold')::uuid, 1, 'client $number call $done', idempotency_key => '$key')";
		my $began = time;

		while (1)
		{
			my $place = place($is_direct, $party);
			my $answer = session($place)->query($call);
			last if $answer->{sqlstate} eq '00000' && @{ $answer->{rows} };
			$errors{ ($is_direct ? 'direct:' : -e "$until.refused" ? '' : 'paused:') . ($answer->{lost} ? 'lost' : $answer->{sqlstate}) }++;
			_exit(1) if time > $began + 180;
			sleep 0.02;
			%map = ();
			# the map is read from the front: by a new session, where it may be lost
			delete @session{ $place, 'books' } if $answer->{lost};
		}
		my $took = time - $began;
		$slowest = $took if $took > $slowest && !-e "$until.stopped";
		$done++;
		sleep $pause;
	}
	append_to_file($file, join(' ', $done, $slowest, map { "$_=$errors{$_}" } sort keys %errors) . "\n");
	# not exit(), which would stop the servers
	_exit(0);
}

sub start_clients
{
	my ($until, $file) = @_;

	return map {
		my $number = $_;
		my $pid = fork;
		client($number, $until, $file) if !$pid;
		$pid;
	} 1 .. 6;
}

# --- Moves

# Starts the script; what it says is in a file.
sub start_move
{
	my ($from, $to, $homes, $log, @options) = @_;
	my $pid = fork;

	return $pid if $pid;
	local %ENV = (%ENV, $front->_get_env);
	open STDOUT, '>>', $log;
	open STDERR, '>&', \*STDOUT;
	exec($script, @options, $books->connection($front), $from, $to, $homes) or _exit(127);
}

sub move_ends
{
	my ($pid) = @_;

	waitpid $pid, 0;
	return $? >> 8;
}

my @clients = start_clients("$folder/over", "$folder/clients");
my $log = "$PostgreSQL::Test::Utils::log_path/moves.log";
my $longest = 0;

# every second home, there and back
my $set = $books->homes_of(1);
my ($from, $to) = ('n1', 'n2');
# seconds that a move takes
my $took;

foreach my $move (1 .. $moves)
{
	my $is_stopped = $move > $moves - $stops;
	my $name = "move $move" . ($is_stopped ? ', with a node that is stopped' : '');
	my $began = time;
	my $pid = start_move($from, $to, $set, $log, $move == 1 ? ('-p', "$pool dbname=pgbouncer") : ());
	my $status;

	if ($is_stopped)
	{
		my $victim = $node{ rand() < 0.5 ? $from : $to };

		append_to_file("$folder/over.stopped", '');
		sleep rand $took;
		$victim->stop('immediate');
		$status = move_ends($pid);
		note "the move ended with $status; ", $victim->name, ' was stopped';
		$victim->start;
	}
	$status = move_ends($is_stopped ? start_move($from, $to, $set, $log) : $pid);
	$took = time - $began if !$is_stopped;
	is($status, 0, $name) or diag slurp_file($log);
	is($front->safe_psql('books', "SELECT count(*) FROM trainledger_proxy.home WHERE home <@ '$set'::int4multirange AND node = '$to'"),
		$front->safe_psql('books', "SELECT count(*) FROM generate_series(0, 1023) h WHERE h <@ '$set'::int4multirange"),
		"$name: the map says so");
	is($node{$from}->safe_psql('books', "SELECT (SELECT count(*) FROM trainledger.account WHERE trainledger.home(id) <@ '$set'::int4multirange)
		+ (SELECT count(*) FROM trainledger.token_lot WHERE trainledger.home_of(id) <@ '$set'::int4multirange)
		+ (SELECT count(*) FROM trainledger.placed_hold WHERE trainledger.home(id) <@ '$set'::int4multirange)
		+ (SELECT count(*) FROM trainledger.entry WHERE trainledger.home(account_id) <@ '$set'::int4multirange)"), 0, "$name: nothing is left behind");
	($from, $to) = ($to, $from);
	append_to_file("$folder/over.refused", '');
}
my $said = slurp_file($log);
my @all = $said =~ /compared (\d+) rows$/mg;
my @behind = $said =~ /compared (\d+) rows that changed$/mg;
cmp_ok(scalar @behind, '>=', $moves - $stops, 'the script says what it compares');
is(scalar(grep { $_ < $rows } @all), 0, 'all rows before the fence: ' . join ' ', @all);
is(scalar(grep { $_ > $rows / 4 } @behind), 0, 'and behind it those that changed: ' . join ' ', @behind);

# whatever the machine does in that time
$front->poll_query_until('books', "SELECT count(*) > 500 FROM trainledger.entry WHERE source = 'move'")
  or die 'there is no load';
append_to_file("$folder/over", '');
waitpid $_, 0 for @clients;

my @reports = map { [ split ' ' ] } split /\n/, slurp_file("$folder/clients");
my $done = 0;
my %errors;
foreach (@reports)
{
	my ($calls, $slowest, @counts) = @$_;
	$done += $calls;
	$longest = $slowest if $slowest > $longest;
	foreach (@counts) { my ($code, $n) = split /=/; $errors{$code} += $n; }
}
note "$done calls, errors: ", join(' ', map { "$_ $errors{$_}" } sort keys %errors) || 'none';
is(scalar @reports, 6, 'no client gave up');
cmp_ok($done, '>', 500, 'there was load');
is($front->safe_psql('books', "SELECT (SELECT count(*) FROM trainledger.entry WHERE source = 'move') + (SELECT count(*) FROM trainledger.redemption WHERE reference LIKE 'client %')
	+ (SELECT count(*) FROM trainledger.placed_hold WHERE reference LIKE 'client %')"),
	$done, 'what was acknowledged is booked');
is($front->safe_psql('books', "SELECT count(*) FROM (SELECT description FROM trainledger.entry WHERE source = 'move' GROUP BY 1 HAVING count(*) > 1) x"), 0, 'and once');
is($front->safe_psql('books', "SELECT sum((trainledger.capture_hold(h.id)).captured) FROM trainledger.hold h WHERE h.source = 'open'"), 5 * $parties, 'holds that moved are captured');
is(join(' ', grep { /^paused/ } sort keys %errors), '', 'no error where PgBouncer lets callers wait');
is(join(' ', grep { !/^(direct:)?(40001|TL058|08006|57P01|57P03|lost)$/ } sort keys %errors), '', 'every error is one that a retry ends');
# alone on a machine; other tests run beside it in make test
cmp_ok($longest, '<', soak() > 2000 ? 2 : 30, sprintf('no call waited longer than %.2f s while all nodes were there', $longest));
is($_->safe_psql('books', 'SELECT count(*) FROM trainledger.reconcile()'), 0, $_->name . ': reconcile') for $books->nodes;
is($_->safe_psql('books', "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'trainledger\\_move%'") . $_->safe_psql('books', 'SELECT count(*) FROM pg_publication'), '00', $_->name . ': nothing is left of the moves') for $books->nodes;

kill 'TERM', slurp_file("$folder/pgbouncer.pid") + 0;
$books->stop;
done_testing();
