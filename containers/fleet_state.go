package containers

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// takenFor is how long a slot is passed over whose name somebody else has, and how long an unseen
// clone of another instance is counted: until the next whole list at the latest.
const takenFor = 30 * time.Second

// defaultDrain is for clones of a pool that is not in the snapshot.
const defaultDrain = 30 * time.Second

// fleetPool is what a Fleet knows of a pool.
type fleetPool struct {
	name string
	// goal is what Bring asked for; nil if nothing.
	goal    *fleetGoal
	backoff creationBackoff
	// taken are slots whose names were found taken, and until when that is believed; unseen are
	// clones of other instances that no snapshot has shown yet.
	taken  map[int]time.Time
	unseen map[string]time.Time

	// What follows is from the last snapshot.

	template engine.Container
	// unfit says why nothing can be cloned; image is set if clones have one of their own. revision is that of what is cloned.
	unfit, image, revision string
	drain                  time.Duration
	// sickAfter is how long a replica must be unhealthy to be healed.
	sickAfter time.Duration
	// members are the replicas that are not ours, by ID, coming counts the clones of other instances that were
	// made and not started yet; strange are the slots of all those clones.
	members map[string]bool
	coming  int
	strange map[int]bool
	// scale is how the pool is to scale, zero without a pool.
	scale Scale

	// wakeTakes and startTakes are how long it lately took until replicas were ready.
	wakeTakes, startTakes movingAverage

	// sick are the replicas, by ID, that may be healed and are unhealthy, and since when without a break; nil if none need be
	// looked at. pace keeps the replacements of clones apart.
	sick map[string]time.Time
	pace healPace
	// renewal is how the clones are replaced that are stale.
	renewal renewal
}

// zero says that the pool may have no replica at all.
func (p *fleetPool) zero() bool { return p.scale.Max > 0 && p.scale.Min == 0 && !p.scale.DryRun }

// fleetGoal is a number of replicas that was asked for.
type fleetGoal struct {
	// n counts all replicas, clones those of ours among them when it was asked for.
	n, clones int
	based     bool
	victims   []string
	// condemned are originals, by ID, that are to be stopped.
	condemned map[string]bool
}

// clonePhase is where a clone stands.
type clonePhase int

const (
	cloneMaking clonePhase = iota
	cloneUp
	// cloneParking is being paused; cloneWarm is, cloneWaking is being unpaused, until it is seen running.
	cloneParking
	cloneWarm
	cloneWaking
	cloneRetiring
	// cloneGone was removed; a late snapshot may show it still.
	cloneGone
	// cloneDenied turned out not to be ours.
	cloneDenied
)

// fleetClone is a clone of this instance.
type fleetClone struct {
	pool, name string
	slot       int
	// id is empty until the engine made it.
	id    string
	phase clonePhase
	lane  lane
	// spare says that it is made for the warm pool and must not serve.
	spare bool
	// draining says that its retirement can be taken back, by recall, to the phase that it was in; surplus that it has nothing wrong.
	draining, surplus bool
	recall            recall
	was               clonePhase
	// made says that this Fleet made or woke it, how and since when. since is when it started, was woken,
	// paused or adopted; asked is when it was wanted as a replica.
	made                bool
	how                 string
	began, since, asked time.Time
	// ready says that it served once, settled that it then lived long enough; spoiled that it could
	// neither be started nor be removed.
	ready, settled, spoiled bool

	// What follows is from the last snapshot; seen says that there is such.

	seen, backend bool
	state         engine.State
	exitCode      int
	reason        string
	// ran says that it was seen running, heal that it may be replaced when it is sick.
	ran, heal bool
	// stale says in what it is not like those that would be made now, and since when; empty if it is like them.
	stale      string
	staleSince time.Time
}

// live says that the clone is a replica or becomes one.
func (c *fleetClone) live() bool {
	return (c.phase == cloneMaking || c.phase == cloneUp || c.phase == cloneWaking) && !c.spare
}

// reserve says that the clone is warm or becomes so.
func (c *fleetClone) reserve() bool {
	switch c.phase {
	case cloneMaking, cloneUp:
		return c.spare
	case cloneWarm, cloneParking:
		return true
	default:
		return false
	}
}

// returns says that the clone is about to go and becomes a replica again when the pool lacks one.
func (c *fleetClone) returns() bool { return c.phase == cloneRetiring && c.draining && c.surplus }

// exists says that the clone takes a slot and a share of the budget.
func (c *fleetClone) exists() bool { return c.phase != cloneGone && c.phase != cloneDenied }

