package proxy

import (
	"math"
	"strconv"
	"time"
)

// deadlineUnits are those of Grpc-Timeout (gRPC over HTTP/2, "Requests").
var deadlineUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// Deadline is when the deadline passes that a client of gRPC, or of a gateway to it, has told by Grpc-Timeout with a request that
// began then; zero if text is none. Both ends know it, and which of them ends the call is chance: what goes wrong later is
// nobody's error.
func Deadline(text string, began time.Time) time.Time {
	const digits = 8
	if len(text) < 2 || len(text) > digits+1 {
		return time.Time{}
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	unit := deadlineUnits[text[len(text)-1]]
	if err != nil || unit == 0 {
		return time.Time{}
	}
	// Hours may be more than a Duration holds.
	return began.Add(time.Duration(min(int64(n), math.MaxInt64/int64(unit)) * int64(unit)))
}
