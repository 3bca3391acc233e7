# A superuser changes what is sealed, at random and with the triggers off:
# columns, rows, what stands beside them, and the log itself. verify() names the
# row each time, and has nothing to say without a change. Each change is rolled
# back; the last ones are committed, and seen with a checkpoint that was kept.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $count = soak() > 2000 ? int(soak() / 2) : 300;
my $seed = $ENV{TRAINLEDGER_SEED} || 20261130;
note "seed $seed, $count changes";
srand $seed;

sub any { return $_[ int rand @_ ]; }

# ----------------------------------------------------------------------
# Books with rows of every kind, sealed
# ----------------------------------------------------------------------

my $node = start_books('log_tampering');
my $root = abs_path(dirname(__FILE__) . '/../..');
my ($session) = sessions($node, 1);

# What a statement answers; dies of an error
sub answer
{
	my ($sql) = @_;
	my $answer = $session->query($sql);

	die "$sql: $answer->{sqlstate}" unless $answer->{sqlstate} eq '00000';
	return @{ $answer->{rows} };
}

$node->command_ok([ $node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
		'-d', $node->connstr('books'), '-f', "$root/test/api/sample.sql" ],
	'there are books in every subject');
$node->safe_psql('books', <<'END');
SELECT trainledger.start_log('books.example/ledger', 'test');
SELECT trainledger.set_training_tokens_expiry(i.id, '2031-01-01', 'later'), trainledger.set_training_tokens_expiry(i.id, '2032-01-01', 'later')
FROM (SELECT id FROM trainledger.token_lot WHERE is_open AND expires_at > now() ORDER BY id LIMIT 5) i;
SELECT trainledger.capture_hold(h.id, 1, false), trainledger.release_hold(h.id, notes => 'rest')
FROM generate_series(20, 29) p, trainledger.credit_hold(p, 2, 'till', 'Dinner', now() + interval '30 days') h;
SELECT trainledger.credit_hold(p, 1, 'till', 'open') FROM generate_series(20, 29) p;
SELECT trainledger.cancel_pass_use(u.id, 'ill') FROM (SELECT id FROM trainledger.pass_use ORDER BY id LIMIT 5) u;
SELECT trainledger.cancel_signup_claim(c.id, 'ill') FROM (SELECT id FROM trainledger.signup_claim ORDER BY id LIMIT 5) c;
SELECT trainledger.cancel_ticket(t.id) FROM (SELECT id FROM trainledger.ticket WHERE state = 'ready' ORDER BY id LIMIT 5) t;
SELECT trainledger.forget_party(p, 'test') FROM unnest('{29,80,110}'::bigint[]) p;
END
my ($size) = answer('SELECT trainledger.seal()');
my $kept = $node->safe_psql('books', 'SELECT trainledger.checkpoint_text()');
answer("SELECT trainledger.credit_add(20, 1, 'desk', 'not sealed', now())");

# What a change has to be reported as: the kind of the leaf and the columns of
# its key, by the table of the row
my %kind_of = (
	entry => 'E1',
	token_issue_event => 'X1',
	hold_event => 'H1',
	pass_event => 'P1',
	pass_use => 'U1',
	claim_event => 'C1',
	ticket_event => 'T1',
	membership_event => 'M1',
	redaction => 'R1');
my %kinds = map { split /\|/ } answer('SELECT kind, count(*) FROM trainledger.log_leaf GROUP BY 1');
is(join(' ', sort keys %kinds), join(' ', sort values %kind_of), 'every kind is in the log');
is(join("\n", answer('SELECT * FROM trainledger.verify()')), '', 'verify() has nothing to say');

