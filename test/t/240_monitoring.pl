# What doc/deploy/monitoring ships, with the real programs: the exporter runs the
# queries as a login that has the mark monitor and pg_monitor, each figure is
# compared with rows counted by the owner, and the dashboard and the alerts name
# metrics that are there.  Prometheus' own tool checks the alerts and says when
# they fire.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use TrainLedger;
use TrainLedger::Debian;

my $shipped = dirname(__FILE__) . '/../../doc/deploy/monitoring';
my ($tree, $reason) = unpack_package('prometheus-postgres-exporter');
plan skip_all => $reason if !defined $tree;

my $node = start_books('monitoring');
$node->safe_psql('books', <<'SQL');
CREATE ROLE exporter LOGIN;
SELECT trainledger.grant_access('exporter', 'monitor');
GRANT pg_monitor TO exporter;
SELECT trainledger.add_party('organisation', 'Acme', id => 1);
SELECT trainledger.add_party('person', 'Person ' || i, id => 1 + i) FROM generate_series(1, 4) i;
SET trainledger.clock = '2024-01-01';
SELECT trainledger.add_training_token_type('Silver', id => '8848a3b38adf45db8ff60fafcbd3b3f6');
SELECT trainledger.issue_training_tokens('8848a3b38adf45db8ff60fafcbd3b3f6', 1, quantity, expires_on)
FROM (VALUES (3, '2024-01-05'::date), (10, '2024-01-10'), (7, '2024-01-11'), (30, NULL)) v(quantity, expires_on);
SELECT trainledger.redeem_training_tokens(1, '8848a3b38adf45db8ff60fafcbd3b3f6', 5, 'x');
SELECT trainledger.credit_init(1 + i, 5, 's', 'd', '2024-01-01') FROM generate_series(1, 3) i;
SELECT trainledger.credit_hold(2, 1, 's', 'over');
RESET trainledger.clock;
SELECT trainledger.credit_hold(3, 1, 's', 'open');
SQL

my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($out, $exporter) = ('');
{
	local $ENV{DATA_SOURCE_NAME} =
	  'host=' . $node->host . ' port=' . $node->port
	  . ' user=exporter dbname=books sslmode=disable';
	$exporter = IPC::Run::start(
		[
			"$tree/usr/bin/prometheus-postgres-exporter",
			"--extend.query-path=$shipped/queries.yaml",
			"--web.listen-address=127.0.0.1:$port"
		],
		'<', \undef, '>&', \$out);
}

# The metrics as they are now: name{labels} => value, without the label server
sub scrape
{
	for my $try (1 .. 100)
	{
		my $answer = HTTP::Tiny->new(timeout => 30)->get("http://127.0.0.1:$port/metrics");
		if ($answer->{success})
		{
			my %metric = $answer->{content} =~ /^(\w+(?:\{.*\})?) (\S+)$/mg;
			return { map {
				my $value = $metric{$_};
				s/server="[^"]*",?//;
				s/,\}/}/;
				s/\{\}//;
				$_ => $value
			} keys %metric };
		}
		sleep 0.1;
	}
	return {};
}

sub count
{
	my ($what) = @_;
	return $node->safe_psql('books', "SELECT count(*) FROM trainledger.$what");
}

my $metric = scrape();
is($metric->{pg_up}, 1, 'the exporter reaches the server');
is($metric->{pg_exporter_last_scrape_error}, 0, 'all queries work');
is_deeply([ map { $metric->{$_} } grep { /user_queries_load_error/ } keys %$metric ],
	[0], 'the queries are read');
is($metric->{trainledger_accounts}, count('account'), 'accounts');
is($metric->{trainledger_entries}, count('entry'), 'entries');
is($metric->{trainledger_expired_unswept_lots},
	count('token_issue WHERE booked_balance <> 0 AND expires_at < now()'),
	'expired lots');
is($metric->{trainledger_expired_unswept_lots}, 2, 'of which one was empty');
is($metric->{trainledger_open_holds}, count("hold WHERE status = 'open'"), 'open holds');
is($metric->{trainledger_open_holds}, 1, 'there is one');
is($metric->{trainledger_overdue_holds}, count("placed_hold WHERE is_open AND expires_at <= now()"), 'overdue holds');
is($metric->{trainledger_overdue_holds}, 1, 'there is one');
for my $kind ('organisation', 'person')
{
	is($metric->{"trainledger_party_count{kind=\"$kind\"}"},
		count("party WHERE kind = '$kind'"), "parties: $kind");
}
is($metric->{'trainledger_table_bytes{table="entry"}'},
	$node->safe_psql('books', "SELECT pg_total_relation_size('trainledger.entry')"),
	'the size of a table');
