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
#   2. Triggers at FROM note the key of each row that changes from now on. All
#      rows of both sides are compared, and then those that changed meanwhile.
#   3. The triggers become a fence: writes of the homes are refused with 40001,
#      which a caller repeats with its idempotency key. When TO has all of it,
#      the rows that changed since they were compared are compared, and the
#      front's map changes, in one transaction. TO keeps the homes
#      (trainledger.homes).
#   4. FROM no longer keeps the homes, and the fence goes. All rows are compared
#      as they were behind the fence, and forget_homes() removes those of FROM.
#      Where there are logs, that of FROM seals them before and keeps their
#      hashes, and that of TO records what came.
#
# So callers wait for what they have changed, however large the books are.
#
# If a step fails before the map has changed, everything is taken back: FROM
# keeps the homes, and TO has none of their rows. After that it can only go on.
# Run the same command again in both cases; it finds out where it was. If rows
# differ after the map has changed, it stops before it removes any, and says
# what to do.
#
# Only one move may run at a time. The exit status is 0 if the homes are at TO.
set -euo pipefail

readonly name=trainledger_move
readonly lock_timeout=${LOCK_TIMEOUT:-100ms}
# an autovacuum that is in the way is ended after this
readonly deadlock_timeout=20ms
readonly fence_tries=${FENCE_TRIES:-100}
readonly catch_up_seconds=${CATCH_UP_SECONDS:-60}
# the last rounds before the fence: until one has so few rows, or so many rounds
readonly few_rows=500
readonly rounds=10

pgbouncer=
if [ "${1:-}" = -p ]; then
    pgbouncer=$2
    shift 2
fi
[ $# -eq 4 ] || { sed -n '2,42s/^# \{0,1\}//p' "$0" >&2; exit 2; }
readonly front=$1 from=$2 to=$3 homes=$4

readonly plain='-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres
    -c bytea_output=hex -c extra_float_digits=1 -c statement_timeout=0'

say()
{
    local now=$EPOCHREALTIME

    printf '%(%T)T.%.3s %s\n' "${now%[.,]*}" "${now#*[.,]}" "$*"
}

die()
{
    echo "move_homes.sh: $*" >&2
    exit 1
}

# psql at a database, with the homes as a variable. Rows look the same wherever
# they are, and whoever set what there.
at()
{
    local connection=$1
    shift

    PGOPTIONS="-c client_min_messages=warning $plain" psql -X -q -A -t \
        -v ON_ERROR_STOP=1 -v homes="$homes" -v lock_timeout="$lock_timeout" \
        -v deadlock_timeout="$deadlock_timeout" -v has_log="$has_log" \
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
# Of a row t: its text, the key, and the condition that it has the key w.key.
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
           ARRAY(SELECT h FROM generate_series(0, 1023) h WHERE h <@ :'homes'::int4multirange)) AS condition,
       r.row_text, k.row_key, k.has_key
FROM trainledger.table_class t
JOIN pg_attribute p ON p.attname = t.home_column
    AND p.attrelid = format('trainledger.%I', t.table_name)::regclass
CROSS JOIN LATERAL (
    SELECT format('ROW(%s)::text', string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attname)) AS row_text
    FROM pg_attribute a
    WHERE a.attrelid = p.attrelid AND a.attnum > 0 AND NOT a.attisdropped) AS r
CROSS JOIN LATERAL (
    SELECT format('ARRAY[%s]', string_agg(format('t.%I::text', a.attname), ', ' ORDER BY n.ordinality)) AS row_key,
           string_agg(format('t.%I = w.key[%s]::%s', a.attname, n.ordinality,
               format_type(a.atttypid, a.atttypmod)), ' AND ' ORDER BY n.ordinality) AS has_key
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS n(attnum, ordinality)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.attnum
    WHERE i.indrelid = p.attrelid AND i.indisprimary) AS k
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
# Sessions
# ---------------------------------------------------------------------------

