package containers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// Input is all that Build looks at. Build keeps what it is given and writes to none of it.
type Input struct {
	// Containers in any order; those without the enable label are left out.
	Containers []engine.Container
	Prefix     Prefix
	// Pools is the configuration's say, validated: what does not parse in it has no effect.
	Pools PoolConfig
	Place Place
	// Instance is this Ballast's name: paused clones of it are warm.
	Instance string
	// Leaving are containers, by ID, that the engine's events put out of rotation ahead of the list.
	Leaving map[string]Leaving
	// Returned are containers, by ID, that are back in rotation without having been started anew,
	// and since when. They get an identity of their own, so that they are proven again.
	Returned map[string]time.Time
	// Unsure are containers, by ID, whose HEALTHCHECK said nothing since they returned from a pause a short time ago: what it
	// said before does not count.
	Unsure map[string]bool
	// Notes are warnings on containers, by ID.
	Notes map[string]string
}

// Leaving says how a container is out of rotation: draining or paused it remains a backend of its
// pool, in any other state it is not routed. The reason is shown.
type Leaving struct {
	State  State
	Reason string
}

// member is a container that belongs to a pool, with its labels.
type member struct {
	container *engine.Container
	labels    *labels
	// routed says that it is a backend, replaced that it is about to be removed.
	routed, replaced bool
}

// Build makes the snapshot. It is pure: the same input makes an equal snapshot.
func Build(in Input) *Snapshot {
	enabled := make([]*engine.Container, 0, len(in.Containers))
	for i := range in.Containers {
		if in.Prefix.Enabled(in.Containers[i].Labels) {
			enabled = append(enabled, &in.Containers[i])
		}
	}
	slices.SortFunc(enabled, func(a, b *engine.Container) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})

	s := &Snapshot{Entries: make([]Entry, 0, len(enabled))}
	members := make(map[string][]member)
	backends := make(map[string][]Backend)
	replaced := replacedBy(enabled)
	stale := make(map[string]string) // by ID
	for _, c := range enabled {
		entry, parsed, backend := join(&in, c)
		if by := replaced[c.ID]; by != "" && entry.Original {
			entry.Replaced, entry.Reason, entry.Remedy = true, "is replaced by "+by, ""
		}
		s.Entries = append(s.Entries, entry)
		if parsed == nil {
			continue
		}
		members[entry.Pool] = append(members[entry.Pool], member{container: c, labels: parsed, routed: entry.Routed, replaced: entry.Replaced})
		if entry.Routed {
			backends[entry.Pool] = append(backends[entry.Pool], backend)
		}
	}
	for name, of := range members {
		pool := merge(in.Prefix, in.Pools[name], of)
		pool.Name, pool.Backends = name, backends[name]
		pool.warnOfNoRoute(in.Prefix)
		s.Pools = append(s.Pools, pool)
		maps.Copy(stale, pool.judge(in.Prefix, of))
	}
	for i := range s.Entries {
		s.Entries[i].Stale = stale[s.Entries[i].Container.ID]
	}
	slices.SortFunc(s.Pools, func(a, b *Pool) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// join makes one container's entry, and its backend if it is routed. Its labels are nil if they
// must have no part in its pool.
func join(in *Input, c *engine.Container) (Entry, *labels, Backend) {
	l, err := parseLabels(in.Prefix, c.Labels)
	if l.clone != nil && c.Name != CloneName(l.pool, l.clone.Slot) {
		l.clone = nil
		l.warnings = append(l.warnings, "has the labels of a clone and not its name: treated as nobody's clone")
	}
	entry := Entry{Container: *c, Pool: l.pool, Warnings: l.warnings, Clone: l.clone, Heal: l.heal}
	if note := in.Notes[c.ID]; note != "" {
		entry.Warnings = append(entry.Warnings, note)
	}
	switch {
	case c.ID == in.Place.Self:
		entry.Reason = reasonSelf
		return entry, nil, Backend{}
	case err != nil:
		entry.Reason, entry.Remedy = strings.ReplaceAll(err.Error(), "\n", "; "), labelsRefused(c.Name)
		return entry, nil, Backend{}
	}
	entry.Original = !l.cloned
	if entry.Reason, entry.Remedy = notServing(in, c); entry.Reason != "" {
		return entry, &l, Backend{}
	}
	network, address, err := dial(in.Place, in.Prefix, c, &l)
	if err != nil {
		entry.Reason = err.Error()
		// What is in this sentence are names and numbers, none of which has a semicolon.
		_, entry.Remedy, _ = strings.Cut(entry.Reason, "; ")
		return entry, &l, Backend{}
	}
	if l.network != "" && network == networkPublished {
		entry.Warnings = append(entry.Warnings, in.Prefix.Key("network")+" has no effect: container addresses can't be reached from here")
	}
	entry.Routed = true
	backend := Backend{
		Identity: Identity{Container: c.ID, StartedAt: startedAt(in, c), Network: network, Address: address},
		Name:     c.Name, Weight: l.weight, Scheme: l.scheme, Clone: l.clone != nil,
	}
	backend.State, backend.Reason = stateOf(in, c, &l)
	return entry, &l, backend
}

// reasonSelf is why Ballast's own container is not routed.
const reasonSelf = "is the container that Ballast itself runs in"

// notServing says why a container can't be a backend in the state that it is in, with the remedy, and that alone if
// there is one; empty if it can.
func notServing(in *Input, c *engine.Container) (reason, remedy string) {
	if leaving, ok := in.Leaving[c.ID]; ok && leaving.State != StateDraining && leaving.State != StatePaused {
		return leaving.Reason, ""
	}
	switch c.State {
	case engine.StateRunning, engine.StatePaused:
		return "", ""
	case engine.StateExited:
		reason, remedy = fmt.Sprintf("is exited (code %d)", c.ExitCode), "run: docker start "+c.Name
	case engine.StateCreated:
		reason, remedy = "was created and not started", "run: docker start "+c.Name
	case engine.StateRestarting:
		reason = fmt.Sprintf("is restarting after exit code %d", c.ExitCode)
		remedy = "if it does not stay up, run: docker logs " + c.Name
	default:
		return "is " + string(c.State), ""
	}
	return reason + "; " + remedy, remedy
}

// stateOf is what the engine tells of a backend, the gravest first, and why it is not ready.
func stateOf(in *Input, c *engine.Container, l *labels) (State, string) {
	leaving, isLeaving := in.Leaving[c.ID]
	switch {
	case (c.State == engine.StatePaused || leaving.State == StatePaused) && l.clone != nil && l.clone.Owner == in.Instance:
		return StateWarm, "is paused until it is needed"
	case isLeaving:
		return leaving.State, leaving.Reason
	case c.State == engine.StatePaused:
		return StatePaused, pausedReason(*c)
	case l.weight == 0:
		return StateDraining, "weight 0"
	case in.Unsure[c.ID]:
		return StateReady, ""
	case c.Health == engine.HealthStarting:
		return StateStarting, "its HEALTHCHECK has not passed yet"
	case c.Health == engine.HealthUnhealthy:
		return StateUnhealthy, strings.TrimSuffix("its HEALTHCHECK fails: "+strings.TrimSpace(c.HealthOutput), ": ")
	default:
		return StateReady, ""
	}
}

func pausedReason(c engine.Container) string { return "is paused; run: docker unpause " + c.Name }

func startedAt(in *Input, c *engine.Container) int64 {
	if at, ok := in.Returned[c.ID]; ok {
		// By another clock than the engine's, perhaps: it only must be another identity.
		return at.UnixNano()
	}
	return c.StartedAt.UnixNano()
}
