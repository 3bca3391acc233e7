# Sealing under load: sessions book in every subject in transactions that
# overlap, with rollbacks, savepoints and prepared transactions, while others
# seal without a pause and keep checkpoints, and the server is killed in the
# middle of seals. Whoever was cut off repeats by key. In the end everything is
# in the log once and nothing came late, each checkpoint that was kept is the
# beginning of the log, and what was acknowledged is in the books.
#
# Every wait has an end; where one is reached, the test says who waits for whom.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use IPC::Run;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;
use TrainLedger::Crash;
use TrainLedger::Transparency;

my $is_long = soak() > 2000;
my $seconds = $is_long ? soak() / 100 : 3;
my $writers = $is_long ? 16 : 6;
my $rounds = $is_long ? max(3, int($seconds / 10)) : 3;
# However slow the machine is, a round has so many jobs and other checkpoints
# than those before.
my ($least_jobs, $least_kept) = (60, 1);
my $seed = $ENV{TRAINLEDGER_SEED} || 20261130;
note "seed $seed, $writers writers, $rounds rounds in $seconds seconds";
srand $seed;

# Seconds that a statement, any answer, and the whole test may take at most
my ($statement_limit, $answer_limit, $limit) = (60, 120, 600 + 10 * $seconds);

my $origin = 'books.example/ledger';
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my ($pem, $public) = make_key();
append_to_file("$folder/log.pem", $pem);

# What is not flushed by somebody is lost when the server is killed.
my $node = start_books('log_load', 'autovacuum = off', 'fsync = on',
	'synchronous_commit = off', 'wal_writer_delay = 10s', 'wal_buffers = 16MB',
	'deadlock_timeout = 50ms', 'max_prepared_transactions = 40',
	"statement_timeout = ${statement_limit}s", "trainledger.log_key_file = '$folder/log.pem'");

sub ask
{
	my ($sql) = @_;
	return $node->safe_psql('books', $sql);
}

sub one_of { return $_[ rand @_ ]; }

# ----------------------------------------------------------------------
# A wait that is too long
# ----------------------------------------------------------------------

my @doing;    # what each session was sent last

# Says who does what, and who waits for whom.
sub who_waits
{
	my ($why) = @_;
	my ($out, $error) = ('', '');

	diag $why;
	diag "session $_: $doing[$_]" for grep { defined $doing[$_] } 0 .. $#doing;
	my $done = eval {
		IPC::Run::run([ $node->installed_command('psql'), '-XA', '-d', $node->connstr('books'),
				'-c', 'SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid) AS blocked_by, now() - xact_start AS open_for, query FROM pg_stat_activity WHERE backend_type = $$client backend$$ ORDER BY pid',
				'-c', 'SELECT pid, locktype, relation::regclass, transactionid, virtualxid, classid, objid, mode, granted FROM pg_locks ORDER BY granted, pid',
				'-c', 'SELECT transaction, gid, now() - prepared AS open_for FROM pg_prepared_xacts' ],
			'<', \'', '>', \$out, '2>', \$error, IPC::Run::timeout(20));
	};
	diag $done ? $out : "the server does not answer: $error" . ($@ || '');
	return;
}

my @sessions;
local $SIG{ALRM} = sub {
	who_waits("the test takes more than $limit seconds");
	kill 'KILL', map { $_->{pid} } @sessions;
	die 'too late';
};
alarm $limit;

# ----------------------------------------------------------------------
# What has left is on disk, though its seal did not wait for that
# ----------------------------------------------------------------------

my $ann = ask("SELECT id FROM trainledger.add_party('person', 'Ann')");
ask("SELECT trainledger.credit_init($ann, 1000, 'setup', '', now(), 'account ' || i) FROM generate_series(1, 100) i");
my @accounts = rows($node, 'SELECT id FROM trainledger.account ORDER BY id');
ask("SELECT trainledger.start_log('$origin', 'test')");
ask('SELECT trainledger.seal()');
ask('SELECT trainledger.checkpoint_text()');

# Texts of checkpoints that have left, without signatures
my (@kept, %is_kept);

sub keep
{
	my ($checkpoint) = @_;

	push @kept, $checkpoint;
	$is_kept{$checkpoint} = 1;
	return;
}

