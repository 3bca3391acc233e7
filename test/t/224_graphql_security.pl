# Who sees and may do what through the GraphQL face. The test walks the schema
# as it is served, so that a new list, field or mutation is tried too.
#
# Rows of others contain the word OTHER; rows that a learner may see do not.
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
use TrainLedger::Token;

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_security');
my $face = TrainLedger::GraphQL->start($node);
my $type = '00000000-0000-0000-0000-000000000001';

# Ann (3) is of Acme (1), Bob (4) of another organisation (2), Carl (5) of Acme.
$node->safe_psql('books', <<"SQL");
SELECT trainledger.add_party('organisation', 'OTHER Acme', id => 1),
	trainledger.add_party('organisation', 'OTHER organisation', id => 2);
SELECT trainledger.add_party('person', 'Ann', 'ann\@example.org', organisation_id => 1, id => 3),
	trainledger.add_party('person', 'OTHER Bob', 'OTHER.bob\@example.org', external_id => 'OTHER-4', organisation_id => 2, id => 4),
	trainledger.add_party('person', 'OTHER Carl', organisation_id => 1, id => 5);
SELECT trainledger.add_training_token_type('Gold', id => '$type');
SELECT trainledger.issue_training_tokens('$type', 1, 100, '2100-01-01', 'of Acme'),
	trainledger.issue_training_tokens('$type', 2, 31337, '2100-01-01', 'OTHER', id => '00000000-0000-0000-0000-000000000402'),
	trainledger.issue_training_tokens('$type', 3, 5, '2100-01-01', 'of Ann'),
	trainledger.issue_training_tokens('$type', 4, 31337, '2100-01-01', 'OTHER'),
	trainledger.issue_training_tokens('$type', 5, 31337, '2100-01-01', 'OTHER');
SELECT trainledger.redeem_training_tokens(3, '$type', 1, 'of Ann'),
	trainledger.redeem_training_tokens(4, '$type', 337, 'OTHER', 'OTHER'),
	trainledger.redeem_training_tokens(1, '$type', 7, 'OTHER', 'of Acme');
SELECT trainledger.hold_training_tokens(3, '$type', 3, 'of Ann', notes => 'of Ann'),
	trainledger.hold_training_tokens(1, '$type', 40, 'OTHER', notes => 'of Acme'),
	trainledger.hold_training_tokens(4, '$type', 31000, 'OTHER', notes => 'OTHER'),
	trainledger.hold_training_tokens(5, '$type', 31000, 'OTHER', notes => 'OTHER');
SELECT trainledger.capture_hold(id, 1, false), trainledger.release_hold(id, 1) FROM trainledger.hold;
SELECT trainledger.add_region('DR', 'A region'), trainledger.add_currency('USD', 'U.S. Dollars');
SELECT trainledger.add_catalog_item('course', 'C', 'Course', id => 1), trainledger.add_catalog_item('learning_path', 'L', 'Path', id => 2);
INSERT INTO trainledger.learning_path_course VALUES (2, 1);
SELECT trainledger.extend_training_tokens(id, CASE WHEN party_id IN (1, 3) THEN '2100-02-02'::date ELSE '2199-02-02' END) FROM trainledger.token_lot;
SELECT trainledger.create_pass_type('P', 'Pass', id => 1), trainledger.add_pass_content(1, '{1}');
SELECT trainledger.create_pass_option(1, 'Monthly', 'months', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'DR', 'USD', 9.5);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT trainledger.issue_pass(1, 1, 3, id => 3), trainledger.issue_pass(1, 1, 4, '1999-01-01', '2099-01-01', id => 4),
	trainledger.issue_pass(1, 1, 5, '1999-01-01', '2099-01-01', id => 5);
SELECT trainledger.issue_pass(1, 1, 3, id => 6), trainledger.reassign_pass(6, 5);
SELECT trainledger.use_pass(p, 1, 'booking') FROM unnest('{3,4,5}'::bigint[]) p;
SQL

