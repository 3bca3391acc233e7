# A party with something in every subject is forgotten. The log still says what
# it said: verify(), and proofs of its entries and of those of others, from
# before and from after, hold with a checker that knows nothing of the extension.
# No dump has a text of the party, and no file once the tables that the NOTICE
# names were rewritten.  A backend that is killed on the way has changed nothing.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Forgotten;
use TrainLedger::Transparency;

my $origin = 'books.example/ledger';
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my ($pem, $public) = make_key();
my $vkey = make_vkey($origin, $public);
append_to_file("$folder/log.pem", $pem);
my $node = start_books('forgetting', "trainledger.log_key_file = '$folder/log.pem'", 'restart_after_crash = on');

# In each text of party 2049 and nowhere else
my $word = 'xqzword';

in_every_subject($node, $word, $origin);
$node->safe_psql('books', <<"END");
SELECT trainledger.seal();
SELECT trainledger.sign_checkpoint();
-- and something that is not sealed yet
SELECT trainledger.credit_subtract(2049, 1, '$word', 'not sealed $word', clock_timestamp());
END
my $kept = $node->safe_psql('books', 'SELECT note FROM trainledger.checkpoint ORDER BY size DESC LIMIT 1');

is( join(' ', tables_with($node, $word)),
	'books_check claim_event entry hold_event log_origin membership membership_event party party_request pass_event pass_use placed_hold redemption signup_claim ticket ticket_event token_issue_event',
	'the texts are in every subject');

# ----------------------------------------------------------------------
# Killed in the middle
# ----------------------------------------------------------------------

# One digest of each table
sub books
{
	my @tables = rows($node, q{SELECT c.oid::regclass FROM pg_class c
		WHERE c.relkind = 'r' AND c.relnamespace = 'trainledger'::regnamespace ORDER BY 1});

	return $node->safe_psql('books', join ' UNION ALL ', map { "SELECT '$_', md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM $_ t" } @tables);
}
my $books = books();

# It waits for a row that somebody else has: of the first table that is emptied,
# of one in between, of the last thing that is done.
for my $late ('membership_event WHERE party_id = 2049', 'hold_event WHERE hold_id IN (SELECT id FROM trainledger.placed_hold WHERE party_id = 2049)', 'party_salt WHERE party_id = 2049')
{
	my ($holder, $forgetting) = sessions($node, 2);
	my ($table) = $late =~ /^(\w+)/;
	my $pid = $forgetting->backend;

	$holder->query('BEGIN');
	cmp_ok(scalar @{ $holder->query("SELECT 1 FROM trainledger.$late FOR UPDATE")->{rows} }, '>', 0, "somebody has rows of $table");
	$forgetting->send("SELECT * FROM trainledger.forget_party(2049, 'gdpr-17', '{desk of $word}')");
	$node->poll_query_until('books', "SELECT cardinality(pg_blocking_pids($pid)) = 1") or die 'nobody waits';
	my $seen = -s $node->logfile;
	kill 'KILL', $pid;
	ok($forgetting->receive->{lost}, 'and the backend that waits for them is killed');
	$node->wait_for_log(qr/was terminated by signal 9.*ready to accept connections/s, $seen);
	is(books(), $books, 'nothing was changed');
	is($node->safe_psql('books', 'SELECT * FROM trainledger.verify()') . $node->safe_psql('books', 'SELECT * FROM trainledger.reconcile()'),
		'', 'verify() and reconcile() have nothing to say');
}

my ($session) = sessions($node, 1);

# What an expression gives, to the byte
sub text_of
{
	my ($expression) = @_;
	my $answer = $session->query("SELECT encode(convert_to($expression, 'UTF8'), 'hex')");

	die "$expression: $answer->{sqlstate}" unless $answer->{sqlstate} eq '00000';
	return pack 'H*', $answer->{rows}[0];
}

my @sealed = rows($node, q{SELECT account_id || ', ' || entry_no FROM trainledger.entry
	WHERE booking_no <= (SELECT max(last_booking_no) FROM trainledger.checkpoint) ORDER BY account_id, entry_no});
my %proof = map { $_ => text_of("trainledger.prove_entry($_)") } @sealed;
my %leaf = map { $_ => text_of("trainledger.entry_leaf($_)") } @sealed;

# Whether a proof holds for a leaf. Many have one checkpoint, whose signature is
# looked at once.
my %verified;

