# The books are dumped in every format and restored into new databases. Every
# table is the same, and everything that guards the books is in force.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Compare;

my $node = start_books('dump', 'max_wal_size = 1GB');
my $dir = PostgreSQL::Test::Utils::tempdir;

$node->safe_psql('books', <<'END');
CREATE ROLE dump_learner;
CREATE ROLE dump_reader;
CREATE ROLE dump_operator;
CREATE ROLE dump_admin;
CREATE ROLE dump_nobody;
CREATE ROLE dump_monitor;
SELECT trainledger.grant_access('dump_learner', 'learner');
SELECT trainledger.grant_access('dump_reader', 'reader');
SELECT trainledger.grant_access('dump_operator', 'operator');
SELECT trainledger.grant_access('dump_admin', 'admin');
SELECT trainledger.grant_access('dump_monitor', 'monitor');
SELECT trainledger.grant_access('dump_nobody', 'admin');
SELECT trainledger.revoke_access('dump_nobody');

SELECT trainledger.add_region('eu', 'Europe');
SELECT trainledger.add_currency('EUR', 'Euro');
SELECT trainledger.add_catalog_item('course', 'C1', 'Swimming');
SELECT trainledger.add_party('organisation', 'School', id => 500);
SELECT trainledger.add_party('person', 'Learner ' || i, barcode => 'b' || i,
	organisation_id => 500, data => '["a", {"b": "ä\n\\"}]', flags => '{x,"y z"}',
	attributes => '{"grade": 3}')
FROM generate_series(1, 30) i;

SELECT trainledger.add_credit_token_type('money', 'currency', 2, -100, 10000, '€');
SELECT trainledger.add_credit_token_type('fine', scale => 6);
SELECT trainledger.add_training_token_type('lesson', default_days_to_redeem => 30);
SELECT trainledger.update_token_type(t.id, upper_bound => 20000)
FROM trainledger.token_type t WHERE name = 'money';
SELECT trainledger.update_token_type(t.id, clear => '{lower_bound}')
FROM trainledger.token_type t WHERE name = 'money';

SELECT trainledger.credit_init(p.id, 10, 'setup', E'tab\t, new\nline, back\\slash', now(),
	account_name => n.name, token_type => t.name)
FROM trainledger.party p, (VALUES ('default'), ('second "one"')) n(name),
	(VALUES ('money'), ('fine')) t(name)
WHERE p.kind = 'person';
SELECT trainledger.credit_init(p.id, 10, 'setup', '', now(), device => 'id:7',
	idempotency_key => gen_random_uuid())
FROM trainledger.party p WHERE p.kind = 'person';
SELECT trainledger.post(a.id, 'add', i * 0.01, 'random', E'\\N', clock_timestamp())
FROM trainledger.account a, generate_series(1, 20) i;
SELECT count(*) FROM trainledger.post_batch(
	ARRAY(SELECT id FROM trainledger.account ORDER BY id),
	ARRAY(SELECT '-0.05'::trainledger.amount FROM trainledger.account), 'batch');
SELECT trainledger.post(a.id, 'add', 0.000001, 'tiny') FROM trainledger.account a
JOIN trainledger.token_type t ON t.id = a.token_type_id WHERE t.name = 'fine';
SELECT trainledger.update_party(p.id, is_suspended => true)
FROM trainledger.party p WHERE p.barcode = 'b7';
END

$node->safe_psql('books', 'SELECT trainledger.check_books()');

