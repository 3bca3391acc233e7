#!/bin/bash
# How time grows with the books: calls and reports on books of several sizes
# (growth.sql), each in a database of its own of the one server.
#
#   GROWTH="10000 100000"  entries; the published figures are those of
#                          GROWTH="10000 1000000 20000000", which takes half an
#                          hour and 12 GB
#   ROUNDS=15              rounds of each measurement; 3 of the reports
#   DURATION=1             seconds that one call runs in a round
#   GROWTH_PLOT            file for the plot, instead of test/results/growth.svg
#
# common.sh says what else there is, and what is expected. The sizes take turns
# within a round. Commits do not wait for the disk, which would level the
# differences, and the pages that postings change have been written since the
# last checkpoint.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read -ra sizes <<<"${GROWTH:-10000 100000}"
rounds=${ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 15)}
duration=${DURATION:-1}
plot=${GROWTH_PLOT:-../results/growth.svg}
calls=(post history balance_at statement holdings)
declare -A reports=(
    [token_liability]="SELECT * FROM trainledger.token_liability"
    [one type]="SELECT * FROM trainledger.token_liability WHERE token_type = 'type 1'"
    [tokens_expiring]="SELECT * FROM trainledger.tokens_expiring"
    [pass_utilisation]="SELECT * FROM trainledger.pass_utilisation"
    [cohort_progress]="SELECT * FROM trainledger.cohort_progress"
    [reconcile]="SELECT * FROM trainledger.reconcile()"
    [reconcile, one process]="SET max_parallel_workers_per_gather = 0;
        SELECT * FROM trainledger.reconcile()"
)
results=$PGDATABASE
start=0

# The database with books of a size
books()
{
    echo "${results}_$1"
}

record()
{
    PGDATABASE=$results query "INSERT INTO result VALUES ($1, $2, '$3', $4)"
}

fill()
{
    local entries=$1

    query "CREATE DATABASE $(books "$entries")"
    PGDATABASE=$(books "$entries") as_superuser -o "$scratch/void" \
        -v entries="$entries" -f growth.sql
}

# All of the books is in memory, where there is room for it; each account is
# posted to once, so that its pages have been written since the last checkpoint.
settle()
{
    PGDATABASE=$(books "$1") query "CREATE EXTENSION pg_prewarm;
        SELECT sum(pg_prewarm(oid)) FROM pg_class
        WHERE relnamespace = 'trainledger'::regnamespace AND relkind IN ('r', 'i')" \
        >"$scratch/void"
    query CHECKPOINT
    PGDATABASE=$(books "$1") query "SELECT count(*) FROM (
        SELECT (n % 100) AS g, array_agg(n * 21 * 1024 + n % 1024) AS ids
        FROM generate_series(1::bigint, $1 / 200) n GROUP BY 1) g,
        LATERAL trainledger.post_batch(g.ids,
            array_fill(1::trainledger.amount, ARRAY[cardinality(g.ids)]),
            'warm-up', NULL, array_fill(now(), ARRAY[cardinality(g.ids)])) p" \
        >"$scratch/void"
}

measure_calls()
{
    local round call entries

    for ((round = 0; round <= rounds; round++)); do
        for call in "${calls[@]}"; do
            for entries in $(in_turn "$round" "${sizes[@]}"); do
                start=$((start + 10000000))
                export PGDATABASE
                PGDATABASE=$(books "$entries")
                run_pgbench "growth_$call.sql" off -T "$duration" -c 1 \
                    -D "people=$((entries / 200))" -D "start=$start" -D n=0
                PGDATABASE=$results
                record "$entries" "$round" "$call" "1e6 / $tps"
            done
        done
    done
}

# In microseconds, as calls are
measure_reports()
{
    local round report entries began

    for ((round = 0; round <= (rounds < 3 ? rounds : 3); round++)); do
        for report in "${!reports[@]}"; do
            for entries in $(in_turn "$round" "${sizes[@]}"); do
                began=$(date +%s%N)
                PGDATABASE=$(books "$entries") query "SET client_min_messages = warning;
                    SET work_mem = '256MB';
                    SET maintenance_work_mem = '256MB';
                    ${reports[$report]}" >"$scratch/void"
                record "$entries" "$round" "$report" \
                    "$((($(date +%s%N) - began) / 1000))"
            done
        done
    done
}

# A column for each size
columns()
{
    local entries

    for entries in "${sizes[@]}"; do
        printf ', %s AS "%s"' \
            "${1//ENTRIES/$entries}" "$(numfmt --grouping "$entries")"
    done
}