is_deeply([ sort map { /^trainledger_table_dead_rows\{table="(\w+)"\}$/ ? $1 : () } keys %$metric ],
	[ sort { $a cmp $b } rows($node, "SELECT relname FROM pg_class WHERE relnamespace = 'trainledger'::regnamespace AND relkind = 'r'") ],
	'the tables are those of the books');
is_deeply([ grep { /^trainledger_check/ } keys %$metric ], [],
	'no figures of a check that never was');

is_deeply([ grep { /^trainledger_log/ } keys %$metric ], [],
	'no figures of a log that was not started');

# The log: started, and sealed
$node->safe_psql('books', "SELECT trainledger.start_log('books.example/ledger', 'Opening')");
$metric = scrape();
is($metric->{trainledger_log_size}, 0, 'the log is empty');
is($metric->{trainledger_log_seal_lag_entries}, count('entry'), 'all entries are still to seal');
cmp_ok($metric->{trainledger_log_seal_lag_seconds}, '>', 0, 'and have an age');
$node->poll_query_until('books',
	"SELECT trainledger.seal() = (SELECT count(*) FROM trainledger.log_leaf) AND value = 0 FROM trainledger.ledger_metrics WHERE name = 'seal_lag_entries'")
  or die 'not everything was sealed';
$metric = scrape();
is($metric->{trainledger_log_size}, count('log_leaf'), 'the size of the log');
is($metric->{trainledger_log_seal_lag_entries}, 0, 'none is left to seal');
is($metric->{trainledger_log_seal_lag_seconds}, 0, 'nor an age');

# The feed: one consumer that has acknowledged the first event, and one all
is_deeply([ grep { /^trainledger_feed/ } keys %$metric ], [],
	'no figures of a feed that nobody reads');
