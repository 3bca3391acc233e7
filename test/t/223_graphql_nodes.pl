# Nodes of the GraphQL face: everything has a global id, by which node(id) finds
# it; the lists of what was written, and whether a pass covers something, compared
# with SQL over the sample data; descriptions that name what there is.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::GraphQL;

my $root = dirname(__FILE__) . '/../..';

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_nodes');
my $face = TrainLedger::GraphQL->start($node);
$face->run_script("$root/test/api/sample.sql");
$node->safe_psql('books', <<'SQL');
SELECT trainledger.update_token_type(id, is_archived => true) FROM trainledger.token_type
WHERE kind = 'training' AND name = 'Silver token';
SELECT trainledger.extend_training_tokens(id, (expires_at + interval '1 day')::date)
FROM trainledger.token_lot WHERE expires_at > trainledger.clock();
SELECT trainledger.issue_pass(pass_type_id, option_id, 36, '2020-01-01Z', '2020-02-01Z', id => 1)
FROM trainledger.pass WHERE id = (SELECT min(id) FROM trainledger.pass);
SELECT trainledger.renew_pass(1);
SELECT trainledger.correct_pass(1, (SELECT max(valid_from) FROM trainledger.pass_period WHERE pass_id = 1),
	(SELECT max(valid_until) + interval '1 day' FROM trainledger.pass_period WHERE pass_id = 1), 'a mistake');
SELECT trainledger.issue_training_tokens(id, 20, q) FROM trainledger.token_type, generate_series(3, 5) q WHERE name = 'Gold token';
SELECT trainledger.hold_training_tokens(20, id, q, 'hold ' || q, notes => 'n') FROM trainledger.token_type, generate_series(1, 4) q WHERE name = 'Gold token';
SELECT trainledger.capture_hold(id, 1, false, 'one'), trainledger.extend_hold(id, now() + interval '60 days'),
	trainledger.capture_hold(id, 2) FROM trainledger.hold WHERE reference = 'hold 4';
SELECT trainledger.credit_hold(20, 1, 's', 'd');
SQL

sub data
{
	my ($document, $variables) = @_;
	my ($data, $errors) = $face->read_answer('operator', $document, $variables);

	diag("$document: " . encode_json($errors)) if $errors;
	return $data;
}

sub id { return encode_base64("$_[0]:$_[1]", ''); }

my $schema = data('{ __schema { types {
	kind name description interfaces { name } possibleTypes { name }
	fields { name description args { name description } type { kind name ofType { kind name } } }
	inputFields { name description } enumValues { name description } } } }')->{__schema};
my %type = map { $_->{name} => $_ } @{ $schema->{types} };
my @nodes = sort map { $_->{name} } @{ $type{Node}{possibleTypes} };

# --- Whatever has an id is a node

