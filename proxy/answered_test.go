package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// With peak-ewma, of 1,000 requests that come one after the other, b gets a part that depends on what it does; a answers
// in 10 ms.
func TestAnswered_tells_peak_ewma_what_a_backend_takes(t *testing.T) {
	type behaviour struct {
		head, body time.Duration
		status     int
		cause      proxy.Cause
	}
	good := behaviour{head: 10 * time.Millisecond, status: 200}
	tests := []struct {
		name     string
		b        behaviour
		from, to int
	}{
		{"is as fast", good, 450, 550},
		{"has a long body", behaviour{head: 10 * time.Millisecond, body: time.Second, status: 200}, 450, 550},
		{"is slow", behaviour{head: 500 * time.Millisecond, status: 200}, 1, 20},
		{"fails at once", behaviour{status: 500}, 1, 50},
		{"breaks off at once", behaviour{status: 200, cause: proxy.CauseTruncated}, 1, 100},
		{"does not answer", behaviour{head: 5 * time.Second, cause: proxy.CauseTimeout}, 1, 20},
		{"does not answer clients that leave", behaviour{head: 2 * time.Second, cause: proxy.CauseClientGone}, 1, 50},
		{"has clients that leave a long body", behaviour{head: 10 * time.Millisecond, body: time.Second, status: 200, cause: proxy.CauseClientGone}, 450, 550},
		{"refuses", behaviour{cause: proxy.CauseConnectFailed}, 1, 50},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := settings()
				s.Policy = balance.PolicyPeakEWMA
				_, p := serving(t, s, of(2)...)
				got := ""
				for range 1_000 {
					x := p.Begin(time.Now())
					b, err := x.Next(&balance.Request{})
					if err != nil {
						t.Fatal(err)
					}
					got += b.Name()
					does := good
					if b.Name() == "b" {
						does = tt.b
					}
					pass(does.head)
					if does.status != 0 {
						x.Answered(does.status)
						pass(does.body)
					}
					x.Done(time.Now(), max(does.status, 200), does.cause)
				}
				if n := strings.Count(got, "b"); n < tt.from || n > tt.to {
					t.Errorf("it gets %d of 1,000 requests, want %d to %d", n, tt.from, tt.to)
				}
			})
		})
	}
}

// A retry's time is its own: what the attempts before it took counts for those that had them.
func TestAnswered_counts_an_attempt_from_its_own_beginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := settings()
		s.Policy = balance.PolicyPeakEWMA
		_, p := serving(t, s, of(2)...)
		x := at(t, p, "a")
		pass(10 * time.Second)
		if !x.Again(time.Now(), proxy.CauseNoAnswer) {
			t.Fatal("Again() = false")
		}
		if _, err := x.Next(&balance.Request{}); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Millisecond)
		x.Answered(200)
		x.Done(time.Now(), 200, proxy.CauseNone)
		// Its cost is 10 ms, that of a 100 ms: one that took 10 s would be the dearer one.
		if got := picks(p, 4); got != "bbbb" {
			t.Errorf("picks = %s, want bbbb", got)
		}
	})
}

func TestAnswered_after_the_end_does_nothing(t *testing.T) {
	c, p := serving(t, breaking(1), of(2)...)
	x := at(t, p, "a")
	x.Done(time.Now(), 200, proxy.CauseNone)
	x.Answered(500)
	var none proxy.Exchange
	none.Answered(500)
	if got, want := states(t, c), "a ready, b ready"; got != want {
		t.Errorf("states are %s, want %s", got, want)
	}
}
