# A party with something in every subject is forgotten over HTTP, and then every
# face is asked: the collections and functions of REST, the lists of GraphQL, and
# the documents of the five systems. Each answers, none has a text of the party,
# and whatever is no text of hers is what it was before.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;
use TrainLedger::Forgotten;
use TrainLedger::GraphQL;
use TrainLedger::Transparency;

TrainLedger::Faces::needed();
TrainLedger::GraphQL::needed();

my $word = 'xqzword';
my $uuid = '00000000-0000-4000-8000-000000002049';
my $silver = '00000000-0000-4000-8000-000000000001';
my $program = '00000000-0000-4000-8000-000000000007';
my $folder = PostgreSQL::Test::Utils::tempdir_short;
append_to_file("$folder/log.pem", (make_key())[0]);
my $node = start_books('forgotten_faces', "trainledger.log_key_file = '$folder/log.pem'");
# which has more time than it takes for itself, on a slow machine
my $graphql = TrainLedger::GraphQL->start($node, TRAINLEDGER_STATEMENT_TIMEOUT => 45);
my $json = JSON::PP->new->canonical->allow_nonref->allow_bignum;

in_every_subject($node, $word, 'faces.example/log');
$node->safe_psql('books', <<'END');
SELECT trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000001', 2050, 10, '2100-01-01', 'notes of Duo');
SELECT trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000001', p, 5, current_date + 20)
FROM unnest('{2049,2050}'::bigint[]) p;
SELECT trainledger.redeem_training_tokens(2050, '00000000-0000-4000-8000-000000000001', 2, 'reference of Duo');
SELECT trainledger.issue_pass(1, 1, 2050);
SELECT trainledger.use_pass(2050, 11, 'booked by Duo');
-- autovacuum may hold it back
DO $$ BEGIN
	WHILE trainledger.seal() = 0 LOOP
		COMMIT;
	END LOOP;
END $$;
SELECT trainledger.sign_checkpoint();
END
my $faces = TrainLedger::Faces->start($node, 'books');
my %token = map { $_ => $faces->token($_) } qw(reader admin);
my ($account) = rows($node, 'SELECT id FROM trainledger.account WHERE party_id = 2049 AND name IS NOT NULL');
my ($cohort) = rows($node, 'SELECT id FROM trainledger.cohort');

# ----------------------------------------------------------------------
# What is asked
# ----------------------------------------------------------------------

my @views = rows($node, q{SELECT relname FROM pg_class
	WHERE relkind = 'v' AND relnamespace = 'trainledger_api'::regnamespace ORDER BY 1});

# Arguments of each function that reads, and the status of its answer once the
# party is forgotten, 200 where there is none
my %of_entry = (account_id => 0 + $account, entry_no => 2);
my %arguments = (
	ListActivePrograms => [ {} ],
	ListCohorts => [ { programId => $program } ],
	LookupProgram => [ { programKindId => '00000000-0000-4000-8000-000000000006' } ],
	LookupProgramInstance => [ { programId => $program } ],
	ProgramChildList => [ { id => '00000000-0000-4000-8000-000000000006' } ],
	ProgramsAfter => [ { after => '2020-01-01' } ],
	UserTickets => [ { userId => $uuid } ],
	account_statement => [ { account_id => 0 + $account, since => '2020-01-01Z', until => '2100-01-01Z' } ],
	available_balance => [ { account_id => 0 + $account } ],
	available_tokens => [ { party_id => 2049, token_type_id => $silver } ],
	balance_at => [ { account_id => 0 + $account, at => '2100-01-01Z' } ],
	balance_by => [ { account_id => 0 + $account, happened_by => '2100-01-01Z' } ],
	checkpoint_text => [ {} ],
	credit_balance => [ { party_id => 2049 } ],
	credit_history => [ { party_id => 2049 } ],
	credit_token_balance => [ { accountName => 'default', idType => 'id', id => '2049' } ],
	credit_token_history => [ { accountName => 'default', idType => 'id', id => '2049' } ],
	entry_leaf => [ \%of_entry ],
	entry_texts => [ \%of_entry, 409 ],
	find_party => [ { id_type => 'id', id => '2049' } ],
	holdings => [ { party_id => 2049 } ],
	pass_covers => [ { party_id => 2049, item_id => 11 } ],
	prove_consistency => [ { old_size => 2 } ],
	prove_entry => [ \%of_entry ],
	reconcile => [ {} ],
	report => [ {} ],
	sync_cohort_preview => [ { program_id => $program, cohort_id => $cohort, query => '$.attributes.forget == 1' } ],
	token => [ { tokenid => (rows($node, 'SELECT id FROM trainledger.signup_token'))[0] } ],
	tokens => [ {} ],
	verify => [ {} ],
	why => [ { party_id => 2049, token_type_id => $silver } ],
	why_not => [ { party_id => 2049, token_type_id => $silver, quantity => 1 } ]);

