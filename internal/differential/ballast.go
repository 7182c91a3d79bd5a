package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// startBallast serves each lane by a front of its own, in this process.
func startBallast(ctx context.Context, s settings) (*server, error) {
	lanes, closeAll, err := newBackends(ctx, s.lanes)
	if err != nil {
		return nil, err
	}
	var serving errgroup.Group
	var fronts []*front.Front
	stop := func() error {
		// Whatever a case left open is not waited for.
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		closeAll()
		for _, f := range fronts {
			_ = f.Drain(limit)
		}
		return serving.Wait()
	}
	for _, l := range lanes {
		f, err := newFront(l.backend.addr())
		if err != nil {
			_ = stop()
			return nil, fmt.Errorf("start ballast: %w", err)
		}
		fronts = append(fronts, f)
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			_ = stop()
			return nil, fmt.Errorf("listen for ballast: %w", err)
		}
		l.addr = listener.Addr().String()
		serving.Go(func() error { return f.Serve(listener) })
	}
	return &server{name: "ballast", lanes: lanes, stop: stop}, nil
}

// newFront returns a front that has one pool of one backend, for every request.
func newFront(address string) (*front.Front, error) {
	dialled, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
	backend := containers.Backend{
		Identity: containers.Identity{Container: "a", StartedAt: 1, Network: "n", Address: dialled},
		Name:     "a", Weight: 1, Scheme: "http", State: containers.StateReady,
	}
	core.Apply(&containers.Snapshot{Pools: []*containers.Pool{{
		Name: "default", Backends: []containers.Backend{backend},
		Settings: containers.Settings{
			Policy: balance.PolicyRoundRobin, Timeout: 30 * time.Second, ConnectTimeout: 2 * time.Second, Retries: 1,
		},
	}}})
	core.SetHealth(backend.Identity, true, "")
	return front.New(core, front.Options{
		Logger: zerolog.Nop(),
		Route: func(_, _ []byte, _ bool) (proxy.Target, front.Whose) {
			return proxy.Target{Pool: core.Pool("default")}, front.Pools
		},
	}), nil
}
