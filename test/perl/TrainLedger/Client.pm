# The clients of test/api/client, which npm installs at the versions of their
# lock file.
#
#   my $folder = TrainLedger::Client::install();
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Client;

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use PostgreSQL::Test::Utils;

# Copies them into a folder of their own, with what they need.
sub install
{
	my $folder = PostgreSQL::Test::Utils::tempdir . '/client';

	mkdir $folder or die;
	copy($_, $folder) or die for glob dirname(__FILE__) . '/../../api/client/{.npmrc,*}';
	system_or_bail('npm', 'ci', "--prefix=$folder", '--no-audit', '--no-fund', '--loglevel=error');
	return $folder;
}

1;
