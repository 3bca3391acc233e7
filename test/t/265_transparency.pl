# The checker of logs, TrainLedger::Transparency, against what its
# specifications print and the roots that other implementations test with, and
# against itself: what it makes it accepts, and nothing else.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use Digest::SHA qw(sha256);
use PostgreSQL::Test::Utils;
use Test::More;

use TrainLedger::Transparency;

my $seed = $ENV{TRAINLEDGER_SEED} || 20261130;
note "seed $seed";
srand $seed;

sub dies
{
	my ($error, $code, $what) = @_;

	ok(!eval { $code->(); 1 }, $what);
	like($@, $error, "$what: says why");
	return;
}

# ----------------------------------------------------------------------
# Trees: the leaves and roots of Certificate Transparency's own tests
# ----------------------------------------------------------------------

my @hashes = map { leaf_hash(pack 'H*', $_) } '', '00', '10', '2021', '3031',
  '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f';
my @roots = map { pack 'H*', $_ } qw(
  e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
  fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
  aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
  d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
  4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
  76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
  ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
  5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328);

is(unpack('H*', tree_root(\@hashes, 0, $_)), unpack('H*', $roots[$_]), "root of $_ leaves")
  for 0 .. 8;

# RFC 6962, section 2.1.3: the tree of seven leaves, its nodes named as there
my @seven = @hashes[ 0 .. 6 ];
my %node;
@node{qw(a b c d e f j)} = @seven;
@node{qw(g h i)} = map { sha256("\1$seven[$_]$seven[$_ + 1]") } 0, 2, 4;
$node{k} = sha256("\1$node{g}$node{h}");
$node{l} = sha256("\1$node{i}$node{j}");

