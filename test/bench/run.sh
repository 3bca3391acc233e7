#!/bin/bash
# make bench: side-by-side figures, measured in one run on one server.
#
#   QUICK=1       one round: about a minute, and good for a first look alone
#   ROUNDS=15     rounds of each measurement
#   DURATION=1    seconds that one variant runs in a round
#
# common.sh says what else there is, and what is expected.
#
# What is compared:
#   ours    trainledger.post and trainledger.credit_add, with every check on
#   (a)     one hand-written prepared statement on twin tables (hand_*.sql)
#   (b)     PL/pgSQL functions on the twin tables (setup.sql)
#   sets    set-based SQL for a batch (batch_sets.sql): try to beat it
#   bare    INSERT … SELECT of entries that are ready made (batch_bare.sql)
# All single postings are sent by pgbench -M prepared, take the same values, book one
# entry, answer with it, and look for duplicates in the same index.
#
# Many short rounds tell more than a few long ones. A figure in postings per
# second is the median of its rounds, and by itself says little. The spread
# beside a ratio is that of the middle half of the rounds: where it is wide, the
# machine was not quiet.
#
# Missed targets are shown and do not fail the run.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=test/bench/postings.sh
. ./postings.sh

rounds=${ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 15)}
duration=${DURATION:-1}
wal_postings=$([ -n "$quick" ] && echo 4000 || echo 20000)

# --------------------------------------------------------------------------
# Running
# --------------------------------------------------------------------------

# record WHAT SYNC CLIENTS ROUND VARIANT VALUE
record()
{
    query "INSERT INTO bench.result VALUES ('$1', '$2', $3, $4, '$5', $6)"
}

measure_tps()
{
    local sync=$1 clients=$2 round variant
    shift 2

    query CHECKPOINT
    for ((round = 1; round <= rounds; round++)); do
        for variant in $(in_turn "$round" "$@"); do
            run_postings "$variant" "$sync" "$clients" -T "$duration"
            record tps "$sync" "$clients" "$round" "$variant" "$tps"
        done
    done
}

# Bytes of WAL are measured with full-page writes off: what they add depends on
# the last checkpoint and on the size of the tables, not on the statement.
without_full_pages()
{
    query "ALTER SYSTEM SET full_page_writes = off"
    query "SELECT pg_reload_conf()" >"$scratch/void"
    until [ "$(query 'SELECT full_page_writes FROM pg_control_checkpoint()')" = f ]; do
        query CHECKPOINT
        sleep 0.2
    done
    "$@"
    query "ALTER SYSTEM RESET full_page_writes"
    query "SELECT pg_reload_conf()" >"$scratch/void"
    query CHECKPOINT
}

# WAL per single posting
measure_wal()
{
    local round variant before

    for ((round = 1; round <= (quick ? 1 : 3); round++)); do
        for variant in $(in_turn "$round" "$@"); do
            before=$(query "SELECT pg_current_wal_insert_lsn()")
            run_postings "$variant" off 1 -t "$wal_postings"
            record wal off 1 "$round" "$variant" "(SELECT
                pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before')
                / $transactions)"
        done
    done
}

# Postings per second of batches: ACCOUNTS SIZE
measure_batches()
{
    local which=$1 size=$2 round variant calls

    # the first after a checkpoint writes whole pages
    calls=$((size < 5000 ? 8 : 3))
    for variant in batch_ours batch_sets batch_bare; do
        run_batches "$variant" "$which" "$size" "$calls"
    done
    for ((round = 1; round <= rounds; round++)); do
        for variant in $(in_turn "$round" batch_ours batch_sets batch_bare); do
            run_batches "$variant" "$which" "$size" "$calls"
            record "batch $which" on "$size" "$round" "$variant" "$tps * $size"
        done
        [ $((round % 3)) -eq 1 ] || continue
        run_batches batch_loop "$which" "$size" 1
        record "batch $which" on "$size" "$round" batch_loop "$tps * $size"
    done
}

