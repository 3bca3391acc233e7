# The commands of doc/operations.md, run as printed, in their order, on one
# cluster and what the commands make of it: a standby, a cluster restored to a
# point in time, a subscriber.  Only the folders /var/lib/postgresql and
# /run/postgresql are others.  Between the blocks the books go on and accidents
# happen.  The machine's memory is not for this test.  Then the
# pieces of configuration: PgBouncer, what the log says, pgaudit.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Spec;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger::Debian;

my $page = slurp_file(dirname(__FILE__) . '/../../doc/operations.md');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $sockets = PostgreSQL::Test::Utils::tempdir_short;
my $bench = File::Spec->rel2abs(dirname(__FILE__) . '/../bench/vacuum.sh');
my $exports = '';

delete @ENV{ grep { /^PG/ } keys %ENV };
@ENV{qw(PGHOST PGUSER PGDATABASE)} = ($sockets, 'postgres', 'postgres');
chdir $folder or die $!;

# The blocks of a kind below a heading
sub blocks
{
	my ($kind, $heading) = @_;
	my ($chapter) = $page =~ /^#+ \Q$heading\E\n(.*?)(?=^##|\z)/ms
	  or die "no chapter $heading";

	return map { s{/var/lib/postgresql}{$folder}gr =~ s{/run/postgresql}{$sockets}gr }
	  $chapter =~ /^```$kind\n(.*?)^```$/msg;
}

# Runs a block as bash does, with what the blocks before it exported.
sub run_block
{
	my ($block, $what) = @_;
	my $log = "$folder/block.log";
	my $ok = IPC::Run::run(
		[ 'bash', '-e', '-o', 'pipefail', '-c', $exports . $block ],
		'<', \undef, '>', $log, '2>&1');
	my $output = slurp_file($log);

	$exports .= join '', $block =~ /^(export .*\n)/mg;
	ok($ok, $what) or diag $output;
	unlike($output, qr/ERROR:|FATAL:|WARNING:/, "$what: without an error");
	return $output;
}

