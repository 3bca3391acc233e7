# shellcheck shell=bash disable=SC2034,SC2154,SC2016,SC2119,SC2120
# The test suites and their count. Sourced after private-server.sh.
#
#   install_test_packages
#                 installs what run_suites needs
#   run_suites    runs the regression tests of REGRESS, the isolation specs of
#                 ISOLATION and the TAP tests of PROVE_TESTS (the Makefile lists
#                 all of them). TAP tests start servers of their own and find
#                 the number of rounds or samples to run in TRAINLEDGER_SOAK,
#                 which is N; TAP_JOBS of them run at a time. With NODES=n those
#                 that start one server start a front of n nodes in its place.
#   run_discarding TEST ...
#                 runs regression tests in a database of their own while the
#                 server discards what it has cached whenever it may, which
#                 reveals uses of freed memory (a server with assertions)
#   count_in_logs PATTERN
#                 every line of the servers' logs that matches is a failure
#   finish        prints how long each suite took, and `N passed, N failed`, the
#                 last line; exits, with success only if something passed and
#                 nothing failed

# shellcheck source=test/harness/faces.sh
. "$checkout/test/harness/faces.sh"
# shellcheck source=test/harness/nodes.sh
. "$checkout/test/harness/nodes.sh"

export N=${N:-2000}
# TAP tests wait more than they work, so that three of them share two cores.
TAP_JOBS=${TAP_JOBS:-3}
tap_packages=("${server_packages[@]}" perl libipc-run-perl)
passed=0
failed=0
times=()

# What the tests of PROVE_TESTS need beside the server. Some packages of node
# bring npm with them and stand in the way of Debian's.
install_test_packages()
{
    local packages=("${server_packages[@]}")

    [ -z "${PROVE_TESTS:-}" ] || packages=("${tap_packages[@]}")
    case " ${PROVE_TESTS:-}" in
        *t/006_*) packages+=(git unzip) ;;&
        *t/212_* | *t/230_*) packages+=(chromium) ;;&
        *t/215_* | *t/233_*) packages+=(curl) ;;&
        *t/272_*) packages+=(python3 python3-psycopg2 openssl) ;;&
        *t/2[0-3]* | *t/256_*) command -v npm >/dev/null || packages+=(npm) ;;
    esac
    install_packages "${packages[@]}"
    # Not every version has these; their tests are skipped then.
    case " ${PROVE_TESTS:-} ${NODES:+t/250_}" in
        *t/120_*) install_packages "postgresql-$pg_version-cron" ||
            say "NOT RUN: test/t/120_pg_cron.pl: no postgresql-$pg_version-cron" ;;&
        *t/25[0-9]_*) install_packages "postgresql-$pg_version-plproxy" ||
            say "NOT RUN: test/t/25*: no postgresql-$pg_version-plproxy" ;;
    esac
}

# took WHAT SINCE: remembers the time since, a value of SECONDS
took()
{
    times+=("$1 $((SECONDS - $2)) s")
}

# Counts the result lines of pg_regress (of version 15, and the TAP form of
# later ones). Tests it did not come to, and a failure without any failed
# test, count as failed.
count_regress()
{
    local output=$1 wanted=$2 status=$3 good bad

    good=$(grep -acE '^(test|ok) .*( ok +[0-9]+ ms|- )' "$output" || true)
    bad=$(grep -acE '^(test .* FAILED|not ok )' "$output" || true)
    if [ $((good + bad)) -lt "$wanted" ]; then
        bad=$((wanted - good))
    fi
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}

# A test without an expected output fails; pg_regress itself would give up.
expect_something()
{
    local name

    for name in "$@"; do
        case "$name" in
            --*) ;;
            *) [ -e "test/expected/$name.out" ] || as_server touch "test/expected/$name.out" ;;
        esac
    done
}

# pg_regress NAME of the suite, program, folder of its output, tests.
run_pg_regress()
{
    local title=$1 program=$2 output=$3 status=0 began=$SECONDS
    shift 3

    say
    say "$title"
    as_server mkdir -p "$output"
    expect_something "$@"
    as_server bash -c '"$@" | tee "$0"; exit "${PIPESTATUS[0]}"' \
        "$private/log/$title.log" \
        "$program" --bindir="$pg_bin" --inputdir=test --outputdir="$output" \
        --encoding=UTF8 "$@" || status=$?
    if [ "$status" -ne 0 ] && [ -s "$output/regression.diffs" ]; then
        cat "$output/regression.diffs"
    fi
    # The names follow the options.
    while [[ ${1-} == --* ]]; do shift; done
    count_regress "$private/log/$title.log" $# "$status"
    took "$title" "$began"
}

