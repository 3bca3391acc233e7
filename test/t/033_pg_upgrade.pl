# Books are moved to another server, by pg_upgrade (copying files, linking them)
# and by dumps. All tables are the same, rights are, every level sees what it
# saw and may do what it could, and so are a user's own objects over our types
# and the schema of the GraphQL face. The log is what a checkpoint from before
# says, and goes on.
#
# TRAINLEDGER_SERVERS names the pg_configs of all servers, between spaces, with
# the extension in each: every pair of an older and a later one is tried, as
# `make test-upgrades` does. Without it the server is upgraded to itself, by
# linking; 260_operations copies, and dumps are left to 030_dump_restore.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Compare;
use TrainLedger::Server;
use TrainLedger::Transparency;

my $root = abs_path(dirname(__FILE__) . '/../..');
my $dir = PostgreSQL::Test::Utils::tempdir;
my @levels = qw(learner reader operator admin);
my $person = 35;
my $origin = 'books.example/ledger';
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my ($pem, $public) = make_key();
append_to_file("$folder/log.pem", $pem);

# A server: its major version, its folder, its pg_config
sub server
{
	my ($pg_config) = @_;
	my ($version) = `$pg_config --version` =~ /(\d+)/;

	chomp(my $bin = `$pg_config --bindir`);
	return { version => $version, bin => $bin, path => dirname($bin) };
}

my @servers = sort { $a->{version} <=> $b->{version} }
  map { server($_) } split ' ', $ENV{TRAINLEDGER_SERVERS} || 'pg_config';
my @pairs = @servers == 1 ? ([ @servers[ 0, 0 ] ])
  : map { my $new = $_; map { [ $servers[$_], $servers[$new] ] } 0 .. $new - 1 } 1 .. $#servers;

# A cluster of that server
sub cluster
{
	my ($name, $server) = @_;
	my $node = TrainLedger::Server->new($name, install_path => $server->{path});

	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8',
		$server->{version} >= 18 ? '--no-data-checksums' : () ]);
	$node->append_conf('postgresql.conf', "timezone = 'UTC'\nlc_messages = 'C'\njit = off\ntrainledger.log_key_file = '$folder/log.pem'\n");
	return $node;
}

sub run_script
{
	my ($node, $script) = @_;

	$node->command_ok([ $node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
			'-o', "$dir/script.log", '-d', $node->connstr('books'), '-f', $script ],
		'runs: ' . $script =~ s,.*/,,r);
	return;
}

# All subjects, roles of every level, the face, and what a user has beside them
sub fill
{
	my ($node, $server) = @_;

	chomp(my $share = `$server->{bin}/pg_config --sharedir`);
	$node->safe_psql('postgres', 'CREATE DATABASE books');
	$node->safe_psql('books', 'CREATE EXTENSION trainledger');
	run_script($node, $_) for "$root/test/api/sample.sql", "$root/doc/deploy/roles.sql",
	  "$share/extension/trainledger_graphql.sql";
	$node->safe_psql('books', <<'END');
CREATE SCHEMA theirs;
CREATE DOMAIN theirs.price AS trainledger.amount CHECK (VALUE OPERATOR(trainledger.>=) '0');
CREATE TABLE theirs.invoice (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	party_id bigint NOT NULL REFERENCES trainledger.party,
	pieces integer NOT NULL,
	price theirs.price NOT NULL,
	total trainledger.amount GENERATED ALWAYS AS (price * pieces) STORED,
	parts trainledger.amount[],
	between trainledger.amount_range,
	state trainledger.pass_state DEFAULT 'active');
CREATE INDEX ON theirs.invoice (price, total DESC);
INSERT INTO theirs.invoice (party_id, pieces, price, parts, "between")
SELECT p.id, p.id % 7, p.id * 0.01, ARRAY[p.id, -0.5], trainledger.amount_range(0, p.id) FROM trainledger.party p;
CREATE VIEW theirs.owed AS
	SELECT i.party_id, sum(i.total) AS owed, i.pieces::trainledger.amount AS pieces, max(i.price::numeric)::trainledger.amount AS dearest
	FROM theirs.invoice i GROUP BY i.party_id, i.pieces;
CREATE MATERIALIZED VIEW theirs.booked AS
	SELECT a.party_id, e.operation, sum(e.delta) AS delta FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id GROUP BY 1, 2;
CREATE FUNCTION theirs.held(party_id bigint) RETURNS trainledger.amount LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(sum(a.balance), 0) FROM trainledger.account a WHERE a.party_id = $1;
END;
CREATE FUNCTION theirs.last(account_id bigint) RETURNS trainledger.entry LANGUAGE sql STABLE
	AS 'SELECT e FROM trainledger.entry e WHERE e.account_id = $1 ORDER BY e.entry_no DESC LIMIT 1';
CREATE AGGREGATE theirs.total(trainledger.amount) (sfunc = trainledger.amount_add, stype = trainledger.amount);
GRANT USAGE ON SCHEMA theirs TO web_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO web_reader;
END
	return;
}

