# A receiver of webhooks on loopback, which answers well or in one of many bad
# ways, checks signatures by itself and writes down what came.
#
#   my $receiver = TrainLedger::Receiver->start($folder, $secret, ...);
#   $receiver->answers('500');          # from now on; 'good' is where it begins
#   $receiver->answers('good', 'hang'); # one in ten is bad
#   my @received = $receiver->received; # what came so far; in scalar context how many
#   $receiver->stop; $receiver->restart;
#
# One that came is { id => webhook-id, problem => '' or what is wrong with it,
# answer => how it was answered, digest => SHA-256 of the body, at => time }. It
# is written down before the answer leaves, so whatever a worker knows to be
# delivered is there. The last request is in the file "request" in the folder.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Receiver;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_base64 sha256_hex);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

# What goes out for each way of answering; code is called with the connection,
# and an undefined text leaves it open without an answer.
my $length = "Content-Length: 0\r\n";
my %answer = (
	good => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
	created => "HTTP/1.1 201 Created\r\n$length\r\n",
	empty => "HTTP/1.1 204 No Content\r\n\r\n",
	chunked => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
	'good and closes' => "HTTP/1.0 200 OK\r\n\r\nOK",
	'good, closes later' => "HTTP/1.1 200 OK\r\n$length\r\n",
	500 => "HTTP/1.1 500 Internal Server Error\r\n$length\r\n",
	503 => "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n$length\r\n",
	429 => "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\n$length\r\n",
	404 => "HTTP/1.1 404 Not Found\r\n$length\r\n",
	410 => "HTTP/1.1 410 Gone\r\n$length\r\n",
	redirect => "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n$length\r\n",
	hang => undef,
	close => '',
	garbage => "\0\0\0\r\n\r\n",
	half => 'HTTP/1.1 200',
	'no header' => "HTTP/1.1 200 OK\r\n",
	'half header' => "HTTP/1.1 200 OK\r\nContent-Le",
	'most of a header' => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
	short => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK",
	'short chunk' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nOK",
	'no last chunk' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n",
	'waits in vain' => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK",
	long => "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" . 'x' x 1000000,
	drip => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	'drip header' => "HTTP/1.1 200 OK\r\n",
);
# after which the connection is closed
my %closes = map { $_ => 1 } 'good and closes', 'good, closes later', 'close',
  'garbage', 'half', 'no header', 'half header', 'most of a header', 'short', 'short chunk', 'no last chunk', 'long';
# what is sent again and again
my %drips = (drip => "1\r\nx\r\n", 'drip header' => "X-More: x\r\n");
my %is_good = map { $_ => 1 } 'good', 'created', 'empty', 'chunked', 'good and closes',
  'good, closes later';

sub good { return sort keys %is_good }
sub bad { return sort grep { !$is_good{$_} && $_ ne 410 } keys %answer }
sub is_good { return $is_good{ $_[0] } }

sub start
{
	my ($class, $folder, @secrets) = @_;
	my $self = bless { folder => $folder, secrets => \@secrets }, $class;

	mkdir $folder;
	append_to_file("$folder/received", '');
	$self->answers('good');
	$self->restart;
	return $self;
}

sub port { return $_[0]{port} }

sub answers
{
	my ($self, @ways) = @_;

	die "no such answer: $_" for grep { !exists $answer{$_} } @ways;
	open my $file, '>', "$self->{folder}/new" or die $!;
	print $file join "\n", @ways;
	close $file;
	rename "$self->{folder}/new", "$self->{folder}/answers" or die $!;
	return;
}

# What came, but for the first so many; or how many came
sub received
{
	my ($self, $skip) = @_;
	my $text = slurp_file("$self->{folder}/received");

	return $text =~ tr/\n// if !wantarray;
	my @lines = split /\n/, $text;
	splice @lines, 0, $skip // 0;
	return map {
		my %event;
		@event{qw(id problem answer digest at)} = split /\t/;
		\%event
	} @lines;
}

# On the port it had before, if there was one
sub restart
{
	my ($self) = @_;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => $self->{port} // 0,
		Listen => 50,
		ReuseAddr => 1) or die "port: $@";

	$self->{port} = $listener->sockport;
	$self->{pid} = fork // die "fork: $!";
	return if $self->{pid};
	# Others wait for the end of pipes that are the test's, and what the test
	# does at its end is not for this process.
	POSIX::close($_) for grep { $_ != fileno $listener } 3 .. 255;
	@SIG{qw(TERM PIPE)} = ('DEFAULT', 'IGNORE');
	eval { $self->serve($listener) };
	print STDERR "the receiver died: $@";
	POSIX::_exit(1);
}

