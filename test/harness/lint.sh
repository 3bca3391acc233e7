#!/bin/bash
# make lint: what compilers, analysers and the catalogue say about the code.
#
#   gcc and clang    -Wall -Wextra -Werror, without and with assertions
#   clang-tidy       defects and suspicious code
#   layout           clang-format, the amount of blanks aside; tabs; 80 columns
#   scripts          shellcheck, warnings and errors
#   spelling         codespell, in sources, tests and documents
#   literals         no backslash in plain literals of SQL, which
#                    standard_conforming_strings reads in two ways
#   lint.sql         comments, privileges and search_path of every member of
#                    the extension, in a private server
#
# Every check runs; the end says which of them failed.
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"

complaints=()

# check TITLE COMMAND ...
check()
{
    local title=$1 log=$private/log/lint.log
    shift

    if "$@" >"$log" 2>&1; then
        say "ok      $title"
    else
        say "FAILED  $title"
        sed 's/^/    /' "$log"
        complaints+=("$title")
    fi
}

# What the server itself is compiled with, as far as both compilers know it.
strict=(-std=gnu99 -O2 -fno-strict-aliasing -fwrapv -Wall -Wextra -Werror
    -Wmissing-prototypes -Wpointer-arith -Wdeclaration-after-statement -Wvla
    -Wendif-labels -Wformat-security)

# clang does not know the format attribute that the headers were built with.
compile()
{
    local compiler=$1
    shift

    [ "$compiler" != clang ] || set -- "$@" -Wno-ignored-attributes
    as_server make -s with_llvm=no PG_CONFIG="$pg_config" clean
    as_server make -j2 -k -s with_llvm=no PG_CONFIG="$pg_config" \
        CC="$compiler" CFLAGS="${strict[*]} ${headers[*]} $*" all
}

# Off are checks of taste, and those that the server's own macros and calling
# conventions break everywhere.
tidy_checks="-*,bugprone-*,clang-analyzer-*,misc-*,performance-*,\
readability-misleading-indentation,readability-redundant-control-flow,\
-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,\
-bugprone-assignment-in-if-condition,-bugprone-narrowing-conversions,\
-bugprone-implicit-widening-of-multiplication-result,\
-bugprone-macro-parentheses,-misc-unused-parameters,-misc-no-recursion,\
-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,\
-performance-no-int-to-ptr"

tidy()
{
    as_server clang-tidy --quiet --warnings-as-errors='*' \
        --checks="$tidy_checks" "${sources[@]}" -- -std=gnu99 -Isrc \
        "${headers[@]}" \
        -D_GNU_SOURCE "${xml_cflags[@]}"
}

# The amount of blanks is left to the author, who aligns names and comments at
# tab stops as pgindent does. Lines may be longer than 80 columns where they
# hold a string, since messages are not broken.
layout()
{
    local file status=0

    for file in "$@"; do
        clang-format "$file" | expand -t 4 |
            diff -b --label "$file" --label "as clang-format writes it" \
                -U 1 <(expand -t 4 "$file") - || status=1
        if grep -nP '^\t* {4}|^ +\t|[ \t]$' "$file" | sed "s|^|$file: blanks: |" | grep .; then
            status=1
        fi
        if expand -t 4 "$file" | grep -nE '^.{81}' | grep -v '"' |
            sed "s|^|$file: more than 80 columns: |" | grep .; then
            status=1
        fi
    done
    return "$status"
}

# What codespell takes for mistakes:
#   fro        going to and fro
#   isnt       a function of Test::More
#   anothers   a column of tests: what is another's
#   inout      a mode of parameters in SQL
known_words=fro,isnt,anothers,inout
# Answers of other systems, and what npm and the tests write
skipped="test/api/*.md,*/package-lock.json,test/results"

# A letter after a backslash belongs to it and not to the word that follows.
spelling()
{
    as_server codespell --quiet-level=3 --ignore-words-list="$known_words" \
        --skip="$skipped" --ignore-regex='\\[a-zA-Z]' "$@"
}

# Left out are comments, dollar quotes for expressions, and E''.
literals()
{
    # shellcheck disable=SC2016
    perl -0777 -ne '
        BEGIN { $found = 0 }
        s{/\*.*?\*/|--[^\n]*|^\\[^\n]*|[\$]re[\$].*?[\$]re[\$]|\bE\x27(?:[^\x27\\]|\\.|\x27\x27)*\x27}{}gms;
        while (/^(.*\\.*)$/mg) { print "$ARGV: $1\n"; $found = 1 }
        END { exit $found }' "$@"
}

catalogue()
{
    as_server psql -X -q -A -t -v ON_ERROR_STOP=1 \
        -c 'CREATE EXTENSION trainledger' -f test/harness/lint.sql
}

install_packages "${server_packages[@]}" clang clang-tidy clang-format shellcheck \
    codespell
create_private_server
# not ours to warn about
headers=(-isystem "$("$pg_config" --includedir-server)")
mapfile -t sources < <(find src -name '*.c' | sort)
mapfile -t code < <(find src test -name '*.[ch]' | sort)
mapfile -t scripts < <(find .ci/run debian/tests/installcheck test -name '*.sh' -o ! -path 'test/*' -type f |
    sort)
read -ra xml_cflags < <(pkg-config --cflags libxml-2.0)

for compiler in gcc clang; do
    check "$compiler -Wall -Wextra -Werror" compile "$compiler"
    check "$compiler -Wall -Wextra -Werror, assertions" \
        compile "$compiler" -DUSE_ASSERT_CHECKING
done
check clang-tidy tidy
check layout layout "${code[@]}"
check shellcheck as_server shellcheck -x -S warning "${scripts[@]}"
check codespell spelling debian src sql doc test ./*.md
check literals literals sql/[0-9]*.sql

build_and_install
start_server "${fast_settings[@]}"
check "lint.sql" catalogue

if [ ${#complaints[@]} -gt 0 ]; then
    say "${#complaints[@]} of the checks failed."
    exit 1
fi
say "Every check passed."
