# Requests that are damaged anywhere, in their address, headers or body: none is
# answered with 5xx, each error has the form of its path, and the books are right
# afterwards (contract, section 12). `make soak N=20000` sends more.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;
use TrainLedger::Http;
use TrainLedger::Mutator qw(damage);

TrainLedger::Faces::needed();

my $count = soak() / 2;
my $seed = $ENV{TRAINLEDGER_SEED} || 20261129;
srand $seed;
note "seed $seed, $count requests";

my $node = start_books('rest_fuzz');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
TrainLedger::Faces::make_roles($node);
$node->safe_psql('books', <<'END');
SELECT trainledger.add_party('person', 'Ann', rfid => 'r1', barcode => 'b1', id => 1);
SELECT trainledger.add_catalog_item('course', 'C-1', 'A course');
SELECT trainledger.credit_init(1, 100, 'desk', 'Welcome', '2026-01-01Z');
SELECT trainledger.create_signup_token(1, 'C-1', 10, id => 'token-1');
SELECT trainledger.add_program_kind('Kind', id => '00000000-0000-4000-8000-000000000001');
END

my $faces = TrainLedger::Faces->start($node, 'books');
my %token = map { $_ => $faces->token($_, party_id => 1) } qw(learner operator admin);
my $event = '{"delegate_id": 1, "amount": 1.5, "source": "till", "description": "Tea", "recordedAt": 1512516382}';
my $document = '<Tokens><Token><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><MaximumActivations>5</MaximumActivations></Token></Tokens>';
my @requests = (
	[ GET => '/parties?select=id,name,credit_accounts(balance)&id=eq.1&order=name.desc&limit=5&offset=0' ],
	[ GET => '/credit_transactions?select=operation,delta.sum()&or=(entry_no.gt.1,source.like.t*)' ],
	[ GET => '/token_liability?month=gte.2026-01-01' ],
	[ GET => '/rpc/find_party?id_type=barcode&id=b1' ],
	[ GET => '/rpc/holdings?party_id=1&select=system,quantity' ],
	[ POST => '/rpc/credit_add', '{"party_id": 1, "amount": 0.5, "source": "desk", "description": "x", "recorded_at": "2026-01-02Z"}', 'application/json' ],
	[ POST => '/rpc/credit_add', "party_id,amount,source,description,recorded_at\n1,1,desk,x,2026-01-02Z", 'text/csv' ],
	[ POST => '/rpc/credit_add', 'party_id=1&amount=1&source=desk&description=x&recorded_at=2026-01-02Z', 'application/x-www-form-urlencoded' ],
	[ GET => '/credit-token/balance/default/id:1.json?tokenType=default' ],
	[ GET => '/credit-token/history/default/rfid:r1.json?limit=5&before=9' ],
	[ POST => '/credit-token/transaction/add.json', $event, 'application/json' ],
	[ GET => '/tokens?start=0&limit=5' ],
	[ GET => '/tokens/token-1' ],
	[ POST => '/tokens?source=MyApp', $document, 'application/xml; charset=utf-8' ],
	[ PUT => '/tokens', '<Tokens><Token><TokenId>token-1</TokenId><Active>true</Active></Token></Tokens>', 'text/xml' ],
	[ POST => '/core/LookupProgram', '{"programKindId": "00000000-0000-4000-8000-000000000001"}', 'application/json' ],
	[ POST => '/core/ConfirmCohort', '{"programId": "00000000-0000-4000-8000-000000000001", "cohortName": "Red"}', 'application/json' ],
	[ GET => '/report' ],
	[ GET => '/openapi.json' ],
	[ GET => '/' ]);
