# Attacks on the GraphQL face: documents that are deep, wide, repeated, that
# multiply, at every level of access. Each is answered or refused with a number,
# while another client that asks for nearly nothing does not wait, and the
# server's memory stays small.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;
use TrainLedger::GraphQL;
use TrainLedger::Http;

TrainLedger::GraphQL::needed();

my $documents = soak() > 2000 ? soak() / 10 : 40;
$documents = 2000 if $documents > 2000;

# What nobody else may wait longer for, in seconds, and what the server may have:
# other tests run beside it in make test, none in make soak
my $patience = soak() > 2000 ? 1 : 5;
my $megabytes = 512;

my $node = start_books('graphql_limits');
my $face = TrainLedger::GraphQL->start($node);

# 1,200 people of one organisation, and notes as long as they may be
$node->safe_psql('books', <<'SQL');
SELECT trainledger.add_party('organisation', 'Acme', id => 1);
SELECT count(trainledger.add_party('person', format('Person %s of an organisation', i), format('p%s@example.org', i), organisation_id => 1, id => i))
FROM generate_series(10, 1209) AS i;
SELECT trainledger.add_training_token_type('Gold', id => '00000000-0000-0000-0000-000000000001');
SELECT trainledger.issue_training_tokens('00000000-0000-0000-0000-000000000001', i, 5, '2100-01-01', repeat('n', 8000))
FROM generate_series(10, 409) AS i;
SELECT trainledger.add_region('DR', 'A region'), trainledger.add_currency('USD', 'U.S. Dollars');
SELECT trainledger.create_pass_type('P' || i, 'Pass ' || i) FROM generate_series(1, 30) AS i;
SQL

my @levels = qw(learner reader operator admin);
my %token = map { $_ => TrainLedger::GraphQL::token({ role => "web_$_", party_id => 10 }) } @levels;

sub headers_of
{
	my ($level) = @_;

	return { 'Authorization' => "Bearer $token{$level}", 'Content-Type' => 'application/json' };
}

