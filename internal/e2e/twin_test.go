//go:build docker

package e2e

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/steady"
)

const (
	twinRate = 110 // Eleven requests at once, which with headroom are more than three backends of four slots.
	twinMax  = 4
)

var twinSettings = labels{
	"scale.max": "4", "concurrency": "4", "scale.hold-down": "5m", "health.path": "/health", "queue.size": "5000",
}

// TestTwins has two Ballasts on one engine, with load on both: each has its own clones, also when it is killed in the midst of
// scaling; and two that have the same instance by mistake find out.
func TestTwins(t *testing.T) {
	s := onBridge(t)
	// First, for what appears in its first minute a Ballast takes for an earlier run's.
	a, b := s.twins([2]string{"same", "same"}, [2]string{"same", "same"})
	began := time.Now()
	t.Run("pools_of_their_own", func(t *testing.T) { s.with(t).testOwnPools() })
	t.Run("one_pool", func(t *testing.T) { s.with(t).testOnePool() })
	t.Run("the_same_instance", func(t *testing.T) { testSameInstance(a.with(t), b.with(t), began) })
}

// twins starts two Ballasts, each with a label prefix, which may be the same, and an instance. Their clones are removed when the test
// ends.
func (s *stack) twins(prefixes, instances [2]string) (one, two *host) {
	s.t.Helper()
	start := func(i int) *host {
		c := *s
		c.name = s.name + "-" + prefixes[i]
		c.prefix = c.name
		s.t.Cleanup(c.removeClones)
		h := hostOf(s.t, &c, "--on-exit=remove", "--instance="+instances[i])
		h.instance, s.bin = instances[i], c.bin
		return h
	}
	return start(0), start(1)
}

// testOwnPools has pools of the same name under two prefixes, so that even the names of their clones meet. Each has a warm clone.
func (s *stack) testOwnPools() {
	one, two := s.twins([2]string{"one", "two"}, [2]string{"one", "two"})
	const clones = twinMax - 1 + 1 // With the warm one, without the original.
	whole := func(p pool) bool { return p.Replicas.Ready == twinMax && p.Replicas.Warm == 1 }
	var loads [2][]*steady.Load
	spike := func(of string) {
		l := labels{"scale.warm": "1"}
		maps.Copy(l, twinSettings)
		for i, h := range []*host{one, two} {
			h.members(of, l, env{"MOCK_LATENCY": "100ms"}, "1")
			loads[i] = append(loads[i], h.twinLoad(of))
		}
	}
	downs := &outages{}
	early, late := s.name+"-early", s.name+"-late"

	// While the first ones are made, for replicas.
	spike(early)
	one.log.find(s.t, "a clone", func(l logLine) bool { return l.Message == "created a clone" })
	left := downs.crash(one)
	others := two.waitPool(early, "the other one has scaled", time.Minute, whole)
	theirs := two.cloneIDs("two")
	one.waitPool(early, "the killed one has gone on", time.Minute, whole)
	one.wantClones(left, clones)

	// At rest.
	one.wantClones(downs.crash(one), clones)
	one.waitPool(early, "the killed one has it all again", 20*time.Second, whole)
	one.more(loads[0], twinRate)
	one.wantClones(left, clones)

	// While the last one is made, for the warm pool.
	spike(late)
	s.await("the last clone is made", func() bool { return len(strings.Fields(one.cloneIDs("one"))) == 2*clones })
	left = downs.crash(one)
	one.waitPool(late, "the killed one has gone on", time.Minute, whole)
	two.waitPool(late, "the other one has scaled", time.Minute, whole)
	one.more(loads[0], 2*twinRate)
	one.wantClones(left, 2*clones)
	two.wantClones(strings.Fields(theirs), 2*clones)
	two.neverSaid("removed a clone")
	if now := two.poolNamed(early); now.Requests <= others.Requests || now.Errors > others.Errors {
		s.t.Errorf("the other one has %d requests and %d errors", now.Requests, now.Errors)
	}

	theirs = two.cloneIDs("two")
	downs.judge(one, loads[0])
	(&outages{}).judge(two, loads[1])
	one.log.stop()
	if rest := one.cloneIDs("one"); rest != "" {
		s.t.Errorf("the first one ended and left %q, want nothing", rest)
	}
	two.wantClones(strings.Fields(theirs), 2*clones)
}

// testOnePool has two instances share a pool: there are never more than its maximum.
func (s *stack) testOnePool() {
	one, two := s.twins([2]string{"pool", "pool"}, [2]string{"one", "two"})
	of := s.name + "-pool"
	one.members(of, twinSettings, env{"MOCK_LATENCY": "100ms"}, "1")
	two.waitPool(of, "the other one sees it", 10*time.Second, func(p pool) bool { return p.Replicas.Ready == 1 })
	most := one.countMost(of)
	// The first one begins, or the other might have made all that both need.
	loads := [2][]*steady.Load{{one.twinLoad(of)}}
	one.log.find(s.t, "a clone", func(l logLine) bool { return l.Message == "created a clone" })
	loads[1] = []*steady.Load{two.twinLoad(of)}
	downs := &outages{}
	left := downs.crash(one)
	for _, h := range []*host{one, two} {
		h.waitPool(of, "it has scaled", time.Minute, func(p pool) bool { return p.Replicas.Ready == twinMax })
		h.more(loads[0], 2*twinRate)
	}
	two.neverSaid("removed a clone")
	all := strings.Fields(one.cloneIDs("one") + "\n" + one.cloneIDs("two"))
	for _, id := range left {
		if !slices.Contains(all, id) {
			s.t.Errorf("clone %s is gone, which was there when its Ballast was killed", id)
		}
	}
	if n := most(); n != twinMax || len(all) != twinMax-1 {
		s.t.Errorf("there were %d containers at once and are %d clones, want at most %d and now %d", n, len(all), twinMax, twinMax-1)
	}
	downs.judge(one, loads[0])
	(&outages{}).judge(two, loads[1])
}

