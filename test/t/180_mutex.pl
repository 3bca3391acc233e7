# The extension's mutexes block only calls that need the same mutex. On one
# side: a login that holds every advisory lock it can name, vacuum, autovacuum,
# REINDEX and DDL. On the other: documents of signup tokens, changes of codes
# and of access, also in prepared transactions and on a standby.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;
use TrainLedger::Server;

my $node = start_books(
	'mutex', 'max_prepared_transactions = 4', 'wal_level = replica',
	'max_wal_senders = 4', 'max_locks_per_transaction = 256',
	'autovacuum = off', 'synchronous_commit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $seed = $ENV{TRAINLEDGER_SEED} || 20261122;
srand $seed;
note "seed $seed";

# make soak does more of what only time and chance bring about
my $ROUNDS = soak() > 2000 ? 20 : 2;

$node->safe_psql('books', <<'END');
SELECT trainledger.add_catalog_item('course', 'C1', 'Course');
SELECT trainledger.create_signup_token(1, 'C1', 5, 'token ' || i, id => 't' || i) FROM generate_series(1, 8) i;
CREATE ROLE admin LOGIN;
SELECT trainledger.grant_access('admin', 'admin');
CREATE ROLE nosy LOGIN;
SELECT format('CREATE ROLE member_%s', i) FROM generate_series(1, 8) i \gexec
END

my $serial = 0;
sub new_code { return 'code ' . ++$serial; }

# A call with a document of new tokens of these codes
sub import_of
{
	my $tokens = join '', map {
		"<Token><TokenCode>$_</TokenCode><TokenType>1</TokenType><TokenTypeId>C1</TokenTypeId><MaximumActivations>5</MaximumActivations></Token>"
	} @_;
	return "SELECT count(*) FROM trainledger.import_signup_tokens('<Tokens>$tokens</Tokens>')";
}

# A call with a document that changes tokens: pairs of id and code
sub apply
{
	my $tokens = '';
	while (my ($id, $code) = splice @_, 0, 2)
	{
		$tokens .= "<Token><TokenId>$id</TokenId><TokenCode>$code</TokenCode></Token>";
	}
	return "SELECT count(*) FROM trainledger.apply_signup_tokens('<Tokens>$tokens</Tokens>')";
}

sub change
{
	my ($id, $code) = @_;
	return "SELECT count(*) FROM trainledger.update_signup_token('$id', code => '$code')";
}

# Counts the answers by SQLSTATE: "00000 7, TL409 1"
sub outcome
{
	my %count;
	$count{ $_->{sqlstate} }++ for @_;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

# A session as a role, in which nothing waits for long
sub session_as
{
	my ($role) = @_;
	my ($session) = sessions($node, 1);

	$session->query("SET ROLE $role");
	$session->query("SET statement_timeout = '30s'");
	return $session;
}

sub waits
{
	my ($session) = @_;
	return $node->poll_query_until('books',
		"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $session->backend);
}

my ($one, $two) = map { session_as('admin') } 1 .. 2;
my $owner = session_as('postgres');

# All calls that exclude each other
my @calls = (
	[ 'an import' => sub { import_of(new_code(), new_code()) } ],
	[ 'a document of changes' => sub { apply(t1 => new_code(), t2 => new_code()) } ],
	[ 'a change of a code' => sub { change(t3 => new_code()) } ],
	[ 'grant_access' => sub { "SELECT trainledger.grant_access('member_1', 'reader')" } ],
	[ 'revoke_access' => sub { "SELECT trainledger.revoke_access('member_1')" } ]);

# ----------------------------------------------------------------------
# The lock
# ----------------------------------------------------------------------

my %key;
for my $call (@calls)
{
	my ($name, $statement) = @$call;

	$one->query('BEGIN');
	is($one->query($statement->())->{sqlstate}, '00000', $name);
	my ($lock, @more) = rows($node,
		"SELECT classid, objid, objsubid, mode FROM pg_locks WHERE locktype = 'advisory' AND pid = " . $one->backend);
	like($lock, qr/^\d+\|\d+\|21580\|ExclusiveLock$/, "$name: the lock that is documented");
	is("@more", '', "$name: and no other");
	is($node->safe_psql('books',
			"SELECT count(*) FROM pg_locks WHERE pid = " . $one->backend
			  . " AND locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')"
			  . " AND relation IN (SELECT oid FROM pg_class WHERE relnamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace))"),
		0, "$name: no lock on a table but those of reads and writes");
	$one->query('ROLLBACK');
	$key{ $lock =~ s/\|21580.*//r } = 1;
	is(join('', rows($node, "SELECT count(*) FROM pg_locks WHERE objsubid = 21580")),
		0, "$name: the lock ends with the transaction");
}
is(keys %key, 2, 'two of them, one for codes and one for access');

for my $role (qw(nosy admin))
{
	my $session = session_as($role);
	is($session->query("SELECT trainledger_internal.take_mutex('access', 'x()')")->{sqlstate},
		'42501', "$role cannot take it by itself");
	$session->quit;
}
is($owner->query("SELECT trainledger_internal.take_mutex('nothing', 'x()')")->{sqlstate},
	'22023', 'a name that is not known');

# ----------------------------------------------------------------------
# A login that holds every advisory lock it can name
# ----------------------------------------------------------------------

{
	my $nosy = session_as('nosy');
	my @small = (0 .. 8, 21580, 21580 << 16,
		rows($node, "SELECT oid FROM pg_database WHERE datname = 'books'"),
		rows($node, "SELECT oid FROM pg_class WHERE relnamespace = 'trainledger'::regnamespace AND relname IN ('signup_token', 'privilege', 'account')"),
		map { split /\|/ } keys %key);
	my %seen;
	@small = grep { !$seen{$_}++ } @small;
	my $list = join ',', @small;
	is($nosy->query("SELECT count(pg_advisory_lock(a, b)::text), count(pg_advisory_lock(a::bigint << 32 | b)::text)"
			  . " FROM unnest('{$list}'::int[]) a, unnest('{$list}'::int[]) b")->{rows}[0],
		@small**2 . '|' . @small**2, 'a login holds ' . 2 * @small**2 . ' advisory locks');
	is($node->safe_psql('books', "SELECT count(DISTINCT (classid, objid)) FROM pg_locks WHERE objsubid IN (1, 2) AND (classid || '|' || objid) IN ('"
			  . join("','", keys %key) . "')"), scalar keys %key, 'those that look like ours among them');
	is($one->query($_->[1]->())->{sqlstate}, '00000', "meanwhile, $_->[0]") for @calls;

	# nor do ours keep it from any
	$nosy->query('SELECT pg_advisory_unlock_all()');
	$one->query('BEGIN');
	$one->query($_->[1]->()) for @calls;
	is($nosy->query("SELECT bool_and(pg_try_advisory_lock(a, b) AND pg_try_advisory_lock(a::bigint << 32 | b))"
			  . " FROM unnest('{$list}'::int[]) a, unnest('{$list}'::int[]) b")->{rows}[0],
		't', 'and ours are in the way of none');
	$one->query('ROLLBACK');
	$nosy->quit;
}

# ----------------------------------------------------------------------
# Maintenance and DDL while a transaction has the locks
# ----------------------------------------------------------------------

# What waits for no writer of the table
my @maintenance = (
	'VACUUM trainledger.signup_token',
	'VACUUM (FREEZE, INDEX_CLEANUP on) trainledger.signup_token',
	'ANALYZE trainledger.signup_token',
	'VACUUM (ANALYZE) trainledger.signup_claim, trainledger.catalog_item',
	'CREATE STATISTICS trainledger.types ON type, type_id FROM trainledger.signup_token',
	'DROP STATISTICS trainledger.types',
	'ALTER TABLE trainledger.signup_token ALTER code SET STATISTICS 200',
	'ALTER TABLE trainledger.signup_token SET (autovacuum_vacuum_threshold = 60)',
	'ALTER TABLE trainledger.signup_token RESET (autovacuum_vacuum_threshold)',
	'ALTER TABLE trainledger.signup_token VALIDATE CONSTRAINT signup_token_type_check',
	q(COMMENT ON VIEW trainledger.privilege IS 'Which level of access each function is for.'),
	# of tables that these calls do not write
	'REINDEX TABLE CONCURRENTLY trainledger.signup_claim',
	'CREATE INDEX CONCURRENTLY other ON trainledger.signup_claim (created_at)',
	'DROP INDEX CONCURRENTLY trainledger.other',
	'ALTER TABLE trainledger.signup_claim ADD remark text',
	'ALTER TABLE trainledger.signup_claim DROP remark',
	'LOCK TABLE trainledger.privilege IN SHARE UPDATE EXCLUSIVE MODE');

# These wait for the end of snapshots that are older, whosever they are.
my $waits_for_snapshots = qr/^(REINDEX|CREATE INDEX|DROP INDEX)/;

sub maintain
{
	my ($what, @statements) = @_;

	for my $statement (@statements)
	{
		is($owner->query($statement =~ /^LOCK/ ? "BEGIN\\; $statement\\; COMMIT" : $statement)->{sqlstate},
			'00000', "$what: $statement");
	}
	return;
}

for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	my @without_snapshots = grep { $_ !~ $waits_for_snapshots } @maintenance;

	# not with access: for an open GRANT, vacuum and DDL of its tables wait
	$one->query("BEGIN ISOLATION LEVEL $level");
	$one->query($_->[1]->()) for @calls[ 0 .. 2 ];
	# of READ COMMITTED no snapshot is left between statements
	maintain($level, $level eq 'READ COMMITTED' ? @maintenance : @without_snapshots);
	$two->send(import_of(new_code()));
	ok(waits($two), "$level: another import waits");
	maintain("$level, an import waiting", @without_snapshots);
	is($one->query('COMMIT')->{sqlstate}, '00000', "$level: the first is committed");
	is($two->receive->{sqlstate}, '00000', "$level: and the other goes on");
}

# the other way round
$owner->query('BEGIN');
$owner->query('LOCK TABLE trainledger.signup_token, trainledger.privilege IN SHARE UPDATE EXCLUSIVE MODE');
is($one->query($_->[1]->())->{sqlstate}, '00000', "with the locks of maintenance on, $_->[0]") for @calls;
$owner->query('ROLLBACK');

# ----------------------------------------------------------------------
# Prepared transactions
# ----------------------------------------------------------------------

{
	$one->query('BEGIN');
	$one->query(import_of(new_code()));
	is($one->query("PREPARE TRANSACTION 'import'")->{sqlstate}, '00000', 'an import is prepared');
	for my $restarted (0, 1)
	{
		if ($restarted)
		{
			$_->quit for $one, $two, $owner;
			$node->restart;
			($one, $two) = map { session_as('admin') } 1 .. 2;
			$owner = session_as('postgres');
		}
		my $when = $restarted ? 'after a restart' : 'prepared';
		is($node->safe_psql('books', "SELECT count(*) FROM pg_locks WHERE objsubid = 21580 AND pid IS NULL"),
			1, "$when: the lock is there");
		maintain($when, @maintenance);
		$one->query("SET lock_timeout = '100ms'");
		is($one->query(import_of(new_code()))->{sqlstate}, '55P03', "$when: another import waits");
		is($one->query("SELECT count(*) FROM trainledger.create_signup_token(1, 'C1', 5, '" . new_code() . "')")->{sqlstate},
			'00000', "$when: a new token does not");
		is($one->query("SELECT count(*) FROM trainledger.update_signup_token('t1', active => true)")->{sqlstate},
			'00000', "$when: nor does a change of another kind");
		$one->query('RESET lock_timeout');
	}
	$two->send(import_of(new_code()));
	ok(waits($two), 'an import waits for the prepared one');
	$owner->query("COMMIT PREPARED 'import'");
	is($two->receive->{sqlstate}, '00000', 'and goes on when that is committed');

	$one->query('BEGIN');
	$one->query("SELECT trainledger.grant_access('member_2', 'reader')");
	is($one->query("PREPARE TRANSACTION 'access'")->{sqlstate}, '00000', 'a change of access is prepared');
	$two->send("SELECT trainledger.grant_access('member_1', 'reader')");
	ok(waits($two), 'a change of access waits for the prepared one');
	$owner->query("ROLLBACK PREPARED 'access'");
	is($two->receive->{sqlstate}, '00000', 'and goes on when that is rolled back');
	$started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
}

# ----------------------------------------------------------------------
# Indexes made anew and DDL beside running documents
# ----------------------------------------------------------------------

{
	my @codes = map { new_code() } 1 .. 4;
	my @writers = map { session_as('admin') } 1 .. 4;
	my @makers = map { session_as('postgres') } 1 .. 2;
	my (%writer_seen, %maker_seen, @bad);
	my @left = (
		map({ ("REINDEX INDEX CONCURRENTLY trainledger.$_") x $ROUNDS } 'signup_token_pkey', 'signup_token_code_key'),
		('REINDEX TABLE CONCURRENTLY trainledger.signup_token', 'ANALYZE trainledger.signup_token') x $ROUNDS,
		map({ "ALTER TABLE trainledger.signup_token $_" }
			q(ADD CONSTRAINT fits CHECK (maximum_activations > 0) NOT VALID),
			'VALIDATE CONSTRAINT fits', 'DROP CONSTRAINT fits', 'ALTER created_at SET STORAGE plain'),
		map({ ("CREATE INDEX CONCURRENTLY more ON trainledger.signup_token ($_)", 'DROP INDEX CONCURRENTLY trainledger.more') } 'type_id', 'active, code'));
	# not ANALYZE: while it waits for REINDEX, REINDEX waits for its snapshot
	my @aside = ('VACUUM trainledger.signup_token') x (10 * $ROUNDS);
	my $done = 0;

	drive(
		[ @writers, @makers ],
		sub {
			my ($i) = @_;

			if ($i >= @writers)
			{
				my $statement = shift @{ $i == @writers ? \@left : \@aside };
				$done = 1 if !@left;
				return $statement;
			}
			return undef if $done;
			my ($code, $other) = shuffle(@codes);
			my ($id, $id2) = map { "t$_" } shuffle(1 .. 8);
			my $kind = rand;
			# codes of which one comes back and one does not, tokens in any order
			return import_of(new_code(), $code) if $kind < 0.2;
			return import_of(map { new_code() } 1 .. 20) if $kind < 0.4;
			return apply($id => $code, $id2 => $other) if $kind < 0.6;
			return change($id => $code) if $kind < 0.8;
			return "SELECT count(*) FROM trainledger.create_signup_token(1, 'C1', 5, '$code')" if $kind < 0.9;
			return "SELECT count(*) FROM trainledger.update_signup_token('$id', active => true)";
		},
		sub {
			my ($i, $answer) = @_;

			($i < @writers ? \%writer_seen : \%maker_seen)->{ $answer->{sqlstate} }++;
			push @bad, @{ $answer->{rows} } if $answer->{sqlstate} !~ /^(00000|TL409)$/;
			return undef;
		});
	note join ', ', map { "$_ $writer_seen{$_}" } sort keys %writer_seen;
	is(join(' ', sort keys %writer_seen), '00000 TL409', 'beside indexes made anew, calls are done or refused');
	is(join(' ', keys %maker_seen), '00000', 'and maintenance is done');
	is("@bad", '', 'nothing else is said');
	is($node->safe_psql('books', "SELECT count(*) FROM pg_index WHERE indrelid = 'trainledger.signup_token'::regclass AND NOT (indisvalid AND indisready)"),
		0, 'no index is left half made');
	is($node->safe_psql('books', 'SELECT lower(code) FROM trainledger.signup_token GROUP BY 1 HAVING count(*) > 1'),
		'', 'codes are unique');
	$_->quit for @writers, @makers;
}

# ----------------------------------------------------------------------
# A vacuum that takes long
# ----------------------------------------------------------------------

{
	$node->safe_psql('books', import_of(map { new_code() } 1 .. 2000));
	$node->safe_psql('books', 'UPDATE trainledger.signup_token SET active = false WHERE type = 1');

	# by hand
	my $vacuum = session_as('postgres');
	$vacuum->query("SET vacuum_cost_delay = '100ms'");
	$vacuum->query('SET vacuum_cost_limit = 1');
	$vacuum->query("SET statement_timeout = 0");
	$vacuum->send('VACUUM trainledger.signup_token');
	my $is_at_work = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'trainledger.signup_token'::regclass";
	ok($node->poll_query_until('books', $is_at_work, '1'), 'a slow VACUUM has begun');
	is($one->query($_->[1]->())->{sqlstate}, '00000', "meanwhile, $_->[0]") for @calls;
	is($node->safe_psql('books', $is_at_work), 1, 'it is still at work');
	$node->safe_psql('books', 'SELECT pg_cancel_backend(' . $vacuum->backend . ')');
	$vacuum->receive;
	$vacuum->quit;

	# by itself
	my $log = -s $node->logfile;
	$node->append_conf('postgresql.conf', <<'END');
autovacuum = on
autovacuum_naptime = 1s
END
	# slow for this table alone, or the others would keep it waiting
	$node->safe_psql('books', <<'END');
ALTER TABLE trainledger.signup_token SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)
END
	$node->safe_psql('books', 'UPDATE trainledger.signup_token SET active = true WHERE type = 1');
	$node->reload;
	my $worker = "SELECT p.pid FROM pg_stat_progress_vacuum p JOIN pg_stat_activity a USING (pid) WHERE p.relid = 'trainledger.signup_token'::regclass AND a.backend_type = 'autovacuum worker'";
	ok($node->poll_query_until('books', "SELECT EXISTS ($worker)"), 'autovacuum has begun');
	my $pid = $node->safe_psql('books', $worker);
	is($one->query($_->[1]->())->{sqlstate}, '00000', "meanwhile, $_->[0]") for @calls;
	is($node->safe_psql('books', $worker), $pid, 'autovacuum is still at work');
	unlike(slurp_file($node->logfile, $log), qr/canceling autovacuum task/, 'nobody cancelled it');
	$node->append_conf('postgresql.conf', 'autovacuum = off');
	$node->reload;
}

# ----------------------------------------------------------------------
# Each other
# ----------------------------------------------------------------------

{
	my @eight = map { session_as('admin') } 1 .. 8;

	for my $round (1 .. $ROUNDS)
	{
		my @answers = at_once($node, \@eight,
			map({ apply($_ % 2 ? (t1 => 'swap a', t2 => 'swap b') : (t2 => 'swap a', t1 => 'swap b')) } 1 .. 4),
			map({ import_of($_ % 2 ? ("swap $round", 'swap 0') : ('swap 0', "swap $round")) } 1 .. 4));
		like(outcome(@answers), qr/^00000 \d(, TL409 \d)?$/, "round $round: documents of the same codes and tokens in both orders do not deadlock");
	}

	for my $round (1 .. $ROUNDS)
	{
		my @levels = map { (qw(learner reader operator admin))[ ($_ + $round) % 4 ] } 1 .. 8;
		my @answers = at_once($node, \@eight,
			map { "SELECT trainledger.grant_access('member_$_', '$levels[$_ - 1]')" } 1 .. 8);
		is(outcome(@answers), '00000 8', "round $round: access is given to eight roles at once");
		is($node->safe_psql('books',
				"SELECT string_agg((SELECT max(l) FROM unnest(enum_range(NULL::trainledger.access_level)) l WHERE has_function_privilege('member_' || i, 'trainledger.' || l || '_access()', 'EXECUTE'))::text, ' ' ORDER BY i) FROM generate_series(1, 8) i"),
			"@levels", "round $round: and each has its level");
	}
	my @answers = at_once($node, \@eight, map { "SELECT trainledger.revoke_access('member_$_')" } 1 .. 8);
	is(outcome(@answers), '00000 8', 'and taken from all at once');
	is($node->safe_psql('books', "SELECT count(*) FROM generate_series(1, 8) i, pg_proc p WHERE p.pronamespace = 'trainledger'::regnamespace AND proname ~ '_access\$' AND has_function_privilege('member_' || i, p.oid, 'EXECUTE')"),
		0, 'none has any');
	$_->quit for @eight;
}

# ----------------------------------------------------------------------
# Where nothing can be written
# ----------------------------------------------------------------------

{
	my $standby = TrainLedger::Server->new('mutex_standby');
	$node->backup('copy');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	my $session = TrainLedger::Session->new($standby, 'books');

	$session->query('\set VERBOSITY terse');
	for my $call (@calls)
	{
		my $answer = $session->query($call->[1]->());
		is($answer->{sqlstate}, '25006', "on a standby, $call->[0]");
		like("@{ $answer->{rows} }", qr/cannot execute .* in a read-only transaction/, "on a standby, $call->[0]: is told why");
	}
	$session->quit;
	$standby->stop;

	# at once, though another has the lock
	$one->query('BEGIN');
	$one->query($_->[1]->()) for @calls;
	$two->query('SET default_transaction_read_only = on');
	is($two->query($_->[1]->())->{sqlstate}, '25006', "read-only, $_->[0]") for @calls;
	$two->query('RESET default_transaction_read_only');
	$one->query('ROLLBACK');

	# in a parallel worker, by a function that says it may
	my $parallel = $node->safe_psql('books', "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
	$owner->query("CREATE FUNCTION safe() RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE AS \$\$ BEGIN RETURN ("
		  . change(t1 => new_code()) . '); END $$');
	$owner->query("SET $parallel = on");
	is($owner->query('SELECT safe()')->{sqlstate}, '25000', 'in parallel mode, a change of a code');
}

$_->quit for $one, $two, $owner;
no_crash($node, $started, 'mutex');
$node->stop;
done_testing();
