# The requests in the training management system's documents (test/api/000.md
# and 001.md), sent as printed: each whole answer is as printed.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::GraphQL;

my $root = dirname(__FILE__) . '/../..';

TrainLedger::GraphQL::needed();

my $node = start_books('graphql_replay');
my $face = TrainLedger::GraphQL->start($node);

cmp_ok($face->replay("$root/test/api/$_.md"), '>', 6, "$_.md: there were answers")
  foreach qw(000 001);
books_are_right($node, 'after the replay');
$face->stop;
$node->stop;
done_testing();
