#!/usr/bin/env bash
# Keeps tests on this machine. A container address belongs to a bridge here only while its network
# exists; a packet for one that is gone would follow the default route to whoever has that address
# out there. So the ranges that Docker hands out are refused on that way. Needs root; may run twice.
set -euo pipefail

device=$(ip -4 route show default | sed -nE 's/.* dev ([^ ]+).*/\1/p' | head -n 1)
if [ -z "$device" ]; then
  echo "no default route: nothing can leave this machine"
  exit
fi
for range in 172.16.0.0/12 192.168.0.0/16; do
  for chain in OUTPUT FORWARD; do
    rule=("$chain" --out-interface "$device" --destination "$range" --jump REJECT)
    iptables --check "${rule[@]}" 2>/dev/null || iptables --insert "${rule[@]}"
  done
done
echo "packets for container networks do not leave through $device"
