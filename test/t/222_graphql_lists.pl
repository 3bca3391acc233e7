# Lists of the GraphQL face: pages in any order, totals, filters over every field,
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
SELECT trainledger.extend_training_tokens(id, (expires_at + n * interval '1 day')::date)
FROM trainledger.token_lot, generate_series(1, 3) AS n WHERE expires_at IS NOT NULL;
SELECT trainledger.redeem_training_tokens(1, '00000000-0000-0000-0000-000000000001', 3, 'booking');
SELECT trainledger.add_region('DR', 'A region'), trainledger.add_region('D,R', 'Another'),
	trainledger.add_region('D\R', 'A third');
SELECT trainledger.add_region('R-' || i, 'Region ' || i) FROM generate_series(1, 1100) AS i;
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
RESET trainledger.clock;
SELECT trainledger.adjust_training_tokens(id, 5) FROM trainledger.token_lot ORDER BY expires_at LIMIT 1;
SELECT trainledger.hold_training_tokens(1, '00000000-0000-0000-0000-000000000001', 6, 'first', notes => 'n');
SELECT trainledger.adjust_training_tokens(id, 1) FROM trainledger.token_lot ORDER BY expires_at LIMIT 1;
SELECT trainledger.hold_training_tokens(1, '00000000-0000-0000-0000-000000000001', 1, 'second', now() + interval '3 days');
SELECT trainledger.release_hold(id, 1, 'less'), trainledger.extend_hold(id, now() + interval '30 days')
FROM trainledger.hold WHERE reference = 'first';
SELECT trainledger.credit_init(10, 5, 's', 'd', now(), token_type => 'Credit'), trainledger.credit_hold(10, 1, 's', 'd', token_type => 'Credit');
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
is(scalar split(/,/, names('contacts', 'last: null')), 50, 'in both directions');
is(scalar @{ data("{ regions($_: 5000) { nodes { id } } }")->{regions}{nodes} }, 1000,
	"$_: more than 1000 gives 1000")
  foreach qw(first last);
is(scalar split(/,/, names('contacts', 'first: 2147483647')), 130, 'or all that there are');
is_deeply(
	data("{ contacts($_: 0) { nodes { id } edges { cursor } pageInfo { startCursor endCursor totalRecords } } }")->{contacts},
	{
		nodes => [], edges => [],
		pageInfo => { startCursor => undef, endCursor => undef, totalRecords => 130 }
	},
	"$_: 0 is an empty page")
  foreach qw(first last);
is(messages("{ contacts($_: -1) { nodes { id } } }"), "'$_' is 0 or more", "$_: negative is an error")
  foreach qw(first last offset);
is(messages('{ contacts(first: 1, last: 1) { nodes { id } } }'),
	"'last' cannot be combined with 'first'", 'so are first and last together');
is(messages('{ contacts(last: 1, offset: 1) { nodes { id } } }'),
	"'last' cannot be combined with 'offset'", 'and last and offset');
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

# --- Any page in any order, forwards and backwards

my @times = map { sql("SELECT created_at FROM trainledger.party WHERE id = $_") } 10, 139;
is($times[0], $times[1], 'people are of one instant');

# Orders, and the same in SQL
my %orders = (
	'' => 'created_at, id',
	'[]' => 'created_at, id',
	'[{field: name}]' => 'name, created_at, id',
	'[{field: email}]' => 'email, created_at, id',
	'[{field: email, direction: desc}]' => 'email DESC, created_at, id',
	'[{field: isSuspended, direction: desc}, {field: email, direction: desc}]' => 'is_suspended DESC, email DESC, created_at, id',
	'[{field: createdAt, direction: desc}]' => 'created_at DESC, id',
	'[{field: id, direction: desc}]' => 'id DESC',
	'[{field: accountId, direction: desc}, {field: externalId}, {field: name, direction: asc}]' => 'organisation_id DESC, external_id, name, id',
	'[null, {field: accountId}, {field: accountId, direction: desc}]' => 'organisation_id, created_at, id');
