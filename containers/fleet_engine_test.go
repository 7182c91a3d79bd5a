package containers_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
	"github.com/ballast-lb/ballast/engine/embedded"
)

// idle is traffic that is never in flight.
type idle struct{}

func (idle) Drain(context.Context, string) error { return nil }

func (idle) Undrain(string) {}

// TestFleet_with_an_engine lets a Fleet live with a Reconciler on an engine whose containers serve:
// they find each other's doings through the engine alone.
func TestFleet_with_an_engine(t *testing.T) {
	e := embedded.New(embedded.Options{Images: map[string]embedded.Image{
		"web": func(i embedded.Instance) (http.Handler, error) {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, i.Name) }), nil
		},
	}})
	t.Cleanup(func() { _ = e.Close() })
	if _, err := e.Run("web-a", "web", map[string]string{"ballast.enable": "true", "ballast.pool": "web"}); err != nil {
		t.Fatal(err)
	}
	f := live(t, e, "here")
	t.Cleanup(func() {
		if err := f.RemoveAll(context.Background()); err != nil {
			t.Errorf("RemoveAll() = %v", err)
		}
	})

	f.Bring(t.Context(), "web", 4, nil)
	waitFor(t, e, "ballast-web-1", "ballast-web-2", "ballast-web-3", "web-a")
	waitUntil(t, func() bool {
		s := f.Status("web")
		return s.Others == 1 && s.Creating == 0 && len(s.Clones) == 3
	})
	victim, err := e.Inspect(t.Context(), "ballast-web-2")
	if err != nil {
		t.Fatal(err)
	}
	f.Bring(t.Context(), "web", 3, []string{victim.ID})
	waitFor(t, e, "ballast-web-1", "ballast-web-3", "web-a")

	// A clone that crashes is made anew.
	crashed, err := e.Inspect(t.Context(), "ballast-web-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Exit(crashed.ID, 1); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		c, err := e.Inspect(t.Context(), "ballast-web-1")
		return err == nil && c.ID != crashed.ID && c.State == engine.StateRunning
	})
	f.Bring(t.Context(), "web", 0, nil)
	waitFor(t, e, "web-a")
}

// live starts a Fleet and the Reconciler that informs it.
func live(t *testing.T, e engine.Engine, instance string) *containers.Fleet {
	t.Helper()
	f := containers.NewFleet(containers.FleetOptions{
		Engine: e, Traffic: idle{}, Instance: instance, Prefix: containers.DefaultPrefix, Logger: zerolog.Nop(),
	})
	r := containers.NewReconciler(containers.ReconcilerOptions{
		Engine: e, Prefix: containers.DefaultPrefix, Logger: zerolog.Nop(),
		Publish: func(s *containers.Snapshot) {
			f.Apply(s)
			for _, p := range s.Pools {
				for _, b := range p.Backends {
					if b.State == containers.StateReady {
						f.Ready(b.Container)
					}
				}
			}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = f.Run(ctx) })
	running.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return f
}

// waitFor waits until these containers run, and no others.
func waitFor(t *testing.T, e engine.Engine, names ...string) {
	t.Helper()
	var running []string
	waitUntil(t, func() bool {
		list, err := e.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		running = running[:0]
		for _, c := range list {
			if c.State == engine.StateRunning {
				running = append(running, c.Name)
			}
		}
		slices.Sort(running)
		return cmp.Equal(names, running)
	})
}

func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(30 * time.Second)
	for !done() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatal("what was waited for did not happen within 30 s")
		}
	}
}

// What a full disk makes Docker say reaches people as a remedy, and nobody has to do more than that.
func TestFleet_with_a_full_disk(t *testing.T) {
	for _, op := range []fakedaemon.Op{fakedaemon.OpCreate, fakedaemon.OpStart} {
		t.Run(string(op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := fakedaemon.New(t, fakedaemon.Options{})
				e, err := docker.New(docker.Options{Host: "unix:///fake", Dial: d.Dial})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				labels := map[string]string{"ballast.enable": "true", "ballast.pool": "web", "ballast.port": "8080"}
				if _, err := d.Run(fakedaemon.Config{Name: "web-a", Labels: labels}); err != nil {
					t.Fatal(err)
				}
				f := live(t, e, "here")
				d.Fail(op, fakedaemon.DiskFull)
				f.Bring(t.Context(), "web", 2, nil)
				after(20 * time.Second)
				if s := f.Status("web"); !s.Open || !strings.HasPrefix(s.Blocked, diskFull) || !strings.Contains(s.Blocked, fakedaemon.DiskFull.Message) {
					t.Errorf("Status() = %+v, want it open and blocked: %s…", s, diskFull)
				}
				waitFor(t, e, "web-a")
				d.Heal()
				after(time.Minute)
				waitFor(t, e, "ballast-web-1", "web-a")
				if s := f.Status("web"); s.Open || s.Blocked != "" {
					t.Errorf("Status() = %+v when there is space again", s)
				}
			})
		})
	}
}
