# A time without a zone is UTC in the GraphQL face, and a date its first moment in
# UTC; times are printed in UTC (contract, sections 2 and 13), whatever zone the
# server, the database and the login have: the same documents, sent to copies of
# the books in several zones, get the same answers.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::GraphQL;

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_zones', "timezone = 'Australia/Lord_Howe'", "datestyle = 'German'");
TrainLedger::GraphQL->prepare($node);

# A clock change of New York is at 07:00Z of 2026-03-08, one of Lord Howe, of half
# an hour, at 15:00Z of 2026-04-04.
$node->safe_psql('books', <<'END');
SET trainledger.clock = '2026-02-28T23:30:00Z';
SELECT trainledger.add_party('organisation', 'Org', id => 1), trainledger.add_party('person', 'Ann', 'ann@example.org', id => 2);
SELECT trainledger.add_catalog_item('course', 'C-1', 'Course', 11);
SELECT trainledger.add_training_token_type('Silver', default_days_to_redeem => 30, id => '00000000-0000-4000-8000-000000000001');
SELECT trainledger.create_pass_type('P-1', 'Pass', id => 1), trainledger.add_pass_content(1, '{11}'), trainledger.create_pass_option(1, 'Monthly', 'months', 1, 1),
	trainledger.add_region('EU', 'Europe'), trainledger.add_currency('EUR', 'Euro');
SELECT trainledger.create_pass_price(1, 'EU', 'EUR', 1);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT set_config('trainledger.clock', c, false), trainledger.add_party('person', c, id => 10 + i),
	trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000001', 1, 10, left(c, 10)::date + 40, id => ('00000000-0000-4000-8000-00000000001' || i)::uuid),
	trainledger.issue_pass(1, 1, 2, c::timestamptz, id => 10 + i)
FROM unnest('{2026-03-07T23:59:59Z,2026-03-08T02:30:00Z,2026-03-08T07:00:00Z,2026-03-31T23:30:00Z,2026-04-04T15:15:00Z}'::text[]) WITH ORDINALITY AS x(c, i);
END

# name of the database => statements that are run before the first document
my %zones = (
	utc => "ALTER DATABASE utc SET timezone = 'UTC'; ALTER DATABASE utc SET datestyle = 'ISO'",
	new_york => "ALTER DATABASE new_york SET timezone = 'America/New_York'; ALTER DATABASE new_york SET datestyle = 'SQL, MDY'",
	lord_howe => 'SELECT',	# the server's
	# the login's own, which comes before the database's
	kolkata => "ALTER ROLE authenticator IN DATABASE kolkata SET timezone = 'Asia/Kolkata'; ALTER ROLE authenticator IN DATABASE kolkata SET datestyle = 'Postgres, DMY'");

sub id { return encode_base64("$_[0]:$_[1]", '') }
my $silver = id(TokenType => '00000000000040008000000000000001');
my $org = id(Organisation => 1);
my $ann = id(Person => 2);
my ($type, $option) = (id(TrainingPassType => 1), id(TrainingPassTypeOption => 1));
my $issue = 'errors { label message value } tokenIssue { createdAt expiresAt initialBalance currentBalance }';
my $pass = 'errors { label message value } trainingPass { validFrom validUntil status }';