my ($first) = rows($node, q{SELECT position FROM trainledger.feed_read('slow "one"', 1)});
$node->safe_psql('books', qq{SELECT trainledger.feed_ack('slow "one"', '$first'), trainledger.feed_ack('quick', 'end')});
$metric = scrape();
my %lag = map { /^trainledger_feed_lag_(\w+)\{.*(quick|slow)/ ? ("$2 $1" => $metric->{$_}) : () } keys %$metric;
is($lag{'quick bookings'}, 0, 'no bookings after the end');
is($lag{'quick seconds'}, 0, 'nor an age');
is($lag{'slow bookings'},
	$node->safe_psql('books', 'SELECT last_value - 1 FROM trainledger.booking_no_seq'),
	'bookings after the first');
cmp_ok(abs($lag{'slow seconds'} - $node->safe_psql('books', 'SELECT extract(epoch FROM now() - min(created_at)) FROM trainledger.entry WHERE booking_no > 1')),
	'<', 60, 'and the age of their oldest entry');

# Checks: one that finds nothing, and one that does
is($node->safe_psql('books', 'SELECT trainledger.check_books()'), 0, 'a check');
my $checked = $node->safe_psql('books',
	'SELECT extract(epoch FROM checked_at) FROM trainledger.books_check');
$metric = scrape();
is($metric->{trainledger_check_problems}, 0, 'no problems');
cmp_ok(abs($metric->{trainledger_check_time_seconds} - $checked), '<', 1, 'its time');
$node->safe_psql('books', <<'SQL');
ALTER TABLE trainledger.account DISABLE TRIGGER ALL;
UPDATE trainledger.account SET balance = balance + 1 WHERE id = (SELECT min(id) FROM trainledger.account);
ALTER TABLE trainledger.account ENABLE TRIGGER ALL;
SELECT trainledger.check_books();
SELECT trainledger.expire_training_tokens();
SQL
$metric = scrape();
is($metric->{trainledger_check_problems},
	count('reconcile()'), 'the problems of another check');
cmp_ok($metric->{trainledger_check_problems}, '>', 0, 'of which there are some');
is($metric->{trainledger_expired_unswept_lots}, 0, 'the sweep leaves nothing');
is($metric->{trainledger_entries}, count('entry'), 'its entries count');
is($metric->{pg_exporter_last_scrape_error}, 0, 'all queries still work');
unlike(slurp_file($node->logfile), qr/permission denied/,
	'the exporter asks for nothing that it may not see');

# The dashboard and the alerts name metrics that there are
my %name = map { /^(\w+)/ ? ($1 => 1) : () } keys %$metric;
my $dashboard = decode_json(slurp_file("$shipped/dashboard.json"));
my @panels = @{ $dashboard->{panels} };
my @expressions = map { $_->{expr} } map { @{ $_->{targets} } } @panels;
my $rules = slurp_file("$shipped/rules.yaml");
push @expressions, $rules =~ /^ +expr: (.*)$/mg;
my @named = map { /\b((?:trainledger|pg)_\w+)/g } @expressions;
cmp_ok(scalar @named, '>', 20, 'metrics are named');
is("@{[ grep { !$name{$_} } @named ]}", '', 'and are there');
is("@{[ map { $_->{title} } grep { length($_->{description} // '') < 40 } @panels ]}",
	'', 'each panel says what it shows');
my %used = map { $_ => 1 } @named;
is("@{[ grep { /^trainledger_/ && !$used{$_} } sort keys %name ]}",
	'trainledger_table_live_rows', 'and what is measured is shown');

$exporter->kill_kill(grace => 5);

# ----------------------------------------------------------------------
# The alerts
# ----------------------------------------------------------------------

SKIP:
{
	# Debian 12 has it in the package of the server
	foreach my $package ('promtool', 'prometheus')
	{
		($tree, $reason) = unpack_package($package);
		last if defined $tree;
	}
	skip $reason, 3 if !defined $tree;
	my $folder = PostgreSQL::Test::Utils::tempdir;
	my @alerts = $rules =~ /^ +- alert: (\w+)$/mg;
	my %case = (
		# series, its value in each hour, and the hour in which the alert fires
		TrainledgerBooksWrong => [ 'trainledger_check_problems', [ 0, 0, 3 ], 2 ],
		TrainledgerBooksNotChecked => [ 'trainledger_check_time_seconds', [ (0) x 50 ], 49 ],
		TrainledgerBooksNeverChecked => [ 'trainledger_accounts', [ (1) x 50 ], 48 ],
		TrainledgerSweepMissing => [ 'trainledger_expired_unswept_lots', [ 0, 1, 1, 1 ], 3 ],
		TrainledgerHoldsOverdue => [ 'trainledger_overdue_holds', [ 0, (1) x 28 ], 27 ],
		TrainledgerSealLag => [ 'trainledger_log_seal_lag_seconds', [ 900, 901, 901 ], 2 ],
		TrainledgerFeedLag => [ 'trainledger_feed_lag_seconds', [ 900, 901, 901 ], 2 ],
		TrainledgerServerDown => [ 'pg_up', [ 1, 0, 0 ], 2 ],
		TrainledgerMetricsFail => [ 'pg_exporter_last_scrape_error', [ 0, 1, 1 ], 2 ],
		TrainledgerLongTransaction => [ 'pg_stat_activity_max_tx_duration', [ 0, 4000 ], 1 ],
	);
	my $tests = "rule_files: [rules.yaml]\nevaluation_interval: 10m\ntests:\n";
	for my $alert (sort keys %case)
	{
		my ($series, $hours, $fires) = @{ $case{$alert} };
		my $values = join ' ', map { "$_+0x59" } @$hours;
		$tests .= <<"YAML";
  - interval: 1m
    input_series:
      - series: '$series\{instance="here"}'
        values: '$values'
    promql_expr_test:
      - expr: count(ALERTS{alertname="$alert", alertstate="firing"})
        eval_time: ${fires}h
        exp_samples: [{labels: '{}', value: 1}]
      - expr: count(ALERTS{alertname="$alert", alertstate="firing"})
        eval_time: @{[ $fires - 1 ]}h
        exp_samples: []
YAML
	}
	append_to_file("$folder/rules.yaml", $rules);
	append_to_file("$folder/tests.yaml", $tests);
	my $promtool = "$tree/usr/bin/promtool";
	my $said = '';
	ok(IPC::Run::run([ $promtool, 'check', 'rules', "$folder/rules.yaml" ], '>&', \$said),
		'promtool takes the rules') or diag $said;
	ok(IPC::Run::run([ $promtool, 'test', 'rules', "$folder/tests.yaml" ], '>&', \$said),
		'the alerts fire, and not before') or diag $said;
	is("@{[ grep { !$case{$_} } @alerts ]}", 'TrainledgerArchiverFails',
		'all of them but one');
}

$node->stop;
done_testing();
