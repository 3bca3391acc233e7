# Books of one server become those of a front and two nodes, as doc/scale.md has
# it: the server is the first node, a new front gets what concerns no party
# alone, and homes move to the second node.  Every view says what it said before.
#
# The log was sealed before.  It goes on on every server, while homes move to and
# fro, and still holds what was sealed and came.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my @settings = ('wal_level = logical', 'max_replication_slots = 60', 'max_wal_senders = 60', 'max_worker_processes = 40',
	'max_logical_replication_workers = 20', 'max_sync_workers_per_subscription = 8', 'shared_buffers = 16MB');
my ($share) = run_command([ 'pg_config', '--sharedir' ]);
my $folder = PostgreSQL::Test::Utils::tempdir;

plan skip_all => 'PL/Proxy is not installed' if !-e "$share/extension/plproxy.control";
my $books = start_books('n1', @settings);

sub connection { my ($server) = @_; return sprintf 'host=%s port=%s dbname=books', $server->host, $server->port; }

# psql with a shipped script
sub script
{
	my ($server, $name, @options) = @_;
	my ($out, $err);

	my $ok = IPC::Run::run([ 'psql', '-X', '-q', '-d', connection($server), @options, '-f', "$share/extension/trainledger_$name.sql" ], '>', \$out, '2>', \$err);
	return $ok ? 'ok' : $err;
}

$books->safe_psql('books', slurp_file('test/api/sample.sql'));
$books->safe_psql('books', <<'END');
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM trainledger.token_type WHERE name = 'default') THEN
		PERFORM trainledger.add_credit_token_type('default');
	END IF;
END $$;
SELECT trainledger.credit_init(p.id, 7, 'split', '', now(), 'split') FROM trainledger.party p;
SELECT trainledger.credit_hold(p.id, 2, 'split', '', now() + interval '366 days', 'split') FROM trainledger.party p WHERE NOT p.is_suspended;
END

# Seals all that was booked
sub seal
{
	my ($server) = @_;

	$server->poll_query_until('books', "WITH s AS MATERIALIZED (SELECT trainledger.seal()) SELECT NOT EXISTS (SELECT FROM trainledger_internal.unsealed_leaves('{(,)}')) FROM s")
	  or die 'it is not sealed';
	return;
}

# What all views show, but for ids of sessions and times of now
my @views = grep { !/ledger_metrics|books_check|checkpoint|log_|tree_leaf/ } rows($books,
	"SELECT c.oid::regclass FROM pg_class c WHERE relkind = 'v' AND relnamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace) ORDER BY 1");
my $shown = join ' UNION ALL ', map { "SELECT '$_', count(*), sum(hashtextextended(v::text, 0)::numeric) FROM $_ v" } @views;
$books->safe_psql('books', "ALTER DATABASE books SET trainledger.clock = '2026-06-01 12:00:00Z'");
my $before = $books->safe_psql('books', $shown);
my $numbers = <<'END';
SELECT DISTINCT n.sequence, pg_sequence_last_value(n.sequence::regclass)
FROM trainledger.table_class t JOIN pg_attribute a ON a.attrelid = format('trainledger.%I', t.table_name)::regclass
CROSS JOIN pg_get_serial_sequence(format('trainledger.%I', t.table_name), a.attname) n(sequence)
WHERE t.class = 'global' AND a.attnum > 0 AND NOT a.attisdropped AND n.sequence IS NOT NULL ORDER BY 1
END
my $counted = $books->safe_psql('books', $numbers);
like($counted, qr/\|\d/, 'numbers were given');

# --- An id of another home: not split

$books->safe_psql('books', <<'END');
SELECT trainledger.issue_training_tokens((SELECT id FROM trainledger.token_type WHERE kind = 'training' AND is_active AND NOT is_archived LIMIT 1),
	(SELECT max(id) FROM trainledger.party WHERE NOT is_suspended), 1, id => '00000000-0000-4000-8000-000000000000');
END
like(script($books, 'node', '-v', 'node=n1', '-v', 'number=1', '-v', 'homes={[0,512)}', '-v', 'front=' . connection($books)),
	qr/books hold ids of other homes.*00000000-0000-4000-8000-000000000000/s, 'ids of other homes stand in the way');
$books->safe_psql('books', <<'END');
SET session_replication_role = replica;
ALTER TABLE trainledger.entry DISABLE TRIGGER append_only;
ALTER TABLE trainledger.token_lot DISABLE TRIGGER never_removed;
ALTER TABLE trainledger.account DISABLE TRIGGER USER;
DELETE FROM trainledger.entry WHERE account_id = (SELECT account_id FROM trainledger.token_lot WHERE id = '00000000-0000-4000-8000-000000000000');
DELETE FROM trainledger.account WHERE id = (SELECT account_id FROM trainledger.token_lot WHERE id = '00000000-0000-4000-8000-000000000000');
DELETE FROM trainledger.token_lot WHERE id = '00000000-0000-4000-8000-000000000000';
ALTER TABLE trainledger.entry ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE trainledger.token_lot ENABLE ALWAYS TRIGGER never_removed;
SELECT format('ALTER TABLE trainledger.account ENABLE ALWAYS TRIGGER %I', tgname) FROM pg_trigger WHERE tgrelid = 'trainledger.account'::regclass AND NOT tgisinternal \gexec
END
is($books->safe_psql('books', $shown), $before, 'as before');

