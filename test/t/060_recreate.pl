# The extension is dropped and created again while sessions that have used it go
# on: they look up again what they cache (OIDs of tables and types, plans).
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Test::More;

use TrainLedger;

my $node = start_books('recreate');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my ($one, $two) = sessions($node, 2);

# A posting of every kind, prepared ones too
sub use_books
{
	my ($session, $what, $name) = @_;
	my $party = $session->query(
		"SELECT id FROM trainledger.add_party('person', 'Ada')")->{rows}[0];
	my $in = "$party, 5, 'x', '', '2026-01-02', '$name'";

	for my $call (
		"SELECT balance FROM trainledger.credit_init($in)",
		"SELECT balance FROM trainledger.credit_add($in)",
		"SELECT p.balance FROM trainledger.account a, trainledger.post(a.id, 'subtract', 5, 'x') p WHERE a.party_id = $party",
		"SELECT sum(b.balance) - 2 FROM trainledger.account a, trainledger.post_batch(ARRAY[a.id], ARRAY[2], 'x') b WHERE a.party_id = $party",
		"SELECT trainledger.credit_balance($party, '$name') - 2")
	{
		my $answer = $session->query($call);
		my $expected = $call =~ /credit_add/ ? 10 : 5;
		is("$answer->{sqlstate} @{ $answer->{rows} }",
			"00000 $expected", "$what: $call");
	}
	return if $what =~ /in that transaction/;
	is($session->query(
			"SELECT trainledger.credit_add($in)")->{sqlstate},
		'TL056', "$what: a duplicate");
	is($session->query('UPDATE trainledger.account SET balance = 0')->{sqlstate},
		'TL409', "$what: the guard");
	return;
}

use_books($one, 'at first', 'a');
use_books($two, 'in another session', 'b');

for my $round (1 .. 3)
{
	is($one->query('DROP EXTENSION trainledger')->{sqlstate}, '00000', 'dropped');
	is($two->query("SELECT trainledger.post(1, 'add', 1, 'x')")->{sqlstate},
		'42883', 'the other session sees that');
	is($one->query('CREATE EXTENSION trainledger')->{sqlstate}, '00000', 'made anew');
	use_books($one, "round $round, the session that did it", 'a');
	use_books($two, "round $round, the other session", 'b');
}

# within one transaction, and taken back
is($one->query("BEGIN\\; DROP EXTENSION trainledger\\; CREATE EXTENSION trainledger")
	  ->{sqlstate}, '00000', 'dropped and made anew in a transaction');
use_books($one, 'in that transaction', 'c')
  if $one->query('SAVEPOINT s')->{sqlstate} eq '00000';
$one->query('ROLLBACK');
use_books($one, 'after it was rolled back', 'd');
use_books($two, 'in the other session then', 'e');
books_are_right($node, 'recreate');

# made for the first time under a session that has the library loaded
$node->safe_psql('postgres', 'CREATE DATABASE later');
my $late = TrainLedger::Session->new($node, 'later');
is($late->query("BEGIN\\; CREATE EXTENSION trainledger\\; ROLLBACK")->{sqlstate},
	'00000', 'made and rolled back');
is($late->query('CREATE EXTENSION trainledger')->{sqlstate}, '00000', 'made');
use_books($late, 'there', 'a');

# where PUBLIC is given nothing by default, it has the same of the extension
my $public = q{
	SELECT string_agg(x, E'\n' ORDER BY x) FROM (
		SELECT p.oid::regprocedure || ' ' || a.privilege_type
		FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
		WHERE a.grantee = 0 AND p.pronamespace IN ('trainledger'::regnamespace, 'trainledger_api'::regnamespace)
		UNION ALL
		SELECT t.oid::regtype || ' ' || a.privilege_type
		FROM pg_type t, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a
		WHERE a.grantee = 0 AND t.typnamespace = 'trainledger'::regnamespace
		AND t.typtype <> 'c' AND t.typelem = 0) AS y(x)};
$node->safe_psql('postgres', 'CREATE DATABASE closed');
$node->safe_psql('closed', q{
	ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
	ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
	CREATE EXTENSION trainledger});
my $usual = $node->safe_psql('later', $public);
like($usual, qr/^trainledger\.amount_in\(cstring\) EXECUTE$/m, 'PUBLIC has what types need');
is($node->safe_psql('closed', $public), $usual, 'whatever the default privileges are');

no_crash($node, $started, 'recreate');
done_testing();
