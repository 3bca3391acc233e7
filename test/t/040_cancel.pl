# Postings and changes of holds that are cancelled, time out or lose their server
# process in the middle leave nothing behind, and the accounts are guarded again.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use TrainLedger;

my $node = start_books('cancel', 'max_wal_size = 1GB', 'deadlock_timeout = 60s');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $holder = $node->safe_psql('books',
	"SELECT id FROM trainledger.add_party('person', 'Ada')");
$node->safe_psql('books', <<END);
SELECT trainledger.credit_init($holder, 0, 'setup', '', now(), 'account ' || i)
FROM generate_series(1, 20) i;
END
my ($account, $other) = rows($node, 'SELECT id FROM trainledger.account ORDER BY id');
my $count = 'SELECT count(*), sum(e.balance), (SELECT sum(a.held) FROM trainledger.account a), (SELECT count(*) FROM trainledger.hold_event), (SELECT count(*) FROM trainledger.placed_hold h WHERE h.is_open) FROM trainledger.entry e';
my $before = $node->safe_psql('books', $count);
my ($one, $two) = sessions($node, 2);

my $post = "SELECT entry_no FROM trainledger.post($account, 'add', 1, 'x')";
my $batch = "SELECT ordinal FROM trainledger.post_batch(ARRAY[$account], ARRAY[1], 'x')";
my $by_hand = 'UPDATE trainledger.account SET balance = balance WHERE false';

# ----------------------------------------------------------------------
# While the posting waits for the row of the account
# ----------------------------------------------------------------------

for my $call ([ post => $post ], [ post_batch => $batch ])
{
	my ($name, $statement) = @$call;

	$one->query('BEGIN');
	$one->query($post);

	$two->query("SET lock_timeout = '50ms'");
	is($two->query($statement)->{sqlstate}, '55P03', "$name: lock_timeout");
	is($two->query($by_hand)->{sqlstate}, 'TL409', "$name: the guard is up");
	$two->query('RESET lock_timeout');

	$two->query('BEGIN');
	$two->query("SET LOCAL statement_timeout = '50ms'");
	is($two->query($statement)->{sqlstate}, '57014', "$name: statement_timeout");
	$two->query('ROLLBACK');
	is($two->query($by_hand)->{sqlstate}, 'TL409', "$name: the guard is up");

	$two->send($statement);
	$node->poll_query_until('books',
		"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = "
		  . $two->backend);
	$node->safe_psql('books', 'SELECT pg_cancel_backend(' . $two->backend . ')');
	is($two->receive->{sqlstate}, '57014', "$name: pg_cancel_backend");
	is($two->query($by_hand)->{sqlstate}, 'TL409', "$name: the guard is up");

	# in a subtransaction, so that the transaction goes on
	$two->query("SET lock_timeout = '50ms'");
	is( $two->query(
			"DO \$\$ BEGIN BEGIN PERFORM * FROM ($statement) s; EXCEPTION WHEN lock_not_available THEN NULL; END; $by_hand; END \$\$"
		)->{sqlstate},
		'TL409',
		"$name: the guard is up in a transaction that goes on");
	$two->query('BEGIN');
	$two->query('SAVEPOINT s');
	is($two->query($statement)->{sqlstate}, '55P03', "$name: after a savepoint");
	$two->query('ROLLBACK TO s');
	is($two->query("SELECT entry_no FROM trainledger.post($other, 'add', 1, 'x')")
		  ->{sqlstate}, '00000', "$name: the transaction goes on");
	is($two->query($by_hand)->{sqlstate}, 'TL409', "$name: the guard is up");
	$two->query('ROLLBACK');
	$two->query('RESET lock_timeout');

	$one->query('ROLLBACK');
	is($node->safe_psql('books', $count), $before, "$name: nothing is left");
	is($two->query($statement)->{sqlstate}, '00000', "$name: now it works");
	$before = $node->safe_psql('books', $count);
}

# ----------------------------------------------------------------------
# In the middle of much work
# ----------------------------------------------------------------------