# Rows beside those of the log: what of them is sealed, and the leaves of it
my %beside = (
	account => [ [qw(party_id token_type_id name)],
		"SELECT 'E1', ARRAY[e.account_id, e.entry_no] FROM trainledger.entry e WHERE e.account_id = r.id" ],
	token_lot => [ [qw(unit_price currency_code reissue_of first_expires_at expires_at)],
		"SELECT 'E1', ARRAY[r.account_id, 1::bigint] UNION SELECT 'X1', ARRAY[v.id] FROM trainledger.token_issue_event v WHERE v.issue_id = r.id" ],
	placed_hold => [ [qw(party_id token_type_id account_id quantity captured released expires_at reference notes source device placed_by)],
		"SELECT 'H1', ARRAY[v.id] FROM trainledger.hold_event v WHERE v.hold_id = r.id" ],
	pass => [ [qw(party_id pass_type_id option_id valid_from valid_until lifecycle_state)],
		"SELECT 'P1', ARRAY[v.id] FROM trainledger.pass_event v WHERE v.pass_id = r.id" ],
	pass_period => [ [qw(pass_id valid_from valid_until)],
		"SELECT 'P1', ARRAY[v.id] FROM trainledger.pass_event v WHERE v.pass_id = r.pass_id" ],
	signup_claim => [ [qw(party_id signup_token_id)],
		"SELECT 'C1', ARRAY[v.id] FROM trainledger.claim_event v WHERE v.claim_id = r.id" ],
	ticket => [ [qw(state party_id program_kind_id consumed_program_id)],
		"SELECT 'T1', ARRAY[v.id] FROM trainledger.ticket_event v WHERE v.ticket_id = r.id" ],
	membership => [ [qw(cohort_id role state)],
		"SELECT 'M1', ARRAY[v.id] FROM trainledger.membership_event v WHERE v.program_id = r.program_id AND v.party_id = r.party_id" ],
	party_salt => [ [qw(salt)], <<'END' ],
SELECT 'E1', ARRAY[e.account_id, e.entry_no] FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id WHERE a.party_id = r.party_id
UNION SELECT 'X1', ARRAY[v.id] FROM trainledger.token_issue_event v JOIN trainledger.token_lot l ON l.id = v.issue_id WHERE l.party_id = r.party_id
UNION SELECT 'H1', ARRAY[v.id] FROM trainledger.hold_event v JOIN trainledger.placed_hold h ON h.id = v.hold_id WHERE h.party_id = r.party_id
UNION SELECT 'P1', ARRAY[v.id] FROM trainledger.pass_event v WHERE v.party_id = r.party_id
UNION SELECT 'U1', ARRAY[u.id] FROM trainledger.pass_use u WHERE u.party_id = r.party_id
UNION SELECT 'C1', ARRAY[v.id] FROM trainledger.claim_event v WHERE v.party_id = r.party_id
UNION SELECT 'T1', ARRAY[v.id] FROM trainledger.ticket_event v WHERE coalesce(v.party_id, 0) = r.party_id
UNION SELECT 'M1', ARRAY[v.id] FROM trainledger.membership_event v WHERE v.party_id = r.party_id
END
	# of the log itself other rows may be named, such as leaves that a block
	# does not have any more
	log_block => [ [qw(block_no booking_no kind id entry_no size hash prefixes names)], "SELECT '', ''" ],
	checkpoint => [ [qw(size root last_booking_no note)], "SELECT '', ''" ]);

# The columns of the tables: name, type, whether it may be null
my %columns;
for (answer(q{
	SELECT c.relname, a.attname, format_type(a.atttypid, NULL), NOT a.attnotnull
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace = 'trainledger'::regnamespace AND c.relkind = 'r'}))
{
	my ($table, @column) = split /\|/;
	push @{ $columns{$table} }, \@column;
}
# of a use the log has that it was cancelled; who and when is in the event; of a
# redaction not who did it
my %not_sealed = map { $_ => 1 } qw(cancelled_at cancelled_by cancel_reason redacted_by);
# what is forgotten has no texts, and the log keeps the hash of what was there
my %texts;
for (answer('SELECT table_name, column_name FROM trainledger_internal.text_column UNION SELECT table_name, column_name FROM trainledger_internal.name_column'))
{
	my ($table, $column) = split /\|/;
	$texts{$table}{$column} = 1;
}

