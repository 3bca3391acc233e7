# Random changes of the extension's tables, columns, indexes and what else its
# owner can alter, with the statements that undo them.
#
#   my $alterations = TrainLedger::Alterations->new($node, $database);
#   my $change = $alterations->change;    # or of a kind: ->change('an index dropped')
#
# A change has
#   name      what is changed
#   do, undo  statements
#   as        the role that does it: ddl_owner, or postgres
#   strict    every answer must be right all the same
#   allow     SQLSTATEs that are as good as the right answer, besides 55000,
#             each because a statement or a constraint of the user's names what
#             it misses
#   fresh     cannot be undone: the database is thrown away
#   outside   cannot be done in a transaction
#   blind     policies may be gone: what a learner sees is not asked
#   loose     a unique index alone kept codes and claims from being made twice
#   rewrites  a table is written anew, and empty for the snapshot of a statement
#             that has waited for it (the chapter on MVCC says so)
#   returned  rows of the table are results of functions, which do not fit a
#             call under way when it gets or loses a column
#   lasting   sessions keep something of it when it is undone, such as the types
#             of columns and rows for which PL/pgSQL has compiled an expression
#   unknown   there are other books in the place of ours: any answer will do
#             that is none of the forbidden ones
#   wait, until, let_go    another session's statement first; the change is not
#             waited for, but what is then to be seen; how the other one ends
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Alterations;

use strict;
use warnings;

sub any { return $_[ int rand @_ ]; }

# What the engine reads and writes, the core of it more often
my @core = qw(account entry token_type party);
my @tables = ((@core) x 3, qw(party_request token_lot token_account signup_token
	catalog_item redemption redemption_allocation signup_claim enrolment));
# whose rows functions return
my %returned = map { $_ => 1 } qw(token_type party signup_token catalog_item
  redemption signup_claim);
my $ours = join ',', map { "'$_'" } @tables;

# Roles and objects that changes need; in the template of the databases
our $setup = <<'END';
CREATE ROLE ddl_installer SUPERUSER;
CREATE ROLE ddl_owner;
CREATE ROLE ddl_other;
CREATE ROLE ddl_admin;
CREATE ROLE ddl_learner;
GRANT CREATE ON DATABASE books TO ddl_owner;
SET ROLE ddl_installer;
CREATE EXTENSION trainledger;
RESET ROLE;
SELECT trainledger.grant_access('ddl_admin', 'admin');
SELECT trainledger.grant_access('ddl_learner', 'learner');
-- plain objects of a plain role, which may then drop them one by one
DELETE FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'trainledger');
REASSIGN OWNED BY ddl_installer TO ddl_owner;
GRANT ALL ON SCHEMA public TO ddl_owner, ddl_other;
CREATE SCHEMA elsewhere AUTHORIZATION ddl_owner;
GRANT USAGE ON SCHEMA elsewhere TO PUBLIC;
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
GRANT USAGE ON FOREIGN SERVER nowhere TO ddl_owner;
CREATE DOMAIN public.some_bigint AS bigint CHECK (VALUE IS NOT NULL OR true);
CREATE DOMAIN public.some_text AS text;
CREATE DOMAIN public.some_uuid AS uuid;
CREATE DOMAIN public.some_amount AS trainledger.amount;
CREATE TYPE public.word AS ENUM ('a', 'b');
CREATE SEQUENCE public.seen;
GRANT ALL ON SEQUENCE public.seen TO PUBLIC;
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('public.seen');
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION public.suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION public.fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.more := 'x'; RETURN NEW; END $$;
CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
-- drops what keeps a column from being altered
CREATE FUNCTION public.free(relation regclass, name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	LOOP
		SELECT CASE
			WHEN d.classid = 'pg_proc'::regclass THEN format('DROP FUNCTION %s CASCADE', d.objid::regprocedure)
			WHEN d.classid = 'pg_policy'::regclass THEN (SELECT format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass) FROM pg_policy p WHERE p.oid = d.objid)
			WHEN d.classid = 'pg_trigger'::regclass THEN (SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t WHERE t.oid = d.objid)
			ELSE (SELECT format('DROP VIEW %s CASCADE', r.ev_class::regclass) FROM pg_rewrite r WHERE r.oid = d.objid AND r.ev_class <> relation) END
		INTO statement
		FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND a.attname = name
		AND d.classid IN ('pg_proc'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass)
		AND d.deptype = 'n' LIMIT 1;
		EXIT WHEN statement IS NULL;
		EXECUTE statement;
	END LOOP;
END $$;
END

# Codes of statements that name what they miss. An object that was renamed,
# moved or dropped is not there for SQL, and an object of another kind or type
# does not fit into it.
my @missing = qw(42P01 42703 42883 42704);
my @misfit = qw(42804 42883 42846 42809 0A000);

# ----------------------------------------------------------------------
# What there is
# ----------------------------------------------------------------------

my $list = q{array_to_string(ARRAY[%s]::text[], E'\x1e', '')};

sub ask
{
	my ($node, $database, $columns, $rest) = @_;
	my $row = sprintf $list, $columns;

	return map { [ split /\x1e/, $_, -1 ] } split /\n/,
	  $node->safe_psql($database, "SET search_path = pg_catalog; SELECT $row $rest");
}

