# A front of nodes answers as one database does.  Each function that a node
# answers is called through the front and in a database on one node, by the same
# roles, with the same clock, and the answers are the same but for ids; so are
# refusals, in every field.  Then what several nodes are about: rights, attacks,
# parties on two nodes, split batches, nodes that are down, wrong maps, dumps.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger::Nodes;
use TrainLedger::Session;

my $clock = '2026-03-05 10:00:00Z';
my $books = TrainLedger::Nodes->new(2,
	"ALTER DATABASE books SET trainledger.clock = '$clock'");
my $front = $books->front;

# The same books on one node, whose ids are as big as those of node 3.  Numbers of
# each kind begin at a place of their own: answers are compared but for ids, and
# no two kinds may have the same.
my $single = $books->copy('single');
my $number = 0;
for my $server ($books->nodes, $single)
{
	$number++;
	$server->safe_psql('books', <<"END");
SELECT setval(c.oid::regclass, (${number}::bigint << 38) + 100000 * row_number() OVER (ORDER BY c.relname)) FROM pg_class c
WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind = 'S'
AND c.oid <> ALL (ARRAY(SELECT pg_get_serial_sequence('trainledger.' || t, 'id')::regclass::oid
	FROM unnest('{party,catalog_item,pass_type,pass_type_option,pass_type_option_price,enrolment,signup_claim}'::text[]) t
	WHERE pg_get_serial_sequence('trainledger.' || t, 'id') IS NOT NULL));
END
}
for my $level (qw(learner reader operator admin))
{
	$books->add_role("web_$level", $level);
	$single->safe_psql('books',
		"CREATE ROLE web_$level LOGIN; SELECT trainledger.grant_access('web_$level', '$level')");
}

# --- The calls

