package proxy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// Every change of state is told, in order.
func TestOptions_OnState(t *testing.T) {
	var got []proxy.StateChange
	c := proxy.New(proxy.Options{Logger: zerolog.Nop(), OnState: func(s proxy.StateChange) { got = append(got, s) }})
	a := backend("a", 1)
	c.Apply(snapshot(settings(), a))
	c.SetHealth(a.Identity, true, "")
	c.SetHealth(a.Identity, false, "refused")
	c.SetHealth(a.Identity, false, "too slow") // Another reason, and no other state.
	c.SetHealth(a.Identity, true, "")
	again := a
	again.StartedAt++
	c.Apply(snapshot(settings(), again))
	want := []proxy.StateChange{
		{From: "", To: containers.StateStarting, Reason: "no check has passed yet"},
		{From: containers.StateStarting, To: containers.StateReady},
		{From: containers.StateReady, To: containers.StateUnhealthy, Reason: "refused"},
		{From: containers.StateUnhealthy, To: containers.StateReady},
		{From: "", To: containers.StateStarting, Reason: "no check has passed yet"}, // Another backend: it started anew.
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(proxy.StateChange{}, "Pool", "Backend")); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got[0].Pool != "default" || got[0].Backend.Name != "a" || got[4].Backend.StartedAt != again.StartedAt {
		t.Errorf("the first change is of %s in %s, the last of %v", got[0].Backend.Name, got[0].Pool, got[4].Backend.Identity)
	}
}
