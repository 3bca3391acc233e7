# A party that is to be forgotten: it has something in every subject, and a word
# in each of its texts that is nowhere else.
#
#   in_every_subject($node, 'xqzword', 'books.example/ledger');
#   is(join(' ', tables_with($node, 'xqzword')), '', 'no row has the word');
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Forgotten;

use strict;
use warnings;

use Exporter 'import';

use TrainLedger;

our @EXPORT = qw(in_every_subject tables_with);

# Party 2049, with another one, 2050, that has a part of it too.  The log begins
# with this origin.
sub in_every_subject
{
	my ($node, $word, $origin) = @_;

	$node->safe_psql('books', <<"END");
SELECT trainledger.add_party('person', 'Una $word', 'una\@$word.example', 'rfid $word', 'barcode $word', 'external $word',
	data => '["$word"]', flags => '{$word}', sources => '{$word}', attributes => '{"forget": 1, "$word": "$word"}', id => 2049, uuid => '00000000-0000-4000-8000-000000002049');
SELECT trainledger.add_party('person', 'Duo', 'duo\@books.example', id => 2050);
SELECT trainledger.add_training_token_type('Silver', id => '00000000-0000-4000-8000-000000000001');
SELECT trainledger.add_catalog_item('course', 'C-1', 'A course', id => 11);
SELECT trainledger.add_region('EU', 'Europe'), trainledger.add_currency('EUR', 'Euro');
SELECT trainledger.create_pass_type('PASS', 'Pass', id => 1);
SELECT trainledger.add_pass_content(1, '{11}');
SELECT trainledger.create_pass_option(1, 'Month', 'months', 1, id => 1);
SELECT trainledger.create_pass_price(1, 'EU', 'EUR', 1), trainledger.update_pass_option(1, lifecycle_state => 'published');
SELECT trainledger.update_pass_type(1, lifecycle_state => 'published');
SELECT trainledger.create_signup_token(1, 'C-1', 5, 'code');
SELECT trainledger.add_program_kind('Kind', id => '00000000-0000-4000-8000-000000000006');
SELECT trainledger.add_program('00000000-0000-4000-8000-000000000006', 'Open', '2026-01-01', 1, id => '00000000-0000-4000-8000-000000000007');
SELECT id AS cohort FROM trainledger.confirm_cohort('00000000-0000-4000-8000-000000000007', 'Cohort') \\gset
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-000000000006', email => 'old\@$word.example');
SELECT trainledger.update_party(2049, email => 'old\@$word.example');
SELECT trainledger.update_party(2049, email => 'una\@$word.example');
SELECT trainledger.create_program_ticket('00000000-0000-4000-8000-000000000006', 2049, 'Una\@$word.example');
SELECT trainledger.credit_init(2049, 1000, '$word', '$word', now(), idempotency_key => gen_random_uuid());
SELECT trainledger.credit_init(2050, 1000, 'till', 'a drink', now());
SELECT trainledger.credit_subtract(p, 1, CASE p WHEN 2049 THEN '$word' ELSE 'till' END, CASE p WHEN 2049 THEN '$word ' ELSE 'drink ' END || i, clock_timestamp(), device => CASE p WHEN 2049 THEN '$word' END)
FROM generate_series(1, 20) i, unnest('{2049,2050}'::bigint[]) p;
SET request.jwt.claims = '{"sub": "desk of $word"}';
SELECT trainledger.credit_add(2050, 1, 'till', 'booked by her', clock_timestamp());
SELECT trainledger.check_books();
SELECT trainledger.start_log('$origin', 'test');
RESET request.jwt.claims;
SELECT id AS lot FROM trainledger.issue_training_tokens('00000000-0000-4000-8000-000000000001', 2049, 10, '2100-01-01', 'notes $word', gen_random_uuid()) \\gset
SELECT trainledger.set_training_tokens_expiry(:'lot', '2100-02-01', 'reason $word');
SELECT trainledger.redeem_training_tokens(2049, '00000000-0000-4000-8000-000000000001', 2, 'reference $word', 'notes $word', gen_random_uuid());
SELECT trainledger.capture_hold(h.id, 1, false, '$word') FROM trainledger.credit_hold(2049, 4, '$word', '$word', device => '$word') h;
SELECT trainledger.hold_training_tokens(2049, '00000000-0000-4000-8000-000000000001', 3, '$word', notes => '$word');
SELECT trainledger.issue_pass(1, 1, 2049);
SELECT trainledger.cancel_pass_use(u.id, '$word') FROM trainledger.use_pass(2049, 11, '$word') u;
SELECT trainledger.cancel_signup_claim(c.id, '$word') FROM trainledger.claim_signup_token('code', 2049) c;
SELECT trainledger.sync_cohort('00000000-0000-4000-8000-000000000007', :'cohort', '\$.attributes.forget == 1', mode => 'open');
SELECT trainledger.update_user_cohort_state(2049, '00000000-0000-4000-8000-000000000007', 'dropped', comments => '$word', state_detail => '$word');
END
	return;
}

# The tables with rows that have a word
sub tables_with
{
	my ($node, $word) = @_;

	return rows($node, join ' UNION ALL ', map { "SELECT '$_' WHERE EXISTS (SELECT FROM trainledger.$_ t WHERE t::text LIKE '%$word%')" }
		  rows($node, q{SELECT relname FROM pg_class WHERE relnamespace = 'trainledger'::regnamespace AND relkind = 'r' ORDER BY 1}));
}

1;