my $pages = 0;
my $tries = 20 * ($ENV{SOAK} // 1);
srand(my $seed = $ENV{SEED} // 20260301);
foreach my $order (sort keys %orders)
{
	my $ordered = $order ? ", order: $order" : '';
	my $edges = data("{ contacts(first: 1000$ordered) { edges { cursor node { name } } } }")->{contacts}{edges};
	my @all = map { $_->{node}{name} } @$edges;

	is(join(',', @all), sql("SELECT name FROM trainledger.party WHERE kind = 'person' ORDER BY $orders{$order}"),
		"order $order");
	foreach my $try (1 .. $tries)
	{
		my %given = (
			after => pick(undef, undef, 129, int(rand 130)),
			before => pick(undef, undef, 0, int(rand 130)));
		if (rand() < 0.4)
		{
			$given{last} = pick(0, 1, 7, 60);
		}
		else
		{
			@given{qw(first offset)} = (pick(undef, 0, 1, 7, 200), pick(undef, undef, 0, 3, 400));
		}
		my ($page, $previous, $next) = page(\%given, @all);
		my %sent = map { $_ => /e/ && defined $given{$_} ? $edges->[ $given{$_} ]{cursor} : $given{$_} } qw(after before);
		$sent{$_} = $given{$_} foreach qw(first last offset);
		my @names = grep { defined $sent{$_} || rand() < 0.5 } sort keys %sent;

		# as variables, or as literals
		my $by_variable = rand() < 0.5;
		my $head = $by_variable && @names
		  ? 'query(' . join(', ', map { "\$$_: " . (/after|before/ ? 'Cursor' : 'Int') } @names) . ')' : '';
		my $arguments = join ', ', map {
			"$_: " . ($by_variable ? "\$$_" : JSON::PP->new->allow_nonref->encode($sent{$_}))
		} @names;
		$arguments = '(' . join(', ', grep { $_ } $arguments, $order && "order: $order") . ')';
		$arguments = '' if $arguments eq '()';
		my $list = data("$head { contacts$arguments { nodes { name } pageInfo { hasPreviousPage hasNextPage totalRecords } } }",
			$by_variable ? { map { $_ => $sent{$_} } @names } : {})->{contacts};
		my $info = $list->{pageInfo};
		my @got = (join(',', map { $_->{name} } @{ $list->{nodes} }), $info->{totalRecords});
		my @expected = (join(',', @$page), 130);
		if (defined $previous)
		{
			push @got, map { $info->{$_} ? 1 : 0 } qw(hasPreviousPage hasNextPage);
			push @expected, $previous ? 1 : 0, $next ? 1 : 0;
		}
		$pages++ if "@got" eq "@expected";
		is("@got", "@expected", "seed $seed: contacts$arguments") if "@got" ne "@expected";
	}
}
is($pages, $tries * keys %orders, 'every page is right, and knows what is before and after it');

sub pick { return $_[ rand @_ ]; }

# A page of these, as indexes say it, and whether there are some before and after
# it: not defined where the cursors are the wrong way round.
sub page
{
	my ($given, @all) = @_;
	my $from = defined $given->{after} ? $given->{after} + 1 : 0;
	my $to = $given->{before} // @all;
	my $offset = $given->{offset} || 0;
	my ($start, $end);

	return [] if $from > $to;
	if (defined $given->{last}
		|| defined $given->{before} && !defined $given->{first} && !defined $given->{after} && !$offset)
	{
		my $size = $given->{last} // 50;
		($start, $end) = ($to - $size > $from ? $to - $size : $from, $to);
	}
	else
	{
		my $size = $given->{first} // 50;
		$start = $from + $offset < $to ? $from + $offset : $to;
		$end = $start + $size < $to ? $start + $size : $to;
	}
	return ([ @all[ $start .. $end - 1 ] ], $start > 0, $end < @all);
}

like(messages('{ contacts(after: "' . data('{ contacts { pageInfo { endCursor } } }')->{contacts}{pageInfo}{endCursor} . '", order: [{field: email}]) { nodes { id } } }'),
	qr/^Invalid cursor in 'after'/, 'a cursor of another order is refused');
like(messages('{ contacts(order: [{field: password}]) { nodes { id } } }'),
	qr/Value "password" does not exist/, 'and an order by a field that is none');

# --- Lists within: the same, for each parent by itself

my $nested = data('{ accounts(first: 1) { nodes { contacts { nodes { name } pageInfo { hasNextPage totalRecords } }
	other: contacts(last: 3, order: [{field: email, direction: desc}]) { nodes { name } pageInfo { hasPreviousPage hasNextPage } } } } }')->{accounts}{nodes}[0];
