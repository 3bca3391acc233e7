# What CREATE EXTENSION refuses and accepts: schemas that exist already,
# encodings, conflicting objects of other roles.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $node = start_books('install');

$node->safe_psql('postgres', 'CREATE ROLE mallory');
$node->safe_psql('postgres', 'CREATE ROLE alice SUPERUSER LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE empty');
$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE empty TO mallory');

# Schemas, the extension and rights in a database
sub state_of
{
	my ($database) = @_;

	return $node->safe_psql($database, q{
		SELECT n.nspname, n.nspowner::regrole, n.nspacl, e.extname FROM pg_namespace n
		LEFT JOIN pg_depend d ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e'
		LEFT JOIN pg_extension e ON e.oid = d.refobjid
		WHERE n.nspname ~ '^trainledger' ORDER BY 1});
}

my $session = TrainLedger::Session->new($node, 'empty');
$session->query("\\set VERBOSITY default\n\\set SHOW_CONTEXT never\nSET client_min_messages = warning");

# What installing over some objects comes to, in a transaction that is undone
sub refusal
{
	my ($setup) = @_;

	$session->query('BEGIN');
	my $answer = $session->query("$setup; RESET ROLE");
	$answer = $session->query('CREATE EXTENSION trainledger')
	  if $answer->{sqlstate} eq '00000';
	$session->query('ROLLBACK');
	return join "\n", $answer->{sqlstate},
	  map { s/^psql:<stdin>:\d+: //r } @{ $answer->{rows} };
}

# ---------------------------------------------------------------------------
# Another's schema
# ---------------------------------------------------------------------------

my $before = state_of('empty');

for my $schema (qw(trainledger trainledger_api trainledger_internal))
{
	is( refusal("SET ROLE mallory; CREATE SCHEMA $schema"),
		qq{55000
ERROR:  schema "$schema" belongs to another role
DETAIL:  Its owner mallory is neither the role that installs nor a superuser, and could change what trainledger does.
HINT:  Drop the schema, or see that it is empty and give it to the role that installs with ALTER SCHEMA ... OWNER TO.},
		"$schema belongs to another role");
}

# What a role with CREATE on the database would have a superuser run: an untyped
# literal prefers its function.
my $trap = 'LANGUAGE plpgsql AS $$ BEGIN RAISE $x$trapped$x$; END $$';
like(
	refusal("SET ROLE mallory; CREATE SCHEMA trainledger; CREATE FUNCTION trainledger.next_id(text) RETURNS bigint $trap"),
	qr/^55000\nERROR:  schema "trainledger" belongs to another role/,
	'an overload is in the schema of another role');
like(
	refusal("CREATE SCHEMA trainledger; CREATE FUNCTION trainledger.next_id(text) RETURNS bigint $trap; ALTER FUNCTION trainledger.next_id(text) OWNER TO mallory"),
	qr/^55000\nERROR:  schema "trainledger" is not empty\nDETAIL:  Number of objects in it: 1; the first is function trainledger\.next_id\(text\)\.\nHINT:  Drop the schema, or move what is in it to another\.$/,
	'it is in a schema that was given to the installer');

# Anything at all in one of them
my %objects = (
	table => 'CREATE TABLE %s.x (a integer)',
	view => 'CREATE VIEW %s.x AS SELECT 1 AS a',
	'materialized view' => 'CREATE MATERIALIZED VIEW %s.x AS SELECT 1 AS a',
	sequence => 'CREATE SEQUENCE %s.x',
	'composite type' => 'CREATE TYPE %s.x AS (a integer)',
	enum => "CREATE TYPE %s.x AS ENUM ('a')",
	domain => 'CREATE DOMAIN %s.x AS text',
	range => 'CREATE TYPE %s.x AS RANGE (subtype = integer)',
	'shell type' => 'CREATE TYPE %s.x',
	function => "CREATE FUNCTION %s.clock() RETURNS timestamptz $trap",
	procedure => 'CREATE PROCEDURE %s.x() LANGUAGE sql AS $$ SELECT 1 $$',
	aggregate => 'CREATE AGGREGATE %s.x(integer) (sfunc = int4pl, stype = integer)',
	operator => 'CREATE OPERATOR %s.= (function = int8eq, leftarg = bigint, rightarg = bigint)',
	'operator family' => 'CREATE OPERATOR FAMILY %s.x USING btree',
	'operator class' => 'CREATE OPERATOR CLASS %s.x FOR TYPE integer USING btree AS FUNCTION 1 btint4cmp(integer, integer)',
	collation => 'CREATE COLLATION %s.x FROM "C"',
	conversion => "CREATE CONVERSION %s.x FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
	'text search configuration' => 'CREATE TEXT SEARCH CONFIGURATION %s.x (copy = simple)',
	'text search dictionary' => 'CREATE TEXT SEARCH DICTIONARY %s.x (template = simple)',
	'text search template' => 'CREATE TEXT SEARCH TEMPLATE %s.x (lexize = dsimple_lexize)',
	'text search parser' => 'CREATE TEXT SEARCH PARSER %s.x (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)',
	statistics => 'CREATE STATISTICS %s.x ON oid, relname FROM a_table',
	'default privileges' => 'ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT SELECT ON TABLES TO mallory');

for my $kind (sort keys %objects)
{
	my %refused;

	for my $schema (qw(trainledger trainledger_api trainledger_internal))
	{
		my $error = refusal('CREATE TABLE public.a_table AS SELECT oid, relname FROM pg_class;'
			  . "CREATE SCHEMA $schema; " . sprintf($objects{$kind}, $schema));
		$refused{$schema} = $error =~ /^55000\nERROR:  schema "$schema" is not empty\nDETAIL:  Number of objects in it: \d+; the first is ./
		  ? 'refused' : $error;
	}
	is_deeply(
		\%refused,
		{
			map { $_ => 'refused' }
			  qw(trainledger trainledger_api trainledger_internal)
		},
		"there is a $kind in the schema");
}

# Who may create in it may add an overload later.
for my $who ('mallory', 'PUBLIC', 'PUBLIC, mallory')
{
	is( refusal("CREATE SCHEMA trainledger_internal; GRANT USAGE, CREATE ON SCHEMA trainledger_internal TO $who"),
		qq{55000
ERROR:  schema "trainledger_internal" is open to others
DETAIL:  These may create objects in it and could change what trainledger does: $who.
HINT:  Revoke CREATE on the schema; where default privileges give it, create the schema and revoke before CREATE EXTENSION.},
		"$who may create in the schema");
}
like(
	refusal('ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO mallory'),
	qr/^55000\nERROR:  schema "trainledger" is open to others\n/,
	'default privileges open the schema as it is made');

$session->quit;
is(state_of('empty'), $before, 'a refusal leaves nothing behind');

# ---------------------------------------------------------------------------
# Encodings
# ---------------------------------------------------------------------------

for my $encoding (qw(LATIN1 SQL_ASCII EUC_JP))
{
	$node->safe_psql('postgres',
		"CREATE DATABASE other ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	my ($status, $out, $error) =
	  $node->psql('other', "\\set VERBOSITY verbose\nCREATE EXTENSION trainledger");
	like(
		$error,
		qr/ERROR:  55000: trainledger needs a database with encoding UTF8\nDETAIL:  The encoding of database "other" is $encoding\.\nHINT:  ./,
		"encoding $encoding");
	$node->safe_psql('postgres', 'DROP DATABASE other');
}

# ---------------------------------------------------------------------------
# Settings of the session
# ---------------------------------------------------------------------------

# What is made does not hang on them. Version 19 knows no other strings.
my $definitions = q{SELECT md5(string_agg(pg_get_functiondef(p.oid), '' ORDER BY p.oid::regprocedure::text))
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	WHERE p.prokind = 'f'};
my $strings = $node->safe_psql('postgres', 'SHOW server_version_num') < 190000
  ? 'SET standard_conforming_strings = off;' : '';
my %made = map {
	$_ => $node->safe_psql('empty',
		"BEGIN; $_ CREATE EXTENSION trainledger; SET LOCAL standard_conforming_strings = on; RESET bytea_output; RESET DateStyle; RESET TimeZone; $definitions; ROLLBACK")
} '', "$strings SET backslash_quote = off; SET bytea_output = escape; SET array_nulls = off; SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu';";
is(scalar(keys %{ { map { $_ => 1 } values %made } }), 1,
	'the same functions under any settings');

# ---------------------------------------------------------------------------
# What is taken
# ---------------------------------------------------------------------------

my $fresh = "trainledger|postgres||
trainledger_api|postgres||trainledger
trainledger_internal|postgres||trainledger";

$node->safe_psql('empty', 'CREATE EXTENSION trainledger');
is(state_of('empty'), $fresh, 'without any schema: all are made');
$node->safe_psql('empty', 'DROP EXTENSION trainledger');
is(state_of('empty'), 'trainledger|postgres||', 'one is left, empty');
$node->safe_psql('empty', 'CREATE EXTENSION trainledger');
is(state_of('empty'), $fresh, 'and taken');
$node->safe_psql('empty', 'DROP EXTENSION trainledger; DROP SCHEMA trainledger');

$node->safe_psql('empty',
	"CREATE SCHEMA $_ AUTHORIZATION alice; GRANT CREATE ON SCHEMA $_ TO postgres")
  for qw(trainledger trainledger_api trainledger_internal);
$node->safe_psql('empty', 'CREATE EXTENSION trainledger');
is( state_of('empty'),
	'trainledger|alice|{alice=UC/alice}|
trainledger_api|alice|{alice=UC/alice}|trainledger
trainledger_internal|alice|{alice=UC/alice}|trainledger',
	'empty schemas of another superuser are taken');
$node->safe_psql('empty', 'DROP EXTENSION trainledger; DROP SCHEMA trainledger');

# Objects in schemas that the installer has in its path are not met: of every
# name and signature that the server has, and of types and tables.
$node->safe_psql('empty', <<'SQL');
GRANT CREATE ON SCHEMA public TO mallory;
SET ROLE mallory;
CREATE FUNCTION public.make(ddl text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE ddl;
EXCEPTION WHEN OTHERS THEN
	NULL;
END
$$;
SELECT public.make(format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped''; END $f$',
	p.proname, (SELECT string_agg(format_type(t, NULL), ', ') FROM unnest(p.proargtypes) t), format_type(p.prorettype, NULL)))
FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
AND p.proname IN ('format', 'getdatabaseencoding', 'aclexplode', 'array_to_string', 'cardinality', 'pg_describe_object', 'quote_ident', 'to_regnamespace', 'unnest', 'lower', 'set_config', 'pg_extension_config_dump', 'has_type_privilege', 'concat', 'max', 'count');
SELECT public.make(format('CREATE FUNCTION public.operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''trapped''; END $f$',
	o.oid, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype)),
	public.make(format('CREATE OPERATOR public.%s (FUNCTION = public.operator_%s, LEFTARG = %s, RIGHTARG = %s)',
	o.oprname, o.oid, o.oprleft::regtype, o.oprright::regtype))
FROM pg_operator o WHERE o.oprleft <> 0;
CREATE TABLE public.pg_namespace (oid oid, nspname name, nspowner oid, nspacl aclitem[]);
CREATE DOMAIN public.text AS pg_catalog.text CHECK (false);
SQL
$node->safe_psql('empty', <<'SQL');
CREATE TEMPORARY TABLE pg_namespace (nspname name);
CREATE TEMPORARY TABLE pg_depend (objid oid);
SET search_path = public, pg_temp, pg_catalog;
CREATE EXTENSION trainledger;
SQL
is(state_of('empty'), $fresh, 'nothing of public or pg_temp is met');
is($node->safe_psql('empty',
		"SELECT balance FROM trainledger.add_party('person', 'x') p, trainledger.credit_init(p.id, 1, 's', 'd', now())"),
	'1', 'and the books work');

# Nobody else can put anything there afterwards.
for my $schema (qw(trainledger trainledger_api trainledger_internal))
{
	my ($status, $out, $error) = $node->psql('empty',
		"SET ROLE mallory; CREATE FUNCTION $schema.next_id(text) RETURNS bigint LANGUAGE sql AS 'SELECT 1'");
	like($error, qr/permission denied for schema $schema/,
		"another role adds nothing to $schema");
}

$node->stop;
done_testing();