# What a psql script prints, in parts that begin with a line "== NAME".  Errors
# stand where they were raised, with SQLSTATE, message, DETAIL, HINT, COLUMN.
sub answers
{
	my ($server, $script) = @_;
	my (%parts, @order);

	local %ENV = (%ENV, $server->_get_env);
	my ($out, $file) = ('', PostgreSQL::Test::Utils::tempdir_short . '/script.sql');
	append_to_file($file, $script);
	IPC::Run::run(
		[ $server->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose',
			'-v', 'SHOW_CONTEXT=never', '-P', 'null=(null)', '-d', 'books', '-f', $file ],
		'<', \undef, '>', \$out, '2>&1');
	for (split /\n/, $out)
	{
		if (/^== (.*)/) { push @order, $1; next; }
		next if /^LOCATION: /;
		s/^psql:\S+:\d+: //;
		$parts{ $order[-1] // '' } .= "$_\n";
	}
	return (\%parts, \@order);
}

# Ids of entries, accounts and so on, and uuids, by the order in which they come;
# global ids first, which have some inside.
sub numbered
{
	my ($text, $seen) = @_;

	$text =~ s{\b([A-Za-z0-9+/]{12,}={0,2})(?![A-Za-z0-9+/=])}{
		my $id = decode_base64($1); $id =~ /^[A-Z][A-Za-z]+:[0-9a-f]+$/ ? "global($id)" : $1 }gex;
	$text =~ s{\b([0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|[1-9][0-9]{11,15})\b}{
		(my $id = $1) =~ s/-//g; $seen->{$id} //= 'id' . keys %$seen }gex;
	return $text;
}

sub compare
{
	my ($script) = @_;
	my ($one, $order) = answers($single, $script);
	my ($many) = answers($front, $script);
	my (%one, %many);

	for my $part (@$order)
	{
		is(numbered($many->{$part} // '', \%many),
			numbered($one->{$part} // '', \%one), $part);
	}
	return;
}

my $script = do { local $/; <DATA> };
my @uncalled = grep { $script !~ /\b\Q$_\E\(/ } split /\n/, $front->safe_psql('books', <<'END');
SELECT p.oid::regproc FROM trainledger.privilege v JOIN pg_proc p ON p.proname = v.function_name
WHERE v.route NOT IN ('global', 'node') AND p.pronamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace)
END
is("@uncalled", '', 'every function that nodes answer is called below');
compare($script);

# --- Helpers of what follows

# SQLSTATE, message, DETAIL, HINT and COLUMN of a statement's error, which may be
# missing, or what it answers
sub answer
{
	my ($server, $sql, $role) = @_;
	my ($parts) = answers($server, ($role ? "SET ROLE $role;\n" : '') . "$sql;\n");

	return $parts->{''} // '';
}

sub ask { return $front->safe_psql('books', @_); }

# Entries and passes of all nodes
sub booked
{
	return join ' ', map { $_->safe_psql('books',
			'SELECT (SELECT count(*) FROM trainledger.entry), (SELECT count(*) FROM trainledger.pass_event)') } $books->nodes;
}

sub books_nothing
{
	my ($sql, $expected, $what) = @_;
	my $before = booked();

	like(answer($front, $sql, 'web_operator'), $expected, "$what: refused");
	is(booked(), $before, "$what: nothing is booked");
	return;
}

my ($ann, $bob) = map { ask("SELECT id FROM trainledger.account WHERE party_id = $_ AND name = 'default'") } 1001, 1002;
my $gold = ask("SELECT id FROM trainledger.token_type WHERE name = 'gold'");

# --- Parties on two nodes

my %pairs = (
	credit_transfer => "$ann, $bob, 1, 'x'",
	transfer_training_tokens => "1003, 1002, '$gold', 1",
	reassign_pass => ask("SELECT id FROM trainledger.issue_pass(1, 1, 1005)") . ', 1002',
	post_batch => "ARRAY[$ann, $bob], '{1,2}', 'x', idempotency_keys => ARRAY[gen_random_uuid(), gen_random_uuid()]");
for my $pair (sort keys %pairs)
{
	books_nothing("SELECT * FROM trainledger.$pair($pairs{$pair})",
		qr/\AERROR:  TL409: parties are kept by different nodes\nDETAIL:  Home \d+ is kept by one node, home \d+ by another\.\nHINT:  \w.*\nCOLUMN NAME:  \w+\n\z/,
		"$pair over two nodes");
}

# --- Rights

for my $sql (
	"SELECT * FROM trainledger_proxy.ask('{1}', 'SELECT NULL', '{}')",
	"SELECT * FROM trainledger_proxy.call('{}', 'SELECT NULL', '{}', '{1}')",
	'SELECT trainledger_proxy.asker()', 'SELECT trainledger_proxy.apply_map()',
	'TABLE trainledger_proxy.account_n1', 'TABLE trainledger_proxy.node',
	"UPDATE trainledger_proxy.home SET node = 'n1'",
	'CREATE FUNCTION pg_temp.f(text) RETURNS SETOF text LANGUAGE plproxy AS $$ CLUSTER \'trainledger\'; RUN ON ANY; SELECT $1; $$',
	'CREATE TEMPORARY TABLE t (); CREATE FOREIGN TABLE pg_temp.a (id bigint) SERVER trainledger_node_n1',
	"CREATE USER MAPPING FOR web_admin SERVER trainledger_node_n1 OPTIONS (user 'trainledger_front')")
{
	for my $role (qw(web_learner web_admin))
	{
		like(answer($front, $sql, $role), qr/^ERROR:  42501: (permission denied|must be owner)/m,
			"$role may not: " . substr $sql, 0, 60);
	}
}
is(answer($front, 'SELECT DISTINCT umoptions FROM pg_user_mappings', 'web_admin'),
	"(null)\n", 'options of user mappings are not shown');
unlike(answer($front, 'SELECT srvoptions FROM pg_foreign_server', 'web_admin'),
	qr/user|password/, 'nor users and passwords of servers');
like(answer($front, "INSERT INTO trainledger_proxy.node VALUES ('n3', 3, 'host=a password = x')"),
	qr/ERROR:  23514/, 'a connection string has no password');
for my $sql (
	"SELECT * FROM trainledger_node.call('{}', 'SELECT NULL', '{\"{}\"}')",
	"SELECT trainledger_node.set_clock('2020-01-01')", "SELECT trainledger_node.take_over('{}')")
{
	like(answer($books->node(1), $sql, $_), qr/\AERROR:  42501: permission denied for schema trainledger_node/,
		"$_ may not on a node: $sql")
	  for qw(web_learner web_admin);
}

# A login may set what it likes before the library is loaded, and gains nothing
my ($stdout, $stderr);
my $late = "SET trainledger.clock = '2030-01-01'; SELECT trainledger.expire_training_tokens(), trainledger.clock() < '2027-01-01'";
$front->psql('books', $late, extra_params => [ '-U', 'web_admin' ], stdout => \$stdout, stderr => \$stderr);
is($stdout, '0|t', 'business time is not for an admin to set');

# What a role is on the nodes counts, and not more than it is on the front
ask("CREATE ROLE stranger; CREATE ROLE climber; SELECT trainledger.grant_access('stranger', 'admin'), trainledger.grant_access('climber', 'admin')");
$_->safe_psql('books',
	"CREATE ROLE climber; SELECT trainledger.grant_access('climber', 'learner'); GRANT climber TO trainledger_front")
  for $books->nodes;
is(answer($front, 'SELECT trainledger.credit_balance(1001)', 'stranger'), <<'END', 'a role that nodes do not know');
ERROR:  42501: role "stranger" may not ask this node
DETAIL:  The login of the front is not a member of a role of this name on the node.
HINT:  On every node: GRANT stranger TO trainledger_front.
END
books_nothing("SET ROLE climber; SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-11')",
	qr/\AERROR:  42501: permission denied for function credit_add\n/, 'a role of less level on the nodes');
is(answer($front, "SELECT booked_by FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-12')"),
	"trainledger_front\n", 'a superuser of the front comes as its login');

# A learner's rows are chosen by the nodes
my $plan = answer($front, "SET request.jwt.claims = '{\"party_id\": 1001}'; EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM trainledger.account", 'web_learner');
like($plan, qr/Remote SQL: .*WHERE .*party_id >= \$\d::bigint/, 'row-level security goes to the nodes');

# --- Size: a batch of many rows, and a report over them

is(answer($front, <<END, 'web_operator'), "20000|0\n", 'a split batch of 20000 rows');
SET statement_timeout = '20s';
SELECT count(*), count(refusal) FROM trainledger.post_batch((SELECT array_agg(a) FROM generate_series(1, 10000), unnest(ARRAY[$ann, $bob]) a),
	array_fill('0.01'::trainledger.amount, '{20000}'), 'many', skip_refused => true)
END
$_->safe_psql('books', 'ANALYZE') for $books->nodes;
is(answer($front, "SET statement_timeout = '20s'; SELECT trim_scale(sum(added)) FROM trainledger.credit_liability", 'web_reader'),
	answer($front, "SELECT trim_scale(sum(delta)) FROM trainledger.entry WHERE operation = 'add'", 'web_reader'), 'a report over them');

# --- Connections

my $session = TrainLedger::Session->new($front, 'books');
my $login = "SELECT pid FROM pg_stat_activity WHERE usename = 'trainledger_front' AND query ~ 'trainledger_node' ORDER BY backend_start";
$session->query('SELECT trainledger.credit_balance(1002)');
my $backend = $books->node(1)->safe_psql('books', $login);
is($session->query('SELECT trainledger.credit_balance(9998)')->{sqlstate}, 'TL404', 'a refusal');
$session->query('SELECT trainledger.credit_balance(1002)');
is($books->node(1)->safe_psql('books', $login), $backend, 'costs no connection');

# Callers that share a connection do not share who they are
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $pooler = "host=$folder port=$port dbname=n1";
append_to_file("$folder/users", qq{"trainledger_front" ""\n});
append_to_file("$folder/pgbouncer.ini", join "\n", '[databases]',
	'n1 = ' . $books->connection($books->node(1)) . ' pool_size=1', '[pgbouncer]',
	"unix_socket_dir = $folder", "listen_port = $port", 'listen_addr =',
	'auth_type = trust', "auth_file = $folder/users",
	'pool_mode = transaction', "logfile = $folder/log", "pidfile = $folder/pid", '');
TrainLedger::Nodes::start_pgbouncer($folder, $port);
ask("UPDATE trainledger_proxy.node SET pooler = '$pooler' WHERE name = 'n1'; SELECT trainledger_proxy.apply_map()");
my @callers = map { TrainLedger::Session->new($front, 'books') } 1 .. 3;
$callers[0]->query(q{SET trainledger.clock = '2027-01-01'; SET ROLE web_operator; SET request.jwt.claims = '{"sub": "olga"}'});
$callers[1]->query(q{SET ROLE web_learner; SET request.jwt.claims = '{"party_id": 1002}'});
$callers[2]->query(q{SET ROLE web_learner; SET request.jwt.claims = '{"party_id": 1001}'});
for my $round (1 .. 3)
{
	is($callers[0]->query("SELECT booked_by, created_at >= '2027-01-01' FROM trainledger.credit_add(1002, 0.01, 'pool', '$round', now())")->{rows}[0],
		'olga|t', 'an operator, through PgBouncer');
	is($callers[1]->query('SELECT trainledger.credit_balance(1002) > 0')->{rows}[0], 't', 'a learner');
	is($callers[2]->query('SELECT trainledger.credit_balance(1002)')->{sqlstate}, 'TL404', 'another learner');
}
is($books->node(1)->safe_psql('books', "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE usename = 'trainledger_front' AND query ~ 'trainledger_node' AND query_start > (SELECT max(query_start) FROM pg_stat_activity WHERE pid = $backend)"),
	1, 'over one connection');
$_->quit for @callers;
ask("UPDATE trainledger_proxy.node SET pooler = NULL WHERE name = 'n1'; SELECT trainledger_proxy.apply_map()");
kill 'TERM', slurp_file("$folder/pid") + 0;

# A call that waits at a node can be cancelled
my $blocker = TrainLedger::Session->new($books->node(2), 'books');
$blocker->query("BEGIN; SELECT * FROM trainledger.account WHERE id = $ann FOR UPDATE");
books_nothing("SET statement_timeout = '200ms'; SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-13')",
	qr/\AERROR:  57014: canceling statement due to statement timeout\n\z/, 'a call that waits');
$blocker->query('ROLLBACK');

# A node that is down
my $call = "SELECT entry_no FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-14', idempotency_key => '00000000-0000-4000-8000-000000000099')";
is($session->query($call)->{sqlstate}, '00000', 'a call');
$books->node(2)->stop('immediate');
my $down = answer($front, $call, 'web_operator');
like($down, qr/\AERROR:  08006: a node does not answer\nDETAIL:  .*\nHINT:  .*\n\z/, 'a node that is down');
unlike($down, qr/\Q${\$books->node(2)->host}\E|${\$books->node(2)->port}/, 'says no address');
is($session->query($call)->{sqlstate}, '08006', 'in a session that had a connection');
is($session->query("SELECT trainledger.credit_balance(1002)")->{sqlstate}, '00000', 'the other node answers');
$books->node(2)->start;
is($session->query($call)->{sqlstate}, '00000', 'the same session goes on when it is back');
is(ask("SELECT count(*) FROM trainledger.entry WHERE account_id = $ann AND recorded_at = '2026-03-14'"),
	1, 'the key booked once');

# --- The map

my $wrong = "UPDATE trainledger_proxy.home SET node = 'n1' WHERE home = 1001; SELECT trainledger_proxy.apply_map()";
ask($wrong);
my $refused = qr/\AERROR:  TL058: home is kept by another node\nDETAIL:  Home 1001 is not among trainledger\.homes, .*\nHINT:  Call the node that keeps home 1001\.\nCOLUMN NAME:  \w+\n\z/;
books_nothing("SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-15')", $refused, 'a wrong map');
books_nothing("SELECT * FROM trainledger.issue_training_tokens('$gold', 1001, 1)", $refused, 'a wrong map, tokens');
is($session->query("SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-15')")->{sqlstate}, 'TL058', 'in a running session');
ask($wrong =~ s/'n1'/'n2'/r);
is($session->query("SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-15')")->{sqlstate}, '00000', 'the right map again');
like(answer($front, 'BEGIN; DELETE FROM trainledger_proxy.home WHERE home = 0; SELECT trainledger_proxy.apply_map(); ROLLBACK'),
	qr/ERROR:  55000: the map is not complete\nDETAIL:  1023 of 1024/, 'a home without a node');

# Reached in another way, and a table that is new
ask("UPDATE trainledger_proxy.node SET connection = connection || ' connect_timeout=5' WHERE name = 'n1'; DROP FOREIGN TABLE trainledger_proxy.pass_use_n2; SELECT trainledger_proxy.apply_map()");
is(ask(q{SELECT srvname FROM pg_foreign_server WHERE 'connect_timeout=5' = ANY (srvoptions)}), 'trainledger_node_n1', 'a connection changes');
is(ask(q{SELECT count(*) FROM pg_inherits WHERE inhrelid::regclass::text ~ '^trainledger_proxy'}),
	ask(q{SELECT 2 * count(*) FROM trainledger.table_class WHERE class = 'home' AND table_name <> 'party_salt'}), 'every table has a child for each node, but for that of salts');
ask("DELETE FROM trainledger_proxy.node WHERE name = 'n3'; INSERT INTO trainledger_proxy.node VALUES ('n3', 3, 'host=nowhere'); SELECT trainledger_proxy.apply_map(); DELETE FROM trainledger_proxy.node WHERE name = 'n3'; SELECT trainledger_proxy.apply_map()");
is(ask(q{SELECT count(*) FROM pg_foreign_server WHERE srvname ~ 'node_n3'}), 0, 'a node that is gone has no server');

# --- The scripts again; what undoes them

$books->script($front, 'proxy');
$books->make_node($_, $books->homes_of($_)) for 1 .. 2;
is(ask("SELECT count(*) FROM trainledger_api.credit_accounts WHERE party_id IN (1001, 1002)"), 4, 'scripts can be run again');
is($session->query("SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-16')")->{sqlstate}, '00000', 'calls go on');

my $original = $single->safe_psql('books', q{SELECT pg_get_functiondef('trainledger.credit_add'::regproc)});
my $kept = PostgreSQL::Test::Utils::tempdir . "/front.sql";
$front->command_ok([ 'pg_dump', '-f', $kept, '-d', $front->connstr('books') ], 'pg_dump of the front');
ask($original);
books_nothing("SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-17')",
	qr/\AERROR:  55000: nodes keep the books\n/, 'an upgrade that undoes what was replaced');
$books->script($front, 'proxy');
is($session->query("SELECT * FROM trainledger.credit_add(1001, 1, 'x', '', '2026-03-17')")->{sqlstate}, '00000', 'the script mends it');

$front->safe_psql('postgres', 'CREATE DATABASE restored');
$front->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $front->connstr('restored'), '-f', $kept ], 'its dump is restored');
my $before = booked();
is($front->safe_psql('restored', 'SELECT balance FROM trainledger.account WHERE id = ' . $bob),
	ask('SELECT balance FROM trainledger.account WHERE id = ' . $bob), 'what was restored reads the nodes');
for my $sql ("trainledger.credit_add(1001, 1, 'x', '', '2026-03-18')", "trainledger.issue_training_tokens('$gold', 1001, 1)", 'trainledger.issue_pass(1, 1, 1001)')
{
	my ($code, undef, $error) = $front->psql('restored', "SELECT * FROM $sql");
	like($error, qr/ERROR:  nodes keep the books/, "and refuses $sql");
}
is(booked(), $before, 'nothing is booked');

# --- Nodes are upgraded before the front, and rows grow at their end

$_->safe_psql('books', 'ALTER TABLE trainledger.redemption ADD COLUMN more integer NOT NULL DEFAULT 1') for $books->nodes;
my $silver = ask("SELECT id FROM trainledger.token_type WHERE name = 'silver'");
like(answer($front, "SELECT r FROM trainledger.redeem_training_tokens(1003, '$silver', 1, 'upgraded') r", 'web_operator'),
	qr/\A\(\d+,1003,[0-9a-f-]+,1,0,upgraded,"[^"]+",\)\n\z/, 'a call to a node that is newer');
is(answer($front, "SELECT count(*) FROM trainledger.redemption WHERE reference = 'upgraded'", 'web_reader'), "1\n", 'and a list');
ask('ALTER TABLE trainledger.redemption ADD COLUMN more integer NOT NULL DEFAULT 1');
$books->script($front, 'proxy');
like(answer($front, "SELECT r FROM trainledger.redeem_training_tokens(1003, '$silver', 1, 'upgraded') r", 'web_operator'),
	qr/,1\)\n\z/, 'the front follows');
is(answer($front, "SELECT sum(more) FROM trainledger.redemption WHERE reference = 'upgraded'", 'web_reader'), "2\n", 'and its lists');

# --- A route that was forgotten, or names no argument

my $view = $single->safe_psql('books', q{SELECT pg_get_viewdef('trainledger.privilege'::regclass)});
for my $route ('NULL::text', q{'pass_id'::text}, q{'pair'::text}, q{'all'::text})
{
	$single->safe_psql('books', 'CREATE OR REPLACE VIEW trainledger.privilege AS '
		  . $view =~ s/p\.route/CASE p.function_name WHEN 'credit_add' THEN $route ELSE p.route END AS route/r);
	my ($parts) = answers($single, "\\i " . TrainLedger::Nodes::script_file("proxy"));
	like($parts->{''}, qr/ERROR:  55000: functions have no way to their node\nDETAIL:  .*: trainledger\.credit_add, trainledger_api\.credit_add\.\n/,
		"the script stops at a route $route");
	is($single->safe_psql('books', q{SELECT to_regnamespace('trainledger_proxy'), pg_get_functiondef('trainledger.post'::regproc) ~ 'LANGUAGE c'}),
		'|t', 'and has changed nothing');
}

$books->stop;
$single->stop;

done_testing();
__DATA__
\set as_admin 'SET ROLE web_admin; SET request.jwt.claims = \'{"sub": "ada"}\';'
\set as_operator 'SET ROLE web_operator; SET request.jwt.claims = \'{"sub": "olga"}\';'
\set as_reader 'SET ROLE web_reader; SET request.jwt.claims = \'\';'
\set as_ann 'SET ROLE web_learner; SET request.jwt.claims = \'{"sub": "ann", "party_id": 1001}\';'
\set as_nobody 'SET ROLE web_learner; SET request.jwt.claims = \'\';'
\echo == what the front writes
:as_admin
SELECT name, bounds FROM trainledger.add_credit_token_type('default', lower_bound => 0, upper_bound => 1000);
SELECT name FROM trainledger.add_credit_token_type('minutes', scale => 0);
SELECT id AS gold, name FROM trainledger.add_training_token_type('gold', default_days_to_redeem => 30) \gset
SELECT id AS silver FROM trainledger.add_training_token_type('silver') \gset
SELECT * FROM trainledger.add_region('EU', 'Europe');
SELECT * FROM trainledger.add_currency('EUR', 'Euro');
SELECT id AS course FROM trainledger.add_catalog_item('course', 'c1', 'Course') \gset
SELECT id AS other FROM trainledger.add_catalog_item('course', 'c2', 'Other course') \gset
SELECT id AS type FROM trainledger.create_pass_type('p', 'Pass') \gset
SELECT id AS year FROM trainledger.create_pass_option(:type, 'Year', 'years', 1) \gset
SELECT id, amount FROM trainledger.create_pass_price(:year, 'EU', 'EUR', 99.5);
SELECT lifecycle_state FROM trainledger.update_pass_option(:year, lifecycle_state => 'published');
SELECT lifecycle_state FROM trainledger.update_pass_type(:type, lifecycle_state => 'published');
SELECT code FROM trainledger.add_pass_content(:type, ARRAY[:course]);
SELECT id, name FROM trainledger.add_party('organisation', 'Org', id => 1003);
SELECT id, name FROM trainledger.add_party('person', 'Ann', 'ann@example.org', rfid => 'R1', organisation_id => 1003, id => 1001);
SELECT id, name FROM trainledger.add_party('person', 'Bob', barcode => 'B2', external_id => 'E2', id => 1002);
SELECT id, name FROM trainledger.add_party('person', 'Cat', id => 1005);
SELECT id, name FROM trainledger_api.add_party('person', 'Dan', id => 1004);

\echo == credit_init, credit_add, credit_subtract
:as_operator
SELECT * FROM trainledger.credit_init(1001, 100, 'till', 'opened', '2026-03-01 09:00+01');
SELECT * FROM trainledger.credit_init(party_id => 1002, amount => 50.255, source => 'till', description => '', recorded_at => '2026-03-01', rounding => 'floor', device => 'id:7');
SELECT * FROM trainledger.credit_init(1005, 10, 'till', '', '2026-03-01');
SELECT * FROM trainledger.credit_init(1001, 5, 'till', '', '2026-03-01', 'spare', 'minutes');
SELECT * FROM trainledger.credit_add(1001, 2.5, 'till', E'tab\tquote"\' {brace} \\ äöü', '2026-03-02', idempotency_key => '00000000-0000-4000-8000-000000000001');
SELECT * FROM trainledger.credit_subtract(1002, 20, 'till', 'lunch', '2026-03-02', balance_expected => 30.25);
SELECT * FROM trainledger_api.credit_init(1004, 1, 'till', '', '2026-03-01');
SELECT * FROM trainledger_api.credit_add(1004, 1, 'till', '', '2026-03-02');
SELECT * FROM trainledger_api.credit_subtract(1004, 1, 'till', '', '2026-03-03');
SET request.jwt.claims = '';
SELECT booked_by FROM trainledger.credit_add(1004, 1, 'till', '', '2026-03-04');
:as_operator
\echo == the same key books once, another request is refused
SELECT * FROM trainledger.credit_add(1001, 2.5, 'till', E'tab\tquote"\' {brace} \\ äöü', '2026-03-02', idempotency_key => '00000000-0000-4000-8000-000000000001');
SELECT * FROM trainledger.credit_add(1001, 3, 'till', 'x', '2026-03-02', idempotency_key => '00000000-0000-4000-8000-000000000001');
\echo == refusals of credit
SELECT * FROM trainledger.credit_init(1001, 5, 'till', '', '2026-03-01');
SELECT * FROM trainledger.credit_add(1001, 2000, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_subtract(1002, 2000, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_subtract(1002, 20, 'till', 'lunch', '2026-03-03', balance_expected => 1);
SELECT * FROM trainledger.credit_subtract(1002, 20, 'till', 'lunch', '2026-03-02');
SELECT * FROM trainledger.credit_add(1003, 1, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_add(9999, 1, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_add(-1, 1, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_add(NULL, 1, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_add(1001, 0, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_add(1001, 'NaN', 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_add(1001, 1e30, 'till', '', '2026-03-02');
SELECT * FROM trainledger.credit_add(1001, 1, NULL, '', '2026-03-02');
SELECT * FROM trainledger.credit_add(1001, 1, 'till', '', '2026-03-02', E'x\', \'y\'); RESET ROLE; --"{\\');
SELECT trainledger.credit_balance(1001, E'{x,"\'; RESET ROLE; --');
SELECT * FROM trainledger.credit_add(1001, 1, 'till', repeat('x', 8193), '2026-03-02');
SELECT * FROM trainledger.credit_add(1001, 1, 'till', '', 'infinity');
SELECT * FROM trainledger.credit_add(1001, 1, 'till', '', '2026-03-02', token_type => 'none');
SELECT * FROM trainledger_api.credit_add(9999, 1, 'till', '', '2026-03-02');
\echo == credit_balance, credit_history
SELECT trainledger.credit_balance(1001), trainledger.credit_balance(1001, 'spare', 'minutes'), trainledger_api.credit_balance(1002);
SELECT * FROM trainledger.credit_history(1001);
SELECT * FROM trainledger.credit_history(1001, max_entries => 1, after_entry => 1);
SELECT * FROM trainledger_api.credit_history(1002, before_entry => 2);
SELECT trainledger.credit_balance(1003);
SELECT * FROM trainledger.credit_history(1002, max_entries => -1);
\echo == settings of dates in the session change nothing
SET datestyle = 'German'; SET timezone = 'Asia/Kolkata'; SET bytea_output = 'escape'; SET intervalstyle = 'sql_standard';
SELECT * FROM trainledger.credit_add(1002, 1, 'till', 'zone', '4.3.2026 12:00');
SELECT * FROM trainledger.credit_history(1002, max_entries => 1);
RESET datestyle; RESET timezone; RESET bytea_output; RESET intervalstyle;

\echo == documents
\set show 'SELECT current_setting(\'response.status\', true)'
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'id', '1001'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'rfid', ' R1 '); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'barcode', 'B2'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'externalId', 'E2', 'default'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'shoe', '1001'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'id', '9999'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'id', '1e999999'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_balance('default', 'id', NULL); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_history('default', 'barcode', 'B2'); :show; COMMIT;
BEGIN; SET LOCAL request.method = 'GET'; SET LOCAL request.path = '/credit-token/history/default/barcode:B2'; SELECT trainledger_api.credit_token_history('default', 'barcode', 'B2', max_entries => 1); :show; SHOW response.headers; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction('{"operation": "init", "delegate_id": 1003, "amount": 12.5, "source": "till", "description": "", "recordedAt": "1772359200"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_init('{"delegate_barcode": "B2", "amount": "0", "source": "till", "description": "second", "recordedAt": "1772359200", "accountName": "second"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_add('{"delegate_id": "1002", "delegate_externalId": "E2", "amount": 1e0, "source": "till", "description": "d", "recordedAt": "1772618400"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_subtract('{"delegate_rfid": "R1", "amount": 1, "source": "till", "description": "d", "recordedAt": "1772618400", "device_id": 7}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_subtract('{"delegate_rfid": "R1", "delegate_barcode": "B2", "amount": 1, "source": "till", "description": "d", "recordedAt": "1772618400"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_subtract('{"delegate_rfid": "R1", "amount": 100000, "source": "till", "description": "\u00e9", "recordedAt": "1772618400"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_add('{"delegate_id": 1001, "amount": -1, "source": "\u0000", "more": {}}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_add('{"delegate_id": "NaN", "amount": 1, "source": "till", "description": "d", "recordedAt": "1772618400"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_add('{"delegate_id": "-infinity", "amount": 1, "source": "till", "description": "d", "recordedAt": "1772618400"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction_add('{"delegate_id": "9223372036854775808", "amount": 1, "source": "till", "description": "d", "recordedAt": "1772618400"}'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction('[]'); :show; COMMIT;
BEGIN; SELECT trainledger_api.credit_token_transaction(NULL); :show; COMMIT;

\echo == post, balance_at, balance_by, account_statement
SELECT (SELECT id FROM trainledger.account WHERE party_id = 1001 AND name = 'default') AS ann, (SELECT id FROM trainledger.account WHERE party_id = 1002 AND name = 'default') AS bob,
	(SELECT id FROM trainledger.account WHERE party_id = 1005) AS cat \gset
SELECT * FROM trainledger.post(:ann, 'adjust', -1.005, 'desk', rounding => 'half_even');
SELECT * FROM trainledger.post(:bob, 'add', 7, 'desk', 'x', '2026-03-03', device => 'code:A', idempotency_key => '00000000-0000-4000-8000-000000000002');
SELECT * FROM trainledger_api.post(:bob, 'subtract', 1, 'desk');
SELECT * FROM trainledger.post(:ann, 'issue', 1, 'desk');
SELECT * FROM trainledger.post(:ann + 1024, 'add', 1, 'desk');
SELECT * FROM trainledger.post(NULL, 'add', 1, 'desk');
SELECT trainledger.balance_at(:ann, '2026-03-05 10:00:00Z'), trainledger.balance_at(:ann, '2026-03-01'), trainledger_api.balance_at(:bob, 'infinity');
SELECT trainledger.balance_by(:bob, '2026-03-02 12:00'), trainledger_api.balance_by(:ann, '2026-03-02 12:00', '2026-03-05 10:00:00Z');
SELECT trainledger.balance_at(:ann, NULL);
SELECT * FROM trainledger.account_statement(:bob, '2026-03-01', '2026-04-01');
SELECT * FROM trainledger_api.account_statement(:ann, '2026-03-01', '2026-03-02');
SELECT * FROM trainledger.account_statement(:bob, '2026-04-01', '2026-03-01');

\echo == post_batch on one node, and what is wrong with arrays
SELECT * FROM trainledger.post_batch(ARRAY[:ann, :cat, :ann], ARRAY[1, 2.5, -3]::trainledger.amount[], 'batch');
SELECT * FROM trainledger.post_batch(ARRAY[:ann, :cat], ARRAY[1, -5000]::trainledger.amount[], 'batch');
SELECT * FROM trainledger.post_batch(ARRAY[:ann, :bob], ARRAY[1]::trainledger.amount[], 'batch');
SELECT * FROM trainledger.post_batch(ARRAY[[:ann], [:bob]], ARRAY[1, 2]::trainledger.amount[], 'batch', skip_refused => true);
SELECT * FROM trainledger.post_batch(ARRAY[:ann, :bob], ARRAY[[1], [2]]::trainledger.amount[], 'batch', skip_refused => true);
SELECT * FROM trainledger.post_batch(ARRAY[:ann, :bob], ARRAY[1, 2]::trainledger.amount[], NULL, skip_refused => true);
SELECT * FROM trainledger.post_batch(ARRAY[NULL, :ann, :cat], ARRAY[1, 2, 3]::trainledger.amount[], 'batch');
SELECT * FROM trainledger.post_batch(ARRAY[NULL, NULL]::bigint[], ARRAY[1, 2]::trainledger.amount[], 'batch');
SELECT * FROM trainledger.post_batch('{}', '{}', 'batch');
SELECT * FROM trainledger.post_batch(NULL, '{1}', 'batch');
\echo == post_batch split over nodes
SELECT * FROM trainledger.post_batch(ARRAY[:bob, :ann, NULL, :cat, :bob, 77, :ann], ARRAY[1, 2, 3, -5000, 5, 6, NULL]::trainledger.amount[], 'split', ARRAY['a', 'b', 'c', 'd', NULL, 'f', 'g'],
	ARRAY['2026-03-01', '2026-03-02', NULL, NULL, NULL, NULL, NULL]::timestamptz[],
	ARRAY['00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000012', NULL, NULL, '00000000-0000-4000-8000-000000000013', NULL, NULL]::uuid[], true);
SELECT * FROM trainledger_api.post_batch(ARRAY[:bob, :ann, :bob], ARRAY[1, 2, 5]::numeric[]::trainledger.amount[], 'split', ARRAY['a', 'b', NULL], ARRAY['2026-03-01', '2026-03-02', NULL]::timestamptz[],
	ARRAY['00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000012', '00000000-0000-4000-8000-000000000013']::uuid[], true);
SELECT * FROM trainledger.post_batch('[0:1]={1,2}'::bigint[] || ARRAY[:bob, :ann], '[3:6]={1,1,1,1}'::trainledger.amount[], 'bounds', skip_refused => true);
\echo == credit_transfer on one node
SELECT (t.from_entry).delta, (t.from_entry).balance, (t.to_entry).balance, (t.to_entry).account_id FROM trainledger.credit_transfer(:ann, :cat, 3, 'desk', idempotency_key => '00000000-0000-4000-8000-000000000021') t;
SELECT * FROM trainledger.credit_transfer(:ann, :cat, 3, 'desk', idempotency_key => '00000000-0000-4000-8000-000000000021');
SELECT * FROM trainledger_api.credit_transfer(:cat, :ann, 1, 'desk');
SELECT * FROM trainledger.credit_transfer(:ann, :ann, 3, 'desk');
SELECT * FROM trainledger.credit_transfer(:ann, NULL, 3, 'desk');
SELECT * FROM trainledger.credit_transfer(:ann, :ann + 1024, 3, 'desk');

\echo == training tokens
SELECT id AS lot, i.* FROM trainledger.issue_training_tokens(:'gold', 1003, 10, '2026-04-01', 'bought', '00000000-0000-4000-8000-000000000031', unit_price => 9.5, currency_code => 'EUR') i;
SELECT id AS lot FROM trainledger.issue_training_tokens(:'gold', 1003, 10, '2026-04-01', 'bought', '00000000-0000-4000-8000-000000000031', unit_price => 9.5, currency_code => 'EUR') \gset
SELECT * FROM trainledger_api.issue_training_tokens(:'gold', 1002, 4);
SELECT * FROM trainledger.issue_training_tokens(:'gold', 1002, 3, '2026-03-05');
SELECT * FROM trainledger.issue_training_tokens(:'gold', 1003, 3, '2026-03-05');
SELECT * FROM trainledger.issue_training_tokens(:'silver', 1003, 7);
SELECT * FROM trainledger.issue_training_tokens(:'gold', 1003, 0);
SELECT * FROM trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000000', 1003, 1);
SELECT * FROM trainledger.issue_training_tokens(:'gold', 1003, 1, id => '00000000-0000-4000-8000-000000000099');
SELECT * FROM trainledger.extend_training_tokens(:'lot', '2026-05-01');
SELECT * FROM trainledger_api.extend_training_tokens(:'lot', '2026-04-01');
SELECT * FROM trainledger.extend_training_tokens('00000000-0000-4000-8000-000000000001', '2026-05-01');
SELECT * FROM trainledger.extend_training_tokens(NULL, '2026-05-01');
SELECT * FROM trainledger.adjust_training_tokens(:'lot', -1.0, 'broken', '00000000-0000-4000-8000-000000000032');
SELECT * FROM trainledger_api.adjust_training_tokens(:'lot', 1.5);
SELECT * FROM trainledger.redeem_training_tokens(1003, :'gold', 4, 'course 7', 'notes', '00000000-0000-4000-8000-000000000033');
SELECT id AS redemption FROM trainledger.redeem_training_tokens(1003, :'gold', 4, 'course 7', 'notes', '00000000-0000-4000-8000-000000000033') \gset
SELECT * FROM trainledger_api.redeem_training_tokens(1002, :'gold', 1, 'course 8');
SELECT * FROM trainledger.redeem_training_tokens(1002, :'gold', 100, 'course 8');
SELECT * FROM trainledger.refund_training_tokens(:redemption, 1);
SELECT * FROM trainledger_api.refund_training_tokens(:redemption, 1, 'reissue', '00000000-0000-4000-8000-000000000034');
SELECT * FROM trainledger.refund_training_tokens(:redemption, 9);
SELECT * FROM trainledger.refund_training_tokens(77);
SELECT * FROM trainledger.transfer_training_tokens(1003, 1005, :'gold', 2, 'gift', '00000000-0000-4000-8000-000000000035');
SELECT * FROM trainledger_api.transfer_training_tokens(1003, 1001, :'silver', 1);
SELECT * FROM trainledger.transfer_training_tokens(1003, 1003, :'gold', 2);
SELECT * FROM trainledger.void_training_tokens((SELECT id FROM trainledger.token_issue WHERE party_id = 1005 ORDER BY expires_at LIMIT 1), 'lost');
SELECT * FROM trainledger_api.void_training_tokens(:'lot', 'x', '00000000-0000-4000-8000-000000000036');
SELECT * FROM trainledger.set_training_tokens_expiry(:'lot', '2026-06-01', 'mistake');
:as_admin
SELECT * FROM trainledger.set_training_tokens_expiry(:'lot', '2026-06-01', 'mistake');
SELECT * FROM trainledger_api.set_training_tokens_expiry(:'lot', NULL, 'mistake');
SELECT * FROM trainledger.issue_training_tokens(:'gold', 1003, 1, id => '00000000-0000-4000-8000-0000000003eb');

\echo == holds of training tokens
:as_operator
SELECT * FROM trainledger.hold_training_tokens(1003, :'silver', 3, 'seat 1', '2026-03-20', 'notes', '00000000-0000-4000-8000-000000000051');
SELECT id AS hold FROM trainledger.hold_training_tokens(1003, :'silver', 3, 'seat 1', '2026-03-20', 'notes', '00000000-0000-4000-8000-000000000051') \gset
SELECT * FROM trainledger.hold_training_tokens(1003, :'silver', 2, 'seat 1', '2026-03-20', 'notes', '00000000-0000-4000-8000-000000000051');
SELECT * FROM trainledger_api.hold_training_tokens(1002, :'gold', 1, 'seat 2', '2026-03-06 09:00Z');
SELECT id AS other_hold FROM trainledger.hold_training_tokens(1001, :'silver', 1, 'seat 3', '2026-03-06 09:30Z') \gset
SELECT * FROM trainledger.hold_training_tokens(1003, :'silver', 100, 'seat 4');
SELECT * FROM trainledger.hold_training_tokens(1003, :'silver', 1, 'seat 4', '2026-03-01');
SELECT * FROM trainledger.hold_training_tokens(1003, :'silver', 1, 'seat 4', '2028-03-01');
SELECT * FROM trainledger.hold_training_tokens(9999, :'silver', 1, 'seat 4');
SELECT * FROM trainledger.hold_training_tokens(1003, NULL, 1, 'seat 4');
SELECT * FROM trainledger.redeem_training_tokens(1003, :'silver', 4, 'course 9');
SELECT trainledger.available_tokens(1003, :'silver'), trainledger_api.available_tokens(1002, :'gold');
SELECT trainledger.available_tokens(1003, '00000000-0000-4000-8000-000000000000');
SELECT trainledger.available_tokens(9999, :'silver');
SELECT trainledger.available_balance((SELECT account_id FROM trainledger.token_issue WHERE party_id = 1001 AND token_type_id = :'silver'));
SELECT * FROM trainledger.capture_hold(:hold, 1, false, 'taken', '00000000-0000-4000-8000-000000000052');
SELECT * FROM trainledger.capture_hold(:hold, 1, false, 'taken', '00000000-0000-4000-8000-000000000052');
SELECT * FROM trainledger.capture_hold(:hold, 5);
SELECT * FROM trainledger.capture_hold(77);
SELECT * FROM trainledger.capture_hold(NULL);
SELECT * FROM trainledger_api.release_hold(:hold, 1, 'let go', '00000000-0000-4000-8000-000000000053');
SELECT * FROM trainledger.release_hold(:hold, 0);
SELECT * FROM trainledger_api.extend_hold(:hold, '2026-03-25');
SELECT * FROM trainledger.extend_hold(:hold, '2026-03-24');
SELECT * FROM trainledger.extend_hold((SELECT h.id FROM trainledger.hold h WHERE h.party_id = 1002), '2026-03-07');
\echo == holds of credit
SELECT * FROM trainledger.credit_hold(1001, 12.345, 'till', 'lunch', device => 'id:7', rounding => 'floor', idempotency_key => '00000000-0000-4000-8000-000000000054');
SELECT id AS credit_hold FROM trainledger.credit_hold(1001, 12.345, 'till', 'lunch', device => 'id:7', rounding => 'floor', idempotency_key => '00000000-0000-4000-8000-000000000054') \gset
SELECT * FROM trainledger_api.credit_hold(1002, 5, 'till', 'lunch', '2026-03-06 09:00Z');
SELECT * FROM trainledger.credit_hold(1002, 5000, 'till', 'lunch');
SELECT * FROM trainledger.credit_hold(1002, 5, 'till', 'lunch', token_type => 'none');
SELECT * FROM trainledger.credit_hold(1002, 5, 'till', 'lunch', account_name => 'none');
SELECT * FROM trainledger.credit_hold(1001, 0.001, 'till', 'lunch');
SELECT trainledger.available_balance(:ann), trainledger_api.available_balance(:bob), trainledger.credit_balance(1001);
SELECT trainledger.available_balance(:ann + 1024);
SELECT trainledger.available_balance(NULL);
SELECT * FROM trainledger.post(:bob, 'subtract', trainledger.credit_balance(1002) - 1, 'desk');
SELECT * FROM trainledger_api.capture_hold(:credit_hold, 10, idempotency_key => '00000000-0000-4000-8000-000000000055');
SELECT * FROM trainledger.capture_hold(:credit_hold, 1);
SELECT * FROM trainledger.release_hold(:credit_hold);
SELECT * FROM trainledger.credit_history(1001, max_entries => 1);
\echo == why, why_not
SELECT * FROM trainledger.why(1001, (SELECT t.id FROM trainledger.token_type t WHERE t.kind = 'credit' AND t.name = 'default'));
SELECT * FROM trainledger_api.why(1001, :'silver');
SELECT line, quantity, since, until, changed_by, count(booking_no) FROM trainledger.why(1003, :'gold', at => '2026-03-05 10:00:00Z') GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;
SELECT * FROM trainledger.why(1003, :'gold', at => '2026-01-01');
SELECT * FROM trainledger.why(1003, :'gold', 'named');
SELECT * FROM trainledger.why(1003, '00000000-0000-4000-8000-000000000000');
SELECT * FROM trainledger.why_not(1001, :'silver', 1);
SELECT * FROM trainledger_api.why_not(1002, :'gold', 100);
SELECT * FROM trainledger.why_not(1003, :'silver', 1);
SELECT * FROM trainledger.why_not(1003, :'silver', 0);
SELECT * FROM trainledger.why_not(9999, :'silver', 1);

\echo == passes
:as_operator
SELECT * FROM trainledger.issue_pass(:type, :year, 1001, idempotency_key => '00000000-0000-4000-8000-000000000041');
SELECT id AS pass FROM trainledger.issue_pass(:type, :year, 1001, idempotency_key => '00000000-0000-4000-8000-000000000041') \gset
SELECT * FROM trainledger_api.issue_pass(:type, :year, 1002, '2026-01-01', '2026-03-05 10:00:00Z');
SELECT * FROM trainledger.issue_pass(:type, :year, 1003);
SELECT * FROM trainledger.issue_pass(:type, :year, 1001, id => 2025);
SELECT * FROM trainledger.renew_pass(:pass);
SELECT * FROM trainledger_api.renew_pass(:pass, valid_until => '2026-04-01');
SELECT trainledger.pass_covers(1001, :course), trainledger.pass_covers(1002, :course), trainledger.pass_covers(1001, :other), trainledger_api.pass_covers(1002, :course, '2026-02-01');
SELECT trainledger.pass_covers(9999, :course);
SELECT * FROM trainledger.use_pass(1001, :course, 'seat 1', '00000000-0000-4000-8000-000000000042');
SELECT id AS use FROM trainledger_api.use_pass(1001, :course, 'seat 2') \gset
SELECT * FROM trainledger.use_pass(1002, :course, 'seat 1');
SELECT * FROM trainledger.cancel_pass_use(:use, 'ill');
SELECT * FROM trainledger_api.cancel_pass_use(:use, 'ill');
SELECT * FROM trainledger.cancel_pass_use(77);
SELECT * FROM trainledger.reassign_pass(:pass, 1005, '00000000-0000-4000-8000-000000000043');
SELECT id AS pass FROM trainledger_api.reassign_pass(:pass, 1005, '00000000-0000-4000-8000-000000000043') \gset
SELECT * FROM trainledger.correct_pass(:pass, NULL, '2026-04-05', 'typo');
:as_admin
SELECT * FROM trainledger.correct_pass(:pass, NULL, '2026-04-05', 'typo');
SELECT * FROM trainledger_api.correct_pass(:pass, '2026-02-05', NULL, 'typo');
:as_operator
SELECT * FROM trainledger.revoke_pass(:pass);
SELECT * FROM trainledger_api.revoke_pass(:pass);
SELECT * FROM trainledger.revoke_pass(NULL);

\echo == a sweep does no more than it is asked to, over all nodes
RESET ROLE; SET trainledger.clock = '2026-03-06 10:00:00Z';
SET ROLE web_operator;
SELECT trainledger.expire_training_tokens();
SET ROLE web_admin;
SELECT count(*) FROM trainledger.token_issue WHERE expires_at <= trainledger.clock() AND booked_balance > 0;
SELECT trainledger.expire_training_tokens(0);
SELECT trainledger.expire_training_tokens(-1);
SELECT trainledger.expire_training_tokens(1);
SELECT count(*) FROM trainledger.token_issue WHERE expires_at <= trainledger.clock() AND booked_balance > 0;
SELECT trainledger_api.expire_training_tokens();
SELECT count(*) FROM trainledger.token_issue WHERE expires_at <= trainledger.clock() AND booked_balance > 0;
SELECT trainledger.expire_training_tokens(NULL);
SELECT count(*) FROM trainledger.placed_hold h WHERE h.is_open AND h.expires_at <= trainledger.clock();
SELECT name, value FROM trainledger.ledger_metrics WHERE name ~ 'holds' ORDER BY 1;
SELECT trainledger.lapse_holds(0);
SELECT trainledger.lapse_holds(1);
SELECT count(*) FROM trainledger.placed_hold h WHERE h.is_open AND h.expires_at <= trainledger.clock();
SELECT trainledger_api.lapse_holds();
SELECT trainledger.lapse_holds(NULL);
SELECT * FROM trainledger.capture_hold(:other_hold);
SET ROLE web_operator;
SELECT trainledger.lapse_holds();

\echo == a suspended party
:as_operator
SELECT is_suspended FROM trainledger.update_party(1002, is_suspended => true);
SELECT * FROM trainledger.credit_add(1002, 1, 'till', '', '2026-03-09');
SELECT * FROM trainledger.issue_pass(:type, :year, 1002);
SELECT is_suspended FROM trainledger.update_party(1002, is_suspended => false);

\echo == READ ONLY writes nothing
BEGIN READ ONLY; SELECT * FROM trainledger.credit_add(1001, 1, 'till', '', '2026-03-10'); ROLLBACK;
BEGIN READ ONLY; SELECT * FROM trainledger.issue_training_tokens(:'gold', 1003, 1); ROLLBACK;
BEGIN READ ONLY; SELECT trainledger.credit_balance(1001); SELECT balance FROM trainledger.account WHERE id = :bob; COMMIT;

\echo == in a request of PostgREST
BEGIN; SET LOCAL request.method = 'POST'; SELECT * FROM trainledger_api.credit_add(1001, 5000, 'till', '', '2026-03-09'); ROLLBACK;
BEGIN; SET LOCAL request.method = 'POST'; SELECT balance FROM trainledger_api.credit_add(1001, 5, 'till', '', '2026-03-09'); SELECT current_setting('response.status', true), current_setting('response.headers', true); COMMIT;
BEGIN; SET LOCAL request.method = 'POST'; SET LOCAL request.headers = '{"x-trainledger-several": "1"}'; SELECT * FROM trainledger_api.credit_add(1001, 5, 'till', '', '2026-03-09'); ROLLBACK;

\echo == a learner sees and does what it may, and no more
:as_ann
SELECT trainledger.credit_balance(1001), trainledger.has_level('learner');
SELECT trainledger.credit_balance(1002);
SELECT count(*) FROM trainledger.credit_history(1001);
SELECT * FROM trainledger.credit_history(1002);
SELECT trainledger.balance_at(:bob, '2026-03-05');
SELECT * FROM trainledger.account_statement(:bob, '2026-03-01', '2026-04-01');
SELECT trainledger.pass_covers(1001, :course), trainledger.pass_covers(1002, :course);
SELECT trainledger.available_balance(:ann), trainledger.available_tokens(1001, :'silver');
SELECT trainledger.available_balance(:bob);
SELECT trainledger.available_tokens(1002, :'gold');
SELECT line, quantity FROM trainledger.why(1001, :'silver');
SELECT line, quantity FROM trainledger.why(1002, :'gold');
SELECT * FROM trainledger.why_not(1001, :'silver', 5);
SELECT * FROM trainledger.why_not(1002, :'gold', 5);
SELECT * FROM trainledger.credit_hold(1001, 1, 'till', '');
SELECT trainledger_api.credit_token_balance('default', 'barcode', 'B2');
SELECT * FROM trainledger.credit_add(1001, 1, 'till', '', '2026-03-10');
SELECT * FROM trainledger_api.credit_add(1001, 1, 'till', '', '2026-03-10');
SELECT trainledger_api.credit_token_transaction_add('{"delegate_id": 1001, "amount": 1, "source": "s", "description": "d", "recordedAt": "1772618400"}');
SELECT * FROM trainledger.reconcile();
SELECT trainledger.expire_training_tokens();
SELECT party_id, name, balance FROM trainledger.account ORDER BY 1, 2, 3;
SELECT party_id, count(*), sum(delta) FROM trainledger_api.credit_transactions GROUP BY 1;
SELECT party_id, current_balance FROM trainledger_api.training_token_issues ORDER BY 1, 2;
SELECT party_id, status FROM trainledger.training_pass ORDER BY 1, 2;
SELECT count(*) FROM trainledger.pass_event;
SELECT count(*) FROM trainledger.token_issue_event;
SELECT count(*) FROM trainledger.pass_period;
SELECT count(*) FROM trainledger.redemption_allocation;
SELECT party_id, quantity, status FROM trainledger_api.holds ORDER BY 1, 2, 3;
SELECT quantity, captured, released FROM trainledger_api.hold_allocations ORDER BY 1, 2, 3;
SELECT event, count(*) FROM trainledger_api.hold_events GROUP BY 1 ORDER BY 1;
SELECT * FROM trainledger.hold_overview ORDER BY 1;
SELECT * FROM trainledger.holdings(1001) ORDER BY 1, 2, 3;
SELECT * FROM trainledger.holdings(1002);
SELECT * FROM trainledger.tokens_expiring;
SELECT name, value FROM trainledger.ledger_metrics;
:as_nobody
SELECT trainledger.credit_balance(1001);
SELECT count(*) FROM trainledger.account;
SELECT count(*) FROM trainledger.entry;
SET trainledger.party_id = 1002;
SELECT trainledger.credit_balance(1002), trainledger.credit_balance(1001);
SELECT trainledger.credit_balance(1002), (SELECT count(*) FROM trainledger.account);
RESET trainledger.party_id;

\echo == views and reports
:as_reader
SELECT * FROM trainledger_api.credit_accounts ORDER BY party_id, name;
SELECT account_id, entry_no, party_id, token_type_id, operation, delta, balance, source, description, device, recorded_at, created_at, booked_by, is_replay FROM trainledger_api.credit_transactions ORDER BY party_id, account_id <> :ann, balance, entry_no;
SELECT * FROM trainledger_api.training_token_issues ORDER BY party_id, created_at, initial_balance, expires_at, current_balance;
SELECT party_id, operation, delta, balance, notes, recorded_at, created_at, booked_by FROM trainledger_api.training_token_transactions ORDER BY 1, 2, 3, 4, 5, 7;
SELECT * FROM trainledger_api.redemptions ORDER BY party_id, quantity;
SELECT ordinal, quantity, refunded FROM trainledger_api.redemption_allocations ORDER BY 1, 2, 3;
SELECT * FROM trainledger_api.training_passes ORDER BY party_id, status;
SELECT * FROM trainledger_api.holds ORDER BY party_id, created_at, quantity, notes, status;
SELECT party_id, quantity, status FROM trainledger.hold ORDER BY 1, 2, 3;
SELECT ordinal, quantity, captured, released, issue_id IS NULL FROM trainledger_api.hold_allocations ORDER BY 1, 2, 3, 4, 5;
SELECT event, quantity, expires_at, notes, changed_by, created_at FROM trainledger_api.hold_events ORDER BY 1, 2, 3, 4, 5, 6;
SELECT * FROM trainledger_api.hold_overview ORDER BY 1;
SELECT valid_from, valid_until FROM trainledger_api.pass_periods ORDER BY 1, 2;
SELECT * FROM trainledger_api.training_pass_uses ORDER BY reference;
SELECT party_id, name, booked, last_entry_at FROM (SELECT party_id, coalesce(account_name, token_type) AS name, booked, last_entry_at FROM trainledger_api.balances) b ORDER BY 1, 2, 3, 4;
SELECT * FROM trainledger_api.token_liability ORDER BY 1, 2;
SELECT * FROM trainledger_api.credit_liability ORDER BY 1, 2;
SELECT * FROM trainledger_api.token_revenue ORDER BY 1, 2, 3;
SELECT * FROM trainledger_api.tokens_expiring ORDER BY 1, 2, 3;
SELECT * FROM trainledger_api.pass_utilisation ORDER BY 1;
SELECT name, labels, value FROM trainledger_api.ledger_metrics ORDER BY 1, 2;
SELECT p.id, h.* FROM trainledger.party p, trainledger.holdings(p.id) h ORDER BY 1, 2, 3, 4, 5;
SELECT a.party_id, t.entry_no, t.delta FROM trainledger_api.credit_accounts a, trainledger_api.credit_transactions(a) t WHERE a.party_id = 1004 ORDER BY 1, 2;
SELECT h.party_id, a.balance, h.quantity FROM trainledger_api.holds h, trainledger_api.account(h) a ORDER BY 1, 2, 3;
SELECT a.party_id, h.quantity FROM trainledger_api.credit_accounts a, trainledger_api.holds(a) h ORDER BY 1, 2;
SELECT i.party_id, (SELECT count(*) FROM trainledger_api.training_token_transactions(i)) FROM trainledger_api.training_token_issues i ORDER BY 1, 2;
SELECT (SELECT count(*) FROM trainledger_api.credit_accounts(t)), (SELECT count(*) FROM trainledger_api.training_token_issues(u)) FROM (SELECT * FROM trainledger_api.credit_transactions LIMIT 1) t, (SELECT * FROM trainledger_api.training_token_transactions LIMIT 1) u;
SELECT count(*) FROM trainledger_api.training_pass_uses((SELECT p FROM trainledger_api.parties p WHERE id = 1001));
SELECT translate(md5(trainledger.report()), '0123456789', 'ghijklmnop');
SELECT * FROM trainledger_api.holdings(1003) ORDER BY 1, 2, 3;
SELECT length(trainledger_api.report()) > 1000;
SELECT * FROM trainledger.reconcile();
SELECT * FROM trainledger.reconcile(:ann);
SELECT * FROM trainledger_api.reconcile(:bob);
SELECT * FROM trainledger.strays();
SELECT trainledger.prove_entry(:ann, 1);
SELECT trainledger.entry_leaf(:ann, 1);
SELECT trainledger.entry_texts(:bob, 1);
SELECT trainledger_api.prove_entry(:bob, 1);
SELECT trainledger_api.entry_leaf(:bob, 1);
SELECT trainledger_api.entry_texts(:ann, 1);

\echo == forgotten
:as_admin
SET client_min_messages = warning;
SELECT * FROM trainledger.redact_entry(:bob, 1, 'mistake');
SELECT * FROM trainledger_api.redact_entry(:bob, 1, 'mistake');
SELECT * FROM trainledger.redact_entry(:bob, 9999, 'mistake');
SELECT * FROM trainledger.forget_party(1003, 'gdpr-17', '{olga}');
SELECT * FROM trainledger.forget_party(1003, 'gdpr-17', '{olga}');
SELECT * FROM trainledger_api.forget_party(1004, 'gdpr-17');
SELECT * FROM trainledger.forget_party(9998, 'gdpr-17');
SELECT * FROM trainledger.forget_party(1004, ' ');
RESET client_min_messages;
SELECT id, name, email, is_suspended FROM trainledger.party ORDER BY 1;
SELECT account_id, entry_no, source, description, device, booked_by FROM trainledger_api.credit_transactions ORDER BY party_id, account_id, entry_no;
SELECT party_id, reference, notes, source, status FROM trainledger_api.holds ORDER BY party_id, created_at, quantity, notes, status;
SELECT party_id, reference FROM trainledger_api.redemptions ORDER BY 1, 2;
SELECT kind, party_id, reason_code, redacted_by, count(*) FROM trainledger.redaction GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT * FROM trainledger.reconcile();
