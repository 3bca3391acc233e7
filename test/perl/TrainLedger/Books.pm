# A model of a few parties' books in Perl, random calls on them, and what each
# call has to answer. Amounts are whole numbers.
#
#   my $books = TrainLedger::Books->new($node, $database, 'ann');
#   my $call = $books->call;              # { name, sql, want, ... }
#   my $answer = ...;                     # what the server says to $call->{sql}
#   $books->took($call, $answer) if $books->is_right($call, $answer);
#
# A call is one statement for a role of level admin; "as" names another role,
# "first" what a superuser sets before it. "want" is the answer: the rows, the
# columns separated by |, or an SQLSTATE; a * is any value, which the model
# reads where it needs it. A call that was answered with an error has changed
# nothing, and nor has the model. The state of the model is plain data, which
# can be saved and put back.
#
# Copyright (c) 2026, trainledger contributors

package TrainLedger::Books;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Storable qw(dclone);

# When something happened, by the client's clock: few, so that requests meet
my @times = map { 1767225600 + 60 * $_ } 0 .. 5;

sub any { return $_[ int rand @_ ]; }

# A database with books to start from: for each name a party, another one that
# is suspended, their accounts, lots and signup tokens.
sub found
{
	my ($node, $database, @names) = @_;

	$node->safe_psql($database, <<'END');
SELECT trainledger.add_credit_token_type('bounded', scale => 0, lower_bound => 0, upper_bound => 1000);
SELECT trainledger.add_credit_token_type('default', scale => 0);
SELECT trainledger.add_training_token_type('course');
SELECT trainledger.add_catalog_item('course', 'C1', 'Course');
SELECT trainledger.add_party('person', 'Nobody in particular', id => 1);
END
	for my $name (@names)
	{
		$node->safe_psql($database, <<"END");
SELECT trainledger.add_party('person', '$name', barcode => '$name');
SELECT trainledger.add_party('person', 'suspended $name', barcode => 'no $name');
SELECT trainledger.credit_init(p.id, a.amount, 'setup', '', '2026-01-01', a.name, a.type)
FROM trainledger.party p, (VALUES ('default', 'default', 100), ('bounded', 'bounded', 500), ('other', 'default', 0)) a(name, type, amount)
WHERE p.barcode IN ('$name', 'no $name') ORDER BY p.id, a.name;
SELECT trainledger.issue_training_tokens(t.id, p.id, 10)
FROM trainledger.party p, trainledger.token_type t, generate_series(1, 3)
WHERE p.barcode IN ('$name', 'no $name') AND t.kind = 'training';
SELECT trainledger.create_signup_token(1, 'C1', m, '$name ' || m) FROM unnest('{2,1000}'::integer[]) m;
SELECT trainledger.update_party(p.id, is_suspended => true) FROM trainledger.party p WHERE p.barcode = 'no $name';
END
	}
	return;
}

# Everything that the model knows, as the database has it: settings for a
# session that reads whole tables, and a statement that gives a line for each
# thing. The model's lines are those of state().
sub whole_tables
{
	return 'SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off';
}

sub lines
{
	return <<'END';
SELECT concat_ws(' ', 'account', a.id, a.party_id, t.name, coalesce(a.name, '-'), a.balance, a.entry_count, e.entries, e.sum, e.dedups)
FROM trainledger.account a JOIN trainledger.token_type t ON t.id = a.token_type_id
LEFT JOIN (SELECT account_id, count(*) AS entries, sum(delta) AS sum, count(DISTINCT dedup) AS dedups FROM trainledger.entry GROUP BY 1) e ON e.account_id = a.id
UNION ALL SELECT concat_ws(' ', 'lot', l.id, l.account_id, l.party_id, l.is_open) FROM trainledger.token_lot l
UNION ALL SELECT concat_ws(' ', 'redemption', r.id, r.party_id, r.quantity, r.refunded) FROM trainledger.redemption r
UNION ALL SELECT concat_ws(' ', 'party', p.id, p.is_suspended) FROM trainledger.party p
UNION ALL SELECT concat_ws(' ', 'token', t.id, t.code, t.maximum_activations, t.activations) FROM trainledger.signup_token t
UNION ALL SELECT concat_ws(' ', 'claim', c.signup_token_id, c.party_id) FROM trainledger.signup_claim c
UNION ALL SELECT concat_ws(' ', 'orphan', e.account_id, e.entry_no) FROM trainledger.entry e WHERE e.account_id NOT IN (SELECT id FROM trainledger.account)
END
}

