package fakedaemon

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options are what a Daemon is made with; the zero value will do.
type Options struct {
	// Subnet is an IPv4 /16 of which each network has a /24; 172.18.0.0/16 if it is not set.
	Subnet netip.Prefix
	// Listen makes each running container an HTTP server at its addresses and exposed ports, which answers
	// /env/NAME and hangs while the container is paused. Subnet must be of this host then, e.g. of 127.0.0.0/8.
	Listen bool
	// Images are the references that containers can be created from; "web" if there are none.
	Images []string
}

// Daemon is a fake Docker daemon. It is safe for concurrent use, and works in a testing/synctest bubble
// if it is reached by Dial only.
type Daemon struct {
	options Options
	server  *http.Server
	pipes   *pipeListener
	closed  chan struct{}

	mu         sync.Mutex
	containers map[string]*container
	networks   []*network
	made       int
	skew       time.Duration
	last       time.Time
	history    []message
	streams    map[*stream]bool
	faults     map[Op]*Fault
	disturb    func(Event) []time.Duration
	slow       time.Duration
	gone       bool
	conns      map[net.Conn]bool
}

// New starts a daemon that ends with the test.
func New(t testing.TB, options Options) *Daemon {
	if !options.Subnet.IsValid() {
		options.Subnet = netip.MustParsePrefix("172.18.0.0/16")
	}
	if len(options.Images) == 0 {
		options.Images = []string{"web"}
	}
	d := &Daemon{
		options: options, closed: make(chan struct{}),
		pipes:      &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})},
		containers: make(map[string]*container), streams: make(map[*stream]bool),
		faults: make(map[Op]*Fault), conns: make(map[net.Conn]bool),
	}
	d.AddNetwork("bridge")
	d.server = &http.Server{Handler: d.api(), ConnState: d.track}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = d.server.Serve(d.pipes)
	}()
	t.Cleanup(func() {
		close(d.closed)
		_ = d.server.Close()
		<-served
		d.endAll()
	})
	return d
}

// Listen serves the API at another address too, e.g. of network "unix", until the test ends.
func (d *Daemon) Listen(t testing.TB, network, address string) net.Addr {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		d.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-served
	})
	return listener.Addr()
}

// Serve serves the API at a listener until that is closed. Connections that it has accepted live on.
func (d *Daemon) Serve(l net.Listener) { _ = d.server.Serve(l) }

// Dial connects in memory, whatever the address.
func (d *Daemon) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d.mu.Lock()
	gone := d.gone
	d.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	if gone {
		return nil, refused
	}
	ours, theirs := net.Pipe()
	select {
	case d.pipes.conns <- ours:
		return theirs, nil
	case <-d.pipes.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// track knows the connections that are open, and closes those that come while the daemon is gone.
func (d *Daemon) track(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch state {
	case http.StateNew:
		d.conns[conn] = true
		if d.gone {
			_ = conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		delete(d.conns, conn)
	}
}

// now is the daemon's clock. It never tells the same time twice. The caller holds mu.
func (d *Daemon) now() time.Time {
	now := time.Now().Add(d.skew).Round(0).UTC()
	if !now.After(d.last) {
		now = d.last.Add(time.Nanosecond)
	}
	d.last = now
	return now
}

// wait says whether the time passed before the request or the daemon ended.
func (d *Daemon) wait(ctx context.Context, delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-d.closed:
	}
	return false
}

// pipeListener accepts what Dial made.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Net: "pipe", Name: "fakedaemon"} }
