#!/usr/bin/env bash
# Prints what there is to open: under the base URL $1, and at $2, where traffic is routed by host and path.
set -euo pipefail
cat <<TEXT
  dashboard    $1/
  balanced     $1/lb
  metrics      $1/metrics
  prometheus   $1/prometheus
  health       $1/health
  traffic      $2/
TEXT
