# Lists of the GraphQL face: pages, order, totals, filters over every field,
# and numbers. What a list says is compared with SQL.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::GraphQL;

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_lists');
my $face = TrainLedger::GraphQL->start($node);

# All people at one instant: the order has to come from the id then.
$node->safe_psql('books', <<'SQL');
SET trainledger.clock = '2026-03-01T12:00:00.25Z';
SELECT trainledger.add_party('organisation', 'Acme', id => 1);
SELECT trainledger.add_party('person', format('Person %s', i),
	CASE WHEN i % 3 > 0 THEN format('p%s@example.org', i) END,
	organisation_id => CASE WHEN i % 2 = 0 THEN 1 END, id => i)
FROM generate_series(10, 139) AS i;
SELECT trainledger.update_party(139, is_suspended => true);
SELECT trainledger.add_training_token_type('Gold', id => '00000000-0000-0000-0000-000000000001');
SELECT trainledger.add_training_token_type('Old', id => '00000000-0000-0000-0000-000000000002');
SELECT trainledger.update_token_type('00000000-0000-0000-0000-000000000002', is_archived => true);
SELECT trainledger.add_training_token_type('Fine', scale => 6, id => '00000000-0000-0000-0000-000000000003');
SELECT trainledger.add_credit_token_type('Credit');
SELECT trainledger.issue_training_tokens('00000000-0000-0000-0000-000000000001', 1, i,
	CASE WHEN i % 2 = 0 THEN date '2030-01-01' + i END, 'Lot ' || i)
FROM generate_series(1, 20) AS i;
SELECT trainledger.redeem_training_tokens(1, '00000000-0000-0000-0000-000000000001', 3, 'booking');
SELECT trainledger.add_region('DR', 'A region'), trainledger.add_region('D,R', 'Another');
SELECT trainledger.add_currency('USD', 'U.S. Dollars'), trainledger.add_currency('JPY', 'Yen', 0);
SELECT trainledger.add_catalog_item(k, format('C-%s', i), format('Item %s', i), id => i * 10 + 1)
FROM generate_series(1, 5) AS i, unnest('{learning_path,course}'::trainledger.catalog_kind[]) AS k WHERE (i % 2 = 0) = (k = 'course');
SELECT trainledger.create_pass_type('P', 'Pass', id => 1);
SELECT trainledger.add_pass_content(1, '{21,41}', '{11,31,51}');
SELECT trainledger.create_pass_option(1, 'Monthly', 'months', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'DR', 'USD', 9.5), trainledger.create_pass_price(1, 'DR', 'JPY', 1200),
	trainledger.create_pass_price(1, 'D,R', 'USD', 100);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT trainledger.issue_pass(1, 1, i, timestamptz '2026-03-01Z' + i * interval '1 day')
FROM generate_series(10, 19) AS i;
SET trainledger.clock = '2026-03-15T12:00:00Z';
SELECT trainledger.use_pass(i, 41, 'Booking ' || i) FROM generate_series(10, 12) AS i;
SELECT trainledger.cancel_pass_use(id, 'ill') FROM trainledger.pass_use WHERE party_id = 10;
SQL

# As an operator: the data, with no errors
sub data
{
	my ($document, $variables) = @_;
	my ($data, $errors) = $face->read_answer('operator', $document, $variables);

	diag("$document: " . encode_json($errors)) if $errors;
	return $data;
}

