# XML over HTTP, in cases that a file of test/api cannot express: encodings,
# sizes, and that the body arrives as it was sent.

use strict;
use warnings;

use Encode qw(encode);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $node = start_books('xml');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');
my $admin = $faces->token('admin');

$node->safe_psql('books', "SELECT trainledger.add_catalog_item('course', 'C-1', 'Course')");

sub document
{
	my ($code, $head) = @_;

	return ($head // '')
	  . "<Tokens><Token><TokenCode>$code</TokenCode><TokenType>1</TokenType>"
	  . '<TokenTypeId>C-1</TokenTypeId><MaximumActivations>1</MaximumActivations></Token></Tokens>';
}

sub post
{
	my ($content, $type) = @_;

	return $faces->request($admin, POST => '/tokens', $content,
		'Content-Type' => $type // 'application/xml');
}

# The declared encoding counts, and the answer is UTF-8.
foreach my $encoding (qw(ISO-8859-1 UTF-8 UTF-16))
{
	my $code = "Gr\x{f6}\x{df}e $encoding";
	my $answer = post(encode($encoding, document($code, qq{<?xml version="1.0" encoding="$encoding"?>})));

	is("$answer->{status} $answer->{type}", '201 application/xml', "$encoding is read");
	like($answer->{body}, qr{<TokenCode>\Q@{[ encode('UTF-8', $code) ]}\E</TokenCode>}, 'and answered in UTF-8');
	is(join(',', rows($node, "SELECT count(*) FROM trainledger.signup_token WHERE code = U&'Gr\\00F6\\00DFe $encoding'")),
		1, 'and kept');
}
# A charset of the media type counts for more (RFC 7303), through the proxy too.
foreach my $declared ('', '<?xml version="1.0" encoding="UTF-8"?>')
{
	my $code = "Caf\x{e9} " . length $declared;
	my $answer = post(encode('ISO-8859-1', document($code, $declared)), 'application/xml; charset=iso-8859-1');

	is("$answer->{status} $answer->{type}", '201 application/xml', 'charset is read');
	like($answer->{body}, qr{<TokenCode>\Q@{[ encode('UTF-8', $code) ]}\E</TokenCode>}, 'and the code is as sent');
}
foreach my $sent ([ 'application/xml; charset=klingon', '', qr/not known "klingon"/ ], [ 'application/xml', '<?xml version="1.0" encoding="klingon"?>', qr/not known "klingon"/ ],
	[ 'text/xml; charset=utf-8', '', qr/not valid in the encoding "utf-8"/ ])
{
	my ($type, $declared, $named) = @$sent;
	my $answer = post(encode('ISO-8859-1', document("\x{e9}", $declared)), $type);

	is($answer->{status}, 400, "an encoding that does not fit: $type $declared");
	like($answer->{body}, $named, 'is named');
}

# Whatever media type the client names
is(post(document("type $_"), $_)->{status}, 201, "Content-Type $_")
  for 'text/xml', 'application/x-www-form-urlencoded', 'application/json', 'text/plain; charset=utf-8';

# What is no XML, bytes of every value among them
foreach my $content ('', ' ', '{"a": 1}', "\0\0\0", join('', map { chr } 0 .. 255), '<Tokens>', "<Tokens/>\0")
{
	my $answer = post($content);

	is("$answer->{status} $answer->{type}", '400 application/xml', 'no XML: 400');
	like($answer->{body}, qr{\A<Error><Code>TL400</Code><Message>[^<]+</Message></Error>\z}, 'an error document');
}

# A big document goes through, one that is too big does not.
my $many = join '', map { "<Token><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><MaximumActivations>1</MaximumActivations></Token>\n" } 1 .. 10000;
my $answer = post("<Tokens>$many</Tokens>");
is($answer->{status}, 201, 'ten thousand tokens');
is(scalar(() = $answer->{body} =~ /<TokenId>/g), 10000, 'are answered');
$answer = $faces->request($admin, POST => '/tokens', undef, 'Content-Length' => 70_000_000);
is("$answer->{status} $answer->{type}", '413 application/xml', 'more than 64 MB');
like($answer->{body}, qr/<Code>413</, 'an error document, too');

is($faces->request($admin, HEAD => '/tokens')->{status}, 200, 'HEAD');
is($faces->request($admin, GET => '/tokens?limit=1000&start=10000')->{status}, 200, 'the end of the list');

$faces->stop;
$node->stop;
done_testing();
