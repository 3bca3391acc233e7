# Writing without SQL (src/ledger/direct.c) has the same results as SQL: the
# same tests pass, and the same calls leave the same rows. If a user adds a
# trigger, even one that does nothing, the engine uses SQL.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $node = start_books('direct', 'max_wal_size = 1GB');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# Counts statements that insert entries, which only SQL does.
my $by_sql = <<'END';
CREATE SEQUENCE public.by_sql;
GRANT ALL ON SEQUENCE public.by_sql TO PUBLIC;
CREATE FUNCTION public.by_sql() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('public.by_sql');
	RETURN NULL;
END $$;
CREATE TRIGGER by_sql AFTER INSERT ON trainledger.entry FOR EACH ROW EXECUTE FUNCTION public.by_sql();
END

# ----------------------------------------------------------------------
# The regression tests of the ledger and of its subjects, by SQL
# ----------------------------------------------------------------------

sub regress
{
	my ($name, @arguments) = @_;
	my @command = (
		$ENV{PG_REGRESS}, '--bindir=', '--inputdir=test',
		"--outputdir=$PostgreSQL::Test::Utils::tmp_check",
		'--host=' . $node->host, '--port=' . $node->port,
		'--dbname=by_sql', @arguments);

	ok(run_log(\@command), $name)
	  or diag slurp_file("$PostgreSQL::Test::Utils::tmp_check/regression.diffs");
	return;
}

regress('what the tests need is installed', 'install');
$node->safe_psql('by_sql', $by_sql);
regress('regression tests pass by SQL too',
	'--use-existing',
	qw(campaign credit credit_documents errors_order ledger
	  ledger_batch token_types training_tokens));
cmp_ok($node->safe_psql('by_sql', 'SELECT last_value FROM public.by_sql'),
	'>', 20000, 'and it was SQL that inserted the entries');

# ----------------------------------------------------------------------
# The same calls in two copies of the books
# ----------------------------------------------------------------------

$node->safe_psql('books', <<'END');
SELECT trainledger.add_credit_token_type('bounded', scale => 1, lower_bound => 0, upper_bound => 400);
SELECT trainledger.add_party('person', 'party ' || i) FROM generate_series(1, 8) i;
SELECT trainledger.credit_init(i, 100, 'setup', '', '2026-01-01', token_type => 'bounded') FROM generate_series(1, 8) i;
SELECT trainledger.add_training_token_type('token');
CREATE FUNCTION public.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows text;
	detail text;
	hint text;
BEGIN
	EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM (%s) x', statement) INTO rows;
	RETURN coalesce(rows, 'nothing');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', SQLSTATE, SQLERRM, detail, hint);
END $$;
END
my @accounts = rows($node, 'SELECT id FROM trainledger.account ORDER BY id');
my $type =
  $node->safe_psql('books', "SELECT id FROM trainledger.token_type WHERE name = 'token'");
$node->safe_psql('postgres', 'CREATE DATABASE by_hand TEMPLATE books');
$node->safe_psql('by_hand', $by_sql);
my %session = map { $_ => TrainLedger::Session->new($node, $_) } qw(books by_hand);

sub any
{
	return $_[ rand @_ ];
}

sub quoted
{
	my @values = map { defined $_ ? "'$_'" : 'NULL' } @_;
	return 'ARRAY[' . join(',', @values) . ']';
}

my $last;

# Now and then the one before it is asked once more.
sub random_call
{
	$last = another_call() if !defined $last || rand() < 0.9;
	return $last;
}

sub another_call
{
	my $source = any(qw(s t));
	my $time = '2026-01-02 03:04:0' . int rand 8;
	my $key = sprintf '00000000-0000-4000-8000-0000000000%02d', rand 40;
	my $dice = rand;

	if ($dice < 0.4)
	{
		my $operation = any(qw(add subtract adjust));
		my $amount = any(1, 5, 12.5, (1 + int rand 2000) / 10);
		my %optional;
		$optional{recorded_at} = $time if rand() < 0.6;
		$optional{idempotency_key} = $key if rand() < 0.3;
		$optional{balance_expected} = 100 if rand() < 0.1;
		$optional{device} = 'id:7' if rand() < 0.2;
		$optional{description} = 'x' x any(1, 10, 300, 8192) if rand() < 0.3;
		return "SELECT * FROM trainledger.post(" . any(@accounts, 7)
		  . ", ''$operation'', $amount, ''$source''"
		  . join('', map { ", $_ => ''$optional{$_}''" } sort keys %optional)
		  . ')';
	}
	if ($dice < 0.5)
	{
		my $verb = any(qw(add subtract));
		return "SELECT * FROM trainledger.credit_$verb(" . int(1 + rand 9)
		  . ', ' . int(rand 150)
		  . ", ''$source'', '''', ''$time'', token_type => ''bounded'')";
	}
	if ($dice < 0.55)
	{
		return "SELECT initial_balance, booked_balance FROM trainledger.issue_training_tokens(''$type'', "
		  . int(1 + rand 8) . ', ' . int(1 + rand 9) . ')';
	}
	if ($dice < 0.6)
	{
		return 'SELECT quantity FROM trainledger.redeem_training_tokens('
		  . int(1 + rand 8) . ", ''$type'', " . int(1 + rand 12) . ", ''r'')";
	}

	my $size = any(1, 3, 20, 300);
	my @ids = map { any(@accounts, rand() < 0.05 ? (7, undef) : ()) } 1 .. $size;
	my @deltas = map { (rand() < 0.5 ? -1 : 1) * (int rand 600) / 10 } 1 .. $size;
	my @descriptions = map { any('', 'd', undef, 'y' x 4000) } 1 .. $size;
	my @times = map { rand() < 0.5 ? '2026-01-02 03:05:' . int rand 60 : undef } 1 .. $size;
	my @keys = map {
		rand() < 0.2
		  ? sprintf('00000000-0000-4000-8000-000000000%03d', rand 100)
		  : undef
	} 1 .. $size;
	my $call =
		'SELECT * FROM trainledger.post_batch('
	  . quoted(@ids) . '::bigint[], ' . quoted(@deltas)
	  . "::trainledger.amount[], '$source', " . quoted(@descriptions)
	  . '::text[], ' . quoted(@times) . '::timestamptz[], ' . quoted(@keys)
	  . '::uuid[], ' . (rand() < 0.8 ? 'true' : 'false') . ')';
	$call =~ s/'/''/g;
	return $call;
}

