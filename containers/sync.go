package containers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/engine"
)

const (
	// inspections is how many run in parallel: engines take locks for each.
	inspections = 8
	// inspectTimeout keeps one container that an engine is stuck on from holding up all others.
	inspectTimeout = 4 * time.Second
	// answerWithin is how long an engine may answer nothing that a sync asks. It is longer than inspectTimeout, so that a
	// stuck container alone does not reach it.
	answerWithin = 5 * time.Second
)

// errLate is why a sync that went well is to be tried again: what it says may be as old as it took.
var errLate = fmt.Errorf("the engine takes more than %s to answer", answerWithin)

// witness is an engine of which it is known when it last answered a sync. It is safe for concurrent use.
type witness struct {
	Observed
	answered atomic.Pointer[time.Time]
}

// begin notes that a sync begins: from now on an answer is owed.
func (w *witness) begin(now time.Time) { w.answered.Store(&now) }

// last is when it last answered, or when the sync began.
func (w *witness) last() time.Time { return *w.answered.Load() }

// note takes in how a call ended. A refusal is an answer as well.
func (w *witness) note(ctx context.Context, err error) {
	if ctx.Err() == nil && !errors.Is(err, engine.ErrUnavailable) {
		w.begin(time.Now())
	}
}

func (w *witness) Info(ctx context.Context) (engine.Info, error) {
	info, err := w.Observed.Info(ctx)
	w.note(ctx, err)
	return info, err
}

func (w *witness) List(ctx context.Context) ([]engine.Summary, error) {
	list, err := w.Observed.List(ctx)
	w.note(ctx, err)
	return list, err
}

func (w *witness) Inspect(ctx context.Context, id string) (engine.Container, error) {
	c, err := w.Observed.Inspect(ctx, id)
	w.note(ctx, err)
	return c, err
}

// task is what one sync is to do; it is immutable.
type task struct {
	number int
	// full inspects everything, place also looks where Ballast stands; at is where it stood.
	full, place bool
	at          Place
	prefix      Prefix
	self        string
	known       map[string]engine.Container
	dirty       map[string]bool
}

// result is what a sync found; if err is set, nothing.
type result struct {
	task  task
	err   error
	took  time.Duration
	info  engine.Info // zero if the task did not ask for the place
	place Place
	known map[string]engine.Container
	// others are the IDs of containers that are not enabled.
	others map[string]bool
	// strangers are the same containers, for people.
	strangers []Other
	// unread could not be inspected and are not known; stale could not be inspected this time.
	// The values are reasons.
	unread, stale map[string]string
}

// unreliable says whether the container is not known from this sync's own inspection.
func (r result) unreliable(id string) bool { return r.unread[id] != "" || r.stale[id] != "" }

// sync lists the containers and inspects those that need it.
func (r *Reconciler) sync(ctx context.Context, t task) result {
	began := time.Now()
	got := result{
		task: t, place: t.at,
		known: make(map[string]engine.Container, len(t.known)), others: make(map[string]bool),
		unread: make(map[string]string), stale: make(map[string]string),
	}
	got.err = r.read(ctx, t, &got)
	got.took = time.Since(began)
	return got
}

func (r *Reconciler) read(ctx context.Context, t task, got *result) error {
	if t.place {
		var err error
		if got.info, got.place, err = r.locate(ctx); err != nil {
			return err
		}
	}
	summaries, err := r.engine.List(ctx)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	var wanted []engine.Summary
	for _, s := range summaries {
		known, ok := t.known[s.ID]
		switch {
		case !t.prefix.Enabled(s.Labels):
			got.others[s.ID] = true
			got.strangers = append(got.strangers, newOther(t.prefix, s, t.self))
		case t.full || !ok || t.dirty[s.ID] || known.State != s.State || known.Name != s.Name:
			wanted = append(wanted, s)
		default:
			got.known[s.ID] = known
		}
	}
	return r.inspect(ctx, wanted, got)
}

// inspect reads the wanted containers. Only an engine that does not answer any more is an error.
func (r *Reconciler) inspect(ctx context.Context, wanted []engine.Summary, got *result) error {
	found := make([]engine.Container, len(wanted))
	failures := make([]error, len(wanted))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(inspections)
	for i, s := range wanted {
		group.Go(func() error {
			began := time.Now()
			limited, cancel := context.WithTimeout(asking, inspectTimeout)
			defer cancel()
			found[i], failures[i] = r.engine.Inspect(limited, s.ID)
			stuck := errors.Is(failures[i], engine.ErrUnavailable) || limited.Err() != nil
			if !stuck || r.engine.last().After(began) {
				return nil
			}
			// One container that the engine is stuck on looks like an engine that is gone: ask.
			if _, err := r.engine.Info(asking); err != nil {
				return fmt.Errorf("inspect containers: %w", err)
			}
			return nil
		})
	}
	if err := cmp.Or(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	for i, s := range wanted {
		got.add(s, found[i], failures[i])
	}
	return nil
}

// add takes in one inspection, or what is best without it.
func (r *result) add(s engine.Summary, c engine.Container, err error) {
	known, ok := r.task.known[s.ID]
	switch {
	case err == nil:
		r.known[s.ID] = c
	case errors.Is(err, engine.ErrNotFound):
		// It vanished between the list and now.
	case ok && known.State == s.State && !known.StartedAt.IsZero():
		known.Summary = s
		r.known[s.ID] = known
		r.stale[s.ID] = fmt.Sprintf("could not be inspected (%v); shown as it was before", err)
	default:
		r.known[s.ID] = engine.Container{Summary: s}
		r.unread[s.ID] = fmt.Sprintf("could not be inspected (%v); tried again soon", err)
	}
}

// locate finds out where Ballast stands.
func (r *Reconciler) locate(ctx context.Context) (engine.Info, Place, error) {
	info, err := r.engine.Info(ctx)
	if err != nil {
		return info, Place{}, fmt.Errorf("ask the engine what it is: %w", err)
	}
	place := Place{Self: r.options.Self, Reachable: info.ContainersReachable}
	if place.Self != "" {
		self, err := r.engine.Inspect(ctx, place.Self)
		switch {
		case errors.Is(err, engine.ErrNotFound):
			// It runs in a container, but of another engine.
		case err != nil:
			return info, Place{}, fmt.Errorf("inspect Ballast's own container: %w", err)
		default:
			if place, err = r.within(ctx, place, self); err != nil {
				return info, Place{}, err
			}
		}
	}
	if !place.Contained && !place.Reachable {
		place.PublishedHost = resolve(ctx, info.PublishedHost)
	}
	return info, place, nil
}

// within completes the place of a Ballast that runs in a container.
func (r *Reconciler) within(ctx context.Context, place Place, self engine.Container) (Place, error) {
	place.SelfName = self.Name
	if of, shared := strings.CutPrefix(self.Grants.NetworkMode, "container:"); shared {
		var err error
		if self, err = r.engine.Inspect(ctx, of); err != nil {
			return Place{}, fmt.Errorf("inspect the container whose network Ballast shares: %w", err)
		}
		// The network is connected to that one, if to any.
		place.SelfName = self.Name
	}
	if place.Contained = !self.HostNetwork; place.Contained {
		place.Networks = sortedNames(attachments(&self))
	}
	return place, nil
}

// resolve finds the address of the host of published ports; none if it has none.
func resolve(ctx context.Context, host string) netip.Addr {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap()
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addresses) == 0 {
		return netip.Addr{}
	}
	slices.SortFunc(addresses, netip.Addr.Compare) // Resolvers rotate; an identity must not.
	return addresses[0].Unmap()
}
