# Checks what a transparency log says, from the public specifications alone:
# trees and proofs of RFC 6962 and RFC 9162, and C2SP's signed-note,
# tlog-checkpoint and tlog-proof.  It asks no server, and only the openssl
# command about signatures.  Everything is bytes, hashes too.
#
#   my $proof = parse_proof($text);
#   my $checkpoint = parse_checkpoint(verify_note($proof->{note}, $vkey));
#   ok(proves_inclusion($proof->{index}, $checkpoint->{size},
#       leaf_hash($leaf), $proof->{path}, $checkpoint->{root}));
#
# What is not of the form that the specification says dies.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Transparency;

use strict;
use warnings;

use Digest::SHA qw(sha256);
use Encode ();
use Exporter 'import';
use IPC::Open3;
use MIME::Base64 qw(decode_base64 encode_base64);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(leaf_hash tree_root inclusion_path consistency_path
  proves_inclusion proves_consistency base64 from_base64 hashes_of
  make_key make_vkey sign_note parse_note verify_note parse_checkpoint
  parse_proof);

my $dash = "\xe2\x80\x94";
my $base64 = qr{(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?};
my $number = qr/0|[1-9][0-9]*/;
my $ed25519 = "\x01";

# ----------------------------------------------------------------------
# RFC 6962, section 2.1: trees
# ----------------------------------------------------------------------

sub leaf_hash { return sha256("\0$_[0]"); }

sub node_hash { return sha256("\1$_[0]$_[1]"); }

# The largest power of two that is less than a number of leaves
sub split_of
{
	my ($count) = @_;
	my $half = 1;

	$half *= 2 while $half * 2 < $count;
	return $half;
}

# The root of the leaves with these hashes, or of those from one place on
sub tree_root
{
	my ($hashes, $from, $count) = @_;
	$from //= 0;
	$count //= @$hashes - $from;

	return sha256('') if $count == 0;
	return $hashes->[$from] if $count == 1;
	my $half = split_of($count);
	return node_hash(tree_root($hashes, $from, $half),
		tree_root($hashes, $from + $half, $count - $half));
}

# PATH(m, D[n]) of section 2.1.1
sub inclusion_path
{
	my ($index, $hashes, $from, $count) = @_;
	$from //= 0;
	$count //= @$hashes - $from;

	return () if $count == 1;
	my $half = split_of($count);
	my ($left, $right) = ([ $from, $half ], [ $from + $half, $count - $half ]);
	return $index < $half
	  ? (inclusion_path($index, $hashes, @$left), tree_root($hashes, @$right))
	  : (inclusion_path($index - $half, $hashes, @$right), tree_root($hashes, @$left));
}

# PROOF(m, D[n]) of section 2.1.2: SUBPROOF, where the old tree is known
sub consistency_path
{
	my ($old, $hashes, $from, $count, $unknown) = @_;
	$from //= 0;
	$count //= @$hashes - $from;

	return $unknown ? tree_root($hashes, $from, $count) : () if $old == $count;
	my $half = split_of($count);
	my ($left, $right) = ([ $from, $half ], [ $from + $half, $count - $half ]);
	return $old <= $half
	  ? (consistency_path($old, $hashes, @$left, $unknown), tree_root($hashes, @$right))
	  : (consistency_path($old - $half, $hashes, @$right, 1), tree_root($hashes, @$left));
}

# ----------------------------------------------------------------------
# RFC 9162, sections 2.1.3.2 and 2.1.4.2: proofs
# ----------------------------------------------------------------------

# Goes up from a leaf by a path, and calls for each hash of it $at->($hash,
# $is_left). False where the path is too long or too short.
sub climb
{
	my ($place, $last, $path, $at) = @_;

	for my $hash (@$path)
	{
		return 0 if $last == 0;
		my $is_left = $place % 2 || $place == $last;
		$at->($hash, $is_left);
		while ($is_left && $place % 2 == 0 && $place != 0)
		{
			$_ >>= 1 for $place, $last;
		}
		$_ >>= 1 for $place, $last;
	}
	return $last == 0;
}

sub proves_inclusion
{
	my ($index, $size, $hash, $path, $root) = @_;

	return 0 if $index >= $size;
	my $ends = climb(
		$index,
		$size - 1,
		$path,
		sub {
			my ($other, $is_left) = @_;
			$hash = $is_left ? node_hash($other, $hash) : node_hash($hash, $other);
		});
	return $ends && $hash eq $root;
}

# An empty old tree is the beginning of each.
sub proves_consistency
{
	my ($old, $size, $old_root, $root, $path) = @_;

	return 0 if $old > $size;
	return !@$path && $old_root eq ($old ? $root : sha256('')) if $old == $size || $old == 0;
	return 0 if !@$path;
	my ($place, $last) = ($old - 1, $size - 1);
	my @path = (($old & $old - 1) == 0 ? $old_root : (), @$path);
	while ($place % 2)
	{
		$_ >>= 1 for $place, $last;
	}
	my $old_hash = my $hash = shift @path;
	my $ends = climb(
		$place, $last,
		\@path,
		sub {
			my ($other, $is_left) = @_;
			$old_hash = node_hash($other, $old_hash) if $is_left;
			$hash = $is_left ? node_hash($other, $hash) : node_hash($hash, $other);
		});
	return $ends && $old_hash eq $old_root && $hash eq $root;
}

# ----------------------------------------------------------------------
# signed-note
# ----------------------------------------------------------------------

sub base64 { return encode_base64($_[0], ''); }

# Base64 as RFC 4648 says, with nothing beside it and no bits to spare
sub from_base64
{
	my ($text) = @_;
	my $bytes = decode_base64($text);

	die "no base64: $text\n" unless $text =~ /\A$base64\z/ && base64($bytes) eq $text;
	return $bytes;
}

# Hashes in base64, a line each
sub hashes_of
{
	my ($text) = @_;
	my @hashes = map { from_base64($_) } split /\n/, $text;

	die "no hash of 32 bytes\n" if grep { length != 32 } @hashes;
	return \@hashes;
}

sub id_of { return substr sha256("$_[0]\n$_[1]"), 0, 4; }

sub make_vkey
{
	my ($name, $public) = @_;

	return join '+', $name, unpack('H*', id_of($name, $ed25519 . $public)),
	  base64($ed25519 . $public);
}

# Name, id and the 32 bytes of an Ed25519 key
sub parse_vkey
{
	my ($name, $id, $key) = split /\+/, $_[0], 3;
	my $bytes = from_base64($key);

	die "no vkey of Ed25519: $_[0]\n"
	  unless $id =~ /\A[0-9a-f]{8}\z/ && $bytes =~ /\A$ed25519.{32}\z/s;
	die "id is not that of the key: $_[0]\n"
	  unless pack('H*', $id) eq id_of($name, $bytes);
	return { name => $name, id => pack('H*', $id), public => substr $bytes, 1 };
}

# Runs openssl in a folder of its own with files of these names and contents;
# what it prints, undef where it says no.
sub openssl
{
	my ($files, @arguments) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();

	for my $name (keys %$files)
	{
		open my $file, '>:raw', "$folder/$name" or die "$name: $!";
		print {$file} $files->{$name};
		close $file or die "$name: $!";
	}
	my $pid = open3(my $in, my $out, undef, 'openssl',
		map { exists $files->{$_} ? "$folder/$_" : $_ } @arguments);
	close $in;
	binmode $out;
	my $printed = do { local $/; <$out> };
	waitpid $pid, 0;
	unlink map { "$folder/$_" } keys %$files;
	return $? == 0 ? $printed : undef;
}

# A new key: PEM, and the 32 bytes of the public one, with which its
# SubjectPublicKeyInfo of RFC 8410 ends
sub make_key
{
	my $pem = openssl({}, qw(genpkey -algorithm ed25519));
	my $info = openssl({ key => $pem }, qw(pkey -pubout -outform DER -in key));

	return ($pem, substr $info, -32);
}

sub is_signed_by
{
	my ($public, $text, $signature) = @_;
	my $info = pack('H*', '302a300506032b6570032100') . $public;

	return defined openssl(
		{ public => $info, text => $text, signature => $signature },
		qw(pkeyutl -verify -pubin -keyform DER -inkey public -rawin -in text -sigfile signature));
}

# The signature line of a text
sub sign_note
{
	my ($text, $name, $pem, $public) = @_;
	my $signature = openssl({ key => $pem, text => $text },
		qw(pkeyutl -sign -inkey key -rawin -in text));

	return "$dash $name " . base64(id_of($name, $ed25519 . $public) . $signature) . "\n";
}

# The text and the signatures of a note: name, id, signature
sub parse_note
{
	my ($note) = @_;

	eval { Encode::decode('UTF-8', my $copy = $note, Encode::FB_CROAK) }
	  // die "note is not in UTF-8\n";
	die "note has a control character\n" if $note =~ /[\x00-\x09\x0b-\x1f]/;
	my ($text, $lines) = $note =~ /\A(.*\n)\n((?:[^\n]+\n)+)\z/s
	  or die "no signed note\n";
	my @signatures;
	for my $line (split /\n/, $lines)
	{
		my ($name, $signature) = $line =~ /\A$dash ([^ +]+) ($base64)\z/
		  or die "no signature line: $line\n";
		my $bytes = from_base64($signature);
		die "signature is too short: $line\n" if length $bytes <= 4;
		push @signatures,
		  { name => $name, id => substr($bytes, 0, 4), signature => substr($bytes, 4) };
	}
	return { text => $text, signatures => \@signatures };
}

# The text of a note that one of these keys has signed at least, and none of
# them wrongly
sub verify_note
{
	my ($note, @vkeys) = @_;
	my $parsed = parse_note($note);
	my $signed = 0;

	for my $key (map { parse_vkey($_) } @vkeys)
	{
		for my $line (grep { $_->{name} eq $key->{name} && $_->{id} eq $key->{id} }
			@{ $parsed->{signatures} })
		{
			die "signature of $key->{name} is wrong\n"
			  unless is_signed_by($key->{public}, $parsed->{text}, $line->{signature});
			$signed++;
		}
	}
	die "no known key has signed it\n" unless $signed;
	return $parsed->{text};
}

# ----------------------------------------------------------------------
# tlog-checkpoint, tlog-proof
# ----------------------------------------------------------------------

# The text of a checkpoint, without signatures
sub parse_checkpoint
{
	my ($text) = @_;
	my ($origin, $size, $root, $more) =
	  $text =~ /\A([^\n]+)\n($number)\n($base64)\n((?:[^\n]+\n)*)\z/
	  or die "no checkpoint\n";
	my ($hash) = @{ hashes_of($root) };

	return { origin => $origin, size => $size, root => $hash, extensions => $more };
}

sub parse_proof
{
	my ($text) = @_;
	my ($extra, $index, $path, $note) = $text =~
	  m{\Ac2sp\.org/tlog-proof\@v1\n(?:extra ($base64)\n)?index ($number)\n((?:[^\n]+\n)*)\n(.*)\z}s
	  or die "no tlog-proof\n";

	return { extra => $extra, index => $index, path => hashes_of($path), note => $note };
}

1;
