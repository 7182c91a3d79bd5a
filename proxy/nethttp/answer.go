package nethttp

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/ballast-lb/ballast/proxy"
)

// errorHeader tells an answer of Ballast's own from a backend's, and why there is one.
const errorHeader = "X-Ballast-Error"

// problem is the body of an answer of Ballast's own (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// problems says what each cause is answered with. None tells anything of what is behind Ballast.
var problems = map[proxy.Cause]problem{
	proxy.CauseNoBackend: {
		Status: http.StatusServiceUnavailable, Title: "No backend is available",
		Detail: "None of the containers that serve this can take requests at the moment.",
	},
	proxy.CauseConnectFailed: {
		Status: http.StatusBadGateway, Title: "Backend not reached",
		Detail: "No connection to a backend could be made.",
	},
	proxy.CauseNoAnswer: {
		Status: http.StatusBadGateway, Title: "No answer from the backend",
		Detail: "The backend closed the connection before it answered.",
	},
	proxy.CauseBadResponse: {
		Status: http.StatusBadGateway, Title: "Bad answer from the backend",
		Detail: "The backend gave an answer that can't be passed on.",
	},
	proxy.CauseTimeout: {
		Status: http.StatusGatewayTimeout, Title: "Backend too slow",
		Detail: "The backend did not answer in time.",
	},
	proxy.CauseBadRequest: {
		Status: http.StatusBadRequest, Title: "Bad request",
		Detail: "The request's path can't be forwarded, or its body broke off or was malformed.",
	},
	proxy.CauseMethod: {
		Status: http.StatusMethodNotAllowed, Title: "Method not allowed",
		Detail: "CONNECT and TRACE are not forwarded.",
	},
	proxy.CauseShutdown: {
		Status: http.StatusServiceUnavailable, Title: "Shutting down",
		Detail: "The load balancer is shutting down and could not wait for the answer.",
	},
}

// answer gives an answer of our own.
func answer(w http.ResponseWriter, cause proxy.Cause) {
	p := problems[cause]
	switch p.Status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		w.Header().Set("Connection", "close")
	case http.StatusBadRequest:
		w.Header().Set("Connection", "close") // Where the next request would begin is not known for sure.
	}
	p.write(w, cause.String())
}

// Problem answers with an error of Ballast's own, as application/problem+json (RFC 9457); slug says
// to programs what it is.
func Problem(w http.ResponseWriter, status int, slug, detail string) {
	problem{Status: status, Title: http.StatusText(status), Detail: detail}.write(w, slug)
}

func (p problem) write(w http.ResponseWriter, slug string) {
	p.Type = "urn:ballast:error:" + slug
	text, err := json.Marshal(p)
	if err != nil {
		text = nil // Strings and a number: it can't be.
	}
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