# Holds that are over, and one that keeps many lots back
my $hold = $node->safe_psql('books', <<"END");
SET client_min_messages = error;
SELECT set_config('trainledger.clock', '2026-01-01', false) \\g /dev/null
SELECT count(*) FROM generate_series(1, 1000) i, trainledger.credit_hold($holder, 1, 'x', '', account_name => 'account ' || 1 + i % 20) \\g /dev/null
SELECT count(*) FROM trainledger.add_training_token_type('seats') t, generate_series(1, 500) i, trainledger.issue_training_tokens(t.id, $holder, 1 + i - i) \\g /dev/null
RESET trainledger.clock;
SELECT h.id FROM trainledger.token_type t, trainledger.hold_training_tokens($holder, t.id, 500, 'x') h WHERE t.name = 'seats';
END
$before = $node->safe_psql('books', $count);
my $size = 100000;
my %work = (
	'big batch' =>
	  "SELECT count(*) FROM trainledger.post_batch(ARRAY(SELECT a.id FROM trainledger.account a, generate_series(1, $size / 20) WHERE a.name LIKE 'account %' ORDER BY random()), array_fill('1'::trainledger.amount, ARRAY[$size]), 'big', recorded_at => ARRAY(SELECT timestamptz '2026-01-01' + i * interval '1 ms' FROM generate_series(1, $size) i))",
	'many posts' =>
	  "SELECT count(*) FROM generate_series(1, $size / 10) i, trainledger.credit_add($holder, i, 'many', '', '2026-01-02', account_name => 'account ' || 1 + i % 20)",
	'posts in a block' =>
	  "DO \$\$ BEGIN FOR i IN 1 .. $size / 10 LOOP BEGIN PERFORM trainledger.credit_add($holder, i, 'block', '', '2026-01-02', account_name => 'account ' || 1 + i % 20); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END \$\$",
	'many holds' =>
	  "SELECT count(*) FROM generate_series(1, $size / 20) i, trainledger.credit_hold($holder, i, 'many', '', account_name => 'account ' || 1 + i % 20)",
	'a capture of many lots' => "SELECT captured FROM trainledger.capture_hold($hold, 499)",
	'a lapse of many holds' => 'SELECT trainledger.lapse_holds()'
);

for my $name (sort keys %work)
{
	my ($stopped, $finished) = (0, 0);

	# ever later, over the whole of the work
	for my $timeout (1, 5, 20, 50, 100, 200, 400, 800, 1600)
	{
		# of the transaction alone: a timeout that lasts stops what comes next
		$two->query('BEGIN');
		$two->query("SET LOCAL statement_timeout = $timeout");
		my $state = $two->query($work{$name})->{sqlstate};
		$two->query('SET LOCAL statement_timeout = 0');
		my $guard = $two->query($by_hand)->{sqlstate};
		$two->query('ROLLBACK');
		like($state, qr/^(57014|00000)$/, "$name: $timeout ms give $state");
		$state eq '57014' ? $stopped++ : $finished++;
		like($guard, qr/^(TL409|25P02)$/, "$name: the guard is up");
		is($two->query($by_hand)->{sqlstate}, 'TL409', "$name: and after it");
	}
	note "$name: $stopped stopped, $finished finished in time";
	is($node->safe_psql('books', $count), $before, "$name: nothing is left");
}

# the same with the whole session gone, in what takes long
for my $name (grep { !/^a / } sort keys %work)
{
	my ($three) = sessions($node, 1);

	$three->send($work{$name});
	sleep 0.2;
	$node->safe_psql('books',
		'SELECT pg_terminate_backend(' . $three->backend . ', 60000)');
	ok($three->receive->{lost}, "$name: the session is ended");
	is($node->safe_psql('books', $count), $before, "$name: nothing is left");
}

# and with its program gone, which the server notices when it answers
is($one->query($work{'big batch'})->{sqlstate}, '00000', 'a big batch to the end');
books_are_right($node, 'after all of it');

# ----------------------------------------------------------------------
# Long reading
# ----------------------------------------------------------------------

$one->query('BEGIN');
$one->query('SET LOCAL statement_timeout = 50');
is($one->query('SELECT trainledger.reconcile() FROM generate_series(1, 10000)')->{sqlstate},
	'57014', 'reconcile() can be cancelled');
$one->query('ROLLBACK');
is($one->query($post)->{sqlstate}, '00000', 'and posting goes on');

no_crash($node, $started, 'cancel');
done_testing();