# Regression tests, all in one database.
run_regress()
{
    [ $# -gt 0 ] || return 0
    run_pg_regress regression "$pgxs_src/test/regress/pg_regress" . \
        --dbname=contrib_regression "$@"
}

run_isolation()
{
    [ $# -gt 0 ] || return 0
    run_pg_regress isolation \
        "$pgxs_src/test/isolation/pg_isolation_regress" output_iso \
        --dbname=isolation_regression --load-extension=trainledger "$@"
}

run_discarding()
{
    local program=$pgxs_src/test/regress/pg_regress
    [ $# -gt 0 ] || return 0
    # which takes hours when caches are discarded, and is no matter here
    run_pg_regress discard_install "$program" output_discard \
        --dbname=discard_regression install
    PGOPTIONS='-c debug_discard_caches=1' run_pg_regress discard "$program" \
        output_discard --dbname=discard_regression --use-existing "$@"
}

# Tests that take longest begin first: at the end there is none of them that one
# processor works on while another has nothing to do.
declare -a in_order=()
order_tap()
{
    local test others=()

    in_order=()
    for test in "$@"; do
        case "$test" in
            *t/050_* | *t/1[45]0_* | *t/176_* | *t/22[28]_* | *t/232_* | *t/25[0567]_* | *t/260_*)
                in_order+=("$test") ;;
            *) others+=("$test") ;;
        esac
    done
    in_order+=("${others[@]}")
}

# Every single TAP result counts. A script that dies or breaks its plan counts
# as one failure more.
run_tap()
{
    local log=$private/log/tap.log status=0 began=$SECONDS good bad

    [ $# -gt 0 ] || return 0
    order_tap "$@"
    set -- "${in_order[@]}"
    case "$*" in
        *test/t/2[01]* | *test/t/256*) install_rest "$private/rest" ;;&
        *test/t/25[056]*) fetch_pgbouncer "$private/pgbouncer" ;;&
        *test/t/206* | *test/t/211* | *test/t/212* | *test/t/217* | *test/t/2[23]*)
            say "Installing PostGraphile"
            export POSTGRAPHILE_FOLDER=$private/graphql
            as_server test/harness/graphql.sh install "$POSTGRAPHILE_FOLDER"
            ;;
    esac
    say
    say "tap"
    as_server bash -c '"$@" 2>&1 | tee "$0"; exit "${PIPESTATUS[0]}"' "$log" \
        env PG_REGRESS="$pgxs_src/test/regress/pg_regress" \
        TESTDIR="$workdir" TESTDATADIR="$workdir/tmp_check" \
        TESTLOGDIR="$workdir/tmp_check/log" \
        PERL5LIB="$pgxs_src/test/perl:$workdir/test/perl" \
        TRAINLEDGER_SOAK="$N" TRAINLEDGER_NODES="${NODES:-}" PGPORT=65432 \
        prove --jobs "$TAP_JOBS" --verbose --timer "$@" || status=$?
    good=$(grep -aE '^ok [0-9]' "$log" | grep -acviE '# skip' || true)
    bad=$(grep -aE '^not ok [0-9]' "$log" | grep -acviE '# todo' || true)
    bad=$((bad + $(grep -acE '^  (Non-zero exit status|Parse errors):' "$log" || true)))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    if [ "$status" -ne 0 ]; then
        tail_tap_logs
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    took tap "$began"
}

# The ends of the servers' own logs, which say more than the TAP output, and
# last those of the scripts that failed, with what they died of.
tail_tap_logs()
{
    local file name

    for file in tmp_check/log/*.log; do
        [ -s "$file" ] || continue
        say "--- end of $file"
        tail -n 15 "$file"
    done
    sed -n 's,^test/t/\([^ ]*\)\.pl .*(Wstat.*,\1,p' "$private/log/tap.log" |
        while read -r name; do
            say "--- failed: $name"
            grep -avE '^(\[[^]]*\]\([^)]*\) )?(ok |#+ (Running|Checking|Found|Postmaster|No postmaster))' \
                "tmp_check/log/regress_log_$name" | tail -n 40
        done
}

run_suites()
{
    local regress isolation tap

    read -ra regress <<<"${REGRESS:-}"
    read -ra isolation <<<"${ISOLATION:-}"
    read -ra tap <<<"${PROVE_TESTS:-}"
    run_regress "${regress[@]}"
    run_isolation "${isolation[@]}"
    run_tap "${tap[@]}"
}

count_in_logs()
{
    local pattern=$1 log count

    for log in "$private/log/server.log" tmp_check/log/*.log; do
        count=$(grep -acE "$pattern" "$log" 2>/dev/null || true)
        [ "${count:-0}" -gt 0 ] || continue
        say "--- found in ${log##*/}"
        grep -aE -A 25 "$pattern" "$log" | head -n 200
        failed=$((failed + count))
    done
}

# finish [NAME]: NAME is that of a folder for the results, in test/results
finish()
{
    local part

    save_results "$@"
    for part in "${times[@]}"; do
        say "time: $part"
    done
    say "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] || exit 1
    exit 0
}
