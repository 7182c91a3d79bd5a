package fakedaemon

import (
	"context"
	"net/http"
	"time"
)

// Op is an operation of the API.
type Op string

// The operations.
const (
	OpPing       Op = "ping"
	OpVersion    Op = "version"
	OpInfo       Op = "info"
	OpEvents     Op = "events"
	OpList       Op = "list"
	OpInspect    Op = "inspect"
	OpCreate     Op = "create"
	OpStart      Op = "start"
	OpStop       Op = "stop"
	OpPause      Op = "pause"
	OpUnpause    Op = "unpause"
	OpKill       Op = "kill"
	OpRename     Op = "rename"
	OpRemove     Op = "remove"
	OpStats      Op = "stats"
	OpLogs       Op = "logs"
	OpImage      Op = "image"
	OpConnect    Op = "connect"
	OpDisconnect Op = "disconnect"
)

// Fault is what goes wrong with calls of one operation.
type Fault struct {
	// Times is how many calls it is for; 0 for all until it is replaced or healed.
	Times int
	// Delay comes before all else.
	Delay time.Duration
	// Drop closes the connection without an answer; Status refuses with that code and Message.
	Drop    bool
	Status  int
	Message string
	// Done does what was asked nonetheless: only the answer is lost, or wrong.
	Done bool
}

// DiskFull is how Docker refuses what it has no room for.
var DiskFull = Fault{Status: http.StatusInternalServerError, Message: "no space left on device"}

// Fail makes calls of an operation go wrong. It replaces what was said of the operation before.
func (d *Daemon) Fail(op Op, f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults[op] = &f
}

// Slow makes every call and every new stream begin that much later.
func (d *Daemon) Slow(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = by
}

// Gone ends every connection and refuses new ones. Containers live on, as with live-restore, but what could be
// replayed is forgotten.
func (d *Daemon) Gone() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone, d.history = true, nil
	for conn := range d.conns {
		_ = conn.Close()
	}
}

// Heal ends all faults but those of streams that are silent already, and the clock's.
func (d *Daemon) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone, d.slow, d.disturb = false, 0, nil
	clear(d.faults)
}

// Disturb has every event looked at once: each stream is sent it after each of the delays that f returns. None
// loses it, two duplicate it, and a delay lets later ones overtake it. What can be replayed is not disturbed. f must
// return at once and not call the daemon; nil disturbs nothing.
func (d *Daemon) Disturb(f func(Event) []time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.disturb = f
}

// Cut breaks all event streams.
func (d *Daemon) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.streams {
		s.cut()
	}
}

// Silence leaves all event streams that stand now half open: nothing is ever sent on them again.
func (d *Daemon) Silence() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.streams {
		s.silence()
	}
}

// StepClock sets the daemon's clock forward or back.
func (d *Daemon) StepClock(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.skew += by
	d.last = time.Time{}
}

// take returns the fault of one call, and how slow it is besides.
func (d *Daemon) take(op Op) (Fault, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.faults[op]
	if f == nil {
		return Fault{}, d.slow
	}
	if f.Times == 1 {
		delete(d.faults, op)
	}
	f.Times--
	return *f, d.slow
}

// faulty puts the fault program before a handler.
func (d *Daemon) faulty(op Op, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, slow := d.take(op)
		if !d.wait(r.Context(), f.Delay+slow) {
			panic(http.ErrAbortHandler)
		}
		if !f.Drop && f.Status == 0 {
			next(w, r)
			return
		}
		if f.Done {
			// What is done is done, also if its caller is gone.
			next(discard{}, r.WithContext(context.WithoutCancel(r.Context())))
		}
		if f.Drop {
			panic(http.ErrAbortHandler)
		}
		refuse(w, f.Status, f.Message)
	}
}

// discard is where an answer is lost.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) WriteHeader(int)             {}
func (discard) Write(p []byte) (int, error) { return len(p), nil }
