# Maintenance under load: tables and indexes are rebuilt, vacuumed, clustered
# and altered while sessions post, issue, redeem, import and rename. No call
# fails or deadlocks because of it, autovacuum gets its turn, and in the end the
# balances agree with the answers and the indexes have every row.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;

my $seconds = 20 * soak() / 2000;
my $seed = $ENV{TRAINLEDGER_SEED} || 20260728;
note "seed $seed: $seconds seconds";
srand $seed;

my $node = start_books('ddl_load', 'fsync = off', 'max_wal_size = 2GB',
	'autovacuum_naptime = 1s', 'log_autovacuum_min_duration = 0');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

my $TOKENS = 20000;    # signup tokens to begin with

$node->safe_psql('books', <<"END");
CREATE EXTENSION amcheck;
SELECT trainledger.add_training_token_type('course');
SELECT trainledger.add_catalog_item('course', 'C1', 'Course');
SELECT trainledger.add_party('person', 'party ' || i) FROM generate_series(1, 6) i;
SELECT trainledger.credit_init(p.id, 0, 'setup', '', '2026-01-01', 'account ' || i)
FROM trainledger.party p, generate_series(1, 20) i;
SELECT trainledger.issue_training_tokens(t.id, p.id, 1000)
FROM trainledger.party p, trainledger.token_type t WHERE t.name = 'course';
SELECT count(*) FROM trainledger.import_signup_tokens(convert_to('<Tokens>' || (SELECT string_agg(format('<Token><TokenCode>first %s</TokenCode><TokenType>1</TokenType><TokenTypeId>C1</TokenTypeId><MaximumActivations>1000</MaximumActivations></Token>', i), '') FROM generate_series(1, $TOKENS) i) || '</Tokens>', 'UTF8'));
ANALYZE;
END
my @accounts = rows($node, 'SELECT id FROM trainledger.account WHERE name IS NOT NULL ORDER BY id');
my @parties = rows($node, 'SELECT id FROM trainledger.party ORDER BY id');
my @tokens = rows($node, 'SELECT id FROM trainledger.signup_token ORDER BY id LIMIT 200');
my @lots = rows($node, 'SELECT id FROM trainledger.token_lot');
my ($course, $default) = map {
	rows($node, "SELECT id FROM trainledger.token_type WHERE name = '$_'")
} qw(course default);

# ----------------------------------------------------------------------
# Work
# ----------------------------------------------------------------------

sub any { return $_[ int rand @_ ]; }

my $serial = 0;
my %balance = map { $_ => 0 } @accounts;
my %entries = map { $_ => 1 } @accounts;
my $tokens_left = 1000 * @parties;
my @redemptions;

sub uuid { return sprintf '00000000-0000-4000-8000-%012x', ++$serial; }

sub posted
{
	my ($account, $delta) = @_;

	$balance{$account} += $delta;
	$entries{$account}++;
	return;
}

sub document
{
	return "'<Tokens>" . join('', @_) . "</Tokens>'";
}