# WAL per posting of batches of 1,000
measure_batch_wal()
{
    local round which variant before

    for ((round = 1; round <= (quick ? 1 : 3); round++)); do
        for which in many hundred one; do
            for variant in $(in_turn "$round" batch_ours batch_sets); do
                before=$(query "SELECT pg_current_wal_insert_lsn()")
                run_batches "$variant" "$which" 1000 10
                record "wal $which" on 1000 "$round" "$variant" "(SELECT
                    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before')
                    / 10000)"
            done
        done
    done
}

# --------------------------------------------------------------------------
# Showing
# --------------------------------------------------------------------------

# Time of one durable write of 8 kB, in microseconds
write_time()
{
    local from count=200

    from=$(date +%s%N)
    dd if=/dev/zero of="$scratch/dsync" bs=8k count=$count oflag=dsync \
        2>"$scratch/void" || { echo unknown; return; }
    echo $((($(date +%s%N) - from) / count / 1000))
}

show_machine()
{
    local model memory

    model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)
    heading "Machine and server"
    table "SELECT * FROM (VALUES
        ('processors', '$(nproc) × ${model//\'/}'),
        ('memory', '$memory GB'),
        ('load before the run', '$load'),
        ('durable write of 8 kB', '$write_usec µs'),
        ('server', current_setting('server_version')),
        ('settings', (SELECT string_agg(name || ' ' || current_setting(name),
            ', ' ORDER BY name) FROM pg_settings WHERE name IN
            ('shared_buffers', 'huge_pages', 'max_wal_size', 'fsync',
             'full_page_writes', 'wal_sync_method', 'checkpoint_timeout', 'autovacuum'))),
        ('accounts', '$accounts, chosen at random'),
        ('rounds', '$rounds of $duration s for each variant')
        ) AS v(\"what\", \"value\")"
}

# Medians of a kind of measurement, and of its ratios round by round
medians="WITH r AS (SELECT * FROM bench.result),
    m AS (SELECT what, sync, clients, variant,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS value
          FROM r GROUP BY what, sync, clients, variant),
    q AS (SELECT x.what, x.sync, x.clients, x.variant, y.variant AS other,
            percentile_cont(0.5) WITHIN GROUP
            (ORDER BY x.value / nullif(y.value, 0)) AS ratio,
            percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP
            (ORDER BY x.value / nullif(y.value, 0)) AS middle
          FROM r x JOIN r y USING (what, sync, clients, round)
          GROUP BY x.what, x.sync, x.clients, x.variant, y.variant)"

show_tps()
{
    heading "Single postings, per second" \
        "Targets: at least 1.00 of (a) and of (b)."
    table "$medians
        SELECT o.variant AS call, o.sync AS \"synchronous_commit\",
            o.clients, round(o.value) AS \"ours/s\",
            round(a.value) AS \"(a)/s\", round(b.value) AS \"(b)/s\",
            round(qa.ratio::numeric, 2) AS \"ours : (a)\",
            format('%s to %s', round(qa.middle[1]::numeric, 2),
                round(qa.middle[2]::numeric, 2)) AS spread,
            CASE WHEN round(qa.ratio::numeric, 2) >= 1 THEN 'met'
                 ELSE 'MISSED' END AS \"target (a)\",
            round(qb.ratio::numeric, 2) AS \"ours : (b)\",
            CASE WHEN round(qb.ratio::numeric, 2) >= 1 THEN 'met'
                 ELSE 'MISSED' END AS \"target (b)\"
        FROM m o
        JOIN m a ON (a.what, a.sync, a.clients, a.variant)
            = (o.what, o.sync, o.clients, 'hand_' || o.variant)
        JOIN m b ON (b.what, b.sync, b.clients, b.variant)
            = (o.what, o.sync, o.clients, 'plpgsql_' || o.variant)
        JOIN q qa ON (qa.what, qa.sync, qa.clients, qa.variant, qa.other)
            = (o.what, o.sync, o.clients, o.variant, a.variant)
        JOIN q qb ON (qb.what, qb.sync, qb.clients, qb.variant, qb.other)
            = (o.what, o.sync, o.clients, o.variant, b.variant)
        WHERE o.what = 'tps'
        ORDER BY o.variant DESC, o.sync DESC, o.clients"
}

