# Programs of Debian's packages, without installing them: nothing starts, and
# nothing outside of a test's own folder changes.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Debian;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(unpack_package);

# Fetches and unpacks a package into a new folder and returns the folder; or
# undef and why it does not come.
sub unpack_package
{
	my ($package) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir;

	return (undef, "NOT RUN: this machine has no apt-get or dpkg-deb")
	  if grep { !-x "/usr/bin/$_" } qw(apt-get dpkg-deb);

	my $output = '';
	IPC::Run::run(
		[ 'apt-get', 'download', '-q', $package ],
		'>&', \$output,
		init => sub { chdir $folder or die "$folder: $!" });
	my ($archive) = glob "$folder/${package}_*.deb";
	return (undef, "NOT RUN: apt does not deliver $package: "
		  . join ' ', $output =~ /^E: .*/mg)
	  if !defined $archive;
	IPC::Run::run([ 'dpkg-deb', '--extract', $archive, "$folder/tree" ])
	  or return (undef, "NOT RUN: $package cannot be unpacked");
	return "$folder/tree";
}

1;
