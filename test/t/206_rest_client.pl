# An ordinary client, @supabase/postgrest-js, against the running servers: it
# reads with embedding, filters and pages, issues, adjusts, redeems, refunds and
# renews, and is shown refusals.

use strict;
use warnings;

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

my $folder = TrainLedger::Client::install('client');
my $node = start_books('client');
TrainLedger::Faces::make_roles($node);
$node->safe_psql('books', <<'END');
SET trainledger.clock = '2026-01-01T12:00:00Z';
SELECT trainledger.add_party('organisation', 'Works', id => 3);
SELECT trainledger.add_party('person', 'Ada', organisation_id => 3, id => 7), trainledger.add_party('person', 'Abel', id => 8),
	trainledger.add_party('person', 'Bea', id => 9);
SELECT trainledger.add_training_token_type('Silver', id => '8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6');
SELECT trainledger.credit_init(7, 1.5, 's', 'd', '2026-01-01Z');
SELECT trainledger.credit_add(7, 99.9, 's', 'd', '2026-01-01Z');
SELECT trainledger.add_catalog_item('course', 'C-1', 'A course', id => 11), trainledger.add_region('DR', 'A region'),
	trainledger.add_currency('USD', 'U.S. Dollars');
SELECT trainledger.create_pass_type('Gold', 'Gold pass', id => 1);
SELECT trainledger.add_pass_content(1, '{11}');
SELECT trainledger.create_pass_option(1, 'Yearly', 'years', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'DR', 'USD', 120);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
END
my $faces = TrainLedger::Faces->start($node, 'books');

my $output;
IPC::Run::run([ TrainLedger::GraphQL->node_command("$folder/client.mjs", $faces->address,
		$faces->token('operator'), $faces->token('learner', party_id => 7)) ], '>', \$output)
  or die 'the client fails';
my $results = decode_json($output);

sub answered
{
	my ($data) = @_;

	return { status => 200, count => undef, error => undef, data => $data };
}

sub refused
{
	my ($status, $code, $message, $details, $hint) = @_;

	return { status => $status, count => undef, data => undef, error => {
		code => $code, message => $message, details => $details, hint => $hint } };
}

my %expected = (
	pages => [ map { { status => 206, count => 4, error => undef, data => [ map { { name => $_ } } @$_ ] } } [qw(Works Bea Ada)], ['Abel'] ],
	issue => { initial_balance => 10, current_balance => 10, expires_at => '2099-12-31T23:59:59+00:00', parties => { name => 'Works' } },
	adjust => [ answered({ current_balance => 7 }),
		refused(409, 'TL055', 'balance out of lower bound', 'The balance is 7, the change -8 and the lower bound 0.',
			'Take less, or add to the balance first.') ],
	redeem => [ 200, 4, 'Event 4711', JSON::PP::true ],
	reused => refused(422, 'TL422', 'idempotency key was used for a different request', 'The key was used for redeem_training_tokens.',
		'Use a new key for a new request, and the same request to repeat one.'),
	short => refused(409, 'TL055', 'not enough tokens left', 'The party has 3 that have not expired, and 4 are wanted.',
		'Issue tokens first, or redeem less.'),
	refund => answered({ quantity => 4, refunded => 1 }),
	movements => answered([ map { my %row; @row{qw(operation delta balance)} = @$_; \%row }
			[ issue => 10, 10 ], [ adjust => -3, 7 ], [ redeem => -4, 3 ], [ refund => 1, 4 ] ]),
	renew => answered({ valid_from => '2099-01-01T00:00:00+00:00', valid_until => '2100-06-30T00:00:00+00:00',
		parties => { name => 'Ada' }, training_pass_types => { code => 'Gold' } }),
	shorter => refused(400, 'TL400', 'pass is not prolonged', 'The pass ends at 2100-06-30T00:00:00Z.', 'Give an end after the present one.'),
	embedding => { status => 200, count => undef, error => undef, data => [
		{ name => 'Abel', credit_accounts => [], organisation => undef },
		{ name => 'Ada', organisation => { name => 'Works' }, credit_accounts => [ {
			name => 'default', balance => 101.4, credit_transactions => [
				{ operation => 'init', delta => 1.5 }, { operation => 'add', delta => 99.9 } ] } ] } ] },
	filters => { status => 200, count => 1, error => undef,
		data => [ { delta => 99.9, parties => { name => 'Ada' } } ] },
	one => { status => 200, count => undef, error => undef, data => {
		id => '8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6',
		global_id => 'VG9rZW5UeXBlOjg4NDhhM2IzOGFkZjQ1ZGI4ZmY2MGZhZmNiZDNiM2Y2' } },
	rpc => { status => 200, count => undef, error => undef, data => {
		entry_no => 3, delta => 2.35, balance => 103.75 } },
	read => { status => 200, count => undef, error => undef, data => 103.75 },
	document => { status => 409, count => undef, data => undef, error => {
		code => 409, message => 'Account already initialised', errorCode => 1051 } },
	refused => { status => 409, count => undef, data => undef, error => {
		code => 'TL051', message => 'account already initialised', hint => 'Use add or subtract.',
		details => 'Account ' . $node->safe_psql('books', 'SELECT id FROM trainledger.account WHERE name IS NOT NULL') . ' has 3 entries.' } },
	missing => { status => 404, count => undef, data => undef, error => {
		code => 'TL404', message => 'party not found', details => 'No party has this id.',
		hint => 'Look it up in trainledger.party.' } },
	learner => { status => 200, count => 1, error => undef, data => [ { id => 7 } ] },
	forbidden => { status => 403, count => undef, data => undef, error => {
		code => '42501', message => 'permission denied for function add_region', details => undef, hint => undef } },
	nobody => { status => 401, count => undef, data => undef, error => {
		code => 'PGRST302', message => 'Anonymous access is disabled', details => undef, hint => undef } });

is_deeply([ sort keys %$results ], [ sort keys %expected ], 'the client ran to its end');
is_deeply($results->{$_}, $expected{$_}, $_) for sort keys %expected;

$faces->stop;
$node->stop;
done_testing();
