package nethttp

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

const (
	waitLook  = 100 * time.Millisecond // How often a waiting page's pool is looked at.
	waitAlive = 15 * time.Second       // How often a stream says that it lives.
	waitWrite = 10 * time.Second       // How long a client may take nothing of it.
)

// Waits serves the script of the waiting page, and the events that it follows, at proxy.WaitScriptPath and
// proxy.WaitPath; what is asked for at other paths, or while no pool has such a page, next does. pool finds the
// pool that a host and a path lead to, nil if there is none.
func (f *Front) Waits(pool func(host, path string) *proxy.Pool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := rawPath(r)
		switch {
		case !ok || !f.core.Waits() || path != proxy.WaitPath && path != proxy.WaitScriptPath:
			next.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			Problem(w, http.StatusMethodNotAllowed, proxy.CauseMethod.String(), "This is read with GET.")
		case path == proxy.WaitScriptPath:
			serveWaitScript(w)
		default:
			f.serveWait(w, r, pool(r.Host, r.URL.Query().Get("path")))
		}
	})
}

func serveWaitScript(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(proxy.WaitScript())))
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(proxy.WaitScript())
}

// serveWait tells how it stands with a pool until it is ready, the client leaves, or the front is drained.
func (f *Front) serveWait(w http.ResponseWriter, r *http.Request, p *proxy.Pool) {
	if p == nil {
		f.Answer(w, r, proxy.CauseNotFound)
		return
	}
	if _, ok := p.Wait(); !ok {
		f.Answer(w, r, proxy.CauseNotFound)
		return
	}
	leave, ok := p.Watch()
	if !ok {
		w.Header().Set("Retry-After", "5")
		Problem(w, http.StatusServiceUnavailable, proxy.CauseOverloaded.String(), "Too many wait here already.")
		return
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return
	}
	f.follow(&stream{to: w, control: http.NewResponseController(w)}, r, p)
}

// follow sends an event at once and whenever there is something new.
func (f *Front) follow(s *stream, r *http.Request, p *proxy.Pool) {
	look, alive := time.NewTicker(waitLook), time.NewTicker(waitAlive)
	defer look.Stop()
	defer alive.Stop()
	text := "retry: 1000\n"
	for told := (proxy.Wait{Waiting: -1}); ; {
		now, ok := p.Wait()
		if !ok {
			return
		}
		if now != told {
			told = now
			event, err := json.Marshal(now)
			if err != nil {
				return // Numbers and a string: it can't be.
			}
			text += "data: " + string(event) + "\n\n"
		}
		if text != "" && s.send(text) != nil || now.Ready {
			return
		}
		text = ""
		select {
		case <-look.C:
		case <-alive.C:
			text = ":\n\n"
		case <-r.Context().Done():
			return
		case <-f.quiet:
			return
		}
	}
}

// stream is an answer that is sent in parts.
type stream struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

func (s *stream) send(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(waitWrite)) // Where there is none the connection's own end is what there is.
	if _, err := s.to.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
