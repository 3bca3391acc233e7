# The report over HTTP: a page of its own media type for readers, and what a
# headless Chromium makes of it on screens of several sizes, light and dark. The
# books are the sample data of make serve, with names that would like to be
# markup. The screenshots stay with the test's logs.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;
use TrainLedger::GraphQL;

my $api = dirname(__FILE__) . '/../api';
my $pictures = $PostgreSQL::Test::Utils::log_path;
my @hostile = (
	'<script>document.body.remove()</script>',
	']]></style></title><img src=http://127.0.0.1:1/x onerror=alert(1)>',
	qq{"quoted" 'too' onload="alert(1)" & &amp; &lt;},
	"bell\x07 escape\x1b[31m",
	"Zusammenh\x{e4}nge \x{202e}abc \x{1F600}",
	'W' x 250,
	'very long ' x 24 . 'name');

TrainLedger::Faces::needed();
TrainLedger::GraphQL::needed();

my $node = start_books('report');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');

# The page as one level or nobody gets it
sub report
{
	my ($level, $method, %headers) = @_;

	return $faces->request(defined $level ? $faces->token($level) : undef,
		$method => '/rpc/report', $method eq 'POST' ? {} : undef, %headers);
}

my $html = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
my $answer = report('reader', 'GET', Accept => $html);
is($answer->{status}, 200, 'a reader gets the page');
is($answer->{headers}{'content-type'}, 'text/html; charset=utf-8', 'its media type');
is( $answer->{headers}{'content-security-policy'},
	"default-src 'none'; style-src 'unsafe-inline'",
	'nothing may be loaded or run');
is($answer->{headers}{'cache-control'}, 'no-store', 'nor kept');
like($answer->{body}, qr/^<!DOCTYPE html><html lang="en">.*<\/html>$/s, 'a whole page');
like($answer->{body}, qr/No training tokens were issued\./, 'empty books say so');
is(report('operator', 'GET', Accept => 'text/html')->{status}, 200, 'so does an operator');
is(report('learner', 'GET', Accept => 'text/html')->{status}, 403, 'a learner does not');
is(report(undef, 'GET', Accept => 'text/html')->{status}, 401, 'nor does nobody');

# Books with something in them, at a time that stands still
TrainLedger::GraphQL::run_script({ node => $node }, "$api/sample.sql");
my $names = join ', ', map { my $n = $_; $n =~ s/'/''/g; "('$n')" } @hostile;
utf8::encode($names);
$node->safe_psql('books', <<"END");
CREATE TABLE hostile AS SELECT row_number() OVER () AS n, name FROM (VALUES $names) v(name);
SELECT trainledger.add_party('organisation', name, id => 900 + n) FROM hostile;
SELECT trainledger.add_training_token_type(name), trainledger.add_credit_token_type(name, lower_bound => -1e9) FROM hostile;
SELECT trainledger.create_pass_type('hostile-' || n, name) FROM hostile;
SELECT trainledger.issue_training_tokens(t.id, 900 + n, (800 + n)::integer, current_date + 10 * n::integer, unit_price => 12.34567, currency_code => 'EUR')
FROM hostile h JOIN trainledger.token_type t ON t.name = h.name AND t.kind = 'training';
SELECT trainledger.credit_init(900 + n, 0, 's', 'd', now(), token_type => name),
	trainledger.credit_subtract(900 + n, 123456789, 's', 'd', now(), token_type => name) FROM hostile WHERE n = 1;
SELECT trainledger.credit_init(900 + n, 123456789012.34, 's', 'd', now(), token_type => name) FROM hostile WHERE n > 1;
SELECT trainledger.add_program(k.id, name, current_date, 30) FROM hostile, (SELECT id FROM trainledger.program_kind ORDER BY id LIMIT 1) k;
SELECT trainledger.modify_program_membership(p.id, 20 + g, (trainledger.confirm_cohort(p.id, p.name)).id)
FROM hostile JOIN trainledger.program p USING (name), generate_series(1, 5) g;
ALTER DATABASE books SET trainledger.clock = '@{[ substr $node->safe_psql('books', 'SELECT now()'), 0, 19 ]}Z';
END
$faces->reconnect($node);
is(report('reader', 'GET', Accept => $html)->{body},
	$node->safe_psql('books', 'SELECT trainledger.report()'),
	'the page is what SQL returns');

# What a browser makes of it
my ($output, $complaint) = ('', '');
ok( IPC::Run::run(
		[
			TrainLedger::GraphQL::node_command(undef, "$api/report.mjs",
				$faces->address . '/rpc/report',
				$faces->token('reader'), $pictures)
		],
		'>', \$output, '2>', \$complaint),
	'Chromium shows it')
  or diag($complaint);

my $screens = decode_json($output);
is_deeply([ sort keys %$screens ], [qw(dark narrow narrowest wide)], 'on every screen');
foreach my $name (sort keys %$screens)
{
	my $screen = $screens->{$name};

	is_deeply($screen->{requests}, [ $faces->address . '/rpc/report' ],
		"$name: no request but that for the page");
	is_deeply($screen->{complaints}, [], "$name: no complaint");
	is($screen->{mode}, 'CSS1Compat', "$name: a page of today's HTML");
	is_deeply(
		$screen->{sections},
		[
			'Training tokens', 'Credit', 'Token revenue', 'Expiring tokens',
			'Holds', 'Training passes', 'Sign-ups', 'Cohorts', 'The log'
		],
		"$name: every section");
	is("$screen->{scripts} $screen->{handlers}", '0 0', "$name: nothing runs or loads");
	is_deeply([ grep { my $n = $_; $n =~ tr/\x07\x1b/??/; not grep { $_ eq $n } @{ $screen->{names} } } @hostile ],
		[], "$name: names are text");
	cmp_ok($screen->{overflow}, '<=', 0, "$name: the page is no wider than the screen");
	is("$screen->{tooSmall} $screen->{cutLabels} $screen->{overlaps}", '0 0 0',
		"$name: plots are wide enough for their labels");
	cmp_ok($screen->{textContrast}, '>=', 4.5, "$name: text stands out");
	cmp_ok($screen->{barContrast}, '>=', 3, "$name: so do bars");
	cmp_ok(-s "$pictures/report_$name.png", '>', 30000, "$name: the picture is kept");
}
cmp_ok($screens->{wide}{background}, '>', 0.9, 'a light page');
cmp_ok($screens->{dark}{background}, '<', 0.1, 'a dark page where that is asked for');

$faces->stop;
$node->stop;
done_testing();
