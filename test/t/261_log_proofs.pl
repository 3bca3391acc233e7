# What the log says is checked by TrainLedger::Transparency, which was written
# from the specifications and knows nothing of the extension: the roots of trees
# of every size up to 600 and of some large ones, signatures, proofs of entries
# and of consistency, and what leaves and texts are. Altered ones never hold.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use List::Util qw(max min uniqnum);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Transparency;

my $sizes = 600;
# There is a node of level 16 in 70,000; make soak N=40000 goes up to 10^6.
my $large = min(1_000_000, max(70_000, 25 * soak()));
my $seed = $ENV{TRAINLEDGER_SEED} || 20261130;
note "seed $seed, up to $large leaves";
srand $seed;

my $origin = 'books.example/ledger';
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my ($pem, $public) = make_key();
my $vkey = make_vkey($origin, $public);
append_to_file("$folder/log.pem", $pem);

my $node = start_books('log_proofs', "trainledger.log_key_file = '$folder/log.pem'");
my ($session) = sessions($node, 1);
add_role($node, 'proof_learner', 'learner');

# What a statement answers, each in a transaction of its own
sub answer
{
	my ($sql) = @_;
	my $answer = $session->query($sql);

	die "$sql: $answer->{sqlstate}" unless $answer->{sqlstate} eq '00000';
	return @{ $answer->{rows} };
}

# The text that an expression gives, to the byte
sub text_of
{
	my ($expression) = @_;
	my ($digits) = answer("SELECT encode(convert_to($expression, 'UTF8'), 'hex')");

	return pack 'H*', $digits;
}

sub any { return $_[ int rand @_ ]; }

# ----------------------------------------------------------------------
# Trees of every size
# ----------------------------------------------------------------------

answer("SELECT trainledger.add_party('person', 'Person ' || i) FROM generate_series(1, 5) i");
answer("SELECT trainledger.start_log('$origin', 'test')");
my @parties = answer('SELECT id FROM trainledger.party ORDER BY id');
my @accounts;
my @descriptions = ('', 'd', "tab\t, line\n, back\\slash\r", '\N',
	"\xc3\xa4 \xe2\x80\x94 \xf0\x9f\x90\x98", 'long ' x 1600);

# A booking of one leaf: an entry, or the event of a hold
sub book
{
	my $account = any(@accounts);

	return answer("SELECT h.id FROM trainledger.account a, trainledger.credit_hold(a.party_id, 0.01, 'till', 'hold') h WHERE a.id = $account")
	  if rand() < 0.1;
	return answer("SELECT trainledger.post($account, 'add', 0.25, 'till', \$d\$"
		  . any(@descriptions)
		  . "\$d\$, clock_timestamp(), device => "
		  . any('NULL', "'till:7'") . ', idempotency_key => '
		  . any('NULL', 'gen_random_uuid()') . ')');
}

for my $size (1 .. $sizes)
{
	if ($size <= @parties)
	{
		push @accounts,
		  answer("SELECT account_id FROM trainledger.credit_init($parties[$size - 1], 1000, 'till', '', now())");
	}
	else { book(); }
	# a transaction of autovacuum may hold the booking back
	for (1 .. 600)
	{
		last if (answer('SELECT trainledger.seal()'))[0] >= $size;
		select undef, undef, undef, 0.1;
	}
}

# The leaves as anybody reads them, and their hashes
my (@leaves, @hashes, %root);

sub read_leaves
{
	@leaves = rows($node,
		'SELECT leaf FROM trainledger.log_leaf ORDER BY booking_no, kind, key');
	@hashes = map { leaf_hash($_) } @leaves;
	%root = map { split /\|/ } rows($node,
		"SELECT size, encode(root, 'hex') FROM trainledger.checkpoint");
	return;
}

# Sizes of which the root is another than the checker's
sub wrong_roots
{
	return grep { $root{$_} ne unpack 'H*', tree_root(\@hashes, 0, $_) } @_;
}

