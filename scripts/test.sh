#!/usr/bin/env bash
# Runs all tests that can run on this machine, in one go, and says what was left out and why. With CI
# set nothing may be left out. TESTFLAGS are further flags for go test.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
tags=() flags=() left_out=()

# without WHAT WHY notes what can't run here.
without() {
  [ -z "${CI:-}" ] || fail "CI must run all tests, but can't run $1: $2"
  left_out+=("$1: $2")
}

if engine_answers; then tags+=(docker); else without "the tests with a Docker Engine" "$why_no_engine"; fi
if find_chromium >/dev/null; then tags+=(browser); else without "the tests with a browser" "chromium is not installed"; fi
if [ "$(go env CGO_ENABLED)" = 1 ] && have "$(go env CC)"; then
  flags+=(-race)
else
  without "the race detector" "it needs cgo and a C compiler"
fi
[ ${#tags[@]} -eq 0 ] || flags+=("-tags=$(IFS=, && echo "${tags[*]}")")
read -r -a more <<<"${TESTFLAGS:-}"

report() {
  local status=$?
  if [ ${#left_out[@]} -eq 0 ]; then
    say "Nothing was left out."
  else
    printf 'LEFT OUT %s\n' "${left_out[@]}"
  fi
  exit $status
}
trap report EXIT

set -x
# The bash of macOS takes an empty array for an unset variable.
go test ${flags[@]+"${flags[@]}"} -timeout 15m ${more[@]+"${more[@]}"} ./...
# What these count is not true under the race detector, where they skip themselves.
go test -count=1 -run 'TestFront_(allocates_nothing|idle_connections_are_small)' ./proxy/http1/front
# Allocations per request, to be seen.
go test -run '^$' -bench 'BenchmarkFront/wire' -benchtime 2000x ./proxy/http1/front
{ set +x; } 2>/dev/null