show_wal()
{
    heading "WAL of single postings, bytes" \
        "The commit record is included, full-page writes are off. Target: at most 1.10."
    table "$medians
        SELECT o.variant AS call, round(o.value) AS ours,
            round(a.value) AS \"(a)\", round(b.value) AS \"(b)\",
            round(q.ratio::numeric, 2) AS \"ours : (a)\",
            CASE WHEN round(q.ratio::numeric, 2) <= 1.10
                 THEN 'met' ELSE 'MISSED' END AS target
        FROM m o JOIN m a ON a.what = 'wal' AND a.variant = 'hand_' || o.variant
        JOIN m b ON b.what = 'wal' AND b.variant = 'plpgsql_' || o.variant
        JOIN q ON (q.what, q.variant, q.other) = ('wal', o.variant, a.variant)
        WHERE o.what = 'wal' ORDER BY o.variant DESC"
}

show_checks()
{
    heading "What the duplicate test and the idempotency key cost" \
        "post, 1 client, synchronous_commit off, against post with neither."
    table "$medians
        SELECT v.title AS post, round(t.value) AS \"per second\",
            round(q.ratio::numeric, 2) AS \"speed\",
            round(w.value) AS \"WAL bytes\",
            round(qw.ratio::numeric, 2) AS \"WAL\"
        FROM (VALUES (1, 'post_neither', 'with neither'),
                     (2, 'post', 'with recorded_at (duplicate test)'),
                     (3, 'post_key', 'with recorded_at and idempotency key'))
            AS v(place, variant, title)
        JOIN m t ON (t.what, t.sync, t.clients, t.variant)
            = ('tps', 'off', 1, v.variant)
        JOIN m w ON (w.what, w.variant) = ('wal', v.variant)
        JOIN q ON (q.what, q.sync, q.clients, q.variant, q.other)
            = ('tps', 'off', 1, v.variant, 'post_neither')
        JOIN q qw ON (qw.what, qw.variant, qw.other)
            = ('wal', v.variant, 'post_neither')
        ORDER BY v.place"
}

show_batches()
{
    heading "Batches, postings per second" \
        "One client, synchronous_commit on, one transaction each: post_batch, post in a" \
        "loop, set-based SQL by hand, which checks the bounds alone, and a bare INSERT of the" \
        "same entries, which leaves the accounts alone. Targets for 8,190" \
        "rows: 2.0 of the sets and 3.0 of the loop; over few accounts 1.0 of the bare one."
    table "$medians
        SELECT CASE o.what WHEN 'batch one' THEN '1 account'
                WHEN 'batch hundred' THEN '100 accounts'
                ELSE '$accounts accounts' END AS batch,
            o.clients AS rows, round(o.value) AS \"post_batch/s\",
            round(l.value) AS \"loop/s\", round(s.value) AS \"sets/s\",
            round(b.value) AS \"bare/s\",
            round(ql.ratio::numeric, 2) AS \": loop\",
            round(qs.ratio::numeric, 2) AS \": sets\",
            format('%s to %s', round(qs.middle[1]::numeric, 2),
                round(qs.middle[2]::numeric, 2)) AS spread,
            round(qb.ratio::numeric, 2) AS \": bare\",
            CASE WHEN o.clients < 8190 THEN ''
                WHEN qs.ratio >= 2 AND CASE o.what WHEN 'batch many'
                    THEN ql.ratio >= 3 ELSE qb.ratio >= 1 END THEN 'met'
                ELSE 'MISSED' END AS targets
        FROM m o
        JOIN m l ON (l.what, l.clients, l.variant)
            = (o.what, o.clients, 'batch_loop')
        JOIN m s ON (s.what, s.clients, s.variant)
            = (o.what, o.clients, 'batch_sets')
        JOIN m b ON (b.what, b.clients, b.variant)
            = (o.what, o.clients, 'batch_bare')
        JOIN q ql ON (ql.what, ql.clients, ql.variant, ql.other)
            = (o.what, o.clients, o.variant, l.variant)
        JOIN q qs ON (qs.what, qs.clients, qs.variant, qs.other)
            = (o.what, o.clients, o.variant, s.variant)
        JOIN q qb ON (qb.what, qb.clients, qb.variant, qb.other)
            = (o.what, o.clients, o.variant, b.variant)
        WHERE o.variant = 'batch_ours' AND o.what LIKE 'batch %'
        ORDER BY array_position('{batch many,batch hundred,batch one}', o.what),
            o.clients"
}

