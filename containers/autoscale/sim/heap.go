package sim

import "time"

// timed is something that happens at a moment.
type timed[T any] struct {
	at   time.Duration
	what T
}

// heap is what is to happen, the soonest first. Of what happens at the same moment any is first, always the same.
type heap[T any] []timed[T]

func (h *heap[T]) push(at time.Duration, what T) {
	s := append(*h, timed[T]{at, what})
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].at <= at {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = timed[T]{at, what}
	*h = s
}

func (h *heap[T]) pop() timed[T] {
	s := *h
	first, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].at < s[child].at {
			child++
		}
		if last.at <= s[child].at {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = last
	return first
}
