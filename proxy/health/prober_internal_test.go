package health

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

type passing struct{}

func (passing) Check(context.Context, netip.AddrPort, Check) error { return nil }

// Run may look only after several changes. Whoever waits for a target that was out in between to pass a check
// again is told.
func TestProber_begins_anew_with_what_was_out_between_two_looks(t *testing.T) {
	reports := make(chan Result[string], 10)
	p := New(passing{}, func(r Result[string]) { reports <- r }, zerolog.Nop())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	probes := make(map[string]*probe[string])
	targets := []Target[string]{{Key: "a", Check: Check{Path: "/"}}}

	p.Set(targets)
	p.reconcile(ctx, probes, &wg)
	<-reports
	p.Set(targets)
	p.reconcile(ctx, probes, &wg)
	stayed := probes["a"]
	p.Set(nil)
	p.Set(targets)
	p.reconcile(ctx, probes, &wg)
	if probes["a"] == stayed {
		t.Fatal("the probe goes on, and will not report again what it has reported")
	}
	if r := <-reports; r.Key != "a" || !r.Healthy {
		t.Errorf("report %+v, want that a is healthy", r)
	}
}
