#!/bin/bash
# make test: every test, on a private server. The last line is
# `N passed, N failed`.
#
# REGRESS, ISOLATION and PROVE_TESTS name the tests (the Makefile lists all of
# them); TAP tests start servers of their own and find the number of rounds or
# samples that they should run in TRAINLEDGER_SOAK (here from N).
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/suites.sh
. "$checkout/test/harness/suites.sh"

export N=${N:-2000}
read -ra regress <<<"${REGRESS:-}"
read -ra isolation <<<"${ISOLATION:-}"
read -ra tap <<<"${PROVE_TESTS:-}"

install_packages "${server_packages[@]}" libipc-run-perl perl
create_private_server
build_and_install
start_server "${fast_settings[@]}"
run_regress "${regress[@]}"
run_isolation "${isolation[@]}"
run_tap "${tap[@]}"
finish