# Nothing stands in a superuser's way but constraints.
answer("ALTER TABLE trainledger.$_ DISABLE TRIGGER ALL") for keys %kind_of, keys %beside, qw(log_node log_mark);
answer('SET session_replication_role = replica');
answer('SELECT setseed(' . rand() . ')');

# ----------------------------------------------------------------------
# Changes
# ----------------------------------------------------------------------

# Another value of a column, as an expression
sub other
{
	my ($column, $type, $nullable) = @_;

	# null, or no longer
	return "CASE WHEN $column IS NULL THEN @{[ changed($column, $type) ]} END"
	  if $nullable eq 't' && rand() < 0.3;
	return changed($column, $type);
}

sub changed
{
	my ($column, $type) = @_;

	return "coalesce($column, 0) + " . any(1, 1, 1000) if $type =~ /int|numeric/;
	return "(coalesce(${column}::numeric, 0) + 1)::trainledger.amount" if $type eq 'trainledger.amount';
	return "CASE WHEN isfinite($column) THEN $column + interval '1 microsecond' ELSE now() END"
	  if $type =~ /^timestamp/;
	return 'gen_random_uuid()' if $type eq 'uuid';
	return "CASE WHEN $column = 'c' THEN 'x' ELSE 'c' END::\"char\"" if $type eq '"char"';
	return "coalesce(set_byte($column, 0, 255 - get_byte($column, 0)), decode(repeat('00', 11), 'hex'))" if $type eq 'bytea';
	return "coalesce($column, '') || 'x'" if $type eq 'text';
	return "(SELECT v FROM unnest(enum_range(NULL::$type)) v WHERE v IS DISTINCT FROM $column ORDER BY random() LIMIT 1)";
}

# A row of a table that is sealed: its place in the table, and the leaves that
# may be named, as lines "kind|key"
sub a_row
{
	my ($table) = @_;
	my $key = $table eq 'entry' ? 'ARRAY[r.account_id, r.entry_no]' : 'ARRAY[r.id]';
	my ($where, $leaves) = $kind_of{$table}
	  ? ("booking_no <= trainledger_internal.sealed_upto()", "SELECT '$kind_of{$table}', $key")
	  : ('true', $beside{$table}[1]);
	my @rows = answer("SELECT ctid FROM trainledger.$table WHERE $where ORDER BY random() LIMIT 1");

	return unless @rows;
	my @names = answer("SELECT l.* FROM trainledger.$table r CROSS JOIN LATERAL ($leaves) l WHERE r.ctid = '$rows[0]'");
	my ($forgotten) = answer("SELECT count(*) FROM trainledger.redaction WHERE kind || '|{' || concat_ws(',', row_id, nullif(entry_no, 0)) || '}' = ANY ('{"
		  . join(',', map { "\"$_\"" } @names) . "}')");
	return {
		table => $table,
		at => "ctid = '$rows[0]'",
		leaves => $leaves,
		names => \@names,
		forgotten => $forgotten
	};
}

# Whether a column of a row is sealed
sub is_sealed
{
	my ($row, $column) = @_;

	return !$not_sealed{$column} && !($row->{forgotten} && $texts{ $row->{table} }{$column});
}