sub ask
{
	my ($port, $sql, $database) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[ 'psql', '-XAtq', '-p', $port, '-d', $database // 'books', '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err);
	chomp $out;
	return $err eq '' ? $out : $err;
}

sub wait_until
{
	my ($port, $sql, $what, $database) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my $answer = '';

	while (time < $end)
	{
		$answer = ask($port, $sql, $database);
		last if $answer eq 't';
		sleep 0.1;
	}
	is($answer, 't', $what)
	  or diag join '', map { "--- $_\n" . substr(slurp_file($_), -2000) } glob "$folder/*.log";
	return;
}

sub book
{
	my ($port, $count) = @_;
	return ask($port,
		"SELECT count(*) FROM generate_series(1, $count) i, trainledger.credit_add(1, 1, 's', 'd', clock_timestamp())");
}
my $balance = 'SELECT trainledger.credit_balance(1)';
my $digest = q{SELECT md5(string_agg(e::text, '' ORDER BY account_id, entry_no)) FROM trainledger.entry e};

END
{
	my $status = $?;
	for my $data (grep { -e "$folder/$_/postmaster.pid" } qw(primary standby restored old new))
	{
		system 'pg_ctl', '-D', "$folder/$data", '-m', 'immediate', '-s', 'stop';
	}
	$? = $status;
}

# ----------------------------------------------------------------------
# A cluster, and the books
# ----------------------------------------------------------------------

system_or_bail('initdb', '-D', "$folder/primary", '-U', 'postgres', '-A', 'trust',
	'-N', '--locale=C.UTF-8', '-E', 'UTF8', '--wal-segsize=1');
append_to_file("$folder/primary/postgresql.conf",
	"listen_addresses = ''\nunix_socket_directories = '$sockets'\nfsync = off\njit = off\ntimezone = 'UTC'\nlc_messages = 'C'\n");
system_or_bail('pg_ctl', '-D', "$folder/primary", '-w', '-l', "$folder/primary.log", 'start');

run_block($_, 'Installation') for blocks('sh', 'Installation');
is(ask(5432, <<'SQL'), 't', 'there are books');
CREATE ROLE web_operator;
DO $$ BEGIN
	PERFORM trainledger.add_party('person', 'Ann', id => 1);
	PERFORM trainledger.add_party('person', 'Bob', id => 2);
	PERFORM trainledger.credit_init(i, 10, 's', 'd', now()) FROM generate_series(1, 2) i;
END $$;
SELECT count(*) = 2 FROM trainledger.account;
SQL
is(book(5432, 20), 20, 'with entries');

# ----------------------------------------------------------------------
# Dumps
# ----------------------------------------------------------------------

my @dumps = blocks('sh', 'Dump and restore');
is(scalar @dumps, 4, 'four ways of dumping');
for my $i (0 .. 2)
{
	if ($i > 0)
	{
		ask(5432, "DROP DATABASE books2", 'postgres');
		ask(5432, "CREATE DATABASE books2 TEMPLATE template0", 'postgres');
		ask(5432, 'CREATE EXTENSION trainledger', 'books2') if $i == 2;
	}
	run_block($dumps[$i], "Dump and restore, $i");
	is(ask(5432, $digest, 'books2'), ask(5432, $digest), 'all entries are there');
}
ask(5432, 'DROP DATABASE books2', 'postgres');
run_block($dumps[3], 'a dump by a role for dumps');
ask(5432, "CREATE ROLE weak LOGIN; GRANT pg_read_all_data TO weak");
my $said = '';
ok(!IPC::Run::run([ 'pg_dump', '-U', 'weak', '-f', "$folder/weak", 'books' ], '2>', \$said),
	'without BYPASSRLS there is none');
like($said, qr/row-level security/, 'for the reason given');

# ----------------------------------------------------------------------
# Archive, base backup, point in time
# ----------------------------------------------------------------------

my @physical = blocks('sh', 'Physical backups');
run_block($_, 'Physical backups') for @physical;
is(book(5432, 5), 5, 'more entries after the base backup');
my ($mark, $restore) = blocks('sh', 'Point-in-time recovery');
my $then = ask(5432, $digest);
my $segment = ask(5432, 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())');
run_block($mark, 'a restore point');
is(book(5432, 7), 7, 'entries that the restored books will not have');
wait_until(5432, "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver",
	'the WAL is archived', 'postgres');
run_block($restore, 'Point-in-time recovery');
wait_until(5434, 'SELECT NOT pg_is_in_recovery()', 'the restored server is open');
is(ask(5434, $digest), $then, 'the books are those of the moment');
is(book(5434, 1), 1, 'and go on');
is(ask(5434, 'SELECT count(*) FROM trainledger.reconcile()'), 0, 'and are right');

# ----------------------------------------------------------------------
# A standby, its promotion, and the old primary as a standby
# ----------------------------------------------------------------------

my @streaming = blocks('sh', 'Streaming replication');
run_block($streaming[0], 'Streaming replication');
wait_until(5432, "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'",
	'the standby is synchronous', 'postgres');
is(book(5432, 3), 3, 'booked on both');
wait_until(5433, "SELECT ($digest) = '" . ask(5432, $digest) . "'", 'the standby has it');
run_block($streaming[1], 'reading from the standby');
like(ask(5433, "SELECT trainledger.check_books()"), qr/read-only transaction/,
	'checks are for the primary');
is(ask(5433, "SET trainledger.party_id = '1'; SELECT count(*) FROM trainledger.balances"), 2,
	'reports work on it');

my $acknowledged = ask(5432, $balance);
run_block($_, 'Promotion') for blocks('sh', 'Promotion');
is(ask(5433, $balance), $acknowledged, 'nothing acknowledged is lost');
is(book(5433, 4), 4, 'the new primary takes calls');

# an accident: the old primary comes back, takes a call, and goes
system_or_bail('pg_ctl', '-D', "$folder/primary", '-w', '-l', "$folder/primary.log", 'start');
is(ask(5432, "SET synchronous_commit = local; SELECT (trainledger.credit_add(1, 100, 's', 'd', now())).delta"),
	100, 'the old primary books alone');
system_or_bail('pg_ctl', '-D', "$folder/primary", '-w', '-m', 'fast', 'stop');
run_block($_, 'pg_rewind') for blocks('sh', 'pg_rewind');
is(book(5433, 2), 2, 'bookings go on');
wait_until(5432, "SELECT ($digest) = '" . ask(5433, $digest) . "'",
	'the old primary follows');
is(ask(5433, 'SELECT count(*) FROM trainledger.reconcile()'), 0, 'the books are right');

# ----------------------------------------------------------------------
# Logical replication
# ----------------------------------------------------------------------

my ($publish, $switch) = blocks('sh', 'Logical replication');
system_or_bail('pg_ctl', '-D', "$folder/primary", '-w', '-m', 'fast', 'stop');
run_block($publish, 'Logical replication');
is(book(5433, 3), 3, 'bookings go on');
wait_until(5434, "SELECT count(*) > 20 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel",
	'the subscriber has all tables', 'copy');
wait_until(5434, "SELECT ($digest) = '" . ask(5433, $digest) . "'",
	'and all entries', 'copy');
run_block($switch, 'the subscriber takes over');
is(ask(5434, "SELECT (trainledger.credit_add(1, 1, 's', 'd', now())).balance = 1 + " . ask(5433, $balance), 'copy'),
	't', 'and goes on where the publisher stopped');
is(ask(5434, "SELECT (trainledger.add_party('person', 'Cid')).id", 'copy'), 3,
	'with ids of its own');

# ----------------------------------------------------------------------
# The rest of the page's commands
# ----------------------------------------------------------------------

$ENV{PGPORT} = 5433;
for my $heading ('Vacuum', 'Checking the books', 'Upgrade')
{
	run_block($_, $heading) for blocks('sh', $heading);
}
is(ask(5433, 'SHOW idle_in_transaction_session_timeout'), '5min', 'idle transactions end');

# ----------------------------------------------------------------------
# The log
# ----------------------------------------------------------------------

my ($log_settings, $explain, $audit) = blocks('text', 'Logs');
sub logged
{
	my ($sql) = @_;
	my $before = length slurp_file("$folder/standby.log");

	ask(5433, $sql);
	return substr slurp_file("$folder/standby.log"), $before;
}
append_to_file("$folder/standby/postgresql.conf", $log_settings . $explain);
system_or_bail('pg_ctl', '-D', "$folder/standby", '-s', 'reload');
wait_until(5433, "SELECT current_setting('log_line_prefix') LIKE '%\\%e%'", 'the prefix is set');
for my $refused ("trainledger.credit_add(1, 0, 's', 'd', now())",
	"trainledger.grant_access('nobody', 'admin')")
{
	my $text = logged("SELECT $refused");
	is("@{[ $text =~ /^\d{4}-.*? (TL\w+) \w+\@books (ERROR|DETAIL|HINT|STATEMENT):  /mg ]}",
		join(' ', map { ($refused =~ /credit/ ? 'TL400' : 'TL404') . " $_" } qw(ERROR DETAIL HINT STATEMENT)),
		"$refused: four lines with the SQLSTATE");
}
like(logged('SELECT 1/0'), qr/ 22012 postgres\@books ERROR: /, 'a fault has another');
like(logged("SET auto_explain.log_min_duration = 0; SELECT trainledger.check_books()"),
	qr/INSERT INTO trainledger.books_check/, 'auto_explain shows what is inside a call');

SKIP:
{
	my ($major) = slurp_file("$folder/standby/PG_VERSION") =~ /(\d+)/;
	my ($tree, $reason) = unpack_package("postgresql-$major-pgaudit");
	skip $reason, 2 if !defined $tree;
	$audit =~ s{'pgaudit'}{'$tree/usr/lib/postgresql/$major/lib/pgaudit'};
	append_to_file("$folder/standby/postgresql.conf", $audit);
	system_or_bail('pg_ctl', '-D', "$folder/standby", '-w', '-s', '-l', "$folder/standby.log", 'restart');
	like(logged("SELECT trainledger.credit_add(1, 1, 's', 'd', now())"),
		qr/AUDIT: SESSION,\d+,\d+,FUNCTION,EXECUTE,FUNCTION,trainledger.credit_add,/,
		'pgaudit says who called what');
	unlike(slurp_file("$folder/standby.log"), qr/unrecognized configuration/,
		'and knows its settings');
}

# ----------------------------------------------------------------------
# PgBouncer
# ----------------------------------------------------------------------

SKIP:
{
	my ($tree, $reason) = unpack_package('pgbouncer');
	skip $reason, 5 if !defined $tree;
	my ($ini) = blocks('text', 'Poolers');
	my ($claims) = $page =~ /^## Poolers\n.*?^```sql\n(.*?)^```$/ms;

	$ini =~ s{^(books = .*)}{$1 port=5433 user=postgres}m;
	$ini =~ s{/etc/pgbouncer/userlist.txt}{$folder/userlist.txt};
	append_to_file("$folder/userlist.txt", qq("postgres" ""\n));
	append_to_file("$folder/pgbouncer.ini",
		$ini . "listen_port = 6432\nauth_type = trust\ndefault_pool_size = 1\nlogfile = $folder/pgbouncer.log\n");
	my $pooler = do
	{
		local $ENV{LD_LIBRARY_PATH} = library_path($tree);
		IPC::Run::start([ "$tree/usr/sbin/pgbouncer", "$folder/pgbouncer.ini" ],
			'<', \undef, '>', "$folder/pgbouncer.out", '2>&1');
	};
	ask(5433, "CREATE ROLE web_learner; SELECT trainledger.grant_access('web_learner', 'learner')");
	wait_until(6432, 'SELECT true', 'PgBouncer answers');
	like(ask(6432, $claims), qr/^2\|Bob$/m, 'claims of a transaction');
	is(ask(6432, "SELECT coalesce(current_setting('request.jwt.claims', true), ''), current_user"),
		'|postgres', 'are gone for the next client');
	ask(6432, "SET trainledger.party_id = '2'");
	is(ask(6432, 'SELECT trainledger.current_party()'), 2,
		'a plain SET is not');
	is(book(6432, 10), 10, 'bookings go through it');
	$pooler->kill_kill(grace => 5);
}

is(ask(5433, 'SELECT count(*) FROM trainledger.reconcile()'), 0, 'the books are right to the end');

# ----------------------------------------------------------------------
# pg_upgrade, here to the same version: 033_pg_upgrade has the others
# ----------------------------------------------------------------------

{
	my ($upgrade) = blocks('sh', 'pg_upgrade');
	my $path = dirname((grep { -x } map { "$_/pg_upgrade" } split /:/, $ENV{PATH})[0]);
	local $ENV{PGPORT} = 5436;

	$upgrade =~ s{/usr/lib/postgresql/\d+/bin}{$path}g;
	system_or_bail('initdb', '-D', "$folder/old", '-U', 'postgres', '-A', 'trust',
		'-N', '--locale=C.UTF-8', '-E', 'UTF8');
	append_to_file("$folder/old/postgresql.auto.conf",
		"listen_addresses = ''\nunix_socket_directories = '$sockets'\nport = 5436\nfsync = off\njit = off\n");
	system_or_bail('pg_ctl', '-D', "$folder/old", '-w', '-s', '-l', "$folder/old.log", 'start');
	run_block($_, 'Installation') for blocks('sh', 'Installation');
	ask(5436, "SELECT trainledger.add_party('person', 'Ann', id => 1)");
	ask(5436, "SELECT trainledger.credit_init(1, 10, 's', 'd', now())");
	is(book(5436, 20), 20, 'a cluster with entries');
	my $before = ask(5436, $digest);
	run_block($upgrade, 'pg_upgrade');
	is(ask(5436, $digest), $before, 'the new cluster has them');
	is(ask(5436, 'SHOW data_directory'), "$folder/new", 'in its own directory');
	is(book(5436, 1), 1, 'and goes on');
}

# ----------------------------------------------------------------------
# The measurement behind the figures on vacuum, in small
# ----------------------------------------------------------------------

ask(5433, 'CREATE DATABASE bench TEMPLATE template0', 'postgres');
@ENV{qw(PGDATABASE POSTINGS ACCOUNTS BENCH_OUTPUT)} = ('bench', 20000, 500, "$folder/bench.md");
run_block("bash '$bench'", 'the measurement');
my $figures = slurp_file("$folder/bench.md");
like($figures, qr/^\| after 20000 postings \| trainledger.account \|.*\| (?:[5-9]\d|100)\.\d % \|$/m,
	'most updates of accounts are HOT');
like($figures, qr/^\| after VACUUM \| trainledger.account \|.*\| 0 \| [\d.]+ % \|$/m,
	'and VACUUM leaves no dead rows');
done_testing();
