package containers

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/engine"
)

func TestDial(t *testing.T) {
	onHost := Place{Reachable: true}
	contained := func(networks ...string) Place {
		return Place{Self: "self", SelfName: "lb", Contained: true, Networks: networks}
	}
	remote := Place{PublishedHost: netip.MustParseAddr("10.9.8.7")}
	desktop := Place{PublishedHost: netip.MustParseAddr("127.0.0.1")}
	networks := func(all ...engine.Network) func(*engine.Container) {
		return func(c *engine.Container) { c.Networks = all }
	}
	ports := func(all ...engine.Port) func(*engine.Container) {
		return func(c *engine.Container) { c.Ports = all }
	}
	front := engine.Network{Name: "front", Address: "172.18.0.2"}
	back := engine.Network{Name: "back", Address: "172.19.0.2"}
	hostNetwork := func(c *engine.Container) { c.HostNetwork, c.Networks = true, []engine.Network{{Name: "host"}} }
	tcp := func(n uint16) engine.Port { return engine.Port{Number: n, Protocol: "tcp"} }
	published := func(ip string) func(*engine.Container) {
		return ports(engine.Port{Number: 8080, Protocol: "tcp", HostIP: ip, HostPort: 32768})
	}

	tests := []struct {
		name   string
		place  Place
		change func(*engine.Container)
		labels labels
		// want is "network address", or the reason.
		want string
	}{
		{"host/only network", onHost, networks(front), labels{}, "front 172.18.0.2:8080"},
		{"host/IPv6 alone", onHost, networks(engine.Network{Name: "six", Address: "fd00::2"}), labels{}, "six [fd00::2]:8080"},
		{"host/detached network has no address", onHost, networks(front, engine.Network{Name: "x"}), labels{}, "front 172.18.0.2:8080"},
		{
			"host/several networks", onHost, networks(front, back),
			labels{},
			"is attached to several networks (back, front); recreate it with the label ballast.network=back, or run: docker network disconnect front web-a",
		},
		{"host/several networks, one chosen", onHost, networks(front, back), labels{network: "front"}, "front 172.18.0.2:8080"},
		{
			"host/chosen network not attached", onHost, networks(back),
			labels{network: "front"},
			"ballast.network=front, but it is attached to back; run: docker network connect front web-a",
		},
		{"host/no network", onHost, networks(), labels{}, "has no network address; run: docker network connect bridge web-a"},
		{"host/host network", onHost, hostNetwork, labels{}, "host 127.0.0.1:8080"},
		{"host/created without network", onHost, func(c *engine.Container) {
			c.Grants.NetworkMode, c.Networks = "none", []engine.Network{{Name: "none"}}
		}, labels{}, "has no network; recreate it without --network none"},
		{"host/network of another container", onHost, func(c *engine.Container) {
			c.Grants.NetworkMode, c.Networks = "container:4f2a", nil
		}, labels{}, "shares the network of container:4f2a; put the labels on that one"},

		{
			"contained/two networks, none shared", contained("proxy"), networks(front, back),
			labels{},
			"shares no network with Ballast (it has back, front, Ballast proxy); run: docker network connect proxy web-a",
		},
		{"contained/two networks, one shared", contained("front", "proxy"), networks(back, front), labels{}, "front 172.18.0.2:8080"},
		{"contained/two shared, the first by name", contained("back", "front"), networks(front, back), labels{}, "back 172.19.0.2:8080"},
		{"contained/two shared, one chosen", contained("back", "front"), networks(front, back), labels{network: "front"}, "front 172.18.0.2:8080"},
		{
			"contained/chosen network not Ballast's", contained("back"), networks(front, back),
			labels{network: "front"},
			"ballast.network=front, where Ballast is not; run: docker network connect front lb",
		},
		{
			"contained/chosen network not attached", contained("back"), networks(back),
			labels{network: "front"},
			"ballast.network=front, but it is attached to back; run: docker network connect front web-a",
		},
		{
			"contained/remedy is rather a user's network", contained("bridge", "proxy"), networks(front),
			labels{},
			"shares no network with Ballast (it has front, Ballast bridge, proxy); run: docker network connect proxy web-a",
		},
		{
			"contained/remedy is the default network if need be", contained("bridge"), networks(),
			labels{},
			"shares no network with Ballast (it has none, Ballast bridge); run: docker network connect bridge web-a",
		},
		{
			"contained/Ballast without network", contained(), networks(front),
			labels{},
			"shares no network with Ballast (it has front, Ballast none); run: docker network connect front lb",
		},
		{
			"contained/nobody has a network", contained(), networks(),
			labels{},
			"shares no network with Ballast, neither has one; recreate both with: --network <name>",
		},
		{
			"contained/host network", contained("proxy"), hostNetwork,
			labels{},
			"shares the host's network, which leads nowhere from Ballast's container; recreate it with: --network proxy",
		},
		{
			"contained/host network, Ballast without network", contained(), hostNetwork,
			labels{},
			"shares the host's network, which leads nowhere from Ballast's container; run Ballast with: --network host",
		},
		{"contained in the host's network", Place{Self: "self", Reachable: true}, networks(front), labels{}, "front 172.18.0.2:8080"},

		{"remote/published", remote, published("0.0.0.0"), labels{}, "published 10.9.8.7:32768"},
		{"remote/published at one address", remote, published("10.1.1.1"), labels{}, "published 10.1.1.1:32768"},
		{
			"remote/not published", remote, ports(tcp(8080)),
			labels{},
			"does not publish port 8080, and container addresses can't be reached from here; recreate it with: -p 8080",
		},
		{
			"remote/another port published", remote, published(""),
			labels{port: 81},
			"does not publish port 81, and container addresses can't be reached from here; recreate it with: -p 81",
		},
		{"remote/host network", remote, hostNetwork, labels{}, "host 10.9.8.7:8080"},
		{
			"remote/without address",
			Place{},
			published(""),
			labels{},
			"publishes port 8080 at a host without a known address; set the engine's host as an IP address",
		},
		{"desktop/published", desktop, published("127.0.0.1"), labels{}, "published 127.0.0.1:32768"},
		{
			"desktop/not published", desktop, ports(tcp(8080)),
			labels{},
			"does not publish port 8080, and container addresses can't be reached from here; recreate it with: -p 127.0.0.1::8080",
		},
		{
			"desktop/host network", desktop, hostNetwork,
			labels{},
			"shares the network of a host that can't be reached from here; recreate it without --network host, with: -p 127.0.0.1::8080",
		},

		{"port/label, not exposed", onHost, ports(), labels{port: 81}, "front 172.18.0.2:81"},
		{
			"port/none exposed", onHost, ports(engine.Port{Number: 53, Protocol: "udp"}),
			labels{},
			"exposes no TCP port; recreate it with the label ballast.port=<port> of its server",
		},
		{
			"port/several exposed", onHost, ports(tcp(443), tcp(80)),
			labels{},
			"exposes several TCP ports (80 443); recreate it with the label ballast.port=80, or another of them",
		},
		{"port/published twice is one", onHost, ports(tcp(80), tcp(80)), labels{}, "front 172.18.0.2:80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := engine.Container{
				Summary:  engine.Summary{Name: "web-a"},
				Networks: []engine.Network{front}, Ports: []engine.Port{tcp(8080)},
			}
			tt.change(&c)
			network, address, err := dial(tt.place, "ballast", &c, &tt.labels)
			got := network + " " + address.String()
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("dial() = %s\nwant     %s", got, tt.want)
			}
		})
	}
}