# ----------------------------------------------------------------------

sub new
{
	my ($class, $node, $database, $name) = @_;
	my $state = {
		name => $name,
		serial => 0,
		party => {},
		accounts => [],
		lots => [],
		redemptions => [],
		tokens => [],
		requests => {}
	};
	my $self = bless { state => $state }, $class;
	my $ask = sub {
		return map { [ split /\|/, $_, -1 ] } split /\n/,
		  $node->safe_psql($database, $_[0]);
	};

	for my $row ($ask->("SELECT id, is_suspended, barcode FROM trainledger.party WHERE barcode IN ('$name', 'no $name')"))
	{
		$state->{party}{ $row->[0] } = { suspended => $row->[1] eq 't' };
		$state->{ $row->[2] eq $name ? 'active' : 'other' } = $row->[0];
	}
	my $parties = join ',', keys %{ $state->{party} };
	for my $row ($ask->("SELECT a.id, a.party_id, t.name, a.name, a.balance, l.id FROM trainledger.account a JOIN trainledger.token_type t ON t.id = a.token_type_id LEFT JOIN trainledger.token_lot l ON l.account_id = a.id WHERE a.party_id IN ($parties) ORDER BY l.created_at, l.id, a.id"))
	{
		my ($id, $party, $type, $account_name, $balance, $lot) = @$row;
		my $account = new_account($id, $party, $type, $account_name, $balance);
		if ($lot ne '')
		{
			push @{ $state->{lots} },
			  { id => $lot, account => $account, initial => $balance };
		}
		else { push @{ $state->{accounts} }, $account; }
	}
	for my $row ($ask->("SELECT id, code, maximum_activations FROM trainledger.signup_token WHERE code LIKE '$name %'"))
	{
		my ($id, $code, $maximum) = @$row;
		push @{ $state->{tokens} },
		  { id => $id, code => $code, maximum => $maximum, claims => {} };
	}
	($state->{course}) = map { $_->[0] } $ask->(
		"SELECT id FROM trainledger.token_type WHERE name = 'course'");
	return $self;
}

sub save { return dclone($_[0]{state}); }

sub put_back
{
	my ($self, $state) = @_;
	$self->{state} = dclone($state);
	return;
}

sub new_account
{
	my ($id, $party, $type, $name, $balance) = @_;
	return {
		id => $id,
		party => $party,
		type => $type,
		name => $name,
		balance => $balance,
		entries => 1,
		dedups => 0,
		booked => {},
		keys => {}
	};
}

# What lines() has to find
sub state
{
	my ($self) = @_;
	my $state = $self->{state};
	my @lines;

	for my $account (@{ $state->{accounts} },
		map { $_->{account} } @{ $state->{lots} })
	{
		push @lines, join ' ', 'account', $account->{id}, $account->{party},
		  $account->{type}, $account->{name} eq '' ? '-' : $account->{name},
		  $account->{balance}, $account->{entries}, $account->{entries},
		  $account->{balance}, $account->{dedups};
	}
	for my $lot (@{ $state->{lots} })
	{
		push @lines, join ' ', 'lot', $lot->{id}, $lot->{account}{id},
		  $lot->{account}{party}, $lot->{account}{balance} ? 't' : 'f';
	}
	push @lines, map { join ' ', 'redemption', @$_{qw(id party quantity refunded)} }
	  @{ $state->{redemptions} };
	push @lines,
	  map { join ' ', 'party', $_, $state->{party}{$_}{suspended} ? 't' : 'f' }
	  keys %{ $state->{party} };
	for my $token (@{ $state->{tokens} })
	{
		push @lines, join ' ', 'token', $token->{id}, $token->{code},
		  $token->{maximum}, scalar keys %{ $token->{claims} };
		push @lines, map { "claim $token->{id} $_" } keys %{ $token->{claims} };
	}
	return @lines;
}

# Whether an answer is the one that a call has to give
sub is_right
{
	my ($self, $call, $answer) = @_;
	my $want = join '(?:\||\n)',
	  map { $_ eq '*' ? '[^|\n]+' : quotemeta }
	  split /\||\n/, $call->{want}, -1;

	return $answer =~ /\A$want\z/;
}

