# JSON web tokens (HS256), as the faces take them.
#
#   sign_token($secret, { role => 'web_learner', party_id => 7 })
#   sign_token($secret, $claims, alg => 'none')    with another header
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Token;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use JSON::PP;
use MIME::Base64 qw(encode_base64url);

our @EXPORT = qw(sign_token);

sub sign_token
{
	my ($secret, $claims, %head) = @_;
	my $json = JSON::PP->new->canonical->utf8;
	my $text = join '.',
	  map { encode_base64url($json->encode($_)) }
	  { alg => 'HS256', typ => 'JWT', %head }, $claims;

	return "$text." . encode_base64url(hmac_sha256($text, $secret));
}

1;
