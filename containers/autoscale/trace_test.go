package autoscale

import (
	"context"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var traceEpoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// feed adds one second after the other, each with so many requests that take 0.1 s.
func feed(t *Trace, perSecond ...uint64) {
	c, at := t.last, t.started.Add(time.Duration(t.seconds)*time.Second)
	if t.started.IsZero() {
		at = traceEpoch
		t.Add(at, c)
	}
	for _, n := range perSecond {
		at = at.Add(time.Second)
		c.Requests, c.Served, c.Service = c.Requests+n, c.Served+n, c.Service+0.1*float64(n)
		t.Add(at, c)
	}
}

func TestTrace_gives_back_what_came(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, 0))
	top := []uint64{0, 1, 2, 40, 1000, 70_000, math.MaxUint32}
	var in []uint64
	for range 5*traceChunk + 123 {
		// The width changes from chunk to chunk.
		in = append(in, random.Uint64N(top[len(in)/(traceChunk/2)%len(top)]+1))
	}
	var trace Trace
	feed(&trace, in...)
	got := slices.Collect(trace.Record().Seconds())
	if len(got) != len(in) {
		t.Fatalf("%d seconds were kept, want %d", len(got), len(in))
	}
	for i, n := range in {
		if uint64(got[i]) != n {
			t.Fatalf("second %d has %d requests, want %d (seed %d)", i, got[i], n, seed)
		}
	}
}

func TestTrace_keeps_a_day(t *testing.T) {
	const day = 24 * 3600
	in := make([]uint64, day+2*traceChunk+10)
	for i := range in {
		in[i] = uint64(i)
	}
	var trace Trace
	feed(&trace, in...)
	r := trace.Record()
	got := slices.Collect(r.Seconds())
	if len(got) != day+10 {
		t.Fatalf("%d seconds were kept, want a day and 10 s of the next chunk", len(got))
	}
	if want := uint32(len(in) - len(got)); got[0] != want || got[len(got)-1] != uint32(len(in)-1) {
		t.Errorf("seconds go from %d to %d, want %d to %d", got[0], got[len(got)-1], want, len(in)-1)
	}
	if want := traceEpoch.Add(time.Duration(2*traceChunk) * time.Second); !r.Started.Equal(want) {
		t.Errorf("the trace began at %s, want %s", r.Started, want)
	}
	if r.Service < 0.0999 || r.Service > 0.1001 {
		t.Errorf("a request took %f s, want 0.1", r.Service)
	}
}

func TestTrace_bears_ticks_that_are_late_or_early(t *testing.T) {
	var trace Trace
	trace.Add(traceEpoch, Counters{Requests: 100})
	for i, at := range []time.Duration{1, 1990, 3010, 3020, 6000, 7000} {
		trace.Add(traceEpoch.Add(at*time.Millisecond), Counters{Requests: uint64(100 + 10*i)})
	}
	// 0.001 s is no second; from 3 s on three passed.
	want := []uint32{5, 5, 10, 6, 7, 7, 10}
	if got := slices.Collect(trace.Record().Seconds()); !slices.Equal(got, want) {
		t.Errorf("seconds = %v, want %v", got, want)
	}
}

func TestTrace_after_a_long_sleep(t *testing.T) {
	var trace Trace
	trace.Add(traceEpoch, Counters{})
	trace.Add(traceEpoch.Add(48*time.Hour), Counters{Requests: 48 * 3600})
	got := slices.Collect(trace.Record().Seconds())
	if len(got) != 24*3600 || slices.Min(got) != 1 || slices.Max(got) != 1 {
		t.Errorf("%d seconds with %d to %d requests, want a day with 1 each", len(got), slices.Min(got), slices.Max(got))
	}
}

func TestTrace_of_counters_that_begin_anew(t *testing.T) {
	var trace Trace
	trace.Add(traceEpoch, Counters{Requests: 50, Served: 50, Service: 50})
	trace.Add(traceEpoch.Add(time.Second), Counters{Requests: 60, Served: 60, Service: 60})
	trace.Add(traceEpoch.Add(2*time.Second), Counters{Requests: 4, Served: 2, Service: 1})
	r := trace.Record()
	if got := slices.Collect(r.Seconds()); !slices.Equal(got, []uint32{10, 4}) || r.Service != 0.5 {
		t.Errorf("seconds = %v of %f s, want 10 and 4 of 0.5 s", got, r.Service)
	}
}

