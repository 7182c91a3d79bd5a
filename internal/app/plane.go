package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1/front"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// closeTimeout is how long connections that were cut may take to close.
const closeTimeout = time.Second

// plane serves the requests of some listeners: over HTTP/1.1 by wire, which hands over connections whose request is for
// something else to server, and those that speak HTTP/2 to streams. What these ask of pools goes through front.
type plane struct {
	name    string
	wire    *front.Front
	front   *nethttp.Front
	handed  [2]*handed
	servers [2]*http.Server
}

// planeOptions are what a plane is made of.
type planeOptions struct {
	Name   string
	Logger zerolog.Logger
	Addr   net.Addr
	Edge   proxy.Edge
	// Route is as in front.Options. Handler serves what is handed over, by way of a front for what is for a pool.
	Route   func(host, path []byte, secure bool) (proxy.Target, front.Whose)
	Handler func(*nethttp.Front) http.Handler
}

func newPlane(core *proxy.Core, o planeOptions) *plane {
	p := &plane{name: o.Name, handed: [2]*handed{newHanded(o.Addr), newHanded(o.Addr)}}
	p.front = nethttp.New(core, nethttp.Options{Logger: o.Logger, Edge: o.Edge})
	handler := o.Handler(p.front)
	for i := range p.servers {
		p.servers[i] = p.front.Server(handler)
	}
	// A server of both would wait for the beginning of HTTP/2 before it answers anything shorter.
	p.servers[1].Protocols = new(http.Protocols)
	p.servers[1].Protocols.SetHTTP2(true)
	p.servers[1].Protocols.SetUnencryptedHTTP2(true)
	p.wire = front.New(core, front.Options{
		Logger: o.Logger, Edge: o.Edge, Route: o.Route,
		HandOff: func(c net.Conn, http2 bool) {
			if http2 {
				p.handed[1].take(c)
			} else {
				p.handed[0].take(c)
			}
		},
	})
	return p
}

// serveHanded serves what is handed over until drain.
func (p *plane) serveHanded(i int) error {
	if err := p.servers[i].Serve(p.handed[i]); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s: serve what was handed over: %w", p.name, err)
	}
	return nil
}

// serve serves a listener until drain.
func (p *plane) serve(l net.Listener) error {
	if err := p.wire.Serve(l); err != nil {
		return fmt.Errorf("%s: serve: %w", p.name, err)
	}
	return nil
}

// closeKept has the servers close connections that are idle, and the others after their answer.
func (p *plane) closeKept() {
	for _, s := range p.servers {
		s.SetKeepAlivesEnabled(false)
	}
}

// drain returns when no request is in flight any more, or cuts those that are left when ctx ends. Server.Shutdown
// closes idle connections and does not know of upgraded ones; the fronts know all that they forward. Connections are closed when
// they have been idle for so long; those that were handed over to the servers are told to end after that time.
func (p *plane) drain(ctx context.Context, idle time.Duration) error {
	defer time.AfterFunc(idle, p.closeKept).Stop()
	p.front.Quiet()
	// First, for it may hand over to the servers what came before.
	errs := []error{p.wire.Retire(ctx, idle)}
	p.closeKept()
	closed := make(chan error, len(p.servers))
	for _, s := range p.servers {
		go func() { closed <- s.Shutdown(ctx) }()
	}
	errs = append(errs, p.front.Drain(ctx))
	var late error
	for range p.servers {
		late = errors.Join(late, <-closed)
	}
	if late == nil {
		return errors.Join(errs...)
	}
	// What the front has cut still has to return.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, s := range p.servers {
		if s.Shutdown(last) != nil {
			_ = s.Close() // The connections are closed whatever it says.
		}
	}
	return errors.Join(append(errs, late)...)
}