# What each level calls, and a user's own objects: nothing of it writes
my @calls = (
	[ admin => 'SELECT count(*) FROM theirs.invoice WHERE total = price * pieces' ],
	[ reader => 'SELECT md5(string_agg(i::text, $$,$$ ORDER BY id)) FROM theirs.invoice i' ],
	[ reader => 'SELECT md5(string_agg(o::text, $$,$$ ORDER BY o::text)) FROM theirs.owed o' ],
	[ reader => 'SELECT md5(string_agg(b::text, $$,$$ ORDER BY b::text)) FROM theirs.booked b' ],
	[ reader => "SELECT theirs.held($person), theirs.last(min(id)), theirs.total(balance) FROM trainledger.account WHERE party_id = $person" ],
	(map { [ $_ => "SELECT md5(string_agg(h::text, ',' ORDER BY h::text)) FROM trainledger.holdings($person) h" ],
		[ $_ => "SELECT trainledger.credit_add($person, -1, 'x', '', now())" ],
		[ $_ => "SELECT trainledger.update_party(1 / 0)" ],
		[ $_ => 'SELECT count(*) FROM trainledger_graphql.token_issue' ],
		[ $_ => 'SELECT count(*) FROM trainledger_api.credit_transactions' ] } @levels),
	[ reader => 'SELECT * FROM trainledger.reconcile()' ]);

# The answers, a line each, after all that is compared of the books
sub state_of
{
	my ($node) = @_;
	my @lines = map { split /\n/ } contents($node, 'books'), granted($node, 'books'),
	  map { seen($node, 'books', "web_$_", $person) =~ s/^/$_ /gmr } @levels;

	# marks are of a cluster, and no dump has them
	@lines = grep { !/\blog_mark\|/ } @lines;

	my $session = TrainLedger::Session->new($node, 'books');
	for my $call (@calls)
	{
		my ($level, $sql) = @$call;

		$session->query('DISCARD ALL');
		$session->query("SET ROLE " . ($level eq 'admin' ? 'postgres' : "web_$level"));
		$session->query("SET trainledger.party_id = $person");
		my $answer = $session->query($sql);
		push @lines, "$level: $sql: " . join ' ', $answer->{sqlstate}, @{ $answer->{rows} };
	}
	return join "\n", @lines;
}

# Everything is sealed; returns the last checkpoint, signed
sub seal_all
{
	my ($node) = @_;

	$node->safe_psql('books', "SELECT trainledger.start_log('$origin', 'test'); SELECT trainledger.seal()");
	return $node->safe_psql('books', 'SELECT trainledger.sign_checkpoint()');
}

# The log is what the checkpoint says, and so is a proof of an entry
sub check_log
{
	my ($node, $kept, $what) = @_;
	my $vkey = make_vkey($origin, $public);
	my $checkpoint = parse_checkpoint(verify_note($kept, $vkey));

	is($node->safe_psql('books', "SELECT * FROM trainledger.verify(\$c\$$kept\$c\$)"),
		'', "$what: verify() agrees with the checkpoint");
	my ($id) = rows($node, "SELECT array_to_string(key, ', ') FROM trainledger.log_leaf WHERE kind = 'E1' ORDER BY booking_no OFFSET 100 LIMIT 1");
	my $proof = parse_proof($node->safe_psql('books', "SELECT trainledger.prove_entry($id, $checkpoint->{size})"));
	is(verify_note($proof->{note}, $vkey), verify_note($kept, $vkey), "$what: a proof has the checkpoint");
	ok( proves_inclusion($proof->{index}, $checkpoint->{size},
			leaf_hash($node->safe_psql('books', "SELECT trainledger.entry_leaf($id)")),
			$proof->{path}, $checkpoint->{root}),
		"$what: and is that of the entry");
	return $checkpoint;
}

