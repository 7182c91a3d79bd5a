package containers

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// State is where a backend stands. Build knows what the engine tells; the data path adds what its
// own checks tell.
type State string

// The states of a backend, as programs see them.
const (
	// StateStarting waits for its first passed check.
	StateStarting State = "starting"
	// StateReady may be given requests.
	StateReady State = "ready"
	// StateUnhealthy failed its checks.
	StateUnhealthy State = "unhealthy"
	// StateEjected failed requests.
	StateEjected State = "ejected"
	// StateDraining gets no new requests and finishes those it has.
	StateDraining State = "draining"
	// StatePaused was paused by somebody; StateWarm by Ballast, to be woken.
	StatePaused State = "paused"
	StateWarm   State = "warm"
	// StateStopped is not running.
	StateStopped State = "stopped"
)

// Snapshot is everything that is known of the labelled containers at one moment. It is immutable:
// readers keep it as long as they like, and nobody writes to it or to what it points at.
type Snapshot struct {
	// Pools by name, ascending.
	Pools []*Pool
	// Entries are all labelled containers, routed or not, by container name, ascending.
	Entries []Entry
}

// Pool is the set of backends that serve the same traffic.
type Pool struct {
	Name     string
	Settings Settings
	// Backends by container name, ascending.
	Backends []Backend
	// Warnings are what a person should know: labels that disagree, settings without effect.
	Warnings []string
	// Template is the ID of the container that clones are made from; empty if there is none.
	Template string
	// Revision tells what clones are made from now: the template's image and configuration. Empty if none are.
	Revision string
}

// Backend is a container that serves traffic at an address.
type Backend struct {
	Identity
	// Name is the container's.
	Name string
	// Weight is 0 to 256; 0 means that the backend drains.
	Weight int
	// Scheme is "http".
	Scheme string
	// State is what the engine tells: starting (its health check has not passed yet), ready
	// (nothing against it), unhealthy, draining (asked to stop, or weight 0), paused, warm.
	State State
	// Reason says in words why State is not ready; empty if it is.
	Reason string
	// Clone says that Ballast made the container.
	Clone bool
}

// Identity tells backends apart. A container that restarts, or another one that is given the same
// address, is a different backend. Identities are comparable.
type Identity struct {
	// Container is the container's ID.
	Container string
	// StartedAt is when it started, in nanoseconds since the epoch.
	StartedAt int64
	// Network is the network's name through which it is dialled, or "host" or "published".
	Network string
	// Address is what is dialled.
	Address netip.AddrPort
}

// Entry is one labelled container with what became of it.
type Entry struct {
	Container engine.Container
	// Pool is the pool it belongs to, empty if its label for that is bad.
	Pool string
	// Routed says whether it is a backend of its pool; Reason says why not, with the remedy. Remedy is that alone;
	// empty if there is none, or the reason is all that is known.
	Routed         bool
	Reason, Remedy string
	// Warnings are about its labels that have no effect.
	Warnings []string
	// Clone is set if Ballast made it. Original says that it has a part in its pool and that no Ballast made it.
	Clone    *Clone
	Original bool
	// Replaced says that it is stopped, and that Compose has made another in its place and is about to remove it.
	Replaced bool
	// Stale says that a clone is not like those that would be made now, and in what; empty if it is.
	Stale string
	// Heal is what may be done when it is sick, one of the Heal constants; anything else is nothing.
	Heal string
}

// Clone is what the ownership labels of a container say.
type Clone struct {
	// Owner is the instance that made it, Template the name of what it was made from.
	Owner, Template string
	// Slot numbers the clones of a pool from 1.
	Slot int
	// Revision is that of its pool when it was made; empty if that was not noted.
	Revision string
}

// EngineStatus tells how the reconciler stands with the engine.
type EngineStatus struct {
	Kind, Version string
	// ContainersReachable is as engine.Info has it; false before the first list.
	ContainersReachable bool
	// Connected is false while lists or the event stream fail, or lists are not answered in time; Since is when that last
	// changed.
	Connected bool
	Since     time.Time
	// LastSync is when the last list succeeded; zero before the first.
	LastSync time.Time
	// SyncDuration is how long that list and its inspections took.
	SyncDuration time.Duration
	// Error is the last failure while not connected, for people.
	Error string
}