# Callers wait for what is done behind the fence, and a new process or connection
# takes its time: so sessions at from, to and front are there before.
declare -A process=() input=() output=()
open_session()
{
    local in out

    mkfifo "$folder/$1.in" "$folder/$1.out"
    at "$2" <"$folder/$1.in" >"$folder/$1.out" &
    process[$1]=$!
    exec {in}>"$folder/$1.in" {out}<"$folder/$1.out"
    input[$1]=$in
    output[$1]=$out
    tell "$1" 'SET idle_in_transaction_session_timeout = 0;
SET idle_session_timeout = 0;'
}

tell()
{
    printf '%s\n' "$2" >&"${input[$1]}"
}

# Its next line is in $answer.
hear()
{
    read -r answer <&"${output[$1]}" || die "the session at $1 has ended"
}

# That at the front has ended, whether it has changed the map or not.
close_sessions()
{
    local at fd

    for at in "${!process[@]}"; do
        tell "$at" '\q' 2>/dev/null || true
        fd=${input[$at]}
        exec {fd}>&-
    done
    [ -z "${process[front]:-}" ] || wait "${process[front]}" || true
    process=()
    snapshot_of=()
}

# from and to look up rows by keys, and from waits for to.
open_sessions()
{
    local side

    open_session from "$from_connection"
    open_session to "$to_connection"
    open_session front "$front"
    for side in from to; do
        tell "$side" "SET synchronous_commit = local;
SET enable_seqscan = off;
$(moved_tables)
CREATE TEMPORARY TABLE wanted (table_name text, key text[]);
SELECT set_config('trainledger_move.patience', '$catch_up_seconds s', false);"
        hear "$side"
    done
}

