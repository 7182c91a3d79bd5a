#!/usr/bin/env bash
# Starts everything. With a Docker Engine: images, compose, and a wait until it is ready. Without
# one: the demo, in the foreground. Variables: those of docker-compose.yml.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# endpoint prints the engine's address, e.g. unix:///var/run/docker.sock.
endpoint() {
  if [ -n "${DOCKER_HOST:-}" ]; then
    printf '%s\n' "$DOCKER_HOST"
  else
    docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true
  fi
}

# choose_user lets Ballast run as a user in the socket's group, where that can be told. Elsewhere (Docker
# Desktop, rootless and remote engines) the numbers here are not those in the container, and the
# compose file's default works.
choose_user() {
  [ -z "${BALLAST_USER:-}" ] || return 0
  local about
  about=$(docker info --format '{{.OperatingSystem}} {{.SecurityOptions}}')
  case $about in *'Docker Desktop'* | *name=userns*) return 0 ;; esac
  case $(endpoint) in
    unix://*) ;;
    *) return 0 ;;
  esac
  : "${DOCKER_SOCKET:=$(endpoint | sed 's|^unix://||')}"
  export DOCKER_SOCKET
  case $about in *name=rootless*) return 0 ;; esac
  local mode group
  mode=$(stat -L -c %A "$DOCKER_SOCKET" 2>/dev/null) || return 0
  group=$(stat -L -c %g "$DOCKER_SOCKET")
  case $mode in
    ????rw*) export BALLAST_USER=65532:$group ;;
  esac
}

# base_url prints where a published port, $1, can be reached from here.
base_url() {
  local host=localhost port=$1
  case $port in *:*) host=${port%:*} ;; esac
  case $(endpoint) in tcp://*) host=$(endpoint | sed -E 's|^tcp://(.*):[0-9]+$|\1|') ;; esac
  [ "$host" = 0.0.0.0 ] && host=localhost
  printf 'http://%s:%s\n' "$host" "${port##*:}"
}

# wait_ready waits up to a minute; then it shows what Ballast logged.
wait_ready() {
  local deadline=$((SECONDS + 60))
  until fetch "$1/health/ready" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      compose logs --tail=30 ballast >&2 || true
      fail "Ballast is not ready after a minute. $1/health/ready says: $(fetch "$1/health/ready" 2>&1 || true)"
    fi
    sleep 0.2
  done
}

start_compose() {
  choose_user
  if have go; then
    say "A Docker Engine answers: building the images from the Go sources, then starting docker-compose.yml."
    scripts/images.sh
    compose up -d --no-build --remove-orphans
  else
    say "A Docker Engine answers; Go is not installed: docker-compose.yml builds in a Go image."
    compose up -d --build --remove-orphans
  fi
  local url
  url=$(base_url "${BALLAST_PORT:-8080}")
  wait_ready "$url"
  say "" "Ready:"
  scripts/addresses.sh "$url" "$(base_url "${BALLAST_TRAFFIC_PORT:-8000}")"
  say "Load it:  for i in \$(seq 200); do curl -s $url/lb & done; docker ps" "Stop it:  make down"
}

if engine_answers && have_compose; then
  start_compose
  exit
fi
why=${why_no_engine:-neither docker compose nor docker-compose is installed}
say "Running the demo instead of docker-compose.yml, because ${why%[.?]}."
exec scripts/demo.sh
