package front

import (
	"strconv"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// titles are the reasons of the statuses that are answered.
var titles = map[int]string{
	400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 414: "URI Too Long", 417: "Expectation Failed",
	431: "Request Header Fields Too Large", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}

// closed and open are the answers by cause, ready to be sent, with and without the end of the connection.
var closed, open = func() (closed, open map[proxy.Cause]text) {
	closed, open = make(map[proxy.Cause]text), make(map[proxy.Cause]text)
	for _, cause := range proxy.Rejections() {
		closed[cause] = textOf(cause.Problem(), cause.String(), true)
		open[cause] = textOf(cause.Problem(), cause.String(), false)
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
	return textOf(proxy.NewProblem(404, "not-found", titles[404], "Nothing is served here."), "not-found", true).to(m)
}

// refusal is the answer to a head that the codec refused.
func refusal(e *http1.Error) []byte {
	return textOf(proxy.NewProblem(e.Status, e.Slug, titles[e.Status], e.Reason+" ("+e.RFC+")"), e.Slug, true).all
}

func textOf(p proxy.Problem, slug string, last bool) text {
	body := p.JSON()
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
