package front_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// world is a front between the client and the backends of a script.
type world struct {
	t      *testing.T
	script *script
	core   *proxy.Core
	front  *front.Front
	cast   *cast
	client *talker

	mu     sync.Mutex
	dialed int // guarded by mu
	failed int // How many attempts to connect did; guarded by mu.

	drained chan error // nil until the front is drained.
}

func newWorld(t *testing.T, s *script, connect func(ctx context.Context, address string) (net.Conn, error)) *world {
	w := &world{t: t, script: s, core: proxy.New(proxy.Options{Logger: zerolog.Nop()}), cast: &cast{script: s}}
	w.front = front.New(w.core, front.Options{
		Logger: zerolog.Nop(),
		Route:  lb(w.core),
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			if err := w.dial(ctx); err != nil {
				return nil, err
			}
			return connect(ctx, address)
		},
	})
	w.client = &talker{script: s, drain: w.drain, busy: w.front.InFlight, stuck: 5 * time.Minute}
	return w
}

// serve makes addresses the backends of the pool.
func (w *world) serve(addresses ...string) {
	pool := &containers.Pool{Name: "default", Settings: containers.Settings{
		Policy: balance.PolicyRoundRobin, Timeout: 4 * time.Second, ConnectTimeout: 2 * time.Second, Retries: 1,
	}}
	if w.script.real {
		pool.Settings.Timeout = time.Minute
	}
	if w.script.lone {
		addresses = addresses[:1]
	}
	for _, address := range addresses {
		pool.Backends = append(pool.Backends, containers.Backend{
			Identity: containers.Identity{Container: address, StartedAt: 1, Network: "net", Address: netip.MustParseAddrPort(address)},
			Name:     address, Weight: 1, Scheme: "http", State: containers.StateReady,
		})
	}
	w.core.Apply(&containers.Snapshot{Pools: []*containers.Pool{pool}})
	for _, b := range pool.Backends {
		w.core.SetHealth(b.Identity, true, "")
	}
}

// dial is what the script says of the next attempt to connect.
func (w *world) dial(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	outcome := dialWorks
	if w.dialed < len(w.script.dials) {
		outcome = w.script.dials[w.dialed]
	}
	w.dialed++
	switch {
	case outcome == dialWorks:
		return nil
	case outcome == dialHangs && !w.script.real:
		<-ctx.Done()
	}
	w.failed++
	return syscall.ECONNREFUSED
}

// drain begins to drain the front.
func (w *world) drain() {
	if w.drained != nil {
		return
	}
	w.drained = make(chan error, 1)
	go func() { // Awaited by finish.
		ctx, cancel := context.WithTimeout(context.Background(), w.client.stuck/2)
		defer cancel()
		w.drained <- w.front.Drain(ctx)
	}()
}

// finish ends all, and checks that nothing is left.
func (w *world) finish(served <-chan error) {
	w.drain()
	if err := <-w.drained; err != nil && !w.script.endless() {
		w.t.Errorf("Drain() = %v", err)
	}
	if err := <-served; err != nil {
		w.t.Errorf("Serve() = %v", err)
	}
	w.cast.wg.Wait()
	left := int64(w.front.InFlight())
	for _, p := range w.core.Report(time.Now()).Pools {
		left += p.InFlight
		for _, b := range p.Backends {
			left += b.InFlight
		}
	}
	if left != 0 {
		w.t.Errorf("%d in flight when all is over", left)
	}
	for _, violation := range newModel(w).check() {
		w.t.Error(violation)
	}
	if w.t.Failed() {
		w.t.Logf("script: %s", w.script.describe())
		w.t.Logf("heard and received: %s", w.describe())
	}
}

func (w *world) describe() string {
	var b strings.Builder
	for i, h := range w.client.hears[:w.client.listened] {
		fmt.Fprintf(&b, "heard %d: %q, %d fields, %d bytes of body, whole %t last %t late %t interims %v err %v own %q tunnel %d\n",
			i, h.start, len(h.fields), len(h.body), h.whole, h.last, h.late, h.interims, h.err, h.value("x-ballast-error"), len(h.tunnel))
	}
	fmt.Fprintf(&b, "then %.200q, %v; sent %v, withheld %t\n", w.client.rest, w.client.restErr, w.client.sent, w.client.withheld)
	for _, r := range w.cast.receipts {
		fmt.Fprintf(&b, "received %d: %.60q, %d bytes of body, whole %t kept %t played %t tunnel %d err %v\n",
			r.id, r.start, len(r.body), r.whole, r.kept, r.played, len(r.tunnel), r.err)
	}
	fmt.Fprintf(&b, "dropped %d, failed dials %d", w.cast.dropped, w.failed)
	return b.String()
}
