#!/usr/bin/env bash
# Puts Ballast under slow and greedy clients, and says whether the others notice and what it costs.
# Arguments go to internal/hostile; -h lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
build_static .tmp/hostile
go build -o .tmp/hostile/hostile ./internal/hostile
exec .tmp/hostile/hostile -binaries .tmp/hostile "$@"
