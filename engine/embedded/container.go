package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

const (
	networkName        = "loopback"
	defaultPort        = 80
	defaultStopTimeout = 10 * time.Second
	sigKill            = 9
	sigTerm            = 15
	killedExitCode     = 128 + sigKill
)

// container is guarded by its engine's lock.
type container struct {
	id, name string
	number   int // counts the engine's containers
	labels   map[string]string
	describe func(*engine.Container)
	setup

	state                 engine.State
	startedAt, finishedAt time.Time
	exitCode              int
	health                engine.Health
	// process runs while the state is running or paused, or removing at first; nil otherwise.
	process *process
	log     *logbook
}

// setup is what a copy of a container has too.
type setup struct {
	image       string
	env         map[string]string
	bootTime    time.Duration
	firstHealth engine.Health
	ignoreStop  bool
	// port is where it listens, 0 before its first start.
	port uint16
}

func (c *container) summary() engine.Summary {
	return engine.Summary{ID: c.id, Name: c.name, Image: c.image, ImageID: c.image, Labels: c.labels, State: c.state}
}

// configHash is of what Create copies but the image; a port is handed out anew.
func (s setup) configHash() string {
	sum := sha256.Sum256(fmt.Append(nil, s.env, s.bootTime, s.firstHealth, s.ignoreStop)) // fmt sorts the environment.
	return hex.EncodeToString(sum[:])
}

func (c *container) inspection() engine.Container {
	network := engine.Network{ID: networkName, Name: networkName}
	if c.process != nil {
		network.Address = c.address()
	}
	result := engine.Container{
		Summary:     c.summary(),
		StartedAt:   c.startedAt,
		FinishedAt:  c.finishedAt,
		ExitCode:    c.exitCode,
		Health:      c.health,
		StopSignal:  sigTerm,
		StopTimeout: defaultStopTimeout,
		Networks:    []engine.Network{network},
		ConfigHash:  c.configHash(),
	}
	if c.port != 0 {
		result.Ports = []engine.Port{{Number: c.port, Protocol: "tcp"}}
	}
	if c.describe != nil {
		c.describe(&result)
	}
	return result
}

// address is the same loopback address for all containers that listen, told apart by their ports,
// and one for each of those that do not.
func (c *container) address() string {
	if c.process.server != nil {
		return loopback
	}
	return netip.AddrFrom4([4]byte{127, 1 + byte(c.number>>16), byte(c.number >> 8), byte(c.number)}).String()
}
