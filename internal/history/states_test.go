package history

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// entry is of a container that is not routed for that reason, or is if there is none.
func entry(id, reason string) containers.Entry {
	return containers.Entry{
		Container: engine.Container{Summary: engine.Summary{ID: id, Name: "name-" + id, Image: "image"}},
		Pool:      "web", Routed: reason == "", Reason: reason,
	}
}

func entries(all ...containers.Entry) *containers.Snapshot { return &containers.Snapshot{Entries: all} }

func step(id string, to containers.State, reason string) Step {
	return Step{ID: id, Name: "name-" + id, Pool: "web", To: to, Reason: reason}
}

func TestStates_a_life(t *testing.T) {
	var told []Event
	s := NewStates(func(e Event) { told = append(told, e) })
	s.Apply(at(0), entries(entry("a", "was created and not started")))
	s.Apply(at(1), entries(entry("a", "was created and not started"))) // Nothing new.
	s.Note(at(2), step("a", containers.StateStarting, "no check has passed yet"))
	s.Apply(at(2), entries(entry("a", "")))
	s.Note(at(3), step("a", containers.StateReady, ""))
	s.Note(at(4), step("a", containers.StateStarting, "no check has passed yet")) // Another backend: it restarted.
	s.Note(at(5), step("a", containers.StateDraining, "was asked to stop"))
	s.Apply(at(6), entries(entry("a", "is exited (code 0)")))
	s.Apply(at(7), entries(entry("a", "is exited (code 1)")))
	s.Apply(at(8), entries())
	want := []Change{ // Newest first.
		{at(8), StateUnrouted, StateGone, "the engine has it no more"},
		{at(7), StateUnrouted, StateUnrouted, "is exited (code 1)"},
		{at(6), containers.StateDraining, StateUnrouted, "is exited (code 0)"},
		{at(5), containers.StateStarting, containers.StateDraining, "was asked to stop"},
		{at(4), containers.StateReady, containers.StateStarting, "no check has passed yet"},
		{at(3), containers.StateStarting, containers.StateReady, ""},
		{at(2), StateUnrouted, containers.StateStarting, "no check has passed yet"},
		{at(0), "", StateUnrouted, "was created and not started"},
	}
	if diff := cmp.Diff(want, s.Of("a")); diff != "" {
		t.Errorf("Of(a) (-want +got):\n%s", diff)
	}
	if len(told) != len(want) {
		t.Fatalf("%d changes were told, want %d", len(told), len(want))
	}
	if got := told[len(told)-1]; got.Change != want[0] || got.ID != "a" || got.Name != "name-a" || got.Pool != "web" {
		t.Errorf("told last: %+v, want the newest", got)
	}
}

func TestStates_remembers_who_left_for_a_while(t *testing.T) {
	s := NewStates(nil)
	s.Apply(at(0), entries(entry("a", "x"), entry("b", "x")))
	s.Apply(at(10), entries(entry("b", "x")))
	want := []Left{{ID: "a", Name: "name-a", Pool: "web", Image: "image", Time: at(10)}}
	if diff := cmp.Diff(want, s.Left(at(10+Span))); diff != "" {
		t.Errorf("Left() (-want +got):\n%s", diff)
	}
	if got := s.Left(at(11 + Span)); len(got) != 0 || s.Of("a") != nil || len(s.Of("b")) != 1 {
		t.Errorf("Left() = %v, Of(a) = %v, Of(b) = %v after the time, want b alone", got, s.Of("a"), s.Of("b"))
	}
}

// One that comes back goes on.
func TestStates_of_one_that_comes_back(t *testing.T) {
	s := NewStates(nil)
	s.Apply(at(0), entries(entry("a", "x")))
	s.Apply(at(1), entries())
	s.Apply(at(2), entries(entry("a", "x")))
	if got := s.Of("a"); len(got) != 3 || got[0].From != StateGone || len(s.Left(at(2))) != 0 {
		t.Errorf("Of(a) = %v, Left() = %v, want three changes and nobody", got, s.Left(at(2)))
	}
}

func TestStates_are_bounded(t *testing.T) {
	s := NewStates(nil)
	for i := range 500 {
		s.Note(at(float64(i)), step("a", containers.StateUnhealthy, fmt.Sprint(i)))
	}
	if got := s.Of("a"); len(got) != Kept || got[0].Reason != "499" || got[Kept-1].Reason != "450" {
		t.Errorf("%d changes are kept, want the newest %d", len(got), Kept)
	}
	s.Apply(at(500), entries(entry("a", "")))
	var all []containers.Entry
	for i := range maxLeft + 10 {
		all = append(all, entry(fmt.Sprint("b", i), "x"))
	}
	s.Apply(at(501), entries(append(all, entry("a", ""))...))
	s.Apply(at(502), entries(all[10:]...))
	s.Apply(at(503), entries())
	if got := s.Left(at(504)); len(got) != maxLeft || len(s.known) != maxLeft || s.Of("a") != nil || s.Of("b0") != nil {
		t.Errorf("%d that left are remembered, want %d, and not those that left first", len(got), maxLeft)
	}
}
