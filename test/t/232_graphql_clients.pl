# Ordinary GraphQL clients against the running server, over the sample data of
# make serve. The schema that is served is the one that is shipped;
# graphql-inspector finds nothing that breaks a client; the types of
# graphql-codegen are strict; Apollo Client and Relay work for a day.
#
# Where the schema is meant to change, copy the one that was served, in
# test/results/log, to doc/deploy/graphql/schema.graphql.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Client;
use TrainLedger::GraphQL;

TrainLedger::GraphQL::needed();

my $root = abs_path(dirname(__FILE__) . '/../..');
my $json = JSON::PP->new->utf8->canonical;
my $folder = TrainLedger::Client::install('graphql');
my $node = start_books('graphql_clients');
my $face = TrainLedger::GraphQL->start($node);
$face->run_script("$root/test/api/sample.sql");
$node->safe_psql('books', q{SELECT trainledger.extend_training_tokens(id, '2099-01-01') FROM trainledger.token_issue WHERE expires_at > trainledger.clock() ORDER BY created_at, id LIMIT 1});
$node->safe_psql('books', q{SELECT trainledger.hold_training_tokens(3, id, 2, 'booking') FROM trainledger.token_type WHERE name = 'Gold token'});
my %token = map { $_ => TrainLedger::GraphQL::token({ role => "web_$_", party_id => 35 }) } qw(learner operator);

compare_schemas();
make_types();
compare_apollo(run_client('src/apollo.ts'));
compare_cache(run_client('src/cache.mjs'));
compile_relay();
compare_relay(run_client('relay/Day.js'));
books_are_right($node, 'after the clients');
$face->stop;
$node->stop;
done_testing();

# What a program of node in the clients' folder prints, and whether it ended well
sub node_output
{
	my (@command) = @_;
	my ($output, $errors);

	my $good = IPC::Run::run([ TrainLedger::GraphQL->node_command(@command) ], '>', \$output, '2>', \$errors, init => sub { chdir $folder });
	diag $errors unless $good;
	return ($output, $good);
}

sub run_client
{
	my ($program) = @_;
	my ($output, $good) = node_output($program, "$face->{url}/graphql", @token{qw(operator learner)});

	ok($good, "$program runs") or return {};
	return $json->decode($output);
}

# The schema is as it is shipped. The documents of the training management system
# are for it; they get names, which clients and their tools want.
sub compare_schemas
{
	my ($served) = node_output('schema.mjs', "$face->{url}/graphql", $token{operator});
	my $shipped = slurp_file("$root/doc/deploy/graphql/schema.graphql");
	my $kept = "$PostgreSQL::Test::Utils::log_path/schema.graphql";
	my $printed = 0;

	append_to_file($kept, $served);
	ok($served eq $shipped, 'the schema that is served is doc/deploy/graphql/schema.graphql')
	  or diag "see $kept";
	my ($example) = slurp_file("$root/doc/graphql.md") =~ /^```ts\n(import \{ InMemoryCache .*?)^```$/ms;

	append_to_file("$folder/src/documented.ts", $example =~ s/^const/export const/mr);
	copy("$root/doc/deploy/graphql/$_", $folder) or die for qw(schema.graphql codegen.ts);
	mkdir "$folder/src/printed" or die;
	foreach my $name (qw(000 001))
	{
		my ($original) = split /^# Refusals$/m, slurp_file("$root/test/api/$name.md");
		foreach my $text (map { $_->[4] } grep { $_->[2] eq 'graphql' } TrainLedger::GraphQL::blocks($original))
		{
			$printed++;
			$text =~ s/^(query|mutation)/$1 Printed$printed/ or die;
			append_to_file("$folder/src/printed/$printed.graphql", $text);
		}
	}
	my ($output) = node_output('inspector.mjs', 'schema.graphql', $kept, glob "$folder/src/printed/*.graphql");
	is_deeply($json->decode($output), { changes => [], documents => 15, invalid => [] }, 'graphql-inspector has nothing to say');
	return;
}

