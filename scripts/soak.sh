#!/usr/bin/env bash
# Sends millions of random requests through the HTTP/1.1 front, with clients that abort and backends that die, and
# checks every answer. Arguments go to internal/soak; -h lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
mkdir -p .tmp/soak
go build -o .tmp/soak/soak ./internal/soak
exec .tmp/soak/soak "$@"
