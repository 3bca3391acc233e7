# shellcheck shell=bash disable=SC2034
# What the measurements have in common. Sourced by the scripts that make bench
# runs, which expect PGHOST, PGPORT, PGUSER (a superuser) and PGDATABASE, an
# empty database of a server that nobody else uses, and the programs of that
# server on the PATH.
#
#   QUICK=1       a first look
#   BENCH_OUTPUT  file that the tables are added to as Markdown, instead of
#                 test/results/bench.md
#
#   $quick, $scratch (a folder that goes with the script), $markdown
#   die, as_superuser, query      errors and psql
#   in_turn ROUND NAME ...        the names, every second round in reverse
#   run_pgbench SCRIPT SYNC ...   one run as the role bench_application, with
#                                 the settings of $options, which leaves $tps
#                                 and $transactions
#   heading, table                for people, and in $markdown
#   quiet_server                  nothing starts in the middle of a round
#   add_to_output                 $markdown at the end of the tables
#
# The speed of a machine changes from second to second with what else it does:
# variants take turns within a round, every second round in reverse order, and
# a ratio is the median of the ratios of the rounds.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

quick=${QUICK:-}
output=${BENCH_OUTPUT:-../results/bench.md}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
markdown=$scratch/table.md
superuser=$PGUSER
export PGCLIENTENCODING=UTF8

die()
{
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_superuser()
{
    PGUSER=$superuser psql -X -q -v ON_ERROR_STOP=1 "$@"
}

query()
{
    as_superuser -A -t -c "$1"
}

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

run_pgbench()
{
    local script=$1 sync=$2 log=$scratch/pgbench.log
    shift 2

    PGUSER=bench_application PGOPTIONS="-c synchronous_commit=$sync ${options:-}" \
        pgbench -n -M prepared -f "$script" "$@" >"$log" 2>&1 ||
        { cat "$log" >&2; die "$script does not run"; }
    tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$log")
    transactions=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$log")
    if [ -z "$tps" ] || [ -z "$transactions" ]; then
        cat "$log" >&2
        die "no figures from $script"
    fi
}

# heading TEXT, and a note on the lines after it
heading()
{
    printf '\n%s\n' "$1"
    printf '\n## %s\n\n' "$1" >>"$markdown"
    shift
    while [ $# -gt 0 ]; do
        printf '%s\n' "$1"
        printf '%s\n' "$1" >>"$markdown"
        shift
    done
}

# The rows of a query
table()
{
    as_superuser -P footer=off -P border=1 -c "$1"
    {
        echo
        as_superuser -A -F ' | ' -P footer=off -c "$1" |
            awk '{ print "| " $0 " |" }
                NR == 1 { gsub(/[^|]/, "-"); print "|" $0 "|" }'
    } >>"$markdown"
}

quiet_server()
{
    query "ALTER SYSTEM SET autovacuum = off"
    query "ALTER SYSTEM SET checkpoint_timeout = '1h'"
    query "SELECT pg_reload_conf()" >"$scratch/void"
}

add_to_output()
{
    mkdir -p "$(dirname "$output")"
    cat "$markdown" >>"$output"
}