for my $function (qw(checkpoint_text sign_checkpoint))
{
	ask("SELECT balance FROM trainledger.credit_add($ann, 1, 'bar', '', now(), 'account 1')");
	my $size = ask('SELECT trainledger.seal()');
	my $text = ask("SELECT trainledger.$function()");
	my $checkpoint = $function eq 'sign_checkpoint'
	  ? verify_note($text, make_vkey($origin, $public)) : $text;

	keep($checkpoint);
	is(parse_checkpoint($checkpoint)->{size}, $size, "$function() has what was sealed");
	kill_server($node);
	start_again($node);
	is(ask("SELECT * FROM trainledger.verify(\$c\$$text\$c\$)"),
		'', 'and so has the log after the server was killed');
}

# ----------------------------------------------------------------------
# Jobs: one or more statements, each of which can be repeated by its key
# ----------------------------------------------------------------------

my $gold = ask("SELECT id FROM trainledger.add_training_token_type('gold')");
my @offices = rows($node, "SELECT p.id FROM generate_series(1, 8) i, trainledger.add_party('organisation', 'Office ' || i) p");
my @people = rows($node, "SELECT p.id FROM generate_series(1, 4) i, trainledger.add_party('person', 'Person ' || i) p");
my $list = join ',', @offices;
ask(<<"END");
SELECT trainledger.issue_training_tokens('$gold', p, 1000000) FROM unnest('{$list}'::bigint[]) p;
SELECT trainledger.add_catalog_item('course', 'C', 'Course', id => 1);
SELECT trainledger.add_region('DE', 'Germany'), trainledger.add_currency('EUR', 'Euro');
SELECT trainledger.create_pass_type('Gold', 'Gold', id => 1);
SELECT trainledger.add_pass_content(1, '{1}');
SELECT trainledger.create_pass_option(1, 'Monthly', 'months', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'DE', 'EUR', 99.90);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
END

my $serial = 0;
my $bookings = 0;
my %rows_of;       # how many entries a label has, where that is known
my %is_booked;     # by label: whether it must be in the books, or must not

# A statement that books under a label, which is in the texts of its rows
sub booking
{
	my ($label) = @_;
	my $key = "md5('$label')::uuid";
	# every kind, so that each comes in every sort of job
	my $kind = $bookings++ % 9;
	my ($id, $office) = (one_of(@accounts), one_of(@offices));

	if ($kind == 0)
	{
		my ($from, $count) = (int rand @accounts, 1 + int rand 400);
		$rows_of{$label} = $count;
		return "SELECT count(*) FROM trainledger.post_batch(ARRAY(SELECT ('{@{[ join ',', @accounts[ map { ($from + $_) % @accounts } 0 .. 6 ] ]}}'::bigint[])[1 + i % 7] FROM generate_series(1, $count) i), array_fill('1'::trainledger.amount, ARRAY[$count]), 'load', array_fill('$label'::text, ARRAY[$count]), NULL, ARRAY(SELECT md5('$label' || i)::uuid FROM generate_series(1, $count) i))";
	}
	if ($kind == 1)
	{
		my $other = one_of(grep { $_ != $id } @accounts);
		$rows_of{$label} = 2;
		return "SELECT count(*) FROM trainledger.credit_transfer($id, $other, 1, 'load', '$label', idempotency_key => $key)";
	}
	return "SELECT id FROM trainledger.issue_training_tokens('$gold', $office, 5, notes => '$label', idempotency_key => $key)"
	  if $kind == 2;
	return "SELECT id FROM trainledger.redeem_training_tokens($office, '$gold', 1, 'load', '$label', $key)"
	  if $kind == 3;
	return "SELECT count(*) FROM trainledger.transfer_training_tokens($office, @{[ one_of(grep { $_ != $office } @offices) ]}, '$gold', 2, '$label', $key)"
	  if $kind == 4;
	return "SELECT c.id FROM trainledger.hold_training_tokens($office, '$gold', 3, 'load', notes => '$label', idempotency_key => $key) h, trainledger.@{[ one_of('capture_hold(h.id, 2', 'release_hold(h.id, 1') ]}, notes => '$label', idempotency_key => md5('$label end')::uuid) c"
	  if $kind == 5;
	return "SELECT u.id FROM trainledger.issue_pass(1, 1, @{[ one_of(@people) ]}, '2026-01-01Z', '2100-01-01Z', idempotency_key => $key) p, trainledger.use_pass(p.party_id, 1, '$label', md5('$label use')::uuid) u"
	  if $kind == 6;
	$rows_of{$label} = 1;
	return "SELECT entry_no FROM trainledger.post($id, 'add', 1, 'load', '$label', idempotency_key => $key)";
}

