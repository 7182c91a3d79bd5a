package front

import (
	"encoding/json"
	"strconv"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

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
		Status: 503, Title: "No backend is available",
		Detail: "None of the containers that serve this can take requests at the moment.",
	},
	proxy.CauseConnectFailed: {
		Status: 502, Title: "Backend not reached",
		Detail: "No connection to a backend could be made.",
	},
	proxy.CauseNoAnswer: {
		Status: 502, Title: "No answer from the backend",
		Detail: "The backend closed the connection before it answered.",
	},
	proxy.CauseBadResponse: {
		Status: 502, Title: "Bad answer from the backend",
		Detail: "The backend gave an answer that can't be passed on.",
	},
	proxy.CauseTimeout: {
		Status: 504, Title: "Backend too slow",
		Detail: "The backend did not answer in time.",
	},
	proxy.CauseBadRequest: {
		Status: 400, Title: "Bad request",
		Detail: "The request's path can't be forwarded, or its body broke off or was malformed.",
	},
	proxy.CauseMethod: {
		Status: 405, Title: "Method not allowed",
		Detail: "CONNECT and TRACE are not forwarded.",
	},
	proxy.CauseOverloaded: {
		Status: 503, Title: "Overloaded",
		Detail: "The load balancer has no descriptor or port left for a connection to a backend.",
	},
	proxy.CauseShutdown: {
		Status: 503, Title: "Shutting down",
		Detail: "The load balancer is shutting down and could not wait for the answer.",
	},
}

// titles are the reasons of the statuses that are answered.
var titles = map[int]string{
	400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 414: "URI Too Long", 417: "Expectation Failed",
	431: "Request Header Fields Too Large", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}

// closed and open are the answers by cause, ready to be sent, with and without the end of the connection.
var closed, open = func() (closed, open map[proxy.Cause]text) {
	closed, open = make(map[proxy.Cause]text), make(map[proxy.Cause]text)
	for cause, p := range problems {
		closed[cause] = p.text(cause.String(), true)
		open[cause] = p.text(cause.String(), false)
	}
	return closed, open
}()

// text is an answer whose first head bytes are its head.
type text struct {
	all  []byte
	head int
}

func (t text) to(m http1.Method) []byte {
	if m == http1.MethodHead {
		return t.all[:t.head]
	}
	return t.all
}

// answerTo is the answer for a cause that ends the connection.
func answerTo(cause proxy.Cause, m http1.Method) []byte { return closed[cause].to(m) }

// notFound is the answer to what is for nobody.
func notFound(m http1.Method) []byte {
	return problem{Status: 404, Title: titles[404], Detail: "Nothing is served here."}.text("not-found", true).to(m)
}

// refusal is the answer to a head that the codec refused.
func refusal(e *http1.Error) []byte {
	return problem{Status: e.Status, Title: titles[e.Status], Detail: e.Reason + " (" + e.RFC + ")"}.text(e.Slug, true).all
}

func (p problem) text(slug string, last bool) text {
	p.Type = "urn:ballast:error:" + slug
	body, err := json.Marshal(p)
	if err != nil {
		body = nil // Strings and a number: it can't be.
	}
	out := append([]byte("HTTP/1.1 "), strconv.Itoa(p.Status)+" "+titles[p.Status]+"\r\n"...)
	out = http1.AppendField(out, "Content-Type", "application/problem+json")
	out = http1.AppendField(out, "Content-Length", strconv.Itoa(len(body)))
	out = http1.AppendField(out, "Cache-Control", "no-store")
	out = http1.AppendField(out, "X-Ballast-Error", slug)
	switch p.Status {
	case 503:
		out = http1.AppendField(out, "Retry-After", "1")
	case 405:
		out = http1.AppendField(out, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	}
	if last {
		out = http1.AppendField(out, "Connection", "close")
	}
	out = http1.AppendEnd(out)
	return text{all: append(out, body...), head: len(out)}
}