my @moments = ('2026-03-08', '2026-03-08T02:30:00Z', '2026-03-08T02:30:00', '2026-03-08T02:30', '2026-03-31', '2026-04-05T01:45:00+10:30', '2026-04-05');
my @documents = (
	map({ my $moment = $_; map {
		my $operation = $_;
		(
			qq({ contacts(filters: [{field: createdAt, operation: $operation, value: "$moment"}]) { nodes { name createdAt } } }),
			qq({ trainingTokenIssues(filters: [{field: createdAt, operation: $operation, value: "$moment"}, {field: expiresAt, operation: ne, value: "$moment"}]) { nodes { createdAt expiresAt transactions { nodes { occurredAt } } } } }),
			qq({ trainingPasses(filters: [{field: validFrom, operation: $operation, value: "$moment"}]) { nodes { id validFrom validUntil status createdAt } } }))
	} qw(lt eq) } @moments),
	'{ contacts(filters: [{field: createdAt, operation: like, value: "2026-03-08%"}]) { nodes { createdAt } } }',
	'{ contacts(filters: [{field: createdAt, operation: in, value: "2026-03-08T02:30:00Z,2026-03-08T07:00:00Z"}]) { nodes { createdAt } } }',
	map({ my $moment = $_; (
		qq(mutation { trainingTokenIssues { create(input: {tokenTypeId: "$silver", accountId: "$org", quantity: 1, expiresAt: "$moment"}) { $issue } } }),
		qq(mutation { trainingTokenIssues { extend(input: {tokenIssueId: "@{[ id(TokenIssue => '00000000000040008000000000000013') ]}", expiresAt: "$moment"}) { $issue } } }),
		qq(mutation { trainingPass { issuePass(input: {trainingPassTypeId: "$type", trainingPassTypeOptionId: "$option", contactId: "$ann", validFrom: "$moment"}) { $pass } } }),
		qq(mutation { trainingPass { issuePass(input: {trainingPassTypeId: "$type", trainingPassTypeOptionId: "$option", contactId: "$ann", validFrom: "2026-03-01", validUntil: "$moment"}) { $pass } } }),
		qq(mutation { trainingPass { renewPass(input: {trainingPassId: "@{[ id(TrainingPass => 15) ]}", validUntil: "$moment"}) { $pass } } }))
	} @moments, '2026-05-31', '2026-06-30T23:30:00-04:00', '2026-07-01'),
	qq(mutation { trainingTokenIssues { create(input: {tokenTypeId: "$silver", accountId: "$org", quantity: 1}) { $issue } } }),
	"{ trainingPasses { nodes { validFrom validUntil status } } trainingTokenIssues { nodes { createdAt expiresAt currentBalance } } }");

my %answers;
foreach my $name (sort keys %zones)
{
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE books");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET trainledger.clock = '2026-04-04T15:30:00Z'");
	$node->safe_psql('postgres', $_) for split /; /, $zones{$name};
	my $face = TrainLedger::GraphQL->start_server($node, TRAINLEDGER_DATABASE =>
		  sprintf('postgres:///%s?host=%s&port=%s&user=authenticator', $name, $node->host, $node->port));

	foreach my $document (@documents)
	{
		my ($status, $answer) = $face->ask('operator', $document);
		# issues of one instant are in the order of their ids
		push @{ $answers{$name} }, join ' ', $status, sort split /(?=[{])|(?<=[}])/, $answer;
	}
	$face->stop;
}

my @refused = grep { $answers{utc}[$_] !~ /^200 / || $answers{utc}[$_] =~ /"errors":\[\{"message"/ } 0 .. $#documents;
diag "$documents[$_]: $answers{utc}[$_]" for @refused;
is(scalar @refused, 0, 'every document is answered');
my $all = join "\n", @{ $answers{utc} };
ok($all =~ /$_/, "it says $_")
  for '"validFrom":"2026-03-08T00:00:00Z"', '"validFrom":"2026-03-08T02:30:00Z"', '"expiresAt":"2026-05-31T23:59:59Z"', '"expiresAt":"2026-07-01T23:59:59Z"', '"validUntil":"2026-07-01T03:30:00Z"';

foreach my $name (grep { $_ ne 'utc' } sort keys %zones)
{
	my @different = grep { $answers{$name}[$_] ne $answers{utc}[$_] } 0 .. $#documents;

	diag "$documents[$_]: $answers{$name}[$_]\nin UTC: $answers{utc}[$_]" for @different;
	is(scalar @different, 0, "$name: the answers are those in UTC");
}
$node->stop;
done_testing();
