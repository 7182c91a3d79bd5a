package balance

import (
	"math"
	"slices"
)

// buildLimit bounds what building a schedule may cost, in comparisons: about 5 ms.
const buildLimit = 4 << 20

// weighted is nginx's smooth weighted round robin (commit 52327e0, 2012): at every pick each
// candidate's current weight grows by its weight; the largest wins, the first of equals, and is
// lowered by the sum of all weights. {5,1,1} gives a a b a c a a. The picks repeat after sum/gcd of
// them, and each candidate has exactly its share of every period, spread as evenly as can be.
//
// So the period is computed once and a pick is an atomic add and a look into it.
type weighted struct {
	turn
	schedule []uint32
}

func newWeighted(candidates []Candidate, position uint64) *weighted {
	weights := make([]int, len(candidates))
	for i, c := range candidates {
		weights[i] = c.Weight
	}
	w := &weighted{schedule: schedule(reduce(weights))}
	w.next.Store(position)
	return w
}

// Pick implements Picker.
func (w *weighted) Pick(*Request) int {
	return int(w.schedule[w.take(len(w.schedule))])
}

// reduce divides weights by their greatest common divisor. If the schedule would still cost more
// than buildLimit they are scaled down: a weight is then rounded to a whole number, at least 1, so
// its share may be off by half of a (scaled) unit, and the lightest may get more than theirs. With
// weights up to 256 that takes several hundred backends of more than sixty different weights.
func reduce(weights []int) []int {
	divisor, sum := 0, 0
	for _, w := range weights {
		divisor = gcd(divisor, w)
		sum += w
	}
	distinct := len(slices.Compact(slices.Sorted(slices.Values(weights))))
	scale := 1 / float64(divisor)
	if cost := float64(sum/divisor) * float64(distinct); cost > buildLimit {
		scale *= buildLimit / cost
	}
	out := make([]int, len(weights))
	for i, w := range weights {
		out[i] = max(1, int(math.Round(float64(w)*scale)))
	}
	return out
}

// class is the candidates of one weight. They started level and each win costs the same, so they
// win in turn: only the one whose turn it is can be the largest, and a pick compares classes, not
// candidates.
type class struct {
	weight  int
	members []uint32
	// round is how often every member has won, next the member whose turn it is.
	round, next int
}

// current is the current weight, after n picks, of the member whose turn it is.
func (c *class) current(n, sum int) int { return n*c.weight - c.round*sum }

func (c *class) win() uint32 {
	winner := c.members[c.next]
	if c.next++; c.next == len(c.members) {
		c.next, c.round = 0, c.round+1
	}
	return winner
}

func schedule(weights []int) []uint32 {
	classes, sum := classify(weights)
	picks := make([]uint32, sum)
	for n := range picks {
		best := classes[0]
		most := best.current(n+1, sum)
		for _, c := range classes[1:] {
			current := c.current(n+1, sum)
			if current > most || current == most && c.members[c.next] < best.members[best.next] {
				best, most = c, current
			}
		}
		picks[n] = best.win()
	}
	return picks
}

func classify(weights []int) (classes []*class, sum int) {
	byWeight := make(map[int]*class)
	for i, w := range weights {
		c := byWeight[w]
		if c == nil {
			c = &class{weight: w}
			byWeight[w] = c
			classes = append(classes, c)
		}
		c.members = append(c.members, uint32(i))
		sum += w
	}
	return classes, sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
