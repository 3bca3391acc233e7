# What the GraphQL face writes: every mutation with good and bad input. The test
# walks the schema as it is served, so that a new mutation is tried too.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use JSON::PP;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::GraphQL;

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_mutations');
my $face = TrainLedger::GraphQL->start($node);
my $json = JSON::PP->new->canonical->allow_nonref->utf8;

sub uuid { return sprintf '00000000-0000-4000-8000-%012d', $_[0]; }
sub id { return encode_base64("$_[0]:$_[1]", ''); }
sub uuid_id { return id($_[0], uuid($_[1]) =~ tr/-//dr); }
sub day { return strftime '%Y-%m-%d', gmtime($^T + 86400 * $_[0]); }

# 1 and 2 are organisations, 3 and 4 people, 5 is suspended. Type 1 has passes.
# The holds named last and soon are on a lot that ends in 20 days.
$node->safe_psql('books', <<"SQL");
SELECT trainledger.add_party('organisation', 'Acme', id => 1), trainledger.add_party('organisation', 'Bolt', id => 2);
SELECT trainledger.add_party('person', 'Ann', id => 3), trainledger.add_party('person', 'Bob', id => 4), trainledger.add_party('person', 'Sue', id => 5);
SELECT trainledger.update_party(5, is_suspended => true);
SELECT trainledger.add_training_token_type('Silver', 'First', 90, id => '${\uuid(1)}'), trainledger.add_training_token_type('Old', id => '${\uuid(2)}'),
	trainledger.add_training_token_type('Still', id => '${\uuid(3)}');
SELECT trainledger.issue_training_tokens('${\uuid(3)}', 1, 5, id => '${\uuid(13)}');
SELECT trainledger.update_token_type('${\uuid(2)}', is_archived => true), trainledger.update_token_type('${\uuid(3)}', is_active => false);
SELECT trainledger.issue_training_tokens('${\uuid(1)}', 1, 100, '2100-01-01', id => '${\uuid(11)}');
SELECT trainledger.add_region('DR', 'A region'), trainledger.add_currency('USD', 'U.S. Dollars');
SELECT trainledger.add_catalog_item('course', 'C', 'Course', id => 11), trainledger.add_catalog_item('learning_path', 'L', 'Path', id => 12);
SELECT trainledger.create_pass_type('P', 'Pass', 'Text', id => 1), trainledger.add_pass_content(1, '{11}'), trainledger.create_pass_type('D', 'Draft', id => 2);
SELECT trainledger.create_pass_option(1, 'Monthly', 'months', 1, id => 1), trainledger.create_pass_option(2, 'Draft', 'days', 1, id => 2);
SELECT trainledger.create_pass_price(1, 'DR', 'USD', 9.5);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT trainledger.issue_pass(1, 1, 3, id => 1);
SELECT trainledger.redeem_training_tokens(1, '${\uuid(1)}', 10, 'booking'), trainledger.use_pass(3, 11, 'booking');
SQL
$node->safe_psql('books', <<"SQL");
SELECT trainledger.issue_training_tokens('${\uuid(1)}', 4, 50, '${\day(20)}', id => '${\uuid(14)}');
SELECT trainledger.hold_training_tokens(4, '${\uuid(1)}', 4, r) FROM unnest('{capture,extend,release,closed,soon}'::text[]) r;
SELECT trainledger.release_hold(id) FROM trainledger.hold WHERE reference = 'closed';
SELECT trainledger.add_credit_token_type('Credit'), trainledger.credit_init(4, 10, 's', 'd', now(), token_type => 'Credit'),
	trainledger.credit_hold(4, 1, 's', 'd', token_type => 'Credit');
SELECT trainledger.add_party('person', 'Tim', id => 6);
SET trainledger.clock = '2020-01-01Z';
SELECT trainledger.issue_training_tokens('${\uuid(1)}', 6, 5, '2100-01-01');
SELECT trainledger.hold_training_tokens(6, '${\uuid(1)}', 1, 'lapsed');
SQL
my $redemption = $node->safe_psql('books', 'SELECT id FROM trainledger.redemption');
my %hold = map { my ($name, $id) = split /\|/; $name => id(TrainingTokenHold => $id) }
  rows($node, "SELECT coalesce(reference, 'credit'), id FROM trainledger.hold");
my $use = $node->safe_psql('books', 'SELECT id FROM trainledger.pass_use');

my ($silver, $issue) = (uuid_id(TokenType => 1), uuid_id(TokenIssue => 11));
my ($acme, $bolt, $ann, $bob, $sue) = (map({ id(Organisation => $_) } 1, 2), map { id(Person => $_) } 3 .. 5);
my ($type, $option, $pass) = map { id($_ => 1) } qw(TrainingPassType TrainingPassTypeOption TrainingPass);

# A good input of every mutation, with all its fields
my %good = (
	'trainingTokenTypes.create' => { name => 'New', description => 'd', defaultDaysToRedeem => 5, decimals => 1 },
	'trainingTokenTypes.update' => { tokenTypeId => $silver, name => 'Silver', description => 'First', defaultDaysToRedeem => 90,
		isActive => JSON::PP::true, isArchived => JSON::PP::false },
	'trainingTokenIssues.create' => { tokenTypeId => $silver, accountId => $acme, quantity => 10, expiresAt => '2099-12-31', notes => 'n',
		idempotencyKey => uuid(101), unitPrice => '45.50', currencyCode => 'USD' },
	'trainingTokenIssues.extend' => { tokenIssueId => $issue, expiresAt => '2101-01-01' },
	'trainingTokenIssues.setExpiry' => { tokenIssueId => $issue, expiresAt => '2100-06-01', reason => 'r' },
	'trainingTokenBalances.adjust' => { tokenIssueId => $issue, amount => 5, notes => 'n', idempotencyKey => uuid(102) },
	'trainingTokenBalances.void' => { tokenIssueId => uuid_id(TokenIssue => 12), notes => 'n', idempotencyKey => uuid(103) },
	'trainingTokenBalances.transfer' => { fromAccountId => $acme, toAccountId => $bolt, tokenTypeId => $silver, quantity => 2, notes => 'n',
		idempotencyKey => uuid(104) },
	'trainingTokenBalances.redeem' => { accountId => $acme, tokenTypeId => $silver, quantity => 1, reference => 'booking', notes => 'n',
		idempotencyKey => uuid(105) },
	'trainingTokenBalances.refund' => { redemptionId => $redemption, quantity => 1, ifExpired => 'forfeit', idempotencyKey => uuid(106) },
	'trainingTokenHolds.place' => { accountId => $acme, tokenTypeId => $silver, quantity => 3, reference => 'booking', expiresAt => day(30), notes => 'n',
		idempotencyKey => uuid(111) },
	'trainingTokenHolds.capture' => { tokenHoldId => $hold{capture}, quantity => 3, isFinal => JSON::PP::true, notes => 'n', idempotencyKey => uuid(112) },
	'trainingTokenHolds.release' => { tokenHoldId => $hold{release}, quantity => 1, notes => 'n', idempotencyKey => uuid(113) },
	'trainingTokenHolds.extend' => { tokenHoldId => $hold{extend}, expiresAt => day(20) },
	'trainingPass.createType' => { code => 'N', name => 'New', description => 'd' },
	'trainingPass.updateType' => { trainingPassTypeId => $type, code => 'P', name => 'Pass', description => 'Text', lifecycleState => 'published' },
	'trainingPass.addContentToPassType' => { trainingPassTypeId => $type, courseIds => [ id(CourseTemplate => 11) ], pathIds => [ id(LearningPath => 12) ] },
	'trainingPass.removeContentFromPassType' => { trainingPassTypeId => $type, courseIds => [], pathIds => [ id(LearningPath => 12) ] },
	'trainingPass.createTypeOption' => { trainingPassTypeId => $type, name => 'Weekly', validityPeriod => { unit => 'weeks', value => 1 } },
	'trainingPass.updateTypeOption' => { trainingPassTypeOptionId => $option, name => 'Monthly', lifecycleState => 'published' },
	'trainingPass.createTypeOptionPrice' => { trainingPassTypeOptionId => id(TrainingPassTypeOption => 2), regionId => id(Region => 'DR'),
		currencyCode => 'USD', amount => '9.50' },
	'trainingPass.updateTypeOptionPrice' => { trainingPassTypeOptionPriceId => id(TrainingPassTypeOptionPrice => 1), amount => '9.50' },
	'trainingPass.issuePass' => { trainingPassTypeId => $type, trainingPassTypeOptionId => $option, contactId => $bob,
		validFrom => '2020-01-01', validUntil => '2099-01-01', idempotencyKey => uuid(107) },
	'trainingPass.renewPass' => { trainingPassId => $pass, trainingPassTypeOptionId => $option, validUntil => '2099-01-01', idempotencyKey => uuid(108) },
	'trainingPass.revokePass' => { trainingPassId => id(TrainingPass => 2) },
	'trainingPass.reassignPass' => { trainingPassId => id(TrainingPass => 3), contactId => $bob, idempotencyKey => uuid(109) },
	'trainingPass.usePass' => { contactId => $ann, contentId => id(CourseTemplate => 11), reference => 'booking', idempotencyKey => uuid(110) },
	'trainingPass.cancelUse' => { trainingPassUseId => id(TrainingPassUse => $use), reason => 'r' },
	'trainingPass.correctPass' => { trainingPassId => $pass, validFrom => '2020-01-01', validUntil => '2098-01-01', reason => 'r' });

# What of it is required
my %required = map { $_ => join ' ', sort grep { !/^(notes|description|idempotencyKey|reason|decimals|unitPrice|currencyCode|courseIds|pathIds|ifExpired|validFrom|validUntil)$/ } keys %{ $good{$_} } } keys %good;
@required{
	qw(trainingTokenTypes.create trainingTokenTypes.update trainingTokenIssues.create trainingTokenIssues.setExpiry
	  trainingTokenBalances.refund trainingTokenHolds.place trainingTokenHolds.capture trainingTokenHolds.release trainingPass.updateType trainingPass.updateTypeOption trainingPass.createTypeOptionPrice
	  trainingPass.updateTypeOptionPrice trainingPass.renewPass trainingPass.correctPass)
} = ('name', 'tokenTypeId', 'accountId quantity tokenTypeId', 'reason tokenIssueId', 'redemptionId', 'accountId quantity reference tokenTypeId', 'tokenHoldId', 'tokenHoldId', 'trainingPassTypeId', 'trainingPassTypeOptionId',
	'amount currencyCode regionId trainingPassTypeOptionId', 'trainingPassTypeOptionPriceId', 'trainingPassId', 'reason trainingPassId');

# What an explicit null does in the mutations that change something: it empties
# these fields, and is refused in the other ones that are not required.
my %empties = map { $_ => 1 } 'trainingTokenTypes.update description', 'trainingTokenTypes.update defaultDaysToRedeem',
  'trainingTokenIssues.setExpiry expiresAt', 'trainingPass.updateType description';
my @changes = qw(trainingTokenTypes.update trainingTokenIssues.setExpiry trainingPass.updateType trainingPass.updateTypeOption
  trainingPass.updateTypeOptionPrice trainingPass.correctPass);

# --- The schema as it is served

my ($schema) = $face->read_answer('admin', '{ __schema { types { kind name description
	fields { name description args { name type { kind ofType { name } } } type { name ofType { name } } }
	inputFields { name description type { kind name ofType { kind name ofType { name } } } } enumValues { name description } } } }');
