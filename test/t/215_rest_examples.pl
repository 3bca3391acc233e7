# The calls of README.md and doc/*.md with curl to the REST face, over the sample
# data of `make serve` (TrainLedger::Examples).

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Examples;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $root = abs_path(dirname(__FILE__) . '/../..');
my $word = qr/\$BOOKS/;
my @texts = grep { TrainLedger::Examples::found($_, $word) } map { slurp_file($_) } "$root/README.md", sort glob "$root/doc/*.md";
my $node = start_books('examples');
$node->command_ok([ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('books'), '-f', "$root/test/api/sample.sql" ],
	'the sample data');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');

cmp_ok(scalar @texts, '>=', 5, scalar @texts . ' documents have calls');
TrainLedger::Examples::run($_, $word, $faces->lines) for @texts;
books_are_right($node, 'after all of them');
done_testing();
