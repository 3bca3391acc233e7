# 50 clients at once post credit transactions through nginx and PostgREST: no
# 5xx, and every 201 is in the books once. make soak runs it for longer.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;
use TrainLedger::Load;

TrainLedger::Faces::needed();

# 5 seconds for the 2,000 of make test, at most the contract's 30
my $seconds = soak() / 400 > 30 ? 30 : soak() / 400;
my ($clients, $parties) = (50, 20);

my $node = start_books('load');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');

$node->safe_psql('books', <<"END");
SELECT trainledger.add_party('person', 'P' || i, id => i) FROM generate_series(1, $parties) i;
SELECT trainledger.credit_init(i, 0, 's', 'd', '2026-01-01Z') FROM generate_series(1, $parties) i;
SELECT trainledger.add_credit_token_type('bounded', lower_bound => 0, upper_bound => 5);
SELECT trainledger.credit_init(1, 0, 's', 'd', '2026-01-01Z', token_type => 'bounded');
END

# Adds and subtracts on few accounts, so that they meet, and some on a bounded
# one, where many are refused.
my %header = (
	Authorization => 'Bearer ' . $faces->token('operator', sub => 'load'),
	'Content-Type' => 'application/json');
my ($number, %asked, %count) = (0);

my $next = sub {
	my ($client) = @_;
	my $n = ++$number;
	my $is_bounded = $n % 10 == 0;
	my %body = (
		delegate_id => $is_bounded ? 1 : 1 + $n % $parties,
		amount => 1 + $n % 3,
		source => "client $client",
		description => "request $n",
		recordedAt => 1767225600 + $n,
		$is_bounded ? (tokenType => 'bounded') : ());
	my $operation = $n % 4 == 3 ? 'subtract' : 'add';

	$asked{$client} = [ $n, $body{amount} * ($operation eq 'add' ? 1 : -1) ];
	return (POST => "/credit-token/transaction/$operation.json", \%header, encode_json(\%body));
};
my %booked;
my $take = sub {
	my ($client, $answer) = @_;

	$count{ $answer->{status} }++;
	if ($answer->{status} == 201)
	{
		$booked{ $asked{$client}[0] } = $asked{$client}[1];
	}
	elsif ($answer->{status} == 409)
	{
		$count{ decode_json($answer->{content})->{errorCode} }++;
	}
};
my $took = load($faces->{web_port}, $clients, $seconds, $next, $take,
	sub { return %booked > 100 && $count{1054} });

note sprintf '%d requests in %.1f s: %.0f/s; %s', $number, $took, $number / $took,
  join ', ', map { "$_: $count{$_}" } sort keys %count;
cmp_ok(scalar keys %booked, '>', 100, 'transactions were booked');
is(join(' ', grep { !/^(?:201|409|1054|1055)$/ } sort keys %count),
	'', 'no answer but 201, and 409 of the bounds');
cmp_ok($count{1054} // 0, '>', 0, 'the bound was met');

my %found = map { split /\|/ } rows($node,
	"SELECT substr(description, 9), delta FROM trainledger.entry WHERE description LIKE 'request %'");
is(scalar(rows($node, "SELECT 1 FROM trainledger.entry WHERE description LIKE 'request %'")),
	scalar keys %found, 'nothing is booked twice');
is_deeply(\%found, \%booked, 'every 201 is in the books, with its amount, and nothing else is');
is(join(' ', rows($node, "SELECT DISTINCT booked_by FROM trainledger.entry WHERE description LIKE 'request %'")),
	'load', 'booked by whom the token names');
books_are_right($node, 'after the load');

# Connections to PostgREST are reused. It answers some of these requests before it
# has read their bodies, and no other request may suffer from that.
my %stranger = (%header, Authorization => 'Bearer nobody');
my %reader = (Authorization => 'Bearer ' . $faces->token('reader'));
my @mixed = (
	[ 200, GET => '/credit-token/balance/default/id:1.json', \%reader ],
	[ 404, GET => '/credit-token/balance/default/id:99.json', \%reader ],
	[ 200, GET => '/credit-token/history/default/id:2.json?limit=10', \%reader ],
	[ 200, GET => '/parties?limit=3', \%reader ],
	# without a body that PostgREST has sent, and without one that it has not
	[ 200, HEAD => '/credit-token/history/default/id:2.json?limit=10', \%reader ],
	[ 404, HEAD => '/credit-token/balance/default/id:99.json', \%reader ],
	[ 304, GET => '/credit-token/balance/default/id:3.json', { %reader, 'If-None-Match' => '*' } ],
	[ 401, GET => '/tokens', \%stranger ],
	map({ my $body = encode_json({ description => 'x' x $_ });
			([ 401, POST => '/credit-token/transaction/add', \%stranger, $body ],
				[ 404, POST => '/rpc/nothing', \%header, $body ],
				[ 403, POST => '/rpc/credit_add', { %header, %reader },
					encode_json({ party_id => 1, amount => 1, source => 's', description => 'x' x $_, recorded_at => '2026-01-01Z' }) ])
	} 10, 1000, 7000));
my (%sent, @wrong, $answers);
load($faces->{web_port}, $clients, $seconds > 5 ? $seconds : 5,
	sub { (undef, my @request) = @{ $sent{ $_[0] } = $mixed[rand @mixed] }; return @request },
	sub {
		my ($client, $answer) = @_;
		my ($wanted, $method, $path) = @{ $sent{$client} };

		$answers++;
		push @wrong, "$method $path: $answer->{status}" if $answer->{status} != $wanted;
	});
note "$answers answers to mixed requests";
is(join("\n", @wrong), '', 'each of mixed requests gets its own answer');

$faces->stop;
$node->stop;
done_testing();
