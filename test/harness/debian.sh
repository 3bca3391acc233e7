# shellcheck shell=bash disable=SC2154
# Debian's packages beside those that this machine would install. Sourced after
# private-server.sh.
#
#   apt_here COMMAND ...   runs a command of apt with lists of the folder apt in
#                          the private folder, none of the machine's
#   known_suites           the machine's suites, a line each: URI, suite, "main"
#   fetch_lists            fetches the lists that standard input names as apt's
#                          sources.list does; those that do not come are left out
#   apt_log                the file that has what apt said

apt_log()
{
    echo "$private/log/apt.log"
}

apt_here()
{
    local command=$1
    shift
    as_server env -C "$private/apt" "$command" -q \
        -o Dir::Etc::SourceList="$private/apt/sources.list" \
        -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$private/apt/lists" \
        -o Dir::Cache="$private/apt/cache" -o Acquire::Check-Valid-Until=false "$@"
}

# The main components of Debian's suites that apt knows
known_suites()
{
    # shellcheck disable=SC2016
    local format='$(REPO_URI) $(RELEASE) $(COMPONENT)'

    for _ in 1 2; do
        apt-get indextargets --format "$format" 'Created-By: Packages' \
            'Origin: Debian' | grep ' main$' | sort -u && return
        machine_apt update -q >/dev/null
    done
}

fetch_lists()
{
    as_server mkdir -p "$private"/apt/{lists,cache/archives}/partial
    sort -u >"$private/apt/sources.list"
    apt_here apt-get update >"$(apt_log)" 2>&1 || true
}
