#!/bin/bash
# The log: how fast it is sealed and verified, what it takes on disk, and how
# soon an entry is proved.
#
# common.sh says what is expected, and how variants take turns.
#
#   ENTRIES=2000000  entries in the books; the target of a proof speaks of 20000000
#   ROUNDS=5         rounds of verify() beside openssl
#
# What is compared:
#   seal     all entries in one call of seal(), which one process does
#   verify   verify() by one process, and by as many as the server gives
#   sha256   openssl dgst over the lines of the log, which are on disk then: what
#            hashing alone costs with the instructions that the processor has
#   proof    prove_entry() of entries at random, by one session
#
# Missed targets are shown and do not fail the run.

# shellcheck source=test/bench/common.sh
. "$(dirname "$0")/common.sh"

entries=${ENTRIES:-$([ -n "$quick" ] && echo 200000 || echo 2000000)}
rounds=${ROUNDS:-$([ -n "$quick" ] && echo 3 || echo 5)}
proofs=$([ -n "$quick" ] && echo 100 || echo 500)
instructions=$(grep -qw sha_ni /proc/cpuinfo && echo 'with SHA instructions' ||
    echo 'without SHA instructions')

# timed WHAT ROUND VARIANT COMMAND ...
timed()
{
    local what=$1 round=$2 variant=$3 started
    shift 3

    started=$(date +%s.%N)
    "$@" >"$scratch/out"
    query "INSERT INTO bench_log.result VALUES ('$what', $round, '$variant',
        $(date +%s.%N) - $started)"
}

verify()
{
    query "SET max_parallel_workers_per_gather = $1; SELECT * FROM trainledger.verify()"
}

make_key()
{
    local folder

    folder=$(query "SHOW data_directory")
    openssl genpkey -algorithm ed25519 -out "$folder/log.pem"
    chmod 644 "$folder/log.pem"
    query "ALTER DATABASE $PGDATABASE SET trainledger.log_key_file = '$folder/log.pem'"
}

prove()
{
    as_superuser -A -t -o "$scratch/proofs.sql" -c "
        SELECT format(E'SELECT clock_timestamp() AS started \\\\gset\nSELECT trainledger.prove_entry(%s, %s);\nINSERT INTO bench_log.proof SELECT extract(epoch FROM clock_timestamp() - :''started'');',
            a.id, 1 + (random() * (a.entry_count - 1))::bigint)
        FROM trainledger.account a ORDER BY random() LIMIT $proofs"
    as_superuser -o "$scratch/void" -f "$scratch/proofs.sql"
}

show()
{
    heading "The log of $(query "SELECT count(*) FROM trainledger.entry") entries" \
        "One process but where the table says more; $rounds rounds, a processor" \
        "$instructions. Targets: 600,000 entries a second, 5 bytes, 5 ms."
    table "WITH n AS (SELECT count(*)::float8 AS entries FROM trainledger.entry),
        r AS (SELECT what, variant,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds
              FROM bench_log.result GROUP BY 1, 2),
        s AS (SELECT seconds FROM r WHERE variant = 'openssl dgst')
        SELECT r.variant AS what, round((entries / r.seconds)::numeric) AS \"entries a second\",
            round((s.seconds / r.seconds)::numeric, 2) AS \"of openssl\",
            CASE WHEN r.variant IN ('seal', 'verify, 1 process') THEN
                CASE WHEN entries / r.seconds >= 600000 THEN 'met' ELSE 'MISSED' END END AS target
        FROM r, n, s ORDER BY r.seconds DESC"
    table "WITH n AS (SELECT count(*)::float8 AS entries FROM trainledger.entry),
        b AS (SELECT sum(pg_total_relation_size(t)) AS log FROM unnest(
                '{trainledger.log_block,trainledger.log_node}'::regclass[]) t),
        i AS (SELECT pg_relation_size('trainledger.entry_booking_no_idx') AS bytes)
        SELECT round((b.log / entries)::numeric, 2) AS \"log, bytes an entry\",
            round(((b.log + i.bytes) / entries)::numeric + 8, 2) AS \"with booking_no and index\",
            CASE WHEN b.log / entries <= 5 AND (b.log + i.bytes) / entries + 8 <= 13.5
                THEN 'met' ELSE 'MISSED' END AS target
        FROM n, b, i"
    table "SELECT count(*) AS proofs,
            round((1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds))::numeric, 2) AS \"median, ms\",
            round((1000 * percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds))::numeric, 2) AS \"95 of 100, ms\",
            CASE WHEN percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) < 0.005
                THEN 'met' ELSE 'MISSED' END AS target
        FROM bench_log.proof"
}

echo "Filling the books"
quiet_server
as_superuser -o "$scratch/void" -v entries="$entries" -v batch=1000 -f log.sql
query "SELECT trainledger.start_log('bench.example', 'bench')" >"$scratch/void"
query CHECKPOINT

echo "Measuring"
timed seal 1 seal query "SELECT trainledger.seal()"
[ "$(cat "$scratch/out")" -eq "$(query "SELECT count(*) FROM trainledger.entry")" ] ||
    die "not everything was sealed"
query "SELECT leaf FROM trainledger.log_leaf" >"$scratch/leaves"
for ((round = 1; round <= rounds; round++)); do
    for variant in $(in_turn "$round" one all openssl); do
        case $variant in
            one) timed verify "$round" 'verify, 1 process' verify 0 ;;
            all) timed verify "$round" 'verify, 2 workers' verify 2 ;;
            openssl) timed sha "$round" 'openssl dgst' openssl dgst -sha256 "$scratch/leaves" ;;
        esac
    done
    [ "$variant" = openssl ] || [ ! -s "$scratch/out" ] || die "verify finds a difference"
done
make_key
query "SELECT trainledger.sign_checkpoint()" >"$scratch/void"
prove

show
add_to_output
