package history

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/internal/histogram"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// stage is a source whose readings a test sets.
type stage map[string]Reading

func (s stage) source(time.Time) iter.Seq2[string, Reading] { return maps.All(s) }

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func TestPools_rates_are_of_the_time_that_passed(t *testing.T) {
	s := stage{}
	p := NewPools(s.source)
	var h histogram.Histogram
	h.Record(time.Hour) // Before the first reading.
	s["web"] = Reading{Requests: 100, Errors: 10, Held: 5, Durations: h.Snapshot()}
	p.note(at(0))
	if got, ok := p.Series("web", time.Time{}); !ok || len(got.Time) != 0 {
		t.Fatalf("Series() after one reading = %+v, %t, want no points of a pool that is known", got, ok)
	}
	for range 100 {
		h.Record(10 * time.Millisecond)
	}
	s["web"] = Reading{
		Requests: 200, Errors: 11, Held: 8, Durations: h.Snapshot(),
		InFlight: 3, Queued: 1, Capacity: 40, Ready: 2, Desired: 4, Starting: 1, Warm: 5,
	}
	p.note(at(2))
	p.note(at(3))
	got, _ := p.Series("web", time.Time{})
	none := float32(math.NaN())
	want := Series{
		Pool: "web", Time: []int64{at(2).UnixMilli(), at(3).UnixMilli()},
		Requests: Column{50, 0}, Errors: Column{0.5, 0}, Held: Column{1.5, 0},
		P50: Column{10.1, none}, P95: Column{10.1, none}, P99: Column{10.1, none},
		InFlight: Column{3, 3}, Queued: Column{1, 1}, Capacity: Column{40, 40},
		Ready: Column{2, 2}, Desired: Column{4, 4}, Starting: Column{1, 1}, Warm: Column{5, 5},
	}
	same := cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("Series() (-want +got):\n%s", diff)
	}
}

func TestPools_Series_since(t *testing.T) {
	s := stage{"web": {}}
	p := NewPools(s.source)
	for i := range 10 {
		p.note(at(float64(i)))
	}
	for _, tt := range []struct {
		since time.Time
		want  int
	}{{time.Time{}, 9}, {at(0), 9}, {at(1), 8}, {at(8.5), 1}, {at(9), 0}, {at(99), 0}} {
		got, ok := p.Series("web", tt.since)
		if !ok || len(got.Time) != tt.want || len(got.Requests) != tt.want {
			t.Errorf("Series(%s) has %d points, want %d", tt.since, len(got.Time), tt.want)
		}
		if n := len(got.Time); n > 0 && got.Time[n-1] != at(9).UnixMilli() {
			t.Errorf("Series(%s) ends at %d, want the newest last", tt.since, got.Time[n-1])
		}
	}
	if _, ok := p.Series("other", time.Time{}); ok {
		t.Error("Series() knows a pool that never was")
	}
}

func TestPools_keeps_fifteen_minutes(t *testing.T) {
	s := stage{}
	p := NewPools(s.source)
	for i := range 2001 {
		s["web"] = Reading{InFlight: i}
		p.note(at(float64(i)))
	}
	got, _ := p.Series("web", time.Time{})
	if n := len(got.Time); n != Span || got.Time[0] != at(2001-Span).UnixMilli() || got.InFlight[n-1] != 2000 || got.InFlight[0] != 2001-Span {
		t.Errorf("%d points from %d on, want the last %d", n, got.Time[0], Span)
	}
}

