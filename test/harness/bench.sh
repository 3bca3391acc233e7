#!/bin/bash
# make bench: side-by-side figures, on a private server that commits for real.
#
# Runs scripts of test/bench with bash; PGHOST, PGPORT, PGUSER and PGDATABASE
# name an empty database, one for each. BENCH names the scripts to run; by
# default all of them run except scale, and compare, instructions, documents and
# graphql, which need BASE, the revision to compare with. What they write to test/results is
# kept. The data is on a real disk, not in memory.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/faces.sh
. "$checkout/test/harness/faces.sh"
# shellcheck source=test/harness/nodes.sh
. "$checkout/test/harness/nodes.sh"

[ -f "$checkout/test/bench/run.sh" ] || die "there is no test/bench/run.sh"
PRIVATE_BASE=${PRIVATE_BASE:-/var/tmp}
case "$(stat -f -c %T "$PRIVATE_BASE")" in
    tmpfs | ramfs) die "$PRIVATE_BASE is in memory: give PRIVATE_BASE=FOLDER" ;;
esac

scripts=${BENCH:-run tokens signup programs transfers holds double_entry hot growth log reports rest}
case " $scripts " in
    *" compare "* | *" instructions "* | *" documents "* | *" graphql "*)
        [ -n "${BASE:-}" ] || die "what to compare with? give BASE=REVISION"
        servers=2
        ;;
    *" scale "*) servers=6 ;;
    *) servers=1 ;;
esac
# together a quarter of the memory, as PostgreSQL's manual has it
settings=(max_wal_size=8GB max_connections=200 huge_pages="${HUGE_PAGES:-off}"
    shared_buffers="$(awk -v "servers=$servers" \
        '/^MemTotal/ { print int($2 / 4 / servers) }' /proc/meminfo)kB")

# The revision BASE, beside the checkout in all: tree, cluster and figures.
start_base()
{
    server=$private/base
    mkdir -p "$server/checkout"
    git -C "$checkout" archive "$BASE" | tar -C "$server/checkout" -xf - ||
        die "git has no revision $BASE here"
    copy_tree "$debian_pg_config"
    build_and_install
    start_server "${settings[@]}"
    as_server createdb bench_compare
    as_server createdb bench_instructions
    as_server createdb bench_documents
    as_server createdb bench_graphql
    export BASE_HOST=$PGHOST BASE_BENCH=$server/checkout/test/bench
    server=$private
}

install_packages "${server_packages[@]}" perl
case " $scripts " in *" scale "*) install_packages "${node_packages[@]}" ;; esac
case " $scripts " in *" instructions "*) install_packages valgrind ;; esac
create_private_folder
[ "$servers" -ne 2 ] || start_base
create_private_server
build_and_install
start_server "${settings[@]}"
as_server mkdir -p test/results
status=0
for script in $scripts; do
    case "$script" in
        rest | documents) install_rest "$private/rest" ;;
        graphql)
            export GRAPHQL_FOLDER=$private/graphql
            as_server test/harness/graphql.sh install "$GRAPHQL_FOLDER"
            ;;
        scale)
            fetch_pgbouncer "$private/pgbouncer"
            start_nodes 4 '{[0,1024)}' "${settings[@]}"
            export NODES=$private PGHOST=$private/socket
            ;;
    esac
    as_server createdb "bench_$script"
    export PGDATABASE="bench_$script"
    as_server bash "test/bench/$script.sh" || status=$?
done
save_results
exit "$status"
