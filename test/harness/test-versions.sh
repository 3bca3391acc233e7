#!/bin/bash
# make test-versions: regression tests, isolation specs and the TAP tests that
# PROVE_TESTS names, on the servers of VERSIONS. Each is in a root of its own,
# made from the first of Debian's suites that has it, and used in a namespace
# that has its mounts and processes and ends with them. The roots are thrown
# away, or kept in the folder that ROOTS names.
#
# What does not come is printed as NOT RUN, with the reason, and is no failure.
# The last line is `N passed, N failed`.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/debian.sh
. "$checkout/test/harness/debian.sh"

# The suites from the oldest to the newest; experimental stands on unstable.
suites=(oldstable stable testing unstable experimental)
passed=0
failed=0
table=()

# not_run VERSION REASON: the row of a version that was not run
not_run()
{
    say "NOT RUN: PostgreSQL $1: $2"
    table+=("$(printf '%-12s NOT RUN: %s' "$1" "$2")")
}

fetch_package_lists()
{
    local uri suite component

    read -r uri suite component < <(known_suites | grep -v -e '-[a-z]* main$')
    mirror=$uri
    for suite in "${suites[@]}"; do
        echo "deb $uri $suite $component"
    done | fetch_lists
}

suite_with()
{
    local suite

    for suite in "${suites[@]}"; do
        if apt_here apt-cache madison "postgresql-$1" | grep -q " $suite/main "; then
            echo "$suite"
            return
        fi
    done
    return 1
}

# in_root FOLDER COMMAND ...
in_root()
{
    # shellcheck disable=SC2016
    in_group as_root unshare --mount --pid --ipc --fork --kill-child bash -euc '
        mount -t proc proc "$0/proc"
        mount --rbind /dev "$0/dev"
        mount -t tmpfs tmpfs "$0/dev/shm"
        exec chroot "$0" "$@"' "$@"
}

# make_root FOLDER SUITE: a Debian of that suite, with nothing but git and make
make_root()
{
    local root=$1 suite=$2 base=${2/experimental/unstable}

    in_group as_root debootstrap --variant=minbase --include=git,make \
        "$base" "$root" "$mirror" || return
    # shellcheck disable=SC2016
    as_root sh -euc '
        cp /etc/resolv.conf "$0/etc/"
        echo "Acquire::Check-Valid-Until \"false\";" >"$0/etc/apt/apt.conf.d/old-lists"
        [ "$1" = "$2" ] || {
            echo "deb $3 $1 main" >>"$0/etc/apt/sources.list"
            printf "Package: *\nPin: release a=experimental\nPin-Priority: 1\n\n%s\n" \
                "Package: /^postgresql-[0-9]/ /^postgresql-server-dev/ /^libpq/
Pin: release a=experimental
Pin-Priority: 500" >"$0/etc/apt/preferences.d/experimental"
        }' "$root" "$suite" "$base" "$mirror"
}

# in_checkout ROOT VERSION COMMAND ...: a command beside the tests, as the one
# user of a new machine would run it
in_checkout()
{
    local root=$1 version=$2
    shift 2
    in_root "$root" env -i -C /trainledger PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        HOME=/root PG_MAJOR="$version" REGRESS="$REGRESS" ISOLATION="$ISOLATION" \
        PROVE_TESTS="${PROVE_TESTS:-}" RESULTS=/results "$@"
}

# A fresh copy of the checkout, and the server with what the library needs
prepare_root()
{
    local root=$1 version=$2

    as_root rm -rf "$root/trainledger"
    as_root cp -R --no-preserve=ownership "$workdir" "$root/trainledger"
    # shellcheck disable=SC2016
    in_checkout "$root" "$version" bash -c '. test/harness/private-server.sh
        as_root apt-get update -q
        install_packages "${server_packages[@]}"' >>"$(apt_log)" 2>&1
}

# The tests in a root, and their count
test_in_root()
{
    local root=$1 version=$2 log=$private/log/$2.log good bad status=0

    in_checkout "$root" "$version" test/harness/test.sh 2>&1 | tee "$log" || status=1
    mkdir -p "$private/log/$version"
    cp -R "$root/results/." "$private/log/$version/" 2>/dev/null || true
    read -r good bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" |
        tail -n 1)
    [ "$status" -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1
    passed=$((passed + ${good:-0}))
    failed=$((failed + ${bad:-0}))
    table+=("$(printf '%-12s %s passed, %s failed, %s warnings of the compiler' \
        "$(sed -n 's/^Building trainledger for PostgreSQL \([^ ]*\).*/\1/p' "$log")" \
        "${good:-0}" "${bad:-0}" "$(grep -c 'warning:' "$log" || true)")")
}

test_version()
{
    local version=$1 suite root

    suite=$(suite_with "$version") ||
        { not_run "$version" "no suite of the mirror has postgresql-$version"; return; }
    root=${ROOTS:-$private}/$suite
    say
    say "PostgreSQL $version, from Debian's $suite"
    if [ ! -e "$root/etc/debian_version" ] && ! make_root "$root" "$suite"; then
        as_root rm -rf --one-file-system "$root"
        not_run "$version" "debootstrap makes no root of $suite here"
        return
    fi
    in_root "$root" true || { not_run "$version" "no namespace of its own here"; return; }
    if prepare_root "$root" "$version"; then
        test_in_root "$root" "$version"
    else
        not_run "$version" "apt does not install it: $(tail -n 1 "$(apt_log)")"
    fi
    [ -n "${ROOTS:-}" ] || as_root rm -rf --one-file-system "$root"
}

install_packages debootstrap
create_private_folder
fetch_package_lists
for version in ${VERSIONS:-17 18 19}; do
    test_version "$version"
done
save_results versions
say
printf '%s\n' "${table[@]}"
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
