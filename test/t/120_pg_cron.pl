# The recipes of doc/tokens.md and doc/operations.md for scheduling the sweep and
# the check of the books, with the real pg_cron.  The blocks run as printed, but
# every minute instead of nightly (pg_cron supports seconds from version 1.5 on,
# Debian 12 has 1.4).
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $node = start_books('cron');
if ($node->safe_psql('books',
		"SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'") == 0)
{
	$node->stop;
	plan skip_all =>
	  'pg_cron is not installed here (Debian: postgresql-15-cron)';
}

my $text = slurp_file(dirname(__FILE__) . '/../../doc/tokens.md');
my ($settings, $recipe) = $text =~ /^```text\n(.*?)^```$/msg;
like($settings, qr/shared_preload_libraries/, 'doc/tokens.md has the settings');
like($recipe, qr/cron\.schedule/, 'doc/tokens.md has the job');
is($recipe =~ s/'2 0 \* \* \*'/'* * * * *'/, 1, 'which runs once a night');

my ($check) = slurp_file(dirname(__FILE__) . '/../../doc/operations.md') =~
  /^```text\n(SET ROLE sweeper;\n.*?)^```$/msg;
like($check, qr/check_books/, 'doc/operations.md has the other job');
is($check =~ s/'17 1 \* \* \*'/'* * * * *'/, 1, 'which runs once a night too');

$node->append_conf('postgresql.conf', $settings);
$node->restart;
$node->safe_psql('books', $recipe);
$node->safe_psql('books', $check);

# Two issues that expired, of which one is empty, one that has not, one that
# never will
$node->safe_psql('books', <<'SQL');
SET trainledger.clock = '2024-01-01';
SELECT trainledger.add_party('organisation', 'Acme', id => 1);
SELECT trainledger.add_training_token_type('Silver', id => '8848a3b38adf45db8ff60fafcbd3b3f6');
SELECT trainledger.issue_training_tokens('8848a3b38adf45db8ff60fafcbd3b3f6', 1, quantity, expires_on)
FROM (VALUES (3, '2024-01-05'::date), (10, '2024-01-10'), (20, '9999-12-31'), (30, NULL)) v(quantity, expires_on);
SELECT trainledger.redeem_training_tokens(1, '8848a3b38adf45db8ff60fafcbd3b3f6', 7, 'x');
SQL

ok( $node->poll_query_until(
		'books',
		"SELECT EXISTS (SELECT FROM trainledger.entry WHERE operation = 'expire')"),
	'the sweep was run');
is( $node->safe_psql('books', <<'SQL'),
SELECT e.delta, e.balance, e.recorded_at, e.booked_by, e.created_at > now() - interval '5 minutes'
FROM trainledger.entry e WHERE e.operation = 'expire'
SQL
	'-6|0|2024-01-10 23:59:59+00|sweeper|t',
	'and booked off what was left, at the time of the expiry');
is( $node->safe_psql('books',
		'SELECT sum(booked_balance), sum(current_balance) FROM trainledger.token_issue'),
	'50|50', 'and nothing else');
ok( $node->poll_query_until(
		'books',
		"SELECT status = 'succeeded' FROM cron.job_run_details ORDER BY runid LIMIT 1"),
	'pg_cron says that it succeeded');
ok( $node->poll_query_until('books', "SELECT count(*) > 0 FROM trainledger.books_check"),
	'the books were checked');
is( $node->safe_psql('books',
		"SELECT DISTINCT problems, checked_by, checked_at > now() - interval '5 minutes' FROM trainledger.books_check"),
	'0|sweeper|t', 'by the same role, and are right');
books_are_right($node, 'cron');
$node->stop;
done_testing();