# Waits until TO has on its disk what FROM has on its own: all that was committed
# before the last commit of this session.
catch_up()
{
    tell from "DO \$\$
DECLARE
    wanted CONSTANT pg_lsn := pg_current_wal_flush_lsn();
BEGIN
    WHILE (SELECT s.confirmed_flush_lsn >= wanted FROM pg_replication_slots s
           WHERE s.slot_name = '$name') IS NOT TRUE LOOP
        IF clock_timestamp() > statement_timestamp()
           + current_setting('trainledger_move.patience')::interval THEN
            RAISE query_canceled USING MESSAGE = 'the other node does not catch up';
        END IF;
        PERFORM pg_sleep(0.002);
    END LOOP;
END \$\$;
SELECT 'caught up';"
    hear from
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

# The function of the triggers of the homes at FROM, with what it does
triggers_do()
{
    cat <<SQL
CREATE OR REPLACE FUNCTION trainledger_node.moving() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO,YMD' AS
\$do\$
BEGIN
$1
END \$do\$;
REVOKE ALL ON FUNCTION trainledger_node.moving() FROM PUBLIC;
SQL
}

# Notes at FROM which rows of the homes change, a table at a time.
watch()
{
    local branches

    branches=$(on_moved "$from_connection" <<'SQL'
SELECT format('    %s TG_TABLE_NAME = %L THEN
        IF TG_OP <> ''INSERT'' THEN
            INSERT INTO trainledger_node.moving_row VALUES (%2$L, %s);
        END IF;
        IF TG_OP <> ''DELETE'' THEN
            INSERT INTO trainledger_node.moving_row VALUES (%2$L, %s);
        END IF;',
    CASE WHEN row_number() OVER (ORDER BY ordinal) = 1 THEN 'IF' ELSE 'ELSIF' END,
    table_name, replace(row_key, 't.', 'OLD.'), replace(row_key, 't.', 'NEW.'))
FROM moved ORDER BY ordinal;
SELECT '    END IF;
    RETURN NULL;';
SQL
)
    patiently <<SQL
SET lock_timeout = :'lock_timeout';
SET deadlock_timeout = :'deadlock_timeout';
SET synchronous_commit = local;
CREATE TABLE IF NOT EXISTS trainledger_node.moving_row (table_name text, key text[]);
$(triggers_do "$branches")
SELECT format('CREATE OR REPLACE TRIGGER %s AFTER %s ON trainledger.%I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION trainledger_node.moving()',
        w.name, w.event, m.table_name, replace(m.condition, '%1\$s', w.row || m.home_column)),
    format('ALTER TABLE trainledger.%I ENABLE ALWAYS TRIGGER %s', m.table_name, w.name)
FROM moved m CROSS JOIN (VALUES ('trainledger_move', 'INSERT OR UPDATE', 'NEW.'),
    ('trainledger_move_delete', 'DELETE', 'OLD.')) AS w(name, event, row)
ORDER BY m.ordinal, w.name
\\gexec
SQL
}

# Both logs hash a party's texts with one salt. FROM notes who gets rows from now
# on.
make_salts()
{
    ask "$from_connection" "SELECT trainledger_internal.make_home_salts(:'homes') WHERE $has_log" >/dev/null
}

# Refuses writes of the homes at FROM. Whoever has locked one of the tables before
# has noted what it changed, and whoever does after this sees the fence.
fence()
{
    patiently <<SQL
BEGIN;
SET LOCAL lock_timeout = :'lock_timeout';
SET LOCAL deadlock_timeout = :'deadlock_timeout';
SET LOCAL synchronous_commit = local;
SELECT format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE',
    string_agg(format('trainledger.%I', table_name), ', ' ORDER BY ordinal))
FROM moved
\\gexec
-- parties that had rows before have theirs
SET LOCAL enable_seqscan = off;
SELECT trainledger_internal.make_salts_of(ARRAY(
    SELECT t.party_id FROM trainledger_node.moving_row w JOIN trainledger.account t
        ON t.id = CASE w.table_name WHEN 'account' THEN w.key[1]::bigint END
    UNION SELECT t.party_id FROM trainledger_node.moving_row w JOIN trainledger.placed_hold t
        ON t.id = CASE w.table_name WHEN 'placed_hold' THEN w.key[1]::bigint END
    UNION SELECT t.party_id FROM trainledger_node.moving_row w JOIN trainledger.pass_event t
        ON t.id = CASE w.table_name WHEN 'pass_event' THEN w.key[1]::bigint END
    UNION SELECT t.party_id FROM trainledger_node.moving_row w JOIN trainledger.pass_use t
        ON t.id = CASE w.table_name WHEN 'pass_use' THEN w.key[1]::bigint END))
WHERE :has_log \\g /dev/null
$(triggers_do "    RAISE serialization_failure USING MESSAGE = 'the home is being moved',
        DETAIL = 'Another node is about to keep it.',
        HINT = 'Repeat the call, with its idempotency key.';")
COMMIT;
SQL
}

# Lets writes pass at once, and takes the triggers away, a table at a time.
unfence()
{
    patiently <<SQL
SELECT to_regprocedure('trainledger_node.moving()') IS NOT NULL AS is_there
\\gset
\\if :is_there
$(triggers_do '    RETURN NULL;')
\\endif
SET lock_timeout = :'lock_timeout';
SET deadlock_timeout = :'deadlock_timeout';
SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
FROM pg_trigger WHERE tgname IN ('trainledger_move', 'trainledger_move_delete')
ORDER BY tgrelid, tgname
\\gexec
DROP FUNCTION IF EXISTS trainledger_node.moving();
DROP TABLE IF EXISTS trainledger_node.moving_row;
SQL
}

# ---------------------------------------------------------------------------
# Comparing
# ---------------------------------------------------------------------------

# A file of lines as a temporary table
table_of()
{
    echo "CREATE TEMPORARY TABLE $1;"
    echo "COPY ${1%% *} FROM STDIN DELIMITER '|';"
    cat "$2"
    echo '\.'
    echo "ANALYZE ${1%% *};"
}

# Of all rows of the homes, a number and a digest for each of the buckets into
# which a hash of the key puts them: table|bucket|rows|digest. With a file of
# buckets, the rows in these: table|key|digest. For each connection there may be a
# snapshot to read in, and a condition on rows t.
declare -A snapshot_of=() condition_of=()
whole()
{
    local snapshot=${snapshot_of[$1]:-} condition=${condition_of[$1]:-true}

    {
        echo 'BEGIN ISOLATION LEVEL REPEATABLE READ;'
        [ -z "$snapshot" ] || echo "SET TRANSACTION SNAPSHOT '$snapshot';"
        moved_tables
        table_of 'bucket (table_name text, number bigint)' "$2"
        cat <<'SQL'
SELECT format(CASE WHEN EXISTS (SELECT FROM bucket)
        THEN 'SELECT %1$L, k.key, hashtextextended(%2$s, 0)
FROM trainledger.%1$I t CROSS JOIN LATERAL (SELECT %3$s AS key OFFSET 0) k
WHERE %4$s AND (%5$s) AND hashtextextended(k.key::text, 0) & 4095 = ANY (ARRAY(SELECT number FROM bucket WHERE table_name = %1$L))'
        ELSE 'SELECT %1$L, hashtextextended((%3$s)::text, 0) & 4095, count(*), bit_xor(hashtextextended(%2$s, 0))
FROM trainledger.%1$I t WHERE %4$s AND (%5$s) GROUP BY 2' END,
    table_name, row_text, row_key, replace(condition, '%1$s', home_column), :'condition')
FROM moved
WHERE NOT EXISTS (SELECT FROM bucket)
OR EXISTS (SELECT FROM bucket WHERE bucket.table_name = moved.table_name)
ORDER BY ordinal
\gexec
COMMIT;
SQL
    } | at "$1" -v condition="$condition" | LC_ALL=C sort
}

# Looks up the rows with the keys of a file, table|key, on both sides. The files
# from and to then have table|key|digest, which is empty where there is none.
some()
{
    local side keys

    mapfile -t keys <"$1"
    for side in from to; do
        tell "$side" "DELETE FROM wanted;
COPY wanted FROM STDIN DELIMITER '|';"
        printf '%s\n' "${keys[@]}" '\.' >&"${input[$side]}"
        tell "$side" "ANALYZE wanted;
\\o $folder/$side
SELECT format('SELECT %1\$L, w.key, (SELECT hashtextextended(%2\$s, 0) FROM trainledger.%1\$I t WHERE %3\$s)
FROM wanted w WHERE w.table_name = %1\$L ORDER BY w.key::text COLLATE \"C\"', table_name, row_text, has_key)
FROM moved WHERE EXISTS (SELECT FROM wanted WHERE wanted.table_name = moved.table_name)
ORDER BY ordinal
\\gexec
\\o
SELECT 'listed';"
    done
    hear from
    hear to
}

# The same on both sides at once, in the files from and to
whole_of_both()
{
    local asking status=0

    whole "$from_connection" "$1" >"$folder/from" &
    asking=$!
    whole "$to_connection" "$1" >"$folder/to" || status=1
    wait "$asking" || status=1
    [ "$status" = 0 ] || die "$from and $to cannot be compared"
}

# What the last answers differ in: the first two fields of the lines
differing()
{
    cmp -s "$folder/from" "$folder/to" ||
        LC_ALL=C sort "$folder/from" "$folder/to" | uniq -u |
        cut -d '|' -f 1,2 | uniq
}

# Keys of a file that FROM has not noted: nobody has changed these rows
unnoted()
{
    {
        table_of 'differing (table_name text, key text[])' "$1"
        echo 'SELECT table_name, key FROM differing
            EXCEPT SELECT table_name, key FROM trainledger_node.moving_row;'
    } | at "$from_connection"
}

# Rows that differ are those that change just now, if FROM has noted their keys.
# TO may have what is not seen at FROM yet.
explain()
{
    local try

    [ -s "$1" ] || return 0
    cp "$1" "$folder/unexplained"
    for ((try = 0; try < 10; try++)); do
        unnoted "$folder/unexplained" >"$folder/left"
        [ -s "$folder/left" ] || return 0
        sleep 0.1
        catch_up
        some "$folder/left"
        differing >"$folder/unexplained"
    done
    head -20 "$folder/left" >&2
    die "$to does not have what $from has (tables and keys above)"
}

# Compares all rows while they change.
compare_all()
{
    : >"$folder/none"
    whole_of_both "$folder/none"
    say "compared $(awk -F '|' '{ n += $3 } END { print n + 0 }' "$folder/from") rows"
    differing >"$folder/buckets"
    [ -s "$folder/buckets" ] || return 0
    whole_of_both "$folder/buckets"
    differing >"$folder/differing"
    explain "$folder/differing"
}

# Compares the rows that have changed since they were compared; $noted says how
# many there were.
compare_changed()
{
    local keys

    tell from "\\o $folder/noted
WITH gone AS (DELETE FROM trainledger_node.moving_row RETURNING table_name, key)
SELECT DISTINCT table_name, key FROM gone;
\\o
SELECT count(*) FROM trainledger_node.moving_row;"
    hear from
    catch_up
    some "$folder/noted"
    differing >"$folder/differing"
    explain "$folder/differing"
    mapfile -t keys <"$folder/noted"
    noted=${#keys[@]}
}

compare_until_few()
{
    local round

    for ((round = 1; round <= rounds; round++)); do
        compare_changed
        [ "$noted" -gt "$few_rows" ] || return 0
    done
}

# Behind the fence: what both sides have now can be read later, and TO knows which
# of its rows are not of a later time, if this script should end before.
hold()
{
    tell to "INSERT INTO trainledger_node.move_mark VALUES (:'homes', pg_current_snapshot());"
    tell from 'BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_export_snapshot();'
    tell to 'BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_export_snapshot();'
    hear from
    snapshot_of[$from_connection]=$answer
    hear to
    snapshot_of[$to_connection]=$answer
}

make_mark()
{
    at "$to_connection" <<'SQL'
CREATE TABLE IF NOT EXISTS trainledger_node.move_mark
    (homes int4multirange NOT NULL, snapshot pg_snapshot NOT NULL, differing text[]);
COMMENT ON TABLE trainledger_node.move_mark IS
'When homes came, and which rows were not those that left; of move_homes.sh.';
SQL
}

# Statements at TO, where it has the table of marks
at_marks()
{
    {
        echo "SELECT to_regclass('trainledger_node.move_mark') IS NOT NULL AS is_there
\gset
\if :is_there"
        cat
        echo '\endif'
    } | at "$to_connection"
}

remove_mark()
{
    at_marks <<'SQL'
DELETE FROM trainledger_node.move_mark WHERE homes = :'homes';
SELECT 'DROP TABLE trainledger_node.move_mark'
WHERE NOT EXISTS (SELECT FROM trainledger_node.move_mark)
\gexec
SQL
}

# What the mark says: whether there is one, whether rows differed, and the
# condition on rows t that nobody has changed since
read_mark()
{
    at_marks <<'SQL'
SELECT differing IS NOT NULL, format('age(t.xmin) > age(%L::xid) AND t.xmin <> ALL (%L::xid[])',
    pg_snapshot_xmax(snapshot)::text::bigint & 4294967295,
    ARRAY(SELECT x::text::bigint & 4294967295 FROM pg_snapshot_xip(snapshot) x))
FROM trainledger_node.move_mark WHERE homes = :'homes';
SQL
}

# Of the keys of a file, those of rows that TO has not changed since the mark
unchanged()
{
    {
        moved_tables
        table_of 'wanted (table_name text, key text[])' "$1"
        cat <<'SQL'
SET enable_seqscan = off;
SELECT format('SELECT %1$L, w.key FROM wanted w WHERE w.table_name = %1$L AND NOT EXISTS (
SELECT FROM trainledger.%1$I t WHERE %2$s AND NOT (%3$s))', table_name, has_key, :'condition')
FROM moved WHERE EXISTS (SELECT FROM wanted WHERE wanted.table_name = moved.table_name)
ORDER BY ordinal
\gexec
SQL
    } | at "$to_connection" -v condition="${condition_of[$to_connection]}"
}

# Before rows are removed at FROM: compares all of them once more with those of
# TO, as both were behind the fence. If the script was stopped meanwhile, TO's are
# those that nobody has changed since.
compare_again()
{
    local mark

    : >"$folder/none"
    mark=$(read_mark)
    case $mark in
        t*) tell_difference ;;
        f*) condition_of[$to_connection]=${mark#*|} ;;
    esac
    [ -z "${snapshot_of[$to_connection]:-}" ] || condition_of=()
    whole_of_both "$folder/none"
    [ -s "$folder/from" ] || return 0
    [ -n "$mark" ] ||
        die "$from still has rows of $homes, and $to does not say when they came: has an older move_homes.sh moved them?"
    differing >"$folder/buckets"
    [ -s "$folder/buckets" ] || return 0
    whole_of_both "$folder/buckets"
    differing >"$folder/differing"
    if [ -n "${condition_of[$to_connection]:-}" ]; then
        unchanged "$folder/differing" >"$folder/left"
    else
        cp "$folder/differing" "$folder/left"
    fi
    [ -s "$folder/left" ] || return 0
    {
        table_of 'differing (line text)' <(sed 's/|/ /; s/\\/\\\\/g' "$folder/left")
        echo "UPDATE trainledger_node.move_mark SET differing = ARRAY(SELECT line FROM differing LIMIT 1000)
            WHERE homes = :'homes';"
    } | at "$to_connection"
    tell_difference
}

tell_difference()
{
    ask "$to_connection" "SELECT unnest(differing) FROM trainledger_node.move_mark
        WHERE homes = :'homes' LIMIT 20" >&2
    die "$to did not have what $from had at the switch (tables and keys above). $from has it still, and nothing is removed: see doc/scale.md"
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
    tell front "\\set from $from
\\set to $to
BEGIN;
UPDATE trainledger_proxy.home SET node = :'to'
WHERE node = :'from' AND home <@ :'homes'::int4multirange;
SELECT trainledger_proxy.apply_map() \\g /dev/null
COMMIT;
SELECT 'changed';"
    hear front
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
    remove_mark
    keep "$to_connection" -
    ask "$to_connection" "SELECT trainledger.forget_homes(:'homes')" >/dev/null
}

# After the map has changed: what is left to do
finish()
{
    keep "$from_connection" -
    # what FROM still changes, such as texts of who is forgotten, is not for TO
    unsubscribe
    unfence
    compare_again
    say 'compared again'
    close_sessions
    seal_all
    receive
    say "removing the rows from $from"
    ask "$from_connection" "SELECT trainledger.forget_homes(:'homes')" >/dev/null
    remove_mark
    [ "$(ask "$to_connection" 'SELECT count(*) FROM trainledger.reconcile()')" = 0 ] ||
        die "reconcile() finds problems at $to"
}

at_exit()
{
    local status=$?

    trap - EXIT
    close_sessions
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
trap '' PIPE

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
watch
open_sessions
catch_up
compare_all
keep "$to_connection" +
make_mark
compare_until_few
make_salts
pause
say 'fencing'
fence
say 'fenced'
compare_changed
say "compared $noted rows that changed"
hold
change_map
changed=yes
say "$to keeps the homes"
resume
finish
say 'done'