my $ann = { role => 'web_learner', party_id => 3, sub => 'ann' };

# What others have, by its text
my $others = qr/OTHER|31337|31000|1999|2099|2199/;

sub id_of { return encode_base64("$_[0]:$_[1]", ''); }

# --- The schema as it is served

my ($schema, $errors) = $face->read_answer($ann, '{ __schema {
	queryType { name } mutationType { name }
	types { kind name description possibleTypes { name }
		fields { name description
			args { name type { kind name ofType { kind name ofType { kind name ofType { name } } } } }
			type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }
		inputFields { name description type { kind name ofType { kind name ofType { kind name } } } } } } }');
my %type = map { $_->{name} => $_ } @{ $schema->{__schema}{types} };

# The named type under lists and non-nulls
sub named
{
	my ($t) = @_;

	$t = $t->{ofType} while !$t->{name};
	return $type{ $t->{name} };
}

sub args_of { return { map { $_->{name} => $_ } @{ $_[0]{args} } }; }

# What of a type is a value, and what is a node or a list
sub values_of
{
	my ($t) = @_;

	return join ' ', map { $_->{name} } grep { !@{ $_->{args} } && named($_->{type})->{kind} =~ /SCALAR|ENUM/ } @{ $t->{fields} };
}

sub others_of { return grep { named($_->{type})->{kind} =~ /OBJECT|INTERFACE/ } @{ $_[0]{fields} }; }

# The type of the nodes of a list
sub node_of
{
	my ($of) = @_;
	my ($nodes) = grep { $_->{name} eq 'nodes' } @{ $of->{fields} };

	return $nodes ? named($nodes->{type}) : $of;
}

