package autoscale

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// arrive feeds arrivals with Poisson counts of a rate for d, and returns the time and count reached.
func arrive(a *arrivals, r *rand.Rand, now time.Time, count, rate float64, d time.Duration, each func(now time.Time, count float64)) (time.Time, float64) {
	for end := now.Add(d); now.Before(end); {
		now = now.Add(Tick)
		count += poisson(r, rate*Tick.Seconds())
		a.add(now, count)
		if each != nil {
			each(now, count)
		}
	}
	return now, count
}

// poisson draws by multiplying (Knuth): fine for small means.
func poisson(r *rand.Rand, mean float64) float64 {
	n, p, limit := 0.0, r.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

func TestArrivals_rate_believes_chance_of_nothing(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := &arrivals{}
		now, count := arrive(a, r, epoch, 0, 100, 2*time.Minute, nil)
		looks, high, sum := 0, 0, 0.0
		arrive(a, r, now, count, 100, 10*time.Minute, func(now time.Time, count float64) {
			rate, _ := a.rate(now, count, time.Second, 100*time.Millisecond)
			looks, sum = looks+1, sum+rate
			if rate > 120 {
				high++
			}
		})
		// Of 12,000 looks at 100/s: the mean within 8 %, and fewer than 1 % that are off by a fifth.
		if mean := sum / float64(looks); math.Abs(mean-100) > 8 || high*100 > looks {
			t.Errorf("seed %d: mean %.1f, %d of %d above 120", seed, mean, high, looks)
		}
	}
}

func TestArrivals_rate_shows_a_step_within_300_ms(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		a := &arrivals{}
		now, count := arrive(a, r, epoch, 0, 50, 2*time.Minute, nil)
		began, shown := now, time.Duration(0)
		arrive(a, r, now, count, 500, 2*time.Second, func(now time.Time, count float64) {
			if rate, _ := a.rate(now, count, time.Second, 100*time.Millisecond); rate > 250 && shown == 0 {
				shown = now.Sub(began)
			}
		})
		if shown == 0 || shown > 300*time.Millisecond {
			t.Errorf("seed %d: half of the step shows after %v, want at most 300ms", seed, shown)
		}
	}
}

func TestArrivals_rate_looks_ahead_while_it_grows(t *testing.T) {
	a := &arrivals{}
	count, now := 0.0, epoch
	for i := range 1200 { // A minute, from 0 to 600/s.
		now = now.Add(Tick)
		count += float64(i) / 2 * Tick.Seconds()
		a.add(now, count)
	}
	near, _ := a.rate(now, count, 0, 100*time.Millisecond)
	far, _ := a.rate(now, count, 10*time.Second, 100*time.Millisecond)
	if near < 550 || near > 620 {
		t.Errorf("rate = %.0f at the end of a growth to 600/s", near)
	}
	if far < 600 || far > 760 {
		t.Errorf("rate 10 s ahead = %.0f, want about 700: it grows by 10/s each second", far)
	}
}

func TestSpread_ratio(t *testing.T) {
	tests := []struct {
		name   string
		second func(r *rand.Rand, i int) float64
		lo, hi float64
	}{
		{"even", func(*rand.Rand, int) float64 { return 100 }, 1, 1},
		{"chance", func(r *rand.Rand, _ int) float64 { return poisson(r, 100) }, 1, 1.8},
		{"chance with one step", func(r *rand.Rand, i int) float64 {
			if i < 110 {
				return poisson(r, 50)
			}
			return poisson(r, 500)
		}, 1, 4},
		{"a drift", func(_ *rand.Rand, i int) float64 { return float64(100 + i) }, 1, 1},
		{"bursts", func(_ *rand.Rand, i int) float64 { return float64(200 * (i % 2)) }, maxSpread, maxSpread},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 7))
			var s spread
			count := 0.0
			for i := range 120 {
				s.add(epoch.Add(time.Duration(i)*time.Second), count)
				count += tt.second(r, i)
			}
			if got := s.ratio(); got < tt.lo || got > tt.hi {
				t.Errorf("ratio() = %.2f, want %v to %v", got, tt.lo, tt.hi)
			}
		})
	}
}