# Types for the client and for the documents; scalars that are not known are errors.
sub make_types
{
	my ($output, $good) = node_output('node_modules/@graphql-codegen/cli/cjs/bin.js');
	ok($good, 'graphql-codegen makes types') or diag $output;
	my $types = slurp_file("$folder/src/gql/graphql.ts");

	like($types, qr/^export type Printed$_(Query|Mutation) = /m, "document $_ has a type") for 1 .. 15;
	unlike($types =~ s/^type Exact<.*$//mr =~ s/ as unknown as DocumentNode//gr, qr/\b(any|unknown)\b/, 'every scalar is known');
	($output) = node_output('node_modules/typescript/bin/tsc', '-p', '.');
	is($output, '', 'and the client is as they say');
	return;
}

# Rows of a query, each a list
sub table
{
	my ($sql) = @_;

	return [ map { [ split /\|/, $_, -1 ] } rows($node, $sql) ];
}

sub compare_apollo
{
	my ($results) = @_;
	my $people = table(q{SELECT p.name, o.name FROM trainledger.party p JOIN trainledger.party o ON o.id = p.organisation_id
		WHERE p.kind = 'person' AND p.name LIKE 'Ada %' ORDER BY p.name DESC});
	my @content = map { { __typename => $_->[0] eq 'course' ? 'CourseTemplate' : 'LearningPath', id => $_->[1],
			$_->[0] eq 'course' ? (code => $_->[2]) : (name => $_->[3]) } }
	  @{ table(q{SELECT i.kind, trainledger.global_id(CASE i.kind WHEN 'course' THEN 'CourseTemplate' ELSE 'LearningPath' END, i.id::text), i.code, i.name
		FROM trainledger.pass_type_content c JOIN trainledger.catalog_item i ON i.id = c.item_id WHERE c.pass_type_id = 2 ORDER BY i.kind, i.id}) };

	is($results->{totalRecords}, scalar @$people, 'people are counted');
	is_deeply($results->{forward}, [ [ 7, 14, 16 ], $people ], 'and found, page by page');
	is_deeply($results->{backward}, [ [ 7, 14, 16 ], $people ], 'also from the last page on');
	is_deeply($results->{issued}, [ 12.5, 12.5, '2099-12-31T23:59:59Z', 'Hours', JSON::PP::true ], 'tokens are issued, once');
	is("$results->{adjusted} $results->{cached}", '10.25 10.25', 'and adjusted, also in what was read before');
	is_deeply($results->{redeemed}, [ [], 0.5, 'booking 232' ], 'and redeemed');
	is_deeply($results->{refused}, [ [ [ 'quantity', 'not enough tokens left', '1000000.5' ] ], undef ], 'but no more than there are');
	is_deeply($results->{transactions}, [ [ issue => 12.5, '' ], [ adjust => -2.25, 'Goodwill' ], [ redeem => -0.5, '' ] ], 'with these movements');
	is($node->safe_psql('books', q{SELECT current_balance FROM trainledger.token_issue WHERE party_id = 2 AND expires_at = '2099-12-31T23:59:59Z'}), '9.75', 'as in the books');
	is_deeply($results->{content}, \@content, 'a pass has this content');
	is_deeply($results->{renewed}, [ [], '2100-06-30T00:00:00Z', 'Kira Frost' ], 'it is renewed');
	is($results->{cachedPass}, '2100-06-30T00:00:00Z', 'also in what was read before');
	is_deeply($results->{shortened}, [ [ [ 'validUntil', 'pass is not prolonged', '2099-01-01T00:00:00Z' ] ], undef ], 'but not shortened');
	is_deeply($results->{forbidden}, [ [ [qw(trainingTokenBalances adjust)], '42501' ] ], 'a learner may not adjust');
	is_deeply($results->{complaints}, [], 'the client does not complain');
	return;
}

# Of each type with an id, two halves of an object are one in the cache.
sub compare_cache
{
	my ($results) = @_;

	cmp_ok(scalar @{ $results->{types} }, '>', 15, 'types have ids');
	is_deeply($results->{found}, $results->{types}, 'there is one of each');
	is_deeply($results->{wrong}, [], 'the cache loses nothing of it');
	is_deeply($results->{complaints}, [], 'and does not complain');
	return;
}

sub compile_relay
{
	mkdir "$folder/relay/__generated__" or die;
	my $good = IPC::Run::run([ "$folder/node_modules/relay-compiler/linux-x64/relay", 'relay.config.json' ], '>&', \my $output,
		init => sub { chdir "$folder/relay" });
	ok($good, 'relay-compiler compiles, refetching by node(id) and in both directions') or diag $output;
	return;
}

sub compare_relay
{
	my ($results) = @_;
	my @people = map { $_->[0] } @{ table(q{SELECT name FROM trainledger.party WHERE organisation_id = 5 AND name ILIKE '%a%' ORDER BY name DESC}) };
	my @content = map { { __typename => $_->[0] eq 'course' ? 'CourseTemplate' : 'LearningPath', id => $_->[1], name => $_->[2] } }
	  @{ table(q{SELECT i.kind, trainledger.global_id(CASE i.kind WHEN 'course' THEN 'CourseTemplate' ELSE 'LearningPath' END, i.id::text), i.name
		FROM trainledger.pass_type_content c JOIN trainledger.catalog_item i ON i.id = c.item_id WHERE c.pass_type_id = 2 ORDER BY i.kind, i.id}) };

	is_deeply($results->{forward}, [ [ 9, 18, scalar @people ], \@people ], 'Relay adds page to page');
	is_deeply($results->{backward}, [ [ 11, scalar @people ], \@people ], 'also before what there is');
	is_deeply($results->{adjusted}, [ [], 7.75 ], 'an adjustment is in what the store has');
	is_deeply($results->{redeemed}, [ [], 2 ], 'tokens are redeemed');
	is("$results->{holding}{currentBalance} $results->{holding}{account}{name}", '5.75 Ben Abel', 'from what the account has');
	is_deeply($results->{refused}, [ [ { label => 'quantity', message => 'not enough tokens left', value => '1000000.5' } ], undef ], 'but no more than there are');
	is_deeply($results->{issue}, [ 5.75, [ [ issue => 7.5 ], [ adjust => 0.25 ], [ redeem => -2 ] ] ], 'the issue is fetched again, by its id');
	is($results->{passes}, $node->safe_psql('books', 'SELECT count(*) FROM trainledger.training_pass WHERE party_id = 90'), 'passes of a contact');
	is_deeply($results->{renewed}, [ [], '2100-06-30T00:00:00Z' ], 'one is renewed');
	is_deeply([ @{ $results->{pass} }{qw(validUntil status)}, $results->{pass}{contact}{email}, $results->{pass}{trainingPassType}{content}{nodes} ],
		[ '2100-06-30T00:00:00Z', 'active', 'kira.doyle@example.org', \@content ], 'and fetched again');
	is_deeply($results->{shortened}, [ [ { label => 'validUntil', message => 'pass is not prolonged', value => '2099-01-01' } ], undef ], 'but not shortened');
	is_deeply($results->{forbidden}, [ [ [qw(trainingTokenBalances adjust)], '42501' ] ], 'a learner may not adjust');
	is_deeply($results->{complaints}, [], 'Relay does not complain');
	return;
}
