# A party with something in every subject is forgotten. The log still says what
# it said: verify(), and proofs of its entries and of those of others, from
# before and from after, hold with a checker that knows nothing of the extension.
# No dump has a text of the party, and no file once the tables that the NOTICE
# names were rewritten.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Transparency;

my $origin = 'books.example/ledger';
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my ($pem, $public) = make_key();
my $vkey = make_vkey($origin, $public);
append_to_file("$folder/log.pem", $pem);
my $node = start_books('forgetting', "trainledger.log_key_file = '$folder/log.pem'");

# In each text of party 2049 and nowhere else
my $word = 'xqzword';

$node->safe_psql('books', <<"END");
SELECT trainledger.start_log('$origin', 'test');
SELECT trainledger.add_party('person', 'Una $word', 'una\@$word.example', 'rfid $word', 'barcode $word', 'external $word',
	data => '["$word"]', flags => '{$word}', sources => '{$word}', attributes => '{"forget": 1, "$word": "$word"}', id => 2049, uuid => '00000000-0000-4000-8000-000000002049');
SELECT trainledger.add_party('person', 'Duo', 'duo\@books.example', id => 2050);
SELECT trainledger.add_training_token_type('Silver', id => '00000000-0000-4000-8000-000000000001');
SELECT trainledger.add_catalog_item('course', 'C-1', 'A course', id => 11);
SELECT trainledger.add_region('EU', 'Europe'), trainledger.add_currency('EUR', 'Euro');
SELECT trainledger.create_pass_type('PASS', 'Pass', id => 1);
SELECT trainledger.add_pass_content(1, '{11}');
SELECT trainledger.create_pass_option(1, 'Month', 'months', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'EU', 'EUR', 1), trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT trainledger.create_signup_token(1, 'C-1', 5, 'code');
SELECT trainledger.add_program_kind('Kind', id => '00000000-0000-4000-8000-000000000006');
SELECT trainledger.add_program('00000000-0000-4000-8000-000000000006', 'Open', '2026-01-01', 1, id => '00000000-0000-4000-8000-000000000007');
SELECT id AS cohort FROM trainledger.confirm_cohort('00000000-0000-4000-8000-000000000007', 'Cohort') \\gset
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-000000000006', email => 'old\@$word.example');
SELECT trainledger.update_party(2049, email => 'old\@$word.example');
SELECT trainledger.update_party(2049, email => 'una\@$word.example');
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-000000000006', 2049, 'Una\@$word.example');
SELECT trainledger.credit_init(2049, 1000, '$word', '$word', now(), idempotency_key => gen_random_uuid());
SELECT trainledger.credit_init(2050, 1000, 'till', 'a drink', now());
SELECT trainledger.credit_subtract(p, 1, CASE p WHEN 2049 THEN '$word' ELSE 'till' END, CASE p WHEN 2049 THEN '$word ' ELSE 'drink ' END || i, clock_timestamp(), device => CASE p WHEN 2049 THEN '$word' END)
FROM generate_series(1, 20) i, unnest('{2049,2050}'::bigint[]) p;
SET request.jwt.claims = '{"sub": "desk of $word"}';
SELECT trainledger.credit_add(2050, 1, 'till', 'booked by her', clock_timestamp());
RESET request.jwt.claims;
SELECT id AS lot FROM trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000001', 2049, 10, '2100-01-01', 'notes $word', gen_random_uuid()) \\gset
SELECT trainledger.set_training_tokens_expiry(:'lot', '2100-02-01', 'reason $word');
SELECT trainledger.redeem_training_tokens(2049, '00000000-0000-4000-8000-000000000001', 2, 'reference $word', 'notes $word', gen_random_uuid());
SELECT trainledger.capture_hold(h.id, 1, false, '$word') FROM trainledger.credit_hold(2049, 4, '$word', '$word', device => '$word') h;
SELECT trainledger.hold_training_tokens(2049, '00000000-0000-4000-8000-000000000001', 3, '$word', notes => '$word');
SELECT trainledger.issue_pass(1, 1, 2049);
SELECT trainledger.cancel_pass_use(u.id, '$word') FROM trainledger.use_pass(2049, 11, '$word') u;
SELECT trainledger.cancel_signup_claim(c.id, '$word') FROM trainledger.claim_signup_token('code', 2049) c;
SELECT trainledger.sync_cohort('00000000-0000-4000-8000-000000000007', :'cohort', '\$.attributes.forget == 1', mode => 'open');
SELECT trainledger.update_user_cohort_state(2049, '00000000-0000-4000-8000-000000000007', 'dropped', comments => '$word', state_detail => '$word');
SELECT trainledger.seal();
SELECT trainledger.sign_checkpoint();
-- and something that is not sealed yet
SELECT trainledger.credit_subtract(2049, 1, '$word', 'not sealed $word', clock_timestamp());
END
my $kept = $node->safe_psql('books', 'SELECT note FROM trainledger.checkpoint ORDER BY size DESC LIMIT 1');

# Tables with the word in them
my $tables = join ' UNION ALL ', map { "SELECT '$_' WHERE EXISTS (SELECT FROM trainledger.$_ t WHERE t::text LIKE '%$word%')" }
  rows($node, q{SELECT relname FROM pg_class WHERE relnamespace = 'trainledger'::regnamespace AND relkind = 'r' ORDER BY 1});
my @with = rows($node, $tables);
is( "@with",
	'claim_event entry hold_event membership membership_event party party_request pass_event pass_use placed_hold redemption signup_claim ticket ticket_event token_issue_event',
	'the texts are in every subject');

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

# Whether a proof holds for a leaf
sub holds
{
	my ($text, $leaf) = @_;
	my $proof = parse_proof($text);
	my $checkpoint = parse_checkpoint(verify_note($proof->{note}, $vkey));

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
is(join("\n", rows($node, $tables)), '', 'no row has a text of the party');
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
