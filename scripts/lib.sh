# shellcheck shell=bash disable=SC2034
# What the scripts share. Sourced, with the root of the repository as the working directory.

say() { printf '%s\n' "$@"; }

fail() {
  say "$@" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# need_go ends the script where there is no Go.
need_go() { have go || fail "Go is not installed, and this needs it: https://go.dev/dl/"; }

# limited SECONDS COMMAND... ends a command that hangs, where timeout(1) exists.
limited() {
  local seconds=$1
  shift
  if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# engine_answers tells whether a Docker Engine does; why_no_engine says why not.
why_no_engine=
engine_answers() {
  if ! have docker; then
    why_no_engine="docker is not installed"
    return 1
  fi
  local out
  if out=$(limited 20 docker version --format '{{.Server.Version}}' 2>&1); then
    return 0
  fi
  why_no_engine="no Docker Engine answers: ${out##*$'\n'}"
  return 1
}

have_compose() { docker compose version >/dev/null 2>&1 || have docker-compose; }

# compose runs v2, the plugin, or v1.
compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  else
    docker-compose "$@"
  fi
}

# find_chromium prints the browser of the browser tests.
find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

# version prints what the binaries call themselves; nothing outside of a git work tree.
version() { git describe --tags --always --dirty 2>/dev/null || true; }

# build_static DIRECTORY compiles both commands without cgo, for GOOS and GOARCH.
build_static() {
  mkdir -p "$1"
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(version)" -o "$1/" ./cmd/ballast ./cmd/mock-backend
}

# fetch URL prints an answer of 2xx; it fails on any other.
fetch() {
  if have curl; then curl -fsS --max-time 5 "$1"; else wget -qO- --timeout=5 "$1"; fi
}