# --- As the page has it

my $front = start_books('front', @settings);
my $second = start_books('n2', @settings);

$books->safe_psql('books', "SELECT trainledger.start_log('n1/log', 'test')");
seal($books);
my $kept = $books->safe_psql('books', 'SELECT trainledger.checkpoint_text()');
my ($kept_size) = $kept =~ /^.*\n(\d+)\n/;
cmp_ok($kept_size, '>', 100, "$kept_size leaves were sealed");
$books->safe_psql('books', "SELECT trainledger.credit_add(p.id, 1, 'unsealed', '', now(), account_name => 'split') FROM trainledger.party p WHERE NOT p.is_suspended LIMIT 1");
$before = $books->safe_psql('books', $shown);

my %server = (front => $front, n1 => $books, n2 => $second);
my ($chapter) = slurp_file('doc/scale.md') =~ /^## Split books that exist\n(.*?)^## /ms;
my $commands = join '', map { s/^ {3}//mgr } $chapter =~ /^ {3}```sh\n(.*?)^ {3}```$/msg;

$commands =~ s/-h (\w+)\.example\.org/'-h ' . $server{$1}->host . ' -p ' . $server{$1}->port/eg;
$commands =~ s/host=(\w+)\.example\.org/'host=' . $server{$1}->host . ' port=' . $server{$1}->port/eg;
{
	local %ENV = (%ENV, $books->_get_env, PGOPTIONS => '-c client_min_messages=warning');
	my ($out, $err);
	IPC::Run::run([ 'bash', '-eu' ], \"cd $folder\npsql() { command psql -X -q -v ON_ERROR_STOP=1 \"\$@\"; }\n$commands", '>', \$out, '2>', \$err);
	is($err, '', 'every command of the page runs');
}
$second->poll_query_until('books', "SELECT NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r')");
$_->safe_psql('books', "ALTER DATABASE books SET trainledger.clock = '2026-06-01 12:00:00Z'") for $front, $second;

my $homes = $books->safe_psql('books', "SELECT range_agg(int4range(home, home + 1)) FROM (SELECT DISTINCT trainledger.home(party_id) AS home FROM trainledger.account) h WHERE home % 2 = 1");
sub move
{
	my ($from, $to) = @_;
	local %ENV = (%ENV, $front->_get_env);

	system_or_bail('doc/deploy/scale/move_homes.sh', connection($front), $from, $to, $homes);
	return;
}
move('n1', 'n2');
my @accounts = map { $_->safe_psql('books', 'SELECT count(*) FROM trainledger.account') } $books, $second;
cmp_ok($accounts[0], '>', 0, "$accounts[0] accounts on the first node");
cmp_ok($accounts[1], '>', 0, "$accounts[1] on the second");
is($front->safe_psql('books', $shown), $before, 'the front shows what the books showed');
is($_->safe_psql('books', 'SELECT count(*) FROM trainledger.reconcile()'), 0, $_->name . ': reconcile') for $front, $books, $second;

# --- And it goes on, with ids that nobody has

is($front->safe_psql('books', "SELECT count(DISTINCT trainledger.home(party_id)) > 1 AND count(*) = count(DISTINCT account_id) FROM (SELECT p.id AS party_id, (trainledger.credit_init(p.id, 1, 'after', '', now(), 'after')).account_id FROM trainledger.party p WHERE NOT p.is_suspended) x"),
	't', 'accounts are opened on both');
is($front->safe_psql('books', $numbers), $counted, 'the front goes on counting');

# --- The log

sub problems
{
	my ($server, $checkpoint) = @_;

	return $server->safe_psql('books', 'SELECT problem, kind, key, detail FROM trainledger.verify(' . (defined $checkpoint ? "'$checkpoint'" : '') . ')');
}

# Everything is what was sealed and what came, on every server.
sub all_is_well
{
	my ($name) = @_;

	foreach my $server ($front, $books, $second)
	{
		seal($server) if $server->safe_psql('books', 'SELECT count(*) FROM trainledger.log_origin');
		is(problems($server), '', "$name: verify at " . $server->name);
	}
	is(problems($books, $kept), '', "$name: a checkpoint from before the split");
	isnt($books->safe_psql('books', "SELECT trainledger.prove_consistency($kept_size)"), '', "$name: and the log goes on from there");
	is($books->safe_psql('books', "SELECT encode(trainledger_internal.log_root($kept_size), 'base64')"), (split /\n/, $kept)[2], "$name: with the same root");
	return;
}

# Runs SQL without guards, and says what verify finds.
sub tampered
{
	my ($server, $sql) = @_;
	my $tables = "SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', c.oid::regclass) FROM pg_class c WHERE relnamespace = 'trainledger'::regnamespace AND relkind = 'r' \\gexec";

	return $server->safe_psql('books', "BEGIN;\n$tables\n$sql;\nSELECT DISTINCT problem, kind, booking_no >> 38 FROM trainledger.verify() ORDER BY 1, 2;\nROLLBACK;\n");
}

is($books->safe_psql('books', "SELECT count(*) > 50, count(DISTINCT kind) > 6 FROM trainledger.log_kept"), 't|t', 'the first node keeps leaves of all kinds');
is($second->safe_psql('books', 'SELECT count(*) FROM trainledger.home_event'), 0, 'the second node had no log when homes came');
all_is_well('after the split');
$_->safe_psql('books', "SELECT trainledger.start_log('" . $_->name . "/log', 'test')") for $front, $second;
all_is_well('logs were started');

my $post = "SELECT count(trainledger.post(a.id, 'add', 1, 'moved')) FROM trainledger.account a JOIN trainledger.party p ON p.id = a.party_id WHERE a.name = 'split' AND NOT p.is_suspended";
my $claim = "SELECT trainledger.add_party('person', 'New'); SELECT trainledger.create_program_ticket((SELECT id FROM trainledger.program_kind LIMIT 1), NULL, 'someone\@example.com', md5('ticket')::uuid, 'S1', 'B1')";
$front->safe_psql('books', $_) for $post, $claim;
all_is_well('all have logs');
move('n2', 'n1');
is($books->safe_psql('books', 'SELECT count(*) FROM trainledger.log_kept'), 0, 'what came back is kept no more');
all_is_well('back');
$front->safe_psql('books', $post);
move('n1', 'n2');
$front->safe_psql('books', $post);
all_is_well('there again');
is($second->safe_psql('books', "SELECT string_agg(DISTINCT origin || ' ' || node_no, ', ' ORDER BY origin || ' ' || node_no) FROM trainledger_internal.last_home_events() WHERE direction = 'in'"), 'n1/log 0, n1/log 1', 'rows of both ranges of the first node are on the second');

# a row that came, and the leaf of a row that has left
my ($entry) = rows($second, "SELECT format('account_id = %s AND entry_no = %s', account_id, entry_no) FROM trainledger.entry WHERE booking_no < 1::bigint << 38 LIMIT 1");
like(tampered($second, "UPDATE trainledger.entry SET delta = delta + 1 WHERE $entry"), qr/^changed\|V1\|2$/m, 'a row that came is changed');
like(tampered($second, "DELETE FROM trainledger.entry WHERE $entry"), qr/^missing\|V1\|2$/m, 'or deleted');
is(tampered($second, "UPDATE trainledger.home_event SET digest = sha256(digest) WHERE direction = 'in' AND node_no = 0 AND booking_no = (SELECT max(booking_no) FROM trainledger.home_event)"), "changed|V1|2", 'or its digest');
is(tampered($books, "UPDATE trainledger.log_kept SET hash = sha256(hash) WHERE kind = 'E1' AND booking_no = (SELECT min(booking_no) FROM trainledger.log_kept WHERE kind = 'E1')"), 'changed|E1|0', 'a hash that is kept is changed');
is(tampered($books, "UPDATE trainledger.log_kept SET hash = '' WHERE kind = 'M1'"), 'changed|M1|0', 'or emptied');
is(tampered($books, "DELETE FROM trainledger.log_kept WHERE kind = 'H1'"), 'missing|H1|', 'or deleted');
like(tampered($books, "INSERT INTO trainledger.log_kept SELECT booking_no, kind, id, entry_no, hash FROM trainledger.tree_leaf WHERE leaf IS NOT NULL AND kind = 'E1' LIMIT 1"), qr/^added\|E1\|/, 'or added for a row that is there');

# proofs: at the node that sealed it
my $key = "$folder/key.pem";
system_or_bail('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', $key);
foreach my $server ($books, $second)
{
	$server->safe_psql('books', "ALTER DATABASE books SET trainledger.log_key_file = '$key'");
	$server->safe_psql('books', 'SELECT trainledger.sign_checkpoint()');
}
my ($account, $number) = $entry =~ /(\d+).* (\d+)/;
like($books->safe_psql('books', "SELECT trainledger.prove_entry($account, $number)"), qr/^c2sp.*^n1\/log$/ms, 'the first node proves an entry that has left');
my (undef, undef, $refusal) = $second->psql('books', "SELECT trainledger.prove_entry($account, $number)");
like($refusal, qr/entry is not in this log.*The log "n1\/log" has it/s, 'the second node says where it is');
like($second->safe_psql('books', "SELECT trainledger.entry_leaf($account, $number)"), qr/^E1\t\d+\t$account\t$number\t/, 'and has its leaf');
is($second->safe_psql('books', "SELECT trainledger_internal.log_leaf_hash(trainledger.entry_leaf($account, $number))"),
	$books->safe_psql('books', "SELECT hash FROM trainledger.log_kept WHERE kind = 'E1' AND id = $account AND entry_no = $number"), 'which is the one that was sealed');

$_->stop('immediate') for $front, $books, $second;
done_testing();
