package proxy

// Decline gives the current backend back, which was asked nothing because whoever serves the request can't speak to it, so that
// Next picks another one. It tells nothing of the backend and costs nothing of the budget, but what comes next is one of the
// retries that the pool allows, and is counted as one.
func (x *Exchange) Decline() {
	b := x.current
	if b == nil {
		return
	}
	b.probedBy(x, x.attempt)
	x.tried = append(x.tried, b)
	x.retried++
	x.current = nil
	b.release()
}
