#!/bin/bash
# Training tokens side by side: redeeming across many lots in one call, and
# the sweep of many expired issues.
#
# Expects what run.sh expects: PGHOST, PGPORT, PGUSER (a superuser) and
# PGDATABASE, an empty database or the one that run.sh has left, of a server
# that nobody else uses, and psql on the PATH.
#
#   QUICK=1       a first look
#   ROUNDS=7      rounds of each measurement; 3 of the sweep
#   BENCH_OUTPUT  file that the tables are added to as Markdown, instead of
#                 test/results/bench.md
#
# What is compared:
#   redeem   redeem_training_tokens() for all but one of the tokens in 1,000
#            lots, with every check on, and one prepared statement written by
#            hand (tokens_redeem.sql) that writes the same rows of twin
#            tables, with their foreign keys and without. Each is called once
#            on a party of its own per round, in a transaction of its own.
#   sweep    expire_training_tokens() for 100,000 expired issues in one call,
#            and adjust_training_tokens() for 5,000 issues one by one, all in
#            one statement and one transaction, which is the fastest way to
#            call it; its time is multiplied by 20.
#
# The variants take turns within a round, every second round in reverse order,
# and a ratio is the median of the ratios of the rounds. synchronous_commit is
# off: the disk is not what is compared. Missed targets are shown and do not
# fail the run.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=${ROUNDS:-$([ -n "$quick" ] && echo 3 || echo 7)}
sweeps=$((rounds < 3 ? rounds : 3))
lots=1000
issues=$([ -n "$quick" ] && echo 20000 || echo 100000)
singles=$((issues / 20))

# --------------------------------------------------------------------------
# Measuring: scripts of psql, each of them one session
# --------------------------------------------------------------------------

# timed WHAT ROUND VARIANT STATEMENT: the statement, and how long it took
timed()
{
    cat <<EOF
SELECT extract(epoch FROM clock_timestamp()) AS started \\gset
$4
SELECT extract(epoch FROM clock_timestamp()) - :started AS seconds \\gset
RESET ROLE;
INSERT INTO bench_tokens.result VALUES ('$1', $2, '$3', :seconds);
EOF
}

redeem_script()
{
    local round variant

    cat <<'EOF'
SET search_path = trainledger;
SET synchronous_commit = off;
\set twin bench_linked
\set prepared linked
\i tokens_redeem.sql
\set twin bench_bare
\set prepared bare
\i tokens_redeem.sql
PREPARE ours(bigint, uuid, trainledger.amount, text, text) AS
SELECT * FROM trainledger.redeem_training_tokens($1, $2, $3, $4, $5);
EOF
    for ((round = 0; round <= rounds; round++)); do
        cat <<EOF
SELECT party_id AS party, token_type_id AS type, 2 * count(*) - 1 AS quantity
FROM bench_tokens.lot WHERE (round, purpose) = ($round, 'redeem')
GROUP BY 1, 2 \\gset
EOF
        for variant in $(in_turn "$round" ours linked bare); do
            # the plans are made before the clock starts
            echo "SET ROLE bench_tokens_operator;"
            timed redeem "$round" "$variant" \
                "EXECUTE $variant(:party, :'type', :quantity, 'Event 4711', 'notes');"
        done
    done
}

sweep_script()
{
    local round variant

    cat <<EOF
SELECT bench_tokens.fill('{sweep}', 1, $sweeps);
VACUUM ANALYZE;
SET search_path = trainledger;
SET synchronous_commit = off;
EOF
    for ((round = 0; round <= sweeps; round++)); do
        cat <<EOF
SELECT FROM trainledger.update_token_type((SELECT id FROM bench_tokens.type
    WHERE (round, purpose) = ($round, 'sweep')), is_active => true);
CHECKPOINT;
EOF
        for variant in $(in_turn "$round" sweep single); do
            if [ "$variant" = sweep ]; then
                echo "SET ROLE bench_tokens_admin;"
                timed sweep "$round" sweep \
                    "SELECT trainledger.expire_training_tokens($issues);"
            else
                echo "SET ROLE bench_tokens_operator;"
                timed sweep "$round" single \
                    "SELECT count(i.id) FROM bench_tokens.lot l,
                     LATERAL trainledger.adjust_training_tokens(l.id, -2) i
                     WHERE (l.round, l.purpose) = ($round, 'single');"
            fi
        done
    done
}

