package front_test

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// decoder makes a script of bytes. When they are used up all the rest is as plain as can be.
type decoder struct {
	bytes []byte
	real  bool
}

func (d *decoder) n(limit int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := d.bytes[0]
	d.bytes = d.bytes[1:]
	return int(b) % limit
}

// rarely is true once in so many.
func (d *decoder) rarely(times int) bool { return d.n(times) == times-1 }

func (d *decoder) pause() time.Duration {
	p := [...]time.Duration{0, 0, time.Millisecond, 30 * time.Millisecond, 400 * time.Millisecond}[d.n(5)]
	if d.real {
		return 0
	}
	return p
}

func (d *decoder) pace() pace {
	var p pace
	for range d.n(4) {
		p.sizes = append(p.sizes, [...]int{1, 2, 3, 5, 16, 60, 200, 1500}[d.n(8)])
	}
	for range d.n(3) {
		p.pauses = append(p.pauses, d.pause())
	}
	return p
}

func (d *decoder) size() int {
	return [...]int{0, 1, 5, 40, 700, 4095, 8192, 16385, 33000, 65537, 140000, 300001}[d.n(12)]
}

// content is size bytes that tell whose they are and look like a request to who has lost count.
func content(owner string, size int) []byte {
	text := owner + "\r\n\r\nGET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	return bytes.Repeat([]byte(text), size/len(text)+1)[:size]
}

const smuggled = "GET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

// decode makes a script, for TCP if overTCP is true.
func decode(data []byte, overTCP bool) *script {
	d := &decoder{bytes: data, real: overTCP}
	s := &script{real: overTCP, drainAfter: -1}
	for range 1 + d.n(7) {
		a := d.ask(len(s.asks))
		s.asks = append(s.asks, a)
		if a.upgrade && d.rarely(2) {
			early := &ask{id: len(s.asks), early: []byte("\x81\x05early"), pipelined: true, refusal: "method"}
			early.head = early.early
			s.asks = append(s.asks, early)
			break
		}
		if a.refusal != "" || a.malformed || a.last || a.reply.status == 101 {
			break
		}
	}
	s.pace = d.pace()
	for i := range s.reads {
		s.reads[i] = pace{sizes: d.pace().sizes}
	}
	for range max(0, d.n(16)-12) {
		s.dials = append(s.dials, dial(d.n(int(dialOutcomes))))
	}
	s.lone = !d.rarely(3)
	s.end = ending(d.n(4 * int(endings)))
	total := 0
	for _, a := range s.asks {
		total += len(a.head) + len(a.tail)
	}
	s.endAt = (d.n(256)<<8 | d.n(256)) * (total + 1) >> 16
	if s.end >= endings || s.real && s.end >= endStall {
		s.end = endNone
	}
	if d.rarely(10) {
		s.drainAfter = d.n(len(s.asks))
	}
	return s
}

func (d *decoder) ask(id int) *ask {
	a := &ask{id: id, method: "GET", pipelined: d.rarely(2), pause: d.pause()}
	if !d.real && d.rarely(16) {
		a.pause = 5 * time.Second // Longer than connections to backends are kept.
	}
	switch kind := d.n(32); {
	case kind < 25:
		d.plain(a)
	case kind < 27:
		a.upgrade = true
		a.tunnelled = content("more", d.size())
		a.tunnelEnd = ending(d.n(3))
		d.print(a)
	case kind == 27:
		d.refused(a)
	case kind == 28:
		d.misguided(a)
	default:
		a.method = "POST"
		a.malformed, a.chunked = true, true
		a.pipelined = true
		d.print(a)
		a.tail = d.malformed()
	}
	a.reply = d.reply(a)
	return a
}

