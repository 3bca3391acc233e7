#!/bin/bash
# BENCH=scale make bench: what a call costs at 1, 2 and 4 nodes, called directly
# and through the front, with PgBouncer between front and nodes and without.
#
#   QUICK=1       a first look
#   ROUNDS=3      rounds of each measurement
#   SECONDS_EACH=1    how long each of them takes, after a second that does not
#                 count
#   CLIENTS=16    clients in all
#   BENCH_OUTPUT  file that the tables are added to as Markdown, instead of
#                 test/results/bench.md
#   NODES         folder of the front and the nodes, as nodes.sh makes them
#
# All servers and clients share the processors of one machine, so that calls per
# second do not grow with the nodes. What machines of their own would do follows
# from the processor time of a call, user and system, of each server with all its
# processes: from one second of that time come so many calls. Commits wait for
# the disk.
#
# Here every node keeps all homes, with an account of each party; the map says
# who is asked. Variants take turns, and a ratio is the median of the ratios of
# the rounds.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=${ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 3)}
seconds=${SECONDS_EACH:-1}
clients=${CLIENTS:-16}
parties=1000
export PGDATABASE=books PGHOST=$NODES/front/socket
servers=(front n1 n2 n3 n4)
variants=("direct 1" "again 1" "direct 2" "direct 4" "front 1" "front 2"
    "front 4" "pooled 1" "pooled 2" "pooled 4")

at()
{
    PGHOST=$NODES/$1/socket query "$2"
}

fill_books()
{
    local server

    for server in "${servers[@]}"; do
        PGHOST=$NODES/$server/socket quiet_server
        at "$server" "CREATE ROLE bench_application LOGIN" >"$scratch/void"
        at "$server" "SELECT trainledger.grant_access('bench_application', 'operator')" \
            >"$scratch/void"
    done
    at front "SELECT trainledger.add_credit_token_type('default')" >"$scratch/void"
    at front "SELECT count(trainledger.add_party('person', 'P' || i, id => i))
        FROM generate_series(1, $parties) i" >"$scratch/void"
    for server in "${servers[@]:1}"; do
        at "$server" "GRANT bench_application TO trainledger_front"
        at "$server" "SELECT count(trainledger.credit_init(i, 0, 'bench', 'opening', now()))
            FROM generate_series(1, $parties) i" >"$scratch/void"
        at "$server" VACUUM\ ANALYZE
    done
    at front "CREATE SCHEMA bench; CREATE TABLE bench.result (call text,
        round integer, way text, nodes integer, tps float8,
        client float8, front float8, pooler float8, node float8)"
}

write_scripts()
{
    cat >"$scratch/credit_add.sql" <<SQL
\set party random(1, $parties)
SELECT * FROM trainledger.credit_add(:party, 1, 'bench',
    'a posting of the bench', now(), idempotency_key => gen_random_uuid());
SQL
    cat >"$scratch/credit_balance.sql" <<SQL
\set party random(1, $parties)
SELECT trainledger.credit_balance(:party);
SQL
}

# The first so many nodes, with PgBouncer before them or without
route()
{
    local way=$1 nodes=$2

    at front "UPDATE trainledger_proxy.node SET pooler = $([ "$way" = pooled ] &&
            echo "'host=$NODES/pooler port=6432 dbname=' || name" || echo NULL);
        UPDATE trainledger_proxy.home SET node = 'n' || home % $nodes + 1;
        SELECT FROM trainledger_proxy.apply_map()" >"$scratch/void"
}

# Processor time so far in seconds: of the clients, the front, PgBouncer and the
# nodes. What a server's processes took that have ended is the postmaster's.
processor_time()
{
    local server groups="" pid

    for server in "${servers[@]}"; do
        groups+=" $(head -n 1 "$NODES/$server/data/postmaster.pid")=${server/n[0-9]/node}"
    done
    groups+=" $(cat "$NODES/pooler/pid")=pooler"
    for pid in "${pids[@]}"; do
        groups+=" $pid=client"
    done
    { cat /proc/[0-9]*/stat 2>"$scratch/void" || true; } | awk -v groups="$groups" \
        -v tick="$(getconf CLK_TCK)" '
        BEGIN {
            for (n = split(groups, g, " "); n > 0; n--) {
                split(g[n], pair, "=")
                group[pair[1]] = pair[2]
            }
        }
        $1 in group { time[group[$1]] += $14 + $15 + $16 + $17 }
        !($1 in group) && $4 in group { time[group[$4]] += $14 + $15 + $16 + $17 }
        END {
            print time["client"] / tick, time["front"] / tick,
                time["pooler"] / tick, time["node"] / tick
        }'
}

# Waits until each client has reported so many seconds.
wait_for_reports()
{
    local report

    for report in "$scratch"/report.*; do
        until [ "$(grep -c ^progress: "$report")" -ge "$1" ]; do
            if grep -qE 'error|aborted|^tps' "$report"; then
                cat "$report" >&2
                die "a client does not go on"
            fi
            sleep 0.01
        done
    done
}

