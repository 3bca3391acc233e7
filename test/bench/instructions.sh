#!/bin/bash
# BENCH=instructions BASE=REVISION make bench: how many instructions a posting
# takes with the library, and with that of another revision. They are counted by
# valgrind, so that nothing else on the machine changes them: the same run gives
# the same figures to about one in a thousand.
#
#   CALLS=1000    single postings that are counted, and a hundredth as many
#                 batches
#   BASE_HOST     PGHOST of the other revision's cluster, which has a database of
#                 the same name
#
# common.sh says what else there is, and what is expected. Each library books
# into a copy of its cluster, in one process without a postmaster: fewer calls in
# one copy, more in another, so that the difference is what calls take alone.
# Each call is a transaction, prepared, and committed without waiting for the
# disk. Time is not only instructions: BENCH=compare measures that.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

calls=${CALLS:-$([ -n "$quick" ] && echo 300 || echo 1000)}
batches=$(((calls + 99) / 100))
accounts=1000
declare -A hosts=([new]=$PGHOST [base]=$BASE_HOST)

# The books. Their entries fill more than the first range of the index of booking
# numbers, where an entry costs more than later.
fill_books()
{
    as_superuser -o "$scratch/void" <<SQL
        CREATE EXTENSION trainledger;
        SELECT FROM trainledger.add_credit_token_type('default', lower_bound => 0,
            upper_bound => 1000000000);
        SELECT count(trainledger.add_party('person', 'party ' || i, id => i))
        FROM generate_series(1, $accounts) i;
        SELECT count(trainledger.credit_init(i, 1000000, 'bench', 'opening', '2025-12-31'))
        FROM generate_series(1, $accounts) i;
        SELECT count(*)
        FROM (SELECT array_agg(id ORDER BY id) AS ids, count(*)::integer AS n
            FROM trainledger.account) a, generate_series(1, 20) i,
            LATERAL trainledger.post_batch(ids,
                array_fill(1::trainledger.amount, ARRAY[n]), 'bench',
                array_fill('a posting of the bench'::text, ARRAY[n]),
                array_fill('2026-01-01'::timestamptz + i * interval '1 hour', ARRAY[n]));
        VACUUM (ANALYZE);
SQL
}

# What a call is; a batch has two rows for each account. What a process without a
# postmaster reads has an empty line after each command.
prepare()
{
    cat <<'SQL'
SET synchronous_commit = off;

PREPARE post(bigint, numeric, timestamptz) AS SELECT * FROM trainledger.post(
$1 * 1024 + $1 % 1024, 'add', $2, 'bench', 'a posting of the bench', $3);

PREPARE credit_add(bigint, numeric, timestamptz) AS SELECT * FROM trainledger.credit_add(
$1, $2, 'bench', 'a posting of the bench', $3);

PREPARE post_batch(bigint, numeric, timestamptz) AS SELECT count(*) FROM (
SELECT array_agg(a.id ORDER BY n, a.id) AS ids,
array_agg($2::trainledger.amount ORDER BY n, a.id) AS amounts,
array_agg('a posting of the bench'::text ORDER BY n, a.id) AS notes,
array_agg($3 + n * interval '1 s' ORDER BY n, a.id) AS times
FROM trainledger.account a, generate_series(1, 2) n) rows,
LATERAL trainledger.post_batch(rows.ids, rows.amounts, 'bench', rows.notes, rows.times);

SQL
}

execute()
{
    local call=$1 count=$2 i

    for ((i = 1; i <= count; i++)); do
        printf "EXECUTE %s(%s, %s.5, '2026-02-01'::timestamptz + %s * interval '1 min');\n\n" \
            "$call" $((i % accounts + 1)) $((i % 97 + 1)) "$i"
    done
}

# Runs so many calls in a copy of the cluster under valgrind and leaves what it
# counted in $instructions.
count_calls()
{
    local library=$1 call=$2 count=$3 log=$scratch/valgrind.log

    rm -rf "$scratch/copy"
    cp -a "$scratch/$library" "$scratch/copy"
    { prepare; execute "$call" "$count"; } |
        valgrind --tool=callgrind --callgrind-out-file=/dev/null \
            "${programs[$library]}" --single -D "$scratch/copy" -j "$PGDATABASE" \
            >"$log" 2>&1 || { cat "$log" >&2; die "$call does not run"; }
    ! grep -a 'ERROR:' "$log" >&2 || die "$call does not run"
    instructions=$(sed -n 's/.*Collected : \([0-9]*\)$/\1/p' "$log")
    [ -n "$instructions" ] || { cat "$log" >&2; die "valgrind has not counted $call"; }
}

# measure LIBRARY CALL LEAST MOST ROWS: of the calls between the two counts
measure()
{
    local library=$1 call=$2 least=$3 most=$4 rows=$5 before

    count_calls "$library" "$call" "$least"
    before=$instructions
    count_calls "$library" "$call" "$most"
    query "INSERT INTO bench.counted VALUES ('$call', '$library',
        ($instructions - $before) / (($most - $least) * $rows)::numeric)"
}

declare -A programs
for library in base new; do
    export PGHOST=${hosts[$library]}
    fill_books
    programs[$library]=$(query "SELECT setting FROM pg_config WHERE name = 'BINDIR'")/postgres
    pg_basebackup -c fast -D "$scratch/$library"
    # reads the log of the backup, once for all copies
    "${programs[$library]}" --single -D "$scratch/$library" "$PGDATABASE" \
        </dev/null >"$scratch/void" 2>&1
done
query "CREATE SCHEMA bench; CREATE TABLE bench.counted (call text, library text, instructions numeric)"

echo "Counting (about $((calls / 4)) seconds)"
for library in base new; do
    measure "$library" post 200 $((200 + calls)) 1
    measure "$library" credit_add 200 $((200 + calls)) 1
    measure "$library" post_batch 1 $((1 + batches)) $((2 * accounts))
done
heading "Instructions compared with $BASE" \
    "Of one posting, its transaction included: single postings by a prepared statement," \
    "and rows of post_batch with $((2 * accounts)) rows for $accounts accounts." \
    "synchronous_commit is off."
table "SELECT n.call, round(b.instructions) AS base, round(n.instructions) AS new,
        round(n.instructions / b.instructions, 4) AS \"new : base\"
    FROM bench.counted n JOIN bench.counted b USING (call)
    WHERE n.library = 'new' AND b.library = 'base' ORDER BY n.call <> 'post', n.call"
add_to_output
