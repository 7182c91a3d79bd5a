#!/usr/bin/env bash
# Fails on known vulnerabilities that the code reaches, unless scripts/vulnerabilities.txt says why
# they do not matter here. Ends with 75 where the database of vulnerabilities can't be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_go
database=${GOVULNDB:-https://vuln.go.dev}
if [[ $database == http* ]] && ! fetch "$database/index/db.json" >/dev/null 2>&1; then
  say "The Go vulnerability database can't be reached: $database" >&2
  exit 75
fi
explained=scripts/vulnerabilities.txt
status=0
out=$(go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... 2>&1) || status=$?
say "$out"
# govulncheck ends with 3 when it found some (go run turns that into 1 and prints "exit status 3").
case $status:$out in
  0:*) ;;
  *"exit status 3"*) ;;
  *) fail "govulncheck did not run" ;;
esac

found=$(sed -nE 's/^Vulnerability #[0-9]+: (GO-[0-9-]+).*/\1/p' <<<"$out" | sort -u)
open=0
for id in $found; do
  if reason=$(grep -E "^$id " "$explained"); then
    say "explained: $reason"
  else
    say "NOT EXPLAINED: $id, see https://pkg.go.dev/vuln/$id"
    open=1
  fi
done
while read -r id _; do
  case $id in GO-*) grep -qx "$id" <<<"$found" || say "no longer found, may go from $explained: $id" ;; esac
done <"$explained"
exit $open
