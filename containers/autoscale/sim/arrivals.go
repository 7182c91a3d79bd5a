package sim

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// variation is the coefficient of variation of the service times: standard deviation over mean.
const variation = 0.5

// Request is one of a Schedule: when it comes after the beginning, and how long a backend takes for it.
type Request struct {
	At, Service time.Duration
}

// Schedule returns the requests of a trace in the order in which they come: the very ones that Run simulates with this
// mean service time and seed.
func Schedule(t *Trace, service time.Duration, seed uint64) iter.Seq[Request] {
	return func(yield func(Request) bool) {
		a := newArrivals(t, service, seed)
		for r, more := a.next(); more && yield(Request{r.arrived, r.service}); r, more = a.next() {
		}
	}
}

// request is when one came, and how long a backend takes for it.
type request struct {
	arrived, service time.Duration
}

// arrivals draws the requests of a trace, in order. Which ones come is a function of trace, mean and seed, and so the
// same for every policy.
type arrivals struct {
	trace *Trace
	when  *rand.Rand
	long  *rand.Rand
	// mu and sigma are those of the logarithm of the service time in seconds.
	mu, sigma float64

	interval int
	left     int
	// at is the place within the interval, 0 to 1.
	at float64
}

func newArrivals(t *Trace, mean time.Duration, seed uint64) *arrivals {
	variance := math.Log(1 + variation*variation)
	a := &arrivals{
		trace: t,
		when:  rand.New(rand.NewPCG(seed, 3)),
		long:  rand.New(rand.NewPCG(seed, 4)),
		mu:    math.Log(mean.Seconds()) - variance/2,
		sigma: math.Sqrt(variance),
	}
	a.interval = -1
	a.advance()
	return a
}

// advance goes to the next interval.
func (a *arrivals) advance() {
	a.interval++
	a.at = 0
	if a.interval < len(a.trace.Requests) {
		a.left = int(a.trace.Requests[a.interval])
	}
}

// next returns the next request; false after the last one.
func (a *arrivals) next() (request, bool) {
	for a.interval < len(a.trace.Requests) {
		if a.place() {
			at := time.Duration((float64(a.interval) + a.at) * float64(a.trace.Resolution))
			service := math.Exp(a.mu + a.sigma*a.long.NormFloat64())
			return request{at, max(1, time.Duration(service*float64(time.Second)))}, true
		}
		a.advance()
	}
	return request{}, false
}

// place moves to the next arrival within the interval; false if there is no further one.
func (a *arrivals) place() bool {
	if a.trace.Random {
		expected := a.trace.Requests[a.interval]
		if expected <= 0 {
			return false
		}
		a.at += a.when.ExpFloat64() / expected
		return a.at < 1
	}
	if a.left == 0 {
		return false
	}
	// The least of n uniform ones in what is left: given their number, that is a Poisson process.
	a.at = 1 - (1-a.at)*math.Exp(-a.when.ExpFloat64()/float64(a.left))
	a.left--
	return true
}