sub holds
{
	my ($text, $leaf) = @_;
	my $proof = parse_proof($text);
	my $checkpoint = parse_checkpoint($verified{ $proof->{note} } //= verify_note($proof->{note}, $vkey));

	return proves_inclusion($proof->{index}, $checkpoint->{size}, leaf_hash($leaf), $proof->{path}, $checkpoint->{root});
}

is(scalar(grep { !holds($proof{$_}, $leaf{$_}) } @sealed), 0, 'each of ' . @sealed . ' entries is proved');

# ----------------------------------------------------------------------
# Forgotten
# ----------------------------------------------------------------------

my ($status, $answer, $notice) =
  $node->psql('books', "SELECT * FROM trainledger.forget_party(2049, 'gdpr-17', '{desk of $word}')");
is($status, 0, 'the party is forgotten');
my ($entries, $events) = $answer =~ /\A2049\|(\d+)\|(\d+)\z/;
is($entries, $node->safe_psql('books', 'SELECT count(*) FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id WHERE a.party_id = 2049') + 1,
	'all its entries, and the one that it booked');
my ($list) = $notice =~ /VACUUM \(FULL, ANALYZE\) ([^;]*?)\.$/m;
ok($list, 'a NOTICE says what to rewrite');
is(join(' ', tables_with($node, $word)), '', 'no row has a text of the party');
is($node->safe_psql('books', "SELECT string_agg(name || is_suspended, ',') FROM trainledger.party WHERE id = 2049"),
	'forgottentrue', 'the party is there, by another name');

sub is_whole
{
	my ($when) = @_;

	is($node->safe_psql('books', 'SELECT * FROM trainledger.verify()'), '', "$when: verify() has nothing to say");
	is($node->safe_psql('books', "SELECT * FROM trainledger.verify(\$c\$$kept\$c\$)"),
		'', "$when: nor with the checkpoint from before");
	is($node->safe_psql('books', 'SELECT * FROM trainledger.reconcile()'), '', "$when: nor has reconcile()");
	is(join(' ', grep { text_of("trainledger.entry_leaf($_)") ne $leaf{$_} } @sealed), '', "$when: leaves are what they were");
	return;
}

is_whole('before it is sealed');
$node->safe_psql('books', 'SELECT trainledger.seal()') for 1 .. 2;
$node->safe_psql('books', 'SELECT trainledger.sign_checkpoint()');
is_whole('sealed');
is($node->safe_psql('books', "SELECT count(*) FROM trainledger.log_leaf WHERE kind = 'R1'"),
	$entries + $events, 'a leaf for each redaction');
is($node->safe_psql('books', 'SELECT count(*) FROM trainledger.party_salt WHERE party_id = 2049'),
	0, 'its salt is gone, and no other is made');
is(scalar(grep { !holds($proof{$_}, $leaf{$_}) } @sealed), 0, 'proofs from before hold');
is(scalar(grep { !holds(text_of("trainledger.prove_entry($_)"), $leaf{$_}) } @sealed), 0, 'and those from now');

# Texts of others are proved as before, those that are forgotten are not
my ($una, $duo) = rows($node, 'SELECT id FROM trainledger.account WHERE name IS NOT NULL ORDER BY party_id');
my ($salt, $texts) = split /\n/, text_of("trainledger.entry_texts($duo, 2)");
is(sha256_hex(pack('H*', $salt) . $texts), (split /\t/, $leaf{"$duo, 2"})[-1], 'texts of another party are proved');
for my $gone ("$una, 2", "$duo, 22")
{
	my (undef, undef, $error) = $node->psql('books', "SELECT trainledger.entry_texts($gone)");
	like($error, qr/texts of the entry were forgotten/, "not those of $gone");
}

# What is booked afterwards has a salt of its own
$node->safe_psql('books', "SELECT trainledger.credit_subtract(2049, 1, 'till', 'later', clock_timestamp())");
$node->safe_psql('books', 'SELECT trainledger.seal()') for 1 .. 2;
is_whole('with what came later');
is($node->safe_psql('books', 'SELECT count(*) FROM trainledger.party_salt WHERE party_id = 2049'), 1, 'a new salt');

# Whoever writes into what was forgotten, or makes up a redaction, is found
for ([ "UPDATE trainledger.entry SET delta = '-2' WHERE account_id = $una AND entry_no = 2", "E1|{$una,2}" ],
	[ "UPDATE trainledger.redaction SET texts_hash = sha256('x') WHERE kind = 'E1' AND row_id = $una AND entry_no = 2", "E1|{$una,2}" ],
	[ "DELETE FROM trainledger.redaction WHERE kind = 'E1' AND row_id = $una AND entry_no = 2", "E1|{$una,2}" ],
	[ "INSERT INTO trainledger.redaction SELECT 7777, booking_no, 'E1', $duo, 2, 2050, texts_hash, 'x', 'x', now() FROM trainledger.redaction LIMIT 1", 'R1|{7777}' ])
{
	my ($change, $named) = @$_;
	my @found = split /\n/, $node->safe_psql('books', <<"END");
BEGIN;
ALTER TABLE trainledger.entry DISABLE TRIGGER ALL;
ALTER TABLE trainledger.redaction DISABLE TRIGGER ALL;
$change;
SELECT kind, key FROM trainledger.verify();
ROLLBACK;
END
	ok((grep { $_ eq $named } @found), "found: $change");
}

# ----------------------------------------------------------------------
# Dumps and files
# ----------------------------------------------------------------------

my $dump = "$folder/books.sql";
$node->command_ok([ $node->installed_command('pg_dump'), '-f', $dump, $node->connstr('books') ], 'a dump');
unlike(slurp_file($dump), qr/$word/i, 'has nothing of it');

# Files of the tables and their indexes that have the word
sub files_with_word
{
	my @files = rows($node, "SELECT c.oid::regclass || ' ' || pg_relation_filepath(c.oid) FROM pg_class c WHERE c.relkind IN ('r', 'i', 't')
		AND (c.relnamespace = 'trainledger'::regnamespace OR c.relnamespace = 'pg_toast'::regnamespace AND c.oid IN (
			SELECT reltoastrelid FROM pg_class WHERE relnamespace = 'trainledger'::regnamespace
			UNION SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT reltoastrelid FROM pg_class WHERE relnamespace = 'trainledger'::regnamespace)))");

	$node->safe_psql('books', 'CHECKPOINT');
	return grep {
		my ($name, $path) = split ' ';
		slurp_file($node->data_dir . "/$path") =~ /$word/i
	} @files;
}

isnt(join(' ', files_with_word()), '', 'files still have it');
$node->safe_psql('books', "VACUUM (FULL, ANALYZE) $list");
is(join(' ', files_with_word()), '', 'none after the tables were rewritten');
is_whole('rewritten');

done_testing();
