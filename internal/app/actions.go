package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// Actor is who does something by hand, and from where.
type Actor struct {
	User   string
	Client netip.Addr
}

// Refusal says why something is not done. Status is HTTP's, Slug is for programs, and Detail, which ends with what to do,
// for people.
type Refusal struct {
	Status       int
	Slug, Detail string
}

func (r *Refusal) Error() string { return r.Detail }

// Done is what became of a container.
type Done struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Pool   string `json:"pool"`
	Action string `json:"action"`
	By     string `json:"by"`
}

// Actions are all that people can change while Ballast runs, for the API and the page alike. Each is logged with who asked
// for it and what came of it; an error is a *Refusal, with which nothing was changed. Whether somebody may act at all is not
// asked here. They are safe for concurrent use.
type Actions struct {
	app *App
	log zerolog.Logger

	mu sync.Mutex
	// drained are the containers that were taken out of rotation by hand.
	drained map[string]autoscale.Mark
}

func newActions(a *App) *Actions {
	return &Actions{app: a, log: a.component("audit"), drained: map[string]autoscale.Mark{}}
}

// Scale brings a pool to n replicas now.
func (a *Actions) Scale(ctx context.Context, who Actor, pool string, n int) (d autoscale.Decision, err error) {
	err = a.audited(who, fmt.Sprintf("scale to %d", n), pool, func() error {
		d, err = a.app.scaler.Scale(ctx, pool, who.User, n)
		return err
	})
	return d, err
}

// Autoscale pauses a pool's autoscaling, or resumes it.
func (a *Actions) Autoscale(ctx context.Context, who Actor, pool string, enabled bool) (d autoscale.Decision, err error) {
	action := "pause"
	if enabled {
		action = "resume"
	}
	err = a.audited(who, action, pool, func() error {
		d, err = a.app.scaler.Pause(ctx, pool, who.User, !enabled)
		return err
	})
	return d, err
}

// Limits sets a pool's minimum and maximum for now, or takes them back.
func (a *Actions) Limits(who Actor, pool string, l autoscale.Limits) (d autoscale.Decision, err error) {
	action := []string{"limits"}
	for _, c := range [...]struct {
		name string
		n    *int
	}{{"min", l.Min}, {"max", l.Max}} {
		switch {
		case c.n == nil:
		case *c.n == autoscale.Off:
			action = append(action, c.name+" back")
		default:
			action = append(action, fmt.Sprintf("%s %d", c.name, *c.n))
		}
	}
	err = a.audited(who, strings.Join(action, " "), pool, func() error {
		d, err = a.app.scaler.SetLimits(pool, who.User, l)
		return err
	})
	return d, err
}

// Drain takes a backend out of rotation until Undrain, or until its container is gone. id is a container's ID or name, or the
// beginning of one.
func (a *Actions) Drain(who Actor, id string) (Done, error) {
	return a.backend(who, "drain", id, "drained %s by hand", func(c *telemetry.ContainerDoc) error {
		switch {
		case a.aside(c.FullID):
			return refusal(http.StatusConflict, "drained", "%s is drained already", c.Name)
		case c.Backend == nil || c.Backend.State == containers.StateWarm || c.Backend.State == containers.StateDraining:
			return refusal(http.StatusConflict, "not-serving", "%s gets no requests anyway: %s", c.Name, why(c))
		case !a.app.core.SetAside(c.FullID):
			return refusal(http.StatusConflict, "not-serving", "%s has just left: see ballast why %s", c.Name, c.Name)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.drained[c.FullID] = autoscale.Mark{By: who.User, At: time.Now()}
		return nil
	})
}

// Undrain puts a backend back into rotation that was drained by hand.
func (a *Actions) Undrain(who Actor, id string) (Done, error) {
	return a.backend(who, "undrain", id, "put %s back into rotation", func(c *telemetry.ContainerDoc) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.drained, c.FullID)
		if !a.app.core.PutBack(c.FullID) {
			return refusal(http.StatusConflict, "not-drained", "nobody has drained %s by hand: see ballast why %s", c.Name, c.Name)
		}
		return nil
	})
}

// Restart has a clone drained and removed, and another made in its place.
func (a *Actions) Restart(who Actor, id string) (Done, error) {
	return a.backend(who, "restart", id, "replaces %s by hand", func(c *telemetry.ContainerDoc) error {
		if !a.app.scaler.Running() {
			return refusal(http.StatusServiceUnavailable, autoscale.RefusedNotDeciding, "this Ballast is starting, ending, or another one has taken over: try again, or ask that one")
		}
		if p := a.app.pool(c.Pool); p != nil && c.Backend != nil && c.Backend.State == containers.StateReady && p.Replicas.Ready <= p.Replicas.Min {
			return refusal(http.StatusConflict, "below-min", "pool %s must have %d ready, and has %d: bring it to %d first", c.Pool, p.Replicas.Min, p.Replicas.Ready, p.Replicas.Min+1)
		}
		err := a.app.fleet.Replace(c.FullID)
		if err == nil {
			return nil
		}
		status, slug := http.StatusConflict, "blocked"
		switch {
		case errors.Is(err, containers.ErrNotNow):
			status, slug = http.StatusServiceUnavailable, autoscale.RefusedNotDeciding
		case errors.Is(err, containers.ErrNotOurClone):
			slug = "not-a-clone"
		case errors.Is(err, containers.ErrNotServing):
			slug = "not-serving"
		case errors.Is(err, containers.ErrBusy):
			slug = "busy"
		}
		return refusal(status, slug, "%s: %s", c.Name, err)
	})
}

