package certs

import (
	"context"
	"fmt"
	"net"
	"sync"
)

const loopback = "127.0.0.1"

// decoy is a listener at which nothing happens. To solve a challenge, certmagic listens on port 80 or
// 443 itself, unless something does already, which it then trusts to answer. Here the traffic
// listener answers, wherever it listens, so certmagic is shown this one.
type decoy struct {
	net.Listener
	done sync.WaitGroup
}

func newDecoy(ctx context.Context) (*decoy, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return nil, fmt.Errorf("listen for ACME: %w", err)
	}
	d := &decoy{Listener: ln}
	d.done.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	})
	return d, nil
}

func (d *decoy) port() int { return d.Addr().(*net.TCPAddr).Port }

func (d *decoy) close() {
	d.Close()
	d.done.Wait()
}