sub stop
{
	my ($self) = @_;

	return if !$self->{pid};
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
	return;
}

# ----------------------------------------------------------------------
# In the process of its own
# ----------------------------------------------------------------------

sub serve
{
	my ($self, $listener) = @_;
	my $select = IO::Select->new($listener);
	my (%text, %drip);

	# the bad answers go on where the receiver was before it was restarted
	$self->{turn} = grep { !$is_good{ $_->{answer} } } $self->received;
	open $self->{log}, '>>', "$self->{folder}/received" or die $!;
	$self->{log}->autoflush(1);
	srand $$;
	while (1)
	{
		for my $handle ($select->can_read(%drip ? 0.02 : undef))
		{
			if ($handle == $listener)
			{
				$select->add($listener->accept || next);
				next;
			}
			my $way;
			if (sysread $handle, $text{$handle}, 65536, length($text{$handle} // ''))
			{
				my $request = take_request(\$text{$handle}) // next;
				$way = $self->take($request);
				$handle->syswrite($answer{$way}) if defined $answer{$way};
				$drip{$handle} = [ $handle, $drips{$way} ] if $drips{$way};
				next if !$closes{$way};
			}
			$select->remove($handle);
			delete @$_{$handle} for \%text, \%drip;
			close $handle;
		}
		$_->[0]->syswrite($_->[1]) for values %drip;
	}
}

# A whole request: method, path, headers and body. It is taken off the text.
sub take_request
{
	my ($text) = @_;
	my ($head, $rest) = split /\r\n\r\n/, $$text, 2;

	return if !defined $rest;
	my ($line, @fields) = split /\r\n/, $head;
	my %headers = map { lc $_->[0] => $_->[1] } map { [ split /:\s*/, $_, 2 ] } @fields;
	my $length = $headers{'content-length'} // 0;
	return if length $rest < $length;
	$$text = substr $rest, $length;
	return { line => $line, headers => \%headers, body => substr $rest, 0, $length };
}

# Writes a request down and says how to answer.
sub take
{
	my ($self, $request) = @_;
	my @ways = split /\n/, slurp_file("$self->{folder}/answers");
	# one in ten is bad where good and bad ones are mixed, each in its turn
	my @good = grep { $is_good{$_} } @ways;
	my @bad = grep { !$is_good{$_} } @ways;
	my $is_good = @good && (!@bad || rand() < 0.9);
	my $way = $is_good ? $good[ rand @good ] : $bad[ $self->{turn}++ % @bad ];

	open my $file, '>:raw', "$self->{folder}/request" or die $!;
	print $file map({"$_: $request->{headers}{$_}\n"} sort keys %{ $request->{headers} }),
	  "\n", $request->{body};
	close $file;
	$self->{log}->print(join("\t", $request->{headers}{'webhook-id'} // '',
		$self->problem($request) // '', $way, sha256_hex($request->{body}), time), "\n");
	return $way;
}

# What is wrong with a request, by the specification of Standard Webhooks
sub problem
{
	my ($self, $request) = @_;
	my %headers = %{ $request->{headers} };
	my ($id, $timestamp, $signature) = map { $headers{"webhook-$_"} // '' } qw(id timestamp signature);

	return "request $request->{line}" if $request->{line} ne 'POST /hook?to=me HTTP/1.1';
	return 'type' if $headers{'content-type'} ne 'application/cloudevents+json';
	return 'timestamp' if $timestamp !~ /^\d+$/ || abs($timestamp - time) > 60;
	my $event = eval { JSON::PP->new->utf8->decode($request->{body}) };
	return 'body' if !$event;
	return 'id' if $id eq '' || $id ne $event->{id};
	my @signatures = split / /, $signature;
	return 'number of signatures' if @signatures != @{ $self->{secrets} };
	for my $i (0 .. $#signatures)
	{
		my $key = decode_base64($self->{secrets}[$i] =~ s/^whsec_//r);
		my $own = hmac_sha256_base64("$id.$timestamp.$request->{body}", $key);

		return 'signature' if $signatures[$i] ne 'v1,' . $own . '=' x (-length($own) % 4);
	}
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local $?;
	$self->stop if $self->{pid};
	return;
}

1;
