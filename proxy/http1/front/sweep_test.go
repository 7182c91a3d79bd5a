package front_test

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// A thousand clients that came together and do nothing are all ended in time, but not all at once: whoever is served
// meanwhile would have to wait for that.
func TestFront_ends_few_at_a_time(t *testing.T) {
	const clients, limit, atOnce = 1000, 20 * time.Second, 50
	synctest.Test(t, func(t *testing.T) {
		core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
		f := front.New(core, front.Options{Logger: zerolog.Nop(), Route: lb(core), ClientIdle: limit})
		f.Unwatch()
		listener := &handful{conns: make(chan net.Conn, clients), done: make(chan struct{})}
		began := time.Now()
		var mu sync.Mutex
		ended := map[time.Duration]int{}
		var all sync.WaitGroup
		for range clients {
			near, far := newDuplex(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, listener.Addr(), pace{}, pace{})
			listener.conns <- far
			all.Go(func() {
				defer near.Close()
				if n, err := near.Read(make([]byte, 1)); n != 0 || err == nil {
					t.Errorf("read %d bytes, %v, want the end", n, err)
				}
				mu.Lock()
				defer mu.Unlock()
				ended[time.Since(began)]++
			})
		}
		served := make(chan error, 1)
		go func() { served <- f.Serve(listener) }()
		all.Wait()
		for at, n := range ended {
			if n > atOnce {
				t.Errorf("%d ended at once after %s, want at most %d", n, at, atOnce)
			}
			if late := at - limit; late < 0 || late > 3*time.Second {
				t.Errorf("%d ended after %s, want %s or a little more", n, at, limit)
			}
		}
		if err := f.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