func (d *decoder) plain(a *ask) {
	a.method = [...]string{"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "QUERY"}[d.n(8)]
	a.http10 = d.rarely(6)
	if d.rarely(2) {
		a.body = content(fmt.Sprint("ask ", a.id), d.size())
		a.chunked = d.rarely(2) && !a.http10
		a.expects = d.rarely(4) && !a.http10 && (a.chunked || len(a.body) > 0)
		a.waits = a.expects && !d.rarely(4)
	}
	d.print(a)
	switch {
	case a.chunked:
		a.tail, a.trailers = d.chunks(a.body)
	default:
		a.tail = a.body
	}
}

// print prints the head of a request that can be understood.
func (d *decoder) print(a *ask) {
	a.target = fmt.Sprintf("/%d%s", a.id, [...]string{"", "?a=1;b=%zz&%2f//", "/%2f//..?", "?" + strings.Repeat("q", 3000)}[d.n(4)])
	version, prefix := "1.1", ""
	if a.http10 {
		version = "1.0"
	}
	if d.rarely(8) {
		prefix = "http://x"
	}
	a.through = []string{fmt.Sprint("X-Id: ", a.id), "Accept: a\xff\tb"}
	lines := []string{
		fmt.Sprintf("%s %s/lb%s HTTP/%s", a.method, prefix, a.target, version), "Host: x", a.through[0],
		"X-Real-Ip: 6.6.6.6", "X_Forwarded_For: 6.6.6.6", "Accept:a\xff\tb \t",
	}
	switch how := d.n(8); {
	case a.upgrade:
		lines = append(lines, "Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: k")
		a.through = append(a.through, "Sec-WebSocket-Key: k")
	case how == 7:
		lines = append(lines, "Connection: close")
		a.last = true
	case how == 6:
		lines = append(lines, "Connection: ,x-drop , keep-alive, X-Real-Ip", "X-Drop: me")
	case a.http10 && how > 1:
		lines = append(lines, "Connection: keep-alive")
	case a.http10:
		a.last = true
	}
	if a.expects {
		lines = append(lines, "Expect: 100-Continue")
	}
	switch {
	case a.chunked:
		lines = append(lines, "Transfer-Encoding: Chunked")
	case len(a.body) > 0 || d.rarely(8):
		lines = append(lines, fmt.Sprint("Content-Length: ", len(a.body)))
	}
	a.head = []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// chunks frames a body as chunks, with extensions and trailers of which some may be passed on.
func (d *decoder) chunks(body []byte) (framed []byte, trailers []string) {
	sizes, extensions := make([]int, 1+d.n(3)), make([]string, 1+d.n(2))
	for i := range sizes {
		sizes[i] = [...]int{1 << 20, 1, 10, 4000, 33000}[d.n(5)]
	}
	for i := range extensions {
		extensions[i] = [...]string{"", ";x=y", ";\"q\"", "; z"}[d.n(4)]
	}
	for nth := 0; len(body) > 0; nth++ {
		n := min(sizes[nth%len(sizes)]+4*nth, len(body))
		framed = fmt.Appendf(framed, "%x%s\r\n%s\r\n", n, extensions[nth%len(extensions)], body[:n])
		body = body[n:]
	}
	framed = append(framed, "0\r\n"...)
	if d.rarely(3) {
		trailers = []string{"X-Sum: 1"}
		framed = append(framed, "X-Sum: 1\r\nContent-Length: 5\r\nAuthorization: x\r\nHost: y\r\n"...)
	}
	return append(framed, "\r\n"...), trailers
}

// refused prints a head that must not reach a backend, with a request behind it that must not either.
func (d *decoder) refused(a *ask) {
	tests := [...]struct{ slug, line, fields string }{
		{"length-and-coding", "POST /lb/%d HTTP/1.1", "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
		{"several-lengths", "POST /lb/%d HTTP/1.1", "Host: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n"},
		{"length", "POST /lb/%d HTTP/1.1", "Host: x\r\nContent-Length: +5\r\n"},
		{"coding-unknown", "POST /lb/%d HTTP/1.1", "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n"},
		{"coding", "POST /lb/%d HTTP/1.1", "Host: x\r\nTransfer-Encoding: ,chunked\r\n"},
		{"coding-version", "POST /lb/%d HTTP/1.0", "Host: x\r\nTransfer-Encoding: chunked\r\n"},
		{"bare-lf", "POST /lb/%d HTTP/1.1", "Host: x\nContent-Length: 5\r\n"},
		{"space-before-colon", "POST /lb/%d HTTP/1.1", "Host: x\r\nContent-Length : 5\r\n"},
		{"fold", "POST /lb/%d HTTP/1.1", "Host: x\r\n Content-Length: 5\r\n"},
		{"no-host", "POST /lb/%d HTTP/1.1", "X: y\r\n"},
		{"method-unknown", "post /lb/%d HTTP/1.1", "Host: x\r\n"},
		{"version-unsupported", "POST /lb/%d HTTP/2.0", "Host: x\r\n"},
		{"escape", "POST /lb/%d%%%% HTTP/1.1", "Host: x\r\n"},
		{"expect", "POST /lb/%d HTTP/1.1", "Host: x\r\nExpect: 200-ok\r\n"},
	}
	c := tests[d.n(len(tests))]
	a.method, a.refusal = "POST", c.slug
	a.head = fmt.Appendf(nil, c.line+"\r\n"+c.fields+"\r\n", a.id)
	a.tail = append(content("refused", d.size()), smuggled...)
}

// misguided prints a request that is understood, and answered by Ballast itself.
func (d *decoder) misguided(a *ask) {
	switch d.n(3) {
	case 0:
		a.method, a.refusal = "CONNECT", "method-not-allowed"
		a.head = []byte("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n")
	case 1:
		a.method, a.refusal = "TRACE", "method-not-allowed"
		a.head = fmt.Appendf(nil, "TRACE /lb/%d HTTP/1.1\r\nHost: x\r\n\r\n", a.id)
	case 2:
		a.refusal = "not-found"
		a.head = fmt.Appendf(nil, "GET /elsewhere/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", a.id)
	}
	a.tail = []byte(smuggled)
}

// malformed is a chunked body that can't be read, with a request behind it that must not be served.
func (d *decoder) malformed() []byte {
	good := content("good", d.size())
	bad := [...]string{
		"+5\r\nhello\r\n", "0x5\r\nhello\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n", "-1\r\n", "5 \r\nhello\r\n", "\r\n",
		"ffffffffffffffffff\r\n", ";x\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\rhello\r\n", "5;\nx\r\nhello\r\n", "0\r\nX : y\r\n\r\n",
	}
	out := []byte{}
	if len(good) > 0 {
		out = fmt.Appendf(out, "%x\r\n%s\r\n", len(good), good)
	}
	return append(append(out, bad[d.n(len(bad))]...), "0\r\n\r\n"+smuggled...)
}
