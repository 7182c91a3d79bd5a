package proxy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/proxy"
)

// A tally says what the report says of the pool as a whole.
func TestPool_Tally_is_the_report_without_its_backends(t *testing.T) {
	c, p := serving(t, settings(), backend("a", 1))
	now := time.Now()
	for i, status := range []int{200, 500, 200} {
		x, _ := begin(t, p, now)
		x.Answered(status)
		x.Done(now.Add(time.Duration(i+1)*time.Millisecond), status, proxy.CauseNone)
	}
	open, _ := begin(t, p, now)
	defer open.Done(now, 200, proxy.CauseNone)
	got, r := p.Tally(now), report(t, c, now)
	if got.Requests != 3 || got.Errors != 1 || got.InFlight != 1 || got.Queued != 0 || got.Held != 0 || got.Durations.Count != 3 {
		t.Errorf("Tally() = %+v, want 3 requests, 1 error, 1 in flight, 3 durations", got)
	}
	if got.Requests != r.Requests || got.Errors != r.Errors || got.InFlight != r.InFlight || got.Held != r.Holds.Count ||
		got.Durations.Quantile(0.95) != r.Durations.Quantile(0.95) {
		t.Errorf("Tally() = %+v, and the report %+v", got, r)
	}
}

func TestCore_Pools_are_by_name(t *testing.T) {
	c := newCore()
	s := snapshot(settings(), backend("a", 1))
	for _, name := range []string{"b", "a"} {
		other := *s.Pools[0]
		other.Name, other.Backends = name, nil
		s.Pools = append(s.Pools, &other)
	}
	c.Apply(s)
	var names []string
	for p := range c.Pools() {
		names = append(names, p.Name())
	}
	if diff := cmp.Diff([]string{"a", "b", "default"}, names); diff != "" {
		t.Errorf("Pools() (-want +got):\n%s", diff)
	}
}
