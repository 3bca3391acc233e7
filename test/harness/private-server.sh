# shellcheck shell=bash disable=SC2034,SC2154,SC2016,SC2119,SC2120
# The private throw-away server. Sourced by the scripts beside it, not run.
#
# Everything lives under one folder made by mktemp: a copy of the server's
# tree, a copy of the checkout (built there), the data, the socket, the logs.
# The server listens on that socket alone and runs as a user who is not root.
# Whatever happens, it is taken down and the folder removed.
#
#   install_packages NAME ...   installs the Debian packages that are missing
#   create_private_folder       makes the folder and copies the checkout
#   create_private_server [PG_CONFIG]
#                               the same, where there is no folder yet, and a
#                               copy of the server's tree of that pg_config,
#                               Debian's server unless another is given
#   build_and_install           builds the copied checkout for that tree
#   start_server NAME=VALUE ... makes a cluster, starts it with these settings
#   as_server COMMAND ...       runs a command as the server's user
#   run_script FILE ...         runs SQL, with further arguments for psql
#   save_results                copies what the tests wrote to test/results
#   keep_private_server         leaves the server up when the script ends
#
# The scripts source this file in their first lines; it sets the shell's
# options, the traps and these variables:
#   checkout    the project's folder
#   private     the throw-away folder (PRIVATE_BASE names the one it is made in)
#   workdir     the copy of the checkout in it, also the working directory
#   server      the folder of a server: its tree, checkout, data, socket, log;
#               the private folder, unless a script makes a second one in it
#   pg_bin      the private tree's programs
#   pg_config   the one among them that says where the tree is
#   pgxs_src    what the tree has to build and test extensions
#   pg_version  the server's major version: PG_MAJOR, else the newest that is
#               installed, else the one of the machine's Debian
# and the usual PGHOST, PGPORT, PGUSER, PGDATABASE.

set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

marker=.trainledger-private-server
private=
workdir=
server=
keep=
child=

# Nothing of the caller's surroundings reaches the servers and their clients, but
# where PgBouncer was fetched to.
clean_environment()
{
    local name
    for name in $(compgen -e | grep '^PG' | grep -vx PGBOUNCER_BIN || true); do
        unset "$name"
    done
    unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CDPATH ENV BASH_ENV \
        PERL5LIB PERL5OPT LANGUAGE PROVE_FLAGS DESTDIR
    export LC_ALL=C.UTF-8
}

say()
{
    printf '%s\n' "$*"
}

die()
{
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# --------------------------------------------------------------------------
# Packages
# --------------------------------------------------------------------------

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        env "$@"
    else
        command -v sudo >/dev/null ||
            die "not root and no sudo: cannot install packages"
        sudo env "$@"
    fi
}

# apt-get for the machine, one at a time: its update does not wait for another
machine_apt()
{
    as_root DEBIAN_FRONTEND=noninteractive flock /etc/debian_version apt-get "$@"
}

newest_installed()
{
    find /usr/lib/postgresql -path '*/bin/pg_config' 2>/dev/null |
        sed -n 's,^/usr/lib/postgresql/\([0-9]*\)/.*,\1,p' |
        sort -n | awk '$1 >= 15' | tail -n 1
}

# The version that Debian's package postgresql brings
packaged_version()
{
    apt-cache depends postgresql 2>/dev/null |
        sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p'
}

pg_version=${PG_MAJOR:-$(newest_installed || true)}
pg_version=${pg_version:-$(packaged_version || true)}
if [ -z "$pg_version" ]; then
    machine_apt update -q >/dev/null || true
    pg_version=$(packaged_version) || die "no package brings PostgreSQL here"
fi
debian_pg_config=/usr/lib/postgresql/$pg_version/bin/pg_config
server_packages=(gcc libc6-dev make pkg-config "postgresql-$pg_version"
    "postgresql-server-dev-$pg_version" libxml2-dev libssl-dev)

