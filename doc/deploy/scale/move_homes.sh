#!/bin/bash
# Moves homes from one node to another while calls go on.
#
#   move_homes.sh [-p PGBOUNCER] FRONT FROM TO HOMES
#
#   FRONT      how to connect to the front, as libpq reads it:
#              'host=... dbname=...'
#   FROM, TO   names of nodes, as in trainledger_proxy.node
#   HOMES      the homes to move, as an int4multirange: '{[0,256)}'
#   -p         how to connect to PgBouncer's console, where it stands before the
#              front: callers wait during the switch instead of being refused
#
# Run it as a superuser of the front and of both nodes (PGUSER, PGPASSFILE); TO
# connects to FROM in the same way. What it does:
#
#   1. A publication of FROM and a subscription of TO copy the rows of the homes
#      and follow every change. Callers notice nothing.
#   2. Triggers fence the homes at FROM: their writes are refused with 40001,
#      which a caller repeats with its idempotency key.
#   3. When TO has all of it, both sides are compared, and the front's map
#      changes, in one transaction. TO keeps the homes (trainledger.homes).
#   4. FROM no longer keeps the homes, the fence goes, and forget_homes() removes
#      the rows. Where there are logs, that of FROM seals them before and keeps
#      their hashes, and that of TO records what came.
#
# If a step fails before the map has changed, everything is taken back: FROM
# keeps the homes, and TO has none of their rows. After that it can only go on.
# Run the same command again in both cases; it finds out where it was.
#
# Only one move may run at a time. The exit status is 0 if the homes are at TO.
set -euo pipefail

readonly name=trainledger_move
readonly lock_timeout=${LOCK_TIMEOUT:-100ms}
readonly fence_tries=${FENCE_TRIES:-100}
readonly catch_up_seconds=${CATCH_UP_SECONDS:-60}

pgbouncer=
if [ "${1:-}" = -p ]; then
    pgbouncer=$2
    shift 2
