# The requests of the training management system's documents, sent as they are
# printed, and the whole answers, compared as they are printed.
#
# test/api/000.md and 001.md hold them: a block ```sql sets the scene, a block
# ```graphql WHO is sent with that level of access, and the block ```json that
# follows is the answer, blanks apart.  After ```json made, ids that the server
# made are taken for the printed ones of the same type.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use File::Basename qw(dirname);
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger;
use TrainLedger::GraphQL;

my $folder = dirname(__FILE__) . '/../api';

# [line, heading, language, words after it, text] of each block
sub blocks
{
	my ($text) = @_;
	my @blocks;
	my $heading = '';

	while ($text =~ /^(?:\#+ ([^\n]*)|```(\w+) ?([^\n]*)\n(.*?)^```)$/msg)
	{
		$heading = $1, next if defined $1;
		my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
		push @blocks, [ $line, $heading, $2, $3, $4 ];
	}
	return @blocks;
}

# JSON without the blanks between its tokens: nothing else is left out.
sub compact
{
	my ($text) = @_;

	$text =~ s{("(?:[^"\\]|\\.)*")|\s+}{$1 // ''}ge;
	return $text;
}

# The type in a global id
sub type_of
{
	my ($id) = @_;

	return decode_base64($id) =~ /^(\w+):/ ? $1 : '';
}

# An answer with the ids that the server made as the printed answer has them
sub with_printed_ids
{
	my ($answer, $printed) = @_;
	my %printed;

	while ($printed =~ /"id":"([^"]*)"/g)
	{
		my $id = $1;
		$printed{ type_of($id) } = $id;
	}
	$answer =~ s{"id":"\K([^"]*)}{$printed{ type_of($1) } // $1}ge;
	return $answer;
}

my $node = start_books('graphql_replay');
my $face = TrainLedger::GraphQL->start($node);

foreach my $name (qw(000 001))
{
	my ($status, $answer);
	my $compared = 0;

	foreach my $block (blocks(slurp_file("$folder/$name.md")))
	{
		my ($line, $heading, $language, $words, $text) = @$block;

		if ($language eq 'sql')
		{
			$node->safe_psql('books', $text);
			$face->reconnect;
		}
		elsif ($language eq 'graphql')
		{
			($status, $answer) = $face->ask($words, $text);
			is($status, 200, "$name.md, line $line: $heading");
		}
		elsif ($language eq 'json')
		{
			my $printed = compact($text);
			$answer = with_printed_ids($answer, $printed)
			  if $words eq 'made';
			is($answer, $printed, "$name.md, line $line: the answer");
			$compared++;
		}
	}
	cmp_ok($compared, '>', 6, "$name.md has answers to compare");
}

books_are_right($node, 'after the replay');
$face->stop;
$node->stop;
done_testing();