start_clients()
{
    local call=$1 server count
    shift

    pids=()
    rm -f "$scratch"/report.*
    count=$((clients / $#))
    for server in "$@"; do
        # there before anybody looks for it
        : >"$scratch/report.$server"
        PGHOST=$NODES/$server/socket PGUSER=bench_application pgbench -n \
            -M prepared -P 1 -T 60 -c "$count" -j "$((count < 2 ? 1 : 2))" \
            -f "$scratch/$call.sql" >"$scratch/report.$server" 2>&1 &
        pids+=($!)
    done
}

measure()
{
    local call=$1 round=$2 way=$3 nodes=$4 before after
    local called=(front)

    case $way in
        front | pooled) route "$way" "$nodes" ;;
        *) called=("${servers[@]:1:nodes}") ;;
    esac
    start_clients "$call" "${called[@]}"
    wait_for_reports 1
    before=$(processor_time)
    wait_for_reports $((seconds + 1))
    after=$(processor_time)
    kill "${pids[@]}"
    wait "${pids[@]}" 2>"$scratch/void" || true
    query "INSERT INTO bench.result VALUES ('$call', $round, '$way', $nodes,
        $(awk -v "n=$seconds" '/^progress:/ && $2 > 1.5 && $2 < n + 1.5 { sum += $4 }
            END { print sum / n }' "$scratch"/report.*),
        $(paste -d ' ' <(tr ' ' '\n' <<<"$after") <(tr ' ' '\n' <<<"$before") |
            awk '{ printf "%s%.2f", (NR > 1 ? ", " : ""), $1 - $2 }'))"
}

check_books()
{
    local server

    for server in "${servers[@]:1}"; do
        [ "$(at "$server" "SELECT count(*) FROM trainledger.reconcile()")" = 0 ] ||
            die "reconcile finds a difference at $server"
    done
}

show()
{
    at front "CREATE VIEW bench.cost AS
        WITH per_call AS (
            SELECT call, round, way, nodes, tps, 1e6 * client / tps / $seconds AS client,
                1e6 * front / tps / $seconds AS front,
                1e6 * pooler / tps / $seconds AS pooler,
                1e6 * node / tps / $seconds AS node
            FROM bench.result),
        summed AS (
            SELECT *, node + CASE WHEN way IN ('front', 'pooled')
                THEN front + pooler ELSE 0 END AS servers FROM per_call)
        SELECT s.*, s.servers / d.servers AS times, s.tps / d.tps AS speed,
            s.servers / e.servers AS times_equal
        FROM summed s JOIN summed d USING (call, round)
        JOIN summed e ON (e.call, e.round, e.nodes) = (s.call, s.round, s.nodes)
        WHERE d.way = 'direct' AND d.nodes = 1 AND e.way = 'direct'"
    heading "Calls of one party at several nodes, $clients clients, medians of $rounds rounds of $seconds s" \
        "Processor time of a call in µs. \"of one\": of all servers together, by that of one" \
        "node called directly in the same round, with the least and the most; \"of as many\":" \
        "by that of as many nodes called directly, which share the processors' caches as" \
        "these do. \"breaks even\": from so many machines, the front's among them, they do" \
        "more together than one does directly. Wish: direct calls within the spread of one" \
        "node measured twice (again); through PgBouncer at most 3.5 for 1 node, 5 for 4."
    table "WITH m AS (
            SELECT call, way, nodes, percentile_cont(0.5) WITHIN GROUP (ORDER BY client) AS client,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY front) AS front,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY pooler) AS pooler,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY node) AS node,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY times) AS times,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY times_equal) AS times_equal,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY node / nullif(front + pooler, 0)) AS per_front,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY speed) AS speed,
                min(times) AS least, max(times) AS most
            FROM bench.cost GROUP BY 1, 2, 3),
        w AS (SELECT *, way IN ('front', 'pooled') AS is_proxied FROM m)
        SELECT call, CASE way WHEN 'again' THEN 'direct, again' WHEN 'pooled' THEN 'front, PgBouncer' ELSE way END AS by,
            nodes, round(client) AS client,
            CASE WHEN is_proxied THEN round(front) END AS front,
            CASE WHEN way = 'pooled' THEN round(pooler) END AS \"PgBouncer\",
            round(node) AS \"all nodes\", round(times::numeric, 2) AS \"of one\",
            round(least::numeric, 2) || ' to ' || round(most::numeric, 2) AS spread,
            round(times_equal::numeric, 2) AS \"of as many\",
            CASE WHEN is_proxied THEN ceil(times_equal) END AS \"breaks even\",
            CASE WHEN is_proxied THEN round(per_front::numeric, 1) END AS \"nodes a front\",
            round(speed::numeric, 2) AS \"calls/s\",
            CASE WHEN way <> 'pooled' OR nodes = 2 THEN NULL
                WHEN times <= CASE nodes WHEN 1 THEN 3.5 ELSE 5 END THEN 'met'
                ELSE 'MISSED' END AS wish
        FROM w ORDER BY call, way = 'pooled', way = 'front', nodes, way = 'again'"
}

echo "Filling the books of four nodes"
fill_books
write_scripts
echo "Measuring (about $((rounds * 20 * (seconds + 2))) seconds)"
for ((round = 1; round <= rounds; round++)); do
    for call in credit_add credit_balance; do
        while read -r way nodes; do
            measure "$call" "$round" "$way" "$nodes" </dev/null
        done < <(in_turn "$round" "${variants[@]}")
    done
done
check_books
show
add_to_output
