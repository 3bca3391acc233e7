# Books of one server become those of a front and two nodes, as doc/scale.md has
# it: the server is the first node, a new front gets what concerns no party
# alone, and homes move to the second node.  Every view says what it said before.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my @settings = ('wal_level = logical', 'max_replication_slots = 20', 'max_wal_senders = 20', 'shared_buffers = 16MB');
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

# What all views show, but for ids of sessions and times of now
my @views = grep { !/ledger_metrics|books_check/ } rows($books,
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
{
	local %ENV = (%ENV, $front->_get_env);
	system_or_bail('doc/deploy/scale/move_homes.sh', connection($front), 'n1', 'n2', $homes);
}
my @accounts = map { $_->safe_psql('books', 'SELECT count(*) FROM trainledger.account') } $books, $second;
cmp_ok($accounts[0], '>', 0, "$accounts[0] accounts on the first node");
cmp_ok($accounts[1], '>', 0, "$accounts[1] on the second");
is($front->safe_psql('books', $shown), $before, 'the front shows what the books showed');
is($_->safe_psql('books', 'SELECT count(*) FROM trainledger.reconcile()'), 0, $_->name . ': reconcile') for $front, $books, $second;

# --- And it goes on, with ids that nobody has

is($front->safe_psql('books', "SELECT count(DISTINCT trainledger.home(party_id)) > 1 AND count(*) = count(DISTINCT account_id) FROM (SELECT p.id AS party_id, (trainledger.credit_init(p.id, 1, 'after', '', now(), 'after')).account_id FROM trainledger.party p WHERE NOT p.is_suspended) x"),
	't', 'accounts are opened on both');
is($front->safe_psql('books', $numbers), $counted, 'the front goes on counting');

$_->stop('immediate') for $front, $books, $second;
done_testing();
