# Transfers of training tokens from sixteen sessions, in both directions, among
# redemptions, refunds, extensions, voids, suspensions and the sweep, while half
# of the sessions live after the expiry of some lots; in every isolation level.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('token_transfer_races');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $seed = $ENV{TRAINLEDGER_SEED} || 20261129;
srand $seed;
note "seed $seed";

my ($type) = rows($node,
	"SELECT id FROM trainledger.add_training_token_type('seats')");
my @many = sessions($node, 16);
my $calls = int(soak() / 48) || 1;
my $before = '2027-03-30T10:00:00Z';
my $after = '2027-04-02T10:00:00Z';

# The even sessions live before the end of March, the odd ones after it.
$many[$_]->query("SET trainledger.clock = '" . ($_ % 2 ? $after : $before) . "'")
  for 0 .. 15;

# Two organisations with lots that expire in March, and others
sub organisations
{
	my @made = map {
		rows($node,
			"SELECT id FROM trainledger.add_party('organisation', 'Org $_')")
	} 1 .. 2;
	$node->safe_psql('books', <<"SQL");
SET trainledger.clock = '$before';
SELECT trainledger.issue_training_tokens('$type', p, 10 + n, CASE WHEN n % 2 = 0 THEN '2027-03-31'::date ELSE '2027-12-31' END)
FROM unnest(ARRAY[@{[ join ',', @made ]}]) p, generate_series(1, 8) n
SQL
	return @made;
}

# A random call; the party that a transfer goes to may be suspended
sub call
{
	my (@party) = @_;
	my ($from, $to) = rand() < 0.5 ? @party : reverse @party;
	my $some = 1 + int rand 6;
	my $lot = "(SELECT i.id FROM trainledger.token_issue i WHERE i.party_id = $from ORDER BY random() LIMIT 1)";

	return "SELECT sum(initial_balance) FROM trainledger.transfer_training_tokens($from, $to, '$type', $some)"
	  if rand() < 0.5;
	return (
		"SELECT quantity FROM trainledger.redeem_training_tokens($from, '$type', $some, 'redeemed')",
		"SELECT refunded FROM trainledger.refund_training_tokens((SELECT max(r.id) FROM trainledger.redemption r WHERE r.party_id = $from), 1)",
		"SELECT id FROM trainledger.extend_training_tokens($lot, '2028-01-01'::date + (random() * 300)::int)",
		"SELECT id FROM trainledger.void_training_tokens($lot)",
		"SELECT is_suspended FROM trainledger.update_party($to, is_suspended => random() < 0.3)",
		'SELECT trainledger.expire_training_tokens(10)')[ int rand 6 ];
}

for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	my @party = organisations();
	my @left = ($calls) x 16;
	my (@call, %seen, $redeemed);

	$redeemed = 0;
	$_->query("SET default_transaction_isolation = '" . lc($level) . "'") for @many;
	drive(
		\@many,
		sub {
			my ($i) = @_;
			return undef unless $left[$i]-- > 0;
			return $call[$i] = call(@party);
		},
		sub {
			my ($i, $answer) = @_;
			my $state = $answer->{sqlstate};

			$seen{$state}++;
			return $call[$i] if $state eq '40001';
			$redeemed += $answer->{rows}[0]
			  if $state eq '00000' && $call[$i] =~ /redeemed/;
			return undef;
		});
	note "$level: ", join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	is(join(' ', grep { !/^(00000|40001|TL055|TL400|TL404|TL409|TL410)$/ } sort keys %seen),
		'', "$level: booked or refused, no deadlock");
	ok(!$seen{40001}, "$level: nothing to try again") if $level eq 'READ COMMITTED';
	my $both = "party_id IN ($party[0], $party[1])";
	is($node->safe_psql('books',
			"SELECT coalesce(sum(quantity), 0) FROM trainledger.redemption WHERE $both"),
		$redeemed, "$level: every acknowledged redemption is there, and no other");
	is($node->safe_psql('books', <<"SQL"), '0', "$level: a transfer gives what it takes, lot by lot");
SELECT count(*) FROM trainledger.entry e JOIN trainledger.token_lot l USING (account_id)
WHERE l.$both AND e.operation = 'transfer' AND NOT EXISTS (
	SELECT FROM trainledger.entry o JOIN trainledger.token_lot m USING (account_id)
	WHERE o.account_id = e.other_account_id AND o.other_account_id = e.account_id
	AND o.booking_no = e.booking_no AND o.delta = -e.delta
	AND m.party_id <> l.party_id AND m.unit_price IS NOT DISTINCT FROM l.unit_price)
SQL
	is($node->safe_psql('books', <<"SQL"), '0', "$level: no lot is below zero, or open with nothing in it");
SELECT count(*) FROM trainledger.token_lot l JOIN trainledger.account a ON a.id = l.account_id
WHERE l.$both AND (a.balance < 0::trainledger.amount OR l.is_open <> (a.balance <> 0::trainledger.amount))
SQL
	is($node->safe_psql('books', <<"SQL"), 't', "$level: what was issued is there, or was used");
SELECT sum(e.delta) FILTER (WHERE e.operation NOT IN ('transfer')) = (
	SELECT sum(a.balance) FROM trainledger.token_lot l JOIN trainledger.account a ON a.id = l.account_id WHERE l.$both)
FROM trainledger.entry e JOIN trainledger.token_lot l USING (account_id) WHERE l.$both
SQL
}
books_are_right($node, 'token_transfer_races');
no_crash($node, $started, 'token_transfer_races');
done_testing();
