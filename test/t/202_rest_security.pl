# Who sees and may do what over HTTP (contract, sections 12 and 15). The test
# finds every view and function of trainledger_api in the system catalogs, so
# that no new one is forgotten, and compares what Ann, a learner, gets with what
# a superuser selects for her.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;
use TrainLedger::Token;

TrainLedger::Faces::needed();

my $node = start_books('security');
TrainLedger::Faces::make_roles($node);

# Ann (5001) of organisation 5002, her colleague Carol (5003), and Bob (9001)
# of organisation 9002.  What is not Ann's bears names and numbers of its own.
$node->safe_psql('books', <<'END');
SET trainledger.clock = '2026-01-01T12:00:00Z';
SELECT trainledger.add_party('organisation', 'Org of ' || n, id => id, data => jsonb_build_array('data of org ' || n))
FROM (VALUES ('Ann', 5002), ('Bob', 9002)) p(n, id);
SELECT trainledger.add_party('person', n || ' Private', lower(n) || '@private.example', 'rfid-' || n, 'barcode-' || n,
	'external-' || n, org, jsonb_build_array('data-' || n), ARRAY['flag-' || n], ARRAY['source-' || n],
	jsonb_build_object('attribute', n || '-private'), id)
FROM (VALUES ('Ann', 5001, 5002), ('Carol', 5003, 5002), ('Bob', 9001, 9002)) p(n, id, org);
SELECT trainledger.add_catalog_item('course', 'C-1', 'Course', 1), trainledger.add_catalog_item('learning_path', 'L-1', 'Path', 2),
	trainledger.add_region('EU', 'Europe'), trainledger.add_currency('EUR', 'Euro'),
	trainledger.add_training_token_type('Silver', id => '00000000-0000-4000-8000-000000000001'),
	trainledger.create_pass_type('P-1', 'Pass', id => 1), trainledger.create_pass_option(1, 'Monthly', 'months', 1, 1),
	trainledger.add_program_kind('Kind', id => '00000000-0000-4000-8000-000000000002'),
	trainledger.create_signup_token(1, 'C-1', 10, 'the-secret-code', id => 'signup-token-1');
SELECT trainledger.add_pass_content(1, '{1}', '{2}'), trainledger.create_pass_price(1, 'EU', 'EUR', 99.90);
SELECT trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT trainledger.add_program('00000000-0000-4000-8000-000000000002', 'Program', '2026-02-01', 30, id => '00000000-0000-4000-8000-000000000003');
SELECT trainledger.confirm_cohort('00000000-0000-4000-8000-000000000003', 'Cohort');
SELECT trainledger.credit_init(id, 1000.5 + id, 'till of ' || id, 'coffee for ' || id, '2026-01-01T12:00:00Z', 'purse of ' || id)
FROM unnest('{5001,5003,9001,9002}'::bigint[]) id;
SELECT trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000001', id, 10000 + id, notes => 'lot of ' || id,
	expires_on => current_date + 30, unit_price => 12, currency_code => 'EUR')
FROM unnest('{5001,5002,5003,9001,9002}'::bigint[]) id;
SELECT trainledger.redeem_training_tokens(id, '00000000-0000-4000-8000-000000000001', 2000 + id, 'redeemed by ' || id, 'redeems of ' || id)
FROM unnest('{5001,5003,9001,9002}'::bigint[]) id;
SELECT trainledger.hold_training_tokens(id, '00000000-0000-4000-8000-000000000001', 7 + id / 10, 'held by ' || id, '2026-01-03Z', 'hold of ' || id),
	trainledger.credit_hold(id, 500 + id, 'till of ' || id, 'round of ' || id, account_name => 'purse of ' || id)
FROM unnest('{5001,5003,9001,9002}'::bigint[]) id;
RESET trainledger.clock;
SELECT trainledger.hold_training_tokens(id, '00000000-0000-4000-8000-000000000001', 3, 'open hold of ' || id),
	trainledger.credit_hold(id, 90, 'till of ' || id, 'open round of ' || id, account_name => 'purse of ' || id)
FROM unnest('{5001,9001}'::bigint[]) id;
SET trainledger.clock = '2026-01-01T12:00:00Z';
-- over by now, and not closed: nobody sees that it is held
SELECT trainledger.hold_training_tokens(5002, '00000000-0000-4000-8000-000000000001', 17, 'held by 5002', '2026-01-03Z', 'hold of 5002');
SELECT trainledger.use_pass(id, 1, 'booking of ' || id) FROM (
	SELECT id, trainledger.issue_pass(1, 1, id, '2026-01-01Z', '2030-01-01Z'::timestamptz + id * interval '1 hour')
	FROM unnest('{5001,5003,9001}'::bigint[]) id OFFSET 0) p;
