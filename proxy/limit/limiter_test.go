package limit_test

import (
	"encoding/binary"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/limit"
)

var alice, bob = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")

// passed sends n requests of one client, apart from one another, the first at from, and counts what passes.
func passed(l *limit.Limiter, n int, from, apart time.Duration) int {
	count := 0
	for i := range n {
		if ok, _ := l.Allow(alice, from+time.Duration(i)*apart); ok {
			count++
		}
	}
	return count
}

// TestAllow_rate: no tolerance. In a time t exactly Burst + t/(Interval/Count) requests pass, with Interval/Count
// rounded up to a nanosecond, if there is a burst that makes up for when none was sent at the first moment.
func TestAllow_rate(t *testing.T) {
	tests := []struct {
		name  string
		rate  limit.Rate
		n     int
		apart time.Duration
		want  int
	}{
		{"100/s", limit.Rate{Count: 100, Interval: time.Second, Burst: 1}, 60_001, time.Millisecond, 6001},
		{"100/s, bursts of 50", limit.Rate{Count: 100, Interval: time.Second, Burst: 50}, 60_001, time.Millisecond, 6050},
		{"3/s is rounded down", limit.Rate{Count: 3, Interval: time.Second, Burst: 2}, 600_001, time.Millisecond, 1801},
		{"10/min", limit.Rate{Count: 10, Interval: time.Minute, Burst: 10}, 3601, time.Second, 610},
		{"a day later each", limit.Rate{Count: 1, Interval: time.Hour, Burst: 1}, 3650, 24 * time.Hour, 3650},
		{"slower than the rate", limit.Rate{Count: 10, Interval: time.Second, Burst: 1}, 1000, 100 * time.Millisecond, 1000},
		{"slightly faster than the rate", limit.Rate{Count: 10, Interval: time.Second, Burst: 1}, 1000, 99 * time.Millisecond, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := passed(limit.New(tt.rate), tt.n, 0, tt.apart); got != tt.want {
				t.Errorf("%d of %d passed, want %d", got, tt.n, tt.want)
			}
		})
	}
}

func TestAllow_burst(t *testing.T) {
	l := limit.New(limit.Rate{Count: 10, Interval: time.Second, Burst: 5})
	steps := []struct {
		name    string
		at      time.Duration
		n, want int
	}{
		{"at once", 0, 20, 5},
		{"one refilled", 100 * time.Millisecond, 20, 1},
		{"almost another", 199 * time.Millisecond, 20, 0},
		{"three refilled", 400 * time.Millisecond, 20, 3},
		{"never more than full", time.Hour, 20, 5},
	}
	for _, s := range steps {
		if got := passed(l, s.n, s.at, 0); got != s.want {
			t.Errorf("%s: %d of %d passed, want %d", s.name, got, s.n, s.want)
		}
	}
	if ok, _ := l.Allow(bob, time.Hour); !ok {
		t.Error("one client's requests limit another")
	}
}

func TestRefund(t *testing.T) {
	l := limit.New(limit.Rate{Count: 10, Interval: time.Second, Burst: 5})
	for range 100 {
		if ok, _ := l.Allow(alice, 0); !ok {
			t.Fatal("refused though all that passed was taken back")
		}
		l.Refund(alice)
	}
	passed(l, 5, 0, 0)
	l.Refund(bob) // Of whom nothing is known.
	if got := passed(l, 20, 0, 0); got != 0 {
		t.Errorf("%d passed, want 0: another client's was taken back", got)
	}
	l.Refund(alice)
	if got := passed(l, 20, 0, 0); got != 1 {
		t.Errorf("%d passed, want the 1 that was taken back", got)
	}
}

func TestAllow_wait_is_when_the_next_passes(t *testing.T) {
	l := limit.New(limit.Rate{Count: 10, Interval: time.Second, Burst: 3})
	passed(l, 3, 0, 0)
	for _, at := range []time.Duration{0, 30 * time.Millisecond, 99 * time.Millisecond} {
		ok, wait := l.Allow(alice, at)
		if want := 100*time.Millisecond - at; ok || wait != want {
			t.Errorf("at %s: Allow() = %t, %s, want false, %s", at, ok, wait, want)
		}
	}
	if ok, wait := l.Allow(alice, 100*time.Millisecond); !ok || wait != 0 {
		t.Errorf("after the wait: Allow() = %t, %s, want true, 0s", ok, wait)
	}
}

func TestAllow_clock(t *testing.T) {
	tests := []struct {
		name string
		now  time.Duration
	}{
		{"stands at its start", 0},
		{"stands below it", -time.Hour},
		{"stands", 1000 * time.Hour},
		{"stands at its end", math.MaxInt64},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := limit.New(limit.Rate{Count: 1000, Interval: time.Second, Burst: 7})
			if got := passed(l, 100_000, tt.now, 0); got != 7 {
				t.Errorf("%d passed while the clock stood, want 7", got)
			}
		})
	}
	t.Run("goes back", func(t *testing.T) {
		l := limit.New(limit.Rate{Count: 1000, Interval: time.Second, Burst: 7})
		// Dated earlier, a request is further ahead of the rate: the seventh of the burst is refused.
		if got := passed(l, 10_000, time.Hour, -time.Microsecond); got != 6 {
			t.Errorf("%d passed while the clock went back, want 6", got)
		}
	})
}

