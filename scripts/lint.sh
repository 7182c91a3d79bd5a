#!/usr/bin/env bash
# Static checks: Go, shell, compose file, go.mod.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
golangci_version=v2.15.0
golangci=.tmp/bin/golangci-lint-$golangci_version/golangci-lint
if [ ! -x "$golangci" ]; then
  say "installing golangci-lint $golangci_version (once; takes a minute or two)"
  GOBIN=$PWD/$(dirname "$golangci") go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci_version"
fi
"$golangci" run ./...
go mod tidy -diff

if have shellcheck; then
  shellcheck -x -P SCRIPTDIR .ci/run scripts/*.sh
else
  say "LEFT OUT shellcheck: it is not installed"
fi
if have docker && have_compose; then
  for file in docker-compose.yml docs/upgrading/docker-compose.yml; do
    compose -f "$file" config >/dev/null
  done
else
  say "LEFT OUT the compose file: docker compose is not installed"
fi
