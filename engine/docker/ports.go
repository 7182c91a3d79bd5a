package docker

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/docker/go-connections/nat"

	"github.com/ballast-lb/ballast/engine"
)

// toPorts merges what a container exposes, what it asked to have published, and what is published
// now, to one entry per port and protocol, by number.
func toPorts(exposed nat.PortSet, asked, bound nat.PortMap) []engine.Port {
	published := make(map[nat.Port][]nat.PortBinding)
	for port := range exposed {
		published[port] = nil
	}
	maps.Copy(published, asked)
	for port, bindings := range bound {
		if len(bindings) > 0 || published[port] == nil {
			published[port] = bindings
		}
	}
	var ports []engine.Port
	for port, bindings := range published {
		number, err := strconv.ParseUint(port.Port(), 10, 16)
		if err != nil || number == 0 {
			continue
		}
		p := best(bindings)
		p.Number, p.Protocol = uint16(number), port.Proto()
		ports = append(ports, p)
	}
	slices.SortFunc(ports, func(a, b engine.Port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Protocol, b.Protocol))
	})
	return ports
}

// best picks the binding to dial of those a port has: Docker makes one for IPv4 and one for IPv6,
// and -p may be given twice. IPv4 wins, then the lowest host port. A binding without a host port
// is one that the engine has yet to choose.
func best(bindings []nat.PortBinding) engine.Port {
	var candidates []engine.Port
	for _, b := range bindings {
		if port, err := strconv.ParseUint(b.HostPort, 10, 16); err == nil && port > 0 {
			candidates = append(candidates, engine.Port{HostIP: b.HostIP, HostPort: uint16(port)})
		}
	}
	if len(candidates) == 0 {
		return engine.Port{}
	}
	return slices.MinFunc(candidates, func(a, b engine.Port) int {
		return cmp.Or(
			cmp.Compare(family(a.HostIP), family(b.HostIP)),
			cmp.Compare(a.HostPort, b.HostPort),
			cmp.Compare(a.HostIP, b.HostIP))
	})
}

// family is 4 or 6; an address that was left out means IPv4 too.
func family(ip string) int {
	if addr, err := netip.ParseAddr(ip); err == nil && addr.Is6() && !addr.Is4In6() {
		return 6
	}
	return 4
}
