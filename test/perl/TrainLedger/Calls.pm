# What the campaigns of random calls against a model have in common: one call by
# an unprivileged role, at a time and in a time zone, what is asked before and
# after it, and how everything stands then.
#
# Times are whole microseconds since 1970.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Calls;

use strict;
use warnings;

use Exporter 'import';
use POSIX qw(strftime);

our @EXPORT = qw(prepare_calls make_call timestamp time_literal literal one_of
  uuid);

# A test brings two functions of its own: state(first_party bigint), how all of
# that party and later ones stands, and made(), the newest ids that the server
# has made.
sub prepare_calls
{
	my ($node) = @_;

	$node->safe_psql('books', <<'SQL');
CREATE ROLE model_operator;
CREATE ROLE model_admin;
SELECT trainledger.grant_access('model_operator', 'operator');
SELECT trainledger.grant_access('model_admin', 'admin');

CREATE FUNCTION microseconds(at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint::text $$;

-- why() in one line: what it sums to, and its own sums
CREATE FUNCTION why_line(party bigint, type uuid, account text, at timestamptz)
RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT concat_ws(' ',
		trim_scale(coalesce(sum(w.quantity) FILTER (WHERE w.line NOT IN
			('booked', 'held', 'expired, not swept', 'available')), 0)),
		trim_scale(sum(w.quantity) FILTER (WHERE w.line = 'booked')),
		trim_scale(coalesce(-sum(w.quantity) FILTER (WHERE w.line = 'held'), 0)),
		trim_scale(coalesce(-sum(w.quantity) FILTER (WHERE w.line = 'expired, not swept'), 0)),
		trim_scale(sum(w.quantity) FILTER (WHERE w.line = 'available')))
	FROM trainledger.why(party, type, account, at) w
$$;

-- One call.  What is asked before and after it may be NULL.
CREATE FUNCTION step(role text, at text, zone text, before text, statement text,
	after text, first_party bigint) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	asked text;
	answer text;
	told text;
BEGIN
	PERFORM set_config('trainledger.clock', at, false);
	PERFORM set_config('TimeZone', zone, false);
	PERFORM set_config('role', role, false);
	IF before IS NOT NULL THEN
		EXECUTE before INTO asked;
	END IF;
	BEGIN
		EXECUTE statement INTO answer;
	EXCEPTION WHEN OTHERS THEN
		answer := SQLSTATE;
		IF answer !~ '^(TL|42501)' THEN
			answer := answer || ' ' || SQLERRM;
		END IF;
	END;
	PERFORM set_config('role', 'none', false);
	PERFORM set_config('TimeZone', 'UTC', false);
	IF after IS NOT NULL THEN
		BEGIN
			EXECUTE after INTO told;
		EXCEPTION WHEN numeric_value_out_of_range THEN
			told := SQLSTATE;
		END;
	END IF;
	RETURN concat_ws('#', coalesce(asked, '-'), coalesce(answer, ''),
		coalesce(told, '-'), md5(state(first_party)), made());
END
$$;
SQL
	return;
}

# Makes a call: { role, at, zone, before, statement, after }. Returns the
# answers to before, statement and after, the digest of how things stand, and
# the newest ids.
sub make_call
{
	my ($session, $call, $first_party) = @_;
	my $received = $session->query('SELECT step('
		  . join(', ', map { literal($_) } "model_$call->{role}",
			timestamp($call->{at}), @$call{qw(zone before statement after)})
		  . ", $first_party)");

	return split /#/, join("\n", @{ $received->{rows} }), -1;
}

sub timestamp
{
	my ($at) = @_;
	my $fraction = $at % 1_000_000;

	return strftime('%Y-%m-%d %H:%M:%S', gmtime(($at - $fraction) / 1_000_000))
	  . sprintf '.%06d', $fraction;
}

# A time, "infinity" with or without a sign, or undef
sub time_literal
{
	my ($at) = @_;

	return 'NULL' unless defined $at;
	return $at =~ /infinity/ ? "'$at'" : "'" . timestamp($at) . "Z'";
}

sub literal
{
	my ($value, $type) = @_;

	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'" . ($type ? "::$type" : '');
}

sub one_of { return $_[ int rand @_ ]; }

my $serial = 0;
sub uuid { return sprintf '%08x-0000-4000-8000-%012x', rand 2**32, ++$serial; }

1;
