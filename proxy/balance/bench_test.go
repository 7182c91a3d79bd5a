package balance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
)

func BenchmarkPick(b *testing.B) {
	for _, policy := range policies {
		for _, n := range []int{3, 16, 100, 1000} {
			b.Run(fmt.Sprintf("%s/of_%d", policy, n), func(b *testing.B) {
				cs := many(n)
				for i, c := range cs {
					c.Cost.Observe(time.Duration(i+1)*time.Millisecond, time.Minute) // Long ago: it decays.
				}
				p := picker(b, policy, cs, nil)
				b.ReportAllocs()
				for b.Loop() {
					p.Pick(request)
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, policy := range []string{balance.PolicyWeighted, balance.PolicyMaglev, balance.PolicyIPHash} {
		for _, n := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/of_%d", policy, n), func(b *testing.B) {
				cs := many(n)
				b.ReportAllocs()
				for b.Loop() {
					picker(b, policy, cs, nil)
				}
			})
		}
	}
}
