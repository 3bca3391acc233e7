#!/bin/bash
# make demo: the worked examples, on a private server.
#
# Runs test/demo/* in name order: *.sql with psql, *.sh with bash. Other files
# (data, helpers) are for use by these. PGHOST, PGPORT, PGUSER and PGDATABASE
# name the database `demo`, which has the extension. The first error ends it.
# KEEP=1 leaves the server up.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"

install_packages "${server_packages[@]}"
create_private_server
build_and_install
start_server "${fast_settings[@]}"
as_server createdb demo
export PGDATABASE=demo
as_server psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION trainledger'

status=0
for file in test/demo/*; do
    case "$file" in
        *.sql) as_server psql -X -q -v ON_ERROR_STOP=1 -f "$file" || status=$? ;;
        *.sh) as_server bash "$file" || status=$? ;;
    esac
    if [ "$status" -ne 0 ]; then
        say "$file failed; the end of the server's log:"
        tail -n 20 "$private/log/server.log"
        break
    fi
done
[ -z "${KEEP:-}" ] || keep_private_server
exit "$status"