# As an operator: the messages of the errors
sub messages
{
	my ($document, $variables) = @_;
	my (undef, $errors) = $face->read_answer('operator', $document, $variables);

	return join "\n", map { $_->{message} } @{ $errors // [] };
}

# The names of a list, with these arguments
sub names
{
	my ($list, $arguments) = @_;

	$arguments = "($arguments)" if $arguments;
	my $data = data("{ $list$arguments { nodes { name } } }");
	return join ',', map { $_->{name} } @{ $data->{$list}{nodes} };
}

sub sql
{
	my ($query) = @_;

	return join ',', rows($node, $query);
}

# --- Pages

is(scalar split(/,/, names('contacts', '')), 50, 'a page has 50');
is(scalar split(/,/, names('contacts', 'first: null')), 50, 'without a number too');
is(names('contacts', 'first: 1000'),
	sql("SELECT name FROM trainledger.party WHERE kind = 'person' ORDER BY created_at, id"),
	'all of them, by instant and id');
is(messages('{ contacts(first: 1001) { nodes { id } } }'),
	"'first' is from 1 to 1000", 'more than 1000 is refused');
is(messages('{ contacts(first: 0) { nodes { id } } }'),
	"'first' is from 1 to 1000", 'fewer than none too');
is(messages('{ contacts(offset: -1) { nodes { id } } }'),
	"'offset' is 0 or more", 'so is a negative offset');
like(messages('{ contacts(after: "nowhere") { nodes { id } } }'),
	qr/^Invalid cursor/, 'and a cursor that is none');

my ($cursor, @by_cursor, @by_offset, @totals, @more) = 'null';
foreach my $page (0 .. 3)
{
	my $offset = 40 * $page;
	my $data = data("{
		a: contacts(first: 40, after: $cursor) {
			edges { cursor node { name } }
			pageInfo { startCursor endCursor hasNextPage totalRecords } }
		b: contacts(first: 40, offset: $offset) { nodes { name } } }");
	my ($edges, $info) = @{ $data->{a} }{qw(edges pageInfo)};

	push @by_cursor, map { $_->{node}{name} } @$edges;
	push @by_offset, map { $_->{name} } @{ $data->{b}{nodes} };
	push @totals, $info->{totalRecords};
	push @more, $info->{hasNextPage} ? 1 : 0;
	is($info->{startCursor}, $edges->[0]{cursor}, "page $page: startCursor");
	is($info->{endCursor}, $edges->[-1]{cursor}, "page $page: endCursor");
	$cursor = qq("$info->{endCursor}");
}
is(join(',', @by_cursor), names('contacts', 'first: 1000'),
	'pages by cursor have everybody once');
is("@by_offset", "@by_cursor", 'pages by offset have the same');
is("@totals", '130 130 130 130', 'the total is that of all pages');
is("@more", '1 1 1 0', 'hasNextPage');
is_deeply(
	data('{ contacts(first: 2, after: ' . $cursor . ') { nodes { name } pageInfo { startCursor endCursor hasNextPage totalRecords } } }')->{contacts},
	{
		nodes => [],
		pageInfo => {
			startCursor => undef, endCursor => undef,
			hasNextPage => JSON::PP::false, totalRecords => 130 }
	},
	'after the last there is nothing');
is(data('{ contacts(first: 5, offset: 3, filters: [{field: isSuspended, operation: eq, value: "false"}]) { pageInfo { totalRecords } } }')
	  ->{contacts}{pageInfo}{totalRecords},
	129, 'the total minds filters, and neither first nor offset');

# --- Lists within: the same, for each parent by itself

my $content = data('{ trainingPassTypes { nodes {
	content(first: 3) { nodes { __typename id code } pageInfo { totalRecords hasNextPage endCursor } }
	rest: content(offset: 3) { nodes { code } }
	courses: content(filters: [{field: kind, operation: eq, value: "course"}]) { nodes { code } pageInfo { totalRecords } }
	} } }')->{trainingPassTypes}{nodes}[0];
is(join(' ', map { "$_->{__typename}:$_->{code}" } @{ $content->{content}{nodes} }),
	'CourseTemplate:C-2 CourseTemplate:C-4 LearningPath:C-1',
	'content: courses first, then paths, by id');
is(join(' ', map { $_->{code} } @{ $content->{rest}{nodes} }), 'C-3 C-5',
	'content: the next page');
is($content->{content}{pageInfo}{totalRecords}, 5, 'content: the total');
is($content->{courses}{pageInfo}{totalRecords}, 2, 'content: filtered');

my $lots = data('{ tokenAccounts { nodes { currentBalance
	tokenIssues(first: 2, offset: 1) { nodes { initialBalance transactions(filters: [{field: operation, operation: eq, value: "issue"}]) { nodes { notes balanceDelta } pageInfo { totalRecords } } } pageInfo { totalRecords } } } } }')
  ->{tokenAccounts}{nodes}[0];
is($lots->{currentBalance}, 207, 'the balance of an account is that of its issues');
is($lots->{tokenIssues}{pageInfo}{totalRecords}, 20, 'its issues are counted');
is(scalar @{ $lots->{tokenIssues}{nodes} }, 2, 'and come in pages');
is($_->{transactions}{nodes}[0]{notes}, "Lot $_->{initialBalance}",
	'each issue has its own transactions')
  foreach @{ $lots->{tokenIssues}{nodes} };

