# The history of a credit account in pages, over HTTP. The pages, each found by
# the header Link of the one before, add up to the whole history. An answer of
# more than 8 MB is refused. PostgREST's sessions do not grow with the history.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $node = start_books('rest_history', 'shared_buffers = 4MB', 'autovacuum = off');
TrainLedger::Faces::make_roles($node);

# names that a URI has to escape, and more entries than an answer has room for
my ($name, $type, $barcode) = ("till & caf\x{e9} 1", 'a;b&c=d%25', 'a/b?c:#1.json');
my %sql = map { my $text = $_; utf8::encode($text); $_ => "'$text'" } $name, $type, $barcode;
$node->safe_psql('books', <<"END");
SELECT trainledger.add_party('person', 'Ada', barcode => $sql{$barcode}, id => 1), trainledger.add_credit_token_type($sql{$type});
SELECT trainledger.credit_init(1, 0, 'desk', 'opened', '2026-01-01Z', $sql{$name}, 'default'),
	trainledger.credit_init(1, 0, 'desk', 'opened', '2026-01-01Z', 'long');
SELECT trainledger.credit_init(1, 0, 'desk', 'opened', '2026-01-01Z', $sql{$name}, $sql{$type});
SELECT count(*) FROM trainledger.account a JOIN trainledger.token_type t ON t.id = a.token_type_id,
	trainledger.post_batch(array_fill(a.id, ARRAY[2499]), array_fill('0.5'::trainledger.amount, ARRAY[2499]), 'till')
WHERE t.name = $sql{$type};
SELECT count(*) FROM trainledger.account a,
	trainledger.post_batch(array_fill(a.id, ARRAY[100000]), array_fill('1'::trainledger.amount, ARRAY[100000]), 'till')
WHERE a.name = 'long';
ANALYZE;
END

my $faces = TrainLedger::Faces->start($node, 'books');
my %token = (reader => $faces->token('reader'), learner => $faces->token('learner', party_id => 1));
my $path = '/credit-token/history/' . $faces->encoded($name) . '/barcode:' . $faces->encoded($barcode) . '.json';
my $query = '?tokenType=' . $faces->encoded($type);

foreach my $level (sort keys %token)
{
	my $whole = $faces->request($token{$level}, GET => "$path$query");
	is($whole->{status}, 200, "$level: the whole history");
	is(scalar @{ $whole->{json}{history} }, 2500, 'with all its transactions');
	is($whole->{headers}{link}, undef, 'and no page after it');

	my $entries = delete $whole->{json}{history};
	foreach my $limit (999, 1000, 500)
	{
		my $next = "$path$query&limit=$limit";
		my ($pages, $wrong, @history) = (0, 0);

		while (defined $next && $pages++ < 10)
		{
			my $page = $faces->request($token{$level}, GET => $next);
			push @history, @{ delete $page->{json}{history} // [] };
			$wrong++ unless $page->{status} == 200 && eq_hash($page->{json}, $whole->{json});
			($next) = ($page->{headers}{link} // '') =~ /^<([^>]+)>; rel="next"$/;
		}
		is($wrong, 0, 'what is beside the history is the same on each page');
		is_deeply(\@history, $entries, "$level: pages of $limit are the whole");
		is($pages, int((2500 + $limit - 1) / $limit), "and there are $pages of them");
	}
}

my $refused = $faces->request($token{reader}, GET => '/credit-token/history/long/id:1');
is_deeply(
	[ @$refused{qw(status type body)} ],
	[ 413, 'application/json', '{"code":413,"message":"The answer would be longer than 8 MB, ask for fewer transactions with limit","errorCode":0}' ],
	'more than 8 MB are refused in the form of the event system');

# By itself PostgREST keeps limit for rows of tables, so the function's
# argument has another name.
my $answer = $faces->request($token{reader}, GET => '/rpc/credit_token_history?accountName=long&idType=id&id=1&max_entries=2&before_entry=3');
is(join(' ', map { $_->{balance} } @{ $answer->{json}{history} }), '1 0', 'the function takes them as arguments');

my @peaks = map { slurp_file("/proc/$_/status") =~ /^VmHWM:\s+(\d+) kB/m }
  rows($node, q{SELECT pid FROM pg_stat_activity WHERE usename = 'authenticator'});
note "peaks of memory, in kB: @peaks";
is(scalar(grep { $_ > 64 * 1024 } @peaks), 0, 'no session took more than 64 MB');
$faces->stop;
$node->stop;
done_testing();
