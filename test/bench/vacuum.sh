#!/bin/bash
# What postings leave for vacuum: sizes, dead rows and HOT updates after many of
# them, with autovacuum as it is, and what VACUUM then does.
#
#   POSTINGS=5000000    how many, in calls of post_batch of 1,000
#   ACCOUNTS=100000     to how many accounts, chosen at random
#
# common.sh says what else there is, and what is expected.

# shellcheck source=test/bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

postings=${POSTINGS:-$([ -n "$quick" ] && echo 50000 || echo 5000000)}
accounts=${ACCOUNTS:-$([ -n "$quick" ] && echo 1000 || echo 100000)}
clients=2

query "CREATE EXTENSION trainledger;
    SELECT FROM trainledger.add_party('person', 'Holder', id => 1);
    SELECT FROM trainledger.add_credit_token_type('default', id => '00000000-0000-4000-8000-000000000001');
    SELECT count(trainledger.credit_init(1, 0, 'bench', '', 'epoch'::timestamptz + i * interval '1 second', i::text))
    FROM generate_series(1, $accounts) i;
    CREATE TABLE account_ids AS SELECT row_number() OVER () AS n, id FROM trainledger.account;
    CREATE UNIQUE INDEX ON account_ids (n);
    CREATE TABLE figure (place integer, stage text, relation regclass, bytes bigint, index_bytes bigint, dead bigint, updates bigint, hot bigint)" >"$scratch/void"
query "VACUUM ANALYZE"
query "SELECT pg_stat_reset()" >"$scratch/void"
cat >"$scratch/postings.sql" <<SQL
SELECT count(*) FROM trainledger.post_batch(
    ARRAY(SELECT a.id FROM generate_series(1, 1000) i, LATERAL (SELECT 1 + floor(random() * $accounts + i * 0)::bigint AS n) r JOIN account_ids a USING (n)),
    ARRAY(SELECT '1'::trainledger.amount FROM generate_series(1, 1000)), 'bench');
SQL

# measure PLACE STAGE: statistics come a moment after the work
measure()
{
    sleep 2
    query "INSERT INTO figure
        SELECT $1, '$2', relid, pg_table_size(relid), pg_indexes_size(relid), n_dead_tup, n_tup_upd, n_tup_hot_upd
        FROM pg_stat_user_tables
        WHERE schemaname = 'trainledger' AND relname IN ('account', 'entry')" >"$scratch/void"
}

measure 1 'before'
pgbench -n -c "$clients" -j "$clients" -t "$((postings / 1000 / clients))" \
    -f "$scratch/postings.sql" >"$scratch/pgbench"
measure 2 "after $postings postings"
query "VACUUM trainledger.account, trainledger.entry" >"$scratch/void"
measure 3 'after VACUUM'

heading "What $postings postings to $accounts accounts leave"
table "SELECT stage, relation::text AS \"table\", pg_size_pretty(bytes) AS rows,
        pg_size_pretty(index_bytes) AS indexes, dead AS \"dead rows\",
        CASE WHEN updates > 0 THEN round(100.0 * hot / updates, 1) || ' %' END AS \"HOT updates\"
    FROM figure ORDER BY relation::text, place"
add_to_output
