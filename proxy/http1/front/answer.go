package front

import (
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// titles are the reasons of the statuses that are answered.
var titles = map[int]string{
	400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 414: "URI Too Long", 417: "Expectation Failed",
	429: "Too Many Requests", 431: "Request Header Fields Too Large", 501: "Not Implemented", 502: "Bad Gateway",
	503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported", 508: "Loop Detected",
}

// answers are those that are the same every time, ready to be sent.
var answers = func() map[form]text {
	out := make(map[form]text)
	for _, cause := range proxy.Rejections() {
		for _, html := range []bool{false, true} {
			for _, keep := range []bool{false, true} {
				f := form{cause, html, keep}
				out[f] = f.print(0)
			}
		}
	}
	return out
}()

// form is what an answer is chosen by.
type form struct {
	cause proxy.Cause
	html  bool
	keep  bool // The connection stays.
}

// print prints an answer; wait is when the client may come again, if that is known.
func (f form) print(wait time.Duration) text {
	return textOf(f.cause.Problem(), f.cause.String(), wait, f)
}

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

// content is how long the body is that goes to a request.
func (t text) content(m http1.Method) int64 { return int64(len(t.to(m)) - t.head) }

// answer is what a request is answered for a cause. keep says that the connection stays; wait is when the client may come
// again, if that is known.
func answer(r *http1.Request, cause proxy.Cause, wait time.Duration, keep bool) text {
	f := form{cause, wantsHTML(r), keep}
	if wait > 0 {
		return f.print(wait)
	}
	return answers[f]
}

// answer is what the exchange is answered for a cause.
func (w *work) answer(cause proxy.Cause, keep bool) text {
	if cause != proxy.CauseNotComing && cause != proxy.CauseWaiting {
		return answer(&w.req, cause, w.retryAfter, keep)
	}
	p, wait := w.x.Problem(cause)
	return textOf(p, cause.String(), wait, form{cause, wantsHTML(&w.req), keep})
}

// refusal is the answer to a head that the codec refused.
func refusal(e *http1.Error) text {
	p := proxy.NewProblem(e.Status, e.Slug, titles[e.Status], e.Reason+" ("+e.RFC+")")
	return textOf(p, e.Slug, 0, form{})
}

func wantsHTML(r *http1.Request) bool {
	i := r.Find("accept", 0)
	return i >= 0 && proxy.WantsHTML(r.Value(i))
}

func textOf(p proxy.Problem, slug string, wait time.Duration, f form) text {
	body, kind := p.JSON(), "application/problem+json"
	if f.html {
		body, kind = p.HTML(), "text/html; charset=utf-8"
	}
	out := append([]byte("HTTP/1.1 "), strconv.Itoa(p.Status)+" "+titles[p.Status]+"\r\n"...)
	out = http1.AppendField(out, "Content-Type", kind)
	out = http1.AppendField(out, "Content-Length", strconv.Itoa(len(body)))
	out = http1.AppendField(out, "Cache-Control", "no-store")
	if policy := p.Policy(); f.html && policy != "" {
		out = http1.AppendField(out, "Content-Security-Policy", policy)
	}
	out = http1.AppendField(out, "X-Ballast-Error", slug)
	if after := p.RetryAfter(wait); after > 0 {
		out = http1.AppendField(out, "Retry-After", strconv.Itoa(after))
	}
	if p.Status == 405 {
		out = http1.AppendField(out, "Allow", proxy.AllowedMethods)
	}
	if !f.keep {
		out = http1.AppendField(out, "Connection", "close")
	}
	out = http1.AppendEnd(out)
	return text{all: append(out, body...), head: len(out)}
}
