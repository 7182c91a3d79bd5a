package fronttest

import (
	"context"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

// Harness is a kind of front under test.
type Harness struct {
	// Start serves the pool "default" of core at /lb, which is stripped, on a loopback listener of its own. What it
	// starts ends with a cleanup of t, before which Drain was called.
	Start func(t testing.TB, core *proxy.Core, o Options) Front
	// Lenient says that net/http reads requests before the front does: it answers by itself what it
	// refuses, keeps one reading of what can be read in two ways, and prints names of fields and
	// targets anew. Rows of tables say under lenient what becomes of a request then. A request with a chunked
	// body is the last on its connection, and a 100 is said before the backend has said anything.
	Lenient bool
	// Spare is how many goroutines the front may keep for connections to come.
	Spare int

	http2 bool // Clients speak that.
}

// Front is a front that serves at an address.
type Front struct {
	Address  string
	InFlight func() int
	Drain    func(context.Context) error
	// Shutdown closes the listener, tells clients that connections are to end, and returns when they have. Only HTTP2
	// needs it.
	Shutdown func(context.Context) error
}

// Options are limits of a front, zero being its default, and what it does for every request.
type Options struct {
	Edge proxy.Edge
	// BodyIdle is how long a body may stand still at a client, or at a backend that does not read.
	BodyIdle time.Duration
	// BackendIdle is how long a connection to a backend is kept for the next request.
	BackendIdle time.Duration
}

// Run runs the suite. Every test has a front of its own.
func Run(t *testing.T, h Harness) {
	for _, group := range [][]test{
		targetTests, strictTests, answerTests, retryTests, bodyTests, stallTests, webSocketTests, leaveTests, drainTests, loadTests,
		edgeTests, loopTests, pageTests, limitTests, holdTests, scaleTests, repeatTests, breakerTests, blameTests, hashTests, pauseTests, accessTests,
		unservedTests,
	} {
		for _, test := range group {
			t.Run(test.name, func(t *testing.T) { test.run(t, h) })
		}
	}
}

type test struct {
	name string
	run  func(*testing.T, Harness)
}
