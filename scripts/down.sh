#!/usr/bin/env bash
# Stops what "make up" started and removes it, with the clones and with the labelled containers
# that joined the network by hand. Images stay. Variables: those of docker-compose.yml.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

prefix=${BALLAST_LABELS_PREFIX:-ballast}
network=${BALLAST_NETWORK:-ballast}
instance=${BALLAST_INSTANCE:-compose}

if ! engine_answers; then
  say "Nothing to stop: $why_no_engine. A demo ends with Ctrl-C where it runs."
  exit
fi
have_compose || fail "Neither docker compose nor docker-compose is installed: nothing that make up started can be found."

# left_behind prints the names of clones of this instance, and of labelled containers on the network.
left_behind() {
  {
    docker ps -a --filter "label=$prefix.clone=true" --filter "label=$prefix.owner=$instance" --format '{{.Names}}'
    docker ps -a --filter "network=$network" --filter "label=$prefix.enable=true" --format '{{.Names}}'
  } | sort -u
}

# Ballast first: it drains its clones and removes them. The others then need not be told apart from
# those that joined by hand.
compose stop ballast
compose rm --stop --force >/dev/null
for name in $(left_behind); do
  say "removing $name"
  docker rm --force --volumes "$name" >/dev/null
done
if ! compose down --remove-orphans; then
  fail "Not all could be removed. Still on the network $network: $(docker ps -a --filter "network=$network" --format '{{.Names}}' | tr '\n' ' '). Stop them or take them off it (docker network disconnect $network NAME), then repeat make down."
fi
