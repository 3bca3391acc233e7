# Every column of a view that refers to another row embeds it, and the other way
# round. The test finds the columns in the system catalogs.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::Faces;

TrainLedger::Faces::needed();

my $node = start_books('embedding');
TrainLedger::Faces::make_roles($node);
my $faces = TrainLedger::Faces->start($node, 'books');
my $reader = $faces->token('reader');

# What the columns name; a list where one of several is enough
my %named = (
	party_id => 'parties', organisation_id => 'organisation',
	parent_id => 'parent',
	token_type_id => [qw(credit_token_types training_token_types token_types)],
	account_id => [qw(credit_accounts account)], issue_id => 'training_token_issues',
	redemption_id => 'redemptions', hold_id => 'holds', item_id => 'catalog_items',
	pass_type_id => 'training_pass_types', option_id => 'training_pass_type_options',
	pass_id => 'training_passes', region_code => 'regions', currency_code => 'currencies',
	signup_token_id => 'signup_tokens', enrolment_id => 'enrolments',
	kind_id => 'program_kinds', program_kind_id => 'program_kinds',
	program_id => 'programs', consumed_program_id => 'programs', cohort_id => 'cohorts');

# Those that name nothing that is served here, and those of reports, which are
# relations to nothing
my %other = map { $_ => 1 } qw(parties.external_id tickets.external_id
  signup_tokens.type_id balances.issue_id balances.organisation_id
  balances.party_id hold_allocations.account_id hold_events.account_id
  hold_events.redemption_id signup_funnel.signup_token_id tokens_expiring.party_id
  training_token_issues.account_id training_token_transactions.account_id);

my @columns = grep { !$other{$_} } rows($node,
	q{SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'trainledger_api'::regnamespace AND c.relkind = 'v' AND a.attname ~ '_(id|code)$'
	AND a.attname <> 'global_id' ORDER BY 1});
cmp_ok(scalar @columns, '>', 30, 'there are columns');

sub embeds
{
	my ($from, $to) = @_;
	my $answer = $faces->request($reader, GET => "/$from?select=*,$to(*)");

	return $answer->{status} == 200 || "$answer->{status} $answer->{body}";
}

foreach my $column (@columns)
{
	my ($view, $name) = split /\./, $column;
	my $targets = $named{$name} or fail("the test does not know what $column names"), next;
	my @good = grep { embeds($view, $_) eq 1 } ref $targets ? @$targets : $targets;

	ok(scalar @good, "$column: " . join ' and ', ref $targets ? @$targets : $targets);
	next if $name =~ /^(organisation|parent)_id$/;
	# a relation has a name of its own where another function has the view's
	is(embeds(s{^account$}{credit_accounts}r, $view), 1, "$_ embeds $view") for @good;
}

is(embeds('program_kinds', 'children'), 1, 'children of program kinds');

# Over two joins
is(embeds('training_pass_types', 'catalog_items'), 1, 'the content of pass types');

$faces->stop;
$node->stop;
done_testing();
