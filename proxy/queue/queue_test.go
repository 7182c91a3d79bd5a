package queue_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/ballast-lb/ballast/proxy/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type ints = queue.Queue[int, int]

// serve gives each request of the queue its own number, if want says so, and returns who was asked.
func serve(q *ints, want func(int) (ok, last bool)) (asked []int) {
	q.Serve(func(r int) (int, bool, bool) {
		asked = append(asked, r)
		ok, last := want(r)
		return r, ok, last
	})
	return asked
}

func enter(t *testing.T, q *ints, requests ...int) []*queue.Waiter[int, int] {
	t.Helper()
	var out []*queue.Waiter[int, int]
	for _, r := range requests {
		w := q.Enter(r, 1000)
		if w == nil {
			t.Fatal("Enter() = nil")
		}
		out = append(out, w)
	}
	return out
}

func TestQueue_Serve(t *testing.T) {
	tests := []struct {
		name        string
		want        func(int) (ok, last bool)
		asked, left []int
	}{
		{"asks all in their order", func(int) (bool, bool) { return true, false }, []int{1, 2, 3, 4, 5}, nil},
		{"ends where there is no more", func(r int) (bool, bool) { return r < 3, r == 3 }, []int{1, 2, 3}, []int{3, 4, 5}},
		{"ends with one who was served", func(r int) (bool, bool) { return true, r == 2 }, []int{1, 2}, []int{3, 4, 5}},
		{"passes by who can't be served", func(r int) (bool, bool) { return r%2 == 0, false }, []int{1, 2, 3, 4, 5}, []int{1, 3, 5}},
		{"passes by all", func(int) (bool, bool) { return false, false }, []int{1, 2, 3, 4, 5}, []int{1, 2, 3, 4, 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var q ints
			waiters := enter(t, &q, 1, 2, 3, 4, 5)
			if diff := cmp.Diff(tt.asked, serve(&q, tt.want)); diff != "" {
				t.Errorf("who was asked differs (-want +got):\n%s", diff)
			}
			if got := q.Len(); got != len(tt.left) {
				t.Errorf("Len() = %d, want %d", got, len(tt.left))
			}
			if diff := cmp.Diff(tt.left, serve(&q, func(int) (bool, bool) { return false, false })); diff != "" {
				t.Errorf("who is left differs (-want +got):\n%s", diff)
			}
			given := 0
			for i, w := range waiters {
				select {
				case got := <-w.Given():
					given++
					if got != i+1 {
						t.Errorf("%d was given %d", i+1, got)
					}
				default:
				}
			}
			if given != 5-len(tt.left) {
				t.Errorf("%d were given something, want %d", given, 5-len(tt.left))
			}
		})
	}
}

func TestQueue_Enter_keeps_to_the_limit(t *testing.T) {
	var q ints
	first := q.Enter(1, 2)
	if first == nil || q.Enter(2, 2) == nil || q.Enter(3, 2) != nil || q.Enter(3, 0) != nil {
		t.Fatal("a queue of two does not hold two")
	}
	if q.Enter(3, 3) == nil {
		t.Error("a limit that was raised does not count")
	}
	q.Leave(first)
	if q.Enter(4, 2) != nil {
		t.Error("a limit that was lowered does not count")
	}
}

