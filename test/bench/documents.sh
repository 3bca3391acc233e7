#!/bin/bash
# BENCH=documents BASE=REVISION make bench: the documents over HTTP, beside those
# of another revision: PostgREST and nginx with the configuration of each, in front
# of a cluster of its own. One is idle while the other is measured.
#
#   ROUNDS=15     rounds of each document
#   SECONDS_EACH=2    how long each takes in a round
#   BASE_HOST, BASE_BENCH   PGHOST of the other revision's cluster, which has a
#                 database of the same name, and that revision's test/bench
#   BENCH_OUTPUT  file that the table is added to as Markdown, instead of
#                 test/results/bench.md
#
# 8 clients each. A ratio is one of two neighbours in time, and the table has the
# median of the rounds and the interval that holds the true one with 95 %. known is
# the balance with If-None-Match, beside the balance without.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

rounds=${ROUNDS:-15}
seconds=${SECONDS_EACH:-2}
output=${BENCH_OUTPUT:-../results/bench.md}
clients=8
scratch=$(mktemp -d)
declare -A hosts=([new]=$PGHOST [base]=$BASE_HOST)
declare -A folders=([new]=$PWD/../.. [base]=$BASE_BENCH/../..)
declare -A ports=([new]=18080 [base]=18081)
export TRAINLEDGER_JWT_SECRET=${TRAINLEDGER_JWT_SECRET:-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')}

stop_faces()
{
    local library

    for library in new base; do
        bash "${folders[$library]}/test/harness/faces.sh" stop "$scratch/$library" || true
    done 2>/dev/null
    rm -rf "$scratch"
}
trap stop_faces EXIT

as_superuser()
{
    psql -X -q -v ON_ERROR_STOP=1 "$@"
}

# 100 delegates with 200 entries each, and 1,000 tokens
for library in new base; do
    export PGHOST=${hosts[$library]}
    as_superuser -o /dev/null -c 'CREATE EXTENSION trainledger' \
        -f "${folders[$library]}/doc/deploy/roles.sql" -f - <<'EOF'
ALTER ROLE authenticator SET synchronous_commit = off;
SELECT trainledger.add_party('person', 'P' || i, id => i) FROM generate_series(1, 100) i;
SELECT trainledger.credit_init(i, 0, 'bench', 'opening', '2026-01-01Z') FROM generate_series(1, 100) i;
SELECT trainledger.post(a.id, 'add', 1, 'bench') FROM trainledger.account a, generate_series(1, 200);
SELECT trainledger.add_catalog_item('course', 'C-1', 'A course');
SELECT trainledger.create_signup_token(1, 'C-1', 10) FROM generate_series(1, 1000);
VACUUM ANALYZE;
EOF
    NGINX_PORT=${ports[$library]} REST_PORT=$((ports[$library] + 10)) \
        ADMIN_PORT=$((ports[$library] + 20)) \
        bash "${folders[$library]}/test/harness/faces.sh" start "$scratch/$library"
done
export PGHOST=${hosts[new]}
token=$(bash ../harness/faces.sh token web_operator)

# measure LIBRARY DOCUMENT: answers in a second
measure()
{
    perl -I ../perl -MTrainLedger::Load -MTrainLedger::Http -MJSON::PP -e '
        my ($port, $document, $clients, $seconds, $token) = @ARGV;
        my %header = (Authorization => "Bearer $token", "Content-Type" => "application/json");
        my %path = (balance => "/credit-token/balance/default/id:7.json",
            history => "/credit-token/history/default/id:7.json?limit=100",
            tokens => "/tokens?limit=100", transaction => "/credit-token/transaction/add");
        $path{known} = $path{balance};
        my $wanted = $document eq "transaction" ? 201 : 200;
        if ($document eq "known")
        {
            $header{"If-None-Match"} = TrainLedger::Http->new($port)
                ->request(GET => $path{known}, \%header)->{headers}{etag};
            $wanted = 304;
        }
        my ($good, $bad) = (0, 0);
        my $took = load($port, $clients, $seconds,
            sub { $document ne "transaction" ? (GET => $path{$document}, \%header)
                : (POST => $path{$document}, \%header, encode_json({
                    delegate_id => 1 + int rand 100, amount => 1, source => "bench",
                    description => "request " . int rand 1e9, recordedAt => 1767225600 + $_[0] })) },
            sub { $_[1]{status} == $wanted ? $good++ : $bad++ });
        die "$bad answers are not $wanted\n" if $bad;
        printf "%.1f\n", $good / $took;' \
        "${ports[$1]}" "$2" "$clients" "$seconds" "$token"
}

# pair ROUND DOCUMENT LIBRARY OF BESIDE: both, the order changes with the round
pair()
{
    local round=$1 document=$2 ours theirs

    if ((round % 2)); then
        ours=$(measure new "$document")
        theirs=$(measure "$3" "$4")
    else
        theirs=$(measure "$3" "$4")
        ours=$(measure new "$document")
    fi
    as_superuser -c "INSERT INTO bench_documents VALUES ('$document', $ours, $theirs)"
}

as_superuser -c "CREATE TABLE bench_documents (document text, ours numeric, theirs numeric)"
for ((round = 1; round <= rounds; round++)); do
    for document in balance history tokens transaction; do
        pair "$round" "$document" base "$document"
    done
    pair "$round" known new balance
done

# the order statistics that hold the median with 95 %
table="SELECT document, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ours)::numeric) AS \"answers/s\",
    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY theirs)::numeric) AS beside,
    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / theirs)::numeric, 3) AS ratio,
    (array_agg(round(ours / theirs, 3) ORDER BY ours / theirs))[greatest(1, floor((count(*) - 1.96 * sqrt(count(*))) / 2)::integer)]
    || ' to ' || (array_agg(round(ours / theirs, 3) ORDER BY ours / theirs))[least(count(*), ceil(1 + (count(*) + 1.96 * sqrt(count(*))) / 2)::integer)] AS \"95 %\"
    FROM bench_documents GROUP BY document ORDER BY document"
title="Documents over HTTP, $clients clients, medians of $rounds rounds of $seconds s; beside: BASE, for known the balance"
printf '\n%s\n\n' "$title"
as_superuser -P footer=off -P border=1 -c "$table"
mkdir -p "$(dirname "$output")"
{
    printf '\n## %s\n\n| document | answers/s | beside | ratio | 95 %% |\n|---|---:|---:|---:|---|\n' "$title"
    as_superuser -A -t -F ' | ' -c "$table" | sed 's/.*/| & |/'
} >>"$output"