is_installed()
{
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# postgresql-common is told not to make and start a cluster of its own.
forbid_main_cluster()
{
    local file=/etc/postgresql-common/createcluster.d/trainledger.conf

    say "Writing create_main_cluster = false to $file."
    as_root sh -c "mkdir -p '${file%/*}' &&
        echo 'create_main_cluster = false' > '$file' && chmod 644 '$file'"
}

install_packages()
{
    local package missing=()

    command -v dpkg-query >/dev/null ||
        die "this command installs Debian packages; it needs Debian 12 or later"
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    say "Installing with apt: ${missing[*]}"
    for package in "${missing[@]}"; do
        [ "$package" != "postgresql-$pg_version" ] || forbid_main_cluster
    done
    machine_apt update -q
    machine_apt install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "${missing[@]}"
}

# --------------------------------------------------------------------------
# Processes
# --------------------------------------------------------------------------

# Runs a command in a process group of its own, so that a signal can end it at
# once whatever it is doing.
in_group()
{
    local status=0

    set -m
    "$@" </dev/null &
    child=$!
    set +m
    wait "$child" || status=$?
    child=
    return "$status"
}

# Runs a command so, as the server's user. A prefix for another environment is
# written `env NAME=value` before the command.
as_server()
{
    local switch=()

    if [ "$(id -u)" -eq 0 ]; then
        switch=(setpriv --reuid=postgres --regid=postgres --init-groups --)
    fi
    in_group "${switch[@]}" "$@"
}

# Process ids of everything that works inside the private folder. A machine may
# have hundreds of processes: one program looks at all of them.
private_processes()
{
    local folder target

    while read -r folder target; do
        case "$target" in
            "$private" | "$private"/*)
                folder=${folder%/cwd}
                [ "${folder#/proc/}" = $$ ] || echo "${folder#/proc/}"
                ;;
        esac
    done < <(find /proc/[0-9]*/cwd -maxdepth 0 -printf '%p %l\n' 2>/dev/null)
}

# Ends them: postmasters by an immediate shutdown, the rest by SIGTERM, and
# what is left after ten seconds by SIGKILL.
stop_private_processes()
{
    local file pid postmasters=" " try

    while read -r file; do
        postmasters+="$(head -n 1 "$file" 2>/dev/null) "
    done < <(find "$private" -name postmaster.pid 2>/dev/null)

    for pid in $(private_processes); do
        case "$postmasters" in
            *" $pid "*) kill -QUIT "$pid" 2>/dev/null || true ;;
            *) kill -TERM "$pid" 2>/dev/null || true ;;
        esac
    done
    for ((try = 0; try < 100; try++)); do
        [ -n "$(private_processes)" ] || return 0
        sleep 0.1
    done
    for pid in $(private_processes); do
        kill -KILL "$pid" 2>/dev/null || true
    done
}

remove_private_server()
{
    cd /
    # Twice: a client that ends may start one more server on its way.
    stop_private_processes
    stop_private_processes
    rm -rf --one-file-system "$private" ||
        { sleep 1 && rm -rf --one-file-system "$private"; }
}

at_exit()
{
    local status=$?

    trap '' INT TERM HUP
    trap - EXIT
    set +e
    if [ -n "$child" ]; then
        kill -TERM -- "-$child" 2>/dev/null
    fi
    if [ -n "$private" ] && [ -z "$keep" ]; then
        remove_private_server
    fi
    exit "$status"
}

trap at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# --------------------------------------------------------------------------
# The server
# --------------------------------------------------------------------------

# Copies the checkout without what make or git put into it, and links expected
# outputs to where pg_regress finds them. With TRAINLEDGER_BUILT what was built
# there comes along, and is not built again.
copy_checkout()
{
    local skip=(--exclude=./.git --exclude=./test/results --exclude=./test/expected
        --exclude=./results --exclude=./tmp_check)

    [ -n "${TRAINLEDGER_BUILT:-}" ] || skip+=(--exclude='*.o' --exclude='*.bc'
        --exclude='*.so' --exclude='./trainledger--*.sql')
    mkdir "$workdir"
    tar -C "$checkout" "${skip[@]}" -cf - . | tar -C "$workdir" -xf -
    # A checkout that only its owner can read has files that only he can read.
    chmod -R u+rwX,go+rX "$workdir"
    ln -s ../expected "$workdir/test/expected"
}