func TestQueue_Leave(t *testing.T) {
	all := func(int) (bool, bool) { return true, false }
	for name, leave := range map[string]int{"the first": 0, "one in the middle": 1, "the last": 2} {
		t.Run(name, func(t *testing.T) {
			var q ints
			waiters := enter(t, &q, 0, 1, 2)
			for range 2 { // The second changes nothing.
				if given, ok := q.Leave(waiters[leave]); ok {
					t.Errorf("Leave() = %d, want nothing", given)
				}
			}
			enter(t, &q, 3)
			want := []int{0, 1, 2, 3}
			want = append(want[:leave:leave], want[leave+1:]...)
			if diff := cmp.Diff(want, serve(&q, all)); diff != "" {
				t.Errorf("who is left differs (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("returns what was given meanwhile, once", func(t *testing.T) {
		var q ints
		w := enter(t, &q, 7)[0]
		serve(&q, all)
		if given, ok := q.Leave(w); !ok || given != 7 {
			t.Errorf("Leave() = %d, %t, want 7, true", given, ok)
		}
		if given, ok := q.Leave(w); ok {
			t.Errorf("Leave() = %d again", given)
		}
	})
	t.Run("returns nothing when it was taken already", func(t *testing.T) {
		var q ints
		w := enter(t, &q, 7)[0]
		serve(&q, all)
		<-w.Given()
		if given, ok := q.Leave(w); ok {
			t.Errorf("Leave() = %d again", given)
		}
	})
}

// A queue is a slice that one appends to and deletes from.
func TestQueue_is_like_a_slice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q ints
		var model []int
		waiters := map[int]*queue.Waiter[int, int]{}
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				limit := rapid.IntRange(0, 8).Draw(t, "limit")
				w := q.Enter(next, limit)
				if (w != nil) != (len(model) < limit) {
					t.Fatalf("Enter() = %v with %d of %d", w, len(model), limit)
				}
				if w != nil {
					waiters[next], model = w, append(model, next)
				}
				next++
			},
			"leave": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("nobody waits")
				}
				i := rapid.IntRange(0, len(model)-1).Draw(t, "who")
				if _, ok := q.Leave(waiters[model[i]]); ok {
					t.Fatal("who was given nothing has something")
				}
				model = append(model[:i:i], model[i+1:]...)
			},
			"serve": func(t *rapid.T) {
				mask, most := rapid.Uint64().Draw(t, "mask"), rapid.IntRange(1, 5).Draw(t, "most")
				fits := func(r int) bool { return mask>>(r%64)&1 == 1 }
				served := 0
				serve(&q, func(r int) (ok, last bool) {
					if fits(r) {
						served++
					}
					return fits(r), served == most
				})
				left := most
				model = slices.DeleteFunc(model, func(r int) bool {
					gets := fits(r) && left > 0
					if gets {
						left--
					}
					return gets
				})
			},
			"": func(t *rapid.T) {
				if q.Len() != len(model) {
					t.Fatalf("Len() = %d, want %d", q.Len(), len(model))
				}
				got := serve(&q, func(int) (bool, bool) { return false, false })
				if diff := cmp.Diff(model, got); diff != "" && len(model)+len(got) > 0 {
					t.Fatalf("who waits differs (-want +got):\n%s", diff)
				}
			},
		})
	})
}

// Everything that is offered is given to one waiter, who takes it or hands it back; none is lost or given twice.
func TestQueue_loses_nothing_under_concurrency(t *testing.T) {
	const workers, each, limit = 16, 3_000, 10
	var q queue.Queue[int, int64]
	var offered, taken, back, entered atomic.Int64
	seen := make([]atomic.Bool, workers*each+1)
	var wg sync.WaitGroup
	offer := func() {
		q.Serve(func(int) (int64, bool, bool) { return offered.Add(1), true, true })
	}
	for range workers {
		wg.Go(func() {
			for i := range each {
				w := q.Enter(i, limit)
				if w == nil {
					offer()
					continue
				}
				entered.Add(1)
				offer() // For whoever is first.
				var given int64
				ok := true
				if i%2 == 0 {
					if given, ok = q.Leave(w); ok {
						back.Add(1)
					}
				} else {
					given = <-w.Given() // As many were offered since as waited before.
					taken.Add(1)
				}
				if ok && seen[given].Swap(true) {
					t.Errorf("%d was given twice", given)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load()+back.Load() != offered.Load() || q.Len() != 0 {
		t.Errorf("%d taken and %d handed back of %d, %d wait", taken.Load(), back.Load(), offered.Load(), q.Len())
	}
}

func BenchmarkQueue(b *testing.B) {
	var q ints
	b.ReportAllocs()
	for b.Loop() {
		w := q.Enter(1, 1)
		q.Serve(func(r int) (int, bool, bool) { return r, true, true })
		<-w.Given()
	}
}