# The documents of the systems, by their own URIs. Those that find the party by
# something of hers find nobody afterwards: the status then.
my %document = (
	'GET /credit-token/balance/default/id:2049.json' => [],
	'GET /credit-token/history/default/id:2049.json' => [],
	"GET /credit-token/balance/default/barcode:barcode%20$word" => [404],
	'GET /credit-token/balance/default/id:2050.json' => [],
	'GET /credit-token/history/default/id:2050.json' => [],
	'GET /tokens' => [],
	'POST /core/ListActivePrograms' => [ 200, {} ],
	'POST /core/ListCohorts' => [ 200, { programId => $program } ],
	'POST /core/LookupProgramInstance' => [ 200, { programId => $program } ],
	'POST /core/ProgramsAfter' => [ 200, { after => '2020-01-01' } ],
	'POST /core/UserTickets' => [ 200, { userId => $uuid } ]);

# An answer of GraphQL; where all is slow, it can be that a document takes too long
# at first
sub ask_graphql
{
	my ($document) = @_;
	my ($status, $text);

	for (1 .. 5)
	{
		($status, $text) = $graphql->ask('reader', $document);
		last if $text !~ /LIMIT_EXCEEDED.* seconds/;
	}
	die "$status $text" if $status != 200 || $text =~ /"errors":/;
	return $text;
}

# The lists of GraphQL, with all values of their nodes
my $schema = $json->decode(ask_graphql('{ __schema { queryType { name } types { name fields { name args { name }
	type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }'))->{data};
my %type = map { $_->{name} => $_ } @{ $schema->{__schema}{types} };

sub named
{
	my ($t) = @_;

	$t = $t->{ofType} while !$t->{name};
	return $t;
}

sub list_of
{
	my ($field) = @_;
	my ($nodes) = grep { $_->{name} eq 'nodes' } @{ $type{ named($field->{type})->{name} }{fields} // [] };

	return $nodes ? $type{ named($nodes->{type})->{name} } : undef;
}

sub values_of
{
	return map { $_->{name} } grep { !@{ $_->{args} } && named($_->{type})->{kind} =~ /SCALAR|ENUM/ } @{ $_[0]{fields} };
}
my %list = map { my $of = list_of($_); $of ? ($_->{name} => $of) : () } @{ $type{Query}{fields} };

# A list, and what its nodes lead to
sub document_of
{
	my ($name, $deep) = @_;
	my $shown = join ' ', values_of($list{$name});

	foreach my $field ($deep ? @{ $list{$name}{fields} } : ())
	{
		my $to = list_of($field);

		$shown .= " $field->{name}(first: 10) { nodes { " . join(' ', values_of($to)) . ' } }' if $to;
		my $one = named($field->{type});
		$shown .= " $field->{name} { " . join(' ', values_of($type{ $one->{name} })) . ' }'
		  if !$to && $one->{kind} =~ /OBJECT|INTERFACE/ && !@{ $field->{args} };
	}
	return "{ $name(first: 100) { nodes { $shown } } }";
}

# ----------------------------------------------------------------------
# Asking
# ----------------------------------------------------------------------

# Everything that the faces show: { rows => { WHAT => rows }, texts => { WHAT => text },
# status => { WHAT => status } }
sub ask_all
{
	my %all;

	foreach my $view (@views)
	{
		my $answer = $faces->request($token{reader}, GET => "/$view");
		$all{status}{"/$view"} = $answer->{status};
		$all{texts}{"/$view"} = $answer->{body};
		$all{rows}{$view} = $answer->{json};
	}
	foreach my $function (sort keys %arguments)
	{
		my $answer = $faces->request($token{admin}, POST => "/rpc/$function", $arguments{$function}[0]);
		$all{status}{"/rpc/$function"} = $answer->{status};
		$all{texts}{"/rpc/$function"} = $answer->{body};
	}
	foreach my $request (sort keys %document)
	{
		my $answer = $faces->request($token{admin}, split(/ /, $request), $document{$request}[1]);
		$all{status}{$request} = $answer->{status};
		$all{texts}{$request} = $answer->{body};
		$all{json}{$request} = $answer->{json};
	}
	foreach my $name (sort keys %list)
	{
		my ($flat, $deep) = map { ask_graphql(document_of($name, $_)) } 0, 1;
		$all{texts}{"graphql $name"} = "$flat $deep";
		$all{rows}{"graphql $name"} = $json->decode($flat)->{data}{$name}{nodes};
	}
	return \%all;
}

my @functions = rows($node, q{SELECT p.proname FROM pg_proc p
	WHERE p.pronamespace = 'trainledger_api'::regnamespace AND p.provolatile <> 'v'
	AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) a JOIN pg_type t ON t.oid = a WHERE t.typtype = 'c') ORDER BY 1});