my $of_acme = 'FROM trainledger.party WHERE organisation_id = 1';
is(scalar @{ $nested->{contacts}{nodes} }, 20, 'a list of a node has 20');
is($nested->{contacts}{pageInfo}{totalRecords}, sql("SELECT count(*) $of_acme"), 'of all');
is(join(',', map { $_->{name} } @{ $nested->{other}{nodes} }),
	sql("SELECT name FROM (SELECT name, email, id $of_acme ORDER BY email, id DESC LIMIT 3) p ORDER BY email DESC, id"),
	'the last, in another order');
is_deeply($nested->{other}{pageInfo}, { hasPreviousPage => JSON::PP::true, hasNextPage => JSON::PP::false }, 'are the last');
my @issues = @{ data('{ tokenAccounts { nodes { tokenIssues(last: 1) { nodes { transactions(first: 1, offset: 1) { nodes { id } pageInfo { hasPreviousPage hasNextPage } } } pageInfo { hasPreviousPage } } } } }')
	  ->{tokenAccounts}{nodes} };
ok($issues[0]{tokenIssues}{pageInfo}{hasPreviousPage}, 'a page in a list knows of those before it');

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

my $lots = data('{ tokenAccounts { nodes { currentBalance held availableBalance
	tokenIssues(first: 2, offset: 1) { nodes { initialBalance transactions(filters: [{field: operation, operation: eq, value: "issue"}]) { nodes { notes balanceDelta } pageInfo { totalRecords } } } pageInfo { totalRecords } } } } }')
  ->{tokenAccounts}{nodes}[0];

# Whatever the planner reads first: entries of credit accounts have operations
# that transactions of issues do not have.
is( $node->safe_psql('books', <<'SQL'), 't',
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT count(*) = (SELECT count(*) FROM trainledger.entry e JOIN trainledger.token_lot l USING (account_id)
				   WHERE e.operation = 'issue')
FROM trainledger_graphql.training_token_transaction WHERE operation = 'issue';
SQL
	'transactions are filtered by operation with any plan');
is($lots->{currentBalance}, 213, 'the balance of an account is that of its issues');
is(join(' ', @$lots{qw(held availableBalance)}), '6 207', 'of which holds keep some back');
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
	'{field: name, operation: like, value: "PERSON 1_"}' => "name LIKE 'Person 1_'",
	'{field: email, operation: like, value: "P10@EXAMPLE%"}' => "email LIKE 'p10\@example%'",
	'{field: accountId, operation: eq, value: "T3JnYW5pc2F0aW9uOjE="}' => 'organisation_id = 1',
	'{field: accountId, operation: ne, value: "T3JnYW5pc2F0aW9uOjE="}' => 'organisation_id IS NULL',
	'{field: accountId, operation: eq}' => 'organisation_id IS NULL',
	'{field: accountId, operation: eq, value: "UGVyc29uOjE="}' => 'false',
	'{field: accountId, operation: in, value: "T3JnYW5pc2F0aW9uOjE=,T3JnYW5pc2F0aW9uOjI="}' => 'organisation_id = 1',
	'null, {field: name, operation: eq, value: "Person 20"}' => "name = 'Person 20'",
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
is(messages('{ contacts(filters: [{field: isSuspended, operation: lt}]) { nodes { id } } }'),
	'the filter on isSuspended has no value', 'which is said of the field, not of its column');
