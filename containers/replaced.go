package containers

import "github.com/ballast-lb/ballast/engine"

// composeReplica is what Compose knows its containers by. While it recreates one, for another image or other settings, there
// are two of it: it makes the new one, starts it, and removes the old one, which must not run by then.
type composeReplica struct{ project, service, number, oneoff string }

// replacedBy finds the stopped containers that a later one of the same Compose replica replaces: its name by their IDs.
func replacedBy(all []*engine.Container) map[string]string {
	latest := make(map[composeReplica]*engine.Container)
	replicaOf := func(c *engine.Container) composeReplica {
		return composeReplica{
			c.Labels[composeLabels+"project"], c.Labels[composeLabels+"service"],
			c.Labels[composeLabels+"container-number"], c.Labels[composeLabels+"oneoff"],
		}
	}
	for _, c := range all {
		r := replicaOf(c)
		if r.project == "" || r.service == "" || r.number == "" {
			continue
		}
		if l := latest[r]; l == nil || later(c, l) {
			latest[r] = c
		}
	}
	by := make(map[string]string)
	for _, c := range all {
		stopped := c.State == engine.StateExited || c.State == engine.StateCreated || c.State == engine.StateDead
		if l := latest[replicaOf(c)]; stopped && l != nil && later(l, c) {
			by[c.ID] = l.Name
		}
	}
	return by
}

// later says that a was made after b, as far as that is known: what never ran is younger than what did.
func later(a, b *engine.Container) bool {
	if a.StartedAt.IsZero() || b.StartedAt.IsZero() {
		return a.StartedAt.IsZero() && !b.StartedAt.IsZero()
	}
	return a.StartedAt.After(b.StartedAt)
}
