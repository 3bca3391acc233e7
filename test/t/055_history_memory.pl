# The memory for reading a history of a million entries does not grow with the
# history, by the function or by pages of the document. The whole document is
# refused.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

# few shared buffers: a process's peak counts those that it has touched
my $entries = 1_000_000;
my $node = start_books('history', 'shared_buffers = 4MB', 'max_wal_size = 2GB',
	'synchronous_commit = off', 'autovacuum = off');

$node->safe_psql('books', <<END);
SELECT trainledger.add_party('person', 'Ada', id => 1);
SELECT trainledger.credit_init(1, 0, 'desk', 'opened', '2026-01-01Z', 'long');
SELECT count(*) FROM trainledger.account a, generate_series(1, 10) n,
	trainledger.post_batch(array_fill(a.id, ARRAY[$entries / 10]), array_fill('1'::trainledger.amount, ARRAY[$entries / 10]), 'till ' || n);
ANALYZE;
CREATE ROLE tills;
SELECT trainledger.grant_access('tills', 'reader');
CREATE ROLE ada;
SELECT trainledger.grant_access('ada', 'learner');
END

# Runs a query in a session of its own, as a role. Returns its rows and the
# process's peak of memory, in MB.
sub peak
{
	my ($role, $query) = @_;
	my ($session) = sessions($node, 1);

	$session->query("SET ROLE $role");
	$session->query('SET trainledger.party_id = 1');
	my $answer = $session->query($query);
	my ($peak) = slurp_file('/proc/' . $session->backend . '/status') =~ /^VmHWM:\s+(\d+) kB/m;
	$session->quit;
	return ($answer->{rows}, $peak / 1024);
}

my $history = "trainledger_api.credit_token_history('long', 'id', '1'";
my (undef, $before) = peak('tills', "SELECT $history, max_entries => 1)");
note sprintf 'a session that has read one transaction: %.1f MB', $before;

foreach my $role (qw(tills ada))
{
	my ($rows, $peak) = peak($role, q{SELECT count(*), min(entry_no), max(entry_no) FROM trainledger.credit_history(1, 'long', max_entries => null)});
	is($rows->[0], sprintf('%d|1|%d', $entries + 1, $entries + 1), "$role: credit_history has all entries");
	cmp_ok($peak, '<', $before + 16, sprintf '%s: in %.1f MB', $role, $peak);

	($rows, $peak) = peak($role, qq{SELECT d->'history'->0->>'balance', json_array_length(d->'history'), current_setting('response.headers')
		FROM $history, max_entries => 1000, before_entry => 500001) d});
	is( $rows->[0],
		'499999|1000|[{"Link":"</credit-token/history/long/id:1.json?tokenType=default&limit=1000&before=499001>; rel=\"next\""}]',
		"$role: a page from the middle, and where the next one is");
	cmp_ok($peak, '<', $before + 8, sprintf '%s: in %.1f MB', $role, $peak);

	($rows, $peak) = peak($role, "SELECT $history), current_setting('response.status')");
	is($rows->[0], '{"code":413,"message":"The answer would be longer than 8 MB, ask for fewer transactions with limit","errorCode":0}|413',
		"$role: the whole document is refused");
	cmp_ok($peak, '<', $before + 32, sprintf '%s: in %.1f MB', $role, $peak);
}

# An answer of 8 MB is given, one byte more is refused. One entry is as long as
# it takes; the last one is printed twice and so is short.
$node->safe_psql('books', <<'END');
SELECT trainledger.credit_init(1, 0, 'desk', 'opened', '2026-01-01Z', 'wide');
SELECT count(*) FROM trainledger.account a, trainledger.post_batch(array_fill(a.id, ARRAY[1026]),
	array_fill('1'::trainledger.amount, ARRAY[1026]), 'till', array_fill(repeat('x', 8000), ARRAY[1026])) WHERE a.name = 'wide';
END

# The length of the answer, and its code if it is refused, with one entry more
# of so many bytes
sub answer_with
{
	my ($bytes) = @_;

	return (rows($node, <<"END"))[-1];
BEGIN;
SELECT trainledger.credit_add(1, 1, 'till', repeat('y', $bytes), '2026-01-02Z', 'wide');
SELECT trainledger.credit_add(1, 1, 'till', '-', '2026-01-02Z', 'wide');
SELECT octet_length(d::text) || coalesce(', ' || (d->>'code'), '') FROM trainledger_api.credit_token_history('wide', 'id', '1') d;
ROLLBACK;
END
}
my $limit = 8 * 1024 * 1024;
my $bytes = 1 + $limit - answer_with(1);
cmp_ok($bytes, '<', 8192, 'the answer is a little shorter than 8 MB');
is(answer_with($bytes), $limit, 'an answer of 8 MB is given');
like(answer_with($bytes + 1), qr/^\d+, 413$/, 'one byte more is refused');
done_testing();