# --- Filters

# Filters and the condition in SQL that they are to mean, over contacts
my %same = (
	'{field: name, operation: eq, value: "Person 20"}' => "name = 'Person 20'",
	'{field: name, operation: ne, value: "Person 20"}' => "name <> 'Person 20'",
	'{field: name, operation: lt, value: "Person 20"}' => "name < 'Person 20'",
	'{field: name, operation: le, value: "Person 20"}' => "name <= 'Person 20'",
	'{field: name, operation: gt, value: "Person 20"}' => "name > 'Person 20'",
	'{field: name, operation: ge, value: "Person 20"}' => "name >= 'Person 20'",
	'{field: name, operation: like, value: "Person 1_"}' => "name LIKE 'Person 1_'",
	'{field: name, operation: like, value: "%1"}' => "name LIKE '%1'",
	'{field: name, operation: in, value: "Person 20, Person 30,Nobody"}' => "name IN ('Person 20', 'Person 30')",
	'{field: email, operation: eq, value: null}' => 'email IS NULL',
	'{field: email, operation: eq}' => 'email IS NULL',
	'{field: email, operation: ne, value: null}' => 'email IS NOT NULL',
	'{field: email, operation: ne, value: "p10@example.org"}' => "email IS DISTINCT FROM 'p10\@example.org'",
	'{field: isSuspended, operation: eq, value: "true"}' => 'is_suspended',
	'{field: createdAt, operation: le, value: "2026-03-01T12:00:00Z"}' => 'true',
	'{field: createdAt, operation: lt, value: "2026-03-01T12:00:00Z"}' => 'false',
	'{field: createdAt, operation: gt, value: "2026-03-01"}' => 'true',
	'{field: id, operation: gt, value: "UGVyc29uOjMw"}' => 'id > 30',
	'{field: id, operation: eq, value: "UGVyc29uOjMw"}' => 'id = 30',
	'{field: id, operation: ne, value: "UGVyc29uOjMw"}' => 'id <> 30',
	'{field: id, operation: in, value: "UGVyc29uOjMw,UGVyc29uOjMx"}' => 'id IN (30, 31)',
	'{field: name, operation: gt, value: "Person 20"}, {field: email, operation: eq}' => "name > 'Person 20' AND email IS NULL",
	q({field: name, operation: eq, value: "x' or true --"}) => 'false',
);
foreach my $filters (sort keys %same)
{
	is( names('contacts', "first: 1000, filters: [$filters]"),
		sql("SELECT name FROM trainledger.party WHERE kind = 'person' AND $same{$filters} ORDER BY created_at, id"),
		$filters);
}
is(names('accounts', 'filters: [{field: id, operation: eq, value: "T3JnYW5pc2F0aW9uOjEw"}]'),
	'', 'a person is not found as an organisation');
is(names('accounts', 'filters: [{field: id, operation: eq, value: "UGVyc29uOjEw"}]'),
	'Person 10', 'but as a person');
is(names('accounts', 'first: 2, filters: [{field: id, operation: ne, value: "T3JnYW5pc2F0aW9uOjEw"}]'),
	'Acme,Person 10', 'nor left out as an organisation');
is(messages('{ contacts(filters: [{field: id, operation: eq, value: "T3JnYW5pc2F0aW9uOjEw"}]) { nodes { id } } }'),
	"'T3JnYW5pc2F0aW9uOjEw' is not a global id of Person", 'an id of another type is refused');
is(messages('{ contacts(filters: [{field: id, operation: eq, value: "UGVyc29uOjEw="}]) { nodes { id } } }'),
	"'UGVyc29uOjEw=' is not a global id of Person", 'and one that is not in its one form');
is(names('contacts', 'first: 1, filters: [{field: createdAt, operation: like, value: "2026-03-01T12:00:00Z"}]'),
	names('contacts', 'first: 1'), 'a pattern meets the time that is shown');
is(names('contacts', 'first: 1, filters: [{field: createdAt, operation: gt, value: "2026-03-01T12:00:00Z"}]'),
	'', 'which is not after itself');
is(messages('{ contacts(filters: [{field: id, operation: eq, value: "' . encode_base64('Person:010', '') . '"}]) { nodes { id } } }'),
	"'UGVyc29uOjAxMA==' is not a global id of Person", 'nor a number that is not as it is printed');
