# The OpenAPI document of the original URIs, which nginx serves: it is valid, it
# has every path that nginx and the catalogue have, its examples are real
# answers, and a client that is generated from it works for a day. Every answer
# that the client gets has exactly the form that the document says.

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Client;
use TrainLedger::Faces;
use TrainLedger::GraphQL;

TrainLedger::Faces::needed();
TrainLedger::GraphQL::needed();

my $deploy = dirname(__FILE__) . '/../../doc/deploy';
my $json = JSON::PP->new->utf8->canonical;
my $folder = TrainLedger::Client::install('client');
my $node = start_books('openapi_client');
TrainLedger::Faces::make_roles($node);
$node->safe_psql('books', <<'END');
CREATE ROLE web_stranger NOLOGIN;
GRANT web_stranger TO authenticator;
ALTER DATABASE books SET trainledger.clock = '2017-12-05T23:26:22Z';

-- the delegate that the event system prints, up to the history
SET trainledger.clock = '2017-12-05T04:27:18Z';
SELECT trainledger.add_party('person', 'Delegate', barcode => '130102568017', sources => '{admin}', id => 1);
SET trainledger.clock = '2017-12-05T20:15:36Z';
SELECT trainledger.credit_init(1, 5, 'Insomnia Test', 'A test', '2017-12-05T20:15:36Z');
SET trainledger.clock = '2017-12-05T20:18:21Z';
SELECT trainledger.credit_add(1, 5, 'Insomnia Test', 'A test', '2017-12-05T20:18:21Z');
SET trainledger.clock = '2017-12-05T20:25:45Z';
SELECT trainledger.credit_add(1, 5, 'Insomnia Test', 'A test', '2017-12-05T20:25:45Z');

-- what the client takes for granted
SET trainledger.clock = '2017-12-05T23:26:22Z';
SELECT trainledger.add_party('person', 'Somebody', barcode => '13/01 & 7.json', id => 123), trainledger.add_party('person', 'Reader', barcode => '130102510002', id => 24);
SELECT trainledger.add_party('person', 'Everything', rfid => 'E2000017', external_id => 'crm/7', data => '[{"a": [1, null]}]', flags => '{vip}', sources => '{admin,crm}', id => 124),
	trainledger.add_party('person', 'Nothing', id => 125);
SELECT trainledger.credit_init(id, 2, 'desk', 'opened', '2017-12-05Z') FROM unnest('{24,124,125}'::bigint[]) AS id;
SELECT trainledger.add_credit_token_type('another', 'currency'), trainledger.add_credit_token_type('bounded', lower_bound => 0, upper_bound => 10),
	trainledger.add_credit_token_type('inactive');
SELECT trainledger.credit_init(123, 5, 'desk', 'opened', '2017-12-05Z', token_type => type) FROM unnest('{bounded,inactive}'::text[]) AS type;
SELECT trainledger.update_token_type(id, is_active => false) FROM trainledger.token_type WHERE name = 'inactive';
SELECT trainledger.credit_init(123, 0, 'desk', 'opened', '2017-12-05Z', 'long');
SELECT count(trainledger.credit_add(123, 1, 'till', repeat('x', 8192), '2017-12-05Z', 'long', idempotency_key => gen_random_uuid()))
FROM generate_series(1, 1100);
SELECT trainledger.add_catalog_item(kind, 'FA-1', 'First aid') FROM unnest(enum_range(NULL::trainledger.catalog_kind)) AS kind;
SELECT trainledger.add_catalog_item('collection', 'ALL & more', 'Everything');
SELECT trainledger.add_party('person', name, lower(name) || '@example.org', attributes => jsonb_build_object('grade', grade),
	uuid => ('00000000-0000-4000-8000-0000000000c' || grade)::uuid)
FROM (VALUES ('Ada', 1), ('Grace', 2), ('Sue', 3)) AS v (name, grade);
SELECT trainledger.add_program_kind('School', 'school', id => '00000000-0000-4000-8000-0000000000a0'),
	trainledger.add_program_kind('Leadership', 'lead', '00000000-0000-4000-8000-0000000000a0', '00000000-0000-4000-8000-0000000000a1'),
	trainledger.add_program_kind('Coaching', id => '00000000-0000-4000-8000-0000000000a2');