is(messages("{ trainingPasses(filters: [{field: status, operation: $_, value: \"active,x\"}]) { nodes { id } } }"),
	$_ eq 'in' ? "'x' is not a value of status" : "'active,x' is not a value of status", "nor is a type named: $_") foreach qw(eq in lt);
is(messages('{ trainingPasses(filters: [{field: status, operation: in, value: "active,upcoming"}]) { nodes { id } } }'), '', 'values of an enum');
is(messages('{ trainingPasses(filters: [{field: status, operation: like, value: "ACT%"}]) { nodes { id } } }'), '', 'and a pattern');
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
is(names('regions', 'filters: [{field: code, operation: in, value: "DR, D\\\\,R"}]'),
	'Another,A region', 'in: a comma after a backslash is one of the value');
is(names('regions', 'filters: [{field: code, operation: in, value: "D\\\\R,D\\\\\\\\R,nowhere\\\\,"}]'),
	'A third', 'and a backslash one, written once or twice');

# By what a node refers to
my $first = data('{ trainingTokenIssues(first: 1) { nodes { accountId tokenTypeId tokenAccountId } } trainingPasses(first: 1) { nodes { contactId trainingPassTypeId trainingPassTypeOptionId } } }');
my %of = (
	trainingTokenIssues => [ { accountId => 20, tokenTypeId => 20, tokenAccountId => 20 }, 20 ],
	trainingPasses => [ { contactId => 1, trainingPassTypeId => 10, trainingPassTypeOptionId => 10 }, 10 ]);
foreach my $list (sort keys %of)
{
	my ($counts, $all) = @{ $of{$list} };
	foreach my $field (sort keys %$counts)
	{
		my $id = $first->{$list}{nodes}[0]{$field};
		my $total = sub {
			return data("{ $list(filters: [{field: $field, operation: $_[0], value: \"$id\"}]) { pageInfo { totalRecords } } }")->{$list}{pageInfo}{totalRecords};
		};
		is($total->('eq'), $counts->{$field}, "$list: $field");
		is($total->('ne'), $all - $counts->{$field}, "$list: any other $field");
	}
}
is(data('{ tokenRedemptions(filters: [{field: accountId, operation: eq, value: "T3JnYW5pc2F0aW9uOjE="}, {field: tokenTypeId, operation: ne, value: "' . encode_base64('TokenType:00000000000000000000000000000003', '') . '"}]) { pageInfo { totalRecords } } }')
	->{tokenRedemptions}{pageInfo}{totalRecords}, 1, 'redemptions of an account');
is(messages('{ trainingPasses(filters: [{field: contactId, operation: eq, value: "T3JnYW5pc2F0aW9uOjE="}]) { nodes { id } } }'),
	"'T3JnYW5pc2F0aW9uOjE=' is not a global id of Person", 'an organisation is no contact');
my $acme = encode_base64('Organisation:1', '');
my $other_type = encode_base64('TokenType:00000000000000000000000000000003', '');
my $holds = data(qq({ all: trainingTokenHolds(order: [{field: quantity}]) { nodes { reference } pageInfo { totalRecords } }
	of: trainingTokenHolds(filters: [{field: accountId, operation: eq, value: "$acme"}, {field: status, operation: eq, value: "open"}, {field: quantity, operation: gt, value: "1"}]) { nodes { reference } }
	other: trainingTokenHolds(filters: [{field: tokenTypeId, operation: eq, value: "$other_type"}]) { nodes { reference } }
	tokenAccounts(first: 1) { nodes { holds(last: 1) { nodes { reference } pageInfo { totalRecords } } } } }));
is_deeply($holds, {
	all => { nodes => [ { reference => 'second' }, { reference => 'first' } ], pageInfo => { totalRecords => 2 } },
	of => { nodes => [ { reference => 'first' } ] }, other => { nodes => [] },
	tokenAccounts => { nodes => [ { holds => { nodes => [ { reference => 'second' } ], pageInfo => { totalRecords => 2 } } } ] } },
	'holds of training tokens alone, by what they are on');

