package embedded

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// process is one run of a container.
type process struct {
	// server is nil for an image that is nil.
	server *http.Server
	gate   *gate
	// stopping is closed to ask for an end, kill ends it; done is closed when it has ended.
	stopping chan struct{}
	kill     context.CancelFunc
	done     chan struct{}

	// Guarded by the engine's lock.
	stopAsked bool
	exitCode  int
}

// launch starts a process for a container. The engine is locked.
func (e *Engine) launch(c *container) (*process, error) {
	ctx, kill := context.WithCancel(context.Background())
	p := &process{
		gate:     &gate{},
		stopping: make(chan struct{}),
		kill:     kill,
		done:     make(chan struct{}),
	}
	listen, err := e.prepare(c, p)
	if err != nil {
		kill()
		return nil, err
	}
	go func() {
		defer close(p.done)
		defer kill()
		p.run(ctx, c.bootTime, listen)
		e.ended(c, p)
	}()
	return p, nil
}

// prepare makes the server of a process, and returns what opens its port; nil if it has none.
// The port is known from now on, and refuses connections until it is opened.
func (e *Engine) prepare(c *container, p *process) (opener, error) {
	image := e.options.Images[c.image]
	if image == nil {
		return nil, nil
	}
	id := c.id
	handler, err := image(Instance{
		ID: c.id, Name: c.name, Labels: c.labels, Env: c.env,
		Stdout: newStream(c.log, false), Stderr: newStream(c.log, true),
		Stopping: p.stopping,
		// It can only fail because the container ended by itself.
		Exit: func(code int) { _ = e.Exit(id, code) },
	})
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", c.image, err)
	}
	s, err := reserve()
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	c.port = s.port
	p.server = &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	if c.bootTime > 0 {
		return s, nil
	}
	listener, err := s.listen()
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return opened{listener}, nil
}

// run serves until it is asked to stop or killed.
func (p *process) run(ctx context.Context, bootTime time.Duration, port opener) {
	if !p.boot(ctx, bootTime) {
		if port != nil {
			port.close()
		}
		return
	}
	if port == nil {
		select {
		case <-p.stopping:
		case <-ctx.Done():
		}
		return
	}
	listener, err := port.listen()
	if err != nil {
		// Like a process that cannot bind its port.
		return
	}
	p.serve(ctx, frozenListener{listener, p.gate})
}

// boot waits for the boot time, and returns false if the process is to end before.
func (p *process) boot(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.stopping:
	case <-ctx.Done():
	}
	return false
}

func (p *process) serve(ctx context.Context, listener net.Listener) {
	served := make(chan struct{})
	go func() {
		defer close(served)
		// It ends with http.ErrServerClosed.
		_ = p.server.Serve(listener)
	}()
	select {
	case <-p.stopping:
		// What is in flight finishes, unless the process is killed meanwhile.
		_ = p.server.Shutdown(ctx)
	case <-ctx.Done():
	}
	_ = p.server.Close()
	<-served
}

// opener opens a port that was reserved.
type opener interface {
	listen() (net.Listener, error)
	// close gives the port back instead.
	close()
}

// opened is a port that is open already.
type opened struct{ listener net.Listener }

func (o opened) listen() (net.Listener, error) { return o.listener, nil }
func (o opened) close()                        { _ = o.listener.Close() }
