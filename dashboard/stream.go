package dashboard

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// refreshEvery is how often a page is drawn anew while somebody looks at it, streamRate how many bytes per second
	// a viewer is sent at most in the long run: a page that changes by more is drawn more seldom.
	refreshEvery = time.Second
	streamRate   = 16 << 10
	// writeLimit is how long a viewer may take to read a message before it is given up; it comes back by itself.
	writeLimit = 10 * time.Second
	// maxViewers bounds how many look at once.
	maxViewers = 1000
)

// errTooManyViewers refuses another viewer.
var errTooManyViewers = errors.New("too many look at the dashboard already")

// hub draws each page that somebody looks at once for all who do. It has no goroutine of its own: who looks first after
// a frame has got old draws the next one.
type hub struct {
	// draw makes a page anew. It is asked by one goroutine at a time for each page.
	draw func(host, page string) (*drawn, error)

	mu       sync.Mutex // Guards all below.
	channels map[place]*channel
	viewers  int
	// closed ends all streams.
	closed chan struct{}
	ended  bool
}

// place is a page with its query, and the host that it is asked for at, which it shows.
type place struct{ host, path string }

// channel is a page that is looked at.
type channel struct {
	viewers int // Guarded by hub.mu.

	mu     sync.Mutex // Guards what is below; held while the page is drawn.
	newest *frame
}

// frame is a page at a moment. It never changes.
type frame struct {
	// number counts the frames of a channel.
	number uint64
	page   *drawn
	// stale is when the next one is to be drawn.
	stale time.Time
	// delta is the message that leads here from the frame before, empty if nothing has changed.
	delta message
}

// message is what viewers are sent, as it is and compressed.
type message struct{ plain, deflated []byte }

func newHub(draw func(host, page string) (*drawn, error)) *hub {
	return &hub{draw: draw, channels: make(map[place]*channel), closed: make(chan struct{})}
}

// close ends all streams, also those that begin later.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.ended = true
		close(h.closed)
	}
}

// join is to be undone by leave.
func (h *hub) join(page place) (*channel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.viewers >= maxViewers {
		return nil, errTooManyViewers
	}
	h.viewers++
	c := h.channels[page]
	if c == nil {
		c = &channel{}
		h.channels[page] = c
	}
	c.viewers++
	return c, nil
}

func (h *hub) leave(page place, c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.viewers--
	c.viewers--
	if c.viewers == 0 {
		delete(h.channels, page)
	}
}

// look returns the newest frame of a page, drawn anew if it is stale.
func (h *hub) look(page place, c *channel, now time.Time) (*frame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest != nil && now.Before(c.newest.stale) {
		return c.newest, nil
	}
	d, err := h.draw(page.host, page.path)
	if err != nil {
		return nil, err
	}
	next := &frame{page: d, stale: now.Add(refreshEvery)}
	if last := c.newest; last != nil {
		next.number = last.number + 1
		next.delta = next.from(last.page)
		next.stale = now.Add(max(refreshEvery, time.Duration(len(next.delta.deflated))*time.Second/streamRate))
	}
	c.newest = next
	return next, nil
}

// since is the message that leads to f from what a viewer has been sent, nil for nothing.
func (f *frame) since(has *frame) message {
	switch {
	case has == nil:
		return f.from(nil)
	case has.number == f.number:
		return message{}
	case has.number+1 == f.number:
		return f.delta
	}
	return f.from(has.page)
}

// outdated tells a page to load anew: what an older Ballast made, or what is about something that has gone or come.
const outdated = "event:outdated\ndata:\n\n"

// from is the message that leads to f from a page. One that is laid out otherwise has no place for what f has.
func (f *frame) from(before *drawn) message {
	if before != nil && before.layout != f.page.layout {
		return newEvent([]byte(outdated))
	}
	return newMessage(f.page.changes(before))
}

// newMessage makes an event of HTML, an empty message of none.
func newMessage(html []byte) message {
	if len(html) == 0 {
		return message{}
	}
	var event bytes.Buffer
	// Both end a line of an event; what containers print has either.
	html = bytes.ReplaceAll(bytes.ReplaceAll(html, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(html, []byte("\n")) {
		event.WriteString("data:")
		event.Write(line)
		event.WriteByte('\n')
	}
	event.WriteByte('\n')
	return newEvent(event.Bytes())
}

// deflaters are kept, for each takes more than half a megabyte.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // The level is one.
	}
	return w
}}

// newEvent compresses an event by itself: nothing in it refers to what came before. So it can be part of any stream of
// deflate (RFC 1951), and is compressed once for all who look.
func newEvent(plain []byte) message {
	var buf bytes.Buffer
	w := deflaters.Get().(*flate.Writer) //nolint:forcetypeassert // There is nothing else in it.
	defer deflaters.Put(w)
	w.Reset(&buf)
	_, _ = w.Write(plain) // A buffer takes all.
	_ = w.Flush()
	return message{plain: plain, deflated: buf.Bytes()}
}

// gzipHeader begins a stream of gzip (RFC 1952): deflate, no name, no time, unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

func sendOutdated(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(outdated)) // Who has left needs no answer.
}

// viewer is one connection that is sent a page.
type viewer struct {
	to       http.ResponseWriter
	control  *http.ResponseController
	deflates bool
}

// send fails if the viewer has left or is too slow.
func (v *viewer) send(m message) error {
	bytes := m.plain
	if v.deflates {
		bytes = m.deflated
	}
	if len(bytes) == 0 {
		return nil
	}
	return v.write(bytes)
}

func (v *viewer) write(b []byte) error {
	if err := v.control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	if _, err := v.to.Write(b); err != nil {
		return err
	}
	return v.control.Flush()
}

// serve sends a page until the viewer leaves or the hub is closed. layout is that of what the viewer has. A page about what
// does not exist is not followed.
func (h *hub) serve(w http.ResponseWriter, r *http.Request, path, layout string) error {
	page := place{r.Host, path}
	c, err := h.join(page)
	if err != nil {
		return err
	}
	defer h.leave(page, c)
	f, err := h.look(page, c, time.Now())
	if err != nil {
		return err
	}
	if f.page.missing || f.page.layout != layout {
		sendOutdated(w)
		return nil
	}
	v := &viewer{to: w, control: http.NewResponseController(w), deflates: strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")}
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no")
	head.Add("Vary", "Accept-Encoding")
	if v.deflates {
		head.Set("Content-Encoding", "gzip")
		if err := v.write(gzipHeader); err != nil {
			return nil // Who has left needs no answer.
		}
	}
	h.follow(r.Context(), v, page, c, f)
	return nil
}

// follow sends what changes. Whatever ends it, the browser connects anew.
func (h *hub) follow(ctx context.Context, v *viewer, page place, c *channel, f *frame) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var has *frame
	for {
		if err := v.send(f.since(has)); err != nil {
			return
		}
		has = f
		timer.Reset(time.Until(f.stale))
		select {
		case <-ctx.Done():
			return
		case <-h.closed:
			return
		case <-timer.C:
		}
		var err error
		if f, err = h.look(page, c, time.Now()); err != nil {
			return
		}
	}
}