# --- Token types

is(names('trainingTokenTypes', ''), 'Gold,Fine',
	'training types that are not archived');
is(names('trainingTokenTypes', 'filters: [{field: isArchived, operation: eq, value: "true"}]'),
	'Old', 'archived types on request');
is(names('trainingTokenTypes', 'filters: [{field: isArchived, operation: in, value: "true,false"}]'),
	'Gold,Old,Fine', 'or all of them');

# --- Every field of every list can be filtered by, with what it shows

my $schema = data('{ __schema {
	queryType { fields { name args { name type { ofType { name } } } } }
	types { kind name enumValues { name } fields { name args { name type { ofType { name } } } type { kind name ofType { kind name } } } } } }')->{__schema};
my %type = map { $_->{name} => $_ } @{ $schema->{types} };

# lists that only nodes have, by the way there
my %within = map { $_->[-1] => $_ } (
	[ 'trainingTokenIssues', 'transactions' ], [ 'trainingTokenIssues', 'events' ], [ 'tokenRedemptions', 'allocations' ],
	[ 'trainingPasses', 'events' ], [ 'trainingPasses', 'periods' ], [ 'trainingPassTypes', 'content' ]);
my @ways = ((map { [ $_->{name} ] } grep { $_->{name} ne 'node' } @{ $schema->{queryType}{fields} }), values %within, [ 'trainingTokenIssues', 'events' ],
	[ 'trainingTokenIssues', 'holds' ], [ 'trainingTokenIssues', 'holdAllocations' ], [ 'trainingTokenHolds', 'events' ], [ 'trainingTokenHolds', 'allocations' ]);

# What a list answers to several pairs of arguments and fields: that of the first
# node where it is a list of nodes
sub answers
{
	my ($way, $asked, $variables) = @_;
	my ($list, $inner) = @$way;
	my $head = $variables ? 'query($value: String)' : '';
	my $name = $inner // $list;
	my $lists = join ' ', map { "$_: $name($asked->{$_}[0]) { $asked->{$_}[1] }" } sort keys %$asked;
	my $parents = $list eq 'trainingTokenIssues' ? ', order: [{field: expiresAt}]' : '';

	return data("$head { $lists }", $variables) if !$inner;
	return data("$head { $list(first: 1$parents) { nodes { $lists } } }", $variables)->{$list}{nodes}[0];
}

sub cursors { return map { $_->{cursor} } @{ $_[0]{edges} }; }

