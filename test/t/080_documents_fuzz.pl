# Damaged bodies for the credit-token documents: every answer is a document
# with a status of its own, or a clean error of the JSON input. A refused body
# changes nothing, and the server keeps running.
#
# A small protocol client sends the values as bytes, because psql and drivers
# send valid text only.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use JSON::PP;
use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;

my $seed = $ENV{TRAINLEDGER_SEED} || 20171205;
my $cases = soak();
my $node = start_books('documents');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

add_role($node, till => 'operator');

# Calls a door and tells its status, its document and what is in the books,
# all by one statement.
$node->safe_psql('books', <<'SQL');
CREATE FUNCTION written() RETURNS text LANGUAGE sql VOLATILE
AS $$
	SELECT concat_ws(' ', (SELECT count(*) FROM trainledger.entry),
		(SELECT count(*) FROM trainledger.account),
		(SELECT count(*) FROM trainledger.token_type),
		(SELECT count(*) FROM trainledger.party))
$$;
CREATE FUNCTION send(door text, body text,
	OUT status text, OUT document json, OUT written text)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	PERFORM set_config('response.status', 'none', true);
	EXECUTE format('SELECT trainledger_api.%I($1::json)',
		'credit_token_transaction' || door) INTO document USING body;
	status := current_setting('response.status');
	written := written();
END
$$;
CREATE FUNCTION read(door text, account_name text, id_type text, id text,
	token_type text, OUT status text, OUT document json, OUT written text)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	PERFORM set_config('response.status', 'none', true);
	EXECUTE format('SELECT trainledger_api.%I($1, $2, $3, $4)',
		'credit_token_' || door)
		INTO document USING account_name, id_type, id, token_type;
	status := current_setting('response.status');
	written := written();
END
$$;
SELECT trainledger.add_party('person', 'Ada', rfid => '0071',
	barcode => '130102568017', external_id => 'e"1');
SELECT trainledger.add_party('person', 'Bob', barcode => 'bob');
SELECT trainledger.add_party('person', 'Eve', barcode => 'eve');
SELECT trainledger.update_party(3, is_suspended => true);
SELECT trainledger.add_credit_token_type('bounded', scale => 0,
	lower_bound => 0, upper_bound => 50);
SELECT trainledger.credit_init(1, 5, 'setup', 'd', '2017-12-05');
SELECT trainledger.credit_init(1, 5, 'setup', 'd', '2017-12-05', token_type => 'bounded');
SQL

# ----------------------------------------------------------------------
# The protocol
# ----------------------------------------------------------------------

my $socket;

sub put
{
	my ($type, $content) = @_;

	return $type . pack('N', 4 + length $content) . $content;
}

sub get
{
	my ($length) = @_;
	my $bytes = '';

	while (length $bytes < $length)
	{
		sysread $socket, $bytes, $length - length $bytes, length $bytes
		  or die 'the connection is lost';
	}
	return $bytes;
}

# Reads up to ReadyForQuery; the fields of the last row, or of the error
sub answer
{
	my %answer;

	while (1)
	{
		my ($type, $length) = unpack 'a N', get(5);
		my $content = get($length - 4);

		return \%answer if $type eq 'Z';
		if ($type eq 'D')
		{
			my ($count, $rest) = unpack 'n a*', $content;
			my @fields;
			for (1 .. $count)
			{
				(my $size, $rest) = unpack 'N a*', $rest;
				push @fields,
				  $size == 0xffffffff ? undef : substr $rest, 0, $size, '';
			}
			@answer{qw(status document written)} = @fields;
		}
		elsif ($type eq 'E')
		{
			my %field = map { /^(.)(.*)/s } split /\0/, $content;
			@answer{qw(sqlstate message)} = @field{qw(C M)};
		}
	}
}

sub connect_raw
{
	$socket = $node->raw_connect;
	binmode $socket;
	syswrite $socket,
	  put('', pack('N', 196608)
		  . join("\0", qw(user till database books client_encoding UTF8), '', ''));
	answer();
	my %statement = (
		send => 'SELECT * FROM send($1, $2)',
		read => 'SELECT * FROM read($1, $2, $3, $4, $5)');
	for my $name (sort keys %statement)
	{
		syswrite $socket,
		  put('P', "$name\0$statement{$name}\0\0\0") . put('S', '');
		die "cannot prepare $name" if answer()->{sqlstate};
	}
	return;
}