// backend does something with a container, and notes it as done, which has a place for the container's name.
func (a *Actions) backend(who Actor, action, id, done string, do func(*telemetry.ContainerDoc) error) (Done, error) {
	out := Done{Action: action, By: who.User}
	err := a.audited(who, action, id, func() error {
		c, err := a.find(id)
		if err != nil {
			return err
		}
		out.ID, out.Name, out.Pool = c.ID, c.Name, c.Pool
		if err := do(c); err != nil {
			return err
		}
		a.app.scaler.Note(c.Pool, who.User, fmt.Sprintf(done, c.Name))
		a.app.scaler.Nudge()
		return nil
	})
	return out, err
}

// find is the one container that id stands for.
func (a *Actions) find(id string) (*telemetry.ContainerDoc, error) {
	all := telemetry.NewContainers(a.app.input(time.Now()))
	found := telemetry.Match(all, id)
	switch {
	case id == "" || len(found) == 0:
		text, _ := telemetry.NoSuchContainer(all, id)
		return nil, refusal(http.StatusNotFound, "no-such-container", "%s; see /api/v1/containers", text)
	case len(found) > 1:
		names := make([]string, 0, len(found))
		for _, c := range found[:min(len(found), 5)] {
			names = append(names, c.Name)
		}
		return nil, refusal(http.StatusConflict, "ambiguous", "%q may be %d containers (%s …): give more of it", id, len(found), strings.Join(names, ", "))
	case !found[0].Routed:
		return nil, refusal(http.StatusConflict, "not-routed", "%s is not routed: %s", found[0].Name, cmp.Or(found[0].Reason, found[0].State))
	}
	return &found[0], nil
}

// why is why a container gets no requests.
func why(c *telemetry.ContainerDoc) string {
	if c.Backend == nil {
		return "it is about to join its pool"
	}
	return cmp.Or(c.Backend.Reason, string(c.Backend.State))
}

// aside says whether a container was taken out of rotation by hand.
func (a *Actions) aside(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.drained[id]
	return ok
}

// drainedOf are the backends of a pool that were taken out of rotation by hand, in the pool's order.
func (a *Actions) drainedOf(p *containers.Pool) (out []telemetry.DrainedDoc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range p.Backends {
		if m, ok := a.drained[b.Container]; ok {
			out = append(out, telemetry.DrainedDoc{ID: telemetry.Short(b.Container), Name: b.Name, Mark: m})
		}
	}
	return out
}

// forget drops what is kept of containers that are not there any more, as the core does. A clone that was given up and is
// kept warm is as good as new: whoever wakes it wants it to serve.
func (a *Actions) forget(s *containers.Snapshot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.drained) == 0 {
		return
	}
	left, warm := map[string]bool{}, map[string]bool{}
	for i := range s.Entries {
		left[s.Entries[i].Container.ID] = true
	}
	for _, p := range s.Pools {
		for i := range p.Backends {
			warm[p.Backends[i].Container] = p.Backends[i].State == containers.StateWarm
		}
	}
	maps.DeleteFunc(a.drained, func(id string, _ autoscale.Mark) bool {
		if warm[id] {
			a.app.core.PutBack(id)
		}
		return warm[id] || !left[id]
	})
}

// audited does something and logs what came of it.
func (a *Actions) audited(who Actor, action, target string, do func() error) error {
	err := do()
	if err == nil {
		a.did(who, action, target)
		return nil
	}
	r := asRefusal(err)
	a.refused(who, action, target, r)
	return r
}

// did logs what was done.
func (a *Actions) did(who Actor, action, target string) {
	log := a.line(who, action, target)
	log.Info().Str("outcome", "done").Msg("action")
}

// refused logs what was not done.
func (a *Actions) refused(who Actor, action, target string, r *Refusal) {
	log := a.line(who, action, target)
	log.Warn().Str("outcome", "refused").Str("why", r.Slug).Str("detail", r.Detail).Msg("action")
}

// line is a log whose lines tell of an act.
func (a *Actions) line(who Actor, action, target string) zerolog.Logger {
	const longest = 200 // A name or a path that nobody has is as long as a client likes.
	cut := func(s string) string { return s[:min(len(s), longest)] }
	return a.log.With().Str("user", cut(who.User)).Stringer("client", who.Client).
		Str("action", cut(action)).Str("target", cut(target)).Logger()
}

func refusal(status int, slug, format string, args ...any) *Refusal {
	return &Refusal{status, slug, fmt.Sprintf(format, args...)}
}

// asRefusal chooses the status.
func asRefusal(err error) *Refusal {
	if r := new(Refusal); errors.As(err, &r) {
		return r
	}
	r := new(autoscale.RefusedError)
	if !errors.As(err, &r) {
		return refusal(http.StatusInternalServerError, "internal", "%s", err)
	}
	status := http.StatusConflict
	switch r.Kind {
	case autoscale.RefusedNoPool:
		status = http.StatusNotFound
	case autoscale.RefusedNotDeciding, autoscale.RefusedStale:
		status = http.StatusServiceUnavailable
	}
	return &Refusal{status, r.Kind, r.Reason}
}
