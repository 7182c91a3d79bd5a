#!/usr/bin/env bash
# Replays a trace against real containers and compares with what the simulator says. Arguments go to internal/replay; -h
# lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
engine_answers || fail "Nothing was replayed: $why_no_engine, and the backends are containers."
build_static .tmp/replay
go build -o .tmp/replay/replay ./internal/replay
exec .tmp/replay/replay -binaries .tmp/replay "$@"
