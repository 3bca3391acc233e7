# The whole server is killed by SIGKILL in the middle of load. After recovery
# every posting and hold that was acknowledged is in the books, none is there
# twice, what is held agrees, and the books are right.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use TrainLedger;
use TrainLedger::Crash;

my $rounds = int(soak() / 1000) || 1;
my $seed = $ENV{TRAINLEDGER_SEED} || 20261121;
note "seed $seed, $rounds rounds";
srand $seed;

my $node = start_books('crash',
	'fsync = on', 'synchronous_commit = on', 'checkpoint_timeout = 30s',
	'max_prepared_transactions = 5');
my $holder = $node->safe_psql('books',
	"SELECT id FROM trainledger.add_party('person', 'Ada')");
$node->safe_psql('books', <<END);
SELECT trainledger.credit_init($holder, 0, 'setup', '', now(), 'account ' || i)
FROM generate_series(1, 10) i;
END
my @accounts = rows($node, 'SELECT id FROM trainledger.account ORDER BY id');

# A posting in a prepared transaction outlives the server too.
my $prepared = $node->safe_psql('books',
	"SELECT account_id FROM trainledger.credit_init($holder, 0, 'setup', '', now(), 'prepared')");

# What the training tokens are held of, in lots that holds span
my ($type) = rows($node,
	"SELECT id FROM trainledger.add_training_token_type('seats')");
my ($office) = rows($node,
	"SELECT id FROM trainledger.add_party('organisation', 'Office')");
my @holds;    # that were acknowledged and are open

