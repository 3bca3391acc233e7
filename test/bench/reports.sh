#!/bin/bash
# Reports over months, of books that are sealed and of books that are not: what
# the summary that seal() keeps saves, and what it costs.
#
#   ENTRIES=2000000  entries (growth.sql); 20000000 take half an hour and 12 GB
#   ROUNDS=5         rounds of each measurement, 3 of the reports that read all
#                    entries
#
# common.sh says what else there is, and what is expected. Each report is the
# first one of its session.

# shellcheck source=test/bench/common.sh
. "$(dirname "$0")/common.sh"

entries=${ENTRIES:-$([ -n "$quick" ] && echo 200000 || echo 2000000)}
rounds=${ROUNDS:-$([ -n "$quick" ] && echo 2 || echo 5)}
reports=(token_liability token_revenue credit_liability)

# timed STATE ROUND WHAT STATEMENT, in milliseconds by psql's clock
timed()
{
    local state=$1 round=$2 what=$3

    as_superuser -A -t -c "SET client_min_messages = warning; SET work_mem = '256MB';
        SET track_functions = 'all'" -c '\timing on' -c "$4" >"$scratch/timed"
    sed '/^Time: /d' "$scratch/timed" >"$scratch/out"
    query "INSERT INTO bench.result VALUES ('$state', $round, '$what',
        $(sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$scratch/timed"))"
}

# time_reports STATE ROUNDS
time_reports()
{
    local round report

    for ((round = 0; round <= $2; round++)); do
        for report in "${reports[@]}"; do
            timed "$1" "$round" "$report" "SELECT * FROM trainledger.$report"
            cp "$scratch/out" "$scratch/$report.$1"
        done
        timed "$1" "$round" 'one type' \
            "SELECT * FROM trainledger.token_liability WHERE token_type = 'type 1'"
    done
}

# Milliseconds that the summary has taken of all calls of seal() so far
summing()
{
    query "SELECT coalesce(sum(total_time), 0) FROM pg_stat_user_functions
        WHERE funcname = 'summarise'"
}

# seal STATE ROUND
seal()
{
    local before

    before=$(summing)
    timed "$1" "$2" seal 'SELECT trainledger.seal()'
    query "INSERT INTO bench.result VALUES ('$1', $2, 'its summary',
        $(summing) - $before)"
}

# A thousand postings of different accounts, 100 in each transaction
post()
{
    local part

    for part in 1 2 3 4 5 6 7 8 9 10; do
        query "SET synchronous_commit = off;
            SELECT count(*) FROM trainledger.post_batch(ARRAY(
                SELECT n * 21 * 1024 + n % 1024
                FROM generate_series(${part}::bigint, 1000, 10) n),
            array_fill(1::trainledger.amount, ARRAY[100]), 'bench')" \
            >"$scratch/void"
    done
}

show()
{
    heading "Reports over months, of $(query "SELECT count(*) FROM trainledger.entry") entries, milliseconds" \
        "Books that were never sealed, sealed ones, and sealed ones with 1,000 entries more." \
        "work_mem 256 MB; each is the first statement of its session. Target of token_liability" \
        "where it is sealed: 300 ms."
    table "WITH m AS (SELECT state, what, percentile_cont(0.5) WITHIN GROUP (ORDER BY msec) AS msec
            FROM bench.result WHERE round > 0 OR what IN ('seal', 'its summary') GROUP BY 1, 2)
        SELECT v.what AS report,
            max(round(m.msec::numeric, 1)) FILTER (WHERE state = 'unsealed') AS unsealed,
            max(round(m.msec::numeric, 1)) FILTER (WHERE state = 'sealed') AS sealed,
            max(round(m.msec::numeric, 1)) FILTER (WHERE state = 'more') AS \"1,000 more\",
            CASE WHEN v.place > 1 THEN NULL
                WHEN max(m.msec) FILTER (WHERE state <> 'unsealed') < 300
                THEN 'met' ELSE 'MISSED' END AS target
        FROM m JOIN (VALUES (1, 'token_liability'), (2, 'one type'), (3, 'token_revenue'),
                (4, 'credit_liability'), (5, 'reconcile')) AS v(place, what) ON m.what = v.what
        GROUP BY v.place, v.what ORDER BY v.place"
    heading "What seal() pays for the summary, milliseconds" \
        "Of all entries at once, and of 1,000."
    table "SELECT CASE state WHEN 'sealed' THEN 'all entries' ELSE '1,000 entries' END AS of,
            round((percentile_cont(0.5) WITHIN GROUP (ORDER BY msec) FILTER (WHERE what = 'seal'))::numeric, 1) AS seal,
            round((percentile_cont(0.5) WITHIN GROUP (ORDER BY msec) FILTER (WHERE what = 'its summary'))::numeric, 1) AS \"of it the summary\",
            (SELECT count(*) FROM trainledger.month_summary) AS rows,
            pg_total_relation_size('trainledger.month_summary') AS bytes
        FROM bench.result WHERE what IN ('seal', 'its summary') GROUP BY state ORDER BY state DESC"
}

echo "Filling the books"
quiet_server
as_superuser -o "$scratch/void" -v entries="$entries" -f growth.sql
query "CREATE TABLE bench.result (state text, round integer, what text, msec float8);
    SELECT trainledger.start_log('bench.example', 'bench')" >"$scratch/void"
query CHECKPOINT

echo "Measuring"
time_reports unsealed "$((rounds < 3 ? rounds : 3))"
timed unsealed 1 reconcile "SELECT * FROM trainledger.reconcile()"
seal sealed 0
time_reports sealed "$rounds"
timed sealed 1 reconcile "SELECT * FROM trainledger.reconcile()"
[ ! -s "$scratch/out" ] || die "reconcile finds a difference"
for report in "${reports[@]}"; do
    cmp "$scratch/$report.unsealed" "$scratch/$report.sealed" ||
        die "$report has other figures when it is sealed"
done
for ((batch = 1; batch <= rounds; batch++)); do
    post
    time_reports more 1
    seal more "$batch"
done
[ -z "$(query "SELECT * FROM trainledger.reconcile()")" ] ||
    die "reconcile finds a difference"

show
add_to_output
