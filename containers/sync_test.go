package containers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

func TestReconciler_inspection_fails(t *testing.T) {
	stuck := errors.New("stuck")
	fail := func(id string) func(*script) {
		return func(s *script) {
			s.onInspect = func(asked string) error {
				if asked == id {
					return stuck
				}
				return nil
			}
		}
	}
	heal := func(s *script) { s.onInspect = nil }

	t.Run("of a known container/it stays as it was", func(t *testing.T) {
		play(t, newScript(container("a"), container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
			before := st.backend("a")
			st.set(fail("id-a"))
			st.alter("id-a", engine.ActionHealth, func(c *engine.Container) { c.Health = engine.HealthUnhealthy })
			pass(resync)
			if st.backend("a") != before {
				t.Errorf("backend a is %+v, want it as it was", st.backend("a"))
			}
			want := []string{"could not be inspected (stuck); shown as it was before"}
			if diff := cmp.Diff(want, st.r.Snapshot().Entries[0].Warnings); diff != "" {
				t.Errorf("warnings differ (-want +got):\n%s", diff)
			}
			if !st.r.Status().Connected {
				t.Errorf("Status() = %+v, want connected", st.r.Status())
			}
			st.set(heal)
			pass(unreadRetry)
			st.truth(t)
		})
	})
	t.Run("of an unknown container/it is not routed", func(t *testing.T) {
		play(t, newScript(container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
			st.set(fail("id-a"))
			st.run(container("a"))
			pass(time.Second)
			if e := st.r.Snapshot().Entries[0]; e.Routed || e.Reason != "could not be inspected (stuck); tried again soon" {
				t.Errorf("entry of a: routed %t, %s", e.Routed, e.Reason)
			}
			st.expect(t, "b", StateReady)
			st.set(heal)
			pass(unreadRetry)
			st.truth(t)
		})
	})
	t.Run("because it vanished/it is gone", func(t *testing.T) {
		s := newScript(container("a"), container("b"))
		s.onList = func() { s.set(func(s *script) { delete(s.containers, "id-a") }) }
		play(t, s, ReconcilerOptions{}, func(t *testing.T, st *stage) {
			st.truth(t)
			if !st.r.Status().Connected {
				t.Errorf("Status() = %+v, want connected", st.r.Status())
			}
		})
	})
	t.Run("because the engine is gone/nothing changes", func(t *testing.T) {
		play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
			before := st.r.Snapshot()
			st.set(func(s *script) { s.onList = func() { s.set(func(s *script) { s.gone = true }) } })
			pass(resync)
			if st.r.Snapshot() != before || st.r.Status().Connected {
				t.Errorf("Status() = %+v, snapshot kept %t; want not connected, kept", st.r.Status(), st.r.Snapshot() == before)
			}
		})
	})
	t.Run("because the engine is stuck on one/the others go on", func(t *testing.T) {
		play(t, newScript(container("a"), container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
			st.set(func(s *script) {
				s.onInspect = func(id string) error {
					if id == "id-a" {
						return fmt.Errorf("deadline: %w", engine.ErrUnavailable)
					}
					return nil
				}
			})
			st.die("id-b")
			pass(resync)
			st.expect(t, "a", StateReady)
			st.expect(t, "b", "")
			if !st.r.Status().Connected {
				t.Errorf("Status() = %+v, want connected", st.r.Status())
			}
		})
	})
}

func TestReconciler_finds_its_place(t *testing.T) {
	self := func(change func(*engine.Container)) engine.Container {
		c := container("lb")
		c.Labels = nil
		change(&c)
		return c
	}
	front := []engine.Network{{Name: "front", Address: "172.18.0.9"}}
	tests := []struct {
		name string
		info engine.Info
		self []engine.Container
		want Place
	}{
		{"on the host", engine.Info{ContainersReachable: true}, nil, Place{Self: "id-lb", Reachable: true}},
		{"on another host", engine.Info{PublishedHost: "::ffff:10.0.0.1"}, nil, Place{Self: "id-lb", PublishedHost: address("10.0.0.1")}},
		{
			"in a container",
			engine.Info{},
			[]engine.Container{self(func(c *engine.Container) { c.Networks = front })},
			Place{Self: "id-lb", SelfName: "lb", Contained: true, Networks: []string{"front"}},
		},
		{
			"in a container of the host's network",
			engine.Info{ContainersReachable: true},
			[]engine.Container{self(func(c *engine.Container) { c.HostNetwork, c.Networks = true, nil })},
			Place{Self: "id-lb", SelfName: "lb", Reachable: true},
		},
		{"in a container that shares another's network", engine.Info{}, []engine.Container{
			self(func(c *engine.Container) { c.Grants.NetworkMode, c.Networks = "container:id-vpn", nil }),
			changed(container("vpn"), func(c *engine.Container) { c.Networks = front }),
		}, Place{Self: "id-lb", SelfName: "vpn", Contained: true, Networks: []string{"front"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(tt.self...)
			s.info = tt.info
			r := NewReconciler(ReconcilerOptions{Engine: s, Prefix: "ballast", Self: "id-lb"})
			_, place, err := r.locate(t.Context())
			if err != nil {
				t.Fatalf("locate() error: %v", err)
			}
			if diff := cmp.Diff(tt.want, place, cmp.Comparer(sameAddress)); diff != "" {
				t.Errorf("locate() differs (-want +got):\n%s", diff)
			}
		})
	}
}

// Attaching Ballast's own container to a network makes backends reachable at once.
func TestReconciler_own_networks_change(t *testing.T) {
	s := newScript(container("a"), changed(container("lb"), func(c *engine.Container) { c.Labels, c.Networks = nil, nil }))
	play(t, s, ReconcilerOptions{Self: "id-lb"}, func(t *testing.T, st *stage) {
		if e := st.r.Snapshot().Entries[0]; e.Routed || !strings.Contains(e.Reason, "docker network connect front lb") {
			t.Errorf("entry of a: routed %t, %s", e.Routed, e.Reason)
		}
		connected := func(c *engine.Container) { c.Networks = []engine.Network{{Name: "front", Address: "172.18.0.9"}} }
		st.alter("id-lb", engine.ActionNetwork, connected)
		pass(time.Second)
		st.expect(t, "a", StateReady)
	})
}