is(messages('{ trainingTokenTypes(filters: [{field: id, operation: eq, value: "' . encode_base64('TokenType:00000000-0000-0000-0000-000000000001', '') . '"}]) { nodes { id } } }'),
	"'VG9rZW5UeXBlOjAwMDAwMDAwLTAwMDAtMDAwMC0w" . "MDAwLTAwMDAwMDAwMDAwMQ==' is not a global id of TokenType", 'nor such a uuid');
like(messages('{ contacts(filters: [{field: createdAt, operation: eq, value: "soon"}]) { nodes { id } } }'),
	qr/invalid input syntax/, 'and a value that is none');
is(messages('{ contacts(filters: [{field: name, operation: like}]) { nodes { id } } }'),
	'the filter on name has no value', 'and like without a value');
like(messages('{ contacts(filters: [{field: password, operation: eq}]) { nodes { id } } }'),
	qr/Value "password" does not exist/, 'and a field that is none');

my $prices = 'trainingPassTypeOptionPrices';
is(join(' ', map { $_->{amount} } @{ data("{ $prices { nodes { amount } } }")->{$prices}{nodes} }),
	'9.50 1200 100.00', 'prices have the decimals of their currency');
is(join(' ', map { $_->{amount} } @{ data("{ $prices(filters: [{field: amount, operation: lt, value: \"100\"}]) { nodes { amount } } }")->{$prices}{nodes} }),
	'9.50', 'prices compare as numbers');
is(join(' ', map { $_->{amount} } @{ data("{ $prices(filters: [{field: amount, operation: eq, value: \"9.5\"}]) { nodes { amount } } }")->{$prices}{nodes} }),
	'9.50', 'whatever their form');
is(names('regions', 'filters: [{field: id, operation: eq, value: "' . encode_base64('Region:D,R', '') . '"}]'),
	'Another', 'the key of a region is a text');

# --- Token types

is(names('trainingTokenTypes', ''), 'Gold,Fine',
	'training types that are not archived');
is(names('trainingTokenTypes', 'filters: [{field: isArchived, operation: eq, value: "true"}]'),
	'Old', 'archived types on request');
is(names('trainingTokenTypes', 'filters: [{field: isArchived, operation: in, value: "true,false"}]'),
	'Gold,Old,Fine', 'or all of them');

# --- Every field of every list can be filtered by, with what it shows

my $schema = data('{ __schema {
	queryType { fields { name args { name type { ofType { ofType { name } } } } } }
	types { kind name enumValues { name } fields { name type { kind name ofType { kind name } } } } } }')->{__schema};
my %type = map { $_->{name} => $_ } @{ $schema->{types} };
foreach my $list (@{ $schema->{queryType}{fields} })
{
	my ($name) = $list->{name};
	my ($filter) = map { $_->{type}{ofType}{ofType}{name} }
	  grep { $_->{name} eq 'filters' } @{ $list->{args} };
	(my $of = $filter) =~ s/FieldFilter$//;
	my @scalars = grep {
		my $named = $_->{type}{ofType} // $_->{type};
		$named->{kind} =~ /SCALAR|ENUM/;
	} @{ $type{$of}{fields} };

	is(join(' ', sort map { $_->{name} } @{ $type{"${of}Field"}{enumValues} }),
		join(' ', sort map { $_->{name} } @scalars),
		"$name: the fields to filter by are those of the node");
	my @all = map { $_->{name} } @scalars;
	my $nodes = data("{ $name(first: 1000) { nodes { @all } } }")->{$name}{nodes};
	foreach my $field (@all)
	{
		my $value = $nodes->[0]{$field};
		$value = $value ? 'true' : 'false' if JSON::PP::is_bool($value);
		my $found = data("query(\$value: String) { $name(first: 1000, filters: [{field: $field, operation: eq, value: \$value}]) { nodes { $field } } }",
			{ value => defined $value ? "$value" : undef })->{$name}{nodes};
		my $same = grep { ($_->{$field} // '') eq ($nodes->[0]{$field} // '') } @$nodes;
		is(scalar @$found, $same, "$name: those with the same $field");
	}
}

# --- Numbers

my $fine = '00000000000000000000000000000003';
my $issue = 'mutation { trainingTokenIssues { create(input: {
	tokenTypeId: "' . encode_base64("TokenType:$fine", '') . '", accountId: "T3JnYW5pc2F0aW9uOjE=", quantity: QUANTITY
	}) { errors { label message value } tokenIssue { initialBalance } } } }';
