package enginetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/engine"
)

func testStats(t *testing.T, s *suite) {
	id := s.run(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before := leakOptions()
	var samples []engine.Stats
	for sample, err := range s.Engine.Stats(ctx, id) {
		must(t, "Stats", err)
		if samples = append(samples, sample); len(samples) == 2 {
			break
		}
	}
	goleak.VerifyNone(t, before...)
	if len(samples) != 2 {
		t.Fatalf("Stats() yielded %d samples of a running container", len(samples))
	}
	first, second := samples[0], samples[1]
	if apart := second.Time.Sub(first.Time); apart < 500*time.Millisecond || apart > 10*time.Second {
		t.Errorf("samples are %v apart, want about a second", apart)
	}
	if second.CPU < first.CPU {
		t.Errorf("processor time went from %v to %v", first.CPU, second.CPU)
	}
	if second.Cores <= 0 {
		t.Errorf("Cores = %v, want some", second.Cores)
	}
	if second.Memory > second.MemoryLimit {
		t.Errorf("Memory = %d of %d", second.Memory, second.MemoryLimit)
	}
}

func testStatsEnds(t *testing.T, s *suite) {
	id := s.run(t)
	t.Run("with the context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var last error
		for _, err := range s.Engine.Stats(ctx, id) {
			last = err
			cancel()
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("Stats ended with %v, want context.Canceled", last)
		}
	})
	t.Run("with the container", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		samples := 0
		for _, err := range s.Engine.Stats(ctx, id) {
			must(t, "Stats", err)
			if samples++; samples == 1 {
				must(t, "Stop", s.Engine.Stop(ctx, id, 5*time.Second))
			}
		}
		if samples == 0 {
			t.Error("Stats yielded nothing of a running container")
		}
		for range s.Engine.Stats(ctx, id) {
			t.Fatal("Stats yielded something of a stopped container, want an end without an error")
		}
	})
}