func TestNew_takes_any_rate(t *testing.T) {
	tests := []struct {
		name string
		rate limit.Rate
		want int // of 1000 at once
	}{
		{"zero", limit.Rate{}, 1},
		{"negative", limit.Rate{Count: -1, Interval: -1, Burst: -1}, 1},
		{"everything at its largest", limit.Rate{Count: math.MaxInt, Interval: math.MaxInt64, Burst: math.MaxInt}, 1000},
		{"one in 292 years", limit.Rate{Count: 1, Interval: math.MaxInt64, Burst: 1}, 1},
		{"a burst of a thousand years", limit.Rate{Count: 1, Interval: 365 * 24 * time.Hour, Burst: 1000}, 74}, // 73 years ahead, and now.
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := passed(limit.New(tt.rate), 1000, 0, 0); got != tt.want {
				t.Errorf("%d passed, want %d", got, tt.want)
			}
		})
	}
}

// nth is a client of its own for each n.
func nth(n int) netip.Addr {
	b := [16]byte{0: 0x20, 1: 0x01}
	binary.BigEndian.PutUint32(b[4:], uint32(n))
	return netip.AddrFrom16(b)
}

// heap is what lives on the heap.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAllow_a_million_clients_take_no_memory(t *testing.T) {
	before := heap()
	l := limit.New(limit.Rate{Count: 1, Interval: time.Hour, Burst: 1})
	made := heap()
	for n := range 1_000_000 {
		l.Allow(nth(n), time.Duration(n))
	}
	after := heap()
	runtime.KeepAlive(l)
	// What the runtime and the test itself allocate meanwhile is far below 64 KiB.
	if got, most := made-before, int64(1<<20+64<<10); got > most {
		t.Errorf("New allocated %d bytes, want at most %d", got, most)
	}
	if got, most := after-made, int64(64<<10); got > most {
		t.Errorf("a million clients took %d bytes, want at most %d", got, most)
	}
}

func TestAllow_allocates_nothing(t *testing.T) {
	l := limit.New(limit.Rate{Count: 1, Interval: time.Second, Burst: 1})
	n := 0
	if got := testing.AllocsPerRun(1000, func() { n++; l.Allow(nth(n/2), 0) }); got != 0 {
		t.Errorf("Allow allocates %v times, want 0", got)
	}
}

// TestAllow_debtors_are_remembered: a million clients come by, one request each, 20,000 of them in debt at any time:
// a third of the table. The one that owes most stays limited, to the request.
func TestAllow_debtors_are_remembered(t *testing.T) {
	l := limit.New(limit.Rate{Count: 1, Interval: time.Second, Burst: 10})
	const others, apart = 1_000_000, 50 * time.Microsecond
	passed, refused := 0, 0
	for n := range others {
		now := time.Duration(n) * apart
		if ok, _ := l.Allow(nth(n), now); !ok {
			refused++
		}
		if ok, _ := l.Allow(alice, now); ok {
			passed++
		}
	}
	if want := 10 + int((others-1)*apart/time.Second); passed != want {
		t.Errorf("%d requests of one client passed, want %d", passed, want)
	}
	if refused != 0 {
		t.Errorf("%d clients were refused their first request", refused)
	}
}

// TestAllow_full_table: with more debtors than entries new clients still pass, and who owes most is let off last.
func TestAllow_full_table(t *testing.T) {
	l := limit.New(limit.Rate{Count: 1, Interval: time.Hour, Burst: 2})
	passed(l, 2, 0, 0)
	for n := range 1_000_000 {
		if ok, _ := l.Allow(nth(n), 0); !ok {
			t.Fatalf("client %d was refused its first request", n)
		}
	}
	if ok, _ := l.Allow(alice, 0); ok {
		t.Error("a million clients with smaller debts made a larger one be forgotten")
	}
}

// TestAllow_concurrent: eight goroutines ask for one client while the clock moves on. Whatever their order, no more
// passes than the rate allows up to the last moment, and no less.
func TestAllow_concurrent(t *testing.T) {
	const goroutines, each, burst, tick = 8, 20_000, 25, 10 * time.Microsecond
	l := limit.New(limit.Rate{Count: 1000, Interval: time.Second, Burst: burst})
	var clock, count atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				now := time.Duration(clock.Add(1)) * tick
				if ok, _ := l.Allow(alice, now); ok {
					count.Add(1)
				}
			}
		})
	}
	wg.Wait()
	want := int64(burst + goroutines*each*tick/time.Millisecond)
	// Who was overtaken may have come too late to use a moment, but a full burst later nobody is late.
	if got := count.Load(); got > want || got < want-burst {
		t.Errorf("%d passed, want %d to %d", got, want-burst, want)
	}
}
