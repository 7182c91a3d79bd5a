#!/usr/bin/env bash
# Sends the hostile corpus to Ballast, nginx and HAProxy and prints where they differ and why. Arguments go to
# internal/differential; -h lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
mkdir -p .tmp/differential
go build -o .tmp/differential/differential ./internal/differential
exec .tmp/differential/differential "$@"