my %type = map { $_->{name} => $_ } @{ $schema->{__schema}{types} };
my %mutation;
foreach my $namespace (@{ $type{Mutation}{fields} })
{
	my $namespace_type = $type{ $namespace->{type}{name} };
	ok($namespace->{description} && $namespace_type->{description}, "$namespace->{name} is described");
	foreach my $field (@{ $namespace_type->{fields} })
	{
		$mutation{"$namespace->{name}.$field->{name}"} = $field;
	}
}
is_deeply([ sort keys %mutation ], [ sort keys %good ], 'the mutations are these');

foreach my $name (sort keys %mutation)
{
	my ($input) = @{ $mutation{$name}{args} };
	my $input_type = $type{ $input->{type}{ofType}{name} };

	is($input->{type}{kind}, 'NON_NULL', "$name: the input is required");
	is_deeply([ sort map { $_->{name} } @{ $input_type->{inputFields} } ], [ sort keys %{ $good{$name} } ], "$name: its fields");
	is(join(' ', sort map { $_->{name} } grep { $_->{type}{kind} eq 'NON_NULL' } @{ $input_type->{inputFields} }),
		$required{$name}, "$name: what is required");
	foreach my $described ($mutation{$name}, $input_type, @{ $input_type->{inputFields} }, @{ $type{ $mutation{$name}{type}{name} }{fields} })
	{
		my @unknown = grep { !$type{$_} } ($described->{description} // '') =~ /`(\w+)`/g;
		ok($described->{description} && !@unknown, "$name: $described->{name} is described, with types that exist")
		  or diag("@unknown");
	}
}

# --- Every function of sections 8, 9 and 16 has its mutation, and every argument a field

my %without = (
	'expire_training_tokens' => 'the sweep is for a scheduler',
	'lapse_holds' => 'the sweep is for a scheduler',
	'credit_hold' => 'of credit accounts',
	'add_path_courses' => 'the catalogue is not changed here',
	'remove_path_courses' => 'the catalogue is not changed here',
	'* id' => 'ids are taken over in SQL',
	'* clear' => 'null empties a field',
	'update_token_type symbol' => 'of credit tokens',
	'update_token_type lower_bound' => 'of credit tokens',
	'update_token_type upper_bound' => 'of credit tokens');
my @uncovered = grep { !$without{$_} && !$without{ s/\w+ /* /r } } rows($node, q{
	SELECT concat_ws(' ', p.proname, CASE WHEN g.prosrc IS NOT NULL THEN a END)
	FROM trainledger.privilege v
	JOIN pg_proc p ON p.pronamespace = 'trainledger'::regnamespace AND p.proname = v.function_name
	CROSS JOIN unnest(p.proargnames[:p.pronargs]) a
	LEFT JOIN pg_proc g ON g.pronamespace = 'trainledger_graphql'::regnamespace
		AND g.prosrc ~ format('FROM trainledger\.%s\(', p.proname)
	WHERE p.provolatile = 'v' AND v.level IN ('operator', 'admin')
	AND v.function_name ~ '(training_token|^update_token_type|_pass|path_courses|_holds?$)'
	AND NOT coalesce(g.prosrc ~ format('\m%s =>', a), false)
	GROUP BY 1 ORDER BY 1});
is("@uncovered", '', 'no function and no argument is left out without a reason');

# --- Sending

my @messages;

# Sends an input as a variable; returns the payload, or the errors of GraphQL
sub send_input
{
	my ($name, $input, $selection, $who) = @_;
	my ($namespace, $method) = split /\./, $name;
	my ($data, $errors) = $face->read_answer($who // 'admin',
		"mutation(\$input: $mutation{$name}{args}[0]{type}{ofType}{name}!) { $namespace { $method(input: \$input) { errors { label message value } "
		  . ($selection // '') . ' } } }', { input => $input });
	my $payload = $data->{$namespace}{$method};

	push @messages, map { "$name: $_->{message}" } @{ $payload->{errors} };
	return ($payload, $errors);
}

sub refusal
{
	my ($payload) = @_;
	return join ' | ', map { $_ // 'null' } map { @$_{qw(label message value)} } @{ $payload->{errors} };
}

sub refused
{
	my ($name, $change, $refusal, $what) = @_;
	my ($payload, $errors) = send_input($name, { %{ $good{$name} }, %$change });

	is(refusal($payload), $refusal, "$name: " . ($what // $json->encode($change)));
	return;
}

# --- Several mutations in one document: each answer is as of its mutation

my $seen = 'tokenIssue { currentBalance tokenAccount { currentBalance tokenIssues { pageInfo { totalRecords } } } transactions { nodes { balanceDelta } } }';
my $key = 200;
sub balances
{
	my ($issue) = @_;
	return join ' ', $issue->{currentBalance}, $issue->{tokenAccount}{currentBalance},
	  $issue->{tokenAccount}{tokenIssues}{pageInfo}{totalRecords}, map { $_->{balanceDelta} } @{ $issue->{transactions}{nodes} };
}

my ($payload) = send_input('trainingTokenIssues.create', { tokenTypeId => $silver, accountId => $ann, quantity => 10 }, 'tokenIssue { id }');
my $anns = $payload->{tokenIssue}{id};
my ($data, $errors) = $face->read_answer('operator', qq(mutation {
	trainingTokenIssues {
		first: create(input: {tokenTypeId: "$silver", accountId: "$ann", quantity: 5}) { $seen }
		refused: create(input: {tokenTypeId: "$silver", accountId: "$ann", quantity: 0}) { errors { label } $seen }
		second: create(input: {tokenTypeId: "$silver", accountId: "$ann", quantity: 7}) { $seen }
	}
	trainingTokenBalances {
		up: adjust(input: {tokenIssueId: "$anns", amount: 20}) { $seen }
		redeem(input: {accountId: "$ann", tokenTypeId: "$silver", quantity: 3, reference: "r"}) {
			redemption { quantity tokenAccount { currentBalance tokenIssues { nodes { currentBalance } } redemptions { pageInfo { totalRecords } } } }
		}
		...Down
		... on TrainingTokenBalancesMutations { down: adjust(input: {tokenIssueId: "$anns", amount: -1}) { errors { label } } }
	}
	again: trainingTokenBalances { down: adjust(input: {tokenIssueId: "$anns", amount: -4}) { $seen } }
}
fragment Down on TrainingTokenBalancesMutations { down: adjust(input: {tokenIssueId: "$anns", amount: -1}) { $seen } }));
is($errors, undef, 'many mutations in one document');
my ($issues, $tokens) = @$data{qw(trainingTokenIssues trainingTokenBalances)};
is(balances($issues->{first}{tokenIssue}), '5 15 2 5', 'the first sees itself alone');
is_deeply($issues->{refused}, { errors => [ { label => 'quantity' } ], tokenIssue => undef }, 'one in between is refused');
is(balances($issues->{second}{tokenIssue}), '7 22 3 7', 'the second sees both');
is(balances($tokens->{up}{tokenIssue}), '30 42 3 10 20', 'an adjustment sees the issues');
is($json->encode($tokens->{redeem}{redemption}),
	'{"quantity":3,"tokenAccount":{"currentBalance":39,"redemptions":{"pageInfo":{"totalRecords":1}},"tokenIssues":{"nodes":[{"currentBalance":27},{"currentBalance":5},{"currentBalance":7}]}}}',
	'a redemption sees what it took');
is(balances($tokens->{down}{tokenIssue}), '26 38 3 10 20 -3 -1', 'and so on');
is(balances($data->{again}{down}{tokenIssue}), '22 34 3 10 20 -3 -1 -4', 'in another namespace field too');

# --- Every mutation does it with all its fields, and each has its idempotency key

$node->safe_psql('books', "SELECT trainledger.issue_training_tokens('${\uuid(1)}', 1, 9, id => '${\uuid(12)}'),
	trainledger.issue_pass(1, 1, 3, id => 2), trainledger.issue_pass(1, 1, 3, id => 3)");
my $books = 'SELECT (SELECT count(*) FROM trainledger.entry), (SELECT count(*) FROM trainledger.pass_event), (SELECT count(*) FROM trainledger.pass_use),
	(SELECT count(*) FROM trainledger.hold_event)';
foreach my $name (sort keys %good)
{
	my ($object) = grep { $_->{name} ne 'errors' } @{ $type{ $mutation{$name}{type}{name} }{fields} };
	my ($done, $problems) = send_input($name, $good{$name}, "$object->{name} { id }");

	ok(!$problems && !@{ $done->{errors} } && $done->{ $object->{name} }, "$name: done")
	  or diag($json->encode([ $done, $problems ]));
	next unless $good{$name}{idempotencyKey};
	my $before = $node->safe_psql('books', $books);
	my ($again) = send_input($name, $good{$name}, "$object->{name} { id }");
	is_deeply($again, $done, "$name: a retry is answered as before");
	is($node->safe_psql('books', $books), $before, 'and not done again');
}
foreach my $change (
	[ 'trainingTokenIssues.create', { quantity => 11 } ], [ 'trainingTokenBalances.adjust', { amount => 6 } ],
	[ 'trainingTokenBalances.void', { notes => 'other' } ], [ 'trainingTokenBalances.transfer', { quantity => 3 } ],
	[ 'trainingTokenBalances.redeem', { reference => 'other' } ], [ 'trainingTokenBalances.refund', { quantity => 2 } ],
	[ 'trainingTokenHolds.place', { expiresAt => day(31) } ], [ 'trainingTokenHolds.capture', { isFinal => JSON::PP::false } ],
	[ 'trainingTokenHolds.release', { quantity => 2 } ],
	[ 'trainingPass.issuePass', { validUntil => '2099-01-02' } ], [ 'trainingPass.renewPass', { validUntil => '2099-01-02' } ],
	[ 'trainingPass.reassignPass', { contactId => $ann } ], [ 'trainingPass.usePass', { reference => 'other' } ])
{
	my ($name, $other) = @$change;
	refused($name, $other, "idempotencyKey | idempotency key was used for a different request | $good{$name}{idempotencyKey}", 'the key of another request');
}

# --- usePass answers with the booking and its pass, and cancelUse takes it back

($payload) = send_input('trainingPass.usePass', { contactId => $ann, contentId => id(CourseTemplate => 11), reference => 'x' },
	'trainingPassUse { id reference cancelledAt } trainingPass { id }');
is_deeply([ $payload->{trainingPassUse}{reference}, $payload->{trainingPass}{id} ], [ 'x', $pass ], 'usePass');
($payload) = send_input('trainingPass.cancelUse', { trainingPassUseId => $payload->{trainingPassUse}{id} }, 'trainingPassUse { cancelledAt reference }');
ok($payload->{trainingPassUse}{cancelledAt}, 'is taken back with its id');

# --- A redemption is known by its number and by its global id

foreach my $id ($redemption, 0 + $redemption, id(TokenRedemption => $redemption))
{
	($payload) = send_input('trainingTokenBalances.refund', { redemptionId => $id, quantity => 1 }, 'redemption { quantity }');
	is($payload->{redemption}{quantity}, 10, "refund of the redemption $id");
}
refused('trainingTokenBalances.refund', { redemptionId => $_ }, "redemptionId | not an id of a redemption | $_")
  foreach 'x', "-$redemption", '99999999999999999999', id(TrainingPass => 1), id(TokenRedemption => 'x');

# --- A hold keeps back what is redeemed and let go later

my $place = { accountId => $bolt, tokenTypeId => $silver, reference => 'course' };
send_input('trainingTokenIssues.create', { accountId => $bolt, tokenTypeId => $silver, quantity => 20 });
($payload) = send_input('trainingTokenHolds.place', { %$place, quantity => '8.0', expiresAt => day(5) },
	'tokenHold { id quantity status expiresAt tokenAccount { currentBalance held availableBalance } allocations { nodes { quantity } } }');
my $placed = $payload->{tokenHold};
is_deeply([ @{$placed}{qw(quantity status expiresAt)} ], [ 8, 'open', day(5) . 'T23:59:59Z' ], 'a hold, until the end of a day');
my ($bolts) = rows($node, q{SELECT booked, held, available FROM (SELECT sum(booked::numeric) AS booked, sum(held::numeric) AS held, sum(available::numeric) AS available
	FROM trainledger.balances WHERE party_id = 2 AND kind = 'training') b});
is(join('|', @{ $placed->{tokenAccount} }{qw(currentBalance held availableBalance)}), $bolts, 'of a token account');
is($placed->{tokenAccount}{currentBalance} - $placed->{tokenAccount}{availableBalance}, 8, 'which has so many less');
my $captured = 'tokenHold { status captured released redemptions { nodes { quantity reference tokenHoldId } } events { nodes { event quantity redemption { quantity } } } }';
($payload) = send_input('trainingTokenHolds.capture', { tokenHoldId => $placed->{id}, quantity => 3, isFinal => JSON::PP::false }, $captured);
is($json->encode($payload->{tokenHold}), $json->encode({
	status => 'open', captured => 3, released => 0,
	redemptions => { nodes => [ { quantity => 3, reference => 'course', tokenHoldId => $placed->{id} } ] },
	events => { nodes => [ { event => 'placed', quantity => 8, redemption => undef }, { event => 'captured', quantity => 3, redemption => { quantity => 3 } } ] } }),
	'captured in part');
($payload) = send_input('trainingTokenHolds.extend', { tokenHoldId => $placed->{id}, expiresAt => day(9) . 'T10:00:00Z' }, 'tokenHold { expiresAt }');
is($payload->{tokenHold}{expiresAt}, day(9) . 'T10:00:00Z', 'extended to an instant');
($payload) = send_input('trainingTokenHolds.release', { tokenHoldId => $placed->{id}, quantity => 1 }, 'tokenHold { status released }');
is_deeply($payload->{tokenHold}, { status => 'open', released => 1 }, 'released in part');
($payload) = send_input('trainingTokenHolds.capture', { tokenHoldId => $placed->{id}, quantity => 2 }, 'tokenHold { status captured released tokenAccount { held } }');
is_deeply($payload->{tokenHold}, { status => 'released', captured => 5, released => 3, tokenAccount => { held => 0 } }, 'and finally');
($payload) = send_input('trainingTokenHolds.place', { %$place, quantity => 2 }, 'tokenHold { id expiresAt }');
ok($payload->{tokenHold}{expiresAt} =~ /^(\S+)T/ && ($1 eq day(7) || $1 eq day(7 - 1)), 'for seven days where the end is left out');
($payload) = send_input('trainingTokenHolds.capture', { tokenHoldId => $payload->{tokenHold}{id} }, 'tokenHold { status captured }');
is_deeply($payload->{tokenHold}, { status => 'captured', captured => 2 }, 'all of it where nothing is said');

# --- Null, and left out

foreach my $name (@changes)
{
	my %needed = map { $_ => $good{$name}{$_} } split / /, $required{$name};

	# as they are
	$needed{validUntil} = $good{$name}{validUntil} if $name =~ /correctPass/;
	$needed{expiresAt} = $good{$name}{expiresAt} if $name =~ /setExpiry/;
	my ($all) = grep { $_->{name} ne 'errors' } @{ $type{ $mutation{$name}{type}{name} }{fields} };
	my $shown = $name =~ /setExpiry/ ? 'expiresAt' : join ' ', grep { my $field = $_; grep { $_->{name} eq $field } @{ $type{ $all->{type}{name} }{fields} } } keys %{ $good{$name} };
	my ($same) = send_input($name, \%needed, "$all->{name} { $shown }");
	foreach my $field (sort keys %{ $good{$name} })
	{
		my ($namespace, $method) = split /\./, $name;
		next if $required{$name} =~ /\b$field\b/;
		my ($done) = send_input($name, { %needed, $field => undef }, "$all->{name} { $shown }");
		if ($empties{"$name $field"})
		{
			is($done->{ $all->{name} }{$field}, undef, "$name: null empties $field");
			is_deeply({ %{ $done->{ $all->{name} } }, $field => $same->{ $all->{name} }{$field} }, $same->{ $all->{name} }, 'and leaves the rest')
			  unless $name =~ /setExpiry/;
			send_input($name, { %needed, $field => $good{$name}{$field} });
		}
		else
		{
			is(refusal($done), "$field | $field cannot be null | null", "$name: null is refused in $field");
		}

		# a variable of a field: without a value the field is left out
		my ($given) = grep { $_->{name} eq $field } @{ $type{ $mutation{$name}{args}[0]{type}{ofType}{name} }{inputFields} };
		my $literal = $json->encode(\%needed) =~ s/"(\w+)":/$1:/gr;
		my $document = "mutation(\$v: $given->{type}{name}) { $namespace { $method(input: " . ($literal =~ s/\}$/, $field: \$v}/r) . ") { errors { message } $all->{name} { $shown } } } }";
		next if $needed{$field};
		my ($left_out) = $face->read_answer('admin', $document);
		is_deeply($left_out->{$namespace}{$method}, { errors => [], $all->{name} => $same->{ $all->{name} } }, "$name: a variable $field without a value leaves it");
		my ($null) = $face->read_answer('admin', $document, { v => undef });
		is(scalar @{ $null->{$namespace}{$method}{errors} }, $empties{"$name $field"} ? 0 : 1, 'and one with null does not');
		send_input($name, { %needed, $field => $good{$name}{$field} }) if $empties{"$name $field"};
	}
}
($payload) = send_input('trainingTokenIssues.setExpiry', { tokenIssueId => $issue, reason => 'r' });
is(refusal($payload), 'expiresAt | expiresAt is missing | null', 'an expiry to correct cannot be left out');
is($node->safe_psql('books', "SELECT expires_at > '2099-01-01' FROM trainledger.token_issue WHERE id = '${\uuid(11)}'"), 't', 'and stays');
($payload) = send_input('trainingTokenIssues.create', { tokenTypeId => $silver, accountId => $acme, quantity => 1, expiresAt => undef, notes => undef, idempotencyKey => undef, unitPrice => undef },
	'tokenIssue { initialBalance }');
is_deeply($payload, { errors => [], tokenIssue => { initialBalance => 1 } }, 'where something is made, null is the same as left out');

# --- Refusals in words of the API, with the field and what was sent in it

refused(@$_) foreach
  [ 'trainingPass.issuePass', { trainingPassTypeId => $acme }, "trainingPassTypeId | not a global id of a TrainingPassType | $acme" ],
  [ 'trainingPass.issuePass', { contactId => $acme }, "contactId | not a global id of a Person | $acme" ],
  [ 'trainingTokenIssues.create', { accountId => $type }, "accountId | not a global id of an Organisation or a Person | $type" ],
  [ 'trainingTokenIssues.create', { accountId => id(Organisation => 3) }, 'accountId | account not found | ' . id(Organisation => 3) ],
  [ 'trainingTokenIssues.create', { idempotencyKey => uuid(199), accountId => $sue }, "accountId | account is suspended | $sue" ],
  [ 'trainingTokenIssues.create', { idempotencyKey => uuid(199), tokenTypeId => uuid_id(TokenType => 2) }, 'tokenTypeId | token type is archived | ' . uuid_id(TokenType => 2) ],
  [ 'trainingTokenIssues.create', { idempotencyKey => uuid(199), quantity => '1.500' }, 'quantity | quantity has too many decimals | 1.500' ],
  [ 'trainingTokenIssues.create', { idempotencyKey => uuid(199), unitPrice => undef }, 'unitPrice | unitPrice is missing | null' ],
  [ 'trainingTokenIssues.create', { idempotencyKey => uuid(199), currencyCode => undef }, 'currencyCode | currencyCode is missing | null' ],
  [ 'trainingTokenIssues.create', { idempotencyKey => uuid(199), unitPrice => 'dear' }, 'unitPrice | not a price | dear' ],
  [ 'trainingTokenIssues.create', { idempotencyKey => uuid(199), expiresAt => '2000-01-01' }, 'expiresAt | expiry is past | 2000-01-01' ],
  [ 'trainingTokenTypes.create', { decimals => 7 }, 'decimals | decimals is out of range | 7' ],
  [ 'trainingTokenTypes.create', { name => ' ' }, 'name | name is missing |  ' ],
  [ 'trainingTokenBalances.transfer', { toAccountId => $acme }, "toAccountId | transfer to the same account | $acme" ],
  [ 'trainingTokenBalances.redeem', { idempotencyKey => uuid(199), quantity => '900000.0' }, 'quantity | not enough tokens left | 900000.0' ],
  [ 'trainingTokenBalances.adjust', { idempotencyKey => uuid(199), amount => 0 }, 'amount | amount is zero | 0' ],
  [ 'trainingTokenBalances.void', { idempotencyKey => uuid(199), tokenIssueId => uuid_id(TokenIssue => 13) }, 'tokenIssueId | transaction rejected | ' . uuid_id(TokenIssue => 13) ],
  [ 'trainingTokenHolds.place', { idempotencyKey => uuid(199), quantity => 900000 }, 'quantity | not enough tokens left | 900000' ],
  [ 'trainingTokenHolds.place', { idempotencyKey => uuid(199), reference => '' }, 'reference | reference is missing | ' ],
  [ 'trainingTokenHolds.place', { idempotencyKey => uuid(199), accountId => $sue }, "accountId | account is suspended | $sue" ],
  [ 'trainingTokenHolds.place', { idempotencyKey => uuid(199), tokenTypeId => uuid_id(TokenType => 3) }, 'tokenTypeId | transaction rejected | ' . uuid_id(TokenType => 3) ],
  [ 'trainingTokenHolds.place', { idempotencyKey => uuid(199), expiresAt => '2000-01-01' }, 'expiresAt | end of the hold is past | 2000-01-01' ],
  [ 'trainingTokenHolds.place', { idempotencyKey => uuid(199), expiresAt => day(367) }, 'expiresAt | end of the hold is too far away | ' . day(367) ],
  [ 'trainingTokenHolds.capture', { idempotencyKey => uuid(199) }, "tokenHoldId | hold is closed | $hold{capture}" ],
  [ 'trainingTokenHolds.capture', { idempotencyKey => uuid(199), tokenHoldId => $hold{lapsed} }, "tokenHoldId | hold has lapsed | $hold{lapsed}" ],
  [ 'trainingTokenHolds.capture', { idempotencyKey => uuid(199), tokenHoldId => $hold{credit} }, "tokenHoldId | hold not found | $hold{credit}" ],
  [ 'trainingTokenHolds.capture', { idempotencyKey => uuid(199), tokenHoldId => $acme }, "tokenHoldId | not a global id of a TrainingTokenHold | $acme" ],
  [ 'trainingTokenHolds.capture', { idempotencyKey => uuid(199), tokenHoldId => $hold{soon}, quantity => 5 }, 'quantity | more than is left of the hold | 5' ],
  [ 'trainingTokenHolds.capture', { idempotencyKey => uuid(199), tokenHoldId => $hold{soon}, quantity => '1.5' }, 'quantity | quantity has too many decimals | 1.5' ],
  [ 'trainingTokenHolds.release', { idempotencyKey => uuid(199), tokenHoldId => $hold{closed} }, "tokenHoldId | hold is closed | $hold{closed}" ],
  [ 'trainingTokenHolds.release', { idempotencyKey => uuid(199), quantity => 0 }, 'quantity | quantity is zero | 0' ],
  [ 'trainingTokenHolds.extend', {}, 'expiresAt | end of the hold is not extended | ' . day(20) ],
  [ 'trainingTokenHolds.extend', { tokenHoldId => $hold{soon}, expiresAt => day(21) }, 'expiresAt | the hold keeps back a token issue that expires before | ' . day(21) ],
  [ 'trainingTokenHolds.extend', { expiresAt => '2023-02-30' }, 'expiresAt | not a date or a time | 2023-02-30' ],
  [ 'trainingPass.updateType', { trainingPassTypeId => id(TrainingPassType => 2), code => 'D2', lifecycleState => 'archived' }, 'lifecycleState | pass type cannot go from draft to archived | archived' ],
  [ 'trainingPass.createTypeOption', { validityPeriod => { value => 0, unit => 'weeks' } }, 'validityPeriod | validity is out of range | {"unit":"weeks","value":0}' ],
  [ 'trainingPass.addContentToPassType', { courseIds => [ id(CourseTemplate => 11), 'x' ] }, 'courseIds | not a global id of a CourseTemplate | ["' . id(CourseTemplate => 11) . '","x"]' ],
  [ 'trainingPass.createTypeOptionPrice', {}, 'regionId | regionId and currencyCode are taken | ' . id(Region => 'DR') ],
  [ 'trainingPass.usePass', { idempotencyKey => uuid(199), contentId => id(LearningPath => 12) }, 'contentId | no pass covers the content | ' . id(LearningPath => 12) ],
  [ 'trainingPass.reassignPass', { idempotencyKey => uuid(199), trainingPassId => $pass, contactId => $ann }, "contactId | contact has the pass already | $ann" ];

# --- Characters that the database does not keep

foreach my $field (qw(notes tokenTypeId))
{
	my ($made, $problems) = $face->read_answer('admin', 'mutation { trainingTokenIssues { create(input: {'
		  . join(', ', qq(accountId: "$acme"), 'quantity: 1', $field eq 'notes' ? qq(tokenTypeId: "$silver") : (), qq($field: "a\\u0000")) . '}) { errors { label message } } } }');

	is_deeply([ map { $_->{message} } @{ $problems // $made->{trainingTokenIssues}{create}{errors} } ],
		[ $field eq 'notes' ? 'a text cannot have the character U+0000 or half of a surrogate pair' : 'not a global id of a TokenType' ], "U+0000 in $field");
}

# --- Days: tokens are good all day, passes until its beginning

($payload) = send_input('trainingTokenIssues.create', { tokenTypeId => $silver, accountId => $acme, quantity => 1, expiresAt => '2090-05-05' }, 'tokenIssue { expiresAt }');
is($payload->{tokenIssue}{expiresAt}, '2090-05-05T23:59:59Z', 'a day ends tokens at its end');
($payload) = send_input('trainingPass.issuePass', { trainingPassTypeId => $type, trainingPassTypeOptionId => $option, contactId => $bob, validFrom => '2090-05-05', validUntil => '2090-06-05' },
	'trainingPass { validFrom validUntil }');
is_deeply($payload->{trainingPass}, { validFrom => '2090-05-05T00:00:00Z', validUntil => '2090-06-05T00:00:00Z' }, 'a pass begins and ends at its beginning');

# --- Each field of each mutation with values that are wrong: the answer blames a
# field and shows what was sent in it

my $long = 'x' x 10000;
my %bad = (
	ID => [ 'x', '', 7, id(TokenType => 'x'), id(Person => 99), id(TrainingPass => 99), id(TokenRedemption => 99), id(TrainingTokenHold => 99), uuid_id(TokenIssue => 99), uuid_id(TokenType => 99), id(Region => 'NO') ],
	TokenAmount => [ 0, -1, '-1.5', '1000000000000000', '123456789012345678901234567890', '0.0000001', '1e3' ],
	Int => [ 0, -1, 2147483647 ],
	DateTime => [ '2000-01-01', '9999-12-31T23:59:59Z', '2023-02-30', '2023-01-01T25:00:00Z' ],
	String => [ '', ' ', $long, "\x{2028}", "\0", 'NaN', '-1', '1.123456789', 'USX' ],
	UUID => [ uuid(101), uuid(102) ],
	LifecycleState => [ 'draft', 'archived' ],
	RefundPolicy => ['reissue'],
	ValidityPeriodInput => [ { unit => 'days', value => -1 }, { unit => 'years', value => 2147483647 } ],
	Boolean => []);
my %count;
foreach my $name (sort keys %good)
{
	foreach my $field (@{ $type{ $mutation{$name}{args}[0]{type}{ofType}{name} }{inputFields} })
	{
		my $of = $field->{type};
		my $is_list = $of->{kind} eq 'LIST';
		$of = $of->{ofType} while !$of->{name};

		foreach my $value (map { $is_list ? ["$_"] : $_ } @{ $bad{ $of->{name} } })
		{
			my %input = (%{ $good{$name} }, $good{$name}{idempotencyKey} ? (idempotencyKey => uuid($key++)) : (), $field->{name} => $value);
			my ($done, $problems) = send_input($name, \%input);

			if (!$done)
			{
				# GraphQL itself has no such value
				push @{ $count{error} }, "$name $field->{name}: " . $json->encode($problems)
				  if $problems->[0]{message} !~ /got invalid value/;
				next;
			}
			foreach my $refusal (@{ $done->{errors} })
			{
				my $sent = $input{ $refusal->{label} };
				my $text = ref $sent || JSON::PP::is_bool($sent) ? $json->encode($sent) : $sent;

				$count{refused}++;
				next if $refusal->{label} eq '' || exists $input{ $refusal->{label} } && ($text // '') eq ($refusal->{value} // '');
				push @{ $count{wrong} }, "$name $field->{name}: " . $json->encode($refusal) . ' for ' . $json->encode($sent);
			}
		}
	}
}
is(join("\n", @{ $count{wrong} // [] }), '', 'every refusal shows what was sent in the field that it names');
is(join("\n", @{ $count{error} // [] }), '', 'and none is an error of GraphQL');
cmp_ok($count{refused}, '>', 300, 'there were many');

# Words with an underscore are of SQL, and so are these
my %told = map { $_ => 1 } @messages;
my @of_sql = grep { my (undef, $message) = split /: /, $_, 2; $message =~ /_|\b(party|column|argument|a [AEIOU])/ } sort keys %told;
is(join("\n", @of_sql), '', 'no message has words of SQL (' . scalar(keys %told) . ' messages)');

# --- The field comes from the refusal, not from its text

$node->safe_psql('books', q{DO $$ BEGIN EXECUTE replace(replace(
	pg_get_functiondef('trainledger_internal.require_not_suspended'::regproc), 'party is suspended', 'no'), 'Party %s', '%s'); END $$});
refused('trainingTokenIssues.create', { idempotencyKey => uuid(199), accountId => $sue }, "accountId | no | $sue", 'a reworded message');

books_are_right($node, 'after all of it');
$face->stop;
$node->stop;
done_testing();
