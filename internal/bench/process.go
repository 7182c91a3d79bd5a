package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"

	"github.com/ballast-lb/ballast/internal/child"
)

// balancer is a process that forwards to the backends.
type balancer struct {
	*child.Process

	name, version string
	// base is the address before the backends' paths.
	base string
	// ready answers 2xx when it may be measured.
	ready string
	// headers are sent with each request for the backends.
	headers []string
	// admin is HAProxy's socket for questions, empty for others.
	admin string
}

// url is where the backends' n bytes come through the balancer.
func (b *balancer) url(n int) string { return fmt.Sprintf("%s/bytes?n=%d", b.base, n) }

// subject is what is measured of it.
func (b *balancer) subject(n int) subject {
	return subject{name: b.name, url: b.url(n), headers: b.headers, pid: b.PID()}
}

// command prepares a process pinned to the balancers' core.
func (b *balancer) command(path string, args ...string) {
	b.Process = child.New(child.FirstCore, path, args...)
}

// start runs it until Stop, and returns when it serves.
func (b *balancer) start(ctx context.Context) error {
	err := b.StartUntil(ctx, func(ctx context.Context) error {
		for _, address := range []string{b.ready, b.url(0)} {
			err := child.Until(ctx, address, func(ctx context.Context) error { return ask(ctx, address, b.headers) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	return nil
}

// ask is for what child.WaitFor can't ask: with fields, and of who has a certificate of ours. The answer must be 2xx. It opens
// a connection and closes it: nothing of it stays when the load begins.
func ask(ctx context.Context, address string, headers []string) error {
	target, err := url.Parse(address)
	if err != nil {
		return err
	}
	conn, err := openOne(ctx, target, requestFor(target, true, headers), bufio.NewReader(nil))
	if err != nil {
		return err
	}
	return conn.Close()
}
