# Logical replication copies the books as they were booked: the guards let the
# apply worker write, and nobody else.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $node = start_books('publisher', 'wal_level = logical', 'max_wal_senders = 4',
	'max_replication_slots = 4');
my $copy = start_books('subscriber');

my $post = <<'END';
SELECT count(*) FROM trainledger.account a, trainledger.post(a.id, 'add', 1.25, 'load', '', clock_timestamp());
SELECT count(*) FROM trainledger.post_batch(ARRAY(SELECT id FROM trainledger.account), ARRAY(SELECT '-0.5'::trainledger.amount FROM trainledger.account), 'batch');
END
$node->safe_psql('books', <<END);
SELECT trainledger.add_party('person', 'Ada ' || i) FROM generate_series(1, 20) i;
SELECT trainledger.credit_init(p.id, 5, 'setup', '', now()) FROM trainledger.party p;
$post
CREATE PUBLICATION books FOR TABLES IN SCHEMA trainledger;
END
$copy->safe_psql('books',
	"CREATE SUBSCRIPTION books CONNECTION '" . $node->connstr
	  . " dbname=books' PUBLICATION books");
$copy->wait_for_subscription_sync($node, 'books', 'books');

$node->safe_psql('books', $post);
$node->safe_psql('books',
	"SELECT trainledger.update_party(1, is_suspended => true);"
	  . "SELECT trainledger.update_token_type(id, upper_bound => 1000) FROM trainledger.token_type;"
	  . "SELECT trainledger.add_party('person', 'Bob'); SELECT trainledger.credit_init(21, 7, 'setup', '', now())"
);
$node->wait_for_catchup('books');

for my $table (qw(party token_type token_type_event account entry))
{
	my $digest =
	  "SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM trainledger.$table t";
	is($copy->safe_psql('books', $digest),
		$node->safe_psql('books', $digest), "$table is the same");
}
books_are_right($copy, 'subscriber');
unlike(slurp_file($copy->logfile), qr/ERROR:/,
	'the guards let the apply worker pass');
for my $statement (
	'UPDATE trainledger.account SET balance = 0',
	'DELETE FROM trainledger.entry')
{
	my $session = TrainLedger::Session->new($copy, 'books');
	is($session->query($statement)->{sqlstate}, 'TL409', "refused: $statement");
}
$copy->stop;
$node->stop;
done_testing();
