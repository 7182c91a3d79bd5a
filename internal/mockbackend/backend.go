package mockbackend

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// HeaderName is set on every answer and says who gave it.
const HeaderName = "X-Mock-Backend"

// maxWait bounds how long a client may ask a request to take.
const maxWait = 10 * time.Minute

// backend is one mock backend. Its counters are the only state that outlives a request.
type backend struct {
	options Options
	// slots holds a token for every request that is worked on; nil is no limit.
	slots chan struct{}
	// count numbers the requests that were worked on, from 1.
	count atomic.Int64
	// inFlight counts those that are worked on or wait in line.
	inFlight atomic.Int64
}

// New returns the handler of a mock backend. Its paths:
//
//	/              who answered, as JSON, or as a page for browsers; so is every path not listed
//	/health        200
//	/slow?ms=      like /, later by that many milliseconds (1000)
//	/burn?ms=      like /, after keeping one processor busy for that many milliseconds (1000)
//	/fail?status=  that status, 200 to 599 (500)
//	/bytes?n=      n bytes (1024), always the same: see ByteAt
//	/echo          the request as it arrived, as JSON
//	/sse?n=&ms=    n server-sent events (10, 0 is without end), ms milliseconds apart (1000)
//	/ws            a WebSocket that echoes
//	/exit?code=    answers, then ends the container (0)
//	/deaf          answers, and no connection is accepted from then on
//
// Every handler ends when its request's context does.
func New(o Options) http.Handler {
	b := &backend{options: o}
	if o.Slots > 0 {
		b.slots = make(chan struct{}, o.Slots)
	}
	return b
}

// ServeHTTP routes by itself: http.ServeMux would redirect paths such as /echo//a, and what arrived
// could no longer be told.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(HeaderName, b.options.Name)
	w.Header().Set("Cache-Control", "no-store")
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch first {
	case "health":
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	case "slow":
		b.slow(w, r)
	case "burn":
		b.burn(w, r)
	case "fail":
		b.fail(w, r)
	case "bytes":
		b.bytes(w, r)
	case "echo":
		b.echo(w, r)
	case "sse":
		b.sse(w, r)
	case "ws":
		b.webSocket(w, r)
	case "exit":
		b.exit(w, r)
	case "deaf":
		b.deaf(w)
	default:
		b.work(w, r, b.options.Latency)
	}
}

func (b *backend) slow(w http.ResponseWriter, r *http.Request) {
	wait, err := milliseconds(r, time.Second)
	if err != nil {
		badRequest(w, err)
		return
	}
	b.work(w, r, b.options.Latency+wait)
}

// work waits for a slot and for the time that the answer takes, then says who answered.
func (b *backend) work(w http.ResponseWriter, r *http.Request, takes time.Duration) {
	b.inFlight.Add(1)
	defer b.inFlight.Add(-1)
	if b.slots != nil {
		select {
		case b.slots <- struct{}{}:
			defer func() { <-b.slots }()
		case <-r.Context().Done():
			return
		}
	}
	count := b.count.Add(1)
	if err := sleep(r.Context(), takes); err != nil {
		return
	}
	if failsAt(count, b.options.FailureRate) {
		http.Error(w, "failing, as MOCK_FAILURE_RATE asks", http.StatusInternalServerError)
		return
	}
	b.who(w, r, count)
}

// failsAt spreads failures evenly over the requests: of any n in a row, rate x n fail, give or take
// one. So a test need not be lucky.
func failsAt(count int64, rate float64) bool {
	return int64(float64(count)*rate) > int64(float64(count-1)*rate)
}

func (b *backend) fail(w http.ResponseWriter, r *http.Request) {
	status, err := number(r, "status", http.StatusInternalServerError, 200, 599)
	if err != nil {
		badRequest(w, err)
		return
	}
	w.WriteHeader(int(status))
}

func (b *backend) exit(w http.ResponseWriter, r *http.Request) {
	code, err := number(r, "code", 0, 0, 255)
	if err != nil {
		badRequest(w, err)
		return
	}
	if b.options.Exit == nil {
		http.Error(w, "this backend can't exit", http.StatusNotImplemented)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]int64{"exiting": code})
	// The process is about to go: without this the answer would go with it. A client that is
	// gone already changes nothing.
	_ = http.NewResponseController(w).Flush()
	b.options.Exit(int(code))
}

func (b *backend) deaf(w http.ResponseWriter) {
	if b.options.Deafen == nil {
		http.Error(w, "this backend can't stop listening", http.StatusNotImplemented)
		return
	}
	b.options.Deafen()
	writeJSON(w, http.StatusAccepted, map[string]bool{"deaf": true})
}

// sleep returns early, with the context's error, when the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// number reads a whole number from the query.
func number(r *http.Request, key string, fallback, lowest, highest int64) (int64, error) {
	value := r.URL.Query().Get(key)
	if value == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < lowest || n > highest {
		return 0, fmt.Errorf("%s=%q: must be a whole number from %d to %d", key, value, lowest, highest)
	}
	return n, nil
}

// milliseconds reads the query's ms.
func milliseconds(r *http.Request, fallback time.Duration) (time.Duration, error) {
	ms, err := number(r, "ms", fallback.Milliseconds(), 0, maxWait.Milliseconds())
	return time.Duration(ms) * time.Millisecond, err
}

func badRequest(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusBadRequest)
}