# Both sides must have written the same, and all of it.
check_books()
{
    local differing

    differing=$(query "
        SELECT 'bench_linked' FROM bench_linked.account t
        JOIN trainledger.account o USING (id)
        JOIN bench_tokens.lot l ON l.account_id = o.id AND l.purpose = 'redeem'
        WHERE (t.balance, t.entry_count) <> (o.balance, o.entry_count)
        UNION ALL SELECT 'bench_bare' FROM bench_bare.account t
        JOIN trainledger.account o USING (id)
        JOIN bench_tokens.lot l ON l.account_id = o.id AND l.purpose = 'redeem'
        WHERE (t.balance, t.entry_count) <> (o.balance, o.entry_count)
        UNION ALL SELECT 'flags' FROM bench_linked.token_lot t
        JOIN trainledger.token_lot o USING (id)
        JOIN bench_tokens.lot l ON l.id = o.id AND l.purpose = 'redeem'
        WHERE t.is_open <> o.is_open
        UNION ALL (SELECT 'allocation' FROM (
            SELECT issue_id, quantity, ordinal FROM bench_linked.redemption_allocation
            EXCEPT
            SELECT issue_id, quantity, ordinal FROM trainledger.redemption_allocation) x)
        UNION ALL (SELECT 'allocations' FROM (
            SELECT (SELECT count(*) FROM bench_linked.redemption_allocation)
                 - (SELECT count(*) FROM trainledger.redemption_allocation
                    JOIN bench_tokens.lot ON id = issue_id)) x(n) WHERE n <> 0)
        UNION ALL SELECT 'left' FROM trainledger.token_issue i
        JOIN bench_tokens.lot l USING (id)
        WHERE l.purpose <> 'redeem' AND i.booked_balance <> 0
        AND l.round <= $sweeps
        LIMIT 1")
    [ -z "$differing" ] || die "the sides differ: $differing"
    [ -z "$(query "SELECT * FROM trainledger.reconcile()")" ] ||
        die "reconcile finds a difference"
}

# --------------------------------------------------------------------------
# Showing
# --------------------------------------------------------------------------

# Medians of a measurement, and of its ratios round by round; round 0 warms up
medians="WITH r AS (SELECT * FROM bench_tokens.result WHERE round > 0),
    m AS (SELECT what, variant,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds
          FROM r GROUP BY what, variant),
    q AS (SELECT x.what, x.variant, y.variant AS other,
            percentile_cont(0.5) WITHIN GROUP
            (ORDER BY x.seconds / y.seconds) AS ratio
          FROM r x JOIN r y USING (what, round)
          GROUP BY x.what, x.variant, y.variant)"

show_redeem()
{
    heading "Redeeming across $lots lots, milliseconds" \
        "One call against one statement by hand, on twins with the same foreign keys and" \
        "without any; $rounds rounds. Target: at most 1.5 times the former."
    table "$medians
        SELECT v.title AS by, round((1000 * m.seconds)::numeric, 1) AS \"ms\",
            round(q.ratio::numeric, 2) AS \"ours : this\",
            CASE WHEN m.variant = 'linked' THEN
                CASE WHEN round(q.ratio::numeric, 2) <= 1.5 THEN 'met'
                     ELSE 'MISSED' END END AS target
        FROM (VALUES (1, 'ours', 'redeem_training_tokens'),
                     (2, 'linked', 'hand, same foreign keys'),
                     (3, 'bare', 'hand, no foreign keys'))
            AS v(place, variant, title)
        JOIN m ON (m.what, m.variant) = ('redeem', v.variant)
        JOIN q ON (q.what, q.variant, q.other) = ('redeem', 'ours', v.variant)
        ORDER BY v.place"
}

show_sweep()
{
    heading "Booking off $issues expired issues, seconds" \
        "One sweep against single calls of adjust_training_tokens ($singles of them in one" \
        "transaction, times $((issues / singles))); $sweeps rounds. Target: at least 3 times as fast."
    table "$medians
        SELECT v.title AS by,
            round((m.seconds * v.factor)::numeric, 2) AS \"s\",
            round((m.seconds * v.factor / $issues * 1e6)::numeric, 1) AS \"µs each\",
            CASE WHEN m.variant = 'single'
                 THEN round((q.ratio * v.factor)::numeric, 1) END
                AS \"times the sweep\",
            CASE WHEN m.variant = 'single' THEN
                CASE WHEN round((q.ratio * v.factor)::numeric, 1) >= 3
                     THEN 'met' ELSE 'MISSED' END END AS target
        FROM (VALUES (1, 'sweep', 'expire_training_tokens', 1),
                     (2, 'single', 'adjust_training_tokens, one by one',
                      $issues / $singles))
            AS v(place, variant, title, factor)
        JOIN m ON (m.what, m.variant) = ('sweep', v.variant)
        JOIN q ON (q.what, q.variant, q.other) = ('sweep', v.variant, 'sweep')
        ORDER BY v.place"
}

# --------------------------------------------------------------------------
# The run
# --------------------------------------------------------------------------

quiet_server
echo "Filling the books with lots of training tokens"
as_superuser -o "$scratch/void" -v rounds="$rounds" \
    -v sweeps="$sweeps" -v lots="$lots" -v issues="$issues" -v singles="$singles" -f tokens.sql
echo "Measuring"
redeem_script >"$scratch/redeem.sql"
sweep_script >"$scratch/sweep.sql"
as_superuser -o "$scratch/void" -f "$scratch/redeem.sql"
as_superuser -o "$scratch/void" -f "$scratch/sweep.sql"
check_books

show_redeem
show_sweep
add_to_output
