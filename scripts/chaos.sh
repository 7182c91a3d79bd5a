#!/usr/bin/env bash
# Does to containers, engine and Ballast what can happen, under load, and says which requests failed. Arguments go to
# internal/chaos; -h lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
have dockerd || fail "Nothing was done: dockerd is not installed, and this needs an engine of its own."
[ "$(id -u)" = 0 ] || fail "Nothing was done: to run an engine of its own this must be root."
have ip || fail "Nothing was done: ip(8) is not installed (package iproute2)."
build_static .tmp/chaos
go build -o .tmp/chaos/chaos ./internal/chaos
exec .tmp/chaos/chaos -binaries .tmp/chaos "$@"