foreach my $way (@ways)
{
	my $name = join '.', @$way;
	my ($of) = ($schema->{queryType});
	foreach my $step (@$way)
	{
		my ($field) = grep { $_->{name} eq $step } @{ $of->{fields} };
		my ($filter) = map { $_->{type}{ofType}{name} } grep { $_->{name} eq 'filters' } @{ $field->{args} };
		$filter =~ s/FieldFilter$//;
		$of = $type{$filter};
	}
	my @scalars = grep {
		my $named = $_->{type}{ofType} // $_->{type};
		$named->{kind} =~ /SCALAR|ENUM/ && !@{ $_->{args} };
	} @{ $of->{fields} };

	is(join(' ', sort map { $_->{name} } @{ $type{"$of->{name}Field"}{enumValues} }),
		join(' ', sort map { $_->{name} } @scalars),
		"$name: the fields to filter and order by are those of the node");
	my @all = map { $_->{name} } @scalars;
	my $nodes = answers($way, { a => [ 'first: 1000', "nodes { @all }" ] })->{a}{nodes};
	ok(scalar @$nodes, "$name: there are some");
	my $direction = 'asc';
	foreach my $field (@all)
	{
		$direction = $direction eq 'asc' ? 'desc' : 'asc';
		my $order = "order: [{field: $field, direction: $direction}]";
		my $value = $nodes->[0]{$field};
		$value = $value ? 'true' : 'false' if JSON::PP::is_bool($value);
		my $answer = answers($way,
			{
				filtered => [ "first: 1000, filters: [{field: $field, operation: eq, value: \$value}]", "nodes { $field }" ],
				whole => [ "first: 1000, $order", 'edges { cursor }' ]
			},
			{ value => defined $value ? "$value" : undef });
		my $same = grep { ($_->{$field} // '') eq ($nodes->[0]{$field} // '') } @$nodes;
		is(scalar @{ $answer->{filtered}{nodes} }, $same, "$name: those with the same $field");

		# in this order: two pages, forwards and backwards
		my @whole = cursors($answer->{whole});
		my $size = 1 + int(@whole / 2);
		my $edges = 'edges { cursor }';
		my $one = answers($way, { first => [ "first: $size, $order", $edges ], last => [ "last: $size, $order", $edges ] });
		my $two = answers($way, {
			first => [ qq(first: $size, after: "$whole[$size - 1]", $order), $edges ],
			last => [ qq(last: $size, before: "$whole[-$size]", $order), $edges ] });
		is_deeply([ map { cursors($_) } $one->{first}, $two->{first} ], \@whole, "$name: pages by $field $direction")
		  if $name ne 'regions';
		is_deeply([ map { cursors($_) } $two->{last}, $one->{last} ], \@whole, "$name: and backwards")
		  if $name ne 'regions';
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
like(messages('mutation($q: TokenAmount) { trainingTokenBalances { adjust(input: {tokenIssueId: "x", amount: $q}) { errors { label } } } }', { q => JSON::PP::true }),
	qr/is not a number/, 'nor is true in a variable');

# --- Refusals: the field that is at fault, and what the arguments alone show
# before what is not found

my $nobody = encode_base64('Organisation:99999', '');
my $type = encode_base64("TokenType:$fine", '');
foreach my $case (
	[ 'trainingTokenIssues', qq(create(input: {tokenTypeId: "$type", accountId: "$nobody", quantity: -1})), 'quantity: quantity is negative' ],
	[ 'trainingTokenIssues', qq(create(input: {tokenTypeId: "$type", accountId: "$nobody", quantity: 1})), 'accountId: account not found' ],
	[ 'trainingTokenIssues', 'create(input: {tokenTypeId: "' . encode_base64('TokenType:00000000-0000-0000-0000-000000000003', '') . '", accountId: "T3JnYW5pc2F0aW9uOjE=", quantity: 1})', 'tokenTypeId: not a global id of a TokenType' ],
	[ 'trainingTokenBalances', qq(redeem(input: {tokenTypeId: "$type", accountId: "$nobody", quantity: -1, reference: "r"})), 'quantity: quantity is negative' ],
	[ 'trainingPass', 'usePass(input: {contactId: "UGVyc29uOjEw", contentId: "' . encode_base64('CourseTemplate:99999', '') . '", reference: ""})', 'reference: reference is missing' ],
	[ 'trainingPass', 'usePass(input: {contactId: "UGVyc29uOjEw", contentId: "' . encode_base64('CourseTemplate:99999', '') . '", reference: "r"})', 'contentId: no pass covers the content' ],
	[ 'trainingPass', 'updateTypeOption(input: {trainingPassTypeOptionId: "' . encode_base64('TrainingPassTypeOption:01', '') . '"})', 'trainingPassTypeOptionId: not a global id of a TrainingPassTypeOption' ],
	[ 'trainingPass', 'updateTypeOptionPrice(input: {trainingPassTypeOptionPriceId: "' . encode_base64('TrainingPassTypeOptionPrice:99999', '') . '", amount: "1"})', 'trainingPassTypeOptionPriceId: price not found' ],
	[ 'trainingPass', 'updateTypeOptionPrice(input: {trainingPassTypeOptionPriceId: "' . encode_base64('TrainingPassTypeOptionPrice:99999', '') . '", amount: "-1"})', 'amount: price is out of range' ])
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
