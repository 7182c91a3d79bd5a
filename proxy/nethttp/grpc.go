package nethttp

import (
	"net/http"
	"strconv"
	"time"
)

// grpcUnits are those of Grpc-Timeout (gRPC over HTTP/2, "Requests").
var grpcUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// deadlineOf is when the deadline passes that a gRPC client has told with a request that began then; zero if it told none.
// Both ends know it, and which of them ends the call is chance.
func deadlineOf(r *http.Request, began time.Time) time.Time {
	text := r.Header.Get("Grpc-Timeout")
	const digits = 8
	if len(text) < 2 || len(text) > digits+1 {
		return time.Time{}
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	unit := grpcUnits[text[len(text)-1]]
	if err != nil || unit == 0 {
		return time.Time{}
	}
	return began.Add(time.Duration(n) * unit)
}

// expired says that the client's deadline has passed: that there is no answer then is nobody's error.
func (e *exchange) expired() bool { return !e.expires.IsZero() && !time.Now().Before(e.expires) }
