#!/usr/bin/env bash
# Runs the demo in the foreground: Ballast and its mock backends in one process.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
build_static .tmp/demo
port=${BALLAST_PORT:-8080} traffic=${BALLAST_TRAFFIC_PORT:-8000}
address() { case $1 in *:*) printf '%s' "$1" ;; *) printf ':%s' "$1" ;; esac }
listen=$(address "$port") traffic_listen=$(address "$traffic")
scripts/addresses.sh "http://localhost:${port##*:}" "http://localhost:${traffic##*:}"
say "Load it:  for i in \$(seq 200); do curl -s http://localhost:${port##*:}/lb & done" "Stop it:  Ctrl-C"
# These are for the compose file; Ballast would warn that it does not know them.
unset BALLAST_PORT BALLAST_TRAFFIC_PORT BALLAST_PREFIX BALLAST_NETWORK BALLAST_USER BALLAST_IMAGE
exec .tmp/demo/ballast demo --admin.listen "$listen" --traffic.listen "$traffic_listen" "$@"