sub call
{
	my ($name, @values) = @_;
	my $message = put('B',
		"\0$name\0\0\0"
		  . pack('n', scalar @values)
		  . join('', map { pack('N/a*', $_) } @values)
		  . "\0\0")
	  . put('E', "\0\0\0\0\0")
	  . put('S', '');

	while (length $message)
	{
		my $count = syswrite $socket, $message;
		die "cannot send: $!" unless $count;
		substr $message, 0, $count, '';
	}
	return answer();
}

# ----------------------------------------------------------------------
# What an answer may be
# ----------------------------------------------------------------------

my $json = JSON::PP->new->utf8;
my $written = call_written();
my @tree = qw(delegate_id delegate_rfid delegate_barcode delegate_externalId
  device_id device_code operation amount source description recordedAt
  accountName tokenType rounding balanceExpected);

sub call_written
{
	connect_raw();
	return call('send', '', '{}')->{written};
}

# What is wrong with an answer, nothing where it is as it must be
sub complaint
{
	my ($answer, $reads) = @_;

	if ($answer->{sqlstate})
	{
		# the JSON input, the encoding, the stack depth
		return $answer->{sqlstate} =~ /^(22P02|22021|54001)$/
		  ? undef
		  : "$answer->{sqlstate} $answer->{message}";
	}

	my ($status, $text) = @$answer{qw(status document)};
	my $document = eval { $json->decode($text) };
	return "not JSON: $text" unless ref $document eq 'HASH';

	my $before = $written;
	$written = $answer->{written};
	if ($status eq ($reads ? '200' : '201'))
	{
		my $keys = join ' ', sort keys %$document;
		my ($old, $new) = map { /^(\d+)/ } $before, $written;
		return "keys $keys"
		  unless $keys =~ /^balance delegate( history)? transaction$/;
		return "wrote $before -> $written" unless $new == $old + !$reads;
		return undef;
	}
	return "status $status: $text"
	  unless $status =~ ($reads ? qr/^404$/ : qr/^4(00|04|09)$/)
	  && $document->{code} eq $status;
	return "refused and wrote $before -> $written" if $before ne $written;
	return undef if $status ne '400';
	my $errors = $text =~ /"children":\{(.*)\}\}\}$/s ? $1 : '';
	return "tree $text"
	  unless join(',', @tree) eq join ',', $errors =~ /"(\w+)":\{/g;
	return "nothing is wrong: $text" unless $text =~ /This |The value/;
	return undef;
}

my %seen;
my @wrong;

sub try
{
	my ($name, @values) = @_;
	my $answer = call($name, @values);
	my $complaint = complaint($answer, $name eq 'read');

	$seen{ $answer->{sqlstate} || $answer->{status} }++;
	if (defined $complaint && @wrong < 10)
	{
		my $sent = join ', ', map { substr $_, 0, 400 } @values;
		$sent =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
		push @wrong, "$complaint\n  to $name($sent)";
	}
	return $answer;
}

sub none_wrong
{
	my ($what) = @_;

	ok(!@wrong, $what)
	  or diag("seed $seed:\n", join "\n", @wrong);
	note(join ', ', map { "$_: $seen{$_}" } sort keys %seen);
	@wrong = ();
	return;
}

# ----------------------------------------------------------------------
# Damage
# ----------------------------------------------------------------------

srand $seed;

sub one_of { return $_[ int rand @_ ]; }

my $counter = 0;

