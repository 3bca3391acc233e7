# How names are compared where case does not count: for every character, alone
# and after others, against Perl's own Unicode tables; in databases whose
# locales and collations differ, and through a dump and a restore.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use Unicode::Normalize qw(NFC NFD);
use Unicode::UCD;
use Test::More;

use TrainLedger;

my $node = start_books('names');

# Folding in Perl: one character becomes one, as in the column C + S of Unicode
sub folded
{
	return NFC(join '', map { my $f = CORE::fc($_); my $l = lc; length $f == 1 ? $f : length $l == 1 ? $l : $_ } split //, NFC(shift));
}

# The server's answers for a list of texts, which travel as hexadecimal digits.
sub answers
{
	my ($database, @texts) = @_;
	my $list = join ',', map { my $bytes = $_; utf8::encode($bytes); unpack 'H*', $bytes } @texts;
	my $answer = $node->safe_psql($database,
		qq{SELECT string_agg(encode(convert_to(trainledger_internal.folded(convert_from(decode(x, 'hex'), 'UTF8')), 'UTF8'), 'hex'), ',' ORDER BY n)
		FROM unnest(string_to_array('$list', ',')) WITH ORDINALITY AS t(x, n)});
	return map { my $text = pack 'H*', $_; utf8::decode($text); $text } split /,/, $answer, -1;
}

sub compare
{
	my ($what, $database, @texts) = @_;
	my @got = answers($database, @texts);
	my @wrong = grep { $got[$_] ne folded($texts[$_]) } 0 .. $#texts;
	is(join(' ', map { sprintf '%vX', $texts[$_] } @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]), '', "$what: " . @texts . ' texts');
	return;
}

# Characters that are assigned in Unicode 14, by name of their age
my @assigned = grep { chr =~ /\p{Assigned}/ && chr =~ /\p{Age: 14.0}|\p{Present_In: 14.0}/ && chr !~ /\p{White_Space}|[\x{200b}\x{2060}\x{feff}]/ }
  (1 .. 0xd7ff, 0xe000 .. 0xf8ff, 0x10000 .. 0x1ffff);
cmp_ok(scalar @assigned, '>', 60_000, 'characters to compare');
for (my $i = 0; $i < @assigned; $i += 20_000)
{
	my @part = @assigned[ $i .. ($i + 19_999 < $#assigned ? $i + 19_999 : $#assigned) ];
	compare("part $i", 'books', map { chr } @part);
}

# Composed, decomposed and capital forms of a word are one.
my @cased = grep { chr =~ /\p{Cased}/ && NFD(chr) ne chr } @assigned;
compare('decomposed', 'books', map { ('x' . NFD(chr), uc(NFD(chr)) . 'x') } @cased);
my @words = map { chr($cased[ int rand @cased ]) . chr($cased[ int rand @cased ]) } 1 .. 2000;
is_deeply([ answers('books', map { NFD($_) } @words) ], [ answers('books', @words) ], 'composed or not: the same');

# Another locale, the same answers; and a dump comes back.
for my $locale ('C', 'C.UTF-8')
{
	my $database = 'locale_' . lc($locale =~ s/\W//gr);
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING 'UTF8' LOCALE '$locale' TEMPLATE template0");
	$node->safe_psql($database, 'CREATE EXTENSION trainledger');
	compare("locale $locale", $database, map { chr } @cased);
}
my $rows = q{
	SELECT trainledger.add_party('person', 'É', E' E\u0301@Example.org');
	SELECT trainledger.add_program((SELECT id FROM trainledger.add_program_kind('k')), 'p', '2026-01-01', 1);
	SELECT trainledger.confirm_cohort((SELECT id FROM trainledger.program), 'Ärger');
	SELECT trainledger.add_catalog_item('course', 'c', 'c');
	SELECT trainledger.create_signup_token(1, 'c', 1, 'Ñandú');};
utf8::encode($rows);
$node->safe_psql('locale_c', $rows);
for my $format ('plain', 'custom')
{
	my $file = $node->basedir . "/names.$format";
	my $database = "restored_$format";
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('locale_c'), '-F', $format, '-f', $file ], "$format dump");
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0");
	$node->command_ok(
		$format eq 'plain'
		? [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $file ]
		: [ 'pg_restore', '-d', $node->connstr($database), $file ],
		"$format restore into another locale");
	my $query = q{
		SET enable_seqscan = off;
		SELECT (SELECT count(*) FROM trainledger.name_conflicts),
			(trainledger.find_party('email', E'é@EXAMPLE.org')).name,
			(trainledger.confirm_cohort((SELECT id FROM trainledger.program), E'A\u0308RGER')).name,
			(trainledger.claim_signup_token(E'n\u0303ANDU\u0301', (SELECT id FROM trainledger.party))).party_id = (SELECT id FROM trainledger.party);};
	my $expected = '0|É|Ärger|t';
	utf8::encode($_) for $query, $expected;
	is($node->safe_psql($database, $query), $expected, "$format: found by its indexes");
}

done_testing();
