package sim

// queue is first in, first out, in a ring that grows.
type queue struct {
	ring     []request
	start, n int
}

func (q *queue) push(r request) {
	if q.n == len(q.ring) {
		grown := make([]request, max(64, 2*q.n))
		for i := range q.n {
			grown[i] = q.ring[(q.start+i)%len(q.ring)]
		}
		q.ring, q.start = grown, 0
	}
	q.ring[(q.start+q.n)%len(q.ring)] = r
	q.n++
}

func (q *queue) first() *request { return &q.ring[q.start] }

func (q *queue) pop() request {
	r := q.ring[q.start]
	q.start = (q.start + 1) % len(q.ring)
	q.n--
	return r
}
