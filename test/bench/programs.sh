#!/bin/bash
# Programs side by side: syncing a cohort with many people.
#
# Expects PGHOST, PGPORT, PGUSER (a superuser) and PGDATABASE, an empty
# database of a server that nobody else uses, and psql on the PATH.
#
#   QUICK=1       a first look
#   ROUNDS=3      rounds of each measurement
#   BENCH_OUTPUT  file that the table is added to as Markdown, instead of
#                 test/results/bench.md
#
# What is compared, for 100,000 people whom the query is true for:
#   add      an open sync takes all of them into a program
#   move     a closed sync moves all of them to another cohort
#   hand     the same by one statement written by hand for the condition, which
#            writes the same rows of twin tables with the same foreign keys; it
#            locks nobody in order and cannot be asked anything else
#   single   modify_program_membership() for 5,000 of the people one by one, in
#            one statement and one transaction; its time is multiplied by 20
#
# The variants take turns within a round, every second round in reverse order,
# and a ratio is the median of the ratios of the rounds. synchronous_commit is
# off: the disk is not what is compared.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

quick=${QUICK:-}
rounds=${ROUNDS:-$([ -n "$quick" ] && echo 1 || echo 3)}
people=$([ -n "$quick" ] && echo 20000 || echo 100000)
singles=$((people / 20))
output=${BENCH_OUTPUT:-../results/bench.md}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PGCLIENTENCODING=UTF8

as_superuser()
{
    psql -X -q -v ON_ERROR_STOP=1 "$@"
}

# The names given, in order in odd rounds and in reverse in even ones
in_turn()
{
    local round=$1
    shift
    if [ $((round % 2)) -eq 1 ]; then
        printf '%s\n' "$@"
    else
        printf '%s\n' "$@" | tac
    fi
}

# --------------------------------------------------------------------------
# Measuring: one script of psql, one session
# --------------------------------------------------------------------------

# timed WHAT ROUND VARIANT STATEMENT: the statement, and how long it took
timed()
{
    cat <<SQL
SET ROLE bench_programs_operator;
SELECT extract(epoch FROM clock_timestamp()) AS started \\gset
$4
SELECT extract(epoch FROM clock_timestamp()) - :started AS seconds \\gset
RESET ROLE;
INSERT INTO bench_programs.result VALUES ('$1', $2, '$3', :seconds);
SQL
}

ours()
{
    echo "SELECT trainledger.sync_cohort(:'program', :'$1', '\$.attributes.department == \"Sales\" && \$.attributes.grade >= 3', mode => '$2');"
}

hand_add="WITH added AS (
    INSERT INTO bench_programs.membership AS m (program_id, party_id, cohort_id, role, state, created_at, updated_at)
    SELECT :'program', p.id, :'a', 'member', 'active', now(), now() FROM trainledger.party p
    WHERE p.kind = 'person' AND NOT p.is_suspended AND p.attributes ->> 'department' = 'Sales'
    AND (p.attributes ->> 'grade')::numeric >= 3
    ON CONFLICT DO NOTHING RETURNING m.*)
INSERT INTO bench_programs.membership_event (id, program_id, party_id, cohort_id, role, state, changed_by, created_at)
SELECT nextval('bench_programs.event_id'), program_id, party_id, cohort_id, role, state, current_user, updated_at FROM added;"

hand_move="WITH moved AS (
    UPDATE bench_programs.membership m SET cohort_id = :'b', role = 'member', updated_at = now()
    FROM trainledger.party p, bench_programs.membership o
    WHERE m.program_id = :'program' AND m.party_id = p.id AND (o.program_id, o.party_id) = (m.program_id, m.party_id)
    AND m.state = 'active' AND m.cohort_id IS DISTINCT FROM :'b'
    AND p.kind = 'person' AND NOT p.is_suspended AND p.attributes ->> 'department' = 'Sales'
    AND (p.attributes ->> 'grade')::numeric >= 3
    RETURNING m.*, o.cohort_id AS old_cohort_id, o.role AS old_role, o.state AS old_state)
INSERT INTO bench_programs.membership_event (id, program_id, party_id, old_cohort_id, cohort_id, old_role, role, old_state, state, changed_by, created_at)
SELECT nextval('bench_programs.event_id'), program_id, party_id, old_cohort_id, cohort_id, old_role, role, old_state, state, current_user, updated_at FROM moved;"

