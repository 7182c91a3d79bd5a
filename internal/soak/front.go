package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	wire "github.com/ballast-lb/ballast/proxy/http1/front"
)

// frontCommand makes this program a front.
const frontCommand = "front"

// What the front can be asked for.
const (
	opApply   = "apply"   // Make Pools the truth.
	opHealth  = "health"  // Set the health of Backend.
	opDrain   = "drain"   // Drain the container of Backend.
	opUndrain = "undrain" // Put it back.
	opStats   = "stats"   // Tell how it is.
	opRest    = "rest"    // The same, when what is not needed has been given back.
	opQuit    = "quit"    // Drain, and end.
)

// command is what the front is asked for, a line of JSON.
type command struct {
	Op      string
	Pools   []poolSpec
	Backend backendSpec
	Healthy bool
}

type poolSpec struct {
	Name     string
	Policy   string
	Timeout  time.Duration
	Retries  int
	Breaker  int
	Backends []backendSpec
}

type backendSpec struct {
	Name    string
	Started int64
	Address netip.AddrPort
}

// stats are the answer to a command, with the error if it could not be done.
type stats struct {
	Error       string
	Address     string
	Serving     int
	InFlight    int64 // At the front, the pools and the backends, added up.
	Goroutines  int
	Descriptors int
	RSS         int64 // Bytes.
}

func (b backendSpec) spec() containers.Backend {
	return containers.Backend{
		Identity: containers.Identity{Container: b.Name, StartedAt: b.Started, Network: "net", Address: b.Address},
		Name:     b.Name, Weight: 1, Scheme: "http", State: containers.StateReady,
	}
}

// child is the front's process.
type child struct {
	core  *proxy.Core
	front *wire.Front
	addr  string
}

// frontMain serves until it is told to quit, or its input ends.
func frontMain(in io.Reader, out io.Writer) error {
	signal.Ignore(os.Interrupt) // Who started it decides.
	log := zerolog.New(os.Stderr).Level(zerolog.ErrorLevel)
	c := child{core: proxy.New(proxy.Options{Logger: log})}
	c.front = wire.New(c.core, wire.Options{Logger: log, Route: c.route, BackendIdle: time.Second})
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the front: %w", err)
	}
	c.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- c.front.Serve(l) }()
	answers := json.NewEncoder(out)
	for commands := json.NewDecoder(in); ; {
		var cmd command
		if err := commands.Decode(&cmd); err != nil {
			return fmt.Errorf("read a command: %w", err) // Who started it has gone.
		}
		err := c.do(cmd)
		if cmd.Op == opQuit {
			err = errors.Join(err, <-served)
		}
		if err := answers.Encode(c.stats(err)); err != nil || cmd.Op == opQuit {
			return err
		}
	}
}

// route leads a target to its pool.
func (c *child) route(_, path []byte, _ bool) (proxy.Target, wire.Whose) {
	for p, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(string(path), prefix); ok && strings.HasPrefix(rest, "/") {
			return proxy.Target{Pool: c.core.Pool(poolNames[p]), Strip: len(prefix)}, wire.Pools
		}
	}
	return proxy.Target{}, wire.Nobodys
}

var poolNames = [...]string{poolMain: "main", poolHurry: "hurry", poolNone: "none"}

func (c *child) do(cmd command) error {
	switch cmd.Op {
	case opApply:
		c.apply(cmd.Pools)
	case opHealth:
		c.core.SetHealth(cmd.Backend.spec().Identity, cmd.Healthy, "the soak says so")
		if cmd.Healthy {
			c.core.Passed(cmd.Backend.spec().Identity)
		}
	case opDrain:
		ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
		defer cancel()
		return c.core.Drain(ctx, cmd.Backend.Name)
	case opUndrain:
		c.core.Undrain(cmd.Backend.Name)
	case opRest:
		runtime.GC() // What is kept in pools goes with the second collection: pipes of splice, among others.
		debug.FreeOSMemory()
	case opQuit:
		return c.quit()
	}
	return nil
}

func (c *child) apply(pools []poolSpec) {
	var snapshot containers.Snapshot
	for _, p := range pools {
		conf := containers.Settings{Policy: p.Policy, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second, Retries: p.Retries, Breaker: p.Breaker, Health: containers.HealthCheck{Path: "/"}}
		out := &containers.Pool{Name: p.Name, Settings: conf}
		for _, b := range p.Backends {
			out.Backends = append(out.Backends, b.spec())
		}
		snapshot.Pools = append(snapshot.Pools, out)
	}
	c.core.Apply(&snapshot)
	for _, p := range snapshot.Pools {
		for _, b := range p.Backends {
			c.core.SetHealth(b.Identity, true, "")
		}
	}
}

func (c *child) quit() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.front.Drain(ctx)
}

func (c *child) stats(err error) stats {
	s := stats{Address: c.addr, Serving: c.front.InFlight(), Goroutines: runtime.NumGoroutine()}
	s.InFlight = int64(s.Serving)
	if err != nil {
		s.Error = err.Error()
	}
	for _, p := range c.core.Report(time.Now()).Pools {
		s.InFlight += p.InFlight
		for _, b := range p.Backends {
			s.InFlight += b.InFlight
		}
	}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.Descriptors = len(entries)
	}
	if status, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(status)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64) // The kernel writes numbers.
			s.RSS = pages * int64(os.Getpagesize())
		}
	}
	return s
}
