# Damaged inputs for every interface: types, typed functions, settings,
# documents, COPY in its formats. Every answer is a result or a clean error,
# results make sense, no server process dies. TRAINLEDGER_SEED repeats a run.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Mutator qw(damage);

my $node = start_books('fuzz', 'max_wal_size = 1GB', 'synchronous_commit = off',
	'log_min_error_statement = panic', 'log_min_messages = fatal');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

$node->safe_psql('postgres', 'CREATE ROLE fuzz_reader');

# For documents: a body that core takes for JSON is never raised about, and the
# status of the answer is in its body too.
my $documents = <<'END';
CREATE FUNCTION document(body text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer json;
	status text;
BEGIN
	PERFORM body::json;
	BEGIN
		PERFORM set_config('response.status', '', true);
		EXECUTE format('SELECT trainledger_api.%I($1)', call) INTO answer USING body::json;
		status := current_setting('response.status');
	EXCEPTION WHEN OTHERS THEN
		RETURN 'wrong: raises ' || SQLSTATE || ' ' || SQLERRM;
	END;
	RETURN CASE WHEN status = '201' AND json_typeof(answer -> 'transaction') = 'object' THEN '201'
		WHEN status IN ('400', '404', '409') AND answer ->> 'code' = status THEN status
		ELSE 'wrong: status ' || status || ' ' || answer::text END;
END $$;
END
$node->safe_psql('books', $documents . <<'END');
CREATE TABLE amounts (a trainledger.amount);
CREATE TABLE ranges (r trainledger.amount_range);
CREATE TABLE lists (l trainledger.amount[]);
SELECT trainledger.add_party('person', 'Ada', id => 1, barcode => 'b1', email => 'a@example.org');
SELECT trainledger.add_credit_token_type('bounded', lower_bound => -5, upper_bound => 100000);
SELECT trainledger.credit_init(1, 5, 'setup', '', now());
SELECT trainledger.credit_init(1, 5, 'setup', '', now(), token_type => 'bounded');
SELECT trainledger.add_catalog_item('course', 'S1', 'Signup');
SELECT trainledger.create_signup_token(1, 'S1', 1000000, 'spring', id => 's1');
INSERT INTO amounts VALUES ('1.5'), (NULL), (-7);
INSERT INTO ranges VALUES ('[1.5,7)'), ('empty'), ('(,3]');
INSERT INTO lists VALUES ('{1.5,NULL,7}'), ('{{1,2},{3,4}}'), ('{}');
END

# ----------------------------------------------------------------------
# The doors
# ----------------------------------------------------------------------

my @amounts = ('5', '-20', '99.9', ' +0.000001 ', '-9223372036854.775808', '1.50');
my @ranges = ('[1,2)', '(,)', 'empty', '[-1.5, 99.999999]', '( 0,)');
my @texts = ('till 3', '', "K\xc3\xa4\xc3\x9fe", 'default', 'a' x 250);
my @objects = ('{"party_id": 1, "sub": "ada"}', '["a", {"b": [1, 2.5e3, null, true]}]', '{}');
my $document =
  '{"delegate_id": 1, "amount": 5, "source": "till", "description": "a \u00e4 \"b\"", "recordedAt": 1512504936}';
my @documents = (
	$document,
	'{"operation": "add", "delegate_barcode": "b1", "amount": "5.25", "source": "s", "description": "d", "recordedAt": "1512504936", "accountName": "default", "tokenType": "bounded", "rounding": "floor", "balanceExpected": 10, "device_id": 7}',
	'{"operation": "init", "delegate_id": 1, "amount": -1e-2, "source": "s", "description": "d", "recordedAt": 1512504936, "accountName": "other", "device_code": "X"}',
	'{"operation": "subtract", "delegate_rfid": "x", "amount": 0.1, "source": "s", "description": "d", "recordedAt": 0}');

my $signup =
  "<Tokens><Token><TokenCode>K\xc3\xa4\xc3\x9fe &amp; <![CDATA[<b>]]></TokenCode><TokenType>1</TokenType><TokenTypeId>S1</TokenTypeId><MaximumActivations>5</MaximumActivations><TokenExpiration>2030-12-31T23:59:59</TokenExpiration></Token></Tokens>";

# A door is a name, the statement and the inputs to damage. In the statement
# INPUT stands for the damaged text; a result that begins with "wrong" is one.
my @doors = (
	[ 'amount', "SELECT CASE WHEN a::numeric IS DISTINCT FROM v::numeric OR a::text::trainledger.amount IS DISTINCT FROM a THEN 'wrong' END FROM (SELECT v, v::trainledger.amount AS a FROM (SELECT INPUT AS v) x OFFSET 0) y", @amounts ],
	[ 'amount[]', "SELECT CASE WHEN a::text::trainledger.amount[]::text <> a::text THEN 'wrong' END FROM (SELECT (INPUT)::trainledger.amount[] AS a OFFSET 0) x", '{1,2.5}', '{{1,NULL},{"-3","+4"}}', '[2:3]={1,2}' ],
	[ 'amount_range', "SELECT CASE WHEN r::text::trainledger.amount_range <> r THEN 'wrong' END FROM (SELECT (INPUT)::trainledger.amount_range AS r OFFSET 0) x", @ranges ],
	[ 'amount_multirange', "SELECT CASE WHEN r::text::trainledger.amount_multirange <> r THEN 'wrong' END FROM (SELECT (INPUT)::trainledger.amount_multirange AS r OFFSET 0) x", '{[1,2),[3,4]}', '{}', '{(,)}' ],
	[ 'numeric as amount', "SELECT CASE WHEN (INPUT)::numeric::trainledger.amount::numeric <> (INPUT)::numeric THEN 'wrong' END", @amounts, '1e5', 'NaN' ],
	[ 'round_amount', "SELECT trainledger.round_amount((INPUT)::numeric, 2, 'half_even')", @amounts, '2.345' ],
	[ 'rounding', "SELECT trainledger.round_amount(2.5, 0, (INPUT)::trainledger.rounding)", qw(round floor ceil half_even) ],
	[ 'format_amount', "SELECT trainledger.format_amount((INPUT)::trainledger.amount, 2)", @amounts ],
	[ 'global_id_key', "SELECT CASE WHEN trainledger.global_id('Person', k) <> v THEN 'wrong' END FROM (SELECT v, trainledger.global_id_key(v, 'Person') AS k FROM (SELECT INPUT AS v) x OFFSET 0) y", 'UGVyc29uOjQy', 'UGVyc29uOjE=', 'UGVyc29uOjEyMzQ1Njc4OTA=' ],
	[ 'global_id, key', "SELECT CASE WHEN trainledger.global_id_key(trainledger.global_id('Person', v), 'Person') <> v THEN 'wrong' END FROM (SELECT INPUT AS v) x", '42', "K\xc3\xa4se:1" ],
	[ 'global_id, type', "SELECT CASE WHEN trainledger.global_id_key(trainledger.global_id(v, '1'), v) <> '1' THEN 'wrong' END FROM (SELECT INPUT AS v) x", 'Person', 'TrainingPassTypeOptionPrice' ],
	[ 'credit_add', "SELECT trainledger.credit_add(1, (INPUT)::numeric, 's', '', now())", @amounts ],
	[ 'credit_subtract, source', "SELECT trainledger.credit_subtract(1, 1, INPUT, '', now())", @texts ],
	[ 'credit_add, description', "SELECT CASE WHEN description <> INPUT THEN 'wrong' END FROM trainledger.credit_add(1, 1, 's', INPUT, now())", @texts ],
	[ 'credit_add, account', "SELECT trainledger.credit_add(1, 1, 's', '', now(), INPUT)", @texts ],
	[ 'credit_add, type', "SELECT trainledger.credit_add(1, 1, 's', '', now(), token_type => INPUT)", @texts, 'bounded' ],
	[ 'credit_add, device', "SELECT trainledger.credit_add(1, 1, 's', '', now(), device => INPUT)", @texts, 'id:7' ],
	[ 'credit_add, expected', "SELECT trainledger.credit_add(1, 1, 's', '', now(), balance_expected => (INPUT)::numeric)", @amounts ],
	[ 'credit_add, time', "SELECT trainledger.credit_add(1, 1, 's', '', (INPUT)::timestamptz)", '2026-01-02 03:04:05.678+02', 'infinity', '4713-01-01 BC' ],
	[ 'credit_add, key', "SELECT trainledger.credit_add(1, 1, 's', '', now(), idempotency_key => (INPUT)::uuid)", '00000000-0000-0000-0000-000000000001' ],
	[ 'credit_init', "SELECT trainledger.credit_init(1, 1, 's', '', now(), INPUT)", @texts ],
	[ 'credit_balance', "SELECT trainledger.credit_balance(1, INPUT, INPUT)", @texts ],
	[ 'post, operation', "SELECT trainledger.post(a.id, (INPUT)::trainledger.operation, 1, 's') FROM trainledger.account a WHERE name = 'default'", qw(add subtract adjust hold) ],
	[ 'post_batch, deltas', "SELECT trainledger.post_batch(array_fill((SELECT min(id) FROM trainledger.account), ARRAY[cardinality(d)]), d, 's', skip_refused => true) FROM (SELECT (INPUT)::trainledger.amount[] AS d OFFSET 0) x", '{1,2.5,-3}', '{NULL,0,0.001}' ],
	[ 'post_batch, ids', "SELECT trainledger.post_batch(d, array_fill(1::trainledger.amount, ARRAY[cardinality(d)]), 's', skip_refused => true) FROM (SELECT (INPUT)::bigint[] AS d OFFSET 0) x", '{1025,1,NULL}', '{{1025,2049}}' ],
	[ 'post_batch, descriptions', "SELECT trainledger.post_batch('{1025,2049,1025}', '{1,1,1}', 's', (INPUT)::text[])", '{a,b,NULL}', '{"x y","z\"",""}' ],
	[ 'post_batch, times', "SELECT trainledger.post_batch('{1025,2049}', '{1,1}', 's', recorded_at => (INPUT)::timestamptz[])", '{2026-01-01,NULL}', '{infinity,"2026-01-01 00:00+01"}' ],
	[ 'balance_at', "SELECT trainledger.balance_at(1025, (INPUT)::timestamptz)", '2026-01-02', 'infinity', '-infinity' ],
	[ 'find_party, type', "SELECT trainledger.find_party(INPUT, '1')", qw(id uuid email rfid barcode externalId) ],
	[ 'find_party', "SELECT (trainledger.find_party(t, INPUT)).id FROM (SELECT (ARRAY['externalId', 'id', 'barcode', 'uuid', 'email', 'rfid'])[1 + length(INPUT) % 6] AS t) x", '1', 'b1', 'a@example.org', '00000000-0000-0000-0000-000000000001' ],
	[ 'add_party, name', "SELECT trainledger.add_party('person', INPUT)", @texts ],
	[ 'add_party, email', "SELECT trainledger.add_party('person', 'x', email => INPUT)", 'a@example.org', 'b@example.org' ],
	[ 'add_party, barcode', "SELECT trainledger.add_party('person', 'x', rfid => INPUT, barcode => INPUT, external_id => INPUT)", 'b1', @texts ],
	[ 'add_party, data', "SELECT trainledger.add_party('person', 'x', data => (INPUT)::jsonb)", @objects ],
	[ 'add_party, flags', "SELECT trainledger.add_party('person', 'x', flags => (INPUT)::text[], sources => (INPUT)::text[])", '{a,b}', '{}', '{{a},{b}}', '{NULL}' ],
	[ 'update_party', "SELECT trainledger.update_party(1, attributes => (INPUT)::jsonb)", @objects ],
	[ 'update_party, clear', "SELECT trainledger.update_party(1, clear => (INPUT)::text[])", '{rfid,external_id}', '{email}' ],
	[ 'add_catalog_item', "SELECT trainledger.add_catalog_item('course', INPUT, INPUT)", @texts, 'C1' ],
	[ 'add_region', "SELECT trainledger.add_region(INPUT, 'x')", 'eu', 'us-1' ],
	[ 'add_currency', "SELECT trainledger.add_currency(INPUT, 'x')", 'EUR', 'USD' ],
	[ 'add_credit_token_type', "SELECT trainledger.add_credit_token_type(INPUT, symbol => INPUT, description => INPUT)", @texts ],
	[ 'bounds', "SELECT trainledger.add_credit_token_type(INPUT, lower_bound => -1000000, upper_bound => (INPUT)::numeric)", @amounts ],
	[ 'grant_access', "SELECT trainledger.grant_access((INPUT)::name, 'reader')", 'fuzz_reader', 'x"y' ],
	[ 'claims', "SELECT trainledger.current_party(), (trainledger.credit_add(1, 1, 's', '', now())).booked_by FROM set_config('request.jwt.claims', INPUT, true)", @objects, '{"sub": 7, "party_id": "1"}' ],
	[ 'party setting', "SELECT trainledger.current_party() FROM set_config('trainledger.party_id', INPUT, true)", '1', '' ],
	[ 'clock', "SELECT trainledger.clock() FROM set_config('trainledger.clock', INPUT, true)", '2026-01-02 03:04:05', '2026-01-02T03:04:05Z', '' ],
	[ 'document, init', "SELECT document(INPUT, 'credit_token_transaction_init')", @documents ],
	[ 'document, add', "SELECT document(INPUT, 'credit_token_transaction_add')", @documents ],
	[ 'document, subtract', "SELECT document(INPUT, 'credit_token_transaction_subtract')", @documents ],
	[ 'document, any', "SELECT document(INPUT, 'credit_token_transaction')", @documents ],
	[ 'document, balance', "SELECT trainledger_api.credit_token_balance(INPUT, 'barcode', 'b1', INPUT)", @texts ],
	[ 'document, history', "SELECT trainledger_api.credit_token_history('default', t, INPUT) FROM (SELECT (ARRAY['x', 'id', 'barcode', 'externalId', 'rfid', 'uuid'])[1 + length(INPUT) % 6] AS t) x", '1', 'b1', '99' ],
	[ 'document, type of id', "SELECT trainledger_api.credit_token_history('default', INPUT, '1')", 'id', 'barcode' ],
	[ 'signup code, printed', "SELECT CASE WHEN x.code <> t.code THEN 'wrong' END FROM trainledger.create_signup_token(1, 'S1', 1, INPUT) t, xmltable('/Tokens/Token' PASSING (trainledger_internal.signup_document(ARRAY[t], ' ')::xml) COLUMNS code text PATH 'TokenCode') x", @texts, "a\tb", 'SPRING<&>' ],
	[ 'create_signup_token, id', "SELECT CASE WHEN x.id <> t.id THEN 'wrong' END FROM trainledger.create_signup_token(1, 'S1', 1, id => INPUT) t, xmltable('/Tokens/Token' PASSING (trainledger_internal.signup_document(ARRAY[t], ' ')::xml) COLUMNS id text PATH 'TokenId') x", @texts, 's2' ],
	[ 'create_signup_token, item', "SELECT trainledger.create_signup_token(1, INPUT, 1)", @texts, 'S1' ],
	[ 'create_signup_token, numbers', "SELECT trainledger.create_signup_token(1 + length(INPUT) % 5, 'S1', (INPUT)::integer)", '1', '2147483647' ],
	[ 'create_signup_token, expiration', "SELECT CASE WHEN trainledger_internal.signup_document(ARRAY[t], 'T') !~ '<TokenExpiration>\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d</TokenExpiration>' THEN 'wrong' END FROM trainledger.create_signup_token(1, 'S1', 1, expiration => (INPUT)::timestamptz) t", '2026-01-02 03:04:05.678+02', 'infinity', '4713-01-01 BC', '9999-12-31 23:59:59Z' ],
	[ 'update_signup_token', "SELECT trainledger.update_signup_token('s1', code => INPUT)", @texts, 'spring' ],
	[ 'update_signup_token, id', "SELECT trainledger.update_signup_token(INPUT, active => true)", 's1', @texts ],
	[ 'update_signup_token, clear', "SELECT trainledger.update_signup_token('s1', clear => (INPUT)::text[])", '{expiration}', '{code}' ],
	[ 'claim_signup_token', "SELECT trainledger.claim_signup_token(INPUT, 1)", 'spring', @texts ],
	[ 'signup document', "SELECT CASE WHEN d !~ '^<(Tokens|Error)[>/]' THEN 'wrong' END FROM trainledger_api.create_tokens(convert_to(INPUT, getdatabaseencoding()::name)) d", $signup, qq(<?xml version="1.0" encoding="UTF-8"?>$signup) ],
	[ 'signup document, changes', "SELECT CASE WHEN d !~ '^<(Tokens|Error)[>/]' THEN 'wrong' END FROM trainledger_api.update_tokens(convert_to(INPUT, getdatabaseencoding()::name)) d", '<Tokens><Token><TokenId>s1</TokenId><Active>false</Active><TokenExpiration/></Token></Tokens>' ],
	[ 'signup tokens', "SELECT CASE WHEN d !~ '^<(Tokens|Error)[>/]' THEN 'wrong' END FROM trainledger_api.tokens((INPUT)::integer, length(INPUT)) d", '0', '100' ],
	[ 'signup token', "SELECT CASE WHEN d !~ '^<(Tokens|Error)[>/]' THEN 'wrong' END FROM trainledger_api.token(INPUT) d", 's1', @texts ],
);

# Doors that bytes come in by: the table, the format, and what COPY writes
for my $table (qw(amounts ranges lists))
{
	for my $format (qw(text csv binary))
	{
		my $file = PostgreSQL::Test::Utils::tempdir . "/$table.$format";
		$node->safe_psql('books', "COPY $table TO '$file' (FORMAT $format)");
		push @doors,
		  [
			"COPY $table, $format",
			"BEGIN\\; COPY $table FROM 'FILE' (FORMAT $format)\\; SELECT count($table.*::text) FROM $table\\; ROLLBACK",
			slurp_file($file)
		  ];
	}
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

my $cases = soak();
my $seed = $ENV{TRAINLEDGER_SEED} || 20261121;
srand $seed;
note "seed $seed: $cases damaged inputs at ", scalar @doors, ' doors';

# bad values; the product's own; a malformed binary value; too long or too deep
my $clean = qr/^(00000|22...|TL\d\d\d|08P01|54000|54001)$/;
my $file = PostgreSQL::Test::Utils::tempdir . '/input';
my (%states, %opened, @complaints);
my $session = TrainLedger::Session->new($node, 'books');

for my $case (0 .. $cases - 1)
{
	my ($name, $statement, @inputs) = @{ $doors[ $case % @doors ] };
	my $input = damage($inputs[ rand @inputs ]);

	if ($statement =~ s/FILE/$file/)
	{
		open my $out, '>:raw', $file or die "$file: $!";
		print $out $input;
		close $out;
	}
	my $hex = unpack 'H*', $input;
	$statement =~ s/INPUT/convert_from('\\x$hex', 'UTF8')/g;

	my $answer = $session->query($statement);
	my $state = $answer->{sqlstate};
	my $text = join ' ', @{ $answer->{rows} };
	$states{$state}++;
	$opened{$name}++ if $state eq '00000';
	$states{"document $text"}++ if $text =~ /^\d{3}$/;
	if ($answer->{lost} || $state !~ $clean || $text =~ /^wrong/)
	{
		push @complaints, "$name: $state";
		diag "case $case, $name: $state $text\n  "
		  . substr($statement, 0, 2000)
		  . ($statement =~ /COPY/ ? "\n  the file: $hex" : '')
		  if @complaints <= 20;
	}
	$session = TrainLedger::Session->new($node, 'books')
	  if $answer->{lost};
	$session->query('ROLLBACK') if $statement =~ /^BEGIN/;
}
note join ', ', map { "$_ $states{$_}" } sort keys %states;
note 'nothing came in at: ',
  join('; ', grep { !$opened{$_} } map { $_->[0] } @doors) || 'no door';

is(join("\n", @complaints), '',
	'every answer is a result that makes sense or a clean error');
books_are_right($node, 'fuzz');
no_crash($node, $started, 'fuzz');
done_testing();