sub new
{
	my ($class, $node, $database) = @_;
	my $self = bless { columns => {}, indexes => [] }, $class;
	my $of = "c.relnamespace::regnamespace::text ~ '^trainledger'";

	for my $row (ask($node, $database, "c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull, EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))",
		"FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE $of AND c.relkind = 'r' AND c.relname IN ($ours) AND a.attnum > 0 ORDER BY c.relname, a.attnum"))
	{
		my ($table, $name, $type, $notnull, $primary) = @$row;
		push @{ $self->{columns}{$table} },
		  {
			table => $table,
			name => $name,
			type => $type,
			notnull => $notnull eq 'true',
			primary => $primary eq 'true'
		  };
	}
	for my $row (ask($node, $database, "t.relname, c.relname, k.conname, k.contype, i.indisunique, array_to_string(ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnatts) n), E'\\x1f'), array_to_string(ARRAY(SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = i.indexrelid ORDER BY a.attnum), E'\\x1f'), pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(i.indexrelid), pg_get_constraintdef(k.oid), (SELECT string_agg(format('ALTER TABLE %s ADD CONSTRAINT %I %s', f.conrelid::regclass, f.conname, pg_get_constraintdef(f.oid)), E'\\x1f') FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)",
		"FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u') WHERE $of AND t.relname IN ($ours) AND (t.relname <> 'party' OR c.relname IN ('party_pkey', 'party_suspended')) ORDER BY 1"))
	{
		my ($table, $name, $constraint, $kind, $unique, $keys, $types,
			$predicate, $definition, $condef, $foreign) = @$row;
		push @{ $self->{indexes} },
		  {
			table => $table,
			name => $name,
			constraint => $constraint,
			kind => $kind,
			unique => $unique eq 'true',
			keys => [ split /\x1f/, $keys ],
			types => [ split /\x1f/, $types ],
			predicate => $predicate,
			definition => $definition,
			condef => $condef,
			foreign => [ split /\x1f/, $foreign ]
		  };
	}
	for my $what (
		[ sequences => 'c.oid::regclass', "FROM pg_class c WHERE $of AND c.relkind = 'S'" ],
		[ composites => 'c.oid::regclass, a.attname, format_type(a.atttypid, NULL)', "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE $of AND c.relkind = 'c' AND a.attnum > 0" ],
		[ functions => 'p.oid::regprocedure, p.oid::regproc', "FROM pg_proc p WHERE p.pronamespace::regnamespace::text ~ '^trainledger' AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype" ],
		[ labels => 'e.enumtypid::regtype, e.enumlabel', "FROM pg_enum e JOIN pg_type c ON c.oid = e.enumtypid WHERE c.typnamespace::regnamespace::text ~ '^trainledger'" ],
		[ types => 'c.oid::regtype', "FROM pg_type c WHERE c.typnamespace::regnamespace::text ~ '^trainledger' AND c.typtype IN ('b', 'e', 'r', 'd') AND c.typelem = 0" ],
		[ guards => 't.tgrelid::regclass, t.tgname', "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE $of AND t.tgenabled = 'A'" ])
	{
		my ($name, $columns, $rest) = @$what;
		$self->{$name} = [ ask($node, $database, $columns, "$rest ORDER BY 1") ];
	}
	return $self;
}

# ----------------------------------------------------------------------
# Indexes
# ----------------------------------------------------------------------

sub an_index
{
	my ($self, $test) = @_;
	my $table = any(@tables);
	my @indexes = grep { $_->{table} eq $table && (!$test || $test->($_)) }
	  @{ $self->{indexes} };

	return @indexes ? any(@indexes) : undef;
}

sub drop_index
{
	my ($index) = @_;

	return $index->{constraint} ne ''
	  ? "ALTER TABLE trainledger.$index->{table} DROP CONSTRAINT $index->{constraint} CASCADE"
	  : "DROP INDEX trainledger.$index->{name}";
}

sub make_index
{
	my ($index) = @_;

	return $index->{constraint} ne ''
	  ? ("ALTER TABLE trainledger.$index->{table} ADD CONSTRAINT $index->{constraint} $index->{condef}",
		@{ $index->{foreign} })
	  : $index->{definition};
}