# Each returns a statement, before which it may have begun the transaction and
# made others, and the names of which one has to be reported.
my %tamper = (
	column => sub {
		my $table = any(sort keys %kind_of);
		my $row = a_row($table);
		my ($column, @type) = @{ any(grep { is_sealed($row, $_->[0]) } @{ $columns{$table} }) };

		return ("UPDATE trainledger.$table SET $column = @{[ other($column, @type) ]} WHERE $row->{at}",
			$row->{names});
	},
	beside => sub {
		my $table = any(sort keys %beside);
		my $row = a_row($table);
		my $name = any(grep { is_sealed($row, $_) } @{ $beside{$table}[0] });
		my ($column, @type) = @{ (grep { $_->[0] eq $name } @{ $columns{$table} })[0] };

		return ("UPDATE trainledger.$table SET $column = @{[ other($column, @type) ]} WHERE $row->{at}",
			$row->{names});
	},
	delete => sub {
		my $table = any(sort keys %kind_of);
		my $row = a_row($table);

		return ("DELETE FROM trainledger.$table WHERE $row->{at}", $row->{names});
	},
	delete_beside => sub {
		my $table = any(sort keys %beside);
		my $row = a_row($table);

		return ("DELETE FROM trainledger.$table WHERE $row->{at}", $row->{names});
	},
	insert => sub {
		my $table = any(sort keys %kind_of);
		my $row = a_row($table);
		my $key = $table eq 'entry' ? 'entry_no' : 'id';
		my $new = 1_000_000 + int rand 1_000_000;
		my $columns = join ', ', map { $_->[0] eq $key ? $new : $_->[0] eq 'dedup' ? 'NULL' : $_->[0] } @{ $columns{$table} };

		return ("INSERT INTO trainledger.$table SELECT $columns FROM trainledger.$table WHERE $row->{at}",
			[ map { s/\d+\}\z/$new}/r } @{ $row->{names} } ]);
	},
	swap => sub {
		my $table = any(sort keys %kind_of);
		my ($one, $two) = (a_row($table), a_row($table));
		my ($a, $b) = map { "(SELECT booking_no FROM trainledger.$table WHERE $_->{at})" } $one, $two;

		return ("UPDATE trainledger.$table SET booking_no = CASE WHEN $one->{at} THEN $b ELSE $a END WHERE ($one->{at} OR $two->{at}) AND $a <> $b",
			[ @{ $one->{names} }, @{ $two->{names} } ]);
	},
	# the account as it was before its last entry
	older => sub {
		my ($account) = answer('SELECT id FROM trainledger.account WHERE entry_count > 1 AND id NOT IN (SELECT account_id FROM trainledger.entry WHERE booking_no > trainledger_internal.sealed_upto()) ORDER BY random() LIMIT 1');
		my @last = answer("SELECT 'E1', ARRAY[e.account_id, e.entry_no] FROM trainledger.entry e WHERE e.account_id = $account ORDER BY e.entry_no DESC LIMIT 1");

		answer('BEGIN');
		answer("DELETE FROM trainledger.entry WHERE account_id = $account AND entry_no = (SELECT entry_count FROM trainledger.account WHERE id = $account)");
		return ("UPDATE trainledger.account SET entry_count = entry_count - 1, balance = (SELECT balance FROM trainledger.entry WHERE account_id = $account ORDER BY entry_no DESC LIMIT 1) WHERE id = $account",
			[ @last, 'E1|' ]);
	});

# Runs a change in a transaction that is rolled back. What verify() reports, a
# line each, and the names of the rows after it; nothing where nothing was
# changed: a constraint stands in the way.
sub reported
{
	my ($sql) = @_;
	my @lines;
	my ($table) = $sql =~ /trainledger\.(\w+)/;
	my $key = $table eq 'entry' ? 'ARRAY[account_id, entry_no]' : $kind_of{$table} ? 'ARRAY[id]' : 'NULL';

	$session->query('BEGIN');
	my $answer = $session->query("$sql RETURNING '@{[ $kind_of{$table} // '' ]}', $key");
	my $done = $answer->{sqlstate} eq '00000' && @{ $answer->{rows} };
	if ($done)
	{
		my $verified = $session->query('SELECT kind, key, problem, detail FROM trainledger.verify()');
		@lines = $verified->{sqlstate} eq '00000' ? @{ $verified->{rows} } : ("error $verified->{sqlstate}");
	}
	answer('ROLLBACK');
	return $done ? (\@lines, @{ $answer->{rows} }) : ();
}