my $serial = 0;
for my $round (1 .. $rounds)
{
	my @sessions = sessions($node, 8);
	my $until = time + 0.5 + rand 1.5;
	my (@call, @places, @cut_off, %acknowledged, %unknown, %state);
	my ($killed, $captures) = (undef, 0);

	$node->safe_psql('books',
		"BEGIN; SELECT trainledger.post($prepared, 'add', 1, 'prepared'); PREPARE TRANSACTION 'posting'");
	$node->safe_psql('books',
		"SELECT trainledger.issue_training_tokens('$type', $office, 100) FROM generate_series(1, 40)");

	# Every posting has a description of its own: that of a batch's rows too.
	my $next = sub {
		my ($i) = @_;

		# on a slow machine wait until there has been load
		if (!$killed
			&& time > $until
			&& (keys %acknowledged > 50 || time > $until + 60))
		{
			$killed = kill_server($node);
		}
		my $id = $accounts[ rand @accounts ];
		my $kind = int rand 8;
		my @names = map { "round $round posting " . ++$serial } 0 .. ($kind ? 0 : rand 40);
		$call[$i] = \@names;
		$places[$i] = $kind == 4 || $kind == 5;
		return
			"SELECT ordinal FROM trainledger.post_batch(ARRAY["
		  . join(',', map { $accounts[ rand @accounts ] } @names)
		  . '], ARRAY['
		  . join(',', map { 1 + int rand 9 } @names)
		  . "], 'load', ARRAY["
		  . join(',', map { "'$_'" } @names) . '])'
		  if $kind == 0;
		return "SELECT entry_no FROM trainledger.post($id, 'add', 1, 'load', '$names[0]', now())"
		  if $kind == 1;
		return
			"BEGIN\\; SELECT entry_no FROM trainledger.post($id, 'subtract', 1, 'load', '$names[0]')\\; COMMIT"
		  if $kind == 2;
		return "SELECT id FROM trainledger.credit_hold($holder, 1, 'load', '$names[0]', account_name => 'account @{[ 1 + int rand 10 ]}')"
		  if $kind == 4;
		return "SELECT id FROM trainledger.hold_training_tokens($office, '$type', @{[ 1 + int rand 150 ]}, 'load', notes => '$names[0]')"
		  if $kind == 5;
		if ($kind >= 6 && @holds)
		{
			# each of them once: a second time it would be refused
			my $call = $kind == 6 ? 'release_hold' : 'capture_hold';
			$captures++;
			return "SELECT id FROM trainledger.$call(@{[ splice @holds, rand @holds, 1 ]}, notes => '$names[0]')";
		}
		return
		  "SELECT entry_no FROM trainledger.credit_init($holder, 1, 'load', '$names[0]', now(), '$names[0]')";
	};
	my $answer = sub {
		my ($i, $result) = @_;
		my $known = $result->{sqlstate} eq '00000' && !$result->{lost};

		$state{ $result->{sqlstate} }++;
		$acknowledged{$_} = 1 for $known ? @{ $call[$i] } : ();
		$unknown{$_} = 1 for $known ? () : @{ $call[$i] };
		push @cut_off, $call[$i] unless $known;
		# psql's last words may come among the rows
		push @holds, grep { /^\d+\z/ } @{ $result->{rows} } if $known && $places[$i];
		return undef;
	};
	drive(\@sessions, $next, $answer);
	note "round $round: $killed processes killed; ",
	  scalar(keys %acknowledged), ' postings acknowledged, ',
	  scalar(keys %unknown), " under way, $captures captures and releases; ",
	  join ', ', map { "$_ $state{$_}" } sort keys %state;
	undef @sessions;

	start_again($node);

	$node->safe_psql('books', "COMMIT PREPARED 'posting'");
	is($node->safe_psql('books',
			"SELECT balance FROM trainledger.account WHERE id = $prepared"),
		$round, "round $round: a prepared posting is committed");

	# a capture has an entry for each lot, in one booking
	my %booked;
	$booked{ s/ in \d+\z//r }++ for rows($node, <<"SQL");
SELECT DISTINCT e.description || ' in ' || e.booking_no FROM trainledger.entry e
WHERE e.description LIKE 'round $round %'
UNION ALL
SELECT DISTINCT v.notes || ' in ' || v.booking_no FROM trainledger.hold_event v
WHERE v.event IN ('placed', 'released') AND v.notes LIKE 'round $round %'
SQL
	cmp_ok(scalar(keys %acknowledged), '>', 50, "round $round: there was load");
	is(join(' ', grep { !$booked{$_} } keys %acknowledged),
		'', "round $round: every acknowledged posting is there");
	is(join(' ', grep { $booked{$_} > 1 } keys %booked),
		'', "round $round: no posting is there twice");
	is( join(' ', grep { !$acknowledged{$_} && !$unknown{$_} } keys %booked),
		'', "round $round: nothing is there that nobody posted");
	is( scalar(
			grep {
				my $there = grep { $booked{$_} } @$_;
				$there != 0 && $there != @$_
			} @cut_off),
		0,
		"round $round: a batch is there as a whole or not at all");
	is($node->safe_psql('books', <<'SQL'), '0', "round $round: and so is a hold");
SELECT count(*) FROM trainledger.placed_hold h
WHERE (h.quantity::numeric, h.captured::numeric, h.released::numeric) IS DISTINCT FROM (
	SELECT ROW(sum(x.quantity), sum(x.captured), sum(x.released))
	FROM trainledger.hold_allocation x WHERE x.hold_id = h.id)
OR h.captured::numeric <> coalesce((
	SELECT sum(r.quantity) FROM trainledger.redemption r WHERE r.hold_id = h.id), (
	SELECT -sum(e.delta) FROM trainledger.hold_event v
	JOIN trainledger.entry e ON e.account_id = v.account_id AND e.entry_no = v.entry_no
	WHERE v.hold_id = h.id AND v.event = 'captured'), 0)
SQL
	note 'of those under way ', scalar(grep { $unknown{$_} } keys %booked),
	  ' are there';
	my %open = map { $_ => 1 } rows($node,
		"SELECT id FROM trainledger.hold WHERE status = 'open'");
	is(join(' ', grep { !$open{$_} } @holds),
		'', "round $round: every acknowledged hold that nobody closed is open");
	books_are_right($node, "round $round");
}

# ----------------------------------------------------------------------
# A document is there as a whole or not at all, in its indexes too
# ----------------------------------------------------------------------

my $tokens = 20000;
$node->safe_psql('books', <<END);
CREATE EXTENSION amcheck;
SELECT trainledger.add_catalog_item('course', 'C', 'Course');
CREATE TABLE document AS
SELECT convert_to('<Tokens>' || string_agg('<Token><TokenCode>' || upper(md5(i::text)) || '</TokenCode>'
	'<TokenType>1</TokenType><TokenTypeId>C</TokenTypeId><Active>1</Active>'
	'<MaximumActivations>1</MaximumActivations></Token>', '') || '</Tokens>', 'UTF8') AS body
FROM generate_series(1, $tokens) i;
END
my $import = 'SELECT count(*) FROM document d, trainledger.import_signup_tokens(d.body)';
my $indexes_are_sound = <<'END';
SELECT count(bt_index_check(indexrelid, true)) FROM pg_index
WHERE indrelid = 'trainledger.signup_token'::regclass
END
my $began = time;
$node->safe_psql('books', "BEGIN; $import; ROLLBACK");
my $takes = time - $began;
my $indexes = $node->safe_psql('books', $indexes_are_sound);

for my $part (soak() > 2000 ? (0.3, 0.6, 0.8, 0.9) : (0.4, 0.8))
{
	my ($session) = sessions($node, 1);

	$session->send($import);
	sleep $part * $takes;
	kill_server($node);
	my $result = $session->receive;
	start_again($node);
	my $known = $result->{sqlstate} eq '00000' && !$result->{lost};
	my $there = $node->safe_psql('books', 'SELECT count(*) FROM trainledger.signup_token');

	# what was committed may not have been said any more
	ok($there == $tokens || $there == 0 && !$known,
		"killed after $part of a document: it is there as a whole or not at all ($there)");
	is($node->safe_psql('books', $indexes_are_sound), $indexes, 'and its indexes are sound');
	$node->safe_psql('books', 'ALTER TABLE trainledger.claim_event DISABLE TRIGGER append_only; TRUNCATE trainledger.signup_token CASCADE; ALTER TABLE trainledger.claim_event ENABLE ALWAYS TRIGGER append_only') if $there;
}
is($node->safe_psql('books', $import), $tokens, 'and then it is taken in');
is($node->safe_psql('books', $indexes_are_sound), $indexes, 'and its indexes are sound');

like(slurp_file($node->logfile), qr/was not properly shut down/,
	'the server did recover');
$node->stop;
done_testing();