# Other indexes in the place of one: [ what, keys, ... ]
my @variants = (
	sub { return @{ $_[1] } > 1 && [ 'other order', [ reverse @{ $_[1] } ] ]; },
	sub { my ($first, @rest) = @{ $_[1] }; return @rest > 1 && [ 'rotated', [ @rest, $first ] ]; },
	sub { my ($first, @rest) = @{ $_[1] }; return [ 'descending', [ "$first DESC", @rest ] ]; },
	sub { my ($first, @rest) = @{ $_[1] }; return [ 'nulls first', [ "$first NULLS FIRST", @rest ] ]; },
	sub { my (@keys) = @{ $_[1] }; $keys[-1] .= ' DESC NULLS LAST'; return [ 'last one descending', \@keys ]; },
	sub {
		my ($index, $keys) = @_;
		my @keys = @$keys;
		$keys[$_] .= ' text_pattern_ops'
		  for grep { $index->{types}[$_] eq 'text' } 0 .. $#keys;
		return "@keys" ne "@$keys" && [ 'pattern operators', \@keys ];
	},
	sub {
		my ($index, $keys) = @_;
		my $collation = any('"C"', '"POSIX"', '"ucs_basic"');
		my @keys = @$keys;
		for my $i (grep { $index->{types}[$_] eq 'text' } 0 .. $#keys)
		{
			$keys[$i] =~ s/ COLLATE .*//;
			$keys[$i] .= " COLLATE $collation";
		}
		return "@keys" ne "@$keys" && [ "collation $collation", \@keys ];
	},
	sub { return [ 'one more', [ @{ $_[1] }, any(@{ $_[2] }) ] ]; },
	sub { return [ 'another one first', [ any(@{ $_[2] }), @{ $_[1] } ] ]; },
	sub { return @{ $_[1] } > 1 && [ 'one less', [ @{ $_[1] }[ 0 .. $#{ $_[1] } - 1 ] ], unique => '' ]; },
	sub { return [ 'included', $_[1], include => any(@{ $_[2] }) ]; },
	sub { return @{ $_[1] } > 1 && [ 'all but one included', [ $_[1][0] ], include => join(', ', @{ $_[1] }[ 1 .. $#{ $_[1] } ]), unique => '' ]; },
	sub { return [ 'not unique', $_[1], unique => '' ]; },
	sub { return [ 'of nothing', $_[1], where => 'false' ]; },
	sub { return [ 'of some', $_[1], where => any(@{ $_[2] }) . ' IS NOT NULL' ]; },
	sub { return [ 'of others', $_[1], where => any(@{ $_[2] }) . ' IS NULL' ]; },
	sub { return $_[0]{predicate} ne '' && [ 'of all', $_[1], where => '' ]; },
	sub { return $_[0]{predicate} ne '' && [ 'of those that it has not', $_[1], where => "NOT ($_[0]{predicate})" ]; },
	sub { return $_[0]{table} eq 'party' && [ 'of people', $_[1], where => "kind = 'person'" ]; },
	sub { return [ 'an expression', [ "(COALESCE($_[1][0]))", @{ $_[1] }[ 1 .. $#{ $_[1] } ] ] ]; },
	sub { return [ 'constant first', [ '(1)', @{ $_[1] } ] ]; },
	sub { return [ 'hash', [ $_[1][0] ], using => 'hash', unique => '' ]; },
	sub { return $_[0]{types}[0] ne 'boolean' && [ 'brin', $_[1], using => 'brin', unique => '' ]; },
	sub { return [ 'nulls not distinct', $_[1], distinct => 'NULLS NOT DISTINCT' ]; },
	sub { return $_[0]{constraint} ne '' && [ 'deferrable', $_[1], constraint => any('DEFERRABLE', 'DEFERRABLE INITIALLY DEFERRED') ]; },
	sub { return $_[0]{constraint} ne '' && [ 'a constraint in other order', [ reverse @{ $_[1] } ], constraint => '' ]; });

sub variant
{
	my ($self, $index, $name) = @_;
	my @columns = map { $_->{name} } @{ $self->{columns}{ $index->{table} } };

	for (1 .. 50)
	{
		my $made = any(@variants)->($index, $index->{keys}, \@columns) or next;
		my ($what, $keys, %how) = @$made;
		my $unique = !$index->{unique} || exists $how{unique} ? '' : 'UNIQUE';
		my $where = exists $how{where} ? $how{where} : $index->{predicate};
		my $list = join ', ', @$keys;

		return ($what, "ALTER TABLE trainledger.$index->{table} ADD CONSTRAINT $name "
			  . ($index->{kind} eq 'p' ? 'PRIMARY KEY' : 'UNIQUE')
			  . " ($list) $how{constraint}")
		  if exists $how{constraint};
		return ($what, "CREATE $unique INDEX $name ON trainledger.$index->{table} USING "
			  . ($how{using} || 'btree') . " ($list)"
			  . ($how{include} ? " INCLUDE ($how{include})" : '')
			  . ($unique && $how{distinct} ? " $how{distinct}" : '')
			  . ($where ne '' ? " WHERE $where" : ''));
	}
	return;
}

# A constraint that replaces one is dropped as one
sub drop_variant
{
	my ($index, $made, $name) = @_;

	return $made =~ /^ALTER/
	  ? "ALTER TABLE trainledger.$index->{table} DROP CONSTRAINT $name"
	  : "DROP INDEX trainledger.$name";
}

# Where only a unique index keeps something from being made twice: statements
# that say ON CONFLICT miss it, others do not
my %is_only_keeper = map { $_ => 1 } qw(signup_token_code_key signup_token_pkey
  signup_claim_party_id_signup_token_id_key enrolment_party_id_item_id_key
  catalog_item_kind_code_key);

sub index_replaced
{
	my ($self) = @_;
	my $index = $self->an_index or return;
	my $name = rand() < 0.7 ? $index->{name} : 'another';
	my ($what, $made) = $self->variant($index, $name) or return;

	return {
		name => "$index->{name}: $what" . ($name eq 'another' ? ', under another name' : ''),
		do => [ drop_index($index), $made ],
		undo => [ drop_variant($index, $made, $name), make_index($index) ],
		loose => $is_only_keeper{ $index->{name} },
		allow => ['42P10']
	};
}

# An index that takes the name, while the right one has another
sub index_hidden
{
	my ($self) = @_;
	my $index = $self->an_index or return;
	my ($what, $made) = $self->variant($index, $index->{name}) or return;

	return unless $made =~ /^CREATE/;
	return {
		name => "$index->{name}: $what, and the right one renamed",
		do => [ "ALTER INDEX trainledger.$index->{name} RENAME TO hidden", $made ],
		undo => [
			"DROP INDEX trainledger.$index->{name}",
			"ALTER INDEX trainledger.hidden RENAME TO $index->{name}"
		]
	};
}

sub index_dropped
{
	my ($self) = @_;
	my $index = $self->an_index or return;

	return {
		name => "$index->{name} dropped",
		do => [ drop_index($index) ],
		undo => [ make_index($index) ],
		loose => $is_only_keeper{ $index->{name} },
		allow => ['42P10']
	};
}

sub index_added
{
	my ($self) = @_;
	my $index = $self->an_index or return;
	my ($what, $made) = $self->variant($index, 'one_more') or return;

	$made =~ s/^CREATE UNIQUE/CREATE/;
	return unless $made =~ /^CREATE/;
	return {
		name => "$index->{table}: one more index ($index->{name}, $what)",
		do => [$made],
		undo => ['DROP INDEX trainledger.one_more'],
		strict => 1
	};
}

sub index_renamed
{
	my ($self) = @_;
	my $index = $self->an_index or return;

	return {
		name => "$index->{name} renamed",
		do => ["ALTER INDEX trainledger.$index->{name} RENAME TO renamed"],
		undo => ["ALTER INDEX trainledger.renamed RENAME TO $index->{name}"],
		strict => 1
	};
}

sub names_swapped
{
	my ($self) = @_;
	my $one = $self->an_index or return;
	my $two = $self->an_index(sub { $_[0]{name} ne $one->{name} && ($_[0]{table} eq $one->{table} || rand() < 0.3) })
	  or return;
	my @swap = (
		"ALTER INDEX trainledger.$one->{name} RENAME TO swapped",
		"ALTER INDEX trainledger.$two->{name} RENAME TO $one->{name}",
		"ALTER INDEX trainledger.swapped RENAME TO $two->{name}");

	return {
		name => "$one->{name} and $two->{name} swapped",
		do => \@swap,
		undo => \@swap,
		# constraints are told by their names
		loose => $is_only_keeper{ $one->{name} } || $is_only_keeper{ $two->{name} },
		allow => [ '23505', '42P10', '42704' ]
	};
}

sub index_rebuilt
{
	my ($self) = @_;
	my $index = $self->an_index or return;
	my $how = any('INDEX', 'INDEX CONCURRENTLY', 'TABLE', 'TABLE CONCURRENTLY');
	my $name = $how =~ /INDEX/ ? $index->{name} : $index->{table};

	return {
		name => "REINDEX $how $name",
		do => ["REINDEX $how trainledger.$name"],
		undo => [],
		outside => $how =~ /CONC/ ? 1 : 0,
		strict => 1
	};
}

# A flag of an index, which only a superuser can set
sub index_flagged
{
	my ($self) = @_;
	my $index = $self->an_index or return;
	my $set = any(
		'indisvalid = false',
		'indisvalid = false, indisready = false',
		'indisvalid = false, indisready = false, indislive = false',
		'indcheckxmin = true');

	return {
		name => "$index->{name}: $set",
		as => 'postgres',
		# core makes plans anew when the table is altered, and knows nothing of
		# what is written into the catalog by hand
		do => ["UPDATE pg_index SET $set WHERE indexrelid = 'trainledger.$index->{name}'::regclass \\; ALTER TABLE trainledger.$index->{table} RESET (toast_tuple_target)"],
		# sets all flags when every row is in
		undo => ["REINDEX INDEX trainledger.$index->{name}"],
		loose => $is_only_keeper{ $index->{name} },
		# a foreign key of core's looks for rows in an index without them
		allow => [ '23503', '42P10' ]
	};
}

# CREATE INDEX CONCURRENTLY that failed, under the name of an index
sub index_failed
{
	my ($self) = @_;
	my $index = $self->an_index or return;

	return {
		name => "$index->{name}: made concurrently, in vain",
		do => [
			drop_index($index),
			"!CREATE UNIQUE INDEX CONCURRENTLY $index->{name} ON trainledger.$index->{table} ((1))"
		],
		undo => [ "DROP INDEX IF EXISTS trainledger.$index->{name}", make_index($index) ],
		loose => $is_only_keeper{ $index->{name} },
		# it keeps keys unique all the same
		allow => [ '23505', '42P10' ],
		outside => 1
	};
}

# CREATE INDEX CONCURRENTLY and its like that wait for another transaction:
# for a writer before the index is ready, for a reader before it is valid
sub index_under_way
{
	my ($self) = @_;
	my $index = $self->an_index or return;
	my ($writes, $what) = @{ any([ 1, 'not ready' ], [ 0, 'not valid' ]) };
	my $way = any('made', 'made', 'rebuilt', 'dropped');
	my $definition = $index->{definition};

	return if $way ne 'rebuilt' && $index->{constraint} ne '';
	$definition =~ s/INDEX/INDEX CONCURRENTLY/;
	my %how = (
		made => [ drop_index($index), $definition ],
		rebuilt => [ undef, "REINDEX INDEX CONCURRENTLY trainledger.$index->{name}" ],
		dropped => [ undef, "DROP INDEX CONCURRENTLY trainledger.$index->{name}" ]);
	my ($first, $do) = @{ $how{$way} };

	return {
		name => "$index->{name} being $way, $what",
		first => [ $first || () ],
		wait => [
			'BEGIN ISOLATION LEVEL REPEATABLE READ',
			$writes ? "LOCK TABLE trainledger.$index->{table} IN ROW EXCLUSIVE MODE" : 'SELECT 1 FROM pg_class LIMIT 1'
		],
		do => [$do],
		until => "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid')",
		undo => $way eq 'dropped' ? [ make_index($index) ] : [],
		strict => $way eq 'rebuilt',
		loose => $is_only_keeper{ $index->{name} },
		allow => ['42P10'],
		outside => 1
	};
}

# ----------------------------------------------------------------------
# Columns
# ----------------------------------------------------------------------

sub a_column
{
	my ($self, $test) = @_;
	my $table = any(@tables);
	my @columns = grep { !$test || $test->($_) } @{ $self->{columns}{$table} };

	return @columns ? any(@columns) : undef;
}

# Other types, with the expression for what is there
my %types = (
	bigint => [ ['numeric'], ['integer'], [ 'text', 'C::text' ], ['public.some_bigint'], ['double precision'] ],
	integer => [ ['bigint'], ['smallint'], ['numeric'], [ 'text', 'C::text' ] ],
	uuid => [ [ 'text', 'C::text' ], ['public.some_uuid'], [ 'bytea', 'uuid_send(C)' ], [ 'character(36)', 'C::text' ] ],
	'timestamp with time zone' => [ [ 'timestamp', "C AT TIME ZONE 'UTC'" ], [ 'text', 'C::text' ], [ 'date', 'C::date' ], [ 'timestamptz(0)', 'C' ], [ 'bigint', 'extract(epoch FROM C)::bigint' ] ],
	'trainledger.amount' => [ ['numeric'], ['bigint'], [ 'text', 'C::text' ], ['public.some_amount'], ['double precision'], [ 'numeric(20,6)', 'C::numeric' ] ],
	text => [ ['varchar'], ['varchar(400)'], [ 'bytea', "convert_to(C, 'UTF8')" ], [ 'text COLLATE "C"', 'C' ], ['public.some_text'], [ 'character(400)', 'C' ], [ 'name', 'C::name' ] ],
	'"char"' => [ [ 'text', 'C::text' ], [ 'char(1)', 'C::text' ], [ 'varchar', 'C::text' ], [ 'integer', 'ascii(C::text)' ] ],
	boolean => [ [ 'text', 'C::text' ], [ 'integer', 'C::integer' ] ],
	'trainledger.amount_range' => [ [ 'text', 'C::text' ], [ 'numrange', 'numrange(lower(C)::numeric, upper(C)::numeric)' ], [ 'trainledger.amount_multirange', 'trainledger.amount_multirange(C)' ] ],
	jsonb => [ ['json'], [ 'text', 'C::text' ] ],
	'text[]' => [ ['varchar[]'] ]);

sub other_type
{
	my ($column) = @_;
	my $others = $types{ $column->{type} };

	# an enum
	return $others ? @{ any(@$others) } : @{ any([ 'text', 'C::text' ], [ 'public.word', "'a'::public.word" ]) };
}

sub column_retyped
{
	my ($self) = @_;
	my $column = $self->a_column;
	my ($table, $name) = @$column{qw(table name)};
	my ($type, $using) = other_type($column);

	$using = "C::$type" unless defined $using;
	(my $value = $using) =~ s/\bC\b/$name/g;
	return {
		name => "$table.$name: $type",
		do => [
			"SELECT public.free('trainledger.$table', '$name')",
			"ALTER TABLE trainledger.$table ALTER COLUMN $name DROP DEFAULT",
			"ALTER TABLE trainledger.$table ALTER COLUMN $name TYPE $type USING $value"
		],
		fresh => 1,
		blind => 1,
		lasting => 1,
		# a value that the user's type has no room for, too, or that has no
		# default any more; without its policies a table shows a reader nothing
		allow => [ @missing, @misfit, '22003', '22001', '22P02', '23502', 'TL057', 'TL404' ]
	};
}

# A column beside the one that views know, with its name
sub column_shadowed
{
	my ($self) = @_;
	my $column = $self->a_column(sub { !$_[0]{primary} });
	return unless $column;
	my ($table, $name) = @$column{qw(table name)};
	my ($type, $using) = other_type($column);

	return {
		name => "$table.$name: another column, $type",
		do => [
			"ALTER TABLE trainledger.$table RENAME COLUMN $name TO shadowed",
			"ALTER TABLE trainledger.$table ALTER COLUMN shadowed DROP NOT NULL",
			"ALTER TABLE trainledger.$table ADD COLUMN $name $type"
		],
		fresh => 1,
		blind => 1,
		lasting => 1,
		unknown => 1
	};
}

sub column_renamed
{
	my ($self) = @_;
	my $column = $self->a_column;
	my ($table, $name) = @$column{qw(table name)};

	return {
		name => "$table.$name renamed",
		do => ["ALTER TABLE trainledger.$table RENAME COLUMN $name TO renamed"],
		undo => ["ALTER TABLE trainledger.$table RENAME COLUMN renamed TO $name"],
		allow => [ @missing ]
	};
}

sub columns_swapped
{
	my ($self) = @_;
	my $one = $self->a_column;
	my $two = any(grep { $_->{name} ne $one->{name} } @{ $self->{columns}{ $one->{table} } });
	my $table = $one->{table};
	my @swap = (
		"ALTER TABLE trainledger.$table RENAME COLUMN $one->{name} TO swapped",
		"ALTER TABLE trainledger.$table RENAME COLUMN $two->{name} TO $one->{name}",
		"ALTER TABLE trainledger.$table RENAME COLUMN swapped TO $two->{name}");

	# of the same type nobody can tell
	return if $one->{type} eq $two->{type};
	return {
		name => "$table: $one->{name} and $two->{name} swapped",
		do => \@swap,
		undo => \@swap,
		# SQL finds columns by their names and reads what they hold by now; the
		# engine alone knows that they are not its own
		blind => 1,
		lasting => 1,
		unknown => $table ne 'entry',
		allow => [ @missing, @misfit, '22007', '22P02', '23502', '42P13', '42P16' ]
	};
}

sub column_dropped
{
	my ($self) = @_;
	my $column = $self->a_column;
	my ($table, $name) = @$column{qw(table name)};

	return {
		name => "$table.$name dropped",
		do => ["ALTER TABLE trainledger.$table DROP COLUMN $name CASCADE"],
		fresh => 1,
		blind => 1,
		allow => [ @missing, @misfit ]
	};
}

sub column_added
{
	my ($self) = @_;
	my $table = any(@tables);
	my $first = $self->{columns}{$table}[0]{name};
	my ($what, @more) = @{
		any(['more text'],
			["more text DEFAULT 'x'"],
			["more text NOT NULL DEFAULT 'x'"],
			['more timestamptz DEFAULT clock_timestamp()'],
			['more uuid DEFAULT gen_random_uuid()'],
			["more text GENERATED ALWAYS AS (CASE WHEN $first IS NULL THEN 'x' END) STORED"],
			['more bigint GENERATED ALWAYS AS IDENTITY'],
			[ 'more text', "CREATE TRIGGER fill BEFORE INSERT ON trainledger.$table FOR EACH ROW EXECUTE FUNCTION public.fill()" ],
			[ join(', ADD COLUMN ', 'more text', map { "more$_ text DEFAULT 'x'" } 1 .. 40) ])
	};
	my @undo = ("ALTER TABLE trainledger.$table DROP COLUMN more");

	unshift @undo, "DROP TRIGGER fill ON trainledger.$table" if @more;
	push @undo, map { "ALTER TABLE trainledger.$table DROP COLUMN more$_" } 1 .. 40
	  if $what =~ /more40/;
	return {
		name => "$table: a column added, $what" . (@more ? ', filled by a trigger' : ''),
		do => [ "ALTER TABLE trainledger.$table ADD COLUMN $what", @more ],
		undo => \@undo,
		rewrites => $what =~ /clock|random|GENERATED/ ? 1 : 0,
		returned => $returned{$table},
		strict => 1
	};
}

sub column_eased
{
	my ($self) = @_;
	my $column = $self->a_column(sub { !$_[0]{primary} }) or return;
	my ($table, $name) = @$column{qw(table name)};
	my $default = $column->{type} eq 'text' ? "'x'" : 'NULL';
	my ($do, $undo) = @{
		any($column->{notnull} ? [ 'DROP NOT NULL', 'SET NOT NULL' ] : [ 'SET STATISTICS 0', 'SET STATISTICS -1' ],
			[ "SET DEFAULT $default", 'DROP DEFAULT' ],
			[ 'SET STATISTICS 500', 'SET STATISTICS -1' ],
			[ 'SET (n_distinct = 5)', 'RESET (n_distinct)' ])
	};

	# some have a default of ours
	return if $do =~ /DEFAULT/ && ($column->{notnull} || $table !~ /^(entry|account|party_request)$/);
	return {
		name => "$table.$name: $do",
		do => ["ALTER TABLE trainledger.$table ALTER COLUMN $name $do"],
		undo => ["ALTER TABLE trainledger.$table ALTER COLUMN $name $undo"],
		strict => 1
	};
}

sub column_required
{
	my ($self) = @_;
	my $column = $self->a_column(sub { !$_[0]{notnull} }) or return;
	my ($table, $name) = @$column{qw(table name)};

	return {
		name => "$table.$name must not be null",
		do => ["ALTER TABLE trainledger.$table ADD CONSTRAINT required CHECK ($name IS NOT NULL) NOT VALID"],
		undo => ["ALTER TABLE trainledger.$table DROP CONSTRAINT required"],
		allow => [ '23514', '23502' ]
	};
}

sub column_identified
{
	my ($self) = @_;
	my $column = $self->a_column(sub { $_[0]{type} eq 'bigint' && $_[0]{notnull} && $_[0]{table} !~ /^(party|catalog_item)$/ }) or return;
	my ($table, $name) = @$column{qw(table name)};
	my $when = any('ALWAYS', 'BY DEFAULT');

	return {
		name => "$table.$name: identity, $when",
		do => ["ALTER TABLE trainledger.$table ALTER COLUMN $name ADD GENERATED $when AS IDENTITY"],
		undo => ["ALTER TABLE trainledger.$table ALTER COLUMN $name DROP IDENTITY"],
		strict => $when eq 'BY DEFAULT',
		allow => ['428C9']
	};
}

# ----------------------------------------------------------------------
# Tables
# ----------------------------------------------------------------------

# Constraints that every row passes, and those that some do not
sub constraint_added
{
	my ($self) = @_;
	my $table = any(@tables);
	my @columns = map { $_->{name} } @{ $self->{columns}{$table} };
	my $key = join ', ', map { $_->{name} } grep { $_->{primary} } @{ $self->{columns}{$table} };
	my $column = any(@columns);
	my $equal = join ', ', map { "$_ WITH =" } split /, /, $key;
	my ($constraint, $code) = @{
		any([ 'CHECK (true)' ],
			[ "CHECK ($column IS NULL OR $column IS NOT NULL)" ],
			[ "UNIQUE ($key, $column)" ],
			# not for ON CONFLICT
			[ "UNIQUE ($key) DEFERRABLE INITIALLY DEFERRED", '55000' ],
			[ "EXCLUDE USING btree ($equal)" ],
			[ 'CHECK (false) NOT VALID', '23514' ])
	};

	return {
		name => "$table: $constraint",
		do => ["ALTER TABLE trainledger.$table ADD CONSTRAINT added $constraint"],
		undo => ["ALTER TABLE trainledger.$table DROP CONSTRAINT added"],
		strict => !$code,
		allow => [ $code || () ]
	};
}

sub foreign_key_added
{
	my ($self) = @_;
	my ($table, $column, $other) = @{
		any([ 'entry', 'account_id', 'account' ], [ 'token_lot', 'account_id', 'account' ], [ 'redemption', 'party_id', 'party' ])
	};
	my $late = any('', 'DEFERRABLE INITIALLY DEFERRED');

	return {
		name => "$table: a foreign key to $other $late",
		do => ["ALTER TABLE trainledger.$table ADD CONSTRAINT added FOREIGN KEY ($column) REFERENCES trainledger.$other $late"],
		undo => ["ALTER TABLE trainledger.$table DROP CONSTRAINT added"],
		strict => 1
	};
}

sub table_moved
{
	my ($self) = @_;
	my $table = any(@tables);
	my ($do, $undo) = @{
		any([ "trainledger.$table RENAME TO moved", "trainledger.moved RENAME TO $table" ],
			[ "trainledger.$table SET SCHEMA elsewhere", "elsewhere.$table SET SCHEMA trainledger" ])
	};

	return {
		name => "ALTER TABLE $do",
		do => ["ALTER TABLE $do"],
		undo => ["ALTER TABLE $undo"],
		allow => [ @missing ]
	};
}

# Something else under the name, the table itself being elsewhere
sub table_replaced
{
	my ($self) = @_;
	my $table = any(@tables);
	my $columns = join ', ', map { "$_->{name} $_->{type}" } @{ $self->{columns}{$table} };
	my $name = "trainledger.$table";
	my ($what, $do, $undo, @more) = @{
		any([ 'a view', "CREATE VIEW $name AS SELECT * FROM elsewhere.$table", "DROP VIEW $name CASCADE" ],
			[ 'a view of nobody', "CREATE VIEW $name WITH (security_invoker = true) AS SELECT * FROM elsewhere.$table WHERE true OFFSET 0", "DROP VIEW $name CASCADE" ],
			[ 'a materialized view', "CREATE MATERIALIZED VIEW $name AS SELECT * FROM elsewhere.$table", "DROP MATERIALIZED VIEW $name CASCADE" ],
			[ 'a foreign table', "CREATE FOREIGN TABLE $name ($columns) SERVER nowhere", "DROP FOREIGN TABLE $name CASCADE" ],
			[ 'a sequence', "CREATE SEQUENCE $name", "DROP SEQUENCE $name" ],
			[ 'a composite type', "CREATE TYPE $name AS ($columns)", "DROP TYPE $name CASCADE" ],
			[ 'a partitioned table', "CREATE TABLE $name ($columns) PARTITION BY HASH (" . $self->{columns}{$table}[0]{name} . ')', "DROP TABLE $name CASCADE", unknown => 1 ],
			[ 'an empty table', "CREATE TABLE $name (LIKE elsewhere.$table INCLUDING ALL)", "DROP TABLE $name CASCADE", fresh => 1, unknown => 1 ],
			[ 'an empty table without indexes', "CREATE TABLE $name (LIKE elsewhere.$table INCLUDING DEFAULTS)", "DROP TABLE $name CASCADE", fresh => 1, unknown => 1 ])
	};

	return {
		name => "$table: $what in its place",
		do => [ "ALTER TABLE $name SET SCHEMA elsewhere", $do ],
		undo => [ $undo, "ALTER TABLE elsewhere.$table SET SCHEMA trainledger" ],
		blind => 1,
		lasting => 1,
		# what it has no defaults for, or nobody a right to
		allow => [ @missing, @misfit, '23502', '42501', '42P10' ],
		@more
	};
}

# The table becomes a partition of what has its name
sub table_partitioned
{
	my ($self) = @_;
	my $table = any(@tables);
	my $key = (grep { $_->{primary} } @{ $self->{columns}{$table} })[0]{name};

	return {
		name => "$table: partitioned",
		do => [
			"ALTER TABLE trainledger.$table RENAME TO part",
			"CREATE TABLE trainledger.$table (LIKE trainledger.part INCLUDING DEFAULTS) PARTITION BY HASH ($key)",
			"ALTER TABLE trainledger.$table ATTACH PARTITION trainledger.part FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
			"GRANT SELECT ON trainledger.$table TO ddl_admin"
		],
		fresh => 1,
		blind => 1,
		lasting => 1,
		allow => [ @missing, @misfit, '23502', '42501', '42P10' ]
	};
}

sub table_attached
{
	my ($self) = @_;
	my $table = any(@tables);
	my $key = (grep { $_->{primary} } @{ $self->{columns}{$table} })[0]{name};

	return {
		name => "$table: attached to a partitioned table",
		do => [
			"CREATE TABLE public.whole (LIKE trainledger.$table INCLUDING DEFAULTS) PARTITION BY HASH ($key)",
			"ALTER TABLE public.whole ATTACH PARTITION trainledger.$table FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
		],
		undo => [
			"ALTER TABLE public.whole DETACH PARTITION trainledger.$table",
			'DROP TABLE public.whole'
		],
		strict => 1
	};
}

sub table_kept
{
	my ($self) = @_;
	my $table = any(@tables);
	my $name = "trainledger.$table";
	my $column = $self->{columns}{$table}[0];
	my ($what, $do, $undo, %more) = @{
		# of which reconcile wants nothing
		any([ 'a child', "CREATE TABLE public.child () INHERITS ($name)", 'DROP TABLE public.child', strict => 0 ],
			[ 'a parent', "CREATE TABLE public.parent ($column->{name} $column->{type}" . ($column->{notnull} ? ' NOT NULL' : '') . "); ALTER TABLE $name INHERIT public.parent", "ALTER TABLE $name NO INHERIT public.parent; DROP TABLE public.parent" ],
			# with the sequence of bookings, which has to be logged
			[ 'unlogged', "ALTER TABLE $name SET UNLOGGED", "ALTER TABLE $name SET LOGGED", rewrites => 1, strict => $table ne 'entry' ],
			# whose handler is that of heap, which its name does not say
			[ 'another access method', "ALTER TABLE $name SET ACCESS METHOD heap2", "ALTER TABLE $name SET ACCESS METHOD heap", strict => 0, rewrites => 1 ],
			[ 'fillfactor', "ALTER TABLE $name SET (fillfactor = 30)", "ALTER TABLE $name RESET (fillfactor)" ],
			[ 'VACUUM FULL', "VACUUM FULL $name", undef, outside => 1 ],
			[ 'VACUUM', "VACUUM (FREEZE, ANALYZE) $name", undef, outside => 1 ],
			[ 'CLUSTER', "CLUSTER $name USING ${table}_pkey", "ALTER TABLE $name SET WITHOUT CLUSTER" ],
			[ 'guards off', "ALTER TABLE $name DISABLE TRIGGER USER", join('; ', map { "ALTER TABLE $_->[0] ENABLE ALWAYS TRIGGER $_->[1]" } grep { $_->[0] eq $name } @{ $self->{guards} }) || undef ],
			# not with ON CONFLICT, says core
			[ 'a rule', "CREATE RULE also AS ON INSERT TO $name DO ALSO SELECT nextval('public.seen')", "DROP RULE also ON $name", strict => 0, allow => ['0A000'] ],
			[ 'extended statistics', "CREATE STATISTICS public.more ON (1 + 1), $column->{name} FROM $name", 'DROP STATISTICS public.more' ],
			[ 'published', "ALTER TABLE $name REPLICA IDENTITY FULL", "ALTER TABLE $name REPLICA IDENTITY DEFAULT" ])
	};

	return {
		name => "$table: $what",
		do => [ split /; /, $do ],
		undo => [ split /; /, $undo || '' ],
		strict => 1,
		%more
	};
}

sub trigger_added
{
	my ($self) = @_;
	my $table = any(@tables);
	my $name = "trainledger.$table";
	my ($trigger, $strict, @codes) = @{
		any((map { [ "TRIGGER added $_ EXECUTE FUNCTION public.see()", 1 ] }
			"BEFORE INSERT ON $name FOR EACH ROW",
			"AFTER INSERT OR UPDATE ON $name FOR EACH ROW",
			"BEFORE INSERT OR UPDATE ON $name FOR EACH STATEMENT",
			"AFTER UPDATE ON $name FOR EACH STATEMENT"),
			[ "CONSTRAINT TRIGGER added AFTER INSERT OR UPDATE ON $name DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.see()", 1 ],
			[ "TRIGGER added AFTER INSERT ON $name REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION public.see()", 1 ],
			# a row that a trigger keeps out
			[ "TRIGGER added BEFORE INSERT ON $name FOR EACH ROW EXECUTE FUNCTION public.suppress()", 0, '27000' ],
			[ "TRIGGER added BEFORE UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION public.suppress()", 0, '27000' ],
			[ "TRIGGER added BEFORE INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION public.fail()", 0, 'P0001' ])
	};

	return {
		name => "$table: CREATE $trigger",
		do => ["CREATE $trigger"],
		undo => ["DROP TRIGGER added ON $name"],
		strict => $strict,
		allow => \@codes
	};
}

sub rule_added
{
	my ($self) = @_;
	my $table = any(@tables);
	my $event = any(qw(INSERT UPDATE));

	return {
		name => "$table: ON $event DO INSTEAD NOTHING",
		do => ["CREATE RULE added AS ON $event TO trainledger.$table DO INSTEAD NOTHING"],
		undo => ["DROP RULE added ON trainledger.$table"],
		# a plan that does nothing knows no table by which core could drop it
		lasting => 1,
		# core refuses RETURNING and ON CONFLICT on such a table
		allow => [ '27000', '0A000' ]
	};
}

sub rights_changed
{
	my ($self) = @_;
	my $table = any(@tables);
	my $name = "trainledger.$table";
	my ($do, $undo, %more) = @{
		any([ "ALTER TABLE $name OWNER TO ddl_other", "ALTER TABLE $name OWNER TO ddl_owner", as => 'postgres' ],
			[ "REVOKE INSERT, UPDATE ON $name FROM ddl_owner", "GRANT INSERT, UPDATE ON $name TO ddl_owner" ],
			[ "REVOKE SELECT ON $name FROM ddl_owner", "GRANT SELECT ON $name TO ddl_owner" ])
	};

	return {
		name => $do,
		do => [$do],
		undo => [$undo],
		# what the owner may not do it is told; a schema that it may not use is
		# not searched for functions
		allow => [ '42501', '42883' ],
		%more
	};
}

# ----------------------------------------------------------------------
# Types, sequences, functions
# ----------------------------------------------------------------------

sub label_changed
{
	my ($self) = @_;
	my ($type, $label) = @{ any(@{ $self->{labels} }) };

	return {
		name => "$type: a label added before $label",
		do => ["ALTER TYPE $type ADD VALUE 'added' BEFORE '$label'"],
		undo => [],
		strict => 1,
		outside => 1,
		fresh => 1
	  }
	  if rand() < 0.4;
	return {
		name => "$type: $label renamed",
		do => ["ALTER TYPE $type RENAME VALUE '$label' TO 'renamed'"],
		undo => ["ALTER TYPE $type RENAME VALUE 'renamed' TO '$label'"],
		# a label that a statement names
		allow => ['22P02']
	};
}

sub type_renamed
{
	my ($self) = @_;
	my $type = any(@{ $self->{types} })->[0];
	(my $name = $type) =~ s/^\w+\.//;
	my ($schema) = $type =~ /^(\w+)/;

	return {
		name => "$type renamed",
		do => ["ALTER TYPE $type RENAME TO renamed"],
		undo => ["ALTER TYPE $schema.renamed RENAME TO $name"],
		allow => [ @missing ]
	};
}

sub attribute_changed
{
	my ($self) = @_;
	return unless @{ $self->{composites} };
	my ($type, $name, $of) = @{ any(@{ $self->{composites} }) };
	my ($do, $undo) = @{
		any([ 'ADD ATTRIBUTE more text', 'DROP ATTRIBUTE more' ],
			[ "RENAME ATTRIBUTE $name TO renamed", "RENAME ATTRIBUTE renamed TO $name" ],
			[ "ALTER ATTRIBUTE $name TYPE " . ($of eq 'text' ? 'bytea' : 'text'), "ALTER ATTRIBUTE $name TYPE $of" ],
			[ "DROP ATTRIBUTE $name", undef ])
	};

	return {
		name => "$type: $do",
		do => ["ALTER TYPE $type $do"],
		undo => [ $undo ? "ALTER TYPE $type $undo" : () ],
		fresh => !$undo,
		allow => [ @missing, @misfit, '42P13' ]
	};
}

# An id that is taken
my @taken = qw(27000 23505 TL409);

sub sequence_changed
{
	my ($self) = @_;
	my $sequence = any(@{ $self->{sequences} })->[0];
	my ($schema, $name) = split /\./, $sequence;
	# behind all that were there
	my $behind = 1000000 * ++$self->{restarts};
	my ($do, $undo, @codes) = @{
		any([ 'CACHE 50', 'CACHE 1' ],
			[ 'CYCLE', 'NO CYCLE' ],
			[ 'INCREMENT 7', 'INCREMENT 1' ],
			# its ids are taken
			[ 'RESTART WITH 1', "RESTART WITH $behind", @taken ],
			# nothing is left, or is taken where this is done again and again
			[ "MAXVALUE $behind RESTART WITH $behind", "NO MAXVALUE RESTART WITH " . ($behind + 500000), '2200H', @taken ],
			[ 'AS integer', 'AS bigint' ],
			[ 'SET UNLOGGED', 'SET LOGGED' ],
			[ 'RENAME TO renamed', undef, @missing ])
	};

	return {
		name => "$sequence made anew",
		do => [ "DROP SEQUENCE $sequence CASCADE", "CREATE SEQUENCE $sequence START $behind" ],
		fresh => 1,
		allow => [ @missing ]
	  }
	  if rand() < 0.1;

	$undo = "ALTER SEQUENCE $schema.renamed RENAME TO $name" if !defined $undo;
	$undo = "ALTER SEQUENCE $sequence $undo" if $undo !~ /^ALTER/;
	return {
		name => "$sequence $do",
		do => ["ALTER SEQUENCE $sequence $do"],
		undo => [$undo],
		# the numbers of bookings have to be as they are
		strict => !@codes && $name ne 'booking_no_seq',
		allow => \@codes
	};
}

sub function_renamed
{
	my ($self) = @_;
	my ($function, $name) = @{ any(@{ $self->{functions} }) };
	my ($schema, $rest) = $function =~ /^(\w+)\.[^(]+(\(.*)/;
	(my $old = $name) =~ s/^\w+\.//;

	return unless defined $schema;
	return {
		name => "$function renamed",
		do => ["ALTER FUNCTION $function RENAME TO renamed"],
		undo => ["ALTER FUNCTION $schema.renamed$rest RENAME TO $old"],
		allow => [ @missing ]
	};
}

# ----------------------------------------------------------------------

my %kinds = (
	'an index replaced' => [ 16, \&index_replaced ],
	'an index hidden' => [ 5, \&index_hidden ],
	'an index dropped' => [ 4, \&index_dropped ],
	'an index added' => [ 3, \&index_added ],
	'an index renamed' => [ 3, \&index_renamed ],
	'names of indexes swapped' => [ 4, \&names_swapped ],
	'an index rebuilt' => [ 3, \&index_rebuilt ],
	'an index flagged' => [ 5, \&index_flagged ],
	'an index that failed' => [ 2, \&index_failed ],
	'an index under way' => [ 3, \&index_under_way ],
	'a column retyped' => [ 12, \&column_retyped ],
	'a column shadowed' => [ 2, \&column_shadowed ],
	'a column renamed' => [ 4, \&column_renamed ],
	'columns swapped' => [ 4, \&columns_swapped ],
	'a column dropped' => [ 4, \&column_dropped ],
	'a column added' => [ 5, \&column_added ],
	'a column eased' => [ 3, \&column_eased ],
	'a column required' => [ 2, \&column_required ],
	'a column identified' => [ 1, \&column_identified ],
	'a constraint added' => [ 4, \&constraint_added ],
	'a foreign key added' => [ 1, \&foreign_key_added ],
	'a table moved' => [ 3, \&table_moved ],
	'a table replaced' => [ 5, \&table_replaced ],
	'a table partitioned' => [ 2, \&table_partitioned ],
	'a table attached' => [ 2, \&table_attached ],
	'a table kept' => [ 6, \&table_kept ],
	'a trigger added' => [ 5, \&trigger_added ],
	'a rule added' => [ 2, \&rule_added ],
	'rights changed' => [ 2, \&rights_changed ],
	'a label changed' => [ 2, \&label_changed ],
	'a type renamed' => [ 1, \&type_renamed ],
	'an attribute changed' => [ 3, \&attribute_changed ],
	'a sequence changed' => [ 3, \&sequence_changed ],
	'a function renamed' => [ 3, \&function_renamed ]);
my @deck = map { ($_) x $kinds{$_}[0] } sort keys %kinds;

sub kinds { return sort keys %kinds; }

sub change
{
	my ($self, $kind, $test) = @_;

	for (1 .. 200)
	{
		my $of = defined $kind ? $kind : any(@deck);
		my $change = $kinds{$of}[1]->($self) or next;
		next if $test && !$test->($change);
		$change->{kind} = $of;
		$change->{as} ||= 'ddl_owner';
		$change->{undo} ||= [];
		$change->{allow} = { map { $_ => 1 } @{ $change->{allow} || [] } };
		return $change;
	}
	# this kind does not pass the test
	return undef;
}

1;
