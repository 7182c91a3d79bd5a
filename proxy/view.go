package proxy

import (
	"slices"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/limit"
)

// view is what a pool is at one moment. It is immutable, except for the counters it points at.
type view struct {
	settings containers.Settings
	warnings []string
	routes   []Route
	members  []member // By container name, ascending.
	// candidates are the available backends, which picker picks from, and weights theirs; trials those that get a request
	// at a time until one succeeds. Who is on trial is a candidate if nobody else is.
	candidates []*Backend
	weights    []int
	trials     []*Backend
	picker     balance.Picker // nil without candidates.
	// byAffinity finds candidates, and those on trial, by their cookie; nil if the pool is not sticky.
	byAffinity      map[string]*Backend
	ready, starting int
	// plain says that all members speak HTTP/1.1 without TLS, and so will who comes next.
	plain bool
	// panics says that candidates are not only those that are ready, gone that the pool left for good.
	panics, gone bool
	// ramps says that a candidate's weight will have grown soon, observes that the policy wants to know of times.
	ramps, observes bool
	ejected         []*Backend
	// awaits says that those who left are waited for.
	awaits bool
	// scales says that backends may come when there are none: who finds none waits for them.
	scales bool
	// agents wake nobody; heeds says that their requests must be told from others as they come.
	agents agents
	heeds  bool
	// limiter is nil without a rate limit.
	limiter *limit.Limiter
}

// member is a backend with what was known of it.
type member struct {
	*Backend
	spec    containers.Backend
	state   containers.State
	reason  string
	healthy bool
	serves  bool
	tried   bool // It serves on trial, beside others that are not.
	breaker Breaker
}

// probe finds out who gets one request at a time. When the pool panics nobody is any worse than the others.
func (v *view) probe() {
	onTrial := func(m member) bool { return m.serves && m.Backend.breaker.trial.Load() }
	if v.panics || !slices.ContainsFunc(v.members, func(m member) bool { return m.serves && !onTrial(m) }) {
		return
	}
	for i := range v.members {
		if m := &v.members[i]; onTrial(*m) {
			m.tried = true
			v.trials = append(v.trials, m.Backend)
		}
	}
}

// list finds out who is a candidate.
func (v *view) list() {
	for _, m := range v.members {
		if m.serves && !m.tried {
			v.candidates = append(v.candidates, m.Backend)
			v.weights = append(v.weights, m.spec.Weight)
		}
	}
}

// equip fills in what follows from the members and the candidates. The picker of the old view goes on if it would be
// built for just the same; it is replaced, and takes over its turn, if not.
func (v *view) equip(old *view, now time.Duration) error {
	v.observes = v.settings.Policy == balance.PolicyPeakEWMA
	v.plain = true
	for _, m := range v.members {
		v.plain = v.plain && m.scheme == containers.SchemeHTTP
		switch m.state {
		case containers.StateReady:
			v.ready++
		case containers.StateStarting:
			v.starting++
		}
		if m.breaker.State == BreakerOpen { // Whatever else keeps it from serving.
			v.ejected = append(v.ejected, m.Backend)
		}
	}
	v.ramp(now)
	v.scale(old)
	switch {
	case len(v.members) > 0:
	case v.awaits:
		v.plain = old.plain
	default:
		v.plain = !v.scales // Nobody has said yet what the first one speaks.
	}
	if l := v.settings.RateLimit; l != old.settings.RateLimit {
		v.limiter = nil
		if l.Rate.Count > 0 {
			v.limiter = limit.New(limit.Rate{Count: l.Rate.Count, Interval: l.Rate.Interval, Burst: l.Burst})
		}
	}
	if v.settings.Sticky.Enabled {
		v.byAffinity = make(map[string]*Backend, len(v.candidates)+len(v.trials))
		for _, b := range v.candidates {
			v.byAffinity[b.affinity] = b
		}
		for _, b := range v.trials {
			v.byAffinity[b.affinity] = b
		}
	}
	if len(v.candidates) == 0 {
		v.picker = old.picker // Kept for its turn; it is never asked.
		return nil
	}
	if v.settings.Policy == old.settings.Policy && v.settings.Hash == old.settings.Hash &&
		slices.Equal(v.candidates, old.candidates) && slices.Equal(v.weights, old.weights) {
		v.picker = old.picker
		return nil
	}
	candidates := make([]balance.Candidate, len(v.candidates))
	for i, b := range v.candidates {
		candidates[i] = balance.Candidate{
			ID: b.identity.Container, Weight: v.weights[i], InFlight: &b.inFlight, Cost: &b.cost,
		}
	}
	options := balance.Options{Policy: v.settings.Policy, Hash: hashOf(v.settings.Hash), Clock: v.candidates[0].pool.core.since}
	var err error
	if v.picker, err = balance.New(options, candidates, old.picker); err != nil {
		options.Policy = balance.PolicyRoundRobin
		v.picker, _ = balance.New(options, candidates, old.picker)
	}
	return err
}