# A new job: its statements, the labels that it books if it ends well, and
# those that it rolls back
sub new_job
{
	my $name = 'job ' . ++$serial;
	my ($first, $second) = ("$name a", "$name b");
	my $wait = 'SELECT pg_sleep(' . rand(0.05) . ')';
	my $kind = $serial % 10;

	if ($kind == 0)
	{
		# what a session has to say twice
		my $booking = booking($first);
		return { statements => [ $booking, $booking ], books => [$first] };
	}
	return { statements => [ 'BEGIN', booking($first), $wait, booking($second), 'COMMIT' ],
		books => [ $first, $second ] }
	  if $kind == 1;
	return { statements => [ 'BEGIN', 'SAVEPOINT s', booking($first), 'ROLLBACK TO s', $wait, booking($second), 'COMMIT' ],
		books => [$second], undoes => [$first] }
	  if $kind == 2;
	return { statements => [ 'BEGIN', 'SAVEPOINT s', booking($first), 'SELECT 1 / 0', 'ROLLBACK TO s', $wait, 'COMMIT' ],
		books => [], undoes => [$first] }
	  if $kind == 3;
	return { statements => [ 'BEGIN', booking($first), $wait, 'ROLLBACK' ],
		books => [], undoes => [$first] }
	  if $kind == 4;
	# a number that is later than the transaction id
	return { statements => [ 'BEGIN', 'SELECT pg_current_xact_id()', $wait, booking($first), 'COMMIT' ],
		books => [$first] }
	  if $kind == 5;
	return { statements => [ 'BEGIN', 'SAVEPOINT s', booking($first), 'RELEASE s', booking($second), "PREPARE TRANSACTION '$name'" ],
		books => [ $first, $second ], gid => $name }
	  if $kind == 6;
	return { statements => [ booking($first) ], books => [$first] };
}

# Prepared transactions by name: their labels, when somebody ends them, and how,
# once that was decided
my %prepared;
my @faults;

sub settle
{
	my ($labels, $is_there) = @_;

	$is_booked{$_} = $is_there for @$labels;
	return;
}

sub job_is_done
{
	my ($job) = @_;

	settle($job->{undoes}, 0);
	if ($job->{gid})
	{
		$prepared{ $job->{gid} } = { labels => $job->{books}, due => time + rand 0.2 };
	}
	else
	{
		settle($job->{books}, 1);
	}
	return;
}

# ----------------------------------------------------------------------
# Rounds: all but the last end with the server
# ----------------------------------------------------------------------

my @again;    # jobs that were cut off
my %seals;    # how many seals had which SQLSTATE
my $cut_off = 0;

