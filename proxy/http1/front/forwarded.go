package front

import (
	"bytes"

	"github.com/ballast-lb/ballast/proxy/forward"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// identify finds out who sent the request, by what means, and what it is called. Only what a trusted proxy says of that
// counts.
func (c *client) identify() {
	w := c.work
	edge := &c.f.options.Edge
	w.client, w.secure, w.id = c.addr, c.secure, w.id[:0]
	if c.trusted && w.req.Forwarded() {
		if lines := w.values("x-forwarded-for"); len(lines) > 0 {
			w.client = forward.Client(edge.Trust, c.addr, lines)
		} else if lines = w.values("forwarded"); len(lines) > 0 {
			w.client = forward.ForwardedClient(edge.Trust, c.addr, lines)
		}
		if https, ok := forward.Proto(w.last("x-forwarded-proto")); ok {
			w.secure = https
		}
	}
	switch given := w.req.ID(); {
	case edge.IDs == nil, c.trusted && forward.ValidID(given):
		w.id = append(w.id, given...)
	default:
		w.id = edge.IDs.Append(w.id)
	}
}

// last is the value of the last field of a name, or nothing.
func (w *work) last(name string) []byte {
	lines := w.values(name)
	if len(lines) == 0 {
		return nil
	}
	return lines[len(lines)-1]
}

// appendForwarded prints what backends are told of who sent the request and how; prefix is what was stripped from its
// path.
func (c *client) appendForwarded(out, prefix []byte) []byte {
	w := c.work
	host := w.req.Host()
	var port []byte
	if believed := c.trusted && w.req.Forwarded(); believed {
		out = http1.AppendField(out, "X-Forwarded-For", forward.AppendFor(w.scratch[:0], w.values("x-forwarded-for"), c.addr))
		if given, ok := forward.Host(w.last("x-forwarded-host")); ok {
			host = given
		}
		port, _ = forward.Port(w.last("x-forwarded-port"))
		out = c.appendElement(out)
	} else if c.address != "" {
		out = http1.AppendField(out, "X-Forwarded-For", c.address)
	}
	if w.client == c.addr {
		if c.address != "" {
			out = http1.AppendField(out, "X-Real-Ip", c.address)
		}
	} else {
		out = http1.AppendField(out, "X-Real-Ip", w.client.AppendTo(w.scratch[:0]))
	}
	if len(host) > 0 {
		out = http1.AppendField(out, "X-Forwarded-Host", host)
	}
	proto, standard := "http", "80"
	if w.secure {
		proto, standard = "https", "443"
	}
	out = http1.AppendField(out, "X-Forwarded-Proto", proto)
	if len(port) == 0 {
		port = portOf(host)
	}
	if len(port) > 0 {
		out = http1.AppendField(out, "X-Forwarded-Port", port)
	} else {
		out = http1.AppendField(out, "X-Forwarded-Port", standard)
	}
	if len(prefix) > 0 {
		out = http1.AppendField(out, "X-Forwarded-Prefix", prefix)
	}
	return c.appendTrace(out)
}

// appendElement goes on with Forwarded (RFC 7239) where a trusted proxy has begun it. It says nothing that
// X-Forwarded-… does not.
func (c *client) appendElement(out []byte) []byte {
	w := c.work
	lines := w.values("forwarded")
	if len(lines) == 0 {
		return out
	}
	proto := "http"
	if c.secure {
		proto = "https"
	}
	e := forward.Element[[]byte]{For: c.addr, Host: w.req.Host(), Proto: proto}
	return http1.AppendField(out, "Forwarded", forward.AppendForwarded(w.scratch[:0], lines, e))
}

// appendTrace prints what the request is called, and that it came by here.
func (c *client) appendTrace(out []byte) []byte {
	w := c.work
	if len(w.id) > 0 {
		out = http1.AppendField(out, "X-Request-Id", w.id)
	}
	loop := c.f.options.Edge.Loop
	switch {
	case loop.Token == "": // It goes on as it came.
		for _, line := range w.values("cdn-loop") {
			out = http1.AppendField(out, "Cdn-Loop", line)
		}
	case w.req.Looped():
		out = http1.AppendField(out, "Cdn-Loop", forward.AppendLoop(w.scratch[:0], w.values("cdn-loop"), loop))
	default:
		out = http1.AppendField(out, "Cdn-Loop", loop.Token)
	}
	return out
}

// portOf is the port in a host, or nothing.
func portOf(host []byte) []byte {
	i := bytes.LastIndexByte(host, ':')
	if i < 0 || bytes.IndexByte(host[i:], ']') >= 0 {
		return nil
	}
	return host[i+1:]
}
