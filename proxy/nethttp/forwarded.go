package nethttp

import (
	"net"
	"net/http"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/forward"
)

// identify finds out who sent a request, by what means, and what it is called. Only what a trusted proxy says of that
// counts.
func (e *exchange) identify(r *http.Request) {
	edge := &e.front.options.Edge
	e.client, e.https = peer(r), r.TLS != nil
	trusted := edge.Trust.Contains(e.client)
	if trusted {
		if lines := r.Header["X-Forwarded-For"]; len(lines) > 0 {
			e.client = forward.Client(edge.Trust, e.client, lines)
		} else if lines = r.Header["Forwarded"]; len(lines) > 0 {
			e.client = forward.ForwardedClient(edge.Trust, e.client, lines)
		}
		if https, ok := forward.Proto(last(r.Header["X-Forwarded-Proto"])); ok {
			e.https = https
		}
	}
	given := r.Header["X-Request-Id"]
	switch {
	case len(given) == 1 && (edge.IDs == nil || trusted && forward.ValidID(given[0])):
		e.id = given[0]
	case edge.IDs != nil:
		e.id = string(edge.IDs.Append(make([]byte, 0, 32)))
	}
}

func (e *exchange) looped(r *http.Request) bool {
	lines, loop := r.Header["Cdn-Loop"], e.front.options.Edge.Loop
	return len(lines) > 0 && loop.Token != "" && forward.Passes(loop, lines) >= proxy.MaxPasses
}

func schemeOf(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// forward sets what backends are told of who sent the request and how. What the client said of that was stripped.
func (e *exchange) forward(h http.Header, in *http.Request) {
	edge := &e.front.options.Edge
	from := peer(in)
	host, port := in.Host, ""
	if edge.Trust.Contains(from) {
		h["X-Forwarded-For"] = []string{string(forward.AppendFor(nil, in.Header["X-Forwarded-For"], from))}
		if given, ok := forward.Host(last(in.Header["X-Forwarded-Host"])); ok {
			host = given
		}
		port, _ = forward.Port(last(in.Header["X-Forwarded-Port"]))
		// It says nothing that X-Forwarded-… does not; so it only goes on where a trusted proxy has begun it.
		if lines := in.Header["Forwarded"]; len(lines) > 0 {
			h["Forwarded"] = []string{string(forward.AppendForwarded(nil, lines, forward.Element[string]{For: from, Host: in.Host, Proto: schemeOf(in)}))}
		}
	} else if from.IsValid() {
		h["X-Forwarded-For"] = []string{from.WithZone("").String()}
	}
	if e.client.IsValid() {
		h["X-Real-Ip"] = []string{e.client.WithZone("").String()}
	}
	if host != "" {
		h["X-Forwarded-Host"] = []string{host}
	}
	proto, standard := "http", "80"
	if e.https {
		proto, standard = "https", "443"
	}
	if _, asked, err := net.SplitHostPort(host); err == nil && port == "" {
		port = asked
	}
	if port == "" {
		port = standard
	}
	h["X-Forwarded-Proto"], h["X-Forwarded-Port"] = []string{proto}, []string{port}
	if e.strip != "" {
		h["X-Forwarded-Prefix"] = []string{e.strip}
	}
	if e.id != "" {
		h["X-Request-Id"] = []string{e.id}
	}
	switch lines := in.Header["Cdn-Loop"]; {
	case edge.Loop.Token != "":
		h["Cdn-Loop"] = []string{string(forward.AppendLoop(nil, lines, edge.Loop))}
	case len(lines) > 0: // It goes on as it came.
		h["Cdn-Loop"] = lines
	}
}