is_deeply([ sort keys %arguments ], [ sort @functions ], 'every function that reads is called');

my $before = ask_all();
is_deeply([ grep { $before->{status}{$_} ne '200' } sort keys %{ $before->{status} } ], [], 'everything answers');
is(join(' ', grep { $before->{texts}{$_} =~ /$word/i } sort grep { m{^/\w+$} } keys %{ $before->{texts} }),
	'/balances /credit_transactions /hold_events /holds /memberships /parties /redemptions /signup_claims /tickets /tokens_expiring /training_pass_uses /training_token_transactions',
	'collections with texts of the party');
is(join(' ', map { /(\w+)$/ } grep { $before->{texts}{$_} =~ /$word/i } sort grep { m{^/rpc/} } keys %{ $before->{texts} }),
	'UserTickets account_statement credit_history credit_token_balance credit_token_history entry_texts find_party report why',
	'functions');
is(join(' ', map { /(\w+)$/ } grep { $before->{texts}{$_} =~ /$word/i } sort grep { /^graphql/ } keys %{ $before->{texts} }),
	'accounts contacts tokenAccounts tokenRedemptions trainingPassUses trainingPasses trainingTokenHolds trainingTokenIssues', 'lists of GraphQL');

# ----------------------------------------------------------------------
# Forgotten
# ----------------------------------------------------------------------

my $answer = $faces->request($token{admin}, POST => '/rpc/forget_party',
	{ party_id => 2049, reason_code => 'gdpr-17', subs => ["desk of $word"] });
is($answer->{status}, 200, 'the party is forgotten over HTTP');
is($answer->{json}[0]{party_id}, 2049, 'it is that one');
is(join(' ', tables_with($node, $word)), '', 'no row has a text of hers');