# A body that is good, as a list of keys and values in JSON
sub good_body
{
	my ($door) = @_;
	my $number = ++$counter;
	my @fields = (
		one_of(
			[ delegate_id => one_of('1', '"1"', '2') ],
			[ delegate_rfid => '"0071"' ],
			[ delegate_barcode => one_of('130102568017', '"bob"', '"eve"') ],
			[ delegate_externalId => '"e\"1"' ]),
		[ amount => one_of('5', '"0.10"', '1e1', '0.005', '12345678901.123456') ],
		[ source => '"Insomnia Test"' ],
		[ description => qq("no $number, \\u00e9 \\ud83d\\ude00") ],
		[ recordedAt => 1512516382 + $number ]);
	push @fields, [ operation => one_of('"init"', '"add"', '"subtract"') ]
	  if $door eq '';
	push @fields, [ operation => '"' . substr($door, 1) . '"' ]
	  if $door && rand() < 0.1;
	push @fields, [ accountName => one_of('"default"', '""', qq("a$number")) ]
	  if rand() < 0.3;
	push @fields, [ tokenType => one_of('"default"', '"bounded"', '"none"') ]
	  if rand() < 0.3;
	push @fields, [ rounding => one_of('"round"', '"floor"', '"ceil"', 'null') ]
	  if rand() < 0.3;
	push @fields, [ balanceExpected => one_of('5', '"10"', 'null') ]
	  if rand() < 0.1;
	push @fields, [ one_of('device_id', 'device_code') => one_of('7', '"X"') ]
	  if rand() < 0.3;
	return @fields;
}

my @values = (
	'null', 'true', 'false', '[]', '{}', '""', '" "', '0', '-0', '-1', '1e999999',
	'-1e999999', '1e-999999', '0.0000001', '9223372036854.775807',
	'9223372036854775808', '9' x 500, '0.' . '0' x 500 . '1', '1e' . '9' x 50,
	'"\u0000"', '"\ud800"', '"\udc00\ud800"', '"NaN"', '"Infinity"', '"now"',
	'"x"', '[1,{"a":[]}]', '{"amount":5}', '"' . 'x' x 8193 . '"', '1.5',
	'"\u00a05"', '"' . "\xc3\xa9" x 4097 . '"', '[' x 200 . ']' x 200);
my @bytes = (
	"\0", "\x01", "\n", "\x7f", "\x80", "\xc0\x80", "\xc3", "\xed\xa0\x80",
	"\xf4\x90\x80\x80", "\xff", '"', '\\', '{', '}', '[', ']', ',', ':', '-',
	'+', 'e', '.', '\u', '\u0000', '\ud83d', "'", '/*', '--', '%s%n', 'null',
	'[' x 50, '{"a":' x 50);

# Damages the fields, before they are put together
sub damage_fields
{
	my (@fields) = @_;
	my $i = int rand @fields;
	my $kind = int rand 7;

	if ($kind <= 1) { $fields[$i] = [ $fields[$i][0], one_of(@values) ]; }
	elsif ($kind == 2) { splice @fields, $i, 1; }
	elsif ($kind == 3) { push @fields, [ one_of(@tree), one_of(@values) ]; }
	elsif ($kind == 4) { $fields[$i] = [ one_of(@tree), $fields[$i][1] ]; }
	elsif ($kind == 5)
	{
		my $key = $fields[$i][0];
		substr $key, int rand length $key, 1, one_of('', 'X', '\u0061', '\u0000');
		$fields[$i] = [ $key, $fields[$i][1] ];
	}
	else { @fields = shuffle(@fields); }
	return @fields ? @fields : [ x => 1 ];
}

# Damages the bytes
sub damage_bytes
{
	my ($text) = @_;
	my $at = int rand(1 + length $text);
	my $length = int rand 20;
	my $kind = int rand 6;

	if ($kind == 0) { substr $text, $at, 1, chr int rand 256; }
	elsif ($kind == 1) { substr $text, $at, 0, one_of(@bytes); }
	elsif ($kind == 2) { substr $text, $at, $length, ''; }
	elsif ($kind == 3) { $text = substr $text, 0, $at; }
	elsif ($kind == 4) { substr $text, $at, 0, substr $text, $at, $length; }
	else
	{
		my @digits;
		push @digits, $-[0] while $text =~ /\d/g;
		substr $text, one_of(@digits), 1, one_of('9' x 40, '1e', '-', '0', 'x')
		  if @digits;
	}
	return $text;
}

