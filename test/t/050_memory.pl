# A session that posts for a very long time does not grow: 200,000 calls, half
# of them refused, leave its memory as it was.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $node = start_books('memory', 'max_wal_size = 1GB', 'synchronous_commit = off');
my $holder = $node->safe_psql('books',
	"SELECT id FROM trainledger.add_party('person', 'Ada')");
$node->safe_psql('books', <<END);
SELECT trainledger.add_credit_token_type('bounded', upper_bound => 1000000);
SELECT trainledger.credit_init($holder, 0, 'setup', '', now(), 'account ' || i, 'bounded')
FROM generate_series(0, 99) i;
SELECT trainledger.credit_add($holder, 1, 'memory', 'twice', '2026-01-02', 'account 1', 'bounded', device => 'id:7');
SELECT trainledger.add_credit_token_type('purse', lower_bound => 0);
SELECT trainledger.credit_init($holder, 10, 'setup', '', now(), 'held', 'purse');
SELECT trainledger.credit_hold($holder, 4, 'setup', '', account_name => 'held', token_type => 'purse');
END
my ($account) = rows($node, 'SELECT min(id) FROM trainledger.account');
my ($held) = rows($node, "SELECT id FROM trainledger.account WHERE name = 'held'");
my ($session) = sessions($node, 1);

# Every kind of call, 50 accepted ones in a statement, and every refusal in a
# statement of its own: an error is what might leave something behind.
my $serial = 0;
my @accepted = (
	sub { "SELECT count(*) FROM generate_series(1, 50) i, trainledger.credit_add($holder, 1, 'memory', 'add $serial', '2026-01-02', 'account ' || i, 'bounded', device => 'id:7')" },
	sub { "SELECT count(*) FROM trainledger.account a, trainledger.post(a.id, 'adjust', 1.5, 'memory', idempotency_key => gen_random_uuid(), balance_expected => a.balance + 1.5) WHERE a.name < 'account 54' AND a.name <> 'account 9'" },
	sub { "SELECT count(*) FROM trainledger.post_batch(ARRAY(SELECT id FROM trainledger.account WHERE name <> 'held' LIMIT 50), array_fill('1'::trainledger.amount, ARRAY[50]), 'memory', skip_refused => true)" },
	sub { "SELECT count(*) FROM generate_series(1, 10) i, trainledger.credit_hold($holder, 2, 'memory', 'hold', account_name => 'account ' || i, token_type => 'bounded') h, trainledger.capture_hold(h.id, 1, false) c, trainledger.release_hold(c.id)" },
	sub { "SELECT count(*) FROM trainledger.account a, trainledger.balance_at(a.id, now()) WHERE a.name < 'account 54' AND a.name <> 'account 9'" },
);
my @refused = (
	[ TL400 => "SELECT trainledger.post($account, 'add', 0, 'memory')" ],
	[ TL400 => "SELECT trainledger.credit_add($holder, 'NaN', 'memory', '', now())" ],
	[ TL404 => "SELECT trainledger.post(1, 'add', 1, 'memory')" ],
	[ TL054 => "SELECT trainledger.post($account, 'add', 1000001, 'memory', recorded_at => now())" ],
	[ TL055 => "SELECT trainledger.post($held, 'subtract', 7, 'memory')" ],
	[ TL055 => "SELECT trainledger.credit_hold($holder, 7, 'memory', '', account_name => 'held', token_type => 'purse')" ],
	[ TL404 => "SELECT trainledger.capture_hold(1)" ],
	[ TL052 => "SELECT trainledger.post($account, 'add', 1, 'memory', balance_expected => -1)" ],
	[ TL057 => "SELECT trainledger.credit_add($holder, 1, 'memory', '', now(), 'nothing', 'bounded')" ],
	[ TL051 => "SELECT trainledger.credit_init($holder, 1, 'memory', '', now(), 'account 1', 'bounded')" ],
	[ TL056 => "SELECT trainledger.credit_add($holder, 1, 'memory', 'twice', '2026-01-02', 'account 1', 'bounded', device => 'id:7')" ],
	[ TL054 => "SELECT trainledger.post_batch(ARRAY[$account, $account], ARRAY[1, 1000001], 'memory')" ],
	[ TL400 => "SELECT trainledger.post_batch(ARRAY[$account], ARRAY[1, 2], 'memory')" ],
	[ TL409 => "UPDATE trainledger.account SET balance = 0" ],
	[ TL404 => "SELECT trainledger.find_party('barcode', 'none')" ],
	[ '22P02' => "SELECT '1.0000001'::trainledger.amount" ],
	[ '22003' => "SELECT '9000000000000'::trainledger.amount OPERATOR(trainledger.*) 1000000::bigint" ],
	[ '00000' => "SELECT trainledger_api.credit_token_transaction_add('{\"delegate_id\": $holder, \"amount\": 1e9, \"source\": \"x\", \"description\": \"y\", \"recordedAt\": 1512504936, \"accountName\": \"account 1\", \"tokenType\": \"bounded\"}')" ],
	[ '00000' => "SELECT trainledger_api.credit_token_transaction_add('{\"amount\": [[[]]], \"source\": \"\"}')" ],
	[ '22P02' => "SELECT trainledger_api.credit_token_transaction('[')" ],
	[ '22P02' => "SELECT trainledger.global_id_key('x', 'Person')" ],
);

# Runs so many calls, half of them refused; returns how many answers were
# not the expected ones.
sub run_calls
{
	my ($calls) = @_;
	my ($wrong, $done) = (0, 0);
	my @waiting;

	while ($done < $calls)
	{
		$serial++;
		my @calls = [ '00000' => $accepted[ $serial % @accepted ]->() ];
		push @calls, $refused[ rand @refused ] for 1 .. 50;
		push @waiting, map { $_->[0] } @calls;
		$session->send(map { $_->[1] } @calls);
		$done += 100;
		while (@waiting)
		{
			my $state = shift @waiting;
			my $answer = $session->receive;
			next if $answer->{sqlstate} eq $state;
			diag "$state expected, $answer->{sqlstate} got: @{ $answer->{rows} }"
			  if $wrong++ < 5;
		}
	}
	return $wrong;
}

# Bytes of the session's lasting contexts, and of its process without what
# it shares
sub memory
{
	my $rows = $session->query(<<'END')->{rows};
SELECT CASE WHEN name IN ('TopMemoryContext', 'CacheMemoryContext') THEN name ELSE 'others' END,
	sum(total_bytes) FROM pg_backend_memory_contexts GROUP BY 1
END
	my %bytes = map { split /\|/ } @$rows;
	my ($process) =
	  slurp_file('/proc/' . $session->backend . '/status') =~ /^RssAnon:\s+(\d+) kB/m;

	$bytes{process} = 1024 * $process;
	return %bytes;
}

srand 1;
is(run_calls(4000), 0, 'calls to warm up');
my %before = memory();
is(run_calls(200000), 0, '200,000 calls');
my %after = memory();

my %most = (
	TopMemoryContext => 16 * 1024,
	CacheMemoryContext => 128 * 1024,
	others => 256 * 1024,
	process => 2 * 1024 * 1024
);
for my $what (sort keys %most)
{
	note "$what: $before{$what} bytes before, $after{$what} after";
	cmp_ok($after{$what} - $before{$what}, '<=', $most{$what}, "$what did not grow");
}
books_are_right($node, 'memory');
done_testing();
