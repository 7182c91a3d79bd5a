package sim

import (
	"testing"
	"time"
)

// What a full queue refuses is answered at once, and does not make requests look quick.
func TestRun_a_small_queue_hides_no_demand(t *testing.T) {
	c := Default()
	c.Trace, c.QueueSize = constant(1000, 30*time.Second), 10
	// 100 slots are busy, and 10 are headroom.
	if r := simulate(t, c); r.Failed == 0 || r.Peak < 11 || r.Peak > 13 {
		t.Errorf("%d failed and %d replicas were asked for at most, want some and 11 to 13", r.Failed, r.Peak)
	}
}
