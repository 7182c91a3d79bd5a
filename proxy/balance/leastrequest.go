package balance

// leastRequest picks the largest w/(active+1), where active is the requests in flight: the weighting of
// Envoy's least request with its default bias of 1, but over all candidates, not two drawn ones, and
// also when nothing is in flight: then the heaviest wins. Equals take turns, for each look starts at
// another one.
type leastRequest struct {
	turn
	candidates []Candidate
}

func newLeastRequest(candidates []Candidate, position uint64) *leastRequest {
	l := &leastRequest{candidates: candidates}
	l.next.Store(position)
	return l
}

// Pick implements Picker.
func (l *leastRequest) Pick(*Request) int {
	n := len(l.candidates)
	best := l.take(n)
	weight, active := l.look(best)
	for i, left := best+1, n-1; left > 0; i, left = i+1, left-1 {
		if i >= n {
			i = 0
		}
		// w/(a+1) > W/(A+1), without a division.
		if w, a := l.look(i); w*(active+1) > weight*(a+1) {
			best, weight, active = i, w, a
		}
	}
	return best
}

func (l *leastRequest) look(i int) (weight, active int64) {
	c := &l.candidates[i]
	return int64(c.Weight), max(c.InFlight.Load(), 0)
}
