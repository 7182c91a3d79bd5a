package limit_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/limit"
)

func BenchmarkLimiter_Allow(b *testing.B) {
	rate := limit.Rate{Count: 100, Interval: time.Second, Burst: 10}
	// Clients in turn: one stays in the cache, as many as the table holds do not.
	for _, bb := range []struct {
		name    string
		clients int
	}{{"one client", 1}, {"50,000 clients", 50_000}} {
		b.Run(bb.name, func(b *testing.B) {
			l := limit.New(rate)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				l.Allow(nth(n%bb.clients), time.Duration(n))
			}
		})
		b.Run(bb.name+" contended", func(b *testing.B) {
			l := limit.New(rate)
			b.ReportAllocs()
			var goroutines atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				n := int(goroutines.Add(1)) * 7919
				for pb.Next() {
					n++
					l.Allow(nth(n%bb.clients), time.Duration(n))
				}
			})
		})
	}
}
