package nethttp

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// maxKept is how much of a request's body is kept for another attempt.
const maxKept = 64 << 10

var errStale = errors.New("body of an attempt that is over")

// body is a client's request body, that can be read again from the start as long as no more than
// maxKept of it was read. One attempt at a time reads it.
type body struct {
	source io.ReadCloser
	rest   http.Header // The trailers, which source fills in before it ends.
	limit  *deadline
	kept   []byte
	over   bool // More than maxKept was read, and nothing is kept.
	broken atomic.Bool
	stood  atomic.Bool // It broke because it stood still for too long.
	// since is when the read began that waits for the client, in Unix nanoseconds, 0 if none does; paused is what is known
	// of those before.
	since  atomic.Int64
	paused lateness
	// streams says that it is a stream's, of which one read can be interrupted without harm to the connection, and
	// interrupted that one was, so that nothing can be read any more.
	streams     bool
	interrupted atomic.Bool
	ended       error // What source said last, if it ended.
}

func newBody(r *http.Request, w http.ResponseWriter, idle time.Duration) *body {
	return &body{source: r.Body, rest: r.Trailer, limit: readDeadline(w, idle), streams: r.ProtoMajor > 1}
}

// failed says that the client did not send the body it announced. That is no backend's fault.
func (b *body) failed() bool { return b != nil && b.broken.Load() }

// stalled says that the client stopped sending, and is there still.
func (b *body) stalled() bool { return b != nil && b.stood.Load() }

// waitedFor says that the client took long to send some of it, or has to be waited for long, so that an end of the backend's
// connection may be meant for it.
func (b *body) waitedFor() bool {
	if b == nil {
		return false
	}
	since := b.since.Load()
	return b.paused.counts(b.limit.idle) || since != 0 && isLate(time.Unix(0, since), b.limit.idle)
}

// replayable says whether attempt can be called again.
func (b *body) replayable() bool { return b == nil || !b.over && !b.interrupted.Load() }

// attempt returns the body from its start. The attempts before must be over.
func (b *body) attempt() *attemptBody { return &attemptBody{body: b, trailers: trailersOf(b.rest)} }

// pull reads more from the client and keeps it if it is not too much.
func (b *body) pull(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	b.limit.extend()
	began := time.Now()
	b.since.Store(began.UnixNano())
	n, err := b.source.Read(p)
	b.paused.note(began, b.limit.idle)
	b.since.Store(0)
	if !b.over && len(b.kept)+n <= maxKept {
		b.kept = append(b.kept, p[:n]...)
	} else {
		b.over, b.kept = true, nil
	}
	if err != nil {
		b.ended = err
		switch {
		case errors.Is(err, io.EOF):
			b.limit.clear()
		case b.interrupted.Load():
			b.ended = errStale
		default:
			// The limit stays: the server would wait for the rest of the body without one.
			b.stood.Store(errors.Is(err, os.ErrDeadlineExceeded))
			b.broken.Store(true)
		}
	}
	return n, b.ended
}

// attemptBody is a body as one attempt reads it. Its Close does not close the client's, which a
// transport does although it has read nothing; the server closes that one when the handler is done.
type attemptBody struct {
	*body
	trailers trailers
	read     int
	pulling  atomic.Bool // It waits for the client.
	closed   atomic.Bool
}

func (a *attemptBody) Read(p []byte) (int, error) {
	if a.closed.Load() {
		return 0, errStale
	}
	if a.read < len(a.kept) {
		n := copy(p, a.kept[a.read:])
		a.read += n
		return n, nil
	}
	a.pulling.Store(true)
	defer a.pulling.Store(false)
	if a.closed.Load() { // Close may not have seen that it is waited for.
		return 0, errStale
	}
	n, err := a.pull(p)
	a.read += n
	if errors.Is(err, io.EOF) {
		a.trailers.complete()
	}
	return n, err
}

// Close ends a Read that waits for the client: a transport that speaks HTTP/2 tells of a backend that has gone only
// when it has returned, and who streams both ways may have nothing to say until it is told.
func (a *attemptBody) Close() error {
	a.closed.Store(true)
	if a.streams && a.pulling.Load() {
		a.interrupted.Store(true)
		a.limit.move(time.Unix(1, 0))
	}
	return nil
}

// responseBody is a backend's body that remembers whether it broke off.
type responseBody struct {
	io.ReadCloser
	broken bool
}

func (b *responseBody) failed() bool { return b.broken }

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.broken = !tooLong(err) && !refused2(err) // Of trailers, which may come later than the answer's head.
	}
	// io.ErrUnexpectedEOF is not io.EOF: that is what a body that is too short ends with.
	return n, err
}