my (%done, @missed);
my ($made, $tried) = (0, 0);
while ($made < $count && $tried++ < 3 * $count)
{
	my $what = any(sort keys %tamper);
	my ($sql, $names) = $tamper{$what}->();
	my ($lines, @now) = reported($sql) or next;

	$made++;
	$done{$what}++;
	next if grep { my $line = $_; grep { $_ eq '|' || index($line, "$_|") == 0 } @$names, grep { /^.1\|/ } @now } @$lines;
	push @missed, "$sql: not @$names[0 .. ($#$names > 2 ? 2 : $#$names)], but "
	  . (join(', ', @$lines[0 .. ($#$lines > 2 ? 2 : $#$lines)]) || 'nothing');
}
note join ', ', "$made changes in $tried tries", map { "$_ $done{$_}" } sort keys %done;
is($made, $count, 'so many changes were made');
is(scalar(grep { $_ } values %done), scalar(keys %tamper), 'changes of every sort were made');
is(join("\n", @missed), '', 'each is reported, by the name of its row');
is(join("\n", answer('SELECT * FROM trainledger.verify()')), '', 'control: verify() has nothing to say');

# ----------------------------------------------------------------------
# The log cut off, and written anew
# ----------------------------------------------------------------------

# What verify() reports with the checkpoint that was kept
sub with_kept
{
	return answer("SELECT kind, key, problem FROM trainledger.verify(\$c\$$kept\$c\$)");
}

is(join("\n", with_kept()), '', 'the books agree with the checkpoint that was kept');
like(join("\n", answer("SELECT detail FROM trainledger.verify(\$c\$@{[ $kept =~ s/\n\d+\n/\n1\n/r ]}\$c\$)")),
	qr/another root/, 'but not with another size');

answer("DELETE FROM trainledger.$_") for qw(checkpoint log_block log_node log_mark);
is(join("\n", with_kept()), "checkpoint|{$size}|missing", 'a log that is gone is reported');
answer("UPDATE trainledger.entry SET delta = (delta::numeric + 1)::trainledger.amount WHERE booking_no = 1");
answer('SELECT trainledger.seal()') for 1 .. 2;
is(join("\n", answer('SELECT kind, key, problem FROM trainledger.verify()')),
	'', 'of a log that was written anew, verify() alone knows nothing');
is(join("\n", with_kept()), "checkpoint|{$size}|changed", 'with the checkpoint it does');

# ----------------------------------------------------------------------
# A group of blocks ends where the next one begins
# ----------------------------------------------------------------------

my ($account) = answer("SELECT a.id FROM trainledger.account a JOIN trainledger.token_type t ON t.id = a.token_type_id WHERE a.name IS NOT NULL AND t.bounds = '(,)' AND t.is_active AND a.party_id = 20 LIMIT 1");
answer("SELECT count(*) FROM trainledger.post_batch(array_fill(${account}::bigint, ARRAY[67000]), array_fill('1'::trainledger.amount, ARRAY[67000]), 'batch')");
# a transaction of autovacuum may hold the bookings back
for (1 .. 600)
{
	answer('SELECT trainledger.seal()');
	last if (answer('SELECT max(block_no) > 256 FROM trainledger.log_block'))[0] eq 't';
	select undef, undef, undef, 0.1;
}
for my $change ("prefixes = '\\x00'", "hash = '\\x00'", 'size = 0')
{
	my ($lines) = reported("UPDATE trainledger.log_block SET $change WHERE block_no = 256");

	is(join("\n", map { s/\|Its.*//r } @$lines), 'log_block|{256}|changed', "$change, where a group begins, is reported alone");
}

# ----------------------------------------------------------------------
# Many checkpoints: each is looked at once
# ----------------------------------------------------------------------

my ($forged) = answer("WITH forged AS (INSERT INTO trainledger.checkpoint (origin, size, root, last_booking_no, created_at)
	SELECT c.origin, n, sha256(c.root), c.last_booking_no, c.created_at
	FROM (SELECT * FROM trainledger.checkpoint ORDER BY size DESC LIMIT 1) c, generate_series(1, 30000) n
	ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM forged");
cmp_ok($forged, '>', 20000, "$forged checkpoints are forged");
answer("SET statement_timeout = '20s'");
is(join("\n", answer('SELECT kind, problem, count(*) FROM trainledger.verify() GROUP BY 1, 2')),
	"checkpoint|changed|$forged", 'and all of them are found before long');

$session->quit;
$node->stop;
done_testing();
