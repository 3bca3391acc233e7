# What integrators rely on (contract, section 12): nothing half done in silence,
# errors in the form of their path, HEAD, CORS, ETags, request ids, and limits.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use TrainLedger;
use TrainLedger::Faces;
use TrainLedger::Token;

TrainLedger::Faces::needed();

my $node = start_books('integrators');
TrainLedger::Faces::make_roles($node);
$node->safe_psql('books', <<'END');
SELECT trainledger.add_party('person', 'Ann', barcode => 'b1', id => 1), trainledger.add_party('person', 'Ben', id => 2);
SELECT trainledger.add_catalog_item('course', 'C-1', 'A course', id => 1);
SELECT trainledger.credit_init(id, 100, 'desk', 'Welcome', '2026-01-01Z') FROM unnest('{1,2}'::bigint[]) id;
SELECT trainledger.create_signup_token(1, 'C-1', 100, 'code-' || n) FROM generate_series(1, 3) n;
END

my $faces = TrainLedger::Faces->start($node, 'books');
my %token = map { $_ => $faces->token($_, party_id => 1) } qw(learner reader operator admin);

sub ask { my ($level, @request) = @_; return $faces->request($token{$level}, @request); }

# What the books hold, to see that a refused call left it as it was
sub books
{
	return $node->safe_psql('books',
		'SELECT (SELECT count(*) FROM trainledger.entry), (SELECT sum(balance) FROM trainledger.account), (SELECT count(*) FROM trainledger.signup_token)');
}

my $serial = 0;

sub addition
{
	return { party_id => 1, amount => 1, source => 'source ' . ++$serial, description => '', recorded_at => '2026-01-02Z' };
}

sub event
{
	return { delegate_id => 1, amount => 1, source => 'source ' . ++$serial, description => 'x', recordedAt => 1512516382 };
}

# ----------------------------------------------------------------------
# Bodies of several calls
# ----------------------------------------------------------------------

