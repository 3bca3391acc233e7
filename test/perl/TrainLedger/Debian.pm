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

our @EXPORT = qw(unpack_package library_path);

# Fetches a package and the libraries that this machine lacks for it, unpacks them
# into a new folder and returns the folder; or undef and why it does not come.
# library_path() names the libraries.
sub unpack_package
{
	my ($package) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir;

	return (undef, "NOT RUN: this machine has no apt-get or dpkg-deb")
	  if grep { !-x "/usr/bin/$_" } qw(apt-get dpkg-deb);

	my ($plan, $output) = ('', '');
	IPC::Run::run(
		[ 'apt-get', 'install', '--simulate', '--no-install-recommends', $package ],
		'<', \undef, '>', \$plan, '2>', \$output);
	my @libraries = grep { !/^libjs-/ && $_ ne $package } $plan =~ /^Inst (lib\S+)/mg;
	IPC::Run::run(
		[ 'apt-get', 'download', '-q', $package, @libraries ],
		'>&', \$output,
		init => sub { chdir $folder or die "$folder: $!" });
	my @archives = glob "$folder/*.deb";
	return (undef, "NOT RUN: apt does not deliver $package: "
		  . join ' ', $output =~ /^E: .*/mg)
	  if !grep { m{/\Q$package\E_} } @archives;
	foreach my $archive (@archives)
	{
		IPC::Run::run([ 'dpkg-deb', '--extract', $archive, "$folder/tree" ])
		  or return (undef, "NOT RUN: $package cannot be unpacked");
	}
	return "$folder/tree";
}

# LD_LIBRARY_PATH for the programs of an unpacked package
sub library_path
{
	my ($tree) = @_;

	return join ':', glob("$tree/usr/lib/*-linux-*"), $ENV{LD_LIBRARY_PATH} // ();
}

1;