# The call was answered like that: from now on so it is.
sub took
{
	my ($self, $call, $answer) = @_;

	$call->{take}->(map { [ split /\|/, $_, -1 ] } split /\n/, $answer)
	  if $call->{take};
	return;
}

# ----------------------------------------------------------------------
# Calls
# ----------------------------------------------------------------------

sub uuid
{
	return join '-', map { join '', map { sprintf '%02x', rand 256 } 1 .. $_ } 4, 2, 2, 2, 6;
}

sub quoted
{
	my ($value) = @_;

	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'";
}

sub a_party
{
	my ($self) = @_;

	return $self->{state}{ rand() < 0.75 ? 'active' : 'other' };
}

# What may be asked of a credit account
sub a_request
{
	my ($self, $call, $operation) = @_;
	my $amount = 1 + int rand(rand() < 0.1 ? 900 : 60);
	my $request = {
		call => $call,
		operation => $operation,
		source => any(qw(s t)),
		description => any('', 'd', 'a long one ' x 30)
	};

	$request->{amount} = $amount;
	$request->{amount} = -$amount if $operation eq 'adjust' && rand() < 0.5;
	$request->{delta} = $operation eq 'subtract' ? -$amount : $request->{amount};
	$request->{recorded} = any(@times) if $call eq 'c' || rand() < 0.5;
	$request->{key} = uuid() if rand() < 0.25;
	return $request;
}

sub about
{
	my ($request) = @_;

	return join "\1", map { defined $request->{$_} ? $request->{$_} : '-' }
	  qw(operation delta source description recorded);
}

# What an account refuses a request with, '' where a key is known, else undef
sub refusal
{
	my ($self, $account, $request) = @_;
	my $after = $account->{balance} + $request->{delta};

	if (defined $request->{key})
	{
		my $known = $account->{keys}{ $request->{key} };
		return $known->{about} eq $request->{call} . about($request) ? '' : 'TL422'
		  if $known;
	}
	elsif (defined $request->{recorded} && $account->{booked}{ about($request) })
	{
		return 'TL056';
	}
	return 'TL409' if $account->{name} eq '';
	return 'TL409'
	  if $request->{delta} > 0
	  && $self->{state}{party}{ $account->{party} }{suspended};
	if ($account->{type} eq 'bounded')
	{
		return 'TL054' if $after > 1000 && $request->{delta} > 0;
		return 'TL055' if $after < 0 && $request->{delta} < 0;
	}
	return undef;
}

# Books a request that is not refused; returns the entry's number and balance.
sub book
{
	my ($account, $request) = @_;

	$account->{balance} += $request->{delta};
	$account->{entries}++;
	my $numbers = [ $account->{entries}, $account->{balance} ];
	if (defined $request->{key})
	{
		$account->{keys}{ $request->{key} } =
		  { about => $request->{call} . about($request), numbers => $numbers };
		$account->{dedups}++;
	}
	elsif (defined $request->{recorded})
	{
		$account->{booked}{ about($request) } = 1;
		$account->{dedups}++;
	}
	return $numbers;
}

my $entry_columns =
  "entry_no, balance, delta, operation, source, md5(description), extract(epoch FROM recorded_at)::bigint, booked_by";

sub entry_row
{
	my ($request, $numbers) = @_;

	return join '|', @$numbers, $request->{delta}, $request->{operation},
	  $request->{source}, md5_hex($request->{description}),
	  defined $request->{recorded} ? $request->{recorded} : '', 'ddl_admin';
}

# One posting on an account: what it comes to
sub posting
{
	my ($self, $call, $account, $request) = @_;
	my $refusal = $self->refusal($account, $request);

	if (!defined $refusal)
	{
		my $after = dclone($account);
		$call->{want} = entry_row($request, book($after, $request));
		$call->{take} = sub { %$account = %$after; };
	}
	elsif ($refusal eq '')
	{
		$call->{want} =
		  entry_row($request, $account->{keys}{ $request->{key} }{numbers});
	}
	else { $call->{want} = $refusal; }
	return $call;
}

# The same request once more, or another with its key
sub again
{
	my ($self, $kind, $new) = @_;
	my $kept = $self->{state}{last}{$kind};

	if ($kept && rand() < 0.3)
	{
		my $request = dclone($kept);
		$request->{request}{source} = 'u' if rand() < 0.2;
		return $request;
	}
	return $self->{state}{last}{$kind} = $new->();
}

