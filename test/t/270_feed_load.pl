# The feed under load: sessions book in transactions that overlap, with
# rollbacks, savepoints and prepared transactions, while two consumers read.
# Consumers and the server are killed. Each entry and event reaches each consumer
# once per acknowledgement, in order and none late, nothing that was read is lost
# by a crash, and a model made from the feed alone has every balance. Before, who
# listens is told of what is new and of nothing else.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;
use TrainLedger::Crash;

my $seconds = soak() > 2000 ? soak() / 100 : 12;
my $rounds = 2 * (int($seconds / 20) || 1);
my $seed = $ENV{TRAINLEDGER_SEED} || 20261130;
note "seed $seed, $rounds rounds in $seconds seconds";
srand $seed;

# What is not flushed by somebody is lost when the server is killed.
my $node = start_books('feed_load', 'autovacuum = off', 'fsync = on',
	'synchronous_commit = off', 'wal_writer_delay = 10s', 'wal_buffers = 16MB',
	'deadlock_timeout = 50ms', 'max_prepared_transactions = 30');

sub ask
{
	my ($sql) = @_;
	return $node->safe_psql('books', $sql);
}

my $ann = ask("SELECT id FROM trainledger.add_party('person', 'Ann')");
my $office = ask("SELECT id FROM trainledger.add_party('organisation', 'Office')");
my $gold = ask("SELECT id FROM trainledger.add_training_token_type('gold')");
ask("SELECT trainledger.credit_init($ann, 100, 'setup', '', now(), 'account ' || i) FROM generate_series(1, 20) i");
my @accounts = rows($node, 'SELECT id FROM trainledger.account ORDER BY id');

# ----------------------------------------------------------------------
# Who is told
# ----------------------------------------------------------------------

# How often these statements make a session hear of something new
sub heard
{
	my (@statements) = @_;
	my $out = ask(join "\n", 'LISTEN trainledger_feed;', map { "$_;" } @statements, 'SELECT 1');
	return scalar(() = $out =~ /Asynchronous notification "trainledger_feed" with payload "\d+"/g);
}

my $book = "SELECT entry_no FROM trainledger.post($accounts[0], 'add', 1, 'bar')";
my $read = q{SELECT count(*) FROM trainledger.feed_read('listener')};
is(heard($book), 0, 'a posting tells nobody');
is(heard($read), 1, 'who reads tells of it');
is(heard($read, $read), 0, 'once');
is(heard("BEGIN; $book; ROLLBACK", $read), 0, 'what was rolled back is nothing new');
is(heard($book, $book, $read, $read), 1, 'two bookings are told at once');
ask("SELECT trainledger.start_log('books.example/ledger', 'test')");
is(heard('SELECT trainledger.seal()'), 0, 'what was told is sealed');
is(heard($book, 'SELECT trainledger.seal()', 'SELECT trainledger.seal()', $read), 1, 'who seals tells of it');
is(heard("BEGIN READ ONLY; $read; COMMIT"), 0, 'who may not write tells nobody');
is(ask(q{SELECT count(*) FROM trainledger.feed_read('listener', 10000)}),
	ask('SELECT count(*) FROM trainledger.log_row'), 'and all is there');

# ----------------------------------------------------------------------
# What was read is on disk, though its booking did not wait for that
# ----------------------------------------------------------------------

ask("SELECT trainledger.feed_ack('listener', 'end')");
ask($book) for 1 .. 3;
my ($number) = rows($node, q{SELECT event ->> 'sequence' FROM trainledger.feed_read('listener') OFFSET 2});
ask($book);
kill_server($node);
start_again($node);
my $kept = ask("SELECT entry_count FROM trainledger.account WHERE id = $accounts[0]");
cmp_ok($kept, '>=', $number, 'the server has what was read before it was killed');
note $kept > $number ? 'and what was not' : 'and not what was not';

# ----------------------------------------------------------------------
# The load
# ----------------------------------------------------------------------

my $writers = soak() > 2000 ? 16 : 6;
my $serial = 0;

sub one_of { return $_[ rand @_ ]; }

# A posting, with a description of its own
sub posting
{
	my $id = shift || one_of(@accounts);
	my $amount = 1 + int rand 9;

	$serial++;
	return "SELECT entry_no FROM trainledger.post($id, 'add', $amount, 'load', 'posting $serial')";
}

