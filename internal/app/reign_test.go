//go:build unix

package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/handover"
)

// acted counts what the fleet did to clones.
func (r *running) acted(action string) (n int) {
	r.t.Helper()
	families, err := r.app.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "loadbalancer_scale_actions_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "action" && l.GetValue() == action {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

// withClone starts one that removes its clones when it ends, and waits until it has one.
func withClone(t *testing.T, socket string) *running {
	t.Helper()
	r := start(t, "--handover.socket="+socket, "--on-exit=remove")
	r.app.fleet.Bring(t.Context(), "default", 4, nil)
	r.until("a clone is ready", func() bool { return r.ready() == 4 })
	return r
}

func takeFrom(t *testing.T, socket string) *handover.Taken {
	t.Helper()
	taken, err := handover.Take(t.Context(), socket)
	if err != nil || taken == nil {
		t.Fatalf("Take() = %v, %v", taken, err)
	}
	t.Cleanup(func() { taken.Close() })
	return taken
}

// The clones of one that has sent its sockets are the next one's, whatever becomes of either.
func TestApp_leaves_its_clones_to_who_has_the_sockets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		removes int
		next    func(t *testing.T, socket string)
	}{
		{"nobody takes over", 1, func(*testing.T, string) {}},
		{"another has the sockets", 0, func(t *testing.T, socket string) { takeFrom(t, socket) }},
		{"another has them and accepts", 0, func(t *testing.T, socket string) {
			taken := takeFrom(t, socket)
			go func() { _ = taken.Ready(t.Context()) }()
		}},
		{"another had them and failed", 1, func(t *testing.T, socket string) {
			if err := takeFrom(t, socket).Close(); err != nil {
				t.Error(err)
			}
			c, err := net.Dial("unix", socket) // Who is heard after it.
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, "nonsense\n")
			_, _ = io.ReadAll(c)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			r := withClone(t, socket)
			tt.next(t, socket)
			r.stop()
			if err := r.end(); err != nil {
				t.Errorf("Run() = %v", err)
			}
			if n := r.acted(containers.ActedRemove); n != tt.removes {
				t.Errorf("it removed %d clones, want %d", n, tt.removes)
			}
		})
	}
}

// One that is told to stop before the one that serves has ended its work leaves that one's clones alone.
func TestApp_removes_no_clones_that_are_not_its_own_yet(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	giver, err := handover.Listen(t.Context(), socket, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan struct{})
	given := make(chan struct{})
	go func() {
		defer close(given)
		heir, _ := giver.Give(t.Context(), nil, handover.Steps{
			Lend: func() bool { return true }, Regain: func() {}, Yield: func() time.Duration { close(ready); <-ended; return 0 },
		})
		if heir != nil {
			_ = heir.Close()
		}
	}()
	next := start(t, "--handover.socket="+socket, "--on-exit=remove")
	<-ready
	prefix := containers.DefaultPrefix
	id, err := next.app.engine.Create(t.Context(), engine.Spec{Name: containers.CloneName("default", 1), Template: "web-a", Labels: map[string]string{
		prefix.Key("enable"): "true", prefix.Key("clone"): "true", prefix.Key("owner"): next.app.config.Instance, prefix.Key("slot"): "1",
	}})
	if err == nil {
		err = next.app.engine.Start(t.Context(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	next.until("it sees the clone", func() bool { return next.ready() == 4 })
	next.stop()
	if err := next.end(); err != nil {
		t.Errorf("Run() = %v", err)
	}
	if n := next.acted(containers.ActedRemove); n != 0 {
		t.Errorf("it removed %d clones, want none", n)
	}
	close(ended)
	<-given
}

// One that removes its clones hands nothing over, and says so.
func TestApp_refuses_the_handover_when_it_removes_its_clones(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	r := withClone(t, socket)
	response, err := http.Get(r.base + "/lb/sse?n=1000000&ms=20")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	r.stop()
	r.until("it accepts no more", func() bool {
		c, err := net.Dial("tcp", r.app.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if taken, err := handover.Take(t.Context(), socket); taken != nil || !errors.Is(err, handover.ErrEnds) {
		t.Errorf("Take() = %v, %v, want that it ends", taken, err)
	}
	response.Body.Close()
	if err := r.end(); err != nil {
		t.Errorf("Run() = %v", err)
	}
	if n := r.acted(containers.ActedRemove); n != 1 {
		t.Errorf("it removed %d clones, want 1", n)
	}
}

// Nothing is given up from the moment on in which another may serve with it, and again if the other fails.
func TestApp_gives_up_nothing_while_another_has_the_sockets(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	r := withClone(t, socket)
	taken := takeFrom(t, socket)
	if !r.app.fleet.Status("default").Keeps {
		t.Error("it may give up clones")
	}
	r.app.fleet.Bring(t.Context(), "default", 3, nil)
	if err := taken.Close(); err != nil {
		t.Error(err)
	}
	r.until("it gives up the clone when the other failed", func() bool { return r.acted(containers.ActedRemove) == 1 })
}