my $after = ask_all();
my %status = (
	(map { +"/rpc/$_" => $arguments{$_}[1] // 200 } keys %arguments),
	(map { $_ => $document{$_}[0] // 200 } keys %document));
foreach my $what (sort keys %{ $after->{texts} })
{
	# those of GraphQL are 200, or the test has ended
	is($after->{status}{$what} // 200, $status{$what} // 200, "$what answers");
	unlike($after->{texts}{$what}, qr/$word/i, "$what shows no text of the party");
}


# ----------------------------------------------------------------------
# What it is about stays
# ----------------------------------------------------------------------

# What changes besides texts: what was open is closed, and a party that is
# forgotten is suspended
my %changed = (
	parties => [qw(is_suspended updated_at)],
	credit_accounts => [qw(held available_balance)],
	training_token_issues => [qw(held available_balance)],
	holds => [qw(status released closed_at)],
	hold_allocations => ['released'],
	tickets => [qw(state canceled_at)],
	balances => [qw(held available)],
	'graphql accounts' => ['isSuspended'],
	'graphql contacts' => ['isSuspended'],
	'graphql tokenAccounts' => [qw(held availableBalance)],
	'graphql trainingTokenIssues' => [qw(held availableBalance)],
	'graphql trainingTokenHolds' => [qw(status released)]);

sub has_word { return $json->encode($_[0]) =~ /$word/i; }

# Rows without columns, as sorted texts
sub without
{
	my ($columns, @rows) = @_;

	return sort map { my %row = %$_; delete @row{@$columns}; $json->encode(\%row) } @rows;
}

# What there is now in the place of a text
sub is_emptied
{
	return !defined $_[0] || $json->encode($_[0]) =~ /^(?:"forgotten"|""|\[\]|\{\})$/;
}

my (%emptied, @kept);
foreach my $what (sort keys %{ $before->{rows} })
{
	my @before = @{ $before->{rows}{$what} };
	my @after = @{ $after->{rows}{$what} };
	my @changed = @{ $changed{$what} // [] };
	my @texts = grep {
		my $column = $_;
		grep { has_word($_->{$column}) } @before
	} sort keys %{ $before[0] // {} };
	my %others = map { $_ => 1 } grep { !/$word/i } map { $json->encode($_) } map { @$_{@texts} } @before;

	$emptied{$what} = "@texts" if @texts;
	is(join(' ', grep { !is_emptied($_) && !$others{ $json->encode($_) } } map { @$_{@texts} } @after),
		'', "$what: texts are empty, or called forgotten");
	# those of the releases; of what is open nothing is left
	@after = grep { !($_->{event} eq 'released' && $_->{changed_by} eq 'web_admin') } @after if $what eq 'hold_events';
	next if $what =~ /^(?:hold_overview|ledger_metrics)$/;
	is_deeply([ without([ @texts, @changed ], @after) ], [ without([ @texts, @changed ], @before) ], "$what: else the rows are the same");
	push @kept, $what if @before;

	# of others, all is as it was
	my %now = map { $_ => 1 } without(\@changed, @after);
	is(join(' ', grep { !$now{$_} } without(\@changed, grep { !has_word($_) && ($_->{party_id} // $_->{id} // '') !~ /2049/ } @before)), '', "$what: those of others have their texts");
}
is_deeply(\%emptied, {
	balances => 'party',
	credit_transactions => 'booked_by description device source',
	hold_events => 'notes',
	holds => 'device notes reference source',
	memberships => 'comments state_detail',
	parties => 'attributes barcode data email external_id flags name rfid sources',
	redemptions => 'reference',
	signup_claims => 'cancel_reason',
	tickets => 'email',
	tokens_expiring => 'party',
	training_pass_uses => 'cancel_reason reference',
	training_token_transactions => 'notes',
	'graphql accounts' => 'name',
	'graphql contacts' => 'email externalId name',
	'graphql tokenRedemptions' => 'reference',
	'graphql trainingPassUses' => 'cancelReason reference',
	'graphql trainingTokenHolds' => 'notes reference' }, 'each text of each collection and list');
is(join(' ', grep { /liability|revenue|expiring|utilisation|funnel|progress|balances/ } @kept),
	'balances cohort_progress credit_liability pass_utilisation signup_funnel token_liability tokens_expiring', 'reports with the same sums');
is(join(' ', map { $_->{name} } grep { $_->{id} == 2049 } @{ $after->{rows}{parties} }), 'forgotten', 'REST calls it forgotten');
my $global_id = encode_base64('Person:2049', '');
is(join(' ', map { $_->{name} } grep { $_->{id} eq $global_id } @{ $after->{rows}{'graphql contacts'} }), 'forgotten', 'so does GraphQL');
is_deeply([ $graphql->read_answer('reader', qq({ node(id: "$global_id") { ... on Contact { name email isSuspended } } })) ],
	[ { node => { name => 'forgotten', email => undef, isSuspended => JSON::PP::true } }, undef ], 'as a node too');

# Answers of functions and documents: each value by its path, but for texts
sub leaves
{
	my ($value, $path, $leaves) = @_;

	if (ref $value eq 'ARRAY') { leaves($value->[$_], "$path/$_", $leaves) foreach 0 .. $#$value; }
	elsif (ref $value eq 'HASH') { leaves($value->{$_}, "$path/$_", $leaves) foreach keys %$value; }
	else { $leaves->{$path} = $json->encode($value); }
	return $leaves;
}

# What is held and open no more, what a suspended party may not, what a page says
# of the time, and proofs up to another end
my %other = map { $_ => 1 } qw(UserTickets available_balance available_tokens holdings why why_not report prove_entry find_party);
foreach my $what (grep { m{^/rpc/(\w+)} ? !$other{$1} && $status{$_} == 200 : /^(?:GET|POST) / && !/UserTickets/ && $status{$_} == 200 } sort keys %status)
{
	my ($old, $new) = map { my $text = $_->{texts}{$what}; leaves(eval { $json->decode($text) } // $text, '', {}) } $before, $after;

	is(join(' ', grep { $old->{$_} !~ /$word/i && $old->{$_} ne ($new->{$_} // '') && !m{/updatedAt$} } sort keys %$old),
		'', "$what: the same answer, but for texts");
}
is($before->{texts}{'/rpc/credit_balance'}, '979', 'there is a balance');
my ($history) = map { $_->{json} } $faces->request($token{admin}, GET => '/credit-token/history/default/id:2049.json');
is_deeply($history->{delegate}{data}, [], 'the delegate has no data');
is(join(' ', grep { !/^forgotten$/ } map { $_->{source} } @{ $history->{history} }), '', 'and its transactions no source');
cmp_ok(scalar @{ $history->{history} }, '>', 20, 'although they are there');
my ($old, $new) = map { $json->decode($_->{texts}{'POST /core/UserTickets'}) } $before, $after;
is(join(' ', map { $_->{state} } @$old, @$new), 'ready ready canceled canceled', 'its tickets are canceled');
is(join(' ', map { $_->{email} // '' } @$new), ' ', 'and have no address');

# Nobody is found by what was hers
foreach my $by ([ email => "una\@$word.example" ], [ barcode => "barcode $word" ], [ rfid => "rfid $word" ], [ externalId => "external $word" ], [ email => 'forgotten' ])
{
	my $answer = $faces->request($token{admin}, POST => '/rpc/find_party', { id_type => $by->[0], id => $by->[1] });
	is("$answer->{status} $answer->{json}{code}", '404 TL404', "not found by @$by");
}

# The feed begins at the beginning, and tells what is left
$answer = $faces->request($token{reader}, POST => '/rpc/feed_read', { consumer => 'afterwards' });
is($answer->{status}, 200, 'the feed answers');
unlike($answer->{body}, qr/$word/i, 'with no text of the party');
cmp_ok(scalar(grep { $_->{event}{type} =~ /redaction/ } @{ $answer->{json} }), '>', 20, 'but each redaction');

# It is refused what a suspended party is refused, by each face
$answer = $faces->request($token{admin}, POST => '/credit-token/transaction/add',
	{ delegate_id => 2049, amount => 1, source => 's', description => 'd', recordedAt => 1 });
is("$answer->{status} $answer->{json}{errorCode}", '409 1058', 'no credit by a document');
my $type_id = encode_base64('TokenType:00000000000040008000000000000001', '');
my (undef, $text) = $graphql->ask('operator', qq(mutation { trainingTokenIssues { create(input: {
	tokenTypeId: "$type_id", accountId: "$global_id", quantity: 1 }) { errors { message } tokenIssue { id } } } }));
like($text, qr/suspended/, 'no tokens by GraphQL');

books_are_right($node, 'after it all');
$graphql->stop;
$faces->stop;
$node->stop;
done_testing();