// scale fills in how the pool scales.
func (v *view) scale(old *view) {
	s := &v.settings.Scale
	v.scales = s.Max > 0 && !s.DryRun
	if !v.scales || s.IgnoreAgents == "" {
		return
	}
	if v.agents = old.agents; v.agents == nil || s.IgnoreAgents != old.settings.Scale.IgnoreAgents {
		v.agents = newAgents(s.IgnoreAgents)
	}
	v.heeds = s.Min == 0
}

// ramp lets the weights of those that have just become available grow to what they are. Where requests go by a hash
// they stay, for keys would move with each step.
func (v *view) ramp(now time.Duration) {
	window := v.settings.SlowStart
	if window <= 0 || v.settings.Policy == balance.PolicyMaglev || v.settings.Policy == balance.PolicyIPHash {
		return
	}
	for _, b := range v.candidates {
		v.ramps = v.ramps || now-b.since < window
	}
	for i, b := range v.candidates {
		if v.ramps {
			v.weights[i] = balance.Ramp(v.weights[i], now-b.since, window)
		}
	}
}

func hashOf(h containers.Hash) string {
	switch h.Source {
	case containers.HashHeader, containers.HashCookie:
		return balance.HashKey
	case containers.HashPath:
		return balance.HashPath
	}
	return balance.HashIP
}

// mayServe says that there is a backend for an exchange that was not tried, or that none was, and one may come.
func (v *view) mayServe(x *Exchange) bool { return len(x.tried) == 0 || v.others(x) }

// others says that there is a backend that an exchange was not tried at.
func (v *view) others(x *Exchange) bool {
	untried := func(b *Backend) bool { return b != x.current && !x.wasTried(b) }
	return slices.ContainsFunc(v.candidates, untried) || slices.ContainsFunc(v.trials, untried)
}

// takeHome counts the request in at the backend that its client is at home at; on trial that has one at a time, as for others.
func (v *view) takeHome(b *Backend, x *Exchange) bool {
	if slices.Contains(v.trials, b) {
		return x.probe(b, v.settings.Concurrency)
	}
	return b.take(v.settings.Concurrency)
}

// maxPicks is how often the policy is asked for another backend before any will do.
const maxPicks = 4

// take picks a backend that was not tried, and counts the request in. It returns nil if there is
// none; busy says that there is one, which serves as much as it may.
func (v *view) take(r *balance.Request, x *Exchange) (b *Backend, busy bool) {
	if len(v.candidates) == 0 {
		return nil, false
	}
	most := v.settings.Concurrency
	if r.Affinity != "" && v.byAffinity != nil {
		if b := v.byAffinity[r.Affinity]; b != nil && !x.wasTried(b) && v.takeHome(b, x) {
			return b, false
		}
	}
	for _, b := range v.trials {
		if !x.wasTried(b) && x.probe(b, most) {
			return b, false
		}
	}
	i := 0
	for range maxPicks {
		i = v.picker.Pick(r)
		if b := v.candidates[i]; !x.wasTried(b) && b.take(most) {
			return b, false
		}
	}
	for n := range v.candidates {
		b := v.candidates[(i+n)%len(v.candidates)]
		if x.wasTried(b) {
			continue
		}
		if b.take(most) {
			return b, false
		}
		busy = busy || most > 0 && b.available.Load()
	}
	if busy {
		return nil, true
	}
	for _, b := range v.trials { // Better than nothing.
		if x.wasTried(b) {
			continue
		}
		if b.take(most) {
			return b, false
		}
		busy = busy || most > 0 && b.available.Load()
	}
	return nil, busy
}
