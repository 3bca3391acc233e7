# How documents reach the GraphQL face: variables of existing clients, numbers
# with all their digits, operations that are named instead of sent, statements
# that take too long, cross-origin requests, and errors of HTTP.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;
use TrainLedger::GraphQL;

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_transport');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $listed = 'query Listed { regions { nodes { code } } }';
append_to_file("$folder/operations.json", encode_json({ listed => $listed }));
mkdir "$folder/operations";
append_to_file("$folder/operations/regions.graphql", $listed);
chmod 0755, $folder;

my $face = TrainLedger::GraphQL->start($node,
	TRAINLEDGER_STATEMENT_TIMEOUT => 2, TRAINLEDGER_AUTOMATIC_OPERATIONS => 1,
	TRAINLEDGER_ORIGINS => 'https://one.example.org https://two.example.org');
my $http = HTTP::Tiny->new(timeout => 60);

$node->safe_psql('books', <<'SQL');
SELECT trainledger.add_party('organisation', 'Acme', id => 1);
SELECT trainledger.add_party('person', format('Person %s', i), id => i) FROM generate_series(10, 19) AS i;
SELECT trainledger.add_training_token_type('Fine', scale => 6, id => '00000000-0000-0000-0000-000000000003');
SELECT trainledger.add_region('DR', 'A region');
SELECT trainledger.create_pass_type('P', 'Pass', id => 1);
SQL

my $type = encode_base64('TokenType:00000000000000000000000000000003', '');
my $acme = encode_base64('Organisation:1', '');

# Sends a body as it is; returns status, headers and the answer, which is JSON.
sub post
{
	my ($server, $body, %headers) = @_;
	my $answer = $http->post("$server->{url}/graphql", {
		headers => {
			authorization => 'Bearer ' . TrainLedger::GraphQL::token({ role => 'web_operator' }),
			'content-type' => 'application/json', %headers },
		content => $body });
	my $json = eval { decode_json($answer->{content}) };

	ok($json, 'the answer is JSON') or diag($answer->{content});
	return ($answer->{status}, $json, $answer->{headers});
}

sub message
{
	my ($json) = @_;

	return $json->{errors} ? $json->{errors}[0]{message} : '';
}

# --- Variables of existing clients pass where the literal does

my $issue = "{ trainingTokenIssues { create(input: {tokenTypeId: \$type, accountId: \$account, quantity: \$quantity, expiresAt: \$expires}) { errors { label message } tokenIssue { initialBalance expiresAt } } } }";
foreach my $case (
	[ 'Int!', '7', '7' ], [ 'Int', '7', '7' ], [ 'Float!', '2.5', '2.5' ],
	[ 'String!', '"0.000001"', '0.000001' ], [ 'TokenAmount', '3', '3' ],
	[ 'Float!', '9000000000000.123457', '9000000000000.123457' ],
	[ 'TokenAmount!', '9000000000000.123457', '9000000000000.123457' ],
	[ 'Float', '1234567.1234560000000000', '1234567.123456' ],
	[ 'Float = 4', undef, '4' ])
{
	my ($declared, $written, $booked) = @$case;
	my $query = "mutation(\$type: String!, \$account: ID!, \$quantity: $declared, \$expires: String) $issue";
	my $body = encode_json({ query => $query });
	my $value = defined $written ? qq(,"quantity":$written) : '';

	$body =~ s/\}$/,"variables":{"type":"$type","account":"$acme","expires":"2099-12-31"$value}}/;
	my (undef, $json) = post($face, $body);
	is(message($json), '', "a variable $declared passes");
	my $lot = $json->{data}{trainingTokenIssues}{create}{tokenIssue};
	is($lot->{expiresAt}, '2099-12-31T23:59:59Z', 'and a String for a date');
	is($node->safe_psql('books', 'SELECT trim_scale(delta::text::numeric) FROM trainledger.entry ORDER BY booking_no DESC LIMIT 1'),
		$booked, ($written // 'its default') . " is booked as $booked");
}
foreach my $bad (
	[ 'Int!', '"x"', qr/'x' is not a number/ ],
	[ 'Boolean!', 'true', qr/Variable "\$quantity" of type "Boolean!" used in position expecting type "TokenAmount/ ],
	[ 'Float', '1e999', qr/'1e999' is not a number|out of range/ ])
{
	my ($declared, $written, $expected) = @$bad;
	my $body = encode_json({ query => "mutation(\$type: String!, \$account: ID!, \$quantity: $declared, \$expires: String) $issue" });
	$body =~ s/\}$/,"variables":{"type":"$type","account":"$acme","quantity":$written}}/;
	my (undef, $json) = post($face, $body);
	like(message($json) . encode_json($json), $expected, "but $declared = $written does not");
}

