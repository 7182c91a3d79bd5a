package containers

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// Case 35: the first sync of 1,000 labelled containers. It takes some 50 ms; a machine that does other things as well needs
// longer, and what grows with their square much longer.
func TestReconciler_thousand_containers(t *testing.T) {
	s := newScript(many(1000)...)
	took := syncOnce(t, s)
	t.Logf("sync of 1,000 containers: %v", took)
	if took > 10*time.Second {
		t.Errorf("sync took %v, want far under 10 s", took)
	}
}

func BenchmarkReconciler_thousand_containers(b *testing.B) {
	s := newScript(many(1000)...)
	for b.Loop() {
		syncOnce(b, s)
	}
}

// syncOnce runs a Reconciler until its first snapshot, looks whether that is right and says how
// long it took.
func syncOnce(tb testing.TB, s *script) time.Duration {
	began := time.Now()
	r := NewReconciler(ReconcilerOptions{Engine: s, Prefix: "ballast", Logger: zerolog.Nop()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	<-r.Synced()
	took := time.Since(began)
	cancel()
	if err := <-done; err != nil {
		tb.Errorf("Run() = %v", err)
	}
	routed := 0
	for _, p := range r.Snapshot().Pools {
		routed += len(p.Backends)
	}
	if routed != 1000 || len(r.Snapshot().Pools) != 10 {
		tb.Errorf("%d backends in %d pools, want 1,000 in 10", routed, len(r.Snapshot().Pools))
	}
	return took
}
