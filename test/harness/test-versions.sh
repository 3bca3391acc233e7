#!/bin/bash
# make test-versions: regression tests, isolation specs and the TAP tests that
# PROVE_TESTS names, on the servers of VERSIONS. Each is in a root of its own,
# made from the first of Debian's suites that has it, and used in a namespace
# that has its mounts and processes and ends with them. The roots are thrown
# away, or kept in the folder that ROOTS names.
#
# With UPGRADES, books are moved between all pairs of them and of the machine's
# own server, by pg_upgrade and by dumps, in the root of the newest: what the
# others have is copied there.
#
# What does not come is printed as NOT RUN, with the reason, and is no failure.
# The last line is `N passed, N failed`.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/debian.sh
. "$checkout/test/harness/debian.sh"

# The suites from the oldest to the newest; experimental stands on unstable.
suites=(oldstable stable testing unstable experimental)
declare -A roots=()
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

    read -r uri suite component < <(known_suites | grep -v -e '-[a-z]* main$') || true
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
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin
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
        # a root that is thrown away need not be on disk
        echo force-unsafe-io >"$0/etc/dpkg/dpkg.cfg.d/throw-away"
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
        PROVE_TESTS="${PROVE_TESTS:-}" RESULTS=/results \
        TRAINLEDGER_SERVERS="${TRAINLEDGER_SERVERS:-}" \
        ${TAP_JOBS:+TAP_JOBS="$TAP_JOBS"} ${N:+N="$N"} "$@"
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

# test_in_root ROOT VERSION [WHAT]: the tests in a root, and their count
test_in_root()
{
    local root=$1 version=$2 what=${3:-} log=$private/log/$2.log good bad status=0

    in_checkout "$root" "$version" test/harness/test.sh 2>&1 | tee "$log" || status=1
    mkdir -p "$private/log/$version"
    cp -R "$root/results/." "$private/log/$version/" 2>/dev/null || true
    read -r good bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" |
        tail -n 1)
    [ "$status" -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1
    passed=$((passed + ${good:-0}))
    failed=$((failed + ${bad:-0}))
    what=${what:-$(sed -n 's/^Building trainledger for PostgreSQL \([^ ]*\).*/\1/p' "$log")}
    table+=("$(printf '%-12s %s passed, %s failed, %s warnings of the compiler' "$what" \
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
    if ! prepare_root "$root" "$version"; then
        not_run "$version" "apt does not install it: $(tail -n 1 "$(apt_log)")"
        return
    fi
    roots[$version]=$root
    [ -z "$REGRESS$ISOLATION${PROVE_TESTS:-}" ] || test_in_root "$root" "$version"
    [ -n "${UPGRADES:-}${ROOTS:-}" ] || as_root rm -rf --one-file-system "$root"
}

# --------------------------------------------------------------------------
# Upgrades
# --------------------------------------------------------------------------

install_in_root()
{
    in_checkout "$1" "$2" make -s with_llvm=no \
        PG_CONFIG="/usr/lib/postgresql/$2/bin/pg_config" clean install \
        >"$private/log/install$2.log" 2>&1
}

# copy_server FROM TO VERSION LIBRARIES: copies a server from one root into
# another, with the libraries that are missing there
copy_server()
{
    local from=$1 to=$2 version=$3 libraries=$4 folder name

    for folder in usr/lib/postgresql usr/share/postgresql; do
        as_root mkdir -p "$to/$folder"
        as_root rm -rf "${to:?}/$folder/$version"
        as_root cp -a "$from/$folder/$version" "$to/$folder/"
    done
    # A library may miss others.
    for _ in 1 2 3 4; do
        # shellcheck disable=SC2016
        in_root "$to" sh -c 'ldd /usr/lib/postgresql/"$0"/bin/* \
            /usr/lib/postgresql/"$0"/lib/*.so /usr/local/lib/*.so* 2>/dev/null |
            sed -n "s/^\t\([^ ]*\) => not found$/\1/p" | sort -u' "$version" \
            >"$private/log/missing"
        [ -s "$private/log/missing" ] || break
        while read -r name; do
            as_root find "$libraries" -name "$name" -exec \
                cp -L {} "$to/usr/local/lib/" \; -quit
        done <"$private/log/missing"
        in_root "$to" ldconfig
    done
}

# The machine's own server, with the extension, as $private/usr
prepare_own_server()
{
    install_packages "${server_packages[@]}"
    create_private_server
    build_and_install
}

test_upgrades()
{
    local version versions newest servers=()

    versions=$(printf '%s\n' "${!roots[@]}" | sort -n)
    newest=$(tail -n 1 <<<"$versions")
    [ -n "$newest" ] || { not_run upgrades "no server came"; return; }
    for version in $versions; do
        install_in_root "${roots[$version]}" "$version" ||
            { tail -n 20 "$private/log/install$version.log"; failed=$((failed + 1)); return; }
        [ "$version" = "$newest" ] ||
            copy_server "${roots[$version]}" "${roots[$newest]}" "$version" \
                "${roots[$version]}/usr/lib"
        servers+=("/usr/lib/postgresql/$version/bin/pg_config")
    done
    if [ -z "${roots[$pg_version]:-}" ]; then
        prepare_own_server
        copy_server "$private" "${roots[$newest]}" "$pg_version" /usr/lib
        servers+=("/usr/lib/postgresql/$pg_version/bin/pg_config")
    fi
    REGRESS='' ISOLATION='' PROVE_TESTS=test/t/033_pg_upgrade.pl \
        TRAINLEDGER_SERVERS="${servers[*]}" \
        test_in_root "${roots[$newest]}" "$newest" upgrades
}

create_private_folder
if install_packages debootstrap; then
    fetch_package_lists
    for version in ${VERSIONS:-17 18 19}; do
        test_version "$version"
    done
else
    not_run "" "apt does not install debootstrap"
fi
[ -z "${UPGRADES:-}" ] || test_upgrades
save_results versions
say
printf '%s\n' "${table[@]}"
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
