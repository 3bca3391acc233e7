# Hostile and damaged documents of signup tokens: none loads a file, uses the
# network, or needs more memory or time than its size explains. A refused one
# leaves no row, and no code appears in a message or in the log. Then good
# documents: every encoding, large ones, and ones that are cancelled.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Encode qw(encode);
use Fcntl qw(O_WRONLY O_NONBLOCK);
use IO::Select;
use IO::Socket::INET;
use List::Util qw(max shuffle);
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use TrainLedger;
use TrainLedger::Mutator qw(damage);

# make soak asks for more
my $cases = max(1500, soak() > 2000 ? soak() : 0);
my $seed = $ENV{TRAINLEDGER_SEED} || 20261122;
srand $seed;
note "seed $seed, $cases mutations";

# Everything is logged but the statements, which are not ours.
my $node = start_books('signup_xml', 'log_min_messages = debug5',
	'log_error_verbosity = verbose', 'log_min_error_statement = panic',
	'max_wal_size = 1GB', 'synchronous_commit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('books',
	"SELECT trainledger.add_catalog_item('course', 'ABC-123', 'A course')");

# Every code of this test begins with it; it is part of nothing else.
my $mark = 'Qz7';
my $serial = 0;
sub new_code { return sprintf '%s%06dxK', $mark, ++$serial; }

# ----------------------------------------------------------------------
# Sending documents
# ----------------------------------------------------------------------

# A session whose answers have the error in full
sub connect_to
{
	my ($database) = @_;
	my $session = TrainLedger::Session->new($node, $database);

	$session->query('\set VERBOSITY verbose');
	return $session;
}

sub send_file
{
	my ($bytes) = @_;
	my $file = "$dir/document";

	open my $out, '>:raw', $file or die "$file: $!";
	print $out $bytes;
	close $out;
	chmod 0644, $file;
	return "pg_read_binary_file('$file')";
}

sub literal { return "'\\x" . unpack('H*', $_[0]) . "'::bytea"; }

# What a call with a document comes to: number of tokens, or SQLSTATE
sub call
{
	my ($session, $function, $bytes) = @_;
	my $document = length $bytes < 100000 ? literal($bytes) : send_file($bytes);
	my $answer =
	  $session->query("SELECT count(*) FROM trainledger.$function($document)");

	$answer->{text} = join "\n", @{ $answer->{rows} };
	return $answer;
}

# A token with a code, and further elements
sub token
{
	my ($code, $more) = @_;
	return
	    "<Token><TokenCode>$code</TokenCode><TokenType>1</TokenType>"
	  . '<TokenTypeId>ABC-123</TokenTypeId><MaximumActivations>50</MaximumActivations>'
	  . ($more // '')
	  . '</Token>';
}

sub tokens { return join '', '<Tokens>', @_, '</Tokens>'; }

# All tokens there are, as number and digest
my $contents = q{SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY id), '')) FROM trainledger.signup_token t};

# Peak and private memory of a session's process, in kB
sub memory
{
	my ($session, $field) = @_;
	my $status = slurp_file('/proc/' . $session->backend . '/status');
	return $status =~ /^$field:\s+(\d+) kB/m ? $1 : 0;
}

my $watched = connect_to('books');
my $is_sanitized =
  slurp_file('/proc/' . $watched->backend . '/maps') =~ /libasan/;
$watched->quit;

# ----------------------------------------------------------------------
# Documents that mean harm
# ----------------------------------------------------------------------

my $secret = "${mark}SECRETofTHEfile";
append_to_file("$dir/secret", $secret);
chmod 0644, "$dir/secret";
chmod 0755, $dir;
# who opens it for reading waits for a writer
mkfifo("$dir/fifo", 0666) or die "mkfifo: $!";
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
  or die "listen: $!";
my $url = 'http://127.0.0.1:' . $listener->sockport;
my $mb = 1024 * 1024;
my $lol = join '', '<!ENTITY l0 "lol">',
  map { sprintf '<!ENTITY l%d "%s">', $_, "&l@{[ $_ - 1 ]};" x 10 } 1 .. 9;