{
	my $row = encode_json(addition());
	my @fields = qw(party_id amount source description recorded_at);
	my $csv = sub {
		my ($end, $count) = @_;
		return join $end, join(',', @fields),
		  map { my $addition = addition(); join ',', @$addition{@fields} } 1 .. $count;
	};
	my %refused = (
		'an array of two' => [ 'application/json', "[$row,$row]" ],
		'an array of one' => [ 'application/json', "[$row]" ],
		'an array of none' => [ 'application/json', '[]' ],
		'an array behind blanks' => [ 'application/json', " \r\n\t[$row]" ],
		'with a charset' => [ 'application/json; charset=utf-8', "[$row,$row]" ],
		'as the type of PostgREST' => [ 'application/vnd.pgrst.array+json', "[$row,$row]" ],
		'of a long one' => [ 'application/json', '[' . join(',', ($row) x 20000) . ']' ],
		'CSV of two' => [ 'text/csv', $csv->("\n", 2) ],
		'CSV with CR LF' => [ 'text/csv', $csv->("\r\n", 2) . "\r\n" ],
		'CSV with a charset' => [ 'text/csv; charset=utf-8', $csv->("\n", 3) ],
	);
	my $before = books();
	for my $name (sort keys %refused)
	{
		my ($type, $body) = @{ $refused{$name} };
		my $answer = ask(operator => POST => '/rpc/credit_add', $body, 'Content-Type' => $type);

		# PostgREST finds no function for an array of none
		like("$answer->{status} " . ($answer->{json}{code} // ''), qr/^(400 TL400|404 PGRST202)$/, $name);
	}
	is(ask(operator => POST => '/core/post', "[$row]")->{status}, 404, 'no other function is a program call');
	my $kind = '{"programKindId": "00000000-0000-4000-8000-000000000001"}';
	is(ask(operator => POST => '/core/LookupProgram', "[$kind,$kind]")->{json}{code}, 'TL400', 'a program call is one, too');
	is(ask(operator => POST => '/core/LookupProgram', '[' . join(',', ($kind) x 5000) . ']')->{json}{code}, 'TL400', 'however long');
	is(books(), $before, 'nothing is booked by them');
	is(ask(operator => POST => '/rpc/credit_add', $csv->("\n", 1), 'Content-Type' => 'text/csv')->{status},
		200, 'one row of CSV is one call');
	is(ask(operator => POST => '/rpc/credit_add', "\n$row")->{status}, 200, 'and so is an object');
	isnt(books(), $before, 'which are booked');
	is( ask(admin => POST => '/rpc/create_tokens', '[', 'Content-Type' => 'application/octet-stream', Accept => 'application/xml')->{body}
		  =~ /<Code>(\w+)/ && $1, 'TL400', 'a document may begin with a bracket');
}

# ----------------------------------------------------------------------
# A call that is tried: a front of nodes rolls back none
# ----------------------------------------------------------------------

SKIP: {
	skip 'a node commits each call', 15 if $ENV{TRAINLEDGER_NODES};
	my $before = books();
	my @tried = (
		[ POST => '/rpc/credit_add', addition(), Prefer => 'tx=rollback' ],
		[ POST => '/rpc/credit_add', addition(), Prefer => 'count=exact, tx=rollback' ],
		[ POST => '/rpc/credit_add', addition(), Prefer => 'tx=rollback ,count=exact, TX=rollback' ],
		[ POST => '/credit-token/transaction/add', event(), Prefer => 'tx=rollback' ],
		[ POST => '/credit-token/transaction/add.json', event(), Prefer => 'return=minimal,tx=rollback' ],
		[ POST => '/tokens', '<Tokens><Token><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><MaximumActivations>1</MaximumActivations></Token></Tokens>',
			Prefer => 'tx=rollback' ],
	);
	for my $request (@tried)
	{
		like(ask(admin => @$request)->{status}, qr/^20[01]$/, "tried: $request->[1]");
	}
	for my $prefer ('TX=Rollback', 'tx = rollback', 'count=exact,tx="rollback"', 'tx=rollback; x=1', "\tTx=rollback")
	{
		is(ask(admin => POST => '/rpc/credit_add', addition(), Prefer => $prefer)->{status}, 400, "what would not be tried is not done: $prefer");
	}
	is( ask(admin => POST => '/credit-token/transaction/add', event(), Prefer => 'tx = rollback')->{body},
		'{"code":400,"message":"Bad Request","errorCode":0}', 'in the form of its path');
	is(books(), $before, 'and rolled back');
	is(ask(admin => POST => '/rpc/credit_add', addition(), Prefer => 'tx=rollback_not, return=minimal, tx=commit')->{status}, 200, 'others are made');
	isnt(books(), $before, 'and kept');
}

# ----------------------------------------------------------------------
# Answers are whole
# ----------------------------------------------------------------------

{
	my $before = books();
	for my $part ('limit=1', 'offset=1', 'limit=1&offset=0')
	{
		is(ask(operator => POST => "/rpc/credit_add?$part", addition())->{json}{code},
			'TL400', "a write has no pages: $part");
	}
	for my $part ('%6Cimit=1', 'l%69mit=1', 'o%66fset=1', 'limit=&limit=1', 'select=balance&offset=&limit=&offset=1', '%6c%69%6d%69%74')
	{
		is(ask(operator => POST => "$_?$part", addition())->{status}, 400, "whatever their form: $_?$part")
		  for '/rpc/credit_add', '//rpc/credit_add', '/core/ConfirmCohort';
	}
	# PostgREST would make no call, and say that all is well
	for my $none ('0', '00', '%30', '+0', '-0', '(0)', '0x0', '%200')
	{
		is(ask(operator => POST => "$_?limit=$none", addition())->{status}, 400, "nor is there a page of nothing: $_?limit=$none")
		  for '/rpc/credit_add', '/core/ConfirmCohort';
	}
	is(ask(operator => GET => '/rpc/holdings?party_id=1&limit=0')->{body}, '[]', 'but for reads');
	my $account = $node->safe_psql('books', 'SELECT min(id) FROM trainledger.account');
	my $many = sub {
		my ($count) = @_;
		return { account_ids => [ (0 + $account) x $count ], deltas => [ (1) x $count ], source => 'many' };
	};
	my $answer = ask(operator => POST => '/rpc/post_batch', $many->(10001));
	is("$answer->{status} $answer->{json}{message}", '400 the answer has too many rows', 'what would be cut is refused');
	is(books(), $before, 'and booked by nobody');
	is(scalar @{ ask(operator => POST => '/rpc/post_batch', $many->(10000))->{json} }, 10000, '10,000 are whole');
	my $statement = "/rpc/account_statement?account_id=$account&since=2020-01-01Z&until=2100-01-01Z";
	for my $part ('', '&limit=10001', '&limit=x', '&offset=1')
	{
		is(ask(operator => GET => $statement . $part)->{json}{code}, 'TL400', "so is a statement, $part");
	}
	is(ask(operator => GET => $statement, undef, Range => $_)->{json}{code}, 'TL400', "so it is, Range: $_") for '0-', '0-10000', '1-', '0-9223372036854775807', '0-99999999999999999999';
	is(scalar @{ ask(operator => GET => $statement, undef, Range => '5-10004')->{json} }, 10000, 'but not a range of 10,000');
	is(ask(operator => GET => "$statement&$_")->{status}, 400, "nor is it $_") for 'limit=1&limit=20000', 'limit=1&%6cimit=20000', '%6fffset=1';
	is(ask(operator => GET => "/parties?select=id,credit_accounts(id)&$_")->{status}, 200, "a view: $_") for 'limit=1&limit=2', '%6cimit=1', 'credit_accounts.limit=1&limit=1';
	is(scalar @{ ask(operator => GET => "$statement&offset=10000")->{json} },
		$node->safe_psql('books', "SELECT count(*) + 2 - 10000 FROM trainledger.entry WHERE account_id = $account"), 'nor the end');
	my @rows = map { @{ ask(operator => GET => "$statement&limit=6000&offset=$_")->{json} } } 0, 6000;
	is("$rows[0]{operation} $rows[-1]{operation} " . @rows,
		'opening closing ' . (2 + $node->safe_psql('books', "SELECT count(*) FROM trainledger.entry WHERE account_id = $account")),
		'in two parts it is whole');
	is(scalar @{ ask(operator => GET => '/credit_transactions')->{json} }, 10000, 'a view is read in pages');
	for my $level ([ learner => 'WHERE party_id = 1' ], [ operator => '' ])
	{
		my ($name, $hers) = @$level;
		is( ask($name => GET => '/credit_accounts?select=balance.sum(),count()')->{body},
			$node->safe_psql('books', "SELECT format('[{\"sum\":%s,\"count\":%s}]', sum(balance), count(*)) FROM trainledger.account $hers"),
			"a $name sums up what is seen");
	}
}

# ----------------------------------------------------------------------
# Filters on what a function returns: PostgREST 12.0 wants the column selected
# ----------------------------------------------------------------------

{
	my @functions = (
		[ '/rpc/holdings?party_id=1', 'what', 'system', 'eq.credit' ],
		[ '/rpc/credit_history?party_id=1', 'delta', 'operation', 'eq.add' ],
	);
	for my $function (@functions)
	{
		my ($call, $shown, $column, $filter) = @$function;
		my $short = ask(operator => GET => "$call&select=$shown&$column=$filter");
		my $full = ask(operator => GET => "$call&select=$shown,$column&$column=$filter");
		my $all = ask(operator => GET => "$call&select=$shown,$column");
		my $value = $filter =~ s/^eq\.//r;

		is($short->{status}, 400, "$call: a filter on a column that is not selected");
		like($short->{json}{message}, qr/$column/, 'which the error names');
		is_deeply($full->{json}, [ grep { $_->{$column} eq $value } @{ $all->{json} } ], 'a filter on one that is');
		cmp_ok(scalar @{ $full->{json} }, '>', 0, 'finds rows');
	}
}

# ----------------------------------------------------------------------
# Errors in the form of their path
# ----------------------------------------------------------------------

my $long = 'x' x 9000;
my %stranger = (Authorization => 'Bearer ' . sign_token($faces->{secret}, { role => 'web_nobody', exp => time + 60 }));
my @errors = (
	[ 401, GET => '/', undef, Authorization => '' ],
	[ 401, GET => '/', undef, Authorization => 'Bearer x.y.z' ],
	[ 403, GET => '/', undef, Authorization => 'Bearer ' . sign_token($faces->{secret}, { role => 'postgres', exp => time + 60 }) ],
	[ 400, GET => '/', undef, %stranger ],
	[ 405, DELETE => '/' ],
	[ 405, PATCH => '/' ],
	[ 405, TRACE => '/' ],
	[ 414, GET => "/?$long" ],
	[ 501, GET => '/', undef, 'Transfer-Encoding' => 'gzip' ],
	[ 400, GET => '/', undef, 'X-Long' => $long ],
	[ 400, GET => '/%ff' ],
	[ 400, GET => '/%ed%a0%80' ],
	[ 400, GET => '/?name=eq.%c0%80' ],
	[ 400, GET => '/?%' ],
);
my %below = (
	'/tokens' => [ 'application/xml', qr{^<Error><Code>(?:TL)?\d+</Code><Message>[^<]+</Message></Error>$} ],
	'/credit-token/balance/default/id:1' => [ 'application/json', qr/^\{"code":\d+,"message":"[^"]+","errorCode":0\}$/ ],
	'/parties' => [ 'application/json', qr/^\{"code":"\w+","details":.*,"hint":.*,"message":"[^\n]+"\}$/ ],
);
for my $path (sort keys %below)
{
	my ($type, $form) = @{ $below{$path} };
	for my $error (@errors)
	{
		my ($status, $method, $end, @more) = @$error;
		my $own_token = grep { defined && $_ eq 'Authorization' } @more;
		my $answer = $faces->request($own_token ? undef : $token{operator},
			$method, $path . ($end =~ s{^/(?=$|\?)}{}r), @more);
		my $name = "$path, $method $end" =~ s/x{9000}/long/r;

		is("$answer->{status} $answer->{type}", "$status $type", "$name: $status");
		like($answer->{body}, $form, "$name: in its form");
		is($answer->{headers}{allow} ne '', 1, "$name: what is allowed") if $status == 405;
		is($answer->{headers}{'www-authenticate'} =~ /Bearer/, 1, "$name: how to ask") if $status == 401;
	}
}
for my $request (
	[ POST => '/credit-token/transaction/add', '{' ],
	[ POST => '/credit-token/transaction/add', '' ],
	[ POST => '/credit-token/transaction/add', "\xff" ],
	[ PUT => '/credit-token/transaction/add', '{}' ],
	[ GET => '/credit-token/nothing' ],
	[ GET => '/credit-token' ],
	[ GET => '/credit-token/balance/default/id:999' ])
{
	my $answer = ask(operator => @$request);
	like($answer->{body}, $below{'/credit-token/balance/default/id:1'}[1], "$request->[0] $request->[1]: $answer->{status}");
}
for my $request (
	[ GET => '/tokens/unknown' ],
	[ GET => '/tokens/' ],
	[ GET => '/tokens?limit=abc' ],
	[ POST => '/tokens', '<' ],
	[ PUT => '/tokens', "<Tokens><Token>\n<TokenId>1</TokenId></Token></Tokens>" ])
{
	my $answer = ask(admin => @$request);
	like($answer->{body}, $below{'/tokens'}[1], "$request->[0] $request->[1]: $answer->{status}");
}
is(ask(operator => POST => '/core/LookupProgram', {})->{json}{message}, '"programKindId" is missing', 'a missing argument is named');
is(ask(operator => POST => '/core/ListCohorts', {})->{json}{code}, 'TL400', 'as one of a list');
{
	my $answer = ask(operator => POST => '/credit-token/transaction/add',
		'{"delegate_id":1,"amount":1,"amount":2,"source":"twice","description":"x","recordedAt":1512516382}');
	is_deeply($answer->{json}{errors}{children}{amount}, { errors => ['This value is not valid.'] }, 'a key that is given twice');
}

# ----------------------------------------------------------------------
# HEAD, OPTIONS and CORS
# ----------------------------------------------------------------------

for my $path ('/parties', '/nothing', '/tokens', '/tokens/unknown', '/credit-token/balance/default/id:1',
	'/credit-token/balance/default/id:999', '/rpc/find_party?id_type=barcode&id=none', '/rpc/find_party?id_type=barcode&id=b1',
	'/core/ListActivePrograms', '/rpc/credit_add')
{
	my ($get, $head) = map { ask(reader => $_ => $path) } qw(GET HEAD);
	is("$head->{status} $head->{body}", "$get->{status} ", "HEAD $path: $get->{status}");
}
for my $path ('/parties', '/tokens', '/tokens/x', '/credit-token/transaction/add', '/credit-token/balance/default/id:1',
	'/rpc/credit_add', '/core/LookupProgram', '/report', '/nothing/at/all')
{
	my $answer = $faces->request(undef, OPTIONS => $path, undef, Origin => 'https://app.example',
		'Access-Control-Request-Method' => 'PUT', 'Access-Control-Request-Headers' => 'authorization,x-client-info');
	is( join('|', $answer->{status}, @{ $answer->{headers} }{qw(access-control-allow-origin access-control-allow-headers)}),
		'204|*|authorization,x-client-info', "preflight of $path");
	is($faces->request(undef, OPTIONS => $path)->{status}, 204, "OPTIONS of $path");
	is($faces->request(undef, GET => $path, undef, Origin => 'https://app.example')->{headers}{'access-control-allow-origin'},
		'*', "an error of $path can be read");
}

# ----------------------------------------------------------------------
# Documents that a client has
# ----------------------------------------------------------------------

my $party = 'trainledger.update_party';
my %changes = (
	'/credit-token/balance/default/id:1' => [
		"SELECT trainledger.credit_add(1, 1, 's', 'd', '2026-03-01Z')",
		"SELECT $party(1, rfid => 'r1')" ],
	'/credit-token/history/default/barcode:b1.json?limit=5' => [
		"SELECT trainledger.credit_subtract(1, 1, 's', 'd', '2026-03-01Z')",
		"SELECT $party(1, data => '[\"x\"]')" ],
	'/tokens?limit=2' => ["SELECT trainledger.update_signup_token((SELECT min(id) FROM trainledger.signup_token), active => false)"],
	'/core/ListActivePrograms' => [
		"SELECT trainledger.add_program((trainledger.add_program_kind('Kind')).id, 'Program', '2026-02-01', 30)" ],
);
for my $path (sort keys %changes)
{
	my $etag = ask(reader => GET => $path)->{headers}{etag};
	like($etag, qr/^"[0-9a-f]{32}"$/, "$path has an ETag");
	for my $known ($etag, "W/$etag", "\"other\", $etag", '*')
	{
		my $answer = ask(reader => GET => $path, undef, 'If-None-Match' => $known);
		is("$answer->{status} $answer->{body} $answer->{headers}{etag}", "304  $etag", "$path is known as $known" =~ s/[0-9a-f]{32}/it/r);
	}
	is(ask(reader => HEAD => $path, undef, 'If-None-Match' => $etag)->{status}, 304, "$path, HEAD");
	for my $change (@{ $changes{$path} })
	{
		$node->safe_psql('books', $change);
		my $answer = ask(reader => GET => $path, undef, 'If-None-Match' => $etag);
		is($answer->{status}, 200, "$path is another after a change");
		isnt($answer->{headers}{etag}, $etag, 'with another ETag');
		$etag = $answer->{headers}{etag};
	}
}
is(ask(reader => GET => '/tokens/unknown', undef, 'If-None-Match' => '*')->{status}, 404, 'what is not there is not known');
{
	my $answer = ask(operator => POST => '/credit-token/transaction/add', event());
	is($answer->{headers}{location}, '/credit-token/balance/default/id:1.json?tokenType=default', '201 says where');
	is(ask(operator => GET => $answer->{headers}{location})->{json}{balance}, $answer->{json}{balance}, 'and there it is');
	$answer = ask(admin => POST => '/tokens', '<Tokens><Token><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><MaximumActivations>1</MaximumActivations></Token></Tokens>');
	like($answer->{headers}{location}, qr{^/tokens/a[0-9a-f]{23}$}, 'a token too; its id is no number');
	is(ask(reader => GET => $answer->{headers}{location})->{body}, $answer->{body}, 'which is there');
}
{
	my ($path, %seen) = '/tokens?limit=2';
	while ($path)
	{
		my $answer = ask(reader => GET => $path);
		$seen{$_}++ for $answer->{body} =~ m{<TokenId>([^<]+)}g;
		($path) = ($answer->{headers}{link} // '') =~ /^<([^>]+)>; rel="next"$/;
	}
	is_deeply([ sort keys %seen ], [ split /\n/, $node->safe_psql('books', 'SELECT id FROM trainledger.signup_token ORDER BY id') ],
		'the list of tokens goes on to its end');
}

# ----------------------------------------------------------------------
# Names of requests, limits, health
# ----------------------------------------------------------------------

is(ask(reader => GET => '/parties', undef, 'X-Request-Id' => 'mine-1')->{headers}{'x-request-id'}, 'mine-1', 'a request keeps its name');
my $id = ask(reader => GET => '/tokens', undef, 'X-Request-Id' => 'not "mine"')->{headers}{'x-request-id'};
like($id, qr/^[0-9a-f]{32}$/, 'or gets one');
# nginx writes a line when the answer is out
my $log = '';
for (1 .. 100)
{
	last if ($log = slurp_file("$faces->{folder}/trainledger.log")) =~ / $id /;
	usleep(50_000);
}
like($log, qr{ mine-1 127\.0\.0\.1 GET /parties 200 }, 'it is in the log');
like($log, qr{ $id 127\.0\.0\.1 GET /tokens 200 }, 'so is that');
unlike($log, qr/limit=|barcode&id/, 'no query is');

for my $path ('/live', '/ready')
{
	is($faces->request(undef, GET => $path)->{status}, 200, "$path needs no token");
}
{
	my %seen;
	for (1 .. 100)
	{
		my $answer = ask(learner => POST => '/rpc/claim_signup_token', { code => "guess $_", party_id => 1 });
		$seen{ $answer->{status} }++;
		ok($answer->{headers}{'retry-after'} > 0, 'it says when to come again') if $answer->{status} == 429 && $seen{429} == 1;
	}
	cmp_ok($seen{404} // 0, '>=', 60, "$seen{404} guesses are answered");
	cmp_ok($seen{429} // 0, '>', 0, "$seen{429} are too many");
	is($seen{404} + $seen{429}, 100, 'and no others');
	is(ask(learner => GET => '/parties')->{status}, 200, 'the rest goes on');
}

# ----------------------------------------------------------------------
# The report, with the token in a cookie
# ----------------------------------------------------------------------

is(ask(reader => GET => '/report')->{type}, 'text/html', '/report with a token in the header');
{
	my %cookie = (Cookie => "a=b; trainledger_token=$token{reader}");
	my $answer = $faces->request(undef, GET => '/report', undef, %cookie);
	is("$answer->{status} $answer->{headers}{'content-type'}", '200 text/html; charset=utf-8', 'or in a cookie');
	is($answer->{headers}{'cache-control'}, 'no-store', 'is not kept');
	is($faces->request(undef, HEAD => '/report', undef, %cookie)->{status}, 200, 'HEAD too');
	is($faces->request(undef, POST => '/report', '{}', %cookie)->{status}, 405, 'it is read');
	is($faces->request(undef, GET => $_, undef, %cookie)->{status}, 401, "the cookie is not for $_")
	  for '/parties', '/rpc/report', '/tokens';
	is($faces->request(undef, GET => '/report', undef, Cookie => 'trainledger_token=x')->{status}, 401, 'nor is any other');
	is(ask(learner => GET => '/report')->{status}, 403, 'nor is it for learners');
}

books_are_right($node, 'at the end');
done_testing();