sub said
{
	my ($request) = @_;

	return length $request->{description} > 9
	  ? "repeat('a long one ', 30)"
	  : "'$request->{description}'";
}

sub optional
{
	my ($request) = @_;

	return (defined $request->{recorded} ? ", recorded_at => to_timestamp($request->{recorded})" : '')
	  . (defined $request->{key} ? ", idempotency_key => '$request->{key}'" : '');
}

my %make = (
	post => sub {
		my ($self) = @_;
		my $kept = $self->again(
			post => sub {
				return {
					account => int rand @{ $self->{state}{accounts} },
					request => $self->a_request('p', any(qw(add subtract adjust)))
				};
			});
		my $request = $kept->{request};
		my $account = $self->{state}{accounts}[ $kept->{account} ];

		return $self->posting(
			{
				sql => "SELECT $entry_columns FROM trainledger.post($account->{id}, '$request->{operation}', $request->{amount}, '$request->{source}', " . said($request) . ""
				  . optional($request) . ')'
			},
			$account, $request);
	},
	credit => sub {
		my ($self) = @_;
		my $kept = $self->again(
			credit => sub {
				return {
					account => int rand @{ $self->{state}{accounts} },
					request => $self->a_request('c', any(qw(add subtract)))
				};
			});
		my $request = $kept->{request};
		my $account = $self->{state}{accounts}[ $kept->{account} ];

		return $self->posting(
			{
				sql => "SELECT $entry_columns FROM trainledger.credit_$request->{operation}($account->{party}, $request->{amount}, '$request->{source}', " . said($request) . ", account_name => '$account->{name}', token_type => '$account->{type}'"
				  . optional($request) . ')'
			},
			$account, $request);
	},
	document => sub {
		my ($self) = @_;
		my $account = any(@{ $self->{state}{accounts} });
		my $request = $self->a_request('c', any(qw(add subtract)));
		my %error = (
			TL054 => 1054, TL055 => 1055, TL056 => 1056, TL409 => 1058);

		# what a form can say
		$request->{description} = 'd';
		delete $request->{key};
		my $call = $self->posting(
			{
				sql => "SELECT d ->> 'balance', d -> 'transaction' ->> 'amount', d ->> 'errorCode' FROM trainledger_api.credit_token_transaction_$request->{operation}('{\"delegate_id\": $account->{party}, \"amount\": $request->{amount}, \"source\": \"$request->{source}\", \"description\": \"d\", \"recordedAt\": $request->{recorded}, \"accountName\": \"$account->{name}\", \"tokenType\": \"$account->{type}\"}') d"
			},
			$account, $request);
		$call->{want} =
		  $call->{take}
		  ? $account->{balance} + $request->{delta} . "|$request->{amount}|"
		  : '||' . $error{ $call->{want} };
		return $call;
	},
	open => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $kept = $self->again(
			open => sub {
				return {
					party => $self->a_party,
					name => "n" . ++$state->{serial},
					type => any(qw(default bounded)),
					request => $self->a_request('c', 'init')
				};
			});
		my ($party, $name, $type, $request) = @$kept{qw(party name type request)};
		my ($account) =
		  grep { $_->{party} == $party && $_->{type} eq $type && $_->{name} eq $name }
		  @{ $state->{accounts} };
		my $call = {
			sql => "SELECT account_id, $entry_columns FROM trainledger.credit_init($party, $request->{amount}, '$request->{source}', " . said($request) . ", account_name => '$name', token_type => '$type'"
			  . optional($request) . ')'
		};

		if ($account)
		{
			my $known = defined $request->{key} ? $account->{keys}{ $request->{key} } : undef;
			$call->{want} =
			    !$known ? 'TL051'
			  : $known->{about} ne 'c' . about($request) ? 'TL422'
			  : "$account->{id}|" . entry_row($request, $known->{numbers});
		}
		elsif (defined $request->{key}
			&& grep { $_->{party} == $party && $_->{keys}{ $request->{key} } }
			@{ $state->{accounts} })
		{
			$call->{want} = 'TL422';
		}
		elsif ($state->{party}{$party}{suspended}) { $call->{want} = 'TL409'; }
		else
		{
			my $made = new_account(0, $party, $type, $name, 0);
			$made->{entries} = 0;
			$call->{want} = '*|' . entry_row($request, book($made, $request));
			# an opening is no duplicate of anything, nor anything of it
			$made->{dedups} = 0 unless defined $request->{key};
			$made->{booked} = {};
			$call->{want} = 'TL054'
			  if $type eq 'bounded' && $request->{amount} > 1000;
			$call->{take} = sub {
				$made->{id} = $_[0][0];
				push @{ $state->{accounts} }, $made;
			}
			  if $call->{want} =~ /\|/;
		}
		return $call;
	},
	none => sub {
		my ($self) = @_;
		my ($sql, $want) = @{
			any(
				[ "SELECT 1 FROM trainledger.post(999999, 'add', 1, 's')", 'TL404' ],
				[ "SELECT 1 FROM trainledger.credit_add($self->{state}{active}, 1, 's', '', '2026-01-01', 'nothing')", 'TL057' ],
				[ "SELECT 1 FROM trainledger.credit_add(999999, 1, 's', '', '2026-01-01')", 'TL404' ],
				[ "SELECT 1 FROM trainledger.credit_add($self->{state}{active}, 1, 's', '', '2026-01-01', token_type => 'nothing')", 'TL404' ],
				[ "SELECT 1 FROM trainledger.claim_signup_token('nothing', $self->{state}{active})", 'TL404' ])
		};

		return { sql => $sql, want => $want };
	},
	batch => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $skip = rand() < 0.6;
		my (@columns, %after, @want, $first);

		for my $i (1 .. any(1, 3, 8))
		{
			my $request = $self->a_request('b', 'add');
			my $account =
			  rand() < 0.05
			  ? any(@{ $state->{lots} })->{account}
			  : any(@{ $state->{accounts} });

			($request->{operation}, $request->{delta}) =
			  ('subtract', -$request->{amount})
			  if rand() < 0.5;
			$request->{source} = 's';
			$after{ $account->{id} } ||= dclone($account);
			my $at = $after{ $account->{id} };
			my $refusal = $self->refusal($at, $request);
			my $numbers =
			    !defined $refusal ? book($at, $request)
			  : $refusal eq '' ? $at->{keys}{ $request->{key} }{numbers}
			  : [ '', '' ];
			push @want, join '|', $i, @$numbers, $refusal ? $refusal : '';
			$first = $refusal if $refusal && !$first;
			push @{ $columns[0] }, $account->{id};
			push @{ $columns[1] }, $request->{delta};
			push @{ $columns[2] }, said($request);
			push @{ $columns[3] }, defined $request->{recorded} ? "to_timestamp($request->{recorded})" : 'NULL';
			push @{ $columns[4] }, quoted($request->{key});
		}
		my @lists = map { 'ARRAY[' . join(',', @$_) . ']' } @columns;
		my $call = {
			sql => "SELECT * FROM trainledger.post_batch($lists[0]::bigint[], $lists[1]::trainledger.amount[], 's', $lists[2]::text[], $lists[3]::timestamptz[], $lists[4]::uuid[], "
			  . ($skip ? 'true' : 'false') . ')',
			want => $first && !$skip ? $first : join("\n", @want)
		};
		$call->{take} = sub {
			for my $account (@{ $state->{accounts} })
			{
				%$account = %{ $after{ $account->{id} } }
				  if $after{ $account->{id} };
			}
		  }
		  unless $first && !$skip;
		return $call;
	},

	# Training tokens

	issue => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $kept = $self->again(
			issue => sub {
				return {
					party => $self->a_party,
					quantity => 1 + int rand 20,
					key => rand() < 0.4 ? uuid() : undef
				};
			});
		my ($party, $quantity, $key) = @$kept{qw(party quantity key)};
		my $known = defined $key ? $state->{requests}{"$party $key"} : undef;
		my $call = {
			sql => "SELECT id, account_id, initial_balance, booked_balance FROM trainledger.issue_training_tokens('$state->{course}', $party, $quantity, idempotency_key => "
			  . quoted($key) . ')',
			want => "*|*|$quantity|$quantity"
		};

		if ($known)
		{
			my $lot = $state->{lots}[$known->{lot}];
			$call->{want} = join '|', $lot->{id}, $lot->{account}{id},
			  $lot->{initial}, $lot->{account}{balance};
		}
		elsif ($state->{party}{$party}{suspended}) { $call->{want} = 'TL409'; }
		else
		{
			$call->{take} = sub {
				my ($id, $account) = @{ $_[0] };
				push @{ $state->{lots} },
				  {
					id => $id,
					account => new_account($account, $party, 'course', '', $quantity),
					initial => $quantity
				  };
				$state->{requests}{"$party $key"} = { lot => $#{ $state->{lots} } }
				  if defined $key;
			};
		}
		return $call;
	},
	redeem => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $kept = $self->again(
			redeem => sub {
				return {
					party => $self->a_party,
					quantity => 1 + int rand 25,
					key => rand() < 0.4 ? uuid() : undef
				};
			});
		my ($party, $quantity, $key) = @$kept{qw(party quantity key)};
		my $known = defined $key ? $state->{requests}{"$party $key"} : undef;
		my $call = {
			sql => "SELECT id, quantity, refunded FROM trainledger.redeem_training_tokens($party, '$state->{course}', $quantity, 'r', idempotency_key => "
			  . quoted($key) . ')',
			want => "*|$quantity|0"
		};
		my $missing = $quantity;
		my @taken;

		if ($known)
		{
			$call->{want} = join '|',
			  @{ $state->{redemptions}[ $known->{redemption} ] }{qw(id quantity refunded)};
			return $call;
		}
		for my $i (0 .. $#{ $state->{lots} })
		{
			my $account = $state->{lots}[$i]{account};
			next if $account->{party} != $party || !$account->{balance};
			my $take = $account->{balance} < $missing ? $account->{balance} : $missing;
			push @taken, [ $i, $take ] if $take;
			$missing -= $take;
		}
		if ($missing) { $call->{want} = 'TL055'; }
		else
		{
			$call->{take} = sub {
				move($state->{lots}[ $_->[0] ]{account}, -$_->[1]) for @taken;
				push @{ $state->{redemptions} },
				  {
					id => $_[0][0],
					party => $party,
					quantity => $quantity,
					refunded => 0,
					taken => \@taken
				  };
				$state->{requests}{"$party $key"} =
				  { redemption => $#{ $state->{redemptions} } }
				  if defined $key;
			};
		}
		return $call;
	},
	refund => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $redemption = any(@{ $state->{redemptions} }) or return undef;
		my ($id, $party, $quantity) = @$redemption{qw(id party quantity)};
		my $call = {
			sql => "SELECT id, quantity, refunded FROM trainledger.refund_training_tokens($id)",
			want => "$id|$quantity|$quantity"
		};

		if ($redemption->{refunded} || $state->{party}{$party}{suspended})
		{
			$call->{want} = 'TL409';
		}
		else
		{
			$call->{take} = sub {
				move($state->{lots}[ $_->[0] ]{account}, $_->[1])
				  for @{ $redemption->{taken} };
				$redemption->{refunded} = $quantity;
			};
		}
		return $call;
	},
	adjust => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $lot = any(@{ $state->{lots} });
		my $account = $lot->{account};
		my $delta = (1 + int rand 12) * any(-1, 1);
		my $key = rand() < 0.3 ? uuid() : undef;
		my $call = {
			sql => "SELECT initial_balance, booked_balance FROM trainledger.adjust_training_tokens('$lot->{id}', $delta, idempotency_key => "
			  . quoted($key) . ')',
			want => "$lot->{initial}|" . ($account->{balance} + $delta)
		};

		if ($delta > 0 && $state->{party}{ $account->{party} }{suspended})
		{
			$call->{want} = 'TL409';
		}
		elsif ($account->{balance} + $delta < 0) { $call->{want} = 'TL055'; }
		else
		{
			$call->{take} = sub {
				move($account, $delta);
				$account->{dedups}++ if defined $key;
			};
		}
		return $call;
	},
	sweep => sub {
		return {
			sql => 'SELECT trainledger.expire_training_tokens()',
			want => '0'
		};
	},

	# Signup tokens

	import => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my @codes = map { "$state->{name} c" . ++$state->{serial} } 1 .. any(1, 2, 5);
		my $taken = rand() < 0.3 ? any(@{ $state->{tokens} }) : undef;

		push @codes, uc $taken->{code} if $taken;
		my $document = join '', map {
			"<Token><TokenCode>$_</TokenCode><TokenType>1</TokenType><TokenTypeId>C1</TokenTypeId><MaximumActivations>3</MaximumActivations></Token>"
		} @codes;
		my $call = {
			sql => "SELECT id, code FROM trainledger.import_signup_tokens('<Tokens>$document</Tokens>')",
			want => $taken ? 'TL409' : join("\n", map { "*|$_" } @codes)
		};
		$call->{take} = sub {
			push @{ $state->{tokens} },
			  map { { id => $_->[0], code => $_->[1], maximum => 3, claims => {} } } @_;
		  }
		  unless $taken;
		return $call;
	},
	apply => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $token = rand() < 0.9 ? any(@{ $state->{tokens} }) : undef;
		my $maximum = 1000 + int rand 100;
		my $id = $token ? $token->{id} : 'nothing';
		my $call = {
			sql => "SELECT id, maximum_activations FROM trainledger.apply_signup_tokens('<Tokens><Token><TokenId>$id</TokenId><MaximumActivations>$maximum</MaximumActivations></Token></Tokens>')",
			want => $token ? "$id|$maximum" : 'TL404'
		};

		$call->{take} = sub { $token->{maximum} = $maximum; }
		  if $token;
		return $call;
	},
	create => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $taken = rand() < 0.3 ? any(@{ $state->{tokens} }) : undef;
		my $code = $taken ? $taken->{code} : "$state->{name} c" . ++$state->{serial};
		my $call = {
			sql => "SELECT id, code FROM trainledger.create_signup_token(1, 'C1', 5, '$code')",
			want => $taken ? 'TL409' : "*|$code"
		};

		$call->{take} = sub {
			push @{ $state->{tokens} },
			  { id => $_[0][0], code => $code, maximum => 5, claims => {} };
		  }
		  unless $taken;
		return $call;
	},
	code => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $token = any(@{ $state->{tokens} });
		my $code = "$state->{name} c" . ++$state->{serial};

		return {
			sql => "SELECT code FROM trainledger.update_signup_token('$token->{id}', code => '$code')",
			want => $code,
			take => sub { $token->{code} = $code; }
		};
	},
	claim => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $token = any(@{ $state->{tokens} });
		my $party = $state->{active};
		my $call = {
			# a column character(n) fills up what it shows
			sql => "SELECT signup_token_id::text, party_id FROM trainledger.claim_signup_token('$token->{code}', $party)",
			want => "$token->{id}|$party"
		};

		$call->{want} = 'TL409' if $state->{party}{$party}{suspended};
		$call->{take} = sub { $token->{claims}{$party} = 1; }
		  if $call->{want} ne 'TL409';
		return $call;
	},

	# People

	suspend => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $party = $state->{other};
		my $suspended = $state->{party}{$party}{suspended} ? 0 : 1;

		return {
			sql => "SELECT is_suspended FROM trainledger.update_party($party, is_suspended => "
			  . ($suspended ? 'true' : 'false') . ')',
			want => $suspended ? 't' : 'f',
			take => sub { $state->{party}{$party}{suspended} = $suspended; }
		};
	},
	person => sub {
		my ($self) = @_;
		my $state = $self->{state};
		my $taken = rand() < 0.3;
		my $barcode = $taken ? $state->{name} : "$state->{name} p" . ++$state->{serial};

		return {
			sql => "SELECT id, barcode, is_suspended FROM trainledger.add_party('person', 'x', barcode => '$barcode')",
			want => $taken ? 'TL409' : "*|$barcode|f",
			take => $taken ? undef : sub { $state->{party}{ $_[0][0] } = { suspended => 0 }; }
		};
	},

	# Reading

	balance => sub {
		my ($self) = @_;
		my $account = any(@{ $self->{state}{accounts} });

		return {
			sql => "SELECT trainledger.credit_balance($account->{party}, '$account->{name}', '$account->{type}'), trainledger.balance_at($account->{id}, 'infinity')",
			want => "$account->{balance}|$account->{balance}"
		};
	},
	history => sub {
		my ($self) = @_;
		my $account = any(@{ $self->{state}{accounts} });

		return {
			sql => "SELECT count(*), max(entry_no), sum(delta)::bigint, (array_agg(balance ORDER BY entry_no DESC))[1] FROM trainledger.credit_history($account->{party}, '$account->{name}', '$account->{type}', max_entries => 100000)",
			want => join '|', @$account{qw(entries entries balance balance)}
		};
	},
	'document of an account' => sub {
		my ($self) = @_;
		my $account = any(@{ $self->{state}{accounts} });

		return {
			sql => "SELECT d ->> 'balance', d -> 'transaction' ->> 'balance', json_array_length(d -> 'history') FROM trainledger_api.credit_token_history('$account->{name}', 'id', '$account->{party}', '$account->{type}') d",
			want => join '|', @$account{qw(balance balance entries)}
		};
	},
	statement => sub {
		my ($self) = @_;
		my $account = any(@{ $self->{state}{accounts} });

		return {
			sql => "SELECT count(*), sum(delta)::bigint, (array_agg(balance ORDER BY entry_no DESC NULLS LAST))[1] FROM trainledger.account_statement($account->{id}, '-infinity', 'infinity') WHERE entry_no IS NOT NULL",
			want => join '|', @$account{qw(entries balance balance)}
		};
	},
	'document of a token' => sub {
		my ($self) = @_;
		my $token = any(@{ $self->{state}{tokens} });

		return {
			sql => "SELECT d FROM trainledger_api.token('$token->{id}') d",
			want => "<Tokens><Token><TokenId>$token->{id}</TokenId><TokenCode>$token->{code}</TokenCode><TokenType>1</TokenType><TokenTypeId>C1</TokenTypeId><Active>true</Active><MaximumActivations>$token->{maximum}</MaximumActivations></Token></Tokens>"
		};
	},
	reconcile => sub {
		my ($self) = @_;
		my $account = any(@{ $self->{state}{accounts} });
		my $argument = rand() < 0.5 ? $account->{id} : '';

		return {
			sql => "SELECT count(*) FROM trainledger.reconcile($argument)",
			want => '0'
		};
	},
	'what a party has' => sub {
		my ($self) = @_;
		my $party = $self->a_party;

		return {
			sql => "SELECT (SELECT count(*) FROM trainledger.account WHERE party_id = $party), (SELECT count(*) FROM trainledger.entry e JOIN trainledger.account a ON a.id = e.account_id WHERE a.party_id = $party), (SELECT coalesce(sum(booked_balance), 0)::bigint FROM trainledger.token_issue WHERE party_id = $party), (SELECT count(*) FROM trainledger_api.credit_accounts WHERE party_id = $party)",
			want => $self->summary($party)
		};
	},
	'what a learner sees' => sub {
		my ($self) = @_;
		my $party = $self->a_party;

		return {
			sql => 'SELECT (SELECT count(*) FROM trainledger.account), (SELECT count(*) FROM trainledger.entry), (SELECT coalesce(sum(booked_balance), 0)::bigint FROM trainledger.token_issue), (SELECT count(*) FROM trainledger_api.credit_accounts), (SELECT count(*) FROM trainledger.party)',
			want => $self->summary($party) . '|1',
			first => "SET trainledger.party_id = '$party'",
			as => 'ddl_learner'
		};
	});

