package telemetry

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/histogram"
	"github.com/ballast-lb/ballast/proxy"
)

// shortID is how much of a container's ID people are shown, as Docker does.
const shortID = 12

// Input is what a Document is made from.
type Input struct {
	Version, Instance string
	Started, Now      time.Time
	Config            ConfigStatus
	Engine            containers.EngineStatus
	Report            proxy.Report
	// Entries are the snapshot's, Others the containers that are not in it.
	Entries []containers.Entry
	Others  []containers.Other
	// Prefix is that of the labels.
	Prefix containers.Prefix
	// Fleet tells of the pools that are scaled, by name. A pool that is not in it wants the
	// backends that it has.
	Fleet map[string]Fleet
	// Overrides are what people have set, by pool; those where that is nothing may be left out.
	Overrides map[string]OverrideDoc
	// Decisions are in any order.
	Decisions []autoscale.Decision
}

// ConfigStatus tells how it stands with the configuration.
type ConfigStatus struct {
	// File is the path of its file; empty if there is none.
	File string
	// Loaded is when what is in force was read. Error says why it could not be read again since, at Failed; empty if that
	// did not happen.
	Loaded, Failed time.Time
	Error          string
	// Pending are the keys whose new values need a new start.
	Pending []string
}

// Fleet is how many replicas a pool should run, and what stands in the way.
type Fleet struct {
	Desired int
	// Warming is how many clones are made and booted to be kept warm.
	Warming int
	// Blocked says why no clone can be made at present; empty if one can.
	Blocked string
	// Stale is how many clones were made from an older image or configuration, StaleHeld why they are not replaced at
	// present; empty if they are.
	Stale     int
	StaleHeld string
}

// NewDocument makes the document. It is pure and keeps nothing of in that may be written to later
// but the decisions' own slices.
func NewDocument(in Input) Document {
	d := Document{
		Version: in.Version, Instance: in.Instance,
		Time:       in.Now,
		Uptime:     round(in.Now.Sub(in.Started).Seconds()),
		Config:     configDoc(in.Config),
		Engine:     NewEngineDoc(in.Engine),
		Pools:      make([]PoolDoc, 0, len(in.Report.Pools)),
		Rejected:   make(map[string]uint64, len(in.Report.Rejected)),
		Containers: make([]ContainerDoc, 0, len(in.Entries)),
		Decisions:  slices.Clone(in.Decisions),
	}
	maps.Copy(d.Rejected, in.Report.Rejected)
	if d.Decisions == nil {
		d.Decisions = []autoscale.Decision{}
	}
	slices.SortStableFunc(d.Decisions, func(a, b autoscale.Decision) int { return b.Time.Compare(a.Time) })
	for _, r := range in.Report.Pools {
		p := poolDoc(r)
		p.fleet(in.Fleet)
		p.override(in.Overrides[p.Name])
		if i := slices.IndexFunc(d.Decisions, func(x autoscale.Decision) bool { return x.Pool == p.Name }); i >= 0 {
			p.LastDecision = &d.Decisions[i]
		}
		d.Pools = append(d.Pools, p)
		d.Totals.add(p)
	}
	d.Totals.RequestsPerSecond = round(d.Totals.RequestsPerSecond)
	for _, e := range in.Entries {
		d.Containers = append(d.Containers, containerDoc(e))
	}
	return d
}

// NewEngineDoc tells how it stands with the engine.
func NewEngineDoc(s containers.EngineStatus) EngineDoc {
	d := EngineDoc{
		Kind: s.Kind, Version: s.Version, Connected: s.Connected,
		Since: moment(s.Since), LastSync: moment(s.LastSync),
		SyncMS: milliseconds(s.SyncDuration),
	}
	if !s.Connected {
		d.Error = s.Error
	}
	return d
}

func configDoc(c ConfigStatus) ConfigDoc {
	return ConfigDoc{File: c.File, Loaded: moment(c.Loaded), Failed: moment(c.Failed), Error: c.Error, Pending: append([]string{}, c.Pending...)}
}

