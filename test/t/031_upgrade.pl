# An upgrade adds a function and replaces a signature. Privileges of levels,
# privileges that users granted and functions that users created are as before,
# and pg_dump dumps all of them.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $node = start_books('upgrade');
my @levels = qw(learner reader operator admin);

$node->safe_psql('books', join "\n",
	(map { "CREATE ROLE up_$_; SELECT trainledger.grant_access('up_$_', '$_');" } @levels),
	<<'END');
CREATE ROLE up_clerk;
CREATE ROLE up_nobody;
GRANT USAGE ON SCHEMA trainledger TO up_clerk;
GRANT EXECUTE ON FUNCTION trainledger.use_pass(bigint, bigint, text, uuid) TO up_clerk WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION trainledger.cancel_ticket(uuid) TO up_clerk;
GRANT SELECT ON trainledger.entry TO up_clerk;
CREATE FUNCTION trainledger.theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION trainledger_api.theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION trainledger_api.theirs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trainledger_api.theirs() TO up_clerk;
END

# Rights of everybody on everything, by name: a replaced function is the same
my $rights = <<'END';
SELECT o.name, coalesce(g.rolname, 'PUBLIC'), a.privilege_type, a.is_grantable
FROM (SELECT p.pronamespace::regnamespace || '.' || p.proname, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner FROM pg_proc p
	WHERE p.pronamespace::regnamespace::text ~ '^trainledger' AND p.proname <> 'count_tickets'
	UNION ALL SELECT oid::regclass::text, coalesce(relacl, acldefault('r', relowner)), relowner FROM pg_class
	WHERE relnamespace::regnamespace::text ~ '^trainledger' AND relkind IN ('r', 'v')) o(name, acl, owner),
	aclexplode(o.acl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE a.grantee <> o.owner ORDER BY 1, 2, 3
END

# What a script of an upgrade does: plain statements for what it adds; of a
# function with another signature the rights are those of the one before. Its
# initial privileges are the owner's alone, as after an installation, or pg_dump
# would take what users gave for the extension's.
my $script = <<'END';
CREATE FUNCTION trainledger_internal.count_tickets(party_id bigint)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.count(*) FROM trainledger.ticket t WHERE t.party_id = $1;
END;
REVOKE ALL ON FUNCTION trainledger_internal.count_tickets(bigint) FROM PUBLIC;
CREATE FUNCTION trainledger.count_tickets(party_id bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_as_owner' LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION trainledger.count_tickets(bigint) FROM PUBLIC;

DO $$
DECLARE
	granted record;
	new_function regprocedure;
BEGIN
	CREATE FUNCTION trainledger_internal.use_pass(
		party_id bigint, item_id bigint, reference text, idempotency_key uuid, notes text)
	RETURNS trainledger.pass_use LANGUAGE sql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'SELECT trainledger_internal.use_pass($1, $2, $3, $4)';
	REVOKE ALL ON FUNCTION trainledger_internal.use_pass(bigint, bigint, text, uuid, text) FROM PUBLIC;
	FOR granted IN
		SELECT n.nspname, coalesce(p.proacl, acldefault('f', p.proowner)) AS acl, p.proowner
		FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE p.proname = 'use_pass' AND n.nspname IN ('trainledger', 'trainledger_api')
	LOOP
		EXECUTE format('DROP FUNCTION %I.use_pass(bigint, bigint, text, uuid)', granted.nspname);
		EXECUTE format('CREATE FUNCTION %I.use_pass(party_id bigint, item_id bigint, reference text, idempotency_key uuid DEFAULT NULL, notes text DEFAULT NULL) RETURNS %s AS %L, %L LANGUAGE C',
			granted.nspname,
			CASE granted.nspname WHEN 'trainledger' THEN 'trainledger.pass_use' ELSE 'trainledger_api.training_pass_uses' END,
			'MODULE_PATHNAME', CASE granted.nspname WHEN 'trainledger' THEN 'tl_as_owner' ELSE 'tl_api' END);
		new_function := format('%I.use_pass(bigint, bigint, text, uuid, text)', granted.nspname);
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', new_function);
		EXECUTE coalesce(
			(SELECT string_agg(format('GRANT EXECUTE ON FUNCTION %s TO %s%s', new_function,
				CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
				CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '; ')
			 FROM aclexplode(granted.acl) a WHERE a.grantee <> granted.proowner), 'SELECT');
		UPDATE pg_catalog.pg_init_privs
		SET initprivs = ARRAY[makeaclitem(granted.proowner, granted.proowner, 'EXECUTE', false)]
		WHERE classoid = 'pg_catalog.pg_proc'::regclass AND objoid = new_function;
		-- from 17 on
		DELETE FROM pg_catalog.pg_shdepend
		WHERE classid = 'pg_catalog.pg_proc'::regclass AND objid = new_function
		AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
		AND deptype = 'i';
	END LOOP;
END;
$$;
END

my $folder = $node->config_data('--sharedir') . '/extension';
my ($version) = rows($node, "SELECT extversion FROM pg_extension WHERE extname = 'trainledger'");
my $file = "$folder/trainledger--$version--trial.sql";
append_to_file($file, $script);
END { unlink $file if $file; }

my $before = $node->safe_psql('books', $rights);
like($before, qr/^trainledger\.use_pass\|up_clerk\|EXECUTE\|t$/m, 'a user gave rights');
$node->safe_psql('books', "ALTER EXTENSION trainledger UPDATE TO 'trial'");
is($node->safe_psql('books', $rights), $before, 'rights are as they were');
is($node->safe_psql('books', "SELECT trainledger.theirs() + trainledger_api.theirs()"), 2, 'and so are functions of users');
is($node->safe_psql('books', "SELECT string_agg(p.oid::regprocedure::text, ' ' ORDER BY p.oid) FROM pg_proc p
	WHERE p.pronamespace::regnamespace::text ~ '^trainledger' AND NOT EXISTS (
		SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')"),
	'trainledger.theirs() trainledger_api.theirs()', 'all but those belong to the extension');

# the functions do what they did
is($node->safe_psql('books', 'SELECT trainledger.count_tickets(1)'), 0, 'a new function answers');
for my $role ((map { "up_$_" } @levels), 'up_clerk', 'up_nobody')
{
	my $may = $role =~ /operator|admin|clerk/;
	my ($status, $out, $err) = $node->psql('books', "SET ROLE $role; SELECT trainledger.use_pass(1, 1, 'r')");

	like($err, $may ? qr/party not found/ : qr/permission denied/, "$role: " . ($may ? 'may' : 'may not') . ' use a pass');
	($status, $out, $err) = $node->psql('books', "SET ROLE $role; SELECT trainledger.count_tickets(1)");
	like($err, qr/permission denied/, "$role: a new function is nobody's yet");
}

# a dump says what users gave
my ($dump, $complaint) = ('', '');
IPC::Run::run([ 'pg_dump', '--schema-only', $node->connstr('books') ], '>', \$dump, '2>', \$complaint);
is($complaint, '', 'pg_dump says nothing');
for my $schema (qw(trainledger trainledger_api))
{
	like($dump, qr/^GRANT ALL ON FUNCTION $schema\.use_pass\([^;]*notes text[^;]*\) TO up_operator;$/m,
		"the dump gives a level its right, in $schema");
}
like($dump, qr/^GRANT ALL ON FUNCTION trainledger\.use_pass\([^;]*notes text[^;]*\) TO up_clerk WITH GRANT OPTION;$/m, 'and a user');
like($dump, qr/^GRANT ALL ON FUNCTION trainledger\.cancel_ticket\([^;]*\) TO up_clerk;$/m, 'also where nothing was replaced');
like($dump, qr/^CREATE FUNCTION trainledger\.theirs\(\)/m, "and has users' functions");
unlike($dump, qr/count_tickets|^CREATE FUNCTION trainledger\.use_pass/m, "but not the extension's");
is($node->safe_psql('books', 'DROP OWNED BY up_clerk; DROP ROLE up_clerk; SELECT 1'), 1, 'a role goes without a trace');

$node->stop;
done_testing();