// dead says that the clone ended by itself, or was left half made by an earlier run. A snapshot
// that is older than the start of a clone may show it as created.
func (c *fleetClone) dead() bool {
	switch c.state {
	case engine.StateExited, engine.StateDead:
		return c.seen
	case engine.StateCreated:
		return c.seen && !c.made
	default:
		return false
	}
}

func (f *Fleet) pool(name string) *fleetPool {
	p := f.pools[name]
	if p == nil {
		p = &fleetPool{
			name: name, drain: defaultDrain,
			taken: map[int]time.Time{}, unseen: map[string]time.Time{}, strange: map[int]bool{}, members: map[string]bool{},
		}
		f.pools[name] = p
	}
	return p
}

func (f *Fleet) byID(id string) *fleetClone {
	for _, c := range f.clones {
		if c.id == id {
			return c
		}
	}
	return nil
}

// Apply tells the Fleet what there is. Snapshots must come in the order in which they were made, and
// should come here before they come to whoever serves the traffic and counts the replicas: then
// what Bring asks for is never based on more than the Fleet knows.
func (f *Fleet) Apply(s *Snapshot) {
	for _, hide := range f.apply(s, time.Now()) {
		hide(context.Background())
	}
}

// apply returns what takes clones out of rotation that must not serve.
func (f *Fleet) apply(s *Snapshot, now time.Time) (hide []func(context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = s
	adopted := f.applyEntries(s, now)
	f.applyPools(s)
	f.applyOriginals(s, now)
	f.forget(s, now)
	f.find(adopted, now)
	f.nudge()
	return f.excess(adopted)
}

// adoption is a clone of ours that this Fleet did not make, with what the snapshot says of it.
type adoption struct {
	clone *fleetClone
	entry *Entry
}

// excess makes spares of the adopted clones by which their pool would exceed its maximum, the youngest first, and returns
// what takes them out of rotation. An earlier run may have been killed or have handed over while it made them for the warm pool,
// and only it knew. Those within the maximum are replicas as good as any, until the pool scales in, and so are more than the warm
// pool explains, or a replacement that is made before a stale one goes: somebody may have set a higher maximum by hand.
func (f *Fleet) excess(adopted []adoption) (hide []func(context.Context)) {
	slices.SortFunc(adopted, func(a, b adoption) int {
		return cmp.Or(b.entry.Container.StartedAt.Compare(a.entry.Container.StartedAt), b.clone.slot-a.clone.slot)
	})
	for _, a := range adopted {
		c, p := a.clone, f.pool(a.clone.pool)
		if c.phase != cloneUp || c.state != engine.StateRunning || p.scale.Max == 0 || p.scale.DryRun || f.replicas(p) <= p.scale.Max {
			continue
		}
		explained := p.scale.Warm
		if f.anyStale(p) {
			explained++
		}
		if f.reserves(p) >= explained {
			continue
		}
		c.spare = true
		hide = append(hide, c.lane.in(func(ctx context.Context) { f.hide(ctx, c) }))
	}
	return hide
}

// replicas counts all that the pool has or is about to have.
func (f *Fleet) replicas(p *fleetPool) int {
	n := f.others(p) + f.starting(p)
	for _, c := range f.clones {
		if c.pool == p.name && c.live() && !c.dead() {
			n++
		}
	}
	return n
}

// applyEntries notes what became of each clone and adopts those that are not known.
func (f *Fleet) applyEntries(s *Snapshot, now time.Time) (adopted []adoption) {
	f.strangers = 0
	for _, p := range f.pools {
		p.coming, p.strange = 0, map[int]bool{}
	}
	shown := make(map[string]bool, len(f.clones))
	for i := range s.Entries {
		e := &s.Entries[i]
		switch {
		case e.Clone == nil:
		case e.Clone.Owner != f.o.Instance:
			f.strangers++
			p := f.pool(e.Pool)
			p.strange[e.Clone.Slot] = true
			if e.Container.State == engine.StateCreated {
				p.coming++
			}
			delete(p.unseen, e.Container.ID)
		default:
			shown[e.Container.ID] = true
			if c := f.applyClone(e, now); c != nil {
				adopted = append(adopted, adoption{c, e})
			}
		}
	}
	kept := f.clones[:0]
	for _, c := range f.clones {
		c.backend = false
		if shown[c.id] || !c.over() {
			kept = append(kept, c)
		} else if c.id != "" {
			f.rivalry.explain(c.id, now)
		}
	}
	clear(f.clones[len(kept):])
	f.clones = kept
	return adopted
}

// over says that a clone which the snapshot does not show is no more.
func (c *fleetClone) over() bool {
	switch c.phase {
	case cloneUp, cloneDenied, cloneWarm, cloneWaking:
		// One that was never seen may be younger than the snapshot.
		return c.seen
	case cloneGone:
		return true
	default:
		return false
	}
}

// applyClone notes the state of one clone of ours, and returns it if it is adopted.
func (f *Fleet) applyClone(e *Entry, now time.Time) (adopted *fleetClone) {
	c := f.byID(e.Container.ID)
	if c == nil {
		if f.making(e.Container.Name) {
			return nil // Its creation is about to tell its ID, or that it failed.
		}
		c = &fleetClone{
			pool: e.Pool, name: e.Container.Name, slot: e.Clone.Slot, id: e.Container.ID,
			phase: cloneUp, since: now, asked: now,
		}
		f.clones, adopted = append(f.clones, c), c
		if _, c.ready = f.early[c.id]; c.ready {
			f.pool(c.pool).backoff.ready()
		}
	}
	c.seen = true
	c.state, c.exitCode, c.reason = e.Container.State, e.Container.ExitCode, e.Reason
	c.heal = e.Heal == HealReplace || e.Heal == HealRestart
	if c.stale == "" && e.Stale != "" {
		c.staleSince = now
	}
	c.stale = e.Stale
	c.ran = c.ran || c.state == engine.StateRunning
	switch {
	case c.state == engine.StatePaused && c.phase == cloneUp && (!c.spare || !c.made):
		// By an earlier run, which may end later than this one begins, or by a person: it is as good as those that we paused.
		c.phase, c.spare, c.since = cloneWarm, false, now
	case c.state == engine.StateRunning && c.phase == cloneWaking:
		c.phase = cloneUp
	}
	return adopted
}

// making says that a clone of this name is being made and its ID is not known yet.
func (f *Fleet) making(name string) bool {
	for _, c := range f.clones {
		if c.phase == cloneMaking && c.id == "" && c.name == name {
			return true
		}
	}
	return false
}

// applyPools notes the pools' settings, templates and other replicas.
func (f *Fleet) applyPools(s *Snapshot) {
	entries := make(map[string]*Entry, len(s.Entries))
	for i := range s.Entries {
		entries[s.Entries[i].Container.ID] = &s.Entries[i]
	}
	for _, p := range f.pools {
		p.members, p.image, p.unfit, p.scale = map[string]bool{}, "", noTemplate, Scale{}
	}
	for _, pool := range s.Pools {
		p := f.pool(pool.Name)
		p.scale, p.image, p.drain = pool.Settings.Scale, pool.Settings.Scale.Image, pool.Settings.DrainTimeout
		h := pool.Settings.Health
		p.sickAfter = max(f.o.SickFor, time.Duration(h.Fall)*h.Interval)
		for i := range pool.Backends {
			f.applyBackend(p, &pool.Backends[i])
		}
		p.unfit, p.revision = noTemplate, pool.Revision
		if template := entries[pool.Template]; template != nil {
			p.template, p.unfit = template.Container, ""
			if err := Vet(template.Container); err != nil {
				p.unfit = strings.ReplaceAll(err.Error(), "\n", "; ")
			}
		}
	}
}

// noTemplate is why a pool without containers other than clones gets no more of them.
const noTemplate = "there is no container to clone: start one in this pool that Ballast did not make"

func (f *Fleet) applyBackend(p *fleetPool, b *Backend) {
	if c := f.byID(b.Container); c != nil && c.phase != cloneDenied {
		c.backend = b.State != StateWarm
		if b.Reason != "" {
			c.reason = b.Reason
		}
		return
	}
	switch b.State {
	case StateStarting, StateReady, StateUnhealthy:
		p.members[b.Container] = true
	}
}

// forget drops what is known of pools and containers that are gone.
func (f *Fleet) forget(s *Snapshot, now time.Time) {
	used := map[string]bool{}
	for _, p := range s.Pools {
		used[p.Name] = true
	}
	for _, c := range f.clones {
		used[c.pool] = true
	}
	for _, o := range f.originals {
		used[o.pool] = true
	}
	for name := range f.pools {
		if !used[name] {
			delete(f.pools, name)
		}
	}
	for id, at := range f.early {
		// The snapshot that shows it may still be on its way.
		if now.Sub(at) > provenAfter {
			delete(f.early, id)
		}
	}
}
