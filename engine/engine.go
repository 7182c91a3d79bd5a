package engine

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Errors that every engine wraps, so that callers never look at an adapter's own types or texts.
var (
	// ErrNotFound says that the container, image or network does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the name is taken, or that the container's state does not allow the act.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable says that the engine did not answer; the same call may succeed later.
	ErrUnavailable = errors.New("engine unavailable")
	// ErrNoSpace says that the engine has no disk space left for what was asked; the same call may succeed when
	// somebody has made some.
	ErrNoSpace = errors.New("engine out of disk space")
)

// Engine runs containers. Implementations are safe for concurrent use, give every call but Watch
// and Stats a deadline of their own, and return errors that wrap the sentinels above or the
// context's error.
type Engine interface {
	// Info tells what the engine is and where its containers can be reached from.
	Info(ctx context.Context) (Info, error)
	// List returns all containers, stopped ones too, in no particular order.
	List(ctx context.Context) ([]Summary, error)
	// Inspect returns one container whole. id may be an ID or a name.
	Inspect(ctx context.Context, id string) (Container, error)
	// Watch yields container events from since on, in order, and first of all one with
	// ActionSubscribed when the subscription stands. It ends with an error when the stream breaks,
	// and when ctx ends (the context's error). Events may be lost or repeated: they are hints.
	// A zero since means from now on.
	Watch(ctx context.Context, since time.Time) iter.Seq2[Event, error]
	// Create makes a container from a template, not started, and returns its ID.
	Create(ctx context.Context, spec Spec) (string, error)
	// Start starts a created or stopped container. Starting a running one is no error.
	Start(ctx context.Context, id string) error
	// Stop sends the container's stop signal, waits up to timeout (rounded up to seconds by
	// Docker), then kills. Stopping a stopped one is no error. ctx must outlive timeout.
	Stop(ctx context.Context, id string, timeout time.Duration) error
	// Pause freezes a running container; ErrConflict if it is paused or not running.
	Pause(ctx context.Context, id string) error
	// Unpause thaws a paused container; ErrConflict if it is not paused.
	Unpause(ctx context.Context, id string) error
	// Remove deletes a container with its anonymous volumes; force kills it first if it runs.
	// Without force a running container is ErrConflict.
	Remove(ctx context.Context, id string, force bool) error
	// Stats yields a running container's resource use about once a second until ctx ends
	// (the context's error), the container stops (no error) or the stream breaks (an error).
	Stats(ctx context.Context, id string) iter.Seq2[Stats, error]
	// Logs yields the last tail lines that a container has written, oldest first, as far as the
	// engine has kept them, and ends. What is beyond MaxLogLine of a line is left out.
	Logs(ctx context.Context, id string, tail int) iter.Seq2[LogLine, error]
	// Close frees what the engine holds. Embedded containers end with it, Docker's go on.
	Close() error
}

// Info describes an engine.
type Info struct {
	// Kind is "docker" or "embedded".
	Kind string
	// Version is the engine's own version, for people.
	Version string
	// Time is the engine's clock when it answered; events are asked for by this clock.
	Time time.Time
	// ContainersReachable says whether a process on this host can dial container addresses.
	// False on Docker Desktop, rootless engines and engines on another host.
	ContainersReachable bool
	// PublishedHost is the host at which published ports can be dialled, e.g. "127.0.0.1".
	PublishedHost string
}

// State is what a container does.
type State string

// The states of Docker; other engines map theirs to these.
const (
	StateCreated    State = "created"
	StateRunning    State = "running"
	StatePaused     State = "paused"
	StateRestarting State = "restarting"
	StateRemoving   State = "removing"
	StateExited     State = "exited"
	StateDead       State = "dead"
)

// Health is the result of the engine's own health check of a container.
type Health string

// HealthNone is a container without a health check.
const (
	HealthNone      Health = ""
	HealthStarting  Health = "starting"
	HealthHealthy   Health = "healthy"
	HealthUnhealthy Health = "unhealthy"
)

// Summary is what a list tells of a container.
type Summary struct {
	// ID is unique for ever; Name is unique while the container exists and has no leading slash.
	ID, Name string
	// Image is the reference the container was created from, ImageID what tells that image from all others: the reference
	// may be another one's by now.
	Image, ImageID string
	// Labels never change during a container's life. Callers must not write to the map.
	Labels map[string]string
	State  State
}

// Container is all that Ballast wants to know of a container.
type Container struct {
	Summary
	// StartedAt is when it last started; zero if it never did.
	StartedAt time.Time
	// FinishedAt and ExitCode tell how it last ended; zero while it has not.
	FinishedAt time.Time
	ExitCode   int
	Health     Health
	// HealthOutput is the start of what the engine's health check last printed.
	HealthOutput string
	// StopSignal is the number of the signal that asks it to stop, StopTimeout how long the
	// engine then waits before it kills, by default.
	StopSignal  int
	StopTimeout time.Duration
	// Networks are those it is attached to, by name; addresses are set only while it runs.
	Networks []Network
	// HostNetwork says that it shares the host's network and has no address of its own.
	HostNetwork bool
	// Ports are the exposed and published ports, one entry per number and protocol, by number.
	Ports []Port
	// Grants are what it was given beyond a plain container.
	Grants Grants
	// ConfigHash is of what Create copies of it, but its image and its networks: as long as it is the same, so are the copies.
	ConfigHash string
}

// Network is a container's attachment to a network.
type Network struct {
	ID, Name string
	// Address is the container's IP address there (IPv4 if it has one), empty if it has none.
	Address string
	// Fixed says that the address was asked for, not handed out.
	Fixed bool
}

// Port is a port that a container exposes, and where it is published if it is.
type Port struct {
	Number uint16
	// Protocol is "tcp", "udp" or "sctp".
	Protocol string
	// HostIP and HostPort are where it is published; HostPort is 0 if it is not.
	HostIP   string
	HostPort uint16
}

// Grants are what of its host a container was given. A copy of a container that has any would
// clash with it or widen what it may do, so none is made.
type Grants struct {
	Privileged bool
	// NetworkMode is set when it is "host", "none" or "container:…".
	NetworkMode string
	// Namespaces are other namespaces of the host or of another container, e.g. "pid=host". The
	// cgroup namespace is not among them: engines share it by default.
	Namespaces []string
	// Devices, Capabilities (added ones) and Mounts (binds and named volumes) as a person writes them.
	Devices, Capabilities, Mounts []string
	// Security are options that loosen confinement, e.g. "seccomp=unconfined".
	Security []string
}

// Spec asks for a container that is like another one.
type Spec struct {
	// Name is the new container's; ErrConflict if it is taken.
	Name string
	// Template is the ID of the container whose process settings, resource limits, confinement
	// and networks are copied. Its labels, published ports, mounts and restart policy are not.
	Template string
	// Image replaces the template's if set.
	Image string
	// Labels is the complete set of the new container.
	Labels map[string]string
}

// Stats is a sample of a container's resource use.
type Stats struct {
	Time time.Time
	// CPU is the processor time used since the container started.
	CPU time.Duration
	// Cores is how many processors it may use, from its limit or the host.
	Cores float64
	// Memory is in bytes, without the page cache; MemoryLimit its limit or the host's memory.
	Memory, MemoryLimit uint64
}

// MaxLogLine is how many bytes of a line are told.
const MaxLogLine = 16 << 10

// LogLine is a line that a container has written.
type LogLine struct {
	// Time is when, by the engine's clock; zero if it does not tell.
	Time time.Time
	// Stderr says that it was written there, not to stdout or a terminal.
	Stderr bool
	// Text is without its end, and may hold any other bytes.
	Text string
}
