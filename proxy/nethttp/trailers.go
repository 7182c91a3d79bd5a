package nethttp

import (
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// trailers are those of a request, on their way from the client's side, which knows their values when the body has
// ended, to an attempt's. The reverse proxy would pass on their names alone.
type trailers struct{ from, to http.Header }

// trailersOf prepares the trailers that a request announced for an attempt, which prints them once it has read the body.
// RFC 9110 6.5.1 forbids those that frame, route or authenticate; what only a proxy may say is forbidden as well.
func trailersOf(from http.Header) trailers {
	to := make(http.Header, len(from))
	for name := range from {
		if httpguts.ValidTrailerHeader(name) {
			to[name] = nil
		}
	}
	strip(to)
	if len(to) == 0 {
		return trailers{}
	}
	return trailers{from, to}
}

// complete brings over what came. What was announced and did not come is left out.
func (t trailers) complete() {
	for name := range t.to {
		if values := t.from[name]; len(values) > 0 {
			t.to[name] = values
		} else {
			delete(t.to, name)
		}
	}
}
