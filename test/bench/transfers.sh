#!/bin/bash
# make bench: a transfer against two postings by hand in one transaction, and
# balance_by over later entries against balance_at and the entries themselves.
#
# The postings by hand are those of (a) in run.sh, each one statement on the twin
# tables with the same checks, sent in one pipeline with BEGIN and COMMIT.
#
#   SECONDS_EACH  seconds for each run (5, QUICK 2)
#   ROUNDS        rounds (5, QUICK 3)
# shellcheck source=test/bench/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=test/bench/postings.sh
. ./postings.sh

accounts=${quick:+2000}
accounts=${accounts:-20000}
seconds=${SECONDS_EACH:-${quick:+2}}
seconds=${seconds:-5}
rounds=${ROUNDS:-${quick:+3}}
rounds=${rounds:-5}

fill_books "$PWD"
quiet_server
query "CREATE TABLE measured (what text, round integer, variant text, tps numeric)"
query "SELECT count(*) FROM trainledger.post_batch(array_fill(1025::bigint, '{2000}'), array_fill(1::trainledger.amount, '{2000}'), 'early')" >"$scratch/void"
query "SELECT pg_sleep(1)" >"$scratch/void"
between=$(query "SELECT clock_timestamp()")
query "SELECT count(*) FROM trainledger.post_batch(array_fill(1025::bigint, '{1000}'), array_fill(1::trainledger.amount, '{1000}'), 'late',
    recorded_at => ARRAY(SELECT timestamptz '$between' + (n % 2 * 2 - 1) * n * interval '1 ms' FROM generate_series(1, 1000) n))" >"$scratch/void"
query "VACUUM ANALYZE trainledger.entry"
query "VACUUM ANALYZE twin.entry"

{ cat client.sql; cat transfer.sql; } >"$scratch/transfer.sql"
{ cat client.sql; cat hand_transfer.sql; } >"$scratch/hand_transfer.sql"
echo "SELECT trainledger.balance_by(1025, '$between')" >"$scratch/balance_by.sql"
cat >"$scratch/balance_at.sql" <<END
SELECT trainledger.balance_at(1025, '$between');
SELECT sum(delta), count(*) FROM trainledger.entry
WHERE account_id = 1025 AND entry_no > 2006 AND recorded_at <= '$between';
END

# measure WHAT SYNC CLIENTS VARIANT ...
measure()
{
    local what=$1 sync=$2 clients=$3 round variant
    shift 3

    for ((round = 1; round <= rounds; round++)); do
        for variant in $(in_turn "$round" "$@"); do
            start=$((start + 1000000000))
            run_pgbench "$scratch/$variant.sql" "$sync" -c "$clients" -j 1 \
                -T "$seconds" -D "accounts=$accounts" -D "start=$start" -D n=0
            query "INSERT INTO measured VALUES ('$what', $round, '$variant', $tps)"
        done
    done
}

measure "transfer, commits wait" on 1 transfer hand_transfer
measure "transfer, commits do not wait" off 1 transfer hand_transfer
measure "balance_by, 1000 later entries" on 1 balance_by balance_at

[ -z "$(query "SELECT * FROM trainledger.reconcile()")" ] ||
    die "reconcile finds a difference"
[ "$(query "SELECT sum(delta) = 0 FROM trainledger.entry WHERE operation = 'transfer'")" = t ] ||
    die "transfers made or lost tokens"

heading "Transfers, and balances by clients' clocks" \
    "Calls a second of ours and of the other, and the median of the ratios of" \
    "$rounds rounds. The other: two statements by hand in one transaction, or" \
    "balance_at and a query of the later entries."
table "SELECT o.what, round(avg(o.tps)) AS ours, round(avg(h.tps)) AS other,
    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY o.tps / h.tps)::numeric, 2) AS ratio
FROM measured o JOIN measured h USING (what, round)
WHERE o.variant IN ('transfer', 'balance_by') AND h.variant <> o.variant
GROUP BY o.what ORDER BY o.what DESC"
add_to_output
