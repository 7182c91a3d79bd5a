package proxy

import (
	"errors"
	"maps"
	"slices"
	"syscall"
)

// Cause says why an exchange ended as it did.
type Cause uint8

// The causes. All but the first three answer for the backend: Ballast gave its own answer.
const (
	// CauseNone is a backend's answer, whole.
	CauseNone Cause = iota
	// CauseClientGone is a client that left before its answer was whole. It is nobody's error.
	CauseClientGone
	// CauseTruncated is a backend's answer that broke off; the client's was broken off as well.
	CauseTruncated
	// CauseNoBackend is a pool without an available backend.
	CauseNoBackend
	// CauseConnectFailed is a backend that could not be connected to.
	CauseConnectFailed
	// CauseNoAnswer is a connection that broke before the answer.
	CauseNoAnswer
	// CauseBadResponse is an answer that can't be passed on.
	CauseBadResponse
	// CauseTimeout is a backend that took too long to answer or to read.
	CauseTimeout
	// CauseBadRequest is a request that can't be passed on, or whose body broke off.
	CauseBadRequest
	// CauseMethod is a method that is not let through.
	CauseMethod
	// CauseShutdown is a request that was still there at the drain limit. It is no error of a
	// backend's.
	CauseShutdown
	// CauseOverloaded is a request for which Ballast itself had no connection left.
	CauseOverloaded
	// CauseQueueFull is a request that all backends were too busy for, and too many others waited.
	CauseQueueFull
	// CauseQueueTimeout is one that waited, and no backend was free in time.
	CauseQueueTimeout
	// CauseRateLimited is a client that sends more than the pool's rate limit allows.
	CauseRateLimited
	// CauseTooManyFields is a request with more header fields than are read, or longer ones than the backend takes.
	CauseTooManyFields
	// CauseNotFound is a request that no pool has a route for.
	CauseNotFound
	// CauseLoop is a request that has come by here too often.
	CauseLoop
	// CauseBadHead is a head that can't be read. What the client is told is more exact.
	CauseBadHead
	// CauseRefused is a connection that the backend ended because of what was asked for on it, by this request or another.
	CauseRefused
	// CauseNotComing is a request that there is no backend for, and none will come.
	CauseNotComing
	// CauseWaiting is a browser that was given the waiting page. It is nobody's error.
	CauseWaiting

	causes
)

var causeSlugs = [causes]string{
	CauseClientGone:    "client-gone",
	CauseTruncated:     "truncated",
	CauseNoBackend:     "no-backend",
	CauseConnectFailed: "connect-failed",
	CauseNoAnswer:      "no-answer",
	CauseBadResponse:   "bad-response",
	CauseTimeout:       "timeout",
	CauseBadRequest:    "bad-request",
	CauseMethod:        "method-not-allowed",
	CauseShutdown:      "shutting-down",
	CauseOverloaded:    "overloaded",
	CauseQueueFull:     "queue-full",
	CauseQueueTimeout:  "queue-timeout",
	CauseRateLimited:   "rate-limited",
	CauseTooManyFields: "too-many-fields",
	CauseNotFound:      "not-found",
	CauseLoop:          "loop",
	CauseBadHead:       "bad-head",
	CauseRefused:       "refused",
	CauseNotComing:     "no-capacity",
	CauseWaiting:       "waiting",
}

// CauseOf is why Next or Hold gave no backend.
func CauseOf(err error) Cause {
	switch {
	case errors.Is(err, ErrQueueFull):
		return CauseQueueFull
	case errors.Is(err, ErrQueueTimeout):
		return CauseQueueTimeout
	case errors.Is(err, ErrNotComing):
		return CauseNotComing
	case errors.Is(err, ErrWaitPage):
		return CauseWaiting
	}
	return CauseNoBackend
}

// Exhausted says that a connection could not be made for want of descriptors, ports or memory of our own.
func Exhausted(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// String is the slug of X-Ballast-Error; empty for CauseNone.
func (c Cause) String() string {
	if c >= causes {
		return "unknown"
	}
	return causeSlugs[c]
}

// blames says whether the cause is the backend's fault whatever the status is.
func (c Cause) blames() bool {
	switch c {
	case CauseTruncated, CauseConnectFailed, CauseNoAnswer, CauseBadResponse, CauseTimeout:
		return true
	default:
		return false
	}
}

// Rejections are the causes that a front answers itself.
func Rejections() []Cause { return slices.Sorted(maps.Keys(problems)) }

// rejects says whether the answer was our own.
func (c Cause) rejects() bool { return c >= CauseNoBackend }