# Statements of one writer, one after the other
sub work
{
	my ($writer) = @_;
	my $kind = int rand 11;
	my $wait = 'SELECT pg_sleep(' . rand(0.05) . ')';

	return posting() if $kind == 0;
	return ('BEGIN', posting(), $wait, posting(), 'COMMIT') if $kind == 1;
	return ('BEGIN', 'SAVEPOINT s', posting(), 'ROLLBACK TO s', $wait, posting(), 'COMMIT')
	  if $kind == 2;
	return ('BEGIN', posting(), $wait, 'ROLLBACK') if $kind == 3;
	# a number that is later than the transaction id
	return ('BEGIN', 'SELECT pg_current_xact_id()', $wait, posting(), 'COMMIT') if $kind == 10;
	return ('BEGIN', 'SAVEPOINT s', posting(), 'SELECT 1 / 0', 'ROLLBACK TO s', $wait, 'COMMIT')
	  if $kind == 4;
	if ($kind == 5)
	{
		$serial++;
		return ('BEGIN',
			"SELECT entry_no FROM trainledger.credit_init($office, 1, 'load', '', now(), 'prepared $serial')",
			"PREPARE TRANSACTION 'prepared $serial'", $wait,
			(rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED 'prepared $serial'");
	}
	if ($kind == 6)
	{
		my $count = 1 + int rand 300;
		return "SELECT count(*) FROM trainledger.post_batch(ARRAY(SELECT ('{"
		  . join(',', @accounts) . "}'::bigint[])[1 + (i * 7) % 20] FROM generate_series(1, $count) i), array_fill('1'::trainledger.amount, ARRAY[$count]), 'load')";
	}
	return "SELECT id FROM trainledger.issue_training_tokens('$gold', $office, 5)" if $kind == 7;
	return "SELECT trainledger.redeem_training_tokens($office, '$gold', 1, 'load')" if $kind == 8;
	return ('BEGIN',
		"SELECT id AS hold FROM trainledger.hold_training_tokens($office, '$gold', 2, 'load') \\gset",
		$wait, 'SELECT captured FROM trainledger.capture_hold(:hold, 1)', 'COMMIT');
}

# ----------------------------------------------------------------------
# The consumers
# ----------------------------------------------------------------------

# What a consumer has: the events that it acknowledged, in their order; those
# that it has read since; and those of which it does not know whether it has
# acknowledged them, because a connection was lost meanwhile.
my @consumers = map { { name => $_, log => [], received => {}, reads => 0 } } qw(one two);
my @faults;

sub is_after
{
	my ($event, $other) = @_;
	my @this = split /\./, $event->{position};
	my @that = split /\./, $other->{position};

	return $this[0] <=> $that[0] || $this[1] cmp $that[1] || $this[2] <=> $that[2]
	  || ($this[3] // 0) <=> ($that[3] // 0);
}

sub keep
{
	my ($consumer, $events) = @_;

	for my $event (@$events)
	{
		my $last = $consumer->{log}[-1];
		push @faults, "$consumer->{name}: $event->{position} after $last->{position}"
		  if $last && is_after($event, $last) <= 0;
		push @{ $consumer->{log} }, $event;
	}
	return;
}

# The next statement of a consumer
sub consume
{
	my ($consumer) = @_;

	if ($consumer->{read} && rand() < 0.85)
	{
		$consumer->{does} = 'acknowledge';
		return "SELECT trainledger.feed_ack('$consumer->{name}', '$consumer->{read}[-1]{position}')";
	}
	# it has forgotten what it read: the same must come again
	$consumer->{again} = delete $consumer->{read};
	$consumer->{does} = 'read';
	$consumer->{reads}++;
	my $max_events = one_of(1, 3, 50, 300, 1000, 10000);
	my $read = "SELECT f.position, md5(f.event::text), f.event ->> 'type', f.event ->> 'sequence', f.event #>> '{data,account_id}', f.event #>> '{data,delta}', f.event #>> '{data,balance}' FROM trainledger.feed_read('$consumer->{name}', $max_events) f";
	return one_of(($read) x 4, "BEGIN READ ONLY\\; $read\\; COMMIT",
		"BEGIN ISOLATION LEVEL REPEATABLE READ\\; $read\\; COMMIT");
}

# What came back
sub consumed
{
	my ($consumer, $answer) = @_;
	my $known = $answer->{sqlstate} eq '00000' && !$answer->{lost};

	if ($consumer->{does} eq 'acknowledge')
	{
		my $events = delete $consumer->{read};
		if ($known)
		{
			keep($consumer, $events);
		}
		elsif ($answer->{lost})
		{
			$consumer->{unknown} = $events;
		}
		else
		{
			push @faults, "$consumer->{name}: acknowledging gives $answer->{sqlstate}";
		}
		return;
	}
	if (!$known)
	{
		push @faults, "$consumer->{name}: reading gives $answer->{sqlstate}" if !$answer->{lost};
		return;
	}
	my @events;
	for my $row (grep { /\|/ } @{ $answer->{rows} })
	{
		my %event;
		@event{qw(position digest type sequence account delta balance)} = split /\|/, $row, -1;
		push @events, \%event;
		$consumer->{received}{ $event{position} } = 1;
	}
	my $again = delete $consumer->{again};
	for my $i (0 .. ($again ? ($#$again < $#events ? $#$again : $#events) : -1))
	{
		push @faults, "$consumer->{name}: $events[$i]{position} in the place of $again->[$i]{position}"
		  if $events[$i]{position} ne $again->[$i]{position} || $events[$i]{digest} ne $again->[$i]{digest};
	}
	return if !@events;
	if (my $unknown = delete $consumer->{unknown})
	{
		keep($consumer, $unknown) if $events[0]{position} ne $unknown->[0]{position};
	}
	$consumer->{read} = \@events;
	return;
}

# ----------------------------------------------------------------------
# Rounds: in each a consumer is killed, and every other one ends with the server
# ----------------------------------------------------------------------

for my $round (1 .. $rounds)
{
	my @sessions = sessions($node, $writers + 3);
	my @queue = map { [] } 1 .. $writers;
	my (%state, $killed);
	my $until = time + $seconds / $rounds;
	my $victim = $writers + int rand 2;
	my $victim_dies = time + rand $seconds / $rounds;
	my $crashes = $round % 2;

	$_->query('SET synchronous_commit = on') for @sessions[ $writers, $writers + 1 ];
	my $next = sub {
		my ($i) = @_;

		if ($victim_dies && time > $victim_dies)
		{
			kill 'KILL', $sessions[$victim]{pid};
			$victim_dies = 0;
		}
		if (time > $until)
		{
			return if !$crashes && ($i >= $writers || !@{ $queue[$i] });
			$killed ||= kill_server($node) if $crashes;
		}
		return consume($consumers[ $i - $writers ]) if $i == $writers || $i == $writers + 1;
		return one_of('SELECT trainledger.seal()', 'SELECT pg_sleep(0.1)') if $i == $writers + 2;
		@{ $queue[$i] } = work($i) if !@{ $queue[$i] };
		return shift @{ $queue[$i] };
	};
	my $answer = sub {
		my ($i, $result) = @_;

		if ($i == $writers || $i == $writers + 1)
		{
			consumed($consumers[ $i - $writers ], $result);
			return;
		}
		$state{ $result->{sqlstate} }++;
		# a deadlock, or nothing to redeem: what was begun is over
		if ($i < $writers && $result->{sqlstate} ne '00000' && $result->{sqlstate} ne '22012' && !$result->{lost})
		{
			my $was_open = grep { /^(?:COMMIT|ROLLBACK|PREPARE TRANSACTION .*)\z/ } @{ $queue[$i] };
			@{ $queue[$i] } = ();
			return 'ROLLBACK' if $was_open;
		}
		return;
	};
	drive(\@sessions, $next, $answer);
	undef @sessions;
	start_again($node) if $crashes;
	ask((rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$_'")
	  for rows($node, 'SELECT gid FROM pg_prepared_xacts');
	note "round $round: ", join ', ', map { "$_ $state{$_}" } sort keys %state;
	cmp_ok($state{'00000'}, '>', 50, "round $round: there was load");
	# whoever was killed has not said what it knows
	delete $_->{again} for @consumers;
}

# ----------------------------------------------------------------------
# All of it, once
# ----------------------------------------------------------------------

my ($session) = sessions($node, 1);
# whoever may not write reads only as far as the books were settled last
$session->query('SELECT trainledger_internal.feed_watermark()');
for my $consumer (@consumers)
{
	for (my $idle = 0; $idle < 2;)
	{
		my $before = @{ $consumer->{log} };
		consumed($consumer, $session->query(consume($consumer)));
		$idle = @{ $consumer->{log} } > $before || $consumer->{read} ? 0 : $idle + 1;
	}
	keep($consumer, delete $consumer->{unknown}) if $consumer->{unknown};
}
is(join("\n", @faults), '', 'nothing came late, twice or otherwise the second time');

my @all = rows($node, q{SELECT concat_ws('.', booking_no, kind, id, CASE kind WHEN 'E1' THEN entry_no END) FROM trainledger.log_row ORDER BY booking_no, kind, id, entry_no});
my %is_there = map { $_ => 1 } @all;
my %balance = map { split /\|/ } rows($node, 'SELECT id, balance FROM trainledger.account');
for my $consumer (@consumers)
{
	my $name = $consumer->{name};

	note "$name: ", scalar(@{ $consumer->{log} }), " events in $consumer->{reads} reads";
	ok("@all" eq join(' ', map { $_->{position} } @{ $consumer->{log} }),
		"$name: every entry and event, once and in order");
	is(join(' ', grep { !$is_there{$_} } sort keys %{ $consumer->{received} }),
		'', "$name: nothing that was read is gone");

	my (%sum, %last, %count);
	for my $event (grep { $_->{type} =~ /^trainledger\.entry\./ } @{ $consumer->{log} })
	{
		my $account = $event->{account};
		$sum{$account} += $event->{delta};
		$count{$account}++;
		$last{$account} = $event
		  if !$last{$account} || $event->{sequence} > $last{$account}{sequence};
	}
	is(join(' ', grep { ($sum{$_} // 'none') != $balance{$_} || $last{$_}{balance} != $balance{$_} || $last{$_}{sequence} != $count{$_} } sort keys %balance),
		'', "$name: the model has every balance");
}
is(join(' ', map { $_->{digest} } @{ $consumers[0]{log} }),
	join(' ', map { $_->{digest} } @{ $consumers[1]{log} }),
	'both have read the same');
books_are_right($node, 'at the end');

$node->stop;
done_testing();