# What a session asks, and what it means that it was answered. The first
# accounts and parties are everybody's.
my %work = (
	post => sub {
		my $account = $accounts[ int(@accounts * rand() ** 3) ];
		my $delta = 1 + int rand 9;
		my $recorded = rand() < 0.5 ? ", recorded_at => clock_timestamp()" : '';

		return [ "SELECT balance FROM trainledger.post($account, 'add', $delta, 's'$recorded)",
			sub { posted($account, $delta) } ];
	},
	batch => sub {
		my @ids = map { any(@accounts) } 1 .. any(1, 5, 100);

		return [
			"SELECT count(entry_no) FROM trainledger.post_batch('{" . join(',', @ids) . "}', array_fill('-1'::trainledger.amount, ARRAY[" . @ids . "]), 's')",
			sub { posted($_, -1) for @ids; } ];
	},
	open => sub {
		my $party = any(@parties);
		my $key = rand() < 0.5 ? ", idempotency_key => '" . uuid() . "'" : '';

		return [ "SELECT account_id FROM trainledger.credit_init($party, 5, 's', '', '2026-01-02', 'opened " . ++$serial . "'$key)",
			sub { ($balance{ $_[0] }, $entries{ $_[0] }) = (5, 1); } ];
	},
	issue => sub {
		my $key = rand() < 0.5 ? ", idempotency_key => '" . uuid() . "'" : '';

		return [ "SELECT id FROM trainledger.issue_training_tokens('$course', " . any(@parties[ 0 .. 1 ]) . ", 7$key)",
			sub { $tokens_left += 7; push @lots, $_[0]; } ];
	},
	redeem => sub {
		my $key = rand() < 0.5 ? ", idempotency_key => '" . uuid() . "'" : '';

		return [ "SELECT id FROM trainledger.redeem_training_tokens(" . any(@parties[ 0 .. 1 ]) . ", '$course', 3, 'r'$key)",
			sub { $tokens_left -= 3; push @redemptions, $_[0]; } ];
	},
	refund => sub {
		return undef unless @redemptions;
		return [ "SELECT id FROM trainledger.refund_training_tokens(" . splice(@redemptions, rand @redemptions, 1) . ")",
			sub { $tokens_left += 3; } ];
	},
	adjust => sub {
		my $key = rand() < 0.5 ? ", idempotency_key => '" . uuid() . "'" : '';

		return [ "SELECT id FROM trainledger.adjust_training_tokens('" . any(@lots) . "', 2$key)",
			sub { $tokens_left += 2; } ];
	},
	sweep => sub { return [ 'SELECT trainledger.expire_training_tokens()', sub { } ]; },
	import => sub {
		return [
			'SELECT count(*) FROM trainledger.import_signup_tokens('
			  . document(map { '<Token><TokenCode>more ' . ++$serial . '</TokenCode><TokenType>1</TokenType><TokenTypeId>C1</TokenTypeId><MaximumActivations>9</MaximumActivations></Token>' } 1 .. any(1, 20, 200)) . ')',
			sub { } ];
	},
	apply => sub {
		return [
			'SELECT count(*) FROM trainledger.apply_signup_tokens('
			  . document(map { "<Token><TokenId>" . any(@tokens) . '</TokenId><TokenCode>applied ' . ++$serial . '</TokenCode></Token>' } 1 .. 20) . ')',
			sub { } ];
	},
	code => sub {
		return [ "SELECT code FROM trainledger.update_signup_token('" . any(@tokens) . "', code => 'renamed " . ++$serial . "')", sub { } ];
	},
	create => sub {
		return [ "SELECT id FROM trainledger.create_signup_token(1, 'C1', 5)", sub { } ];
	},
	claim => sub {
		return [ "SELECT id FROM trainledger.claim_signup_token('first " . int(201 + rand 1000) . "', " . any(@parties) . ')', sub { } ];
	},
	party => sub {
		return [ 'SELECT id FROM trainledger.update_party(' . any(@parties) . ", name => 'name " . ++$serial . "', is_suspended => false)", sub { } ];
	},
	person => sub {
		return [ "SELECT id FROM trainledger.add_party('person', 'more', barcode => '" . ++$serial . "')", sub { } ];
	},
	type => sub {
		return [ 'SELECT id FROM trainledger.update_token_type(' . any("'$course'", "'$default'") . ", description => '" . ++$serial . "'"
			  . (rand() < 0.3 ? ", default_days_to_redeem => 5)" : ')'), sub { } ];
	},
	read => sub {
		return [
			any("SELECT count(*) FROM trainledger.reconcile(" . any(@accounts) . ')',
				"SELECT trainledger.balance_at(" . any(@accounts) . ", now())",
				"SELECT count(*) FROM trainledger.holdings(" . any(@parties) . ')',
				"SELECT length(trainledger_api.credit_token_history('account 1', 'id', '" . any(@parties) . "', 'default')::text)",
				'SELECT count(*) FROM trainledger_api.tokens(0, 100)'),
			sub { } ];
	});

my @shifts = (
	[qw(post)], [qw(post open)], [qw(batch post)], [qw(issue redeem refund adjust)],
	[qw(redeem adjust issue sweep)], [qw(import)], [qw(code apply claim create)],
	[qw(party type person read claim)]);

# ----------------------------------------------------------------------
# Maintenance, by one session: two would be in each other's way
# ----------------------------------------------------------------------

my @tables = qw(account entry token_type party token_lot token_account
  party_request redemption redemption_allocation signup_token signup_claim
  enrolment catalog_item);
