// Package queue holds requests, first in first out, until something is free for them.
package queue

import (
	"sync"
	"sync/atomic"
)

// Queue holds waiters in the order they came. R is what one asks for, B what it is given. The zero value is
// ready. All methods are safe for concurrent use.
type Queue[R, B any] struct {
	// length is written with mu held, and read without.
	length atomic.Int64

	mu          sync.Mutex
	first, last *Waiter[R, B] // guarded by mu
}

// Waiter is somebody's place in a queue.
type Waiter[R, B any] struct {
	request    R
	given      chan B
	prev, next *Waiter[R, B]
	waits      bool // guarded by the queue's mu
}

// Given yields what the waiter is given, once. Whoever stops waiting for it must call Leave.
func (w *Waiter[R, B]) Given() <-chan B { return w.given }

// Len is how many wait. It takes no lock.
func (q *Queue[R, B]) Len() int { return int(q.length.Load()) }

// Enter joins the end of the queue; nil if limit wait already. Serve must follow, for something may have become
// free before anybody waited for it.
func (q *Queue[R, B]) Enter(request R, limit int) *Waiter[R, B] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Len() >= limit {
		return nil
	}
	w := &Waiter[R, B]{request: request, given: make(chan B, 1), prev: q.last, waits: true}
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	q.length.Add(1)
	return w
}

// Leave gives a place up. If it was given something meanwhile, that is returned, and the caller owns it.
func (q *Queue[R, B]) Leave(w *Waiter[R, B]) (given B, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.waits {
		q.remove(w)
		return given, false
	}
	select {
	case given = <-w.given:
		return given, true
	default:
		return given, false
	}
}

// Serve offers what is free to those who wait, in their order. find returns what a request is given, if there is
// something; last says that there is nothing for those behind it either. It must not use the queue.
func (q *Queue[R, B]) Serve(find func(R) (given B, ok, last bool)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for w := q.first; w != nil; {
		next := w.next
		given, ok, last := find(w.request)
		if ok {
			q.remove(w)
			w.given <- given
		}
		if last {
			return
		}
		w = next
	}
}

func (q *Queue[R, B]) remove(w *Waiter[R, B]) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.prev, w.next, w.waits = nil, nil, false
	q.length.Add(-1)
}
