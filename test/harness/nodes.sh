# shellcheck shell=bash disable=SC2034,SC2154
# A front and its nodes, each a private server, made with the scripts that are
# shipped. Sourced after private-server.sh and faces.sh.
#
#   fetch_pgbouncer FOLDER  fetches PgBouncer into a new folder and exports
#                           PGBOUNCER_BIN, its path, where it is not there yet
#   start_nodes COUNT HOMES NAME=VALUE ...
#                           starts the front and n1 to nCOUNT with these settings,
#                           each with the database books, and PgBouncer between
#                           them; the current server is then the front. HOMES are
#                           the homes that a node keeps, or `divided`.
#   at_server NAME SQL      what it answers, at the front or at a node
#
# The folder of the server NAME is $private/NAME. PL/Proxy is Debian's, and has
# to be there before the server's tree is copied: node_packages.

node_packages=("postgresql-$pg_version-plproxy")
node_settings=(wal_level=logical max_wal_senders=60 max_replication_slots=60
    max_worker_processes=40 max_logical_replication_workers=20
    max_sync_workers_per_subscription=8 jit=off)
pooler_folder=

# Debian's PgBouncer is unpacked and not installed: installing it would start it.
fetch_pgbouncer()
{
    local folder=$1 libraries

    [ ! -x "${PGBOUNCER_BIN:-}" ] || return 0
    say "Fetching PgBouncer"
    as_server mkdir -p "$folder"
    fetch_package "$folder" pgbouncer
    mapfile -t libraries < <(dpkg-deb --field "$folder"/pgbouncer_*.deb Depends |
        grep -oE '\<lib[^ ,|]+ *[^,|]*' | sed 's/ .*//')
    install_packages "${libraries[@]}"
    export PGBOUNCER_BIN=$folder/pgbouncer/usr/sbin/pgbouncer
}

at_server()
{
    as_server psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$private/$1/socket" \
        -d books -c "$2" || die "$1 refuses"
}

# Makes a stopped server with these settings and the database books, of which all
# are copies.
make_original()
{
    server=$private/original
    as_server mkdir -p "$server"/{socket,log}
    make_cluster
    start_cluster "${node_settings[@]}" "$@"
    as_server createdb books
    as_server psql -X -q -d books -c 'CREATE EXTENSION trainledger'
    as_server pg_ctl -D "$server/data" -w -s stop
}

start_copy()
{
    server=$private/$1
    say "Starting a private server in $server"
    as_server mkdir -p "$server"/{socket,log}
    as_server cp -R "$private/original/data" "$server/data"
    start_cluster
    export PGDATABASE=books
}

# One for all nodes, in transaction mode, where only the front goes
start_pgbouncer()
{
    local name

    pooler_folder=$private/pooler
    as_server mkdir -p "$pooler_folder"
    {
        echo '[databases]'
        for name in "$@"; do
            echo "$name = host=$private/$name/socket dbname=books user=trainledger_front"
        done
        echo '[pgbouncer]'
        echo 'listen_addr ='
        echo "unix_socket_dir = $pooler_folder"
        echo 'auth_type = any'
        echo 'pool_mode = transaction'
        echo 'max_client_conn = 1000'
        echo "logfile = $pooler_folder/log"
        echo "pidfile = $pooler_folder/pid"
    } >"$pooler_folder/pgbouncer.ini"
    as_server "$PGBOUNCER_BIN" -q -d "$pooler_folder/pgbouncer.ini" ||
        die "PgBouncer does not start"
    # it comes back to its caller before it listens
    for ((try = 0; try < 100; try++)); do
        [ ! -S "$pooler_folder/.s.PGSQL.6432" ] || return 0
        sleep 0.1
    done
    die "PgBouncer does not listen"
}

# The homes go to the nodes in turn, in blocks of 32.
fill_map()
{
    local number nodes=()

    for ((number = 1; number <= $#; number++)); do
        nodes+=("('n$number', $number, 'host=$private/n$number/socket dbname=books',
            'host=$pooler_folder port=6432 dbname=n$number')")
    done
    at_server front "INSERT INTO trainledger_proxy.node (name, number, connection, pooler)
            VALUES $(IFS=,; echo "${nodes[*]}");
        INSERT INTO trainledger_proxy.home (home, node)
            SELECT h, 'n' || h / 32 % $# + 1 FROM generate_series(0, 1023) h;
        SELECT FROM trainledger_proxy.apply_map()"
}

make_node()
{
    local name=$1 homes=$2

    [ "$homes" != divided ] || homes=$(at_server front \
        "SELECT range_agg(int4range(home, home, '[]')) FROM trainledger_proxy.home WHERE node = '$name'")
    PGHOST=$private/$name/socket
    run_script "$extension_folder/trainledger_node.sql" -v node="$name" \
        -v number="${name#n}" -v homes="$homes" \
        -v front="host=$private/front/socket dbname=books"
    run_script doc/deploy/roles.sql
    at_server "$name" "GRANT web_learner, web_reader, web_operator, web_admin
        TO trainledger_front"
}

# From now on a call finds at every node what the front has committed before.
follow_front()
{
    local name

    for name in "$@"; do
        until [ "$(at_server "$name" "SELECT count(*) FROM pg_subscription_rel
            WHERE srsubstate <> 'r'")" = 0 ]; do
            sleep 0.1
        done
    done
    at_server front "ALTER SYSTEM SET synchronous_standby_names =
        '$# ($(printf 'trainledger_%s\n' "$@" | paste -sd,))'"
    at_server front "ALTER SYSTEM SET synchronous_commit = remote_apply"
    at_server front "SELECT FROM pg_reload_conf()"
}

start_nodes()
{
    local count=$1 homes=$2 name names
    shift 2

    extension_folder=$("$pg_config" --sharedir)/extension
    mapfile -t names < <(seq -f 'n%g' "$count")
    make_original "$@"
    for name in "${names[@]}" front; do
        start_copy "$name"
    done
    server=$private
    rm -r "$private/original"
    run_script "$extension_folder/trainledger_proxy.sql"
    run_script doc/deploy/roles.sql
    start_pgbouncer "${names[@]}"
    fill_map "${names[@]}"
    for name in "${names[@]}"; do
        make_node "$name" "$homes"
    done
    PGHOST=$private/front/socket
    follow_front "${names[@]}"
}
