package nethttp

import (
	"net/http"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

// errorHeader tells an answer of Ballast's own from a backend's, and why there is one.
const errorHeader = "X-Ballast-Error"

// answer gives an answer of our own to r. wait is when the client may come again, if that is known. The connection ends
// where the next request would begin at a place that is not known for sure; streams of HTTP/2 have no such trouble, and
// others may be served on the same connection.
func answer(w http.ResponseWriter, r *http.Request, cause proxy.Cause, wait time.Duration) {
	answerProblem(w, r, cause, cause.Problem(), wait)
}

// answerProblem is answer with a problem that tells more than the cause.
func answerProblem(w http.ResponseWriter, r *http.Request, cause proxy.Cause, p proxy.Problem, wait time.Duration) {
	if after := p.RetryAfter(wait); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	if p.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", proxy.AllowedMethods)
	}
	if r.ProtoMajor == 1 && (p.Status == http.StatusMethodNotAllowed || p.Status == http.StatusBadRequest) {
		w.Header().Set("Connection", "close")
	}
	write(w, p, cause.String(), proxy.WantsHTML(r.Header.Get("Accept")))
}

// Problem answers with an error of Ballast's own, as application/problem+json (RFC 9457); slug says
// to programs what it is.
func Problem(w http.ResponseWriter, status int, slug, detail string) {
	write(w, proxy.NewProblem(status, slug, http.StatusText(status), detail), slug, false)
}

func write(w http.ResponseWriter, p proxy.Problem, slug string, html bool) {
	text, kind := p.JSON(), "application/problem+json"
	if html {
		text, kind = p.HTML(), "text/html; charset=utf-8"
		if policy := p.Policy(); policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	h.Set(errorHeader, slug)
	w.WriteHeader(p.Status)
	_, _ = w.Write(text)
}

// answerError is the reverse proxy's error handler: err is why there is no answer to pass on.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	e := exchangeOf(r.Context())
	e.cause = e.classify(r.Context(), err)
	event := e.front.log.Debug().Err(err).Stringer("cause", e.cause)
	if e.backend != nil {
		event = event.Str("backend", e.backend.Name())
	}
	event.Msg("request failed")
	switch {
	case e.writer.hijacked:
		// Nothing can be written any more.
	case e.cause == proxy.CauseClientGone:
		// A client that only closed its half would be given an empty 200 if we just returned.
		panic(http.ErrAbortHandler)
	default:
		p, wait := e.core.Problem(e.cause)
		answerProblem(w, r, e.cause, p, max(wait, e.wait))
	}
}
