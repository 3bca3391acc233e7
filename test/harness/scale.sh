#!/bin/bash
# make scale: a front and four nodes (doc/scale.md) as private servers, with the
# sample data and PgBouncer between them, and the REST face in front of the
# front, on this machine alone and until Ctrl-C.
#
# REST_PORT (3010), ADMIN_PORT (3011) and NGINX_PORT (8090) name other ports.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"
# shellcheck source=test/harness/faces.sh
. "$checkout/test/harness/faces.sh"
# shellcheck source=test/harness/nodes.sh
. "$checkout/test/harness/nodes.sh"

export REST_PORT=${REST_PORT:-3010} ADMIN_PORT=${ADMIN_PORT:-3011}
export NGINX_PORT=${NGINX_PORT:-8090}

install_packages "${server_packages[@]}" "${node_packages[@]}" perl
create_private_server
build_and_install
fetch_pgbouncer "$private/pgbouncer"
start_nodes 4 divided "${fast_settings[@]}"

say "Filling the books with sample data, through the front"
# a node does not make it by itself
at_server front "SELECT FROM trainledger.add_credit_token_type('default')"
run_script test/api/sample.sql

TRAINLEDGER_JWT_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export TRAINLEDGER_JWT_SECRET
install_rest "$private/rest"
start_rest "$private/rest"

say "
The books of four nodes are open, on this machine only and until Ctrl-C:

  REST               http://127.0.0.1:$NGINX_PORT/
  the front          $pg_bin/psql -h $private/front/socket -U $PGUSER books
  nodes n1 to n4     $pg_bin/psql -h $private/n1/socket -U $PGUSER books

Paste these lines into a shell. The tokens are good for an hour, and the learner
is person 35.

$(lines | grep -vE '^(GRAPHQL|SEEDS)=')
export PGUSER=$PGUSER
FRONT='host=$private/front/socket dbname=books'

For example: a call of one party, which its node answers, and a list, which all
of them do; the node that keeps person 35; its home moves to another one.

  curl -H \"Authorization: Bearer \$LEARNER\" \\
      \"\$BOOKS/credit-token/balance/default/id:35.json\"
  curl -H \"Authorization: Bearer \$READER\" \\
      \"\$BOOKS/credit_accounts?select=party_id,balance&order=balance.desc&limit=3\"
  psql \"\$FRONT\" -c 'SELECT * FROM trainledger_proxy.home
      WHERE home = trainledger.home(35)'
  $checkout/doc/deploy/scale/move_homes.sh \\
      \"\$FRONT\" n2 n3 '{[35,36)}'
"

as_server sleep infinity
