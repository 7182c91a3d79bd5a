#!/usr/bin/env bash
# Fuzzes each target for FUZZTIME (10s), and what strangers can write into a request for FUZZTIME_EDGE (the same): chains
# of proxies, routes and the keys of rate limits. What is found is made smaller for a second only, for targets that depend
# on scheduling would spend their time on that.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
found=0
for package in $(go list ./...); do
  listed=$(go test -list '^Fuzz' "$package")
  time=${FUZZTIME:-10s}
  case $package/ in
    */proxy/forward/ | */proxy/route/ | */proxy/limit/) time=${FUZZTIME_EDGE:-$time} ;;
  esac
  while read -r target; do
    found=$((found + 1))
    say "$package $target, $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s "$package" </dev/null
  done < <(sed -n '/^Fuzz/p' <<<"$listed")
done
[ $found -gt 0 ] || fail "there is no fuzz target"
