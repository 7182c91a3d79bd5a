//go:build docker

package e2e

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/steady"
)

const (
	// reuseRate is what each of four loads asks for: two pools, by HTTP/1.1 and by HTTP/2, which is the other front's.
	reuseRate = 40
	swaps     = 8
	restarts  = 4
)

// reuseSettings bound how long what a container was serving hangs when its network is gone.
var reuseSettings = labels{"queue.size": "5000", "health.path": "/health", "timeout": "5s"}

// TestReusedAddress has an address change hands between containers, at once and again and again, under load: each answer is from
// the pool that was asked, no connection is kept over the change, and nothing is lost but what a container was serving when it
// was killed.
func TestReusedAddress(t *testing.T) {
	h := newHost(t)
	ip := h.fixedAddress()
	h.members("red", reuseSettings, env{"MOCK_LATENCY": "5ms"}, "stays")
	h.members("blue", reuseSettings, env{"MOCK_LATENCY": "5ms"}, "stays")
	t.Run("by_another_pool", func(t *testing.T) { h.with(t).testHandsOn(ip) })
	t.Run("by_the_same_container", func(t *testing.T) { h.with(t).testRestarts(ip) })
}

func (h *host) testHandsOn(ip netip.Addr) {
	load := h.askBoth()
	name := h.joinAt(ip, "blue")
	for i := range swaps {
		kept := h.keepsConnections(load, name, ip)
		load.killing(func() {
			if i%4 >= 2 { // So that no connection is told of its end.
				h.docker("network", "disconnect", h.network, name)
			}
			h.docker("rm", "-f", name)
		})
		name = h.joinAt(ip, []string{"red", "blue"}[i%2])
		h.wantGone(kept)
	}
	h.keepsConnections(load, name, ip)
	load.judge(h)
}

func (h *host) testRestarts(ip netip.Addr) {
	load := h.askBoth()
	name := h.joinAt(ip, "red")
	for i := range restarts {
		kept := h.keepsConnections(load, name, ip)
		load.killing(func() { h.docker("restart", "-t", []string{"10", "0"}[i%2], name) })
		h.wantGone(kept)
	}
	h.keepsConnections(load, name, ip)
	load.judge(h)
}

// fixedAddress is one that containers of the stack can have, in a network of their own, which the stack has from now on.
func (h *host) fixedAddress() netip.Addr {
	h.t.Helper()
	network := h.name + "-fixed"
	for range 20 { // Others may have the subnet.
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(128 + rand.IntN(100)), byte(rand.IntN(256)), 0}), 24)
		out, err := exec.CommandContext(h.t.Context(), "docker", "network", "create", "--subnet", subnet.String(), network).CombinedOutput()
		if err != nil {
			h.t.Logf("docker network create: %v\n%s", err, out)
			continue
		}
		h.network = network
		h.t.Cleanup(func() {
			if out, err := exec.Command("docker", "network", "rm", network).CombinedOutput(); err != nil {
				h.t.Errorf("docker network rm: %v\n%s", err, out)
			}
		})
		last := subnet.Addr().As4()
		last[3] = 200 // Docker gives the lowest to whoever does not ask.
		return netip.AddrFrom4(last)
	}
	h.t.Fatal("no subnet is free")
	return netip.Addr{}
}

// joinAt runs the container of a pool that is to have the address.
func (h *host) joinAt(ip netip.Addr, of string) (name string) {
	h.t.Helper()
	l := labels{"pool": of, "host": of + ".example"}
	maps.Copy(l, reuseSettings)
	return h.join(of+"-moves", l, "--ip", ip.String(), "-e", "MOCK_LATENCY=5ms", h.mock)
}

// keepsConnections waits until a container serves at the address and both fronts keep connections to it, and returns those.
func (h *host) keepsConnections(load *reuse, name string, ip netip.Addr) (kept map[string]bool) {
	h.t.Helper()
	of := strings.TrimSuffix(strings.TrimPrefix(name, h.name+"-"), "-moves")
	p := h.waitPool(of, name+" serves", 20*time.Second, func(p pool) bool { return p.state(name) == "ready" })
	served := p.backend(name).Requests
	address := netip.MustParseAddrPort(p.backend(name).Address)
	if address.Addr() != ip {
		h.t.Fatalf("%s has the address %s, want %s", name, address, ip)
	}
	h.more(load.loads, reuseRate/2)
	h.waitPool(of, name+" has served", 20*time.Second, func(p pool) bool { return p.backend(name).Requests > served+20 })
	kept = map[string]bool{}
	for socket, peer := range h.sockets() {
		if peer == address {
			kept[socket] = true
		}
	}
	if len(kept) < 2 {
		h.t.Errorf("%d connections to %s, want some of each front", len(kept), name)
	}
	load.kept += len(kept)
	return kept
}

// wantGone waits until none of the connections is open.
func (h *host) wantGone(kept map[string]bool) {
	h.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		left := 0
		for socket := range h.sockets() {
			if kept[socket] {
				left++
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			h.t.Errorf("%d connections of %d outlive the container that they were made to", left, len(kept))
			return
		}
	}
}

// sockets are the IPv4 connections that somebody on this host has open, in whatever state: the peer of each by inode, which is not
// used again as soon as a port is.
func (h *host) sockets() map[string]netip.AddrPort {
	h.t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		h.t.Fatal(err)
	}
	all := map[string]netip.AddrPort{}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[0] == "sl" || f[9] == "0" { // Which is nobody's any more.
			continue
		}
		var ip uint32
		var port uint16
		if _, err := fmt.Sscanf(f[2], "%08X:%04X", &ip, &port); err != nil {
			h.t.Fatalf("/proc/net/tcp has %q: %v", line, err)
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], ip)
		all[f[9]] = netip.AddrPortFrom(netip.AddrFrom4(b), port)
	}
	return all
}

// reuse is the load on both pools by both fronts, and when containers were killed.
type reuse struct {
	loads []*steady.Load
	kills [][2]time.Time
	kept  int
}

func (h *host) askBoth() *reuse {
	r := &reuse{}
	for _, of := range []string{"red", "blue"} {
		for _, http2 := range []bool{false, true} {
			r.loads = append(r.loads, steady.Start(steady.Options{
				URL: "http://" + h.listen + "/", Host: of + ".example", PerSecond: reuseRate, Body: 1000, HTTP2: http2,
				Holds: `"container":"` + h.name + "-" + of + "-",
			}))
		}
	}
	return r
}

// killing notes how long it takes to kill.
func (r *reuse) killing(kill func()) {
	began := time.Now()
	kill()
	r.kills = append(r.kills, [2]time.Time{began, time.Now()})
}

// judge ends the load. Nothing may have failed but what a container was serving when it was killed: POST requests, and all that
// could not be told.
func (r *reuse) judge(h *host) {
	h.t.Helper()
	sent, served := int64(0), 0
	h.more(r.loads, reuseRate)
	for _, l := range r.loads {
		report := l.Stop()
		sent += report.Sent
		for _, f := range report.Failures {
			killed := slices.ContainsFunc(r.kills, func(k [2]time.Time) bool { return f.At.Before(k[1]) && f.At.Add(f.Took).After(k[0]) })
			if killed && (f.Method == http.MethodPost && f.Why == "no-answer answered 502 Bad Gateway" || f.Why == "timeout answered 504 Gateway Timeout") {
				served++
				continue
			}
			h.t.Error(f)
		}
	}
	h.t.Logf("%d requests; the address changed hands %d times, with %d connections kept to it; %d that failed were being served then", sent, len(r.kills), r.kept, served)
}
