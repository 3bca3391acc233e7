# A server that is killed in the middle of its work: by SIGKILL to every one of
# its processes, as when the machine loses its power, but for what the operating
# system has already got to write.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Crash;

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes qw(sleep);

our @EXPORT = qw(kill_server start_again);

# The processes of a server: the postmaster and its children
sub server_processes
{
	my ($postmaster) = @_;
	my @children;

	for my $file (glob '/proc/[0-9]*/stat')
	{
		open my $stat, '<', $file or next;
		my $line = <$stat>;
		push @children, $1
		  if defined $line && $line =~ /^(\d+) \(.*\) \S+ $postmaster /;
	}
	return ($postmaster, @children);
}

sub is_alive
{
	my ($pid) = @_;

	open my $stat, '<', "/proc/$pid/stat" or return 0;
	my $line = <$stat>;
	return defined $line && $line !~ /\) [ZX] /;
}

# Kills all of them, stopped first so that none is born or ends meanwhile, and
# returns how many there were.
sub kill_server
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};

	kill 'STOP', $postmaster;
	my @all = server_processes($postmaster);
	kill 'KILL', @all;
	$node->kill9;
	for (1 .. 600)
	{
		if (!grep { is_alive($_) } @all)
		{
			# or a dead process that nobody waits for looks like a server
			unlink $node->data_dir . '/postmaster.pid';
			return scalar @all;
		}
		sleep 0.1;
	}
	die 'processes of the server outlive SIGKILL';
}

# Starts it again; shared memory may be held a moment longer.
sub start_again
{
	my ($node) = @_;

	for my $try (1 .. 20)
	{
		last if $node->start(fail_ok => 1);
		sleep 0.5;
	}
	return;
}

1;