# Medians, and those of the ratios to the smallest books, round by round
medians="WITH m AS (
    SELECT r.entries, r.what,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY r.usec) AS usec,
        percentile_cont(ARRAY[0.5, 0.25, 0.75]) WITHIN GROUP
        (ORDER BY r.usec / s.usec) AS times
    FROM result r JOIN result s USING (what, round)
    WHERE round > 0 AND s.entries = ${sizes[0]} GROUP BY 1, 2)"

show()
{
    local last=${sizes[-1]}

    heading "Growth of the books: calls, microseconds" \
        "By the entries there are, half of them of credit accounts with 100 entries each," \
        "half of lots of training tokens; one client, synchronous_commit off, round trip" \
        "included. history is a page of 100 entries, each on a page of the disk of its own;" \
        "statement is one of 30 days. Half of the people are posted to, the others are read." \
        "Target of post, history and balance_at: at most 1.3 times the smallest books."
    table "$medians
        SELECT v.call $(columns "max(round(m.usec::numeric)) FILTER (WHERE m.entries = ENTRIES)"),
            round(max(m.times[1]) FILTER (WHERE m.entries = $last)::numeric, 2)
                AS \"largest : smallest\",
            max(format('%s to %s', round(m.times[2]::numeric, 2),
                    round(m.times[3]::numeric, 2)))
                FILTER (WHERE m.entries = $last) AS spread,
            CASE WHEN v.place > 3 THEN NULL
                WHEN round(max(m.times[1])::numeric, 2) <= 1.3
                THEN 'met' ELSE 'MISSED' END AS target
        FROM m JOIN (VALUES (1, 'post'), (2, 'history'), (3, 'balance_at'),
                            (4, 'statement'), (5, 'holdings')) AS v(place, call)
            ON m.what = v.call
        GROUP BY v.place, v.call ORDER BY v.place"
    heading "Growth of the books: reports, milliseconds" \
        "work_mem and maintenance_work_mem 256 MB; a new session each time, which is included." \
        "one type is token_liability of one of four types. Target of reconcile: 1,000,000" \
        "entries a second and core."
    table "$medians
        SELECT v.report $(columns "max(round((m.usec / 1000)::numeric)) FILTER (WHERE m.entries = ENTRIES)"),
            round(max(p.speed)::numeric) AS \"entries/s\",
            round(max(p.speed / v.cores)::numeric) AS \"a core\",
            CASE WHEN max(p.speed / v.cores) >= 1e6 THEN 'met'
                WHEN max(p.speed) > 0 THEN 'MISSED' END AS target
        FROM m JOIN (VALUES (1, 'token_liability', NULL::integer), (2, 'one type', NULL),
                (3, 'tokens_expiring', NULL), (4, 'pass_utilisation', NULL),
                (5, 'cohort_progress', NULL), (6, 'reconcile', least($(nproc),
                    1 + current_setting('max_parallel_workers_per_gather')::integer)),
                (7, 'reconcile, one process', 1)) AS v(place, report, cores)
            ON m.what = v.report,
        LATERAL (SELECT CASE WHEN m.entries = $last AND v.cores > 0
                THEN m.entries / m.usec * 1e6 END AS speed) p
        GROUP BY v.place, v.report ORDER BY v.place"
    heading "Disk, bytes per entry, in the largest of these books"
    PGDATABASE=$(books "$last") table "SELECT
            pg_relation_size('trainledger.entry') / n AS rows,
            pg_relation_size('trainledger.entry_pkey') / n AS \"primary key\",
            pg_relation_size('trainledger.entry_dedup') / n AS \"duplicate index\",
            pg_total_relation_size('trainledger.entry') / n AS total
        FROM (SELECT count(*) AS n FROM trainledger.entry) c"
}

check_books()
{
    local entries

    for entries in "${sizes[@]}"; do
        [ -z "$(PGDATABASE=$(books "$entries") query "SELECT * FROM trainledger.reconcile()")" ] ||
            die "reconcile finds a difference among $entries entries"
    done
}

quiet_server
query "CREATE TABLE result (entries bigint, round integer, what text, usec float8)"
for entries in "${sizes[@]}"; do
    echo "Filling books of $entries entries"
    fill "$entries"
done
check_books
for entries in "${sizes[@]}"; do
    settle "$entries"
done
echo "Measuring"
measure_calls
measure_reports
check_books
show
add_to_output
query "$medians SELECT what, entries, usec FROM m ORDER BY what, entries" |
    awk -F '|' -v title="$(query "SELECT 'PostgreSQL ' || current_setting('server_version')
        || ', ' || current_date")" -f growth.awk >"$plot"
echo "Plot: $plot"
