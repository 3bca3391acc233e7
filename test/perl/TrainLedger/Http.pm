# One HTTP connection to a server on loopback, kept open. A request goes out in
# one piece, because a body sent after its header waits 40 ms for the other
# side's acknowledgement. Requests can be sent without waiting for the answer,
# so that several connections are busy at once.
#
#   my $http = TrainLedger::Http->new($port);
#   my $answer = $http->request(GET => '/', { Accept => 'text/html' }, $body);
#   $http->send(...); ... $http->read_some; $answer = $http->take;
#
# An answer is { status => 200, headers => { 'content-type' => ... },
# content => '...' }.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Http;

use strict;
use warnings;

use IO::Socket::INET;

sub new
{
	my ($class, $port) = @_;

	return bless { port => $port, text => '' }, $class;
}

sub handle
{
	my ($self) = @_;

	$self->{socket} //= IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $self->{port},
		Timeout => 60) || die "port $self->{port}: $@";
	return $self->{socket};
}

sub send
{
	my ($self, $method, $path, $headers, $content) = @_;
	my %headers = (Host => '127.0.0.1', %{ $headers || {} });

	$headers{'Content-Length'} = length $content if defined $content;
	my $text = join "\r\n", "$method $path HTTP/1.1",
	  (map { "$_: $headers{$_}" } sort keys %headers), '', $content // '';
	my $socket = $self->handle;
	$self->{is_bare} = $method eq 'HEAD';
	while (length $text)
	{
		my $written = syswrite $socket, $text;
		die "cannot send: $!" unless $written;
		substr($text, 0, $written) = '';
	}
	return;
}

# Reads what is there; blocks while nothing is.
sub read_some
{
	my ($self) = @_;

	$self->{is_over} = 1
	  unless sysread $self->{socket}, $self->{text}, 65536,
	  length $self->{text};
	return;
}

# The answer, undef while it is not whole
sub take
{
	my ($self) = @_;
	my ($head, $rest) = split /\r\n\r\n/, $self->{text}, 2;

	die 'the server hung up' if $self->{is_over} && !defined $rest;
	return unless defined $rest;
	my ($line, @fields) = split /\r\n/, $head;
	my %headers = map { lc $_->[0] => $_->[1] } map { [ split /:\s*/, $_, 2 ] } @fields;
	my ($status) = $line =~ m{^HTTP/1\.1 (\d+)} or die "no status: $line";
	my ($content, $left) = $self->body_of($status, \%headers, $rest);
	return unless defined $content;

	$self->{text} = $left;
	if ($self->{is_over} || ($headers{connection} // '') eq 'close')
	{
		close $self->{socket};
		@$self{qw(socket is_over text)} = (undef, undef, '');
	}
	return { status => $status, headers => \%headers, content => $content };
}

# The body of an answer and what follows it; nothing while it is not whole
sub body_of
{
	my ($self, $status, $headers, $rest) = @_;

	return ('', $rest) if $self->{is_bare} || $status == 204 || $status == 304;
	if (($headers->{'transfer-encoding'} // '') eq 'chunked')
	{
		my $content = '';

		while ($rest =~ s/\A([[:xdigit:]]+)\r\n//)
		{
			my $length = hex $1;

			return if length $rest < $length + 2;
			$content .= substr $rest, 0, $length;
			$rest = substr $rest, $length + 2;
			return ($content, $rest) if $length == 0;
		}
		return;
	}
	my $length = $headers->{'content-length'};
	return $self->{is_over} ? ($rest, '') : () unless defined $length;
	return if length $rest < $length;
	return (substr($rest, 0, $length), substr($rest, $length));
}

# Sends a request and waits for its answer. A connection that was closed while
# it was idle is opened again.
sub request
{
	my ($self, @request) = @_;
	my $answer;

	$self->send(@request);
	while (!($answer = $self->take))
	{
		$self->read_some;
		if ($self->{is_over} && $self->{text} eq '')
		{
			die 'the server hung up' if $self->{is_again}++;
			@$self{qw(socket is_over)} = ();
			$self->send(@request);
		}
	}
	delete $self->{is_again};
	return $answer;
}

1;
