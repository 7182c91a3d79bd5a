package proxy

import (
	"slices"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// view is what a pool is at one moment. It is immutable, except for the counters it points at.
type view struct {
	settings containers.Settings
	warnings []string
	members  []member // By container name, ascending.
	// candidates are the available backends, which picker picks from, and weights theirs.
	candidates []*Backend
	weights    []int
	picker     balance.Picker // nil without candidates.
	// byAffinity finds candidates by their cookie; nil if the pool is not sticky.
	byAffinity      map[string]*Backend
	ready, starting int
	// plain says that all members speak HTTP/1.1 without TLS.
	plain bool
}

// member is a backend with what was known of it.
type member struct {
	*Backend
	spec    containers.Backend
	state   containers.State
	reason  string
	healthy bool
}

// equip fills in what follows from the members. The picker of the old view goes on if it would be
// built for just the same; it is replaced, and takes over its turn, if not.
func (v *view) equip(old *view) error {
	v.plain = true
	for _, m := range v.members {
		v.plain = v.plain && m.scheme == containers.SchemeHTTP
		switch m.state {
		case containers.StateReady:
			v.ready++
			v.candidates = append(v.candidates, m.Backend)
			v.weights = append(v.weights, m.spec.Weight)
		case containers.StateStarting:
			v.starting++
		}
	}
	if v.settings.Sticky.Enabled {
		v.byAffinity = make(map[string]*Backend, len(v.candidates))
		for _, b := range v.candidates {
			v.byAffinity[b.affinity] = b
		}
	}
	if len(v.candidates) == 0 {
		v.picker = old.picker // Kept for its turn; it is never asked.
		return nil
	}
	if v.settings.Policy == old.settings.Policy && slices.Equal(v.candidates, old.candidates) &&
		slices.Equal(v.weights, old.weights) {
		v.picker = old.picker
		return nil
	}
	candidates := make([]balance.Candidate, len(v.candidates))
	for i, b := range v.candidates {
		candidates[i] = balance.Candidate{Weight: v.weights[i], InFlight: &b.inFlight}
	}
	var err error
	if v.picker, err = balance.New(v.settings.Policy, candidates, old.picker); err != nil {
		v.picker, _ = balance.New(balance.PolicyRoundRobin, candidates, old.picker)
	}
	return err
}

// maxPicks is how often the policy is asked for another backend before any will do.
const maxPicks = 4

// take picks a backend that was not tried, and counts the request in. It returns nil if there is
// none.
func (v *view) take(r *balance.Request, x *Exchange) *Backend {
	if len(v.candidates) == 0 {
		return nil
	}
	if r.Affinity != "" && v.byAffinity != nil {
		if b := v.byAffinity[r.Affinity]; b != nil && !x.wasTried(b) && b.take() {
			return b
		}
	}
	i := 0
	for range maxPicks {
		i = v.picker.Pick(r)
		if b := v.candidates[i]; !x.wasTried(b) && b.take() {
			return b
		}
	}
	for n := range v.candidates {
		if b := v.candidates[(i+n)%len(v.candidates)]; !x.wasTried(b) && b.take() {
			return b
		}
	}
	return nil
}
