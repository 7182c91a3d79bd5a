package balance

import "math/rand/v2"

// random picks candidate i with probability w(i)/sum(w): a number below the sum is drawn and looked
// up among the running sums of the weights.
type random struct {
	// sums[i] is the sum of the weights up to and with i.
	sums []uint64
}

func newRandom(candidates []Candidate) *random {
	r := &random{sums: make([]uint64, len(candidates))}
	var sum uint64
	for i, c := range candidates {
		sum += uint64(c.Weight)
		r.sums[i] = sum
	}
	return r
}

// Pick implements Picker.
func (r *random) Pick(*Request) int {
	drawn := rand.Uint64N(r.sums[len(r.sums)-1])
	low, high := 0, len(r.sums)-1
	for low < high {
		if middle := int(uint(low+high) >> 1); r.sums[middle] > drawn {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
