#!/bin/bash
# Signup tokens side by side: a document of 100,000 tokens. See common.sh.
#
#   ROUNDS=7      rounds
#
# What is compared:
#   ours      import_signup_tokens()
#   xmltable  INSERT ... SELECT FROM XMLTABLE of the same document into the same
#             table, by its owner: nothing is looked up, the codes are those of
#             the document, ids are the table's own default
#   parse     XMLTABLE of the document alone, nothing is inserted
#
# The document is laid out as the learning system prints it, an element a line
# and indented. It lies in a table, as bytes for us and as text for core, who
# has to make it xml. The table of tokens is emptied before each, and each has
# a session of its own, whose peak of memory is read at its end.
# synchronous_commit is off: the disk is not what is compared.

# shellcheck source=test/bench/common.sh
. "$(dirname "$0")/common.sh"

rounds=${ROUNDS:-$([ -n "$quick" ] && echo 3 || echo 7)}
tokens=$([ -n "$quick" ] && echo 20000 || echo 100000)

xmltable="XMLTABLE('/Tokens/Token' PASSING (SELECT body_text::xml FROM bench_signup.document)
    COLUMNS code text PATH 'TokenCode', type integer PATH 'TokenType',
        type_id text PATH 'TokenTypeId', active boolean PATH 'Active',
        maximum integer PATH 'MaximumActivations',
        expiration timestamp PATH 'TokenExpiration') x"

statement()
{
    case "$1" in
        ours)
            echo "SELECT count(*) FROM trainledger.import_signup_tokens((SELECT body FROM bench_signup.document));"
            ;;
        xmltable)
            echo "INSERT INTO trainledger.signup_token
                (code, type, type_id, active, maximum_activations, expiration, created_at)
                SELECT code, type, type_id, active, maximum,
                    expiration AT TIME ZONE 'UTC', now() FROM $xmltable;"
            ;;
        parse)
            echo "SELECT count(code), count(type), count(type_id), count(active),
                count(maximum), count(expiration) FROM $xmltable;"
            ;;
    esac
}

# One session: the statement, how long it took, the peak of memory, and what
# is in the table then. Ours is called by a role that owns nothing.
measure()
{
    local round=$1 variant=$2

    as_superuser -o "$scratch/void" <<EOF
SET synchronous_commit = off;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
ALTER TABLE trainledger.claim_event DISABLE TRIGGER append_only;
TRUNCATE trainledger.signup_token CASCADE;
ALTER TABLE trainledger.claim_event ENABLE ALWAYS TRIGGER append_only;
CHECKPOINT;
SELECT pg_read_file('/proc/' || pg_backend_pid() || '/status') AS before \\gset
$([ "$variant" != ours ] || echo "SET ROLE bench_signup_admin;")
SELECT extract(epoch FROM clock_timestamp()) AS started \\gset
$(statement "$variant")
SELECT extract(epoch FROM clock_timestamp()) - :started AS seconds \\gset
RESET ROLE;
SELECT pg_read_file('/proc/' || pg_backend_pid() || '/status') AS after \\gset
INSERT INTO bench_signup.result
SELECT $round, '$variant', :seconds,
    bench_signup.kb(:'after', 'VmHWM') - bench_signup.kb(:'before', 'VmRSS'), count(*),
    md5(string_agg(concat_ws('|', code, type, type_id, active, maximum_activations, expiration), ',' ORDER BY code))
FROM trainledger.signup_token;
EOF
}

# Who inserts has to have inserted the same, and all of it.
check_tokens()
{
    [ "$(query "SELECT count(DISTINCT digest), min(tokens) FROM bench_signup.result
        WHERE variant <> 'parse'")" = "1|$tokens" ] || die "the sides differ"
}

show()
{
    heading "A document of $tokens signup tokens ($(query "SELECT pg_size_pretty(octet_length(body)::bigint) FROM bench_signup.document"))" \
        "import_signup_tokens against XMLTABLE with an INSERT into the same table;" \
        "$rounds rounds. Target: at least 2 times as fast."
    table "WITH r AS (SELECT * FROM bench_signup.result WHERE round > 0),
            q AS (SELECT x.variant,
                    percentile_cont(0.5) WITHIN GROUP (ORDER BY x.seconds) AS seconds,
                    percentile_cont(0.5) WITHIN GROUP (ORDER BY x.seconds / y.seconds) AS ratio,
                    min(x.seconds / y.seconds) AS least, max(x.seconds / y.seconds) AS most,
                    percentile_cont(0.5) WITHIN GROUP (ORDER BY x.kb) AS kb
                  FROM r x JOIN r y USING (round) WHERE y.variant = 'ours' GROUP BY 1)
        SELECT v.title AS by, round(q.seconds::numeric, 2) AS s,
            round((q.seconds / $tokens * 1e6)::numeric, 1) AS \"µs each\",
            round((q.kb / 1024)::numeric) AS \"MB more\",
            round(q.ratio::numeric, 2) AS \"times ours\",
            format('%s to %s', round(q.least::numeric, 2), round(q.most::numeric, 2)) AS \"in the rounds\",
            CASE v.variant WHEN 'xmltable' THEN
                CASE WHEN round(q.ratio::numeric, 2) >= 2 THEN 'met' ELSE 'MISSED' END END AS target
        FROM (VALUES (1, 'ours', 'import_signup_tokens'),
                     (2, 'xmltable', 'XMLTABLE and INSERT'),
                     (3, 'parse', 'XMLTABLE alone')) AS v(place, variant, title)
        JOIN q USING (variant) ORDER BY v.place"
}

quiet_server
echo "Writing a document of $tokens signup tokens"
as_superuser -o "$scratch/void" -v tokens="$tokens" -f signup.sql
echo "Measuring"
for ((round = 0; round <= rounds; round++)); do
    for variant in $(in_turn "$round" ours xmltable parse); do
        measure "$round" "$variant"
    done
done
check_tokens
show
add_to_output