// A pool that leaves and comes back keeps its history, with a gap, and begins its counters anew.
func TestPools_that_come_back(t *testing.T) {
	s := stage{"web": {Requests: 1000}}
	p := NewPools(s.source)
	p.note(at(0))
	p.note(at(1))
	delete(s, "web")
	p.note(at(2))
	s["web"] = Reading{Requests: 5}
	p.note(at(3))
	s["web"] = Reading{Requests: 12}
	p.note(at(4))
	s["web"] = Reading{Requests: 3} // Another pool of that name came within a second.
	p.note(at(5))
	got, _ := p.Series("web", time.Time{})
	if diff := cmp.Diff([]int64{at(1).UnixMilli(), at(3).UnixMilli(), at(4).UnixMilli(), at(5).UnixMilli()}, got.Time); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Column{0, 5, 7, 3}, got.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPools_forgets_what_left(t *testing.T) {
	s := stage{"web": {}}
	p := NewPools(s.source)
	p.note(at(0))
	delete(s, "web")
	p.note(at(Span))
	if _, ok := p.Series("web", time.Time{}); !ok {
		t.Error("the pool is forgotten while some of its history is young")
	}
	p.note(at(Span + 1))
	if _, ok := p.Series("web", time.Time{}); ok {
		t.Error("the pool is remembered after its time")
	}
}

func TestPools_are_bounded(t *testing.T) {
	s := stage{}
	for i := range maxPools {
		s[fmt.Sprint("old", i)] = Reading{}
	}
	p := NewPools(s.source)
	p.note(at(0))
	s["new"] = Reading{}
	p.note(at(1))
	if _, ok := p.Series("new", time.Time{}); ok || len(p.pools) != maxPools {
		t.Errorf("%d pools are remembered, want %d and none for which there is no room", len(p.pools), maxPools)
	}
	delete(s, "old7")
	p.note(at(2))
	if _, ok := p.Series("new", time.Time{}); !ok || len(p.pools) != maxPools {
		t.Errorf("%d pools are remembered, want the new one in the place of one that left", len(p.pools))
	}
	if _, ok := p.Series("old7", time.Time{}); ok {
		t.Error("the one that left is remembered, want it to make room")
	}
}

func TestPools_Run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stage{"web": {}}
		p := NewPools(s.source)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(10*time.Second + time.Millisecond) // Of the bubble's own clock.
		synctest.Wait()
		if got, _ := p.Series("web", time.Time{}); len(got.Time) != 10 {
			t.Errorf("%d points in 10 s, want 10", len(got.Time))
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
}

func TestColumn_JSON(t *testing.T) {
	tests := []struct {
		in   float64
		want string
	}{
		{0, "0"},
		{0.00049, "0"},
		{0.0126, "0.013"},
		{1.23456, "1.23"},
		{12.3456, "12.3"},
		{123.456, "123"},
		{1234.56, "1235"},
		{40, "40"},
		{1e7, "10000000"},
		{math.NaN(), "null"},
	}
	for _, tt := range tests {
		got, err := json.Marshal(Column{float32(round(tt.in))})
		if want := "[" + tt.want + "]"; err != nil || string(got) != want {
			t.Errorf("JSON of %v = %s, %v, want %s", tt.in, got, err, want)
		}
	}
	if got, err := json.Marshal(Column(nil)); err != nil || string(got) != "[]" {
		t.Errorf("JSON of no column = %s, %v, want []", got, err)
	}
}

// The docstring of Pools says so.
func TestPools_bytes(t *testing.T) {
	if got := unsafe.Sizeof(ring{}.points); got != 46_800 {
		t.Errorf("a pool's ring has %d bytes, want 46,800", got)
	}
	s := stage{}
	var h histogram.Histogram
	for d := time.Microsecond; d < time.Hour; d += d / 40 {
		h.Record(d) // In every bucket that there is.
	}
	const pools = 100
	for i := range pools {
		s[fmt.Sprint(i)] = Reading{Durations: h.Snapshot()}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	p := NewPools(s.source)
	p.note(at(0))
	p.note(at(1))
	each := (heap() - before) / pools
	if each > 56_000 {
		t.Errorf("a pool takes %d bytes, want at most 56,000", each)
	}
	runtime.KeepAlive(p)
	runtime.KeepAlive(s)
}

func BenchmarkPools_note(b *testing.B) {
	s := stage{}
	var h histogram.Histogram
	for d := 100 * time.Microsecond; d < 10*time.Second; d += d / 20 {
		h.Record(d)
	}
	const pools = 100
	p := NewPools(s.source)
	now := noon
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		h.Record(time.Second)
		reading := Reading{Durations: h.Snapshot()}
		for i := range pools {
			s[strconv.Itoa(i)] = reading
		}
		p.note(now)
	}
}
