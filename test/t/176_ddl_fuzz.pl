# The owner alters tables, columns, indexes and what else is his at random,
# between calls, in the transaction of calls and beside them. Every call gives
# the right answer, which a model in Perl knows, or an error that names what
# was altered: 55000 of the engine, or that of a statement (see the changes in
# TrainLedger::Alterations). What was answered is in the books afterwards and
# nothing else; indexes have every row; no server process dies or hangs.
#
# make soak plays 20,000 rounds. TRAINLEDGER_SEED repeats a run,
# TRAINLEDGER_CHAPTER with it one database of it, TRAINLEDGER_CHANGE takes
# changes of one kind alone, TRAINLEDGER_TOLD says what each round changes.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use TrainLedger;
use TrainLedger::Alterations;
use TrainLedger::Books;

# The short form is the same every time: what is beside calls is not in it, as
# chance has a hand in who comes first (test/t/175_ddl_load.pl has some of it).
# It takes every other change from the list of kinds in turn, so that each is there.
my $is_long = soak() >= 20000;
my $ROUNDS = $is_long ? 40 : 10;    # in one database

my $seed = $ENV{TRAINLEDGER_SEED} || 20260727;
my $rounds = $is_long ? soak() : int(soak() * 150 / 2000) || 1;
my $chapters = int(($rounds + $ROUNDS - 1) / $ROUNDS);
my @chapters = defined $ENV{TRAINLEDGER_CHAPTER} ? $ENV{TRAINLEDGER_CHAPTER} : 1 .. $chapters;
my $kind = $ENV{TRAINLEDGER_CHANGE};
note "seed $seed: $rounds rounds in $chapters databases";

my $node = start_books('ddl_fuzz', 'fsync = off', 'max_wal_size = 2GB',
	'jit = off', 'autovacuum = off', 'deadlock_timeout = 200ms',
	'restart_after_crash = on', 'log_min_error_statement = panic',
	# where a stack was too deep, its functions are in the server's log
	"backtrace_functions = 'check_stack_depth'",
	'log_min_messages = ' . ($is_long ? 'error' : 'log'));
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

my @names = qw(ann bob cay dan);
$node->safe_psql('books', 'DROP EXTENSION trainledger; DROP SCHEMA trainledger');
$node->safe_psql('books', $TrainLedger::Alterations::setup);
$node->safe_psql('books', 'CREATE EXTENSION amcheck');
TrainLedger::Books::found($node, 'books', @names);
my $alterations = TrainLedger::Alterations->new($node, 'books');
my @founded = map { TrainLedger::Books->new($node, 'books', $_)->save } @names;

# ----------------------------------------------------------------------
# Calls and what is said of their answers
# ----------------------------------------------------------------------

my $wanted;    # the kind whose turn it is
my ($database, @old, @sessions, $owner, $holder, $checker, @books);
my (@transcript, @complaints, %seen);
my $spoiled;    # the database is not to be used any more
my $change_beside;    # what is changed while a call may be under way
my $crashed;    # and the server starts anew

# A session of the database, with a new server process
sub connect_as
{
	my ($role, $session) = @_;

	if ($session) { $session->reconnect($database); }
	else
	{
		$session = TrainLedger::Session->new($node, $database);
		$session->query('\set VERBOSITY verbose');
	}
	$session->query("SET client_min_messages = error; SET statement_timeout = '30s'; SET ROLE $role");
	return $session;
}