SELECT trainledger.claim_signup_token('the-secret-code', id) FROM unnest('{5001,5003,9001}'::bigint[]) id;
SELECT trainledger.update_user_cohort_state(id, '00000000-0000-4000-8000-000000000003', 'active', comments => 'comment on ' || id, state_detail => 'detail of ' || id)
FROM (SELECT id, trainledger.modify_program_membership('00000000-0000-4000-8000-000000000003', id)
	FROM unnest('{5001,5003,9001}'::bigint[]) id OFFSET 0) p;
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-000000000002', id, sku => 'sku of ' || id) FROM unnest('{5001,5003,9001}'::bigint[]) id;
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-000000000002', email => 'to-come@private.example', sku => 'sku of nobody');
SELECT trainledger.start_log('rest.example/log', 'what readers see');
-- autovacuum may hold it back
DO $$ BEGIN
	WHILE trainledger.seal() = 0 LOOP
		COMMIT;
	END LOOP;
END $$;
END

my $faces = TrainLedger::Faces->start($node, 'books');
my $ann = $faces->token('learner', party_id => 5001);
my $json = JSON::PP->new->canonical->allow_nonref->allow_bignum;

# What Ann may see of the views that have no party_id, as a superuser says it.
# Views that are not here and have none fail the test.
my $all = 'true';
my %seen_of = (
	parties => 'id = 5001',
	redemption_allocations => 'redemption_id IN (SELECT r.id FROM trainledger_api.redemptions r WHERE r.party_id = 5001)',
	(map { $_ => 'hold_id IN (SELECT h.id FROM trainledger_api.holds h WHERE h.party_id = 5001)' } qw(hold_allocations hold_events)),
	pass_periods => 'pass_id IN (SELECT p.id FROM trainledger_api.training_passes p WHERE p.party_id = 5001)',
	signup_tokens => 'false',
	checkpoints => 'false',
	map { $_ => $all } qw(catalog_items regions currencies credit_token_types
	  training_token_types token_types training_pass_types training_pass_type_contents
	  training_pass_type_options training_pass_type_prices program_kinds
	  programs cohorts));
# Reports sum up what she may see: the same report in SQL, asked by her, says what
# that is (test/sql/reports.sql compares those with rows counted by hand).
my %is_report = map { $_ => 1 } qw(balances token_liability credit_liability token_revenue
  tokens_expiring hold_overview pass_utilisation signup_funnel cohort_progress ledger_metrics);
$seen_of{$_} = $all for keys %is_report;
# Of the lots, her organisation's too
$seen_of{$_} = 'party_id IN (5001, 5002)'
  for qw(training_token_issues training_token_transactions);

my %first;	# rows that first_row() has found
my ($asking) = sessions($node, 1);
$asking->ask("SET TimeZone = 'UTC'");

my @views = rows($node, q{SELECT c.relname FROM pg_class c WHERE c.relkind IN ('v', 'r', 'm', 'f', 'p')
	AND c.relnamespace = 'trainledger_api'::regnamespace ORDER BY 1});
my %columns;
push @{ $columns{ $_->[0] } }, $_->[1] for map { [ split /\|/ ] } rows($node,
	q{SELECT a.attrelid::regclass::text, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'trainledger_api'::regnamespace AND a.attnum > 0});
