# Many HTTP clients at once in one program.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Load;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use Time::HiRes qw(time);

use TrainLedger::Http;

our @EXPORT = qw(load);

# Keeps connections busy for so many seconds, and then until $is_enough->(), where
# that is given, is true: $next->($client) gives the arguments of the next request,
# $answer->($client, $answer) takes what came back. Returns the seconds that it
# took.
sub load
{
	my ($port, $clients, $seconds, $next, $answer, $is_enough) = @_;
	my $select = IO::Select->new;
	my $started = time;
	my (@connections, %number);

	foreach my $i (0 .. $clients - 1)
	{
		$connections[$i] = TrainLedger::Http->new($port);
		$connections[$i]->send($next->($i));
		$number{ $connections[$i]->handle->fileno } = $i;
		$select->add($connections[$i]->handle);
	}
	while ($select->count)
	{
		my @ready = $select->can_read(60) or die 'no answer within a minute';
		foreach my $handle (@ready)
		{
			my $i = $number{ $handle->fileno };
			my $connection = $connections[$i];

			$connection->read_some;
			my $result = $connection->take or next;
			$answer->($i, $result);
			$select->remove($handle);
			next if time - $started >= $seconds && (!$is_enough || $is_enough->());
			$connection->send($next->($i));
			$number{ $connection->handle->fileno } = $i;
			$select->add($connection->handle);
		}
	}
	return time - $started;
}

1;