show_batch_wal()
{
    heading "WAL of batches of 1,000, bytes per posting" \
        "Without recorded_at, full-page writes off. Targets: at most 390 over many accounts" \
        "and 260 over one."
    table "$medians
        SELECT CASE o.what WHEN 'wal one' THEN '1 account'
                WHEN 'wal hundred' THEN '100 accounts'
                ELSE '$accounts accounts' END AS batch,
            round(o.value) AS post_batch, round(s.value) AS sets,
            round(q.ratio::numeric, 2) AS \"post_batch : sets\",
            CASE WHEN o.value <= CASE o.what WHEN 'wal many' THEN 390
                ELSE 260 END THEN 'met' ELSE 'MISSED' END AS target
        FROM m o
        JOIN m s ON (s.what, s.variant) = (o.what, 'batch_sets')
        JOIN q ON (q.what, q.variant, q.other)
            = (o.what, o.variant, s.variant)
        WHERE o.what LIKE 'wal %' AND o.variant = 'batch_ours'
        ORDER BY array_position('{wal many,wal hundred,wal one}', o.what)"
}

show_disk()
{
    heading "Disk, bytes per entry" \
        "A million entries over $accounts accounts in random order, which leaves room in the" \
        "primary key: more or less of it as the number grows, so that the total comes and" \
        "goes by two bytes. Source of 5 letters, no description. Targets: at most 215, and" \
        "150 without recorded_at and duplicate test."
    as_superuser -o "$scratch/void" -v accounts="$accounts" -f disk.sql
    table "SELECT CASE recorded WHEN true THEN 'recorded_at and duplicate test'
                ELSE 'neither' END AS entries,
            booked_by, rows, pkey AS \"primary key\",
            dedup AS \"duplicate index\", total,
            CASE WHEN total <= CASE recorded WHEN true THEN 215 ELSE 150 END
                THEN 'met' ELSE 'MISSED' END AS target
        FROM bench.disk ORDER BY recorded DESC, length(booked_by)"
}

# --------------------------------------------------------------------------
# The run
# --------------------------------------------------------------------------

load=$(cut -d ' ' -f 1 /proc/loadavg)
write_usec=$(write_time)
quiet_server
echo "Filling the books"
fill_books .

singles=(post hand_post plpgsql_post credit_add hand_credit_add
    plpgsql_credit_add)
write_scripts . "${singles[@]}" post_neither post_key

echo "Measuring (about $((50 * rounds * (2 * duration + 1) / 2 + 120)) seconds)"
# first of all, while both sides have as many entries: the pages of an index
# that fills up at random are split in waves
without_full_pages measure_wal "${singles[@]}" post_neither post_key
measure_tps off 1 "${singles[@]}" post_neither post_key
measure_tps on 1 "${singles[@]}"
for clients in 4 16; do
    measure_tps off "$clients" "${singles[@]}"
    measure_tps on "$clients" "${singles[@]}"
done
for which in many hundred one; do
    for size in 1000 8190; do
        measure_batches "$which" "$size"
    done
done
without_full_pages measure_batch_wal
check_books

printf '# trainledger: side-by-side figures\n' >"$markdown"
show_machine
show_tps
show_wal
show_checks
show_batches
show_batch_wal
show_disk

mkdir -p "$(dirname "$output")"
cp "$markdown" "$output"
if [ -n "${BENCH_OUTPUT:-}" ]; then
    echo "The same as Markdown: $output"
fi
