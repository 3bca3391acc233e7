# Signup tokens from many sessions at once: 200 claims of 50 activations, the
# same party twice, expiry and deactivation, seats given back, the same codes,
# and a campaign of everything, in every isolation level. They are 40
# after the first 200, but for make soak, which plays more rounds too.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('signup_races', 'max_connections = 220',
	'synchronous_commit = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
my $seed = $ENV{TRAINLEDGER_SEED} || 20261122;
srand $seed;
note "seed $seed";

$node->safe_psql('books', <<'END');
SELECT trainledger.add_party('person', 'Person ' || i, id => i) FROM generate_series(1, 200) i;
SELECT trainledger.add_catalog_item('course', 'C' || i, 'Course') FROM generate_series(1, 3) i;
END

# Counts the answers by SQLSTATE: "00000 50, TL429 150"
sub outcome
{
	my %count;
	$count{ $_->{sqlstate} }++ for @_;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

my $serial = 0;

# A new token with this many activations; returns its code
sub new_token
{
	my ($maximum, $more) = @_;
	my $code = 'code ' . ++$serial;

	$more = $more ? ", $more" : '';
	$node->safe_psql('books',
		"SELECT trainledger.create_signup_token(1, 'C1', $maximum, '$code'$more)");
	return $code;
}

sub claim { return "SELECT id FROM trainledger.claim_signup_token('$_[0]', $_[1])"; }

# All at once, and again whatever met a conflict
sub at_once_again
{
	my ($sessions, @statements) = @_;
	my @answers = at_once($node, $sessions, @statements);

	for my $i (0 .. $#answers)
	{
		$answers[$i] = $sessions->[$i]->query($statements[ $i % @statements ])
		  while $answers[$i]{sqlstate} eq '40001';
	}
	return @answers;
}

# Of a token: activations, claims, parties that claimed, their enrolments
sub used
{
	my ($code) = @_;
	return $node->safe_psql('books', <<"END");
SELECT t.activations, count(c.id), count(DISTINCT c.party_id), count(DISTINCT e.id)
FROM trainledger.signup_token t LEFT JOIN trainledger.signup_claim c ON c.signup_token_id = t.id
LEFT JOIN trainledger.enrolment e ON e.id = c.enrolment_id AND e.party_id = c.party_id
WHERE t.code = '$code' GROUP BY t.id
END
}

# What has to hold of every token and claim: no row is wrong
sub tokens_are_right
{
	my ($what) = @_;

	is($node->safe_psql('books', <<'END'), '', "$what: activations are the claims, at most the maximum");
SELECT t.id, t.activations, t.maximum_activations FROM trainledger.signup_token t
WHERE t.activations <> (SELECT count(*) FROM trainledger.signup_claim c WHERE c.signup_token_id = t.id AND c.cancelled_at IS NULL)
OR t.activations > t.maximum_activations
END
	is($node->safe_psql('books', <<'END'), '', "$what: a claim is of one party, with an enrolment of its own");
SELECT c.id FROM trainledger.signup_claim c LEFT JOIN trainledger.enrolment e ON e.id = c.enrolment_id
WHERE e.party_id IS DISTINCT FROM c.party_id
UNION ALL SELECT min(id) FROM trainledger.signup_claim WHERE cancelled_at IS NULL GROUP BY party_id, signup_token_id HAVING count(*) > 1
UNION ALL SELECT min(id) FROM trainledger.enrolment WHERE ended_at IS NULL GROUP BY party_id, item_id HAVING count(*) > 1
UNION ALL SELECT e.id FROM trainledger.enrolment e WHERE (e.ended_at IS NULL) <> EXISTS (SELECT FROM trainledger.signup_claim c WHERE c.enrolment_id = e.id AND c.cancelled_at IS NULL)
END
	is($node->safe_psql('books', <<'END'), '', "$what: codes are unique");
SELECT lower(code) FROM trainledger.signup_token GROUP BY 1 HAVING count(*) > 1
END
	return;
}

# A document of these codes
sub document
{
	my $tokens = join '', map {
		"<Token><TokenCode>$_</TokenCode><TokenType>1</TokenType><TokenTypeId>C1</TokenTypeId><MaximumActivations>5</MaximumActivations></Token>"
	} @_;
	return "'<Tokens>$tokens</Tokens>'";
}

# ----------------------------------------------------------------------
# 200 sessions
# ----------------------------------------------------------------------

my @all = sessions($node, 200);
for my $level (@levels)
{
	my $crowd = $level eq 'READ COMMITTED' || soak() > 2000 ? 200 : 40;
	my ($quarter, $half) = ($crowd / 4, $crowd / 2);
	my @many = @all[ 0 .. $crowd - 1 ];
	$_->query("SET default_transaction_isolation = '$level'") for @many;

	my $code = new_token($quarter);
	my @answers = at_once_again(\@many, map { claim($code, $_) } 1 .. $crowd);
	is(outcome(@answers), "00000 $quarter, TL429 " . 3 * $quarter, "$level: $crowd claims of $quarter activations");
	is(used($code), "$quarter|$quarter|$quarter|$quarter", "$level: $quarter parties are in");
	is( $node->safe_psql('books',
			"SELECT count(*) FROM trainledger.signup_claim c JOIN trainledger.signup_token t ON t.id = c.signup_token_id WHERE t.code = '$code' AND c.id IN ("
			  . join(',', map { @{ $_->{rows} } } grep { $_->{sqlstate} eq '00000' } @answers) . ')'),
		$quarter, "$level: those who were told so");

	# who is in may ask again, however full it is
	@answers = at_once_again(\@many, map { claim($code, $_) } 1 .. $crowd);
	is(outcome(@answers), "00000 $quarter, TL429 " . 3 * $quarter, "$level: the same again");
	is(used($code), "$quarter|$quarter|$quarter|$quarter", "$level: uses nothing up");

	# a smaller crowd does for the rest, but for make soak
	if ($crowd > 40 && soak() <= 2000)
	{
		($crowd, $quarter, $half) = (40, 10, 20);
		splice @many, $crowd;
	}

	# each party twice at once, with room for each once
	$code = new_token($half);
	@answers = at_once_again(\@many, map { claim($code, 1 + $_ % $half) } 0 .. $crowd - 1);
	is(outcome(@answers), "00000 $crowd", "$level: $half parties, each twice");
	is(used($code), "$half|$half|$half|$half", "$level: each is counted once");
	is(join(' ', grep { $answers[$_]{rows}[0] ne $answers[ $_ + $half ]{rows}[0] } 0 .. $half - 1),
		'', "$level: and gets the same claim both times");

	# one party from everywhere
	$code = new_token(5);
	@answers = at_once_again(\@many, claim($code, 7));
	is(outcome(@answers), "00000 $crowd", "$level: one party $crowd times");
	is(used($code), '1|1|1|1', "$level: is counted once");

	# the clock of half of them is at the expiration
	$code = new_token($crowd, q{expiration => '2100-01-01 00:00:00Z'});
	$many[$_]->query("SET trainledger.clock = '"
		  . ($_ % 2 ? '2100-01-01 00:00:00' : '2099-12-31 23:59:59.999999') . "'")
	  for 0 .. $#many;
	@answers = at_once_again(\@many, map { claim($code, $_) } 1 .. $crowd);
	is(outcome(@answers), "00000 $half, TL410 $half", "$level: claims at the expiration");
	is(join(' ', grep { ($answers[$_]{sqlstate} eq '00000') != ($_ % 2 == 0) } 0 .. $crowd - 1),
		'', "$level: are in before it, and too late from then on");
	is(used($code), "$half|$half|$half|$half", "$level: and $half are used");
	$_->query('RESET trainledger.clock') for @many;

	# something happens to the token meanwhile: one or the other
	for my $case (
		[ 'deactivated', 'active => false', 'TL409' ],
		[ 'expired', q{expiration => '2001-01-01'}, 'TL410' ],
		[ 'given another code', q{code => 'changed ' || t.id}, 'TL404' ])
	{
		my ($what, $change, $told) = @$case;
		$code = new_token($crowd);
		my $id = $node->safe_psql('books', "SELECT id FROM trainledger.signup_token WHERE code = '$code'");
		@answers = at_once_again(\@many,
			map { $_ == $half
				? "SELECT count(u.id) FROM trainledger.signup_token t, trainledger.update_signup_token(t.id, $change) u WHERE t.id = '$id'"
				: claim($code, $_) } 1 .. $crowd);
		splice @answers, $half - 1, 1;
		my $in = grep { $_->{sqlstate} eq '00000' } @answers;
		is(outcome(@answers), join(', ', ("00000 $in") x ($in > 0), ("$told " . ($crowd - 1 - $in)) x ($in < $crowd - 1)),
			"$level: $what while the others claim, $in are in and the others told so");
		is($node->safe_psql('books', "SELECT activations, (SELECT count(*) FROM trainledger.signup_claim c WHERE c.signup_token_id = t.id) FROM trainledger.signup_token t WHERE id = '$id'"),
			"$in|$in", "$level: $what, and no more are used");
		is($many[0]->query(claim($code, $half))->{sqlstate}, $told, "$level: $what, who comes later is told so")
		  if $in < $crowd - 1;
	}

	# seats that are given back while others claim: at the end as many are taken
	# as there are, or everybody who asked is in
	$code = new_token(20);
	$_->{sqlstate} eq '00000' or die for at_once_again(\@many, map { claim($code, $_) } 1 .. 20);
	my $of = "(SELECT c.id FROM trainledger.signup_claim c JOIN trainledger.signup_token t ON t.id = c.signup_token_id WHERE t.code = '$code' AND c.party_id = %s)";
	at_once_again(\@many, map { $_ <= 20 ? 'SELECT id FROM trainledger.cancel_signup_claim(' . sprintf($of, $_) . ')' : claim($code, $_) } 1 .. $crowd);
	at_once_again(\@many, map { claim($code, $_) } 21 .. $crowd);
	is($node->safe_psql('books', "SELECT t.activations, count(*) FILTER (WHERE c.cancelled_at IS NULL), count(*) FILTER (WHERE c.cancelled_at IS NOT NULL) FROM trainledger.signup_token t JOIN trainledger.signup_claim c ON c.signup_token_id = t.id WHERE t.code = '$code' GROUP BY t.id"),
		'20|20|20', "$level: 20 seats given back while others claim: 20 are taken");
	tokens_are_right($level);
}
$_->quit for @all[ 8 .. 199 ];
my @eight = @all[ 0 .. 7 ];

# ----------------------------------------------------------------------
# The same codes
# ----------------------------------------------------------------------

for my $level (@levels)
{
	$_->query("SET default_transaction_isolation = '$level'") for @eight;
	for my $round (1 .. (soak() > 2000 ? 5 : 2))
	{
		my $first = $serial + 1;
		my @codes = map { 'code ' . ++$serial } 1 .. 200;
		my $there = $node->safe_psql('books', 'SELECT count(*) FROM trainledger.signup_token');
		my @answers = at_once_again(\@eight,
			map { 'SELECT count(*) FROM trainledger.import_signup_tokens(' . document($_ % 2 ? @codes : reverse @codes) . ')' } 1 .. 8);
		is(outcome(@answers), '00000 1, TL409 7',
			"$level, round $round: of 8 documents of the same 200 codes, in both orders, one is read");
		is($node->safe_psql('books', 'SELECT count(*) FROM trainledger.signup_token') - $there,
			200, "$level, round $round: which makes 200 tokens");

		# documents of one of its own and one that all have; single tokens
		my $shared = 'code ' . ++$serial;
		@answers = at_once_again(\@eight,
			map { $_ % 2
				? 'SELECT count(*) FROM trainledger.import_signup_tokens(' . document("own $serial-$_", uc $shared) . ')'
				: "SELECT count(*) FROM trainledger.create_signup_token(1, 'C1', 1, '$shared')" } 1 .. 8);
		is(outcome(@answers), '00000 1, TL409 7', "$level, round $round: 4 documents and 4 single tokens of one code");
		is($node->safe_psql('books', "SELECT count(*) FROM trainledger.signup_token WHERE lower(code) = '$shared'"),
			1, "$level, round $round: make it once");
		is($node->safe_psql('books', "SELECT count(*) FROM trainledger.signup_token WHERE code LIKE 'own $serial-%'"),
			(grep { $_ % 2 == 0 && $answers[$_]{sqlstate} eq '00000' } 0 .. 7) ? 1 : 0,
			"$level, round $round: and nothing of the refused documents");
	}
}

# ----------------------------------------------------------------------
# Random calls of eight sessions on ten tokens, in every isolation level
# ----------------------------------------------------------------------

my $steps = int(soak() / 60) || 1;
note "$steps calls of each of 8 sessions in each isolation level";
my @codes = map { new_token(1 + int rand 20) } 1 .. 10;
my $ids = $node->safe_psql('books',
	"SELECT string_agg(id, ' ' ORDER BY id) FROM trainledger.signup_token WHERE code IN ('" . join("','", @codes) . "')");
my @ids = split / /, $ids;
for my $level (@levels)
{
	my @left = ($steps) x 8;
	my (%seen, $answered);

	$_->query("SET default_transaction_isolation = '$level'") for @eight;
	drive(
		\@eight,
		sub {
			my ($i) = @_;
			return undef if $left[$i]-- <= 0;
			my $code = $codes[ rand @codes ];
			my $id = $ids[ rand @ids ];
			my $kind = rand;
			return claim($code, 1 + int rand 200) if $kind < 0.42;
			return 'SELECT id FROM trainledger.cancel_signup_claim(coalesce((SELECT id FROM trainledger.signup_claim WHERE cancelled_at IS NULL ORDER BY random() LIMIT 1), 1))' if $kind < 0.54;
			return "SELECT id FROM trainledger.update_signup_token('$id', active => " . (rand() < 0.7 ? 'true' : 'false') . ')' if $kind < 0.62;
			return "SELECT id FROM trainledger.update_signup_token('$id', maximum_activations => " . (1 + int rand 60) . ')' if $kind < 0.70;
			return "SELECT id FROM trainledger.update_signup_token('$id', expiration => " . (rand() < 0.7 ? "'2100-01-01'" : "'2001-01-01'") . ')' if $kind < 0.76;
			return "SELECT id FROM trainledger.update_signup_token('$id', type_id => 'C" . (1 + int rand 3) . "')" if $kind < 0.80;
			return "SELECT id FROM trainledger.update_signup_token('$id', code => '$code')" if $kind < 0.90;
			return "SELECT id FROM trainledger.create_signup_token(1, 'C2', 3, '" . (rand() < 0.5 ? $code : 'random ' . int rand 1000) . "')" if $kind < 0.93;
			return 'SELECT id FROM trainledger.import_signup_tokens(' . document('random ' . int rand 1000, 'random ' . int rand 1000) . ')' if $kind < 0.96;
			return "SELECT id FROM trainledger.apply_signup_tokens('<Tokens>"
			  . join('', map { "<Token><TokenId>$ids[ rand @ids ]</TokenId><Active>1</Active><MaximumActivations>" . (20 + int rand 40) . '</MaximumActivations></Token>' } 1 .. 3)
			  . "</Tokens>')";
		},
		sub {
			my ($i, $answer) = @_;
			$seen{ $answer->{sqlstate} }++;
			$answered++;
			return undef;
		});
	is($answered, 8 * $steps, "$level: every call is answered");
	my $allowed = $level eq 'READ COMMITTED'
	  ? qr/^(00000|TL404|TL409|TL410|TL429)$/
	  : qr/^(00000|TL404|TL409|TL410|TL429|40001)$/;
	is(join(' ', grep { $_ !~ $allowed } sort keys %seen),
		'', "$level: with a result, a refusal or a real conflict");
	note "$level: " . join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	cmp_ok($seen{'00000'}, '>', 0, "$level: some go through");
	tokens_are_right("$level, random calls");
}

$_->quit for @eight;
no_crash($node, $started, 'signup_races');
$node->stop;
done_testing();
