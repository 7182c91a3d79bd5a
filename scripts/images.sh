#!/usr/bin/env bash
# Builds both images from binaries compiled on this machine: no registry, no Go image.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
engine_answers || fail "No images: $why_no_engine"

# The engine's processor counts, not this machine's.
GOOS=linux GOARCH=$(docker version --format '{{.Server.Arch}}') build_static bin
# The image is from scratch: it has the roots that ACME needs of this machine, or none.
rm -rf bin/roots
for roots in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  [ -r "$roots" ] || continue
  mkdir -p bin/roots/etc/ssl/certs
  cp -L "$roots" bin/roots/etc/ssl/certs/ca-certificates.crt
  chmod 0644 bin/roots/etc/ssl/certs/ca-certificates.crt
  break
done
[ -d bin/roots ] || say "no CA certificates on this machine: ACME in the image will need traffic.acme.ca-file"
for image in ballast mock-backend; do
  tag=$image
  [ "$image" = ballast ] && tag=${BALLAST_IMAGE:-$tag}
  [ "$image" = mock-backend ] && tag=${MOCK_IMAGE:-$tag}
  # The prebuilt stage passes without its binary (see the Dockerfile), an image of it would not run.
  [ -x "bin/$image" ] || fail "bin/$image is missing"
  before=$(docker image inspect --format '{{.Id}}' "$tag" 2>/dev/null || true)
  # Without buildx the command line prints a notice about its old builder, which does here.
  docker build --quiet --target prebuilt --tag "$tag" --file "images/$image/Dockerfile" . >/dev/null 2> >(grep -vE 'DEPRECATED|buildx|^ *$' >&2)
  say "built image $tag"
  # What the tag named before would stay for ever. It does stay where it has another tag or a container.
  if [ -n "$before" ] && [ "$(docker image inspect --format '{{len .RepoTags}}' "$before" 2>/dev/null)" = 0 ]; then
    docker rmi "$before" >/dev/null 2>&1 || true
  fi
done
