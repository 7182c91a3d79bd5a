#!/usr/bin/env bash
# Measures the balancer beside HAProxy, nginx and httputil.ReverseProxy, and says which targets are met.
# Arguments go to internal/bench; -h lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
mkdir -p .tmp/bench
say "== picks per policy"
go test -run '^$' -bench . -benchmem ./proxy/balance
say "" "== lookups of routes"
go test -run '^$' -bench 'BenchmarkTable_Lookup/(1000_hosts|one_rule)' -benchmem -benchtime 200ms -count 5 ./proxy/route | tee .tmp/bench/lookups
say "" "== proxying"
engine_answers || fail "Proxying was not measured: $why_no_engine, and the backends are containers."
build_static .tmp/bench
# Static, for it is in the backends' image too.
CGO_ENABLED=0 go build -o .tmp/bench/bench ./internal/bench
exec .tmp/bench/bench -binaries .tmp/bench -lookups .tmp/bench/lookups "$@"
