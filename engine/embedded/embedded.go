package embedded

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

var _ engine.Engine = (*Engine)(nil)

const loopback = "127.0.0.1"

// Options are an engine's.
type Options struct {
	// Images by reference. The map must not be written to any more.
	Images map[string]Image
	// BootTime is the time from a container's start until its port opens.
	BootTime time.Duration
}

// Engine runs containers in this process. It is safe for concurrent use.
type Engine struct {
	options Options
	// closed is closed by Close.
	closed chan struct{}

	// mu guards everything below, and the containers.
	mu         sync.Mutex
	containers map[string]*container // by ID
	names      map[string]*container
	made       int // how many containers there ever were
	events     journal
}

// New returns an engine without containers.
func New(options Options) *Engine {
	return &Engine{
		options:    options,
		closed:     make(chan struct{}),
		containers: make(map[string]*container),
		names:      make(map[string]*container),
		events:     journal{watchers: make(map[chan engine.Event]struct{})},
	}
}

// Info describes the engine. Its version is that of the program.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	if err := e.lock(ctx); err != nil {
		return engine.Info{}, fmt.Errorf("ask the engine for its information: %w", err)
	}
	defer e.mu.Unlock()
	version := "(devel)"
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "" {
		version = build.Main.Version
	}
	return engine.Info{
		Kind:                "embedded",
		Version:             version,
		Time:                e.events.now(),
		ContainersReachable: true,
		PublishedHost:       loopback,
	}, nil
}

// List returns all containers.
func (e *Engine) List(ctx context.Context) ([]engine.Summary, error) {
	if err := e.lock(ctx); err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	defer e.mu.Unlock()
	summaries := make([]engine.Summary, 0, len(e.containers))
	for _, c := range e.containers {
		summaries = append(summaries, c.summary())
	}
	return summaries, nil
}

// Inspect returns one container whole.
func (e *Engine) Inspect(ctx context.Context, id string) (engine.Container, error) {
	c, err := e.find(ctx, id)
	if err != nil {
		return engine.Container{}, fmt.Errorf("inspect container %s: %w", id, err)
	}
	defer e.mu.Unlock()
	return c.inspection(), nil
}

// Close ends all containers without asking them, and all streams.
func (e *Engine) Close() error {
	e.mu.Lock()
	select {
	case <-e.closed:
	default:
		close(e.closed)
	}
	running := slices.Collect(maps.Values(e.containers))
	var ending []*process
	for _, c := range running {
		if c.process != nil {
			c.process.kill()
			ending = append(ending, c.process)
		}
	}
	e.mu.Unlock()
	for _, p := range ending {
		<-p.done
	}
	return nil
}

// lock locks the engine, unless the context ended or the engine was closed.
func (e *Engine) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	select {
	case <-e.closed:
		e.mu.Unlock()
		return engine.ErrUnavailable
	default:
		return nil
	}
}

// find returns the container of an ID or name, with the engine locked if there is no error.
func (e *Engine) find(ctx context.Context, id string) (*container, error) {
	if err := e.lock(ctx); err != nil {
		return nil, err
	}
	if c, ok := e.containers[id]; ok {
		return c, nil
	}
	if c, ok := e.names[id]; ok {
		return c, nil
	}
	e.mu.Unlock()
	return nil, engine.ErrNotFound
}