# The sums of a party: accounts, entries, tokens, credit accounts
sub summary
{
	my ($self, $party) = @_;
	my @credit = grep { $_->{party} == $party } @{ $self->{state}{accounts} };
	my @lots = grep { $_->{party} == $party } map { $_->{account} } @{ $self->{state}{lots} };
	my ($entries, $tokens) = (0, 0);

	$entries += $_->{entries} for @credit, @lots;
	$tokens += $_->{balance} for @lots;
	return join '|', @credit + @lots, $entries, $tokens, scalar @credit;
}

sub move
{
	my ($account, $delta) = @_;

	$account->{balance} += $delta;
	$account->{entries}++;
	return;
}

my %weight = (
	post => 14, credit => 10, document => 6, open => 7, none => 3, batch => 12,
	issue => 6, redeem => 7, refund => 3, adjust => 4, sweep => 1,
	import => 5, apply => 3, create => 3, code => 2, claim => 4,
	suspend => 3, person => 3,
	balance => 3, history => 2, 'document of an account' => 2, 'document of a token' => 2, statement => 2, reconcile => 3,
	'what a party has' => 3, 'what a learner sees' => 4);
my @deck = map { ($_) x $weight{$_} } sort keys %weight;

# Calls that concern nobody else and need no other role
sub alone { return grep { !/learner|sweep/ } @deck; }

# A random call; given names, one of those
sub call
{
	my ($self, @names) = @_;

	for (;;)
	{
		my $name = any(@names ? @names : @deck);
		my $call = $make{$name}->($self) or next;
		$call->{name} = $name;
		$call->{reads} = $name =~ /^(balance|history|statement|reconcile|document of|what)/;
		return $call;
	}
}

1;