sub complain
{
	my ($what) = @_;

	push @complaints, $what;
	$crashed = 1 if $what =~ /process is gone|^changing it: 08006/;
	$spoiled = 1;
	return if @complaints > 40;
	diag join "\n  ", "$what\n  to repeat it: TRAINLEDGER_SEED=$seed TRAINLEDGER_CHAPTER=$transcript[0]", @transcript[ 1 .. $#transcript ];
	return;
}

# An answer as one text: the rows, or the SQLSTATE
sub text
{
	my ($answer) = @_;

	return $answer->{sqlstate} eq '00000' ? join "\n", @{ $answer->{rows} } : $answer->{sqlstate};
}

sub told
{
	my ($answer) = @_;
	my @lines = @{ $answer->{rows} };

	@lines = (@lines[ 0 .. 5 ], '...') if @lines > 6;
	return "$answer->{sqlstate} " . join ' / ', @lines;
}

# What is to be said against the answer to a call while this is changed. The
# model takes what is right.
sub judge
{
	my ($books, $call, $answer, @changes) = @_;
	my $state = $answer->{sqlstate};
	my $text = text($answer);
	my ($unknown) = grep { $_->{unknown} } @changes;
	my ($blind) = grep { $_->{blind} } @changes;

	$seen{"answer $state"}++;
	return 'the server process is gone' if $answer->{lost};
	return 'it hangs' if $state eq '57014';
	return undef
	  if $change_beside && is_under_way($call, $state, "@{ $answer->{rows} }", $change_beside);
	# core remembers a row type in a transaction that changes it and goes back
	return undef if "@{ $answer->{rows} }" =~ /using outdated tuple descriptor/;
	return 'an internal error' if $state =~ /^(XX|58|57)/;
	if (!$unknown && $books->is_right($call, $text))
	{
		$books->took($call, $text);
		return undef;
	}
	if ($unknown)
	{
		# what the model does not follow, such as a table in the place of another
		$spoiled = 1 if $state eq '00000' && !$call->{reads};
		return undef;
	}
	return undef if $blind && $call->{reads} && $call->{name} ne 'reconcile';
	if (grep { $_->{loose} } @changes and $call->{name} =~ /^(import|apply|create|code|claim)$/)
	{
		# done twice
		$spoiled = 1;
		return undef;
	}
	return 'it is refused' if !@changes || $changes[0]{strict} && $state ne '00000';
	return undef if $state eq '55000' || grep { $_->{allow}{$state} } @changes;
	return $state eq '00000' ? 'a wrong answer' : 'another error';
}

# What a call that had to wait for a change may come to, whatever we do: what a
# call that only reads finds by the snapshot of its statement may be a table that
# is empty; a row may have other columns by now, of which core itself complains
# so, as it does where a row type goes away for which it compiles or runs a
# function, or statistics by which it plans; and who locks two things, such as an
# index after its table, can be in the way of a call that has read and then writes.
# And core, which rebuilds its entry of a table, takes in what was changed meanwhile
# and rebuilds the entry again, within the first time: where changes come faster than
# it rebuilds, it ends at the depth of the stack (RelationCacheInvalidateEntry).
sub is_under_way
{
	my ($call, $state, $rows, $change) = @_;
	my $statements = "@{ $change->{do} } @{ $change->{undo} }";

	return 1 if $state eq '55000' || $state eq '54001';
	return 1 if $change->{rewrites} && $call->{reads} && $state !~ /^XX/;
	# the row was made before its type was altered
	return 1 if $change->{returned} && $state =~ /^(?:42804|22P07)$/;
	# a label is printed by the name that it has by then
	return 1 if $change->{kind} eq 'a label changed' && $rows =~ /\brenamed\b/;
	return 1
	  if $rows =~ /cache lookup failed for (?:type|statistics object) \d+/
	  || $rows =~ /could not open relation with OID \d+.*compilation of PL\/pgSQL function/s;
	return $state eq '40P01'
	  && $statements =~ /FOREIGN KEY|CASCADE|PARTITION|REINDEX \w+ (?!CONC)/;
}

sub ask
{
	my ($session, $books, $changes, $call) = @_;

	if ($call->{first} || $call->{as})
	{
		$session->query('RESET ROLE');
		$session->query($call->{first}) if $call->{first};
		$session->query("SET ROLE " . ($call->{as} || 'ddl_admin'));
	}
	my $answer = $session->query($call->{sql});
	push @transcript, "$call->{sql};  -- " . told($answer);
	my $complaint = judge($books, $call, $answer, @$changes);
	complain("$complaint: " . told($answer) . ", not $call->{want} ("
		  . (join ', ', map { $_->{name} } @$changes) . ')')
	  if defined $complaint;
	return $answer;
}

sub back_to_admin
{
	my ($session, $call) = @_;

	$session->query('RESET ROLE; SET ROLE ddl_admin') if $call->{first} || $call->{as};
	return;
}

sub ask_some
{
	my ($session, $books, $changes, $count) = @_;

	for (1 .. $count)
	{
		last if $spoiled;
		my $call = $books->call;
		ask($session, $books, $changes, $call);
		back_to_admin($session, $call);
	}
	return;
}

# Runs statements as a role; false where one of them is refused. One that begins
# with ! is meant to be.
sub run_as
{
	my ($session, $role, @statements) = @_;

	$session->query("RESET ROLE; SET ROLE $role");
	for my $statement (@statements)
	{
		my $is_meant = (my $sql = $statement) =~ s/^!//;
		my $answer = $session->query($sql);
		push @transcript, "$sql;  -- " . told($answer);
		complain("changing it: " . told($answer)) if $answer->{lost} || $answer->{sqlstate} =~ /^(XX|57)/;
		return 0 if $answer->{sqlstate} ne '00000' && !$is_meant;
	}
	return 1;
}

# All of it or nothing, where that can be
sub make_change
{
	my ($session, $change) = @_;
	my $is_whole = !$change->{outside};

	$session->query('BEGIN') if $is_whole;
	my $is_made = run_as($session, $change->{as}, @{ $change->{do} });
	$session->query($is_made ? 'COMMIT' : 'ROLLBACK') if $is_whole;
	$seen{$is_made ? "made $change->{kind}" : 'not possible'}++;
	note "not possible: $transcript[-1]" if !$is_made && $ENV{TRAINLEDGER_TOLD};
	$spoiled = 1 if !$is_made && !$is_whole;
	return $is_made;
}

sub undo_change
{
	my ($session, $change) = @_;

	$spoiled = 1 if $change->{fresh} || $change->{unknown};
	return if $spoiled;
	if (!run_as($session, $change->{as}, @{ $change->{undo} }))
	{
		# where rows were made twice no unique index can be made again
		$spoiled = 1;
		complain("it cannot be undone ($change->{name}): $transcript[-1]") if !$change->{loose};
	}
	renew_sessions($change);
	return;
}

# What a session keeps of a change that is undone is gone with the session.
sub renew_sessions
{
	my ($change) = @_;

	return if !$change->{lasting} || $spoiled;
	$_ = connect_as('ddl_admin', $_) for @sessions[ 0 .. 2, 4 ];
	return;
}

# The books in the database are those of the models.
sub compare_books
{
	my %model = map { $_ => 1 } map { $_->state } @books;
	my $answer = $checker->query(TrainLedger::Books::lines());
	my %stored = map { $_ => 1 } grep { !/^party 1 / } @{ $answer->{rows} };
	my @differences = (
		(map { "only in the model: $_" } grep { !$stored{$_} } sort keys %model),
		(map { "only in the database: $_" } grep { !$model{$_} } sort keys %stored));

	complain(join "\n  ", 'other books', @differences) if @differences;
	return;
}

# ----------------------------------------------------------------------
# Rounds
# ----------------------------------------------------------------------

sub any { return $_[ int rand @_ ]; }

# A change that passes a test, of the kind that is wanted or else of any
sub a_change
{
	my ($test) = @_;

	return $alterations->change($kind, $test) if defined $kind;
	return ($wanted && $alterations->change($wanted, $test)) || $alterations->change(undef, $test);
}

# Changed and changed back between calls, of a session that has seen the tables
# before and of a new one; now and then two things at once
sub between_calls
{
	# rarely one that costs a database
	my @changes = a_change(sub { !$_[0]{fresh} || rand() < 0.2 });

	return unless $changes[0];
	push @changes, $alterations->change(undef, sub { !$_[0]{until} && !$_[0]{unknown} && !$_[0]{outside} && !$_[0]{fresh} })
	  if rand() < 0.2 && !$changes[0]{until};
	# the constraints of a table that is elsewhere cannot be made again by its name
	pop @changes
	  if $changes[1] && $changes[0]{name} =~ /in its place/ && "@{ $changes[1]{do} }" =~ /CASCADE/;
	ask_some($sessions[0], $books[0], [], 1);
	my @made;
	for my $change (@changes)
	{
		push @transcript, "-- $change->{name}";
		push @made, $change if $change->{until} ? start_change($change) : make_change($owner, $change);
	}
	return unless @made;
	my $all = [ sort { ($a->{strict} || 0) <=> ($b->{strict} || 0) } @made ];
	ask_some($sessions[0], $books[0], $all, 5);
	if (!$spoiled)
	{
		push @transcript, '\c';
		$sessions[4] = connect_as('ddl_admin', $sessions[4]);
		ask_some($sessions[4], $books[1], $all, 2);
	}
	for my $change (reverse @made)
	{
		end_change($change) if $change->{until};
		undo_change($owner, $change);
	}
	ask_some($sessions[0], $books[0], [], 2) unless $spoiled;
	return;
}

# A change that waits for a transaction, and is seen half done meanwhile
sub start_change
{
	my ($change) = @_;

	return 0 unless run_as($owner, $change->{as}, @{ $change->{first} });
	run_as($holder, 'postgres', @{ $change->{wait} });
	push @transcript, "$change->{do}[0];  -- not waited for";
	$owner->send($change->{do}[0]);
	$checker->query("DO \$\$ BEGIN FOR i IN 1 .. 1000 LOOP EXIT WHEN ($change->{until}); PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END \$\$");
	$seen{"made $change->{kind}"}++;
	return 1;
}

sub end_change
{
	my ($change) = @_;

	run_as($holder, 'postgres', 'COMMIT');
	my $answer = $owner->receive;
	push @transcript, "-- it ends: " . told($answer);
	return if $answer->{sqlstate} eq '00000';
	$spoiled = 1;
	complain("$change->{name}: " . told($answer)) if !$change->{loose};
	return;
}

# In the transaction of calls, and rolled back
sub in_a_transaction
{
	my $change = a_change(sub { !$_[0]{outside} }) or return;
	my $session = $sessions[0];
	my $books = $books[0];
	my $ask = sub {
		my ($changes, $count) = @_;

		for (1 .. $count)
		{
			last if $spoiled;
			my $call = $books->call;
			$session->query('SAVEPOINT call');
			my $answer = ask($session, $books, $changes, $call);
			$session->query(
				$answer->{sqlstate} eq '00000' ? 'RELEASE call' : 'ROLLBACK TO call');
			back_to_admin($session, $call);
		}
	};

	push @transcript, 'BEGIN;';
	$session->query('BEGIN');
	my $first = $books->save;
	$ask->([], any(0, 1, 2));
	my $saved = $books->save;
	push @transcript, 'SAVEPOINT change;', "-- $change->{name}";
	$session->query('SAVEPOINT change');
	if (run_as($session, $change->{as}, @{ $change->{do} }))
	{
		$seen{"made $change->{kind}"}++;
		$session->query('RESET ROLE; SET ROLE ddl_admin');
		$ask->([$change], 5);
	}
	else { $seen{'not possible'}++; }
	push @transcript, 'ROLLBACK TO change;';
	$session->query('ROLLBACK TO change');
	$books->put_back($saved) unless $spoiled;
	$ask->([], 2) unless $change->{lasting};
	my $end = any(qw(COMMIT ROLLBACK));
	push @transcript, "$end;";
	complain("$end fails") if $session->query($end)->{sqlstate} ne '00000';
	$books->put_back($first) if $end eq 'ROLLBACK';
	renew_sessions($change);
	$session->query('RESET ROLE; SET ROLE ddl_admin');
	ask_some($session, $books, [], 1);
	return;
}

# Changed and changed back again and again beside the calls of three sessions
# and a learner who looks on
sub beside_calls
{
	my ($chapter, $round) = @_;
	my $change = a_change(sub { !$_[0]{until} && !$_[0]{unknown} && !$_[0]{fresh} }) or return;
	my @left = (20) x 3;
	my @calls;
	my @todo;
	my $is_undone = 1;
	my $working = 3;
	my $refused = 0;
	my $strict = $change->{strict};

	push @transcript, "-- beside calls: $change->{name}";
	$change_beside = $change;
	$owner->query("RESET ROLE; SET ROLE $change->{as}");
	drive(
		[ @sessions[ 0 .. 3 ], $owner ],
		sub {
			my ($i) = @_;

			if ($i == 4)
			{
				if (!@todo)
				{
					return undef if $is_undone && !$working || $spoiled;
					@todo = $is_undone ? @{ $change->{do} } : @{ $change->{undo} };
					$is_undone = !$is_undone;
				}
				my $statement = shift @todo;
				return 'SELECT 1' if !defined $statement;
				$statement =~ s/^!//;
				push @transcript, "$statement;  -- meanwhile";
				return $statement;
			}
			return undef if $spoiled || $i == 3 && !$working;
			if ($i < 3 && !$left[$i]--)
			{
				$working--;
				return undef;
			}
			# whoever comes first
			srand $seed + 7919 * $chapter + 104729 * $round + 1299709 * $i + ($i < 3 ? $left[$i] : 0);
			$calls[$i] = $books[$i]->call($i == 3 ? 'what a learner sees' : TrainLedger::Books::alone());
			return $calls[$i]{sql};
		},
		sub {
			my ($i, $answer) = @_;

			if ($i == 4)
			{
				push @transcript, '-- ' . told($answer);
				my $state = $answer->{sqlstate};
				complain('changing it: ' . told($answer)) if $answer->{lost} || $state =~ /^(XX|57)/;
				$refused = 1 if $state ne '00000' && "@{ $change->{do} }" !~ /^!| !/;
				return undef;
			}
			push @transcript, "$calls[$i]{sql};  -- session $i: " . told($answer);
			my $complaint = judge($books[$i], $calls[$i], $answer, $change);
			complain("$complaint: " . told($answer) . ", not $calls[$i]{want} (beside calls: $change->{name})")
			  if defined $complaint;
			return undef;
		});
	$change_beside = undef;
	$seen{$refused ? 'not possible beside calls' : "made $change->{kind}"}++;
	$spoiled = 1 if $refused;
	renew_sessions($change);
	ask_some($sessions[$_], $books[$_], [], 1) for grep { !$spoiled } 0 .. 2;
	return;
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

sub start_chapter
{
	my ($chapter) = @_;

	# it may be on its feet again only now
	if ($crashed)
	{
		$node->poll_query_until('postgres', 'SELECT true');
		(@sessions, $owner, $holder, $checker) = ();
		$crashed = 0;
	}
	# in heaps, as each waits for a checkpoint
	push @old, $database if $database;
	$node->safe_psql('postgres', join '; ', map { "DROP DATABASE $_ WITH (FORCE)" } splice @old, 0, 19)
	  if @old >= 20;
	$database = "ddl$chapter";
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE books STRATEGY file_copy");
	@books = map { bless {}, 'TrainLedger::Books' } @founded;
	$books[$_]->put_back($founded[$_]) for 0 .. $#founded;
	@sessions = map { connect_as('ddl_admin', $sessions[$_]) } 0 .. 4;
	($owner, $holder, $checker) =
	  map { connect_as('postgres', $_) } $owner, $holder, $checker;
	$checker->query(TrainLedger::Books::whole_tables());
	# the learner stays one
	my $watcher = $books[3]->call('what a learner sees');
	$sessions[3]->query('RESET ROLE');
	$sessions[3]->query($watcher->{first});
	$sessions[3]->query('SET ROLE ddl_learner');
	$spoiled = 0;
	return;
}

# amcheck raises where an index lacks a row
sub check_indexes
{
	my $answer = $checker->query("SELECT count(bt_index_check(i.indexrelid, true)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam WHERE c.relnamespace::regnamespace::text ~ '^trainledger' AND a.amname = 'btree' AND i.indisvalid");

	complain('an index is wrong: ' . told($answer)) if $answer->{sqlstate} ne '00000';
	return;
}

my $since = time;
my $done = 0;
for my $chapter (@chapters)
{
	$spoiled = 1;
	srand $seed + $chapter;
	for my $round (1 .. $ROUNDS)
	{
		my $t1 = time;
		start_chapter("${chapter}_$round") if $spoiled;
		$seen{'time start'} += time - $t1;
		my $way = rand($is_long ? 1 : 0.75);
		my @kinds = TrainLedger::Alterations::kinds();
		my $turn = ($chapter - 1) * $ROUNDS + $round;
		$wanted = $is_long || $turn % 2 ? undef : $kinds[ $turn / 2 % @kinds ];

		@transcript = ("$chapter, round $round");
		my $t0 = time;
		$way < 0.45 ? between_calls() : $way < 0.75 ? in_a_transaction() : beside_calls($chapter, $round);
		$seen{($way < 0.45 ? 'time A' : $way < 0.75 ? 'time B' : 'time C')} += time - $t0;
		srand $seed + 7919 * $chapter + 104729 * $round;
		$done++;
		note join ' | ', $transcript[0], grep { /^--/ && !/^-- \d/ } @transcript if $ENV{TRAINLEDGER_TOLD};
		compare_books() unless $spoiled;
	}
	check_indexes() unless $spoiled;
	last if @complaints > 60;
}
note sprintf '%d rounds in %.1f s', $done, time - $since;
note join ', ', map { "$_ $seen{$_}" } sort keys %seen;

my %made = map { $_ => 1 } map { /^made (.*)/ } keys %seen;
my @missed = grep { !$made{$_} } TrainLedger::Alterations::kinds();
is(scalar @complaints, 0, 'every answer is right or names what was altered');
note 'not made: ', join ', ', @missed;
cmp_ok(scalar @missed, '<', 5, 'changes of nearly every kind were made') if $done >= 150 && !defined $kind;
cmp_ok(($seen{'not possible'} || 0), '<', $done / 3, 'most of those that were tried');
no_crash($node, $started, 'ddl');
done_testing();
