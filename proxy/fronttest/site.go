package fronttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// Settings are those of a pool that picks in turn and tries one other backend.
func Settings() containers.Settings {
	return containers.Settings{
		Policy:  balance.PolicyRoundRobin,
		Timeout: Patience, ConnectTimeout: 2 * time.Second, Retries: 1,
	}
}

// Site is a core with the pool "default", a front that serves it at /lb, and a client of it.
type Site struct {
	Front

	Core *proxy.Core
	// Backends and Settings are the pool's. Apply makes changes of them take effect.
	Backends []containers.Backend
	Settings containers.Settings

	// woken is how often the core told that somebody waits.
	woken  atomic.Int64
	t      testing.TB
	client *http.Client
	scheme string
}

// NewSite serves the backends at addresses, named a, b and so on. When the test ends nothing may be in flight.
func NewSite(t testing.TB, h Harness, conf containers.Settings, o Options, addresses ...string) *Site {
	t.Helper()
	s := &Site{t: t, Settings: conf, scheme: "http"}
	core := proxy.New(proxy.Options{Logger: zerolog.Nop(), OnHold: func(string) { s.woken.Add(1) }})
	s.Core = core
	for i, address := range addresses {
		s.Backends = append(s.Backends, Spec(string(rune('a'+i)), address))
	}
	s.Apply()
	s.Front = h.Start(t, core, o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := s.Drain(ctx); err != nil {
			t.Errorf("Drain() = %v", err)
		}
	})
	t.Cleanup(s.Settled)
	if s.client = Client(t); h.http2 {
		s.client, s.scheme = client2(t), "https"
	}
	return s
}

// Spec is a backend that can take requests once it is healthy. Its container is "id-" and its name.
func Spec(name, address string) containers.Backend {
	return containers.Backend{
		Identity: containers.Identity{
			Container: "id-" + name, StartedAt: 1, Network: "net", Address: netip.MustParseAddrPort(address),
		},
		Name: name, Weight: 1, Scheme: "http", State: containers.StateReady,
	}
}

// Apply makes Backends and Settings the truth, all healthy.
func (s *Site) Apply() {
	s.Core.Apply(&containers.Snapshot{Pools: []*containers.Pool{
		{Name: "default", Settings: s.Settings, Backends: s.Backends},
	}})
	for _, b := range s.Backends {
		s.Core.SetHealth(b.Identity, true, "")
	}
}

// URL is where a path of the pool is served.
func (s *Site) URL(path string) string { return s.scheme + "://" + s.Address + "/lb" + path }

// Ask sends a request for a path of the pool over kept connections, and reads the answer.
func (s *Site) Ask(method, path string, body io.Reader) (Answer, error) {
	s.t.Helper()
	return Do(s.client, Request(s.t, method, s.URL(path), body))
}

// Dial opens a connection to the front and sends text.
func (s *Site) Dial(text string) net.Conn {
	s.t.Helper()
	conn := dial(s.t, s.Address)
	fmt.Fprint(conn, text)
	return conn
}

// Say sends text on a connection of its own, and returns the first answer and the connection's reader.
func (s *Site) Say(text string) (Answer, *bufio.Reader) {
	s.t.Helper()
	r := bufio.NewReader(s.Dial(text))
	answer, err := ReadAnswer(r)
	if err != nil {
		s.t.Fatalf("no answer: %v", err)
	}
	return answer, r
}

// SayAll sends text on a connection of its own, and returns all that comes until the front ends it.
func (s *Site) SayAll(text string) (string, error) {
	s.t.Helper()
	conn := s.Dial(text)
	defer conn.Close()
	all, err := io.ReadAll(conn)
	return string(all), err
}

// Settled waits until nothing is in flight anywhere.
func (s *Site) Settled() {
	s.t.Helper()
	Eventually(s.t, "in flight to be 0", func() bool {
		total := int64(s.InFlight())
		for _, p := range s.Core.Report(time.Now()).Pools {
			total += p.InFlight
			for _, b := range p.Backends {
				total += b.InFlight
			}
		}
		return total == 0
	})
}

// Report is the pool's, when nothing is in flight.
func (s *Site) Report() proxy.PoolReport {
	s.t.Helper()
	s.Settled()
	return s.Core.Report(time.Now()).Pools[0]
}

// WantCounts checks the requests and errors of the pool, and the errors of its backends together.
func (s *Site) WantCounts(requests, errors, backendErrors uint64) {
	s.t.Helper()
	r := s.Report()
	var atBackends uint64
	for _, b := range r.Backends {
		atBackends += b.Errors
	}
	if r.Requests != requests || r.Errors != errors || atBackends != backendErrors {
		s.t.Errorf("requests, errors, errors of backends = %d, %d, %d, want %d, %d, %d",
			r.Requests, r.Errors, atBackends, requests, errors, backendErrors)
	}
}
