package containers

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/engine"
)

// Place is where Ballast stands, which decides the addresses that it can dial.
type Place struct {
	// Self and SelfName are the ID and name of the container that Ballast runs in, empty if it runs
	// in none of this engine.
	Self, SelfName string
	// Contained says that this container has a network of its own. One that shares the host's
	// stands where the host stands.
	Contained bool
	// Networks are the names of those that this container is attached to, ascending.
	Networks []string
	// Reachable says whether container addresses can be dialled from the host.
	Reachable bool
	// PublishedHost is where published ports can be dialled.
	PublishedHost netip.Addr
}

// The networks of an Identity that are no networks of the engine.
const (
	networkHost      = "host"
	networkPublished = "published"
)

// dial chooses the network and address that a running container is dialled at. The error says why
// there is none and what to do about it.
func dial(place Place, prefix Prefix, c *engine.Container, l *labels) (string, netip.AddrPort, error) {
	port, err := portOf(prefix, c, l)
	if err != nil {
		return "", netip.AddrPort{}, err
	}
	switch {
	case place.Contained:
		return dialShared(place, prefix, c, l, port)
	case !place.Reachable:
		return dialPublished(place, c, port)
	case c.HostNetwork:
		return networkHost, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), nil
	default:
		return dialFromHost(prefix, c, l, port)
	}
}

func portOf(prefix Prefix, c *engine.Container, l *labels) (uint16, error) {
	if l.port != 0 {
		return uint16(l.port), nil
	}
	var exposed []uint16
	for _, p := range c.Ports {
		if p.Protocol == "tcp" && !slices.Contains(exposed, p.Number) {
			exposed = append(exposed, p.Number)
		}
	}
	switch len(exposed) {
	case 1:
		return exposed[0], nil
	case 0:
		return 0, fmt.Errorf("exposes no TCP port; recreate it with the label %s=<port> of its server", prefix.Key("port"))
	default:
		slices.Sort(exposed)
		return 0, fmt.Errorf("exposes several TCP ports (%s); recreate it with the label %s=%d, or another of them",
			strings.Trim(fmt.Sprint(exposed), "[]"), prefix.Key("port"), exposed[0])
	}
}

// dialShared is for Ballast in a container: only networks that both are attached to lead there.
func dialShared(place Place, prefix Prefix, c *engine.Container, l *labels, port uint16) (string, netip.AddrPort, error) {
	if err := sharesNamespace(place, c); err != nil {
		return "", netip.AddrPort{}, err
	}
	attached := attachments(c)
	if l.network != "" {
		address, ok := attached[l.network]
		switch {
		case !ok:
			return "", netip.AddrPort{}, notAttached(prefix, c, l.network, attached)
		case !slices.Contains(place.Networks, l.network):
			return "", netip.AddrPort{}, fmt.Errorf("%s=%s, where Ballast is not; run: docker network connect %s %s",
				prefix.Key("network"), l.network, l.network, place.SelfName)
		}
		return l.network, netip.AddrPortFrom(address, port), nil
	}
	for _, name := range place.Networks {
		if address, ok := attached[name]; ok {
			return name, netip.AddrPortFrom(address, port), nil
		}
	}
	return "", netip.AddrPort{}, noneShared(place, c, attached)
}

// dialFromHost is for Ballast on the host of the containers: every network leads there.
func dialFromHost(prefix Prefix, c *engine.Container, l *labels, port uint16) (string, netip.AddrPort, error) {
	if err := sharesNamespace(Place{}, c); err != nil {
		return "", netip.AddrPort{}, err
	}
	attached := attachments(c)
	if l.network != "" {
		address, ok := attached[l.network]
		if !ok {
			return "", netip.AddrPort{}, notAttached(prefix, c, l.network, attached)
		}
		return l.network, netip.AddrPortFrom(address, port), nil
	}
	names := sortedNames(attached)
	switch len(names) {
	case 1:
		return names[0], netip.AddrPortFrom(attached[names[0]], port), nil
	case 0:
		return "", netip.AddrPort{}, fmt.Errorf("has no network address; run: docker network connect bridge %s", c.Name)
	default:
		return "", netip.AddrPort{}, fmt.Errorf("is attached to several networks (%s); recreate it with the label %s=%s, or run: docker network disconnect %s %s",
			strings.Join(names, ", "), prefix.Key("network"), names[0], names[len(names)-1], c.Name)
	}
}