my @attacks = (
	[ 'a DOCTYPE', '<!DOCTYPE Tokens>' . tokens(token(new_code())) ],
	[
		'an external DTD', qq(<!DOCTYPE Tokens SYSTEM "file://$dir/secret">)
		  . tokens(token(new_code()))
	],
	[
		'an external DTD on the network', qq(<!DOCTYPE Tokens SYSTEM "$url/x.dtd">)
		  . tokens(token(new_code()))
	],
	[
		'a public DTD',
		qq(<!DOCTYPE Tokens PUBLIC "-//W3C//DTD XHTML 1.0//EN" "$url/x.dtd">)
		  . tokens(token(new_code()))
	],
	map({
			[
				"an external entity of $_->[0]",
				qq(<!DOCTYPE Tokens [<!ENTITY e SYSTEM "$_->[1]">]>)
				  . tokens(token('&e;'))
			],
			  [
				"an external parameter entity of $_->[0]",
				qq(<!DOCTYPE Tokens [<!ENTITY % e SYSTEM "$_->[1]"> %e;]>)
				  . tokens(token(new_code()))
			  ]
		} ([ 'a file', "file://$dir/secret" ], [ 'a path', "$dir/secret" ],
			[ 'a pipe', "$dir/fifo" ], [ 'a URL', "$url/x" ],
			[ 'FTP', 'ftp://127.0.0.1:' . $listener->sockport . '/x' ])),
	[
		'an unparsed entity',
		qq(<!DOCTYPE Tokens [<!NOTATION n SYSTEM "x"><!ENTITY e SYSTEM "file://$dir/secret" NDATA n><!ATTLIST Token a ENTITY #IMPLIED>]>)
		  . '<Tokens><Token a="e"/></Tokens>'
	],
	[ 'an internal entity', '<!DOCTYPE Tokens [<!ENTITY e "x">]>' . tokens(token('&e;')) ],
	[
		'an attribute with a default',
		'<!DOCTYPE Tokens [<!ATTLIST Token a CDATA "x">]>' . tokens(token(new_code()))
	],
	[ 'a billion laughs', "<!DOCTYPE Tokens [$lol]>" . tokens(token('&l9;')) ],
	[
		'a billion laughs in an attribute',
		"<!DOCTYPE Tokens [$lol]>" . '<Tokens a="&l9;"/>'
	],
	[
		'a quadratic blow-up',
		'<!DOCTYPE Tokens [<!ENTITY e "' . 'x' x 100000 . '">]>'
		  . tokens(token('&e;' x 100000))
	],
	[
		'an entity that is itself',
		'<!DOCTYPE Tokens [<!ENTITY e "&e;">]>' . tokens(token('&e;'))
	],
	[ 'an entity that is not there', tokens(token('&e;')) ],
	map({
			[
				"XInclude of $_->[0]",
				'<Tokens xmlns:xi="http://www.w3.org/2001/XInclude">'
				  . qq(<xi:include href="$_->[1]" parse="text"/></Tokens>)
			],
			  [
				"XInclude of $_->[0], in a code",
				'<Tokens xmlns="http://www.w3.org/2001/XInclude">'
				  . token(qq(<include href="$_->[1]" parse="text"/>))
				  . '</Tokens>'
			  ]
		} ([ 'a file', "file://$dir/secret" ], [ 'a URL', "$url/x" ])),
	# these say where something is, and are good: nobody looks there
	[
		'schema locations',
		'<Tokens xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
		  . qq( xsi:noNamespaceSchemaLocation="$url/x.xsd" xsi:schemaLocation="u file://$dir/fifo" xml:base="$url">)
		  . token(new_code())
		  . '</Tokens>',
		qr/00000/
	],
	[
		'a style sheet',
		qq(<?xml-stylesheet type="text/xsl" href="$url/x.xsl"?><?xml-model href="file://$dir/fifo"?>)
		  . tokens(token(new_code())),
		qr/00000/
	],
	# size
	[ 'depth 100,000', '<Tokens>' . '<Token>' x 100000 ],
	[ 'depth 100,000, closed', '<Tokens>' . '<Token>' x 100000 . '</Token>' x 100000 . '</Tokens>' ],
	[ 'depth 100,000 in a code', tokens(token('<b>' x 100000 . '</b>' x 100000)) ],
	[ '100 MB', '<Tokens>' . ' ' x (100 * $mb) . '</Tokens>' ],
	[ '60 MB of blanks', '<Tokens>' . ' ' x (60 * $mb) . token(new_code()) . '</Tokens>', qr/00000/ ],
	[ '60 MB of blanks in a code', tokens(token(' ' x (60 * $mb) . new_code())), qr/00000/ ],
	[ '60 MB of code', tokens(token(new_code() . 'x' x (60 * $mb))) ],
	[ '60 MB of references', tokens(token(new_code() . '&#120;' x (10 * $mb))) ],
	[ '60 MB of CDATA', tokens(token('<![CDATA[' . new_code() . 'x' x (60 * $mb) . ']]>')) ],
	[ '60 MB of CDATA sections', tokens(token(new_code() . '<![CDATA[]]>' x (5 * $mb))), qr/00000/ ],
	[ '60 MB of comments', tokens('<!---->' x (8 * $mb), token(new_code())), qr/00000/ ],
	[ '60 MB of processing instructions', tokens('<?x y?>' x (8 * $mb), token(new_code())), qr/00000/ ],
	[ '64 MB of bytes', join('', map { chr int rand 256 } 1 .. 65536) x 1024 ],
	[ '64 MB of NUL', "\0" x (64 * $mb) ],
	[ '64 MB of <', '<' x (64 * $mb) ],
	[ '64 MB of &', '<Tokens>' . '&' x (63 * $mb) ],
	[ '64 MB of text', '<Tokens>' . 'x' x (63 * $mb) ],
	[ '64 MB of tags', '<Tokens>' . '<a>' x (21 * $mb) ],
	[ '10 MB of attribute', '<Tokens><Token a="' . 'x' x (10 * $mb) . '"/></Tokens>' ],
	[ '10 MB of comment', '<Tokens><!--' . 'x' x (10 * $mb) . '--></Tokens>' ],
	[ '10 MB of processing instruction', '<Tokens><?x ' . 'x' x (10 * $mb) . '?></Tokens>' ],
	[ '10 MB of name', '<' . 'x' x (10 * $mb) . '/>' ],
	[ '10 MB of attribute name', '<Tokens ' . 'x' x (10 * $mb) . '=""/>' ],
	[ '10 MB of declaration', '<?xml version="1.0" ' . ' ' x (10 * $mb) . '?><Tokens/>' ],
	[ '10 MB of namespace', '<Tokens xmlns="' . 'x' x (10 * $mb) . '"/>' ],
	# a million of each: libxml2 compares each with each
	[ 'a million attributes', '<Tokens ' . join(' ', map { "a$_=''" } 1 .. 1000000) . '/>' ],
	[ '100,000 namespaces', '<Tokens ' . join(' ', map { "xmlns:a$_='u'" } 1 .. 100000) . '/>' ],
	[ '100 tags of 5,000 attributes', tokens(map { '<Token ' . join(' ', map { "a$_=''" } 1 .. 5000) . '>' . substr(token(new_code()), 7) } 1 .. 100), qr/00000/ ],
	# bytes
	[ 'nothing', '' ],
	[ 'a byte order mark alone', "\xef\xbb\xbf" ],
	[ 'half of a byte order mark', "\xff" ],
	map({ [ "the bytes $_->[0]", tokens(token(new_code() . $_->[1])) ] }
		[ 'ff', "\xff" ],          [ '80', "\x80" ],
		[ 'c0 80', "\xc0\x80" ],   [ 'e2 82', "\xe2\x82" ],
		[ 'ed a0 80', "\xed\xa0\x80" ], [ 'f4 90 80 80', "\xf4\x90\x80\x80" ],
		[ 'ef bf be', "\xef\xbf\xbe" ], [ '00', "\0" ], [ '1b', "\x1b" ]),
	[ 'UTF-16 with a lone surrogate', encode('UTF-16LE', "\x{feff}<Tokens>") . "\x00\xd8" . encode('UTF-16LE', '</Tokens>') ],
	[ 'UTF-16 cut within a character', substr encode('UTF-16LE', "\x{feff}" . tokens(token(new_code()))), 0, -1 ],
	map({ [ "the encoding $_", qq(<?xml version="1.0" encoding="$_"?>) . tokens(token(new_code())) ] }
		'X-NONE', 'UTF-16', 'UTF-16LE', 'UCS-4', 'x' x 1000, '', '..', "file:///$dir/fifo", '%s%n'),
	[ 'two declarations', '<?xml version="1.0"?><?xml version="1.0"?>' . tokens(token(new_code())) ],
	[ 'XML 1.1', '<?xml version="1.1"?>' . tokens(token(new_code() . '&#1;')) ],
	[ 'two documents', tokens(token(new_code())) x 2 ],
);

for my $attack (@attacks)
{
	my ($name, $document, $expected) = @$attack;
	$expected ||= qr/TL400/;
	my $session = connect_to('books');

	$session->query("SET statement_timeout = '60s'");
	$session->query('SELECT count(*) FROM trainledger.import_signup_tokens(\'<Tokens/>\')');
	$session->query('BEGIN');
	my $before = memory($session, 'VmRSS');
	my $begin = time;
	my $answer = call($session, 'import_signup_tokens', $document);
	my $took = time - $begin;
	my $peak = memory($session, 'VmHWM') - $before;

	like($answer->{sqlstate}, qr/^$expected$/, $name)
	  or diag substr $answer->{text}, 0, 500;
	unlike($answer->{text}, qr/\Q$mark\E/, "$name: no code, nothing of the file");
	unless ($is_sanitized)
	{
		# the document is in memory once, and on its way there twice
		my $most = 30000 + 2 * length($document) / 1024;
		cmp_ok($peak, '<', $most, sprintf '%s: %d kB of memory', $name, $peak);
		cmp_ok($took, '<', 20, sprintf '%s: %.2f s', $name, $took);
	}
	$session->query('ROLLBACK');
	like($session->query($contents)->{rows}[0], qr/^0 /, "$name: leaves nothing");
	$session->quit;
}
@attacks = ();

ok(!IO::Select->new($listener)->can_read(0), 'nobody asked the network');
ok(!sysopen(my $fifo, "$dir/fifo", O_WRONLY | O_NONBLOCK), 'nobody reads the pipe');
# both would have been noticed
my $asking = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport);
ok(IO::Select->new($listener)->can_read(5), 'who asks is noticed');
close $asking;
close $listener;

# ----------------------------------------------------------------------
# Cut at every byte
# ----------------------------------------------------------------------

{
	my $session = connect_to('books');
	my $code = new_code();
	my $text =
	    qq(<?xml version="1.0" encoding="ENCODING"?>\n<!-- \x{e9} --><t:Tokens xmlns:t='u'><?x y?><t:Token a="&lt;">)
	  . "<t:TokenCode>$code\x{e9}&amp;<![CDATA[<]]]>\x{20ac}</t:TokenCode><t:TokenType>&#49;</t:TokenType>"
	  . '<t:TokenTypeId> ABC-123 </t:TokenTypeId><t:MaximumActivations>1</t:MaximumActivations></t:Token></t:Tokens>';
	for my $encoding ('UTF-8', 'UTF-16', 'ISO-8859-15')
	{
		(my $document = $text) =~ s/ENCODING/$encoding/;
		$document = encode($encoding, $document);
		my @wrong;
		for my $length (0 .. length($document) - 1)
		{
			my $answer = call($session, 'import_signup_tokens', substr $document, 0, $length);
			push @wrong, "$length: $answer->{text}"
			  if $answer->{sqlstate} ne 'TL400' || $answer->{text} =~ /\Q$mark/;
		}
		is(join("\n", @wrong), '',
			"$encoding: cut at any of its " . length($document) . ' bytes, it is refused');
		is(call($session, 'import_signup_tokens', $document)->{text},
			1, "$encoding: and whole it is read");
		is( $session->query("DELETE FROM trainledger.signup_token WHERE code = U&'$code\\00E9&<]\\20AC' RETURNING code LIKE '$mark%'")->{rows}[0],
			't', "$encoding: as it is");
	}
	like($session->query($contents)->{rows}[0], qr/^0 /, 'nothing else is left');
	$session->quit;
}

# ----------------------------------------------------------------------
# Documents of many pieces, in every encoding, cut anywhere by the pieces
# ----------------------------------------------------------------------

{
	my $session = connect_to('books');
	my @codes = map { "p\x{e9}\x{20ac}$_" } 1 .. 1000;
	my $expected = $session->query(
		"SELECT md5(string_agg(U&'p\\00E9\\20AC' || n, ',' ORDER BY n)) FROM generate_series(1, 1000) n")->{rows}[0];
	for my $encoding ('UTF-8', 'UTF-16LE', 'UTF-16BE', 'ISO-8859-15', 'windows-1252')
	{
		my @differing;
		for my $shift (0 .. 7)
		{
			my $document = encode($encoding,
				($encoding =~ /^UTF/ ? "\x{feff}" : '')
				  . qq(<?xml version="1.0" encoding="@{[ $encoding =~ s/..$//r eq 'UTF-16' ? 'UTF-16' : $encoding ]}"?>)
				  . ' ' x $shift
				  . tokens(map { "\n  " . token($_) } @codes));
			my $answer = $session->query(
				"BEGIN\\; SELECT md5(string_agg(code, ',' ORDER BY n)) FROM trainledger.import_signup_tokens("
				  . send_file($document)
				  . ') WITH ORDINALITY AS t(id, code, type, type_id, active, maximum_activations, activations, expiration, created_at, n)');
			$session->query('ROLLBACK');
			push @differing, "$shift: @{ $answer->{rows} }"
			  if ($answer->{rows}[0] // '') ne $expected;
		}
		is(join("\n", @differing), '', "$encoding: 1,000 tokens, whatever the pieces are");
	}
	$session->quit;
}

# ----------------------------------------------------------------------
# 100,000 tokens in one document
# ----------------------------------------------------------------------

{
	my $session = connect_to('books');
	my $document = send_file(tokens(map { "\n    " . token(new_code(), "\n  <TokenExpiration>2030-12-31T23:59:59</TokenExpiration>") } 1 .. 100000));
	my $import = "SELECT count(*), count(DISTINCT code), count(*) FILTER (WHERE code LIKE '$mark%') FROM trainledger.import_signup_tokens($document)";
	my $before = $session->query($contents)->{rows}[0];
	my ($stopped, $finished) = (0, 0);

	for my $timeout (1, 20, 50, 100, 200, 400, 800)
	{
		# of the transaction alone: a timeout that lasts stops what comes next
		$session->query('BEGIN');
		$session->query("SET LOCAL statement_timeout = $timeout");
		my $answer = $session->query($import);
		$session->query('ROLLBACK');
		like($answer->{sqlstate}, qr/^(57014|00000)$/, "cancelled after $timeout ms: $answer->{sqlstate}");
		unlike(join("\n", @{ $answer->{rows} }), qr/\Q$mark/, "cancelled after $timeout ms: no code");
		$answer->{sqlstate} eq '57014' ? $stopped++ : $finished++;
		is($session->query($contents)->{rows}[0], $before, "cancelled after $timeout ms: nothing is left");
	}
	cmp_ok($stopped, '>', 0, "$stopped are stopped, $finished have finished in time");

	my $other = connect_to('books');
	$other->send($import);
	Time::HiRes::sleep(0.3);
	$node->safe_psql('books', 'SELECT pg_terminate_backend(' . $other->backend . ', 60000)');
	ok($other->receive->{lost}, 'a session that is ended');
	is($session->query($contents)->{rows}[0], $before, 'leaves nothing');

	# of a document of five times the tokens, only the rows themselves are more
	$other = connect_to('books');
	my $begin = time;
	is($other->query($import)->{rows}[0], '100000|100000|100000', '100,000 tokens in one call');
	note sprintf '%.2f s', time - $begin;
	my $peak = memory($other, 'VmHWM');
	note "$peak kB at most, of which the document takes " . int((-s "$dir/document") / 1024);
	cmp_ok($peak, '<', 250000, 'the memory is that of the document and the rows')
	  unless $is_sanitized;
	$other->quit;

	# some changed by one document, and that cancelled too; a subtransaction
	# each fills a log of level debug5 with lists of them
	$session->query('SET log_min_messages = warning');
	$session->query('SET client_min_messages = warning');
	my $ids = $session->query("SELECT id FROM trainledger.signup_token ORDER BY id LIMIT 20000")->{rows};
	$document = send_file(tokens(map { "<Token><TokenId>$_</TokenId><Active>false</Active></Token>" } @$ids));
	$before = $session->query($contents)->{rows}[0];
	$session->query('BEGIN');
	$session->query('SET LOCAL statement_timeout = 300');
	is($session->query("SELECT count(*) FROM trainledger.apply_signup_tokens($document)")->{sqlstate},
		'57014', '20,000 changes, cancelled');
	$session->query('ROLLBACK');
	is($session->query($contents)->{rows}[0], $before, 'nothing is changed');
	is($session->query("SELECT count(*) FILTER (WHERE NOT active) FROM trainledger.apply_signup_tokens($document)")->{rows}[0],
		20000, '20,000 changes');
	is($session->query('SELECT count(*) FROM trainledger.signup_token WHERE NOT active')->{rows}[0],
		20000, 'are there');
	$session->query($_)
	  for 'ALTER TABLE trainledger.claim_event DISABLE TRIGGER append_only',
	  'TRUNCATE trainledger.signup_token CASCADE',
	  'ALTER TABLE trainledger.claim_event ENABLE ALWAYS TRIGGER append_only';
	$session->quit;
}

# ----------------------------------------------------------------------
# Mutations
# ----------------------------------------------------------------------

# What core's own parser reads: number and digest of the codes, or that it
# refuses. It knows of UTF-8 alone, and would show a code in its messages.
$node->safe_psql('books', <<'SQL');
CREATE FUNCTION core_reads(document bytea) RETURNS text
LANGUAGE plpgsql VOLATILE SET client_min_messages = error SET log_min_messages = fatal
AS $$
DECLARE
	parsed xml;
BEGIN
	parsed := xmlparse(DOCUMENT convert_from(document, 'UTF8'));
	RETURN (SELECT count(*) || ' ' || md5(coalesce(string_agg(coalesce(btrim(t.code, E' \t\n\r'), 'made'), ',' ORDER BY t.n), ''))
		FROM xmltable('/*[local-name() = "Tokens"]/*[local-name() = "Token"]' PASSING (parsed) COLUMNS n FOR ORDINALITY, code text PATH '*[local-name() = "TokenCode"]') t);
EXCEPTION WHEN OTHERS THEN
	RETURN 'refused';
END
$$;
SQL

my @pieces = (
	'<', '>', '/', '&', ';', '"', "'", '=', '!', '?', ']]>', '<![CDATA[', '<!--', '-->', '<?', '?>', '--',
	'<Token>', '</Token>', '<Tokens>', '</Tokens>', '<Token/>', '<TokenId>1</TokenId>', '<TokenCode/>', '<Active>1</Active>',
	'<x>', '</x>', '<x/>', ' a="b"', ' xmlns="u"', ' xmlns:t="u"', 't:', ' xml:space="preserve"', ' xsi:nil="true"',
	'&amp;', '&lt;', '&#0;', '&#x1F600;', '&#xD800;', '&e;', '%e;', '&#', '&#x110000;',
	'<!DOCTYPE Tokens>', '<!DOCTYPE Tokens [<!ENTITY e "x">]>', '<!ENTITY e "x">', '<!ELEMENT Token ANY>',
	'<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-16"?>', '<?xml version="1.0" encoding="ISO-8859-1"?>',
	"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff", "\0", "\x01", "\x7f", "\x80", "\xc3", "\xc3\xa9", "\xed\xa0\x80", "\xef\xbf\xbe", "\xf0\x9f\x98\x80",
	' ', "\n", "\r", "\r\n", "\t", '-1', '0', '00', '1e9', '2147483648', '99999999999999999999', '2023-02-29T00:00:00', 'true', 'TRUE', 'nil',
	'x' x 300, '<!--' . 'x' x 70000, '<x ' . 'a="" ' x 20, '<x>' x 300);
my @elements = qw(Tokens Token TokenId TokenCode TokenType TokenTypeId Active MaximumActivations TokenExpiration);

# A good document, in one of the forms that are read
sub good_document
{
	my ($is_update, @codes) = @_;
	my $blank = ('', "\n", ' ', "\r\n\t")[ rand 4 ];
	my $prefix = rand() < 0.15 ? 't:' : '';
	my $number = 0;
	my @tokens = map {
		my @parts = (
			[ TokenCode => rand() < 0.2 ? "<![CDATA[$_]]>" : $_ ],
			[ TokenType => 1 ], [ TokenTypeId => 'ABC-123' ],
			[ MaximumActivations => 1 + int rand 100 ]);
		push @parts, [ Active => ('true', 'false', 0, 1)[ rand 4 ] ] if rand() < 0.7;
		push @parts, [ TokenExpiration => ('', '2030-12-31T23:59:59', '2030-02-28 00:00:00')[ rand 3 ] ] if rand() < 0.7;
		push @parts, [ TokenId => 'fixed-' . ++$number ] if $is_update;
		@parts = shuffle(@parts) if rand() < 0.3;
		"<${prefix}Token>" . join('', map { "$blank<$prefix$_->[0]>$_->[1]</$prefix$_->[0]>" } @parts) . "$blank</${prefix}Token>";
	} @codes;
	my $root = $prefix ? qq(t:Tokens xmlns:t="urn:t") : rand() < 0.1 ? 'Tokens xmlns="urn:t"' : 'Tokens';
	return ('', '<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-8"?>' . "\n", '<!-- x -->')[ rand 4 ]
	  . "<$root>" . join($blank, @tokens) . "$blank</${prefix}Tokens>";
}

my @damages = (
	sub { substr($_[0], int rand(1 + length $_[0]), 0) = $pieces[ rand @pieces ]; },
	sub { substr($_[0], int rand length $_[0], 1 + int rand 3) = $pieces[ rand @pieces ]; },
	# an element: gone, twice, renamed, emptied, with another's text
	sub { my $e = $elements[ rand @elements ]; $_[0] =~ s/<(\w*:?$e)>.*?<\/\1>//s; },
	sub { my $e = $elements[ rand @elements ]; $_[0] =~ s/(<(\w*:?$e)>.*?<\/\2>)/$1$1/s; },
	sub { my ($e, $f) = @elements[ rand @elements, rand @elements ]; $_[0] =~ s/\b$e\b/$f/; },
	sub { my ($e, $f) = @elements[ rand @elements, rand @elements ]; $_[0] =~ s/\b$e\b/$f/g; },
	sub { my $e = $elements[ rand @elements ]; $_[0] =~ s/<(\w*:?$e)>.*?<\/\1>/<$1\/>/s; },
	sub { my $e = $elements[ rand @elements ]; $_[0] =~ s/(<(\w*:?$e)>).*?(<\/\2>)/$1 . $pieces[ rand @pieces ] . $3/se; },
	sub { my $e = $elements[ rand @elements ]; $_[0] =~ s/<(\w*:?$e)>/"<$1" . (' a="b"', ' xmlns="v"', ' a=b', " a='\n'")[ rand 4 ] . '>'/e; },
	# the tags change places with the text
	sub { $_[0] =~ s/<(\w+)>([^<>]+)</<$2>$1</; },
	sub { my $at = int rand length $_[0]; substr($_[0], $at, 1) = chr(ord(substr $_[0], $at, 1) ^ 1 << int rand 8); },
	sub { $_[0] = substr $_[0], 0, int rand length $_[0]; },
	sub { $_[0] = damage($_[0]); });

sub mutate
{
	my ($document) = @_;

	return $document if rand() < 0.05;
	for (1 .. (rand() < 0.5 ? 1 : 2 + int rand 3))
	{
		$damages[ rand @damages ]->($document) if length $document;
	}
	return $document;
}

# Five tokens for documents to change
sub make_fixed
{
	my ($session) = @_;

	$session->query('DELETE FROM trainledger.signup_token');
	$session->query(
		"SELECT trainledger.create_signup_token(1, 'ABC-123', i, '${mark}fixed' || i, id => 'fixed-' || i) FROM generate_series(1, 5) i"
	);
	return $session->query($contents)->{rows}[0];
}

# What is wrong with an answer: what is left of the tokens, of which there
# were the fixed ones, and what core reads, are to agree with it
sub complaint
{
	my ($answer, $document, $is_update, $fixed, $left, $core) = @_;
	my ($state, $text) = @$answer{qw(sqlstate text)};
	# core knows nothing of declarations here, and has nothing against others
	my $is_utf8 = $document !~ /encoding|^\xff\xfe|^\xfe\xff|^<\0|^\0</;

	return 'the session is lost' if $answer->{lost};
	return 'a code in a message' if $text =~ /\Q$mark/;
	if ($state ne '00000')
	{
		return 'another SQLSTATE' if $state !~ /^TL4(00|04|09)$/;
		return 'does not say where' if $text !~ /ERROR:  \w+: (token|line) \d+[,:]/;
		return "leaves $left" if $left ne $fixed;
		return 'core reads it'
		  if $text =~ /not well-formed/ && $is_utf8 && $core ne 'refused' && $document !~ /DOCTYPE/;
		return undef;
	}
	my ($count) = $text =~ /^(\d+) /;
	my $there = $is_update ? 5 : 5 + $count;
	return "leaves $left" if $left !~ /^$there /;
	return "core reads $core"
	  if $is_utf8 && ($is_update ? $core !~ /^$count / : $core ne $text);
	return undef;
}

my $session = connect_to('books');
my $fixed = make_fixed($session);
my (%seen, @complaints, $memory);
for my $case (1 .. $cases)
{
	my $is_update = $case % 3 == 0;
	my $document = good_document($is_update, map { new_code() } 1 .. 1 + int rand 4);
	# a few in UTF-16, where damage falls on halves of characters
	$document = encode(rand() < 0.5 ? 'UTF-16LE' : 'UTF-16BE', "\x{feff}" . $document =~ s/encoding="UTF-8"//r)
	  if rand() < 0.1;
	$document = mutate($document);
	my $bytes = literal($document);
	my $function = $is_update ? 'apply_signup_tokens' : 'import_signup_tokens';

	# codes of tokens that have none are made: they stand in no document
	$session->send(
		"SELECT count(*) || ' ' || md5(coalesce(string_agg(CASE WHEN code ~ '^[2-9A-HJ-NP-Z]{16}\$' THEN 'made' ELSE code END, ',' ORDER BY n), '')) FROM trainledger.$function($bytes) WITH ORDINALITY AS t(id, code, type, type_id, active, maximum_activations, activations, expiration, created_at, n)",
		$contents,
		"DELETE FROM trainledger.signup_token WHERE id NOT LIKE 'fixed-%'",
		"SELECT core_reads($bytes)");
	my ($answer, $left, undef, $core) = map { $session->receive } 1 .. 4;
	$answer->{text} = join "\n", @{ $answer->{rows} };
	my $complaint = complaint($answer, $document, $is_update, $fixed,
		map { $_->{rows}[0] // '' } $left, $core);

	$seen{ $answer->{text} =~ /: (?:token|line) \d+(?:, \w+)?: ([^"\n]*)/ ? $1 : $answer->{sqlstate} }++;
	if (defined $complaint)
	{
		push @complaints, $complaint;
		diag "case $case: $complaint\n  $answer->{text}\n  "
		  . substr($document, 0, 2000) =~ s/([^ -~\n])/sprintf '\\x%02x', ord $1/ger
		  if @complaints <= 10;
	}
	$session = connect_to('books') if $answer->{lost};
	$fixed = make_fixed($session) if $is_update && $answer->{sqlstate} eq '00000';
	$session->query('VACUUM trainledger.signup_token') if $case % 1000 == 0;
	$memory = memory($session, 'RssAnon') if $case == 500;
}
note join "\n", map { sprintf '%6d %s', $seen{$_}, $_ } sort { $seen{$b} <=> $seen{$a} || $a cmp $b } keys %seen;
is(join("\n", @complaints), '',
	"$cases mutations: read or refused as they must be, all or nothing");
cmp_ok(scalar(grep { /[a-z]/ } keys %seen), '>=', 20, 'for every kind of reason');
my $growth = memory($session, 'RssAnon') - $memory;
cmp_ok($growth, '<', 4000, "the session grew by $growth kB") unless $is_sanitized;

# ----------------------------------------------------------------------
# The log
# ----------------------------------------------------------------------

# core's own errors show what they quote: it would be found
$session->query("SELECT '<a>${mark}CONTROL'::xml");
is($session->query('SELECT pg_postmaster_start_time()')->{rows}[0],
	$started, 'the server was never restarted');
$session->quit;
$node->stop;
{
	my (%found, $lines);
	open my $log, '<:raw', $node->logfile or die $node->logfile . ": $!";
	while (my $line = <$log>)
	{
		$lines++;
		next unless $line =~ /\Q$mark\E(CONTROL)?/;
		$found{ $1 ? 'control' : 'code' }++;
		diag $line if !$1 && $found{code} <= 5;
	}
	close $log;
	note "$lines lines of log";
	cmp_ok($lines, '>', 10 * $cases, 'the log has everything');
	ok($found{control}, 'a code in it would be found');
	ok(!$found{code}, 'no code stands in the log');
	unlike(slurp_file($node->logfile, (-s $node->logfile) - 100000), qr/terminated by signal|PANIC:|TRAP:/, 'no backend crashed');
}
done_testing();