read_leaves();
is(join(' ', sort { $a <=> $b } keys %root), join(' ', 1 .. $sizes), 'a checkpoint of every size');
is(join(' ', wrong_roots(1 .. $sizes)), '', 'and its root is that of the leaves');
my ($of_view) = answer('SELECT count(*) FROM trainledger.log_leaf WHERE leaf_hash <> sha256(decode($$00$$, $$hex$$) || convert_to(leaf, $$UTF8$$))');
is($of_view, 0, 'leaf_hash is that of RFC 6962');

# ----------------------------------------------------------------------
# Signatures
# ----------------------------------------------------------------------

# A text with one of its characters changed into another of base64 or a digit
sub altered
{
	my ($text) = @_;
	my @places = grep { substr($text, $_, 1) =~ m{[A-Za-z0-9]} } 0 .. length($text) - 1;
	my $place = any(@places);
	my $now = substr $text, $place, 1;

	substr $text, $place, 1, any(grep { $_ ne $now } 'A' .. 'Z', 0 .. 9);
	return $text;
}

# The checkpoint that a note has, undef where it does not hold. Notes come again
# and again, and each check is a run of openssl.
my %checkpoint;

sub checkpoint_of
{
	my ($note) = @_;

	return $checkpoint{$note} //= eval { parse_checkpoint(verify_note($note, $vkey)) };
}

my %note = map { $_ => text_of("trainledger.sign_checkpoint($_)") } 1 .. $sizes;
my (@wrong, @held);
for my $size (1 .. 20, map { 21 + int rand $sizes - 20 } 1 .. 40)
{
	my $checkpoint = checkpoint_of($note{$size});

	push @wrong, $size
	  unless $checkpoint
	  && $checkpoint->{origin} eq $origin
	  && $checkpoint->{size} == $size
	  && unpack('H*', $checkpoint->{root}) eq $root{$size}
	  && text_of("trainledger.checkpoint_text($size)") eq parse_note($note{$size})->{text};
	my $altered = altered($note{$size});
	push @held, $altered if checkpoint_of($altered);
}
is("@wrong", '', 'openssl says that notes are signed');
is("@held", '', 'but not altered ones');
is(text_of('trainledger.sign_checkpoint(7)'), $note{7}, 'signed again, a note is the same');

# A line that was added in the name of the key before it signed
my ($signer) = $note{8} =~ /^(\S+ \S+ \S{8})\S+\n\z/m;
my $unsign = sub {
	answer($_) for 'ALTER TABLE trainledger.checkpoint DISABLE TRIGGER USER', 'UPDATE trainledger.checkpoint SET note = NULL WHERE size = 8', 'ALTER TABLE trainledger.checkpoint ENABLE TRIGGER USER';
};
$unsign->();
answer("SELECT trainledger.add_signature(8, '$_')") for "${signer}AAAA", "\xe2\x80\x94 other.example AAAAAAAA";
ok(!checkpoint_of(text_of('(SELECT note FROM trainledger.checkpoint WHERE size = 8)')), 'a wrong line in the name of the key');
my $both = text_of('trainledger.sign_checkpoint(8)');
ok(checkpoint_of($both), 'does not keep it from signing');
is($both, parse_note($note{8})->{text} . "\n\xe2\x80\x94 other.example AAAAAAAA\n" . ($note{8} =~ /([^\n]+\n)\z/)[0], 'and lines of others stay');
$unsign->();
is(text_of('trainledger.sign_checkpoint(8)'), $note{8}, 'without them the note is the same again');

my $body = parse_note($note{9})->{text};
my @witness = make_key();
my $line = sign_note($body, 'witness.example', @witness);
chomp $line;
answer("SELECT trainledger.add_signature(9, '$line')");
$note{9} = text_of('(SELECT note FROM trainledger.checkpoint WHERE size = 9)');
is(verify_note($note{9}, $vkey, make_vkey('witness.example', $witness[1])),
	$body, 'a witness has signed it too');

# ----------------------------------------------------------------------
# Proofs
# ----------------------------------------------------------------------

