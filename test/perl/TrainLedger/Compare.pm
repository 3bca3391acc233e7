# What is compared of books that were copied or moved: a text of each, a line
# for each thing, and the lines in which two texts differ.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Compare;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(contents granted seen difference);

# Every table and sequence of the extension, as number and digest of its rows
sub contents
{
	my ($node, $database) = @_;
	my @relations = split /\n/, $node->safe_psql($database, q{
		SELECT format('%s %s', c.relkind, c.oid::regclass) FROM pg_class c
		WHERE c.relnamespace = 'trainledger'::regnamespace
		AND c.relkind IN ('r', 'S') ORDER BY 1});

	return $node->safe_psql($database, join ' UNION ALL ', map {
		my ($kind, $name) = split / /;
		$kind eq 'S'
		  ? "SELECT '$name', last_value::text, is_called::text FROM $name"
		  : "SELECT '$name', count(*)::text, md5(string_agg(md5(t::text), '' ORDER BY t::text)) FROM $name t"
	} @relations);
}

# What others than the owner have
sub granted
{
	my ($node, $database) = @_;

	return $node->safe_psql($database, q{
		SELECT o.object, a.grantee::regrole, a.privilege_type FROM (
			SELECT p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), p.pronamespace FROM pg_proc p
			UNION ALL SELECT c.oid::regclass::text, c.relowner, c.relacl, c.relnamespace FROM pg_class c
			UNION ALL SELECT n.nspname, n.nspowner, n.nspacl, n.oid FROM pg_namespace n
		) o(object, owner, rights, namespace), aclexplode(o.rights) a
		WHERE o.namespace::regnamespace::text ~ '^trainledger' AND a.grantee <> o.owner ORDER BY 1, 2, 3});
}

# What a role sees of every table and view, where its person is $party
sub seen
{
	my ($node, $database, $role, $party) = @_;
	my @relations = split /\n/, $node->safe_psql($database, q{
		SELECT c.oid::regclass FROM pg_class c
		WHERE c.relnamespace::regnamespace::text ~ '^trainledger' AND c.relnamespace <> 'trainledger_internal'::regnamespace
		AND c.relkind IN ('r', 'v') ORDER BY 1});

	return $node->safe_psql($database,
		"SET ROLE $role; SET trainledger.party_id = '$party';"
		  . join ' UNION ALL ',
		map { "SELECT '$_', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM $_ t" }
		  @relations);
}

# Lines that one of two texts has and the other has not
sub difference
{
	my ($here, $there) = @_;
	my %here = map { $_ => 1 } split /\n/, $here;
	my %there = map { $_ => 1 } split /\n/, $there;

	return join "\n", (map { "+ $_" } grep { !$there{$_} } sort keys %here),
	  (map { "- $_" } grep { !$here{$_} } sort keys %there);
}

1;
