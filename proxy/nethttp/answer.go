package nethttp

import (
	"net/http"
	"strconv"

	"github.com/ballast-lb/ballast/proxy"
)

// errorHeader tells an answer of Ballast's own from a backend's, and why there is one.
const errorHeader = "X-Ballast-Error"

// answer gives an answer of our own.
func answer(w http.ResponseWriter, cause proxy.Cause) {
	p := cause.Problem()
	switch p.Status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		w.Header().Set("Connection", "close")
	case http.StatusBadRequest:
		w.Header().Set("Connection", "close") // Where the next request would begin is not known for sure.
	}
	write(w, p, cause.String())
}

// Problem answers with an error of Ballast's own, as application/problem+json (RFC 9457); slug says
// to programs what it is.
func Problem(w http.ResponseWriter, status int, slug, detail string) {
	write(w, proxy.NewProblem(status, slug, http.StatusText(status), detail), slug)
}

func write(w http.ResponseWriter, p proxy.Problem, slug string) {
	text := p.JSON()
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
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
		answer(w, e.cause)
	}
}