my $seed = $ENV{TRAINLEDGER_SEED} || 20261122;
my $steps = int(soak() / 4) || 1;
note "seed $seed, $steps calls";
srand $seed;

my ($asked, $different, %seen) = (0, 0);
for my $step (1 .. $steps)
{
	my @statements;

	# business time goes by the same in both
	push @statements, sprintf "SET trainledger.clock = '2026-02-01 %02d:%02d:%02dZ'",
	  $step / 3600 % 24, $step / 60 % 60, $step % 60;
	if (rand() < 0.2)
	{
		push @statements, 'BEGIN ISOLATION LEVEL '
		  . any('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
		push @statements, map { "SELECT public.answer('" . random_call() . "')" } 1 .. 3;
		push @statements, 'SAVEPOINT s', "SELECT public.answer('" . random_call() . "')",
		  any('ROLLBACK TO s', 'RELEASE s')
		  if rand() < 0.5;
		push @statements, any('COMMIT', 'COMMIT', 'ROLLBACK');
	}
	else
	{
		push @statements, "SELECT public.answer('" . random_call() . "')";
	}
	for my $statement (@statements)
	{
		my @answers = map {
			my $a = $session{$_}->query($statement);
			join "\n", $a->{sqlstate}, @{ $a->{rows} }
		} qw(books by_hand);
		$asked++;
		$seen{ $answers[0] =~ /^00000\n(TL...)$/m ? $1 : 'booked' }++;
		next if $answers[0] eq $answers[1];
		diag "$statement\n--- without SQL\n$answers[0]\n--- by SQL\n$answers[1]"
		  if $different++ < 3;
	}
}
note join ', ', map { "$_ $seen{$_}" } sort keys %seen;
cmp_ok($asked, '>', $steps, "$asked statements were answered");
is($different, 0, 'the same answers, without SQL and by it');
# (a duplicate comes up too seldom in a short run)
for my $state (qw(TL054 TL055 TL404 TL422), $steps >= 5000 ? "TL056" : ())
{
	cmp_ok($seen{$state} || 0, '>', 0, "$state was among them");
}

for my $table (qw(account entry token_type party token_account))
{
	# ids of issues are random
	my $digest = "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM trainledger.$table t";
	is( $node->safe_psql('books', $digest), $node->safe_psql('by_hand', $digest),
		"the same rows in $table");
}
cmp_ok($node->safe_psql('by_hand', 'SELECT last_value FROM public.by_sql'),
	'>', $steps, 'by SQL in one copy');
books_are_right($node, 'without SQL');
books_are_right($node, 'by SQL', 'by_hand');

# ----------------------------------------------------------------------
# What the log of the server's changes says of a batch
# ----------------------------------------------------------------------

sub changes
{
	my ($database) = @_;
	my $from = $node->safe_psql($database, 'SELECT pg_current_wal_insert_lsn()');
	$node->safe_psql($database,
		"SELECT count(*) FROM trainledger.post_batch(array_fill($accounts[0]::bigint, ARRAY[60]), array_fill('0.1'::trainledger.amount, ARRAY[60]), 'log')"
	);
	my $to = $node->safe_psql($database,
		'SELECT pg_switch_wal(), pg_current_wal_flush_lsn()');
	$to =~ s/.*\|//;
	my ($stdout, $stderr) = run_command(
		[ 'pg_waldump', '-p', $node->data_dir . '/pg_wal', '-s', $from, '-e', $to ]);
	my %count;
	$count{$1}++ while $stdout =~ /desc: (\w+)/g;
	return \%count;
}
$node->safe_psql($_, "SELECT trainledger.post($accounts[0], 'adjust', 200 - balance, 'log') FROM trainledger.account WHERE id = $accounts[0] AND balance <> 200")
  for qw(books by_hand);
my $direct = changes('books');
my $sql = changes('by_hand');
cmp_ok($direct->{MULTI_INSERT} || 0, '>', 0, 'without SQL entries are inserted by the page');
is($sql->{MULTI_INSERT} || 0, 0, 'by SQL they are not');
is($direct->{LOCK} || 0, 0, 'no account is locked before it is updated');

no_crash($node, $started, 'direct');
$node->stop;
done_testing();