func poolDoc(r proxy.PoolReport) PoolDoc {
	p := PoolDoc{
		Name: r.Name, Policy: r.Settings.Policy, Settings: settingsDoc(r.Settings),
		Replicas: Replicas{Min: r.Settings.Scale.Min, Max: r.Settings.Scale.Max},
		Routes:   make([]RouteDoc, 0, len(r.Routes)), Panic: r.Panic,
		InFlight: r.InFlight, Queued: int64(r.Queued),
		Held: r.Holds.Count, Hold: quantilesMS(r.Holds),
		Requests: r.Requests, Errors: r.Errors, Retries: r.Retries, RetriesDenied: r.RetriesDenied,
		Rejected:          make(map[string]uint64, len(r.Rejected)),
		RequestsPerSecond: round(r.RequestsPerSecond),
		Latency:           latencyMS(r.Latency),
		Warnings:          append([]string{}, r.Warnings...),
		Backends:          make([]BackendDoc, 0, len(r.Backends)),
	}
	for _, route := range r.Routes {
		p.Routes = append(p.Routes, RouteDoc{Host: route.Host, Path: route.Path, Strip: route.Strip})
	}
	maps.Copy(p.Rejected, r.Rejected)
	for _, b := range r.Backends {
		p.Backends = append(p.Backends, backendDoc(b))
		switch b.State {
		case containers.StateReady:
			p.Replicas.Ready++
		case containers.StateStarting:
			p.Replicas.Starting++
		case containers.StateWarm:
			p.Replicas.Warm++
		}
	}
	return p
}

// fleet fills in what is wanted of the pool. Without a fleet that knows it, the pool wants what it
// has: all but the backends that are on their way out.
func (p *PoolDoc) fleet(known map[string]Fleet) {
	if f, ok := known[p.Name]; ok {
		p.Replicas.Desired, p.Replicas.Warming, p.Replicas.Blocked = f.Desired, f.Warming, f.Blocked
		p.Replicas.Stale, p.Replicas.StaleHeld = f.Stale, f.StaleHeld
		return
	}
	for _, b := range p.Backends {
		if b.State != containers.StateDraining && b.State != containers.StateStopped {
			p.Replicas.Desired++
		}
	}
}

// override fills in what people have set of the pool.
func (p *PoolDoc) override(o OverrideDoc) {
	if o.Override == (autoscale.Override{}) && len(o.Drained) == 0 {
		return
	}
	p.Override = &o
	if p.Replicas.Max <= 0 {
		return // It does not count where nothing scales.
	}
	if o.Min != nil {
		p.Replicas.Min = o.Min.N
	}
	if o.Max != nil {
		p.Replicas.Max = o.Max.N
	}
	p.Replicas.Min = min(p.Replicas.Min, p.Replicas.Max)
}

func (t *Totals) add(p PoolDoc) {
	t.Requests += p.Requests
	t.Errors += p.Errors
	t.InFlight += p.InFlight
	t.Queued += p.Queued
	t.RequestsPerSecond += p.RequestsPerSecond
	t.Backends += len(p.Backends)
	t.Ready += p.Replicas.Ready
}

func backendDoc(b proxy.BackendReport) BackendDoc {
	return BackendDoc{
		ID: Short(b.Container), Name: b.Name,
		Address: b.Address.String(), Network: b.Network,
		Weight: b.Weight, State: b.State, Reason: b.Reason, Healthy: b.Healthy, Clone: b.Clone,
		StartedAt: time.Unix(0, b.StartedAt).UTC(),
		InFlight:  b.InFlight, Requests: b.Requests, Errors: b.Errors,
		Latency: latencyMS(b.Latency),
		Breaker: BreakerDoc{
			State:    cmp.Or(b.Breaker.State, proxy.BreakerClosed),
			Failures: b.Breaker.Failures, Ejections: b.Breaker.Ejections, Until: moment(b.Breaker.Until),
		},
	}
}

func containerDoc(e containers.Entry) ContainerDoc {
	d := ContainerDoc{
		ID: Short(e.Container.ID), FullID: e.Container.ID,
		Name: e.Container.Name, Image: e.Container.Image,
		Pool: e.Pool, State: string(e.Container.State), Enabled: true, Routed: e.Routed, Reason: e.Reason, Remedy: e.Remedy,
		Warnings: append([]string{}, e.Warnings...), Labels: []LabelDoc{},
	}
	if c := e.Clone; c != nil {
		d.Clone = &CloneDoc{Owner: c.Owner, Template: c.Template, Slot: c.Slot, Revision: c.Revision, Stale: e.Stale}
	}
	return d
}

func latencyMS(l proxy.Latency) LatencyMS {
	return LatencyMS{P50: milliseconds(l.P50), P95: milliseconds(l.P95), P99: milliseconds(l.P99)}
}

// quantilesMS is what quantiles say of all that s has.
func quantilesMS(s histogram.Snapshot) LatencyMS {
	return latencyMS(proxy.Latency{P50: s.Quantile(0.5), P95: s.Quantile(0.95), P99: s.Quantile(0.99)})
}

func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// round keeps three decimals: finer ones are noise, and longer to read.
func round(f float64) float64 { return math.Round(f*1000) / 1000 }

// Short is how much of a container's ID people are shown.
func Short(id string) string { return id[:min(len(id), shortID)] }

// moment is nil for the zero time, which would be a date in the year 1 to whoever reads the JSON.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
