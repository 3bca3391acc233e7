#!/bin/bash
# One account that everybody posts to: post beside the statement by hand
# (hand_post.sql) and behind a queue (doc/posting_queue.sql).
#
#   ROUNDS=5      rounds of each measurement
#   DURATION=4    seconds that one variant runs in a round
#
# common.sh says what else there is, and what is expected. Commits wait for the
# disk. A run of the queue ends when everything in it is booked: its time is
# from the first insertion to the last entry.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=${ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 5)}
duration=${DURATION:-4}
start=190000000000000
drainer=

# Drains the queue time and again, until the file is there
drain()
{
    while [ ! -e "$scratch/stop" ]; do
        query "SELECT drain_posting_queue() FROM generate_series(1, 20)" \
            >"$scratch/void"
    done
}

# run VARIANT CLIENTS: leaves $tps, and in $booked the entries per second
run()
{
    local variant=$1 clients=$2 began

    start=$((start + 10000000000))
    began=$(date +%s%N)
    if [ "$variant" = queue ]; then
        rm -f "$scratch/stop"
        drain &
        drainer=$!
    fi
    run_pgbench "$scratch/$variant.sql" on -T "$duration" -c "$clients" -j 2 \
        -D accounts=1 -D "start=$start" -D n=0
    booked=$tps
    if [ "$variant" = queue ]; then
        touch "$scratch/stop"
        wait "$drainer"
        query "SELECT drain_posting_queue()" >"$scratch/void"
        booked=$((transactions * 1000000000 / ($(date +%s%N) - began)))
        query "VACUUM posting_queue"
    fi
}

measure()
{
    local clients=$1 round variant
    shift

    query CHECKPOINT
    for ((round = 1; round <= rounds; round++)); do
        for variant in $(in_turn "$round" "$@"); do
            run "$variant" "$clients"
            query "INSERT INTO bench.result
                VALUES ($clients, $round, '$variant', $tps, $booked)"
        done
    done
}

show()
{
    heading "One hot account, postings per second" \
        "Commits wait for the disk. Target of post: at least 0.95 of the statement by hand;" \
        "of the queue, with one session that drains it: at least 5 times of it."
    table "WITH q AS (
            SELECT x.clients, x.variant,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY x.booked) AS booked,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY x.booked / h.booked) AS ratio
            FROM bench.result x JOIN bench.result h USING (clients, round)
            WHERE h.variant = 'hand_post' GROUP BY 1, 2)
        SELECT q.clients, v.title AS by, round(q.booked) AS \"per second\",
            round(q.ratio::numeric, 2) AS \"of hand\",
            CASE WHEN q.clients < 64 OR v.target IS NULL THEN NULL
                 WHEN round(q.ratio::numeric, 2) >= v.target THEN 'met'
                 ELSE 'MISSED' END AS target
        FROM q JOIN (VALUES (1, 'hand_post', 'hand', NULL),
                            (2, 'post', 'post', 0.95),
                            (3, 'queue', 'queue and post_batch', 5))
            AS v(place, variant, title, target) USING (variant)
        ORDER BY q.clients, v.place"
}

check_books()
{
    [ "$(query "SELECT count(*) FROM posting_queue")" = 0 ] ||
        die "the queue is not empty"
    [ "$(query "SELECT count(*) FROM posting_refused")" = 0 ] ||
        die "postings were refused"
    [ -z "$(query "SELECT * FROM trainledger.reconcile()")" ] ||
        die "reconcile finds a difference"
}

echo "Filling the books"
quiet_server
as_superuser -o "$scratch/void" -f hot.sql
for variant in post hand_post queue; do
    # there are more clients than 50: the times of two must not meet
    sed 's/:n \* 50/:n * 100/' client.sql | cat - "$variant.sql" \
        >"$scratch/$variant.sql"
done
echo "Measuring"
measure 8 hand_post post queue
measure 64 hand_post post queue
check_books
show
add_to_output