%columns = map { s/^trainledger_api\.//r => $columns{$_} } keys %columns;

cmp_ok(scalar @views, '>=', 19, 'the views of the contract are there');
my @secrets = secrets();
cmp_ok(scalar @secrets, '>', 80, 'there is something to hide');
my $books = books();

views_show_her_own();
filters_and_orders();
embedding();
functions();
no_writing_through_views();
nothing_else();
is(books(), $books, 'nothing was changed by any of this');
tokens();
levels();
injection();

$faces->stop;
$node->stop;
done_testing();

# --------------------------------------------------------------------------

# The rows of a query as sorted JSON texts
sub expected
{
	my ($query) = @_;
	my @rows = $asking->ask("SELECT row_to_json(q) FROM ($query) q");

	return [ sort map { $json->encode($json->decode($_)) } @rows ];
}

# What she may see of a view
sub hers
{
	my ($view) = @_;

	return expected("SELECT * FROM trainledger_api.$view WHERE " . condition($view)) unless $is_report{$view};
	my $rows = $node->safe_psql('books', "SET TimeZone = 'UTC'; SET trainledger.party_id = 5001; SET ROLE web_learner;"
		  . " SELECT coalesce(json_agg(q), '[]') FROM trainledger_api.$view q");
	return [ sort map { $json->encode($_) } @{ $json->decode($rows) } ];
}

sub found
{
	my ($answer) = @_;

	return $answer->{body} unless ref $answer->{json} eq 'ARRAY';
	return [ sort map { $json->encode($_) } @{ $answer->{json} } ];
}

sub condition
{
	my ($view) = @_;

	return $seen_of{$view} if $seen_of{$view};
	return 'party_id = 5001' if grep { $_ eq 'party_id' } @{ $columns{$view} };
	fail("the test does not know who may see $view");
	return 'false';
}

# The values that stand in rows which Ann may not see, and in no other: words
# and numbers that cannot be there by chance.
sub secrets
{
	my (%hidden, %open);

	foreach my $view (grep { !$is_report{$_} } @views)
	{
		my $condition = condition($view);
		$hidden{$_}++ for values_of("SELECT * FROM trainledger_api.$view WHERE ($condition) IS NOT TRUE");
		$open{$_}++ for values_of("SELECT * FROM trainledger_api.$view WHERE $condition");
	}
	return grep { !$open{$_} } keys %hidden;
}

sub values_of
{
	my ($query) = @_;

	return grep { /^\d{4,}(\.\d+)?$/ || /[^a-z_]/ && length > 5 }
	  $asking->ask(qq{SELECT DISTINCT e.value #>> '{}' FROM ($query) q, json_each(to_json(q)) e
		WHERE json_typeof(e.value) IN ('string', 'number')});
}

# One digest of all that the books hold
sub books
{
	my @tables = rows($node, q{SELECT c.oid::regclass FROM pg_class c
		WHERE c.relkind = 'r' AND c.relnamespace = 'trainledger'::regnamespace ORDER BY 1});

	return $node->safe_psql('books', join ' UNION ALL ', map { "SELECT '$_', md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM $_ t" } @tables);
}

# Whether a text says a value; a number may be part of an id or a time by chance
sub says
{
	my ($text, $value) = @_;

	return 0 if index($text, $value) < 0;
	return 1 if $value !~ /^[\d.]+$/;
	return $text =~ /(?<![\w.-])\Q$value\E(?![\w-]|\.\d)/ ? 1 : 0;
}

# Asks as Ann and checks that the answer says nothing that is not for her, but
# what she said herself
sub ask
{
	my ($what, $method, $path, $content, %headers) = @_;
	my $answer = $faces->request($ann, $method, $path, $content, %headers);
	my $said = $faces->decoded($path) . (ref $content ? $json->encode($content) : $content // '');
	my $heard = join "\n", $answer->{body}, map { ref $_ ? @$_ : $_ } values %{ $answer->{headers} };
	my @told = grep { says($heard, $_) && index($said, $_) < 0 } @secrets;

	$heard = $faces->decoded($answer->{headers}{'content-location'} // '');
	fail("$what tells @told") if @told;
	fail("$what: $answer->{status} $answer->{body}") if $answer->{status} >= 500;
	return $answer;
}

# Every view shows exactly what is hers, and counts no more.
sub views_show_her_own
{
	foreach my $view (@views)
	{
		my $expected = hers($view);
		my $answer = ask($view, GET => "/$view");
		is_deeply(found($answer), $expected, "$view shows what is hers");

		foreach my $count (qw(exact planned estimated))
		{
			my $range = ask("$view, $count", GET => "/$view?limit=1", undef,
				Prefer => "return=minimal, count=$count")->{headers}{'content-range'};
			like($range, qr{/@{[ scalar @$expected ]}$}, "$view, count=$count");
		}
		my $range = ask("$view, two counts", GET => "/$view?limit=1", undef,
			Prefer => 'count=planned, count=estimated')->{headers}{'content-range'};
		like($range, qr{/@{[ scalar @$expected ]}$}, "$view, two counts");
	}
	return;
}

# No filter, order or page brings more.
sub filters_and_orders
{
	my ($asked, $rows) = (0, 0);

	foreach my $view (@views)
	{
		my $most = @{ hers($view) };
		my @queries = ('or=(and(not.and()))', 'limit=1000&offset=0', "offset=$most");
		foreach my $column (@{ $columns{$view} })
		{
			push @queries, "order=$column.desc.nullsfirst&$column=not.is.null",
			  "or=($column.is.null,$column.not.is.null)&select=$column,x:$column";
		}
		push @queries, map { "party_id=eq.$_" } 5003, 9001, 9002
		  if grep { $_ eq 'party_id' } @{ $columns{$view} };
		foreach my $query (@queries)
		{
			my $answer = ask("$view?$query", GET => "/$view?$query");
			$asked++;
			next unless ref $answer->{json} eq 'ARRAY';
			$rows += @{ $answer->{json} };
			fail("/$view?$query: too many rows") if @{ $answer->{json} } > $most;
			fail("/$view?$query: rows of others")
			  if $query =~ /^party_id=eq/ && grep { $_->{party_id} != 5002 } @{ $answer->{json} };
		}
	}
	ok($asked > 400 && $rows > 400, "$asked filters and orders bring $rows rows, no row of others");

	# and by the values that she may not see, no row at all
	my @guesses = grep { /^[\w-]+$/ } @secrets;
	foreach my $view (@views)
	{
		foreach my $column (grep { $_ ne 'party_id' } @{ $columns{$view} })
		{
			my $list = join ',', @guesses;
			my $answer = ask("$view.$column", GET => "/$view?$column=in.($list)");
			next unless ref $answer->{json} eq 'ARRAY' && @{ $answer->{json} };
			fail("/$view?$column=in.(...) finds " . $answer->{body})
			  unless condition($view) =~ /5002|true/;
		}
	}
	return;
}

# Whatever can be embedded into whatever shows nothing more, at both ends.
sub embedding
{
	my @targets = (@views, 'organisation');
	my $works = 0;

	foreach my $view (@views)
	{
		foreach my $target (@targets)
		{
			my $answer = ask("$target in $view", GET => "/$view?select=*,$target(*)");
			next unless $answer->{status} == 200;
			$works++;
			ask("$target in $view", GET => "/$view?select=*,$target!inner(*)");
			ask("$target in $view", GET => "/$view?select=*,$target!left(*)&$target.limit=5&$target.order=" . $columns{$target}[0])
			  if $columns{$target};
		}
	}
	cmp_ok($works, '>', 60, "$works embeddings");

	my $answer = ask('three levels', GET => '/parties?select=id,credit_accounts(name,credit_transactions(delta,parties(name,organisation(name)))),memberships(programs(name,cohorts(name),memberships(party_id)))');
	is(scalar @{ $answer->{json} }, 1, 'three levels: one party');
	is_deeply([ map { $_->{party_id} } @{ $answer->{json}[0]{memberships}[0]{programs}{memberships} } ],
		[5001], 'three levels: a program shows her own membership');
	is_deeply(ask('by an embedded name', GET => '/memberships?select=party_id,parties!inner(name)&parties.name=eq.Bob%20Private')->{json},
		[], 'nobody is found by an embedded name');
	return;
}

# The first row of a query that is asked again and again
sub first_row
{
	my ($query) = @_;

	return $first{$query} //= (rows($node, $query))[0];
}

# A value for an argument, of Bob's where there is one
sub argument
{
	my ($name, $type) = @_;
	my %of_bob = (
		party_id => 9001, organisation_id => 9002, id_type => 'id',
		account_id => q{SELECT id FROM trainledger_api.credit_accounts WHERE party_id = 9001},
		account_name => 'purse of 9001', accountName => 'purse of 9001',
		issue_id => q{SELECT id FROM trainledger_api.training_token_issues WHERE party_id = 9001},
		redemption_id => q{SELECT id FROM trainledger_api.redemptions WHERE party_id = 9001},
		pass_id => q{SELECT id FROM trainledger_api.training_passes WHERE party_id = 9001},
		pass_use_id => q{SELECT id FROM trainledger_api.training_pass_uses WHERE party_id = 9001},
		ticket_id => q{SELECT id FROM trainledger_api.tickets WHERE party_id = 9001},
		idType => 'id', item_id => 1, token_type => 'default', tokenType => 'default',
		token_type_id => '00000000-0000-4000-8000-000000000001',
		program_id => '00000000-0000-4000-8000-000000000003', programId => '00000000-0000-4000-8000-000000000003',
		id => 9001, tokenid => 'signup-token-1', signup_token_id => 'signup-token-1', code => 'the-secret-code',
		query => '$.id > 0', at => '2030-01-01Z', since => '2020-01-01Z', until => '2030-01-01Z', pass_type_id => 1, option_id => 1);
	my %of_type = (bigint => 1, integer => 1, numeric => 1, boolean => JSON::PP::true, date => '2030-01-01',
		uuid => '00000000-0000-4000-8000-000000000009', 'timestamp with time zone' => '2030-01-01Z', jsonb => {},
		bytea => '\x3c', 'text[]' => '{}', 'bigint[]' => [1], 'trainledger.amount[]' => [1], 'uuid[]' => undef,
		'timestamp with time zone[]' => undef);
	my $value = $of_bob{$name};

	$value = $of_type{$type} if defined $value && $type eq 'uuid' && $value !~ /^\w{8}-|^SELECT/;
	$value //= exists $of_type{$type} ? $of_type{$type} : undef;
	$value = first_row($value) if defined $value && $value =~ /^SELECT/;
	return $value if defined $value || exists $of_type{$type};
	return 'some text' if $type !~ /^trainledger\./;
	return first_row("SELECT coalesce(min(enumlabel), 'some text') FROM pg_enum WHERE enumtypid = '$type'::regtype");
}

# What she may not call is 403; what she may call tells nothing of Bob.
sub functions
{
	my @functions = rows($node, q{SELECT p.proname, p.provolatile, v.level, coalesce(array_to_string(p.proargnames[:p.pronargs], ','), ''),
			(SELECT string_agg(format_type(t, NULL), ',' ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY a(t, n))
		FROM pg_proc p LEFT JOIN trainledger.privilege v ON v.function_name = p.proname
		WHERE p.pronamespace = 'trainledger_api'::regnamespace ORDER BY 1});
	my %documents = (
		credit_token_transaction => { operation => 'add', delegate_id => 9001, amount => 1, source => 's', description => 'd', recordedAt => 1 },
		UserTickets => { userId => (rows($node, 'SELECT uuid FROM trainledger.party WHERE id = 9001'))[0] },
		ProgramsAfter => { after => '2020-01-01' });

	cmp_ok(scalar @functions, '>', 60, 'the functions are there');
	foreach my $function (@functions)
	{
		my ($name, $volatility, $level, $names, $types) = split /\|/, $function, -1;
		my @names = split /,/, $names;
		my @types = split /,/, $types;
		my ($content, $type) = ({}, 'application/json');

		# relations for embedding are no endpoints
		if ($types =~ /^trainledger_api\./)
		{
			is(ask($name, POST => "/rpc/$name", {})->{status}, 404, "$name is no endpoint");
			next;
		}
		$content = { map { $names[$_] => argument($names[$_], $types[$_]) } 0 .. $#names } if @names;
		$content = $documents{$name} || { programId => '00000000-0000-4000-8000-000000000003' } if $types eq 'json';
		($content, $type) = ('<Tokens/>', 'application/octet-stream') if $types eq 'bytea' && !@names;

		my $answer = ask($name, POST => "/rpc/$name", $content, 'Content-Type' => $type);
		ok(defined $level, "$name has a level");
		if ($level ne 'learner' || $name eq 'claim_signup_token')
		{
			is("$answer->{status} " . ($answer->{json}{code} // ''), '403 42501', "$name is not for her, or not for Bob");
		}
		else
		{
			like($answer->{status}, qr/^(?:200|404)$/, "$name: $answer->{status}, nothing of Bob's");
		}
		if ($volatility ne 'v' && @names)
		{
			my $query = join '&', map { "$_=" . $faces->encoded($content->{$_} // '') } @names;
			is(ask($name, GET => "/rpc/$name?$query")->{status}, $answer->{status}, "$name, GET: the same");
		}
	}
	# each identifier of Bob's
	foreach my $pair (rows($node, q{SELECT unnest(ARRAY['id:9001', 'uuid:' || uuid, 'email:' || email, 'rfid:' || rfid, 'barcode:' || barcode,
		'externalId:' || external_id]) FROM trainledger.party WHERE id = 9001}))
	{
		my ($type, $id) = split /:/, $pair;
		is(ask($type, GET => "/rpc/find_party?id_type=$type&id=$id")->{status}, 404, "Bob is not found by $type");
		next if $type =~ /uuid|email/;
		is(ask($type, GET => "/credit-token/$_/purse%20of%209001/$type:$id")->{status}, 404, "nor his $_ by $type") for qw(balance history);
	}
	return;
}

sub no_writing_through_views
{
	foreach my $view (@views)
	{
		my $column = (grep { $_ ne 'global_id' } @{ $columns{$view} })[1] // $columns{$view}[0];
		foreach my $method (qw(POST PATCH PUT DELETE))
		{
			my $path = "/$view" . ($method eq 'POST' ? '' : "?$columns{$view}[0]=not.is.null");
			my $answer = ask("$method $view", $method, $path, $method eq 'DELETE' ? undef : { $column => 1 });
			is($answer->{status}, 405, "$method /$view is not allowed");
		}
	}
	return;
}

# Nothing outside of trainledger_api, and no plans
sub nothing_else
{
	foreach my $schema (qw(trainledger public pg_catalog information_schema trainledger_graphql))
	{
		is(ask($schema, GET => '/party', undef, 'Accept-Profile' => $schema)->{status}, 406, "schema $schema is not served");
		is(ask($schema, POST => '/rpc/grant_access', {}, 'Content-Profile' => $schema)->{status}, 406, "nor for writing");
	}
	foreach my $path (qw(/party /entry /account /token_lot /pg_roles /rpc/_add_party /rpc/_refuse /rpc/has_level
		/rpc/grant_access /rpc/set_config /rpc/pg_sleep /rpc/tl_api /trainledger.party /parties;x))
	{
		is(ask($path, GET => $path)->{status}, 404, "$path is not there");
	}
	is(ask('plan', GET => '/parties', undef, Accept => 'application/vnd.pgrst.plan')->{status}, 415, 'no plans');
	is(ask('sum', GET => '/credit_accounts?select=balance.sum(),count()')->{body}, '[{"sum":6001.5,"count":1}]', 'sums are of what is hers');
	is(ask('function bodies', GET => '/')->{status}, 200, 'the OpenAPI document');
	unlike(ask('function bodies', GET => '/')->{body}, qr/SELECT|PERFORM|MODULE_PATHNAME|tl_api/, 'has no function bodies');
	return;
}

# Tokens that are not good: 401, and not a word
sub tokens
{
	my %claims = (role => 'web_learner', party_id => 5001, exp => time + 3600);
	my $good = sign_token($faces->{secret}, \%claims);
	my ($head, $body, $signature) = split /\./, $good;
	my $of = sub { sign_token($faces->{secret}, { %claims, @_ }) };
	my $none = do { require MIME::Base64; MIME::Base64::encode_base64url('{"alg":"none","typ":"JWT"}') };
	my %bad = (
		'another secret' => sign_token('another secret of at least 32 letters', \%claims),
		'a changed signature' => "$head.$body." . reverse($signature),
		'changed claims' => do { my (undef, $other) = split /\./, $of->(party_id => 9001); "$head.$other.$signature" },
		'no signature' => "$head.$body.",
		'alg none' => "$none.$body.",
		'expired' => $of->(exp => time - 60),
		'not yet valid' => $of->(nbf => time + 3600),
		'no role' => sign_token($faces->{secret}, { exp => time + 3600 }),
		'no token at all' => 'token',
		'an empty token' => '');

	is($faces->request($good, GET => '/parties')->{status}, 200, 'a good token');
	foreach my $what (sort keys %bad)
	{
		foreach my $path ('/parties', '/rpc/find_party?id_type=id&id=5001', '/', '/tokens', '/core/ListActivePrograms',
			'/credit-token/balance/default/id:5001.json', '/nowhere')
		{
			my $answer = $faces->request($bad{$what}, GET => $path);
			is($answer->{status}, 401, "$what: 401 for $path");
			unlike($answer->{body}, qr/Private|trainledger/, "$what: and not a word");
		}
	}
	is($faces->request(undef, GET => $_)->{status}, 401, "without a token: 401 for $_") for '/', '/tokens', '/nowhere', map { "/$_" } @views;
	is($faces->request(undef, POST => '/rpc/add_party', { kind => 'person', name => 'x' })->{status}, 401, 'nor writing');

	# roles that the login is no member of, and claims that are no party
	cmp_ok($faces->request($of->(role => $_), GET => '/parties')->{status}, '>=', 400, "role $_ is of no use")
	  for 'postgres', 'pg_read_all_data', 'nobody', '"; SET ROLE postgres; --', 'web_learner"';
	foreach my $party (undef, '5001 OR 1=1', -1, 'x', [5001], { id => 5001 }, '', 1e300, 5001.5, JSON::PP::true)
	{
		my $answer = $faces->request($of->(party_id => $party), GET => '/parties');
		ok($answer->{status} >= 400 && $answer->{status} < 500 || $answer->{body} eq '[]',
			'party_id ' . $json->encode($party) . " sees nobody: $answer->{status}");
	}
	return;
}

# An operator sees everything, a reader too, and a learner of nobody nothing
sub levels
{
	my $nobody = $faces->token('learner');

	foreach my $view (@views)
	{
		my $expected = expected("SELECT * FROM trainledger_api.$view");
		is_deeply(found($faces->request($faces->token($_), GET => "/$view")), $expected, "$view: a $_ sees all")
		  for qw(reader operator);
		is(scalar @$expected > 0, 1, "$view: and there is something to see");
		is($faces->request($nobody, GET => "/$view")->{body}, '[]', "$view: nobody sees nothing")
		  unless ($seen_of{$view} // '') eq $all;
	}
	return;
}

# Texts come back as they were sent, in every argument that is a text, and in
# filters. What a function refuses (no such code, say) it refuses with its own
# error.
sub injection
{
	my $admin = $faces->token('admin', sub => "o'hara\"; --");
	my @texts = ("'; DROP TABLE trainledger.party; --", q{" OR ""="}, q{\\'); SELECT pg_sleep(9); --}, '$$; $1 %s %n {} \\u0000',
		"<Token>&amp;</Token>\x{2019}\n\t\x{1F600}", '{"a": [1], "b":"c"}', '(1,"2",)', '*) OR (1=1', '%27%20OR%201');
	my %good = good_calls();
	my $before = rows($node, 'SELECT count(*) FROM pg_class');
	my ($sent, $came_back) = (0, 0);

	foreach my $line (rows($node, q{SELECT p.proname, a.name FROM pg_proc p, unnest(p.proargnames, p.proargtypes::oid[]) a(name, type)
		WHERE p.pronamespace = 'trainledger_api'::regnamespace AND a.type = 'text'::regtype AND p.proname !~ '^(credit_token_|tokens?$)' ORDER BY 1, 2}))
	{
		my ($function, $argument) = split /\|/, $line;
		if (!$good{$function})
		{
			fail("the test has no call of $function");
			next;
		}
		foreach my $i (0 .. $#texts)
		{
			my %call = (%{ $good{$function}->("$argument $i") }, $argument => $texts[$i]);
			my $answer = $faces->request($admin, POST => "/rpc/$function", \%call);
			my $row = ref $answer->{json} eq 'ARRAY' ? $answer->{json}[0] : $answer->{json};

			$sent++;
			next if $answer->{status} =~ /^4\d\d$/ && $answer->{json}{code} =~ /^(?:TL\d+|PGRST202|22P02)$/;
			next if $answer->{status} == 204;	# returns nothing
			if ($answer->{status} != 200)
			{
				fail("$function, $argument $i: $answer->{status} $answer->{body}");
				next;
			}
			next unless ref $row eq 'HASH' && exists $row->{$argument};
			# the hold shows its own notes; those of the call are its event's
			next if $function =~ /^(?:capture|release)_hold$/;
			$came_back++;
			fail("$function, $argument: $texts[$i] comes back as $row->{$argument}") if $row->{$argument} ne $texts[$i];
		}
	}
	cmp_ok($came_back, '>', 200, "$came_back of $sent texts come back as data");
	foreach my $text (@texts)
	{
		my $escaped = $faces->encoded($text);
		foreach my $query ("name=eq.$escaped", "name=in.($escaped)", "name=like.$escaped", "name=fts.$escaped",
			"or=(name.eq.$escaped)", "order=$escaped", "select=$escaped", "limit=$escaped", "$escaped=eq.1",
			"attributes=cs.$escaped", "attributes->>$escaped=eq.1", "select=*,$escaped(*)")
		{
			my $answer = $faces->request($admin, GET => "/parties?$query");
			fail("/parties?$query: $answer->{status} $answer->{body}")
			  unless $answer->{status} =~ /^(?:200|206|4\d\d)$/ && $answer->{body} !~ /syntax error at or near|unterminated/;
		}
		my $answer = $faces->request($admin, GET => "/parties?name=eq.$escaped");
		is_deeply([ grep { $_ ne $text } map { $_->{name} } @{ $answer->{json} } ], [], 'a filter compares');
		cmp_ok(scalar @{ $answer->{json} }, '>', 0, 'and finds');

		$answer = $faces->request($admin, POST => '/credit-token/transaction/init',
			{ delegate_id => 9002, amount => 1, source => $text, description => $text, recordedAt => 1, accountName => $text });
		is_deeply([ $answer->{status}, @{ $answer->{json}{transaction} }{qw(source description accountName)} ],
			[ 201, $text, $text, $text ], 'and the credit documents keep it');
		$answer = $faces->request($admin, GET => '/credit-token/balance/' . $faces->encoded($text) . '/id:9002');
		is($answer->{status}, $text =~ m{/} ? 404 : 200, 'and find the account by its name');
	}
	is((rows($node, "SELECT DISTINCT booked_by FROM trainledger.entry WHERE booked_by LIKE 'o''hara%'"))[0], "o'hara\"; --", 'booked by whom the token names');
	is(rows($node, 'SELECT count(*) FROM pg_class'), $before, 'no relation came or went');
	books_are_right($node, 'after it all');
	return;
}

# A call that is good but for the one text, which differs from call to call
sub good_calls
{
	my $id = '00000000-0000-4000-8000-000000000001';
	my $program = '00000000-0000-4000-8000-000000000003';
	my ($account) = rows($node, 'SELECT id FROM trainledger_api.credit_accounts WHERE party_id = 9001');
	my ($issue) = rows($node, 'SELECT id FROM trainledger_api.training_token_issues WHERE party_id = 9001');
	my ($other) = rows($node, 'SELECT id FROM trainledger_api.credit_accounts WHERE party_id = 9002');
	my ($hold) = rows($node, q{SELECT id FROM trainledger_api.holds WHERE notes = 'open round of 9001'});
	my ($pass) = rows($node, 'SELECT id FROM trainledger_api.training_passes WHERE party_id = 9001');
	my ($use) = rows($node, 'SELECT id FROM trainledger_api.training_pass_uses WHERE party_id = 9001');
	my ($claim) = rows($node, 'SELECT id FROM trainledger_api.signup_claims WHERE party_id = 9001');
	my ($token) = 'signup-token-1';
	my $n = 0;
	my %credit = (party_id => 9001, amount => 1, description => 'd', account_name => 'purse of 9001');

	return (
		add_party => sub { +{ kind => 'person', name => shift } },
		update_party => sub { +{ party_id => 9001 } },
		start_log => sub { +{ origin => shift =~ tr/ /-/r, reason => 'r' } },
		verify => sub { +{} },
		forget_party => sub {
			my ($party) = rows($node, q{SELECT id FROM trainledger.add_party('person', 'To be forgotten')});
			return { party_id => 0 + $party, reason_code => 'r', subs => [shift] };
		},
		redact_entry => sub { +{ account_id => 0 + $account, entry_no => 1, reason_code => 'r' } },
		feed_read => sub { +{ consumer => shift, max_events => 1 } },
		feed_ack => sub { +{ consumer => shift, position => 'end' } },
		feed_drop => sub { +{ consumer => shift } },
		add_signature => sub { +{ size => 1 } },
		find_party => sub { +{ id_type => 'id', id => '9001' } },
		add_catalog_item => sub { +{ kind => 'course', code => shift, name => 'n' } },
		update_catalog_item => sub { +{ item_id => 1, name => shift } },
		add_region => sub { +{ code => shift, name => 'n' } },
		add_currency => sub { +{ code => shift, name => 'n' } },
		add_credit_token_type => sub { +{ name => shift } },
		add_training_token_type => sub { +{ name => shift } },
		update_token_type => sub { +{ token_type_id => $id } },
		post => sub { +{ account_id => 0 + $account, operation => 'add', amount => 1, source => shift } },
		post_batch => sub { +{ account_ids => [ 0 + $account ], deltas => [1], source => shift } },
		credit_init => sub { +{ %credit, source => 's', recorded_at => '2026-01-01Z', account_name => shift } },
		credit_add => sub { +{ %credit, source => shift, recorded_at => '2026-01-01Z' } },
		credit_subtract => sub { +{ %credit, source => shift, recorded_at => '2026-01-01Z' } },
		credit_transfer => sub { +{ from_account_id => 0 + $account, to_account_id => 0 + $other, amount => 1, source => shift } },
		credit_balance => sub { +{ party_id => 9001 } },
		credit_history => sub { +{ party_id => 9001 } },
		issue_training_tokens => sub { +{ token_type_id => $id, party_id => 9001, quantity => 1 } },
		adjust_training_tokens => sub { +{ issue_id => $issue, amount => 1 } },
		void_training_tokens => sub { +{ issue_id => $issue } },
		set_training_tokens_expiry => sub { +{ issue_id => $issue, expires_on => '2031-01-01' } },
		transfer_training_tokens => sub { +{ from_party_id => 9001, to_party_id => 9002, token_type_id => $id, quantity => 1 } },
		redeem_training_tokens => sub { +{ party_id => 9001, token_type_id => $id, quantity => 1, reference => shift } },
		hold_training_tokens => sub { +{ party_id => 9001, token_type_id => $id, quantity => 1, reference => shift } },
		credit_hold => sub { +{ party_id => 9001, amount => 1, source => 's', description => shift, account_name => 'purse of 9001' } },
		capture_hold => sub { +{ hold_id => $hold, quantity => 0.01, is_final => JSON::PP::false } },
		release_hold => sub { +{ hold_id => $hold, quantity => 0.01 } },
		why => sub { +{ party_id => 9001, token_type_id => $id } },
		why_not => sub { +{ party_id => 9001, token_type_id => $id, quantity => 1 } },
		create_pass_type => sub { +{ code => shift, name => 'n' } },
		update_pass_type => sub { +{ pass_type_id => 1 } },
		create_pass_option => sub { +{ pass_type_id => 1, name => shift, validity_unit => 'days', validity_value => 1 } },
		update_pass_option => sub { +{ option_id => 1 } },
		create_pass_price => sub { +{ option_id => 1, region_code => 'EU', currency_code => 'EUR', amount => 1 } },
		use_pass => sub { +{ party_id => 9001, item_id => 1, reference => shift } },
		cancel_pass_use => sub { +{ pass_use_id => 0 + $use } },
		correct_pass => sub { +{ pass_id => 0 + $pass, valid_from => '2026-01-01Z', valid_until => '2031-01-01Z' } },
		create_signup_token => sub { +{ type => 1, type_id => 'C-1', maximum_activations => 1, code => shift } },
		update_signup_token => sub { +{ signup_token_id => $token } },
		claim_signup_token => sub { +{ code => 'the-secret-code', party_id => 9001 } },
		cancel_signup_claim => sub { +{ signup_claim_id => 0 + $claim } },
		add_program_kind => sub { +{ name => shift } },
		add_program => sub { +{ kind_id => '00000000-0000-4000-8000-000000000002', name => shift, start_date => '2026-01-01', duration => 1 } },
		update_program => sub { +{ program_id => $program } },
		update_user_cohort_state => sub { +{ party_id => 9001, program_id => $program, state => 'active' } },
		confirm_cohort => sub { +{ program_id => $program, cohort_name => shift } },
		sync_cohort => sub { +{ program_id => $program, cohort_id => $id, query => shift } },
		sync_cohort_preview => sub { +{ program_id => $program, cohort_id => $id, query => shift } },
		create_program_ticket => sub { +{ program_kind_id => '00000000-0000-4000-8000-000000000002', party_id => 9001, sku => shift } });
}