# What was booked since is sealed, and the log begins as the checkpoint says
sub check_log_goes_on
{
	my ($node, $kept, $what) = @_;
	my ($booked) = rows($node, 'SELECT count(*) FROM trainledger.log_row');
	my $checkpoint = check_log($node, $kept, $what);
	my $size = $node->safe_psql('books', 'SELECT trainledger.seal()');

	cmp_ok($booked, '>', $checkpoint->{size}, "$what: there is something to seal");
	is($size, $booked, "$what: all of it is sealed");
	check_log($node, $kept, "$what, sealed");
	my $now = parse_checkpoint(verify_note($node->safe_psql('books', 'SELECT trainledger.sign_checkpoint()'), make_vkey($origin, $public)));
	ok( proves_consistency($checkpoint->{size}, $size, $checkpoint->{root}, $now->{root},
			hashes_of($node->safe_psql('books', "SELECT trainledger.prove_consistency($checkpoint->{size})"))),
		"$what: the log begins as it did");
	return;
}

# The same as before, and the books go on
sub check_moved
{
	my ($node, $before, $kept, $what) = @_;

	is(difference(state_of($node), $before), '', "$what: all is as it was");
	books_are_right($node, $what);
	is($node->safe_psql('books', "SET ROLE web_operator;"
			  . "SELECT count(*) > 50 FROM trainledger.account a JOIN trainledger.token_type t ON t.id = a.token_type_id AND t.kind = 'credit', trainledger.post(a.id, 'add', 1, 'after')"),
		't', "$what: every account goes on");
	is($node->safe_psql('books', "INSERT INTO theirs.invoice (party_id, pieces, price) VALUES ($person, 3, 1.25) RETURNING total"),
		'3.75', "$what: and a user's table");
	is($node->safe_psql('books', "SET ROLE web_admin; SELECT name FROM trainledger.add_party('person', 'New')"),
		'New', "$what: people are added");
	books_are_right($node, "$what, afterwards");
	check_log_goes_on($node, $kept, $what);
	return;
}

# A copy of a cluster's data that another server may take
sub copy_of
{
	my ($node) = @_;
	my $folder = "$dir/copy_" . $node->name;

	system('rm', '-rf', $folder);
	system_or_bail('cp', '-a', $node->data_dir, $folder);
	return $folder;
}

