package autoscale

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestSeries_over(t *testing.T) {
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	tests := []struct {
		name    string
		samples []int // at these ms, the value is ms/10
		now     int
		grown   float64
		over    time.Duration
	}{
		{"nothing before", []int{0}, 0, 0, 0},
		{"too young", []int{0, 90}, 90, 0, 0},
		{"what there is", []int{0, 100, 200}, 200, 20, 200 * time.Millisecond},
		{"the whole window", []int{0, 500, 1000, 1500, 2000}, 2000, 100, time.Second},
		{"at most the window", []int{0, 900, 1950}, 1950, 105, 1050 * time.Millisecond},
		{"after a pause the last one before it", []int{0, 100, 9000}, 9000, 890, 8900 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s series
			for _, ms := range tt.samples {
				s.add(at(ms), float64(ms)/10, 6*time.Second)
			}
			grown, over := s.over(at(tt.now), float64(tt.now)/10, time.Second)
			if grown != tt.grown || over != tt.over {
				t.Errorf("over() = %v in %v, want %v in %v", grown, over, tt.grown, tt.over)
			}
		})
	}
}

func TestSeries_is_bounded_and_covers_its_span(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s series
		span := time.Duration(rapid.IntRange(1, 3600).Draw(t, "span")) * time.Second
		step := time.Duration(rapid.IntRange(1, 5000).Draw(t, "step")) * time.Millisecond
		now := epoch
		for i := range 2000 {
			now = epoch.Add(time.Duration(i) * step)
			s.add(now, float64(i), span)
		}
		if s.n > seriesLen {
			t.Fatalf("%d points", s.n)
		}
		// A step of the span is lost at most, or one of the caller if those are longer.
		want := min(span, now.Sub(epoch)) - max(step, span/(seriesLen-8)+step)
		if got := now.Sub(s.at(0).at); got < want {
			t.Fatalf("the oldest point is %v old, want %v", got, want)
		}
	})
}

func TestPeaks_hold_as_long_as_asked_and_little_longer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p peaks
		hold := time.Duration(rapid.IntRange(0, 600_000).Draw(t, "hold")) * time.Millisecond
		type want struct {
			at time.Time
			n  int
		}
		var all []want
		now := epoch
		for range rapid.IntRange(1, 300).Draw(t, "n") {
			now = now.Add(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "step")) * time.Millisecond)
			all = append(all, want{now, rapid.IntRange(0, 50).Draw(t, "want")})
			got := p.add(now, all[len(all)-1].n, hold)
			least, most := 0, 0
			for _, w := range all {
				if now.Sub(w.at) <= hold {
					least = max(least, w.n)
				}
				if now.Sub(w.at) <= hold+hold/peakBuckets {
					most = max(most, w.n)
				}
			}
			if got < least || got > most {
				t.Fatalf("add() = %d, want %d to %d", got, least, most)
			}
			if len(p.buckets) > peakBuckets+2 {
				t.Fatalf("%d buckets", len(p.buckets))
			}
		}
	})
}