sub body { return '{' . join(',', map { qq("$_->[0]":$_->[1]) } @_) . '}'; }

# ----------------------------------------------------------------------
# Campaigns
# ----------------------------------------------------------------------

# Reads have no body: what damaged arguments name is not there, or they are no
# text. They come first, while the histories are short.
for my $n (1 .. $cases / 4)
{
	my @arguments = ('default',
		one_of([ id => '1' ], [ barcode => 'bob' ], [ rfid => '0071' ],
			[ externalId => 'e"1' ]),
		one_of('default', 'bounded'));
	@arguments = ($arguments[0], @{ $arguments[1] }, $arguments[2]);
	my $i = int rand 2 * @arguments;
	$arguments[$i] = damage_bytes($arguments[$i]) if $i < @arguments;
	try('read', one_of('balance', 'history'), @arguments);
}
none_wrong('damaged arguments of reads');
ok($seen{200} && $seen{404}, 'some are there and some are not');

%seen = ();
for my $n (1 .. $cases)
{
	my $door = one_of('', '_init', '_add', '_subtract');
	my @fields = good_body($door);
	my $kind = rand;

	# a few stay as they are
	if ($kind >= 0.1 && $kind < 0.6)
	{
		@fields = damage_fields(@fields) for 1 .. 1 + int rand 3;
	}
	my $text = body(@fields);
	if ($kind >= 0.5)
	{
		$text = damage_bytes($text) for 1 .. 1 + int rand 3;
	}
	try('send', $door, $text);
}
none_wrong("$cases damaged bodies");
ok( !(grep { !$seen{$_} } qw(201 400 404 409 22P02 22021)),
	'of every kind of answer there was one');

# ----------------------------------------------------------------------
# By name
# ----------------------------------------------------------------------

%seen = ();
my @rest = ([ amount => 5 ], [ source => '"s"' ], [ description => '"d"' ],
	[ recordedAt => 1 ], [ delegate_id => 2 ]);
for my $field (@tree)
{
	for my $value ('[' x 10000 . ']' x 10000, '{"a":' x 10000 . '1' . '}' x 10000,
		'9' x 8193, '"' . 'x' x 8193 . '"', '"' . 'x' x 1000000 . '"')
	{
		my $answer = try('send', '_add',
			body((grep { $_->[0] ne $field } @rest), [ $field => $value ]));
		push @wrong, "$field took a value of " . length $value
		  if ($answer->{status} || '') eq '201';
	}
	for my $value ("\"\0\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
		"\"\xc3", "\"\xf4\x90\x80\x80\"")
	{
		my $answer = try('send', '_add',
			body((grep { $_->[0] ne $field } @rest), [ $field => $value ]));
		push @wrong, "$field: not 22021 for invalid UTF-8"
		  if ($answer->{sqlstate} || '') ne '22021';
	}
}
for my $text ('[' x 10000 . ']' x 10000, '[' x 10000, '{"amount":' x 10000,
	'[' x 1000000, '"' . 'x' x 1000000 . '"', '9' x 1000000,
	'{' . join(',', map { qq("$_":$_) } 1 .. 50000) . '}')
{
	try('send', one_of('', '_init', '_add', '_subtract'), $text);
}
none_wrong('deep nesting, long texts and invalid UTF-8 in every field');

# Fields are not kept: a body of many does not take much more than its size
connect_raw();
my ($pid) = rows($node,
	"SELECT pid FROM pg_stat_activity WHERE usename = 'till' ORDER BY backend_start DESC LIMIT 1"
);
SKIP:
{
	skip 'no /proc', 1 unless -r "/proc/$pid/status";
	my $peak = sub {
		return slurp_file("/proc/$pid/status") =~ /VmHWM:\s*(\d+) kB/ ? $1 : 0;
	};
	my $before = $peak->();
	my $text = '{' . join(',', ('"x":1') x 200000) . '}';
	try('send', '_add', $text);
	my $growth = $peak->() - $before;
	cmp_ok($growth, '<', 50000,
		"200,000 fields of 1.2 MB took $growth kB of memory");
}

books_are_right($node, 'after all');
no_crash($node, $started, 'after all');

done_testing();
