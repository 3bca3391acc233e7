#!/bin/bash
# make bench: side-by-side figures, on a private server that commits for real.
#
# Runs scripts of test/bench with bash; PGHOST, PGPORT, PGUSER and PGDATABASE
# name an empty database, one for each. BENCH names the scripts, of which all
# run otherwise. What they write to test/results stays. The data lies on a real
# disk, not in memory.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/faces.sh
. "$checkout/test/harness/faces.sh"

[ -f "$checkout/test/bench/run.sh" ] || die "there is no test/bench/run.sh"
PRIVATE_BASE=${PRIVATE_BASE:-/var/tmp}
case "$(stat -f -c %T "$PRIVATE_BASE")" in
    tmpfs | ramfs) die "$PRIVATE_BASE is in memory: give PRIVATE_BASE=FOLDER" ;;
esac

install_packages "${server_packages[@]}" perl
create_private_server
build_and_install
# a quarter of the memory, as PostgreSQL's manual has it
start_server shared_buffers="$(awk '/^MemTotal/ { print int($2 / 4) }' /proc/meminfo)kB" \
    max_wal_size=8GB max_connections=200 huge_pages="${HUGE_PAGES:-off}"
as_server mkdir -p test/results
status=0
for script in ${BENCH:-run tokens signup programs double_entry hot growth rest}; do
    [ "$script" != rest ] || install_rest "$private/rest"
    as_server createdb "bench_$script"
    export PGDATABASE="bench_$script"
    as_server bash "test/bench/$script.sh" || status=$?
done
save_results
exit "$status"
