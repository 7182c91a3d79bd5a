package front_test

import (
	"net"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Idle connections hold no buffer. What is measured has the test's side of each connection in it.
func TestFront_idle_connections_are_small(t *testing.T) {
	const conns, limit = 500, 10 << 10
	if raceEnabled() {
		t.Skip("the race detector needs memory of its own")
	}
	s := newSite(t, fronttest.Settings(), front.Options{}, origin(t, 126))
	measure := func() uint64 {
		debug.FreeOSMemory() // Twice, for what pools hold is let go by the second collection.
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := measure()
	open := make([]net.Conn, conns)
	for i := range open {
		open[i] = s.Dial(small)
		b := make([]byte, 1024)
		if _, err := open[i].Read(b); err != nil {
			t.Fatal(err)
		}
	}
	s.Settled()
	each := (int64(measure()) - int64(before)) / conns
	t.Logf("%d bytes each", each)
	if each > limit {
		t.Errorf("an idle connection takes %d bytes, want at most %d", each, limit)
	}
	for _, conn := range open {
		conn.Close()
	}
}
