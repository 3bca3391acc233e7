# shellcheck shell=bash disable=SC2034,SC2154
# A server with assertions, built from Debian's source package. Sourced after
# private-server.sh and debian.sh.
#
#   build_server MAJOR    builds the newest source of postgresql-MAJOR that the
#                         mirror delivers, and leaves the path of its pg_config
#                         in $built; fails where no source comes
#
# What was built is kept, one folder for each source and way of building, in
# TEST_CACHE, by default trainledger in the user's cache folder. A folder is
# there when it is complete, and can be removed at any time.

source_packages=(bzip2 gcc libc6-dev libicu-dev libipc-run-perl libssl-dev
    libxml2-dev make perl pkg-config zlib1g-dev)
built=
home=~
cache=$(realpath -m "${TEST_CACHE:-${XDG_CACHE_HOME:-$home/.cache}/trainledger}")

# Of the machine's suites, and of those beside a release that may have another
# version. Not every mirror has all of them, which is no matter.
fetch_source_lists()
{
    local uri suite component beside

    known_suites | while read -r uri suite component; do
        echo "deb-src $uri $suite $component"
        [[ $suite != *-* ]] || continue
        for beside in updates proposed-updates; do
            echo "deb-src $uri $suite-$beside $component"
        done
    done | fetch_lists
}

# Versions of the source package that the lists name, newest first
source_versions()
{
    apt_here apt-cache --only-source showsrc "$1" 2>/dev/null |
        sed -n 's/^Version: //p' | sort -rVu
}

# Apt compares what it gets with the checksums of the signed lists.
fetch_source()
{
    apt_here apt-get source --download-only "$1=$2" >>"$(apt_log)" 2>&1 ||
        { say "The mirror does not deliver $1 $2."; return 1; }
}

# What the tests need and no more. Optimised a little, or the tests take long.
compile_server()
{
    local source=$1 target=$2

    as_server bash -euc '
        mkdir "$1"
        tar -xf "$0"/postgresql-*.orig.tar.* -C "$1" --strip-components=1
        cd "$1"
        ./configure --quiet --prefix=/usr/local/postgresql --disable-rpath \
            --enable-cassert --enable-debug --enable-tap-tests --with-icu \
            --with-libxml --with-openssl --without-readline \
            --with-system-tzdata=/usr/share/zoneinfo \
            CFLAGS="-O1 -fno-omit-frame-pointer"
        for part in . contrib/amcheck contrib/pageinspect; do
            make -s -j2 -C "$part"
            make -s -C "$part" install DESTDIR="$2"
        done' "$source" "$private/source" "$target" >"$private/log/compile.log" 2>&1 ||
        { tail -n 40 "$private/log/compile.log"; die "the server does not build"; }
}

# Moves a folder to where it is kept. It has its name there when all of it is
# there; a run that was faster has kept the same.
keep_built()
{
    local folder=$1 kept=$2 partial

    find "$cache" -maxdepth 1 -name 'partial.*' -mtime +1 -exec rm -rf {} +
    partial=$(mktemp -d "$cache/partial.XXXXXX")
    chmod 755 "$partial"
    cp -a --no-preserve=ownership "$folder/." "$partial/" ||
        die "cannot keep the server in $cache"
    mv -T "$partial" "$kept" 2>/dev/null || rm -rf "$partial"
}

build_server()
{
    local package=postgresql-$1 recipe version kept=

    recipe=$({ declare -f compile_server; cat /etc/debian_version; uname -m; } |
        sha256sum | cut -c 1-12)
    { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null || cache=$private/cache
    as_server mkdir -p "$private/cache"

    fetch_source_lists
    for version in $(source_versions "$package"); do
        kept=$cache/$package-$version-$recipe
        [ ! -d "$kept" ] || break
        fetch_source "$package" "$version" || continue
        say "Building $package $version, with assertions"
        compile_server "$private/apt" "$private/stage"
        keep_built "$private/stage/usr/local/postgresql" "$kept"
        break
    done
    # no list came, or nothing that it names
    [ -d "$kept" ] || kept=$(find "$cache" -maxdepth 1 -name "$package-*-$recipe" |
        sort -V | tail -n 1)
    [ -n "$kept" ] || return 1
    built=$kept/bin/pg_config
}
