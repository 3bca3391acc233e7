# A time without a zone is UTC over HTTP, and times are answered in UTC (contract,
# sections 2 and 12), whatever zone the server, the database and the login have:
# the same requests to copies of the books in several zones get the same answers.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $node = start_books('rest_zones', "timezone = 'Australia/Lord_Howe'", "datestyle = 'German'");
TrainLedger::Faces::make_roles($node);

# A role of the DBA's own, which has what the login has
$node->safe_psql('books', <<'END');
CREATE ROLE web_other NOLOGIN;
GRANT web_other TO authenticator;
SELECT trainledger.grant_access('web_other', 'admin');
END

# A clock change of New York is at 07:00Z that day, and one of Lord Howe, of half
# an hour, at 15:00Z of 2026-04-04.
$node->safe_psql('books', <<'END');
SET trainledger.clock = '2026-03-01T00:00:00Z';
SELECT trainledger.add_party('organisation', 'Org', id => 1), trainledger.add_party('person', 'Ann', barcode => 'ann', id => 2);
SELECT trainledger.add_catalog_item('course', 'C-1', 'Course', 11);
SELECT trainledger.add_training_token_type('Silver', default_days_to_redeem => 30, id => '00000000-0000-4000-8000-000000000001');
SELECT trainledger.create_pass_type('P-1', 'Pass', id => 1), trainledger.add_pass_content(1, '{11}'), trainledger.create_pass_option(1, 'Monthly', 'months', 1, 1),
	trainledger.add_region('EU', 'Europe'), trainledger.add_currency('EUR', 'Euro');
SELECT trainledger.create_pass_price(1, 'EU', 'EUR', 1);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT trainledger.add_program_kind('Kind', id => '00000000-0000-4000-8000-000000000002');
SELECT trainledger.credit_init(2, 0, 's', 'd', '2026-03-01Z');
SELECT set_config('trainledger.clock', to_char('2026-03-01'::timestamp + i * interval '90 minutes', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), false), trainledger.credit_add(2, 1, 's', 'd', trainledger.clock())
FROM generate_series(1, 600) i;
END
my ($account) = rows($node, 'SELECT id FROM trainledger.account');

# name of the database => statements that are run before the first request
my %zones = (
	utc => "ALTER DATABASE utc SET timezone = 'UTC'",
	new_york => "ALTER DATABASE new_york SET timezone = 'America/New_York'; ALTER DATABASE new_york SET datestyle = 'SQL, MDY'",
	kolkata => "ALTER DATABASE kolkata SET timezone = 'Asia/Kolkata'; ALTER DATABASE kolkata SET datestyle = 'Postgres, DMY'",
	lord_howe => 'SELECT',	# the server's
	# the login's own, which comes before the database's
	kiritimati => "ALTER ROLE authenticator IN DATABASE kiritimati SET timezone = 'Pacific/Kiritimati'");
my @day = ('2026-03-08', '2026-04-05', '2026-03-31');