fi
[ $# -eq 4 ] || { sed -n '2,32s/^# \{0,1\}//p' "$0" >&2; exit 2; }
readonly front=$1 from=$2 to=$3 homes=$4

say()
{
    echo "$(date +%H:%M:%S.%3N) $*"
}

die()
{
    echo "move_homes.sh: $*" >&2
    exit 1
}

# psql at a database, with the homes as a variable; $at is what it is called
at()
{
    local connection=$1
    shift

    PGOPTIONS='-c client_min_messages=warning' psql -X -q -A -t \
        -v ON_ERROR_STOP=1 -v homes="$homes" -v lock_timeout="$lock_timeout" \
        -v has_log="$has_log" \
        -d "$connection" "$@"
}

# ask CONNECTION SQL: what it answers
ask()
{
    at "$1" <<<"$2"
}

# The tables whose rows move, each with the condition that a row is of the homes.
# A row filter takes no functions of ours, but bits of a key; a list is looked up
# by a hash, however many homes it has. The salt of party 0 is nobody's, and stays.
moved_tables()
{
    cat <<'SQL'
SET search_path = pg_catalog, pg_temp;
SELECT trainledger.home(0) \g /dev/null
CREATE TEMPORARY TABLE moved AS
SELECT t.ordinal, t.table_name, t.home_column,
       format('%s(%s) = ANY (%L::bigint[])',
           CASE WHEN t.table_name = 'party_salt' THEN '%1$s <> 0 AND ' ELSE '' END,
           CASE WHEN p.atttypid = 'uuid'::regtype
               THEN '((get_byte(uuid_send(%1$s), 14) & 3) << 8 | get_byte(uuid_send(%1$s), 15))::bigint'
               ELSE '%1$s & 1023' END,
           ARRAY(SELECT h FROM generate_series(0, 1023) h WHERE h <@ :'homes'::int4multirange)) AS condition
FROM trainledger.table_class t
JOIN pg_attribute p ON p.attname = t.home_column
    AND p.attrelid = format('trainledger.%I', t.table_name)::regclass
WHERE t.class = 'home';
SQL
}

# Runs SQL in a session that has the table `moved`.
on_moved()
{
    { moved_tables; cat; } | at "$1"
}

# ---------------------------------------------------------------------------
# What is where
# ---------------------------------------------------------------------------

node_connection()
{
    at "$front" -v node="$1" <<<"SELECT connection FROM trainledger_proxy.node WHERE name = :'node'"
}

# How many of the homes the map gives to a node
homes_at()
{
    at "$front" -v node="$1" <<<"SELECT count(*) FROM trainledger_proxy.home
        WHERE node = :'node' AND home <@ :'homes'::int4multirange"
}

count_homes()
{
    ask "$front" "SELECT count(*) FROM generate_series(0, 1023) h WHERE h <@ :'homes'::int4multirange"
}

# Sets the homes that a node keeps: those it has, + or - the ones that move.
keep()
{
    local connection=$1 operator=$2 kept

    kept=$(at "$connection" <<SQL
SELECT trainledger.home(0) \\g /dev/null
SELECT current_setting('trainledger.homes')::int4multirange $operator :'homes'::int4multirange
SQL
)
    at "$connection" -v kept="$kept" <<'SQL'
SELECT trainledger.home(0) \g /dev/null
ALTER SYSTEM SET trainledger.homes = :'kept';
SELECT pg_reload_conf() \g /dev/null
SQL
    for ((try = 0; try < 100; try++)); do
        [ "$(at "$connection" <<'SQL'
SELECT trainledger.home(0) \g /dev/null
SHOW trainledger.homes
SQL
)" != "$kept" ] || { sleep 0.1; return 0; }
        sleep 0.05
    done
    die "$connection does not take trainledger.homes = $kept: ALTER DATABASE or ALTER ROLE may have set it"
}

# ---------------------------------------------------------------------------
# Steps
# ---------------------------------------------------------------------------

check()
{
    local strays version_from version_to

    [ "$(count_homes)" -gt 0 ] || die "there are no homes in $homes"
    from_connection=$(node_connection "$from")
    to_connection=$(node_connection "$to")
    [ -n "$from_connection" ] || die "there is no node $from"
    [ -n "$to_connection" ] || die "there is no node $to"
    [ "$from" != "$to" ] || die "$from and $to are the same node"

    version_from=$(ask "$from_connection" "SELECT extversion FROM pg_extension WHERE extname = 'trainledger'")
    version_to=$(ask "$to_connection" "SELECT extversion FROM pg_extension WHERE extname = 'trainledger'")
    [ "$version_from" = "$version_to" ] ||
        die "$from has trainledger $version_from, $to has $version_to: upgrade one of them first"
    [ "$(ask "$from_connection" 'SHOW wal_level')" = logical ] ||
        die "$from needs wal_level = logical"
    strays=$(ask "$from_connection" "SELECT count(*) FROM trainledger.strays()
        WHERE trainledger.home(party_id) <@ :'homes'::int4multirange")
    [ "$strays" = 0 ] ||
        die "$strays ids at $from have another home than their party: read trainledger.strays()"
    log_from=$(ask "$from_connection" 'SELECT count(*) > 0 FROM trainledger.log_origin')
    log_to=$(ask "$to_connection" 'SELECT count(*) > 0 FROM trainledger.log_origin')
    has_log=false
    [ "$log_from$log_to" = ff ] || has_log=true
}

copy()
{
    say "copying to $to"
    on_moved "$from_connection" <<'SQL'
SELECT format('CREATE PUBLICATION trainledger_move FOR TABLE %s WITH (publish = ''insert, update, delete'')',
    string_agg(format('trainledger.%I WHERE (%s)', table_name,
        replace(condition, '%1$s', home_column)), ', ' ORDER BY ordinal))
FROM moved
\gexec
SQL
    at "$to_connection" -v connection="$from_connection" <<'SQL'
CREATE SUBSCRIPTION trainledger_move CONNECTION :'connection'
    PUBLICATION trainledger_move WITH (synchronous_commit = 'local');
SQL
    until [ "$(ask "$to_connection" "SELECT count(*) FROM pg_subscription_rel r
        JOIN pg_subscription s ON s.oid = r.srsubid
        WHERE s.subname = '$name' AND r.srsubstate <> 'r'")" = 0 ]; do
        sleep 0.1
    done
}

# Waits until TO has on its disk what FROM has written so far.
catch_up()
{
    local position since=$SECONDS

    position=$(ask "$from_connection" 'SELECT pg_current_wal_insert_lsn()')
    until [ "$(ask "$from_connection" "SELECT confirmed_flush_lsn >= '$position'
        FROM pg_replication_slots WHERE slot_name = '$name'")" = t ]; do
        [ $((SECONDS - since)) -lt "$catch_up_seconds" ] ||
            die "$to does not catch up with $from"
        sleep 0.01
    done
}

# Runs SQL that locks tables at FROM. It waits for who is writing to them, and
# others wait behind it: so not for long, and again.
patiently()
{
    local sql try

    sql=$(cat)
    for ((try = 1; try <= fence_tries; try++)); do
        on_moved "$from_connection" <<<"$sql" 2>"$errors" && return 0
        grep -qE 'lock timeout|deadlock' "$errors" || { cat "$errors" >&2; return 1; }
        sleep 0.1
    done
    die "$from has transactions that do not end: see pg_stat_activity, and run this again later"
}

# Refuses writes of the homes at FROM.
fence()
{
    patiently <<'SQL'
BEGIN;
SET LOCAL lock_timeout = :'lock_timeout';
SET LOCAL synchronous_commit = local;
SELECT format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE',
    string_agg(format('trainledger.%I', table_name), ', ' ORDER BY ordinal))
FROM moved
\gexec
-- both logs hash a party's texts with one salt
SELECT trainledger_internal.make_home_salts(:'homes') WHERE :has_log \g /dev/null
CREATE OR REPLACE FUNCTION trainledger_node.fence() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE serialization_failure USING MESSAGE = 'the home is being moved',
        DETAIL = 'Another node is about to keep it.',
        HINT = 'Repeat the call, with its idempotency key.';
END $$;
REVOKE ALL ON FUNCTION trainledger_node.fence() FROM PUBLIC;
SELECT format('CREATE TRIGGER trainledger_fence BEFORE INSERT OR UPDATE ON trainledger.%1$I FOR EACH ROW WHEN (%2$s) EXECUTE FUNCTION trainledger_node.fence()',
        table_name, replace(condition, '%1$s', 'NEW.' || home_column)),
    format('ALTER TABLE trainledger.%I ENABLE ALWAYS TRIGGER trainledger_fence', table_name)
FROM moved ORDER BY ordinal
\gexec
COMMIT;
SQL
}

# Takes the fence away, a table at a time.
unfence()
{
    patiently <<'SQL'
SET lock_timeout = :'lock_timeout';
SELECT format('DROP TRIGGER trainledger_fence ON %s', tgrelid::regclass)
FROM pg_trigger WHERE tgname = 'trainledger_fence'
\gexec
DROP FUNCTION IF EXISTS trainledger_node.fence();
SQL
}

# A line for each table: how many rows, and a digest of those that say how things
# stand. Writers are waiting, so what only grows is not read: accounts count their
# entries, and reconcile() reads them afterwards.
digest()
{
    on_moved "$1" <<'SQL'
SELECT format('SELECT %L, count(*), %s FROM trainledger.%I t WHERE %s',
    table_name, CASE WHEN table_name IN ('account', 'token_lot', 'placed_hold', 'pass')
        THEN 'sum(hashtextextended(t::text, 0)::numeric)' ELSE '''''' END,
    table_name, replace(condition, '%1$s', home_column))
FROM moved WHERE table_name <> 'entry' ORDER BY ordinal
\gexec
SQL
}

compare()
{
    digest "$from_connection" >"$folder/from" &
    digest "$to_connection" >"$folder/to"
    wait $!
    diff "$folder/from" "$folder/to" >&2 ||
        die "$to does not have what $from has (tables, numbers of rows and digests above)"
}

# Seals what FROM has booked, where it has a log, or all but what is booked just
# now.
seal()
{
    [ "$log_from" = f ] || ask "$from_connection" 'SELECT trainledger.seal()' >/dev/null
}

seal_all()
{
    local since=$SECONDS

    [ "$log_from" = t ] || return 0
    until seal && [ "$(ask "$from_connection" "SELECT count(*) FROM trainledger_internal.unsealed_leaves(:'homes')")" = 0 ]; do
        [ $((SECONDS - since)) -lt "$catch_up_seconds" ] ||
            die "$from has transactions that do not end, and cannot seal: see pg_stat_activity, and run this again later"
        sleep 0.1
    done
}

# Tells the log of TO what came, while FROM has it still.
receive()
{
    [ "$log_to" = t ] || return 0
    ask "$from_connection" "SELECT coalesce(jsonb_agg(l), '[]')
        FROM trainledger_internal.home_leaves(:'homes', false) l" >"$folder/sent"
    at "$to_connection" -v file="$folder/sent" <<'SQL'
\set sent `cat :'file'`
SELECT trainledger_internal.receive_homes(:'homes', :'sent') \g /dev/null
SQL
}

pause()
{
    [ -n "$pgbouncer" ] || return 0
    paused=yes
    timeout 1 psql -X -q -d "$pgbouncer" -c "PAUSE $front_name" ||
        { say 'PgBouncer does not pause: somebody has a long transaction'; resume; }
}

resume()
{
    [ -n "$paused" ] || return 0
    psql -X -q -d "$pgbouncer" -c "RESUME $front_name" || true
    paused=
}

change_map()
{
    at "$front" -v from="$from" -v to="$to" <<'SQL'
BEGIN;
UPDATE trainledger_proxy.home SET node = :'to'
WHERE node = :'from' AND home <@ :'homes'::int4multirange;
SELECT trainledger_proxy.apply_map() \g /dev/null
COMMIT;
SQL
}

# Ends the replication between the nodes, whether the other is there or not.
unsubscribe()
{
    local subscription

    subscription=$(ask "$to_connection" "SELECT oid FROM pg_subscription WHERE subname = '$name'")
    if [ -n "$subscription" ] &&
        ! ask "$to_connection" "DROP SUBSCRIPTION $name" 2>"$errors"; then
        at "$to_connection" <<SQL
ALTER SUBSCRIPTION $name DISABLE;
ALTER SUBSCRIPTION $name SET (slot_name = NONE);
DROP SUBSCRIPTION $name;
SQL
    fi
    at "$from_connection" <<SQL
SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
WHERE (slot_name = '$name' OR slot_name LIKE 'pg_${subscription:-0}_sync_%') AND active \\g /dev/null
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE slot_name = '$name' OR slot_name LIKE 'pg_${subscription:-0}_sync_%' \\g /dev/null
DROP PUBLICATION IF EXISTS $name;
SQL
}

# Before the map has changed: as it was
take_back()
{
    unfence
    unsubscribe
    keep "$to_connection" -
    ask "$to_connection" "SELECT trainledger.forget_homes(:'homes')" >/dev/null
}

# After the map has changed: what is left to do
finish()
{
    keep "$from_connection" -
    unfence
    unsubscribe
    seal_all
    receive
    say "removing the rows from $from"
    ask "$from_connection" "SELECT trainledger.forget_homes(:'homes')" >/dev/null
    [ "$(ask "$to_connection" 'SELECT count(*) FROM trainledger.reconcile()')" = 0 ] ||
        die "reconcile() finds problems at $to"
}

at_exit()
{
    local status=$?

    trap - EXIT
    if [ -n "$started" ] && [ -z "$changed" ]; then
        # the front may have changed the map and not have said so
        if [ "$(homes_at "$to" || echo unknown)" = 0 ]; then
            { take_back && say "it is taken back: $from keeps the homes"; } ||
                say "it could not be taken back: run the same command again"
        else
            say "it is not known whether the map has changed: run the same command again"
        fi
    fi
    resume
    rm -rf "$folder"
    exit "$status"
}

folder=$(mktemp -d)
errors=$folder/errors
started=""
changed=""
paused=""
has_log=false
trap at_exit EXIT
trap 'exit 130' INT TERM HUP

check
front_name=$(ask "$front" 'SELECT quote_ident(current_database())')
front_name=${PGBOUNCER_DATABASE:-$front_name}
wanted=$(count_homes)
if [ "$(homes_at "$to")" = "$wanted" ]; then
    say "$to keeps the homes"
    finish
    say 'done'
    exit 0
fi
[ "$(homes_at "$from")" = "$wanted" ] || die "not all homes of $homes are at $from"

# what an earlier attempt left
take_back
started=yes
copy
seal
catch_up
keep "$to_connection" +
pause
fence
say 'fenced'
catch_up
compare
change_map
changed=yes
resume
say "$to keeps the homes"
finish
say 'done'
