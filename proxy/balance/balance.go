// Package balance chooses which of the available backends gets a request.
//
// A Picker is built for one set of candidates and never changes its mind about who is in it: when
// the set or a weight changes, a new one is built. So a picker filters nothing: only backends that
// may be given requests are candidates, and weights count over just those.
package balance

import (
	"net/netip"
	"sync/atomic"
)

// Request is what a policy may look at.
type Request struct {
	Method, Host, Path string
	// Client is the address of the client that is believed to have sent it.
	Client netip.Addr
	// Affinity is the value of the pool's affinity cookie, empty if there is none.
	Affinity string
	// Key is what ballast.hash names, the value of a header or of a cookie. If it is empty the client's
	// address counts instead.
	Key string
}

// Candidate is one available backend.
type Candidate struct {
	// ID is a stable name, the container's ID. Policies that hash place a candidate by it, so neither the
	// order of the candidates nor a restart of Ballast moves anyone. Only those need it.
	ID string
	// Weight is at least 1.
	Weight int
	// InFlight is the backend's own count of requests in flight; pickers only read it.
	InFlight *atomic.Int64
	// Cost is the backend's own record of how long it takes to answer; pickers only read it. Only
	// peak-ewma needs it.
	Cost *Cost
}

// Picker picks the index of a candidate. Pick is safe for concurrent use, takes no lock and
// allocates nothing.
type Picker interface {
	Pick(r *Request) int
}
