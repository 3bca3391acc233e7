# PostGraphile's explorer page, opened by a headless Chromium over the sample
# data of make serve: it runs the first query of the document on training
# tokens. The screenshot stays with the test's logs.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::GraphQL;

my $api = dirname(__FILE__) . '/../api';
my $screenshot = "$PostgreSQL::Test::Utils::log_path/explorer.png";
my $token = TrainLedger::GraphQL::token({ role => 'web_operator' });

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_explorer');
my $face = TrainLedger::GraphQL->start($node,
	TRAINLEDGER_EXPLORER => 1,
	TRAINLEDGER_EXPLORER_HEADERS => qq({"Authorization": "Bearer $token"}));
$face->run_script("$api/sample.sql");
books_are_right($node, 'after the sample data');

my ($query) = slurp_file("$api/000.md") =~ /^## Search\n\n```graphql \w+\n(.*?)^```/ms;
my $file = PostgreSQL::Test::Utils::tempdir . '/query.graphql';
append_to_file($file, $query);

my ($answer, $complaint) = ('', '');
ok( IPC::Run::run(
		[
			$face->node_command("$api/explorer.mjs"),
			"$face->{url}/", $file, $screenshot, 'Silver token'
		],
		'>', \$answer, '2>', \$complaint),
	'the page opens and answers')
  or diag($complaint);
like($answer, qr/"name": "Silver token",\s+"isArchived": false,\s+"defaultDaysToRedeem": 90/,
	'with what the query asks for');
cmp_ok(-s $screenshot, '>', 10000, 'the screenshot is kept');

$face->stop;

# Without the setting there is no page.
my $plain = TrainLedger::GraphQL->start_server($node);
is($plain->{http}->get("$plain->{url}/")->{status}, 404, 'no page unless it is asked for');
$plain->stop;
$node->stop;
done_testing();