# The ends of what pg_upgrade wrote
sub failure
{
	my ($node) = @_;
	my @logs = ("$dir/upgrade.log",
		glob($node->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_dump_*.log'));

	return map { join "\n", $_, (split /\n/, slurp_file($_))[ -12 .. -1 ] } @logs;
}

my $counter = 0;

# A cluster of a server with the books, as it was before and after the party
# table had a column more, and its dumps; and one with a single table
my %made;
sub books_of
{
	my ($server) = @_;

	return $made{ $server->{version} } ||= do {
		my $from = $server->{version};
		my $node = cluster("old_$from", $server);
		my $plain = cluster("plain_$from", $server);
		my $error;

		$plain->start;
		$plain->safe_psql('postgres', 'CREATE TABLE number (n integer)');
		$plain->stop;
		$node->start;
		fill($node, $server);
		my $kept = seal_all($node);
		my $before = state_of($node);
		for my $form ([ 'pg_dump', '-Fc', '-f', "$dir/$from.dump", $node->connstr('books') ],
			[ 'pg_dump', '-Fd', '-j4', '-f', "$dir/$from.folder", $node->connstr('books') ],
			[ 'pg_dump', '-f', "$dir/$from.sql", $node->connstr('books') ],
			[ 'pg_dumpall', '--globals-only', '-f', "$dir/$from.globals", '-d', $node->connstr('postgres') ])
		{
			my ($program, @arguments) = @$form;

			IPC::Run::run([ "$server->{bin}/$program", @arguments ], '2>', \$error);
			is($error, '', "$from: $program has nothing to say");
		}
		# A column of one's own in our tables is in no dump of an extension.
		$node->safe_psql('books', 'ALTER TABLE trainledger.party ADD COLUMN nickname text');
		my $altered = state_of($node);
		$node->stop;
		{ node => $node, plain => $plain, before => $before, altered => $altered, kept => $kept };
	};
}

# pg_upgrade of a copy of a cluster; returns the new one, and whether it is there
sub upgrade
{
	my ($node, $old, $new, @options) = @_;
	my $copy = copy_of($node);
	my $moved = cluster('new_' . $counter++, $new);

	local $ENV{PGHOST} = $moved->host;
	my $done = IPC::Run::run([ "$new->{bin}/pg_upgrade", '--no-sync', '-b', $old->{bin}, '-B', $new->{bin},
			'-d', $copy, '-D', $moved->data_dir, '-p', $moved->port, '-P', $moved->port,
			'-s', $moved->host, @options ],
		'>', "$dir/upgrade.log", '2>&1', init => sub { chdir $dir });
	return ($moved, $done);
}

# Whether a single table moves: a release of the new server may be older than
# what the old one's catalogue has
sub is_possible
{
	my ($old, $new) = @_;
	my ($moved, $done) = upgrade(books_of($old)->{plain}, $old, $new);

	$moved->clean_node;
	return $done;
}

sub check_upgrade
{
	my ($old, $new, $mode) = @_;
	my $books = books_of($old);
	my $what = "$old->{version} to $new->{version}, $mode";
	my ($moved, $done) = upgrade($books->{node}, $old, $new, $mode eq 'link' ? '--link' : ());

	ok($done, "$what: pg_upgrade") or diag failure($moved);
	if ($done)
	{
		$moved->start;
		check_moved($moved, $books->{altered}, $books->{kept}, $what);
		$moved->stop;
	}
	$moved->clean_node;
	return;
}

sub check_restores
{
	my ($old, $new) = @_;
	my $from = $old->{version};
	my $books = books_of($old);
	my $restored = cluster('restored_' . $counter++, $new);

	$restored->start;
	$restored->command_checks_all([ "$new->{bin}/psql", '-Xq', '-d', $restored->connstr('postgres'), '-f', "$dir/$from.globals" ],
		0, [], [qr/^(|psql:[^\n]*ERROR: +role "[a-z]+" already exists\n)$/], "$from to $new->{version}: globals");

	my @restore = ('pg_restore', '--exit-on-error', '-d', $restored->connstr('books'));
	# pg_restore does not know that a user's foreign key waits for the rows of an
	# extension's table: four processes do a section at a time.
	my %commands = (
		custom => [ [ @restore, "$dir/$from.dump" ] ],
		plain => [ [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/plain.log", '-d', $restored->connstr('books'), '-f', "$dir/$from.sql" ] ],
		parallel => [ map { [ @restore, '-j4', "--section=$_", "$dir/$from.folder" ] } qw(pre-data data post-data) ]);
	for my $form (sort keys %commands)
	{
		my $what = "$from to $new->{version}, $form dump";
		my $error = '';

		$restored->safe_psql('postgres', 'DROP DATABASE IF EXISTS books');
		$restored->safe_psql('postgres', 'CREATE DATABASE books');
		for my $command (@{ $commands{$form} })
		{
			my ($program, @arguments) = @$command;

			local $ENV{PGOPTIONS} = '-c session_replication_role=replica' if $form eq 'parallel';
			ok(IPC::Run::run([ "$new->{bin}/$program", @arguments ], '2>', \$error), "$what: restored") or diag $error;
		}
		check_moved($restored, $books->{before}, $books->{kept}, $what);
	}
	$restored->stop;
	$restored->clean_node;
	return;
}

for my $pair (@pairs)
{
	my ($old, $new) = @$pair;

  SKIP:
	{
		skip "NOT RUN: pg_upgrade of a single table from $old->{version} to $new->{version} fails", 2
		  if @servers > 1 && !is_possible($old, $new);
		check_upgrade($old, $new, $_) for @servers > 1 ? ('copy', 'link') : 'link';
	}
	check_restores($old, $new) if @servers > 1;
}

done_testing();