# programs: kinds below kinds, cohorts, a history, tickets of every state
$node->safe_psql('books', <<'END');
SELECT trainledger.add_program_kind('Kind', 'handle', id => '00000000-0000-4000-8000-000000000002');
SELECT trainledger.add_program_kind('Below', parent_id => '00000000-0000-4000-8000-000000000002', id => '00000000-0000-4000-8000-000000000001');
SELECT trainledger.add_program('00000000-0000-4000-8000-000000000001', 'Program', '2026-01-01', 30, id => '00000000-0000-4000-8000-000000000003');
SELECT trainledger.sync_cohort(c.program_id, c.id, '$.attributes.grade == 3', mode => 'open')
FROM trainledger.confirm_cohort('00000000-0000-4000-8000-000000000003', 'ä "1"') c;
SELECT trainledger.update_user_cohort_state(party_id, program_id, 'dropped', comments => E'a\nb\\')
FROM trainledger.membership ORDER BY party_id LIMIT 5;
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-000000000002', p.id, external_id => gen_random_uuid(), sku => NULLIF(p.id % 2, 0)::text),
	trainledger.create_program_ticket('00000000-0000-4000-8000-000000000001', email => p.id || '@example.org')
FROM (SELECT party_id AS id FROM trainledger.membership ORDER BY 1 LIMIT 5) p;
SELECT trainledger.consume_ticket(t.party_id, '00000000-0000-4000-8000-000000000003')
FROM (SELECT party_id FROM trainledger.ticket WHERE party_id IS NOT NULL AND party_id <> (SELECT id FROM trainledger.party WHERE is_suspended) LIMIT 2) t;
SELECT trainledger.cancel_ticket(id) FROM (SELECT id FROM trainledger.ticket WHERE state = 'ready' LIMIT 3) t;
END

# signup tokens: odd codes, dates, claims of two tokens of one item
$node->safe_psql('books', <<'END');
SELECT trainledger.create_signup_token(1, 'C1', 2, E'tab\t <&> ä\n\\N', expiration => '2100-02-28 23:59:59Z');
SELECT trainledger.create_signup_token(1, 'C1', 9, 'Spring', id => 'taken over');
SELECT count(*) FROM trainledger.import_signup_tokens('<Tokens><Token><TokenType>1</TokenType><TokenTypeId>C1</TokenTypeId><Active>0</Active><MaximumActivations>1</MaximumActivations></Token></Tokens>');
SELECT trainledger.claim_signup_token(t.code, p.id)
FROM trainledger.signup_token t, trainledger.party p WHERE t.active AND p.barcode IN ('b1', 'b2');
END

