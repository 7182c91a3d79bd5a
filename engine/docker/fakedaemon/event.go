package fakedaemon

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Event is one that the daemon tells.
type Event struct {
	// Type is "container" or "network", Action as the API writes it.
	Type, Action string
	// Container is the ID of the container that it is about.
	Container string
	Time      time.Time
}

// message is an event on the wire.
type message struct {
	Type   string
	Action string
	Actor  actor
	Scope  string `json:"scope"`
	// Status, ID and From are the old way to tell of containers.
	Status   string `json:"status,omitempty"`
	ID       string `json:"id,omitempty"`
	From     string `json:"from,omitempty"`
	Time     int64  `json:"time"`
	TimeNano int64  `json:"timeNano"`
}

type actor struct {
	ID         string
	Attributes map[string]string
}

// replayable is how many events Docker keeps.
const replayable = 256

// tell emits an event of a container, with more attributes by turns of name and value. The caller holds mu.
func (d *Daemon) tell(c *container, action string, more ...string) {
	attributes := maps.Clone(c.Labels)
	if attributes == nil {
		attributes = make(map[string]string)
	}
	attributes["name"], attributes["image"] = c.name, c.Image
	for i := 0; i < len(more); i += 2 {
		attributes[more[i]] = more[i+1]
	}
	d.emit(c.id, message{
		Type: "container", Action: action, Actor: actor{ID: c.id, Attributes: attributes},
		Status: action, ID: c.id, From: c.Image,
	})
}

// tellNetwork emits that a container joined or left a network. The caller holds mu.
func (d *Daemon) tellNetwork(c *container, n *network, action string) {
	d.emit(c.id, message{Type: "network", Action: action, Actor: actor{
		ID: n.id, Attributes: map[string]string{"container": c.id, "name": n.name, "type": "bridge"},
	}})
}

func (d *Daemon) emit(containerID string, m message) {
	now := d.now()
	m.Scope, m.Time, m.TimeNano = "local", now.Unix(), now.UnixNano()
	d.history = append(d.history, m)
	if over := len(d.history) - replayable; over > 0 {
		d.history = slices.Delete(d.history, 0, over)
	}
	delays := []time.Duration{0}
	if d.disturb != nil {
		delays = d.disturb(Event{Type: m.Type, Action: m.Action, Container: containerID, Time: now})
	}
	for s := range d.streams {
		for _, delay := range delays {
			if delay <= 0 {
				s.push(m)
				continue
			}
			time.AfterFunc(delay, func() { s.push(m) })
		}
	}
}

// subscribe returns a stream that begins with what is replayed.
func (d *Daemon) subscribe(since time.Time, filters map[string]map[string]bool) *stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &stream{filters: filters, more: make(chan struct{}, 1), broken: make(chan struct{})}
	if !since.IsZero() {
		// Docker looks from the newest to the first that is too old.
		first := len(d.history)
		for first > 0 && d.history[first-1].TimeNano >= since.UnixNano() {
			first--
		}
		for _, m := range d.history[first:] {
			s.push(m)
		}
	}
	d.streams[s] = true
	return s
}

func (d *Daemon) unsubscribe(s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.streams, s)
}

func (d *Daemon) events(w http.ResponseWriter, r *http.Request) {
	since, err := parseTime(r.URL.Query().Get("since"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	var filters map[string]map[string]bool
	if f := r.URL.Query().Get("filters"); f != "" {
		if err := json.Unmarshal([]byte(f), &filters); err != nil {
			refuse(w, http.StatusBadRequest, "invalid filter: "+err.Error())
			return
		}
	}
	// Docker sends the headers first, so that what happens in between is told only to who asks for a replay.
	// Here nothing can happen in between.
	s := d.subscribe(since, filters)
	defer d.unsubscribe(s)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	lines := json.NewEncoder(w)
	for {
		for _, m := range s.take() {
			if lines.Encode(m) != nil {
				return
			}
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-s.more:
		case <-s.broken:
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
			return
		case <-d.closed:
			return
		}
	}
}

// stream is one subscriber's.
type stream struct {
	filters map[string]map[string]bool
	// more has one when there is something to take; broken is closed when the stream is cut.
	more, broken chan struct{}

	mu           sync.Mutex
	queue        []message
	silent, torn bool
}

func (s *stream) push(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent || s.torn || !s.wants(m) {
		return
	}
	s.queue = append(s.queue, m)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *stream) take() []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.queue
	s.queue = nil
	return all
}

func (s *stream) silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent, s.queue = true, nil
}

func (s *stream) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.torn {
		s.torn = true
		close(s.broken)
	}
}

// wants applies the filters as Docker does: an event's name need only begin with what is asked for.
func (s *stream) wants(m message) bool {
	if types := s.filters["type"]; len(types) > 0 && !types[m.Type] {
		return false
	}
	names := s.filters["event"]
	for name := range names {
		if strings.HasPrefix(m.Action, name) {
			return true
		}
	}
	return len(names) == 0
}
