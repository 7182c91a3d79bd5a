package nethttp

import (
	"cmp"
	"net/http"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

// Answer answers a request that no pool is given with why that is so, and accounts for it.
func (f *Front) Answer(w http.ResponseWriter, r *http.Request, cause proxy.Cause) {
	f.aside(w, r, cause, func(w http.ResponseWriter) bool {
		answer(w, r, cause, 0)
		return true
	})
}

// Aside has serve answer a request that no pool is given and that is not rejected either, and logs what it answers. If serve
// is false it has left the request to another handler, with the writer that Aside got, which accounts for it.
func (f *Front) Aside(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter) bool) {
	f.aside(w, r, proxy.CauseNone, serve)
}

func (f *Front) aside(w http.ResponseWriter, r *http.Request, cause proxy.Cause, serve func(http.ResponseWriter) bool) {
	e := &exchange{front: f, began: time.Now()}
	n := &noted{ResponseWriter: w, head: r.Method == http.MethodHead}
	if !serve(n) {
		return
	}
	path, _ := rawPath(r) // Empty if it can't be read.
	status := cmp.Or(n.status, http.StatusOK)
	if log := f.core.Unserved(&f.options.Edge, []byte(path), status, cause); log != nil {
		e.identify(r)
		entry := e.entry(r, time.Now(), cause)
		entry.Status, entry.Sent = status, n.sent
		log.Log(&entry)
	}
}

// noted remembers what was answered.
type noted struct {
	http.ResponseWriter
	head   bool // The request is a HEAD, whose answer has no body although it is written.
	status int
	sent   int64
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func (n *noted) WriteHeader(status int) {
	if n.status == 0 && status >= http.StatusOK {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Write(p []byte) (int, error) {
	written, err := n.ResponseWriter.Write(p)
	if !n.head {
		n.sent += int64(written)
	}
	return written, err
}
