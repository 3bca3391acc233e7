#!/bin/bash
# make sanitize: the regression tests and isolation specs under the address
# and undefined-behaviour sanitizers; TAP tests too where PROVE_TESTS names
# some. Ends as make test does; every report counts as a failure.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/suites.sh
. "$checkout/test/harness/suites.sh"

# The server proper knows nothing of the sanitizers, so they are preloaded:
# `postgres` becomes a script that sets them up and starts the real one.
wrap_postgres()
{
    as_server gcc -O1 -shared -fPIC -Wl,-z,initfirst \
        test/harness/wake_asan.c -o "$private/wake_asan.so"
    mv "$pg_bin/postgres" "$pg_bin/postgres.real"
    cat >"$pg_bin/postgres" <<END
#!/bin/sh
# Leaks are no matter: memory contexts free what a backend took.
export LD_PRELOAD='$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) $private/wake_asan.so'
export ASAN_OPTIONS='detect_leaks=0:abort_on_error=1:disable_coredump=1:detect_stack_use_after_return=0:verify_asan_link_order=0'
export UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1:abort_on_error=1'
exec "\${0%/*}/postgres.real" "\$@"
END
    chmod 755 "$pg_bin/postgres"
}

install_test_packages
create_private_server
build_and_install COPT="-O1 -fno-wrapv -fsanitize=address,undefined -fno-sanitize-recover=all"
wrap_postgres
start_server "${fast_settings[@]}" jit=off
run_suites
count_in_logs 'ERROR: AddressSanitizer|runtime error:'
finish
