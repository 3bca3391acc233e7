# What functions return over HTTP: a row of a collection is what a GET of the
# collection shows, embedded resources included (contract, section 2). Every
# function that the list of privileges gives a collection is called.
#
# PostgREST reads embedded rows in the statement that calls the function, so
# they are as before the call. This test embeds rows that the call leaves alone.

use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $node = start_books('functions');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');
my $admin = $faces->token('admin');
my $json = JSON::PP->new->canonical->allow_nonref->allow_bignum;
my %collection_of = map { split /\|/ } rows($node,
	'SELECT function_name, collection FROM trainledger.privilege WHERE collection IS NOT NULL');
my %called;

# How a row is found again; elsewhere by its id
my %key_of = (
	regions => ['code'], currencies => ['code'], memberships => [qw(program_id party_id)],
	credit_transactions => [qw(account_id entry_no)], checkpoints => [qw(size origin)]);

# What the collection shows of a row
sub listed
{
	my ($token, $collection, $select, $row) = @_;
	my $where = join '&', map { "$_=eq." . $faces->encoded($row->{$_} // '') }
	  @{ $key_of{$collection} || ['id'] };
	my $answer = $faces->request($token, GET => "/$collection?select=$select&$where");

	return $answer->{json}[0] // "$answer->{status} $answer->{body}";
}

# Calls a function that returns one row, and returns that
sub call
{
	my ($function, $arguments, $embedded, $token) = @_;
	my $select = join ',', '*', @$embedded;
	my $collection = $collection_of{$function} or die "$function has no collection";
	my $answer = $faces->request($token // $admin, POST => "/rpc/$function?select=$select", $arguments);
	my $what = "$function" . ($called{$function}++ ? ', again' : '');

	if ($answer->{status} != 200)
	{
		fail("$what: $answer->{status} $answer->{body}");
		return {};
	}
	my $row = $answer->{json};
	my %listed = %{ listed($token // $admin, $collection, $select, $row) };
	if (exists $row->{is_replay})
	{
		is($listed{is_replay} ? 1 : 0, 0, "$what: a collection lists no replays");
		$listed{is_replay} = $row->{is_replay};
	}
	is($json->encode($row), $json->encode(\%listed), "$what returns a row of $collection");
	foreach my $name (map { /^(\w+)/ } @$embedded)
	{
		ok(ref $row->{$name} eq 'ARRAY' ? @{ $row->{$name} } > 0 : defined $row->{$name}, "$what embeds $name");
	}
	if (defined $row->{global_id})
	{
		my ($key) = @{ $key_of{$collection} || ['id'] };
		like(decode_base64($row->{global_id}), qr/^[A-Z]\w+:@{[ $row->{$key} =~ tr{-}{}dr ]}$/, "$what: its global id");
	}
	return $row;
}

# The same for a set
sub call_set
{
	my ($function, $arguments, $embedded, $token) = @_;
	my $select = join ',', '*', @$embedded;
	my $answer = $faces->request($token // $admin, POST => "/rpc/$function?select=$select", $arguments);

	$called{$function}++;
	is($answer->{status}, 200, $function) or diag $answer->{body};
	my @rows = @{ $answer->{json} };
	my @listed = map { listed($token // $admin, $collection_of{$function}, $select, $_) } @rows;
	cmp_ok(scalar @rows, '>', 0, "$function returns rows");
	is($json->encode(\@rows), $json->encode(\@listed), "$function returns rows of $collection_of{$function}");
	return @rows;
}

my @holder = ('parties(name,organisation(name))', 'credit_token_types(name)');
my @account = (@holder, 'credit_accounts(name,initial_balance)');
my @lot = ('parties(name)', 'training_token_types(name)');
my @taken = ('parties(name)', 'training_token_types(name)');
my @pass = ('parties(name)', 'training_pass_types(name)', 'training_pass_type_options(name)');

# People and catalogue
call(add_party => { kind => 'organisation', name => 'Works', id => 3 }, []);
call(add_party => { kind => 'person', name => 'Ada', organisation_id => 3, id => 7, data => [ 1, { a => "\x{e4}" } ] }, ['organisation(name)']);
# of Ada's home, so that a pass goes from one to the other on any node
my $ben = 7 + 1024;
call(add_party => { kind => 'person', name => 'Ben', organisation_id => 3, id => $ben }, ['organisation(name)']);
call(update_party => { party_id => $ben, email => 'ben@example.org', flags => ['x'] }, ['organisation(name)']);
call(find_party => { id_type => 'email', id => 'BEN@example.org' }, ['organisation(name)']);
call(add_catalog_item => { kind => 'course', code => 'C-1', name => 'Swimming', id => 1 }, []);
call(add_catalog_item => { kind => 'learning_path', code => 'P-1', name => 'Water', id => 2 }, []);
call(add_catalog_item => { kind => 'team', code => 'T-1', name => 'Team' }, []);
call($_ => { path_id => 2, course_ids => [1] }, []) for qw(add_path_courses remove_path_courses);
call(update_catalog_item => { item_id => 2, name => 'x' }, []);
call(add_region => { code => 'EU', name => 'Europe' }, []);
call(add_currency => { code => 'EUR', name => 'Euro' }, []);

# Credit accounts
my %to_ada = (party_id => 7, source => 'desk', description => 'd', recorded_at => '2026-01-01T00:00:00Z', account_name => 'meals', token_type => 'meal');
my $meal = call(add_credit_token_type => { name => 'meal', lower_bound => -5, upper_bound => 1000 }, []);
my $first = call(credit_init => { %to_ada, amount => 20 }, \@holder);
my %keyed = (%to_ada, amount => 1.5, idempotency_key => '1f8f4c7e-5a0c-4e5e-9a35-0d2f0c9a7b11');
my $added = call(credit_add => \%keyed, \@account);
my $replayed = call(credit_add => \%keyed, \@account);
call(credit_subtract => { %to_ada, amount => 3 }, \@account);
call(post => { account_id => $first->{account_id}, operation => 'adjust', amount => -0.25, source => 's' }, \@account);
my @history = call_set(credit_history => { party_id => 7, account_name => 'meals', token_type => 'meal', max_entries => 3 }, \@account);
is_deeply([ map { "$_->{operation} $_->{balance}" } @history ],
	[ 'adjust 18.25', 'subtract 18.5', 'add 21.5' ], 'the history, newest first');
call(update_token_type => { token_type_id => $meal->{id}, symbol => 'M' }, ['credit_accounts(name,balance)']);
is($replayed->{entry_no}, $added->{entry_no}, 'a replay is of the same entry');
is_deeply([ map { $_->{is_replay} ? 1 : 0 } $added, $replayed ], [ 0, 1 ], 'and says so');

# Training tokens
my $silver = call(add_training_token_type => { name => 'Silver', default_days_to_redeem => 90 }, []);
my $lot = call(issue_training_tokens => { token_type_id => $silver->{id}, party_id => 3, quantity => 100 }, \@lot);
call(adjust_training_tokens => { issue_id => $lot->{id}, amount => 20, notes => 'gift' }, \@lot);
call(extend_training_tokens => { issue_id => $lot->{id}, expires_on => '2100-01-01' }, \@lot);
call(set_training_tokens_expiry => { issue_id => $lot->{id}, expires_on => '2100-02-01', reason => 'typed' }, \@lot);
call_set(transfer_training_tokens => { from_party_id => 3, to_party_id => 7, token_type_id => $silver->{id}, quantity => 5 }, \@lot);
my $voided = call(issue_training_tokens => { token_type_id => $silver->{id}, party_id => 3, quantity => 4 }, \@lot);
call(void_training_tokens => { issue_id => $voided->{id}, notes => 'cancelled' }, \@lot);
my $redemption = call(redeem_training_tokens => { party_id => 3, token_type_id => $silver->{id}, quantity => 7, reference => 'r' }, \@taken);
call(refund_training_tokens => { redemption_id => $redemption->{id}, quantity => 2 }, \@taken);

# Holds
my $held = call(hold_training_tokens => { party_id => 3, token_type_id => $silver->{id}, quantity => 5, reference => 'r' }, [ 'parties(name)', 'training_token_types(name)' ]);
call(capture_hold => { hold_id => $held->{id}, quantity => 2, is_final => JSON::PP::false }, [ 'hold_allocations(ordinal)', 'parties(name)' ]);
call(extend_hold => { hold_id => $held->{id}, expires_at => strftime('%FT%TZ', gmtime(time + 9 * 86400)) }, ['hold_allocations(ordinal)']);
call(release_hold => { hold_id => $held->{id} }, ['redemptions(quantity)']);
call(credit_hold => { party_id => 7, amount => 1, source => 's', description => 'd', account_name => 'meals', token_type => 'meal' }, ['account(name)']);
call(update_token_type => { token_type_id => $silver->{id}, name => 'Silver token' }, ['training_token_issues(current_balance)']);

# Passes
call(create_pass_type => { code => 'gold', name => 'Gold', id => 5 }, []);
call(add_pass_content => { pass_type_id => 5, course_ids => [1], path_ids => [2] }, []);
call(remove_pass_content => { pass_type_id => 5, path_ids => [2] }, []);
my $option = call(create_pass_option => { pass_type_id => 5, name => 'Monthly', validity_unit => 'months', validity_value => 1 }, ['training_pass_types(name)']);
my $price = call(create_pass_price => { option_id => $option->{id}, region_code => 'EU', currency_code => 'EUR', amount => 9.9 },
	[ 'training_pass_type_options(name)', 'regions(name)', 'currencies(name)' ]);
call(update_pass_price => { price_id => $price->{id}, amount => 10 }, ['regions(name)']);
call(update_pass_option => { option_id => $option->{id}, lifecycle_state => 'published' }, ['training_pass_types(name)']);
call(update_pass_type => { pass_type_id => 5, lifecycle_state => 'published' }, [ 'training_pass_type_options(name)', 'catalog_items(name)' ]);
my $pass = call(issue_pass => { pass_type_id => 5, option_id => $option->{id}, party_id => 7 }, \@pass);
call(renew_pass => { pass_id => $pass->{id} }, \@pass);
call(correct_pass => { pass_id => $pass->{id}, valid_from => undef, valid_until => '2099-12-31T00:00:00Z', reason => 'mistake' }, \@pass);
my $use = call(use_pass => { party_id => 7, item_id => 1, reference => 'b' }, [ 'parties(name)', 'training_passes(status)', 'catalog_items(name)' ]);
call(cancel_pass_use => { pass_use_id => $use->{id}, reason => 'ill' }, [ 'parties(name)', 'training_passes(status)', 'catalog_items(name)' ]);
my $other = call(reassign_pass => { pass_id => $pass->{id}, party_id => $ben }, \@pass);
call(revoke_pass => { pass_id => $other->{id} }, \@pass);

# Signup: learners may not read tokens, but claim them
my %token = (type => 1, type_id => 'C-1', maximum_activations => 3);
my $token = call(create_signup_token => { %token, code => 'spring' }, []);
call(update_signup_token => { signup_token_id => $token->{id}, maximum_activations => 4 }, []);
my $ada = $faces->token('learner', party_id => 7);
my $claim = call(claim_signup_token => { code => 'SPRING', party_id => 7 }, ['parties(name)'], $ada);
call(claim_signup_token => { code => 'SPRING', party_id => 7 }, [ 'parties(name)', 'enrolments(catalog_items(name))' ], $ada);
call(cancel_signup_claim => { signup_claim_id => $claim->{id}, reason => 'ill' }, [ 'parties(name)', 'signup_tokens(code)' ]);
my $document = '<Tokens>' . ('<Token><TokenType>1</TokenType><TokenTypeId>C-1</TokenTypeId><Active>1</Active><MaximumActivations>2</MaximumActivations></Token>' x 3) . '</Tokens>';
my @made = call_set(import_signup_tokens => { document => '\x' . unpack('H*', $document) }, []);
is(scalar @made, 3, 'as many tokens as in the document');
$document = '<Tokens>' . join('', map { "<Token><TokenId>$_->{id}</TokenId><MaximumActivations>5</MaximumActivations></Token>" } @made) . '</Tokens>';
my @changed = call_set(apply_signup_tokens => { document => '\x' . unpack('H*', $document) }, []);
is_deeply([ map { "$_->{id} $_->{maximum_activations}" } @changed ], [ map { "$_->{id} 5" } @made ], 'in its order');

# Programs
my $parent = call(add_program_kind => { name => 'Above' }, []);
my $kind = call(add_program_kind => { name => 'Kind', parent_id => $parent->{id} }, ['parent(name)']);
my $program = call(add_program => { kind_id => $kind->{id}, name => 'Program', start_date => '2026-02-01', duration => 30 }, ['program_kinds(name,parent(name))']);
call(update_program => { program_id => $program->{id}, priority => 3 }, ['program_kinds(name)']);
my $cohort = call(confirm_cohort => { program_id => $program->{id}, cohort_name => 'Red' }, ['programs(name)']);
my @member = ('parties(name)', 'programs(name)');
call(modify_program_membership => { program_id => $program->{id}, party_id => $ben }, \@member);
call(update_user_cohort_state => { program_id => $program->{id}, party_id => $ben, state => 'completed', cohort_id => $cohort->{id} }, [ @member, 'cohorts(name)' ]);
is($faces->request($admin, POST => '/rpc/create_program_ticket', { program_kind_id => $parent->{id}, party_id => 7, sku => $_ })->{body}, 1, 'a ticket') for 1, 2;
my $ticket = call(consume_ticket => { party_id => 7, program_id => $program->{id} }, [ 'parties(name)', 'program_kinds(name)', 'programs(name)' ]);
my ($ready) = rows($node, "SELECT id FROM trainledger.ticket WHERE state = 'ready'");
call(cancel_ticket => { ticket_id => $ready }, [ 'parties(name)', 'program_kinds(name)' ]);

# The log; autovacuum may hold it back
$node->safe_psql('books', q{SELECT trainledger.start_log('rest.example/log', 'a collection of checkpoints')});
my $size;
do { $size = $node->safe_psql('books', 'SELECT trainledger.seal()') } until $size;
{
	my $unsigned = $faces->request($admin, POST => '/rpc/sign_checkpoint', {});
	is("$unsigned->{status} $unsigned->{json}{code}", '409 TL409', 'without a key nothing is signed');
}
call(add_signature => { size => $size, line => "\x{2014} witness.example MDEyM3NpZ25hdHVyZQ==" }, []);

is_deeply([ sort grep { !$called{$_} } keys %collection_of ], [], 'every function was called');
my @documented = grep { /^\| `/ } split /\n/, slurp_file(dirname(__FILE__) . '/../../doc/rest.md');
foreach my $function (sort keys %collection_of)
{
	ok(scalar(grep { /`$function`.*\|.*`$collection_of{$function}`/ } @documented), "the documentation says what $function returns");
}

# By GET, of a learner's own: what select names, filters and embeds
sub get
{
	my ($path) = @_;
	my $answer = $faces->request($ada, GET => $path);

	return $answer->{status} == 200 ? $answer->{json} : "$answer->{status} $answer->{body}";
}
is_deeply(get('/rpc/find_party?id_type=id&id=7&select=name,credit_accounts(name,balance)'),
	{ name => 'Ada', credit_accounts => [ { name => 'meals', balance => 18.25 } ] }, 'a learner finds itself');
is_deeply(get('/rpc/find_party?id_type=id&id=7&select=name,organisation(name)'),
	{ name => 'Ada', organisation => undef }, 'but not its organisation');
is_deeply($faces->request($admin, GET => '/rpc/find_party?id_type=id&id=7&select=name,organisation(name)')->{json},
	{ name => 'Ada', organisation => { name => 'Works' } }, 'whom an admin sees');
like(get("/rpc/find_party?id_type=id&id=$ben"), qr/^404 .*TL404/, 'nor others');
my $own = '/rpc/credit_history?party_id=7&account_name=meals&token_type=meal';
is_deeply(get("$own&select=balance,parties(name)&max_entries=1"),
	[ { balance => 18.25, parties => { name => 'Ada' } } ], 'its history');
is_deeply([ map { $_->{entry_no} } @{ get("$own&select=entry_no,operation&operation=eq.add&order=entry_no") } ], [2], 'filtered');
like(get("/rpc/credit_history?party_id=$ben"), qr/^404 /, 'nobody else\'s');

# What is embedded is as it was before the call
sub embedded
{
	my ($function, $arguments, $resource) = @_;
	my $row = $faces->request($admin, POST => "/rpc/$function?select=balance,$resource", $arguments)->{json};

	return $row->{credit_accounts};
}
is_deeply(embedded(credit_init => { %to_ada, account_name => 'new', amount => 1 }, 'credit_accounts(balance)'),
	undef, 'an account that the call opens is not embedded');
is_deeply(embedded(credit_add => { %to_ada, account_name => 'new', amount => 1 }, 'credit_accounts(balance)'),
	{ balance => 1 }, 'and has its balance from before');

# A refusal after all is a refusal
my $refused = $faces->request($admin, POST => '/rpc/credit_add?select=balance,credit_accounts(name)', { %to_ada, amount => 2000 });
is("$refused->{status} $refused->{json}{code}", '409 TL054', 'a refusal has its status');
books_are_right($node, 'after it all');

$faces->stop;
$node->stop;
done_testing();
