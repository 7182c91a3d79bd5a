#!/usr/bin/env bash
# Simulates every named trace with every policy, and says which of the autoscaler's targets are met. Arguments go to
# internal/simulate; -h lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
mkdir -p .tmp/simulate
go build -o .tmp/simulate/simulate ./internal/simulate
exec .tmp/simulate/simulate "$@"
