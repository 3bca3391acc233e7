#!/bin/bash
# BENCH=graphql BASE=REVISION make bench: mutations of the GraphQL face beside those
# of another revision: PostGraphile with the preset and the schema of each, in front
# of a cluster of its own. One is idle while the other is measured.
#
#   ROUNDS=15     rounds of each mutation
#   SECONDS_EACH=2    how long each takes in a round
#   BASE_HOST, BASE_BENCH   PGHOST of the other revision's cluster, which has a
#                 database of the same name, and that revision's test/bench
#   GRAPHQL_FOLDER  PostGraphile of this revision, as test/harness/graphql.sh
#                 installs it
#   BENCH_OUTPUT  file that the table is added to as Markdown, instead of
#                 test/results/bench.md
#
# 4 clients each. A ratio is one of two neighbours in time, and the table has the
# median of the rounds and the interval that holds the true one with 95 %.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

rounds=${ROUNDS:-15}
seconds=${SECONDS_EACH:-2}
output=${BENCH_OUTPUT:-../results/bench.md}
clients=4
scratch=$(mktemp -d)
declare -A hosts=([new]=$PGHOST [base]=$BASE_HOST)
declare -A folders=([new]=$PWD/../.. [base]=$BASE_BENCH/../..)
declare -A ports=([new]=18070 [base]=18071)
declare -A servers=()
export TRAINLEDGER_JWT_SECRET=${TRAINLEDGER_JWT_SECRET:-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')}

stop_faces()
{
    [ "${#servers[@]}" -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop_faces EXIT

as_superuser()
{
    psql -X -q -v ON_ERROR_STOP=1 "$@"
}

# measure LIBRARY MUTATION: answers in a second
measure()
{
    perl -I ../perl -MTrainLedger::Load -MJSON::PP -MMIME::Base64 -e '
        my ($port, $mutation, $clients, $seconds, $token) = @ARGV;
        my %header = (Authorization => "Bearer $token", "Content-Type" => "application/json");
        my $id = sub { encode_base64("$_[0]:$_[1]", "") };
        my $type = $id->("TokenType", "0" x 31 . "1");
        my %input = (
            issue => sub { { tokenTypeId => $type, quantity => 100, notes => "bench",
                accountId => $id->("Organisation", 200 + int rand 100) } },
            adjust => sub { { amount => 1, notes => "bench",
                tokenIssueId => $id->("TokenIssue", sprintf "%032x", 1 + int rand 100) } },
            redeem => sub { { tokenTypeId => $type, quantity => 1, reference => "bench",
                accountId => $id->("Organisation", 1 + int rand 100) } });
        my $issue = "tokenIssue { id createdAt currentBalance tokenAccount { account { name } } }";
        my %document = (
            issue => "(\$input: TokenIssueCreateInput!) { trainingTokenIssues { create(input: \$input) { errors { label message value } $issue } } }",
            adjust => "(\$input: TokenBalanceAdjustInput!) { trainingTokenBalances { adjust(input: \$input) { errors { label message value } $issue } } }",
            redeem => "(\$input: TokenBalanceRedeemInput!) { trainingTokenBalances { redeem(input: \$input) { errors { label message value } redemption { id quantity createdAt } } } }");
        my ($good, $bad) = (0);
        my $took = load($port, $clients, $seconds,
            sub { (POST => "/graphql", \%header, encode_json({
                query => "mutation $document{$mutation}", variables => { input => $input{$mutation}->() } })) },
            sub { $_[1]{status} == 200 && $_[1]{content} =~ /"errors":\[\]/ ? $good++ : ($bad = $_[1]{content}) });
        die "not done: $bad\n" if defined $bad;
        printf "%.1f\n", $good / $took;' \
        "${ports[$1]}" "$2" "$clients" "$seconds" "$token"
}

# pair ROUND MUTATION: both, the order changes with the round
pair()
{
    local round=$1 mutation=$2 ours theirs

    if ((round % 2)); then
        ours=$(measure new "$mutation")
        theirs=$(measure base "$mutation")
    else
        theirs=$(measure base "$mutation")
        ours=$(measure new "$mutation")
    fi
    as_superuser -c "INSERT INTO bench_mutations VALUES ('$mutation', $ours, $theirs)"
}

# Whether somebody listens at a port
listens()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Organisations 1 to 100 redeem and are adjusted, 200 to 299 get new tokens.
for library in new base; do
    export PGHOST=${hosts[$library]}
    as_superuser -o /dev/null -c 'CREATE EXTENSION trainledger' \
        -f "${folders[$library]}/doc/deploy/roles.sql" \
        -f "${folders[$library]}/sql/trainledger_graphql.sql" -f - <<'EOF'
ALTER ROLE authenticator SET synchronous_commit = off;
SELECT trainledger.add_training_token_type('Silver', default_days_to_redeem => 365,
    id => '00000000-0000-0000-0000-000000000001');
SELECT trainledger.add_party('organisation', 'O' || i, id => i) FROM generate_series(1, 299) i;
SELECT trainledger.issue_training_tokens('00000000-0000-0000-0000-000000000001', i, 1000000,
    id => lpad(to_hex(i), 32, '0')::uuid) FROM generate_series(1, 100) i;
VACUUM ANALYZE;
EOF
    case $library in
        new) folder=$GRAPHQL_FOLDER ;;
        base)
            folder=$scratch/base
            bash "${folders[base]}/test/harness/graphql.sh" install "$folder"
            ;;
    esac
    TRAINLEDGER_DATABASE="postgres:///$PGDATABASE?host=$PGHOST&port=$PGPORT&user=authenticator" \
        TRAINLEDGER_PORT=${ports[$library]} \
        bash "${folders[$library]}/test/harness/graphql.sh" run "$folder" \
        >"$scratch/$library.log" 2>&1 </dev/null &
    servers[$library]=$!
    for ((try = 0; try < 300; try++)); do
        ! listens "${ports[$library]}" || continue 2
        sleep 0.2
    done
    cat "$scratch/$library.log" >&2
    exit 1
done
export PGHOST=${hosts[new]}
token=$(bash ../harness/faces.sh token web_operator)

as_superuser -c "CREATE TABLE bench_mutations (mutation text, ours numeric, theirs numeric)"
for mutation in issue adjust redeem; do
    # the first second of a server is slower
    measure new "$mutation" >"$scratch/warm"
    measure base "$mutation" >"$scratch/warm"
done
for ((round = 1; round <= rounds; round++)); do
    for mutation in issue adjust redeem; do
        pair "$round" "$mutation"
    done
done

# the order statistics that hold the median with 95 %
table="SELECT mutation, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ours)::numeric) AS \"answers/s\",
    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY theirs)::numeric) AS \"BASE\",
    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / theirs)::numeric, 3) AS ratio,
    (array_agg(round(ours / theirs, 3) ORDER BY ours / theirs))[greatest(1, floor((count(*) - 1.96 * sqrt(count(*))) / 2)::integer)]
    || ' to ' || (array_agg(round(ours / theirs, 3) ORDER BY ours / theirs))[least(count(*), ceil(1 + (count(*) + 1.96 * sqrt(count(*))) / 2)::integer)] AS \"95 %\"
    FROM bench_mutations GROUP BY mutation ORDER BY mutation"
title="Mutations of GraphQL, $clients clients, medians of $rounds rounds of $seconds s"
printf '\n%s\n\n' "$title"
as_superuser -P footer=off -P border=1 -c "$table"
mkdir -p "$(dirname "$output")"
{
    printf '\n## %s\n\n| mutation | answers/s | BASE | ratio | 95 %% |\n|---|---:|---:|---:|---|\n' "$title"
    as_superuser -A -t -F ' | ' -c "$table" | sed 's/.*/| & |/'
} >>"$output"