// dialPublished is for engines whose containers can't be reached but by published ports.
func dialPublished(place Place, c *engine.Container, port uint16) (string, netip.AddrPort, error) {
	if c.HostNetwork {
		// On another host its ports are that host's. In a virtual machine nothing leads to them.
		if place.PublishedHost.IsValid() && !place.PublishedHost.IsLoopback() {
			return networkHost, netip.AddrPortFrom(place.PublishedHost, port), nil
		}
		return "", netip.AddrPort{}, fmt.Errorf("shares the network of a host that can't be reached from here; recreate it without --network host, with: -p 127.0.0.1::%d", port)
	}
	for _, p := range c.Ports {
		if p.Protocol != "tcp" || p.Number != port || p.HostPort == 0 {
			continue
		}
		host := place.PublishedHost
		// Published at one address of the host, a port is nowhere else.
		if at, err := netip.ParseAddr(p.HostIP); err == nil && !at.IsUnspecified() && at.IsLoopback() == host.IsLoopback() {
			host = at.Unmap()
		}
		if !host.IsValid() {
			return "", netip.AddrPort{}, fmt.Errorf("publishes port %d at a host without a known address; set the engine's host as an IP address", port)
		}
		return networkPublished, netip.AddrPortFrom(host, p.HostPort), nil
	}
	publish := fmt.Sprintf("-p 127.0.0.1::%d", port)
	if place.PublishedHost.IsValid() && !place.PublishedHost.IsLoopback() {
		publish = fmt.Sprintf("-p %d", port)
	}
	return "", netip.AddrPort{}, fmt.Errorf("does not publish port %d, and container addresses can't be reached from here; recreate it with: %s", port, publish)
}

// sharesNamespace refuses containers that have no network of their own to be dialled at.
func sharesNamespace(place Place, c *engine.Container) error {
	switch mode := c.Grants.NetworkMode; {
	case c.HostNetwork && len(place.Networks) > 0:
		return fmt.Errorf("shares the host's network, which leads nowhere from Ballast's container; recreate it with: --network %s", connectTo(place))
	case c.HostNetwork:
		return errors.New("shares the host's network, which leads nowhere from Ballast's container; run Ballast with: --network host")
	case strings.HasPrefix(mode, "container:"):
		return fmt.Errorf("shares the network of %s; put the labels on that one", mode)
	case mode == "none":
		return errors.New("has no network; recreate it without --network none")
	}
	return nil
}

func noneShared(place Place, c *engine.Container, attached map[string]netip.Addr) error {
	names := sortedNames(attached)
	switch {
	case len(place.Networks) > 0:
		return fmt.Errorf("shares no network with Ballast (it has %s, Ballast %s); run: docker network connect %s %s",
			list(names), list(place.Networks), connectTo(place), c.Name)
	case len(names) > 0:
		return fmt.Errorf("shares no network with Ballast (it has %s, Ballast none); run: docker network connect %s %s",
			list(names), names[0], place.SelfName)
	default:
		return errors.New("shares no network with Ballast, neither has one; recreate both with: --network <name>")
	}
}

func notAttached(prefix Prefix, c *engine.Container, network string, attached map[string]netip.Addr) error {
	return fmt.Errorf("%s=%s, but it is attached to %s; run: docker network connect %s %s",
		prefix.Key("network"), network, list(sortedNames(attached)), network, c.Name)
}

// connectTo is the network of Ballast's that a container should join: rather a user's own than the
// engine's default one.
func connectTo(place Place) string {
	for _, name := range place.Networks {
		if name != "bridge" {
			return name
		}
	}
	return place.Networks[0]
}

// attachments are a container's addresses by the name of the network.
func attachments(c *engine.Container) map[string]netip.Addr {
	m := make(map[string]netip.Addr, len(c.Networks))
	for _, n := range c.Networks {
		if address, err := netip.ParseAddr(n.Address); err == nil {
			m[n.Name] = address.Unmap()
		}
	}
	return m
}

func sortedNames(attached map[string]netip.Addr) []string {
	names := make([]string, 0, len(attached))
	for name := range attached {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
