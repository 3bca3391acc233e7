#!/bin/bash
# make serve: a private server with sample data, and all faces in front of it
# on loopback, until Ctrl-C. A second GraphQL server is in front of a database of
# its own, whose clock stands still at the moment that the documents of the
# training management system print, so that their queries and mutations run.
#
# REST_PORT (3000), ADMIN_PORT (3001), NGINX_PORT (8080), GRAPHQL_PORT (5678) and
# SEEDS_PORT (GRAPHQL_PORT + 1) name other ports.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/faces.sh
. "$checkout/test/harness/faces.sh"

# PostGraphile for the database PGDATABASE; its explorer sends a token.
start_graphql()
{
    as_server env TRAINLEDGER_PORT="$1" \
        TRAINLEDGER_DATABASE="postgres:///$PGDATABASE?host=$PGHOST&port=$PGPORT&user=authenticator" \
        TRAINLEDGER_EXPLORER=1 \
        TRAINLEDGER_EXPLORER_HEADERS="{\"Authorization\": \"Bearer $2\"}" \
        test/harness/graphql.sh start "$private/graphql"
}

install_packages "${server_packages[@]}" perl
command -v npm >/dev/null || install_packages npm
create_private_server
build_and_install
start_server "${fast_settings[@]}"

say "Filling the database books with sample data"
as_server createdb books
export PGDATABASE=books
as_server psql -X -q -c 'CREATE EXTENSION trainledger'
run_script test/api/sample.sql
run_script doc/deploy/roles.sql
graphql_schema=$("$pg_config" --sharedir)/extension/trainledger_graphql.sql
run_script "$graphql_schema"

as_server createdb seeds
PGDATABASE=seeds run_script test/api/seeds.sql
PGDATABASE=seeds run_script "$graphql_schema"

secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export TRAINLEDGER_JWT_SECRET=$secret
export REST_PORT=${REST_PORT:-3000} NGINX_PORT=${NGINX_PORT:-8080}
export GRAPHQL_PORT=${GRAPHQL_PORT:-5678}
export SEEDS_PORT=${SEEDS_PORT:-$((GRAPHQL_PORT + 1))}

install_rest "$private/rest"
start_rest "$private/rest"

say "Installing PostGraphile"
as_server test/harness/graphql.sh install "$private/graphql"
start_graphql "$GRAPHQL_PORT" "$(token web_operator)"
PGDATABASE=seeds start_graphql "$SEEDS_PORT" "$(token web_admin)"

say "
The books are open, on this machine only and until Ctrl-C:

  GraphQL explorer   http://127.0.0.1:$GRAPHQL_PORT/
  GraphQL            http://127.0.0.1:$GRAPHQL_PORT/graphql
  REST               http://127.0.0.1:$NGINX_PORT/
  psql               $pg_bin/psql -h $PGHOST -p $PGPORT -U $PGUSER books

For the examples of README.md and doc, paste these lines into a shell. The
tokens are good for an hour, and the learner is person 35.

$(lines)

The queries and mutations in the documents of the training management system run
as printed, in their order, in a database at the moment that they print. Paste
them into its explorer, or send them to \$SEEDS as \$ADMIN:

  GraphQL explorer   http://127.0.0.1:$SEEDS_PORT/
  GraphQL            http://127.0.0.1:$SEEDS_PORT/graphql

For example:

  curl -H \"Authorization: Bearer \$OPERATOR\" \\
      \"\$BOOKS/parties?kind=eq.person&limit=3\"
  curl -H \"Authorization: Bearer \$OPERATOR\" -H 'Content-Type: application/graphql' \\
      -d '{ trainingTokenTypes { edges { node { id name } } } }' \"\$GRAPHQL\"
"

as_server sleep infinity
