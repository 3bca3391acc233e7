# The clients of test/api/client and test/api/graphql, which npm installs at the
# versions of their lock files.
#
#   my $folder = TrainLedger::Client::install('client');
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Client;

use strict;
use warnings;

use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;

# Copies them into a folder of their own, with what they need.
sub install
{
	my ($name) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir . "/$name";

	system_or_bail('cp', '-R', dirname(__FILE__) . "/../../api/$name", $folder);
	system_or_bail('npm', 'ci', "--prefix=$folder", '--no-audit', '--no-fund', '--loglevel=error');
	return $folder;
}

1;
