package balance_test

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/ballast-lb/ballast/proxy/balance"
)

// owners returns the ID that each of n addresses, 10.0.0.0 and those that follow, is sent to.
func owners(t *testing.T, cs []balance.Candidate, n int) []string {
	t.Helper()
	p := picker(t, balance.PolicyIPHash, cs, nil)
	out := make([]string, n)
	var address [4]byte
	for i := range out {
		binary.BigEndian.PutUint32(address[:], 10<<24+uint32(i))
		out[i] = cs[p.Pick(&balance.Request{Client: netip.AddrFrom4(address)})].ID
	}
	return out
}

// 100,000 neighbouring addresses. That the hash is as good as chance is what is tested: 5 sigma.
func TestIPHash_follows_weights(t *testing.T) {
	tests := []struct {
		name    string
		weights []int
	}{
		{"equal", []int{1, 1, 1, 1, 1, 1, 1}},
		{"different", []int{3, 2, 1}},
		{"very different", []int{256, 1, 16}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const n = 100_000
			cs, got, sum := candidates(tt.weights...), make(map[string]int), 0
			for _, id := range owners(t, cs, n) {
				got[id]++
			}
			for _, w := range tt.weights {
				sum += w
			}
			for i, c := range cs {
				share := float64(tt.weights[i]) / float64(sum)
				if off := math.Abs(float64(got[c.ID]) - n*share); off > 5*math.Sqrt(n*share*(1-share)) {
					t.Errorf("candidate %d got %d of %d, want about %.0f", i, got[c.ID], n, n*share)
				}
			}
		})
	}
}

// 20,000 addresses, no tolerance.
func TestIPHash_moves_nobody_else(t *testing.T) {
	cs := candidates(3, 2, 1, 5, 1)
	lighter := slices.Clone(cs)
	lighter[3].Weight = 2
	turned := slices.Clone(cs)
	slices.Reverse(turned)
	tests := []struct {
		name          string
		before, after []balance.Candidate
		// from and to are the only ones that addresses may leave and come to; empty: any, "-": none.
		from, to string
	}{
		{"when one leaves", cs, slices.Delete(slices.Clone(cs), 1, 2), cs[1].ID, ""},
		{"when one comes", slices.Delete(slices.Clone(cs), 1, 2), cs, "", cs[1].ID},
		{"when one gets lighter", cs, lighter, cs[3].ID, ""},
		{"when one gets heavier", lighter, cs, "", cs[3].ID},
		{"when the order changes", cs, turned, "-", "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const n = 20_000
			before, after := owners(t, tt.before, n), owners(t, tt.after, n)
			moved := 0
			for i := range before {
				if before[i] == after[i] {
					continue
				}
				moved++
				if tt.from != "" && before[i] != tt.from || tt.to != "" && after[i] != tt.to {
					t.Fatalf("address %d moved from %s to %s", i, before[i], after[i])
				}
			}
			if moved == 0 && tt.from != "-" {
				t.Error("nobody moved at all")
			}
		})
	}
}
