#!/bin/bash
# Credit transactions over HTTP beside the same calls in SQL.
#
# Expects what run.sh expects: PGHOST, PGPORT, PGUSER (a superuser) and
# PGDATABASE, an empty database of a server that nobody else uses, and psql and
# pgbench on the PATH; POSTGREST_BIN and NGINX_BIN as faces.sh has them.
#
#   QUICK=1       a first look
#   ROUNDS=3      rounds of each variant
#   SECONDS_EACH=30   how long each takes, 10 with QUICK
#   BENCH_OUTPUT  file that the table is added to as Markdown, instead of
#                 test/results/bench.md
#
# 50 clients post credit transactions on 1,000 accounts, each in a transaction
# of its own:
#   sql        credit_token_transaction_add() of trainledger_api by pgbench
#   postgrest  the same through PostgREST
#   nginx      the same at the seed's own URI, nginx in front of PostgREST
# The variants take turns. The clients, PostgREST and nginx use the server's
# own processors. synchronous_commit is off: the disk is not what is compared.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

rounds=${ROUNDS:-$([ -n "${QUICK:-}" ] && echo 1 || echo 3)}
seconds=${SECONDS_EACH:-$([ -n "${QUICK:-}" ] && echo 10 || echo 30)}
output=${BENCH_OUTPUT:-../results/bench.md}
clients=50
accounts=1000

scratch=$(mktemp -d)
faces=../harness/faces.sh
trap 'bash "$faces" stop "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT

as_superuser()
{
    psql -X -q -v ON_ERROR_STOP=1 "$@"
}

as_superuser -o /dev/null <<EOF
CREATE EXTENSION trainledger;
\i ../../doc/deploy/roles.sql
ALTER ROLE authenticator SET synchronous_commit = off;
SELECT trainledger.add_party('person', 'P' || i, id => i) FROM generate_series(1, $accounts) i;
SELECT trainledger.credit_init(i, 0, 'bench', 'opening', '2026-01-01Z') FROM generate_series(1, $accounts) i;
EOF

# pgbench calls as the role that PostgREST becomes
cat >"$scratch/add.sql" <<EOF
\set party random(1, $accounts)
\set n random(1, 1000000000)
SELECT trainledger_api.credit_token_transaction_add(json_build_object(
    'delegate_id', :party::bigint, 'amount', 1, 'source', 'bench',
    'description', 'request ' || :n::bigint,
    'recordedAt', 1767225600 + :client_id::bigint));
EOF

with_sql()
{
    PGOPTIONS="-c role=web_operator -c synchronous_commit=off" \
        pgbench -n -M prepared -c "$clients" -j 2 -T "$seconds" \
        -f "$scratch/add.sql" | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

# with_http PORT PATH
with_http()
{
    perl -I ../perl -MTrainLedger::Load -MJSON::PP -e '
        my ($port, $path, $clients, $seconds, $accounts, $token) = @ARGV;
        my %header = (Authorization => "Bearer $token", "Content-Type" => "application/json");
        my ($good, $bad) = (0, 0);
        my $took = load($port, $clients, $seconds,
            sub { (POST => $path, \%header, encode_json({
                delegate_id => 1 + int rand $accounts, amount => 1, source => "bench",
                description => "request " . int rand 1e9, recordedAt => 1767225600 + $_[0] })) },
            sub { $_[1]{status} == 201 ? $good++ : $bad++ });
        die "$bad answers are not 201\n" if $bad;
        printf "%.1f\n", $good / $took;' \
        "$1" "$2" "$clients" "$seconds" "$accounts" "$token"
}

export TRAINLEDGER_JWT_SECRET=${TRAINLEDGER_JWT_SECRET:-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')}
export REST_PORT=${REST_PORT:-3000} NGINX_PORT=${NGINX_PORT:-8080}
token=$(bash "$faces" token web_operator)
bash "$faces" start "$scratch"

measure()
{
    case $1 in
        sql) with_sql ;;
        postgrest) with_http "$REST_PORT" /rpc/credit_token_transaction_add ;;
        nginx) with_http "$NGINX_PORT" /credit-token/transaction/add.json ;;
    esac
}

as_superuser -c "CREATE TABLE bench_rest (round integer, variant text, per_second numeric)"
for ((round = 1; round <= rounds; round++)); do
    for variant in sql postgrest nginx; do
        rate=$(measure "$variant")
        as_superuser -c "INSERT INTO bench_rest VALUES ($round, '$variant', $rate)"
    done
done
problems=$(as_superuser -A -t -c 'SELECT count(*) FROM trainledger.reconcile()')
[ "$problems" -eq 0 ] || { echo "error: the books are wrong" >&2; exit 1; }

table="SELECT variant, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY per_second)::numeric) AS \"transactions/s\",
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY per_second / sql))::numeric, 2) AS \"of sql\"
    FROM bench_rest JOIN (SELECT round, per_second AS sql FROM bench_rest WHERE variant = 'sql') s USING (round)
    GROUP BY variant ORDER BY 2 DESC"
title="Credit transactions over HTTP, $clients clients, medians of $rounds rounds of $seconds s"
printf '\n%s\n\n' "$title"
as_superuser -P footer=off -P border=1 -c "$table"
mkdir -p "$(dirname "$output")"
{
    printf '\n## %s\n\n| variant | transactions/s | of sql |\n|---|---:|---:|\n' "$title"
    as_superuser -A -t -F ' | ' -c "$table" | sed 's/.*/| & |/'
} >>"$output"