single="SELECT count(trainledger.modify_program_membership(:'program', p.id, :'c'))
FROM (SELECT id FROM trainledger.party ORDER BY id LIMIT $singles) p;"

measure()
{
    local round variant

    echo "SET synchronous_commit = off;"
    for ((round = 0; round <= rounds; round++)); do
        cat <<SQL
SELECT id AS program, a, b, c FROM bench_programs.program WHERE round = $round \\gset
CHECKPOINT;
SQL
        for variant in $(in_turn "$round" ours hand); do
            if [ "$variant" = ours ]; then
                timed add "$round" ours "$(ours a open)"
            else
                timed add "$round" hand "$hand_add"
            fi
        done
        # the hand-written one is lost without statistics
        echo "ANALYZE bench_programs.membership;"
        for variant in $(in_turn "$round" ours hand); do
            if [ "$variant" = ours ]; then
                timed move "$round" ours "$(ours b closed)"
            else
                timed move "$round" hand "$hand_move"
            fi
        done
        timed move "$round" single "$single"
        # what the last one moved is put back, so that both sides stay equal
        ours b closed
        echo "VACUUM ANALYZE trainledger.membership, trainledger.membership_event, bench_programs.membership, bench_programs.membership_event;"
    done
}

# Both sides must have written the same memberships.
check()
{
    local differing

    differing=$(as_superuser -A -t -c "
        SELECT count(*) FROM trainledger.membership o
        FULL JOIN bench_programs.membership t USING (program_id, party_id)
        WHERE (o.cohort_id, o.role, o.state) IS DISTINCT FROM (t.cohort_id, t.role, t.state)")
    if [ "$differing" -ne 0 ]; then
        printf 'error: the sides differ in %s memberships\n' "$differing" >&2
        exit 1
    fi
}

# --------------------------------------------------------------------------
# Showing
# --------------------------------------------------------------------------

table="WITH r AS (SELECT what, round, variant,
            seconds * CASE variant WHEN 'single' THEN $people / $singles ELSE 1 END AS seconds
        FROM bench_programs.result WHERE round > 0),
    q AS (SELECT x.what, x.variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY x.seconds) AS seconds,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY x.seconds / y.seconds) AS ratio
        FROM r x JOIN r y USING (what, round) WHERE y.variant = 'ours' GROUP BY 1, 2)
SELECT v.title AS by, round(q.seconds::numeric, 2) AS s,
    round((q.seconds / $people * 1e6)::numeric, 1) AS \"µs each\",
    round(q.ratio::numeric, 2) AS \"times the sync\"
FROM (VALUES (1, 'add', 'ours', 'taken in: sync_cohort, open'), (2, 'add', 'hand', 'taken in: by hand'),
             (3, 'move', 'ours', 'moved: sync_cohort, closed'), (4, 'move', 'hand', 'moved: by hand'),
             (5, 'move', 'single', 'moved: modify_program_membership, one by one'))
    AS v(place, what, variant, title)
JOIN q USING (what, variant) ORDER BY v.place"

show()
{
    local title="Syncing a cohort with $people people, seconds"

    printf '\n%s\n' "$title"
    as_superuser -P footer=off -P border=1 -c "$table"
    {
        printf '\n## %s\n\n' "$title"
        as_superuser -A -F ' | ' -P footer=off -c "$table" |
            awk '{ print "| " $0 " |" }
                NR == 1 { gsub(/[^|]/, "-"); print "|" $0 "|" }'
    } >>"$output"
}

# No autovacuum and no timed checkpoint falls on one variant and not another.
as_superuser -c "ALTER SYSTEM SET autovacuum = off" \
    -c "ALTER SYSTEM SET checkpoint_timeout = '1h'"
as_superuser -c "SELECT pg_reload_conf()" >"$scratch/void"
echo "Filling the books with people"
as_superuser -o "$scratch/void" -v rounds="$rounds" -v people="$people" -f programs.sql
echo "Measuring"
measure >"$scratch/measure.sql"
as_superuser -o "$scratch/void" -f "$scratch/measure.sql"
check
mkdir -p "$(dirname "$output")"
show
