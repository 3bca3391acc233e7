#!/bin/bash
# Stops and removes a private server that `make demo KEEP=1` left up.
# Usage: stop.sh FOLDER
# shellcheck source=test/harness/private-server.sh
. "$(dirname "$0")/private-server.sh"

[ $# -eq 1 ] || die "usage: $0 FOLDER"
[ -f "$1/$marker" ] || die "$1 is not the folder of a private server"
private=$(cd "$1" && pwd -P)
remove_private_server
private=
