# Reports over months while seal() sums up: two sessions book in transactions that
# stay open, are committed late or rolled back, a third one seals, and after every
# few calls all three reports are, in every month, what a query finds that goes
# through the balances of lots and accounts and knows no summary.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use POSIX qw(strftime);
use Test::More;

use TrainLedger;

my $seed = $ENV{TRAINLEDGER_SEED} || 20260107;
my $steps = $ENV{TRAINLEDGER_SOAK} && soak() > 2000 ? soak() : 400;
srand $seed;
note "seed $seed: $steps steps";

my $node = start_books('summary', 'fsync = off', 'jit = off', 'autovacuum = off');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

$node->safe_psql('books', <<'SQL');
ALTER DATABASE books SET search_path = trainledger, public;
SET search_path = trainledger, public;
SELECT add_currency(c, c, u) FROM (VALUES ('USD', 2), ('JPY', 0)) v(c, u);
SELECT add_training_token_type(n, id => md5(n)::uuid, scale => 2, default_days_to_redeem => 40) FROM unnest('{gold,silver}'::text[]) n;
SELECT add_credit_token_type(n) FROM unnest('{meal,drink}'::text[]) n;
SELECT add_party('organisation', 'Party ' || i, id => i) FROM generate_series(1, 4) i;

CREATE FUNCTION attempt(at text, statement text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM set_config('trainledger.clock', at, false);
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || CASE WHEN SQLSTATE LIKE 'TL%' THEN '' ELSE ' ' || SQLERRM END;
END $$;

CREATE FUNCTION figures() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT 'tokens ' || r FROM token_liability r
	UNION ALL SELECT 'revenue ' || r FROM token_revenue r
	UNION ALL SELECT 'credit ' || r FROM credit_liability r
$$;

-- the months from an instant on, with the instant at which each is over
CREATE FUNCTION months(since timestamptz) RETURNS TABLE (month date, first timestamptz, next timestamptz) LANGUAGE sql STABLE AS $$
	SELECT m::date, m AT TIME ZONE 'UTC', (m + interval '1 month') AT TIME ZONE 'UTC'
	FROM generate_series(date_trunc('month', since AT TIME ZONE 'UTC'), clock() AT TIME ZONE 'UTC', '1 month') m
$$;
-- what an account had at an instant
CREATE FUNCTION had(account bigint, at timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
	SELECT coalesce((SELECT e.balance::numeric FROM entry e WHERE e.account_id = account AND e.created_at < at ORDER BY e.entry_no DESC LIMIT 1), 0)
$$;
-- what a lot was worth at the end of a month, in tokens
CREATE FUNCTION worth(account bigint, expires_at timestamptz, next timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN expires_at < next AND expires_at <= clock() THEN 0 ELSE had(account, next) END
$$;
-- what entries of some operations moved in a month
CREATE FUNCTION moved(account bigint, operations text[], first timestamptz, next timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
	SELECT coalesce(sum(e.delta::numeric), 0) FROM entry e WHERE e.account_id = account AND e.operation::text = ANY (operations)
	AND e.created_at >= first AND e.created_at < next
$$;

CREATE FUNCTION expected() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT 'tokens ' || ROW(y.name, m.month,
		trim_scale(sum(moved(l.account_id, '{issue}', m.first, m.next))),
		trim_scale(sum(moved(l.account_id, '{adjust}', m.first, m.next))),
		trim_scale(-sum(moved(l.account_id, '{redeem}', m.first, m.next))),
		trim_scale(sum(moved(l.account_id, '{refund}', m.first, m.next))),
		-- what was left when it expired, and what came back later
		trim_scale(sum(CASE WHEN l.expires_at >= m.first AND l.expires_at < m.next AND l.expires_at <= clock() THEN had(l.account_id, l.expires_at) ELSE 0 END
			+ CASE WHEN l.expires_at < m.next THEN moved(l.account_id, '{refund}', greatest(m.first, l.expires_at), m.next) ELSE 0 END)),
		trim_scale(sum(worth(l.account_id, l.expires_at, m.next))))
	FROM token_type y
	CROSS JOIN LATERAL months((SELECT min(f.created_at) FROM token_lot f WHERE f.token_type_id = y.id)) m
	JOIN token_lot l ON l.token_type_id = y.id
	GROUP BY y.name, m.month
	UNION ALL
	SELECT 'revenue ' || ROW(w.name, w.currency_code, w.month, trim_scale(w.opening), trim_scale(w.sold), trim_scale(w.adjusted), trim_scale(w.earned),
		trim_scale(w.breakage), trim_scale(w.closing),
		round(sum(w.earned) OVER o / nullif(sum(w.earned) OVER o + sum(w.breakage) OVER o, 0), 4))
	FROM (SELECT v.*, v.opening + v.sold + v.adjusted - v.earned - v.closing AS breakage
		FROM (SELECT s.*, coalesce(lag(s.closing) OVER (PARTITION BY s.name, s.currency_code ORDER BY s.month), 0) AS opening
			FROM (SELECT y.name, c.currency_code, m.month,
					sum(CASE WHEN l.reissue_of IS NULL THEN l.unit_price * moved(l.account_id, '{issue}', m.first, m.next) ELSE 0 END) AS sold,
					sum(l.unit_price * moved(l.account_id, '{adjust,transfer}', m.first, m.next)) AS adjusted,
					-sum(l.unit_price * moved(l.account_id, '{redeem,refund}', m.first, m.next)) AS earned,
					sum(l.unit_price * worth(l.account_id, l.expires_at, m.next)) AS closing
				FROM token_type y
				JOIN LATERAL (SELECT f.currency_code, min(f.created_at) AS since FROM token_lot f
					WHERE f.token_type_id = y.id AND f.currency_code IS NOT NULL GROUP BY 1) c ON true
				CROSS JOIN LATERAL months(c.since) m
				JOIN token_lot l ON l.token_type_id = y.id AND l.currency_code = c.currency_code
				GROUP BY y.name, c.currency_code, m.month) s) v) w
	WINDOW o AS (PARTITION BY w.name, w.currency_code ORDER BY w.month)
	UNION ALL
	SELECT 'credit ' || ROW(y.name, m.month,
		trim_scale(sum(moved(a.id, '{init}', m.first, m.next))), trim_scale(sum(moved(a.id, '{add}', m.first, m.next))),
		trim_scale(-sum(moved(a.id, '{subtract,capture}', m.first, m.next))), trim_scale(sum(moved(a.id, '{adjust}', m.first, m.next))),
		trim_scale(sum(had(a.id, m.next))))
	FROM token_type y
	CROSS JOIN LATERAL months((SELECT min(f.created_at) FROM account f WHERE f.token_type_id = y.id)) m
	JOIN account a ON a.token_type_id = y.id
	WHERE y.kind = 'credit'
	GROUP BY y.name, m.month
$$;
SELECT start_log('summary.example/log', 'model');
SQL

my @writers = sessions($node, 2);
my ($sealer, $reader) = sessions($node, 2);
my @is_open = (0, 0);
my $now = 1_767_517_200;    # 2026-01-04 09:00

sub at { return strftime('%Y-%m-%d %H:%M:%SZ', gmtime $now); }
sub answer { my ($session, $sql) = @_; return $session->query($sql)->{rows}[0]; }
sub seal { return answer($sealer, 'SELECT trainledger.seal()'); }

sub attempt
{
	my ($writer, $statement) = @_;
	$statement =~ s/'/''/g;
	return answer($writers[$writer], "SELECT attempt('" . at() . "', '$statement')");
}

my ($compared, $behind, $failed) = (0, 0, 0);

# The reports are what is expected, in one statement, which sees one state
sub compare
{
	my ($what) = @_;
	$reader->query("SET trainledger.clock = '" . at() . "'");
	my ($count, $after, $differing) = split /\|/, join("\n", @{ $reader->query(<<'SQL')->{rows} }), 3;
SELECT (SELECT count(*) FROM figures()),
	(SELECT count(*) FROM entry e WHERE e.booking_no > (SELECT max(s.last_booking_no) FROM month_summary s)),
	(SELECT string_agg(d.d, ' ') FROM ((SELECT 'not read: ' || x.x FROM (SELECT expected() EXCEPT ALL SELECT figures()) x(x))
		UNION ALL (SELECT 'read: ' || x.x FROM (SELECT figures() EXCEPT ALL SELECT expected()) x(x))) d(d))
SQL
	$compared++ if $count;
	$behind++ if $after;
	return 1 if defined $differing && $differing eq '' && defined $count;
	is($differing, '', "$what: every month of every report is expected");
	$failed = 1;
	return 0;
}

# The greatest number that is summed up, less the last one
sub lag
{
	return answer($reader, 'SELECT (SELECT max(s.last_booking_no) FROM month_summary s) - (SELECT max(e.booking_no) FROM entry e)');
}

# ----------------------------------------------------------------------
# A posting while somebody seals
# ----------------------------------------------------------------------

is(attempt($_ % 2, "SELECT credit_init($_, 10, 's', '', now(), token_type => 'meal')"), 'ok', "party $_ has an account") for 1 .. 4;
my @meal = map { answer($reader, "SELECT id FROM account WHERE party_id = $_") } 1 .. 4;
seal();
is(lag(), 0, 'all is summed up');
$writers[0]->query('BEGIN');
is(attempt(0, "SELECT post($meal[0], 'add', 3, 's')"), 'ok', 'a transaction has a number, and stays open');
is(attempt(1, "SELECT post($meal[1], 'add', 4, 's')"), 'ok', 'a later number is committed');
seal() for 1 .. 2;
is(lag(), -2, 'neither is summed up');
ok(compare('open'), 'open: the reports are right');
$writers[0]->query('COMMIT');
ok(compare('committed'), 'committed: the reports are right');
seal() for 1 .. 2;
is(lag(), 0, 'both are summed up');
ok(compare('sealed'), 'sealed: the reports are right');
# while a seal is not committed nobody sees what it sums up
for my $end (qw(ROLLBACK COMMIT))
{
	is(attempt(0, "SELECT post($meal[0], 'subtract', 1, 's')"), 'ok', "$end: booked before the seal");
	$sealer->query('BEGIN');
	seal();
	is(attempt(1, "SELECT post($meal[1], 'subtract', 2, 's')"), 'ok', "$end: booked while it is open");
	is(lag(), $end eq 'ROLLBACK' ? -2 : -4, "$end: the reader sees no sums of it");
	ok(compare("$end before"), "$end: the reports are right before");
	$sealer->query($end);
	is(lag(), $end eq 'ROLLBACK' ? -2 : -1, "$end: then it does what was sealed");
	ok(compare("$end after"), "$end: and after");
}

# ----------------------------------------------------------------------
# The campaign
# ----------------------------------------------------------------------

sub one_of { return $_[ int rand @_ ]; }
sub day { my ($days) = @_; return strftime('%Y-%m-%d', gmtime $now + 86400 * $days); }
sub some { return sprintf '%.2f', 0.01 + rand(rand() < 0.5 ? 9 : 0.3); }

# The parties of a writer, so that nobody waits for another
sub party { my ($writer) = @_; return 1 + $writer + 2 * int rand 2; }

my %call = (
	issue => sub {
		my ($party) = @_;
		my $price = rand() < 0.8 ? sprintf(", unit_price => %s, currency_code => '%s'", rand() < 0.5 ? sprintf('%.4f', rand 99) : int rand 9, one_of('USD', 'JPY')) : '';
		return "SELECT issue_training_tokens(md5('" . one_of('gold', 'silver') . "')::uuid, $party, " . some() . ", '" . day(1 + int rand 90) . "'$price)";
	},
	redeem => sub { return "SELECT redeem_training_tokens($_[0], md5('" . one_of('gold', 'silver') . "')::uuid, " . some() . ", 'r')"; },
	refund => sub { return "SELECT refund_training_tokens(r.id, NULL, '" . one_of('forfeit', 'reissue') . "') FROM (SELECT id FROM redemption WHERE party_id = $_[0] AND quantity > refunded ORDER BY random() LIMIT 1) r"; },
	adjust => sub { return "SELECT adjust_training_tokens(l.id, " . one_of('-', '') . some() . ", 'n') FROM (SELECT id FROM token_lot WHERE party_id = $_[0] AND is_open ORDER BY random() LIMIT 1) l"; },
	void => sub { return "SELECT void_training_tokens(l.id) FROM (SELECT id FROM token_lot WHERE party_id = $_[0] AND is_open ORDER BY random() LIMIT 1) l"; },
	extend => sub { return "SELECT extend_training_tokens(l.id, '" . day(100) . "') FROM (SELECT id FROM token_lot WHERE party_id = $_[0] AND is_open ORDER BY random() LIMIT 1) l"; },
	transfer => sub { my $other = $_[0] > 2 ? $_[0] - 2 : $_[0] + 2; return "SELECT transfer_training_tokens($_[0], $other, md5('" . one_of('gold', 'silver') . "')::uuid, " . some() . ')'; },
	credit => sub { return "SELECT post(a.id, '" . one_of('add', 'subtract', 'adjust') . "', " . some() . ", 's') FROM (SELECT id FROM account WHERE party_id = $_[0] AND name IS NOT NULL ORDER BY random() LIMIT 1) a"; },
	open => sub { return "SELECT credit_init($_[0], " . some() . ", 's', '', now(), 'n' || floor(random() * 9), 'drink')"; },
	pass_on => sub { my $other = $_[0] > 2 ? $_[0] - 2 : $_[0] + 2; return "SELECT credit_transfer($meal[$_[0] - 1], $meal[$other - 1], " . some() . ", 's')"; },
	hold => sub { return "SELECT capture_hold(h.id) FROM credit_hold($_[0], " . some() . ", 's', '', token_type => 'meal') h"; });

my %seen;
my ($seals, $seals_open) = (0, 0);
for my $step (1 .. $steps)
{
	$now += 1 + int rand(rand() < 0.1 ? 20 : 2) * 86400;
	my $writer = int rand 2;
	if ($is_open[$writer] ? rand() < 0.25 : rand() < 0.3)
	{
		my $end = !$is_open[$writer] ? 'BEGIN' : one_of('COMMIT', 'COMMIT', 'ROLLBACK');
		$writers[$writer]->query($end);
		$is_open[$writer] = $end eq 'BEGIN';
		$seen{$end}++;
	}
	if (!grep { $_ } @is_open and rand() < 0.1)
	{
		my $code = attempt($writer, 'SELECT expire_training_tokens()');
		$seen{"sweep $code"}++;
	}
	my $op = one_of(qw(issue issue issue), sort keys %call);
	my $code = attempt($writer, $call{$op}->(party($writer)));
	$seen{"$op $code"}++;
	if ($code !~ /\A(ok|TL4..|TL05[1-8])\z/)
	{
		is($code, 'ok', "step $step: $op");
		last;
	}
	if (rand() < 0.25)
	{
		seal();
		$seals++;
		$seals_open++ if grep { $_ } @is_open;
	}
	last if $step % 8 == 0 && !compare("step $step");
}
$writers[$_]->query('COMMIT') for grep { $is_open[$_] } 0, 1;
seal() for 1 .. 3;
ok(!$failed && compare('at the end'), "$compared comparisons, $behind of them with entries after the summary, $seals seals, $seals_open while somebody books");
note join ', ', map { "$_ $seen{$_}" } sort keys %seen;
cmp_ok($behind, '>', $compared / 3, 'the summary was often behind');
cmp_ok($seals_open, '>', $seals / 3, 'often somebody booked while it was made');
is(lag(), 0, 'at the end all is summed up');
is(answer($reader, 'SELECT count(*) - (SELECT sum(s.entries) FROM month_summary s) FROM entry'), 0, 'each entry once');
is(join(', ', grep { !$seen{"$_ ok"} } sort keys %call), '', 'every call was answered once');
books_are_right($node, 'summary');
no_crash($node, $started, 'summary');
done_testing();
