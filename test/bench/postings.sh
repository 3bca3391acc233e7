# shellcheck shell=bash disable=SC2034,SC2154
# Single postings and batches, as run.sh and compare.sh measure them. Sourced
# after common.sh.
#
#   fill_books FOLDER       fills the database with that folder's setup.sql;
#                           batches are the same every time
#   write_scripts FOLDER VARIANT ...
#                           writes what pgbench runs into $scripts: single
#                           postings of these names, and all batches
#   run_postings VARIANT SYNC CLIENTS ...
#                           one run of single postings, of so many seconds or
#                           transactions as further arguments say
#   run_batches VARIANT ACCOUNTS SIZE CALLS
#                           one batch after another; ACCOUNTS is many, hundred
#                           or one
#   check_books             every posting that pgbench counted is booked
#
# The runs leave $tps and $transactions, and count what they booked in the
# database that PGHOST names, ours and the twin's.

accounts=100000
scripts=$scratch
start=190000000000000
declare -A ours_posted twin_posted entries_before

fill_books()
{
    as_superuser -o "$scratch/void" -v accounts="$accounts" \
        -c 'SELECT setseed(0.5)' -f "$1/setup.sql"
    entries_before[$PGHOST]=$(query "SELECT count(*) FROM twin.entry")
    ours_posted[$PGHOST]=0
    twin_posted[$PGHOST]=0
}

write_scripts()
{
    local folder=$1 variant
    shift

    mkdir -p "$scripts"
    for variant in "$@"; do
        cat "$folder/client.sql" "$folder/$variant.sql" >"$scripts/$variant.sql"
    done
    cp "$folder"/batch_*.sql "$scripts"
}

count_postings()
{
    case $1 in
        hand_* | plpgsql_* | batch_sets | batch_bare)
            twin_posted[$PGHOST]=$((${twin_posted[$PGHOST]} + $2))
            ;;
        *) ours_posted[$PGHOST]=$((${ours_posted[$PGHOST]} + $2)) ;;
    esac
}

run_postings()
{
    local variant=$1 sync=$2 clients=$3
    shift 3

    # client times of different runs never meet
    start=$((start + 1000000000))
    run_pgbench "$scripts/$variant.sql" "$sync" -c "$clients" \
        -j "$([ "$clients" -gt 1 ] && echo 2 || echo 1)" \
        -D "accounts=$accounts" -D "start=$start" -D n=0 "$@"
    count_postings "$variant" "$transactions"
}

run_batches()
{
    local variant=$1 which=$2 size=$3 calls=$4

    options="-c bench.accounts=$which -c bench.size=$size" \
        run_pgbench "$scripts/$variant.sql" on -M simple -c 1 -t "$calls"
    count_postings "$variant" $((size * transactions))
}

check_books()
{
    local ours twin before=${entries_before[$PGHOST]}

    ours=$(($(query "SELECT count(*) FROM trainledger.entry") - before))
    twin=$(($(query "SELECT count(*) FROM twin.entry") - before))
    [ "$ours" -eq "${ours_posted[$PGHOST]}" ] ||
        die "${ours_posted[$PGHOST]} postings of ours, $ours entries"
    [ "$twin" -eq "${twin_posted[$PGHOST]}" ] ||
        die "${twin_posted[$PGHOST]} postings of the twin, $twin entries"
    [ -z "$(query "SELECT * FROM trainledger.reconcile(1025)")" ] ||
        die "reconcile finds a difference"
}
