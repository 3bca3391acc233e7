#!/bin/bash
# make test-assert: regression tests, isolation specs and the TAP tests of DDL
# under load on a server with assertions, and one regression test while caches
# are discarded. If the mirror has no source of that server, it prints NOT RUN
# and why, and succeeds. Otherwise it ends as make test does; a failed assertion
# anywhere counts as a failure.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/suites.sh
. "$checkout/test/harness/suites.sh"
# shellcheck source=test/harness/debian.sh
. "$checkout/test/harness/debian.sh"
# shellcheck source=test/harness/server-source.sh
. "$checkout/test/harness/server-source.sh"

install_packages "${tap_packages[@]}" "${source_packages[@]}"
create_private_folder
began=$SECONDS
if ! build_server "$pg_version"; then
    tail -n 20 "$(apt_log)"
    say "NOT RUN: the mirror delivers no source of postgresql-$pg_version"
    exit 0
fi
took server "$began"
create_private_server "$built"
build_and_install
start_server "${fast_settings[@]}"
run_suites
read -ra discard <<<"${DISCARD:-}"
run_discarding "${discard[@]}"
count_in_logs 'TRAP:|was terminated by signal'
finish assert