# A field with the values that it shows, and more of each
sub selection
{
	my ($field, $more) = @_;
	my $of = named($field->{type});
	my $node = node_of($of);
	my $shown = values_of($node) . ' ' . ($more // '');

	return "$field->{name} { $shown }" if $node == $of;
	return "$field->{name}(first: 5) { pageInfo { totalRecords startCursor hasPreviousPage } nodes { $shown } }";
}

# Documents that show a list three deep, along each way
sub documents
{
	my ($list) = @_;

	return map {
		my @next = others_of(node_of(named($_->{type})));
		'{ ' . selection($list, selection($_, join ' ', map { selection($_) } @next)) . ' }'
	} others_of(node_of(named($list->{type})));
}

my @lists = grep { $_->{name} ne 'node' } @{ $type{Query}{fields} };
my @mutations = map {
	my $namespace = $_->{name};
	map { [ $namespace, $_ ] } @{ named($_->{type})->{fields} };
} @{ $type{Mutation}{fields} };

cmp_ok(scalar @lists, '>=', 12, 'the schema has its lists');
cmp_ok(scalar @mutations, '>=', 20, 'and its mutations');

# --- A learner sees its own and nothing else

my %own = (
	accounts => 1, contacts => 1, tokenAccounts => 2, trainingTokenIssues => 2,
	trainingTokenHolds => 1, tokenRedemptions => 2, trainingPasses => 2, trainingTokenTypes => 1,
	catalogItems => 2, regions => 1, financialUnits => 1,
	trainingPassTypes => 1, trainingPassTypeOptions => 1,
	trainingPassTypeOptionPrices => 1, trainingPassUses => 1);
my %everything = (
	%own, accounts => 5, contacts => 3, tokenAccounts => 5,
	trainingTokenIssues => 5, trainingTokenHolds => 4, tokenRedemptions => 7, trainingPasses => 5,
	trainingPassUses => 3);
my (%anns, %all);	# global ids that Ann sees, and that there are
foreach my $list (@lists)
{
	my $name = $list->{name};
	my $itself = '{ ' . selection($list) . ' }';

	foreach my $document ($itself, documents($list))
	{
		my ($status, $text) = $face->ask($ann, $document);
		my $answer = decode_json($text);

		is($answer->{errors}, undef, "$name: a learner may ask: $document");
		unlike($text, $others, "$name: nothing of others");
		$anns{$_} = 1 foreach $text =~ /"(?!externalId)\w*[iI]d":"([^"]+)"/g;
		(undef, $text) = $face->ask('reader', $document);
		$all{$_} = 1 foreach $text =~ /"(?!externalId)\w*[iI]d":"([^"]+)"/g;
	}
	my ($anns) = $face->read_answer($ann, $itself);
	is($anns->{$name}{pageInfo}{totalRecords}, $own{$name},
		"$name: the total counts its own");
	my ($readers) = $face->read_answer('reader', $itself);
	is($readers->{$name}{pageInfo}{totalRecords}, $everything{$name},
		"$name: a reader sees all");

	# the cursor of somebody who sees all
	my ($edges) = $face->read_answer('reader', "{ $name { edges { cursor } } }");
	foreach my $cursor (map { $_->{cursor} } @{ $edges->{$name}{edges} })
	{
		my ($seen) = $face->read_answer($ann, qq({
			a: $name(after: "$cursor") { nodes { __typename } pageInfo { totalRecords hasPreviousPage hasNextPage } }
			b: $name(before: "$cursor") { nodes { __typename } pageInfo { totalRecords hasPreviousPage hasNextPage } } }));
		my ($after, $before) = map { scalar @{ $seen->{$_}{nodes} } } qw(a b);
		ok($after + $before <= $own{$name} && $after + $before >= $own{$name} - 1,
			"$name: what is behind the cursor of another is its own");
		is($seen->{a}{pageInfo}{hasPreviousPage} ? 1 : 0, $after < $own{$name} ? 1 : 0, "$name: and what is before it");
		is($seen->{b}{pageInfo}{hasNextPage} ? 1 : 0, $before < $own{$name} ? 1 : 0, "$name: and after it");
	}

	# each filter, with what others have
	foreach my $field (split / /, values_of(node_of(named($list->{type}))))
	{
		my ($seen) = $face->read_answer('reader', "{ $name(first: 1000) { nodes { $field } } }");
		my %values = map { (JSON::PP::is_bool($_) ? ($_ ? 'true' : 'false') : "$_") => 1 }
		  grep { defined } map { $_->{$field} } @{ $seen->{$name}{nodes} };
		my @filters = map { my $value = $_; map { qq({field: $field, operation: $_, value: ) . JSON::PP->new->allow_nonref->encode($value) . '}' } qw(eq ge le) } sort keys %values;
		my $i = 0;
		my $asked = join ' ', map { 'f' . $i++ . ": $name(filters: [$_]) { pageInfo { totalRecords } nodes { $field } }" } @filters;
		next unless $asked;
		my (undef, $text) = $face->ask($ann, "{ $asked }");
		my $totals = 0;
		while ($text =~ /"totalRecords":(\d+)/g)
		{
			$totals = $1 if $1 > $totals;
		}
		ok($text !~ $others && $totals <= $own{$name},
			"$name: nor by a filter on $field")
		  or diag($text);
	}
}
is_deeply(\%own, { map { $_->{name} => $own{ $_->{name} } } @lists },
	'every list was walked');

# By a global id it finds what it sees in lists, and nothing else
my %found;
foreach my $id (sort keys %all)
{
	my $document = qq({ node(id: "$id") { __typename id } });
	my ($readers) = $face->read_answer('reader', $document);
	my ($anns) = $face->read_answer($ann, $document);

	is($readers->{node}{id}, $id, "$id: a reader finds it");
	$found{ $readers->{node}{__typename} } = 1;
	is($anns->{node}{id}, $anns{$id} ? $id : undef, "$id: a learner finds it if it is its own");
}
is(join(' ', sort keys %found), join(' ', sort map { $_->{name} } @{ $type{Node}{possibleTypes} }),
	'nodes of every type were looked for');
