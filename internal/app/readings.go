package app

import (
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

// readings is the autoscaler's source: what the data path counts and the fleet makes, per pool.
type readings struct {
	core       *proxy.Core
	fleet      *containers.Fleet
	usage      *containers.Usage
	reconciler *containers.Reconciler
	instance   string
	// aside says whether somebody took a container out of rotation; nil if nobody can.
	aside func(containerID string) bool

	// starting are the backends that have not passed a check yet.
	starting vigil[containers.Identity]
	// unstarted are pools, by name, of which nothing was ever started.
	unstarted vigil[string]
}

// Readings implements autoscale.Source.
func (r *readings) Readings(now time.Time) []autoscale.Reading {
	if !r.synced() {
		return nil
	}
	snapshot := r.reconciler.Snapshot()
	own := r.own(snapshot)
	status := r.reconciler.Status()
	r.starting.begin()
	r.unstarted.begin()
	out, known := make([]autoscale.Reading, 0, len(snapshot.Pools)), make(map[string]bool)
	for _, p := range snapshot.Pools {
		pool := r.core.Pool(p.Name)
		if pool == nil {
			continue // The core is about to hear of it.
		}
		known[p.Name] = true
		if r.awaits(snapshot, p, now) {
			out = append(out, autoscale.Reading{Pool: p.Name, Policy: policy(p.Settings), Awaited: true})
			continue
		}
		s := r.sample(pool, r.fleet.Status(p.Name), own, now)
		if p.Settings.Scale.Latency > 0 {
			s.P95 = pool.P95()
		}
		s.Unfit = r.fleet.Unfit(p.Name)
		if !status.Connected {
			s.Stale, s.StaleFor = true, now.Sub(status.Since)
		}
		s.CPUUse, s.MemoryUse, s.Measured = r.usage.Use(p.Name, now)
		out = append(out, autoscale.Reading{Pool: p.Name, Policy: policy(p.Settings), Sample: s})
	}
	for p := range r.core.Pools() {
		if !known[p.Name()] { // Requests wait for its containers, which may be about to be made anew.
			out = append(out, autoscale.Reading{Pool: p.Name(), Awaited: true})
		}
	}
	return out
}

func (r *readings) synced() bool {
	select {
	case <-r.reconciler.Synced():
		return true
	default:
		return false
	}
}

// unstartedFor is how long a container that was created is taken to be about to start.
const unstartedFor = 10 * time.Second

// awaits says that the first container of a pool is about to start: to make clones meanwhile would be one too many. A pool
// that may have no replica can wait for its first request as well, which starts it.
func (r *readings) awaits(s *containers.Snapshot, p *containers.Pool, now time.Time) bool {
	if !unstarted(s, p) {
		return false
	}
	lasts := r.unstarted.lasts(p.Name, now)
	return p.Settings.Scale.Min > 0 || lasts < unstartedFor
}

// unstarted says that all containers of a pool were created and none was ever started.
func unstarted(s *containers.Snapshot, p *containers.Pool) bool {
	if len(p.Backends) > 0 {
		return false
	}
	for i := range s.Entries {
		if e := &s.Entries[i]; e.Pool == p.Name && (e.Clone != nil || e.Container.State != engine.StateCreated) {
			return false
		}
	}
	return true
}

// own are the IDs of the clones of this instance.
func (r *readings) own(s *containers.Snapshot) map[string]bool {
	own := make(map[string]bool)
	for i := range s.Entries {
		if c := s.Entries[i].Clone; c != nil && c.Owner == r.instance {
			own[s.Entries[i].Container.ID] = true
		}
	}
	return own
}

func (r *readings) sample(pool *proxy.Pool, fleet containers.FleetStatus, own map[string]bool, now time.Time) autoscale.Sample {
	load := pool.Load(now)
	s := autoscale.Sample{
		Starting: fleet.Creating, StartingFor: fleet.StartingFor, Warm: fleet.Warm, Draining: fleet.Draining,
		WakeTakes: fleet.WakeTakes, StartTakes: fleet.StartTakes, Blocked: fleet.Blocked, Open: fleet.Open, Keeps: fleet.Keeps,
		InFlight: load.InFlight, Queued: load.Queued, Ignored: load.Ignored, Watching: load.Watching,
		Busy: load.Busy, Requests: load.Requests,
		Served: load.Served, Service: load.Service,
	}
	inFlight := make(map[string]int)
	live := make(map[string]bool, len(fleet.Clones))
	for _, c := range fleet.Clones {
		live[c.ID] = true
	}
	for b, state := range pool.Members() {
		id := b.Identity().Container
		inFlight[id] = b.InFlight()
		if state == containers.StateStarting && r.starting.lasts(b.Identity(), now) >= containers.ReadyWithin {
			state = containers.StateUnhealthy // Whatever it waits for, it is no capacity that is about to come.
		}
		// What somebody took out is still there for the fleet. It serves nobody, so another is made in its place.
		out := state == containers.StateDraining && r.aside != nil && r.aside(id) && (live[id] || !own[id])
		switch state {
		case containers.StateReady:
			s.Ready++
		case containers.StateStarting:
			s.Starting++
		case containers.StateUnhealthy, containers.StateEjected:
			s.Unhealthy++
		default: // It is on its way out, or not there for now.
			if !out {
				continue
			}
			s.Unhealthy++
			s.Aside++
		}
		if !own[id] {
			s.Originals++
		}
	}
	for _, c := range fleet.Clones {
		s.Clones = append(s.Clones, autoscale.Clone{ID: c.ID, Name: c.Name, InFlight: inFlight[c.ID]})
	}
	return s
}

func policy(s containers.Settings) autoscale.Policy {
	return autoscale.Policy{
		Min: s.Scale.Min, Max: s.Scale.Max,
		Concurrency: s.Concurrency,
		RPS:         s.Scale.RPS, Latency: s.Scale.Latency,
		CPU: s.Scale.CPU, Memory: s.Scale.Memory,
		Requests: s.Scale.Requests.Count, Interval: s.Scale.Requests.Interval,
		Idle: s.Scale.Idle, HoldDown: s.Scale.HoldDown, DryRun: s.Scale.DryRun,
	}
}

// fleets is what is told of the pools that scale.
func (a *App) fleets() map[string]telemetry.Fleet {
	out := make(map[string]telemetry.Fleet)
	for _, p := range a.reconciler.Snapshot().Pools {
		if p.Settings.Scale.Max > 0 {
			s := a.fleet.Status(p.Name)
			out[p.Name] = telemetry.Fleet{
				Desired: a.scaler.Desired(p.Name), Warming: s.Warming, Blocked: s.Blocked, Stale: s.Stale, StaleHeld: s.StaleHeld,
			}
		}
	}
	return out
}

// overrides is what people have set by hand.
func (a *App) overrides() map[string]telemetry.OverrideDoc {
	out := make(map[string]telemetry.OverrideDoc)
	for _, p := range a.reconciler.Snapshot().Pools {
		out[p.Name] = telemetry.OverrideDoc{Override: a.scaler.Override(p.Name), Drained: a.actions.drainedOf(p)}
	}
	return out
}

// states tells those of a pool's backends by container ID; not ok while the engine can't be heard.
func (a *App) states(pool string) (map[string]containers.State, bool) {
	p := a.core.Pool(pool)
	if p == nil || !a.reconciler.Status().Connected {
		return nil, false
	}
	states := make(map[string]containers.State)
	for b, state := range p.Members() {
		states[b.Identity().Container] = state
	}
	return states, true
}