// testSameInstance has two that take each other's clones for their own, only one of which needs any. The other one lets them be for
// as long as it is frozen, and no request is lost. What comes after is told by TestFleet_freezes_for_longer_when_they_meet_again.
func testSameInstance(busy, idle *host, began time.Time) {
	s := busy.stack
	of := s.name + "-spike"
	l := maps.Clone(twinSettings)
	l["scale.hold-down"] = "1s" // So soon the idle one would begin.
	busy.members(of, l, env{"MOCK_LATENCY": "100ms"}, "1")
	<-time.After(time.Until(began.Add(61 * time.Second)))
	loads := []*steady.Load{
		busy.twinLoad(of),
		steady.Start(steady.Options{URL: "http://" + idle.listen + "/", Host: of + ".example", PerSecond: 10, Body: 1000}),
	}
	found := func(frozen time.Duration) logLine {
		return idle.log.find(s.t, "that it found another one", func(l logLine) bool { return l.FrozenFor == frozen.Milliseconds() })
	}
	found(time.Minute)
	all := func(p pool) bool { return p.Replicas.Ready == twinMax }
	busy.waitPool(of, "it has scaled", time.Minute, all)
	if p := idle.poolNamed(of); !strings.Contains(p.Replicas.Blocked, "has the same instance") {
		s.t.Errorf("it is blocked by %q, want another one", p.Replicas.Blocked)
	}
	// Not frozen it would give them up after a second.
	busy.more(loads[:1], 10*twinRate)
	if n := len(busy.running()); n != twinMax-1 {
		s.t.Errorf("there are %d clones, want %d", n, twinMax-1)
	}
	busy.judge(loads, false, twinMax-1)
}

// twinLoad asks for a pool, whose containers and clones all have the name of its original.
func (h *host) twinLoad(of string) *steady.Load {
	return steady.Start(steady.Options{
		URL: "http://" + h.listen + "/", Host: of + ".example", PerSecond: twinRate, Body: 1000,
		Holds: `"container":"` + h.name + "-" + of + `-1"`,
	})
}

// running are the IDs of the clones of its instance that run or are paused.
func (h *host) running() []string {
	h.t.Helper()
	return strings.Fields(h.docker("ps", "-q", "--no-trunc", "--filter", "label="+h.prefix+".owner="+h.instance))
}

// wantClones fails the test unless the instance has that many clones, those among them.
func (h *host) wantClones(those []string, n int) {
	h.t.Helper()
	have := strings.Fields(h.cloneIDs(h.instance))
	if len(have) != n || len(h.running()) != n {
		h.t.Errorf("%s has %d clones of which %d run, want %d", h.instance, len(have), len(h.running()), n)
	}
	for _, id := range those {
		if !slices.Contains(have, id) {
			h.t.Errorf("%s has clone %s no more", h.instance, id)
		}
	}
}

// countMost watches how many containers a pool has at once, whatever their state, and returns what ends that and tells.
func (h *host) countMost(of string) func() int {
	done, told := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		most := 0
		for {
			out, err := exec.Command("docker", "ps", "-aq", "--filter", "label="+h.prefix+".pool="+of).Output()
			if err != nil {
				h.t.Errorf("docker ps: %v", err)
			}
			most = max(most, len(strings.Fields(string(out))))
			select {
			case <-done:
				told <- most
				return
			case <-tick.C:
			}
		}
	}()
	end := sync.OnceValue(func() int { close(done); return <-told })
	h.t.Cleanup(func() { end() })
	return end
}

// neverSaid fails the test if the present life of Ballast has said so.
func (h *host) neverSaid(message string) {
	h.t.Helper()
	if h.log.has(func(l logLine) bool { return l.Message == message }) {
		h.t.Errorf("it said: %s", message)
	}
}

// outages are the times in which a Ballast was killed and did not serve yet.
type outages struct{ spans [][2]time.Time }

// crash kills a Ballast, starts it again, and returns the clones that ran meanwhile.
func (o *outages) crash(h *host) (left []string) {
	h.t.Helper()
	began := time.Now()
	h.log.kill()
	left = h.running()
	h.log.start()
	o.spans = append(o.spans, [2]time.Time{began, time.Now()})
	return left
}

// judge ends the load on a Ballast. Nothing may have failed but what was not answered, or not whole, in an outage.
func (o *outages) judge(h *host, loads []*steady.Load) {
	h.t.Helper()
	for _, l := range loads {
		r, cut := l.Stop(), 0
		for _, f := range r.Failures {
			out := slices.ContainsFunc(o.spans, func(s [2]time.Time) bool { return f.At.Before(s[1]) && f.At.Add(f.Took).After(s[0]) })
			if out && (f.Status == 0 || strings.Contains(f.Why, "read the answer")) {
				cut++
				continue
			}
			h.t.Error(f)
		}
		h.t.Logf("%d requests, %d of which in %d outages, the slowest answer took %s", r.Sent, cut, len(o.spans), r.Slowest.Round(time.Millisecond))
	}
}