# whose rows are no function's result, which would not fit the call under way
my @own = qw(account entry entry entry token_lot token_account party_request
  redemption_allocation enrolment catalog_item);
my %indexes;
push @{ $indexes{ $_->[0] } }, $_->[1]
  for map { [ split /\|/ ] }
  rows($node, "SELECT t.relname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid WHERE t.relnamespace = 'trainledger'::regnamespace");

my @chores = (
	sub { my $table = any(@tables); return "REINDEX INDEX CONCURRENTLY trainledger." . any(@{ $indexes{$table} }); },
	sub { return 'REINDEX TABLE CONCURRENTLY trainledger.' . any(@tables); },
	sub { return 'VACUUM trainledger.' . any(@tables); },
	sub { return 'VACUUM FULL trainledger.' . any(@tables); },
	sub { my $table = any(@tables); return "CLUSTER trainledger.$table USING ${table}_pkey"; },
	sub { return 'ANALYZE trainledger.' . any(@tables); },
	sub {
		my ($table, $of) = @{
			any([ 'entry', '(source)' ],
				[ 'entry', "((-account_id), entry_no) WHERE source <> 'x'" ],
				[ 'account', '(balance)' ],
				[ 'signup_token', '(active)' ],
				[ 'token_lot', '(created_at)' ],
				[ 'party', '(name)' ])
		};
		return ("CREATE INDEX CONCURRENTLY one_more ON trainledger.$table $of",
			any('DROP INDEX trainledger.one_more', 'DROP INDEX CONCURRENTLY trainledger.one_more'));
	},
	sub {
		my $table = any(@own);
		return ("ALTER TABLE trainledger.$table ADD COLUMN more " . any('text', "text DEFAULT 'x'", 'timestamptz DEFAULT clock_timestamp()', 'bigint GENERATED ALWAYS AS (1 + 1) STORED'),
			"ALTER TABLE trainledger.$table DROP COLUMN more");
	},
	sub {
		my $table = any(@tables);
		return ("ALTER TABLE trainledger.$table ADD CONSTRAINT more CHECK (true)",
			"ALTER TABLE trainledger.$table DROP CONSTRAINT more");
	});

# REINDEX without CONCURRENTLY locks a table and then its index: a function that
# has read a table and goes on to write to it can meet it halfway, as any
# transaction can. The engine locks what it writes to before it reads.
my @rebuilds = (
	sub { my $table = any(qw(account entry)); return "REINDEX INDEX trainledger." . any(@{ $indexes{$table} }); },
	sub { return 'REINDEX TABLE trainledger.' . any(qw(account entry)); });

my @workers = sessions($node, scalar @shifts);
my $janitor = TrainLedger::Session->new($node, 'books');
my %worker = map { $_->backend => 1 } @workers;
my %done;

# So many sessions work for so many seconds, while the janitor does chores.
# Returns how often each kind of work had which end.
sub work_beside
{
	my ($sessions, $seconds, $chores) = @_;
	my $until = time + $seconds;
	my (@asked, @todo, %states);

	drive(
		[ @workers[ 0 .. $sessions - 1 ], $janitor ],
		sub {
			my ($i) = @_;

			if ($i == $sessions)
			{
				@todo = any(@$chores)->() if !@todo && time < $until;
				return $asked[$i] = shift @todo;
			}
			return undef if time >= $until;
			my $work;
			while (!$work)
			{
				my $name = any(@{ $shifts[$i] });
				$work = $work{$name}->() and $asked[$i] = [ $name, @$work ];
			}
			return $asked[$i][1];
		},
		sub {
			my ($i, $answer) = @_;
			my $state = $answer->{sqlstate};

			if ($i == $sessions)
			{
				my ($chore) = $asked[$i] =~ /^([A-Z ]+?) ?[a-z]/;
				$done{$chore}++;
				$states{"$chore $state"}++ if $state ne '00000';
				return undef;
			}
			$states{"$asked[$i][0] $state"}++;
			$asked[$i][2]->(@{ $answer->{rows} }) if $state eq '00000';
			diag substr($asked[$i][1], 0, 300), ": $state"
			  if $state !~ /^(00000|TL0)/;
			return undef;
		});
	note join ', ', map { "$_ $states{$_}" } sort keys %states;
	# what only reads has the snapshot of its statement: a table that it waited
	# for while it was rewritten is empty to it (the chapter on MVCC says so)
	is(join(' ', sort grep { !/ (00000|TL055)$|^read TL404$/ } keys %states), '', 'nothing failed');
	return \%states;
}

