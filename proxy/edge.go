package proxy

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/proxy/forward"
)

// Edge is what a front does for every request, whatever its pool. Its zero value trusts nobody, names no requests
// and logs none; loops are found only with a Loop.
type Edge struct {
	// Trust are the proxies whose word on clients is taken.
	Trust *forward.Trust
	// IDs makes X-Request-ID where a trusted proxy has not given one. Without it that goes on as it came.
	IDs *forward.IDs
	// Loop is by what Ballast knows that a request has come by before.
	Loop forward.Loop
	// Log is told of requests.
	Log AccessLog
	// Covers says of a request that no pool is given, by its path, whether it is traffic all the same: only then is it
	// counted and logged. An empty path is that of a request without one, or whose path can't be read. nil covers
	// everything. It must not keep its argument.
	Covers func(path []byte) bool
}

// MaxPasses is how often a request may come by the same Ballast. A backend that is a proxy itself may well send it
// to another pool.
const MaxPasses = 8

// AccessLog keeps a record of requests. It is called while a connection waits: it must not block.
type AccessLog interface {
	// Wants says whether a request that was answered so is to be logged.
	Wants(status int) bool
	// Log takes a request down. It must not keep the entry, nor the strings in it.
	Log(*Access)
}

// Access is one request and what came of it.
type Access struct {
	// At is when it ended, Took how long it lasted from its head on.
	At   time.Time
	Took time.Duration
	// Client is who is believed to have sent it, Peer who was connected.
	Client, Peer netip.Addr
	// Target is the path and query as they were written. Of a head that can't be read all four may be empty.
	Method, Host, Target, Protocol string
	Status                         int
	// Cause is CauseNone if a backend's answer was passed on whole, and for answers of our own that reject nothing: a
	// redirect, or what a CA asked for. Slug is what the client was told, where that is more exact than Cause.
	Cause Cause
	Slug  string
	// Pool and Backend are empty if it did not get that far.
	Pool, Backend string
	// Sent is how many bytes of the answer's body the client was sent, Ballast's own answers included.
	Sent                    int64
	ID, UserAgent, Referrer string
}