sub run_round
{
	my ($round) = @_;
	my $until = time + $seconds / $rounds;
	my $at_last = $until + 120;
	my $crashes = $round < $rounds;
	my ($done, $kept_before) = (0, scalar keys %is_kept);
	my ($first_sealer, $ender) = ($writers, $writers + 2);
	my (@job, @turn, @seal_sent, %state, $killed, $ends);
	# a seal that is done and not committed, or one that may be in its midst
	my $kills_open = $round % 2;
	my $kill_after = rand($kills_open ? 0.2 : 0.01);

	@doing = ();
	@sessions = sessions($node, $writers + 3);
	$_->query('SET synchronous_commit = on') for @sessions[ 0 .. $writers - 1 ];

	my $is_over = sub { return time > $until && $done >= $least_jobs && keys %is_kept >= $kept_before + $least_kept || time > $at_last; };
	my $is_quiet = sub { return $is_over->() && !$crashes && !grep { $_ } @job[ 0 .. $writers - 1 ]; };
	my $write = sub {
		my ($i) = @_;

		if (!$job[$i])
		{
			return if $is_over->() && !$crashes && !@again;
			$job[$i] = shift @again || new_job();
			$job[$i]{step} = 0;
		}
		return $job[$i]{statements}[ $job[$i]{step}++ ];
	};
	# one of them keeps its seals open for a while, or takes them back
	my $seal = sub {
		my ($i) = @_;

		return if $is_quiet->();
		my @turns = $i == $first_sealer ? qw(long keep back plain)
		  : qw(plain keep plain plain keep plain verify);
		my $what = $turns[ $turn[$i]++ % @turns ];
		if ($i == $first_sealer && $crashes && $is_over->())
		{
			$what = $kills_open ? 'open' : 'wait';
		}
		$seal_sent[$i] = $what =~ /open|long|back|plain/ ? time : undef;
		$sessions[$i]{what} = $what;
		return 'SELECT trainledger.checkpoint_text()' if $what eq 'keep';
		return 'SELECT * FROM trainledger.verify()' if $what eq 'verify';
		return 'SELECT trainledger.seal()' if $what eq 'plain';
		return 'SELECT pg_sleep(0.01)' if $what eq 'wait';
		return "BEGIN\\; SELECT trainledger.seal()\\; ROLLBACK" if $what eq 'back';
		my $open_for = $what eq 'open' ? $statement_limit / 2 : 0.1;
		return "BEGIN\\; SELECT trainledger.seal()\\; SELECT pg_sleep($open_for)\\; COMMIT";
	};
	my $end_prepared = sub {
		undef $ends;
		return if $is_quiet->() && !%prepared;
		my ($gid) = grep { $prepared{$_}{due} < time } sort keys %prepared;
		return 'SELECT pg_sleep(0.01)' unless defined $gid;
		$ends = $gid;
		$prepared{$gid}{ends} //= rand() < 0.5 ? 'COMMIT' : 'ROLLBACK';
		return "$prepared{$gid}{ends} PREPARED '$gid'";
	};
	my $next = sub {
		my ($i) = @_;

		my $sealer = $kills_open ? $first_sealer : $first_sealer + 1;
		if ($crashes && !$killed && $is_over->()
			&& ($sessions[$sealer]{what} // '') eq ($kills_open ? 'open' : 'plain')
			&& $seal_sent[$sealer] && time > $seal_sent[$sealer] + $kill_after)
		{
			$killed = kill_server($node);
		}
		return if $killed;
		return $doing[$i] = $i < $writers ? $write->($i) : $i == $ender ? $end_prepared->() : $seal->($i);
	};
	my $answer = sub {
		my ($i, $result) = @_;
		my $sqlstate = $result->{lost} ? 'lost' : $result->{sqlstate};

		who_waits("session $i was too long about: $doing[$i]")
		  if $sqlstate eq '57014' && !grep { /57014/ } @faults;
		if ($i >= $writers)
		{
			if ($i == $ender)
			{
				push @faults, "$ends: $sqlstate" if $sqlstate !~ /^(00000|lost)$/;
				settle($prepared{$ends}{labels}, $prepared{$ends}{ends} eq 'COMMIT') if defined $ends && $sqlstate eq '00000';
				delete $prepared{$ends} if defined $ends && $sqlstate ne 'lost';
				return;
			}
			my $what = $sessions[$i]{what};
			# psql's last words may come among the rows
			my @rows = grep { !/^psql:/ } @{ $result->{rows} };
			$seals{"$what $sqlstate"}++;
			push @faults, "$what: $sqlstate" if $sqlstate !~ /^(00000|lost)$/;
			push @faults, map { "verify: $_" } @rows if $what eq 'verify' && $sqlstate eq '00000';
			keep(join "\n", @rows, '') if $what eq 'keep' && $sqlstate eq '00000';
			$cut_off++ if $sqlstate eq 'lost' && $seal_sent[$i];
			$seal_sent[$i] = undef;
			return;
		}
		return if $sqlstate eq 'lost' || !$job[$i];
		my $job = $job[$i];

		$state{$sqlstate}++;
		if ($sqlstate eq '00000' || $sqlstate eq '22012')
		{
			return if $job->{step} < @{ $job->{statements} };
			job_is_done($job);
			$done++;
			$job[$i] = undef;
			return;
		}
		# a deadlock: all of it again
		push @faults, "$doing[$i]: $sqlstate" if $sqlstate ne '40P01';
		my $was_open = $job->{statements}[0] eq 'BEGIN';
		push @again, $job if $sqlstate eq '40P01';
		$job[$i] = undef;
		return $was_open ? 'ROLLBACK' : undef;
	};

	local $PostgreSQL::Test::Utils::timeout_default = $answer_limit;
	if (!eval { drive(\@sessions, $next, $answer); 1; })
	{
		my $error = $@;
		who_waits("round $round: $error");
		kill 'KILL', map { $_->{pid} } @sessions;
		die $error;
	}
	@sessions = ();
	start_again($node) if $crashes;

	my %is_prepared = map { $_ => 1 } rows($node, 'SELECT gid FROM pg_prepared_xacts');
	for my $job (grep { $_ } @job[ 0 .. $writers - 1 ])
	{
		settle($job->{undoes}, 0);
		if (!$job->{gid}) { push @again, $job; }
		elsif ($is_prepared{ $job->{gid} }) { job_is_done($job); }
		else { settle($job->{books}, 0); }
	}
	for my $gid (grep { !$is_prepared{$_} } sort keys %prepared)
	{
		my $gone = delete $prepared{$gid};
		push @faults, "$gid is not prepared any more" unless $gone->{ends};
		settle($gone->{labels}, ($gone->{ends} // '') eq 'COMMIT');
	}
	note "round $round: ", join ', ', map { "$_ $state{$_}" } sort keys %state;
	note "killed $killed processes, ", scalar(@again), ' jobs to be repeated, ', scalar(keys %prepared), ' prepared' if $killed;
	cmp_ok($done, '>=', $least_jobs, "round $round: there was load");
	return;
}

run_round($_) for 1 .. $rounds;
is(join("\n", @faults), '', 'nothing was refused, lost or too late');
note join ', ', map { "$_ $seals{$_}" } sort keys %seals;
cmp_ok($cut_off, '>', 0, 'seals were cut off');

# ----------------------------------------------------------------------
# The books
# ----------------------------------------------------------------------

# By label: in how many bookings it is, and how many entries it has
my (%bookings, %entries);
for (rows($node, <<'SQL'))
SELECT l.label, count(DISTINCT l.booking_no), sum(l.entries) FROM (
	SELECT description AS label, booking_no, 1 AS entries FROM trainledger.entry
	UNION ALL SELECT notes, booking_no, 0 FROM trainledger.hold_event
	UNION ALL SELECT reference, booking_no, 0 FROM trainledger.pass_use) l
WHERE l.label LIKE 'job %' GROUP BY 1
SQL
{
	my ($label, $in, $count) = split /\|/;
	$bookings{$label} = $in;
	$entries{$label} = $count;
}
my @booked = grep { $is_booked{$_} } sort keys %is_booked;
note scalar(@booked), ' labels are booked, ', scalar(keys %is_booked) - @booked, ' are not';
is(join(' ', grep { !$bookings{$_} } @booked), '', 'what was acknowledged is there');
is(join(' ', grep { $bookings{$_} != 1 || ($rows_of{$_} // $entries{$_}) != $entries{$_} } sort keys %bookings),
	'', 'once, and as a whole');
is(join(' ', grep { !$is_booked{$_} } sort keys %bookings), '', 'what was rolled back is not');
books_are_right($node, 'at the end');

# ----------------------------------------------------------------------
# The log
# ----------------------------------------------------------------------

# The tables that are sealed, and their kinds
my %kind_of = (entry => 'E1', token_issue_event => 'X1', hold_event => 'H1',
	pass_event => 'P1', pass_use => 'U1', claim_event => 'C1', ticket_event => 'T1',
	membership_event => 'M1', redaction => 'R1', home_event => 'V1');
is(join(' ', rows($node, q{SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind = 'r' AND a.attname = 'booking_no' AND c.relname !~ '^(log|feed)_' ORDER BY 1})),
	join(' ', sort keys %kind_of), 'tables with numbers of bookings');
my @there = map { my ($number, $kind, $key) = split /\|/; [ $number, $kind, split /,/, $key ] }
  rows($node, join ' UNION ALL ', map {
		"SELECT booking_no, '$kind_of{$_}', " . ($_ eq 'entry' ? "account_id || ',' || entry_no" : 'id::text') . " FROM trainledger.$_"
	  } sort keys %kind_of);
@there = map { join ' ', @$_ }
  sort { $a->[0] <=> $b->[0] || $a->[1] cmp $b->[1] || $a->[2] <=> $b->[2] || ($a->[3] // 0) <=> ($b->[3] // 0) } @there;

my $size = 0;
for (my $tries = 0; $size < @there && $tries < 100; $tries++)
{
	sleep 0.05 if $tries;
	$size = ask('SELECT trainledger.seal()');
}
is($size, scalar @there, 'all is sealed');
my @log = map { [ split /\|/, $_, 3 ] } rows($node,
	q{SELECT concat_ws(' ', booking_no, kind, array_to_string(key, ' ')), encode(leaf_hash, 'hex'), leaf FROM trainledger.log_leaf ORDER BY booking_no, kind, key});
my @names = map { $_->[0] } @log;
is(scalar(grep { ($there[$_] // '') ne ($names[$_] // '') } 0 .. max($#there, $#names)),
	0, 'once, and in order');
my %sealed;
$sealed{ (split / /)[1] }++ for @names;
note join ', ', map { "$_ $sealed{$_}" } sort keys %sealed;
is(scalar(grep { !$sealed{$_} } qw(E1 H1 P1 U1)), 0, 'there are entries, holds, passes and their uses');

# Whatever came late would stand below the last number of a checkpoint that
# does not have it.
my @checkpoints = map { [ split /\|/ ] } rows($node, 'SELECT size, last_booking_no FROM trainledger.checkpoint ORDER BY size');
my ($place, @late) = (0);
for my $checkpoint (@checkpoints)
{
	$place++ while $place < @there && (split / /, $there[$place])[0] <= $checkpoint->[1];
	push @late, "@$checkpoint: $place" if $place != $checkpoint->[0];
}
is(join(', ', @late), '', 'each of ' . @checkpoints . ' checkpoints has all that is booked up to its number');

# ----------------------------------------------------------------------
# The checkpoints that were kept
# ----------------------------------------------------------------------

my $now = parse_checkpoint(ask('SELECT trainledger.checkpoint_text()'));
is(unpack('H*', $now->{root}), unpack('H*', tree_root([ map { leaf_hash($_->[2]) } @log ])),
	'the last root is that of the leaves');
is(scalar(grep { $_->[1] ne unpack 'H*', leaf_hash($_->[2]) } @log), 0, 'and so are the hashes');

my %root_of;
my @other = grep {
	my $checkpoint = parse_checkpoint($_);
	my $root = $root_of{ $checkpoint->{size} } //= $checkpoint->{root};
	$root ne $checkpoint->{root}
} @kept;
is("@other", '', 'two checkpoints of a size are the same');
my %proof = map { split /\|/, $_, 2 } rows($node,
	"SELECT s, replace(trainledger.prove_consistency(s), E'\\n', ' ') FROM unnest('{@{[ join ',', keys %root_of ]}}'::bigint[]) s");
is( join(' ', grep { !proves_consistency($_, $now->{size}, $root_of{$_}, $now->{root}, hashes_of($proof{$_} =~ tr/ /\n/r)) } sort { $a <=> $b } keys %root_of),
	'', 'each of ' . keys(%root_of) . ' that were kept is the beginning of the log');
cmp_ok(scalar(keys %root_of), '>=', 2 + $rounds * $least_kept, 'enough of them');

is(ask('SELECT * FROM trainledger.verify()'), '', 'verify() has nothing to say');
is(ask("SELECT * FROM trainledger.verify(\$c\$$_\$c\$)"), '', 'nor with a checkpoint that was kept')
  for $kept[0], one_of(@kept), $kept[-1];

alarm 0;
$node->stop;
done_testing();
