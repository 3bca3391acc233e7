#!/bin/bash
# Postings beside a double-entry ledger in PL/pgSQL (double_entry.sql), in
# which every transfer books two entries.
#
#   ROUNDS=5      rounds of each measurement
#   DURATION=2    seconds that one variant runs in a round
#
# common.sh says what else there is, and what is expected.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=${ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 5)}
duration=${DURATION:-2}
accounts=10000
start=190000000000000

# Processor time of the sessions that have ended so far, in ticks
session_ticks()
{
    local fields

    sleep 0.2
    read -ra fields <"/proc/$postmaster/stat"
    echo $((fields[15] + fields[16]))
}

measure()
{
    local sync=$1 clients=$2 round variant options before ticks

    for ((round = 1; round <= rounds; round++)); do
        for variant in $(in_turn "$round" ours theirs); do
            options=
            [ "$variant" = ours ] || options="-c search_path=double_entry"
            start=$((start + 1000000000))
            ticks=$(session_ticks)
            before=$(query "SELECT pg_current_wal_insert_lsn()")
            run_pgbench "$scratch/$variant.sql" "$sync" -T "$duration" \
                -c "$clients" -j "$([ "$clients" -gt 1 ] && echo 2 || echo 1)" \
                -D "accounts=$accounts" -D "start=$start" -D n=0
            query "INSERT INTO bench.result VALUES ('$sync', $clients, $round,
                '$variant', $tps, pg_wal_lsn_diff(pg_current_wal_insert_lsn(),
                '$before') / $transactions,
                $((($(session_ticks) - ticks) * 1000000 / $(getconf CLK_TCK)))
                    / $transactions.0)"
        done
    done
}

show()
{
    heading "Beside double entry in PL/pgSQL" \
        "post, with every check on, and a transfer between two accounts, which is two" \
        "postings; $accounts accounts. Target: 4 times the postings, 8 times the calls. CPU is" \
        "what the server worked for a call; pgbench works on the same processors."
    table "WITH q AS (
            SELECT o.sync, o.clients,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY o.tps) AS ours,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY t.tps) AS theirs,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY o.tps / t.tps) AS ratio,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY o.cpu) AS our_cpu,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY t.cpu) AS their_cpu
            FROM bench.result o JOIN bench.result t USING (sync, clients, round)
            WHERE (o.variant, t.variant) = ('ours', 'theirs') GROUP BY 1, 2)
        SELECT sync AS \"synchronous_commit\", clients,
            round(ours) AS \"post/s\", round(theirs) AS \"transfers/s\",
            round(ratio::numeric, 1) AS \"calls\",
            round(ratio::numeric / 2, 1) AS \"postings\",
            CASE WHEN round(ratio::numeric, 1) >= 8 THEN 'met' ELSE 'MISSED' END AS target,
            round(our_cpu) AS \"post, CPU µs\", round(their_cpu) AS \"transfer, CPU µs\",
            round((their_cpu / our_cpu)::numeric, 1) AS \"times\"
        FROM q ORDER BY sync DESC, clients"
    table "SELECT CASE variant WHEN 'ours' THEN 'post' ELSE 'transfer' END AS call,
            round(percentile_cont(0.5) WITHIN GROUP (ORDER BY wal)) AS \"WAL bytes\",
            round(percentile_cont(0.5) WITHIN GROUP (ORDER BY wal)
                / CASE variant WHEN 'ours' THEN 1 ELSE 2 END) AS \"per posting\"
        FROM bench.result WHERE clients = 1 AND sync = 'off' GROUP BY variant"
}

# Every transfer moves what it takes from one account to another.
check_books()
{
    [ "$(query "SELECT sum(balance) = 0
            AND (SELECT count(*) FROM double_entry.entry)
                = 2 * (SELECT count(*) FROM double_entry.transfer)
            AND bool_and(version = (SELECT count(*) FROM double_entry.entry e
                                    WHERE e.account_id = a.id))
        FROM double_entry.account a")" = t ] || die "the transfers do not add up"
    [ -z "$(query "SELECT * FROM trainledger.reconcile()")" ] ||
        die "reconcile finds a difference"
}

echo "Filling the books of both sides"
quiet_server
as_superuser -o "$scratch/void" -v accounts="$accounts" -f double_entry.sql
cat client.sql post.sql >"$scratch/ours.sql"
cp double_entry_transfer.sql "$scratch/theirs.sql"
postmaster=$(query "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")
echo "Measuring"
for clients in 1 4 16; do
    measure off "$clients"
    measure on "$clients"
done
check_books
show
add_to_output