# Privileges and guards, as far as they are kept in the catalogue
sub rules
{
	my ($database) = @_;

	return $node->safe_psql($database, q{
		SELECT p.oid::regprocedure::text AS what, array(SELECT a::text FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) a ORDER BY 1)::text AS rule
		FROM pg_proc p WHERE pronamespace::regnamespace::text LIKE 'trainledger%'
		UNION ALL
		SELECT c.oid::regclass::text, array(SELECT a::text FROM unnest(coalesce(c.relacl,
				acldefault((CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", c.relowner))) a ORDER BY 1)::text
			|| c.relrowsecurity::text
		FROM pg_class c WHERE relnamespace::regnamespace::text LIKE 'trainledger%'
		UNION ALL
		SELECT nspname, array(SELECT a::text FROM unnest(nspacl) a ORDER BY 1)::text
		FROM pg_namespace WHERE nspname LIKE 'trainledger%'
		UNION ALL
		SELECT tgname, format('%s %s', tgrelid::regclass, tgenabled) FROM pg_trigger
		WHERE NOT tgisinternal
		ORDER BY 1, 2});
}

# The SQLSTATE that a statement of a role is answered with
my %session;
sub state_of
{
	my ($database, $role, $sql) = @_;
	my $session = $session{$database} ||= TrainLedger::Session->new($node, $database);

	$session->ask("SET ROLE $role");
	my $state = $session->query($sql)->{sqlstate};
	$session->ask('DISCARD ALL');
	return $state;
}

# Dumps a database; pg_dump has nothing to say of it.
sub dump_ok
{
	my ($database, $what, @options) = @_;
	my ($out, $error);

	my $done = IPC::Run::run(
		[ $node->installed_command('pg_dump'), @options, $node->connstr($database) ],
		'>', \$out, '2>', \$error);
	ok($done, $what);
	is($error, '', "$what: no warning");
	return;
}

# What is expected of a database that holds the restored books
sub check_restored
{
	my ($database, $what, $source) = @_;

	is(difference(contents($node, $database), contents($node, $source)),
		'', "$what: all tables are the same");
	is(difference(rules($database), rules($source)),
		'', "$what: privileges and guards too");
	books_are_right($node, $what, $database);

	# What is made now does not meet what is there.
	my $party = $node->safe_psql($database,
		"SELECT id FROM trainledger.add_party('person', 'New')");
	is($node->safe_psql($source,
			"SELECT count(*) FROM trainledger.party WHERE id = $party"),
		0, "$what: the next party has a new id");
	is( $node->safe_psql(
			$database,
			"SELECT balance FROM trainledger.credit_init($party, 3, 'new', '', now())"
		),
		'3',
		"$what: an account can be opened");
	is( $node->safe_psql(
			$source,
			"SELECT count(*) FROM trainledger.account WHERE id = "
			  . $node->safe_psql(
				$database,
				"SELECT id FROM trainledger.account WHERE party_id = $party")),
		0,
		"$what: it has a new id");
	is( $node->safe_psql(
			$database,
			"SELECT count(DISTINCT a.id) FROM trainledger.account a, trainledger.post(a.id, 'subtract', 1, 'after')"
		),
		$node->safe_psql($database, 'SELECT count(*) FROM trainledger.account'),
		"$what: every account goes on");
	is( $node->safe_psql(
			$database,
			"SELECT upper(t.bounds) FROM trainledger.token_type t, trainledger.update_token_type(t.id, upper_bound => 30000) WHERE t.name = 'money'"
		),
		'20000',
		"$what: bounds can be changed");
	is($node->safe_psql($database,
			'SELECT count(*), count(DISTINCT id) FROM trainledger.token_type_event'),
		'3|3', "$what: their history goes on");

	# A request that was booked before the dump is known.
	is( state_of(
			$database, 'postgres',
			"SELECT trainledger.credit_init(a.party_id, 10, e.source, e.description, e.recorded_at, device => e.device, idempotency_key => e.dedup) FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id WHERE e.keyed_call IS NOT NULL"
		),
		'00000',
		"$what: keys are known");
	is( state_of(
			$database, 'postgres',
			"SELECT trainledger.post(account_id, operation, delta, source, description, recorded_at) FROM trainledger.entry WHERE source = 'random' LIMIT 1"
		),
		'TL056',
		"$what: duplicates are known");

	# Signup: who is in stays in, who comes now gets what is left, ids go on.
	my $claim = sub {
		my ($code, $barcode) = @_;
		return state_of($database, 'postgres',
			"SELECT trainledger.claim_signup_token('$code', p.id) FROM trainledger.party p WHERE p.barcode = '$barcode'");
	};
	is($claim->('SPRING', 'b2'), '00000', "$what: a claim is known");
	is($claim->('spring', 'b3'), '00000', "$what: another is made");
	is($claim->("tab\t <&> ä\n\\N", 'b3'), 'TL429', "$what: a full token is full");
	is( $node->safe_psql($database,
			"SELECT activations, (SELECT count(*) FROM trainledger.signup_claim c WHERE c.signup_token_id = t.id) FROM trainledger.signup_token t ORDER BY activations"),
		"0|0\n2|2\n3|3", "$what: activations are the claims");
	is( $node->safe_psql($database,
			"SELECT id > (SELECT max(id) FROM trainledger.signup_token WHERE id <> 'taken over') FROM trainledger.create_signup_token(1, 'C1', 1)"),
		't', "$what: the next token has a later id");

	# Levels of access
	is(state_of($database, 'dump_operator',
			"SELECT trainledger.credit_add($party, 1, 'x', '', now())"),
		'00000', "$what: an operator posts");
	is(state_of($database, 'dump_reader',
			"SELECT trainledger.credit_add($party, 1, 'x', '', now())"),
		'42501', "$what: a reader does not");
	is(state_of($database, 'dump_reader', 'SELECT trainledger.reconcile()'),
		'00000', "$what: a reader reconciles");
	is($node->safe_psql($database,
			"SET ROLE dump_monitor; SELECT count(*) FROM trainledger.ledger_metrics WHERE name ~ '^(accounts|check_problems)' AND value >= 0"),
		'2', "$what: a monitor reads metrics, the last check included");
	is(state_of($database, 'dump_monitor', 'SELECT * FROM trainledger.party'),
		'42501', "$what: and nothing else");
	is(state_of($database, 'dump_nobody', 'SELECT trainledger.clock()'),
		'42501', "$what: whoever lost access has none");
	is(state_of($database, 'dump_admin',
			"SELECT trainledger.add_region('r', 'R')"),
		'00000', "$what: an admin keeps the catalogue");
	is($node->safe_psql($database,
			"SET ROLE dump_learner; SET trainledger.party_id = $party;"
			  . 'SELECT count(*), count(DISTINCT party_id) FROM trainledger.account'),
		'1|1', "$what: a learner sees its own");

	# Guards
	for my $statement (
		'UPDATE trainledger.entry SET delta = 0',
		'DELETE FROM trainledger.entry',
		'TRUNCATE trainledger.entry',
		'TRUNCATE trainledger.party CASCADE',
		'DELETE FROM trainledger.account',
		'UPDATE trainledger.account SET balance = 0',
		'UPDATE trainledger.token_type SET scale = 0')
	{
		for my $role ('origin', 'replica')
		{
			is( state_of(
					$database, 'postgres',
					"SET session_replication_role = $role\\; $statement"),
				'TL409',
				"$what: refused under $role: $statement");
		}
	}
	books_are_right($node, "$what, afterwards", $database);
	return;
}

$node->safe_psql('postgres', "CREATE DATABASE $_")
  for qw(custom inserts parallel everything moving);

dump_ok('books', 'pg_dump in custom format', '-Fc', '-f', "$dir/custom");
$node->command_ok(
	[
		'pg_restore', '--exit-on-error', '-d', $node->connstr('custom'),
		"$dir/custom"
	],
	'pg_restore');
check_restored('custom', 'custom', 'books');

dump_ok('books', 'pg_dump as INSERTs', '--inserts', '-f', "$dir/inserts.sql");
$node->command_ok(
	[
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/inserts.log", '-d',
		$node->connstr('inserts'), '-f', "$dir/inserts.sql"
	],
	'they run');
check_restored('inserts', 'inserts', 'books');

dump_ok('books', 'pg_dump in directory format by four processes',
	'-Fd', '-j4', '-f', "$dir/folder");
{
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	$node->command_ok(
		[
			'pg_restore', '--exit-on-error', '-j4', '-d',
			$node->connstr('parallel'), "$dir/folder"
		],
		'pg_restore by four processes');
}
check_restored('parallel', 'parallel', 'books');

# A dump of what was restored is the dump that it came from.
$node->command_ok(
	[
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/plain.log", '-c',
		'CREATE EXTENSION trainledger', '-d', $node->connstr('everything')
	],
	'an empty database with the extension');
{
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	$node->command_ok(
		[
			'pg_restore', '--exit-on-error', '--data-only', '-d',
			$node->connstr('everything'), "$dir/custom"
		],
		'takes the data alone');
}
my %dumped;
for my $database ('books', 'everything')
{
	$node->command_ok(
		[
			'pg_dump', '--data-only', '-f', "$dir/$database.sql",
			$node->connstr($database)
		],
		"pg_dump of the data of $database");
	$dumped{$database} =
	  join "\n", grep { !/^\\(un)?restrict / } split /\n/,
	  slurp_file("$dir/$database.sql");
}
is(difference($dumped{everything}, $dumped{books}),
	'', 'both dumps are the same');

# A hosted database: an event trigger turns row security on for every new table,
# and default privileges give others rights on whatever is made and take PUBLIC's.
# Another superuser restores the books into it from a plain dump. They are the
# same, and everybody sees and may do what was so before.
$node->safe_psql('postgres', 'CREATE ROLE dump_host SUPERUSER LOGIN');
$node->safe_psql('postgres', 'CREATE ROLE dump_guest');
$node->safe_psql('postgres', 'CREATE DATABASE hosted');
$node->safe_psql('hosted', <<'SQL');
SET ROLE dump_host;
CREATE FUNCTION public.secure() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
	made record;
BEGIN
	FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', made.object_identity);
	END LOOP;
END
$$;
CREATE EVENT TRIGGER secure ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
	EXECUTE FUNCTION public.secure();
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO dump_guest;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO dump_guest, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO dump_guest;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO dump_guest;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO dump_guest, PUBLIC;
SQL
dump_ok('books', 'pg_dump in plain format', '-f', "$dir/plain.sql");
$node->command_ok(
	[
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/hosted.log", '-U',
		'dump_host', '-d', $node->connstr('hosted'), '-f', "$dir/plain.sql"
	],
	'another superuser restores it where others have default privileges');

is(difference(granted($node, 'hosted'), granted($node, 'books')),
	'', 'rights are the same there');
is( $node->safe_psql(
		'hosted', q{
		SELECT t.oid::regtype FROM pg_type t
		WHERE t.typnamespace = 'trainledger'::regnamespace AND NOT has_type_privilege('public', t.oid, 'USAGE')}),
	'',
	'types are for everybody there');

# What each level sees, and what has no level
my $somebody = $node->safe_psql('books',
	"SELECT id FROM trainledger.party WHERE barcode = 'b1'");
for my $level (qw(learner reader operator admin))
{
	my $seen = seen($node, 'books', "dump_$level", $somebody);
	is(difference(seen($node, 'hosted', "dump_$level", $somebody), $seen),
		'', "level $level sees the same there");
	like($seen, qr/^trainledger\.region\|1\|/m, "level $level sees the catalogue");
}
is( state_of('hosted', 'dump_guest', 'SELECT FROM trainledger.region'),
	'42501', 'default privileges open no table');
is( state_of('hosted', 'dump_guest', 'SELECT trainledger.clock()'),
	'42501', 'and no function');
dump_ok('hosted', 'pg_dump from there, plain', '-f', "$dir/hosted.sql");
dump_ok('hosted', 'pg_dump from there, custom', '-Fc', '-f', "$dir/hosted");
unlike(slurp_file("$dir/hosted.sql"),
	qr/^(GRANT|REVOKE) .*trainledger.*(dump_guest|PUBLIC)/m,
	'a dump from there says nothing of the rights of others');
$node->safe_psql('hosted', 'DROP EXTENSION trainledger; DROP OWNED BY dump_guest');

# A dump while postings come in is of one moment: the books in it are right.
{
	my $load = TrainLedger::Session->new($node, 'books');
	$load->send(<<'END');
DO $$
BEGIN
	FOR i IN 1 .. 100000 LOOP
		PERFORM trainledger.post(a.id, 'add', 1, 'load') FROM trainledger.account a
			WHERE a.party_id = 1 + i % 6;
		COMMIT;
	END LOOP;
END $$
END
	$node->poll_query_until('books',
		"SELECT count(*) > 100 FROM trainledger.entry WHERE source = 'load'");
	$node->command_ok(
		[ 'pg_dump', '-Fc', '-f', "$dir/moving", $node->connstr('books') ],
		'pg_dump while postings come in');
	is($node->safe_psql('books', 'SELECT pg_cancel_backend(' . $load->backend . ')'),
		't', 'which are ended now');
	is($load->receive->{sqlstate}, '57014', 'and were going on until then');
	$node->command_ok(
		[
			'pg_restore', '--exit-on-error', '-d', $node->connstr('moving'),
			"$dir/moving"
		],
		'pg_restore of that');
	books_are_right($node, 'restored from the middle of postings', 'moving');
	books_are_right($node, 'dumped in the middle of postings');
}

$node->stop;
done_testing();
