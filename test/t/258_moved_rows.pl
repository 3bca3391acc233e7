# A move of homes finds every wrong row before anything is removed at the old home:
# what was copied wrong and what was followed wrong before the map changes, and
# what changed at the new home by itself afterwards.  Each time it says which row,
# and there is a way back.
#
# Copyright (c) 2026, trainledger contributors

use strict;
use warnings;

use IPC::Run;
use POSIX qw(_exit);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use TrainLedger;
use TrainLedger::Nodes;
use TrainLedger::Session;

my $books = TrainLedger::Nodes->new(2);
my ($front, $one, $two) = ($books->front, $books->nodes);
my $script = "$ENV{PWD}/doc/deploy/scale/move_homes.sh";
my $set = $books->homes_of(1);
my $folder = PostgreSQL::Test::Utils::tempdir;

$front->safe_psql('books', <<'END');
SELECT trainledger.add_credit_token_type('default');
SELECT trainledger.add_training_token_type('gold', id => md5('gold')::uuid);
END
$front->safe_psql('books', "SELECT trainledger.add_party('person', 'P' || i, id => 1000 + 2 * i) FROM generate_series(1, 4) i");
$front->safe_psql('books', $_) for map { <<END } map { 1000 + 2 * $_ } 1 .. 4;
SELECT trainledger.credit_init($_, 0, 'open', '', now());
SELECT trainledger.issue_training_tokens(md5('gold')::uuid, $_, 10);
END

sub move
{
	my ($from, $to) = @_;
	my $said = '';
	local %ENV = (%ENV, $front->_get_env);

	IPC::Run::run([ $script, $books->connection($front), $from, $to, $set ], '<', \undef, '>&', \$said, IPC::Run::timeout(600));
	note $said;
	return ($? >> 8, $said);
}

sub entries { return $_[0]->safe_psql('books', 'SELECT count(*) FROM trainledger.entry WHERE trainledger.home(account_id) % 2 = 0'); }
sub homes_at { return $front->safe_psql('books', "SELECT string_agg(DISTINCT node, ' ') FROM trainledger_proxy.home WHERE home % 2 = 0"); }

# A trigger that only what comes by replication fires
sub tamper
{
	my ($server, $table, $timing, $body) = @_;

	$server->safe_psql('books', <<END);
CREATE FUNCTION public.tamper() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $body RETURN NEW; END \$\$;
CREATE TRIGGER tamper $timing ON trainledger.$table FOR EACH ROW EXECUTE FUNCTION public.tamper();
ALTER TABLE trainledger.$table ENABLE REPLICA TRIGGER tamper;
END
	return;
}

sub taken_back
{
	my ($name) = @_;

	is(homes_at(), 'n1', "$name: the map is as it was");
	is(entries($two), 0, "$name: nothing is at the other node");
	is($front->safe_psql('books', "SELECT count(trainledger.credit_add(1004, 1, 'after', '$name', now()))"), 1, "$name: and nothing keeps writers away");
	return;
}

# Somebody who writes all the time
my $writer = fork;
if (!$writer)
{
	my $session = TrainLedger::Session->new($front, 'books');
	for (my $i = 0; !-e "$folder/over"; $i++)
	{
		$session->query("SELECT trainledger.credit_add(1002, 1, 'writer', 'call $i', now())");
		sleep 0.01;
	}
	_exit(0);
}

# --- Copied wrong

$front->safe_psql('books', "SELECT trainledger.credit_add(1006, 1, 'test', 'right', now())");
tamper($two, 'entry', 'BEFORE INSERT', "IF NEW.description = 'right' THEN NEW.description := 'wrong'; END IF;");
my ($status, $said) = move('n1', 'n2');
is($status, 1, 'a row is copied wrong');
like($said, qr/^entry\|\{\d+,2\}\n.*does not have what n1 has/ms, 'the script names it');
unlike($said, qr/fenced/, 'and nobody had to wait');
taken_back('copied wrong');
$two->safe_psql('books', 'DROP FUNCTION public.tamper CASCADE');

# --- Followed wrong, since the rows were compared

tamper($two, 'account', 'BEFORE UPDATE', 'IF trainledger_internal.keeps_home(NEW.id) THEN NEW.last_entry_at := NEW.last_entry_at + interval \'1 s\'; END IF;');
($status, $said) = move('n1', 'n2');
is($status, 1, 'a change is followed wrong');
like($said, qr/^account\|\{\d+\}\n.*does not have what n1 has/ms, 'the script names the row');
taken_back('followed wrong');
$two->safe_psql('books', 'DROP FUNCTION public.tamper CASCADE');

# --- Changed at the new home, where nothing had changed at the old one

tamper($two, 'entry', 'AFTER INSERT', <<'END');
	IF trainledger_internal.keeps_home(NEW.account_id) THEN
		UPDATE trainledger.token_account SET created_at = '2000-01-01' WHERE party_id = 1008;
	END IF;
END
my $opened = $one->safe_psql('books', 'SELECT created_at FROM trainledger.token_account WHERE party_id = 1008');
($status, $said) = move('n1', 'n2');
is($status, 1, 'a row changes at the new home');
like($said, qr/^token_account \{1008,\S+\}\n.*nothing is removed/ms, 'the script names it');
is(homes_at(), 'n2', 'the map has changed');
cmp_ok(entries($one), '>', 0, 'the old home has its rows');
$two->safe_psql('books', 'DROP FUNCTION public.tamper CASCADE');

($status, $said) = move('n1', 'n2');
is($status, 1, 'it does not go on by itself');
like($said, qr/^token_account \{1008,\S+\}\n.*nothing is removed/ms, 'and says the same again');
$two->safe_psql('books', 'UPDATE trainledger_node.move_mark SET differing = NULL');
($status, $said) = move('n1', 'n2');
is($status, 1, 'nor while the row differs');
like($said, qr/^token_account \{1008,\S+\}$/m, 'which it names');
cmp_ok(entries($one), '>', 0, 'the old home still has its rows');

# as the page says
$two->safe_psql('books', "UPDATE trainledger.token_account SET created_at = '$opened' WHERE party_id = 1008; UPDATE trainledger_node.move_mark SET differing = NULL");
($status, $said) = move('n1', 'n2');
is($status, 0, 'the row was set right');
is(entries($one), 0, 'the old home has no rows');

append_to_file("$folder/over", '');
waitpid $writer, 0;
is($_->safe_psql('books', 'SELECT count(*) FROM trainledger.reconcile()'), 0, $_->name . ': reconcile') for $one, $two;
is($_->safe_psql('books', "SELECT count(*) FROM pg_class WHERE relnamespace = 'trainledger_node'::regnamespace"), 0, $_->name . ': no table is left of the moves') for $one, $two;
cmp_ok($front->safe_psql('books', "SELECT count(*) FROM trainledger.entry WHERE source = 'writer'"), '>', 10, 'somebody wrote');
$books->stop;
done_testing();