my ($events) = $face->read_answer($ann, '{ node(id: "' . id_of('TrainingPass', 6) . '") { ... on TrainingPass { lifecycleState events(last: 1) { nodes { event otherTrainingPassId otherTrainingPass { id } } } } } }');
is_deeply($events->{node}, {
	lifecycleState => 'cancelled',
	events => { nodes => [ { event => 'reassigned', otherTrainingPassId => undef, otherTrainingPass => undef } ] } },
	'a pass that went to another person: not which one it is now');
($events) = $face->read_answer($ann, '{ tokenAccounts { nodes { accountId account { name } } } }');
is_deeply([ sort { ($a->{accountId} // '') cmp ($b->{accountId} // '') } @{ $events->{tokenAccounts}{nodes} } ],
	[ { accountId => undef, account => undef }, { accountId => id_of('Person', 3), account => { name => 'Ann' } } ],
	'tokens of its organisation: not what it is called');

my ($held) = $face->read_answer($ann, '{
	trainingTokenIssues { nodes { accountId currentBalance held availableBalance holds { nodes { reference } pageInfo { totalRecords } } holdAllocations { pageInfo { totalRecords } } } }
	tokenAccounts { nodes { accountId currentBalance held availableBalance holds { nodes { reference } pageInfo { totalRecords } } } } }');
my %hers = (accountId => id_of('Person', 3), currentBalance => 3, held => 1, availableBalance => 2);
my %acmes = (accountId => undef, currentBalance => 92, held => 38, availableBalance => 54);
my %one = (holds => { nodes => [ { reference => 'of Ann' } ], pageInfo => { totalRecords => 1 } });
my %none = (holds => { nodes => [], pageInfo => { totalRecords => 0 } });
is_deeply([ map { [ sort { $a->{held} <=> $b->{held} } @{ $held->{$_}{nodes} } ] } qw(trainingTokenIssues tokenAccounts) ],
	[ [ { %hers, %one, holdAllocations => { pageInfo => { totalRecords => 1 } } }, { %acmes, %none, holdAllocations => { pageInfo => { totalRecords => 0 } } } ],
		[ { %hers, %one }, { %acmes, %none } ] ],
	'of its organisation: how many are held, and not for whom');

my ($data) = $face->read_answer($ann, '{
	a: trainingTokenIssues(filters: [{field: id, operation: eq, value: "' . id_of('TokenIssue', '00000000000000000000000000000402') . '"}]) { nodes { id } pageInfo { totalRecords } }
	b: trainingPasses(filters: [{field: id, operation: in, value: "' . id_of('TrainingPass', 3) . ',' . id_of('TrainingPass', 4) . '"}]) { nodes { id } pageInfo { totalRecords } }
	c: contacts(filters: [{field: email, operation: like, value: "%OTHER%"}]) { nodes { id } pageInfo { totalRecords } } }');
is_deeply($data, {
	a => { nodes => [], pageInfo => { totalRecords => 0 } },
	b => { nodes => [ { id => id_of('TrainingPass', 3) } ], pageInfo => { totalRecords => 1 } },
	c => { nodes => [], pageInfo => { totalRecords => 0 } } },
	'a global id or a pattern finds nothing of others');

# --- A learner without a party, and of a party that is none

my %whose = ('no party' => {}, 'a party that is not there' => { party_id => 99 },
	'null' => { party_id => undef });
foreach my $what (sort keys %whose)
{
	my ($seen) = $face->read_answer({ role => 'web_learner', %{ $whose{$what} } },
		'{ accounts { pageInfo { totalRecords } } trainingTokenIssues { pageInfo { totalRecords } } trainingPasses { pageInfo { totalRecords } } }');
	is(join(' ', map { $_->{pageInfo}{totalRecords} } values %$seen), '0 0 0',
		"$what: nothing");
}
foreach my $party ('3 or true', '3; drop table', [3], { id => 3 }, 1e30)
{
	my (undef, $text) = $face->ask({ role => 'web_learner', party_id => $party },
		'{ accounts { nodes { name } } trainingPasses { nodes { id } } }');
	unlike($text, qr/"name":|"id":/, 'nothing for the party ' . JSON::PP->new->allow_nonref->encode($party));
}

# --- Mutations: a learner and a reader may do none, an operator not all

# Some value for an argument of a type
sub some_value
{
	my ($t) = @_;
	my $of = named($t);

	return '{' . join(', ', map { "$_->{name}: " . some_value($_->{type}) } @{ $of->{inputFields} }) . '}'
	  if $of->{kind} eq 'INPUT_OBJECT';
	return { published => 1 } && ($of->{name} =~ /Lifecycle/ ? 'published' : $of->{name} eq 'ValidityUnit' ? 'days' : 'forfeit')
	  if $of->{kind} eq 'ENUM';
	my $value = {
		Int => 1, Boolean => 'true', TokenAmount => 1, ID => '"' . id_of('Person', 4) . '"',
		DateTime => '"2100-01-01"', UUID => '"00000000-0000-0000-0000-00000000000f"' }->{ $of->{name} } // '"1"';
	return $t->{kind} eq 'LIST' ? "[$value]" : $value;
}

my $state = q{SELECT (SELECT count(*) FROM trainledger.entry), (SELECT count(*) FROM trainledger.pass_event),
	(SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM trainledger.pass_type t),
	(SELECT count(*) FROM trainledger.pass_type_option), (SELECT count(*) FROM trainledger.token_type),
	(SELECT count(*) FROM trainledger.pass_use), (SELECT count(*) FROM trainledger.hold_event), (SELECT count(*) FROM trainledger.pass_type_option_price)};
my $before = $node->safe_psql('books', $state);
foreach my $mutation (@mutations)
{
	my ($namespace, $field) = @$mutation;
	my $input = some_value($field->{args}[0]{type});
	my $document = "mutation { $namespace { $field->{name}(input: $input) { errors { message } } } }";

	foreach my $who ($ann, 'learner', 'reader')
	{
		my ($result, $problems) = $face->read_answer($who, $document);
		is($problems->[0]{extensions}{code}, '42501',
			"$namespace.$field->{name}: not for " . (ref $who ? 'Ann' : "a $who"));
	}
	my ($status) = $face->ask(undef, $document);
	is($status, 401, "$namespace.$field->{name}: nor for nobody");
}
foreach my $method (qw(createType updateType createTypeOption updateTypeOption createTypeOptionPrice addContentToPassType correctPass))
{
	my ($mutation) = grep { $_->[1]{name} eq $method } @mutations;
	my $input = some_value($mutation->[1]{args}[0]{type});
	my (undef, $problems) = $face->read_answer('operator', "mutation { trainingPass { $method(input: $input) { errors { message } } } }");
	is($problems->[0]{extensions}{code}, '42501', "$method: not for an operator");
}
is($node->safe_psql('books', $state), $before, 'nothing was done');

# --- Without a good token nothing: 401

my $secret = $TrainLedger::GraphQL::secret;
my $soon = time + 3600;
my @parts = split /\./, TrainLedger::GraphQL::token($ann);
my %bad = (
	'missing' => undef,
	'expired' => TrainLedger::GraphQL::token({ %$ann, exp => time - 60 }),
	'not yet valid' => TrainLedger::GraphQL::token({ %$ann, nbf => $soon }),
	'of another secret' => sign_token('guessed, and as long as the right one', { %$ann, exp => $soon }),
	'unsigned' => "$parts[0].$parts[1].",
	'alg none' => sign_token($secret, { %$ann, exp => $soon }, alg => 'none'),
	'alg none, unsigned' => join('.', (split /\./, sign_token($secret, $ann, alg => 'none'))[ 0, 1 ], ''),
	'of another algorithm' => sign_token($secret, { %$ann, exp => $soon }, alg => 'HS512'),
	'with other claims' => join('.', $parts[0], (split /\./, TrainLedger::GraphQL::token({ role => 'web_admin' }))[1], $parts[2]),
	'without a role' => TrainLedger::GraphQL::token({ party_id => 3 }),
	'with a role that is no text' => TrainLedger::GraphQL::token({ role => ['web_admin'] }),
	'nonsense' => 'a.b.c',
	'two words' => 'nothing at all');
foreach my $what (sort keys %bad)
{
	my ($status, $text) = $face->ask($bad{$what}, '{ regions { nodes { name } } __schema { types { name } } }');
	is($status, 401, "a token that is $what: 401");
	unlike($text, qr/region/i, 'without data');
}
foreach my $role ('postgres', 'authenticator', 'pg_read_all_data', 'no_such_role', 'web_admin; --',
	"web_learner', true); set local role web_admin; --", "web_learner\\', true); set local role web_admin; --", "web_admin\0")
{
	my (undef, $text) = $face->ask({ role => $role }, '{ accounts { nodes { name } } }');
	unlike($text, $others, "the role " . ($role =~ s/\0/\\0/r) . " brings nothing");
	my ($seen) = $face->read_answer($ann, '{ contacts { nodes { name } } }');
	is_deeply($seen, { contacts => { nodes => [ { name => 'Ann' } ] } }, 'and the next request is answered');
}
my $strange = qq{o'Brien \\' \\"x\\" \$1 \n, true); select 1; --};
my ($done) = $face->read_answer({ role => 'web_operator', sub => $strange },
	'mutation { trainingTokenIssues { extend(input: {tokenIssueId: "' . encode_base64('TokenIssue:00000000000000000000000000000402', '') . '", expiresAt: "2199-03-03"})
		{ errors { message } tokenIssue { events(last: 1) { nodes { changedBy } } } } } }');
is_deeply($done->{trainingTokenIssues}{extend}{tokenIssue}{events}{nodes}, [ { changedBy => $strange } ],
	'claims arrive as they are');

# --- What is not of the face cannot be reached

my $served = join ' ', map { ($_->{name}, map { $_->{name} } @{ $_->{fields} // [] }, @{ $_->{inputFields} // [] }) } values %type;
unlike($served, qr/(^| )_[a-z]|(?<!idempotency)Key\b|dedup|grantAccess|booked_?Balance|tokenLot|requireLevel/,
	'nothing internal is served');
foreach my $name ('_errors', 'grantAccess', 'entries', 'parties', 'privileges')
{
	my (undef, $text) = $face->ask('admin', "{ $name { __typename } }");
	like($text, qr/Cannot query field/, "$name is no field");
}
my @undocumented = grep { !/^__/ } map {
	my $t = $_;
	$t->{name} =~ /^__|^(Query|Mutation|Cursor|PageInfo|String|Int|Boolean|ID|UUID)$|Connection$|Edge$|Mutations$|RecordInput$/ ? () :
	  ($t->{description} ? () : $t->{name}, map { "$t->{name}.$_->{name}" } grep { !$_->{description} } @{ $t->{fields} // [] })
} values %type;
is("@undocumented", '', 'every type and field is described');

# --- Every object of the schema has its comment, and PUBLIC has no rights

is( join(' ', rows($node, q{
	SELECT pg_describe_object(o.classid, o.oid, o.sub)
	FROM (SELECT 'pg_class'::regclass AS classid, oid, 0 AS sub FROM pg_class WHERE relnamespace = 'trainledger_graphql'::regnamespace AND relkind = 'v'
		UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
			WHERE relnamespace = 'trainledger_graphql'::regnamespace AND relkind IN ('v', 'c') AND attnum > 0
		UNION ALL SELECT 'pg_proc'::regclass, oid, 0 FROM pg_proc WHERE pronamespace = 'trainledger_graphql'::regnamespace
		UNION ALL SELECT 'pg_type'::regclass, t.oid, 0 FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
			WHERE typnamespace = 'trainledger_graphql'::regnamespace AND typcategory <> 'A' AND coalesce(relkind, 'c') = 'c') AS o
	WHERE CASE o.sub WHEN 0 THEN obj_description(o.oid, (SELECT relname FROM pg_class WHERE oid = o.classid))
		ELSE col_description(o.oid, o.sub) END IS NULL})),
	'', 'every object has a comment');
is( join(' ', rows($node, q{
	SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'trainledger_graphql'::regnamespace
	AND (has_function_privilege('public', oid, 'EXECUTE') OR prosecdef)})),
	'', 'no function is for PUBLIC or runs as its owner');

# --- The script again, as after an upgrade: the roles keep what they had

$face->make_schema;
($data) = $face->read_answer($ann, '{ contacts { nodes { name } } }');
is_deeply($data, { contacts => { nodes => [ { name => 'Ann' } ] } },
	'the script can be run again, and roles keep their rights');

# --- Errors say what was refused, and nothing of the inside

$node->safe_psql('books', 'ALTER VIEW trainledger_graphql.region RENAME TO elsewhere');
my (undef, $text) = $face->ask('operator', '{ regions { nodes { name } } }');
like($text, qr/"regions":null/, 'a fault inside is an error');
unlike($text, qr/elsewhere|trainledger_graphql|42P01|relation/, 'that does not say which');
$node->safe_psql('books', 'ALTER VIEW trainledger_graphql.elsewhere RENAME TO region');
my (undef, $problems) = $face->read_answer($ann, '{ contacts(filters: [{field: createdAt, operation: eq, value: "x"}]) { nodes { id } } }');
is(join(' ', sort keys %{ $problems->[0]{extensions} }), 'code', 'no table, column or constraint in an error');

# --- Texts come back as they were sent

foreach my $evil (q{'; DROP TABLE trainledger.party; --}, q{" OR ""="}, '$1 {{7*7}} ${x}', '\\\'); SELECT 1',
	"<script>alert('1')</script>", "Zo\x{eb} \x{1F4DA} \x{202E}", q({"a": "b,c(d)"}), '%s %n _ \\', "line\nbreak\ttab")
{
	my $shown = JSON::PP->new->allow_nonref->ascii->encode($evil);
	my ($made, $bad) = $face->read_answer('admin',
		'mutation($t: String!) { trainingPass { createType(input: {code: $t, name: $t, description: $t}) {
			errors { label message } trainingPassType { id code name description } } } }', { t => $evil });
	my $pass_type = $made->{trainingPass}{createType}{trainingPassType};
	is_deeply([ @$pass_type{qw(code name description)} ], [ $evil, $evil, $evil ], "$shown comes back");
	my ($found) = $face->read_answer('admin',
		'query($t: String) { trainingPassTypes(filters: [{field: code, operation: eq, value: $t}]) { nodes { id } } }', { t => $evil });
	is_deeply($found->{trainingPassTypes}{nodes}, [ { id => $pass_type->{id} } ], "$shown is found");
	my ($noted) = $face->read_answer('operator',
		'mutation($t: String!) { trainingTokenBalances {
			redeem(input: {accountId: "' . id_of('Organisation', 1) . '", tokenTypeId: "' . id_of('TokenType', $type =~ tr/-//dr) . '", quantity: 1, reference: $t, notes: $t}) {
				redemption { reference } } } }', { t => $evil });
	is($noted->{trainingTokenBalances}{redeem}{redemption}{reference}, $evil, "$shown is a reference");
	my ($refused) = $face->read_answer('operator',
		'mutation($t: ID!, $p: String) { trainingTokenIssues { create(input: {tokenTypeId: $t, accountId: $t, quantity: 1, notes: $p}) { errors { value } } } }', { t => $evil, p => $evil });
	is($refused->{trainingTokenIssues}{create}{errors}[0]{value}, $evil, "$shown is no id, and shown as sent");
}

books_are_right($node, 'after all of it');
$face->stop;
$node->stop;
done_testing();