# Gives files to the server's user.
give_to_server()
{
    [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$@"
}

create_private_folder()
{
    local base=${PRIVATE_BASE:-${TMPDIR:-/tmp}}

    # A socket's path must stay below 108 bytes.
    [ ${#base} -le 30 ] || base=/tmp
    clean_environment
    private=$(mktemp -d "$base/trainledger.XXXXXX")
    private=$(cd "$private" && pwd -P)
    touch "$private/$marker"
    mkdir "$private"/{home,tmp,log}
    server=$private
    workdir=$private/checkout
    copy_checkout
    chmod 700 "$private"
    give_to_server "$private"
    export HOME=$private/home TMPDIR=$private/tmp
    [ "$(id -u)" -ne 0 ] || export USER=postgres LOGNAME=postgres
    cd "$workdir"
}

# Copies the tree of a pg_config into $server, as it lies on the machine, and
# takes it into use. Programs find their files from where they stand
# themselves, and so does the copied pg_config: what is built with it is
# installed into the copy. The tree's own client library comes along.
copy_tree()
{
    local original=$1 what folder

    [ -x "$original" ] || die "there is no $original"
    mkdir -p "$server"/{socket,log}
    for what in bindir pkglibdir sharedir includedir-server; do
        folder=$("$original" "--$what")
        mkdir -p "$server$folder"
        tar -C "$folder" --exclude=./bitcode -cf - . | tar -C "$server$folder" -xf -
    done
    folder=$("$original" --libdir)
    mkdir -p "$server$folder"
    cp -a "$folder"/libpq.so* "$server$folder/"

    pg_bin=$server$("$original" --bindir)
    pg_config=$pg_bin/pg_config
    pgxs_src=$server$("$original" --pkglibdir)/pgxs/src
    export PATH=$pg_bin:/usr/local/bin:/usr/bin:/bin
    export LD_LIBRARY_PATH=$server$folder
    give_to_server "$server"
}

create_private_server()
{
    [ -n "$private" ] || create_private_folder
    copy_tree "${1:-$debian_pg_config}"
}

# Builds the copied checkout and installs it into the private tree. Arguments
# go to make. No bitcode for the just-in-time compiler: nobody reads it here.
build_and_install()
{
    local log=$server/log/build.log

    say "Building trainledger for $("$pg_config" --version)"
    if ! as_server make -C "$server/checkout" -j2 --no-print-directory \
        with_llvm=no PG_CONFIG="$pg_config" "$@" install \
        >"$log" 2>&1; then
        cat "$log"
        die "the build failed"
    fi
    grep -E 'warning:' "$log" || true
}

# Makes a cluster.
make_cluster()
{
    local log=$server/log/initdb.log

    as_server initdb -D "$server/data" -U postgres -A trust -E UTF8 \
        --locale=C.UTF-8 --lc-messages=C --no-sync >"$log" 2>&1 ||
        { cat "$log"; die "initdb failed"; }
}

# Starts the cluster with the given settings, on its own socket alone.
start_cluster()
{
    local data=$server/data log=$server/log setting

    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$server/socket'"
        echo "unix_socket_permissions = 0700"
        echo "timezone = 'UTC'"
        echo "log_timezone = 'UTC'"
        echo "log_line_prefix = '%m [%p] %q%a '"
        for setting in "$@"; do
            echo "${setting%%=*} = '${setting#*=}'"
        done
    } >>"$data/postgresql.conf"

    export PGHOST=$server/socket PGPORT=5432 PGUSER=postgres
    export PGDATABASE=postgres
    as_server pg_ctl -D "$data" -l "$log/server.log" -w -s start ||
        { cat "$log/server.log"; die "the server does not start"; }
}

# Makes a cluster and starts it with the given settings.
start_server()
{
    say "Starting a private server in $server"
    make_cluster
    start_cluster "$@"
}

run_script()
{
    local file=$1
    shift

    as_server psql -X -q -v ON_ERROR_STOP=1 -o /dev/null "$@" -f "$file" ||
        die "$file failed"
}

# Settings for tests: nothing here has to outlive a crash of the machine.
fast_settings=(fsync=off synchronous_commit=off full_page_writes=off
    shared_buffers=128MB max_connections=50 max_prepared_transactions=10
    autovacuum_naptime=10s)

# Leaves the server up and says how to use and how to end it.
keep_private_server()
{
    keep=yes
    say
    say "The server stays up. To connect:"
    say "    $pg_bin/psql -h $PGHOST -p $PGPORT -U $PGUSER $PGDATABASE"
    say "To stop and remove it:"
    say "    $checkout/test/harness/stop.sh $private"
}

# Copies what the tests wrote, and what they left in their own test/results, to
# test/results in the checkout, or the folder in it that is named (RESULTS names
# another): what is left to read when the private folder is gone.
save_results()
{
    local target=${RESULTS:-$checkout/test/results${1:+/$1}} name

    [ -n "${RESULTS:-}" ] || rm -rf "$target" 2>/dev/null || return 0
    mkdir -p "$target" 2>/dev/null || return 0
    for name in results output_iso output_discard regression.diffs regression.out \
        tmp_check/log test/results/.; do
        [ ! -e "$workdir/$name" ] || cp -R "$workdir/$name" "$target/"
    done
    cp -R "$private"/log/* "$target/"
    say "Outputs and logs: $target"
}
