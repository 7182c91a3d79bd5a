package balance_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
)

const (
	ms  = time.Millisecond
	tau = 10 * time.Second
	day = 24 * time.Hour
)

// told is one call of Observe, of Fail if took is 0, or of AtLeast if it is negative.
type told struct{ took, at time.Duration }

func costOf(calls ...told) *balance.Cost {
	c := new(balance.Cost)
	for _, call := range calls {
		switch {
		case call.took == 0:
			c.Fail(call.at)
		case call.took < 0:
			c.AtLeast(-call.took, call.at)
		default:
			c.Observe(call.took, call.at)
		}
	}
	return c
}

func TestCost(t *testing.T) {
	e := func(d, after time.Duration) time.Duration {
		return time.Duration(float64(d) * math.Exp(-float64(after)/float64(tau)))
	}
	tests := []struct {
		name  string
		calls []told
		at    time.Duration
		want  time.Duration
	}{
		{"the first answer", []told{{20 * ms, time.Hour}}, time.Hour, 20 * ms},
		{"at time 0", []told{{20 * ms, 0}}, 0, 20 * ms},
		{"a peak counts at once", []told{{20 * ms, 0}, {2 * time.Second, 1}}, 1, 2 * time.Second},
		{"decays without answers", []told{{20 * ms, 0}}, tau, e(20*ms, tau)},
		{"and for as long as it likes", []told{{time.Hour, 0}}, day, 0},
		{"a fast answer pulls it down a little", []told{{time.Second, 0}, {100 * ms, tau / 10}}, tau / 10, e(900*ms, tau/10) + 100*ms},
		{"and more after a while", []told{{time.Second, 0}, {100 * ms, 10 * tau}}, 10 * tau, 100 * ms},
		{"steps of less than a tick add up", steps(time.Second, ms, 30*time.Microsecond, time.Second), time.Second, e(999*ms, time.Second) + ms},
		{"a late witness does not decay it", []told{{time.Second, time.Minute}, {ms, time.Minute - time.Second}}, time.Minute, time.Second},
		{"but raises it", []told{{ms, time.Minute}, {time.Second, time.Minute - time.Second}}, time.Minute, time.Second},
		{"a clock that lags", []told{{time.Second, time.Minute}}, time.Minute - time.Second, time.Second},
		{"an answer in no time", []told{{1, time.Minute}}, time.Minute, 1},
		{"where stamps wrap", []told{{time.Second, 1<<32*100*time.Microsecond - time.Second}}, 1<<32*100*time.Microsecond + time.Second, e(time.Second, 2*time.Second)},
		{"the first answer late in an era", []told{{time.Second, 1<<32*100*time.Microsecond - time.Second}}, 1<<32*100*time.Microsecond - time.Second, time.Second},

		{"who gave up raises it", []told{{20 * ms, 0}, {-2 * time.Second, time.Second}}, time.Second, 2 * time.Second},
		{"also to what it was", []told{{time.Second, 0}, {-time.Second, tau}}, tau, time.Second},
		{"and never lowers it", []told{{time.Second, 0}, {-100 * ms, tau / 10}}, tau / 10, e(time.Second, tau/10)},
		{"a late witness who gave up raises it", []told{{ms, time.Minute}, {-time.Second, time.Minute - time.Second}}, time.Minute, time.Second},
		{"who gave up first of all", []told{{-2 * time.Second, 0}}, 0, 2 * time.Second},
		{"and at once", []told{{-ms, 0}}, 0, 100 * ms},
		{"who gave up late raises it to 10 s", []told{{20 * ms, 0}, {-10 * time.Minute, 0}}, 0, 10 * time.Second},
		{"also first of all", []told{{-10 * time.Minute, 0}}, 0, 10 * time.Second},
		{"and not what answers took", []told{{time.Minute, 0}, {-10 * time.Minute, 0}}, 0, time.Minute},

		{"a failure first of all", []told{{0, 0}}, 0, 100 * ms},
		{"a failure doubles", []told{{20 * ms, 0}, {0, time.Second}}, time.Second, 40 * ms},
		{"what decayed counts whole again", []told{{20 * ms, 0}, {0, time.Hour}}, time.Hour, 40 * ms},
		{"failures stop at 10 s", []told{{6 * time.Second, 0}, {0, 0}, {0, 0}, {0, 0}}, 0, 10 * time.Second},
		{"and do not lower what is above", []told{{20 * time.Second, 0}, {0, 0}}, 0, 20 * time.Second},
		{"a fast answer after it changes nothing", []told{{20 * ms, 0}, {0, time.Minute}, {1, time.Minute}}, time.Minute, 40 * ms},
		{"a timeout after it counts", []told{{20 * ms, 0}, {0, time.Minute}, {30 * time.Second, time.Minute}}, time.Minute, 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := costOf(tt.calls...).At(tt.at)
			// A float32 has 24 bits.
			if off := (got - tt.want).Abs(); !ok || off > max(1, tt.want/1000) {
				t.Errorf("At() = %s, %t, want %s within a thousandth", got, ok, tt.want)
			}
		})
	}
}

// steps is a peak at 0 and fast answers each interval until the end.
func steps(peak, fast, interval, end time.Duration) []told {
	calls := []told{{peak, 0}}
	for at := interval; at <= end; at += interval {
		calls = append(calls, told{fast, at})
	}
	return calls
}

func TestCost_without_history(t *testing.T) {
	if got, ok := new(balance.Cost).At(time.Hour); got != 0 || ok {
		t.Errorf("At() = %s, %t, want 0, false", got, ok)
	}
}

func TestCost_keeps_the_peak_of_many_witnesses(t *testing.T) {
	var (
		c  balance.Cost
		wg sync.WaitGroup
	)
	const witnesses = 8
	for w := range witnesses {
		wg.Go(func() {
			for i := range 1000 {
				c.Observe(time.Duration(i*witnesses+w+1)*ms, time.Minute)
			}
		})
	}
	wg.Wait()
	if got, _ := c.At(time.Minute); (got - 8000*ms).Abs() > ms {
		t.Errorf("At() = %s, want the longest of all, 8s", got)
	}
}

// 7 goroutines of 1 failure each: each doubles, none is lost. 50 ms * 2^7 = 6.4 s.
func TestCost_counts_every_failure(t *testing.T) {
	for range 200 {
		var (
			c  balance.Cost
			wg sync.WaitGroup
		)
		c.Observe(50*ms, 0)
		for range 7 {
			wg.Go(func() { c.Fail(0) })
		}
		wg.Wait()
		if got, _ := c.At(0); (got - 6400*ms).Abs() > ms {
			t.Fatalf("At() = %s, want 6.4s", got)
		}
	}
}

func BenchmarkCost_Observe(b *testing.B) {
	var c balance.Cost
	c.Observe(time.Second, 0)
	now := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 100 * time.Microsecond
		c.Observe(time.Millisecond, now)
	}
}

func BenchmarkCost_Observe_by_all(b *testing.B) {
	var c balance.Cost
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		now := time.Duration(0)
		for pb.Next() {
			now += 100 * time.Microsecond
			c.Observe(time.Millisecond, now)
		}
	})
}
