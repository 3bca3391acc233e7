#!/bin/bash
# make test-packages: the Debian package. It is built from a copy of the
# checkout, looked at by lintian, installed, and tested as autopkgtest does. That
# happens in a namespace whose root is this machine's with a layer in memory
# above it, which takes what is written and ends with it.
#
# What the tools print is in test/results/packages.
#
# What does not come is printed as NOT RUN, with the reason, and is no failure.
# The last line is `N passed, N failed`.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"

packages=(autopkgtest debhelper dpkg-dev libssl-dev libxml2-dev lintian
    pkg-config postgresql-server-dev-all)
passed=0
failed=0

not_run()
{
    say "NOT RUN: $*"
    finish
}

finish()
{
    [ -z "$private" ] || save_results packages
    say "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] || exit 1
    exit 0
}

# check TITLE COMMAND ...
check()
{
    local title=$1 log=$private/log/${1// /-}.log
    shift

    if "$@" >"$log" 2>&1; then
        say "ok      $title"
        passed=$((passed + 1))
    else
        say "FAILED  $title"
        tail -n 60 "$log" | sed 's/^/    /'
        failed=$((failed + 1))
        return 1
    fi
}

# The tests of the package are run where it is installed.
build_package()
{
    # the harness made it
    as_server rm -f test/expected
    as_server pg_buildext updatecontrol &&
        as_server env DEB_BUILD_OPTIONS=nocheck DEB_BUILD_PROFILES=nocheck \
            dpkg-buildpackage --unsigned-source --unsigned-changes
}

# Nobody at Debian was told of a package that is not for Debian yet.
lint_package()
{
    as_server lintian --fail-on=error,warning \
        --suppress-tags=initial-upload-closes-no-bugs "$private"/*.changes
}

# in_layer COMMAND ...: as root, on a copy of this machine that is thrown away
in_layer()
{
    # shellcheck disable=SC2016
    in_group as_root unshare --mount --pid --ipc --fork --kill-child bash -euc '
        mount -t tmpfs tmpfs "$0"
        mkdir "$0"/{above,work,root}
        mount -t overlay overlay "$0/root" \
            -o "lowerdir=/,upperdir=$0/above,workdir=$0/work"
        mount -t proc proc "$0/root/proc"
        mount --rbind /dev "$0/root/dev"
        mount -t tmpfs tmpfs "$0/root/dev/shm"
        exec chroot "$0/root" "$@"' "$private/layer" "$@"
}

# Apt brings what the packages and their tests need; results are in the log.
test_package()
{
    in_layer env HOME=/root TMPDIR=/tmp sh -euc '
        cp -r "$0" /tmp/packages
        chmod -R a+rX /tmp/packages
        exec autopkgtest /tmp/packages/*.changes -- null' \
        "$private/packages"
}

install_packages "${packages[@]}" ||
    not_run "apt does not install ${packages[*]}"
create_private_folder
check "dpkg-buildpackage" build_package || not_run "no packages to look at"
check "lintian" lint_package || true
as_server mkdir "$private"/{layer,packages}
as_server mv "$private"/*.{changes,deb,dsc,buildinfo,tar.*} "$private/packages/"
in_layer true 2>/dev/null || not_run "autopkgtest: no namespace with a layer here"
check "autopkgtest" test_package || true
finish
