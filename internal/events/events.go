// Package events tells whoever listens what happens, as server-sent events.
package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/proxy/nethttp"
)

const (
	// kept is how many events are kept for those who come back.
	kept = 256
	// buffered is how many events a listener may lag behind before it is cut.
	buffered     = 64
	maxListeners = 256
	// beat is how often a listener hears something, so that both sides know of a connection that is dead; patience how long
	// one write may take.
	beat     = 15 * time.Second
	patience = 5 * time.Second
)

// Hub hands on each event to all who listen at that time, in order. A listener that lags behind is cut: it may come back, name
// the last event that it was told (Last-Event-ID), and is told those since that are still kept. It is safe for concurrent use.
type Hub struct {
	beat, patience time.Duration
	// born is a part of every ID, for the numbers begin anew with each process.
	born string
	done chan struct{}

	mu        sync.Mutex
	last      uint64
	recent    [][]byte // The last events, oldest first; the newest has the number last.
	listeners map[*listener]struct{}
	closed    bool
}

// listener is somebody who listens. Its channel is closed when it is cut.
type listener struct{ events chan []byte }

func newListener() *listener { return &listener{events: make(chan []byte, buffered)} }

// New makes a Hub. Close ends it.
func New() *Hub {
	return &Hub{
		beat: beat, patience: patience,
		born: strconv.FormatInt(time.Now().UnixMilli(), 36), done: make(chan struct{}),
		listeners: make(map[*listener]struct{}),
	}
}

// Publish tells all who listen of an event; data becomes its JSON. It waits for nobody.
func (h *Hub) Publish(kind string, data any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text) // Its JSON is one line.
	e.SetEscapeHTML(false)
	if e.Encode(data) != nil {
		return // What is published are plain values: it can't be.
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.last++
	event := fmt.Appendf(nil, "id: %s-%d\nevent: %s\ndata: %s", h.born, h.last, kind, text.Bytes())
	if len(h.recent) == kept {
		h.recent = append(h.recent[:0], h.recent[1:]...)
	}
	h.recent = append(h.recent, event)
	for l := range h.listeners {
		select {
		case l.events <- event:
		default:
			delete(h.listeners, l)
			close(l.events)
		}
	}
}

// Listeners is how many there are.
func (h *Hub) Listeners() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners)
}

// Close ends all streams at once, and those that are opened from now on.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.done)
	}
}

// ServeHTTP serves a stream until its client leaves or is cut, or the Hub is closed.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l, missed := h.listen(r.Header.Get("Last-Event-Id"))
	if l == nil {
		nethttp.Problem(w, http.StatusServiceUnavailable, "too-many-listeners", "too many listen to the events already")
		return
	}
	defer h.leave(l)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return
	}
	out := http.NewResponseController(w)
	defer func() { _ = out.SetWriteDeadline(time.Time{}) }() // The connection may be used again.
	send := func(text []byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(h.patience)) // Where there is none, a client that takes nothing is noticed later.
		_, err := w.Write(text)
		return err == nil && out.Flush() == nil
	}
	if !send(append([]byte("retry: 1000\n\n"), missed...)) {
		return
	}
	ticker := time.NewTicker(h.beat)
	defer ticker.Stop()
	for {
		text := []byte(":\n\n")
		select {
		case <-r.Context().Done():
			return
		case <-h.done:
			return
		case <-ticker.C:
		case event, ok := <-l.events:
			if !ok {
				return
			}
			text = append(slices.Clip(event), '\n')
		}
		if !send(text) {
			return
		}
	}
}

// listen lets somebody listen, and returns what came after the event of that ID, if it names one; nil if there are too many.
func (h *Hub) listen(id string) (*listener, []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.listeners) == maxListeners {
		return nil, nil
	}
	l := newListener()
	h.listeners[l] = struct{}{}
	if id == "" {
		return l, nil
	}
	missed := uint64(len(h.recent)) // Who comes from another Ballast, or has been away for long, is told all that there is.
	if born, text, ok := strings.Cut(id, "-"); ok && born == h.born {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n <= h.last {
			missed = min(missed, h.last-n)
		}
	}
	var out []byte
	for _, event := range h.recent[uint64(len(h.recent))-missed:] {
		out = append(append(out, event...), '\n')
	}
	return l, out
}

func (h *Hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}