func TestTrace_of_time_that_lags_behind(t *testing.T) {
	var trace Trace
	trace.Add(traceEpoch, Counters{Requests: 50})
	trace.Add(traceEpoch.Add(time.Second), Counters{Requests: 60, Served: 10, Service: 2.5})
	trace.Add(traceEpoch.Add(2*time.Second), Counters{Requests: 61, Served: 9, Service: 2.4999})
	r := trace.Record()
	if got := slices.Collect(r.Seconds()); !slices.Equal(got, []uint32{10, 1}) || r.Service != 0.25 {
		t.Errorf("seconds = %v of %f s, want 10 and 1 of 0.25 s", got, r.Service)
	}
}

func TestTrace_service_is_of_what_is_kept(t *testing.T) {
	var trace Trace
	c := Counters{}
	for i := range traceChunks*traceChunk + traceChunk + 1 {
		trace.Add(traceEpoch.Add(time.Duration(i)*time.Second), c)
		c.Requests, c.Served = c.Requests+1, c.Served+1
		if c.Service += 0.1; i < traceChunk { // What this says is forgotten.
			c.Service += 100
		}
	}
	if got := trace.Record().Service; math.Abs(got-0.1) > 0.001 {
		t.Errorf("a request took %f s, want 0.1", got)
	}
}

func TestTrace_record_does_not_change(t *testing.T) {
	var trace Trace
	feed(&trace, slices.Repeat([]uint64{3}, traceChunk-1)...)
	r := trace.Record()
	feed(&trace, slices.Repeat([]uint64{9}, 2*traceChunk)...)
	if got := slices.Collect(r.Seconds()); len(got) != traceChunk-1 || slices.Max(got) != 3 {
		t.Errorf("the record has %d seconds up to %d, want %d with 3", len(got), slices.Max(got), traceChunk-1)
	}
}

// bytes is what the trace takes, but for the allocator's rounding.
func (t *Trace) bytes() int {
	n := 64*cap(t.packed) + 4*cap(t.open)
	for _, p := range t.packed {
		n += 8 * cap(p.words)
	}
	return n
}

func TestTrace_is_small(t *testing.T) {
	const seed = 11
	tests := []struct {
		name string
		rate float64
		most int
	}{
		{"idle", 0, 20 << 10},
		{"1 per second", 1, 50 << 10},
		{"10 per second", 10, 70 << 10},
		{"100 per second", 100, 90 << 10},
		{"1000 per second", 1000, 125 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var trace Trace
			for range 25 * 3600 {
				n := tt.rate + math.Sqrt(tt.rate)*random.NormFloat64()
				feed(&trace, uint64(max(0, math.Round(n))))
			}
			if got := trace.bytes(); got > tt.most {
				t.Errorf("a day takes %d bytes, want at most %d (seed %d)", got, tt.most, seed)
			} else {
				t.Logf("a day takes %d bytes", got)
			}
		})
	}
}

func BenchmarkTrace_Add(b *testing.B) {
	var trace Trace
	at, c := traceEpoch, Counters{}
	b.ReportAllocs()
	for b.Loop() {
		at, c.Requests = at.Add(time.Second), c.Requests+100
		trace.Add(at, c)
	}
}

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var counters atomic.Pointer[map[string]Counters]
		counters.Store(&map[string]Counters{"web": {Requests: 1000}})
		r := NewRecorder(func(time.Time) iter.Seq2[string, Counters] { return maps.All(*counters.Load()) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		pass := func(d time.Duration) {
			time.Sleep(d) // By the bubble's clock.
			synctest.Wait()
		}
		pass(500 * time.Millisecond)
		for n := range uint64(3) {
			counters.Store(&map[string]Counters{"web": {Requests: (*counters.Load())["web"].Requests + n}})
			pass(time.Second)
		}
		got, ok := r.Record("web")
		if s := slices.Collect(got.Seconds()); !ok || !slices.Equal(s, []uint32{0, 1, 2}) || !got.Started.Equal(began) {
			t.Errorf("Record(web) = %v since %s, %v, want 0, 1, 2 since %s", s, got.Started, ok, began)
		}
		if _, ok := r.Record("api"); ok {
			t.Error("Record(api) is something, of a pool that never was")
		}

		counters.Store(new(map[string]Counters))
		pass(59 * time.Minute)
		if _, ok := r.Record("web"); !ok {
			t.Error("the trace of a pool that was gone for 59 minutes is gone")
		}
		pass(2 * time.Minute)
		if _, ok := r.Record("web"); ok {
			t.Error("the trace of a pool that was gone for 61 minutes is kept")
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v after its context ended, want nil", err)
		}
	})
}