# Where the entries are: their leaves by account and number
sub entries
{
	return map {
		my (undef, undef, $account, $number) = split /\t/, $leaves[$_];
		$leaves[$_] =~ /^E/ ? [ $_, $account, $number ] : ()
	} 0 .. $#leaves;
}

# Whether a proof is about this leaf, and of the tree of the leaves
sub holds
{
	my ($text, $leaf) = @_;
	my $proof = eval { parse_proof($text) } or return 0;
	my $checkpoint = checkpoint_of($proof->{note}) or return 0;

	return proves_inclusion($proof->{index}, $checkpoint->{size}, leaf_hash($leaf),
		$proof->{path}, $checkpoint->{root});
}

sub base64_lines { return join '', map { base64($_) . "\n" } @_; }

# Proves entries in trees of these sizes, and that these trees begin as others.
sub prove
{
	my ($what, @in) = @_;
	my @entries = entries();
	my (@refused, @other, @held);

	for my $size (@in)
	{
		my ($index, $account, $number) = @{ any(grep { $_->[0] < $size } @entries) };
		my $text = text_of("trainledger.prove_entry($account, $number, $size)");
		my $leaf = text_of("trainledger.entry_leaf($account, $number)");

		push @refused, "$account/$number in $size" unless holds($text, $leaf);
		push @other, "$account/$number in $size"
		  unless $leaf eq $leaves[$index]
		  && $text eq "c2sp.org/tlog-proof\@v1\nindex $index\n"
		  . base64_lines(inclusion_path($index, \@hashes, 0, $size))
		  . "\n$note{$size}";

		# one leaf, the index, a hash, the root, the signature, a leaf less; the
		# line of a witness, which nobody reads here, may be altered
		my @texts = ($text =~ s/^index \K\d+/$index + 1/er,
			altered($text =~ s/^\S+ witness\.example .*\n//mr),
			$text =~ s/index \d+\n\K[^\n]+\n//r);
		push @held, "$size: $_" for grep { holds($_, $leaf) && $_ ne $text } @texts;
		push @held, "$size: altered leaf" if holds($text, altered($leaf));

		my $old = 1 + int rand $size;
		my $lines = text_of("trainledger.prove_consistency($old, $size)");
		my $path = hashes_of($lines);
		my @roots = map { tree_root(\@hashes, 0, $_) } $old, $size;
		push @refused, "$old to $size" unless proves_consistency($old, $size, @roots, $path);
		push @other, "$old to $size"
		  unless $lines eq base64_lines(consistency_path($old, \@hashes, 0, $size));
		next if $old == $size;
		push @held, "$old to $size"
		  if proves_consistency($old, $size, leaf_hash('x'), $roots[1], $path)
		  || proves_consistency($old, $size, $roots[0], leaf_hash('x'), $path)
		  || proves_consistency($old - 1 || 2, $size, @roots, $path)
		  || proves_consistency($old, $size, @roots, [ @$path[ 1 .. $#$path ] ]);
	}
	is("@refused", '', "$what: proofs hold");
	is("@other", '', "$what: and are those of RFC 6962");
	is("@held", '', "$what: but not altered ones");
	return;
}

prove("up to $sizes leaves", 1 .. 4, map { 1 + int rand $sizes } 1 .. 100);

# ----------------------------------------------------------------------
# What leaves and texts are
# ----------------------------------------------------------------------

# The columns of an entry, said by the documentation, from the books
my %columns = map { my ($key, @columns) = split /\|/; $key => "@columns" } rows($node, q{
	SELECT e.account_id || '/' || e.entry_no, e.booking_no, e.account_id, e.entry_no, e.operation, e.delta, e.balance,
		to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
		coalesce(to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '\N'), '\N',
		coalesce(e.keyed_call::text, '\N'), '\N', a.party_id, a.token_type_id, a.name, '\N', '\N', '\N', '\N', '\N'
	FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id});
my (@columns, @texts);
for my $entry (entries())
{
	my ($index, $account, $number) = @$entry;
	my ($kind, @has) = split /\t/, $leaves[$index];
	my $hash = pop @has;

	push @columns, "$account/$number" if $kind ne 'E1' || "@has" ne $columns{"$account/$number"};
	next if rand() < 0.8;
	my ($salt, $texts, @more) = split /\n/, text_of("trainledger.entry_texts($account, $number)");
	my ($copied) = answer("COPY (SELECT source, description, device, booked_by, dedup FROM trainledger.entry WHERE account_id = $account AND entry_no = $number) TO STDOUT");
	push @texts, "$account/$number"
	  if @more
	  || $salt !~ /\A[0-9a-f]{64}\z/
	  || $texts ne $copied
	  || sha256_hex(pack('H*', $salt) . $texts) ne $hash;
}
is("@columns", '', 'the columns of a leaf are those of its entry');
is("@texts", '', 'its last one is the hash of salt and texts');

# ----------------------------------------------------------------------
# Whose proofs
# ----------------------------------------------------------------------

my $learner = TrainLedger::Session->new($node, 'books');
$learner->query('SET ROLE proof_learner');
$learner->query("SET trainledger.party_id = $parties[0]");
for my $function (qw(prove_entry entry_leaf entry_texts))
{
	is($learner->query("SELECT trainledger.$function($accounts[0], 1)")->{sqlstate},
		'00000', "a learner: $function() of its own");
	is($learner->query("SELECT trainledger.$function($accounts[1], 1)")->{sqlstate},
		'TL404', "a learner: $function() of another's");
}
for my $call ('prove_consistency(1)', 'sign_checkpoint()', 'checkpoint_text()', 'verify()', 'seal()')
{
	is($learner->query("SELECT trainledger.$call")->{sqlstate}, '42501', "a learner: not $call");
}

# ----------------------------------------------------------------------
# Large trees
# ----------------------------------------------------------------------

my @large = (uniqnum(sort { $a <=> $b } map { $sizes + 1 + int rand $large - $sizes - 1 } 1 .. 9), $large);
my @sealed;
for my $size (@large)
{
	my $more = $size - ($sealed[-1] // $sizes);

	answer("SELECT count(*) FROM trainledger.post_batch(ARRAY(SELECT (ARRAY[@{[ join ',', @accounts ]}])[1 + i % 5] FROM generate_series(1, $_) i), ARRAY(SELECT '0.01'::trainledger.amount FROM generate_series(1, $_)), 'batch')")
	  for (10_000) x int($more / 10_000), grep { $_ } $more % 10_000;
	push @sealed, answer('SELECT trainledger.seal()');
}
read_leaves();
is("@sealed", "@large", 'large trees of random sizes');
is(scalar @leaves, $large, "the log has $large leaves");
is(join(' ', wrong_roots(@large)), '', 'roots of large trees');
$note{$_} = text_of("trainledger.sign_checkpoint($_)") for @large;
prove("up to $large leaves", @large);
is(join("\n", answer('SELECT * FROM trainledger.verify()')), '', 'verify() has nothing to say');

# ----------------------------------------------------------------------
# Where the rows are stored
# ----------------------------------------------------------------------

# The others of a block are looked for beside the entry, and by an index where
# they are not all there.
sub rows_by_index
{
	# bookings one by one; a batch is in the order of accounts anyway
	my ($account, $number) = @{ any(grep { $_->[0] < 256 } entries()) }[ 1, 2 ];

	answer('BEGIN');
	answer("SELECT trainledger.prove_entry($account, $number)");
	my ($rows) = answer("SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'trainledger.entry'::regclass");
	answer('COMMIT');
	return $rows;
}

answer('ANALYZE trainledger.entry');
cmp_ok(rows_by_index(), '<', 20, 'rows in the order of the log: a proof reads those beside the entry');
answer('CLUSTER trainledger.entry USING entry_pkey');
cmp_ok(rows_by_index(), '>', 200, 'rows in another order: it reads by an index');
prove('rows in another order', @large);

$session->quit;
$learner->quit;
$node->stop;
done_testing();
