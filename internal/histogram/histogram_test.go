package histogram_test

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ballast-lb/ballast/internal/histogram"
)

// durations draws over the whole range, evenly over orders of magnitude.
func durations() *rapid.Generator[[]time.Duration] {
	one := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(math.Exp(rapid.Float64Range(math.Log(1e3), math.Log(3600e9)).Draw(t, "ln")))
	})
	return rapid.SliceOfN(one, 1, 300)
}

func record(ds []time.Duration) *histogram.Histogram {
	h := new(histogram.Histogram)
	for _, d := range ds {
		h.Record(d)
	}
	return h
}

func TestSnapshot_Quantile_is_within_its_error_of_the_exact_one(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := durations().Draw(t, "durations")
		s := record(ds).Snapshot()
		slices.Sort(ds)
		var sum time.Duration
		for _, d := range ds {
			sum += d
		}
		if s.Count != uint64(len(ds)) || s.Sum != sum {
			t.Fatalf("Count, Sum = %d, %s, want %d, %s", s.Count, s.Sum, len(ds), sum)
		}
		for _, q := range []float64{0, 0.5, 0.9, 0.95, 0.99, 1} {
			rank := max(1, int(math.Ceil(q*float64(len(ds)))))
			want := ds[rank-1]
			tolerance := max(float64(want)/64+1, 500)
			if got := s.Quantile(q); math.Abs(float64(got-want)) > tolerance {
				t.Fatalf("Quantile(%v) = %s, want %s within %.0f ns", q, got, want, tolerance)
			}
		}
	})
}

func TestSnapshot_Merge_and_Sub_are_inverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := durations().Draw(t, "a"), durations().Draw(t, "b")
		h := record(a)
		older := h.Snapshot()
		for _, d := range b {
			h.Record(d)
		}
		whole, only := h.Snapshot(), record(b).Snapshot()
		equal := cmp.AllowUnexported(histogram.Snapshot{})
		if diff := cmp.Diff(only, whole.Sub(older), equal); diff != "" {
			t.Fatalf("Sub() differs from the newer part (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(whole, older.Merge(only), equal); diff != "" {
			t.Fatalf("Merge() differs from the whole (-want +got):\n%s", diff)
		}
	})
}

func TestSnapshot_Cumulative_counts_what_is_at_most_a_bound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := durations().Draw(t, "durations")
		ds = append(ds, 64*time.Microsecond, 64*time.Microsecond+1, 128*time.Microsecond)
		got := record(ds).Snapshot().Cumulative()
		for i, bound := range histogram.Bounds() {
			var want uint64
			for _, d := range ds {
				if d <= bound {
					want++
				}
			}
			if got[i] != want {
				t.Fatalf("Cumulative()[%s] = %d, want %d", bound, got[i], want)
			}
		}
	})
}

func TestHistogram_Record_clamps(t *testing.T) {
	tests := []struct {
		name string
		in   time.Duration
		want time.Duration
	}{
		{"negative", -time.Second, 500 * time.Nanosecond},
		{"zero", 0, 500 * time.Nanosecond},
		{"a day", 24 * time.Hour, 4261413 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := record([]time.Duration{tt.in}).Snapshot().Quantile(0.5)
			if got.Round(time.Millisecond) != tt.want.Round(time.Millisecond) {
				t.Errorf("Quantile(0.5) = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSnapshot_of_nothing(t *testing.T) {
	s := new(histogram.Histogram).Snapshot()
	if s.Count != 0 || s.Quantile(0.99) != 0 || s.Mean() != 0 {
		t.Errorf("an empty snapshot is %+v with p99 %s and mean %s, want zeros", s, s.Quantile(0.99), s.Mean())
	}
	if got := slices.Max(s.Cumulative()); got != 0 {
		t.Errorf("max(Cumulative()) = %d, want 0", got)
	}
}

func TestHistogram_loses_nothing_under_concurrency(t *testing.T) {
	const goroutines, each = 8, 10_000
	var (
		h  histogram.Histogram
		wg sync.WaitGroup
	)
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				h.Record(time.Duration(g*each+i) * time.Microsecond)
				if i%1000 == 0 {
					h.Snapshot()
				}
			}
		})
	}
	wg.Wait()
	if got := h.Snapshot().Count; got != goroutines*each {
		t.Errorf("Count = %d, want %d", got, goroutines*each)
	}
}

func TestHistogram_Record_allocates_nothing(t *testing.T) {
	var h histogram.Histogram
	if got := testing.AllocsPerRun(100, func() { h.Record(time.Millisecond) }); got != 0 {
		t.Errorf("Record allocates %v times, want 0", got)
	}
}

func BenchmarkHistogram_Record(b *testing.B) {
	var h histogram.Histogram
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		d := time.Duration(0)
		for pb.Next() {
			d += 997
			h.Record(d)
		}
	})
}

func BenchmarkHistogram_Snapshot(b *testing.B) {
	var h histogram.Histogram
	for i := range 10_000 {
		h.Record(time.Duration(i) * time.Microsecond)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Snapshot()
	}
}