sub names
{
	my %name = reverse %node;

	return join ' ', map { $name{$_} // '?' } @_;
}
is(names(inclusion_path(0, \@seven)), 'b h l', 'path of d0 is [b, h, l]');
is(names(inclusion_path(3, \@seven)), 'c g l', 'path of d3 is [c, g, l]');
is(names(inclusion_path(4, \@seven)), 'f j k', 'path of d4 is [f, j, k]');
is(names(inclusion_path(6, \@seven)), 'i k', 'path of d6 is [i, k]');
is(names(consistency_path(3, \@seven)), 'c d g l', 'proof from 3 to 7 is [c, d, g, l]');
is(names(consistency_path(4, \@seven)), 'l', 'proof from 4 to 7 is [l]');
is(names(consistency_path(6, \@seven)), 'i j k', 'proof from 6 to 7 is [i, j, k]');

# ----------------------------------------------------------------------
# Proofs: those that are made are accepted, altered ones never
# ----------------------------------------------------------------------

# A hash with one bit changed
sub flipped
{
	my ($hash) = @_;

	vec($hash, int rand 256, 1) ^= 1;
	return $hash;
}

# Other paths than this one
sub altered
{
	my @path = @_;
	my $place = int rand @path;

	return ([ @path, $roots[1] ], [ $roots[1], @path ]) unless @path;
	return (
		[ @path, $path[-1] ],
		[ @path[ 1 .. $#path ] ],
		[ @path[ 0 .. $#path - 1 ] ],
		[ map { $_ == $place ? flipped($path[$_]) : $path[$_] } 0 .. $#path ]);
}

my @many = map { leaf_hash("leaf $_") } 1 .. 130;
my (@refused, @accepted);
for my $size (1 .. @many)
{
	my $root = tree_root(\@many, 0, $size);

	for my $index (0, int rand $size, $size - 1)
	{
		my @path = inclusion_path($index, \@many, 0, $size);
		my $is = sub { return proves_inclusion(@_) };
		push @refused, "leaf $index of $size"
		  unless $is->($index, $size, $many[$index], \@path, $root);
		push @accepted, "leaf $index of $size"
		  if $is->($index, $size, flipped($many[$index]), \@path, $root)
		  || $is->($index, $size, $many[$index], \@path, flipped($root))
		  || $is->($size, $size, $many[$index], \@path, $root)
		  || $size > 1 && $is->(($index + 1) % $size, $size, $many[$index], \@path, $root)
		  || grep { $is->($index, $size, $many[$index], $_, $root) } altered(@path);
	}
	for my $old (1, 1 + int rand $size, $size)
	{
		my @path = consistency_path($old, \@many, 0, $size);
		my $old_root = tree_root(\@many, 0, $old);
		my $is = sub { return proves_consistency(@_) };
		push @refused, "$old to $size" unless $is->($old, $size, $old_root, $root, \@path);
		push @accepted, "$old to $size"
		  if $is->($old, $size, flipped($old_root), $root, \@path)
		  || $is->($old, $size, $old_root, flipped($root), \@path)
		  || $is->($size + 1, $size, $old_root, $root, \@path)
		  || $old < $size && $is->($old + 1, $size, $old_root, $root, \@path)
		  || grep { $is->($old, $size, $old_root, $root, $_) } altered(@path);
	}
}
is("@refused", '', 'every proof is accepted');
is("@accepted", '', 'no altered one is');

# ----------------------------------------------------------------------
# Notes
# ----------------------------------------------------------------------

# The example of signed-note
my $vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
my $note = <<"END";
This is an example message.

\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
END
is(verify_note($note, $vkey), "This is an example message.\n", 'the example note is signed');
dies(qr/signature of example.com\/foo is wrong/,
	sub { verify_note($note =~ s/example m/Example m/r, $vkey) }, 'an altered text');
dies(qr/signature of example.com\/foo is wrong/,
	sub { verify_note($note =~ s/AlTg/AlTh/r, $vkey) }, 'an altered signature');
dies(qr/no known key/, sub { verify_note($note =~ s/foo Uw2Q/bar Uw2Q/r, $vkey) }, 'another name');
dies(qr/no known key/, sub { verify_note($note =~ s/foo Uw2Q/foo Vw2Q/r, $vkey) }, 'another id');
dies(qr/id is not that of the key/, sub { verify_note($note, $vkey =~ s/530d/530e/r) },
	'a vkey with another id');
dies(qr/no signature line/, sub { verify_note($note =~ s/\xe2\x80\x94/-/r, $vkey) }, 'another dash');
dies(qr/no signed note/, sub { verify_note($note =~ s/\n\n.*//sr, $vkey) }, 'no signature');
dies(qr/control character/, sub { verify_note("\t$note", $vkey) }, 'a tab');
dies(qr/UTF-8/, sub { verify_note("\xff$note", $vkey) }, 'text that is not in UTF-8');

my $poem = parse_note(<<"END");
Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed \xc3\xa8 subito sera.

\xe2\x80\x94 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
END
like($poem->{text}, qr/sole:\n\ned .* sera\.\n\z/, 'a text may have empty lines');
is_deeply([ map { length $_->{signature} } @{ $poem->{signatures} } ], [64], 'one signature');

my ($pem, $public) = make_key();
my $signed = "mine\n\n" . sign_note("mine\n", 'log.example', $pem, $public);
my $mine = make_vkey('log.example', $public);
is(verify_note($signed, $mine), "mine\n", 'a note with a new key');
is(verify_note($signed . sign_note("mine\n", 'witness.example', make_key()), $mine),
	"mine\n", 'and beside it one that nobody knows');

# ----------------------------------------------------------------------
# Checkpoints and proofs
# ----------------------------------------------------------------------

# The example of tlog-checkpoint
my $sofa = <<'END';
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
END
my $checkpoint = parse_checkpoint($sofa);
is("$checkpoint->{origin} $checkpoint->{size}", 'example.com/behind-the-sofa 20852163',
	'the example checkpoint');
is(length $checkpoint->{root}, 32, 'and its root');
dies(qr/no checkpoint/, sub { parse_checkpoint($sofa =~ s/\n2/\n02/r) }, 'a size with a zero before it');
dies(qr/no checkpoint/, sub { parse_checkpoint($sofa =~ s/2I=/2I/r) }, 'a root cut off');
dies(qr/32 bytes/, sub { parse_checkpoint($sofa =~ s/CsUY//r) }, 'a short root');
dies(qr/no base64/, sub { parse_checkpoint($sofa =~ s/2I=/2J=/r) }, 'a root with bits to spare');
dies(qr/no checkpoint/, sub { parse_checkpoint("$sofa\n") }, 'an empty line after it');

# The example of tlog-proof, which leaves out parts of the signatures
my $text = <<"END";
c2sp.org/tlog-proof\@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

$signed
END
my $proof = parse_proof($text);
is("$proof->{index} " . @{ $proof->{path} }, '73894 5', 'the example proof');
is($proof->{note}, "$signed\n", 'and its note');
dies(qr/no tlog-proof/, sub { parse_proof($text =~ s/v1/v2/r) }, 'another version');
dies(qr/no tlog-proof/, sub { parse_proof($text =~ s/index 7/index 07/r) }, 'an index with a zero before it');
dies(qr/32 bytes/, sub { parse_proof($text =~ s/gSKy//r) }, 'a short hash');

done_testing();