my @requests = (
	map({ my $day = $_; map {
		my $time = $_;
		(
			[ GET => "/rpc/account_statement?account_id=$account&since=$day $time&until=$day 23:59:59" ],
			[ GET => "/rpc/balance_at?account_id=$account&at=${day}T$time" ],
			[ GET => "/rpc/pass_covers?party_id=2&item_id=11&at=$day $time" ],
			[ GET => "/credit_transactions?recorded_at=lt.$day $time&created_at=gte.$day&order=entry_no" ],
			[ GET => "/credit_transactions?recorded_at=in.(\"$day $time\",\"$day 00:00\")" ])
	} '01:45:00', '02:30:00', '07:30', '23:30:00' } @day),
	[ POST => '/rpc/issue_pass?select=valid_from,valid_until,status', { pass_type_id => 1, option_id => 1, party_id => 2, valid_from => '2026-03-08 02:30', id => 101 } ],
	[ POST => '/rpc/issue_pass?select=valid_from,valid_until', { pass_type_id => 1, option_id => 1, party_id => 2, valid_from => '2026-03-08T02:30:00', valid_until => '2026-04-05 01:45', id => 102 } ],
	[ POST => '/rpc/issue_pass?select=valid_from,valid_until', { pass_type_id => 1, option_id => 1, party_id => 2, valid_from => '2026-03-31', id => 103 } ],
	[ POST => '/rpc/renew_pass?select=valid_from,valid_until', { pass_id => 102, valid_until => '2026-05-05 01:45' } ],
	[ GET => '/training_passes?valid_from=lte.2026-03-08 02:30&order=id' ],
	[ GET => '/rpc/pass_covers?party_id=2&item_id=11&at=2026-03-08 02:30' ],
	[ GET => '/rpc/pass_covers?party_id=2&item_id=11&at=2026-03-08 02:29:59' ],
	[ POST => '/rpc/create_signup_token?select=expiration', { type => 1, type_id => 'C-1', maximum_activations => 1, code => 'ONE', expiration => '2026-04-05 01:45', id => 'one' } ],
	[ POST => '/rpc/create_signup_token?select=expiration', { type => 1, type_id => 'C-1', maximum_activations => 1, code => 'TWO', expiration => '2026-03-08 02:30:00', id => 'two' } ],
	[ POST => '/rpc/update_signup_token?select=expiration', { signup_token_id => 'one', expiration => '2026-05-01T00:30:00' } ],
	[ POST => '/rpc/claim_signup_token', { code => 'two', party_id => 2 } ],
	[ POST => '/tokens', '<Tokens><Token><TokenCode>THREE</TokenCode><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><MaximumActivations>1</MaximumActivations><TokenExpiration>2026-04-05 01:45:00</TokenExpiration></Token></Tokens>' ],
	[ PUT => '/tokens', '<Tokens><Token><TokenId>one</TokenId><TokenExpiration>2026-03-08T02:30:00</TokenExpiration></Token></Tokens>' ],
	[ GET => '/tokens/two' ],
	[ GET => '/signup_tokens?expiration=lt.2026-04-05 01:46&order=id' ],
	[ POST => '/rpc/credit_add?select=recorded_at,created_at', { party_id => 2, amount => 1, source => 's', description => 'd', recorded_at => '2026-03-08 02:30' } ],
	[ POST => '/rpc/post?select=recorded_at', { account_id => $account, operation => 'add', amount => 1, source => 's', recorded_at => '2026-04-05 01:45' } ],
	[ POST => '/rpc/post', { account_id => $account, operation => 'add', amount => 1, source => 's', recorded_at => '2026-04-05T01:45Z' } ],
	[ POST => '/rpc/post_batch', { account_ids => [ 0 + $account ], deltas => [1], source => 's', recorded_at => ['2026-04-05 01:45'], skip_refused => \1 } ],
	[ POST => '/credit-token/transaction/add', { delegate_id => 2, amount => 1, source => 's', description => 'd', recordedAt => 1774999800 } ],
	[ GET => '/credit-token/history/default/id:2?limit=3' ],
	[ POST => '/rpc/issue_training_tokens?select=expires_at', { token_type_id => '00000000-0000-4000-8000-000000000001', party_id => 1, quantity => 1, id => '00000000-0000-4000-8000-000000000011' } ],
	[ POST => '/rpc/issue_training_tokens?select=expires_at', { token_type_id => '00000000-0000-4000-8000-000000000001', party_id => 1, quantity => 1, id => '00000000-0000-4000-8000-000000000012', expires_on => '2026-05-05' } ],
	[ POST => '/rpc/issue_training_tokens?select=expires_at', { token_type_id => '00000000-0000-4000-8000-000000000001', party_id => 1, quantity => 1, id => '00000000-0000-4000-8000-000000000013', expires_on => '10000-04-05' } ],
	[ GET => '/training_token_issues?select=expires_at&expires_at=eq.2026-05-05 23:59:59' ],
	[ POST => '/rpc/add_program?select=start_date', { kind_id => '00000000-0000-4000-8000-000000000002', name => 'P', start_date => '2026-03-31', duration => 1, mode => 'fixed', id => '00000000-0000-4000-8000-000000000003' } ],
	[ POST => '/core/LookupProgramInstance', { programId => '00000000-0000-4000-8000-000000000003' } ],
	[ POST => '/core/ProgramsAfter', { after => '2026-03-30' } ],
	[ GET => '/rpc/holdings?party_id=1' ],
	[ GET => '/rpc/holdings?party_id=2' ],
	map({ [ GET => "/$_" ] } qw(training_passes training_token_issues training_token_transactions signup_claims programs parties)),
	[ GET => '/training_passes?order=id' ],
	[ GET => '/credit_transactions?order=entry_no.desc&limit=3' ]);

my %answers;
foreach my $name (sort keys %zones)
{
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE books");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET trainledger.clock = '2026-04-08T00:30:00Z'");
	$node->safe_psql('postgres', $_) for split /; /, $zones{$name};
	my $faces = TrainLedger::Faces->start($node, $name);
	my $admin = $faces->token($name eq 'new_york' ? 'other' : 'admin', sub => 'zones');

	foreach my $request (@requests)
	{
		my ($method, $path, $content) = @$request;
		my %headers = $path eq '/tokens' ? ('Content-Type' => 'application/xml') : ();
		$headers{Accept} = 'text/csv' if $path =~ /^\/\w+$/ && $method eq 'GET';
		(my $uri = $path) =~ s/([ "])/sprintf '%%%02X', ord $1/ge;
		my $answer = $faces->request($admin, $method, $uri, $content, %headers);

		push @{ $answers{$name} }, "$answer->{status} $answer->{body}";
	}
	is($faces->request($admin, GET => '/training_passes?id=eq.103&select=valid_from', undef, Prefer => 'timezone=America/New_York')->{body},
		'[{"valid_from":"2026-03-30T20:00:00-04:00"}]', "$name: who wants another zone says so");
	$faces->stop;
}

# In UTC each answer is the one that was meant.
my $at = join "\n", @{ $answers{utc} };
is(scalar(grep { !/^20[01] |^4(?:00|09|10) .*"TL\d+"/ } @{ $answers{utc} }), 0, 'every request is answered')
  or diag grep { !/^20[01] |^4(?:00|09|10) .*"TL\d+"/ } @{ $answers{utc} };
ok($at =~ /$_/, "it says $_")
  for '"valid_from":"2026-03-08T02:30:00\+00:00"', '"expiration":"2026-04-05T01:45:00\+00:00"',
  '<TokenExpiration>2026-04-05 01:45:00<', '"recorded_at":"2026-03-08T02:30:00\+00:00"', '"expires_at":"2026-05-05T23:59:59\+00:00"';

# ids that the server makes
my $id = qr/[[:xdigit:]]{8}-(?:[[:xdigit:]]{4}-){3}[[:xdigit:]]{12}|<TokenId>[^<]*|"(?:id|global_id)":"?[^",}]*/;
foreach my $name (grep { $_ ne 'utc' } sort keys %zones)
{
	my @found = map { s/$id/ID/gr } @{ $answers{$name} };
	my @wanted = map { s/$id/ID/gr } @{ $answers{utc} };
	my @different = grep { $found[$_] ne $wanted[$_] } 0 .. $#requests;

	diag "@{ $requests[$_] }[0, 1]: $found[$_]\nin UTC: $wanted[$_]" for @different;
	is(scalar @different, 0, "$name: the answers are those in UTC");
}
$node->stop;
done_testing();
