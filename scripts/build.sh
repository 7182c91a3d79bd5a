#!/usr/bin/env bash
# Builds the static binaries into bin/ (or $1).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
build_static "${1:-bin}"