is("@nodes",
	join(' ', sort map { $_->{name} } grep { $_->{kind} eq 'OBJECT' && grep { $_->{name} eq 'id' } @{ $_->{fields} // [] } } @{ $schema->{types} }),
	'every type with an id is a Node');
is(join(' ', grep { $_->{name} =~ /(Token|Pass|Account|Contact|Unit|Region|Redemption)/ && grep { $_->{name} =~ /^(createdAt|code|name)$/ } @{ $_->{fields} // [] } and !grep { $_->{name} eq 'id' } @{ $_->{fields} } } @{ $schema->{types} }),
	'', 'nothing that was made has none');

# --- node(id) finds what the lists have

# ids by their type in the lists
my %ids;
my @lists = grep { $_->{name} ne 'node' } @{ $type{Query}{fields} };
sub collect
{
	my ($part) = @_;

	if (ref $part eq 'HASH')
	{
		$ids{ $part->{__typename} }{ $part->{id} } = 1 if $part->{id};
		collect($_) foreach values %$part;
	}
	elsif (ref $part eq 'ARRAY')
	{
		collect($_) foreach @$part;
	}
	return;
}
collect(data("{ $_->{name}(last: 12) { nodes { __typename id } } }")) foreach @lists;
my ($issue) = rows($node, "SELECT replace(issue_id::text, '-', '') FROM trainledger.token_issue_event LIMIT 1");
collect(data('{
	node(id: "' . id('TokenIssue', $issue) . '") { ... on TrainingTokenIssue { transactions { nodes { __typename id } } events { nodes { __typename id } } } }
	tokenRedemptions(first: 5) { nodes { allocations { nodes { __typename id } } } }
	trainingTokenHolds { nodes { allocations { nodes { __typename id } } events { nodes { __typename id } } } }
	trainingPasses(first: 5) { nodes { events { nodes { __typename id } } } } }'));
is(join(' ', sort keys %ids), "@nodes", 'there are some of every type');
foreach my $type (sort keys %ids)
{
	my @found;
	my @asked = sort keys %{ $ids{$type} };

	foreach my $id (@asked)
	{
		my $found = data(qq({ node(id: "$id") { __typename id } }))->{node};
		# a person who holds tokens is a contact
		my $is = $type eq 'Account' && TrainLedger::GraphQL::type_of($id) eq 'Person' ? 'Contact' : $type;
		push @found, $id if $found->{id} eq $id && $found->{__typename} eq $is;
	}
	is("@found", "@asked", "$type: each is found by its id");
}
my $by_variable = data('query($id: ID!) { node(id: $id) { ... on CourseTemplate { code } ... on CatalogItem { kind } } }', { id => id('CourseTemplate', 11) });
is_deeply($by_variable->{node}, { code => 'ABC-123', kind => 'course' }, 'its fields by fragments');

my ($archived) = rows($node, "SELECT replace(id::text, '-', '') FROM trainledger.token_type WHERE is_archived AND kind = 'training'");
my $types = data('{ trainingTokenTypes { nodes { name } } node(id: "' . id('TokenType', $archived) . '") { ... on TrainingTokenType { name isArchived } } }');
is_deeply($types->{node}, { name => 'Silver token', isArchived => JSON::PP::true }, 'an archived type is found by its id');
unlike(encode_json($types->{trainingTokenTypes}), qr/Silver/, 'although the list leaves it out');

# --- and nothing else

my ($credit_hold) = rows($node, 'SELECT id FROM trainledger.hold WHERE account_id IS NOT NULL');
my ($credit_event) = rows($node, "SELECT id FROM trainledger.hold_event WHERE hold_id = $credit_hold");
foreach my $id (id('TrainingTokenHold', $credit_hold), id('TrainingTokenHoldAllocation', "$credit_hold-1"), id('TrainingTokenHoldEvent', $credit_event), '', 'nonsense', 'UGVyc29uOjM1=', 'UGVyc29uOjM1 ', id('Person', '035'), id('Person', 99999), id('Person', '99999999999999999999'),
	id('Person', 2), id('Organisation', 35), id('CourseTemplate', 1), id('LearningPath', 11), id('Region', 'nowhere'), id('Nothing', 1), id('person', 35),
	id('Contact', 35), id('TokenType', '00000000-0000-0000-0000-000000000001'), id('TokenAccount', '2'), id('TokenAccount', '2-2'), id('TokenAccount', "2-$archived-1"),
	id('TrainingTokenTransaction', "$archived-1"), id('TokenRedemption', '-1'), id('TokenRedemption', "1'"), id('Person', "35\0"), id('Region', "\0"), id('Region', "DR\0"), "\0", id('Person', '35 '))
{
	my ($data, $errors) = $face->read_answer('operator', 'query($id: ID!) { node(id: $id) { id } }', { id => $id });
	is_deeply([ $data, $errors ], [ { node => undef }, undef ], JSON::PP->new->allow_nonref->encode($id) . ' is nobody');
}

# --- Lists of what was written, and the same in SQL

sub same
{
	my ($name, $list, $fields, $query) = @_;
	my @got = map { my $one = $_; join '|', map { my $value = $one; $value = ref $value ? $value->{$_} : $value foreach split /\./; $value // '' } @$fields } @{ $list->{nodes} };

	is_deeply(\@got, [ rows($node, $query) ], $name);
	ok(scalar @got, "$name: there are some");
	return;
}

my $seconds = q('YYYY-MM-DD"T"HH24:MI:SS"Z"');
my $pass = data('{ node(id: "' . id('TrainingPass', 1) . '") { ... on TrainingPass {
	periods { nodes { validFrom validUntil } }
	events { nodes { event validFrom validUntil reason changedBy trainingPassTypeOption { name } contact { id } } } } } }')->{node};
same('runs of a pass', $pass->{periods}, [qw(validFrom validUntil)],
	"SELECT to_char(valid_from AT TIME ZONE 'UTC', $seconds), to_char(valid_until AT TIME ZONE 'UTC', $seconds) FROM trainledger.pass_period WHERE pass_id = 1 ORDER BY valid_from");
same('events of a pass', $pass->{events}, [qw(event validUntil reason changedBy trainingPassTypeOption.name)],
	"SELECT event, to_char(valid_until AT TIME ZONE 'UTC', $seconds), reason, changed_by, o.name
	FROM trainledger.pass_event e JOIN trainledger.pass_type_option o ON o.id = e.option_id WHERE pass_id = 1 ORDER BY e.created_at, e.id");
same('uses of a contact', data('{ node(id: "' . id('Person', 35) . '") { ... on Contact { trainingPassUses { nodes { reference content { code } trainingPass { contact { name } } } } } } }')->{node}{trainingPassUses},
	[qw(reference content.code trainingPass.contact.name)],
	'SELECT reference, c.code, p.name FROM trainledger.pass_use u JOIN trainledger.catalog_item c ON c.id = item_id JOIN trainledger.party p ON p.id = party_id
	WHERE party_id = 35 ORDER BY u.created_at, u.id');
same('events of an issue', data('{ node(id: "' . id('TokenIssue', $issue) . '") { ... on TrainingTokenIssue { events { nodes { oldExpiresAt newExpiresAt changedBy } } } } }')->{node}{events},
	[qw(oldExpiresAt newExpiresAt changedBy)],
	"SELECT to_char(old_expires_at AT TIME ZONE 'UTC', $seconds), to_char(new_expires_at AT TIME ZONE 'UTC', $seconds), changed_by
	FROM trainledger.token_issue_event WHERE issue_id = '$issue' ORDER BY created_at, id");
my ($redemption) = rows($node, 'SELECT redemption_id FROM trainledger.redemption_allocation GROUP BY 1 ORDER BY count(*) DESC LIMIT 1');
same('allocations of a redemption', data('{ node(id: "' . id('TokenRedemption', $redemption) . '") { ... on TokenRedemption { number allocations { nodes { ordinal quantity refunded tokenIssueId } } } } }')->{node}{allocations},
	[qw(ordinal quantity refunded tokenIssueId)],
	"SELECT ordinal, quantity, refunded, encode(convert_to('TokenIssue:' || replace(issue_id::text, '-', ''), 'UTF8'), 'base64')
	FROM trainledger.redemption_allocation WHERE redemption_id = $redemption ORDER BY ordinal" =~ s/encode\((.*?), 'base64'\)/replace(encode($1, 'base64'), E'\\n', '')/rs);
my $encoded = sub { return "replace(encode(convert_to('$_[0]:' || $_[1], 'UTF8'), 'base64'), E'\\n', '')" };
my ($hold) = rows($node, "SELECT id FROM trainledger.placed_hold WHERE reference = 'hold 4'");
my $held = data('{ node(id: "' . id('TrainingTokenHold', $hold) . '") { ... on TrainingTokenHold {
	events { nodes { event quantity expiresAt notes changedBy redemptionId tokenIssueId } }
	allocations { nodes { ordinal quantity captured released tokenIssue { id } } }
	redemptions { nodes { quantity tokenHold { reference } } } } } }')->{node};
same('events of a hold', $held->{events}, [qw(event quantity expiresAt notes changedBy redemptionId tokenIssueId)],
	"SELECT event, e.quantity, to_char(e.expires_at AT TIME ZONE 'UTC', $seconds), e.notes, changed_by, "
	  . $encoded->('TokenRedemption', 'redemption_id') . ', ' . $encoded->('TokenIssue', "replace(l.id::text, '-', '')") . "
	FROM trainledger.hold_event e LEFT JOIN trainledger.token_lot l USING (account_id) WHERE hold_id = $hold ORDER BY e.created_at, e.id");
same('allocations of a hold', $held->{allocations}, [qw(ordinal quantity captured released tokenIssue.id)],
	'SELECT ordinal, quantity, captured, released, ' . $encoded->('TokenIssue', "replace(issue_id::text, '-', '')") . " FROM trainledger.hold_allocation WHERE hold_id = $hold ORDER BY ordinal");
same('redemptions of a hold', $held->{redemptions}, [qw(quantity tokenHold.reference)],
	"SELECT quantity, 'hold 4' FROM trainledger.redemption WHERE hold_id = $hold ORDER BY created_at, id");
same('holds of issues', { nodes => [ map { my $of = $_; map { { %$_, id => $of->{id} } } @{ $of->{holds}{nodes} } }
		  @{ data('{ trainingTokenIssues(filters: [{field: accountId, operation: eq, value: "' . id('Person', 20) . '"}]) { nodes { id holds { nodes { reference quantity status } } } } }')->{trainingTokenIssues}{nodes} } ] },
	[qw(id reference quantity status)],
	'SELECT ' . $encoded->('TokenIssue', "replace(l.id::text, '-', '')") . ', h.reference, h.quantity, h.status
	FROM trainledger.token_lot l JOIN trainledger.hold_allocation x ON x.issue_id = l.id JOIN trainledger.hold h ON h.id = x.hold_id
	WHERE l.party_id = 20 ORDER BY l.created_at, l.id, h.created_at, h.id');
same('what is held of issues', data('{ trainingTokenIssues(filters: [{field: accountId, operation: eq, value: "' . id('Person', 20) . '"}]) { nodes { currentBalance held availableBalance } } }')->{trainingTokenIssues},
	[qw(currentBalance held availableBalance)],
	'SELECT b.balance, h.held, b.balance::numeric - h.held FROM trainledger.token_lot l
	CROSS JOIN LATERAL (SELECT sum(delta::numeric) AS balance FROM trainledger.entry e WHERE e.account_id = l.account_id) b
	CROSS JOIN LATERAL (SELECT coalesce(sum(quantity::numeric - captured::numeric - released::numeric), 0) AS held FROM trainledger.hold_allocation x WHERE x.issue_id = l.id) h
	WHERE l.party_id = 20 ORDER BY l.created_at, l.id');
same('courses of a learning path', data('{ node(id: "' . id('LearningPath', 1) . '") { ... on LearningPath { courses { nodes { code name } } } } }')->{node}{courses},
	[qw(code name)],
	'SELECT code, name FROM trainledger.learning_path_course JOIN trainledger.catalog_item c ON c.id = course_id WHERE path_id = 1 ORDER BY c.id');

# --- covers: as pass_covers() says of a person with one pass

my @items = rows($node, "SELECT CASE kind WHEN 'course' THEN 'CourseTemplate' ELSE 'LearningPath' END, id FROM trainledger.catalog_item WHERE kind IN ('course', 'learning_path') ORDER BY id LIMIT 12");
my ($end) = rows($node, "SELECT to_char(max(valid_until) AT TIME ZONE 'UTC', $seconds) FROM trainledger.pass_period WHERE pass_id = 1");
my ($other) = rows($node, "SELECT count(*) - 1 FROM trainledger.pass WHERE party_id = 36");
$node->safe_psql('books', 'SELECT trainledger.revoke_pass(id) FROM trainledger.pass WHERE party_id = 36 AND id <> 1') if $other;
foreach my $at (undef, '2019-12-31T23:59:59Z', '2020-01-01', '2020-01-31T23:59:59Z', '2020-02-01T00:00:00', '2021-01-01', $end)
{
	my $argument = defined $at ? qq(, at: "$at") : '';
	my $moment = !defined $at ? 'NULL' : "('" . ($at =~ s/Z$//r) . "'::timestamp AT TIME ZONE 'UTC')";
	my $asked = join ' ', map { my ($type, $item) = split /\|/; "i$item: covers(contentId: \"" . id($type, $item) . "\"$argument)" } @items;
	my $got = data('{ node(id: "' . id('TrainingPass', 1) . "\") { ... on TrainingPass { $asked } } }")->{node};
	is(join(' ', map { $got->{ 'i' . (split /\|/)[1] } ? 't' : 'f' } @items),
		join(' ', rows($node, "SELECT trainledger.pass_covers(36, id, $moment) FROM trainledger.catalog_item WHERE kind IN ('course', 'learning_path') ORDER BY id LIMIT 12")),
		'covers at ' . ($at // 'no time: now'));
}
like(($face->read_answer('operator', '{ trainingPasses { nodes { covers } } }'))[1][0]{message}, qr/"contentId" of type "ID!" is required/, 'covers what?');
is(($face->read_answer('operator', '{ trainingPasses(first: 1) { nodes { covers(contentId: "UGVyc29uOjM1") } } }'))[1][0]{extensions}{code}, 'TL400', 'not a person');

# --- Descriptions name types that there are

my %known = map { $_ => 1 } (keys %type, qw(GraphQL Float Monthly));
my @unknown;
foreach my $of (grep { $_->{name} !~ /^(__|Query$)/ } @{ $schema->{types} })
{
	foreach my $part ($of, map({ ($_, @{ $_->{args} }) } @{ $of->{fields} // [] }), @{ $of->{inputFields} // [] }, @{ $of->{enumValues} // [] })
	{
		my $text = $part->{description} // next;
		# in backquotes, in camel case, or with a capital within a sentence
		push @unknown, map { "$of->{name}.$part->{name}: $_" } grep { !$known{$_} }
		  ($text =~ /`([A-Z]\w+)`/g, $text =~ /\b([A-Z][a-z]+[A-Z]\w*)\b/g, $text =~ /(?<![.:;] )(?<!^)(?<!")\b([A-Z][a-z]+)\b/g);
	}
}
is("@unknown", '', 'descriptions name types that there are');
is(join(' ', map { my $of = $_; map { "$of->{name}.$_->{name}" } grep { !$_->{description} } map { @{ $_->{args} } } @{ $of->{fields} // [] } }
	grep { $_->{kind} eq 'OBJECT' && $_->{name} !~ /^__|Mutations$|^TrainingPass$/ } @{ $schema->{types} }),
	'', 'arguments of lists are described');

$face->stop;
$node->stop;
done_testing();
