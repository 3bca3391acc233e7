#!/bin/bash
# make test: every test, on a private server. The last line is
# `N passed, N failed`.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/suites.sh
. "$checkout/test/harness/suites.sh"

install_test_packages
create_private_server
build_and_install
# to compile expressions takes longer than to evaluate them in tests
start_server "${fast_settings[@]}" jit=off
run_suites
finish
