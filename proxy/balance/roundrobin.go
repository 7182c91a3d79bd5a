package balance

// roundRobin picks one after the other, whatever they weigh.
type roundRobin struct {
	turn
	n int
}

func newRoundRobin(candidates []Candidate, position uint64) *roundRobin {
	r := &roundRobin{n: len(candidates)}
	r.next.Store(position)
	return r
}

// Pick implements Picker.
func (r *roundRobin) Pick(*Request) int { return r.take(r.n) }