SELECT trainledger.add_program('00000000-0000-4000-8000-0000000000a1', 'Spring', '2023-04-28', 30, id => '00000000-0000-4000-8000-0000000000b1'),
	trainledger.add_program('00000000-0000-4000-8000-0000000000a1', 'Autumn', '2023-09-01', 30, 'open', 5, '00000000-0000-4000-8000-0000000000b2'),
	trainledger.add_program('00000000-0000-4000-8000-0000000000a1', 'Winter', '2023-12-01', 30, id => '00000000-0000-4000-8000-0000000000b3'),
	trainledger.add_program('00000000-0000-4000-8000-0000000000a2', 'Coaching', '2023-01-01', 10, 'open', id => '00000000-0000-4000-8000-0000000000b4');
SELECT trainledger.confirm_cohort('00000000-0000-4000-8000-0000000000b2', 'Mondays');
SELECT trainledger.update_program('00000000-0000-4000-8000-0000000000b2', is_active => false);
SELECT trainledger.modify_program_membership('00000000-0000-4000-8000-0000000000b1', id, state => 'withdrawn'),
	trainledger.update_party(id, is_suspended => true)
FROM trainledger.party WHERE name = 'Sue';
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-0000000000a2', id) FROM trainledger.party WHERE name = 'Ada';
SELECT trainledger.consume_ticket(id, '00000000-0000-4000-8000-0000000000b4') FROM trainledger.party WHERE name = 'Ada';
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-0000000000a2', id) FROM trainledger.party WHERE name = 'Ada';
SELECT trainledger.cancel_ticket(id) FROM trainledger.ticket WHERE state = 'ready';
END
my $faces = TrainLedger::Faces->start($node, 'books');
my $document = served();
my $operations = operations();

compare_with_nginx();
compare_with_catalogue();
compare_with_event_system();
my $results = run_client();
is_deeply($results->{errors}, [], 'the document is valid, and its examples are as it says');
is_deeply($results->{requests}, [], 'requests are what the document says');
is_deeply($results->{faults}, [], 'every answer is as the document says');
compare_coverage();
compare_methods();
compare_credit();
compare_tokens();
compare_programs();
is($node->safe_psql('books', 'SELECT * FROM trainledger.reconcile()'), '', 'the books are right');

$faces->stop;
$node->stop;
done_testing();

# The document as anybody gets it
sub served
{
	my $answer = $faces->request(undef, GET => '/openapi.json');

	is("$answer->{status} $answer->{type}", '200 application/json', 'the document is served, to everybody');
	is($answer->{body}, slurp_file("$deploy/openapi.json"), 'as it is shipped');
	is($faces->request(undef, HEAD => '/openapi.json')->{status}, 200, 'HEAD, too');
	append_to_file("$folder/openapi.json", $answer->{body});
	return $json->decode($answer->{body});
}

# Its operations as texts: GET /tokens
sub operations
{
	my @found;

	foreach my $path (sort keys %{ $document->{paths} })
	{
		push @found, map { uc($_) . " $path" } grep { /^(get|put|post|patch|delete)$/ } keys %{ $document->{paths}{$path} };
	}
	return [ sort @found ];
}

