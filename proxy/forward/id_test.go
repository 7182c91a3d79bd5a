package forward_test

import (
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ballast-lb/ballast/proxy/forward"
)

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"7f3a2b1c": true, "Root=1-67891233-abcdef012345678912345678": true, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": true,
		"a.b_c:d/e+f=g-h": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, "a b": false, `a"b`: false, `a\b`: false, "a,b": false, "a;b": false, "a\nb": false, "é": false, "<b>": false, "a%b": false,
	} {
		t.Run(id, func(t *testing.T) {
			if got := forward.ValidID(id); got != want {
				t.Errorf("ValidID(%q) = %t, want %t", id, got, want)
			}
			if got := forward.ValidID([]byte(id)); got != want {
				t.Errorf("ValidID(%q) = %t of bytes, want %t", id, got, want)
			}
		})
	}
}

func TestIDs_are_unique_and_well_formed(t *testing.T) {
	const goroutines, each = 8, 20_000
	form := regexp.MustCompile("^x[0-9a-f]{32}$")
	ids := forward.NewIDs()
	made := make([][]string, goroutines)
	var wg sync.WaitGroup
	for g := range made {
		wg.Go(func() {
			for range each {
				made[g] = append(made[g], string(ids.Append([]byte("x"))))
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, of := range made {
		for _, id := range of {
			if seen[id] || !form.MatchString(id) || !forward.ValidID(id) {
				t.Fatalf("Append() = %q, seen before: %t", id, seen[id])
			}
			seen[id] = true
		}
	}
	if a, b := forward.NewIDs().Append(nil), forward.NewIDs().Append(nil); string(a) == string(b) {
		t.Errorf("two processes begin with the same ID %s", a)
	}
}

// TestIDs_look_random: of 100,000 pairs of neighbours, each of the 128 bits differs in half, within 6 standard deviations
// (158 each); each digit at each place is a sixteenth of all, within 6 standard deviations (77 each).
func TestIDs_look_random(t *testing.T) {
	const n = 100_000
	ids := forward.NewIDs()
	var flips [128]int
	var digits [32][16]int
	previous := string(ids.Append(nil))
	for range n {
		id := string(ids.Append(nil))
		for i := range id {
			a, errA := strconv.ParseUint(id[i:i+1], 16, 8)
			b, errB := strconv.ParseUint(previous[i:i+1], 16, 8)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			digits[i][a]++
			for x := a ^ b; x != 0; x &= x - 1 {
				flips[4*i+bits.TrailingZeros64(x)]++
			}
		}
		previous = id
	}
	for i, got := range flips {
		if math.Abs(float64(got)-n/2) > 6*158.2 {
			t.Errorf("bit %d differs %d times of %d", i, got, n)
		}
	}
	for i := range digits {
		for d, got := range digits[i] {
			if math.Abs(float64(got)-n/16) > 6*76.6 {
				t.Errorf("digit %x stands at %d %d times of %d", d, i, got, n)
			}
		}
	}
}