sub asked
{
	my ($query, $variables) = @_;
	my (undef, $json) = post($face, encode_json({ query => $query, variables => $variables }));

	return $json;
}

my $filter = { field => 'name', operation => 'eq', value => 'Person 12' };
foreach my $declared ('[ContactFieldFilter!]!', '[ContactFieldFilter]!', '[ContactFieldFilter]', 'ContactFieldFilter', '[ContactFieldFilter!]')
{
	my $json = asked("query(\$f: $declared) { contacts(filters: \$f) { nodes { name } } }",
		{ f => $declared =~ /^\[/ ? [$filter] : $filter });
	is_deeply($json->{data}{contacts}{nodes}, [ { name => 'Person 12' } ], "filters declared as $declared pass");
}
my $nulls = 'query($f: [ContactFieldFilter]!) { contacts(filters: $f) { nodes { name } } }';
is(scalar @{ asked($nulls, { f => [undef] })->{data}{contacts}{nodes} }, 10, 'a null among the filters is no filter');
is_deeply(asked($nulls, { f => [ undef, $filter ] })->{data}{contacts}{nodes}, [ { name => 'Person 12' } ], 'beside others too');
is(scalar @{ asked('query($n: Int!, $c: String) { contacts(first: $n, after: $c) { nodes { name } } }', { n => 3 })->{data}{contacts}{nodes} },
	3, 'a cursor as a String, left out');
my $page = asked('{ contacts(first: 3) { pageInfo { endCursor } } }')->{data}{contacts}{pageInfo};
is(asked('query($n: Int!, $c: String!) { contacts(first: $n, after: $c) { nodes { name } } }', { n => 1, c => $page->{endCursor} })->{data}{contacts}{nodes}[0]{name},
	'Person 13', 'and given');
like(message(asked('query($n: String!) { contacts(first: $n) { nodes { name } } }', { n => '3' })),
	qr/used in position expecting type "Int"/, 'a String is no Int');
like(message(asked('query($n: Int) { contacts(first: $n) { nodes { name } } }', { n => 1.5 })),
	qr/Int cannot represent non-integer value: 1.5/, 'nor is a fraction');

# --- Operations that clients name

my $query = '{ regions { nodes { name } } }';
my $hash = sha256_hex($query);
my $named = { extensions => { persistedQuery => { version => 1, sha256Hash => $hash } } };
my ($status, $json) = post($face, encode_json($named));
is("$status: " . message($json) . ' ' . $json->{errors}[0]{extensions}{code},
	'200: PersistedQueryNotFound PERSISTED_QUERY_NOT_FOUND', 'a hash that was not sent before');
(undef, $json) = post($face, encode_json({ %$named, query => "$query " }));
is(message($json), 'the hash is not that of the query', 'a hash of another document');
foreach my $body ({ %$named, query => $query }, $named, $named)
{
	(undef, $json) = post($face, encode_json($body));
	is_deeply($json->{data}, { regions => { nodes => [ { name => 'A region' } ] } },
		$body->{query} ? 'sent with its hash' : 'then by its hash alone');
}
foreach my $i (1 .. 90)
{
	my $long = "query { regions { nodes { name } } } # $i " . 'x' x 60000;
	$http->post("$face->{url}/graphql", {
		headers => { authorization => 'Bearer ' . TrainLedger::GraphQL::token({ role => 'web_reader' }), 'content-type' => 'application/json' },
		content => encode_json({ query => $long, extensions => { persistedQuery => { version => 1, sha256Hash => sha256_hex($long) } } }) });
}
(undef, $json) = post($face, encode_json($named));
is(message($json), 'PersistedQueryNotFound', 'what is not asked for is forgotten');

# --- A statement that takes too long is an error of GraphQL

my $locked = $node->background_psql('books');
$locked->query_safe('BEGIN; LOCK TABLE trainledger.pass_type');
($status, $json) = post($face, encode_json({ query => '{ trainingPassTypes { nodes { name } } regions { nodes { name } } }' }));
is($status, 200, 'a statement that takes too long');
is($json->{errors}[0]{extensions}{code}, '57014', 'is an error of GraphQL');
is($json->{data}{regions}{nodes}[0]{name}, 'A region', 'beside what was found');
$locked->query_safe('ROLLBACK');
$locked->quit;

# --- Errors of HTTP

foreach my $case (
	[ 'no JSON', '{"query": ', 400 ], [ 'no object', '[{"query": "{ __typename }"}]', 400 ],
	[ 'no query', '{}', 400 ], [ 'nothing', '', 400 ], [ 'null', 'null', 400 ],
	[ 'a query that is no text', '{"query": 5}', 400 ],
	[ 'variables that are no object', '{"query": "{ __typename }", "variables": [1]}', 400 ],
	[ 'bytes that are not UTF-8', qq({"query": "{ __typename }", "x": "\xff"}), 400 ],
	[ 'brackets without end', '[' x 90000, 400 ],
	[ 'too much', '{"query": "' . ' ' x 150000 . '"}', 413 ],
	[ 'no document', '{"query": "{"}', 400 ],
	[ 'a subscription', '{"query": "subscription { x }"}', 400, qr/there are no subscriptions/ ],
	[ 'an operation that is not there', '{"query": "query A { __typename } query B { __typename }", "operationName": "C"}', 400 ],
	[ 'half of a surrogate pair', '{"query": "query($v: String) { contacts(filters: [{field: name, operation: eq, value: $v}]) { nodes { id } } }", "variables": {"v": "\ud800"}}',
		400, qr/a text cannot have the character U\+0000 or half of a surrogate pair/ ],
	[ 'two operations and no name', '{"query": "query A { __typename } query B { __typename }"}', 400 ])
{
	my ($what, $body, $expected, $says) = @$case;
	($status, $json) = post($face, $body, accept => 'application/graphql-response+json');
	is($status, $expected, "$what: $expected");
	like(message($json), $says // qr/\w/, 'with an error of GraphQL');
}
($status) = post($face, '{"query": "{ __typename }"}', 'content-type' => 'text/plain');
is($status, 415, 'another media type');
($status) = post($face, '{"query": "{ __typename }"}', 'content-type' => 'Application/JSON; charset=UTF-8');
is($status, 200, 'letters of a media type are of any case');
my $got = $http->get("$face->{url}/graphql?query={__typename}",
	{ headers => { accept => 'text/html,application/json' } });
is("$got->{status} $got->{headers}{allow}", '405 OPTIONS, POST', 'GET');
ok(decode_json($got->{content})->{errors}, 'is answered in JSON');
unlike(slurp_file($face->{log}), qr/^\s+at /m, 'no stack in the log');

# --- Cross-origin requests

foreach my $case ([ 'https://two.example.org', 'https://two.example.org' ], [ 'https://three.example.org', undef ])
{
	my ($origin, $allowed) = @$case;
	my $asked = $http->request('OPTIONS', "$face->{url}/graphql", {
		headers => { origin => $origin, 'access-control-request-headers' => 'authorization,content-type' } });

	is($asked->{status}, 204, "a preflight of $origin");
	is($asked->{headers}{'access-control-allow-origin'}, $allowed, 'is allowed, or not');
	is($asked->{headers}{'access-control-allow-headers'}, 'authorization,content-type', 'with its headers');
	my (undef, undef, $headers) = post($face, '{"query": "{ __typename }"}', origin => $origin);
	is($headers->{'access-control-allow-origin'}, $allowed, 'and so is the request');
	is($headers->{vary}, 'Origin', 'which caches keep apart');
}
$face->stop;

# --- Settings switched the other way

$face = TrainLedger::GraphQL->start_server($node,
	TRAINLEDGER_INTROSPECTION => 0, TRAINLEDGER_OPERATIONS => "$folder/operations.json");
like(message(asked('{ __schema { types { name } } }')), qr/introspection/i, 'introspection can be switched off');
like(message(asked('{ __type(name: "Query") { name } }')), qr/introspection/i, 'for one type too');
is(message(asked('{ __typename }')), '', 'but not __typename');
foreach my $body ({ documentId => 'listed' }, { id => 'listed' },
	{ extensions => { persistedQuery => { version => 1, sha256Hash => 'listed' } } })
{
	(undef, $json) = post($face, encode_json($body));
	is_deeply($json->{data}, { regions => { nodes => [ { code => 'DR' } ] } }, 'a listed operation: ' . encode_json($body));
}
(undef, $json) = post($face, encode_json($named));
is($json->{errors}[0]{extensions}{code}, 'PERSISTED_QUERY_NOT_SUPPORTED', 'the automatic protocol is off: Apollo sends the document then');
(undef, $json) = post($face, encode_json({ %$named, query => $query }));
is(message($json), '', 'which runs');
($status, $json) = post($face, '{"documentId": "other"}');
is("$status " . message($json), '400 the operation is not listed', 'an operation that is not listed');
(undef, $json) = post($face, encode_json({ query => '{ __typename }' }));
is_deeply($json, { data => { __typename => 'Query' } }, 'documents are run beside the list');
$face->stop;

$face = TrainLedger::GraphQL->start_server($node, TRAINLEDGER_OPERATIONS => "$folder/operations.json",
	TRAINLEDGER_ONLY_OPERATIONS => 1, TRAINLEDGER_AUTOMATIC_OPERATIONS => 1);
foreach my $body ({ documentId => 'listed' }, { documentId => 'listed', query => '{ __typename }' })
{
	(undef, $json) = post($face, encode_json($body));
	is_deeply($json->{data}, { regions => { nodes => [ { code => 'DR' } ] } },
		'where nothing else is run, a listed operation is, whatever comes with it');
}
foreach my $body ({ query => '{ __typename }' }, { query => $listed }, { documentId => 'other', query => $listed },
	$named, { %$named, query => $query }, { id => 'other' }, {})
{
	($status, $json) = post($face, encode_json($body));
	is("$status $json->{errors}[0]{extensions}{code} " . message($json),
		'400 OPERATION_NOT_LISTED only listed operations are run', 'and no other: ' . encode_json($body));
	ok(!$json->{data}, 'without data');
}
$face->stop;

$face = TrainLedger::GraphQL->start_server($node,
	TRAINLEDGER_OPERATIONS => "$folder/operations");
(undef, $json) = post($face, encode_json({ documentId => sha256_hex($listed) }));
is_deeply($json->{data}, { regions => { nodes => [ { code => 'DR' } ] } }, 'a folder of operations, named by their hash');

# --- Behind nginx

SKIP:
{
	skip 'nginx is not there (make test has it)', 10 unless $ENV{NGINX_BIN};
	local $ENV{GRAPHQL_PORT} = $face->{port};
	my $faces = TrainLedger::Faces->start($node, 'books');
	my $proxy = { url => $faces->address };

	($status, $json, my $headers) = post($proxy, '{"query": "{ regions { nodes { code } } }"}', 'x-request-id' => 'mine-1', origin => 'https://x.example.org');
	is("$status $json->{data}{regions}{nodes}[0]{code}", '200 DR', 'nginx passes it on');
	is("$headers->{'x-request-id'} $headers->{'access-control-allow-origin'}", 'mine-1 *', 'with the request id, and CORS as REST has it');
	($status, $json, $headers) = post($proxy, '{"query": "' . ' ' x 200000 . '"}');
	is($status, 413, 'too much');
	like(message($json), qr/too large/, 'is an error of GraphQL');
	like($headers->{'x-request-id'}, qr/^\w+$/, 'with a request id');
	my $asked = $http->request('OPTIONS', "$proxy->{url}/graphql", { headers => { origin => 'https://x.example.org', 'access-control-request-headers' => 'authorization' } });
	is("$asked->{status} $asked->{headers}{allow} $asked->{headers}{'access-control-allow-headers'}", '204 OPTIONS, POST authorization', 'a preflight');
	$got = $http->get("$proxy->{url}/graphql");
	is("$got->{status} $got->{headers}{allow}", '405 OPTIONS, POST', 'GET');
	$face->stop;
	($status, $json) = post($proxy, '{"query": "{ __typename }"}');
	is($status, 502, 'no server');
	is(message($json), 'the server has a problem', 'is an error of GraphQL');
	$faces->stop;
}

$face->stop;
$node->stop;
done_testing();