# Sends a document while another client asks for nearly nothing every 50 ms.
# Returns the answer, and the longest that the other one waited.
sub attack
{
	my ($level, $document, $variables) = @_;
	my ($http, $other) = map { TrainLedger::Http->new($face->{port}) } 1 .. 2;
	my ($waited, $asked, $answer) = (0);
	my $began = time;

	$http->send(POST => '/graphql', headers_of($level),
		encode_json({ query => $document, variables => $variables // {} }));
	while (!$answer)
	{
		my $now = time;

		if (!$asked)
		{
			$other->send(POST => '/graphql', headers_of('reader'), '{"query": "{ __typename }"}');
			$asked = $now;
		}
		my $bits = '';
		vec($bits, fileno($_->handle), 1) = 1 foreach $http, $other;
		select($bits, undef, undef, 0.05);
		if (vec($bits, fileno($other->handle), 1))
		{
			$other->read_some;
			if ($other->take)
			{
				$waited = max($waited, time - $asked);
				$asked = 0;
				sleep 0.05;
			}
		}
		if (vec($bits, fileno($http->handle), 1))
		{
			$http->read_some;
			$answer = $http->take;
		}
		die "no answer: $document" if time - $began > 90;
	}
	$waited = max($waited, time - $asked) if $asked;
	return ($answer, $waited);
}

# Megabytes of the server's process
sub memory
{
	my ($pid) = `ss -ltnpH 'sport = :$face->{port}'` =~ /pid=(\d+)/;
	return 0 unless $pid;
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;

	return $kilobytes / 1024;
}

# Answered or refused with a number, without anybody waiting: one that is noisy
# because of other programs of the machine is tried again.
my ($slowest, $largest) = (0, 0);
sub withstands
{
	my ($what, $level, $document, $expected, $variables) = @_;
	my ($answer, $waited);

	foreach my $try (1 .. 3)
	{
		($answer, $waited) = attack($level, $document, $variables);
		last if $waited < $patience;
	}
	my $json = eval { decode_json($answer->{content}) } // {};
	my $message = $json->{errors} ? $json->{errors}[0]{message} : 'answered';
	my $is_good = $message eq 'answered' ? $answer->{status} == 200 : $message =~ /\d|Unknown/;

	$slowest = max($slowest, $waited);
	$largest = max($largest, memory());
	ok($is_good && $waited < $patience && $message =~ $expected, "$what, as $level: $message")
	  or diag("status $answer->{status}, another waited $waited s\n" . substr($document, 0, 500));
	return $json;
}

my $answered = qr/^answered$/;
sub repeated { my ($n, $text) = @_; return join ' ', map { $text =~ s/#/$_/gr } 1 .. $n; }

# --- The rows are reckoned: the seed's search costs 22,050

my $search = '{ trainingPassTypes(filters: [{field: lifecycleState, operation: eq, value: "published"}]) {
	edges { node { id name lifecycleState
		content { edges { node { __typename ... on CourseTemplate { code } ... on LearningPath { name } } } }
		options { edges { node { name prices { edges { node { amount financialUnit { name } } } } } } } } } } }';
withstands('the search of the seed', 'operator', $search, $answered);
(my $twice = $search) =~ s/\{(.*)\}/{ a: $1 b: $1 c: $1 }/s;
withstands('three of them', 'operator', $twice, qr/asks for 66,150 rows; 50,000 are allowed/);
my $nested = '{ contacts(first: %s) { nodes { account { contacts(first: %s) { nodes { %s } } } } } }';
foreach my $case (
	[ 50, 1000, 'name', qr/50,050 rows/ ],
	[ 1000, 49, 'name', $answered ],
	[ 60000, 1, 'name', qr/^answered$|'first' is from 1 to 1000/ ],
	[ 24, 1000, repeated(8, 'a#: name'), $answered ],
	[ 24, 1000, repeated(11, 'a#: name'), qr/asks for 264,\d+ values; 250,000 are allowed/ ],
	[ 1, 260, repeated(900, 'a#: id'), qr/answered|bytes/ ],
	[ 1000, 1000, 'account { contacts(first: 1000) { nodes { name } } }', qr/1,001,001,000 rows/ ])
{
	my ($outer, $inner, $fields, $expected) = @$case;
	withstands("$outer times $inner", 'reader', sprintf($nested, $outer, $inner, $fields), $expected);
}
my $by_variables = 'query($n: Int = 1000, $m: Int, $all: Boolean!) { contacts(first: $n) { nodes { account { contacts(first: $m) @include(if: $all) { nodes { name } } } } } }';
withstands('by variables', 'reader', $by_variables, qr/51,000 rows/, { m => 50, all => JSON::PP::true });
withstands('without what a directive leaves out', 'reader', $by_variables, $answered, { m => 50, all => JSON::PP::false });
withstands('by the default of a nested list', 'reader', $by_variables, qr/^answered$/, { all => JSON::PP::true });
withstands('by last', 'reader', '{ contacts(last: 1000) { nodes { account { contacts(last: 1000) { nodes { name } } } } } }',
	qr/1,001,000 rows|Unknown argument/);

# --- The text

my $account = '{ nodes { account { contacts ' x 4 . '{ nodes { id } }' . ' } } }' x 4;
withstands('levels', 'reader', "{ contacts $account }", qr/15 levels deep; 12 are allowed/);
withstands('levels of fragments', 'reader', 'fragment f on Contact { account { contacts { nodes { ...g } } } }
	fragment g on Contact { account { contacts { nodes { ...h } } } }
	fragment h on Contact { account { contacts { nodes { account { id } } } } }
	{ contacts { nodes { ...f } } }', qr/13 levels deep; 12 are allowed/);
withstands('fields', 'reader', '{ ' . repeated(400, 'a#: regions { nodes { id } }') . ' }',
	qr/1,200 fields; 1,000 are allowed/);
like(encode_json(($face->read_answer('reader', 'fragment a on Region { id name code } fragment b on Region { ...a ...c } fragment c on Region { ...b }
	{ regions { nodes { ...b } } }'))[1]), qr/spread fragment/, 'fragments in a circle');
withstands('fragments that double', 'learner',
	'{ ...f0 } ' . join(' ', map { "fragment f$_ on Query { ...f" . ($_ + 1) . ' ...f' . ($_ + 1) . ' }' } 0 .. 60) . ' fragment f61 on Query { __typename }',
	qr/[\d,]{20,} fields/);
withstands('lists', 'reader', '{ ' . repeated(330, 'a#: contacts(first: 150) { nodes { name } }') . ' }', $answered);
withstands('one field again and again', 'reader', '{ contacts(first: 10) { nodes { ' . 'name ' x 990 . '} } }', qr/answered|500,000 comparisons/);
withstands('tokens', 'reader', '{ ' . 'a ' x 30000 . '}', qr/20000 tokens/);
withstands('brackets', 'reader', '{' . 'a{' x 20000 . 'b' . '}' x 20001, qr/more than 12 levels|20000 tokens/);
withstands('a deep list', 'reader', '{ contacts(filters: ' . '[' x 9000 . ']' x 9000 . ') { nodes { name } } }', qr/more than 12 levels/);
withstands('filters', 'reader', '{ ' . repeated(19, 'a#: contacts(filters: [{field: id, operation: in, value: "' . 'UGVyc29uOjEw,' x 300 . 'UGVyc29uOjEw"}]) { nodes { name } }') . ' }', qr/answered|filters by/);
withstands('filters of one variable', 'reader', 'query($v: String) { ' . repeated(300, 'a#: contacts(filters: [{field: id, operation: in, value: $v}]) { nodes { name } }') . ' }',
	qr/filters by [\d,]+ values; 10,000 are allowed/, { v => join ',', ('UGVyc29uOjEw') x 5000 });
withstands('mutations', 'operator', 'mutation { ' . repeated(60, 'a#: trainingTokenBalances { void(input: {tokenIssueId: "x"}) { errors { label } } }') . ' }', $answered);

foreach my $directive ('@stream', '@defer')
{
	withstands($directive, 'reader', "{ contacts { nodes $directive { name } ... $directive { nodes { id } } } }", qr/Unknown directive/);
}

# --- The schema

my $everything = '{ __schema { types { ...t } directives { name args { ...i } } } }
	fragment t on __Type { kind name description fields(includeDeprecated: true) { name description args { ...i } type { ...r } } inputFields { ...i } interfaces { ...r } enumValues { name description } possibleTypes { ...r } }
	fragment i on __InputValue { name description type { ...r } defaultValue }
	fragment r on __Type { kind name ' . 'ofType { kind name ' x 9 . '}' x 9 . ' }';
withstands('the schema', $_, $everything, $answered) foreach @levels;
# as Apollo Client sends every document
withstands('the schema with types', 'reader', $everything =~ s/\{ (?=[\w.])(?!__schema)/{ __typename /gr, $answered);
withstands('the schema with types and more', 'reader', $everything =~ s/\{ (?=[\w.])(?!__schema)/{ a: __typename b: __typename /gr,
	qr/introspection asks for [\d,]+ values; [\d,]+ are allowed/);
withstands('the schema again and again', 'reader', '{ ' . repeated(60, 's#: __schema { types { name description fields { name } } }') . ' }',
	qr/introspection asks for [\d,]+ values; [\d,]+ are allowed/);
withstands('the schema within itself', 'reader',
	'{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }',
	qr/introspection asks for|answered/);
withstands('a type within itself', 'reader',
	'{ ' . repeated(30, 't#: __type(name: "Contact") { ' . 'fields { type { ofType { ' x 3 . 'name' . ' } } }' x 3 . ' }') . ' }',
	qr/introspection asks for|answered/);

# --- The answer

my $notes = '{ trainingTokenIssues(first: 400) { nodes { %s transactions { nodes { notes } } } } }';
my $long = withstands('long texts', 'reader', sprintf($notes, 'id'), $answered);
is(length $long->{data}{trainingTokenIssues}{nodes}[0]{transactions}{nodes}[0]{notes}, 8000, 'are shown');
withstands('too many of them', 'reader', '{ trainingTokenIssues(first: 400) { nodes { transactions { nodes { ' . repeated(10, 'a#: notes') . ' } } } } }',
	qr/the answer has [\d,]+ bytes; 8,388,608 are allowed/);
withstands('too many from the database', 'reader', '{ ' . repeated(45, 'a#: trainingTokenIssues(first: 400, offset: #) { nodes { transactions(first: 1) { nodes { notes } } } }') . ' }',
	qr/the answer (needs more than 33,554,432|has [\d,]+) bytes/);

# --- Documents by chance: what they cost is not known, what they do is

srand($ENV{SEED} // 228);

# A connection, as deep as it may be, with sizes of which some are too large
sub connection
{
	my ($levels) = @_;
	my $size = (1, 3, 20, 50, 200, 1000)[ rand 6 ];
	my $leaves = repeated(1 + int rand(rand() < 0.1 ? 200 : 8), ('a#: name', 'b#: email', 'c#: id', 'd#: createdAt')[ rand 4 ]);
	my $inner = $levels > 3 && rand() < 0.7 ? 'account { ' . connection($levels - 3) . ' }' : '';
	my $info = rand() < 0.3 ? 'pageInfo { totalRecords hasNextPage endCursor }' : '';

	return rand() < 0.5
	  ? "contacts(first: $size) { nodes { $leaves $inner } $info }"
	  : "contacts { edges { cursor node { $leaves $inner } } $info }";
}

foreach my $i (1 .. $documents)
{
	my $width = rand() < 0.3 ? int rand 40 : 1;
	my $text = join ' ', map { "l$_: " . connection(2 + rand 12) } 0 .. $width;
	my $document = rand() < 0.3 ? "{ ...f ...f } fragment f on Query { $text }" : "{ $text }";

	withstands("document $i", $levels[ rand @levels ], $document, qr/^answered$|are allowed|more than \d/);
}

cmp_ok($largest, '<', $megabytes, sprintf 'the server had %d MB at most', $largest);
cmp_ok($slowest, '<', $patience, sprintf 'nobody waited longer than %.2f s', $slowest);
unlike(slurp_file($face->{log}), qr/RangeError|heap|^\s+at /m, 'nothing broke');

$face->stop;
$node->stop;
done_testing();
