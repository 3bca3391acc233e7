#!/bin/bash
# BENCH=compare BASE=REVISION make bench: the library and the library of another
# revision, each in a cluster of its own with the same settings. One is idle
# while the other is measured.
#
#   ROUNDS=31     rounds of each measurement, at least 6
#   DURATION=1    seconds that one variant of a single posting runs in a round
#   CALLS=5       batches that one variant books in a round
#   BOUND=1.03    a ratio that is not to be reached
#   BASE_HOST, BASE_BENCH   PGHOST of the other revision's cluster, which has a
#                 database of the same name, and that revision's test/bench
#
# common.sh says what else there is, and what is expected. Every library is
# measured by the SQL of its own revision, beside hand-written SQL on twins of
# its own tables in its own database: post and credit_add beside a prepared
# statement, post_batch beside set-based SQL, as in run.sh. What a call takes is
# its time by the time of that SQL a second before or after, so that neither the
# machine nor the state of a cluster is compared. A round has one such figure of
# each library, and its ratio.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=test/bench/postings.sh
. ./postings.sh

rounds=${ROUNDS:-$([ -n "$quick" ] && echo 6 || echo 31)}
duration=${DURATION:-1}
calls=${CALLS:-5}
bound=${BOUND:-1.03}
declare -A hosts=([new]=$PGHOST [base]=$BASE_HOST)
declare -A folders=([new]=. [base]=$BASE_BENCH)

# The library that the functions below this work with
use()
{
    export PGHOST=${hosts[$1]}
    scripts=$scratch/$1
}

# run CALL VARIANT ROUND: the same accounts and amounts for every variant
run()
{
    local call=$1 variant=$2 round=$3

    case $call in
        batch_*) run_batches "$variant" "${call#batch_}" 8190 "$calls" ;;
        *) run_postings "$variant" off 1 -T "$duration" --random-seed="$round" ;;
    esac
}

# Both variants with both libraries, in the order ABCD in one round and DCBA in
# the next: in either a steady change of the machine's speed cancels out.
measure_call()
{
    local call=$1 round=$2 library variant ours=$1 hand=hand_$1
    local -A speed

    [[ $call != batch_* ]] || { ours=batch_ours; hand=batch_sets; }
    for library in $(in_turn "$round" new base); do
        use "$library"
        for variant in $(in_turn "$round" "$ours" "$hand"); do
            run "$call" "$variant" "$round"
            speed[$library $variant]=$tps
        done
    done
    use new
    query "INSERT INTO bench.compared VALUES ('$call', $round,
        ${speed[new $hand]} / ${speed[new $ours]},
        ${speed[base $hand]} / ${speed[base $ours]})"
}

# The interval is that between two of the sorted ratios of the rounds: the k-th
# from below and from above, with the largest k that gives at least 95 %. That
# holds for any distribution of the ratios.
show()
{
    heading "Compared with $BASE" \
        "Time of a call as a multiple of the time of the SQL by hand, medians of $rounds rounds," \
        "and the median of new : base with its interval of at least 95 %, from order" \
        "statistics. A prepared statement is beside the single postings (1 client," \
        "synchronous_commit off), set-based SQL beside post_batch with 8,190 rows."
    table "WITH ratios AS (
            SELECT call, count(*)::integer AS n,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY base) AS base,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY new) AS new,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY new / base) AS ratio,
                array_agg(new / base ORDER BY new / base) AS sorted
            FROM bench.compared WHERE round > 0 GROUP BY call),
        -- how likely fewer than k of n ratios are on one side of the median
        ranks AS (
            SELECT n, i + 1 AS k, sum(factorial(n) / (factorial(i) * factorial(n - i)))
                OVER (PARTITION BY n ORDER BY i) / 2::numeric ^ n AS tail
            FROM (SELECT DISTINCT n FROM ratios) d, generate_series(0, n) i),
        intervals AS (
            SELECT r.*, sorted[k] AS low, sorted[n + 1 - k] AS high
            FROM ratios r LEFT JOIN (SELECT n, max(k) AS k FROM ranks
                WHERE tail <= 0.025 GROUP BY n) m USING (n))
        SELECT v.title AS call, round(base::numeric, 3) AS base,
            round(new::numeric, 3) AS new,
            round(ratio::numeric, 3) AS \"new : base\",
            format('%s to %s', round(low::numeric, 3), round(high::numeric, 3)) AS \"interval\",
            CASE WHEN high < $bound THEN 'no' WHEN high >= $bound THEN 'yes' END
                AS \"reaches $bound\"
        FROM intervals JOIN (VALUES (1, 'post', 'post'), (2, 'credit_add', 'credit_add'),
                (3, 'batch_many', 'post_batch, $accounts accounts'),
                (4, 'batch_hundred', 'post_batch, 100 accounts'),
                (5, 'batch_one', 'post_batch, 1 account'))
            AS v(place, call, title) USING (call)
        ORDER BY v.place"
}

echo "Filling the books of both"
for library in base new; do
    use "$library"
    quiet_server
    fill_books "${folders[$library]}"
    write_scripts "${folders[$library]}" post hand_post credit_add hand_credit_add
    query CHECKPOINT
done
query "CREATE TABLE bench.compared (call text, round integer, new float8, base float8)"

echo "Measuring (about $((rounds * (10 * duration + 2 * calls) + 60)) seconds)"
# round 0, which writes whole pages after the checkpoint, does not count
for ((round = 0; round <= rounds; round++)); do
    for call in post credit_add batch_many batch_hundred batch_one; do
        measure_call "$call" "$round"
    done
done
for library in base new; do
    use "$library"
    check_books
done
show
add_to_output