# Each path is one of a location that passes original URIs on, and each of these
# locations has a path.
sub compare_with_nginx
{
	my @locations;
	my $text = slurp_file("$deploy/nginx.conf");

	while ($text =~ /^    location (?:(=|~\*?|\^~) )?("[^"]+"|\S+) \{(.*?)^    \}/msg)
	{
		my ($kind, $pattern, $body) = ($1 // '', $2, $3);
		$pattern =~ s/^"(.*)"$/$1/;
		push @locations, { kind => $kind, pattern => $pattern, passes => scalar($body =~ /proxy_pass/) };
	}
	my %wanted = map { $_->{pattern} => 1 } grep { $_->{passes} && $_->{pattern} =~ m{/(?:credit-token|tokens|core)\b} } @locations;
	my %found;
	foreach my $path (sort keys %{ $document->{paths} })
	{
		(my $uri = $path) =~ s/\{(\w+)\}/$1/g;
		my ($exact) = grep { $_->{kind} eq '=' && $_->{pattern} eq $uri } @locations;
		my ($regex) = grep { $_->{kind} =~ /^~/ && $uri =~ /$_->{pattern}/ } @locations;
		my ($prefix) = sort { length $b->{pattern} <=> length $a->{pattern} }
		  grep { $_->{kind} =~ /^(\^~)?$/ && index($uri, $_->{pattern}) == 0 } @locations;
		$found{ ($exact // $regex // $prefix)->{pattern} } = 1;
	}
	cmp_ok(scalar(keys %wanted), '>', 3, 'nginx has locations of the original URIs');
	is_deeply([ sort keys %found ], [ sort keys %wanted ], 'the document has paths of each, and no others');
	return;
}

# Each function that makes a document has its operation.
sub compare_with_catalogue
{
	my %function = (
		'GET /tokens' => 'tokens',
		'POST /tokens' => 'create_tokens',
		'PUT /tokens' => 'update_tokens',
		'GET /tokens/{tokenid}' => 'token');
	my %found;

	foreach my $operation (@$operations)
	{
		my ($path) = $operation =~ m{ /(.*)};
		my $name = $function{$operation};
		($name) = $path =~ m{^core/(\w+)$} unless $name;
		$name //= $path =~ s{/\{.*}{}r =~ s{\W}{_}gr;
		$found{$name} = 1;
	}
	is_deeply(
		[ sort keys %found ],
		[ sort(rows($node, <<'END')) ],
SELECT proname FROM pg_proc WHERE pronamespace = 'trainledger_api'::regnamespace
	AND (proname ~ '^([A-Z]|credit_token_)' OR prorettype = 'trainledger."application/xml"'::regtype)
END
		'every document function has an operation, and no operation is without');
	return;
}

# What the event system prints are the examples of the document, and what the
# server answers.
sub compare_with_event_system
{
	my $paths = $document->{paths};
	my %example = map { $_ => $paths->{"/credit-token/$_/{accountName}/{idType}:{id}"}{get}{responses}{200}{content}{'application/json'}{example} }
	  qw(history balance);
	my $reader = $faces->token('reader');

	is_deeply($json->decode($faces->request($reader, GET => '/credit-token/history/default/id:1.json')->{body}),
		$example{history}, 'the history, as printed');
	$node->safe_psql('books', <<'END');
SET trainledger.clock = '2017-12-05T20:29:38Z';
SELECT trainledger.credit_subtract(1, 30, 'desk', 'before', '2017-12-05T20:29:38Z');
SELECT trainledger.credit_subtract(1, 5, 'Insomnia Test', 'A test', '2017-12-05T20:29:38Z');
END
	is_deeply($json->decode($faces->request($reader, GET => '/credit-token/balance/default/barcode:130102568017')->{body}),
		$example{balance}, 'the balance, as printed');
	return;
}

# Generates the client, has the compiler check what uses it, and runs that.
sub run_client
{
	my $output;
	my %token = map { $_ => $faces->token($_, party_id => 1) } qw(learner reader operator admin stranger);
	my @node = TrainLedger::GraphQL->node_command;

	my ($example) = slurp_file(dirname(__FILE__) . '/../../doc/rest.md') =~ /^```ts\n(.*?)^```$/ms;
	$example =~ s,http://127\.0\.0\.1:8080,@{[ $faces->address ]},;
	append_to_file("$folder/example.ts", "const token = '$token{operator}';\n$example\nconsole.log(data?.balance, error);\n");

	system_or_bail(@node, "$folder/node_modules/openapi-typescript/bin/cli.js", "$folder/openapi.json", '-o', "$folder/schema.d.ts");
	IPC::Run::run([ @node, "$folder/node_modules/typescript/bin/tsc", '-p', $folder ], '>', \$output)
	  or diag $output;
	is($output, '', 'the client is used as its types say');
	IPC::Run::run([ @node, "$folder/example.ts" ], '>', \$output);
	is($output, "7 undefined\n", 'the example of doc/rest.md adds 5 to 2');
	IPC::Run::run([ @node, "$folder/openapi.ts", $faces->address, $json->encode(\%token) ], '>', \$output)
	  or die 'the client fails';
	return $json->decode($output);
}

# Every answer that the document has was seen, but for too many requests, which
# the shipped configuration does not limit here.
sub compare_coverage
{
	my %seen = map { $_ => 1 } @{ $results->{seen} };

	is_deeply([ grep { !$seen{$_} && !/ 429$/ } @{ $results->{documented} } ], [], 'every answer of the document was seen');
	return;
}

sub compare_methods
{
	my $methods = $results->{methods};
	my @found = map {
		my $path = $_;
		map { uc($_) . " $path" } @{ $methods->{$path} }
	} keys %$methods;

	is_deeply([ sort @found ], $operations, 'the methods that the server takes are those of the document');
	is_deeply($results->{notAllowed}, [], 'and OPTIONS names them');
	is_deeply([ sort(@{ $results->{known} }) ], [ (304) x grep {/^GET/} @$operations ], 'what the client has is not sent again');
	return;
}

# The entries of an account, newest first
sub entries
{
	my ($account, $type) = @_;

	return [ map { [ split /\|/ ] } rows($node, <<"END") ];
SELECT operation, CASE WHEN operation = 'init' THEN delta ELSE abs(delta) END, e.balance
FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id JOIN trainledger.token_type t ON t.id = a.token_type_id
WHERE a.party_id = 123 AND a.name = '$account' AND t.name = '$type' ORDER BY entry_no DESC
END
}

sub refused
{
	my ($status, $message, $code) = @_;

	return { status => $status, error => { code => $status, message => $message, errorCode => $code // 0 } };
}

sub compare_credit
{
	my @booked = (@{ entries('default', 'default') }, @{ entries('my & account', 'another') });
	my @calls = map { $results->{$_} } qw(any subtract add init other);

	is_deeply([ map { [ @{ $_->{data}{transaction} }{qw(operation amount balance)} ] } @calls ],
		\@booked, 'what the client booked is in the books');
	is_deeply(\@booked, [ [ 'add', '0.34', '5.34' ], [ 'subtract', 5, 5 ], [ 'add', 5, 10 ], [ 'init', 5, 5 ], [ 'init', '-99.9', '-99.9' ] ],
		'and is what it meant');
	is_deeply([ map { $_->{status} } @calls, @$results{qw(balance otherBalance whole)} ], [ (201) x 5, (200) x 3 ], 'with the statuses of the event system');
	is_deeply([ map { $_->{data}{balance} } @$results{qw(balance otherBalance)} ], [ '5.34', '-99.9' ], 'balances');
	is_deeply($results->{balance}{data}, $results->{any}{data}, 'a balance has the last transaction');
	is_deeply([ map { scalar @$_ } @{ $results->{pages} } ], [ 3, 1 ], 'pages');
	is_deeply([ map { @$_ } @{ $results->{pages} } ], [ @booked[ 0 .. 3 ] ], 'are the history');
	is_deeply([ map { [ @$_{qw(operation amount balance)} ] } @{ $results->{whole}{data}{history} } ], [ @booked[ 0 .. 3 ] ], 'and so is the whole');
	is($results->{location}, '/credit-token/balance/default/id:123.json?tokenType=default', 'a transaction says where the balance is');
	is_deeply($results->{typed}, [ 'default', 0 ], 'types reach the last field');
	is_deeply($results->{delegates}, [
		{ data => [ { a => [ 1, undef ] } ], flags => ['vip'], rfid => 'E2000017', externalId => 'crm/7', id => 124, sources => [qw(admin crm)] },
		{ data => [], flags => [], id => 125, sources => [] } ], 'a delegate shows what it has');

	is_deeply($results->{refusals}, [
		[ 409, 1051, 'Account already initialised' ], [ 409, 1052, 'Balance mismatch' ], [ 409, 1054, 'Balance out of upper bound' ],
		[ 409, 1055, 'Balance out of lower bound' ], [ 409, 1056, 'Duplicate transaction' ], [ 409, 1057, 'Account not available' ],
		[ 409, 1058, 'Transaction rejected' ], [ 409, 1051, 'Account already initialised' ] ], 'refusals have their codes');
	my $children = $results->{blank}{error}{errors}{children};
	is(scalar(keys %$children), 15, 'a form that is not valid: the tree of fields');
	is_deeply([ grep { %{ $children->{$_} } } sort keys %$children ], [qw(amount delegate_id description recordedAt source)], 'blames what is missing');
	is_deeply([ @{ $results->{invalid} }, $results->{anyInvalid} ], [ (400) x 3 ], 'each operation checks its form');
	is_deeply($results->{invalidPage}{error}{errors}{children}, { limit => { errors => ['This value is not valid.'] }, before => {} }, 'a page that is too long');
	is_deeply($results->{tooLong}, refused(413, 'The answer would be longer than 8 MB, ask for fewer transactions with limit'), 'a history that is too long');
	is_deeply($results->{unknown}, [ (refused(404, 'Not Found')) x 7 ], 'what is not there');
	return;
}

# The first two tokens in the order of their ids
sub tokens
{
	return map { $json->decode($_) } rows($node, <<'END');
SELECT json_strip_nulls(json_build_object('TokenId', id, 'TokenCode', code, 'TokenType', type, 'TokenTypeId', type_id, 'Active', active,
	'MaximumActivations', maximum_activations, 'TokenExpiration', to_char(expiration AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')))
FROM trainledger.signup_token ORDER BY id LIMIT 2
END
}

sub blank_separated
{
	my ($token) = @_;
	my %copy = %$token;

	$copy{TokenExpiration} =~ tr/T/ / if $copy{TokenExpiration};
	return \%copy;
}

sub compare_tokens
{
	my @tokens = tokens();
	my $created = $results->{created};
	my %given = (TokenCode => "Gr\x{f6}\x{df}e <5> & \"mehr\"", TokenType => 1, TokenTypeId => 'FA-1', Active => JSON::PP::true,
		MaximumActivations => 20, TokenExpiration => '2030-12-31 23:59:59');

	is_deeply($results->{noTokens}, [], 'a list without tokens');
	is($json->encode($created->[0]), $json->encode({ %given, TokenId => $tokens[0]{TokenId} }), 'a token is created as it was given, numbers as numbers');
	like($created->[1]{TokenCode}, qr/^[2-9A-HJ-NP-Z]{16}$/, 'and one with a code of the server');
	is_deeply($results->{listed}, \@tokens, 'the list is what is in the books');
	is_deeply($results->{token}, [ blank_separated($tokens[1]) ], 'and so is a token alone');
	is_deeply($results->{changed}, [ map { blank_separated($_) } @tokens[ 1, 0 ] ], 'changes come back in the order of the request');
	ok(!exists $tokens[0]{TokenExpiration} && $tokens[0]{MaximumActivations} == 3, 'an expiration is cleared');
	is("$tokens[1]{TokenExpiration} $tokens[1]{Active}", '2031-01-01T00:00:00 1', 'and another one is set');
	is_deeply($results->{page}, [JSON::PP::true], 'a page of the list');
	is($results->{next}, '</tokens?start=1&limit=1>; rel="next"', 'names the next');
	is_deeply(
		[ map { join ' ', $_->[0], map { $_ // '' } $_->[1] =~ m{^<Error><Code>(\w+)</Code><Message>(?:token 1, (\w+): )?} } @{ $results->{xmlErrors} } ],
		[ '400 TL400 ', '404 TL404 ', '400 TL400 MaximumActivations', '404 TL404 TokenTypeId', '409 TL409 TokenCode', '400 TL400 TokenId',
			'404 TL404 TokenId', '409 TL409 TokenCode' ],
		'errors in XML');
	return;
}

sub compare_programs
{
	my ($lead) = map { $json->decode($_) } rows($node, <<'END');
SELECT json_build_object('id', id, 'name', name, 'handle', handle, 'parentId', parent_id) FROM trainledger.program_kind WHERE name = 'Leadership'
END

	is_deeply([ map { $_->{data} } @{ $results->{kinds} } ], [ $lead, { %$lead, id => '00000000-0000-4000-8000-0000000000a2', name => 'Coaching', handle => undef, parentId => undef },
			undef, undef, [$lead], [] ], 'kinds of programs');
	is_deeply($results->{noProgram}, { status => 200, data => undef }, 'a program that is not there is null');
	is_deeply($results->{program}, [ 'Spring', 30, 'lead', undef ], 'a program');
	is_deeply($results->{programs}, [ ([qw(Winter Spring Coaching)]) x 2, ['Winter'], [] ], 'lists of programs');
	is_deeply($results->{tickets}, [ 1, 0, 1,
			[ [ 'canceled', undef, undef ], [ 'consumed', undef, undef ], [ 'ready', 'LEAD-1', '00000000-0000-4000-8000-0000000000e1' ] ],
			['00000000-0000-4000-8000-0000000000c1'] ], 'tickets');
	is_deeply([ rows($node, "SELECT coalesce(sku, '-'), coalesce(email, '-'), party_id IS NULL FROM trainledger.ticket WHERE state = 'ready' ORDER BY sku") ],
		[ 'LEAD-1|-|f', '-|nobody@example.org|t' ], 'are in the books');
	ok($results->{confirmed}, 'a cohort is confirmed');
	is_deeply($results->{members}, [ ['Spring'], ['Spring'], 1, [ [ 'Fridays', 2 ] ], ['Spring'], [ [ 'Fridays', 1 ] ] ], 'memberships');
	is_deeply(
		[ rows($node, "SELECT p.name, m.role, m.state, coalesce(c.name, '-'), coalesce(m.comments, '-') FROM trainledger.membership m"
			  . ' JOIN trainledger.party p ON p.id = m.party_id LEFT JOIN trainledger.cohort c ON c.id = m.cohort_id'
			  . q{ WHERE m.program_id = '00000000-0000-4000-8000-0000000000b1' ORDER BY p.name}) ],
		[ 'Ada|member|refunded|-|went to sea', 'Grace|trainer|active|Fridays|-', 'Sue|member|withdrawn|-|-' ], 'are in the books');
	is_deeply([ map { "@$_" } @{ $results->{callErrors} } ],
		[ (map { "$_ TL$_" } 400, 404, 409, 400, 404, 409, 400, 404, 400, 404, 409, 400, 404, 409, 400, 404, 400), ('400 22P02') x 8 ],
		'errors of calls');
	return;
}