my %headers = (
	Accept => 'application/json, text/csv;q=0.5', Prefer => 'count=exact, return=representation', Range => '0-9',
	'If-None-Match' => '"0123456789abcdef0123456789abcdef"', 'Accept-Profile' => 'trainledger_api',
	'Content-Profile' => 'trainledger_api', 'X-Request-Id' => 'request-1', Origin => 'https://app.example',
	'X-Trainledger-Several' => 'a', 'X-Trainledger-Limit' => '1', Cookie => 'trainledger_token=x.y.z');
my %form = (
	'/tokens' => qr{^application/xml\n<Error><Code>(?:TL)?\d+</Code><Message>[^<]+</Message></Error>$},
	'/credit-token' => qr/^application\/json\n\{"code":\d+,"message":"[^"]+",(?:"errorCode":\d+\}|"errors":\{.*\}\})$/);

# A text as a part of the request line: what would end the line is escaped, and of
# the rest what a client escapes, now and then
sub in_a_line
{
	my ($text, $some) = @_;

	$text =~ s/([\x00-\x20])/sprintf '%%%02X', ord $1/ge;
	$text =~ s/([\x80-\xff"<>\\{}|^`])/sprintf '%%%02X', ord $1/ge if $some < 0.7;
	return $text;
}

my (%seen, @complaints);
for my $number (1 .. $count)
{
	my ($method, $path, $body, $type) = @{ $requests[ rand @requests ] };
	my ($begins) = grep { $path =~ /^\Q$_\E/ } keys %form;
	my %sent = (Authorization => 'Bearer ' . (values %token)[ rand 3 ], Connection => 'close');
	my $where = rand;

	$sent{'Content-Type'} = $type if defined $type;
	# the beginning stays, so that the form is known
	if ($where < 0.4)
	{
		my $fixed = $begins // '/';
		$path = $fixed . in_a_line(damage(substr $path, length $fixed), rand);
	}
	if ($where > 0.3 && defined $body)
	{
		$body = damage($body);
	}
	if ($where > 0.6)
	{
		for my $name (grep { rand() < 0.3 } sort keys %headers)
		{
			($sent{$name} = damage($headers{$name})) =~ s/[\r\n\0]/ /g;
		}
		$sent{'Content-Type'} = damage($type) =~ s/[\r\n\0]/ /gr if defined $type && rand() < 0.3;
		$sent{Authorization} = damage($sent{Authorization}) =~ s/[\r\n\0]/ /gr if rand() < 0.05;
		$method = (qw(GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND x))[ rand 10 ] if rand() < 0.1;
	}

	my $answer = eval { TrainLedger::Http->new($faces->{web_port})->request($method, $path, \%sent, $body) };
	my $what = sprintf '%d: %s %s [%s] %s', $number, $method, substr($path, 0, 200),
	  join('; ', map { "$_: " . substr $sent{$_}, 0, 100 } grep { !/^(?:Authorization|Connection)$/ } sort keys %sent),
	  substr($body // '', 0, 300);
	if (!defined $answer)
	{
		push @complaints, "$what: $@";
		next;
	}
	$seen{ $answer->{status} }++;
	my ($media) = ($answer->{headers}{'content-type'} // '') =~ /^([^;]*)/;
	push @complaints, "$what: $answer->{status} $answer->{content}" if $answer->{status} >= 500;
	push @complaints, "$what: not in its form: $media $answer->{content}"
	  if $begins && $answer->{status} >= 400 && $method ne 'HEAD' && "$media\n$answer->{content}" !~ $form{$begins}
	  # an address may no longer be below it
	  && $path =~ /^\Q$begins\E(?:[\/?]|$)/;
}
diag map { s/([^ -~])/sprintf '\\x%02x', ord $1/ger . "\n" } @complaints[ 0 .. ($#complaints < 19 ? $#complaints : 19) ] if @complaints;
is(scalar @complaints, 0, "$count requests: each is answered, none with 5xx, errors in their form");
note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
cmp_ok($seen{$_} // 0, '>', 10, "$_ is among them") for 200, 400, 404;
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server was never restarted');
books_are_right($node, 'afterwards');
done_testing();