my $states = work_beside(scalar @shifts, $seconds, \@chores);
my @idle = grep { !$states->{"$_ 00000"} } sort keys %work;
is("@idle", '', 'every kind of work was done');
work_beside(3, $seconds / 6, \@rebuilds);
note join ', ', map { "$_ $done{$_}" } sort keys %done;
cmp_ok(scalar keys %done, '>=', 10, 'and every kind of maintenance');

# Who was in a circle: the server's log says it
my $log = slurp_file($node->logfile);
my @circles = $log =~ /deadlock detected\n.*?DETAIL:  (.*?)HINT:/gs;
note "a circle:\n$_" for @circles;
is(scalar(grep { grep { $worker{$_} } /^\s*Process (\d+) waits/gm } @circles),
	0, 'no call of ours was in a circle of waiting sessions');

# ----------------------------------------------------------------------
# What is left
# ----------------------------------------------------------------------

books_are_right($node, 'after maintenance');
is( $node->safe_psql('books', 'SELECT id, balance, entry_count FROM trainledger.account WHERE name IS NOT NULL ORDER BY id'),
	join("\n", map { "$_|$balance{$_}|$entries{$_}" } sort { $a <=> $b } keys %balance),
	'every account has what was answered');
is($node->safe_psql('books', 'SELECT sum(booked_balance) FROM trainledger.token_issue'),
	$tokens_left, 'and so have the lots');
is($node->safe_psql('books', "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'trainledger'::regnamespace AND NOT i.indisvalid"),
	'0', 'no index is left half made');
# amcheck raises where an index lacks a row
cmp_ok($node->safe_psql('books', "SELECT count(bt_index_check(i.indexrelid, true)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam WHERE c.relnamespace = 'trainledger'::regnamespace AND a.amname = 'btree'"),
	'>', 20, 'every index has every row');
# a batch tells this one each block once, and amcheck knows nothing of it
is($node->safe_psql('books', <<'END'), '0|t', 'the entries of a batch are found by their number');
SET enable_seqscan = off;
WITH n AS MATERIALIZED (
	SELECT e.booking_no, count(*) FROM trainledger.entry e
	GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 200)
SELECT count(*) FILTER (WHERE n.count <> (
	SELECT count(*) FROM trainledger.entry e WHERE e.booking_no = n.booking_no)),
	max(n.count) > 1
FROM n
END

# ----------------------------------------------------------------------
# Autovacuum of a table that documents are imported into all the time: slow
# enough to be noticed by who waits for it, which would cancel it
# ----------------------------------------------------------------------

$node->safe_psql('books', <<'END');
ALTER TABLE trainledger.signup_token SET (autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_cost_delay = 20, autovacuum_vacuum_cost_limit = 50);
END
my $vacuumed = "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relid = 'trainledger.signup_token'::regclass";
my $before = $node->safe_psql('books', $vacuumed);
my $waited = time;
my $after = $before;
my $next_look = time + 2;
my %states;
drive(
	[ @workers[ 0 .. 3 ], $janitor ],
	sub {
		my ($i) = @_;

		return undef if $after > $before || time - $waited > 30;
		if ($i == 4)
		{
			return 'SELECT pg_sleep(0.2)' if time < $next_look;
			$next_look = time + 0.5;
			return $vacuumed;
		}
		return $work{ any(qw(import code apply)) }->()->[0];
	},
	sub {
		my ($i, $answer) = @_;

		$states{ $answer->{sqlstate} }++;
		$after = $answer->{rows}[0] if $i == 4 && ($answer->{rows}[0] || '') ne '';
		return undef;
	});
note sprintf 'vacuumed after %.1f s; %s', time - $waited, join ', ', map { "$_ $states{$_}" } sort keys %states;
cmp_ok($after, '>', $before, 'autovacuum of signup_token comes to its end while documents are imported');
is(join(' ', grep { $_ ne '00000' } keys %states), '', 'and no import fails');

no_crash($node, $started, 'maintenance');
done_testing();