foreach my $case (
	[ '5', undef, '5' ], [ '2.50', undef, '2.5' ],
	[ '"0.000001"', undef, '0.000001' ],
	[ '"9223372036854.775807"', undef, '9223372036854.775807' ],
	[ '9223372036854.775807', undef, '9223372036854.775807' ],
	[ '1.5e3', undef, '1500' ], [ '2E-6', undef, '0.000002' ],
	[ '$q', 7, '7' ], [ '$q', 1e-6, '0.000001' ], [ '$q', 7.25, '7.25' ], [ '$q', '1234567890123.000001', '1234567890123.000001' ])
{
	my ($written, $variable, $printed) = @$case;
	(my $document = $issue) =~ s/QUANTITY/$written/;
	$document =~ s/^mutation/mutation(\$q: TokenAmount)/ if defined $variable;
	my (undef, $text) = $face->ask('operator', $document, { q => $variable });
	like($text, qr/"errors":\[\],"tokenIssue":\{"initialBalance":\Q$printed\E\}/,
		"$written" . (defined $variable ? " = $variable" : '') . " is printed as $printed");
}
foreach my $written ('true', '"five"', '"NaN"', '"Infinity"', '"1e99999"', '[]', '{}')
{
	(my $document = $issue) =~ s/QUANTITY/$written/;
	isnt(messages($document), '', "$written is no number");
}
like(messages('mutation($q: TokenAmount) { trainingTokenBalances { adjust(input: {amount: $q}) { errors { label } } } }', { q => JSON::PP::true }),
	qr/is not a number/, 'nor is true in a variable');

# --- Refusals: the field that is at fault, and what the arguments alone show
# before what is not found

my $nobody = encode_base64('Organisation:99999', '');
my $type = encode_base64("TokenType:$fine", '');
foreach my $case (
	[ 'trainingTokenIssues', qq(create(input: {tokenTypeId: "$type", accountId: "$nobody", quantity: -1})), 'quantity: quantity is negative' ],
	[ 'trainingTokenIssues', qq(create(input: {tokenTypeId: "$type", accountId: "$nobody", quantity: 1})), 'accountId: party not found' ],
	[ 'trainingTokenIssues', 'create(input: {tokenTypeId: "' . encode_base64('TokenType:00000000-0000-0000-0000-000000000003', '') . '", accountId: "T3JnYW5pc2F0aW9uOjE=", quantity: 1})', 'tokenTypeId: not a global id of a TokenType' ],
	[ 'trainingTokenBalances', qq(redeem(input: {tokenTypeId: "$type", accountId: "$nobody", quantity: -1, reference: "r"})), 'quantity: quantity is negative' ],
	[ 'trainingPass', 'usePass(input: {contactId: "UGVyc29uOjEw", contentId: "' . encode_base64('CourseTemplate:99999', '') . '"})', 'reference: reference is missing' ],
	[ 'trainingPass', 'usePass(input: {contactId: "UGVyc29uOjEw", contentId: "' . encode_base64('CourseTemplate:99999', '') . '", reference: "r"})', 'contentId: no pass covers the item' ],
	[ 'trainingPass', 'updateTypeOption(input: {trainingPassTypeOptionId: "' . encode_base64('TrainingPassTypeOption:01', '') . '"})', 'trainingPassTypeOptionId: not a global id of a TrainingPassTypeOption' ],
	[ 'trainingPass', 'updateTypeOptionPrice(input: {amount: "1"})', 'trainingPassTypeOptionPriceId: price_id is missing' ],
	[ 'trainingPass', 'updateTypeOptionPrice(input: {amount: "-1"})', 'trainingPassTypeOptionPriceId: price_id is missing' ])
{
	my ($namespace, $mutation, $expected) = @$case;
	my ($data) = $face->read_answer('admin', "mutation { $namespace { done: $mutation { errors { label message } } } }");
	my $answer = $data->{$namespace}{done};
	is(join('; ', map { "$_->{label}: $_->{message}" } @{ $answer->{errors} }), $expected, "$mutation: $expected");
}
is(sql("SELECT count(*) FROM pg_proc WHERE pronamespace = 'trainledger_graphql'::regnamespace AND proparallel <> 'u' AND prosrc ~ 'EXCEPTION WHEN'"),
	0, 'errors are not caught in workers');

$face->stop;
$node->stop;
done_testing();
